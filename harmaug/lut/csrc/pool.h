/* Area averages of an image under a mask and outside it; included after block.h.

   A cell of the thumbnail averages the pixels of rows [row * height / rows, ceil((row + 1) *
   height / rows)) and of the columns alike, as adaptive_avg_pool2d does: cells may share pixels. */

enum { SUMS = 8 }; /* red, green, blue, share of the foreground; the same of the background */

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

/* Adds columns [begin, begin + count), summed over rows, to the cells from `first` on. */
TARGET static void add_columns(const Pool *pool, int64_t first, int64_t begin, int64_t count,
                               float (*sums)[BLOCK], float *cells)
{
    const int64_t plane = pool->rows * pool->columns;
    for (int64_t cell = first; cell < pool->columns; cell++) {
        int64_t from = cell_begin(cell, pool->columns, pool->width) - begin;
        int64_t to = cell_end(cell, pool->columns, pool->width) - begin;
        if (from >= count)
            break;
        from = from > 0 ? from : 0;
        to = to < count ? to : count;
        float total[SUMS] = {0};
        for (int64_t i = from; i < to; i++)
            for (int k = 0; k < SUMS; k++)
                total[k] += sums[k][i];
        for (int k = 0; k < SUMS; k++)
            cells[k * plane + cell] += total[k];
    }
}

/* Sums become shares of the cell, and mean colours where the region has a share. */
TARGET static void average(const Pool *pool, int64_t height, float *cells)
{
    const int64_t plane = pool->rows * pool->columns;
    for (int64_t cell = 0; cell < pool->columns; cell++) {
        const int64_t width = cell_end(cell, pool->columns, pool->width) -
                              cell_begin(cell, pool->columns, pool->width);
        const float area = (float)(height * width);
        for (float *sum = cells + cell; sum < cells + SUMS * plane; sum += 4 * plane) {
            const float share = sum[3 * plane] / area;
            for (int c = 0; c < 3; c++)
                sum[c * plane] = sum[c * plane] / area / (share > 1e-6f ? share : 1e-6f);
            sum[3 * plane] = share;
        }
    }
}

/* One row of cells. */
TARGET static void pool_row(const Pool *pool, int64_t image, int64_t row)
{
    const View *from = &pool->image;
    const int64_t top = cell_begin(row, pool->rows, pool->height);
    const int64_t bottom = cell_end(row, pool->rows, pool->height);
    const int64_t plane = pool->rows * pool->columns;
    float *cells = pool->result + image * SUMS * plane + row * pool->columns;
    float sums[SUMS][BLOCK], wide_mask[BLOCK];
    Pixels pixels;
    Row raw_mask;

    for (int k = 0; k < SUMS; k++)
        memset(cells + k * plane, 0, (size_t)pool->columns * sizeof(float));
    for (int64_t begin = 0, first = 0, count; begin < pool->width; begin += count) {
        count = whole_lanes(pool->width - begin);
        memset(sums, 0, sizeof sums);
        for (int64_t y = top; y < bottom; y++) {
            const int64_t offset = image * from->batch + y * from->row + begin * from->column;
            read_pixels(from, offset, count, &pixels);
            const float *alpha =
                read_mask(&pool->mask, image, y, begin, count, &raw_mask, wide_mask);
            add_row(pixels.floats, alpha, padded(count), sums);
        }
        while (cell_end(first, pool->columns, pool->width) <= begin)
            first++;
        add_columns(pool, first, begin, count, sums, cells);
    }
    average(pool, bottom - top, cells);
}
