"""The prior and the interface both nets share."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from harmaug.lut import identity_lut
from harmaug.nets import ARCHITECTURES, Codes, LiteSycoNet, LutNet, Prior, SycoNet

LITE = {"latent_dim": 3, "basis_size": 4, "lut_size": 3, "width": 8, "thumbnail": 16}
CONV: dict[str, Any] = {"latent_dim": 3, "basis_size": 4, "lut_size": 3, "width": 2, "size": 32}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def posteriors(count=400, size=3, seed=0, seen=0):
    """Correlated means, variances that differ between dimensions, and conditions of no meaning."""
    mix = torch.randn(size, size, generator=generator(seed)) * 2
    mean = torch.randn(count, size, generator=generator(seed + 1)) @ mix + torch.arange(size)
    variance = torch.rand(count, size, generator=generator(seed + 2)) * torch.arange(1, size + 1)
    return Codes(mean, variance, torch.randn(count, seen, generator=generator(seed + 3)))


def unseen(*leading):
    """What a prior without conditions goes by."""
    return torch.zeros(*leading, 0)


@pytest.fixture(params=["lite", "syconet"])
def net(request):
    torch.manual_seed(0)
    net: LutNet = LiteSycoNet(**LITE) if request.param == "lite" else SycoNet(**CONV)
    seen = net.photo_mean.numel() if isinstance(net, LiteSycoNet) else 0
    net.prior.fit(posteriors(seen=seen), passes=0)
    return net.eval()


def pictures(batch=2):
    real = torch.rand(batch, 3, 20, 28, generator=generator())
    mask = torch.zeros(batch, 1, 20, 28)
    mask[:, :, 4:15, 6:20] = 1
    return real, mask


def test_an_unfitted_prior_is_the_identity():
    latent = torch.randn(5, 2, 3)
    condition = torch.randn(5, 1, 4)
    assert torch.equal(Prior(3, 4)(latent, condition), latent)
    assert torch.equal(Prior(3, 4).inverse(latent, condition), latent)


@pytest.mark.parametrize("seen", [0, 4])
def test_couplings_compute_what_their_layers_do(seen):
    torch.manual_seed(0)
    values, condition = torch.randn(5, 2, 3), torch.randn(5, 1, seen)
    prior = Prior(3, seen)
    expected = values
    couplings: Any = prior.couplings
    for number, coupling in enumerate(couplings):
        nn.init.normal_(coupling.layers[-1].weight)  # new ones are the identity
        kept = prior.kept[number, 0]
        hidden = coupling.layers[0](expected * kept)
        hidden = hidden + coupling.seen(condition) if seen else hidden
        stretch, shift = coupling.layers[1:](hidden).chunk(2, -1)
        stretch = 1.5 * (1 - kept) * torch.tanh(stretch / 1.5)
        expected = expected * stretch.exp() + (1 - kept) * shift
    torch.testing.assert_close(prior(values, condition), expected)
    again, _ = prior.prepared(condition).inverse(expected)
    torch.testing.assert_close(again, values, rtol=1e-3, atol=1e-3)


def test_fit_takes_mean_and_covariance_of_the_aggregated_posterior():
    """Against the moments of codes that are really drawn from the posteriors."""
    mean, variance, _ = codes = posteriors()
    prior = Prior(3)
    prior.fit(codes, passes=0)
    noise = torch.randn(500, *mean.shape, generator=generator(9))
    drawn = (mean + variance.sqrt() * noise).flatten(0, 1).double()
    torch.testing.assert_close(prior.mean.double(), drawn.mean(0), rtol=0.01, atol=0.01)
    covariance = (prior.scale @ prior.scale.mT).double()
    torch.testing.assert_close(covariance, drawn.mT.cov(correction=0), rtol=0.02, atol=0.02)


def test_standard_normal_latents_get_the_fitted_moments():
    prior = Prior(3)
    prior.fit(posteriors(), passes=0)
    codes = prior(torch.randn(200_000, 3, generator=generator()), unseen(200_000))
    torch.testing.assert_close(codes.mean(0), prior.mean, rtol=0.02, atol=0.03)
    torch.testing.assert_close(codes.mT.cov(), prior.scale @ prior.scale.mT, rtol=0.02, atol=0.05)


def test_the_scale_is_lower_triangular_with_a_positive_diagonal():
    prior = Prior(3)
    prior.fit(posteriors(), passes=0)
    assert torch.equal(prior.scale, prior.scale.tril())
    assert prior.scale.diagonal().min() > 0


@settings(max_examples=20, deadline=None)
@given(
    st.integers(1, 20),
    st.integers(0, 4),
    st.integers(0, 1000),
    st.sampled_from([(), (4,), (2, 3)]),
)
def test_inverse_undoes_the_prior_for_any_leading_axes(size, seen, seed, leading):
    prior = Prior(size, seen)
    prior.fit(posteriors(100, size, seed, seen), passes=2)
    condition = torch.randn(*leading, seen, generator=generator(seed + 2))
    latent = torch.randn(*leading, size, generator=generator(seed))
    again = prior.inverse(prior(latent, condition), condition)
    torch.testing.assert_close(again, latent, rtol=1e-3, atol=1e-3)
    code = torch.randn(*leading, size, generator=generator(seed + 1))
    again = prior(prior.inverse(code, condition), condition)
    torch.testing.assert_close(again, code, rtol=1e-3, atol=1e-3)


def test_posteriors_that_are_all_alike_leave_their_own_variance():
    prior = Prior(2)
    mean, variance = torch.tensor([[1.0, 2.0]]), torch.tensor([[4.0, 9.0]])
    prior.fit(Codes(mean.repeat(5, 1), variance.repeat(5, 1), unseen(5)), passes=0)
    torch.testing.assert_close(prior.mean, torch.tensor([1.0, 2.0]))
    torch.testing.assert_close(prior.scale, torch.tensor([[2.0, 0.0], [0.0, 3.0]]))


@pytest.mark.parametrize("wrong", ["nan", "degenerate"])
def test_a_fit_that_fails_leaves_the_prior_as_it_was(wrong):
    prior = Prior(3)
    prior.fit(posteriors(), passes=0)
    before = {name: value.clone() for name, value in prior.state_dict().items()}
    mean = torch.full((8, 3), float("nan")) if wrong == "nan" else torch.ones(8, 3)
    with pytest.raises(RuntimeError):
        prior.fit(Codes(mean, torch.zeros(8, 3), unseen(8)))
    assert all(torch.equal(value, before[name]) for name, value in prior.state_dict().items())


def heavy_tailed(count, seed):
    """Codes of many slight changes and some drastic ones, along a bent ridge."""
    strength = torch.rand(count, 1, generator=generator(seed)).pow(2) * 3 + 0.3
    codes = torch.randn(count, 2, generator=generator(seed + 1)) * strength
    return torch.cat((codes[:, :1], codes[:, 1:] + codes[:, :1].square() / 6), 1)


def negative_log_likelihood(prior, codes):
    """Of a change of variables, by the determinant of autograd's Jacobian."""
    inverse = functools.partial(prior.inverse, condition=unseen())
    jacobian = torch.func.vmap(torch.func.jacrev(inverse))(codes)
    latent = prior.inverse(codes, unseen(len(codes)))
    return (latent.square().sum(1) / 2 - jacobian.det().abs().log()).mean()


