/* The backward pass over one image, block by block; included after forward.h.

   The including file brings `lookup_slopes`: as lookup, with the slopes along red, green and blue
   per step between nodes; `scatter`: adds pixels' gradients (r, g, b, 0) to the sums of their nodes
   where the weight is above 0; `sums_floats`; and v_within: 0 <= value <= 1. */

TARGET INLINE void lookup_slopes(const float *table, int64_t size, const Place *place, int64_t i,
                                 vec value[3], vec slope[3][3]);
TARGET static void scatter(float *sums, int64_t size, const Place *place, const float *weight,
                           const float *gradient, int64_t count);
static int64_t sums_floats(int64_t size);

#ifndef SLOPES
#define SLOPES lookup_slopes
#define SCATTER scatter
#endif

/* Values of a block beside its pixels, and its sums over the LUTs. */
typedef struct {
    float weight[BLOCK];      /* of the lookup in the blend; 0 too where the pixel is NaN */
    float gradient[3][BLOCK]; /* of the looked-up values of one LUT */
    Row direct[3];            /* sum: of the colour beside the lookup */
    float through[3][BLOCK];  /* sum: through the lookup, per step between nodes */
    Row alpha;                /* sum: of the mask */
    float nodes[BLOCK * NODE];
} Flow;

TARGET static void start_flow(const float *const colour[3], const float *alpha, int64_t count,
                              Flow *flow)
{
    const vec zero = v_splat(0.0f), one = v_splat(1.0f);
    for (int64_t i = 0; i < count; i += WIDTH) {
        vec weight = alpha ? v_load(alpha + i) : one;
        for (int c = 0; c < 3; c++) {
            const vec colours = v_unit(v_load(colour[c] + i));
            weight = v_select(v_within(colours), weight, zero);
            v_store(flow->direct[c].floats + i, zero);
            v_store(flow->through[c] + i, zero);
        }
        v_store(flow->weight + i, weight);
        v_store(flow->alpha.floats + i, zero);
    }
}

TARGET INLINE void add_to(float *sum, vec value) { v_store(sum, v_load(sum) + value); }

/* Takes the gradient back through blend, clamp and lookup of one LUT. */
TARGET static void flow_back(const Job *job, const float *table, const Place *place,
                             const float *const colour[3], const float *const incoming[3],
                             int64_t count, Flow *flow)
{
    const int need_image = job->grad_image.data != 0, need_alpha = job->grad_mask.data != 0;
    const vec zero = v_splat(0.0f), one = v_splat(1.0f);
    for (int64_t i = 0; i < count; i += WIDTH) {
        const vec weight = v_load(flow->weight + i);
        const mask foreground = v_above(weight, zero);
        vec values[GROUP][3], *value = values[0], slope[3][3], alpha = zero, back[3];
        if (!v_any(foreground)) {
            for (int c = 0; c < 3 && need_image; c++)
                add_to(flow->direct[c].floats + i, v_load(incoming[c] + i));
            continue;
        }
        if (need_image)
            SLOPES(table, job->size, place, i, value, slope);
        else
            LOOKUP(table, job->size, place, i, values);
        for (int c = 0; c < 3; c++) {
            const vec gradient = v_load(incoming[c] + i);
            const vec original = v_unit(v_load(colour[c] + i));
            const vec mixed = (one - weight) * original + weight * value[c];
            /* The clamp passes no gradient outside [0, 1]. */
            const vec open = v_select(v_within(mixed), gradient, zero);
            back[c] = weight * open;
            v_store(flow->gradient[c] + i, back[c]);
            if (need_alpha)
                alpha = alpha + open * (value[c] - original);
            if (need_image)
                add_to(flow->direct[c].floats + i,
                       v_select(foreground, (one - weight) * open, gradient));
        }
        if (need_alpha)
            add_to(flow->alpha.floats + i, v_select(foreground, alpha, zero));
        for (int axis = 0; axis < 3 && need_image; axis++) {
            const vec sum =
                back[0] * slope[axis][0] + back[1] * slope[axis][1] + back[2] * slope[axis][2];
            add_to(flow->through[axis] + i, v_select(foreground, sum, zero));
        }
    }
}

