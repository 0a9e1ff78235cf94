"""The 25 classes of SteelDefectX and their class-level texts (T0 and T1).

Known by every other module; imports none of them. Names are spelled as in the public release, the label
of a class is its position in :data:`CLASS_NAMES` (alphabetical). Looks and causes state, in this
project's words, what the release's authors and steel-making practice say of each defect.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from difflib import get_close_matches

T0_TEMPLATE = "A photo of steel surface defect: {}."
"""Default T0 template. The paper's exact string is not settled, see :data:`T0_TEMPLATE_SHORT`."""

T0_TEMPLATE_SHORT = "A photo of {}."
"""The other T0 template in use; results should say which one they used."""

TEXT_LEVELS = ("T0", "T1", "T2", "T3")

NEU, GC10, X_SDD, S3D = SOURCES = ("NEU", "GC10", "X-SDD", "S3D")


@dataclass(frozen=True)
class DefectClass:
    """One class: how it is called, how it looks, where it comes from."""

    name: str
    """Name as spelled in the public release."""
    prefix: str
    """File-name prefix of its images in the public release."""
    looks: str
    """What it looks like: a noun phrase."""
    cause: str
    """What causes it: a noun phrase that follows "caused by"."""
    source_labels: dict[str, tuple[str, ...]] = field(repr=False)
    """Source data set -> the spellings that this class has there."""
    released: dict[str, int] = field(repr=False)
    """Source data set -> images of the public release that are from it. The release states one number a class;
    where two sources make up a class, the sizes they were published with do."""


CLASSES: tuple[DefectClass, ...] = (
    DefectClass(
        "Bright scratch",
        "bs",
        "a bright, reflective scratch running along the surface",
        "friction with foreign objects",
        {NEU: ("scratches", "Sc"), S3D: ("bright scratch", "bright scratches")},
        {NEU: 300, S3D: 129},
    ),
    DefectClass(
        "Crazing",
        "cracking",
        "a fine network of cracks spread over the surface",
        "uneven cooling or residual stress",
        {NEU: ("crazing", "Cr")},
        {NEU: 300},
    ),
    DefectClass(
        "Crease",
        "crease",
        "fold marks lying across the strip",
        "localized yielding while the coil is unwound",
        {GC10: ("zhehen", "crease", "9")},
        {GC10: 75},
    ),
    DefectClass(
        "Crescent gap",
        "cg",
        "a crescent-shaped notch or indentation",
        "cutting during strip production",
        {GC10: ("yueyawan", "crescent gap", "3")},
        {GC10: 245},
    ),
    DefectClass(
        "Dark scratches",
        "ds",
        "dark linear scratches or grooves",
        "mechanical abrasion or roller damage",
        {X_SDD: ("surface scratch",), S3D: ("dark scratches", "dark scratch")},
        {X_SDD: 134, S3D: 200},
    ),
    DefectClass(
        "Finishing roll printing",
        "frp",
        "dents that repeat at regular intervals",
        "slippage between the work rolls and the strip in the finishing mill",
        {X_SDD: ("finishing roll printing",)},
        {X_SDD: 203},
    ),
    DefectClass(
        "Inclusion",
        "in",
        "irregular black or grey inclusions",
        "smelting residue embedded during rolling",
        {NEU: ("inclusion", "In"), GC10: ("yiwu", "inclusion", "7")},
        {NEU: 300, GC10: 495},
    ),
    DefectClass(
        "Iron scale compression",
        "Isc",
        "dark grey, rough and irregular pressed-in scale",
        "iron scale pressed into the surface",
        {S3D: ("iron scale compression",)},
        {S3D: 200},
    ),
    DefectClass(
        "Iron sheet ash",
        "Isa",
        "black particles or stains sitting in the surface",
        "accumulated metallic dust and oil",
        {X_SDD: ("iron sheet ash",)},
        {X_SDD: 122},
    ),
    DefectClass(
        "Oil spot",
        "os",
        "round or irregular stains with clear boundaries",
        "contamination with lubricant",
        {GC10: ("youban", "oil spot", "5")},
        {GC10: 498},
    ),
    DefectClass(
        "Oxide scale of plate system",
        "Ops",
        "dark lines or bruise-like marks at fixed positions",
        "oxide embedded by damaged rollers in high-speed hot rolling",
        {X_SDD: ("oxide scale of plate system",)},
        {X_SDD: 63},
    ),
    DefectClass(
        "Oxide scale of temperature system",
        "Ots",
        "loose, scattered scale marks",
        "excessive temperature or uneven cooling",
        {X_SDD: ("oxide scale of temperature system",)},
        {X_SDD: 203},
    ),
    DefectClass(
        "Patches",
        "pa",
        "local areas whose texture or colour differs from their surroundings",
        "uneven processing",
        {NEU: ("patches", "Pa")},
        {NEU: 300},
    ),
    DefectClass(
        "Pitted surface",
        "ps",
        "many small, deep pits",
        "localized corrosion",
        {NEU: ("pitted surface", "PS")},
        {NEU: 300},
    ),
    DefectClass(
        "Punching",
        "pu",
        "circular holes through the sheet",
        "unintended punching by malfunctioning equipment",
        {GC10: ("chongkong", "punching", "punching hole", "1")},
        {GC10: 399},
    ),
    DefectClass(
        "Red iron sheet",
        "ris",
        "reddish oxide patches, dark, vertical and ragged in grey images",
        "high-silicon steel oxidizing while it is heated",
        {X_SDD: ("red iron", "red iron sheet")},
        {X_SDD: 397},
    ),
    DefectClass(
        "Rolled in scale",
        "rs",
        "dark particles or streaks embedded in the metal",
        "scale rolled into the base metal",
        {NEU: ("rolled-in scale", "RS")},
        {NEU: 300},
    ),
    DefectClass(
        "Rolled pit",
        "rp",
        "dents or pits that recur periodically",
        "damaged work rolls or tension rolls",
        {GC10: ("yahen", "rolled pit", "8")},
        {GC10: 50},
    ),
    DefectClass(
        "Secondary rust skin",
        "Srs",
        "flaky corrosion in uneven, oxidized layers",
        "prolonged exposure",
        {S3D: ("secondary rust skin",)},
        {S3D: 198},
    ),
    DefectClass(
        "Silk spot",
        "ss",
        "wavy or banded patterns",
        "uneven roll pressure or temperature",
        {GC10: ("siban", "silk spot", "6")},
        {GC10: 578},
    ),
    DefectClass(
        "Slag inclusion",
        "si",
        "dark non-metallic inclusions with sharp contrast",
        "slag exposed during hot rolling",
        {X_SDD: ("slag inclusion",)},
        {X_SDD: 238},
    ),
    DefectClass(
        "Waist folding",
        "wf",
        "wrinkle-like folds with a rough texture",
        "severe local deformation of low-carbon steel",
        {GC10: ("yaozhe", "yaozhed", "waist folding", "10")},
        {GC10: 198},
    ),
    DefectClass(
        "Water spot",
        "ws",
        "irregular spots of low contrast",
        "uneven drying",
        {GC10: ("shuiban", "water spot", "4")},
        {GC10: 700},
    ),
    DefectClass(
        "Welding line",
        "wl",
        "one continuous linear mark",
        "welding two coils together at the strip transition",
        {GC10: ("hanfeng", "welding line", "2")},
        {GC10: 500},
    ),
    DefectClass(
        "White rust",
        "wr",
        "loose white-grey patches",
        "zinc corroding in humid conditions",
        {S3D: ("white rust",)},
        {S3D: 153},
    ),
)

