"""Claim checking: texts with one planted wrong claim, and true ones, on synthetic and on real masks.

    python benchmarks/claims.py --data-dir raw/ --out benchmarks/results/claims.json

Recall is the share of planted texts in which a claim of the planted kind is contradicted; a false alarm is a true text
with any contradiction. Texts are the sample's own (T3, and drafts in which one phrase is exchanged), the attributes'
template sentence, and paraphrases written for this measurement. --data-dir holds real images with masks.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

import steeldefectx
from steeldefectx.data.builder import find_samples
from steeldefectx.data.sources import read_mask
from steeldefectx.language import descriptions as sample_texts
from steeldefectx.language.attributes import CELLS, Attributes, template_sentence
from steeldefectx.language.claim_check import check
from steeldefectx.language.evidence import MaskEvidence, evidence_from_mask
from steeldefectx.taxonomy import CLASS_NAMES

Facts = dict[str, str]
"""Kind of claim -> value; ``location`` as :data:`sample_texts.LOCATION_CELLS` names it."""
KINDS = ("location", "size", "number", "polarity", "shape", "direction", "class")
CAUGHT_AS = {"polarity": {"polarity", "saliency"}}
"""Kinds of contradiction that catch a planted one, where it is more than the same kind."""
PLACES = {
    "top-left": ("in the upper left corner", "close to the top left"),
    "top-center": ("near the middle of the top edge", "in the upper central part of the image"),
    "top-right": ("in the top right-hand corner", "in the upper right quadrant"),
    "middle-left": ("at mid-height on the left-hand side", "to the left of the centre"),
    "center": ("in the middle of the image", "at the centre of the sheet"),
    "middle-right": ("at mid-height on the right-hand side", "to the right of the centre"),
    "bottom-left": ("in the bottom left corner", "in the lower left region"),
    "bottom-center": ("near the middle of the bottom edge", "in the lower central part of the image"),
    "bottom-right": ("in the lower right corner", "towards the bottom right"),
    "top row": ("along the top edge", "across the upper third of the frame"),
    "middle row": ("across the middle of the image", "in a band at mid-height"),
    "bottom row": ("along the lower edge", "across the bottom third of the frame"),
    "left column": ("along the left edge", "down the left-hand side"),
    "center column": ("down the middle", "along the vertical centre line"),
    "right column": ("along the right-hand edge", "down the right side"),
    "upper rows": ("in the upper two thirds of the picture",),
    "lower rows": ("in the lower two thirds of the picture",),
    "left columns": ("in the left two thirds of the picture",),
    "right columns": ("in the right two thirds of the picture",),
    "several": ("at different places on the surface",),
    "spread": ("all over the image", "throughout the picture"),
}
SHAPES = {
    "linear": "straight, line-like", "curved": "curved", "elongated": "elongated", "circular": "roughly round",
    "irregular": "irregularly shaped", "fragmented": "fragmented", "network-like": "network-like",
    "spot-like": "dot-like", "patch-like": "patch-like", "diffuse": "diffuse", "unclear": "",
}  # fmt: skip
COUNTS = {"one": ("a single", "one"), "multiple": ("numerous", "multiple", "many")}
TONES = {"dark": ("darker than its surroundings", "black", "a dark grey"),
         "bright": ("brighter than its surroundings", "lighter in tone than the base metal", "whitish"),
         "neutral": ("close in grey level to its surroundings",)}  # fmt: skip
CONTRASTS = {"low": ("weak", "low"), "medium": ("moderate", "medium"), "high": ("strong", "high")}
SIZES = {scale: (scale,) for scale in ("tiny", "small", "medium", "large", "extensive")} | {
    "tiny": ("tiny", "very small"), "extensive": ("extensive", "very large"),
}  # fmt: skip
OPPOSITE = {"horizontal": "vertical", "vertical": "horizontal"}
TEMPLATES = (
    "The {class_} defect is visible as {number} {shape} {mark} located {place}. In colour it appears {tone}. "
    "The area affected is {size} overall, and the contrast is {contrast}. It does not seem to be deep.",
    "{Number} {shape} {mark} can be observed {place}, {course}. The overall extent is {size} in area. "
    "The feature looks {tone}, although its depth cannot be judged.",
    "Type: {class_}. Count: {number} {mark}. Form: {shape}. Position: {place}. Tone: {tone}. It covers a {size} part "
    "of the image.",
    "This close-up of a steel strip shows {number} {shape} {mark} with {contrast} contrast, {course}; lying {place} "
    "and {tone}. No other defects are present on the left or on the right. Taken as a whole, a {size} area is damaged.",
    "{number} {shape} {mark}, {place}, {tone}. {Course}.",
)  # fmt: skip


@dataclass
class Tally:
    """What was found in one kind of texts."""

    true: int = 0
    alarms: Counter[str] = field(default_factory=Counter)
    planted: Counter[str] = field(default_factory=Counter)
    caught: Counter[str] = field(default_factory=Counter)
    shown: list[str] = field(default_factory=list)

    def add(self, evidence: MaskEvidence, text: str, kind: str | None) -> None:
        """Check a text, with the kind of its planted claim or None."""
        wrong = {contradiction.kind for contradiction in check(text, evidence).contradictions}
        if kind is None:
            self.true += 1
            self.alarms.update(wrong | {"any"} if wrong else ())
            self.shown += [f"alarm {sorted(wrong)}: {text}"] if wrong else []
            return
        hit = bool(wrong & CAUGHT_AS.get(kind, {kind}))
        self.planted[kind] += 1
        self.caught[kind] += hit
        self.shown += [] if hit else [f"missed {kind}: {text}"]

    def result(self) -> dict[str, Any]:
        """Recall and false alarms, with counts."""
        return {
            "true_texts": self.true,
            "false_alarms": round(self.alarms["any"] / max(self.true, 1), 4),
            "alarms_by_kind": {kind: count for kind, count in sorted(self.alarms.items()) if kind != "any"},
            "planted_texts": self.planted.total(),
            "recall": round(self.caught.total() / max(self.planted.total(), 1), 4),
            "recall_by_kind": {kind: f"{self.caught[kind]}/{count}" for kind, count in sorted(self.planted.items())},
        }


def facts_of(class_name: str, attributes: Attributes) -> Facts:
    """What is true of an image."""
    return {
        "class": class_name,
        "location": sample_texts.location_of(attributes["position"]),
        "size": attributes["scale"],
        "number": attributes["number"],
        "polarity": attributes["polarity"],
        "saliency": attributes["saliency"],
        "shape": attributes["shape"],
        "direction": attributes["direction"],
    }


def wrong_value(kind: str, facts: Facts, attributes: Attributes, rng: np.random.Generator) -> str | None:
    """A plainly false value; None where there is none."""
    value = facts[kind]
    if kind == "location":
        share = {entry["cell"]: entry["fraction"] for entry in attributes["position"]}
        opposite = CELLS[8 - CELLS.index(value)] if value in CELLS else value
        least = min(rng.permutation(CELLS).tolist(), key=lambda cell: share.get(cell, 0))
        cell = opposite if opposite != value and share.get(opposite, 0) < sample_texts.SPREAD_SHARE else least
        return cell if share.get(cell, 0) < sample_texts.SPREAD_SHARE else None
    if kind == "class":
        others = [
            name for name in CLASS_NAMES if name.lower() not in value.lower() and value.lower() not in name.lower()
        ]
        return str(rng.choice(others))
    options = {
        "size": sample_texts.WRONG_SIZES.get(value, ()),
        "number": ("multiple",) if value == "one" else ("one",),
        "polarity": {"dark": ("bright",), "bright": ("dark",)}.get(value, ()),
        "shape": sample_texts.WRONG_SHAPES.get(value, ()),
        "direction": (OPPOSITE[value],) if value in OPPOSITE else (),
    }[kind]
    return str(rng.choice(options)) if options else None


def paraphrase(facts: Facts, number: int, seed: int) -> str:
    """The facts in one of :data:`TEMPLATES`; the same seed words the same facts the same way."""
    rng = np.random.default_rng(seed)

    def pick(options: tuple[str, ...]) -> str:
        return options[int(rng.random() * len(options))]

    one = facts["number"] == "one"
    course = f"oriented {facts['direction']}ly" if facts["direction"] != "none" else "without a clear orientation"
    count = pick(COUNTS.get(facts["number"], (facts["number"],)))
    words = {
        "class_": facts["class"].lower(), "number": count, "Number": count.capitalize(),
        "shape": SHAPES[facts["shape"]], "mark": "mark" if one else "marks",
        "place": pick(PLACES[facts["location"]]), "size": pick(SIZES[facts["size"]]),
        "tone": pick(TONES[facts["polarity"]]), "contrast": pick(CONTRASTS[facts["saliency"]]),
        "course": course, "Course": course.capitalize(),
    }  # fmt: skip
    return TEMPLATES[number].format(**words).replace("  ", " ")


STATED = (
    (*KINDS[:5], "class"), ("location", "size", "number", "polarity", "shape", "direction"), (*KINDS[:5], "class"),
    KINDS[:6], ("location", "number", "polarity", "shape", "direction"),
)  # fmt: skip
"""Kinds of claims that each of :data:`TEMPLATES` states."""


def paraphrased(facts: Facts, attributes: Attributes, rng: np.random.Generator) -> Iterator[tuple[str, str | None]]:
    """Each paraphrase, true and with one wrong claim."""
    for number, stated in enumerate(STATED):
        seed = int(rng.integers(2**31))
        yield paraphrase(facts, number, seed), None
        kind = str(rng.choice(stated))
        wrong = wrong_value(kind, facts, attributes, rng)
        if wrong is not None:
            yield paraphrase(facts | {kind: wrong}, number, seed), kind


def in_template(facts: Facts, attributes: Attributes, rng: np.random.Generator) -> Iterator[tuple[str, str | None]]:
    """The template sentence, true and with one wrong claim."""
    yield template_sentence(facts["class"], attributes), None
    kind = str(rng.choice(KINDS))
    wrong = wrong_value(kind, facts, attributes, rng)
    if wrong is None:
        return
    if kind == "class":
        yield template_sentence(wrong, attributes), kind
        return
    key = {"location": "position", "size": "scale"}.get(kind, kind)
    false = [{"cell": wrong, "fraction": 1.0}] if kind == "location" else wrong
    text = template_sentence(facts["class"], {**attributes, key: false})  # type: ignore[typeddict-item]
    if text != template_sentence(facts["class"], attributes):  # a class's name may hide the polarity
        yield text, kind


def exchanged(facts: Facts, attributes: Attributes, t3: str, rng: np.random.Generator) -> tuple[str, str] | None:
    """T3 with one of its phrases exchanged for one that says something false, and the kind of that claim."""
    for kind in rng.permutation(KINDS).tolist():
        wrong = wrong_value(kind, facts, attributes, rng)
        for phrase, instead in _phrases(kind, facts, wrong) if wrong else ():
            match = re.search(rf"\b{re.escape(phrase)}\b(?! thirds)", t3, re.IGNORECASE)
            if match:
                new = instead[0].upper() + instead[1:] if match[0][0].isupper() else instead
                return t3[: match.start()] + new + t3[match.end() :], kind
    return None


def _phrases(kind: str, facts: Facts, wrong: str) -> list[tuple[str, str]]:
    """Phrases of T3 that state a fact, longest first, each with its false counterpart."""
    many = facts["number"] != "one"
    if kind == "class":
        return [(facts["class"].lower(), wrong.lower())]
    if kind == "size":
        return [(f"{facts[kind]} {rest}", f"{wrong} {rest}") for rest in ("part of", "share of", "in overall")]
    if kind == "polarity":
        words = {"dark": ("darker", "dark"), "bright": ("brighter", "bright")}
        start = {"darker": "{} than", "brighter": "{} than", "dark": "{} with", "bright": "{} with"}
        pairs = list(zip(words[facts[kind]], words[wrong], strict=True))
        return [(start[a].format(a), start[a].format(b)) for a, b in pairs] + [
            (f"{before} {pairs[1][0]}", f"{before} {pairs[1][1]}") for before in ("as", "faintly", "shows a", "show a")
        ]
    table: dict[str, dict[str, Any]] = {
        "location": sample_texts.LOCATION_PHRASES, "number": sample_texts.COUNTS,
        "direction": sample_texts.DIRECTIONS,
        "shape": {shape: tuple(pair[many] for pair in pairs) for shape, pairs in sample_texts.SHAPES.items()},
    }  # fmt: skip
    true = table[kind].get(facts[kind], (facts[kind],))
    return sorted(((phrase, table[kind][wrong][0]) for phrase in true), key=lambda pair: -len(pair[0]))


def on_sample(images: int, seed: int) -> dict[str, Tally]:
    """All texts of the synthetic sample."""
    tallies = {name: Tally() for name in ("sample T3", "sample paraphrases")}
    rng = np.random.default_rng(seed)
    rows = steeldefectx.load_dataset("sample", split="train+test", images=images)
    names = rows.features["label"].names
    for row in rows:
        image, mask = np.asarray(row["image"].convert("L")), read_mask(row["mask"], None)
        evidence = evidence_from_mask(image, mask, names[row["label"]])
        facts = facts_of(names[row["label"]], row["attributes"])
        tallies["sample T3"].add(evidence, row["T3"], None)
        planted = exchanged(facts, row["attributes"], row["T3"], rng)
        if planted:
            tallies["sample T3"].add(evidence, *planted)
        for text, kind in paraphrased(facts, row["attributes"], rng):
            tallies["sample paraphrases"].add(evidence, text, kind)
    return tallies


def on_real_masks(data_dir: Path, seed: int) -> dict[str, Tally]:
    """Texts made of the attributes of real masks."""
    tallies = {name: Tally() for name in ("real masks, template", "real masks, paraphrases")}
    rng = np.random.default_rng(seed)
    for sample in find_samples("default", data_dir, skip_bad=True).samples:
        if sample.mask is None:
            continue
        with Image.open(sample.path) as image, Image.open(sample.mask) as mask:
            evidence = evidence_from_mask(np.asarray(image.convert("L")), read_mask(mask, None), sample.class_name)
        facts = facts_of(sample.class_name, evidence.attributes)
        for text, kind in in_template(facts, evidence.attributes, rng):
            tallies["real masks, template"].add(evidence, text, kind)
        for text, kind in paraphrased(facts, evidence.attributes, rng):
            tallies["real masks, paraphrases"].add(evidence, text, kind)
    return tallies


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, help="folder with real images and their masks, in a source's layout")
    parser.add_argument("--images", type=int, default=1000, help="synthetic images")
    parser.add_argument("--seed", type=int, default=0, help="of the planted claims")
    parser.add_argument("--show", type=int, default=0, help="errors to print for each kind of texts")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    arguments = parser.parse_args()
    started = time.perf_counter()
    tallies = on_sample(arguments.images, arguments.seed)
    if arguments.data_dir:
        tallies |= on_real_masks(arguments.data_dir.expanduser().absolute(), arguments.seed)
    console, table = Console(), Table("texts", "true", "false alarms", "with a wrong claim", "recall")
    for name, tally in tallies.items():
        figures = tally.result()
        table.add_row(
            name,
            f"{tally.true:,}",
            f"{figures['false_alarms']:.2%}",
            f"{figures['planted_texts']:,}",
            f"{figures['recall']:.2%}",
        )
        for line in tally.shown[: arguments.show]:
            console.print(line, style="dim", markup=False)
    console.print(table)
    if arguments.out:
        result = {"seed": arguments.seed, **{name: tally.result() for name, tally in tallies.items()}}
        result["seconds"] = round(time.perf_counter() - started, 1)
        arguments.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
