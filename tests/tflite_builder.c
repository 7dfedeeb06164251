// SPDX-License-Identifier: Apache-2.0
#include "tests/tflite_builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void tb_init(struct tb *tb)
{
    memset(tb, 0, sizeof *tb);
    tb->version = 3;
    tb->n_subgraphs = 1;
}

void tb_free(struct tb *tb)
{
    free(tb->bytes);
    tb->bytes = NULL;
}

static int add_tensor(struct tb *tb, const char *name, int type, const char *shape)
{
    struct tb_tensor *t = &tb->tensors[tb->n_tensors];
    if (tb->n_tensors == TB_MAX)
        abort();
    memset(t, 0, sizeof *t);
    snprintf(t->name, sizeof t->name, "%s", name);
    t->type = type;
    while (*shape) {
        char *end;
        t->dims[t->n_dims++] = (int32_t)strtol(shape, &end, 10);
        shape = *end == 'x' ? end + 1 : end;
    }
    return tb->n_tensors++;
}

int tb_computed(struct tb *tb, const char *name, const char *shape)
{
    return add_tensor(tb, name, TB_FLOAT32, shape);
}

int tb_quantised(struct tb *tb, const char *name, int type, const char *shape, float scale,
                 int64_t zero_point)
{
    int index = add_tensor(tb, name, type, shape);
    tb->tensors[index].scale = scale;
    tb->tensors[index].zero_point = zero_point;
    return index;
}

int tb_constant(struct tb *tb, const char *name, int type, const char *shape, const void *data)
{
    int index = add_tensor(tb, name, type, shape);
    struct tb_tensor *t = &tb->tensors[index];
    t->bytes = type == TB_FLOAT16 ? 2 : type == TB_INT8 || type == TB_UINT8 ? 1 : 4;
    for (unsigned d = 0; d < t->n_dims; d++)
        t->bytes *= (uint32_t)t->dims[d];
    t->data = data;
    return index;
}

struct tb_op *tb_op(struct tb *tb, int code, int output, const int *inputs)
{
    struct tb_op *op = &tb->ops[tb->n_ops++];
    memset(op, 0, sizeof *op);
    op->code = code;
    op->output = output;
    while (*inputs != -2)
        op->inputs[op->n_inputs++] = *inputs++;
    return op;
}

void tb_options(struct tb_op *op, int type, const char *kinds, const int32_t *fields)
{
    op->options_type = type;
    op->kinds = kinds;
    memcpy(op->fields, fields, strlen(kinds) * sizeof *fields);
}

void tb_input(struct tb *tb, int tensor)
{
    tb->inputs[tb->n_inputs++] = tensor;
}

void tb_output(struct tb *tb, int tensor)
{
    tb->outputs[tb->n_outputs++] = tensor;
}

static size_t reserve(struct tb *tb, size_t size)
{
    size_t at = tb->length;
    if (at + size > tb->capacity) {
        tb->capacity = (at + size) * 2;
        tb->bytes = realloc(tb->bytes, tb->capacity);
        if (!tb->bytes)
            abort();
    }
    memset(tb->bytes + at, 0, size);
    tb->length += size;
    return at;
}

static void align(struct tb *tb, size_t to)
{
    reserve(tb, (to - tb->length % to) % to);
}

static void set(struct tb *tb, size_t at, uint64_t value, unsigned size)
{
    for (unsigned k = 0; k < size; k++)
        tb->bytes[at + k] = (uint8_t)(value >> 8 * k);
}

// Points the offset slot at `slot` to what is written next.
static void point(struct tb *tb, size_t slot, size_t target)
{
    set(tb, slot, target - slot, 4);
}

// A vtable and its table; field f of the table lies at table + 4 + 4 f when kinds[f] is not '-'.
static size_t table(struct tb *tb, const char *kinds)
{
    size_t n = strlen(kinds);
    align(tb, 4);
    size_t vtable = reserve(tb, 4 + 2 * n);
    align(tb, 4);
    size_t at = reserve(tb, 4 + 4 * n);
    set(tb, vtable, 4 + 2 * n, 2);
    set(tb, vtable + 2, 4 + 4 * n, 2);
    for (size_t f = 0; f < n; f++)
        set(tb, vtable + 4 + 2 * f, kinds[f] == '-' ? 0 : 4 + 4 * f, 2);
    set(tb, at, at - vtable, 4);
    return at;
}

static size_t field(size_t at, unsigned f)
{
    return at + 4 + 4 * f;
}

// A vector of `count` elements behind `slot`; gives the position of element 0.
static size_t vector(struct tb *tb, size_t slot, uint32_t count, unsigned size)
{
    align(tb, 4);
    if (size == 8 && tb->length % 8 == 0)
        reserve(tb, 4);
    size_t at = reserve(tb, 4 + (size_t)count * size);
    set(tb, at, count, 4);
    point(tb, slot, at);
    return at + 4;
}

static void int_vector(struct tb *tb, size_t slot, const int *values, int count)
{
    size_t at = vector(tb, slot, (uint32_t)count, 4);
    for (int k = 0; k < count; k++)
        set(tb, at + 4 * (size_t)k, (uint32_t)values[k], 4);
}

