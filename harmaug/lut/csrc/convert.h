/* Planes of any element type and stride to and from short rows of floats.
   Included by kernel.h; TARGET is the instruction set to compile for. */
#include <string.h>

enum { LANES = 16 }; /* rows of floats are padded to a multiple of this */

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

TARGET static inline float from_bfloat16(uint16_t value)
{
    return bits_to_float((uint32_t)value << 16);
}

TARGET static inline uint16_t to_bfloat16(float value)
{
    uint32_t bits = float_to_bits(value);
    uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16; /* to nearest, ties to even */
    return (uint16_t)(value == value ? rounded : 0x7fc0u);
}

#ifndef HALF_IN_HARDWARE
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
#endif

/* [0, 1] -> 0..255, rounding half up; NaN -> 0. */
TARGET static inline uint8_t to_uint8(float value)
{
    return (uint8_t)(value > 0.0f ? (int32_t)(value * 255.0f + 0.5f) : 0);
}

/* For each stride in turn, so that the compiler sees it as a constant where it matters. */
#define FOR_STRIDE(stride, LOOP) \
    do {                         \
        if ((stride) == 1) {     \
            LOOP(1);             \
        } else if ((stride) == 3) { \
            LOOP(3);             \
        } else {                 \
            LOOP(stride);        \
        }                        \
    } while (0)

/* A row of one plane as floats: the tensor's own memory where that will do, else `buffer`, which
   holds `count` rounded up to LANES. */
TARGET static const float *fetch(const View *view, int64_t offset, int64_t count, float *buffer)
{
    const int64_t stride = view->column;
#define LOAD(type, value)                                            \
    do {                                                             \
        const type *source = (const type *)view->data + offset;      \
        FOR_STRIDE(stride, value);                                   \
    } while (0)
#define EACH(expression, step)                                       \
    for (int64_t i = 0; i < count; i++) {                            \
        buffer[i] = (expression);                                    \
    }                                                                \
    (void)(step)
#define AS_FLOAT32(step) EACH(source[i * (step)], step)
#define AS_FLOAT16(step) EACH(from_float16(source[i * (step)]), step)
#define AS_BFLOAT16(step) EACH(from_bfloat16(source[i * (step)]), step)
#define AS_UINT8(step) EACH((float)source[i * (step)] * (1.0f / 255.0f), step)
#define AS_BOOL(step) EACH(source[i * (step)] ? 1.0f : 0.0f, step)
    switch (view->dtype) {
    case FLOAT32:
        if (stride == 1 && count % LANES == 0)
            return (const float *)view->data + offset;
        LOAD(float, AS_FLOAT32);
        break;
    case FLOAT16: LOAD(uint16_t, AS_FLOAT16); break;
    case BFLOAT16: LOAD(uint16_t, AS_BFLOAT16); break;
    case UINT8: LOAD(uint8_t, AS_UINT8); break;
    default: LOAD(uint8_t, AS_BOOL); break;
    }
    for (int64_t i = count; i % LANES != 0; i++)
        buffer[i] = 0.0f;
    return buffer;
#undef LOAD
#undef EACH
#undef AS_FLOAT32
#undef AS_FLOAT16
#undef AS_BFLOAT16
#undef AS_UINT8
#undef AS_BOOL
}

/* Where a row of floats can be written for the tensor to hold it: its memory, or `buffer`. */
TARGET static float *place_for(const View *view, int64_t offset, int64_t count, float *buffer)
{
    if (view->dtype == FLOAT32 && view->column == 1 && count % LANES == 0)
        return (float *)view->data + offset;
    return buffer;
}

/* Writes a row of floats to a plane. Where `mask` is given and not above 0, the element of `source`
   (of the same type) is copied instead, bit for bit. */
TARGET static void deliver(const float *row, const View *view, int64_t offset, const View *source,
                           int64_t source_offset, const float *mask, int64_t count)
{
    const int64_t stride = view->column;
#define STORE(type, LOOP)                                                             \
    do {                                                                              \
        type *target = (type *)view->data + offset;                                   \
        const type *original = mask ? (const type *)source->data + source_offset : 0; \
        FOR_STRIDE(stride, LOOP);                                                     \
    } while (0)
#define EACH(convert, step)                                                           \
    if (mask) {                                                                       \
        for (int64_t i = 0; i < count; i++)                                           \
            target[i * (step)] = mask[i] > 0.0f ? convert(row[i])                     \
                                                : original[i * source->column];       \
    } else {                                                                          \
        for (int64_t i = 0; i < count; i++)                                           \
            target[i * (step)] = convert(row[i]);                                     \
    }
#define SAME(value) (value)
#define TO_FLOAT32(step) EACH(SAME, step)
#define TO_FLOAT16(step) EACH(to_float16, step)
#define TO_BFLOAT16(step) EACH(to_bfloat16, step)
#define TO_UINT8(step) EACH(to_uint8, step)
    switch (view->dtype) {
    case FLOAT32: STORE(float, TO_FLOAT32); break;
    case FLOAT16: STORE(uint16_t, TO_FLOAT16); break;
    case BFLOAT16: STORE(uint16_t, TO_BFLOAT16); break;
    default: STORE(uint8_t, TO_UINT8); break;
    }
#undef STORE
#undef EACH
#undef SAME
#undef TO_FLOAT32
#undef TO_FLOAT16
#undef TO_BFLOAT16
#undef TO_UINT8
}
