/* The forward kernel for tetrahedral lookups in large images, on x86 with AVX-512: a pixel's
   tetrahedron is one load.

   Inside a tetrahedron each channel is start + red * x + green * y + blue * z. The table holds
   these four numbers of every channel, for the six tetrahedra of every cell: 1.5 MiB for 17 nodes
   an axis. AVX2 serves larger LUTs, smaller images and the backward pass. */
#include "lut.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include "avx512.h"

enum {
    TETRAHEDRON = 16,        /* floats: (start, x, y, z) of red, green, blue; four unused */
    CELL = 6 * TETRAHEDRON,
    LARGEST = 20             /* nodes an axis; more take more memory than caches have */
};

#define GROUP 1
#define OWN_TETRAHEDRA
#define STEP_RED(size) CELL
#define STEP_GREEN(size) (CELL * ((size) - 1))
#define STEP_BLUE(size) (CELL * ((size) - 1) * ((size) - 1))

#include "block.h"

static int64_t table_floats(int64_t size) { return (size - 1) * STEP_BLUE(size); }

/* Lays out one tetrahedron from (r, g, b, 0) of its lowest corner and of its three slopes. */
TARGET INLINE void put_tetrahedron(float *table, __m128 start, __m128 x, __m128 y, __m128 z)
{
    const __m512i channels =
        _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m256 low = _mm256_set_m128(x, start), high = _mm256_set_m128(z, y);
    _mm512_store_ps(table, _mm512_permutexvar_ps(channels, _mm512_insertf32x8(
                                                               _mm512_castps256_ps512(low), high,
                                                               1)));
}

/* The six tetrahedra of a cell, in the order of `tetrahedron_of`. Nodes by corner: bit 0 is high
   red, bit 1 high green, bit 2 high blue. */
TARGET INLINE void put_cell(float *table, const __m128 node[8])
{
    /* Slopes between two corners. */
#define X(from) _mm_sub_ps(node[(from) | 1], node[from])
#define Y(from) _mm_sub_ps(node[(from) | 2], node[from])
#define Z(from) _mm_sub_ps(node[(from) | 4], node[from])
    put_tetrahedron(table, node[0], X(6), Y(4), Z(0));                   /* blue, green, red */
    put_tetrahedron(table + TETRAHEDRON, node[0], X(6), Y(0), Z(2));     /* green, blue, red */
    put_tetrahedron(table + 2 * TETRAHEDRON, node[0], X(2), Y(0), Z(3)); /* green, red, blue */
    put_tetrahedron(table + 3 * TETRAHEDRON, node[0], X(4), Y(5), Z(0)); /* blue, red, green */
    put_tetrahedron(table + 4 * TETRAHEDRON, node[0], X(0), Y(5), Z(1)); /* red, blue, green */
    put_tetrahedron(table + 5 * TETRAHEDRON, node[0], X(0), Y(1), Z(3)); /* red, green, blue */
#undef X
#undef Y
#undef Z
}

TARGET static void build(const float *const *luts, int64_t count, int64_t size, float *table)
{
    (void)count;                            /* one LUT a table */
    float nodes[4][LARGEST * NODE];         /* lines of nodes, by low and high green and blue */
    const int64_t plane = size * size * size;
    for (int64_t blue = 0; blue < size - 1; blue++)
        for (int64_t green = 0; green < size - 1; green++) {
            for (int64_t k = 0; k < 4; k++)
                pack_nodes(luts[0] + ((blue + k / 2) * size + green + k % 2) * size, plane, size,
                           nodes[k]);
            for (int64_t red = 0; red < size - 1; red++, table += CELL) {
                __m128 corner[8];
                for (int k = 0; k < 8; k++)
                    corner[k] = _mm_loadu_ps(nodes[k / 2] + NODE * (red + k % 2));
                put_cell(table, corner);
            }
        }
}

#include "forward.h"

/* Moves offsets on to the tetrahedra: 3 * (r > g) + (g > b) + (r > b) counts them within a cell.
   Puts (1, r, g, b) of pixel 4k + j of every 16 at 16j + 4k of these. */
