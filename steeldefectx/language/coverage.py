"""Coverage: which of shape, size, depth, location and contrast a description really states.

What states nothing is blanked out first: other senses ("bottom line", "a large number of"), what is left open ("how
deep it is cannot be told"), what is denied to be there ("no dark spots"), what is said of something else ("the lower
roll"), the names of classes. In what remains, whole words and phrases state a dimension. A dimension's own name needs
a value beside it: "depth is slight" states the depth, "depth cannot be judged" does not. To deny a value is to state
something ("not deep", "no visible depth").
"""

from __future__ import annotations

import re
from typing import NamedTuple

from steeldefectx.language.vocabulary import (
    CENTER,
    DEFECT,
    DEGREE,
    ELSEWHERE,
    IMAGE,
    LEVEL,
    NAMES,
    PLACE,
    SIDE,
    TONED_NAMES,
)

DIMENSIONS = ("shape", "size", "depth", "location", "contrast")

Span = tuple[int, int]
"""Start and end in characters; the end lies outside."""


class Coverage(NamedTuple):
    """Where a text states each dimension: empty where it does not."""

    shape: tuple[Span, ...]
    size: tuple[Span, ...]
    depth: tuple[Span, ...]
    location: tuple[Span, ...]
    contrast: tuple[Span, ...]

    @property
    def bits(self) -> tuple[bool, bool, bool, bool, bool]:
        """Whether it states shape, size, depth, location, contrast."""
        return bool(self.shape), bool(self.size), bool(self.depth), bool(self.location), bool(self.contrast)


def coverage(text: str) -> Coverage:
    """Which dimensions a description states, and by which words.

    >>> coverage("A thin line near the left edge; its depth cannot be judged.").bits
    (True, True, False, True, False)

    Args:
        text: A sentence or several, English, of any length.
    """
    said = stated(text)
    return Coverage(*(tuple(match.span() for match in pattern.finditer(said)) for pattern in _STATEMENTS))


def stated(text: str) -> str:
    """The text as :func:`lowered`, with spaces for all that states nothing; spans stay where they are."""
    return _NOTHING.sub(blank, lowered(text))


def lowered(text: str) -> str:
    """The text in lower case with spaces for hyphens, tabs and asterisks; spans stay where they are."""
    lower = text.lower()
    if len(lower) != len(text):
        lower = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    return lower.translate(_SPACES)


_SPACES = str.maketrans("-‐‑\t\u00a0*_", " " * 7)


def blank(match: re.Match[str]) -> str:
    """As many spaces as the match is long."""
    return " " * len(match[0])


def _pattern(*phrases: str) -> re.Pattern[str]:
    """Any of the phrases, as whole words."""
    return re.compile(r"\b(?:" + "|".join(phrases) + r")(?!\w)")


_REST = r"[^.,;:!?\n]*"
"""The rest of the clause."""
_OWN = rf"(?! of (?:the|this|each|its|an?) (?:\w+ )?{DEFECT}\b)"
"""Not where the defect's own edge, center or bottom is meant."""

