"""Coverage, strength and reconstruction: how near a net comes to true composites.

These figures are defined here alone, for the held-out score of a training and for
`evaluate_augmenter`. Two differences between the two are kept, so that neither figure moves:

- Draws. A training takes latents as drawn, by `draw_errors`. An evaluation draws as
  `SycoNetAugment` does, by `samplers.CheckpointSampler`: a draw that spoils its photo is replaced.
- Medians. Without weights, as in a training, the lower one of two middle values counts; under the
  weights of a bootstrap their mean does.

In all functions ``real`` and ``composite`` are (N, 3, H, W) in [0, 1], ``mask`` is (N, 1, H, W) in
[0, 1] and ``net`` is in eval. Errors are fMSE on values 0..255.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from harmaug.evaluation.bootstrap import weighted_median
from harmaug.evaluation.metrics import foreground_error
from harmaug.lut.ops import lut_composite
from harmaug.nets import LutNet
from harmaug.nets.latents import draw_latents

ACTIVE_VARIANCE = 0.01  # of posterior means; a dimension above is active (Burda et al., 2016)
_CHUNK = 64  # photos at once, to bound memory


@torch.no_grad()
def draw_errors(
    net: LutNet,
    real: Tensor,
    mask: Tensor,
    composite: Tensor,
    draws: int,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Return fMSE (N, draws) of latents as drawn, to the true composites and to the photos."""
    parts = []
    for photo, alpha, known in _chunks(real, mask, composite):
        latent = draw_latents(len(photo), draws, net.latent_dim, generator).to(photo)
        samples = lut_composite(photo, alpha, net.luts(net.condition(photo, alpha), latent, alpha))
        errors = [
            [foreground_error(draw, wanted, alpha) for draw in samples.unbind(1)]
            for wanted in (known, photo)
        ]
        parts.append([torch.stack(some, 1) for some in errors])
    to_composite, to_photo = (torch.cat(column) for column in zip(*parts, strict=True))
    return to_composite, to_photo


def coverage(to_composite: np.ndarray | Tensor, weights: np.ndarray | None = None) -> np.ndarray:
    """Return the coverage (R,): the median over pairs of the fMSE of the nearest draw.

    Args:
        to_composite: (N, n), fMSE of the draws to the true composites.
        weights: (R, N) of the pairs; without them R is 1.
    """
    return _median(_array(to_composite).min(1), weights)


def strength(
    to_photo: np.ndarray | Tensor,
    composite_to_photo: np.ndarray | Tensor,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Return the strength (R,): how much draws change their photos, in units of true composites.

    It is the median fMSE of draws to photos over that of true composites to photos.

    Args:
        to_photo: (N, n), fMSE of the draws to the photos.
        composite_to_photo: (N,), fMSE of the true composites to the photos.
        weights: (R, N) of the pairs; without them R is 1.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return _median(to_photo, weights) / _median(composite_to_photo, weights)


@torch.no_grad()
def reconstruct(
    net: LutNet,
    real: Tensor,
    mask: Tensor,
    composite: Tensor,
    *,
    refine: bool = True,
    spatial: float = 1.0,
) -> Tensor:
    """Return the composites (N, 3, H, W) of the latents that `LutNet.encode` gives."""
    latent = net.encode(real, mask, composite, refine=refine, spatial=spatial).unsqueeze(1)
    luts = net.luts(net.condition(real, mask), latent, mask, spatial)
    return lut_composite(real, mask, luts)[:, 0]


def reconstruction_error(
    net: LutNet, real: Tensor, mask: Tensor, composite: Tensor, *, refine: bool = True
) -> Tensor:
    """Return fMSE (N,) between true composites and those of `reconstruct`."""
    errors = [
        foreground_error(reconstruct(net, *pair, refine=refine), pair[2], pair[1])
        for pair in _chunks(real, mask, composite)
    ]
    return torch.cat(errors)


def _median(values: np.ndarray | Tensor, weights: np.ndarray | None) -> np.ndarray:
    if weights is None:
        return np.quantile(_array(values), [0.5], method="lower")
    return weighted_median(_array(values), weights)


def _array(values: np.ndarray | Tensor) -> np.ndarray:
    return values.cpu().numpy() if isinstance(values, Tensor) else values


def _chunks(*tensors: Tensor) -> list[tuple[Tensor, ...]]:
    return list(zip(*(tensor.split(_CHUNK) for tensor in tensors), strict=True))