@pytest.mark.slow
def test_couplings_follow_what_mean_and_covariance_miss():
    codes, others = heavy_tailed(4000, 0), heavy_tailed(2000, 7)
    sharp = Codes(codes, torch.full_like(codes, 1e-3), unseen(len(codes)))
    torch.manual_seed(0)
    moments, full = Prior(2), Prior(2)
    moments.fit(sharp, passes=0)
    full.fit(sharp, passes=40, generator=generator())
    assert negative_log_likelihood(full, others) < negative_log_likelihood(moments, others) - 0.2
    latent = torch.randn(20_000, 2, generator=generator(3))
    drawn = full(latent, unseen(20_000))
    # The median radius: a normal distribution of the same covariance overstates it.
    wanted, got = others.norm(dim=1).median(), drawn.norm(dim=1).median()
    overstated = moments(latent, unseen(20_000)).norm(dim=1).median()
    assert wanted < got < 0.85 * overstated


def depending(count, seed):
    """Codes whose spread is ten times as wide where the photo's number is positive."""
    seen = torch.randn(count, 1, generator=generator(seed))
    spread = torch.where(seen > 0, 2.0, 0.2)
    codes = torch.randn(count, 2, generator=generator(seed + 1)) * spread
    return Codes(codes, torch.full_like(codes, 1e-3), seen)


@pytest.mark.slow
def test_draws_follow_what_the_codes_of_such_photos_are():
    torch.manual_seed(0)
    prior = Prior(2, 1)
    prior.fit(depending(4000, 0), depending(1000, 5), passes=40, generator=generator())
    latent = torch.randn(20_000, 2, generator=generator(3))
    for number, spread in ((1.0, 2.0), (-1.0, 0.2)):
        drawn = prior(latent, torch.full((20_000, 1), number))
        assert 0.6 * spread < drawn.norm(dim=1).median() / 1.177 < 1.6 * spread  # of Rayleigh


@pytest.mark.slow
def test_a_few_photos_are_not_learnt_by_heart():
    """Each photo here has one code, by chance; of other photos that says nothing."""
    torch.manual_seed(0)
    few = Codes(
        torch.randn(20, 3, generator=generator()).repeat(50, 1),
        torch.full((1000, 3), 0.01),
        torch.randn(20, 8, generator=generator(1)).repeat(50, 1),
    )
    aside = Codes(
        torch.randn(500, 3, generator=generator(2)),
        torch.full((500, 3), 0.01),
        torch.randn(500, 8, generator=generator(3)),
    )
    careful, careless = Prior(3, 8), Prior(3, 8)
    careful.fit(few, aside, passes=60, generator=generator())
    careless.fit(few, passes=60, generator=generator())
    latent = torch.randn(500, 3, generator=generator(4))
    one_photo = few.condition[:1].expand(500, -1)
    assert careful(latent, one_photo).std(0).mean() > 0.8
    assert careless(latent, one_photo).std(0).mean() < 0.5


