"""Claims: the checkable statements of a description, with their places in it.

What states nothing is blanked as for coverage, and so is what is negated ("not round but elongated"), said of the
background ("on a dark surface") or of a part of the defect ("with bright edges"). What is left is looked through kind
by kind: a table of a kind gives each value the words that claim it. What no table has is not claimed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from steeldefectx.language.places import EDGE_TO_EDGE, find_places
from steeldefectx.language.stated_text import blank, lowered, stated
from steeldefectx.language.vocabulary import DEFECT, IMAGE, whole_words
from steeldefectx.taxonomy import CLASS_NAMES

KINDS = ("location", "size", "number", "polarity", "saliency", "shape", "direction", "class")


@dataclass(frozen=True)
class Claim:
    """One statement of a text."""

    kind: str
    """One of :data:`KINDS`."""
    values: tuple[str, ...]
    """What is claimed. Location: names of :data:`~steeldefectx.language.places.PLACES`. Size: a scale, followed by
    "overall" where all of the defect is meant; or "thin", "thick", "long", "short"; or "width", "height" or "area"
    and its share of the image, 0..1. Number: a word for 1 to 10, "few", "several" or "many". Polarity, saliency,
    shape, direction: as in the attributes. Class: its name."""
    start: int
    end: int
    """Characters of the text; the end lies outside."""


def find_claims(text: str) -> list[Claim]:
    """All claims of a description, by place.

    >>> [(c.kind, c.values) for c in find_claims("A single dark line near the left edge.")]
    [('number', ('one',)), ('polarity', ('dark',)), ('shape', ('linear',)), ('location', ('left',))]

    Args:
        text: A sentence or several, English.
    """
    lower = lowered(text)
    classes = list(_classes(lower))
    # Class names are blanked, as "bright scratch" claims no tone besides; for the tables below, places are too.
    said = _blank_claims(_NOT_SAID_OF_DEFECT.sub(blank, stated(text)), classes)
    places = [Claim("location", place.names, place.start, place.end) for place in find_places(said)]
    claims = [*classes, *places, *_numbers(said), *_values(_blank_claims(said, places)), *_shares(said)]
    return sorted(claims, key=lambda claim: (claim.start, claim.end))


def _blank_claims(said: str, claims: Iterable[Claim]) -> str:
    """The text with spaces where these claims are."""
    for claim in claims:
        said = said[: claim.start] + " " * (claim.end - claim.start) + said[claim.end :]
    return said


# What is said, but not of the defect as a whole

_TONES = (
    r"(?:dark(?:er|est|ened|ish)?|black(?:er|ish|ened)?|bright(?:er|est)?|white(?:r)?|whitish|light(?:er)?|pale(?:r)?"
    r"|gr[ae]y(?:ish)?|shin(?:y|ier)|reflective|silvery|smooth|clean)"
)
_PART_OF_DEFECT = (
    r"(?:rims?|edges?|borders?|boundar(?:y|ies)|cores?|cent(?:er|re)s?|interiors?|halos?|outlines?|bottoms?|ends?)"
)
_NOT_SAID_OF_DEFECT = re.compile(
    r"\b(?:"
    # negated: "not round", "rather than on the left"
    r"(?:is |are |does |do |was )?(?:not|neither|nor|rather than|instead of)\b[^.,;:!?\n]*?(?=\bbut\b|[.,;:!?\n]|$)"
    # of the background: "the bright, clean surface"
    rf"|{_TONES}(?: and {_TONES})?,? (?:\w+ )?(?:background|surround\w+|surface|steel|metal|base|sheet|plate|matrix)\b"
    # of the arrangement: "in a row"
    r"|in an? (?:band|strip|row|line)\b"
    # of a part: "its edges are bright", "dark rim"; of several: "bright and dark"
    rf"|(?:its|their|the) {_PART_OF_DEFECT} (?:of the \w+ )?(?:is|are|appears?|looks?)\b[^.;!?\n]*"
    rf"|{_TONES} {_PART_OF_DEFECT}\b|(?:light|bright)(?:er)? and dark(?:er)?|dark(?:er)? and (?:light|bright)(?:er)?"
    # of a place: "the vertical axis", "than at the edge"
    r"|(?:horizontal|vertical)(?= (?:axis|midline|cent(?:er|re)))|than (?:at|in) the \w+)"
)

# Tone, shape, direction, size: value -> words that claim it

_DARK = r"dark(?:er|est|ened|ish)?|black(?:er|ish|ened)?|deep gr[ae]y"
_BRIGHT = (
    r"bright(?:er|est)?|white(?:r)?|whitish|lighter|light (?:gr[ae]y|colou?red|toned|in)|pale(?:r)?|silvery"
    r"|shin(?:y|ier)|reflective"
)
_ANY_TONE = rf"(?:{_DARK}|{_BRIGHT})"
_TINTED = r"(?:tone|brightness|gr[ae]y (?:levels?|values?)|intensity|colou?r)"
_POLARITIES = {
    "dark": _DARK,
    "bright": _BRIGHT,
    "neutral": rf"(?:same|similar|equal|close in|no difference in|hardly any difference in) {_TINTED}|neutral tone"
    r"|blends? in(?:to)?",
}
_CONTRAST_IS = r"contrast(?: (?:to|with|against) (?:the|its) \w+)?(?: is| seems| appears)? ?:? *"
_WEAK, _STRONG = r"(?:low|weak|little|poor|slight|minimal)", r"(?:high|strong|sharp|stark|great|very high)"
_SALIENCIES = {
    "low": rf"(?:slightly|a little|a bit|marginally)(?= {_ANY_TONE}\b)|faint(?:ly)?|{_WEAK} (?:\w+ )?contrast|subtle"
    rf"|{_CONTRAST_IS}(?:very )?{_WEAK}|(?:barely|hardly|scarcely|poorly) visible|only weakly",
    "medium": rf"noticeably(?= {_ANY_TONE}\b)|(?:medium|moderate) contrast|{_CONTRAST_IS}(?:medium|moderate)",
    "high": rf"(?:much|considerably|significantly|far|very)(?= {_ANY_TONE}\b)|{_STRONG} contrast|highly visible"
    rf"|{_CONTRAST_IS}{_STRONG}|contrasts? (?:sharply|strongly)|st(?:ands?|ood) out (?:strongly|sharply)|conspicuous",
}
_BENT = "curved|bent|wavy|arched|curving|winding|broken|discontinuous|fragmented"
_SHAPES = {
    "linear": "".join(f"(?<!{word} )" for word in _BENT.split("|")) + r"(?:straight lines?|lines?)|linear|straight",
    "curved": r"curv\w+|arc(?:s|hed)?|crescents?|bent|wavy|hook\w*",
    "elongated": r"elongated|oblong|long,? (?:and )?(?:narrow|thin)|streaks?|bands?|stripes?",
    "circular": r"round(?:ed)?|circ(?:les?|ular)|rings?|dis[ck]s?|ovals?|ellip\w+",
    "irregular": r"irregular(?:ly)?|jagged|ragged|amorphous|shapeless",
    "fragmented": r"fragment\w*|broken|discontinuous",
    "network-like": r"network\w*|webs?|nets?|mesh\w*|grids?|lattice",
    "spot-like": r"(?:spot|dot|point) like|dots?|specks?",
    "patch-like": r"patch like|compact patch(?:es)?|blocky",
    "diffuse": r"diffus\w+|cloudy",
}
_DIRECTIONS = {
    "horizontal": r"horizontal(?:ly)?",
    "vertical": r"vertical(?:ly)?",
    "diagonal": r"diagonal(?:ly)?|oblique(?:ly)?|slanted|slanting",
}
_SCALES = {
    "tiny": r"tiny|minute|minuscule|very small",
    "small": rf"(?<!very )small|little(?= {DEFECT})|sparse in extent",
    "medium": r"medium(?! contrast| depth| severity| dark| bright)(?: sized?)?|moderately sized|of moderate size",
    "large": r"(?<!very )(?:large|big)|siz(?:e|)able|considerable (?:size|area|portion|part|extent)",
    "extensive": r"extensive|huge|massive|vast|very large|enormous",
    "thin": r"(?<!long, )(?<!long and )(?<!long )(?:thin|narrow)|slender|hair ?line",
    "thick": r"wide|broad|thick",
    "long": r"long(?!,? (?:and )?(?:narrow|thin))",
    "short": r"short",
}
_OVERALL = re.compile(
    r"(?: sized?)?(?: (?:part|portion|share|fraction|proportion)\b| area\b(?! with)|,? (?:in|of) (?:overall |total )?"
    r"(?:extent|area)|,? overall)"
)
"""After a scale that all of the defect has, not each of its marks."""


def _patterns(**tables: dict[str, str]) -> list[tuple[str, str, re.Pattern[str]]]:
    """Kind, value and the pattern of its words, for each value of each kind's table."""
    return [(kind, value, whole_words(words)) for kind, table in tables.items() for value, words in table.items()]


