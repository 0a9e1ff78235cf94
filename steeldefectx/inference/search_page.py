"""What ``steeldefectx search`` shows: tables in the terminal, and a page with the pictures that were found."""

from __future__ import annotations

import io
from collections import Counter
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
from steeldefectx.utils.page_pictures import PagePictures


def hits_table(index: Index, hits: Sequence[Hit], classes: Sequence[str]) -> Table:
    """A table of hits, best first, for the terminal."""
    table = Table("", "cosine", "class")
    table.add_column("image", overflow="fold")
    table.add_column(index.level)
    said: set[str] = set()
    for rank, hit in enumerate(hits, 1):
        image_id, file = index.name(hit.row)
        text = "the same" if hit.text in said else hit.text
        said.add(hit.text)
        table.add_row(str(rank), f"{hit.similarity:.3f}", classes[index.labels[hit.row]], file or image_id, text)
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


def write_page(
    name: str, query: str | Image.Image, index: Index, hits: Sequence[Hit], classes: Sequence[str], file: Path
) -> None:
    """Write the page, whole or not at all, and its pictures.

    Args:
        name: The query as text, or the image's file.
        query: Text or image.
        index: What was searched.
        hits: What was found, best first.
        classes: Names of the classes.
        file: The page.
    """
    pictures = PagePictures(file)
    asked = ""
    if isinstance(query, Image.Image):
        asked = f"<figure>{pictures.add(to_display(query), f'what was searched with: {name}')}</figure>"
    searched = f"{len(hits)} of {len(index.labels):,} images searched, checkpoint {index.clip.name}"
    shared = {text for text, count in Counter(hit.text for hit in hits).items() if count > 1}
    body = [
        f"<h1>{escape(f'“{name}”' if isinstance(query, str) else name)}</h1>{asked}",
        f'<p class="soft path">{escape(searched)}. The number is the cosine of query and result.</p>',
        _shared(shared, index.level),
        "<h2>Found</h2>",
        html.cards(
            (_card(rank, index, hit, classes, shared, pictures) for rank, hit in enumerate(hits, 1)),
            "images",
            {"class": "Class"},
            [("rank", "nearest first", False), ("name", "by name", False)],
            "A lower --top-k finds fewer.",
        ),
    ]
    html.write_page(html.page("SteelDefectX search", body), file)
    pictures.remove_others()


def _shared(texts: set[str], level: str) -> str:
    """A text that several images have, said once."""
    if not texts:
        return ""
    lines = "".join(f"<li>{escape(text)}</li>" for text in sorted(texts))
    return f'<p class="soft">{level} texts that several of them have:</p><ul class="soft">{lines}</ul>'


def _card(rank: int, index: Index, hit: Hit, classes: Sequence[str], shared: set[str], pictures: PagePictures) -> str:
    image_id, path = index.name(hit.row)
    class_name = classes[index.labels[hit.row]]
    image = open_image(io.BytesIO(image_bytes(index.cell(hit.row))))
    picture = pictures.add(to_display(image), f"{class_name}: {image_id}")
    text = (index.own_text(hit.row) or "") if hit.text in shared else hit.text
    where = f'<p class="soft path">{escape(image_id)}{f"<br>{escape(path)}" if path else ""}</p>'
    body = f"{picture}<p><b>{escape(class_name)}</b> {hit.similarity:.3f}</p>{where}"
    body += f"<p>{escape(text)}</p>" if text and text not in shared else ""
    return html.card(body, {"class": class_name, "rank": rank, "name": image_id})
