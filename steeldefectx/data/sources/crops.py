"""The part of an image that is shown around a defect."""

from __future__ import annotations

from steeldefectx.data.sources.listing import Box

CONTEXT = 0.25
"""A crop's side is longer than the boxes' longer side by this share of it."""
MIN_SIDE = 256
"""Crops are not smaller than this, so that small defects keep their surroundings."""


def with_context(box: Box, size: tuple[int, int], least: int = MIN_SIDE) -> Box:
    """A box grown to a square with context, or to as much of that as the image has.

    Args:
        box: Left, top, right, bottom, in pixels.
        size: Width and height of the image.
        least: Pixels that the square has a side at least.
    """
    side = max(least, round((1 + CONTEXT) * max(box[2] - box[0], box[3] - box[1])))
    left, right = _span(box[0], box[2], side, size[0])
    top, bottom = _span(box[1], box[3], side, size[1])
    return left, top, right, bottom


def _span(start: int, stop: int, length: int, limit: int) -> tuple[int, int]:
    length = min(length, limit)
    first = min(max((start + stop - length) // 2, 0), limit - length)
    return first, first + length
