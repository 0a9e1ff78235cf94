"""Nothing that is typed at the desk is lost: reload, crash, a server away or killed, two windows, lost answers."""

import contextlib
import socket
import time

import pytest

from tests.annotate.desk.review_store import TRUE, WRONG, make_store
from tests.annotate.desk.running_desk import (
    PATIENCE,
    READY,
    Desk,
    playwright,
    reviews_by,
    says,
    shown,
    shows,
    type_text,
)
from tests.commands import COMMAND, Command

pytestmark = pytest.mark.integration

SERVER_CALLS = "**/component_server/**"


@pytest.fixture(scope="module")
def desk(tmp_path_factory, browser):
    running = Desk(tmp_path_factory.mktemp("desk"))
    yield running
    running.close()


def kept_in(page):
    """Texts in the browser's storage."""
    ours = "Object.keys(localStorage).filter(name => name.startsWith('steeldefectx'))"
    return page.evaluate(f"{ours}.map(name => JSON.parse(localStorage[name]).text)")


def in_the_box(page, text):
    playwright.expect(page.locator("#text")).to_have_value(text, timeout=PATIENCE)


def asks_before_leaving(desk, action):
    before = len(desk.questions)
    action()
    return desk.questions[before:] == ["beforeunload"]


def no_draft_before_a_reload(page):
    """However slow the machine: the reload comes before the draft that follows what is typed within a second."""
    reloaded = []
    page.on("framenavigated", lambda frame: reloaded.append(frame.url))

    def hold(route):
        if '"save_draft"' in (route.request.post_data or "") and not reloaded:
            return route.abort()
        return route.continue_()

    page.route(SERVER_CALLS, hold)


def test_a_reload_right_after_typing(desk, browser):
    page = desk.sit_down(browser, "anna")
    page.keyboard.press("n")
    shows(page, "steel/3")  # not where one begins
    no_draft_before_a_reload(page)
    type_text(page, "Typed and reloaded at once")
    says(page, "#saved", "Kept in this browser; not on the desk yet")
    assert asks_before_leaving(desk, page.reload)
    shows(page, "steel/3")
    in_the_box(page, "Typed and reloaded at once")
    says(page, "#notice", "back in the box")
    says(page, "#saved", "Draft saved on the desk")
    assert desk.store.draft("steel/3", "anna").text == "Typed and reloaded at once"
    assert not asks_before_leaving(desk, page.reload)  # nothing is unsaved
    shows(page, "steel/3")
    says(page, "#saved", "Draft restored")
    page.context.close()


def test_a_tab_that_crashes(desk, browser):
    page = desk.sit_down(browser, "ben")
    image = shown(page)
    page.keyboard.press("d")  # depth: not stated -> right
    type_text(page, "Typed before the crash")
    page.on("crash", lambda: None)
    with contextlib.suppress(playwright.Error):
        page.goto("chrome://crash", timeout=3000)
    again = desk.window(page.context)
    shows(again, image)
    in_the_box(again, "Typed before the crash")
    assert again.get_attribute("[data-dimension=depth]", "data-value") == "right"
    again.context.close()


def test_the_network_is_away_for_a_while(desk, browser):
    """Said at once; what is typed meanwhile comes to the desk when it is back, and no notice stays behind."""
    page = desk.sit_down(browser, "carl")
    image = shown(page)
    page.context.set_offline(True)
    type_text(page, "Typed while the desk was away")
    says(page, "#connection", "The desk does not answer. What you type is kept in this browser until the desk has it.")
    says(page, "#saved", "not on the desk yet")
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    says(page, "#notice", "Not handed in. The desk does not answer.")
    page.keyboard.press("n")  # nobody leaves what is not saved
    says(page, "#notice", "You stay here")
    assert (shown(page), page.input_value("#text")) == (image, "Typed while the desk was away")
    assert kept_in(page) == ["Typed while the desk was away"]
    fits = "n => n.scrollWidth <= n.clientWidth && n.scrollHeight <= n.clientHeight"
    for bar in ("#connection", "#notice"):
        assert page.eval_on_selector(bar, fits), f"{bar} is cut off"
    page.context.set_offline(False)
    says(page, "#saved", "Draft saved on the desk")
    playwright.expect(page.locator("#connection")).to_be_empty(timeout=PATIENCE)
    assert page.locator("#notice span").inner_text() == "The desk answers again: try once more."
    assert desk.store.draft(image, "carl").text == "Typed while the desk was away"
    page.keyboard.press("a")
    says(page, "#counts", "1 done")
    playwright.expect(page.locator("#notice")).to_be_empty(timeout=PATIENCE)
    assert [review.text for review in reviews_by(desk, "carl")] == ["Typed while the desk was away"]
    assert kept_in(page) == []  # handed in: the browser need not keep it
    page.context.close()