_OTHER_SENSES = (
    r"on top of|bottom line|in (?:the )?light of|by and large|to an? (?:large|great|small|certain) extent",
    r"in the (?:long|short) run|(?:as|so) long as|no longer|before long|in short|at length|(?:long|short) (?:term|ago)",
    r"(?:wide|broad|large|larger|small|smaller|great|limited|full) (?:range|number|amount|variety|majority|quantity)",
    r"cent(?:er|re) of (?:attention|interest)|in good shape|(?:all )?shapes and sizes|to shape the|in (?:this"
    r"|that) form",
    r"right (?:angles?|away|after|before|now)|straight (?:after|away|to)|round of|round the clock",
    r"(?:was|were|been|has|have|had|coil|it) left(?! of)|in a straight line with|in line with|drew a line",
    r"(?:rolling|production|assembly|coating|process|pickling|inspection) lines?|line of (?:products|business|sight)",
    r"band saw|square (?:met\w+|centimet\w+|millimet\w+|inch\w*|mm|cm|m)|in depth|deep (?:frozen|well|learning)",
    r"(?:see|mentioned|described|shown) above|shadow of (?:a )?doubt|pitch dark|black and white|fine grained",
    r"(?:in )?broad terms|broadly speaking|white lies?|bright side|gr[ae]y zone|round about",
    rf"(?:sheets?|strips?|plates?|coils?) (?:has|have|is|are) (?:an? )?(?:width|thickness|length|\d){_REST}",
    r"thin line between|faint hearted|short lived|(?:wide|far) awake|bright (?:future|idea)|dark side",
    r"gr[ae]y area|light of day|light ?weight|shed light|red (?:flag|tape)|long (?:time|since)|at long last|high time",
    r"all right|right of way|left over|top (?:priority|down)|bottom up|central to|edge cases?|cutting edge"
    r"|leading edge",
    r"side effects?|middle ground|square one|round table|straightforward|line up|deadlines?|spot (?:checks?|on)",
    r"cloud (?:storage|computing)|neural networks?|web (?:page|site)|grid search|net weight|wave ?lengths?|image depth",
    r"dull sound|gr[ae]y (?:images?|scale|levels? images?)|superficial (?:look|glance|similarity)",
    r"deep(?:ly|er)? (?:affected|concern\w*|understanding|look)|moves? in circles|on average",
    r"(?:thin|thick|wide|narrow|heavy)(?:er)? (?:steels?|sheets?|strips?|plates?|coils?)",
    r"(?:image|picture|photo) (?:has|is|measures) (?:about )?\d[^.,;:!?\n]*|data sets?|of the two",
)
_LEFT_OPEN = (rf"(?:how|whether){_REST}",)
_DENIED = (
    r"there (?:is|are|was|were) no(?!(?: \w+){0,3} (?:depth|relief|indentation|elevation|contrast|differences?))"
    r"[^.;:!?\n]*?(?= but | only |[.;:!?\n]|$)",
    r"(?:no|without(?: any)?|free of|free from|lacks? (?:any|an?))\b"
    r"(?! (?:regular|larger|longer|wider|bigger|deeper|more))"
    rf"(?!(?: \w+){{0,3}} (?:depth|relief|indentations?|elevations?|contrast|differences?)\b){_REST}",
)
_ELSEWHERE = (
    rf"(?:caused|produced|created|made|left) by{_REST}|(?:results?|resulting|comes?|arises?|stems?) from{_REST}",
    rf"(?:because of|due to|owing to)(?! its| their| the (?:low|high|poor)){_REST}|leads? to{_REST}",
    rf"(?:[a-z]+ )?(?:of|in|between) (?:the|this|an?|two)? ?(?:\w+ )?{ELSEWHERE}",
    rf"[a-z]+ {ELSEWHERE}",
    r"(?:image|picture|photo|photograph) (?:itself|was|were)" + _REST,
)
_NAMED = (
    rf"(?:{NAMES})",
    rf"{TONED_NAMES}(?= defects?| class)|(?:case of|defect:|class:?|is of|as|photo of|called|shows) {TONED_NAMES}",
)
_NOTHING = re.compile(
    r"(?:(?<![^.;!?\n])[ ]*(?:(?!" + DEFECT + r"|left[ ]a)[a-z]+[ ]){0,3}" + ELSEWHERE
    + r"\b(?![ ](?:has[ ]|have[ ])?(?:left|pressed))[^.;!?\n]*)|"
    + _pattern(*_OTHER_SENSES, *_LEFT_OPEN, *_DENIED, *_ELSEWHERE, *_NAMED).pattern
)  # fmt: skip

