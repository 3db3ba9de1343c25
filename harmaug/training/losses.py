"""The loss of SycoNet's reconstruction branch: a conditional VAE's."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from harmaug.lut import apply_lut, mix_luts
from harmaug.nets import LutNet

_RECONSTRUCTION_WEIGHT = 20.0  # of the mean absolute error, values in [0, 1]


class Reconstruction(nn.Module):
    """Both branches in one forward pass, as a training step (and DistributedDataParallel) wants it.

    Args:
        net: the generator that is trained.
    """

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
            rebuilt colours (B, 3, 1, P), mean and log-variance of the codes (B, Z).
        """
        mean, log_variance = (x.float() for x in self.net.posterior(condition, change))
        code = mean + noise * (log_variance / 2).exp()
        weights = self.net.decode(condition, code.unsqueeze(1)).squeeze(1)
        # Where the nets compute in 16 bits, LUTs may not: 8 bits of mantissa are no colour.
        with torch.autocast(colours.device.type, enabled=False):
            rebuilt = apply_lut(colours, mix_luts(weights.float(), self.net.basis))
        return rebuilt, mean, log_variance


def reconstruction_loss(rebuilt: Tensor, wanted: Tensor) -> Tensor:
    """Mean absolute error of colours in [0, 1], times 20."""
    return (rebuilt - wanted).abs().mean() * _RECONSTRUCTION_WEIGHT


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Divergence (Z,) of N(mean, variance) from N(0, I) in nats per dimension, batch mean.

    Args:
        mean: (B, Z).
        log_variance: (B, Z).
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean(0)


def foreground_pixels(
    real: Tensor, mask: Tensor, composite: Tensor, count: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """``count`` random foreground pixels of each pair: (B, 3, 1, count) of photo and composite.

    Args:
        real: (B, 3, H, W).
        mask: (B, 1, H, W); pixels at 0.5 and above count, each row must have some.
        composite: (B, 3, H, W).
        count: pixels drawn, with replacement.
        generator: draws them.
    """
    inside = (mask.flatten(1) >= 0.5).to(real)
    index = torch.multinomial(inside, count, replacement=True, generator=generator)
    index = index.unsqueeze(1).expand(-1, 3, -1)
    return tuple(image.flatten(2).gather(2, index).unsqueeze(2) for image in (real, composite))  # type: ignore[return-value]
