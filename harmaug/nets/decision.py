"""Deciding on LUTs: from photos, masks and latents to mixtures that do not spoil their photos."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from harmaug.lut import identity_lut, mix_luts
from harmaug.nets import LutNet
from harmaug.nets.judging import Foreground, spoilt

# What a drawn latent that spoils its photo is multiplied by, one after the other: its opposite is
# as likely and leaves draws as strong as they were, half of it is weaker.
_INSTEAD = (-1.0, 0.5, -0.5, 0.25)


class Decision(NamedTuple):
    """What was decided for B photos, n times each.

    Attributes:
        luts: (B, n, 3, D, D, D), as `SycoNetAugment.sample` gives them.
        latent: (B, n, Z), which decides the same again.
        weights: (B, n, K), the mixing weights of the LUTs; 0 where the mask is empty.
    """

    luts: Tensor
    latent: Tensor
    weights: Tensor


def decide(net: LutNet, photo: Tensor, alpha: Tensor, latent: Tensor, *, drawn: bool) -> Decision:
    """Mix the LUTs of n latents a photo.

    Args:
        net: the generator.
        photo: (B, 3, H, W), sRGB in [0, 1].
        alpha: (B, 1, H, W) in [0, 1]; an empty mask costs nothing and gets identity LUTs.
        latent: (B, n, Z).
        drawn: whether the latents were drawn; then one that spoils its photo is replaced.
    """
    seen = alpha.sum((1, 2, 3)) > 0
    if seen.all():
        return _decide(net, photo, alpha, latent, drawn)
    neutral = identity_lut(net.basis.shape[-1], dtype=latent.dtype, device=latent.device)
    decision = Decision(
        neutral.repeat(*latent.shape[:2], 1, 1, 1, 1),
        latent.clone(),
        latent.new_zeros(*latent.shape[:2], len(net.basis)),
    )
    if seen.any():
        some = _decide(net, photo[seen], alpha[seen], latent[seen], drawn)
        for whole, part in zip(decision, some, strict=True):
            whole[seen] = part
    return decision


def _decide(net: LutNet, photo: Tensor, alpha: Tensor, latent: Tensor, drawn: bool) -> Decision:
    condition = net.condition(photo, alpha)
    luts, _, weights = decision = _mixed(net, condition, latent)
    if not drawn:
        return decision
    foreground = Foreground.of(photo, alpha)
    row, column = spoilt(luts, foreground).nonzero(as_tuple=True)
    first = latent[row, column].unsqueeze(1)
    for share in _INSTEAD:
        if not len(row):
            break
        again = _mixed(net, condition[row], share * first)
        # In place, as copies of all LUTs would take long; autograd holds on to the others.
        luts.index_put_((row, column), again.luts.squeeze(1))
        latent, weights = (
            whole.index_put((row, column), part.squeeze(1))
            for whole, part in ((latent, again.latent), (weights, again.weights))
        )
        still = spoilt(again.luts, foreground.rows(row)).squeeze(1)
        row, column, first = row[still], column[still], first[still]
    return Decision(luts, latent, weights)


def _mixed(net: LutNet, condition: Tensor, latent: Tensor) -> Decision:
    weights = net.mixing_weights(condition, latent)
    return Decision(mix_luts(weights, net.basis), latent, weights)
