"""Loss of SycoNet's reconstruction branch, a conditional VAE."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from harmaug.lut import apply_lut, mix_luts
from harmaug.nets import LutNet

_RECONSTRUCTION_WEIGHT = 20.0  # of the mean absolute error, values in [0, 1]


class Reconstruction(nn.Module):
    """Both branches of a net in one forward pass, as DistributedDataParallel needs them."""

    def __init__(self, net: LutNet) -> None:
        super().__init__()
        self.net = net

    def forward(
        self, condition: Tensor, change: Tensor, colours: Tensor, noise: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Rebuild known composites from noisy codes.

        Args:
            condition: (B, ...), of `LutNet.condition`.
            change: (B, ...), of `LutNet.change`.
            colours: (B, 3, 1, P) in [0, 1], foreground pixels of the photos.
            noise: (B, Z), standard normal.

        Returns:
            Rebuilt colours (B, 3, 1, P), mean and log-variance of the codes (B, Z).
        """
        mean, log_variance = (x.float() for x in self.net.posterior(condition, change))
        code = mean + noise * (log_variance / 2).exp()
        weights = self.net.decode(condition, code.unsqueeze(1)).squeeze(1)
        # Where the nets compute in 16 bits, LUTs do not: a mantissa of 8 bits is too coarse.
        with torch.autocast(colours.device.type, enabled=False):
            rebuilt = apply_lut(colours, mix_luts(weights.float(), self.net.basis))
        return rebuilt, mean, log_variance


def reconstruction_loss(rebuilt: Tensor, wanted: Tensor) -> Tensor:
    """Mean absolute error of colours in [0, 1], times 20."""
    return (rebuilt - wanted).abs().mean() * _RECONSTRUCTION_WEIGHT


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Divergence (Z,) of N(mean, variance), (B, Z) each, from N(0, I) in nats, batch mean."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean(0)
