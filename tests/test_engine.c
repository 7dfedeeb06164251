// SPDX-License-Identifier: Apache-2.0
// Engines against the float64 reference: operator by operator, model by model, layer by layer.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accel/accel.h"
#include "accel/digest.h"
#include "accel/lower.h"
#include "accel/model.h"
#include "accel/tflite.h"
#include "tests/dice.h"
#include "tests/operators.h"
#include "tests/reference.h"
#include "tests/small_model.h"

#define TOLERANCE 2e-5 // of the largest value of a layer

static const struct fg_accel_options xnnpack = {.engine = "xnnpack"};

static float *random_input(const struct fg_graph *graph, unsigned seed)
{
    size_t n = fg_tensor_elements(&graph->tensors[graph->inputs[0]]);
    float *x = malloc(n * sizeof *x);
    reference_fill(x, n, seed);
    return x;
}

// Opens, runs and gives the opened model; the graph may go at once.
static struct fg_accel *run(const struct fg_graph *graph, const float *x)
{
    struct fg_accel *accel = NULL;
    struct fg_error err = {""};
    if (fg_accel_open(graph, &xnnpack, &accel, &err) < 0)
        fail_msg("%s", err.text);
    const struct fg_accel_tensor *in = fg_accel_input(accel, 0);
    memcpy(in->data, x, in->bytes);
    assert_int_equal(fg_accel_run(accel), 0);
    return accel;
}

// Runs the graph with every node's output made a graph output, a part of the nodes at a time, and
// names the first layer that differs from the reference; NULL: none does.
static const char *first_difference(struct fg_graph *graph, const float *x,
                                    const struct reference *ref)
{
    const char *name = NULL;
    uint32_t outputs[FG_GRAPH_MAX_ENDS];
    unsigned n_outputs = graph->n_outputs;
    memcpy(outputs, graph->outputs, sizeof outputs);
    for (unsigned first = 0; !name && first < graph->n_nodes; first += FG_GRAPH_MAX_ENDS) {
        graph->n_outputs = 0;
        for (unsigned i = first; i < graph->n_nodes && i < first + FG_GRAPH_MAX_ENDS; i++)
            graph->outputs[graph->n_outputs++] = graph->nodes[i].output;
        struct fg_accel *accel = run(graph, x);
        for (unsigned k = 0; !name && k < graph->n_outputs; k++) {
            const struct fg_accel_tensor *got = fg_accel_output(accel, k);
            const double *want = ref->values[graph->outputs[k]];
            struct reference_difference d = reference_compare(got->data, want, got->bytes / 4);
            if (!(d.relative < TOLERANCE))
                name = graph->tensors[graph->outputs[k]].name;
        }
        fg_accel_close(accel);
    }
    graph->n_outputs = n_outputs;
    memcpy(graph->outputs, outputs, sizeof outputs);
    return name;
}

// All outputs of an opened and run model against the reference's.
static void expect_close(const struct fg_accel *accel, const struct fg_graph *graph,
                         const struct reference *ref)
{
    for (unsigned k = 0; k < graph->n_outputs; k++) {
        const struct fg_accel_tensor *got = fg_accel_output(accel, k);
        const double *want = ref->values[graph->outputs[k]];
        struct reference_difference d = reference_compare(got->data, want, got->bytes / 4);
        if (!(d.cosine > 0.99999 && d.relative < 1e-4))
            fail_msg("output %u: cosine %.9f, largest difference %g of the largest value", k,
                     d.cosine, d.relative);
    }
}

// ---- operators ----------------------------------------------------------------------------------

static const struct shape follows = {0};

// What XNNPACK lacks, by variant: as the table has it, and lowered.
static const struct {
    enum fg_op op;
    unsigned raw, lowered; // bit v: variant v
} lacking[] = {
    {FG_OP_BATCH_NORM, 0x1f, 0},        // lowering spells it
    {FG_OP_DEQUANTIZE, 7, 0},           // lowering computes weights
    {FG_OP_QUANTIZE, 15, 15},           // all that is quantised
    {FG_OP_RESIZE_NEAREST, 0xe0, 0xe0}, // odd factors
    {FG_OP_TRANSPOSE, 0x3f, 0x0f},      // lowering drops those that move nothing
};

static bool lacks(enum fg_op op, unsigned variant, bool lowered)
{
    for (unsigned k = 0; k < sizeof lacking / sizeof lacking[0]; k++)
        if (lacking[k].op == op)
            return (lowered ? lacking[k].lowered : lacking[k].raw) >> variant & 1;
    return false;
}

