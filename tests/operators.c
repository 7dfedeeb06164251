// SPDX-License-Identifier: Apache-2.0
#include "tests/operators.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accel/lower.h"
#include "tests/reference.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
// clang-format off
#define SHAPE(...) ((struct shape){sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t), {__VA_ARGS__}})
// clang-format on
static const struct shape follows = {0};

static const struct shape shapes[] = {
    {4, {1, 3, 5, 7}}, {3, {1, 6, 4}}, {2, {1, 19}}, {4, {1, 1, 1, 1}}, {4, {1, 9, 2, 16}},
};

static void must(int code, const struct fg_error *err)
{
    if (code == 0)
        return;
    fprintf(stderr, "operators: %s\n", err->text);
    abort();
}

// ---- building -----------------------------------------------------------------------------------

struct build build_begin(void)
{
    struct build b = {.graph = fg_graph_create(), .seed = 40};
    if (!b.graph)
        abort();
    return b;
}

static uint32_t add_tensor(struct build *b, const char *name, struct shape shape)
{
    struct fg_error err = {""};
    uint32_t t = 0;
    must(fg_graph_add_tensor(b->graph, name, FG_FLOAT32, shape.n, shape.d, &t, &err), &err);
    return t;
}

uint32_t build_input(struct build *b, struct shape shape)
{
    uint32_t t = add_tensor(b, "in", shape);
    b->graph->inputs[b->graph->n_inputs++] = t;
    return t;
}

uint32_t build_weights(struct build *b, struct shape shape, float offset)
{
    struct fg_error err = {""};
    uint32_t t = add_tensor(b, "weights", shape);
    must(fg_graph_make_constant(b->graph, t, &err), &err);
    float *values = b->graph->tensors[t].data;
    size_t n = fg_tensor_elements(&b->graph->tensors[t]);
    reference_fill(values, n, b->seed++);
    for (size_t k = 0; k < n; k++)
        values[k] += offset;
    return t;
}

uint32_t build_node(struct build *b, struct fg_node node, struct shape free_shape)
{
    char name[40];
    struct fg_error err = {""};
    struct shape s = free_shape.n ? free_shape : SHAPE(1);
    snprintf(name, sizeof name, "out %u", b->graph->n_nodes);
    node.output = add_tensor(b, name, s);
    must(fg_graph_add_node(b->graph, &node, &err), &err);
    must(fg_graph_infer(b->graph, b->graph->n_nodes - 1, &s.n, s.d, &err), &err);
    fg_tensor_reshape(&b->graph->tensors[node.output], s.n, s.d);
    return node.output;
}

struct fg_graph *build_end(struct build *b, uint32_t output)
{
    struct fg_error err = {""};
    b->graph->outputs[b->graph->n_outputs++] = output;
    must(fg_graph_check(b->graph, &err), &err);
    return b->graph;
}

// One node with one input and the attributes given.
static struct fg_graph *alone(struct fg_node node, struct shape in, struct shape free_shape)
{
    struct build b = build_begin();
    node.n_inputs = 1;
    node.inputs[0] = build_input(&b, in);
    return build_end(&b, build_node(&b, node, free_shape));
}

// ---- windows ------------------------------------------------------------------------------------

struct window {
    uint32_t h, w, channels, out, kernel_h, kernel_w, stride, dilation, before, after, groups;
    enum fg_activation activation;
    bool bias;
};

static struct fg_node window_node(enum fg_op op, const struct window *w)
{
    return (struct fg_node){.op = op,
                            .activation = w->activation,
                            .kernel_h = w->kernel_h,
                            .kernel_w = w->kernel_w,
                            .stride_h = w->stride,
                            .stride_w = w->stride,
                            .dilation_h = w->dilation,
                            .dilation_w = w->dilation,
                            .pad_before = {0, w->before, w->before},
                            .pad_after = {0, w->after, w->after}};
}

