"""Scenes at random, for pretraining: any entry of the lexicon, forms without a name, sound metal; and their opposites.

``compose(rng)`` draws a scene, ``describe(scene.facts, rng)`` writes a text of it, and ``redraw(scene, "tone", rng)``
draws it bright where it was dark, with all else alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from steeldefectx.errors import DataError
from steeldefectx.language.appearance import (
    ARRANGEMENTS,
    DIRECTIONS,
    EDGE_FORMS,
    FORMS,
    LONG_FORMS,
    RELIEFS,
    SIZES,
    STRENGTHS,
    SURFACES,
    Appearance,
)
from steeldefectx.language.attributes import Attributes
from steeldefectx.language.evidence import SCALES
from steeldefectx.language.lexicon.reading import CLASSES, Entry, find_entry, lexicon
from steeldefectx.language.scene_facts import FAMILIES, LIKE, facts_of_scene
from steeldefectx.render.canvas import Rng
from steeldefectx.render.composed.forms import PLAIN, THIN
from steeldefectx.render.composed.scene import NothingSeenError, Plan, picture
from steeldefectx.render.defects import SMALLEST
from steeldefectx.render.scenes import ANY_WAY
from steeldefectx.taxonomy import CLASS_NAMES

SOUND = 0.2
"""Share of sound metal."""
NAMELESS, OF_TAXONOMY = 0.2, 0.25
"""Shares, of what is left, of forms that have no name and of the 25 classes; the others are of the lexicon."""
USUAL_SURFACE = 0.7
"""Share of an entry's scenes that are on one of its own surfaces."""
SEEDS = 6
"""Seeds that are tried for a scene that cannot be drawn."""
OPPOSITES = {"dark": "bright", "bright": "dark", "raised": "sunk", "sunk": "raised", "sharp": "soft", "soft": "sharp",
             "horizontal": "vertical", "vertical": "horizontal", "falling": "rising", "rising": "falling"}  # fmt: skip
OTHER_SIZES = {"tiny": ("large", "huge"), "small": ("huge",), "medium": ("tiny", "huge"), "large": ("tiny",),
               "huge": ("tiny",)}  # fmt: skip
GAPS = ("hole", "missing edge")
"""Forms of metal that is not there."""
REDRAWN = ("kind", "surface", "form", "tone", "contrast", "relief", "softness", "direction", "number", "scale",
           "location")  # fmt: skip
"""Attributes that a scene can be drawn again with another value of."""


@dataclass(frozen=True)
class ComposedScene:
    """A rendered image with all that is known of it."""

    image: np.ndarray
    """(H, W) uint8 grey levels."""
    mask: np.ndarray
    """(H, W) bool, the whole defect; empty on sound metal."""
    attributes: Attributes | None
    """Measured from image and mask; None on sound metal."""
    entry: Entry | None
    """None: sound metal, or a defect without a name."""
    facts: dict[str, str]
    """What texts may say of it, see :mod:`steeldefectx.language.scene_facts`."""
    plan: Plan
    """What it was drawn from: its surface, its look, its seed."""
    pixels: np.ndarray
    """(H, W) float32, before the camera."""


def compose(
    rng: Rng,
    size: int = 128,
    name: str | Entry | None = None,
    names: Sequence[str] | None = None,
    framed: float = 0.0,
) -> ComposedScene:
    """Draw a scene.

    Args:
        rng: All that varies is drawn from it: the same generator state gives the same scene.
        size: Pixels a side, from 32.
        name: An entry, one of the lexicon's by its name or synonym; without one anything, sound metal among it.
        names: Entries to choose from, such as
            :func:`~steeldefectx.language.lexicon.reading.names_without` gives; without, all of them.
        framed: Share, 0..1, of scenes that show more than metal: rims, clamps, reflections, the dark beside a part.

    Raises:
        DataError: Unknown name, or a size too small to draw in.
    """
    if size < SMALLEST:
        raise DataError(f"Scenes need {SMALLEST} pixels a side or more, not {size}.")
    for _ in range(SEEDS):
        plan, entry = _plan(rng, size, name, names)
        if framed:
            plan = replace(plan, framed=bool(rng.random() < framed))
        try:
            return _scene(plan, entry)
        except NothingSeenError:
            continue
    raise DataError(f"{name or 'A defect'} could not be drawn at {size} pixels: take a larger size.")


