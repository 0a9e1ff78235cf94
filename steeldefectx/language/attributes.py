"""Structured attributes of a defect, computed from its mask, and the template sentence made of them.

Scale, polarity, saliency, number and position follow the dataset's attribute definition to the letter, in
integer arithmetic, so that no rounding decides at a threshold. Shape, direction and spatial distribution come
from :mod:`steeldefectx.language.mask_geometry`.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TypedDict

import numpy as np
from scipy import ndimage

from steeldefectx.errors import DataError
from steeldefectx.language.mask_geometry import EIGHT_CONNECTED, direction_of, distribution_of, measure, shape_of

CELLS = (
    *("top-left", "top-center", "top-right"),
    *("middle-left", "center", "middle-right"),
    *("bottom-left", "bottom-center", "bottom-right"),
)
"""The 3x3 grid of positions, row by row: cell (i, j) has rows ``i * H // 3`` up to ``(i + 1) * H // 3`` and
columns likewise, so that the first cells are the smaller ones where 3 does not divide a side."""

NUMBERS = ("one", "two", "three", "four", "five")
"""Words for 1 to 5 components; more are "multiple"."""
MANY = "multiple"

SCALES_BELOW = (("tiny", 1), ("small", 3), ("medium", 10))
"""Scale, and the percentage of the image's area that it stays below."""
LARGE_UP_TO = 25
"""Percentage up to which, this included, the scale is large; above, it is extensive."""
NEUTRAL_UP_TO = 5
"""Grey levels between inside and outside up to which, this included, the polarity is neutral."""
LOW_BELOW, MEDIUM_UP_TO = 10, 40
"""Saliency is low below the first difference, medium up to the second, this included, and high above."""


class Position(TypedDict):
    """A cell of the grid and its share of the defect's area, above 0 and up to 1."""

    cell: str
    fraction: float


class Attributes(TypedDict):
    """The structured attributes of one image."""

    shape: str
    direction: str
    spatial_distribution: str
    number: str
    position: list[Position]
    scale: str
    polarity: str
    saliency: str


def attributes_from_mask(image: np.ndarray, mask: np.ndarray) -> Attributes:
    """All structured attributes of a defect.

    Components are 8-connected. A mask without an outside has nothing to contrast with: its polarity is
    neutral and its saliency low.

    Args:
        image: (H, W) uint8, grey levels 0..255.
        mask: (H, W) bool, True on the defect.

    Returns:
        ``position`` lists the cells that hold a part of the defect, the largest share first, equal shares in
        the order of :data:`CELLS`.

    Raises:
        DataError: Wrong dimensions or dtype, sizes that differ, or an empty mask.
    """
    _check(image, mask)
    labels, count = ndimage.label(mask, EIGHT_CONNECTED)
    parts = measure(labels, count)
    shape = shape_of(labels, parts)
    area = int(np.count_nonzero(mask))
    polarity, saliency = _contrast(image, mask, area)
    return {
        "shape": shape,
        "direction": direction_of(parts.merged() if shape == "network-like" else parts, mask.size),
        "spatial_distribution": distribution_of(labels, parts),
        "number": NUMBERS[count - 1] if count <= len(NUMBERS) else MANY,
        "position": _position(mask, area),
        "scale": _scale(area, mask.size),
        "polarity": polarity,
        "saliency": saliency,
    }


def _check(image: np.ndarray, mask: np.ndarray) -> None:
    if image.ndim != 2 or image.dtype != np.uint8:
        raise DataError(
            f"The image is {image.dtype} of shape {image.shape}, not uint8 (H, W): convert it to 8-bit grey."
        )
    if mask.ndim != 2 or mask.dtype != np.bool_:
        raise DataError(
            f"The mask is {mask.dtype} of shape {mask.shape}, not bool (H, W): pass mask > 127 of a grey one."
        )
    if image.shape != mask.shape:
        raise DataError(
            f"The mask has shape {mask.shape}, its image {image.shape}: pass both of them at the same size."
        )
    if not mask.any():
        raise DataError("The mask is empty, it shows no defect: check the file, or leave the mask out.")


def _scale(area: int, total: int) -> str:
    for name, percent in SCALES_BELOW:
        if 100 * area < percent * total:
            return name
    return "large" if 100 * area <= LARGE_UP_TO * total else "extensive"


def _contrast(image: np.ndarray, mask: np.ndarray, area: int) -> tuple[str, str]:
    """Polarity and saliency from the difference of the mean grey levels inside and outside."""
    outside = mask.size - area
    if outside == 0:
        return "neutral", "low"
    grey_inside = int(image[mask].sum(dtype=np.int64))
    grey_outside = int(image.sum(dtype=np.int64)) - grey_inside
    difference = grey_inside * outside - grey_outside * area  # in units of 1 / (area * outside) grey levels
    level = area * outside
    strength = abs(difference)
    polarity = "neutral" if strength <= NEUTRAL_UP_TO * level else "dark" if difference < 0 else "bright"
    if strength < LOW_BELOW * level:
        return polarity, "low"
    return polarity, "medium" if strength <= MEDIUM_UP_TO * level else "high"


