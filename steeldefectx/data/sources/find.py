"""Finding the samples below a folder: the readers of all sources, class folders, and images of whatever kind."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from steeldefectx.data.images import IMAGE_ENDINGS
from steeldefectx.data.sources import gc10, neu, release, source_folders
from steeldefectx.data.sources.layouts import class_folders
from steeldefectx.data.sources.layouts.choose import AUTO, choose, class_counts
from steeldefectx.data.sources.layouts.layout import SOURCE
from steeldefectx.data.sources.listing import PART, Listing, Problem, Sample
from steeldefectx.data.sources.masks import attach_masks, take_masks
from steeldefectx.data.sources.renamed import copy_part
from steeldefectx.data.sources.tree import TEXT_ENDINGS, Tree, must_be_folder, read_tree
from steeldefectx.data.sources.usable import listed, usable_samples
from steeldefectx.data.sources.walk import walk
from steeldefectx.errors import ConfigError, DataError
from steeldefectx.taxonomy import CLASSES, GC10, NEU, S3D, X_SDD, find_class

_logger = logging.getLogger(__name__)
SOURCES: dict[str, tuple[Callable[[Tree], Iterable[Sample]], int]] = {
    X_SDD: (source_folders.read_x_sdd, source_folders.PUBLISHED_IMAGES[X_SDD]),
    S3D: (source_folders.read_s3d, source_folders.PUBLISHED_IMAGES[S3D]),
    GC10: (gc10.read, gc10.PUBLISHED_IMAGES),
    NEU: (neu.read, neu.PUBLISHED_IMAGES),
}
"""Source -> its reader and the number of images it was published with; a file is of the first that knows it."""
BOXES = ("crop", "whole")


def find_samples(
    data_dir: Path, *, skip_bad: bool = False, crops: bool = True, page: int = 0, zip_encoding: str | None = None
) -> Listing:
    """Find the samples of all known sources below a folder, at any depth, in any mix.

    Args:
        data_dir: Folder to look through.
        skip_bad: Leave out what cannot be used, and report it in ``problems``, instead of raising.
        page: Which page is read of files of several, counted from 0.
        zip_encoding: What names in zips are in that do not say it; None: to be found out.
        crops: A sample of an image with several classes is the part around its class, not all of the image.

    Raises:
        DataError: No such folder, no known source, or things that cannot be used: all are listed.
    """
    tree = read_tree(data_dir, zip_encoding)
    samples = known_samples(tree)
    if not crops:
        samples = [replace(sample, box=None) for sample in samples]
    if not samples:
        raise DataError(_nothing_found(tree, _nothing_known(tree)))
    problems = [*tree.problems, *_unknown(tree, samples)]
    listing = usable_samples(samples, problems, skip_bad, page)
    listing.notes.extend([*tree.notes, *_unused(tree, samples, problems, "belong to no known source")])
    for note in listing.notes:
        _logger.warning(note)
    return listing


def known_samples(tree: Tree) -> list[Sample]:
    """The samples of releases and published data sets in a tree, with their masks; none of them decoded."""
    samples = release.take(tree)
    masks = take_masks(tree)
    return samples + attach_masks(tree, _read_sources(tree), masks)


@dataclass(frozen=True)
class KnownSources:
    """What a folder holds of the known sources."""

    images: dict[str, int]
    """Source -> how many images are called as its are."""
    published: bool
    """Whether it counts as published data: half of all classes of a source are there, so that the names are no chance,
    or most of the images, masks left out, are of known sources."""
    others: int
    """Images of no known source; masks count as none."""


def known_sources(data_dir: Path, zip_encoding: str | None = None) -> KnownSources:
    """Look through a folder for known sources, by names alone.

    Raises:
        DataError: No such folder.
    """
    tree = read_tree(data_dir, zip_encoding)
    return sources_among(tree, known_samples(tree))


def sources_among(tree: Tree, known: Sequence[Sample]) -> KnownSources:
    """What a tree holds of the known sources.

    Args:
        tree: The folder, after :func:`known_samples`.
        known: What that gave.
    """
    source_of = {sample.path: sample.source for sample in known}
    classes = {source: {s.class_name for s in known if s.source == source} for source in SOURCES}
    all_of = {source: sum(source in c.source_labels for c in CLASSES) for source in SOURCES}
    whole = any(2 * len(classes[source]) >= all_of[source] for source in SOURCES)
    released = any(sample.texts for sample in known)
    others = sum(file not in source_of for file in tree.images())
    published = released or whole or len(source_of) > others
    return KnownSources(dict(Counter(source_of.values()).most_common()), published, others)


def _read_sources(tree: Tree) -> list[Sample]:
    """The samples of all source data sets in a tree, and a note on each source that is not complete."""
    samples: list[Sample] = []
    for source, (read, published) in SOURCES.items():
        taken = {sample.path for sample in samples}
        new = [sample for sample in read(tree) if sample.path not in taken]
        count = len({sample.path for sample in new})
        if count and count != published:
            tree.notes.append(f"{source}: {count:,} images found, {published:,} were published.")
        samples += new
    return list(_copies_told_apart(tree, samples))


def _copies_told_apart(tree: Tree, samples: list[Sample]) -> Iterator[Sample]:
    """The samples; augmented copies of one image, which an export has made, get ids of their own."""
    count = Counter(sample.image_id for sample in samples)
    for sample in samples:
        if count[sample.image_id] > 1:
            sample = replace(sample, image_id=sample.image_id + copy_part(tree, sample.path))
        yield sample


def find_class_folders(
    data_dir: Path,
    *,
    skip_bad: bool = False,
    source: str = SOURCE,
    layout: str = AUTO,
    boxes: str = "crop",
    page: int = 0,
    zip_encoding: str | None = None,
) -> Listing:
    """Find the samples of one's own images, and masks beside them, in whatever layout they are (:mod:`.layouts`).

    Args:
        data_dir: Folder of the images.
        skip_bad: As for :func:`find_samples`.
        source: Name of the data set.
        layout: Name of the layout, or ``auto``.
        boxes: Where annotations have boxes: a sample is the ``crop`` around one, or ``whole``, the image, once a class.
        page: As for :func:`find_samples`; so is ``zip_encoding``.
        zip_encoding: See there.

    Raises:
        DataError: No such folder, no layout that is known or one that two layouts explain in different ways, or things
            that cannot be used: all are listed.
        ConfigError: An unknown layout, or neither ``crop`` nor ``whole``.
    """
    own = read_own_images(data_dir, source=source, layout=layout, boxes=boxes, zip_encoding=zip_encoding)
    return own.usable(skip_bad, page)


def read_own_images(
    data_dir: Path,
    *,
    source: str = SOURCE,
    layout: str = AUTO,
    boxes: str = "crop",
    zip_encoding: str | None = None,
) -> OwnImages:
    """What is in a folder of one's own images, before any is decoded; it is said as a warning.

    Args and errors are those of :func:`find_class_folders`, but for images that cannot be decoded.
    """
    if boxes not in BOXES:
        raise ConfigError(f"boxes={boxes!r} is unknown: choose one of {', '.join(BOXES)}.")
    tree = read_tree(data_dir, zip_encoding)
    try:
        chosen, evidence = choose(tree, layout)
    except DataError as error:
        raise DataError(_nothing_found(tree, str(error))) from None
    samples = list(chosen.read(tree))
    if boxes == "whole":
        samples = whole_images(samples)
    if source != SOURCE:
        samples = [replace(s, source=source, image_id=source + s.image_id.removeprefix(SOURCE)) for s in samples]
    samples = attach_masks(tree, samples, tree.masks)
    if not samples:
        raise DataError(_nothing_found(tree, f"{data_dir}: {chosen.title} ({evidence}), but no image of a class."))
    found = f"{data_dir}: {chosen.title} ({evidence}): {class_counts(samples)}."
    if chosen.name == class_folders.NAME and (empty := class_folders.empty_folders(tree)):
        tree.notes.append(f"{len(empty)} class folders hold no image and make no class: {', '.join(empty)}.")
    why = "lie in no class folder" if chosen is class_folders.CLASS_FOLDERS else "are not annotated"
    notes = [found, *tree.notes, *_unused(tree, samples, tree.problems, why)]
    for note in notes:
        _logger.warning(note)
    return OwnImages(samples, tree.problems, notes)


@dataclass
class OwnImages:
    """What is in a folder of one's own images; none of them is decoded."""

    samples: list[Sample]
    problems: list[Problem]
    notes: list[str]

    def class_names(self) -> list[str]:
        """Sorted."""
        return sorted({sample.class_name for sample in self.samples})

    def usable(self, skip_bad: bool, page: int = 0) -> Listing:
        """Those that can be decoded, see :func:`.usable_samples`."""
        listing = usable_samples(self.samples, self.problems, skip_bad, page)
        for remark in listing.notes:
            _logger.warning(remark)
        listing.notes[:0] = self.notes  # these have been said
        return listing


