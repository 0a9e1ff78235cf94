"""The dataset by name: the contract of the registration with `datasets`, and the rows."""

import json
import os
import subprocess
import sys

import datasets
import numpy as np
import pytest
from PIL import Image

import steeldefectx
from steeldefectx.data.configs import CONFIGS
from steeldefectx.errors import AnnotationError, ConfigError, DataError
from steeldefectx.taxonomy import CLASS_NAMES, t0_sentence, t1_sentence

COLUMNS = {"image", "mask", "label", "source", "image_id", "T0", "T1", "T2", "T3", "attributes", "template"}
SMALL = {"images": 100, "image_size": 64}


@pytest.fixture(scope="module")
def sample():
    return datasets.load_dataset("steeldefectx", "sample", **SMALL)


@pytest.fixture
def class_folders(tmp_path):
    rng = np.random.default_rng(0)
    for name, count in [("scratch", 10), ("Crazing", 7), ("weld spatter", 4)]:
        (tmp_path / "mine" / name).mkdir(parents=True)
        for n in range(count):
            pixels = rng.integers(0, 255, (40, 60), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "mine" / name / f"{n}.png")
    return tmp_path / "mine"


def test_sample_has_all_columns_filled(sample):
    assert {name: len(split) for name, split in sample.items()} == {"train": 75, "test": 25}
    row = sample["train"][0]
    assert set(row) == COLUMNS
    assert all(row[column] is not None for column in COLUMNS)
    assert row["image"].size == row["mask"].size == (64, 64)
    assert row["source"] == "synthetic"
    assert sample["train"].features["label"].names == list(CLASS_NAMES)


def test_split_rule_holds_class_by_class():
    rows = steeldefectx.load_dataset("sample", images=250, image_size=64)
    assert np.bincount(rows["train"]["label"]).tolist() == [7] * 25
    assert np.bincount(rows["test"]["label"]).tolist() == [3] * 25
    assert not set(rows["train"]["image_id"]) & set(rows["test"]["image_id"])


def test_class_texts_are_the_taxonomys(sample):
    for row in sample["train"].remove_columns(["image", "mask"]):
        name = CLASS_NAMES[row["label"]]
        assert (row["T0"], row["T1"]) == (t0_sentence(name), t1_sentence(name))


def test_t0_template_is_a_setting():
    rows = steeldefectx.load_dataset("sample", split="train", t0_template="A photo of {}.", **SMALL)
    assert rows[0]["T0"] == f"A photo of {CLASS_NAMES[rows[0]['label']]}."


def test_both_ways_of_loading_give_the_same(sample):
    ours = steeldefectx.load_dataset("sample", split="train", **SMALL)
    assert ours[5] == sample["train"][5]
    assert ours.features == sample["train"].features


def test_streaming_gives_the_same_rows(sample):
    stream = datasets.load_dataset("steeldefectx", "sample", split="test", streaming=True, **SMALL)
    assert [row["image_id"] for row in stream] == sample["test"]["image_id"]
    first = next(iter(stream))
    assert first["T3"] == sample["test"][0]["T3"]
    assert np.array_equal(first["image"], sample["test"][0]["image"])


def test_processes_give_the_same_rows(sample, tmp_path):
    rows = datasets.load_dataset("steeldefectx", "sample", num_proc=2, cache_dir=str(tmp_path), **SMALL)
    assert rows["train"]["image_id"] == sample["train"]["image_id"]
    assert rows["train"]["T3"] == sample["train"]["T3"]


def test_config_names_are_listed():
    assert datasets.get_dataset_config_names("steeldefectx") == list(CONFIGS)


def test_slices_work(sample):
    part = datasets.load_dataset("steeldefectx", "sample", split="train[:10]", **SMALL)
    assert part["image_id"] == sample["train"]["image_id"][:10]


