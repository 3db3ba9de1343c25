/* The forward kernel for large 8-bit images without a mask, on x86 with AVX2.

   A byte has only 256 values. The table holds the LUT at each of them along red, so that a pixel
   interpolates along green and blue alone, for a table of 1.1 MiB at 17 nodes an axis. Its nodes
   hold levels with the rounding 0.5 added, so that results are truncated and saturated to bytes
   and are never in memory as floats. */
#include "lut.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include "avx2.h"

enum { LEVELS = 256, LARGEST = 22 };

/* [blue][green][red level]: neighbouring pixels, of similar red, share cache lines. Four nodes of
   nothing keep lines of the table from falling on the same lines of the cache. */
#define STEP_RED(size) NODE
#define STEP_GREEN(size) (NODE * (LEVELS + 4))
#define STEP_BLUE(size) (STEP_GREEN(size) * (size))

#include "block.h"

static int64_t table_floats(int64_t size) { return STEP_BLUE(size) * size; }

TARGET static void build(const float *const *luts, int64_t count, int64_t size, float *table)
{
    (void)count; /* one LUT a table */
    float nodes[LARGEST * NODE], fraction[LEVELS];
    int cell[LEVELS];
    for (int level = 0; level < LEVELS; level++) {
        const float position = (float)level * (1.0f / 255.0f) * (float)(size - 1);
        cell[level] = position < (float)(size - 2) ? (int)position : (int)size - 2;
        fraction[level] = position - (float)cell[level];
    }
    for (int64_t line = 0; line < size * size; line++, table += STEP_GREEN(size)) {
        pack_nodes(luts[0] + line * size, size * size * size, size, nodes);
        /* With this limit, conversion to integers saturates, and NaN becomes 0. */
        for (int64_t i = 0; i < size * NODE; i++)
            nodes[i] = (nodes[i] > 1e6f ? 1e6f : nodes[i]) * 255.0f + 0.5f;
        for (int level = 0; level < LEVELS; level++) {
            const __m128 low = _mm_loadu_ps(nodes + NODE * cell[level]);
            const __m128 high = _mm_loadu_ps(nodes + NODE * (cell[level] + 1));
            _mm_store_ps(table + NODE * level,
                         _mm_fmadd_ps(_mm_set1_ps(fraction[level]), _mm_sub_ps(high, low), low));
        }
    }
}

/* Where a block's bytes lie: as packed pixels, or in three rows. */
typedef struct {
    const uint8_t *packed; /* NULL: in rows */
    uint8_t copied[3 * BLOCK + 4];
    Elements rows;
} Bytes;

/* Eight packed pixels are read as 28 bytes. Unless two more pixels follow in the row, a copy makes
   room for that. */
TARGET static void read_bytes(const Job *job, int64_t offset, int64_t column, int64_t count,
                              Bytes *to)
{
    to->packed = NULL;
    if (!interleaved(&job->image)) {
        read_elements(&job->image, offset, count, &to->rows);
        return;
    }
    to->packed = (const uint8_t *)job->image.data + offset;
    if (count % LANES != 0 || column + count + 2 > job->width)
        to->packed = memcpy(to->copied, to->packed, (size_t)(3 * count));
}

/* Red, green and blue of eight pixels. */
TARGET INLINE void load_levels(const Bytes *from, int64_t i, vec level[3])
{
    if (!from->packed) {
        for (int c = 0; c < 3; c++)
            level[c] = v_from_bytes((const uint8_t *)from->rows.at[c] + i);
        return;
    }
    const uint8_t *at = from->packed + 3 * i;
    const __m256i pixels =
        _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)at)),
                                _mm_loadu_si128((const __m128i *)(at + 12)), 1);
    const __m128i red = _mm_setr_epi8(0, -1, -1, -1, 3, -1, -1, -1, 6, -1, -1, -1, 9, -1, -1, -1);
    const __m128i green =
        _mm_setr_epi8(1, -1, -1, -1, 4, -1, -1, -1, 7, -1, -1, -1, 10, -1, -1, -1);
    const __m128i blue = _mm_setr_epi8(2, -1, -1, -1, 5, -1, -1, -1, 8, -1, -1, -1, 11, -1, -1, -1);
    const __m128i pick[3] = {red, green, blue};
    for (int c = 0; c < 3; c++)
        level[c] =
            _mm256_cvtepi32_ps(_mm256_shuffle_epi8(pixels, _mm256_broadcastsi128_si256(pick[c])));
}

TARGET static void locate_bytes(const Bytes *from, int64_t size, int64_t count, Place *place)
{
    const vec step[3] = {v_splat((float)STEP_RED(size)), v_splat((float)STEP_GREEN(size)),
                         v_splat((float)STEP_BLUE(size))};
    const vec scale = v_splat((float)(size - 1) / 255.0f), last = v_splat((float)(size - 2));
    for (int64_t i = 0; i < count; i += WIDTH) {
        vec level[3];
        load_levels(from, i, level);
        vec offset = level[0] * step[0];
        for (int axis = 1; axis < 3; axis++) {
            const vec position = level[axis] * scale;
            const vec cell = v_floor(v_atmost(position, last));
            v_store(place->fraction[axis] + i, position - cell);
            offset = offset + cell * step[axis];
        }
        v_store_offset(place->offset + i, offset);
    }
}

/* One node of pixels j and j + 4. */
TARGET INLINE vec both(const float *node, const int32_t *offset, int j)
{
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_load_ps(node + offset[j])),
                                _mm_load_ps(node + offset[j + 4]), 1);
}

