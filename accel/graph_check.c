// SPDX-License-Identifier: Apache-2.0
// Types and quantisation of a graph's nodes, and the check of a whole graph.
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "accel/infer.h"

// How far a bias's own scale may be from input scale times filter scale, which is what counts.
#define BIAS_SCALE_TOLERANCE 0.02

// ---- types --------------------------------------------------------------------------------------

static bool is_quantised(enum fg_type type)
{
    return type == FG_INT8 || type == FG_UINT8;
}

static bool has_filter(enum fg_op op)
{
    return op == FG_OP_CONV || op == FG_OP_DEPTHWISE || op == FG_OP_FULLY_CONNECTED ||
           op == FG_OP_TRANSPOSE_CONV;
}

static bool takes_activation(enum fg_op op)
{
    return has_filter(op) || op == FG_OP_ADD || op == FG_OP_SUB || op == FG_OP_MUL ||
           op == FG_OP_DIV || op == FG_OP_MAX_POOL || op == FG_OP_AVERAGE_POOL;
}

enum quantised {
    NEVER,
    RESCALES,  // the output has a scale of its own
    SAME_SCALE // stored values are moved, compared or averaged: one scale for all
};

static enum quantised quantised(enum fg_op op)
{
    switch (op) {
    case FG_OP_AVERAGE_POOL:
    case FG_OP_MAXIMUM:
    case FG_OP_MAX_POOL:
    case FG_OP_MINIMUM:
    case FG_OP_PAD:
    case FG_OP_RESHAPE:
    case FG_OP_RESIZE_BILINEAR:
    case FG_OP_RESIZE_NEAREST:
    case FG_OP_SLICE:
    case FG_OP_TRANSPOSE:
        return SAME_SCALE;
    case FG_OP_ADD:
    case FG_OP_CONCAT:
    case FG_OP_CONV:
    case FG_OP_DEPTHWISE:
    case FG_OP_FULLY_CONNECTED:
    case FG_OP_HARD_SWISH:
    case FG_OP_LEAKY_RELU:
    case FG_OP_LOGISTIC:
    case FG_OP_MEAN:
    case FG_OP_MUL:
    case FG_OP_PRELU:
    case FG_OP_RELU:
    case FG_OP_RELU6:
    case FG_OP_SOFTMAX:
    case FG_OP_SUB:
    case FG_OP_TANH:
    case FG_OP_TRANSPOSE_CONV:
        return RESCALES;
    default:
        return NEVER;
    }
}

static int wrong_type(const struct fg_graph *graph, unsigned i, const struct fg_tensor *t,
                      const char *wanted, struct fg_error *err)
{
    return fg_infer_fail(graph, i, -ENOTSUP, err,
                         "'%.100s' is %s; %s is supported here (export the model as float)",
                         t->name, fg_type_name(t->type), wanted);
}

// Scales that are sound: positive, zero points that the type can hold.
static int check_scales(const struct fg_graph *graph, unsigned i, const struct fg_tensor *t,
                        struct fg_error *err)
{
    int32_t low = t->type == FG_UINT8 ? 0 : INT8_MIN, high = t->type == FG_UINT8 ? 255 : INT8_MAX;
    if (!t->n_scales)
        return fg_infer_fail(graph, i, -EINVAL, err, "'%.100s' is %s without a scale", t->name,
                             fg_type_name(t->type));
    for (unsigned k = 0; k < t->n_scales; k++)
        if (!(t->scales[k] > 0) || !isfinite(t->scales[k]) || t->zero_points[k] < low ||
            t->zero_points[k] > high)
            return fg_infer_fail(graph, i, -EINVAL, err,
                                 "scale or zero point %u of '%.100s' is out of range", k, t->name);
    return 0;
}

