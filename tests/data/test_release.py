"""The public release's layout, read into rows, and what can be wrong with it."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

import steeldefectx
from steeldefectx.data.sources import find_samples
from steeldefectx.errors import DataError
from steeldefectx.taxonomy import CLASSES, t0_sentence

RELEASED = {
    "Defect type": "Bright scratch",
    "Shape": "linear",
    "Direction": "vertical",
    "Spatial Distribution": "isolated",
    "Number of Defects": "one",
    "Position": [["bottom-center", 0.75], ["center", 0.25]],
    "Scale": "tiny",
    "Polarity": "bright",
    "Saliency": "medium",
}
OURS = {
    "shape": "linear",
    "direction": "vertical",
    "spatial_distribution": "isolated",
    "number": "one",
    "position": [{"cell": "bottom-center", "fraction": 0.75}, {"cell": "center", "fraction": 0.25}],
    "scale": "tiny",
    "polarity": "bright",
    "saliency": "medium",
}


def entry(name, class_name):
    return {
        "image_name": name,
        "class_name": class_name,
        "natural_language_description": f"What {name} shows.",
        "structured_attributes": {**RELEASED, "Defect type": class_name},
        "template_sentence": f"A tiny bright {class_name} is observed.",
    }


def grey_mask():
    mask = np.zeros((32, 32), np.uint8)
    mask[4:8], mask[8:12], mask[12:16] = 127, 128, 255
    return mask


def release(root):
    """Two train images and one val image of each class."""
    for part, numbers in (("train", (1, 2)), ("val", (3,))):
        (root / part).mkdir(parents=True)
        (root / f"{part}_mask").mkdir()
        entries = []
        for c in CLASSES:
            for n in numbers:
                stem = f"{c.prefix}_{n:02d}"
                Image.new("RGB", (32, 32), (n, n, n)).save(root / part / f"{stem}.jpg")
                Image.fromarray(grey_mask()).save(root / f"{part}_mask" / f"{stem}.png")
                entries.append(entry(f"{stem}.jpg", c.name))
        (root / f"{part}-text.json").write_text(json.dumps(entries))
    return root


def change(root, edit, part="train"):
    file = root / f"{part}-text.json"
    entries = json.loads(file.read_text())
    edit(entries)
    file.write_text(json.dumps(entries))


def test_every_column_is_the_releases(tmp_path, real_descriptions):
    root = release(tmp_path / "release")
    shutil.copy(real_descriptions, root)
    sentences = json.loads(real_descriptions.read_text())
    rows = steeldefectx.load_dataset(data_dir=str(tmp_path), cache_dir=str(tmp_path / ".cache"))
    assert {name: len(split) for name, split in rows.items()} == {"train": 50, "test": 25}
    names = rows["train"].features["label"].names
    for split, part in (("train", "train"), ("test", "val")):
        assert np.bincount(rows[split]["label"]).tolist() == [2 if split == "train" else 1] * 25
        for row in rows[split]:
            name = names[row["label"]]
            stem = row["image_id"].rpartition("/")[2]
            assert row["image_id"] == f"release/{part}/{stem}"
            assert (row["T0"], row["T1"]) == (t0_sentence(name), sentences[name])
            assert (row["T2"], row["T3"]) == (None, f"What {stem}.jpg shows.")
            assert row["attributes"] == OURS
            assert row["template"] == f"A tiny bright {name} is observed."
            assert np.array_equal(np.asarray(row["mask"]), np.where(grey_mask() > 127, 255, 0))
            assert row["image"].size == (32, 32)
    sources = {names[row["label"]]: row["source"] for row in rows["train"]}
    assert (sources["Crease"], sources["White rust"], sources["Crazing"]) == ("GC10", "S3D", "NEU")
    assert sources["Bright scratch"] == sources["Inclusion"] == sources["Dark scratches"] == "release"


def test_class_descriptions_are_optional(tmp_path):
    samples = find_samples(release(tmp_path)).samples
    assert len(samples) == 75
    assert all(set(sample.texts) == {"T3", "template"} for sample in samples)


def test_no_other_reader_takes_its_files(tmp_path):
    release(tmp_path / "release")
    # ps_01.jpg, in_01.jpg and rs_01.jpg are names of NEU too.
    assert {s.image_id.partition("/")[0] for s in find_samples(tmp_path).samples} == {"release"}


def test_all_that_is_bad_is_named_at_once(tmp_path):
    root = release(tmp_path)

    def spoil(entries):
        entries[0]["image_name"] = "../../outside.jpg"
        entries[1]["class_name"] = "Unheard of"
        entries[2]["natural_language_description"] = ""
        entries[3]["structured_attributes"]["Position"] = [["center"]]
        entries[4] = "no entry"
        entries.append(dict(entries[6]))

    change(root, spoil)
    (root / "val" / "bs_03.jpg").write_bytes(b"")
    Image.new("L", (32, 32), 127).save(root / "val_mask" / "cg_03.png")
    Image.new("L", (31, 32), 255).save(root / "val_mask" / "pa_03.png")
    (root / "val_mask" / "ps_03.png").write_text("not an image")
    (root / "class_descriptions.json").write_text("{")
    with pytest.raises(DataError) as error:
        find_samples(root)
    for part in ("entry 0: ../../outside.jpg is no image", "train/bs_01.jpg: no entry", "no known class (Unheard of)",
                 "no text 'natural_language_description'", "Position is not a list", "entry 4: no text 'image_name'",
                 "entry 50: ", "or has two entries", "bs_03.jpg: an empty file", "cg_03.png: an empty mask",
                 "pa_03.png: a mask of another size", "ps_03.png: not a readable image",
                 "class_descriptions.json: not readable JSON"):  # fmt: skip
        assert part in str(error.value)
    found = find_samples(root, skip_bad=True)
    assert len(found.samples) == 75 - 5 - 1, "a bad mask does not cost its image"


@pytest.mark.parametrize("text", ["[{]", '{"image_name": 1}', "[" * 100_000])
def test_wrong_json_is_one_problem(tmp_path, text):
    root = release(tmp_path)
    (root / "val-text.json").write_text(text)
    found = find_samples(root, skip_bad=True)
    assert len(found.samples) == 50
    assert [problem.path.name for problem in found.problems] == ["val-text.json"]


def test_a_missing_json_is_named(tmp_path):
    root = release(tmp_path)
    (root / "val-text.json").unlink()
    with pytest.raises(DataError, match=r"val-text\.json: missing, it describes the 25 images of val"):
        find_samples(root)
