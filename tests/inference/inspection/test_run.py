"""Inspecting folders of frames: each once, reported whole, gone on with."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image, ImageDraw

from steeldefectx.errors import ConfigError, DataError
from steeldefectx.inference.inspection.pictures import pictures_of
from steeldefectx.inference.inspection.run import Task, follow, inspect_frames
from steeldefectx.inference.localize.inspector import SteelDefectInspector
from steeldefectx.inference.localize.maps import Localizer
from steeldefectx.language.descriptions import LOCATION_CELLS
from tests.inference.localize.new_models import new_clip


def surface(seed, size=(150, 100)):
    grey = np.random.default_rng(seed).normal(128, 8, size[::-1])
    return Image.fromarray(grey.clip(0, 255).astype(np.uint8))


def marked(seed=100):
    frame = surface(seed)
    ImageDraw.Draw(frame).rectangle((90, 30, 130, 70), fill=80)
    return frame


@pytest.fixture(scope="module")
def knowing():
    torch.manual_seed(0)
    inspector = SteelDefectInspector(Localizer(new_clip()), {"Pit": ["a dark spot"], "Line": ["a line"]})
    return inspector.fit_sound([surface(seed) for seed in range(12)], target_fpr=0.1)


@pytest.fixture
def frames(tmp_path):
    folder = tmp_path / "frames"
    (folder / "line 3").mkdir(parents=True)
    for n in range(3):
        surface(50 + n).save(folder / f"{n}.png")
    marked().save(folder / "line 3" / "hole.png")
    (folder / "bad.jpg").write_bytes(b"no image")
    return folder


def log_of(out):
    return [json.loads(line) for line in (out / "frames.jsonl").read_text().splitlines()]


def test_a_folder_of_frames(knowing, frames, tmp_path):
    out = tmp_path / "report"
    inspected = inspect_frames(Task(knowing, frames, out, mm_per_pixel=0.5))
    assert (inspected.frames, inspected.unreadable) == (5, 1)
    records = {record["file"]: record for record in log_of(out)}
    assert list(records) == ["0.png", "1.png", "2.png", "bad.jpg", "line 3/hole.png"]
    assert records["bad.jpg"]["error"].startswith("not a readable image")
    found = records["line 3/hole.png"]
    region = found["regions"][0]
    left, top, right, bottom = region["box"]
    assert left < 110 < right
    assert top < 50 < bottom
    assert region["area_mm2"] == pytest.approx(region["area_px"] * 0.25)
    assert region["class"] in ("Pit", "Line", "unknown")
    assert not found["sound"]
    assert region["place"] in LOCATION_CELLS
    assert "dark" in region["sentence"]
    tables = {name: pq.read_table(out / f"{name}.parquet").to_pylist() for name in ("frames", "regions")}
    assert [row["file"] for row in tables["frames"]] == sorted(records)
    of_hole = [row for row in tables["regions"] if row["file"] == "line 3/hole.png"]
    assert [(row["region"], row["box"]) for row in of_hole] == [
        (number, each["box"]) for number, each in enumerate(found["regions"])
    ]


def test_the_page_shows_the_worst_first_with_pictures(knowing, frames, tmp_path):
    out = tmp_path / "report"
    inspect_frames(Task(knowing, frames, out))
    page = (out / "report.html").read_text()
    assert page.index("bad.jpg") < page.index("line 3/hole.png") < page.index("0.png</p>")
    assert "1 not readable" in page
    for name in ("0.png", "line 3/hole.png"):
        assert (out / pictures_of(name).small).is_file()
    plain, drawn = (Image.open(out / file) for file in pictures_of("line 3/hole.png")[1:])
    assert plain.size == drawn.size == (150, 100)
    assert np.abs(np.asarray(plain, int) - np.asarray(drawn, int)).max() > 100


def test_what_is_done_is_not_done_again(knowing, frames, tmp_path, monkeypatch):
    out = tmp_path / "report"
    inspect_frames(Task(knowing, frames, out))
    before = (out / "frames.jsonl").read_bytes()
    seen = []
    whole = SteelDefectInspector.inspect
    monkeypatch.setattr(SteelDefectInspector, "inspect", lambda self, *args: seen.append(1) or whole(self, *args))
    surface(70).save(frames / "new.png")
    surface(71).save(frames / "0.png")
    assert inspect_frames(Task(knowing, frames, out)).frames == 6
    assert len(seen) == 2
    assert (out / "frames.jsonl").read_bytes().startswith(before)


def test_a_line_that_broke_off_is_made_again(knowing, frames, tmp_path):
    out = tmp_path / "report"
    inspect_frames(Task(knowing, frames, out))
    whole = (out / "frames.jsonl").read_bytes()
    (out / "frames.jsonl").write_bytes(whole[:-40])
    assert inspect_frames(Task(knowing, frames, out)).frames == 5
    assert (out / "frames.jsonl").read_bytes() == whole


def test_records_of_other_settings_are_not_mixed_in(knowing, frames, tmp_path):
    inspect_frames(Task(knowing, frames, tmp_path / "report"))
    with pytest.raises(ConfigError, match="another text"):
        inspect_frames(Task(knowing, frames, tmp_path / "report", text="a line"))


@pytest.mark.parametrize("out", [".", "report", "line 3/report"])
def test_a_report_among_its_frames_is_refused(knowing, frames, out):
    with pytest.raises(ConfigError, match="name another"):
        Task(knowing, frames, frames / out)


def test_no_frames_are_an_error_that_leaves_nothing(knowing, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no images"):
        inspect_frames(Task(knowing, tmp_path / "empty", tmp_path / "report"))
    assert not (tmp_path / "report").exists()


def test_a_folder_is_followed_and_what_is_being_written_waits(knowing, frames, tmp_path, monkeypatch):
    monkeypatch.setattr("steeldefectx.inference.inspection.run.PAUSE", 0.0)
    long_ago = time.time() - 60
    for file in frames.rglob("*.*"):
        os.utime(file, (long_ago, long_ago))
    told, looks = [], []

    def look():
        looks.append(1)
        if len(looks) == 1:
            data = (frames / "1.png").read_bytes()
            (frames / "late.png").write_bytes(data[: len(data) // 2])
        elif len(looks) == 2:
            (frames / "late.png").write_bytes((frames / "1.png").read_bytes())
        elif len(looks) == 3:
            os.utime(frames / "late.png", (long_ago, long_ago))
        return len(looks) == 5

    follow(Task(knowing, frames, tmp_path / "report"), told.append, look)
    assert [inspected.frames for inspected in told] == [5, 6]
    records = log_of(tmp_path / "report")
    assert [record["file"] for record in records].count("late.png") == 1
    assert all(record["error"] is None for record in records if record["file"] != "bad.jpg")


@pytest.mark.integration
def test_killed_twice_every_frame_is_there_once(tmp_path):
    frames, out = tmp_path / "frames", tmp_path / "report"
    frames.mkdir()
    for n in range(60):
        surface(n).save(frames / f"{n:02}.png")
    program = textwrap.dedent(f"""
        from pathlib import Path
        import torch
        from steeldefectx.inference.inspection.run import Task, inspect_frames
        from steeldefectx.inference.localize.inspector import SteelDefectInspector
        from steeldefectx.inference.localize.maps import Localizer
        from tests.inference.localize.new_models import new_clip
        torch.manual_seed(0)
        inspector = SteelDefectInspector(Localizer(new_clip()), {{}})
        inspect_frames(Task(inspector, Path({str(frames)!r}), Path({str(out)!r})))
    """)
    for wanted in (10, 30):
        process = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
        while not (out / "frames.jsonl").is_file() or len((out / "frames.jsonl").read_bytes().splitlines()) < wanted:
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run([sys.executable, "-c", program], check=True, stderr=subprocess.DEVNULL)
    assert sorted(record["file"] for record in log_of(out)) == [f"{n:02}.png" for n in range(60)]
