"""Texts of composed scenes: worded anew each time, the same with one fact swapped, and the same in other words.

A text is made of a scene's facts, of a selection of them that it states, and of a style, numbers that choose among
words. With the same style and another fact only the words of that fact change: a hard negative. With another style and
the same facts no claim changes: a hard positive.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from steeldefectx.language.appearance import ANY_FORM, FORMS, SURFACES
from steeldefectx.language.descriptions import CONTRASTS, DEPTHS, LOCATION_PHRASES, SHAPES, SIZES
from steeldefectx.language.lexicon.reading import find_entry, lexicon
from steeldefectx.language.scene_facts import FAMILIES, LIKE, Facts, fits, may_be_said, swap
from steeldefectx.language.scene_words import (
    ABSENT,
    ADJECTIVES,
    CLAUSES,
    COUNTED,
    FREE_OF,
    INTROS,
    LOOKS_ALONE,
    MARRED_BY,
    METALS,
    NAMED_INTROS,
    NAMED_LOOKS,
    NAMES_ALONE,
    ORDER,
    PRESENT,
    SHORT,
    SOUND,
    STEELS,
    UNSOUND,
)

KINDS = ("name", "looks", "name and looks", "short", "description", "name and description")
"""What a text of a defect says: its name, how such defects look, a few words or sentences about this one."""
SLOTS = ("pattern", "name", "looks", "noun", "count", "where", "surface", "metal", "subject", "group", "absent", "many",
         "location", "depth", *ORDER)  # fmt: skip
"""What a style chooses: two numbers of 0..1 for each, one for its words and one for its place in the text."""
SUBJECTS = (("It", "They"), ("The defect", "The marks"), ("The affected area", "The affected areas"), ("This", "These"))
SENTENCES = ("scale", "location", "contrast", "tone", "relief", "softness", "direction", "length", "depth")
"""What is said in sentences of their own, where it is not said before the noun."""
KINDS_LACKED = 0.4
"""Share of the texts of sound metal that say which kind of defect it has not."""
IN_NOUN_PHRASE = 3
"""More adjectives than this would be too many."""


@dataclass(frozen=True)
class SceneText:
    """A text of a scene, and what it is made of."""

    text: str
    kind: str
    """One of :data:`KINDS`, or ``sound``."""
    stated: tuple[str, ...]
    """The attributes that it states."""
    facts: Facts
    style: tuple[float, ...]
    """The numbers that chose its words."""


def describe(facts: Facts, rng: np.random.Generator, kind: str | None = None) -> SceneText:
    """A text that is true of a scene.

    Args:
        facts: Of :func:`~steeldefectx.language.scene_facts.facts_of_scene`.
        rng: Chooses what is said and in which words.
        kind: One of :data:`KINDS`; a scene without a name, or to which the looks of its entry do not fit, gets a
            description instead. Sound metal has a kind of its own.
    """
    style = _any_style(rng)
    if facts["kind"] == "sound":
        return _made("sound", ("kind",), dict(facts), style)
    kind = kind or KINDS[int(rng.integers(len(KINDS)))]
    if kind != "short" and kind != "description" and "name" not in facts:
        kind = "description" if kind.endswith("description") else "short"
    if "looks" in kind and not _looks(facts):
        kind = "name and description" if "name" in kind else "short"
    if kind in ("name", "looks", "name and looks"):
        return _made(kind, (), dict(facts), style)
    said = dict(facts)
    known = [attribute for attribute in (*ORDER, "location", "number", "depth", "surface") if attribute in facts]
    most = 3 if kind == "short" else len(known)
    count = int(rng.integers(1, max(2, most) + 1)) if kind == "short" else int(rng.integers(min(3, most), most + 1))
    stated = [str(attribute) for attribute in rng.permutation(known)[:count]]
    if "form" in facts:
        stated.append("form")
    if rng.random() < 0.12 and facts.get("form") in LIKE:
        family = FAMILIES[(LIKE[facts["form"]] + 1 + int(rng.integers(len(FAMILIES) - 1))) % len(FAMILIES)]
        said["absent"] = family[int(rng.integers(len(family)))]
        stated.append("absent")
    return _made(kind, tuple(stated), said, style)


def swapped(text: SceneText, attribute: str, rng: np.random.Generator) -> SceneText | None:
    """The same text with one fact false, or None where it states none that can be swapped.

    Args:
        text: Of :func:`describe`.
        attribute: One of :data:`~steeldefectx.language.scene_facts.SWAPS`, or ``absent``: what is not there, is.
        rng: Chooses among false values.
    """
    if attribute == "absent" and "absent" in text.stated:
        return _made(text.kind, text.stated, dict(text.facts) | {"present": text.facts["absent"]}, text.style)
    if attribute != "kind" and attribute not in text.stated:
        return None
    false = swap(text.facts, attribute, rng)
    if false is None:
        return None
    if attribute == "kind":
        kind = "sound" if false["kind"] == "sound" or text.kind == "sound" else text.kind
        return _made(kind, ("kind",), false, text.style)
    return _made(text.kind, text.stated, false, text.style)


def reworded(text: SceneText, rng: np.random.Generator) -> SceneText:
    """The same facts in other words."""
    return _made(text.kind, text.stated, text.facts, _any_style(rng))


def retold(text: SceneText, facts: Facts) -> SceneText | None:
    """The same text of another scene, such as one drawn again: only the words of what differs change.

    Args:
        text: Of :func:`describe`.
        facts: The other scene's.

    Returns:
        None where nothing is known of an attribute that the text states.
    """
    if facts["kind"] == "sound":
        return _made("sound", ("kind",), facts, text.style)
    if text.kind == "sound" or not {*text.stated} - {"absent"} <= facts.keys():
        return None
    if "name" in text.kind and "name" not in facts:
        return None
    if text.kind in ("looks", "name and looks") and not _looks(facts):
        return None
    kept = {"absent": text.facts["absent"]} if "absent" in text.facts else {}
    if kept and facts.get("form") in FAMILIES[LIKE[kept["absent"]]]:
        return None
    return _made(text.kind, text.stated, dict(facts) | kept, text.style)


def _any_style(rng: np.random.Generator) -> tuple[float, ...]:
    return tuple(rng.random(2 * len(SLOTS)).tolist())


def _made(kind: str, stated: tuple[str, ...], facts: Facts, style: tuple[float, ...]) -> SceneText:
    return SceneText(_Writer(kind, stated, facts, style).text(), kind, stated, facts, style)


class _Writer:
    """Puts facts into words."""

    def __init__(self, kind: str, stated: tuple[str, ...], facts: Facts, style: tuple[float, ...]):
        self.kind, self.stated, self.facts, self.style = kind, stated, facts, style
        self.many = facts.get("plural") == "yes"
        self.said: set[str] = set()

    def pick(self, options: tuple[str, ...], slot: str) -> str:
        """One of the options, by the style."""
        return options[int(self.style[2 * SLOTS.index(slot)] * len(options))]

    def number(self, slot: str) -> float:
        """The style's second number for a slot."""
        return self.style[2 * SLOTS.index(slot) + 1]

    def text(self) -> str:
        """The whole text."""
        if self.kind == "sound":
            patterns: tuple[str, ...] = SOUND if self.facts["kind"] == "sound" else UNSOUND
            if self.number("noun") < KINDS_LACKED and ("form" in self.facts or "number" not in self.facts):
                patterns = FREE_OF if self.facts["kind"] == "sound" else MARRED_BY
            return _finished(self._filled(self.pick(patterns, "pattern")), self.many)
        if self.kind in ("name", "looks", "name and looks"):
            patterns = {"name": NAMES_ALONE, "looks": LOOKS_ALONE, "name and looks": NAMED_LOOKS}[self.kind]
            return _finished(self._filled(self.pick(patterns, "pattern")), self.many)
        if self.kind == "short":
            return self._short()
        return self._sentences()

    def _filled(self, pattern: str) -> str:
        """A pattern with its words."""
        surface = self._surface()
        words = {"surface": surface, "bare": _bare(surface), "metal": self.pick(self._metals, "metal")}
        if "{noun}" in pattern:  # the defect's, where there is one: that there is none of another kind may be true
            nouns = FORMS[self.facts.get("form") or self.pick(tuple(FORMS), "noun")]
            words["noun"] = self.pick(tuple(one for one, _ in nouns), "looks")
        if "{name}" in pattern:
            words["name"] = self._name()
        if "{looks}" in pattern:
            words["looks"] = self.pick(_looks(self.facts), "looks")
        if "{where}" in pattern:
            words["where"] = self._where()
        return pattern.format(**words)

    def _name(self) -> str:
        entry = find_entry(self.facts["name"])
        assert entry is not None
        fitting = tuple(name for name in entry.names if may_be_said(name, self.facts)) or entry.names[:1]
        name = _bare(fitting[0] if self.number("name") < 0.6 else self.pick(fitting, "name"))
        return name if self.number("metal") < 0.3 else name.lower()

    def _surface(self) -> str:
        return self.pick(SURFACES[self.facts["surface"]], "surface")

    def _where(self) -> str:
        place = self.facts["location"]
        phrase = self.pick(LOCATION_PHRASES[place], "where")
        return f"mainly {phrase}" if self.facts["extent"] == "mainly" else phrase

    def _short(self) -> str:
        """A few words."""
        where, on = "location" in self.stated, "surface" in self.stated
        fitting = tuple(p for p in SHORT if ("{where}" in p) == where and ("{surface}" in p) == on)
        pattern = self.pick(fitting, "pattern")
        words = pattern.format(
            what=self._what(len(ORDER)), where=self._where() if where else "", surface=self._surface()
        )
        text = f"{words.rstrip('.')}, {self._absent()}" if "absent" in self.stated else words
        if self.number("many") < 0.5:
            text = text[:1].upper() + text[1:]
        return _agree(text, self.many)

    def _sentences(self) -> str:
        """An opening and up to some more sentences."""
        on = f" on {self._surface()}" if "surface" in self.stated else ""
        where = ""
        if "location" in self.stated and self.number("location") < 0.4:
            where = f" {self._where()}"
            self.said.add("location")
        what = self._what(IN_NOUN_PHRASE)
        pattern = self.pick(NAMED_INTROS if self.kind.startswith("name") else INTROS, "pattern")
        named = {"name": self._name()} if "{name}" in pattern else {}
        sentences = [pattern.format(what=what + where + on, **named)]
        left = [a for a in SENTENCES if a in self.stated and a not in self.said]
        if "tone" in left and "contrast" in left:
            left.remove("tone")  # a clause of contrast says it
        left.sort(key=self.number)
        while left:
            number = len(sentences)
            together = 1 + (int(16 * self.number("group")) >> number & 1)
            clauses = " and ".join(self._clause(attribute) for attribute in left[:together])
            left = left[together:]
            subject = SUBJECTS[(int(self.number("subject") * len(SUBJECTS)) + number) % len(SUBJECTS)][self.many]
            sentences.append(f"{subject} {clauses}")
        if "absent" in self.stated:
            sentences.append(self._absent())
        return " ".join(_finished(sentence + ".", self.many) for sentence in sentences)

    def _what(self, most: int) -> str:
        """The noun phrase: number, adjectives, noun."""
        adjectives = [a for a in ORDER if a in self.stated and self.facts[a] in ADJECTIVES[a]]
        if most < len(ORDER):
            adjectives = [a for a in adjectives if self.number(a) < 0.55][:most]
        # "Tiny lines" are long ones that cover little: a sentence says so better.
        if most < len(ORDER) and self.facts.get("slender") and "scale" in adjectives:
            adjectives.remove("scale")
        self.said |= set(adjectives)
        words = [self.pick(ADJECTIVES[a][self.facts[a]], a) for a in adjectives]
        phrase = ", ".join(words) if len(words) > 2 and self.number("many") < 0.5 else " ".join(words)
        phrase = f"{phrase} {self._noun()}".strip()
        if "number" in self.stated:
            return f"{self.pick(COUNTED[self.facts['number']], 'count')} {phrase}"
        return phrase if self.many else f"a {phrase}"

    def _noun(self) -> str:
        form, shape = self.facts.get("form"), self.facts.get("shape", "unclear")
        nouns = FORMS[form] if form else SHAPES.get(shape, ANY_FORM)
        nouns = tuple(pair for pair in nouns if fits(pair[0], shape)) or ANY_FORM
        return nouns[int(self.number("noun") * len(nouns))][self.many]

    def _clause(self, attribute: str) -> str:
        """A statement without its subject."""
        value = self.facts[attribute]
        if attribute == "location":
            placed = "{is|are} spread" if value == "spread" else "{lies|lie}"
            return f"{placed} {self._where()}"
        if attribute == "contrast" and "tone" in self.stated:
            return self._metal(self.pick(CONTRASTS[f"{self.facts['tone']}/{value}"], "contrast"))
        options = {"scale": SIZES, "depth": DEPTHS}.get(attribute) or CLAUSES[attribute]
        return self._metal(self.pick(options[value], attribute))

    def _metal(self, phrase: str) -> str:
        return phrase.replace("steel", self.pick(self._metals, "metal"))

    @property
    def _metals(self) -> tuple[str, ...]:
        return METALS[self.facts["surface"] in STEELS]

    def _absent(self) -> str:
        patterns = PRESENT if "present" in self.facts else ABSENT
        nouns = FORMS[self.facts["absent"]]
        return self.pick(patterns, "absent").format(noun=nouns[int(self.number("absent") * 7) % len(nouns)][0])


