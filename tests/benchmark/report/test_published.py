import pytest

from steeldefectx.benchmark.report.published import PUBLISHED, find

LINE = {
    "task": "task2",
    "config": "default",
    "model": "zer0int/LongCLIP-L-Diffusers",
    "method": "clip-adapter",
    "train_text": "T3",
    "test_text": "T0",
    "text_control": None,
    "shots": None,
    "train_on": "default",
    "test_on": "default",
    "n_train": 5454,
    "n_test": 2324,
    "classes": [str(n) for n in range(25)],
}
FEW = LINE | {"task": "task3", "train_text": "T0"}
TRANSFER = LINE | {
    "task": "task4",
    "test_on": "msd-cls:/data/msd",
    "n_test": 186,
    "classes": [str(n) for n in range(10)],
}


@pytest.mark.parametrize(
    ("line", "accuracy"),
    [
        (LINE, 0.9363),
        (LINE | {"model": "laion/CLIP-ViT-L-14-laion2B-s32B-b82K"}, 0.8821),
        (LINE | {"model": "openai/clip-vit-base-patch16"}, 0.8184),
        (LINE | {"model": "laion/CLIP-ViT-B-16-laion2B-s34B-b88K"}, None),
        (LINE | {"model": "openai/clip-vit-base-patch32"}, None),
        (LINE | {"train_text": "T0"}, None),
        (LINE | {"method": "lora"}, None),
        (LINE | {"text_control": "shuffled-within-class"}, None),
        (FEW | {"shots": 1}, 0.60),
        (FEW | {"shots": 2}, None),
        (FEW | {"shots": 8, "train_text": None}, 0.88),
        (FEW | {"shots": 8, "train_text": "T3"}, None),
        (FEW | {"shots": 8, "method": "tip-adapter-f"}, 0.85),
        (
            FEW | {"shots": 0, "method": "zero-shot", "model": "openai/clip-vit-large-patch14", "test_text": "T1"},
            0.1127,
        ),
        (FEW | {"shots": 0, "method": "zero-shot"}, None),  # published of CLIP, not of Long-CLIP
        (TRANSFER, 0.2903),
        (TRANSFER | {"train_text": "T0"}, 0.1290),
        (TRANSFER | {"train_text": None, "method": "zero-shot"}, 0.0860),
        (TRANSFER | {"test_on": "cgfsds-9"}, 0.4018),
        (TRANSFER | {"test_on": "class-folders:/mine"}, None),
        (LINE | {"task": "task1", "model": "shufflenet-v2-x1-0", "train_text": None, "test_text": None}, 0.9634),
        (
            LINE | {"task": "task1", "model": "google/vit-base-patch16-224", "train_text": None, "test_text": None},
            0.4484,
        ),
    ],
)
def test_a_line_finds_the_number_of_its_own_protocol(line, accuracy):
    found = find(line)
    assert (found and found.accuracy) == accuracy


def test_the_data_are_the_same_only_if_classes_and_images_are():
    number = find(LINE)
    assert number.same_data(LINE)
    assert not number.same_data(LINE | {"n_test": 761})
    assert not number.same_data(LINE | {"classes": ["a"] * 13})
    assert not number.same_data(LINE | {"config": "sample"})
    assert find(TRANSFER).same_data(TRANSFER)
    assert not find(TRANSFER).same_data(TRANSFER | {"n_train": 1776})
    assert not find(TRANSFER).same_data(TRANSFER | {"n_test": 200})


def test_accuracies_on_the_release_are_whole_images():
    """As one that is mistyped would hardly be: k of 2,324, rounded to two digits."""
    for number in PUBLISHED:
        if number.source.startswith("SteelDefectX") and not number.approximate and number.model != "best of any model":
            count = round(number.accuracy * number.n_test)
            assert round(count / number.n_test, 4) == pytest.approx(number.accuracy, abs=1e-9), number
