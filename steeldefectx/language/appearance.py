"""What a defect looks like, in words that a lexicon is written with and that drawings and texts are made from."""

from __future__ import annotations

from dataclasses import dataclass, fields

FORMS: dict[str, tuple[tuple[str, str], ...]] = {
    # lines
    "line": (("line", "lines"), ("straight line", "straight lines"), ("linear mark", "linear marks"),
             ("stroke", "strokes")),
    "broken line": (("broken line", "broken lines"), ("interrupted mark", "interrupted marks"),
                    ("dashed trace", "dashed traces"), ("chain of dashes", "chains of dashes")),
    "arc": (("arc", "arcs"), ("curved mark", "curved marks"), ("bent trace", "bent traces"),
            ("bow-like stroke", "bow-like strokes")),
    "wavy line": (("wavy mark", "wavy marks"), ("snaking trace", "snaking traces"),
                  ("winding mark", "winding marks")),
    "thread": (("winding thread", "winding threads"), ("worm-like trace", "worm-like traces"),
               ("thread-like trail", "thread-like trails")),
    "crack": (("crack", "cracks"), ("jagged crack", "jagged cracks"), ("fissure", "fissures"),
              ("zigzag split", "zigzag splits")),
    "branching crack": (("branching crack", "branching cracks"), ("forked crack", "forked cracks"),
                        ("crack with side branches", "cracks with side branches")),
    "star crack": (("star-shaped crack", "star-shaped cracks"), ("star of cracks", "stars of cracks"),
                   ("crack that radiates from a point", "cracks that radiate from points")),
    "net": (("network of fine cracks", "networks of fine cracks"), ("crackle", "crackles"), ("net", "nets"),
            ("mesh of hairlines", "meshes of hairlines")),
    "hatching": (("bundle of parallel strokes", "bundles of parallel strokes"),
                 ("group of parallel marks", "groups of parallel marks"), ("hatching", "hatchings"),
                 ("sheaf of fine strokes", "sheaves of fine strokes")),
    "crossed lines": (("criss-cross of strokes", "criss-crosses of strokes"),
                      ("tangle of crossing marks", "tangles of crossing marks")),
    "chevrons": (("row of V-shaped marks", "rows of V-shaped marks"), ("herringbone", "herringbones"),
                 ("series of arrowheads", "series of arrowheads")),
    "groove": (("groove", "grooves"), ("furrow", "furrows"), ("gouge", "gouges"), ("channel", "channels")),
    "fold": (("fold", "folds"), ("ridge of light and dark flanks", "ridges of light and dark flanks"),
             ("seam of doubled metal", "seams of doubled metal"), ("kink", "kinks")),
    "wrinkles": (("field of wrinkles", "fields of wrinkles"), ("set of short folds", "sets of short folds"),
                 ("wrinkled area", "wrinkled areas"), ("crumpled area", "crumpled areas")),
    # spots
    "spot": (("spot", "spots"), ("dot", "dots"), ("speck", "specks"), ("round mark", "round marks")),
    "ring": (("ring", "rings"), ("circle", "circles"), ("round outline", "round outlines"), ("loop", "loops")),
    "crescent": (("crescent", "crescents"), ("half-moon", "half-moons"), ("sickle-shaped mark", "sickle-shaped marks")),
    "hole": (("hole", "holes"), ("opening", "openings"), ("perforation", "perforations")),
    "pit": (("pit", "pits"), ("small hollow", "small hollows"), ("pore", "pores")),
    "crater": (("crater", "craters"), ("pit with a raised rim", "pits with a raised rim"),
               ("eye-like mark", "eye-like marks")),
    "dent": (("dent", "dents"), ("shallow hollow", "shallow hollows"), ("dimple", "dimples"),
             ("impression", "impressions")),
    "blister": (("blister", "blisters"), ("bubble", "bubbles"), ("bump", "bumps"), ("swelling", "swellings")),
    "comet": (("comet-like mark", "comet-like marks"), ("speck with a tail", "specks with tails"),
              ("spot that trails off", "spots that trail off")),
    "drop": (("run", "runs"), ("tear-shaped drop", "tear-shaped drops"), ("drip", "drips"), ("sag", "sags")),
    "spatter": (("splash", "splashes"), ("spatter of droplets", "spatters of droplets"),
                ("spray of beads", "sprays of beads")),
    "burst": (("burst mark", "burst marks"), ("flash-like mark with rays", "flash-like marks with rays"),
              ("starburst", "starbursts")),
    # areas
    "patch": (("patch", "patches"), ("blotch", "blotches"), ("area", "areas"),
              ("discoloured area", "discoloured areas")),
    "stain": (("stain", "stains"), ("smear", "smears"), ("smudge", "smudges"), ("blot", "blots")),
    "island": (("ragged patch", "ragged patches"), ("frayed island", "frayed islands"),
               ("torn-edged area", "torn-edged areas")),
    "cloud": (("cloud", "clouds"), ("hazy area", "hazy areas"), ("veil", "veils"), ("bloom", "blooms")),
    "flake": (("flake", "flakes"), ("tongue of loose metal", "tongues of loose metal"), ("sliver", "slivers"),
              ("scab", "scabs")),
    "lump": (("lump", "lumps"), ("clot", "clots"), ("crust", "crusts"), ("angular chunk", "angular chunks")),
    "water mark": (("drying mark with a rim", "drying marks with a rim"),
                   ("tide mark", "tide marks"), ("rimmed outline", "rimmed outlines")),
    "band": (("band", "bands"), ("stripe", "stripes"), ("bar", "bars"), ("strip-like zone", "strip-like zones")),
    "streak": (("streak", "streaks"), ("smeared trace", "smeared traces"), ("drawn-out mark", "drawn-out marks")),
    "plates": (("area of peeling plates", "areas of peeling plates"), ("flaking layer", "flaking layers"),
               ("scaly area", "scaly areas")),
    "rough area": (("rough area", "rough areas"), ("coarse, grainy zone", "coarse, grainy zones"),
                   ("roughened zone", "roughened zones")),
    "ripples": (("set of ripples", "sets of ripples"), ("washboard pattern", "washboard patterns"),
                ("field of waves", "fields of waves"), ("rippled area", "rippled areas")),
    "orange peel": (("orange-peel texture", "orange-peel textures"), ("dimpled skin", "dimpled skins"),
                    ("pebbled area", "pebbled areas")),
    "fingerprint": (("fingerprint", "fingerprints"), ("oval of fine curved ridges", "ovals of fine curved ridges"),
                    ("whorl", "whorls")),
    "pores": (("group of pores", "groups of pores"), ("porous area", "porous areas"),
              ("nest of tiny pits", "nests of tiny pits"), ("spongy area", "spongy areas")),
    "specks": (("dusting of specks", "dustings of specks"), ("sprinkling of grains", "sprinklings of grains"),
               ("speckled area", "speckled areas"), ("peppered area", "peppered areas")),
    "fern": (("fern-like growth", "fern-like growths"), ("feathery pattern", "feathery patterns"),
             ("tree-like pattern", "tree-like patterns")),
    "tears": (("row of short tears", "rows of short tears"), ("torn area", "torn areas"),
              ("series of ragged rips", "series of ragged rips")),
    # the part's edge
    "missing edge": (("bite out of the edge", "bites out of the edge"), ("notch in the edge", "notches in the edge"),
                     ("chipped edge", "chipped edges"), ("broken-out edge", "broken-out edges")),
    "burr": (("burr", "burrs"), ("raised fringe on the edge", "raised fringes on the edge"),
             ("ragged lip on the edge", "ragged lips on the edge")),
    "edge cracks": (("comb of cracks from the edge", "combs of cracks from the edge"),
                    ("cracked edge", "cracked edges"), ("frayed edge", "frayed edges")),
}  # fmt: skip
"""Form -> nouns for one and for several."""
ANY_FORM = (("mark", "marks"), ("defect", "defects"), ("flaw", "flaws"))
"""Nouns for whatever it is."""

