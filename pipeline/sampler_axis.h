// SPDX-License-Identifier: Apache-2.0
// One axis of a resampled rectangle: which source pixels each output pixel takes, with which
// weights. Area average when shrinking, linear when enlarging.
#ifndef FG_SAMPLER_AXIS_H
#define FG_SAMPLER_AXIS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fg_span {
    uint32_t first, count; // source pixels; count 0: all outside
};

struct fg_axis { // starts as {0}
    double start, extent;
    uint32_t outputs, size; // output pixels, source pixels
    struct fg_span *spans;
    float *inside;      // of each span: the sum of its weights, below 1 at the source's border
    float *weights;     // of span i from [i * taps]: at most three runs of equal ones, then zeros
    uint32_t taps;      // a multiple of 4
    uint32_t low, high; // source pixels that any span takes
    size_t n_spans, n_inside, n_weights; // allocated
};

// Makes *array hold `want` items of `size` bytes, new ones zero. 0 or -ENOMEM.
int fg_axis_grow(void *array, size_t *have, size_t want, size_t size);

// Lays `outputs` pixels evenly over [start, start + extent) of a source of `size` pixels (edges).
// The same again costs nothing. 0 or -ENOMEM.
int fg_axis_set(struct fg_axis *axis, double start, double extent, uint32_t outputs, uint32_t size);

void fg_axis_finish(struct fg_axis *axis);

#ifdef __cplusplus
}
#endif
#endif
