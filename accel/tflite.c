// SPDX-License-Identifier: Apache-2.0
#include "accel/tflite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accel/flatbuffer.h"
#include "accel/tflite_options.h"

#define SCHEMA_VERSION 3
#define NAME_MAX_BYTES 200u

// Field numbers and enum values are those of schema.fbs.
enum { MODEL_VERSION, MODEL_OPERATOR_CODES, MODEL_SUBGRAPHS, MODEL_DESCRIPTION, MODEL_BUFFERS };
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
enum { BUFFER_DATA, BUFFER_OFFSET };

static void limit(struct fg_tflite *r, const char *what, uint32_t count, uint32_t most)
{
    fg_flat_where(&r->flat, "%s", what);
    if (count > most)
        fg_flat_fail(&r->flat, -EFBIG, "%u entries, at most %u are supported", count, most);
}

static void read_model(struct fg_tflite *r)
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
    if (!r->flat.code && subgraphs.count != 1)
        fg_flat_fail(&r->flat, -ENOTSUP, "%u subgraphs, 1 is supported", subgraphs.count);
    if (r->flat.code)
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

static enum fg_type read_type(struct fg_tflite *r, const struct fg_flat_table *tensor)
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
static void read_name(struct fg_tflite *r, const struct fg_flat_table *tensor, char *name,
                      size_t size)
{
    struct fg_flat_vector text = fg_flat_vector(&r->flat, tensor, TENSOR_NAME, 1);
    size_t n = text.count < size - 1 ? text.count : size - 1;
    for (size_t k = 0; k < n; k++) {
        uint8_t c = r->flat.bytes[text.at + k];
        name[k] = c >= ' ' && c <= '~' ? (char)c : '?';
    }
    name[n] = '\0';
}

static void read_quantization(struct fg_tflite *r, const struct fg_flat_table *table,
                              struct fg_tensor *tensor)
{
    struct fg_flat_table q = fg_flat_table(&r->flat, table, TENSOR_QUANTIZATION);
    struct fg_flat_vector scales = fg_flat_vector(&r->flat, &q, QUANTIZATION_SCALE, 4);
    struct fg_flat_vector zeros = fg_flat_vector(&r->flat, &q, QUANTIZATION_ZERO_POINT, 8);
    int32_t dim = fg_flat_i32(&r->flat, &q, QUANTIZATION_DIMENSION, 0);
    if (r->flat.code || !scales.count)
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
static struct fg_flat_vector read_buffer(struct fg_tflite *r, const struct fg_flat_table *table)
{
    struct fg_flat_vector none = {0};
    uint32_t index = (uint32_t)fg_flat_i32(&r->flat, table, TENSOR_BUFFER, 0);
    if (r->flat.code || (!index && !r->buffers.count))
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

static void read_constant(struct fg_tflite *r, const struct fg_flat_table *table, uint32_t index)
{
    struct fg_flat_vector data = read_buffer(r, table);
    if (r->flat.code || !data.count)
        return;
    struct fg_tensor *tensor = &r->graph->tensors[index];
    if (data.count != tensor->bytes) {
        fg_flat_fail(&r->flat, -EINVAL, "a buffer of %u bytes for a shape of %zu", data.count,
                     tensor->bytes);
        return;
    }
    fg_tflite_take(r, fg_graph_make_constant(r->graph, index, r->flat.err));
    if (!r->flat.code) // the file is little-endian, and so are the machines this is built for
        memcpy(tensor->data, r->flat.bytes + data.at, tensor->bytes);
}

static void read_tensor(struct fg_tflite *r, uint32_t index)
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
    for (uint32_t d = 0; !r->flat.code && d < shape.count; d++) {
        int32_t side = fg_flat_i32_at(&r->flat, &shape, d);
        if (side < 0)
            fg_flat_fail(&r->flat, -EINVAL, "dimension %u is %d", d, side);
        dims[d] = (uint32_t)side;
    }
    if (r->flat.code)
        return;
    fg_tflite_take(
        r, fg_graph_add_tensor(r->graph, name, type, shape.count, dims, &added, r->flat.err));
    if (r->flat.code)
        return;
    read_quantization(r, &table, &r->graph->tensors[added]);
    read_constant(r, &table, added);
}

static void read_ends(struct fg_tflite *r)
{
    r->graph->n_inputs = r->inputs.count;
    r->graph->n_outputs = r->outputs.count;
    for (uint32_t k = 0; k < r->inputs.count; k++)
        r->graph->inputs[k] = (uint32_t)fg_flat_i32_at(&r->flat, &r->inputs, k);
    for (uint32_t k = 0; k < r->outputs.count; k++)
        r->graph->outputs[k] = (uint32_t)fg_flat_i32_at(&r->flat, &r->outputs, k);
}

void fg_tflite_take(struct fg_tflite *r, int code)
{
    if (code < 0 && !r->flat.code) {
        r->flat.code = code;
        fg_fail_prefix(r->flat.err, code, "%s", r->flat.where);
    }
}

int fg_tflite_read(const void *bytes, size_t length, struct fg_graph **ret, struct fg_error *err)
{
    struct fg_tflite r = {.flat = {.bytes = bytes, .length = length, .err = err}};
    r.graph = fg_graph_create();
    if (!r.graph)
        return fg_fail(err, -ENOMEM, "no memory for the graph");
    read_model(&r);
    for (uint32_t k = 0; !r.flat.code && k < r.tensors.count; k++)
        read_tensor(&r, k);
    for (uint32_t k = 0; !r.flat.code && k < r.operators.count; k++)
        fg_tflite_operator(&r, k);
    if (!r.flat.code)
        read_ends(&r);
    int code = r.flat.code ? r.flat.code : fg_graph_check(r.graph, err);
    if (code < 0) {
        fg_graph_destroy(r.graph);
        return code;
    }
    *ret = r.graph;
    return 0;
}
