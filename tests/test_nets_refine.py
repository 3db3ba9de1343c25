"""Refined latents: nearer to the pair, still likely, and nothing else changed."""

import pytest
import torch

from harmaug import SycoNetAugment
from harmaug.data.demo import demo_photos
from harmaug.evaluation.metrics import fmse
from harmaug.lut import composite_lut


@pytest.fixture(scope="module")
def net():
    return SycoNetAugment.from_pretrained("unified").net


@pytest.fixture(scope="module")
def pairs():
    """Two photos, the foreground of one darker and warmer, of the other paler."""
    reals, masks, composites = [], [], []
    for (_, photo, mask), (gain, power) in zip(
        demo_photos(), (((1.0, 0.8, 0.6), 1.3), ((0.9, 1.0, 1.0), 0.6)), strict=False
    ):
        real = photo.tensor()[:, :240, :240]
        alpha = mask[:240, :240].unsqueeze(0)
        moved = real.pow(power) * torch.tensor(gain).view(3, 1, 1)
        reals.append(real)
        masks.append(alpha)
        composites.append(real + alpha * (moved - real))
    return torch.stack(reals), torch.stack(masks), torch.stack(composites)


@pytest.fixture(scope="module")
def refined(net, pairs):
    return net.encode(*pairs)


def error(net, pairs, latent):
    real, mask, composite = pairs
    luts = net.luts(net.condition(real, mask), latent.unsqueeze(1), mask)[:, 0]
    return fmse(composite_lut(real, mask, luts), composite, mask)


def posterior_mean(net, real, mask, composite):
    condition = net.condition(real, mask)
    mean, _ = net.posterior(condition, net.change(real, mask, composite))
    return net.prior.inverse(mean, net.describe(condition))


def test_refined_latents_rebuild_a_composite_better_than_the_posteriors_mean(net, pairs, refined):
    start = net.encode(*pairs, refine=False)
    torch.testing.assert_close(start[:, : net.code_dim], posterior_mean(net, *pairs))
    assert (error(net, pairs, refined) < error(net, pairs, start)).all()


def test_refined_latents_stay_likely(net, refined):
    # The squared length of a standard normal vector is Z on average, with deviation sqrt(2 Z).
    size = net.latent_dim
    assert (refined.square().sum(1) < size + 6 * (2 * size) ** 0.5).all()


@pytest.mark.slow
def test_a_pair_is_refined_alike_alone_and_in_a_batch(net, pairs, refined):
    alone = torch.cat([net.encode(*(part[i : i + 1] for part in pairs)) for i in range(2)])
    torch.testing.assert_close(refined, alone, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_refining_works_under_any_gradient_mode_and_leaves_no_graph(net, pairs, mode, monkeypatch):
    monkeypatch.setattr(net, "refinement_steps", 20)
    with mode():
        latent = net.encode(*pairs)
    assert not latent.requires_grad
    torch.testing.assert_close(latent, net.encode(*pairs))
    assert all(parameter.grad is None for parameter in net.parameters())