/* Turns `direct` into the gradient of the image. */
TARGET static void finish_image(const float *const colour[3], const float *alpha, int64_t size,
                                int64_t count, Flow *flow)
{
    const vec zero = v_splat(0.0f), scale = v_splat((float)(size - 1));
    for (int64_t i = 0; i < count; i += WIDTH) {
        const mask foreground = v_above(v_load(flow->weight + i), zero);
        /* A NaN pixel of the foreground has no gradient. */
        const mask masked = v_above(alpha ? v_load(alpha + i) : v_splat(1.0f), zero);
        for (int c = 0; c < 3; c++) {
            const vec direct = v_load(flow->direct[c].floats + i);
            const vec sum = direct + scale * v_load(flow->through[c] + i);
            const vec clamped = v_select(v_within(v_load(colour[c] + i)), sum, zero);
            v_store(flow->direct[c].floats + i,
                    v_select(foreground, clamped, v_select(masked, zero, direct)));
        }
    }
}

TARGET static void interleave(float (*planes)[BLOCK], float *nodes, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        nodes[NODE * i + 0] = planes[0][i];
        nodes[NODE * i + 1] = planes[1][i];
        nodes[NODE * i + 2] = planes[2][i];
        nodes[NODE * i + 3] = 0.0f;
    }
}

TARGET static void backward_block(const Job *job, const float *tables, int64_t image, int64_t row,
                                  int64_t column, int64_t count, float *sums)
{
    const View *from = &job->image, *incoming = &job->result;
    const int64_t source = image * from->batch + row * from->row + column * from->column;
    const int64_t grid = grid_tables(job, CELLS);
    Pixels pixels, arriving;
    Place place;
    Row raw_mask, elements[3];
    float wide_mask[BLOCK];
    Flow flow;

    place.tetrahedral = job->tetrahedral != 0;
    place.gridded = is_grid(job);
    place.spot.first = 0;
    const float *alpha = read_mask(&job->mask, image, row, column, count, &raw_mask, wide_mask);
    read_pixels(from, source, count, &pixels);
    start_flow(pixels.floats, alpha, padded(count), &flow);
    const int any = any_above_zero(flow.weight, padded(count));
    if (any)
        locate_block(job, pixels.floats, row, column, count, &place);

    for (int64_t lut = 0; lut < job->luts; lut++) {
        read_pixels(incoming,
                    image * incoming->batch + lut * incoming->lut + row * incoming->row +
                        column * incoming->column,
                    count, &arriving);
        flow_back(job, tables + (lut * grid + place.spot.first) * table_floats(job->size), &place,
                  pixels.floats, arriving.floats, padded(count), &flow);
        if (sums && any) {
            interleave(flow.gradient, flow.nodes, count);
            SCATTER(sums + (lut * grid + place.spot.first) * sums_floats(job->size), job->size,
                    &place, flow.weight, flow.nodes, count);
        }
    }

    if (job->grad_image.data) {
        const View *to = &job->grad_image;
        const int64_t target = image * to->batch + row * to->row + column * to->column;
        finish_image(pixels.floats, alpha, job->size, padded(count), &flow);
        for (int c = 0; c < 3 && to->dtype != FLOAT32; c++)
            narrow(to->dtype, flow.direct[c].floats, padded(count), &elements[c]);
        write_elements(to, target, count, to->dtype == FLOAT32 ? flow.direct : elements);
    }
    if (job->grad_mask.data) {
        const View *to = &job->grad_mask;
        spread(&flow.alpha, to, image * to->batch + row * to->row + column * to->column, count);
    }
}

TARGET static void backward(const Job *job, const float *tables, const Part *part, float *sums)
{
    for (int64_t at = part->begin, count; at < part->end; at += count) {
        count = block_length(job, at, part->end);
        backward_block(job, tables, part->image, at / job->width, at % job->width, count, sums);
    }
}
