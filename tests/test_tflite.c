// SPDX-License-Identifier: Apache-2.0
// The TFLite reader: what it accepts, and that nothing in a file can hurt it.
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

#include "accel/lower.h"
#include "accel/tflite.h"
#include "tests/built_graph.h"
#include "tests/small_model.h"

// Reads a built model that must be refused with `code` and all of `words` in the text.
static void expect_refused(struct tb *tb, int code, const char *words)
{
    struct fg_graph *graph = NULL;
    struct fg_error err = {""};
    tb_finish(tb);
    int r = fg_tflite_read(tb->bytes, tb->length, &graph, &err);
    if (r != code || graph || !strstr(err.text, words))
        fail_msg("got %d \"%s\", expected %d and \"%s\"", r, err.text, code, words);
    tb_free(tb);
}

static void reads_small_model(void **state)
{
    (void)state;
    struct tb tb;
    struct fg_graph *graph = NULL;
    struct fg_error err = {""};
    small_model(&tb);
    assert_int_equal(fg_tflite_read(tb.bytes, tb.length, &graph, &err), 0);
    tb_free(&tb); // the graph borrows nothing
    assert_int_equal(graph->n_nodes, tb.n_ops);
    assert_int_equal(graph->n_tensors, tb.n_tensors);
    const struct fg_node *conv = &graph->nodes[SMALL_CONV_OP];
    assert_int_equal(conv->op, FG_OP_CONV);
    // 6 cells, stride 2, window 3: one cell of padding, and it goes to the end
    assert_int_equal(conv->pad_before[1], 0);
    assert_int_equal(conv->pad_after[1], 1);
    assert_int_equal(graph->tensors[conv->inputs[1]].type, FG_FLOAT32);
    assert_string_equal(graph->tensors[graph->inputs[0]].name, "image");
    assert_int_equal(graph->tensors[graph->inputs[0]].dims[0], 2);
    assert_string_equal(graph->tensors[graph->outputs[0]].name, "boxes");
    assert_string_equal(graph->tensors[graph->outputs[1]].name, "prob");
    // 2 images x 9 cells: 3 x 18 taps, depthwise 3 x 9, pointwise 4 x 3; 3 x 36 and 2 x 3
    assert_int_equal(fg_graph_macs(graph), 2 * (9 * (54 + 27 + 12) + 108 + 6));
    fg_graph_destroy(graph);
}

static void keeps_quantisation(void **state)
{
    (void)state;
    struct tb tb;
    struct fg_graph *graph = NULL;
    struct fg_error err = {""};
    static const int8_t spare[4] = {-128, -1, 0, 127};
    small_model(&tb);
    int t = tb_constant(&tb, "spare", TB_INT8, "4", spare);
    tb.tensors[t].scale = 0.25f;
    tb.tensors[t].zero_point = -3;
    tb_finish(&tb);
    assert_int_equal(fg_tflite_read(tb.bytes, tb.length, &graph, &err), 0);
    assert_int_equal(graph->tensors[t].type, FG_INT8);
    assert_int_equal(graph->tensors[t].n_scales, 1);
    assert_float_equal(graph->tensors[t].scales[0], 0.25f, 0);
    assert_int_equal(graph->tensors[t].zero_points[0], -3);
    assert_memory_equal(graph->tensors[t].data, spare, 4);
    fg_graph_destroy(graph);
    tb.tensors[t].zero_point = INT64_C(1) << 40;
    expect_refused(&tb, -EINVAL, "zero point 0 is out of range");
}

// The k-th node of that kind.
static const struct fg_node *nth(const struct fg_graph *graph, enum fg_op op, unsigned k)
{
    for (unsigned i = 0; i < graph->n_nodes; i++)
        if (graph->nodes[i].op == op && k-- == 0)
            return &graph->nodes[i];
    fail_msg("no such %s", fg_op_name(op));
    return NULL;
}

