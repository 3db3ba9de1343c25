/* Work in lanes: threads that each have scratch memory of their own. */
#include "lut.h"

#include <stdlib.h>

int harmaug_in_lanes(void (*run)(void *, int64_t), void *context, Lanes *lanes, int64_t useful,
                     int64_t threads)
{
    lanes->count = useful < 1 ? 1 : useful < threads ? useful : threads;
    char *memory = malloc((size_t)(lanes->count * lanes->floats) * sizeof(float) + LINE);
    if (!memory)
        return -1;
    lanes->scratch = (float *)(memory + LINE - (uintptr_t)memory % LINE);
    harmaug_parallel(run, context, lanes->count, lanes->count);
    free(memory);
    return 0;
}
