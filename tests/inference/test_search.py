"""Search: against plain numpy, and as typed."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from steeldefectx.cli.app import app
from steeldefectx.data.labelled import load_data
from steeldefectx.inference.search import Index
from steeldefectx.models.adapters import ClipAdapter
from steeldefectx.models.checkpoint import save_checkpoint
from steeldefectx.models.clip import load_clip
from steeldefectx.taxonomy import t0_sentence

CLASSES = ("dark", "bright", "rough")


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for name, level, noise in zip(CLASSES, (60, 190, 128), (10, 10, 60), strict=True):
        (folder / name).mkdir()
        for n in range(8):
            pixels = rng.normal(level, noise, (40, 40)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{name}{n}.png")
    return folder


@pytest.fixture(scope="module")
def clip():
    clip = load_clip("tiny")
    torch.manual_seed(0)
    clip.adapter, clip.text_adapter = ClipAdapter(128).eval(), ClipAdapter(128).eval()
    return clip


@pytest.fixture(scope="module")
def checkpoint(clip, images, tmp_path_factory):
    """As a run on the images leaves it, as far as searching reads it."""
    folder = tmp_path_factory.mktemp("checkpoint")
    save_checkpoint(clip, {name: [t0_sentence(name)] for name in CLASSES}, folder)
    recipe = {"config": "class-folders", "data_dir": str(images)}
    (folder / "results.json").write_text(json.dumps({"recipe": recipe}))
    return folder


@pytest.fixture(scope="module")
def index(clip, images):
    data = load_data("class-folders", str(images), t0_template="A photo of {}.")
    return Index(clip, list(data.splits.values()), "T0", torch.device("cpu"))


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


@torch.no_grad()
def embedded(clip, index, text):
    """Images and a text through towers and adapters, one by one."""
    images = []
    for row in range(len(index.labels)):
        with Image.open(index.cell(row)["path"]) as image:
            pixels = torch.from_numpy(clip.to_pixels(image))[None]
        images.append(clip.adapter(clip.encode_images(pixels))[0].numpy())
    feature = clip.text_adapter(clip.encode_texts(clip.tokenize([text])))[0].numpy()
    return unit(np.stack(images)), unit(feature)


def test_a_text_finds_the_images_of_the_highest_cosine(clip, index):
    images, text = embedded(clip, index, "a rough patch")
    cosines = images @ text
    hits = index.images_for_text("a rough patch", 5)
    assert [hit.similarity for hit in hits] == pytest.approx(sorted(cosines, reverse=True)[:5], abs=1e-5)
    assert [cosines[hit.row] for hit in hits] == pytest.approx([hit.similarity for hit in hits], abs=1e-5)


def test_an_image_finds_itself_and_each_distinct_text_once(index):
    with Image.open(index.cell(3)["path"]) as image:
        image.load()
    (best, *_) = index.images_for_image(image, 3)
    assert (best.row, best.similarity) == (3, pytest.approx(1, abs=1e-5))
    hits = index.texts_for_image(image, 10)
    assert sorted(hit.text for hit in hits) == sorted(f"A photo of {name}." for name in CLASSES)
    assert [hit.similarity for hit in hits] == sorted((hit.similarity for hit in hits), reverse=True)


def test_recall_counts_equal_texts_as_right(clip, index):
    images, _ = embedded(clip, index, "")
    with torch.no_grad():
        features = clip.text_adapter(clip.encode_texts(clip.tokenize(index.texts))).numpy()
    cosines = images @ unit(features).T
    assert len(index.texts) == len(CLASSES)
    of_class = [index.texts[number] for number in index.text_of]
    expected = {"image_to_text": {}, "text_to_image": {}}
    for k in (1, 5, 10):
        right = [of_class[row] in [index.texts[n] for n in np.argsort(-cosines[row])[:k]] for row in range(len(images))]
        expected["image_to_text"][f"recall_at_{k}"] = np.mean(right)
        right = [
            text in [of_class[row] for row in np.argsort(-cosines[:, n])[:k]] for n, text in enumerate(index.texts)
        ]
        expected["text_to_image"][f"recall_at_{k}"] = np.mean(right)
    found = index.recall()
    for direction, values in expected.items():
        assert found[direction] == pytest.approx(values)


def run(*words):
    return CliRunner().invoke(app, ["search", *map(str, words)])


def test_search_as_typed(checkpoint, images, tmp_path):
    done = run("a dark scratch", "--checkpoint", checkpoint, "--top-k", 4, "--out", tmp_path / "found.html")
    assert done.exit_code == 0, done.output
    page = (tmp_path / "found.html").read_text()
    assert page.count('<article class="card"') == page.count('src="found_pictures/') == 4
    found = re.findall(r'<p class="soft path">(\S+?)<br>(\S+?)</p>', page)
    assert len(found) == 4
    assert all(Path(path).is_file() and image_id for image_id, path in found), "where it is on the disk"
    assert "of 24 images searched" in page
    by_image = run("--image", images / "dark" / "dark0.png", "--checkpoint", checkpoint, "--texts", "T0")
    assert by_image.exit_code == 0, by_image.output
    assert all(name in by_image.output for name in CLASSES)
    recall = run("--recall", "--split", "test", "--checkpoint", checkpoint)
    assert recall.exit_code == 0, recall.output
    assert "R@10 %" in recall.output


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "Give one of QUERY, --image FILE and --recall."),
        (["a", "--recall"], "Give one of QUERY, --image FILE and --recall."),
        (["a", "--split", "val"], "choose one of test, train, all"),
        (["a", "--texts", "T3"], "Levels that these data have: T0"),
        (["a", "--texts", "T7"], "choose one of T0, T1, T2, T3"),
        (["--image", "nowhere.png"], "nowhere.png: no such file"),
    ],
)
def test_what_cannot_be_searched_is_said(checkpoint, words, reason):
    done = run(*words, "--checkpoint", checkpoint)
    assert done.exit_code == 2
    assert reason in " ".join(done.output.split())


def test_a_deep_query_is_read_by_its_depth(images):
    """A 12-bit image over 8-bit ones: as predicting reads it, not as one of 16 bits, which would be black."""
    data = load_data("class-folders", str(images), t0_template="A photo of {}.")
    index = Index(load_clip("tiny"), list(data.splits.values()), "T0", torch.device("cpu"))
    shallow = Image.open(next((images / "rough").glob("*.png")))
    deep = Image.fromarray(np.asarray(shallow).astype(np.uint16) << 4)
    expected = [(hit.row, round(hit.similarity, 3)) for hit in index.images_for_image(shallow, 3)]
    assert [(hit.row, round(hit.similarity, 3)) for hit in index.images_for_image(deep, 3)] == expected
