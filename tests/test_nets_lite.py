"""The small net."""

from __future__ import annotations

import pytest
import torch

from harmaug.nets import LiteSycoNet, statistics

SIZES = {"latent_dim": 5, "basis_size": 6, "lut_size": 3, "width": 16, "thumbnail": 32}


@pytest.fixture
def net():
    torch.manual_seed(0)
    return LiteSycoNet(**SIZES).eval()


def pictures(batch=3, size=(32, 24), seed=0):
    generator = torch.Generator().manual_seed(seed)
    real = torch.rand(batch, 3, *size, generator=generator)
    mask = (torch.rand(batch, 1, *size, generator=generator) > 0.6).float()
    composite = torch.where(mask > 0, (real * 0.7 + 0.1).flip(1), real)
    return real, mask, composite


def latents(batch=3, n=4):
    return torch.randn(batch, n, 5, generator=torch.Generator().manual_seed(1))


def test_the_sizes_asked_for_are_the_sizes_built(net):
    assert net.config() == SIZES | {"spatial": False, "light": False}
    assert LiteSycoNet().config() == {
        **{"latent_dim": 20, "basis_size": 32, "lut_size": 17, "width": 256, "thumbnail": 64},
        **{"spatial": False, "light": False},
    }
    assert net.basis.shape == (6, 3, 3, 3, 3)


def test_n_latents_at_once_are_the_latents_one_by_one(net):
    real, mask, _ = pictures()
    condition, latent = net.condition(real, mask), latents()
    together = net.mixing_weights(condition, latent)
    alone = torch.cat([net.mixing_weights(condition, z) for z in latent.split(1, 1)], 1)
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-6)


def test_photos_do_not_see_each_other(net):
    real, mask, composite = pictures()
    condition, change = net.condition(real, mask), net.change(real, mask, composite)
    for i in range(3):
        row = slice(i, i + 1)
        alone = net.condition(real[row], mask[row])
        torch.testing.assert_close(alone, condition[row], rtol=1e-5, atol=1e-5)
        alone = net.change(real[row], mask[row], composite[row])
        torch.testing.assert_close(alone, change[row], rtol=1e-4, atol=1e-4)


def test_moving_pixels_about_within_their_region_changes_nothing(net):
    real, mask, composite = pictures()
    order = torch.randperm(32 * 24, generator=torch.Generator().manual_seed(3))
    moved = [t.flatten(2)[..., order].view_as(t) for t in (real, mask, composite)]
    for picture, shuffled in (
        (net.condition(real, mask), net.condition(*moved[:2])),
        (net.change(real, mask, composite), net.change(*moved)),
    ):
        torch.testing.assert_close(shuffled, picture, rtol=1e-4, atol=1e-4)


def test_the_size_of_the_photo_changes_nothing(net):
    real, mask, composite = pictures()
    for factor in (2, 5):
        large = [
            t.repeat_interleave(factor, 2).repeat_interleave(factor, 3)
            for t in (real, mask, composite)
        ]
        torch.testing.assert_close(
            net.condition(*large[:2]), net.condition(real, mask), rtol=1e-3, atol=1e-3
        )
        torch.testing.assert_close(
            net.change(*large), net.change(real, mask, composite), rtol=1e-3, atol=1e-3
        )


def test_a_change_is_the_composites_foreground_and_how_its_colours_moved(net):
    real, mask, composite = pictures()
    colours, changed, weights = (t.flatten(2) for t in (real, composite, mask))
    region = statistics.describe_region(changed, weights)
    moved = statistics.describe_change(colours, changed, weights)
    torch.testing.assert_close(net.change(real, mask, composite), torch.cat((region, moved), 1))


def test_what_the_encoder_sees_of_a_composite_is_its_foreground(net):
    real, mask, composite = pictures()
    elsewhere = torch.where(mask > 0, composite, torch.rand_like(composite))
    assert torch.equal(net.change(real, mask, elsewhere), net.change(real, mask, composite))


def test_standardize_centres_the_statistics_of_its_pairs(net):
    real, mask, composite = pictures(40)
    tint = torch.rand(2, 40, 3, 1, 1, generator=torch.Generator().manual_seed(7))
    real, composite = real * tint[0], composite * tint[1]
    net.standardize(real, mask, composite)
    condition, change = net.condition(real, mask), net.change(real, mask, composite)
    for values, size in (
        (condition, statistics.PHOTO_SIZE),
        (change, statistics.REGION_SIZE + statistics.CHANGE_SIZE),
    ):
        assert values.shape == (40, size)
        assert values.mean(0).abs().max() < 1e-3
        assert values.std(0).max() < 1.001  # below 1 where a statistic hardly varies
        assert values.std(0).median() > 0.5
    assert {"photo_mean", "photo_std", "change_mean", "change_std"} <= set(net.state_dict())


def test_the_posterior_starts_near_a_plain_autoencoder(net):
    real, mask, composite = pictures()
    condition, change = net.condition(real, mask), net.change(real, mask, composite)
    _, log_variance = net.posterior(condition, change)
    assert log_variance.max() < -3


def test_an_outlier_does_not_carry_the_encoder_away(net):
    real, mask, composite = pictures()
    condition, change = net.condition(real, mask), net.change(real, mask, composite)
    mean, log_variance = net.posterior(condition, change.sign() * 1e6)
    expected, _ = net.posterior(condition, change.sign() * 8)
    assert torch.equal(mean, expected)
    assert log_variance.isfinite().all()


@pytest.mark.parametrize("fill", [0.0, 1.0])
def test_empty_and_full_masks_are_finite(net, fill):
    real, _, composite = pictures()
    mask = torch.full((3, 1, 32, 24), fill)
    condition, change = net.condition(real, mask), net.change(real, mask, composite)
    assert condition.isfinite().all()
    assert change.isfinite().all()
    assert net.mixing_weights(condition, latents()).isfinite().all()


def test_every_weight_but_the_encoders_gets_a_gradient_from_the_mixing_weights(net):
    real, mask, composite = pictures()
    condition, change = net.condition(real, mask), net.change(real, mask, composite)
    mean, log_variance = net.posterior(condition, change)
    weights = net.decode(condition, (mean + log_variance.exp()).unsqueeze(1))
    weights.square().sum().backward()
    for name, parameter in net.named_parameters():
        if name != "basis" and parameter.requires_grad:
            assert parameter.grad.abs().max() > 0, name
