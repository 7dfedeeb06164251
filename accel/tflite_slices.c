// SPDX-License-Identifier: Apache-2.0
// Slices and splits of a TFLite file. Field numbers are those of schema.fbs.
#include "accel/tflite_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// A slice takes its size from the output's shape, so this must be what the file asks for.
static void expect_shape(struct fg_tflite *r, uint32_t tensor, unsigned n_dims,
                         const uint32_t *dims)
{
    const struct fg_tensor *out = &r->graph->tensors[tensor];
    if (!r->flat.code && (out->n_dims != n_dims || memcmp(out->dims, dims, n_dims * sizeof *dims)))
        fg_flat_fail(&r->flat, -EINVAL, "'%.100s' has another shape than the slice", out->name);
}

static void read_slice(struct fg_tflite *r, struct fg_tflite_call *call)
{
    struct fg_node *node = &call->node;
    const struct fg_tensor *in = fg_tflite_tensor(r, node->inputs[0]);
    uint32_t dims[FG_MAX_DIMS] = {0};
    size_t n_begin = 0, n_size = 0;
    const int32_t *begin = fg_tflite_operand(r, call->described_by[0], &n_begin);
    const int32_t *size = fg_tflite_operand(r, call->described_by[1], &n_size);
    if (!begin || !size)
        return;
    if (!in || n_begin != in->n_dims || n_size != in->n_dims) {
        fg_flat_fail(&r->flat, -EINVAL, "%zu and %zu numbers do not fit the input", n_begin,
                     n_size);
        return;
    }
    for (unsigned d = 0; d < in->n_dims; d++) {
        int64_t cells = size[d] == -1 ? (int64_t)in->dims[d] - begin[d] : size[d];
        if (begin[d] < 0 || cells < 1 || begin[d] + cells > in->dims[d]) {
            fg_flat_fail(&r->flat, -EINVAL, "%d cells from cell %d of %u", size[d], begin[d],
                         in->dims[d]);
            return;
        }
        node->begin[d] = (uint32_t)begin[d];
        dims[d] = (uint32_t)cells;
    }
    expect_shape(r, node->output, in->n_dims, dims);
    fg_tflite_add(r, node);
}

struct strides {
    const int32_t *begin, *end, *step;
    size_t n; // dimensions they speak of; the rest is whole
    uint32_t begin_mask, end_mask, shrink_mask;
};

static bool read_strides(struct fg_tflite *r, const struct fg_tflite_call *call, struct strides *s)
{
    size_t n[3] = {0};
    s->begin = fg_tflite_operand(r, call->described_by[0], &n[0]);
    s->end = fg_tflite_operand(r, call->described_by[1], &n[1]);
    s->step = fg_tflite_operand(r, call->described_by[2], &n[2]);
    s->begin_mask = (uint32_t)fg_flat_i32(&r->flat, &call->options, 0, 0);
    s->end_mask = (uint32_t)fg_flat_i32(&r->flat, &call->options, 1, 0);
    s->shrink_mask = (uint32_t)fg_flat_i32(&r->flat, &call->options, 4, 0);
    if (fg_flat_i32(&r->flat, &call->options, 2, 0) || fg_flat_i32(&r->flat, &call->options, 3, 0))
        fg_flat_fail(&r->flat, -ENOTSUP, "ellipsis and new-axis masks are not supported");
    if (fg_flat_i8(&r->flat, &call->options, 5, 0))
        fg_flat_fail(&r->flat, -ENOTSUP, "ends that count from the begin are not supported");
    const struct fg_tensor *in = fg_tflite_tensor(r, call->node.inputs[0]);
    if (!r->flat.code && (!in || n[0] > in->n_dims || n[1] != n[0] || n[2] != n[0]))
        fg_flat_fail(&r->flat, -EINVAL, "%zu, %zu and %zu numbers do not fit the input", n[0], n[1],
                     n[2]);
    s->n = n[0];
    return !r->flat.code;
}

// A cell as the file counts it: from the end when negative; anything beyond is the border.
static int64_t cell(int32_t at, uint32_t side)
{
    int64_t from = at < 0 ? (int64_t)at + side : at;
    return from < 0 ? 0 : from > side ? side : from;
}

// The slice with all dimensions, for those to be dropped after it: the output's name and scale.
static uint32_t add_whole(struct fg_tflite *r, uint32_t output, unsigned n_dims,
                          const uint32_t *dims)
{
    const struct fg_tensor *out = &r->graph->tensors[output];
    uint32_t added = output;
    fg_tflite_take(
        r, fg_graph_add_tensor(r->graph, out->name, out->type, n_dims, dims, &added, r->flat.err));
    if (r->flat.code)
        return output;
    out = &r->graph->tensors[output]; // the array may have moved
    struct fg_tensor *whole = &r->graph->tensors[added];
    if (!out->n_scales)
        return added;
    whole->scales = malloc(out->n_scales * sizeof *whole->scales);
    whole->zero_points = malloc(out->n_scales * sizeof *whole->zero_points);
    if (!whole->scales || !whole->zero_points) {
        fg_flat_fail(&r->flat, -ENOMEM, "no memory");
        return output;
    }
    memcpy(whole->scales, out->scales, out->n_scales * sizeof *whole->scales);
    memcpy(whole->zero_points, out->zero_points, out->n_scales * sizeof *whole->zero_points);
    whole->n_scales = out->n_scales;
    return added;
}

