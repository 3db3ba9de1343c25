"""Hand-made random filters: harmonizers are trained on them where no composites are learnt.

The six filters of Harmonizer (Ke et al., 2022), with the ranges and in the order published there.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from harmaug.recipes.paste import paste

# In the order they are applied, each drawn uniformly from [-range, range].
FILTER_RANGES = {
    "shadow": 0.4,
    "highlight": 0.4,
    "saturation": 0.6,
    "contrast": 0.5,
    "brightness": 0.5,
    "temperature": 0.3,
}
_LARGEST = 0.99  # at 1 four of the filters divide by 0
PHOTO_SIZE = 64  # averages of a photo need no more pixels a side


@dataclass(frozen=True)
class RandomFilters:
    """Filter each foreground at random, as Harmonizer (Ke et al., 2022) makes its training data.

    The filters see the whole photo: averages that they take are of the photo, not the foreground.

    Attributes:
        strength: scales every range; 1 is as published.
    """

    strength: float = 1.0

    def __call__(self, real: Tensor, mask: Tensor, generator: Generator | None = None) -> Tensor:
        """Make composites (B, 3, H, W) of photos (B, 3, H, W) and masks (B, 1, H, W), in [0, 1]."""
        amounts = draw_filters(len(real), self.strength, generator).to(real)
        moved = apply_filters(real, F.adaptive_avg_pool2d(real, PHOTO_SIZE), amounts)
        return torch.where(mask > 0, torch.lerp(real, moved, mask), real)


@dataclass(frozen=True)
class Filters:
    """Filter each foreground at random, gentler than `RandomFilters`; strong changes are halved.

    These imitate no dataset, and so widen the changes that a net learns from other recipes.

    Attributes:
        strength: scales the published ranges.
    """

    strength: float = 0.7

    def __call__(self, real: Tensor, mask: Tensor, generator: Generator | None = None) -> Tensor:
        """Make composites; shapes and ranges as in `RandomFilters`."""
        whole = torch.ones_like(mask)
        return paste(real, mask, RandomFilters(self.strength)(real, whole, generator))


def draw_filters(count: int, strength: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Draw amounts (count, 6) of the filters, uniform within the published ranges."""
    ranges = torch.tensor(list(FILTER_RANGES.values())) * strength
    amounts = (2 * torch.rand(count, len(ranges), generator=generator) - 1) * ranges
    return amounts.clamp(-_LARGEST, _LARGEST)


def apply_filters(image: Tensor, photo: Tensor, amounts: Tensor) -> Tensor:
    """Filter pictures, which may be any part of their photos.

    Args:
        image: (B, 3, H, W) in [0, 1].
        photo: (B, 3, h, w) in [0, 1], the whole photos, small; averages are taken of them.
        amounts: (B, 6), each in (-1, 1), in the order of `FILTER_RANGES`.
    """
    pixels = torch.cat((photo.flatten(2), image.flatten(2)), 2)  # (B, 3, P)
    seen = photo.shape[2] * photo.shape[3]
    shadow, highlight, saturation, contrast, brightness, temperature = amounts.view(
        len(amounts), -1, 1, 1
    ).unbind(1)  # (B, 1, 1) each
    pixels = pixels.clamp_min(1e-9).pow(1 - shadow)
    pixels = 1 - (1 - pixels).clamp_min(1e-9).pow(1 + highlight)
    pixels = _saturate(pixels, saturation).clamp(0, 1)
    middle = pixels[:, :, :seen].mean((1, 2), keepdim=True)
    pixels = (middle + (pixels - middle) * _gain(contrast)).clamp(0, 1)
    pixels = (pixels * _gain(brightness)).clamp(0, 1)
    tint = _temperature(pixels[:, :, :seen].mean(2, keepdim=True), temperature)
    return (pixels * tint).clamp(0, 1)[:, :, seen:].reshape(image.shape)


def _gain(amount: Tensor) -> Tensor:
    """Map amounts -1, 0, 1 to factors 0, 1, infinity."""
    return torch.where(amount < 0, 1 + amount, 1 / (1 - amount))


def _saturate(pixels: Tensor, amount: Tensor) -> Tensor:
    """Spread each colour about the middle of its least and greatest channel."""
    low, high = pixels.aminmax(dim=1, keepdim=True)
    middle, half = (low + high) / 2, (high - low) / 2
    present = half / torch.minimum(middle, 1 - middle).clamp_min(1e-6)  # saturation in HSL
    gain = torch.where(amount < 0, 1 + amount, 1 / torch.maximum(1 - amount, present))
    return middle + (pixels - middle) * gain


def _temperature(mean: Tensor, amount: Tensor) -> Tensor:
    """Return gains (B, 3, 1) that move the grey of a photo with channel means (B, 3, 1)."""
    warmer, size = amount > 0, amount.abs()
    towards = torch.cat((torch.where(warmer, 0, size), size / 2, torch.where(warmer, size, 0)), 1)
    moved = mean + towards
    grey, moved_grey = mean.mean(1, keepdim=True), moved.mean(1, keepdim=True)
    return 1 + moved_grey / moved.clamp_min(1e-6) - grey / mean.clamp_min(1e-6)
