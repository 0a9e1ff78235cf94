"""Shape, direction and spatial distribution of a defect, from the geometry of its mask.

The dataset's authors asked a language model for these three. Here a mask's components are measured, all at
once, by their areas and second moments: every threshold was set by looking at the masks of real inclusions,
patches and scratches, such that the word is the one a person would say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree

SHAPES = (
    *("linear", "curved", "elongated", "circular", "irregular", "fragmented"),
    *("network-like", "spot-like", "patch-like", "diffuse", "unclear"),
)
DIRECTIONS = ("horizontal", "vertical", "diagonal", "none")
DISTRIBUTIONS = ("isolated", "clustered", "scattered", "unclear")

DOMINANT = 0.6
"""A component with this share of the defect's area speaks for the whole; so do components that agree."""
OUTLINE_LOST = 0.95
"""A mask that covers more of the image than this has no shape to see."""
LINEAR, ELONGATED = 6.0, 2.2
"""Major over minor axis (of the ellipse with the same moments) from which a component is so called."""
LOW_FILL = 0.65
"""A drawn-out component that fills less of its ellipse than this is bent or made of several strands."""
BENT = 0.5
"""It is bent if its midline explains this share of its variance across its major axis."""
ROUND, ROUND_FILL = 1.5, 0.97
"""A component with axes up to this ratio that fills so much of its ellipse is circular (a square: 0.955)."""
COMPACT_FILL = 0.78
"""A component that fills so much of its ellipse is a spot or a patch; one that fills less is irregular."""
SPOT_AREA = 0.006
"""Share of the image's area up to which something compact is a spot; above, it is a patch."""
NETWORK_FILL, STRAND_RADIUS = 0.6, 0.045
"""A network fills less of the ellipse of the whole mask, and a circle within it has at most this share of the
image's shorter side as its radius: it consists of strands, ..."""
MESHES, MESH_PIXELS = 4, 6
"""... which enclose at least so many meshes (of at least so many pixels: smaller holes are noise)."""
BRANCHES = 6
"""A single line that branches so often is a network, too."""
SLENDER, THIN = 8.0, 0.08
"""Something is a line, however it winds, if its skeleton's length is at least this multiple of its mean
thickness, and that at most this share of the image's shorter side."""
PIECES = 4
"""So many components that do not agree are fragments."""
DIFFUSE_PIECES = 40
"""More than this many are diffuse."""
DIRECTED = 1.8
"""Axis ratio from which something has a direction."""
ROW_OF_PIECES = 5.0
"""Axis ratio of all pieces together from which undirected pieces form a row, whose direction counts."""
AXIS_TOLERANCE = 22.5
"""Degrees from an axis up to which a direction is horizontal or vertical."""
FEW = 5
"""Up to so many components are judged by the gaps between them, more by their nearest neighbors."""
NEAR, GROUP_SHARE, GROUP_BOX = 0.08, 0.75, 0.35
"""Few components cluster if gaps below this share of the image's diagonal join this share of them to a group
whose bounding box is at most this share of the image."""
CLUSTERED_BELOW = 0.75
"""Many cluster below this Clark-Evans ratio: mean nearest-neighbor distance over that of random points."""

EIGHT_CONNECTED = np.ones((3, 3), dtype=bool)
PIXEL_VARIANCE = 1 / 12
"""Second moment of a square pixel along either axis."""


@dataclass(frozen=True)
class Components:
    """Geometry of the C components of a mask: (C,) float64 arrays, in pixels."""

    area: np.ndarray
    row: np.ndarray
    column: np.ndarray
    """Centroids."""
    row_variance: np.ndarray
    column_variance: np.ndarray
    covariance: np.ndarray
    """Central second moments, a pixel's own included, so that no component has an axis of length 0."""

    @property
    def weight(self) -> np.ndarray:
        """Shares of the mask's area, sum 1."""
        return self.area / self.area.sum()

    def axes(self) -> tuple[np.ndarray, np.ndarray]:
        """Lengths of the major and minor axes of the ellipses with the same moments."""
        mean = (self.row_variance + self.column_variance) / 2
        root = np.hypot((self.row_variance - self.column_variance) / 2, self.covariance)
        return 4 * np.sqrt(mean + root), 4 * np.sqrt(np.maximum(mean - root, PIXEL_VARIANCE))

    def elongation(self) -> np.ndarray:
        """Major over minor axis, at least 1."""
        major, minor = self.axes()
        return major / minor

    def fill(self) -> np.ndarray:
        """Area over that of the ellipse: 1 for a disc or ellipse, less for what is bent, ragged or hollow."""
        major, minor = self.axes()
        return self.area / (math.pi / 4 * major * minor)

    def merged(self) -> Components:
        """All components taken as one."""
        weight = self.weight
        row, column = weight @ self.row, weight @ self.column
        down, right = self.row - row, self.column - column
        moments = (
            weight @ (self.row_variance + down**2),
            weight @ (self.column_variance + right**2),
            weight @ (self.covariance + down * right),
        )
        return Components(*(np.array([value]) for value in (self.area.sum(), row, column, *moments)))

    def typical(self) -> Components:
        """One component with the moments that the components have on average, weighted by their area."""
        moments = (self.weight @ m for m in (self.row_variance, self.column_variance, self.covariance))
        return Components(*(np.array([value]) for value in (self.area.sum(), 0.0, 0.0, *moments)))

    def component(self, index: int) -> Components:
        """One of the components."""
        return Components(*(values[index : index + 1] for values in vars(self).values()))


