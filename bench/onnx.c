// SPDX-License-Identifier: Apache-2.0
// Field numbers are those of onnx.proto (ONNX 1.12, IR version 8, opset 13).
#include "bench/onnx.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ONNX_FLOAT = 1,
    ONNX_INT64 = 7,
    ATTRIBUTE_INT = 2,
    ATTRIBUTE_STRING = 3,
    ATTRIBUTE_INTS = 7
};

struct bytes { // a protobuf message in the making
    uint8_t *data;
    size_t length, capacity;
};

struct writer {
    const struct fg_graph *graph;
    struct bytes nodes; // the fields of GraphProto, in any order
    unsigned made;      // names made so far
};

static void put(struct bytes *b, const void *data, size_t length)
{
    if (b->length + length > b->capacity) {
        b->capacity = (b->length + length) * 2;
        b->data = realloc(b->data, b->capacity);
        if (!b->data)
            abort(); // a bench tool without memory has nothing to save
    }
    if (length)
        memcpy(b->data + b->length, data, length);
    b->length += length;
}

static void put_varint(struct bytes *b, uint64_t value)
{
    do {
        uint8_t byte = (uint8_t)((value & 127) | (value > 127 ? 128 : 0));
        put(b, &byte, 1);
        value >>= 7;
    } while (value);
}

static void put_int(struct bytes *b, unsigned field, int64_t value)
{
    put_varint(b, field << 3);
    put_varint(b, (uint64_t)value);
}

static void put_data(struct bytes *b, unsigned field, const void *data, size_t length)
{
    put_varint(b, field << 3 | 2);
    put_varint(b, length);
    put(b, data, length);
}

static void put_text(struct bytes *b, unsigned field, const char *text)
{
    put_data(b, field, text, strlen(text));
}

// Appends a finished message and frees it.
static void put_message(struct bytes *b, unsigned field, struct bytes *message)
{
    put_data(b, field, message->data, message->length);
    free(message->data);
    *message = (struct bytes){0};
}

// ---- pieces of a graph --------------------------------------------------------------------------

struct name {
    char text[24];
};

static struct name tensor_name(uint32_t tensor)
{
    struct name n;
    snprintf(n.text, sizeof n.text, "t%u", tensor);
    return n;
}

static struct name new_name(struct writer *w)
{
    struct name n;
    snprintf(n.text, sizeof n.text, "n%u", w->made++);
    return n;
}

static struct name add_values(struct writer *w, int type, const int64_t *dims, unsigned n_dims,
                              const void *data, size_t length)
{
    struct bytes t = {0};
    struct name name = new_name(w);
    for (unsigned d = 0; d < n_dims; d++)
        put_int(&t, 1, dims[d]);
    put_int(&t, 2, type);
    put_text(&t, 8, name.text);
    put_data(&t, 9, data, length);
    put_message(&w->nodes, 5, &t);
    return name;
}

static struct name add_ints(struct writer *w, const int64_t *values, unsigned count)
{
    const int64_t n = count;
    return add_values(w, ONNX_INT64, &n, 1, values, count * sizeof *values);
}

static struct name add_scalar(struct writer *w, float value)
{
    return add_values(w, ONNX_FLOAT, NULL, 0, &value, sizeof value);
}

static struct bytes begin_node(const char *op, unsigned n_inputs, ...)
{
    struct bytes n = {0};
    va_list list;
    va_start(list, n_inputs);
    for (unsigned k = 0; k < n_inputs; k++)
        put_text(&n, 1, va_arg(list, const char *));
    va_end(list);
    put_text(&n, 4, op);
    return n;
}

static void attribute_ints(struct bytes *node, const char *name, const int64_t *values,
                           unsigned count)
{
    struct bytes a = {0};
    put_text(&a, 1, name);
    for (unsigned k = 0; k < count; k++)
        put_int(&a, 8, values[k]);
    put_int(&a, 20, ATTRIBUTE_INTS);
    put_message(node, 5, &a);
}

static void attribute_int(struct bytes *node, const char *name, int64_t value)
{
    struct bytes a = {0};
    put_text(&a, 1, name);
    put_int(&a, 3, value);
    put_int(&a, 20, ATTRIBUTE_INT);
    put_message(node, 5, &a);
}

