// SPDX-License-Identifier: Apache-2.0
// free and realloc for the whole process, libraries included: while fg_wipes(), what they give back
// is overwritten first. Linked into programs that ask for it, never into a library or a build with
// a sanitizer, which has its own. The work itself stays glibc's.
//
// Blocks that libraries take and give back through other doors (mmap, memory pools of their own)
// are not seen here.
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/wipe.h"

// glibc's own, by the names that it exports for this (malloc(3), "replacing malloc").
extern void __libc_free(void *block);
extern void *__libc_realloc(void *block, size_t size);

void free(void *block)
{
    if (block && fg_wipes())
        explicit_bzero(block, malloc_usable_size(block));
    __libc_free(block);
}

// What does not fit its block, or would fill less than half of it, gets another: glibc may leave
// the old place, or cut off a tail, without a word.
void *realloc(void *block, size_t size)
{
    if (!block || !size || !fg_wipes())
        return __libc_realloc(block, size);
    const size_t have = malloc_usable_size(block);
    if (size <= have && size >= have / 2)
        return block;
    void *other = malloc(size);
    if (!other)
        return NULL;
    memcpy(other, block, have < size ? have : size);
    free(block);
    return other;
}
