"""Augmenters, the objects a user holds: from photo and mask to composites."""

from harmaug.augment.filter_augment import FilterAugment
from harmaug.augment.lut_augment import LutAugment
from harmaug.augment.named import FILTERS, open_augmenter
from harmaug.augment.syconet_augment import SycoNetAugment

__all__ = ["FILTERS", "FilterAugment", "LutAugment", "SycoNetAugment", "open_augmenter"]