static const struct window convolutions[] = {
    {9, 10, 6, 5, 3, 3, 1, 1, 1, 1, 1, FG_ACT_NONE, false},
    {9, 10, 6, 16, 3, 3, 2, 1, 0, 1, 1, FG_ACT_RELU, true},
    {8, 9, 6, 7, 5, 5, 2, 1, 1, 2, 1, FG_ACT_RELU6, false},
    {7, 8, 6, 33, 7, 7, 1, 1, 0, 0, 1, FG_ACT_NONE, true},
    {9, 10, 6, 4, 3, 3, 1, 2, 2, 2, 1, FG_ACT_RELU, false},
    {6, 7, 6, 8, 1, 1, 1, 1, 0, 0, 1, FG_ACT_RELU6, true},
    {5, 4, 3, 2, 3, 1, 1, 1, 0, 1, 1, FG_ACT_NONE, true},  // not square, padded on one side
    {1, 1, 3, 1, 1, 1, 1, 1, 0, 0, 1, FG_ACT_NONE, true},  // as small as it gets
    {6, 5, 1, 1, 3, 3, 3, 1, 1, 0, 1, FG_ACT_RELU, false}, // one channel
    {7, 6, 8, 6, 3, 3, 1, 1, 1, 1, 2, FG_ACT_NONE, true},  // groups from here
    {7, 6, 9, 12, 3, 3, 2, 1, 0, 1, 3, FG_ACT_RELU, true},
    {9, 8, 8, 8, 3, 3, 1, 2, 2, 2, 4, FG_ACT_NONE, false},
    {6, 6, 5, 10, 3, 3, 1, 1, 1, 1, 5, FG_ACT_RELU6, true}, // a group for each channel
    {6, 6, 6, 4, 1, 1, 1, 1, 0, 0, 2, FG_ACT_NONE, true},
};

static struct fg_graph *convolution(enum fg_op op, unsigned variant)
{
    const struct window *w = &convolutions[variant];
    struct build b = build_begin();
    struct fg_node node = window_node(op, w);
    node.n_inputs = 3;
    node.inputs[0] = build_input(&b, SHAPE(1, w->h, w->w, w->channels));
    node.inputs[1] =
        build_weights(&b, SHAPE(w->out, w->kernel_h, w->kernel_w, w->channels / w->groups), 0);
    node.inputs[2] = w->bias ? build_weights(&b, SHAPE(w->out), 0) : FG_NO_TENSOR;
    return build_end(&b, build_node(&b, node, follows));
}

// `out` is the multiplier.
static const struct window depthwise_convolutions[] = {
    {9, 10, 6, 1, 3, 3, 1, 1, 1, 1, 1, FG_ACT_NONE, true},
    {9, 10, 6, 2, 3, 3, 2, 1, 0, 1, 1, FG_ACT_RELU, true},
    {8, 9, 16, 1, 5, 5, 2, 1, 1, 2, 1, FG_ACT_RELU6, false},
    {7, 8, 3, 4, 7, 7, 1, 1, 0, 0, 1, FG_ACT_NONE, true},
    {9, 10, 6, 2, 3, 3, 1, 2, 2, 2, 1, FG_ACT_RELU, false},
    {6, 7, 6, 1, 1, 1, 1, 1, 0, 0, 1, FG_ACT_NONE, true},
    {5, 4, 1, 3, 3, 2, 1, 1, 1, 0, 1, FG_ACT_NONE, true},
    {1, 1, 5, 1, 1, 1, 1, 1, 0, 0, 1, FG_ACT_NONE, false},
    {5, 3, 19, 1, 5, 3, 1, 1, 0, 0, 1, FG_ACT_NONE, true}, // the whole picture
    {5, 3, 19, 1, 5, 3, 1, 1, 0, 0, 1, FG_ACT_RELU, false},
    {7, 7, 16, 1, 7, 7, 2, 1, 0, 0, 1, FG_ACT_RELU6, true},
};

static struct fg_graph *depthwise(enum fg_op op, unsigned variant)
{
    const struct window *w = &depthwise_convolutions[variant];
    struct build b = build_begin();
    struct fg_node node = window_node(op, w);
    uint32_t out = w->channels * w->out;
    node.n_inputs = 3;
    node.inputs[0] = build_input(&b, SHAPE(1, w->h, w->w, w->channels));
    node.inputs[1] = build_weights(&b, SHAPE(1, w->kernel_h, w->kernel_w, out), 0);
    node.inputs[2] = w->bias ? build_weights(&b, SHAPE(out), 0) : FG_NO_TENSOR;
    return build_end(&b, build_node(&b, node, follows));
}