static void attribute_text(struct bytes *node, const char *name, const char *value)
{
    struct bytes a = {0};
    put_text(&a, 1, name);
    put_text(&a, 4, value);
    put_int(&a, 20, ATTRIBUTE_STRING);
    put_message(node, 5, &a);
}

static void end_node(struct writer *w, struct bytes *node, const char *output)
{
    put_text(node, 2, output);
    put_message(&w->nodes, 1, node);
}

static void transpose(struct writer *w, const char *from, const int64_t *order, const char *to)
{
    struct bytes n = begin_node("Transpose", 1, from);
    attribute_ints(&n, "perm", order, 4);
    end_node(w, &n, to);
}

// A single pixel needs no turning, only another shape.
static bool is_turned(const struct fg_tensor *t)
{
    return t->n_dims == 4 && (t->dims[1] != 1 || t->dims[2] != 1);
}

// The value in the graph's own order.
static struct name in_graph_order(struct writer *w, uint32_t tensor)
{
    static const int64_t order[] = {0, 2, 3, 1};
    struct name name = tensor_name(tensor), turned;
    if (!is_turned(&w->graph->tensors[tensor]))
        return name;
    turned = new_name(w);
    transpose(w, name.text, order, turned.text);
    return turned;
}

// Adds the node's activation, if any, behind `op`.
static void end_activated(struct writer *w, const struct fg_node *node, struct bytes *op)
{
    struct name out = tensor_name(node->output), plain = new_name(w);
    if (node->activation == FG_ACT_NONE) {
        end_node(w, op, out.text);
        return;
    }
    end_node(w, op, plain.text);
    struct bytes a;
    if (node->activation == FG_ACT_RELU) {
        a = begin_node("Relu", 1, plain.text);
    } else {
        struct name low = add_scalar(w, 0), high = add_scalar(w, 6);
        a = begin_node("Clip", 3, plain.text, low.text, high.text);
    }
    end_node(w, &a, out.text);
}

// ---- operators ----------------------------------------------------------------------------------

// [o, h, w, i] to [o, i, h, w]; depthwise [1, h, w, c] to [c, 1, h, w].
static struct name add_turned(struct writer *w, const struct fg_tensor *f, bool depthwise)
{
    const uint32_t *d = f->dims;
    size_t window = (size_t)d[1] * d[2], n = fg_tensor_elements(f);
    float *turned = malloc(n * sizeof *turned);
    const float *from = f->data;
    if (!turned)
        abort();
    for (size_t k = 0; k < n; k++) {
        size_t c = k % d[3], cell = k / d[3] % window, o = k / d[3] / window;
        turned[depthwise ? c * window + cell : (o * d[3] + c) * window + cell] = from[k];
    }
    const int64_t dims[] = {depthwise ? d[3] : d[0], depthwise ? 1 : d[3], d[1], d[2]};
    struct name name = add_values(w, ONNX_FLOAT, dims, 4, turned, n * sizeof *turned);
    free(turned);
    return name;
}

static struct name add_bias(struct writer *w, const struct fg_node *node, uint32_t channels)
{
    const int64_t n = channels;
    if (node->n_inputs > 2 && node->inputs[2] != FG_NO_TENSOR)
        return add_values(w, ONNX_FLOAT, &n, 1, w->graph->tensors[node->inputs[2]].data,
                          channels * sizeof(float));
    float *zeros = calloc(channels, sizeof *zeros);
    if (!zeros)
        abort();
    struct name name = add_values(w, ONNX_FLOAT, &n, 1, zeros, channels * sizeof *zeros);
    free(zeros);
    return name;
}

static void window_attributes(struct bytes *op, const struct fg_node *n, uint32_t kernel_h,
                              uint32_t kernel_w)
{
    const int64_t kernel[] = {kernel_h, kernel_w}, strides[] = {n->stride_h, n->stride_w};
    const int64_t dilations[] = {n->dilation_h, n->dilation_w};
    const int64_t pads[] = {n->pad_before[1], n->pad_before[2], n->pad_after[1], n->pad_after[2]};
    attribute_ints(op, "kernel_shape", kernel, 2);
    attribute_ints(op, "strides", strides, 2);
    attribute_ints(op, "dilations", dilations, 2);
    attribute_ints(op, "pads", pads, 4);
}

