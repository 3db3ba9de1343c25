/* The kernel for ARM with NEON (every AArch64): a node is one register. */
#include "lut.h"

#if defined(__aarch64__) && defined(__GNUC__)

#include <arm_neon.h>
#include <string.h>

#define TARGET
#define WIDTH 4
#define GROUP 1
#define STEP_RED(size) NODE
#define STEP_GREEN(size) (NODE * (size))
#define STEP_BLUE(size) (NODE * (size) * (size))
typedef float32x4_t vec;
typedef uint32x4_t mask;

INLINE vec v_load(const float *from) { return vld1q_f32(from); }
INLINE void v_store(float *to, vec value) { vst1q_f32(to, value); }
INLINE void v_stream(float *to, vec value) { vst1q_f32(to, value); }
INLINE void v_fence(void) {}
INLINE vec v_splat(float value) { return vdupq_n_f32(value); }
INLINE vec v_fused(vec a, vec b, vec c) { return vfmaq_f32(c, a, b); }
INLINE vec v_unit(vec value) /* NaN stays NaN */
{
    return vminq_f32(v_splat(1.0f), vmaxq_f32(v_splat(0.0f), value));
}
INLINE vec v_atmost(vec value, vec limit) { return vminnmq_f32(value, limit); }
INLINE vec v_atleast(vec value, vec limit) { return vmaxnmq_f32(value, limit); }
INLINE vec v_floor(vec value) { return vrndmq_f32(value); }
INLINE vec v_root(vec value) { return vsqrtq_f32(value); }
INLINE vec v_two_to(vec whole)
{
    const int32x4_t exponent = vaddq_s32(vcvtq_s32_f32(whole), vdupq_n_s32(127));
    return vreinterpretq_f32_s32(vshlq_n_s32(exponent, 23));
}
INLINE mask v_above(vec a, vec b) { return vcgtq_f32(a, b); }
INLINE mask v_within(vec value)
{
    return vandq_u32(vcgeq_f32(value, v_splat(0.0f)), vcleq_f32(value, v_splat(1.0f)));
}
INLINE vec v_select(mask which, vec a, vec b) { return vbslq_f32(which, a, b); }
INLINE int v_any(mask which) { return vmaxvq_u32(which) != 0; }
INLINE void v_store_offset(int32_t *to, vec numbers) { vst1q_s32(to, vcvtq_s32_f32(numbers)); }
INLINE vec v_from_bytes(const uint8_t *from)
{
    uint32_t four;
    memcpy(&four, from, sizeof four);
    const uint16x8_t words = vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(four)));
    return vcvtq_f32_u32(vmovl_u16(vget_low_u16(words)));
}
INLINE void v_to_bytes(uint8_t *to, vec value)
{
    const uint16x4_t words = vqmovn_u32(vcvtq_u32_f32(value)); /* NaN converts to 0 */
    const uint8x8_t bytes = vqmovn_u16(vcombine_u16(words, words));
    const uint32_t four = vget_lane_u32(vreinterpret_u32_u8(bytes), 0);
    memcpy(to, &four, sizeof four);
}
INLINE vec v_from_halves(const uint16_t *from)
{
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(from)));
}
INLINE void v_to_halves(uint16_t *to, vec value)
{
    vst1_u16(to, vreinterpret_u16_f16(vcvt_f16_f32(value)));
}

#include "block.h"

static int64_t table_floats(int64_t size) { return size * size * size * NODE; }

static void build(const float *const *luts, int64_t count, int64_t size, float *table)
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

INLINE vec lerp(vec low, vec high, float fraction)
{
    return vfmaq_n_f32(low, vsubq_f32(high, low), fraction);
}

/* Four pixels (r, g, b, 0) to planes. */
INLINE void to_planes(const vec pixel[4], vec plane[3])
{
    const vec even = vtrn1q_f32(pixel[0], pixel[1]), odd = vtrn2q_f32(pixel[0], pixel[1]);
    const vec even2 = vtrn1q_f32(pixel[2], pixel[3]), odd2 = vtrn2q_f32(pixel[2], pixel[3]);
#define JOIN(zip, a, b)                                                                            \
    vreinterpretq_f32_f64(zip(vreinterpretq_f64_f32(a), vreinterpretq_f64_f32(b)))
    plane[0] = JOIN(vzip1q_f64, even, even2);
    plane[1] = JOIN(vzip1q_f64, odd, odd2);
    plane[2] = JOIN(vzip2q_f64, even, even2);
#undef JOIN
}

