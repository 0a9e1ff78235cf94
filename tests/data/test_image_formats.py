"""Images as cameras and microscopes write them: turned, in numbers of any format, of several pages and channels."""

import io
import struct

import numpy as np
import pytest
import tifffile
from PIL import Image

from steeldefectx.data.builder import load_dataset
from steeldefectx.data.duplicates import find_duplicates
from steeldefectx.data.images import open_image, read_image
from steeldefectx.data.sources import find_class_folders, sample_pixels
from steeldefectx.errors import ConfigError, DataError
from steeldefectx.utils.grey_levels import GreyLevels, to_grey, to_rgb

ORIENTATION = 0x0112
UPRIGHT = np.zeros((64, 96), np.uint8)
UPRIGHT[:20, :30] = 255  # a bright corner, upper left
DEFECT = np.zeros((64, 96), np.uint8)
DEFECT[:20, :30] = 255
STORED = {  # how an upright picture lies in a file with each orientation, as EXIF defines them
    1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1],
    5: lambda a: a.T, 6: lambda a: np.rot90(a), 7: lambda a: np.rot90(a, 2).T, 8: lambda a: np.rot90(a, -1),
}  # fmt: skip


def exif(orientation):
    data = Image.Exif()
    data[ORIENTATION] = orientation
    return data


def photograph(path, orientation, upright=UPRIGHT, **save):
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = np.ascontiguousarray(STORED[orientation](upright))
    Image.fromarray(stored).save(path, exif=exif(orientation), **save)
    return path


def classes(root):
    """Two classes of other images, so that there is something to split."""
    rng = np.random.default_rng(0)
    for name in ("dent/1", "dent/2", "dent/3", "scratch/1", "scratch/2"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (64, 96), np.uint8)).save(root / f"{name}.png")
    return root


def rows_of(root, tmp_path, **settings):
    rows = load_dataset("class-folders", data_dir=str(root), cache_dir=str(tmp_path / "cache"), **settings)
    return {row["image_id"].rpartition("/")[2]: row for part in rows.values() for row in part}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "lzw.tif", "f64.tif"])
def test_an_image_is_upright_whatever_its_file_says(tmp_path, orientation, ending):
    file = tmp_path / f"a.{ending}"
    if ending == "f64.tif":  # which Pillow does not read
        stored = np.ascontiguousarray(STORED[orientation](UPRIGHT)).astype(np.float64)
        tifffile.imwrite(file, stored, extratags=[(ORIENTATION, "H", 1, orientation, True)])
    else:
        photograph(file, orientation, **({"compression": "tiff_lzw"} if ending == "lzw.tif" else {}))
    found = np.asarray(open_image(file), dtype=int)
    assert found.shape == (64, 96)
    assert np.abs(found - UPRIGHT).mean() < 3
    assert read_image(file)[1].orientation == orientation


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
@pytest.mark.parametrize(("drawn", "ending"), [("upright", "jpg"), ("stored", "jpg"), ("stored", "tif")])
def test_a_mask_follows_its_image_by_its_size(tmp_path, orientation, drawn, ending):
    root = classes(tmp_path / "data")
    photograph(root / "scratch" / f"turned.{ending}", orientation, quality=95)
    mask = DEFECT if drawn == "upright" else np.ascontiguousarray(STORED[orientation](DEFECT))
    (root / "masks").mkdir()
    Image.fromarray(mask).save(root / "masks" / "turned.png")
    found = find_class_folders(root)
    (sample,) = [sample for sample in found.samples if sample.mask]
    image, pixels = sample_pixels(sample)
    assert image.size == (96, 64)
    np.testing.assert_array_equal(pixels, DEFECT > 0)
    assert np.asarray(image)[pixels].mean() > 250
    assert any("turned upright with it" in note for note in found.notes) == (drawn == "stored")
    row = rows_of(root, tmp_path)["turned"]
    assert row["image"].size == row["mask"].size == (96, 64), "who only takes the rows has both upright"
    np.testing.assert_array_equal(np.asarray(row["mask"]), DEFECT)
    assert np.asarray(row["image"])[np.asarray(row["mask"]) > 0].mean() > 250
    assert row["attributes"]["position"][0]["cell"] == "top-left"


