"""Predictions as a page: how many images are of which class, and every image, the least sure first."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path

from steeldefectx.data.images import open_image
from steeldefectx.errors import DataError
from steeldefectx.inference.table_files import Row
from steeldefectx.taxonomy import find_class
from steeldefectx.utils import html
from steeldefectx.utils.grey_levels import to_display
from steeldefectx.utils.page_pictures import PagePictures

PAGE = ".html"
STYLE = ".scroll { max-height: 18rem; overflow: auto; } td:last-child { min-width: 14rem; }"
UNREADABLE = "not readable"


@contextmanager
def prediction_page(out: Path) -> Iterator[Callable[[Path, list[Row]], None]]:
    """A function that adds a file's rows to a page, which is written when the ``with`` block ends well."""
    pictures, counts, cards = PagePictures(out), Counter[str](), list[tuple[float, str]]()

    def add(file: Path, rows: list[Row]) -> None:
        best = rows[0]
        sure = 0.0 if best["error"] else best["probability"]
        counts[UNREADABLE if best["error"] else "unsure" if best["abstained"] else best["class"]] += 1
        cards.append((sure, _card(file, rows, pictures)))

    yield add
    cards.sort(key=lambda entry: entry[0])
    total = sum(counts.values())
    body = [
        f"<h1>{total:,} image{'s' * (total != 1)}, predicted</h1>",
        "<p>A probability says how sure the model is among the classes it knows: of an image of anything else, it says "
        "little. Those it is least sure of come first.</p>",
        _counts(counts),
        "<h2>Images</h2>",
        html.cards(
            (entry for _, entry in cards),
            "images",
            {"class": "Class", "state": "State"},
            [("sure", "least sure first", False), ("sure", "surest first", True), ("file", "by name", False)],
            "--out with the ending .csv writes a table of all.",
        ),
    ]
    html.write_page(html.page("SteelDefectX predictions", body, STYLE), out)
    pictures.remove_others()


def _counts(counts: Counter[str]) -> str:
    largest, total = max(counts.values(), default=1), sum(counts.values())
    rows = []
    for name, count in counts.most_common():
        known = find_class(name)
        bar = f'<div class="bar"><i style="width:{100 * count / largest:.1f}%"></i></div>'
        cause = escape(known.cause) if known else ""
        rows.append([escape(name), f"{count:,}", f"{100 * count / total:.1f}", bar, cause])
    return html.table(["class", "images", "%", "", "likely cause"], rows, "Images of each class", words=(0, 3, 4))


def _card(file: Path, rows: list[Row], pictures: PagePictures) -> str:
    name, best = os.fsencode(file).decode("utf-8", "replace"), rows[0]
    where = f'<p class="soft path">{escape(name)}</p>'
    if best["error"]:
        body = f'<div class="noimage">no image</div><p class="bad">{escape(best["error"])}</p>{where}'
        return html.card(body, {"state": UNREADABLE, "sure": 0, "file": name})
    try:
        picture = pictures.add(to_display(open_image(file)), f"{best['class']}: {file.name}")
    except DataError:  # it has gone since it was predicted
        picture = '<div class="noimage">no image</div>'
    others = ", ".join(f"{row['class']} {100 * row['probability']:.0f} %" for row in rows[1:])
    unsure = '<span class="bad">unsure</span>, perhaps ' if best["abstained"] else ""
    body = f"{picture}<p>{unsure}<b>{escape(best['class'])}</b> {100 * best['probability']:.1f} %</p>"
    body += f'<p class="soft">{escape(others)}</p>{where}'
    state = "unsure" if best["abstained"] else "sure"
    keys = {"class": best["class"], "state": state, "sure": f"{best['probability']:.4f}", "file": name}
    return html.card(body, keys)
