// SPDX-License-Identifier: Apache-2.0
// Who makes and who reads each tensor of a graph, as it stands when the uses are collected.
#ifndef FG_USES_H
#define FG_USES_H

#include <stdint.h>

#include "accel/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_NO_NODE UINT32_MAX

struct fg_uses {
    uint32_t *producer; // node, or FG_NO_NODE; by tensor
    uint32_t *readers;  // count, a graph output counts as one more; by tensor
};

// An object starts as {0}. 0 or -ENOMEM.
int fg_uses_init(struct fg_uses *uses, const struct fg_graph *graph, struct fg_error *err);
void fg_uses_finish(struct fg_uses *uses);

// The node that makes `tensor` if it is an `op`, else NULL.
struct fg_node *fg_uses_made_by(const struct fg_uses *uses, struct fg_graph *graph, uint32_t tensor,
                                enum fg_op op);

#ifdef __cplusplus
}
#endif
#endif
