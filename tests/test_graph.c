// SPDX-License-Identifier: Apache-2.0
// Lowering and projection: the same function before and after, by the float64 reference.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "accel/eigen.h"
#include "accel/lower.h"
#include "accel/project.h"
#include "accel/tflite.h"
#include "tests/built_graph.h"
#include "tests/operators.h"
#include "tests/reference.h"
#include "tests/small_model.h"

static float weights[4096];

static unsigned count(const struct fg_graph *graph, enum fg_op op)
{
    unsigned n = 0;
    for (unsigned i = 0; i < graph->n_nodes; i++)
        n += graph->nodes[i].op == op;
    return n;
}

// Lowers a parsed graph and checks that its first image's outputs stay what they were.
static void lower_and_compare(struct fg_graph *graph)
{
    struct reference raw = {0}, lowered = {0};
    struct fg_error err = {""};
    float *x = malloc(fg_tensor_elements(&graph->tensors[graph->inputs[0]]) * sizeof *x);
    reference_fill(x, fg_tensor_elements(&graph->tensors[graph->inputs[0]]), 3);
    const float *inputs[] = {x};
    uint32_t outputs[FG_GRAPH_MAX_ENDS];
    memcpy(outputs, graph->outputs, sizeof outputs);
    reference_run(&raw, graph, inputs);
    if (fg_lower(graph, &err) < 0)
        fail_msg("%s", err.text);
    reference_run(&lowered, graph, inputs);
    for (unsigned k = 0; k < graph->n_outputs; k++) {
        size_t n = fg_tensor_elements(&graph->tensors[graph->outputs[k]]);
        double most = 0;
        for (size_t i = 0; i < n; i++) {
            double want = raw.values[outputs[k]][i];
            most = fmax(most, fabs(want));
            if (!(fabs(lowered.values[graph->outputs[k]][i] - want) <= 1e-5 * (1 + fabs(want))))
                fail_msg("output %u, value %zu: %g, was %g", k, i,
                         lowered.values[graph->outputs[k]][i], want);
        }
        assert_true(most > 1e-3); // all zero would prove nothing
    }
    reference_finish(&raw);
    reference_finish(&lowered);
    free(x);
}

static void lowers_small_model(void **state)
{
    (void)state;
    struct tb tb;
    small_model(&tb);
    struct fg_graph *graph = built_graph(&tb);
    lower_and_compare(graph);
    assert_int_equal(count(graph, FG_OP_PRELU), 2);
    assert_int_equal(count(graph, FG_OP_SOFTMAX), 1);
    assert_int_equal(count(graph, FG_OP_PAD), 1); // of channels: it stays
    // 30 less DEQUANTIZE, 4 and 5 of the PReLUs, 4 of softmax and a RELU
    assert_int_equal(graph->n_nodes, 15);
    assert_int_equal(graph->tensors[graph->inputs[0]].dims[0], 1);
    for (unsigned t = 0; t < graph->n_tensors; t++)
        if (!graph->tensors[t].data)
            assert_int_equal(graph->tensors[t].dims[0], 1);
    char line[120];
    fg_graph_describe(graph, 0, line, sizeof line);
    assert_string_equal(line, "CONV_2D 3x3/2 1x6x6x2 -> 1x3x3x3");
    fg_graph_describe(graph, 0, line, 8);
    assert_string_equal(line, "CONV_2D");
    fg_graph_destroy(graph);
}

static void slopes_have_their_factor(void **state)
{
    (void)state;
    struct tb tb;
    unsigned seen = 0;
    small_model(&tb);
    struct fg_graph *graph = built_graph(&tb);
    assert_int_equal(fg_lower(graph, NULL), 0);
    for (unsigned i = 0; i < graph->n_nodes; i++) {
        if (graph->nodes[i].op != FG_OP_PRELU)
            continue;
        const float *slopes = graph->tensors[graph->nodes[i].inputs[1]].data;
        const float want[2][3] = {{0.8f, -3.0f, 6.0f}, {-0.7f, 0.2f, 1.6f}};
        for (unsigned k = 0; k < 3; k++)
            assert_float_equal(slopes[k], want[seen][k], 1e-6);
        seen++;
    }
    assert_int_equal(seen, 2);
    fg_graph_destroy(graph);
}

// Look-alikes of PReLU stay what they are: |x| - x, a slope for each cell, another x.
static void lookalikes_are_no_prelu(void **state)
{
    (void)state;
    struct tb tb;
    for (unsigned kind = 0; kind < 3; kind++) {
        small_model(&tb);
        if (kind == 0) {
            struct tb_op *sub = &tb.ops[4];
            int x = sub->inputs[0];
            sub->inputs[0] = sub->inputs[1];
            sub->inputs[1] = x;
        } else if (kind == 1) {
            struct tb_tensor *c = &tb.tensors[small_tensor(&tb, "a slopes")];
            *c = (struct tb_tensor){.name = "a slopes",
                                    .n_dims = 4,
                                    .dims = {1, 3, 3, 1},
                                    .data = weights,
                                    .bytes = 36};
        } else {
            tb.ops[3].inputs[0] = small_tensor(&tb, "a relu"); // ABS of relu(x)
        }
        struct fg_graph *graph = built_graph(&tb);
        lower_and_compare(graph);
        assert_int_equal(count(graph, FG_OP_PRELU), 1); // only the other one
        fg_graph_destroy(graph);
    }
}