def whole_images(samples: list[Sample]) -> list[Sample]:
    """Samples that are parts of images, as the images they are of, once for each class."""
    whole: dict[tuple[Path, str], Sample] = {}
    for sample in samples:
        if sample.box is not None:
            image = sample.image_id.rpartition(PART)[0]
            sample = replace(sample, box=None, image_id=f"{image}{PART}{sample.class_name}")
        whole.setdefault((sample.path, sample.class_name), sample)
    return list(whole.values())


def class_folder_names(data_dir: Path, layout: str = AUTO) -> list[str]:
    """Names of the classes in a folder of one's own images, sorted.

    Raises:
        DataError, ConfigError: As for :func:`find_class_folders`.
    """
    return read_own_images(data_dir, layout=layout).class_names()


def find_images(path: Path) -> list[Path]:
    """The images below a folder, whatever data set they are from, in the order of their paths; or the one file.

    As for the other readers, hidden files and folders, what unpacking leaves behind and masks are no images; how many
    masks there are is said as a warning.

    Raises:
        DataError: Nothing there.
    """
    if os.path.isfile(path):
        return [path]
    must_be_folder(path)
    tree = Tree(path, {}, [])
    start = len(os.path.join(path, ""))
    for entry in walk(path, tree.skipped):
        ending = os.path.splitext(entry.name)[1].lower()
        if ending not in IMAGE_ENDINGS:
            if ending not in TEXT_ENDINGS:
                tree.skipped.add_file(entry.path[start : -len(entry.name) - 1], entry.name)
        elif entry.is_file():
            tree.folders.setdefault(Path(entry.path).parent, []).append(Path(entry.path))
    masks = take_masks(tree, by_content=False)
    if masks:
        _logger.warning(f"{path}: {len(masks):,} masks, by their folders' or their own names, are left out.")
    for line in tree.skipped.lines():
        _logger.warning(f"{path}: {line}")
    images = sorted(tree.images())
    if not images:
        said = "".join(f"\n{line}" for line in tree.skipped.lines())
        raise DataError(f"{path}: no images ({', '.join(sorted(IMAGE_ENDINGS))}).{said}")
    return images


