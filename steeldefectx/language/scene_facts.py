"""What is known of a composed scene and may be said of it, and what would be false: facts with one of them swapped.

A fact is the value of an attribute. What is drawn and what is measured from the mask have to agree: an attribute on
which they do not is not said.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from steeldefectx.language.appearance import FORMS, LONG_FORMS, SURFACES, Appearance
from steeldefectx.language.attributes import CELLS, MANY, NUMBERS, Attributes
from steeldefectx.language.claims import Claim, find_claims
from steeldefectx.language.descriptions import MAINLY_BELOW, WRONG_SIZES, location_of
from steeldefectx.language.evidence import COUNTS, FITTING_SHAPES, SCALES
from steeldefectx.language.lexicon.reading import Entry
from steeldefectx.language.places import PLACES

Facts = Mapping[str, str]
"""Attribute -> its value. ``kind`` is ``sound`` or ``defect``; ``name`` is its entry's."""

LOCAL = 3.0
"""Grey levels against the metal under it from which a defect is darker or brighter for certain."""
LOCAL_CONTRASTS = {"low": (LOCAL, 16.0), "medium": (6.0, 64.0), "high": (25.0, 255.0)}
"""Saliency -> grey levels against the metal under it that go with it."""
LONG, SHORT = 0.5, 0.22
"""Shares of the image's side from which, and up to which, a form that is long is called long, or short."""
SPREAD = 5
"""A defect that is in so many cells may be said to be all over."""
EMPTY = 0.02
"""A place that holds less of the defect than this share is another place than the defect's."""

SWAPPED_TONES = {"dark": "bright", "bright": "dark", "rimmed": "bright", "outlined": "bright"}
SWAPPED = {
    "contrast": {"low": "high", "high": "low"},
    "relief": {"raised": "sunk", "sunk": "raised"},
    "softness": {"sharp": "soft", "soft": "sharp"},
    "length": {"long": "short", "short": "long"},
    "direction": {"horizontal": "vertical", "vertical": "horizontal", "falling": "rising", "rising": "falling"},
}
"""Attribute -> value -> its opposite."""
COLLECTIVE = ("net", "hatching", "crossed lines", "chevrons", "broken line", "fingerprint", "pores", "specks",
              "spatter", "tears", "edge cracks", "fern", "wrinkles", "ripples", "plates", "burr")  # fmt: skip
"""Forms of several pieces: how many of them there are, the mask does not say."""
DRAWN_NUMBERS = {"one": ("one",), "two": ("two",), "few": ("three", "four", "five"), "many": (MANY,)}
"""Number that was drawn -> numbers that may be measured of it."""
OPPOSITE_ROWS = {"top row": "bottom row", "bottom row": "top row", "left column": "right column",
                 "right column": "left column"}  # fmt: skip
CORNERS = ((0, 1, 3), (2, 1, 5), (6, 3, 7), (8, 5, 7))
"""Cells of the corners, each with its two neighbors."""
FAMILIES: tuple[tuple[str, ...], ...] = (
    ("line", "broken line", "arc", "groove", "crack", "streak", "fold"),
    ("spot", "pit", "hole", "dent", "blister", "crater"),
    ("patch", "stain", "island", "cloud", "rough area"),
    ("net", "crossed lines", "hatching", "ripples"),
)
"""Forms that nobody would call by those of another family; forms that are in none are swapped for any of them."""
LIKE = {"line": 0, "broken line": 0, "arc": 0, "wavy line": 0, "thread": 0, "crack": 0, "branching crack": 0,
        "groove": 0, "fold": 0, "streak": 0, "comet": 0, "drop": 0, "band": 0, "flake": 0, "chevrons": 0, "tears": 0,
        "spot": 1, "ring": 1, "crescent": 1, "hole": 1, "pit": 1, "crater": 1, "dent": 1, "blister": 1, "lump": 1,
        "patch": 2, "stain": 2, "island": 2, "cloud": 2, "rough area": 2, "water mark": 2, "plates": 2,
        "orange peel": 2, "net": 3, "crossed lines": 3, "hatching": 3, "ripples": 3, "wrinkles": 3}  # fmt: skip
"""Form -> the family that it is like."""


