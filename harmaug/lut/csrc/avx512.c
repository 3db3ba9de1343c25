/* The kernel for x86 with AVX-512. */
#include "lut.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,f16c")))
#define NAME(x) avx512_##x
#include "kernel.h"
#include "x86.h"

static int supported(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("f16c");
}

const Kernel harmaug_avx512 = {"avx512", supported, avx512_forward, avx512_backward};

#else

static int supported(void) { return 0; }

const Kernel harmaug_avx512 = {"avx512", supported, 0, 0};

#endif
