/* Area averages of an image under a mask and outside it; included after block.h.

   A cell of the thumbnail averages the pixels of rows [row * height / rows, ceil((row + 1) *
   height / rows)) and of the columns alike, as adaptive_avg_pool2d does: cells may share pixels. */

enum {
    SUMS = 8, /* red, green, blue, share of the foreground; the same of the background */
    RUN = 64  /* cells summed up apart from the result, whose planes would share cache sets */
};

static inline int64_t cell_begin(int64_t cell, int64_t cells, int64_t length)
{
    return cell * length / cells;
}

static inline int64_t cell_end(int64_t cell, int64_t cells, int64_t length)
{
    return ((cell + 1) * length + cells - 1) / cells;
}

/* Adds one row of a block to the sums over rows. */
TARGET static void add_row(const float *const colour[3], const float *alpha, int64_t count,
                           float (*sums)[BLOCK])
{
    for (int64_t i = 0; i < count; i += WIDTH) {
        const vec inside = v_load(alpha + i), outside = v_splat(1.0f) - inside;
        for (int c = 0; c < 3; c++) {
            const vec value = v_load(colour[c] + i);
            v_store(sums[c] + i, v_load(sums[c] + i) + value * inside);
            v_store(sums[c + 4] + i, v_load(sums[c + 4] + i) + value * outside);
        }
        v_store(sums[3] + i, v_load(sums[3] + i) + inside);
        v_store(sums[7] + i, v_load(sums[7] + i) + outside);
    }
}

/* Up to RUN cells of a row, and the columns of pixels that each averages. */
typedef struct {
    int64_t cells, begin[RUN], end[RUN];
    float sums[SUMS][RUN];
} Run;

/* Adds columns [begin, begin + count), summed over rows, to the cells that they belong to. */
TARGET static void add_columns(int64_t begin, int64_t count, float (*sums)[BLOCK], Run *run)
{
    for (int64_t cell = 0; cell < run->cells && run->begin[cell] < begin + count; cell++) {
        const int64_t from = run->begin[cell] > begin ? run->begin[cell] - begin : 0;
        const int64_t to = run->end[cell] < begin + count ? run->end[cell] - begin : count;
        float total[SUMS] = {0};
        for (int64_t i = from; i < to; i++)
            for (int k = 0; k < SUMS; k++)
                total[k] += sums[k][i];
        for (int k = 0; k < SUMS; k++)
            run->sums[k][cell] += total[k];
    }
}

/* Sums become shares of the cell, and mean colours where the region has a share. */
TARGET static void average(int64_t height, Run *run)
{
    float area[RUN];
    for (int64_t i = 0; i < run->cells; i++)
        area[i] = (float)(height * (run->end[i] - run->begin[i]));
    for (int region = 0; region < SUMS; region += 4)
        for (int64_t i = 0; i < run->cells; i++) {
            const float share = run->sums[region + 3][i] / area[i];
            for (int c = region; c < region + 3; c++)
                run->sums[c][i] = run->sums[c][i] / area[i] / (share > 1e-6f ? share : 1e-6f);
            run->sums[region + 3][i] = share;
        }
}

/* Cells [first, first + run->cells) of a row. */
TARGET static void pool_run(const Pool *pool, int64_t image, int64_t row, int64_t first, Run *run)
{
    const View *from = &pool->image;
    const int64_t top = cell_begin(row, pool->rows, pool->height);
    const int64_t bottom = cell_end(row, pool->rows, pool->height);
    float sums[SUMS][BLOCK], wide_mask[BLOCK];
    Pixels pixels;
    Row raw_mask;

    memset(run->sums, 0, sizeof run->sums);
    for (int64_t i = 0; i < run->cells; i++) {
        run->begin[i] = cell_begin(first + i, pool->columns, pool->width);
        run->end[i] = cell_end(first + i, pool->columns, pool->width);
    }
    const int64_t end = run->end[run->cells - 1];
    for (int64_t begin = run->begin[0], count; begin < end; begin += count) {
        count = whole_lanes(end - begin);
        memset(sums, 0, sizeof sums);
        for (int64_t y = top; y < bottom; y++) {
            const int64_t offset = image * from->batch + y * from->row + begin * from->column;
            read_pixels(from, offset, count, &pixels);
            const float *alpha =
                read_mask(&pool->mask, image, y, begin, count, &raw_mask, wide_mask);
            add_row(pixels.floats, alpha, padded(count), sums);
        }
        add_columns(begin, count, sums, run);
    }
    average(bottom - top, run);
}

/* One row of cells. */
TARGET static void pool_row(const Pool *pool, int64_t image, int64_t row)
{
    const int64_t plane = pool->rows * pool->columns;
    Run run;
    for (int64_t first = 0; first < pool->columns; first += run.cells) {
        const int64_t left = pool->columns - first;
        float *result = pool->result + image * SUMS * plane + row * pool->columns + first;
        run.cells = left < RUN ? left : RUN;
        pool_run(pool, image, row, first, &run);
        for (int k = 0; k < SUMS; k++)
            memcpy(result + k * plane, run.sums[k], (size_t)run.cells * sizeof(float));
    }
}
