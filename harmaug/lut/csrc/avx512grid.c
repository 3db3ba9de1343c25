/* The kernel for grids of LUTs, on x86 with AVX-512: a node of the four LUTs around a cell of the
   grid is one load.

   A pixel is looked up in all four at once, and the four colours are mixed by its place in the
   cell. AVX2 serves fine grids over small images, whose tables would take longer than the
   lookups. */
#include "lut.h"

#if defined(__x86_64__) && defined(__GNUC__)

/* Each pixel is a long chain of steps. Without this GCC writes one chain after the other, and the
   processor does not look far enough ahead to overlap them. */
#ifndef __clang__
#pragma GCC optimize("schedule-insns")
#endif

#include "avx512.h"

#define GROUP 1
#define CELLS 1
#include "avx512x4.h"

#include "forward.h"

#include "backward.h"

#include "judge.h"

/* Mixes four pixels, each in quarters: upper left, upper right, lower left, lower right. */
TARGET INLINE vec mix(const vec pixel[4], vec across, vec down)
{
    /* Pairs: left and right of the first, then of the second. */
    const vec ab = lerp(_mm512_shuffle_f32x4(pixel[0], pixel[1], 0x44),
                        _mm512_shuffle_f32x4(pixel[0], pixel[1], 0xee), down);
    const vec cd = lerp(_mm512_shuffle_f32x4(pixel[2], pixel[3], 0x44),
                        _mm512_shuffle_f32x4(pixel[2], pixel[3], 0xee), down);
    return lerp(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd), across);
}

/* Element j of each quarter, in all of it. */
TARGET INLINE vec in_quarters(vec values, int j)
{
    const __m512i first = _mm512_setr_epi32(0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12);
    return _mm512_permutexvar_ps(_mm512_add_epi32(first, _mm512_set1_epi32(j)), values);
}

TARGET INLINE void lookup(const float *table, int64_t size, const Place *place, int64_t i,
                          vec value[GROUP][3])
{
    const int64_t row = STEP_GREEN(size), plane = STEP_BLUE(size);
    const vec across = _mm512_load_ps(place->spot.across + i), down = v_splat(place->spot.down);
    vec rows[4]; /* pixels j, j + 4, j + 8, j + 12 as (r, g, b, 0) */
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
        vec pixel[4];
        for (int quarter = 0; quarter < 4; quarter++) {
            const int64_t at = i + 4 * quarter + j;
            pixel[quarter] =
                trilinear(table + place->offset[at], row, plane, place->fraction[0][at],
                          place->fraction[1][at], place->fraction[2][at]);
        }
        rows[j] = mix(pixel, in_quarters(across, j), down);
    }
    to_planes(rows, value[0]);
}

/* One pixel in four LUTs: its value, and its slopes along red, green and blue. */
TARGET INLINE void slopes_of(const float *node, int64_t row, int64_t plane, float red, float green,
                             float blue, vec found[4])
{
    const vec r = v_splat(red), g = v_splat(green), b = v_splat(blue);
    vec value[2], green_slope[2], blue_slope[2]; /* of low and of high red */
    for (int end = 0; end < 2; end++, node += STEP_RED(size)) {
        const vec near = v_load(node), far = v_load(node + row);
        const vec near_slope = v_load(node + plane) - near;
        const vec far_slope = v_load(node + row + plane) - far;
        const vec near_blue = v_fused(b, near_slope, near);
        green_slope[end] = v_fused(b, far_slope, far) - near_blue;
        value[end] = v_fused(g, green_slope[end], near_blue);
        blue_slope[end] = lerp(near_slope, far_slope, g);
    }
    found[1] = value[1] - value[0];
    found[0] = v_fused(r, found[1], value[0]);
    found[2] = lerp(green_slope[0], green_slope[1], r);
    found[3] = lerp(blue_slope[0], blue_slope[1], r);
}

