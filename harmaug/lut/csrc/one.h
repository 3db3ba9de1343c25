/* Lookups in one LUT, trilinear or tetrahedral, and their gradients; included by between.h.

   The including file brings `lookup`, `lookup_slopes` and `scatter`, which are trilinear, see
   forward.h and backward.h, and `load_nodes`: WIDTH nodes of a table, as planes. */
TARGET INLINE void lookup(const float *table, int64_t size, const Place *place, int64_t i,
                          vec value[GROUP][3]);
TARGET INLINE void lookup_slopes(const float *table, int64_t size, const Place *place, int64_t i,
                                 vec value[3], vec slope[3][3]);
TARGET static void scatter(float *sums, int64_t size, const Place *place, const float *weight,
                           const float *gradient, int64_t count);
TARGET INLINE void load_nodes(const float *table, const int32_t *offset, vec plane[3]);

/* Gradient sums are kept per red interval, not per node: (low node, high node). Intervals do not
   overlap, so that pixels following each other never wait for half-forwarded stores. */
enum { INTERVAL = 8 };

static int64_t sums_floats(int64_t size) { return size * size * (size - 1) * INTERVAL; }

/* Of the interval whose low node lies at `node` (in floats); a line has one interval fewer. */
static inline int64_t interval_offset(int32_t node, int64_t size)
{
    const int32_t number = node / NODE;
    return (int64_t)(number - number / (int32_t)size) * INTERVAL;
}

/* Adds intervals to the nodes of a gradient. */
static void fold(const float *sums, int64_t lut, int64_t size, float *gradient)
{
    const int64_t nodes = size * size * size;
    (void)lut; /* one LUT a table */
    for (int64_t line = 0; line < size * size; line++)
        for (int64_t red = 0; red < size - 1; red++, sums += INTERVAL)
            for (int64_t c = 0; c < 3; c++) {
                float *node = gradient + c * nodes + line * size + red;
                node[0] += sums[c];
                node[1] += sums[NODE + c];
            }
}

/* Values at the lowest corner, and the steps from corner to corner of each pixel's tetrahedron. */
TARGET INLINE void walk(const float *table, int64_t size, const Place *place, int64_t i,
                        vec start[3], vec step[3][3])
{
    const int64_t across = STEP_RED(size) + STEP_GREEN(size) + STEP_BLUE(size);
    vec second[3], third[3], last[3];
    load_nodes(table, place->offset + i, start);
    load_nodes(table, place->corner[0] + i, second);
    load_nodes(table, place->corner[1] + i, third);
    load_nodes(table + across, place->offset + i, last);
    for (int c = 0; c < 3; c++) {
        step[0][c] = second[c] - start[c];
        step[1][c] = third[c] - second[c];
        step[2][c] = last[c] - third[c];
    }
}

TARGET INLINE void tetrahedral(const float *table, int64_t size, const Place *place, int64_t i,
                               vec value[3], vec step[3][3])
{
    vec sorted[3];
    sort_fractions(place, i, sorted);
    walk(table, size, place, i, value, step);
    for (int k = 0; k < 3; k++)
        for (int c = 0; c < 3; c++)
            value[c] = v_fused(sorted[k], step[k][c], value[c]);
}

/* An axis has the step that the walk takes along it: the first where its fraction is largest. */
TARGET INLINE void tetrahedral_slopes(const float *table, int64_t size, const Place *place,
                                      int64_t i, vec value[3], vec slope[3][3])
{
    const vec r = v_load(place->fraction[0] + i), g = v_load(place->fraction[1] + i);
    const vec b = v_load(place->fraction[2] + i);
    const mask rg = v_above(r, g), gb = v_above(g, b), rb = v_above(r, b);
    vec step[3][3];
    tetrahedral(table, size, place, i, value, step);
    for (int c = 0; c < 3; c++) {
        const vec one = step[0][c], two = step[1][c], three = step[2][c];
        slope[0][c] = v_select(rg, v_select(rb, one, two), v_select(rb, two, three));
        slope[1][c] = v_select(rg, v_select(gb, two, three), v_select(gb, one, two));
        slope[2][c] = v_select(rg, v_select(gb, three, v_select(rb, two, one)),
                               v_select(rb, three, v_select(gb, two, one)));
    }
}

TARGET static void scatter_tetrahedral(float *restrict sums, int64_t size, const Place *place,
                                       const float *weight, const float *restrict gradient,
                                       int64_t count)
{
    const int32_t row = (int32_t)(size - 1) * INTERVAL, plane = (int32_t)size * row;
    const int32_t step[3] = {NODE, row, plane};
    _Alignas(64) int32_t corner[2][BLOCK];
    _Alignas(64) float share[4][BLOCK];
    find_corners(place, step, padded(count), corner[0], corner[1]);
    for (int64_t i = 0; i < count; i += WIDTH) {
        vec sorted[3];
        sort_fractions(place, i, sorted);
        v_store(share[0] + i, v_splat(1.0f) - sorted[0]);
        v_store(share[1] + i, sorted[0] - sorted[1]);
        v_store(share[2] + i, sorted[1] - sorted[2]);
        v_store(share[3] + i, sorted[2]);
    }
    for (int64_t i = 0; i < count; i++) {
        if (!(weight[i] > 0.0f))
            continue;
        float *first = sums + interval_offset(place->offset[i], size), pixel[NODE];
        float *nodes[4] = {first, first + corner[0][i], first + corner[1][i],
                           first + NODE + row + plane};
        memcpy(pixel, gradient + NODE * i, sizeof pixel);
        for (int k = 0; k < 4; k++)
            for (int c = 0; c < NODE; c++)
                nodes[k][c] += share[k][i] * pixel[c];
    }
}

TARGET INLINE void lookup_in_one(const float *table, int64_t size, const Place *place, int64_t i,
                                 vec value[GROUP][3])
{
    vec step[3][3];
    if (place->tetrahedral)
        tetrahedral(table, size, place, i, value[0], step);
    else
        lookup(table, size, place, i, value);
}

TARGET INLINE void slopes_in_one(const float *table, int64_t size, const Place *place, int64_t i,
                                 vec value[3], vec slope[3][3])
{
    if (place->tetrahedral)
        tetrahedral_slopes(table, size, place, i, value, slope);
    else
        lookup_slopes(table, size, place, i, value, slope);
}

TARGET static void scatter_to_one(float *sums, int64_t size, const Place *place,
                                  const float *weight, const float *gradient, int64_t count)
{
    if (place->tetrahedral)
        scatter_tetrahedral(sums, size, place, weight, gradient, count);
    else
        scatter(sums, size, place, weight, gradient, count);
}
