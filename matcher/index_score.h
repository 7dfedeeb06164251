// SPDX-License-Identifier: Apache-2.0
// The canonical score: the cosine of a float32 probe and an int8 template, with one order of
// additions, so that every machine and every way of searching gives the same float.
#ifndef FG_INDEX_SCORE_H
#define FG_INDEX_SCORE_H

#include <stdbool.h>
#include <stdint.h>

#include "matcher/subject.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_SCORE_LANES 16 // a row's length is a multiple, so that rows are aligned

struct fg_score_probe {
    float laid[FG_TEMPLATE_MAX]
        __attribute__((aligned(64))); // the unit probe in the order of its additions
    float unit[FG_TEMPLATE_MAX]
        __attribute__((aligned(64))); // the unit probe, zeros up to the stride
    int8_t small[FG_TEMPLATE_MAX]
        __attribute__((aligned(64))); // unit / small_scale, rounded, -127..127
    float small_scale;
    float small_error; // length of unit - small_scale * small
};

// False: the probe is not finite, or its length is not 1 within 1e-2.
bool fg_score_probe_init(struct fg_score_probe *ret, const float *probe, uint32_t dimension,
                         uint32_t stride);
// `row` has `stride` values, 16-byte aligned, zeros past the dimension.
float fg_score(const struct fg_score_probe *probe, const int8_t *row, float scale, uint32_t stride);

#ifdef __cplusplus
}
#endif
#endif
