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

// The scale that element `index` of a tensor has.
static unsigned scale_of(const struct fg_tensor *t, size_t index)
{
    size_t inner = 1;
    for (unsigned d = t->scale_dim + 1; d < t->n_dims; d++)
        inner *= t->dims[d];
    return t->n_scales > 1 ? (unsigned)(index / inner % t->n_scales) : 0;
}

// Real numbers; an int32 stays as stored, as its scale comes from the node that reads it.
static double *constant(const struct fg_tensor *t)
{
    size_t n = fg_tensor_elements(t);
    double *to = make(n);
    for (size_t k = 0; k < n; k++) {
        unsigned s = scale_of(t, k);
        if (t->type == FG_FLOAT32)
            to[k] = ((const float *)t->data)[k];
        else if (t->type == FG_FLOAT16)
            to[k] = half(((const uint16_t *)t->data)[k]);
        else if (t->type == FG_INT32)
            to[k] = ((const int32_t *)t->data)[k];
        else if (t->type == FG_INT8 && t->n_scales)
            to[k] = (double)t->scales[s] * (((const int8_t *)t->data)[k] - t->zero_points[s]);
        else if (t->type == FG_UINT8 && t->n_scales)
            to[k] = (double)t->scales[s] * (((const uint8_t *)t->data)[k] - t->zero_points[s]);
    }
    return to;
}

// The bias of one output channel. A quantised one is in units of input scale times filter scale.
static double bias(const struct run *run, size_t channel)
{
    if (run->node->n_inputs < 3 || run->node->inputs[2] == FG_NO_TENSOR)
        return 0;
    const struct fg_tensor *filter = tensor(run, 1);
    double unit = 1;
    if (tensor(run, 2)->type == FG_INT32)
        unit =
            (double)tensor(run, 0)->scales[0] * filter->scales[filter->n_scales > 1 ? channel : 0];
    return unit * input(run, 2)[channel];
}

// What a quantised tensor keeps of a real number: rounded half away from zero, as TFLite does, and
// clamped to what the type holds.
static void quantise(const struct fg_tensor *t, double *values)
{
    double low = t->type == FG_INT8 ? INT8_MIN : 0, high = t->type == FG_INT8 ? INT8_MAX : 255;
    if (t->type != FG_INT8 && t->type != FG_UINT8)
        return;
    for (size_t k = 0; k < fg_tensor_elements(t); k++) {
        double stored = round(values[k] / t->scales[0]) + t->zero_points[0];
        values[k] = (double)t->scales[0] * (fmin(fmax(stored, low), high) - t->zero_points[0]);
    }
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
                const double *group = from + o / (f[0] / (in[3] / f[3])) * f[3];
                double sum = 0;
                for (uint32_t c = 0; c < f[3]; c++)
                    sum += group[c] * w[c];
                to[o] += sum;
            }
        }
}

static void conv(const struct run *run, const struct fg_tensor *out, double *to)
{
    const uint32_t *in = tensor(run, 0)->dims, *o = out->dims;
    size_t image = (size_t)in[1] * in[2] * in[3];
    for (uint32_t i = 0; i < o[0]; i++)
        for (uint32_t y = 0; y < o[1]; y++)
            for (uint32_t x = 0; x < o[2]; x++, to += o[3]) {
                for (uint32_t c = 0; c < o[3]; c++)
                    to[c] = bias(run, c);
                conv_pixel(run, input(run, 0) + i * image, in, y, x, to);
            }
}

// Every input cell spreads the whole filter over the output; what falls outside is cut off.
static void transpose_conv(const struct run *run, const struct fg_tensor *out, double *to)
{
    const struct fg_node *n = run->node;
    const uint32_t *in = tensor(run, 0)->dims, *f = tensor(run, 1)->dims, *o = out->dims;
    for (size_t k = 0; k < fg_tensor_elements(out); k++)
        to[k] = bias(run, k % o[3]);
    size_t pixels = (size_t)in[0] * in[1] * in[2], taps = (size_t)f[1] * f[2];
    for (size_t k = 0; k < pixels * taps; k++) {
        size_t p = k / taps, v = k % taps / f[2], u = k % f[2];
        int64_t y = (int64_t)(p / in[2] % in[1] * n->stride_h + v) - n->pad_before[1];
        int64_t x = (int64_t)(p % in[2] * n->stride_w + u) - n->pad_before[2];
        if (y < 0 || y >= o[1] || x < 0 || x >= o[2])
            continue;
        double *cell = to + ((p / in[2] / in[1] * o[1] + (size_t)y) * o[2] + (size_t)x) * o[3];
        for (uint32_t c = 0; c < o[3]; c++)
            for (uint32_t i = 0; i < in[3]; i++)
                cell[c] += input(run, 0)[p * in[3] + i] *
                           input(run, 1)[(c * taps + v * f[2] + u) * in[3] + i];
    }
}

