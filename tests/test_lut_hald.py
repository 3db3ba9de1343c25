"""HaldCLUT images: round trips, layout, strong looks, and pictures that are no LUTs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from harmaug.lut import identity_lut, resize_lut
from harmaug.lut.hald import read_hald, write_hald


def smooth_lut(size, seed=0):
    """A LUT of any colours in [0, 1], which change slowly."""
    coarse = torch.rand(3, 3, 3, 3, generator=torch.Generator().manual_seed(seed))
    return resize_lut(coarse, size)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("level", [2, 3, 4])
def test_round_trip_within_half_a_code_value(tmp_path, bits, level):
    lut = smooth_lut(level**2)
    write_hald(tmp_path / "a.png", lut, bits)
    back = read_hald(tmp_path / "a.png")
    assert back.dtype == torch.float32
    assert (back - lut).abs().max() <= 0.5001 / (2**bits - 1)
    write_hald(tmp_path / "b.png", back, bits)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_layout_is_imagemagicks(tmp_path):
    # Level 2: an 8 x 8 image of 4³ colours in reading order, red fastest, blue slowest.
    write_hald(tmp_path / "a.png", identity_lut(4))
    pixels = np.asarray(Image.open(tmp_path / "a.png"))
    assert pixels.shape == (8, 8, 3)
    assert pixels[0, :4].tolist() == [[0, 0, 0], [85, 0, 0], [170, 0, 0], [255, 0, 0]]
    assert pixels[0, 4].tolist() == [0, 85, 0]
    assert pixels[2, 0].tolist() == [0, 0, 85]
    assert pixels[7, 7].tolist() == [255, 255, 255]


def test_values_are_clamped(tmp_path):
    write_hald(tmp_path / "a.png", 3 * smooth_lut(4) - 1)
    assert read_hald(tmp_path / "a.png").aminmax() == (0, 1)


def test_seventeen_nodes_are_refused_with_the_way_out(tmp_path):
    with pytest.raises(ValueError, match=r"got 17; .*resize_lut\(lut, 25\)"):
        write_hald(tmp_path / "a.png", identity_lut(17))
    write_hald(tmp_path / "a.png", resize_lut(identity_lut(17), 25))


@pytest.mark.parametrize(("name", "bits"), [("a.png", 12), ("a.jpg", 8)])
def test_bad_arguments(tmp_path, name, bits):
    with pytest.raises(ValueError, match=r"bits must be|written as \.png"):
        write_hald(tmp_path / name, identity_lut(4), bits)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [(8, 9), (10, 10), (1, 1), (16, 4)])
def test_other_images_are_refused(tmp_path, size):
    Image.new("RGB", size).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match=f"no Hald image: .* got {size[0]} x {size[1]}"):
        read_hald(tmp_path / "a.png")


@pytest.mark.parametrize("level", [4, 8])
@pytest.mark.parametrize("name", ["invert", "halves", "steps", "threshold", "solarize", "rainbow"])
def test_strong_looks_are_read(tmp_path, name, level):
    neutral = identity_lut(level**2)
    luma = (neutral * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1, 1)).sum(0)
    turns = torch.tensor([0.0, 4.0, 2.0]).view(3, 1, 1, 1)
    looks = {
        "invert": 1 - neutral,
        "halves": (neutral > 0.5).float(),
        "steps": (neutral * 8).floor() / 8,
        "threshold": (luma > 0.5).float().expand(3, -1, -1, -1),
        "solarize": (2 * torch.pi * neutral).sin().square(),
        "rainbow": ((luma * 6 + turns) % 6 - 3).abs().sub(1).clamp(0, 1),
    }
    write_hald(tmp_path / "a.png", looks[name])
    assert (read_hald(tmp_path / "a.png") - looks[name]).abs().max() <= 0.5001 / 255


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_a_look_of_one_colour_is_read(tmp_path, value):
    write_hald(tmp_path / "a.png", torch.full((3, 16, 16, 16), value))
    assert read_hald(tmp_path / "a.png").unique().numel() == 1


@pytest.mark.parametrize("quality", [90, 95])
def test_a_look_that_was_a_jpeg_is_read(tmp_path, quality):
    look = torch.lerp(identity_lut(64), smooth_lut(64), 0.5)
    write_hald(tmp_path / "a.png", look)
    Image.open(tmp_path / "a.png").save(tmp_path / "a.jpg", quality=quality)
    assert (read_hald(tmp_path / "a.jpg") - look).abs().mean() < 0.05


@pytest.mark.parametrize("side", [125, 216, 343, 512, 1000])
@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea", "camera", "coins", "page"])
def test_pictures_are_refused(tmp_path, name, side):
    data = pytest.importorskip("skimage.data", reason="scikit-image is not installed")
    picture = Image.fromarray(getattr(data, name)()).convert("RGB").resize((side, side))
    picture.save(tmp_path / "preview.png")
    with pytest.raises(ValueError, match="seems to be a picture, not a Hald image") as error:
        read_hald(tmp_path / "preview.png")
    assert "preview.png" in str(error.value)


def test_a_blurred_picture_is_refused_too(tmp_path):
    colours = torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    smooth = F.interpolate(colours, (512, 512), mode="bicubic")[0].clamp(0, 1)
    pixels = (smooth.permute(1, 2, 0) * 255).byte().numpy()
    Image.fromarray(pixels).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="seems to be a picture"):
        read_hald(tmp_path / "a.png")


@pytest.mark.parametrize("level", [2, 3, 4, 8])
@pytest.mark.parametrize("name", ["identity", "invert", "smooth", "green-up"])
def test_a_clut_of_tiles_is_told_and_not_taken(tmp_path, name, level):
    """The layout of GPUImage and of many games: a tile for each blue, with red and green in it."""
    size = level**2
    looks = {"identity": identity_lut(size), "invert": 1 - identity_lut(size)}
    looks |= {"smooth": torch.lerp(identity_lut(size), smooth_lut(size), 0.3)}
    looks |= {"green-up": identity_lut(size).flip(2)}
    tiles = looks[name].reshape(3, level, level, size, size).transpose(2, 3)
    pixels = tiles.reshape(3, level**3, level**3).permute(1, 2, 0)
    Image.fromarray(pixels.mul(255).round().byte().numpy()).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match=f"a CLUT of {level} x {level} tiles, not a Hald image"):
        read_hald(tmp_path / "a.png")


@pytest.mark.parametrize("size", [(256, 16), (1024, 32), (33, 1089)])
def test_a_strip_of_tiles_is_told(tmp_path, size):
    Image.new("RGB", size).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match=f"{min(size)} tiles in a row are a CLUT of another"):
        read_hald(tmp_path / "a.png")


def test_pillow_lut_reads_the_same(tmp_path):
    pillow_lut = pytest.importorskip("pillow_lut", reason="pillow_lut is not installed")
    write_hald(tmp_path / "a.png", smooth_lut(4))
    theirs = pillow_lut.load_hald_image(str(tmp_path / "a.png"))
    table = torch.tensor(theirs.table, dtype=torch.float32).reshape(4, 4, 4, 3)
    torch.testing.assert_close(table.permute(3, 0, 1, 2), read_hald(tmp_path / "a.png"))
