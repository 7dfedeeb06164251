// SPDX-License-Identifier: Apache-2.0
// Writes a lowered graph as an ONNX file, so that a peer engine runs the very same network.
#ifndef FG_ONNX_H
#define FG_ONNX_H

#include "accel/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

// The file has the peer's own layout (NCHW): inputs are NCHW, outputs as in the graph (NHWC) and
// named "out00", "out01", ... in the graph's order. Pictures of one pixel stay [1, channels, 1, 1].
// 0; -ENOTSUP: a node that has no ONNX spelling here (named); or what opening and writing said.
int fg_onnx_write(const struct fg_graph *graph, const char *path, struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