def _nothing_known(tree: Tree) -> str:
    known = f"No images of a known source ({', '.join(SOURCES)}) in {tree.root}."
    try:
        layout, evidence = choose(tree)
    except DataError:
        return f"{known} Give the folder that the source data sets were unpacked into."
    own = f"It holds {layout.title} ({evidence}): if these images are your own, use the config class-folders"
    return f"{known} {own} (--config class-folders)."


def _nothing_found(tree: Tree, message: str) -> str:
    return "\n".join(
        [message, *(["Not used:", *listed(tree.problems)] if tree.problems else []), *tree.skipped.lines()]
    )


def _unknown(tree: Tree, samples: list[Sample]) -> Iterator[Problem]:
    """Images that no reader knows, among a source's images or in folders beside its class folders."""
    read = {sample.path for sample in samples}
    reported = {problem.path.stem for problem in tree.problems}  # an image's annotation has its name
    source_of = {sample.path.parent: sample.source for sample in samples}
    beside = {folder.parent: source for folder, source in source_of.items() if find_class(folder.name, source)}
    for folder, files in tree.folders.items():
        if folder in source_of:
            for file in files:
                if file not in read and file.stem not in reported:
                    yield Problem(file, f"no image of a known class of {source_of[folder]} by its name")
        elif files and folder.parent in beside and folder != tree.root:
            yield Problem(folder, f"{len(files)} images of no known class of {beside[folder.parent]}")


def _unused(tree: Tree, samples: list[Sample], problems: list[Problem], why: str) -> Iterator[str]:
    """A note on the images that are neither samples nor problems, if there are any."""
    accounted = {sample.path for sample in samples} | {problem.path for problem in problems}
    named = {problem.path.stem for problem in problems}  # an image's annotation has its name
    unused = [
        file
        for file in tree.images()
        if file not in accounted and file.parent not in accounted and file.stem not in named
    ]
    if unused:
        yield f"{len(unused):,} images {why} and are not used, such as {unused[0]}."
