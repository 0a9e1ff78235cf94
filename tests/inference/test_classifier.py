"""SteelDefectClassifier: against plain re-derivations, transformers' pipeline, and files nobody vouched for."""

import errno
import io
import json
import struct
import time
import zlib

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessorPil, pipeline

from steeldefectx import SteelDefectClassifier
from steeldefectx.data.images import MAX_PIXELS, open_image
from steeldefectx.errors import ConfigError, DataError, DriveGoneError, ModelError
from steeldefectx.inference.classifier import Prediction
from steeldefectx.inference.engines import BATCH
from steeldefectx.language.class_sentences import class_sentences
from steeldefectx.models.adapters import ClipAdapter
from steeldefectx.models.calibration import CALIBRATION, calibrate, write_calibration
from steeldefectx.models.checkpoint import save_checkpoint
from steeldefectx.models.clip import load_clip

CLASSES = {"Crazing": ["a fine network of cracks"], "Patches": ["a patch", "two patches"], "weld spatter": ["drops"]}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A CLIP-Adapter of random weights on tiny."""
    folder = tmp_path_factory.mktemp("checkpoint")
    clip = load_clip("tiny")
    torch.manual_seed(0)
    clip.adapter = ClipAdapter(128, ratio=0.5)
    save_checkpoint(clip, CLASSES, folder)
    return folder


@pytest.fixture(scope="module")
def classifier(checkpoint):
    return SteelDefectClassifier.from_pretrained(checkpoint)


@pytest.fixture(scope="module")
def vit(tmp_path_factory):
    """An image classifier of three classes."""
    folder = tmp_path_factory.mktemp("vit")
    torch.manual_seed(1)
    config = ViTConfig(hidden_size=16, intermediate_size=32, num_attention_heads=2, num_hidden_layers=1, image_size=32,
                       patch_size=16, id2label={0: "Crazing", 1: "good", 2: "Patches"})  # fmt: skip
    ViTForImageClassification(config).save_pretrained(folder)
    ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def picture(seed=0, size=(60, 50)):
    """Large spots, so that images differ in what a small model sees."""
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 5, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def probabilities(found, classes=CLASSES):
    """In the order of the classes."""
    by_label = dict(zip(found.labels, found.probabilities, strict=True))
    return [by_label[label] for label in classes]


@torch.inference_mode()
def by_hand(clip, image, texts):
    """Probabilities from the model's own parts."""
    embeddings = []
    for some in texts.values():
        each = clip.embed_texts(clip.encode_texts(clip.tokenize(some)))
        embeddings.append(each.mean(0) / each.mean(0).norm())
    features = clip.encode_images(torch.from_numpy(clip.to_pixels(image))[None])
    if clip.adapter is not None:
        features = clip.adapter(features)
    cosines = features / features.norm() @ torch.stack(embeddings).T
    return (clip.model.logit_scale.exp() * cosines).softmax(-1)[0].tolist()


def test_probabilities_are_those_of_scaled_cosines(classifier):
    for seed in (0, 1):
        (found,) = classifier.predict(picture(seed))
        expected = by_hand(classifier.engine.model, picture(seed), CLASSES)
        assert probabilities(found) == pytest.approx(expected, abs=1e-5)
        assert found.labels[0] == list(CLASSES)[int(np.argmax(expected))]
        assert found.probabilities == sorted(found.probabilities, reverse=True)


def test_it_answers_as_transformers_own_pipeline(vit, tmp_path):
    theirs = pipeline("image-classification", model=str(vit), device="cpu")
    ours = SteelDefectClassifier.from_pretrained(vit)
    for n in range(3):
        picture(n).save(tmp_path / f"{n}.png")
    files = [str(tmp_path / f"{n}.png") for n in range(3)]
    for inputs in (picture(7), files[0], files, [picture(8)]):
        for top_k in (1, 2, 5):
            expected, found = theirs(inputs, top_k=top_k), ours(inputs, top_k=top_k)
            assert json.dumps(rounded(found)) == json.dumps(rounded(expected))


