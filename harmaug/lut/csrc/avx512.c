/* The kernel for x86 with AVX-512: as AVX2's, two pixels a register; its backward is AVX2's. */
#include "lut.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,f16c")))
#define WIDTH 16
typedef __m512 vec;
typedef __mmask16 mask;

TARGET static inline vec v_load(const float *from) { return _mm512_loadu_ps(from); }
TARGET static inline void v_store(float *to, vec value) { _mm512_storeu_ps(to, value); }
TARGET static inline vec v_splat(float value) { return _mm512_set1_ps(value); }
TARGET static inline vec v_unit(vec value) /* min and max give their second operand for NaN */
{
    return _mm512_min_ps(v_splat(1.0f), _mm512_max_ps(v_splat(0.0f), value));
}
TARGET static inline vec v_atmost(vec value, vec limit) { return _mm512_min_ps(value, limit); }
TARGET static inline vec v_floor(vec value)
{
    return _mm512_roundscale_ps(value, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
TARGET static inline mask v_above(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
TARGET static inline vec v_select(mask which, vec a, vec b)
{
    return _mm512_mask_blend_ps(which, b, a);
}
TARGET static inline int v_any(mask which) { return which; }
TARGET static inline void v_store_nodes(int32_t *to, vec nodes)
{
    _mm512_storeu_si512(to, _mm512_slli_epi32(_mm512_cvttps_epi32(nodes), 2));
}

#include "x86.h"

#include "block.h"
#include "forward.h"

TARGET static inline vec lerp(vec low, vec high, vec fraction)
{
    return _mm512_fmadd_ps(fraction, _mm512_sub_ps(high, low), low);
}

/* The red neighbours of two pixels, 8 floats each. */
TARGET static inline vec both(const float *a, const float *b)
{
    return _mm512_insertf32x8(_mm512_castps256_ps512(_mm256_loadu_ps(a)), _mm256_loadu_ps(b), 1);
}

/* [low red | high red] of pixels i and i + 4, green and blue done. */
TARGET static inline vec bilinear(const float *table, int64_t row, int64_t plane,
                                  const int32_t *offset, vec green, vec blue, __m512i lanes)
{
    const float *a = table + offset[0], *b = table + offset[4];
    const vec g = _mm512_permutexvar_ps(lanes, green), v = _mm512_permutexvar_ps(lanes, blue);
    return lerp(lerp(both(a, b), both(a + plane, b + plane), v),
                lerp(both(a + row, b + row), both(a + row + plane, b + row + plane), v), g);
}

TARGET static inline void lookup(const float *table, int64_t size, const Place *place, int64_t i,
                                 vec value[3])
{
    const int64_t row = size * NODE, plane = size * row;
    const int32_t *offset = place->offset + i;
    const vec red = _mm512_load_ps(place->fraction[0] + i);
    const vec green = _mm512_load_ps(place->fraction[1] + i);
    const vec blue = _mm512_load_ps(place->fraction[2] + i);
    vec q[4];
#define LANE(j) _mm512_set_epi32(j + 4, j + 4, j + 4, j + 4, j + 4, j + 4, j + 4, j + 4, \
                                 j, j, j, j, j, j, j, j)
#define QUAD(j)                                                                                 \
    do {                                                                                        \
        const vec a = bilinear(table, row, plane, offset + (j), green, blue, LANE(j));          \
        const vec b = bilinear(table, row, plane, offset + (j) + 8, green, blue, LANE(j + 8));  \
        q[j] = lerp(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd),         \
                    _mm512_permute_ps(red, (j) * 0x55));                                        \
    } while (0)
    QUAD(0);
    QUAD(1);
    QUAD(2);
    QUAD(3);
#undef QUAD
    const vec rg01 = _mm512_unpacklo_ps(q[0], q[1]), b01 = _mm512_unpackhi_ps(q[0], q[1]);
    const vec rg23 = _mm512_unpacklo_ps(q[2], q[3]), b23 = _mm512_unpackhi_ps(q[2], q[3]);
    value[0] = _mm512_shuffle_ps(rg01, rg23, 0x44);
    value[1] = _mm512_shuffle_ps(rg01, rg23, 0xee);
    value[2] = _mm512_shuffle_ps(b01, b23, 0x44);
}

static void backward(const Job *job, const float *tables, int64_t image, int64_t begin,
                     int64_t end, float *sums)
{
    harmaug_avx2.backward(job, tables, image, begin, end, sums);
}

static int supported(void)
{
    __builtin_cpu_init();
    return harmaug_avx2.supported() && __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl");
}

const Kernel harmaug_avx512 = {"avx512", supported, forward, backward};

#else

static int supported(void) { return 0; }

const Kernel harmaug_avx512 = {"avx512", supported, 0, 0};

#endif