EDGE_FORMS = ("missing edge", "burr", "edge cracks")
"""Forms of a part's edge, not of its face."""
LONG_FORMS = ("line", "broken line", "arc", "wavy line", "thread", "crack", "branching crack", "groove", "fold", "band",
              "streak", "comet", "drop", "hatching", "chevrons", "tears")  # fmt: skip
"""Forms that have a direction."""

TONES = ("dark", "bright", "two-toned", "outlined", "rimmed", "none")
"""Darker or brighter than the metal; light and dark beside each other; a dark outline around hardly any change; dark
with a bright rim; only seen by its relief."""
RELIEFS = ("flat", "raised", "sunk")
NUMBERS = ("one", "two", "few", "many")
"""Marks: 1, 2, 3 to 5, 8 and more."""
SIZES = ("tiny", "small", "medium", "large", "huge")
"""Of a mark: up to 4, 9, 20, 45 % of the image's side, and more."""
PLACES = ("any", "center", "edge", "corner", "seam", "all over")
DIRECTIONS = ("horizontal", "vertical", "falling", "rising", "along", "across")
"""Falling and rising from left to right; along or across the surface's grain."""
ARRANGEMENTS = ("scattered", "cluster", "row", "side by side")
SOFTNESSES = ("sharp", "soft")
STRENGTHS = ("faint", "medium", "strong")