TARGET static void find_tetrahedra(int64_t size, int64_t count, Place *place)
{
    const __m512i once = _mm512_set1_epi32(TETRAHEDRON), thrice = _mm512_set1_epi32(3 * TETRAHEDRON);
    const vec one = v_splat(1.0f);
    (void)size;
    for (int64_t i = 0; i < count; i += WIDTH) {
        const vec r = v_load(place->fraction[0] + i), g = v_load(place->fraction[1] + i);
        const vec b = v_load(place->fraction[2] + i);
        const vec low_red = _mm512_unpacklo_ps(one, r), high_red = _mm512_unpackhi_ps(one, r);
        const vec low_blue = _mm512_unpacklo_ps(g, b), high_blue = _mm512_unpackhi_ps(g, b);
        float *terms = place->inside.terms + 4 * i;
        __m512i at = _mm512_load_si512(place->offset + i);
        at = _mm512_mask_add_epi32(at, v_above(r, g), at, thrice);
        at = _mm512_mask_add_epi32(at, v_above(g, b), at, once);
        at = _mm512_mask_add_epi32(at, v_above(r, b), at, once);
        _mm512_store_si512(place->offset + i, at);
        v_store(terms, _mm512_shuffle_ps(low_red, low_blue, 0x44));
        v_store(terms + 16, _mm512_shuffle_ps(low_red, low_blue, 0xee));
        v_store(terms + 32, _mm512_shuffle_ps(high_red, high_blue, 0x44));
        v_store(terms + 48, _mm512_shuffle_ps(high_red, high_blue, 0xee));
    }
}

/* Two vectors of quarters to the sums of the halves of these: (a, a, b, b) in every quarter. */
TARGET INLINE vec halves(vec a, vec b)
{
    return _mm512_mask_blend_ps(0xcccc, a, b) + _mm512_shuffle_ps(a, b, 0x4e);
}

TARGET INLINE void lookup(const float *table, int64_t size, const Place *place, int64_t i,
                          vec value[GROUP][3])
{
    const int32_t *at = place->offset + i;
    const float *terms = place->inside.terms + 4 * i;
    vec four[4], planes[4]; /* quarters of four: red, green, blue of pixels 4k to 4k + 3 */
    (void)size;
#define PRODUCTS(k, j)                                                                             \
    (_mm512_load_ps(table + at[4 * (k) + (j)]) *                                                   \
     _mm512_broadcast_f32x4(_mm_load_ps(terms + 16 * (j) + 4 * (k))))
#define FOUR(k)                                                                                    \
    do {                                                                                           \
        const vec left = halves(PRODUCTS(k, 0), PRODUCTS(k, 1));                                   \
        const vec right = halves(PRODUCTS(k, 2), PRODUCTS(k, 3));                                  \
        four[k] = _mm512_shuffle_ps(left, right, 0x88) + _mm512_shuffle_ps(left, right, 0xdd);     \
    } while (0)
    FOUR(0);
    FOUR(1);
    FOUR(2);
    FOUR(3);
#undef PRODUCTS
#undef FOUR
    swap_quarters(four, planes);
    for (int c = 0; c < 3; c++)
        value[0][c] = planes[c];
}

static int supported(void) { return has_avx512(); }

static int serves(const Job *job, int backward)
{
    return !backward && job->tetrahedral && !is_grid(job) && job->size <= LARGEST;
}

static int pays(const Job *job)
{
    const int64_t nodes = job->size * job->size * job->size;
    return job->luts * nodes <= 1 << 13 && job->height * job->width >= 32 * nodes;
}

const Kernel harmaug_avx512tetra = {
    .name = "avx512tetra",
    .supported = supported,
    .serves = serves,
    .pays = pays,
    .group = GROUP,
    .table_floats = table_floats,
    .build = build,
    .forward = forward,
};

#else

static int supported(void) { return 0; }

const Kernel harmaug_avx512tetra = {.name = "avx512tetra", .supported = supported};

#endif
