// SPDX-License-Identifier: Apache-2.0
#include "pipeline/sampler_kernels.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

// The best first.
static const struct fg_sampler_kernels *const all[] = {
#if defined __x86_64__
    &fg_sampler_avx2,
#elif defined __aarch64__
    &fg_sampler_neon,
#endif
    &fg_sampler_c,
};
#define N_ALL (sizeof all / sizeof *all)

static _Atomic(const struct fg_sampler_kernels *) in_use;

static const struct fg_sampler_kernels *best(void)
{
    size_t i = 0;
    while (!all[i]->present())
        i++;
    return all[i];
}

const struct fg_sampler_kernels *fg_sampler_kernels(void)
{
    // Relaxed: what is pointed to is constant, and two threads that both look find the same.
    const struct fg_sampler_kernels *kernels = atomic_load_explicit(&in_use, memory_order_relaxed);
    if (!kernels) {
        kernels = best();
        atomic_store_explicit(&in_use, kernels, memory_order_relaxed);
    }
    return kernels;
}

int fg_sampler_use(const char *name)
{
    const struct fg_sampler_kernels *kernels = name ? NULL : best();
    for (size_t i = 0; !kernels && i < N_ALL; i++)
        if (strcmp(all[i]->name, name) == 0)
            kernels = all[i];
    if (!kernels)
        return -ENOENT;
    if (!kernels->present())
        return -ENOTSUP;
    atomic_store_explicit(&in_use, kernels, memory_order_relaxed);
    return 0;
}
