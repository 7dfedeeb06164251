// SPDX-License-Identifier: Apache-2.0
// The XNNPACK engine: a lowered graph into an XNNPACK subgraph, float32.
//
// Written for Debian 12's XNNPACK (2022-02-16), whose subgraphs lack many operators. These are
// spelled with others: concatenations that layout.c can't place as sums of padded parts, reductions
// as pools, slices and nearest-neighbour resizing as transposed convolutions, EXP and TANH by the
// sigmoid. A transpose that moves values is refused, and so is all that is quantised.
#include <xnnpack.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accel/engine.h"
#include "accel/layout.h"

#ifndef XNN_FLAG_KEEP_DIMS // Debian 12's always keeps them
#define XNN_FLAG_KEEP_DIMS 0
#endif

_Static_assert(XNN_EXTRA_BYTES <= FG_ENGINE_SLACK, "buffers are too short for XNNPACK");

struct model {
    xnn_runtime_t runtime;
    pthreadpool_t pool;
    void **copies; // constants that are read at run time
    unsigned n_copies;
};

struct builder {
    const struct fg_graph *graph;
    const struct fg_engine_request *request;
    struct fg_layout layout;
    struct model *model;
    xnn_subgraph_t subgraph;
    uint32_t *values; // by tensor; XNN_INVALID_VALUE_ID: not defined yet
    struct xnn_external_value *external;
    uint32_t n_external;
    struct fg_error *err;
};

struct range {
    float low, high;
};

static struct range range_of(const struct fg_node *node)
{
    static const struct range ranges[] = {
        [FG_ACT_NONE] = {-INFINITY, INFINITY},
        [FG_ACT_RELU] = {0, INFINITY},
        [FG_ACT_RELU6] = {0, 6},
    };
    return ranges[node->activation];
}

static int code_of(enum xnn_status status)
{
    switch (status) {
    case xnn_status_success:
        return 0;
    case xnn_status_out_of_memory:
        return -ENOMEM;
    case xnn_status_unsupported_parameter:
    case xnn_status_unsupported_hardware:
        return -ENOTSUP;
    default:
        return -EINVAL;
    }
}

static int define(struct builder *b, unsigned n_dims, const uint32_t *dims, const void *data,
                  uint32_t external, uint32_t flags, uint32_t *ret)
{
    size_t sides[FG_MAX_DIMS] = {0};
    for (unsigned d = 0; d < n_dims; d++)
        sides[d] = dims[d];
    return code_of(xnn_define_tensor_value(b->subgraph, xnn_datatype_fp32, n_dims, sides, data,
                                           external, flags, ret));
}

static int define_external(struct builder *b, const struct fg_tensor *tensor, void *data,
                           uint32_t flags, uint32_t *ret)
{
    uint32_t id = b->n_external++;
    b->external[id] = (struct xnn_external_value){id, data};
    return define(b, tensor->n_dims, tensor->dims, NULL, id, flags, ret);
}

// Memory for a constant that lives as long as the model, zeroed; NULL without memory.
static void *keep(struct builder *b, size_t bytes)
{
    size_t room = (bytes + FG_ENGINE_SLACK + 63) & ~(size_t)63;
    void **copies = realloc(b->model->copies, (b->model->n_copies + 1u) * sizeof *b->model->copies);
    if (copies)
        b->model->copies = copies;
    void *copy = copies ? aligned_alloc(64, room) : NULL;
    if (!copy)
        return NULL;
    b->model->copies[b->model->n_copies++] = copy;
    return memset(copy, 0, room);
}

// XNNPACK packs weights while it builds, but reads other constants at run time, when the graph
// is gone.
static int define_constant(struct builder *b, const struct fg_tensor *tensor, uint32_t *ret)
{
    void *copy = keep(b, tensor->bytes);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, tensor->data, tensor->bytes);
    return define(b, tensor->n_dims, tensor->dims, copy, XNN_INVALID_VALUE_ID, 0, ret);
}

// A constant with one number everywhere.
static int define_filled(struct builder *b, unsigned n_dims, const uint32_t *dims, float number,
                         uint32_t *ret)
{
    size_t n = 1;
    for (unsigned d = 0; d < n_dims; d++)
        n *= dims[d];
    float *copy = keep(b, n * sizeof *copy);
    if (!copy)
        return -ENOMEM;
    for (size_t k = 0; k < n; k++)
        copy[k] = number;
    return define(b, n_dims, dims, copy, XNN_INVALID_VALUE_ID, 0, ret);
}

// A value between two XNNPACK nodes.
static int define_between(struct builder *b, unsigned n_dims, const uint32_t *dims, uint32_t *ret)
{
    return define(b, n_dims, dims, NULL, XNN_INVALID_VALUE_ID, 0, ret);
}

