"""Features of training pairs, and the calibration of the prior to their codes."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Generator, Tensor

from harmaug.lut.box import box_weights_at
from harmaug.nets import Codes, LutNet
from harmaug.training.config import TrainConfig
from harmaug.training.pairs import PairSource

_CHUNK = 64  # pairs at once, to bound memory
_ROUNDS = 3  # the pairs of so many rounds are enough to fit the prior to
_ASIDE = 0.2  # share of the photos that say when to stop that fit


class Features(NamedTuple):
    """Features of N pairs, on the CPU; none of them depends on learnt weights."""

    condition: Tensor  # (N, ...), of `LutNet.condition`
    change: Tensor  # (N, ...), of `LutNet.change`
    real: Tensor  # (N, 3, 1, P) in [0, 1], foreground pixels of the photos
    composite: Tensor  # (N, 3, 1, P) in [0, 1], the same pixels of the composites
    corners: Tensor  # (N, 4, P), bilinear weights of the corners of the foregrounds' boxes


@torch.no_grad()
def draw_features(
    net: LutNet, source: PairSource, count: int, pixels: int, generator: Generator
) -> Features:
    """Draw ``count`` pairs and return their features, with ``pixels`` foreground pixels each."""
    chunks = []
    for first in range(0, count, _CHUNK):
        pairs = source.draw(min(_CHUNK, count - first), generator)
        pixels_of_pairs = foreground_pixels(*pairs, pixels, generator)
        real, mask, composite = (part.to(net.basis.device) for part in pairs)
        condition, change = net.condition(real, mask), net.change(real, mask, composite)
        chunks.append((condition.cpu(), change.cpu(), *pixels_of_pairs))
    return Features(*(torch.cat(values) for values in zip(*chunks, strict=True)))


def foreground_pixels(
    real: Tensor, mask: Tensor, composite: Tensor, count: int, generator: Generator | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw ``count`` foreground pixels of each pair, with replacement.

    Each mask must have pixels at 0.5 or above.

    Returns:
        (B, 3, 1, count) of the photos, of the composites, and weights (B, 4, count) of the
        corners of the foregrounds' boxes.
    """
    inside = (mask.flatten(1) >= 0.5).to(real)
    index = torch.multinomial(inside, count, replacement=True, generator=generator)
    corners = box_weights_at(mask, index)
    index = index.unsqueeze(1).expand(-1, 3, -1)
    before, after = (image.flatten(2).gather(2, index).unsqueeze(2) for image in (real, composite))
    return before, after, corners


def calibration_features(
    config: TrainConfig, net: LutNet, source: PairSource
) -> tuple[Features, Features | None]:
    """Return features of pairs that the prior is fitted to, and of pairs of other photos."""
    generator = config.generator("prior")
    count = _ROUNDS * config.round_pairs
    fitted, aside = source.split(_ASIDE)
    seen = draw_features(net, fitted, count, config.pixels, generator)
    if aside is None:
        return seen, None
    return seen, draw_features(net, aside, count // 4, config.pixels, generator)


@torch.no_grad()
def calibrate(net: LutNet, fitted: Features, aside: Features | None, generator: Generator) -> None:
    """Fit the prior to the codes of training pairs (`nets.Prior`), and put the net in eval.

    The pairs of ``aside`` are of other photos, and say when to stop.
    """
    net.eval()
    checked = None if aside is None else _codes(net, aside)
    net.prior.fit(_codes(net, fitted), checked, generator=generator)


def _codes(net: LutNet, features: Features) -> Codes:
    parts = []
    chunks = (values.split(_CHUNK) for values in (features.condition, features.change))
    for rows in zip(*chunks, strict=True):
        condition, change = (values.to(net.basis.device) for values in rows)
        mean, log_variance = net.posterior(condition, change)
        parts.append((mean, log_variance.exp(), net.describe(condition)))
    return Codes(*(torch.cat(values) for values in zip(*parts, strict=True)))
