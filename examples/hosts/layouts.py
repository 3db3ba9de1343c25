"""Small batches for the stand-ins of the host codebases in this folder."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from harmaug.inputs import Space

sys.path.append(str(Path(__file__).parents[1]))  # the folder of photos.py
from photos import small_photos


def triple(space: str, *, soft: bool = True, size: int = 64) -> tuple[Tensor, Tensor, Tensor]:
    """Return composite, real and mask (B, C, size, size) in a host's value space."""
    real, mask = (torch.stack(part) for part in zip(*small_photos(size), strict=True))
    mask = mask if soft else (mask > 0.5).float()
    encode = Space.of(space).encode
    return encode(real * (1 - 0.4 * mask)), encode(real), mask


def batches(batch: Callable[[], Any], count: int = 2) -> DataLoader[Any]:
    """Return a stand-in for a host's training loader."""
    return DataLoader([batch() for _ in range(count)], batch_size=None)  # type: ignore[arg-type]
