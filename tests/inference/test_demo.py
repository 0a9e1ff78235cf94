"""The demo in a real browser: upload, predict, explain, compare, doubt, refuse; no other machine is asked."""

import json
import struct
import urllib.error
import urllib.request
import zlib

import pytest
from PIL import Image

from steeldefectx.data.builder import load_dataset
from steeldefectx.errors import ConfigError
from steeldefectx.inference.demo.panel import what_is_not_seen
from steeldefectx.models.checkpoint import save_checkpoint
from steeldefectx.models.clip import load_clip
from steeldefectx.models.image_classifier import new_classifier
from steeldefectx.taxonomy import find_class, t0_sentence
from tests.browser import WIDTHS, assert_accessible, sideways

CLASSES = ("Crescent gap", "Red iron sheet")


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
    from steeldefectx.inference.demo.server import serve

    folder = tmp_path_factory.mktemp("runs")
    save_checkpoint(load_clip("tiny"), {name: [t0_sentence(name)] for name in CLASSES}, folder / "one")
    recipe = {"config": "class-folders", "data_dir": str(images)}
    (folder / "one" / "results.json").write_text(json.dumps({"recipe": recipe}))
    save_checkpoint(new_classifier("shufflenet-v2", list(CLASSES), 64), None, folder / "two")
    return serve([str(folder / "one"), str(folder / "two")], 0, block=False)


@pytest.fixture
def page(browser, address):
    """The page; nothing goes wrong in it, and nothing is asked of any other machine."""
    page, requests, errors = browser.new_page(viewport={"width": 1400, "height": 900}), [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    yield page
    page.close()
    assert not [url for url in requests if not url.startswith((address, "data:", "blob:"))]
    assert errors == []


def huge_png(file):
    """A PNG that says it has 200 megapixels, and holds none."""
    header = struct.pack(">IIBBBBB", 20_000, 10_000, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    data = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + data)


def upload(page, *files):
    page.get_by_label("Images, one or several").set_input_files(list(files))
    page.locator(".answer").nth(len(files) - 1).wait_for()


def unsure_below(page, percent):
    page.get_by_label("Unsure below").fill(str(percent))
    page.wait_for_load_state("networkidle")


def test_upload_predict_explain_compare(page, images):
    unsure_below(page, 0)
    upload(page, next((images / CLASSES[0]).glob("*.png")))
    assert page.locator(".answer h3").all_inner_texts().count("one") == 1
    assert page.locator(".answer h3").all_inner_texts().count("two") == 1
    shown = page.locator(".answer").inner_text()
    predicted = next(name for name in CLASSES if t0_sentence(name) in shown)
    assert find_class(predicted).cause in shown
    assert page.locator(".near img").count() == 4
    assert page.locator(".legend img").count() == 2
    before = page.locator(".where img").first.get_attribute("src")
    page.get_by_label("Text to look for").fill("a dark vertical scratch")
    page.get_by_role("button", name="Look").click()
    page.get_by_text("Where it sees “a dark vertical scratch”").wait_for()
    assert page.locator(".where img").first.get_attribute("src") != before
    page.locator(".where a").first.click()
    page.locator("dialog[open] img").wait_for()


def test_what_it_did_not_see_and_that_it_is_unsure_is_said(page, tmp_path):
    Image.effect_noise((1024, 256), 40).save(tmp_path / "frame.png")
    unsure_below(page, 100)
    upload(page, tmp_path / "frame.png")
    shown = page.locator(".answer").inner_text()
    assert "1024 × 256 pixels" in shown
    assert "Only the middle 256 × 256 of 1024 × 256 pixels were looked at" in shown
    assert shown.count("Unsure, perhaps") == 2
    assert "Likely cause" not in shown


def test_several_images_and_a_bad_one_by_name(page, images, tmp_path):
    huge_png(tmp_path / "huge.png")
    (tmp_path / "text.png").write_bytes(b"no image")
    upload(page, next((images / CLASSES[0]).glob("*.png")), tmp_path / "huge.png", tmp_path / "text.png")
    answers = page.locator(".answer")
    assert answers.nth(0).locator(".verdict").count() == 2
    assert answers.nth(1).inner_text().startswith("huge.png")
    assert "pixels" in answers.nth(1).inner_text()
    assert answers.nth(2).inner_text() == "text.png\n\nnot a readable image (of no known format)"


def test_an_example_needs_no_file_and_the_page_has_one_width(page):
    page.get_by_role("button", name="Bright scratch").click()
    page.locator(".answer").wait_for()
    assert page.locator(".answer h2").inner_text() == "Bright scratch.png"
    for width, height in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": height})
        assert sideways(page) <= 0
    assert_accessible(page, "demo")


@pytest.mark.parametrize(
    ("size", "said"),
    [((224, 224), []), ((2240, 2240), ["Details smaller than about 10 × 10 pixels"]),
     ((896, 448), ["Only the middle 448 × 448 of 896 × 448"])],
)  # fmt: skip
def test_what_a_model_cannot_see_follows_from_its_preprocessing(size, said):
    class Preprocessed:
        image_shape = (3, 224, 224)

        def seen(self, size):
            side = min(size)
            left, top = (size[0] - side) // 2, (size[1] - side) // 2
            return left, top, left + side, top + side

    notes = what_is_not_seen(Preprocessed(), size)
    assert len(notes) == len(said)
    assert all(note.startswith(start) for note, start in zip(notes, said, strict=True))


def test_other_names_do_not_lead_to_it(address):
    request = urllib.request.Request(address, headers={"Host": "steel.example"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 400


@pytest.mark.parametrize("count", [0, 3])
def test_one_checkpoint_or_two(count):
    from steeldefectx.inference.demo.server import serve

    with pytest.raises(ConfigError, match="or two to compare"):
        serve(["tiny"] * count, 0)
