"""Answers of no use, told by rule: refusals, other languages, loops, echoes, and those of a model without eyes.

Data and rules. How seldom they err on texts that are of use is measured in
``tests/annotate/pipeline/test_useless_answers.py``.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import cache, lru_cache

TEXTS_KEPT = 4096
"""Texts whose outcome is kept: an answer is looked at when it comes, and once more when its image is done."""
_START = 250
"""Characters at the beginning of a text in which it says that it is none."""
_CANNOT = r"(?:can(?:no|['’]?)t|won['’]?t|will not|unable to|not able to|not allowed to)"
_PICTURE = r"(?:images?|pictures?|photos?|photographs?|attachments?|files?)"
_SOME_WORDS = r"(?:[\w'’]+ ){0,3}"


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)


_REFUSAL = _any(
    r"(?:i['’]?m|i am) (?:very |so |really )?(?:sorry|afraid)\b",
    r"(?:sorry|unfortunately|(?:my )?apologies|i apologi[sz]e)\b",
    r"as an? (?:\w+ )?(?:ai|language model)\b",
    rf"(?:i|we)(?: am|['’]m)? {_CANNOT}",
    r"i (?:must|have to) decline",
    r"(?:this|the|your) (?:request|content|image|prompt) (?:violates|goes against|was (?:blocked|flagged|rejected))",
    r"(?:safety|content) (?:policy|filter|warning)",
    r"(?:unsafe|flagged)\s*(?:$|[.:]|s\d)",
    r"(?:request|content) (?:blocked|filtered)",
    r"(?:很|非常)?(?:抱歉|对不起)|我(?:无法|不能)|作为一?[个名]?(?:ai|人工智能)",
    r"申し訳|すみません",
    r"(?:es )?tut mir leid|leider kann|ich kann (?:das|dieses|diese|dir|ihnen|dabei|nicht)",
    r"je suis désolée?|désolée?\b|je ne (?:peux|suis) pas",
    r"lo siento|no puedo|lamento|mi dispiace|non posso|sinto muito|desculpe|não posso",
    r"извините|к сожалению|я не могу",
)
"""How a refusal begins that comes as an ordinary text."""
_NO_IMAGE = _any(
    rf"(?:{_CANNOT}|do(?:es)? not|don['’]t) {_SOME_WORDS}"
    rf"(?:see|view|access|open|process|look at|display|receive|analy[sz]e) {_SOME_WORDS}{_PICTURE}",
    rf"\bno {_PICTURE} (?:is|was|has been|seems|appears|provided|attached|included|visible)",
    rf"{_PICTURE} (?:is|was|were|are|has|have)(?: not|n['’]t) {_SOME_WORDS}"
    r"(?:provided|attached|uploaded|included|loaded|displayed)",
    rf"(?:please|can you|could you) {_SOME_WORDS}(?:provide|upload|attach|share|send) {_SOME_WORDS}{_PICTURE}",
    rf"{_PICTURE} (?:appears|seems) to be (?:missing|blank|empty|corrupted)",
    r"\btext[- ](?:only|based) (?:model|ai|assistant|language)",
)
_SCREEN = _any(
    rf"\b(?:{_PICTURE}|view|screen ?shots?) (?:of|from|showing|on|shows) (?:an? |the )?"
    r"(?:(?:computer|laptop|phone|tv|lcd|blank|black|white|digital|smart) ?)*"
    r"(?:screen|monitor|display|desktop|web ?page|web ?site|user interface|dialog)\b",
    r"^(?:a|this is a|the image is a) screen ?shot\b",
)
_THINKS_ALOUD = _any(
    r"\bthe user (?:wants|is|asks|asked|has|would|needs|provided|gave|says|sent)\b",
    r"^(?:okay|ok|alright|hmm+|well|so|wait|first|got it)[,.]+ (?:so|let['’]?s?|i|we) ",
    r"^(?:okay|ok|alright|hmm+|well|so|wait|first|got it)[,.]+ the (?:image|picture|task|question|prompt) ",
    r"^(?:let me|let['’]s) (?:look|think|see|start|analy|examine|describe|break)",
    r"^(?:i|we) (?:need|have|should|must) to\b",
    r"^(?:thinking process|thought process|analysis of the request)\b",
)
_THINKING_LENGTH = 200

_FUNCTION_WORDS = {
    "English": "the a an of is in it and with to at on are as by from its this that which near than but no not",
    "German": "der die das ist und ein eine einer eines im mit auf von den dem des sich nicht zum zur durch am",
    "French": "le la les est un une des du dans et avec sur au aux par plus cette ce qui en de sous il elle",
    "Spanish": "el la los las es un una del en con y por de que se su más como este esta al lo muy",
    "Italian": "il lo la gli le è un una del della nel nella con di e per che si sul più al in questa questo",
    "Portuguese": "o a os as é um uma do da no na com de e por que se em mais ao como esta este",
    "Dutch": "de het een van is in en met op aan door niet naar dit deze die bij zijn er te",
    "Polish": "jest i w na z do się nie o po od przy oraz jak który która to",
}
_WORDS = {language: frozenset(words.split()) for language, words in _FUNCTION_WORDS.items()}
MIN_FOREIGN_WORDS = 3
MAX_OTHER_SCRIPT = 0.2
"""Share of the letters of a text that may be of another alphabet than its language's."""
ECHO_WORDS = 9
"""Words in a row that a text has from the prompt, from which it repeats it."""
LOOP_WORDS = 12
"""Words from which a text is looked through for loops."""
MIN_DISTINCT = 0.5
"""Of the sequences of three words in a text, the share that must be different ones."""
_LOOP = re.compile(r"(?i)\b(\w+(?:\W+\w+){0,5}?)(?:\W+\1\b){3,}")
"""Up to six words, four times in a row."""


