"""Whether texts are true of scenes that they were not made of: true, false, or not to be told from the facts.

Facts and texts are coded as numbers once, so that all pairs of a batch are judged at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from steeldefectx.language.appearance import FORMS, RELIEFS, SOFTNESSES, SURFACES, TONES
from steeldefectx.language.attributes import CELLS, MANY, NUMBERS
from steeldefectx.language.descriptions import LOCATION_CELLS, LOCATION_PHRASES
from steeldefectx.language.evidence import SCALES
from steeldefectx.language.lexicon.reading import lexicon
from steeldefectx.language.scene_facts import LIKE, SPREAD, SWAPPED_TONES, Facts
from steeldefectx.language.scene_texts import SceneText

TRUE, UNKNOWN, FALSE = 1, 0, -1
VALUES: dict[str, tuple[str, ...]] = {
    "kind": ("sound", "defect"),
    "surface": tuple(SURFACES),
    "form": tuple(FORMS),
    "tone": TONES,
    "contrast": ("low", "medium", "high"),
    "relief": RELIEFS,
    "softness": SOFTNESSES,
    "length": ("short", "long"),
    "direction": ("horizontal", "vertical", "diagonal", "falling", "rising"),
    "number": (*NUMBERS, MANY),
    "scale": SCALES,
    "location": tuple(LOCATION_PHRASES),
}
"""Attribute -> the values that are told apart; a name is the entry's position in the lexicon."""
SLOTS = (*VALUES, "name", "looks", "held", "main")
"""Of a code: attributes; the entry that a text names, and the one whose looks it tells; of a scene the cells that the
defect is in, a bit each, and the one that most of it is in."""
LOCATION, NAME, LOOKS, HELD, MAIN = (SLOTS.index(slot) for slot in ("location", "name", "looks", "held", "main"))
MISSING = -1


@cache
def _numbers(attribute: str) -> dict[str, int]:
    names = lexicon() if attribute in ("name", "looks") else VALUES[attribute]
    return {name: number for number, name in enumerate(names)}


def code_scene(facts: Facts) -> np.ndarray:
    """(len(SLOTS),) int16 code of a scene's facts; ``MISSING`` where there is none."""
    code = np.full(len(SLOTS), MISSING, np.int16)
    for slot, attribute in enumerate(VALUES):
        code[slot] = _numbers(attribute).get(facts.get(attribute, ""), MISSING)
    code[NAME] = code[LOOKS] = _numbers("name").get(facts.get("name", ""), MISSING)
    held = [CELLS.index(cell) for cell in facts.get("held", "").split()]
    code[HELD] = sum(1 << cell for cell in held)
    code[MAIN] = held[0] if held else MISSING
    return code


def code_text(text: SceneText) -> np.ndarray:
    """(len(SLOTS),) int16 code of what a text states; ``MISSING`` where it states nothing."""
    facts, code = text.facts, np.full(len(SLOTS), MISSING, np.int16)
    code[0] = _numbers("kind")[facts["kind"]]
    stated = set(text.stated)
    if any(phrase.split(" ", 1)[-1] in text.text for phrase in SURFACES[facts["surface"]]):
        stated.add("surface")
    for slot, attribute in enumerate(VALUES):
        if attribute in stated:
            code[slot] = _numbers(attribute).get(facts.get(attribute, ""), MISSING)
    if "name" in text.kind:
        code[NAME] = _numbers("name").get(facts.get("name", ""), MISSING)
    if "looks" in text.kind:
        code[LOOKS] = _numbers("name").get(facts.get("name", ""), MISSING)
    return code


def fact_sizes() -> list[int]:
    """Values of each fact that :func:`fact_labels` gives."""
    return [*(len(values) for values in VALUES.values()), len(lexicon())]


def fact_labels(codes: np.ndarray) -> np.ndarray:
    """(N, facts) int64 values of codes of scenes or texts, ``MISSING`` where nothing is stated.

    The last is the entry, whether its name or its looks are told.
    """
    entry = np.maximum(codes[:, NAME], codes[:, LOOKS])
    return np.concatenate([codes[:, : len(VALUES)], entry[:, None]], axis=1).astype(np.int64)


