/* Rows of elements, read from and written to strided tensors, at most one block at a time.

   Included by block.h, once per instruction set with TARGET its function attributes. Plain loops
   that compilers vectorize. */
#include <string.h>

enum {
    BLOCK = 256, /* pixels a step: a few dozen such rows fit the first-level cache */
    LANES = 16   /* rows of floats are padded to a multiple of this, the widest vector */
};

/* A contiguous row of elements of any type. */
typedef union {
    _Alignas(64) float floats[BLOCK];
    uint16_t halves[BLOCK];
    uint8_t bytes[BLOCK];
} Row;

static inline int64_t padded(int64_t count) { return (count + LANES - 1) / LANES * LANES; }

/* Three channels of a block as elements, padded with zeros to LANES. */
typedef struct {
    Row copied[3];
    const void *at[3]; /* the tensor itself, or `copied` */
} Elements;

static inline int64_t element_bytes(int64_t type)
{
    return type == FLOAT32 ? 4 : type == FLOAT16 || type == BFLOAT16 ? 2 : 1;
}

static inline int interleaved(const View *view) { return view->channel == 1 && view->column == 3; }

static inline void clear_short(Row *row, int64_t count)
{
    if (count < LANES)
        memset(row, 0, LANES * sizeof(float));
}

/* Interleaved pixels to rows and back; copies of a constant step, which compilers vectorize. */
#define INTERLEAVING(type, rows)                                                                   \
    TARGET static void split_##rows(const type *restrict from, Row *restrict to, int64_t count)    \
    {                                                                                              \
        for (int64_t i = 0; i < count; i++) {                                                      \
            to[0].rows[i] = from[3 * i];                                                           \
            to[1].rows[i] = from[3 * i + 1];                                                       \
            to[2].rows[i] = from[3 * i + 2];                                                       \
        }                                                                                          \
    }                                                                                              \
    TARGET static void join_##rows(const Row *restrict from, type *restrict to, int64_t count)     \
    {                                                                                              \
        for (int64_t i = 0; i < count; i++) {                                                      \
            to[3 * i] = from[0].rows[i];                                                           \
            to[3 * i + 1] = from[1].rows[i];                                                       \
            to[3 * i + 2] = from[2].rows[i];                                                       \
        }                                                                                          \
    }
INTERLEAVING(float, floats)
INTERLEAVING(uint16_t, halves)
INTERLEAVING(uint8_t, bytes)

/* The elements of a row next to each other and padded: where they lie, or copied to `row`. */
TARGET static const void *gather(const View *view, int64_t offset, int64_t count, Row *row)
{
    const int64_t step = view->column;
    const char *from = view->data + offset * element_bytes(view->dtype);
    if (step == 1 && count % LANES == 0)
        return from;
    clear_short(row, count);
    switch (element_bytes(view->dtype)) {
    case 4:
        for (int64_t i = 0; i < count; i++)
            row->floats[i] = ((const float *)from)[i * step];
        break;
    case 2:
        for (int64_t i = 0; i < count; i++)
            row->halves[i] = ((const uint16_t *)from)[i * step];
        break;
    default:
        for (int64_t i = 0; i < count; i++)
            row->bytes[i] = ((const uint8_t *)from)[i * step];
    }
    return row;
}

TARGET static void spread(const Row *row, const View *view, int64_t offset, int64_t count)
{
    const int64_t step = view->column, bytes = element_bytes(view->dtype);
    char *to = view->data + offset * bytes;
    if (step == 1) {
        memcpy(to, row, (size_t)(count * bytes));
        return;
    }
    switch (bytes) {
    case 4:
        for (int64_t i = 0; i < count; i++)
            ((float *)to)[i * step] = row->floats[i];
        break;
    case 2:
        for (int64_t i = 0; i < count; i++)
            ((uint16_t *)to)[i * step] = row->halves[i];
        break;
    default:
        for (int64_t i = 0; i < count; i++)
            ((uint8_t *)to)[i * step] = row->bytes[i];
    }
}

TARGET static void read_elements(const View *view, int64_t offset, int64_t count, Elements *to)
{
    const int bytes = element_bytes(view->dtype);
    const void *from = view->data + offset * bytes;
    for (int channel = 0; channel < 3; channel++) {
        to->at[channel] = &to->copied[channel];
        if (interleaved(view))
            clear_short(&to->copied[channel], count);
        else
            to->at[channel] =
                gather(view, offset + channel * view->channel, count, &to->copied[channel]);
    }
    if (!interleaved(view))
        return;
    if (bytes == 4)
        split_floats(from, to->copied, count);
    else if (bytes == 2)
        split_halves(from, to->copied, count);
    else
        split_bytes(from, to->copied, count);
}

TARGET static void write_elements(const View *view, int64_t offset, int64_t count, const Row *rows)
{
    const int bytes = element_bytes(view->dtype);
    void *to = view->data + offset * bytes;
    if (!interleaved(view))
        for (int channel = 0; channel < 3; channel++)
            spread(&rows[channel], view, offset + channel * view->channel, count);
    else if (bytes == 4)
        join_floats(rows, to, count);
    else if (bytes == 2)
        join_halves(rows, to, count);
    else
        join_bytes(rows, to, count);
}

#if defined(__GNUC__)
#define PREFETCH(address, write) __builtin_prefetch(address, write)
#else
#define PREFETCH(address, write) ((void)(address))
#endif

/* Pixels two blocks on. Their memory is asked for a few lines at a time, as this block is computed:
   all at once, the requests would hold up the loads from tables. */
typedef struct {
    const char *at[3];
    int64_t pixel; /* bytes from one to the next in each of the three */
} Ahead;

static inline Ahead two_blocks_on(const View *view, int64_t offset, int64_t count)
{
    const int64_t bytes = element_bytes(view->dtype), pixel = view->column * bytes;
    const char *next = view->data + offset * bytes + 2 * count * pixel;
    const int64_t part = interleaved(view) ? LANES * bytes : view->channel * bytes;
    return (Ahead){{next, next + part, next + 2 * part}, pixel};
}

TARGET static inline void expect(const Ahead *ahead, int64_t i)
{
    for (int k = 0; k < 3; k++)
        PREFETCH(ahead->at[k] + i * ahead->pixel, 0);
}

/* Asks for the memory to which the block after the next is written, unless that goes past caches. */
TARGET static inline void expect_result(const View *view, int64_t offset, int64_t count)
{
    const int64_t bytes = element_bytes(view->dtype), length = count * view->column * bytes;
    const int rows = interleaved(view) ? 1 : 3;
    for (int row = 0; row < rows && view->column <= 3; row++) {
        const char *next = view->data + (offset + row * view->channel) * bytes + 2 * length;
        for (int64_t i = 0; i < length; i += 64)
            PREFETCH(next + i, 1);
    }
}

/* How many of `left` pixels to take as one block: a whole number of LANES, or fewer than LANES. */
static inline int64_t whole_lanes(int64_t left)
{
    return left >= BLOCK ? BLOCK : left >= LANES ? left / LANES * LANES : left;
}

/* The next pixels of [begin, end) to take as one block: in one row. */
static inline int64_t block_length(const Job *job, int64_t begin, int64_t end)
{
    const int64_t left = job->width - begin % job->width;
    return whole_lanes(left < end - begin ? left : end - begin);
}
