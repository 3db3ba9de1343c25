"""LUTs of the changes that recipes draw; a LUT basis is learnt from them."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from harmaug.lut import identity_lut
from harmaug.recipes.color import map_illuminant, map_white_balance
from harmaug.recipes.retouch import draw_tone
from harmaug.recipes.transforms import Transforms


def render_tone_curves(count: int, size: int = 17, generator: Generator | None = None) -> Tensor:
    """Return LUTs (count, 3, D, D, D) of the exposure, tone and saturation of `Retouch`."""
    nodes = _nodes(count, size)
    return _as_luts(draw_tone(nodes, torch.ones_like(nodes[:, :1]), generator=generator))


def render_illuminants(
    transforms: Transforms, count: int, size: int = 17, generator: Generator | None = None
) -> Tensor:
    """Return LUTs (<= count, 3, D, D, D) of random pairs of lights that do not extrapolate."""
    if transforms.to_standard is None or transforms.from_standard is None:
        return torch.empty(0, 3, size, size, size)
    scenes = len(transforms.to_standard)
    source, target = torch.randint(scenes, (2, 2 * count), generator=generator)
    moved = map_illuminant(_nodes(2 * count, size), transforms.to_standard[source])
    moved = map_illuminant(moved.clamp(0, 1), transforms.from_standard[target])
    outside = ((moved < -0.05) | (moved > 1.05)).any(1).float().mean((1, 2))
    return _as_luts(moved[outside < 0.3][:count])


def render_white_balance(
    transforms: Transforms, count: int, size: int = 17, generator: Generator | None = None
) -> Tensor:
    """Return LUTs (count, 3, D, D, D) of random white-balance renderings."""
    if transforms.white_balance is None:
        return torch.empty(0, 3, size, size, size)
    drawn = torch.randint(len(transforms.white_balance), (count,), generator=generator)
    return _as_luts(map_white_balance(_nodes(count, size), transforms.white_balance[drawn]))


def _nodes(count: int, size: int) -> Tensor:
    """Return the colours of the nodes of ``count`` LUTs as images (count, 3, D, D²)."""
    return identity_lut(size).flatten(2).expand(count, -1, -1, -1)


def _as_luts(images: Tensor) -> Tensor:
    """Return changed `_nodes` (N, 3, D, D²) as LUTs (N, 3, D, D, D)."""
    # A little beyond [0, 1] keeps slopes at the border; far beyond is extrapolation.
    size = images.shape[2]
    return images.reshape(-1, 3, size, size, size).clamp(-0.2, 1.2)