def rounded(answer):
    if isinstance(answer, list):
        return [rounded(part) for part in answer]
    return {"label": answer["label"], "score": round(answer["score"], 4)}


def test_a_class_of_the_25_comes_with_looks_and_cause_and_another_with_none():
    known = Prediction(["Crazing", "weld spatter"], [0.6, 0.4])
    assert known.label == "Crazing"
    assert "network of cracks" in known.description
    assert "cooling" in known.cause
    other = Prediction(["weld spatter", "Crazing"], [0.6, 0.4])
    assert (other.label, other.description, other.cause) == ("weld spatter", None, None)


def test_any_label_set_is_zero_shot(classifier):
    names, image = ["dent", "hole", "good"], picture(3)
    (found,) = classifier.predict(image, names)
    expected = by_hand(classifier.engine.model, image, {name: class_sentences(name) for name in names})
    assert probabilities(found, names) == pytest.approx(expected, abs=1e-5)
    described = {"dent": "a hollow", "hole": ["a round hole", "light shines through"]}
    (found,) = classifier.predict(image, described)
    expected = by_hand(classifier.engine.model, image, {"dent": ["a hollow"], "hole": described["hole"]})
    assert probabilities(found, described) == pytest.approx(expected, abs=1e-5)
    (own,) = classifier.predict(image)
    assert set(own.labels) == set(CLASSES), "its own classes are as they were"


def test_a_bare_clip_needs_texts_and_an_image_classifier_takes_none(vit):
    bare = SteelDefectClassifier.from_pretrained("tiny", texts=["dent", "hole"])
    assert bare.classes == ["dent", "hole"]
    assert sum(next(bare.predict(picture())).probabilities) == pytest.approx(1)
    with pytest.raises(ModelError, match="give texts"):
        SteelDefectClassifier.from_pretrained("tiny")
    with pytest.raises(ModelError, match="takes no texts"):
        SteelDefectClassifier.from_pretrained(vit, texts=["dent", "hole"])
    with pytest.raises(ModelError, match="takes no texts"):
        next(SteelDefectClassifier.from_pretrained(vit).predict(picture(), ["dent", "hole"]))


@pytest.mark.parametrize(
    "texts",
    ["dent", [], ["dent"], ["dent", "dent"], ["dent", 1], {"dent": "a dent", "hole": []}, {"dent": " ", "hole": "a"},
     {"dent": "a", True: "b"}, {"dent": "a", "hole": ["b", 3]}, {"dent": "a", "hole": None}],
)  # fmt: skip
def test_texts_that_make_no_sense_are_refused(classifier, texts):
    with pytest.raises(ConfigError, match="texts"):
        next(classifier.predict(picture(), texts))


def test_a_calibrated_checkpoint_uses_its_temperature_for_its_own_classes(checkpoint, classifier, tmp_path):
    logits = classifier.logits([picture(0)])[0].astype(float)
    write_calibration(calibrate(torch.randn(50, 3) * 9, np.arange(50) % 3, "x"), checkpoint)
    try:
        calibrated = SteelDefectClassifier.from_pretrained(checkpoint)
        temperature = json.loads((checkpoint / CALIBRATION).read_text())["temperature"]
        (found,) = calibrated.predict(picture(0))
        expected = np.exp(logits / temperature) / np.exp(logits / temperature).sum()
        assert probabilities(found) == pytest.approx(expected.tolist(), abs=1e-6)
        assert found != next(classifier.predict(picture(0)))
        others = ["dent", "hole"]
        assert next(calibrated.predict(picture(0), others)) == next(classifier.predict(picture(0), others))
        (checkpoint / CALIBRATION).write_text('{"temperature": 0}')
        with pytest.raises(ModelError, match="calibration"):
            SteelDefectClassifier.from_pretrained(checkpoint)
    finally:
        (checkpoint / CALIBRATION).unlink()


