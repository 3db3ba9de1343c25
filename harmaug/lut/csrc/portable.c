/* The kernel in portable C: what every other instruction set is tested against. */
#include "lut.h"

#define TARGET
#define NAME(x) portable_##x
#include "kernel.h"

static inline float lerp(float low, float high, float fraction)
{
    return low + fraction * (high - low);
}

static void interpolate(const float *table, int64_t size, const Place *place, int64_t count,
                        float *const value[3])
{
    const int64_t row = size * NODE, plane = size * size * NODE;
    for (int64_t i = 0; i < count; i++) {
        if (!place->active[i / LANES])
            continue;
        const float *node = table + place->offset[i];
        const float r = place->fraction[0][i], g = place->fraction[1][i],
                    b = place->fraction[2][i];
        for (int c = 0; c < 3; c++) {
            const float *at = node + c;
            float low = lerp(lerp(at[0], at[plane], b), lerp(at[row], at[row + plane], b), g);
            at += NODE;
            float high = lerp(lerp(at[0], at[plane], b), lerp(at[row], at[row + plane], b), g);
            value[c][i] = lerp(low, high, r);
        }
    }
}

static void differentiate(const float *table, int64_t size, const Place *place, int64_t count,
                          float (*value)[BLOCK], float (*slope)[3][BLOCK])
{
    const int64_t row = size * NODE, plane = size * size * NODE;
    for (int64_t i = 0; i < count; i++) {
        if (!place->active[i / LANES])
            continue;
        const float r = place->fraction[0][i], g = place->fraction[1][i],
                    b = place->fraction[2][i];
        for (int c = 0; c < 3; c++) {
            float over_blue[2][2], blue_slope[2][2]; /* [red][green] */
            for (int red = 0; red < 2; red++)
                for (int green = 0; green < 2; green++) {
                    const float *at = table + place->offset[i] + c + red * NODE + green * row;
                    blue_slope[red][green] = at[plane] - at[0];
                    over_blue[red][green] = at[0] + b * blue_slope[red][green];
                }
            float low = lerp(over_blue[0][0], over_blue[0][1], g);
            float high = lerp(over_blue[1][0], over_blue[1][1], g);
            value[c][i] = lerp(low, high, r);
            slope[0][c][i] = high - low;
            slope[1][c][i] = lerp(over_blue[0][1] - over_blue[0][0],
                                  over_blue[1][1] - over_blue[1][0], r);
            slope[2][c][i] = lerp(lerp(blue_slope[0][0], blue_slope[0][1], g),
                                  lerp(blue_slope[1][0], blue_slope[1][1], g), r);
        }
    }
}

static void scatter(float *sums, int64_t size, const Place *place, int64_t count,
                    const float *gradient)
{
    const int64_t row = (size - 1) * INTERVAL, plane = size * row;
    const int32_t size32 = (int32_t)size;
    for (int64_t i = 0; i < count; i++) {
        if (!place->active[i / LANES])
            continue;
        /* Nodes have one more column than intervals. */
        const int32_t node = place->offset[i] / NODE, line = node / size32;
        float *at = sums + (int64_t)(node - line) * INTERVAL;
        const float r = place->fraction[0][i], g = place->fraction[1][i],
                    b = place->fraction[2][i];
        const float weight[2][2] = {{(1 - b) * (1 - g), (1 - b) * g}, {b * (1 - g), b * g}};
        for (int blue = 0; blue < 2; blue++)
            for (int green = 0; green < 2; green++) {
                float *interval = at + blue * plane + green * row;
                for (int c = 0; c < 3; c++) {
                    float share = weight[blue][green] * gradient[NODE * i + c];
                    interval[c] += (1 - r) * share;
                    interval[NODE + c] += r * share;
                }
            }
    }
}

static int supported(void) { return 1; }

const Kernel harmaug_portable = {"portable", supported, portable_forward, portable_backward};
