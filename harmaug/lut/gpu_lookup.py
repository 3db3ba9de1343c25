"""Lookups in 3D LUTs for the Triton kernels: cells, trilinear values, slopes and gradients.

A table is the three planes of a LUT, or its nodes packed as four floats (r, g, b, 0). Those of a
grid of LUTs follow each other; `below` and `right` are offsets from one to its neighbours.
"""

# mypy: allow-untyped-defs, allow-untyped-calls

import triton
import triton.language as tl


@triton.jit
def locate(colour, SIZE: tl.constexpr):
    """Return the lowest node of each pixel's cell, and the pixel's place in it, 0 to 1 an axis."""
    position = colour * (SIZE - 1)
    # A 1 lies at the end of the last cell, not in one beyond; so does NaN, which compares false.
    cell = tl.where(position < SIZE - 2, position, SIZE - 2.0).to(tl.int32)
    x, y, z = split(position - cell.to(tl.float32))
    r, g, b = split(cell)
    return r + SIZE * (g + SIZE * b), x, y, z


@triton.jit
def locate_in_grid(row, column, height, width, grid_rows, grid_columns, EACH: tl.constexpr):
    """Return where each pixel lies between the LUTs of a grid, with EACH offsets a LUT.

    That is the offset of the LUT above and left of it, the steps to those below and right, and the
    ways to them, 0 to 1. Columns may run on into the next rows. Whole numbers, as in
    `reference.py`, tell the place.
    """
    column = column.to(tl.int32)  # a signed division of 64 bits takes many times as long
    y = tl.minimum(tl.cast(row, tl.int32) + column // width, height - 1)  # past the last too
    depth = (2 * y + 1) * (grid_rows - 1)
    place = (2 * (column % width) + 1) * (grid_columns - 1)
    lut = depth // (2 * height) * grid_columns + place // (2 * width)
    below = tl.minimum(grid_rows - 1, 1) * grid_columns * EACH
    right = tl.minimum(grid_columns - 1, 1) * EACH
    down = (depth % (2 * height)).to(tl.float32) / (2 * height)
    across = (place % (2 * width)).to(tl.float32) / (2 * width)
    return lut * EACH, below, right, down, across


@triton.jit
def lut_at(table, sample, k, step_b, step_n, PACKED: tl.constexpr):
    """Return the table of LUT k of a sample; steps count nodes if these are packed, else floats."""
    offset = sample * step_b + tl.cast(k, tl.int64) * step_n
    # A factor that the compiler sees: a node's address is a multiple of 16.
    return table + offset * (4 if PACKED else 1)


@triton.jit
def lookup(
    table, node, x, y, z, SIZE: tl.constexpr, PACKED: tl.constexpr, TETRAHEDRAL: tl.constexpr
):
    """Return the colours (BLOCK, 4) at places in grid cells of a table."""
    if PACKED:
        first = _corner(table, node, 0, SIZE)
        colour = _between_nodes(first, x[:, None], y[:, None], z[:, None], 4, SIZE, TETRAHEDRAL)
    else:
        red = table + node
        green = red + SIZE * SIZE * SIZE
        blue = green + SIZE * SIZE * SIZE
        colour = join(
            _between_nodes(red, x, y, z, 1, SIZE, TETRAHEDRAL),
            _between_nodes(green, x, y, z, 1, SIZE, TETRAHEDRAL),
            _between_nodes(blue, x, y, z, 1, SIZE, TETRAHEDRAL),
        )
    return colour


@triton.jit
def lookup_between(
    table,
    node,
    x,
    y,
    z,
    below,
    right,
    down,
    across,
    SIZE: tl.constexpr,
    PACKED: tl.constexpr,
    TETRAHEDRAL: tl.constexpr,
):
    """Return the colours between the four LUTs around each pixel."""
    upper_left = lookup(table, node, x, y, z, SIZE, PACKED, TETRAHEDRAL)
    lower_left = lookup(table, node + below, x, y, z, SIZE, PACKED, TETRAHEDRAL)
    left = _lerp(upper_left, lower_left, down[:, None])
    node += right
    upper_right = lookup(table, node, x, y, z, SIZE, PACKED, TETRAHEDRAL)
    lower_right = lookup(table, node + below, x, y, z, SIZE, PACKED, TETRAHEDRAL)
    return _lerp(left, _lerp(upper_right, lower_right, down[:, None]), across[:, None])


@triton.jit
def share(corner: tl.constexpr, down, across):
    """Return the weight (BLOCK, 1) of one of the four LUTs; bits 0, 1 of `corner`: right, below."""
    row = down if corner >> 1 else 1 - down
    return (row * (across if corner & 1 else 1 - across))[:, None]


@triton.jit
def slope(table, node, x, y, z, grad, SIZE: tl.constexpr, TETRAHEDRAL: tl.constexpr):
    """Return the gradient of a lookup for (x, y, z): slopes of the nodes' products with `grad`."""
    slope_x = tl.zeros_like(x)
    slope_y = tl.zeros_like(y)
    slope_z = tl.zeros_like(z)
    if TETRAHEDRAL:
        second, third = corners(x, y, z, SIZE)
        one = _product(table, node, grad)
        two = _product(table, node + second, grad)
        three = _product(table, node + third, grad)
        four = _product(table, node + 1 + SIZE + SIZE * SIZE, grad)
        first_step, second_step, third_step = two - one, three - two, four - three
        # An axis has the step of its place on the way: the first where its fraction is largest.
        low_x = tl.where(x > z, second_step, third_step)
        slope_x = tl.where(x > y, tl.where(x > z, first_step, second_step), low_x)
        high_y = tl.where(y > z, first_step, second_step)
        slope_y = tl.where(x > y, tl.where(y > z, second_step, third_step), high_y)
        high_z = tl.where(x > z, second_step, first_step)
        low_z = tl.where(x > z, third_step, tl.where(y > z, second_step, first_step))
        slope_z = tl.where(x > y, tl.where(y > z, third_step, high_z), low_z)
    else:
        for corner in tl.static_range(8):
            wx, wy, wz = _weights(corner, x, y, z)
            product = tl.sum(tl.load(_corner(table, node, corner, SIZE)) * grad, 1)
            slope_x += (1 if corner & 1 else -1) * (wy * wz * product)
            slope_y += (1 if corner >> 1 & 1 else -1) * (wx * wz * product)
            slope_z += (1 if corner >> 2 else -1) * (wx * wy * product)
    return join(slope_x, slope_y, slope_z)


@triton.jit
def scatter(table, node, x, y, z, grad, some, SIZE: tl.constexpr, TETRAHEDRAL: tl.constexpr):
    """Add the gradients of some pixels to the nodes around each: four or eight."""
    if TETRAHEDRAL:
        second, third = corners(x, y, z, SIZE)
        high, middle, low = sort(x, y, z)
        _add(table, node, (1 - high)[:, None] * grad, some)
        _add(table, node + second, (high - middle)[:, None] * grad, some)
        _add(table, node + third, (middle - low)[:, None] * grad, some)
        _add(table, node + 1 + SIZE + SIZE * SIZE, low[:, None] * grad, some)
    else:
        for corner in tl.static_range(8):
            wx, wy, wz = _weights(corner, x, y, z)
            pointers = _corner(table, node, corner, SIZE)
            tl.atomic_add(pointers, (wx * wy * wz)[:, None] * grad, some, sem="relaxed")


@triton.jit
def corners(x, y, z, SIZE: tl.constexpr):
    """Return the steps from the lowest corner of a cell to two of a tetrahedron, in nodes.

    The way goes along the axis of the largest fraction, then along that of the middle one, as
    `reference.py` says.
    """
    x_or_z = tl.where(x > z, 1, SIZE * SIZE)
    y_or_z = tl.where(y > z, SIZE, SIZE * SIZE)
    return tl.where(x > y, x_or_z, y_or_z), tl.where(x > y, 1 + y_or_z, SIZE + x_or_z)


@triton.jit
def sort(x, y, z):
    """Return the fractions, the largest first; NaN stays in it."""
    high, low = tl.maximum(x, y), tl.minimum(x, y)
    broken = (x + y + z) * 0
    return tl.maximum(high, z) + broken, tl.maximum(low, tl.minimum(high, z)), tl.minimum(low, z)


@triton.jit
def _product(table, node, grad):
    """Return the products of nodes with `grad`."""
    return tl.sum(tl.load(_node(table, node)) * grad, 1)


@triton.jit
def _add(table, node, value, some):
    tl.atomic_add(_node(table, node), value, some, sem="relaxed")


@triton.jit
def _between_nodes(
    first, x, y, z, STEP: tl.constexpr, SIZE: tl.constexpr, TETRAHEDRAL: tl.constexpr
):
    """Interpolate between the corners of a cell; `first` points to the lowest."""
    if TETRAHEDRAL:
        second, third = corners(x, y, z, SIZE)
        high, middle, low = sort(x, y, z)
        one = tl.load(first)
        two = tl.load(first + STEP * second)
        three = tl.load(first + STEP * third)
        four = tl.load(first + STEP * (1 + SIZE + SIZE * SIZE))
        value = one + high * (two - one) + middle * (three - two) + low * (four - three)
    else:
        near = _bilinear(first, x, y, STEP, SIZE)
        far = _bilinear(first + STEP * SIZE * SIZE, x, y, STEP, SIZE)
        value = _lerp(near, far, z)
    return value


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
def _corner(table, node, corner: tl.constexpr, SIZE: tl.constexpr):
    """Return pointers to the four floats of a cell's corner; bits 0, 1, 2 of `corner`: r, g, b."""
    return _node(
        table, node + (corner & 1) + (corner >> 1 & 1) * SIZE + (corner >> 2) * SIZE * SIZE
    )


@triton.jit
def _node(table, node):
    """Return pointers to the four floats of nodes."""
    return table + node[:, None] * 4 + tl.arange(0, 4)[None, :]


@triton.jit
def _weights(corner: tl.constexpr, x, y, z):
    return (
        x if corner & 1 else 1 - x,
        y if corner >> 1 & 1 else 1 - y,
        z if corner >> 2 else 1 - z,
    )


@triton.jit
def join(r, g, b):
    pairs = tl.join(tl.join(r, b), tl.join(g, tl.zeros_like(r)))  # [pixel, i, j]: 2i + j
    return tl.reshape(pairs, [r.shape[0], 4])


@triton.jit
def split(value):
    even, odd = tl.split(tl.reshape(value, [value.shape[0], 2, 2]))
    r, b = tl.split(even)
    g, _ = tl.split(odd)
    return r, g, b
