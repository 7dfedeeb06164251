// SPDX-License-Identifier: Apache-2.0
// Lowering: the same function in fewer and plainer nodes, before an engine sees the graph.
#ifndef FG_LOWER_H
#define FG_LOWER_H

#include "accel/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

// Rewrites the graph in place:
//   - computes nodes of constants (among them DEQUANTIZE of float16 and int8 weights);
//   - recognises PReLU in its two TFLite spellings, relu(x) + c (x - |x|) with slope 2c and
//     relu(x) + c (-relu(-x)) with slope c, and softmax spelled REDUCE_MAX, SUB, EXP, SUM, DIV;
//   - folds BATCH_NORM, and factors and terms by channel, into the linear layer before them where
//     nobody else reads it; a BATCH_NORM left over becomes MUL and ADD;
//   - turns a TRANSPOSE that moves only dimensions of 1 into a RESHAPE;
//   - fuses RELU and RELU6 into the node before them, spatial PAD into the convolution after it,
//     and a linear 1x1 convolution into a 1x1 convolution after it where that saves work; in a
//     quantised part only where no stored value changes;
//   - sets the batch to 1;
//   - drops what no output needs.
// Slopes may have any sign and size, so PReLU is never turned into a maximum.
// 0; or negative errno with the node named in err: -ENOTSUP (a batch that can't be 1), -EINVAL,
// -ENOMEM. The graph is then good for nothing but fg_graph_destroy.
int fg_lower(struct fg_graph *graph, struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