def measure(labels: np.ndarray, count: int) -> Components:
    """Areas, centroids and second moments of all components at once.

    Args:
        labels: (H, W) int, 0 outside and 1 to ``count`` on the components.
        count: How many components, at least 1.
    """
    row, column = np.nonzero(labels)
    label = labels[row, column] - 1
    area = np.bincount(label, minlength=count).astype(np.float64)

    def mean(values: np.ndarray) -> np.ndarray:
        return np.bincount(label, values, count) / area

    center_row, center_column = mean(row), mean(column)
    down, right = row - center_row[label], column - center_column[label]
    moments = (mean(down**2) + PIXEL_VARIANCE, mean(right**2) + PIXEL_VARIANCE, mean(down * right))
    return Components(area, center_row, center_column, *moments)


def shape_of(labels: np.ndarray, parts: Components) -> str:
    """One of :data:`SHAPES`.

    Args:
        labels: (H, W) int, 0 outside and from 1 on the components.
        parts: What :func:`measure` says of them.
    """
    if parts.area.sum() > OUTLINE_LOST * labels.size:
        return "unclear"
    if parts.merged().fill()[0] < NETWORK_FILL and _is_network(labels > 0):
        return "network-like"
    largest = int(parts.area.argmax())
    if parts.weight[largest] < DOMINANT:
        return _shape_of_many(parts, labels.size)
    part = parts.component(largest)
    elongation, fill = float(part.elongation()[0]), float(part.fill()[0])
    if elongation >= ELONGATED and fill >= LOW_FILL:
        return "linear" if elongation >= LINEAR else "elongated"
    if elongation < ELONGATED and fill >= COMPACT_FILL:
        return _compact_shape(elongation, fill, part.area[0] / labels.size)
    shape = _open_shape(_cut_out(labels == largest + 1), elongation, THIN * min(labels.shape))
    return "diffuse" if shape == "irregular" and len(parts.area) > DIFFUSE_PIECES else shape


def _compact_shape(elongation: float, fill: float, share: float) -> str:
    """Shape of a component without bays: round, a spot or a patch; tiny ones are too coarse to be round."""
    if share <= SPOT_AREA:
        return "spot-like"
    return "circular" if elongation <= ROUND and fill >= ROUND_FILL else "patch-like"


def _open_shape(component: np.ndarray, elongation: float, thin: float) -> str:
    """Shape of a component that fills little of its ellipse.

    Args:
        component: (h, w) bool, cut to its bounding box.
        elongation: Major over minor axis.
        thin: Mean thickness in pixels up to which it is a line.
    """
    outline = measure(ndimage.binary_fill_holes(component).astype(np.int8), 1)
    if outline.elongation()[0] <= ROUND and outline.fill()[0] >= ROUND_FILL:
        return "circular"  # a ring
    length, branches = _skeleton(component)
    thickness = component.sum() / length
    if thickness > thin or length < SLENDER * thickness:
        return "linear" if elongation >= LINEAR else "irregular"
    if elongation >= ELONGATED and _midline_share(component) >= BENT:
        return "curved"
    if elongation >= ELONGATED:
        return "linear" if branches < BRANCHES else "irregular"  # a sheaf of strands
    if branches >= BRANCHES:
        return "network-like"
    return "irregular" if branches else "curved"


def _midline_share(component: np.ndarray) -> float:
    """Share, 0..1, of the variance across the major axis that the mean position along it explains."""
    row, column = (values - values.mean() for values in np.nonzero(component))
    angle = 0.5 * math.atan2(2 * float(row @ column), float(column @ column - row @ row))
    along = column * math.cos(angle) + row * math.sin(angle)
    across = row * math.cos(angle) - column * math.sin(angle)
    step = np.floor(along - along.min()).astype(int)
    count = np.bincount(step)
    midline = np.bincount(step, across) / np.maximum(count, 1)
    return float(count @ midline**2 / max(across @ across, 1e-9))


