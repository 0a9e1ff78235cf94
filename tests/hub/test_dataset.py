"""The Hub both ways, over HTTP: a folder is pushed, and other processes load it by its name."""

import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import datasets
import pyarrow.parquet as pq
import pytest

import steeldefectx
from steeldefectx.data.export import build
from steeldefectx.errors import ConfigError, DataError
from steeldefectx.hub.dataset import check_dataset_folder, push_dataset
from tests.hub_server import TOKEN, HubServer

pytestmark = pytest.mark.integration

REPO = "steelworks/defects"
HEADER = """---
configs:
- config_name: default
  data_files:
  - split: train
    path: data/train-*.parquet
  - split: test
    path: data/test-*.parquet
---
# Steel
"""
LOAD = """
import hashlib, io, json, sys, datasets
rows = datasets.load_dataset(sys.argv[1], split="test", streaming="stream" in sys.argv)
rows = rows.cast_column("image", datasets.Image(decode=False))
print(json.dumps([[row["T3"], row["label"], hashlib.sha256(row["image"]["bytes"]).hexdigest()] for row in rows]))
assert "steeldefectx" not in sys.modules
"""


@pytest.fixture(scope="module")
def rows():
    return steeldefectx.load_dataset("sample", images=100, image_size=32)


@pytest.fixture
def folder(rows, tmp_path):
    return write_folder(tmp_path / "ready", rows)


def write_folder(root: Path, rows, shards=2):
    (root / "data").mkdir(parents=True)
    (root / "README.md").write_text(HEADER)
    (root / "classes.png").write_bytes(b"\x89PNG not looked at")
    for split, part in rows.items():
        for n in range(shards):
            shard = part.shard(shards, n, contiguous=True)
            table = datasets.table.embed_table_storage(shard.with_format("arrow")[:])
            pq.write_table(table, root / "data" / f"{split}-{n:05d}-of-{shards:05d}.parquet")
    return root


@pytest.fixture
def hub():
    with HubServer() as server:
        yield server


def push(hub, home, folder, *flags, token=TOKEN, repo=REPO):
    command = [
        sys.executable,
        "-c",
        "from steeldefectx.cli.app import app; app()",
        "push-dataset",
        str(folder),
        repo,
        *flags,
    ]
    environment = hub.environment(home, token)
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def load(hub, home, *flags, token=TOKEN):
    command = [sys.executable, "-c", LOAD, REPO, *flags]
    return subprocess.run(command, env=hub.environment(home, token), capture_output=True, text=True, timeout=120)


def remote(hub):
    return hub.repos["datasets", REPO]