static void reads_wide_model(void **state)
{
    (void)state;
    struct tb tb;
    wide_model(&tb);
    unsigned in_file = (unsigned)tb.n_ops;
    struct fg_graph *graph = built_graph(&tb);
    assert_int_equal(graph->n_nodes, in_file + 2 + 1 + 1); // SPLIT, SPLIT_V, a dropped dimension
    // 8x8 cells, 6 channels of 18 taps each: a group's channels only; each of 4x4 cells meets 54
    assert_int_equal(fg_graph_macs(graph), 2 * (64 * 6 * 18 + 16 * 2 * 27));
    assert_float_equal(nth(graph, FG_OP_LEAKY_RELU, 0)->slope, -0.3f, 0);
    assert_float_equal(nth(graph, FG_OP_L2_NORM, 0)->epsilon, 1e-12f, 0);
    assert_true(nth(graph, FG_OP_RESIZE_NEAREST, 0)->half_pixel);
    assert_int_equal(nth(graph, FG_OP_MEAN, 0)->axes, 6);
    for (unsigned k = 0; k < 3; k++) // the SPLIT
        assert_int_equal(nth(graph, FG_OP_SLICE, k)->begin[3], 2 * k);
    const struct fg_node *up = nth(graph, FG_OP_TRANSPOSE_CONV, 0);
    assert_string_equal(graph->tensors[up->inputs[0]].name, "average");
    assert_string_equal(graph->tensors[up->inputs[1]].name, "up weights");
    assert_int_equal(up->activation, FG_ACT_RELU);
    // (4 - 1) 2 + 3 = 9 cells for 8: SAME cuts the odd one off the end
    assert_int_equal(up->pad_before[1] * 10 + up->pad_after[1], 1);
    const struct fg_node *turn = nth(graph, FG_OP_TRANSPOSE, 0);
    assert_int_equal(
        turn->order[0] * 1000 + turn->order[1] * 100 + turn->order[2] * 10 + turn->order[3], 312);
    const struct fg_node *strided = nth(graph, FG_OP_SLICE, 3);
    // begin 0 -2 3 0: images and columns are whole, channel -2 of 3 is 1, rows 3 to 8
    assert_int_equal(strided->begin[1] * 10 + strided->begin[2], 13);
    assert_string_equal(graph->tensors[strided->output].name, "cut");
    assert_int_equal(graph->tensors[strided->output].n_dims, 4);
    assert_int_equal(nth(graph, FG_OP_SLICE, 4)->begin[1], 1);
    assert_int_equal(nth(graph, FG_OP_SLICE, 6)->begin[1], 2); // the second of SPLIT_V
    fg_graph_destroy(graph);
}

static void reads_quantised_model(void **state)
{
    (void)state;
    struct tb tb;
    quantised_model(&tb);
    int filter = small_tensor(&tb, "filter");
    struct fg_graph *graph = built_graph(&tb);
    assert_int_equal(graph->tensors[filter].n_scales, 3);
    assert_int_equal(graph->tensors[filter].scale_dim, 0);
    assert_float_equal(graph->tensors[filter].scales[1], 0.009f, 0);
    assert_int_equal(graph->tensors[nth(graph, FG_OP_QUANTIZE, 1)->output].type, FG_UINT8);
    fg_graph_destroy(graph);
}

static void reads_valid_transposed_convolutions(void **state)
{
    (void)state;
    struct tb tb;
    wide_model(&tb); // VALID gives all 9 cells; 7 of them are the first 7
    tb.ops[WIDE_TRANSPOSE_CONV_OP].fields[0] = 1;
    struct fg_graph *graph = built_graph(&tb);
    const struct fg_node *up = nth(graph, FG_OP_TRANSPOSE_CONV, 0);
    assert_int_equal(up->pad_before[1] * 10 + up->pad_after[1], 1);
    fg_graph_destroy(graph);
    wide_model(&tb);
    tb.ops[WIDE_TRANSPOSE_CONV_OP].fields[1] = tb.ops[WIDE_TRANSPOSE_CONV_OP].fields[2] = 1;
    expect_refused(&tb, -ENOTSUP, "TRANSPOSE_CONV: an output of 8 cells, the filter reaches 5");
    wide_model(&tb);
    tb.ops[WIDE_TRANSPOSE_CONV_OP].n_inputs = 1;
    expect_refused(&tb, -EINVAL, "operators[10]: 1 inputs, 2 to 4 fit");
    wide_model(&tb);
    tb.ops[WIDE_TRANSPOSE_CONV_OP].n_inputs = 2;
    expect_refused(&tb, -EINVAL, "TRANSPOSE_CONV: 1 inputs, 2 to 3 expected");
}

