/* What the kernel asks of the operating system: threads and pages. */
#include "lut.h"

/* Threads live for one call: nothing survives to be broken by fork(). */

#if defined(__unix__) || defined(__APPLE__)

#include <pthread.h>
#include <signal.h>

enum { MAX_HELPERS = 255 };

typedef struct {
    void (*run)(void *, int64_t);
    void *context;
    int64_t items;
    int64_t next;
} Loop;

/* Items are taken one at a time: where the mask is empty an item costs far less than elsewhere. */
static void *work(void *argument)
{
    Loop *loop = argument;
    for (;;) {
        int64_t item = __atomic_fetch_add(&loop->next, 1, __ATOMIC_RELAXED);
        if (item >= loop->items)
            return NULL;
        loop->run(loop->context, item);
    }
}

void harmaug_parallel(void (*run)(void *, int64_t), void *context, int64_t items, int64_t threads)
{
    Loop loop = {run, context, items, 0};
    pthread_t helpers[MAX_HELPERS];
    int64_t wanted = (threads < items ? threads : items) - 1;
    int started = 0;

    if (wanted > MAX_HELPERS)
        wanted = MAX_HELPERS;
    if (wanted > 0) {
        /* Helpers inherit a full signal mask: signals stay with the host's threads. */
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        while (started < wanted && pthread_create(&helpers[started], NULL, work, &loop) == 0)
            started++;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    work(&loop); /* whatever could not be given away is done here */
    while (started > 0)
        pthread_join(helpers[--started], NULL);
}

#else

void harmaug_parallel(void (*run)(void *, int64_t), void *context, int64_t items, int64_t threads)
{
    (void)threads;
    for (int64_t item = 0; item < items; item++)
        run(context, item);
}

#endif

#if defined(__linux__)

#include <sys/mman.h>

enum { PAGE = 4096 };

/* A fresh large tensor costs more in page faults than in arithmetic; pages of 2 MiB are 512 times
   fewer. Only advice: where it is not taken nothing changes. */
EXPORT void harmaug_prefer_huge_pages(void *memory, size_t bytes)
{
    const uintptr_t begin = ((uintptr_t)memory + PAGE - 1) / PAGE * PAGE;
    const uintptr_t end = ((uintptr_t)memory + bytes) / PAGE * PAGE;
    if (begin < end)
        madvise((void *)begin, end - begin, MADV_HUGEPAGE);
}

#else

EXPORT void harmaug_prefer_huge_pages(void *memory, size_t bytes)
{
    (void)memory;
    (void)bytes;
}

#endif