def redraw(scene: ComposedScene, attribute: str, rng: Rng) -> ComposedScene | None:
    """The same scene with one attribute changed to its opposite: surface, part, camera and the rest are as before.

    Args:
        scene: Of :func:`compose`.
        attribute: One of :data:`REDRAWN`.
        rng: Chooses among other values.

    Returns:
        None where the scene has no such attribute, or where the mask shows no change of it.
    """
    plan = _changed(scene, attribute, rng)
    if plan is None:
        return None
    entry = scene.entry if attribute in ("surface", "location", "direction", "contrast", "softness") else None
    try:
        other = _scene(plan, entry)
    except NothingSeenError:
        return None
    return other if _differs(scene.facts, other.facts, attribute) else None


def _scene(plan: Plan, entry: Entry | None) -> ComposedScene:
    drawn = picture(plan)
    facts = facts_of_scene(plan.surface, plan.look, drawn.attributes, drawn.local, drawn.box, drawn.depth, entry)
    plan = replace(plan, attempt=drawn.attempt)
    return ComposedScene(drawn.image, drawn.mask, drawn.attributes, entry, facts, plan, drawn.pixels)


def _plan(rng: Rng, size: int, name: str | Entry | None, names: Sequence[str] | None) -> tuple[Plan, Entry | None]:
    """What is to be drawn, and its entry."""
    seed, kind = int(rng.integers(2**62)), rng.random()
    if name is None and kind < SOUND:
        return Plan(size, seed, _any(rng, tuple(SURFACES))), None
    if name is None and kind < SOUND + NAMELESS * (1 - SOUND):
        return Plan(size, seed, _any(rng, tuple(SURFACES)), _nameless(rng)), None
    entry = _entry(rng, name, names, kind)
    surface = _any(rng, entry.surfaces if rng.random() < USUAL_SURFACE else tuple(SURFACES))
    if entry.process == CLASSES:
        mirrored, upended, turned = (bool(value) for value in rng.random(3) < 0.5)
        turned = turned and entry.name in ANY_WAY
        return Plan(size, seed, surface, None, entry.name, mirrored, upended, turned=turned), entry
    look = Appearance(**{attribute: _any(rng, values) for attribute, values in entry.ranges.items()})
    return Plan(size, seed, surface, _possible(look)), entry


def _entry(rng: Rng, name: str | Entry | None, names: Sequence[str] | None, kind: float) -> Entry:
    if isinstance(name, Entry):
        return name
    if name is not None:
        entry = find_entry(name)
        if entry is None:
            raise DataError(f"The lexicon has no {name!r}: take one of its names, see lexicon().")
        return entry
    classes, others = _split(tuple(lexicon()) if names is None else tuple(names))
    of_taxonomy = kind > 1 - OF_TAXONOMY * (1 - SOUND)
    return lexicon()[_any(rng, (classes if of_taxonomy and classes else others) or classes)]


