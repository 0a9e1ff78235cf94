"""Features are encoded once and never stale."""

import io
import shutil
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from steeldefectx.data.labelled import Split
from steeldefectx.features import encoding
from steeldefectx.features.encoding import Features
from steeldefectx.features.feature_cache import FeatureCache
from steeldefectx.features.logits import class_logits
from steeldefectx.features.pixels import PixelStore
from steeldefectx.models.clip import load_clip
from steeldefectx.utils import fingerprint

CPU = torch.device("cpu")
PROMPTS = [["a scratch"], ["a hole", "a round hole"]]


def png(seed):
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (50, 70), dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def deep_png(brightest):
    buffer = io.BytesIO()
    Image.fromarray(np.linspace(0, brightest, 3500).astype(np.uint16).reshape(50, 70)).save(buffer, "PNG")
    return buffer.getvalue()


def split(*seeds):
    return of_files([png(seed) for seed in seeds])


def of_files(files):
    return Split(
        column=[{"bytes": file, "path": None} for file in files],
        column_hashes=[str(hash(file)) for file in files],
        rows=np.arange(len(files)),
        labels=np.zeros(len(files), dtype=np.int64),
        texts={},
        sources=np.array(["NEU"] * len(files)),
    )


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HOME", str(tmp_path))


def test_cached_and_new_features_give_equal_logits(tmp_path, monkeypatch):
    images = split(*range(10))
    first = Features(load_clip("tiny"), CPU)
    new = class_logits(first, images, PROMPTS)
    again = Features(load_clip("tiny"), CPU)
    cached = class_logits(again, images, PROMPTS)
    assert (first.encoded_images, first.encoded_texts) == (10, 3)
    assert (again.encoded_images, again.encoded_texts) == (0, 0)
    torch.testing.assert_close(cached, new, atol=1e-5, rtol=0)
    monkeypatch.setattr("huggingface_hub.constants.HF_HOME", str(tmp_path / "other"))
    torch.testing.assert_close(class_logits(Features(load_clip("tiny"), CPU), images, PROMPTS), new, atol=1e-5, rtol=0)


def test_only_what_is_new_is_encoded():
    Features(load_clip("tiny"), CPU).images(split(0, 1, 2))
    more = Features(load_clip("tiny"), CPU)
    found = more.images(split(5, 2, 0, 5, 6))
    assert more.encoded_images == 2
    torch.testing.assert_close(found[0], found[3])
    alone = more.images(split(6))
    torch.testing.assert_close(alone[0], found[4])
    part = split(0, 1, 2, 5).part(np.array([False, True, False, True]))
    torch.testing.assert_close(Features(load_clip("tiny"), CPU).images(part)[1], found[0])


def change_a_weight(clip):
    with torch.no_grad():
        next(clip.model.vision_model.parameters())[0, 0, 0, 0] += 1e-3


def change_a_buffer(clip):
    next(clip.model.vision_model.buffers()).add_(0.1)


def change_the_preprocessing(clip):
    clip.image_processor.resample = 2


def change_the_architecture(clip):
    clip.model.config.text_config.hidden_act = "gelu"


@pytest.mark.parametrize(
    "change", [change_a_weight, change_a_buffer, change_the_preprocessing, change_the_architecture]
)
def test_a_changed_model_has_features_of_its_own(change):
    Features(load_clip("tiny"), CPU).images(split(0, 1))
    changed = load_clip("tiny")
    change(changed)
    features = Features(changed, CPU)
    features.images(split(0, 1))
    assert features.encoded_images == 2


def test_another_precision_has_features_of_its_own():
    Features(load_clip("tiny"), CPU).images(split(0, 1))
    coarse = Features(load_clip("tiny"), CPU, torch.bfloat16)
    coarse.images(split(0, 1))
    assert coarse.encoded_images == 2


def test_each_view_has_features_of_its_own():
    features, kinds = Features(load_clip("tiny"), CPU), [("none", 0), ("geometric", 1), ("geometric", 2)]
    found = [features.images(split(0, 1), kind, view) for kind, view in kinds]
    assert features.encoded_images == 6
    assert not any(torch.equal(found[a], found[b]) for a, b in ((0, 1), (0, 2), (1, 2)))
    assert all(
        torch.equal(features.images(split(0, 1), *kind), before) for kind, before in zip(kinds, found, strict=True)
    )
    assert features.encoded_images == 6


