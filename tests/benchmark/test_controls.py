"""Controls and left-out sources: which rows and texts a cell has."""

from collections import Counter

import numpy as np
import pytest

from steeldefectx.benchmark.controls import keep_sources, shuffle_texts
from steeldefectx.data.labelled import Data, Split
from steeldefectx.errors import DataError

COUNT = 60


def split():
    labels = np.arange(COUNT) % 3
    return Split(
        column=[],
        column_hashes=[f"{n}" for n in range(COUNT)],
        rows=np.arange(COUNT),
        labels=labels,
        texts={"T0": [f"class {label}" for label in labels], "T3": [f"{label} {n}" for n, label in enumerate(labels)]},
        sources=np.array(["NEU", "S3D", "X-SDD"])[labels],
    )


def test_within_a_class_every_image_gets_a_text_of_its_class():
    before, after = split(), shuffle_texts(split(), "T3", "shuffled-within-class", 0)
    for label in range(3):
        own = [text for text, at in zip(after.texts["T3"], after.labels, strict=True) if at == label]
        assert Counter(own) == Counter(f"{label} {n}" for n in range(label, COUNT, 3))
    moved = sum(a != b for a, b in zip(before.texts["T3"], after.texts["T3"], strict=True))
    assert moved > COUNT / 2
    assert after.texts["T0"] == before.texts["T0"]


def test_across_classes_texts_go_anywhere_and_none_is_lost():
    before, after = split(), shuffle_texts(split(), "T3", "shuffled-across-classes", 0)
    assert Counter(after.texts["T3"]) == Counter(before.texts["T3"])
    own = np.mean([text.startswith(f"{label} ") for text, label in zip(after.texts["T3"], after.labels, strict=True)])
    assert own < 0.6
    assert shuffle_texts(split(), "T3", "shuffled-across-classes", 0).texts == after.texts
    assert shuffle_texts(split(), "T3", "shuffled-across-classes", 1).texts != after.texts


def test_some_sources_leave_their_classes_only():
    data = keep_sources(Data(["a", "b", "c"], {"train": split(), "test": split()}), ["NEU", "X-SDD"])
    assert data.classes == ["a", "c"]
    assert set(data.splits["test"].labels) == {0, 1}
    assert set(data.splits["test"].sources) == {"NEU", "X-SDD"}
    with pytest.raises(DataError, match="No images of GC10; the data hold NEU, S3D, X-SDD"):
        keep_sources(Data(["a", "b", "c"], {"train": split()}), ["GC10"])