def every_phrase() -> list[str]:
    """All phrases that texts of scenes are made of, to learn a vocabulary from."""
    pairs = [pair for table in (FORMS, SHAPES) for nouns in table.values() for pair in nouns]
    words = [noun for pair in (*pairs, *ANY_FORM, *SUBJECTS) for noun in pair]
    tables = (SURFACES, COUNTED, LOCATION_PHRASES, SIZES, DEPTHS, CONTRASTS, *ADJECTIVES.values(), *CLAUSES.values())
    phrases = [phrase for table in tables for options in table.values() for phrase in options]
    patterns = (INTROS, NAMED_INTROS, NAMES_ALONE, NAMED_LOOKS, LOOKS_ALONE, SHORT, SOUND, UNSOUND, FREE_OF, MARRED_BY,
                ABSENT, PRESENT)  # fmt: skip
    phrases += [pattern.replace("{{", "{").replace("}}", "}") for options in patterns for pattern in options]
    words += [re.sub(r"{\w+}", " ", _agree(phrase, many)) for phrase in phrases for many in (False, True)]
    entries = lexicon().values()
    words += [metal for metals in METALS.values() for metal in metals]
    return [*words, "mainly", *(phrase for entry in entries for phrase in (*entry.names, *entry.looks))]


def _looks(facts: Facts) -> tuple[str, ...]:
    """What the entry says of its looks, as far as it fits this scene."""
    entry = find_entry(facts["name"]) if "name" in facts else None
    return () if entry is None else tuple(look for look in entry.looks if may_be_said(look, facts))


def _bare(phrase: str) -> str:
    """Without its article."""
    return re.sub(r"^(?:an?|the) ", "", phrase)


def _finished(sentence: str, many: bool) -> str:
    sentence = _agree(" ".join(sentence.split()), many)
    return sentence[:1].upper() + sentence[1:]


def _agree(sentence: str, many: bool) -> str:
    """Verbs put in the singular or the plural, and "an" where a vowel follows."""
    sentence = re.sub(r"\{([^|}]*)\|([^}]*)\}", r"\2" if many else r"\1", sentence)
    return re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", sentence)