def test_closed_while_the_network_is_away(desk, browser):
    page = desk.sit_down(browser, "dora")
    image = shown(page)
    page.context.set_offline(True)
    type_text(page, "Never reached the desk")
    page.close()
    page.context.set_offline(False)
    again = desk.window(page.context)
    shows(again, image)
    in_the_box(again, "Never reached the desk")
    again.context.close()


def test_two_windows_that_type_on_one_image(desk, browser):
    """The desk has one draft of an annotator's; the other text is kept in the browser, and offered."""
    first = desk.sit_down(browser, "emil")
    second = desk.window(first.context)
    image = shown(first)
    type_text(first, "In the first window")
    says(first, "#saved", "Draft saved on the desk")
    type_text(second, "In the second window")
    says(second, "#saved", "Draft saved on the desk")
    context = first.context
    first.close()
    second.close()
    again = desk.window(context)
    shows(again, image)
    in_the_box(again, "In the second window")
    says(again, "#kept", "In the first window")
    again.click("#kept button >> nth=0")
    in_the_box(again, "In the first window")
    says(again, "#kept", "In the second window")  # nothing is lost by choosing either
    again.keyboard.press("Escape")
    again.click("#kept button >> nth=1")
    assert again.locator("#kept").inner_text() == ""
    again.close()
    context.close()


def test_a_key_that_puts_a_proposed_text_in_the_box_keeps_what_was_typed(desk, browser):
    page = desk.sit_down(browser, "fritz")
    type_text(page, "Words of my own")
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    in_the_box(page, TRUE)
    says(page, "#kept", "Words of my own")
    page.reload()
    page.wait_for_selector(READY)
    says(page, "#kept", "Words of my own")
    page.context.close()


def test_an_answer_that_is_lost_on_its_way_back(desk, browser):
    """The desk has the review and the page does not know: pressing again is no conflict, and makes no second review."""
    page = desk.sit_down(browser, "greta")
    image = shown(page)
    lost = []

    def lose(route):
        if not lost and '"hand_in"' in route.request.post_data:
            lost.append(route.fetch())
            return route.abort()
        return route.continue_()

    page.route(SERVER_CALLS, lose)
    page.keyboard.press("2")
    page.keyboard.press("a")
    says(page, "#notice", "the same is not taken twice")
    assert [review.text for review in reviews_by(desk, "greta")] == [TRUE]
    page.keyboard.press("a")
    says(page, "#counts", "1 done")
    (review,) = reviews_by(desk, "greta")
    assert (review.image_id, review.version) == (image, 1)
    assert desk.store.draft(image, "greta") is None
    assert page.inner_text("#notice") == ""
    page.context.close()


def test_logged_out_in_another_window(desk, browser):
    page = desk.sit_down(browser, "hanna")
    image = shown(page)
    cookies = page.context.cookies()
    page.context.clear_cookies()
    type_text(page, "Typed after logging out")
    says(page, "#connection", "You are logged out. What you type is kept in this browser")
    page.context.add_cookies(cookies)
    says(page, "#saved", "Draft saved on the desk")
    assert desk.store.draft(image, "hanna").text == "Typed after logging out"
    other = desk.sit_down(browser, "ina")
    page.context.clear_cookies()
    page.context.add_cookies(other.context.cookies())
    type_text(page, "Under another name")
    says(page, "#notice", "logged in as ina")
    assert desk.store.draft(image, "ina") is None  # nobody writes in another's name
    for each in (page, other):
        each.context.close()


def test_a_browser_that_keeps_nothing_says_so(desk, browser):
    page = desk.sit_down(browser, "jan")
    page.evaluate("void (Storage.prototype.setItem = () => { throw new DOMException('', 'QuotaExceededError'); })")
    page.context.set_offline(True)
    type_text(page, "Typed in vain?")
    says(page, "#saved", "this browser keeps nothing")
    says(page, "#connection", "is in this window alone")
    page.context.close()


def wait_for(port):
    deadline = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.1)


def test_the_server_is_killed_and_comes_back(tmp_path, browser):
    make_store(tmp_path, [0.9]).close()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = (COMMAND, "review", "--store", tmp_path / "annotations.db", "--port", port)
    running = Command(*words)
    wait_for(port)
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"http://127.0.0.1:{port}")
    page.fill("[name=name]", "anna")
    page.click("button")
    page.wait_for_selector(READY)
    assert page.input_value("#text") == WRONG
    running.kill_when(lambda: True)
    type_text(page, "Typed while the desk was dead")
    says(page, "#connection", "The desk does not answer")
    running = Command(*words)
    says(page, "#saved", "Draft saved on the desk")
    page.reload()
    in_the_box(page, "Typed while the desk was dead")
    context.close()
    running.kill_when(lambda: True)
