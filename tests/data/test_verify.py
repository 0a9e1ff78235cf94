"""`steeldefectx verify`: the texts of a data set or of a store checked, line by line."""

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from steeldefectx.annotate.desk.reviews import ReviewQueue
from steeldefectx.annotate.desk.verify_store import evidence_of, verify_store
from steeldefectx.cli.app import app
from steeldefectx.data.verify import TextRow, verify_rows
from steeldefectx.errors import DataError
from steeldefectx.language.evidence import evidence_from_class
from steeldefectx.store.schema import AnnotatedImage
from tests.annotate.desk.review_store import make_store

ROW, COLUMN = np.mgrid[:200, :200]
LINE = (abs(COLUMN - 30) < 3) & (ROW > 20) & (ROW < 180)
"""A vertical line near the left edge."""


def test_rows_share_their_images_evidence():
    image = np.where(LINE, 70, 130).astype(np.uint8)
    rows = [
        TextRow("a", "T2", "A dark line at the right edge.", image, LINE, "Dark scratches"),
        TextRow("a", "T3", "A dark line at the left edge.", image, LINE, "Dark scratches"),
        TextRow("b", "T2", "A bright mark.", image, None, "Dark scratches"),
    ]
    verified = list(verify_rows(iter(rows)))
    assert [(row.image_id, row.level, bool(row.checked.contradictions)) for row in verified] == [
        ("a", "T2", True), ("a", "T3", False), ("b", "T2", True),
    ]  # fmt: skip
    assert [row.checked.source for row in verified] == ["mask", "mask", "class and other texts"]
    assert json.loads(verified[0].line())["contradictions"][0]["claimed"] == ["right"]


def test_without_a_mask_a_text_is_held_against_the_other_texts_and_not_against_itself():
    texts = ("A stain in the lower right.", "A stain in the upper left.", "It is near the top left corner.",
             "A spot at the lower right.")  # fmt: skip
    image = np.full((9, 9), 128, np.uint8)
    rows = [TextRow("a", f"text {n}", text, image, None, "Oil spot") for n, text in enumerate(texts)]
    for row in verify_rows(rows):
        (contradiction,) = row.checked.contradictions
        assert contradiction.measured.endswith(": 2 of 3"), row.text
        assert contradiction.by == "other texts"


def test_an_empty_mask_is_named():
    row = TextRow("NEU/x_1", "T3", "A line.", np.zeros((9, 9), np.uint8), np.zeros((9, 9), bool), "Crazing")
    with pytest.raises(DataError, match="NEU/x_1: The mask is empty"):
        list(verify_rows([row]))


@pytest.fixture
def release(tmp_path):
    """Two images with masks and texts in the public release's layout; the second text is wrong."""
    texts = {"train": "A dark line near the left edge.", "val": "A bright line near the left edge."}
    for part, text in texts.items():
        for kind, pixels in (("", np.where(LINE, 70, 130)), ("_mask", LINE * 255)):
            (tmp_path / f"{part}{kind}").mkdir()
            name = f"ds_{part}.{'png' if kind else 'jpg'}"
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / f"{part}{kind}" / name)
        entry = {"image_name": f"ds_{part}.jpg", "class_name": "Dark scratches", "natural_language_description": text}
        (tmp_path / f"{part}-text.json").write_text(json.dumps([entry]))
    return tmp_path


def test_the_command_writes_a_line_for_each_text(release, tmp_path):
    out = tmp_path / "new" / "verify.jsonl"
    done = CliRunner().invoke(app, ["verify", str(release), "--out", str(out)])
    assert done.exit_code == 1, done.output
    assert "2 texts, 1 with a contradiction" in done.output
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [len(line["contradictions"]) for line in lines] == [0, 1]
    (contradiction,) = lines[1]["contradictions"]
    assert lines[1]["text"][contradiction["start"] : contradiction["end"]] == "bright"
    assert (contradiction["kind"], contradiction["claimed"]) == ("polarity", ["bright"])
    assert [path.name for path in out.parent.iterdir()] == ["verify.jsonl"]


def test_the_command_says_what_it_cannot_do(release, tmp_path):
    out = str(tmp_path / "verify.jsonl")
    for arguments, message in [
        ([str(tmp_path / "none")], "no such folder"),
        ([str(release), "--level", "T2"], "no image has a T2 text"),
        ([str(release), "--level", "T0"], "T1, T2 or T3"),
        ([str(release), "--config", "nonsense"], "Unknown config"),
    ]:
        done = CliRunner().invoke(app, ["verify", *arguments, "--out", out])
        assert done.exit_code == 2, done.output
        assert message in done.output


def test_a_stores_descriptions_are_checked_and_their_risks_sort_the_desk(tmp_path):
    store = make_store(tmp_path, [None, None])
    first, second = (store.candidates(image_id) for image_id in ("steel/0", "steel/1"))
    chosen = first[0]
    assert [row.image_id for row in verify_store(store, anew=False)] == ["steel/0", "steel/1"]
    store.set_claims({second[0].id: []}, {second[0].id: 0.0})
    (claim,) = store.claims(chosen.id)
    assert chosen.text[claim.start : claim.end] == "lower right"
    assert [candidate.risk for candidate in store.candidates("steel/0")][1:] == [0.0, 0.0]
    assert list(verify_store(store, anew=False)) == []
    assert ReviewQueue(store).next_image("Ada") == "steel/0"
    out = tmp_path / "verify.jsonl"
    done = CliRunner().invoke(app, ["verify", "--store", str(tmp_path / "annotations.db"), "--out", str(out)])
    assert (done.exit_code, "2 texts, 2 with a contradiction" in done.output) == (1, True), done.output
    assert [json.loads(line)["image_id"] for line in out.read_text().splitlines()] == ["steel/0", "steel/1"]
    assert len(store.claims(second[0].id)) == 1


def test_what_cannot_be_measured_is_checked_by_its_class(tmp_path):
    store = make_store(tmp_path, [None])
    (tmp_path / "mask.png").write_bytes(b"no image")
    (row,) = verify_store(store, anew=False)
    assert row.checked.source == evidence_from_class("Patches", []).source


def test_a_smaller_mask_is_stretched_over_an_image_that_is_no_square(tmp_path):
    grey, mask = np.full((60, 180), 150, np.uint8), np.zeros((30, 90), np.uint8)
    grey[4:16, 6:24], mask[2:8, 3:12] = 60, 255
    for name, pixels in (("image", grey), ("mask", mask)):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    paths = str(tmp_path / "image.png"), str(tmp_path / "mask.png")
    found = evidence_of(AnnotatedImage("a", "Patches", "NEU", None, *paths, "0" * 64))
    assert (found.width, found.height) == (18 / 180, 12 / 60)
    assert found.attributes["position"] == [{"cell": "top-left", "fraction": 1.0}]
    assert found.difference == -90


def test_a_folder_or_a_store(tmp_path):
    for arguments in ([], [str(tmp_path)], ["sample", "--store", "a.db"], ["--store", str(tmp_path / "none.db")]):
        assert CliRunner().invoke(app, ["verify", *arguments]).exit_code == 2
