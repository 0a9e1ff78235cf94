"""Which samples can be used: every image and mask is decoded, and all that is wrong is said at once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from PIL import Image
from tqdm.auto import tqdm

from steeldefectx.data.images import open_image
from steeldefectx.data.sources.layouts.soundness import is_sound
from steeldefectx.data.sources.listing import Listing, Problem, Sample
from steeldefectx.data.sources.mask_pixels import COLOURS, NUMBERS, mask_kind, read_mask
from steeldefectx.data.sources.masks import sample_mask
from steeldefectx.data.sources.shapes import Shapes
from steeldefectx.errors import DataError
from steeldefectx.utils.cores import usable_cores

LISTED_PROBLEMS = 50


def usable_samples(samples: list[Sample], problems: list[Problem], skip_bad: bool) -> Listing:
    """Decode all samples; those that can be used, by id.

    Args:
        samples: What readers have found.
        problems: What they could not use.
        skip_bad: Report in ``problems`` what cannot be used, instead of raising.

    Raises:
        DataError: Something cannot be used: all of it is listed. With ``skip_bad``: no sample is left.
    """
    samples = sorted(samples, key=lambda sample: (sample.image_id, str(sample.path)))
    problems = [*problems, *_same_ids(samples)]
    unusable = {problem.path for problem in problems}
    samples = [sample for sample in samples if sample.path not in unusable]
    with ThreadPoolExecutor(usable_cores()) as pool:
        checked = list(tqdm(pool.map(_check, samples), "check images", len(samples), unit="image", delay=2))
    problems = list(dict.fromkeys([*problems, *(problem for _, problem, _ in checked if problem is not None)]))
    problems.sort(key=lambda problem: str(problem.path))
    good = [sample for sample, _, _ in checked if sample is not None]
    if problems and not skip_bad:
        raise DataError(_list_problems(problems))
    if not good:
        raise DataError("No usable image is left:\n" + _list_problems(problems))
    return Listing(good, problems, list(_mask_notes(Counter(kind for _, _, kind in checked if kind is not None))))


def _mask_notes(kinds: Counter[str]) -> Iterator[str]:
    """How masks that are not white on black are read."""
    for kind in (NUMBERS, COLOURS):
        if kinds[kind]:
            yield f"{kinds[kind]:,} masks are drawn in {kind}, not white on black: all but the ground is the defect."


def _same_ids(samples: list[Sample]) -> Iterator[Problem]:
    by_id: dict[str, list[Path]] = defaultdict(list)
    for sample in samples:
        by_id[sample.image_id].append(sample.path)
    for image_id, (first, *others) in by_id.items():
        for path in others:
            yield Problem(path, f"the same image as {first} by its name ({image_id})")


def _check(sample: Sample) -> tuple[Sample | None, Problem | None, str | None]:
    """Decode an image, and its mask, in full: what can be used of the sample, what is wrong, and the kind of mask."""
    image = _decode(sample.path)
    if isinstance(image, Problem):
        return None, image, None
    if sample.mask is None:
        return sample, None, None
    if not isinstance(sample.mask, Path):
        return *_check_drawn(sample, sample.mask, image.size), None
    mask = _decode(sample.mask)
    if isinstance(mask, Problem):
        return replace(sample, mask=None), mask, None
    if mask.size != image.size:
        problem = Problem(sample.mask, f"a mask of another size than its image {sample.path.name}")
    elif read_mask(mask, sample.box).any():
        return sample, None, mask_kind(mask)
    elif is_sound(sample.class_name):
        return replace(sample, mask=None), None, None
    else:
        problem = Problem(sample.mask, "an empty mask: nothing in it is brighter than 127")
    return replace(sample, mask=None), problem, None


def _check_drawn(sample: Sample, shapes: Shapes, size: tuple[int, int]) -> tuple[Sample | None, Problem | None]:
    """The same, for a mask that an annotation draws."""
    if shapes.size != size:
        stated = f"{shapes.size[0]}x{shapes.size[1]}"
        return None, Problem(sample.path, f"{size[0]}x{size[1]} pixels, its annotation is of {stated}")
    mask = sample_mask(sample)
    if mask is None or not mask.any():
        return replace(sample, mask=None), Problem(sample.path, "an annotation that draws no pixel of its mask")
    return sample, None


def _decode(path: Path) -> Image.Image | Problem:
    """An image that can be read in full, or what is wrong with it."""
    try:
        return open_image(path)
    except DataError as error:
        return Problem(path, str(error).removeprefix(f"{path}: "))


def listed(problems: list[Problem]) -> list[str]:
    """A line for each problem, of many only the first."""
    lines = [f"  {problem}" for problem in problems[:LISTED_PROBLEMS]]
    if len(problems) > LISTED_PROBLEMS:
        lines.append(f"  ... and {len(problems) - LISTED_PROBLEMS:,} more")
    return lines


def _list_problems(problems: list[Problem]) -> str:
    return "\n".join(
        [f"{len(problems):,} of the files or folders cannot be used:", *listed(problems),
         "Mend or remove them, or leave them out with skip_bad=True (--skip-bad)."]
    )  # fmt: skip
