"""``steeldefectx explain`` as typed: pages and overlays of a data set, of a folder, of what cannot be explained."""

import re
import shutil
import struct
import zlib
from html.parser import HTMLParser

import numpy as np
import pytest
from typer.testing import CliRunner

from steeldefectx.cli.app import app
from steeldefectx.data.builder import load_dataset
from steeldefectx.data.images import open_image
from steeldefectx.errors import ConfigError
from steeldefectx.inference.explain.examples import dataset_examples
from steeldefectx.inference.explain.explanations import CENTRE, RANDOM, explain_images, mean_scores_by_map
from steeldefectx.inference.explain.scores import score
from steeldefectx.models.checkpoint import save_checkpoint
from steeldefectx.models.clip import load_clip
from steeldefectx.models.image_classifier import new_classifier
from steeldefectx.taxonomy import t0_sentence

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def rows():
    """Synthetic images of two classes, with masks and all texts."""
    return load_dataset("sample", images=100, split="train").filter(lambda row: row["label"] in (6, 18))


@pytest.fixture(scope="module")
def images(rows, tmp_path_factory):
    """The same as a folder with masks, each class four times."""
    folder = tmp_path_factory.mktemp("images")
    sample = load_dataset("sample", images=200, split="train")
    for label in (6, 18):
        name = rows.features["label"].int2str(label)
        (folder / name).mkdir(exist_ok=True)
        for row in sample.select([n for n, other in enumerate(sample["label"]) if other == label][:4]):
            row["image"].save(folder / name / f"{row['image_id'][-5:]}.png")
            row["mask"].save(folder / name / f"{row['image_id'][-5:]}_mask.png")
    return folder