_SALIENCY = _patterns(saliency=_SALIENCIES)
_PATTERNS = _patterns(polarity=_POLARITIES, shape=_SHAPES, direction=_DIRECTIONS, size=_SCALES)


def _values(said: str) -> Iterator[Claim]:
    """Claims by the tables; saliency first, as its "medium" is no size."""
    saliency = [Claim(kind, (value,), *_span(match)) for kind, value, p in _SALIENCY for match in p.finditer(said)]
    yield from saliency
    said = _blank_claims(said, saliency)
    for kind, value, pattern in _PATTERNS:
        for match in pattern.finditer(said):
            overall = kind == "size" and _OVERALL.match(said, match.end())
            yield Claim(kind, (value, "overall") if overall else (value,), *_span(match))


def _span(match: re.Match[str]) -> tuple[int, int]:
    return match.start(), match.start() + len(match[0].rstrip())


# Numbers

NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_COUNTS = {
    **{word: word for word in NUMBERS},
    **{str(n): word for n, word in enumerate(NUMBERS, 1)},
    **{"single": "one", "pair of": "two", "couple of": "two", "few": "few"},
    **dict.fromkeys(("several", "multiple", "various"), "several"),
    **dict.fromkeys(("numerous", "many", "countless"), "many"),
}
_COUNTED = re.compile(
    rf"(?<![\w/.,])({'|'.join(_COUNTS)}) (?!of\b|third|quarter|fifth)(?:(?!of |in |at |on |and )[a-z]+,? ){{0,4}}?"
    rf"(?:{DEFECT}|areas?|regions?|zones?|traces?|networks?|patterns?|nets?)(?!\w)(?! like)"
    r"|(?:number of \w+|number|count) ?(?:is|:) ?(\w+)"
)


