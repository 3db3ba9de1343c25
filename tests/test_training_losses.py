"""The loss, against its formula written out once more."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harmaug.lut import apply_lut, mix_luts
from harmaug.nets import LiteSycoNet
from harmaug.training.losses import (
    Reconstruction,
    kl_divergence,
    reconstruction_loss,
)


@settings(deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 9), st.integers(1, 5))
def test_divergence_is_that_of_torch_distributions(seed, batch, size):
    generator = torch.Generator().manual_seed(seed)
    mean, log_variance = torch.randn(2, batch, size, generator=generator, dtype=torch.float64)
    posterior = torch.distributions.Normal(mean, (log_variance / 2).exp())
    prior = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    expected = torch.distributions.kl_divergence(posterior, prior).mean(0)
    torch.testing.assert_close(kl_divergence(mean, log_variance), expected)


def test_reconstruction_loss_is_twenty_times_the_mean_absolute_error():
    rebuilt, wanted = torch.zeros(2, 3, 1, 5), torch.full((2, 3, 1, 5), 0.25)
    assert reconstruction_loss(rebuilt, wanted).item() == pytest.approx(5.0)


def test_without_noise_a_step_rebuilds_what_the_mean_latent_draws():
    torch.manual_seed(0)
    net = LiteSycoNet(latent_dim=3, basis_size=4, lut_size=5, width=16)
    net.basis.data.add_(0.2 * torch.rand_like(net.basis))
    real, composite = torch.rand(2, 2, 3, 8, 8).unbind()
    mask = torch.ones(2, 1, 8, 8)
    condition, change = net.condition(real, mask), net.change(real, mask, composite)
    colours = real.flatten(2).unsqueeze(2)
    rebuilt, mean, _ = Reconstruction(net)(condition, change, colours, torch.zeros(2, 3))
    latent = net.encode(real, mask, composite, refine=False)
    weights = net.mixing_weights(condition, latent.unsqueeze(1))
    expected = apply_lut(real, mix_luts(weights[:, 0], net.basis)).flatten(2).unsqueeze(2)
    torch.testing.assert_close(rebuilt, expected)
    torch.testing.assert_close(mean, net.posterior(condition, change)[0])


def test_gradients_reach_every_parameter():
    torch.manual_seed(0)
    net = LiteSycoNet(latent_dim=3, basis_size=4, lut_size=5, width=16)
    condition, change = torch.randn(6, 73), torch.randn(6, net.change_mean.numel())
    colours = torch.rand(6, 3, 1, 20)
    rebuilt, mean, log_variance = Reconstruction(net)(condition, change, colours, torch.randn(6, 3))
    loss = reconstruction_loss(rebuilt, 1 - colours) + kl_divergence(mean, log_variance).sum()
    loss.backward()
    for name, parameter in net.named_parameters():
        if parameter.requires_grad:  # all but the prior, which is fitted
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