static void expect_lack(const struct operator_case *c, unsigned variant, int r, const char *text)
{
    char words[80];
    snprintf(words, sizeof words, "XNNPACK does not support operators[0] %s that makes",
             fg_op_name(c->op));
    if (r != -ENOTSUP || !strstr(text, words) || !strstr(text, "engine = armnn"))
        fail_msg("%s %u: got %d \"%s\", expected \"%s\"", c->name, variant, r, text, words);
}

// Every way to use every operator agrees with the reference, or is refused by its name.
static void runs_operators(void **state)
{
    (void)state;
    unsigned ran = 0, refused = 0;
    for (unsigned k = 0; k < operator_case_count; k++)
        for (unsigned v = 0; v < 2 * operator_cases[k].variants; v++) {
            const struct operator_case *c = &operator_cases[k];
            struct operator_result result;
            struct fg_error err = {""};
            int r = operator_run(c, v / 2, OPERATOR_FLOAT, v % 2, &xnnpack, &result, &err);
            if (lacks(c->op, v / 2, v % 2)) {
                expect_lack(c, v / 2, r, err.text);
                refused++;
                continue;
            }
            if (r < 0)
                fail_msg("%s %u: %s", c->name, v / 2, err.text);
            if (!(result.error <= result.limit))
                fail_msg("%s %u: output %u is off by %g, %g is allowed", c->name, v / 2,
                         result.output, result.error, result.limit);
            ran++;
        }
    assert_true(ran > 300);
    assert_int_equal(refused, 5 + 3 + 4 + 4 + 3 + 3 + 6 + 4);
}

// The table has every operator, so that none is left out by oversight.
static void the_table_has_every_operator(void **state)
{
    (void)state;
    for (int op = 0; op < FG_OP_COUNT; op++) {
        unsigned k = 0;
        while (k < operator_case_count && (int)operator_cases[k].op != op)
            k++;
        if (k == operator_case_count)
            fail_msg("%s is not in the table", fg_op_name(op));
    }
}

// Turns a few knobs of a graph's first node, sensible or not.
static void disturb(struct fg_graph *graph)
{
    struct fg_node *n = &graph->nodes[0];
    struct fg_tensor *tensors[] = {&graph->tensors[n->inputs[0]], &graph->tensors[n->output]};
    uint32_t *knobs[] = {&n->stride_h,      &n->stride_w,      &n->kernel_h,      &n->kernel_w,
                         &n->dilation_h,    &n->begin[1],      &n->begin[2],      &n->begin[3],
                         &n->pad_before[1], &n->pad_before[2], &n->pad_before[3], &n->pad_after[1],
                         &n->pad_after[2],  &n->pad_after[3],  &n->axes};
    for (uint32_t k = 0; k < 1 + random_u32() % 4; k++) {
        *knobs[random_u32() % 15] = random_u32() % 5;
        struct fg_tensor *t = tensors[random_u32() % 2];
        uint32_t dims[FG_MAX_DIMS];
        memcpy(dims, t->dims, sizeof dims);
        if (random_u32() % 3 || t->n_dims < 2 || t->data)
            continue;
        dims[1 + random_u32() % (t->n_dims - 1)] = 1 + random_u32() % 9;
        fg_tensor_reshape(t, t->n_dims, dims);
    }
    n->keep_dims = random_u32() % 2;
    uint32_t dims[FG_MAX_DIMS] = {0};
    unsigned n_dims = 0;
    if (fg_graph_infer(graph, 0, &n_dims, dims, NULL) == 0)
        fg_tensor_reshape(&graph->tensors[n->output], n_dims, dims);
}

static double error_of(const struct fg_graph *graph, struct fg_accel *accel)
{
    struct reference ref = {0};
    float *inputs[2] = {NULL};
    for (unsigned k = 0; k < graph->n_inputs && k < 2; k++) {
        const struct fg_accel_tensor *in = fg_accel_input(accel, k);
        inputs[k] = malloc(in->bytes);
        operator_fill(graph, k, inputs[k]);
        memcpy(in->data, inputs[k], in->bytes);
    }
    assert_int_equal(fg_accel_run(accel), 0);
    reference_run(&ref, graph, (const float *const *)inputs);
    const struct fg_accel_tensor *out = fg_accel_output(accel, 0);
    double error =
        reference_compare(out->data, ref.values[graph->outputs[0]], out->bytes / 4).relative;
    reference_finish(&ref);
    free(inputs[0]);
    free(inputs[1]);
    return error;
}