static void refuses_bad_splits(void **state)
{
    (void)state;
    static const int32_t far[] = {4}, sizes[] = {3, 3}, negative[] = {-4, 10};
    struct tb tb;
    wide_model(&tb);
    tb.tensors[small_tensor(&tb, "split axis")].data = far;
    expect_refused(&tb, -EINVAL, "operators[2] SPLIT: axis 4 of 4 dimensions");
    wide_model(&tb);
    tb.ops[WIDE_SPLIT_OP].n_more = 1;
    expect_refused(&tb, -EINVAL, "operators[2] SPLIT: 'part' has another shape than the slice");
    wide_model(&tb);
    tb.ops[WIDE_SPLIT_OP].more[1] = 4711;
    expect_refused(&tb, -EINVAL, "operators[2] SPLIT: outputs[2]: tensor 4711");
    wide_model(&tb);
    tb.ops[WIDE_SPLIT_OP].inputs[0] = small_tensor(&tb, "leaky");
    expect_refused(&tb, -ENOTSUP, "operators[2] SPLIT: 'leaky' must be a constant int32");
    wide_model(&tb);
    tb.tensors[small_tensor(&tb, "sizes")].data = sizes;
    expect_refused(&tb, -EINVAL, "SPLIT_V: 'head' has another shape than the slice");
    wide_model(&tb);
    tb.tensors[small_tensor(&tb, "sizes")].data = negative;
    expect_refused(&tb, -EINVAL, "SPLIT_V: 'head' has another shape than the slice");
    wide_model(&tb); // parts that are less than the whole
    tb.tensors[small_tensor(&tb, "tail")].dims[1] = 3;
    expect_refused(&tb, -EINVAL, "SPLIT_V: the outputs leave 1 of 6 cells");
    wide_model(&tb);
    tb.tensors[small_tensor(&tb, "tail")].dims[1] = 5;
    expect_refused(&tb, -EINVAL, "SPLIT_V: outputs[1] goes beyond the input's 6 cells");
    wide_model(&tb);
    tb.ops[WIDE_LEAKY_OP].n_more = 1;
    expect_refused(&tb, -EINVAL, "operators[1]: 2 outputs, 1 expected");
}

static void refuses_bad_slices(void **state)
{
    (void)state;
    static const int32_t twice[] = {1, 1, 2, 1}, late[] = {0, 3, 3, 0}, many[] = {-1, 5, 8};
    static const int32_t before[] = {0, -1, 0}, none[] = {0, 0, 3, 0};
    static const int32_t twisted[] = {0, 3, 3, 2}, beyond[] = {0, 3, 1, 4};
    struct tb tb;
    wide_model(&tb);
    tb.tensors[small_tensor(&tb, "step")].data = twice;
    expect_refused(&tb, -ENOTSUP, "operators[12] STRIDED_SLICE: a stride of 2; only 1");
    wide_model(&tb);
    tb.ops[WIDE_STRIDED_OP].fields[2] = 1;
    expect_refused(&tb, -ENOTSUP, "ellipsis and new-axis masks are not supported");
    wide_model(&tb);
    tb.tensors[small_tensor(&tb, "begin")].data = late; // channel 3 of 3
    expect_refused(&tb, -EINVAL, "STRIDED_SLICE: cells 3 to 4 of 3");
    wide_model(&tb);
    tb.tensors[small_tensor(&tb, "end")].data = none;
    expect_refused(&tb, -EINVAL, "STRIDED_SLICE: cells 3 to 3 of 8");
    wide_model(&tb);
    tb.ops[WIDE_STRIDED_OP].fields[4] = 0; // nothing dropped: one channel, as 4 dimensions
    expect_refused(&tb, -EINVAL, "STRIDED_SLICE: cells 1 to 0 of 3");
    wide_model(&tb);
    tb.tensors[small_tensor(&tb, "cells")].data = many;
    expect_refused(&tb, -EINVAL, "operators[15] SLICE: 5 cells from cell 1 of 5");
    wide_model(&tb);
    tb.tensors[small_tensor(&tb, "at")].data = before;
    expect_refused(&tb, -EINVAL, "SLICE: 3 cells from cell -1 of 5");
    wide_model(&tb);
    tb.tensors[small_tensor(&tb, "slice")].dims[1] = 2;
    expect_refused(&tb, -EINVAL, "SLICE: 'slice' has another shape than the slice");
    wide_model(&tb);
    tb.tensors[small_tensor(&tb, "order")].data = twisted;
    expect_refused(&tb, -EINVAL, "TRANSPOSE: the order is no permutation of 4 dimensions");
    wide_model(&tb);
    tb.tensors[small_tensor(&tb, "order")].data = beyond;
    expect_refused(&tb, -EINVAL, "operators[11] TRANSPOSE: dimension 4 of 4");
}

