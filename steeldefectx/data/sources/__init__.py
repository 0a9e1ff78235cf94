"""Readers of the source data sets: a folder in, samples out.

A source is one file with a function ``read(tree)``, listed in :data:`SOURCES`.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from PIL import Image
from tqdm.auto import tqdm

from steeldefectx.data.images import open_image
from steeldefectx.data.sources import class_folders, gc10, neu, release, source_folders
from steeldefectx.data.sources.masks import attach_masks, read_mask, take_masks
from steeldefectx.data.sources.sample import Found, Problem, Sample
from steeldefectx.data.sources.tree import Tree, folder_fingerprint, read_tree
from steeldefectx.errors import DataError
from steeldefectx.taxonomy import GC10, NEU, S3D, X_SDD, find_class

__all__ = [
    "Found",
    "Problem",
    "Sample",
    "class_folder_names",
    "find_class_folders",
    "find_samples",
    "folder_fingerprint",
    "read_mask",
]

SOURCES: dict[str, tuple[Callable[[Tree], Iterable[Sample]], int]] = {
    X_SDD: (source_folders.read_x_sdd, source_folders.PUBLISHED_IMAGES[X_SDD]),
    S3D: (source_folders.read_s3d, source_folders.PUBLISHED_IMAGES[S3D]),
    GC10: (gc10.read, gc10.PUBLISHED_IMAGES),
    NEU: (neu.read, neu.PUBLISHED_IMAGES),
}
"""Source -> its reader and the number of images it was published with; a file is of the first that knows it."""

LISTED_PROBLEMS = 50


def find_samples(data_dir: Path, *, skip_bad: bool = False, crops: bool = True) -> Found:
    """Find the samples of all known sources below a folder, at any depth, in any mix.

    Args:
        data_dir: Folder to look through.
        skip_bad: Leave out what cannot be used, and report it in ``problems``, instead of raising.
        crops: A sample of an image with several classes is the part around its class, not all of the image.

    Raises:
        DataError: No such folder, no known source, or things that cannot be used: all are listed.
    """
    tree = read_tree(data_dir)
    samples = release.take(tree)
    masks = take_masks(tree)
    samples += attach_masks(tree, _of_sources(tree), masks)
    if not crops:
        samples = [replace(sample, box=None) for sample in samples]
    if not samples:
        raise DataError(_nothing_found(tree, _nothing_known(tree)))
    problems = [*tree.problems, *_unknown(tree, samples)]
    found = _usable(samples, problems, skip_bad)
    found.notes.extend([*tree.notes, *_unused(tree, samples, problems, "belong to no known source")])
    return found


def _of_sources(tree: Tree) -> list[Sample]:
    """The samples of all source data sets in a tree, and a note on each source that is not complete."""
    samples: list[Sample] = []
    for source, (read, published) in SOURCES.items():
        taken = {sample.path for sample in samples}
        new = [sample for sample in read(tree) if sample.path not in taken]
        count = len({sample.path for sample in new})
        if count and count != published:
            tree.notes.append(f"{source}: {count:,} images found, {published:,} were published.")
        samples += new
    return samples


def find_class_folders(data_dir: Path, *, skip_bad: bool = False, source: str = class_folders.SOURCE) -> Found:
    """Find the samples in class folders, and masks beside them, see :mod:`.class_folders`.

    Args:
        data_dir: Folder of the class folders.
        skip_bad: As for :func:`find_samples`.
        source: Name of the data set.

    Raises:
        DataError: No such folder, no class folders, or things that cannot be used: all are listed.
    """
    tree = read_tree(data_dir)
    masks = take_masks(tree, by_content=False)
    samples = attach_masks(tree, list(class_folders.read(tree, source)), masks)
    if not samples:
        message = f"{data_dir}: no class folders with images. Expected {data_dir}/<class>/<image>."
        raise DataError(_nothing_found(tree, message))
    found = _usable(samples, tree.problems, skip_bad)
    found.notes.extend([*tree.notes, *_unused(tree, samples, [], "lie in no class folder")])
    found.notes.extend(class_folders.notes(found.samples, tree))
    return found


def class_folder_names(data_dir: Path) -> list[str]:
    """Names of the class folders that hold images, sorted.

    Raises:
        DataError: No such folder.
    """
    tree = read_tree(data_dir)
    take_masks(tree, by_content=False)
    return sorted({sample.class_name for sample in class_folders.read(tree)})


def _nothing_known(tree: Tree) -> str:
    known = f"No images of a known source ({', '.join(SOURCES)}) in {tree.root}."
    if any(folder != tree.root for folder in tree.folders):
        return f"{known} If its folders are classes of your own, use the config class-folders (--config class-folders)."
    return f"{known} Give the folder that the source data sets were unpacked into."


def _nothing_found(tree: Tree, message: str) -> str:
    return "\n".join([message, *(["Not used:", *_lines(tree.problems)] if tree.problems else [])])


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
    unused = [file for file in tree.images() if file not in accounted and file.parent not in accounted]
    if unused:
        yield f"{len(unused):,} images {why} and are not used, such as {unused[0]}."


def _usable(samples: list[Sample], problems: list[Problem], skip_bad: bool) -> Found:
    """The samples that can be used; all that cannot be is raised together, or reported when ``skip_bad``."""
    samples = sorted(samples, key=lambda sample: (sample.image_id, str(sample.path)))
    problems = [*problems, *_same_ids(samples)]
    unusable = {problem.path for problem in problems}
    samples = [sample for sample in samples if sample.path not in unusable]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        checked = list(tqdm(pool.map(_check, samples), "check images", len(samples), unit="image", delay=2))
    problems = list(dict.fromkeys([*problems, *(problem for _, problem in checked if problem is not None)]))
    problems.sort(key=lambda problem: str(problem.path))
    good = [sample for sample, _ in checked if sample is not None]
    if problems and not skip_bad:
        raise DataError(_list_problems(problems))
    if not good:
        raise DataError("No usable image is left:\n" + _list_problems(problems))
    return Found(good, problems)


def _same_ids(samples: list[Sample]) -> Iterator[Problem]:
    by_id: dict[str, list[Path]] = defaultdict(list)
    for sample in samples:
        by_id[sample.image_id].append(sample.path)
    for image_id, (first, *others) in by_id.items():
        for path in others:
            yield Problem(path, f"the same image as {first} by its name ({image_id})")


def _check(sample: Sample) -> tuple[Sample | None, Problem | None]:
    """Decode an image, and its mask, in full: what can be used of the sample, and what is wrong, if anything."""
    image = _decode(sample.path)
    if isinstance(image, Problem):
        return None, image
    if sample.mask is None:
        return sample, None
    mask = _decode(sample.mask)
    if isinstance(mask, Problem):
        return replace(sample, mask=None), mask
    if mask.size != image.size:
        problem = Problem(sample.mask, f"a mask of another size than its image {sample.path.name}")
    elif not read_mask(mask, sample.box).any():
        problem = Problem(sample.mask, "an empty mask: nothing in it is brighter than 127")
    else:
        return sample, None
    return replace(sample, mask=None), problem


def _decode(path: Path) -> Image.Image | Problem:
    """An image that can be read in full, or what is wrong with it."""
    try:
        return open_image(path)
    except DataError as error:
        return Problem(path, str(error).removeprefix(f"{path}: "))


def _lines(problems: list[Problem]) -> list[str]:
    lines = [f"  {problem}" for problem in problems[:LISTED_PROBLEMS]]
    if len(problems) > LISTED_PROBLEMS:
        lines.append(f"  ... and {len(problems) - LISTED_PROBLEMS:,} more")
    return lines


def _list_problems(problems: list[Problem]) -> str:
    return "\n".join(
        [f"{len(problems):,} of the files or folders cannot be used:", *_lines(problems),
         "Mend or remove them, or leave them out with skip_bad=True (--skip-bad)."]
    )  # fmt: skip
