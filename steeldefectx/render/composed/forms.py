"""What draws each form of :data:`~steeldefectx.language.appearance.FORMS`."""

from __future__ import annotations

from collections.abc import Callable

from steeldefectx.render.composed import areas, edges, lines, spots
from steeldefectx.render.composed.pen import Mark, Pen

Form = Callable[[Pen, Mark], None]

FORM_DRAWINGS: dict[str, Form] = {
    "line": lines.line,
    "broken line": lines.broken_line,
    "arc": lines.arc,
    "wavy line": lines.wavy_line,
    "thread": lines.thread,
    "crack": lines.crack,
    "branching crack": lines.branching_crack,
    "star crack": lines.star_crack,
    "net": lines.net,
    "hatching": lines.hatching,
    "crossed lines": lines.crossed_lines,
    "chevrons": lines.chevrons,
    "groove": lines.groove,
    "fold": lines.fold,
    "wrinkles": areas.wrinkles,
    "spot": spots.spot,
    "ring": spots.ring,
    "crescent": spots.crescent,
    "hole": spots.hole,
    "pit": spots.pit,
    "crater": spots.crater,
    "dent": spots.dent,
    "blister": spots.blister,
    "comet": spots.comet,
    "drop": spots.drop,
    "spatter": spots.spatter,
    "burst": spots.burst,
    "patch": areas.patch,
    "stain": areas.stain,
    "island": areas.island,
    "cloud": areas.cloud,
    "flake": areas.flake,
    "lump": spots.lump,
    "water mark": areas.water_mark,
    "band": areas.band,
    "streak": areas.streak,
    "plates": areas.plates,
    "rough area": areas.rough_area,
    "ripples": areas.ripples,
    "orange peel": areas.orange_peel,
    "fingerprint": areas.fingerprint,
    "pores": areas.pores,
    "specks": areas.specks,
    "fern": areas.fern,
    "tears": areas.tears,
    "missing edge": edges.missing_edge,
    "burr": edges.burr,
    "edge cracks": edges.edge_cracks,
}

TEXTURED = ("plates", "rough area", "ripples", "wrinkles", "orange peel", "fingerprint")
"""Forms that are light and dark inside, whatever their tone."""
DOMED = ("dent", "blister", "crater", "drop")
"""Forms whose relief rises to their middle, not only at their outline."""
PLAIN = ("net", "hole", "missing edge")
"""Forms that have no light and dark sides."""
THIN = (
    "line", "broken line", "arc", "wavy line", "thread", "crack", "branching crack", "star crack", "net", "hatching",
    "crossed lines", "chevrons", "fern", "fingerprint", "edge cracks", "tears", "pores", "specks", "ring",
)  # fmt: skip
"""Forms without an inside, which have no outline of another tone."""
WIDE = (
    "net", "wrinkles", "plates", "rough area", "ripples", "orange peel", "fingerprint", "pores", "specks", "cloud",
    "crossed lines", "hatching",
)  # fmt: skip
"""Forms that need some room to be told."""
