// SPDX-License-Identifier: Apache-2.0
// Shapes of a graph's nodes, and the check of a whole graph.
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accel/graph.h"

struct shape {
    unsigned n;
    uint32_t d[FG_MAX_DIMS];
};

static int fail_node(const struct fg_graph *graph, unsigned index, int code, struct fg_error *err,
                     const char *format, ...) __attribute__((format(printf, 5, 6)));

static int fail_node(const struct fg_graph *graph, unsigned index, int code, struct fg_error *err,
                     const char *format, ...)
{
    char text[256];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    return fg_fail(err, code, "operators[%u] %s: %s", index, fg_op_name(graph->nodes[index].op),
                   text);
}

static const struct fg_tensor *input(const struct fg_graph *graph, unsigned node, unsigned k)
{
    return &graph->tensors[graph->nodes[node].inputs[k]];
}

static void shape_of(const struct fg_tensor *tensor, struct shape *ret)
{
    ret->n = tensor->n_dims;
    memcpy(ret->d, tensor->dims, sizeof ret->d);
}

// Output side of a window that slides over `side` cells with padding.
static bool window(uint32_t side, uint32_t before, uint32_t after, uint32_t kernel,
                   uint32_t dilation, uint32_t stride, uint32_t *ret)
{
    uint64_t padded = (uint64_t)side + before + after;
    uint64_t reach = (uint64_t)(kernel - 1) * dilation + 1;
    if (reach > padded)
        return false;
    *ret = (uint32_t)((padded - reach) / stride + 1);
    return true;
}

static int windows(const struct fg_graph *graph, unsigned i, uint32_t kernel_h, uint32_t kernel_w,
                   struct shape *s, struct fg_error *err)
{
    const struct fg_node *node = &graph->nodes[i];
    const uint32_t kernel[] = {0, kernel_h, kernel_w};
    const uint32_t stride[] = {0, node->stride_h, node->stride_w};
    const uint32_t dilation[] = {0, node->dilation_h, node->dilation_w};
    for (unsigned d = 1; d <= 2; d++) {
        if (!stride[d] || !dilation[d] || !kernel[d] || stride[d] > FG_GRAPH_MAX_STEP ||
            dilation[d] > FG_GRAPH_MAX_STEP || kernel[d] > FG_GRAPH_MAX_STEP)
            return fail_node(graph, i, -EINVAL, err,
                             "window %u, stride %u, dilation %u: each must be 1 to %u", kernel[d],
                             stride[d], dilation[d], FG_GRAPH_MAX_STEP);
        if (!window(s->d[d], node->pad_before[d], node->pad_after[d], kernel[d], dilation[d],
                    stride[d], &s->d[d]))
            return fail_node(graph, i, -EINVAL, err, "a window of %u does not fit %u cells",
                             kernel[d], s->d[d]);
    }
    return 0;
}

static int check_bias(const struct fg_graph *graph, unsigned i, uint32_t channels,
                      struct fg_error *err)
{
    const struct fg_node *node = &graph->nodes[i];
    if (node->n_inputs < 3 || node->inputs[2] == FG_NO_TENSOR)
        return 0;
    size_t n = fg_tensor_elements(input(graph, i, 2));
    if (n != channels)
        return fail_node(graph, i, -EINVAL, err, "a bias of %zu for %u channels", n, channels);
    return 0;
}

static int infer_conv(const struct fg_graph *graph, unsigned i, struct shape *s,
                      struct fg_error *err)
{
    const struct fg_tensor *in = input(graph, i, 0), *filter = input(graph, i, 1);
    bool depthwise = graph->nodes[i].op == FG_OP_DEPTHWISE;
    if (in->n_dims != 4 || filter->n_dims != 4)
        return fail_node(graph, i, -EINVAL, err,
                         "input and filter need 4 dimensions, not %u and %u", in->n_dims,
                         filter->n_dims);
    if (depthwise ? filter->dims[0] != 1 || filter->dims[3] % in->dims[3]
                  : filter->dims[3] != in->dims[3])
        return fail_node(graph, i, -EINVAL, err, "a filter for %u channels, the input has %u",
                         filter->dims[3], in->dims[3]);
    shape_of(in, s);
    s->d[3] = depthwise ? filter->dims[3] : filter->dims[0];
    int r = check_bias(graph, i, s->d[3], err);
    return r < 0 ? r : windows(graph, i, filter->dims[1], filter->dims[2], s, err);
}

