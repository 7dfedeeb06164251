// SPDX-License-Identifier: Apache-2.0
// Options and describing operands of a TFLite operator. Field numbers are those of schema.fbs.
#include "accel/tflite_options.h"

#include <errno.h>

enum { PADDING_SAME, PADDING_VALID };

// What TFLite's kernel takes for the least norm, squared.
#define L2_NORM_EPSILON 1e-12f

static enum fg_activation read_activation(struct fg_tflite *r, const struct fg_flat_table *options,
                                          unsigned field)
{
    int activation = fg_flat_i8(&r->flat, options, field, 0);
    if (activation == 1)
        return FG_ACT_RELU;
    if (activation == 3)
        return FG_ACT_RELU6;
    if (activation)
        fg_flat_fail(&r->flat, -ENOTSUP, "fused activation %d is not supported", activation);
    return FG_ACT_NONE;
}

static uint32_t read_step(struct fg_tflite *r, const struct fg_flat_table *options, unsigned field,
                          int32_t absent, const char *what)
{
    int32_t value = fg_flat_i32(&r->flat, options, field, absent);
    if (value < 1 || value > (int32_t)FG_GRAPH_MAX_STEP) {
        fg_flat_fail(&r->flat, -EINVAL, "%s of %d", what, value);
        return 1;
    }
    return (uint32_t)value;
}

// TensorFlow's SAME: the output has ceil(side / stride) cells, an odd padding goes to the end.
// Source: TensorFlow, "Notes on padding" of tf.nn.
static void same_padding(struct fg_node *node, const struct fg_tensor *in, uint32_t kernel_h,
                         uint32_t kernel_w)
{
    const uint32_t kernel[] = {0, kernel_h, kernel_w};
    const uint32_t stride[] = {0, node->stride_h, node->stride_w};
    const uint32_t dilation[] = {0, node->dilation_h, node->dilation_w};
    for (unsigned d = 1; d <= 2; d++) {
        uint64_t cells = (in->dims[d] + (uint64_t)stride[d] - 1) / stride[d];
        uint64_t reach = (uint64_t)(kernel[d] - 1) * dilation[d] + 1;
        uint64_t wanted = (cells - 1) * stride[d] + reach;
        uint64_t total = wanted > in->dims[d] ? wanted - in->dims[d] : 0;
        node->pad_before[d] = (uint32_t)(total / 2);
        node->pad_after[d] = (uint32_t)(total - total / 2);
    }
}

// ---- options ------------------------------------------------------------------------------------

static void read_padding(struct fg_tflite *r, const struct fg_flat_table *options,
                         struct fg_node *node, uint32_t kernel_h, uint32_t kernel_w)
{
    int padding = fg_flat_i8(&r->flat, options, 0, PADDING_SAME);
    const struct fg_tensor *in = fg_tflite_tensor(r, node->inputs[0]);
    if (padding != PADDING_SAME && padding != PADDING_VALID)
        fg_flat_fail(&r->flat, -EINVAL, "padding %d", padding);
    // what is missing here is refused, with its name, by the check of the whole graph
    if (!r->flat.code && padding == PADDING_SAME && in && in->n_dims == 4 && kernel_h && kernel_w)
        same_padding(node, in, kernel_h, kernel_w);
}

static void read_conv(struct fg_tflite *r, const struct fg_flat_table *options,
                      struct fg_node *node)
{
    // DepthwiseConv2DOptions has depth_multiplier as its field 3; the filter's shape says the same
    unsigned shift = node->op == FG_OP_DEPTHWISE;
    node->stride_w = read_step(r, options, 1, 0, "stride_w");
    node->stride_h = read_step(r, options, 2, 0, "stride_h");
    node->activation = read_activation(r, options, 3 + shift);
    node->dilation_w = read_step(r, options, 4 + shift, 1, "dilation_w_factor");
    node->dilation_h = read_step(r, options, 5 + shift, 1, "dilation_h_factor");
    const struct fg_tensor *filter =
        node->n_inputs > 1 ? fg_tflite_tensor(r, node->inputs[1]) : NULL;
    bool known = filter && filter->n_dims == 4;
    read_padding(r, options, node, known ? filter->dims[1] : 0, known ? filter->dims[2] : 0);
}

static void read_pool(struct fg_tflite *r, const struct fg_flat_table *options,
                      struct fg_node *node)
{
    node->stride_w = read_step(r, options, 1, 0, "stride_w");
    node->stride_h = read_step(r, options, 2, 0, "stride_h");
    node->dilation_h = node->dilation_w = 1;
    node->kernel_w = read_step(r, options, 3, 0, "filter_width");
    node->kernel_h = read_step(r, options, 4, 0, "filter_height");
    node->activation = read_activation(r, options, 5);
    read_padding(r, options, node, node->kernel_h, node->kernel_w);
}

