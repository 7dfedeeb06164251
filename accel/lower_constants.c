// SPDX-License-Identifier: Apache-2.0
// Nodes that compute constants from constants.
#include <errno.h>
#include <math.h>
#include <string.h>

#include "accel/lower_passes.h"

static float half_to_float(uint16_t half)
{
    int exponent = half >> 10 & 31;
    float fraction = (float)(half & 0x3ff);
    float value = exponent ? ldexpf(fraction + 1024.0f, exponent - 25) : ldexpf(fraction, -24);
    return half & 0x8000 ? -value : value;
}

// Element `index` of a constant as a real number.
static float value_of(const struct fg_tensor *t, size_t index)
{
    if (t->type == FG_FLOAT32)
        return ((const float *)t->data)[index];
    if (t->type == FG_FLOAT16)
        return half_to_float(((const uint16_t *)t->data)[index]);
    size_t inner = 1, k = 0;
    for (unsigned d = t->scale_dim + 1; t->n_scales > 1 && d < t->n_dims; d++)
        inner *= t->dims[d];
    if (t->n_scales > 1)
        k = index / inner % t->n_scales;
    int stored =
        t->type == FG_INT8 ? ((const int8_t *)t->data)[index] : ((const uint8_t *)t->data)[index];
    return t->scales[k] * (float)(stored - t->zero_points[k]);
}

// Where element `index` of `out` comes from in a broadcast operand.
static size_t broadcast(const struct fg_tensor *out, const struct fg_tensor *in, size_t index)
{
    size_t at = 0, step = 1;
    for (unsigned k = 0; k < in->n_dims; k++) {
        uint32_t side = in->dims[in->n_dims - 1 - k];
        uint32_t whole = out->dims[out->n_dims - 1 - k];
        at += (side == 1 ? 0 : index % whole) * step;
        index /= whole;
        step *= side;
    }
    return at;
}

// Where element `index` of the output of a node that only moves values comes from.
static size_t origin(const struct fg_node *node, const struct fg_tensor *out,
                     const struct fg_tensor *in, size_t index)
{
    uint32_t at[FG_MAX_DIMS] = {0};
    if (node->op == FG_OP_RESHAPE)
        return index;
    for (unsigned d = out->n_dims; d-- > 0; index /= out->dims[d]) {
        uint32_t cell = (uint32_t)(index % out->dims[d]);
        if (node->op == FG_OP_SLICE)
            at[d] = node->begin[d] + cell;
        else
            at[node->order[d]] = cell;
    }
    size_t from = 0;
    for (unsigned d = 0; d < in->n_dims; d++)
        from = from * in->dims[d] + at[d];
    return from;
}

static float apply_unary(const struct fg_node *node, float a)
{
    switch (node->op) {
    case FG_OP_NEG:
        return -a;
    case FG_OP_ABS:
        return fabsf(a);
    case FG_OP_EXP:
        return expf(a);
    case FG_OP_TANH:
        return tanhf(a);
    case FG_OP_LOGISTIC:
        return 1 / (1 + expf(-a));
    case FG_OP_HARD_SWISH:
        return a * fminf(fmaxf(a + 3, 0), 6) / 6;
    case FG_OP_LEAKY_RELU:
        return a < 0 ? node->slope * a : a;
    case FG_OP_RELU:
        return fmaxf(a, 0);
    case FG_OP_RELU6:
        return fminf(fmaxf(a, 0), 6);
    default: // DEQUANTIZE
        return a;
    }
}

static float apply_binary(enum fg_op op, float a, float b)
{
    switch (op) {
    case FG_OP_ADD:
        return a + b;
    case FG_OP_SUB:
        return a - b;
    case FG_OP_MUL:
        return a * b;
    case FG_OP_DIV:
        return a / b;
    case FG_OP_MAXIMUM:
        return fmaxf(a, b);
    default: // MINIMUM
        return fminf(a, b);
    }
}

static bool moves(enum fg_op op)
{
    return op == FG_OP_RESHAPE || op == FG_OP_SLICE || op == FG_OP_TRANSPOSE;
}

static bool can_fold(const struct fg_graph *graph, const struct fg_node *node)
{
    for (unsigned k = 0; k < node->n_inputs; k++)
        if (!fg_is_constant(graph, node->inputs[k]))
            return false;
    switch (node->op) {
    case FG_OP_DEQUANTIZE:
    case FG_OP_RESHAPE:
    case FG_OP_SLICE:
    case FG_OP_TRANSPOSE:
        return true;
    case FG_OP_ABS:
    case FG_OP_ADD:
    case FG_OP_DIV:
    case FG_OP_EXP:
    case FG_OP_HARD_SWISH:
    case FG_OP_LEAKY_RELU:
    case FG_OP_LOGISTIC:
    case FG_OP_MAXIMUM:
    case FG_OP_MINIMUM:
    case FG_OP_MUL:
    case FG_OP_NEG:
    case FG_OP_RELU:
    case FG_OP_RELU6:
    case FG_OP_SUB:
    case FG_OP_TANH:
        return node->activation == FG_ACT_NONE && graph->tensors[node->output].type == FG_FLOAT32;
    default:
        return false;
    }
}

static int fold_node(struct fg_graph *graph, struct fg_node *node, struct fg_error *err)
{
    int r = fg_graph_make_constant(graph, node->output, err);
    if (r < 0)
        return r;
    const struct fg_tensor *out = &graph->tensors[node->output];
    const struct fg_tensor *a = &graph->tensors[node->inputs[0]];
    const struct fg_tensor *b = node->n_inputs > 1 ? &graph->tensors[node->inputs[1]] : NULL;
    size_t n = fg_tensor_elements(out), size = fg_type_size(out->type);
    float *to = out->data;
    for (size_t k = 0; k < n; k++)
        if (moves(node->op))
            memcpy((char *)out->data + k * size,
                   (const char *)a->data + origin(node, out, a, k) * size, size);
        else if (b)
            to[k] = apply_binary(node->op, value_of(a, broadcast(out, a, k)),
                                 value_of(b, broadcast(out, b, k)));
        else
            to[k] = apply_unary(node, value_of(a, k));
    fg_node_kill(node);
    return 0;
}

int fg_pass_constants(struct fg_graph *graph, struct fg_uses *uses, struct fg_error *err)
{
    (void)uses;
    for (unsigned i = 0; i < graph->n_nodes; i++) {
        struct fg_node *node = &graph->nodes[i];
        int r = can_fold(graph, node) ? fold_node(graph, node, err) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}
