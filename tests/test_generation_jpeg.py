"""JPEG files put together of strips: the bytes of encoding the whole, whatever differs."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from harmaug.generation.jpeg import PatchedJpeg, encode_jpeg


def noise(height, width, seed=0):
    return Image.fromarray(
        np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    )


@settings(max_examples=80, deadline=None)
@given(
    height=st.integers(1, 90),
    width=st.integers(1, 40) | st.integers(121, 520),  # a row of one strip, and of several
    foreground=st.sampled_from([0.0, 0.001, 0.01, 0.5]),
    quality=st.integers(1, 100),
    profile=st.sampled_from([None, b"profile" * 50]),
    seed=st.integers(0, 99),
)
def test_strips_put_together_are_the_whole_encoded(
    height, width, foreground, quality, profile, seed
):
    photo = noise(height, width, seed)
    draw = np.random.default_rng(seed)
    held = draw.random((height, width)) < foreground
    held[draw.integers(height), draw.integers(width)] = True  # somewhere there is foreground
    jpeg = PatchedJpeg(photo, Image.fromarray(held.astype(np.uint8)), quality, profile)
    sheets, boxes, expected = [], [], []
    for change in (51, 102, 204):
        composite = np.array(photo)
        composite[held] ^= change
        whole = Image.fromarray(composite)
        expected.append(encode_jpeg(whole, quality, profile))
        boxes.append(np.asarray(whole.crop(jpeg.box)))
        sheets.append(np.where(jpeg.mask[..., None], jpeg.photo ^ change, jpeg.photo))
    assert list(jpeg.encode(np.stack(sheets).astype(np.uint8))) == expected
    assert list(jpeg.encode(jpeg.arranged(np.stack(boxes)))) == expected


def test_sheets_too_tall_for_one_file_are_coded_in_several():
    photo = noise(20000, 8)
    jpeg = PatchedJpeg(photo, Image.new("L", photo.size, 1), 90)
    sheets = np.stack([jpeg.photo ^ change for change in range(4)])
    expected = [encode_jpeg(Image.fromarray(sheet), 90) for sheet in sheets]
    assert jpeg.encode(sheets) == expected


def test_only_strips_that_hold_foreground_are_coded_anew():
    mask = np.zeros((64, 256), np.uint8)
    mask[20:30, 70:140] = 255  # in two rows of blocks, over two strips of 64 pixels each
    jpeg = PatchedJpeg(noise(64, 256), Image.fromarray(mask), 90)
    assert jpeg.photo.size == 3 * 4 * 8 * 64


@pytest.mark.parametrize("width", [50, 320])
def test_markers_change_no_pixel(width):
    plain = io.BytesIO()
    noise(70, width).save(plain, "JPEG", quality=90, subsampling=0)
    marked = Image.open(io.BytesIO(encode_jpeg(noise(70, width), 90)))
    assert np.array_equal(np.asarray(marked), np.asarray(Image.open(plain)))


@pytest.mark.parametrize("width", [50, 320])
def test_other_decoders_read_it_alike(width):
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    from kornia_rs import io as codec

    mask = Image.new("L", (width, 70))
    mask.paste(255, (10, 20, 50, 40))
    jpeg = PatchedJpeg(noise(70, width), mask, 90)
    (file,) = jpeg.encode(255 - jpeg.photo[None])
    expected = np.asarray(Image.open(io.BytesIO(file)))
    assert np.array_equal(codec.decode_image_jpegturbo(file, "rgb"), expected)
    read = cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(read[..., ::-1], expected)


@pytest.mark.parametrize(
    ("width", "blocks"),
    [(1, 1), (127, 8), (128, 8), (640, 8), (683, 43), (1000, 25), (1016, 127), (1920, 8)],
)
def test_a_row_has_strips_of_one_length_and_8_blocks_or_more(width, blocks):
    file = encode_jpeg(noise(8, width), 90)
    at = file.index(b"\xff\xdd\x00\x04") + 4  # the segment that defines restart intervals
    assert int.from_bytes(file[at : at + 2], "big") == blocks
