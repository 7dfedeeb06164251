// SPDX-License-Identifier: Apache-2.0
// TFLite model files (FlatBuffers, schema version 3, identifier "TFL3") into a graph.
//
// Source: tensorflow/lite/schema/schema.fbs; the FlatBuffers layout as in its "Internals" page.
// The reader trusts nothing: each offset, table, vector and count is checked against the bytes
// before it is followed, and a refusal names the place ("operators[12].inputs[1]: tensor 999 of
// 369").
#ifndef FG_TFLITE_H
#define FG_TFLITE_H

#include <stdbool.h>
#include <stddef.h>

#include "accel/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

// Reads a model of one subgraph; `bytes` need no alignment and may go away afterwards. The graph
// has passed fg_graph_check and is not lowered yet: node i is operators[i] of the file, but that a
// split becomes a slice for each of its parts and a slice that drops dimensions gets a reshape
// after it; those behind them move up. Constant operands that only describe a node (axes, paddings,
// new shapes) become its attributes, and TensorFlow's SAME padding becomes explicit (an odd cell
// goes bottom and right).
// Success: 0, *ret owned by the caller (fg_graph_destroy). Failure, *ret untouched: -EINVAL damaged
// or contradictory, -ENOTSUP an operator, type or feature that is not read, -EFBIG over a limit of
// graph.h, -ENOMEM.
int fg_tflite_read(const void *bytes, size_t length, struct fg_graph **ret, struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