def test_pushed_rows_are_loaded_by_name_elsewhere(hub, folder, rows, tmp_path):
    done = push(hub, tmp_path / "pusher", folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{hub.url}/datasets/{REPO}"
    assert remote(hub).private
    assert set(remote(hub).tree()) == {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert hub.requests["commit"] == 1

    local = rows["test"].cast_column("image", datasets.Image(decode=False))
    wanted = [[row["T3"], row["label"], sha256(row["image"]["bytes"]).hexdigest()] for row in local]
    for number, flags in enumerate([(), ("stream",)]):
        loaded = load(hub, tmp_path / f"loader-{number}", *flags)
        assert loaded.returncode == 0, loaded.stderr[-2000:]
        assert json.loads(loaded.stdout) == wanted

    hidden = load(hub, tmp_path / "stranger", token=None)
    assert hidden.returncode != 0
    assert "DatasetNotFoundError" in hidden.stderr


def test_what_build_writes_is_pushed_and_loaded(hub, rows, tmp_path):
    out = tmp_path / "built"
    build(out, config="sample", images=100, image_size=32)
    done = push(hub, tmp_path / "pusher", out)
    assert done.returncode == 0, done.stderr
    assert hub.requests["commit"] == 1
    loaded = load(hub, tmp_path / "loader")
    assert loaded.returncode == 0, loaded.stderr[-2000:]
    assert [row[0] for row in json.loads(loaded.stdout)] == rows["test"]["T3"]


def test_an_unchanged_folder_makes_no_commit_and_stale_shards_go(hub, folder, rows, tmp_path):
    assert push(hub, tmp_path / "home", folder, "--public").returncode == 0
    assert not remote(hub).private
    puts = hub.requests["lfs-put"]
    again = push(hub, tmp_path / "home", folder)
    assert again.returncode == 0, again.stderr
    assert "No files have been modified" in again.stderr
    assert (hub.requests["commit"], hub.requests["lfs-put"]) == (1, puts)

    write_folder(tmp_path / "one", rows, shards=1)
    assert push(hub, tmp_path / "home", tmp_path / "one").returncode == 0
    assert hub.requests["commit"] == 2
    parquet = {path for path in remote(hub).tree() if path.endswith(".parquet")}
    assert parquet == {"data/train-00000-of-00001.parquet", "data/test-00000-of-00001.parquet"}


@pytest.mark.parametrize(("kind", "answered"), [("lfs-put", 2), ("commit", 0)])
def test_a_push_that_breaks_off_changes_nothing_and_the_next_one_finishes(hub, folder, rows, tmp_path, kind, answered):
    first = write_folder(tmp_path / "first", rows, shards=1)
    assert push(hub, tmp_path / "home", first).returncode == 0
    before = remote(hub).tree()

    hub.refuse[kind] = answered
    broken = push(hub, tmp_path / "home", folder)
    assert broken.returncode == 2
    assert "push again" in broken.stderr
    assert "Traceback" not in broken.stderr
    assert remote(hub).tree() == before

    hub.refuse.clear()
    arrived = len(hub.lfs)
    sent = hub.requests["lfs-put"]
    assert push(hub, tmp_path / "home", folder).returncode == 0
    assert hub.requests["lfs-put"] - sent == len(hub.lfs) - arrived
    new = {path for path in remote(hub).tree() if path.endswith(".parquet")}
    assert new == {f"data/{p.name}" for p in (folder / "data").iterdir()}


@pytest.mark.parametrize(
    ("token", "repo", "words"),
    [
        (None, REPO, "set HF_TOKEN or run `hf auth login`"),
        ("hf_wrong_secret", REPO, "does not accept the token"),
        (TOKEN, "others/defects", "may not write there"),
        (TOKEN, "no owner", "write OWNER/NAME"),
        (TOKEN, "defects", "write OWNER/NAME"),
    ],
)
def test_what_is_wrong_is_said_in_a_line_without_the_token(hub, folder, tmp_path, token, repo, words):
    done = push(hub, tmp_path / "home", folder, token=token, repo=repo)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr
    assert TOKEN not in done.stderr
    assert not hub.repos


def test_no_connection_is_said(folder, tmp_path):
    with HubServer() as hub:
        pass
    done = push(hub, tmp_path / "home", folder)
    assert done.returncode == 2
    assert f"no connection to {hub.url}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_is_not_ready_is_refused_before_any_request(folder):
    readme = folder / "README.md"
    (folder / "data" / "train-00001-of-00002.parquet").write_bytes(b"PAR1 cut off")
    for file in folder.glob("data/test-*"):
        file.unlink()
    with pytest.raises(DataError) as error:
        push_dataset(folder, REPO)
    assert "data/test-*.parquet: missing" in str(error.value)
    assert "data/train-00001-of-00002.parquet: no whole Parquet file" in str(error.value)
    readme.write_text(HEADER.replace("data/test-*", "../test-*"))
    with pytest.raises(DataError, match="not inside the folder"):
        check_dataset_folder(folder)
    readme.write_text("# Steel\n")
    with pytest.raises(DataError, match="no data files under `configs`"):
        check_dataset_folder(folder)
    readme.unlink()
    with pytest.raises(DataError, match=r"README\.md: missing"):
        check_dataset_folder(folder)
    with pytest.raises(DataError, match="no such folder"):
        check_dataset_folder(folder / "none")


def test_every_form_of_configs_is_read_and_hidden_files_stay_here(folder):
    forms = ["data/*.parquet", ["data/*.parquet"], [{"split": "train", "path": ["data/train-*", "data/test-*"]}]]
    (folder / ".cache").mkdir()
    (folder / ".cache" / "token").write_text("x")
    for form in forms:
        (folder / "README.md").write_text(f"---\n{json.dumps({'configs': [{'data_files': form}]})}\n---\n")
        assert len(check_dataset_folder(folder)) == 6


def test_a_repository_id_without_owner_is_refused(folder):
    with pytest.raises(ConfigError, match="OWNER/NAME"):
        push_dataset(folder, "a/b/c")
