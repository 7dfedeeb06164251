// SPDX-License-Identifier: Apache-2.0
#include "accel/graph.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const op_names[FG_OP_COUNT] = {
    [FG_OP_ABS] = "ABS",
    [FG_OP_ADD] = "ADD",
    [FG_OP_AVERAGE_POOL] = "AVERAGE_POOL_2D",
    [FG_OP_BATCH_NORM] = "BATCH_NORM",
    [FG_OP_CONCAT] = "CONCATENATION",
    [FG_OP_CONV] = "CONV_2D",
    [FG_OP_DEPTHWISE] = "DEPTHWISE_CONV_2D",
    [FG_OP_DEQUANTIZE] = "DEQUANTIZE",
    [FG_OP_DIV] = "DIV",
    [FG_OP_EXP] = "EXP",
    [FG_OP_FULLY_CONNECTED] = "FULLY_CONNECTED",
    [FG_OP_HARD_SWISH] = "HARD_SWISH",
    [FG_OP_L2_NORM] = "L2_NORMALIZATION",
    [FG_OP_LEAKY_RELU] = "LEAKY_RELU",
    [FG_OP_LOGISTIC] = "LOGISTIC",
    [FG_OP_MAXIMUM] = "MAXIMUM",
    [FG_OP_MAX_POOL] = "MAX_POOL_2D",
    [FG_OP_MEAN] = "MEAN",
    [FG_OP_MINIMUM] = "MINIMUM",
    [FG_OP_MUL] = "MUL",
    [FG_OP_NEG] = "NEG",
    [FG_OP_PAD] = "PAD",
    [FG_OP_PRELU] = "PRELU",
    [FG_OP_QUANTIZE] = "QUANTIZE",
    [FG_OP_REDUCE_MAX] = "REDUCE_MAX",
    [FG_OP_RELU] = "RELU",
    [FG_OP_RELU6] = "RELU6",
    [FG_OP_RESHAPE] = "RESHAPE",
    [FG_OP_RESIZE_BILINEAR] = "RESIZE_BILINEAR",
    [FG_OP_RESIZE_NEAREST] = "RESIZE_NEAREST_NEIGHBOR",
    [FG_OP_SLICE] = "SLICE",
    [FG_OP_SOFTMAX] = "SOFTMAX",
    [FG_OP_SUB] = "SUB",
    [FG_OP_SUM] = "SUM",
    [FG_OP_TANH] = "TANH",
    [FG_OP_TRANSPOSE] = "TRANSPOSE",
    [FG_OP_TRANSPOSE_CONV] = "TRANSPOSE_CONV",
};

static const struct {
    const char *name;
    size_t size;
} types[] = {
    [FG_FLOAT32] = {"float32", 4}, [FG_FLOAT16] = {"float16", 2}, [FG_INT32] = {"int32", 4},
    [FG_UINT8] = {"uint8", 1},     [FG_INT64] = {"int64", 8},     [FG_INT8] = {"int8", 1},
    [FG_INT16] = {"int16", 2},
};

const char *fg_op_name(enum fg_op op)
{
    return op < FG_OP_COUNT ? op_names[op] : "?";
}

const char *fg_type_name(enum fg_type type)
{
    return (size_t)type < sizeof types / sizeof types[0] ? types[type].name : "?";
}

size_t fg_type_size(enum fg_type type)
{
    return (size_t)type < sizeof types / sizeof types[0] ? types[type].size : 0;
}

size_t fg_tensor_elements(const struct fg_tensor *tensor)
{
    size_t n = 1;
    for (unsigned d = 0; d < tensor->n_dims; d++)
        n *= tensor->dims[d];
    return n;
}

struct fg_graph *fg_graph_create(void)
{
    return calloc(1, sizeof(struct fg_graph));
}

