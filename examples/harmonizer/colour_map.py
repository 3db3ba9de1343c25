"""A small harmonizer after PCT-Net: a colour map predicted from a thumbnail.

PCT-Net (Guerreiro et al., 2023) predicts colour transforms instead of colours. It sees only a
thumbnail, and its transforms serve the picture at any size. Here one affine map serves the whole
foreground, and the net is given the colour statistics of both regions, so that a few hundred photos
and some seconds are enough to train it.
"""

from __future__ import annotations

import torch
from geometry import resize
from torch import Tensor, nn
from torch.nn import functional as F

_BINS = 8  # of the soft histograms, over [0, 1]
STATISTICS = 2 * (2 * 6 + 3 * _BINS)  # numbers of `colour_statistics`


class ColourMapHarmonizer(nn.Module):
    """A net that predicts an affine colour map and recolours the foreground with it.

    The background is copied, and a new net leaves the composite as it is.

    Args:
        width: channels of the convolutions.
        hidden: units of the layers that predict the map.
        thumbnail: pixels a side of the net's input.
    """

    def __init__(self, width: int = 32, hidden: int = 128, thumbnail: int = 32) -> None:
        super().__init__()
        self.thumbnail = thumbnail
        self.trunk = nn.Sequential(
            nn.Conv2d(4, width, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )
        self.decide = nn.Sequential(
            nn.Linear(4 * width + STATISTICS, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
        )
        self.map = nn.Linear(hidden, 12)
        nn.init.zeros_(self.map.weight)
        nn.init.zeros_(self.map.bias)

    def forward(self, composite: Tensor, mask: Tensor, points: Tensor | None = None) -> Tensor:
        """Return harmonized images, or only their colours at some points, enough for training.

        Args:
            composite: (B, 3, H, W) in [0, 1].
            mask: (B, 1, H, W) in [0, 1].
            points: (B, P), indices into the H * W pixels, all foreground.

        Returns:
            (B, 3, H, W), or (B, 3, P) with ``points``; not clamped, as a clamp has no gradients.
        """
        colour_map = self.colour_map(composite, mask)
        if points is not None:
            return recolour(colour_map, gather(composite, points))
        moved = recolour(colour_map, composite.flatten(2)).view_as(composite)
        return torch.lerp(composite, moved, mask)

    def colour_map(self, composite: Tensor, mask: Tensor) -> Tensor:
        """Return affine colour maps (B, 3, 4) of the foregrounds, as residuals to the identity."""
        image, alpha = (resize(picture, self.thumbnail) for picture in (composite, mask))
        features = self.trunk(torch.cat((image, alpha), 1) * 2 - 1)
        seen = moments(features, regions(F.avg_pool2d(alpha, 4)))
        found = torch.cat((seen, colour_statistics(image, alpha)), 1)
        return self.map(self.decide(found)).unflatten(1, (3, 4))


def colour_statistics(image: Tensor, mask: Tensor) -> Tensor:
    """Return moments and histograms (B, `STATISTICS`) of the colours of foreground and background.

    Args:
        image: (B, 3, H, W) in [0, 1].
        mask: (B, 1, H, W) in [0, 1].
    """
    chroma = image - image.mean(1, keepdim=True)
    areas = regions(mask)
    # The factors make them vary about as much as features do.
    spread = 4 * moments(torch.cat((image - 0.5, chroma), 1), areas)
    return torch.cat((spread, 3 * histograms(image, areas)), 1)


def regions(mask: Tensor) -> Tensor:
    """Return weights (B, H * W, 2) of the pixels that average over foreground and background."""
    inside = mask.flatten(2).mT
    areas = torch.cat((inside, 1 - inside), 2)
    return areas / (areas.sum(1, keepdim=True) + 1e-3)


def moments(values: Tensor, areas: Tensor) -> Tensor:
    """Return means and standard deviations (B, 4 * C) of (B, C, H, W) over two `regions`."""
    flat = values.flatten(2)
    mean = flat @ areas
    square = flat.square() @ areas
    deviation = (square - mean.square()).clamp_min(1e-4).sqrt()
    return torch.cat((mean, deviation), 1).flatten(1)


def histograms(image: Tensor, areas: Tensor) -> Tensor:
    """Return soft histograms (B, 2 * 3 * bins) of (B, 3, H, W) in [0, 1] over two `regions`."""
    centres = torch.linspace(0, 1, _BINS, device=image.device).view(1, 1, -1, 1)
    near = (1 - (image.flatten(2).unsqueeze(2) - centres).abs() * (_BINS - 1)).clamp_min(0)
    return (near.flatten(1, 2) @ areas).flatten(1)


def recolour(colour_map: Tensor, colours: Tensor) -> Tensor:
    """Return colours (B, 3, P) after affine maps (B, 3, 4)."""
    return colours + torch.baddbmm(colour_map[:, :, 3:], colour_map[:, :, :3], colours)


def gather(image: Tensor, points: Tensor) -> Tensor:
    """Return the colours (B, C, P) of pixels (B, P)."""
    index = points.unsqueeze(1).expand(-1, image.shape[1], -1)
    return image.flatten(2).gather(2, index)
