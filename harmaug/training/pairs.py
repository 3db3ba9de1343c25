"""Training pairs: images in memory, and pairs drawn from them, true or made by a recipe."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from harmaug.data import Timelapse
from harmaug.recipes import Recipe, Retouch

_JITTER = Retouch(strength=0.4)


class Pairs(NamedTuple):
    """Photos, masks and composites."""

    real: Tensor  # (B, 3, H, W) in [0, 1]
    mask: Tensor  # (B, 1, H, W), 0 or 1
    composite: Tensor  # (B, 3, H, W) in [0, 1]


class Images(NamedTuple):
    """Photos and masks of one subset in memory, 8 bit."""

    real: Tensor  # (N, 3, S, S) uint8
    mask: Tensor  # (N, 1, S, S) bool
    composite: Tensor | None  # (N, 3, S, S) uint8; None for photos without composites

    def __len__(self) -> int:
        return len(self.real)

    def pairs(self, rows: Tensor) -> Pairs:
        """Return the true pairs of some rows, (B,) indices."""
        assert self.composite is not None
        real, composite = (values[rows].float() / 255 for values in (self.real, self.composite))
        return Pairs(real, self.mask[rows].float(), composite)

    def names(self) -> list[int]:
        """Return a number for the photo of each row, the same for the same pixels."""
        return [zlib.crc32(photo.numpy().tobytes()) for photo in self.real]

    def split(self, aside: set[int]) -> tuple[Images, Images]:
        """Return two parts; the second holds the photos with these names."""
        held = torch.tensor([name in aside for name in self.names()], dtype=torch.bool)
        return self._at(~held), self._at(held)

    def _at(self, rows: Tensor) -> Images:
        composite = None if self.composite is None else self.composite[rows]
        return Images(self.real[rows], self.mask[rows], composite)


def merge(parts: Sequence[Images]) -> Images:
    """Return one subset of several of a kind."""
    real, mask, composite = zip(*parts, strict=True)
    made = None if composite[0] is None else torch.cat(composite)
    return Images(torch.cat(real), torch.cat(mask), made)


class PairSource:
    """Draws training pairs: photos through a recipe, pairs of aligned frames, and true pairs.

    Args:
        photos: photos with masks, or None.
        pairs: true pairs, or None.
        recipe: makes composites of photos.
        pair_share: share of true pairs where there is more.
        jitter: chance that a photo is itself retouched first, or both images of a true pair alike,
            so that a few photos serve as many.
        timelapse: aligned frames, or None.
        timelapse_share: of pairs that are not true ones, where there are photos too.
    """

    def __init__(
        self,
        photos: Images | None,
        pairs: Images | None,
        recipe: Recipe | None,
        pair_share: float = 0.1,
        jitter: float = 0.5,
        timelapse: Timelapse | None = None,
        timelapse_share: float = 0.5,
    ) -> None:
        if photos is None and pairs is None and timelapse is None:
            raise ValueError("there is nothing to train on: neither photos nor true pairs.")
        if photos is not None and recipe is None:
            raise ValueError("photos without composites need a recipe to make composites with.")
        self.photos, self.pairs, self.recipe, self.timelapse = photos, pairs, recipe, timelapse
        alone = photos is None and timelapse is None
        self.pair_share = 0.0 if pairs is None else 1.0 if alone else pair_share
        lapsed = 1.0 if photos is None else timelapse_share
        self.timelapse_share = 0.0 if timelapse is None else lapsed
        self.jitter = jitter

    def draw(self, count: int, generator: Generator) -> Pairs:
        """Draw ``count`` pairs."""
        true = round(count * self.pair_share)
        lapsed = round((count - true) * self.timelapse_share)
        parts: list[Pairs] = []
        if self.photos is not None and count > true + lapsed:
            parts.append(self._make(self.photos, count - true - lapsed, generator))
        if self.timelapse is not None and lapsed:
            parts.append(self._alike(Pairs(*self.timelapse.draw(lapsed, generator)), generator))
        if self.pairs is not None and true:
            rows = torch.randint(len(self.pairs), (true,), generator=generator)
            parts.append(self._alike(self.pairs.pairs(rows), generator))
        return Pairs(*(torch.cat(values) for values in zip(*parts, strict=True)))

    def split(self, share: float) -> tuple[PairSource, PairSource | None]:
        """Return two sources without a common photo; the second is None of too few photos."""
        kinds, aside = (self.photos, self.pairs), set[int]()
        for images in kinds:
            names = [] if images is None else sorted(set(images.names()))
            aside |= set(names[: round(len(names) * share)])
        parts = [(None, None) if images is None else images.split(aside) for images in kinds]
        scenes = (None, None) if self.timelapse is None else self.timelapse.split(share)
        options = self.recipe, self.pair_share, self.jitter
        sources = []
        for side in (0, 1):
            photos, pairs = (part[side] or None for part in parts)  # no photos are None
            if photos is None and pairs is None and scenes[side] is None:
                return self, None
            lapsed = scenes[side], self.timelapse_share
            sources.append(PairSource(photos, pairs, *options, *lapsed))
        return sources[0], sources[1]

    def _make(self, photos: Images, count: int, generator: Generator) -> Pairs:
        assert self.recipe is not None
        drawn = max(count, 2)  # a recipe may take its colours from another photo
        rows = torch.randint(len(photos), (drawn,), generator=generator)
        real, mask = photos.real[rows].float() / 255, photos.mask[rows].float()
        real = self._jittered(real, generator)
        composite = self.recipe(real, mask, generator)
        return Pairs(real[:count], mask[:count], composite[:count])

    def _alike(self, pairs: Pairs, generator: Generator) -> Pairs:
        """Return true pairs with photo and composite retouched alike."""
        both = self._jittered(torch.cat((pairs.real, pairs.composite), 3), generator)
        real, composite = both.chunk(2, 3)
        return Pairs(real, pairs.mask, composite)

    def _jittered(self, images: Tensor, generator: Generator) -> Tensor:
        if not self.jitter:
            return images
        retouched = _JITTER(images, torch.ones_like(images[:, :1]), generator)
        chosen = torch.rand(len(images), 1, 1, 1, generator=generator) < self.jitter
        return torch.where(chosen, retouched, images)
