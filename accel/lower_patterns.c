// SPDX-License-Identifier: Apache-2.0
// Operators that exporters spell in pieces, or that do nothing.
#include "accel/lower_passes.h"

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
        if (!fg_is_channels(graph, c, x))
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
    int r = fg_add_constant(graph, c->name, 1, &channels, &slope, err);
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

int fg_pass_prelu(struct fg_graph *graph, struct fg_uses *uses, struct fg_error *err)
{
    for (unsigned i = 0; i < graph->n_nodes; i++) {
        struct fg_node *node = &graph->nodes[i];
        struct prelu prelu;
        if (node->op != FG_OP_ADD || node->activation != FG_ACT_NONE || !fg_node_alive(node))
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

int fg_pass_softmax(struct fg_graph *graph, struct fg_uses *uses, struct fg_error *err)
{
    (void)err;
    for (unsigned i = 0; i < graph->n_nodes; i++) {
        struct fg_node *node = &graph->nodes[i];
        uint32_t x;
        if (node->op == FG_OP_DIV && fg_node_alive(node) && node->activation == FG_ACT_NONE &&
            match_softmax(uses, graph, node, &x))
            *node = (struct fg_node){.op = FG_OP_SOFTMAX,
                                     .n_inputs = 1,
                                     .inputs = {x},
                                     .output = node->output,
                                     .beta = 1};
    }
    return 0;
}

// A transpose that moves only dimensions of 1 keeps every value where it is.
static bool moves_nothing(const struct fg_graph *graph, const struct fg_node *node)
{
    const struct fg_tensor *in = &graph->tensors[node->inputs[0]];
    int last = -1;
    for (unsigned d = 0; d < in->n_dims; d++) {
        if (in->dims[node->order[d]] == 1)
            continue;
        if ((int)node->order[d] < last)
            return false;
        last = node->order[d];
    }
    return true;
}

int fg_pass_transposes(struct fg_graph *graph, struct fg_uses *uses, struct fg_error *err)
{
    (void)uses;
    (void)err;
    for (unsigned i = 0; i < graph->n_nodes; i++) {
        struct fg_node *node = &graph->nodes[i];
        if (node->op == FG_OP_TRANSPOSE && fg_node_alive(node) && moves_nothing(graph, node))
            *node = (struct fg_node){.op = FG_OP_RESHAPE,
                                     .n_inputs = 1,
                                     .inputs = {node->inputs[0]},
                                     .output = node->output};
    }
    return 0;
}
