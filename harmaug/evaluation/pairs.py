"""True pairs one at a time, and the strip of pixels that is all of a pair that a draw changes."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from harmaug.data.folder import HarmonyFolder, HarmonyItem

SCENES = ("photo", "prefix")


class Pair(NamedTuple):
    """One photo with its mask and true composite.

    Attributes:
        real: (1, 3, H, W) in [0, 1].
        mask: (1, 1, H, W) in [0, 1].
        composite: (1, 3, H, W) in [0, 1].
    """

    real: Tensor
    mask: Tensor
    composite: Tensor

    def foreground(self, most: int | None = None) -> Pair:
        """The pixels whose mask is above 0 as pictures of one row; at most ``most``, spread evenly.

        What recolours pixels and what averages over the foreground gives the same on it as on the
        whole frame, at a fraction of the time.
        """
        inside = self.mask.flatten().gt(0).nonzero().flatten()
        if most is not None and len(inside) > most:
            inside = inside[torch.linspace(0, len(inside) - 1, most).long()]
        return Pair(*(image.flatten(2)[:, :, inside].unsqueeze(2) for image in self))


def read_pair(folder: HarmonyFolder, index: int) -> Pair:
    """The pair at an index of a folder with composites."""
    sample = folder[index]
    return Pair(*(sample[key].unsqueeze(0) for key in ("real", "mask", "composite")))


def scene_of(item: HarmonyItem, by: str) -> tuple[str, str]:
    """What a pair shares with those that it is not independent of: subset and scene.

    Args:
        item: the pair's files.
        by: "photo" takes the photo's name; "prefix" the part of it before the first ``-``, as
            in names of static cameras (``camera-20130502-071500.jpg``).
    """
    if by not in SCENES:
        raise ValueError(f"scenes must be one of {', '.join(SCENES)}, got {by!r}.")
    name = item.real.stem
    return item.subset, name.partition("-")[0] if by == "prefix" else name


def look_like_cameras(items: Sequence[HarmonyItem]) -> bool:
    """Whether far fewer prefixes than photos suggest that scenes are ``prefix``."""
    photos, prefixes = ({scene_of(item, by) for item in items} for by in SCENES)
    return len(photos) >= 4 * len(prefixes)


def pair_generator(item: HarmonyItem, seed: int) -> torch.Generator:
    """Random numbers of this pair: the same ones whatever other pairs there are, in any order."""
    # Hashed together, for the CPU's generator looks at the lowest 32 bits of a seed alone.
    return torch.Generator().manual_seed(zlib.crc32(f"{seed}/{item.subset}/{item.name}".encode()))
