/* Lookups in one LUT, or between the four of a grid that are around a pixel, and their gradients;
   included after block.h by kernels whose tables hold one LUT. */
#include "one.h"

/* Tables from that of the upper left LUT to the next ones: right, below, and both. */
static inline int64_t neighbour(const Spot *spot, int corner)
{
    return (corner & 1 ? spot->right : 0) + (corner & 2 ? spot->below : 0);
}

TARGET INLINE vec mix(vec upper_left, vec upper_right, vec lower_left, vec lower_right, vec across,
                      vec down)
{
    const vec left = v_fused(down, lower_left - upper_left, upper_left);
    const vec right = v_fused(down, lower_right - upper_right, upper_right);
    return v_fused(across, right - left, left);
}

TARGET static void lookup_in_four(const float *table, int64_t size, const Place *place, int64_t i,
                                  vec value[GROUP][3])
{
    const vec across = v_load(place->spot.across + i), down = v_splat(place->spot.down);
    vec four[4][GROUP][3];
    for (int k = 0; k < 4; k++)
        lookup_in_one(table + neighbour(&place->spot, k) * table_floats(size), size, place, i, four[k]);
    for (int c = 0; c < 3; c++)
        value[0][c] =
            mix(four[0][0][c], four[1][0][c], four[2][0][c], four[3][0][c], across, down);
}

TARGET static void slopes_in_four(const float *table, int64_t size, const Place *place, int64_t i,
                                  vec value[3], vec slope[3][3])
{
    const vec across = v_load(place->spot.across + i), down = v_splat(place->spot.down);
    vec values[4][3], slopes[4][3][3];
    for (int k = 0; k < 4; k++)
        slopes_in_one(table + neighbour(&place->spot, k) * table_floats(size), size, place, i,
                      values[k], slopes[k]);
    for (int c = 0; c < 3; c++) {
        value[c] = mix(values[0][c], values[1][c], values[2][c], values[3][c], across, down);
        for (int axis = 0; axis < 3; axis++)
            slope[axis][c] = mix(slopes[0][axis][c], slopes[1][axis][c], slopes[2][axis][c],
                                 slopes[3][axis][c], across, down);
    }
}

/* Adds each of the four LUTs' share of the gradients. */
TARGET static void scatter_to_four(float *sums, int64_t size, const Place *place,
                                   const float *weight, const float *gradient, int64_t count)
{
    const Spot *spot = &place->spot;
    float share[BLOCK * NODE];
    for (int k = 0; k < 4; k++) {
        const float row = k & 2 ? spot->down : 1.0f - spot->down;
        if ((k & 1 && !spot->right) || (k & 2 && !spot->below))
            continue; /* no such LUT */
        for (int64_t i = 0; i < count; i++) {
            const float across = spot->across[i], part = row * (k & 1 ? across : 1.0f - across);
            for (int c = 0; c < NODE; c++)
                share[NODE * i + c] = part * gradient[NODE * i + c];
        }
        scatter_to_one(sums + neighbour(spot, k) * sums_floats(size), size, place, weight, share, count);
    }
}

TARGET INLINE void lookup_between(const float *table, int64_t size, const Place *place, int64_t i,
                                  vec value[GROUP][3])
{
    if (place->gridded)
        lookup_in_four(table, size, place, i, value);
    else
        lookup_in_one(table, size, place, i, value);
}

TARGET INLINE void slopes_between(const float *table, int64_t size, const Place *place, int64_t i,
                                  vec value[3], vec slope[3][3])
{
    if (place->gridded)
        slopes_in_four(table, size, place, i, value, slope);
    else
        slopes_in_one(table, size, place, i, value, slope);
}

TARGET static void scatter_between(float *sums, int64_t size, const Place *place,
                                   const float *weight, const float *gradient, int64_t count)
{
    if (place->gridded)
        scatter_to_four(sums, size, place, weight, gradient, count);
    else
        scatter_to_one(sums, size, place, weight, gradient, count);
}

#define LOOKUP lookup_between
#define SLOPES slopes_between
#define SCATTER scatter_between
