"""The public release fetched from the Hub, over HTTP, in processes with caches of their own."""

import io
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import steeldefectx
from steeldefectx.data.download import CONVERSION, RELEASE
from tests.data.test_release import release
from tests.hub_server import HubServer

pytestmark = pytest.mark.integration

LOAD = """
import hashlib, json, sys
import datasets, steeldefectx
from steeldefectx.errors import SteelDefectXError
try:
    rows = datasets.load_dataset("steeldefectx")
except SteelDefectXError as error:
    sys.exit(f"{type(error).__name__}: {error}")
for part in rows.values():
    for row in part.cast_column("image", datasets.Image(decode=False)).remove_columns("mask"):
        image = row.pop("image")
        row["image"] = hashlib.sha256(image["bytes"] or open(image["path"], "rb").read()).hexdigest()
        print(json.dumps(row))
"""
DOWNLOAD = """
import sys
from steeldefectx.data.download import download_release
from steeldefectx.errors import SteelDefectXError
try:
    print(download_release())
except SteelDefectXError as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""
FILES = 2 * 75 + 2
"""Images, masks and texts of the fixture."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = release(tmp_path_factory.mktemp("release"))
    for number, file in enumerate(sorted(root.glob("*/*.jpg"))):
        Image.new("RGB", (32, 32), (number, 2 * number, 255 - number)).save(file)
    (root / "README.md").write_text("not one of the data's files")
    return root


@pytest.fixture
def hub(folder):
    with HubServer(page=40) as server:
        server.add(RELEASE, folder)
        yield server


def run(program, hub, home, **more):
    command = [sys.executable, "-c", program]
    return subprocess.run(
        command, env=hub.environment(home, None) | more, capture_output=True, text=True, timeout=200, cwd=home.parent
    )


def fetched(hub):
    return hub.requests["resolve"]


def convert(hub, folder, root):
    """The Hub's Parquet conversion: images beside paths, masks in a plain column, and what nobody asked for."""
    root.mkdir()
    contents = [file.read_bytes() for file in sorted(folder.glob("*/*.jpg"))]
    forged = [bytes(reversed(content)) for content in contents]
    images = [{"bytes": content, "path": "../../../etc/passwd"} for content in forged + contents]
    masks = [{f.read_bytes() for f in folder.glob("*/*.png")}.pop()] * len(images)
    pq.write_table(pa.table({"image": images, "mask": masks, "n": list(range(len(images)))}), root / "0.parquet")
    hub.add(RELEASE, root, ref=CONVERSION)


def assert_same_files(folder, copy):
    there = {p.relative_to(copy).as_posix(): p.read_bytes() for p in copy.rglob("*") if p.is_file()}
    wanted = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    del wanted["README.md"]
    assert there == wanted


def copy_in(home):
    return next(path for path in (home / "steeldefectx" / "release").iterdir() if path.is_dir())


def test_rows_are_those_of_the_folder_and_are_fetched_once(hub, folder, tmp_path):
    convert(hub, folder, tmp_path / "converted")
    home = tmp_path / "home"
    first = run(LOAD, hub, home)
    assert first.returncode == 0, first.stderr[-3000:]
    rows = [json.loads(line) for line in first.stdout.splitlines()]
    local = steeldefectx.load_dataset(data_dir=str(folder), cache_dir=str(tmp_path / "local"))
    plain = [row for part in local.values() for row in part.remove_columns(["image", "mask"])]
    assert [{k: v for k, v in row.items() if k != "image"} for row in rows] == plain
    assert len({row["image"] for row in rows}) == 75
    assert_same_files(folder, copy_in(home))
    assert sum(hub.requests.values()) < 20
    assert (fetched(hub), hub.requests["head-resolve"]) == (2, 1), "two texts and the conversion"

    hub.requests.clear()
    again = run(LOAD, hub, home)
    assert again.stdout == first.stdout
    assert not hub.requests
    # Other settings are other rows of the same files.
    other = run(LOAD.replace('"steeldefectx")', '"steeldefectx", t0_template="{}!")'), hub, home)
    assert other.returncode == 0, other.stderr[-3000:]
    assert dict(hub.requests) == {"info": 1}
    offline = run(LOAD.replace('"steeldefectx")', '"steeldefectx", t0_template="{}?")'), hub, home, HF_HUB_OFFLINE="1")
    assert len(offline.stdout.splitlines()) == 75


def test_without_a_conversion_every_file_is_fetched(hub, folder, tmp_path):
    done = run(DOWNLOAD, hub, tmp_path / "home")
    assert done.returncode == 0, done.stderr[-3000:]
    assert_same_files(folder, copy_in(tmp_path / "home"))
    assert fetched(hub) == FILES