@pytest.mark.parametrize(("orientation", "shape"), [(6, (64, 64)), (3, (64, 96)), (2, (64, 96))])
def test_a_mask_that_fits_both_ways_is_reported(tmp_path, orientation, shape):
    root = classes(tmp_path / "data")
    upright = np.zeros(shape, np.uint8)
    upright[:20, :30] = 255
    photograph(root / "scratch" / "turned.png", orientation, upright)
    Image.fromarray(upright).save(root / "scratch" / "turned_mask.png")
    found = find_class_folders(root)
    (note,) = [note for note in found.notes if "both upright and as stored" in note]
    assert "turned_mask.png" in note
    assert "upright picture" in note
    (sample,) = [sample for sample in found.samples if sample.mask]
    np.testing.assert_array_equal(sample_pixels(sample)[1], upright > 0)


def test_a_mask_of_an_image_that_is_not_turned_is_as_before(tmp_path):
    root = classes(tmp_path / "data")
    Image.fromarray(DEFECT.T.copy()).save(root / "scratch" / "1_mask.png")
    with pytest.raises(DataError, match=r"1_mask\.png: a mask of another size"):
        find_class_folders(root)


@pytest.mark.parametrize("damaged", [b"II*\0\xff\xff\xff\xff", b"garbage", b"II*\0\x08\0\0\0\xff"])
def test_damaged_exif_data_keep_no_image_back(tmp_path, damaged):
    root = classes(tmp_path / "data")
    plain = io.BytesIO()
    Image.fromarray(UPRIGHT).save(plain, "JPEG", quality=95)
    data = plain.getvalue()
    segment = b"\xff\xe1" + struct.pack(">H", len(damaged) + 8) + b"Exif\0\0" + damaged
    (root / "scratch" / "camera.jpg").write_bytes(data[:2] + segment + data[2:])
    assert open_image(root / "scratch" / "camera.jpg").size == (96, 64)
    assert rows_of(root, tmp_path)["camera"]["image"].size == (96, 64)


def test_a_turned_copy_is_found_as_a_duplicate(tmp_path):
    root = tmp_path / "data"
    rng = np.random.default_rng(1)
    small = Image.fromarray(rng.integers(0, 255, (8, 12), np.uint8)).resize((96, 64), Image.Resampling.BICUBIC)
    for name, orientation in (("a", 1), ("b", 6), ("c", 3)):
        photograph(root / "scratch" / f"{name}.png", orientation, np.asarray(small))
    assert find_duplicates(find_class_folders(root).samples) == [[0, 1, 2]]


RAMP = np.linspace(0, 1, 64 * 96).reshape(64, 96)
NUMBERS = {
    "float32 0..1": RAMP.astype(np.float32),
    "float64 0..1": RAMP,
    "float16 0..1": RAMP.astype(np.float16),
    "float32 0..255": (RAMP * 255).astype(np.float32),
    "float32 0..65535": (RAMP * 65535).astype(np.float32),
    "float32 0..4095": (RAMP * 4095).astype(np.float32),
    "float32 overshooting": (RAMP * 1.02 - 0.01).astype(np.float32),
    "float32 millimetres": (RAMP * 7 - 5).astype(np.float32),
    "uint16": (RAMP * 65535).astype(np.uint16),
    "int16": (RAMP * 60000 - 30000).astype(np.int16),
    "int8": (RAMP * 254 - 127).astype(np.int8),
    "int32": (RAMP * 2e9 - 1e9).astype(np.int32),
    "uint32": (RAMP * 4.29e9).astype(np.uint32),
    "uint32 0..255": (RAMP * 255).astype(np.uint32),
    "uint8": (RAMP * 255).astype(np.uint8),
}


@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize("order", ["<", ">"])
def test_numbers_of_any_format_go_from_black_to_white(tmp_path, kind, order):
    tifffile.imwrite(tmp_path / "a.tif", NUMBERS[kind], byteorder=order)
    grey = np.asarray(to_grey(open_image(tmp_path / "a.tif"))).astype(int)
    assert grey.shape == (64, 96)
    assert np.abs(grey - np.round(RAMP * 255)).max() <= 4, "percentiles clip half a percent"
    assert (np.diff(grey.ravel()) >= 0).all()


@pytest.mark.parametrize(("mode", "expected"), [("1", 255), ("P", 204), ("CMYK", 204), ("LAB", 204), ("L", 204)])
def test_modes_of_eight_bits_and_fewer(tmp_path, mode, expected):
    grey = Image.new("RGB", (16, 16), (204, 204, 204))
    if mode == "LAB":
        tifffile.imwrite(tmp_path / "a.tif", np.full((16, 16, 3), (204, 0, 0), np.uint8), photometric="cielab")
    else:
        grey.convert(mode, dither=Image.Dither.NONE).save(tmp_path / "a.tif")
    found = np.asarray(to_grey(open_image(tmp_path / "a.tif"))).astype(int)
    assert np.abs(found - expected).max() <= 8


