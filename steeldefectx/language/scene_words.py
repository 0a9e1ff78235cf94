"""Words for the facts of a composed scene: adjectives, clauses and sentences; none claims more than its fact."""

from __future__ import annotations

COUNTED: dict[str, tuple[str, ...]] = {
    "one": ("one", "a single", "just one", "exactly one", "only one"),
    "two": ("two", "a pair of", "exactly two"),
    "three": ("three",),
    "four": ("four",),
    "five": ("five",),
    "multiple": ("many", "several", "numerous", "multiple"),
}
"""Number -> words before the noun."""

ADJECTIVES: dict[str, dict[str, tuple[str, ...]]] = {
    "scale": {
        "tiny": ("tiny", "very small", "minute"),
        "small": ("small", "little", "small"),
        "medium": ("medium-sized", "moderately sized"),
        "large": ("large", "big", "sizeable"),
        "extensive": ("extensive", "huge", "very large"),
    },
    "length": {"long": ("long", "long-drawn", "lengthy"), "short": ("short", "short", "stubby")},
    "softness": {"sharp": ("sharp-edged", "crisp", "clear-cut"), "soft": ("soft-edged", "blurred", "hazy-edged")},
    "contrast": {
        "low": ("faint", "subtle", "barely visible", "weakly visible"),
        "medium": ("visible", "plain", "distinct"),
        "high": ("conspicuous", "highly visible", "striking"),
    },
    "tone": {
        "dark": ("dark", "darker", "blackish", "dark", "deep grey"),
        "bright": ("bright", "brighter", "whitish", "light-coloured", "pale", "shiny"),
        "two-toned": ("light-and-dark", "dark-and-light"),
        "outlined": ("outlined", "contoured"),
        "rimmed": ("rimmed", "haloed"),
        "none": ("toneless", "untinted"),
    },
    "relief": {"raised": ("raised", "protruding", "embossed"), "sunk": ("sunken", "recessed", "hollow")},
    "direction": {"horizontal": ("horizontal",), "vertical": ("vertical", "upright"), "diagonal": ("diagonal",
                  "slanted"), "falling": ("falling", "down-sloping"), "rising": ("rising", "up-sloping")},
}  # fmt: skip
"""Attribute -> value -> adjectives."""
ORDER = ("contrast", "scale", "length", "softness", "relief", "tone", "direction")
"""The order of adjectives."""

CLAUSES: dict[str, dict[str, tuple[str, ...]]] = {
    "tone": {
        "dark": ("{is|are} darker than the surrounding steel", "{is|are} of a dark tone", "{looks|look} dark"),
        "bright": ("{is|are} brighter than the surrounding steel", "{is|are} of a bright tone", "{looks|look} bright"),
        "two-toned": ("{is|are} light and dark at once", "{has|have} light and dark sides",
                      "{shows|show} light and dark flanks next to each other"),
        "outlined": ("{has|have} a dark outline around hardly any change", 
                     "{is|are} drawn by {its|their} dark rim only",
                     "{consists|consist} of a dark border and little within"),
        "rimmed": ("{has|have} a bright rim around a dark core", "{shows|show} a bright halo around {its|their} inside",
                   "{is|are} lined by a bright border"),
        "none": ("{is|are} seen by {its|their} relief only", "{differs|differ} in relief and hardly in tone"),
    },
    "contrast": {
        "low": ("{has|have} low contrast", "{is|are} barely visible", "{shows|show} little contrast"),
        "medium": ("{has|have} medium contrast", "{shows|show} moderate contrast"),
        "high": ("{has|have} high contrast", "{is|are} conspicuous", "{is|are} highly visible"),
    },
    "relief": {
        "raised": ("{is|are} raised above the surface", "{stands|stand} proud of the metal",
                   "{rises|rise} from the face",
                   "{can be felt as an elevation|can be felt as elevations}"),
        "sunk": ("{is|are} sunk into the surface", "{lies|lie} lower than the metal around",
                 "{is a depression|are depressions}",
                 "{goes|go} into the metal"),
    },
    "softness": {
        "sharp": ("{has|have} sharp edges", "{is|are} clearly outlined", "{ends|end} abruptly"),
        "soft": ("{has|have} blurred edges", "{fades|fade} into the metal", "{has|have} no sharp border"),
    },
    "length": {
        "long": ("{is|are} long", "{reaches|reach} far"),
        "short": ("{is|are} short", "{does|do} not reach far"),
    },
    "direction": {
        "horizontal": ("{runs|run} horizontally", "{lies|lie} in a horizontal direction"),
        "vertical": ("{runs|run} vertically", "{stands|stand} in a vertical direction"),
        "diagonal": ("{runs|run} diagonally", "{is|are} slanted"),
        "falling": ("{runs|run} diagonally and {falls|fall}", "{slopes|slope} down like a backslash"),
        "rising": ("{runs|run} diagonally and {rises|rise}", "{slopes|slope} up like a forward slash"),
    },
}  # fmt: skip
"""Attribute -> value -> clauses, besides those of size, depth, place and contrast that all descriptions share."""

