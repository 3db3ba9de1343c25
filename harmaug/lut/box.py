"""The box of a foreground, between whose four corners LUTs are bilinear.

Corners come in the order top left, top right, bottom left, bottom right.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harmaug.inputs import constant

# Of the frame. A smaller box would stretch rounding errors, for the grid covers the frame.
_SMALLEST_BOX = 1 / 8


def frame_corners(mask: Tensor) -> Tensor:
    """Return the bilinear map (B, 4, 4) from corners of foregrounds' boxes to the frame's.

    Values bilinear over the box are bilinear over the frame too, so that one grid over the frame
    serves every size of a photo.

    Args:
        mask: (B, 1, H, W) in [0, 1], each above 0 somewhere; pixels of at least half its largest
            value are in the box.
    """
    largest = [mask.squeeze(1).amax(axis) for axis in (2, 1)]  # of rows, of columns
    half = largest[0].amax(1, keepdim=True) / 2
    # At most half the largest, so that the first of the highest is the first line of the box.
    lines = [torch.minimum(line, half) for line in largest]
    # Both axes in the same operations: a GPU takes as long for one as for the other.
    reach = torch.stack([way.argmax(1) for line in lines for way in (line, line.flip(1))], 1)
    # Height and width, made on the device: a tensor of Python numbers would be copied there.
    rows, columns = mask.shape[2:]
    size = torch.linspace(rows, columns, 2, dtype=mask.dtype, device=mask.device)
    start, behind = (reach.unflatten(1, (2, 2)) / size.unsqueeze(1)).unbind(2)  # (B, 2), of frame
    end = 1 - behind
    middle, width = (start + end) / 2, (end - start).clamp_min(_SMALLEST_BOX)
    # Places of the frame's edges, where -0.5 and 0.5 are the box's.
    place = (constant((0.0, 1.0), mask) - middle.unsqueeze(2)) / width.unsqueeze(2)
    half, signs = constant((0.5, 0.5), mask), constant((-1.0, 1.0), mask)
    down, across = torch.addcmul(half, signs, place.unsqueeze(3)).unbind(1)  # (B, 2, 2)
    return (down[:, :, None, :, None] * across[:, None, :, None, :]).reshape(-1, 4, 4)


def box_weights(mask: Tensor, column: Tensor, row: Tensor) -> Tensor:
    """Return the bilinear weights (B, 4, P) of the box's corners at places of the frame.

    Args:
        mask: (B, 1, H, W), as in `frame_corners`.
        column: (B or 1, P) in [0, 1], from the left edge of the frame to the right one.
        row: (B or 1, P) in [0, 1], from top to bottom.
    """
    across, down = (torch.stack((1 - x, x), 1) for x in (column, row))
    return frame_corners(mask).mT @ (down.unsqueeze(2) * across.unsqueeze(1)).flatten(1, 2)


def box_weights_at(mask: Tensor, places: Tensor) -> Tensor:
    """Return the weights (B, 4, P) of `box_weights` at pixels of the mask.

    Args:
        mask: (B, 1, H, W), as in `frame_corners`.
        places: (B, P), in the raster of the mask.
    """
    height, width = mask.shape[2:]
    return box_weights(mask, (places % width + 0.5) / width, (places // width + 0.5) / height)


def cropped_grid(luts: Tensor, edges: tuple[float, ...]) -> Tensor:
    """Return a grid of LUTs over a part of the frame that recolours it as the whole grid does.

    Args:
        luts: (..., 2, 2, 3, D, D, D), at the corners of the frame.
        edges: of the part, left, top, right and bottom, as shares of the frame's width and height.
    """
    left, top, right, bottom = edges
    down, across = (
        luts.new_tensor([[1 - x, x] for x in pair]) for pair in ((top, bottom), (left, right))
    )
    return torch.einsum("yi,xj,...ijklmn->...yxklmn", down, across, luts)
