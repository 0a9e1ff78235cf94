"""HTML pages that need no network: one head and look, lists and tables to sort and filter, pictures to click on.

A page says all it has to say without JavaScript; with it, lists can be sorted and filtered and pictures open whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from html import escape
from importlib import resources
from pathlib import Path

from steeldefectx.utils.atomic import atomic_write

MOST_BYTES = 4_500_000
"""Of a page's list; what is beyond is said to be elsewhere."""


def page(title: str, body: Iterable[str], style: str = "", contents: str = "") -> str:
    """A whole page.

    Args:
        title: Of the browser's tab, as text.
        body: Parts of the body, as HTML; one of them has the ``<h1>``.
        style: CSS after that of all pages.
        contents: Links to the page's sections, as HTML, to stand beside it.
    """
    head = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{_asset('page.css')}{style}</style></head><body>",
    ]
    before, after = ("<main>", "</main>") if not contents else (
        f'<div class="frame"><nav aria-label="Contents">{contents}</nav><main>', "</main></div>"
    )  # fmt: skip
    return "\n".join([*head, before, *body, after, f"<script>{_asset('page.js')}</script></body></html>\n"])


@cache
def _asset(name: str) -> str:
    return (resources.files(__package__) / name).read_text("utf-8")


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], label: str, words: Sequence[int] = (0,)) -> str:
    """A table that is sorted by a click on a column, and filtered where it is long.

    Args:
        columns: Their names, as text.
        rows: Entries, as HTML.
        label: What the table is, for those who do not see it.
        words: Columns, by position, that hold words; the others hold numbers.
    """

    def line(tag: str, entries: Sequence[str]) -> str:
        kind = (' class="words"' if column in words else "" for column in range(len(entries)))
        return f"<tr>{''.join(f'<{tag}{c}>{e}</{tag}>' for c, e in zip(kind, entries, strict=True))}</tr>"

    head, body = line("th", [escape(name) for name in columns]), "".join(line("td", row) for row in rows)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(label)}"><table class="sortable">'
        f"<thead>{head}</thead><tbody>{body}</tbody></table></div>"
    )


def card(body: str, keys: Mapping[str, str | float | None]) -> str:
    """An entry of :func:`cards`.

    Args:
        body: HTML.
        keys: What it can be filtered and sorted by.
    """
    data = "".join(f' data-{key}="{escape(str(value))}"' for key, value in keys.items() if value is not None)
    return f'<article class="card"{data}>{body}</article>\n'


def cards(
    entries: Iterable[str],
    what: str,
    filters: Mapping[str, str],
    orders: Sequence[tuple[str, str, bool]],
    elsewhere: str,
) -> str:
    """A list that can be filtered and sorted; of a list too long for a page its beginning.

    Args:
        entries: From :func:`card`, in the order that is shown first.
        what: What they are, in the plural.
        filters: Key of the entries -> what it is called.
        orders: Key, what the order is called, whether the highest come first; the first is the order of ``entries``.
        elsewhere: A sentence on where those are that this page has no room for.
    """
    kept, size, left_out = [], 0, 0
    for entry in entries:
        size += len(entry.encode("utf-8", "replace"))
        if size > MOST_BYTES:
            left_out += 1
        else:
            kept.append(entry)
    by = ";".join(f"{key}:{name}" for key, name in filters.items())
    sorts = ";".join(f"{key}:{name}:{'down' if down else 'up'}" for key, name, down in orders)
    note = f'<p class="soft">{left_out:,} more {what} have no room on this page. {escape(elsewhere)}</p>'
    return (
        f'<div class="cards" data-list="{escape(what)}" data-filters="{escape(by)}" data-sorts="{escape(sorts)}">'
        f"{''.join(kept)}</div>{note if left_out else ''}"
    )


def write_page(content: str, file: Path) -> None:
    """Write a page, whole or not at all; its folder is made if need be."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(file) as stream:
        stream.write(content.encode("utf-8", "replace").decode())  # names of files need not be UTF-8
