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
    int64_t grid_rows, grid_columns; /* of LUTs over the frame; 1 and 1: one LUT for all of it */
    int64_t tetrahedral;             /* 0: trilinear */
    View image;
    View mask;       /* absent: the whole frame */
    View lut;        /* float32, each grid contiguous as [row][column][c][b][g][r] */
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

/* Regions whose colours are described. */
typedef struct {
    int64_t regions, pixels, threads;
    const float *colours, *weights; /* (regions, 3, pixels) in [0, 1], (regions, 1, pixels) */
    int64_t colour_batch, colour_channel, weight_batch; /* strides in elements; pixels are dense */
    float *result; /* (regions, STATISTICS), contiguous */
} Regions;

/* LUTs that are judged by the foreground of an image. A value is clipped if its distance from 0.5 is
   at least `border`. A foreground is spoilt if more than the share `most` of it is clipped and was
   not before, or if its variance falls below `contrast` times what it was. */
typedef struct {
    Job job; /* its result is absent */
    float border, most, contrast;
    uint8_t *result; /* (batch, luts), contiguous: whether each spoils its image */
} Judge;

enum {
    COUPLINGS = 8, /* of a transport, at most */
    ROWS = 16      /* that are mapped together, at most: floats of the widest vector */
};

/* The prior's map from latents to codes, as `Transport` of nets/prior.py holds it. */
typedef struct {
    int64_t rows, shared, threads;
    int64_t couplings, size, width;
    const float *seen, *latent; /* (rows / shared, couplings, width), (rows, size) */
    const float *first, *last, *last_bias, *scale, *mean;
    float *result; /* (rows, size) */
    const float *weights[COUPLINGS], *bias[COUPLINGS]; /* of each one's second layer */
    float reach;
} Transport;

/* Pixels [begin, end) of one image, counted row by row, and LUTs [lut, lut + luts). */
typedef struct {
    int64_t image, begin, end, lut, luts;
} Part;

/* A node of a LUT is (r, g, b, 0) with red fastest: a pixel's two red neighbours are adjacent. */
enum { NODE = 4 };

typedef struct {
    const char *name;
    int (*supported)(void);                      /* by this machine */
    int (*serves)(const Job *job, int backward); /* NULL: every job */
    int (*pays)(const Job *job);                 /* faster than those after it; NULL: always */
    int cells;     /* a table holds the four LUTs around a cell of their grid */
    int64_t group; /* else: LUTs that share a table; only 1 serves grids */
    int64_t (*table_floats)(int64_t size);
    /* Lays `count` LUTs [c][b][g][r] out as a table, aligned to 64 bytes. */
    void (*build)(const float *const *luts, int64_t count, int64_t size, float *table);
    /* `tables` holds those of the part's LUTs. */
    void (*forward)(const Job *job, const float *tables, const Part *part);
    int64_t (*sums_floats)(int64_t size);
    /* As forward, of all LUTs; adds their gradients to `sums`, one a table (NULL: not wanted). */
    void (*backward)(const Job *job, const float *tables, const Part *part, float *sums);
    /* Adds one LUT's share of a table's sums to its gradient [c][b][g][r]. */
    void (*fold)(const float *sums, int64_t lut, int64_t size, float *gradient);
    /* Whether each of the `used` LUTs of `tables` spoils an image. */
    void (*judge)(const Judge *judge, const float *tables, int64_t image, int64_t used,
                  uint8_t *result);
    void (*pool_row)(const Pool *pool, int64_t image, int64_t row); /* one row of the thumbnail */
    void (*describe)(const Regions *regions, int64_t region);
    /* Rows [row, row + rows), at most ROWS. */
    void (*transport)(const Transport *map, int64_t row, int64_t rows, float *scratch);
} Kernel;

extern const Kernel harmaug_portable;
extern const Kernel harmaug_avx2;
extern const Kernel harmaug_avx512grid;
extern const Kernel harmaug_avx512tetra;
extern const Kernel harmaug_avx512x4;
extern const Kernel harmaug_avx512;
extern const Kernel harmaug_bytes;
extern const Kernel harmaug_neon;

/* In pixels or lookups; tests/sanitize makes them small, so that more threads run at once. */
#ifndef CHUNK
#define CHUNK (1 << 14)  /* one turn of a thread, or one set of gradient sums */
#define SERIAL (1 << 15) /* fewer are not worth a thread */
#define SMALL (1 << 16)  /* an image that is read again for each group of LUTs */
#endif

/* Calls run(context, item) for every item in [0, items) on up to `threads` threads. */
void harmaug_parallel(void (*run)(void *, int64_t), void *context, int64_t items, int64_t threads);

enum { LINE = 64 }; /* bytes of a cache line */

/* Threads that share out items, lane, lane + count, ..., each with `floats` of scratch memory. */
typedef struct {
    int64_t count, floats;
    float *scratch; /* [count][floats], aligned to LINE if `floats` are whole lines */
} Lanes;

/* Calls run(context, lane) for every lane, of which at most `useful` are worth it; sets their count
   and memory. 0, or -1 where there is no memory. */
int harmaug_in_lanes(void (*run)(void *, int64_t), void *context, Lanes *lanes, int64_t useful,
                     int64_t threads);

/* Runs a job by one kernel; 0, or -1 where there is no memory. */
int harmaug_run(const Job *job, const Kernel *kernel, int backward);

/* Lays out the LUTs of one table: of a group, or one of a grid, or the four around a cell of it. */
void harmaug_build(const Job *job, const Kernel *kernel, int64_t image, int64_t group,
                   int64_t place, float *table);

/* Maps latents by one kernel; 0, or -1 where there is no memory. */
int harmaug_transport_by(const Transport *map, const Kernel *kernel);

/* Judges LUTs by one kernel; 0, or -1 where there is no memory. */
int harmaug_judge_by(const Judge *judge, const Kernel *kernel);

static inline int is_grid(const Job *job) { return job->grid_rows * job->grid_columns > 1; }

/* Tables along an axis of a grid: one a LUT, or one a cell between two. */
static inline int64_t tables_along(int64_t luts, int cells)
{
    return cells && luts > 1 ? luts - 1 : luts;
}

static inline int64_t grid_tables(const Job *job, int cells)
{
    return tables_along(job->grid_rows, cells) * tables_along(job->grid_columns, cells);
}

#endif
