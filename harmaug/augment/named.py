"""Augmenters by name."""

from __future__ import annotations

import torch

from harmaug.augment.filter_augment import FilterAugment
from harmaug.augment.lut_augment import LutAugment
from harmaug.augment.syconet_augment import SycoNetAugment

FILTERS = "filters"
"""Stands for `FilterAugment` where a checkpoint is named."""


def open_augmenter(name: str, device: torch.device | str = "cpu") -> LutAugment:
    """Return the hand-made filters for `FILTERS`, else the checkpoint of that name or path.

    Raises:
        ValueError: there is no such checkpoint, or its file is damaged.
    """
    if name == FILTERS:
        return FilterAugment().to(device)
    return SycoNetAugment.from_pretrained(name, device)
