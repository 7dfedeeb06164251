// SPDX-License-Identifier: Apache-2.0
// A FlatBuffers reader that trusts nothing: each access is checked against the bytes.
//
// Errors stick: after the first one every getter returns its default, and `code` and `err` keep
// what was wrong and where. So a caller reads a whole table and looks at `code` once.
// Source of the layout: FlatBuffers "Internals" (root offset, identifier, table, vtable, vector;
// little-endian, scalars aligned to their size, offsets and tables to 4, vtables to 2).
#ifndef FG_FLATBUFFER_H
#define FG_FLATBUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_flat {
    const uint8_t *bytes;
    size_t length;
    struct fg_error *err; // may be NULL
    int code;             // 0, or the first error
    char where[96];       // what is being read, for the error text
};

// A table; all zero when absent: then every field of it has its default.
struct fg_flat_table {
    size_t at, vtable;
    uint32_t n_fields, size;
};

// A vector; count 0 when absent.
struct fg_flat_vector {
    size_t at; // of element 0
    uint32_t count;
};

// Names what is read next: "operators[12].inputs".
void fg_flat_where(struct fg_flat *flat, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
// Sets the sticky error, "WHERE: text"; returns the code that sticks.
int fg_flat_fail(struct fg_flat *flat, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// The root table, after a look at the 4-character identifier.
struct fg_flat_table fg_flat_root(struct fg_flat *flat, const char *identifier);

int fg_flat_i8(struct fg_flat *flat, const struct fg_flat_table *table, unsigned field, int absent);
int32_t fg_flat_i32(struct fg_flat *flat, const struct fg_flat_table *table, unsigned field,
                    int32_t absent);
uint64_t fg_flat_u64(struct fg_flat *flat, const struct fg_flat_table *table, unsigned field,
                     uint64_t absent);
float fg_flat_f32(struct fg_flat *flat, const struct fg_flat_table *table, unsigned field,
                  float absent);
struct fg_flat_table fg_flat_table(struct fg_flat *flat, const struct fg_flat_table *table,
                                   unsigned field);
// Elements of `size` bytes: 1 (also strings), 4 (also offsets) or 8.
struct fg_flat_vector fg_flat_vector(struct fg_flat *flat, const struct fg_flat_table *table,
                                     unsigned field, unsigned size);

// Elements of a vector that was read with the same size; index below its count.
struct fg_flat_table fg_flat_table_at(struct fg_flat *flat, const struct fg_flat_vector *vector,
                                      uint32_t index);
int32_t fg_flat_i32_at(const struct fg_flat *flat, const struct fg_flat_vector *vector,
                       uint32_t index);
int64_t fg_flat_i64_at(const struct fg_flat *flat, const struct fg_flat_vector *vector,
                       uint32_t index);
float fg_flat_f32_at(const struct fg_flat *flat, const struct fg_flat_vector *vector,
                     uint32_t index);

#ifdef __cplusplus
}
#endif
#endif