static const struct window transposed_convolutions[] = {
    {4, 5, 3, 6, 2, 2, 2, 1, 0, 0, 1, FG_ACT_NONE, true},
    {4, 5, 3, 6, 3, 3, 2, 1, 0, 1, 1, FG_ACT_RELU, true}, // SAME
    {4, 5, 3, 6, 4, 4, 2, 1, 1, 1, 1, FG_ACT_NONE, false},
    {5, 4, 8, 3, 3, 3, 1, 1, 1, 1, 1, FG_ACT_RELU6, true},
    {5, 4, 2, 1, 2, 2, 3, 1, 0, 0, 1, FG_ACT_NONE, true}, // gaps between the cells
    {3, 3, 2, 5, 5, 3, 2, 1, 1, 0, 1, FG_ACT_NONE, true},
    {1, 1, 4, 4, 3, 3, 2, 1, 0, 0, 1, FG_ACT_NONE, true},
    {6, 6, 1, 1, 1, 1, 1, 1, 0, 0, 1, FG_ACT_NONE, false},
};

static struct fg_graph *transposed_convolution(enum fg_op op, unsigned variant)
{
    const struct window *w = &transposed_convolutions[variant];
    struct build b = build_begin();
    struct fg_node node = window_node(op, w);
    node.n_inputs = 3;
    node.inputs[0] = build_input(&b, SHAPE(1, w->h, w->w, w->channels));
    node.inputs[1] = build_weights(&b, SHAPE(w->out, w->kernel_h, w->kernel_w, w->channels), 0);
    node.inputs[2] = w->bias ? build_weights(&b, SHAPE(w->out), 0) : FG_NO_TENSOR;
    return build_end(&b, build_node(&b, node, follows));
}

static const struct window pools[] = {
    {46, 46, 5, 0, 3, 3, 2, 1, 0, 1, 1, FG_ACT_NONE, false},
    {21, 21, 5, 0, 3, 3, 2, 1, 0, 0, 1, FG_ACT_RELU, false},
    {8, 8, 5, 0, 2, 2, 2, 1, 0, 0, 1, FG_ACT_NONE, false},
    {7, 7, 5, 0, 2, 2, 2, 1, 0, 1, 1, FG_ACT_RELU6, false},
    {7, 6, 16, 0, 3, 3, 1, 1, 1, 1, 1, FG_ACT_NONE, false}, // corners have fewer cells
    {7, 5, 6, 0, 7, 5, 1, 1, 0, 0, 1, FG_ACT_NONE, false},  // the whole image
    {6, 6, 3, 0, 1, 1, 2, 1, 0, 0, 1, FG_ACT_RELU, false},  // single cells
    {4, 9, 1, 0, 1, 3, 3, 1, 0, 0, 1, FG_ACT_NONE, false},
    {9, 9, 4, 0, 2, 2, 3, 1, 0, 0, 1, FG_ACT_NONE, false}, // cells that no window sees
    {1, 1, 4, 0, 1, 1, 1, 1, 0, 0, 1, FG_ACT_NONE, false},
};

static struct fg_graph *pool(enum fg_op op, unsigned variant)
{
    const struct window *w = &pools[variant];
    return alone(window_node(op, w), SHAPE(1, w->h, w->w, w->channels), follows);
}

static struct fg_graph *fully_connected(enum fg_op op, unsigned variant)
{
    static const struct {
        struct shape in;
        uint32_t out, width;
        bool keep, bias;
        enum fg_activation activation;
    } layers[] = {
        {{4, {1, 3, 3, 8}}, 4, 72, false, true, FG_ACT_NONE},
        {{4, {1, 3, 3, 8}}, 5, 8, true, true, FG_ACT_RELU},
        {{2, {1, 20}}, 1, 20, false, false, FG_ACT_NONE},
        {{3, {1, 6, 12}}, 7, 12, true, false, FG_ACT_RELU6},
        {{4, {1, 1, 1, 64}}, 33, 64, false, true, FG_ACT_RELU},
        {{2, {1, 1}}, 3, 1, false, true, FG_ACT_NONE},
    };
    if (variant >= COUNT(layers))
        return NULL;
    struct build b = build_begin();
    struct fg_node node = {.op = op,
                           .activation = layers[variant].activation,
                           .n_inputs = 3,
                           .keep_dims = layers[variant].keep};
    node.inputs[0] = build_input(&b, layers[variant].in);
    node.inputs[1] = build_weights(&b, SHAPE(layers[variant].out, layers[variant].width), 0);
    node.inputs[2] =
        layers[variant].bias ? build_weights(&b, SHAPE(layers[variant].out), 0) : FG_NO_TENSOR;
    return build_end(&b, build_node(&b, node, follows));
}

