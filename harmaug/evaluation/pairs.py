"""True pairs of photo and composite, the pixels of a pair that matter, and the scene it shows."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from harmaug.data.folder import HarmonyFolder, HarmonyItem
from harmaug.lut.box import box_weights_at

Scenes = Literal["photo", "prefix"]


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

    def inside(self, most: int | None = None) -> Tensor:
        """Return places (P,) in the raster under the mask; at most ``most``, spread evenly."""
        inside = self.mask.flatten().gt(0).nonzero().flatten()
        if most is not None and len(inside) > most:
            inside = inside[torch.linspace(0, len(inside) - 1, most).long()]
        return inside

    def at(self, places: Tensor) -> Pair:
        """Return the pixels at some places as pictures of one row.

        Recolouring the foreground's pixels and averaging over them give the same as on the whole
        frame, in a fraction of the time.
        """
        return Pair(*(pixels_at(image, places) for image in self))

    def corners(self, places: Tensor) -> Tensor:
        """Return the bilinear weights (1, 4, P) of the corners of the foreground's box."""
        return box_weights_at(self.mask, places.unsqueeze(0))


def pixels_at(images: Tensor, places: Tensor) -> Tensor:
    """Return the pixels of images (n, C, H, W) at places (P,) of their raster, (n, C, 1, P)."""
    return images.flatten(2)[:, :, places].unsqueeze(2)


def read_pair(folder: HarmonyFolder, index: int) -> Pair:
    """Return the pair at an index of a folder with composites."""
    sample = folder[index]
    return Pair(*(sample[key].unsqueeze(0) for key in ("real", "mask", "composite")))


def pair_generator(item: HarmonyItem, seed: int) -> torch.Generator:
    """Return the random generator of a pair, the same one whatever other pairs there are."""
    # Hashed together, for the CPU's generator looks at the lowest 32 bits of a seed alone.
    return torch.Generator().manual_seed(zlib.crc32(f"{seed}/{item.subset}/{item.name}".encode()))


def scene_of(item: HarmonyItem, by: Scenes) -> tuple[str, str]:
    """Return subset and scene of a pair: it is not independent of pairs that share both.

    Args:
        item: the files of the pair.
        by: "photo" takes the name of the photo; "prefix" its part before the first ``-``, as in
            names of static cameras (``camera-20130502-071500.jpg``).
    """
    if by not in get_args(Scenes):
        raise ValueError(f"scenes must be one of {', '.join(get_args(Scenes))}, got {by!r}.")
    name = item.real.stem
    return item.subset, name.partition("-")[0] if by == "prefix" else name


def look_like_cameras(items: Sequence[HarmonyItem]) -> bool:
    """Return whether far fewer prefixes than photos suggest that scenes are "prefix"."""
    photos, prefixes = ({scene_of(item, by) for item in items} for by in get_args(Scenes))
    return len(photos) >= 4 * len(prefixes)