// Whatever passes the graph's check runs right or is refused by name: XNNPACK itself checks less.
static void runs_or_refuses_odd_operators(void **state)
{
    (void)state;
    unsigned ran = 0;
    for (unsigned round = 0; round < 4 * operator_case_count; round++)
        for (unsigned v = 0; v < operator_cases[round / 4].variants; v++) {
            const struct operator_case *c = &operator_cases[round / 4];
            struct fg_graph *graph = operator_make(c, v, OPERATOR_FLOAT);
            struct fg_accel *accel = NULL;
            struct fg_error err = {""};
            if (graph->n_inputs < 3)
                disturb(graph);
            if (graph->n_inputs < 3 && fg_graph_check(graph, &err) == 0) {
                int r = fg_accel_open(graph, &xnnpack, &accel, &err);
                double error = r == 0 ? error_of(graph, accel) : 0;
                char line[120];
                fg_graph_describe(graph, 0, line, sizeof line);
                if ((r < 0 && (r != -ENOTSUP || !strstr(err.text, fg_op_name(c->op)))) ||
                    !(error <= c->tolerance))
                    fail_msg("%s %u, %s: %d \"%s\", off by %g", c->name, v, line, r, err.text,
                             error);
                ran += r == 0;
                fg_accel_close(accel);
            }
            fg_graph_destroy(graph);
        }
    assert_true(ran > 600);
}

static void refuses_quantised_graphs(void **state)
{
    (void)state;
    for (unsigned k = 0; k < operator_case_count; k++)
        for (int type = OPERATOR_INT8; operator_cases[k].quantises && type < OPERATOR_TYPES;
             type++) {
            struct operator_result result;
            struct fg_error err = {""};
            int r = operator_run(&operator_cases[k], 0, type, true, &xnnpack, &result, &err);
            assert_int_equal(r, -ENOTSUP);
            assert_non_null(strstr(err.text, "operators[0] QUANTIZE that makes 'in' from float32"));
            assert_non_null(strstr(err.text, "Arm NN"));
        }
}

static struct build begin(struct shape shape, uint32_t *ret_in)
{
    struct build b = build_begin();
    *ret_in = build_input(&b, shape);
    return b;
}

// Ends the graph and compares the engine with the reference.
static void finish(struct build *b, uint32_t output)
{
    struct reference ref = {0};
    struct fg_graph *graph = build_end(b, output);
    float *x = random_input(graph, 5);
    const float *inputs[] = {x};
    reference_run(&ref, graph, inputs);
    struct fg_accel *accel = run(graph, x);
    expect_close(accel, graph, &ref);
    fg_accel_close(accel);
    reference_finish(&ref);
    fg_graph_destroy(graph);
    free(x);
}

static uint32_t relu(struct build *b, uint32_t from)
{
    struct fg_node node = {.op = FG_OP_RELU, .n_inputs = 1, .inputs = {from}};
    return build_node(b, node, follows);
}

static uint32_t reshape(struct build *b, uint32_t from, struct shape shape)
{
    struct fg_node node = {.op = FG_OP_RESHAPE, .n_inputs = 1, .inputs = {from}};
    return build_node(b, node, shape);
}

static uint32_t concat(struct build *b, uint32_t x, uint32_t y, unsigned axis)
{
    struct fg_node node = {.op = FG_OP_CONCAT, .n_inputs = 2, .inputs = {x, y}, .axis = axis};
    return build_node(b, node, follows);
}

static const char *backend(const struct fg_graph *graph, unsigned node)
{
    struct fg_accel *accel = NULL;
    assert_int_equal(fg_accel_open(graph, &xnnpack, &accel, NULL), 0);
    static char name[32];
    snprintf(name, sizeof name, "%s", fg_accel_placement(accel, node).backend);
    fg_accel_close(accel);
    return name; // until the next call
}

