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
#include "tests/reference.h"
#include "tests/small_model.h"

static float weights[4096];

static struct fg_graph *parse(struct tb *tb)
{
    struct fg_graph *graph = NULL;
    struct fg_error err = {""};
    tb_finish(tb);
    if (fg_tflite_read(tb->bytes, tb->length, &graph, &err) < 0)
        fail_msg("%s", err.text);
    tb_free(tb);
    return graph;
}

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
    struct fg_graph *graph = parse(&tb);
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
    struct fg_graph *graph = parse(&tb);
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
        struct fg_graph *graph = parse(&tb);
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
    struct fg_graph *graph = parse(&tb);
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
    struct fg_graph *graph = parse(&tb);
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
        struct fg_graph *graph = parse(&tb);
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
    struct fg_graph *graph = parse(&tb);
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
    struct fg_graph *graph = parse(&tb);
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
    return parse(&tb);
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
    graph = parse(&tb);
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
        cmocka_unit_test(a_batch_that_mixes_is_refused),
        cmocka_unit_test(eigenvectors_are_right),
        cmocka_unit_test(projection_keeps_cosines),
        cmocka_unit_test(projection_refuses_loss),
        cmocka_unit_test(limits_hold),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
