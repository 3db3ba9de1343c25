"""LUT composite as Triton kernels, for CUDA tensors.

Memory traffic sets the least time: a pixel of a float32 image moves 28 bytes through one LUT (12
image, 4 mask, 12 result) and 12 more for each further LUT. The lookups must take no longer. Their
limit is the L1 cache, which serves a gather in as many steps as a warp's threads touch cache lines.
Measured on an H200 (`benchmarks/lut_gpu.py`):

- One program serves a block of pixels and loops over the n LUTs, so that the image is read and
  the grid cell and fractions are found once. A grid axis over LUTs would do both n times.
- A thread has one pixel at a time, so that a warp's pixels are neighbours, which share cells;
  with two a thread the kernel takes 1.5 times as long. Such small blocks need so many programs
  that starting them costs a tenth; so each program takes two turns.
- A small table is read from its planes as they are, 24 gathers of 4 bytes a pixel. Above 20 nodes
  an axis the planes no longer fit the L1 cache; then nodes are packed as four floats
  (r, g, b, 0) first, for 8 gathers of 16 bytes, which take two thirds of the time. So are those of
  a grid of LUTs with more nodes than that in all; their lookups, four a pixel, were not measured.
- Pixels and results are used once; they are marked to leave the caches first.
- Planes are read and written coalesced, and a pixel has the same thread in the plane (BLOCK,) as
  in the gather (BLOCK, 4), so that no value moves between threads.
- A block where the mask is 0 throughout is only copied.

The backward pass repeats the lookups, which costs less than storing them, and adds up the gradient
of the LUT with atomics. The pixels of a photo lie in few cells, and atomics on one address wait for
each other; so neighbouring blocks add to different copies of the table, which are summed at the
end. The order of atomics varies: the LUT gradient may differ between runs in its last bits. Under
``torch.use_deterministic_algorithms(True)`` `reference.composite_backward` serves instead.
"""

from __future__ import annotations

import torch
import triton
from torch import Tensor

from harmaug.lut import gpu_kernels, reference

# a + b * c in one instruction: Triton from 3.10 on leaves that to the caller.
_BACKWARD = {"BLOCK": 128, "num_warps": 4, "enable_fp_fusion": True}
_FORWARD = _BACKWARD | {"TURNS": 2}
Steps = tuple[int, int]  # from sample to sample and from LUT to LUT, in nodes if these are packed
_PLANES_UP_TO = 20  # nodes an axis
_LARGEST = 812  # nodes an axis of a table with 32-bit offsets
_LARGEST_GRID = 1 << 29  # its nodes in all; also rows and columns of a grid times those of an image


def composite(image: Tensor, mask: Tensor | None, lut: Tensor, tetrahedral: bool = False) -> Tensor:
    """Recolour as `reference.composite` does: float32, float16, bfloat16 and uint8 images."""
    batch, _, height, width = image.shape
    count, size, grid = lut.shape[1], lut.shape[-1], _grid(lut, image)
    output = image.new_empty((batch, count, 3, height, width))
    if output.numel() == 0:
        return output
    mask = mask if mask is None else mask.to(lut.dtype)
    packed = grid[0] * grid[1] * size**3 > _PLANES_UP_TO**3
    rows, columns = _rows(image, mask)
    blocks = triton.cdiv(columns, _FORWARD["BLOCK"] * _FORWARD["TURNS"])
    with torch.cuda.device_of(image):  # Triton launches on the current device
        table, steps = _packed(lut) if packed else _planes(lut)
        tensors = (image, mask, table, output)
        sizes = (count, rows, columns, blocks, height, width, *grid)
        strides = (*steps, *image.stride(), *_strides(mask))
        gpu_kernels.composite[(batch * rows * blocks,)](
            *tensors,
            *sizes,
            *strides,
            SIZE=size,
            GRID=grid != (1, 1),
            TETRAHEDRAL=tetrahedral,
            PACKED=packed,
            **_FORWARD,
        )
    return output


