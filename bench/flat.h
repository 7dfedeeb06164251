// SPDX-License-Identifier: Apache-2.0
// Plain scans, as fast as memory: every template is compared, one row after another, on one thread.
// What an index has to beat; float32 as most programs do it, int8 with a quarter of the memory.
#ifndef FG_FLAT_H
#define FG_FLAT_H

#include <stdint.h>

#include "bench/answer.h"

#define FG_FLAT_MOST  1024 // dimensions
#define FG_FLAT_TILE  64   // rows: arrays end with zeros up to a multiple
#define FG_FLAT_AHEAD 1024 // bytes that are asked for, into the second cache, before they are read

// The same templates twice; borrowed, 64-byte aligned.
struct fg_flat {
    uint32_t dimension; // a multiple of 64, at most FG_FLAT_MOST
    uint64_t count;
    const float *rows;    // [count][dimension], of length 1
    const int8_t *values; // [count][dimension]: row = scale * values, values -127 to 127
    const float *scales;  // [count]
};

// The best row with a cosine of at least `threshold` (above 0) to the unit vector `probe`.
struct fg_answer fg_flat_search_fp32(const struct fg_flat *flat, const float *probe,
                                     float threshold);
// The same answers: integers rule rows out, and the few that are left are compared in float32.
struct fg_answer fg_flat_search_int8(const struct fg_flat *flat, const float *probe,
                                     float threshold);

const char *fg_flat_kernels(void); // of int8: "AVX-512 VNNI", "AVX2", "C"

#endif
