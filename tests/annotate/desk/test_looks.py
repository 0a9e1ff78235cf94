"""How the review desk looks: on a phone, a tablet and a desktop; to axe; by keyboard."""

import re

import pytest

from steeldefectx.annotate.desk.queue import Submission
from steeldefectx.annotate.desk.reviews import ReviewQueue
from tests.annotate.desk.review_store import PLAIN, TRUE
from tests.annotate.desk.running_desk import PATIENCE, QUEUE, Desk, playwright, says, shows, type_text
from tests.browser import assert_accessible, sideways

pytestmark = pytest.mark.integration

SIZES = [(390, 844), (768, 1024), (1024, 768), (1180, 820), (1400, 900)]
"""A phone, a tablet upright and on its side, a small and a large desktop."""
VIEWS = {"w": "#work", "j": "#work", "o": "#done", "p": "#progress"}
INSIDE = {"w": "#flags .chip", "j": ".version", "o": "li", "p": "table"}
"""Key -> view that it opens, and what is in it when it is there."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory, browser):
    """Anna and Ben have reviewed two images, and differ on the first."""
    running = Desk(tmp_path_factory.mktemp("desk"))
    queue = ReviewQueue(running.store)
    for annotator, texts in {"anna": (TRUE, TRUE), "ben": (PLAIN, TRUE)}.items():
        for image, text in zip(QUEUE, texts, strict=False):
            judged = {"location": "right" if annotator == "anna" else "wrong", "size": "right"}
            sent = Submission(image_id=image, text=text, judgements=judged, seconds=9, verdict="accept")
            queue.hand_in(annotator, sent)
    yield running
    running.close()


def outside(page, selector):
    """What of some elements lies outside of the window, or is cut by what they lie in."""
    return page.eval_on_selector_all(
        selector,
        """nodes => nodes.filter(n => n.offsetParent).filter(n => {
             const box = n.getBoundingClientRect();
             return box.left < -1 || box.right > innerWidth + 1 || box.top < -1 || box.bottom > innerHeight + 1
               || n.scrollWidth > n.clientWidth + 1;
           }).map(n => n.innerText)""",
    )


def test_everything_is_in_reach_at_every_size(desk, browser):
    page = desk.sit_down(browser, "anna")
    type_text(page, "Somewhere a dark patch in the lower right, seen clearly, with a good many words to it. " * 3)
    page.keyboard.press("Escape")
    says(page, "#saved", "Draft saved on the desk")
    for key, view in VIEWS.items():
        page.keyboard.press(key)
        page.wait_for_selector(f"{view}:not([hidden]) {INSIDE[key]}")
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            where = f"{key} at {width} px"
            assert sideways(page) == 0, where
            assert outside(page, "nav button, #logout button, #help") == [], where
            if view == "#work":
                work_is_in_reach(page, where)
            else:
                assert page.eval_on_selector(view, "n => n.scrollWidth - n.clientWidth") == 0, where
    page.context.close()


def work_is_in_reach(page, where):
    page.wait_for_function("document.querySelector('#image').naturalWidth > 0")
    image = page.locator("#image").bounding_box()
    assert min(image["width"], image["height"]) >= 250, f"{where}: the image is {image}"
    assert outside(page, ".answering button, .tools button, .dimension i, #saved, .reading") == [], where
    assert page.eval_on_selector(".reading", "n => n.clientHeight") >= 120, where


def test_pinching_zooms(desk, browser):
    page = desk.sit_down(browser, "anna", 390, 844, has_touch=True)
    page.wait_for_function("document.querySelector('#image').getBoundingClientRect().width > 200")
    before = page.locator("#image").bounding_box()["width"]
    touch = page.context.new_cdp_session(page)
    for kind, apart in (("touchStart", 20), ("touchMove", 40), ("touchMove", 60), ("touchEnd", None)):
        points = [{"x": 190 + sign * apart, "y": 200, "id": sign + 1} for sign in (-1, 1)] if apart else []
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    assert page.locator("#image").bounding_box()["width"] == pytest.approx(3 * before, rel=0.1)
    page.context.close()


def test_axe_finds_nothing_serious(desk, browser):
    page = desk.window(browser.new_context(), "[name=name]")
    assert_accessible(page, "login")
    page.context.close()
    page = desk.sit_down(browser, "carl")
    page.wait_for_selector("#flags .chip")
    page.keyboard.press("a")
    says(page, "#notice", "at wrong")
    page.context.set_offline(True)
    type_text(page, "Typed offline in the lower right")
    says(page, "#connection", "does not answer")
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    page.wait_for_selector("#kept .offer")
    assert_accessible(page, "review, with all notices and offers")
    page.context.set_offline(False)
    says(page, "#saved", "Draft saved on the desk")
    page.keyboard.press("?")
    page.wait_for_selector("#keys[open]")
    assert_accessible(page, "keys")
    page.context.close()
    page = desk.sit_down(browser, "anna")
    for key, ready in (("j", ".version"), ("o", "#done li"), ("p", "#progress table")):
        page.keyboard.press(key)
        page.wait_for_selector(ready)
        assert_accessible(page, ready)
    page.context.close()


def test_the_done_list_is_filtered_and_opened_by_keyboard(desk, browser):
    page = desk.sit_down(browser, "anna")
    page.keyboard.press("o")
    rows = page.locator("#done li")
    playwright.expect(rows).to_have_count(2, timeout=PATIENCE)
    page.wait_for_function("[...document.querySelectorAll('#done img')].every(i => i.naturalWidth === 60)")
    page.get_by_label("Words").fill("steel/3")
    playwright.expect(rows).to_have_count(1, timeout=PATIENCE)
    page.get_by_label("Words").fill("wordless")  # letters in the field are no keys of the desk
    says(page, "#found", "No review fits.")
    page.get_by_label("Words").fill("")
    page.get_by_label("Risk").select_option(label="risk 0.5 and more")
    playwright.expect(rows).to_have_count(2, timeout=PATIENCE)
    page.get_by_label("Class").select_option("Patches")
    page.get_by_label("Annotator").select_option("anna")
    page.get_by_label("Words").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    shows(page, QUEUE[1])  # the newest
    says(page, "#state", "accepted")
    page.keyboard.press("o")
    playwright.expect(page.get_by_label("Class")).to_have_value("Patches", timeout=PATIENCE)  # as one left it
    page.context.close()


def test_the_keys_are_shown_and_hold_the_desk_still(desk, browser):
    page = desk.sit_down(browser, "anna")
    page.keyboard.press("?")
    says(page, "#keys", "judge the proposed text on shape, size")
    page.keyboard.press("r")
    page.keyboard.press("Escape")
    page.wait_for_selector("#keys", state="hidden")
    says(page, "#counts", "2 done")
    page.context.close()


def test_the_agreement_has_intervals_and_says_that_two_images_are_few(desk, browser):
    page = desk.sit_down(browser, "anna")
    page.keyboard.press("p")
    says(page, "#progress", "2 images are too few to tell how well they agree")
    row = page.locator("#progress tr", has_text="location").inner_text()
    assert re.fullmatch(r"location\t0.00\t-?\d\.\d\d to \d\.\d\d\t0\t2", row), row
    page.context.close()