// ---- cell by cell -------------------------------------------------------------------------------

static struct fg_graph *unary(enum fg_op op, unsigned variant)
{
    static const float slopes[] = {0.1f, -0.5f, 0, 3, 0.3f};
    static const float betas[] = {1, 0.25f, 2, 1, 1};
    return alone(
        (struct fg_node){
            .op = op, .slope = slopes[variant], .beta = betas[variant], .epsilon = 1e-12f},
        shapes[variant], follows);
}

static struct fg_graph *prelu(enum fg_op op, unsigned variant)
{
    struct build b = build_begin();
    const struct shape *in = &shapes[variant];
    struct fg_node node = {.op = op, .n_inputs = 2};
    node.inputs[0] = build_input(&b, *in);
    node.inputs[1] = build_weights(&b, SHAPE(in->d[in->n - 1]), 0);
    return build_end(&b, build_node(&b, node, follows));
}

// Operands: both computed, a constant in several shapes, on either side. A divisor keeps off zero.
static struct fg_graph *binary(enum fg_op op, unsigned variant)
{
    static const struct shape seconds[] = {
        {4, {1, 3, 5, 7}}, {1, {7}},          {3, {3, 5, 1}}, {0, {0}}, {4, {1, 3, 5, 7}},
        {4, {1, 1, 1, 7}}, {4, {1, 3, 1, 1}}, {1, {7}},       {1, {1}}, {4, {1, 3, 5, 7}},
    };
    struct build b = build_begin();
    struct fg_node node = {.op = op, .n_inputs = 2};
    bool takes_activation = op != FG_OP_MAXIMUM && op != FG_OP_MINIMUM;
    uint32_t x = build_input(&b, shapes[0]), y;
    if (variant == 0 && op != FG_OP_DIV)
        y = build_input(&b, seconds[variant]);
    else
        y = build_weights(&b, seconds[variant], op == FG_OP_DIV ? 2 : 0);
    bool swapped = (variant == 7 || variant == 9) && op != FG_OP_DIV;
    node.activation = takes_activation ? variant % 3 : FG_ACT_NONE;
    node.inputs[swapped] = x;
    node.inputs[!swapped] = y;
    return build_end(&b, build_node(&b, node, follows));
}

static struct fg_graph *batch_norm(enum fg_op op, unsigned variant)
{
    struct build b = build_begin();
    const struct shape *in = &shapes[variant];
    struct fg_node node = {.op = op, .n_inputs = 5, .epsilon = 1e-3f};
    struct shape channels = SHAPE(in->d[in->n - 1]);
    node.inputs[0] = build_input(&b, *in);
    node.inputs[1] = build_weights(&b, channels, 0);
    node.inputs[2] = build_weights(&b, channels, 1.5f); // a variance is positive
    node.inputs[3] = build_weights(&b, channels, 0);
    node.inputs[4] = build_weights(&b, channels, 0);
    return build_end(&b, build_node(&b, node, follows));
}

// ---- moving -------------------------------------------------------------------------------------

static struct fg_graph *concat(enum fg_op op, unsigned variant)
{
    static const struct {
        struct shape parts[3];
        unsigned axis;
    } joins[] = {
        {{{4, {1, 3, 4, 5}}, {4, {1, 3, 4, 2}}}, 3},
        {{{4, {1, 3, 4, 5}}, {4, {1, 3, 1, 5}}, {4, {1, 3, 2, 5}}}, 2},
        {{{4, {1, 3, 4, 5}}, {4, {1, 1, 4, 5}}}, 1},
        {{{3, {1, 7, 3}}, {3, {1, 2, 3}}}, 1},
        {{{2, {1, 5}}, {2, {1, 6}}, {2, {1, 1}}}, 1},
        {{{3, {1, 4, 3}}, {3, {1, 4, 9}}}, 2},
        {{{2, {1, 5}}}, 1}, // one part
    };
    struct build b = build_begin();
    struct fg_node node = {.op = op, .axis = joins[variant].axis};
    for (unsigned k = 0; k < 3 && joins[variant].parts[k].n; k++)
        node.inputs[node.n_inputs++] = build_input(&b, joins[variant].parts[k]);
    return build_end(&b, build_node(&b, node, follows));
}