def test_archives_give_contents_whatever_their_names(hub, folder, tmp_path):
    whole = shutil.copytree(folder, tmp_path / "whole")
    with zipfile.ZipFile(whole / "train.zip", "w") as archive:
        for number, file in enumerate(sorted(folder.glob("train/*"))):
            archive.writestr(f"../../outside-{number}.jpg", file.read_bytes())
    with tarfile.open(whole / "val.tar.gz", "w:gz") as archive:
        for file in folder.glob("val/*"):
            archive.add(file, f"/tmp/{file.name}")
        link = tarfile.TarInfo("val/bs_03.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        forged = tarfile.TarInfo("val/bs_03.jpg")
        forged.size = 5
        archive.addfile(forged, io.BytesIO(b"wrong"))
    (whole / "broken.zip").write_bytes(b"PK no archive")
    hub.add(RELEASE, whole)
    done = run(DOWNLOAD, hub, tmp_path / "home")
    assert done.returncode == 0, done.stderr[-3000:]
    assert_same_files(folder, copy_in(tmp_path / "home"))
    assert not list(tmp_path.rglob("outside*"))
    assert fetched(hub) == 75 + 2, "the masks and the texts"


def test_a_download_that_breaks_off_is_taken_up(hub, folder, tmp_path):
    hub.refuse["resolve"] = 60
    broken = run(DOWNLOAD, hub, tmp_path / "home")
    assert broken.returncode == 1
    assert "DataError" in broken.stderr
    assert "load it again to go on" in broken.stderr
    kept = sum(path.is_file() for path in copy_in(tmp_path / "home").rglob("*"))
    assert 0 < kept <= 60
    nothing = run(DOWNLOAD, hub, tmp_path / "home", HF_HUB_OFFLINE="1")
    assert "there is no complete copy" in nothing.stderr

    hub.refuse.clear()
    hub.requests.clear()
    done = run(DOWNLOAD, hub, tmp_path / "home")
    assert done.returncode == 0, done.stderr[-3000:]
    assert fetched(hub) == FILES - kept
    assert_same_files(folder, copy_in(tmp_path / "home"))


def test_a_file_cut_midway_is_fetched_again(hub, folder, tmp_path):
    hub.cut_after = 5000
    done = run(DOWNLOAD, hub, tmp_path / "home")
    assert done.returncode == 0, done.stderr[-3000:]
    assert_same_files(folder, copy_in(tmp_path / "home"))
    assert hub.cut_after is None
    assert fetched(hub) == FILES + 1


def test_damaged_contents_are_refused(hub, folder, tmp_path):
    hub.spoil = {"train/bs_01.jpg", "train-text.json"}
    done = run(DOWNLOAD, hub, tmp_path / "home")
    assert done.returncode == 1
    assert "2 of 152 files arrived damaged and were refused: train-text.json, train/bs_01.jpg" in done.stderr
    assert not (copy_in(tmp_path / "home") / "train" / "bs_01.jpg").exists()
    hub.spoil = set()
    hub.requests.clear()
    assert run(DOWNLOAD, hub, tmp_path / "home").returncode == 0
    assert fetched(hub) == 2


def test_without_connection_or_copy_it_is_said_what_to_do(folder, tmp_path):
    with HubServer() as hub:
        pass
    for more in ({}, {"HF_HUB_OFFLINE": "1"}):
        done = run(LOAD, hub, tmp_path / "home", **more)
        assert done.returncode == 1
        for words in ("DataError", "cannot be reached", "check the connection", "data_dir", '"sample"'):
            assert words in done.stderr


def test_a_new_commit_is_fetched_and_paths_that_lead_outside_are_not(hub, folder, tmp_path):
    assert run(DOWNLOAD, hub, tmp_path / "home").returncode == 0
    repo = hub.repos["datasets", RELEASE]
    tree = dict(repo.tree())
    for path in ("train/../../../outside.jpg", "train/..", "/tmp/outside.jpg", "other/file.jpg"):
        tree[path] = tree["train/bs_01.jpg"]
    repo.commit(tree)
    done = run(DOWNLOAD, hub, tmp_path / "home")
    assert done.returncode == 0, done.stderr[-3000:]
    new = next(
        path for path in (tmp_path / "home" / "steeldefectx" / "release").iterdir() if path.name == repo.refs["main"]
    )
    assert_same_files(folder, new)
    assert not list(tmp_path.rglob("outside*"))
