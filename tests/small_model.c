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

int small_tensor(const struct tb *tb, const char *name)
{
    for (int k = 0; k < tb->n_tensors; k++)
        if (!strcmp(tb->tensors[k].name, name))
            return k;
    return -1;
}
