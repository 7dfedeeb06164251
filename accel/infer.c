// SPDX-License-Identifier: Apache-2.0
// Shapes of a graph's nodes.
#include "accel/infer.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct shape {
    unsigned n;
    uint32_t d[FG_MAX_DIMS];
};

int fg_infer_fail(const struct fg_graph *graph, unsigned index, int code, struct fg_error *err,
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

static int check_window(const struct fg_graph *graph, unsigned i, uint32_t kernel_h,
                        uint32_t kernel_w, struct fg_error *err)
{
    const struct fg_node *node = &graph->nodes[i];
    const uint32_t kernel[] = {0, kernel_h, kernel_w};
    const uint32_t stride[] = {0, node->stride_h, node->stride_w};
    const uint32_t dilation[] = {0, node->dilation_h, node->dilation_w};
    bool dilates = node->op == FG_OP_CONV || node->op == FG_OP_DEPTHWISE;
    for (unsigned d = 1; d <= 2; d++) {
        if (!stride[d] || !dilation[d] || !kernel[d] || stride[d] > FG_GRAPH_MAX_STEP ||
            dilation[d] > FG_GRAPH_MAX_STEP || kernel[d] > FG_GRAPH_MAX_STEP)
            return fg_infer_fail(graph, i, -EINVAL, err,
                                 "window %u, stride %u, dilation %u: each must be 1 to %u",
                                 kernel[d], stride[d], dilation[d], FG_GRAPH_MAX_STEP);
        if (dilation[d] != 1 && !dilates)
            return fg_infer_fail(graph, i, -ENOTSUP, err, "a dilation of %u", dilation[d]);
        if (node->pad_before[d] > FG_GRAPH_MAX_ELEMENTS ||
            node->pad_after[d] > FG_GRAPH_MAX_ELEMENTS)
            return fg_infer_fail(graph, i, -EINVAL, err, "padding over %u", FG_GRAPH_MAX_ELEMENTS);
    }
    return 0;
}

static int windows(const struct fg_graph *graph, unsigned i, uint32_t kernel_h, uint32_t kernel_w,
                   struct shape *s, struct fg_error *err)
{
    const struct fg_node *node = &graph->nodes[i];
    const uint32_t kernel[] = {0, kernel_h, kernel_w};
    const uint32_t stride[] = {0, node->stride_h, node->stride_w};
    const uint32_t dilation[] = {0, node->dilation_h, node->dilation_w};
    int r = check_window(graph, i, kernel_h, kernel_w, err);
    for (unsigned d = 1; r == 0 && d <= 2; d++)
        if (!window(s->d[d], node->pad_before[d], node->pad_after[d], kernel[d], dilation[d],
                    stride[d], &s->d[d]))
            return fg_infer_fail(graph, i, -EINVAL, err, "a window of %u does not fit %u cells",
                                 kernel[d], s->d[d]);
    return r;
}

static int check_bias(const struct fg_graph *graph, unsigned i, uint32_t channels,
                      struct fg_error *err)
{
    const struct fg_node *node = &graph->nodes[i];
    if (node->n_inputs < 3 || node->inputs[2] == FG_NO_TENSOR)
        return 0;
    size_t n = fg_tensor_elements(input(graph, i, 2));
    if (n != channels)
        return fg_infer_fail(graph, i, -EINVAL, err, "a bias of %zu for %u channels", n, channels);
    return 0;
}

static int infer_conv(const struct fg_graph *graph, unsigned i, struct shape *s,
                      struct fg_error *err)
{
    const struct fg_tensor *in = input(graph, i, 0), *filter = input(graph, i, 1);
    bool depthwise = graph->nodes[i].op == FG_OP_DEPTHWISE;
    if (in->n_dims != 4 || filter->n_dims != 4)
        return fg_infer_fail(graph, i, -EINVAL, err,
                             "input and filter need 4 dimensions, not %u and %u", in->n_dims,
                             filter->n_dims);
    if (depthwise ? filter->dims[0] != 1 || filter->dims[3] % in->dims[3]
                  : in->dims[3] % filter->dims[3])
        return fg_infer_fail(graph, i, -EINVAL, err, "a filter for %u channels, the input has %u",
                             filter->dims[3], in->dims[3]);
    uint32_t groups = depthwise ? 1 : in->dims[3] / filter->dims[3];
    if (filter->dims[0] % groups)
        return fg_infer_fail(graph, i, -EINVAL, err, "%u channels from %u groups", filter->dims[0],
                             groups);
    shape_of(in, s);
    s->d[3] = depthwise ? filter->dims[3] : filter->dims[0];
    int r = check_bias(graph, i, s->d[3], err);
    return r < 0 ? r : windows(graph, i, filter->dims[1], filter->dims[2], s, err);
}

static int infer_transpose_conv(const struct fg_graph *graph, unsigned i, struct shape *s,
                                struct fg_error *err)
{
    const struct fg_node *node = &graph->nodes[i];
    const struct fg_tensor *in = input(graph, i, 0), *filter = input(graph, i, 1);
    const uint32_t stride[] = {0, node->stride_h, node->stride_w};
    if (in->n_dims != 4 || filter->n_dims != 4 || filter->dims[3] != in->dims[3])
        return fg_infer_fail(graph, i, -EINVAL, err, "the filter does not fit the input");
    int r = check_window(graph, i, filter->dims[1], filter->dims[2], err);
    if (r == 0)
        r = check_bias(graph, i, filter->dims[0], err);
    if (r < 0)
        return r;
    shape_of(in, s);
    s->d[3] = filter->dims[0];
    for (unsigned d = 1; d <= 2; d++) {
        uint64_t whole = (uint64_t)(in->dims[d] - 1) * stride[d] + filter->dims[d];
        uint64_t cut = (uint64_t)node->pad_before[d] + node->pad_after[d];
        if (cut >= whole || whole - cut > FG_GRAPH_MAX_ELEMENTS)
            return fg_infer_fail(graph, i, -EINVAL, err, "%llu cells, of which %llu are cut off",
                                 (unsigned long long)whole, (unsigned long long)cut);
        s->d[d] = (uint32_t)(whole - cut);
    }
    return 0;
}

static int infer_pool(const struct fg_graph *graph, unsigned i, struct shape *s,
                      struct fg_error *err)
{
    const struct fg_node *node = &graph->nodes[i];
    shape_of(input(graph, i, 0), s);
    if (s->n != 4)
        return fg_infer_fail(graph, i, -EINVAL, err, "the input needs 4 dimensions, not %u", s->n);
    // else a window could lie wholly in the padding
    if (node->pad_before[1] >= node->kernel_h || node->pad_after[1] >= node->kernel_h ||
        node->pad_before[2] >= node->kernel_w || node->pad_after[2] >= node->kernel_w)
        return fg_infer_fail(graph, i, -EINVAL, err, "padding of a whole window");
    return windows(graph, i, node->kernel_h, node->kernel_w, s, err);
}

static int infer_fully_connected(const struct fg_graph *graph, unsigned i, struct shape *s,
                                 struct fg_error *err)
{
    const struct fg_tensor *in = input(graph, i, 0), *filter = input(graph, i, 1);
    if (filter->n_dims != 2 || !in->n_dims)
        return fg_infer_fail(graph, i, -EINVAL, err, "the filter needs 2 dimensions, not %u",
                             filter->n_dims);
    uint32_t width = filter->dims[1];
    bool keep = graph->nodes[i].keep_dims;
    size_t elements = fg_tensor_elements(in);
    if (elements % width || (keep && in->dims[in->n_dims - 1] != width))
        return fg_infer_fail(graph, i, -EINVAL, err, "a filter for %u values, the input has %zu",
                             width, elements);
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
            return fg_infer_fail(graph, i, -EINVAL, err, "'%.60s' and '%.60s' have %u and %u cells",
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
        return fg_infer_fail(graph, i, -EINVAL, err, "axis %u of %u dimensions", node->axis, s->n);
    for (unsigned k = 1; k < node->n_inputs; k++) {
        const struct fg_tensor *part = input(graph, i, k);
        for (unsigned d = 0; d < s->n; d++)
            if (part->n_dims != s->n || (d != node->axis && part->dims[d] != s->d[d]))
                return fg_infer_fail(graph, i, -EINVAL, err,
                                     "'%.100s' does not fit the first input", part->name);
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
            return fg_infer_fail(graph, i, -EINVAL, err, "padding of dimension %u of %u", d, s->n);
        if (node->pad_before[d] > FG_GRAPH_MAX_STEP || node->pad_after[d] > FG_GRAPH_MAX_STEP)
            return fg_infer_fail(graph, i, -EINVAL, err, "padding over %u", FG_GRAPH_MAX_STEP);
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
        return fg_infer_fail(graph, i, -EINVAL, err, "axes outside the %u dimensions", in->n_dims);
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
        return fg_infer_fail(graph, i, -ENOTSUP, err,
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
        return fg_infer_fail(graph, i, -EINVAL, err, "input and output need 4 dimensions");
    if (graph->nodes[i].align_corners && graph->nodes[i].half_pixel)
        return fg_infer_fail(graph, i, -EINVAL, err,
                             "align_corners and half_pixel_centers together");
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
        return fg_infer_fail(graph, i, -EINVAL, err, "%zu elements into %zu", from, to);
    shape_of(out, s);
    return 0;
}

static int infer_slice(const struct fg_graph *graph, unsigned i, struct shape *s,
                       struct fg_error *err)
{
    const struct fg_node *node = &graph->nodes[i];
    const struct fg_tensor *in = input(graph, i, 0), *out = &graph->tensors[node->output];
    shape_of(out, s);
    if (in->n_dims != out->n_dims)
        return fg_infer_fail(graph, i, -EINVAL, err, "%u dimensions from %u", out->n_dims,
                             in->n_dims);
    for (unsigned d = 0; d < in->n_dims; d++)
        if (node->begin[d] >= in->dims[d] || out->dims[d] > in->dims[d] - node->begin[d])
            return fg_infer_fail(graph, i, -EINVAL, err, "%u cells from cell %u of %u",
                                 out->dims[d], node->begin[d], in->dims[d]);
    return 0;
}

static int infer_transpose(const struct fg_graph *graph, unsigned i, struct shape *s,
                           struct fg_error *err)
{
    const struct fg_node *node = &graph->nodes[i];
    const struct fg_tensor *in = input(graph, i, 0);
    unsigned seen = 0;
    s->n = in->n_dims;
    for (unsigned d = 0; d < in->n_dims; d++) {
        if (node->order[d] >= in->n_dims || seen >> node->order[d] & 1)
            return fg_infer_fail(graph, i, -EINVAL, err,
                                 "the order is no permutation of %u dimensions", in->n_dims);
        seen |= 1u << node->order[d];
        s->d[d] = in->dims[node->order[d]];
    }
    return 0;
}

static int infer_batch_norm(const struct fg_graph *graph, unsigned i, struct shape *s,
                            struct fg_error *err)
{
    float epsilon = graph->nodes[i].epsilon;
    shape_of(input(graph, i, 0), s);
    for (unsigned k = 1; k < 5; k++) {
        size_t n = fg_tensor_elements(input(graph, i, k));
        if (!s->n || n != s->d[s->n - 1])
            return fg_infer_fail(graph, i, -EINVAL, err, "%zu values in '%.100s' for %u channels",
                                 n, input(graph, i, k)->name, s->n ? s->d[s->n - 1] : 0);
    }
    if (!(epsilon >= 0) || !isfinite(epsilon))
        return fg_infer_fail(graph, i, -EINVAL, err, "epsilon %g", (double)epsilon);
    return 0;
}

// One input, same shape; the number that some of them have must make sense.
static int infer_same(const struct fg_graph *graph, unsigned i, struct shape *s,
                      struct fg_error *err)
{
    const struct fg_node *node = &graph->nodes[i];
    shape_of(input(graph, i, 0), s);
    if (!s->n && (node->op == FG_OP_SOFTMAX || node->op == FG_OP_L2_NORM))
        return fg_infer_fail(graph, i, -EINVAL, err, "a scalar has no last dimension");
    if (node->op == FG_OP_L2_NORM && (!(node->epsilon > 0) || !isfinite(node->epsilon)))
        return fg_infer_fail(graph, i, -EINVAL, err, "epsilon %g", (double)node->epsilon);
    if (node->op == FG_OP_LEAKY_RELU && !isfinite(node->slope))
        return fg_infer_fail(graph, i, -EINVAL, err, "slope %g", (double)node->slope);
    if (node->op == FG_OP_SOFTMAX && (!(node->beta > 0) || !isfinite(node->beta)))
        return fg_infer_fail(graph, i, -EINVAL, err, "beta %g", (double)node->beta);
    return 0;
}

static const struct {
    unsigned least, most; // inputs
} arity[FG_OP_COUNT] = {
    [FG_OP_ABS] = {1, 1},
    [FG_OP_ADD] = {2, 2},
    [FG_OP_AVERAGE_POOL] = {1, 1},
    [FG_OP_BATCH_NORM] = {5, 5},
    [FG_OP_CONCAT] = {1, FG_GRAPH_MAX_INPUTS},
    [FG_OP_CONV] = {2, 3},
    [FG_OP_DEPTHWISE] = {2, 3},
    [FG_OP_DEQUANTIZE] = {1, 1},
    [FG_OP_DIV] = {2, 2},
    [FG_OP_EXP] = {1, 1},
    [FG_OP_FULLY_CONNECTED] = {2, 3},
    [FG_OP_HARD_SWISH] = {1, 1},
    [FG_OP_L2_NORM] = {1, 1},
    [FG_OP_LEAKY_RELU] = {1, 1},
    [FG_OP_LOGISTIC] = {1, 1},
    [FG_OP_MAXIMUM] = {2, 2},
    [FG_OP_MAX_POOL] = {1, 1},
    [FG_OP_MEAN] = {1, 1},
    [FG_OP_MINIMUM] = {2, 2},
    [FG_OP_MUL] = {2, 2},
    [FG_OP_NEG] = {1, 1},
    [FG_OP_PAD] = {1, 1},
    [FG_OP_PRELU] = {2, 2},
    [FG_OP_QUANTIZE] = {1, 1},
    [FG_OP_REDUCE_MAX] = {1, 1},
    [FG_OP_RELU] = {1, 1},
    [FG_OP_RELU6] = {1, 1},
    [FG_OP_RESHAPE] = {1, 1},
    [FG_OP_RESIZE_BILINEAR] = {1, 1},
    [FG_OP_RESIZE_NEAREST] = {1, 1},
    [FG_OP_SLICE] = {1, 1},
    [FG_OP_SOFTMAX] = {1, 1},
    [FG_OP_SUB] = {2, 2},
    [FG_OP_SUM] = {1, 1},
    [FG_OP_TANH] = {1, 1},
    [FG_OP_TRANSPOSE] = {1, 1},
    [FG_OP_TRANSPOSE_CONV] = {2, 3},
};

static int check_tensors(const struct fg_graph *graph, unsigned i, struct fg_error *err)
{
    const struct fg_node *node = &graph->nodes[i];
    if (node->op >= FG_OP_COUNT)
        return fg_fail(err, -EINVAL, "operators[%u]: operator %d of %d", i, (int)node->op,
                       FG_OP_COUNT);
    if (node->n_inputs < arity[node->op].least || node->n_inputs > arity[node->op].most)
        return fg_infer_fail(graph, i, -EINVAL, err, "%u inputs, %u to %u expected", node->n_inputs,
                             arity[node->op].least, arity[node->op].most);
    bool optional_bias = arity[node->op].least == 2 && arity[node->op].most == 3;
    for (unsigned k = 0; k < node->n_inputs; k++) {
        if (node->inputs[k] == FG_NO_TENSOR && optional_bias && k == 2)
            continue;
        if (node->inputs[k] >= graph->n_tensors)
            return fg_fail(err, -EINVAL, "operators[%u].inputs[%u]: tensor %d of %u", i, k,
                           (int)node->inputs[k], graph->n_tensors);
    }
    if (node->output >= graph->n_tensors)
        return fg_fail(err, -EINVAL, "operators[%u].outputs[0]: tensor %d of %u", i,
                       (int)node->output, graph->n_tensors);
    return 0;
}

static int infer(const struct fg_graph *graph, unsigned i, struct shape *s, struct fg_error *err)
{
    switch (graph->nodes[i].op) {
    case FG_OP_ADD:
    case FG_OP_SUB:
    case FG_OP_MUL:
    case FG_OP_DIV:
    case FG_OP_MAXIMUM:
    case FG_OP_MINIMUM:
        return infer_broadcast(graph, i, s, err);
    case FG_OP_CONV:
    case FG_OP_DEPTHWISE:
        return infer_conv(graph, i, s, err);
    case FG_OP_TRANSPOSE_CONV:
        return infer_transpose_conv(graph, i, s, err);
    case FG_OP_AVERAGE_POOL:
    case FG_OP_MAX_POOL:
        return infer_pool(graph, i, s, err);
    case FG_OP_FULLY_CONNECTED:
        return infer_fully_connected(graph, i, s, err);
    case FG_OP_CONCAT:
        return infer_concat(graph, i, s, err);
    case FG_OP_PAD:
        return infer_pad(graph, i, s, err);
    case FG_OP_SUM:
    case FG_OP_MEAN:
    case FG_OP_REDUCE_MAX:
        return infer_reduce(graph, i, s, err);
    case FG_OP_PRELU:
        return infer_prelu(graph, i, s, err);
    case FG_OP_BATCH_NORM:
        return infer_batch_norm(graph, i, s, err);
    case FG_OP_RESIZE_BILINEAR:
    case FG_OP_RESIZE_NEAREST:
        return infer_resize(graph, i, s, err);
    case FG_OP_RESHAPE:
        return infer_reshape(graph, i, s, err);
    case FG_OP_SLICE:
        return infer_slice(graph, i, s, err);
    case FG_OP_TRANSPOSE:
        return infer_transpose(graph, i, s, err);
    default:
        return infer_same(graph, i, s, err);
    }
}

int fg_graph_infer(const struct fg_graph *graph, unsigned node, unsigned *ret_n_dims,
                   uint32_t ret_dims[FG_MAX_DIMS], struct fg_error *err)
{
    struct shape s = {0};
    int r = check_tensors(graph, node, err);
    if (r == 0)
        r = fg_infer_types(graph, node, err);
    if (r == 0)
        r = infer(graph, node, &s, err);
    if (r < 0)
        return r;
    *ret_n_dims = s.n;
    memcpy(ret_dims, s.d, sizeof s.d);
    return 0;
}
