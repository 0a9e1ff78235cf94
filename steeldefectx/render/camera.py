"""What a camera makes of a surface: sharpness, resolution, exposure, noise and file format."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from steeldefectx.render.canvas import Array, Rng
from steeldefectx.render.noise import log_uniform


def photograph(pixels: Array, rng: Rng) -> np.ndarray:
    """What a camera makes of grey levels (H, W): blurred, coarsened, exposed, noisy, compressed; uint8."""
    size = len(pixels)
    if rng.random() < 0.4:
        pixels = gaussian_filter(pixels, rng.uniform(0.3, 1.1), truncate=3)
    if rng.random() < 0.2:
        coarse = int(size * rng.uniform(0.5, 0.9))
        image = Image.fromarray(np.ascontiguousarray(pixels, np.float32))
        image = image.resize((coarse, coarse), Image.Resampling.BOX)
        pixels = np.asarray(image.resize((size, size), Image.Resampling.BICUBIC))
    mean = float(pixels.mean())
    gain = log_uniform(rng, 0.6, 2.2)
    pixels = np.clip(gain * (pixels - mean) + rng.uniform(70, 185), 0, 255)
    if rng.random() < 0.4:
        pixels = 255 * (pixels / 255) ** log_uniform(rng, 0.6, 1.7)
    pixels = pixels + np.float32(log_uniform(rng, 0.8, 7)) * rng.standard_normal((size, size), dtype=np.float32)
    image8 = np.clip(pixels, 0, 255).round().astype(np.uint8)
    if rng.random() < 0.25:
        file = io.BytesIO()
        Image.fromarray(image8).save(file, "JPEG", quality=int(rng.integers(35, 95)))
        image8 = np.asarray(Image.open(file))
    return image8
