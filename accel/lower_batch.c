// SPDX-License-Identifier: Apache-2.0
// A batch of images becomes one image, where no operator mixes them.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accel/lower_passes.h"

// By tensor: does it hold the images of the batch, one behind the other along dimension 0?
struct batch {
    struct fg_graph *graph;
    uint32_t size;
    bool *images;
};

static bool is_binary(enum fg_op op)
{
    return op == FG_OP_ADD || op == FG_OP_SUB || op == FG_OP_MUL || op == FG_OP_DIV ||
           op == FG_OP_MAXIMUM || op == FG_OP_MINIMUM;
}

// Does another input than the first hold images where weights or slopes are expected?
static bool weights_are_images(const struct batch *b, const struct fg_node *node)
{
    bool images = false;
    for (unsigned k = 1; k < node->n_inputs; k++)
        images |= node->inputs[k] != FG_NO_TENSOR && b->images[node->inputs[k]];
    return images && !is_binary(node->op) && node->op != FG_OP_CONCAT;
}

// Operands side by side: images must meet images, and nothing else may differ from image to image.
static bool operands_mix(const struct batch *b, const struct fg_node *node)
{
    const struct fg_tensor *out = &b->graph->tensors[node->output];
    if (!is_binary(node->op) && node->op != FG_OP_CONCAT)
        return false;
    for (unsigned k = 0; k < node->n_inputs; k++) {
        const struct fg_tensor *in = &b->graph->tensors[node->inputs[k]];
        bool images = b->images[node->inputs[k]];
        if (images ? in->n_dims != out->n_dims || in->dims[0] != out->dims[0]
                   : in->n_dims == out->n_dims && in->dims[0] != 1)
            return true;
    }
    return false;
}

static bool mixes_images(const struct batch *b, const struct fg_node *node)
{
    const struct fg_tensor *out = &b->graph->tensors[node->output];
    const struct fg_tensor *in = &b->graph->tensors[node->inputs[0]];
    if (weights_are_images(b, node) || operands_mix(b, node))
        return true;
    switch (node->op) {
    case FG_OP_CONCAT:
        return node->axis == 0;
    case FG_OP_SUM:
    case FG_OP_MEAN:
    case FG_OP_REDUCE_MAX:
        return node->axes & 1;
    case FG_OP_FULLY_CONNECTED:
        return in->n_dims < 2 || out->dims[0] % b->size;
    case FG_OP_PAD:
        return node->pad_before[0] || node->pad_after[0];
    case FG_OP_RESHAPE:
        return out->n_dims < 2 || out->dims[0] % b->size;
    case FG_OP_SLICE:
        return out->dims[0] != in->dims[0];
    case FG_OP_TRANSPOSE:
        return node->order[0] != 0;
    case FG_OP_BATCH_NORM: // along the last dimension, which may be the first
    case FG_OP_L2_NORM:
    case FG_OP_PRELU:
    case FG_OP_SOFTMAX:
        return in->n_dims < 2;
    default:
        return false;
    }
}

static bool reads_images(const struct batch *b, const struct fg_node *node)
{
    bool images = false;
    for (unsigned k = 0; k < node->n_inputs; k++)
        images |= node->inputs[k] != FG_NO_TENSOR && b->images[node->inputs[k]];
    return images;
}

// Before its inputs shrink.
static int look_at(const struct batch *b, unsigned i, struct fg_error *err)
{
    const struct fg_node *node = &b->graph->nodes[i];
    if (!fg_node_alive(node) || !reads_images(b, node))
        return 0;
    b->images[node->output] = true;
    if (mixes_images(b, node))
        return fg_fail(err, -ENOTSUP,
                       "operators[%u] %s mixes the %u images of a batch; export the model with "
                       "batch 1",
                       i, fg_op_name(node->op), b->size);
    return 0;
}

// New shape of a node's output once its inputs have batch 1.
static int shrink(const struct batch *b, unsigned i, struct fg_error *err)
{
    const struct fg_node *node = &b->graph->nodes[i];
    struct fg_tensor *out = &b->graph->tensors[node->output];
    uint32_t dims[FG_MAX_DIMS] = {0};
    unsigned n_dims = 0;
    if (!fg_node_alive(node) || !b->images[node->output])
        return 0;
    if (node->op == FG_OP_RESHAPE || node->op == FG_OP_SLICE) {
        memcpy(dims, out->dims, sizeof dims);
        dims[0] /= b->size;
        fg_tensor_reshape(out, out->n_dims, dims);
    }
    int r = fg_graph_infer(b->graph, i, &n_dims, dims, err);
    if (r == 0)
        fg_tensor_reshape(out, n_dims, dims);
    return r;
}

static int shrink_inputs(const struct batch *b, struct fg_error *err)
{
    for (unsigned k = 0; k < b->graph->n_inputs; k++) {
        struct fg_tensor *in = &b->graph->tensors[b->graph->inputs[k]];
        uint32_t dims[FG_MAX_DIMS];
        memcpy(dims, in->dims, sizeof dims);
        if (!in->n_dims || in->dims[0] != b->size)
            return fg_fail(err, -ENOTSUP,
                           "inputs[%u]: not a batch of %u like inputs[0]; export "
                           "the model with batch 1",
                           k, b->size);
        dims[0] = 1;
        fg_tensor_reshape(in, in->n_dims, dims);
    }
    return 0;
}

int fg_pass_batch(struct fg_graph *graph, struct fg_uses *uses, struct fg_error *err)
{
    (void)uses;
    const struct fg_tensor *first = &graph->tensors[graph->inputs[0]];
    struct batch b = {.graph = graph, .size = first->n_dims == 4 ? first->dims[0] : 1};
    if (b.size == 1)
        return 0;
    b.images = calloc(graph->n_tensors + 1u, sizeof *b.images);
    if (!b.images)
        return fg_fail(err, -ENOMEM, "no memory for the graph");
    for (unsigned k = 0; k < graph->n_inputs; k++)
        b.images[graph->inputs[k]] = true;
    int r = 0;
    for (unsigned i = 0; r == 0 && i < graph->n_nodes; i++)
        r = look_at(&b, i, err);
    if (r == 0)
        r = shrink_inputs(&b, err);
    for (unsigned i = 0; r == 0 && i < graph->n_nodes; i++)
        r = shrink(&b, i, err);
    free(b.images);
    return r;
}
