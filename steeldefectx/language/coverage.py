"""Coverage: which of shape, size, depth, location and contrast a description really states.

After all that states nothing is blanked out (:mod:`steeldefectx.language.stated_text`), whole words and phrases state a
dimension. A dimension's own name needs a value beside it: "depth is slight" states the depth, "depth cannot be judged"
does not. To deny a value is to state something ("not deep", "no visible depth").
"""

from __future__ import annotations

from typing import NamedTuple

from steeldefectx.language.stated_text import stated
from steeldefectx.language.vocabulary import CENTER, DEFECT, IMAGE, LEVEL, NOT_OF_DEFECT, SIDE, whole_words

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


_DEGREE = (
    r"(?:low|high|strong|weak|slight|little|minimal|moderate|medium|considerable|significant|marked|sharp|clear|good"
    r"|poor|great|small|limited|modest|faint|noticeable|some|certain|shallow|substantial|negligible|pronounced|strongly"
    r"|sharply|weakly|clearly|well|visible|average)(?:er|est)?"
)
"""How much of something there is."""

_SHAPES = (
    # lines and long shapes
    r"line(?:s|ar|arly)?|straight|elongated|oblong|long,? (?:and )?(?:narrow|thin)|row of|in a row|needle\w*",
    r"band(?:s|ed)?|strip(?:es?|ed|y)|streak\w*|strokes?|ribbons?|strands?|filament\w*|tapers?|tapered|tapering",
    # bent ones
    r"curv\w+|arc(?:s|ed|hed|hing)?|bent|bends?|wav(?:y|es?)|zig ?zags?|spirals?|hook\w*|crescents?|half moons?",
    r"curl\w*|sinuous|serpentine|meander\w*|winds? across|winding|chevrons?|wrinkl\w*|crumpled",
    # round ones
    r"round(?:ed|ish|er)?|circ(?:les?|ular\w*)|semi ?circ\w*|oval\w*|ellip\w*|rings?|dis[ck]s?|spher\w*|globular",
    r"lenticular|concentric|teardrop\w*|dots?|dotted|spotty",
    # with corners
    r"triang\w+|squares?|rectang\w+|diamonds?|trapez\w*|hexagon\w*|pentagon\w*|polygon\w*|stars?|wedge\w*|pointed",
    r"block(?:y|s)?(?! of)|checkered",
    # nets and branches
    r"webs?|nets?|network\w*|mesh\w*|grids?|lattice|honeycomb\w*|criss cross\w*|tangled?|herringbone|branch\w*|fork\w*",
    r"splits?|tree like|feather\w*|plume\w*",
    # without a clear outline, or with an uneven one
    r"irregular(?:ly)?|jagged|ragged|serrated|frayed|scalloped|lobed|symmetric\w*|amorphous|shapeless|blobs?|blotch\w*",
    r"cloud\w*|diffus\w+|fragment\w*|broken(?! down)|discontinuous|dashe[sd]|patchy|compact(?! in size)",
    # told in other words: "its shape is oval", "shaped like a hook", "resembles a star"
    r"(?:shape|form|outline|contour)s? (?:is (?:not |quite |rather )*regular"
    r"|(?:is that )?of an? (?!single |\w+ (?:size|kind))\w+)",
    r"shape is (?:quite |rather |very )?(?!not|un|hard|diff)\w+|\w+ shaped|shaped like|uneven in (?:form|shape)",
    r"(?:smooth|uneven|rough|soft|sharp cornered) (?:contours?|outlines?|shapes?)|regular(?:ly)? shaped?|morphology",
    rf"(?:looks|look|shaped) like an? (?!{DEFECT}\b)\w+|resembl\w+ (?:an?|the) (?!{DEFECT}\b)\w+",
    r"presents itself as an? \w+|reminiscent of an? \w+|recalls? an? \w+|letter",
    r"(?!(?:rust|paint|metal|glass|mirror|skin)\b)\w+(?<!looks) like",
)

