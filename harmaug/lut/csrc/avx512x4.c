/* The forward kernel for several LUTs of an image, on x86 with AVX-512: a node of four LUTs is one
   load.

   Four LUTs take two thirds of the arithmetic and a quarter of the memory of four single LUTs in
   avx512.c, which keeps each node four times. */
#include "lut.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include "avx512.h"

#define GROUP 4
#include "avx512x4.h"

#include "forward.h"

#include "judge.h"

TARGET INLINE void lookup(const float *table, int64_t size, const Place *place, int64_t i,
                          vec value[GROUP][3])
{
    const int64_t row = STEP_GREEN(size), plane = STEP_BLUE(size);
    const float *red = place->fraction[0] + i, *green = place->fraction[1] + i;
    const float *blue = place->fraction[2] + i;
    vec fours[3][4]; /* quarters: pixels 4k to 4k + 3 in each LUT */
    for (int k = 0; k < 4; k++) {
        vec pixel[4], planes[3];
        for (int j = 0; j < 4; j++) {
            const int at = 4 * k + j;
            pixel[j] =
                trilinear(table + place->offset[i + at], row, plane, red[at], green[at], blue[at]);
        }
        to_planes(pixel, planes);
        for (int c = 0; c < 3; c++)
            fours[c][k] = planes[c];
    }
    for (int c = 0; c < 3; c++) {
        vec luts[4];
        swap_quarters(fours[c], luts);
        for (int lut = 0; lut < GROUP; lut++)
            value[lut][c] = luts[lut];
    }
}

static int supported(void) { return has_avx512(); }

static int serves(const Job *job, int backward) { return !backward && !job->tetrahedral && !is_grid(job); }

static int pays(const Job *job) { return job->luts > GROUP / 2; }

const Kernel harmaug_avx512x4 = {
    .name = "avx512x4",
    .supported = supported,
    .serves = serves,
    .pays = pays,
    .group = GROUP,
    .table_floats = table_floats,
    .build = build,
    .forward = forward,
    .judge = judge_luts,
};

#else

static int supported(void) { return 0; }

const Kernel harmaug_avx512x4 = {.name = "avx512x4", .supported = supported};

#endif
