"""One LUT for two, and how different two look."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from lut_files import grid, look

from harmaug.lut import apply_lut, compose_luts, identity_lut, lut_difference


def look_lut(size, seed=0):
    table = torch.from_numpy(look(np.random.default_rng(seed))(grid(size)))
    return table.T.reshape(3, size, size, size).float()


def colours(count=4000, seed=0):
    return torch.rand(1, 3, 1, count, generator=torch.Generator().manual_seed(seed))


class TestCompose:
    def test_the_identity_before_or_after_changes_nothing(self):
        lut = look_lut(9).clamp(0, 1)
        torch.testing.assert_close(compose_luts(identity_lut(9), lut), lut)
        torch.testing.assert_close(compose_luts(lut, identity_lut(5)), lut)

    def test_nodes_are_the_two_after_each_other(self):
        first, second, size = look_lut(9, 1), look_lut(17, 2).clamp(0, 1), 17
        nodes = identity_lut(size).reshape(1, 3, size, -1)
        wanted = apply_lut(apply_lut(nodes, first), second).reshape(3, size, size, size)
        got = compose_luts(first, second, size)
        # Between nodes of the first, clamping its nodes and clamping its results may differ.
        torch.testing.assert_close(got, wanted, atol=1e-5, rtol=0)

    def test_more_nodes_come_nearer_to_two_lookups(self):
        first, second, image = look_lut(9, 1), look_lut(9, 2), colours()
        wanted = apply_lut(apply_lut(image, first), second)
        errors = [
            (apply_lut(image, compose_luts(first, second, size)) - wanted).abs().mean().item()
            for size in (9, 33, 65)
        ]
        assert errors[0] > 3 * errors[1] > 3 * errors[2]

    def test_first_comes_first(self):
        dark, shifted = identity_lut(5) * 0.5, identity_lut(5) * 0.5 + 0.5
        torch.testing.assert_close(compose_luts(dark, shifted), identity_lut(5) * 0.25 + 0.5)
        torch.testing.assert_close(compose_luts(shifted, dark), identity_lut(5) * 0.25 + 0.25)

    def test_channels_keep_their_axes(self):
        red_first = torch.stack((identity_lut(4)[0], torch.zeros(4, 4, 4), torch.zeros(4, 4, 4)))
        torch.testing.assert_close(compose_luts(identity_lut(4), red_first), red_first)

    def test_leading_axes_broadcast(self):
        many = torch.stack([look_lut(5, seed) for seed in range(6)]).reshape(2, 3, 3, 5, 5, 5)
        one = look_lut(7, 9)
        got = compose_luts(many, one)
        assert got.shape == (2, 3, 3, 7, 7, 7)
        torch.testing.assert_close(got[1, 2], compose_luts(many[1, 2], one))

    def test_half_precision_is_kept(self):
        first, second = look_lut(5, 1), look_lut(9, 2)
        got = compose_luts(first.half(), second.half())
        assert got.dtype == torch.float16
        torch.testing.assert_close(got.float(), compose_luts(first, second), atol=2e-3, rtol=0)

    def test_gradients_reach_both(self):
        first = (identity_lut(3, dtype=torch.float64) * 0.8 + 0.07).requires_grad_()
        second = look_lut(3).double().requires_grad_()
        assert torch.autograd.gradcheck(compose_luts, (first, second, 4))

    @pytest.mark.parametrize(
        ("first", "second", "size", "error", "message"),
        [
            (torch.zeros(3, 4, 4), identity_lut(4), None, ValueError, "first must be"),
            (identity_lut(4), torch.zeros(3, 4, 4), None, ValueError, "second must be"),
            (identity_lut(4), identity_lut(4).double(), None, TypeError, "one dtype and device"),
            (identity_lut(4), identity_lut(4), 1, ValueError, "size must be at least 2, got 1"),
        ],
    )
    def test_bad_arguments_are_told(self, first, second, size, error, message):
        with pytest.raises(error, match=message):
            compose_luts(first, second, size)


class TestDifference:
    def test_the_same_lut_has_none(self):
        assert lut_difference(look_lut(9), look_lut(9)) == (0, 0)

    def test_a_finer_grid_of_the_same_map_has_nearly_none(self):
        mean, largest = lut_difference(identity_lut(9), identity_lut(33))
        assert mean <= largest < 1e-4

    def test_it_is_that_of_colour_science(self):
        colour = pytest.importorskip("colour", reason="colour-science is not installed")
        first, second = look_lut(9, 1), look_lut(17, 2)
        white = colour.CCS_ILLUMINANTS["CIE 1931 2 Degree Standard Observer"]["D65"]
        nodes = torch.from_numpy(grid(33)).T.reshape(1, 3, 33, -1)
        labs = []
        for lut in (first, second):
            srgb = apply_lut(nodes, lut.double()).reshape(3, -1).T.numpy()
            labs.append(colour.XYZ_to_Lab(colour.sRGB_to_XYZ(srgb), white))
        theirs = colour.delta_E(*labs, method="CIE 2000")
        mean, largest = lut_difference(first, second)
        assert mean == pytest.approx(theirs.mean(), abs=2e-3)
        assert largest == pytest.approx(theirs.max(), abs=2e-2)

    def test_it_grows_with_the_look(self):
        neutral, far = identity_lut(17), look_lut(17, 1)
        means = [
            lut_difference(neutral, torch.lerp(neutral, far, share)).mean for share in (0.1, 0.5, 1)
        ]
        assert means == sorted(means)
        assert means[0] > 0

    @pytest.mark.parametrize(
        ("bad", "error"),
        [
            (torch.zeros(1, 3, 4, 4, 4), ValueError),
            (torch.tensor(1.0), ValueError),
            (np.zeros((3, 4, 4, 4)), TypeError),
            (torch.zeros(3, 4, 4, 4, dtype=torch.uint8), TypeError),
        ],
    )
    def test_what_is_no_lut_is_told(self, bad, error):
        with pytest.raises(error, match="second must be"):
            lut_difference(identity_lut(4), bad)
