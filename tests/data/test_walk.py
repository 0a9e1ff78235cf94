"""Folders as storage devices, tools and other systems leave them; drives that go away; names that cannot be printed."""

import errno
import os
import time

import numpy as np
import pytest
from PIL import Image

from steeldefectx.data import images
from steeldefectx.data.images import IMAGE_ENDINGS, open_image
from steeldefectx.data.sources import find_class_folders, find_images, folder_fingerprint, tree
from steeldefectx.data.sources.tree import read_tree
from steeldefectx.errors import DataError, DriveGoneError
from steeldefectx.utils.printable import printable

LEFT_BY_TOOLS = (
    "@eaDir/a.jpg/SYNOPHOTO_THUMB_XL.jpg", "#recycle/old.jpg", ".ipynb_checkpoints/a-checkpoint.jpg",
    "$RECYCLE.BIN/S-1-5/x.jpg", "System Volume Information/x.jpg", "lost+found/x.jpg", "__MACOSX/scratch/a.jpg",
    "._a.jpg", ".Trash-1000/files/a.jpg", ".thumbnails/a.png", ".git/a.png", "@Recycle/a.jpg", "@tmp/a.jpg",
    "#snapshot/a.jpg", ".snapshot/hourly/a.jpg",
)  # fmt: skip


def image(path, size=(16, 16), seed=0, **save):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0]), dtype=np.uint8)
    Image.fromarray(pixels).save(path, **save)
    return path


def two_classes(root):
    for seed, name in enumerate(("scratch/a.png", "scratch/b.png", "dent/a.png", "dent/b.png")):
        image(root / name, seed=seed)
    return root


def test_what_devices_and_tools_leave_is_no_image_for_any_command(tmp_path):
    two_classes(tmp_path)
    before, fingerprint = find_images(tmp_path), folder_fingerprint(tmp_path)
    for folder in ("", "scratch"):
        for name in LEFT_BY_TOOLS:
            image(tmp_path / folder / name)
        (tmp_path / folder / "Thumbs.db").write_bytes(b"x")
        (tmp_path / folder / ".DS_Store").write_bytes(b"x")
        (tmp_path / folder / "desktop.ini").write_bytes(b"x")
    found = find_class_folders(tmp_path)
    assert {sample.class_name for sample in found.samples} == {"scratch", "dent"}
    assert len(found.samples) == 4
    assert not found.problems
    assert find_images(tmp_path) == before
    assert folder_fingerprint(tmp_path) == fingerprint
    tools = read_tree(tmp_path).skipped.tools
    assert (tools["@eaDir"], tools["#recycle"], tools["Thumbs.db"], tools["._*"], tools[".git"]) == (2, 2, 2, 2, 2)
    (said,) = [note for note in found.notes if "Passed over" in note]
    assert "@eaDir (2)" in said or "more kinds" in said