static void read_strided_slice(struct fg_tflite *r, struct fg_tflite_call *call)
{
    struct fg_node *node = &call->node;
    struct strides s;
    uint32_t dims[FG_MAX_DIMS] = {0}, kept[FG_MAX_DIMS] = {0};
    unsigned n_kept = 0;
    if (!read_strides(r, call, &s))
        return;
    const unsigned n_dims = r->graph->tensors[node->inputs[0]].n_dims;
    const uint32_t *sides = r->graph->tensors[node->inputs[0]].dims;
    for (unsigned d = 0; d < n_dims; d++) {
        bool told = d < s.n, shrinks = told && (s.shrink_mask >> d & 1);
        int64_t from = told && !(s.begin_mask >> d & 1) ? cell(s.begin[d], sides[d]) : 0;
        int64_t to = told && !(s.end_mask >> d & 1) ? cell(s.end[d], sides[d]) : sides[d];
        to = shrinks ? from + 1 : to;
        if (told && s.step[d] != 1) {
            fg_flat_fail(&r->flat, -ENOTSUP, "a stride of %d; only 1 is supported", s.step[d]);
            return;
        }
        if (to <= from || to > sides[d]) {
            fg_flat_fail(&r->flat, -EINVAL, "cells %lld to %lld of %u", (long long)from,
                         (long long)to, sides[d]);
            return;
        }
        node->begin[d] = (uint32_t)from;
        dims[d] = (uint32_t)(to - from);
        if (!shrinks)
            kept[n_kept++] = dims[d];
    }
    uint32_t output = node->output;
    expect_shape(r, output, n_kept, kept);
    if (!r->flat.code && n_kept < n_dims)
        node->output = add_whole(r, output, n_dims, dims);
    fg_tflite_add(r, node);
    if (n_kept < n_dims)
        fg_tflite_add(
            r, &(struct fg_node){
                   .op = FG_OP_RESHAPE, .n_inputs = 1, .inputs = {node->output}, .output = output});
}

// The axis of a SPLIT or SPLIT_V, and the input's cells along it; 0: refused.
static uint32_t read_split_axis(struct fg_tflite *r, struct fg_tflite_call *call)
{
    size_t n = 0;
    bool sizes = call->code == FG_TFLITE_SPLIT_V;
    const int32_t *axis = fg_tflite_operand(r, call->described_by[sizes ? 1 : 0], &n);
    const struct fg_tensor *in = fg_tflite_tensor(r, call->node.inputs[0]);
    if (!axis || !in)
        return 0;
    int64_t d = n == 1 && axis[0] < 0 ? (int64_t)axis[0] + in->n_dims : axis[0];
    if (n != 1 || d < 0 || d >= in->n_dims) {
        fg_flat_fail(&r->flat, -EINVAL, "axis %d of %u dimensions", axis[0], in->n_dims);
        return 0;
    }
    call->node.axis = (unsigned)d;
    return in->dims[d];
}

static uint32_t read_part(struct fg_tflite *r, const struct fg_tflite_call *call, uint32_t k)
{
    int32_t t = fg_flat_i32_at(&r->flat, &call->outputs, k);
    if (t >= 0 && t < (int32_t)r->graph->n_tensors)
        return (uint32_t)t;
    fg_flat_fail(&r->flat, -EINVAL, "outputs[%u]: tensor %d of %u", k, t, r->graph->n_tensors);
    return FG_NO_TENSOR;
}

// The parts' own shapes say where each begins; together they must be the input.
static void read_split(struct fg_tflite *r, struct fg_tflite_call *call)
{
    uint32_t left = read_split_axis(r, call), whole = left;
    const unsigned axis = call->node.axis;
    size_t n_sizes = 0;
    const int32_t *sizes = NULL;
    if (call->code == FG_TFLITE_SPLIT_V && !r->flat.code &&
        (sizes = fg_tflite_operand(r, call->described_by[0], &n_sizes)) &&
        n_sizes != call->outputs.count)
        fg_flat_fail(&r->flat, -EINVAL, "%zu sizes for %u outputs", n_sizes, call->outputs.count);
    for (uint32_t k = 0; !r->flat.code && k < call->outputs.count; k++) {
        const struct fg_tensor *in = &r->graph->tensors[call->node.inputs[0]];
        struct fg_node part = call->node;
        part.axis = 0;
        part.begin[axis] = whole - left;
        part.output = read_part(r, call, k);
        if (r->flat.code)
            return;
        const struct fg_tensor *out = &r->graph->tensors[part.output];
        uint32_t dims[FG_MAX_DIMS], cells = axis < out->n_dims ? out->dims[axis] : 0;
        memcpy(dims, in->dims, sizeof dims);
        dims[axis] = sizes && sizes[k] != -1 ? (uint32_t)sizes[k]
                     : sizes                 ? cells
                                             : whole / call->outputs.count;
        expect_shape(r, part.output, in->n_dims, dims);
        if (!r->flat.code && (!cells || cells > left))
            fg_flat_fail(&r->flat, -EINVAL, "outputs[%u] goes beyond the input's %u cells", k,
                         whole);
        left -= r->flat.code ? 0 : cells;
        fg_tflite_add(r, &part);
    }
    if (!r->flat.code && left)
        fg_flat_fail(&r->flat, -EINVAL, "the outputs leave %u of %u cells", left, whole);
}

void fg_tflite_slices(struct fg_tflite *r, struct fg_tflite_call *call)
{
    if (call->code == FG_TFLITE_SLICE)
        read_slice(r, call);
    else if (call->code == FG_TFLITE_STRIDED_SLICE)
        read_strided_slice(r, call);
    else
        read_split(r, call);
}
