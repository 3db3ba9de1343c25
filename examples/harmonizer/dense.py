"""A dense harmonizer: a gain and an offset for each pixel, predicted by an encoder and a decoder.

One colour map for a whole foreground cannot follow light that varies across it. Here each pixel
has its own change. The net sees the picture at a fixed size, and its gains and offsets are
enlarged to the picture's, so colours keep their detail at any size.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from colour_map import gather, regions
from geometry import resize
from torch import Tensor, nn
from torch.nn import functional as F

_GROUPS = 4  # of channels that are normalised together


class DenseHarmonizer(nn.Module):
    """A net that predicts a gain and an offset of each channel at each foreground pixel.

    The encoder halves the size once a level. Its deepest features are averaged over foreground and
    background apart, and both averages are put beside them, so that each place knows how the two
    regions differ. The decoder takes the features of each level on its way up. The background is
    copied, and a new net leaves the composite as it is.

    Args:
        widths: channels of each level of the encoder, multiples of 4. The default makes 0.7 million
            parameters.
        thumbnail: pixels a side of the net's input, a multiple of 2 to the number of levels.
    """

    def __init__(self, widths: Sequence[int] = (24, 48, 72, 96), thumbnail: int = 128) -> None:
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
        # One convolution of both together would need all features at full size: more time.
        self.coarse = nn.Conv2d(widths[0], 6, 3, padding=1)
        self.fine = nn.Conv2d(4, 6, 3, padding=1)
        for weights in (*self.coarse.parameters(), *self.fine.parameters()):
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
        features = self.join(with_averages(levels.pop(), alpha))
        for level in self.decoder:
            features = level(torch.cat((_doubled(features), levels.pop()), 1))
        return _doubled(self.coarse(features)) + self.fine(seen)


def _layer(before: int, width: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(before, width, 3, stride, padding=1)
    return nn.Sequential(convolution, nn.GroupNorm(_GROUPS, width), nn.SiLU())


def with_averages(features: Tensor, mask: Tensor) -> Tensor:
    """Return features (B, C, h, w) with their averages over foreground and background beside them.

    The result is (B, 3 * C, h, w); the averages alternate between foreground and background.
    """
    height, width = features.shape[2:]
    averages = features.flatten(2) @ regions(F.adaptive_avg_pool2d(mask, (height, width)))
    everywhere = averages.view(len(averages), -1, 1, 1).expand(-1, -1, height, width)
    return torch.cat((features, everywhere), 1)


def _doubled(features: Tensor) -> Tensor:
    return F.interpolate(features, scale_factor=2, mode="bilinear")