// The XNNPACK value of a tensor, defined at its first use.
static int value(struct builder *b, uint32_t index, uint32_t *ret)
{
    uint32_t root = b->layout.root[index];
    const struct fg_tensor *tensor = &b->graph->tensors[root];
    int r = 0;
    if (b->values[root] == XNN_INVALID_VALUE_ID) {
        uint32_t output = b->layout.output[root];
        if (tensor->data)
            r = define_constant(b, tensor, &b->values[root]);
        else if (output != FG_NO_TENSOR)
            r = define_external(b, tensor,
                                (char *)b->request->outputs[output] + b->layout.offset[root],
                                XNN_VALUE_FLAG_EXTERNAL_OUTPUT, &b->values[root]);
        else
            r = define(b, tensor->n_dims, tensor->dims, NULL, XNN_INVALID_VALUE_ID, 0,
                       &b->values[root]);
    }
    *ret = b->values[root];
    return r;
}

// A packed constant: a filter in its own shape, or a bias or slopes as one row.
static int weights(struct builder *b, const struct fg_node *node, unsigned k, bool row,
                   uint32_t *ret)
{
    if (k >= node->n_inputs || node->inputs[k] == FG_NO_TENSOR) {
        *ret = XNN_INVALID_VALUE_ID;
        return 0;
    }
    const struct fg_tensor *tensor = &b->graph->tensors[node->inputs[k]];
    if (!tensor->data)
        return -ENOTSUP; // weights that are computed
    uint32_t n = (uint32_t)fg_tensor_elements(tensor);
    return define(b, row ? 1 : tensor->n_dims, row ? &n : tensor->dims, tensor->data,
                  XNN_INVALID_VALUE_ID, 0, ret);
}

// ---- convolutions -------------------------------------------------------------------------------

static int add_conv(struct builder *b, const struct fg_node *n, uint32_t in, uint32_t out)
{
    uint32_t filter, bias;
    int r = weights(b, n, 1, false, &filter);
    if (r == 0)
        r = weights(b, n, 2, true, &bias);
    if (r < 0)
        return r;
    struct range range = range_of(n);
    const uint32_t *f = b->graph->tensors[n->inputs[1]].dims;
    uint32_t channels = b->graph->tensors[n->inputs[0]].dims[3], groups = channels / f[3];
    if (n->op == FG_OP_CONV)
        return code_of(xnn_define_convolution_2d(
            b->subgraph, n->pad_before[1], n->pad_after[2], n->pad_after[1], n->pad_before[2], f[1],
            f[2], n->stride_h, n->stride_w, n->dilation_h, n->dilation_w, groups, f[3],
            f[0] / groups, range.low, range.high, in, filter, bias, out, 0));
    if (n->op == FG_OP_TRANSPOSE_CONV)
        return code_of(xnn_define_deconvolution_2d(
            b->subgraph, n->pad_before[1], n->pad_after[2], n->pad_after[1], n->pad_before[2], 0, 0,
            f[1], f[2], n->stride_h, n->stride_w, 1, 1, 1, channels, f[0], range.low, range.high,
            in, filter, bias, out, 0));
    return code_of(xnn_define_depthwise_convolution_2d(
        b->subgraph, n->pad_before[1], n->pad_after[2], n->pad_after[1], n->pad_before[2], f[1],
        f[2], n->stride_h, n->stride_w, n->dilation_h, n->dilation_w, f[3] / channels, channels,
        range.low, range.high, in, filter, bias, out, 0));
}

// A depthwise convolution over the whole picture, as face networks end with.
static bool covers_picture(const struct builder *b, const struct fg_node *n)
{
    const struct fg_tensor *in = &b->graph->tensors[n->inputs[0]];
    const struct fg_tensor *filter = &b->graph->tensors[n->inputs[1]];
    const struct fg_tensor *out = &b->graph->tensors[n->output];
    bool pads = n->pad_before[1] || n->pad_before[2] || n->pad_after[1] || n->pad_after[2];
    return filter->data && !pads && out->dims[1] == 1 && out->dims[2] == 1 &&
           !memcmp(in->dims + 1, filter->dims + 1, 3 * sizeof in->dims[0]);
}

static int define_scaled(struct builder *b, const struct fg_tensor *tensor, float factor,
                         uint32_t *ret)
{
    const float *from = tensor->data;
    float *to = keep(b, tensor->bytes);
    if (!to)
        return -ENOMEM;
    for (size_t k = 0; k < fg_tensor_elements(tensor); k++)
        to[k] = from[k] * factor;
    return define(b, tensor->n_dims, tensor->dims, to, XNN_INVALID_VALUE_ID, 0, ret);
}

// XNNPACK's depthwise kernels take few taps at a time and walk over the picture again and again;
// a product and a mean take a tenth of their time.
static int add_whole_picture(struct builder *b, const struct fg_node *n, uint32_t in, uint32_t out)
{
    const struct fg_tensor *picture = &b->graph->tensors[n->inputs[0]];
    const struct fg_tensor *pixel = &b->graph->tensors[n->output];
    bool has_bias = n->n_inputs > 2 && n->inputs[2] != FG_NO_TENSOR;
    struct range range = range_of(n), any = {-INFINITY, INFINITY};
    struct range mean_range = has_bias ? any : range;
    uint32_t filter, product, bias, mean = out;
    int r = define_scaled(b, &b->graph->tensors[n->inputs[1]],
                          (float)(picture->dims[1] * picture->dims[2]), &filter);
    if (r == 0)
        r = define_between(b, picture->n_dims, picture->dims, &product);
    if (r == 0)
        r = code_of(xnn_define_multiply2(b->subgraph, any.low, any.high, in, filter, product, 0));
    if (r == 0 && has_bias)
        r = define_between(b, pixel->n_dims, pixel->dims, &mean);
    if (r == 0)
        r = code_of(xnn_define_global_average_pooling_2d(
            b->subgraph, mean_range.low, mean_range.high, product, mean, XNN_FLAG_KEEP_DIMS));
    if (r < 0 || !has_bias)
        return r;
    r = value(b, n->inputs[2], &bias);
    return r < 0 ? r
                 : code_of(xnn_define_add2(b->subgraph, range.low, range.high, mean, bias, out, 0));
}

