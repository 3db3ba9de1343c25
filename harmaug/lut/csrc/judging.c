/* Judging LUTs: each is laid out as a table and tried on the foreground. */
#include "lut.h"

typedef struct {
    const Judge *judge;
    const Kernel *kernel;
    int64_t groups, grid, floats; /* LUTs that share tables; tables of each; floats in a table */
    Lanes lanes;                  /* whose scratch are tables */
} Trial;

static void judge_lane(void *context, int64_t lane)
{
    const Trial *trial = context;
    const Job *job = &trial->judge->job;
    float *tables = trial->lanes.scratch + lane * trial->lanes.floats;
    for (int64_t item = lane; item < job->batch * trial->groups; item += trial->lanes.count) {
        const int64_t image = item / trial->groups, group = item % trial->groups;
        const int64_t first = group * trial->kernel->group, left = job->luts - first;
        for (int64_t place = 0; place < trial->grid; place++)
            harmaug_build(job, trial->kernel, image, group, place, tables + place * trial->floats);
        trial->kernel->judge(trial->judge, tables, image,
                             left < trial->kernel->group ? left : trial->kernel->group,
                             trial->judge->result + image * job->luts + first);
    }
}

int harmaug_judge_by(const Judge *judge, const Kernel *kernel)
{
    const Job *job = &judge->job;
    Trial trial = {.judge = judge, .kernel = kernel};
    const int64_t useful = job->batch * job->luts * job->height * job->width / SERIAL;
    trial.groups = (job->luts + kernel->group - 1) / kernel->group;
    trial.grid = grid_tables(job, kernel->cells);
    trial.floats = kernel->table_floats(job->size);
    trial.lanes.floats = trial.grid * trial.floats;
    return harmaug_in_lanes(judge_lane, &trial, &trial.lanes, useful, job->threads);
}
