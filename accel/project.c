// SPDX-License-Identifier: Apache-2.0
#include "accel/project.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "accel/eigen.h"
#include "accel/uses.h"

// Singular values under this share of the largest are the rounding of float32 weights.
#define RANK_TOLERANCE 1e-6

struct layer { // the last linear one: out = W in + b
    unsigned node;
    uint32_t out, in;
    const float *w, *b; // b may be NULL
};

// A layer of float32 weights that mixes all its inputs: no groups, no int8.
static bool is_linear(const struct fg_graph *graph, const struct fg_node *node)
{
    if ((node->op != FG_OP_CONV && node->op != FG_OP_FULLY_CONNECTED) ||
        node->activation != FG_ACT_NONE)
        return false;
    const struct fg_tensor *in = &graph->tensors[node->inputs[0]];
    const struct fg_tensor *filter = &graph->tensors[node->inputs[1]];
    bool whole = node->op == FG_OP_FULLY_CONNECTED || filter->dims[3] == in->dims[3];
    return filter->data && filter->type == FG_FLOAT32 && whole;
}

// Walks back from the output over reshapes to the linear layer.
static int find_layer(const struct fg_graph *graph, struct layer *ret, struct fg_error *err)
{
    struct fg_uses uses = {0};
    int r = fg_uses_init(&uses, graph, err);
    if (r < 0)
        return r;
    uint32_t tensor = graph->outputs[0], at = uses.producer[tensor];
    bool alone = graph->n_outputs == 1 && uses.readers[tensor] == 1;
    while (alone && at != FG_NO_NODE && graph->nodes[at].op == FG_OP_RESHAPE) {
        tensor = graph->nodes[at].inputs[0];
        alone = uses.readers[tensor] == 1;
        at = uses.producer[tensor];
    }
    fg_uses_finish(&uses);
    if (!alone || at == FG_NO_NODE)
        return fg_fail(err, -EINVAL, "projection: the model needs one output of one linear layer");
    const struct fg_node *node = &graph->nodes[at];
    bool linear = is_linear(graph, node);
    bool bias = linear && node->n_inputs > 2 && node->inputs[2] != FG_NO_TENSOR;
    if (!linear || (bias && !graph->tensors[node->inputs[2]].data))
        return fg_fail(err, -EINVAL, "projection: operators[%u] %s is no linear layer of constants",
                       at, fg_op_name(node->op));
    const struct fg_tensor *filter = &graph->tensors[node->inputs[1]];
    uint32_t out = filter->dims[0];
    if (fg_tensor_elements(&graph->tensors[tensor]) != out)
        return fg_fail(err, -EINVAL, "projection: '%.100s' is not one vector of %u",
                       graph->tensors[tensor].name, out);
    *ret = (struct layer){.node = at,
                          .out = out,
                          .in = (uint32_t)(fg_tensor_elements(filter) / out),
                          .w = filter->data,
                          .b = bias ? graph->tensors[node->inputs[2]].data : NULL};
    return 0;
}

static void gram(const struct layer *layer, double *a)
{
    uint32_t n = layer->out;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = i; j < n; j++) {
            const float *x = layer->w + (size_t)i * layer->in,
                        *y = layer->w + (size_t)j * layer->in;
            double sum = layer->b ? (double)layer->b[i] * layer->b[j] : 0;
            for (uint32_t k = 0; k < layer->in; k++)
                sum += (double)x[k] * y[k];
            a[(size_t)i * n + j] = a[(size_t)j * n + i] = sum;
        }
}

static uint32_t rank_of(const double *values, uint32_t n)
{
    uint32_t rank = 0;
    while (rank < n && values[rank] > values[0] * RANK_TOLERANCE * RANK_TOLERANCE)
        rank++;
    return rank;
}

// The least dimension whose dropped eigenvalues are small enough.
static uint32_t least_dimension(const double *values, uint32_t n)
{
    double total = 0, dropped = 0;
    for (uint32_t k = 0; k < n; k++)
        total += values[k];
    while (n > 1 && dropped + values[n - 1] <= total * FG_PROJECT_MAX_LOSS)
        dropped += values[--n];
    return n;
}

