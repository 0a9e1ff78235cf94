"""What a folder of images holds, told in a second or two: its layout and classes, and what its files are.

Every name is listed; of files only a sample is opened, and of images no more than the header is read.
"""

from __future__ import annotations

import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from PIL import ExifTags, Image

from steeldefectx.data.images import image_formats
from steeldefectx.data.sources.find import known_samples, sources_among
from steeldefectx.data.sources.layouts.choose import AUTO, choose
from steeldefectx.data.sources.listing import Problem, Sample
from steeldefectx.data.sources.masks import take_masks
from steeldefectx.data.sources.tree import Tree, read_tree
from steeldefectx.data.sources.usable import listed
from steeldefectx.errors import DataError
from steeldefectx.utils.printable import printable

OPENED, READ = 200, 1000
"""Images whose headers are read, and images whose annotations are, at most."""
CLASSES_SHOWN, KINDS_SHOWN = 40, 6
BITS_PER_SAMPLE = 258
"""Tag of a TIFF file."""
KINDS = {
    "1": "1-bit", "L": "grey", "LA": "grey with transparency", "P": "palette", "RGB": "colour", "CMYK": "CMYK",
    "RGBA": "colour with transparency", "F": "grey, floating point", "I": "grey, whole numbers", "LAB": "Lab",
}  # fmt: skip
"""Pillow's mode -> what it is called in words."""


@dataclass
class Look:
    """What there is to say of a folder."""

    folder: Path
    layout: str
    """Its title, and what speaks for it."""
    config: str
    """The config that reads it: ``default`` or ``class-folders``."""
    counts: dict[str, Counter[str]]
    """Class -> split (empty where a rule splits) -> samples, the largest class first."""
    images: int
    """Image files, masks left out."""
    masks: int
    """Mask files."""
    counted: int
    """Images that the counts are of; fewer than ``images`` where annotations of a sample were read."""
    files: Counter[str] = field(default_factory=Counter)
    """What the opened images are, in words -> how many."""
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    """What cannot be used, as far as it was looked at."""

    def lines(self) -> list[str]:
        """All of it, for a terminal."""
        splits = sorted({split for counts in self.counts.values() for split in counts}, reverse=True)
        titles = [split or "samples" for split in splits]
        rows = [[printable(name), *(f"{counts[split]:,}" for split in splits)] for name, counts in self.counts.items()]
        shown = [["class", *titles], *rows[:CLASSES_SHOWN]]
        widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
        table = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in shown]
        if len(rows) > CLASSES_SHOWN:
            table.append(f"... and {len(rows) - CLASSES_SHOWN:,} more classes")
        samples = sum(counts.total() for counts in self.counts.values())
        part = f", counted in {self.counted:,} of them" if self.counted < self.images else ""
        total = f"{_count(self.images, 'image')}, {_count(self.masks, 'mask file')}; "
        total += f"{_count(samples, 'sample')} of {_count(len(rows), 'class', 'classes')}{part}."
        files = ", ".join(f"{count:,} {words}" for words, count in self.files.most_common(KINDS_SHOWN))
        if len(self.files) > KINDS_SHOWN:
            files += f" and {len(self.files) - KINDS_SHOWN:,} more kinds"
        said = [f"{printable(self.folder)}: {self.layout}", "", *(f"  {row}" for row in table), "", total]
        said.append(f"Of {_count(self.files.total(), 'image')} that were opened: {files}.")
        said += self.notes
        if self.problems:
            said += [f"{_count(len(self.problems), 'file or folder', 'files or folders')} cannot be used:"]
            said += listed(self.problems)
        return said


def _count(number: int, one: str, several: str = "") -> str:
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def look(folder: Path, layout: str = AUTO) -> Look:
    """Look at a folder of images.

    Args:
        folder: The folder.
        layout: Name of the layout of one's own images, or ``auto``.

    Raises:
        DataError: No such folder, no image, or nothing that says what is on the images.
        ConfigError: An unknown layout.
    """
    tree = read_tree(folder)
    everything = list(tree.images())
    if not everything:
        said = "".join(f"\n{line}" for line in tree.notes)
        raise DataError(f"{folder}: no images.{said}")
    aside = replace(tree, folders={path: list(files) for path, files in tree.folders.items()}, problems=[], notes=[])
    known = known_samples(aside) if layout == AUTO else []
    found = _known(tree, aside, known) if sources_among(aside, known).published else _own(tree, layout)
    masks = set(tree.masks)
    _describe_files(found, _spread([file for file in everything if file not in masks], OPENED))
    return found


