"""T0 and T1 in other words: further names of each class in the trade, further words for its looks.

A model that is pretrained on them knows a class by more than one sentence.
"""

from __future__ import annotations

import numpy as np

from steeldefectx.taxonomy import T0_TEMPLATE, T0_TEMPLATE_SHORT, find_class, t0_sentence, t1_sentence, t1_variants

NAMES: dict[str, tuple[str, ...]] = {
    "Bright scratch": ("bright scratches", "a scratch", "scratches", "a shiny scratch mark"),
    "Crazing": ("craze cracking", "fine surface cracks", "network cracks", "cracking"),
    "Crease": ("a crease mark", "a fold line", "a cross break"),
    "Crescent gap": ("a crescent-shaped gap", "an edge notch", "a half-moon cut"),
    "Dark scratches": ("a dark scratch", "a surface scratch", "a groove", "dark scoring"),
    "Finishing roll printing": ("a roll print", "roll marks", "finishing roll marks", "a roll imprint"),
    "Inclusion": ("inclusions", "non-metallic inclusions", "an inclusion stringer"),
    "Iron scale compression": ("pressed-in iron scale", "compressed scale", "scale compression"),
    "Iron sheet ash": ("sheet ash", "iron ash", "ash deposits"),
    "Oil spot": ("an oil stain", "oil spots", "a lubricant stain"),
    "Oxide scale of plate system": ("plate system oxide scale", "roll-system scale", "plate-system scale"),
    "Oxide scale of temperature system": ("temperature system oxide scale", "thermal oxide scale", "loose heat scale"),
    "Patches": ("a patch", "surface patches", "dark patches"),
    "Pitted surface": ("pitting", "surface pits", "pitting corrosion"),
    "Punching": ("a punched hole", "a punching hole", "a hole"),
    "Red iron sheet": ("red iron", "red scale", "red iron oxide"),
    "Rolled in scale": ("rolled-in scale", "embedded mill scale", "scale rolled into the surface"),
    "Rolled pit": ("roll pits", "rolled-in pits", "periodic pits"),
    "Secondary rust skin": ("secondary rust", "a flaking rust skin", "rust scale"),
    "Silk spot": ("silk marks", "silk spots", "a silky band"),
    "Slag inclusion": ("slag", "slag inclusions", "exposed slag"),
    "Waist folding": ("waist folds", "wrinkling", "buckling wrinkles"),
    "Water spot": ("a water stain", "water spots", "drying marks"),
    "Welding line": ("a weld line", "a weld seam", "a welded joint"),
    "White rust": ("white corrosion", "zinc corrosion", "white rust patches"),
}
"""What else a class is called."""

LOOKS: dict[str, tuple[str, ...]] = {
    "Bright scratch": (
        "thin bright lines that reflect the light",
        "one or several shiny lines, mostly along the rolling direction",
        "light, elongated rub marks brighter than the steel around them",
        "long narrow white streaks",
    ),
    "Crazing": (
        "many short wavy cracks on a rough grainy ground",
        "a web of hairline cracks over the whole image",
        "fine dark cracks that cross each other everywhere",
        "a coarse, cracked and speckled texture",
    ),
    "Crease": (
        "a fold line with a dark and a bright flank",
        "folds that run from edge to edge",
        "bent lines across the strip, light beside dark",
    ),
    "Crescent gap": (
        "a black rounded bite taken out of the edge",
        "a half-moon of missing steel at one side",
        "a smooth arc cut into the strip's border",
    ),
    "Dark scratches": (
        "a thin dark line from top to bottom",
        "one or several straight narrow grooves darker than the steel",
        "long dark hairlines along the rolling direction",
        "fine black lines, straight and upright",
    ),
    "Finishing roll printing": (
        "a slanted elongated print with a faint border",
        "an oblique, pale and narrow imprint on a quiet surface",
        "slim diagonal marks left by a roll",
        "a long slanted dent, sometimes repeated at equal distances",
    ),
    "Inclusion": (
        "dark spindle-shaped spots drawn out along the rolling direction",
        "short dark upright strokes lined up in columns",
        "grey or black elongated specks with soft edges",
        "vertical dark streaks of foreign matter",
    ),
    "Iron scale compression": (
        "one large dark area, rough inside, with a ragged border",
        "a broad cluster of crushed dark scale",
        "a coarse grey-black blotch of irregular outline",
    ),
    "Iron sheet ash": (
        "a compact black lump with crumbs around it",
        "one or few small black blots with frayed edges",
        "dark dirty specks with dust scattered beside them",
        "a black spot with a soft shadow",
    ),
    "Oil spot": (
        "an evenly dark rounded stain with a clear rim",
        "round smooth blots darker than the sheet",
        "one or several dark drops with sharp outlines",
    ),
    "Oxide scale of plate system": (
        "upright spindles torn open inside, dark with bright bars",
        "an elongated bruise filled with a dark and light mesh",
        "vertical lens-shaped marks of broken scale",
        "dark upright blisters with a striped inside",
    ),
    "Oxide scale of temperature system": (
        "small dark flecks loosely scattered over a quiet grey surface",
        "sparse tiny points of scale",
        "many little specks, each dark with a bright side",
        "fine dotted scale spread over the surface",
    ),
    "Patches": (
        "large dark areas with soft irregular borders",
        "wide mottled blotches darker than the bright steel around",
        "broad dark islands on a glaring surface",
        "cloud-like dark zones",
    ),
    "Pitted surface": (
        "countless small round pits",
        "a surface dotted with tiny dark holes",
        "dense fine pores like orange peel",
        "small dark points all over an unevenly lit surface",
    ),
    "Punching": (
        "one round black hole",
        "a dark oval opening with a bright rim",
        "a clean circular perforation",
    ),
    "Red iron sheet": (
        "flat dark islands with hard ragged edges, drawn out vertically",
        "evenly dark upright tatters, alone or run together",
        "ragged vertical areas of even dark grey",
        "dark torn stripes and islands along the strip",
    ),
    "Rolled in scale": (
        "clusters of short dark slanted flecks on a streaky surface",
        "small dark grains pressed into a slanted, brushed texture",
        "scattered dark bits with bright sides on a banded ground",
        "rough speckled metal with embedded dark fragments",
    ),
    "Rolled pit": (
        "a row of round pits at equal distances",
        "evenly spaced dents across the strip",
        "a periodic line of small dark hollows",
    ),
    "Secondary rust skin": (
        "overlapping flakes of uneven grey with dark cracks between",
        "peeling layers of rust",
        "a scaly crust of light and dark plates",
    ),
    "Silk spot": (
        "a band of fine bright ripples, wavy like silk",
        "zigzag waves one above the other",
        "a broad upright band of wavy bright lines",
    ),
    "Slag inclusion": (
        "an upright torn chain of black lumps with bright glints",
        "a vertical strip of slag with rippled margins",
        "a glaring, torn band of foreign matter along the strip",
        "black and white fragments in a vertical line, sometimes blistered",
    ),
    "Waist folding": (
        "many short wrinkles across the strip",
        "a rough region of small parallel folds",
        "close dark wrinkles lying one above the other",
    ),
    "Water spot": (
        "faint drying marks with a thin dark outline",
        "pale irregular rings hardly darker inside",
        "weak rounded outlines left by drops",
    ),
    "Welding line": (
        "one straight seam from side to side",
        "a single thin line right across, dark or bright",
        "a horizontal joint between two shades of grey",
    ),
    "White rust": (
        "powdery white-grey clouds",
        "loose bright patches with a grainy border",
        "pale crumbling blotches brighter than the steel",
    ),
}
"""What else a class looks like, as noun phrases."""

