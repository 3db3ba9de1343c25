"""The LUT composite in plain torch: the definition that every faster kernel is tested against.

For a pixel x of the image, soft mask value m and LUT L,

    out = x, bit for bit,                               where m == 0 (or m is NaN)
    out = clamp((1 - m) * c + m * L(c), 0, 1)           elsewhere, with c = clamp(x, 0, 1)

L is trilinear or tetrahedral between the nodes of the LUT. Tetrahedral values lie between four
corners of the cell around a pixel: its lowest, its highest, and the two on the way that goes first
along the axis of the largest fraction, then along that of the middle one (of equal fractions blue
comes before green before red):

    L(c) = v0 + f1 (v1 - v0) + f2 (v2 - v1) + f3 (v3 - v2),   f1 >= f2 >= f3 the fractions, sorted

OpenColorIO, FFmpeg and ACES use the same six tetrahedra.

The clamp of x before the blend changes nothing for images in [0, 1] and keeps infinities from
turning into NaN. A pixel with a NaN channel is NaN in the composite and has no gradient where the
mask is above 0.

L may differ from pixel to pixel. Then LUTs stand on a grid of gy rows and gx columns that lies over
the whole frame, the outermost ones on its edges, and L(c) is bilinear between the four around a
pixel. In a frame W pixels wide the centre of column x lies at (x + 0.5) / W of the width, column i
of the grid at i / (gx - 1); rows alike. Along an axis with one LUT nothing changes. So one grid
serves every size of a photo.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd import forward_ad


def composite(image: Tensor, mask: Tensor | None, lut: Tensor, tetrahedral: bool = False) -> Tensor:
    """Recolour an image by LUTs under a mask, differentiably, on any device.

    Args:
        image: (B, 3, H, W), floating point in [0, 1], or uint8.
        mask: (B, 1, H, W), bool or floating point in [0, 1]; None for the whole frame.
        lut: (B, n, 3, D, D, D) or, for a grid of LUTs, (B, n, gy, gx, 3, D, D, D); floating point.
        tetrahedral: interpolate so; else trilinearly.

    Returns:
        (B, n, 3, H, W) in the dtype of ``image`` and its `memory_format`.
    """
    result = recolour(image, mask, lut, tetrahedral)
    flat = result.flatten(0, 1).contiguous(memory_format=memory_format(image))
    return flat.unflatten(0, result.shape[:2])


def recolour(image: Tensor, mask: Tensor | None, lut: Tensor, tetrahedral: bool = False) -> Tensor:
    """Return the values of `composite` in any memory layout; open to every transform of torch."""
    if image.dtype == torch.uint8:
        unit = recolour(image.float().div(255), mask, lut, tetrahedral)
        result = unit.mul(255).add(0.5).floor().nan_to_num(0.0).to(torch.uint8)
    else:
        compute = torch.promote_types(image.dtype, torch.float32)
        colour = image.to(compute)
        number = ~colour.isnan().any(1, keepdim=True)
        colour = _to_unit(torch.where(number, colour, 0))
        result = _lookup(colour, lut.to(compute), tetrahedral)
        if mask is not None:
            alpha = mask.to(compute).unsqueeze(1)
            result = (1 - alpha) * colour.unsqueeze(1) + alpha * result
        result = torch.where(number.unsqueeze(1), _to_unit(result), torch.nan).to(image.dtype)
    if mask is None:
        return result
    return torch.where(mask.unsqueeze(1) > 0, result, image.unsqueeze(1))


def composite_backward(
    grad: Tensor,
    image: Tensor,
    mask: Tensor | None,
    lut: Tensor,
    *needs: bool,
    tetrahedral: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return gradients of `composite`, which can be differentiated again where torch records them.

    Args:
        grad: (B, n, 3, H, W), the gradient of the composites.
        image: as in `composite`.
        mask: as in `composite`.
        lut: as in `composite`.
        needs: three, for image, mask and LUT; an empty tensor comes for each one not needed.
        tetrahedral: as in `composite`.
    """
    again, tensors = torch.is_grad_enabled(), (image, mask, lut)
    wanted = [index for index in range(3) if needs[index] and tensors[index] is not None]
    with torch.enable_grad():
        inputs = [
            tensor if tensor is None else _leaf(tensor, index in wanted)
            for index, tensor in enumerate(tensors)
        ]
        output = composite(inputs[0], inputs[1], inputs[2], tetrahedral)  # type: ignore[arg-type]
    grads = [image.new_empty(0), lut.new_empty(0), lut.new_empty(0)]
    if wanted:
        asked = [inputs[index] for index in wanted]
        found = torch.autograd.grad(output, asked, grad, create_graph=again)  # type: ignore[arg-type]
        for index, gradient in zip(wanted, found, strict=True):
            layout = memory_format(image) if index == 0 else torch.contiguous_format
            grads[index] = gradient.contiguous(memory_format=layout)
    return grads[0], grads[1], grads[2]


def transformed() -> bool:
    """Return whether torch.func or forward-mode AD is at work; neither sees into a kernel."""
    return not torch.compiler.is_compiling() and (
        torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0
    )


