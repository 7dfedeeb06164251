// SPDX-License-Identifier: Apache-2.0
// Short codes of templates, and the bound by which a probe rules them out. docs/index.md has the
// proof; in short: a template x and a probe q, unit vectors, are turned by a random rotation that
// depends on neither. Each coordinate of the turned x is rounded to one of a few levels, together a
// vector g. With a = <x, g> and e the length of what of g is orthogonal to x, a mate at cosine t
// has
//     <q, g> = t a + sqrt(1 - t^2) e z
// where z is a coordinate of a random unit vector of one dimension less. A template is ruled out
// when <q, g> < t a - k sqrt(1 - t^2) e. With k = 1 that never happens to a mate; otherwise with
// probability at most exp(-(d - 1) k^2 / 2), d the dimension (K. Ball, An elementary introduction
// to modern convex geometry, 1997, lemma 2.2). The idea of unbiased codes with such a bound is
// RaBitQ's (Gao and Long, SIGMOD 2024), the table look-ups are those of Andre, Kermarrec and Le
// Scouarnec (VLDB 2015).
#ifndef FG_INDEX_CODES_H
#define FG_INDEX_CODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matcher/index_kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_CODE_DIMENSION 1024 // most

// How vectors of one dimension are coded.
struct fg_coding {
    unsigned dimension; // of turned vectors, a multiple of 8
    unsigned bits;      // a dimension: 1, 2 or 4
    unsigned rows;      // bytes a template, without agree and stray
    float levels[16];   // of a code, 1 << bits of them, rising
    float agree_from, agree_step, stray_step;
    double reach; // k, 0..1
};

// `dismissal` 0: k = 1, nobody is dismissed.
void fg_coding_init(struct fg_coding *coding, unsigned dimension, unsigned bits, double dismissal);

// Codes a turned unit vector as template `at` of a block. False: it has no code that the bound
// holds for (a rare vector), its bytes are zero; compare it always.
bool fg_code_write(const struct fg_coding *coding, const float *turned, uint8_t *block,
                   unsigned at);
void fg_code_clear(const struct fg_coding *coding, uint8_t *block, unsigned at);

// A probe's tables, and what the thresholds of its test follow from.
struct fg_code_probe {
    uint8_t tables[2 * FG_CODE_ROWS * 16] __attribute__((aligned(64)));
    double base, step; // <q, g> = base + step * S, but for rounding
    double rounding;   // by which base + step * S may be too small
    struct fg_lookup lookup;
};

void fg_code_probe_init(struct fg_code_probe *probe, const struct fg_coding *coding,
                        const float *turned);
// Sets the test for cosines from `threshold` on, 0 < threshold <= 1.
void fg_code_probe_aim(struct fg_code_probe *probe, const struct fg_coding *coding,
                       double threshold);

#ifdef __cplusplus
}
#endif
#endif