INLINE void load_nodes(const float *table, const int32_t *offset, vec plane[3])
{
    const vec pixel[4] = {v_load(table + offset[0]), v_load(table + offset[1]),
                          v_load(table + offset[2]), v_load(table + offset[3])};
    to_planes(pixel, plane);
}

INLINE void lookup(const float *table, int64_t size, const Place *place, int64_t i,
                   vec value[GROUP][3])
{
    const int64_t row = size * NODE, plane = size * row;
    vec pixel[4];
    for (int j = 0; j < 4; j++) {
        const float *at = table + place->offset[i + j];
        const float r = place->fraction[0][i + j], g = place->fraction[1][i + j],
                    b = place->fraction[2][i + j];
        const vec low = lerp(lerp(v_load(at), v_load(at + plane), b),
                             lerp(v_load(at + row), v_load(at + row + plane), b), g);
        at += NODE;
        const vec high = lerp(lerp(v_load(at), v_load(at + plane), b),
                              lerp(v_load(at + row), v_load(at + row + plane), b), g);
        pixel[j] = lerp(low, high, r);
    }
    to_planes(pixel, value[0]);
}

INLINE void lookup_slopes(const float *table, int64_t size, const Place *place, int64_t i,
                          vec value[3], vec slope[3][3])
{
    const int64_t row = size * NODE, plane = size * row;
    vec pixel[4], slopes[3][4];
    for (int j = 0; j < 4; j++) {
        const float r = place->fraction[0][i + j], g = place->fraction[1][i + j],
                    b = place->fraction[2][i + j];
        vec green_line[2][2], blue_slope[2][2]; /* [red][green] */
        for (int red = 0; red < 2; red++)
            for (int green = 0; green < 2; green++) {
                const float *at = table + place->offset[i + j] + red * NODE + green * row;
                blue_slope[red][green] = vsubq_f32(v_load(at + plane), v_load(at));
                green_line[red][green] = vfmaq_n_f32(v_load(at), blue_slope[red][green], b);
            }
        const vec low = lerp(green_line[0][0], green_line[0][1], g);
        const vec high = lerp(green_line[1][0], green_line[1][1], g);
        pixel[j] = lerp(low, high, r);
        slopes[0][j] = vsubq_f32(high, low);
        slopes[1][j] = lerp(vsubq_f32(green_line[0][1], green_line[0][0]),
                            vsubq_f32(green_line[1][1], green_line[1][0]), r);
        slopes[2][j] = lerp(lerp(blue_slope[0][0], blue_slope[0][1], g),
                            lerp(blue_slope[1][0], blue_slope[1][1], g), r);
    }
    to_planes(pixel, value);
    for (int axis = 0; axis < 3; axis++)
        to_planes(slopes[axis], slope[axis]);
}

static void scatter(float *sums, int64_t size, const Place *place, const float *weight,
                    const float *gradient, int64_t count)
{
    const int64_t row = (size - 1) * INTERVAL, plane = size * row;
    for (int64_t i = 0; i < count; i++) {
        if (!(weight[i] > 0.0f))
            continue;
        float *at = sums + interval_offset(place->offset[i], size);
        const vec pixel = v_load(gradient + NODE * i);
        const vec high = vmulq_n_f32(pixel, place->fraction[0][i]);
        const vec ends[2] = {vsubq_f32(pixel, high), high};
        for (int end = 0; end < 2; end++, at += NODE) {
            const vec far = vmulq_n_f32(ends[end], place->fraction[1][i]);
            const vec near = vsubq_f32(ends[end], far);
            const vec far_blue = vmulq_n_f32(far, place->fraction[2][i]);
            const vec near_blue = vmulq_n_f32(near, place->fraction[2][i]);
            v_store(at, v_load(at) + vsubq_f32(near, near_blue));
            v_store(at + row, v_load(at + row) + vsubq_f32(far, far_blue));
            v_store(at + plane, v_load(at + plane) + near_blue);
            v_store(at + row + plane, v_load(at + row + plane) + far_blue);
        }
    }
}

static int supported(void) { return 1; }

const Kernel harmaug_neon = {
    .name = "neon",
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

const Kernel harmaug_neon = {.name = "neon", .supported = supported};

#endif
