/* Shared by all parts of the native LUT kernel: one job, one kernel per instruction set. */
#ifndef HARMAUG_LUT_H
#define HARMAUG_LUT_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

/* The inner steps must be inlined; without this GCC makes calls of the largest. */
#if defined(__GNUC__)
#define INLINE static inline __attribute__((always_inline))
#else
#define INLINE static inline
#endif

/* Element types of a view; native.py numbers them alike. */
enum { FLOAT32 = 0, FLOAT16 = 1, BFLOAT16 = 2, UINT8 = 3, BOOL = 4 };

/* A strided tensor (batch, lut, channel, row, column); strides count elements. */
typedef struct {
    char *data; /* NULL: absent */
    int64_t dtype;
    int64_t batch, lut, channel, row, column;
} View;

/* One call of the operator or of its backward. */
typedef struct {
    int64_t batch, luts, height, width, size, threads;
    View image;
    View mask;       /* absent: the whole frame */
    View lut;        /* float32, each LUT contiguous as [c][b][g][r] */
    View result;     /* forward: written; backward: the gradient that comes in */
    View grad_image; /* the rest: backward only, absent where not wanted, */
    View grad_mask;  /* float32 */
    View grad_lut;   /* float32, contiguous as lut */
} Job;

/* A thumbnail of images under masks, and of the rest of the images. */
typedef struct {
    int64_t batch, height, width, rows, columns, threads;
    View image, mask;
    float *result; /* (batch, foreground and background, red, green, blue and share, rows, columns),
                      contiguous; colours are means over the region within a cell */
} Pool;

/* A grid node is (r, g, b, 0) with red fastest: a pixel's two red neighbours are adjacent. */
enum { NODE = 4 };

/* Gradient sums are kept per red interval, not per node: (low node, high node). Intervals do not
   overlap, so that pixels following each other never wait for half-forwarded stores. */
enum { INTERVAL = 8 };

typedef struct {
    const char *name;
    int (*supported)(void);                      /* by this machine */
    int (*serves)(const Job *job, int backward); /* NULL: every job */
    int (*pays)(const Job *job);                 /* faster than those after it; NULL: always */
    int64_t group;                               /* LUTs that share a table */
    int64_t (*table_floats)(int64_t size);
    /* Lays `count` LUTs [c][b][g][r], `step` floats apart, out as a table, aligned to 64 bytes. */
    void (*build)(const float *lut, int64_t step, int64_t count, int64_t size, float *table);
    /* Pixels [begin, end) of one image, counted row by row. `tables` holds those of the image. */
    void (*forward)(const Job *job, const float *tables, int64_t image, int64_t begin, int64_t end);
    /* As forward; adds LUT gradients to `sums` (NULL where not wanted), luts tables of intervals.
     */
    void (*backward)(const Job *job, const float *tables, int64_t image, int64_t begin, int64_t end,
                     float *sums);
    void (*pool_row)(const Pool *pool, int64_t image, int64_t row); /* one row of the thumbnail */
} Kernel;

extern const Kernel harmaug_portable;
extern const Kernel harmaug_avx2;
extern const Kernel harmaug_avx512x4;
extern const Kernel harmaug_avx512;
extern const Kernel harmaug_bytes;
extern const Kernel harmaug_neon;

/* Calls run(context, item) for every item in [0, items) on up to `threads` threads. */
void harmaug_parallel(void (*run)(void *, int64_t), void *context, int64_t items, int64_t threads);

static inline int64_t sums_floats(int64_t size) { return size * size * (size - 1) * INTERVAL; }

/* Of the interval whose low node lies at `node` (in floats); a line has one interval fewer. */
static inline int64_t interval_offset(int32_t node, int64_t size)
{
    const int32_t number = node / NODE;
    return (int64_t)(number - number / (int32_t)size) * INTERVAL;
}

#endif