def _known(tree: Tree, aside: Tree, samples: list[Sample]) -> Look:
    sources = Counter(sample.source for sample in samples)
    layout = "published data sets (" + ", ".join(f"{source} {count:,}" for source, count in sources.items()) + ")"
    tree.masks = take_masks(tree)
    tree.notes += aside.notes
    tree.problems += aside.problems
    return _look(tree, layout, "default", samples, sum(map(len, tree.folders.values())))


def _own(tree: Tree, layout: str) -> Look:
    tree.masks += take_masks(tree, by_content=False)
    part = _part(tree)
    chosen, _ = choose(part, layout)
    evidence = chosen.recognize(tree)
    if not chosen.opens_images:
        part = tree
    samples = list(chosen.read(part))
    found = _look(tree, f"{chosen.title} ({evidence})", "class-folders", samples, sum(map(len, part.folders.values())))
    if part is not tree:
        found.notes += part.notes
        found.problems += part.problems
    return found


def _look(tree: Tree, layout: str, config: str, samples: Sequence[Sample], counted: int) -> Look:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for sample in samples:
        counts[sample.class_name][sample.split or ""] += 1
    by_size = dict(sorted(counts.items(), key=lambda entry: (-entry[1].total(), entry[0])))
    images = sum(map(len, tree.folders.values()))
    return Look(
        tree.root, layout, config, by_size, images, len(tree.masks), counted, notes=tree.notes, problems=tree.problems
    )


def _part(tree: Tree) -> Tree:
    """A tree with a sample of the images and the annotation files of theirs, or of no image alone; all of a small one.

    What is found wrong with a part of the images is kept apart from what is wrong with the tree.
    """
    images = list(tree.images())
    if len(images) <= READ:
        return tree
    chosen = set(_spread(images, READ))
    left_out = {file.stem for file in images} - {file.stem for file in chosen}
    folders = {folder: [file for file in files if file in chosen] for folder, files in tree.folders.items()}
    return replace(
        tree,
        folders=folders,
        texts=[file for file in tree.texts if file.stem not in left_out],
        problems=[],
        notes=[],
    )


def _spread(files: Sequence[Path], most: int) -> list[Path]:
    """At most so many of the files, spread over all."""
    return [files[position * len(files) // most] for position in range(most)] if len(files) > most else list(files)


def _describe_files(found: Look, files: Iterable[Path]) -> None:
    """Count what images are by their headers, and note what a reader of images should know."""
    pages, turned, unreadable = 0, 0, []
    opened = 0
    for file in files:
        opened += 1
        try:
            with warnings.catch_warnings(action="ignore"), Image.open(file, formats=image_formats()) as image:
                found.files[_words(image)] += 1
                pages += getattr(image, "n_frames", 1) > 1
                turned += image.getexif().get(ExifTags.Base.Orientation, 1) != 1
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            unreadable.append(file)
    of = f"of {opened:,} images that were opened"
    if unreadable:
        found.notes.append(f"{len(unreadable):,} {of} cannot be read, such as {unreadable[0]}.")
    if pages:
        found.notes.append(f"{pages:,} {of} have several pages: the first is read, or --page N.")
    if turned:
        found.notes.append(f"{turned:,} {of} are to be turned upright, as their EXIF data say; that is done.")


def _words(image: Image.Image) -> str:
    """Format, size and kind of an image: ``PNG 200x200 grey 16-bit``."""
    bits: object = 16 if image.mode.startswith("I;16") else {"1": 1, "F": 32, "I": 32}.get(image.mode, 8)
    tags = getattr(image, "tag_v2", None)
    if tags is not None:
        bits = max((int(each) for each in tags.get(BITS_PER_SAMPLE, ())), default=bits)
    elif image.format == "PNG" and image.mode == "I":
        bits = 16
    kind = "grey" if image.mode.startswith("I;16") else KINDS.get(image.mode, image.mode)
    return f"{image.format} {image.width}x{image.height} {kind} {bits}-bit"