static int infer_pool(const struct fg_graph *graph, unsigned i, struct shape *s,
                      struct fg_error *err)
{
    const struct fg_node *node = &graph->nodes[i];
    shape_of(input(graph, i, 0), s);
    if (s->n != 4)
        return fail_node(graph, i, -EINVAL, err, "the input needs 4 dimensions, not %u", s->n);
    // else a window could lie wholly in the padding
    if (node->pad_before[1] >= node->kernel_h || node->pad_after[1] >= node->kernel_h ||
        node->pad_before[2] >= node->kernel_w || node->pad_after[2] >= node->kernel_w)
        return fail_node(graph, i, -EINVAL, err, "padding of a whole window");
    return windows(graph, i, node->kernel_h, node->kernel_w, s, err);
}

static int infer_fully_connected(const struct fg_graph *graph, unsigned i, struct shape *s,
                                 struct fg_error *err)
{
    const struct fg_tensor *in = input(graph, i, 0), *filter = input(graph, i, 1);
    if (filter->n_dims != 2 || !in->n_dims)
        return fail_node(graph, i, -EINVAL, err, "the filter needs 2 dimensions, not %u",
                         filter->n_dims);
    uint32_t width = filter->dims[1];
    bool keep = graph->nodes[i].keep_dims;
    size_t elements = fg_tensor_elements(in);
    if (elements % width || (keep && in->dims[in->n_dims - 1] != width))
        return fail_node(graph, i, -EINVAL, err, "a filter for %u values, the input has %zu", width,
                         elements);
    if (keep) {
        shape_of(in, s);
        s->d[s->n - 1] = filter->dims[0];
    } else {
        *s = (struct shape){.n = 2, .d = {(uint32_t)(elements / width), filter->dims[0]}};
    }
    return check_bias(graph, i, filter->dims[0], err);
}

// Two inputs side by side, each dimension equal or 1 (numpy's rule).
static int infer_broadcast(const struct fg_graph *graph, unsigned i, struct shape *s,
                           struct fg_error *err)
{
    const struct fg_tensor *a = input(graph, i, 0), *b = input(graph, i, 1);
    s->n = a->n_dims > b->n_dims ? a->n_dims : b->n_dims;
    for (unsigned k = 0; k < s->n; k++) { // from the last dimension backwards
        uint32_t x = k < a->n_dims ? a->dims[a->n_dims - 1 - k] : 1;
        uint32_t y = k < b->n_dims ? b->dims[b->n_dims - 1 - k] : 1;
        if (x != y && x != 1 && y != 1)
            return fail_node(graph, i, -EINVAL, err, "'%.60s' and '%.60s' have %u and %u cells",
                             a->name, b->name, x, y);
        s->d[s->n - 1 - k] = x == 1 ? y : x;
    }
    return 0;
}

static int infer_concat(const struct fg_graph *graph, unsigned i, struct shape *s,
                        struct fg_error *err)
{
    const struct fg_node *node = &graph->nodes[i];
    shape_of(input(graph, i, 0), s);
    if (node->axis >= s->n)
        return fail_node(graph, i, -EINVAL, err, "axis %u of %u dimensions", node->axis, s->n);
    for (unsigned k = 1; k < node->n_inputs; k++) {
        const struct fg_tensor *part = input(graph, i, k);
        for (unsigned d = 0; d < s->n; d++)
            if (part->n_dims != s->n || (d != node->axis && part->dims[d] != s->d[d]))
                return fail_node(graph, i, -EINVAL, err, "'%.100s' does not fit the first input",
                                 part->name);
        s->d[node->axis] += part->dims[node->axis]; // 16 inputs of 2^26: no overflow
    }
    return 0;
}

