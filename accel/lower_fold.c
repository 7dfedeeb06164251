// SPDX-License-Identifier: Apache-2.0
// Weights that take their neighbours in: factors and terms by channel, batch normalisation, linear
// 1x1 convolutions. Everything is computed in double and rounded once.
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "accel/lower_passes.h"

static const float *bias_of(const struct fg_graph *graph, const struct fg_node *node)
{
    return node->n_inputs > 2 && node->inputs[2] != FG_NO_TENSOR
               ? graph->tensors[node->inputs[2]].data
               : NULL;
}

// ---- factors and terms by channel ---------------------------------------------------------------

// y = scale x + shift, one pair a channel.
struct affine {
    uint32_t x;
    uint32_t channels;
    double *scale, *shift;
};

// One value for all channels or one for each; NULL: it is neither, or not constant.
static const float *by_channel(const struct fg_graph *graph, uint32_t tensor, uint32_t like,
                               unsigned *ret_step)
{
    if (!fg_is_constant(graph, tensor) || graph->tensors[tensor].type != FG_FLOAT32)
        return NULL;
    *ret_step = fg_tensor_elements(&graph->tensors[tensor]) != 1;
    return !*ret_step || fg_is_channels(graph, tensor, like) ? graph->tensors[tensor].data : NULL;
}

static bool batch_norm(const struct fg_graph *graph, const struct fg_node *node, struct affine *a)
{
    const float *c[5] = {NULL};
    for (unsigned k = 1; k < 5; k++) {
        if (!fg_is_channels(graph, node->inputs[k], node->inputs[0]))
            return false;
        c[k] = graph->tensors[node->inputs[k]].data;
    }
    for (uint32_t k = 0; k < a->channels; k++) {
        a->scale[k] = c[4][k] / sqrt((double)c[2][k] + node->epsilon);
        a->shift[k] = c[3][k] - a->scale[k] * c[1][k];
    }
    return true;
}

static bool arithmetic(const struct fg_graph *graph, const struct fg_node *node, unsigned of,
                       struct affine *a)
{
    unsigned step = 0;
    const float *c = by_channel(graph, node->inputs[1 - of], node->inputs[of], &step);
    if (!c || (node->op == FG_OP_DIV && of == 1))
        return false;
    for (uint32_t k = 0; k < a->channels; k++) {
        double v = c[k * step];
        bool minus = node->op == FG_OP_SUB;
        a->scale[k] = node->op == FG_OP_MUL   ? v
                      : node->op == FG_OP_DIV ? 1 / v
                      : minus && of == 1      ? -1
                                              : 1;
        a->shift[k] = node->op == FG_OP_ADD || (minus && of == 1) ? v : minus ? -v : 0;
    }
    return true;
}

static bool is_affine_op(const struct fg_node *node)
{
    return node->op == FG_OP_BATCH_NORM || node->op == FG_OP_ADD || node->op == FG_OP_SUB ||
           node->op == FG_OP_MUL || node->op == FG_OP_DIV;
}

// Reads a node as y = scale x + shift. On true, the arrays are the caller's to free (scale).
static bool read_affine(const struct fg_graph *graph, const struct fg_node *node, struct affine *a)
{
    const struct fg_tensor *out = &graph->tensors[node->output];
    if (!is_affine_op(node) || out->type != FG_FLOAT32 || !out->n_dims)
        return false;
    *a = (struct affine){.channels = out->dims[out->n_dims - 1]};
    a->scale = malloc(2 * (size_t)a->channels * sizeof *a->scale);
    if (!a->scale)
        return false; // unfolded is right too
    a->shift = a->scale + a->channels;
    for (unsigned k = 0; k < (node->op == FG_OP_BATCH_NORM ? 1u : 2u); k++) {
        const struct fg_tensor *x = &graph->tensors[node->inputs[k]];
        if (x->data || x->n_dims != out->n_dims || memcmp(x->dims, out->dims, sizeof x->dims))
            continue; // broadcast
        a->x = node->inputs[k];
        if (node->op == FG_OP_BATCH_NORM ? batch_norm(graph, node, a)
                                         : arithmetic(graph, node, k, a))
            return true;
    }
    free(a->scale);
    return false;
}

// The linear layer of constants that makes x for this reader alone; NULL: none does.
static struct fg_node *linear_before(struct fg_graph *graph, const struct fg_uses *uses, uint32_t x)
{
    if (uses->producer[x] == FG_NO_NODE || uses->readers[x] != 1)
        return NULL;
    struct fg_node *node = &graph->nodes[uses->producer[x]];
    bool linear = node->op == FG_OP_CONV || node->op == FG_OP_DEPTHWISE ||
                  node->op == FG_OP_FULLY_CONNECTED || node->op == FG_OP_TRANSPOSE_CONV;
    if (!linear || node->activation != FG_ACT_NONE || !fg_is_constant(graph, node->inputs[1]) ||
        graph->tensors[node->inputs[1]].type != FG_FLOAT32)
        return NULL;
    bool bias = node->n_inputs > 2 && node->inputs[2] != FG_NO_TENSOR;
    return bias && !fg_is_constant(graph, node->inputs[2]) ? NULL : node;
}

