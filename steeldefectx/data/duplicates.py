"""Images that belong on one side of a split: parts of one photograph, and near-duplicates.

Of near-duplicates a perceptual hash finds candidates; correlation of the small grey images confirms them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np
from PIL import Image
from scipy.fft import dctn
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from tqdm.auto import tqdm

from steeldefectx.data.images import open_image
from steeldefectx.data.sources.listing import PART, Sample
from steeldefectx.taxonomy import GC10
from steeldefectx.utils.cores import usable_cores
from steeldefectx.utils.grey_levels import to_grey

Key = TypeVar("Key")
THUMB = 32
"""Pixels a side of the grey images that are hashed and correlated."""
HASH_SIDE = 8
MAX_DISTANCE = 12
"""Candidates differ in at most so many of the 63 bits of the hash."""
MIN_CORRELATION = 0.965
"""Candidates that correlate at least so well are near-duplicates. Different images of NEU and X-SDD whose hashes
are as close correlate at 0.944 or less; nine in ten images survive JPEG at quality 30 or a change of brightness."""
BLANK_STD = 1.5
"""Grey levels: an image whose standard deviation is below is blank."""
CHUNK = 512


@dataclass(frozen=True)
class Pair:
    """Two near-duplicates, by their positions."""

    first: int
    second: int
    correlation: float


@dataclass(frozen=True)
class Looks:
    """What is kept of the images to compare them."""

    thumbs: np.ndarray
    """(N, THUMB * THUMB) float32 grey levels."""
    deviations: np.ndarray
    """(N,) standard deviation of the grey levels of the whole image."""


def read_looks(images: Sequence[Key], decode: Callable[[Key], Image.Image]) -> Looks:
    """Images, small and grey.

    Args:
        images: What stands for each of N images.
        decode: Gives the image.
    """
    with ThreadPoolExecutor(usable_cores()) as pool:
        decoded = pool.map(lambda image: _look(decode(image)), images)
        looks = list(tqdm(decoded, "compare images", len(images), unit="image", delay=2))
    thumbs = np.array([thumb for thumb, _ in looks], dtype=np.float32).reshape(len(images), THUMB * THUMB)
    return Looks(thumbs, np.array([deviation for _, deviation in looks], dtype=np.float64))


def _look(image: Image.Image) -> tuple[np.ndarray, float]:
    grey = to_grey(image)
    small = grey.convert("F").resize((THUMB, THUMB), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32).ravel(), float(np.asarray(grey).std())


def near_duplicates(looks: Looks) -> list[Pair]:
    """All pairs of near-duplicates; blank images are nobody's duplicates."""
    hashes = perceptual_hashes(looks.thumbs)
    centred = looks.thumbs - looks.thumbs.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    unit = centred / np.maximum(norms, 1e-6)
    shown = looks.deviations >= BLANK_STD
    pairs = []
    for first, second in _candidates(hashes, shown):
        correlation = float(unit[first] @ unit[second])
        if correlation >= MIN_CORRELATION:
            pairs.append(Pair(int(first), int(second), correlation))
    return pairs


def perceptual_hashes(thumbs: np.ndarray) -> np.ndarray:
    """(N, 63) of -1 or 1: the low frequencies of the cosine transform, without the mean, against their median."""
    images = thumbs.reshape(-1, THUMB, THUMB)
    low = dctn(images, axes=(1, 2))[:, :HASH_SIDE, :HASH_SIDE].reshape(len(images), -1)[:, 1:]
    return np.where(low > np.median(low, axis=1, keepdims=True), np.float32(1), np.float32(-1))


def _candidates(hashes: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """(M, 2) positions whose hashes are close: the product of two hashes is 63 - 2 x their distance."""
    pairs = [np.empty((0, 2), dtype=np.int64)]
    least = hashes.shape[1] - 2 * MAX_DISTANCE
    for start in range(0, len(hashes), CHUNK):
        close = hashes[start : start + CHUNK] @ hashes[start:].T >= least
        close &= shown[start : start + CHUNK, None] & shown[None, start:]
        pairs.append(np.argwhere(np.triu(close, 1)) + start)
    return np.concatenate(pairs)


def groups_of(pairs: Sequence[Pair], count: int) -> list[list[int]]:
    """Sets of images that pairs link, each sorted, of ``count`` images."""
    return join_groups([(pair.first, pair.second) for pair in pairs], count)


def join_groups(groups: Iterable[Sequence[int]], count: int) -> list[list[int]]:
    """Groups that share a member become one; each sorted, of ``count`` images."""
    links = [link for group in groups for link in pairwise(group)]
    if not links:
        return []
    ends = np.array(links).T
    _, labels = connected_components(coo_array((np.ones(len(links)), tuple(ends)), (count, count)), directed=False)
    members: dict[int, list[int]] = {}
    for position in sorted(set(ends.ravel().tolist())):
        members.setdefault(int(labels[position]), []).append(position)
    return list(members.values())


def photograph_of(image_id: str) -> str:
    """What the samples of one photograph have in common: ``frames/12`` for ``frames/12::scratch 1``.

    GC10-DET's ids, which are older, end in the class: ``GC10/img_01`` for ``GC10/img_01/punching``.
    """
    photograph = image_id.partition(PART)[0]
    return photograph.rpartition("/")[0] if photograph.startswith(f"{GC10}/") else photograph


def photographs(image_ids: Iterable[str]) -> list[list[int]]:
    """Positions of the samples of one photograph, for each photograph that has several."""
    members: dict[str, list[int]] = {}
    for position, image_id in enumerate(image_ids):
        members.setdefault(photograph_of(image_id), []).append(position)
    return [positions for positions in members.values() if len(positions) > 1]


def sample_looks(samples: Sequence[Sample]) -> Looks:
    """:func:`read_looks` of the files of samples, whole, each of which is opened once."""
    files = list(dict.fromkeys((sample.path, sample.page) for sample in samples))
    looks, number = read_looks(files, lambda file: open_image(*file)), {file: n for n, file in enumerate(files)}
    rows = [number[sample.path, sample.page] for sample in samples]
    return Looks(looks.thumbs[rows], looks.deviations[rows])


def find_duplicates(samples: Sequence[Sample]) -> list[list[int]]:
    """Positions of samples whose image files are near-duplicates, group by group; none is of one photograph alone."""
    groups = groups_of(near_duplicates(sample_looks(samples)), len(samples))
    return [group for group in groups if len({photograph_of(samples[n].image_id) for n in group}) > 1]
