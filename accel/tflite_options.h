// SPDX-License-Identifier: Apache-2.0
// How an operator of the file becomes nodes: what tflite.c (the file's tables), tflite_operator.c
// (numbers and operands), tflite_options.c and tflite_slices.c share; nobody else includes this.
//
// Errors stick in the FlatBuffers reader: after the first one nothing is added any more.
#ifndef FG_TFLITE_OPTIONS_H
#define FG_TFLITE_OPTIONS_H

#include "accel/flatbuffer.h"
#include "accel/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_TFLITE_DESCRIBING 3u

struct fg_tflite {
    struct fg_flat flat; // its code is the first error
    struct fg_graph *graph;
    struct fg_flat_vector codes, buffers, tensors, operators, inputs, outputs;
};

// One operator of the file on its way to nodes.
struct fg_tflite_call {
    int code; // BuiltinOperator
    struct fg_flat_table options;
    struct fg_flat_vector outputs;               // of int32
    uint32_t described_by[FG_TFLITE_DESCRIBING]; // operands, FG_NO_TENSOR where there is none
    struct fg_node node;                         // operator, data inputs and first output are set
};

enum {
    FG_TFLITE_SLICE = 65,
    FG_TFLITE_STRIDED_SLICE = 45,
    FG_TFLITE_SPLIT = 49,
    FG_TFLITE_SPLIT_V = 102
};

// The result of a graph function: its code sticks, its text is prefixed with where we are.
void fg_tflite_take(struct fg_tflite *reader, int code);
// Values of a constant int32 operand; NULL, and an error, when it is not one.
const int32_t *fg_tflite_operand(struct fg_tflite *reader, uint32_t tensor, size_t *ret_count);
// NULL when there is no such tensor. Valid until a tensor is added.
const struct fg_tensor *fg_tflite_tensor(const struct fg_tflite *reader, uint32_t tensor);
// Appends a node unless there was an error.
void fg_tflite_add(struct fg_tflite *reader, const struct fg_node *node);

// Reads operators[index] and appends its nodes: one, or one for each part of a split, or two for a
// slice that drops dimensions. All tensors of the file have been read.
void fg_tflite_operator(struct fg_tflite *reader, uint32_t index);
// Options and describing operands of all others into call->node.
void fg_tflite_options(struct fg_tflite *reader, struct fg_tflite_call *call);
// SLICE, STRIDED_SLICE, SPLIT and SPLIT_V; appends the nodes.
void fg_tflite_slices(struct fg_tflite *reader, struct fg_tflite_call *call);

#ifdef __cplusplus
}
#endif
#endif