def test_it_abstains_below_what_is_asked_and_still_says_what_it_would_have_said(classifier):
    (sure,) = classifier.predict(picture())
    best = sure.probabilities[0]
    (found,) = classifier.predict(picture(), abstain_below=best + 1e-6)
    assert found.abstained
    assert (found.label, found.description, found.cause) == (None, None, None)
    assert (found.labels, found.probabilities) == (sure.labels, sure.probabilities)
    (found,) = classifier.predict(picture(), abstain_below=best)
    assert found.label == sure.labels[0]


def test_images_are_taken_as_they_are_needed(classifier):
    taken = []

    def images():
        for n in range(20 * BATCH):
            taken.append(n)
            yield picture(n % 3)

    found = classifier.predict(images())
    first = [next(found) for _ in range(3)]
    assert len(taken) <= 4 * BATCH
    for n, one in enumerate(first):
        assert probabilities(one) == pytest.approx(probabilities(next(classifier.predict(picture(n)))), abs=1e-6)


def png_of(width, height):
    """A PNG file whose header says it is so large, and that has no more than a header."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")]
    parts = [struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
             for kind, body in chunks]  # fmt: skip
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(("width", "height"), [(20_000, 10_000), (10_000, 10_000), (8900 + 1, 10_000)])
def test_an_image_that_would_fill_the_memory_is_refused_by_its_header(classifier, width, height, tmp_path):
    file = tmp_path / "bomb.png"
    file.write_bytes(png_of(width, height))
    started = time.perf_counter()
    with pytest.raises(DataError, match=r"bomb\.png.*pixels"):
        next(classifier.predict(file))
    with pytest.raises(DataError, match="pixels"):
        open_image(io.BytesIO(png_of(width, height)))
    if width < 20_000:  # Pillow itself opens it
        with Image.open(file) as undecoded, pytest.raises(DataError, match=f"{MAX_PIXELS:,}"):
            next(classifier.predict(undecoded))
    assert time.perf_counter() - started < 5


def files_nobody_can_read(folder):
    buffer = io.BytesIO()
    picture().save(buffer, "PNG")
    contents = {"zero.png": b"", "truncated.png": buffer.getvalue()[:2000], "text.jpg": b"not an image",
                "page.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"}  # fmt: skip
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    (folder / "folder.png").mkdir()
    return [folder / name for name in (*contents, "folder.png", "missing.png")]


def test_what_cannot_be_read_is_said_in_its_place_and_the_rest_is_done(classifier, tmp_path):
    bad = files_nobody_can_read(tmp_path)
    found = list(classifier.predict_each([picture(0), *bad, picture(1)]))
    assert [found[0], found[-1]] == list(classifier.predict([picture(0), picture(1)]))
    for file, error in zip(bad, found[1:-1], strict=True):
        assert isinstance(error, DataError)
        assert str(error).startswith(f"{file}: ")
    assert "empty" in str(found[1])
    assert "no such file" in str(found[-2])
    with pytest.raises(DataError, match=r"zero\.png"):
        list(classifier.predict([picture(0), bad[0]]))


def variants(folder):
    """One picture in many kinds of files, each with what it must look like."""
    grey, rgb = picture(5).convert("L"), picture(5)
    values = np.asarray(grey).astype(np.uint16) * 257
    turned = Image.Exif()
    turned[0x0112] = 6  # the camera was held on its side
    palette = rgb.quantize(64)
    shares = np.asarray(grey) / 255
    turned_mirrored = Image.Exif()
    turned_mirrored[0x0112] = 7
    made = {
        "grey.png": (grey, {}, grey.convert("RGB")),
        "sixteen.png": (Image.fromarray(values), {}, grey.convert("RGB")),
        "sixteen.tif": (Image.fromarray(values), {}, grey.convert("RGB")),
        "alpha.png": (rgb.convert("RGBA"), {}, rgb),
        "palette.png": (palette, {}, palette.convert("RGB")),
        "animated.webp": (rgb, {"save_all": True, "append_images": [picture(6)], "lossless": True}, rgb),
        "animated.png": (rgb, {"save_all": True, "append_images": [picture(6)]}, rgb),
        "pages.tif": (rgb, {"save_all": True, "append_images": [picture(6)]}, rgb),
        "turned.png": (rgb.transpose(Image.Transpose.ROTATE_90), {"exif": turned}, rgb),
        "turned.tif": (rgb.transpose(Image.Transpose.TRANSVERSE), {"exif": turned_mirrored}, rgb),
        "float.tif": (Image.fromarray(shares.astype(np.float32)), {}, grey.convert("RGB")),
        "cmyk.tif": (rgb.convert("CMYK"), {}, rgb.convert("CMYK").convert("RGB")),
        "one.png": (Image.new("L", (1, 1), 9), {}, Image.new("RGB", (1, 1), (9, 9, 9))),
        "thin.png": (grey.resize((500, 2)), {}, grey.resize((500, 2)).convert("RGB")),
    }
    for name, (image, options, expected) in made.items():
        image.save(folder / name, **options)
        yield folder / name, expected


def test_a_picture_is_the_same_in_every_kind_of_file(classifier, tmp_path):
    files, expected = zip(*variants(tmp_path), strict=True)
    for file, found, plain in zip(files, classifier.predict(files), classifier.predict(expected), strict=True):
        assert found.labels == plain.labels, file.name
        assert found.probabilities == pytest.approx(plain.probabilities, abs=1e-6), file.name


def test_one_of_several_pages_is_predicted_and_how_many_there_are_is_said_once(classifier, tmp_path, caplog):
    pages = [picture(n) for n in range(3)]
    files = [tmp_path / f"{name}.tif" for name in "abc"]
    for file in files:
        pages[0].save(file, save_all=True, append_images=pages[1:])
    for page, plain in enumerate(classifier.predict(pages)):
        for found in classifier.predict(files, page=page):
            assert found.probabilities == pytest.approx(plain.probabilities, abs=1e-6)
    caplog.clear()
    list(classifier.predict(files))
    assert caplog.text.count("several pages or frames") == 1
    (error,) = classifier.predict_each(files[0], page=3)
    assert "none of number 3" in str(error)


def test_levels_that_are_no_numbers_are_said_in_their_place(classifier, tmp_path):
    bad = np.asarray(picture().convert("L")).astype(np.float32)
    bad[0, 0] = np.nan
    Image.fromarray(bad).save(tmp_path / "bad.tif")
    found = list(classifier.predict_each([tmp_path / "bad.tif", Image.fromarray(bad), picture()]))
    assert ["NaN" in str(each) for each in found] == [True, True, False]


def test_a_file_that_is_still_being_written_is_read_once_it_is_whole(classifier, tmp_path, monkeypatch):
    file, whole = tmp_path / "late.png", io.BytesIO()
    picture().save(whole, "PNG")
    file.write_bytes(whole.getvalue()[:2000])
    monkeypatch.setattr(time, "sleep", lambda seconds: file.write_bytes(whole.getvalue()))
    assert list(classifier.predict([file])) == list(classifier.predict([picture()]))


def test_a_drive_that_goes_away_ends_it(classifier, tmp_path, monkeypatch):
    for n in range(3):
        picture(n).save(tmp_path / f"{n}.png")
    real = Image.open

    def lost(source, *rest, **options):
        if str(source).endswith("1.png"):
            raise OSError(errno.ESTALE, "Stale file handle", str(source))
        return real(source, *rest, **options)

    monkeypatch.setattr(Image, "open", lost)
    with pytest.raises(DriveGoneError, match=r"1\.png: cannot be read any more \(Stale file handle\)"):
        list(classifier.predict_each([tmp_path / f"{n}.png" for n in range(3)]))


def test_no_images_no_predictions(classifier):
    assert list(classifier.predict([])) == []
    assert classifier([]) == []
    assert classifier.logits([]).shape == (0, 3)
