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
     v_store_offset        whole numbers, times CELL, as int32
     CELL, CELL_ROW, CELL_PLANE  floats from a cell to the next along red; cells to the next along
                           green and blue in a table for a given size
     v_from_bytes, v_to_bytes    WIDTH numbers of [0, 256), truncating; NaN to 0
     v_from_halves, v_to_halves  WIDTH float16, rounding to nearest even
   `a * b + c` and the like are written with operators, fused where the machine can. */
#include <string.h>

enum {
    BLOCK = 256, /* pixels a step: a few dozen rows of them fit the first-level cache */
    LANES = 16   /* rows of floats are padded to a multiple of this, the widest vector */
};

/* A contiguous row of elements of any type. */
typedef union {
    _Alignas(64) float floats[BLOCK];
    uint16_t halves[BLOCK];
    uint8_t bytes[BLOCK];
} Row;

static inline int64_t padded(int64_t count) { return (count + LANES - 1) / LANES * LANES; }

#include "convert.h"

/* `count` nodes from three planes of a LUT, each `plane` floats long. */
TARGET INLINE void pack_nodes(const float *restrict lut, int64_t plane, int64_t count,
                                     float *restrict nodes)
{
    for (int64_t i = 0; i < count; i++) {
        nodes[NODE * i + 0] = lut[i];
        nodes[NODE * i + 1] = lut[plane + i];
        nodes[NODE * i + 2] = lut[2 * plane + i];
        nodes[NODE * i + 3] = 0.0f;
    }
}

/* Where the pixels of a block lie in the grid. */
typedef struct {
    _Alignas(64) int32_t offset[BLOCK];    /* of the cell in the table, in floats */
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

static inline void clear_short(Row *row, int64_t count)
{
    if (count < LANES)
        memset(row, 0, LANES * sizeof(float));
}

/* Interleaved pixels to rows and back; copies of a constant step, which compilers vectorize. */
#define INTERLEAVING(type, rows)                                                                \
    TARGET static void split_##rows(const type *restrict from, Row *restrict to, int64_t count) \
    {                                                                                           \
        for (int64_t i = 0; i < count; i++) {                                                   \
            to[0].rows[i] = from[3 * i];                                                        \
            to[1].rows[i] = from[3 * i + 1];                                                    \
            to[2].rows[i] = from[3 * i + 2];                                                    \
        }                                                                                       \
    }                                                                                           \
    TARGET static void join_##rows(const Row *restrict from, type *restrict to, int64_t count)  \
    {                                                                                           \
        for (int64_t i = 0; i < count; i++) {                                                   \
            to[3 * i] = from[0].rows[i];                                                        \
            to[3 * i + 1] = from[1].rows[i];                                                    \
            to[3 * i + 2] = from[2].rows[i];                                                    \
        }                                                                                       \
    }
INTERLEAVING(float, floats)
INTERLEAVING(uint16_t, halves)
INTERLEAVING(uint8_t, bytes)

/* The elements of a row next to each other and padded: where they lie, or copied to `row`. */
TARGET static const void *gather(const View *view, int64_t offset, int64_t count, Row *row)
{
    const int64_t step = view->column;
    const char *from = view->data + offset * element_bytes(view->dtype);
    if (step == 1 && count % LANES == 0)
        return from;
    clear_short(row, count);
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
    if (interleaved(view)) {
        const int bytes = element_bytes(view->dtype);
        const void *from = view->data + offset * bytes;
        for (int channel = 0; channel < 3; channel++)
            clear_short(&pixels->raw[channel], count);
        if (bytes == 4)
            split_floats(from, pixels->raw, count);
        else if (bytes == 2)
            split_halves(from, pixels->raw, count);
        else
            split_bytes(from, pixels->raw, count);
        for (int channel = 0; channel < 3; channel++)
            pixels->elements[channel] = &pixels->raw[channel];
    } else {
        for (int channel = 0; channel < 3; channel++)
            pixels->elements[channel] =
                gather(view, offset + channel * view->channel, count, &pixels->raw[channel]);
    }
    for (int channel = 0; channel < 3; channel++)
        pixels->floats[channel] =
            widen(view->dtype, pixels->elements[channel], padded(count), pixels->wide[channel]);
}

TARGET static void write_pixels(const View *view, int64_t offset, int64_t count, const Row *rows)
{
    const int bytes = element_bytes(view->dtype);
    void *to = view->data + offset * bytes;
    if (!interleaved(view))
        for (int channel = 0; channel < 3; channel++)
            spread(&rows[channel], view, offset + channel * view->channel, count);
    else if (bytes == 4)
        join_floats(rows, to, count);
    else if (bytes == 2)
        join_halves(rows, to, count);
    else
        join_bytes(rows, to, count);
}

TARGET static const float *read_mask(const View *view, int64_t image, int64_t row, int64_t column,
                                     int64_t count, Row *raw, float *wide)
{
    if (!view->data)
        return 0;
    const int64_t offset = image * view->batch + row * view->row + column * view->column;
    return widen(view->dtype, gather(view, offset, count, raw), padded(count), wide);
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
    /* Up to 256 nodes an axis, cell numbers are exact in a float. */
    const vec stride[3] = {v_splat(1.0f), v_splat((float)CELL_ROW(size)),
                           v_splat((float)CELL_PLANE(size))};
    const vec scale = v_splat((float)(size - 1)), last = v_splat((float)(size - 2));
    for (int64_t i = 0; i < count; i += WIDTH) {
        vec number = v_splat(0.0f);
        for (int axis = 0; axis < 3; axis++) {
            const vec position = v_unit(v_load(colour[axis] + i)) * scale;
            /* The last cell also holds its upper end, and NaN. */
            const vec cell = v_floor(v_atmost(position, last));
            v_store(place->fraction[axis] + i, position - cell);
            number = number + cell * stride[axis];
        }
        v_store_offset(place->offset + i, number);
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
