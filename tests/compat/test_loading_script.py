"""The loading script, as datasets 3.6 runs it."""

import io
import shutil
import subprocess
import sys
from pathlib import Path

import datasets
import numpy as np
import pytest
from PIL import Image

from steeldefectx.data.builder import rows_hash
from steeldefectx.errors import DataError
from steeldefectx.render import sample
from steeldefectx.taxonomy import CLASS_NAMES, t1_sentence

SCRIPT = Path(__file__).parents[2] / "loading_script" / "steeldefectx.py"
SMALL = {"images": 100, "image_size": 32}


def load(config, **settings):
    return datasets.load_dataset(str(SCRIPT), config, trust_remote_code=True, **settings)


@pytest.fixture
def class_folders(tmp_path):
    rng = np.random.default_rng(0)
    for name, count in [("scratch", 10), ("Crazing", 7)]:
        (tmp_path / "mine" / name).mkdir(parents=True)
        for n in range(count):
            Image.fromarray(rng.integers(0, 255, (40, 60), dtype=np.uint8)).save(tmp_path / "mine" / name / f"{n}.png")
    return tmp_path / "mine"


def test_rows_are_the_packages():
    rows = load("sample", **SMALL)
    assert {name: len(part) for name, part in rows.items()} == {"train": 75, "test": 25}
    row = rows["test"][0]
    expected = sample.sample_row(int(row["image_id"].split("/")[-1]), 100, 32, 0)
    assert row["image_id"] == expected["image_id"]
    assert np.array_equal(row["image"], Image.open(io.BytesIO(expected["image"]["bytes"])))
    assert row["attributes"] == expected["attributes"]
    assert row["T1"] == t1_sentence(CLASS_NAMES[row["label"]])


def test_streaming_gives_the_same_rows():
    stream = load("sample", split="test", streaming=True, **SMALL)
    assert [row["image_id"] for row in stream] == load("sample", split="test", **SMALL)["image_id"]


def test_class_folders(class_folders):
    rows = load("class-folders", data_dir=str(class_folders))
    assert {name: len(part) for name, part in rows.items()} == {"train": 12, "test": 5}
    assert rows["train"].features["label"].names == ["Crazing", "scratch"]
    assert rows["train"][0]["image"].size == (60, 40)


def test_a_changed_folder_is_read_again(class_folders):
    assert load("class-folders", data_dir=str(class_folders), split="test").num_rows == 5
    (class_folders / "scratch" / "0.png").unlink()
    assert load("class-folders", data_dir=str(class_folders), split="test").num_rows == 4


def test_bad_images_are_named(class_folders):
    (class_folders / "scratch" / "3.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"3\.png: an empty file"):
        load("class-folders", data_dir=str(class_folders))


def test_rows_cached_by_another_version_of_the_package_are_not_used():
    builder = datasets.load_dataset_builder(str(SCRIPT), "sample", trust_remote_code=True, **SMALL)
    assert rows_hash() in builder.cache_dir


def test_near_duplicates_stay_on_one_side(class_folders):
    for n in range(5):
        shutil.copy(class_folders / "scratch" / f"{n}.png", class_folders / "scratch" / f"{n}-again.png")
    rows = load("class-folders", data_dir=str(class_folders), split_by="grouped")
    ids = {side: {i.split("-again")[0] for i in part["image_id"]} for side, part in rows.items()}
    assert not ids["train"] & ids["test"]


def test_without_the_package_it_says_how_to_install_it(tmp_path):
    program = (
        "import importlib.abc, sys, datasets\n"
        "class Absent(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] == 'steeldefectx':\n"
        "            raise ModuleNotFoundError(name, name=name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        f"datasets.load_dataset({str(SCRIPT)!r}, 'sample', trust_remote_code=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode != 0
    assert "which is not installed. In the folder" in done.stderr