static struct fg_graph *pad(enum fg_op op, unsigned variant)
{
    static const struct {
        struct shape in;
        uint32_t before[4], after[4];
    } pads[] = {
        {{4, {1, 4, 5, 3}}, {0, 1, 2, 0}, {0, 2, 1, 0}}, {{4, {1, 4, 5, 3}}, {0}, {0, 0, 0, 4}},
        {{4, {1, 4, 5, 3}}, {0, 1, 1, 1}, {0, 1, 1, 1}}, {{2, {1, 6}}, {0, 2}, {0, 3}},
        {{3, {1, 2, 3}}, {0, 0, 1}, {0, 2, 0}},
    };
    struct fg_node node = {.op = op};
    memcpy(node.pad_before, pads[variant].before, sizeof pads[variant].before);
    memcpy(node.pad_after, pads[variant].after, sizeof pads[variant].after);
    return alone(node, pads[variant].in, follows);
}

static struct fg_graph *reshape(enum fg_op op, unsigned variant)
{
    static const struct shape cases[][2] = {
        {{4, {1, 4, 3, 2}}, {2, {1, 24}}},
        {{4, {1, 4, 3, 2}}, {3, {1, 12, 2}}},
        {{2, {1, 24}}, {4, {1, 2, 3, 4}}},
        {{3, {1, 6, 5}}, {3, {1, 10, 3}}},
    };
    return alone((struct fg_node){.op = op}, cases[variant][0], cases[variant][1]);
}

static struct fg_graph *slice(enum fg_op op, unsigned variant)
{
    static const struct {
        struct shape in, out;
        uint32_t begin[4];
    } cuts[] = {
        {{4, {1, 6, 5, 8}}, {4, {1, 6, 5, 3}}, {0, 0, 0, 4}}, // channels
        {{4, {1, 6, 5, 8}}, {4, {1, 2, 5, 8}}, {0, 3, 0, 0}}, // rows, one behind the other
        {{4, {1, 6, 5, 8}}, {4, {1, 6, 3, 8}}, {0, 0, 1, 0}}, // columns
        {{4, {1, 6, 5, 8}}, {4, {1, 4, 2, 1}}, {0, 1, 3, 7}}, // all of them
        {{4, {1, 6, 5, 8}}, {4, {1, 6, 5, 8}}, {0}},          // nothing
        {{2, {1, 11}}, {2, {1, 4}}, {0, 7}},
        {{3, {1, 9, 4}}, {3, {1, 5, 4}}, {0, 0, 0}},
        {{3, {1, 9, 4}}, {3, {1, 9, 2}}, {0, 0, 2}},
        {{4, {1, 2, 40, 33}}, {4, {1, 1, 17, 33}}, {0, 1, 5, 0}}, // many channels
    };
    struct fg_node node = {.op = op};
    memcpy(node.begin, cuts[variant].begin, sizeof cuts[variant].begin);
    return alone(node, cuts[variant].in, cuts[variant].out);
}

static struct fg_graph *transpose(enum fg_op op, unsigned variant)
{
    static const struct {
        struct shape in;
        uint8_t order[4];
    } turns[] = {
        {{4, {1, 3, 4, 5}}, {0, 3, 1, 2}}, // NHWC to NCHW
        {{4, {1, 5, 3, 4}}, {0, 2, 3, 1}}, {{4, {1, 3, 4, 5}}, {0, 2, 1, 3}},
        {{3, {1, 4, 6}}, {0, 2, 1}},       {{4, {1, 1, 1, 7}}, {0, 3, 1, 2}}, // moves nothing
        {{4, {1, 6, 1, 5}}, {0, 2, 1, 3}},                                    // neither
    };
    struct fg_node node = {.op = op};
    memcpy(node.order, turns[variant].order, sizeof turns[variant].order);
    return alone(node, turns[variant].in, follows);
}

static struct fg_graph *reduce(enum fg_op op, unsigned variant)
{
    static const struct {
        struct shape in;
        uint32_t axes;
        bool keep;
    } reductions[] = {
        {{4, {1, 5, 6, 7}}, 6, true},  {{4, {1, 5, 6, 7}}, 6, false},
        {{4, {1, 5, 6, 7}}, 8, true},  {{4, {1, 5, 6, 7}}, 8, false},
        {{4, {1, 5, 6, 7}}, 2, true},  {{4, {1, 5, 6, 7}}, 12, false},
        {{4, {1, 5, 6, 7}}, 10, true}, {{4, {1, 5, 6, 7}}, 14, true},
        {{2, {1, 9}}, 2, true},        {{3, {1, 4, 3}}, 2, false},
        {{3, {1, 4, 3}}, 4, true},     {{4, {1, 1, 1, 6}}, 6, true},
        {{4, {1, 1, 1, 6}}, 6, false}, {{4, {1, 40, 40, 3}}, 6, true},
    };
    return alone((struct fg_node){.op = op,
                                  .axes = reductions[variant].axes,
                                  .keep_dims = reductions[variant].keep},
                 reductions[variant].in, follows);
}

