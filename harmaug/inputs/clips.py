"""Clips at the door: frames of one scene, checked as photos are."""

from __future__ import annotations

import torch
from torch import Tensor

from harmaug.inputs.door import Inputs, check_inputs
from harmaug.inputs.space import SpaceLike


def check_clips(
    real: Tensor,
    mask: Tensor,
    space: SpaceLike = "unit",
    *,
    device: torch.device | None = None,
    names: tuple[str, str] = ("real", "mask"),
) -> Inputs:
    """Check clips, or photos as `check_inputs` does; of B clips it returns B * T photos.

    Args:
        real: (B, T, 3, H, W), or photos (B, 3, H, W) or (3, H, W).
        mask: (B, T, 1, H, W) or (B, T, H, W) beside clips.
        space: the value space of ``real``.
        device: where both must be; anywhere if not given.
        names: what messages call the two.

    Raises:
        TypeError: as `check_inputs`.
        ValueError: as `check_inputs`; a clip without frames, or masks of other frames.
    """
    if not isinstance(real, Tensor) or real.is_nested or real.ndim != 5:
        return check_inputs(real, mask, space, device=device, names=names)
    batch, frames, _, height, width = real.shape
    if not frames:
        raise ValueError(f"{names[0]} has clips of no frames, {tuple(real.shape)}; leave them out.")
    shapes = (batch, frames, 1, height, width), (batch, frames, height, width)
    if isinstance(mask, Tensor) and not mask.is_nested:
        if tuple(mask.shape) not in shapes:
            raise ValueError(
                f"{names[1]} must be {shapes[0]} or {shapes[1]} to match {names[0]}, "
                f"got {tuple(mask.shape)}."
            )
        mask = mask.flatten(0, 1)
    return check_inputs(real.flatten(0, 1), mask, space, device=device, names=names)