static int check_data(const struct fg_graph *graph, unsigned i, const struct fg_tensor *t,
                      enum fg_type wanted, struct fg_error *err)
{
    if (t->type != wanted)
        return wrong_type(graph, i, t, fg_type_name(wanted), err);
    if (t->n_scales > 1)
        return fg_infer_fail(graph, i, -ENOTSUP, err, "'%.100s' has %u scales; only filters may",
                             t->name, t->n_scales);
    return check_scales(graph, i, t, err);
}

// A filter has one scale, or one for each output channel and no zero points then.
static int check_filter(const struct fg_graph *graph, unsigned i, const struct fg_tensor *t,
                        enum fg_type data, struct fg_error *err)
{
    unsigned channels = graph->nodes[i].op == FG_OP_DEPTHWISE ? 3 : 0;
    if (t->type != FG_INT8 && t->type != data)
        return wrong_type(graph, i, t, "int8", err);
    int r = check_scales(graph, i, t, err);
    if (r < 0 || t->n_scales == 1)
        return r;
    if (t->type != FG_INT8 || !t->data || t->scale_dim != channels || t->n_dims <= channels ||
        t->n_scales != t->dims[channels])
        return fg_infer_fail(graph, i, -ENOTSUP, err,
                             "%u scales of '%.100s'; a constant int8 filter may have one for each "
                             "output channel",
                             t->n_scales, t->name);
    for (unsigned k = 0; k < t->n_scales; k++)
        if (t->zero_points[k])
            return fg_infer_fail(graph, i, -ENOTSUP, err,
                                 "'%.100s' has scales by channel and a zero point", t->name);
    return 0;
}

static int check_bias(const struct fg_graph *graph, unsigned i, const struct fg_tensor *t,
                      struct fg_error *err)
{
    const struct fg_tensor *in = &graph->tensors[graph->nodes[i].inputs[0]];
    const struct fg_tensor *filter = &graph->tensors[graph->nodes[i].inputs[1]];
    if (t->type != FG_INT32 || !t->data)
        return wrong_type(graph, i, t, "a constant int32", err);
    if (t->n_scales > 1 && t->n_scales != filter->n_scales)
        return fg_infer_fail(graph, i, -EINVAL, err, "%u scales of '%.100s', %u of the filter",
                             t->n_scales, t->name, filter->n_scales);
    for (unsigned k = 0; k < t->n_scales; k++) {
        double wanted = (double)in->scales[0] * filter->scales[filter->n_scales > 1 ? k : 0];
        if (!(fabs(t->scales[k] - wanted) <= BIAS_SCALE_TOLERANCE * wanted) || t->zero_points[k])
            return fg_infer_fail(graph, i, -ENOTSUP, err,
                                 "scale %u of '%.100s' is not the input's times the filter's", k,
                                 t->name);
    }
    return 0;
}

static int check_quantised(const struct fg_graph *graph, unsigned i, struct fg_error *err)
{
    const struct fg_node *node = &graph->nodes[i];
    const struct fg_tensor *first = &graph->tensors[node->inputs[0]];
    const struct fg_tensor *out = &graph->tensors[node->output];
    if (quantised(node->op) == NEVER)
        return fg_infer_fail(graph, i, -ENOTSUP, err,
                             "'%.100s' is %s; this operator is computed in float32 only (leave it "
                             "out of the quantisation)",
                             first->name, fg_type_name(first->type));
    int r = check_data(graph, i, out, first->type, err);
    for (unsigned k = 0; r == 0 && k < node->n_inputs; k++) {
        if (node->inputs[k] == FG_NO_TENSOR)
            continue;
        const struct fg_tensor *t = &graph->tensors[node->inputs[k]];
        if (has_filter(node->op) && k > 0) {
            r = k == 1 ? check_filter(graph, i, t, first->type, err) : check_bias(graph, i, t, err);
            continue;
        }
        r = check_data(graph, i, t, first->type, err);
        bool same =
            r < 0 || (t->scales[0] == out->scales[0] && t->zero_points[0] == out->zero_points[0]);
        if (!same && quantised(node->op) == SAME_SCALE)
            r = fg_infer_fail(graph, i, -ENOTSUP, err,
                              "'%.100s' and the output have different scales", t->name);
    }
    return r;
}