def _skeleton(component: np.ndarray) -> tuple[int, int]:
    """Length in pixels and number of branchings of a component's skeleton."""
    from skimage.morphology import skeletonize  # a quarter of a second to import, seldom needed

    skeleton = skeletonize(np.pad(component, 1))
    neighbors = ndimage.convolve(skeleton.astype(np.int8), EIGHT_CONNECTED.astype(np.int8)) - 1
    branchings = ndimage.label(skeleton & (neighbors > 2), EIGHT_CONNECTED)[1]
    return int(skeleton.sum()), int(branchings)


def _shape_of_many(parts: Components, total: int) -> str:
    """Shape of a mask without a dominant component: what most of its area agrees on."""
    weight, elongation, fill = parts.weight, parts.elongation(), parts.fill()
    spot = parts.area <= SPOT_AREA * total
    for name, agreeing in (
        ("linear", elongation >= LINEAR),
        ("elongated", elongation >= ELONGATED),
        ("spot-like", spot & (elongation < ELONGATED) & (fill >= COMPACT_FILL)),
        ("patch-like", ~spot & (fill >= COMPACT_FILL)),
    ):
        if weight[agreeing].sum() >= DOMINANT:
            return name
    if len(weight) > DIFFUSE_PIECES:
        return "diffuse"
    return "fragmented" if len(weight) >= PIECES else "irregular"


def _cut_out(component: np.ndarray) -> np.ndarray:
    """A component cut to its bounding box."""
    rows, columns = (np.flatnonzero(component.any(axis)) for axis in (1, 0))
    return component[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _is_network(mask: np.ndarray) -> bool:
    """Whether a mask consists of thin strands that enclose several background regions."""
    labels, _ = ndimage.label(np.pad(~mask, 1, constant_values=True))
    sizes = np.bincount(labels.ravel())[2:]  # 0 is the mask, 1 the outside, met first
    if (sizes >= MESH_PIXELS).sum() < MESHES:
        return False
    return bool(ndimage.distance_transform_edt(mask).max() <= STRAND_RADIUS * min(mask.shape))


def axis_of(parts: Components, total: int) -> float | None:
    """Angle of the axis in degrees, -90 to 90, 0 along the rows, above 0 where it falls from left to right; None
    without one. It is that of the dominant component, else of the components' mean, else of their row.

    Args:
        parts: What :func:`measure` says of the components.
        total: Pixels of the image.
    """
    if parts.area.sum() > OUTLINE_LOST * total:
        return None
    largest = int(parts.area.argmax())
    typical = parts.component(largest) if parts.weight[largest] >= DOMINANT else parts.typical()
    if typical.elongation()[0] < DIRECTED:
        typical = parts.merged()
        if len(parts.area) == 1 or typical.elongation()[0] < ROW_OF_PIECES:
            return None
    spread = float(typical.column_variance[0] - typical.row_variance[0])
    return math.degrees(0.5 * math.atan2(2 * float(typical.covariance[0]), spread))


def direction_of(parts: Components, total: int) -> str:
    """One of :data:`DIRECTIONS`: that of :func:`axis_of`, to which its arguments go."""
    axis = axis_of(parts, total)
    if axis is None:
        return "none"
    angle = abs(axis)
    if angle <= AXIS_TOLERANCE:
        return "horizontal"
    return "vertical" if angle >= 90 - AXIS_TOLERANCE else "diagonal"


def distribution_of(labels: np.ndarray, parts: Components) -> str:
    """One of :data:`DISTRIBUTIONS`: one component is isolated, several are clustered or scattered.

    Args:
        labels: (H, W) int, 0 outside and from 1 on the components.
        parts: What :func:`measure` says of them.
    """
    count = len(parts.area)
    if count == 1:
        return "isolated"
    if count <= FEW:
        return "clustered" if _few_cluster(labels) else "scattered"
    points = np.column_stack([parts.row, parts.column])
    nearest = KDTree(points).query(points, k=2)[0][:, 1]
    expected = 0.5 * math.sqrt(labels.size / count)  # Clark & Evans 1954
    return "clustered" if nearest.mean() < CLUSTERED_BELOW * expected else "scattered"


def _few_cluster(labels: np.ndarray) -> bool:
    """Whether most of a few components form one group, small against the image, with small gaps."""
    boxes = [[(side.start, side.stop) for side in box] for box in ndimage.find_objects(labels)]
    start, stop = np.moveaxis(np.array(boxes), 2, 0)  # (C, 2) each
    gap = np.maximum(start[:, None] - stop[None], start[None] - stop[:, None]).clip(0)
    near = np.hypot(gap[..., 0], gap[..., 1]) <= NEAR * math.hypot(*labels.shape)
    joined = np.linalg.matrix_power(near.astype(int), len(boxes)) > 0
    group = joined[joined.sum(1).argmax()]
    box = (stop[group].max(0) - start[group].min(0)).prod()
    return bool(group.mean() >= GROUP_SHARE and box <= GROUP_BOX * labels.size)
