// SPDX-License-Identifier: Apache-2.0
#include "accel/lower.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "accel/uses.h"

typedef int pass(struct fg_graph *graph, struct fg_uses *uses, struct fg_error *err);

static float half_to_float(uint16_t half)
{
    int exponent = half >> 10 & 31;
    float fraction = (float)(half & 0x3ff);
    float value = exponent ? ldexpf(fraction + 1024.0f, exponent - 25) : ldexpf(fraction, -24);
    return half & 0x8000 ? -value : value;
}

static bool is_constant(const struct fg_graph *graph, uint32_t tensor)
{
    return tensor != FG_NO_TENSOR && graph->tensors[tensor].data;
}

// A node left without inputs is dead: drop_dead takes it away.
static void kill(struct fg_node *node)
{
    node->n_inputs = 0;
}

static bool alive(const struct fg_node *node)
{
    return node->n_inputs > 0;
}

// ---- constants ----------------------------------------------------------------------------------

// Where element `index` of `out` comes from in a broadcast operand.
static size_t broadcast(const struct fg_tensor *out, const struct fg_tensor *in, size_t index)
{
    size_t at = 0, step = 1;
    for (unsigned k = 0; k < in->n_dims; k++) {
        uint32_t side = in->dims[in->n_dims - 1 - k];
        uint32_t whole = out->dims[out->n_dims - 1 - k];
        at += (side == 1 ? 0 : index % whole) * step;
        index /= whole;
        step *= side;
    }
    return at;
}

static float apply(enum fg_op op, float a, float b)
{
    switch (op) {
    case FG_OP_ADD:
        return a + b;
    case FG_OP_SUB:
        return a - b;
    case FG_OP_MUL:
        return a * b;
    case FG_OP_DIV:
        return a / b;
    case FG_OP_NEG:
        return -a;
    case FG_OP_ABS:
        return fabsf(a);
    default: // DEQUANTIZE, RESHAPE
        return a;
    }
}

static bool can_fold(const struct fg_graph *graph, const struct fg_node *node)
{
    switch (node->op) {
    case FG_OP_ADD:
    case FG_OP_SUB:
    case FG_OP_MUL:
    case FG_OP_DIV:
        return node->activation == FG_ACT_NONE && is_constant(graph, node->inputs[0]) &&
               is_constant(graph, node->inputs[1]);
    case FG_OP_NEG:
    case FG_OP_ABS:
    case FG_OP_RESHAPE:
    case FG_OP_DEQUANTIZE:
        return is_constant(graph, node->inputs[0]);
    default:
        return false;
    }
}

static int fold_node(struct fg_graph *graph, struct fg_node *node, struct fg_error *err)
{
    int r = fg_graph_make_constant(graph, node->output, err);
    if (r < 0)
        return r;
    const struct fg_tensor *out = &graph->tensors[node->output];
    const struct fg_tensor *a = &graph->tensors[node->inputs[0]];
    const struct fg_tensor *b = node->n_inputs > 1 ? &graph->tensors[node->inputs[1]] : NULL;
    float *to = out->data;
    size_t n = fg_tensor_elements(out);
    for (size_t k = 0; k < n; k++) {
        size_t from = b ? broadcast(out, a, k) : k;
        float x = a->type == FG_FLOAT16 ? half_to_float(((const uint16_t *)a->data)[from])
                                        : ((const float *)a->data)[from];
        to[k] = apply(node->op, x, b ? ((const float *)b->data)[broadcast(out, b, k)] : 0);
    }
    kill(node);
    return 0;
}

static int fold_constants(struct fg_graph *graph, struct fg_uses *uses, struct fg_error *err)
{
    (void)uses;
    for (unsigned i = 0; i < graph->n_nodes; i++) {
        struct fg_node *node = &graph->nodes[i];
        if (!can_fold(graph, node))
            continue;
        int r = fold_node(graph, node, err);
        if (r < 0)
            return r;
    }
    return 0;
}

// ---- PReLU and softmax --------------------------------------------------------------------------

// One constant for each channel of `like`, any leading dimensions of 1.
static bool is_channels(const struct fg_graph *graph, uint32_t tensor, uint32_t like)
{
    if (!is_constant(graph, tensor) || graph->tensors[tensor].type != FG_FLOAT32)
        return false;
    const struct fg_tensor *c = &graph->tensors[tensor], *x = &graph->tensors[like];
    return c->n_dims && x->n_dims && c->dims[c->n_dims - 1] == x->dims[x->n_dims - 1] &&
           fg_tensor_elements(c) == c->dims[c->n_dims - 1];
}

