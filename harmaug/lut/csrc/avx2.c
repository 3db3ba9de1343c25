/* The kernel for x86 with AVX2, FMA and F16C: a pixel's two red neighbours are one load. */
#include "lut.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>

#define TARGET __attribute__((target("avx2,fma,f16c")))
#define NAME(x) avx2_##x
#include "kernel.h"
#include "x86.h"

static int supported(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("f16c");
}

const Kernel harmaug_avx2 = {"avx2", supported, avx2_forward, avx2_backward};

#else

static int supported(void) { return 0; }

const Kernel harmaug_avx2 = {"avx2", supported, 0, 0};

#endif
