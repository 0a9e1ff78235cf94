"""The pictures of a page, as files in a folder beside it: small ones that load as one scrolls, whole ones on click."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from html import escape
from pathlib import Path

from PIL import Image

SMALL, WHOLE = 240, 1600
"""Pixels of the longer side of a picture on the page, and at most of one that was clicked on."""
_OURS = re.compile(r"[0-9a-f]{20}\.jpg")


class PagePictures:
    """``<page>_pictures/``. A file's name is a hash of its content: a page that is there shows what it showed.

    Args:
        page: The page's file.
    """

    def __init__(self, page: Path):
        self.folder = page.with_name(f"{page.stem}_pictures")
        self._written: set[str] = set()

    def add(self, image: Image.Image, alt: str, side: int = SMALL) -> str:
        """Write an image's files; the small one as a link to the whole one, as HTML.

        Args:
            image: Upright, RGB or 8-bit grey.
            alt: What it shows, for those who do not see it.
            side: Pixels of the small one's longer side, at most.
        """
        small, whole = image.copy(), image
        small.thumbnail((side, side))
        if max(image.size) > WHOLE:
            whole = image.copy()
            whole.thumbnail((WHOLE, WHOLE))
        shown = self._write(small)
        return link(shown if small.size == whole.size else self._write(whole), shown, alt, small.size)

    def _write(self, image: Image.Image) -> str:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=85)
        name = f"{hashlib.sha256(buffer.getvalue()).hexdigest()[:20]}.jpg"
        if name not in self._written:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_bytes(buffer.getvalue())
            self._written.add(name)
        return f"{self.folder.name}/{name}"

    def remove_others(self) -> None:
        """Once the page is there: remove what an earlier one had."""
        for file in self.folder.glob("*.jpg"):
            if _OURS.fullmatch(file.name) and file.name not in self._written:
                file.unlink()


def link(whole: str, small: str, alt: str, size: tuple[int, int]) -> str:
    """A picture that is loaded when it is scrolled to, and opens whole on click.

    Args:
        whole: Address of what opens.
        small: Address of what is shown.
        alt: What it shows, for those who do not see it.
        size: Width and height of what is shown, in pixels.
    """
    width, height = size
    return (
        f'<a class="picture" href="{escape(whole)}"><img loading="lazy" src="{escape(small)}" alt="{escape(alt)}" '
        f'width="{width}" height="{height}"></a>'
    )


def inline(image: Image.Image, alt: str) -> str:
    """A few pixels, such as a legend's colours, inside the page itself."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    encoded = base64.b64encode(buffer.getvalue()).decode()
    return (
        f'<img alt="{escape(alt)}" width="{image.width}" height="{image.height}" src="data:image/png;base64,{encoded}">'
    )
