"""T3 and T2 texts of rendered images, written from what is known of them: no model, no annotator.

T3 states only what the mask and the drawing say. T2 is the same text as an uncorrected draft: some dimensions
are missing, some are wrong, and :class:`Texts` says which. First the phrases, then how they become sentences.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from steeldefectx.language.attributes import CELLS, Attributes, Position

LOCATION_CELLS: dict[str, tuple[str, ...]] = {
    **{cell: (cell,) for cell in CELLS},
    "top row": CELLS[:3],
    "middle row": CELLS[3:6],
    "bottom row": CELLS[6:],
    "left column": CELLS[::3],
    "center column": CELLS[1::3],
    "right column": CELLS[2::3],
    "upper rows": CELLS[:6],
    "lower rows": CELLS[3:],
    "left columns": CELLS[::3] + CELLS[1::3],
    "right columns": CELLS[1::3] + CELLS[2::3],
    "several": CELLS,
    "spread": CELLS,
}
"""What a location stated in a text means: location -> cells that hold the defect."""

LOCATION_PHRASES: dict[str, tuple[str, ...]] = {
    "top-left": ("in the upper left", "in the top left area", "near the upper left corner"),
    "top-center": ("in the upper center", "in the top center area", "near the middle of the upper edge"),
    "top-right": ("in the upper right", "in the top right area", "near the upper right corner"),
    "middle-left": ("in the middle left area", "on the left side at mid-height", "left of the center"),
    "center": ("near the center", "in the center", "at the center of the surface"),
    "middle-right": ("in the middle right area", "on the right side at mid-height", "right of the center"),
    "bottom-left": ("in the lower left", "in the bottom left area", "near the lower left corner"),
    "bottom-center": (
        "in the lower center",
        "in the bottom center area",
        "near the middle of the lower edge",
    ),
    "bottom-right": ("in the lower right", "in the bottom right area", "near the lower right corner"),
    "top row": ("across the upper part from side to side", "across the full width of the upper third"),
    "middle row": ("across the middle from side to side", "across the full width at mid-height"),
    "bottom row": ("across the lower part from side to side", "across the full width of the lower third"),
    "left column": ("along the left side from top to bottom", "over the full height of the left third"),
    "center column": ("down the middle from top to bottom", "over the full height of the central third"),
    "right column": ("along the right side from top to bottom", "over the full height of the right third"),
    "upper rows": ("over the upper two thirds of the surface", "in the upper and middle thirds"),
    "lower rows": ("over the lower two thirds of the surface", "in the middle and lower thirds"),
    "left columns": ("over the left two thirds of the surface", "in the left and central thirds"),
    "right columns": ("over the right two thirds of the surface", "in the central and right thirds"),
    "several": ("in several parts of the surface", "at various places on the surface"),
    "spread": ("across the whole surface", "all over the surface", "over nearly the entire surface"),
}
"""Location -> the phrases that state it; no phrase states two locations."""

SPREAD_CELLS, SPREAD_SHARE = 7, 0.04
"""A defect is spread out when so many cells hold at least this share of it each."""
STRIP_SHARE, STRIP_CELL_SHARE = 0.85, 0.12
"""It fills a row or column of cells that holds this share of it, each cell at least the second share."""
CELL_SHARE = 0.4
"""A single cell is named from this share on, or when nothing else describes the place."""
TWO_THIRDS_SHARE = 0.9
"""It lies in two rows or columns of cells that hold this share of it."""
SEVERAL_CELLS = 5
"""It is in several parts when so many cells hold at least ``SPREAD_SHARE`` of it each."""
MAINLY_BELOW = 0.7
"""Below this share of the defect in the stated cell, the text says "mainly"."""

SHAPES: dict[str, tuple[tuple[str, str], ...]] = {
    "linear": (("straight line", "straight lines"), ("thin linear mark", "thin linear marks")),
    "curved": (("curved mark", "curved marks"), ("arc-shaped mark", "arc-shaped marks")),
    "elongated": (("elongated mark", "elongated marks"), ("long, narrow mark", "long, narrow marks")),
    "circular": (("round mark", "round marks"), ("nearly circular mark", "nearly circular marks")),
    "irregular": (
        ("irregular mark", "irregular marks"),
        ("irregularly shaped area", "irregularly shaped areas"),
    ),
    "fragmented": (("fragmented mark", "fragmented marks"), ("broken-up area", "broken-up areas")),
    "network-like": (("network-like pattern", "network-like traces"), ("web-like net", "web-like traces")),
    "spot-like": (("spot-like mark", "spot-like marks"), ("dot-like mark", "dot-like marks")),
    "patch-like": (("patch-like area", "patch-like areas"), ("compact patch", "compact patches")),
    "diffuse": (("diffuse area", "diffuse marks"), ("diffuse zone", "diffusely spread marks")),
}
"""Shape -> nouns for one and for several."""

NO_SHAPE = (("mark", "marks"), ("defect area", "defect areas"))

WRONG_SHAPES: dict[str, tuple[str, ...]] = {
    "linear": ("circular", "patch-like"),
    "curved": ("linear", "spot-like"),
    "elongated": ("circular", "network-like"),
    "circular": ("linear", "network-like"),
    "irregular": ("linear", "circular"),
    "fragmented": ("linear", "circular"),
    "network-like": ("circular", "patch-like"),
    "spot-like": ("linear", "network-like"),
    "patch-like": ("linear", "network-like"),
    "diffuse": ("linear", "circular"),
}
WRONG_SIZES: dict[str, tuple[str, ...]] = {
    "tiny": ("medium", "large", "extensive"),
    "small": ("large", "extensive"),
    "medium": ("tiny", "extensive"),
    "large": ("tiny", "small"),
    "extensive": ("tiny", "small", "medium"),
}
WRONG_DEPTHS: dict[str, tuple[str, ...]] = {
    "shallow": ("deep",),
    "moderate": ("shallow", "deep"),
    "deep": ("shallow",),
}
WRONG = {"shape": WRONG_SHAPES, "size": WRONG_SIZES, "depth": WRONG_DEPTHS}
"""Dimension -> true value -> values far enough from it to be plainly false."""

DIRECTED = ("linear", "curved", "elongated", "fragmented")
"""Shapes whose direction is worth a word."""
DIRECTIONS = {
    "horizontal": ("running horizontally", "in a horizontal direction"),
    "vertical": ("running vertically", "in a vertical direction"),
    "diagonal": ("running diagonally", "in a diagonal direction"),
}
COUNTS = {"one": ("a single", "one"), "multiple": ("several", "numerous", "many")}

SIZES: dict[str, tuple[str, ...]] = {
    size: (
        f"{{covers|cover}} {part} {size} part of the surface",
        f"{{takes|take}} up {part} {size} share of the image",
        f"{{is|are}} {size} in overall extent",
    )
    for size, part in {"tiny": "only a", "small": "a", "medium": "a", "large": "a", "extensive": "an"}.items()
} | {"medium": ("{covers|cover} a medium-sized part of the surface", "{is|are} of medium size overall")}

DEPTHS = {
    "shallow": ("{appears|appear} shallow", "{looks|look} superficial", "{has|have} little visible depth"),
    "moderate": ("{appears|appear} moderately deep", "{seems|seem} to be of moderate depth"),
    "deep": ("{appears|appear} deep", "{looks|look} deeply set", "{seems|seem} to reach deep into the steel"),
}

_AROUND = "than the surrounding steel"
CONTRASTS: dict[str, tuple[str, ...]] = {
    f"{polarity}/{saliency}": tuple(p.format(word=word, er=er) for p in patterns)
    for polarity, word, er in (("dark", "dark", "darker"), ("bright", "bright", "brighter"))
    for saliency, patterns in {
        "low": (
            f"{{{{is|are}}}} slightly {{er}} {_AROUND}",
            "{{stands|stand}} out only weakly as {word}",
            "{{is|are}} faintly {word} with low contrast",
        ),
        "medium": (
            f"{{{{is|are}}}} noticeably {{er}} {_AROUND}",
            "{{is|are}} {word} with medium contrast to the background",
            "{{shows|show}} a {word} tone of medium contrast",
        ),
        "high": (
            f"{{{{is|are}}}} much {{er}} {_AROUND}",
            "{{is|are}} {word} with high contrast to the background",
            "{{stands|stand}} out strongly as {word}",
        ),
    }.items()
} | {
    "neutral": (
        "{has|have} almost the same brightness as the surrounding steel",
        "{is|are} close in grey level to the background",
        "{shows|show} a neutral tone of very low contrast",
    )
}

PREDICATES: dict[str, dict[str, tuple[str, ...]]] = {"size": SIZES, "depth": DEPTHS, "contrast": CONTRASTS}

PLACED = {
    "cell": ("{lies|lie}", "{is|are} located", "{is|are} found"),
    "strip": ("{extends|extend}", "{is|are} distributed"),
    "spread": ("{is|are} spread", "{extends|extend}"),
}

INTROS = (
    "The {name} defect appears as {what}",
    "The steel surface shows {name} in the form of {what}",
    "This steel surface shows {what}, identified as {name}",
    "A case of {name} can be seen here as {what}",
    "{what} {{is|are}} visible on the steel surface, a case of {name}",
)
PLACED_INTROS = (
    "{where}, {what} {{is|are}} visible, a case of {name}",
    "{where}, the steel shows {name} as {what}",
)
UNNAMED_INTROS = ("{where}, {what} {{is|are}} visible",)
SUBJECTS = (("It", "They"), ("The defect", "The marks"), ("The affected area", "The affected areas"))

GROUPS = {1: ((1,),), 2: ((2,), (1, 1)), 3: ((2, 1), (1, 2)), 4: ((2, 2), (2, 1, 1), (1, 2, 1))}
"""How many statements go into each sentence after the first, by how many there are."""

SLOTS = ("intro", "count", "noun", "direction", "phrase", "placed", "subject", "group")
DIMENSIONS = ("shape", "size", "depth", "location", "contrast")
"""What a draft can leave out or get wrong; it can also get the number wrong."""

MISSING, CORRUPTED = (0, 0, 1, 1, 2), (0, 1, 1, 1, 2)
"""How many dimensions a draft leaves out and gets wrong: one of each is drawn."""


@dataclass(frozen=True)
class Texts:
    """Both sample-level texts of a synthetic image, and how the draft differs from the truth."""

    t2: str
    t3: str
    corrupted: tuple[str, ...]
    """Dimensions that T2 states wrongly: shape, size, depth, location, contrast or number."""
    missing: tuple[str, ...]
    """Dimensions that T2 does not mention and T3 does."""


def location_of(position: list[Position]) -> str:
    """The location, a key of :data:`LOCATION_CELLS`, that describes a defect best.

    Args:
        position: Cells with their share of the defect, as in the attributes.
    """
    share = {entry["cell"]: entry["fraction"] for entry in position}
    held = {location: [share.get(cell, 0) for cell in cells] for location, cells in LOCATION_CELLS.items()}
    occupied = sum(part >= SPREAD_SHARE for part in share.values())
    if occupied >= SPREAD_CELLS:
        return "spread"
    for location, parts in held.items():
        if len(parts) == 3 and sum(parts) >= STRIP_SHARE and min(parts) >= STRIP_CELL_SHARE:
            return location
    cell = max(share, key=lambda name: share[name])
    if share[cell] >= CELL_SHARE:
        return cell
    widest = max((name for name in held if len(held[name]) == 6), key=lambda name: sum(held[name]))
    if sum(held[widest]) >= TWO_THIRDS_SHARE:
        return widest
    return "several" if occupied >= SEVERAL_CELLS else cell


def facts_of(attributes: Attributes, depth: str) -> dict[str, str]:
    """What a text may state of an image, dimension -> true value; an unclear shape is not stated."""
    location = location_of(attributes["position"])
    polarity = attributes["polarity"]
    facts = {
        "number": attributes["number"],
        "distribution": attributes["spatial_distribution"],
        "direction": attributes["direction"],
        "size": attributes["scale"],
        "depth": depth,
        "location": location,
        "contrast": polarity if polarity == "neutral" else f"{polarity}/{attributes['saliency']}",
    }
    if attributes["shape"] in SHAPES:
        facts["shape"] = attributes["shape"]
    held = sum(entry["fraction"] for entry in attributes["position"] if entry["cell"] == location)
    return facts | {"extent": "mainly" if location in CELLS and held < MAINLY_BELOW else "all"}


def write_texts(class_name: str, attributes: Attributes, depth: str, rng: np.random.Generator) -> Texts:
    """T3, true in every statement, and T2, its faulty draft.

    Args:
        class_name: Spelled as in the taxonomy.
        attributes: As ``attributes_from_mask`` gives them.
        depth: ``shallow``, ``moderate`` or ``deep``.
        rng: Chooses wording and faults.
    """
    facts = facts_of(attributes, depth)
    style = {slot: float(rng.random()) for slot in (*SLOTS, *(f"order {d}" for d in DIMENSIONS))}
    style |= {f"phrase {dimension}": float(rng.random()) for dimension in DIMENSIONS}
    stated = [dimension for dimension in (*DIMENSIONS, "number") if dimension in facts]
    shuffled = [str(dimension) for dimension in rng.permutation(stated)]
    wrong, left_out = int(rng.choice(CORRUPTED)), int(rng.choice(MISSING))
    wrong = max(wrong, 1 - left_out)
    corrupted = shuffled[:wrong]
    missing = [dimension for dimension in shuffled[wrong:] if dimension != "number"][:left_out]
    draft = {dimension: value for dimension, value in facts.items() if dimension not in missing}
    for dimension in corrupted:
        draft[dimension] = _wrong(dimension, facts[dimension], attributes, rng)
    return Texts(
        t2=_write(class_name, draft, style),
        t3=_write(class_name, facts, style),
        corrupted=tuple(sorted(corrupted)),
        missing=tuple(sorted(missing)),
    )


def describe_region(name: str | None, attributes: Attributes) -> str:
    """What a region looks like in the words of T3, the same ones every time.

    The depth, which no mask shows, is not said, and nothing of steel, for it may be another metal.

    Args:
        name: Of its class; None if that is not known.
        attributes: As ``attributes_from_mask`` gives them.
    """
    facts = facts_of(attributes, "")
    del facts["depth"]
    style = dict.fromkeys((*SLOTS, *(f"order {d}" for d in DIMENSIONS), *(f"phrase {d}" for d in DIMENSIONS)), 0.0)
    return _write(name, facts, style | {"phrase contrast": 0.5})


def _wrong(dimension: str, value: str, attributes: Attributes, rng: np.random.Generator) -> str:
    """A false value of a dimension."""
    if dimension == "location":
        share = {entry["cell"]: entry["fraction"] for entry in attributes["position"]}
        opposite = CELLS[8 - CELLS.index(value)] if value in CELLS else value
        if opposite != value and share.get(opposite, 0) < SPREAD_SHARE:
            return opposite
        return min(rng.permutation(CELLS).tolist(), key=lambda cell: share.get(cell, 0))
    if dimension == "contrast":
        polarity, _, saliency = value.partition("/")
        options: tuple[str, ...] = {
            "dark": (f"bright/{saliency}",),
            "bright": (f"dark/{saliency}",),
            "neutral": ("dark/high", "bright/high"),
        }[polarity]
    elif dimension == "number":
        options = ("multiple",) if value == "one" else ("one",)
    else:
        options = WRONG[dimension][value]
    return str(rng.choice(options))


def _write(class_name: str | None, facts: dict[str, str], style: dict[str, float]) -> str:
    """The text that states these facts in this style; the same style words the same facts the same way."""
    many = facts["number"] != "one"
    name, what = (class_name or "").lower(), _what(facts, style)
    todo = [d for d in ("size", "depth", "location", "contrast") if d in facts]
    intros: tuple[str, ...] = INTROS
    if "location" in facts and style["placed"] < 0.3:
        todo.remove("location")
        intros = PLACED_INTROS if class_name else UNNAMED_INTROS
    intro = _pick(intros, style["intro"]).format(name=name, what=what, where=_where(facts, style))
    todo.sort(key=lambda d: style[f"order {d}"])
    sentences = [_agree(intro, many)]
    for number, size in enumerate(_pick(GROUPS[len(todo)], style["group"]) if todo else ()):
        said = [_predicate(dimension, facts, style) for dimension in todo[:size]]
        todo = todo[size:]
        subject = SUBJECTS[(int(style["subject"] * 3) + number) % 3][many]
        sentences.append(_agree(f"{subject} {' and '.join(said)}", many))
    return " ".join(f"{s[0].upper()}{s[1:]}." for s in sentences)


def _what(facts: dict[str, str], style: dict[str, float]) -> str:
    """Number, distribution, shape and direction: "two clustered straight lines running vertically"."""
    number, shape = facts["number"], facts.get("shape")
    words = [_pick(COUNTS.get(number, (number,)), style["count"])]
    if number != "one" and facts["distribution"] in ("scattered", "clustered"):
        words.append(facts["distribution"])
    words.append(_pick(SHAPES[shape] if shape else NO_SHAPE, style["noun"])[number != "one"])
    if shape in DIRECTED and facts["direction"] in DIRECTIONS:
        words.append(_pick(DIRECTIONS[facts["direction"]], style["direction"]))
    return " ".join(words)


def _where(facts: dict[str, str], style: dict[str, float]) -> str:
    if "location" not in facts:
        return ""
    phrase = _pick(LOCATION_PHRASES[facts["location"]], style["phrase location"])
    return f"mainly {phrase}" if facts["extent"] == "mainly" and facts["location"] in CELLS else phrase


def _predicate(dimension: str, facts: dict[str, str], style: dict[str, float]) -> str:
    """A statement without its subject; ``{is|are}`` marks verbs for one and for several."""
    if dimension != "location":
        return _pick(PREDICATES[dimension][facts[dimension]], style[f"phrase {dimension}"])
    location = facts["location"]
    kind = "cell" if location in (*CELLS, "several") else "spread" if location == "spread" else "strip"
    return f"{_pick(PLACED[kind], style['phrase'])} {_where(facts, style)}"


def _pick(options: tuple[Any, ...], where: float) -> Any:
    """The option at ``where`` (0..1) of the way through."""
    return options[int(where * len(options))]


def _agree(sentence: str, many: bool) -> str:
    """Verbs put in the singular or the plural."""
    return re.sub(r"\{([^|}]*)\|([^}]*)\}", r"\2" if many else r"\1", sentence)
