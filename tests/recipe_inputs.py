"""Photos, looks and polynomials that tests of recipes share."""

from __future__ import annotations

import torch

from harmaug.lut import identity_lut
from harmaug.recipes import Transforms


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def looks(count=5, size=5):
    bends = torch.rand(count, 3, size, size, size, generator=generator(3)) - 0.5
    return (identity_lut(size) + 0.2 * bends).clamp(0, 1)


def white_balance(count=5):
    return torch.eye(9, 3) + 0.1 * torch.randn(count, 9, 3, generator=generator(4))


def lights(count=5, gain=0.15):
    drawn = torch.eye(3, 11).repeat(count, 1, 1)
    drawn[:, :, :3] += gain * torch.randn(count, 3, 3, generator=generator(5))
    return drawn


TRANSFORMS = Transforms(looks(), white_balance(), lights(), lights().flip(0))


def photos(batch=4, size=(20, 30), seed=0):
    """Photos of different colours; masks with a hard, a soft and an absent part."""
    real = torch.rand(batch, 3, *size, generator=generator(seed))
    tint = torch.rand(2, batch, 3, 1, 1, generator=generator(seed + 1))
    real = real * (0.3 + 0.4 * tint[0]) + 0.3 * tint[1]
    mask = torch.zeros(batch, 1, *size)
    height = size[0]
    mask[:, :, height // 4 : height // 2, 3:-3] = 1
    mask[:, :, height // 2 : -height // 4, 3:-3] = 0.4
    return real, mask


def assert_background_kept(composite, real, mask):
    outside = (mask == 0).expand_as(real)
    kept, source = composite[outside], real[outside]
    assert torch.equal(kept.view(torch.int32), source.view(torch.int32))


def pair(batch=2, size=(40, 50), seed=0):
    """Photos and references with different, correlated colours, and hard masks."""
    drawn = torch.rand(2, 2, batch, 3, *size, generator=generator(seed))
    image = 0.2 + 0.5 * drawn[0].mean(0)
    image[:, 1] = 0.5 * image[:, 1] + 0.5 * image[:, 0]
    reference = 0.9 - 0.6 * drawn[1].amax(0)
    reference[:, 2] = 0.3 * reference[:, 2] + 0.5 * reference[:, 1]
    masks = [
        (torch.rand(batch, 1, *size, generator=generator(seed + k)) > 0.4).float() for k in (2, 3)
    ]
    return image, masks[0], reference, masks[1]


def foreground(image, mask, row=0):
    """(P, 3), the pixels inside the mask."""
    return image[row].double().numpy()[:, mask[row, 0].numpy() > 0].T
