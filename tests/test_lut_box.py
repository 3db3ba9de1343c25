import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harmaug.lut import composite_lut, identity_lut
from harmaug.lut.box import box_weights, cropped_grid, frame_corners

AXES = st.integers(1, 40)


def boxed(height, width, top, left, bottom, right):
    mask = torch.zeros(1, 1, height, width)
    mask[..., top:bottom, left:right] = 1
    return mask


def test_a_mask_over_the_whole_frame_has_the_corners_of_the_frame():
    torch.testing.assert_close(frame_corners(torch.ones(2, 1, 7, 9)), torch.eye(4).expand(2, 4, 4))


@given(AXES, AXES, st.data())
def test_values_of_the_box_come_back_at_its_corners(height, width, data):
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    bottom, right = data.draw(st.integers(top + 1, height)), data.draw(st.integers(left + 1, width))
    mask = boxed(height, width, top, left, bottom, right)
    if (bottom - top) * 8 < height or (right - left) * 8 < width:
        return  # widened, see below
    columns = torch.tensor([[left, right, left, right]]) / width
    rows = torch.tensor([[top, top, bottom, bottom]]) / height
    weights = box_weights(mask, columns, rows)[0]
    torch.testing.assert_close(weights, torch.eye(4), atol=2e-5, rtol=0)


@given(AXES, AXES, st.integers(0, 2**16))
def test_weights_sum_to_one_everywhere(height, width, seed):
    draw = torch.Generator().manual_seed(seed)
    mask = torch.rand(1, 1, height, width, generator=draw)
    place = torch.rand(2, 1, 5, generator=draw)
    total = box_weights(mask, *place).sum(1)
    torch.testing.assert_close(total, torch.ones(1, 5), atol=1e-4, rtol=0)


def test_a_tiny_foreground_has_a_box_of_an_eighth_of_the_frame():
    mask = boxed(64, 64, 32, 32, 33, 33)
    edge = torch.tensor([[0.5 / 64 + 0.5 - 1 / 16, 0.5 / 64 + 0.5 + 1 / 16]])
    weights = box_weights(mask, edge, torch.full((1, 2), 0.5 / 64 + 0.5))[0]
    expected = torch.tensor([[0.5, 0.0], [0.0, 0.5], [0.5, 0.0], [0.0, 0.5]])
    torch.testing.assert_close(weights, expected, atol=1e-5, rtol=0)


def test_faint_pixels_far_away_do_not_stretch_the_box():
    mask = boxed(32, 32, 8, 8, 24, 24)
    noisy = mask.clone()
    noisy[..., 0, 0] = 0.2
    assert torch.equal(frame_corners(noisy), frame_corners(mask))
    assert torch.equal(frame_corners(mask * 0.3), frame_corners(mask))


@pytest.mark.parametrize("scale", [2, 3, 8])
def test_the_box_is_the_same_at_every_size(scale):
    mask = boxed(20, 30, 4, 9, 15, 21)
    large = mask.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    torch.testing.assert_close(frame_corners(large), frame_corners(mask), atol=1e-5, rtol=0)


def test_luts_at_the_corners_of_the_box_blend_bilinearly_within_it():
    """Gains at the box's corners, put on the frame's, against bilinear gains by hand."""
    mask = boxed(40, 60, 10, 20, 30, 50)
    gain = torch.tensor([0.5, 0.8, 0.9, 0.3])
    luts = gain.view(1, 4, 1, 1, 1, 1) * identity_lut(5)
    grid = torch.einsum("bij,bj...->bi...", frame_corners(mask), luts).unflatten(1, (2, 2))
    found = composite_lut(torch.full((1, 3, 40, 60), 0.6), mask, grid)
    u = ((torch.arange(60) + 0.5 - 20) / 30).clamp(0, 1)
    v = ((torch.arange(40) + 0.5 - 10) / 20).clamp(0, 1).unsqueeze(1)
    by_hand = (gain[0] * (1 - u) + gain[1] * u) * (1 - v) + (gain[2] * (1 - u) + gain[3] * u) * v
    inside = mask[0, 0] > 0
    torch.testing.assert_close(found[0, 0][inside], 0.6 * by_hand[inside], atol=1e-5, rtol=0)


def test_a_cropped_grid_recolours_a_part_as_the_whole_grid_does():
    generator = torch.Generator().manual_seed(0)
    photo = torch.rand(1, 3, 40, 60, generator=generator)
    luts = identity_lut(5) * (torch.rand(1, 2, 2, 3, 1, 1, 1, generator=generator) + 0.3)
    whole = composite_lut(photo, torch.ones(1, 1, 40, 60), luts)
    part = photo[..., 7:33, 12:57]
    cropped = cropped_grid(luts, (12 / 60, 7 / 40, 57 / 60, 33 / 40))
    found = composite_lut(part, torch.ones(1, 1, 26, 45), cropped)
    torch.testing.assert_close(found, whole[..., 7:33, 12:57], atol=1e-5, rtol=0)
