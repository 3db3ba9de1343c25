/* Forward and backward over one image, block by block; compiled once per instruction set.

   The including file defines TARGET (function attributes), NAME(x) and three functions over groups
   of LANES pixels: interpolate, differentiate and scatter. All else is plain C that the compiler
   vectorizes for TARGET. */
#include "convert.h"

enum { BLOCK = 256 }; /* pixels a step: all rows below stay in the first-level cache */

/* Where the pixels of a block lie in the grid. */
typedef struct {
    _Alignas(64) int32_t offset[BLOCK];     /* of the cell's lowest node, in floats */
    _Alignas(64) float fraction[3][BLOCK];  /* red, green, blue: position inside the cell */
    _Alignas(64) uint8_t active[BLOCK / LANES]; /* whether a group has any foreground */
} Place;

/* interpolate: trilinear values of the block's active groups.
   differentiate: also their slopes along red, green, blue, per grid step: slope[axis][channel].
   scatter: adds pixel gradients (r, g, b, 0) to the nodes' sums. */
TARGET static void interpolate(const float *table, int64_t size, const Place *place, int64_t count,
                               float *const value[3]);
TARGET static void differentiate(const float *table, int64_t size, const Place *place,
                                 int64_t count, float (*value)[BLOCK], float (*slope)[3][BLOCK]);
TARGET static void scatter(float *sums, int64_t size, const Place *place, int64_t count,
                           const float *gradient);

TARGET static inline float unit(float value) /* NaN stays NaN */
{
    value = value < 0.0f ? 0.0f : value;
    return value > 1.0f ? 1.0f : value;
}

/* Fills `active`; false where the block is all background. */
TARGET static int find_active(const float *mask, int64_t count, Place *place)
{
    int any = 0;
    for (int64_t group = 0; group < count; group += LANES) {
        int active = !mask;
        for (int i = 0; mask && i < LANES; i++)
            active |= mask[group + i] > 0.0f;
        place->active[group / LANES] = (uint8_t)active;
        any |= active;
    }
    return any;
}

TARGET static void locate(const float *const colour[3], int64_t size, int64_t count, Place *place)
{
    const float scale = (float)(size - 1), last = (float)(size - 2);
    const int32_t row = (int32_t)size * NODE, plane = (int32_t)(size * size) * NODE;
    for (int64_t i = 0; i < count; i++) {
        int32_t cell[3];
        for (int axis = 0; axis < 3; axis++) {
            float position = unit(colour[axis][i]) * scale;
            /* The last cell also holds the upper end, and NaN. */
            cell[axis] = (int32_t)(position < last ? position : last);
            place->fraction[axis][i] = position - (float)cell[axis];
        }
        place->offset[i] = cell[0] * NODE + cell[1] * row + cell[2] * plane;
    }
}

/* In place: looked-up values become composites of a float32 image, others are clamped. */
TARGET static void blend(float *value, const float *colour, const float *mask, int64_t count,
                         int select)
{
    if (!mask) {
        for (int64_t i = 0; i < count; i++)
            value[i] = unit(value[i]);
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        float mixed = unit((1.0f - mask[i]) * unit(colour[i]) + mask[i] * value[i]);
        value[i] = mask[i] > 0.0f || !select ? mixed : colour[i];
    }
}

