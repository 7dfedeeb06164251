// SPDX-License-Identifier: Apache-2.0
// Private to pipeline/: whether a driver's memory is slow to read.
#ifndef FG_SLOW_MEMORY_H
#define FG_SLOW_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Measures, in about a millisecond: reads some of the bytes and as many of a copy. True when they
// are so much slower that a copy pays: uncached. Any thread.
bool fg_memory_is_slow(const uint8_t *bytes, size_t length);

#ifdef __cplusplus
}
#endif
#endif
