"""The spatial part of a prior, fitted to training pairs."""

import pytest
import torch
from evaluation_doubles import generator, small_net

from harmaug.evaluation.variation import variation
from harmaug.lut import composite_lut
from harmaug.nets.latents import draw_latents
from harmaug.training.features import draw_features
from harmaug.training.pairs import Images, PairSource
from harmaug.training.spread import fit_spread


def photos(count=24, side=24):
    real = torch.randint(40, 200, (count, 3, side, side), generator=generator(), dtype=torch.uint8)
    mask = torch.zeros(count, 1, side, side, dtype=torch.bool)
    mask[..., 4:20, 6:22] = True
    return Images(real, mask, None)


def drawn_by(net, spread):
    """A recipe that makes composites of a net's own draws, with a known spread."""
    net.spread.copy_(torch.eye(net.code_dim) * spread)

    def recipe(real, mask, generator):
        latent = draw_latents(len(real), 1, net.latent_dim, generator)
        return composite_lut(real, mask, net.luts(net.condition(real, mask), latent, mask))[:, 0]

    return recipe


@pytest.mark.parametrize("spread", [0.0, 1.5, 4.0])
def test_draws_vary_as_much_as_the_pairs_that_were_fitted(spread):
    net = small_net(spatial=True)
    source = PairSource(photos(), None, drawn_by(small_net(spatial=True), spread), jitter=0)
    features = draw_features(net, source, 64, 64, generator(1))
    fit_spread(net, features, generator(2))
    again = PairSource(photos(), None, lambda r, m, g: composites(net, r, m, g), jitter=0)
    found, wanted = (mean_variation(net, s, seed) for seed, s in ((3, again), (4, source)))
    assert found == pytest.approx(wanted, rel=0.25, abs=0.1)


def composites(net, real, mask, generator):
    latent = draw_latents(len(real), 1, net.latent_dim, generator)
    return composite_lut(real, mask, net.luts(net.condition(real, mask), latent, mask))[:, 0]


def mean_variation(net, source, seed):
    features = draw_features(net, source, 128, 128, generator(seed))
    real, composite = features.real.squeeze(2), features.composite.squeeze(2)
    found = variation(real, composite, torch.ones_like(real[:, :1]), features.corners)
    return found.sqrt().mean().item()


def test_the_rest_of_the_net_stays_as_it_was():
    net = small_net(spatial=True)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    source = PairSource(photos(), None, drawn_by(small_net(spatial=True), 1.0), jitter=0)
    fit_spread(net, draw_features(net, source, 16, 16, generator()), generator())
    changed = [name for name, value in net.state_dict().items() if not value.equal(before[name])]
    assert changed == ["spread"]
    assert net.spread.isfinite().all()
