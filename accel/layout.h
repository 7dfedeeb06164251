// SPDX-License-Identifier: Apache-2.0
// Which tensors share memory, and which of them are written straight into a graph output.
//
// A reshape between a node and a graph output costs nothing: both names mean the same bytes. A
// concatenation whose parts lie one behind the other in a graph output costs nothing either: the
// nodes that make the parts write them there.
#ifndef FG_LAYOUT_H
#define FG_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accel/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_layout {
    uint32_t *root; // by tensor: the tensor whose memory it is (often itself)
    bool *free;     // by node: nothing to run: in place, or not needed by any output
    // By tensor, of roots: the graph output that it is written into and the byte there;
    // FG_NO_TENSOR: none.
    uint32_t *output;
    size_t *offset;
    // By graph output: it has to be copied from its root, which is written elsewhere.
    bool copied[FG_GRAPH_MAX_ENDS];
};

// A layout starts as {0}. The graph has passed fg_graph_check. 0 or -ENOMEM.
int fg_layout_init(struct fg_layout *layout, const struct fg_graph *graph, struct fg_error *err);
void fg_layout_finish(struct fg_layout *layout);

#ifdef __cplusplus
}
#endif
#endif
