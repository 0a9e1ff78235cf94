"""Annotation files about many images: what each says of an image that is here, and what of it cannot be used."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from steeldefectx.data.images import image_size
from steeldefectx.data.sources.layouts.matching import Images
from steeldefectx.data.sources.layouts.objects import Annotated, Object
from steeldefectx.data.sources.listing import Problem
from steeldefectx.data.sources.tree import Tree

NAME_SHOWN = 80
"""Characters of an image's name in a message: it may be the image itself, in base64."""
TURNED = "{:,} boxes are turned, and read as polygons: their masks are larger than defects."
"""A note on boxes that a polygon stands for."""


@dataclass(frozen=True)
class Entry:
    """What a file says of one image."""

    names: Sequence[str]
    """Its path as the file gives it, in the spellings to be tried, best first."""
    size: Callable[[], tuple[int, int] | None]
    """Width and height that the file states, if it does; raises ValueError."""
    objects: Callable[[tuple[int, int]], list[Object]]
    """Those on an image of this width and height; raises ValueError."""
    split: str | None = None
    classes: Sequence[str] = ()
    """Of the image as a whole."""


def contains(file: Path, *found: Callable[[mmap.mmap], object]) -> bool:
    """Whether a file, which may be too large to be parsed for that, has all that is looked for.

    Args:
        file: The file.
        found: Each gives something true where it finds in the content what it looks for.
    """
    try:
        with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return all(each(content) for each in found)
    except (OSError, ValueError):  # of an empty file too
        return False


def annotated_images(tree: Tree, files: Iterable[Path], entries: Callable[[Path], list[Entry]]) -> list[Annotated]:
    """The images that files are about.

    Adds files that cannot be read, images that are not here, and those that cannot be used, to the tree's problems.

    Args:
        tree: The tree.
        files: Annotation files.
        entries: What one says; raises ValueError or OSError where it cannot be read.
    """
    images = Images(tree)
    annotated: dict[Path, Annotated] = {}
    for file in files:
        try:
            found = entries(file)
        except (OSError, ValueError) as error:
            tree.problems.append(Problem(file, f"not a readable annotation ({error})"))
            continue
        for image, each in _of_file(tree, file, found, images):
            if image not in annotated:
                annotated[image] = each
            elif (annotated[image].objects, annotated[image].classes) != (each.objects, each.classes):
                tree.problems.append(Problem(image, f"annotated in {file.name} and, differently, in another file"))
    return list(annotated.values())


def _of_file(tree: Tree, file: Path, entries: list[Entry], images: Images) -> Iterator[tuple[Path, Annotated]]:
    here: dict[Path, list[Entry]] = {}
    missing: list[str] = []
    for entry in entries:
        found = next(filter(None, (_images(images, file, name) for name in entry.names)), [])
        if len(found) == 1:
            here.setdefault(found[0], []).append(entry)
        else:
            missing.append(entry.names[0][:NAME_SHOWN] if entry.names else "an image without a name")
    if missing:
        count = f"{len(missing):,} of its {len(entries):,} images are not here"
        tree.problems.append(Problem(file, f"{count}, or are several, such as {missing[0]}"))
    for image, (entry, *others) in here.items():
        try:
            if others:
                raise ValueError(f"{len(others) + 1} entries are of this image")
            yield image, _annotated(image, entry)
        except ValueError as error:
            tree.problems.append(Problem(image, f"its annotation in {file.name} cannot be used: {error}"))


def _images(images: Images, file: Path, name: str) -> list[Path]:
    """Images of a name, and not, as for a file about one image, those of the file's own."""
    return [image for image in images.of(file, name) if image.name == PurePosixPath(name.replace("\\", "/")).name]


def _annotated(image: Path, entry: Entry) -> Annotated:
    size, measured = entry.size(), image_size(image)
    if measured is None or size not in (None, measured):  # is listed where samples are made; no shape could be right
        return Annotated(image, image, (), size, measured=measured)
    return Annotated(image, image, entry.objects(measured), size, entry.split, measured, entry.classes)