SURFACES: dict[str, tuple[str, ...]] = {
    "hot-rolled": ("hot-rolled steel", "mill-scale steel", "a hot-rolled plate"),
    "cold-rolled": ("cold-rolled sheet", "smooth strip steel", "a cold-rolled strip"),
    "pickled": ("pickled steel", "acid-cleaned sheet", "a pickled strip"),
    "galvanized": ("galvanized sheet with spangle", "zinc-coated steel", "a spangled zinc coat"),
    "tinplate": ("tinplate", "tin-coated sheet", "a tinned sheet"),
    "ground": ("ground metal", "a ground face", "abrasive-ground steel"),
    "brushed": ("brushed metal", "a brushed finish", "satin-brushed stainless"),
    "polished": ("polished metal with glare", "a mirror finish", "a polished face"),
    "milled": ("milled metal", "a milled face with cutter marks", "a face-milled part"),
    "turned": ("turned metal", "a lathe-turned face", "a part turned on a lathe"),
    "planed": ("planed metal", "a shaped face with feed marks", "a planed block"),
    "blasted": ("sand-blasted metal", "a shot-blasted surface", "a matt blasted finish"),
    "cast": ("cast metal", "a rough casting", "a sand-cast skin"),
    "die-cast": ("die-cast metal", "a pressure die casting", "a smooth casting skin"),
    "forged": ("forged metal", "a forging with scale", "a forged skin"),
    "extruded": ("extruded aluminium", "an extruded profile", "aluminium with die marks"),
    "anodized": ("anodized aluminium", "an anodized finish", "a matt anodized profile"),
    "aluminium sheet": ("aluminium sheet", "rolled aluminium", "an aluminium strip"),
    "copper": ("copper strip", "brass sheet", "rolled copper alloy"),
    "sintered": ("sintered metal", "a pressed powder part", "a sintered part with grain"),
    "ferrite": ("ferrite", "a ground ferrite tile", "magnet ceramic"),
    "painted": ("painted metal", "a lacquered panel", "a coated panel"),
    "powder-coated": ("powder-coated metal", "a textured coat", "a powder-coated panel"),
    "chromed": ("chrome-plated metal", "chrome plating", "a plated part"),
    "enamelled": ("enamelled steel", "a vitreous enamel coat", "glazed sheet"),
    "tube": ("the inside of a tube", "a tube wall seen from inside", "a pipe bore"),
    "round bar": ("bar stock", "a wire rod", "a drawn bar"),
    "weld": ("a weld seam", "a welded joint", "a weld bead with its heat zone"),
    "knurled": ("knurled metal", "a diamond-knurled grip", "checkered plate"),
    "woven": ("woven wire cloth", "a wire screen", "a metal fabric"),
    "rusted": ("weathered steel", "old steel with a film of rust", "a rust-brown plate"),
    "plain": ("bare metal", "plain metal", "a metal surface"),
}  # fmt: skip
"""Surface -> what it is called; nothing in it reads as a claim about a defect."""

PROCESS_SURFACES: dict[str, tuple[str, ...]] = {
    "rolling": ("hot-rolled", "cold-rolled", "pickled", "aluminium sheet", "copper", "tinplate", "plain"),
    "casting": ("cast", "die-cast", "blasted", "plain"),
    "forging": ("forged", "blasted", "hot-rolled"),
    "extrusion": ("extruded", "anodized", "aluminium sheet", "copper"),
    "drawing": ("round bar", "cold-rolled", "tube", "copper"),
    "forming": ("cold-rolled", "galvanized", "aluminium sheet", "painted", "plain"),
    "welding": ("weld", "ground", "brushed", "hot-rolled"),
    "coating": ("galvanized", "painted", "powder-coated", "chromed", "enamelled", "anodized", "tinplate"),
    "machining": ("milled", "turned", "planed", "ground", "brushed", "polished"),
    "corrosion": ("cold-rolled", "galvanized", "polished", "ground", "rusted", "plain", "tube"),
    "tubes": ("tube", "round bar", "cold-rolled"),
    "heat treatment": ("hot-rolled", "forged", "ground", "turned", "plain"),
    "powder": ("sintered", "ferrite", "ground"),
    "handling": tuple(SURFACES),
}
"""Process -> surfaces that its defects are mostly found on."""


@dataclass(frozen=True)
class Appearance:
    """One choice of each attribute: what a drawing is made from."""

    form: str
    tone: str = "dark"
    relief: str = "flat"
    number: str = "one"
    size: str = "medium"
    place: str = "any"
    """One of :data:`PLACES`, or a cell of the 3x3 grid."""
    direction: str = "horizontal"
    arrangement: str = "scattered"
    softness: str = "sharp"
    strength: str = "medium"


RANGES: dict[str, tuple[str, ...]] = {
    "form": tuple(FORMS),
    "tone": TONES,
    "relief": RELIEFS,
    "number": NUMBERS,
    "size": SIZES,
    "place": PLACES,
    "direction": DIRECTIONS,
    "arrangement": ARRANGEMENTS,
    "softness": SOFTNESSES,
    "strength": STRENGTHS,
}
"""Attribute -> all that it can be."""
assert tuple(RANGES) == tuple(field.name for field in fields(Appearance))
