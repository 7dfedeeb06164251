// SPDX-License-Identifier: Apache-2.0
#include "matcher/pages.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE  ((size_t)2 << 20)
#define SMALL ((size_t)64 << 10) // the first step: a small gallery stays small

static size_t round_up(size_t bytes, size_t unit)
{
    return (bytes + unit - 1) / unit * unit;
}

int fg_pages_reserve(struct fg_pages *pages, size_t most)
{
    size_t bytes = round_up(most, HUGE);
    if (bytes < most || bytes + HUGE < bytes)
        return -ENOMEM;
    uint8_t *got =
        mmap(NULL, bytes + HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (got == MAP_FAILED)
        return -ENOMEM;
    // Only aligned memory is backed by huge pages.
    uint8_t *base = (uint8_t *)round_up((uintptr_t)got, HUGE);
    if (base > got)
        munmap(got, (size_t)(base - got));
    if (base + bytes < got + bytes + HUGE)
        munmap(base + bytes, (size_t)(got + HUGE - base));
    madvise(base, bytes, MADV_DONTDUMP);
    madvise(base, bytes, MADV_HUGEPAGE); // a hint
    *pages = (struct fg_pages){.base = base, .reserved = bytes};
    return 0;
}

// Doubles, by at most 2 MB and never over a boundary of such a piece.
static size_t next_step(const struct fg_pages *pages)
{
    size_t step = pages->bytes < SMALL ? SMALL : pages->bytes < HUGE ? pages->bytes : HUGE;
    return round_up(pages->bytes + step, step) - pages->bytes;
}

int fg_pages_grow(struct fg_pages *pages, size_t bytes)
{
    if (bytes > pages->reserved)
        return -ENOMEM;
    while (pages->bytes < bytes) {
        size_t step = next_step(pages);
        uint8_t *at = pages->base + pages->bytes;
        if (mprotect(at, step, PROT_READ | PROT_WRITE) < 0)
            return -ENOMEM;
        if (!pages->unlocked && mlock(at, step) < 0)
            pages->unlocked = true;
        pages->bytes += step;
    }
    return 0;
}

void fg_pages_free(struct fg_pages *pages)
{
    if (pages->base) {
        explicit_bzero(pages->base, pages->bytes);
        munmap(pages->base, pages->reserved);
    }
    *pages = (struct fg_pages){0};
}
