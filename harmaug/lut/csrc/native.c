/* Entry points of the native LUT kernel, called through ctypes without the interpreter's lock. */
#include "lut.h"

#include <string.h>

/* In order of preference; the last serves every job. */
static const Kernel *const kernels[] = {&harmaug_bytes,  &harmaug_avx512tetra, &harmaug_avx512grid, &harmaug_avx512x4,
                                        &harmaug_avx512, &harmaug_avx2,       &harmaug_neon,
                                        &harmaug_portable};
enum { KERNELS = sizeof kernels / sizeof *kernels };

/* Tells native.py whether both mean the same by a job. */
EXPORT int64_t harmaug_job_bytes(void) { return sizeof(Job); }

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

/* Runs a job by the named kernel, or for NULL by the best; 0, or -1 where there is no memory, or -2
   for an unknown kernel. */
static int run(const Job *job, const char *name, int backward)
{
    const Kernel *kernel = choose(name, job, backward);
    return kernel ? harmaug_run(job, kernel, backward) : -2;
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
