// SPDX-License-Identifier: Apache-2.0
#include "accel/tflite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accel/flatbuffer.h"

#define SCHEMA_VERSION 3
#define NAME_MAX_BYTES 200u

// Field numbers and enum values are those of schema.fbs.
enum { MODEL_VERSION, MODEL_OPERATOR_CODES, MODEL_SUBGRAPHS, MODEL_DESCRIPTION, MODEL_BUFFERS };
enum { CODE_DEPRECATED, CODE_CUSTOM, CODE_VERSION, CODE_BUILTIN };
enum { SUBGRAPH_TENSORS, SUBGRAPH_INPUTS, SUBGRAPH_OUTPUTS, SUBGRAPH_OPERATORS };
enum {
    TENSOR_SHAPE,
    TENSOR_TYPE,
    TENSOR_BUFFER,
    TENSOR_NAME,
    TENSOR_QUANTIZATION,
    TENSOR_IS_VARIABLE,
    TENSOR_SPARSITY
};
enum { QUANTIZATION_SCALE = 2, QUANTIZATION_ZERO_POINT = 3, QUANTIZATION_DIMENSION = 6 };
enum { OPERATOR_CODE, OPERATOR_INPUTS, OPERATOR_OUTPUTS, OPERATOR_OPTIONS_TYPE, OPERATOR_OPTIONS };
enum { BUFFER_DATA, BUFFER_OFFSET };
enum { PADDING_SAME, PADDING_VALID };

static const struct builtin {
    int code;         // BuiltinOperator
    int options_type; // BuiltinOptions; 0: has none
    enum fg_op op;
    unsigned data_inputs; // the rest are constants that describe the node; 0: all
} builtins[] = {
    {0, 11, FG_OP_ADD, 0},      {2, 10, FG_OP_CONCAT, 0},    {3, 1, FG_OP_CONV, 0},
    {4, 2, FG_OP_DEPTHWISE, 0}, {6, 0, FG_OP_DEQUANTIZE, 0}, {9, 8, FG_OP_FULLY_CONNECTED, 0},
    {17, 5, FG_OP_MAX_POOL, 0}, {18, 21, FG_OP_MUL, 0},      {19, 0, FG_OP_RELU, 0},
    {21, 0, FG_OP_RELU6, 0},    {22, 17, FG_OP_RESHAPE, 1},  {23, 15, FG_OP_RESIZE_BILINEAR, 1},
    {25, 9, FG_OP_SOFTMAX, 0},  {34, 0, FG_OP_PAD, 1},       {41, 28, FG_OP_SUB, 0},
    {42, 29, FG_OP_DIV, 0},     {47, 0, FG_OP_EXP, 0},       {54, 0, FG_OP_PRELU, 0},
    {59, 0, FG_OP_NEG, 0},      {74, 27, FG_OP_SUM, 1},      {82, 27, FG_OP_REDUCE_MAX, 1},
    {101, 0, FG_OP_ABS, 0},
};

struct reader {
    struct fg_flat flat;
    struct fg_graph *graph;
    struct fg_flat_vector codes, buffers, tensors, operators, inputs, outputs;
};

static int failed(const struct reader *r)
{
    return r->flat.code;
}

// Runs of a graph function: its code sticks, its text is prefixed with where we are.
static void take(struct reader *r, int code)
{
    if (code < 0 && !r->flat.code) {
        r->flat.code = code;
        fg_fail_prefix(r->flat.err, code, "%s", r->flat.where);
    }
}

static void limit(struct reader *r, const char *what, uint32_t count, uint32_t most)
{
    fg_flat_where(&r->flat, "%s", what);
    if (count > most)
        fg_flat_fail(&r->flat, -EFBIG, "%u entries, at most %u are supported", count, most);
}

