"""Words and phrases of defect descriptions, as parts of regular expressions over lower-case text.

Shared by :mod:`steeldefectx.language.coverage`, which asks what a text speaks about, and
:mod:`steeldefectx.language.claims`, which asks what it says.
"""

from __future__ import annotations

DEFECT = (
    r"(?:defect|mark|marking|stain|spot|scratch|patch|pit|crack|line|streak|groove|dent|hole|particle|inclusion|speck"
    r"|blemish|flaw|trace|fold|crease|notch|band|stripe|blotch|feature|anomal(?:y|ie)|imprint|indentation|fragment"
    r"|damage|corrosion|rust|scale|oxide|discolou?ration)(?:e?s)?"
)
"""What a defect or a part of it is called."""

IMAGE = r"(?:images?|pictures?|frame|photo|view|surface|sheet|plate|strip|sample|specimen|panel)"
"""What the defect is on."""

ELSEWHERE = (
    r"(?:rolls?(?! (?:print|mark|imprint))|rollers?(?! marks?)|mills?|furnaces?|guides?|camera|lens|hall"
    r"|annotat(?:ors?|ion)|inspect(?:ors?"
    r"|ions?)|operators?"
    r"|workers?|researchers?|authors?|reports?|log|questions?|issues?|problems?|process(?:es|ing)?|production|cooling"
    r"|heating|handling|storage|lubrication|temperatures?|pressure|speed|loads?|humidity|tolerance|limits?|trimmer|saw"
    r"|coat(?:ing)?|quality|severity|market|literature|paper|box|marker|label|data|class(?:es)?|research"
    r"|analysis|investigation|study|steps?|answer|reasons?|explanation|causes?|intervals?|exposure|effects?|chance"
    r"|risk|times?|industry|plant|factory|lighting|gauge|discussion|maintenance|price|trend|plants?|customers?"
    r"|suppliers?"
    r"|shift|deliver(?:y|ies)|tests?|measurements?|standards?|software|experts?|teams?|manual|definition|estimates?"
    r"|examples?|consensus|story|knowledge"
    r"|debate|opinions?|agreement|experience|ideas?|concepts?|history|importance|significance|influence|demand"
    r"|complaints?|sales|career|figures|rolling direction|schedule|costs?|coils? (?:was|were|must|will))"
)
"""What is not the defect: its making, its photograph, its description."""

DEGREE = (
    r"(?:low|high|strong|weak|slight|little|minimal|moderate|medium|considerable|significant|marked|sharp|clear|good"
    r"|poor|great|small|limited|modest|faint|noticeable|some|certain|shallow|substantial|negligible|pronounced|strongly"
    r"|sharply|weakly|clearly|well|visible|average)(?:er|est)?"
)
"""How much of something there is."""

SIDE = r"(?:(?:left|right)(?:[ -]?hand|most)?)"
LEVEL = r"(?:upper|lower|top|bottom|uppermost|topmost|bottommost)"
CENTER = r"(?:cent(?:er|re|ral)|middle|mid)"
PLACE = (
    r"(?:corner|edge|border|boundary|margin|side|half|third|quarter|quadrant|region|area|part|portion|section|zone"
    r"|cell|row|column|end|rim|strip|segment)(?:s|es)?|halves"
)

NAMES = (
    r"(?:white rust|red iron(?: sheets?)?|welding lines?|crescent gaps?|(?:oil|water|silk) spots?|waist folding"
    r"|rolled[ -]?in scale|rolled pits?|finishing roll printing|pitted surface|iron scale compression|iron sheet ash"
    r"|oxide scale of \w+ system|slag inclusions?|secondary rust skin)"
)
"""Names of classes that state nothing about a defect."""
TONED_NAMES = r"(?:bright|dark) scratch(?:es)?"
"""Names of classes that do, unless a text merely names the class."""