static int conv(struct tb *tb, int in, const char *shape, const char *filter, const float *w,
                int padding, int stride, int activation)
{
    int f = tb_constant(tb, "filter", TB_FLOAT32, filter, w);
    char channels[8] = {0};
    memcpy(channels, filter, strcspn(filter, "x"));
    int b = tb_constant(tb, "bias", TB_FLOAT32, channels, w + 7);
    int out = tb_computed(tb, "conv", shape);
    tb_options(tb_op(tb, TB_CONV, out, (int[]){in, f, b, -2}), 1, "biib",
               (int32_t[]){padding, stride, stride, activation});
    return out;
}

static void shared_values_keep_their_activation(void **state)
{
    (void)state;
    struct tb tb;
    tb_init(&tb);
    int in = tb_computed(&tb, "in", "1x4x4x2");
    int c = conv(&tb, in, "1x4x4x3", "3x1x1x2", weights, 1, 1, 0);
    int r = tb_computed(&tb, "relu", "1x4x4x3"), s = tb_computed(&tb, "sum", "1x4x4x3");
    tb_op(&tb, TB_RELU6, r, (int[]){c, -2});
    tb_op(&tb, TB_ADD, s, (int[]){c, r, -2});
    tb_input(&tb, in);
    tb_output(&tb, s);
    struct fg_graph *graph = built_graph(&tb);
    lower_and_compare(graph);
    assert_int_equal(count(graph, FG_OP_RELU6), 1); // the sum needs the value before it
    fg_graph_destroy(graph);
}

static void pads_join_convolutions(void **state)
{
    (void)state;
    static const int32_t pads[] = {0, 0, 1, 2, 2, 1, 0, 0};
    struct tb tb;
    tb_init(&tb);
    int in = tb_computed(&tb, "in", "1x4x4x2"), pad = tb_computed(&tb, "pad", "1x7x7x2");
    int p = tb_constant(&tb, "pads", TB_INT32, "4x2", pads);
    tb_op(&tb, TB_PAD, pad, (int[]){in, p, -2});
    tb_output(&tb, conv(&tb, pad, "1x4x4x3", "3x3x3x2", weights, 0, 2, 1));
    tb_input(&tb, in);
    struct fg_graph *graph = built_graph(&tb);
    lower_and_compare(graph);
    assert_int_equal(graph->n_nodes, 1);
    assert_int_equal(graph->nodes[0].pad_before[1], 1 + 1);
    assert_int_equal(graph->nodes[0].pad_after[1], 2 + 1);
    fg_graph_destroy(graph);
}

static void linear_pointwise_layers_merge(void **state)
{
    (void)state;
    // merged where that saves work; not across an activation, not where it costs more
    const struct {
        const char *middle, *first, *second;
        int activation;
        unsigned nodes;
    } cases[] = {
        {"1x4x4x6", "6x1x1x6", "5x1x1x6", 0, 1},
        {"1x4x4x6", "6x1x1x6", "5x1x1x6", 1, 2},
        {"1x4x4x1", "1x1x1x6", "5x1x1x1", 0, 2},
    };
    for (unsigned k = 0; k < 3; k++) {
        struct tb tb;
        tb_init(&tb);
        int in = tb_computed(&tb, "in", "1x4x4x6");
        int a = conv(&tb, in, cases[k].middle, cases[k].first, weights, 1, 1, cases[k].activation);
        tb_output(&tb, conv(&tb, a, "1x4x4x5", cases[k].second, weights + 50, 1, 1, 0));
        tb_input(&tb, in);
        struct fg_graph *graph = built_graph(&tb);
        lower_and_compare(graph);
        assert_int_equal(graph->n_nodes, cases[k].nodes);
        fg_graph_destroy(graph);
    }
}

static void constants_fold(void **state)
{
    (void)state;
    struct tb tb;
    tb_init(&tb);
    int in = tb_computed(&tb, "in", "1x2x2x3");
    int a = tb_constant(&tb, "a", TB_FLOAT32, "2x1x3", weights);
    int b = tb_constant(&tb, "b", TB_FLOAT32, "1x2x1", weights + 9);
    int c = tb_computed(&tb, "c", "2x2x3"), d = tb_computed(&tb, "d", "1x2x2x3");
    int e = tb_computed(&tb, "e", "1x2x2x3"), out = tb_computed(&tb, "out", "1x2x2x3");
    tb_op(&tb, TB_SUB, c, (int[]){a, b, -2});
    tb_op(&tb, TB_RESHAPE, d, (int[]){c, -2});
    tb_op(&tb, TB_NEG, e, (int[]){d, -2});
    tb_op(&tb, TB_MUL, out, (int[]){in, e, -2});
    tb_input(&tb, in);
    tb_output(&tb, out);
    struct fg_graph *graph = built_graph(&tb);
    lower_and_compare(graph);
    assert_int_equal(graph->n_nodes, 1);
    fg_graph_destroy(graph);
}

// ---- factors and terms by channel ---------------------------------------------------------------

static const struct shape follows = {0};

enum { MUL_ADD, BATCH_NORM, SUB_DIV, TURNED_SUB };

