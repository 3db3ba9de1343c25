"""Learnable augmentation for image harmonization: SycoNet composites from any photo and mask."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from harmaug.adapters import AugmentBatch, AugmentCollate, AugmentedLoader, Fields, SampleTransform
from harmaug.augment import FilterAugment, SycoNetAugment
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

if TYPE_CHECKING:
    from harmaug import recipes
    from harmaug.evaluation import evaluate_augmenter, evaluate_harmonizer, metrics
    from harmaug.generation import generate
    from harmaug.training import TrainConfig, train

__version__ = "0.1.0"

# Loaded when first used, so that `import harmaug` stays light: name -> the module that has it.
_LAZY = {
    "TrainConfig": "harmaug.training",
    "evaluate_augmenter": "harmaug.evaluation",
    "evaluate_harmonizer": "harmaug.evaluation",
    "generate": "harmaug.generation",
    "metrics": "harmaug.evaluation",
    "recipes": "harmaug",
    "train": "harmaug.training",
}

__all__ = [
    "AugmentBatch",
    "AugmentCollate",
    "AugmentedLoader",
    "Fields",
    "FilterAugment",
    "SampleTransform",
    "SycoNetAugment",
    "TrainConfig",
    "apply_lut",
    "backends",
    "composite_lut",
    "evaluate_augmenter",
    "evaluate_harmonizer",
    "generate",
    "identity_lut",
    "list_checkpoints",
    "metrics",
    "mix_luts",
    "read_cube",
    "read_hald",
    "recipes",
    "resize_lut",
    "train",
    "write_cube",
    "write_hald",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _LAZY[name]
    if name in ("metrics", "recipes"):
        return import_module(f"{module}.{name}")
    return getattr(import_module(module), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