def _numbers(said: str) -> Iterator[Claim]:
    """Claims of how many marks or areas there are."""
    for match in _COUNTED.finditer(said):
        word = match[1] or match[2]
        if word in _COUNTS:
            start = match.start(1) if match[1] else match.start()
            yield Claim("number", (_COUNTS[word],), start, match.end() if match[2] else match.end(1))


# Shares of the image: "half of the width"

_FRACTIONS = {
    "half": 1 / 2, "two thirds": 2 / 3, "third": 1 / 3, "three quarters": 3 / 4, "quarter": 1 / 4, "fifth": 1 / 5,
    "tenth": 1 / 10, "most": 3 / 4, "full": 1.0, "whole": 1.0, "entire": 1.0,
}  # fmt: skip
_SHARE = re.compile(
    r"\b(?:span|cover|occup|extend|fill|stretch|reach|tak|affect|across|over|along)\w*(?: up| over| across)?"
    r" (?:about |nearly |almost |roughly |approximately |more than |less than |the |an? |one |only )*"
    rf"(?:({'|'.join(_FRACTIONS)})|(\d+(?:\.\d+)?) ?(?:%|percent))(?: of)?(?: the| this)?"
    rf"(?: {IMAGE}(?:'s)?)?(?: (width|height|length|area))?(?! (?:left|right|upper|lower|top|bottom|third|half))(?!\w)"
)


def _shares(said: str) -> Iterator[Claim]:
    """Claims of the share of the image, or of one of its sides, that the defect takes."""
    for match in _SHARE.finditer(said):
        share = _FRACTIONS[match[1]] if match[1] else float(match[2]) / 100
        side = {"width": "width", "height": "height"}.get(match[3], "area")
        if 0 < share < 1 or side != "area":
            yield Claim("size", (side, f"{min(share, 1):.2f}"), match.start(), match.end())
    for match in EDGE_TO_EDGE.finditer(said):
        yield Claim("size", (match.lastgroup or "width", "1.00"), match.start(), match.end())


# Class names

_CALLED = re.compile(
    r"\b(?:case of|identified as|classified as|recogni[sz]ed as|type:?|class:?|defect:|photo of|defect (?:is|called)"
    r"|shows?) (?:an? |the )?$|^\W*(?:(?:an?|the|this|some|several|tiny|small|medium|large|extensive|dark|bright"
    r"|in) ){0,3}$"
)
"""What stands before a name of one word where it is the class's: the text calls the defect so, or opens with it."""
_BEFORE = 60
"""Characters that it takes."""


def _classes(lower: str) -> Iterator[Claim]:
    """The classes that a text names, longest names first, so that "slag inclusion" is not read as "inclusion" too.

    A name of one word ("patches", "inclusion") also describes looks: the class is not always meant.
    """
    left = lower
    for name, pattern in _class_patterns():
        for match in pattern.finditer(left):
            start, end = match.span()
            if " " not in name and not (_is_called(lower, start) or lower.startswith(" defect", end)):
                continue
            left = left[:start] + "." * (end - start) + left[end:]
            yield Claim("class", (name,), start, end)


def _is_called(lower: str, start: int) -> bool:
    before = lower[max(0, start - _BEFORE) : start]
    return _CALLED.search(before if start <= _BEFORE else f"…{before}") is not None


@cache
def _class_patterns() -> list[tuple[str, re.Pattern[str]]]:
    """Finds each class, in the singular or the plural."""
    stems = {name: name.lower().replace("scratches", "scratch") for name in CLASS_NAMES}
    return [
        (name, re.compile(rf"\b{re.escape(stems[name])}(?:e?s)?(?!\w)(?! (?:like|free|shaped))"))
        for name in sorted(CLASS_NAMES, key=len, reverse=True)
    ]
