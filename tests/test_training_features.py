"""Features of training pairs, and the prior's calibration to their codes."""

import pytest
import torch

from harmaug.nets import LiteSycoNet
from harmaug.recipes import Filters
from harmaug.training.config import TrainConfig
from harmaug.training.features import (
    Features,
    calibrate,
    calibration_features,
    draw_features,
    foreground_pixels,
)
from harmaug.training.pairs import Images, PairSource


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def net():
    torch.manual_seed(0)
    return LiteSycoNet(latent_dim=3, basis_size=4, lut_size=5, width=16, thumbnail=8)


def source(photos):
    real = torch.randint(60, 200, (photos, 3, 8, 8), generator=generator(), dtype=torch.uint8)
    mask = torch.zeros(photos, 1, 8, 8, dtype=torch.bool)
    mask[..., 2:6, 2:6] = True
    return PairSource(Images(real, mask, None), None, Filters(), jitter=0)


def test_features_are_those_of_the_pairs_drawn_and_follow_the_generator(net):
    found = draw_features(net, source(9), 70, 5, generator(1))
    assert [len(values) for values in found] == [70] * 5
    assert found.real.shape == found.composite.shape == (70, 3, 1, 5)
    numbers = generator(1)
    real, mask, composite = source(9).draw(64, numbers)
    assert found.condition[:64].equal(net.condition(real, mask))
    assert found.change[:64].equal(net.change(real, mask, composite))
    before, after, corners = foreground_pixels(real, mask, composite, 5, numbers)
    assert found.real[:64].equal(before)
    assert found.composite[:64].equal(after)
    assert found.corners[:64].equal(corners)


def test_pairs_to_calibrate_with_are_always_the_same_and_of_one_photo_none_are_aside(net):
    config = TrainConfig(data=("x",), round_pairs=8, batch=4, pixels=4)
    seen, aside = calibration_features(config, net, source(20))
    again, _ = calibration_features(config, net, source(20))
    assert (len(seen.condition), len(aside.condition)) == (24, 6)
    assert all(a.equal(b) for a, b in zip(seen, again, strict=True))
    assert calibration_features(config, net, source(1))[1] is None


def test_foreground_pixels_are_of_the_foreground_and_matched():
    generator = torch.Generator().manual_seed(0)
    real = torch.rand(4, 3, 9, 7, generator=generator)
    mask = (torch.rand(4, 1, 9, 7, generator=generator) < 0.3).float()
    mask[2] = 0
    mask[2, :, 4, 4] = 0.5  # a single pixel, just inside
    real = torch.where(mask >= 0.5, real, torch.nan)
    before, after, corners = foreground_pixels(real, mask, real + 1, 200, generator)
    assert before.shape == after.shape == (4, 3, 1, 200)
    assert corners.shape == (4, 4, 200)
    torch.testing.assert_close(after, before + 1, rtol=0, atol=0)
    assert before.isfinite().all()
    assert before[2].flatten(1).unique(dim=1).shape[1] == 1
    assert before[0].flatten(1).unique(dim=1).shape[1] == int((mask[0] >= 0.5).sum())


def test_a_mask_without_foreground_is_an_error():
    with pytest.raises(RuntimeError):
        foreground_pixels(
            torch.rand(1, 3, 4, 4), torch.zeros(1, 1, 4, 4), torch.rand(1, 3, 4, 4), 5, None
        )


@pytest.mark.slow
def test_calibrated_latents_have_the_moments_of_the_codes(net):
    condition, change = torch.randn(2000, 73), torch.randn(2000, net.change_mean.numel())
    fitted = Features(condition, change, *[torch.empty(2000, 0)] * 3)
    aside = Features(*(values[:200] for values in fitted))
    calibrate(net, fitted, aside, generator())
    assert not net.training
    with torch.no_grad():
        mean, log_variance = net.posterior(condition, change)
        codes = mean + (log_variance / 2).exp() * torch.randn(mean.shape, generator=generator())
        latents = net.prior.inverse(codes, net.describe(condition))
    torch.testing.assert_close(latents.mean(0), torch.zeros(3), rtol=0, atol=0.1)
    torch.testing.assert_close(latents.mT.cov(), torch.eye(3), rtol=0, atol=0.15)
