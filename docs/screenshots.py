"""Screenshots of every page, at a desktop's and a phone's width, of synthetic images and committed results.

    python docs/screenshots.py                  all of them, into docs/pictures/
    python docs/screenshots.py predict demo     some

Needs Chromium with Playwright, and the extra ``demo``.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from pictures import COMMAND, OUT, RESULTS, quantize, steeldefectx

WIDTHS = {1400: 900, 390: 844}
"""Width -> height of a desktop's window and a phone's, in pixels."""
IMAGES = 4
"""Of each class, in the folder that the pages are made of."""


def main() -> None:
    """Take those that are named, or all."""
    from playwright.sync_api import sync_playwright

    names = sys.argv[1:] or list(PAGES)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as play:
        folder = Path(name)
        if set(names) - {"report", "demo", "explain", "search"}:
            render(folder / "rendered")
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for page in names:
            with PAGES[page](folder) as (address, prepare):
                for width, height in WIDTHS.items():
                    take(browser, address, prepare, (width, height), OUT / f"page-{page}-{width}.png")
        browser.close()


def take(browser: Any, address: str, prepare: Callable[[Any], None], size: tuple[int, int], file: Path) -> None:
    """One screenshot of a page's first screen."""
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    page.goto(address)
    prepare(page)
    page.wait_for_timeout(500)
    page.screenshot(path=file)
    page.close()
    quantize(file)
    print(f"{file}: {file.stat().st_size / 1000:.0f} kB")


def render(folder: Path) -> None:
    """Synthetic images in class folders, two of them in the wrong one."""
    from steeldefectx import load_dataset

    rows = load_dataset("sample", split="test")
    names, labels = rows.features["label"].names, rows["label"]
    for label, name in enumerate(names):
        for number, position in enumerate([n for n, other in enumerate(labels) if other == label][:IMAGES]):
            wrong = number == 0 and label < 2
            target = folder / names[label + 5 if wrong else label] / f"{name.lower().replace(' ', '_')}_{number}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            rows[position]["image"].save(target)


def nothing(page: Any) -> None:
    """Nothing to do before the screenshot."""


def written(page: str, *words: object) -> Callable[[Path], AbstractContextManager[tuple[str, Callable[[Any], None]]]]:
    """A page that a command writes."""

    @contextmanager
    def write(folder: Path) -> Any:
        steeldefectx(*[folder / word[1:] if str(word).startswith("@") else word for word in words])
        yield (folder / page).as_uri(), nothing

    return write


@contextmanager
def report(folder: Path) -> Any:
    """The benchmark's report, of committed results."""
    (folder / "benchmark").mkdir()
    shutil.copy(RESULTS / "real-images.jsonl", folder / "benchmark" / "results.jsonl")
    steeldefectx("report", folder / "benchmark", "--out", folder / "report")
    yield (folder / "report" / "report.html").as_uri(), nothing


@contextmanager
def demo(folder: Path) -> Any:
    """The demo with an example."""
    words = [COMMAND, "demo", "--checkpoint", "embedded", "--port", "0"]
    serving = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert serving.stdout is not None
    try:
        address = next(found[0] for line in serving.stdout if (found := re.search(r"http://\S+", line)))

        def use_example(page: Any) -> None:
            page.locator("#examples .thumbnail-item, #examples button").first.click()
            page.get_by_text("Likely cause").first.wait_for()
            page.wait_for_timeout(1500)

        yield address, use_example
    finally:
        serving.terminate()
        serving.wait()


PAGES: dict[str, Callable[[Path], AbstractContextManager[tuple[str, Callable[[Any], None]]]]] = {
    "predict": written("found.html", "predict", "@rendered", "--checkpoint", "embedded", "--out", "@found.html"),
    "audit": written("audit/audit.html", "audit", "@rendered", "--config", "class-folders", "--out", "@audit"),
    "explain": written(
        "explained/explain.html",
        *("explain", "sample", "--checkpoint", "embedded", "--texts", "T0,T3", "--out", "@explained"),
    ),
    "search": written(
        "search.html",
        *("search", "thin vertical scratch", "--checkpoint", "embedded", "--config", "sample", "--texts", "T3"),
        *("--out", "@search.html"),
    ),
    "report": report,
    "demo": demo,
}

if __name__ == "__main__":
    main()