static void write_conv(struct writer *w, const struct fg_node *node)
{
    const struct fg_tensor *f = &w->graph->tensors[node->inputs[1]];
    bool depthwise = node->op == FG_OP_DEPTHWISE;
    uint32_t channels = w->graph->tensors[node->inputs[0]].dims[3];
    struct name filter = add_turned(w, f, depthwise);
    struct name bias = add_bias(w, node, depthwise ? f->dims[3] : f->dims[0]);
    struct bytes op =
        begin_node("Conv", 3, tensor_name(node->inputs[0]).text, filter.text, bias.text);
    window_attributes(&op, node, f->dims[1], f->dims[2]);
    attribute_int(&op, "group", depthwise ? channels : channels / f->dims[3]);
    end_activated(w, node, &op);
}

static void write_pool(struct writer *w, const struct fg_node *node)
{
    struct bytes op = begin_node("MaxPool", 1, tensor_name(node->inputs[0]).text);
    window_attributes(&op, node, node->kernel_h, node->kernel_w);
    end_activated(w, node, &op);
}

static void write_prelu(struct writer *w, const struct fg_node *node)
{
    const struct fg_tensor *x = &w->graph->tensors[node->inputs[0]];
    const struct fg_tensor *s = &w->graph->tensors[node->inputs[1]];
    int64_t dims[] = {(int64_t)fg_tensor_elements(s), 1, 1};
    struct name slopes = add_values(w, ONNX_FLOAT, dims, x->n_dims == 4 ? 3 : 1, s->data, s->bytes);
    struct bytes op = begin_node("PRelu", 2, tensor_name(node->inputs[0]).text, slopes.text);
    end_node(w, &op, tensor_name(node->output).text);
}

static unsigned onnx_axis(const struct fg_tensor *t, unsigned axis)
{
    static const unsigned axes[] = {0, 2, 3, 1};
    return t->n_dims == 4 ? axes[axis] : axis;
}

static void write_pad(struct writer *w, const struct fg_node *node)
{
    const struct fg_tensor *x = &w->graph->tensors[node->inputs[0]];
    int64_t pads[2 * FG_MAX_DIMS];
    for (unsigned d = 0; d < x->n_dims; d++) {
        pads[onnx_axis(x, d)] = node->pad_before[d];
        pads[x->n_dims + onnx_axis(x, d)] = node->pad_after[d];
    }
    struct name values = add_ints(w, pads, 2 * x->n_dims);
    struct bytes op = begin_node("Pad", 2, tensor_name(node->inputs[0]).text, values.text);
    end_node(w, &op, tensor_name(node->output).text);
}

static void write_concat(struct writer *w, const struct fg_node *node)
{
    struct bytes op = begin_node("Concat", 0);
    for (unsigned k = 0; k < node->n_inputs; k++)
        put_text(&op, 1, tensor_name(node->inputs[k]).text);
    attribute_int(&op, "axis", onnx_axis(&w->graph->tensors[node->output], node->axis));
    end_node(w, &op, tensor_name(node->output).text);
}

static struct name reshaped(struct writer *w, uint32_t tensor, unsigned n_dims,
                            const uint32_t *dims, const char *to)
{
    int64_t shape[FG_MAX_DIMS];
    for (unsigned d = 0; d < n_dims; d++)
        shape[d] = dims[d];
    struct name from = in_graph_order(w, tensor), values = add_ints(w, shape, n_dims), out;
    if (to)
        snprintf(out.text, sizeof out.text, "%s", to);
    else
        out = new_name(w);
    struct bytes op = begin_node("Reshape", 2, from.text, values.text);
    end_node(w, &op, out.text);
    return out;
}

static void write_reshape(struct writer *w, const struct fg_node *node)
{
    static const int64_t order[] = {0, 3, 1, 2};
    const struct fg_tensor *out = &w->graph->tensors[node->output];
    struct name to = tensor_name(node->output);
    if (out->n_dims == 4) {
        struct name plain = reshaped(w, node->inputs[0], out->n_dims, out->dims, NULL);
        transpose(w, plain.text, order, to.text);
        return;
    }
    reshaped(w, node->inputs[0], out->n_dims, out->dims, to.text);
}

