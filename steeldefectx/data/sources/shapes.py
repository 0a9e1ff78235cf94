"""Masks that annotations draw: polygons, lines, ellipses, rectangles and run-lengths, as an image's pixels.

Coordinates are in pixels, from the upper left corner of the image; pixel ``i`` covers ``i`` to ``i + 1``, and belongs
to a shape that its centre lies in.
"""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, hypot, radians, sin

import numpy as np
from PIL import Image, ImageDraw, UnidentifiedImageError

Point = tuple[float, float]
LINE_WIDTH = 10
"""Pixels: how wide labelme draws the mask of a line."""
POINT_RADIUS = 5
"""Pixels: how large labelme draws that of a point."""


@dataclass(frozen=True)
class Polygon:
    """What a closed line encloses; where it crosses itself, the parts that an odd number of its turns enclose."""

    points: tuple[Point, ...]

    def draw(self, mask: np.ndarray) -> None:
        """Set its pixels in a mask (H, W) bool."""
        height, width = mask.shape
        x, y = np.array(self.points).T
        left, right = (int(np.clip(np.ceil(edge - 0.5), 0, width)) for edge in (x.min(), x.max()))
        top, bottom = (int(np.clip(np.ceil(edge - 0.5), 0, height)) for edge in (y.min(), y.max()))
        turns = np.zeros((bottom - top, right - left + 1), bool)
        for (x0, y0), (x1, y1) in zip(self.points, (*self.points[1:], self.points[0]), strict=True):
            first, last = sorted((np.ceil(y0 - 0.5), np.ceil(y1 - 0.5)))
            rows = np.arange(max(int(first), top), min(int(last), bottom))  # rows whose centre the side passes
            columns = np.ceil(x0 + (rows + 0.5 - y0) * (x1 - x0) / ((y1 - y0) or 1) - 0.5)
            turns[rows - top, np.clip(columns, left, right).astype(int) - left] ^= True
        inside = np.logical_xor.accumulate(turns, axis=1)[:, :-1]
        if inside.any():
            mask[top:bottom, left:right] |= inside
        else:  # thinner than a pixel
            Line((*self.points, self.points[0]), 1).draw(mask)


@dataclass(frozen=True)
class Line:
    """An open line."""

    points: tuple[Point, ...]
    width: int = LINE_WIDTH

    def draw(self, mask: np.ndarray) -> None:
        """Set its pixels in a mask (H, W) bool."""
        picture = Image.new("1", mask.shape[::-1])
        ImageDraw.Draw(picture).line([(x - 0.5, y - 0.5) for x, y in self.points], 1, self.width, joint="curve")
        mask |= np.asarray(picture)


@dataclass(frozen=True)
class Rectangle:
    """A rectangle by its sides."""

    left: float
    top: float
    right: float
    bottom: float

    def draw(self, mask: np.ndarray) -> None:
        """Set its pixels in a mask (H, W) bool."""
        corners = ((self.left, self.top), (self.right, self.top), (self.right, self.bottom), (self.left, self.bottom))
        Polygon(corners).draw(mask)


@dataclass(frozen=True)
class Circle:
    """A disc."""

    centre: Point
    radius: float

    def draw(self, mask: np.ndarray) -> None:
        """Set its pixels in a mask (H, W) bool."""
        y, x = np.ogrid[: mask.shape[0], : mask.shape[1]]
        mask |= (x + 0.5 - self.centre[0]) ** 2 + (y + 0.5 - self.centre[1]) ** 2 <= self.radius**2