_EXTENT = r"(?:sizes?|extent|length|width|height|diameter|proportions?"
_SIZES = (
    # small and large
    r"tiny|small(?:er|est|ish)?|minuscule|microscopic|large(?:r|st)?|big(?:ger|gest)?|huge|massive|enormous|gigantic",
    rf"extensive|siz(?:e|)able|vast|oversized|bulky|little (?:{DEFECT}|areas?)",
    r"minute(?=,| (?!to )[a-z])|(?:is|are) minute|(?:rather|very|quite) extended",
    # thin, thick, long, short
    r"thin(?:ner|nest)?|thick(?:er|est)?|slender|slim|narrow(?:er|est|s|ing)?|wide(?:r|st|ns?)?|broad(?:er|est)?",
    r"fine(?:r|st)?(?! otherwise)|long(?:er|est)?|lengthy|short(?:er|est)?|tall(?:er|est)?",
    # as large as something
    r"thumbnail|coin|finger ?nail|pinheads?|grain of|hair ?line",
    # in units
    r"\d[\d.,]*(?: (?:by|x|×|of|to) \d+)? ?(?:mm|cm|µm|um|millimet\w+|centimet\w+|micromet\w+|pixels?|px|inch\w*)",
    r"(?:few|several|two|three|four|five|ten) (?:mm|cm|millimet\w+|centimet\w+|pixels?)",
    r"sub millimet\w+|(?:milli|centi)met\w+ wide",
    # its size, length or area is large, moderate, the same
    rf"{_EXTENT}|dimensions?)(?: of the (?:\w+ ){{1,2}})?"
    rf"(?:[ :–—=*]|is|are|seems|appears|rather|fairly|about)*(?:{_DEGREE})",
    rf"(?:{_DEGREE}|same|similar|equal|constant|full|entire|whole|(?<!at )half) (?:the |in |overall )?"
    rf"{_EXTENT}|area|share|portion)",
    r"(?:negligible|limited|moderate|considerable|modest) in (?:size|extent|area|length|width)",
    r"(?:minor|small|modest) in extent|medium (?:sized?|length|width)|area is (?:moderate|considerable|limited)",
    r"(?:in|its) size (?:it )?is (?:comparable|similar)",
    # as a share of the image
    rf"\d+ ?(?:%|percent|per cent) of the (?:{IMAGE}|area)|\d+ ?/ ?\d+ of",
    rf"(?:whole|entire) {IMAGE} is (?:covered|affected)|fills the (?:frame|{IMAGE})|nearly half of the {IMAGE}",
    rf"(?:better|greater|larger|major) part of the|most of the (?:{IMAGE}|\w+ half)",
    r"(?<!upper )(?<!lower )(?<!left )(?<!right )(?<!the )"
    r"(?:an?|one|two|three|about|nearly|almost|roughly|over|than|half|covers|only) "
    r"(?:half|thirds?|quarters?|fifths?|sixth|eighth|tenths?) "
    rf"(?:of )?(?:the|this|its) (?:{IMAGE}|whole|entire|width|height|length|area)",
    r"(?<!upper )(?<!lower )(?<!top )(?<!bottom )(?<!left )(?<!right )"
    rf"half (?:of )?the (?:{IMAGE}|width|height|length|area)",
    r"(?:cover|fill|occup|span|affect)\w* (?:nearly |almost |most of )?(?:the|all of the|all) "
    rf"(?:whole |entire |full )(?:{IMAGE}|left|right|upper|lower)",
)

