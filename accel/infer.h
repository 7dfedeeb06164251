// SPDX-License-Identifier: Apache-2.0
// What infer.c (shapes) and graph_check.c (types, the whole graph) know of each other; nobody else
// includes this.
#ifndef FG_INFER_H
#define FG_INFER_H

#include "accel/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

// "operators[3] CONV_2D: text"; returns the code.
int fg_infer_fail(const struct fg_graph *graph, unsigned node, int code, struct fg_error *err,
                  const char *format, ...) __attribute__((format(printf, 5, 6)));

// Types and quantisation of a node whose tensors exist and whose number of inputs is right; shapes
// are not looked at. 0, -EINVAL, -ENOTSUP.
int fg_infer_types(const struct fg_graph *graph, unsigned node, struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
