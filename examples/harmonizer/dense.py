"""A dense harmonizer: a gain and an offset for each pixel, predicted by an encoder and a decoder.

One colour map for a whole foreground cannot follow light that varies across it. Here each pixel
has its own change. The net sees the picture at a fixed size, and its gains and offsets are
enlarged to the picture's, so colours keep their detail at any size.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from colour_map import STATISTICS, colour_statistics, gather, regions
from geometry import resize
from torch import Tensor, nn
from torch.nn import functional as F

_GROUPS = 4  # of channels that are normalised together


class DenseHarmonizer(nn.Module):
    """A net that predicts a gain and an offset of each channel at each foreground pixel.

    The encoder halves the size once a level. Its deepest features are averaged over foreground and
    background apart. Both averages are put back beside the features, so that each place knows how
    the two regions differ; and with the colour statistics of the regions they decide on one change
    for the whole foreground, to which the decoder adds what varies. The net learns that one change
    sooner than the rest. The background is copied, and a new net leaves the composite as it is.

    Args:
        widths: channels of each level of the encoder, multiples of 4. The default makes 0.7 million
            parameters.
        hidden: units of the layers that decide on the change of the whole foreground.
        thumbnail: pixels a side of the net's input, a multiple of 2 to the number of levels.
    """

    def __init__(
        self, widths: Sequence[int] = (24, 48, 72, 96), hidden: int = 128, thumbnail: int = 128
    ) -> None:
        super().__init__()
        if thumbnail % 2 ** len(widths):
            raise ValueError(
                f"thumbnail must be a multiple of {2 ** len(widths)}, to be halved once a level, "
                f"got {thumbnail}."
            )
        self.thumbnail = thumbnail
        self.encoder = nn.ModuleList(
            nn.Sequential(_layer(before, width, stride=2), _layer(width, width))
            for before, width in zip((4, *widths[:-1]), widths, strict=True)
        )
        self.join = _layer(3 * widths[-1], widths[-1])
        self.decoder = nn.ModuleList(
            _layer(below + width, width)
            for below, width in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.decide = nn.Sequential(
            nn.Linear(2 * widths[-1] + STATISTICS, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
        )
        self.whole = nn.Linear(hidden, 6)
        # One convolution of both together would need all features at full size: more time.
        self.coarse = nn.Conv2d(widths[0], 6, 3, padding=1)
        self.fine = nn.Conv2d(4, 6, 3, padding=1)
        for last in (self.whole, self.coarse, self.fine):
            for weights in last.parameters():
                nn.init.zeros_(weights)
        # On a CPU a step then takes half the time.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, composite: Tensor, mask: Tensor, points: Tensor | None = None) -> Tensor:
        """Return harmonized images, or only their colours at some points, enough for training.

        Args:
            composite: (B, 3, H, W) in [0, 1].
            mask: (B, 1, H, W) in [0, 1].
            points: (B, P), indices into the H * W pixels, all foreground.

        Returns:
            (B, 3, H, W), or (B, 3, P) with ``points``; not clamped, as a clamp has no gradients.
        """
        change = self.changes(composite, mask)
        if change.shape[2:] != composite.shape[2:]:
            change = F.interpolate(change, composite.shape[2:], mode="bilinear")
        gain, offset = change.chunk(2, 1)
        moved = composite + composite * gain + offset
        return torch.lerp(composite, moved, mask) if points is None else gather(moved, points)

    def changes(self, composite: Tensor, mask: Tensor) -> Tensor:
        """Return gains less 1 and offsets (B, 6, T, T), T the net's ``thumbnail``."""
        image, alpha = resize(composite, self.thumbnail), resize(mask, self.thumbnail)
        seen = torch.cat((image * 2 - 1, alpha), 1).contiguous(memory_format=torch.channels_last)
        levels = [seen]
        for level in self.encoder:
            levels.append(level(levels[-1]))
        features = levels.pop()
        averages = region_averages(features, alpha)
        decided = self.decide(torch.cat((averages, colour_statistics(image, alpha)), 1))
        places = averages[..., None, None].expand(-1, -1, *features.shape[2:])
        features = self.join(torch.cat((features, places), 1))
        for level in self.decoder:
            features = level(torch.cat((_doubled(features), levels.pop()), 1))
        varying = _doubled(self.coarse(features)) + self.fine(seen)
        return self.whole(decided)[..., None, None] + varying


def region_averages(features: Tensor, mask: Tensor) -> Tensor:
    """Return averages (B, 2 * C) of features (B, C, h, w) over foreground and background, in turn.

    The mask may be of another size.
    """
    height, width = features.shape[2:]
    areas = regions(F.adaptive_avg_pool2d(mask, (height, width)))
    return (features.flatten(2) @ areas).flatten(1)


def _layer(before: int, width: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(before, width, 3, stride, padding=1)
    return nn.Sequential(convolution, nn.GroupNorm(_GROUPS, width), nn.SiLU())


def _doubled(features: Tensor) -> Tensor:
    return F.interpolate(features, scale_factor=2, mode="bilinear")
