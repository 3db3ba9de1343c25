"""The convolutional trunk of SycoNet: BicycleGAN's residual encoder with the latent in every block.

Layers: the authors' inference code of SycoNet (arXiv:2308.00376); the encoder it descends from is
that of BicycleGAN (arXiv:1711.11586).
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.2  # of every LeakyReLU


class Block(nn.Module):
    """Residual block, normalised before each convolution, that halves the resolution.

    Args:
        channels: of its input.
        out_channels: of its output.
    """

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, out_channels, 3, padding=1)
        self.shortcut = nn.Conv2d(channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.conv1(F.leaky_relu(self.norm1(x), SLOPE))
        hidden = self.conv2(F.leaky_relu(self.norm2(hidden), SLOPE))
        return F.avg_pool2d(hidden, 2) + self.shortcut(F.avg_pool2d(x, 2))


class Trunk(nn.Module):
    """Residual encoder: one feature vector of an image and a latent that every block sees.

    Args:
        in_channels: channels of the image.
        latent_dim: Z; 0 for an encoder without a latent.
        width: channels after the stem; the blocks have 2, 3, 4 and 4 times as many.
    """

    def __init__(self, in_channels: int, latent_dim: int, width: int) -> None:
        super().__init__()
        self.out_channels = 4 * width
        channels = [width, 2 * width, 3 * width, 4 * width, 4 * width]
        self.stem = nn.Conv2d(in_channels + latent_dim, width, 4, stride=2, padding=1)
        self.blocks = nn.ModuleList(
            Block(before + latent_dim, after) for before, after in itertools.pairwise(channels)
        )

    def forward(self, image: Tensor, code: Tensor | None = None) -> Tensor:
        """Return features (B, 4 * width) of images (B, C, H, W) and codes (B, Z)."""
        # Convolutions are faster on channels that lie together, above all in 16 bits on a GPU.
        image = image.contiguous(memory_format=torch.channels_last)
        x = self.stem(_with_code(image, code))
        for block in self.blocks:
            x = block(_with_code(x, code))
        return F.leaky_relu(x, SLOPE).mean((2, 3))


def _with_code(x: Tensor, code: Tensor | None) -> Tensor:
    """Features first, the code's channels, constant over space, last."""
    if code is None:
        return x
    return torch.cat((x, code[:, :, None, None].expand(-1, -1, *x.shape[2:])), 1)
