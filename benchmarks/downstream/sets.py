"""Data of the experiments: small training sets, photos without composites, and test sets.

Composites of a domain are made by its recipe from looks, white-balance maps and illuminants that no
packaged checkpoint was trained with: each tenth by name (`Transforms.split`). Training photos are
of the ``train`` lists, test photos of the ``val`` lists.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import torch
from cache import Photos, read
from torch import Tensor

from harmaug.recipes import Mixture, Recipe, Retouch, Transforms, build_recipe, read_transforms

# Without the photos of Hday2night, whose pairs are test pairs.
PHOTO_FOLDERS = ("labelme", "bsds500", "horses", "davis", "camvid")
OFFICIAL = {
    "HAdobe5k": "hadobe5k_official",
    "HFlickr": "hflickr_official",
    "Hday2night": "hday2night_official",
    "Hday2night rebuilt": "hday2night_rebuilt",
}
CAMERAS = ("wchamonix", "wcourbevoie", "wfrankfurt", "wmexico")
DOMAINS = ("color-transfer", "retouch", "illuminant")  # equal shares of "unified"
RETOUCH = 1.4  # strength of that recipe; see README.md
_CHUNK = 50


@dataclass(frozen=True)
class TestSet:
    """Pairs to test on, and the scene of each."""

    __test__ = False  # pytest collects classes with this name

    photos: Photos
    scenes: list[str]


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Photos that a harmonizer is trained on.

    Attributes:
        pairs: photos with one composite each.
        extra: photos without composites.
        recipe: that made the composites, or None.
        domain: name of the checkpoint that imitates it.
    """

    pairs: Photos
    extra: Photos
    recipe: Recipe | None
    domain: str


class Data:
    """A data folder (``photos/``, ``pairs/``, ``transforms/``), each part read when first needed.

    Args:
        root: the folder.
        store: folder that keeps decoded pictures.
    """

    def __init__(self, root: Path, store: Path) -> None:
        self.root, self.store = root, store
        self.photos = cache(self._photos)
        self.transforms = cache(self._transforms)
        self.webcam = cache(self._webcam)
        self.tests = cache(self._tests)

    def training_set(self, name: str, size: int | None, seed: int) -> TrainingSet:
        """Return a training set.

        Args:
            name: a domain, or "daylight/<camera left out>".
            size: photos with a composite; None takes all. Smaller sets are part of larger ones.
            seed: draws photos and composites.
        """
        domain, _, camera = name.partition("/")
        photos = self.photos("train")
        if domain == "daylight":
            cameras = [scene_of(one) for one in self.webcam().names]
            kept = [row for row, one in enumerate(cameras) if one != camera]
            return TrainingSet(self.webcam().take(kept), photos, None, domain)
        order = torch.randperm(len(photos), generator=named_generator(seed, f"{domain} photos"))
        size = len(photos) if size is None else min(size, len(photos))
        recipe, generator = self.recipe(domain), named_generator(seed, f"{domain} composites")
        pairs = composed(photos.take(order[:size]), recipe, generator)
        return TrainingSet(pairs, photos.take(order[size:]), recipe, domain)

    def recipe(self, domain: str) -> Recipe:
        """Return the recipe that makes a domain's composites."""
        if domain == "unified":
            return Mixture([(self.recipe(part), 1.0) for part in DOMAINS])
        recipe = build_recipe({domain: 1.0}, self.transforms()[1])
        return replace(recipe, strength=RETOUCH) if isinstance(recipe, Retouch) else recipe

    def _photos(self, split: str) -> Photos:
        folders = [self.root / "photos" / name for name in PHOTO_FOLDERS]
        listed = [one for one in folders if (one / f"{one.name}_{split}.txt").is_file()]
        return read(listed, split, self.store)

    def _transforms(self) -> tuple[Transforms, Transforms]:
        """Return those that packaged checkpoints may have been trained with, and the others."""
        return read_transforms([self.root / "transforms"]).split()

    def _webcam(self) -> Photos:
        return read([self.root / "pairs" / "webcam"], "train", self.store)

    def _tests(self, name: str) -> dict[str, TestSet]:
        """Return new photos of the domain or the camera left out, and the official pairs."""
        domain, _, camera = name.partition("/")
        tests = {}
        if domain == "daylight":
            names = self.webcam().names
            rows = [row for row, one in enumerate(names) if scene_of(one) == camera]
            left_out = self.webcam().take(rows)
            tests["unseen camera"] = TestSet(left_out, [camera] * len(left_out))
        else:
            for part in DOMAINS if domain == "unified" else (domain,):
                generator = named_generator(1 << 20, f"{part} test")
                pairs = composed(self.photos("val"), self.recipe(part), generator)
                label = f"unseen photos, {part}" if domain == "unified" else "unseen photos"
                tests[label] = TestSet(pairs, [scene_of(one) for one in pairs.names])
        for label, folder in OFFICIAL.items():
            if (self.root / "pairs" / folder).is_dir():
                photos = read([self.root / "pairs" / folder], "test", self.store)
                tests[label] = TestSet(photos, [scene_of(one) for one in photos.names])
        return tests


def composed(photos: Photos, recipe: Recipe, generator: torch.Generator) -> Photos:
    """Return the photos with one composite each."""
    made: list[Tensor] = []
    # The last chunk is never a single photo: colour transfer takes its colours from others.
    for rows in torch.arange(len(photos)).tensor_split(max(len(photos) // _CHUNK, 1)):
        real, mask = photos.real[rows].float() / 255, photos.mask[rows].float()
        made.append((recipe(real, mask, generator) * 255).round().byte())
    return replace(photos, composite=torch.cat(made))


def named_generator(seed: int, name: str) -> torch.Generator:
    """Return the random generator of a seed and a purpose."""
    return torch.Generator().manual_seed(zlib.crc32(f"{seed}/{name}".encode()))


def scene_of(name: str) -> str:
    """Return the scene of a picture: its photo, or the camera or sequence that took the photo.

    ``horse004_1.png`` -> ``horse004``, ``mallard-water-00010_1.png`` -> ``mallard-water``,
    ``camera-20130502-071500_1_1.jpg`` -> ``camera``.
    """
    photo = name.rpartition(".")[0].partition("_")[0]
    return re.sub(r"(-\d{8}-\d{6}|-\d{1,5})$", "", photo)
