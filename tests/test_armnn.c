// SPDX-License-Identifier: Apache-2.0
// The Arm NN engine against the float64 reference, on one backend: CpuRef, or the one that
// FACEGATE_TEST_BACKEND names.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accel/accel.h"
#include "accel/model.h"
#include "tests/arm_nn.h"
#include "tests/operators.h"
#include "tests/reference.h"

// On x86-64 all runs in CpuRef; on Arm this is CpuAcc with Compute Library.
static const char *engine(void)
{
    static char name[64];
    snprintf(name, sizeof name, "armnn:%s", tested_backend());
    return name;
}

static struct fg_accel *open_graph(const struct fg_graph *graph, bool fp16)
{
    struct fg_accel *accel = NULL;
    struct fg_error err = {""};
    const struct fg_accel_options options = {
        .engine = engine(), .backend_path = own_backends(), .fp16 = fp16};
    if (fg_accel_open(graph, &options, &accel, &err) < 0)
        fail_msg("%s", err.text);
    return accel;
}

// Fills all inputs, runs, and gives the largest difference of an output, relative to its largest.
static double run_and_compare(struct fg_accel *accel, const struct fg_graph *graph)
{
    const float *inputs[FG_GRAPH_MAX_ENDS];
    struct reference ref = {0};
    double worst = 0;
    for (unsigned k = 0; k < graph->n_inputs; k++) {
        const struct fg_accel_tensor *in = fg_accel_input(accel, k);
        reference_fill(in->data, in->bytes / 4, 5 + k);
        inputs[k] = in->data;
    }
    reference_run(&ref, graph, inputs);
    assert_int_equal(fg_accel_run(accel), 0);
    for (unsigned k = 0; k < graph->n_outputs; k++) {
        const struct fg_accel_tensor *out = fg_accel_output(accel, k);
        struct reference_difference d =
            reference_compare(out->data, ref.values[graph->outputs[k]], out->bytes / 4);
        worst = d.relative > worst || !(d.relative >= 0) ? d.relative : worst;
    }
    reference_finish(&ref);
    return worst;
}

// ---- operators ----------------------------------------------------------------------------------

// What CpuAcc of either Arm NN refuses in some of their variants.
static bool may_lack(const struct operator_case *c)
{
    return !strcmp(tested_backend(), "CpuAcc") &&
           (c->op == FG_OP_LEAKY_RELU || c->op == FG_OP_MEAN || c->op == FG_OP_SUM ||
            c->op == FG_OP_TRANSPOSE || c->op == FG_OP_TRANSPOSE_CONV);
}

struct tally {
    unsigned ran, lacking, wrong;
};

static void run_operator(const struct operator_case *c, unsigned variant, enum operator_type type,
                         bool lowered, struct tally *tally)
{
    const struct fg_accel_options options = {.engine = engine(), .backend_path = own_backends()};
    struct operator_result result = {0};
    struct fg_error err = {""};
    if (c->op == FG_OP_DEQUANTIZE && !lowered)
        return; // stored weights: lowering makes them float32, engines never see them
    int r = operator_run(c, variant, type, lowered, &options, &result, &err);
    tally->ran++;
    if (r == -ENOTSUP && may_lack(c))
        return;
    bool wrong = r == 0 && !(result.error <= result.limit);
    tally->lacking += r < 0;
    tally->wrong += wrong;
    if (r < 0 || wrong)
        print_message("%s, variant %u, %s%s: %s (error %g, limit %g)\n", c->name, variant,
                      operator_type_names[type], lowered ? ", lowered" : "", err.text, result.error,
                      result.limit);
}

// Every operator in every way of the table, as a file has it and lowered, in float32 and int8.
static void runs_every_operator(void **state)
{
    (void)state;
    struct tally tally = {0};
    for (unsigned c = 0; c < operator_case_count; c++)
        for (unsigned v = 0; v < operator_cases[c].variants; v++)
            for (unsigned t = 0; t < OPERATOR_TYPES; t++)
                for (unsigned lowered = 0; lowered < 2; lowered++)
                    if (t == OPERATOR_FLOAT || operator_cases[c].quantises)
                        run_operator(&operator_cases[c], v, t, lowered, &tally);
    print_message("%u ran, %u lacking, %u wrong\n", tally.ran, tally.lacking, tally.wrong);
    assert_int_equal(tally.wrong, 0);
    assert_int_equal(tally.lacking, 0);
}

// ---- models -------------------------------------------------------------------------------------

static void model_agrees(const char *path)
{
    struct fg_card card;
    struct fg_error err = {""};
    struct fg_graph *graph = NULL;
    assert_int_equal(fg_card_read(path, &card, &err), 0);
    if (access(card.path, R_OK) < 0)
        skip();
    if (fg_model_load(&card, &graph, &err) < 0)
        fail_msg("%s", err.text);
    struct fg_accel *accel = open_graph(graph, false);
    double worst = run_and_compare(accel, graph);
    if (!(worst < 1e-4))
        fail_msg("%s differs by %g", card.name, worst);
    assert_int_equal(fg_accel_copies(accel), 0);
    assert_int_equal(fg_accel_fallbacks(accel), 0);
    for (unsigned k = 0; k < fg_accel_placement_count(accel); k++) {
        struct fg_placement p = fg_accel_placement(accel, k);
        if (strcmp(p.backend, "alias") != 0 || strcmp(p.op, "RESHAPE") != 0) // as 23.08 has them
            assert_string_equal(p.backend, tested_backend());
    }
    fg_accel_close(accel);
    fg_graph_destroy(graph);
}

