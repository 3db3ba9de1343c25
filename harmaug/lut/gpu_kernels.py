"""The Triton kernels behind `gpu.py`, where the reasons for their shape stand.

A pixel is a row (r, g, b, 0) of a (BLOCK, 4) tensor, which is four registers of one thread; what
nobody uses of the fourth, the compiler drops. x, y, z are a pixel's places in its grid cell along
r, g, b. Offsets are 64 bit throughout: n results of a 16k x 16k image pass 2^31 elements.
"""

# mypy: allow-untyped-defs, allow-untyped-calls

import triton
import triton.language as tl


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
            node, x, y, z = _cell(colour, SIZE)
            for k in range(count):
                lut = _lut(table, sample, k, step_b, step_n, PACKED)
                looked_up = _lookup(lut, node, x, y, z, SIZE, PACKED)
                blended = _blend(colour, looked_up, alpha)
                result = tl.where(alpha > 0, _from_unit(blended, output.dtype.element_ty), pixel)
                _store_rgb(target + k * 3 * plane, plane, result, inside)
        else:
            for k in range(count):
                _store_rgb(target + k * 3 * plane, plane, pixel, inside)


@triton.jit
def pack(lut, table, nodes, blocks, count, lut_b, lut_n, BLOCK: tl.constexpr):
    """Lay planes (b, n, 3, nodes) out as (b, n, nodes, 4): red, green, blue, 0."""
    program = tl.program_id(0)  # of one axis, as the others end at 65535
    which = (program // blocks).to(tl.int64)
    node = program % blocks * BLOCK + tl.arange(0, BLOCK)
    inside = node < nodes
    red = lut + which // count * lut_b + which % count * lut_n + node
    green = red + nodes
    planes = (tl.load(red, inside), tl.load(green, inside), tl.load(green + nodes, inside))
    pointers = table + (which * nodes + node)[:, None] * 4 + tl.arange(0, 4)[None, :]
    tl.store(pointers, _join(*planes), inside[:, None])


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
        node, x, y, z = _cell(colour, SIZE)
        copy = tl.program_id(0) % copies
        for k in range(count):
            lut = _lut(table, sample, k, step_b, step_n, True)
            looked_up = _lookup(lut, node, x, y, z, SIZE, True)
            blended = _blend(colour, looked_up, alpha)
            given = _load_rgb(source + tl.cast(k, tl.int64) * grad_n, grad_c, inside).to(tl.float32)
            # The last clamp hands gradients on from 0 to 1, which excludes NaN.
            passed = tl.where((alpha > 0) & (blended >= 0) & (blended <= 1), given, 0.0)
            to_lut = alpha * passed
            # Where nothing passes, nothing is added: not the NaN that 0 * NaN would be either.
            some = (tl.max((to_lut != 0).to(tl.int32), 1) > 0)[:, None]
            if grad_mask is not None:
                to_mask += tl.sum(tl.where(passed != 0, passed * (looked_up - colour), 0.0), 1)
            if grad_image is not None:
                slope = tl.where(some, _slope(lut, node, x, y, z, to_lut, SIZE), 0.0)
                moved = (1 - alpha) * passed + (SIZE - 1) * slope
                # So does the first clamp, which the background does not go through.
                moved = tl.where((pixel >= 0) & (pixel <= 1), moved, 0.0)
                to_image += tl.where(alpha > 0, moved, given)
            if grad_table is not None:
                first = ((copy * batch + sample) * count + k) * (SIZE * SIZE * SIZE * 4)
                _scatter(grad_table + first, node, x, y, z, to_lut, some, SIZE)
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
    """The sample, row and columns of this program's turn, and which of these columns there are."""
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
    """Mask values as (BLOCK, 1), and whether any is foreground; NaN counts as background."""
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
    return _join(_load(red, inside), _load(green, inside), _load(green + stride, inside))


@triton.jit
def _store_rgb(red, stride, value, inside):
    r, g, b = _split(value)
    tl.store(red, r, inside, eviction_policy="evict_first")
    tl.store(red + stride, g, inside, eviction_policy="evict_first")
    tl.store(red + 2 * stride, b, inside, eviction_policy="evict_first")


@triton.jit
def _join(r, g, b):
    pairs = tl.join(tl.join(r, b), tl.join(g, tl.zeros_like(r)))  # [pixel, i, j]: 2i + j
    return tl.reshape(pairs, [r.shape[0], 4])


@triton.jit
def _split(value):
    even, odd = tl.split(tl.reshape(value, [value.shape[0], 2, 2]))
    r, b = tl.split(even)
    g, _ = tl.split(odd)
    return r, g, b


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


@triton.jit
def _cell(colour, SIZE: tl.constexpr):
    """The lowest node of each pixel's grid cell, and the pixel's place in it, 0 to 1 an axis."""
    position = colour * (SIZE - 1)
    # A 1 lies at the end of the last cell, not in one beyond; NaN compares false and joins it.
    cell = tl.where(position < SIZE - 2, position, SIZE - 2.0).to(tl.int32)
    x, y, z = _split(position - cell.to(tl.float32))
    r, g, b = _split(cell)
    return r + SIZE * (g + SIZE * b), x, y, z


@triton.jit
def _corner(table, node, corner: tl.constexpr, SIZE: tl.constexpr):
    """Pointers to the four floats of a corner of the cell; bits 0, 1, 2 of `corner`: r, g, b."""
    step = (corner & 1) + (corner >> 1 & 1) * SIZE + (corner >> 2) * SIZE * SIZE
    return table + (node + step)[:, None] * 4 + tl.arange(0, 4)[None, :]


@triton.jit
def _weights(corner: tl.constexpr, x, y, z):
    return (
        x if corner & 1 else 1 - x,
        y if corner >> 1 & 1 else 1 - y,
        z if corner >> 2 else 1 - z,
    )


@triton.jit
def _lut(table, sample, k, step_b, step_n, PACKED: tl.constexpr):
    """The table of LUT k of a sample; steps count nodes where these are packed, else floats."""
    offset = sample * step_b + tl.cast(k, tl.int64) * step_n
    # A factor that the compiler sees: a node's address is a multiple of 16.
    return table + offset * (4 if PACKED else 1)


@triton.jit
def _lookup(table, node, x, y, z, SIZE: tl.constexpr, PACKED: tl.constexpr):
    """The colours (BLOCK, 4) at places in grid cells, of a packed table or of its three planes."""
    if PACKED:
        first = _corner(table, node, 0, SIZE)
        colour = _trilinear(first, x[:, None], y[:, None], z[:, None], 4, SIZE)
    else:
        red = table + node
        green = red + SIZE * SIZE * SIZE
        blue = green + SIZE * SIZE * SIZE
        colour = _join(
            _trilinear(red, x, y, z, 1, SIZE),
            _trilinear(green, x, y, z, 1, SIZE),
            _trilinear(blue, x, y, z, 1, SIZE),
        )
    return colour


@triton.jit
def _trilinear(first, x, y, z, STEP: tl.constexpr, SIZE: tl.constexpr):
    """Between the corners of a cell, of which pointers to the first are given."""
    near = _bilinear(first, x, y, STEP, SIZE)
    far = _bilinear(first + STEP * SIZE * SIZE, x, y, STEP, SIZE)
    return _lerp(near, far, z)


@triton.jit
def _bilinear(first, x, y, STEP: tl.constexpr, SIZE: tl.constexpr):
    second = first + STEP * SIZE
    low = _lerp(tl.load(first), tl.load(first + STEP), x)
    high = _lerp(tl.load(second), tl.load(second + STEP), x)
    return _lerp(low, high, y)


@triton.jit
def _lerp(start, end, share):
    # Unlike a weighted sum, exact between equal nodes.
    return start + share * (end - start)


@triton.jit
def _slope(table, node, x, y, z, grad, SIZE: tl.constexpr):
    """The gradient of a lookup for (x, y, z): the slope of the nodes' products with `grad`."""
    slope_x = tl.zeros_like(x)
    slope_y = tl.zeros_like(y)
    slope_z = tl.zeros_like(z)
    for corner in tl.static_range(8):
        wx, wy, wz = _weights(corner, x, y, z)
        product = tl.sum(tl.load(_corner(table, node, corner, SIZE)) * grad, 1)
        slope_x += (1 if corner & 1 else -1) * (wy * wz * product)
        slope_y += (1 if corner >> 1 & 1 else -1) * (wx * wz * product)
        slope_z += (1 if corner >> 2 else -1) * (wx * wy * product)
    return _join(slope_x, slope_y, slope_z)


@triton.jit
def _scatter(table, node, x, y, z, grad, some, SIZE: tl.constexpr):
    """Add the gradients of some pixels to the eight nodes around each."""
    for corner in tl.static_range(8):
        wx, wy, wz = _weights(corner, x, y, z)
        pointers = _corner(table, node, corner, SIZE)
        tl.atomic_add(pointers, (wx * wy * wz)[:, None] * grad, some, sem="relaxed")
