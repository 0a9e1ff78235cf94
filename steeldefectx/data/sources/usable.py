"""Which samples can be used: every image and mask is decoded, and all that is wrong is said at once."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image
from tqdm.auto import tqdm

from steeldefectx.data.images import PAUSE, Traits, read_image, unsettled
from steeldefectx.data.sources.layouts.soundness import is_sound
from steeldefectx.data.sources.listing import Listing, Problem, Sample
from steeldefectx.data.sources.mask_pixels import mask_kind, read_mask
from steeldefectx.data.sources.masks import fit_mask, sample_mask
from steeldefectx.data.sources.remarks import LOOKED_AT, channel_correlation, of_masks, remarks
from steeldefectx.data.sources.shapes import Shapes
from steeldefectx.errors import ConfigError, DataError, DriveGoneError
from steeldefectx.utils.cores import usable_cores
from steeldefectx.utils.drives import drive_gone
from steeldefectx.utils.printable import printable

LISTED_PROBLEMS = 50


@dataclass(frozen=True)
class Checked:
    """What was found of a sample when its files were decoded."""

    sample: Sample | None
    """As far as it can be used."""
    problem: Problem | None = None
    traits: Traits | None = None
    correlation: float | None = None
    """Of its channels, where these were compared."""
    mask: str = ""
    """How its mask was taken, see :func:`.fit_mask`."""
    kind: str = ""
    """How its mask is drawn, see :func:`.mask_kind`."""


def usable_samples(samples: list[Sample], problems: list[Problem], skip_bad: bool, page: int = 0) -> Listing:
    """Decode all samples; those that can be used, by id.

    Args:
        samples: What readers have found.
        problems: What they could not use.
        skip_bad: Report in ``problems`` what cannot be used, instead of raising.
        page: Which page is the sample, of files of several.

    Raises:
        DataError: Something cannot be used: all of it is listed. With ``skip_bad``: no sample is left.
        DriveGoneError: The drive went away.
        ConfigError: A negative page.
    """
    if page < 0:
        raise ConfigError(f"page={page}: pages are counted from 0, the first.")
    samples = sorted(samples, key=lambda sample: (sample.image_id, str(sample.path)))
    samples = [replace(sample, page=page) for sample in samples] if page else samples
    problems = [*problems, *_same_ids(samples)]
    unusable = {problem.path for problem in problems}
    samples = [sample for sample in samples if sample.path not in unusable]
    checked = _check_all(samples)
    problems = list(dict.fromkeys([*problems, *(each.problem for each in checked if each.problem is not None)]))
    problems.sort(key=lambda problem: str(problem.path))
    good = [each.sample for each in checked if each.sample is not None]
    if problems and not skip_bad:
        raise DataError(_list_problems(problems))
    if not good:
        raise DataError("No usable image is left:\n" + _list_problems(problems))
    return Listing(good, problems, _remarks(checked, page))


def _check_all(samples: list[Sample]) -> list[Checked]:
    """Decode everything; what is bad and changed a moment ago is looked at again after a pause."""
    compared = set(range(0, len(samples), max(1, len(samples) // LOOKED_AT)))
    with ThreadPoolExecutor(usable_cores()) as pool:
        found = pool.map(_check, samples, (number in compared for number in range(len(samples))))
        checked = list(tqdm(found, "check images", len(samples), unit="image", delay=2))
        again = [n for n, each in enumerate(checked) if each.problem is not None and unsettled(each.problem.path)]
        if again:
            time.sleep(PAUSE)
            for n, each in zip(again, pool.map(lambda n: _check(samples[n], n in compared), again), strict=True):
                checked[n] = replace(each, problem=_still_written(each.problem))
    return checked


def _still_written(problem: Problem | None) -> Problem | None:
    if problem is None or not unsettled(problem.path):
        return problem
    return replace(problem, reason=f"{problem.reason}; it changed a moment ago: is it still being written?")


def _remarks(checked: list[Checked], page: int) -> list[str]:
    used = [each for each in checked if each.sample is not None]
    traits = {each.sample.path: each.traits for each in used if each.sample and each.traits}
    correlations = [each.correlation for each in used if each.correlation is not None]
    ambiguous = [
        each.sample.mask
        for each in used
        if each.mask == "ambiguous" and each.sample and isinstance(each.sample.mask, Path)
    ]
    turned = sum(each.mask == "turned" for each in used)
    return [
        *remarks(traits, page, correlations).values(),
        *of_masks(ambiguous, turned, Counter(each.kind for each in used)),
    ]


def _same_ids(samples: list[Sample]) -> Iterator[Problem]:
    by_id: dict[str, list[Path]] = defaultdict(list)
    for sample in samples:
        by_id[sample.image_id].append(sample.path)
    for image_id, (first, *others) in by_id.items():
        for path in others:
            yield Problem(path, f"the same image as {first} by its name ({image_id})")


def _check(sample: Sample, compare: bool) -> Checked:
    """Decode an image, and its mask, in full: what can be used of the sample, and what is wrong, if anything."""
    decoded = _decode(sample.path, sample.page)
    if isinstance(decoded, Problem):
        return Checked(None, decoded)
    image, traits = decoded
    correlation = channel_correlation(image) if compare else None
    if sample.mask is None:
        return Checked(sample, None, traits, correlation)
    if not isinstance(sample.mask, Path):
        usable, problem = _check_drawn(sample, sample.mask, image.size)
        return Checked(usable, problem, traits if usable else None, correlation)
    read = _decode(sample.mask, 0)
    if isinstance(read, Problem):
        return Checked(replace(sample, mask=None), read, traits, correlation)
    mask, how = fit_mask(read[0], traits)
    if mask.size != image.size:
        problem = Problem(sample.mask, f"a mask of another size than its image {printable(sample.path.name)}")
    elif read_mask(mask, sample.box).any():
        return Checked(sample, None, traits, correlation, how, mask_kind(mask))
    elif is_sound(sample.class_name):
        return Checked(replace(sample, mask=None), None, traits, correlation)
    else:
        problem = Problem(sample.mask, "an empty mask: nothing in it is brighter than 127")
    return Checked(replace(sample, mask=None), problem, traits, correlation)


def _check_drawn(sample: Sample, shapes: Shapes, size: tuple[int, int]) -> tuple[Sample | None, Problem | None]:
    """The same, for a mask that an annotation draws."""
    if shapes.size != size:
        stated = f"{shapes.size[0]}x{shapes.size[1]}"
        return None, Problem(sample.path, f"{size[0]}x{size[1]} pixels, its annotation is of {stated}")
    mask = sample_mask(sample)
    if mask is None or not mask.any():
        return replace(sample, mask=None), Problem(sample.path, "an annotation that draws no pixel of its mask")
    return sample, None


def _decode(path: Path, page: int) -> tuple[Image.Image, Traits] | Problem:
    """An image that can be read in full, or what is wrong with it."""
    try:
        return read_image(path, page)
    except DriveGoneError:
        raise
    except DataError as error:
        if isinstance(error.__cause__, FileNotFoundError) and not path.parent.is_dir():
            raise drive_gone(path, "its folder is gone") from error
        return Problem(path, str(error).removeprefix(f"{printable(path)}: "))


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