// Concatenations: written in place where they end in an output, computed anywhere else.
static void runs_concatenations(void **state)
{
    (void)state;
    const struct shape image = {4, {1, 4, 4, 6}}, rows = {3, {1, 48, 2}};
    for (unsigned kind = 0; kind < 5; kind++) {
        uint32_t in, out;
        struct build b = begin(image, &in);
        uint32_t x = relu(&b, in);
        struct fg_node neg = {.op = FG_OP_NEG, .n_inputs = 1, .inputs = {in}};
        uint32_t y = build_node(&b, neg, follows);
        unsigned at = 2;
        bool in_place = false;
        if (kind == 0) { // two reshaped parts, one behind the other
            x = reshape(&b, x, rows);
            y = reshape(&b, y, rows);
            out = concat(&b, x, y, 1);
            at = 4;
            in_place = true;
        } else if (kind == 1) { // interleaved
            out = concat(&b, x, y, 3);
        } else if (kind == 2) { // one part twice
            out = concat(&b, y, y, 1);
        } else if (kind == 3) { // read again
            out = relu(&b, concat(&b, x, y, 1));
        } else { // a part that is the input itself
            out = concat(&b, in, y, 1);
        }
        b.graph->outputs[0] = out;
        b.graph->n_outputs = 1;
        assert_string_equal(backend(b.graph, at), in_place ? "alias" : "xnnpack");
        b.graph->n_outputs = 0;
        finish(&b, out);
    }
}

// One value that is wanted as several outputs, and an input that is an output.
static void runs_shared_outputs(void **state)
{
    (void)state;
    const struct shape image = {4, {1, 4, 4, 6}}, rows = {3, {1, 48, 2}};
    uint32_t in;
    struct build b = begin(image, &in);
    uint32_t x = relu(&b, in), y = reshape(&b, x, rows);
    b.graph->outputs[0] = y;
    b.graph->outputs[1] = x;
    b.graph->outputs[2] = y;
    b.graph->outputs[3] = in;
    b.graph->n_outputs = 4;
    finish(&b, relu(&b, x));
    b = begin(image, &in);
    y = reshape(&b, relu(&b, in), rows);
    finish(&b, relu(&b, y)); // a reshape in the middle
}

// A split whose parts are computed with and joined again, and reductions that feed on each other:
// the helpers between their XNNPACK nodes must not disturb the neighbours'.
static void runs_spelled_operators_together(void **state)
{
    (void)state;
    const struct shape image = {4, {1, 6, 5, 8}}, half = {4, {1, 6, 5, 4}};
    uint32_t in;
    struct build b = begin(image, &in);
    struct fg_node left = {.op = FG_OP_SLICE, .n_inputs = 1, .inputs = {in}}, right = left;
    right.begin[3] = 4;
    uint32_t x = build_node(&b, left, half), y = build_node(&b, right, half);
    struct fg_node tanh = {.op = FG_OP_TANH, .n_inputs = 1, .inputs = {x}};
    struct fg_node norm = {.op = FG_OP_L2_NORM, .n_inputs = 1, .inputs = {y}, .epsilon = 1e-12f};
    x = build_node(&b, tanh, follows);
    y = build_node(&b, norm, follows);
    uint32_t both = concat(&b, y, x, 3);
    struct fg_node mean = {
        .op = FG_OP_MEAN, .n_inputs = 1, .inputs = {both}, .axes = 6, .keep_dims = true};
    struct fg_node gate = {
        .op = FG_OP_LOGISTIC, .n_inputs = 1, .inputs = {build_node(&b, mean, follows)}};
    struct fg_node scale = {
        .op = FG_OP_MUL, .n_inputs = 2, .inputs = {both, build_node(&b, gate, follows)}};
    both = build_node(&b, scale, follows);
    struct fg_node exp = {.op = FG_OP_EXP, .n_inputs = 1, .inputs = {both}};
    struct fg_node sum = {.op = FG_OP_SUM,
                          .n_inputs = 1,
                          .inputs = {build_node(&b, exp, follows)},
                          .axes = 12,
                          .keep_dims = false};
    b.graph->outputs[b.graph->n_outputs++] = both;
    finish(&b, build_node(&b, sum, follows));
}

// ---- refusals -----------------------------------------------------------------------------------

