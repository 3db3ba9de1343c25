"""Test pairs by their set, and the kinds of change that these sets stand for."""

from __future__ import annotations

from pathlib import Path

from cache import Photos, read
from sets import PHOTO_FOLDERS, TestSet, scene_of

SETS = {
    "Hday2night restored": "hday2night_restored",
    "Hday2night rebuilt": "hday2night_rebuilt",
    "webcams": "webcam",
    "HAdobe5k": "hadobe5k_official",
    "HFlickr": "hflickr_official",
}
KINDS = {
    "Hday2night": ("Hday2night restored", "Hday2night rebuilt"),
    "webcams": ("webcams",),
    "HAdobe5k": ("HAdobe5k",),
    "HFlickr": ("HFlickr",),
}
KNOWN = "webcams"  # the kind whose pairs a checkpoint may have learnt from


def read_tests(root: Path, store: Path) -> tuple[dict[str, TestSet], list[str]]:
    """Return all pairs of each set that is there, and the folders that are not."""
    found, absent = {}, []
    for name, folder in SETS.items():
        path = root / "pairs" / folder
        if path.is_dir():
            photos = read([path], None, store, smallest=0.0)
            found[name] = TestSet(photos, [scene_of(one) for one in photos.names])
        else:
            absent.append(str(path))
    return found, absent


def read_photos(root: Path, store: Path) -> tuple[Photos, list[str]]:
    """Return all photos to train on, none of a test pair, and the folders that are not there."""
    folders = [root / "photos" / name for name in PHOTO_FOLDERS]
    there = [folder for folder in folders if folder.is_dir()]
    if not there:
        raise FileNotFoundError(f"{root / 'photos'} has none of {', '.join(PHOTO_FOLDERS)}.")
    return read(there, None, store), [str(folder) for folder in folders if folder not in there]