@lru_cache(maxsize=16)
def _split(names: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The classes of the taxonomy among some names, and the others."""
    classes = tuple(name for name in names if name in CLASS_NAMES)
    return classes, tuple(name for name in names if name not in CLASS_NAMES)


def _nameless(rng: Rng) -> Appearance:
    """A defect of any look."""
    return _possible(
        Appearance(
            form=_any(rng, tuple(FORMS)),
            tone=_any(rng, ("dark", "dark", "bright", "bright", "two-toned", "outlined", "rimmed", "none")),
            relief=_any(rng, ("flat", *RELIEFS)),
            number=_any(rng, ("one", "one", "one", "two", "few", "many")),
            size=_any(rng, SIZES),
            place=_any(rng, ("any", "any", "any", "center", "edge", "corner")),
            direction=_any(rng, DIRECTIONS),
            arrangement=_any(rng, ("scattered", *ARRANGEMENTS)),
            softness=_any(rng, ("sharp", "soft")),
            strength=_any(rng, ("faint", "medium", *STRENGTHS)),
        )
    )


def _possible(look: Appearance) -> Appearance:
    """The look, with what its form cannot have put right."""
    tone, relief, place = look.tone, look.relief, look.place
    if look.form in EDGE_FORMS:
        place = "edge"
        tone = tone if tone in ("dark", "bright") else "dark"
    if look.form in GAPS:
        tone, relief = tone if tone in ("dark", "rimmed", "two-toned") else "dark", "flat"
    if (tone in ("outlined", "rimmed") and look.form in THIN) or (tone == "two-toned" and look.form in PLAIN):
        tone = "dark"
    if tone == "none" and relief == "flat":
        relief = "raised"
    return replace(look, tone=tone, relief=relief, place=place)


def _any(rng: Rng, options: Sequence[str]) -> str:
    return options[int(rng.integers(len(options)))]


def _changed(scene: ComposedScene, attribute: str, rng: Rng) -> Plan | None:
    """The plan with one attribute changed."""
    plan, look, value = scene.plan, scene.plan.look, scene.facts.get(attribute)
    if value is None or (scene.facts["kind"] == "sound" and attribute not in ("kind", "surface")):
        return None
    if attribute == "surface":
        return replace(plan, surface=_any(rng, [name for name in SURFACES if name not in (plan.surface, "plain")]))
    if attribute == "kind":
        sound = replace(plan, look=None, class_name=None)
        return sound if scene.mask.any() else replace(sound, look=_nameless(rng))
    if attribute == "location":
        return _elsewhere(plan, value)
    if look is None:
        if attribute == "direction" and value in OPPOSITES:
            return replace(plan, turned=not plan.turned)
        return replace(plan, inverted=not plan.inverted) if attribute == "tone" and value in OPPOSITES else None
    if attribute == "number":
        return replace(plan, look=replace(look, number=_any(rng, ("few", "many")) if value == "one" else "one"))
    if attribute == "scale":
        if look.number not in ("one", "two"):
            return None
        return replace(plan, look=replace(look, size=_any(rng, OTHER_SIZES[look.size])))
    if attribute == "contrast":
        other = {"low": "strong", "high": "faint"}.get(value)
        return replace(plan, look=replace(look, strength=other)) if other else None
    if attribute == "form":
        own = LIKE.get(look.form)
        forms = [form for number, family in enumerate(FAMILIES) if number != own for form in family]
        return None if look.form in EDGE_FORMS else replace(plan, look=_possible(replace(look, form=_any(rng, forms))))
    if attribute == "direction" and look.form not in LONG_FORMS:
        return None
    changed = replace(look, **{attribute: OPPOSITES[value]}) if value in OPPOSITES else look
    return None if _possible(changed) == look else replace(plan, look=_possible(changed))


def _elsewhere(plan: Plan, location: str) -> Plan | None:
    """The plan with the defect on the other side."""
    if location.endswith(("rows", "columns")) or (plan.look is not None and plan.look.place in ("seam", "center")):
        return None  # two thirds of the image have no other side
    side, level = ("left" in location or "right" in location), ("top" in location or "bottom" in location)
    if side:
        return replace(plan, mirrored=not plan.mirrored)
    return replace(plan, upended=not plan.upended) if level else None


def _differs(before: dict[str, str], after: dict[str, str], attribute: str) -> bool:
    """Whether what is measured of the attribute is another value now, and clearly so."""
    old, new = before[attribute], after.get(attribute)
    if attribute in ("kind", "surface", "form", "relief"):
        return True
    if new is None or new == old:
        return False
    if attribute == "number":
        return "two" not in (old, new)
    if attribute == "scale":
        return abs(SCALES.index(old) - SCALES.index(new)) >= 2
    if attribute == "location":
        return before["held"].split()[0] not in after["held"].split()
    return True