// A transposed convolution of each channel by itself with a filter of ones: repeats each cell
// `factor` times, and cuts cells off, which is exact.
static int spread(struct builder *b, const uint32_t factor[2], const uint32_t cut[2],
                  uint32_t channels, uint32_t in, uint32_t out)
{
    const uint32_t dims[] = {channels, factor[0], factor[1], 1};
    uint32_t ones;
    int r = define_filled(b, 4, dims, 1, &ones);
    return r < 0 ? r
                 : code_of(xnn_define_deconvolution_2d(b->subgraph, cut[0], 0, cut[1], 0, 0, 0,
                                                       factor[0], factor[1], factor[0], factor[1],
                                                       1, 1, channels, 1, 1, -INFINITY, INFINITY,
                                                       in, ones, XNN_INVALID_VALUE_ID, out, 0));
}

static int add_fully_connected(struct builder *b, const struct fg_node *n, uint32_t in,
                               uint32_t out)
{
    uint32_t filter, bias;
    int r = weights(b, n, 1, false, &filter);
    if (r == 0)
        r = weights(b, n, 2, true, &bias);
    if (r < 0)
        return r;
    struct range range = range_of(n);
    return code_of(xnn_define_fully_connected(b->subgraph, range.low, range.high, in, filter, bias,
                                              out,
                                              n->keep_dims ? 0 : XNN_FLAG_TENSORFLOW_RESHAPE_2D));
}

// A window of one cell, which XNNPACK does not call a pool: only its stride and range count.
static int add_single_cells(struct builder *b, const struct fg_node *n, uint32_t in, uint32_t out)
{
    uint32_t channels = b->graph->tensors[n->output].dims[3], ones;
    const uint32_t dims[] = {1, 1, 1, channels};
    struct range range = range_of(n);
    int r = define_filled(b, 4, dims, 1, &ones);
    return r < 0 ? r
                 : code_of(xnn_define_depthwise_convolution_2d(
                       b->subgraph, 0, 0, 0, 0, 1, 1, n->stride_h, n->stride_w, 1, 1, 1, channels,
                       range.low, range.high, in, ones, XNN_INVALID_VALUE_ID, out, 0));
}

// Strides beyond the window, which newer XNNPACKs refuse: every window, of which some are taken.
static int add_sparse_pool(struct builder *b, const struct fg_node *n, uint32_t in, uint32_t out)
{
    const uint32_t *from = b->graph->tensors[n->inputs[0]].dims;
    const uint32_t all[] = {from[0], from[1] + n->pad_before[1] + n->pad_after[1] - n->kernel_h + 1,
                            from[2] + n->pad_before[2] + n->pad_after[2] - n->kernel_w + 1,
                            from[3]};
    uint32_t windows;
    int r = define_between(b, 4, all, &windows);
    if (r == 0)
        r = code_of(xnn_define_max_pooling_2d(
            b->subgraph, n->pad_before[1], n->pad_after[2], n->pad_after[1], n->pad_before[2],
            n->kernel_h, n->kernel_w, 1, 1, 1, 1, -INFINITY, INFINITY, in, windows, 0));
    return r < 0 ? r : add_single_cells(b, n, windows, out);
}

static int add_pool(struct builder *b, const struct fg_node *n, uint32_t in, uint32_t out)
{
    struct range range = range_of(n);
    if (n->kernel_h == 1 && n->kernel_w == 1)
        return add_single_cells(b, n, in, out);
    if (n->op == FG_OP_AVERAGE_POOL)
        return code_of(xnn_define_average_pooling_2d(
            b->subgraph, n->pad_before[1], n->pad_after[2], n->pad_after[1], n->pad_before[2],
            n->kernel_h, n->kernel_w, n->stride_h, n->stride_w, range.low, range.high, in, out, 0));
    if (n->stride_h > n->kernel_h || n->stride_w > n->kernel_w)
        return add_sparse_pool(b, n, in, out);
    return code_of(xnn_define_max_pooling_2d(b->subgraph, n->pad_before[1], n->pad_after[2],
                                             n->pad_after[1], n->pad_before[2], n->kernel_h,
                                             n->kernel_w, n->stride_h, n->stride_w, 1, 1, range.low,
                                             range.high, in, out, 0));
}

// ---- cell by cell -------------------------------------------------------------------------------