@lru_cache(TEXTS_KEPT)
def useless_reason(text: str, prompts: str) -> str | None:
    """Why a text is no description; None if nothing speaks against it.

    Args:
        text: On one line, cleaned.
        prompts: What was asked.
    """
    shown = f"{text[:200]}..." if len(text) > 200 else text
    if says_no_image(text):
        return f"it sees no image: {shown}"
    if _REFUSAL.match(text.lstrip("\"'*([ ")):
        return f"refused: {shown}"
    if _THINKS_ALOUD.search(text[:_THINKING_LENGTH]):
        return f"the model thinks aloud: {shown}"
    if _SCREEN.search(text[:_START]):
        return f"it describes a picture of a screen: {shown}"
    language = other_language(text)
    if language is not None:
        return f"not in English, but {language}: {shown}"
    if repeats_prompt(text, prompts):
        return f"it repeats the question: {shown}"
    if is_loop(text):
        return f"it repeats itself: {shown}"
    return None


def other_language(text: str) -> str | None:
    """The language or alphabet that a text is in, where it is not English; None if it may be."""
    letters = [sign for sign in text if sign.isalpha()]
    others = [sign for sign in letters if sign > "\u024f"]  # after the Latin ones
    if letters and len(others) > MAX_OTHER_SCRIPT * len(letters):
        alphabet = Counter(unicodedata.name(sign, "?").split()[0] for sign in others).most_common(1)[0][0]
        return {"CJK": "Chinese or Japanese"}.get(alphabet, alphabet.capitalize())
    words = re.findall(r"[^\W\d_]+", text.lower())
    counts = {language: sum(word in known for word in words) for language, known in _WORDS.items()}
    best = max(counts, key=lambda language: counts[language])
    return best if best != "English" and counts[best] >= max(MIN_FOREIGN_WORDS, 2 * counts["English"]) else None


def repeats_prompt(text: str, prompts: str) -> bool:
    """Whether a text has :data:`ECHO_WORDS` words in a row from what was asked."""
    return not _sequences(text).isdisjoint(_prompt_sequences(prompts))


def _sequences(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return set(zip(*(words[start:] for start in range(ECHO_WORDS)), strict=False))


_prompt_sequences = cache(_sequences)


def is_loop(text: str) -> bool:
    """Whether a text says the same over and over."""
    words = re.findall(r"\w+", text.lower())
    if len(words) < LOOP_WORDS:
        return False
    triples = list(zip(words, words[1:], words[2:], strict=False))
    return len(set(triples)) < MIN_DISTINCT * len(triples) or _LOOP.search(text) is not None


def says_no_image(text: str) -> bool:
    """Whether a text begins by saying that no image has come with the question."""
    return _NO_IMAGE.search(text[:_START]) is not None