// Appends a batch normalisation in one of its spellings.
static uint32_t add_norm(struct build *b, uint32_t x, unsigned spelling)
{
    const struct fg_tensor *t = &b->graph->tensors[x];
    const struct shape channels = {1, {t->dims[t->n_dims - 1]}};
    const struct shape wide = {4, {1, 1, 1, t->dims[t->n_dims - 1]}};
    struct fg_node first = {.op = FG_OP_MUL, .n_inputs = 2, .inputs = {x}};
    struct fg_node second = {.op = FG_OP_ADD, .n_inputs = 2};
    if (spelling == BATCH_NORM) {
        struct fg_node norm = {.op = FG_OP_BATCH_NORM, .n_inputs = 5, .epsilon = 1e-3f};
        norm.inputs[0] = x;
        for (unsigned k = 1; k < 5; k++)
            norm.inputs[k] = build_weights(b, channels, k == 2 ? 1.5f : 0);
        return build_node(b, norm, follows);
    }
    first.inputs[1] = build_weights(b, t->n_dims == 4 ? wide : channels, 0);
    if (spelling == SUB_DIV) {
        first.op = FG_OP_SUB;
        second.op = FG_OP_DIV;
    } else if (spelling == TURNED_SUB) { // c - x
        first.op = FG_OP_SUB;
        first.inputs[0] = first.inputs[1];
        first.inputs[1] = x;
    }
    second.inputs[0] = build_node(b, first, follows);
    second.inputs[1] = build_weights(b, channels, spelling == SUB_DIV ? 2 : 0);
    return build_node(b, second, follows);
}

static uint32_t add_layer(struct build *b, uint32_t x, enum fg_op op)
{
    static const struct shape filters[] = {
        {4, {6, 3, 3, 2}}, {4, {1, 3, 3, 8}}, {4, {5, 2, 2, 4}}, {2, {7, 4}}};
    unsigned k = op == FG_OP_CONV             ? 0
                 : op == FG_OP_DEPTHWISE      ? 1
                 : op == FG_OP_TRANSPOSE_CONV ? 2
                                              : 3;
    struct fg_node node = {.op = op,
                           .n_inputs = 3,
                           .inputs = {x, build_weights(b, filters[k], 0), FG_NO_TENSOR},
                           .stride_h = 1,
                           .stride_w = 1,
                           .dilation_h = 1,
                           .dilation_w = 1,
                           .keep_dims = true};
    if (op != FG_OP_DEPTHWISE) {
        const struct shape bias = {1, {filters[k].d[0]}};
        node.inputs[2] = build_weights(b, bias, 0);
    }
    return build_node(b, node, follows);
}

static const struct shape image = {4, {1, 5, 6, 4}};

static void norms_join_the_layer_before(void **state)
{
    (void)state;
    static const enum fg_op layers[] = {FG_OP_CONV, FG_OP_DEPTHWISE, FG_OP_TRANSPOSE_CONV,
                                        FG_OP_FULLY_CONNECTED};
    for (unsigned layer = 0; layer < 4; layer++)
        for (unsigned spelling = MUL_ADD; spelling <= TURNED_SUB; spelling++) {
            struct build b = build_begin();
            uint32_t x = build_input(&b, image);
            x = add_norm(&b, add_layer(&b, x, layers[layer]), spelling);
            struct fg_node relu = {.op = FG_OP_RELU, .n_inputs = 1, .inputs = {x}};
            struct fg_graph *graph = build_end(&b, build_node(&b, relu, follows));
            lower_and_compare(graph);
            assert_int_equal(graph->n_nodes, 1);
            assert_int_equal(graph->nodes[0].op, layers[layer]);
            assert_int_equal(graph->nodes[0].activation, FG_ACT_RELU);
            fg_graph_destroy(graph);
        }
}

// Not across an activation, not when others read the layer, and a shared filter stays what it is.
static void norms_stay_out_of_shared_layers(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 4; kind++) {
        struct build b = build_begin();
        uint32_t in = build_input(&b, image), x = add_layer(&b, in, FG_OP_CONV);
        struct fg_node *conv = &b.graph->nodes[0];
        unsigned nodes = 3;
        if (kind == 0)
            conv->activation = FG_ACT_RELU;
        else if (kind == 1)
            b.graph->outputs[b.graph->n_outputs++] = x;
        uint32_t norm = add_norm(&b, x, kind == 2 ? BATCH_NORM : MUL_ADD);
        if (kind >= 2) { // another convolution with the same filter
            struct fg_node again = b.graph->nodes[0];
            again.inputs[2] = FG_NO_TENSOR;
            b.graph->outputs[b.graph->n_outputs++] = build_node(&b, again, follows);
            nodes = 2;
        }
        struct fg_graph *graph = build_end(&b, norm);
        lower_and_compare(graph);
        assert_int_equal(graph->n_nodes, nodes);
        fg_graph_destroy(graph);
    }
}

static void lone_norms_become_factor_and_term(void **state)
{
    (void)state;
    struct build b = build_begin();
    struct fg_graph *graph = build_end(&b, add_norm(&b, build_input(&b, image), BATCH_NORM));
    lower_and_compare(graph);
    assert_int_equal(graph->n_nodes, 2);
    assert_int_equal(graph->nodes[0].op, FG_OP_MUL);
    assert_int_equal(graph->nodes[1].op, FG_OP_ADD);
    fg_graph_destroy(graph);
}