// The output channel of a filter's element.
static size_t channel_of(const struct fg_node *layer, size_t elements, uint32_t channels, size_t at)
{
    return layer->op == FG_OP_DEPTHWISE ? at % channels : at / (elements / channels);
}

static bool stays_finite(const struct fg_graph *graph, const struct fg_node *layer,
                         const struct affine *a)
{
    const struct fg_tensor *filter = &graph->tensors[layer->inputs[1]];
    const float *w = filter->data, *b = bias_of(graph, layer);
    size_t n = fg_tensor_elements(filter);
    bool finite = true;
    for (size_t k = 0; k < n; k++)
        finite &= isfinite((float)(w[k] * a->scale[channel_of(layer, n, a->channels, k)])) != 0;
    for (uint32_t k = 0; k < a->channels; k++)
        finite &= isfinite((float)(a->scale[k] * (b ? b[k] : 0) + a->shift[k])) != 0;
    return finite;
}

// `alone`: nobody else reads the filter, so it is changed where it lies.
static int fold_affine(struct fg_graph *graph, struct fg_node *layer, const struct affine *a,
                       bool alone, struct fg_error *err)
{
    uint32_t old = layer->inputs[1], filter = old, bias = 0;
    struct fg_tensor like = graph->tensors[old]; // the array of tensors may move
    int r = fg_add_constant(graph, like.name, 1, &a->channels, &bias, err);
    if (r == 0 && !alone)
        r = fg_add_constant(graph, like.name, like.n_dims, like.dims, &filter, err);
    if (r < 0)
        return r;
    const float *w = graph->tensors[old].data, *b = bias_of(graph, layer);
    float *to = graph->tensors[filter].data, *to_bias = graph->tensors[bias].data;
    size_t n = fg_tensor_elements(&like);
    for (size_t k = 0; k < n; k++)
        to[k] = (float)(w[k] * a->scale[channel_of(layer, n, a->channels, k)]);
    for (uint32_t k = 0; k < a->channels; k++)
        to_bias[k] = (float)(a->scale[k] * (b ? b[k] : 0) + a->shift[k]);
    layer->inputs[1] = filter;
    layer->inputs[2] = bias;
    layer->n_inputs = 3;
    return 0;
}

int fg_pass_channel_factors(struct fg_graph *graph, struct fg_uses *uses, struct fg_error *err)
{
    const unsigned known = graph->n_tensors; // to `uses`; later ones are filters made here
    for (unsigned i = 0; i < graph->n_nodes; i++) {
        struct fg_node *node = &graph->nodes[i];
        struct affine a;
        if (!fg_node_alive(node) || !read_affine(graph, node, &a))
            continue;
        struct fg_node *layer = linear_before(graph, uses, a.x);
        int r = 0;
        if (layer && stays_finite(graph, layer, &a)) {
            uint32_t filter = layer->inputs[1];
            r = fold_affine(graph, layer, &a, filter >= known || uses->readers[filter] == 1, err);
            layer->output = node->output;
            layer->activation = node->activation;
            uses->producer[node->output] = uses->producer[a.x];
            uses->producer[a.x] = FG_NO_NODE;
            fg_node_kill(node);
        }
        free(a.scale);
        if (r < 0)
            return r;
    }
    return 0;
}

// y = MUL(x, scale) + shift, in place of one batch normalisation.
static int append_affine(struct fg_graph *graph, const struct fg_node *norm, const struct affine *a,
                         struct fg_node to[2], struct fg_error *err)
{
    uint32_t scale = 0, shift = 0, middle = 0;
    struct fg_tensor out = graph->tensors[norm->output]; // the array of tensors may move
    int r = fg_add_constant(graph, out.name, 1, &a->channels, &scale, err);
    if (r == 0)
        r = fg_add_constant(graph, out.name, 1, &a->channels, &shift, err);
    if (r == 0)
        r = fg_graph_add_tensor(graph, out.name, FG_FLOAT32, out.n_dims, out.dims, &middle, err);
    if (r < 0)
        return r;
    for (uint32_t k = 0; k < a->channels; k++) {
        ((float *)graph->tensors[scale].data)[k] = (float)a->scale[k];
        ((float *)graph->tensors[shift].data)[k] = (float)a->shift[k];
    }
    to[0] = (struct fg_node){
        .op = FG_OP_MUL, .n_inputs = 2, .inputs = {norm->inputs[0], scale}, .output = middle};
    to[1] = (struct fg_node){
        .op = FG_OP_ADD, .n_inputs = 2, .inputs = {middle, shift}, .output = norm->output};
    return 0;
}