def test_the_range_is_the_data_sets_and_no_single_images():
    levels = GreyLevels()
    dark, bright = (Image.fromarray((RAMP * top).astype(np.float32)) for top in (0.1, 0.9))
    for image in (dark, bright):
        levels.add(image)
    assert levels.range == (0, 1)
    assert np.asarray(to_rgb(dark, grey_range=levels.range)).max() == 26, "a dark image stays dark"


@pytest.mark.parametrize(
    ("tops", "expected"),
    [([0.9], (0, 1)), ([1.001], (0, 1)), ([200.0], (0, 255)), ([3000.0], (0, 4095)), ([60000.0, 4.0], (0, 65535))],
)
def test_usual_ranges(tops, expected):
    levels = GreyLevels()
    for top in tops:
        levels.add(Image.fromarray((RAMP * top).astype(np.float32)))
    assert levels.range == expected


def test_what_fits_no_usual_range_is_cut_at_percentiles():
    levels = GreyLevels()
    heights = (RAMP * 0.3 - 0.2).astype(np.float32)
    heights[0, 0] = -9999  # no measurement
    levels.add(Image.fromarray(heights))
    low, high = levels.range
    assert low == pytest.approx(-0.2, abs=0.01)
    assert high == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_none_are_listed(tmp_path, value):
    root = classes(tmp_path)
    bad = RAMP.astype(np.float32)
    bad[3, 4] = value
    tifffile.imwrite(root / "scratch" / "bad.tif", bad)
    with pytest.raises(DataError, match=r"bad\.tif: .*NaN or infinite"):
        find_class_folders(root)
    assert len(find_class_folders(root, skip_bad=True).samples) == 5


@pytest.mark.parametrize("kind", ["float32 0..1", "float64 0..1", "uint32"])
def test_what_numbers_there_are_is_said_once_and_rows_have_them(tmp_path, kind):
    root = classes(tmp_path / "data")
    for n in range(3):
        tifffile.imwrite(root / "dent" / f"float{n}.tif", NUMBERS[kind][:, ::-1] if n else NUMBERS[kind])
    (said,) = [note for note in find_class_folders(root).notes if "floating-point" in note]
    assert said.startswith("3 images have")
    assert ("0 is black and 1 white" in said) == kind.startswith("float")
    image = rows_of(root, tmp_path)["float0"]["image"]
    assert image.mode == "F", "rows keep the numbers"
    np.testing.assert_allclose(np.asarray(image), NUMBERS[kind].astype(np.float32), rtol=1e-6)


