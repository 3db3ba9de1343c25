/* The forward kernel for x86 with AVX-512: a cell's four nodes of one blue level are one load.

   The table holds every node twice, beside its next one along green: 145 KiB for 17 nodes an axis,
   1.1 MiB for 33. Half of the loads cross a cache line; with every node four times none would, but
   caches lose more by the size. The table pays while all of them take a few MiB and the image has
   many more pixels than they have nodes. AVX2 serves larger grids, smaller images and the backward
   pass, which spends its time on adding to memory. */
#include "lut.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include "avx512.h"

enum {
    PAIR = 2 * NODE,
    LARGEST = 37, /* nodes an axis */
    CACHED = 25   /* their table stays in the second-level cache */
};

#define GROUP 1
#define STEP_RED(size) PAIR
#define STEP_GREEN(size) (PAIR * (size))
#define STEP_BLUE(size) (PAIR * (size) * ((size) - 1))

#include "block.h"

/* Nodes as (low green, high green), so that a cell is two of these, low red and high red. */
static int64_t table_floats(int64_t size) { return size * STEP_BLUE(size); }

TARGET static void build(const float *const *luts, int64_t count, int64_t size, float *table)
{
    (void)count;                    /* one LUT a table */
    float nodes[2][LARGEST * NODE]; /* two lines of nodes, in turn low and high green */
    for (int64_t blue = 0; blue < size; blue++) {
        const float *line = luts[0] + blue * size * size;
        pack_nodes(line, size * size * size, size, nodes[0]);
        for (int64_t green = 0; green < size - 1; green++) {
            const float *low = nodes[green % 2], *high = nodes[1 - green % 2];
            pack_nodes(line + (green + 1) * size, size * size * size, size, nodes[1 - green % 2]);
            for (int64_t red = 0; red < size; red++, table += PAIR)
                _mm256_store_ps(table, _mm256_set_m128(_mm_loadu_ps(high + NODE * red),
                                                       _mm_loadu_ps(low + NODE * red)));
        }
    }
}

#include "describe.h"
#include "forward.h"
#include "transport.h"

TARGET INLINE void lookup(const float *table, int64_t size, const Place *place, int64_t i,
                          vec value[GROUP][3])
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
#define GREEN_OF(a, b, j, k)                                                                       \
    lerp(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd),                       \
         _mm512_permutexvar_ps(LANES_OF(j, k), green))
#define QUAD(j)                                                                                    \
    do {                                                                                           \
        const vec a = CELL_OF(j), b = CELL_OF(j + 4), c = CELL_OF(j + 8), d = CELL_OF(j + 12);     \
        const vec ab = GREEN_OF(a, b, j, j + 4), cd = GREEN_OF(c, d, j + 8, j + 12);               \
        row[j] = lerp(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd),      \
                      _mm512_permute_ps(red, (j) * 0x55));                                         \
    } while (0)
    QUAD(0);
    QUAD(1);
    QUAD(2);
    QUAD(3);
#undef CELL_OF
#undef LANES_OF
#undef GREEN_OF
#undef QUAD
    to_planes(row, value[0]);
}

static int supported(void) { return has_avx512(); }

static int serves(const Job *job, int backward)
{
    return !backward && !job->tetrahedral && !is_grid(job) && job->size <= LARGEST;
}

static int pays(const Job *job)
{
    const int64_t nodes = job->size * job->size * job->size, pixels = job->height * job->width;
    return job->luts * nodes <= 1 << 16 && pixels >= (job->size > CACHED ? 12 : 4) * nodes;
}

const Kernel harmaug_avx512 = {
    .name = "avx512",
    .supported = supported,
    .serves = serves,
    .pays = pays,
    .group = GROUP,
    .table_floats = table_floats,
    .build = build,
    .forward = forward,
    .describe = describe,
    .transport = transport,
};

#else

static int supported(void) { return 0; }

const Kernel harmaug_avx512 = {.name = "avx512", .supported = supported};

#endif
