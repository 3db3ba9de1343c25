"""Color transfer, against scikit-image, numpy and scipy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import skimage.color
import skimage.exposure
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from recipe_inputs import foreground, generator, pair, photos

from harmaug.recipes import ColorTransfer, color_transfer
from harmaug.recipes.color import foreground_moments


def test_a_transfer_needs_two_photos():
    real, mask = photos(1)
    with pytest.raises(ValueError, match="needs a batch of at least 2 photos, got 1"):
        ColorTransfer()(real, mask, generator())


@pytest.mark.parametrize("seed", range(6))  # all three methods have their turn
def test_a_full_transfer_takes_the_mean_colour_of_the_other_photo(seed):
    real, mask = photos(2, (40, 40))
    mask = (mask > 0).float()
    composite = ColorTransfer(amount=(1.0, 1.0))(real, mask, generator(seed))
    before, _ = foreground_moments(real, mask)
    after, _ = foreground_moments(composite, mask)
    target = before.flip(0)
    # What clips, and a mean that is met in Lab rather than RGB, is off a little.
    assert ((after - target).norm(dim=1) < 0.2 * (before - target).norm(dim=1)).all()


def test_a_transfer_without_amount_changes_nothing():
    real, mask = photos()
    composite = ColorTransfer(amount=(0.0, 0.0))(real, mask, generator())
    torch.testing.assert_close(composite, real, rtol=0, atol=1e-6)


def test_photos_without_foreground_give_no_colours(monkeypatch):
    real, mask = photos(2)
    mask[1] = 0
    for seed in range(6):
        assert torch.equal(ColorTransfer()(real, mask, generator(seed)), real)
    real, mask = photos(4)
    mask[1:3] = 0
    monkeypatch.setattr(color_transfer, "_CANDIDATES", 50)
    chosen = ColorTransfer()._references(real, mask, generator())
    assert chosen[[0, 3]].tolist() == [3, 0]


def test_the_transfer_in_lab_is_the_one_of_reinhard_by_scikit_image():
    real, mask = photos(2, (40, 40))
    hard = (mask > 0).float()
    reference, reference_mask = real.flip(0), hard.flip(0)
    found = color_transfer.transfer_lab(real, hard, reference, reference_mask)
    for row in range(2):
        inside = hard[row, 0].numpy() > 0
        lab, lab_to = (
            skimage.color.rgb2lab(p[row].permute(1, 2, 0).double().numpy())
            for p in (real, reference)
        )
        source, target = lab[inside], lab_to[reference_mask[row, 0].numpy() > 0]
        ratio = np.clip(target.std(0) / source.std(0), 0.4, 2.5)
        moved = (source - source.mean(0)) * ratio + target.mean(0)
        expected = skimage.color.lab2rgb(moved[None])[0]
        pixels = found[row].permute(1, 2, 0).numpy()[inside]
        within = ((expected > 0.01) & (expected < 0.99)).all(1)
        assert within.mean() > 0.5
        np.testing.assert_allclose(pixels[within], expected[within], atol=2e-3)


# Each transfer alone


def test_statistics_in_lab_are_the_transfer_of_reinhard():
    image, mask, reference, reference_mask = pair()
    lab, lab_to = (
        torch.from_numpy(skimage.color.rgb2lab(i.numpy(), channel_axis=1)).double()
        for i in (image, reference)
    )
    moved = color_transfer.transfer_statistics(lab, mask.double(), lab_to, reference_mask.double())
    for row in range(2):
        source, target = foreground(lab, mask, row), foreground(lab_to, reference_mask, row)
        ratio = np.clip(target.std(0) / source.std(0), 0.4, 2.5)
        expected = (source - source.mean(0)) * ratio + target.mean(0)
        np.testing.assert_allclose(foreground(moved, mask, row), expected, atol=1e-6)


def test_statistics_within_the_bounds_are_met():
    image, mask, reference, reference_mask = pair()
    moved = color_transfer.transfer_statistics(image, mask, reference, reference_mask)
    for row in range(2):
        found, target = foreground(moved, mask, row), foreground(reference, reference_mask, row)
        np.testing.assert_allclose(found.mean(0), target.mean(0), atol=1e-4)
        np.testing.assert_allclose(found.std(0), target.std(0), atol=1e-4)


def test_contrast_is_neither_amplified_nor_lost_without_bounds():
    image, mask, *_ = pair()
    flat = torch.full_like(image, 0.5)
    for source, target, ratio in ((image, flat, 0.4), (0.5 + 0.001 * image, image, 2.5)):
        moved = color_transfer.transfer_statistics(source, mask, target, mask)
        found = foreground(moved, mask).std(0) / foreground(source, mask).std(0)
        np.testing.assert_allclose(found, ratio, rtol=1e-2)


def test_covariance_transfer_meets_mean_and_covariance():
    image, mask, reference, reference_mask = pair()
    moved = color_transfer.transfer_covariance(image, mask, reference, reference_mask)
    for row in range(2):
        found, target = foreground(moved, mask, row), foreground(reference, reference_mask, row)
        np.testing.assert_allclose(found.mean(0), target.mean(0), atol=1e-4)
        np.testing.assert_allclose(np.cov(found.T), np.cov(target.T), atol=1e-3)


def test_covariance_transfer_is_the_monge_kantorovich_map():
    image, mask, reference, reference_mask = pair()
    moved = color_transfer.transfer_covariance(image, mask, reference, reference_mask)
    for row in range(2):
        source, target = foreground(image, mask, row), foreground(reference, reference_mask, row)
        noise = 1e-4 * np.eye(3)
        s, t = (np.cov(x.T, bias=True) + noise for x in (source, target))
        root = scipy.linalg.sqrtm(s)
        inverse = np.linalg.inv(root)
        linear = inverse @ scipy.linalg.sqrtm(root @ t @ root) @ inverse
        expected = (source - source.mean(0)) @ linear.T + target.mean(0)
        np.testing.assert_allclose(foreground(moved, mask, row), expected, atol=1e-4)
        np.testing.assert_allclose(linear, linear.T, atol=1e-9)


def test_histogram_matching_is_scikit_images():
    image, mask, reference, reference_mask = pair(size=(120, 130))
    moved = color_transfer.match_histograms(image, mask, reference, reference_mask)
    for row in range(2):
        source, target = foreground(image, mask, row), foreground(reference, reference_mask, row)
        expected = skimage.exposure.match_histograms(source, target, channel_axis=-1)
        found = foreground(moved, mask, row)
        # Two tables of 256 levels lie between them; at the thin ends one pixel is several levels.
        assert np.abs(found - expected).mean() < 1 / 256
        assert np.quantile(np.abs(found - expected), 0.99) < 3 / 256


def test_histogram_matching_meets_the_quantiles_of_the_reference():
    image, mask, reference, reference_mask = pair(size=(120, 130))
    moved = color_transfer.match_histograms(image, mask, reference, reference_mask)
    share = np.linspace(0.02, 0.98, 25)
    found, target = foreground(moved, mask), foreground(reference, reference_mask)
    np.testing.assert_allclose(
        np.quantile(found, share, 0), np.quantile(target, share, 0), atol=1.5 / 256
    )


def test_histogram_matching_keeps_smooth_gradients_smooth():
    ramp = torch.linspace(0, 1, 4000).expand(1, 3, 1, -1)
    reference = torch.rand(1, 3, 1, 4000, generator=generator()) ** 2
    ones = torch.ones(1, 1, 1, 4000)
    step = color_transfer.match_histograms(ramp, ones, reference, ones).diff(dim=3)
    assert step.min() >= 0
    assert step.max() < 3 / 256


TRANSFERS = [
    color_transfer.transfer_statistics,
    color_transfer.transfer_covariance,
    color_transfer.match_histograms,
]


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_a_reference_of_the_same_colours_changes_nothing(transfer):
    image, mask, *_ = pair(size=(90, 90))
    order = torch.randperm(8100, generator=generator())
    shuffled = [t.flatten(2)[..., order].view_as(t) for t in (image, mask)]
    moved = transfer(image, mask, *shuffled)
    inside = mask.expand_as(image) > 0
    assert (moved - image)[inside].abs().max() < 1 / 256


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_what_lies_outside_the_masks_does_not_count(transfer):
    image, mask, reference, reference_mask = pair()
    moved = transfer(image, mask, reference, reference_mask)
    other = torch.where(mask > 0, image, torch.rand_like(image))
    reference = torch.where(reference_mask > 0, reference, torch.rand_like(reference))
    again = transfer(other, mask, reference, reference_mask)
    inside = mask.expand_as(image) > 0
    torch.testing.assert_close(again[inside], moved[inside], rtol=0, atol=1e-5)


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_photos_of_a_batch_do_not_see_each_other(transfer):
    given_ = pair(3)
    together = transfer(*given_)
    for row in range(3):
        alone = transfer(*[tensor[row : row + 1] for tensor in given_])
        torch.testing.assert_close(alone, together[row : row + 1], rtol=0, atol=1e-5)
    assert transfer(*[tensor[:0] for tensor in given_]).shape == (0, 3, 40, 50)


@pytest.mark.parametrize("transfer", TRANSFERS)
@settings(max_examples=30, deadline=None)
@given(
    values=st.lists(st.sampled_from([0.0, 0.5, 1.0, 1 / 255]), min_size=4, max_size=4),
    noise=st.sampled_from([0.0, 1e-6, 0.01, 1.0]),
    masks=st.sampled_from(["full", "empty", "one pixel", "faint"]),
    seed=st.integers(0, 1000),
)
def test_no_degenerate_picture_gives_nan(transfer, values, noise, masks, seed):
    drawn = torch.rand(4, 3, 6, 7, generator=generator(seed))
    flat = torch.tensor(values).view(4, 1, 1, 1)
    pictures = (flat + noise * (drawn - 0.5)).clamp(0, 1)
    mask = torch.ones(4, 1, 6, 7)
    if masks == "empty":
        mask.zero_()
    elif masks == "one pixel":
        mask.zero_()[:, :, 2, 3] = 1
    elif masks == "faint":
        mask.mul_(1e-7)
    assert transfer(pictures[:2], mask[:2], pictures[2:], mask[2:]).isfinite().all()


def test_inputs_are_not_written_to():
    given_ = pair()
    before = [tensor.clone() for tensor in given_]
    for transfer in TRANSFERS:
        transfer(*given_)
    assert all(torch.equal(a, b) for a, b in zip(given_, before, strict=True))