TARGET INLINE void lookup_slopes(const float *table, int64_t size, const Place *place, int64_t i,
                                 vec value[3], vec slope[3][3])
{
    const int64_t row = STEP_GREEN(size), plane = STEP_BLUE(size);
    const vec across = _mm512_load_ps(place->spot.across + i), down = v_splat(place->spot.down);
    vec rows[4][4]; /* value and slopes, of pixels j, j + 4, j + 8, j + 12 */
    for (int j = 0; j < 4; j++) {
        vec found[4][4];
        for (int quarter = 0; quarter < 4; quarter++) {
            const int64_t at = i + 4 * quarter + j;
            vec one[4];
            slopes_of(table + place->offset[at], row, plane, place->fraction[0][at],
                      place->fraction[1][at], place->fraction[2][at], one);
            for (int k = 0; k < 4; k++)
                found[k][quarter] = one[k];
        }
        const vec shares = in_quarters(across, j);
        for (int k = 0; k < 4; k++)
            rows[k][j] = mix(found[k], shares, down);
    }
    to_planes(rows[0], value);
    for (int axis = 0; axis < 3; axis++)
        to_planes(rows[axis + 1], slope[axis]);
}

/* Sums lie as the nodes of a table do. */
static int64_t sums_floats(int64_t size) { return table_floats(size); }

TARGET static void scatter(float *sums, int64_t size, const Place *place, const float *weight,
                           const float *gradient, int64_t count)
{
    const int64_t row = STEP_GREEN(size), plane = STEP_BLUE(size);
    const float lower = place->spot.down, upper = 1.0f - lower;
    const vec ones = _mm512_setr_ps(1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0);
    const vec signs = _mm512_setr_ps(-1, -1, -1, -1, 1, 1, 1, 1, -1, -1, -1, -1, 1, 1, 1, 1);
    const vec rows = _mm512_mask_blend_ps(0xff00, v_splat(upper), v_splat(lower));
    for (int64_t i = 0; i < count; i++) {
        if (!(weight[i] > 0.0f))
            continue;
        float *at = sums + place->offset[i];
        const vec g = v_splat(place->fraction[1][i]), b = v_splat(place->fraction[2][i]);
        const vec columns = v_fused(signs, v_splat(place->spot.across[i]), ones);
        const vec pixel =
            _mm512_broadcast_f32x4(_mm_loadu_ps(gradient + NODE * i)) * (rows * columns);
        const vec high = pixel * v_splat(place->fraction[0][i]);
        const vec ends[2] = {pixel - high, high};
        for (int end = 0; end < 2; end++, at += STEP_RED(size)) {
            const vec far = ends[end] * g, near = ends[end] - far;
            const vec far_blue = far * b, near_blue = near * b;
            v_store(at, v_load(at) + (near - near_blue));
            v_store(at + row, v_load(at + row) + (far - far_blue));
            v_store(at + plane, v_load(at + plane) + near_blue);
            v_store(at + row + plane, v_load(at + row + plane) + far_blue);
        }
    }
}

static void fold(const float *sums, int64_t lut, int64_t size, float *gradient)
{
    const int64_t nodes = size * size * size;
    for (int64_t i = 0; i < nodes; i++)
        for (int64_t c = 0; c < 3; c++)
            gradient[c * nodes + i] += sums[i * STEP_RED(size) + lut * NODE + c];
}

static int supported(void) { return has_avx512(); }

static int serves(const Job *job, int backward)
{
    (void)backward;
    return is_grid(job) && !job->tetrahedral;
}

/* Tables of cells hold the inner LUTs of a grid up to four times. */
static int pays(const Job *job)
{
    const int64_t more = 4 * grid_tables(job, 1) - grid_tables(job, 0);
    return 8 * job->height * job->width >= more * job->size * job->size * job->size;
}

const Kernel harmaug_avx512grid = {
    .name = "avx512grid",
    .supported = supported,
    .serves = serves,
    .pays = pays,
    .cells = CELLS,
    .group = GROUP,
    .table_floats = table_floats,
    .build = build,
    .forward = forward,
    .sums_floats = sums_floats,
    .backward = backward,
    .fold = fold,
    .judge = judge_luts,
};

#else

static int supported(void) { return 0; }

const Kernel harmaug_avx512grid = {.name = "avx512grid", .supported = supported};

#endif