def test_files_that_are_not_read_are_counted_by_ending_and_folder_and_what_helps_is_said(tmp_path, caplog):
    two_classes(tmp_path)
    for name in ("raw/1.DNG", "raw/2.dng", "scratch/a.svg", "dump.raw", "scratch/model.psd", "noending"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    for side in (
        "README.md",
        "LICENSE",
        "scratch/Notes.TXT",
        "dent/a.json",
        "a.xml",
        "list.csv",
        "list.xlsx",
        "d.yaml",
    ):
        (tmp_path / side).write_text("x")
    skipped = read_tree(tmp_path).skipped.endings
    assert skipped[".dng"] == {"raw": 2}
    assert skipped[".svg"] == {"scratch": 1}
    assert skipped[""] == {"": 1}
    assert set(skipped) == {".dng", ".svg", ".raw", ".psd", ""}, "documents and annotations are no images left out"
    (said,) = [note for note in find_class_folders(tmp_path, layout="class-folders").notes if "not read" in note]
    assert ".dng (2 in raw; what a camera's sensor saw" in said
    find_images(tmp_path)
    assert ".dng (2 in raw" in caplog.text
    assert not {".csv", ".yaml", ".md"} & set(caplog.text.split())


def test_an_extra_is_named_for_files_that_it_would_read(tmp_path, monkeypatch):
    monkeypatch.setattr("steeldefectx.data.sources.tree.ENDINGS", tree.ENDINGS - {".heic"})
    two_classes(tmp_path)
    (tmp_path / "scratch" / "IMG_1.HEIC").write_bytes(b"x")
    assert 'pip install "steeldefectx[heic]"' in " ".join(find_class_folders(tmp_path).notes)


@pytest.mark.parametrize(
    ("ending", "options"),
    [
        ("jfif", {"format": "JPEG"}), ("jpe", {"format": "JPEG"}), ("JPG", {}), ("jp2", {}), ("j2k", {}),
        ("jpeg2000", {"format": "JPEG2000"}), ("gif", {}), ("pgm", {}), ("PNM", {}), ("pbm", {"mode": "1"}),
        ("ppm", {"mode": "RGB"}), ("TIFF", {}), ("webp", {"mode": "RGB"}), ("bmp", {}),
        pytest.param("avif", {"mode": "RGB"}, marks=pytest.mark.skipif(".avif" not in IMAGE_ENDINGS, reason="Pillow")),
    ],
)  # fmt: skip
def test_endings_that_are_read(tmp_path, ending, options):
    two_classes(tmp_path)
    picture = Image.fromarray(np.linspace(0, 255, 32 * 32).astype(np.uint8).reshape(32, 32))
    mode, save = options.get("mode", "L"), {key: value for key, value in options.items() if key != "mode"}
    picture.convert(mode).save(tmp_path / "scratch" / f"c.{ending}", **save)
    found = {sample.path.name for sample in find_class_folders(tmp_path).samples}
    assert f"c.{ending}" in found
    assert tmp_path / "scratch" / f"c.{ending}" in find_images(tmp_path)
    read = np.asarray(open_image(tmp_path / "scratch" / f"c.{ending}").convert("L"), dtype=int)
    assert read[0, 0] < 40
    assert read[-1, -1] > 215


def test_heic_is_read_with_its_extra_and_rows_need_none(tmp_path):
    heif = pytest.importorskip("pillow_heif")
    from steeldefectx.data.builder import load_dataset

    two_classes(tmp_path / "data")
    picture = Image.fromarray(np.tile(np.linspace(0, 255, 64).astype(np.uint8)[None, :, None], (48, 1, 3)))
    heif.from_pillow(picture).save(tmp_path / "data" / "dent" / "IMG_1.HEIC", quality=90)
    assert open_image(tmp_path / "data" / "dent" / "IMG_1.HEIC").size == (64, 48)
    rows = load_dataset("class-folders", data_dir=str(tmp_path / "data"), cache_dir=str(tmp_path / "cache"))
    (row,) = [row for part in rows.values() for row in part if row["image_id"].endswith("IMG_1")]
    assert row["image"].size == (64, 48)
    assert row["image"].format == "PNG", "who opens the rows elsewhere has no extra"


def test_formats_that_start_programs_are_not_opened(tmp_path):
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")
    with pytest.raises(DataError, match="of no known format"):
        open_image(tmp_path / "a.png")


def test_names_that_break_lines_are_escaped_wherever_they_are_printed(tmp_path, capfd):
    two_classes(tmp_path)
    bad = tmp_path / "scratch" / "a\nb\x1b[31m.png"
    bad.write_bytes(b"no image")
    os.utime(bad, (1, 1))
    with pytest.raises(DataError) as error:
        find_class_folders(tmp_path)
    assert "a\\nb\\x1b[31m.png: not a readable image" in str(error.value)
    assert "\x1b" not in str(error.value)
    assert printable("裂纹 Ä.png") == "裂纹 Ä.png"
    assert printable("x\udcff\u2028") == "x\\udcff\\u2028"


def test_names_of_255_bytes_are_read(tmp_path):
    two_classes(tmp_path)
    long = image(tmp_path / "dent" / ("x" * 251 + ".png"))
    assert long in [sample.path for sample in find_class_folders(tmp_path).samples]


def test_names_that_collide_elsewhere_are_said(tmp_path):
    two_classes(tmp_path)
    image(tmp_path / "scratch" / "A.png", seed=7)
    image(tmp_path / "Dent" / "c.png", seed=8)
    if len(list(tmp_path.iterdir())) < 3:
        pytest.skip("this file system does not tell case")
    said = " ".join(find_class_folders(tmp_path).notes)
    assert "differ by case alone" in said
    assert "A.png and a.png" in said
    assert "Dent and dent" in said


def test_links_that_lead_in_circles_end(tmp_path):
    two_classes(tmp_path)
    os.symlink(tmp_path, tmp_path / "scratch" / "up")
    os.symlink(tmp_path / "x", tmp_path / "y")
    os.symlink(tmp_path / "y", tmp_path / "x")
    assert len(find_class_folders(tmp_path).samples) == 4
    assert len(find_images(tmp_path)) == 4
    assert folder_fingerprint(tmp_path)


def lose(monkeypatch, module, name, part, code):
    """A drive goes away at a path: calls for it fail as those of the system do."""
    real = getattr(module, name)

    def failing(path, *rest, **options):
        if isinstance(path, str | os.PathLike) and part in os.fspath(path):
            raise OSError(code, os.strerror(code), os.fspath(path))
        return real(path, *rest, **options)

    monkeypatch.setattr(module, name, failing)


@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE, errno.ENOTCONN])
@pytest.mark.parametrize("list_all", [find_class_folders, find_images, folder_fingerprint, read_tree])
def test_a_drive_that_goes_away_while_it_is_listed_is_no_smaller_folder(tmp_path, monkeypatch, code, list_all):
    two_classes(tmp_path)
    lose(monkeypatch, os, "scandir", "scratch", code)
    with pytest.raises(DriveGoneError, match="scratch: cannot be read any more"):
        list_all(tmp_path)


