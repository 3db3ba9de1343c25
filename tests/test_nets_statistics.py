"""Colour statistics, against numpy and scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.color
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from kornia.color import rgb_to_lab

from harmaug.nets import native, statistics
from harmaug.nets.statistics import (
    BINS,
    CHANGE_BINS,
    CHANGE_SIZE,
    PHOTO_SIZE,
    REGION_SIZE,
    describe_change,
    describe_photo,
    describe_region,
    thumbnail,
    thumbnails,
)


def colours(count=200, batch=2, seed=0):
    return torch.rand(batch, 3, count, generator=torch.Generator().manual_seed(seed))


def weights(count=200, batch=2, seed=1):
    drawn = torch.rand(batch, 1, count, generator=torch.Generator().manual_seed(seed))
    return (drawn - 0.3).clamp_min(0)


def picture(size=(24, 18), batch=2, seed=2):
    generator = torch.Generator().manual_seed(seed)
    real = torch.rand(batch, 3, *size, generator=generator)
    return real, (torch.rand(batch, 1, *size, generator=generator) > 0.5).float()


def assert_near(found, expected, atol=1e-5):
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=atol)


# Thumbnails


def test_small_pictures_are_left_as_they_are():
    real, mask = picture()
    found, share = thumbnail(real, mask, 24)
    assert torch.equal(found, real.flatten(2))
    assert torch.equal(share, mask.flatten(2))


@pytest.mark.parametrize(
    ("size", "longest", "cells"),
    [((40, 20), 10, (10, 5)), ((20, 40), 8, (4, 8)), ((100, 1), 10, (10, 1)), ((7, 90), 9, (1, 9))],
)
def test_the_longest_side_is_kept_within_the_limit(size, longest, cells):
    real, mask = picture(size)
    found, share = thumbnail(real, mask, longest)
    assert found.shape == (2, 3, cells[0] * cells[1])
    assert share.shape == (2, 1, cells[0] * cells[1])


def test_cells_hold_the_mean_of_the_region_and_its_share_as_numpy_finds_them():
    real, mask = picture((24, 16))
    mask = mask * torch.rand(2, 1, 24, 16, generator=torch.Generator().manual_seed(5))
    found, share = thumbnail(real, mask, 6)
    pixels = real.double().numpy().reshape(2, 3, 6, 4, 4, 4)
    alpha = mask.double().numpy().reshape(2, 1, 6, 4, 4, 4)
    expected = (pixels * alpha).sum((3, 5)) / np.maximum(alpha.sum((3, 5)), 1e-12)
    assert_near(found, expected.reshape(2, 3, -1))
    assert_near(share, alpha.mean((3, 5)).reshape(2, 1, -1))


@pytest.mark.parametrize("size", [(24, 18), (200, 150), (97, 133), (64, 1000)])
def test_native_and_plain_thumbnails_agree(size, monkeypatch):
    real, mask = picture(size)
    mask = mask * torch.rand(mask.shape, generator=torch.Generator().manual_seed(5))
    colours, weights = thumbnails(real, mask, 32)
    before = describe_photo(real, mask, 32)
    monkeypatch.setattr(native, "takes", lambda *tensors: False)
    plain_colours, plain_weights = thumbnails(real, mask, 32)
    torch.testing.assert_close(weights, plain_weights, rtol=0, atol=1e-6)
    seen = (weights > 1e-3).expand_as(colours)
    torch.testing.assert_close(colours[seen], plain_colours[seen], rtol=0, atol=1e-5)
    torch.testing.assert_close(before, describe_photo(real, mask, 32), rtol=0, atol=1e-5)


def test_statistics_of_a_photo_hand_its_gradient_through():
    real, mask = picture((80, 60))
    real.requires_grad_()
    describe_photo(real, mask, 32).sum().backward()
    assert real.grad.isfinite().all()
    assert (real.grad != 0).any()


@pytest.mark.parametrize("size", [(24, 18), (200, 150), (97, 133)])
def test_what_lies_outside_a_region_never_bleeds_in(size):
    real, mask = picture(size)
    other = torch.where(mask > 0, real, torch.rand_like(real))
    (seen, share), (same, _) = thumbnail(real, mask, 32), thumbnail(other, mask, 32)
    assert torch.equal(seen * (share > 0), same * (share > 0))
    half = PHOTO_SIZE // 2
    before, after = (describe_photo(p, mask, 32) for p in (real, other))
    assert torch.equal(before[:, :half], after[:, :half])
    assert not torch.equal(before[:, half:-1], after[:, half:-1])
    before, after = (describe_photo(p, 1 - mask, 32) for p in (real, other))
    assert torch.equal(before[:, half:-1], after[:, half:-1])


# Regions


def reference_region(rgb, weight):
    """Mean and deviation in RGB and Lab, linearly binned histograms: one region, by loops."""
    weight = weight / weight.sum()
    lab = skimage.color.rgb2lab(rgb.T).T / 100
    values = np.concatenate((rgb, lab))
    mean = (values * weight).sum(1)
    deviation = np.sqrt((((values - mean[:, None]) ** 2) * weight).sum(1))
    histogram = np.zeros((3, BINS))
    centres = np.linspace(0, 1, BINS)
    for channel in range(3):
        for k, centre in enumerate(centres):
            near = np.maximum(1 - np.abs(rgb[channel] - centre) * (BINS - 1), 0)
            histogram[channel, k] = (near * weight).sum()
    return np.concatenate((mean, deviation, histogram.ravel()))


def test_a_region_is_described_as_numpy_and_scikit_image_do():
    rgb, weight = colours(), weights()
    found = describe_region(rgb, weight)
    assert found.shape == (2, REGION_SIZE)
    for row in range(2):
        expected = reference_region(rgb[row].double().numpy(), weight[row].double().numpy())
        assert_near(found[row], expected, 2e-4)


def test_lab_is_that_of_kornia_at_both_ends_of_its_curves_too():
    near = torch.cat([limit + torch.linspace(-1e-3, 1e-3, 101) for limit in (0.0404, 0.0956)])
    grid = torch.cat((torch.linspace(0, 1, 30), near[::5]))
    rgb = torch.cat((torch.cartesian_prod(grid, grid, grid).mT, near.expand(3, -1)), 1)
    expected = rgb_to_lab(rgb.view(1, 3, -1, 1)).view(1, 3, -1) / 100
    torch.testing.assert_close(statistics._lab(rgb.unsqueeze(0)), expected, rtol=0, atol=5e-6)


def test_histograms_sum_to_one_black_and_white_included():
    rgb = torch.cat((colours(), torch.zeros(2, 3, 5), torch.ones(2, 3, 5)), 2)
    found = describe_region(rgb, torch.ones(2, 1, 210))[:, 12:].view(2, 3, BINS)
    torch.testing.assert_close(found.sum(2), torch.ones(2, 3))
    assert found.min() >= 0


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 100))
def test_order_and_scale_of_the_weights_change_nothing(seed, scale):
    rgb, weight = colours(seed=seed), weights(seed=seed + 1)
    order = torch.randperm(200, generator=torch.Generator().manual_seed(seed))
    shuffled = describe_region(rgb[..., order], weight[..., order] * scale)
    torch.testing.assert_close(shuffled, describe_region(rgb, weight), rtol=0, atol=2e-5)


def test_pixels_without_weight_count_for_nothing():
    rgb, weight = colours(), weights()
    kept = weight[0, 0] > 0
    expected = describe_region(rgb[:1, :, kept], weight[:1, :, kept])
    torch.testing.assert_close(describe_region(rgb[:1], weight[:1]), expected, rtol=0, atol=1e-6)


def test_an_empty_region_has_no_statistics():
    found = describe_region(colours(), torch.zeros(2, 1, 200))
    assert found.abs().max() <= 1.1e-4  # deviations are kept from 0 for their gradient


# Photos


def test_a_photo_is_its_foreground_its_background_and_their_proportion():
    real, mask = picture()
    found = describe_photo(real, mask, 24)
    assert found.shape == (2, PHOTO_SIZE)
    for row in range(2):
        pixels = real[row].flatten(1).double().numpy()
        alpha = mask[row].flatten(1).double().numpy()
        foreground = reference_region(pixels, alpha)
        background = reference_region(pixels, 1 - alpha)
        assert_near(found[row, :-1], np.concatenate((foreground, background)), 2e-4)
        assert_near(found[row, -1], np.log(alpha.mean()) / np.log(1e4))


def test_statistics_hardly_depend_on_the_size_they_are_taken_at():
    real, mask = picture((12, 10))
    real = torch.nn.functional.interpolate(real, (240, 200), mode="bilinear")
    mask = torch.nn.functional.interpolate(mask, (240, 200))
    small, large = describe_photo(real, mask, 60), describe_photo(real, mask, 240)
    assert (small - large).abs().max() < 0.05


# Changes


def test_no_change_is_described_by_zeros():
    rgb = colours()
    found = describe_change(rgb, rgb, weights())
    assert found.shape == (2, CHANGE_SIZE)
    assert found.abs().max() < 1e-6


def test_a_constant_shift_is_found_everywhere_it_can_be():
    rgb = colours(5000)
    shift = torch.tensor([0.1, -0.2, 0.05])
    found = describe_change(rgb, rgb + shift.view(3, 1), torch.ones(2, 1, 5000))
    binned, anchors = found[:, : 3 * CHANGE_BINS], found[:, 3 * CHANGE_BINS :]
    torch.testing.assert_close(anchors.view(2, 27, 3), shift.expand(2, 27, 3), rtol=0, atol=0.01)
    middle = binned.view(2, CHANGE_BINS, 3)[:, 2:4]
    torch.testing.assert_close(middle, shift.expand(2, 2, 3), rtol=0.05, atol=0)


def test_a_change_is_described_as_numpy_does():
    rgb, weight = colours(), weights()
    changed = rgb**1.3 * torch.tensor([0.9, 1.0, 0.8]).view(3, 1)
    found = describe_change(rgb, changed, weight)
    anchor = np.stack(np.meshgrid(*[[0.15, 0.5, 0.85]] * 3, indexing="ij"), -1).reshape(-1, 3)

    def terms(r, g, b):
        return np.stack((np.ones_like(r), r, g, b, r * r, g * g, b * b, r * g, r * b, g * b), -1)

    for row in range(2):
        x, w = rgb[row].double().numpy(), weight[row, 0].double().numpy()
        moved = changed[row].double().numpy() - x
        w = w / w.sum()
        grey = x.mean(0)
        binned = []
        for centre in np.linspace(0, 1, CHANGE_BINS):
            near = np.maximum(1 - np.abs(grey - centre) * (CHANGE_BINS - 1), 0) * w
            binned.append((moved * near).sum(1) / (near.sum() + 0.01))
        design = terms(*x)
        left = design.T @ (design * w[:, None]) + 1e-3 * np.eye(10)
        fit = np.linalg.solve(left, design.T @ (moved * w).T)
        expected = np.concatenate((np.ravel(binned), (terms(*anchor.T) @ fit).ravel()))
        assert_near(found[row], expected, 2e-4)


def test_a_flat_foreground_and_an_empty_one_are_finite():
    flat = torch.full((2, 3, 50), 0.5)
    for weight in (torch.ones(2, 1, 50), torch.zeros(2, 1, 50)):
        assert describe_change(flat, flat + 0.2, weight).isfinite().all()


def test_statistics_are_differentiable_at_black_white_and_flat_colours():
    rgb = torch.cat((torch.zeros(1, 3, 4), torch.ones(1, 3, 4), torch.full((1, 3, 4), 0.5)), 2)
    rgb.requires_grad_()
    statistics.describe_region(rgb, torch.ones(1, 1, 12)).sum().backward()
    assert rgb.grad is not None
    assert rgb.grad.isfinite().all()