// Is `tensor` x - |x|?
static bool is_twice_negative_part(const struct fg_uses *uses, struct fg_graph *graph,
                                   uint32_t tensor, uint32_t x)
{
    const struct fg_node *sub = fg_uses_made_by(uses, graph, tensor, FG_OP_SUB);
    if (!sub || sub->inputs[0] != x || sub->activation != FG_ACT_NONE)
        return false;
    const struct fg_node *abs = fg_uses_made_by(uses, graph, sub->inputs[1], FG_OP_ABS);
    return abs && abs->inputs[0] == x;
}

// Is `tensor` -relu(-x)?
static bool is_negative_part(const struct fg_uses *uses, struct fg_graph *graph, uint32_t tensor,
                             uint32_t x)
{
    const struct fg_node *neg = fg_uses_made_by(uses, graph, tensor, FG_OP_NEG);
    const struct fg_node *relu =
        neg ? fg_uses_made_by(uses, graph, neg->inputs[0], FG_OP_RELU) : NULL;
    const struct fg_node *inner =
        relu ? fg_uses_made_by(uses, graph, relu->inputs[0], FG_OP_NEG) : NULL;
    return inner && inner->inputs[0] == x;
}

struct prelu {
    uint32_t x, c;
    float factor; // slope = factor * c
};

// Matches ADD(relu, mul) with relu = RELU(x) and mul = MUL(c, negative part of x).
static bool match_prelu(const struct fg_uses *uses, struct fg_graph *graph, uint32_t relu,
                        uint32_t mul, struct prelu *ret)
{
    const struct fg_node *positive = fg_uses_made_by(uses, graph, relu, FG_OP_RELU);
    const struct fg_node *product = fg_uses_made_by(uses, graph, mul, FG_OP_MUL);
    if (!positive || !product || product->activation != FG_ACT_NONE)
        return false;
    uint32_t x = positive->inputs[0];
    for (unsigned k = 0; k < 2; k++) {
        uint32_t c = product->inputs[k], part = product->inputs[1 - k];
        if (!is_channels(graph, c, x))
            continue;
        bool twice = is_twice_negative_part(uses, graph, part, x);
        if (twice || is_negative_part(uses, graph, part, x)) {
            *ret = (struct prelu){.x = x, .c = c, .factor = twice ? 2.0f : 1.0f};
            return true;
        }
    }
    return false;
}

static int make_prelu(struct fg_graph *graph, struct fg_node *node, const struct prelu *prelu,
                      struct fg_error *err)
{
    const struct fg_tensor *c = &graph->tensors[prelu->c];
    uint32_t channels = c->dims[c->n_dims - 1], slope = 0;
    int r = fg_graph_add_tensor(graph, c->name, FG_FLOAT32, 1, &channels, &slope, err);
    if (r == 0)
        r = fg_graph_make_constant(graph, slope, err);
    if (r < 0)
        return r;
    float *to = graph->tensors[slope].data;
    const float *from = graph->tensors[prelu->c].data;
    for (uint32_t k = 0; k < channels; k++)
        to[k] = prelu->factor * from[k];
    *node = (struct fg_node){
        .op = FG_OP_PRELU, .n_inputs = 2, .inputs = {prelu->x, slope}, .output = node->output};
    return 0;
}

