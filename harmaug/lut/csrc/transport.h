/* The prior's map from latents to codes; included after block.h.

   What `Transport` of nets/prior.py computes.

   Rows lie in the lanes of vectors and units follow each other, so that no sum goes across lanes:
   a row gives the same bits whatever it is computed with. */

/* Outputs that one pass over the inputs computes. */
enum { TOGETHER = 8 };

TARGET INLINE vec exponential(vec value)
{
    /* 2^whole * e^rest, rest within half a power of two */
    const vec near = v_atleast(v_atmost(value, v_splat(87.0f)), v_splat(-87.0f));
    const vec whole =
        v_floor(v_fused(near, v_splat(1.44269504f), v_splat(128.5f))) - v_splat(128.0f);
    vec rest = v_fused(whole, v_splat(-0.693359375f), near);
    rest = v_fused(whole, v_splat(2.12194440e-4f), rest); /* ln 2 in two parts */
    vec power = v_splat(1.0f / 5040);
    static const float taylor[] = {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f};
    for (int k = 0; k < 7; k++)
        power = v_fused(power, rest, v_splat(taylor[k]));
    return power * v_two_to(whole) + (value - value); /* NaN stays NaN */
}

TARGET INLINE vec silu(vec value)
{
    return value / (v_splat(1.0f) + exponential(v_splat(0.0f) - value));
}

TARGET INLINE vec tangent(vec value) /* hyperbolic */
{
    const vec one = v_splat(1.0f);
    return one - v_splat(2.0f) / (one + exponential(value + value));
}

TARGET INLINE vec start_of(const float *bias, const float *begin, int64_t unit)
{
    return bias ? v_splat(bias[unit]) : v_load(begin + unit * WIDTH);
}

/* weights (outputs, inputs) times `from` (inputs, lanes), on top of `bias` (outputs), or of `begin`
   (outputs, lanes) where there is no bias. */
TARGET static void dense(const float *weights, const float *bias, const float *begin,
                         int64_t inputs, int64_t outputs, const float *from, float *to)
{
    int64_t unit = 0;
    for (; unit + TOGETHER <= outputs; unit += TOGETHER) {
        const float *row = weights + unit * inputs;
        vec sum[TOGETHER];
        for (int k = 0; k < TOGETHER; k++)
            sum[k] = start_of(bias, begin, unit + k);
        for (int64_t i = 0; i < inputs; i++) {
            const vec value = v_load(from + i * WIDTH);
            for (int k = 0; k < TOGETHER; k++)
                sum[k] = v_fused(v_splat(row[k * inputs + i]), value, sum[k]);
        }
        for (int k = 0; k < TOGETHER; k++)
            v_store(to + (unit + k) * WIDTH, sum[k]);
    }
    for (; unit < outputs; unit++) {
        vec sum = start_of(bias, begin, unit);
        for (int64_t i = 0; i < inputs; i++)
            sum = v_fused(v_splat(weights[unit * inputs + i]), v_load(from + i * WIDTH), sum);
        v_store(to + unit * WIDTH, sum);
    }
}

TARGET static void bend(float *values, int64_t units)
{
    for (int64_t i = 0; i < units; i++)
        v_store(values + i * WIDTH, silu(v_load(values + i * WIDTH)));
}

/* `units` numbers of each row into lanes; the rows of a photo share what it has. */
static void into_lanes(const float *from, int64_t units, int64_t row, int64_t rows, int64_t shared,
                       float *to)
{
    for (int64_t lane = 0; lane < WIDTH; lane++) {
        const float *values = from + (row + (lane < rows ? lane : 0)) / shared * units;
        for (int64_t i = 0; i < units; i++)
            to[i * WIDTH + lane] = values[i];
    }
}

static void out_of_lanes(const float *from, int64_t units, int64_t row, int64_t rows, float *to)
{
    for (int64_t lane = 0; lane < rows; lane++)
        for (int64_t i = 0; i < units; i++)
            to[(row + lane) * units + i] = from[i * WIDTH + lane];
}

/* Rows [row, row + rows), at most ROWS, of latents to codes. */
TARGET static void transport(const Transport *map, int64_t row, int64_t rows, float *scratch)
{
    const int64_t size = map->size, width = map->width;
    const vec reach = v_splat(map->reach);
    for (int64_t done = 0; done < rows; done += WIDTH) {
        const int64_t some = rows - done < WIDTH ? rows - done : WIDTH;
        float *seen = scratch, *white = seen + map->couplings * width * WIDTH;
        float *amounts = white + size * WIDTH, *hidden = amounts + 2 * size * WIDTH;
        float *again = hidden + width * WIDTH;
        into_lanes(map->seen, map->couplings * width, row + done, some, map->shared, seen);
        into_lanes(map->latent, size, row + done, some, 1, white);
        for (int64_t k = 0; k < map->couplings; k++) {
            dense(map->first + k * width * size, NULL, seen + k * width * WIDTH, size, width, white,
                  hidden);
            bend(hidden, width);
            dense(map->weights[k], map->bias[k], NULL, width, width, hidden, again);
            bend(again, width);
            dense(map->last + k * 2 * size * width, map->last_bias + k * 2 * size, NULL, width,
                  2 * size, again, amounts);
            for (int64_t i = 0; i < size; i++) {
                const vec bent = tangent(v_load(amounts + i * WIDTH));
                const vec stretch = exponential(reach * bent);
                const vec shift = v_load(amounts + (size + i) * WIDTH);
                v_store(white + i * WIDTH, v_fused(v_load(white + i * WIDTH), stretch, shift));
            }
        }
        dense(map->scale, map->mean, NULL, size, size, white, amounts);
        out_of_lanes(amounts, size, row + done, some, map->result);
    }
}
