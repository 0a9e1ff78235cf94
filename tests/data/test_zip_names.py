"""Zips of other systems: names in any encoding, with any separator, with what their tools add."""

import io
import struct
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from steeldefectx.data.builder import load_dataset
from steeldefectx.data.sources import find_class_folders
from steeldefectx.errors import ConfigError, DataError


def png(seed):
    data = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (16, 16), np.uint8)).save(data, "PNG")
    return data.getvalue()


def make_zip(path, names, *, flags=0, extra=lambda raw: b"", encrypted=False, content=png):
    """A zip with the bytes of names as they are given, as a packer of another system writes them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    local, central = b"", b""
    for n, raw in enumerate(names):
        data = content(n)
        field = extra(raw)
        sizes = (zlib.crc32(data), len(data), len(data), len(raw), len(field))
        head = struct.pack("<HHHHHIIIHH", 20, flags | encrypted, 0, 0, 33, *sizes)
        central += b"PK\x01\x02" + struct.pack("<H", 20) + head
        central += struct.pack("<HHHII", 0, 0, 0, 0, len(local)) + raw + field
        local += b"PK\x03\x04" + head + raw + field + data
    end = struct.pack("<HHHHIIH", 0, 0, len(names), len(names), len(central), len(local), 0)
    path.write_bytes(local + central + b"PK\x05\x06" + end)
    assert len(zipfile.ZipFile(path).infolist()) == len(names)
    return path


def names(encoding, *classes, separator="/"):
    return [f"{name}{separator}{n}.png".encode(encoding) for name in classes for n in (1, 2)]


def class_names(root, **settings):
    return {sample.class_name for sample in find_class_folders(root, **settings).samples}


@pytest.mark.parametrize(
    ("encoding", "classes"),
    [
        ("gbk", ("裂纹", "划痕")), ("gbk", ("夹杂", "氧化铁皮压入", "pits")), ("gbk", ("锈", "坑")),
        ("shift_jis", ("割れ", "傷")), ("shift_jis", ("キズ", "へこみ")), ("shift_jis", ("表面欠陥", "さび")),
        ("shift_jis", ("錆", "剥離")), ("cp437", ("Löcher", "Öl")), ("cp437", ("rayé", "piqûre")),
        ("cp437", ("Schnörkel", "Bürste")),
        ("utf-8", ("裂纹", "傷")),
    ],
)  # fmt: skip
def test_names_that_do_not_say_their_encoding_are_right_and_it_is_said(tmp_path, encoding, classes):
    make_zip(tmp_path / "data" / "images.zip", names(encoding, *classes))
    found = find_class_folders(tmp_path / "data")
    assert {sample.class_name for sample in found.samples} == set(classes)
    said = " ".join(note for note in found.notes if "encoding" in note)
    assert bool(said) == (encoding != "utf-8")
    assert encoding == "utf-8" or "images.zip does not say in which encoding" in said


def test_the_flag_for_utf8_decides(tmp_path):
    make_zip(tmp_path / "images.zip", names("utf-8", "裂纹", "é"), flags=0x800)
    assert class_names(tmp_path) == {"裂纹", "é"}


def test_info_zips_field_decides(tmp_path):
    def unicode_path(raw):
        name = raw.decode("gbk").encode()
        return struct.pack("<HHBI", 0x7075, 5 + len(name), 1, zlib.crc32(raw)) + name

    make_zip(tmp_path / "one" / "images.zip", names("gbk", "裂纹", "划痕"), extra=unicode_path)
    found = find_class_folders(tmp_path / "one")
    assert {sample.class_name for sample in found.samples} == {"裂纹", "划痕"}
    assert not [note for note in found.notes if "encoding" in note]

    def of_another_name(raw):
        name = b"wrong/1.png"
        return struct.pack("<HHBI", 0x7075, 5 + len(name), 1, 1) + name

    make_zip(tmp_path / "two" / "images.zip", names("gbk", "裂纹", "划痕"), extra=of_another_name)
    assert class_names(tmp_path / "two") == {"裂纹", "划痕"}, "a field that is not of this name is stale"


@pytest.mark.parametrize("encoding", ["gbk", "shift_jis", "ascii"])
def test_backslashes_make_folders(tmp_path, encoding):
    classes = {"gbk": ("裂纹", "划痕"), "shift_jis": ("表面", "傷"), "ascii": ("crack", "dent")}[encoding]
    make_zip(tmp_path / "images.zip", names(encoding, *classes, separator="\\"))
    assert {sample.path.parent.name for sample in find_class_folders(tmp_path).samples} == set(classes)


def test_what_cannot_be_told_is_asked_for(tmp_path):
    make_zip(tmp_path / "data" / "images.zip", names("cp866", "царапина", "трещина"))
    with pytest.raises(DataError, match=r"images\.zip: an archive that does not say .* zip_encoding \(--zip"):
        find_class_folders(tmp_path / "data")
    assert class_names(tmp_path / "data", zip_encoding="cp866") == {"царапина", "трещина"}
    with pytest.raises(ConfigError, match="zip_encoding='klingon'"):
        find_class_folders(tmp_path / "data", zip_encoding="klingon")
    rows = load_dataset(
        "class-folders", data_dir=str(tmp_path / "data"), cache_dir=str(tmp_path / "cache"), zip_encoding="cp866"
    )
    assert set(rows["train"].features["label"].names) == {"царапина", "трещина"}


def test_many_korean_names_are_not_taken_for_chinese_ones(tmp_path):
    make_zip(tmp_path / "images.zip", names("cp949", "스크래치", "이물질", "찍힘"))
    with pytest.raises(DataError, match="cp949"):
        find_class_folders(tmp_path)
    assert class_names(tmp_path, zip_encoding="cp949") == {"스크래치", "이물질", "찍힘"}


def test_what_packers_add_is_passed_over(tmp_path):
    added = [b"__MACOSX/crack/._1.png", b"crack/._1.png", b"crack/.DS_Store", b"crack/Thumbs.db", b"@eaDir/1.png"]
    make_zip(tmp_path / "images.zip", [*names("ascii", "crack", "dent"), *added])
    found = find_class_folders(tmp_path)
    assert {sample.class_name for sample in found.samples} == {"crack", "dent"}
    assert len(found.samples) == 4
    assert any("Passed over" in note and "__MACOSX" in note for note in found.notes)


def test_a_zip_in_a_zip_is_named(tmp_path):
    make_zip(tmp_path / "images.zip", [*names("ascii", "crack", "dent"), b"more/inner.zip", b"raw/1.dng"])
    (said,) = [note for note in find_class_folders(tmp_path).notes if "not read" in note]
    assert ".zip (1 in images.zip/more; archives in archives: unpack them)" in said
    assert ".dng (1 in images.zip/raw" in said


def test_an_encrypted_zip_is_named(tmp_path):
    make_zip(tmp_path / "images.zip", names("ascii", "crack", "dent"), encrypted=True)
    with pytest.raises(DataError, match=r"images\.zip: an archive that is encrypted: unpack it with its password"):
        find_class_folders(tmp_path)


def test_names_too_long_for_the_disk_are_named(tmp_path):
    make_zip(tmp_path / "images.zip", [f"{'裂' * 120}/{n}.png".encode("gbk") for n in range(2)])
    with pytest.raises(DataError, match=r"images\.zip: an archive that cannot be unpacked \(File name too long\)"):
        find_class_folders(tmp_path)
