// SPDX-License-Identifier: Apache-2.0
#include "tests/small_model.h"

#include <string.h>

#include "tests/reference.h"

static uint16_t half_weights[3 * 3 * 3 * 2];
static float weights[256];
static const float slopes_a[] = {0.4f, -1.5f, 3.0f}, slopes_b[] = {-0.7f, 0.2f, 1.6f};
static const int32_t channel_pads[] = {0, 0, 0, 0, 0, 0, 0, 1}, last_axis[] = {1};
static const int32_t resized[] = {4, 4};

static void fill(void)
{
    reference_fill(weights, 256, 7);
    for (unsigned k = 0; k < 54; k++) // ±0.5 to ±2 as float16
        half_weights[k] = (uint16_t)((k * 37 & 1) << 15 | (14 + k % 2) << 10 | (k * 211 & 1023));
}

// relu(x) + c (x - |x|)
static int prelu_a(struct tb *tb, int x, const char *shape)
{
    int c = tb_constant(tb, "a slopes", TB_FLOAT32, "3", slopes_a);
    int relu = tb_computed(tb, "a relu", shape), abs = tb_computed(tb, "a abs", shape);
    int sub = tb_computed(tb, "a sub", shape), mul = tb_computed(tb, "a mul", shape);
    int add = tb_computed(tb, "a", shape);
    tb_op(tb, TB_RELU, relu, (int[]){x, -2});
    tb_op(tb, TB_ABS, abs, (int[]){x, -2});
    tb_op(tb, TB_SUB, sub, (int[]){x, abs, -2});
    tb_op(tb, TB_MUL, mul, (int[]){c, sub, -2});
    tb_op(tb, TB_ADD, add, (int[]){relu, mul, -2});
    return add;
}

// relu(x) + c (-relu(-x))
static int prelu_b(struct tb *tb, int x, const char *shape)
{
    int c = tb_constant(tb, "b slopes", TB_FLOAT32, "3", slopes_b);
    int relu = tb_computed(tb, "b relu", shape), neg = tb_computed(tb, "b neg", shape);
    int inner = tb_computed(tb, "b inner", shape), outer = tb_computed(tb, "b outer", shape);
    int mul = tb_computed(tb, "b mul", shape), add = tb_computed(tb, "b", shape);
    tb_op(tb, TB_RELU, relu, (int[]){x, -2});
    tb_op(tb, TB_NEG, neg, (int[]){x, -2});
    tb_op(tb, TB_RELU, inner, (int[]){neg, -2});
    tb_op(tb, TB_NEG, outer, (int[]){inner, -2});
    tb_op(tb, TB_MUL, mul, (int[]){outer, c, -2});
    tb_op(tb, TB_ADD, add, (int[]){relu, mul, -2});
    return add;
}

static int softmax(struct tb *tb, int x)
{
    int axis = tb_constant(tb, "axis", TB_INT32, "1", last_axis);
    int max = tb_computed(tb, "max", "2x1"), sub = tb_computed(tb, "sub", "2x2");
    int exp = tb_computed(tb, "exp", "2x2"), sum = tb_computed(tb, "sum", "2x1");
    int div = tb_computed(tb, "prob", "2x2");
    tb_options(tb_op(tb, TB_REDUCE_MAX, max, (int[]){x, axis, -2}), 27, "b", (int32_t[]){1});
    tb_op(tb, TB_SUB, sub, (int[]){x, max, -2});
    tb_op(tb, TB_EXP, exp, (int[]){sub, -2});
    tb_options(tb_op(tb, TB_SUM, sum, (int[]){exp, axis, -2}), 27, "b", (int32_t[]){1});
    tb_op(tb, TB_DIV, div, (int[]){exp, sum, -2});
    return div;
}