def test_an_image_that_is_read_at_another_depth_is_encoded_again():
    """Of 12 bits by itself, of 16 beside a brighter one: its grey levels are other ones."""
    features = Features(load_clip("tiny"), CPU)
    images = of_files([deep_png(4000), deep_png(60000)])
    features.images(images.part(np.array([True, False])))
    assert features.clip.grey_bits == 12
    features.images(images)
    assert features.clip.grey_bits == 16
    assert features.encoded_images == 1 + 2


def test_an_interrupted_run_keeps_what_it_encoded(monkeypatch):
    monkeypatch.setattr(encoding, "BATCH", 2)
    monkeypatch.setattr(encoding, "BATCHES_PER_FILE", 2)
    clip = load_clip("tiny")
    encode, calls = clip.encode_images, []

    def breaks_down(pixels):
        if len(calls) == 3:
            raise KeyboardInterrupt
        calls.append(len(pixels))
        return encode(pixels)

    clip.encode_images = breaks_down
    with pytest.raises(KeyboardInterrupt):
        Features(clip, CPU).images(split(*range(10)))
    resumed = Features(load_clip("tiny"), CPU)
    resumed.images(split(*range(10)))
    assert resumed.encoded_images == 6


def test_a_half_written_file_is_not_read():
    features = Features(load_clip("tiny"), CPU)
    folder = FeatureCache("images", features.fingerprint).folder
    (folder / "abc.tmp").write_bytes(b"half a file")
    assert features.images(split(0)).shape[0] == 1


def test_the_store_holds_what_the_towers_preprocessing_gives():
    clip, images = load_clip("tiny"), split(0, 1, 2)
    store = PixelStore(images, clip)
    assert store.batch(np.array([2, 0])).shape == (2, 1, 96, 96), "grey images have one channel"
    assert store.batch(np.array([1])).dtype == torch.uint8
    expected = clip.to_pixels(Image.open(io.BytesIO(png(2))))[:1]
    np.testing.assert_array_equal(store.batch(np.array([2]))[0].numpy(), expected)
    held_out = images.part(np.array([False, False, True]))
    assert PixelStore(held_out, clip).path == store.path, "a part shares the file of the whole"
    np.testing.assert_array_equal(PixelStore(held_out, clip).batch(np.array([0]))[0].numpy(), expected)


def test_pixels_of_another_preprocessing_are_not_taken():
    images, other = split(0), load_clip("tiny")
    other.image_processor.resample = Image.Resampling.NEAREST
    expected = other.to_pixels(Image.open(io.BytesIO(png(0))))[:1]
    before = PixelStore(images, load_clip("tiny")).batch(np.array([0]))[0].numpy()
    assert (before != expected).any()
    np.testing.assert_array_equal(PixelStore(images, other).batch(np.array([0]))[0].numpy(), expected)


def test_preprocessing_in_two_steps_is_the_processors_own():
    clip = load_clip("tiny")
    clip.image_processor.do_normalize = True
    image = Image.open(io.BytesIO(png(3))).convert("RGB")
    ours = clip.normalize(torch.from_numpy(clip.to_pixels(image))[None])
    theirs = clip.image_processor(images=image, return_tensors="pt")["pixel_values"]
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)


@pytest.mark.parametrize("file", ["models/preprocessing.py", "features/augmentation.py"])
def test_what_other_code_or_libraries_have_made_is_not_served(file, tmp_path, monkeypatch):
    """A changed constant, a newer Pillow; a changed docstring alone is nothing new."""
    Features(load_clip("tiny"), CPU).images(split(0))
    pixels = PixelStore(split(0), load_clip("tiny")).path

    def encoded_again():
        fingerprint.code_hash.cache_clear()
        features = Features(load_clip("tiny"), CPU)
        features.images(split(0))
        new_pixels = PixelStore(split(0), load_clip("tiny")).path != pixels
        assert new_pixels == (features.encoded_images == 1 and file != "features/augmentation.py")
        return features.encoded_images == 1

    package = Path(shutil.copytree(fingerprint.PACKAGE, tmp_path / "package"))
    monkeypatch.setattr(fingerprint, "PACKAGE", package)
    assert not encoded_again()
    source = (package / file).read_text()
    (package / file).write_text('"""Another docstring."""\n' + source[source.index("from __future__") :])
    (package / "features" / "logits.py").write_text("nothing = 0")
    assert not encoded_again(), "neither documentation nor other files count"
    (package / file).write_text(source + "NEW = 1\n")
    assert encoded_again()
    monkeypatch.setattr(fingerprint, "version", lambda name: "99" if name == "pillow" else version(name))
    if file != "features/augmentation.py":
        pixels = None
        assert encoded_again()
    fingerprint.code_hash.cache_clear()
