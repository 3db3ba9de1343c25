"""Readers of photos, masks and composites: folders in the iHarmony4 layout, and demo photos."""

from harmaug.data.demo import demo_photos
from harmaug.data.folder import HarmonyFolder, HarmonyItem, listed_splits, subset_folders

__all__ = ["HarmonyFolder", "HarmonyItem", "demo_photos", "listed_splits", "subset_folders"]
