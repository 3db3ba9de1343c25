"""The inverse of a LUT, and what is said where there is none."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from lut_files import grid

from harmaug.lut import apply_lut, identity_lut, invert_lut


def lut_of(colour_map, size=17):
    table = torch.from_numpy(colour_map(grid(size)).copy()).T
    return table.reshape(3, size, size, size).float()


MATRIX = np.array([[0.8, 0.1, 0.1], [0.05, 0.9, 0.05], [0.0, 0.2, 0.8]])


@pytest.mark.parametrize(
    "colour_map",
    [
        lambda colours: colours,
        lambda colours: 1 - colours,
        lambda colours: colours[:, [2, 0, 1]],
        lambda colours: colours[:, [1, 0, 2]],  # mirrored: every cell is turned
        lambda colours: 0.25 + 0.5 * colours,  # never gives dark and light colours
        lambda colours: colours @ MATRIX.T,
    ],
    ids=["identity", "negative", "rotated", "swapped", "faded", "matrix"],
)
def test_an_affine_map_is_inverted_exactly(colour_map):
    lut = lut_of(colour_map)
    inverse = invert_lut(lut, 9)
    assert inverse.largest_error < 1e-6
    assert inverse.lost == 0
    colours = torch.rand(1, 3, 20, 20, generator=torch.Generator().manual_seed(0))
    back = apply_lut(apply_lut(colours, lut), inverse.lut)
    torch.testing.assert_close(back, colours, atol=1e-6, rtol=0)


@pytest.mark.parametrize("gamma", [0.45, 1.5])
def test_more_nodes_come_nearer(gamma):
    lut = lut_of(lambda colours: colours**gamma)
    errors = [invert_lut(lut, size).mean_error for size in (9, 17, 33)]
    assert errors[0] > 2 * errors[1] > 3 * errors[2]


def test_its_errors_are_what_they_say():
    lut = lut_of(lambda colours: (colours @ MATRIX.T) ** 1.3)
    inverse = invert_lut(lut, 17)
    colours = torch.rand(1, 3, 100, 200, generator=torch.Generator().manual_seed(1))
    error = (apply_lut(apply_lut(colours, lut), inverse.lut) - colours).abs()
    assert inverse.mean_error == pytest.approx(error.mean().item(), rel=0.05)
    assert error.max() <= inverse.largest_error * 1.1


def test_clipped_colours_are_counted_and_come_back_in_range():
    lut = lut_of(lambda colours: (1.2 * colours).clip(0, 1))
    inverse = invert_lut(lut)
    assert inverse.lost == pytest.approx(1 - (14 / 16) ** 3)  # two of 16 cells begin above 5/6
    dark = torch.rand(1, 3, 20, 20, generator=torch.Generator().manual_seed(0)) * 0.8
    back = apply_lut(apply_lut(dark, lut), inverse.lut)
    torch.testing.assert_close(back, dark, atol=1e-5, rtol=0)


def test_a_folded_lut_says_so():
    inverse = invert_lut(lut_of(lambda colours: 4 * colours * (1 - colours)))
    assert inverse.lost == pytest.approx(0.5)
    assert inverse.mean_error > 0.1


@pytest.mark.parametrize(
    "colour_map",
    [
        lambda colours: colours.mean(1, keepdims=True).repeat(3, 1),
        lambda colours: np.full_like(colours, 0.5),
        lambda colours: colours * [1, 1, 0],
    ],
    ids=["black-and-white", "one-colour", "no-blue"],
)
def test_what_makes_one_colour_of_many_is_refused(colour_map):
    with pytest.raises(ValueError, match=r"cannot be inverted: .* in 100% of its cells"):
        invert_lut(lut_of(colour_map))


def test_dtype_is_kept_and_the_lut_left_alone():
    lut = identity_lut(5, dtype=torch.float64).requires_grad_()
    before = lut.detach().clone()
    inverse = invert_lut(lut, 5).lut
    assert inverse.dtype == torch.float64
    assert not inverse.requires_grad
    assert torch.equal(lut, before)


@pytest.mark.parametrize(
    ("lut", "size", "error", "message"),
    [
        (torch.zeros(2, 3, 4, 4, 4), 9, ValueError, "one LUT"),
        (identity_lut(4), 1, ValueError, "size must be at least 2"),
        (identity_lut(4) * 255, 9, ValueError, "divide code values"),
        (torch.full((3, 4, 4, 4), torch.nan), 9, ValueError, "finite"),
        (np.zeros((3, 4, 4, 4)), 9, TypeError, "torch.Tensor"),
    ],
)
def test_bad_arguments_are_told(lut, size, error, message):
    with pytest.raises(error, match=message):
        invert_lut(lut, size)