/* One run of pixels, a whole number of LANES or fewer than LANES, at (row, column). */
TARGET static void forward_run(const Job *job, const float *tables, int64_t image, int64_t row,
                               int64_t column, int64_t count)
{
    _Alignas(64) float colours[3][BLOCK], masks[BLOCK], values[3][BLOCK];
    Place place;
    const View *from = &job->image, *to = &job->result, *where = &job->mask;
    const int64_t padded = (count + LANES - 1) / LANES * LANES;
    const int64_t source = image * from->batch + row * from->row + column * from->column;
    const int64_t target = image * to->batch + row * to->row + column * to->column;
    const int exact = to->dtype == FLOAT32;
    const float *colour[3], *mask = 0;

    if (where->data)
        mask = fetch(where, image * where->batch + row * where->row + column * where->column,
                     count, masks);
    for (int channel = 0; channel < 3; channel++)
        colour[channel] = fetch(from, source + channel * from->channel, count, colours[channel]);
    int any = find_active(mask, padded, &place);
    if (any)
        locate(colour, job->size, padded, &place);

    for (int64_t lut = 0; lut < job->luts; lut++) {
        const int64_t plane = target + lut * to->lut;
        float *value[3];
        for (int channel = 0; channel < 3; channel++)
            value[channel] = place_for(to, plane + channel * to->channel, count, values[channel]);
        if (any)
            interpolate(tables + lut * table_floats(job->size), job->size, &place, padded, value);
        for (int channel = 0; channel < 3; channel++) {
            const int64_t offset = plane + channel * to->channel;
            if (any)
                blend(value[channel], colour[channel], mask, padded, exact);
            else if (exact)
                memcpy(value[channel], colour[channel], (size_t)padded * sizeof(float));
            if (value[channel] == values[channel])
                deliver(value[channel], to, offset, from, source + channel * from->channel,
                        exact ? 0 : mask, count);
        }
    }
}

TARGET static void NAME(forward)(const Job *job, const float *tables, int64_t image, int64_t begin,
                                 int64_t end)
{
    while (begin < end) {
        const int64_t row = begin / job->width, column = begin % job->width;
        int64_t count = job->width - column < end - begin ? job->width - column : end - begin;
        count = count > BLOCK ? BLOCK : count > LANES ? count / LANES * LANES : count;
        forward_run(job, tables, image, row, column, count);
        begin += count;
    }
}

/* What flows back through blend and clamp, for one LUT. `gradient` comes in as that of the
   composite and leaves as that of the looked-up values. */
TARGET static void unblend(float *const gradient[3], float (*value)[BLOCK],
                           const float *const colour[3], const float *mask, const uint8_t *finite,
                           int64_t count, float (*colour_sum)[BLOCK], float *mask_sum)
{
    for (int channel = 0; channel < 3; channel++) {
        for (int64_t i = 0; i < count; i++) {
            float alpha = mask ? mask[i] : 1.0f, c = unit(colour[channel][i]);
            float mixed = (1.0f - alpha) * c + alpha * value[channel][i];
            float incoming = gradient[channel][i];
            int foreground = alpha > 0.0f;
            int open = foreground && finite[i] && mixed >= 0.0f && mixed <= 1.0f;
            mask_sum[i] += open ? incoming * (value[channel][i] - c) : 0.0f;
            colour_sum[channel][i] += open         ? (1.0f - alpha) * incoming
                                      : foreground ? 0.0f
                                                   : incoming;
            gradient[channel][i] = open ? alpha * incoming : 0.0f;
        }
    }
}

