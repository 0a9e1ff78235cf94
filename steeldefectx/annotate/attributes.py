"""Structured attributes of a defect, computed from its mask, and the template sentence made of them.

Scale, polarity, saliency, number and position follow the dataset's definition to the letter. Shape, direction
and spatial distribution, which its authors asked a language model for, come from the mask's geometry here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TypedDict

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree

from steeldefectx.errors import DataError

CELLS = (
    *("top-left", "top-center", "top-right"),
    *("middle-left", "center", "middle-right"),
    *("bottom-left", "bottom-center", "bottom-right"),
)
"""The 3x3 grid of positions, row by row; a cell's borders lie at ``i * height // 3`` and ``j * width // 3``."""

NUMBERS = ("one", "two", "three", "four", "five")
SCALES = ((0.01, "tiny"), (0.03, "small"), (0.10, "medium"))
"""Scale below each area fraction."""
LARGE_UP_TO = 0.25
"""Area fraction up to which, this included, the scale is large; above it is extensive."""
POLARITY_MARGIN = 5.0
"""Grey levels between inside and outside up to which the polarity is neutral."""
LOW_BELOW, MEDIUM_UP_TO = 10.0, 40.0
"""Saliency from the same difference, without its sign."""

DOMINANT = 0.6
"""A component with this share of the area speaks for the whole mask."""
LINEAR, ELONGATED = 5.0, 2.2
"""Major over minor axis (of the ellipse with the same moments) from which a component is so called."""
CURVED_FILL = 0.65
"""A drawn-out component that fills less of its ellipse than this is bent."""
ROUND, ROUND_FILL = 1.35, 0.93
"""A component with axes up to this ratio that fills so much of its ellipse is circular."""
NETWORK_HOLES, NETWORK_FILL = 4, 0.5
"""A component with so many holes, or so many per hundred pixels of its outline's ellipse, is a network."""
COMPACT_FILL = 0.78
"""A component that fills so much of its ellipse is a spot or a patch; one that fills less is irregular."""
SPOT_AREA = 0.015
"""Area fraction below which something compact is a spot and not a patch."""
FRAGMENTS, FRAGMENT_AREA = 3, 0.002
"""So many components, no dominant one: fragmented; with a median area below this fraction: spot-like."""
DIFFUSE_COMPONENTS = 40
"""More components than this, without a dominant one, are diffuse."""
DIRECTED = 1.8
"""Axis ratio from which a mask has a direction."""
AXIS_TOLERANCE = 22.5
"""Degrees from an axis within which a direction is horizontal or vertical."""
CLUSTERED_BELOW = 0.75
"""Clark-Evans ratio (mean nearest-neighbor distance over that of random points) below which components cluster."""
PAIR_CLUSTERED_BELOW = 0.25
"""Two components this near, as a fraction of the image's diagonal, are clustered."""

EIGHT_CONNECTED = np.ones((3, 3), dtype=bool)


class Position(TypedDict):
    """A cell of the grid and its share of the defect's area, 0..1."""

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


@dataclass(frozen=True)
class _Components:
    """Geometry of C components: all arrays have C entries, lengths are in pixels."""

    area: np.ndarray
    row: np.ndarray
    column: np.ndarray
    """Centroids."""
    rows: np.ndarray
    columns: np.ndarray
    cross: np.ndarray
    """Central second moments: variance of row, variance of column, covariance."""

    def axes(self) -> tuple[np.ndarray, np.ndarray]:
        """Lengths of the major and minor axes of the ellipses with the same moments."""
        mean, half = (self.rows + self.columns) / 2, (self.rows - self.columns) / 2
        root = np.hypot(half, self.cross)
        return 4 * np.sqrt(mean + root), 4 * np.sqrt(np.maximum(mean - root, 0))


