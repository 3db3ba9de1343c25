"""Deciding on LUTs: from photos, masks and latents to mixtures that do not spoil their photos."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from harmaug.inputs import Inputs, constant, move, row_index
from harmaug.lut import identity_lut
from harmaug.lut.box import frame_corners
from harmaug.nets import replay
from harmaug.nets.judging import Foreground, hardest, spoilt
from harmaug.nets.latents import latents_of
from harmaug.nets.lut_net import LutNet
from harmaug.nets.prior import Transport

# A drawn latent that spoils its photo is multiplied by the first of these that does not, or by the
# last: the opposite is as likely and as strong, a half of it is weaker.
# The opposite serves most of them, so a CPU mixes the others for the rest alone.
_STAND_INS: tuple[tuple[float, ...], ...] = ((-1.0,), (0.5, -0.5, 0.25))
_TRIES = (1.0, *(factor for factors in _STAND_INS for factor in factors))


class Decision(NamedTuple):
    """LUTs for B photos, n each, and what they come from.

    Attributes:
        luts: (B, n, 3, D, D, D), or (B, n, 2, 2, 3, D, D, D) for the corners of the frame, as
            `SycoNetAugment.sample` gives them.
        latent: (B, n, Z); given as the latent it decides the same again.
        weights: mixing weights (B, n, K), or (B, n, 4, K) where the corners of the foreground's box
            have mixtures of their own; 0 where the mask is empty.
    """

    luts: Tensor
    latent: Tensor
    weights: Tensor

    def hardest(self, photo: Tensor, mask: Tensor, n: int) -> Decision:
        """Return the n composites a photo whose foreground differs most from the background."""
        order = hardest(self.luts, photo, mask, n)
        rows = torch.arange(len(order), device=order.device).unsqueeze(1)
        return Decision(*(values[rows, order] for values in self))

    def at(self, strength: float) -> Decision:
        """Return LUTs moved from the identity (0) to these (1) and beyond."""
        if strength == 1:
            return self
        neutral = identity_lut(self.luts.shape[-1], dtype=torch.float32, device=self.luts.device)
        # Not _replace, which torch.compile of torch 2.6 cannot trace.
        luts = neutral + float(strength) * (self.luts - neutral)
        return Decision(luts, self.latent, self.weights)


def check_amounts(**amounts: float) -> None:
    """Raise unless these are finite numbers from 0 upwards."""
    for name, amount in amounts.items():
        if not 0 <= amount < math.inf:
            raise ValueError(f"{name} must be a finite number from 0 upwards, got {amount}.")


def decide(
    net: LutNet,
    inputs: Inputs,
    n: int = 1,
    *,
    latent: Tensor | None = None,
    generator: torch.Generator | None = None,
    strength: float = 1.0,
    spatial: float = 1.0,
    candidates: int | None = None,
) -> Decision:
    """Draw latents, or take given ones, and mix their LUTs.

    Args:
        net: mixes the LUTs.
        inputs: B photos and masks.
        n: LUTs a photo; a given ``latent`` says it by itself.
        latent: (B, n, Z) instead of drawing.
        generator: draws the latents; torch's global generator if not given.
        strength: moves the LUTs from the identity (0) to the mixed ones (1) and beyond.
        spatial: scales how much the change varies across the foreground; 0: one LUT for all of it.
        candidates: draw that many latents, at least n, and keep the n hardest.

    Returns:
        The decision; in tensors of inference mode where nothing asks for a gradient.
    """
    check_amounts(strength=strength, spatial=spatial)
    drawn, device = latent is None, net.basis.device
    latent = latents_of(inputs, n, net.latent_dim, latent, generator, candidates)
    latent = move(latent.float(), device)
    photo, mask = inputs.photo, inputs.mask.float()
    # Deciding takes hundreds of small operations. They run without autograd's bookkeeping
    # unless somebody asks for a gradient, which makes `augment` about 6 percent faster.
    asked = torch.is_grad_enabled() and any(
        tensor.requires_grad for tensor in (photo, mask, latent, net.basis)
    )
    # Graphs of torch.compile take care of that themselves.
    alone = torch.inference_mode(not (asked or torch.compiler.is_compiling()))
    with torch.autocast(device.type, enabled=False), alone:
        decision = decide_latents(
            net, photo, mask, inputs.foreground, latent, drawn=drawn, spatial=float(spatial)
        )
        if candidates is not None:
            decision = decision.hardest(photo, mask, n)
    return decision.at(strength)


def decide_latents(
    net: LutNet,
    photo: Tensor,
    mask: Tensor,
    foreground: Sequence[bool],
    latent: Tensor,
    *,
    drawn: bool,
    spatial: float = 1.0,
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
        spatial: scales how much the change varies across the foreground.
    """

    def decided(*some: Tensor) -> Decision:
        work = partial(_decide, net, drawn=drawn, spatial=spatial)
        if not net.graphs or (drawn and not net.cheap):  # which judges as many as are spoilt
            return work(*some)
        return Decision(*replay.run(net, work, some, (drawn, spatial)))

    if all(foreground):
        return decided(photo, mask, latent)
    neutral = identity_lut(net.basis.shape[-1], dtype=latent.dtype, device=latent.device)
    some, varies = latent.shape[:2], net.varies and spatial > 0
    decision = Decision(
        neutral.expand(*some, *([2, 2] if varies else []), *neutral.shape).clone(),
        latent.clone(),
        latent.new_zeros(*some, *([4] if net.spatial and varies else []), len(net.basis)),
    )
    if any(foreground):
        rows = row_index([row for row, some in enumerate(foreground) if some], latent.device)
        part = decided(photo[rows], mask[rows], latent[rows])
        for whole, values in zip(decision, part, strict=True):
            whole[rows] = values
    return decision


