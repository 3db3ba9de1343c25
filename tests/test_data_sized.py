"""Photos and masks at one size: the pixels of the one reader, resized in 8 bits."""

import numpy as np
import torch
from PIL import Image

from harmaug.data.sized import read_sized_mask, read_sized_photo
from harmaug.io import read_mask, read_photo


def write(path, shape, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def test_without_a_size_pixels_are_those_of_the_reader(tmp_path):
    write(tmp_path / "a.png", (20, 30, 3))
    write(tmp_path / "m.png", (20, 30))
    photo, shape = read_sized_photo(tmp_path / "a.png", None)
    assert shape == (20, 30)
    assert photo.equal(read_photo(tmp_path / "a.png").tensor())
    mask, shape = read_sized_mask(tmp_path / "m.png", None)
    assert shape == (20, 30)
    assert mask[0].equal(read_mask(tmp_path / "m.png"))


def test_resizing_is_pillows_and_the_size_of_the_file_is_told(tmp_path):
    pixels = write(tmp_path / "a.png", (20, 30, 3))
    codes = write(tmp_path / "m.png", (20, 30))
    photo, shape = read_sized_photo(tmp_path / "a.png", 8)
    assert shape == (20, 30)
    mask, _ = read_sized_mask(tmp_path / "m.png", 8)
    for made, source in ((photo, pixels), (mask, codes)):
        expected = np.array(Image.fromarray(source).resize((8, 8), Image.Resampling.BILINEAR))
        found = (made * 255).round().to(torch.uint8).permute(1, 2, 0).squeeze(2).numpy()
        assert np.array_equal(found, expected)


def test_a_large_jpeg_read_smaller_still_tells_its_size(tmp_path):
    write(tmp_path / "a.jpg", (400, 600, 3))
    photo, shape = read_sized_photo(tmp_path / "a.jpg", 32)
    assert photo.shape == (3, 32, 32)
    assert shape == (400, 600)
