"""The spatial part of a prior, fitted to how the changes of training pairs vary in space."""

from __future__ import annotations

import torch
from torch import Tensor

from harmaug.evaluation.variation import variation
from harmaug.lut.fitting import basis_colours
from harmaug.nets import LutNet
from harmaug.nets.latents import draw_latents
from harmaug.nets.refine import KnownPixels, refine_latent
from harmaug.training.features import Features

_PAIRS = 512  # that are fitted
_STEPS = 120  # of the fit of each pair
# fMSE that a unit of squared length is worth in that fit: noise of about 100, 50 free pixels.
_LENGTH_WEIGHT = 2.0
_LEAST = 1e-4  # variance of any direction
_DRAWS = 4  # a pair, to compare their variation with that of the pairs
_ROUNDS = 3  # of that comparison


@torch.no_grad()
def fit_spread(
    net: LutNet, features: Features, generator: torch.Generator, amount: float = 1.0
) -> None:
    """Fit ``net.spread`` to training pairs; the rest of the prior must be fitted before.

    Each pair gets the latent that rebuilds it best, the corners free to differ. The covariance of
    each spatial part over the pairs gives the directions. Then their size is set so that draws
    vary within foregrounds as much as the pairs do (`_typical`).

    Args:
        net: a spatial net in eval.
        features: of training pairs.
        generator: draws latents, on the CPU.
        amount: of the variation of the pairs, as a factor on differences of colour.
    """
    device = net.basis.device
    condition, change, real, composite, corners = (part[:_PAIRS].to(device) for part in features)
    real, composite = real.squeeze(2), composite.squeeze(2)
    alpha = torch.ones_like(real[:, :1])
    colours = basis_colours(net.basis, real)
    known = KnownPixels(colours, real, composite, alpha, corners)

    def weights(latent: Tensor) -> Tensor:
        return net.mixing_weights(condition, latent.unsqueeze(1), 1.0).flatten(1, -2)

    net.spread.copy_(torch.eye(net.code_dim))
    start = net.first_latent(condition, change)
    latent = refine_latent(lambda z: (weights(z), None), start, known, _STEPS, _LENGTH_WEIGHT)
    parts = latent.unflatten(1, (-1, net.code_dim))[:, 1:].double()
    covariance = torch.einsum("nfi,nfj->fij", parts, parts) / len(parts)
    covariance += _LEAST * torch.eye(net.code_dim, device=device)
    net.spread.copy_(torch.linalg.cholesky(covariance))

    wanted = _typical(variation(real, composite, alpha, corners))
    drawn = draw_latents(len(real), _DRAWS, net.latent_dim, generator).to(device)
    for _ in range(_ROUNDS):
        found = [
            variation(real, known.rebuilt(weights(z)), alpha, corners) for z in drawn.unbind(1)
        ]
        net.spread.mul_(wanted / _typical(torch.cat(found)).clamp_min(1e-6))
    net.spread.mul_(amount)


def _typical(values: Tensor) -> Tensor:
    """Return the mean root of variations, those above the 80 % quantile counted as that.

    The most varied pairs are those in which something has moved.
    """
    return values.clamp_max(values.quantile(0.8)).sqrt().mean()
