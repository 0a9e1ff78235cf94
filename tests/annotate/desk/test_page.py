"""The review desk in a real browser: two annotators at once, drafts, keys, adjudication, and what is let out."""

import pytest

from steeldefectx.store.verdicts import reviewed_text
from tests.annotate.desk.review_store import PLAIN, TRUE, WRONG, reference_kappa
from tests.annotate.desk.running_desk import (
    PATIENCE,
    QUEUE,
    Desk,
    playwright,
    reviews_by,
    says,
    shown,
    shows,
    type_text,
)

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def desk(tmp_path_factory, browser):
    running = Desk(tmp_path_factory.mktemp("desk"))
    yield running
    running.close()


def test_two_at_once_disagree_and_adjudicate(desk, browser):
    anna, ben = desk.sit_down(browser, "anna"), desk.sit_down(browser, "ben")
    says(anna, "#counts", "0 done, 5 left")
    for page in (anna, ben):
        shows(page, QUEUE[0])  # the riskiest
        assert page.input_value("#text") == WRONG
        says(page, ".candidate.proposed mark", "in the lower right")
        assert "bottom-right, measured top-left 100%" in page.get_attribute(".candidate mark", "title")
    anna.keyboard.press("2")  # the true candidate: both agree
    ben.keyboard.press("2")
    assert ben.input_value("#text") == TRUE
    anna.keyboard.press("s")  # shape: not stated -> right
    ben.keyboard.press("a")
    anna.keyboard.press("a")
    shows(ben, QUEUE[1])
    shows(anna, QUEUE[1])
    anna.keyboard.press("a")  # as it is, though its place stands at wrong; Ben writes, and hands in from the box
    says(anna, "#notice", "Location stands at wrong")
    anna.keyboard.press("a")
    ben.keyboard.press("d")
    type_text(ben, "A dark patch at the top left.")
    ben.keyboard.press("Control+Enter")
    shows(ben, QUEUE[2])
    shows(anna, QUEUE[2])
    assert "at the top left" not in anna.content()
    anna.keyboard.press("r")
    ben.keyboard.press("c")
    shows(ben, QUEUE[3])
    shows(anna, QUEUE[3])
    anna.keyboard.press("3")
    anna.click("#accept")
    ben.click(".candidate >> nth=2")
    ben.keyboard.press("a")
    for page in (anna, ben):
        shows(page, QUEUE[4])
        says(page, "#waiting", "2")

    verdicts = {image: [r.verdict for r in desk.store.reviews(image)] for image in QUEUE[:4]}
    assert verdicts == {
        QUEUE[0]: ["accept", "accept"],
        QUEUE[1]: ["accept", "edit"],
        QUEUE[2]: ["reject", "cannot_tell"],
        QUEUE[3]: ["accept", "accept"],
    }
    adjudicate(desk, browser)
    assert t3(desk.store) == {QUEUE[0]: TRUE, QUEUE[1]: "A patch at the top left.", QUEUE[3]: PLAIN}
    kappa_on_the_page(desk, anna)


def adjudicate(desk, browser):
    """A third person, while the two still have their pages open."""
    carl = desk.sit_down(browser, "carl")
    carl.keyboard.press("j")
    shows(carl, QUEUE[1])
    bens = carl.locator(".version", has_text="at the top left")
    assert bens.locator("ins").all_inner_texts() == ["at", "top left"]
    says(carl, "#differing", "“top left”")
    assert carl.locator("#differing dd b").all_inner_texts() == ["text", "depth"]
    assert not carl.is_visible("#own")
    for name in ("anna", "ben"):  # blind: not even in what was sent
        assert name not in carl.content()
    carl.keyboard.press(bens.locator("kbd").inner_text())
    assert carl.input_value("#text") == "A dark patch at the top left."
    type_text(carl, "A patch at the top left.")
    carl.keyboard.press("Escape")
    carl.keyboard.press("a")
    shows(carl, QUEUE[2])
    carl.keyboard.press("r")
    says(carl, "#empty", "No two reviews differ")
    carl.keyboard.press("b")  # back to one's decisions
    shows(carl, QUEUE[2])
    says(carl, "#state", "rejected")
    told = [name.split(": ")[1] for name in carl.locator(".version b").all_inner_texts()]  # once it is decided
    assert sorted(told) == ["anna", "ben"]
    carl.context.close()
    ben = desk.sit_down(browser, "ben")
    ben.evaluate(f"location.hash = 'adjudicate/{QUEUE[1]}'")
    says(ben, "#own", "One of these reviews is your own")
    ben.context.close()


def t3(store):
    """T3 of each image that has one, as an export gives it."""
    decisions = {decision.image_id: decision for decision in store.adjudications()}
    texts = {image: reviewed_text(store.reviews(image), decisions.get(image)) for image in QUEUE}
    return {image: text for image, text in texts.items() if text is not None}


def kappa_on_the_page(desk, page):
    page.keyboard.press("p")
    says(page, "#progress", "Agreement of anna and ben")
    rows = page.locator("#progress .panel >> nth=2").locator("tr").all_inner_texts()
    shown = {row.split("\t")[0]: row.split("\t")[1] for row in rows[1:]}
    both = [desk.store.reviews(image) for image in QUEUE[:4]]
    for what in ("verdict", "shape", "depth"):
        first, second = (
            [pair[i].verdict if what == "verdict" else pair[i].judgements[what] for pair in both] for i in (0, 1)
        )
        assert shown[what] == f"{reference_kappa(first, second):.2f}"
    assert shown["size"] == "–"  # both always say right: κ is undefined
    says(page, "#progress", "4 of 5 images have their final verdict, 3 of them a T3 text")