static int body(struct tb *tb, int in)
{
    int w16 = tb_constant(tb, "w16", TB_FLOAT16, "3x3x3x2", half_weights);
    int w = tb_computed(tb, "w", "3x3x3x2"), conv = tb_computed(tb, "conv", "2x3x3x3");
    int bias = tb_constant(tb, "conv bias", TB_FLOAT32, "3", weights);
    int wd = tb_constant(tb, "wd", TB_FLOAT32, "1x3x3x3", weights + 4);
    int w1 = tb_constant(tb, "w1", TB_FLOAT32, "4x1x1x3", weights + 40);
    int pads = tb_constant(tb, "pads", TB_INT32, "4x2", channel_pads);
    int dw = tb_computed(tb, "dw", "2x3x3x3"), one = tb_computed(tb, "one", "2x3x3x4");
    int pad = tb_computed(tb, "pad", "2x3x3x4"), add = tb_computed(tb, "add", "2x3x3x4");
    int relu = tb_computed(tb, "body", "2x3x3x4");
    tb_op(tb, TB_DEQUANTIZE, w, (int[]){w16, -2});
    tb_options(tb_op(tb, TB_CONV, conv, (int[]){in, w, bias, -2}), 1, "bii", (int32_t[]){0, 2, 2});
    int a = prelu_a(tb, conv, "2x3x3x3");
    tb_options(tb_op(tb, TB_DEPTHWISE, dw, (int[]){a, wd, bias, -2}), 2, "biii",
               (int32_t[]){0, 1, 1, 1});
    tb_options(tb_op(tb, TB_CONV, one, (int[]){dw, w1, -1, -2}), 1, "bii", (int32_t[]){1, 1, 1});
    tb_op(tb, TB_PAD, pad, (int[]){a, pads, -2});
    tb_op(tb, TB_ADD, add, (int[]){pad, one, -2});
    tb_op(tb, TB_RELU, relu, (int[]){add, -2});
    return relu;
}

static int boxes(struct tb *tb, int from)
{
    int size = tb_constant(tb, "size", TB_INT32, "2", resized);
    int pool = tb_computed(tb, "pool", "2x2x2x4"), up = tb_computed(tb, "up", "2x4x4x4");
    int left = tb_computed(tb, "left", "2x9x4"), right = tb_computed(tb, "right", "2x16x4");
    int both = tb_computed(tb, "boxes", "2x25x4");
    tb_options(tb_op(tb, TB_MAX_POOL, pool, (int[]){from, -2}), 5, "biiii",
               (int32_t[]){0, 2, 2, 2, 2});
    tb_options(tb_op(tb, TB_RESIZE, up, (int[]){pool, size, -2}), 15, "--bb",
               (int32_t[]){0, 0, 0, 1});
    tb_op(tb, TB_RESHAPE, right, (int[]){up, -2});
    tb_op(tb, TB_RESHAPE, left, (int[]){from, -2});
    tb_options(tb_op(tb, TB_CONCAT, both, (int[]){left, right, -2}), 10, "i", (int32_t[]){1});
    return both;
}

void small_model(struct tb *tb)
{
    fill();
    tb_init(tb);
    int in = tb_computed(tb, "image", "2x6x6x2");
    int from = body(tb, in), box = boxes(tb, from);
    int w2 = tb_constant(tb, "w2", TB_FLOAT32, "3x36", weights + 60);
    int w3 = tb_constant(tb, "w3", TB_FLOAT32, "2x3", weights + 200);
    int fc = tb_computed(tb, "fc", "2x3"), logits = tb_computed(tb, "logits", "2x2");
    tb_options(tb_op(tb, TB_FULLY_CONNECTED, fc, (int[]){from, w2, -1, -2}), 8, "b",
               (int32_t[]){0});
    int b = prelu_b(tb, fc, "2x3");
    tb_options(tb_op(tb, TB_FULLY_CONNECTED, logits, (int[]){b, w3, -1, -2}), 8, "b",
               (int32_t[]){0});
    int prob = softmax(tb, logits);
    tb_input(tb, in);
    tb_output(tb, box);
    tb_output(tb, prob);
    tb_finish(tb);
}

// ---- the wide model -----------------------------------------------------------------------------

static int unary(struct tb *tb, int code, int from, const char *name, const char *shape)
{
    int to = tb_computed(tb, name, shape);
    tb_op(tb, code, to, (int[]){from, -2});
    return to;
}