_DEPTHS = (
    r"deep(?:er|est|ly)?(?! (?:dark|gr[ae]y|black|brown|red|blue))|shallow\w*|superficial(?:ly)?",
    rf"(?:{_DEGREE}|no (?:visible|noticeable|apparent|obvious|real|significant|measurable|discernible)|has no"
    r"|little sign of) (?:visible |apparent |in |of )?depth(?! information)",
    rf"depth[ :–—=*]*(?:is |seems |appears |of )?{_DEGREE}|no depth to speak of",
    # level with the surface
    r"flat(?:ter|tened)?|flush|level with the surface|surface level|(?:outer|upper)most layer",
    # below it
    r"recess\w*|sunk(?:en)?|sinks?|indent\w*|dent(?:s|ed)?|depress(?:ions?|ed)|impression|imprint\w*|dimpl\w+|hollow\w*",
    r"groov\w+|goug\w+|trench\w*|furrow\w*|craters?|cavit(?:y|ies)|concave|scooped|engrav\w+|etched|incis\w+|carved",
    r"embedded|embossed|pressed in(?:to)?|press\w* it into|(?:pushed|pressed|caved) inwards?|eroded|worn away",
    r"(?:below|beneath|under|above|proud of) the (?:surface|steel|metal)|cuts? (?:\w+ )?into|reach\w* (?:\w+ )?into",
    r"breaks? the surface|(?:not )?enter\w* the (?:steel|metal)|pierc\w+|penetrat\w+|perforat\w+",
    r"(?:goes|passes) (?:all the way |right |clean )through",
    r"through the (?:sheet|steel|plate|strip|metal|material)(?= |\W|$)",
    # above it
    r"raised|elevat(?:ed|ions?)|relief|protru\w+|bulg\w+|bumps?|ridges?|lumps?|lifted|swell\w*|swollen|blister\w*|convex",
    r"(?:sticks?|standing) out",
)

_PART = (
    r"(?:corner|edge|border|boundary|margin|side|half|third|quarter|quadrant|region|area|part|portion|section|zone"
    r"|cell|row|column|end|rim|strip|segment)(?:s|es)?|halves"
)
_DIRECTION = rf"(?:{SIDE}|{LEVEL}|{CENTER}|outer|peripheral)"
_PREPOSITION = (
    r"(?:in|at|near|towards?|from|to|on|of|along|around|down|across|above|below|beside|off|over|through|within|close to"
    r"|under|between|touche?s?|reache?s?|into|by)"
)
_LOCATIONS = (
    # "upper left corner", "lower half", "near the top", "along both edges"
    rf"(?:{LEVEL} (?:{SIDE}|{CENTER})|{SIDE} (?:{LEVEL}|{CENTER})|{CENTER} (?:{SIDE}|{LEVEL}))(?: {_PART})?"
    rf"{NOT_OF_DEFECT}",
    rf"{_DIRECTION}(?:(?: ?,| and| or| to) {_DIRECTION})? (?:(?:two|one|most) )?(?:{_PART}){NOT_OF_DEFECT}",
    rf"{_PREPOSITION} (?:the )?(?:far |very |extreme |exact )?(?:{SIDE}|top|bottom|cent(?:er|re)|middle)"
    rf"{NOT_OF_DEFECT}",
    rf"{CENTER} of the {IMAGE}|{SIDE} of (?:the )?{CENTER}",
    rf"{_PREPOSITION} (?:the |one |both |an? |two |all )(?:{IMAGE} |{IMAGE}'s |outer )?"
    rf"(?:edges?|borders?|margins?|corners?|periphery|sides?){NOT_OF_DEFECT}",
    r"(?:edge|side|corner|top) to (?:edge|side|corner|bottom)|(?:left|right) (?:flank|border)",
    # all over the image
    r"(?:spread|scatter|distribut|dispers|sprinkl|extend|strewn|locat)\w*(?: \w+ly)? (?:all )?"
    rf"(?:over|across|throughout) (?:the |this |its |whole |entire |full )*{IMAGE}",
    rf"(?:all over|throughout|everywhere (?:on|in|over))(?: the {IMAGE})?",
    r"(?:over|across|cover\w*|affect\w*) (?:nearly |almost )?(?:the )?(?:whole|entire|full|complete)"
    rf"(?: (?:width|height|length) of (?:the )?)? ?{IMAGE}|fills the {IMAGE}",
    rf"(?:whole|entire) {IMAGE} is (?:covered|affected)|across the (?:full|entire|whole) width",
    rf"(?:various|several|many|different|multiple) (?:places|parts|locations|positions) (?:on|of|in) the {IMAGE}",
    # the middle
    r"cent(?:red|ered|rally)|centrally|off cent(?:er|re)|mid (?:frame|height|image|way)|half height",
    r"(?:cent(?:er|re) ?|mid ?)line|(?:central|horizontal|vertical) (?:axis|midline)",
    # by compass, and without a preposition: "Left: a scratch.", "the top is dark"
    r"(?:north|south)(?:east|west)?(?:ern)?|lower down|(?:high|higher) up",
    r"the (?:top|bottom|left|right|cent(?:er|re)) (?:is|are|appears|looks)(?! of)",
    rf"(?:(?<=^)|(?<=[,;:–.] )|(?<=\n))(?:at |the )*(?:{SIDE}|top|bottom|cent(?:er|re)|middle)(?= ?(?:[,;:.\n]|$))",
)

