"""Words of defect descriptions that coverage, places and claims share, as parts of regular expressions.

They are matched against lower-case text with spaces for hyphens, see :func:`steeldefectx.language.stated_text.lowered`.
"""

from __future__ import annotations

import re

DEFECT = (
    r"(?:defect|mark|marking|stain|spot|scratch|patch|pit|crack|line|streak|groove|dent|hole|particle|inclusion|speck"
    r"|blemish|flaw|trace|fold|crease|notch|band|stripe|blotch|feature|anomal(?:y|ie)|imprint|indentation|fragment"
    r"|damage|corrosion|rust|scale|oxide|discolou?ration)(?:e?s)?"
)
"""What a defect or a part of it is called."""
IMAGE = r"(?:images?|pictures?|frame|photo|view|surface|sheet|plate|strip|sample|specimen|panel)"
"""What the defect is on."""

SIDE = r"(?:(?:left|right)(?:[ -]?hand|most)?)"
LEVEL = r"(?:upper|lower|top|bottom|uppermost|topmost|bottommost)"
CENTER = r"(?:cent(?:er|re|ral)|middle|mid)"
NOT_OF_DEFECT = rf"(?! of (?:the|this|each|its|an?) (?:\w+ )?{DEFECT}\b)"
"""After an edge, center or bottom: it is the image's, not "of the scratch"."""


def whole_words(*phrases: str) -> re.Pattern[str]:
    """Any of some phrases, each a regular expression, where they begin and end with a word."""
    return re.compile(r"\b(?:" + "|".join(phrases) + r")(?!\w)")
