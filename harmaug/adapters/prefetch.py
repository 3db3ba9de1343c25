"""Making the next batch on a GPU while the model trains on this one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, cuda

from harmaug.adapters.containers import is_sequence
from harmaug.inputs import keep_for

_END = object()


def check_prefetch(prefetch: int) -> None:
    """Raise unless this is 0 or 1."""
    if prefetch not in (0, 1):
        raise ValueError(f"prefetch must be 0 or 1 batch, got {prefetch!r}.")


def one_ahead(batches: Iterator[Any], device: torch.device) -> Iterator[Any]:
    """Yield batches; each is made in a stream beside, before the one ahead of it is handed out.

    An error comes when its own batch is due. Tensors are followed in dicts, lists and tuples.

    Args:
        batches: makes a batch when it is asked for one.
        device: the GPU that makes and takes them.
    """
    side = cuda.Stream(device)
    side.wait_stream(cuda.current_stream(device))  # what is under way, such as new weights

    def made() -> tuple[Any, Any]:
        with cuda.stream(side):
            return next(batches, _END), side.record_event()

    batch, ready = made()
    while batch is not _END:
        current = cuda.current_stream(device)
        current.wait_event(ready)
        for tensor in _tensors(batch):
            keep_for(current, tensor)
        try:
            following = made()
        except Exception:
            yield batch
            raise
        yield batch
        batch, ready = following


def _tensors(tree: Any) -> Iterator[Tensor]:
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, Mapping) or is_sequence(tree):
        for part in tree.values() if isinstance(tree, Mapping) else tree:
            yield from _tensors(part)