static void write_fully_connected(struct writer *w, const struct fg_node *node)
{
    const struct fg_tensor *f = &w->graph->tensors[node->inputs[1]];
    const struct fg_tensor *x = &w->graph->tensors[node->inputs[0]];
    const int64_t dims[] = {f->dims[0], f->dims[1]};
    const uint32_t rows[] = {(uint32_t)(fg_tensor_elements(x) / f->dims[1]), f->dims[1]};
    struct name in = x->n_dims == 2 && x->dims[1] == f->dims[1]
                         ? tensor_name(node->inputs[0])
                         : reshaped(w, node->inputs[0], 2, rows, NULL);
    struct name filter = add_values(w, ONNX_FLOAT, dims, 2, f->data, f->bytes);
    struct name bias = add_bias(w, node, f->dims[0]);
    struct bytes op = begin_node("Gemm", 3, in.text, filter.text, bias.text);
    attribute_int(&op, "transB", 1);
    end_activated(w, node, &op);
}

static void write_resize(struct writer *w, const struct fg_node *node)
{
    const uint32_t *d = w->graph->tensors[node->output].dims;
    const int64_t sizes[] = {d[0], d[3], d[1], d[2]};
    struct name values = add_ints(w, sizes, 4);
    struct bytes op =
        begin_node("Resize", 4, tensor_name(node->inputs[0]).text, "", "", values.text);
    attribute_text(&op, "mode", "linear");
    attribute_text(&op, "coordinate_transformation_mode",
                   node->half_pixel      ? "half_pixel"
                   : node->align_corners ? "align_corners"
                                         : "asymmetric");
    end_node(w, &op, tensor_name(node->output).text);
}

// A constant operand of an element-wise node, in the peer's order and with as many dimensions as
// the node's output: [c] beside an image becomes [1, c, 1, 1].
static struct name add_operand(struct writer *w, const struct fg_tensor *from, unsigned n_dims)
{
    struct fg_tensor whole = *from;
    int64_t dims[FG_MAX_DIMS];
    for (unsigned d = 0; d < n_dims; d++) {
        unsigned missing = n_dims - from->n_dims;
        whole.dims[d] = d < missing ? 1 : from->dims[d - missing];
        dims[d] = whole.dims[d];
    }
    whole.n_dims = n_dims;
    return n_dims == 4 ? add_turned(w, &whole, false)
                       : add_values(w, ONNX_FLOAT, dims, n_dims, from->data, from->bytes);
}

static struct name operand_name(struct writer *w, const struct fg_node *node, unsigned k)
{
    const struct fg_tensor *t = &w->graph->tensors[node->inputs[k]];
    unsigned n_dims = w->graph->tensors[node->output].n_dims;
    return t->data ? add_operand(w, t, n_dims) : tensor_name(node->inputs[k]);
}

static int write_plain(struct writer *w, const struct fg_node *node, unsigned index,
                       struct fg_error *err)
{
    static const char *const names[FG_OP_COUNT] = {
        [FG_OP_ADD] = "Add",         [FG_OP_SUB] = "Sub",   [FG_OP_MUL] = "Mul",
        [FG_OP_DIV] = "Div",         [FG_OP_ABS] = "Abs",   [FG_OP_NEG] = "Neg",
        [FG_OP_SOFTMAX] = "Softmax", [FG_OP_RELU] = "Relu",
    };
    unsigned n_dims = w->graph->tensors[node->output].n_dims;
    bool even = true; // fewer dimensions are filled up in front, where the peer's order differs
    for (unsigned k = 0; k < node->n_inputs; k++) {
        const struct fg_tensor *t = &w->graph->tensors[node->inputs[k]];
        even &= t->data || t->n_dims == n_dims;
    }
    if (!names[node->op] || !even)
        return fg_fail(err, -ENOTSUP, "operators[%u] %s has no ONNX spelling here", index,
                       fg_op_name(node->op));
    struct bytes op = begin_node(names[node->op], 0);
    for (unsigned k = 0; k < node->n_inputs; k++)
        put_text(&op, 1, operand_name(w, node, k).text);
    if (node->op == FG_OP_SOFTMAX)
        attribute_int(&op, "axis", onnx_axis(&w->graph->tensors[node->output], n_dims - 1));
    end_activated(w, node, &op);
    return 0;
}

