/* Rows of elements of any type to and from rows of floats, a whole number of vectors long.
   Included by block.h. */

TARGET INLINE uint16_t to_bfloat16(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    /* To nearest, ties to even; NaN keeps its bits. */
    const uint32_t rounded = value == value ? bits + 0x7fffu + (bits >> 16 & 1u) : bits;
    return (uint16_t)(rounded >> 16);
}

TARGET INLINE float from_bfloat16(uint16_t half)
{
    const uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Floats of `count` elements: the elements themselves where they are floats. */
TARGET static inline const float *widen(int64_t type, const void *elements, int64_t count,
                                        float *to)
{
    const uint16_t *halves = elements;
    const uint8_t *bytes = elements;
    switch (type) {
    case FLOAT32: return elements;
    case FLOAT16:
        for (int64_t i = 0; i < count; i += WIDTH)
            v_store(to + i, v_from_halves(halves + i));
        break;
    case BFLOAT16:
        for (int64_t i = 0; i < count; i++)
            to[i] = from_bfloat16(halves[i]);
        break;
    case UINT8:
        for (int64_t i = 0; i < count; i += WIDTH)
            v_store(to + i, v_from_bytes(bytes + i) * v_splat(1.0f / 255.0f));
        break;
    default: /* BOOL */
        for (int64_t i = 0; i < count; i++)
            to[i] = bytes[i] ? 1.0f : 0.0f;
    }
    return to;
}

/* Floats to elements of another type; [0, 1] to UINT8 rounding half up, and NaN to 0. */
TARGET static inline void narrow(int64_t type, const float *from, int64_t count, Row *to)
{
    switch (type) {
    case FLOAT16:
        for (int64_t i = 0; i < count; i += WIDTH)
            v_to_halves(to->halves + i, v_load(from + i));
        break;
    case BFLOAT16:
        for (int64_t i = 0; i < count; i++)
            to->halves[i] = to_bfloat16(from[i]);
        break;
    default: /* UINT8 */
        for (int64_t i = 0; i < count; i += WIDTH)
            v_to_bytes(to->bytes + i, v_load(from + i) * v_splat(255.0f) + v_splat(0.5f));
    }
}
