"""What is said once of all images of a folder: pages, number formats, transparency, channels, how masks were taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from PIL import Image

from steeldefectx.data.images import Traits
from steeldefectx.data.sources.mask_pixels import COLOURS, NUMBERS
from steeldefectx.utils.grey_levels import PERCENTILES, usual_range
from steeldefectx.utils.printable import printable

LOOKED_AT = 64
"""Colour images whose channels are compared."""
SIDE = 32
"""Pixels a side that they are compared at."""
ALIKE = 0.5
"""Channels of a picture in colours correlate better than this; those of three lights need not."""


def remarks(traits: Mapping[Path, Traits], page: int, correlations: Sequence[float]) -> dict[str, str]:
    """What there is to say of a folder's images: kind of remark -> the remark.

    Args:
        traits: Of each file that is used.
        page: Which page of files of several is read.
        correlations: :func:`channel_correlation` of some colour images.
    """
    said = {
        "pages": _of_pages(traits, page),
        "levels": _of_levels(traits),
        "transparent": _of(
            traits, lambda t: t.transparent, "transparent pixels: the colours below are read as if they were not"
        ),
        "channels": _of(traits, lambda t: t.more_channels, "more channels than are read: the first three"),
        "colours": _of(traits, lambda t: t.deep_colours, "colours of 16 bits, of which the 8 highest are read"),
        "lights": _of_lights(correlations),
    }
    return {kind: line for kind, line in said.items() if line}


def _of_lights(correlations: Sequence[float]) -> str:
    if not correlations or float(np.median(correlations)) >= ALIKE:
        return ""
    return (
        "The three channels of the images hardly resemble each other, as if they were three pictures, such as one a "
        "light: they are read as red, green and blue."
    )


def _of(traits: Mapping[Path, Traits], have: Callable[[Traits], bool], what: str) -> str:
    files = [path for path, each in traits.items() if have(each)]
    return f"{_images(len(files))} {what}. The first is {printable(files[0].name)}." if files else ""


def _images(count: int) -> str:
    return f"{count:,} images have" if count > 1 else "1 image has"


def _of_pages(traits: Mapping[Path, Traits], page: int) -> str:
    several = {path: each.pages for path, each in traits.items() if each.pages > 1}
    if not several:
        return ""
    most = max(several, key=lambda path: several[path])
    chosen = "the first of each is read" if page == 0 else f"number {page} of each is read, counted from 0"
    return (
        f"{len(several):,} file{'s have' if len(several) > 1 else ' has'} several pages or frames (up to "
        f"{several[most]:,}: {printable(most.name)}): {chosen}. Another is chosen with page=N (--page N)."
    )


def _of_levels(traits: Mapping[Path, Traits]) -> str:
    ranges = [each.levels for each in traits.values() if each.levels is not None]
    if not ranges:
        return ""
    lowest, highest = min(low for low, _ in ranges), max(high for _, high in ranges)
    usual, (low, high) = usual_range(lowest, highest), PERCENTILES
    how = f"{usual[0]:g} is black and {usual[1]:g} white" if usual else f"percentiles {low} and {high} are the ends"
    return (
        f"{_images(len(ranges))} grey levels that are floating-point numbers or no 16-bit ones, from {lowest:.4g} to "
        f"{highest:.4g}: {how}."
    )


def channel_correlation(image: Image.Image) -> float | None:
    """How well the best two channels of a colour image correlate, -1..1; None of any other, and of a blank one."""
    if image.mode not in ("RGB", "RGBA", "RGBX"):
        return None
    small = np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.float64).reshape(-1, 3)
    if (small.std(axis=0) < 2).any():
        return None
    correlations: np.ndarray = np.atleast_2d(np.corrcoef(small.T))
    return max(float(correlations[pair]) for pair in combinations(range(3), 2))


def of_masks(ambiguous: Sequence[Path], turned: int, kinds: Mapping[str, int]) -> list[str]:
    """What there is to say of masks: of images that are stored turned or mirrored, and drawn in unusual ways.

    Args:
        ambiguous: Masks that fit the image both upright and as it is stored.
        turned: How many were drawn on the image as it is stored, by their size.
        kinds: How many are drawn in which way, see :func:`.mask_kind`.
    """
    lines = [
        f"{kinds[kind]:,} masks are drawn in {kind}, not white on black: all but the background is the defect."
        for kind in (NUMBERS, COLOURS)
        if kinds.get(kind)
    ]
    if turned:
        lines.append(f"{turned:,} masks are of their image as it is stored, turned: they are turned upright with it.")
    if ambiguous:
        several = f"{len(ambiguous):,} masks fit their images" if len(ambiguous) > 1 else "1 mask fits its image"
        lines.append(
            f"{several} both upright and as stored, turned or mirrored: taken as drawn on the upright picture, which "
            f"most programs show. The first is {printable(ambiguous[0].name)}."
        )
    return lines
