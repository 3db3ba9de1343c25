"""Readers of photos, masks and composites: folders, aligned sequences, and demo photos."""

from harmaug.data.aligned import AlignedScene, read_scenes, scene_folders
from harmaug.data.demo import demo_photos
from harmaug.data.folder import HarmonyFolder, HarmonyItem, listed_splits, subset_folders
from harmaug.data.timelapse import Timelapse

__all__ = ["AlignedScene", "HarmonyFolder", "HarmonyItem", "Timelapse", "demo_photos"]
__all__ += ["listed_splits", "read_scenes", "scene_folders", "subset_folders"]
