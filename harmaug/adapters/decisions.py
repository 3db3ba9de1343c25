"""Deciding on the LUTs of samples: one for a photo or a clip, or one a frame that drifts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import get_worker_info

from harmaug.augment import LutAugment
from harmaug.inputs import Inputs


class Draw(NamedTuple):
    """LUTs that one augmenter drew for some samples of a batch.

    Attributes:
        aug: the augmenter.
        rows: R samples, each with a foreground.
        luts: (R, F, 3, D, D, D), or (R, F, 2, 2, 3, D, D, D) over the frame, on the device of
            ``aug``; F is 1, or the frames of a clip whose colours drift.
    """

    aug: LutAugment
    rows: list[int]
    luts: Tensor

    def for_frames(self, frames: int) -> Tensor:
        """Return LUTs (R * frames, ...) for the frames of a view."""
        drawn = self.luts.shape[1]
        if drawn == frames:
            return self.luts.flatten(0, 1)
        if drawn != 1:
            raise ValueError(
                f"a further view has {frames} frames but the main view {drawn}: with drift, each "
                "frame of the main view has a LUT of its own; use drift=0."
            )
        return self.luts[:, 0].repeat_interleave(frames, 0)


def check_drift(drift: float) -> None:
    """Raise unless the drift is a number in [0, 1]."""
    if isinstance(drift, bool) or not isinstance(drift, Real) or not 0 <= drift <= 1:
        raise ValueError(f"drift must be a number in [0, 1], got {drift!r}.")


def draw(
    aug: LutAugment,
    inputs: Inputs,
    rows: Sequence[int],
    *,
    frames: int | None = None,
    drift: float = 0.0,
    **options: Any,
) -> Draw | None:
    """Draw LUTs for some samples; None where none of them has a foreground.

    One frame decides for a clip: the middle one of those with a foreground. The change does not
    vary in space: foregrounds move, and would flicker where light lies still in the frame.

    Args:
        aug: the augmenter.
        inputs: the main view of the whole batch; of clips, all their frames.
        rows: the samples that are to become synthetic.
        frames: frames a clip; None for photos.
        drift: way of the latent over a clip: 0 stays, 1 ends at an independent one.
        options: ``generator`` and amounts such as ``strength``, as for `LutAugment.augment`.
    """
    if aug.device.type == "cuda" and get_worker_info() is not None:
        raise RuntimeError(
            f"the augmenter is on {aug.device} inside a DataLoader worker, where CUDA cannot "
            "be used; keep it on the CPU there (aug.cpu()) or wrap the loader with "
            "AugmentedLoader, which runs in the main process."
        )
    if drift and frames is None:
        raise ValueError(
            "drift needs clips, real (B, T, 3, H, W) in the main view; use drift=0 for photos."
        )
    count = frames or 1
    deciding = {
        row: row * count + shown[len(shown) // 2]
        for row in rows
        if (shown := [frame for frame in range(count) if inputs.foreground[row * count + frame]])
    }
    if not deciding:
        return None
    if frames is not None:
        options["spatial"] = 0.0
    photos = inputs.rows(list(deciding.values()), aug.device)
    decision = aug.decide(photos, **options)
    if drift:
        end = aug.decide(photos, **options).latent
        amounts = {name: options[name] for name in ("strength", "spatial") if name in options}
        path = latent_path(decision.latent, end, count, drift)
        decision = aug.decide(photos, latent=path, **amounts)
    return Draw(aug, list(deciding), decision.luts)


def latent_path(start: Tensor, end: Tensor, steps: int, drift: float) -> Tensor:
    """Return latents (B, steps, Z) from ``start`` towards ``end``, on a quarter of a circle.

    Between two independent latents of N(0, I) each latent of the circle is of N(0, I) too, where
    those of a straight line would be weaker.

    Args:
        start: (B, 1, Z).
        end: (B, 1, Z).
        steps: frames.
        drift: share of the quarter, in [0, 1].
    """
    angle = torch.linspace(0, drift * math.pi / 2, steps, device=start.device)[:, None]
    return start * angle.cos() + end * angle.sin()
