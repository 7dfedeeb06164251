// SPDX-License-Identifier: Apache-2.0
// The loops of the plain scans: scores of one tile of FG_FLAT_TILE rows. They tell whether any of
// them is at least `limit`.
#ifndef FG_FLAT_KERNELS_H
#define FG_FLAT_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/flat.h"

struct fg_flat_fp32 {
    const char *name;
    bool (*present)(void);
    bool (*tile)(const float *rows, uint32_t dimension, const float *probe, float limit,
                 float ret[FG_FLAT_TILE]);
};

struct fg_flat_rounded { // a probe: scale * values, and what rounding took away
    _Alignas(64) int8_t values[FG_FLAT_MOST];
    float scale, off; // off: the length of that
    int32_t lift;     // 128 times the sum of the values
};

// Score r is the dot product of row r and the probe's values, times scales[r] and probe's scale.
struct fg_flat_int8 {
    const char *name;
    bool (*present)(void);
    bool (*tile)(const int8_t *rows, const float *scales, uint32_t dimension,
                 const struct fg_flat_rounded *probe, float limit, float ret[FG_FLAT_TILE]);
};

// Best first; the last is plain C and always present.
extern const struct fg_flat_fp32 fg_flat_fp32_sets[];
extern const struct fg_flat_int8 fg_flat_int8_sets[];

#endif
