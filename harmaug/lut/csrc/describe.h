/* Mean, deviation and histograms of a region's colours, in RGB and CIE Lab; included after block.h.

   What `describe_region` of nets/statistics.py computes. Both curves of Lab are powers of a narrow
   range, here polynomials in a root of the value: s^0.8 and s^(4/3), fitted by least squares of the
   relative error. Lab is right to 1e-6. */

enum { BINS = 8, VALUES = 6, STATISTICS = 2 * VALUES + 3 * BINS };
#define LEAST 1e-6 /* sum of weights; below it means shrink towards 0 */

/* Sums over the pixels of a region, each times its weight. */
typedef struct {
    vec first[VALUES], second[VALUES]; /* differences from a value near the mean, and squares */
    vec bins[3][BINS];
} Sums;

TARGET INLINE vec polynomial(const float coefficient[9], vec value)
{
    vec result = v_splat(coefficient[8]);
    for (int k = 7; k >= 0; k--)
        result = v_fused(result, value, v_splat(coefficient[k]));
    return result;
}

/* value^2.4, of [0.0955, 1.055] */
TARGET INLINE vec power_of_srgb(vec value)
{
    static const float coefficient[9] = {0.725871607f,   0.866710897f,   -0.129344094f,
                                         0.0773862394f,  -0.0641488223f, 0.0563708758f,
                                         -0.0510225627f, 0.109454606f,   -0.157673884f};
    return value * value * polynomial(coefficient, v_root(value) - v_splat(0.67f));
}

/* The cube root, of [0.008856, 1] */
TARGET INLINE vec cube_root(vec value)
{
    static const float coefficient[9] = {0.563055447f,  1.15498613f,   0.296141785f,
                                         -0.101322764f, 0.0652999828f, -0.0510391949f,
                                         0.0434228467f, -0.074211855f, 0.0994064488f};
    return polynomial(coefficient, v_root(v_root(value)) - v_splat(0.65f));
}

/* Lab (D65) over 100, of sRGB in [0, 1]. */
TARGET INLINE void to_lab(const vec rgb[3], vec lab[3])
{
    static const float to_xyz[3][3] = {
        {0.412453f / 0.95047f, 0.357580f / 0.95047f, 0.180423f / 0.95047f},
        {0.212671f, 0.715160f, 0.072169f},
        {0.019334f / 1.08883f, 0.119193f / 1.08883f, 0.950227f / 1.08883f}};
    const float steep = 0.879415461f; /* 1.055^-2.4 */
    vec linear[3], bent[3];
    for (int c = 0; c < 3; c++) {
        const vec line = v_atmost(rgb[c], v_splat(0.04045f)) - v_splat(0.04045f);
        const vec power = power_of_srgb(v_atleast(rgb[c], v_splat(0.04045f)) + v_splat(0.055f));
        linear[c] = v_fused(line, v_splat(1 / 12.92f), power * v_splat(steep));
    }
    for (int k = 0; k < 3; k++) {
        vec xyz = v_splat(to_xyz[k][0]) * linear[0];
        xyz = v_fused(v_splat(to_xyz[k][1]), linear[1], xyz);
        xyz = v_fused(v_splat(to_xyz[k][2]), linear[2], xyz);
        const vec root = cube_root(v_atleast(xyz, v_splat(0.008856f)));
        /* The line is a tangent of the cube root, above it everywhere else. */
        bent[k] = v_atmost(root, v_fused(v_splat(7.787f), xyz, v_splat(4 / 29.0f)));
    }
    lab[0] = v_fused(v_splat(1.16f), bent[1], v_splat(-0.16f));
    lab[1] = v_splat(5.0f) * (bent[0] - bent[1]);
    lab[2] = v_splat(2.0f) * (bent[1] - bent[2]);
}

/* Adds each value's share in the bins around it, which falls linearly from their centres. */
TARGET INLINE void add_to_bins(vec value, vec weight, vec bins[BINS])
{
    const vec position = v_unit(value) * v_splat(BINS - 1), one = v_splat(1.0f);
    for (int bin = 0; bin < BINS; bin++) {
        const vec share = one - magnitude(position - v_splat((float)bin));
        bins[bin] = v_fused(v_atleast(share, v_splat(0.0f)), weight, bins[bin]);
    }
}

