// SPDX-License-Identifier: Apache-2.0
// The passes that lowering is made of, each in the file of its kind; only lower*.c include this.
//
// A pass rewrites the graph in place and keeps it valid but for what it makes dead. It gets the
// uses as they are when it begins; one that replaces producers keeps them right for itself.
#ifndef FG_LOWER_PASSES_H
#define FG_LOWER_PASSES_H

#include "accel/graph.h"
#include "accel/uses.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef int fg_pass(struct fg_graph *graph, struct fg_uses *uses, struct fg_error *err);

fg_pass fg_pass_constants;       // lower_constants.c: nodes whose inputs are all constant
fg_pass fg_pass_prelu;           // lower_patterns.c: PReLU in its two spellings
fg_pass fg_pass_softmax;         // softmax spelled out
fg_pass fg_pass_transposes;      // transposes that move nothing become reshapes
fg_pass fg_pass_channel_factors; // lower_fold.c: factors and terms by channel into the layer before
fg_pass fg_pass_batch_norms;     // the batch normalisations left become MUL and ADD
fg_pass fg_pass_pointwise;       // a linear 1x1 convolution into the next
fg_pass fg_pass_batch;           // lower_batch.c: the batch becomes 1

static inline bool fg_is_constant(const struct fg_graph *graph, uint32_t tensor)
{
    return tensor != FG_NO_TENSOR && graph->tensors[tensor].data;
}

// Is `tensor` a float32 constant with one value for each channel of `like`?
static inline bool fg_is_channels(const struct fg_graph *graph, uint32_t tensor, uint32_t like)
{
    if (!fg_is_constant(graph, tensor) || graph->tensors[tensor].type != FG_FLOAT32)
        return false;
    const struct fg_tensor *c = &graph->tensors[tensor], *x = &graph->tensors[like];
    return c->n_dims && x->n_dims && c->dims[c->n_dims - 1] == x->dims[x->n_dims - 1] &&
           fg_tensor_elements(c) == c->dims[c->n_dims - 1];
}

// Adds a float32 constant of zeros.
static inline int fg_add_constant(struct fg_graph *graph, const char *name, unsigned n_dims,
                                  const uint32_t *dims, uint32_t *ret, struct fg_error *err)
{
    int r = fg_graph_add_tensor(graph, name, FG_FLOAT32, n_dims, dims, ret, err);
    return r < 0 ? r : fg_graph_make_constant(graph, *ret, err);
}

// A node left without inputs is dead: it goes away when lowering tidies up.
static inline void fg_node_kill(struct fg_node *node)
{
    node->n_inputs = 0;
}

static inline bool fg_node_alive(const struct fg_node *node)
{
    return node->n_inputs > 0;
}

#ifdef __cplusplus
}
#endif
#endif
