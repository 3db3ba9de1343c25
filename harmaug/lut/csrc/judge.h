/* Which LUTs spoil the foreground of an image; included after forward.h.

   What `spoilt` of nets/judging.py computes, without writing the composite. */

/* Sums over the foreground, each pixel times its weight. */
typedef struct {
    int begun;
    vec middle[2]; /* a grey near the mean, without and with the LUT */
    vec weight, clipped;
    vec first[2], second[2]; /* of differences from the middle, and of their squares */
} Tally;

/* The value of the first lane whose weight is above 0, in all lanes. */
TARGET INLINE vec first_inside(vec values, const float *weight)
{
    float lane[WIDTH];
    int i = 0;
    v_store(lane, values);
    while (i < WIDTH - 1 && !(weight[i] > 0.0f))
        i++;
    return v_splat(lane[i]);
}

TARGET INLINE vec from_the_middle(vec value)
{
    return magnitude(value - v_splat(0.5f));
}

/* Of a sum of differences and one of squares. */
static inline float variance_of(float first, float second, float weight)
{
    return second / weight - first / weight * (first / weight);
}

/* Adds WIDTH pixels to the sums of a LUT that makes `value` of them. */
TARGET INLINE void tally(const Judge *judge, const Pixels *pixels, int64_t i, const float *weight,
                         const vec value[3], Tally *sums)
{
    const vec zero = v_splat(0.0f), border = v_splat(judge->border), share = v_load(weight + i);
    vec farthest = zero, grey[2] = {zero, zero};
    for (int c = 0; c < 3; c++) {
        const vec before = v_load(pixels->floats[c] + i), after = v_unit(value[c]);
        const mask kept = v_above(border, from_the_middle(before));
        farthest = v_atleast(v_select(kept, from_the_middle(after), zero), farthest); /* no NaN */
        grey[0] = grey[0] + before;
        grey[1] = grey[1] + after;
    }
    for (int k = 0; k < 2; k++) {
        if (!sums->begun)
            sums->middle[k] = first_inside(grey[k], weight + i);
        const vec off = grey[k] - sums->middle[k];
        sums->first[k] = v_fused(off, share, sums->first[k]);
        sums->second[k] = v_fused(off * off, share, sums->second[k]);
    }
    sums->begun = 1;
    sums->weight = sums->weight + share;
    sums->clipped = sums->clipped + v_select(v_above(border, farthest), zero, share);
}

/* Moves the middle to the mean so far, without which small variances would be lost in rounding. */
TARGET static void settle(Tally *sums)
{
    const float weight = (float)total(sums->weight);
    for (int k = 0; k < 2 && weight > 0.0f; k++) {
        const vec step = v_splat((float)total(sums->first[k]) / weight);
        const vec first = sums->first[k] - step * sums->weight;
        sums->second[k] = sums->second[k] - step * (sums->first[k] + first);
        sums->first[k] = first;
        sums->middle[k] = sums->middle[k] + step;
    }
}

TARGET static uint8_t verdict(const Judge *judge, const Tally *sums)
{
    const float weight = (float)total(sums->weight);
    float variance[2];
    if (!(weight > 0.0f))
        return 0; /* a foreground between the pixels of this view */
    for (int k = 0; k < 2; k++)
        variance[k] = variance_of((float)total(sums->first[k]), (float)total(sums->second[k]), weight);
    return (float)total(sums->clipped) > judge->most * weight ||
           variance[1] < judge->contrast * variance[0];
}

TARGET static void judge_luts(const Judge *judge, const float *tables, int64_t image, int64_t used,
                              uint8_t *result)
{
    const Job *job = &judge->job;
    const vec zero = v_splat(0.0f);
    const Tally empty = {0, {zero, zero}, zero, zero, {zero, zero}, {zero, zero}};
    Tally sums[GROUP];
    Pixels pixels;
    Place place;
    Row raw_mask;
    float wide_mask[BLOCK];

    for (int lut = 0; lut < GROUP; lut++)
        sums[lut] = empty;
    place.tetrahedral = 0;
    place.gridded = is_grid(job);
    place.spot.first = 0;
    for (int64_t pixel = 0, count; pixel < job->height * job->width; pixel += count) {
        count = block_length(job, pixel, job->height * job->width);
        const int64_t row = pixel / job->width, column = pixel % job->width;
        const float *weight =
            read_mask(&job->mask, image, row, column, count, &raw_mask, wide_mask);
        if (!any_above_zero(weight, padded(count)))
            continue;
        read_pixels(&job->image,
                    image * job->image.batch + row * job->image.row + column * job->image.column,
                    count, &pixels);
        locate_block(job, pixels.floats, row, column, count, &place);
        const float *table = tables + place.spot.first * table_floats(job->size);
        for (int64_t i = 0; i < padded(count); i += WIDTH) {
            vec value[GROUP][3];
            if (!v_any(v_above(v_load(weight + i), zero)))
                continue;
            LOOKUP(table, job->size, &place, i, value);
            for (int lut = 0; lut < GROUP && lut < used; lut++)
                tally(judge, &pixels, i, weight, value[lut], &sums[lut]);
        }
        for (int lut = 0; lut < GROUP && lut < used; lut++)
            settle(&sums[lut]);
    }
    for (int lut = 0; lut < used; lut++)
        result[lut] = verdict(judge, &sums[lut]);
}
