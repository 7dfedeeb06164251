// SPDX-License-Identifier: Apache-2.0
#include "accel/flatbuffer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

void fg_flat_where(struct fg_flat *flat, const char *format, ...)
{
    char where[sizeof flat->where]; // the old place may be among the arguments
    va_list list;
    va_start(list, format);
    vsnprintf(where, sizeof where, format, list);
    va_end(list);
    memcpy(flat->where, where, sizeof where);
}

int fg_flat_fail(struct fg_flat *flat, int code, const char *format, ...)
{
    if (flat->code)
        return flat->code;
    char text[256];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    flat->code = code;
    return fg_fail(flat->err, code, "%s: %s", flat->where, text);
}

// Are there `size` bytes at `at`, aligned? The sum is never formed: it could wrap.
static bool inside(struct fg_flat *flat, size_t at, size_t size, unsigned align)
{
    if (flat->code)
        return false;
    if (at > flat->length || size > flat->length - at) {
        fg_flat_fail(flat, -EINVAL, "%zu bytes at %zu lie outside the file of %zu bytes", size, at,
                     flat->length);
        return false;
    }
    if (at % align) {
        fg_flat_fail(flat, -EINVAL, "offset %zu is not a multiple of %u", at, align);
        return false;
    }
    return true;
}

static uint64_t load(const struct fg_flat *flat, size_t at, unsigned size)
{
    uint64_t value = 0;
    for (unsigned k = 0; k < size; k++)
        value |= (uint64_t)flat->bytes[at + k] << 8 * k;
    return value;
}

static float as_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// Follows the forward offset stored at `at`; 0 on failure (position 0 is never a target).
static size_t follow(struct fg_flat *flat, size_t at)
{
    if (!inside(flat, at, 4, 4))
        return 0;
    size_t offset = load(flat, at, 4);
    if (!offset || !inside(flat, at + offset, 4, 4)) {
        fg_flat_fail(flat, -EINVAL, "an offset of 0");
        return 0;
    }
    return at + offset;
}

static struct fg_flat_table open_table(struct fg_flat *flat, size_t at)
{
    struct fg_flat_table none = {0};
    if (!at || !inside(flat, at, 4, 4))
        return none;
    int64_t vtable = (int64_t)at - (int32_t)load(flat, at, 4);
    if (vtable < 0) {
        fg_flat_fail(flat, -EINVAL, "the table at %zu has its vtable before the file", at);
        return none;
    }
    struct fg_flat_table table = {.at = at, .vtable = (size_t)vtable};
    if (!inside(flat, table.vtable, 4, 2))
        return none;
    uint32_t vtable_size = (uint32_t)load(flat, table.vtable, 2);
    table.size = (uint32_t)load(flat, table.vtable + 2, 2);
    if (vtable_size < 4 || vtable_size % 2 || table.size < 4) {
        fg_flat_fail(flat, -EINVAL, "the table at %zu has impossible sizes", at);
        return none;
    }
    if (!inside(flat, table.vtable, vtable_size, 2) || !inside(flat, at, table.size, 4))
        return none;
    table.n_fields = (vtable_size - 4) / 2;
    return table;
}

struct fg_flat_table fg_flat_root(struct fg_flat *flat, const char *identifier)
{
    struct fg_flat_table none = {0};
    if (!inside(flat, 0, 8, 1))
        return none;
    if (memcmp(flat->bytes + 4, identifier, 4)) {
        fg_flat_fail(flat, -EINVAL, "not a %s file", identifier);
        return none;
    }
    return open_table(flat, follow(flat, 0));
}

// Position of a field, 0 when absent or failed.
static size_t find(struct fg_flat *flat, const struct fg_flat_table *table, unsigned field,
                   unsigned size)
{
    if (flat->code || field >= table->n_fields)
        return 0;
    size_t offset = load(flat, table->vtable + 4 + 2u * field, 2);
    if (!offset)
        return 0;
    if (offset < 4 || offset + size > table->size) {
        fg_flat_fail(flat, -EINVAL, "field %u lies outside its table", field);
        return 0;
    }
    return inside(flat, table->at + offset, size, size) ? table->at + offset : 0;
}

int fg_flat_i8(struct fg_flat *flat, const struct fg_flat_table *table, unsigned field, int absent)
{
    size_t at = find(flat, table, field, 1);
    return at ? (int8_t)load(flat, at, 1) : absent;
}

int32_t fg_flat_i32(struct fg_flat *flat, const struct fg_flat_table *table, unsigned field,
                    int32_t absent)
{
    size_t at = find(flat, table, field, 4);
    return at ? (int32_t)load(flat, at, 4) : absent;
}

uint64_t fg_flat_u64(struct fg_flat *flat, const struct fg_flat_table *table, unsigned field,
                     uint64_t absent)
{
    size_t at = find(flat, table, field, 8);
    return at ? load(flat, at, 8) : absent;
}

float fg_flat_f32(struct fg_flat *flat, const struct fg_flat_table *table, unsigned field,
                  float absent)
{
    size_t at = find(flat, table, field, 4);
    return at ? as_float((uint32_t)load(flat, at, 4)) : absent;
}

struct fg_flat_table fg_flat_table(struct fg_flat *flat, const struct fg_flat_table *table,
                                   unsigned field)
{
    struct fg_flat_table none = {0};
    size_t at = find(flat, table, field, 4);
    return at ? open_table(flat, follow(flat, at)) : none;
}

struct fg_flat_vector fg_flat_vector(struct fg_flat *flat, const struct fg_flat_table *table,
                                     unsigned field, unsigned size)
{
    struct fg_flat_vector none = {0}, vector = {0};
    size_t at = find(flat, table, field, 4);
    size_t target = at ? follow(flat, at) : 0;
    if (!target)
        return none;
    vector.count = (uint32_t)load(flat, target, 4);
    vector.at = target + 4;
    if (!vector.count || !inside(flat, vector.at, (size_t)vector.count * size, size))
        return none;
    return vector;
}

struct fg_flat_table fg_flat_table_at(struct fg_flat *flat, const struct fg_flat_vector *vector,
                                      uint32_t index)
{
    return open_table(flat, follow(flat, vector->at + 4 * (size_t)index));
}

int32_t fg_flat_i32_at(const struct fg_flat *flat, const struct fg_flat_vector *vector,
                       uint32_t index)
{
    return (int32_t)load(flat, vector->at + 4 * (size_t)index, 4);
}

int64_t fg_flat_i64_at(const struct fg_flat *flat, const struct fg_flat_vector *vector,
                       uint32_t index)
{
    return (int64_t)load(flat, vector->at + 8 * (size_t)index, 8);
}

float fg_flat_f32_at(const struct fg_flat *flat, const struct fg_flat_vector *vector,
                     uint32_t index)
{
    return as_float((uint32_t)load(flat, vector->at + 4 * (size_t)index, 4));
}
