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

PARTS = 4
_CORNERS = 4  # of the box, rows first: top left, top right, bottom left, bottom right
# Parts (columns) that each corner (row) adds up.
_SIGNS = ((1.0, -1.0, -1.0, 1.0), (1.0, 1.0, -1.0, -1.0), (1.0, -1.0, 1.0, -1.0), (1.0,) * 4)
# Of the frame. A smaller box would stretch rounding errors, for the grid covers the frame.
_SMALLEST_BOX = 1 / 8


def corner_latents(latent: Tensor, spread: Tensor, amount: float = 1.0) -> Tensor:
    """Return the latents (B, n, 4, C) of the box's corners.

    Args:
        latent: (B, n, 4 C).
        spread: (3, C, C), maps each spatial part to differences of latents.
        amount: of the spatial parts; 0 gives all corners the first part.
    """
    parts = latent.unflatten(2, (PARTS, -1))
    varying = torch.einsum("fij,bnfj->bnfi", amount * spread, parts[:, :, 1:])
    signs = torch.tensor(_SIGNS, dtype=latent.dtype, device=latent.device)
    return signs @ torch.cat((parts[:, :, :1], varying), 2)


def frame_corners(mask: Tensor) -> Tensor:
    """Return the bilinear map (B, 4, 4) from corners of foregrounds' boxes to the frame's.

    Values bilinear over the box are bilinear over the frame too, so that one grid over the frame
    serves every size of a photo.

    Args:
        mask: (B, 1, H, W) in [0, 1], each above 0 somewhere; pixels of at least half its largest
            value are in the box.
    """
    inside = mask >= mask.amax((2, 3), keepdim=True) / 2
    rows, columns = (_edges(inside.any(axis).squeeze(1)) for axis in (3, 2))
    return torch.einsum("bij,bkl->bikjl", rows, columns).reshape(-1, _CORNERS, _CORNERS)


def box_weights(mask: Tensor, column: Tensor, row: Tensor) -> Tensor:
    """Return the bilinear weights (B, 4, P) of the box's corners at places of the frame.

    Args:
        mask: (B, 1, H, W), as in `frame_corners`.
        column: (B or 1, P) in [0, 1], from the left edge of the frame to the right one.
        row: (B or 1, P) in [0, 1], from top to bottom.
    """
    across, down = (torch.stack((1 - x, x), 1) for x in (column, row))
    return frame_corners(mask).mT @ (down.unsqueeze(2) * across.unsqueeze(1)).flatten(1, 2)


def _edges(inside: Tensor) -> Tensor:
    """Return what either edge of the frame takes from either edge of the box, (B, 2, 2).

    Args:
        inside: (B, L), bool, lines of pixels that the box holds.
    """
    length, count = inside.shape[1], inside.to(torch.uint8)
    first, after = count.argmax(1), length - count.flip(1).argmax(1)
    middle = (first + after).float() / (2 * length)
    half = ((after - first).float() / (2 * length)).clamp_min(_SMALLEST_BOX / 2)
    place = torch.stack((-middle, 1 - middle), 1) / half.unsqueeze(1)  # -1 and 1 are the box's
    return torch.stack(((1 - place) / 2, (1 + place) / 2), 2)
