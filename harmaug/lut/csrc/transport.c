/* Mapping latents to codes: rows are shared out to threads. */
#include "lut.h"

typedef struct {
    const Transport *map;
    const Kernel *kernel;
    Lanes lanes;
} Trip;

static void transport_lane(void *context, int64_t lane)
{
    const Trip *trip = context;
    const int64_t all = trip->map->rows;
    for (int64_t row = lane * ROWS; row < all; row += trip->lanes.count * ROWS)
        trip->kernel->transport(trip->map, row, all - row < ROWS ? all - row : ROWS,
                                trip->lanes.scratch + lane * trip->lanes.floats);
}

int harmaug_transport_by(const Transport *map, const Kernel *kernel)
{
    const int64_t useful = map->rows / (4 * ROWS); /* fewer rows are not worth a thread */
    Trip trip = {.map = map, .kernel = kernel};
    trip.lanes.floats = ((map->couplings + 2) * map->width + 3 * map->size) * ROWS;
    return harmaug_in_lanes(transport_lane, &trip, &trip.lanes, useful, map->threads);
}