static void write_quantization(struct tb *tb, size_t slot, const struct tb_tensor *t)
{
    const float *values = t->scales ? t->scales : &t->scale;
    uint32_t bits, n = t->scales ? t->n_scales : 1;
    size_t q = table(tb, "--oo--i"); // a union takes two fields
    point(tb, slot, q);
    size_t scales = vector(tb, field(q, 2), n, 4);
    for (uint32_t k = 0; k < n; k++) {
        memcpy(&bits, &values[k], 4);
        set(tb, scales + 4 * (size_t)k, bits, 4);
    }
    size_t zeros = vector(tb, field(q, 3), n, 8);
    for (uint32_t k = 0; k < n; k++)
        set(tb, zeros + 8 * (size_t)k, (uint64_t)t->zero_point, 8);
    set(tb, field(q, 6), (uint32_t)t->scale_dim, 4);
}

static void write_tensor(struct tb *tb, size_t slot, int index)
{
    const struct tb_tensor *t = &tb->tensors[index];
    size_t at = table(tb, t->scale > 0 ? "obioo" : "obio");
    int dims[8];
    point(tb, slot, at);
    set(tb, field(at, 1), (uint64_t)t->type, 1);
    set(tb, field(at, 2), (uint64_t)index + 1, 4); // computed ones have an empty buffer
    for (unsigned d = 0; d < t->n_dims; d++)
        dims[d] = t->dims[d];
    int_vector(tb, field(at, 0), dims, (int)t->n_dims);
    size_t n = strlen(t->name), name = vector(tb, field(at, 3), (uint32_t)n, 1);
    memcpy(tb->bytes + name, t->name, n);
    if (t->scale > 0)
        write_quantization(tb, field(at, 4), t);
}

static void write_op(struct tb *tb, size_t slot, int index)
{
    const struct tb_op *op = &tb->ops[index];
    size_t at = table(tb, op->options_type ? "ioobo" : "ioo");
    point(tb, slot, at);
    set(tb, field(at, 0), (uint64_t)index, 4);
    int_vector(tb, field(at, 1), op->inputs, op->n_inputs);
    int outputs[5] = {op->output};
    memcpy(outputs + 1, op->more, sizeof op->more);
    int_vector(tb, field(at, 2), outputs, 1 + op->n_more);
    if (!op->options_type)
        return;
    set(tb, field(at, 3), (uint64_t)op->options_type, 1);
    size_t options = table(tb, op->kinds);
    point(tb, field(at, 4), options);
    for (unsigned f = 0; op->kinds[f]; f++)
        if (op->kinds[f] != '-')
            set(tb, field(options, f), (uint32_t)op->fields[f], op->kinds[f] == 'b' ? 1 : 4);
}

static void write_buffers(struct tb *tb, size_t slot)
{
    size_t buffers = vector(tb, slot, (uint32_t)tb->n_tensors + 1, 4);
    for (int k = 0; k <= tb->n_tensors; k++) {
        const struct tb_tensor *t = k ? &tb->tensors[k - 1] : NULL;
        size_t at = table(tb, t && t->data ? "o" : "");
        point(tb, buffers + 4 * (size_t)k, at);
        if (!t || !t->data)
            continue;
        align(tb, 16);
        reserve(tb, 12); // the data itself is then aligned to 16
        size_t data = vector(tb, field(at, 0), t->bytes, 1);
        memcpy(tb->bytes + data, t->data, t->bytes);
    }
}

static void write_subgraph(struct tb *tb, size_t slot)
{
    size_t graph = table(tb, "oooo");
    point(tb, slot, graph);
    size_t tensors = vector(tb, field(graph, 0), (uint32_t)tb->n_tensors, 4);
    for (int k = 0; k < tb->n_tensors; k++)
        write_tensor(tb, tensors + 4 * (size_t)k, k);
    int_vector(tb, field(graph, 1), tb->inputs, tb->n_inputs);
    int_vector(tb, field(graph, 2), tb->outputs, tb->n_outputs);
    size_t ops = vector(tb, field(graph, 3), (uint32_t)tb->n_ops, 4);
    for (int k = 0; k < tb->n_ops; k++)
        write_op(tb, ops + 4 * (size_t)k, k);
}

void tb_finish(struct tb *tb)
{
    tb->length = 0;
    size_t head = reserve(tb, 8);
    memcpy(tb->bytes + 4, "TFL3", 4);
    size_t model = table(tb, "ioo-o");
    point(tb, head, model);
    set(tb, field(model, 0), (uint64_t)tb->version, 4);
    size_t codes = vector(tb, field(model, 1), (uint32_t)tb->n_ops, 4);
    for (int k = 0; k < tb->n_ops; k++) {
        size_t code = table(tb, "b--i");
        point(tb, codes + 4 * (size_t)k, code);
        set(tb, field(code, 0), (uint64_t)tb->ops[k].code, 1);
        set(tb, field(code, 3), (uint64_t)tb->ops[k].code, 4);
    }
    size_t graphs = vector(tb, field(model, 2), (uint32_t)tb->n_subgraphs, 4);
    for (int k = 0; k < tb->n_subgraphs; k++)
        write_subgraph(tb, graphs + 4 * (size_t)k);
    write_buffers(tb, field(model, 4));
}