def test_a_photo_unlike_all_others_counts_as_the_farthest_that_was_fitted():
    torch.manual_seed(0)
    prior = Prior(2, 1)
    prior.fit(depending(500, 0), passes=20, generator=generator())
    latent = torch.randn(10, 2, generator=generator())
    far, farther = (prior(latent, torch.full((10, 1), number)) for number in (3.0, 1e6))
    assert torch.equal(far, farther)


def test_a_fit_without_couplings_forgets_those_of_the_last_one():
    prior, fresh = Prior(2), Prior(2)
    prior.fit(Codes(heavy_tailed(500, 0), torch.ones(500, 2), unseen(500)), passes=10)
    for each in (prior, fresh):
        each.fit(posteriors(100, 2), passes=0)
    latent = torch.randn(5, 2, generator=generator())
    torch.testing.assert_close(prior(latent, unseen(5)), fresh(latent, unseen(5)))


def test_the_same_generator_fits_the_same_couplings_and_leaves_the_global_stream():
    first, second = Prior(3), Prior(3)
    second.load_state_dict(first.state_dict())
    before = torch.random.get_rng_state()
    for prior in (first, second):
        prior.fit(posteriors(), passes=3, generator=generator(4))
    assert torch.equal(before, torch.random.get_rng_state())
    latent = torch.randn(4, 3, generator=generator())
    assert torch.equal(first(latent, unseen(4)), second(latent, unseen(4)))


def test_the_prior_belongs_to_the_weights_but_is_not_trained_with_the_net():
    prior = Prior(3)
    assert {"mean", "scale"} < set(prior.state_dict())
    prior.fit(posteriors(), passes=1)
    assert not any(parameter.requires_grad for parameter in prior.parameters())


def test_every_architecture_fills_in_the_whole_interface():
    wanted = [name for name, _ in inspect.getmembers(LutNet, inspect.isfunction)]
    abstract = [name for name in wanted if "raise NotImplementedError" in source(LutNet, name)]
    assert set(abstract) == {"config", "condition", "decode", "start_from", "change", "posterior"}
    for kind in ARCHITECTURES.values():
        assert issubclass(kind, LutNet)
        for name in abstract:
            assert getattr(kind, name) is not getattr(LutNet, name)


def source(kind, name):
    return inspect.getsource(getattr(kind, name)) if name in vars(kind) else ""


def test_both_nets_keep_the_shapes_of_the_interface(net):
    real, mask = pictures()
    condition = net.condition(real, mask)
    weights = net.mixing_weights(condition, torch.randn(2, 5, 3))
    assert condition.shape[0] == 2
    assert weights.shape == (2, 5, 4)
    assert weights.min() >= 0
    torch.testing.assert_close(weights.sum(2), torch.ones(2, 5))
    mean, log_variance = net.posterior(condition, net.change(real, mask, real.flip(1)))
    assert mean.shape == log_variance.shape == (2, 3)
    assert net.basis.shape == (4, 3, 3, 3, 3)
    assert net.latent_dim == 3


def test_condition_and_change_hold_nothing_learnt(net):
    real, mask = pictures()
    for computed in (net.condition(real, mask), net.change(real, mask, real.flip(1))):
        assert not computed.requires_grad


def test_mixing_weights_decode_what_the_prior_makes_of_a_latent(net):
    real, mask = pictures()
    condition, latent = net.condition(real, mask), torch.randn(2, 4, 3)
    code = net.prior.mean + latent @ net.prior.scale.mT
    expected = net.decode(condition, code)
    torch.testing.assert_close(net.mixing_weights(condition, latent), expected)


def test_encode_gives_the_latent_whose_code_is_the_posterior_mean_before_refining(net, monkeypatch):
    monkeypatch.setattr(net, "refinement_steps", 0)
    real, mask = pictures()
    composite = real.flip(1)
    latent = net.encode(real, mask, composite)
    condition = net.condition(real, mask)
    mean, _ = net.posterior(condition, net.change(real, mask, composite))
    torch.testing.assert_close(
        net.prior(latent, net.describe(condition)), mean, rtol=1e-3, atol=1e-3
    )


def test_config_rebuilds_the_net(net):
    again = type(net)(**net.config())
    again.load_state_dict(net.state_dict())
    real, mask = pictures()
    latent = torch.randn(2, 4, 3)
    a, b = (n.mixing_weights(n.condition(real, mask), latent) for n in (net, again.eval()))
    assert torch.equal(a, b)


def test_an_untrained_basis_is_near_the_identity(net):
    difference = (net.basis - identity_lut(3)).abs()
    assert difference.mean() < 0.2
