"""Figures of an augmenter itself: does it rebuild, cover and match true composites?

All take a `LutNet` in eval and pairs of one kind: ``real``, ``composite`` (N, 3, H, W) in [0, 1]
and ``mask`` (N, 1, H, W) in [0, 1]. Errors are fMSE on values 0..255.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harmaug.evaluation.metrics import fmse
from harmaug.lut import composite_lut, mix_luts
from harmaug.nets import LutNet
from harmaug.nets.latents import draw_latents

_CHUNK = 64  # photos at once, to bound memory


@torch.no_grad()
def reconstruction_error(
    net: LutNet, real: Tensor, mask: Tensor, composite: Tensor, *, refine: bool = True
) -> Tensor:
    """FMSE (N,) between true composites and what their latent gives back.

    Args:
        net: the generator.
        real: see the module.
        mask: see the module.
        composite: see the module.
        refine: as in `LutNet.encode`.
    """
    errors = []
    for photo, alpha, known in _chunks(real, mask, composite):
        latent = net.encode(photo, alpha, known, refine=refine)
        rebuilt = _draw(net, photo, alpha, latent.unsqueeze(1))[:, 0]
        errors.append(fmse(rebuilt.clamp(0, 1), known, alpha))
    return torch.cat(errors)


@torch.no_grad()
def draw_errors(
    net: LutNet,
    real: Tensor,
    mask: Tensor,
    composite: Tensor,
    draws: int = 32,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """How prior samples lie around true composites and photos.

    Args:
        net: the generator.
        real: see the module.
        mask: see the module.
        composite: see the module.
        draws: samples a photo.
        generator: draws the latents.

    Returns:
        fMSE (N, draws) to the true composite, whose row minimum is the coverage,
        and fMSE (N, draws) to the photo, the strength of the draws.
    """
    to_composite: list[Tensor] = []
    to_photo: list[Tensor] = []
    for photo, alpha, known in _chunks(real, mask, composite):
        latent = draw_latents(len(photo), draws, net.latent_dim, generator)
        samples = _draw(net, photo, alpha, latent.to(photo)).clamp(0, 1)
        for wanted, errors in ((known, to_composite), (photo, to_photo)):
            errors.append(
                torch.stack([fmse(sample, wanted, alpha) for sample in samples.unbind(1)], 1)
            )
    return torch.cat(to_composite), torch.cat(to_photo)


def strength_ratio(to_photo: Tensor, composite_to_photo: Tensor) -> float:
    """Median fMSE of draws over median fMSE of true composites, both against the photo."""
    return (to_photo.median() / composite_to_photo.median()).item()


def _draw(net: LutNet, photo: Tensor, alpha: Tensor, latent: Tensor) -> Tensor:
    weights = net.mixing_weights(net.condition(photo, alpha), latent)
    return composite_lut(photo, alpha, mix_luts(weights, net.basis))


def _chunks(*tensors: Tensor) -> list[tuple[Tensor, ...]]:
    return list(zip(*(tensor.split(_CHUNK) for tensor in tensors), strict=True))
