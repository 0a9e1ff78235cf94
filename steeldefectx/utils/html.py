"""HTML pages that need no other file: a frame with one look, and pictures inside the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from html import escape
from pathlib import Path

from PIL import Image

from steeldefectx.utils.atomic import atomic_write

STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5d6878; --line: #dde2e9; --page: #f5f7f9; --card: #fff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7ebf0; --soft: #9aa6b5; --line: #2e3844; --page: #12171d;
  --card: #1a2129; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 78rem; padding: 2.5rem 1.25rem 4rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.75rem; overflow-wrap: anywhere; }
.soft, figcaption { color: var(--soft); } .path, figcaption { overflow-wrap: anywhere; }
figure { margin: 0; min-width: 0; } figure img { display: block; height: auto; border-radius: .35rem; }
figcaption { margin-top: .4rem; font-size: .84rem; line-height: 1.4; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
"""
"""What all pages have in common; colours as variables, for light and dark."""


def page(title: str, body: Iterable[str], style: str = "") -> str:
    """A whole page.

    Args:
        title: Of the browser's tab, as text.
        body: Parts of the body, as HTML.
        style: CSS after :data:`STYLE`.
    """
    head = [
        '<!doctype html><html lang="en"><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{STYLE}{style}</style>",
    ]
    return "\n".join([*head, *body, "</html>\n"])


def picture(image: Image.Image, form: str = "PNG") -> str:
    """An image inside the page, as ``PNG`` or ``JPEG``."""
    buffer = io.BytesIO()
    image.save(buffer, form, quality=85)
    encoded = base64.b64encode(buffer.getvalue()).decode()
    source = f"data:image/{form.lower()};base64,{encoded}"
    return f'<img alt="" width="{image.width}" height="{image.height}" src="{source}">'


def thumbnail(image: Image.Image, side: int) -> str:
    """An RGB image inside the page as JPEG, its longer side ``side`` pixels at most."""
    small = image.copy()
    small.thumbnail((side, side))
    return picture(small, "JPEG")


def write_page(content: str, file: Path) -> None:
    """Write a page, whole or not at all; its folder is made if need be."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(file) as stream:
        stream.write(content.encode("utf-8", "replace").decode())  # names of files need not be UTF-8