// A factor that would make a weight infinite, and one for each cell, stay where they are.
static void other_factors_stay(void **state)
{
    (void)state;
    const struct shape channels = {1, {6}}, cells = {4, {1, 3, 4, 1}};
    for (unsigned kind = 0; kind < 2; kind++) {
        struct build b = build_begin();
        uint32_t x = add_layer(&b, build_input(&b, image), FG_OP_CONV);
        struct fg_node mul = {.op = FG_OP_MUL, .n_inputs = 2, .inputs = {x}};
        mul.inputs[1] = build_weights(&b, kind ? cells : channels, 0);
        if (kind == 0) {
            ((float *)b.graph->tensors[mul.inputs[1]].data)[3] = 3e38f;
            ((float *)b.graph->tensors[b.graph->nodes[0].inputs[1]].data)[3 * 18] = 4;
        }
        struct fg_graph *graph = build_end(&b, build_node(&b, mul, follows));
        lower_and_compare(graph);
        assert_int_equal(graph->n_nodes, 2);
        fg_graph_destroy(graph);
    }
}

// ---- every operator -----------------------------------------------------------------------------

static double *outputs_of(const struct fg_graph *graph, size_t *ret_count)
{
    struct reference ref = {0};
    float *inputs[FG_GRAPH_MAX_ENDS];
    for (unsigned k = 0; k < graph->n_inputs; k++) {
        inputs[k] =
            malloc(fg_tensor_elements(&graph->tensors[graph->inputs[k]]) * sizeof *inputs[k]);
        operator_fill(graph, k, inputs[k]);
    }
    reference_run(&ref, graph, (const float *const *)inputs);
    *ret_count = fg_tensor_elements(&graph->tensors[graph->outputs[0]]);
    double *values = malloc(*ret_count * sizeof *values);
    memcpy(values, ref.values[graph->outputs[0]], *ret_count * sizeof *values);
    for (unsigned k = 0; k < graph->n_inputs; k++)
        free(inputs[k]);
    reference_finish(&ref);
    return values;
}

static double largest_difference(const double *a, const double *b, size_t n, double *ret_most)
{
    double largest = 0;
    *ret_most = 0;
    for (size_t k = 0; k < n; k++) {
        largest = fmax(largest, fabs(a[k] - b[k]));
        *ret_most = fmax(*ret_most, fabs(a[k]));
    }
    return largest;
}

// Lowering changes no operator's result, and no stored value of a quantised one at all.
static void lowering_keeps_every_operator(void **state)
{
    (void)state;
    for (unsigned k = 0; k < operator_case_count; k++)
        for (unsigned v = 0; v < operator_cases[k].variants * OPERATOR_TYPES; v++) {
            const struct operator_case *c = &operator_cases[k];
            enum operator_type type = v % OPERATOR_TYPES;
            if (type != OPERATOR_FLOAT && !c->quantises)
                continue;
            struct fg_graph *graph = operator_make(c, v / OPERATOR_TYPES, type);
            struct fg_error err = {""};
            size_t n = 0, after = 0;
            double *raw = outputs_of(graph, &n), most;
            if (fg_lower(graph, &err) < 0)
                fail_msg("%s %u: %s", c->name, v / OPERATOR_TYPES, err.text);
            double *lowered = outputs_of(graph, &after);
            assert_int_equal(n, after);
            double d = largest_difference(raw, lowered, n, &most);
            if (!(d <= (type == OPERATOR_FLOAT ? 1e-6 * most : 0)))
                fail_msg("%s %u as %s: %g", c->name, v / OPERATOR_TYPES, operator_type_names[type],
                         d);
            free(raw);
            free(lowered);
            fg_graph_destroy(graph);
        }
}

// The reference's quantised arithmetic means what the float one means: a few steps of 255 apart,
// but for sums of many products.
static void quantised_operators_stay_near_float(void **state)
{
    (void)state;
    for (unsigned k = 0; k < operator_case_count; k++)
        for (unsigned v = 0; v < operator_cases[k].variants * OPERATOR_TYPES; v++) {
            const struct operator_case *c = &operator_cases[k];
            if (!c->quantises || v % OPERATOR_TYPES == OPERATOR_FLOAT)
                continue;
            struct fg_graph *plain = operator_make(c, v / OPERATOR_TYPES, OPERATOR_FLOAT);
            struct fg_graph *stored = operator_make(c, v / OPERATOR_TYPES, v % OPERATOR_TYPES);
            size_t n = 0, m = 0;
            double *want = outputs_of(plain, &n), *got = outputs_of(stored, &m), most;
            assert_int_equal(n, m);
            double d = largest_difference(want, got, n, &most);
            bool steep = c->op == FG_OP_SOFTMAX || c->op == FG_OP_LOGISTIC || c->op == FG_OP_TANH;
            bool sums = c->op == FG_OP_CONV || c->op == FG_OP_DEPTHWISE ||
                        c->op == FG_OP_FULLY_CONNECTED || c->op == FG_OP_TRANSPOSE_CONV;
            if (!(d <= (steep ? 0.05 : (sums ? 0.1 : 0.03) * fmax(most, 1e-3))))
                fail_msg("%s %u as %s: %g of %g", c->name, v / OPERATOR_TYPES,
                         operator_type_names[v % OPERATOR_TYPES], d, most);
            free(want);
            free(got);
            fg_graph_destroy(plain);
            fg_graph_destroy(stored);
        }
}