static void refuses_what_it_lacks(void **state)
{
    (void)state;
    const struct shape image = {4, {1, 4, 4, 3}}, filter = {4, {3, 1, 1, 3}};
    struct fg_accel *accel = NULL;
    struct fg_error err = {""};
    uint32_t in;
    struct build b = begin(image, &in);
    struct fg_node turn = {
        .op = FG_OP_TRANSPOSE, .n_inputs = 1, .inputs = {in}, .order = {0, 3, 1, 2}};
    struct fg_graph *graph = build_end(&b, build_node(&b, turn, follows));
    assert_int_equal(fg_accel_open(graph, &xnnpack, &accel, &err), -ENOTSUP);
    assert_string_equal(err.text, "XNNPACK does not support operators[0] TRANSPOSE that makes "
                                  "'out 0' as it is here (set engine = armnn)");
    fg_graph_destroy(graph);
    b = begin(image, &in); // a filter that is computed
    uint32_t w = reshape(&b, build_weights(&b, filter, 0), filter);
    struct fg_node conv = {.op = FG_OP_CONV,
                           .n_inputs = 2,
                           .inputs = {in, w},
                           .stride_h = 1,
                           .stride_w = 1,
                           .dilation_h = 1,
                           .dilation_w = 1};
    graph = build_end(&b, build_node(&b, conv, follows));
    assert_int_equal(fg_accel_open(graph, &xnnpack, &accel, &err), -ENOTSUP);
    assert_null(accel);
    fg_graph_destroy(graph);
}

static void tensors_are_as_promised(void **state)
{
    (void)state;
    struct tb tb;
    struct fg_graph *graph = NULL;
    small_model(&tb);
    assert_int_equal(fg_tflite_read(tb.bytes, tb.length, &graph, NULL), 0);
    assert_int_equal(fg_lower(graph, NULL), 0);
    uint64_t macs = fg_graph_macs(graph), sum = 0;
    struct fg_accel *accel = NULL;
    assert_int_equal(fg_accel_open(graph, NULL, &accel, NULL), 0);
    fg_graph_destroy(graph); // borrowed for the call only
    assert_int_equal(fg_accel_input_count(accel), 1);
    assert_int_equal(fg_accel_output_count(accel), 2);
    const struct fg_accel_tensor *in = fg_accel_input(accel, 0), *out = fg_accel_output(accel, 0);
    assert_string_equal(in->name, "image");
    assert_int_equal(in->bytes, SMALL_INPUT * 4);
    assert_int_equal((uintptr_t)in->data % 64 + (uintptr_t)out->data % 64, 0);
    assert_int_equal(out->n_dims, 3);
    assert_int_equal(out->dims[1], 25);
    float first[100];
    reference_fill(in->data, SMALL_INPUT, 1);
    assert_int_equal(fg_accel_run(accel), 0);
    memcpy(first, out->data, sizeof first);
    reference_fill(in->data, SMALL_INPUT, 2);
    assert_int_equal(fg_accel_run(accel), 0);
    assert_memory_not_equal(first, out->data, sizeof first);
    reference_fill(in->data, SMALL_INPUT, 1);
    assert_int_equal(fg_accel_run(accel), 0);
    assert_memory_equal(first, out->data, sizeof first);
    for (unsigned i = 0; i < fg_accel_placement_count(accel); i++)
        sum += fg_accel_placement(accel, i).macs;
    assert_int_equal(sum, macs);
    assert_string_equal(fg_accel_placement(accel, 0).op, "CONV_2D");
    assert_string_equal(fg_accel_placement(accel, 0).layer, "conv");
    fg_accel_close(accel);
    tb_free(&tb);
}

// ---- models -------------------------------------------------------------------------------------

static const struct real_model {
    const char *file, *sha256;
    uint32_t side, dimension;
} models[] = {
    {"models/face_detection_short_range.tflite",
     "3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633", 128, 0},
    {"models/face_detection_full_range.tflite",
     "99bf9494d84f50acc6617d89873f71bf6635a841ea699c17cb3377f9507cfec3", 192, 0},
    {"models/onet.tflite", "946543640bd17e5275f442646422a4816441bb00897439a69bc9ea5fcf1fe601", 48,
     0},
    {"models/MobileFaceNet.tflite",
     "d8ba40c0127fb8ca9917e8fddc79bbbda063657bc92a496d34da0bc8a760443b", 112, 192},
};
enum { SHORT_RANGE, FULL_RANGE, ONET, MOBILEFACENET };

static void make_card(const struct real_model *m, struct fg_card *card)
{
    memset(card, 0, sizeof *card);
    snprintf(card->path, sizeof card->path, "%s", m->file);
    snprintf(card->sha256, sizeof card->sha256, "%s", m->sha256);
    card->width = card->height = m->side;
    card->dimension = m->dimension;
    card->kind = m->dimension ? FG_CARD_EMBEDDER : FG_CARD_DETECTOR;
    if (access(m->file, R_OK) < 0) {
        print_message("%s is absent: skipped\n", m->file);
        skip();
    }
}