NAME_SENTENCES = (
    T0_TEMPLATE,
    T0_TEMPLATE_SHORT,
    "{}.",
    "Steel surface with {}.",
    "An image of {} on steel.",
    "{} on a metal strip.",
)
"""Sentences with a class's name in place of ``{}``."""
LOOKS_SENTENCES = (
    "{name}: {looks}.",
    "A photo of steel surface defect: {name}, {looks}, caused by {cause}.",
    "A steel surface with {looks}.",
    "{looks}, a defect called {name}.",
    "A photo of {name}, {looks}.",
    "{looks}.",
    "The surface shows {looks}, known as {name} and caused by {cause}.",
    "{name}, caused by {cause}, looks like {looks}.",
)
"""Sentences with a class's looks."""
CLEAN_SENTENCES = (
    "A photo of a clean steel surface without any defect.",
    "A photo of defect-free steel.",
    "Sound steel, no defect.",
    "A metal surface with its normal grain and nothing else.",
)
"""What is said of steel without a defect."""


def t0_wording(class_name: str, rng: np.random.Generator) -> str:
    """A sentence that names a class: half of the time the usual T0."""
    if rng.random() < 0.5:
        return t0_sentence(class_name)
    name = class_name if rng.random() < 0.6 else str(rng.choice(NAMES[class_name]))
    return _capital(str(rng.choice(NAME_SENTENCES)).replace("{}", name if rng.random() < 0.5 else name.lower()))


def t1_wording(class_name: str, rng: np.random.Generator) -> str:
    """A sentence that describes a class: a third of the time the usual T1, a third in other words throughout."""
    kind, usual, known = rng.random(), t1_sentence(class_name), find_class(class_name)
    if kind < 0.33 and usual:
        return usual
    if kind < 0.5:
        return str(rng.choice(t1_variants(class_name)))
    name = class_name if rng.random() < 0.5 else str(rng.choice(NAMES[class_name]))
    looks = str(rng.choice((*LOOKS[class_name], known.looks if known else class_name)))
    return _capital(str(rng.choice(LOOKS_SENTENCES)).format(name=name, looks=looks, cause=known.cause if known else ""))


def clean_wording(rng: np.random.Generator) -> str:
    """A sentence about steel without a defect."""
    return str(rng.choice(CLEAN_SENTENCES))


def every_wording() -> list[str]:
    """All wordings of all classes, as texts to learn a vocabulary from."""
    phrases = [phrase for table in (NAMES, LOOKS) for of_class in table.values() for phrase in of_class]
    return [
        *phrases,
        *NAME_SENTENCES,
        *LOOKS_SENTENCES,
        *CLEAN_SENTENCES,
        *(text for name in NAMES for text in t1_variants(name)),
    ]


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
