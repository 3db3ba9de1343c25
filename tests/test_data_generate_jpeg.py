"""JPEG files put together of rows: the bytes of encoding the whole, whatever differs."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from harmaug.data.generate.jpeg import RowwiseJpeg, encode_jpeg


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 90),
    width=st.integers(1, 40),
    edges=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    quality=st.integers(1, 100),
    profile=st.sampled_from([None, b"profile" * 50]),
    seed=st.integers(0, 99),
)
def test_rows_put_together_are_the_whole_encoded(height, width, edges, quality, profile, seed):
    draw = np.random.default_rng(seed)
    photo = draw.integers(0, 256, (height, width, 3), dtype=np.uint8)
    first, last = sorted(int(edge * (height - 1)) for edge in edges)
    rows = slice(first, last + 1)
    jpeg = RowwiseJpeg(photo, rows, quality, profile)
    for _ in range(2):
        composite = photo.copy()
        composite[rows] = draw.integers(0, 256, composite[rows].shape, dtype=np.uint8)
        assert jpeg.encode(composite) == encode_jpeg(composite, quality, profile)


def test_row_markers_change_no_pixel():
    photo = np.random.default_rng(0).integers(0, 256, (70, 50, 3), dtype=np.uint8)
    plain = io.BytesIO()
    Image.fromarray(photo).save(plain, "JPEG", quality=90, subsampling=0)
    marked = Image.open(io.BytesIO(encode_jpeg(photo, 90)))
    assert np.array_equal(np.asarray(marked), np.asarray(Image.open(plain)))


def test_other_decoders_read_it_alike():
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    from kornia_rs import io as codec

    photo = np.random.default_rng(0).integers(0, 256, (70, 50, 3), dtype=np.uint8)
    composite = photo.copy()
    composite[20:40] //= 2
    file = RowwiseJpeg(photo, slice(20, 40), 90).encode(composite)
    expected = np.asarray(Image.open(io.BytesIO(file)))
    assert np.array_equal(codec.decode_image_jpegturbo(file, "rgb"), expected)
    read = cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(read[..., ::-1], expected)
