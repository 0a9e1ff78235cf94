"""The demo in a real browser: upload, predict, explain, compare, refuse; nothing is asked of any other machine."""

import json
import shutil
import struct
import zlib

import pytest

from steeldefectx.data.builder import load_dataset
from steeldefectx.errors import ConfigError
from steeldefectx.models.checkpoint import save_checkpoint
from steeldefectx.models.clip import load_clip
from steeldefectx.models.image_classifier import new_classifier
from steeldefectx.taxonomy import find_class, t0_sentence

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
CLASSES = ("Crescent gap", "Red iron sheet")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no browser installed")


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    rows = load_dataset("sample", images=100, split="train")
    for row in rows:
        name = rows.features["label"].int2str(row["label"])
        if name in CLASSES:
            (folder / name).mkdir(exist_ok=True)
            row["image"].save(folder / name / f"{row['image_id'][-5:]}.png")
    return folder


@pytest.fixture(scope="module")
def address(images, tmp_path_factory):
    """The demo of a CLIP and an image classifier, as runs on the images leave them."""
    from steeldefectx.inference.demo import serve

    folder = tmp_path_factory.mktemp("runs")
    save_checkpoint(load_clip("tiny"), {name: [t0_sentence(name)] for name in CLASSES}, folder / "one")
    recipe = {"config": "class-folders", "data_dir": str(images)}
    (folder / "one" / "results.json").write_text(json.dumps({"recipe": recipe}))
    save_checkpoint(new_classifier("shufflenet-v2", list(CLASSES), 64), None, folder / "two")
    return serve([str(folder / "one"), str(folder / "two")], 0, block=False)


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play, play.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"]) as browser:
        yield browser


def huge_png(file):
    """A PNG that says it has 200 megapixels, and holds none."""
    header = struct.pack(">IIBBBBB", 20_000, 10_000, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    data = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + data)


def test_upload_predict_explain_compare(address, browser, images):
    page, requests, errors = browser.new_page(viewport={"width": 1280, "height": 1000}), [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    assert address.startswith("http://127.0.0.1:")
    page.get_by_role("heading", name="one").wait_for()
    page.get_by_role("heading", name="two").wait_for()
    upload = page.locator("input[type=file]").first
    upload.set_input_files(next((images / CLASSES[0]).glob("*.png")))
    page.get_by_text("Likely cause").nth(1).wait_for()
    shown = page.locator("body").inner_text()
    predicted = next(name for name in CLASSES if t0_sentence(name) in shown)
    assert find_class(predicted).cause in shown
    assert page.locator("[data-testid=label-output-value], .confidence-set").count() >= 4
    nearest = page.locator(".gallery-item img, .thumbnail-item img, .grid-container img")
    nearest.first.wait_for()
    assert nearest.count() == 4
    before = page.locator("img[alt='']:visible, .image-frame img:visible").evaluate_all("all => all.map(i => i.src)")
    page.get_by_label("Text to look for").fill("a dark vertical scratch")
    page.get_by_role("button", name="Look").click()
    page.get_by_text("a dark vertical scratch", exact=True).wait_for()
    after = page.locator("img[alt='']:visible, .image-frame img:visible").evaluate_all("all => all.map(i => i.src)")
    assert before != after
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    assert not [url for url in requests if not url.startswith((address.rstrip("/"), "data:", "blob:"))]
    assert errors == []


def test_what_is_no_image_or_too_large_is_refused_in_words(address, browser, tmp_path):
    huge_png(tmp_path / "huge.png")
    (tmp_path / "text.png").write_bytes(b"no image")
    for name, reason in (("huge.png", "pixels"), ("text.png", "not a readable image")):
        page = browser.new_page()
        page.goto(address)
        page.locator("input[type=file]").first.set_input_files(tmp_path / name)
        message = page.locator(".toast-body")
        message.first.wait_for()
        assert reason in message.first.inner_text()
        assert str(tmp_path) not in message.first.inner_text()


@pytest.mark.parametrize("count", [0, 3])
def test_one_checkpoint_or_two(count):
    from steeldefectx.inference.demo import serve

    with pytest.raises(ConfigError, match="or two to compare"):
        serve(["tiny"] * count, 0)
