"""What draws each class: a file a family of defects, and in :data:`SAMPLE_LOOK` and :data:`FURTHER_LOOKS` their list.

A look is a function that takes the surface, the random generator and the strength of the shading (about 0.6 shallow,
1 moderate, 1.4 deep) and returns the change of the grey levels and the exact mask. Looks follow the taxonomy and the
public data sets the classes come from. Where a defect is a texture of the whole surface (crazing, rolled-in scale,
pitting), a further look brings that texture along.
"""

from __future__ import annotations

from collections.abc import Callable

from steeldefectx.errors import DataError
from steeldefectx.render.canvas import Canvas, Layer, Rng
from steeldefectx.render.defects.ash import ash_lumps, iron_sheet_ash
from steeldefectx.render.defects.cracks import crazing, net_of_cracks, short_wavy_cracks
from steeldefectx.render.defects.folds import crease, fold_lines, scraped_folds, thin_crease, waist_folding
from steeldefectx.render.defects.holes import crescent_gap, notch_in_visible_edge, punching, small_hole
from steeldefectx.render.defects.inclusions import (
    inclusion,
    slag_band,
    slag_inclusion,
    slag_tear,
    soft_streaks,
    stringers,
)
from steeldefectx.render.defects.pits import pits_or_pores, pitted_surface
from steeldefectx.render.defects.roll_marks import finishing_roll_printing, roll_print, rolled_pit, rolled_stripe
from steeldefectx.render.defects.rust import red_iron_sheet, red_islands, secondary_rust_skin, white_rust
from steeldefectx.render.defects.scale import (
    iron_scale_compression,
    oxide_scale_of_plate_system,
    oxide_scale_of_temperature_system,
    pressed_scale,
    rolled_in_scale,
    scattered_flecks,
    torn_scale,
)
from steeldefectx.render.defects.scratches import bright_scratch, dark_scratches, rubbed_scratch, thin_grooves
from steeldefectx.render.defects.stains import (
    dark_patches,
    faint_silk,
    oil_spot,
    patches,
    silk_spot,
    soaked_spot,
    water_run,
    water_spot,
)
from steeldefectx.render.defects.welds import weld_joint, welding_line
from steeldefectx.taxonomy import CLASS_NAMES

Look = Callable[[Canvas, Rng, float], Layer]

SAMPLE_LOOK: dict[str, Look] = {
    "Bright scratch": bright_scratch,
    "Crazing": crazing,
    "Crease": crease,
    "Crescent gap": crescent_gap,
    "Dark scratches": dark_scratches,
    "Finishing roll printing": finishing_roll_printing,
    "Inclusion": inclusion,
    "Iron scale compression": iron_scale_compression,
    "Iron sheet ash": iron_sheet_ash,
    "Oil spot": oil_spot,
    "Oxide scale of plate system": oxide_scale_of_plate_system,
    "Oxide scale of temperature system": oxide_scale_of_temperature_system,
    "Patches": patches,
    "Pitted surface": pitted_surface,
    "Punching": punching,
    "Red iron sheet": red_iron_sheet,
    "Rolled in scale": rolled_in_scale,
    "Rolled pit": rolled_pit,
    "Secondary rust skin": secondary_rust_skin,
    "Silk spot": silk_spot,
    "Slag inclusion": slag_inclusion,
    "Waist folding": waist_folding,
    "Water spot": water_spot,
    "Welding line": welding_line,
    "White rust": white_rust,
}
"""Class name -> its look in the ``sample`` configuration."""

FURTHER_LOOKS: dict[str, tuple[Look, ...]] = {
    "Bright scratch": (rubbed_scratch,),
    "Crazing": (short_wavy_cracks, short_wavy_cracks, net_of_cracks),
    "Crease": (fold_lines, thin_crease),
    "Crescent gap": (notch_in_visible_edge,),
    "Dark scratches": (thin_grooves,),
    "Finishing roll printing": (roll_print,),
    "Inclusion": (stringers, soft_streaks, soft_streaks),
    "Iron sheet ash": (ash_lumps,),
    "Oil spot": (soaked_spot,),
    "Oxide scale of plate system": (torn_scale,),
    "Oxide scale of temperature system": (scattered_flecks,),
    "Patches": (dark_patches,),
    "Pitted surface": (pits_or_pores,),
    "Punching": (small_hole,),
    "Red iron sheet": (red_islands,),
    "Rolled in scale": (pressed_scale,),
    "Rolled pit": (rolled_pit, rolled_stripe),
    "Silk spot": (faint_silk,),
    "Slag inclusion": (slag_band, slag_tear),
    "Waist folding": (waist_folding, scraped_folds),
    "Water spot": (water_spot, water_run, water_run),
    "Welding line": (weld_joint,),
}
"""Class name -> its other looks in varied scenes; each entry is as likely as another."""

SAMPLE_LOOK_SHARE = 0.25
"""Share of a class's varied scenes that have the sample's look, where the class has other looks too."""

STRENGTH = {"shallow": (0.6, 0.75), "moderate": (0.9, 1.1), "deep": (1.3, 1.55)}
"""Depth -> range of the factor on a defect's shading."""
MISSING_STEEL = ("Crescent gap", "Punching")
"""Classes where steel is missing: always deep."""
STAINS = ("Oil spot", "Patches", "Red iron sheet", "Silk spot", "Water spot", "White rust")
"""Classes that lie on the surface: never deep."""

AREA = (0.002, 0.8)
"""A drawing whose share of the image is outside this range is drawn again."""
ATTEMPTS = 50
SMALLEST = 32
"""Pixels a side that a defect can be drawn in."""


def depths(class_name: str) -> tuple[str, ...]:
    """The depths that a class is drawn with."""
    if class_name in MISSING_STEEL:
        return ("deep",)
    return ("shallow", "moderate") if class_name in STAINS else tuple(STRENGTH)


def check_drawable(class_name: str | None, size: int) -> None:
    """Refuse what cannot be drawn.

    Raises:
        DataError: Unknown class, or a size too small to draw in.
    """
    if class_name is not None and class_name not in SAMPLE_LOOK:
        raise DataError(f"No drawing for class {class_name!r}: choose one of {', '.join(CLASS_NAMES)}.")
    if size < SMALLEST:
        raise DataError(f"Synthetic images need {SMALLEST} pixels a side or more, not {size}.")


def draw_defect(class_name: str, canvas: Canvas, rng: Rng, strength: float, *, varied: bool) -> Layer:
    """A defect that is neither a few pixels nor the whole image.

    Args:
        class_name: One of the 25 classes, spelled as in the taxonomy.
        canvas: The surface that it is on.
        rng: All that varies is drawn from it.
        strength: Factor on the shading, see :data:`STRENGTH`.
        varied: Any look of the class; else the sample's.

    Raises:
        DataError: No attempt gave such a one.
    """
    further = FURTHER_LOOKS.get(class_name, ()) if varied else ()
    for _ in range(ATTEMPTS):
        look = SAMPLE_LOOK[class_name]
        if further and rng.random() >= SAMPLE_LOOK_SHARE:
            look = further[rng.integers(len(further))]
        layer = look(canvas, rng, strength)
        if AREA[0] <= layer.mask.mean() <= AREA[1]:
            return layer
    raise DataError(f"{class_name} could not be drawn at {canvas.size} pixels: take a larger image_size.")