def composite_backward(
    grad: Tensor,
    image: Tensor,
    mask: Tensor | None,
    lut: Tensor,
    *needs: bool,
    tetrahedral: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return gradients as `reference.composite_backward`, but none through a NaN result."""
    need_image, need_mask, need_lut = needs
    mask = mask if mask is None else mask.to(lut.dtype)
    if need_lut and torch.are_deterministic_algorithms_enabled():
        return reference.composite_backward(grad, image, mask, lut, *needs, tetrahedral=tetrahedral)
    batch, _, height, width = image.shape
    count, size, grid = lut.shape[1], lut.shape[-1], _grid(lut, image)
    nodes = grid[0] * grid[1] * size**3
    launch = grad.numel() > 0 and any(needs)
    fresh, copies = torch.empty if launch else torch.zeros, _copies(height * width, nodes)
    grad_image = grad_mask = grad_table = None
    if need_image:
        grad_image = fresh(image.shape, dtype=image.dtype, device=image.device)
    if need_mask and mask is not None:
        grad_mask = fresh((batch, 1, height, width), dtype=lut.dtype, device=lut.device)
    if need_lut:
        grad_table = lut.new_zeros((copies, batch, count, grid[0] * grid[1], size**3, 4))
    if launch:
        rows, columns = _rows(image, mask, grad)
        blocks = triton.cdiv(columns, _BACKWARD["BLOCK"])
        with torch.cuda.device_of(image):
            table, steps = _packed(lut)
            tensors = (grad, image, mask, table, grad_image, grad_mask, grad_table)
            sizes = (batch, count, copies, rows, columns, blocks, height, width, *grid)
            strides = (*steps, *grad.stride(), *image.stride(), *_strides(mask))
            gpu_kernels.composite_backward[(batch * rows * blocks,)](
                *tensors,
                *sizes,
                *strides,
                SIZE=size,
                GRID=grid != (1, 1),
                TETRAHEDRAL=tetrahedral,
                **_BACKWARD,
            )
    grad_lut = lut.new_empty(0)
    if grad_table is not None:
        grad_lut = grad_table.sum(0)[..., :3].transpose(-1, -2).contiguous().view(lut.shape)
    return (
        image.new_empty(0) if grad_image is None else grad_image,
        lut.new_empty(0) if grad_mask is None else grad_mask,
        grad_lut,
    )


def _grid(lut: Tensor, image: Tensor) -> tuple[int, int]:
    """Return rows and columns of the grid of LUTs, (1, 1) for one; offsets must fit 32 bits."""
    rows, columns = lut.shape[2:4] if lut.ndim == 8 else (1, 1)
    size, (height, width) = lut.shape[-1], image.shape[2:]
    if size > _LARGEST:
        raise ValueError(f"lut must have at most {_LARGEST} nodes an axis on a GPU, got {size}.")
    if max(rows * columns * size**3, rows * height, columns * width) >= _LARGEST_GRID:
        raise ValueError(
            f"a grid of LUTs must have fewer than {_LARGEST_GRID} nodes in all on a GPU, and fewer "
            f"rows and columns for large images, got {tuple(lut.shape)}; use a coarser grid."
        )
    return rows, columns


def _planes(lut: Tensor) -> tuple[Tensor, Steps]:
    """Return the LUTs, the three planes of each in one piece; a batch may share them."""
    planes = lut if lut[0, 0].is_contiguous() else lut.contiguous()
    return planes, (planes.stride(0), planes.stride(1))


def _packed(lut: Tensor) -> tuple[Tensor, Steps]:
    """Return nodes as (B, n, LUTs of a grid, D³, 4) floats; where the batch shares them, B is 1."""
    count, luts, nodes, block = lut.shape[1], lut.shape[2:-4].numel(), lut.shape[-1] ** 3, 256
    planes, steps = _planes(lut)
    shared = steps[0] == 0
    table = lut.new_empty(1 if shared else len(lut), count, luts, nodes, 4)
    blocks = triton.cdiv(nodes, block)
    gpu_kernels.pack[(len(table) * count * luts * blocks,)](
        planes, table, nodes, blocks, count, luts, *steps, BLOCK=block
    )
    return table, (0 if shared else count * luts * nodes, luts * nodes)


def _copies(pixels: int, nodes: int) -> int:
    """Return how many LUT gradients share the atomics: more for more pixels, within L2."""
    return max(1, min(16, pixels // 2**16, 2**17 // nodes))


def _rows(*planes: Tensor | None) -> tuple[int, int]:
    """Return (rows, columns): one long row where the rows of every tensor leave no gap."""
    present = [plane for plane in planes if plane is not None]
    height, width = present[0].shape[-2:]
    if all(plane.stride(-2) == width * plane.stride(-1) for plane in present):
        return 1, height * width
    return height, width


def _strides(mask: Tensor | None) -> tuple[int, int, int]:
    return (0, 0, 0) if mask is None else (mask.stride(0), mask.stride(2), mask.stride(3))
