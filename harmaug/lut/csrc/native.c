/* Entry points of the native LUT kernel, called through ctypes without the interpreter's lock. */
#include "lut.h"

#include <stdlib.h>
#include <string.h>

/* In pixels; tests/sanitize makes them small, so that more threads run at once. */
#ifndef CHUNK
#define CHUNK (1 << 14)  /* one turn of a thread, or one set of gradient sums */
#define SERIAL (1 << 15) /* fewer lookups are not worth a thread */
#endif

enum {
    BACKWARD_CHUNKS = 16, /* most gradient sums an image */
    SCRATCH = 1 << 28,    /* bytes of tables and sums held at once, if one image allows */
    LINE = 64             /* bytes of a cache line */
};

/* In order of preference; the last serves every job. */
static const Kernel *const kernels[] = {&harmaug_bytes, &harmaug_avx512x4, &harmaug_avx512,
                                        &harmaug_avx2,  &harmaug_neon,     &harmaug_portable};
enum { KERNELS = sizeof kernels / sizeof *kernels };

/* The name of the kernel at `position` among those that this machine has; NULL past the last. */
EXPORT const char *harmaug_kernel(int position)
{
    for (int i = 0; i < KERNELS; i++)
        if (kernels[i]->supported() && position-- == 0)
            return kernels[i]->name;
    return NULL;
}

/* The kernel of that name, or the next that serves the job; without a name, the one that pays. */
static const Kernel *choose(const char *name, const Job *job, int backward)
{
    int named = !name;
    for (int i = 0; i < KERNELS; i++) {
        const Kernel *kernel = kernels[i];
        if (!kernel->supported())
            continue;
        named = named || strcmp(kernel->name, name) == 0;
        if (named && (!kernel->serves || kernel->serves(job, backward)) &&
            (name || !kernel->pays || kernel->pays(job)))
            return kernel;
    }
    return NULL;
}

/* The images [first, first + images) of a job, cut into chunks of pixels. */
typedef struct {
    const Job *job;
    const Kernel *kernel;
    int backward;
    int64_t first, pixels, chunk, chunks;
    int64_t groups; /* of LUTs that share a table */
    float *tables;  /* [image][group] */
    float *sums;    /* [image][chunk][lut], or NULL */
} Pass;

static void build_table(void *context, int64_t item)
{
    const Pass *pass = context;
    const View *view = &pass->job->lut;
    const int64_t size = pass->job->size, luts = pass->job->luts, group = pass->kernel->group;
    const int64_t image = pass->first + item / pass->groups, lut = item % pass->groups * group;
    pass->kernel->build((const float *)view->data + image * view->batch + lut * view->lut,
                        view->lut, luts - lut < group ? luts - lut : group, size,
                        pass->tables + item * pass->kernel->table_floats(size));
}

static void run_chunk(void *context, int64_t item)
{
    const Pass *pass = context;
    const Job *job = pass->job;
    const int64_t image = item / pass->chunks, begin = item % pass->chunks * pass->chunk;
    const int64_t end = begin + pass->chunk < pass->pixels ? begin + pass->chunk : pass->pixels;
    /* A LUT expanded over the batch has one table for all images. */
    const int64_t own = job->lut.batch ? image : 0;
    const float *tables = pass->tables + own * pass->groups * pass->kernel->table_floats(job->size);
    if (!pass->backward) {
        pass->kernel->forward(job, tables, pass->first + image, begin, end);
        return;
    }
    float *sums = pass->sums;
    if (sums) {
        const int64_t floats = job->luts * sums_floats(job->size);
        sums += item * floats;
        memset(sums, 0, (size_t)floats * sizeof(float));
    }
    pass->kernel->backward(job, tables, pass->first + image, begin, end, sums);
}

/* Adds up a LUT's sums, chunk after chunk, and folds intervals into nodes. */
static void reduce_sums(void *context, int64_t item)
{
    const Pass *pass = context;
    const View *view = &pass->job->grad_lut;
    const int64_t luts = pass->job->luts, size = pass->job->size, nodes = size * size * size;
    const int64_t image = item / luts, lut = item % luts, floats = sums_floats(size);
    float *total = pass->sums + (image * pass->chunks * luts + lut) * floats;
    float *planes = (float *)view->data + (pass->first + image) * view->batch + lut * view->lut;
    for (int64_t chunk = 1; chunk < pass->chunks; chunk++) {
        const float *part = total + chunk * luts * floats;
        for (int64_t i = 0; i < floats; i++)
            total[i] += part[i];
    }
    memset(planes, 0, (size_t)(3 * nodes) * sizeof(float));
    for (int64_t line = 0; line < size * size; line++)
        for (int64_t red = 0; red < size - 1; red++) {
            const float *interval = total + (line * (size - 1) + red) * INTERVAL;
            for (int64_t c = 0; c < 3; c++) {
                float *node = planes + c * nodes + line * size + red;
                node[0] += interval[c];
                node[1] += interval[NODE + c];
            }
        }
}

static int64_t at_least_one(int64_t value) { return value > 0 ? value : 1; }

