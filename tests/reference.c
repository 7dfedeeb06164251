// SPDX-License-Identifier: Apache-2.0
#include "tests/reference.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct run {
    const struct fg_graph *graph;
    const struct fg_node *node;
    struct reference *ref;
};

static const struct fg_tensor *tensor(const struct run *run, unsigned k)
{
    return &run->graph->tensors[run->node->inputs[k]];
}

static const double *input(const struct run *run, unsigned k)
{
    return run->ref->values[run->node->inputs[k]];
}

static double *make(size_t count)
{
    double *values = calloc(count, sizeof *values);
    if (!values)
        abort();
    return values;
}

static double half(uint16_t h)
{
    double sign = h & 0x8000 ? -1 : 1, fraction = (h & 1023) / 1024.0;
    int exponent = h >> 10 & 31;
    return sign * (exponent ? ldexp(1 + fraction, exponent - 15) : ldexp(fraction, -14));
}

static double *constant(const struct fg_tensor *t)
{
    size_t n = fg_tensor_elements(t);
    double *to = make(n);
    for (size_t k = 0; k < n; k++)
        if (t->type == FG_FLOAT32)
            to[k] = ((const float *)t->data)[k];
        else if (t->type == FG_FLOAT16)
            to[k] = half(((const uint16_t *)t->data)[k]);
    return to;
}

static const double *bias(const struct run *run)
{
    bool has = run->node->n_inputs > 2 && run->node->inputs[2] != FG_NO_TENSOR;
    return has ? input(run, 2) : NULL;
}

// One output pixel of a convolution: every tap of the window that lies inside the input.
static void conv_pixel(const struct run *run, const double *image, const uint32_t *in, uint32_t y,
                       uint32_t x, double *to)
{
    const struct fg_node *n = run->node;
    const uint32_t *f = tensor(run, 1)->dims;
    const double *filter = input(run, 1);
    bool depthwise = n->op == FG_OP_DEPTHWISE;
    uint32_t multiplier = depthwise ? f[3] / in[3] : 0;
    for (uint32_t v = 0; v < f[1]; v++)
        for (uint32_t u = 0; u < f[2]; u++) {
            int64_t sy = (int64_t)y * n->stride_h + v * n->dilation_h - n->pad_before[1];
            int64_t sx = (int64_t)x * n->stride_w + u * n->dilation_w - n->pad_before[2];
            if (sy < 0 || sy >= in[1] || sx < 0 || sx >= in[2])
                continue;
            const double *from = image + ((size_t)sy * in[2] + (size_t)sx) * in[3];
            const double *taps = filter + ((size_t)v * f[2] + u) * f[3];
            for (uint32_t o = 0; depthwise && o < f[3]; o++)
                to[o] += from[o / multiplier] * taps[o];
            for (uint32_t o = 0; !depthwise && o < f[0]; o++) {
                const double *w = taps + (size_t)o * f[1] * f[2] * f[3];
                double sum = 0;
                for (uint32_t c = 0; c < f[3]; c++)
                    sum += from[c] * w[c];
                to[o] += sum;
            }
        }
}

static void conv(const struct run *run, const struct fg_tensor *out, double *to)
{
    const uint32_t *in = tensor(run, 0)->dims, *o = out->dims;
    size_t image = (size_t)in[1] * in[2] * in[3];
    const double *b = bias(run);
    for (uint32_t i = 0; i < o[0]; i++)
        for (uint32_t y = 0; y < o[1]; y++)
            for (uint32_t x = 0; x < o[2]; x++, to += o[3]) {
                for (uint32_t c = 0; b && c < o[3]; c++)
                    to[c] = b[c];
                conv_pixel(run, input(run, 0) + i * image, in, y, x, to);
            }
}

