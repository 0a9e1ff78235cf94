"""What a claim is compared with: a mask's geometry, or where there is none the class and the image's other texts.

Both are tolerant where language is: a scale word next to the measured one, a place that the defect reaches into,
a shape that people call by either word, "several" for any three. What is left is a contradiction, with a risk.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import ndimage

from steeldefectx.language.attributes import CELLS, LARGE_UP_TO, SCALES_BELOW, Attributes, attributes_from_mask
from steeldefectx.language.claims import NUMBERS, Claim, find_claims
from steeldefectx.language.mask_geometry import EIGHT_CONNECTED, axis_of, measure
from steeldefectx.language.places import PLACES
from steeldefectx.taxonomy import find_class

SCALES = (*(name for name, _ in SCALES_BELOW), "large", "extensive")
POLARITIES, SALIENCIES = ("dark", "neutral", "bright"), ("low", "medium", "high")
FITTING_SHAPES: dict[str, frozenset[str]] = {
    shape: frozenset(words.split())
    for shape, words in {
        "linear": "linear elongated",
        "curved": "curved elongated irregular circular",
        "elongated": "elongated linear curved irregular",
        "circular": "circular spot-like patch-like",
        "irregular": "irregular curved elongated fragmented network-like spot-like patch-like diffuse",
        "fragmented": "fragmented diffuse irregular network-like spot-like",
        "network-like": "network-like irregular diffuse fragmented",
        "spot-like": "spot-like circular patch-like diffuse fragmented",
        "patch-like": "patch-like circular spot-like irregular fragmented diffuse",
        "diffuse": "diffuse fragmented irregular patch-like network-like",
    }.items()
}
"""Claimed shape -> measured shapes that it may well be said of."""
COUNTLESS = 10**9
COUNTS = {word: (n, n) for n, word in enumerate(NUMBERS, 1)} | {
    "few": (2, 6), "several": (3, COUNTLESS), "many": (4, COUNTLESS),
}  # fmt: skip
"""Claimed number -> how many components it is said of, at least and at most."""
SPECK = 0.01
"""A component below this share of the defect may be left out of the count."""
AXES = {"horizontal": 0.0, "vertical": 90.0, "diagonal": 45.0}
AXIS_OFF = 33.0
"""Degrees from the claimed axis up to which a direction is right."""
REACHED, WHOLLY, TOUCHED = 0.3, 0.9, 0.04
"""A place is right if the first share of the defect lies in it or within half a cell of it, and the third share in
it, unless the second lies so near. Where several places are named, each is to hold the third or have it near."""
ALL_OVER, SPREAD, CENTRE_OF_SPREAD = 4, 7, 0.2
"""A defect in so many cells may be said to be all over; one in as many as the second number is in no single cell
that holds less than this share."""
TONE_OFF = 15.0
"""Grey levels from the surface up to which a tone may be called the same."""
SHARE_OFF, SHARE_RATIO = 0.25, 2.5
"""A claimed share of the image may be off by the first number, or by the second as a factor."""
THICK, THIN, LONG, SHORT = 0.25, 0.03, 0.15, 0.6
"""Shares of the image's side: what is thicker than the first is not thin, what is thinner than the second not thick,
what is shorter than the third not long, what is longer than the fourth not short."""


@dataclass(frozen=True)
class Mismatch:
    """What is there in place of what is claimed."""

    measured: str
    risk: float
    """How likely the claim is wrong and does harm, 0..1."""
    by: str = "mask"
    """What says so: ``mask``, ``class`` or ``other texts``."""


class Evidence(Protocol):
    """Something that claims are compared with."""

    @property
    def source(self) -> str:
        """Where it comes from: "mask", or "class and other texts"."""

    def mismatch(self, claim: Claim) -> Mismatch | None:
        """What is wrong with a claim; None where nothing is, or where it cannot be told."""


def incompatible(kind: str, claimed: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether two claims of a kind exclude each other, as normalized values."""
    a, b = claimed[0], other[0]
    if kind == "location":
        cells, other_cells = ({cell for name in names for cell in PLACES[name]} for names in (claimed, other))
        return not cells & _with_neighbors(other_cells)
    if kind == "size":
        return a in SCALES and b in SCALES and abs(SCALES.index(a) - SCALES.index(b)) >= 2
    if kind == "number":
        return COUNTS[a][0] > COUNTS[b][1] or COUNTS[b][0] > COUNTS[a][1]
    if kind == "shape":
        return a in FITTING_SHAPES and b not in FITTING_SHAPES[a] and a not in FITTING_SHAPES.get(b, ())
    if kind in ("polarity", "saliency"):
        order = POLARITIES if kind == "polarity" else SALIENCIES
        return abs(order.index(a) - order.index(b)) == 2
    if kind == "direction":
        return {a, b} == {"horizontal", "vertical"}
    return not same_class(a, b)


