"""Reading for a set: fast decoders give what the one reader gives, and no other file is kept."""

from __future__ import annotations

import io
import re
import zlib

import numpy as np
import pytest
from PIL import Image

from harmaug.generation.output import File
from harmaug.generation.pictures import open_mask, open_photo
from harmaug.io.photos import read_mask, read_photo


@pytest.fixture
def photo():
    y, x = np.mgrid[:50, :70]
    noise = np.random.default_rng(0).integers(0, 40, (50, 70, 3))
    return Image.fromarray((np.dstack((x * 2, y * 3, x + y)) + noise).clip(0, 255).astype(np.uint8))


def saved(image, path, **options):
    image.save(path, **options)
    return path.read_bytes()


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"subsampling": 0}, {"quality": 30}, {"optimize": True}]
)
def test_a_jpeg_is_kept_and_read_as_pillow_reads_it(photo, tmp_path, options):
    data = saved(photo, tmp_path / "a.jpg", **options)
    picture = open_photo(str(tmp_path / "a.jpg"), data, 1)
    assert picture.file == File(data, str(tmp_path / "a.jpg"))
    assert np.array_equal(np.asarray(picture.image), np.asarray(Image.open(tmp_path / "a.jpg")))


@pytest.mark.parametrize(
    ("name", "options"),
    [("a.png", {}), ("a.webp", {"lossless": True}), ("a.bmp", {}), ("a.tif", {})],
)
def test_another_format_becomes_a_jpeg_whose_pixels_are_taken(photo, tmp_path, name, options):
    data = saved(photo, tmp_path / name, **options)
    picture = open_photo(str(tmp_path / name), data, 1)
    assert picture.file.original is None
    assert np.array_equal(
        np.asarray(picture.image), np.asarray(Image.open(io.BytesIO(picture.file.data)))
    )
    assert np.abs(np.asarray(picture.image).astype(int) - np.asarray(photo)).mean() < 5  # of noise


def test_a_photo_with_transparency_is_noted(photo, tmp_path):
    photo.putalpha(100)
    picture = open_photo(str(tmp_path / "a.png"), saved(photo, tmp_path / "a.png"), 1)
    assert "transparency" in picture.notes[0]


def test_a_colour_space_that_a_jpeg_does_not_hold_is_noted(photo, tmp_path):
    data = saved(photo, tmp_path / "a.png")
    gamma = b"\0\0\0\4gAMA\0\1\x86\xa0"
    data = data[:33] + gamma + zlib.crc32(gamma[4:]).to_bytes(4, "big") + data[33:]
    (tmp_path / "a.png").write_bytes(data)
    picture = open_photo(str(tmp_path / "a.png"), data, 1)
    assert "names its colour space in gAMA" in picture.notes[0]


def test_a_damaged_jpeg_is_what_pillow_says_it_is(photo, tmp_path):
    data = saved(photo, tmp_path / "a.jpg", quality=95)
    (tmp_path / "a.jpg").write_bytes(data[:-100])
    with pytest.raises(ValueError, match="cut short"):
        open_photo(str(tmp_path / "a.jpg"), data[:-100], 1)
    # Within the coded data Pillow mends what it can, and so does a set.
    middle = len(data) // 2
    mended = data[:middle] + bytes(30) + data[middle + 30 :]
    (tmp_path / "a.jpg").write_bytes(mended)
    picture = open_photo(str(tmp_path / "a.jpg"), mended, 1)
    assert np.array_equal(np.asarray(picture.image), read_photo(tmp_path / "a.jpg").pixels)


def soft_mask():
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 70), dtype=np.uint8))


def test_a_grey_png_mask_is_kept_and_read_as_pillow_reads_it(tmp_path):
    data = saved(soft_mask(), tmp_path / "a.png")
    picture = open_mask(str(tmp_path / "a.png"), data, 1)
    assert picture.file == File(data, str(tmp_path / "a.png"))
    assert np.array_equal(np.asarray(picture.image), np.asarray(soft_mask()))


def labels(path):
    Image.fromarray((np.asarray(soft_mask()) > 127).astype(np.uint8)).save(path)


