"""The light of a latent: smooth gains on top of the mixed LUTs, in half of the draws.

Mixtures of learnt LUTs hold the colours of their training pairs, but brightness only as far as most
of them. A harmonizer trained on such composites is lost where a foreground is much too bright or
too dark, or lit from a side. So 13 further numbers of the latent draw gains of the channels. The
first is the amount: where it is negative, there is no light, and the draw is the learnt one. The
others are log gains for the whole foreground, and how they vary from left to right, from top to
bottom, and along both at once, bilinear between the corners of the foreground's box.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from harmaug.inputs import constant
from harmaug.nets.spatial import PARTS, SIGNS

CHANNELS = 3
LIGHT_DIM = 1 + PARTS * CHANNELS
# Deviation of each part, as a share of the first.
_SHARES = (1.0, 0.7, 0.7, 0.35)
_REACH = 0.8  # of a log gain: at most about twice as bright, or half
_TINT = 0.1  # deviation of a channel's own log gain, as a share of that common to all


def light_parts(deviation: float) -> Tensor:
    """Return the maps (4, 3, 3) from latents to log gains of the channels, of each part.

    Args:
        deviation: of the log gain that all channels and all of the foreground share, at amount 1.
    """
    covariance = 1 + _TINT**2 * torch.eye(CHANNELS)
    return deviation * torch.tensor(_SHARES).view(-1, 1, 1) * torch.linalg.cholesky(covariance)


def corner_gains(latent: Tensor, light: Tensor, spatial: float = 1.0) -> Tensor:
    """Return gains of the channels at the corners of the box, (B, n, 4, 3), or (B, n, 1, 3).

    Args:
        latent: (B, n, 13), drawn from N(0, I).
        light: (4, 3, 3), of `light_parts`.
        spatial: scales how much the gains vary; 0 gives one for the whole foreground.
    """
    amount, numbers = latent.split((1, PARTS * CHANNELS), 2)
    signs = constant(SIGNS if spatial else ((1.0, 0.0, 0.0, 0.0),), light)
    if spatial not in (0, 1):
        light = torch.cat((light[:1], spatial * light[1:]))
    # One matrix from all numbers to all corners and channels: few operations, as GPUs want.
    to_corners = (signs[:, None, :, None] * light.transpose(0, 1)).flatten(2).flatten(0, 1)
    logs = F.linear(amount.clamp_min(0) * numbers, to_corners)
    return (_REACH * torch.tanh(logs / _REACH)).exp().unflatten(2, (-1, CHANNELS))
