"""Images of any kind to the pixels that a model takes, as its image processor says."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from PIL.TiffImagePlugin import TiffImageFile

from steeldefectx.errors import ModelError

logger = logging.getLogger(__name__)

BITS_PER_SAMPLE, MAX_SAMPLE_VALUE = 258, 281
"""Tags of a TIFF file that say how many bits its grey levels have."""
CAMERA_BITS = (10, 12, 14, 16)
UNWARPED_EDGE = 384
"""From this size on ConvNeXT's image processor warps images to a square; below it crops."""


class Preprocessing:
    """What every model with an ``image_processor`` does to images."""

    image_processor: Any

    @property
    def grey_bits(self) -> int:
        """Bits of grey images of more than 8 bits whose files do not say it; kept with the processor."""
        return getattr(self.image_processor, "grey_bits", 16)

    def learn_grey_bits(self, images: Iterable[Image.Image]) -> None:
        """Take over how many bits a data set's grey images have, see :func:`undeclared_bits`.

        Never fewer than a checkpoint was trained with: a dark image alone would be brightened.

        Args:
            images: The data set, or a sample of it.
        """
        bits = undeclared_bits(images)
        known = getattr(self.image_processor, "grey_bits", 0)
        if bits is not None and bits > known:
            self.image_processor.grey_bits = bits
            logger.warning("Grey images of more than 8 bits do not say how many: read as %d bits.", bits)

    def to_rgb(self, image: Image.Image) -> Image.Image:
        """An image of any mode as the model sees it, in RGB, before it is resized."""
        return to_rgb(image, self.grey_bits)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Shape of a preprocessed image: (3, height, width)."""
        channels, height, width = self.to_pixels(Image.new("RGB", (8, 8))).shape
        return channels, height, width

    def to_pixels(self, image: Image.Image) -> np.ndarray:
        """Resize and crop an image as the model wants it: uint8 (3, H, W), not yet scaled."""
        left_out = {"do_rescale": False, "do_normalize": False}
        if hasattr(self.image_processor, "include_top"):  # EfficientNet's
            left_out["include_top"] = False
        return self.image_processor(images=self.to_rgb(image), return_tensors="np", **left_out)["pixel_values"][0]

    def seen(self, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """The part of an image of a size (width, height) that is left after resizing and cropping.

        Returns:
            Left, top, right and bottom, in pixels of the image.
        """
        processor = self.image_processor
        resized: tuple[float, ...] = processor.size["width"], processor.size["height"]
        if (shortest := processor.size["shortest_edge"]) is not None:
            resized = tuple(side * shortest / min(size) for side in size)
        cropped = resized
        crop_share = getattr(processor, "crop_pct", None)  # ConvNeXT's alone
        if crop_share and shortest < UNWARPED_EDGE:
            resized = tuple(side * int(shortest / crop_share) / min(size) for side in size)
            cropped = shortest, shortest
        if processor.do_center_crop:
            cropped = processor.crop_size["width"], processor.crop_size["height"]
        edges = [
            max(0, (whole - part) / 2) * side / whole for whole, part, side in zip(resized, cropped, size, strict=True)
        ]
        left, top = map(round, edges)
        return left, top, size[0] - left, size[1] - top

    def normalize(self, pixels: torch.Tensor) -> torch.Tensor:
        """Rescale and normalize pixels as the image processor does.

        Args:
            pixels: 0..255, (N, 3, H, W) or grey (N, 1, H, W), of any dtype.

        Returns:
            (N, 3, H, W) float32.
        """
        processor, values = self.image_processor, pixels.float()
        if processor.do_rescale:
            values = values / (1 / processor.rescale_factor)
            if getattr(processor, "rescale_offset", False):  # EfficientNet's: to -1..1
                values = values - 1
        if processor.do_normalize:
            mean = values.new_tensor(processor.image_mean).view(-1, 1, 1)
            values = (values - mean) / values.new_tensor(processor.image_std).view(-1, 1, 1)
        if getattr(processor, "include_top", False):  # EfficientNet's: divided once more
            values = values / values.new_tensor(processor.image_std).view(-1, 1, 1)
        if pixels.shape[1] == 3:
            return values
        return values.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)

    def check_preprocessing(self, name: str) -> None:
        """Compare with the image processor's own output on a small image.

        Args:
            name: Of the model, for the message.

        Raises:
            ModelError: The processor does something to images that this class does not know.
        """
        image = Image.fromarray((np.arange(192) * 7 % 256).astype(np.uint8).reshape(8, 8, 3))
        expected = np.asarray(self.image_processor(images=image, return_tensors="np")["pixel_values"][0])
        ours = self.normalize(torch.from_numpy(self.to_pixels(image))[None])[0].numpy()
        if expected.shape != ours.shape or not np.allclose(expected, ours, atol=1e-4):
            raise ModelError(
                f"{name}: its image processor ({type(self.image_processor).__name__}) does more to images than resize, "
                "crop, rescale and normalize, which is not supported."
            )


def to_rgb(image: Image.Image, undeclared_bits: int = 16) -> Image.Image:
    """An image of any mode as RGB, upright as its EXIF data say.

    Grey images of more than 8 bits keep their 8 highest bits; Pillow's own conversion would clip them to white.

    Args:
        image: The image.
        undeclared_bits: How many bits a grey image has whose file does not say it, 8..16.
    """
    bits = declared_bits(image) or undeclared_bits
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        levels = np.asarray(image).clip(0, 2**bits - 1) >> (bits - 8)
        image = Image.fromarray(levels.astype(np.uint8))
    return image.convert("RGB")


def to_display(image: Image.Image) -> Image.Image:
    """An image of any mode as RGB for people, and for models of others: one of few grey levels is not left dark."""
    return to_rgb(image, undeclared_bits([image]) or 16)


def declared_bits(image: Image.Image) -> int | None:
    """Bits of the grey levels of an image in one of Pillow's modes ``I``, 8..16, where its file declares them.

    A TIFF file does by its tags MaxSampleValue, or BitsPerSample below 16. Others do not: Pillow reads PNG and PGM
    files of more than 8 bits as if they had 16.
    """
    if not isinstance(image, TiffImageFile):
        return None
    declared = [int(bits) for bits in np.ravel(image.tag_v2.get(BITS_PER_SAMPLE, [])) if bits < 16]
    declared += [int(value).bit_length() for value in np.ravel(image.tag_v2.get(MAX_SAMPLE_VALUE, []))]
    return max(8, min(declared)) if declared else None


def undeclared_bits(images: Iterable[Image.Image]) -> int | None:
    """Bits of the grey levels of a data set's images of more than 8 bits that do not declare them.

    The least of a camera's usual numbers that holds the brightest pixel of all of them: of a single image that would
    say nothing, since it would brighten a dark one.

    Args:
        images: Images of the data set, of any mode.

    Returns:
        10, 12, 14 or 16; None where there is no such image.
    """
    deep = (image for image in images if image.mode.startswith("I") and declared_bits(image) is None)
    brightest = [int(np.asarray(image).max()) for image in deep]
    if not brightest:
        return None
    return next(bits for bits in CAMERA_BITS if max(brightest) < 2**bits or bits == CAMERA_BITS[-1])
