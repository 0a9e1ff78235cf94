"""What ``steeldefectx search`` shows: tables in the terminal, and a page with thumbnails that needs no other file."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from PIL import Image
from rich.table import Table

from steeldefectx.data.images import open_image
from steeldefectx.data.labelled import image_bytes
from steeldefectx.inference.search import Hit, Index
from steeldefectx.utils import html
from steeldefectx.utils.grey_levels import to_display

THUMBNAIL = 240
"""Pixels of a thumbnail's longer side."""
STYLE = """
h1 { font-size: 1.6rem; } h1 img { display: block; max-height: 12rem; width: auto; margin-top: .6rem; }
.hits { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 13.5rem), 1fr));
  margin-top: 1.4rem; }
figure { padding: .7rem; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
figure img { width: 100%; } figcaption { color: var(--ink); }
figcaption b { display: block; } figcaption span { float: right; font-variant-numeric: tabular-nums; }
"""


def hits_table(index: Index, hits: Sequence[Hit], classes: Sequence[str]) -> Table:
    """A table of hits, best first, for the terminal."""
    table = Table("rank", "similarity", "class", "image", index.level)
    for rank, hit in enumerate(hits, 1):
        name = Path(index.cell(hit.row)["path"]).name
        table.add_row(str(rank), f"{hit.similarity:.3f}", classes[index.labels[hit.row]], name, hit.text)
    return table


def recall_table(recalls: Mapping[str, Mapping[str, float]], index: Index) -> Table:
    """A table of R@1, R@5, R@10 in both directions, in percent."""
    images, texts = len(index.labels), len(index.texts)
    table = Table("search", title=f"{images:,} images, {texts:,} distinct {index.level} texts")
    for name in recalls["image_to_text"]:
        table.add_column(f"R@{name.rsplit('_', 1)[1]} %", justify="right")
    for direction, values in recalls.items():
        table.add_row(direction.replace("_", " "), *(f"{100 * value:.2f}" for value in values.values()))
    return table


def write_page(query: str | Image.Image, index: Index, hits: Sequence[Hit], classes: Sequence[str], file: Path) -> None:
    """Write the page, whole or not at all."""
    heading = (
        f"“{escape(query)}”" if isinstance(query, str) else f"an image {html.thumbnail(to_display(query), THUMBNAIL)}"
    )
    searched = f"{len(hits)} of {len(index.labels):,} images searched, checkpoint {index.clip.name}"
    body = [
        f'<h1>{heading}</h1><p class="soft path">{escape(searched)}. The number is the cosine of query and result.</p>',
        f'<div class="hits">{"".join(_card(index, hit, classes[index.labels[hit.row]]) for hit in hits)}</div>',
    ]
    html.write_page(html.page("SteelDefectX search", body, STYLE), file)


def _card(index: Index, hit: Hit, class_name: str) -> str:
    image = open_image(io.BytesIO(image_bytes(index.cell(hit.row))))
    picture = html.thumbnail(to_display(image), THUMBNAIL)
    caption = f"<span>{hit.similarity:.3f}</span><b>{escape(class_name)}</b>{escape(hit.text)}"
    return f"<figure>{picture}<figcaption>{caption}</figcaption></figure>"