@pytest.mark.parametrize("list_all", [find_class_folders, find_images, folder_fingerprint, read_tree])
def test_a_drive_that_is_gone_is_no_missing_folder(tmp_path, monkeypatch, list_all):
    lose(monkeypatch, os, "stat", str(tmp_path), errno.ENOTCONN)
    with pytest.raises(DriveGoneError, match="cannot be read any more"):
        list_all(tmp_path)


@pytest.mark.parametrize("skip_bad", [False, True])
def test_a_drive_that_goes_away_while_images_are_read_leaves_none_out(tmp_path, monkeypatch, skip_bad):
    two_classes(tmp_path)
    lose(monkeypatch, Image, "open", "b.png", errno.EIO)
    with pytest.raises(DriveGoneError, match=r"b\.png: cannot be read any more \(Input/output error\)"):
        find_class_folders(tmp_path, skip_bad=skip_bad)


def test_a_drive_that_is_unmounted_leaves_none_out(tmp_path, monkeypatch):
    two_classes(tmp_path / "mounted")
    real = images.image_formats

    def unmount():
        if (tmp_path / "mounted").is_dir():
            os.rename(tmp_path / "mounted", tmp_path / "gone")
        return real()

    monkeypatch.setattr(images, "image_formats", unmount)
    with pytest.raises(DriveGoneError, match="its folder is gone"):
        find_class_folders(tmp_path / "mounted", skip_bad=True)


def test_a_file_that_is_still_being_written_is_read_once_it_is_whole(tmp_path, monkeypatch):
    two_classes(tmp_path)
    late = tmp_path / "scratch" / "late.png"
    whole = image(tmp_path / "whole.png").read_bytes()
    (tmp_path / "whole.png").unlink()
    late.write_bytes(whole[: len(whole) // 2])
    monkeypatch.setattr(time, "sleep", lambda seconds: late.write_bytes(whole))
    assert late in [sample.path for sample in find_class_folders(tmp_path).samples]
    late.write_bytes(whole[: len(whole) // 2])
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    with pytest.raises(DataError, match=r"late\.png: not a readable image .* still being written\?"):
        find_class_folders(tmp_path)
    os.utime(late, (1, 1))
    with pytest.raises(DataError) as error:
        find_class_folders(tmp_path)
    assert "still being" not in str(error.value)


def test_a_large_folder_is_listed_by_names_alone(tmp_path, monkeypatch):
    """What a network drive needs: no question about each file."""
    two_classes(tmp_path)
    asked = []
    real = os.stat
    monkeypatch.setattr(os, "stat", lambda path, *a, **o: (asked.append(path), real(path, *a, **o))[1])
    monkeypatch.setattr(os, "lstat", lambda path, *a, **o: (asked.append(path), real(path, *a, **o))[1])
    read_tree(tmp_path)
    assert not [path for path in asked if str(path).endswith(".png")]


def test_nothing_is_written_beside_the_images(tmp_path):
    two_classes(tmp_path)
    state = {path: path.stat().st_mtime_ns for path in [tmp_path, *tmp_path.rglob("*")]}
    find_class_folders(tmp_path)
    find_images(tmp_path)
    folder_fingerprint(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in [tmp_path, *tmp_path.rglob("*")]} == state