// The two operators that lead from one type to another.
static int check_border(const struct fg_graph *graph, unsigned i, struct fg_error *err)
{
    const struct fg_node *node = &graph->nodes[i];
    const struct fg_tensor *in = &graph->tensors[node->inputs[0]];
    const struct fg_tensor *out = &graph->tensors[node->output];
    int r = 0;
    if (node->op == FG_OP_DEQUANTIZE) {
        if (out->type != FG_FLOAT32)
            return wrong_type(graph, i, out, "float32", err);
        if (in->type == FG_FLOAT16)
            return 0;
        if (!is_quantised(in->type))
            return wrong_type(graph, i, in, "float16, int8 or uint8", err);
        if (in->n_scales > 1 && in->data && in->scale_dim < in->n_dims &&
            in->n_scales == in->dims[in->scale_dim])
            return check_scales(graph, i, in, err); // weights: lowering computes them
        return check_data(graph, i, in, in->type, err);
    }
    if (!is_quantised(out->type))
        return wrong_type(graph, i, out, "int8 or uint8", err);
    if (is_quantised(in->type))
        r = check_data(graph, i, in, in->type, err);
    else if (in->type != FG_FLOAT32)
        return wrong_type(graph, i, in, "float32, int8 or uint8", err);
    return r < 0 ? r : check_data(graph, i, out, out->type, err);
}

int fg_infer_types(const struct fg_graph *graph, unsigned i, struct fg_error *err)
{
    const struct fg_node *node = &graph->nodes[i];
    if (node->activation != FG_ACT_NONE &&
        ((unsigned)node->activation > FG_ACT_RELU6 || !takes_activation(node->op)))
        return fg_infer_fail(graph, i, -EINVAL, err, "activation %d is not possible here",
                             (int)node->activation);
    if (node->op == FG_OP_DEQUANTIZE || node->op == FG_OP_QUANTIZE)
        return check_border(graph, i, err);
    if (is_quantised(graph->tensors[node->inputs[0]].type))
        return check_quantised(graph, i, err);
    for (unsigned k = 0; k < node->n_inputs; k++)
        if (node->inputs[k] != FG_NO_TENSOR && graph->tensors[node->inputs[k]].type != FG_FLOAT32)
            return wrong_type(graph, i, &graph->tensors[node->inputs[k]], "float32", err);
    const struct fg_tensor *out = &graph->tensors[node->output];
    return out->type == FG_FLOAT32 ? 0 : wrong_type(graph, i, out, "float32", err);
}

// ---- the whole graph ----------------------------------------------------------------------------

static int check_node(const struct fg_graph *graph, unsigned i, bool *known, struct fg_error *err)
{
    const struct fg_node *node = &graph->nodes[i];
    unsigned n_dims = 0;
    uint32_t dims[FG_MAX_DIMS] = {0};
    int r = fg_graph_infer(graph, i, &n_dims, dims, err);
    if (r < 0)
        return r;
    for (unsigned k = 0; k < node->n_inputs; k++)
        if (node->inputs[k] != FG_NO_TENSOR && !known[node->inputs[k]])
            return fg_fail(err, -EINVAL,
                           "operators[%u].inputs[%u]: tensor %u '%.100s' is used before it is "
                           "computed",
                           i, k, node->inputs[k], graph->tensors[node->inputs[k]].name);
    const struct fg_tensor *out = &graph->tensors[node->output];
    if (known[node->output])
        return fg_fail(err, -EINVAL,
                       "operators[%u].outputs[0]: tensor %u '%.100s' has a value already", i,
                       node->output, out->name);
    if (out->n_dims != n_dims || memcmp(out->dims, dims, n_dims * sizeof dims[0]))
        return fg_infer_fail(graph, i, -EINVAL, err,
                             "output '%.100s' has another shape than its inputs give", out->name);
    known[node->output] = true;
    return 0;
}

