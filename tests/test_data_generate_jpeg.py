"""JPEG files put together of intervals: the bytes of encoding the whole, whatever differs."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from harmaug.data.generate.jpeg import PatchedJpeg, encode_jpeg


def noise(height, width, seed=0):
    return Image.fromarray(
        np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    )


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 90),
    width=st.integers(1, 40) | st.integers(121, 520),  # a row of one interval, and of several
    edges=st.tuples(*[st.floats(0, 1)] * 4),
    quality=st.integers(1, 100),
    profile=st.sampled_from([None, b"profile" * 50]),
    seed=st.integers(0, 99),
)
def test_intervals_put_together_are_the_whole_encoded(height, width, edges, quality, profile, seed):
    photo = noise(height, width, seed)
    left, right = sorted(int(edge * (width - 1)) for edge in edges[:2])
    top, bottom = sorted(int(edge * (height - 1)) for edge in edges[2:])
    box = (left, top, right + 1, bottom + 1)
    jpeg = PatchedJpeg(photo, box, quality, profile)
    for other in (1, 2):
        patch = noise(box[3] - box[1], box[2] - box[0], seed + 100 * other)
        composite = photo.copy()
        composite.paste(patch, box)
        assert jpeg.encode(patch) == encode_jpeg(composite, quality, profile)


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

    file = PatchedJpeg(noise(70, width), (10, 20, 50, 40), 90).encode(noise(20, 40, 1))
    expected = np.asarray(Image.open(io.BytesIO(file)))
    assert np.array_equal(codec.decode_image_jpegturbo(file, "rgb"), expected)
    read = cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(read[..., ::-1], expected)


@pytest.mark.parametrize(
    ("width", "blocks"),
    [(1, 1), (127, 8), (128, 8), (640, 10), (683, 43), (1000, 25), (1024, 16), (1920, 30)],
)
def test_a_row_has_up_to_8_intervals_of_one_length_and_8_blocks_or_more(width, blocks):
    file = encode_jpeg(noise(8, width), 90)
    at = file.index(b"\xff\xdd\x00\x04") + 4  # the segment that defines restart intervals
    assert int.from_bytes(file[at : at + 2], "big") == blocks