def attributes_from_mask(image: np.ndarray, mask: np.ndarray) -> Attributes:
    """All structured attributes of a defect.

    Args:
        image: (H, W) uint8, grey.
        mask: (H, W) bool, True on the defect.

    Raises:
        DataError: Wrong dimensions, sizes that differ, or an empty mask.
    """
    if image.ndim != 2 or mask.ndim != 2 or mask.dtype != bool:
        raise DataError(f"A grey image and a boolean mask are needed, not {image.shape} and {mask.shape} {mask.dtype}.")
    if image.shape != mask.shape:
        raise DataError(f"The mask has another size {mask.shape} than its image {image.shape}.")
    if not mask.any():
        raise DataError("The mask is empty.")
    labels, count = ndimage.label(mask, EIGHT_CONNECTED)
    parts = _components(labels, count)
    polarity, saliency = _contrast(image, mask)
    return {
        "shape": _shape(labels, parts),
        "direction": _direction(parts),
        "spatial_distribution": _distribution(parts, mask.shape),
        "number": NUMBERS[count - 1] if count <= len(NUMBERS) else "multiple",
        "position": _position(mask),
        "scale": _scale(int(mask.sum()), mask.size),
        "polarity": polarity,
        "saliency": saliency,
    }


def _scale(area: int, total: int) -> str:
    for bound, name in SCALES:
        if area < bound * total:
            return name
    return "large" if area <= LARGE_UP_TO * total else "extensive"


def _contrast(image: np.ndarray, mask: np.ndarray) -> tuple[str, str]:
    """Polarity and saliency; a mask without an outside has no contrast."""
    if mask.all():
        return "neutral", "low"
    difference = float(image[mask].mean(dtype=np.float64) - image[~mask].mean(dtype=np.float64))
    polarity = "dark" if difference < -POLARITY_MARGIN else "bright" if difference > POLARITY_MARGIN else "neutral"
    strength = abs(difference)
    return polarity, "low" if strength < LOW_BELOW else "medium" if strength <= MEDIUM_UP_TO else "high"


