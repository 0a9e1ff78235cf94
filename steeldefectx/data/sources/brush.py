"""Masks as Label Studio's brush leaves them: run-lengths of the bytes of a picture in red, green, blue and alpha.

A string of bits: the count of bytes (32 bits), the bits of a word less 1 (5), four lengths less 1 (4 each); then runs.
A run is a bit that says whether one word is repeated, two that choose one of the lengths, so many bits that hold the
count of words less 1, and the words: one, or each. What is drawn is where alpha is more than 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

CHANNELS = 4


def brush_mask(run_lengths: Any, size: tuple[int, int]) -> np.ndarray:
    """The pixels of a brush mark.

    Args:
        run_lengths: Bytes as a list of numbers, as in the file.
        size: Width and height of the image.

    Returns:
        (H, W) bool.

    Raises:
        ValueError: They are none, or of a picture of another size.
    """
    if not isinstance(run_lengths, list) or not all(type(n) is int and 0 <= n < 256 for n in run_lengths):
        raise ValueError("a brush mark that is no list of bytes")
    bits = np.unpackbits(np.array(run_lengths, np.uint8))
    text, at = (bits + ord("0")).tobytes(), 0

    def read(count: int) -> int:
        nonlocal at
        at += count
        if at > len(text):
            raise ValueError("a brush mark that ends too early")
        return int(text[at - count : at], 2)

    total = read(32)
    if total != size[0] * size[1] * CHANNELS:
        raise ValueError(f"a brush mark that is not of {size[0]}x{size[1]} pixels")
    word, lengths = read(5) + 1, [read(4) + 1 for _ in range(4)]
    on, done = np.zeros(total, bool), 0
    while done < total:
        repeated = read(1)
        count = read(lengths[read(2)]) + 1
        if done + count > total:
            raise ValueError("a brush mark that goes on after its last pixel")
        start, words = at, 1 if repeated else count
        at += words * word
        if at > len(text):
            raise ValueError("a brush mark that ends too early")
        on[done : done + count] = bits[start:at].reshape(words, word).any(1)  # one word, or each, is more than 0
        done += count
    return on.reshape(size[1], size[0], CHANNELS)[:, :, -1]
