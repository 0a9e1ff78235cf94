"""Places in an image: their names, the cells of the 3x3 grid that they mean, and how texts speak of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from steeldefectx.language.attributes import CELLS
from steeldefectx.language.stated_text import blank
from steeldefectx.language.vocabulary import CENTER, IMAGE, LEVEL, NOT_OF_DEFECT, SIDE, whole_words

PLACES: dict[str, tuple[str, ...]] = {
    **{cell: (cell,) for cell in CELLS},
    "top": CELLS[:3],
    "middle row": CELLS[3:6],
    "bottom": CELLS[6:],
    "left": CELLS[::3],
    "center column": CELLS[1::3],
    "right": CELLS[2::3],
    "upper two thirds": CELLS[:6],
    "lower two thirds": CELLS[3:],
    "left two thirds": CELLS[::3] + CELLS[1::3],
    "right two thirds": CELLS[1::3] + CELLS[2::3],
    "middle": (CELLS[1], *CELLS[3:6], CELLS[7]),
    "edges": (*CELLS[:4], *CELLS[5:]),
    "corners": CELLS[::2][:2] + CELLS[::2][3:],
    "all over": CELLS,
}
"""Place -> its cells."""


@dataclass(frozen=True)
class Place:
    """A place, or several that are named together, in a text."""

    names: tuple[str, ...]
    """Of :data:`PLACES`."""
    start: int
    end: int


_ROW = {"top": 0, "upper": 0, "uppermost": 0, "topmost": 0, "bottom": 2, "lower": 2, "bottommost": 2}
_ROW_NAMES, _COLUMN_NAMES = ("top", "middle row", "bottom"), ("left", "center column", "right")
_PART = r"(?:part|third|half|edge|border|boundary|margin|side|area|region|portion|section|zone|quarter|end|row|column)"
_PREPOSITION = (
    r"(?:in|at|near|towards?|from|to|on|along|around|down|across|above|below|beside|off|over|through|close to|within)"
)
_OF_IMAGE = rf"(?: of the {IMAGE})?"

# "upper two thirds", "left and central thirds"
_THIRDS = whole_words(
    rf"(?P<two>{LEVEL}|{SIDE}) two thirds|(?P<first>{LEVEL}|{SIDE}|{CENTER}) and (?P<second>{LEVEL}|{SIDE}"
    rf"|{CENTER}) thirds"
)
# "middle of the left edge"
_EDGE_MIDDLE = whole_words(rf"{CENTER} of the (?P<edge>{LEVEL}|{SIDE}) (?:edge|border|side|margin)")
# "upper left corner", "left side at mid height"; a word may stand in several places, hence the numbers of groups
_CELL = whole_words(
    rf"(?:(?P<level>{LEVEL}) (?P<side>{SIDE})|(?P<side2>{SIDE}) (?P<level2>{LEVEL})"
    rf"|(?P<level3>{LEVEL}) {CENTER}|{CENTER} (?P<level4>{LEVEL})|{CENTER} (?P<side3>{SIDE})|(?P<side4>{SIDE}) {CENTER}"
    rf"|(?P<side5>{SIDE}) {_PART} at mid height|mid height (?:on|at) the (?P<side6>{SIDE}) {_PART}"
    rf"|(?P<side7>{SIDE}) and (?P<level5>{LEVEL}) edges?)(?: {_PART}s?| corner| cell| quadrant)?{NOT_OF_DEFECT}"
)
# "lower half", "left and right edges", "left of the center", "above the center", "near the top"
_STRIP = whole_words(
    rf"(?P<a>{LEVEL}|{SIDE}) (?:and (?P<b>{LEVEL}|{SIDE}) )?(?:most )?{_PART}s?{NOT_OF_DEFECT}"
    rf"|(?P<slightly>(?:slightly|just|a little|somewhat) (?:to the )?{SIDE} of (?:the )?{CENTER})"
    rf"|(?:to the )?(?P<beside>{SIDE} of (?:the )?{CENTER})"
    rf"|(?P<over>above|below) (?:the )?{CENTER}"
    rf"|{_PREPOSITION} (?:almost |nearly |just )?(?:the )?(?:far |very |extreme )?(?P<c>{SIDE}|top|bottom)"
    + NOT_OF_DEFECT
)
# "down the middle", "at mid height", "central region", "in the center"
_CENTRAL = whole_words(
    rf"(?P<column>down the {CENTER}|(?:full |entire )?height of the {CENTER} {_PART}|cent(?:er|re) ?line"
    rf"|{CENTER} column)|(?P<row>across the {CENTER}|(?:width )?at mid height|{CENTER} row)"
    rf"|(?P<any>{CENTER} {_PART})"
    rf"|(?P<cell>{_PREPOSITION} (?:the )?(?:very |exact |image )?(?:cent(?:er|re)|middle){_OF_IMAGE}{NOT_OF_DEFECT}"
    rf"|cent(?:red|ered)|central(?:ly)? (?:located|placed|positioned|area|region|part|cell)|{CENTER} of the {IMAGE})"
)
# "all over the surface", "at various places on the image"
_EVERYWHERE = whole_words(
    rf"(?:all over|throughout|everywhere on|everywhere in)(?: the {IMAGE})?"
    rf"|(?:over|across|cover\w*) (?:nearly |almost |most of )?(?:the |all of the )?(?:whole |entire |full ){IMAGE}"
    rf"|(?:spread|scattered|distributed|dispersed)(?: \w+ly)? (?:over|across) (?:the )?{IMAGE}|across the surface"
    rf"|(?:various|several|many|different|multiple) (?:places|parts|locations|positions) (?:on|of|in) the {IMAGE}"
)
# "along the edges", "in the corners"
_AROUND = whole_words(
    rf"{_PREPOSITION} (?:the |an |one |both |all )?(?:{IMAGE} |outer )?(?:(?P<edges>edges?|borders?|margins?|periphery)"
    rf"|(?P<corners>corners?)){NOT_OF_DEFECT}"
)
EDGE_TO_EDGE = re.compile(
    r"\b(?:from )?(?:the )?(?:(?P<height>(?:top|upper edge|top edge) to (?:the )?(?:bottom|lower)(?: edge)?"
    r"|bottom to top)"
    r"|(?P<width>(?:one )?side to (?:the other|side)|left to right|right to left|edge to edge))(?!\w)"
)
"""A whole side of the image; it is no place."""
_TOGETHER = re.compile(r"(?:[^.;!?\n]{0,30}\b(?:and|to|towards?|or|through)\b|,)[^.;!?\n\w]*(?:(?!is |are )\w+ ){0,3}")
"""Between places that are named together: "from the top left to the bottom right"."""


def find_places(said: str) -> list[Place]:
    """The places that a text names, those named together as one.

    Args:
        said: As :func:`steeldefectx.language.stated_text.stated` gives it.
    """
    said = EDGE_TO_EDGE.sub(blank, said)
    places: list[Place] = []
    for place in sorted(_single_places(said), key=lambda place: place.start):
        before = places[-1] if places else None
        if before and _TOGETHER.fullmatch(said[before.end : place.start]):
            places[-1] = Place((*before.names, *place.names), before.start, place.end)
        else:
            places.append(place)
    return places


def _single_places(said: str) -> Iterator[Place]:
    """Places one by one, the more exact first: what one of the patterns has read, the next ones do not."""
    for pattern, meaning in _MEANINGS:
        for match in list(pattern.finditer(said)):
            said = said[: match.start()] + "." * len(match[0]) + said[match.end() :]
            words = {group.rstrip("234567"): word for group, word in match.groupdict().items() if word}
            yield Place(meaning(words), *match.span())


Words = dict[str, str]
"""Group of a pattern, without its number -> the words that it has matched."""


def _thirds(words: Words) -> tuple[str, ...]:
    if "first" in words:
        return _line(words["first"], words["second"]), _line(words["second"], words["first"])
    row = _ROW.get(words["two"])
    return ({None: _side(words["two"]), 0: "upper", 2: "lower"}[row] + " two thirds",)


def _edge_middle(words: Words) -> tuple[str, ...]:
    row = _ROW.get(words["edge"])
    return (CELLS[3 * row + 1] if row is not None else f"middle-{_side(words['edge'])}",)


def _cell(words: Words) -> tuple[str, ...]:
    row = _ROW[words["level"]] if "level" in words else 1
    column = _COLUMN_NAMES.index(_side(words["side"])) if "side" in words else 1
    return (CELLS[3 * row + column],)


def _strip(words: Words) -> tuple[str, ...]:
    if "over" in words:
        return ("top" if words["over"] == "above" else "bottom",)
    if "beside" in words:
        return (f"middle-{_side(words['beside'])}",)
    if "slightly" in words:
        return (f"{_side(words['slightly'])} two thirds",)
    return tuple(_line(words[group]) for group in ("a", "b", "c") if group in words)


def _central(words: Words) -> tuple[str, ...]:
    names = {"column": "center column", "row": "middle row", "any": "middle", "cell": "center"}
    return tuple(names[group] for group in words)


def _line(word: str, beside: str = "") -> str:
    """The row or column that a word means; the middle one lies along the other that is named with it."""
    if word in _ROW:
        return _ROW_NAMES[_ROW[word]]
    if word.startswith(("left", "right")):
        return _side(word)
    return "middle row" if beside in _ROW else "center column"


def _side(word: str) -> str:
    return "left" if "left" in word else "right"


_MEANINGS: tuple[tuple[re.Pattern[str], Callable[[Words], tuple[str, ...]]], ...] = (
    (_THIRDS, _thirds),
    (_EDGE_MIDDLE, _edge_middle),
    (_CELL, _cell),
    (_STRIP, _strip),
    (_CENTRAL, _central),
    (_EVERYWHERE, lambda words: ("all over",)),
    (_AROUND, lambda words: tuple(words)),  # "edges" or "corners"
)
"""Pattern -> names of the places that its groups mean."""
