"""Looking at pairs once: what of them a training round and the prior's fit need."""

from __future__ import annotations

import torch
from torch import Tensor

from harmaug.nets import LutNet
from harmaug.training.config import TrainConfig
from harmaug.training.health import Seen
from harmaug.training.losses import foreground_pixels
from harmaug.training.pairs import PairSource
from harmaug.training.start import PRIOR, stream

_CHUNK = 64  # pairs made at once
_PRIOR_ROUNDS = 3  # as many rounds' pairs are enough to fit the prior to
_PRIOR_ASIDE = 0.2  # share of the photos that tell when to stop


@torch.no_grad()
def observe(
    config: TrainConfig, net: LutNet, source: PairSource, count: int, generator: torch.Generator
) -> list[Tensor]:
    """Condition, change, and foreground pixels before and after, of ``count`` pairs."""
    chunks = []
    for first in range(0, count, _CHUNK):
        pairs = source.draw(min(_CHUNK, count - first), generator)
        pixels = foreground_pixels(*pairs, config.pixels, generator)
        pairs_there = [part.to(net.basis.device) for part in pairs]
        condition, change = net.condition(*pairs_there[:2]), net.change(*pairs_there)
        chunks.append((condition.cpu(), change.cpu(), *pixels))
    return [torch.cat(values) for values in zip(*chunks, strict=True)]


def observe_for_prior(
    config: TrainConfig, net: LutNet, source: PairSource
) -> tuple[Seen, Seen | None]:
    """Pairs that the prior is fitted to, the same at each fit, and pairs of other photos."""
    generator = stream(config, PRIOR)
    count = _PRIOR_ROUNDS * config.round_pairs
    fitted, aside = source.split(_PRIOR_ASIDE)
    seen = Seen(*observe(config, net, fitted, count, generator)[:2])
    if aside is None:
        return seen, None
    return seen, Seen(*observe(config, net, aside, count // 4, generator)[:2])