void fg_graph_destroy(struct fg_graph *graph)
{
    if (!graph)
        return;
    for (unsigned i = 0; i < graph->n_tensors; i++) {
        free(graph->tensors[i].name);
        free(graph->tensors[i].data);
        free(graph->tensors[i].scales);
        free(graph->tensors[i].zero_points);
    }
    free(graph->tensors);
    free(graph->nodes);
    free(graph);
}

// Room for one more item; doubles, so that adding stays cheap.
static void *grow(void *items, unsigned count, unsigned *capacity, size_t size)
{
    if (count < *capacity)
        return items;
    unsigned wanted = *capacity ? *capacity * 2 : 64;
    void *bigger = realloc(items, wanted * size);
    if (bigger)
        *capacity = wanted;
    return bigger;
}

static int check_shape(const char *name, unsigned n_dims, const uint32_t *dims,
                       struct fg_error *err)
{
    if (n_dims > FG_MAX_DIMS)
        return fg_fail(err, -EINVAL, "tensor '%s': %u dimensions, at most %d are supported", name,
                       n_dims, FG_MAX_DIMS);
    uint64_t elements = 1;
    for (unsigned d = 0; d < n_dims; d++) {
        if (!dims[d])
            return fg_fail(err, -EINVAL, "tensor '%s': dimension %u is 0", name, d);
        elements *= dims[d];
        if (dims[d] > FG_GRAPH_MAX_ELEMENTS || elements > FG_GRAPH_MAX_ELEMENTS)
            return fg_fail(err, -EFBIG, "tensor '%s': more than %u elements", name,
                           FG_GRAPH_MAX_ELEMENTS);
    }
    return 0;
}

void fg_tensor_reshape(struct fg_tensor *tensor, unsigned n_dims, const uint32_t *dims)
{
    tensor->n_dims = n_dims;
    memset(tensor->dims, 0, sizeof tensor->dims);
    for (unsigned d = 0; d < n_dims; d++)
        tensor->dims[d] = dims[d];
    tensor->bytes = fg_tensor_elements(tensor) * fg_type_size(tensor->type);
}

int fg_graph_add_tensor(struct fg_graph *graph, const char *name, enum fg_type type,
                        unsigned n_dims, const uint32_t *dims, uint32_t *ret, struct fg_error *err)
{
    int r = check_shape(name, n_dims, dims, err);
    if (r < 0)
        return r;
    if (graph->n_tensors >= FG_GRAPH_MAX_TENSORS)
        return fg_fail(err, -EFBIG, "more than %u tensors", FG_GRAPH_MAX_TENSORS);
    struct fg_tensor *tensors =
        grow(graph->tensors, graph->n_tensors, &graph->tensors_capacity, sizeof *graph->tensors);
    if (!tensors)
        return fg_fail(err, -ENOMEM, "no memory for the graph");
    graph->tensors = tensors;
    struct fg_tensor tensor = {.name = strdup(name), .type = type};
    if (!tensor.name)
        return fg_fail(err, -ENOMEM, "no memory for the graph");
    fg_tensor_reshape(&tensor, n_dims, dims);
    graph->tensors[graph->n_tensors] = tensor;
    *ret = graph->n_tensors++;
    return 0;
}

int fg_graph_make_constant(struct fg_graph *graph, uint32_t index, struct fg_error *err)
{
    struct fg_tensor *tensor = &graph->tensors[index];
    if (tensor->bytes > FG_GRAPH_MAX_CONSTANTS - graph->constant_bytes)
        return fg_fail(err, -EFBIG, "tensor '%s': constants of more than %u MB", tensor->name,
                       FG_GRAPH_MAX_CONSTANTS >> 20);
    size_t room = (tensor->bytes + 127) & ~(size_t)63; // engines read past the end
    void *data = aligned_alloc(64, room);
    if (!data)
        return fg_fail(err, -ENOMEM, "no memory for tensor '%s' (%zu bytes)", tensor->name,
                       tensor->bytes);
    memset(data, 0, room);
    free(tensor->data);
    tensor->data = data;
    graph->constant_bytes += tensor->bytes;
    return 0;
}