static void read_model(struct reader *r)
{
    fg_flat_where(&r->flat, "model");
    struct fg_flat_table model = fg_flat_root(&r->flat, "TFL3");
    int version = fg_flat_i32(&r->flat, &model, MODEL_VERSION, 0);
    if (version != SCHEMA_VERSION)
        fg_flat_fail(&r->flat, -ENOTSUP, "schema version %d, %d is supported", version,
                     SCHEMA_VERSION);
    r->codes = fg_flat_vector(&r->flat, &model, MODEL_OPERATOR_CODES, 4);
    r->buffers = fg_flat_vector(&r->flat, &model, MODEL_BUFFERS, 4);
    struct fg_flat_vector subgraphs = fg_flat_vector(&r->flat, &model, MODEL_SUBGRAPHS, 4);
    if (!failed(r) && subgraphs.count != 1)
        fg_flat_fail(&r->flat, -ENOTSUP, "%u subgraphs, 1 is supported", subgraphs.count);
    if (failed(r))
        return;
    fg_flat_where(&r->flat, "subgraphs[0]");
    struct fg_flat_table graph = fg_flat_table_at(&r->flat, &subgraphs, 0);
    r->tensors = fg_flat_vector(&r->flat, &graph, SUBGRAPH_TENSORS, 4);
    r->inputs = fg_flat_vector(&r->flat, &graph, SUBGRAPH_INPUTS, 4);
    r->outputs = fg_flat_vector(&r->flat, &graph, SUBGRAPH_OUTPUTS, 4);
    r->operators = fg_flat_vector(&r->flat, &graph, SUBGRAPH_OPERATORS, 4);
    limit(r, "tensors", r->tensors.count, FG_GRAPH_MAX_TENSORS);
    limit(r, "operators", r->operators.count, FG_GRAPH_MAX_NODES);
    limit(r, "inputs", r->inputs.count, FG_GRAPH_MAX_ENDS);
    limit(r, "outputs", r->outputs.count, FG_GRAPH_MAX_ENDS);
}

static enum fg_type read_type(struct reader *r, const struct fg_flat_table *tensor)
{
    switch (fg_flat_i8(&r->flat, tensor, TENSOR_TYPE, 0)) {
    case 0:
        return FG_FLOAT32;
    case 1:
        return FG_FLOAT16;
    case 2:
        return FG_INT32;
    case 3:
        return FG_UINT8;
    case 4:
        return FG_INT64;
    case 7:
        return FG_INT16;
    case 9:
        return FG_INT8;
    default:
        fg_flat_fail(&r->flat, -ENOTSUP, "tensor type %d is not supported",
                     fg_flat_i8(&r->flat, tensor, TENSOR_TYPE, 0));
        return FG_FLOAT32;
    }
}

// Names come from the file and end in error texts and on terminals: printable ASCII only.
static void read_name(struct reader *r, const struct fg_flat_table *tensor, char *name, size_t size)
{
    struct fg_flat_vector text = fg_flat_vector(&r->flat, tensor, TENSOR_NAME, 1);
    size_t n = text.count < size - 1 ? text.count : size - 1;
    for (size_t k = 0; k < n; k++) {
        uint8_t c = r->flat.bytes[text.at + k];
        name[k] = c >= ' ' && c <= '~' ? (char)c : '?';
    }
    name[n] = '\0';
}

static void read_quantization(struct reader *r, const struct fg_flat_table *table,
                              struct fg_tensor *tensor)
{
    struct fg_flat_table q = fg_flat_table(&r->flat, table, TENSOR_QUANTIZATION);
    struct fg_flat_vector scales = fg_flat_vector(&r->flat, &q, QUANTIZATION_SCALE, 4);
    struct fg_flat_vector zeros = fg_flat_vector(&r->flat, &q, QUANTIZATION_ZERO_POINT, 8);
    int32_t dim = fg_flat_i32(&r->flat, &q, QUANTIZATION_DIMENSION, 0);
    if (failed(r) || !scales.count)
        return;
    bool one = scales.count == 1;
    if (zeros.count != scales.count || (!one && (dim < 0 || (unsigned)dim >= tensor->n_dims ||
                                                 tensor->dims[dim] != scales.count))) {
        fg_flat_fail(&r->flat, -EINVAL, "%u scales and %u zero points do not fit the shape",
                     scales.count, zeros.count);
        return;
    }
    tensor->scales = malloc(scales.count * sizeof *tensor->scales);
    tensor->zero_points = malloc(scales.count * sizeof *tensor->zero_points);
    if (!tensor->scales || !tensor->zero_points) {
        fg_flat_fail(&r->flat, -ENOMEM, "no memory");
        return;
    }
    tensor->n_scales = scales.count;
    tensor->scale_dim = one ? 0 : (unsigned)dim;
    for (uint32_t k = 0; k < scales.count; k++) {
        tensor->scales[k] = fg_flat_f32_at(&r->flat, &scales, k);
        int64_t zero = fg_flat_i64_at(&r->flat, &zeros, k);
        bool fits = zero >= INT16_MIN && zero <= UINT16_MAX;
        if (!(tensor->scales[k] > 0) || tensor->scales[k] > 1e30f || !fits)
            fg_flat_fail(&r->flat, -EINVAL, "scale or zero point %u is out of range", k);
        tensor->zero_points[k] = fits ? (int32_t)zero : 0;
    }
}

