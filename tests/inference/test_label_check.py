"""Images in the wrong class folder are found by their neighbours."""

import numpy as np
import torch

from steeldefectx.data.builder import load_dataset
from steeldefectx.data.sources import find_class_folders
from steeldefectx.inference.label_check import doubtful_labels, neighbour_votes


def test_votes_are_those_of_the_nearest_other_files():
    angles = np.radians([0, 1, 2, 3, 90, 91, 92, 93, 1.5])
    features = torch.tensor(np.stack([np.cos(angles), np.sin(angles)], 1), dtype=torch.float32)
    labels = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1, 1])
    files = [str(n) for n in range(9)]
    votes = neighbour_votes(features, labels, files)
    assert votes.sum(1).allclose(torch.ones(9))
    assert votes[8, 0] > 0.9, "it is labelled 1 and lies among those of 0"
    assert (votes[:4].argmax(1) == 0).all()
    assert (votes[4:8].argmax(1) == 1).all()
    twice = neighbour_votes(features[[8, 8, 0, 1, 2]], torch.tensor([1, 1, 0, 0, 0]), ["a", "a", "0", "1", "2"])
    assert twice[0, 1] == 0, "another sample of the same file has no vote"


def test_images_in_the_wrong_folder_are_among_the_first(tmp_path):
    rows = load_dataset("sample", images=300, split="train")
    names, labels = rows.features["label"].names, rows["label"]
    wrong = set()
    for label in (4, 14, 23):
        for number, position in enumerate([n for n, other in enumerate(labels) if other == label]):
            folder = names[{4: 14, 14: 23, 23: 4}[label]] if number == 0 else names[label]
            file = tmp_path / folder / f"{label}_{number}.png"
            file.parent.mkdir(exist_ok=True)
            rows[position]["image"].save(file)
            if number == 0:
                wrong.add((file, names[label]))
    samples = find_class_folders(tmp_path).samples
    found = [(samples[doubt.position].path, doubt.other) for doubt in doubtful_labels(samples)]
    assert wrong <= set(found[:4]), "beside them at most one that is right: some welding lines look like dark scratches"
    shares = [doubt.share - doubt.own for doubt in doubtful_labels(samples)]
    assert shares == sorted(shares, reverse=True)
    assert doubtful_labels([sample for sample in samples if sample.class_name == names[4]]) == []