/* Makes one long row of an image whose rows follow each other without a gap. */
static void join_rows(Job *job)
{
    const View *views[] = {&job->image, &job->mask, &job->result, &job->grad_image,
                           &job->grad_mask};
    for (size_t i = 0; i < sizeof views / sizeof *views; i++)
        if (views[i]->data && views[i]->row != views[i]->column * job->width)
            return;
    job->width *= job->height;
    job->height = 1;
}

/* Runs a job by the named kernel, or for NULL by the best; 0, or -1 where there is no memory, or -2
   for an unknown kernel. Chunks depend on shapes alone and sums are added in a fixed order, so that
   gradients are the same for any number of threads. */
static int run(const Job *given, const char *kernel, int backward)
{
    Job job = *given;
    Pass pass = {.job = &job,
                 .kernel = choose(kernel, given, backward),
                 .backward = backward,
                 .pixels = job.height * job.width,
                 .chunk = CHUNK};
    if (!pass.kernel)
        return -2;
    if (job.batch == 0 || job.luts == 0 || pass.pixels == 0)
        return 0;
    join_rows(&job);

    pass.groups = (job.luts + pass.kernel->group - 1) / pass.kernel->group;
    const int64_t table_bytes =
        pass.groups * pass.kernel->table_floats(job.size) * (int64_t)sizeof(float);
    const int64_t sums_bytes = job.luts * sums_floats(job.size) * (int64_t)sizeof(float);
    if (backward) {
        int64_t chunks = BACKWARD_CHUNKS, size = job.size;
        if (job.grad_lut.data) {
            int64_t least =
                2 * size * size * size; /* adding up sums must cost less than making them */
            least = least > CHUNK ? least : CHUNK;
            if (chunks > pass.pixels / least)
                chunks = at_least_one(pass.pixels / least);
            if (chunks > SCRATCH / sums_bytes)
                chunks = at_least_one(SCRATCH / sums_bytes);
        }
        pass.chunk = (pass.pixels + chunks - 1) / chunks;
    }
    pass.chunks = (pass.pixels + pass.chunk - 1) / pass.chunk;

    int64_t held =
        (job.lut.batch ? table_bytes : 0) + (job.grad_lut.data ? pass.chunks * sums_bytes : 0);
    int64_t images = held ? at_least_one(SCRATCH / held) : job.batch;
    images = images < job.batch ? images : job.batch;
    const int64_t table_sets = job.lut.batch ? images : 1;
    const int64_t all_tables = table_sets * table_bytes;
    const int64_t all_sums = job.grad_lut.data ? images * pass.chunks * sums_bytes : 0;
    char *scratch = malloc((size_t)(all_tables + all_sums + 2 * LINE));
    if (!scratch)
        return -1;
    pass.tables = (float *)(scratch + LINE - (uintptr_t)scratch % LINE);
    if (job.grad_lut.data)
        pass.sums = pass.tables + (all_tables + LINE - 1) / LINE * LINE / (int64_t)sizeof(float);

    for (; pass.first < job.batch; pass.first += images) {
        images = images < job.batch - pass.first ? images : job.batch - pass.first;
        const int64_t nodes = job.size * job.size * job.size * job.luts;
        const int64_t lookups = images * pass.pixels * job.luts;
        if (job.lut.batch || pass.first == 0)
            harmaug_parallel(build_table, &pass, job.lut.batch ? images * pass.groups : pass.groups,
                             nodes * images > 8 * SERIAL ? job.threads : 1);
        const int64_t useful = at_least_one(lookups / SERIAL);
        harmaug_parallel(run_chunk, &pass, images * pass.chunks,
                         useful < job.threads ? useful : job.threads);
        if (pass.sums)
            harmaug_parallel(reduce_sums, &pass, images * job.luts,
                             nodes * images * pass.chunks > 8 * SERIAL ? job.threads : 1);
    }
    free(scratch);
    return 0;
}

EXPORT int harmaug_forward(const Job *job, const char *kernel) { return run(job, kernel, 0); }

EXPORT int harmaug_backward(const Job *job, const char *kernel) { return run(job, kernel, 1); }

typedef struct {
    const Pool *pool;
    const Kernel *kernel;
} Pooling;

static void pool_item(void *context, int64_t item)
{
    const Pooling *pooling = context;
    const int64_t rows = pooling->pool->rows;
    pooling->kernel->pool_row(pooling->pool, item / rows, item % rows);
}

/* Makes thumbnails by the named kernel or the next that can, or for NULL by the best; 0, or -2 for
   an unknown kernel. */
EXPORT int harmaug_pool(const Pool *pool, const char *name)
{
    const int64_t useful = pool->batch * pool->height * pool->width / (4 * SERIAL);
    int named = !name;
    for (int i = 0; i < KERNELS; i++) {
        Pooling pooling = {pool, kernels[i]};
        named = named || strcmp(kernels[i]->name, name) == 0;
        if (!named || !kernels[i]->supported() || !kernels[i]->pool_row)
            continue;
        harmaug_parallel(pool_item, &pooling, pool->batch * pool->rows,
                         useful < pool->threads ? useful : pool->threads);
        return 0;
    }
    return -2;
}

/* An extension module only so that setuptools builds and ships it. */
struct PyObject;
EXPORT struct PyObject *PyInit__native(void) { return NULL; }