static struct fg_graph *resize(enum fg_op op, unsigned variant)
{
    static const struct {
        struct shape in, out;
        bool align_corners, half_pixel;
    } sizes[] = {
        {{4, {1, 6, 5, 3}}, {4, {1, 12, 10, 3}}, false, false},
        {{4, {1, 6, 5, 3}}, {4, {1, 12, 10, 3}}, false, true},
        {{4, {1, 4, 4, 20}}, {4, {1, 12, 4, 20}}, false, true},
        {{4, {1, 6, 5, 3}}, {4, {1, 6, 5, 3}}, false, false},
        {{4, {1, 1, 1, 4}}, {4, {1, 3, 5, 4}}, true, false},
        {{4, {1, 6, 5, 3}}, {4, {1, 12, 9, 3}}, false, false}, // odd factors from here
        {{4, {1, 6, 5, 3}}, {4, {1, 12, 9, 3}}, false, true},
        {{4, {1, 6, 5, 3}}, {4, {1, 11, 9, 3}}, true, false},
    };
    return alone((struct fg_node){.op = op,
                                  .align_corners = sizes[variant].align_corners,
                                  .half_pixel = sizes[variant].half_pixel},
                 sizes[variant].in, sizes[variant].out);
}

// ---- borders of quantised parts -----------------------------------------------------------------

static void set_scale(struct fg_tensor *t, enum fg_type type, float scale, int32_t zero_point)
{
    t->type = type;
    t->bytes = fg_tensor_elements(t) * fg_type_size(type);
    t->n_scales = 1;
    t->scales = malloc(sizeof *t->scales);
    t->zero_points = malloc(sizeof *t->zero_points);
    if (!t->scales || !t->zero_points)
        abort();
    t->scales[0] = scale;
    t->zero_points[0] = zero_point;
}

// float32 to int8 or uint8, to another scale or the other type, and back.
static struct fg_graph *borders(enum fg_op op, unsigned variant)
{
    static const struct {
        enum fg_type type;
        float scale;
        int32_t zero_point;
    } steps[][2] = {
        {{FG_INT8, 0.063f, 1}, {FG_INT8, 0.08f, -20}},
        {{FG_INT8, 0.063f, 1}, {FG_UINT8, 0.07f, 130}},
        {{FG_UINT8, 0.05f, 128}, {FG_UINT8, 0.05f, 128}}, // clamps
        {{FG_UINT8, 0.063f, 127}, {FG_INT8, 0.063f, 0}},
    };
    struct build b = build_begin();
    uint32_t x = build_input(&b, shapes[0]), last = x;
    for (unsigned k = 0; k < 2; k++) {
        uint32_t to = add_tensor(&b, "quantised", shapes[0]);
        set_scale(&b.graph->tensors[to], steps[variant][k].type, steps[variant][k].scale,
                  steps[variant][k].zero_point);
        struct fg_node node = {.op = op, .n_inputs = 1, .inputs = {last}, .output = to};
        struct fg_error err = {""};
        must(fg_graph_add_node(b.graph, &node, &err), &err);
        last = to;
    }
    struct fg_node back = {.op = FG_OP_DEQUANTIZE, .n_inputs = 1, .inputs = {last}};
    return build_end(&b, build_node(&b, back, follows));
}

