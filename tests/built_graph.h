// SPDX-License-Identifier: Apache-2.0
// A built TFLite file, read; the test fails when it can't be.
#ifndef FG_BUILT_GRAPH_H
#define FG_BUILT_GRAPH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "accel/tflite.h"
#include "tests/tflite_builder.h"

// Finishes and frees the builder; the graph is the caller's.
static inline struct fg_graph *built_graph(struct tb *tb)
{
    struct fg_graph *graph = NULL;
    struct fg_error err = {""};
    tb_finish(tb);
    if (fg_tflite_read(tb->bytes, tb->length, &graph, &err) < 0)
        fail_msg("%s", err.text);
    tb_free(tb);
    return graph;
}

#endif
