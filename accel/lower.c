// SPDX-License-Identifier: Apache-2.0
#include "accel/lower.h"

#include <errno.h>
#include <stdlib.h>

#include "accel/lower_passes.h"

// ---- fusing -------------------------------------------------------------------------------------

static bool takes_activation(const struct fg_node *node)
{
    switch (node->op) {
    case FG_OP_ADD:
    case FG_OP_SUB:
    case FG_OP_MUL:
    case FG_OP_DIV:
    case FG_OP_CONV:
    case FG_OP_DEPTHWISE:
    case FG_OP_FULLY_CONNECTED:
    case FG_OP_TRANSPOSE_CONV:
    case FG_OP_MAX_POOL:
    case FG_OP_AVERAGE_POOL:
        return node->activation == FG_ACT_NONE;
    default:
        return false;
    }
}

// A quantised value is rounded before the activation: only with the scale it has after it is that
// the same as rounding once.
static bool same_scale(const struct fg_tensor *a, const struct fg_tensor *b)
{
    return a->n_scales == b->n_scales && (!a->n_scales || (a->scales[0] == b->scales[0] &&
                                                           a->zero_points[0] == b->zero_points[0]));
}

static int fuse_activations(struct fg_graph *graph, struct fg_uses *uses, struct fg_error *err)
{
    (void)err;
    for (unsigned i = 0; i < graph->n_nodes; i++) {
        struct fg_node *node = &graph->nodes[i];
        if ((node->op != FG_OP_RELU && node->op != FG_OP_RELU6) || !fg_node_alive(node))
            continue;
        uint32_t from = node->inputs[0];
        if (uses->producer[from] == FG_NO_NODE || uses->readers[from] != 1)
            continue;
        struct fg_node *before = &graph->nodes[uses->producer[from]];
        if (!takes_activation(before) ||
            !same_scale(&graph->tensors[from], &graph->tensors[node->output]))
            continue;
        before->activation = node->op == FG_OP_RELU ? FG_ACT_RELU : FG_ACT_RELU6;
        before->output = node->output;
        uses->producer[node->output] = uses->producer[from];
        uses->producer[from] = FG_NO_NODE;
        fg_node_kill(node);
    }
    return 0;
}

static bool pads_space_only(const struct fg_node *pad)
{
    for (unsigned d = 0; d < FG_MAX_DIMS; d++)
        if (d != 1 && d != 2 && (pad->pad_before[d] || pad->pad_after[d]))
            return false;
    return true;
}

// A PAD that others read as well stays for them; the convolution no longer waits for it.
// Quantised: PAD and the convolution both pad with the zero point, and PAD keeps the scale.
static int fuse_pads(struct fg_graph *graph, struct fg_uses *uses, struct fg_error *err)
{
    (void)err;
    for (unsigned i = 0; i < graph->n_nodes; i++) {
        struct fg_node *node = &graph->nodes[i];
        if ((node->op != FG_OP_CONV && node->op != FG_OP_DEPTHWISE) || !fg_node_alive(node))
            continue;
        const struct fg_node *pad = fg_uses_made_by(uses, graph, node->inputs[0], FG_OP_PAD);
        if (!pad || !pads_space_only(pad))
            continue;
        for (unsigned d = 1; d <= 2; d++) {
            node->pad_before[d] += pad->pad_before[d];
            node->pad_after[d] += pad->pad_after[d];
        }
        node->inputs[0] = pad->inputs[0];
    }
    return 0;
}

// ---- what nobody needs --------------------------------------------------------------------------

// Marks backwards from the outputs; nodes are in order, so one sweep does it.
static void mark(const struct fg_graph *graph, bool *needed)
{
    for (unsigned k = 0; k < graph->n_outputs; k++)
        needed[graph->outputs[k]] = true;
    for (unsigned k = 0; k < graph->n_inputs; k++)
        needed[graph->inputs[k]] = true;
    for (unsigned i = graph->n_nodes; i-- > 0;) {
        const struct fg_node *node = &graph->nodes[i];
        if (!fg_node_alive(node) || !needed[node->output])
            continue;
        for (unsigned k = 0; k < node->n_inputs; k++)
            if (node->inputs[k] != FG_NO_TENSOR)
                needed[node->inputs[k]] = true;
    }
}

static void sweep_tensors(struct fg_graph *graph, const bool *needed, uint32_t *renamed)
{
    unsigned kept = 0;
    for (unsigned t = 0; t < graph->n_tensors; t++) {
        struct fg_tensor *tensor = &graph->tensors[t];
        if (needed[t]) {
            renamed[t] = kept;
            graph->tensors[kept++] = *tensor;
            continue;
        }
        if (tensor->data)
            graph->constant_bytes -= tensor->bytes;
        free(tensor->name);
        free(tensor->data);
        free(tensor->scales);
        free(tensor->zero_points);
    }
    graph->n_tensors = kept;
}

static int drop_dead(struct fg_graph *graph, struct fg_uses *uses, struct fg_error *err)
{
    (void)uses;
    bool *needed = calloc(graph->n_tensors + 1u, sizeof *needed);
    uint32_t *renamed = calloc(graph->n_tensors + 1u, sizeof *renamed);
    if (!needed || !renamed) {
        free(needed);
        free(renamed);
        return fg_fail(err, -ENOMEM, "no memory for the graph");
    }
    mark(graph, needed);
    unsigned kept = 0;
    for (unsigned i = 0; i < graph->n_nodes; i++)
        if (fg_node_alive(&graph->nodes[i]) && needed[graph->nodes[i].output])
            graph->nodes[kept++] = graph->nodes[i];
    graph->n_nodes = kept;
    sweep_tensors(graph, needed, renamed);
    for (unsigned i = 0; i < graph->n_nodes; i++) {
        struct fg_node *node = &graph->nodes[i];
        node->output = renamed[node->output];
        for (unsigned k = 0; k < node->n_inputs; k++)
            if (node->inputs[k] != FG_NO_TENSOR)
                node->inputs[k] = renamed[node->inputs[k]];
    }
    for (unsigned k = 0; k < graph->n_inputs; k++)
        graph->inputs[k] = renamed[graph->inputs[k]];
    for (unsigned k = 0; k < graph->n_outputs; k++)
        graph->outputs[k] = renamed[graph->outputs[k]];
    free(needed);
    free(renamed);
    return 0;
}

int fg_lower(struct fg_graph *graph, struct fg_error *err)
{
    // patterns are recognised before anything is fused into them, factors are folded before
    // activations come between
    static fg_pass *const passes[] = {fg_pass_constants,   fg_pass_prelu, fg_pass_softmax,
                                      fg_pass_transposes,  drop_dead,     fg_pass_channel_factors,
                                      fg_pass_batch_norms, drop_dead,     fuse_activations,
                                      fuse_pads,           drop_dead,     fg_pass_batch,
                                      fg_pass_pointwise,   drop_dead};
    struct fg_uses uses = {0};
    int r = 0;
    for (size_t k = 0; r == 0 && k < sizeof passes / sizeof passes[0]; k++) {
        r = fg_uses_init(&uses, graph, err);
        if (r == 0)
            r = passes[k](graph, &uses, err);
    }
    fg_uses_finish(&uses);
    if (r == 0)
        r = fg_graph_check(graph, err);
    return r < 0 ? fg_fail_prefix(err, r, "lowering") : 0;
}