// Weights that are stored as float16, int8 or uint8 and used as float32.
static struct fg_graph *stored_weights(enum fg_op op, unsigned variant)
{
    struct build b = build_begin();
    struct fg_error err = {""};
    uint32_t stored = add_tensor(&b, "stored", SHAPE(7));
    struct fg_tensor *t = &b.graph->tensors[stored];
    if (variant == 0) {
        t->type = FG_FLOAT16;
        t->bytes = 14;
    } else {
        set_scale(t, variant == 1 ? FG_INT8 : FG_UINT8, 0.02f, variant == 1 ? -5 : 120);
    }
    must(fg_graph_make_constant(b.graph, stored, &err), &err);
    for (unsigned k = 0; k < 7; k++)
        if (variant == 0)
            ((uint16_t *)t->data)[k] = (uint16_t)(k % 2 << 15 | (12 + k % 4) << 10 | k * 131);
        else
            ((uint8_t *)t->data)[k] = (uint8_t)(k * 37);
    struct fg_node use = {.op = op, .n_inputs = 1, .inputs = {stored}};
    uint32_t values = build_node(&b, use, follows);
    struct fg_node add = {
        .op = FG_OP_ADD, .n_inputs = 2, .inputs = {build_input(&b, shapes[0]), values}};
    return build_end(&b, build_node(&b, add, follows));
}

// ---- the table ----------------------------------------------------------------------------------

// Sums of up to a hundred products in float32; functions with an approximation in them.
#define SUMS   2e-5
#define PLAIN  1e-6
#define CURVES 1e-5

const struct operator_case operator_cases[] = {
    {"convolutions", FG_OP_CONV, convolution, COUNT(convolutions), true, SUMS, 1.01},
    {"depthwise convolutions", FG_OP_DEPTHWISE, depthwise, COUNT(depthwise_convolutions), true,
     SUMS, 1.01},
    {"transposed convolutions", FG_OP_TRANSPOSE_CONV, transposed_convolution,
     COUNT(transposed_convolutions), true, SUMS, 1.01},
    {"fully-connected layers", FG_OP_FULLY_CONNECTED, fully_connected, 6, true, SUMS, 1.01},
    {"maximum pools", FG_OP_MAX_POOL, pool, COUNT(pools), true, PLAIN, 1.01},
    {"average pools", FG_OP_AVERAGE_POOL, pool, COUNT(pools), true, PLAIN, 1.01},
    {"absolute values", FG_OP_ABS, unary, 5, false, PLAIN, 0},
    {"exponentials", FG_OP_EXP, unary, 5, false, CURVES, 0},
    {"hard swish", FG_OP_HARD_SWISH, unary, 5, true, PLAIN, 1.01},
    {"norms of 1", FG_OP_L2_NORM, unary, 5, false, CURVES, 0},
    {"leaky ReLUs", FG_OP_LEAKY_RELU, unary, 5, true, PLAIN, 1.01},
    {"sigmoids", FG_OP_LOGISTIC, unary, 5, true, CURVES, 1.01},
    {"signs turned", FG_OP_NEG, unary, 5, false, PLAIN, 0},
    {"ReLUs", FG_OP_RELU, unary, 5, true, PLAIN, 1.01},
    {"ReLUs up to 6", FG_OP_RELU6, unary, 5, true, PLAIN, 1.01},
    {"softmaxes", FG_OP_SOFTMAX, unary, 5, true, CURVES, 1.01},
    {"hyperbolic tangents", FG_OP_TANH, unary, 5, true, CURVES, 1.01},
    {"PReLUs", FG_OP_PRELU, prelu, 5, true, PLAIN, 1.01},
    {"sums of two", FG_OP_ADD, binary, 10, true, PLAIN, 1.01},
    {"differences", FG_OP_SUB, binary, 10, true, PLAIN, 1.01},
    {"products", FG_OP_MUL, binary, 10, true, PLAIN, 1.01},
    {"quotients", FG_OP_DIV, binary, 10, false, PLAIN, 0},
    {"larger ones", FG_OP_MAXIMUM, binary, 10, true, PLAIN, 1.01},
    {"smaller ones", FG_OP_MINIMUM, binary, 10, true, PLAIN, 1.01},
    {"batch normalisations", FG_OP_BATCH_NORM, batch_norm, 5, false, PLAIN, 0},
    {"concatenations", FG_OP_CONCAT, concat, 7, true, PLAIN, 1.01},
    {"paddings", FG_OP_PAD, pad, 5, true, PLAIN, 1.01},
    {"reshapes", FG_OP_RESHAPE, reshape, 4, true, PLAIN, 1.01},
    {"slices", FG_OP_SLICE, slice, 9, true, PLAIN, 1.01},
    {"transposes", FG_OP_TRANSPOSE, transpose, 6, true, PLAIN, 1.01},
    {"sums", FG_OP_SUM, reduce, 14, false, SUMS, 0},
    {"means", FG_OP_MEAN, reduce, 14, true, SUMS, 1.01},
    {"maxima", FG_OP_REDUCE_MAX, reduce, 14, false, PLAIN, 0},
    {"bilinear resizes", FG_OP_RESIZE_BILINEAR, resize, 8, true, PLAIN, 1.01},
    {"changes of type and scale", FG_OP_QUANTIZE, borders, 4, false, PLAIN, 1.01},
    {"stored weights", FG_OP_DEQUANTIZE, stored_weights, 3, false, PLAIN, 0},
    {"nearest-neighbour resizes", FG_OP_RESIZE_NEAREST, resize, 8, true, PLAIN, 1.01},
};
const unsigned operator_case_count = COUNT(operator_cases);