// out = in MUL, MAXIMUM or SUB a number.
static int with_number(struct builder *b, enum fg_op op, uint32_t in, float number, uint32_t out)
{
    const uint32_t one = 1;
    uint32_t constant;
    int r = define_filled(b, 1, &one, number, &constant);
    if (r < 0)
        return r;
    if (op == FG_OP_MUL)
        return code_of(
            xnn_define_multiply2(b->subgraph, -INFINITY, INFINITY, in, constant, out, 0));
    if (op == FG_OP_MAXIMUM)
        return code_of(xnn_define_maximum2(b->subgraph, in, constant, out, 0));
    return code_of(xnn_define_subtract(b->subgraph, -INFINITY, INFINITY, in, constant, out, 0));
}

static int add_binary(struct builder *b, const struct fg_node *n, uint32_t x, uint32_t out)
{
    uint32_t y;
    int r = value(b, n->inputs[1], &y);
    if (r < 0)
        return r;
    struct range range = range_of(n);
    switch (n->op) {
    case FG_OP_ADD:
        return code_of(xnn_define_add2(b->subgraph, range.low, range.high, x, y, out, 0));
    case FG_OP_SUB:
        return code_of(xnn_define_subtract(b->subgraph, range.low, range.high, x, y, out, 0));
    case FG_OP_MUL:
        return code_of(xnn_define_multiply2(b->subgraph, range.low, range.high, x, y, out, 0));
    case FG_OP_MAXIMUM:
        return code_of(xnn_define_maximum2(b->subgraph, x, y, out, 0));
    case FG_OP_MINIMUM:
        return code_of(xnn_define_minimum2(b->subgraph, x, y, out, 0));
    default:
        return code_of(xnn_define_divide(b->subgraph, range.low, range.high, x, y, out, 0));
    }
}

// tanh x = 2 sigmoid(2 x) - 1
static int add_tanh(struct builder *b, const struct fg_tensor *t, uint32_t in, uint32_t out)
{
    uint32_t twice = 0, sigmoid = 0, wide = 0;
    int r = define_between(b, t->n_dims, t->dims, &twice);
    if (r == 0)
        r = define_between(b, t->n_dims, t->dims, &sigmoid);
    if (r == 0)
        r = define_between(b, t->n_dims, t->dims, &wide);
    if (r == 0)
        r = with_number(b, FG_OP_MUL, in, 2, twice);
    if (r == 0)
        r = code_of(xnn_define_sigmoid(b->subgraph, twice, sigmoid, 0));
    if (r == 0)
        r = with_number(b, FG_OP_MUL, sigmoid, 2, wide);
    if (r == 0)
        r = with_number(b, FG_OP_SUB, wide, 1, out);
    return r;
}

// exp x = sigmoid(x) / sigmoid(-x), each of which is exact to its last digits
static int add_exp(struct builder *b, const struct fg_tensor *t, uint32_t in, uint32_t out)
{
    uint32_t minus = 0, above = 0, below = 0;
    int r = define_between(b, t->n_dims, t->dims, &minus);
    if (r == 0)
        r = define_between(b, t->n_dims, t->dims, &above);
    if (r == 0)
        r = define_between(b, t->n_dims, t->dims, &below);
    if (r == 0)
        r = code_of(xnn_define_negate(b->subgraph, in, minus, 0));
    if (r == 0)
        r = code_of(xnn_define_sigmoid(b->subgraph, in, above, 0));
    if (r == 0)
        r = code_of(xnn_define_sigmoid(b->subgraph, minus, below, 0));
    if (r == 0)
        r = code_of(xnn_define_divide(b->subgraph, -INFINITY, INFINITY, above, below, out, 0));
    return r;
}

static int add_softmax(struct builder *b, const struct fg_node *n, const struct fg_tensor *t,
                       uint32_t in, uint32_t out)
{
    uint32_t sharp = in;
    int r = n->beta == 1 ? 0 : define_between(b, t->n_dims, t->dims, &sharp);
    if (r == 0 && n->beta != 1)
        r = with_number(b, FG_OP_MUL, in, n->beta, sharp);
    return r < 0 ? r : code_of(xnn_define_softmax(b->subgraph, sharp, out, 0));
}

// ---- moving -------------------------------------------------------------------------------------

static int add_copy(struct builder *b, const struct fg_tensor *shape, uint32_t in, uint32_t out)
{
    size_t dims[FG_MAX_DIMS] = {0};
    for (unsigned d = 0; d < shape->n_dims; d++)
        dims[d] = shape->dims[d];
    return code_of(xnn_define_static_reshape(b->subgraph, shape->n_dims, dims, in, out, 0));
}

static int add_padding(struct builder *b, const uint32_t *before, const uint32_t *after,
                       uint32_t in, uint32_t out)
{
    size_t pre[FG_MAX_DIMS] = {0}, post[FG_MAX_DIMS] = {0};
    for (unsigned d = 0; d < FG_MAX_DIMS; d++) {
        pre[d] = before[d];
        post[d] = after[d];
    }
    return code_of(xnn_define_static_constant_pad(b->subgraph, pre, post, 0, in, out, 0));
}