static void blazeface_agrees(void **state)
{
    (void)state;
    model_agrees("models/blazeface.card");
}

static void onet_agrees(void **state)
{
    (void)state;
    model_agrees("models/onet.card");
}

static void mobilefacenet_agrees(void **state)
{
    (void)state;
    model_agrees("models/mobilefacenet.card");
}

// ---- tensors in place ---------------------------------------------------------------------------

struct ends {
    struct fg_graph *graph;
    uint32_t x, y, z; // in, relu(in), abs(y)
};

static void make_ends(struct ends *ends)
{
    const uint32_t dims[] = {1, 5, 7, 3};
    static const enum fg_op ops[] = {FG_OP_RELU, FG_OP_ABS};
    uint32_t *tensors[] = {&ends->x, &ends->y, &ends->z};
    ends->graph = fg_graph_create();
    for (unsigned k = 0; k < 3; k++)
        assert_int_equal(
            fg_graph_add_tensor(ends->graph, "t", FG_FLOAT32, 4, dims, tensors[k], NULL), 0);
    for (unsigned k = 0; k < 2; k++) {
        struct fg_node node = {
            .op = ops[k], .n_inputs = 1, .inputs = {*tensors[k]}, .output = *tensors[k + 1]};
        assert_int_equal(fg_graph_add_node(ends->graph, &node, NULL), 0);
    }
    ends->graph->inputs[ends->graph->n_inputs++] = ends->x;
}

static void expect_ends(struct ends *ends, unsigned n_outputs, const uint32_t *outputs, bool copies)
{
    for (unsigned k = 0; k < n_outputs; k++)
        ends->graph->outputs[ends->graph->n_outputs++] = outputs[k];
    struct fg_accel *accel = open_graph(ends->graph, false);
    for (unsigned again = 0; again < 3; again++) {
        double worst = run_and_compare(accel, ends->graph);
        if (!(worst < 1e-5))
            fail_msg("run %u differs by %g", again, worst);
        if (fg_accel_copies(accel) < 0 || (!copies && fg_accel_copies(accel) > 0))
            fail_msg("%d copies", fg_accel_copies(accel));
    }
    fg_accel_close(accel);
    fg_graph_destroy(ends->graph);
}

static struct fg_graph *make_convolution(void)
{
    struct build b = build_begin();
    uint32_t x = build_input(&b, (struct shape){4, {1, 9, 9, 16}});
    struct fg_node node = {.op = FG_OP_CONV,
                           .n_inputs = 2,
                           .inputs = {x, build_weights(&b, (struct shape){4, {8, 3, 3, 16}}, 0)},
                           .stride_h = 1,
                           .stride_w = 1,
                           .dilation_h = 1,
                           .dilation_w = 1};
    return build_end(&b, build_node(&b, node, (struct shape){0, {0}}));
}

static void tensors_are_used_in_place(void **state)
{
    (void)state;
    struct fg_graph *graph = make_convolution();
    struct fg_accel *accel = open_graph(graph, false);
    for (unsigned again = 0; again < 3; again++)
        assert_true(run_and_compare(accel, graph) < 1e-5);
    assert_int_equal(fg_accel_copies(accel), 0);
    fg_accel_close(accel);
    fg_graph_destroy(graph);
}

// Kernels that want room around their tensors get copies.
static void tensors_with_room_are_copied(void **state)
{
    (void)state;
    struct ends ends;
    make_ends(&ends);
    expect_ends(&ends, 1, &ends.z, !strcmp(tested_backend(), "CpuAcc"));
}

// An output that others read, one value as two outputs, an input that is an output: right, with
// copies where the backend wants them.
static void odd_outputs_are_right(void **state)
{
    (void)state;
    struct ends ends;
    make_ends(&ends);
    expect_ends(&ends, 2, (const uint32_t[]){ends.z, ends.y}, true);
    make_ends(&ends);
    expect_ends(&ends, 2, (const uint32_t[]){ends.z, ends.z}, true);
    make_ends(&ends);
    expect_ends(&ends, 2, (const uint32_t[]){ends.x, ends.z}, true);
}

// ---- float16 ------------------------------------------------------------------------------------

static void fp16_is_near(void **state)
{
    (void)state;
    struct fg_graph *graph = make_convolution();
    struct fg_accel *accel = open_graph(graph, true);
    double worst = run_and_compare(accel, graph);
    print_message("float16 differs by %g: %s\n", worst, fg_accel_reason(accel));
    // at least the weights are; Debian's CpuAcc has no float16 kernels and says so
    assert_true(worst < 5e-3 && worst > 1e-5);
    fg_accel_close(accel);
    fg_graph_destroy(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_every_operator),
        cmocka_unit_test(blazeface_agrees),
        cmocka_unit_test(onet_agrees),
        cmocka_unit_test(mobilefacenet_agrees),
        cmocka_unit_test(tensors_are_used_in_place),
        cmocka_unit_test(tensors_with_room_are_copied),
        cmocka_unit_test(odd_outputs_are_right),
        cmocka_unit_test(fp16_is_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