CLASS_NAMES: tuple[str, ...] = tuple(c.name for c in CLASSES)
"""Class names in label order: ``CLASS_NAMES[label]``."""


def normalize_name(name: str) -> str:
    """Letters and digits of a name in lower case: ``"Rolled-in_scale" -> "rolledinscale"``."""
    return re.sub(r"[\W_]+", "", name).lower()


_BY_NAME = {normalize_name(c.name): c for c in CLASSES}
_BY_SOURCE_LABEL = {
    (source, normalize_name(label)): c
    for c in CLASSES
    for source, labels in c.source_labels.items()
    for label in labels
}


def find_class(name: str, source: str | None = None) -> DefectClass | None:
    """The class that a name means, or None.

    Case, spaces, hyphens and underscores do not matter. With ``source`` the spellings of that source count
    too (``find_class("yiwu", "GC10")`` is Inclusion).
    """
    key = normalize_name(name)
    if source is not None and (source, key) in _BY_SOURCE_LABEL:
        return _BY_SOURCE_LABEL[source, key]
    return _BY_NAME.get(key)


def near_class(name: str) -> str | None:
    """The class that an unknown name may have been meant to be, by its own or a source's spelling; None if none."""
    if find_class(name) is not None:
        return None
    spellings = {normalize_name(c.name): c.name for c in CLASSES}
    for _, key in _BY_SOURCE_LABEL:
        if len(key) > 2:  # shorter ones are abbreviations and numbers
            spellings.setdefault(key, next(c.name for (_, k), c in _BY_SOURCE_LABEL.items() if k == key))
    near = get_close_matches(normalize_name(name), spellings, 1, 0.75)
    return spellings[near[0]] if near else None


def t0_sentence(class_name: str, template: str = T0_TEMPLATE) -> str:
    """The T0 text of any class name: the template filled in."""
    return template.replace("{}", class_name)


def t1_sentence(class_name: str, template: str = T0_TEMPLATE) -> str | None:
    """The T1 text: name, looks and cause in one sentence; None for a class the taxonomy does not know."""
    known = find_class(class_name)
    if known is None:
        return None
    head = t0_sentence(class_name, template).rstrip(".")
    return f"{head}, {known.looks}, caused by {known.cause}."


def t1_variants(class_name: str, template: str = T0_TEMPLATE) -> list[str]:
    """Several wordings of T1, to be averaged: name, looks and cause, in sentences that each say part of it.

    A class that the taxonomy does not know has its T0 sentences alone.
    """
    named = [t0_sentence(class_name, template), t0_sentence(class_name, T0_TEMPLATE_SHORT)]
    known, whole = find_class(class_name), t1_sentence(class_name, template)
    if known is None or whole is None:
        return named
    return [
        whole,
        *named,
        f"{class_name}: {known.looks}.",
        f"{class_name}, caused by {known.cause}.",
        f"A steel surface with {known.looks}.",
        f"A close-up of steel showing {known.looks}, a defect called {class_name.lower()}.",
    ]
