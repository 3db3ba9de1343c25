/* The forward kernel for large 8-bit images without a mask, on x86 with AVX2.

   A byte has only 256 values. The table holds the LUT at each of them along red, so that a pixel
   interpolates along green and blue alone: half the loads and arithmetic, for a table of 1.1 MiB
   at 17 nodes an axis. Its nodes count in levels with the rounding 0.5 added, so that results are
   truncated and saturated to bytes without ever lying in memory as floats. */
#include "lut.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include "avx2.h"

enum { LEVELS = 256, LARGEST = 22 };

/* [red level][blue][green]: a pixel's two green neighbours are one load. */
#define STEP_RED(size) (NODE * (size) * (size))
#define STEP_GREEN(size) NODE
#define STEP_BLUE(size) (NODE * (size))

#include "block.h"

static int64_t table_floats(int64_t size) { return LEVELS * STEP_RED(size); }

/* The nodes of one red index, [blue][green], in levels. */
TARGET static void pack_plane(const float *lut, int64_t size, int64_t red, float *nodes)
{
    for (int64_t line = 0; line < size * size; line++)
        for (int c = 0; c < NODE; c++) {
            const float value = c < 3 ? lut[(c * size * size + line) * size + red] : 0.0f;
            /* What converts to an integer saturates rightly, and NaN comes out as 0. */
            nodes[NODE * line + c] = (value > 1e6f ? 1e6f : value) * 255.0f + 0.5f;
        }
}

TARGET static void build(const float *lut, int64_t size, float *table)
{
    float planes[2][NODE * LARGEST * LARGEST]; /* in turn below and above a level */
    int64_t packed = 0;
    for (int level = 0; level < LEVELS; level++) {
        const float position = (float)level * (1.0f / 255.0f) * (float)(size - 1);
        const int64_t cell = position < (float)(size - 2) ? (int64_t)position : size - 2;
        const float *low = planes[cell % 2], *high = planes[1 - cell % 2];
        for (; packed < cell + 2; packed++)
            pack_plane(lut, size, packed, planes[packed % 2]);
        for (int64_t i = 0; i < STEP_RED(size); i++)
            *table++ = low[i] + (position - (float)cell) * (high[i] - low[i]);
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

/* Eight pixels of (r, g, b, 0) bytes: 0-3 in the low half, 4-7 in the high one. */
TARGET INLINE __m256i lookup_bytes(const float *table, int64_t size, const Place *place, int64_t i)
{
    const int32_t *offset = place->offset + i;
    const float *blue = place->fraction[2] + i;
    const vec green = v_load(place->fraction[1] + i);
    __m256i pairs[4];
/* [low green | high green] of one pixel, blue done. */
#define LINE(j)                                                                                    \
    lerp(v_load(table + offset[j]), v_load(table + offset[j] + STEP_BLUE(size)), v_splat(blue[j]))
#define PAIR(j)                                                                                    \
    do {                                                                                           \
        const vec a = LINE(j), b = LINE(j + 4);                                                    \
        pairs[j] = _mm256_cvttps_epi32(                                                            \
            lerp(LOWS(a, b), HIGHS(a, b), _mm256_permute_ps(green, (j) * 0x55)));                  \
    } while (0)
    PAIR(0);
    PAIR(1);
    PAIR(2);
    PAIR(3);
#undef LINE
#undef PAIR
    return _mm256_packus_epi16(_mm256_packs_epi32(pairs[0], pairs[1]),
                               _mm256_packs_epi32(pairs[2], pairs[3]));
}

TARGET static void write_interleaved(uint8_t *to,
                                     __m256i pixels) /* 28 bytes, the last 4 too many */
{
    const __m128i drop = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
    const __m256i packed = _mm256_shuffle_epi8(pixels, _mm256_broadcastsi128_si256(drop));
    _mm_storeu_si128((__m128i *)to, _mm256_castsi256_si128(packed));
    _mm_storeu_si128((__m128i *)(to + 12), _mm256_extracti128_si256(packed, 1));
}

TARGET static void write_planar(Row rows[3], int64_t i, __m256i pixels)
{
    const __m128i sort = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m256i fours = _mm256_shuffle_epi8(pixels, _mm256_broadcastsi128_si256(sort));
    const __m256i planes =
        _mm256_permutevar8x32_epi32(fours, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    const __m128i red_green = _mm256_castsi256_si128(planes);
    _mm_storel_epi64((__m128i *)(rows[0].bytes + i), red_green);
    _mm_storel_epi64((__m128i *)(rows[1].bytes + i), _mm_unpackhi_epi64(red_green, red_green));
    _mm_storel_epi64((__m128i *)(rows[2].bytes + i), _mm256_extracti128_si256(planes, 1));
}

TARGET static void forward_block(const Job *job, const float *tables, int64_t image, int64_t row,
                                 int64_t column, int64_t count)
{
    const View *from = &job->image, *to = &job->result;
    const int64_t source = image * from->batch + row * from->row + column * from->column;
    const int64_t target = image * to->batch + row * to->row + column * to->column;
    uint8_t packed[3 * BLOCK + 4];
    Bytes bytes;
    Place place;
    Row rows[3];

    read_bytes(job, source, column, count, &bytes);
    expect(from, source, count, 0);
    locate_bytes(&bytes, job->size, padded(count), &place);
    for (int64_t lut = 0; lut < job->luts; lut++) {
        const float *table = tables + lut * table_floats(job->size);
        const int64_t offset = target + lut * to->lut;
        expect(to, offset, count, 1);
        if (interleaved(to)) {
            for (int64_t i = 0; i < count; i += WIDTH)
                write_interleaved(packed + 3 * i, lookup_bytes(table, job->size, &place, i));
            memcpy(to->data + offset, packed, (size_t)(3 * count));
        } else {
            for (int64_t i = 0; i < count; i += WIDTH)
                write_planar(rows, i, lookup_bytes(table, job->size, &place, i));
            write_elements(to, offset, count, rows);
        }
    }
}

TARGET static void forward(const Job *job, const float *tables, int64_t image, int64_t begin,
                           int64_t end)
{
    for (int64_t count; begin < end; begin += count) {
        count = block_length(job, begin, end);
        forward_block(job, tables, image, begin / job->width, begin % job->width, count);
    }
}

static int supported(void) { return harmaug_avx2.supported(); }

static int serves(const Job *job, int backward)
{
    return !backward && job->image.dtype == UINT8 && !job->mask.data && job->size <= LARGEST;
}

static int pays(const Job *job)
{
    const int64_t lines = job->size * job->size;
    return job->luts * lines <= LARGEST * LARGEST && job->height * job->width >= LEVELS * lines;
}

const Kernel harmaug_bytes = {"bytes", supported, serves, pays, table_floats, build, forward, 0};

#else

static int supported(void) { return 0; }

const Kernel harmaug_bytes = {"bytes", supported, 0, 0, 0, 0, 0, 0};

#endif
