// SPDX-License-Identifier: Apache-2.0
#include "common/wipe.h"

#include <stdatomic.h>
#include <string.h>

#define STACK_BYTES 65536

static atomic_bool wipes; // relaxed: a switch, it orders nothing

void fg_wipe_on_free(bool on)
{
    atomic_store_explicit(&wipes, on, memory_order_relaxed);
}

bool fg_wipes(void)
{
    return atomic_load_explicit(&wipes, memory_order_relaxed);
}

__attribute__((noinline)) void fg_wipe_stack(void)
{
    char below[STACK_BYTES];
    explicit_bzero(below, sizeof below);
}
