/* A block of pixels: its colours as floats, and its place in LUTs.

   Included once per instruction set, after that file has defined
     TARGET                function attributes
     WIDTH                 floats in a vector
     vec, mask             a vector of floats, a vector of truth values
     v_load, v_store       unaligned
     v_stream, v_fence     store past the caches, aligned to a vector; wait for such stores
     v_splat               one float in all lanes
     v_fused               a * b + c, the same bits in every kernel of a machine
     v_unit                clamped to [0, 1]; NaN stays NaN
     v_atmost, v_atleast   the smaller, the larger of value and limit; the limit where the value
                           is NaN
     v_floor
     v_root                  the square root
     v_two_to                2^value of whole numbers within [-126, 127]
     v_above, v_select     a > b; mask ? a : b
     v_any                 whether any lane is true
     v_store_offset        whole numbers, as int32
     STEP_RED, STEP_GREEN, STEP_BLUE  floats from one cell of the table to the next along an axis,
                           by size of the LUT
     v_from_bytes, v_to_bytes    WIDTH numbers of [0, 256), truncating; NaN to 0
     v_from_halves, v_to_halves  WIDTH float16, rounding to nearest even
   Elsewhere `a * b + c` and the like are written with operators, fused where compilers like. */
#include "rows.h"

#include "convert.h"
#include "grid.h"

TARGET INLINE vec magnitude(vec value) { return v_atleast(value, v_splat(0.0f) - value); }

/* The sum over the lanes. */
TARGET INLINE double total(vec values)
{
    float lane[WIDTH];
    double sum = 0;
    v_store(lane, values);
    for (int i = 0; i < WIDTH; i++)
        sum += lane[i];
    return sum;
}

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

/* Where the pixels of a block lie in LUTs. */
typedef struct {
    _Alignas(64) int32_t offset[BLOCK];    /* of the cell in the table, in floats */
    _Alignas(64) float fraction[3][BLOCK]; /* position inside the cell: red, green, blue */
    int tetrahedral;                       /* between four corners of the cell, not eight: */
    _Alignas(64) int32_t corner[2][BLOCK]; /* the second and the third, as offset */
    int gridded;                           /* between LUTs of a grid: */
    Spot spot;
} Place;

/* Three channels of a block as elements and as floats. */
typedef struct {
    Elements elements;
    float wide[3][BLOCK];
    const float *floats[3];
} Pixels;

TARGET static inline void read_pixels(const View *view, int64_t offset, int64_t count, Pixels *to)
{
    read_elements(view, offset, count, &to->elements);
    for (int channel = 0; channel < 3; channel++)
        to->floats[channel] =
            widen(view->dtype, to->elements.at[channel], padded(count), to->wide[channel]);
}

TARGET static inline const float *read_mask(const View *view, int64_t image, int64_t row,
                                            int64_t column, int64_t count, Row *raw, float *wide)
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

TARGET static inline void locate(const float *const colour[3], int64_t size, int64_t count,
                                 Place *place)
{
    /* Up to 160 nodes an axis, offsets are exact in a float. */
    const vec step[3] = {v_splat((float)STEP_RED(size)), v_splat((float)STEP_GREEN(size)),
                         v_splat((float)STEP_BLUE(size))};
    const vec scale = v_splat((float)(size - 1)), last = v_splat((float)(size - 2));
    for (int64_t i = 0; i < count; i += WIDTH) {
        vec offset = v_splat(0.0f);
        for (int axis = 0; axis < 3; axis++) {
            const vec position = v_unit(v_load(colour[axis] + i)) * scale;
            /* The last cell also holds its upper end, and NaN. */
            const vec cell = v_floor(v_atmost(position, last));
            v_store(place->fraction[axis] + i, position - cell);
            offset = offset + cell * step[axis];
        }
        v_store_offset(place->offset + i, offset);
    }
}

static int64_t table_floats(int64_t size);

#include "corners.h"

/* Finds the pixels of a block of one row, in the LUTs and between those of a grid. */
TARGET static inline void locate_block(const Job *job, const float *const colour[3], int64_t row,
                                       int64_t column, int64_t count, Place *place)
{
    locate(colour, job->size, padded(count), place);
    if (place->gridded)
        locate_in_grid(job, row, column, count, table_floats(job->size), place->offset,
                       &place->spot);
    if (place->tetrahedral)
        find_tetrahedra(job->size, padded(count), place);
}

TARGET static inline int any_above_zero(const float *values, int64_t count)
{
    for (int64_t i = 0; i < count; i += WIDTH)
        if (v_any(v_above(v_load(values + i), v_splat(0.0f))))
            return 1;
    return 0;
}