def same_class(a: str, b: str) -> bool:
    """Whether two names may mean one class: equal, or the one holds the other ("inclusion", "slag inclusion").

    A name that the taxonomy does not know ("scratches") is not held against another that shares a word with it.
    """
    first, second = (" ".join(name.lower().replace("_", " ").replace("-", " ").split()) for name in (a, b))
    if find_class(a) is None or find_class(b) is None:
        return bool({_stem(word) for word in first.split()} & {_stem(word) for word in second.split()})
    return first in second or second in first


def _stem(word: str) -> str:
    return word.removesuffix("es") if word.endswith("ches") else word.removesuffix("s")


def _with_neighbors(cells: set[str]) -> set[str]:
    """The cells and those that share a side with one of them."""
    grid = np.array([cell in cells for cell in CELLS]).reshape(3, 3)
    grown = ndimage.binary_dilation(grid)
    return {cell for cell, held in zip(CELLS, grown.ravel(), strict=True) if held}


@dataclass(frozen=True)
class MaskEvidence:
    """What a mask shows, and the image under it."""

    class_name: str
    attributes: Attributes
    area: float
    """Share of the image, 0..1."""
    width: float
    height: float
    """Bounding box, as shares of the image's sides."""
    thickness: float
    """Diameter of the largest disc within the defect, as a share of the image's shorter side."""
    largest: float
    """Share of the image that the largest component has."""
    counts: tuple[int, int]
    """Components without specks, and with them."""
    axis: float | None
    """Degrees as of :func:`~steeldefectx.language.mask_geometry.axis_of`."""
    difference: float
    """Mean grey level inside minus outside, 0 without an outside."""
    quarters: np.ndarray
    """(6, 6) share of the defect in each quarter of each cell of the 3x3 grid."""
    source: str = "mask"

    def mismatch(self, claim: Claim) -> Mismatch | None:
        """What the mask says against a claim."""
        compare = {
            "location": self._location, "size": self._size, "number": self._number, "polarity": self._polarity,
            "saliency": self._saliency, "shape": self._shape, "direction": self._direction, "class": self._class,
        }  # fmt: skip
        return compare[claim.kind](claim.values)

    def _location(self, places: tuple[str, ...]) -> Mismatch | None:
        share = {entry["cell"]: entry["fraction"] for entry in self.attributes["position"]}
        measured = ", ".join(f"{cell} {held:.0%}" for cell, held in list(share.items())[:3])
        occupied = sum(held >= TOUCHED for held in share.values())
        if "all over" in places:
            return None if occupied >= ALL_OVER else Mismatch(measured, 0.6)
        within = [sum(share.get(cell, 0.0) for cell in PLACES[place]) for place in places]
        nearby = [float(self.quarters[_near(PLACES[place])].sum()) for place in places]
        together = float(self.quarters[_near(cell for place in places for cell in PLACES[place])].sum())
        if len(places) > 1:
            right = together >= REACHED and min(nearby) >= TOUCHED
        elif places[0] in CELLS and occupied >= SPREAD:
            right = within[0] >= CENTRE_OF_SPREAD
        else:
            right = together >= WHOLLY or (together >= REACHED and within[0] >= TOUCHED)
        return None if right else Mismatch(measured, 0.9 if together < TOUCHED else 0.7)

    def _size(self, values: tuple[str, ...]) -> Mismatch | None:
        word = values[0]
        if word in SCALES:
            total, each = SCALES.index(self.attributes["scale"]), _scale_of(self.largest)
            least = total if "overall" in values else min(total, each)
            off = max(least - SCALES.index(word), SCALES.index(word) - total)
            return Mismatch(f"{self.attributes['scale']} ({self.area:.1%})", 0.4 + 0.15 * off) if off >= 2 else None
        if word in ("area", "width", "height"):
            return self._share(word, float(values[1]))
        length = max(self.width, self.height)
        wrong, measured = {
            "thin": (self.thickness > THICK, self.thickness), "thick": (self.thickness < THIN, self.thickness),
            "long": (length < LONG, length), "short": (length > SHORT and self.counts[1] == 1, length),
        }[word]  # fmt: skip
        return Mismatch(f"{measured:.0%} of the image's side", 0.5) if wrong else None

    def _share(self, side: str, claimed: float) -> Mismatch | None:
        measured = {"width": [self.width], "height": [self.height]}.get(
            side, [self.area, self.width * self.height, self.width, self.height]
        )
        if any(abs(claimed - m) <= SHARE_OFF or 1 / SHARE_RATIO <= claimed / m <= SHARE_RATIO for m in measured):
            return None
        return Mismatch(f"{measured[0]:.2f} of the image's {side}", 0.6)

    def _number(self, values: tuple[str, ...]) -> Mismatch | None:
        least, most = COUNTS[values[0]]
        slack = max(1, most // 4) if 3 < most < COUNTLESS else 0
        if least - slack <= self.counts[1] and self.counts[0] <= most + slack:
            return None
        return Mismatch(str(self.counts[1]), 0.8 if values[0] == "one" or self.counts[1] == 1 else 0.5)

    def _polarity(self, values: tuple[str, ...]) -> Mismatch | None:
        measured = self.attributes["polarity"]
        if values[0] == "neutral":
            return Mismatch(self._tone, 0.5) if abs(self.difference) > TONE_OFF else None
        return Mismatch(self._tone, 0.9) if incompatible("polarity", values, (measured,)) else None

    def _saliency(self, values: tuple[str, ...]) -> Mismatch | None:
        return Mismatch(self._tone, 0.6) if incompatible("saliency", values, (self.attributes["saliency"],)) else None

    @property
    def _tone(self) -> str:
        return f"{self.attributes['polarity']}, {self.attributes['saliency']} ({self.difference:+.0f} grey levels)"

    def _shape(self, values: tuple[str, ...]) -> Mismatch | None:
        measured = self.attributes["shape"]
        fits = measured == "unclear" or measured in FITTING_SHAPES[values[0]]
        return None if fits else Mismatch(measured, 0.7)

    def _direction(self, values: tuple[str, ...]) -> Mismatch | None:
        if self.axis is None:
            return None
        angle = abs(self.axis)
        return Mismatch(f"{self.axis:+.0f}°", 0.8) if abs(angle - AXES[values[0]]) > AXIS_OFF else None

    def _class(self, values: tuple[str, ...]) -> Mismatch | None:
        return _other_class(values[0], self.class_name)


def _other_class(claimed: str, class_name: str) -> Mismatch | None:
    return None if same_class(claimed, class_name) else Mismatch(class_name, 1.0, "class")


def _scale_of(share: float) -> int:
    """Index in :data:`SCALES` of a share of the image."""
    bounds = [percent / 100 for _, percent in SCALES_BELOW] + [LARGE_UP_TO / 100]
    return sum(share >= bound for bound in bounds)


def _near(cells: Iterable[str]) -> np.ndarray:
    """(6, 6) bool: the cells' quarters, and those within half a cell of them."""
    held = set(cells)
    grid = np.array([cell in held for cell in CELLS]).reshape(3, 3).repeat(2, 0).repeat(2, 1)
    return ndimage.binary_dilation(grid, EIGHT_CONNECTED)


def evidence_from_mask(image: np.ndarray, mask: np.ndarray, class_name: str) -> MaskEvidence:
    """What an image and its mask say.

    Args:
        image: (H, W) uint8, grey levels.
        mask: (H, W) bool, True on the defect.
        class_name: The image's class.

    Raises:
        DataError: As of :func:`~steeldefectx.language.attributes.attributes_from_mask`.
    """
    attributes = attributes_from_mask(image, mask)
    labels, count = ndimage.label(mask, EIGHT_CONNECTED)
    parts = measure(labels, count)
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    inside = np.pad(mask, 1)
    difference = float(image[mask].mean() - image[~mask].mean()) if not mask.all() else 0.0
    return MaskEvidence(
        class_name,
        attributes,
        area=float(mask.mean()),
        width=float(np.ptp(columns) + 1) / mask.shape[1],
        height=float(np.ptp(rows) + 1) / mask.shape[0],
        thickness=2 * float(ndimage.distance_transform_edt(inside).max()) / min(mask.shape),
        largest=float(parts.area.max()) / mask.size,
        counts=(int((parts.weight >= SPECK).sum()), count),
        axis=axis_of(parts.merged() if attributes["shape"] == "network-like" else parts, mask.size),
        difference=difference,
        quarters=_quarters(mask),
    )


def _quarters(mask: np.ndarray) -> np.ndarray:
    """(6, 6) shares of the mask's area, each cell of the 3x3 grid cut in four."""
    rows, columns = np.nonzero(mask)
    row, column = rows * 6 // mask.shape[0], columns * 6 // mask.shape[1]
    return np.bincount(6 * row + column, minlength=36).reshape(6, 6) / len(rows)


@dataclass(frozen=True)
class ClassEvidence:
    """What is known of an image without a mask: how its class looks, and what its other texts say."""

    class_name: str
    looks: tuple[Claim, ...]
    """Claims of the class's description."""
    others: tuple[tuple[Claim, ...], ...]
    """Claims of each of the other texts."""
    source: str = "class and other texts"

    def mismatch(self, claim: Claim) -> Mismatch | None:
        """What the class or most of the other texts say against a claim."""
        if claim.kind == "class":
            return _other_class(claim.values[0], self.class_name)
        return self._by_class(claim) or self._by_others(claim)

    def _by_class(self, claim: Claim) -> Mismatch | None:
        looks = [look.values for look in self.looks if look.kind == claim.kind]
        wrong = (
            claim.kind in ("polarity", "shape")
            and looks
            and all(incompatible(claim.kind, claim.values, v) for v in looks)
        )
        return Mismatch(" or ".join(dict.fromkeys(values[0] for values in looks)), 0.6, "class") if wrong else None

    def _by_others(self, claim: Claim) -> Mismatch | None:
        by_text = [[other.values for other in claims if other.kind == claim.kind] for claims in self.others]
        by_text = [values for values in by_text if values]
        against = [values for values in by_text if all(incompatible(claim.kind, claim.values, v) for v in values)]
        if len(against) < 2 or 2 * len(against) <= len(by_text):
            return None
        said = ", ".join(dict.fromkeys(" ".join(values[0]) for values in against))
        share = len(against) / len(by_text)
        return Mismatch(f"{said}: {len(against)} of {len(by_text)}", 0.3 + 0.4 * share, "other texts")


def evidence_from_class(class_name: str, other_texts: Iterable[str] = ()) -> ClassEvidence:
    """What a class and an image's other candidates say.

    Args:
        class_name: The image's class; of one that the taxonomy does not know nothing is known but its name.
        other_texts: Other descriptions of the same image. Two of them, and most, must agree against a claim.
    """
    known = find_class(class_name)
    looks = find_claims(f"It shows {known.looks}.") if known else []
    return ClassEvidence(class_name, tuple(looks), tuple(tuple(find_claims(text)) for text in other_texts))