// The tensor's constant bytes, empty when it is computed.
static struct fg_flat_vector read_buffer(struct reader *r, const struct fg_flat_table *table)
{
    struct fg_flat_vector none = {0};
    uint32_t index = (uint32_t)fg_flat_i32(&r->flat, table, TENSOR_BUFFER, 0);
    if (failed(r) || (!index && !r->buffers.count))
        return none;
    if (index >= r->buffers.count) {
        fg_flat_fail(&r->flat, -EINVAL, "buffer %u of %u", index, r->buffers.count);
        return none;
    }
    struct fg_flat_table buffer = fg_flat_table_at(&r->flat, &r->buffers, index);
    if (fg_flat_u64(&r->flat, &buffer, BUFFER_OFFSET, 0) > 1)
        fg_flat_fail(&r->flat, -ENOTSUP,
                     "buffer %u lies outside the FlatBuffer; export the model "
                     "under 2 GB in one piece",
                     index);
    return fg_flat_vector(&r->flat, &buffer, BUFFER_DATA, 1);
}

static void read_constant(struct reader *r, const struct fg_flat_table *table, uint32_t index)
{
    struct fg_flat_vector data = read_buffer(r, table);
    if (failed(r) || !data.count)
        return;
    struct fg_tensor *tensor = &r->graph->tensors[index];
    if (data.count != tensor->bytes) {
        fg_flat_fail(&r->flat, -EINVAL, "a buffer of %u bytes for a shape of %zu", data.count,
                     tensor->bytes);
        return;
    }
    take(r, fg_graph_make_constant(r->graph, index, r->flat.err));
    if (!failed(r)) // the file is little-endian, and so are the machines this is built for
        memcpy(tensor->data, r->flat.bytes + data.at, tensor->bytes);
}

static void read_tensor(struct reader *r, uint32_t index)
{
    char name[NAME_MAX_BYTES + 1];
    uint32_t dims[FG_MAX_DIMS] = {0}, added = 0;
    fg_flat_where(&r->flat, "tensors[%u]", index);
    struct fg_flat_table table = fg_flat_table_at(&r->flat, &r->tensors, index);
    struct fg_flat_vector shape = fg_flat_vector(&r->flat, &table, TENSOR_SHAPE, 4);
    enum fg_type type = read_type(r, &table);
    struct fg_flat_table sparsity = fg_flat_table(&r->flat, &table, TENSOR_SPARSITY);
    if (sparsity.at || fg_flat_i8(&r->flat, &table, TENSOR_IS_VARIABLE, 0))
        fg_flat_fail(&r->flat, -ENOTSUP, "sparse and variable tensors are not supported");
    if (shape.count > FG_MAX_DIMS)
        fg_flat_fail(&r->flat, -EINVAL, "%u dimensions, at most %d are supported", shape.count,
                     FG_MAX_DIMS);
    read_name(r, &table, name, sizeof name);
    for (uint32_t d = 0; !failed(r) && d < shape.count; d++) {
        int32_t side = fg_flat_i32_at(&r->flat, &shape, d);
        if (side < 0)
            fg_flat_fail(&r->flat, -EINVAL, "dimension %u is %d", d, side);
        dims[d] = (uint32_t)side;
    }
    if (failed(r))
        return;
    take(r, fg_graph_add_tensor(r->graph, name, type, shape.count, dims, &added, r->flat.err));
    if (failed(r))
        return;
    read_quantization(r, &table, &r->graph->tensors[added]);
    read_constant(r, &table, added);
}