_FORMS = (
    r"line(?:s|ar|arly)?|round(?:ed|ish|er)?|circ(?:les?|ular\w*)|semi ?circ\w*|oval\w*|ellip\w*|rings?|dis[ck]s?"
    r"|spher\w*",
    r"(?:shape|form|outline|contour)s? (?:is (?:not |quite |rather )*regular|(?:is that )?of an? (?!single |\w+ (?:size"
    r"|kind))\w+)",
    r"presents itself as an? \w+",
    r"reminiscent of an? \w+|in a row|curl\w*|sinuous|lenticular|diamonds?|trapez\w*|hexagon\w*|pentagon\w*|feather\w*",
    r"plume\w*|needle\w*|pointed|frayed|scalloped|lobed|concentric|symmetric\w*|chevrons?|herringbone|checkered",
    r"criss cross\w*|tangled?|strands?|filament\w*|zigzags|shape is (?:quite |rather |very )?(?!not|un|hard|diff)\w+",
    r"globular|curv\w+|arc(?:s|ed|hed|hing)?|bent|bends?|wav(?:y|es?)|zig ?zags?|spirals?|hook\w*|crescents?"
    r"|half moons?",
    r"stars?|serpentine|meander\w*|winds? across|winding|branch\w*|fork\w*|splits?|tree like|webs?|nets?|network\w*",
    r"mesh\w*|grids?|lattice|honeycomb\w*|polygon\w*|straight|elongated|oblong|tapers?|tapered|tapering|wedge\w*",
    r"triang\w+|squares?|rectang\w+|irregular(?:ly)?|regular(?:ly)? shaped?|jagged|ragged|serrated|amorphous|shapeless",
    r"blobs?|blotch\w*|cloud\w*|diffus\w+|fragment\w*|broken(?! down)|discontinuous|dashe[sd]|dashed|dots?|dotted",
    r"spotty|patchy|compact(?! in size)|band(?:s|ed)?|strip(?:es?|ed|y)|streak\w*|strokes?|ribbons?|wrinkl\w*|crumpled",
    r"block(?:y|s)?(?! of)|teardrop\w*|\w+ shaped|shaped like|(?!(?:rust|paint|metal|glass|mirror"
    r"|skin)\b)\w+(?<!looks) like",
    rf"(?:looks|look|shaped) like an? (?!{DEFECT}\b)\w+|resembl\w+ (?:an?|the) (?!{DEFECT}\b)\w+|recalls? an? \w+",
    r"long,? (?:and )?(?:narrow|thin)|row of|morphology|uneven in (?:form|shape)|letter",
    r"(?:smooth|uneven|rough|soft|sharp cornered) (?:contours?|outlines?|shapes?)",
)
_SIZES = (
    r"tiny|small(?:er|est|ish)?|minuscule|microscopic|large(?:r|st)?|big(?:ger|gest)?|huge|massive|enormous|extensive",
    rf"little (?:{DEFECT}|areas?)|minute(?=,| (?!to )[a-z])|(?:is|are) minute|area is (?:moderate|considerable"
    rf"|limited)|(?:minor|small|modest) in extent|siz(?:e|)able|vast|oversized|thin(?:ner|nest)?|thick(?:er"
    rf"|est)?",
    rf"gigantic|(?:better|greater|larger|major) part of the|(?:whole|entire) {IMAGE} is (?:covered|affected)|thumbnail",
    r"(?:rather|very|quite) extended|coin|finger ?nail|bulky|sub millimet\w+|(?:milli|centi)met\w+ wide",
    r"slender|slim|narrow(?:er|est|s|ing)?|wide(?:r|st|ns?)?|broad(?:er|est)?|fine(?:r|st)?(?! otherwise)|hair ?line",
    r"long(?:er|est)?|lengthy|short(?:er|est)?|tall(?:er|est)?|medium (?:sized?|length|width)|pinheads?|grain of"
    r"|(?:in|its) size (?:it )?is (?:comparable|similar)",
    r"\d[\d.,]*(?: (?:by|x|×|of|to) \d+)? ?(?:mm|cm|µm|um|millimet\w+|centimet\w+|micromet\w+|pixels?|px|inch\w*)",
    r"(?:few|several|two|three|four|five|ten) (?:mm|cm|millimet\w+|centimet\w+|pixels?)",
    rf"\d+ ?(?:%|percent|per cent) of the (?:{IMAGE}|area)|\d+ ?/ ?\d+ of",
    r"(?:sizes?|extent|length|width|height|diameter|proportions?|dimensions?)(?: of the (?:\w+ ){1,2})?(?:[ :–—=*]"
    r"|is|are"
    rf"|seems|appears|rather|fairly|about)*(?:{DEGREE})",
    rf"(?:{DEGREE}|same|similar|equal|constant|full|entire|whole|(?<!at )half) (?:the |in |overall )?"
    r"(?:sizes?|extent|length|width|height|diameter|proportions?|area|share|portion)",
    r"(?:negligible|limited|moderate|considerable|modest) in (?:size|extent|area|length|width)",
    rf"(?<!upper )(?<!lower )(?<!left )(?<!right )(?<!the )(?:an?|one|two|three|about|nearly|almost|roughly|over"
    rf"|than|half"
    r"|covers|only) (?:half|thirds?|quarters?|fifths?|sixth|eighth|tenths?) (?:of )?(?:the|this|its) "
    rf"(?:{IMAGE}|whole|entire|width|height|length|area)",
    rf"(?<!upper )(?<!lower )(?<!top )(?<!bottom )(?<!left )(?<!right )half (?:of )?the (?:{IMAGE}|width|height"
    rf"|length|area)|most of the (?:{IMAGE}|\w+ half)|nearly half of the {IMAGE}",
    rf"(?:cover|fill|occup|span|affect)\w* (?:nearly |almost |most of )?(?:the|all of the|all) (?:whole |entire |full )"
    rf"(?:{IMAGE}|left|right|upper|lower)|fills the (?:frame|{IMAGE})",
)
_DEPTHS = (
    r"deep(?:er|est|ly)?(?! (?:dark|gr[ae]y|black|brown|red|blue))|shallow\w*|superficial(?:ly)?|flat(?:ter|tened)?"
    r"|flush",
    r"recess\w*|sunk(?:en)?|sinks?|indent\w*|dent(?:s|ed)?|depress(?:ions?|ed)|impression|imprint\w*|groov\w+|goug\w+",
    r"scooped|pierc\w+|(?:pushed|pressed|caved) inwards?|breaks? the surface|no depth to speak of|eroded|worn away"
    r"|(?:goes"
    r"|passes) (?:all the way |right |clean )through|(?:not )?enter\w* the (?:steel"
    r"|metal)",
    r"(?:sticks?|standing) out|swell\w*|swollen|blister\w*|dimpl\w+|trench\w*|furrow\w*|lumps?|level with the surface",
    r"hollow\w*|craters?|engrav\w+|etched|incis\w+|carved|bulg\w+|bumps?|ridges?|raised|elevat(?:ed|ions?)|protru\w+",
    r"embedded|embossed|pressed in(?:to)?|press\w* it into|lifted|surface level|penetrat\w+|perforat\w+|concave|convex",
    r"(?:below|beneath|under|above|proud of) the (?:surface|steel|metal)|cuts? (?:\w+ )?into|reach\w* (?:\w+ )?into",
    r"through the (?:sheet|steel|plate|strip|metal|material)(?= |\W|$)|(?:outer|upper)most layer|cavit(?:y|ies)|relief",
    rf"(?:{DEGREE}|no (?:visible|noticeable|apparent|obvious|real|significant|measurable|discernible)|has no"
    rf"|little sign of) (?:visible |apparent |in |of )?depth(?! information)|depth[ :–—=*]*(?:is |seems |appears "
    rf"|of )?{DEGREE}",
)
_DIRECTION = rf"(?:{SIDE}|{LEVEL}|{CENTER}|outer|peripheral)"
_TO = (
    r"(?:in|at|near|towards?|from|to|on|of|along|around|down|across|above|below|beside|off|over|through|within|close to"
    r"|under|between|touche?s?|reache?s?|into|by)"
)
_LOCATIONS = (
    rf"(?:{LEVEL} (?:{SIDE}|{CENTER})|{SIDE} (?:{LEVEL}|{CENTER})|{CENTER} (?:{SIDE}|{LEVEL}))(?: {PLACE})?{_OWN}",
    rf"{_DIRECTION}(?:(?: ?,| and| or| to) {_DIRECTION})? (?:(?:two|one|most) )?(?:{PLACE}){_OWN}",
    rf"{_TO} (?:the )?(?:far |very |extreme |exact )?(?:{SIDE}|top|bottom|cent(?:er|re)|middle){_OWN}",
    rf"{CENTER} of the {IMAGE}|{SIDE} of (?:the )?{CENTER}|{_TO} (?:the |one |both |an? |two |all )(?:{IMAGE} "
    rf"|{IMAGE}'s |outer )?"
    rf"(?:edges?|borders?|margins?|corners?|periphery|sides?){_OWN}",
    r"(?:edge|side|corner|top) to (?:edge|side|corner|bottom)",
    r"(?:spread|scatter|distribut|dispers|sprinkl|extend|strewn|locat)\w*(?: \w+ly)? (?:all )?(?:over|across"
    r"|throughout) "
    rf"(?:the |this |its |whole |entire |full )*{IMAGE}",
    rf"(?:all over|throughout|everywhere (?:on|in|over))(?: the {IMAGE})?",
    rf"(?:over|across|cover\w*|affect\w*) (?:nearly |almost )?(?:the )?(?:whole|entire|full|complete)"
    rf"(?: (?:width|height|length) of (?:the )?)? ?{IMAGE}|fills the {IMAGE}|across the (?:full|entire|whole) width",
    r"half height|the (?:top|bottom|left|right|cent(?:er|re)) (?:is|are|appears|looks)(?! of)",
    rf"(?:whole|entire) {IMAGE} is (?:covered|affected)|(?:left|right) (?:flank|border)",
    rf"(?:various|several|many|different|multiple) (?:places|parts|locations|positions) (?:on|of|in) the {IMAGE}",
    r"cent(?:red|ered|rally)|centrally|off cent(?:er|re)|mid (?:frame|height|image|way)|(?:cent(?:er|re) ?|mid ?)line",
    r"(?:central|horizontal|vertical) (?:axis|midline)|(?:north|south)(?:east|west)?(?:ern)?|lower down|(?:high"
    r"|higher) up",
    rf"(?:(?<=^)|(?<=[,;:–.] )|(?<=\n))(?:at |the )*(?:{SIDE}|top|bottom|cent(?:er|re)|middle)(?= ?(?:[,;:.\n]|$))",
)
_TONE = r"(?:tone|tones|tonal|brightness|colou?r|gr[ae]y (?:level|value)s?|intensity|shade)"
_CONTRASTS = (
    r"dark(?:er|est|ened|ish)?|bright(?:er|est)?|black(?:er|ish|ened)?|whit(?:e|er|ish)|gr[ae]y(?:ish|er)?"
    r"|brown(?:ish)?",
    r"red(?:dish)?|yellow(?:ish)?|blu(?:e|ish)|orange|silvery?|pale(?:r)?|rust colou?red|lighter|lightest",
    r"light (?:colou?red|gr[ae]y|toned?|shade|in|and dark|areas?|regions?|patch(?:es)?|bands?|stripes?|streaks?"
    r"|spots?)",
    r"shin(?:y|ier)|gloss\w*|matt?e?|dull(?:er)?|reflective|reflects? (?:\w+ )?(?:light|strongly)|gleam\w*|glint\w*"
    r"|sheen",
    r"discolou?r\w*|tint(?:ed)?|shadow(?:s|y)?|shading|conspicuous|inconspicuous|prominent|faint(?:ly)?|subtl[ey]",
    r"shines?|vanish\w*|catch\w* the eye",
    rf"washed out|{_TONE} (?:\w+ )?chang\w+|shine|lust(?:re|er)|glow\w*|hue|tan|beige|ochre|violet|purple|copper"
    rf"|golden",
    r"charcoal|tarnish\w*|milky|opaque|trans(?:parent|lucent)|imperceptible|eye catching|unobtrusive|merges with the",
    r"st(?:ands?|ood) out|blend\w* in(?:to)?|vivid|indistinct|invisible|fade[sd]?|disappears?|easily overlooked",
    r"(?:barely|hardly|scarcely|clearly|highly|easily|poorly|well|weakly|strongly|distinctly|only just) (?:visible|seen"
    r"|discernible|noticeable|perceptible|distinguish\w+|recogni[sz]able|identifiable)|(?:hard|difficult"
    r"|easy) to (?:see|distinguish|spot|make out)",
    rf"{DEGREE} (?:visibility|(?:\w+ )?contrasts?)|contrasts? (?:\w+ )?(?:well|sharply|strongly|clearly)"
    rf"|lacks contrast",
    rf"(?:no|almost no|hardly any) (?:\w+ )?contrast|contrast[ :–—=*]*(?:(?:with|to) (?:the|its) \w+ )?(?:is |seems "
    rf"|appears )?{DEGREE}",
    rf"contrast(?:s|ing)? (?:with|to|against) (?:the|its) (?:\w+ )?(?:background|surround\w+|base|metal|steel|{IMAGE}"
    r"|environment|rest)|(?:differs?|distinct|distinguished|deviates?) (?:\w+ )?from (?:the|its) (?:\w+ )?(?:base|"
    r"background|surround\w+|metal|rest)",
    rf"(?:differ\w+|same|similar|equal|close|neutral|tonal) (?:\w+ ){{0,3}}(?:{_TONE}|difference)"
    rf"|{_TONE} (?:\w+ ){{0,3}}"
    r"(?:differ\w+|(?:the )?same|similar|equal|above|below|lower|higher|marked)",
)
_STATEMENTS = tuple(_pattern(*phrases) for phrases in (_FORMS, _SIZES, _DEPTHS, _LOCATIONS, _CONTRASTS))
