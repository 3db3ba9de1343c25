"""The Triton kernels behind `gpu.py`, which gives the reasons for their shape.

A pixel is a row (r, g, b, 0) of a (BLOCK, 4) tensor, which is four registers of one thread; the
compiler drops the fourth where nothing reads it. x, y, z are a pixel's places in its cell of a LUT
along r, g, b; down and across its ways between the LUTs of a grid, where there is one. Offsets have
64 bits: n results of a 16k x 16k image pass 2^31 elements.
"""

# mypy: allow-untyped-defs, allow-untyped-calls

import triton
import triton.language as tl

from harmaug.lut.gpu_lookup import (
    join,
    locate,
    locate_in_grid,
    lookup,
    lookup_between,
    lut_at,
    scatter,
    share,
    slope,
    split,
)


@triton.jit
def composite(
    image,
    mask,
    table,
    output,
    count,
    rows,
    columns,
    blocks,
    height,
    width,
    grid_rows,
    grid_columns,
    step_b,
    step_n,
    image_b,
    image_c,
    image_y,
    image_x,
    mask_b,
    mask_y,
    mask_x,
    SIZE: tl.constexpr,
    GRID: tl.constexpr,
    TETRAHEDRAL: tl.constexpr,
    PACKED: tl.constexpr,
    BLOCK: tl.constexpr,
    TURNS: tl.constexpr,
):
    for turn in range(TURNS):
        sample, row, column, inside = _block(rows, columns, blocks, turn, BLOCK, TURNS)
        source = image + sample * image_b + row * image_y + column * image_x
        pixel = _load_rgb(source, image_c, inside)
        covering = sample * mask_b + row * mask_y + column * mask_x
        alpha, touched = _load_mask(mask, covering, inside, BLOCK)
        plane = tl.cast(rows, tl.int64) * columns
        target = output + sample * count * 3 * plane + row * columns + column
        if touched:
            colour = _to_unit(pixel)
            node, x, y, z = locate(colour, SIZE)
            if GRID:
                each: tl.constexpr = SIZE * SIZE * SIZE * (1 if PACKED else 3)
                first, below, right, down, across = locate_in_grid(
                    row, column, height, width, grid_rows, grid_columns, each
                )
                node += first
            for k in range(count):
                lut = lut_at(table, sample, k, step_b, step_n, PACKED)
                if GRID:
                    looked_up = lookup_between(
                        lut, node, x, y, z, below, right, down, across, SIZE, PACKED, TETRAHEDRAL
                    )
                else:
                    looked_up = lookup(lut, node, x, y, z, SIZE, PACKED, TETRAHEDRAL)
                blended = _blend(colour, looked_up, alpha)
                result = tl.where(alpha > 0, _from_unit(blended, output.dtype.element_ty), pixel)
                _store_rgb(target + k * 3 * plane, plane, result, inside)
        else:
            for k in range(count):
                _store_rgb(target + k * 3 * plane, plane, pixel, inside)