_TONE = r"(?:tone|tones|tonal|brightness|colou?r|gr[ae]y (?:level|value)s?|intensity|shade)"
_CONTRASTS = (
    # dark, bright
    r"dark(?:er|est|ened|ish)?|black(?:er|ish|ened)?|charcoal|shadow(?:s|y)?|shading|bright(?:er|est)?|pale(?:r)?",
    r"whit(?:e|er|ish)|milky|lighter|lightest|gr[ae]y(?:ish|er)?|silvery?",
    r"light (?:colou?red|gr[ae]y|toned?|shade|in|and dark"
    r"|areas?|regions?|patch(?:es)?|bands?|stripes?|streaks?|spots?)",
    # colours
    r"brown(?:ish)?|red(?:dish)?|yellow(?:ish)?|blu(?:e|ish)|orange|rust colou?red|tan|beige|ochre|violet|purple",
    r"copper|golden|hue|tint(?:ed)?|discolou?r\w*|tarnish\w*",
    # gloss
    r"shin(?:y|ier)|shines?|gloss\w*|matt?e?|dull(?:er)?|reflective|reflects? (?:\w+ )?(?:light|strongly)|gleam\w*",
    r"glint\w*|sheen|lust(?:re|er)|glow\w*|opaque|trans(?:parent|lucent)",
    # how well it is seen
    r"conspicuous|inconspicuous|prominent|faint(?:ly)?|subtl[ey]|washed out|vanish\w*|fade[sd]?|disappears?|vivid",
    r"indistinct|invisible|imperceptible|unobtrusive|easily overlooked|eye catching|catch\w* the eye",
    r"st(?:ands?|ood) out|blend\w* in(?:to)?|merges with the",
    r"(?:hard|difficult|easy) to (?:see|distinguish|spot|make out)",
    r"(?:barely|hardly|scarcely|clearly|highly|easily|poorly|well|weakly|strongly|distinctly|only just) "
    r"(?:visible|seen|discernible|noticeable|perceptible|distinguish\w+|recogni[sz]able|identifiable)",
    # contrast and tone, with a value
    rf"{_DEGREE} (?:visibility|(?:\w+ )?contrasts?)|(?:no|almost no|hardly any) (?:\w+ )?contrast|lacks contrast",
    r"contrasts? (?:\w+ )?(?:well|sharply|strongly|clearly)",
    rf"contrast[ :–—=*]*(?:(?:with|to) (?:the|its) \w+ )?(?:is |seems |appears )?{_DEGREE}",
    r"contrast(?:s|ing)? (?:with|to|against) (?:the|its) (?:\w+ )?"
    rf"(?:background|surround\w+|base|metal|steel|{IMAGE}|environment|rest)",
    r"(?:differs?|distinct|distinguished|deviates?) (?:\w+ )?from (?:the|its) (?:\w+ )?"
    r"(?:base|background|surround\w+|metal|rest)",
    rf"(?:differ\w+|same|similar|equal|close|neutral|tonal) (?:\w+ ){{0,3}}(?:{_TONE}|difference)",
    rf"{_TONE} (?:\w+ )?chang\w+"
    rf"|{_TONE} (?:\w+ ){{0,3}}(?:differ\w+|(?:the )?same|similar|equal|above|below|lower|higher|marked)",
)

_STATEMENTS = tuple(whole_words(*phrases) for phrases in (_SHAPES, _SIZES, _DEPTHS, _LOCATIONS, _CONTRASTS))
