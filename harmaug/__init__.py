"""Learnable augmentation for image harmonization: SycoNet composites from any photo and mask."""

from harmaug.adapters import AugmentBatch, AugmentCollate, AugmentedLoader, Fields, SampleTransform
from harmaug.augment import SycoNetAugment
from harmaug.checkpoints import list_checkpoints
from harmaug.lut import (
    apply_lut,
    backends,
    composite_lut,
    identity_lut,
    mix_luts,
    read_cube,
    read_hald,
    resize_lut,
    write_cube,
    write_hald,
)

__all__ = [
    "AugmentBatch",
    "AugmentCollate",
    "AugmentedLoader",
    "Fields",
    "SampleTransform",
    "SycoNetAugment",
    "apply_lut",
    "backends",
    "composite_lut",
    "identity_lut",
    "list_checkpoints",
    "mix_luts",
    "read_cube",
    "read_hald",
    "resize_lut",
    "write_cube",
    "write_hald",
]