def _position(mask: np.ndarray) -> list[Position]:
    """Cells that hold a part of the defect, the largest share first, equal shares in the grid's order."""
    height, width = mask.shape
    row_edges, column_edges = [[i * side // 3 for i in range(4)] for side in (height, width)]
    counts = [
        int(np.count_nonzero(mask[top:bottom, left:right]))
        for top, bottom in pairwise(row_edges)
        for left, right in pairwise(column_edges)
    ]
    total = sum(counts)
    ranked = sorted(zip(CELLS, counts, strict=True), key=lambda item: -item[1])
    return [{"cell": cell, "fraction": count / total} for cell, count in ranked if count]


def _components(labels: np.ndarray, count: int) -> _Components:
    """Moments of all components at once."""
    row, column = np.nonzero(labels)
    label = labels[row, column] - 1
    area = np.bincount(label, minlength=count).astype(float)

    def mean(values: np.ndarray) -> np.ndarray:
        return np.bincount(label, values, count) / area

    center_row, center_column = mean(row), mean(column)
    down, right = row - center_row[label], column - center_column[label]
    pixel = 1 / 12  # the second moment of a pixel itself
    return _Components(
        area, center_row, center_column, mean(down**2) + pixel, mean(right**2) + pixel, mean(down * right)
    )


def _shape(labels: np.ndarray, parts: _Components) -> str:
    largest = int(parts.area.argmax())
    if parts.area[largest] < DOMINANT * parts.area.sum():
        return _shape_of_many(parts, labels.size)
    major, minor = (axis[largest] for axis in parts.axes())
    ratio = major / max(minor, 1.0)
    fill = parts.area[largest] / (math.pi / 4 * major * max(minor, 1.0))
    if _holes(labels == largest + 1) >= NETWORK_HOLES and fill < NETWORK_FILL:
        return "network-like"
    if ratio >= LINEAR:
        return "linear" if fill >= CURVED_FILL else "curved"
    if ratio >= ELONGATED:
        return "elongated" if fill >= CURVED_FILL else "curved"
    if ratio <= ROUND and fill >= ROUND_FILL:
        return "circular"
    if fill >= COMPACT_FILL:
        return "spot-like" if parts.area[largest] < SPOT_AREA * labels.size else "patch-like"
    return "irregular"


def _shape_of_many(parts: _Components, total: int) -> str:
    """Shape of a mask without a dominant component: that of its parts where they agree."""
    major, minor = parts.axes()
    weight = parts.area / parts.area.sum()
    ratio = major / np.maximum(minor, 1.0)
    if weight[ratio >= LINEAR].sum() >= DOMINANT:
        return "linear"
    if weight[ratio >= ELONGATED].sum() >= DOMINANT:
        return "elongated"
    if len(parts.area) > DIFFUSE_COMPONENTS:
        return "diffuse"
    if np.median(parts.area) < FRAGMENT_AREA * total:
        return "spot-like"
    return "fragmented" if len(parts.area) >= FRAGMENTS else "patch-like"


def _holes(component: np.ndarray) -> int:
    """Background regions enclosed by a component."""
    rows, columns = np.any(component, 1).nonzero()[0], np.any(component, 0).nonzero()[0]
    cut = component[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return int(ndimage.label(~np.pad(cut, 1))[1]) - 1


def _direction(parts: _Components) -> str:
    """Direction of the dominant component, or the common one of several by area."""
    weight = parts.area / parts.area.sum()
    largest = int(parts.area.argmax())
    if weight[largest] >= DOMINANT:
        weight = np.eye(len(weight))[largest]
    rows, columns, cross = (float(weight @ moment) for moment in (parts.rows, parts.columns, parts.cross))
    pooled = _Components(*(np.array([value]) for value in (1.0, 0.0, 0.0, rows, columns, cross)))
    major, minor = (float(axis[0]) for axis in pooled.axes())
    if major < DIRECTED * max(minor, 1.0):
        return "none"
    angle = abs(math.degrees(0.5 * math.atan2(2 * cross, columns - rows)))  # 0 along the rows, 90 across
    if angle <= AXIS_TOLERANCE:
        return "horizontal"
    return "vertical" if angle >= 90 - AXIS_TOLERANCE else "diagonal"


def _distribution(parts: _Components, shape: tuple[int, ...]) -> str:
    count = len(parts.area)
    if count == 1:
        return "isolated"
    points = np.column_stack([parts.row, parts.column])
    nearest = KDTree(points).query(points, k=2)[0][:, 1]
    if count == 2:
        return "clustered" if nearest[0] < PAIR_CLUSTERED_BELOW * math.hypot(*shape) else "scattered"
    expected = 0.5 * math.sqrt(shape[0] * shape[1] / count)  # Clark & Evans 1954
    return "clustered" if nearest.mean() < CLUSTERED_BELOW * expected else "scattered"


def template_sentence(class_name: str, attributes: Attributes) -> str:
    """One sentence made of all attributes, the same for names in the singular and the plural.

    >>> template_sentence("Dark scratches", {"shape": "linear", "direction": "vertical",
    ...     "spatial_distribution": "isolated", "number": "one", "position": [{"cell": "center", "fraction": 1.0}],
    ...     "scale": "tiny", "polarity": "dark", "saliency": "high"})
    'Dark scratches of tiny extent and linear shape, vertical, isolated in one region at the center, darker than the \
surface with high contrast.'
    """
    form = f"{class_name} of {attributes['scale']} extent and {attributes['shape']} shape"
    if attributes["direction"] != "none":
        form += f", {attributes['direction']}"
    spread = "" if attributes["spatial_distribution"] == "unclear" else f"{attributes['spatial_distribution']} "
    regions = "one region" if attributes["number"] == "one" else f"{attributes['number']} regions"
    mainly = "mainly " if len(attributes["position"]) > 1 else ""
    place = attributes["position"][0]["cell"].replace("-", " ")
    contrast = f"{_BRIGHTNESS[attributes['polarity']]} with {attributes['saliency']} contrast"
    return f"{form}, {spread}in {regions} {mainly}at the {place}, {contrast}."


_BRIGHTNESS = {
    "dark": "darker than the surface",
    "bright": "brighter than the surface",
    "neutral": "as bright as the surface",
}