static void refuses_other_bad_operators(void **state)
{
    (void)state;
    static const int32_t size[] = {8, 9};
    struct tb tb;
    wide_model(&tb);
    tb.tensors[small_tensor(&tb, "group weights")].dims[3] = 3;
    tb.tensors[small_tensor(&tb, "group weights")].bytes = 6 * 9 * 3 * 4;
    expect_refused(&tb, -EINVAL, "CONV_2D: a filter for 3 channels, the input has 4");
    wide_model(&tb);
    tb.tensors[small_tensor(&tb, "group weights")].dims[0] = 5;
    tb.tensors[small_tensor(&tb, "group weights")].bytes = 5 * 9 * 2 * 4;
    expect_refused(&tb, -EINVAL, "CONV_2D: 5 channels from 2 groups");
    wide_model(&tb);
    tb.tensors[small_tensor(&tb, "nearest size")].data = size;
    expect_refused(&tb, -EINVAL, "RESIZE_NEAREST_NEIGHBOR: the size wanted is not the output's");
    wide_model(&tb);
    tb.ops[WIDE_RESIZE_OP].fields[0] = 1;
    expect_refused(&tb, -EINVAL, "align_corners and half_pixel_centers together");
    wide_model(&tb);
    tb.ops[WIDE_L2_NORM_OP].fields[0] = 1;
    expect_refused(&tb, -ENOTSUP, "L2_NORMALIZATION: a fused activation");
    wide_model(&tb);
    tb.ops[WIDE_LEAKY_OP].fields[0] = 0x7f800000; // infinity
    expect_refused(&tb, -EINVAL, "LEAKY_RELU: slope inf");
    wide_model(&tb);
    tb.ops[WIDE_POOL_OP].fields[4] = 0;
    expect_refused(&tb, -EINVAL, "AVERAGE_POOL_2D: filter_height of 0");
}

