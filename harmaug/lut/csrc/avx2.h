/* Vectors of AVX2, FMA and F16C as block.h needs them, and the parts that lookups share. */
#include <immintrin.h>

#define TARGET __attribute__((target("avx2,fma,f16c")))
#define WIDTH 8
typedef __m256 vec;
typedef __m256 mask;

TARGET INLINE vec v_load(const float *from) { return _mm256_loadu_ps(from); }
TARGET INLINE void v_store(float *to, vec value) { _mm256_storeu_ps(to, value); }
TARGET INLINE void v_stream(float *to, vec value) { _mm256_stream_ps(to, value); }
TARGET INLINE void v_fence(void) { _mm_sfence(); }
TARGET INLINE vec v_splat(float value) { return _mm256_set1_ps(value); }
TARGET INLINE vec v_fused(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
TARGET INLINE vec v_unit(vec value) /* min and max give their second operand for NaN */
{
    return _mm256_min_ps(v_splat(1.0f), _mm256_max_ps(v_splat(0.0f), value));
}
TARGET INLINE vec v_atmost(vec value, vec limit) { return _mm256_min_ps(value, limit); }
TARGET INLINE vec v_atleast(vec value, vec limit) { return _mm256_max_ps(value, limit); }
TARGET INLINE vec v_floor(vec value) { return _mm256_floor_ps(value); }
TARGET INLINE vec v_root(vec value) { return _mm256_sqrt_ps(value); }
TARGET INLINE vec v_two_to(vec whole)
{
    const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(whole), _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23));
}
TARGET INLINE mask v_above(vec a, vec b) { return _mm256_cmp_ps(a, b, _CMP_GT_OQ); }
TARGET INLINE mask v_within(vec value)
{
    return _mm256_and_ps(_mm256_cmp_ps(value, v_splat(0.0f), _CMP_GE_OQ),
                         _mm256_cmp_ps(value, v_splat(1.0f), _CMP_LE_OQ));
}
TARGET INLINE vec v_select(mask which, vec a, vec b) { return _mm256_blendv_ps(b, a, which); }
TARGET INLINE int v_any(mask which) { return _mm256_movemask_ps(which); }
TARGET INLINE void v_store_offset(int32_t *to, vec numbers)
{
    _mm256_storeu_si256((__m256i *)to, _mm256_cvttps_epi32(numbers));
}

TARGET INLINE vec v_from_bytes(const uint8_t *from)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)from)));
}
TARGET INLINE void v_to_bytes(uint8_t *to, vec value)
{
    const __m256i whole = _mm256_cvttps_epi32(value);
    const __m128i words =
        _mm_packus_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
    _mm_storel_epi64((__m128i *)to, _mm_packus_epi16(words, words));
}
TARGET INLINE vec v_from_halves(const uint16_t *from)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)from));
}
TARGET INLINE void v_to_halves(uint16_t *to, vec value)
{
    _mm_storeu_si128((__m128i *)to, _mm256_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT));
}

TARGET INLINE vec lerp(vec low, vec high, vec fraction)
{
    return _mm256_fmadd_ps(fraction, _mm256_sub_ps(high, low), low);
}

/* Lanes 0-3 of both, and lanes 4-7 of both: all low red neighbours, and all high ones. */
#define LOWS(a, b) _mm256_permute2f128_ps(a, b, 0x20)
#define HIGHS(a, b) _mm256_permute2f128_ps(a, b, 0x31)

/* Four rows [pixel j | pixel j + 4] of (r, g, b, 0) to planes of 8 pixels. */
TARGET INLINE void to_planes(const vec row[4], vec plane[3])
{
    const vec rg01 = _mm256_unpacklo_ps(row[0], row[1]), b01 = _mm256_unpackhi_ps(row[0], row[1]);
    const vec rg23 = _mm256_unpacklo_ps(row[2], row[3]), b23 = _mm256_unpackhi_ps(row[2], row[3]);
    plane[0] = _mm256_shuffle_ps(rg01, rg23, 0x44);
    plane[1] = _mm256_shuffle_ps(rg01, rg23, 0xee);
    plane[2] = _mm256_shuffle_ps(b01, b23, 0x44);
}
