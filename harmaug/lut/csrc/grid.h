/* Where a block of pixels of one row lies in a grid of LUTs; included by block.h.

   The centre of column x of a frame W pixels wide lies at (2x + 1) / 2W of the width, column i of a
   grid of G at i / (G - 1). Whole numbers tell between which two columns a pixel lies, and how far
   from the first. */

#ifndef CELLS
#define CELLS 0 /* 1: a table holds the four LUTs around a cell of the grid */
#endif

typedef struct {
    int64_t first;        /* tables from the first of a grid to the first of its rows here */
    int64_t right, below; /* tables from one to its neighbours; 0 past the last */
    float down;           /* from the upper LUTs (0) to the lower ones (1) */
    _Alignas(64) float across[BLOCK]; /* from the left ones to the right ones */
} Spot;

/* Adds the way to each pixel's column of tables, `floats` long each, to its `offset`. */
TARGET static inline void locate_in_grid(const Job *job, int64_t row, int64_t column, int64_t count,
                                  int64_t floats, int32_t *offset, Spot *spot)
{
    const int64_t columns = tables_along(job->grid_columns, CELLS);
    const int64_t steps = job->grid_columns - 1, length = 2 * job->width;
    const int64_t depth = (2 * row + 1) * (job->grid_rows - 1);
    const float scale = 1.0f / (float)length;
    spot->first = depth / (2 * job->height) * columns;
    spot->down = (float)(depth % (2 * job->height)) / (float)(2 * job->height);
    spot->right = steps > 0;
    spot->below = job->grid_rows > 1 ? columns : 0;
    for (int64_t i = 0, end; i < count; i = end) { /* pixels between the same two columns */
        const int64_t place = (2 * (column + i) + 1) * steps, rest = place % length;
        const int32_t start = (int32_t)rest, pixel = (int32_t)(2 * steps);
        const int32_t step = (int32_t)(place / length * floats);
        end = steps > 0 ? i + (length - rest + pixel - 1) / pixel : count;
        end = end < count ? end : padded(count);
        for (int64_t j = i; j < end; j++) {
            spot->across[j] = (float)(start + (int32_t)(j - i) * pixel) * scale;
            offset[j] += step;
        }
    }
}