def test_a_closed_browser_loses_nothing_that_was_saved(desk, browser):
    page = desk.sit_down(browser, "dora")
    image = shown(page)
    page.keyboard.press("k")  # contrast: right -> wrong
    type_text(page, "Half a sent")
    says(page, "#saved", "Draft saved")
    page.context.close()
    assert reviews_by(desk, "dora") == []
    page = desk.sit_down(browser, "dora")
    shows(page, image)
    says(page, "#saved", "Draft restored")
    assert page.input_value("#text") == "Half a sent"
    assert page.get_attribute("[data-dimension=contrast]", "data-value") == "wrong"
    page.keyboard.press("1")
    page.context.close()  # at once: saved or not, the store is whole
    assert desk.store.draft(image, "dora").text in ("Half a sent", WRONG)


def test_keys_act_outside_of_the_box_only(desk, browser):
    page = desk.sit_down(browser, "emil")
    image = shown(page)
    type_text(page, "abcjmnoprswzk 123 +-0")
    assert page.input_value("#text") == "abcjmnoprswzk 123 +-0"
    assert shown(page) == image
    page.keyboard.press("Escape")
    fitted = page.inner_text("#scale")
    page.keyboard.press("+")
    assert page.inner_text("#scale") != fitted
    page.keyboard.press("-")
    assert page.inner_text("#scale") == fitted
    page.mouse.move(300, 300)
    page.mouse.wheel(0, -400)
    page.wait_for_function(f"document.querySelector('#scale').textContent !== '{fitted}'")
    page.keyboard.press("0")
    assert page.inner_text("#scale") == fitted
    assert not page.is_visible("#mask")
    page.keyboard.press("m")
    page.wait_for_function("document.querySelector('#mask').naturalWidth === 60")
    assert page.is_visible("#mask")
    page.keyboard.press("Control+r")  # not "reject"
    page.wait_for_selector(".candidate")
    assert reviews_by(desk, "emil") == []
    page.context.close()


def test_flags_follow_what_one_types(desk, browser):
    page = desk.sit_down(browser, "fritz")
    says(page, "#flags", "location: claims bottom-right")
    says(page, "#backdrop mark", "lower right")
    type_text(page, TRUE)
    playwright.expect(page.locator("#flags .chip")).to_have_count(0, timeout=PATIENCE)
    type_text(page, "<b>In the lower right</b> <script>document.title = 'taken'</script>")
    says(page, "#backdrop", "<script>")  # shown as it is
    assert page.title() == "SteelDefectX review"
    page.context.close()


def test_two_windows_of_one_annotator(desk, browser):
    first, second = desk.sit_down(browser, "greta"), desk.sit_down(browser, "greta")
    image = shown(first)
    first.keyboard.press("2")
    first.keyboard.press("a")
    says(first, "#counts", "1 done")
    type_text(second, "Typed meanwhile.")
    second.keyboard.press("Control+Enter")
    says(second, "#notice", "another window")
    assert second.input_value("#text") == "Typed meanwhile."
    says(second, "#kept", TRUE)  # and what the other window handed in, beside it
    assert [(review.image_id, review.text) for review in reviews_by(desk, "greta")] == [(image, TRUE)]
    second.keyboard.press("Control+Enter")
    says(second, "#counts", "1 done")
    assert [(review.text, review.version) for review in reviews_by(desk, "greta")] == [("Typed meanwhile.", 2)]
    first.keyboard.press("o")
    first.click("#done li a")
    says(first, "#state", "edited")
    assert (shown(first), first.input_value("#text")) == (image, "Typed meanwhile.")
    for page in (first, second):
        page.context.close()


def test_nothing_but_the_desk_is_served_and_nobody_else_is_asked(desk, browser):
    stranger = browser.new_context().request
    for path in ("/picture/image/steel/0", "/picture/mask/steel/0", "/logged-in", "/config", "/gradio_api/info"):
        assert stranger.get(desk.address + path).status == 401, path
    page = desk.sit_down(browser, "hanna")
    inside = page.context.request
    for kind in ("image", "mask", "thumbnail"):
        assert inside.get(f"{desk.address}/picture/{kind}/steel/0").body().startswith(b"\x89PNG"), kind
    database = desk.store.image("steel/0").path.replace("image.png", "annotations.db")
    for path in (
        *("/picture/image/" + database, "/picture/image/..%2fannotations.db", "/picture/mask/%2fetc%2fpasswd"),
        *("/picture/file/steel/0", "/picture/image/../annotations.db"),
        *("/gradio_api/file=" + database, "/gradio_api/file=/etc/passwd", "/file=/etc/passwd"),
    ):
        answer = inside.get(desk.address + path)
        assert answer.status in (403, 404), path
        assert b"SQLite" not in answer.body()
    page.context.close()
    assert desk.asked <= {desk.address, "data:", "blob:"}
    assert desk.errors == []


def test_where_it_cannot_be_served(desk):
    from steeldefectx.annotate.desk.server import check_address
    from steeldefectx.errors import ConfigError

    with pytest.raises(ConfigError, match="--auth"):
        check_address("0.0.0.0", desk.port, {})
    with pytest.raises(ConfigError, match="--port"):
        check_address("127.0.0.1", desk.port, {})
