"""The images of a data set as rows of the annotation store: each a file of its own, with its class and mask."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from steeldefectx.data.builder import SteelDefectXConfig, find_samples, resolved_config
from steeldefectx.data.download import download_release
from steeldefectx.data.images import open_image, reads_alike, traits_of
from steeldefectx.data.sample_rows import sample_texts
from steeldefectx.data.sources import Problem, Sample, sample_mask
from steeldefectx.data.sources.mask_pixels import WHITE, mask_kind
from steeldefectx.data.sources.shapes import Shapes
from steeldefectx.errors import ConfigError
from steeldefectx.render import sample
from steeldefectx.store.schema import AnnotatedImage
from steeldefectx.taxonomy import t1_sentence
from steeldefectx.utils.cache import cache_path
from steeldefectx.utils.grey_levels import to_display

CACHE_FOLDER = "annotate"
"""In the cache, for images that are no files by themselves: parts of larger ones, and rendered ones."""


def find_images(
    config: str, data_dir: Path | None, *, skip_bad: bool, **settings: Any
) -> tuple[list[AnnotatedImage], list[Problem]]:
    """The images of a data set, and what was left out of it.

    Args:
        config: A config of :mod:`steeldefectx.data.builder`.
        data_dir: Folder with the images; None for ``sample``, and for the public release, which is downloaded.
        skip_bad: Leave out what cannot be used, instead of raising.
        **settings: How the folder is read: ``layout``, ``boxes``, ``page``, ``zip_encoding``, see
            :class:`~steeldefectx.data.builder.SteelDefectXConfig`.

    Raises:
        DataError: Images that cannot be used; all are listed.
        ConfigError: No folder where one is needed.
    """
    if config == "sample":
        return list(_rendered_images()), []
    config = resolved_config(config, data_dir, settings.get("zip_encoding"))
    if data_dir is None and config != "default":
        raise ConfigError(f"Name the folder with the images of the config {config!r}.")
    folder = download_release() if data_dir is None else data_dir
    found = find_samples(config, folder, skip_bad=skip_bad, **settings)
    return [_from_sample(each) for each in found.samples], found.problems


def _rendered_images() -> Iterator[AnnotatedImage]:
    """The config ``sample``, rendered into the cache."""
    defaults = SteelDefectXConfig(name="sample")
    folder = cache_path(CACHE_FOLDER, f"sample-{defaults.seed}-{defaults.image_size}")
    for index in range(defaults.images):
        class_name = sample.class_of(index)
        image, mask = folder / f"{index:05d}.png", folder / f"{index:05d}_mask.png"
        if not (image.is_file() and mask.is_file()):
            row = sample.sample_row(index, defaults.images, defaults.image_size, defaults.seed)
            _write(image, row["image"]["bytes"])
            _write(mask, row["mask"]["bytes"])
        yield _annotated_image(sample.id_of(index), class_name, sample.SOURCE, t1_sentence(class_name), image, mask)


def _from_sample(found: Sample) -> AnnotatedImage:
    image, mask = _files(found)
    t1 = sample_texts(found)["T1"]
    return _annotated_image(found.image_id, found.class_name, found.source, t1, image, mask)


def _files(found: Sample) -> tuple[Path, Path | None]:
    """Files of a sample's image and mask: in the cache, those that are parts of larger ones, or drawn."""
    turned = found.mask is not None and traits_of(found.path).orientation != 1
    as_it_lies = found.box is None and found.page == 0 and reads_alike(found.path)
    if as_it_lies and not turned and (found.mask is None or _is_white_on_black(found.mask)):
        return found.path, found.mask if isinstance(found.mask, Path) else None
    drawn = found.mask if isinstance(found.mask, Shapes | None) else (str(found.mask), found.mask.stat().st_mtime_ns)
    state = (str(found.path.absolute()), found.path.stat().st_mtime_ns, found.box, found.page, drawn)
    key = hashlib.sha256(repr(state).encode()).hexdigest()
    image, mask = (cache_path(CACHE_FOLDER, f"{key[:32]}{suffix}.png") for suffix in ("", "_mask"))
    if as_it_lies:
        image = found.path
    elif not image.is_file():
        part = open_image(found.path, found.page).crop(found.box)
        _write(image, _png(part if part.mode in ("L", "RGB") else to_display(part)))
    pixels = None if mask.is_file() else sample_mask(found)
    if pixels is not None:
        _write(mask, _png(Image.fromarray(pixels)))
    return image, None if found.mask is None else mask


def _is_white_on_black(mask: Path | Shapes) -> bool:
    """Whether a mask is a file that can be shown as it lies."""
    return isinstance(mask, Path) and mask_kind(open_image(mask)) == WHITE


def _annotated_image(
    image_id: str, class_name: str, source: str, t1: str | None, path: Path, mask: Path | None
) -> AnnotatedImage:
    mask_path = None if mask is None else str(mask.absolute())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return AnnotatedImage(image_id, class_name, source, t1, str(path.absolute()), mask_path, digest)


def _png(image: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _write(path: Path, data: bytes) -> None:
    """Write a file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(data)
    temporary.replace(path)
