"""What of a text states something about the defect: the rest is blanked out, before coverage and claims are looked for.

Blanked are other senses ("bottom line", "a large number of"), what is left open ("how deep it is cannot be told"),
what is denied to be there ("no dark spots"), what is said of something else ("the lower roll"), the names of classes.
"""

from __future__ import annotations

import re

from steeldefectx.language.vocabulary import DEFECT, whole_words


def stated(text: str) -> str:
    """The text as :func:`lowered`, with spaces for all that states nothing; characters stay where they are."""
    return _STATES_NOTHING.sub(blank, lowered(text))


def lowered(text: str) -> str:
    """The text in lower case with spaces for hyphens, tabs and asterisks; characters stay where they are."""
    lower = text.lower()
    if len(lower) != len(text):
        lower = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    return lower.translate(_SPACES)


_SPACES = str.maketrans("-‐‑\t\u00a0*_", " " * 7)


def blank(match: re.Match[str]) -> str:
    """As many spaces as the match is long."""
    return " " * len(match[0])


_CLAUSE = r"[^.,;:!?\n]*"
"""The rest of the clause."""

_OTHER_SENSES = (
    # large, small, long, short, wide, deep: of no size or depth
    r"by and large|to an? (?:large|great|small|certain) extent|in the (?:long|short) run|(?:as|so) long as|no longer",
    r"before long|in short|at length|(?:long|short) (?:term|ago)|long (?:time|since)|at long last|short lived",
    r"high time|(?:wide|broad|large|larger|small|smaller|great|limited|full) (?:range|number|amount|variety|majority"
    r"|quantity)",
    r"(?:in )?broad terms|broadly speaking|(?:wide|far) awake|in depth|deep (?:frozen|well|learning)",
    r"deep(?:ly|er)? (?:affected|concern\w*|understanding|look)|superficial (?:look|glance|similarity)",
    r"(?:thin|thick|wide|narrow|heavy)(?:er)? (?:steels?|sheets?|strips?|plates?|coils?)|fine grained",
    rf"(?:sheets?|strips?|plates?|coils?) (?:has|have|is|are) (?:an? )?(?:width|thickness|length|\d){_CLAUSE}",
    r"(?:image|picture|photo) (?:has|is|measures) (?:about )?\d[^.,;:!?\n]*|image depth|thin line between",
    # top, bottom, left, right, above, side, edge, center: of no place
    r"on top of|top (?:priority|down)|bottom line|bottom up|(?:see|mentioned|described|shown) above",
    r"(?:was|were|been|has|have|had|coil|it) left(?! of)|left over|right (?:angles?|away|after|before|now)|all right",
    r"right of way|cent(?:er|re) of (?:attention|interest)|central to|middle ground|of the two",
    r"side effects?|edge cases?|cutting edge|leading edge",
    # line, round, square, straight, net: of no shape
    r"in good shape|(?:all )?shapes and sizes|to shape the|in (?:this|that) form|straight (?:after|away|to)",
    r"straightforward|round of|round the clock|round about|round table|moves? in circles",
    r"in a straight line with|in line with|drew a line|line up|line of (?:products|business|sight)|deadlines?",
    r"(?:rolling|production|assembly|coating|process|pickling|inspection) lines?|band saw|spot (?:checks?|on)",
    r"square (?:met\w+|centimet\w+|millimet\w+|inch\w*|mm|cm|m)|square one|cloud (?:storage|computing)",
    r"neural networks?|web (?:page|site)|grid search|net weight|wave ?lengths?|data sets?|on average",
    # light, dark, bright, grey, faint: of no tone
    r"in (?:the )?light of|light of day|light ?weight|shed light|shadow of (?:a )?doubt|pitch dark|dark side",
    r"bright side|bright (?:future|idea)|black and white|white lies?|red (?:flag|tape)|faint hearted|dull sound",
    r"gr[ae]y (?:zone|area)|gr[ae]y (?:images?|scale|levels? images?)",
)
_LEFT_OPEN = (rf"(?:how|whether){_CLAUSE}",)
_DENIED = (
    r"there (?:is|are|was|were) no"
    r"(?!(?: \w+){0,3} (?:depth|relief|indentation|elevation|contrast|differences?))"  # "no visible depth" states one
    r"[^.;:!?\n]*?(?= but | only |[.;:!?\n]|$)",
    r"(?:no|without(?: any)?|free of|free from|lacks? (?:any|an?))\b"
    r"(?! (?:regular|larger|longer|wider|bigger|deeper|more))"  # so does "no wider than a hair"
    r"(?!(?: \w+){0,3} (?:depth|relief|indentations?|elevations?|contrast|differences?)\b)" + _CLAUSE,
)