static void pool(const struct run *run, const struct fg_tensor *out, double *to)
{
    const struct fg_node *n = run->node;
    const uint32_t *in = tensor(run, 0)->dims, *o = out->dims;
    for (size_t k = 0; k < fg_tensor_elements(out); k++) {
        size_t c = k % o[3], x = k / o[3] % o[2], y = k / o[3] / o[2] % o[1];
        size_t i = k / o[3] / o[2] / o[1];
        to[k] = -INFINITY;
        for (uint32_t v = 0; v < n->kernel_h; v++)
            for (uint32_t u = 0; u < n->kernel_w; u++) {
                int64_t sy = (int64_t)(y * n->stride_h + v) - n->pad_before[1];
                int64_t sx = (int64_t)(x * n->stride_w + u) - n->pad_before[2];
                if (sy < 0 || sy >= in[1] || sx < 0 || sx >= in[2])
                    continue;
                size_t at = ((i * in[1] + (size_t)sy) * in[2] + (size_t)sx) * in[3] + c;
                to[k] = fmax(to[k], input(run, 0)[at]);
            }
    }
}

static void fully_connected(const struct run *run, const struct fg_tensor *out, double *to)
{
    uint32_t rows = tensor(run, 1)->dims[0], width = tensor(run, 1)->dims[1];
    const double *b = bias(run);
    for (size_t k = 0; k < fg_tensor_elements(out); k++) {
        const double *from = input(run, 0) + k / rows * width;
        const double *w = input(run, 1) + k % rows * width;
        to[k] = b ? b[k % rows] : 0;
        for (uint32_t c = 0; c < width; c++)
            to[k] += from[c] * w[c];
    }
}

// Coordinates of element `index`, or the element at coordinates (of a smaller shape: broadcast).
static void unravel(const struct fg_tensor *t, size_t index, uint32_t *at)
{
    for (unsigned d = t->n_dims; d-- > 0; index /= t->dims[d])
        at[d] = (uint32_t)(index % t->dims[d]);
}

static size_t ravel(const struct fg_tensor *t, const uint32_t *at, unsigned n_dims)
{
    size_t index = 0;
    for (unsigned d = 0; d < t->n_dims; d++) {
        uint32_t c = at[n_dims - t->n_dims + d];
        index = index * t->dims[d] + (t->dims[d] == 1 ? 0 : c);
    }
    return index;
}

static void binary(const struct run *run, const struct fg_tensor *out, double *to)
{
    uint32_t at[FG_MAX_DIMS];
    for (size_t k = 0; k < fg_tensor_elements(out); k++) {
        unravel(out, k, at);
        double a = input(run, 0)[ravel(tensor(run, 0), at, out->n_dims)];
        double b = input(run, 1)[ravel(tensor(run, 1), at, out->n_dims)];
        enum fg_op op = run->node->op;
        to[k] = op == FG_OP_ADD ? a + b : op == FG_OP_SUB ? a - b : op == FG_OP_MUL ? a * b : a / b;
    }
}

static void concat(const struct run *run, const struct fg_tensor *out, double *to)
{
    uint32_t at[FG_MAX_DIMS];
    for (size_t k = 0; k < fg_tensor_elements(out); k++) {
        unsigned part = 0, axis = run->node->axis;
        unravel(out, k, at);
        while (at[axis] >= tensor(run, part)->dims[axis])
            at[axis] -= tensor(run, part++)->dims[axis];
        size_t index = 0;
        for (unsigned d = 0; d < out->n_dims; d++)
            index = index * tensor(run, part)->dims[d] + at[d];
        to[k] = input(run, part)[index];
    }
}

static void pad(const struct run *run, const struct fg_tensor *out, double *to)
{
    const struct fg_tensor *in = tensor(run, 0);
    uint32_t at[FG_MAX_DIMS];
    for (size_t k = 0; k < fg_tensor_elements(in); k++) {
        size_t index = 0;
        unravel(in, k, at);
        for (unsigned d = 0; d < in->n_dims; d++)
            index = index * out->dims[d] + at[d] + run->node->pad_before[d];
        to[index] = input(run, 0)[k];
    }
}