static void refuses_bad_quantisation(void **state)
{
    (void)state;
    static const float two[] = {0.1f, 0.2f};
    struct tb tb;
    quantised_model(&tb);
    tb.tensors[small_tensor(&tb, "conv")].scale = 0;
    expect_refused(&tb, -EINVAL, "operators[1] CONV_2D: 'conv' is int8 without a scale");
    quantised_model(&tb);
    tb.tensors[small_tensor(&tb, "conv")].zero_point = 128;
    expect_refused(&tb, -EINVAL, "scale or zero point 0 of 'conv' is out of range");
    quantised_model(&tb);
    tb.tensors[small_tensor(&tb, "filter")].scale_dim = 3;
    expect_refused(&tb, -EINVAL, "3 scales and 3 zero points do not fit the shape");
    quantised_model(&tb);
    tb.tensors[small_tensor(&tb, "filter")].n_scales = 2;
    tb.tensors[small_tensor(&tb, "filter")].scale_dim = 3;
    tb.tensors[small_tensor(&tb, "filter")].scales = two;
    expect_refused(&tb, -ENOTSUP, "a constant int8 filter may have one for each output channel");
    quantised_model(&tb);
    tb.tensors[small_tensor(&tb, "filter")].zero_point = 3;
    expect_refused(&tb, -ENOTSUP, "'filter' has scales by channel and a zero point");
    quantised_model(&tb);
    tb.tensors[small_tensor(&tb, "bias")].scale = 0.5f;
    expect_refused(&tb, -ENOTSUP, "scale 0 of 'bias' is not the input's times the filter's");
    quantised_model(&tb);
    tb.tensors[small_tensor(&tb, "sum")].type = TB_UINT8;
    expect_refused(&tb, -ENOTSUP, "operators[3] ADD: 'sum' is uint8; int8 is supported here");
    quantised_model(&tb);
    tb.ops[QUANTISED_ADD_OP].code = TB_DIV;
    expect_refused(&tb, -ENOTSUP, "operators[3] DIV: 'conv' is int8; this operator is computed in");
    quantised_model(&tb);
    tb.outputs[0] = small_tensor(&tb, "sum");
    expect_refused(&tb, -ENOTSUP, "outputs[0]: 'sum' is int8; only float32 is supported (export");
}

typedef void build_model(struct tb *tb);
static build_model *const built_models[] = {small_model, wide_model, quantised_model};

// Truncated anywhere, a model is refused: every byte before the last buffer's end is needed.
static void refuses_truncations(build_model *build)
{
    struct tb tb;
    build(&tb);
    for (size_t n = 0; n < tb.length; n++) {
        struct fg_graph *graph = NULL;
        struct fg_error err = {""};
        uint8_t *cut = malloc(n ? n : 1); // its own block, so that sanitizers see its end
        memcpy(cut, tb.bytes, n);
        int r = fg_tflite_read(cut, n, &graph, &err);
        free(cut);
        if (r == 0 || !err.text[0])
            fail_msg("%zu of %zu bytes were accepted", n, tb.length);
    }
    tb_free(&tb);
}

static void refuses_every_truncation(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 3; k++)
        refuses_truncations(built_models[k]);
}

// Any flipped bit: refused with a text, or read into a graph that passes the check and lowers or
// is refused there. The sanitizers watch for the rest.
static void survives_bit_flips(build_model *build)
{
    struct tb tb;
    unsigned refused = 0, accepted = 0;
    build(&tb);
    uint8_t *bytes = malloc(tb.length);
    memcpy(bytes, tb.bytes, tb.length);
    for (size_t bit = 0; bit < 8 * tb.length; bit++) {
        struct fg_graph *graph = NULL;
        struct fg_error err = {""};
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        int r = fg_tflite_read(bytes, tb.length, &graph, &err);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (r < 0)
            assert_true(err.text[0] && !graph);
        else if (fg_lower(graph, &err) == 0)
            assert_int_equal(fg_graph_check(graph, &err), 0);
        refused += r < 0;
        accepted += r == 0;
        fg_graph_destroy(graph);
    }
    assert_true(refused > tb.length && accepted > tb.length / 2);
    free(bytes);
    tb_free(&tb);
}

static void survives_every_bit_flip(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 3; k++)
        survives_bit_flips(built_models[k]);
}

static uint8_t *read_file(const char *path, size_t *ret_length)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    uint8_t *bytes = malloc(8u << 20);
    *ret_length = fread(bytes, 1, 8u << 20, f);
    fclose(f);
    return bytes;
}

static void refuses_truncated_real_model(void **state)
{
    (void)state;
    size_t length = 0;
    uint8_t *bytes = read_file("models/face_detection_short_range.tflite", &length);
    if (!bytes) {
        print_message("models/ is absent: skipped\n");
        skip();
    }
    for (size_t n = 0; n < length; n += n < 4096 ? 61 : 1499) {
        struct fg_graph *graph = NULL;
        struct fg_error err = {""};
        uint8_t *cut = malloc(n ? n : 1);
        memcpy(cut, bytes, n);
        if (fg_tflite_read(cut, n, &graph, &err) == 0)
            fail_msg("%zu of %zu bytes were accepted", n, length);
        free(cut);
    }
    free(bytes);
}