@triton.jit
def pack(lut, table, nodes, blocks, count, luts, lut_b, lut_n, BLOCK: tl.constexpr):
    """Lay planes (b, n, luts, 3, nodes) out as (b, n, luts, nodes, 4): red, green, blue, 0."""
    program = tl.program_id(0)  # of one axis, as the others end at 65535
    which = (program // blocks).to(tl.int64)
    node = program % blocks * BLOCK + tl.arange(0, BLOCK)
    inside = node < nodes
    first = lut + which // luts // count * lut_b + which // luts % count * lut_n
    red = first + which % luts * (3 * nodes) + node
    green = red + nodes
    planes = (tl.load(red, inside), tl.load(green, inside), tl.load(green + nodes, inside))
    pointers = table + (which * nodes + node)[:, None] * 4 + tl.arange(0, 4)[None, :]
    tl.store(pointers, join(*planes), inside[:, None])


@triton.jit
def composite_backward(
    grad,
    image,
    mask,
    table,
    grad_image,
    grad_mask,
    grad_table,
    batch,
    count,
    copies,
    rows,
    columns,
    blocks,
    height,
    width,
    grid_rows,
    grid_columns,
    step_b,
    step_n,
    grad_b,
    grad_n,
    grad_c,
    grad_y,
    grad_x,
    image_b,
    image_c,
    image_y,
    image_x,
    mask_b,
    mask_y,
    mask_x,
    SIZE: tl.constexpr,
    GRID: tl.constexpr,
    TETRAHEDRAL: tl.constexpr,
    BLOCK: tl.constexpr,
):
    sample, row, column, inside = _block(rows, columns, blocks, 0, BLOCK, 1)
    source = image + sample * image_b + row * image_y + column * image_x
    pixel = _load_rgb(source, image_c, inside).to(tl.float32)
    covering = sample * mask_b + row * mask_y + column * mask_x
    alpha, touched = _load_mask(mask, covering, inside, BLOCK)
    source = grad + sample * grad_b + row * grad_y + column * grad_x
    to_image = tl.zeros([BLOCK, 4], tl.float32)
    to_mask = tl.zeros([BLOCK], tl.float32)  # both sums over the n LUTs
    if touched:
        colour = _to_unit(pixel)
        node, x, y, z = locate(colour, SIZE)
        each: tl.constexpr = SIZE * SIZE * SIZE
        if GRID:
            first, below, right, down, across = locate_in_grid(
                row, column, height, width, grid_rows, grid_columns, each
            )
            node += first
        copy = tl.program_id(0) % copies
        for k in range(count):
            lut = lut_at(table, sample, k, step_b, step_n, True)
            if GRID:
                looked_up = lookup_between(
                    lut, node, x, y, z, below, right, down, across, SIZE, True, TETRAHEDRAL
                )
            else:
                looked_up = lookup(lut, node, x, y, z, SIZE, True, TETRAHEDRAL)
            blended = _blend(colour, looked_up, alpha)
            given = _load_rgb(source + tl.cast(k, tl.int64) * grad_n, grad_c, inside).to(tl.float32)
            # The last clamp lets gradients pass from 0 to 1, which excludes NaN.
            passed = tl.where((alpha > 0) & (blended >= 0) & (blended <= 1), given, 0.0)
            to_lut = alpha * passed
            # Where nothing passes, nothing is added, not even the NaN of 0 * NaN.
            some = (tl.max((to_lut != 0).to(tl.int32), 1) > 0)[:, None]
            if grad_mask is not None:
                to_mask += tl.sum(tl.where(passed != 0, passed * (looked_up - colour), 0.0), 1)
            if grad_image is not None:
                if GRID:
                    bend = tl.zeros([BLOCK, 4], tl.float32)
                    for corner in tl.static_range(4):
                        place = node + (corner & 1) * right + (corner >> 1) * below
                        part = share(corner, down, across)
                        bend += part * slope(lut, place, x, y, z, to_lut, SIZE, TETRAHEDRAL)
                else:
                    bend = slope(lut, node, x, y, z, to_lut, SIZE, TETRAHEDRAL)
                bend = tl.where(some, bend, 0.0)
                moved = (1 - alpha) * passed + (SIZE - 1) * bend
                # So does the first clamp; the background does not pass through it.
                moved = tl.where((pixel >= 0) & (pixel <= 1), moved, 0.0)
                to_image += tl.where(alpha > 0, moved, given)
            if grad_table is not None:
                number = (copy * batch + sample) * count + k
                sums = grad_table + number * (grid_rows * grid_columns) * (each * 4)
                if GRID:
                    for corner in tl.static_range(4):
                        place = node + (corner & 1) * right + (corner >> 1) * below
                        part = share(corner, down, across) * to_lut
                        scatter(sums, place, x, y, z, part, some, SIZE, TETRAHEDRAL)
                else:
                    scatter(sums, node, x, y, z, to_lut, some, SIZE, TETRAHEDRAL)
    else:
        if grad_image is not None:
            for k in range(count):
                to_image += _load_rgb(source + tl.cast(k, tl.int64) * grad_n, grad_c, inside)

    plane = tl.cast(rows, tl.int64) * columns
    target = row * columns + column
    if grad_image is not None:
        result = to_image.to(grad_image.dtype.element_ty)
        _store_rgb(grad_image + sample * 3 * plane + target, plane, result, inside)
    if grad_mask is not None:
        tl.store(grad_mask + sample * plane + target, to_mask, inside)


@triton.jit
def _block(rows, columns, blocks, turn, BLOCK: tl.constexpr, TURNS: tl.constexpr):
    """Return sample, row and columns of this program's turn, and which columns exist."""
    program = tl.program_id(0)
    row = program // blocks
    first = ((program % blocks).to(tl.int64) * TURNS + turn) * BLOCK
    column = first + tl.arange(0, BLOCK)
    return (row // rows).to(tl.int64), (row % rows).to(tl.int64), column, column < columns


@triton.jit
def _load(pointers, inside):
    return tl.load(pointers, inside, 0, eviction_policy="evict_first")


@triton.jit
def _load_mask(mask, offset, inside, BLOCK: tl.constexpr):
    """Return mask values (BLOCK, 1), and whether any is foreground; NaN counts as background."""
    if mask is None:
        alpha = tl.full([BLOCK], 1.0, tl.float32)
        touched = True
    else:
        alpha = _load(mask + offset, inside)
        touched = tl.max((alpha > 0).to(tl.int32), 0) > 0
    return alpha[:, None], touched


@triton.jit
def _load_rgb(red, stride, inside):
    green = red + stride  # twice a stride may not fit the stride's type
    return join(_load(red, inside), _load(green, inside), _load(green + stride, inside))


@triton.jit
def _store_rgb(red, stride, value, inside):
    r, g, b = split(value)
    tl.store(red, r, inside, eviction_policy="evict_first")
    tl.store(red + stride, g, inside, eviction_policy="evict_first")
    tl.store(red + 2 * stride, b, inside, eviction_policy="evict_first")


@triton.jit
def _to_unit(pixel):
    if pixel.dtype == tl.uint8:
        unit = pixel.to(tl.float32) * (1 / 255)
    else:
        unit = tl.clamp(pixel.to(tl.float32), 0.0, 1.0, propagate_nan=tl.PropagateNan.ALL)
    return unit


@triton.jit
def _from_unit(value, dtype: tl.constexpr):
    value = tl.clamp(value, 0.0, 1.0, propagate_nan=tl.PropagateNan.ALL)
    if dtype == tl.uint8:
        value = tl.where(value == value, value * 255 + 0.5, 0.0)
    return value.to(dtype)


@triton.jit
def _blend(colour, looked_up, alpha):
    return (1 - alpha) * colour + alpha * looked_up