// ---- quantised parts ----------------------------------------------------------------------------

static struct fg_graph *quantised(void)
{
    struct tb tb;
    quantised_model(&tb);
    return built_graph(&tb);
}

static unsigned find(const struct fg_graph *graph, enum fg_op op)
{
    unsigned i = 0;
    while (graph->nodes[i].op != op)
        i++;
    return i;
}

// RELU6 after a convolution that keeps its scale is the same as one rounding; with another scale
// it is not. The model's ADD reads the convolution too; without it they are alone.
static void quantised_activations_fuse_with_one_scale(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 3; kind++) {
        struct fg_graph *graph = quantised();
        struct fg_node *add = &graph->nodes[find(graph, FG_OP_ADD)];
        uint32_t relu = graph->nodes[find(graph, FG_OP_RELU6)].output;
        if (kind > 0)
            add->inputs[0] = relu;
        if (kind == 2)
            graph->tensors[relu].scales[0] = 0.02f;
        lower_and_compare(graph);
        assert_int_equal(count(graph, FG_OP_RELU6), kind != 1);
        fg_graph_destroy(graph);
    }
}

static void quantised_pads_join_convolutions(void **state)
{
    (void)state;
    const struct shape in = {4, {1, 5, 5, 2}}, filter = {4, {3, 3, 3, 2}};
    struct build b = build_begin();
    struct fg_node pad = {
        .op = FG_OP_PAD, .n_inputs = 1, .pad_before = {0, 1, 1}, .pad_after = {0, 1, 2}};
    struct fg_node conv = {.op = FG_OP_CONV,
                           .n_inputs = 2,
                           .stride_h = 1,
                           .stride_w = 1,
                           .dilation_h = 1,
                           .dilation_w = 1};
    pad.inputs[0] = build_input(&b, in);
    conv.inputs[0] = build_node(&b, pad, follows);
    conv.inputs[1] = build_weights(&b, filter, 0);
    struct fg_graph *graph = build_end(&b, build_node(&b, conv, follows));
    operator_quantise(graph, OPERATOR_UINT8); // a zero point that is not 0
    lower_and_compare(graph);
    assert_int_equal(count(graph, FG_OP_PAD), 0);
    fg_graph_destroy(graph);
}

// ---- checks -------------------------------------------------------------------------------------

typedef void spoil(struct fg_graph *graph, struct fg_node *node);

static void spoil_begin(struct fg_graph *graph, struct fg_node *node)
{
    (void)graph;
    node->begin[3] = 6;
}

static void spoil_order(struct fg_graph *graph, struct fg_node *node)
{
    (void)graph;
    node->order[2] = 3;
}

static void spoil_epsilon(struct fg_graph *graph, struct fg_node *node)
{
    (void)graph;
    node->epsilon = 0;
}

static void spoil_slope(struct fg_graph *graph, struct fg_node *node)
{
    (void)graph;
    node->slope = NAN;
}

static void spoil_beta(struct fg_graph *graph, struct fg_node *node)
{
    (void)graph;
    node->beta = -1;
}

static void spoil_activation(struct fg_graph *graph, struct fg_node *node)
{
    (void)graph;
    node->activation = FG_ACT_RELU;
}

static void spoil_cut(struct fg_graph *graph, struct fg_node *node)
{
    (void)graph;
    node->pad_before[1] = 5;
    node->pad_after[1] = 3;
}

static void spoil_dilation(struct fg_graph *graph, struct fg_node *node)
{
    (void)graph;
    node->dilation_w = 2;
}

static void spoil_padding(struct fg_graph *graph, struct fg_node *node)
{
    (void)graph;
    node->pad_before[1] = UINT32_MAX;
}

static void spoil_axes(struct fg_graph *graph, struct fg_node *node)
{
    (void)graph;
    node->axes = 16;
}

static void spoil_operator(struct fg_graph *graph, struct fg_node *node)
{
    (void)graph;
    node->op = FG_OP_COUNT;
}

static void spoil_variance(struct fg_graph *graph, struct fg_node *node)
{
    const uint32_t one = 1;
    fg_tensor_reshape(&graph->tensors[node->inputs[2]], 1, &one);
}

static void spoil_inputs(struct fg_graph *graph, struct fg_node *node)
{
    (void)graph;
    node->n_inputs = 1;
}

static void spoil_type(struct fg_graph *graph, struct fg_node *node)
{
    graph->tensors[node->output].type = FG_INT16;
}

