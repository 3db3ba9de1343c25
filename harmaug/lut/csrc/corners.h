/* The corners of tetrahedra and their order; included by block.h.

   A cell is cut into six tetrahedra, all with its lowest and its highest corner. The way from one
   to the other goes first along the axis of a pixel's largest fraction, then along that of the
   middle one, last along that of the smallest; of equal fractions blue comes before green before
   red. */

/* Steps from the lowest corner of each pixel's cell to the second and the third of its tetrahedron,
   by the steps along red, green and blue. */
TARGET static inline void find_corners(const Place *place, const int32_t step[3], int64_t count,
                                       int32_t *restrict second, int32_t *restrict third)
{
    const int32_t red = step[0], green = step[1], blue = step[2];
    for (int64_t i = 0; i < count; i++) {
        const float r = place->fraction[0][i], g = place->fraction[1][i], b = place->fraction[2][i];
        const int32_t red_or_blue = r > b ? red : blue, green_or_blue = g > b ? green : blue;
        second[i] = r > g ? red_or_blue : green_or_blue;
        third[i] = r > g ? red + green_or_blue : green + red_or_blue; /* all but the smallest */
    }
}

TARGET static void find_tetrahedra(int64_t size, int64_t count, Place *place)
{
    const int32_t step[3] = {STEP_RED(size), (int32_t)STEP_GREEN(size), (int32_t)STEP_BLUE(size)};
    int32_t *second = place->corner[0], *third = place->corner[1];
    find_corners(place, step, count, second, third);
    for (int64_t i = 0; i < count; i++) {
        second[i] += place->offset[i];
        third[i] += place->offset[i];
    }
}

/* The fractions of pixels, largest first; a NaN stays in one of them. */
TARGET INLINE void sort_fractions(const Place *place, int64_t i, vec sorted[3])
{
    const vec r = v_load(place->fraction[0] + i), g = v_load(place->fraction[1] + i);
    const vec b = v_load(place->fraction[2] + i), high = v_atleast(r, g), low = v_atmost(r, g);
    sorted[0] = v_atleast(high, b) + (r + g + b) * v_splat(0.0f);
    sorted[1] = v_atleast(low, v_atmost(high, b));
    sorted[2] = v_atmost(low, b);
}
