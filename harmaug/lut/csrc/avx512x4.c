/* The forward kernel for several LUTs of an image, on x86 with AVX-512: a node of four LUTs is one
   load.

   Four LUTs take two thirds of the arithmetic and a quarter of the memory of four single LUTs in
   avx512.c, which keeps each node four times. */
#include "lut.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include "avx512.h"

#define GROUP 4
#define STEP_RED(size) (GROUP * NODE)
#define STEP_GREEN(size) (GROUP * NODE * (size))
#define STEP_BLUE(size) (GROUP * NODE * (size) * (size))

#include "block.h"

static int64_t table_floats(int64_t size) { return STEP_BLUE(size) * size; }

TARGET static void build(const float *luts, int64_t step, int64_t count, int64_t size, float *table)
{
    const int64_t nodes = size * size * size;
    for (int64_t i = 0; i < nodes; i++, table += GROUP * NODE)
        for (int64_t lut = 0; lut < GROUP; lut++) {
            const float *at = luts + lut * step + i;
            _mm_store_ps(table + lut * NODE,
                         lut < count ? _mm_setr_ps(at[0], at[nodes], at[2 * nodes], 0.0f)
                                     : _mm_setzero_ps());
        }
}

#include "forward.h"

/* One pixel in four LUTs. */
TARGET INLINE vec trilinear(const float *node, int64_t row, int64_t plane, float red, float green,
                            float blue)
{
    const vec b = v_splat(blue), g = v_splat(green);
#define OVER_BLUE(at) lerp(v_load(at), v_load((at) + plane), b)
    const vec low = lerp(OVER_BLUE(node), OVER_BLUE(node + row), g);
    node += STEP_RED(size);
    const vec high = lerp(OVER_BLUE(node), OVER_BLUE(node + row), g);
#undef OVER_BLUE
    return lerp(low, high, v_splat(red));
}

TARGET INLINE void lookup(const float *table, int64_t size, const Place *place, int64_t i,
                          vec value[GROUP][3])
{
    const int64_t row = STEP_GREEN(size), plane = STEP_BLUE(size);
    const float *red = place->fraction[0] + i, *green = place->fraction[1] + i;
    const float *blue = place->fraction[2] + i;
    vec fours[4][3]; /* quarters: pixels 4k to 4k + 3 in each LUT */
    for (int k = 0; k < 4; k++) {
        vec pixel[4];
        for (int j = 0; j < 4; j++) {
            const int at = 4 * k + j;
            pixel[j] =
                trilinear(table + place->offset[i + at], row, plane, red[at], green[at], blue[at]);
        }
        to_planes(pixel, fours[k]);
    }
    for (int c = 0; c < 3; c++) { /* quarters: LUTs, to pixels */
        const vec low01 = _mm512_shuffle_f32x4(fours[0][c], fours[1][c], 0x44);
        const vec low23 = _mm512_shuffle_f32x4(fours[2][c], fours[3][c], 0x44);
        const vec high01 = _mm512_shuffle_f32x4(fours[0][c], fours[1][c], 0xee);
        const vec high23 = _mm512_shuffle_f32x4(fours[2][c], fours[3][c], 0xee);
        value[0][c] = _mm512_shuffle_f32x4(low01, low23, 0x88);
        value[1][c] = _mm512_shuffle_f32x4(low01, low23, 0xdd);
        value[2][c] = _mm512_shuffle_f32x4(high01, high23, 0x88);
        value[3][c] = _mm512_shuffle_f32x4(high01, high23, 0xdd);
    }
}

static int supported(void) { return has_avx512(); }

static int serves(const Job *job, int backward)
{
    (void)job;
    return !backward;
}

static int pays(const Job *job) { return job->luts > GROUP / 2; }

const Kernel harmaug_avx512x4 = {"avx512x4",   supported, serves,  pays, GROUP,
                                 table_floats, build,     forward, 0,    0};

#else

static int supported(void) { return 0; }

const Kernel harmaug_avx512x4 = {"avx512x4", supported, 0, 0, 1, 0, 0, 0, 0, 0};

#endif