TARGET static void backward_run(const Job *job, const float *tables, int64_t image, int64_t row,
                                int64_t column, int64_t count, float *sums)
{
    _Alignas(64) float colours[3][BLOCK], masks[BLOCK], value[3][BLOCK], slope[3][3][BLOCK];
    _Alignas(64) float gradients[3][BLOCK], direct[3][BLOCK], through[3][BLOCK], mask_sum[BLOCK];
    _Alignas(64) float pixels[BLOCK * NODE];
    uint8_t finite[BLOCK];
    Place place;
    const View *from = &job->image, *where = &job->mask, *incoming = &job->result;
    const int64_t padded = (count + LANES - 1) / LANES * LANES;
    const int64_t source = image * from->batch + row * from->row + column * from->column;
    const int need_slope = job->grad_image.data != 0;
    const float scale = (float)(job->size - 1);
    const float *colour[3], *mask = 0;

    if (where->data)
        mask = fetch(where, image * where->batch + row * where->row + column * where->column,
                     count, masks);
    for (int channel = 0; channel < 3; channel++)
        colour[channel] = fetch(from, source + channel * from->channel, count, colours[channel]);
    const int any = find_active(mask, padded, &place);
    if (any) {
        locate(colour, job->size, padded, &place);
        for (int64_t i = 0; i < padded; i++)
            finite[i] = 1;
        for (int axis = 0; axis < 3; axis++) /* a NaN pixel has no gradient, not a NaN one */
            for (int64_t i = 0; i < padded; i++) {
                int number = place.fraction[axis][i] == place.fraction[axis][i];
                finite[i] &= (uint8_t)number;
                place.fraction[axis][i] = number ? place.fraction[axis][i] : 0.0f;
            }
    }
    memset(direct, 0, sizeof direct);
    memset(through, 0, sizeof through);
    memset(mask_sum, 0, sizeof mask_sum);

    for (int64_t lut = 0; lut < job->luts; lut++) {
        const float *table = tables + lut * table_floats(job->size);
        const int64_t first = image * incoming->batch + lut * incoming->lut +
                              row * incoming->row + column * incoming->column;
        float *gradient[3];
        for (int channel = 0; channel < 3; channel++) {
            const float *read = fetch(incoming, first + channel * incoming->channel, count,
                                      gradients[channel]);
            if (read != gradients[channel])
                memcpy(gradients[channel], read, (size_t)padded * sizeof(float));
            gradient[channel] = gradients[channel];
        }
        if (!any) {
            for (int channel = 0; channel < 3; channel++)
                for (int64_t i = 0; i < padded; i++)
                    direct[channel][i] += gradient[channel][i];
            continue;
        }
        if (need_slope)
            differentiate(table, job->size, &place, padded, value, slope);
        else
            interpolate(table, job->size, &place, padded,
                        (float *const[3]){value[0], value[1], value[2]});
        unblend(gradient, value, colour, mask, finite, padded, direct, mask_sum);
        if (need_slope)
            for (int axis = 0; axis < 3; axis++)
                for (int64_t i = 0; i < padded; i++) {
                    float sum = gradient[0][i] * slope[axis][0][i] +
                                gradient[1][i] * slope[axis][1][i] +
                                gradient[2][i] * slope[axis][2][i];
                    through[axis][i] += place.active[i / LANES] ? sum : 0.0f;
                }
        if (sums) {
            for (int64_t i = 0; i < padded; i++) {
                pixels[NODE * i + 0] = gradient[0][i];
                pixels[NODE * i + 1] = gradient[1][i];
                pixels[NODE * i + 2] = gradient[2][i];
                pixels[NODE * i + 3] = 0.0f;
            }
            scatter(sums + lut * sums_floats(job->size), job->size, &place, count, pixels);
        }
    }

    if (job->grad_image.data) {
        const View *to = &job->grad_image;
        const int64_t target = image * to->batch + row * to->row + column * to->column;
        for (int channel = 0; channel < 3; channel++) {
            float *sum = direct[channel];
            for (int64_t i = 0; i < padded; i++) {
                int background = mask && !(mask[i] > 0.0f);
                int inside = colour[channel][i] >= 0.0f && colour[channel][i] <= 1.0f;
                float total = sum[i] + scale * through[channel][i];
                sum[i] = background ? sum[i] : inside ? total : 0.0f;
            }
            deliver(sum, to, target + channel * to->channel, 0, 0, 0, count);
        }
    }
    if (job->grad_mask.data) {
        const View *to = &job->grad_mask;
        deliver(mask_sum, to, image * to->batch + row * to->row + column * to->column, 0, 0, 0,
                count);
    }
}

TARGET static void NAME(backward)(const Job *job, const float *tables, int64_t image, int64_t begin,
                                  int64_t end, float *sums)
{
    while (begin < end) {
        const int64_t row = begin / job->width, column = begin % job->width;
        int64_t count = job->width - column < end - begin ? job->width - column : end - begin;
        count = count > BLOCK ? BLOCK : count > LANES ? count / LANES * LANES : count;
        backward_run(job, tables, image, row, column, count, sums);
        begin += count;
    }
}
