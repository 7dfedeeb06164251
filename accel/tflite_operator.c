// SPDX-License-Identifier: Apache-2.0
// Operators of a TFLite file: their numbers and operands.
#include "accel/tflite_options.h"

#include <errno.h>

// Field numbers and enum values are those of schema.fbs.
enum { CODE_DEPRECATED, CODE_CUSTOM, CODE_VERSION, CODE_BUILTIN };
enum { OPERATOR_CODE, OPERATOR_INPUTS, OPERATOR_OUTPUTS, OPERATOR_OPTIONS_TYPE, OPERATOR_OPTIONS };
enum { RESHAPE = 22 };

static const struct builtin {
    int code;         // BuiltinOperator
    int options_type; // BuiltinOptions; 0: has none that matter
    enum fg_op op;
    unsigned leading;   // operands before the data that describe the node
    unsigned data;      // 0: all that there are
    unsigned following; // operands after the data that describe the node
    const char *name;   // where it is not the graph's
} builtins[] = {
    {0, 11, FG_OP_ADD, 0, 0, 0, NULL},
    {1, 5, FG_OP_AVERAGE_POOL, 0, 1, 0, NULL},
    {2, 10, FG_OP_CONCAT, 0, 0, 0, NULL},
    {3, 1, FG_OP_CONV, 0, 0, 0, NULL},
    {4, 2, FG_OP_DEPTHWISE, 0, 0, 0, NULL},
    {6, 0, FG_OP_DEQUANTIZE, 0, 0, 0, NULL},
    {9, 8, FG_OP_FULLY_CONNECTED, 0, 0, 0, NULL},
    {11, 12, FG_OP_L2_NORM, 0, 0, 0, NULL},
    {14, 0, FG_OP_LOGISTIC, 0, 0, 0, NULL},
    {17, 5, FG_OP_MAX_POOL, 0, 0, 0, NULL},
    {18, 21, FG_OP_MUL, 0, 0, 0, NULL},
    {19, 0, FG_OP_RELU, 0, 0, 0, NULL},
    {21, 0, FG_OP_RELU6, 0, 0, 0, NULL},
    {22, 17, FG_OP_RESHAPE, 0, 1, 1, NULL},
    {23, 15, FG_OP_RESIZE_BILINEAR, 0, 1, 1, NULL},
    {25, 9, FG_OP_SOFTMAX, 0, 0, 0, NULL},
    {28, 0, FG_OP_TANH, 0, 0, 0, NULL},
    {34, 0, FG_OP_PAD, 0, 1, 1, NULL},
    {39, 0, FG_OP_TRANSPOSE, 0, 1, 1, NULL},
    {40, 27, FG_OP_MEAN, 0, 1, 1, NULL},
    {41, 28, FG_OP_SUB, 0, 0, 0, NULL},
    {42, 29, FG_OP_DIV, 0, 0, 0, NULL},
    {43, 0, FG_OP_RESHAPE, 0, 1, 0, "SQUEEZE"},
    {45, 32, FG_OP_SLICE, 0, 1, 3, "STRIDED_SLICE"},
    {47, 0, FG_OP_EXP, 0, 0, 0, NULL},
    {49, 35, FG_OP_SLICE, 1, 1, 0, "SPLIT"},
    {54, 0, FG_OP_PRELU, 0, 0, 0, NULL},
    {55, 0, FG_OP_MAXIMUM, 0, 0, 0, NULL},
    {57, 0, FG_OP_MINIMUM, 0, 0, 0, NULL},
    {59, 0, FG_OP_NEG, 0, 0, 0, NULL},
    {65, 0, FG_OP_SLICE, 0, 1, 2, NULL},
    {67, 49, FG_OP_TRANSPOSE_CONV, 1, 3, 0, NULL},
    {70, 0, FG_OP_RESHAPE, 0, 1, 1, "EXPAND_DIMS"},
    {74, 27, FG_OP_SUM, 0, 1, 1, NULL},
    {82, 27, FG_OP_REDUCE_MAX, 0, 1, 1, NULL},
    {97, 74, FG_OP_RESIZE_NEAREST, 0, 1, 1, NULL},
    {98, 75, FG_OP_LEAKY_RELU, 0, 0, 0, NULL},
    {101, 0, FG_OP_ABS, 0, 0, 0, NULL},
    {102, 79, FG_OP_SLICE, 0, 1, 2, "SPLIT_V"},
    {114, 0, FG_OP_QUANTIZE, 0, 0, 0, NULL},
    {117, 0, FG_OP_HARD_SWISH, 0, 0, 0, NULL},
};

const int32_t *fg_tflite_operand(struct fg_tflite *r, uint32_t index, size_t *ret_count)
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

const struct fg_tensor *fg_tflite_tensor(const struct fg_tflite *r, uint32_t index)
{
    return index < r->graph->n_tensors ? &r->graph->tensors[index] : NULL;
}

void fg_tflite_add(struct fg_tflite *r, const struct fg_node *node)
{
    if (!r->flat.code)
        fg_tflite_take(r, fg_graph_add_node(r->graph, node, r->flat.err));
}