def _position(mask: np.ndarray, area: int) -> list[Position]:
    row_edges, column_edges = [[i * side // 3 for i in range(4)] for side in mask.shape]
    counts = [
        int(np.count_nonzero(mask[top:bottom, left:right]))
        for top, bottom in pairwise(row_edges)
        for left, right in pairwise(column_edges)
    ]
    ranked = sorted(zip(CELLS, counts, strict=True), key=lambda item: -item[1])
    return [{"cell": cell, "fraction": count / area} for cell, count in ranked if count]


STRIPS = {
    "along the top": CELLS[:3],
    "across the middle": CELLS[3:6],
    "along the bottom": CELLS[6:],
    "down the left side": CELLS[::3],
    "down the center": CELLS[1::3],
    "down the right side": CELLS[2::3],
}
"""Places that reach from edge to edge, and their cells."""
STRIP_SHARE, STRIP_CELL_SHARE = 0.85, 0.15
"""A defect fills such a place that holds this share of it, and each of its cells the second."""
NAMED_SHARE, WHOLLY_SHARE = 0.5, 0.9
"""Else it lies in the first cell, or first two, that hold the first share of it: mainly, below the second."""

UNCOUNTED = re.compile(r"\b(?:ash|compression|corrosion|dust|\w{3,}ing|oil|oxide|rust|scale|skin|slag)$")
"""Ends of class names that take no article: "small crazing", "small white rust"."""
PLURAL = re.compile(r"[^siu]s$")
"""Ends of class names that are plurals: "patches", but not "gloss", "virus" or "chassis"."""
TONES = ("dark", "bright", "black", "white", "light", "grey", "gray", "red")
"""First words of class names that speak of brightness or colour already."""


def template_sentence(class_name: str, attributes: Attributes) -> str:
    """One sentence that states all attributes, whatever the class is called.

    A polarity that the class's name contradicts is stated at the end; a neutral one is left out, as the
    contrast is low then.

    >>> template_sentence("Bright scratch", {"shape": "linear", "direction": "vertical",
    ...     "spatial_distribution": "isolated", "number": "one", "scale": "tiny", "polarity": "bright",
    ...     "position": [{"cell": "bottom-center", "fraction": 1.0}], "saliency": "high"})
    'A tiny bright scratch with a linear, vertical shape, isolated in one region at the bottom center; its \
contrast to the surface is high.'

    Args:
        class_name: Any class's name, in the singular or the plural, as spelled in the taxonomy.
        attributes: As :func:`attributes_from_mask` gives them.
    """
    name = " ".join(class_name.lower().replace("_", " ").split())
    kind = name.partition(" of ")[0]  # "oxide scale of plate system" is a kind of scale
    plural = PLURAL.search(kind) is not None
    tone = name.partition(" ")[0]
    polarity = attributes["polarity"]
    words = [attributes["scale"], *([polarity] if polarity != "neutral" and tone not in TONES else [])]
    subject = " ".join([*(word for word in words if word != tone), name])
    if not plural and not UNCOUNTED.search(kind):
        subject = _with_article(subject)
    differs = polarity != "neutral" and tone in TONES and tone != polarity
    return (
        f"{subject[0].upper()}{subject[1:]} {_form(attributes['shape'], attributes['direction'])}, "
        f"{_regions(attributes['spatial_distribution'], attributes['number'])}"
        f"{_place(attributes['position'])}; "
        f"{_contrast_clause(attributes['saliency'], polarity if differs else None, plural)}."
    )


def _with_article(phrase: str) -> str:
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


def _form(shape: str, direction: str) -> str:
    if shape == "unclear":
        return "of unclear shape" if direction == "none" else f"of unclear shape and {direction} direction"
    return "with " + _with_article(f"{shape} shape" if direction == "none" else f"{shape}, {direction} shape")


def _regions(distribution: str, number: str) -> str:
    word = {"scattered": "scattered over", "unclear": "in"}.get(distribution, f"{distribution} in")
    return f"{word} {number} {'region' if number == 'one' else 'regions'}"


def _contrast_clause(saliency: str, polarity: str | None, plural: bool) -> str:
    """Strength of the contrast, and its sign unless None."""
    if polarity is None:
        return f"{'their' if plural else 'its'} contrast to the surface is {saliency}"
    comparison = {"dark": "darker", "bright": "brighter"}[polarity]
    return f"{'they are' if plural else 'it is'} {comparison} than the surface, with {saliency} contrast"


def _place(position: list[Position]) -> str:
    """Where most of the defect lies: a strip of cells, the first one or two cells, or all over."""
    share = {entry["cell"]: entry["fraction"] for entry in position}
    for place, cells in STRIPS.items():
        parts = [share.get(cell, 0.0) for cell in cells]
        if sum(parts) >= STRIP_SHARE and min(parts) >= STRIP_CELL_SHARE:
            return f" {place}"
    named = position[: 1 if position[0]["fraction"] >= NAMED_SHARE else 2]
    held = sum(entry["fraction"] for entry in named)
    if held < NAMED_SHARE:
        return " across the surface"
    mainly = " " if held >= WHOLLY_SHARE else ", mainly "
    return f"{mainly}at {' and '.join('the ' + entry['cell'].replace('-', ' ') for entry in named)}"