const char *const operator_type_names[OPERATOR_TYPES] = {"float32", "int8", "int8 by channel",
                                                         "uint8"};

struct fg_graph *operator_make(const struct operator_case *c, unsigned variant,
                               enum operator_type type)
{
    struct fg_graph *graph = c->make(c->op, variant);
    if (type != OPERATOR_FLOAT)
        operator_quantise(graph, type);
    return graph;
}

// ---- running ------------------------------------------------------------------------------------

void operator_fill(const struct fg_graph *graph, unsigned k, float *values)
{
    size_t n = fg_tensor_elements(&graph->tensors[graph->inputs[k]]);
    reference_fill(values, n, 5 + k);
    for (size_t i = 0; i < n; i++)
        values[i] *= 8;
}

static void run_reference(const struct fg_graph *graph, struct reference *ref)
{
    float *inputs[FG_GRAPH_MAX_ENDS];
    for (unsigned k = 0; k < graph->n_inputs; k++) {
        inputs[k] =
            malloc(fg_tensor_elements(&graph->tensors[graph->inputs[k]]) * sizeof *inputs[k]);
        if (!inputs[k])
            abort();
        operator_fill(graph, k, inputs[k]);
    }
    reference_run(ref, graph, (const float *const *)inputs);
    for (unsigned k = 0; k < graph->n_inputs; k++)
        free(inputs[k]);
}

// One step of the scale that an output was quantised with; 0: it was not.
static double step_of(const struct fg_graph *graph, uint32_t output)
{
    for (unsigned i = 0; i < graph->n_nodes; i++)
        if (graph->nodes[i].output == output && graph->nodes[i].op == FG_OP_DEQUANTIZE)
            return graph->tensors[graph->nodes[i].inputs[0]].scales[0];
    return 0;
}

static void compare(const struct operator_case *c, const struct fg_graph *raw,
                    const struct reference *ref, const struct fg_accel *accel,
                    struct operator_result *ret)
{
    *ret = (struct operator_result){0};
    for (unsigned k = 0; k < raw->n_outputs; k++) {
        const struct fg_accel_tensor *got = fg_accel_output(accel, k);
        struct reference_difference d =
            reference_compare(got->data, ref->values[raw->outputs[k]], got->bytes / sizeof(float));
        double step = step_of(raw, raw->outputs[k]);
        double error = step > 0 ? d.largest / step : d.relative;
        ret->limit = step > 0 ? c->steps : c->tolerance;
        if (!(error <= ret->error)) { // a NaN is the largest error
            ret->error = error;
            ret->output = k;
        }
    }
}

int operator_run(const struct operator_case *c, unsigned variant, enum operator_type type,
                 bool lowered, const struct fg_accel_options *options, struct operator_result *ret,
                 struct fg_error *err)
{
    struct fg_graph *raw = operator_make(c, variant, type),
                    *graph = operator_make(c, variant, type);
    struct reference ref = {0};
    struct fg_accel *accel = NULL;
    int r = lowered ? fg_lower(graph, err) : 0;
    if (r == 0)
        r = fg_accel_open(graph, options, &accel, err);
    for (unsigned k = 0; r == 0 && k < graph->n_inputs; k++)
        operator_fill(graph, k, fg_accel_input(accel, k)->data);
    if (r == 0 && (r = fg_accel_run(accel)) < 0)
        fg_fail(err, r, "the engine failed to run it");
    if (r == 0) {
        run_reference(raw, &ref);
        compare(c, raw, &ref, accel, ret);
        reference_finish(&ref);
    }
    fg_accel_close(accel);
    fg_graph_destroy(graph);
    fg_graph_destroy(raw);
    return r;
}