def verdicts(texts: np.ndarray, scenes: np.ndarray) -> np.ndarray:
    """(T, N) int8: whether each text is true of each scene; false as soon as one of its statements is.

    Args:
        texts: (T, len(SLOTS)) codes of texts.
        scenes: (N, len(SLOTS)) codes of scenes.
    """
    judged = np.ones((len(texts), len(scenes)), np.int8)
    for slot, attribute in enumerate(VALUES):
        if attribute != "location":
            judged = np.minimum(judged, _table(attribute)[texts[:, slot, None], scenes[None, :, slot]])
    for slot, attribute in ((NAME, "name"), (LOOKS, "looks")):
        judged = np.minimum(judged, _entries(attribute)[texts[:, slot, None], scenes[None, :, slot]])
    return np.minimum(judged, _places(texts, scenes))


def _places(texts: np.ndarray, scenes: np.ndarray) -> np.ndarray:
    """Of the statements on where the defect is."""
    cells = np.array([*(_bits(name) for name in VALUES["location"]), 0])[texts[:, LOCATION], None]
    held, main = scenes[None, :, HELD], scenes[None, :, MAIN]
    stated = texts[:, LOCATION, None]
    same = stated == scenes[None, :, LOCATION]
    inside = (cells >> np.maximum(main, 0)) & 1 == 1
    judged = np.where((held & cells) == 0, FALSE, np.where(inside & (_count(cells) == 1), TRUE, UNKNOWN))
    spread = stated == _numbers("location")["spread"]
    judged = np.where(spread, np.where(_count(held) >= SPREAD, UNKNOWN, FALSE), judged)
    unclear = stated == _numbers("location").get("several", MISSING - 1)
    judged = np.where(unclear | (main == MISSING), UNKNOWN, judged)
    return np.where((stated == MISSING) | same, TRUE, judged).astype(np.int8)


def _bits(location: str) -> int:
    cells = (location,) if location in CELLS else LOCATION_CELLS.get(location, CELLS)
    return sum(1 << CELLS.index(cell) for cell in cells)


def _count(bits: np.ndarray) -> np.ndarray:
    return ((bits[..., None] >> np.arange(len(CELLS))) & 1).sum(-1)


@cache
def _table(attribute: str) -> np.ndarray:
    """(V + 1, V + 1) verdicts on a stated value, by the scene's; the last of each is a missing one."""
    values = VALUES[attribute]
    table = np.zeros((len(values) + 1, len(values) + 1), np.int8)
    table[MISSING, :] = TRUE
    for row, stated in enumerate(values):
        for column, value in enumerate(values):
            table[row, column] = TRUE if stated == value else _unequal(attribute, stated, value)
    return table


def _unequal(attribute: str, stated: str, value: str) -> int:
    """The verdict on a value that is not the scene's."""
    both = {stated, value}
    if attribute == "surface":
        return UNKNOWN if "plain" in both else FALSE
    if attribute == "form":
        return UNKNOWN if LIKE.get(stated, stated) == LIKE.get(value, value) else FALSE
    if attribute == "tone":
        return FALSE if SWAPPED_TONES.get(value) == stated or SWAPPED_TONES.get(stated) == value else UNKNOWN
    if attribute == "contrast":
        return UNKNOWN if "medium" in both else FALSE
    if attribute == "direction":
        return UNKNOWN if "diagonal" in both and both & {"falling", "rising"} else FALSE
    if attribute == "number":
        return FALSE if "one" in both and both != {"one", "two"} else UNKNOWN
    if attribute == "scale":
        return FALSE if abs(SCALES.index(stated) - SCALES.index(value)) >= 2 else UNKNOWN
    return FALSE


@cache
def _entries(attribute: str) -> np.ndarray:
    """(E + 1, E + 1) verdicts on a named entry, by the scene's; the last of each is none.

    Another name is false; looks that are told may fit an entry of like forms, and a defect without a name.
    """
    entries = list(lexicon().values())
    table = np.full((len(entries) + 1, len(entries) + 1), FALSE, np.int8)
    np.fill_diagonal(table, TRUE)
    table[:, MISSING] = UNKNOWN
    table[MISSING, :] = TRUE
    if attribute == "looks":
        like = [{LIKE.get(form, form) for form in entry.ranges.get("form", ())} for entry in entries]
        for row, own in enumerate(like):
            table[row, [column for column, other in enumerate(like) if column != row and own & other]] = UNKNOWN
    return table


def code_texts(texts: Sequence[SceneText]) -> np.ndarray:
    """(T, len(SLOTS)) int16 codes."""
    return np.stack([code_text(text) for text in texts])
