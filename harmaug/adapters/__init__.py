"""Ways to bring synthetic composites into a host codebase's training."""

from harmaug.adapters.amount import default_amount
from harmaug.adapters.batch import AugmentBatch
from harmaug.adapters.collate import AugmentCollate
from harmaug.adapters.fields import Fields
from harmaug.adapters.loader import AugmentedLoader
from harmaug.adapters.sample import SampleTransform

__all__ = [
    "AugmentBatch",
    "AugmentCollate",
    "AugmentedLoader",
    "Fields",
    "SampleTransform",
    "default_amount",
]