def stack(path, pages=3, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    levels = np.stack([np.full((64, 96), 40 * (n + 1), np.uint8) for n in range(pages)])
    levels[:, :8, :8] = 255
    tifffile.imwrite(path, levels, photometric="minisblack", **options)
    return path


def animation(path, pages=3):
    frames = [Image.new("RGB", (96, 64), (40 * (n + 1),) * 3) for n in range(pages)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100)
    return path


@pytest.mark.parametrize("name", ["a.tif", "stack.tif", "a.gif", "a.png", "a.webp"])
def test_pages_are_counted_and_chosen(tmp_path, name):
    root = classes(tmp_path / "data")
    file = root / "scratch" / name
    if name.endswith("tif"):
        stack(file, imagej=name == "stack.tif")
    else:
        animation(file)
    for page in range(3):
        middle = np.asarray(to_grey(open_image(file, page)))[32, 48]
        assert abs(int(middle) - 40 * (page + 1)) <= 2
    with pytest.raises(DataError, match="it has 3 pages, none of number 3"):
        open_image(file, 3)
    (said,) = [note for note in find_class_folders(root).notes if "pages or frames" in note]
    assert said.startswith("1 file has several pages or frames (up to 3: ")
    assert "--page" in said


def test_what_is_unusual_is_said_where_rows_are_made(tmp_path, caplog):
    root = classes(tmp_path / "data")
    stack(root / "scratch" / "a.tif")
    rows_of(root, tmp_path)
    assert caplog.text.count("pages or frames") == 1


def test_the_chosen_page_is_what_rows_hold(tmp_path):
    root = tmp_path / "data"
    for name in ("scratch/a", "scratch/b", "dent/c", "dent/d"):
        stack(root / f"{name}.tif")
    for page in (0, 2):
        row = rows_of(root, tmp_path, page=page, split_by="rule")["a"]
        assert np.asarray(row["image"])[32, 48] == 40 * (page + 1)
    with pytest.raises(DataError, match="none of number 5"):
        rows_of(root, tmp_path, page=5)
    with pytest.raises(ConfigError, match="counted from 0"):
        rows_of(root, tmp_path, page=-1)


def test_transparent_pixels_keep_their_colours_which_is_said(tmp_path):
    root = classes(tmp_path)
    colours = np.full((64, 96, 4), 180, np.uint8)
    colours[..., 3] = 255
    colours[10:30, 10:30] = (60, 60, 60, 0)  # a defect, made transparent
    Image.fromarray(colours).save(root / "scratch" / "alpha.png")
    grey = np.asarray(to_grey(open_image(root / "scratch" / "alpha.png")))
    assert grey[20, 20] == 60
    (said,) = [note for note in find_class_folders(root).notes if "transparent pixels" in note]
    assert "alpha.png" in said


def test_grey_levels_of_sixteen_bits_may_have_a_transparent_one(tmp_path):
    Image.fromarray((RAMP * 65535).astype(np.uint16)).save(tmp_path / "a.png", transparency=0)
    assert to_grey(open_image(tmp_path / "a.png")).getextrema() == (0, 255)


def test_three_lights_in_three_channels_are_said(tmp_path):
    def lights(n):
        rng = np.random.default_rng(n)
        small = [Image.fromarray(rng.integers(0, 255, (8, 12), np.uint8)) for _ in range(3)]
        return Image.merge("RGB", [channel.resize((96, 64), Image.Resampling.BICUBIC) for channel in small])

    for n in range(4):
        for name in ("dent", "scratch"):
            (tmp_path / "lights" / name).mkdir(parents=True, exist_ok=True)
            (tmp_path / "colours" / name).mkdir(parents=True, exist_ok=True)
            image = lights(n + 10 * (name == "dent"))
            image.save(tmp_path / "lights" / name / f"{n}.png")
            grey = image.getchannel(0)
            tinted = [grey.point(lambda level, tint=tint: level * tint) for tint in (1.0, 0.8, 0.6)]
            Image.merge("RGB", tinted).save(tmp_path / "colours" / name / f"{n}.png")
    said = " ".join(find_class_folders(tmp_path / "lights").notes)
    assert said.count("as if they were three pictures") == 1
    assert "three pictures" not in " ".join(find_class_folders(tmp_path / "colours").notes)


@pytest.mark.parametrize("channels", [2, 4, 5])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_channels_that_are_no_picture_are_named(tmp_path, channels, planar):
    pixels = np.zeros((channels, 64, 96) if planar == "separate" else (64, 96, channels), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack", planarconfig=planar)
    with pytest.raises(DataError, match=rf"it has {channels} channels"):
        open_image(tmp_path / "a.tif")


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_three_channels_of_any_order_are_colours(tmp_path, planar):
    pixels = np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8)
    stored = pixels if planar == "contig" else pixels.transpose(2, 0, 1)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="minisblack", planarconfig=planar)
    np.testing.assert_array_equal(np.asarray(open_image(tmp_path / "a.tif")), pixels)


def test_an_la_image_is_grey(tmp_path):
    Image.merge("LA", [Image.fromarray(UPRIGHT), Image.new("L", (96, 64), 255)]).save(tmp_path / "a.png")
    np.testing.assert_array_equal(np.asarray(to_grey(open_image(tmp_path / "a.png"))), UPRIGHT)


def test_what_is_not_read_of_a_file_is_said(tmp_path):
    root = classes(tmp_path)
    rng = np.random.default_rng(0)
    deep = rng.integers(0, 65535, (64, 96, 3), np.uint16)
    tifffile.imwrite(root / "dent" / "deep.tif", deep, photometric="rgb")
    tifffile.imwrite(root / "dent" / "five.tif", rng.integers(0, 255, (64, 96, 5), np.uint8), photometric="rgb")
    said = " ".join(find_class_folders(root).notes)
    assert "1 image has colours of 16 bits, of which the 8 highest are read. The first is deep.tif." in said
    assert "1 image has more channels than are read: the first three. The first is five.tif." in said
    np.testing.assert_array_equal(np.asarray(open_image(root / "dent" / "deep.tif")), deep >> 8)
