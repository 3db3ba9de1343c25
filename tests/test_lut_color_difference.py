"""CIELAB and CIEDE2000, against scikit-image and colour-science."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from harmaug.lut.color_difference import ciede2000, srgb_to_lab


@pytest.fixture
def pairs():
    """Pairs of sRGB colours (N, 3): near and far, greys, equal ones, corners."""
    rng = np.random.default_rng(0)
    first = rng.uniform(0, 1, (6000, 3))
    second = (first + rng.normal(0, 0.1, first.shape)).clip(0, 1)
    second[3000:] = rng.uniform(0, 1, (3000, 3))
    first[:60] = first[:60, :1]
    second[30:90] = second[30:90, :1]
    second[90:120] = first[90:120]
    first[120:128] = np.stack(np.meshgrid(*[[0, 1]] * 3), -1).reshape(-1, 3)
    return first, second


def lab(colours):
    return srgb_to_lab(torch.from_numpy(colours).T[None])


def test_lab_is_that_of_scikit_image(pairs):
    color = pytest.importorskip("skimage.color", reason="scikit-image is not installed")
    # Their matrix and white have other last digits.
    np.testing.assert_allclose(lab(pairs[0])[0].T, color.rgb2lab(pairs[0]), atol=0.03)


def test_difference_is_that_of_scikit_image(pairs):
    color = pytest.importorskip("skimage.color", reason="scikit-image is not installed")
    first, second = (lab(colours) for colours in pairs)
    theirs = color.deltaE_ciede2000(first[0].T.numpy(), second[0].T.numpy())
    np.testing.assert_allclose(ciede2000(first, second)[0], theirs, atol=1e-9)


def test_lab_and_difference_are_those_of_colour_science(pairs):
    colour = pytest.importorskip("colour", reason="colour-science is not installed")
    white = colour.CCS_ILLUMINANTS["CIE 1931 2 Degree Standard Observer"]["D65"]
    theirs = [colour.XYZ_to_Lab(colour.sRGB_to_XYZ(colours), white) for colours in pairs]
    first, second = (lab(colours) for colours in pairs)
    np.testing.assert_allclose(first[0].T, theirs[0], atol=0.01)
    difference = colour.delta_E(first[0].T.numpy(), second[0].T.numpy(), method="CIE 2000")
    np.testing.assert_allclose(ciede2000(first, second)[0], difference, atol=1e-9)


def test_greys_have_no_chroma():
    greys = lab(np.linspace(0, 1, 11)[:, None].repeat(3, 1))
    assert greys[0, 1:].abs().max() < 1e-9
    assert greys[0, 0, [0, -1]].tolist() == pytest.approx([0, 100])


def test_it_is_symmetric_and_zero_for_the_same(pairs):
    first, second = (lab(colours) for colours in pairs)
    torch.testing.assert_close(ciede2000(first, second), ciede2000(second, first))
    assert ciede2000(first, first).abs().max() == 0
