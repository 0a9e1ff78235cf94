"""A running review desk for tests, and browsers in front of it."""

import re
import threading
import time

import pytest

from tests.annotate.desk.review_store import make_store

playwright = pytest.importorskip("playwright.sync_api")

PATIENCE = 180_000
"""Milliseconds until a test gives up waiting; on a busy machine a page takes a minute to load."""
RISKS = [0.2, 0.9, 0.0, 0.6, None]
QUEUE = ["steel/1", "steel/3", "steel/0", "steel/2", "steel/4"]
"""The images of a desk with these risks, in its order."""
READY, READY_TO_LOG_IN = ".candidate, .version, #empty:not([hidden])", "[name=name]"


class Desk:
    """A running review desk with browsers in front of it."""

    def __init__(self, folder, port=0):
        import uvicorn

        from steeldefectx.annotate.desk.server import review_app

        self.store = make_store(folder, RISKS)
        self.server = uvicorn.Server(uvicorn.Config(review_app(self.store), port=port, log_level="warning"))
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.02)
        self.port = self.server.servers[0].sockets[0].getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.asked = set()
        """Every host that a page has asked for anything."""
        self.errors = []
        self.questions = []
        """Asked before a page is left; each is answered with yes."""

    def close(self):
        self.server.should_exit = True
        self.thread.join()
        self.store.close()

    def sit_down(self, browser, name, width=1280, height=800, **settings):
        """A browser of an annotator's own, with the desk open in it."""
        context = browser.new_context(viewport={"width": width, "height": height}, **settings)
        context.set_default_timeout(PATIENCE)
        page = self.window(context, READY_TO_LOG_IN)
        page.fill("[name=name]", name)
        page.click("button")
        page.wait_for_selector(READY)
        return page

    def window(self, context, ready=READY):
        """Another window of the same browser."""
        page = context.new_page()
        page.on("dialog", self._leave)
        page.on("request", lambda request: self.asked.add(re.match(r"\w+:(?://[^/]+)?", request.url)[0]))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(self.address)
        page.wait_for_selector(ready)
        return page

    def _leave(self, dialog):
        self.questions.append(dialog.type)
        dialog.accept()


def shows(page, image_id):
    """Wait until the page shows an image."""
    playwright.expect(page.locator("#image-id")).to_have_text(image_id, timeout=PATIENCE)


def says(page, selector, text):
    playwright.expect(page.locator(selector)).to_contain_text(text, timeout=PATIENCE)


def shown(page):
    """The image that the page shows; which one it is depends on what was reviewed before."""
    return page.inner_text("#image-id")


def reviews_by(desk, annotator):
    return [review for review in desk.store.reviews() if review.annotator == annotator]


def type_text(page, text):
    page.keyboard.press("e")
    page.keyboard.press("Control+A")
    page.keyboard.type(text)
