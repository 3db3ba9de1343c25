/* Steps over groups of pixels in 256-bit registers, for AVX2 and AVX-512. */

TARGET static inline __m256 lerp(__m256 low, __m256 high, __m256 fraction)
{
    return _mm256_fmadd_ps(fraction, _mm256_sub_ps(high, low), low);
}

/* Lanes 0-3 of both, and lanes 4-7 of both: all low red neighbours, and all high ones. */
#define LOWS(a, b) _mm256_permute2f128_ps(a, b, 0x20)
#define HIGHS(a, b) _mm256_permute2f128_ps(a, b, 0x31)

/* Four rows [pixel j | pixel j + 4] of (r, g, b, 0) -> planes of 8 pixels. */
TARGET static inline void to_planes(const __m256 q[4], __m256 plane[3])
{
    __m256 rg01 = _mm256_unpacklo_ps(q[0], q[1]), b01 = _mm256_unpackhi_ps(q[0], q[1]);
    __m256 rg23 = _mm256_unpacklo_ps(q[2], q[3]), b23 = _mm256_unpackhi_ps(q[2], q[3]);
    plane[0] = _mm256_shuffle_ps(rg01, rg23, 0x44);
    plane[1] = _mm256_shuffle_ps(rg01, rg23, 0xee);
    plane[2] = _mm256_shuffle_ps(b01, b23, 0x44);
}

TARGET static inline __m256 bilinear(const float *node, int64_t row, int64_t plane, float green,
                                     float blue)
{
    const __m256 b = _mm256_set1_ps(blue);
    __m256 near = lerp(_mm256_loadu_ps(node), _mm256_loadu_ps(node + plane), b);
    __m256 far = lerp(_mm256_loadu_ps(node + row), _mm256_loadu_ps(node + row + plane), b);
    return lerp(near, far, _mm256_set1_ps(green));
}

TARGET static void interpolate(const float *table, int64_t size, const Place *place, int64_t count,
                               float *const value[3])
{
    const int64_t row = size * NODE, plane = size * row;
    for (int64_t i = 0; i < count; i += 8) {
        if (!place->active[i / LANES])
            continue;
        const __m256 red = _mm256_load_ps(place->fraction[0] + i);
        const float *green = place->fraction[1] + i, *blue = place->fraction[2] + i;
        const int32_t *offset = place->offset + i;
        __m256 q[4], planes[3];
#define PAIR(j)                                                                                 \
    do {                                                                                        \
        __m256 a = bilinear(table + offset[j], row, plane, green[j], blue[j]);                  \
        __m256 b = bilinear(table + offset[j + 4], row, plane, green[j + 4], blue[j + 4]);      \
        q[j] = lerp(LOWS(a, b), HIGHS(a, b), _mm256_permute_ps(red, (j) * 0x55));               \
    } while (0)
        PAIR(0);
        PAIR(1);
        PAIR(2);
        PAIR(3);
#undef PAIR
        to_planes(q, planes);
        for (int c = 0; c < 3; c++)
            _mm256_storeu_ps(value[c] + i, planes[c]);
    }
}

TARGET static void differentiate(const float *table, int64_t size, const Place *place,
                                 int64_t count, float (*value)[BLOCK], float (*slope)[3][BLOCK])
{
    const int64_t row = size * NODE, plane = size * row;
    for (int64_t i = 0; i < count; i += 8) {
        if (!place->active[i / LANES])
            continue;
        const __m256 red = _mm256_load_ps(place->fraction[0] + i);
        __m256 cell[8], green_slope[8], blue_slope[8], q[4][4], planes[3];
        for (int j = 0; j < 8; j++) {
            const float *node = table + place->offset[i + j];
            const __m256 g = _mm256_set1_ps(place->fraction[1][i + j]);
            const __m256 b = _mm256_set1_ps(place->fraction[2][i + j]);
            __m256 near = _mm256_loadu_ps(node), far = _mm256_loadu_ps(node + row);
            __m256 near_slope = _mm256_sub_ps(_mm256_loadu_ps(node + plane), near);
            __m256 far_slope = _mm256_sub_ps(_mm256_loadu_ps(node + row + plane), far);
            near = _mm256_fmadd_ps(b, near_slope, near);
            far = _mm256_fmadd_ps(b, far_slope, far);
            green_slope[j] = _mm256_sub_ps(far, near);
            blue_slope[j] = lerp(near_slope, far_slope, g);
            cell[j] = _mm256_fmadd_ps(g, green_slope[j], near);
        }
#define PAIR(j)                                                                                 \
    do {                                                                                        \
        const __m256 r = _mm256_permute_ps(red, (j) * 0x55);                                    \
        __m256 low = LOWS(cell[j], cell[j + 4]);                                                \
        q[1][j] = _mm256_sub_ps(HIGHS(cell[j], cell[j + 4]), low);                              \
        q[0][j] = _mm256_fmadd_ps(r, q[1][j], low);                                             \
        q[2][j] = lerp(LOWS(green_slope[j], green_slope[j + 4]),                                \
                       HIGHS(green_slope[j], green_slope[j + 4]), r);                           \
        q[3][j] = lerp(LOWS(blue_slope[j], blue_slope[j + 4]),                                  \
                       HIGHS(blue_slope[j], blue_slope[j + 4]), r);                             \
    } while (0)
        PAIR(0);
        PAIR(1);
        PAIR(2);
        PAIR(3);
#undef PAIR
        to_planes(q[0], planes);
        for (int c = 0; c < 3; c++)
            _mm256_storeu_ps(value[c] + i, planes[c]);
        for (int axis = 0; axis < 3; axis++) {
            to_planes(q[axis + 1], planes);
            for (int c = 0; c < 3; c++)
                _mm256_storeu_ps(slope[axis][c] + i, planes[c]);
        }
    }
}

TARGET static void scatter(float *sums, int64_t size, const Place *place, int64_t count,
                           const float *gradient)
{
    const int64_t row = (size - 1) * INTERVAL, plane = size * row;
    const int32_t size32 = (int32_t)size;
    for (int64_t i = 0; i < count; i++) {
        if (!place->active[i / LANES])
            continue;
        /* Nodes have one more column than intervals. */
        const int32_t node = place->offset[i] / NODE, line = node / size32;
        float *at = sums + (int64_t)(node - line) * INTERVAL;
        const __m256 g = _mm256_set1_ps(place->fraction[1][i]);
        const __m256 b = _mm256_set1_ps(place->fraction[2][i]);
        const __m128 r = _mm_set1_ps(place->fraction[0][i]);
        const __m128 pixel = _mm_load_ps(gradient + NODE * i), high = _mm_mul_ps(pixel, r);
        const __m256 both = _mm256_set_m128(high, _mm_sub_ps(pixel, high));
        const __m256 far = _mm256_mul_ps(both, g), near = _mm256_sub_ps(both, far);
        const __m256 far_blue = _mm256_mul_ps(far, b), near_blue = _mm256_mul_ps(near, b);
#define ADD(where, share) \
    _mm256_storeu_ps(at + (where), _mm256_add_ps(_mm256_loadu_ps(at + (where)), share))
        ADD(0, _mm256_sub_ps(near, near_blue));
        ADD(row, _mm256_sub_ps(far, far_blue));
        ADD(plane, near_blue);
        ADD(row + plane, far_blue);
#undef ADD
    }
}
