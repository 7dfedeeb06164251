// SPDX-License-Identifier: Apache-2.0
#include "bench/surroundings.h"

#include <stdlib.h>
#include <unistd.h>

#define CHOSEN "FACEGATE_BENCH_CHOSEN"

const char *fg_surroundings_blas(void)
{
#if defined __x86_64__
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return "SkylakeX";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return "Haswell";
#endif
    return "";
}

void fg_surroundings_choose(char **argv)
{
    if (getenv(CHOSEN))
        return;
    setenv(CHOSEN, "1", 1);
    if (fg_surroundings_blas()[0])
        setenv("OPENBLAS_CORETYPE", fg_surroundings_blas(), 1);
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    setenv("OMP_NUM_THREADS", "1", 1);
    setenv("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1", 1);
    execv("/proc/self/exe", argv); // where that fails, rivals run as they are
}
