// SPDX-License-Identifier: Apache-2.0
// The XNNPACK engine: a lowered graph into an XNNPACK subgraph, float32.
//
// Written for Debian 12's XNNPACK (2022-02-16), whose subgraphs have no concatenation, no EXP and
// no reductions. Concatenations that layout.c can't place become sums of padded parts.
#include <xnnpack.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accel/engine.h"
#include "accel/layout.h"

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

// XNNPACK packs weights while it builds, but reads other constants at run time, when the graph
// is gone.
static int define_constant(struct builder *b, const struct fg_tensor *tensor, uint32_t *ret)
{
    size_t room = (tensor->bytes + FG_ENGINE_SLACK + 63) & ~(size_t)63;
    void **copies = realloc(b->model->copies, (b->model->n_copies + 1u) * sizeof *b->model->copies);
    if (copies)
        b->model->copies = copies;
    void *copy = copies ? aligned_alloc(64, room) : NULL;
    if (!copy)
        return -ENOMEM;
    b->model->copies[b->model->n_copies++] = copy;
    memset(copy, 0, room);
    memcpy(copy, tensor->data, tensor->bytes);
    return define(b, tensor->n_dims, tensor->dims, copy, XNN_INVALID_VALUE_ID, 0, ret);
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
    uint32_t channels = b->graph->tensors[n->inputs[0]].dims[3];
    if (n->op == FG_OP_CONV)
        return code_of(xnn_define_convolution_2d(
            b->subgraph, n->pad_before[1], n->pad_after[2], n->pad_after[1], n->pad_before[2], f[1],
            f[2], n->stride_h, n->stride_w, n->dilation_h, n->dilation_w, 1, channels, f[0],
            range.low, range.high, in, filter, bias, out, 0));
    return code_of(xnn_define_depthwise_convolution_2d(
        b->subgraph, n->pad_before[1], n->pad_after[2], n->pad_after[1], n->pad_before[2], f[1],
        f[2], n->stride_h, n->stride_w, n->dilation_h, n->dilation_w, f[3] / channels, channels,
        range.low, range.high, in, filter, bias, out, 0));
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

static int add_pool(struct builder *b, const struct fg_node *n, uint32_t in, uint32_t out)
{
    struct range range = range_of(n);
    return code_of(xnn_define_max_pooling_2d(b->subgraph, n->pad_before[1], n->pad_after[2],
                                             n->pad_after[1], n->pad_before[2], n->kernel_h,
                                             n->kernel_w, n->stride_h, n->stride_w, n->dilation_h,
                                             n->dilation_w, range.low, range.high, in, out, 0));
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
    default:
        return code_of(xnn_define_divide(b->subgraph, range.low, range.high, x, y, out, 0));
    }
}

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

static int add_prelu(struct builder *b, const struct fg_node *n, uint32_t in, uint32_t out)
{
    uint32_t slopes;
    int r = weights(b, n, 1, true, &slopes);
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

static int add_op(struct builder *b, const struct fg_node *n, uint32_t in, uint32_t out)
{
    switch (n->op) {
    case FG_OP_CONV:
    case FG_OP_DEPTHWISE:
        return add_conv(b, n, in, out);
    case FG_OP_FULLY_CONNECTED:
        return add_fully_connected(b, n, in, out);
    case FG_OP_MAX_POOL:
        return add_pool(b, n, in, out);
    case FG_OP_ADD:
    case FG_OP_SUB:
    case FG_OP_MUL:
    case FG_OP_DIV:
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
    case FG_OP_SOFTMAX:
        return n->beta == 1 ? code_of(xnn_define_softmax(b->subgraph, in, out, 0)) : -ENOTSUP;
    case FG_OP_RELU:
        return code_of(xnn_define_clamp(b->subgraph, 0, INFINITY, in, out, 0));
    case FG_OP_RELU6:
        return code_of(xnn_define_clamp(b->subgraph, 0, 6, in, out, 0));
    case FG_OP_ABS:
        return code_of(xnn_define_abs(b->subgraph, in, out, 0));
    case FG_OP_NEG:
        return code_of(xnn_define_negate(b->subgraph, in, out, 0));
    default:
        return -ENOTSUP;
    }
}

static int add_node(struct builder *b, unsigned i)
{
    const struct fg_node *node = &b->graph->nodes[i];
    uint32_t in, out;
    snprintf(b->request->places[i].backend, sizeof b->request->places[i].backend, "%s",
             b->layout.free[i] ? "alias" : "xnnpack");
    if (b->layout.free[i])
        return 0;
    int r = value(b, node->inputs[0], &in);
    if (r == 0)
        r = value(b, node->output, &out);
    if (r == 0)
        r = add_op(b, node, in, out);
    if (r < 0)
        return fg_fail(b->err, r, "XNNPACK %s operators[%u] %s that makes '%.100s'",
                       r == -ENOTSUP ? "does not support" : "refused", i, fg_op_name(node->op),
                       b->graph->tensors[node->output].name);
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
