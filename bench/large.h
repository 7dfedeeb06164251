// SPDX-License-Identifier: Apache-2.0
// Large arrays on huge pages, where the kernel has them to give.
#ifndef FG_LARGE_H
#define FG_LARGE_H

#include <stddef.h>

// Zeroed, 2 MiB aligned; NULL: no memory. Owned by the caller.
void *fg_large_take(size_t bytes);
void fg_large_release(void *memory, size_t bytes); // accepts NULL

#endif