// Row k of the new layer; rows past the rank stay zero.
static void project_rows(const struct layer *layer, const double *vectors, uint32_t rows, float *w,
                         float *b, double *sum)
{
    for (uint32_t k = 0; k < rows; k++) {
        const double *u = vectors + (size_t)k * layer->out;
        double bias = 0;
        memset(sum, 0, layer->in * sizeof *sum);
        for (uint32_t o = 0; o < layer->out; o++) {
            bias += layer->b ? u[o] * layer->b[o] : 0;
            for (uint32_t i = 0; i < layer->in; i++)
                sum[i] += u[o] * layer->w[(size_t)o * layer->in + i];
        }
        for (uint32_t i = 0; i < layer->in; i++)
            w[(size_t)k * layer->in + i] = (float)sum[i];
        b[k] = (float)bias;
    }
}

static int replace_layer(struct fg_graph *graph, const struct layer *layer, uint32_t dimension,
                         const double *vectors, uint32_t rank, double *row, struct fg_error *err)
{
    struct fg_node *node = &graph->nodes[layer->node];
    const struct fg_tensor *old = &graph->tensors[node->inputs[1]];
    uint32_t dims[FG_MAX_DIMS], filter = 0, bias = 0;
    memcpy(dims, old->dims, sizeof dims);
    dims[0] = dimension;
    int r = fg_graph_add_tensor(graph, "projection", FG_FLOAT32, old->n_dims, dims, &filter, err);
    if (r == 0)
        r = fg_graph_make_constant(graph, filter, err);
    if (r == 0)
        r = fg_graph_add_tensor(graph, "projection bias", FG_FLOAT32, 1, &dimension, &bias, err);
    if (r == 0)
        r = fg_graph_make_constant(graph, bias, err);
    if (r < 0)
        return r;
    project_rows(layer, vectors, rank < dimension ? rank : dimension, graph->tensors[filter].data,
                 graph->tensors[bias].data, row);
    node->inputs[1] = filter;
    node->inputs[2] = bias;
    node->n_inputs = 3;
    for (unsigned i = layer->node; i < graph->n_nodes; i++) { // it and the reshapes after it
        struct fg_tensor *out = &graph->tensors[graph->nodes[i].output];
        memcpy(dims, out->dims, sizeof dims);
        for (unsigned d = 0; d < out->n_dims; d++)
            dims[d] = dims[d] == layer->out ? dimension : dims[d];
        fg_tensor_reshape(out, out->n_dims, dims);
    }
    return fg_graph_check(graph, err);
}

int fg_project(struct fg_graph *graph, uint32_t dimension, struct fg_error *err)
{
    struct layer layer = {0};
    int r = find_layer(graph, &layer, err);
    if (r < 0)
        return r;
    if (!dimension || dimension > layer.out || layer.out > FG_PROJECT_MAX_DIMENSION)
        return fg_fail(err, -EINVAL,
                       "projection: from %u to %u dimensions is not possible (at "
                       "most %u)",
                       layer.out, dimension, FG_PROJECT_MAX_DIMENSION);
    size_t n = layer.out;
    double *memory = malloc((2 * n * n + n + layer.in) * sizeof *memory);
    if (!memory)
        return fg_fail(err, -ENOMEM, "no memory for the projection");
    double *a = memory, *vectors = a + n * n, *values = vectors + n * n, *row = values + n;
    gram(&layer, a);
    r = fg_eigen(a, layer.out, values, vectors);
    if (r == 0 && least_dimension(values, layer.out) > dimension)
        r = fg_fail(err, -EINVAL,
                    "projection: %u dimensions would lose part of the last layer; set project = %u "
                    "or more, or 0 for none",
                    dimension, least_dimension(values, layer.out));
    if (r == 0)
        r = replace_layer(graph, &layer, dimension, vectors, rank_of(values, layer.out), row, err);
    free(memory);
    return r;
}