static void bad_nodes_are_named(void **state)
{
    (void)state;
    static const struct {
        enum fg_op op;
        spoil *spoil;
        int code;
        const char *words;
    } cases[] = {
        {FG_OP_SLICE, spoil_begin, -EINVAL, "SLICE: 3 cells from cell 6 of 8"},
        {FG_OP_TRANSPOSE, spoil_order, -EINVAL, "TRANSPOSE: the order is no permutation"},
        {FG_OP_L2_NORM, spoil_epsilon, -EINVAL, "L2_NORMALIZATION: epsilon 0"},
        {FG_OP_LEAKY_RELU, spoil_slope, -EINVAL, "LEAKY_RELU: slope"},
        {FG_OP_SOFTMAX, spoil_beta, -EINVAL, "SOFTMAX: beta -1"},
        {FG_OP_TANH, spoil_activation, -EINVAL, "TANH: activation 1 is not possible here"},
        {FG_OP_TRANSPOSE_CONV, spoil_cut, -EINVAL, "8 cells, of which 8 are cut off"},
        {FG_OP_TRANSPOSE_CONV, spoil_dilation, -ENOTSUP, "TRANSPOSE_CONV: a dilation of 2"},
        {FG_OP_CONV, spoil_padding, -EINVAL, "CONV_2D: padding over"},
        {FG_OP_MEAN, spoil_axes, -EINVAL, "MEAN: axes outside the 4 dimensions"},
        {FG_OP_ABS, spoil_operator, -EINVAL, "operators[0]: operator"},
        {FG_OP_BATCH_NORM, spoil_variance, -EINVAL, "BATCH_NORM: 1 values in 'weights' for 7"},
        {FG_OP_MAXIMUM, spoil_inputs, -EINVAL, "MAXIMUM: 1 inputs, 2 to 2 expected"},
        {FG_OP_EXP, spoil_type, -ENOTSUP, "EXP: 'out 0' is int16; float32 is supported here"},
    };
    for (unsigned k = 0; k < sizeof cases / sizeof cases[0]; k++)
        for (unsigned c = 0; c < operator_case_count; c++) {
            if (operator_cases[c].op != cases[k].op)
                continue;
            struct fg_error err = {""};
            struct fg_graph *graph = operator_make(&operator_cases[c], 0, OPERATOR_FLOAT);
            cases[k].spoil(graph, &graph->nodes[0]);
            int r = fg_graph_check(graph, &err);
            if (r != cases[k].code || !strstr(err.text, cases[k].words))
                fail_msg("got %d \"%s\", expected \"%s\"", r, err.text, cases[k].words);
            fg_graph_destroy(graph);
        }
}

static void memory_counts_constants_twice(void **state)
{
    (void)state;
    const struct shape cells = {2, {1, 4}}, row = {1, {4}};
    struct build b = build_begin();
    struct fg_node add = {.op = FG_OP_ADD, .n_inputs = 2};
    add.inputs[0] = build_input(&b, cells);
    add.inputs[1] = build_weights(&b, row, 0);
    struct fg_graph *graph = build_end(&b, build_node(&b, add, follows));
    assert_int_equal(fg_graph_memory(graph), 2 * 16 + 16 + 16);
    fg_graph_destroy(graph);
    struct tb tb;
    small_model(&tb);
    graph = built_graph(&tb);
    uint64_t before = fg_graph_memory(graph);
    assert_int_equal(fg_lower(graph, NULL), 0);
    assert_true(fg_graph_memory(graph) < before); // one image instead of two
    fg_graph_destroy(graph);
}

// ---- batch --------------------------------------------------------------------------------------

static void lowers_wide_model(void **state)
{
    (void)state;
    struct tb tb;
    wide_model(&tb);
    struct fg_graph *graph = built_graph(&tb);
    lower_and_compare(graph);
    for (unsigned t = 0; t < graph->n_tensors; t++)
        if (!graph->tensors[t].data)
            assert_int_equal(graph->tensors[t].dims[0], 1);
    fg_graph_destroy(graph);
}

// One operator on a batch of 2: lowered to one image, or refused by its name.
static void batches_lower_or_are_refused(void **state)
{
    (void)state;
    const struct shape two = {4, {2, 4, 4, 2}}, one = {4, {1, 4, 4, 2}}, part = {4, {2, 2, 4, 2}};
    const struct shape flat = {3, {4, 4, 4}}, row = {2, {4, 16}}, vector = {1, {64}};
    const struct {
        struct fg_node node;
        struct shape out, constant;
        bool works;
    } cases[] = {
        {{.op = FG_OP_SLICE, .begin = {0, 2}}, part, {0}, true},
        {{.op = FG_OP_SLICE, .begin = {1}}, one, {0}, false},
        {{.op = FG_OP_TRANSPOSE, .order = {0, 3, 2, 1}}, {0}, {0}, true},
        {{.op = FG_OP_TRANSPOSE, .order = {1, 0, 2, 3}}, {0}, {0}, false},
        {{.op = FG_OP_MEAN, .axes = 6}, {0}, {0}, true},
        {{.op = FG_OP_MEAN, .axes = 3, .keep_dims = true}, {0}, {0}, false},
        {{.op = FG_OP_MAXIMUM}, {0}, one, true},
        {{.op = FG_OP_MAXIMUM}, {0}, two, false},
        {{.op = FG_OP_CONCAT, .axis = 3}, {0}, two, false},
        {{.op = FG_OP_CONCAT, .axis = 0}, {0}, one, false},
        {{.op = FG_OP_RESHAPE}, flat, {0}, true}, // two rows of each image
        {{.op = FG_OP_RESHAPE}, row, {0}, true},
        {{.op = FG_OP_RESHAPE}, vector, {0}, false},
    };
    for (unsigned k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        struct build b = build_begin();
        struct fg_error err = {""};
        struct fg_node node = cases[k].node;
        node.inputs[node.n_inputs++] = build_input(&b, two);
        if (cases[k].constant.n)
            node.inputs[node.n_inputs++] = build_weights(&b, cases[k].constant, 0);
        struct fg_graph *graph = build_end(&b, build_node(&b, node, cases[k].out));
        if (cases[k].works) {
            lower_and_compare(graph);
        } else if (fg_lower(graph, &err) != -ENOTSUP || !strstr(err.text, "mixes the 2 images") ||
                   !strstr(err.text, fg_op_name(node.op))) {
            fail_msg("case %u: \"%s\"", k, err.text);
        }
        fg_graph_destroy(graph);
    }
}

