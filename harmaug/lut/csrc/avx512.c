/* The forward kernel for x86 with AVX-512: a cell's four nodes of one blue level are one load.

   The table holds every node four times, 272 KiB for 17 nodes an axis; that pays while all tables
   take a few MiB and the image has many more pixels than they have nodes. AVX2 serves larger grids,
   more LUTs, smaller images and the backward pass, whose time goes into adding to memory. */
#include "lut.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,f16c")))
#define WIDTH 16
#define STEP_RED(size) CELL
#define STEP_GREEN(size) (CELL * ((size) - 1))
#define STEP_BLUE(size) (CELL * ((size) - 1) * ((size) - 1))
typedef __m512 vec;
typedef __mmask16 mask;

enum { CELL = 16, LARGEST = 25 };

TARGET INLINE vec v_load(const float *from) { return _mm512_loadu_ps(from); }
TARGET INLINE void v_store(float *to, vec value) { _mm512_storeu_ps(to, value); }
TARGET INLINE void v_stream(float *to, vec value) { _mm512_stream_ps(to, value); }
TARGET INLINE void v_fence(void) { _mm_sfence(); }
TARGET INLINE vec v_splat(float value) { return _mm512_set1_ps(value); }
TARGET INLINE vec v_unit(vec value) /* min and max give their second operand for NaN */
{
    return _mm512_min_ps(v_splat(1.0f), _mm512_max_ps(v_splat(0.0f), value));
}
TARGET INLINE vec v_atmost(vec value, vec limit) { return _mm512_min_ps(value, limit); }
TARGET INLINE vec v_floor(vec value)
{
    return _mm512_roundscale_ps(value, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
TARGET INLINE mask v_above(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
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

#include "block.h"

/* Cells as (low red, high red) of low green, then of high green; of every blue level. */
static int64_t table_floats(int64_t size) { return size * STEP_BLUE(size); }

TARGET static void build(const float *lut, int64_t size, float *table)
{
    float nodes[2][(LARGEST + 1) * NODE]; /* two lines of nodes, in turn low and high green */
    for (int64_t blue = 0; blue < size; blue++) {
        const float *line = lut + blue * size * size;
        pack_nodes(line, size * size * size, size, nodes[0]);
        for (int64_t green = 0; green < size - 1; green++) {
            const float *low = nodes[green % 2], *high = nodes[1 - green % 2];
            pack_nodes(line + (green + 1) * size, size * size * size, size, nodes[1 - green % 2]);
            for (int64_t red = 0; red < size - 1; red++, table += CELL)
                _mm512_storeu_ps(table, _mm512_insertf32x8(_mm512_castps256_ps512(
                                                               _mm256_loadu_ps(low + NODE * red)),
                                                           _mm256_loadu_ps(high + NODE * red), 1));
        }
    }
}

#include "forward.h"

TARGET INLINE vec lerp(vec low, vec high, vec fraction)
{
    return _mm512_fmadd_ps(fraction, _mm512_sub_ps(high, low), low);
}

TARGET INLINE void lookup(const float *table, int64_t size, const Place *place, int64_t i,
                          vec value[3])
{
    const int64_t plane = STEP_BLUE(size);
    const int32_t *offset = place->offset + i;
    const float *blue = place->fraction[2] + i;
    const vec red = _mm512_load_ps(place->fraction[0] + i);
    const vec green = _mm512_load_ps(place->fraction[1] + i);
    vec row[4]; /* pixels j, j + 4, j + 8, j + 12 as (r, g, b, 0) */
/* One pixel, blue done. */
#define CELL_OF(j)                                                                                 \
    lerp(v_load(table + offset[j]), v_load(table + offset[j] + plane), v_splat(blue[j]))
/* Pixels j and k, green done. */
#define LANES_OF(j, k) _mm512_set_epi32(k, k, k, k, k, k, k, k, j, j, j, j, j, j, j, j)
#define PAIR(a, b, j, k)                                                                           \
    lerp(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee),                       \
         _mm512_permutexvar_ps(LANES_OF(j, k), green))
#define QUAD(j)                                                                                    \
    do {                                                                                           \
        const vec a = CELL_OF(j), b = CELL_OF(j + 4), c = CELL_OF(j + 8), d = CELL_OF(j + 12);     \
        const vec ab = PAIR(a, b, j, j + 4), cd = PAIR(c, d, j + 8, j + 12);                       \
        row[j] = lerp(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd),      \
                      _mm512_permute_ps(red, (j) * 0x55));                                         \
    } while (0)
    QUAD(0);
    QUAD(1);
    QUAD(2);
    QUAD(3);
#undef CELL_OF
#undef LANES_OF
#undef PAIR
#undef QUAD
    const vec rg01 = _mm512_unpacklo_ps(row[0], row[1]), b01 = _mm512_unpackhi_ps(row[0], row[1]);
    const vec rg23 = _mm512_unpacklo_ps(row[2], row[3]), b23 = _mm512_unpackhi_ps(row[2], row[3]);
    value[0] = _mm512_shuffle_ps(rg01, rg23, 0x44);
    value[1] = _mm512_shuffle_ps(rg01, rg23, 0xee);
    value[2] = _mm512_shuffle_ps(b01, b23, 0x44);
}

static int supported(void)
{
    __builtin_cpu_init();
    return harmaug_avx2.supported() && __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl");
}

static int serves(const Job *job, int backward) { return !backward && job->size <= LARGEST; }

static int pays(const Job *job)
{
    const int64_t nodes = job->size * job->size * job->size;
    return job->luts * nodes <= 1 << 16 && job->height * job->width >= 4 * nodes;
}

const Kernel harmaug_avx512 = {"avx512", supported, serves, pays, table_floats, build, forward, 0, 0};

#else

static int supported(void) { return 0; }

const Kernel harmaug_avx512 = {"avx512", supported, 0, 0, 0, 0, 0, 0, 0};

#endif