static int write_node(struct writer *w, unsigned index, struct fg_error *err)
{
    const struct fg_node *node = &w->graph->nodes[index];
    switch (node->op) {
    case FG_OP_CONV:
    case FG_OP_DEPTHWISE:
        write_conv(w, node);
        return 0;
    case FG_OP_MAX_POOL:
        write_pool(w, node);
        return 0;
    case FG_OP_PRELU:
        write_prelu(w, node);
        return 0;
    case FG_OP_PAD:
        write_pad(w, node);
        return 0;
    case FG_OP_CONCAT:
        write_concat(w, node);
        return 0;
    case FG_OP_FULLY_CONNECTED:
        write_fully_connected(w, node);
        return 0;
    case FG_OP_RESIZE_BILINEAR:
        write_resize(w, node);
        return 0;
    case FG_OP_RESHAPE:
        write_reshape(w, node);
        return 0;
    default:
        return write_plain(w, node, index, err);
    }
}

static void write_end(struct writer *w, unsigned field, const char *name, unsigned n_dims,
                      const uint32_t *dims)
{
    struct bytes info = {0}, type = {0}, tensor = {0}, shape = {0};
    for (unsigned d = 0; d < n_dims; d++) {
        struct bytes side = {0};
        put_int(&side, 1, dims[d]);
        put_message(&shape, 1, &side);
    }
    put_int(&tensor, 1, ONNX_FLOAT);
    put_message(&tensor, 2, &shape);
    put_message(&type, 1, &tensor);
    put_text(&info, 1, name);
    put_message(&info, 2, &type);
    put_message(&w->nodes, field, &info);
}

static void write_inputs(struct writer *w)
{
    for (unsigned k = 0; k < w->graph->n_inputs; k++) {
        const struct fg_tensor *t = &w->graph->tensors[w->graph->inputs[k]];
        uint32_t dims[FG_MAX_DIMS];
        for (unsigned d = 0; d < t->n_dims; d++)
            dims[onnx_axis(t, d)] = t->dims[d];
        write_end(w, 11, tensor_name(w->graph->inputs[k]).text, t->n_dims, dims);
    }
}

// Outputs get names that tell their order, and the graph's own layout.
static void write_outputs(struct writer *w)
{
    for (unsigned k = 0; k < w->graph->n_outputs; k++) {
        const struct fg_tensor *t = &w->graph->tensors[w->graph->outputs[k]];
        struct name name, from = in_graph_order(w, w->graph->outputs[k]);
        uint32_t dims[FG_MAX_DIMS];
        snprintf(name.text, sizeof name.text, "out%02u", k);
        for (unsigned d = 0; d < t->n_dims; d++)
            dims[is_turned(t) ? d : onnx_axis(t, d)] = t->dims[d];
        struct bytes same = begin_node("Identity", 1, from.text);
        end_node(w, &same, name.text);
        write_end(w, 12, name.text, t->n_dims, dims);
    }
}

static int save(const struct bytes *b, const char *path, struct fg_error *err)
{
    FILE *f = fopen(path, "wb");
    if (!f)
        return fg_fail(err, -errno, "%s: %s", path, strerror(errno));
    size_t n = fwrite(b->data, 1, b->length, f);
    if (fclose(f) || n != b->length)
        return fg_fail(err, -EIO, "%s: could not write %zu bytes", path, b->length);
    return 0;
}

int fg_onnx_write(const struct fg_graph *graph, const char *path, struct fg_error *err)
{
    struct writer w = {.graph = graph};
    struct bytes model = {0}, opset = {0};
    int r = 0;
    write_inputs(&w);
    for (unsigned i = 0; r == 0 && i < graph->n_nodes; i++)
        r = write_node(&w, i, err);
    if (r == 0) {
        write_outputs(&w);
        put_text(&w.nodes, 2, "facegate");
        put_int(&model, 1, 8);
        put_int(&opset, 2, 13);
        put_message(&model, 8, &opset);
        put_message(&model, 7, &w.nodes);
        r = save(&model, path, err);
    }
    free(model.data);
    free(w.nodes.data);
    return r;
}
