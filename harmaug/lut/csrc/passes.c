/* A job run by one kernel: its images are cut into parts for threads, and its LUTs laid out as
   tables. */
#include "lut.h"

#include <stdlib.h>
#include <string.h>

enum {
    BACKWARD_CHUNKS = 16, /* most gradient sums an image */
    SCRATCH = 1 << 28,    /* bytes of tables and sums held at once, if one image allows */
    MOST = 4              /* LUTs that share a table */
};

/* The images [first, first + images) of a job, cut into chunks of pixels. */
typedef struct {
    const Job *job;
    const Kernel *kernel;
    int backward;
    int64_t first, images, pixels, chunk, chunks;
    int64_t groups, grid; /* of LUTs that share tables; tables of each */
    int64_t floats;       /* in a table */
    int64_t lanes;        /* threads with tables of their own; 0: they share tables */
    float *tables;        /* [image][group][grid], or [lane][grid] */
    float *sums;          /* [image][chunk][group][grid], or NULL */
} Pass;

static float *lut_at(const Job *job, const View *view, int64_t image, int64_t lut, int64_t row,
                     int64_t column)
{
    const int64_t floats = 3 * job->size * job->size * job->size;
    return (float *)view->data + image * view->batch + lut * view->lut +
           (row * job->grid_columns + column) * floats;
}

void harmaug_build(const Job *job, const Kernel *kernel, int64_t image, int64_t group,
                   int64_t place, float *table)
{
    const int64_t along = tables_along(job->grid_columns, kernel->cells);
    const int64_t row = place / along, column = place % along, lut = group * kernel->group;
    const float *luts[MOST];
    int64_t count = 0;
    for (; kernel->cells && count < 4; count++) {
        const int64_t below = row + count / 2, right = column + count % 2;
        luts[count] = lut_at(job, &job->lut, image, lut, below < job->grid_rows ? below : row,
                             right < job->grid_columns ? right : column);
    }
    for (; !kernel->cells && count < kernel->group && lut + count < job->luts; count++)
        luts[count] = lut_at(job, &job->lut, image, lut + count, row, column);
    kernel->build(luts, count, job->size, table);
}

static void build_item(void *context, int64_t item)
{
    const Pass *pass = context;
    const int64_t table = item / pass->grid;
    harmaug_build(pass->job, pass->kernel, pass->first + table / pass->groups,
                  table % pass->groups, item % pass->grid, pass->tables + item * pass->floats);
}

static void run_chunk(void *context, int64_t item)
{
    const Pass *pass = context;
    const Job *job = pass->job;
    const int64_t image = item / pass->chunks, begin = item % pass->chunks * pass->chunk;
    const int64_t end = begin + pass->chunk < pass->pixels ? begin + pass->chunk : pass->pixels;
    const Part part = {pass->first + image, begin, end, 0, job->luts};
    /* LUTs expanded over the batch have one set of tables for all images. */
    const int64_t set = job->lut.batch ? image * pass->groups * pass->grid : 0;
    const float *tables = pass->tables + set * pass->floats;
    if (!pass->backward) {
        pass->kernel->forward(job, tables, &part);
        return;
    }
    float *sums = pass->sums;
    if (sums) {
        const int64_t floats = pass->groups * pass->grid * pass->kernel->sums_floats(job->size);
        sums += item * floats;
        memset(sums, 0, (size_t)floats * sizeof(float));
    }
    pass->kernel->backward(job, tables, &part, sums);
}

/* Small images: one group of LUTs at a time, so that its tables stay in the cache from being built
   to being used. */
static void run_lane(void *context, int64_t lane)
{
    const Pass *pass = context;
    const Job *job = pass->job;
    const int64_t items = job->batch * pass->groups, luts = pass->kernel->group;
    float *tables = pass->tables + lane * pass->grid * pass->floats;
    for (int64_t item = lane; item < items; item += pass->lanes) {
        const int64_t image = item / pass->groups, group = item % pass->groups;
        const int64_t left = job->luts - group * luts;
        const Part part = {image, 0, pass->pixels, group * luts, left < luts ? left : luts};
        for (int64_t place = 0; place < pass->grid; place++)
            harmaug_build(job, pass->kernel, image, group, place, tables + place * pass->floats);
        pass->kernel->forward(job, tables, &part);
    }
}

/* Adds up a table's sums, chunk after chunk. */
static void add_chunks(void *context, int64_t item)
{
    const Pass *pass = context;
    const int64_t tables = pass->groups * pass->grid, image = item / tables;
    const int64_t floats = pass->kernel->sums_floats(pass->job->size);
    float *total = pass->sums + (image * pass->chunks * tables + item % tables) * floats;
    for (int64_t chunk = 1; chunk < pass->chunks; chunk++) {
        const float *part = total + chunk * tables * floats;
        for (int64_t i = 0; i < floats; i++)
            total[i] += part[i];
    }
}