static const struct builtin *read_code(struct reader *r, const struct fg_flat_table *operator_)
{
    uint32_t index = (uint32_t)fg_flat_i32(&r->flat, operator_, OPERATOR_CODE, 0);
    if (!failed(r) && index >= r->codes.count)
        fg_flat_fail(&r->flat, -EINVAL, "operator code %u of %u", index, r->codes.count);
    if (failed(r))
        return NULL;
    struct fg_flat_table code = fg_flat_table_at(&r->flat, &r->codes, index);
    // old files have the code in the deprecated byte, new ones in both
    int32_t number = fg_flat_i32(&r->flat, &code, CODE_BUILTIN, 0);
    int32_t old = fg_flat_i8(&r->flat, &code, CODE_DEPRECATED, 0);
    if (old > number)
        number = old;
    for (size_t k = 0; k < sizeof builtins / sizeof builtins[0]; k++)
        if (builtins[k].code == number && !failed(r))
            return &builtins[k];
    fg_flat_fail(&r->flat, -ENOTSUP, "builtin operator %d is not supported", number);
    return NULL;
}

static enum fg_activation read_activation(struct reader *r, const struct fg_flat_table *options,
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

static uint32_t read_step(struct reader *r, const struct fg_flat_table *options, unsigned field,
                          int32_t absent, const char *what)
{
    int32_t value = fg_flat_i32(&r->flat, options, field, absent);
    if (value < 1 || value > (int32_t)FG_GRAPH_MAX_STEP) {
        fg_flat_fail(&r->flat, -EINVAL, "%s of %d", what, value);
        return 1;
    }
    return (uint32_t)value;
}

// Values of a constant int32 operand; NULL when it is not one.
static const int32_t *operand(struct reader *r, uint32_t index, size_t *ret_count)
{
    if (index >= r->graph->n_tensors) {
        fg_flat_fail(&r->flat, -EINVAL, "tensor %d of %u", (int)index, r->graph->n_tensors);
        return NULL;
    }
    const struct fg_tensor *tensor = &r->graph->tensors[index];
    if (tensor->type != FG_INT32 || !tensor->data) {
        fg_flat_fail(&r->flat, -ENOTSUP, "'%.100s' must be a constant int32", tensor->name);
        return NULL;
    }
    *ret_count = fg_tensor_elements(tensor);
    return tensor->data;
}

static const struct fg_tensor *tensor_or_null(const struct reader *r, uint32_t index)
{
    return index < r->graph->n_tensors ? &r->graph->tensors[index] : NULL;
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

static void read_padding(struct reader *r, const struct fg_flat_table *options,
                         struct fg_node *node, uint32_t kernel_h, uint32_t kernel_w)
{
    int padding = fg_flat_i8(&r->flat, options, 0, PADDING_SAME);
    const struct fg_tensor *in = tensor_or_null(r, node->inputs[0]);
    if (padding != PADDING_SAME && padding != PADDING_VALID)
        fg_flat_fail(&r->flat, -EINVAL, "padding %d", padding);
    // what is missing here is refused, with its name, by the check of the whole graph
    if (!failed(r) && padding == PADDING_SAME && in && in->n_dims == 4 && kernel_h && kernel_w)
        same_padding(node, in, kernel_h, kernel_w);
}

static void read_conv(struct reader *r, const struct fg_flat_table *options, struct fg_node *node)
{
    // DepthwiseConv2DOptions has depth_multiplier as its field 3; the filter's shape says the same
    unsigned shift = node->op == FG_OP_DEPTHWISE;
    node->stride_w = read_step(r, options, 1, 0, "stride_w");
    node->stride_h = read_step(r, options, 2, 0, "stride_h");
    node->activation = read_activation(r, options, 3 + shift);
    node->dilation_w = read_step(r, options, 4 + shift, 1, "dilation_w_factor");
    node->dilation_h = read_step(r, options, 5 + shift, 1, "dilation_h_factor");
    const struct fg_tensor *filter = node->n_inputs > 1 ? tensor_or_null(r, node->inputs[1]) : NULL;
    bool known = filter && filter->n_dims == 4;
    read_padding(r, options, node, known ? filter->dims[1] : 0, known ? filter->dims[2] : 0);
}

static void read_pool(struct reader *r, const struct fg_flat_table *options, struct fg_node *node)
{
    node->stride_w = read_step(r, options, 1, 0, "stride_w");
    node->stride_h = read_step(r, options, 2, 0, "stride_h");
    node->dilation_h = node->dilation_w = 1;
    node->kernel_w = read_step(r, options, 3, 0, "filter_width");
    node->kernel_h = read_step(r, options, 4, 0, "filter_height");
    node->activation = read_activation(r, options, 5);
    read_padding(r, options, node, node->kernel_h, node->kernel_w);
}

static void read_concat(struct reader *r, const struct fg_flat_table *options, struct fg_node *node)
{
    int32_t axis = fg_flat_i32(&r->flat, options, 0, 0);
    const struct fg_tensor *first = tensor_or_null(r, node->inputs[0]);
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

static void read_pads(struct reader *r, uint32_t tensor, struct fg_node *node)
{
    size_t n = 0;
    const int32_t *pads = operand(r, tensor, &n);
    const struct fg_tensor *in = tensor_or_null(r, node->inputs[0]);
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

static void read_axes(struct reader *r, uint32_t tensor, struct fg_node *node)
{
    size_t n = 0;
    const int32_t *axes = operand(r, tensor, &n);
    const struct fg_tensor *in = tensor_or_null(r, node->inputs[0]);
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
static void read_resize(struct reader *r, const struct fg_flat_table *options, uint32_t tensor,
                        struct fg_node *node)
{
    size_t n = 0;
    const int32_t *size = operand(r, tensor, &n);
    const struct fg_tensor *out = tensor_or_null(r, node->output);
    if (!size)
        return;
    if (n != 2 || !out || out->n_dims != 4 || size[0] != (int32_t)out->dims[1] ||
        size[1] != (int32_t)out->dims[2])
        fg_flat_fail(&r->flat, -EINVAL, "the size wanted is not the output's");
    node->align_corners = fg_flat_i8(&r->flat, options, 2, 0) != 0;
    node->half_pixel = fg_flat_i8(&r->flat, options, 3, 0) != 0;
}

static void read_fully_connected(struct reader *r, const struct fg_flat_table *options,
                                 struct fg_node *node)
{
    node->activation = read_activation(r, options, 0);
    if (fg_flat_i8(&r->flat, options, 1, 0))
        fg_flat_fail(&r->flat, -ENOTSUP, "shuffled weights are not supported");
    node->keep_dims = fg_flat_i8(&r->flat, options, 2, 0) != 0;
}

static void read_options(struct reader *r, const struct fg_flat_table *options,
                         const uint32_t *described_by, struct fg_node *node)
{
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
    case FG_OP_MAX_POOL:
        read_pool(r, options, node);
        break;
    case FG_OP_FULLY_CONNECTED:
        read_fully_connected(r, options, node);
        break;
    case FG_OP_SOFTMAX:
        node->beta = fg_flat_f32(&r->flat, options, 0, 0);
        if (!(node->beta > 0) || node->beta > 1e6f)
            fg_flat_fail(&r->flat, -EINVAL, "beta %g", (double)node->beta);
        break;
    case FG_OP_CONCAT:
        read_concat(r, options, node);
        break;
    case FG_OP_PAD:
        read_pads(r, described_by[0], node);
        break;
    case FG_OP_SUM:
    case FG_OP_REDUCE_MAX:
        node->keep_dims = fg_flat_i8(&r->flat, options, 0, 0) != 0;
        read_axes(r, described_by[0], node);
        break;
    case FG_OP_RESIZE_BILINEAR:
        read_resize(r, options, described_by[0], node);
        break;
    default:
        break;
    }
}

// Splits the inputs into data and the constants that describe the node.
static void read_inputs(struct reader *r, const struct fg_flat_table *table,
                        const struct builtin *builtin, struct fg_node *node, uint32_t *described_by)
{
    struct fg_flat_vector inputs = fg_flat_vector(&r->flat, table, OPERATOR_INPUTS, 4);
    if (failed(r))
        return;
    bool describes = builtin->data_inputs && builtin->op != FG_OP_RESHAPE;
    uint32_t most = builtin->data_inputs ? builtin->data_inputs + 1 : FG_GRAPH_MAX_INPUTS;
    if (!inputs.count || inputs.count > most || (describes && inputs.count != most)) {
        fg_flat_fail(&r->flat, -EINVAL, "%u inputs, at most %u fit", inputs.count, most);
        return;
    }
    for (uint32_t k = 0; k < inputs.count; k++) {
        int32_t t = fg_flat_i32_at(&r->flat, &inputs, k);
        if (t < -1 || t >= (int32_t)r->graph->n_tensors) {
            fg_flat_where(&r->flat, "%.80s.inputs[%u]", r->flat.where, k);
            fg_flat_fail(&r->flat, -EINVAL, "tensor %d of %u", t, r->graph->n_tensors);
            return;
        }
        uint32_t index = t < 0 ? FG_NO_TENSOR : (uint32_t)t;
        if (builtin->data_inputs && k >= builtin->data_inputs)
            described_by[k - builtin->data_inputs] = index;
        else
            node->inputs[node->n_inputs++] = index;
    }
}

static void read_output(struct reader *r, const struct fg_flat_table *table, struct fg_node *node)
{
    struct fg_flat_vector outputs = fg_flat_vector(&r->flat, table, OPERATOR_OUTPUTS, 4);
    if (failed(r))
        return;
    if (outputs.count != 1) {
        fg_flat_fail(&r->flat, -EINVAL, "%u outputs, 1 expected", outputs.count);
        return;
    }
    int32_t t = fg_flat_i32_at(&r->flat, &outputs, 0);
    if (t < 0 || t >= (int32_t)r->graph->n_tensors) {
        fg_flat_where(&r->flat, "%.80s.outputs[0]", r->flat.where);
        fg_flat_fail(&r->flat, -EINVAL, "tensor %d of %u", t, r->graph->n_tensors);
        return;
    }
    node->output = (uint32_t)t;
}

static void read_operator(struct reader *r, uint32_t index)
{
    struct fg_node node = {0};
    uint32_t described_by[1] = {FG_NO_TENSOR};
    fg_flat_where(&r->flat, "operators[%u]", index);
    struct fg_flat_table table = fg_flat_table_at(&r->flat, &r->operators, index);
    const struct builtin *builtin = read_code(r, &table);
    if (!builtin)
        return;
    node.op = builtin->op;
    read_inputs(r, &table, builtin, &node, described_by);
    read_output(r, &table, &node);
    fg_flat_where(&r->flat, "operators[%u] %s", index, fg_op_name(node.op));
    int options_type = fg_flat_i8(&r->flat, &table, OPERATOR_OPTIONS_TYPE, 0);
    struct fg_flat_table options = fg_flat_table(&r->flat, &table, OPERATOR_OPTIONS);
    // operators without options of their own carry an empty table of some type
    if (options_type && builtin->options_type && options_type != builtin->options_type)
        fg_flat_fail(&r->flat, -EINVAL, "options of type %d, %d expected", options_type,
                     builtin->options_type);
    if (failed(r))
        return;
    read_options(r, &options, described_by, &node);
    if (!failed(r))
        take(r, fg_graph_add_node(r->graph, &node, r->flat.err));
}

static void read_ends(struct reader *r)
{
    r->graph->n_inputs = r->inputs.count;
    r->graph->n_outputs = r->outputs.count;
    for (uint32_t k = 0; k < r->inputs.count; k++)
        r->graph->inputs[k] = (uint32_t)fg_flat_i32_at(&r->flat, &r->inputs, k);
    for (uint32_t k = 0; k < r->outputs.count; k++)
        r->graph->outputs[k] = (uint32_t)fg_flat_i32_at(&r->flat, &r->outputs, k);
}

int fg_tflite_read(const void *bytes, size_t length, struct fg_graph **ret, struct fg_error *err)
{
    struct reader r = {.flat = {.bytes = bytes, .length = length, .err = err}};
    r.graph = fg_graph_create();
    if (!r.graph)
        return fg_fail(err, -ENOMEM, "no memory for the graph");
    read_model(&r);
    for (uint32_t k = 0; !failed(&r) && k < r.tensors.count; k++)
        read_tensor(&r, k);
    for (uint32_t k = 0; !failed(&r) && k < r.operators.count; k++)
        read_operator(&r, k);
    if (!failed(&r))
        read_ends(&r);
    int code = failed(&r) ? failed(&r) : fg_graph_check(r.graph, err);
    if (code < 0) {
        fg_graph_destroy(r.graph);
        return code;
    }
    *ret = r.graph;
    return 0;
}
