"""Pages in a real browser: Debian's Chromium, driven by Playwright, and axe's check of accessibility."""

import shutil
from contextlib import contextmanager

import pytest

WIDTHS = {1400: 900, 390: 844}
"""Width -> height of a desktop's window and of a phone's, in pixels."""


@contextmanager
def chromium():
    """A browser; the test is skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api")
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("Chromium not present")
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield launched
        launched.close()


def assert_accessible(page, what=""):
    """Nothing that axe calls serious or critical, at both widths and in both colour schemes; the page is left light."""
    size = page.viewport_size
    found = {
        f"{what} {width} px {scheme}: {fault}"
        for width, height in WIDTHS.items()
        for scheme in ("dark", "light")
        for fault in _faults(page, width, height, scheme)
    }
    page.set_viewport_size(size)
    assert not found, "\n".join(sorted(found))


def _faults(page, width, height, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": height})
    violations = Axe().run(page).response["violations"]
    return [
        f"{violation['id']} ({violation['impact']}): {node['html'][:120]} {node['failureSummary']}"
        for violation in violations
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


def sideways(page):
    """Pixels by which the page is wider than its window: what one can see only by scrolling sideways, or not at all."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