static void read_concat(struct fg_tflite *r, const struct fg_flat_table *options,
                        struct fg_node *node)
{
    int32_t axis = fg_flat_i32(&r->flat, options, 0, 0);
    const struct fg_tensor *first = fg_tflite_tensor(r, node->inputs[0]);
    if (axis < 0 && first)
        axis += (int32_t)first->n_dims;
    if (axis < 0 || axis >= FG_MAX_DIMS) {
        fg_flat_fail(&r->flat, -EINVAL, "axis %d", axis);
        return;
    }
    node->axis = (unsigned)axis;
    node->activation = read_activation(r, options, 1);
    if (node->activation != FG_ACT_NONE)
        fg_flat_fail(&r->flat, -ENOTSUP, "an activation fused into CONCATENATION");
}

static void read_pads(struct fg_tflite *r, uint32_t tensor, struct fg_node *node)
{
    size_t n = 0;
    const int32_t *pads = fg_tflite_operand(r, tensor, &n);
    const struct fg_tensor *in = fg_tflite_tensor(r, node->inputs[0]);
    if (!pads)
        return;
    if (!in || n != 2u * in->n_dims) {
        fg_flat_fail(&r->flat, -EINVAL, "%zu paddings do not fit the input", n);
        return;
    }
    for (unsigned d = 0; d < in->n_dims; d++) {
        if (pads[2 * d] < 0 || pads[2 * d + 1] < 0)
            fg_flat_fail(&r->flat, -EINVAL, "a negative padding");
        node->pad_before[d] = (uint32_t)pads[2 * d];
        node->pad_after[d] = (uint32_t)pads[2 * d + 1];
    }
}

static void read_axes(struct fg_tflite *r, uint32_t tensor, struct fg_node *node)
{
    size_t n = 0;
    const int32_t *axes = fg_tflite_operand(r, tensor, &n);
    const struct fg_tensor *in = fg_tflite_tensor(r, node->inputs[0]);
    for (size_t k = 0; axes && in && k < n; k++) {
        int32_t axis = axes[k] < 0 ? axes[k] + (int32_t)in->n_dims : axes[k];
        if (axes[k] < -FG_MAX_DIMS || axis < 0 || axis >= (int32_t)in->n_dims) {
            fg_flat_fail(&r->flat, -EINVAL, "axis %d of %u dimensions", axes[k], in->n_dims);
            return;
        }
        node->axes |= 1u << axis;
    }
}

// RESHAPE's second input and options say what the output's shape says too; only it counts.
static void read_resize(struct fg_tflite *r, const struct fg_flat_table *options, uint32_t tensor,
                        struct fg_node *node)
{
    size_t n = 0;
    const int32_t *size = fg_tflite_operand(r, tensor, &n);
    const struct fg_tensor *out = fg_tflite_tensor(r, node->output);
    unsigned first = node->op == FG_OP_RESIZE_BILINEAR ? 2 : 0; // two old fields stand before
    if (!size)
        return;
    if (n != 2 || !out || out->n_dims != 4 || size[0] != (int32_t)out->dims[1] ||
        size[1] != (int32_t)out->dims[2])
        fg_flat_fail(&r->flat, -EINVAL, "the size wanted is not the output's");
    node->align_corners = fg_flat_i8(&r->flat, options, first, 0) != 0;
    node->half_pixel = fg_flat_i8(&r->flat, options, first + 1, 0) != 0;
}

static void read_fully_connected(struct fg_tflite *r, const struct fg_flat_table *options,
                                 struct fg_node *node)
{
    node->activation = read_activation(r, options, 0);
    if (fg_flat_i8(&r->flat, options, 1, 0))
        fg_flat_fail(&r->flat, -ENOTSUP, "shuffled weights are not supported");
    node->keep_dims = fg_flat_i8(&r->flat, options, 2, 0) != 0;
}

static void read_order(struct fg_tflite *r, uint32_t tensor, struct fg_node *node)
{
    size_t n = 0;
    const int32_t *order = fg_tflite_operand(r, tensor, &n);
    const struct fg_tensor *in = fg_tflite_tensor(r, node->inputs[0]);
    if (!order)
        return;
    if (!in || n != in->n_dims) {
        fg_flat_fail(&r->flat, -EINVAL, "an order of %zu dimensions does not fit the input", n);
        return;
    }
    for (unsigned d = 0; d < in->n_dims; d++) {
        int32_t from = order[d] < 0 ? order[d] + (int32_t)n : order[d];
        if (order[d] < -FG_MAX_DIMS || from < 0 || from >= (int32_t)n)
            fg_flat_fail(&r->flat, -EINVAL, "dimension %d of %zu", order[d], n);
        node->order[d] = (uint8_t)from;
    }
}