@dataclass(frozen=True)
class Ellipse:
    """An ellipse, turned clockwise around its centre."""

    centre: Point
    radii: tuple[float, float]
    """Half of its width and of its height before it is turned, both more than 0."""
    degrees: float = 0.0

    def draw(self, mask: np.ndarray) -> None:
        """Set its pixels in a mask (H, W) bool."""
        y, x = np.ogrid[: mask.shape[0], : mask.shape[1]]
        dx, dy = x + 0.5 - self.centre[0], y + 0.5 - self.centre[1]
        along, across = cos(radians(self.degrees)), sin(radians(self.degrees))
        first, second = (dx * along + dy * across) / self.radii[0], (dy * along - dx * across) / self.radii[1]
        mask |= np.hypot(first, second) <= 1

    def bounds(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom."""
        along, across = cos(radians(self.degrees)), sin(radians(self.degrees))
        half_width = hypot(self.radii[0] * along, self.radii[1] * across)
        half_height = hypot(self.radii[0] * across, self.radii[1] * along)
        x, y = self.centre
        return x - half_width, y - half_height, x + half_width, y + half_height


@dataclass(frozen=True)
class RunLengths:
    """COCO's run-lengths: pixels off and on in turn, column by column, of the whole image.

    Decoded here: it is a screen of code, and pycocotools would be a compiled dependency for it alone.
    """

    size: tuple[int, int]
    """Width and height."""
    counts: tuple[int, ...]

    def draw(self, mask: np.ndarray) -> None:
        """Set its pixels in a mask (H, W) bool."""
        on = np.arange(len(self.counts)) % 2 == 1
        mask |= np.repeat(on, self.counts).reshape(self.size).T


@dataclass(frozen=True)
class Bitmap:
    """A small mask at a place, as labelme keeps it; other tools' are packed into one."""

    left: int
    top: int
    png: bytes

    def draw(self, mask: np.ndarray) -> None:
        """Set its pixels in a mask (H, W) bool."""
        whole = Image.new("1", mask.shape[::-1])
        with Image.open(io.BytesIO(self.png), formats=("PNG",)) as picture:
            whole.paste(picture.convert("1"), (self.left, self.top))
        mask |= np.asarray(whole)


Shape = Polygon | Line | Rectangle | Circle | Ellipse | RunLengths | Bitmap


@dataclass(frozen=True)
class Shapes:
    """The shapes that together are the mask of an image."""

    size: tuple[int, int]
    """Width and height of the image."""
    shapes: tuple[Shape, ...]

    def mask(self) -> np.ndarray:
        """(H, W) bool, True inside any of them."""
        mask = np.zeros(self.size[::-1], bool)
        for shape in self.shapes:
            shape.draw(mask)
        return mask


def circle(centre: Point, edge: Point) -> Circle:
    """A circle by its centre and a point on it."""
    return Circle(centre, hypot(edge[0] - centre[0], edge[1] - centre[1]))


def turned(points: Sequence[Point], around: Point, degrees: float) -> tuple[Point, ...]:
    """Points turned clockwise, as the image is seen."""
    along, across = cos(radians(degrees)), sin(radians(degrees))
    steps = [(x - around[0], y - around[1]) for x, y in points]
    return tuple((around[0] + x * along - y * across, around[1] + x * across + y * along) for x, y in steps)


def run_lengths(size: tuple[int, int], counts: str | Sequence[int]) -> RunLengths:
    """COCO's ``segmentation`` of counts: a list of them, or the string that they are packed into.

    Args:
        size: Width and height.
        counts: As in the file.

    Raises:
        ValueError: They are no counts of an image of this size.
    """
    numbers = _unpack(counts) if isinstance(counts, str) else counts
    if not all(type(n) is int and n >= 0 for n in numbers) or sum(numbers) != size[0] * size[1]:
        raise ValueError(f"run-lengths that are not those of {size[0]}x{size[1]} pixels")
    return RunLengths(size, tuple(numbers))


def _unpack(text: str) -> list[int]:
    """Counts as pycocotools packs them: five bits a character, the lowest first, each less the one before the last."""
    numbers: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64:
            raise ValueError(f"a character in run-lengths that is none of theirs: {character!r}")
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            if bits & 16:
                value -= 1 << shift
            numbers.append(value + (numbers[-2] if len(numbers) > 2 else 0))
            value = shift = 0
    return numbers


def bitmap(left: float, top: float, text: str) -> Bitmap:
    """A small mask in base64, at a place.

    Raises:
        ValueError: No PNG.
    """
    try:
        data = base64.b64decode(text, validate=True)
        with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
            picture.verify()
    except (binascii.Error, UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError("a mask that is no PNG in base64") from error
    return Bitmap(round(left), round(top), data)


def packed(pixels: np.ndarray, left: int = 0, top: int = 0) -> tuple[Bitmap, tuple[float, float, float, float]]:
    """A mask as a small one of what is on in it, and the bounds of that: left, top, right and bottom.

    Args:
        pixels: (H, W) bool.
        left: Where on the image its first column lies.
        top: Where its first row lies.

    Raises:
        ValueError: Nothing is on.
    """
    rows, columns = np.flatnonzero(pixels.any(1)), np.flatnonzero(pixels.any(0))
    if not len(rows):
        raise ValueError("a mask without a pixel")
    part = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    file, x, y = io.BytesIO(), left + int(columns[0]), top + int(rows[0])
    Image.fromarray(part).save(file, "PNG")
    return Bitmap(x, y, file.getvalue()), (x, y, x + part.shape[1], y + part.shape[0])