// Those whose parameters are computed stay as they are, for an engine that has them.
int fg_pass_batch_norms(struct fg_graph *graph, struct fg_uses *uses, struct fg_error *err)
{
    (void)uses;
    unsigned n = 0;
    struct fg_node *nodes = malloc((2 * (size_t)graph->n_nodes + 1) * sizeof *nodes);
    if (!nodes)
        return fg_fail(err, -ENOMEM, "no memory for the graph");
    int r = 0;
    for (unsigned i = 0; r == 0 && i < graph->n_nodes; i++) {
        const struct fg_node *node = &graph->nodes[i];
        struct affine a;
        if (node->op != FG_OP_BATCH_NORM || !fg_node_alive(node) || !read_affine(graph, node, &a)) {
            nodes[n++] = *node;
            continue;
        }
        r = append_affine(graph, node, &a, nodes + n, err);
        free(a.scale);
        n += 2;
    }
    if (r == 0 && n > FG_GRAPH_MAX_NODES)
        r = fg_fail(err, -EFBIG, "more than %u operators", FG_GRAPH_MAX_NODES);
    if (r < 0) {
        free(nodes);
        return r;
    }
    free(graph->nodes);
    graph->nodes = nodes;
    graph->nodes_capacity = 2 * graph->n_nodes + 1;
    graph->n_nodes = n;
    return 0;
}

// ---- linear 1x1 convolutions --------------------------------------------------------------------

static bool is_pointwise(const struct fg_graph *graph, const struct fg_node *node)
{
    if (node->op != FG_OP_CONV || !fg_node_alive(node) || !fg_is_constant(graph, node->inputs[1]))
        return false;
    const struct fg_tensor *filter = &graph->tensors[node->inputs[1]];
    if (filter->type != FG_FLOAT32 ||
        filter->dims[3] != graph->tensors[node->inputs[0]].dims[3]) // groups
        return false;
    bool pad =
        node->pad_before[1] || node->pad_before[2] || node->pad_after[1] || node->pad_after[2];
    bool bias = node->n_inputs < 3 || node->inputs[2] == FG_NO_TENSOR ||
                fg_is_constant(graph, node->inputs[2]);
    return filter->dims[1] == 1 && filter->dims[2] == 1 && !pad && bias;
}

// filter = second x first and bias = second x first's bias + second's bias, summed in double.
static int compose(struct fg_graph *graph, const struct fg_node *first, struct fg_node *second,
                   struct fg_error *err)
{
    const char *name = graph->tensors[second->inputs[1]].name;
    uint32_t out = graph->tensors[second->inputs[1]].dims[0];
    uint32_t middle = graph->tensors[first->inputs[1]].dims[0];
    uint32_t in = graph->tensors[first->inputs[1]].dims[3], filter = 0, bias = 0;
    const uint32_t shape[] = {out, 1, 1, in};
    int r = fg_add_constant(graph, name, 4, shape, &filter, err);
    if (r == 0)
        r = fg_add_constant(graph, name, 1, &out, &bias, err);
    double *row = r == 0 ? malloc(in * sizeof *row) : NULL;
    if (!row)
        return r < 0 ? r : fg_fail(err, -ENOMEM, "no memory for the graph");
    const float *a = graph->tensors[first->inputs[1]].data, *a_bias = bias_of(graph, first);
    const float *b = graph->tensors[second->inputs[1]].data, *b_bias = bias_of(graph, second);
    float *c = graph->tensors[filter].data, *c_bias = graph->tensors[bias].data;
    for (size_t o = 0; o < out; o++) {
        double sum = b_bias ? b_bias[o] : 0;
        memset(row, 0, in * sizeof *row);
        for (size_t m = 0; m < middle; m++) {
            double w = b[o * middle + m];
            sum += a_bias ? w * a_bias[m] : 0;
            for (size_t k = 0; k < in; k++)
                row[k] += w * a[m * in + k];
        }
        for (size_t k = 0; k < in; k++)
            c[o * in + k] = (float)row[k];
        c_bias[o] = (float)sum;
    }
    free(row);
    second->inputs[0] = first->inputs[0];
    second->inputs[1] = filter;
    second->inputs[2] = bias;
    second->n_inputs = 3;
    return 0;
}

int fg_pass_pointwise(struct fg_graph *graph, struct fg_uses *uses, struct fg_error *err)
{
    for (unsigned i = 0; i < graph->n_nodes; i++) {
        struct fg_node *second = &graph->nodes[i];
        if (!is_pointwise(graph, second))
            continue;
        struct fg_node *first = fg_uses_made_by(uses, graph, second->inputs[0], FG_OP_CONV);
        if (!first || !is_pointwise(graph, first) || first->activation != FG_ACT_NONE ||
            first->stride_h != 1 || first->stride_w != 1 || uses->readers[first->output] != 1)
            continue;
        uint64_t middle = graph->tensors[first->inputs[1]].dims[0];
        uint64_t in = graph->tensors[first->inputs[1]].dims[3];
        uint64_t out = graph->tensors[second->inputs[1]].dims[0];
        if (out * in >= middle * in + out * middle) // of one pixel
            continue;
        int r = compose(graph, first, second, err);
        if (r < 0)
            return r;
        fg_node_kill(first);
    }
    return 0;
}