_SOMETHING_ELSE = (
    r"(?:rolls?(?! (?:print|mark|imprint))|rollers?(?! marks?)|mills?|furnaces?|guides?|camera|lens|hall"
    # who looks and writes, and what they write
    r"|annotat(?:ors?|ion)|inspect(?:ors?|ions?)|operators?|workers?|researchers?|authors?|experts?|teams?|customers?"
    r"|suppliers?|reports?|log|questions?|issues?|problems?|literature|paper|data|class(?:es)?|research|analysis"
    r"|investigation|study|answer|reasons?|explanation|discussion|debate|opinions?|agreement|manual|definition"
    r"|estimates?|examples?|consensus|story|knowledge|experience|ideas?|concepts?|history"
    # how the steel was made, and what becomes of it
    r"|process(?:es|ing)?|production|cooling|heating|handling|storage|lubrication|temperatures?|pressure|speed|loads?"
    r"|humidity|tolerance|limits?|trimmer|saw|coat(?:ing)?|quality|severity|market|industry|plant|factory|maintenance"
    r"|price|trend|plants?|shift|deliver(?:y|ies)|tests?|measurements?|standards?|software|complaints?|sales|schedule"
    r"|costs?|rolling direction|coils? (?:was|were|must|will)"
    # the rest
    r"|box|marker|label|lighting|gauge|exposure|steps?|causes?|intervals?|effects?|chance|risk|times?|importance"
    r"|significance|influence|demand|career|figures)"
)
"""What is not the defect: its making, its photograph, its description."""
_ON_SOMETHING_ELSE = (
    rf"(?:caused|produced|created|made|left) by{_CLAUSE}|(?:results?|resulting|comes?|arises?|stems?) from{_CLAUSE}",
    rf"(?:because of|due to|owing to)(?! its| their| the (?:low|high|poor)){_CLAUSE}|leads? to{_CLAUSE}",
    rf"(?:[a-z]+ )?(?:of|in|between) (?:the|this|an?|two)? ?(?:\w+ )?{_SOMETHING_ELSE}|[a-z]+ {_SOMETHING_ELSE}",
    rf"(?:image|picture|photo|photograph) (?:itself|was|were){_CLAUSE}",
)
_SUBJECT_IS_SOMETHING_ELSE = (
    rf"(?:(?<![^.;!?\n])[ ]*(?:(?!{DEFECT}|left[ ]a)[a-z]+[ ]){{0,3}}{_SOMETHING_ELSE}"
    r"\b(?![ ](?:has[ ]|have[ ])?(?:left|pressed))[^.;!?\n]*)"
)
"""A sentence that begins with something else: all of it."""

_CLASS_NAMES = (
    r"(?:white rust|red iron(?: sheets?)?|welding lines?|crescent gaps?|(?:oil|water|silk) spots?|waist folding"
    r"|rolled[ -]?in scale|rolled pits?|finishing roll printing|pitted surface|iron scale compression|iron sheet ash"
    r"|oxide scale of \w+ system|slag inclusions?|secondary rust skin)"
)
"""Names that state nothing about a defect."""
_TONED_CLASS_NAMES = r"(?:bright|dark) scratch(?:es)?"
"""Names that do, unless a text merely names the class."""
_NAMED = (
    rf"(?:{_CLASS_NAMES})|{_TONED_CLASS_NAMES}(?= defects?| class)",
    rf"(?:case of|defect:|class:?|is of|as|photo of|called|shows) {_TONED_CLASS_NAMES}",
)

_STATES_NOTHING = re.compile(
    _SUBJECT_IS_SOMETHING_ELSE
    + "|"
    + whole_words(*_OTHER_SENSES, *_LEFT_OPEN, *_DENIED, *_ON_SOMETHING_ELSE, *_NAMED).pattern
)
