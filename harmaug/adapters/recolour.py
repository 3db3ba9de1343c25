"""Recolouring the views of samples: one LUT a sample, whatever the views' layout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import get_worker_info

from harmaug.adapters.containers import clone, describe, is_sequence, rebuild
from harmaug.augment import SycoNetAugment
from harmaug.inputs import Inputs, Space, check_inputs


class Draw(NamedTuple):
    """LUTs that one augmenter drew for some samples of a batch.

    Attributes:
        aug: the augmenter.
        rows: R samples, each with a foreground.
        luts: (R, 3, D, D, D), or (R, 2, 2, 3, D, D, D) over the frame, on the device of ``aug``.
    """

    aug: SycoNetAugment
    rows: list[int]
    luts: Tensor


def draw(aug: SycoNetAugment, inputs: Inputs, rows: Sequence[int], **options: Any) -> Draw | None:
    """Draw a LUT for each of some samples; None where none of them has a foreground.

    Args:
        aug: the augmenter.
        inputs: the main view of the whole batch.
        rows: the samples that are to become synthetic.
        options: ``generator`` and amounts such as ``strength``, as for `SycoNetAugment.augment`.
    """
    if aug.device.type == "cuda" and get_worker_info() is not None:
        raise RuntimeError(
            f"the augmenter is on {aug.device} inside a DataLoader worker, where CUDA cannot "
            "be used; keep it on the CPU there (aug.cpu()) or wrap the loader with "
            "AugmentedLoader, which runs in the main process."
        )
    coloured = [row for row in rows if inputs.foreground[row]]
    if not coloured:
        return None
    decision = aug.decide(inputs.rows(coloured).to(aug.device), **options)
    return Draw(aug, coloured, decision.luts[:, 0])


def recolour(
    composite: Any,
    real: Any,
    mask: Any,
    changed: Sequence[int],
    draws: Sequence[Draw],
    space: Space,
    size: int,
) -> Any:
    """Return the composites of a view, new for the samples that are to become synthetic.

    Args:
        composite: (B, 3, H, W), (B, F, 3, H, W) with F frames of each sample, a list of such
            tensors, or a list of B tensors (3, H, W) of any size.
        real: laid out as ``composite``.
        mask: laid out as ``composite``, with 1 channel or without that axis.
        changed: the samples that become synthetic; those in no draw get their real.
        draws: LUTs of these samples.
        space: value space of the photos.
        size: B.
    """
    layout = composite, real, mask
    if all(isinstance(value, Tensor) for value in layout):
        frames = real.shape[1] if real.ndim == 5 else 1
        if real.ndim == 5:
            real, mask = real.flatten(0, 1), mask.flatten(0, 1)
        inputs = check_inputs(real, mask, space)
        return paint(composite, inputs, changed, draws, frames, size)
    if not all(is_sequence(value) and len(value) == len(composite) for value in layout):
        raise TypeError(
            "composite, real and mask of a view must be laid out alike (tensors, or lists of one "
            f"length), got {', '.join(map(describe, layout))}."
        )
    items = list(composite)
    if not all(isinstance(value, Tensor) and value.ndim == 3 for value in composite):
        for index in range(len(items)):
            items[index] = recolour(
                items[index], real[index], mask[index], changed, draws, space, size
            )
        return rebuild(composite, items)
    if len(composite) != size:
        raise ValueError(f"a list of samples must hold {size} tensors, got {len(composite)}.")
    luts = {row: (each, place) for each in draws for place, row in enumerate(each.rows)}
    for row in changed:
        one = []
        if row in luts:
            each, place = luts[row]
            one = [Draw(each.aug, [0], each.luts[place : place + 1])]
        inputs = check_inputs(real[row], mask[row], space)
        items[row] = paint(composite[row].unsqueeze(0), inputs, [0], one)[0]
    return rebuild(composite, items)


def paint(
    composite: Tensor,
    inputs: Inputs,
    changed: Sequence[int],
    draws: Sequence[Draw],
    frames: int = 1,
    size: int | None = None,
) -> Tensor:
    """Return a copy of composites, new for some samples; dtype, strides and pinning are kept.

    Args:
        composite: (B, 3, H, W), or (B, F, 3, H, W).
        inputs: the B * F photos and masks of the view.
        changed: the samples that become synthetic.
        draws: LUTs of those that have a foreground.
        frames: F.
        size: B, if the view must have that many samples.
    """
    if not isinstance(composite, Tensor):
        raise TypeError(f"composite must be a tensor as its real, got {describe(composite)}.")
    count = len(inputs.real) // max(frames, 1)
    flat = composite.flatten(0, 1) if composite.ndim == 5 else composite
    if flat.shape != inputs.real.shape or (size is not None and count != size):
        shape = tuple(inputs.real.shape)
        wanted = (size or count, *((frames,) if composite.ndim == 5 else ()), *shape[1:])
        raise ValueError(f"composite must be {wanted} as its real, got {tuple(composite.shape)}.")
    check_dtypes(composite.dtype, inputs.real.dtype)
    result = clone(composite)
    painted = result.flatten(0, 1) if result.ndim == 5 else result
    blank = set(changed)
    for each in draws:
        places = _photos_of(each.rows, frames)
        some = inputs.rows(places).to(each.aug.device)
        luts = each.luts.repeat_interleave(frames, 0) if frames != 1 else each.luts
        _put(painted, places, each.aug.recolour(luts, some))
        blank -= set(each.rows)
    if blank:
        places = _photos_of(sorted(blank), frames)
        _put(painted, places, inputs.rows(places).real)
    return painted.view_as(composite) if composite.ndim == 5 else painted


def check_dtypes(composite: Any, real: Any) -> None:
    """Raise unless both are 8 bits or both floating point; dtypes of torch or names of them."""
    eight = [str(dtype).endswith("uint8") for dtype in (composite, real)]
    if eight[0] != eight[1] or not (eight[0] or "float" in str(composite)):
        raise TypeError(
            f"composite is {composite} but real is {real}: one cannot hold the values of the "
            "other; give both in one dtype."
        )


def _photos_of(rows: Sequence[int], frames: int) -> list[int]:
    return [row * frames + frame for row in rows for frame in range(frames)]


def _put(target: Tensor, rows: Sequence[int], values: Tensor) -> None:
    values = values.to(target.device, target.dtype)
    if len(rows) == len(target):
        target.copy_(values)
    else:
        target[torch.tensor(rows, dtype=torch.int64, device=target.device)] = values
