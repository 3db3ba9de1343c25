"""The LUT composite in plain torch: the definition every faster kernel is tested against.

For a pixel x of the image, soft mask value m and LUT L,

    out = x                                             where m == 0 (or m is NaN): the very bits of x
    out = clamp((1 - m) * c + m * L(c), 0, 1)           elsewhere, with c = clamp(x, 0, 1)

L is trilinear between the grid nodes. Clamping x before the blend changes nothing for images
in [0, 1] and keeps infinities from turning into NaN; NaN pixels stay NaN.
"""

from __future__ import annotations

import torch
from torch import Tensor


def composite(image: Tensor, mask: Tensor | None, lut: Tensor) -> Tensor:
    """Recolour an image by LUTs under a mask, differentiably, on any device.

    Args:
        image: (B, 3, H, W), floating point in [0, 1], or uint8.
        mask: (B, 1, H, W), floating point in [0, 1]; None for the whole frame.
        lut: (B, n, 3, D, D, D), floating point.

    Returns:
        (B, n, 3, H, W) in the dtype of ``image``.
    """
    if image.dtype == torch.uint8:
        unit = composite(image.float().div(255), mask, lut)
        recoloured = unit.mul(255).add(0.5).floor().nan_to_num(0.0).to(torch.uint8)
        if mask is None:
            return recoloured
        return torch.where(mask.unsqueeze(1) > 0, recoloured, image.unsqueeze(1))

    compute = torch.promote_types(image.dtype, torch.float32)
    colour = image.to(compute).clamp(0, 1)
    result = _lookup(colour, lut.to(compute))
    if mask is None:
        return result.clamp(0, 1).to(image.dtype)
    alpha = mask.to(compute).unsqueeze(1)
    blended = (1 - alpha) * colour.unsqueeze(1) + alpha * result
    return torch.where(alpha > 0, blended.clamp(0, 1).to(image.dtype), image.unsqueeze(1))


def _lookup(colour: Tensor, lut: Tensor) -> Tensor:
    """Trilinear lookup of (B, 3, H, W) in (B, n, 3, D, D, D) -> (B, n, 3, H, W)."""
    batch, count, _, size = lut.shape[:4]
    position = colour.flatten(2) * (size - 1)  # (B, 3, HW), channels r, g, b
    cell = position.detach().nan_to_num(0.0).floor().clamp(0, size - 2)
    fraction = position - cell
    low = cell.long()
    table = lut.reshape(batch, count * 3, size**3)
    result: Tensor | None = None
    for corner in range(8):
        index = torch.zeros_like(low[:, 0])
        weight = torch.ones_like(fraction[:, 0])
        for channel, stride in enumerate((1, size, size * size)):
            upper = corner >> channel & 1
            index = index + (low[:, channel] + upper) * stride
            weight = weight * (fraction[:, channel] if upper else 1 - fraction[:, channel])
        node = table.gather(2, index.unsqueeze(1).expand(-1, count * 3, -1))
        term = node * weight.unsqueeze(1)
        result = term if result is None else result + term
    assert result is not None
    return result.reshape(batch, count, 3, *colour.shape[2:])


def composite_backward(
    grad: Tensor,
    image: Tensor,
    mask: Tensor | None,
    lut: Tensor,
    need_image: bool,
    need_mask: bool,
    need_lut: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of `composite` for image, mask and LUT; an empty tensor where not needed."""
    needs = (need_image, need_mask and mask is not None, need_lut)
    inputs = [
        tensor if tensor is None else tensor.detach().requires_grad_(needed)
        for tensor, needed in zip((image, mask, lut), needs, strict=True)
    ]
    with torch.enable_grad():
        output = composite(*inputs)  # type: ignore[arg-type]
    wanted = [tensor for tensor, needed in zip(inputs, needs, strict=True) if needed]
    found = iter(torch.autograd.grad(output, wanted, grad)) if wanted else iter(())
    empty = (image.new_empty(0), lut.new_empty(0), lut.new_empty(0))
    grads = [next(found) if needed else none for needed, none in zip(needs, empty, strict=True)]
    return grads[0], grads[1], grads[2]