static void pool(const struct run *run, const struct fg_tensor *out, double *to)
{
    const struct fg_node *n = run->node;
    const uint32_t *in = tensor(run, 0)->dims, *o = out->dims;
    for (size_t k = 0; k < fg_tensor_elements(out); k++) {
        size_t c = k % o[3], x = k / o[3] % o[2], y = k / o[3] / o[2] % o[1];
        size_t i = k / o[3] / o[2] / o[1];
        double most = -INFINITY, sum = 0, cells = 0;
        for (uint32_t v = 0; v < n->kernel_h; v++)
            for (uint32_t u = 0; u < n->kernel_w; u++) {
                int64_t sy = (int64_t)(y * n->stride_h + v) - n->pad_before[1];
                int64_t sx = (int64_t)(x * n->stride_w + u) - n->pad_before[2];
                if (sy < 0 || sy >= in[1] || sx < 0 || sx >= in[2])
                    continue;
                size_t at = ((i * in[1] + (size_t)sy) * in[2] + (size_t)sx) * in[3] + c;
                most = fmax(most, input(run, 0)[at]);
                sum += input(run, 0)[at];
                cells++;
            }
        to[k] = n->op == FG_OP_MAX_POOL ? most : sum / cells;
    }
}

static void fully_connected(const struct run *run, const struct fg_tensor *out, double *to)
{
    uint32_t rows = tensor(run, 1)->dims[0], width = tensor(run, 1)->dims[1];
    for (size_t k = 0; k < fg_tensor_elements(out); k++) {
        const double *from = input(run, 0) + k / rows * width;
        const double *w = input(run, 1) + k % rows * width;
        to[k] = bias(run, k % rows);
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

static double apply(enum fg_op op, double a, double b)
{
    switch (op) {
    case FG_OP_ADD:
        return a + b;
    case FG_OP_SUB:
        return a - b;
    case FG_OP_MUL:
        return a * b;
    case FG_OP_DIV:
        return a / b;
    case FG_OP_MAXIMUM:
        return fmax(a, b);
    default:
        return fmin(a, b);
    }
}

static void binary(const struct run *run, const struct fg_tensor *out, double *to)
{
    uint32_t at[FG_MAX_DIMS];
    for (size_t k = 0; k < fg_tensor_elements(out); k++) {
        unravel(out, k, at);
        double a = input(run, 0)[ravel(tensor(run, 0), at, out->n_dims)];
        double b = input(run, 1)[ravel(tensor(run, 1), at, out->n_dims)];
        to[k] = apply(run->node->op, a, b);
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

// SLICE and TRANSPOSE: where each cell of the output comes from.
static void move(const struct run *run, const struct fg_tensor *out, double *to)
{
    const struct fg_tensor *in = tensor(run, 0);
    uint32_t at[FG_MAX_DIMS], from[FG_MAX_DIMS];
    for (size_t k = 0; k < fg_tensor_elements(out); k++) {
        size_t index = 0;
        unravel(out, k, at);
        for (unsigned d = 0; d < in->n_dims; d++)
            if (run->node->op == FG_OP_SLICE)
                from[d] = at[d] + run->node->begin[d];
            else
                from[run->node->order[d]] = at[d];
        for (unsigned d = 0; d < in->n_dims; d++)
            index = index * in->dims[d] + from[d];
        to[k] = input(run, 0)[index];
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
    double cells = (double)fg_tensor_elements(in) / (double)fg_tensor_elements(out);
    for (size_t k = 0; run->node->op == FG_OP_MEAN && k < fg_tensor_elements(out); k++)
        to[k] /= cells;
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

static void l2_norm(const struct run *run, const struct fg_tensor *out, double *to)
{
    uint32_t width = out->dims[out->n_dims - 1];
    for (size_t row = 0; row < fg_tensor_elements(out); row += width) {
        double sum = 0;
        for (uint32_t k = 0; k < width; k++)
            sum += input(run, 0)[row + k] * input(run, 0)[row + k];
        for (uint32_t k = 0; k < width; k++)
            to[row + k] = input(run, 0)[row + k] / sqrt(fmax(sum, run->node->epsilon));
    }
}

static void batch_norm(const struct run *run, const struct fg_tensor *out, double *to)
{
    uint32_t channels = out->dims[out->n_dims - 1];
    for (size_t k = 0; k < fg_tensor_elements(out); k++) {
        size_t c = k % channels;
        double mean = input(run, 1)[c], variance = input(run, 2)[c];
        double beta = input(run, 3)[c], gamma = input(run, 4)[c];
        to[k] = gamma * (input(run, 0)[k] - mean) / sqrt(variance + run->node->epsilon) + beta;
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

static size_t nearest(const struct fg_node *n, size_t at, uint32_t from, uint32_t to)
{
    double step = n->align_corners && to > 1 ? (double)(from - 1) / (to - 1) : (double)from / to;
    double x = n->align_corners ? round((double)at * step)
                                : floor(((double)at + (n->half_pixel ? .5 : 0)) * step);
    return (size_t)fmin(x, from - 1);
}

static void resize_nearest(const struct run *run, const struct fg_tensor *out, double *to)
{
    const uint32_t *in = tensor(run, 0)->dims, *o = out->dims;
    for (size_t k = 0; k < fg_tensor_elements(out); k++) {
        size_t c = k % o[3], i = k / o[3] / o[2] / o[1];
        size_t y = nearest(run->node, k / o[3] / o[2] % o[1], in[1], o[1]);
        size_t x = nearest(run->node, k / o[3] % o[2], in[2], o[2]);
        to[k] = input(run, 0)[((i * in[1] + y) * in[2] + x) * in[3] + c];
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
    case FG_OP_LEAKY_RELU:
        return x < 0 ? slope * x : x;
    case FG_OP_HARD_SWISH:
        return x * fmin(fmax(x + 3, 0), 6) / 6;
    case FG_OP_LOGISTIC:
        return 1 / (1 + exp(-x));
    case FG_OP_TANH:
        return tanh(x);
    case FG_OP_RESHAPE:
    case FG_OP_DEQUANTIZE:
    case FG_OP_QUANTIZE:
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
                      run->node->op == FG_OP_PRELU ? input(run, 1)[k % width] : run->node->slope);
}

typedef void kernel(const struct run *run, const struct fg_tensor *out, double *to);

static kernel *const kernels[FG_OP_COUNT] = {
    [FG_OP_ADD] = binary,
    [FG_OP_AVERAGE_POOL] = pool,
    [FG_OP_BATCH_NORM] = batch_norm,
    [FG_OP_CONCAT] = concat,
    [FG_OP_CONV] = conv,
    [FG_OP_DEPTHWISE] = conv,
    [FG_OP_DIV] = binary,
    [FG_OP_FULLY_CONNECTED] = fully_connected,
    [FG_OP_L2_NORM] = l2_norm,
    [FG_OP_MAXIMUM] = binary,
    [FG_OP_MAX_POOL] = pool,
    [FG_OP_MEAN] = reduce,
    [FG_OP_MINIMUM] = binary,
    [FG_OP_MUL] = binary,
    [FG_OP_PAD] = pad,
    [FG_OP_REDUCE_MAX] = reduce,
    [FG_OP_RESIZE_BILINEAR] = resize,
    [FG_OP_RESIZE_NEAREST] = resize_nearest,
    [FG_OP_SLICE] = move,
    [FG_OP_SOFTMAX] = softmax,
    [FG_OP_SUB] = binary,
    [FG_OP_SUM] = reduce,
    [FG_OP_TRANSPOSE] = move,
    [FG_OP_TRANSPOSE_CONV] = transpose_conv,
};

static void run_node(const struct run *run, const struct fg_tensor *out, double *to)
{
    size_t n = fg_tensor_elements(out);
    (kernels[run->node->op] ? kernels[run->node->op] : each)(run, out, to);
    for (size_t k = 0; run->node->activation != FG_ACT_NONE && k < n; k++)
        to[k] = unary(run->node->activation == FG_ACT_RELU ? FG_OP_RELU : FG_OP_RELU6, to[k], 0);
    quantise(out, to);
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
