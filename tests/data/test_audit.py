"""The audit finds what was planted, and nothing else."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter
from typer.testing import CliRunner

import steeldefectx
from steeldefectx.cli.app import app
from steeldefectx.data import audit as audits
from steeldefectx.data import duplicates
from steeldefectx.data.sources import find_samples
from steeldefectx.errors import ConfigError, DataError
from steeldefectx.taxonomy import CLASS_NAMES, CLASSES, t0_sentence, t1_sentence

RNG_SEED = 3


def texture(rng, size=128, smooth=6.0):
    """Images of one look: the same statistics, other places."""
    field = gaussian_filter(rng.normal(size=(size, size)), smooth)
    return np.clip(128 + 40 * field / field.std(), 0, 255).astype(np.uint8)


def save(pixels, path, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(path, **options)


@pytest.fixture
def folder(tmp_path):
    """Two classes of look-alikes split by hand, and what is planted among them."""
    rng = np.random.default_rng(RNG_SEED)
    root = tmp_path / "mine"
    for part, count in [("train", 30), ("test", 12)]:
        for name, smooth in [("rough", 2.0), ("smooth", 9.0)]:
            for n in range(count):
                save(texture(rng, smooth=smooth), root / part / name / f"{n}.png")
    pixels = np.asarray(Image.open(root / "train" / "rough" / "0.png"))
    save(pixels, root / "test" / "rough" / "across.jpg", quality=60)
    brighter = np.clip(np.asarray(Image.open(root / "train" / "smooth" / "1.png")) * 1.05 + 8, 0, 255)
    save(brighter, root / "train" / "smooth" / "within.png")
    small = Image.open(root / "train" / "smooth" / "2.png").resize((90, 90))
    save(small, root / "train" / "rough" / "conflict.png")
    save(np.full((64, 64), 77), root / "train" / "rough" / "blank.png")
    save(np.full((64, 64), 78), root / "train" / "rough" / "blank2.png")
    (root / "train" / "rough" / "broken.png").write_bytes(b"\x89PNG nothing")
    return root


def names(finding):
    return {path.name for path in finding.paths}


def test_what_was_planted_is_found_and_nothing_else(folder):
    found = audits.audit(folder, "class-folders")
    assert {kind: count for kind, count in found.counts().items() if count} == {
        audits.ACROSS: 1, audits.WITHIN: 1, audits.CONFLICT: 1, audits.UNUSABLE: 1, audits.BLANK: 2,
    }  # fmt: skip
    by_kind = {finding.kind: finding for finding in found.findings}
    assert names(by_kind[audits.ACROSS]) == {"0.png", "across.jpg"}
    assert names(by_kind[audits.WITHIN]) == {"1.png", "within.png"}
    assert names(by_kind[audits.CONFLICT]) == {"2.png", "conflict.png"}
    assert names(by_kind[audits.UNUSABLE]) == {"broken.png"}
    assert found.balance == {"rough": (33, 13), "smooth": (31, 12)}


def test_the_command_writes_a_page_and_counts(folder, tmp_path):
    out = tmp_path / "new" / "out"
    done = CliRunner().invoke(app, ["audit", str(folder), "--config", "class-folders", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "Near-duplicates across splits" in done.output
    report = json.loads((out / "audit.json").read_text())
    assert report["counts"][audits.ACROSS] == 1
    assert report["images"] == 89
    with (out / "audit.csv").open() as table:
        rows = list(csv.DictReader(table))
    do = {Path(row["file"]).name: row["do"] for row in rows if "label" not in row["detail"]}
    assert do["across.jpg"] != do["0.png"], "of two near-duplicates one is kept"
    assert (do["broken.png"], do["blank.png"], do["conflict.png"]) == ("drop", "drop", "look")
    assert all(Path(row["file"]).is_file() for row in rows)
    page = (out / "audit.html").read_text()
    shown = re.findall(r'src="(audit_pictures/\S+)"', page)
    assert len(shown) >= 8
    assert all((out / name).is_file() for name in shown)
    assert "no image" in page
    assert "http" not in page


def test_names_of_files_are_text_in_the_page(tmp_path):
    save(np.full((8, 8), 5), tmp_path / "mine" / "<b>&" / "<script>.png")
    out = tmp_path / "out"
    CliRunner().invoke(app, ["audit", str(tmp_path / "mine"), "--config", "class-folders", "--out", str(out)])
    page = (out / "audit.html").read_text()
    assert "&lt;script&gt;" in page
    assert page.count("<script>") == 1, "the page's own"


def test_what_cannot_be_audited_is_said(tmp_path):
    with pytest.raises(ConfigError, match="sample"):
        audits.audit(tmp_path, "sample")
    with pytest.raises(DataError, match="no such folder"):
        audits.audit(tmp_path / "none")
    done = CliRunner().invoke(app, ["audit", str(tmp_path / "none"), "--out", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert not (tmp_path / "out").exists()


def test_masks_that_do_not_fit(tmp_path):
    rng = np.random.default_rng(RNG_SEED)
    good = np.zeros((200, 200), dtype=np.uint8)
    good[50:90, 60:100] = 255
    masks = {1: good, 2: good * 0, 3: good * 0 + 255, 4: good[:100]}
    for n, mask in masks.items():
        save(texture(rng, 200), tmp_path / "IMAGES" / f"inclusion_{n}.jpg")
        save(mask, tmp_path / "Ground truth" / f"In_{n}.png")
    found = audits.audit(tmp_path)
    details = {finding.paths[-1].name: finding.detail for finding in found.findings}
    assert set(details) == {"In_2.png", "In_3.png", "In_4.png"}
    assert "empty" in details["In_2.png"]
    assert "whole image" in details["In_3.png"]
    assert "another size" in details["In_4.png"]
    assert {finding.kind for finding in found.findings} == {audits.MASK}


def test_the_projects_own_texts_are_in_order():
    for name in CLASS_NAMES:
        assert audits.text_problem(t0_sentence(name), name) is None
        assert audits.text_problem(t1_sentence(name), name) is None
    for known in CLASSES:
        assert audits.text_problem(f"The surface shows {known.looks}.", "Crazing") is None


@pytest.mark.parametrize(
    ("text", "class_name", "named"),
    [
        ("A slag inclusion lies in the middle.", "Inclusion", "Slag inclusion"),
        ("A photo of steel surface defect: Inclusion.", "Slag inclusion", "Inclusion"),
        ("Two water_spots near the edge", "Oil spot", "Water spot"),
        ("A crazing defect covers the plate.", "Patches", "Crazing"),
        ("An oil spot beside a WELDING LINE.", "Oil spot", "Welding line"),
        ("A slag inclusion, dark, with inclusions around.", "Slag inclusion", None),
        ("Bright patches and punching marks.", "Crazing", None),
        ("The welding lines run across.", "Welding line", None),
        ("Oil spotted nowhere", "Crazing", None),
    ],
)
def test_texts_that_name_another_class(text, class_name, named):
    reason = audits.text_problem(text, class_name)
    assert (reason is None) if named is None else (reason == f"names {named} but is of {class_name}")


def test_empty_texts():
    assert audits.text_problem(" \n", "Crazing") == "empty"


def test_the_hash_product_finds_the_pairs_of_a_plain_search():
    rng = np.random.default_rng(RNG_SEED)
    hashes = np.where(rng.random((700, 63)) > 0.5, np.float32(1), np.float32(-1))
    for first, second, flips in [(0, 699, 0), (5, 6, duplicates.MAX_DISTANCE), (511, 512, duplicates.MAX_DISTANCE + 1)]:
        hashes[second] = hashes[first]
        hashes[second, :flips] *= -1
    plain = [
        (i, j)
        for i in range(700)
        for j in np.flatnonzero((hashes[i] != hashes[i + 1 :]).sum(1) <= duplicates.MAX_DISTANCE) + i + 1
    ]
    found = duplicates._candidates(hashes, np.ones(700, dtype=bool))
    assert sorted(map(tuple, found.tolist())) == sorted(plain)
    assert (5, 6) in plain
    assert (511, 512) not in plain


def test_groups_are_what_pairs_link():
    pairs = [duplicates.Pair(4, 2, 1.0), duplicates.Pair(2, 7, 1.0), duplicates.Pair(0, 9, 1.0)]
    assert sorted(duplicates.groups_of(pairs, 10)) == [[0, 9], [2, 4, 7]]
    assert duplicates.groups_of([], 10) == []


def test_grouped_split_of_the_builder(tmp_path):
    rng = np.random.default_rng(RNG_SEED)
    for n in range(20):
        pixels = texture(rng)
        save(pixels, tmp_path / "mine" / "a" / f"{n}.png")
        if n < 8:
            save(pixels, tmp_path / "mine" / "a" / f"{n}-again.jpg")

    def parted(**settings):
        rows = steeldefectx.load_dataset("class-folders", data_dir=str(tmp_path / "mine"), **settings)
        assert (rows["train"].num_rows, rows["test"].num_rows) == (20, 8)
        number = {s: {i.split("/")[-1].split("-")[0] for i in rows[s]["image_id"]} for s in rows}
        return number["train"] & number["test"]

    assert parted(split_by="rule"), "as published"
    assert not parted(split_by="grouped")
    assert not parted(), "images of one's own are not those of a published split"
    with pytest.raises(ConfigError, match="Unknown split"):
        parted(split_by="other")


@pytest.mark.integration
def test_real_images(real_data):
    found = audits.audit(real_data, split="grouped")
    assert {kind: count for kind, count in found.counts().items() if count} == {audits.WITHIN: 6}
    pairs = {frozenset(caption.split("\n")[0] for caption in finding.captions) for finding in found.findings}
    assert frozenset({"X-SDD/red iron/2078", "X-SDD/red iron/2082"}) in pairs
    assert sum(map(sum, found.balance.values())) == len(find_samples(real_data).samples)