def _decide(
    net: LutNet, photo: Tensor, mask: Tensor, latent: Tensor, *, drawn: bool, spatial: float
) -> Decision:
    corners = frame_corners(mask) if net.varies and spatial else None
    condition = net.condition(photo, mask)
    mixer = _Mixer(net, condition, net.prepared_prior(condition), corners, spatial)
    foreground = Foreground.of(photo, mask) if drawn else None
    decision = mixer.decide(latent) if foreground is None else mixer.draw(latent, foreground)
    # Only mixtures are judged. Light that clips is what harmonizers must learn to bear: where it
    # was replaced by its opposite, bright foregrounds hardly ever became brighter.
    gains = net.gains(decision.latent, spatial)
    return Decision(net.lit(decision.luts, gains, corners), decision.latent, decision.weights)


class _Mixer(NamedTuple):
    """What mixtures of some photos come from, prepared for many latents.

    Attributes:
        net: mixes the LUTs.
        condition: (B, ...), of the net.
        prior: of the photos.
        corners: (B, 4, 4), of `frame_corners`; None where a mixture does not vary.
        spatial: how much it varies.
    """

    net: LutNet
    condition: Tensor
    prior: Transport
    corners: Tensor | None
    spatial: float

    def rows(self, rows: Tensor) -> _Mixer:
        """Return that of some photos, (M,) indices."""
        corners = None if self.corners is None else self.corners[rows]
        prior = self.prior.rows(rows)
        return _Mixer(self.net, self.condition[rows], prior, corners, self.spatial)

    def decide(self, latent: Tensor) -> Decision:
        """Return mixtures of latents (B, n, Z)."""
        weights = self.net.mixing_weights(self.condition, latent, self.spatial, self.prior)
        return Decision(self.net.mix(weights, self.corners), latent, weights)

    def draw(self, latent: Tensor, foreground: Foreground) -> Decision:
        """Return mixtures of drawn latents (B, n, Z), or of stand-ins where they are spoilt."""
        if self.net.cheap and _wants_fixed_shapes(latent):
            tries = _scaled(latent, _TRIES)
            every = self.decide(tries.flatten(1, 2))
            return _first_good(every, spoilt(every.luts, foreground).view(tries.shape[:3]))
        decision = self.decide(latent)
        row, column = spoilt(decision.luts, foreground).nonzero().unbind(1)
        for factors in _STAND_INS:
            if not len(row):
                break
            again = self.rows(row).decide(_scaled(latent[row, column], factors))
            bad = spoilt(again.luts, foreground.rows(row))
            still = bad.all(1)
            decision = _put(decision, row, column, _first_good(again, bad.unsqueeze(1)))
            row, column = row[still], column[still]
        return decision


def _put(decision: Decision, row: Tensor, column: Tensor, found: Decision) -> Decision:
    """Return a decision with others (M, 1, ...) at some places; its LUTs are written to."""
    place = row, column
    luts, latent, weights = (values.squeeze(1) for values in found)
    # LUTs in place, as a copy of all would take long; autograd keeps the others.
    decision.luts.index_put_(place, luts)
    return Decision(
        decision.luts,
        decision.latent.index_put(place, latent),
        decision.weights.index_put(place, weights),
    )


def _wants_fixed_shapes(latent: Tensor) -> bool:
    """Return whether to judge all stand-ins with the draws, and not only where one is spoilt.

    On a GPU that spares a wait for the device and many launches; a graph of torch.compile has one
    shape. A CPU would compute several times as much as it needs.
    """
    return latent.is_cuda or torch.compiler.is_compiling()


def _scaled(latent: Tensor, factors: tuple[float, ...]) -> Tensor:
    """Return drawn latents (..., Z) times each factor: (..., factors, Z)."""
    return latent.unsqueeze(-2) * constant(factors, latent).unsqueeze(1)


def _first_good(tries: Decision, bad: Tensor) -> Decision:
    """Return the first good one of the tries of each draw, or the last of them.

    Args:
        tries: (B, n * tries, ...) each.
        bad: (B, n, tries), bool; written to.
    """
    if bad.shape[2] == 1:
        return tries
    bad[..., -1] = False
    number = bad.to(torch.uint8).argmin(2)  # the first of the smallest
    first = torch.arange(0, bad.numel(), bad.shape[2], device=bad.device)
    place = number + first.view_as(number)
    return Decision(*(values.flatten(0, 1)[place] for values in tries))
