"""What a camera makes of a scene: glare, resolution, blur, exposure, vignette, noise, compression, frames, overlays."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter, uniform_filter1d

from steeldefectx.render.canvas import Array, Rng
from steeldefectx.render.composed.ground import grid, independent
from steeldefectx.render.noise import log_uniform

OVERLAYS = ("CAM 2", "14:07:33", "X 2.50 mm", "NG", "OK", "SPEC 04", "200 um", "#0317", "LOT A7", "exp 8 ms")
"""Texts that instruments put into images; none names a defect."""
RESAMPLED = (Image.Resampling.BICUBIC, Image.Resampling.BILINEAR, Image.Resampling.NEAREST)


@dataclass(frozen=True)
class Camera:
    """What of a camera decides how strong a defect has to be to be seen."""

    gain: float
    """Factor on contrasts."""
    noise: float
    """Standard deviation of the sensor's noise, in grey levels of the image."""
    blur: float
    """Standard deviation of the blur, in fractions of the side; 0: sharp."""


def draw_camera(rng: Rng) -> Camera:
    """A camera at random."""
    blur = log_uniform(rng, 0.3, 1.7) / 128
    return Camera(log_uniform(rng, 0.55, 2.0), log_uniform(rng, 0.5, 8), blur if rng.random() < 0.4 else 0.0)


def photograph_scene(pixels: Array, mean: float, camera: Camera, rng: Rng) -> tuple[np.ndarray, np.ndarray | None]:
    """The image that a camera makes.

    Args:
        pixels: (H, W) float32 grey levels.
        camera: Its contrast, noise and blur.
        mean: Mean grey level of the sound metal, which the exposure is made for: the same whatever is drawn on it.
        rng: Draws what else a camera does; nothing of it depends on the pixels.

    Returns:
        (H, W) uint8, and (H, W) bool, what of the scene is seen behind frames and overlays; None where all of it is.
    """
    pixels = _optics(pixels, camera, rng)
    pixels = _exposure(pixels, mean, camera, rng)
    pixels = _noise(pixels, camera, rng)
    image = np.clip(pixels, 0, 255).round().astype(np.uint8)
    covered = _frame(image, rng)
    if rng.random() < 0.25:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=int(rng.integers(25, 95)))
        image = np.asarray(Image.open(file))
    return image, covered


def _optics(pixels: Array, camera: Camera, rng: Rng) -> Array:
    """Glare, coarse sensors, blur."""
    size = len(pixels)
    if rng.random() < 0.08:
        pixels = pixels + _glare(size, rng)
    if rng.random() < 0.22:
        coarse = int(size * log_uniform(rng, 0.3, 0.9))
        image = Image.fromarray(np.ascontiguousarray(pixels, np.float32))
        image = image.resize((coarse, coarse), Image.Resampling.BOX)
        pixels = np.asarray(image.resize((size, size), RESAMPLED[int(rng.integers(3))]))
    if camera.blur:
        pixels = gaussian_filter(pixels, camera.blur * size, truncate=2.5)
    if rng.random() < 0.1:
        length = max(2, round(rng.uniform(0.02, 0.07) * size))
        pixels = uniform_filter1d(pixels, length, axis=int(rng.integers(2)))
    return pixels


def _glare(size: int, rng: Rng) -> Array:
    """A highlight: a blob or a bar of light, sometimes with a hard core."""
    x, y = grid(size)
    angle = rng.uniform(0, np.pi)
    dx, dy = x - rng.uniform(0, 1), y - rng.uniform(0, 1)
    along, across = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
    off = np.hypot(along / log_uniform(rng, 0.08, 1.5), across / log_uniform(rng, 0.06, 0.3))
    return np.float32(rng.uniform(40, 220)) * np.exp(-(off ** rng.choice((2, 4))))


def _exposure(pixels: Array, mean: float, camera: Camera, rng: Rng) -> Array:
    """Contrast, brightness, gamma, vignette."""
    size = len(pixels)
    pixels = np.clip(np.float32(camera.gain) * (pixels - np.float32(mean)) + rng.uniform(60, 190), 0, 255)
    if rng.random() < 0.4:
        pixels = 255 * (pixels / 255) ** np.float32(log_uniform(rng, 0.6, 1.7))
    if rng.random() < 0.25:
        x, y = grid(size)
        off = (x - rng.uniform(0.4, 0.6)) ** 2 + (y - rng.uniform(0.4, 0.6)) ** 2
        pixels = pixels * (1 - np.float32(rng.uniform(0.2, 1.2)) * off)
    return pixels


def _noise(pixels: Array, camera: Camera, rng: Rng) -> Array:
    """The sensor's noise, lines, dead pixels, dust on the lens."""
    size = len(pixels)
    noise: Array = independent(rng, size) * np.float32(camera.noise)
    kind = rng.random()
    if kind < 0.2:
        noise = noise * np.sqrt(np.clip(pixels, 4, 255) / 100)
    elif kind < 0.27:
        noise = noise + rng.standard_normal(size, dtype=np.float32) * np.float32(rng.uniform(1, 5))
    elif kind < 0.3:
        dead = rng.integers(0, size * size, int(rng.integers(2, 30)))
        noise.flat[dead] = rng.choice((-255, 255))
    elif kind < 0.4:
        x, y = grid(size)
        for _ in range(int(rng.integers(1, 4))):
            off = np.hypot(x - rng.random(), y - rng.random()) / rng.uniform(0.03, 0.09)
            noise = noise - np.float32(rng.uniform(3, 9)) * np.clip(4 * (1 - off), 0, 1)
    return pixels + noise


def _frame(image: np.ndarray, rng: Rng) -> np.ndarray | None:
    """Draw a frame or an overlay into the image; what is left of the scene, None where nothing was drawn."""
    kind, size = rng.random(), len(image)
    if kind >= 0.11:
        return None
    seen = np.ones(image.shape, bool)
    if kind < 0.06:
        wide = max(1, int(size * rng.uniform(0.02, 0.12)))
        for side in rng.permutation(4)[: int(rng.choice((1, 2, 4)))]:
            seen[(np.s_[:wide], np.s_[-wide:], np.s_[:, :wide], np.s_[:, -wide:])[side]] = False
        image[~seen] = int(rng.choice((0, 0, 20, 255)))
        return seen
    ink = Image.new("L", (size, size))
    draw = ImageDraw.Draw(ink)
    at = (int(size * rng.uniform(0.02, 0.6)), int(size * rng.choice((0.02, 0.88))))
    draw.text(at, str(rng.choice(OVERLAYS)), fill=255)
    if rng.random() < 0.3:
        low, high = (float(value) for value in size * rng.uniform((0.05, 0.6), (0.3, 0.95)))
        draw.rectangle((low, low, high, high), outline=255)
    seen = np.asarray(ink) < 128
    image[~seen] = int(rng.choice((0, 255, 255)))
    return seen