static const struct builtin *read_code(struct fg_tflite *r, const struct fg_flat_table *operator_)
{
    uint32_t index = (uint32_t)fg_flat_i32(&r->flat, operator_, OPERATOR_CODE, 0);
    if (!r->flat.code && index >= r->codes.count)
        fg_flat_fail(&r->flat, -EINVAL, "operator code %u of %u", index, r->codes.count);
    if (r->flat.code)
        return NULL;
    struct fg_flat_table code = fg_flat_table_at(&r->flat, &r->codes, index);
    // old files have the code in the deprecated byte, new ones in both
    int32_t number = fg_flat_i32(&r->flat, &code, CODE_BUILTIN, 0);
    int32_t old = fg_flat_i8(&r->flat, &code, CODE_DEPRECATED, 0);
    if (old > number)
        number = old;
    for (size_t k = 0; k < sizeof builtins / sizeof builtins[0]; k++)
        if (builtins[k].code == number && !r->flat.code)
            return &builtins[k];
    fg_flat_fail(&r->flat, -ENOTSUP, "builtin operator %d is not supported", number);
    return NULL;
}

// Splits the inputs into data and the constants that describe the node.
static void read_inputs(struct fg_tflite *r, const struct fg_flat_table *table,
                        const struct builtin *builtin, struct fg_tflite_call *call)
{
    struct fg_flat_vector inputs = fg_flat_vector(&r->flat, table, OPERATOR_INPUTS, 4);
    if (r->flat.code)
        return;
    uint32_t data = builtin->data ? builtin->data : FG_GRAPH_MAX_INPUTS;
    uint32_t most = builtin->leading + data + builtin->following;
    uint32_t least = builtin->following && builtin->code != RESHAPE ? most : builtin->leading + 1;
    if (inputs.count > most || inputs.count < least) {
        fg_flat_fail(&r->flat, -EINVAL, "%u inputs, %u to %u fit", inputs.count, least, most);
        return;
    }
    unsigned described = 0;
    for (uint32_t k = 0; k < inputs.count; k++) {
        int32_t t = fg_flat_i32_at(&r->flat, &inputs, k);
        if (t < -1 || t >= (int32_t)r->graph->n_tensors) {
            fg_flat_where(&r->flat, "%.80s.inputs[%u]", r->flat.where, k);
            fg_flat_fail(&r->flat, -EINVAL, "tensor %d of %u", t, r->graph->n_tensors);
            return;
        }
        uint32_t index = t < 0 ? FG_NO_TENSOR : (uint32_t)t;
        if (k < builtin->leading || k >= builtin->leading + data)
            call->described_by[described++] = index;
        else
            call->node.inputs[call->node.n_inputs++] = index;
    }
}

static void read_outputs(struct fg_tflite *r, const struct fg_flat_table *table,
                         struct fg_tflite_call *call)
{
    call->outputs = fg_flat_vector(&r->flat, table, OPERATOR_OUTPUTS, 4);
    if (r->flat.code)
        return;
    bool parts = call->code == FG_TFLITE_SPLIT || call->code == FG_TFLITE_SPLIT_V;
    if (parts ? !call->outputs.count : call->outputs.count != 1) {
        fg_flat_fail(&r->flat, -EINVAL, "%u outputs, 1 expected", call->outputs.count);
        return;
    }
    int32_t t = fg_flat_i32_at(&r->flat, &call->outputs, 0);
    if (t < 0 || t >= (int32_t)r->graph->n_tensors) {
        fg_flat_where(&r->flat, "%.80s.outputs[0]", r->flat.where);
        fg_flat_fail(&r->flat, -EINVAL, "tensor %d of %u", t, r->graph->n_tensors);
        return;
    }
    call->node.output = (uint32_t)t;
}

void fg_tflite_operator(struct fg_tflite *r, uint32_t index)
{
    struct fg_tflite_call call = {.described_by = {FG_NO_TENSOR, FG_NO_TENSOR, FG_NO_TENSOR}};
    fg_flat_where(&r->flat, "operators[%u]", index);
    struct fg_flat_table table = fg_flat_table_at(&r->flat, &r->operators, index);
    const struct builtin *builtin = read_code(r, &table);
    if (!builtin)
        return;
    call.code = builtin->code;
    call.node.op = builtin->op;
    read_inputs(r, &table, builtin, &call);
    read_outputs(r, &table, &call);
    fg_flat_where(&r->flat, "operators[%u] %s", index,
                  builtin->name ? builtin->name : fg_op_name(call.node.op));
    int options_type = fg_flat_i8(&r->flat, &table, OPERATOR_OPTIONS_TYPE, 0);
    call.options = fg_flat_table(&r->flat, &table, OPERATOR_OPTIONS);
    // operators without options of their own carry an empty table of some type
    if (options_type && builtin->options_type && options_type != builtin->options_type)
        fg_flat_fail(&r->flat, -EINVAL, "options of type %d, %d expected", options_type,
                     builtin->options_type);
    if (r->flat.code)
        return;
    if (call.node.op == FG_OP_SLICE) {
        fg_tflite_slices(r, &call);
    } else {
        fg_tflite_options(r, &call);
        fg_tflite_add(r, &call.node);
    }
}