static int recognise_prelu(struct fg_graph *graph, struct fg_uses *uses, struct fg_error *err)
{
    for (unsigned i = 0; i < graph->n_nodes; i++) {
        struct fg_node *node = &graph->nodes[i];
        struct prelu prelu;
        if (node->op != FG_OP_ADD || node->activation != FG_ACT_NONE || !alive(node))
            continue;
        if (!match_prelu(uses, graph, node->inputs[0], node->inputs[1], &prelu) &&
            !match_prelu(uses, graph, node->inputs[1], node->inputs[0], &prelu))
            continue;
        int r = make_prelu(graph, node, &prelu, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static bool reduces_last(const struct fg_graph *graph, const struct fg_node *node)
{
    unsigned n = graph->tensors[node->inputs[0]].n_dims;
    return node->keep_dims && n && node->axes == 1u << (n - 1);
}

// DIV(e, SUM(e)) with e = EXP(SUB(x, REDUCE_MAX(x))), all along the last dimension.
static bool match_softmax(const struct fg_uses *uses, struct fg_graph *graph,
                          const struct fg_node *div, uint32_t *ret_x)
{
    const struct fg_node *exp = fg_uses_made_by(uses, graph, div->inputs[0], FG_OP_EXP);
    const struct fg_node *sum = fg_uses_made_by(uses, graph, div->inputs[1], FG_OP_SUM);
    if (!exp || !sum || sum->inputs[0] != exp->output || !reduces_last(graph, sum))
        return false;
    const struct fg_node *sub = fg_uses_made_by(uses, graph, exp->inputs[0], FG_OP_SUB);
    if (!sub || sub->activation != FG_ACT_NONE)
        return false;
    const struct fg_node *max = fg_uses_made_by(uses, graph, sub->inputs[1], FG_OP_REDUCE_MAX);
    if (!max || max->inputs[0] != sub->inputs[0] || !reduces_last(graph, max))
        return false;
    *ret_x = sub->inputs[0];
    return true;
}

static int recognise_softmax(struct fg_graph *graph, struct fg_uses *uses, struct fg_error *err)
{
    (void)err;
    for (unsigned i = 0; i < graph->n_nodes; i++) {
        struct fg_node *node = &graph->nodes[i];
        uint32_t x;
        if (node->op == FG_OP_DIV && alive(node) && node->activation == FG_ACT_NONE &&
            match_softmax(uses, graph, node, &x))
            *node = (struct fg_node){.op = FG_OP_SOFTMAX,
                                     .n_inputs = 1,
                                     .inputs = {x},
                                     .output = node->output,
                                     .beta = 1};
    }
    return 0;
}

// ---- fusing -------------------------------------------------------------------------------------

static bool takes_activation(const struct fg_node *node)
{
    switch (node->op) {
    case FG_OP_ADD:
    case FG_OP_SUB:
    case FG_OP_MUL:
    case FG_OP_DIV:
    case FG_OP_CONV:
    case FG_OP_DEPTHWISE:
    case FG_OP_FULLY_CONNECTED:
    case FG_OP_MAX_POOL:
        return node->activation == FG_ACT_NONE;
    default:
        return false;
    }
}

static int fuse_activations(struct fg_graph *graph, struct fg_uses *uses, struct fg_error *err)
{
    (void)err;
    for (unsigned i = 0; i < graph->n_nodes; i++) {
        struct fg_node *node = &graph->nodes[i];
        if ((node->op != FG_OP_RELU && node->op != FG_OP_RELU6) || !alive(node))
            continue;
        uint32_t from = node->inputs[0];
        if (uses->producer[from] == FG_NO_NODE || uses->readers[from] != 1)
            continue;
        struct fg_node *before = &graph->nodes[uses->producer[from]];
        if (!takes_activation(before))
            continue;
        before->activation = node->op == FG_OP_RELU ? FG_ACT_RELU : FG_ACT_RELU6;
        before->output = node->output;
        uses->producer[node->output] = uses->producer[from];
        uses->producer[from] = FG_NO_NODE;
        kill(node);
    }
    return 0;
}

static bool pads_space_only(const struct fg_node *pad)
{
    for (unsigned d = 0; d < FG_MAX_DIMS; d++)
        if (d != 1 && d != 2 && (pad->pad_before[d] || pad->pad_after[d]))
            return false;
    return true;
}

// A PAD that others read as well stays for them; the convolution no longer waits for it.
static int fuse_pads(struct fg_graph *graph, struct fg_uses *uses, struct fg_error *err)
{
    (void)err;
    for (unsigned i = 0; i < graph->n_nodes; i++) {
        struct fg_node *node = &graph->nodes[i];
        if ((node->op != FG_OP_CONV && node->op != FG_OP_DEPTHWISE) || !alive(node))
            continue;
        const struct fg_node *pad = fg_uses_made_by(uses, graph, node->inputs[0], FG_OP_PAD);
        if (!pad || !pads_space_only(pad))
            continue;
        for (unsigned d = 1; d <= 2; d++) {
            node->pad_before[d] += pad->pad_before[d];
            node->pad_after[d] += pad->pad_after[d];
        }
        node->inputs[0] = pad->inputs[0];
    }
    return 0;
}

static bool is_pointwise(const struct fg_graph *graph, const struct fg_node *node)
{
    if (node->op != FG_OP_CONV || !alive(node) || !is_constant(graph, node->inputs[1]))
        return false;
    const struct fg_tensor *filter = &graph->tensors[node->inputs[1]];
    bool pad =
        node->pad_before[1] || node->pad_before[2] || node->pad_after[1] || node->pad_after[2];
    bool bias = node->n_inputs < 3 || node->inputs[2] == FG_NO_TENSOR ||
                is_constant(graph, node->inputs[2]);
    return filter->dims[1] == 1 && filter->dims[2] == 1 && !pad && bias;
}

static const float *bias_of(const struct fg_graph *graph, const struct fg_node *node)
{
    return node->n_inputs > 2 && node->inputs[2] != FG_NO_TENSOR
               ? graph->tensors[node->inputs[2]].data
               : NULL;
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
    int r = fg_graph_add_tensor(graph, name, FG_FLOAT32, 4, shape, &filter, err);
    if (r == 0)
        r = fg_graph_make_constant(graph, filter, err);
    if (r == 0)
        r = fg_graph_add_tensor(graph, name, FG_FLOAT32, 1, &out, &bias, err);
    if (r == 0)
        r = fg_graph_make_constant(graph, bias, err);
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

static int merge_pointwise(struct fg_graph *graph, struct fg_uses *uses, struct fg_error *err)
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
        kill(first);
    }
    return 0;
}

// ---- batch --------------------------------------------------------------------------------------

static bool mixes_images(const struct fg_graph *graph, const struct fg_node *node, uint32_t batch)
{
    const struct fg_tensor *out = &graph->tensors[node->output];
    for (unsigned k = 0; k < node->n_inputs; k++) {
        const struct fg_tensor *in =
            node->inputs[k] == FG_NO_TENSOR ? NULL : &graph->tensors[node->inputs[k]];
        bool by_image = node->op == FG_OP_ADD || node->op == FG_OP_SUB || node->op == FG_OP_MUL ||
                        node->op == FG_OP_DIV;
        if (by_image && in && in->data && in->n_dims == out->n_dims && in->dims[0] == batch)
            return true; // a constant that differs from image to image
    }
    switch (node->op) {
    case FG_OP_CONCAT:
        return node->axis == 0;
    case FG_OP_SUM:
    case FG_OP_REDUCE_MAX:
        return node->axes & 1;
    case FG_OP_PAD:
        return node->pad_before[0] || node->pad_after[0];
    case FG_OP_RESHAPE:
        return out->n_dims < 2 || out->dims[0] % batch;
    default:
        return false;
    }
}

// New shape of a node's output once its inputs have batch 1.
static int shrink(struct fg_graph *graph, unsigned i, uint32_t batch, struct fg_error *err)
{
    struct fg_tensor *out = &graph->tensors[graph->nodes[i].output];
    uint32_t dims[FG_MAX_DIMS] = {0};
    unsigned n_dims = 0;
    if (mixes_images(graph, &graph->nodes[i], batch))
        return fg_fail(err, -ENOTSUP,
                       "operators[%u] %s mixes the %u images of a batch; export the model with "
                       "batch 1",
                       i, fg_op_name(graph->nodes[i].op), batch);
    if (graph->nodes[i].op == FG_OP_RESHAPE) {
        memcpy(dims, out->dims, sizeof dims);
        dims[0] /= batch;
        fg_tensor_reshape(out, out->n_dims, dims);
    }
    int r = fg_graph_infer(graph, i, &n_dims, dims, err);
    if (r == 0)
        fg_tensor_reshape(out, n_dims, dims);
    return r;
}

static int set_batch(struct fg_graph *graph, struct fg_uses *uses, struct fg_error *err)
{
    (void)uses;
    const struct fg_tensor *first = &graph->tensors[graph->inputs[0]];
    uint32_t batch = first->n_dims == 4 ? first->dims[0] : 1;
    if (batch == 1)
        return 0;
    for (unsigned k = 0; k < graph->n_inputs; k++) {
        struct fg_tensor *in = &graph->tensors[graph->inputs[k]];
        uint32_t dims[FG_MAX_DIMS];
        memcpy(dims, in->dims, sizeof dims);
        if (!in->n_dims || in->dims[0] != batch)
            return fg_fail(err, -ENOTSUP,
                           "inputs[%u]: not a batch of %u like inputs[0]; export "
                           "the model with batch 1",
                           k, batch);
        dims[0] = 1;
        fg_tensor_reshape(in, in->n_dims, dims);
    }
    for (unsigned i = 0; i < graph->n_nodes; i++) {
        int r = alive(&graph->nodes[i]) ? shrink(graph, i, batch, err) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

// ---- what nobody needs --------------------------------------------------------------------------

// Marks backwards from the outputs; nodes are in order, so one sweep does it.
static void mark(const struct fg_graph *graph, bool *needed)
{
    for (unsigned k = 0; k < graph->n_outputs; k++)
        needed[graph->outputs[k]] = true;
    for (unsigned k = 0; k < graph->n_inputs; k++)
        needed[graph->inputs[k]] = true;
    for (unsigned i = graph->n_nodes; i-- > 0;) {
        const struct fg_node *node = &graph->nodes[i];
        if (!alive(node) || !needed[node->output])
            continue;
        for (unsigned k = 0; k < node->n_inputs; k++)
            if (node->inputs[k] != FG_NO_TENSOR)
                needed[node->inputs[k]] = true;
    }
}

static void sweep_tensors(struct fg_graph *graph, const bool *needed, uint32_t *renamed)
{
    unsigned kept = 0;
    for (unsigned t = 0; t < graph->n_tensors; t++) {
        struct fg_tensor *tensor = &graph->tensors[t];
        if (needed[t]) {
            renamed[t] = kept;
            graph->tensors[kept++] = *tensor;
            continue;
        }
        if (tensor->data)
            graph->constant_bytes -= tensor->bytes;
        free(tensor->name);
        free(tensor->data);
        free(tensor->scales);
        free(tensor->zero_points);
    }
    graph->n_tensors = kept;
}

static int drop_dead(struct fg_graph *graph, struct fg_uses *uses, struct fg_error *err)
{
    (void)uses;
    bool *needed = calloc(graph->n_tensors + 1u, sizeof *needed);
    uint32_t *renamed = calloc(graph->n_tensors + 1u, sizeof *renamed);
    if (!needed || !renamed) {
        free(needed);
        free(renamed);
        return fg_fail(err, -ENOMEM, "no memory for the graph");
    }
    mark(graph, needed);
    unsigned kept = 0;
    for (unsigned i = 0; i < graph->n_nodes; i++)
        if (alive(&graph->nodes[i]) && needed[graph->nodes[i].output])
            graph->nodes[kept++] = graph->nodes[i];
    graph->n_nodes = kept;
    sweep_tensors(graph, needed, renamed);
    for (unsigned i = 0; i < graph->n_nodes; i++) {
        struct fg_node *node = &graph->nodes[i];
        node->output = renamed[node->output];
        for (unsigned k = 0; k < node->n_inputs; k++)
            if (node->inputs[k] != FG_NO_TENSOR)
                node->inputs[k] = renamed[node->inputs[k]];
    }
    for (unsigned k = 0; k < graph->n_inputs; k++)
        graph->inputs[k] = renamed[graph->inputs[k]];
    for (unsigned k = 0; k < graph->n_outputs; k++)
        graph->outputs[k] = renamed[graph->outputs[k]];
    free(needed);
    free(renamed);
    return 0;
}

int fg_lower(struct fg_graph *graph, struct fg_error *err)
{
    // patterns are recognised before anything is fused into them
    static pass *const passes[] = {fold_constants,   recognise_prelu, recognise_softmax, drop_dead,
                                   fuse_activations, fuse_pads,       drop_dead,         set_batch,
                                   merge_pointwise,  drop_dead};
    struct fg_uses uses = {0};
    int r = 0;
    for (size_t k = 0; r == 0 && k < sizeof passes / sizeof passes[0]; k++) {
        r = fg_uses_init(&uses, graph, err);
        if (r == 0)
            r = passes[k](graph, &uses, err);
    }
    fg_uses_finish(&uses);
    if (r == 0)
        r = fg_graph_check(graph, err);
    return r < 0 ? fg_fail_prefix(err, r, "lowering") : 0;
}
