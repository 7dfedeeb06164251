// SPDX-License-Identifier: Apache-2.0
#include "matcher/index_kernels.h"

#include <string.h>

// The best first.
static const struct fg_index_kernels *const all[] = {
#if defined __x86_64__
    &fg_index_avx512vnni,
    &fg_index_avx512,
    &fg_index_avx2,
#elif defined __aarch64__
    &fg_index_neondot,
    &fg_index_neon,
#endif
    &fg_index_c,
};
#define N_ALL (sizeof all / sizeof *all)

const struct fg_index_kernels *fg_index_kernels(const char *name)
{
    for (size_t i = 0; i < N_ALL; i++)
        if ((!name || strcmp(all[i]->name, name) == 0) && all[i]->present())
            return all[i];
    return NULL;
}

unsigned fg_index_kernels_present(const struct fg_index_kernels **ret, unsigned limit)
{
    unsigned count = 0;
    for (size_t i = 0; i < N_ALL && count < limit; i++)
        if (all[i]->present())
            ret[count++] = all[i];
    return count;
}
