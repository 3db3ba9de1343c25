"""What a LUT basis is fitted to: looks, rendered colour maps, and how photos use colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from harmaug.recipes import (
    Transforms,
    render_illuminants,
    render_tone_curves,
    render_white_balance,
)
from harmaug.training.pairs import read_images

_PIXELS = 64  # a side of the pictures that colours are counted in
_HELDOUT_RENDERINGS = 60


@dataclass(frozen=True)
class Collection:
    """LUTs (N, 3, D, D, D) by kind, to fit a basis to and set aside."""

    learnt: dict[str, Tensor]
    heldout: dict[str, Tensor]


def collect(
    transforms: Transforms,
    size: int = 17,
    renderings: int = 250,
    every: int = 10,
    generator: torch.Generator | None = None,
) -> Collection:
    """Looks as they are, and as many LUTs rendered of each kind of colour map there is.

    What is set aside is rendered from maps that are set aside too; tone curves are drawn anew.

    Args:
        transforms: what was read; looks of the grid size D.
        size: D.
        renderings: LUTs rendered of illuminants, white balance and tone curves, each.
        every: each such transform of a kind is set aside; 0 sets nothing aside.
        generator: draws what is rendered.
    """
    learnt, heldout = transforms.split(every) if every else (transforms, None)
    kinds = _render(learnt, size, renderings, generator)
    if heldout is None:
        return Collection(kinds, {})
    aside = min(renderings, _HELDOUT_RENDERINGS)
    return Collection(kinds, _render(heldout, size, aside, generator))


def colour_usage(roots: Sequence[str | Path], size: int = 17) -> Tensor:
    """How often photos use the colours near each node of a LUT: (D, D, D), sum 1.

    Args:
        roots: folders in the iHarmony4 layout; photos they hold out are not counted.
        size: D.
    """
    learnt, _ = read_images(roots, _PIXELS)
    counts = torch.zeros(size**3)
    for images in learnt.values():
        node = (images.real.float() * ((size - 1) / 255)).round().long()
        red, green, blue = node.unbind(1)
        place = (blue * size + green) * size + red
        counts += torch.bincount(place.flatten(), minlength=size**3)
    # A colour also needs the nodes around its own.
    usage = F.avg_pool3d(counts.view(1, 1, size, size, size), 3, stride=1, padding=1)
    return usage[0, 0] / usage.sum()


def _render(
    transforms: Transforms, size: int, count: int, generator: torch.Generator | None
) -> dict[str, Tensor]:
    kinds = {
        "illuminant": render_illuminants(transforms, count, size, generator),
        "white balance": render_white_balance(transforms, count, size, generator),
        "tone": render_tone_curves(count, size, generator),
    }
    if transforms.looks is not None:
        kinds = {"looks": transforms.looks} | kinds
    return {name: luts for name, luts in kinds.items() if len(luts)}