def memory_format(image: Tensor) -> torch.memory_format:
    """Return how results and gradients lie in memory: channels last if the image does, on a CPU."""
    last = image.is_contiguous(memory_format=torch.channels_last) and not image.is_contiguous()
    on_cpu = image.device.type == "cpu"  # the Triton kernels write planes
    return torch.channels_last if last and on_cpu else torch.contiguous_format


def empty_result(image: Tensor, count: int) -> Tensor:
    """Return uninitialized (B, n, 3, H, W) for the results of n LUTs."""
    batch, _, height, width = image.shape
    shape = (batch * count, 3, height, width)
    result = torch.empty(
        shape, dtype=image.dtype, device=image.device, memory_format=memory_format(image)
    )
    return result.unflatten(0, (batch, count))


def empty_gradients(
    image: Tensor, mask: Tensor | None, lut: Tensor, *needs: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Return uninitialized gradients of image, mask and LUT; no elements where not needed."""
    need_mask = needs[1] and mask is not None
    grad_image = image.new_empty(0)
    if needs[0]:
        grad_image = torch.empty_like(image, memory_format=memory_format(image))
    grad_mask = lut.new_empty((image.shape[0], 1, *image.shape[2:]) if need_mask else (0,))
    return grad_image, grad_mask, lut.new_empty(lut.shape if needs[2] else (0,))


def _to_unit(values: Tensor) -> Tensor:
    """Clamp to [0, 1]; gradients pass at 0 and 1, where those of `torch.clamp` end since 2.15."""
    return torch.where(values < 0, 0, torch.where(values > 1, 1, values))


def _leaf(tensor: Tensor, needed: bool) -> Tensor:
    """Return the tensor, to take the gradient for it alone and not for what it was made of."""
    if tensor.requires_grad:
        return tensor.view_as(tensor)
    return tensor.detach().requires_grad_(needed)


def _lookup(colour: Tensor, lut: Tensor, tetrahedral: bool) -> Tensor:
    """Return (B, n, 3, H, W), the values of (B, 3, H, W) in LUTs or in grids of LUTs."""
    batch, count, size = *lut.shape[:2], lut.shape[-1]
    position = colour.flatten(2) * (size - 1)  # (B, 3, HW), channels r, g, b
    cell = position.detach().floor().clamp(max=size - 2)
    fractions = position - cell
    red, green, blue = fractions.split(1, 1)
    stride = torch.tensor((1, size, size**2), device=lut.device).view(3, 1)
    corner = (cell.long() * stride).sum(1, keepdim=True)
    nodes = size**3  # in a LUT; the LUTs of a grid follow each other
    luts = lut.shape[2:-4].numel()
    table = lut.reshape(batch, count, luts, 3, nodes).transpose(2, 3)
    table = table.reshape(batch, count * 3, luts * nodes)

    def node(index: Tensor) -> Tensor:
        return table.gather(2, index.expand(-1, count * 3, -1))

    def trilinear(index: Tensor) -> Tensor:
        def line(index: Tensor) -> Tensor:
            # Unlike a weighted sum, lerp is exact between equal nodes: saturated colours stay at 1.
            return torch.lerp(node(index), node(index + 1), red)

        def plane(index: Tensor) -> Tensor:
            return torch.lerp(line(index), line(index + size), green)

        return torch.lerp(plane(index), plane(index + size**2), blue)

    def walk(index: Tensor) -> Tensor:
        ways, steps = fractions.flip(1), stride.flip(0)  # blue, green, red; the sort is stable
        order = ways.detach().argsort(stable=True, dim=1, descending=True)
        value = end = node(index)
        for axis in order.split(1, 1):
            start, index = end, index + steps.expand_as(order).gather(1, axis)
            end = node(index)
            value = value + ways.gather(1, axis) * (end - start)
        return value

    cube = walk if tetrahedral else trilinear
    if lut.ndim == 6:
        return cube(corner).reshape(batch, count, 3, *colour.shape[2:])
    rows, columns = lut.shape[2:4]
    row, down = _places(colour.shape[2], rows, colour)
    column, across = _places(colour.shape[3], columns, colour)
    corner = corner + nodes * (row.unsqueeze(1) * columns + column).flatten()
    across = across.repeat(len(down))
    down = down.repeat_interleave(len(column))

    def between_columns(index: Tensor) -> Tensor:
        return torch.lerp(cube(index), cube(index + nodes), across) if columns > 1 else cube(index)

    result = between_columns(corner)
    if rows > 1:
        result = torch.lerp(result, between_columns(corner + nodes * columns), down)
    return result.reshape(batch, count, 3, *colour.shape[2:])


def _places(pixels: int, luts: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return the LUT before each pixel along an axis of the grid, and the way to the next, 0..1."""
    length = 2 * max(pixels, 1)  # of the frame in half pixels: whole numbers, for exact cells
    position = (2 * torch.arange(pixels, device=like.device) + 1) * (luts - 1)
    return position // length, (position % length).to(like.dtype) / length