@pytest.fixture(scope="module")
def checkpoint(rows, tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    names = [rows.features["label"].int2str(label) for label in (6, 18)]
    save_checkpoint(load_clip("tiny"), {name: [t0_sentence(name)] for name in names}, folder)
    return str(folder)


def run(*words):
    return CliRunner().invoke(app, ["explain", *map(str, words)])


class Pictures(HTMLParser):
    """Addresses of a page's pictures, and of all else that it would load."""

    def __init__(self, text):
        super().__init__()
        self.images, self.others = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        for key, value in attrs:
            if key in ("src", "href", "srcset"):
                (self.images if tag == "img" else self.others).append(value)


def test_every_level_of_the_sample_gets_its_map_and_scores(rows, checkpoint):
    found = list(explain_images(dataset_examples(rows), checkpoint, ["T0", "T1", "T2", "T3"], "a dark scratch"))
    assert len(found) == len(rows)
    for one, row in zip(found, rows, strict=True):
        assert one.texts == {level: row[level] for level in ("T0", "T1", "T2", "T3")} | {"text": "a dark scratch"}
        assert list(one.scores) == ["T0", "T1", "T2", "T3", "text", RANDOM, CENTRE]
        assert one.scores["T3"] == score(one.maps["T3"], np.asarray(row["mask"]) > 127)
        assert one.predicted in (one.example.class_name, *(other.example.class_name for other in found))
    mean = np.mean([one.scores["T2"].energy for one in found])
    assert mean_scores_by_map([one.scores for one in found])["T2"].energy == pytest.approx(mean)


def test_a_data_set_becomes_a_page_with_scores(images, checkpoint, tmp_path):
    flags = ["--config", "class-folders", "--checkpoint", checkpoint, "--texts", "T0,T1", "--limit", 2]
    done = run(images, *flags, "--out", tmp_path)
    assert done.exit_code == 0, done.output
    assert "Agreement with the masks of 2 images" in done.output
    assert "2 images, " in done.output
    page = Pictures((tmp_path / "explain.html").read_text())
    legend, *shown = page.images
    assert legend.startswith("data:image/png;base64,")
    names = {f"{number:03d}-{name}.png" for number in (0, 1) for name in ("image", "T0", "T1")}
    assert {file.name for file in (tmp_path / "overlays").iterdir()} == names
    assert sorted(shown) == sorted(page.others) == sorted(f"overlays/{name}" for name in names), "each once"
    classes = re.findall(r'data-class="([\w ]+)"', (tmp_path / "explain.html").read_text())
    assert len(set(classes)) == 2  # in turn


def test_a_folder_is_explained_and_what_is_unreadable_listed(images, checkpoint, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    shutil.copy(next(file for file in images.rglob("*.png") if "mask" not in file.name), folder / "b.png")
    (folder / "a.png").write_bytes(b"no image")
    done = run(folder, "--checkpoint", checkpoint, "--text", "a <dark> scratch", "--out", tmp_path / "out")
    assert done.exit_code == 1, done.output
    assert "unreadable" in done.output
    assert "a.png" in done.output
    page = (tmp_path / "out" / "explain.html").read_text()
    assert "a &lt;dark&gt; scratch" in page
    assert "Agreement" not in page
    assert {file.name for file in (tmp_path / "out" / "overlays").iterdir()} == {"000-image.png", "000-text.png"}


def test_an_image_classifier_is_explained_by_its_class_and_takes_no_text(images, tmp_path):
    network = new_classifier("shufflenet-v2", ["Crescent gap", "Red iron sheet"], 64)
    save_checkpoint(network, None, tmp_path / "network")
    done = run(images, "--checkpoint", tmp_path / "network", "--limit", 1, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out" / "overlays" / "000-class.png").is_file()
    with pytest.raises(ConfigError, match="takes no texts"):
        next(explain_images([], str(tmp_path / "network"), ["T0"]))


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (["--texts", "T3"], "has no T3 text. Levels that it has: T0, T1, those of the class that it is predicted as."),
        (["--texts", "T9"], "no text level T9"),
        (["--config", "class-folders", "--texts", "T3"], "has no T3 text"),
        (["--config", "class-folder"], "Unknown config 'class-folder'. Did you mean class-folders?"),
    ],
)
def test_what_cannot_be_done_is_said(images, checkpoint, tmp_path, flags, reason):
    done = run(images, "--checkpoint", checkpoint, "--out", tmp_path / "out", *flags)
    assert done.exit_code == 2
    assert reason in " ".join(done.output.split())
    assert not (tmp_path / "out").exists()


def test_an_image_of_200_megapixels_is_refused_before_it_is_decoded(tmp_path):
    header = struct.pack(">IIBBBBB", 20_000, 10_000, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    data = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    (tmp_path / "huge.png").write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    with pytest.raises(Exception, match=r"huge\.png.*(20000x10000|200000000) pixels"):
        open_image(tmp_path / "huge.png")


@pytest.mark.skipif(BROWSER is None, reason="no browser installed")
def test_in_a_browser_all_pictures_show_and_nothing_is_wider_than_the_page(images, checkpoint, tmp_path):
    from playwright.sync_api import sync_playwright

    flags = ["--config", "class-folders", "--checkpoint", checkpoint, "--texts", "T0,T1", "--limit", 2]
    assert run(images, *flags, "--out", tmp_path).exit_code == 0
    with sync_playwright() as play, play.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"]) as browser:
        page = browser.new_page()
        requests = []
        page.on("request", lambda request: requests.append(request.url))
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 900})
            page.goto((tmp_path / "explain.html").as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.evaluate("for (const i of document.images) i.loading = 'eager'")
            page.wait_for_function("[...document.images].every(i => i.complete)")
            shown = page.evaluate("[...document.images].map(i => [i.complete && i.naturalWidth, i.width, i.height])")
            assert len(shown) == 7
            assert all(natural and w and h for natural, w, h in shown)
            assert all(abs(w - h) <= 1 for _, w, h in shown[1:])  # square, as the images are
    assert all(url.startswith(("file:", "data:")) for url in requests)
