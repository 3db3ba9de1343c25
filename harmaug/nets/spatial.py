"""The spatial part of a latent: a colour change that varies across the foreground.

A latent has four parts of C numbers: the change of the whole foreground, then how it varies from
left to right, from top to bottom, and along both at once. They give each corner of the foreground's
box a latent of its own, and so mixing weights and a LUT. Between the corners LUTs are bilinear.

Four LUTs were chosen by what they leave of true changes (median fMSE on 0..255, of Hday2night
rebuilt / static cameras): one LUT 182 / 215, a 2x2 grid 80 / 147, a 4x4 grid 34 / 88; one LUT times
a smooth gain of 4x4 values leaves more than the 2x2 grid. Four LUTs are what a 64-byte load holds.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harmaug.inputs import constant

PARTS = 4
# Parts (columns) that each corner (row, in the order of `lut.box`) adds up.
SIGNS = ((1.0, -1.0, -1.0, 1.0), (1.0, 1.0, -1.0, -1.0), (1.0, -1.0, 1.0, -1.0), (1.0,) * 4)


def corner_latents(latent: Tensor, spread: Tensor, amount: float = 1.0) -> Tensor:
    """Return the latents (B, n, 4, C) of the box's corners.

    Args:
        latent: (B, n, 4 C).
        spread: (3, C, C), maps each spatial part to differences of latents.
        amount: of the spatial parts; 0 gives all corners the first part.
    """
    parts = latent.unflatten(2, (PARTS, -1))
    varying = torch.einsum("fij,bnfj->bnfi", amount * spread, parts[:, :, 1:])
    return constant(SIGNS, latent) @ torch.cat((parts[:, :, :1], varying), 2)
