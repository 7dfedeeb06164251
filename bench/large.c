// SPDX-License-Identifier: Apache-2.0
#include "bench/large.h"

#include <stdint.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)

static size_t rounded(size_t bytes)
{
    return (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
}

void *fg_large_take(size_t bytes)
{
    const size_t length = rounded(bytes), room = length + HUGE_PAGE;
    uint8_t *base = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return NULL;
    const size_t before = (size_t)(-(uintptr_t)base % HUGE_PAGE);
    if (before > 0)
        munmap(base, before);
    if (before < HUGE_PAGE)
        munmap(base + before + length, HUGE_PAGE - before);
    madvise(base + before, length, MADV_HUGEPAGE); // a hint
    return base + before;
}

void fg_large_release(void *memory, size_t bytes)
{
    if (memory)
        munmap(memory, rounded(bytes));
}
