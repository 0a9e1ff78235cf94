"""What ``steeldefectx search`` shows: tables in the terminal, and a page with thumbnails that needs no other file."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from PIL import Image
from rich.table import Table

from steeldefectx.data.labelled import image_bytes
from steeldefectx.inference.search import Hit, Index
from steeldefectx.models.preprocessing import to_rgb

THUMBNAIL = 240
"""Pixels of a thumbnail's longer side."""
STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5d6878; --line: #dde2e9; --page: #f5f7f9; --card: #fff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7ebf0; --soft: #9aa6b5; --line: #2e3844; --page: #12171d;
  --card: #1a2129; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 78rem; padding: 2.5rem 1.25rem 4rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.6rem; overflow-wrap: anywhere; } .soft { color: var(--soft); overflow-wrap: anywhere; }
h1 img { display: block; max-height: 12rem; width: auto; margin-top: .6rem; border-radius: .35rem; }
.found { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 13.5rem), 1fr));
  margin-top: 1.4rem; }
figure { margin: 0; padding: .7rem; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
figure img { display: block; width: 100%; height: auto; border-radius: .35rem; }
figcaption { margin-top: .5rem; font-size: .86rem; line-height: 1.4; overflow-wrap: anywhere; }
figcaption b { display: block; } figcaption span { float: right; font-variant-numeric: tabular-nums; }
"""


def hits_table(index: Index, hits: Sequence[Hit], classes: Sequence[str]) -> Table:
    """What was found, best first."""
    table = Table("rank", "similarity", "class", "image", index.level)
    for rank, hit in enumerate(hits, 1):
        name = Path(index.cell(hit.row)["path"]).name
        table.add_row(str(rank), f"{hit.similarity:.3f}", classes[index.labels[hit.row]], name, hit.text)
    return table


def recall_table(recalls: Mapping[str, Mapping[str, float]], index: Index) -> Table:
    """R@1, R@5, R@10 in both directions, in percent."""
    images, texts = len(index.labels), len(index.texts)
    table = Table("search", title=f"{images:,} images, {texts:,} distinct {index.level} texts")
    for name in recalls["image_to_text"]:
        table.add_column(f"R@{name.rsplit('_', 1)[1]} %", justify="right")
    for direction, values in recalls.items():
        table.add_row(direction.replace("_", " "), *(f"{100 * value:.2f}" for value in values.values()))
    return table


def write_page(query: str | Image.Image, index: Index, hits: Sequence[Hit], classes: Sequence[str], file: Path) -> None:
    """Write the page, whole or not at all."""
    asked = f"“{escape(query)}”" if isinstance(query, str) else f"an image {_thumbnail(query)}"
    cards = "".join(_card(index, hit, classes[index.labels[hit.row]]) for hit in hits)
    searched = f"{len(hits)} of {len(index.labels):,} images searched, checkpoint {index.clip.name}"
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>SteelDefectX search</title><style>{STYLE}</style>"
        f'<h1>{asked}</h1><p class="soft">{escape(searched)}. The number is the cosine of query and result.</p>'
        f'<div class="found">{cards}</div></html>\n'
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    temporary.write_text(page, encoding="utf-8", errors="replace")
    temporary.replace(file)


def _card(index: Index, hit: Hit, class_name: str) -> str:
    with Image.open(io.BytesIO(image_bytes(index.cell(hit.row)))) as image:
        picture = _thumbnail(image)
    caption = f"<span>{hit.similarity:.3f}</span><b>{escape(class_name)}</b>{escape(hit.text)}"
    return f"<figure>{picture}<figcaption>{caption}</figcaption></figure>"


def _thumbnail(image: Image.Image) -> str:
    small = to_rgb(image)
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=85)
    encoded = base64.b64encode(buffer.getvalue()).decode()
    return f'<img alt="" width="{small.width}" height="{small.height}" src="data:image/jpeg;base64,{encoded}">'
