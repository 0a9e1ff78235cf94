"""Images of any kind to the pixels that a model takes, as its image processor says."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps


class Preprocessing:
    """What every model with an ``image_processor`` does to images."""

    image_processor: Any

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Shape of a preprocessed image: (3, height, width)."""
        channels, height, width = self.to_pixels(Image.new("RGB", (8, 8))).shape
        return channels, height, width

    def to_pixels(self, image: Image.Image) -> np.ndarray:
        """Resize and crop an image as the model wants it: uint8 (3, H, W), not yet scaled."""
        batch = self.image_processor(images=to_rgb(image), do_rescale=False, do_normalize=False, return_tensors="np")
        return batch["pixel_values"][0]

    def seen(self, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """The part of an image of a size (width, height) that is left after resizing and cropping.

        Returns:
            Left, top, right and bottom, in pixels of the image.
        """
        processor = self.image_processor
        resized = processor.size["width"], processor.size["height"]
        if (shortest := processor.size["shortest_edge"]) is not None:
            resized = tuple(side * shortest / min(size) for side in size)
        cropped = resized
        if processor.do_center_crop:
            cropped = processor.crop_size["width"], processor.crop_size["height"]
        edges = [
            max(0, (whole - part) / 2) * side / whole for whole, part, side in zip(resized, cropped, size, strict=True)
        ]
        left, top = map(round, edges)
        return left, top, size[0] - left, size[1] - top

    def normalize(self, pixels: torch.Tensor) -> torch.Tensor:
        """Scale pixels 0..255 (N, 3, H, W), or grey ones (N, 1, H, W), of any dtype, to what the model takes.

        Returns:
            (N, 3, H, W) float32.
        """
        scaled = pixels.float() / 255
        if self.image_processor.do_normalize:
            mean = scaled.new_tensor(self.image_processor.image_mean).view(3, 1, 1)
            std = scaled.new_tensor(self.image_processor.image_std).view(3, 1, 1)
            scaled = (scaled - mean) / std
        if pixels.shape[1] == 3:
            return scaled
        return scaled.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)


def to_rgb(image: Image.Image) -> Image.Image:
    """An image of any mode as RGB, upright as its EXIF data say.

    Cameras deliver grey images of 10 to 16 bits; Pillow's own conversion would clip them to white. They are
    shifted so that the brightest pixel needs all of the 8 bits.
    """
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        values = np.asarray(image).clip(0)
        image = Image.fromarray((values >> max(0, int(values.max()).bit_length() - 8)).astype(np.uint8))
    return image.convert("RGB")
