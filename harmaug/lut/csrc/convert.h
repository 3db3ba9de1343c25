/* Rows of any element type to and from floats.

   Included once per instruction set, with TARGET set to the function attributes that select it.
   Plain loops that the compiler vectorizes; a file that defines HALF_ROWS brings its own for
   float16. */
#include <string.h>

enum {
    BLOCK = 256, /* pixels a step: a few dozen rows of them fit the first-level cache */
    LANES = 16   /* rows of floats are padded to a multiple of this, the widest vector */
};

/* A contiguous row of elements of any type. */
typedef union {
    _Alignas(64) float floats[BLOCK];
    uint16_t halves[BLOCK];
    uint8_t bytes[BLOCK];
} Row;

static inline int64_t padded(int64_t count) { return (count + LANES - 1) / LANES * LANES; }

TARGET static inline float bits_to_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

TARGET static inline uint32_t float_to_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

TARGET static inline uint16_t to_bfloat16(float value)
{
    uint32_t bits = float_to_bits(value);
    uint32_t rounded = bits + 0x7fffu + (bits >> 16 & 1u);         /* to nearest, ties to even */
    return (uint16_t)((value == value ? rounded : bits) >> 16);    /* NaN keeps its bits */
}

#ifndef HALF_ROWS
TARGET static inline float from_float16(uint16_t value)
{
    uint32_t sign = (uint32_t)(value & 0x8000u) << 16;
    uint32_t magnitude = (uint32_t)(value & 0x7fffu) << 13;
    /* 2^112 moves the exponent bias from 15 to 127, denormals included. */
    uint32_t finite = float_to_bits(bits_to_float(magnitude) * 0x1p112f);
    uint32_t special = magnitude | 0x7f800000u; /* infinity and NaN */
    return bits_to_float(sign | (magnitude >= 0x0f800000u ? special : finite));
}

TARGET static inline uint16_t to_float16(float value)
{
    uint32_t bits = float_to_bits(value);
    uint32_t sign = bits >> 16 & 0x8000u;
    uint32_t magnitude = bits & 0x7fffffffu;
    /* Normal: round the mantissa to nearest even, move the exponent bias from 127 to 15. */
    uint32_t normal = (magnitude - 0x38000000u + 0xfffu + (magnitude >> 13 & 1u)) >> 13;
    /* Denormal: adding 0.5 makes the adder round at 2^-24, the smallest half. */
    uint32_t denormal = float_to_bits(bits_to_float(magnitude) + 0.5f) - 0x3f000000u;
    uint32_t half = magnitude < 0x38800000u ? denormal : normal;
    half = magnitude >= 0x477ff000u ? 0x7c00u : half; /* 65520 and more round to infinity */
    half = magnitude > 0x7f800000u ? 0x7e00u : half;  /* NaN */
    return (uint16_t)(sign | half);
}

TARGET static void widen_halves(const uint16_t *restrict from, float *restrict to, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        to[i] = from_float16(from[i]);
}

TARGET static void narrow_halves(const float *restrict from, uint16_t *restrict to, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        to[i] = to_float16(from[i]);
}
#endif

/* Floats of `count` elements, padded with zeros: the elements themselves if they will do. */
TARGET static const float *widen(int64_t type, const void *elements, int64_t count,
                                 float *restrict to)
{
    const uint16_t *halves = elements;
    const uint8_t *bytes = elements;
    switch (type) {
    case FLOAT32:
        if (count % LANES == 0)
            return elements;
        memcpy(to, elements, (size_t)count * sizeof(float));
        break;
    case FLOAT16:
        widen_halves(halves, to, count);
        break;
    case BFLOAT16:
        for (int64_t i = 0; i < count; i++)
            to[i] = bits_to_float((uint32_t)halves[i] << 16);
        break;
    case UINT8:
        for (int64_t i = 0; i < count; i++)
            to[i] = (float)bytes[i] * (1.0f / 255.0f);
        break;
    default: /* BOOL */
        for (int64_t i = 0; i < count; i++)
            to[i] = bytes[i] ? 1.0f : 0.0f;
    }
    for (int64_t i = count; i % LANES != 0; i++)
        to[i] = 0.0f;
    return to;
}

/* Floats to elements of another type. */
TARGET static void narrow(int64_t type, const float *restrict from, int64_t count,
                          Row *restrict to)
{
    switch (type) {
    case FLOAT16:
        narrow_halves(from, to->halves, count);
        break;
    case BFLOAT16:
        for (int64_t i = 0; i < count; i++)
            to->halves[i] = to_bfloat16(from[i]);
        break;
    default: /* UINT8: values in [0, 1], rounding half up; NaN becomes 0 */
        for (int64_t i = 0; i < count; i++) {
            float value = from[i] > 0.0f ? from[i] : 0.0f;
            to->bytes[i] = (uint8_t)(int32_t)(value * 255.0f + 0.5f);
        }
    }
}