static int add_concat(struct builder *b, const struct fg_node *n, uint32_t out)
{
    const struct fg_tensor *whole = &b->graph->tensors[n->output];
    uint32_t before[FG_MAX_DIMS] = {0}, after[FG_MAX_DIMS] = {0}, in, sum = 0, part;
    int r = 0;
    after[n->axis] = whole->dims[n->axis];
    for (unsigned k = 0; r == 0 && k < n->n_inputs; k++) {
        const struct fg_tensor *t = &b->graph->tensors[n->inputs[k]];
        bool last = k + 1 == n->n_inputs;
        if (t->data)
            return -ENOTSUP; // XNNPACK pads no constants
        after[n->axis] -= t->dims[n->axis];
        r = value(b, n->inputs[k], &in);
        part = out;
        if (r == 0 && n->n_inputs > 1)
            r = define(b, whole->n_dims, whole->dims, NULL, XNN_INVALID_VALUE_ID, 0, &part);
        if (r == 0)
            r = add_padding(b, before, after, in, part);
        if (r == 0 && k > 0) {
            uint32_t next = out;
            if (!last)
                r = define(b, whole->n_dims, whole->dims, NULL, XNN_INVALID_VALUE_ID, 0, &next);
            if (r == 0)
                r = code_of(xnn_define_add2(b->subgraph, -INFINITY, INFINITY, sum, part, next, 0));
            part = next;
        }
        sum = part;
        before[n->axis] += t->dims[n->axis];
    }
    return r;
}

// Debian 12's XNNPACK packs the slopes, Debian 13's reads them at run time.
static int add_prelu(struct builder *b, const struct fg_node *n, uint32_t in, uint32_t out)
{
    struct fg_tensor row = b->graph->tensors[n->inputs[1]];
    uint32_t slopes;
    if (!row.data)
        return -ENOTSUP; // slopes that are computed
    row.dims[0] = (uint32_t)fg_tensor_elements(&row);
    row.n_dims = 1;
    int r = define_constant(b, &row, &slopes);
    return r < 0 ? r : code_of(xnn_define_prelu(b->subgraph, in, slopes, out, 0));
}

static int add_resize(struct builder *b, const struct fg_node *n, uint32_t in, uint32_t out)
{
    const uint32_t *dims = b->graph->tensors[n->output].dims;
    uint32_t flags = n->align_corners ? XNN_FLAG_ALIGN_CORNERS
                     : n->half_pixel  ? 0
                                      : XNN_FLAG_TENSORFLOW_LEGACY_MODE;
    return code_of(
        xnn_define_static_resize_bilinear_2d(b->subgraph, dims[1], dims[2], in, out, flags));
}

// Whole factors only: there, all conventions but align_corners repeat each cell.
static int add_resize_nearest(struct builder *b, const struct fg_node *n, uint32_t in, uint32_t out)
{
    const uint32_t *from = b->graph->tensors[n->inputs[0]].dims;
    const struct fg_tensor *to = &b->graph->tensors[n->output];
    const uint32_t factor[] = {to->dims[1] / from[1], to->dims[2] / from[2]}, none[] = {0, 0};
    for (unsigned d = 1; d <= 2; d++)
        if (to->dims[d] % from[d] || (n->align_corners && from[d] != 1 && from[d] != to->dims[d]))
            return -ENOTSUP;
    if (factor[0] == 1 && factor[1] == 1)
        return add_copy(b, to, in, out);
    return spread(b, factor, none, from[3], in, out);
}

// A view of a value as [outer, n, 1, inner].
static int view(struct builder *b, uint32_t outer, uint32_t n, uint32_t inner, uint32_t in,
                uint32_t *ret)
{
    const struct fg_tensor shape = {.n_dims = 4, .dims = {outer, n, 1, inner}};
    int r = define_between(b, 4, shape.dims, ret);
    return r < 0 ? r : add_copy(b, &shape, in, *ret);
}

static uint32_t product(const uint32_t *dims, unsigned from, unsigned to)
{
    uint32_t n = 1;
    for (unsigned d = from; d < to; d++)
        n *= dims[d];
    return n;
}

// Many channels need much memory for their filters of ones: rows of them do as well.
static uint32_t channels_in(uint32_t inner)
{
    uint32_t channels = inner < 256 ? inner : 256;
    while (inner % channels)
        channels--;
    return channels;
}

// Cuts one dimension after the other: a transposed convolution with 1x1 ones drops its padding.
static int add_slice(struct builder *b, const struct fg_node *n, uint32_t in, uint32_t out)
{
    static const uint32_t once[] = {1, 1};
    const struct fg_tensor *to = &b->graph->tensors[n->output];
    uint32_t dims[FG_MAX_DIMS], viewed = 0, kept = 0;
    memcpy(dims, b->graph->tensors[n->inputs[0]].dims, sizeof dims);
    int r = 0;
    for (unsigned d = 0; r == 0 && d < to->n_dims; d++) {
        if (dims[d] == to->dims[d])
            continue;
        uint32_t outer = product(dims, 0, d), inner = product(dims, d + 1, to->n_dims);
        uint32_t channels = channels_in(inner), rows = inner / channels;
        const uint32_t cut[] = {n->begin[d] * rows, (dims[d] - n->begin[d] - to->dims[d]) * rows};
        const uint32_t left[] = {outer, to->dims[d] * rows, 1, channels};
        r = view(b, outer, dims[d] * rows, channels, in, &viewed);
        if (r == 0)
            r = define_between(b, 4, left, &kept);
        if (r == 0)
            r = spread(b, once, cut, channels, viewed, kept);
        dims[d] = to->dims[d];
        in = kept;
    }
    return r < 0 ? r : add_copy(b, to, in, out);
}

