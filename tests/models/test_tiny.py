import io

import numpy as np
import torch
from PIL import Image
from transformers import AutoModel, AutoTokenizer

from steeldefectx.models.clip import load_clip
from steeldefectx.models.tiny import tiny_clip
from steeldefectx.taxonomy import CLASS_NAMES, t1_sentence


def test_it_is_small_and_always_the_same():
    model, tokenizer, _ = tiny_clip()
    assert sum(p.numel() for p in model.parameters()) <= 8_000_000
    state = torch.random.get_rng_state()
    again, other_tokenizer, _ = tiny_clip()
    assert torch.equal(state, torch.random.get_rng_state()), "it must not disturb the caller's randomness"
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    assert tokenizer.get_vocab() == other_tokenizer.get_vocab()


def test_its_tokenizer_knows_the_projects_words_and_reads_any_text():
    _, tokenizer, _ = tiny_clip()
    assert len(tokenizer("A photo of steel surface defect: Rolled in scale.")["input_ids"]) <= 14
    longest = max(len(tokenizer(t1_sentence(name))["input_ids"]) for name in CLASS_NAMES)
    assert longest <= 64
    for text in ["Überwalzung 80 µm — 锈", "", "TIEFE Kratzer"]:
        ids = tokenizer(text)["input_ids"]
        assert tokenizer.decode(ids, skip_special_tokens=True).strip() == text.lower()


def test_saved_and_loaded_by_transformers_it_gives_the_same(tmp_path):
    model, tokenizer, _ = tiny_clip()
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoModel.from_pretrained(tmp_path).eval()
    tokens = AutoTokenizer.from_pretrained(tmp_path)(["one", "two cracks"], padding=True, return_tensors="pt")
    pixels = torch.rand(3, 3, 96, 96)
    expected = model(tokens["input_ids"], pixels, tokens["attention_mask"])
    found = loaded(tokens["input_ids"], pixels, tokens["attention_mask"])
    assert torch.equal(expected.logits_per_image, found.logits_per_image)
    assert found.logits_per_image.shape == (3, 2)


def test_features_do_not_depend_on_exposure_or_on_the_rest_of_the_batch():
    clip = load_clip("tiny")
    pixels = torch.randint(60, 180, (4, 3, 96, 96)).float()
    with torch.inference_mode():
        features = clip.encode_images(pixels)
        torch.testing.assert_close(clip.encode_images(pixels * 0.8 + 20), features, atol=0.05, rtol=0.05)
        torch.testing.assert_close(clip.encode_images(pixels[1:2]), features[1:2], atol=1e-5, rtol=1e-4)
        blank = clip.encode_images(torch.full((1, 3, 96, 96), 128.0))
    assert torch.isfinite(blank).all()


def test_padding_changes_no_text_feature():
    clip = load_clip("tiny")
    with torch.inference_mode():
        alone = clip.encode_texts(clip.tokenize(["a scratch"]))
        padded = clip.encode_texts(clip.tokenize(["a scratch", "a much longer description " * 5]))
    torch.testing.assert_close(alone[0], padded[0], atol=1e-5, rtol=1e-4)


def test_photographs_are_turned_upright():
    clip = load_clip("tiny")
    upright = Image.fromarray(np.random.default_rng(0).integers(0, 255, (96, 96), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    buffer = io.BytesIO()
    upright.rotate(180).save(buffer, "PNG", exif=exif)
    np.testing.assert_array_equal(clip.to_pixels(Image.open(buffer)), clip.to_pixels(upright))


def test_grey_and_colour_images_of_any_size_are_taken():
    clip = load_clip("tiny")
    for mode, size in [
        ("L", (200, 200)),
        ("RGB", (128, 122)),
        ("RGBA", (40, 900)),
        ("P", (7, 7)),
        ("1", (3, 64)),
    ]:
        assert clip.to_pixels(Image.new(mode, size)).shape == (3, 96, 96)


@torch.no_grad()
def test_colours_are_seen_as_pillow_sees_them_in_grey():
    """Red has upright stripes and blue has lying ones: weights the other way round would show the latter."""
    clip, stripes = load_clip("tiny"), np.where(np.arange(96) % 16 < 8, 60, 200).astype(np.uint8)
    upright = np.broadcast_to(stripes, (96, 96))
    colour = Image.fromarray(np.stack([upright, np.full_like(upright, 100), upright.T], axis=2))
    seen, grey, turned = (
        clip.embed_images(clip.encode_images(torch.from_numpy(clip.to_pixels(image))[None]))[0]
        for image in (colour, colour.convert("L"), colour.convert("L").transpose(Image.Transpose.TRANSPOSE))
    )
    torch.testing.assert_close(seen, grey, atol=0.01, rtol=0)
    assert (seen - turned).abs().max() > 0.05
