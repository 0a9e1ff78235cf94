"""Images as they are sent to a model."""

import base64
import io

import numpy as np
from PIL import Image, PngImagePlugin

from steeldefectx.annotate.pipeline.prompts import data_uri


def decoded(uri):
    head, data = uri.split(",")
    return head, base64.b64decode(data)


def test_images_go_out_without_metadata_and_no_larger_than_looked_at(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (40, 60), dtype=np.uint8)
    plain, noted, photo = tmp_path / "plain.png", tmp_path / "noted.png", tmp_path / "photo.jpg"
    Image.fromarray(pixels).save(plain)
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Author", "Line 4, shift B")
    Image.fromarray(pixels).save(noted, pnginfo=notes)
    exif = Image.Exif()
    exif[0x010F] = "CameraMaker"
    Image.fromarray(pixels).save(photo, exif=exif, quality=95)
    assert decoded(data_uri(plain)) == ("data:image/png;base64", plain.read_bytes())
    for file in (noted, photo):
        head, data = decoded(data_uri(file))
        assert head == "data:image/png;base64"
        assert b"shift B" not in data
        assert b"CameraMaker" not in data
        with Image.open(file) as before, Image.open(io.BytesIO(data)) as after:
            assert np.array_equal(np.asarray(before.convert("RGB")), np.asarray(after))
    deep, large = tmp_path / "deep.png", tmp_path / "large.jpg"
    Image.fromarray(pixels.astype(np.uint16) * 16).save(deep)
    Image.new("L", (2048, 1000)).save(large)
    with Image.open(io.BytesIO(decoded(data_uri(deep))[1])) as image:
        assert (image.mode, image.size) == ("RGB", (60, 40))
        assert np.asarray(image).max() > 200
    with Image.open(io.BytesIO(decoded(data_uri(large))[1])) as image:
        assert image.size == (1573, 768)