static void names_hostile_indices(void **state)
{
    (void)state;
    struct tb tb;
    small_model(&tb);
    tb.ops[SMALL_CONV_OP].inputs[1] = 999;
    char words[80];
    snprintf(words, sizeof words, "operators[1].inputs[1]: tensor 999 of %d", tb.n_tensors);
    expect_refused(&tb, -EINVAL, words);
    small_model(&tb);
    tb.ops[SMALL_CONV_OP].inputs[0] = -1;
    expect_refused(&tb, -EINVAL, "operators[1].inputs[0]: tensor -1");
    small_model(&tb);
    tb.ops[SMALL_CONV_OP].output = 5000;
    expect_refused(&tb, -EINVAL, "operators[1].outputs[0]: tensor 5000");
    small_model(&tb);
    tb.inputs[0] = 400;
    expect_refused(&tb, -EINVAL, "inputs[0]: tensor 400");
    small_model(&tb);
    tb.outputs[1] = -7;
    expect_refused(&tb, -EINVAL, "outputs[1]: tensor -7");
}

static void refuses_disorder(void **state)
{
    (void)state;
    struct tb tb;
    small_model(&tb); // a cycle: PReLU reads what is computed from it
    tb.ops[SMALL_CONV_OP + 1].inputs[0] = small_tensor(&tb, "dw");
    expect_refused(&tb, -EINVAL, "is used before it is computed");
    small_model(&tb);
    tb.ops[3].output = small_tensor(&tb, "a relu");
    expect_refused(&tb, -EINVAL, "has a value already");
    small_model(&tb);
    tb.outputs[0] = small_tensor(&tb, "w2");
    expect_refused(&tb, -EINVAL, "outputs[0]: nothing computes");
}

static void refuses_bad_shapes(void **state)
{
    (void)state;
    struct tb tb;
    small_model(&tb);
    tb.tensors[0].dims[1] = 0;
    expect_refused(&tb, -EINVAL, "tensor 'image': dimension 1 is 0");
    small_model(&tb);
    tb.tensors[0].dims[1] = -6;
    expect_refused(&tb, -EINVAL, "dimension 1 is -6");
    small_model(&tb);
    tb.tensors[0].dims[1] = tb.tensors[0].dims[2] = 0x7fffffff;
    expect_refused(&tb, -EFBIG, "tensor 'image': more than");
    small_model(&tb);
    tb.tensors[0].dims[1] = 8;
    expect_refused(&tb, -EINVAL, "output 'conv' has another shape");
    small_model(&tb);
    tb.tensors[0].n_dims = 7;
    for (int d = 0; d < 7; d++)
        tb.tensors[0].dims[d] = 1;
    expect_refused(&tb, -EINVAL, "tensors[0]: 7 dimensions");
    small_model(&tb);
    tb.tensors[small_tensor(&tb, "conv bias")].bytes -= 4;
    expect_refused(&tb, -EINVAL, "a buffer of 8 bytes for a shape of 12");
    small_model(&tb);
    tb.tensors[small_tensor(&tb, "wd")].dims[3] = 1;
    tb.tensors[small_tensor(&tb, "wd")].bytes = 36;
    expect_refused(&tb, -EINVAL, "DEPTHWISE_CONV_2D: a filter for 1 channels, the input has 3");
}

static void refuses_bad_attributes(void **state)
{
    (void)state;
    static const int32_t negative[] = {0, 0, 0, 0, 0, 0, 0, -1}, far[] = {9};
    struct tb tb;
    small_model(&tb);
    tb.ops[SMALL_CONV_OP].fields[1] = 0;
    expect_refused(&tb, -EINVAL, "operators[1] CONV_2D: stride_w of 0");
    small_model(&tb);
    tb.ops[SMALL_CONV_OP].fields[0] = 2;
    expect_refused(&tb, -EINVAL, "padding 2");
    small_model(&tb);
    tb.tensors[small_tensor(&tb, "pads")].data = negative;
    expect_refused(&tb, -EINVAL, "PAD: a negative padding");
    small_model(&tb);
    tb.tensors[small_tensor(&tb, "axis")].data = far;
    expect_refused(&tb, -EINVAL, "REDUCE_MAX: axis 9 of 2 dimensions");
    small_model(&tb);
    tb.ops[SMALL_CONV_OP].n_inputs = 1;
    expect_refused(&tb, -EINVAL, "1 inputs, 2 to 3 expected");
    small_model(&tb);
    tb.ops[SMALL_CONV_OP].options_type = 5;
    expect_refused(&tb, -EINVAL, "options of type 5, 1 expected");
}

