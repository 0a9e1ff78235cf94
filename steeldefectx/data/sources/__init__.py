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

from steeldefectx.data.sources import class_folders, neu, x_sdd
from steeldefectx.data.sources.masks import attach_masks, take_masks
from steeldefectx.data.sources.sample import Found, Problem, Sample
from steeldefectx.data.sources.tree import IMAGE_FORMATS, Tree, folder_fingerprint, read_tree
from steeldefectx.errors import DataError
from steeldefectx.taxonomy import NEU, X_SDD, find_class

__all__ = [
    "Found",
    "Problem",
    "Sample",
    "class_folder_names",
    "find_class_folders",
    "find_samples",
    "folder_fingerprint",
]

SOURCES: dict[str, tuple[Callable[[Tree], Iterable[Sample]], int]] = {
    NEU: (neu.read, neu.PUBLISHED_IMAGES),
    X_SDD: (x_sdd.read, x_sdd.PUBLISHED_IMAGES),
}
"""Source -> its reader and the number of images it was published with."""

MAX_PIXELS = 89_000_000
"""Images with more pixels are not decoded (Pillow itself warns from about here)."""
LISTED_PROBLEMS = 50


def find_samples(data_dir: Path, *, skip_bad: bool = False) -> Found:
    """Find the samples of all known sources below a folder, at any depth, in any mix.

    Args:
        data_dir: Folder to look through.
        skip_bad: Leave out what cannot be used, and report it in ``problems``, instead of raising.

    Raises:
        DataError: No such folder, no known source, or things that cannot be used: all are listed.
    """
    tree = read_tree(data_dir)
    masks = take_masks(tree)
    samples = attach_masks([sample for read, _ in SOURCES.values() for sample in read(tree)], masks)
    if not samples:
        raise DataError(_nothing_found(tree, _nothing_known(tree)))
    problems = [*tree.problems, *_unknown(tree, samples)]
    found = _usable(samples, problems, skip_bad)
    found.notes.extend(_unused(tree, samples, problems, "belong to no known source"))
    for source, (_, published) in SOURCES.items():
        count = sum(sample.source == source for sample in found.samples)
        if count and count != published:
            found.notes.append(f"{source}: {count:,} images found, {published:,} were published.")
    return found


def find_class_folders(data_dir: Path, *, skip_bad: bool = False) -> Found:
    """Find the samples in class folders (config ``class-folders``), see :mod:`.class_folders`.

    Raises:
        DataError: No such folder, no class folders, or things that cannot be used: all are listed.
    """
    tree = read_tree(data_dir)
    samples = list(class_folders.read(tree))
    if not samples:
        message = f"{data_dir}: no class folders with images. Expected {data_dir}/<class>/<image>."
        raise DataError(_nothing_found(tree, message))
    found = _usable(samples, tree.problems, skip_bad)
    found.notes.extend(_unused(tree, samples, [], "lie in no class folder"))
    found.notes.extend(class_folders.notes(found.samples, tree.root))
    return found


def class_folder_names(data_dir: Path) -> list[str]:
    """Names of the class folders that hold images, sorted.

    Raises:
        DataError: No such folder.
    """
    return sorted({sample.class_name for sample in class_folders.read(read_tree(data_dir))})


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
    source_of = {sample.path.parent: sample.source for sample in samples}
    beside = {folder.parent: source for folder, source in source_of.items() if find_class(folder.name, source)}
    for folder, files in tree.folders.items():
        if folder in source_of:
            for file in files:
                if file not in read:
                    yield Problem(file, f"no image of a known class of {source_of[folder]} by its name")
        elif folder.parent in beside and folder != tree.root:
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
    problems = [*problems, *_same_ids(samples), *_read_twice(samples)]
    unusable = {problem.path for problem in problems}
    samples = [sample for sample in samples if sample.path not in unusable]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        checked = list(tqdm(pool.map(_check, samples), "check images", len(samples), unit="image", delay=2))
    problems += [problem for _, problem in checked if problem is not None]
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


def _read_twice(samples: list[Sample]) -> Iterator[Problem]:
    by_path: dict[Path, list[str]] = defaultdict(list)
    for sample in samples:
        by_path[sample.path].append(sample.image_id)
    for path, ids in by_path.items():
        if len(ids) > 1:
            yield Problem(path, f"could be {' or '.join(ids)}")


def _check(sample: Sample) -> tuple[Sample | None, Problem | None]:
    """Decode an image, and its mask, in full: what can be used of the sample, and what is wrong, if anything."""
    size = _decode(sample.path)
    if isinstance(size, Problem):
        return None, size
    if sample.mask is None:
        return sample, None
    mask_size = _decode(sample.mask)
    if mask_size == size:
        return sample, None
    other_size = Problem(sample.mask, f"a mask of another size than its image {sample.path.name}")
    return replace(sample, mask=None), mask_size if isinstance(mask_size, Problem) else other_size


def _decode(path: Path) -> tuple[int, int] | Problem:
    """Width and height of an image that can be read in full, or what is wrong with it."""
    try:
        with Image.open(path, formats=IMAGE_FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(f"{image.width}x{image.height} pixels are more than {MAX_PIXELS:,}")
            image.load()
            return image.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        empty = path.is_file() and path.stat().st_size == 0
        return Problem(path, "an empty file" if empty else f"not a readable image ({error})")


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
