"""Recolouring the views of samples by their LUTs, whatever the views' layout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from harmaug.adapters.containers import clone, describe, is_sequence, rebuild
from harmaug.adapters.decisions import Draw
from harmaug.inputs import Inputs, Space, check_clips, row_index


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
        wanted = (size, *real.shape[1:])
        return paint(composite, check_clips(real, mask, space), changed, draws, wanted)
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
        inputs = check_clips(real[row], mask[row], space)
        items[row] = paint(composite[row].unsqueeze(0), inputs, [0], one)[0]
    return rebuild(composite, items)


def paint(
    composite: Tensor,
    inputs: Inputs,
    changed: Sequence[int],
    draws: Sequence[Draw],
    shape: Sequence[int] | None = None,
) -> Tensor:
    """Return a copy of composites, new for some samples; dtype, strides and pinning are kept.

    Args:
        composite: (B, 3, H, W), or (B, F, 3, H, W).
        inputs: the photos and masks of the view, B * F of them.
        changed: the samples that become synthetic.
        draws: LUTs of those that have a foreground.
        shape: what ``composite`` must be; that of the photos if not given.
    """
    if not isinstance(composite, Tensor):
        raise TypeError(f"composite must be a tensor as its real, got {describe(composite)}.")
    shape = tuple(shape or inputs.real.shape)
    frames = shape[1] if len(shape) == 5 else 1
    if composite.shape != shape or len(inputs.real) != shape[0] * frames:
        raise ValueError(f"composite must be {shape} as its real, got {tuple(composite.shape)}.")
    check_dtypes(composite.dtype, inputs.real.dtype)
    result = clone(composite)
    painted = result.flatten(0, 1) if len(shape) == 5 else result
    blank = set(changed)
    for each in draws:
        places = _photos_of(each.rows, frames)
        some = inputs.rows(places, each.aug.device)
        _put(painted, places, each.aug.recolour(each.for_frames(frames), some))
        blank -= set(each.rows)
    if blank:
        places = _photos_of(sorted(blank), frames)
        _put(painted, places, inputs.rows(places).real)
    if painted.data_ptr() != result.data_ptr():  # strides that no flat view has
        result.copy_(painted.view(shape))
    return result


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
        target[row_index(rows, target.device)] = values