/* Eight pixels of (r, g, b, 0) bytes: 0-3 in the low half, 4-7 in the high one. */
TARGET INLINE __m256i lookup_bytes(const float *table, int64_t size, const Place *place, int64_t i)
{
    const int64_t row = STEP_GREEN(size), plane = STEP_BLUE(size);
    const int32_t *at = place->offset + i;
    const vec green = v_load(place->fraction[1] + i), blue = v_load(place->fraction[2] + i);
    __m256i pairs[4];
#define PAIR(j)                                                                                    \
    do {                                                                                           \
        const vec g = _mm256_permute_ps(green, (j) * 0x55);                                        \
        const vec b = _mm256_permute_ps(blue, (j) * 0x55);                                         \
        const vec near = lerp(both(table, at, j), both(table + plane, at, j), b);                  \
        const vec far = lerp(both(table + row, at, j), both(table + row + plane, at, j), b);       \
        pairs[j] = _mm256_cvttps_epi32(lerp(near, far, g));                                        \
    } while (0)
    PAIR(0);
    PAIR(1);
    PAIR(2);
    PAIR(3);
#undef PAIR
    return _mm256_packus_epi16(_mm256_packs_epi32(pairs[0], pairs[1]),
                               _mm256_packs_epi32(pairs[2], pairs[3]));
}

TARGET INLINE void store_packed(uint8_t *to, __m256i pixels) /* 28 bytes, the last 4 too many */
{
    const __m128i drop = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
    const __m256i packed = _mm256_shuffle_epi8(pixels, _mm256_broadcastsi128_si256(drop));
    _mm_storeu_si128((__m128i *)to, _mm256_castsi256_si128(packed));
    _mm_storeu_si128((__m128i *)(to + 12), _mm256_extracti128_si256(packed, 1));
}

TARGET INLINE void store_planar(uint8_t *const to[3], int64_t i, __m256i pixels)
{
    const __m128i sort = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m256i fours = _mm256_shuffle_epi8(pixels, _mm256_broadcastsi128_si256(sort));
    const __m256i planes =
        _mm256_permutevar8x32_epi32(fours, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    const __m128i red_green = _mm256_castsi256_si128(planes);
    _mm_storel_epi64((__m128i *)(to[0] + i), red_green);
    _mm_storel_epi64((__m128i *)(to[1] + i), _mm_unpackhi_epi64(red_green, red_green));
    _mm_storel_epi64((__m128i *)(to[2] + i), _mm256_extracti128_si256(planes, 1));
}

/* Results of a block as packed pixels: in place as long as more of them follow. */
TARGET static void write_packed(const float *table, int64_t size, const Place *place, int64_t count,
                                uint8_t *to)
{
    int64_t i = 0;
    for (; i + 2 * WIDTH <= count; i += WIDTH)
        store_packed(to + 3 * i, lookup_bytes(table, size, place, i));
    for (; i < count; i += WIDTH) {
        const int64_t left = count - i < WIDTH ? count - i : WIDTH;
        uint8_t last[3 * WIDTH + 4];
        store_packed(last, lookup_bytes(table, size, place, i));
        memcpy(to + 3 * i, last, (size_t)(3 * left));
    }
}

TARGET static void write_planar(const float *table, int64_t size, const Place *place, int64_t count,
                                const View *view, int64_t offset)
{
    const int in_place = view->column == 1 && count % LANES == 0;
    uint8_t *plane[3];
    Row rows[3];
    for (int c = 0; c < 3; c++)
        plane[c] = in_place ? (uint8_t *)view->data + offset + c * view->channel : rows[c].bytes;
    for (int64_t i = 0; i < count; i += WIDTH)
        store_planar(plane, i, lookup_bytes(table, size, place, i));
    if (!in_place)
        write_elements(view, offset, count, rows);
}

TARGET static void forward_block(const Job *job, const float *tables, const Part *part,
                                 int64_t row, int64_t column, int64_t count)
{
    const View *from = &job->image, *to = &job->result;
    const int64_t source = part->image * from->batch + row * from->row + column * from->column;
    const int64_t target =
        part->image * to->batch + part->lut * to->lut + row * to->row + column * to->column;
    Bytes bytes;
    Place place;

    read_bytes(job, source, column, count, &bytes);
    locate_bytes(&bytes, job->size, padded(count), &place);
    for (int64_t lut = 0; lut < part->luts; lut++) {
        const float *table = tables + lut * table_floats(job->size);
        const int64_t offset = target + lut * to->lut;
        if (interleaved(to))
            write_packed(table, job->size, &place, count, (uint8_t *)to->data + offset);
        else
            write_planar(table, job->size, &place, count, to, offset);
    }
}

TARGET static void forward(const Job *job, const float *tables, const Part *part)
{
    for (int64_t at = part->begin, count; at < part->end; at += count) {
        count = block_length(job, at, part->end);
        forward_block(job, tables, part, at / job->width, at % job->width, count);
    }
}

static int supported(void) { return harmaug_avx2.supported(); }

static int serves(const Job *job, int backward)
{
    return !backward && !job->tetrahedral && !is_grid(job) && job->image.dtype == UINT8 && !job->mask.data &&
           job->size <= LARGEST;
}

static int pays(const Job *job)
{
    const int64_t lines = job->size * job->size;
    return job->luts * lines <= LARGEST * LARGEST && job->height * job->width >= LEVELS * lines;
}

const Kernel harmaug_bytes = {
    .name = "bytes",
    .supported = supported,
    .serves = serves,
    .pays = pays,
    .group = 1,
    .table_floats = table_floats,
    .build = build,
    .forward = forward,
};

#else

static int supported(void) { return 0; }

const Kernel harmaug_bytes = {.name = "bytes", .supported = supported};

#endif
