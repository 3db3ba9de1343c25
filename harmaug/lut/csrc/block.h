/* A block of pixels: its rows out of and into strided tensors, and its place in the grid.

   Included once per instruction set, after that file has defined
     TARGET                function attributes
     WIDTH                 floats in a vector
     vec, mask             a vector of floats, a vector of truth values
     v_load, v_store       unaligned
     v_splat               one float in all lanes
     v_unit                clamped to [0, 1]; NaN stays NaN
     v_atmost              the smaller of value and limit; the limit where the value is NaN
     v_floor
     v_above, v_select     a > b; mask ? a : b
     v_any                 whether any lane is true
     v_store_nodes         floats that are whole numbers, times NODE, as int32
   `a * b + c` and the like are written with operators, fused where the machine can. */
#include "convert.h"

/* Where the pixels of a block lie in the grid. */
typedef struct {
    _Alignas(64) int32_t offset[BLOCK];    /* of the cell's lowest node, in floats */
    _Alignas(64) float fraction[3][BLOCK]; /* position inside the cell: red, green, blue */
} Place;

/* Three channels of a block as they lie in a tensor, and as floats. */
typedef struct {
    Row raw[3];
    float wide[3][BLOCK];
    const void *elements[3];
    const float *floats[3]; /* padded with zeros to LANES */
} Pixels;

static inline int64_t element_bytes(int64_t type)
{
    return type == FLOAT32 ? 4 : type == FLOAT16 || type == BFLOAT16 ? 2 : 1;
}

static inline int interleaved(const View *view) { return view->channel == 1 && view->column == 3; }

#ifndef PIXEL_BYTES
TARGET static void split_bytes(const uint8_t *restrict from, Row to[3], int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        for (int channel = 0; channel < 3; channel++)
            to[channel].bytes[i] = from[3 * i + channel];
}

TARGET static void join_bytes(const Row from[3], uint8_t *restrict to, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        for (int channel = 0; channel < 3; channel++)
            to[3 * i + channel] = from[channel].bytes[i];
}
#endif

/* The elements of a row next to each other: where they lie, or copied to `row`. */
TARGET static const void *gather(const View *view, int64_t offset, int64_t count, Row *row)
{
    const int64_t step = view->column;
    const char *from = view->data + offset * element_bytes(view->dtype);
    if (step == 1)
        return from;
    switch (element_bytes(view->dtype)) {
    case 4:
        for (int64_t i = 0; i < count; i++)
            row->floats[i] = ((const float *)from)[i * step];
        break;
    case 2:
        for (int64_t i = 0; i < count; i++)
            row->halves[i] = ((const uint16_t *)from)[i * step];
        break;
    default:
        for (int64_t i = 0; i < count; i++)
            row->bytes[i] = ((const uint8_t *)from)[i * step];
    }
    return row;
}

TARGET static void spread(const Row *row, const View *view, int64_t offset, int64_t count)
{
    const int64_t step = view->column, bytes = element_bytes(view->dtype);
    char *to = view->data + offset * bytes;
    if (step == 1) {
        memcpy(to, row, (size_t)(count * bytes));
        return;
    }
    switch (bytes) {
    case 4:
        for (int64_t i = 0; i < count; i++)
            ((float *)to)[i * step] = row->floats[i];
        break;
    case 2:
        for (int64_t i = 0; i < count; i++)
            ((uint16_t *)to)[i * step] = row->halves[i];
        break;
    default:
        for (int64_t i = 0; i < count; i++)
            ((uint8_t *)to)[i * step] = row->bytes[i];
    }
}

TARGET static void read_pixels(const View *view, int64_t offset, int64_t count, Pixels *pixels)
{
    if (interleaved(view) && view->dtype == UINT8) {
        split_bytes((const uint8_t *)view->data + offset, pixels->raw, count);
        for (int channel = 0; channel < 3; channel++)
            pixels->elements[channel] = &pixels->raw[channel];
    } else {
        for (int channel = 0; channel < 3; channel++)
            pixels->elements[channel] =
                gather(view, offset + channel * view->channel, count, &pixels->raw[channel]);
    }
    for (int channel = 0; channel < 3; channel++)
        pixels->floats[channel] =
            widen(view->dtype, pixels->elements[channel], count, pixels->wide[channel]);
}

TARGET static const float *read_mask(const View *view, int64_t image, int64_t row, int64_t column,
                                     int64_t count, Row *raw, float *wide)
{
    if (!view->data)
        return 0;
    const int64_t offset = image * view->batch + row * view->row + column * view->column;
    return widen(view->dtype, gather(view, offset, count, raw), count, wide);
}

/* Where the floats of one channel are to be written: the tensor itself, or `row`. */
static inline float *floats_for(const View *view, int64_t offset, int64_t count, Row *row)
{
    if (view->dtype == FLOAT32 && view->column == 1 && count % LANES == 0)
        return (float *)view->data + offset;
    return row->floats;
}

TARGET static void locate(const float *const colour[3], int64_t size, int64_t count, Place *place)
{
    /* Up to 256 nodes an axis, node numbers are exact in a float. */
    const vec stride[3] = {v_splat(1.0f), v_splat((float)size), v_splat((float)(size * size))};
    const vec scale = v_splat((float)(size - 1)), last = v_splat((float)(size - 2));
    for (int64_t i = 0; i < count; i += WIDTH) {
        vec node = v_splat(0.0f);
        for (int axis = 0; axis < 3; axis++) {
            const vec position = v_unit(v_load(colour[axis] + i)) * scale;
            /* The last cell also holds its upper end, and NaN. */
            const vec cell = v_floor(v_atmost(position, last));
            v_store(place->fraction[axis] + i, position - cell);
            node = node + cell * stride[axis];
        }
        v_store_nodes(place->offset + i, node);
    }
}

TARGET static int any_above_zero(const float *values, int64_t count)
{
    for (int64_t i = 0; i < count; i += WIDTH)
        if (v_any(v_above(v_load(values + i), v_splat(0.0f))))
            return 1;
    return 0;
}

/* The next pixels of [begin, end) to take as one block: in one row, and a whole number of LANES or
   fewer than LANES. */
static inline int64_t block_length(const Job *job, int64_t begin, int64_t end)
{
    const int64_t left = job->width - begin % job->width;
    const int64_t count = left < end - begin ? left : end - begin;
    return count >= BLOCK ? BLOCK : count >= LANES ? count / LANES * LANES : count;
}
