/* Tables whose nodes hold four LUTs, 64 bytes each, and the lookup of a pixel in all four; included
   instead of block.h, after avx512.h. */

enum { LUTS = 4 };

#define STEP_RED(size) (LUTS * NODE)
#define STEP_GREEN(size) (LUTS * NODE * (size))
#define STEP_BLUE(size) (LUTS * NODE * (size) * (size))

#include "block.h"

static int64_t table_floats(int64_t size) { return STEP_BLUE(size) * size; }

/* Nodes 4k + j of a LUT, of the 16 from `lut` on, in quarter k of the vectors j. */
TARGET INLINE void load_nodes(const float *lut, int64_t plane, __mmask16 present, vec nodes[4])
{
    const vec red = _mm512_maskz_loadu_ps(present, lut);
    const vec green = _mm512_maskz_loadu_ps(present, lut + plane);
    const vec blue = _mm512_maskz_loadu_ps(present, lut + 2 * plane);
    const vec rg_low = _mm512_unpacklo_ps(red, green), rg_high = _mm512_unpackhi_ps(red, green);
    const vec b_low = _mm512_unpacklo_ps(blue, v_splat(0.0f));
    const vec b_high = _mm512_unpackhi_ps(blue, v_splat(0.0f));
    nodes[0] = _mm512_shuffle_ps(rg_low, b_low, 0x44);
    nodes[1] = _mm512_shuffle_ps(rg_low, b_low, 0xee);
    nodes[2] = _mm512_shuffle_ps(rg_high, b_high, 0x44);
    nodes[3] = _mm512_shuffle_ps(rg_high, b_high, 0xee);
}

TARGET static void build(const float *const *luts, int64_t count, int64_t size, float *table)
{
    const int64_t nodes = size * size * size;
    for (int64_t i = 0; i < nodes; i += 16, table += 16 * LUTS * NODE) {
        const int64_t left = nodes - i < 16 ? nodes - i : 16;
        const __mmask16 present = (__mmask16)((1u << left) - 1);
        vec parts[4][LUTS]; /* [j][LUT] */
        for (int lut = 0; lut < LUTS; lut++) {
            vec four[4];
            load_nodes(luts[lut < count ? lut : 0] + i, nodes, lut < count ? present : 0, four);
            for (int j = 0; j < 4; j++)
                parts[j][lut] = four[j];
        }
        for (int j = 0; j < 4; j++) {
            vec four[4]; /* nodes j, 4 + j, 8 + j, 12 + j */
            swap_quarters(parts[j], four);
            for (int k = 0; k < 4; k++)
                if (4 * k + j < left)
                    _mm512_store_ps(table + (4 * k + j) * LUTS * NODE, four[k]);
        }
    }
}

/* One pixel in four LUTs: a quarter of (r, g, b, 0) each. */
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
