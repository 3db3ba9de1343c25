/* The kernel for x86 with AVX2, FMA and F16C: a pixel's two red neighbours are one load. */
#include "lut.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include "avx2.h"

#define GROUP 1
#define STEP_RED(size) NODE
#define STEP_GREEN(size) (NODE * (size))
#define STEP_BLUE(size) (NODE * (size) * (size))

#include "block.h"

static int64_t table_floats(int64_t size) { return size * size * size * NODE; }

TARGET static void build(const float *const *luts, int64_t count, int64_t size, float *table)
{
    (void)count; /* one LUT a table */
    pack_nodes(luts[0], size * size * size, size * size * size, table);
}

#include "between.h"
#include "forward.h"
#include "backward.h"
#include "describe.h"
#include "judge.h"
#include "transport.h"
#include "pool.h"

TARGET INLINE void load_nodes(const float *table, const int32_t *offset, vec plane[3])
{
    vec row[4];
    for (int j = 0; j < 4; j++)
        row[j] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_load_ps(table + offset[j])),
                                      _mm_load_ps(table + offset[j + 4]), 1);
    to_planes(row, plane);
}

/* [low red | high red] of one pixel, green and blue done. */
TARGET INLINE vec bilinear(const float *node, int64_t row, int64_t plane, float green, float blue)
{
    const vec b = _mm256_set1_ps(blue);
    const vec near = lerp(v_load(node), v_load(node + plane), b);
    const vec far = lerp(v_load(node + row), v_load(node + row + plane), b);
    return lerp(near, far, _mm256_set1_ps(green));
}

TARGET INLINE void lookup(const float *table, int64_t size, const Place *place, int64_t i,
                          vec value[GROUP][3])
{
    const int64_t row = size * NODE, plane = size * row;
    const int32_t *offset = place->offset + i;
    const vec red = _mm256_load_ps(place->fraction[0] + i);
    const float *green = place->fraction[1] + i, *blue = place->fraction[2] + i;
    vec pairs[4];
#define PAIR(j)                                                                                    \
    do {                                                                                           \
        const vec a = bilinear(table + offset[j], row, plane, green[j], blue[j]);                  \
        const vec b = bilinear(table + offset[j + 4], row, plane, green[j + 4], blue[j + 4]);      \
        pairs[j] = lerp(LOWS(a, b), HIGHS(a, b), _mm256_permute_ps(red, (j) * 0x55));              \
    } while (0)
    PAIR(0);
    PAIR(1);
    PAIR(2);
    PAIR(3);
#undef PAIR
    to_planes(pairs, value[0]);
}

TARGET INLINE void lookup_slopes(const float *table, int64_t size, const Place *place, int64_t i,
                                 vec value[3], vec slope[3][3])
{
    const int64_t row = size * NODE, plane = size * row;
    const vec red = _mm256_load_ps(place->fraction[0] + i);
    vec cell[8], green_slope[8], blue_slope[8], pairs[4][4];
    for (int j = 0; j < 8; j++) {
        const float *node = table + place->offset[i + j];
        const vec g = v_splat(place->fraction[1][i + j]), b = v_splat(place->fraction[2][i + j]);
        const vec near_slope = _mm256_sub_ps(v_load(node + plane), v_load(node));
        const vec far_slope = _mm256_sub_ps(v_load(node + row + plane), v_load(node + row));
        const vec near = _mm256_fmadd_ps(b, near_slope, v_load(node));
        const vec far = _mm256_fmadd_ps(b, far_slope, v_load(node + row));
        green_slope[j] = _mm256_sub_ps(far, near);
        blue_slope[j] = lerp(near_slope, far_slope, g);
        cell[j] = _mm256_fmadd_ps(g, green_slope[j], near);
    }
#define PAIR(j)                                                                                    \
    do {                                                                                           \
        const vec r = _mm256_permute_ps(red, (j) * 0x55), low = LOWS(cell[j], cell[j + 4]);        \
        pairs[1][j] = _mm256_sub_ps(HIGHS(cell[j], cell[j + 4]), low);                             \
        pairs[0][j] = _mm256_fmadd_ps(r, pairs[1][j], low);                                        \
        pairs[2][j] = lerp(LOWS(green_slope[j], green_slope[j + 4]),                               \
                           HIGHS(green_slope[j], green_slope[j + 4]), r);                          \
        pairs[3][j] = lerp(LOWS(blue_slope[j], blue_slope[j + 4]),                                 \
                           HIGHS(blue_slope[j], blue_slope[j + 4]), r);                            \
    } while (0)
    PAIR(0);
    PAIR(1);
    PAIR(2);
    PAIR(3);
#undef PAIR
    to_planes(pairs[0], value);
    for (int axis = 0; axis < 3; axis++)
        to_planes(pairs[axis + 1], slope[axis]);
}

TARGET static void scatter(float *sums, int64_t size, const Place *place, const float *weight,
                           const float *gradient, int64_t count)
{
    const int64_t row = (size - 1) * INTERVAL, plane = size * row;
    for (int64_t i = 0; i < count; i++) {
        if (!(weight[i] > 0.0f))
            continue;
        float *at = sums + interval_offset(place->offset[i], size);
        const vec g = v_splat(place->fraction[1][i]), b = v_splat(place->fraction[2][i]);
        const __m128 pixel = _mm_loadu_ps(gradient + NODE * i);
        const __m128 high = _mm_mul_ps(pixel, _mm_set1_ps(place->fraction[0][i]));
        const vec both = _mm256_set_m128(high, _mm_sub_ps(pixel, high));
        const vec far = _mm256_mul_ps(both, g), near = _mm256_sub_ps(both, far);
        const vec far_blue = _mm256_mul_ps(far, b), near_blue = _mm256_mul_ps(near, b);
        v_store(at, v_load(at) + _mm256_sub_ps(near, near_blue));
        v_store(at + row, v_load(at + row) + _mm256_sub_ps(far, far_blue));
        v_store(at + plane, v_load(at + plane) + near_blue);
        v_store(at + row + plane, v_load(at + row + plane) + far_blue);
    }
}

static int supported(void)
{
    __builtin_cpu_init();
    /* F16C is older than AVX2, and older compilers cannot ask for it. */
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

const Kernel harmaug_avx2 = {
    .name = "avx2",
    .supported = supported,
    .group = GROUP,
    .table_floats = table_floats,
    .build = build,
    .forward = forward,
    .sums_floats = sums_floats,
    .backward = backward,
    .fold = fold,
    .judge = judge_luts,
    .pool_row = pool_row,
    .describe = describe,
    .transport = transport,
};

#else

static int supported(void) { return 0; }

const Kernel harmaug_avx2 = {.name = "avx2", .supported = supported};

#endif
