/* Vectors of AVX-512 as block.h needs them, and the parts that lookups share. */
#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,f16c")))
#define WIDTH 16
typedef __m512 vec;
typedef __mmask16 mask;

TARGET INLINE vec v_load(const float *from) { return _mm512_loadu_ps(from); }
TARGET INLINE void v_store(float *to, vec value) { _mm512_storeu_ps(to, value); }
TARGET INLINE void v_stream(float *to, vec value) { _mm512_stream_ps(to, value); }
TARGET INLINE void v_fence(void) { _mm_sfence(); }
TARGET INLINE vec v_splat(float value) { return _mm512_set1_ps(value); }
TARGET INLINE vec v_fused(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
TARGET INLINE vec v_unit(vec value) /* min and max give their second operand for NaN */
{
    return _mm512_min_ps(v_splat(1.0f), _mm512_max_ps(v_splat(0.0f), value));
}
TARGET INLINE vec v_atmost(vec value, vec limit) { return _mm512_min_ps(value, limit); }
TARGET INLINE vec v_atleast(vec value, vec limit) { return _mm512_max_ps(value, limit); }
TARGET INLINE vec v_floor(vec value)
{
    return _mm512_roundscale_ps(value, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
TARGET INLINE vec v_root(vec value) { return _mm512_sqrt_ps(value); }
TARGET INLINE vec v_two_to(vec whole) { return _mm512_scalef_ps(v_splat(1.0f), whole); }
TARGET INLINE mask v_above(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
TARGET INLINE mask v_within(vec value)
{
    return _mm512_mask_cmp_ps_mask(_mm512_cmp_ps_mask(value, v_splat(0.0f), _CMP_GE_OQ), value,
                                   v_splat(1.0f), _CMP_LE_OQ);
}
TARGET INLINE vec v_select(mask which, vec a, vec b) { return _mm512_mask_blend_ps(which, b, a); }
TARGET INLINE int v_any(mask which) { return which; }
TARGET INLINE void v_store_offset(int32_t *to, vec numbers)
{
    _mm512_storeu_si512(to, _mm512_cvttps_epi32(numbers));
}

TARGET INLINE vec v_from_bytes(const uint8_t *from)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)from)));
}
TARGET INLINE void v_to_bytes(uint8_t *to, vec value)
{
    const vec number = _mm512_max_ps(value, v_splat(0.0f));
    _mm_storeu_si128((__m128i *)to, _mm512_cvtusepi32_epi8(_mm512_cvttps_epi32(number)));
}
TARGET INLINE vec v_from_halves(const uint16_t *from)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)from));
}
TARGET INLINE void v_to_halves(uint16_t *to, vec value)
{
    _mm256_storeu_si256((__m256i *)to, _mm512_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT));
}

TARGET INLINE vec lerp(vec low, vec high, vec fraction)
{
    return _mm512_fmadd_ps(fraction, _mm512_sub_ps(high, low), low);
}

/* Four rows of (r, g, b, 0) in every quarter to planes of four in every quarter. */
TARGET INLINE void to_planes(const vec row[4], vec plane[3])
{
    const vec rg01 = _mm512_unpacklo_ps(row[0], row[1]), b01 = _mm512_unpackhi_ps(row[0], row[1]);
    const vec rg23 = _mm512_unpacklo_ps(row[2], row[3]), b23 = _mm512_unpackhi_ps(row[2], row[3]);
    plane[0] = _mm512_shuffle_ps(rg01, rg23, 0x44);
    plane[1] = _mm512_shuffle_ps(rg01, rg23, 0xee);
    plane[2] = _mm512_shuffle_ps(b01, b23, 0x44);
}

/* Four vectors of one quarter of each of four others. */
TARGET INLINE void swap_quarters(const vec from[4], vec to[4])
{
    const vec low01 = _mm512_shuffle_f32x4(from[0], from[1], 0x44);
    const vec low23 = _mm512_shuffle_f32x4(from[2], from[3], 0x44);
    const vec high01 = _mm512_shuffle_f32x4(from[0], from[1], 0xee);
    const vec high23 = _mm512_shuffle_f32x4(from[2], from[3], 0xee);
    to[0] = _mm512_shuffle_f32x4(low01, low23, 0x88);
    to[1] = _mm512_shuffle_f32x4(low01, low23, 0xdd);
    to[2] = _mm512_shuffle_f32x4(high01, high23, 0x88);
    to[3] = _mm512_shuffle_f32x4(high01, high23, 0xdd);
}

static inline int has_avx512(void)
{
    __builtin_cpu_init();
    return harmaug_avx2.supported() && __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl");
}
