// SPDX-License-Identifier: Apache-2.0
// What an engine gives to accel.c; nobody else includes this.
#ifndef FG_ENGINE_H
#define FG_ENGINE_H

#include "accel/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_engine_binding {
    void *const *inputs;   // by graph input: float32, 64-byte aligned, FG_ENGINE_SLACK bytes longer
    void *const *outputs;  // by graph output, the same
    const char **backends; // by node: to be filled with static texts, for the placement report
};

// Engines may read, but not write, this far past the end of a buffer.
#define FG_ENGINE_SLACK 64u

struct fg_engine {
    const char *name;
    const char *reason; // why `auto` takes it
    // The graph is borrowed for the call, the buffers stay where they are until close. Success: 0
    // and *ret for the two calls below. Failure: negative errno, err names the node.
    int (*open)(const struct fg_graph *graph, unsigned threads,
                const struct fg_engine_binding *binding, void **ret, struct fg_error *err);
    int (*run)(void *model); // 0 or -EIO
    void (*close)(void *model);
};

extern const struct fg_engine fg_engine_xnnpack;

#ifdef __cplusplus
}
#endif
#endif
