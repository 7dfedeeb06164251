// SPDX-License-Identifier: Apache-2.0
#include "accel/layout.h"

#include <errno.h>
#include <stdlib.h>

#include "accel/uses.h"

struct plan {
    struct fg_layout *layout;
    const struct fg_graph *graph;
    struct fg_uses uses;
};

static unsigned output_readers(const struct fg_graph *graph, uint32_t tensor)
{
    unsigned n = 0;
    for (unsigned k = 0; k < graph->n_outputs; k++)
        n += graph->outputs[k] == tensor;
    return n;
}

// A free tensor: made by a node that runs, and not yet written into an output.
static bool can_bind(const struct plan *plan, uint32_t root)
{
    return plan->uses.producer[root] != FG_NO_NODE &&
           !plan->layout->free[plan->uses.producer[root]] &&
           plan->layout->output[root] == FG_NO_TENSOR;
}

// The tensor behind a chain of reshapes that nobody else reads.
static uint32_t behind(const struct plan *plan, uint32_t tensor)
{
    for (;;) {
        uint32_t at = plan->uses.producer[tensor];
        if (at == FG_NO_NODE || plan->graph->nodes[at].op != FG_OP_RESHAPE ||
            plan->uses.readers[tensor] != 1)
            return tensor;
        uint32_t from = plan->graph->nodes[at].inputs[0];
        if (plan->uses.producer[from] == FG_NO_NODE)
            return tensor; // inputs and constants have memory of their own
        tensor = from;
    }
}

static void free_chain(const struct plan *plan, uint32_t tensor, uint32_t root)
{
    while (tensor != root) {
        uint32_t at = plan->uses.producer[tensor];
        plan->layout->free[at] = true;
        plan->layout->root[tensor] = root;
        tensor = plan->graph->nodes[at].inputs[0];
    }
}

static void unbind(const struct plan *plan, const struct fg_node *node, unsigned count)
{
    for (unsigned k = 0; k < count; k++)
        plan->layout->output[behind(plan, node->inputs[k])] = FG_NO_TENSOR;
}

static void place_concat(const struct plan *plan, unsigned index)
{
    const struct fg_node *node = &plan->graph->nodes[index];
    const struct fg_tensor *out = &plan->graph->tensors[node->output];
    size_t offset = 0;
    uint32_t output = 0;
    if (plan->uses.readers[node->output] != 1 || !output_readers(plan->graph, node->output))
        return;
    for (unsigned d = 0; d < node->axis; d++)
        if (out->dims[d] != 1)
            return; // the parts interleave
    while (plan->graph->outputs[output] != node->output)
        output++;
    for (unsigned k = 0; k < node->n_inputs; k++) {
        uint32_t root = behind(plan, node->inputs[k]);
        if (plan->uses.readers[node->inputs[k]] != 1 || output_readers(plan->graph, root) ||
            !can_bind(plan, root)) {
            unbind(plan, node, k);
            return;
        }
        plan->layout->output[root] = output;
        plan->layout->offset[root] = offset;
        offset += plan->graph->tensors[node->inputs[k]].bytes;
    }
    for (unsigned k = 0; k < node->n_inputs; k++)
        free_chain(plan, node->inputs[k], behind(plan, node->inputs[k]));
    plan->layout->free[index] = true;
}

static void place_output(const struct plan *plan, unsigned k)
{
    uint32_t tensor = plan->graph->outputs[k], at = plan->uses.producer[tensor];
    bool concat = at != FG_NO_NODE && plan->graph->nodes[at].op == FG_OP_CONCAT;
    if (concat && plan->layout->free[at])
        return;
    uint32_t root = behind(plan, tensor);
    if (!can_bind(plan, root))
        root = tensor;
    plan->layout->copied[k] = !can_bind(plan, root);
    if (plan->layout->copied[k])
        return;
    plan->layout->output[root] = k;
    plan->layout->offset[root] = 0;
    free_chain(plan, tensor, root);
}

// Frees the nodes that no output needs: XNNPACK aborts on values that nobody reads.
static void free_unneeded(const struct plan *plan, bool *needed)
{
    for (unsigned k = 0; k < plan->graph->n_outputs; k++)
        needed[plan->graph->outputs[k]] = true;
    for (unsigned i = plan->graph->n_nodes; i-- > 0;) {
        const struct fg_node *node = &plan->graph->nodes[i];
        plan->layout->free[i] = !needed[node->output];
        for (unsigned k = 0; needed[node->output] && k < node->n_inputs; k++)
            if (node->inputs[k] != FG_NO_TENSOR)
                needed[node->inputs[k]] = true;
    }
}

int fg_layout_init(struct fg_layout *layout, const struct fg_graph *graph, struct fg_error *err)
{
    struct plan plan = {.layout = layout, .graph = graph};
    layout->root = malloc((graph->n_tensors + 1u) * sizeof *layout->root);
    layout->output = malloc((graph->n_tensors + 1u) * sizeof *layout->output);
    layout->offset = calloc(graph->n_tensors + 1u, sizeof *layout->offset);
    layout->free = calloc(graph->n_nodes + 1u, sizeof *layout->free);
    bool *needed = calloc(graph->n_tensors + 1u, sizeof *needed);
    if (!layout->root || !layout->output || !layout->offset || !layout->free || !needed ||
        fg_uses_init(&plan.uses, graph, NULL) < 0) {
        free(needed);
        fg_layout_finish(layout);
        return fg_fail(err, -ENOMEM, "no memory for the layout");
    }
    for (unsigned t = 0; t < graph->n_tensors; t++) {
        layout->root[t] = t;
        layout->output[t] = FG_NO_TENSOR;
    }
    free_unneeded(&plan, needed);
    free(needed);
    for (unsigned i = 0; i < graph->n_nodes; i++)
        if (graph->nodes[i].op == FG_OP_CONCAT && !layout->free[i])
            place_concat(&plan, i);
    for (unsigned k = 0; k < graph->n_outputs; k++)
        place_output(&plan, k);
    fg_uses_finish(&plan.uses);
    return 0;
}

void fg_layout_finish(struct fg_layout *layout)
{
    free(layout->root);
    free(layout->output);
    free(layout->offset);
    free(layout->free);
    *layout = (struct fg_layout){0};
}