static struct fg_graph *parse_file(const char *path)
{
    struct fg_graph *graph = NULL;
    struct fg_error err = {""};
    FILE *f = fopen(path, "rb");
    uint8_t *bytes = malloc(8u << 20);
    size_t length = fread(bytes, 1, 8u << 20, f);
    fclose(f);
    if (fg_tflite_read(bytes, length, &graph, &err) < 0)
        fail_msg("%s", err.text);
    free(bytes);
    return graph;
}

// The file as it is by the reference, lowered by the reference, and lowered by the engine: the
// last two layer by layer. One reference run of each, as they take seconds.
static void model_agrees(unsigned index)
{
    struct fg_card card;
    struct fg_error err = {""};
    struct reference raw = {0}, lowered = {0};
    struct fg_graph *graph = NULL;
    make_card(&models[index], &card);
    struct fg_graph *file = parse_file(card.path);
    float *x = random_input(file, 9);
    const float *inputs[] = {x};
    reference_run(&raw, file, inputs);
    if (fg_model_load(&card, &graph, &err) < 0)
        fail_msg("%s", err.text);
    reference_run(&lowered, graph, inputs);
    const char *name = first_difference(graph, x, &lowered);
    if (name)
        fail_msg("the first layer that differs is '%s'", name);
    struct fg_accel *accel = run(graph, x);
    expect_close(accel, graph, &lowered);
    for (unsigned k = 0; k < graph->n_outputs; k++) { // against the file itself, first image
        const struct fg_accel_tensor *got = fg_accel_output(accel, k);
        struct reference_difference d =
            reference_compare(got->data, raw.values[file->outputs[k]], got->bytes / 4);
        if (!(d.cosine > 0.99999 && d.relative < 1e-4))
            fail_msg("output %u against the file: cosine %.9f", k, d.cosine);
    }
    fg_accel_close(accel);
    reference_finish(&raw);
    reference_finish(&lowered);
    fg_graph_destroy(file);
    fg_graph_destroy(graph);
    free(x);
}

static void short_range_agrees(void **state)
{
    (void)state;
    model_agrees(SHORT_RANGE);
}

static void full_range_agrees(void **state)
{
    (void)state;
    model_agrees(FULL_RANGE);
}

static void onet_agrees(void **state)
{
    (void)state;
    model_agrees(ONET);
}

static void mobilefacenet_agrees(void **state)
{
    (void)state;
    model_agrees(MOBILEFACENET);
}

static void small_model_agrees(void **state)
{
    (void)state;
    struct tb tb;
    struct fg_graph *graph = NULL;
    struct reference raw = {0}, lowered = {0};
    small_model(&tb);
    assert_int_equal(fg_tflite_read(tb.bytes, tb.length, &graph, NULL), 0);
    float *x = random_input(graph, 4);
    const float *inputs[] = {x};
    uint32_t outputs[] = {graph->outputs[0], graph->outputs[1]};
    reference_run(&raw, graph, inputs);
    assert_int_equal(fg_lower(graph, NULL), 0);
    reference_run(&lowered, graph, inputs);
    assert_null(first_difference(graph, x, &lowered));
    struct fg_accel *accel = run(graph, x);
    expect_close(accel, graph, &lowered);
    for (unsigned k = 0; k < 2; k++) {
        const struct fg_accel_tensor *got = fg_accel_output(accel, k);
        assert_true(reference_compare(got->data, raw.values[outputs[k]], got->bytes / 4).relative <
                    1e-5);
    }
    // a layer's weights wrong: the comparison names that layer, not a later one
    for (unsigned i = 0; i < graph->n_nodes; i++) {
        if (graph->nodes[i].n_inputs < 2 || !graph->tensors[graph->nodes[i].inputs[1]].data)
            continue;
        struct fg_tensor *spoilt = &graph->tensors[graph->nodes[i].inputs[1]];
        float *w = spoilt->data, kept[256];
        memcpy(kept, w, spoilt->bytes);
        for (size_t k = 0; k < fg_tensor_elements(spoilt); k++)
            w[k] += 0.5f;
        const char *name = first_difference(graph, x, &lowered);
        memcpy(w, kept, spoilt->bytes);
        if (!name || strcmp(name, graph->tensors[graph->nodes[i].output].name))
            fail_msg("spoilt node %u, but '%s' was named", i, name ? name : "nothing");
    }
    fg_accel_close(accel);
    reference_finish(&raw);
    reference_finish(&lowered);
    fg_graph_destroy(graph);
    tb_free(&tb);
    free(x);
}