TARGET INLINE float root_of(double value)
{
    float lane[WIDTH];
    v_store(lane, v_root(v_splat((float)value)));
    return lane[0];
}

/* Pixels [begin, begin + count) of a region, where they lie or copied and padded with zeros. */
TARGET static void read_region(const Regions *regions, int64_t region, int64_t begin, int64_t count,
                               Row copied[4], const float *at[4])
{
    const float *colours = regions->colours + region * regions->colour_batch + begin;
    for (int c = 0; c < 4; c++) {
        at[c] = c < 3 ? colours + c * regions->colour_channel
                      : regions->weights + region * regions->weight_batch + begin;
        if (count % LANES == 0)
            continue;
        memset(&copied[c], 0, sizeof copied[c]);
        memcpy(&copied[c], at[c], (size_t)count * sizeof(float));
        at[c] = copied[c].floats;
    }
}

/* The mean colour, in RGB and Lab: Lab of the mean, near the mean of Lab. Returns the weights' sum. */
TARGET static double find_middle(const Regions *regions, int64_t region, vec middle[VALUES])
{
    const float *at[4];
    Row copied[4];
    vec sum[4] = {v_splat(0.0f), v_splat(0.0f), v_splat(0.0f), v_splat(0.0f)};
    for (int64_t begin = 0, count; begin < regions->pixels; begin += count) {
        count = whole_lanes(regions->pixels - begin);
        read_region(regions, region, begin, count, copied, at);
        for (int64_t i = 0; i < count; i += WIDTH) {
            const vec weight = v_load(at[3] + i);
            for (int c = 0; c < 3; c++)
                sum[c] = v_fused(v_load(at[c] + i), weight, sum[c]);
            sum[3] = sum[3] + weight;
        }
    }
    const double weights = total(sum[3]);
    for (int c = 0; c < 3; c++)
        middle[c] = v_splat((float)(total(sum[c]) / (weights > LEAST ? weights : LEAST)));
    to_lab(middle, middle + 3);
    return weights;
}

TARGET static void add_region(const Regions *regions, int64_t region, const vec middle[VALUES],
                              Sums *sums)
{
    const float *at[4];
    Row copied[4];
    for (int64_t begin = 0, count; begin < regions->pixels; begin += count) {
        count = whole_lanes(regions->pixels - begin);
        read_region(regions, region, begin, count, copied, at);
        for (int64_t i = 0; i < count; i += WIDTH) {
            const vec weight = v_load(at[3] + i);
            if (!v_any(v_above(weight, v_splat(0.0f))))
                continue;
            vec value[VALUES];
            for (int c = 0; c < 3; c++)
                value[c] = v_load(at[c] + i);
            to_lab(value, value + 3);
            for (int k = 0; k < VALUES; k++) {
                const vec off = value[k] - middle[k], share = off * weight;
                sums->first[k] = sums->first[k] + share;
                sums->second[k] = v_fused(share, off, sums->second[k]);
            }
            for (int c = 0; c < 3; c++)
                add_to_bins(value[c], weight, sums->bins[c]);
        }
    }
}

TARGET static void describe(const Regions *regions, int64_t region)
{
    vec middle[VALUES];
    Sums sums;
    const double weights = find_middle(regions, region, middle);
    const double scale = 1 / (weights > LEAST ? weights : LEAST), whole = weights * scale;
    float *result = regions->result + region * STATISTICS;
    memset(&sums, 0, sizeof sums);
    add_region(regions, region, middle, &sums);
    for (int k = 0; k < VALUES; k++) {
        /* Squares about the middle become squares about the mean. */
        const double from = total(middle[k]) / WIDTH, first = total(sums.first[k]) * scale;
        const double mean = first + from * whole, off = from - mean;
        const double variance = total(sums.second[k]) * scale + 2 * off * first + off * off * whole;
        result[k] = (float)mean;
        result[VALUES + k] = root_of(variance < 1e-8 ? 1e-8 : variance);
    }
    for (int c = 0; c < 3; c++)
        for (int bin = 0; bin < BINS; bin++)
            result[2 * VALUES + c * BINS + bin] = (float)(total(sums.bins[c][bin]) * scale);
}