// Engines multiply what they are given: a NaN in a weight would silently void every answer.
static int check_constant(const struct fg_tensor *tensor, unsigned index, struct fg_error *err)
{
    size_t n = fg_tensor_elements(tensor);
    bool finite = true;
    if (tensor->type == FG_FLOAT32) {
        const float *v = tensor->data;
        for (size_t k = 0; k < n; k++)
            finite &= isfinite(v[k]) != 0;
    } else if (tensor->type == FG_FLOAT16) {
        const uint16_t *v = tensor->data;
        for (size_t k = 0; k < n; k++)
            finite &= (v[k] & 0x7c00) != 0x7c00;
    }
    if (!finite)
        return fg_fail(err, -EINVAL,
                       "tensors[%u] '%.100s': a constant that is not a finite number (the model "
                       "file is damaged)",
                       index, tensor->name);
    return 0;
}

static int check_ends(const struct fg_graph *graph, bool *known, struct fg_error *err)
{
    if (!graph->n_inputs || !graph->n_outputs || graph->n_inputs > FG_GRAPH_MAX_ENDS ||
        graph->n_outputs > FG_GRAPH_MAX_ENDS)
        return fg_fail(err, -EINVAL, "%u inputs and %u outputs: each must be 1 to %u",
                       graph->n_inputs, graph->n_outputs, FG_GRAPH_MAX_ENDS);
    for (unsigned k = 0; k < graph->n_inputs; k++) {
        uint32_t t = graph->inputs[k];
        if (t >= graph->n_tensors)
            return fg_fail(err, -EINVAL, "inputs[%u]: tensor %d of %u", k, (int)t,
                           graph->n_tensors);
        if (known[t])
            return fg_fail(err, -EINVAL, "inputs[%u]: tensor %u has a value already", k, t);
        if (graph->tensors[t].type != FG_FLOAT32)
            return fg_fail(err, -ENOTSUP,
                           "inputs[%u]: '%.100s' is %s; only float32 is supported (export the "
                           "model with float32 inputs and outputs)",
                           k, graph->tensors[t].name, fg_type_name(graph->tensors[t].type));
        known[t] = true;
    }
    for (unsigned k = 0; k < graph->n_outputs; k++)
        if (graph->outputs[k] >= graph->n_tensors)
            return fg_fail(err, -EINVAL, "outputs[%u]: tensor %d of %u", k, (int)graph->outputs[k],
                           graph->n_tensors);
    return 0;
}

static int check_outputs(const struct fg_graph *graph, const bool *known, struct fg_error *err)
{
    for (unsigned k = 0; k < graph->n_outputs; k++) {
        const struct fg_tensor *t = &graph->tensors[graph->outputs[k]];
        if (!known[graph->outputs[k]] || t->data)
            return fg_fail(err, -EINVAL, "outputs[%u]: nothing computes tensor %u '%.100s'", k,
                           graph->outputs[k], t->name);
        if (t->type != FG_FLOAT32)
            return fg_fail(err, -ENOTSUP,
                           "outputs[%u]: '%.100s' is %s; only float32 is supported (export the "
                           "model with float32 inputs and outputs)",
                           k, t->name, fg_type_name(t->type));
    }
    return 0;
}

int fg_graph_check(const struct fg_graph *graph, struct fg_error *err)
{
    bool *known = calloc(graph->n_tensors + 1u, sizeof *known);
    if (!known)
        return fg_fail(err, -ENOMEM, "no memory for the graph");
    int r = 0;
    for (unsigned i = 0; r == 0 && i < graph->n_tensors; i++) {
        known[i] = graph->tensors[i].data != NULL;
        if (known[i])
            r = check_constant(&graph->tensors[i], i, err);
    }
    if (r == 0)
        r = check_ends(graph, known, err);
    for (unsigned i = 0; r == 0 && i < graph->n_nodes; i++)
        r = check_node(graph, i, known, err);
    if (r == 0)
        r = check_outputs(graph, known, err);
    free(known);
    return r;
}
