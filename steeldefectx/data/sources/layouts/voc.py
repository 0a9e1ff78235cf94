"""Pascal VOC: an XML file an image, with boxes.

VOC2007/JPEGImages/0001.jpg
VOC2007/Annotations/0001.xml        or beside the image
VOC2007/ImageSets/Main/train.txt    names of the images of a split
VOC2007/SegmentationClass/0001.png  a mask in the colours of classes
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from steeldefectx.data.sources.annotation_files import read_lines
from steeldefectx.data.sources.layouts.layout import BY_NAMES, Layout
from steeldefectx.data.sources.layouts.matching import Images, paired, some_of
from steeldefectx.data.sources.layouts.objects import Annotated, Object, samples_of
from steeldefectx.data.sources.listing import Problem, Sample
from steeldefectx.data.sources.split_words import is_split
from steeldefectx.data.sources.tree import Tree
from steeldefectx.data.sources.voc_file import VocFile, read_voc_file

MASKS, PARTS = "SegmentationClass", "SegmentationObject"
"""Folders of pictures whose colours are classes, and objects."""


def recognize(tree: Tree) -> str | None:
    """How many XML files there are, if a handful of them is VOC's."""
    images = Images(tree)
    files = _files(tree)
    named = [file for file in files if images.have_stem(file.stem)]
    if any(map(_is_voc, some_of(named or files))):
        return f"{len(named or files):,} XML files of an image each"
    return None


def _files(tree: Tree) -> list[Path]:
    return [file for file in tree.texts if file.suffix.lower() == ".xml"]


def _is_voc(file: Path) -> bool:
    try:
        read_voc_file(file)
    except (OSError, ValueError):
        return False
    return True


def read(tree: Tree) -> Iterator[Sample]:
    """The boxes of all files, with masks for the images that have objects of one class."""
    mask_of = _take_masks(tree)
    split_of = _image_sets(tree)
    samples = list(
        samples_of(
            tree,
            (
                Annotated(image, file, objects, voc.size, split_of.get(image.stem))
                for file, image, (voc, objects) in paired(tree, _files(tree), _read_file)
            ),
        )
    )
    classes: dict[Path, set[str]] = defaultdict(set)
    for sample in samples:
        classes[sample.path].add(sample.class_name)
    for sample in samples:
        alone = len(classes[sample.path]) == 1 and sample.box is not None
        yield replace(sample, mask=mask_of.get(sample.path.stem)) if alone else sample
    several = sum(path.stem in mask_of and len(names) > 1 for path, names in classes.items())
    if several:
        tree.notes.append(
            f"{several:,} masks are of images with several classes, whose colours say no names: not read."
        )


def _read_file(file: Path) -> tuple[tuple[VocFile, list[Object]], str | None]:
    voc = read_voc_file(file)
    objects = [Object(voc_object.name, voc_object.box()) for voc_object in voc.objects]
    return (voc, objects), voc.filename


def _take_masks(tree: Tree) -> dict[str, Path]:
    """Name of an image -> its mask; the pictures of masks are removed from the tree."""
    found: dict[str, Path] = {}
    for folder in [folder for folder in tree.folders if folder.name in (MASKS, PARTS)]:
        files = tree.folders.pop(folder)
        found |= {file.stem: file for file in files if folder.name == MASKS}
    return found


def _image_sets(tree: Tree) -> dict[str, str]:
    """Name of an image -> the split that ImageSets puts it in."""
    split_of: dict[str, str] = {}
    for file in tree.texts:
        if file.suffix.lower() == ".txt" and "ImageSets" in file.parts and is_split(file.stem):
            try:
                names = [line.split()[0] for line in read_lines(file)]
            except (OSError, ValueError) as error:
                tree.problems.append(Problem(file, f"not a readable list of images ({error})"))
                continue
            for name in names:
                if file.stem != "trainval":  # the images of train and of val
                    split_of[Path(name).name] = file.stem
                else:
                    split_of.setdefault(Path(name).name, file.stem)
    return split_of


VOC = Layout(
    "voc",
    "Pascal VOC",
    "VOC2007/JPEGImages/0001.jpg\nVOC2007/Annotations/0001.xml\nVOC2007/ImageSets/Main/train.txt",
    recognize,
    read,
    opens_images=True,
    beats=BY_NAMES,
)