// A constant that is turned and cut is a constant; so is one with a curve, and stored weights.
static void moved_constants_fold(void **state)
{
    (void)state;
    const struct shape in = {2, {1, 3}}, stored = {3, {2, 3, 4}}, cell = {3, {4, 1, 3}};
    const struct shape row = {2, {4, 3}};
    struct build b = build_begin();
    struct fg_node turn = {.op = FG_OP_TRANSPOSE, .n_inputs = 1, .order = {2, 0, 1}};
    struct fg_node cut = {.op = FG_OP_SLICE, .n_inputs = 1, .begin = {0, 1, 0}};
    struct fg_node flat = {.op = FG_OP_RESHAPE, .n_inputs = 1};
    struct fg_node curve = {.op = FG_OP_TANH, .n_inputs = 1};
    struct fg_node layer = {.op = FG_OP_FULLY_CONNECTED, .n_inputs = 2};
    layer.inputs[0] = build_input(&b, in);
    turn.inputs[0] = build_weights(&b, stored, 0);
    cut.inputs[0] = build_node(&b, turn, follows);
    flat.inputs[0] = build_node(&b, cut, cell);
    curve.inputs[0] = build_node(&b, flat, row);
    layer.inputs[1] = build_node(&b, curve, follows);
    struct fg_graph *graph = build_end(&b, build_node(&b, layer, follows));
    lower_and_compare(graph);
    assert_int_equal(graph->n_nodes, 1);
    fg_graph_destroy(graph);
}

static void a_batch_that_mixes_is_refused(void **state)
{
    (void)state;
    static const int32_t axis[] = {0};
    struct tb tb;
    struct fg_error err = {""};
    tb_init(&tb);
    int in = tb_computed(&tb, "in", "2x4x4x2"), out = tb_computed(&tb, "sum", "4x4x2");
    int a = tb_constant(&tb, "axis", TB_INT32, "", axis);
    tb_op(&tb, TB_SUM, out, (int[]){in, a, -2});
    tb_input(&tb, in);
    tb_output(&tb, out);
    struct fg_graph *graph = built_graph(&tb);
    assert_int_equal(fg_lower(graph, &err), -ENOTSUP);
    assert_non_null(strstr(err.text, "operators[0] SUM mixes the 2 images"));
    fg_graph_destroy(graph);
}

static void eigenvectors_are_right(void **state)
{
    (void)state;
    enum { N = 17 };
    double a[N * N], kept[N * N], values[N], v[N * N];
    for (unsigned i = 0; i < N; i++) // the Gram matrix of 9 rows: rank 9
        for (unsigned j = 0; j < N; j++) {
            kept[i * N + j] = 0;
            for (unsigned k = 0; k < 9; k++)
                kept[i * N + j] += (double)weights[k * N + i] * weights[k * N + j];
        }
    memcpy(a, kept, sizeof a);
    assert_int_equal(fg_eigen(a, N, values, v), 0);
    for (unsigned i = 0; i < N; i++) {
        double largest = 0;
        for (unsigned j = 0; j < N; j++) {
            double product = 0, dot = 0;
            for (unsigned k = 0; k < N; k++) {
                product += kept[j * N + k] * v[i * N + k];
                dot += v[i * N + k] * v[j * N + k];
            }
            assert_true(fabs(product - values[i] * v[i * N + j]) < 1e-12 * values[0]);
            assert_true(fabs(dot - (i == j)) < 1e-12);
            if (fabs(v[i * N + j]) > fabs(largest))
                largest = v[i * N + j];
        }
        assert_true(largest > 0);
        assert_true(i == 0 || values[i] <= values[i - 1]);
    }
    assert_true(values[8] > 1e-3 * values[0] && fabs(values[9]) < 1e-13 * values[0]);
}

// 16 inputs to 12 values of rank 5, by a 1x1 convolution and a reshape.
static struct fg_graph *embedder(int activation)
{
    static float w[12 * 16];
    struct tb tb;
    memset(w, 0, sizeof w);
    for (unsigned o = 0; o < 12; o++)
        for (unsigned i = 0; i < 16; i++)
            for (unsigned r = 0; r < 5; r++)
                w[o * 16 + i] += weights[300 + o * 5 + r] * weights[500 + r * 16 + i];
    tb_init(&tb);
    int in = tb_computed(&tb, "in", "1x1x1x16"), out = tb_computed(&tb, "out", "1x12");
    int c = conv(&tb, in, "1x1x1x12", "12x1x1x16", w, 1, 1, activation);
    tb_op(&tb, TB_RESHAPE, out, (int[]){c, -2});
    tb_input(&tb, in);
    tb_output(&tb, out);
    return built_graph(&tb);
}

static double cosine(const double *a, const double *b, size_t n)
{
    double ab = 0, aa = 0, bb = 0;
    for (size_t k = 0; k < n; k++) {
        ab += a[k] * b[k];
        aa += a[k] * a[k];
        bb += b[k] * b[k];
    }
    return ab / sqrt(aa * bb);
}

