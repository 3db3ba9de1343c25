/* The forward kernel for tetrahedral lookups, on x86 with AVX-512: a quarter of a vector is a
   pixel's corner.

   The table holds every node once, 77 KiB for 17 nodes an axis. One that holds the six tetrahedra
   of every cell makes a pixel one load instead of four, but takes 1.5 MiB: where colours vary,
   caches lose more time than the loads save. AVX2 serves the backward pass and grids of LUTs, and
   gives the same bits. */
#include "lut.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include "avx512.h"

#define GROUP 1
#define STEP_RED(size) NODE
#define STEP_GREEN(size) (NODE * (size))
#define STEP_BLUE(size) (NODE * (size) * (size))

#include "block.h"

static int64_t table_floats(int64_t size) { return size * size * size * NODE; }

TARGET static void build(const float *const *luts, int64_t count, int64_t size, float *table)
{
    (void)count; /* one LUT a table */
    pack_nodes(luts[0], size * size * size, size * size * size, table);
}

#include "forward.h"

/* The nodes of pixels 0, 4, 8 and 12 from `offset` on. */
TARGET INLINE vec four_nodes(const float *table, const int32_t *offset)
{
    vec nodes = _mm512_castps128_ps512(_mm_load_ps(table + offset[0]));
    nodes = _mm512_mask_broadcast_f32x4(nodes, 0x00f0, _mm_load_ps(table + offset[4]));
    nodes = _mm512_mask_broadcast_f32x4(nodes, 0x0f00, _mm_load_ps(table + offset[8]));
    return _mm512_mask_broadcast_f32x4(nodes, 0xf000, _mm_load_ps(table + offset[12]));
}

TARGET INLINE void lookup(const float *table, int64_t size, const Place *place, int64_t i,
                          vec value[GROUP][3])
{
    const int64_t across = STEP_RED(size) + STEP_GREEN(size) + STEP_BLUE(size);
    const int32_t *first = place->offset + i;
    const int32_t *second = place->corner[0] + i, *third = place->corner[1] + i;
    vec sorted[3], row[4]; /* pixels j, j + 4, j + 8, j + 12 as (r, g, b, 0) */
    sort_fractions(place, i, sorted);
#define ROW(j)                                                                                     \
    do {                                                                                           \
        const vec a = four_nodes(table, first + (j)), b = four_nodes(table, second + (j));         \
        const vec c = four_nodes(table, third + (j)), d = four_nodes(table + across, first + (j)); \
        row[j] = v_fused(_mm512_permute_ps(sorted[0], (j) * 0x55), b - a, a);                      \
        row[j] = v_fused(_mm512_permute_ps(sorted[1], (j) * 0x55), c - b, row[j]);                 \
        row[j] = v_fused(_mm512_permute_ps(sorted[2], (j) * 0x55), d - c, row[j]);                 \
    } while (0)
    ROW(0);
    ROW(1);
    ROW(2);
    ROW(3);
#undef ROW
    to_planes(row, value[0]);
}

static int supported(void) { return has_avx512(); }

static int serves(const Job *job, int backward)
{
    return !backward && job->tetrahedral && !is_grid(job);
}

const Kernel harmaug_avx512tetra = {
    .name = "avx512tetra",
    .supported = supported,
    .serves = serves,
    .group = GROUP,
    .table_floats = table_floats,
    .build = build,
    .forward = forward,
};

#else

static int supported(void) { return 0; }

const Kernel harmaug_avx512tetra = {.name = "avx512tetra", .supported = supported};

#endif