PROGRAM = """
import json, steeldefectx
from datasets import load_dataset
rows = load_dataset("steeldefectx", "sample", images=25, image_size=32, split="train", streaming={streaming})
print(json.dumps([row["image_id"] for row in rows]), rows.features["label"].num_classes)
"""


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.integration
def test_a_new_process_in_any_folder_gives_the_same(tmp_path, streaming):
    empty, full = tmp_path / "empty", tmp_path / "full"
    empty.mkdir()
    (full / "steeldefectx").mkdir(parents=True)
    (full / "train").mkdir()
    for name in ("data.csv", "train/0.png", "steeldefectx/train.jsonl", "README.md", "a.parquet", "b.zip"):
        (full / name).write_text("junk")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(streaming=streaming))
    outputs = [
        subprocess.run(
            [sys.executable, str(program)],
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for folder in (empty, full)
    ]
    assert outputs[0] == outputs[1]
    assert len(json.loads(outputs[0].rsplit(" ", 1)[0])) == 25
    assert outputs[0].endswith(" 25\n")


def test_importing_costs_little_and_no_torch():
    program = (
        "import time, sys, datasets; t = time.perf_counter(); import steeldefectx;"
        "print(time.perf_counter() - t, 'torch' in sys.modules, 'transformers' in sys.modules)"
    )
    best = []
    for _ in range(3):
        run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        seconds, torch, transformers = run.stdout.split()
        assert (torch, transformers) == ("False", "False")
        best.append(float(seconds))
    assert min(best) <= 0.1


def test_ones_own_class_folders(class_folders):
    rows = datasets.load_dataset("steeldefectx", "class-folders", data_dir=str(class_folders))
    assert rows["train"].features["label"].names == ["Crazing", "scratch", "weld spatter"]
    assert np.bincount(rows["train"]["label"]).tolist() == [5, 7, 3]
    assert np.bincount(rows["test"]["label"]).tolist() == [2, 3, 1]
    by_class = {row["label"]: row for row in rows["train"]}
    assert by_class[0]["T1"] == t1_sentence("Crazing")
    assert by_class[1]["T0"] == "A photo of steel surface defect: scratch."
    assert by_class[1]["T1"] == "A photo of steel surface defect: scratch, a thin line drawn over the surface."
    assert by_class[2]["T3"] is None
    assert by_class[2]["mask"] is None


def test_changed_images_are_seen(class_folders):
    before = steeldefectx.load_dataset("class-folders", data_dir=str(class_folders), split="train")
    Image.new("L", (10, 10), 77).save(class_folders / "scratch" / "new.png")
    after = steeldefectx.load_dataset("class-folders", data_dir=str(class_folders), split="all")
    assert len(after) == 22
    assert "class-folders/scratch/new" in after["image_id"]
    assert len(before) == 15


def test_bad_images_are_all_named_before_anything_is_written(class_folders):
    (class_folders / "scratch" / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    (class_folders / "Crazing" / "empty.png").write_bytes(b"")
    with pytest.raises(DataError) as error:
        steeldefectx.load_dataset("class-folders", data_dir=str(class_folders))
    assert "broken.jpg" in str(error.value)
    assert "empty.png" in str(error.value)
    rows = steeldefectx.load_dataset("class-folders", data_dir=str(class_folders), skip_bad=True, split="all")
    assert len(rows) == 21


def test_no_folder_where_one_is_needed():
    with pytest.raises(ConfigError, match=r"class-folders.*data_dir.*sample"):
        steeldefectx.load_dataset("class-folders")
    with pytest.raises(ConfigError, match=r"Unknown config 'samples'.*sample"):
        steeldefectx.load_dataset("samples")


@pytest.mark.integration
def test_real_images(real_data):
    rows = datasets.load_dataset("steeldefectx", data_dir=os.fspath(real_data))
    assert sum(len(split) for split in rows.values()) == 2532
    labels = [*rows["train"]["label"], *rows["test"]["label"]]
    assert len(set(labels)) == 13
    masks = [row["mask"] is not None for split in rows.values() for row in split.remove_columns("image")]
    assert sum(masks) == 720
    assert rows["train"].features["label"].names == list(CLASS_NAMES)


def test_an_empty_text_in_annotations_is_no_text(class_folders, tmp_path):
    texts = [{"T2": "", "T3": "A deep scratch."}, {"T2": "Two scratches.", "T3": " \n"}]
    lines = [json.dumps({"image_id": f"class-folders/scratch/{n}"} | text) for n, text in enumerate(texts)]
    (tmp_path / "annotations.jsonl").write_text("\n".join(lines))
    rows = steeldefectx.load_dataset(
        "class-folders", data_dir=str(class_folders), annotations=str(tmp_path / "annotations.jsonl"), split="all"
    )
    found = {row["image_id"]: (row["T2"], row["T3"]) for row in rows}
    assert found["class-folders/scratch/0"] == (None, "A deep scratch.")
    assert found["class-folders/scratch/1"] == ("Two scratches.", None)


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        ('{"image_id": "a", "T2": "Höhlung"}\n'.encode("utf-16"), "Save it as UTF-8"),
        ('{"image_id": "a", "T2": "Höhlung"}\n'.encode("cp1252"), r"line 1: .* save the file as UTF-8"),
        (b' [{"image_id": "a"},\n {"image_id": "b"}]', "an object a line"),
    ],
)
def test_annotations_in_another_form_are_refused_in_words_that_mend_them(content, advice, class_folders, tmp_path):
    (tmp_path / "annotations.jsonl").write_bytes(content)
    with pytest.raises(AnnotationError, match=advice):
        steeldefectx.load_dataset(
            "class-folders", data_dir=str(class_folders), annotations=str(tmp_path / "annotations.jsonl")
        )
