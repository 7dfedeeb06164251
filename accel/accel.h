// SPDX-License-Identifier: Apache-2.0
// accel: a graph made ready to run on one engine.
//
// An opened model owns its input and output tensors; the caller writes the inputs in place, calls
// fg_accel_run and reads the outputs in place. One thread at a time per opened model; different
// opened models are independent.
#ifndef FG_ACCEL_H
#define FG_ACCEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_MAX_DIMS 6

struct fg_graph;
struct fg_accel;

enum fg_type { FG_FLOAT32, FG_FLOAT16, FG_INT32, FG_UINT8, FG_INT64, FG_INT8, FG_INT16 };

struct fg_accel_tensor {
    const char *name; // as the model file names it; valid until close
    enum fg_type type;
    unsigned n_dims;
    uint32_t dims[FG_MAX_DIMS]; // images are NHWC with N = 1
    float scale;                // quantised types: value = scale * (stored - zero_point)
    int32_t zero_point;
    void *data; // 64-byte aligned, owned by the opened model, the same address for its whole life
    size_t bytes;
};

// How to run a model. All zero is fine: `auto`, one thread, no limits.
struct fg_accel_options {
    // "auto" (also NULL), "xnnpack", "armnn" (its own order of preference) or
    // "armnn:Backend,Backend,..." (in this order; a backend that does not work is left out, with a
    // note). `auto` takes the first Arm NN accelerator that works, an NPU before a GPU before the
    // Arm CPU, else xnnpack; it never takes CpuRef, which is for comparison only.
    const char *engine;
    // "CpuAcc", "xnnpack", ...: refuse (-ENOTSUP) unless this runs every layer; NULL or "": take
    // any
    const char *require;
    const char *backend_path; // folder of Arm NN's dynamic backends; NULL or "": Arm NN's own
    const char *tuning; // GpuAcc's tuning file, read and, if absent, written; NULL or "": none
    uint64_t memory;    // refuse (-E2BIG) models that may need more bytes; 0: no limit
    unsigned threads;   // 0 or 1: none beside the caller's own, which suits one stream a core
    bool fp16;          // compute in float16 where the backend can
    bool fast_math;     // allow the backend its faster, less exact kernels
};

// Builds `graph` (already lowered; borrowed for the call only) on an engine and runs it once. Any
// engine but xnnpack is compared with xnnpack in that run, where xnnpack has the operators.
// Success: 0 and *ret is owned by the caller. Failure: negative errno, *ret untouched, err says
// which node, tensor or backend is at fault: -EINVAL (a name that is not known, a graph that is
// wrong), -ENODEV (no backend named works), -ENOTSUP (the engine lacks an operator; `require`),
// -E2BIG (over `memory`), -EIO (it can't be run, or computes something else than xnnpack), -EBUSY
// (another backend_path or tuning file while models are open).
int fg_accel_open(const struct fg_graph *graph, const struct fg_accel_options *options,
                  struct fg_accel **ret, struct fg_error *err);

// Runs once on what the inputs hold. 0 or negative errno (-EIO: the engine refused).
int fg_accel_run(struct fg_accel *accel);

// Overwrites what the last run left: inputs, outputs, and what is between them in the engine's own
// memory. That is not to be had from outside, but an engine plans it once and each run writes all
// of it: so the network is run on zeros, and what is left is of these. As long as a run takes;
// failure as fg_accel_run, and the tensors are zero in any case.
int fg_accel_wipe(struct fg_accel *accel);

unsigned fg_accel_input_count(const struct fg_accel *accel);
unsigned fg_accel_output_count(const struct fg_accel *accel);

// Borrowed until close; index below the count. Order as in the model file.
const struct fg_accel_tensor *fg_accel_input(const struct fg_accel *accel, unsigned index);
const struct fg_accel_tensor *fg_accel_output(const struct fg_accel *accel, unsigned index);

// The placement report: which layer runs where. Texts are valid until close.
struct fg_placement {
    const char *layer; // the node's name (its output tensor's name in the model file)
    const char *op;    // "CONV_2D", "PRELU", ...
    const char
        *backend;     // "xnnpack", "CpuAcc", ...; "alias" for a node that costs nothing (a reshape)
    const char *note; // why it runs there and not on the backend preferred; "" when it does
    uint64_t macs;    // multiply-accumulates of one run
};
unsigned fg_accel_placement_count(const struct fg_accel *accel);
struct fg_placement fg_accel_placement(const struct fg_accel *accel, unsigned index);

// How many layers did not get the backend preferred.
unsigned fg_accel_fallbacks(const struct fg_accel *accel);

// How many times the engine copies an input or output tensor in one run: 0 when it works in place.
int fg_accel_copies(const struct fg_accel *accel);

// The engine chosen with its backends ("xnnpack", "armnn:CpuAcc"), and one sentence on why, with
// what was asked for and can't be had. Owned text.
const char *fg_accel_engine(const struct fg_accel *accel);
const char *fg_accel_reason(const struct fg_accel *accel);

// Accepts NULL.
void fg_accel_close(struct fg_accel *accel);

#ifdef __cplusplus
}
#endif
#endif
