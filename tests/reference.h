// SPDX-License-Identifier: Apache-2.0
// A slow, plain float64 evaluation of a graph, raw or lowered: what engines are measured against.
//
// Values are real numbers. A quantised tensor's are those that its type can hold: each node
// computes with real numbers, rounds once, half away from zero as TFLite does, and clamps to the
// type. An engine that rounds in steps of its own may be one step of the output's scale off.
#ifndef FG_TEST_REFERENCE_H
#define FG_TEST_REFERENCE_H

#include <stddef.h>

#include "accel/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

struct reference {
    double **values; // by tensor, in the tensor's own order; constants too
    unsigned n;
};

// Starts as {0}. inputs[k] has the elements of graph input k. Aborts the test program without
// memory, or on an operator it does not know: the reference is never the thing under test.
void reference_run(struct reference *ref, const struct fg_graph *graph, const float *const *inputs);
void reference_finish(struct reference *ref);

// Deterministic values in -1..1, another sequence for each seed.
void reference_fill(float *values, size_t count, unsigned seed);

// How `got` differs from `want`.
struct reference_difference {
    double cosine;   // 1 when both are all zero
    double largest;  // absolute
    double relative; // largest / largest magnitude of want (or 1e-30)
};
struct reference_difference reference_compare(const float *got, const double *want, size_t count);

#ifdef __cplusplus
}
#endif
#endif
