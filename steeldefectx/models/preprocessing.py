"""Images of any kind to the pixels that a model takes, as its image processor says."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from PIL import Image

from steeldefectx.errors import ModelError
from steeldefectx.utils.grey_levels import GreyLevels, Range, to_rgb

logger = logging.getLogger(__name__)

UNWARPED_EDGE = 384
"""From this size on ConvNeXT's image processor warps images to a square; below it crops."""


class Preprocessing:
    """What every model with an ``image_processor`` does to images."""

    image_processor: Any

    @property
    def grey_bits(self) -> int:
        """Bits of grey images of more than 8 bits whose files do not say it; kept with the processor."""
        return getattr(self.image_processor, "grey_bits", 16)

    @property
    def grey_range(self) -> Range | None:
        """Black and white of floating-point, negative or 32-bit grey levels; kept with the processor."""
        known = getattr(self.image_processor, "grey_range", None)
        return None if known is None else (known[0], known[1])

    def learn_grey_levels(self, images: Iterable[Image.Image]) -> None:
        """Take over what a data set's grey levels of more than 8 bits are, see :class:`.GreyLevels`.

        Never fewer bits, and no narrower range, than a checkpoint was trained with: a dark image alone would be
        brightened.

        Args:
            images: The data set, or a sample of it.
        """
        levels = GreyLevels()
        for image in images:
            levels.add(image)
        known_bits = getattr(self.image_processor, "grey_bits", 0)
        if levels.bits is not None and levels.bits > known_bits:
            self.image_processor.grey_bits = levels.bits
            logger.warning("Grey images of more than 8 bits do not say how many: read as %d bits.", levels.bits)
        known, learnt = self.grey_range, levels.range
        if learnt is not None and (known is None or (known[0] == learnt[0] == 0 and learnt[1] > known[1])):
            self.image_processor.grey_range = list(learnt)
            logger.warning(
                "Grey levels that are floating-point numbers, negative or of 32 bits: %g is black, %g white.", *learnt
            )

    def to_rgb(self, image: Image.Image) -> Image.Image:
        """An image of any mode as the model sees it, in RGB, before it is resized."""
        return to_rgb(image, self.grey_bits, self.grey_range)

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
