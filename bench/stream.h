// SPDX-License-Identifier: Apache-2.0
// Merely reading memory, as fast as a core can: no search that reads as much is faster.
#ifndef FG_STREAM_H
#define FG_STREAM_H

#include <stddef.h>
#include <stdint.h>

// Adds up all bytes as 64-bit words, with the widest vectors of this processor and the same
// prefetching as bench/flat.h. `memory` is 64-byte aligned; what is left over of 256 bytes is not
// read.
uint64_t fg_stream_read(const void *memory, size_t bytes);

// 1e9 bytes a second of one or two threads that share the memory out: the best that each saw.
double fg_stream_rate(const void *memory, size_t bytes, unsigned threads);

const char *fg_stream_kernels(void); // "AVX-512", "AVX2", "C"

#endif