// The output's size is given; SAME and VALID say where in the whole result it lies.
// Source: TFLite's kernel, which takes the padding of the convolution that this is the reverse of.
static void read_transpose_conv(struct fg_tflite *r, const struct fg_flat_table *options,
                                struct fg_node *node)
{
    int padding = fg_flat_i8(&r->flat, options, 0, PADDING_SAME);
    node->stride_w = read_step(r, options, 1, 0, "stride_w");
    node->stride_h = read_step(r, options, 2, 0, "stride_h");
    node->activation = read_activation(r, options, 3);
    node->dilation_h = node->dilation_w = 1;
    if (padding != PADDING_SAME && padding != PADDING_VALID)
        fg_flat_fail(&r->flat, -EINVAL, "padding %d", padding);
    uint32_t filter_first = node->inputs[0];
    node->inputs[0] = node->inputs[1];
    node->inputs[1] = filter_first;
    const struct fg_tensor *in = fg_tflite_tensor(r, node->inputs[0]);
    const struct fg_tensor *filter = fg_tflite_tensor(r, node->inputs[1]);
    const struct fg_tensor *out = fg_tflite_tensor(r, node->output);
    if (r->flat.code || node->n_inputs < 2 || !in || !filter || !out || in->n_dims != 4 ||
        filter->n_dims != 4 || out->n_dims != 4)
        return; // refused, with its name, by the check of the whole graph
    for (unsigned d = 1; d <= 2; d++) {
        int64_t stride = d == 1 ? node->stride_h : node->stride_w, cells = out->dims[d];
        int64_t cut = ((cells + stride - 1) / stride - 1) * stride + filter->dims[d] - cells;
        int64_t before = padding == PADDING_SAME && cut > 0 ? cut / 2 : 0;
        int64_t after = (in->dims[d] - (int64_t)1) * stride + filter->dims[d] - before - cells;
        if (after < 0 || after > (int64_t)FG_GRAPH_MAX_ELEMENTS) {
            fg_flat_fail(&r->flat, -ENOTSUP, "an output of %lld cells, the filter reaches %lld",
                         (long long)cells, (long long)(cells + after));
            return;
        }
        node->pad_before[d] = (uint32_t)before;
        node->pad_after[d] = (uint32_t)after;
    }
}

static void read_number(struct fg_tflite *r, const struct fg_flat_table *options,
                        struct fg_node *node)
{
    if (node->op == FG_OP_L2_NORM) {
        node->epsilon = L2_NORM_EPSILON;
        if (read_activation(r, options, 0) != FG_ACT_NONE)
            fg_flat_fail(&r->flat, -ENOTSUP, "a fused activation");
    } else if (node->op == FG_OP_LEAKY_RELU) {
        node->slope = fg_flat_f32(&r->flat, options, 0, 0);
    } else {
        node->beta = fg_flat_f32(&r->flat, options, 0, 0);
        if (!(node->beta > 0) || node->beta > 1e6f)
            fg_flat_fail(&r->flat, -EINVAL, "beta %g", (double)node->beta);
    }
}

void fg_tflite_options(struct fg_tflite *r, struct fg_tflite_call *call)
{
    const struct fg_flat_table *options = &call->options;
    struct fg_node *node = &call->node;
    switch (node->op) {
    case FG_OP_ADD:
    case FG_OP_SUB:
    case FG_OP_MUL:
    case FG_OP_DIV:
        node->activation = read_activation(r, options, 0);
        break;
    case FG_OP_CONV:
    case FG_OP_DEPTHWISE:
        read_conv(r, options, node);
        break;
    case FG_OP_TRANSPOSE_CONV:
        read_transpose_conv(r, options, node);
        break;
    case FG_OP_AVERAGE_POOL:
    case FG_OP_MAX_POOL:
        read_pool(r, options, node);
        break;
    case FG_OP_FULLY_CONNECTED:
        read_fully_connected(r, options, node);
        break;
    case FG_OP_L2_NORM:
    case FG_OP_LEAKY_RELU:
    case FG_OP_SOFTMAX:
        read_number(r, options, node);
        break;
    case FG_OP_CONCAT:
        read_concat(r, options, node);
        break;
    case FG_OP_PAD:
        read_pads(r, call->described_by[0], node);
        break;
    case FG_OP_SUM:
    case FG_OP_MEAN:
    case FG_OP_REDUCE_MAX:
        node->keep_dims = fg_flat_i8(&r->flat, options, 0, 0) != 0;
        read_axes(r, call->described_by[0], node);
        break;
    case FG_OP_RESIZE_BILINEAR:
    case FG_OP_RESIZE_NEAREST:
        read_resize(r, options, call->described_by[0], node);
        break;
    case FG_OP_TRANSPOSE:
        read_order(r, call->described_by[0], node);
        break;
    default:
        break;
    }
}