def facts_of_scene(
    surface: str, look: Appearance | None, attributes: Attributes | None, local: float, box: tuple[float, float],
    depth: str | None, entry: Entry | None,
) -> dict[str, str]:  # fmt: skip
    """What may be said of a scene.

    Args:
        surface: One of :data:`~steeldefectx.language.appearance.SURFACES`.
        look: What the defect was drawn from; None for sound metal and the 25 classes.
        attributes: Measured from image and mask; None for sound metal.
        local: Grey levels by which the defect is brighter than the metal under it.
        box: Width and height of the defect, in fractions of the side.
        depth: ``shallow``, ``moderate`` or ``deep``, of the 25 classes.
        entry: The defect's entry, if it has a name.
    """
    facts = {"kind": "sound" if attributes is None else "defect", "surface": surface}
    if attributes is None:
        return facts
    if entry is not None:
        facts["name"] = entry.name
    facts |= _measured(attributes, local, look) | {"reach": f"{max(box):.2f}"}
    if look is None:
        if attributes["shape"] in FITTING_SHAPES:
            facts["shape"] = attributes["shape"]
        return facts | ({"depth": depth} if depth else {})
    facts |= {"form": look.form, "shape": attributes["shape"]}
    if look.form in COLLECTIVE or attributes["number"] not in DRAWN_NUMBERS[look.number]:
        del facts["number"]
        facts["plural"] = "no" if look.number == "one" else "yes"
    if look.form in LONG_FORMS:
        facts["slender"] = "yes"
    if look.form in LONG_FORMS and attributes["number"] == "one" and max(box) != np.clip(max(box), SHORT, LONG):
        facts["length"] = "long" if max(box) > LONG else "short"
    if look.relief != "flat":
        facts["relief"] = look.relief
    if attributes["scale"] not in ("tiny", "small") and look.form != "cloud":
        facts["softness"] = look.softness
    return facts


def _measured(attributes: Attributes, local: float, look: Appearance | None) -> dict[str, str]:
    """What the mask says, as far as the drawing agrees."""
    location = location_of(attributes["position"])
    held = sum(entry["fraction"] for entry in attributes["position"] if entry["cell"] == location)
    facts = {
        "number": attributes["number"],
        "components": attributes["number"],
        "plural": "no" if attributes["number"] == "one" else "yes",
        "distribution": attributes["spatial_distribution"],
        "scale": attributes["scale"],
        "location": location,
        "extent": "mainly" if location in CELLS and held < MAINLY_BELOW else "all",
    }
    facts["polarity"] = polarity = attributes["polarity"]
    facts["held"] = " ".join(entry["cell"] for entry in attributes["position"] if entry["fraction"] >= EMPTY)
    direction = attributes["direction"]
    if direction == "diagonal" and look is not None and look.direction in ("falling", "rising"):
        direction = look.direction
    if direction != "none" and (look is None or look.form in LONG_FORMS):
        facts["direction"] = direction
    drawn = "dark" if local < -LOCAL else "bright" if local > LOCAL else "neutral"
    if look is not None and look.tone not in ("dark", "bright"):
        facts["tone"] = look.tone
    elif drawn == polarity != "neutral":
        facts["tone"] = polarity
        least, most = LOCAL_CONTRASTS[attributes["saliency"]]
        if least <= abs(local) <= most:
            facts["contrast"] = attributes["saliency"]
    return facts


def swap(facts: Facts, attribute: str, rng: np.random.Generator) -> dict[str, str] | None:
    """The facts with one of them false, or None where nothing false is known for it.

    Args:
        facts: Of :func:`facts_of_scene`.
        attribute: ``kind``, ``surface``, ``form``, ``tone``, ``contrast``, ``relief``, ``softness``, ``length``,
            ``direction``, ``number``, ``scale`` or ``location``.
        rng: Chooses among false values.
    """
    value = facts.get(attribute)
    if value is None:
        return None
    if attribute == "kind":
        wrong: str | None = "defect" if value == "sound" else "sound"
    elif attribute == "surface":
        wrong = _any(rng, [name for name in SURFACES if name not in (value, "plain")])
    elif attribute == "tone":
        sure = value in ("dark", "bright") or facts["polarity"] == "dark"
        wrong = SWAPPED_TONES.get(value) if sure else None
    elif attribute == "number":
        wrong = {"one": MANY, "two": None, "three": "one", "four": "one", "five": "one"}.get(value, "one")
    elif attribute == "scale":
        wrong = _any(rng, WRONG_SIZES[value])
    elif attribute == "location":
        wrong = _other_place(value, facts.get("held", "").split(), rng)
    elif attribute == "form":
        wrong = _other_form(value, facts.get("shape", "unclear"), rng)
    else:
        wrong = SWAPPED.get(attribute, {}).get(value)
    if wrong is None:
        return None
    swapped = dict(facts) | {attribute: wrong}
    if attribute == "number":
        swapped["plural"] = "no" if wrong == "one" else "yes"
    if attribute == "form":
        swapped["shape"] = "unclear"
    if attribute == "location":
        swapped["extent"] = "all"
    return swapped