// ---- reductions ---------------------------------------------------------------------------------

// The mean along the last dimension: a fully-connected layer with one output.
static int mean_of_rows(struct builder *b, unsigned n_dims, const uint32_t *dims, uint32_t in,
                        uint32_t *ret)
{
    uint32_t n = dims[n_dims - 1], share, to[FG_MAX_DIMS];
    const uint32_t filter[] = {1, n};
    memcpy(to, dims, n_dims * sizeof *to);
    to[n_dims - 1] = 1;
    int r = define_filled(b, 2, filter, 1 / (float)n, &share);
    if (r == 0)
        r = define_between(b, n_dims, to, ret);
    return r < 0 ? r
                 : code_of(xnn_define_fully_connected(b->subgraph, -INFINITY, INFINITY, in, share,
                                                      XNN_INVALID_VALUE_ID, *ret, 0));
}

// Reduces the middle of [outer, n, inner] to its mean or its maximum.
static int reduce_middle(struct builder *b, enum fg_op op, uint32_t outer, uint32_t n,
                         uint32_t inner, uint32_t in, uint32_t *ret)
{
    uint32_t viewed;
    if (op != FG_OP_REDUCE_MAX && inner == 1) {
        const struct fg_tensor rows = {.n_dims = 2, .dims = {outer, n}};
        int r = define_between(b, 2, rows.dims, &viewed);
        if (r == 0)
            r = add_copy(b, &rows, in, viewed);
        return r < 0 ? r : mean_of_rows(b, 2, rows.dims, viewed, ret);
    }
    const uint32_t to[] = {outer, 1, 1, inner};
    int r = view(b, outer, n, inner, in, &viewed);
    if (r == 0)
        r = define_between(b, 4, to, ret);
    if (r < 0)
        return r;
    if (op == FG_OP_REDUCE_MAX)
        return code_of(xnn_define_max_pooling_2d(b->subgraph, 0, 0, 0, 0, n, 1, 1, 1, 1, 1,
                                                 -INFINITY, INFINITY, viewed, *ret,
                                                 XNN_FLAG_KEEP_DIMS));
    return code_of(xnn_define_global_average_pooling_2d(b->subgraph, -INFINITY, INFINITY, viewed,
                                                        *ret, XNN_FLAG_KEEP_DIMS));
}

// Neighbouring axes at once; a mean of means over equal parts is the mean.
static int add_reduce(struct builder *b, const struct fg_node *n, uint32_t in, uint32_t out)
{
    const struct fg_tensor *from = &b->graph->tensors[n->inputs[0]];
    const struct fg_tensor *to = &b->graph->tensors[n->output];
    uint32_t dims[FG_MAX_DIMS], scaled = 0;
    float cells = 1;
    int r = 0;
    memcpy(dims, from->dims, sizeof dims);
    for (unsigned d = 0, end; r == 0 && d < from->n_dims; d = end + 1) {
        end = d;
        while (end < from->n_dims && n->axes >> end & 1)
            end++;
        uint32_t reduced = product(dims, d, end);
        if (reduced == 1)
            continue;
        r = reduce_middle(b, n->op, product(dims, 0, d), reduced, product(dims, end, from->n_dims),
                          in, &in);
        cells *= (float)reduced;
        for (unsigned k = d; k < end; k++)
            dims[k] = 1;
    }
    if (r == 0 && n->op == FG_OP_SUM && cells != 1) {
        r = define_between(b, to->n_dims, to->dims, &scaled);
        if (r == 0)
            r = add_copy(b, to, in, scaled);
        return r < 0 ? r : with_number(b, FG_OP_MUL, scaled, cells, out);
    }
    return r < 0 ? r : add_copy(b, to, in, out);
}

// x / sqrt(max(n mean(x x), epsilon))
static int add_l2_norm(struct builder *b, const struct fg_node *n, const struct fg_tensor *t,
                       uint32_t in, uint32_t out)
{
    uint32_t square = 0, sum = 0, scaled = 0, least = 0, norm = 0, dims[FG_MAX_DIMS];
    memcpy(dims, t->dims, sizeof dims);
    dims[t->n_dims - 1] = 1;
    int r = define_between(b, t->n_dims, t->dims, &square);
    if (r == 0)
        r = define_between(b, t->n_dims, dims, &scaled);
    if (r == 0)
        r = define_between(b, t->n_dims, dims, &least);
    if (r == 0)
        r = define_between(b, t->n_dims, dims, &norm);
    if (r == 0)
        r = code_of(xnn_define_square(b->subgraph, in, square, 0));
    if (r == 0)
        r = mean_of_rows(b, t->n_dims, t->dims, square, &sum);
    if (r == 0)
        r = with_number(b, FG_OP_MUL, sum, (float)t->dims[t->n_dims - 1], scaled);
    if (r == 0)
        r = with_number(b, FG_OP_MAXIMUM, scaled, n->epsilon, least);
    if (r == 0)
        r = code_of(xnn_define_square_root(b->subgraph, least, norm, 0));
    return r < 0 ? r
                 : code_of(xnn_define_divide(b->subgraph, -INFINITY, INFINITY, in, norm, out, 0));
}

