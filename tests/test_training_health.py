"""Held-out figures and the prior's calibration."""

import math

import pytest
import torch

from harmaug.nets import LiteSycoNet
from harmaug.recipes import Filters
from harmaug.training.health import HeldOut, Seen, calibrate, measure
from harmaug.training.pairs import Images, Pairs


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def images(count, composites=False):
    real = torch.randint(60, 200, (count, 3, 8, 8), generator=generator(), dtype=torch.uint8)
    mask = torch.zeros(count, 1, 8, 8, dtype=torch.bool)
    mask[..., 2:6, 2:6] = True
    return Images(real, mask, torch.where(mask, real // 2, real) if composites else None)


@pytest.fixture
def net():
    torch.manual_seed(0)
    net = LiteSycoNet(latent_dim=3, basis_size=4, lut_size=5, width=16, thumbnail=8)
    net.basis.data.mul_(torch.tensor([0.5, 0.8, 1.2, 2.0]).view(4, 1, 1, 1, 1))
    return net


def test_calibrated_latents_have_the_moments_of_the_codes(net):
    condition, change = torch.randn(2000, 73), torch.randn(2000, net.change_mean.numel())
    calibrate(net, Seen(condition, change), Seen(condition[:200], change[:200]), generator())
    assert not net.training
    with torch.no_grad():
        mean, log_variance = net.posterior(condition, change)
        codes = mean + (log_variance / 2).exp() * torch.randn(mean.shape, generator=generator())
        latents = net.prior.inverse(codes, net.describe(condition))
    torch.testing.assert_close(latents.mean(0), torch.zeros(3), rtol=0, atol=0.1)
    torch.testing.assert_close(latents.mT.cov(), torch.eye(3), rtol=0, atol=0.15)


def test_held_out_pairs_are_made_by_every_recipe_and_read_from_every_subset():
    recipes = {"filters": Filters(), "mild": Filters(0.1)}
    subsets = {"webcam": images(30, composites=True), "filters": images(4, composites=True)}
    kinds = HeldOut.make(images(5), recipes, subsets, 10, generator()).kinds
    sizes = {name: len(pairs.real) for name, pairs in kinds.items()}
    assert sizes == {"filters": 10, "mild": 10, "webcam": 10, "filters pairs": 4}
    again = HeldOut.make(images(5), recipes, subsets, 10, generator()).kinds
    assert all(a.equal(b) for n in kinds for a, b in zip(kinds[n], again[n], strict=True))


def test_figures_by_kind_and_their_score(net):
    kinds = HeldOut.make(
        images(6), {"filters": Filters()}, {"dark": images(70, composites=True)}, 70, generator()
    )
    figures = measure(net.eval(), kinds, generator(1))
    assert figures["kinds"].keys() == {"filters", "dark"}
    dark = figures["kinds"]["dark"]
    assert dark["pairs"] == 70
    real, mask, composite = kinds.kinds["dark"]
    squared = ((real - composite) * 255).square() * mask
    untouched = squared.sum((1, 2, 3)) / (3 * mask.sum((1, 2, 3)))
    assert dark["composite"] == pytest.approx(untouched.median().item(), rel=1e-4)
    assert dark["coverage"] >= 0
    kinds_found = figures["kinds"].values()
    logs = [math.log(kind[name]) for kind in kinds_found for name in ("reconstruction", "coverage")]
    assert figures["score"] == pytest.approx(sum(logs) / 4)
    assert measure(net, kinds, generator(1)) == figures


def test_composites_that_are_their_photos_leave_no_strength_to_compare(net):
    real = torch.rand(3, 3, 8, 8)
    pairs = Pairs(real, torch.ones(3, 1, 8, 8), real)
    figures = measure(net.eval(), HeldOut({"same": pairs}), generator())
    assert figures["kinds"]["same"]["composite"] == 0
    assert figures["kinds"]["same"]["strength"] is None
    assert math.isfinite(figures["score"])


def test_latent_dimensions_that_no_code_uses_are_not_active(net):
    last = net.encoder[-1]
    with torch.no_grad():
        last.weight[1].zero_()
        last.weight[0].mul_(1e4)
        last.weight[2].mul_(1e4)
    pairs = HeldOut.make(images(40), {"filters": Filters()}, {}, 40, generator())
    assert measure(net.eval(), pairs, generator())["active"] == 2