INTROS = (
    "{what} {{is|are}} visible",
    "The surface shows {what}",
    "An image of {what}",
    "There {{is|are}} {what}",
    "{what} can be seen",
    "The metal has {what}",
    "The picture shows {what}",
    "What stands out {{is|are}} {what}",
    "A close-up of {what}",
)
"""Openings; ``{what}`` is the noun phrase, with the place where it is said here."""
NAMED_INTROS = (
    "{name}: {what}",
    "The {name} defect appears as {what}",
    "The surface shows {name} in the form of {what}",
    "{what}, known as {name}",
    "A case of {name}, seen as {what}",
    "{what} {{is|are}} visible, a case of {name}",
    "A photo of {name}, {what}",
    "{name} looks like {what} here",
)
NAMES_ALONE = (
    "A photo of {name}.", "A photo of metal surface defect: {name}.", "A photo of steel surface defect: {name}.",
    "{name}.", "{name}", "Metal surface with {name}.", "An image of {name} on {surface}.", "{name} on {surface}.",
    "{name} {where}.", "{surface} with {name}.", "This part is rejected for {name}.", "A close-up of {name}.",
)  # fmt: skip
NAMED_LOOKS = (
    "{name}: {looks}.", "A photo of metal surface defect: {name}, {looks}.", "{looks}, a defect called {name}.",
    "A photo of {name}, {looks}.", "{name} looks like {looks}.", "{name} ({looks}).",
    "The surface shows {looks}, known as {name}.", "{name} on {surface}: {looks}.", "{looks}. This is {name}.",
)  # fmt: skip
LOOKS_ALONE = (
    "{looks}.", "{looks}", "A metal surface with {looks}.", "A photo of {looks}.", "{looks} on {surface}.",
    "An image of a surface with {looks}.", "{surface} with {looks}.", "{looks} {where}.",
)  # fmt: skip
SHORT = (
    "{what}", "{what}.", "{what} {where}", "{what}, {where}", "{what} on {surface}", "{what} {where} on {surface}.",
    "{surface} with {what}", "a photo of {what}", "{where}: {what}", "{surface}: {what} {where}.",
)  # fmt: skip
"""A few words."""

SOUND = (
    "A photo of a clean {metal} surface without any defect.", "{surface} without any defect.",
    "Sound metal, no defect.", "A metal surface with its normal grain and nothing else.", "{surface}, sound.",
    "Flawless {bare}.",
    "{surface}; nothing is wrong with it.", "A good part: {surface} as it should be.", "No defect on {surface}.",
    "Only {surface} is to be seen, free of flaws.", "Defect-free {bare}.", "An unmarked sample: {surface}.",
    "A normal image: {surface}.", "ok part, {surface}", "The surface is intact and even.", "no flaw",
    "An accepted part without marks.", "Clean {bare}, passed by inspection.", "Perfect {bare}.",
    "{surface} in good condition.",
)  # fmt: skip
"""What is said of sound metal."""
UNSOUND = (
    "A photo of a {metal} surface with a defect.", "{surface} with a defect.", "Damaged metal, there is a defect.",
    "A metal surface with its normal grain and a flaw in it.", "{surface}, faulty.", "Flawed {bare}.",
    "{surface}; something is wrong with it.", "A bad part: {surface} as it should not be.", "A defect on {surface}.",
    "More than {surface} is to be seen, there is a flaw.", "Defective {bare}.",
    "A marked sample: {surface}.", "An anomalous image: {surface}.", "not ok part, {surface}",
    "The surface is damaged.", "a flaw", "A rejected part with marks.", "Blemished {bare}, stopped by inspection.",
    "Imperfect {bare}.", "{surface} in bad condition.",
)  # fmt: skip
"""What is said of metal with a defect, in the order of its opposites in :data:`SOUND`."""
FREE_OF = (
    "There is no {noun} on {surface}.", "{surface} without any {noun}.", "No {noun} is to be seen.",
    "{surface} free of any {noun}.", "Not a single {noun} on the {metal}.",
)  # fmt: skip
"""What is said of sound metal that lacks one kind of defect."""
MARRED_BY = (
    "There is a {noun} on {surface}.", "{surface} with a {noun}.", "A {noun} is to be seen.",
    "{surface} marred by a {noun}.", "Just a {noun} on the {metal}.",
)  # fmt: skip
"""Opposites of :data:`FREE_OF`."""
ABSENT = ("no {noun}", "without any {noun}", "there is no {noun}", "not a single {noun}", "free of any {noun}")
"""What is said of something that is not there."""
PRESENT = ("with a {noun}", "and a {noun} besides", "there is a {noun}", "just a {noun}", "showing a {noun}")
"""Opposites of :data:`ABSENT`."""
METALS = {True: ("steel", "metal"), False: ("metal", "material")}
"""What the word "steel" of shared phrases stands for, on steel and on others."""
STEELS = ("hot-rolled", "cold-rolled", "pickled", "galvanized", "tinplate", "forged", "rusted", "plain")
"""Surfaces that are steel."""
