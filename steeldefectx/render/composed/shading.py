"""From distances to grey levels: tone, softness and side-lit relief of a drawn defect."""

from __future__ import annotations

import math

import numpy as np

from steeldefectx.language.appearance import EDGE_FORMS, Appearance
from steeldefectx.render.canvas import Array, Rng
from steeldefectx.render.composed.forms import DOMED, PLAIN, TEXTURED, THIN
from steeldefectx.render.composed.lens import Camera
from steeldefectx.render.composed.parts import Part
from steeldefectx.render.composed.pen import MARGIN, Pen
from steeldefectx.render.surfaces import texture

OPACITY = {"faint": (0.05, 0.16), "medium": (0.2, 0.45), "strong": (0.55, 0.97)}
"""Strength -> share of the way from the metal's grey level to black or white."""
SEEN = {"faint": 0.7, "medium": 1.3, "strong": 2.2}
"""Strength -> opacity, in deviations of the surface's texture, under which nothing would be seen."""
WHITE = 250.0


def shade(pen: Pen, look: Appearance, pixels: Array, part: Part, camera: Camera, light: float, rng: Rng) -> Array:
    """Grey levels (H, W) to add to the surface.

    Args:
        pen: What was drawn.
        look: Gives tone, relief, softness and strength.
        pixels: (H, W) the surface's grey levels.
        part: Gives the background, which shows where metal is missing.
        camera: What is drawn is strong enough to be seen by it.
        light: Where the light comes from, in radians.
        rng: Draws opacity and width of the outline.
    """
    size, distance, inner = len(pixels), pen.distance, pen.inner
    deepest = max(float(distance.max()), 1 / size)
    blur, rim, opacity, height = (float(value) for value in rng.random(4))
    sharp = look.softness == "sharp" and look.form != "cloud"
    softness = (1 + blur) / size if sharp else min(0.03 + 0.06 * blur, 1.7 * deepest, 2 * MARGIN)
    alpha = np.clip(distance / max(softness, 1 / size) + 0.5, 0, 1)
    if look.form == "missing edge":
        return alpha * (part.background - pixels)
    tone = _tone(look, distance, inner, (0.5 + rim) * max(0.012, 1.5 / size))
    strength = "strong" if look.form == "hole" else look.strength
    low, high = OPACITY[strength]
    opacity = min(max(low + (high - low) * opacity, SEEN[strength] * _hidden(distance, deepest, pixels, camera)), 0.98)
    change: Array = alpha * opacity * tone
    if look.relief != "flat":
        bevel = deepest if look.form in DOMED else min(deepest, 0.012 + 0.02 * height)
        slope = _slope(np.clip(distance / bevel, 0, 1), light, bevel * size, look.form in DOMED)
        gain = opacity * (0.9 if look.tone == "none" else 0.6)
        change = change + (gain if look.relief == "raised" else -gain) * slope
    return np.where(change < 0, change * pixels, change * (WHITE - pixels)).astype(np.float32)


def _hidden(distance: Array, deepest: float, pixels: Array, camera: Camera) -> float:
    """Opacity that texture, noise and blur swallow: more of what is small or thin."""
    size = len(pixels)
    restless = math.hypot(texture(pixels), camera.noise / camera.gain) / max(float(pixels.mean()), 20.0)
    area = max(float((distance >= 0).mean()), 1 / size**2)
    small = min(max((0.004 / area) ** 0.25, 1.0), 2.0)
    return restless * small * min(1 + 0.5 * camera.blur / deepest, 2.5)


def _tone(look: Appearance, distance: Array, inner: Array, rim: float) -> Array | float:
    """-1 black to 1 white."""
    tone = look.tone
    if tone == "none":
        return 0.0
    if look.form in EDGE_FORMS and tone not in ("dark", "bright"):
        tone = "dark"
    if look.form in PLAIN and tone == "two-toned":
        tone = "rimmed"
    if look.form in THIN and tone in ("outlined", "rimmed"):
        tone = "dark"
    if tone == "two-toned":
        return inner
    if tone in ("dark", "bright"):
        base, pattern = (0.45, 0.75) if look.form in TEXTURED else (0.9, 0.2)
        return (-base if tone == "dark" else base) + pattern * inner
    outline = np.exp(-(((distance - 0.7 * rim) / rim) ** 2))
    return -0.12 - 0.85 * outline if tone == "outlined" else -0.95 + 1.75 * outline


def _slope(height: Array, light: float, pixels: float, domed: bool) -> Array:
    """How much a height (H, W) of 0..1 faces the light, about -1..1, if it rises within so many pixels."""
    if domed:
        height = 0.5 - 0.5 * np.cos(np.pi * height)
    slope = np.zeros_like(height)
    slope[:, 1:-1] = (height[:, :-2] - height[:, 2:]) * np.cos(light)
    slope[1:-1] += (height[:-2] - height[2:]) * np.sin(light)
    return np.clip(slope * max(pixels, 1.5) / 2, -1, 1)