static int infer_pad(const struct fg_graph *graph, unsigned i, struct shape *s,
                     struct fg_error *err)
{
    const struct fg_node *node = &graph->nodes[i];
    shape_of(input(graph, i, 0), s);
    for (unsigned d = 0; d < FG_MAX_DIMS; d++) {
        if (d >= s->n && (node->pad_before[d] || node->pad_after[d]))
            return fail_node(graph, i, -EINVAL, err, "padding of dimension %u of %u", d, s->n);
        if (node->pad_before[d] > FG_GRAPH_MAX_STEP || node->pad_after[d] > FG_GRAPH_MAX_STEP)
            return fail_node(graph, i, -EINVAL, err, "padding over %u", FG_GRAPH_MAX_STEP);
        if (d < s->n)
            s->d[d] += node->pad_before[d] + node->pad_after[d];
    }
    return 0;
}

static int infer_reduce(const struct fg_graph *graph, unsigned i, struct shape *s,
                        struct fg_error *err)
{
    const struct fg_node *node = &graph->nodes[i];
    const struct fg_tensor *in = input(graph, i, 0);
    if (!node->axes || node->axes >> in->n_dims)
        return fail_node(graph, i, -EINVAL, err, "axes outside the %u dimensions", in->n_dims);
    s->n = 0;
    for (unsigned d = 0; d < in->n_dims; d++) {
        if (!(node->axes >> d & 1))
            s->d[s->n++] = in->dims[d];
        else if (node->keep_dims)
            s->d[s->n++] = 1;
    }
    return 0;
}

static int infer_prelu(const struct fg_graph *graph, unsigned i, struct shape *s,
                       struct fg_error *err)
{
    shape_of(input(graph, i, 0), s);
    size_t slopes = fg_tensor_elements(input(graph, i, 1));
    if (!s->n || slopes != s->d[s->n - 1])
        return fail_node(graph, i, -ENOTSUP, err,
                         "%zu slopes for %u channels; one slope a channel is supported", slopes,
                         s->n ? s->d[s->n - 1] : 0);
    return 0;
}

static int infer_resize(const struct fg_graph *graph, unsigned i, struct shape *s,
                        struct fg_error *err)
{
    const struct fg_tensor *out = &graph->tensors[graph->nodes[i].output];
    shape_of(input(graph, i, 0), s);
    if (s->n != 4 || out->n_dims != 4)
        return fail_node(graph, i, -EINVAL, err, "input and output need 4 dimensions");
    if (graph->nodes[i].align_corners && graph->nodes[i].half_pixel)
        return fail_node(graph, i, -EINVAL, err, "align_corners and half_pixel_centers together");
    s->d[1] = out->dims[1];
    s->d[2] = out->dims[2];
    return 0;
}

static int infer_reshape(const struct fg_graph *graph, unsigned i, struct shape *s,
                         struct fg_error *err)
{
    const struct fg_tensor *out = &graph->tensors[graph->nodes[i].output];
    size_t from = fg_tensor_elements(input(graph, i, 0)), to = fg_tensor_elements(out);
    if (from != to)
        return fail_node(graph, i, -EINVAL, err, "%zu elements into %zu", from, to);
    shape_of(out, s);
    return 0;
}

static const struct {
    unsigned least, most; // inputs
} arity[FG_OP_COUNT] = {
    [FG_OP_ABS] = {1, 1},
    [FG_OP_ADD] = {2, 2},
    [FG_OP_CONCAT] = {1, FG_GRAPH_MAX_INPUTS},
    [FG_OP_CONV] = {2, 3},
    [FG_OP_DEPTHWISE] = {2, 3},
    [FG_OP_DEQUANTIZE] = {1, 1},
    [FG_OP_DIV] = {2, 2},
    [FG_OP_EXP] = {1, 1},
    [FG_OP_FULLY_CONNECTED] = {2, 3},
    [FG_OP_MAX_POOL] = {1, 1},
    [FG_OP_MUL] = {2, 2},
    [FG_OP_NEG] = {1, 1},
    [FG_OP_PAD] = {1, 1},
    [FG_OP_PRELU] = {2, 2},
    [FG_OP_REDUCE_MAX] = {1, 1},
    [FG_OP_RELU] = {1, 1},
    [FG_OP_RELU6] = {1, 1},
    [FG_OP_RESHAPE] = {1, 1},
    [FG_OP_RESIZE_BILINEAR] = {1, 1},
    [FG_OP_SOFTMAX] = {1, 1},
    [FG_OP_SUB] = {2, 2},
    [FG_OP_SUM] = {1, 1},
};

