/* The forward pass over one image, block by block; included after block.h.

   The including file brings `lookup`: the trilinear values of WIDTH pixels in the GROUP LUTs that
   one table holds. */

TARGET INLINE void lookup(const float *table, int64_t size, const Place *place, int64_t i,
                          vec value[GROUP][3]);

#ifndef LOOKUP
#define LOOKUP lookup
#endif

#ifndef STREAM
#define STREAM (1 << 24) /* bytes of results: more than stay in a cache */
#endif

static inline int aligned(const void *memory) { return (uintptr_t)memory % sizeof(vec) == 0; }

TARGET INLINE void put(float *to, vec value, int stream)
{
    if (stream)
        v_stream(to, value);
    else
        v_store(to, value);
}

/* Looks a block up in the LUTs of one table that are used, and blends it under the mask. */
TARGET static void composite(const float *table, int64_t size, const Place *place,
                             const float *const colour[3], const float *alpha, int64_t count,
                             const Ahead *ahead, float *const result[GROUP][3], int64_t used,
                             int stream)
{
    const vec zero = v_splat(0.0f), one = v_splat(1.0f);
    vec value[GROUP][3];
    if (!alpha) {
        for (int64_t i = 0; i < count; i += WIDTH) {
            expect(ahead, i);
            LOOKUP(table, size, place, i, value);
            for (int lut = 0; lut < GROUP && lut < used; lut++)
                for (int c = 0; c < 3; c++)
                    put(result[lut][c] + i, v_unit(value[lut][c]), stream);
        }
        return;
    }
    for (int64_t i = 0; i < count; i += WIDTH) {
        const vec weight = v_load(alpha + i);
        const mask foreground = v_above(weight, zero);
        const int any = v_any(foreground);
        expect(ahead, i);
        if (any)
            LOOKUP(table, size, place, i, value);
        for (int c = 0; c < 3; c++) {
            const vec original = v_load(colour[c] + i);
            const vec kept = (one - weight) * v_unit(original);
            for (int lut = 0; lut < GROUP && lut < used; lut++) {
                vec pixel = original;
                if (any)
                    pixel = v_select(foreground, v_unit(v_fused(weight, value[lut][c], kept)),
                                     original);
                put(result[lut][c] + i, pixel, stream);
            }
        }
    }
}

/* Interleaves floats in the cache and writes them past it. */
TARGET static void stream_interleaved(const Row *rows, int64_t count, float *to)
{
    _Alignas(64) float packed[3 * BLOCK];
    join_floats(rows, packed, count);
    for (int64_t i = 0; i < 3 * count; i += WIDTH)
        v_stream(to + i, v_load(packed + i));
}

/* Writes floats that could not be written in place. */
TARGET static void write_result(const View *view, int64_t offset, int64_t count, const Row *rows,
                                const Elements *original, const float *alpha, int stream)
{
    Row elements[3];
    float *to = (float *)view->data + offset;
    if (view->dtype == FLOAT32) {
        if (stream && interleaved(view) && count % LANES == 0 && aligned(to))
            stream_interleaved(rows, count, to);
        else
            write_elements(view, offset, count, rows);
        return;
    }
    for (int c = 0; c < 3; c++) {
        narrow(view->dtype, rows[c].floats, padded(count), &elements[c]);
        /* Signalling NaNs do not survive conversion in hardware; the background does. */
        const uint16_t *halves = original->at[c];
        for (int64_t i = 0; i < count && alpha && view->dtype == FLOAT16; i++)
            elements[c].halves[i] = alpha[i] > 0.0f ? elements[c].halves[i] : halves[i];
    }
    write_elements(view, offset, count, elements);
}

TARGET static void forward_block(const Job *job, const float *tables, const Part *part,
                                 int64_t row, int64_t column, int64_t count, int stream)
{
    const View *from = &job->image, *to = &job->result;
    const int64_t source = part->image * from->batch + row * from->row + column * from->column;
    const int64_t target =
        part->image * to->batch + part->lut * to->lut + row * to->row + column * to->column;
    const int64_t grid = grid_tables(job, CELLS), floats = table_floats(job->size);
    const Ahead ahead = two_blocks_on(from, source, count);
    Pixels pixels;
    Place place;
    Row raw_mask, rows[GROUP][3];
    float wide_mask[BLOCK];

    place.tetrahedral = job->tetrahedral != 0;
    place.gridded = is_grid(job);
    place.spot.first = 0;
    const float *alpha =
        read_mask(&job->mask, part->image, row, column, count, &raw_mask, wide_mask);
    read_pixels(from, source, count, &pixels);
    if (!alpha || any_above_zero(alpha, padded(count)))
        locate_block(job, pixels.floats, row, column, count, &place);
    for (int64_t first = 0; first < part->luts; first += GROUP) {
        const int64_t used = part->luts - first < GROUP ? part->luts - first : GROUP;
        const int64_t offset = target + first * to->lut;
        float *result[GROUP][3];
        int in_place = 1, past = stream;
        for (int lut = 0; lut < GROUP; lut++)
            for (int c = 0; c < 3; c++) {
                const int64_t at = offset + lut * to->lut + c * to->channel;
                result[lut][c] = lut < used ? floats_for(to, at, count, &rows[lut][c]) : NULL;
                in_place &= result[lut][c] != rows[lut][c].floats;
                past &= lut >= used || (in_place && aligned(result[lut][c]));
            }
        for (int64_t lut = 0; lut < used && !past; lut++)
            expect_result(to, offset + lut * to->lut, count);
        composite(tables + (first / GROUP * grid + place.spot.first) * floats, job->size, &place,
                  pixels.floats, alpha, padded(count), &ahead, (float *const(*)[3])result, used,
                  past);
        for (int64_t lut = 0; lut < used && !in_place; lut++)
            write_result(to, offset + lut * to->lut, count, rows[lut], &pixels.elements, alpha,
                         stream);
    }
}

TARGET static void forward(const Job *job, const float *tables, const Part *part)
{
    const int64_t results = job->batch * job->luts * 3 * job->height * job->width;
    const int stream = results * (int64_t)sizeof(float) >= STREAM;
    for (int64_t at = part->begin, count; at < part->end; at += count) {
        count = block_length(job, at, part->end);
        forward_block(job, tables, part, at / job->width, at % job->width, count, stream);
    }
    v_fence();
}
