"""The pages that commands write, in a real browser: accessible, light, sorted, filtered, whole without JavaScript."""

import csv
import re

import numpy as np
import pytest
from PIL import Image

from steeldefectx.benchmark.report.write import write_report
from steeldefectx.data.audit import Doubt, audit
from steeldefectx.data.audit_page import write_page as write_audit
from steeldefectx.inference.classifier import SteelDefectClassifier
from steeldefectx.inference.explain.page import Entry
from steeldefectx.inference.explain.page import write_page as write_explanations
from steeldefectx.inference.explain.run import explain_to_folder
from steeldefectx.inference.inspection.pictures import write_pictures
from steeldefectx.inference.inspection.records import unreadable
from steeldefectx.inference.inspection.report_page import write_report as write_inspection
from steeldefectx.inference.localize.regions import Region
from steeldefectx.inference.prediction_page import prediction_page
from steeldefectx.inference.prediction_table import predict_files
from steeldefectx.inference.search import Hit, load_index
from steeldefectx.inference.search_page import write_page as write_found
from tests.benchmark.report.results_folder import Writer, release
from tests.browser import WIDTHS, assert_accessible, sideways

pytestmark = pytest.mark.integration

PAGES = ("predict", "search", "audit", "explain", "inspect", "report")
MANY = 5000
CLASSES = ("Crazing", "Crease", "Punching")


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Class folders, of noise; three images are the same, one is blank."""
    folder = tmp_path_factory.mktemp("images")
    for name in CLASSES:
        (folder / name).mkdir()
        for n in range(6):
            Image.effect_noise((300, 200), 20 + 12 * n).save(folder / name / f"{name.lower()}_{n}.png")
    for n in (7, 8):
        Image.open(folder / "Crease" / "crease_1.png").save(folder / "Crease" / f"again_{n}.png")
    Image.new("L", (300, 200), 90).save(folder / "Punching" / "blank.png")
    return folder


@pytest.fixture(scope="module")
def pages(images, tmp_path_factory):
    """Name of a page -> its file."""
    out = tmp_path_factory.mktemp("pages")
    (out / "broken.png").write_bytes(b"no image")
    files = [*sorted(images.rglob("*.png")), out / "broken.png"]
    predict_files(SteelDefectClassifier.from_pretrained("embedded"), files, out / "predict.html", abstain_below=0.5)
    explain_to_folder(str(images / "Crease"), "embedded", ["T0", "T1"], None, None, "test", 4, out)
    index, classes = load_index("embedded", "class-folders", str(images), "train", "T1")
    hits = [Hit(0.9 - row / 100, row, index.texts[index.text_of[row]]) for row in range(6)]
    write_found("a scratch", "a scratch", index, hits, classes, out / "search.html")
    found = audit(images, "class-folders", doubtful_labels=lambda samples: [Doubt(2, "Crease", 0.9, 0.1)])
    found.write_csv(out / "audit.csv")
    write_audit(found, out / "audit.html")
    writer = Writer(out / "results")
    for seed in (0, 1):
        for number, model in enumerate(("a", "b", "c")):
            writer.add(release(0.05), (0.5, 0.9, 0.7)[number], task="task1", recipe="task1", model=model, seed=seed)
    report = write_report(writer.folder, out / "report").page
    inspected = out / "inspected" / "report.html"
    write_inspection(
        [record(n, inspected.parent) for n in range(9)] + [unreadable("bad.png", "no image")], "Tried.", inspected
    )
    return {name: out / f"{name}.html" for name in PAGES} | {"report": report, "inspect": inspected}


def record(n, folder=None):
    """Of a frame, every third one sound, with its pictures if there is a folder for them."""
    polygon = [(10.0 + n % 7, 12.0), (90.0, 20.0), (60.0, 80.0)]
    box, regions = [10 + n % 7, 12, 90, 80], []
    if n % 3:
        about = {"class": ("Dent", "unknown")[n % 2], "box": box, "polygon": polygon, "area_px": 300, "area_mm2": None}
        regions = [
            about | {"sentence": "A small dark elongated defect lies near the upper left corner, clearly seen."}
        ] * 2
    name = f"camera 2/{n:05d}.png"
    if folder is not None:
        marked = [Region(tuple(each["box"]), polygon, 300, 0.9, (slice(0), slice(0)), np.zeros(0)) for each in regions]
        write_pictures(folder, name, Image.effect_noise((320, 200), 20 + n), marked)
    about = {"file": name, "width": 320, "height": 200, "sound": not regions, "score": (n * 37 % 100) / 100}
    return about | {"error": None, "regions": regions}


@pytest.fixture
def opened(browser, pages):
    """A function that opens a page."""
    requests, errors = [], []

    def open_page(name, **settings):
        page = browser.new_page(viewport={"width": 1400, "height": 900}, **settings)
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(pages[name].as_uri())
        return page

    yield open_page
    assert all(url.startswith(("file:", "data:")) for url in requests)
    assert errors == []


@pytest.mark.parametrize("name", [*PAGES[:-1], "report"])
def test_nothing_serious_in_both_schemes_at_both_widths_and_nothing_is_wider(opened, name):
    page = opened(name)
    assert_accessible(page, name)
    for width, height in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": height})
        assert sideways(page) <= 0
    page.close()


@pytest.mark.parametrize("name", PAGES)
def test_all_is_there_without_javascript(opened, name):
    with_it, without = opened(name), opened(name, java_script_enabled=False)
    for selector in ("article", "tbody tr", "img", "h2"):
        assert without.locator(selector).count() == with_it.locator(f"{selector}:not(dialog *)").count()
    with_it.close()
    without.close()


@pytest.mark.parametrize("name", ["predict", "search", "audit", "explain", "inspect"])
def test_a_picture_opens_whole_and_its_file_is_there(opened, pages, name):
    page = opened(name)
    links = page.locator("a.picture")
    for address in links.evaluate_all("all => all.map(link => link.getAttribute('href'))"):
        assert (pages[name].parent / address).is_file()
    assert all(links.locator("img").evaluate_all("all => all.map(image => image.alt)")), "described"
    links.first.click()
    page.locator("dialog[open] img").wait_for()
    shown = page.locator("dialog img")
    first = shown.get_attribute("src"), shown.get_attribute("alt")  # copies of one image differ in their names alone
    page.keyboard.press("ArrowRight")
    assert (shown.get_attribute("src"), shown.get_attribute("alt")) != first or links.count() == 1
    assert_accessible(page, f"{name}, a picture")
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0
    page.close()


def test_predictions_are_sorted_and_filtered(opened, images):
    page = opened("predict")
    cards = page.locator("article:visible")
    total = cards.count()
    assert total == len(list(images.rglob("*.png"))) + 1
    sure = [float(text or 0) for text in cards.evaluate_all("all => all.map(card => card.dataset.sure)")]
    assert sure == sorted(sure), "the least sure first"
    page.get_by_label("Order").select_option(label="surest first")
    sure = [float(text or 0) for text in cards.evaluate_all("all => all.map(card => card.dataset.sure)")]
    assert sure == sorted(sure, reverse=True)
    page.get_by_label("Find").last.fill("crazing_")
    assert cards.count() == 6
    assert page.locator("output").last.inner_text() == f"6 of {total} images"
    page.get_by_label("Find").last.fill("")
    page.get_by_label("State").select_option("not readable")
    assert cards.count() == 1
    assert "broken.png" in cards.first.inner_text()
    page.close()


def test_the_report_begins_with_the_best_and_its_tables_are_sorted_by_a_click(opened):
    page = opened("report")
    tables = page.locator("table")
    assert "Task 1" in tables.nth(0).locator("tbody").inner_text()
    assert "b\t" in tables.nth(0).locator("tbody").inner_text(), "the best model alone"
    (number,) = [n for n in range(tables.count()) if "published" in tables.nth(n).locator("thead").inner_text()][:1]
    first_column = tables.nth(number).locator("tbody td:first-child")
    assert first_column.all_inner_texts() == ["b", "c", "a"], "the best first"
    tables.nth(number).get_by_role("button", name="Acc %").first.click()
    tables.nth(number).get_by_role("button", name="Acc %").first.click()
    assert first_column.all_inner_texts() == ["a", "c", "b"]
    assert tables.nth(number).locator("th[aria-sort=ascending]").count() == 1
    page.close()


def test_the_audit_names_files_and_says_what_to_do_with_each(opened, pages, images):
    page = opened("audit")
    assert page.locator("h2").first.inner_text().startswith("Images that look like another class")
    assert str(images / "Crazing" / "crazing_2.png") in str(page.locator("article").first.text_content())
    with pages["audit"].with_name("audit.csv").open() as table:
        rows = list(csv.DictReader(table))
    do = [(row["file"].rpartition("/")[2], row["do"]) for row in rows]
    assert ("crazing_2.png", "look") in do
    assert ("blank.png", "drop") in do
    assert [what for name, what in do if name in ("again_7.png", "again_8.png", "crease_1.png")].count("keep") == 1
    page.close()


def test_a_page_that_is_written_anew_shows_its_own_pictures_alone(images, tmp_path):
    files = sorted((images / "Crazing").glob("*.png"))
    row = {"error": None, "abstained": False, "class": "Crazing", "probability": 0.5}
    for some in (files, files[:2]):
        with prediction_page(tmp_path / "p.html") as add:
            for file in some:
                add(file, [row])
        shown = set(re.findall(r"p_pictures/(\w+\.jpg)", (tmp_path / "p.html").read_text()))
        assert shown == {file.name for file in (tmp_path / "p_pictures").iterdir()}


def test_an_inspection_shows_the_worst_first_and_its_boxes_and_outlines_can_be_switched_off(opened):
    page = opened("inspect")
    scores = [float(score) for score in page.locator("article").evaluate_all("all => all.map(a => a.dataset.score)")]
    assert scores[0] == -1, "what could not be read"
    defects = [score for score in scores[1:] if score in {record(n)["score"] for n in range(9) if n % 3}]
    assert scores[1 : 1 + len(defects)] == sorted(defects, reverse=True)
    box = page.locator("article svg rect").first
    assert box.is_visible()
    page.get_by_label("Boxes").uncheck()
    assert not box.is_visible()
    page.get_by_label("State").select_option("sound")
    assert page.locator("article:visible").count() == 3
    page.get_by_label("State").select_option("defects")
    page.locator("article:visible a.picture").first.click()
    image = page.locator("dialog[open] img")
    with_outlines = image.get_attribute("src")
    page.get_by_role("button", name="Without outlines").click()
    assert with_outlines.replace("-marked", "").endswith(image.get_attribute("src"))
    page.get_by_role("button", name="Next").click()
    assert "-marked" not in str(image.get_attribute("src")), "it stays as it was chosen"
    page.close()


@pytest.mark.parametrize("name", ["predict", "explain", "inspect"])
def test_five_thousand_images_are_a_page_that_opens_in_three_seconds(browser, images, tmp_path, name):
    file = sorted((images / "Crazing").glob("*.png"))[0]
    if name == "predict":
        Image.open(file).resize((40, 30)).save(tmp_path / "small.png")
        with prediction_page(tmp_path / "predict.html") as add:
            for n in range(MANY):
                best = {"error": None, "abstained": n % 9 == 0, "class": CLASSES[n % 3], "probability": n / MANY}
                others = [{"class": CLASSES[(n + k) % 3], "probability": 0.1} for k in (1, 2)]
                add(tmp_path / "small.png", [best, *others])
    elif name == "inspect":
        write_inspection(map(record, range(MANY)), "Tried.", tmp_path / "inspect.html")
    else:
        Image.open(file).save(tmp_path / "image.png")
        files = dict.fromkeys(("image", "T0", "T1"), ("image.png", 320, 213))
        texts = dict.fromkeys(("T0", "T1"), "A photo of steel surface defect: Crazing, a fine network of cracks.")
        entries = [Entry(f"{n:05d}.png", "Crazing", CLASSES[n % 3], n / MANY, texts, {}, files) for n in range(MANY)]
        write_explanations(entries, "embedded", "images", tmp_path)
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    assert (tmp_path / f"{name}.html").stat().st_size <= 5_000_000
    page.goto((tmp_path / f"{name}.html").as_uri())
    shown = page.locator("article").count()
    if name != "explain":
        assert shown == MANY
    else:
        left_out = int(re.search(r"([\d,]+) more images have no room", page.content())[1].replace(",", ""))
        assert shown + left_out == MANY
        assert "wrong" in page.locator("article").first.inner_text()
    taken = page.evaluate("performance.getEntriesByType('navigation')[0].duration") / 1000
    assert taken <= 3, f"{taken:.1f} s"
    page.close()
