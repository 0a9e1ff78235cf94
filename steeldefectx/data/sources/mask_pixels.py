"""Which pixels of a mask image are the defect, however it is drawn.

White on black, as most are (above 127 of 255); 0 and 1, or the numbers of classes; colours, by a palette or not. In the
last three all that is not black is the defect, but for 255 beside class numbers: that is what is to be ignored.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from steeldefectx.data.sources.listing import Box

BACKGROUND_UP_TO = 127
"""Grey levels of a mask up to this are none of the defect, where some are above."""
MAX_CLASSES = 64
"""Numbers up to this, and nothing between them and 255, are classes."""
IGNORED = 255
"""The number of what is to be ignored, beside class numbers."""
WHITE, NUMBERS, COLOURS = "white on black", "class numbers", "colours"


def read_mask(mask: Image.Image, box: Box | None) -> np.ndarray:
    """(H, W) bool, True on the defect.

    Args:
        mask: An image of any mode.
        box: The part that is asked for; how the mask is drawn is seen from all of it.
    """
    drawn, _ = _read(mask)
    return drawn if box is None else np.asarray(Image.fromarray(drawn).crop(box))


def mask_kind(mask: Image.Image) -> str:
    """How a mask is drawn: ``white on black``, ``class numbers`` or ``colours``."""
    return _read(mask)[1]


def _read(mask: Image.Image) -> tuple[np.ndarray, str]:
    if mask.mode in ("1", "L", "LA"):
        return _of_levels(np.asarray(mask.convert("L")))
    if mask.mode[0] in "IF":
        return _of_levels(np.asarray(mask))
    colours = np.asarray(mask.convert("RGB"))
    if (colours == colours[..., :1]).all():
        if mask.mode != "P" or colours.any():
            return _of_levels(colours[..., 0])
        return _of_levels(np.asarray(mask))  # numbers, with a palette that shows none of them
    if mask.mode == "P" and not any((mask.getpalette() or [1])[:3]):
        numbers = np.asarray(mask)
        return (numbers > 0) & (numbers != IGNORED), COLOURS
    levels = colours.max(axis=2)
    few = len(np.unique(levels)) <= MAX_CLASSES
    return levels > (0 if few else BACKGROUND_UP_TO), COLOURS


def _of_levels(levels: np.ndarray) -> tuple[np.ndarray, str]:
    highest = levels.max(initial=0)
    below = levels[levels < IGNORED].max(initial=0) if highest == IGNORED else highest
    if 0 < below <= MAX_CLASSES:
        return (levels > 0) & (levels != IGNORED), NUMBERS
    scale = 257 if highest > IGNORED else 1  # 16 bits
    return levels > BACKGROUND_UP_TO * scale, WHITE
