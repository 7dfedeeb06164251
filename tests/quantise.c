// SPDX-License-Identifier: Apache-2.0
// Post-training quantisation, as plain as it gets: ranges from one run of the reference.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/operators.h"
#include "tests/reference.h"

struct range {
    double low, high;
};

struct plan {
    struct fg_graph *graph;
    enum operator_type type;
    struct range *ranges; // by tensor
};

static void must(int code)
{
    if (code == 0)
        return;
    fprintf(stderr, "quantise: the graph can't be built\n");
    abort();
}

static bool has_filter(enum fg_op op)
{
    return op == FG_OP_CONV || op == FG_OP_DEPTHWISE || op == FG_OP_FULLY_CONNECTED ||
           op == FG_OP_TRANSPOSE_CONV;
}

static bool keeps_scale(enum fg_op op)
{
    switch (op) {
    case FG_OP_AVERAGE_POOL:
    case FG_OP_MAX_POOL:
    case FG_OP_PAD:
    case FG_OP_RESHAPE:
    case FG_OP_RESIZE_BILINEAR:
    case FG_OP_RESIZE_NEAREST:
    case FG_OP_SLICE:
    case FG_OP_TRANSPOSE:
    case FG_OP_MAXIMUM:
    case FG_OP_MINIMUM:
        return true;
    default:
        return false;
    }
}

static struct range range_of(const double *values, size_t count)
{
    struct range r = {0, 1e-3}; // zero is always in it
    for (size_t k = 0; k < count; k++) {
        r.low = fmin(r.low, values[k]);
        r.high = fmax(r.high, values[k]);
    }
    return r;
}

static void unite(struct range *a, struct range *b)
{
    a->low = b->low = fmin(a->low, b->low);
    a->high = b->high = fmax(a->high, b->high);
}

static void observe(struct plan *plan)
{
    struct fg_graph *graph = plan->graph;
    struct reference ref = {0};
    float *inputs[FG_GRAPH_MAX_ENDS];
    for (unsigned k = 0; k < graph->n_inputs; k++) {
        size_t n = fg_tensor_elements(&graph->tensors[graph->inputs[k]]);
        inputs[k] = malloc(n * sizeof *inputs[k]);
        must(inputs[k] ? 0 : -1);
        operator_fill(graph, k, inputs[k]);
    }
    reference_run(&ref, graph, (const float *const *)inputs);
    for (unsigned t = 0; t < graph->n_tensors; t++)
        plan->ranges[t] = range_of(ref.values[t], fg_tensor_elements(&graph->tensors[t]));
    for (unsigned i = 0; i < graph->n_nodes; i++) {
        const struct fg_node *node = &graph->nodes[i];
        if (node->op == FG_OP_MAXIMUM || node->op == FG_OP_MINIMUM)
            unite(&plan->ranges[node->inputs[0]], &plan->ranges[node->inputs[1]]);
        if (keeps_scale(node->op))
            plan->ranges[node->output] = plan->ranges[node->inputs[0]];
    }
    for (unsigned k = 0; k < graph->n_inputs; k++)
        free(inputs[k]);
    reference_finish(&ref);
}

static void set_scales(struct fg_tensor *t, unsigned count, unsigned dim)
{
    t->n_scales = count;
    t->scale_dim = dim;
    t->scales = calloc(count, sizeof *t->scales);
    t->zero_points = calloc(count, sizeof *t->zero_points);
    must(t->scales && t->zero_points ? 0 : -1);
}

static void set_range(struct fg_tensor *t, enum fg_type type, struct range r)
{
    int32_t lowest = type == FG_INT8 ? -128 : 0;
    set_scales(t, 1, 0);
    t->scales[0] = (float)((r.high - r.low) / 255);
    t->zero_points[0] = lowest - (int32_t)lround(r.low / t->scales[0]);
}

// The scales that TFLite fixes for these.
static bool set_fixed(struct fg_tensor *t, enum fg_type type, enum fg_op op)
{
    int32_t lowest = type == FG_INT8 ? -128 : 0;
    if (op != FG_OP_LOGISTIC && op != FG_OP_SOFTMAX && op != FG_OP_TANH)
        return false;
    set_scales(t, 1, 0);
    t->scales[0] = op == FG_OP_TANH ? 1 / 128.0f : 1 / 256.0f;
    t->zero_points[0] = op == FG_OP_TANH ? lowest + 128 : lowest;
    return true;
}

// Turns a constant's float32 data into `type`, by scales that are set, or for a bias are given.
static void store(struct fg_graph *graph, uint32_t index, enum fg_type type, const double *units)
{
    struct fg_tensor *t = &graph->tensors[index];
    float *old = t->data;
    size_t n = fg_tensor_elements(t), inner = 1;
    graph->constant_bytes -= t->bytes;
    t->data = NULL;
    t->type = type;
    t->bytes = n * fg_type_size(type);
    must(fg_graph_make_constant(graph, index, NULL));
    for (unsigned d = t->scale_dim + 1; d < t->n_dims; d++)
        inner *= t->dims[d];
    for (size_t k = 0; k < n; k++) {
        size_t s = t->n_scales > 1 ? k / inner % t->n_scales : 0;
        double q =
            units ? round(old[k] / units[k]) : round(old[k] / t->scales[s]) + t->zero_points[s];
        if (type == FG_INT32)
            ((int32_t *)t->data)[k] = (int32_t)q;
        else if (type == FG_INT8)
            ((int8_t *)t->data)[k] = (int8_t)fmin(fmax(q, -128), 127);
        else
            ((uint8_t *)t->data)[k] = (uint8_t)fmin(fmax(q, 0), 255);
    }
    free(old);
}