static void reduce(const struct run *run, const struct fg_tensor *out, double *to)
{
    const struct fg_tensor *in = tensor(run, 0);
    bool max = run->node->op == FG_OP_REDUCE_MAX;
    uint32_t at[FG_MAX_DIMS];
    for (size_t k = 0; max && k < fg_tensor_elements(out); k++)
        to[k] = -INFINITY;
    for (size_t k = 0; k < fg_tensor_elements(in); k++) {
        size_t index = 0;
        unravel(in, k, at);
        for (unsigned d = 0; d < in->n_dims; d++)
            if (!(run->node->axes >> d & 1))
                index = index * in->dims[d] + at[d];
        to[index] = max ? fmax(to[index], input(run, 0)[k]) : to[index] + input(run, 0)[k];
    }
}

static void softmax(const struct run *run, const struct fg_tensor *out, double *to)
{
    uint32_t width = out->dims[out->n_dims - 1];
    for (size_t row = 0; row < fg_tensor_elements(out); row += width) {
        double sum = 0, most = -INFINITY;
        for (uint32_t k = 0; k < width; k++)
            most = fmax(most, input(run, 0)[row + k]);
        for (uint32_t k = 0; k < width; k++)
            sum += to[row + k] = exp(run->node->beta * (input(run, 0)[row + k] - most));
        for (uint32_t k = 0; k < width; k++)
            to[row + k] /= sum;
    }
}

static double source(const struct fg_node *n, uint32_t at, uint32_t from, uint32_t to)
{
    if (n->align_corners && to > 1)
        return at * (double)(from - 1) / (to - 1);
    double step = (double)from / to;
    return n->half_pixel ? fmax(0, (at + .5) * step - .5) : at * step;
}

static void resize(const struct run *run, const struct fg_tensor *out, double *to)
{
    const uint32_t *in = tensor(run, 0)->dims, *o = out->dims;
    for (size_t k = 0; k < fg_tensor_elements(out); k++) {
        size_t c = k % o[3], i = k / o[3] / o[2] / o[1];
        double y = source(run->node, (uint32_t)(k / o[3] / o[2] % o[1]), in[1], o[1]);
        double x = source(run->node, (uint32_t)(k / o[3] % o[2]), in[2], o[2]);
        size_t y0 = (size_t)y, x0 = (size_t)x;
        size_t y1 = y0 + 1 < in[1] ? y0 + 1 : in[1] - 1, x1 = x0 + 1 < in[2] ? x0 + 1 : in[2] - 1;
        const double *image = input(run, 0) + i * in[1] * in[2] * in[3] + c;
        double a = image[(y0 * in[2] + x0) * in[3]], b = image[(y0 * in[2] + x1) * in[3]];
        double d = image[(y1 * in[2] + x0) * in[3]], e = image[(y1 * in[2] + x1) * in[3]];
        double fy = y - (double)y0, fx = x - (double)x0;
        to[k] = (1 - fy) * ((1 - fx) * a + fx * b) + fy * ((1 - fx) * d + fx * e);
    }
}

static double unary(enum fg_op op, double x, double slope)
{
    switch (op) {
    case FG_OP_ABS:
        return fabs(x);
    case FG_OP_NEG:
        return -x;
    case FG_OP_EXP:
        return exp(x);
    case FG_OP_RELU:
        return fmax(x, 0);
    case FG_OP_RELU6:
        return fmin(fmax(x, 0), 6);
    case FG_OP_PRELU:
        return x < 0 ? slope * x : x;
    case FG_OP_RESHAPE:
    case FG_OP_DEQUANTIZE:
        return x;
    default:
        fprintf(stderr, "reference: %s is not known\n", fg_op_name(op));
        abort();
    }
}

