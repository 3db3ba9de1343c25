"""Values on their way to a device, without waiting for it.

A tensor made of Python numbers on a GPU, or copied there in the usual way, makes Python wait until
the GPU has done all that it was asked for before.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def move(value: Tensor, device: torch.device) -> Tensor:
    """Return the tensor on a device; to a GPU the copy runs ahead of Python."""
    # To the CPU it may not: the values could be read before they have arrived. Nor to Apple's GPUs,
    # where the source may be gone before it is copied.
    return value.to(device, non_blocking=device.type not in ("cpu", "mps"))


def row_index(rows: Sequence[int], device: torch.device) -> Tensor:
    """Return row numbers (R,) as an index of tensors on a device."""
    return move(torch.tensor(rows, dtype=torch.int64), device)


def constant(values: tuple[Any, ...], like: Tensor) -> Tensor:
    """Return nested tuples of numbers as a tensor of the dtype and device of another.

    It is kept for later calls, so the numbers must be few over the life of a program. Do not write
    to it.
    """
    if torch.compiler.is_compiling():  # a part of the graph
        return like.new_tensor(values)
    return _kept(values, like.dtype, like.device)


@functools.cache
def _kept(values: tuple[Any, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    with torch.inference_mode(False):  # kept for calls that record gradients too
        # The first time Python waits, for any stream may read the constant later.
        return torch.tensor(values, dtype=dtype).to(device)
