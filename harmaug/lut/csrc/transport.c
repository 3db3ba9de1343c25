/* Mapping latents to codes: rows are shared out to threads. */
#include "lut.h"

#include <stdlib.h>

enum { LINE = 64 }; /* bytes of a cache line */

typedef struct {
    const Transport *map;
    const Kernel *kernel;
    int64_t lanes, floats; /* threads, and floats of scratch of each */
    float *scratch;
} Trip;

static void transport_lane(void *context, int64_t lane)
{
    const Trip *trip = context;
    const int64_t all = trip->map->rows;
    for (int64_t row = lane * ROWS; row < all; row += trip->lanes * ROWS)
        trip->kernel->transport(trip->map, row, all - row < ROWS ? all - row : ROWS,
                                trip->scratch + lane * trip->floats);
}

int harmaug_transport_by(const Transport *map, const Kernel *kernel)
{
    const int64_t useful = map->rows / (4 * ROWS); /* fewer rows are not worth a thread */
    Trip trip = {.map = map, .kernel = kernel};
    trip.lanes = useful < 1 ? 1 : useful < map->threads ? useful : map->threads;
    trip.floats = ((map->couplings + 2) * map->width + 3 * map->size) * ROWS;
    char *memory = malloc((size_t)(trip.lanes * trip.floats) * sizeof(float) + LINE);
    if (!memory)
        return -1;
    trip.scratch = (float *)(memory + LINE - (uintptr_t)memory % LINE);
    harmaug_parallel(transport_lane, &trip, trip.lanes, trip.lanes);
    free(memory);
    return 0;
}