static int check_inputs(const struct fg_graph *graph, unsigned i, struct fg_error *err)
{
    const struct fg_node *node = &graph->nodes[i];
    if (node->n_inputs < arity[node->op].least || node->n_inputs > arity[node->op].most)
        return fail_node(graph, i, -EINVAL, err, "%u inputs, %u to %u expected", node->n_inputs,
                         arity[node->op].least, arity[node->op].most);
    bool optional_bias = arity[node->op].least == 2 && arity[node->op].most == 3;
    for (unsigned k = 0; k < node->n_inputs; k++) {
        if (node->inputs[k] == FG_NO_TENSOR && optional_bias && k == 2)
            continue;
        if (node->inputs[k] >= graph->n_tensors)
            return fg_fail(err, -EINVAL, "operators[%u].inputs[%u]: tensor %d of %u", i, k,
                           (int)node->inputs[k], graph->n_tensors);
        const struct fg_tensor *t = input(graph, i, k);
        enum fg_type wanted = node->op == FG_OP_DEQUANTIZE ? FG_FLOAT16 : FG_FLOAT32;
        if (t->type != wanted)
            return fail_node(graph, i, -ENOTSUP, err,
                             "'%.100s' is %s; %s is supported here (export the model as float)",
                             t->name, fg_type_name(t->type), fg_type_name(wanted));
    }
    return 0;
}

static int infer(const struct fg_graph *graph, unsigned i, struct shape *s, struct fg_error *err)
{
    switch (graph->nodes[i].op) {
    case FG_OP_ADD:
    case FG_OP_SUB:
    case FG_OP_MUL:
    case FG_OP_DIV:
        return infer_broadcast(graph, i, s, err);
    case FG_OP_CONV:
    case FG_OP_DEPTHWISE:
        return infer_conv(graph, i, s, err);
    case FG_OP_MAX_POOL:
        return infer_pool(graph, i, s, err);
    case FG_OP_FULLY_CONNECTED:
        return infer_fully_connected(graph, i, s, err);
    case FG_OP_CONCAT:
        return infer_concat(graph, i, s, err);
    case FG_OP_PAD:
        return infer_pad(graph, i, s, err);
    case FG_OP_SUM:
    case FG_OP_REDUCE_MAX:
        return infer_reduce(graph, i, s, err);
    case FG_OP_PRELU:
        return infer_prelu(graph, i, s, err);
    case FG_OP_RESIZE_BILINEAR:
        return infer_resize(graph, i, s, err);
    case FG_OP_RESHAPE:
        return infer_reshape(graph, i, s, err);
    default: // one input, same shape
        shape_of(input(graph, i, 0), s);
        return 0;
    }
}

int fg_graph_infer(const struct fg_graph *graph, unsigned node, unsigned *ret_n_dims,
                   uint32_t ret_dims[FG_MAX_DIMS], struct fg_error *err)
{
    struct shape s = {0};
    int r = check_inputs(graph, node, err);
    if (r < 0)
        return r;
    r = infer(graph, node, &s, err);
    if (r < 0)
        return r;
    *ret_n_dims = s.n;
    memcpy(ret_dims, s.d, sizeof s.d);
    return 0;
}

static int check_node(const struct fg_graph *graph, unsigned i, bool *known, struct fg_error *err)
{
    const struct fg_node *node = &graph->nodes[i];
    struct shape s = {0};
    if (node->output >= graph->n_tensors)
        return fg_fail(err, -EINVAL, "operators[%u].outputs[0]: tensor %d of %u", i,
                       (int)node->output, graph->n_tensors);
    int r = fg_graph_infer(graph, i, &s.n, s.d, err);
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
    if (out->type != FG_FLOAT32)
        return fail_node(graph, i, -ENOTSUP, err, "the output is %s; only float32 is supported",
                         fg_type_name(out->type));
    if (out->n_dims != s.n || memcmp(out->dims, s.d, s.n * sizeof s.d[0]))
        return fail_node(graph, i, -EINVAL, err,
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
            return fg_fail(err, -ENOTSUP, "inputs[%u]: '%.100s' is %s; only float32 is supported",
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
