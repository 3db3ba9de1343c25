"""Deciding on LUTs: from photos, masks and latents to mixtures that do not spoil their photos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from harmaug.lut import identity_lut, mix_luts
from harmaug.nets.judging import Foreground, spoilt
from harmaug.nets.lut_net import LutNet
from harmaug.nets.prior import Transport

# A drawn latent that spoils its photo is multiplied by these in turn until none is spoilt: the
# opposite is as likely and as strong, a half of it is weaker.
_STAND_INS = (-1.0, 0.5, -0.5, 0.25)


class Decision(NamedTuple):
    """LUTs for B photos, n each, and what they come from.

    Attributes:
        luts: (B, n, 3, D, D, D), as `SycoNetAugment.sample` gives them.
        latent: (B, n, Z); given as the latent it decides the same again.
        weights: (B, n, K), mixing weights of the LUTs; 0 where the mask is empty.
    """

    luts: Tensor
    latent: Tensor
    weights: Tensor


def decide(
    net: LutNet,
    photo: Tensor,
    mask: Tensor,
    foreground: Sequence[bool],
    latent: Tensor,
    *,
    drawn: bool,
) -> Decision:
    """Mix the LUTs of n latents a photo.

    Args:
        net: mixes the LUTs.
        photo: (B, 3, H, W), sRGB in [0, 1].
        mask: (B, 1, H, W) in [0, 1].
        foreground: for each photo, whether its mask is above 0 anywhere; a photo without costs
            nothing and gets identity LUTs.
        latent: (B, n, Z).
        drawn: whether the latents were drawn; a drawn one that spoils its photo is replaced.
    """
    if all(foreground):
        return _decide(net, photo, mask, latent, drawn)
    neutral = identity_lut(net.basis.shape[-1], dtype=latent.dtype, device=latent.device)
    decision = Decision(
        neutral.repeat(*latent.shape[:2], 1, 1, 1, 1),
        latent.clone(),
        latent.new_zeros(*latent.shape[:2], len(net.basis)),
    )
    if any(foreground):
        rows = torch.tensor([row for row, some in enumerate(foreground) if some]).to(latent.device)
        part = _decide(net, photo[rows], mask[rows], latent[rows], drawn)
        for whole, values in zip(decision, part, strict=True):
            whole[rows] = values
    return decision


def _decide(net: LutNet, photo: Tensor, mask: Tensor, latent: Tensor, drawn: bool) -> Decision:
    condition = net.condition(photo, mask)
    prior = net.prepared_prior(condition)
    luts, _, weights = decision = _mixed(net, condition, prior, latent)
    if not drawn:
        return decision
    foreground = Foreground.of(photo, mask)
    places = spoilt(luts, foreground).nonzero()
    first = latent[places.unbind(1)].unsqueeze(1)
    for share in _STAND_INS:
        if not len(places):
            break
        row, column = places.unbind(1)
        again = _mixed(net, condition[row], prior.rows(row), share * first)
        # In place, as copies of all LUTs would take long; autograd keeps the others.
        luts.index_put_((row, column), again.luts.squeeze(1))
        latent, weights = (
            whole.index_put((row, column), part.squeeze(1))
            for whole, part in ((latent, again.latent), (weights, again.weights))
        )
        still = spoilt(again.luts, foreground.rows(row)).squeeze(1)
        places, first = places[still], first[still]
    return Decision(luts, latent, weights)


def _mixed(net: LutNet, condition: Tensor, prior: Transport, latent: Tensor) -> Decision:
    weights = net.decode(condition, prior(latent))
    return Decision(mix_luts(weights, net.basis), latent, weights)