def turned(path):
    exif = Image.Exif()
    exif[0x0112] = 6
    soft_mask().save(path, exif=exif)


def deep(path):
    Image.fromarray(np.asarray(soft_mask()).astype(np.uint16) * 257).save(path)


def bilevel(path):
    soft_mask().convert("1").save(path)


def coloured(path):
    soft_mask().convert("RGB").save(path)


def palette(path):
    soft_mask().convert("RGB").quantize(4).save(path)


@pytest.mark.parametrize("write", [labels, turned, deep, bilevel, coloured, palette])
def test_another_mask_becomes_a_grey_png_of_the_same_values(tmp_path, write):
    path = tmp_path / "a.png"
    write(path)
    picture = open_mask(str(path), path.read_bytes(), 1)
    assert picture.file.original is None
    stored = Image.open(io.BytesIO(picture.file.data))
    assert stored.mode == "L"
    assert np.array_equal(np.asarray(stored), np.asarray(picture.image))
    np.testing.assert_allclose(
        np.asarray(picture.image) / 255, read_mask(path).numpy(), atol=0.5 / 255 + 1e-6
    )


def of_values(*values):
    """A mask whose left part has the first of these values, and so on."""
    columns = np.array(values, np.uint8)[np.arange(50) * len(values) // 50]
    return Image.fromarray(np.broadcast_to(columns, (70, 50)).copy())


@pytest.mark.parametrize(
    "values",
    [(0, 255), (0, 1), (0, 15), (0, 128), (0, 3, 7), (0, 254), (0, 100, 200), (0,), (1,), (255,)],
)
@pytest.mark.parametrize("mode", ["L", "1", "RGB", "P", "LA", "I;16"])
def test_a_mask_is_read_as_by_the_one_reader(tmp_path, values, mode):
    """Also where that refuses it, as values that could be class ids."""
    path, image = tmp_path / "a.png", of_values(*values)
    image = image.convert("I;16") if mode == "I;16" else image.convert(mode)
    data = saved(image, path)
    try:
        expected = read_mask(path).numpy()
    except ValueError as error:
        with pytest.raises(ValueError, match=re.escape(str(error))):
            open_mask(str(path), data, 1)
        return
    picture = open_mask(str(path), data, 1)
    assert np.array_equal(np.asarray(picture.image), np.rint(expected * 255))
    stored = Image.open(io.BytesIO(picture.file.data))
    assert stored.mode == "L"
    assert np.array_equal(np.asarray(stored), np.asarray(picture.image))


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 30}, {"exif": 6}])
def test_a_jpeg_is_read_as_by_the_one_reader(photo, tmp_path, mode, options):
    path = tmp_path / "a.jpg"
    if "exif" in options:
        exif = Image.Exif()
        exif[0x0112] = options["exif"]
        options = {"exif": exif}
    data = saved(photo.convert(mode), path, **options)
    picture = open_photo(str(path), data, 1)
    expected = read_photo(path).pixels.astype(int)
    if picture.file.original is None:  # written anew, which loses a little
        assert np.abs(np.asarray(picture.image) - expected).mean() < 5
    else:
        assert np.array_equal(np.asarray(picture.image), expected)
    assert (picture.file.original is None) == (mode == "CMYK" or "exif" in options)


def test_a_damaged_mask_is_refused(tmp_path):
    data = saved(soft_mask(), tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes(data[:900])
    with pytest.raises(ValueError, match="cut short"):
        open_mask(str(tmp_path / "a.png"), data[:900], 1)


@pytest.mark.parametrize("opened", [open_photo, open_mask])
def test_a_large_picture_is_refused_before_it_is_decoded(photo, tmp_path, opened):
    for name in ("a.jpg", "a.png"):
        data = saved(photo.convert("L" if opened is open_mask else "RGB"), tmp_path / name)
        if name == "a.jpg":
            data = data[: data.index(b"\xff\xda") + 20]  # to the start of its coded pixels
        with pytest.raises(ValueError, match=r"megapixels, over the limit of 0\.001"):
            opened(str(tmp_path / name), data, 0.001)
