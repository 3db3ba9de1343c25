"""The training loop of the harmonizer, on a CPU, on a GPU, or under Fabric on several GPUs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from colour_map import gather
from torch import Tensor, nn
from torch.nn import functional as F

Batch = tuple[Tensor, Tensor, Tensor]
"""Composite (B, 3, H, W), real (B, 3, H, W) and mask (B, 1, H, W), all in [0, 1]."""

_POINTS = 256


def fit(
    net: nn.Module,
    batches: Iterable[Batch],
    steps: int,
    *,
    learning_rate: float = 2e-3,
    fabric: Any = None,
) -> Iterator[float]:
    """Train for some steps and yield the loss of each.

    Adam with one cycle of the learning rate. The loss is the squared error at random foreground
    pixels: a sample of the foreground-normalised MSE of iSSAM (Sofiiuk et al., 2021).

    Args:
        net: `ColourMapHarmonizer`, or a net with the same call.
        batches: at least ``steps`` of them, on the net's device.
        steps: number of steps.
        learning_rate: at its peak.
        fabric: a launched ``lightning_fabric.Fabric``; None trains in this process alone.
    """
    optimizer = torch.optim.Adam(net.parameters(), learning_rate, betas=(0.9, 0.99), fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps)
    if fabric is not None:
        net, optimizer = fabric.setup(net, optimizer)
    net.train()
    for _, (composite, real, mask) in zip(range(steps), batches, strict=False):
        points = foreground_points(mask, _POINTS)
        wanted = gather(real, points)
        loss = F.mse_loss(net(composite, mask, points), wanted)
        optimizer.zero_grad()
        if fabric is None:
            loss.backward()
        else:
            fabric.backward(loss)
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        yield loss.item()


def foreground_points(mask: Tensor, count: int) -> Tensor:
    """Draw random foreground pixels (B, P) of masks (B, 1, H, W), with replacement.

    Those of an empty mask are of the whole frame.
    """
    inside = mask.flatten(1).clamp_min(1e-9).cumsum(1)
    drawn = torch.rand(len(mask), count, device=mask.device) * inside[:, -1:]
    return torch.searchsorted(inside, drawn).clamp_max(inside.shape[1] - 1)
