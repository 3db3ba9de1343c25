"""Values on their way to a GPU, without waiting for it.

A tensor made of Python numbers on a GPU, or copied there in the usual way, makes Python wait until
the GPU has done all that it was asked for before.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

# Devices to which a copy may be under way when Python goes on. For others it is not known that the
# source may be freed then. A copy to the CPU could be read before it has arrived.
_WITHOUT_WAITING = {"cuda"}


def move(value: Tensor, device: torch.device) -> Tensor:
    """Return the tensor on a device; Python does not wait for a copy to a GPU."""
    return value.to(device, non_blocking=device.type in _WITHOUT_WAITING)


def row_index(rows: Sequence[int], device: torch.device) -> Tensor:
    """Return row numbers (R,) as an index of tensors on a device."""
    return move(torch.tensor(rows, dtype=torch.int64), device)


def constant(values: tuple[Any, ...], like: Tensor) -> Tensor:
    """Return nested tuples of numbers as a tensor of the dtype and device of another.

    It is kept for later calls, so the numbers must be few over the life of a program. Do not write
    to it.
    """
    if torch.compiler.is_compiling() or not _kept_for(like):
        return like.new_tensor(values)
    return _kept(values, like.dtype, like.device)


def keep_for(stream: torch.cuda.Stream, tensor: Tensor) -> None:
    """Keep the memory of a tensor, if it is on a GPU, until a stream is done with it."""
    if tensor.is_cuda:
        tensor.record_stream(stream)


def _kept_for(like: Tensor) -> bool:
    """Return False for tensors without values, such as those of a trace, which must not stay."""
    return type(like) in (Tensor, nn.Parameter)


@functools.cache
def _kept(values: tuple[Any, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    with torch.inference_mode(False):  # kept for calls that record gradients too
        # The first time Python waits, for any stream may read the constant later.
        return torch.tensor(values, dtype=dtype).to(device)
