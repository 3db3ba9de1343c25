/* Entry points of the native LUT kernel, called through ctypes without the interpreter's lock. */
#include "lut.h"

#include <string.h>

/* In order of preference; the last serves every job. */
static const Kernel *const kernels[] = {
    &harmaug_bytes,  &harmaug_avx512tetra, &harmaug_avx512grid, &harmaug_avx512x4,
    &harmaug_avx512, &harmaug_avx2,        &harmaug_neon,       &harmaug_portable};
enum { KERNELS = sizeof kernels / sizeof *kernels };

/* Tells native.py whether both mean the same by jobs. */
EXPORT int64_t harmaug_job_bytes(void)
{
    return sizeof(Job) + sizeof(Judge) + sizeof(Pool) + sizeof(Regions) + sizeof(Transport);
}

/* The name of the kernel at `position` among those that this machine has; NULL past the last. */
EXPORT const char *harmaug_kernel(int position)
{
    for (int i = 0; i < KERNELS; i++)
        if (kernels[i]->supported() && position-- == 0)
            return kernels[i]->name;
    return NULL;
}

typedef enum { FORWARD, BACKWARD, JUDGE } Task;

/* The kernel of that name, or the next that does the task; without a name, the one that pays. */
static const Kernel *choose(const char *name, const Job *job, Task task)
{
    int named = !name;
    for (int i = 0; i < KERNELS; i++) {
        const Kernel *kernel = kernels[i];
        if (!kernel->supported())
            continue;
        named = named || strcmp(kernel->name, name) == 0;
        if (named && (task != JUDGE || kernel->judge) &&
            (!kernel->serves || kernel->serves(job, task == BACKWARD)) &&
            (name || !kernel->pays || kernel->pays(job)))
            return kernel;
    }
    return NULL;
}

/* Runs a job by the named kernel, or for NULL by the best; 0, or -1 where there is no memory, or -2
   for an unknown kernel. */
static int run(const Job *job, const char *name, Task task)
{
    const Kernel *kernel = choose(name, job, task);
    return kernel ? harmaug_run(job, kernel, task == BACKWARD) : -2;
}

EXPORT int harmaug_forward(const Job *job, const char *kernel) { return run(job, kernel, FORWARD); }

EXPORT int harmaug_backward(const Job *job, const char *kernel) { return run(job, kernel, BACKWARD); }

/* As the others; every image must have a mask. */
EXPORT int harmaug_judge(const Judge *judge, const char *name)
{
    const Kernel *kernel = choose(name, &judge->job, JUDGE);
    return kernel ? harmaug_judge_by(judge, kernel) : -2;
}

/* What kernels do beside jobs: each of these is done by some of them. */
typedef enum { POOL, DESCRIBE, TRANSPORT } Extra;

static int does(const Kernel *kernel, Extra extra)
{
    switch (extra) {
    case POOL: return kernel->pool_row != NULL;
    case DESCRIBE: return kernel->describe != NULL;
    default: return kernel->transport != NULL;
    }
}

/* The named kernel or the next that can, or for NULL the first that can. */
static const Kernel *choose_for(Extra extra, const char *name)
{
    int named = !name;
    for (int i = 0; i < KERNELS; i++) {
        named = named || strcmp(kernels[i]->name, name) == 0;
        if (named && kernels[i]->supported() && does(kernels[i], extra))
            return kernels[i];
    }
    return NULL;
}

typedef struct {
    const Pool *pool;
    const Regions *regions;
    const Kernel *kernel;
} Rows;

static void pool_item(void *context, int64_t item)
{
    const Rows *rows = context;
    rows->kernel->pool_row(rows->pool, item / rows->pool->rows, item % rows->pool->rows);
}

static void describe_item(void *context, int64_t item)
{
    const Rows *rows = context;
    rows->kernel->describe(rows->regions, item);
}

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/* All return 0, or -1 where there is no memory, or -2 for an unknown kernel. */
EXPORT int harmaug_pool(const Pool *pool, const char *name)
{
    const int64_t useful = pool->batch * pool->height * pool->width / (4 * SERIAL);
    Rows rows = {.pool = pool, .kernel = choose_for(POOL, name)};
    if (rows.kernel)
        harmaug_parallel(pool_item, &rows, pool->batch * pool->rows,
                         smaller(useful, pool->threads));
    return rows.kernel ? 0 : -2;
}

EXPORT int harmaug_describe(const Regions *regions, const char *name)
{
    const int64_t useful = regions->regions * regions->pixels / (SERIAL / 8);
    Rows rows = {.regions = regions, .kernel = choose_for(DESCRIBE, name)};
    if (rows.kernel)
        harmaug_parallel(describe_item, &rows, regions->regions,
                         smaller(useful, regions->threads));
    return rows.kernel ? 0 : -2;
}

EXPORT int harmaug_transport(const Transport *map, const char *name)
{
    const Kernel *kernel = choose_for(TRANSPORT, name);
    return kernel ? harmaug_transport_by(map, kernel) : -2;
}

/* An extension module only so that setuptools builds and ships it. */
struct PyObject;
EXPORT struct PyObject *PyInit__native(void) { return NULL; }