// A damaged file that still reads as a model must not bring the engine down either.
static void opens_or_refuses_damaged_models(void **state)
{
    (void)state;
    struct tb tb;
    unsigned opened = 0;
    small_model(&tb);
    for (size_t bit = 5; bit < 8 * tb.length; bit += 13) {
        struct fg_graph *graph = NULL;
        struct fg_accel *accel = NULL;
        struct fg_error err = {""};
        tb.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        int r = fg_tflite_read(tb.bytes, tb.length, &graph, &err);
        tb.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (r == 0 && fg_lower(graph, &err) == 0 &&
            fg_accel_open(graph, &xnnpack, &accel, &err) == 0) {
            assert_int_equal(fg_accel_run(accel), 0);
            fg_accel_close(accel);
            opened++;
        } else {
            assert_true(err.text[0]);
        }
        fg_graph_destroy(graph);
    }
    assert_true(opened > tb.length / 13);
    tb_free(&tb);
}

static double dot(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t k = 0; k < n; k++)
        sum += (double)a[k] * b[k];
    return sum;
}

static double cosine(const float *a, const float *b, size_t n)
{
    return dot(a, b, n) / sqrt(dot(a, a, n) * dot(b, b, n));
}

// The real embedder: every pair of inputs keeps its cosine in 64 dimensions.
static void projection_is_lossless(void **state)
{
    (void)state;
    enum { INPUTS = 8 };
    float whole[INPUTS][192], projected[INPUTS][64];
    struct fg_card card;
    struct fg_error err = {""};
    double worst = 0, least = 1, most = -1;
    make_card(&models[MOBILEFACENET], &card);
    for (unsigned pass = 0; pass < 2; pass++) {
        struct fg_accel *accel = NULL;
        card.project = pass ? 64 : 0;
        if (fg_model_open(&card, NULL, &accel, &err) < 0)
            fail_msg("%s", err.text);
        const struct fg_accel_tensor *in = fg_accel_input(accel, 0),
                                     *out = fg_accel_output(accel, 0);
        assert_int_equal(out->bytes, pass ? sizeof projected[0] : sizeof whole[0]);
        for (unsigned k = 0; k < INPUTS; k++) {
            float *v = in->data;
            size_t n = in->bytes / 4;
            reference_fill(v, n, k);
            for (size_t i = 3; k % 2 && i < n; i++) // smooth ones beside noise
                v[i] = 0.98f * v[i - 3] + 0.2f * v[i];
            assert_int_equal(fg_accel_run(accel), 0);
            // cppcheck-suppress legacyUninitvar // filled here
            memcpy(pass ? projected[k] : whole[k], out->data, out->bytes);
        }
        fg_accel_close(accel);
    }
    for (unsigned a = 0; a < INPUTS; a++)
        for (unsigned b = a + 1; b < INPUTS; b++) {
            double before = cosine(whole[a], whole[b], 192);
            worst = fmax(worst, fabs(before - cosine(projected[a], projected[b], 64)));
            least = fmin(least, before);
            most = fmax(most, before);
        }
    if (!(worst < 2e-4))
        fail_msg("a cosine moved by %g", worst);
    assert_true(most - least > 0.2); // the pairs differ enough to show it
}

// ---- cards --------------------------------------------------------------------------------------

struct temporary {
    char path[64];
    struct fg_card card;
};

// A file of these bytes and a card that fits the small model.
static void write_model(struct temporary *t, const void *bytes, size_t length)
{
    memset(t, 0, sizeof *t);
    snprintf(t->path, sizeof t->path, "/tmp/facegate-test-XXXXXX");
    int fd = mkstemp(t->path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, length), (ssize_t)length);
    close(fd);
    snprintf(t->card.path, sizeof t->card.path, "%s", t->path);
    fg_digest(bytes, length, t->card.sha256);
    t->card.kind = FG_CARD_DETECTOR;
    t->card.width = t->card.height = 6;
}

static void expect_refused(const struct fg_card *card, int code, const char *words)
{
    struct fg_graph *graph = NULL;
    struct fg_error err = {""};
    int r = fg_model_load(card, &graph, &err);
    if (r != code || graph || !strstr(err.text, words) || !strstr(err.text, card->path))
        fail_msg("got %d \"%s\", expected %d and \"%s\"", r, err.text, code, words);
}

// Three colours in, for the card's check; otherwise as small as it gets.
static void tiny_model(struct tb *tb, const char *shape, const char *out_shape)
{
    tb_init(tb);
    int in = tb_computed(tb, "in", shape), out = tb_computed(tb, "out", out_shape);
    tb_op(tb, TB_RESHAPE, out, (int[]){in, -2});
    tb_input(tb, in);
    tb_output(tb, out);
    tb_finish(tb);
}