// ---- the graph ----------------------------------------------------------------------------------

static int add_unary(struct builder *b, const struct fg_node *n, uint32_t in, uint32_t out)
{
    const struct fg_tensor *t = &b->graph->tensors[n->output];
    switch (n->op) {
    case FG_OP_ABS:
        return code_of(xnn_define_abs(b->subgraph, in, out, 0));
    case FG_OP_EXP:
        return add_exp(b, t, in, out);
    case FG_OP_HARD_SWISH:
        return code_of(xnn_define_hardswish(b->subgraph, in, out, 0));
    case FG_OP_LEAKY_RELU:
        return code_of(xnn_define_leaky_relu(b->subgraph, n->slope, in, out, 0));
    case FG_OP_LOGISTIC:
        return code_of(xnn_define_sigmoid(b->subgraph, in, out, 0));
    case FG_OP_NEG:
        return code_of(xnn_define_negate(b->subgraph, in, out, 0));
    case FG_OP_RELU:
        return code_of(xnn_define_clamp(b->subgraph, 0, INFINITY, in, out, 0));
    case FG_OP_RELU6:
        return code_of(xnn_define_clamp(b->subgraph, 0, 6, in, out, 0));
    case FG_OP_SOFTMAX:
        return add_softmax(b, n, t, in, out);
    case FG_OP_TANH:
        return add_tanh(b, t, in, out);
    default:
        return -ENOTSUP;
    }
}

static int add_op(struct builder *b, const struct fg_node *n, uint32_t in, uint32_t out)
{
    switch (n->op) {
    case FG_OP_DEPTHWISE:
        return covers_picture(b, n) ? add_whole_picture(b, n, in, out) : add_conv(b, n, in, out);
    case FG_OP_CONV:
    case FG_OP_TRANSPOSE_CONV:
        return add_conv(b, n, in, out);
    case FG_OP_FULLY_CONNECTED:
        return add_fully_connected(b, n, in, out);
    case FG_OP_AVERAGE_POOL:
    case FG_OP_MAX_POOL:
        return add_pool(b, n, in, out);
    case FG_OP_ADD:
    case FG_OP_SUB:
    case FG_OP_MUL:
    case FG_OP_DIV:
    case FG_OP_MAXIMUM:
    case FG_OP_MINIMUM:
        return add_binary(b, n, in, out);
    case FG_OP_PRELU:
        return add_prelu(b, n, in, out);
    case FG_OP_PAD:
        return add_padding(b, n->pad_before, n->pad_after, in, out);
    case FG_OP_CONCAT:
        return add_concat(b, n, out);
    case FG_OP_RESHAPE:
        return add_copy(b, &b->graph->tensors[n->output], in, out);
    case FG_OP_RESIZE_BILINEAR:
        return add_resize(b, n, in, out);
    case FG_OP_RESIZE_NEAREST:
        return add_resize_nearest(b, n, in, out);
    case FG_OP_SLICE:
        return add_slice(b, n, in, out);
    case FG_OP_SUM:
    case FG_OP_MEAN:
    case FG_OP_REDUCE_MAX:
        return add_reduce(b, n, in, out);
    case FG_OP_L2_NORM:
        return add_l2_norm(b, n, &b->graph->tensors[n->output], in, out);
    default:
        return add_unary(b, n, in, out);
    }
}

static int refuse_quantised(struct builder *b, unsigned i)
{
    const struct fg_node *node = &b->graph->nodes[i];
    const struct fg_tensor *in = &b->graph->tensors[node->inputs[0]];
    const struct fg_tensor *out = &b->graph->tensors[node->output];
    if (in->type == FG_FLOAT32 && out->type == FG_FLOAT32)
        return 0;
    return fg_fail(b->err, -ENOTSUP,
                   "XNNPACK does not support operators[%u] %s that makes '%.100s' from %s to %s: "
                   "it is used for float32 only here, other models run on Arm NN (set engine = "
                   "armnn)",
                   i, fg_op_name(node->op), out->name, fg_type_name(in->type),
                   fg_type_name(out->type));
}

static int add_node(struct builder *b, unsigned i)
{
    const struct fg_node *node = &b->graph->nodes[i];
    uint32_t in, out;
    snprintf(b->request->places[i].backend, sizeof b->request->places[i].backend, "%s",
             b->layout.free[i] ? "alias" : "xnnpack");
    int r = refuse_quantised(b, i);
    if (r < 0 || b->layout.free[i])
        return r;
    r = value(b, node->inputs[0], &in);
    if (r == 0)
        r = value(b, node->output, &out);
    if (r == 0)
        r = add_op(b, node, in, out);
    if (r < 0)
        return fg_fail(b->err, r, "XNNPACK %s operators[%u] %s that makes '%.100s'%s",
                       r == -ENOTSUP ? "does not support" : "refused", i, fg_op_name(node->op),
                       b->graph->tensors[node->output].name,
                       r == -ENOTSUP ? " as it is here (set engine = armnn)" : "");
    return 0;
}