int fg_graph_add_node(struct fg_graph *graph, const struct fg_node *node, struct fg_error *err)
{
    if (graph->n_nodes >= FG_GRAPH_MAX_NODES)
        return fg_fail(err, -EFBIG, "more than %u operators", FG_GRAPH_MAX_NODES);
    struct fg_node *nodes =
        grow(graph->nodes, graph->n_nodes, &graph->nodes_capacity, sizeof *graph->nodes);
    if (!nodes)
        return fg_fail(err, -ENOMEM, "no memory for the graph");
    graph->nodes = nodes;
    graph->nodes[graph->n_nodes++] = *node;
    return 0;
}

uint64_t fg_graph_node_macs(const struct fg_graph *graph, unsigned index)
{
    const struct fg_node *node = &graph->nodes[index];
    uint64_t outputs = fg_tensor_elements(&graph->tensors[node->output]);
    const uint32_t *filter = node->n_inputs > 1 ? graph->tensors[node->inputs[1]].dims : NULL;
    switch (node->op) {
    case FG_OP_CONV: // a group's channels only
        return outputs * filter[1] * filter[2] * filter[3];
    case FG_OP_DEPTHWISE:
        return outputs * filter[1] * filter[2];
    case FG_OP_FULLY_CONNECTED:
        return outputs * filter[1];
    case FG_OP_TRANSPOSE_CONV: // each input cell meets the whole filter of its channel
        return fg_tensor_elements(&graph->tensors[node->inputs[0]]) * filter[0] * filter[1] *
               filter[2];
    default:
        return 0;
    }
}

uint64_t fg_graph_macs(const struct fg_graph *graph)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < graph->n_nodes; i++)
        sum += fg_graph_node_macs(graph, i);
    return sum;
}

uint64_t fg_graph_memory(const struct fg_graph *graph)
{
    uint64_t sum = 2 * (uint64_t)graph->constant_bytes;
    for (unsigned t = 0; t < graph->n_tensors; t++)
        if (!graph->tensors[t].data)
            sum += graph->tensors[t].bytes;
    return sum;
}

static size_t append(char *text, size_t size, size_t at, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static size_t append(char *text, size_t size, size_t at, const char *format, ...)
{
    if (at >= size)
        return at;
    va_list list;
    va_start(list, format);
    int n = vsnprintf(text + at, size - at, format, list);
    va_end(list);
    return n < 0 ? at : at + (size_t)n;
}

static size_t append_shape(char *text, size_t size, size_t at, const struct fg_tensor *tensor)
{
    if (!tensor->n_dims)
        return append(text, size, at, " scalar");
    for (unsigned d = 0; d < tensor->n_dims; d++)
        at = append(text, size, at, "%s%u", d ? "x" : " ", tensor->dims[d]);
    return at;
}

void fg_graph_describe(const struct fg_graph *graph, unsigned index, char *text, size_t size)
{
    static const char *const activations[] = {"", " relu", " relu6"};
    const struct fg_node *node = &graph->nodes[index];
    size_t at = append(text, size, 0, "%s", fg_op_name(node->op));
    if (node->op == FG_OP_CONV || node->op == FG_OP_DEPTHWISE || node->op == FG_OP_TRANSPOSE_CONV) {
        const struct fg_tensor *filter = &graph->tensors[node->inputs[1]];
        at = append(text, size, at, " %ux%u/%u", filter->dims[1], filter->dims[2], node->stride_h);
    } else if (node->op == FG_OP_MAX_POOL || node->op == FG_OP_AVERAGE_POOL) {
        at = append(text, size, at, " %ux%u/%u", node->kernel_h, node->kernel_w, node->stride_h);
    }
    at = append_shape(text, size, at, &graph->tensors[node->inputs[0]]);
    at = append(text, size, at, " ->");
    at = append_shape(text, size, at, &graph->tensors[node->output]);
    append(text, size, at, "%s", activations[node->activation]);
}
