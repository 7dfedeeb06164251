// SPDX-License-Identifier: Apache-2.0
// What an engine gives to accel.c; nobody else includes this.
#ifndef FG_ENGINE_H
#define FG_ENGINE_H

#include "accel/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

// Engines may read, but not write, this far past the end of a buffer.
#define FG_ENGINE_SLACK 64u

// Where one node runs, and why not on the backend preferred.
struct fg_engine_place {
    char backend[32];
    char note[200];
};

struct fg_engine_request {
    const struct fg_graph *graph;
    const struct fg_accel_options *options; // never NULL
    const char *backends;                   // armnn: names that work, by preference, with commas
    void *const *inputs;            // by graph input: 64-byte aligned, FG_ENGINE_SLACK bytes longer
    void *const *outputs;           // by graph output, the same
    struct fg_engine_place *places; // by node, zeroed: to be filled
    char *notes;                    // what was asked for and can't be had: to be appended to
    size_t notes_size;
};

struct fg_engine {
    const char *name;
    // The request and its graph are borrowed for the call, the buffers stay where they are until
    // close. Success: 0 and *ret for the calls below. Failure: negative errno, err names the node.
    int (*open)(const struct fg_engine_request *request, void **ret, struct fg_error *err);
    int (*run)(void *model);          // 0 or -EIO
    int (*copies)(const void *model); // as fg_accel_copies
    void (*close)(void *model);
};

// Appends one note, "; " between two, cut to size.
void fg_engine_note(const struct fg_engine_request *request, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Are the request's buffers aligned as they must be? 0 or -EINVAL.
int fg_engine_check_buffers(const struct fg_engine_request *request, struct fg_error *err);

extern const struct fg_engine fg_engine_xnnpack;
extern const struct fg_engine fg_engine_armnn;

#ifdef __cplusplus
}
#endif
#endif
