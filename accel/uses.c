// SPDX-License-Identifier: Apache-2.0
#include "accel/uses.h"

#include <errno.h>
#include <stdlib.h>

int fg_uses_init(struct fg_uses *uses, const struct fg_graph *graph, struct fg_error *err)
{
    fg_uses_finish(uses);
    uses->producer = malloc((graph->n_tensors + 1u) * sizeof *uses->producer);
    uses->readers = calloc(graph->n_tensors + 1u, sizeof *uses->readers);
    if (!uses->producer || !uses->readers) {
        fg_uses_finish(uses);
        return fg_fail(err, -ENOMEM, "no memory for the graph");
    }
    for (unsigned t = 0; t < graph->n_tensors; t++)
        uses->producer[t] = FG_NO_NODE;
    for (unsigned i = 0; i < graph->n_nodes; i++) {
        const struct fg_node *node = &graph->nodes[i];
        uses->producer[node->output] = i;
        for (unsigned k = 0; k < node->n_inputs; k++)
            if (node->inputs[k] != FG_NO_TENSOR)
                uses->readers[node->inputs[k]]++;
    }
    for (unsigned k = 0; k < graph->n_outputs; k++)
        uses->readers[graph->outputs[k]]++;
    return 0;
}

void fg_uses_finish(struct fg_uses *uses)
{
    free(uses->producer);
    free(uses->readers);
    *uses = (struct fg_uses){0};
}

struct fg_node *fg_uses_made_by(const struct fg_uses *uses, struct fg_graph *graph, uint32_t tensor,
                                enum fg_op op)
{
    if (tensor == FG_NO_TENSOR || uses->producer[tensor] == FG_NO_NODE)
        return NULL;
    struct fg_node *node = &graph->nodes[uses->producer[tensor]];
    return node->op == op ? node : NULL;
}
