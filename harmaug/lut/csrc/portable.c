/* The kernel in portable C, a pixel at a time; the others are tested against it. */
#include "lut.h"

#include <math.h>
#include <string.h>

#define TARGET
#define WIDTH 1
#define GROUP 1
#define STEP_RED(size) NODE
#define STEP_GREEN(size) (NODE * (size))
#define STEP_BLUE(size) (NODE * (size) * (size))
typedef float vec;
typedef int mask;

INLINE float v_load(const float *from) { return *from; }
INLINE void v_store(float *to, float value) { *to = value; }
INLINE void v_stream(float *to, float value) { *to = value; }
INLINE void v_fence(void) {}
INLINE float v_splat(float value) { return value; }
INLINE float v_fused(float a, float b, float c) { return a * b + c; } /* or unfused */
INLINE float v_unit(float value)
{
    value = value < 0.0f ? 0.0f : value;
    return value > 1.0f ? 1.0f : value;
}
INLINE float v_atmost(float value, float limit) { return value < limit ? value : limit; }
INLINE float v_atleast(float value, float limit) { return value > limit ? value : limit; }
INLINE float v_floor(float value) { return (float)(int32_t)value; } /* of 0 and more */
INLINE float v_root(float value) { return sqrtf(value); }
INLINE int v_above(float a, float b) { return a > b; }
INLINE int v_within(float value) { return value >= 0.0f && value <= 1.0f; }
INLINE float v_select(int which, float a, float b) { return which ? a : b; }
INLINE int v_any(int which) { return which; }
INLINE void v_store_offset(int32_t *to, float number) { *to = (int32_t)number; }
INLINE float v_from_bytes(const uint8_t *from) { return *from; }
INLINE void v_to_bytes(uint8_t *to, float value) { *to = (uint8_t)(value > 0.0f ? value : 0.0f); }

INLINE uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

INLINE float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

INLINE float v_two_to(float whole) { return float_of((uint32_t)((int32_t)whole + 127) << 23); }

INLINE float v_from_halves(const uint16_t *from)
{
    const uint32_t sign = (uint32_t)(*from & 0x8000u) << 16;
    const uint32_t magnitude = (uint32_t)(*from & 0x7fffu) << 13;
    if (magnitude >= 0x0f800000u) /* infinity and NaN */
        return float_of(sign | magnitude | 0x7f800000u);
    /* 2^112 moves the exponent bias from 15 to 127, denormals included. */
    return float_of(sign | bits_of(float_of(magnitude) * 0x1p112f));
}

INLINE void v_to_halves(uint16_t *to, float value)
{
    const uint32_t bits = bits_of(value), magnitude = bits & 0x7fffffffu;
    uint32_t half;
    if (magnitude > 0x7f800000u)
        half = 0x7e00u; /* NaN */
    else if (magnitude >= 0x477ff000u)
        half = 0x7c00u;                /* 65520 and more round to infinity */
    else if (magnitude >= 0x38800000u) /* round to nearest even, exponent bias from 127 to 15 */
        half = (magnitude - 0x38000000u + 0xfffu + (magnitude >> 13 & 1u)) >> 13;
    else /* denormal: adding 0.5 makes the adder round at 2^-24, the smallest half */
        half = bits_of(float_of(magnitude) + 0.5f) - 0x3f000000u;
    *to = (uint16_t)((bits >> 16 & 0x8000u) | half);
}

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

INLINE void load_nodes(const float *table, const int32_t *offset, float plane[3])
{
    for (int c = 0; c < 3; c++)
        plane[c] = table[*offset + c];
}

INLINE float lerp(float low, float high, float fraction) { return low + fraction * (high - low); }

INLINE void lookup(const float *table, int64_t size, const Place *place, int64_t i,
                   float value[GROUP][3])
{
    const int64_t row = size * NODE, plane = size * row;
    const float r = place->fraction[0][i], g = place->fraction[1][i], b = place->fraction[2][i];
    for (int c = 0; c < 3; c++) {
        const float *low = table + place->offset[i] + c, *high = low + NODE;
        value[0][c] =
            lerp(lerp(lerp(low[0], low[plane], b), lerp(low[row], low[row + plane], b), g),
                 lerp(lerp(high[0], high[plane], b), lerp(high[row], high[row + plane], b), g), r);
    }
}

INLINE void lookup_slopes(const float *table, int64_t size, const Place *place, int64_t i,
                          float value[3], float slope[3][3])
{
    const int64_t row = size * NODE, plane = size * row;
    const float r = place->fraction[0][i], g = place->fraction[1][i], b = place->fraction[2][i];
    for (int c = 0; c < 3; c++) {
        float over_blue[2][2], blue_slope[2][2]; /* [red][green] */
        for (int red = 0; red < 2; red++)
            for (int green = 0; green < 2; green++) {
                const float *at = table + place->offset[i] + c + red * NODE + green * row;
                blue_slope[red][green] = at[plane] - at[0];
                over_blue[red][green] = at[0] + b * blue_slope[red][green];
            }
        const float low = lerp(over_blue[0][0], over_blue[0][1], g);
        const float high = lerp(over_blue[1][0], over_blue[1][1], g);
        value[c] = lerp(low, high, r);
        slope[0][c] = high - low;
        slope[1][c] = lerp(over_blue[0][1] - over_blue[0][0], over_blue[1][1] - over_blue[1][0], r);
        slope[2][c] = lerp(lerp(blue_slope[0][0], blue_slope[0][1], g),
                           lerp(blue_slope[1][0], blue_slope[1][1], g), r);
    }
}

static void scatter(float *sums, int64_t size, const Place *place, const float *weight,
                    const float *gradient, int64_t count)
{
    const int64_t row = (size - 1) * INTERVAL, plane = size * row;
    for (int64_t i = 0; i < count; i++) {
        if (!(weight[i] > 0.0f))
            continue;
        float *at = sums + interval_offset(place->offset[i], size);
        const float r = place->fraction[0][i], g = place->fraction[1][i], b = place->fraction[2][i];
        const float share[2][2] = {{(1 - b) * (1 - g), (1 - b) * g}, {b * (1 - g), b * g}};
        for (int blue = 0; blue < 2; blue++)
            for (int green = 0; green < 2; green++) {
                float *interval = at + blue * plane + green * row;
                for (int c = 0; c < 3; c++) {
                    const float part = share[blue][green] * gradient[NODE * i + c];
                    interval[c] += (1 - r) * part;
                    interval[NODE + c] += r * part;
                }
            }
    }
}

static int supported(void) { return 1; }

const Kernel harmaug_portable = {
    .name = "portable",
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
