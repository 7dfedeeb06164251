// SPDX-License-Identifier: Apache-2.0
// The core's peak of fused multiply-adds on float32: no network can run faster than its
// multiply-accumulates at this rate.
#ifndef FG_PEAK_H
#define FG_PEAK_H

#include "common/error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_peak; // one way to compute: an instruction set

// Tries each instruction set that the processor has (AVX-512, AVX2 with FMA, NEON), compares its
// sums with plain ones bit for bit, and gives the fastest. -ENOTSUP: none; -EIO: wrong sums.
int fg_peak_choose(const struct fg_peak **ret, struct fg_error *err);

// 1e9 multiply-accumulates a second on this thread, measured for about a millisecond.
double fg_peak_measure(const struct fg_peak *peak);

const char *fg_peak_name(const struct fg_peak *peak);
unsigned fg_peak_bits(const struct fg_peak *peak); // of a vector

#ifdef __cplusplus
}
#endif
#endif
