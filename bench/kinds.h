// SPDX-License-Identifier: Apache-2.0
// Where an engine's time goes, by kind of operator.
#ifndef FG_KINDS_H
#define FG_KINDS_H

#include "accel/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_kinds {
    double ms[FG_OP_COUNT];     // of all nodes of a kind, each by itself: the sum of their medians
    uint64_t macs[FG_OP_COUNT]; // and theirs
    unsigned count[FG_OP_COUNT];
    double sum_ms;
};

// Opens each node of `graph` as a network of its own on the xnnpack engine and times it, its data
// in the cache as it is in the whole network. Nodes that cost nothing there are left out. Negative
// errno: what opening or running said.
int fg_kinds_measure(const struct fg_graph *graph, struct fg_kinds *ret, struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
