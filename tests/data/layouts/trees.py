"""Small images and masks, and the classes that a folder of them is read as."""

from collections import Counter

import numpy as np
from PIL import Image

from steeldefectx.data.sources import find_class_folders


def image(path, size=(20, 16)):
    """A grey image of noise, another one for each name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(list(str(path).encode())).integers(1, 255, size[::-1], dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


def mask(path, pixels=10, level=255, size=(20, 16)):
    """A mask with so many pixels on, from the third row on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    levels = np.zeros(size[::-1], np.uint8)
    levels[2:].reshape(-1)[:pixels] = level
    Image.fromarray(levels).save(path)
    return path


def found(root, **settings):
    """The listing of a folder, and its classes with counts."""
    listing = find_class_folders(root, **settings)
    return listing, Counter(sample.class_name for sample in listing.samples)


def split_counts(listing):
    return Counter((sample.split, sample.class_name) for sample in listing.samples)