static void refuses_bad_cards(void **state)
{
    (void)state;
    struct temporary t;
    struct tb tb;
    tiny_model(&tb, "1x6x6x3", "1x108");
    write_model(&t, tb.bytes, tb.length);
    struct fg_graph *graph = NULL;
    assert_int_equal(fg_model_load(&t.card, &graph, NULL), 0);
    fg_graph_destroy(graph);
    struct fg_card card = t.card;
    card.sha256[0] = card.sha256[0] == '0' ? '1' : '0';
    expect_refused(&card, -EBADMSG, t.card.sha256); // both sums
    expect_refused(&card, -EBADMSG, card.sha256);
    card = t.card;
    card.width = 8;
    expect_refused(&card, -EINVAL, "the input is 1x6x6x3, the card says 1x6x8x3");
    card = t.card;
    card.kind = FG_CARD_EMBEDDER;
    card.dimension = 64;
    expect_refused(&card, -EINVAL, "the output has 108 values, the card says 64");
    card.dimension = 108;
    card.project = 16;
    expect_refused(&card, -EINVAL, "projection: the model needs one output of one linear layer");
    card = t.card;
    snprintf(card.path, sizeof card.path, "%s.absent", t.path);
    expect_refused(&card, -ENOENT, "install the model file");
    snprintf(card.path, sizeof card.path, "/tmp");
    expect_refused(&card, -EINVAL, "not a regular file");
    unlink(t.path);
    tb_free(&tb);
}

static void turns_transposed_cards(void **state)
{
    (void)state;
    struct temporary t;
    struct tb tb;
    struct fg_graph *graph = NULL;
    tiny_model(&tb, "1x6x8x3", "1x144");
    write_model(&t, tb.bytes, tb.length);
    t.card.transposed = true; // 6 wide, 8 high, rows and columns swapped
    t.card.height = 8;
    assert_int_equal(fg_model_load(&t.card, &graph, NULL), 0);
    fg_graph_destroy(graph);
    t.card.transposed = false;
    expect_refused(&t.card, -EINVAL, "the card says 1x8x6x3");
    unlink(t.path);
    tb_free(&tb);
}

static void refuses_bad_files(void **state)
{
    (void)state;
    struct temporary t;
    struct tb tb;
    tiny_model(&tb, "1x6x6x3", "1x108");
    write_model(&t, tb.bytes, 0);
    expect_refused(&t.card, -EINVAL, "0 bytes");
    assert_int_equal(truncate(t.path, (off_t)257 << 20), 0);
    expect_refused(&t.card, -EFBIG, "1 to 256 MB");
    unlink(t.path);
    write_model(&t, tb.bytes, tb.length / 2);
    expect_refused(&t.card, -EINVAL, "outside the file");
    unlink(t.path);
    tb_free(&tb);
    struct fg_accel *accel = NULL;
    assert_int_equal(fg_model_open(&t.card, NULL, &accel, NULL), -ENOENT);
    assert_null(accel);
}

static void digests_known_text(void **state)
{
    (void)state;
    char sum[FG_DIGEST_CHARS];
    fg_digest("abc", 3, sum); // FIPS 180-4's example
    assert_string_equal(sum, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_operators),
        cmocka_unit_test(the_table_has_every_operator),
        cmocka_unit_test(runs_or_refuses_odd_operators),
        cmocka_unit_test(refuses_quantised_graphs),
        cmocka_unit_test(runs_concatenations),
        cmocka_unit_test(runs_shared_outputs),
        cmocka_unit_test(runs_spelled_operators_together),
        cmocka_unit_test(refuses_what_it_lacks),
        cmocka_unit_test(tensors_are_as_promised),
        cmocka_unit_test(small_model_agrees),
        cmocka_unit_test(opens_or_refuses_damaged_models),
        cmocka_unit_test(short_range_agrees),
        cmocka_unit_test(full_range_agrees),
        cmocka_unit_test(onet_agrees),
        cmocka_unit_test(mobilefacenet_agrees),
        cmocka_unit_test(projection_is_lossless),
        cmocka_unit_test(refuses_bad_cards),
        cmocka_unit_test(turns_transposed_cards),
        cmocka_unit_test(refuses_bad_files),
        cmocka_unit_test(digests_known_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