// Three parts of two channels, each with another curve, joined cell by cell.
static int split_and_join(struct tb *tb, int from)
{
    static const int32_t three[] = {3};
    static const char shape[] = "2x8x8x2";
    int axis = tb_constant(tb, "split axis", TB_INT32, "", three), part[3];
    for (int k = 0; k < 3; k++)
        part[k] = tb_computed(tb, "part", shape);
    struct tb_op *split = tb_op(tb, TB_SPLIT, part[0], (int[]){axis, from, -2});
    tb_options(split, 35, "i", three);
    split->n_more = 2;
    split->more[0] = part[1];
    split->more[1] = part[2];
    int swish = unary(tb, TB_HARD_SWISH, part[0], "swish", shape);
    int tanh = unary(tb, TB_TANH, part[1], "tanh", shape);
    int gate = unary(tb, TB_LOGISTIC, part[2], "gate", shape);
    int larger = tb_computed(tb, "larger", shape), smaller = tb_computed(tb, "smaller", shape);
    tb_op(tb, TB_MAXIMUM, larger, (int[]){swish, tanh, -2});
    tb_op(tb, TB_MINIMUM, smaller, (int[]){larger, gate, -2});
    return smaller;
}

static int down_and_up(struct tb *tb, int from)
{
    static const int32_t size[] = {8, 8}, shape[] = {2, 8, 8, 3};
    int s = tb_constant(tb, "nearest size", TB_INT32, "2", size);
    int out_shape = tb_constant(tb, "up shape", TB_INT32, "4", shape);
    int w = tb_constant(tb, "up weights", TB_FLOAT32, "3x3x3x2", weights + 80);
    int bias = tb_constant(tb, "up bias", TB_FLOAT32, "3", weights + 150);
    int pool = tb_computed(tb, "average", "2x4x4x2"), wide = tb_computed(tb, "nearest", "2x8x8x2");
    int up = tb_computed(tb, "up", "2x8x8x3");
    tb_options(tb_op(tb, TB_AVERAGE_POOL, pool, (int[]){from, -2}), 5, "biiii",
               (int32_t[]){0, 2, 2, 2, 2});
    tb_options(tb_op(tb, TB_RESIZE_NEAREST, wide, (int[]){pool, s, -2}), 74, "bb",
               (int32_t[]){0, 1});
    tb_options(tb_op(tb, TB_TRANSPOSE_CONV, up, (int[]){out_shape, w, pool, bias, -2}), 49, "biib",
               (int32_t[]){0, 2, 2, 1});
    tb_output(tb, wide);
    return up;
}

static int turn_and_cut(struct tb *tb, int from)
{
    static const int32_t order[] = {0, 3, 1, 2}, one[] = {1}, begin[] = {0, -2, 3, 0};
    static const int32_t end[] = {0, 0, 8, 0}, step[] = {1, 1, 1, 1}, at[] = {0, 1, 0};
    static const int32_t cells[] = {-1, 3, 8};
    int o = tb_constant(tb, "order", TB_INT32, "4", order);
    int b = tb_constant(tb, "begin", TB_INT32, "4", begin);
    int e = tb_constant(tb, "end", TB_INT32, "4", end);
    int s = tb_constant(tb, "step", TB_INT32, "4", step);
    int axis = tb_constant(tb, "new axis", TB_INT32, "1", one);
    int a = tb_constant(tb, "at", TB_INT32, "3", at);
    int n = tb_constant(tb, "cells", TB_INT32, "3", cells);
    int turned = tb_computed(tb, "turned", "2x3x8x8"), cut = tb_computed(tb, "cut", "2x5x8");
    int more = tb_computed(tb, "more", "2x1x5x8"), less = tb_computed(tb, "less", "2x5x8");
    int slice = tb_computed(tb, "slice", "2x3x8");
    tb_op(tb, TB_TRANSPOSE, turned, (int[]){from, o, -2});
    tb_options(tb_op(tb, TB_STRIDED_SLICE, cut, (int[]){turned, b, e, s, -2}), 32, "iiiii",
               (int32_t[]){9, 9, 0, 0, 2}); // images and columns whole, one channel dropped
    tb_op(tb, TB_EXPAND_DIMS, more, (int[]){cut, axis, -2});
    tb_op(tb, TB_SQUEEZE, less, (int[]){more, -2});
    tb_op(tb, TB_SLICE, slice, (int[]){less, a, n, -2});
    return slice;
}

