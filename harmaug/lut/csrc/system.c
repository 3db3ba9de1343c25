/* Threads and memory pages of the operating system. */
#include "lut.h"

#if defined(__unix__) || defined(__APPLE__)

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

enum { MAX_HELPERS = 255 };

/* Shared by the caller and its helpers; the last of them frees it. */
typedef struct {
    void (*run)(void *, int64_t);
    void *context;
    int64_t items, next, done;
    int users;
    pthread_mutex_t mutex;
    pthread_cond_t finished;
} Loop;

static void leave(Loop *loop)
{
    if (__atomic_sub_fetch(&loop->users, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    pthread_mutex_destroy(&loop->mutex);
    pthread_cond_destroy(&loop->finished);
    free(loop);
}

/* Items are taken one at a time, for their costs differ: an empty mask saves most of the work. */
static void take_items(Loop *loop)
{
    int64_t item;
    while ((item = __atomic_fetch_add(&loop->next, 1, __ATOMIC_RELAXED)) < loop->items) {
        loop->run(loop->context, item);
        if (__atomic_add_fetch(&loop->done, 1, __ATOMIC_ACQ_REL) == loop->items) {
            pthread_mutex_lock(&loop->mutex);
            pthread_cond_signal(&loop->finished);
            pthread_mutex_unlock(&loop->mutex);
        }
    }
}

static void *help(void *loop)
{
    take_items(loop);
    leave(loop);
    return NULL;
}

/* Starts up to `wanted` helpers. They mask all signals, so that the host's threads get these. */
static void start_helpers(Loop *loop, int64_t wanted)
{
    sigset_t all, before;
    pthread_attr_t detached;
    pthread_t thread;
    if (pthread_attr_init(&detached) != 0)
        return;
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (int64_t i = 0; i < wanted && i < MAX_HELPERS; i++) {
        __atomic_add_fetch(&loop->users, 1, __ATOMIC_RELAXED);
        if (pthread_create(&thread, &detached, help, loop) != 0) {
            __atomic_sub_fetch(&loop->users, 1, __ATOMIC_RELAXED);
            break;
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&detached);
}

/* Threads live for one loop, so that fork() meets no pool that it would break. The caller waits for
   items, not for threads: a helper that starts late (OpenMP's idle workers spin for milliseconds)
   finds nothing to do and delays nobody. */
void harmaug_parallel(void (*run)(void *, int64_t), void *context, int64_t items, int64_t threads)
{
    const int64_t helpers = (threads < items ? threads : items) - 1;
    Loop *loop = helpers > 0 ? malloc(sizeof *loop) : NULL;
    if (!loop) {
        for (int64_t item = 0; item < items; item++)
            run(context, item);
        return;
    }
    *loop = (Loop){.run = run, .context = context, .items = items, .users = 1};
    pthread_mutex_init(&loop->mutex, NULL);
    pthread_cond_init(&loop->finished, NULL);
    start_helpers(loop, helpers);
    take_items(loop);
    pthread_mutex_lock(&loop->mutex);
    while (__atomic_load_n(&loop->done, __ATOMIC_ACQUIRE) < items)
        pthread_cond_wait(&loop->finished, &loop->mutex);
    pthread_mutex_unlock(&loop->mutex);
    leave(loop);
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
   fewer. This is advice; a system that ignores it changes nothing. */
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