// Symmetric int8, for the whole filter or for each output channel; uint8 as any other tensor.
static void quantise_filter(const struct plan *plan, const struct fg_node *node)
{
    uint32_t index = node->inputs[1];
    struct fg_tensor *t = &plan->graph->tensors[index];
    const float *w = t->data;
    unsigned dim = node->op == FG_OP_DEPTHWISE ? 3 : 0;
    if (plan->type == OPERATOR_UINT8) {
        set_range(t, FG_UINT8, plan->ranges[index]);
        store(plan->graph, index, FG_UINT8, NULL);
        return;
    }
    size_t inner = 1;
    set_scales(t, plan->type == OPERATOR_INT8_CHANNELS ? t->dims[dim] : 1, dim);
    for (unsigned d = dim + 1; d < t->n_dims; d++)
        inner *= t->dims[d];
    for (unsigned s = 0; s < t->n_scales; s++)
        t->scales[s] = 1e-4f;
    for (size_t k = 0; k < fg_tensor_elements(t); k++) {
        float *scale = &t->scales[t->n_scales > 1 ? k / inner % t->n_scales : 0];
        *scale = fmaxf(*scale, fabsf(w[k]) / 127);
    }
    store(plan->graph, index, FG_INT8, NULL);
}

static void quantise_bias(const struct plan *plan, const struct fg_node *node)
{
    if (node->n_inputs < 3 || node->inputs[2] == FG_NO_TENSOR)
        return;
    const struct fg_tensor *in = &plan->graph->tensors[node->inputs[0]];
    const struct fg_tensor *filter = &plan->graph->tensors[node->inputs[1]];
    size_t n = fg_tensor_elements(&plan->graph->tensors[node->inputs[2]]);
    double *units = calloc(n, sizeof *units);
    must(units ? 0 : -1);
    for (size_t k = 0; k < n; k++)
        units[k] = (double)in->scales[0] * filter->scales[filter->n_scales > 1 ? k : 0];
    store(plan->graph, node->inputs[2], FG_INT32, units);
    free(units);
}

static void quantise_node(const struct plan *plan, const struct fg_node *node, enum fg_type type)
{
    struct fg_graph *graph = plan->graph;
    if (has_filter(node->op)) {
        quantise_filter(plan, node);
        quantise_bias(plan, node);
    }
    for (unsigned k = 1; !has_filter(node->op) && k < node->n_inputs; k++)
        if (graph->tensors[node->inputs[k]].data && !graph->tensors[node->inputs[k]].n_scales) {
            set_range(&graph->tensors[node->inputs[k]], type, plan->ranges[node->inputs[k]]);
            store(graph, node->inputs[k], type, NULL);
        }
    // a constant as the first operand
    if (graph->tensors[node->inputs[0]].data && !graph->tensors[node->inputs[0]].n_scales) {
        set_range(&graph->tensors[node->inputs[0]], type, plan->ranges[node->inputs[0]]);
        store(graph, node->inputs[0], type, NULL);
    }
    struct fg_tensor *out = &graph->tensors[node->output];
    if (!set_fixed(out, type, node->op))
        set_range(out, type, plan->ranges[node->output]);
    out->type = type;
    out->bytes = fg_tensor_elements(out);
}

// A float32 tensor at a border of the graph, and the node between it and the quantised one.
static uint32_t add_border(struct fg_graph *graph, uint32_t inside, const char *name)
{
    uint32_t t = 0;
    must(fg_graph_add_tensor(graph, name, FG_FLOAT32, graph->tensors[inside].n_dims,
                             graph->tensors[inside].dims, &t, NULL));
    return t;
}

void operator_quantise(struct fg_graph *graph, enum operator_type type)
{
    enum fg_type stored = type == OPERATOR_UINT8 ? FG_UINT8 : FG_INT8;
    struct plan plan = {graph, type, calloc(graph->n_tensors, sizeof *plan.ranges)};
    struct fg_node *nodes = graph->nodes;
    unsigned n_nodes = graph->n_nodes;
    must(plan.ranges ? 0 : -1);
    observe(&plan);
    graph->nodes = NULL;
    graph->n_nodes = graph->nodes_capacity = 0;
    for (unsigned k = 0; k < graph->n_inputs; k++) {
        uint32_t inside = graph->inputs[k];
        struct fg_tensor *t = &graph->tensors[inside];
        set_range(t, stored, plan.ranges[inside]);
        t->type = stored;
        t->bytes = fg_tensor_elements(t);
        graph->inputs[k] = add_border(graph, inside, "in as float");
        must(fg_graph_add_node(graph,
                               &(struct fg_node){.op = FG_OP_QUANTIZE,
                                                 .n_inputs = 1,
                                                 .inputs = {graph->inputs[k]},
                                                 .output = inside},
                               NULL));
    }
    for (unsigned i = 0; i < n_nodes; i++) {
        quantise_node(&plan, &nodes[i], stored);
        must(fg_graph_add_node(graph, &nodes[i], NULL));
    }
    for (unsigned k = 0; k < graph->n_outputs; k++) {
        uint32_t inside = graph->outputs[k];
        graph->outputs[k] = add_border(graph, inside, "out as float");
        must(fg_graph_add_node(graph,
                               &(struct fg_node){.op = FG_OP_DEQUANTIZE,
                                                 .n_inputs = 1,
                                                 .inputs = {inside},
                                                 .output = graph->outputs[k]},
                               NULL));
    }
    struct fg_error err = {""};
    if (fg_graph_check(graph, &err) < 0) {
        fprintf(stderr, "quantise: %s\n", err.text);
        abort();
    }
    free(plan.ranges);
    free(nodes);
}