SWAPS = ("kind", "surface", "form", "tone", "contrast", "relief", "softness", "length", "direction", "number", "scale",
         "location")  # fmt: skip
"""Attributes that can be swapped."""


def _any(rng: np.random.Generator, options: list[str] | tuple[str, ...]) -> str:
    return options[int(rng.integers(len(options)))]


def _other_place(location: str, held: list[str], rng: np.random.Generator) -> str | None:
    """The place on the other side, if next to nothing of the defect is there."""
    if location in OPPOSITE_ROWS:
        return OPPOSITE_ROWS[location]
    if location not in CELLS:
        return None
    row, column = divmod(CELLS.index(location), 3)
    options = [CELLS[3 * (2 - row) + column], CELLS[3 * row + 2 - column]]
    if location == "center":
        options = [CELLS[c] for c, a, b in CORNERS if CELLS[a] not in held and CELLS[b] not in held]
    options = [cell for cell in options if cell != location and cell not in held]
    return _any(rng, options) if options else None


def _other_form(form: str, shape: str, rng: np.random.Generator) -> str | None:
    """A form of another family whose nouns the measured shape does not fit."""
    own = LIKE.get(form)
    options = [
        other
        for number, family in enumerate(FAMILIES)
        if number != own
        for other in family
        if not any(fits(noun, shape) and shape != "unclear" for noun, _ in FORMS[other] if claimed_shapes(noun))
    ]
    return _any(rng, options) if options else None


@lru_cache(maxsize=4096)
def claimed_shapes(phrase: str) -> tuple[str, ...]:
    """The shapes that a phrase claims."""
    return tuple(claim.values[0] for claim in _claims(phrase) if claim.kind == "shape")


def _claims(phrase: str) -> list[Claim]:
    """The claims of a phrase within a sentence: at its beginning it might be taken for another subject."""
    return find_claims(f"On the metal that is shown here there is {phrase}")


def fits(phrase: str, shape: str) -> bool:
    """Whether a phrase may be said of something whose shape is measured as ``shape``."""
    claimed = claimed_shapes(phrase)
    return not claimed or shape == "unclear" or any(shape in FITTING_SHAPES[name] for name in claimed)


def may_be_said(phrase: str, facts: Facts) -> bool:
    """Whether a description of how a defect may look fits this one: none of its claims is contradicted.

    Args:
        phrase: Such as a lexicon's ``looks``.
        facts: Of a scene with a defect, see :func:`facts_of_scene`.
    """
    shapes = claimed_shapes(phrase)
    if shapes and not fits(phrase, facts.get("shape", "unclear")):
        return False
    return all(_holds(kind, value, facts) for kind, value in _other_claims(phrase))


@lru_cache(maxsize=4096)
def _other_claims(phrase: str) -> tuple[tuple[str, str], ...]:
    return tuple((c.kind, v) for c in _claims(phrase) if c.kind not in ("shape", "class") for v in c.values)


def _holds(kind: str, value: str, facts: Facts) -> bool:
    """Whether one claimed value is about what was measured."""
    if kind == "polarity":
        return facts["polarity"] == value
    if kind == "saliency":
        return facts.get("contrast", value) == value
    if kind == "number":
        count = 6 if facts["components"] == MANY else NUMBERS.index(facts["components"]) + 1
        least, most = COUNTS[value]
        return least <= count <= most
    if kind == "direction":
        direction = facts.get("direction", value)
        return direction == value or (value == "diagonal" and direction in ("falling", "rising"))
    if kind == "location":
        cells = PLACES[value]
        main = facts["held"].split()[0]
        return len(facts["held"].split()) >= SPREAD if value == "all over" else main in cells
    if value in SCALES:
        off = SCALES.index(value) - SCALES.index(facts["scale"])
        return off in (-1, 0, 1) or (off < 0 and facts["components"] == MANY)
    reach, scale = float(facts["reach"]), facts["scale"]
    return {"long": reach >= 0.2, "short": reach <= 0.5 or facts["components"] == MANY,
            "thin": scale in ("tiny", "small", "medium"), "thick": scale != "tiny"}.get(value, False)  # fmt: skip
