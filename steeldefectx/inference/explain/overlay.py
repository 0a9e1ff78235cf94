"""Maps draw over images: colours for relevance, a line around the mask."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from PIL import Image
from scipy.ndimage import binary_dilation, binary_erosion

SIDE, MOST = 320, 1024
"""Pixels of a drawn image's longer side, at least and at most."""
COLOURS = "inferno"
"""Matplotlib's name; its lightness rises evenly with the value, also for colour-blind eyes and in print."""
OPACITY = (0.15, 0.75)
"""Of the colour where the map is 0 and where it is 1, so that the surface stays visible."""
LINE = (0, 224, 208)
"""Of the mask's outline: a colour that neither grey steel nor the map has."""


def draw(image: Image.Image, saliency: np.ndarray | None = None, mask: np.ndarray | None = None) -> Image.Image:
    """An image enlarged or reduced to be looked at, with a map over it and the mask's outline, where given.

    Args:
        image: Any size, upright.
        saliency: (H, W) 0..1.
        mask: (H, W) bool.
    """
    width, height = image.size
    scale = min(max(width, height, SIDE), MOST) / max(width, height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    pixels = np.asarray(image.convert("RGB").resize(size, Image.Resampling.BICUBIC), np.float32) / 255
    if saliency is not None:
        resized = np.asarray(Image.fromarray(saliency).resize(size, Image.Resampling.BILINEAR))
        pixels = blend(pixels.mean(2, keepdims=True), resized)
    if mask is not None:
        inside = np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST))
        # Just outside and just inside: at the image's edge, where there is no outside, it stays open.
        pixels[binary_dilation(inside) & ~binary_erosion(inside, border_value=1)] = np.array(LINE) / 255
    return Image.fromarray((pixels * 255).round().astype(np.uint8))


def blend(grey: np.ndarray, saliency: np.ndarray) -> np.ndarray:
    """Colours of a map (H, W) over grey levels 0..1 (H, W, 1): (H, W, 3), 0..1."""
    colours = mpl.colormaps[COLOURS](saliency)[..., :3].astype(np.float32)
    opacity = (OPACITY[0] + (OPACITY[1] - OPACITY[0]) * saliency)[..., None]
    return opacity * colours + (1 - opacity) * grey


def colour_bar(width: int = 256, height: int = 12) -> Image.Image:
    """What the colours mean, over mid-grey: 0 on the left, 1 on the right."""
    values = np.broadcast_to(np.linspace(0, 1, width, dtype=np.float32), (height, width))
    return Image.fromarray((blend(np.full((height, width, 1), 0.5), values) * 255).round().astype(np.uint8))