static int add_inputs(struct builder *b)
{
    for (unsigned k = 0; k < b->graph->n_inputs; k++) {
        uint32_t t = b->graph->inputs[k];
        int r = define_external(b, &b->graph->tensors[t], b->request->inputs[k],
                                XNN_VALUE_FLAG_EXTERNAL_INPUT, &b->values[t]);
        if (r < 0)
            return fg_fail(b->err, r, "XNNPACK refused inputs[%u]", k);
    }
    return 0;
}

// An output whose memory is another output's, or an input's.
static int add_copies(struct builder *b)
{
    for (unsigned k = 0; k < b->graph->n_outputs; k++) {
        const struct fg_tensor *tensor = &b->graph->tensors[b->graph->outputs[k]];
        uint32_t from, to;
        if (!b->layout.copied[k])
            continue;
        int r = value(b, b->graph->outputs[k], &from);
        if (r == 0)
            r = define_external(b, tensor, b->request->outputs[k], XNN_VALUE_FLAG_EXTERNAL_OUTPUT,
                                &to);
        if (r == 0)
            r = add_copy(b, tensor, from, to);
        if (r < 0)
            return fg_fail(b->err, r, "XNNPACK refused outputs[%u]", k);
    }
    return 0;
}

static uint32_t count_external(const struct builder *b)
{
    uint32_t n = b->graph->n_inputs;
    for (unsigned t = 0; t < b->graph->n_tensors; t++)
        n += b->layout.output[t] != FG_NO_TENSOR;
    for (unsigned k = 0; k < b->graph->n_outputs; k++)
        n += b->layout.copied[k];
    return n;
}

static int begin(struct builder *b)
{
    int r = fg_layout_init(&b->layout, b->graph, b->err);
    if (r < 0)
        return r;
    uint32_t n_external = count_external(b);
    b->values = malloc((b->graph->n_tensors + 1u) * sizeof *b->values);
    b->external = calloc(n_external, sizeof *b->external);
    if (!b->values || !b->external)
        return fg_fail(b->err, -ENOMEM, "no memory for the engine");
    for (unsigned t = 0; t < b->graph->n_tensors; t++)
        b->values[t] = XNN_INVALID_VALUE_ID;
    r = code_of(xnn_initialize(NULL));
    if (r < 0)
        return fg_fail(b->err, r, "XNNPACK does not run on this processor");
    r = code_of(xnn_create_subgraph(n_external, 0, &b->subgraph));
    return r < 0 ? fg_fail(b->err, r, "XNNPACK made no subgraph") : 0;
}

static int build(struct builder *b, unsigned threads)
{
    int r = begin(b);
    if (r == 0)
        r = add_inputs(b);
    for (unsigned i = 0; r == 0 && i < b->graph->n_nodes; i++)
        r = add_node(b, i);
    if (r == 0)
        r = add_copies(b);
    if (r < 0)
        return r;
    if (threads > 1 && !(b->model->pool = pthreadpool_create(threads)))
        return fg_fail(b->err, -ENOMEM, "no pool of %u threads", threads);
    r = code_of(xnn_create_runtime_v2(b->subgraph, b->model->pool, 0, &b->model->runtime));
    if (r == 0)
        r = code_of(xnn_setup_runtime(b->model->runtime, b->n_external, b->external));
    return r < 0 ? fg_fail(b->err, r, "XNNPACK refused the graph as a whole") : 0;
}

static void close_model(void *opened)
{
    struct model *model = opened;
    if (model->runtime)
        xnn_delete_runtime(model->runtime);
    if (model->pool)
        pthreadpool_destroy(model->pool);
    for (unsigned k = 0; k < model->n_copies; k++)
        free(model->copies[k]);
    free(model->copies);
    free(model);
}

static void note_what_lacks(const struct fg_engine_request *request)
{
    if (request->options->fp16)
        fg_engine_note(request, "fp16 is for Arm NN's backends: computed in float32");
    if (request->options->fast_math)
        fg_engine_note(request, "fast_math is for Arm NN's backends");
    if (request->options->tuning && request->options->tuning[0])
        fg_engine_note(request, "a tuning file is for GpuAcc alone");
}

static int open_model(const struct fg_engine_request *request, void **ret, struct fg_error *err)
{
    struct builder b = {.graph = request->graph, .request = request, .err = err};
    int r = fg_engine_check_buffers(request, err);
    if (r < 0)
        return r;
    b.model = calloc(1, sizeof *b.model);
    if (!b.model)
        return fg_fail(err, -ENOMEM, "no memory for the engine");
    note_what_lacks(request);
    r = build(&b, request->options->threads);
    if (b.subgraph)
        xnn_delete_subgraph(b.subgraph);
    fg_layout_finish(&b.layout);
    free(b.values);
    free(b.external);
    if (r < 0) {
        close_model(b.model);
        return r;
    }
    *ret = b.model;
    return 0;
}

static int run_model(void *opened)
{
    struct model *model = opened;
    return xnn_invoke_runtime(model->runtime) == xnn_status_success ? 0 : -EIO;
}

// Inputs and outputs are external values of the runtime: they are used in place.
static int copies(const void *opened)
{
    (void)opened;
    return 0;
}

const struct fg_engine fg_engine_xnnpack = {
    .name = "xnnpack",
    .open = open_model,
    .run = run_model,
    .copies = copies,
    .close = close_model,
};