static void norm(struct tb *tb, int from)
{
    static const int32_t space[] = {1, -2}, sizes[] = {2, -1}, last[] = {-1};
    int axes = tb_constant(tb, "space", TB_INT32, "2", space);
    int s = tb_constant(tb, "sizes", TB_INT32, "2", sizes);
    int axis = tb_constant(tb, "last axis", TB_INT32, "1", last);
    int mean = tb_computed(tb, "mean", "2x6"), unit = tb_computed(tb, "unit", "2x6");
    int head = tb_computed(tb, "head", "2x2"), tail = tb_computed(tb, "tail", "2x4");
    tb_options(tb_op(tb, TB_MEAN, mean, (int[]){from, axes, -2}), 27, "b", (int32_t[]){0});
    tb_options(tb_op(tb, TB_L2_NORM, unit, (int[]){mean, -2}), 12, "b", (int32_t[]){0});
    struct tb_op *split = tb_op(tb, TB_SPLIT_V, head, (int[]){unit, s, axis, -2});
    tb_options(split, 79, "i", (int32_t[]){2});
    split->n_more = 1;
    split->more[0] = tail;
    tb_output(tb, head);
    tb_output(tb, tail);
}

void wide_model(struct tb *tb)
{
    static const float slope = -0.3f;
    int32_t slope_bits;
    fill();
    tb_init(tb);
    memcpy(&slope_bits, &slope, sizeof slope_bits);
    int in = tb_computed(tb, "image", "2x8x8x4");
    int w = tb_constant(tb, "group weights", TB_FLOAT32, "6x3x3x2", weights + 3);
    int bias = tb_constant(tb, "group bias", TB_FLOAT32, "6", weights + 120);
    int conv = tb_computed(tb, "groups", "2x8x8x6"), leaky = tb_computed(tb, "leaky", "2x8x8x6");
    tb_input(tb, in);
    tb_options(tb_op(tb, TB_CONV, conv, (int[]){in, w, bias, -2}), 1, "bii", (int32_t[]){0, 1, 1});
    tb_options(tb_op(tb, TB_LEAKY_RELU, leaky, (int[]){conv, -2}), 75, "f", &slope_bits);
    int joined = split_and_join(tb, leaky);
    tb_output(tb, turn_and_cut(tb, down_and_up(tb, joined)));
    norm(tb, leaky);
    tb_finish(tb);
}

// ---- the quantised model ------------------------------------------------------------------------

void quantised_model(struct tb *tb)
{
    static const float by_channel[] = {0.004f, 0.009f, 0.002f};
    static const int32_t bias[] = {700, -300, 50};
    static int8_t w[27 * 2];
    for (int k = 0; k < 54; k++)
        w[k] = (int8_t)(k * 59 % 255 - 127);
    tb_init(tb);
    int in = tb_computed(tb, "image", "1x6x6x2"), out = tb_computed(tb, "out", "1x6x6x3");
    int q = tb_quantised(tb, "stored image", TB_INT8, "1x6x6x2", 0.008f, -1);
    int filter = tb_constant(tb, "filter", TB_INT8, "3x3x3x2", w);
    int b = tb_constant(tb, "bias", TB_INT32, "3", bias);
    int conv = tb_quantised(tb, "conv", TB_INT8, "1x6x6x3", 0.03f, -128);
    int relu = tb_quantised(tb, "relu", TB_INT8, "1x6x6x3", 0.03f, -128);
    int add = tb_quantised(tb, "sum", TB_INT8, "1x6x6x3", 0.05f, 3);
    int other = tb_quantised(tb, "unsigned", TB_UINT8, "1x6x6x3", 0.05f, 131);
    tb->tensors[filter].scale = 1;
    tb->tensors[filter].scales = by_channel;
    tb->tensors[filter].n_scales = 3;
    tb_op(tb, TB_QUANTIZE, q, (int[]){in, -2});
    tb_options(tb_op(tb, TB_CONV, conv, (int[]){q, filter, b, -2}), 1, "bii", (int32_t[]){0, 1, 1});
    tb_op(tb, TB_RELU6, relu, (int[]){conv, -2});
    tb_op(tb, TB_ADD, add, (int[]){conv, relu, -2});
    tb_op(tb, TB_QUANTIZE, other, (int[]){add, -2});
    tb_op(tb, TB_DEQUANTIZE, out, (int[]){other, -2});
    tb_input(tb, in);
    tb_output(tb, out);
    tb_finish(tb);
}

int small_tensor(const struct tb *tb, const char *name)
{
    for (int k = 0; k < tb->n_tensors; k++)
        if (!strcmp(tb->tensors[k].name, name))
            return k;
    return -1;
}