static void each(const struct run *run, const struct fg_tensor *out, double *to)
{
    uint32_t width = run->node->op == FG_OP_PRELU ? out->dims[out->n_dims - 1] : 1;
    for (size_t k = 0; k < fg_tensor_elements(out); k++)
        to[k] = unary(run->node->op, input(run, 0)[k],
                      run->node->op == FG_OP_PRELU ? input(run, 1)[k % width] : 0);
}

static void run_node(const struct run *run, const struct fg_tensor *out, double *to)
{
    switch (run->node->op) {
    case FG_OP_CONV:
    case FG_OP_DEPTHWISE:
        conv(run, out, to);
        break;
    case FG_OP_FULLY_CONNECTED:
        fully_connected(run, out, to);
        break;
    case FG_OP_MAX_POOL:
        pool(run, out, to);
        break;
    case FG_OP_ADD:
    case FG_OP_SUB:
    case FG_OP_MUL:
    case FG_OP_DIV:
        binary(run, out, to);
        break;
    case FG_OP_CONCAT:
        concat(run, out, to);
        break;
    case FG_OP_PAD:
        pad(run, out, to);
        break;
    case FG_OP_SUM:
    case FG_OP_REDUCE_MAX:
        reduce(run, out, to);
        break;
    case FG_OP_SOFTMAX:
        softmax(run, out, to);
        break;
    case FG_OP_RESIZE_BILINEAR:
        resize(run, out, to);
        break;
    default:
        each(run, out, to);
        break;
    }
    size_t n = fg_tensor_elements(out);
    for (size_t k = 0; run->node->activation != FG_ACT_NONE && k < n; k++)
        to[k] = unary(run->node->activation == FG_ACT_RELU ? FG_OP_RELU : FG_OP_RELU6, to[k], 0);
}

void reference_run(struct reference *ref, const struct fg_graph *graph, const float *const *inputs)
{
    ref->n = graph->n_tensors;
    ref->values = calloc(graph->n_tensors, sizeof *ref->values);
    if (!ref->values)
        abort();
    for (unsigned t = 0; t < graph->n_tensors; t++)
        if (graph->tensors[t].data)
            ref->values[t] = constant(&graph->tensors[t]);
    for (unsigned k = 0; k < graph->n_inputs; k++) {
        size_t n = fg_tensor_elements(&graph->tensors[graph->inputs[k]]);
        double *to = ref->values[graph->inputs[k]] = make(n);
        for (size_t i = 0; i < n; i++)
            to[i] = inputs[k][i];
    }
    for (unsigned i = 0; i < graph->n_nodes; i++) {
        struct run run = {graph, &graph->nodes[i], ref};
        const struct fg_tensor *out = &graph->tensors[run.node->output];
        ref->values[run.node->output] = make(fg_tensor_elements(out));
        run_node(&run, out, ref->values[run.node->output]);
    }
}

void reference_finish(struct reference *ref)
{
    for (unsigned t = 0; t < ref->n; t++)
        free(ref->values[t]);
    free(ref->values);
    *ref = (struct reference){0};
}

void reference_fill(float *values, size_t count, unsigned seed)
{
    uint32_t state = seed * 2654435761u + 12345u;
    for (size_t k = 0; k < count; k++) {
        state = state * 1664525u + 1013904223u;
        values[k] = (float)(state >> 8) / 8388608.0f - 1.0f;
    }
}

struct reference_difference reference_compare(const float *got, const double *want, size_t count)
{
    struct reference_difference d = {0};
    double dot = 0, a = 0, b = 0, most = 1e-30;
    for (size_t k = 0; k < count; k++) {
        double error = fabs(got[k] - want[k]);
        dot += got[k] * want[k];
        a += (double)got[k] * got[k];
        b += want[k] * want[k];
        if (!(error <= d.largest)) // a NaN is the largest error
            d.largest = error;
        most = fmax(most, fabs(want[k]));
    }
    d.cosine = a == 0 && b == 0 ? 1 : dot / sqrt(a * b);
    d.relative = d.largest / most;
    return d;
}
