"""Colours and polynomials, against numpy and Pillow."""

from __future__ import annotations

import numpy as np
import torch
from recipe_inputs import foreground, generator, pair

from harmaug.recipes import color


def test_moments_are_numpys():
    image, mask, *_ = pair()
    mean, covariance = color.foreground_moments(image, mask)
    for row in range(2):
        pixels = foreground(image, mask, row)
        np.testing.assert_allclose(mean[row], pixels.mean(0), atol=1e-5)
        np.testing.assert_allclose(covariance[row], np.cov(pixels.T, bias=True), atol=1e-5)


def test_moments_of_soft_masks_are_weighted():
    image, *_ = pair()
    mask = torch.rand(2, 1, 40, 50, generator=generator(9))
    mean, covariance = color.foreground_moments(image, mask)
    for row in range(2):
        pixels = image[row].flatten(1).double().numpy()
        weight = mask[row].flatten().double().numpy()
        np.testing.assert_allclose(mean[row], np.average(pixels, 1, weight), atol=1e-5)
        expected = np.cov(pixels, aweights=weight, bias=True)
        np.testing.assert_allclose(covariance[row], expected, atol=1e-5)


def test_moments_of_nothing_are_zero():
    image, *_ = pair()
    mean, covariance = color.foreground_moments(image, torch.zeros(2, 1, 40, 50))
    assert not mean.any()
    assert not covariance.any()


def test_white_balance_is_the_polynomial_it_says():
    image = torch.rand(2, 3, 5, 6, generator=generator())
    maps = torch.randn(2, 9, 3, generator=generator(1))
    found = color.map_white_balance(image, maps)
    for row in range(2):
        r, g, b = image[row].double().numpy()
        terms = np.stack((r, g, b, r * r, g * g, b * b, r * g, r * b, g * b))
        expected = np.einsum("thw,tc->chw", terms, maps[row].double().numpy())
        np.testing.assert_allclose(found[row], expected, atol=1e-5)


def test_an_illuminant_is_the_polynomial_on_levels_of_255_it_says():
    image = torch.rand(2, 3, 5, 6, generator=generator())
    polynomial = torch.randn(2, 3, 11, generator=generator(1)) * torch.tensor(
        [1.0] * 3 + [1e-3] * 6 + [1e-5, 10]
    )
    found = color.map_illuminant(image, polynomial)
    for row in range(2):
        r, g, b = image[row].double().numpy() * 255
        one = np.ones_like(r)
        terms = [r, g, b, r * g, r * b, g * b, r * r, g * g, b * b, r * g * b, one]
        expected = np.einsum("ct,thw->chw", polynomial[row].double().numpy(), np.stack(terms)) / 255
        np.testing.assert_allclose(found[row], expected, atol=1e-4)


def test_identity_polynomials_change_nothing():
    image = torch.rand(2, 3, 5, 6, generator=generator())
    maps = torch.eye(9, 3).expand(2, -1, -1)
    torch.testing.assert_close(color.map_white_balance(image, maps), image)
    torch.testing.assert_close(
        color.map_illuminant(image, torch.eye(3, 11).expand(2, 3, 11)), image
    )


def test_luminance_is_pillows():
    from PIL import Image

    levels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    expected = np.asarray(Image.fromarray(levels).convert("L"), np.float64)
    image = torch.from_numpy(levels).permute(2, 0, 1)[None].float()
    np.testing.assert_allclose(color.luminance(image)[0, 0], expected, atol=0.51)


def test_inputs_are_not_written_to():
    image = pair()[0]
    before = image.clone()
    color.luminance(image)
    color.map_white_balance(image, torch.randn(2, 9, 3))
    color.map_illuminant(image, torch.randn(2, 3, 11))
    assert torch.equal(image, before)
