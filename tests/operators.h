// SPDX-License-Identifier: Apache-2.0
// One small graph for each way to use each operator, and the run of one on any engine against the
// float64 reference.
#ifndef FG_TEST_OPERATORS_H
#define FG_TEST_OPERATORS_H

#include <stdbool.h>

#include "accel/accel.h"
#include "accel/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

// ---- building -----------------------------------------------------------------------------------

// All of it aborts the test program on an error: what is built here is meant to be right.
struct build {
    struct fg_graph *graph;
    unsigned seed; // of the next weights
};

struct shape {
    unsigned n;
    uint32_t d[FG_MAX_DIMS];
};

struct build build_begin(void);
uint32_t build_input(struct build *b, struct shape shape);
// A constant of values in -1..1, plus `offset`.
uint32_t build_weights(struct build *b, struct shape shape, float offset);
// Adds a node whose output shape follows from its inputs; `free_shape` (n > 0) where it does not:
// RESHAPE, SLICE, RESIZE. Gives the output.
uint32_t build_node(struct build *b, struct fg_node node, struct shape free_shape);
struct fg_graph *build_end(struct build *b, uint32_t output);

// ---- the table ----------------------------------------------------------------------------------

struct operator_case {
    const char *name; // what goes wrong when this fails: "grouped and dilated convolutions"
    enum fg_op op;
    struct fg_graph *(*make)(enum fg_op op, unsigned variant); // float32, raw (not lowered)
    unsigned variants;
    bool quantises;
    double tolerance; // float32: largest error over the largest value
    double steps;     // quantised: largest error in steps of the output's scale
};
extern const struct operator_case operator_cases[];
extern const unsigned operator_case_count;

enum operator_type { OPERATOR_FLOAT, OPERATOR_INT8, OPERATOR_INT8_CHANNELS, OPERATOR_UINT8 };
#define OPERATOR_TYPES 4
extern const char *const operator_type_names[OPERATOR_TYPES];

// The graph of one variant. Quantised ones (of cases that quantise) take float32 in and give
// float32 out; OPERATOR_INT8_CHANNELS has filters with one scale for each output channel.
struct fg_graph *operator_make(const struct operator_case *c, unsigned variant,
                               enum operator_type type);

// Deterministic values of graph input k, in -8..8.
void operator_fill(const struct fg_graph *graph, unsigned k, float *values);

struct operator_result {
    double error;    // what the tolerance is for
    double limit;    // error above this is a failure
    unsigned output; // where
};

// Runs on the engine that `options` name: lowered first, or as it is. 0 and *ret; or what
// fg_accel_open or fg_accel_run said, with err. The reference always runs the raw graph.
int operator_run(const struct operator_case *c, unsigned variant, enum operator_type type,
                 bool lowered, const struct fg_accel_options *options, struct operator_result *ret,
                 struct fg_error *err);

// Post-training quantisation for tests: every float32 tensor of the graph becomes int8 or uint8
// with the range that the reference sees on operator_fill's values, constants too.
void operator_quantise(struct fg_graph *graph, enum operator_type type);

#ifdef __cplusplus
}
#endif
#endif