static void refuses_what_it_does_not_know(void **state)
{
    (void)state;
    struct tb tb;
    small_model(&tb);
    tb.ops[SMALL_CONV_OP].code = 66; // SIN
    expect_refused(&tb, -ENOTSUP, "operators[1]: builtin operator 66 is not supported");
    small_model(&tb);
    tb.version = 2;
    expect_refused(&tb, -ENOTSUP, "schema version 2");
    small_model(&tb);
    tb.n_subgraphs = 2;
    expect_refused(&tb, -ENOTSUP, "2 subgraphs");
    small_model(&tb);
    tb.tensors[0].type = 5;
    expect_refused(&tb, -ENOTSUP, "tensors[0]: tensor type 5");
    small_model(&tb);
    tb.tensors[0].type = TB_INT8;
    expect_refused(&tb, -ENOTSUP, "'image' is int8");
}

static void refuses_values_that_are_not_finite(void **state)
{
    (void)state;
    struct tb tb;
    static float values[3] = {1, NAN, 2};
    static uint16_t halves[54];
    small_model(&tb);
    tb.tensors[small_tensor(&tb, "conv bias")].data = values;
    expect_refused(&tb, -EINVAL, "'conv bias': a constant that is not a finite number");
    small_model(&tb);
    halves[53] = 0x7c00; // infinity
    tb.tensors[small_tensor(&tb, "w16")].data = halves;
    expect_refused(&tb, -EINVAL, "'w16': a constant that is not a finite number");
}

static void refuses_other_files(void **state)
{
    (void)state;
    struct fg_graph *graph = NULL;
    struct fg_error err = {""};
    static const char text[] = "\x10\0\0\0ONNXand so on, but nothing of use";
    assert_int_equal(fg_tflite_read(text, sizeof text, &graph, &err), -EINVAL);
    assert_string_equal(err.text, "model: not a TFL3 file");
    assert_int_equal(fg_tflite_read("", 0, &graph, NULL), -EINVAL);
    assert_null(graph);
}

static void cleans_names(void **state)
{
    (void)state;
    struct tb tb;
    struct fg_graph *graph = NULL;
    small_model(&tb);
    memcpy(tb.tensors[0].name, "a\x1b[31m\n", 8);
    tb_finish(&tb);
    assert_int_equal(fg_tflite_read(tb.bytes, tb.length, &graph, NULL), 0);
    assert_string_equal(graph->tensors[0].name, "a?[31m?");
    fg_graph_destroy(graph);
    tb_free(&tb);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_small_model),
        cmocka_unit_test(keeps_quantisation),
        cmocka_unit_test(reads_wide_model),
        cmocka_unit_test(reads_quantised_model),
        cmocka_unit_test(reads_valid_transposed_convolutions),
        cmocka_unit_test(refuses_bad_splits),
        cmocka_unit_test(refuses_bad_slices),
        cmocka_unit_test(refuses_other_bad_operators),
        cmocka_unit_test(refuses_bad_quantisation),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(survives_every_bit_flip),
        cmocka_unit_test(refuses_truncated_real_model),
        cmocka_unit_test(names_hostile_indices),
        cmocka_unit_test(refuses_disorder),
        cmocka_unit_test(refuses_bad_shapes),
        cmocka_unit_test(refuses_bad_attributes),
        cmocka_unit_test(refuses_what_it_does_not_know),
        cmocka_unit_test(refuses_values_that_are_not_finite),
        cmocka_unit_test(refuses_other_files),
        cmocka_unit_test(cleans_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
