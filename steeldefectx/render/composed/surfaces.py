"""What draws each surface of :data:`~steeldefectx.language.appearance.SURFACES`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from steeldefectx.render.canvas import Rng
from steeldefectx.render.composed import formed, machined, sheet
from steeldefectx.render.composed.ground import Ground

SURFACE_DRAWINGS: dict[str, Callable[[Rng, int], Ground]] = {
    "hot-rolled": sheet.hot_rolled,
    "cold-rolled": sheet.cold_rolled,
    "pickled": sheet.pickled,
    "galvanized": sheet.galvanized,
    "tinplate": sheet.tinplate,
    "ground": machined.ground,
    "brushed": machined.brushed,
    "polished": machined.polished,
    "milled": machined.milled,
    "turned": machined.turned,
    "planed": machined.planed,
    "blasted": formed.blasted,
    "cast": formed.cast,
    "die-cast": formed.die_cast,
    "forged": formed.forged,
    "extruded": sheet.extruded,
    "anodized": sheet.anodized,
    "aluminium sheet": sheet.aluminium_sheet,
    "copper": sheet.copper,
    "sintered": formed.sintered,
    "ferrite": formed.ferrite,
    "painted": formed.painted,
    "powder-coated": formed.powder_coated,
    "chromed": formed.chromed,
    "enamelled": formed.enamelled,
    "tube": formed.tube,
    "round bar": formed.round_bar,
    "weld": formed.weld,
    "knurled": machined.knurled,
    "woven": machined.woven,
    "rusted": sheet.rusted,
    "plain": sheet.plain,
}


def draw_surface(name: str, rng: Rng, size: int) -> Ground:
    """A sound surface, its grey levels within 12..240."""
    drawn = SURFACE_DRAWINGS[name](rng, size)
    pixels = np.clip(drawn.pixels, 12, 240).astype(np.float32)
    return Ground(pixels, drawn.grain, drawn.seam)