static void projection_keeps_cosines(void **state)
{
    (void)state;
    enum { PAIRS = 8 };
    struct fg_graph *whole = embedder(0), *projected = embedder(0);
    struct fg_error err = {""};
    double spread = 0;
    if (fg_project(projected, 8, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(projected->tensors[projected->outputs[0]].dims[1], 8);
    for (unsigned k = 0; k < PAIRS; k++) {
        struct reference a[2] = {{0}}, z[2] = {{0}};
        for (unsigned j = 0; j < 2; j++) {
            float x[16];
            reference_fill(x, 16, 2 * k + j);
            const float *inputs[] = {x};
            reference_run(&a[j], whole, inputs);
            reference_run(&z[j], projected, inputs);
        }
        uint32_t from = whole->outputs[0], to = projected->outputs[0];
        double before = cosine(a[0].values[from], a[1].values[from], 12);
        double after = cosine(z[0].values[to], z[1].values[to], 8);
        assert_true(fabs(before - after) < 1e-6);
        spread = fmax(spread, fabs(before));
        for (unsigned d = 6; d < 8; d++) // past the rank of [W|b]
            assert_true(z[0].values[to][d] == 0);
        assert_true(z[0].values[to][5] != 0);
        for (unsigned j = 0; j < 2; j++) {
            reference_finish(&a[j]);
            reference_finish(&z[j]);
        }
    }
    assert_true(spread > 0.1);
    fg_graph_destroy(whole);
    fg_graph_destroy(projected);
}

static void projection_refuses_loss(void **state)
{
    (void)state;
    struct fg_error err = {""};
    struct fg_graph *graph = embedder(0);
    assert_int_equal(fg_project(graph, 3, &err), -EINVAL);
    assert_non_null(strstr(err.text, "set project = "));
    assert_int_equal(fg_project(graph, 13, &err), -EINVAL);
    assert_non_null(strstr(err.text, "from 12 to 13"));
    fg_graph_destroy(graph);
    graph = embedder(1);
    assert_int_equal(fg_project(graph, 8, &err), -EINVAL);
    assert_non_null(strstr(err.text, "operators[0] CONV_2D is no linear layer"));
    fg_graph_destroy(graph);
    struct tb tb;
    small_model(&tb);
    graph = built_graph(&tb);
    assert_int_equal(fg_lower(graph, &err), 0);
    assert_int_equal(fg_project(graph, 1, &err), -EINVAL);
    fg_graph_destroy(graph);
}

static void limits_hold(void **state)
{
    (void)state;
    struct fg_error err = {""};
    struct fg_graph *graph = fg_graph_create();
    const uint32_t zero[] = {3, 0}, big[] = {1u << 14, 1u << 14}, wide[] = {1u << 31, 2};
    const uint32_t most[] = {1u << 13, 1u << 13};
    uint32_t t = 7;
    assert_int_equal(fg_graph_add_tensor(graph, "z", FG_FLOAT32, 2, zero, &t, &err), -EINVAL);
    assert_int_equal(fg_graph_add_tensor(graph, "b", FG_FLOAT32, 2, big, &t, &err), -EFBIG);
    assert_int_equal(fg_graph_add_tensor(graph, "w", FG_FLOAT32, 2, wide, &t, &err), -EFBIG);
    assert_int_equal(t, 7); // untouched
    assert_int_equal(fg_graph_add_tensor(graph, "m", FG_FLOAT32, 2, most, &t, &err), 0);
    graph->constant_bytes = FG_GRAPH_MAX_CONSTANTS - 4; // as if others had filled it
    assert_int_equal(fg_graph_make_constant(graph, t, &err), -EFBIG);
    assert_null(graph->tensors[t].data);
    fg_graph_destroy(graph);
    fg_graph_destroy(NULL);
}

static int fill(void **state)
{
    (void)state;
    reference_fill(weights, 4096, 11);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lowers_small_model),
        cmocka_unit_test(slopes_have_their_factor),
        cmocka_unit_test(lookalikes_are_no_prelu),
        cmocka_unit_test(shared_values_keep_their_activation),
        cmocka_unit_test(pads_join_convolutions),
        cmocka_unit_test(linear_pointwise_layers_merge),
        cmocka_unit_test(constants_fold),
        cmocka_unit_test(moved_constants_fold),
        cmocka_unit_test(norms_join_the_layer_before),
        cmocka_unit_test(norms_stay_out_of_shared_layers),
        cmocka_unit_test(lone_norms_become_factor_and_term),
        cmocka_unit_test(other_factors_stay),
        cmocka_unit_test(lowering_keeps_every_operator),
        cmocka_unit_test(quantised_operators_stay_near_float),
        cmocka_unit_test(quantised_activations_fuse_with_one_scale),
        cmocka_unit_test(quantised_pads_join_convolutions),
        cmocka_unit_test(bad_nodes_are_named),
        cmocka_unit_test(memory_counts_constants_twice),
        cmocka_unit_test(lowers_wide_model),
        cmocka_unit_test(batches_lower_or_are_refused),
        cmocka_unit_test(a_batch_that_mixes_is_refused),
        cmocka_unit_test(eigenvectors_are_right),
        cmocka_unit_test(projection_keeps_cosines),
        cmocka_unit_test(projection_refuses_loss),
        cmocka_unit_test(limits_hold),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
