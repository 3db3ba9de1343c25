"""Growing a batch: picking samples of a nested batch and joining two batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harmaug.adapters.containers import describe, is_sequence, map_values, rebuild


def take(batch: Any, rows: Sequence[int], size: int) -> Any:
    """Return the batch of some samples of a batch of ``size``; leaves without batch axis stay."""
    if isinstance(batch, (Tensor, np.ndarray)):
        if batch.ndim == 0:
            return batch
        if len(batch) != size:
            raise ValueError(
                f"mode='append' cannot grow a field of shape {tuple(batch.shape)} in a batch of "
                f"{size}: its first axis is not the batch; use mode='replace' or 'interleave'."
            )
        return batch[list(rows)]
    if isinstance(batch, Mapping):
        return map_values(batch, lambda key: take(batch[key], rows, size))
    if not is_sequence(batch):
        return batch
    if _lists_samples(batch, size):
        return rebuild(batch, [batch[row] for row in rows])
    return rebuild(batch, [take(item, rows, size) for item in batch])


def join(first: Any, second: Any, size: int) -> Any:
    """Return one batch of the samples of both; ``first`` holds ``size`` of them."""
    if isinstance(first, Tensor):
        return first if first.ndim == 0 else torch.cat((first, second))
    if isinstance(first, np.ndarray):
        return first if first.ndim == 0 else np.concatenate((first, second))
    if isinstance(first, Mapping):
        return map_values(first, lambda key: join(first[key], second[key], size))
    if not is_sequence(first):
        return first
    if _lists_samples(first, size):
        return rebuild(first, [*first, *second])
    return rebuild(first, [join(*pair, size) for pair in zip(first, second, strict=True)])


def _lists_samples(items: Sequence[Any], size: int) -> bool:
    """Return True if a list holds one entry a sample, not fields that are batches themselves."""
    images = all(isinstance(item, Tensor) and item.ndim == 3 for item in items)
    batches = all(_may_be_batch(item, size) for item in items)
    if len(items) == size and (images or not batches):
        return True
    if items and not any(
        isinstance(item, (Tensor, np.ndarray, Mapping)) or is_sequence(item) for item in items
    ):
        raise ValueError(
            f"mode='append' cannot grow a field that lists {len(items)} items in a batch of "
            f"{size}: {describe(items)}; use mode='replace' or 'interleave'."
        )
    return False


def _may_be_batch(item: Any, size: int) -> bool:
    if isinstance(item, (Tensor, np.ndarray)):
        return item.ndim > 0 and len(item) == size
    if not is_sequence(item):
        return isinstance(item, Mapping)
    # A list of other things, such as the names of a clip's frames, is one sample's own.
    return len(item) == size or any(
        isinstance(part, (Tensor, np.ndarray, Mapping)) or is_sequence(part) for part in item
    )