/* Gathers the gradient of one LUT from the sums of its table, or of the cells around it. */
static void fold_sums(void *context, int64_t item)
{
    const Pass *pass = context;
    const Job *job = pass->job;
    const Kernel *kernel = pass->kernel;
    const int64_t grid = job->grid_rows * job->grid_columns, place = item % grid;
    const int64_t image = item / grid / job->luts, lut = item / grid % job->luts;
    const int64_t row = place / job->grid_columns, column = place % job->grid_columns;
    const int64_t rows = tables_along(job->grid_rows, kernel->cells);
    const int64_t columns = tables_along(job->grid_columns, kernel->cells);
    const int64_t floats = kernel->sums_floats(job->size), before = kernel->cells ? 1 : 0;
    const float *sums =
        pass->sums + (image * pass->chunks * pass->groups + lut) * pass->grid * floats;
    float *gradient = lut_at(job, &job->grad_lut, pass->first + image, lut, row, column);
    memset(gradient, 0, (size_t)(3 * job->size * job->size * job->size) * sizeof(float));
    for (int64_t up = 0; up <= before; up++)
        for (int64_t left = 0; left <= before; left++) {
            const int64_t above = row - up, beside = column - left;
            if (above >= 0 && above < rows && beside >= 0 && beside < columns)
                kernel->fold(sums + (above * columns + beside) * floats, 2 * up + left, job->size,
                             gradient);
        }
}

static int64_t at_least_one(int64_t value) { return value > 0 ? value : 1; }

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/* Makes one long row of an image whose rows follow each other without a gap, unless they lie at
   different places in a grid. */
static void join_rows(Job *job)
{
    const View *views[] = {&job->image, &job->mask, &job->result, &job->grad_image,
                           &job->grad_mask};
    for (size_t i = 0; i < sizeof views / sizeof *views; i++)
        if (is_grid(job) || (views[i]->data && views[i]->row != views[i]->column * job->width))
            return;
    job->width *= job->height;
    job->height = 1;
}

/* Cuts the images into chunks. These depend on shapes alone and sums are added in a fixed order, so
   that gradients are the same for any number of threads. */
static void cut(Pass *pass, int64_t sums_bytes)
{
    if (!pass->backward) {
        pass->chunk = CHUNK;
    } else {
        int64_t chunks = BACKWARD_CHUNKS;
        if (sums_bytes) {
            /* Adding up sums must cost less than making them. */
            const int64_t cost = pass->grid * pass->kernel->sums_floats(pass->job->size) / 4;
            chunks = smaller(chunks, at_least_one(pass->pixels / (cost > CHUNK ? cost : CHUNK)));
            chunks = smaller(chunks, at_least_one(SCRATCH / sums_bytes));
        }
        pass->chunk = (pass->pixels + chunks - 1) / chunks;
    }
    pass->chunks = (pass->pixels + pass->chunk - 1) / pass->chunk;
}

static void run_pass(Pass *pass, int64_t threads)
{
    const Job *job = pass->job;
    const int64_t luts = job->luts * job->grid_rows * job->grid_columns, images = pass->images;
    const int64_t nodes = job->size * job->size * job->size * luts * images;
    const int64_t useful = at_least_one(images * pass->pixels * job->luts / SERIAL);
    const int64_t tables = pass->groups * pass->grid;
    if (job->lut.batch || pass->first == 0)
        harmaug_parallel(build_item, pass, job->lut.batch ? images * tables : tables,
                         nodes > 8 * SERIAL ? threads : 1);
    harmaug_parallel(run_chunk, pass, images * pass->chunks, smaller(useful, threads));
    if (!pass->sums)
        return;
    threads = nodes * pass->chunks > 8 * SERIAL ? threads : 1;
    if (pass->chunks > 1)
        harmaug_parallel(add_chunks, pass, images * tables, threads);
    harmaug_parallel(fold_sums, pass, images * luts, threads);
}

int harmaug_run(const Job *given, const Kernel *kernel, int backward)
{
    Job job = *given;
    Pass pass = {.job = &job, .kernel = kernel, .backward = backward};
    pass.pixels = job.height * job.width;
    if (job.batch == 0 || job.luts == 0 || pass.pixels == 0)
        return 0;
    join_rows(&job);
    pass.groups = (job.luts + kernel->group - 1) / kernel->group;
    pass.grid = grid_tables(&job, kernel->cells);
    pass.floats = kernel->table_floats(job.size);

    const int64_t float_bytes = sizeof(float), tables = pass.groups * pass.grid;
    const int64_t table_bytes = tables * pass.floats * float_bytes;
    const int64_t sums_bytes =
        backward && job.grad_lut.data ? tables * kernel->sums_floats(job.size) * float_bytes : 0;
    cut(&pass, sums_bytes);

    const int64_t held = (job.lut.batch ? table_bytes : 0) + pass.chunks * sums_bytes;
    const int64_t images = smaller(held ? at_least_one(SCRATCH / held) : job.batch, job.batch);
    int64_t all_tables = (job.lut.batch ? images : 1) * table_bytes;
    const int64_t all_sums = images * pass.chunks * sums_bytes;

    const int64_t lookups = job.batch * pass.pixels * job.luts;
    const int64_t lanes = smaller(at_least_one(lookups / SERIAL), job.threads);
    const int small = pass.pixels <= SMALL && (job.lut.batch || job.batch == 1);
    if (!backward && small && job.batch * pass.groups >= 2 * lanes) {
        pass.lanes = lanes;
        all_tables = lanes * pass.grid * pass.floats * float_bytes;
    }

    char *scratch = malloc((size_t)(all_tables + all_sums + 2 * LINE));
    if (!scratch)
        return -1;
    pass.tables = (float *)(scratch + LINE - (uintptr_t)scratch % LINE);
    if (sums_bytes)
        pass.sums = pass.tables + (all_tables + LINE - 1) / LINE * LINE / float_bytes;
    if (pass.lanes)
        harmaug_parallel(run_lane, &pass, lanes, lanes);
    for (; !pass.lanes && pass.first < job.batch; pass.first += images) {
        pass.images = smaller(images, job.batch - pass.first);
        run_pass(&pass, job.threads);
    }
    free(scratch);
    return 0;
}
