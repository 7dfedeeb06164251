// SPDX-License-Identifier: Apache-2.0
// The index's loops over templates: a C reference and one set for each instruction set, of which
// the best that the processor has is taken, once. All but `rotate` are integer arithmetic, or one
// float32 product: every set gives the same bits. None allocates, none reads past what it is given
// (prefetches do).
#ifndef FG_INDEX_KERNELS_H
#define FG_INDEX_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FG_BLOCK 64 // templates whose codes lie together

// A block of codes is `rows` rows of FG_BLOCK bytes, then a row `agree` and a row `stray`: byte i
// of each row is template i's. A code byte is two nibbles; nibble k of a template, the low one of
// row k / 2 when k is even, picks a value from table k. The rows of a block are 64-byte aligned.
#define FG_BLOCK_BYTES(rows) (((size_t)(rows) + 2) * FG_BLOCK)
#define FG_CODE_ROWS         512 // at most; always even

// A probe's tables and test. With S the sum of the picked values, template i survives when
//     S + lift + (stray[i] * stray_weight >> 8) >= floor + (agree[i] * agree_weight >> 8)
// where every sum is of 16 bits and saturates at 65535.
struct fg_lookup {
    const uint8_t *tables; // 2 * rows tables of 16 values, 64-byte aligned
    unsigned rows;
    // For each row the largest values of its two tables add to at most 255, and over all rows to
    // at most 65535.
    uint16_t floor, lift, agree_weight, stray_weight;
};

struct fg_index_kernels {
    const char *name; // "c", "avx2", "avx512", "avx512vnni", "neon", "neondot"
    bool (*present)(void);

    // survivors[b], bit i: template i of block b survives. `blocks` follow each other.
    void (*scan)(const uint8_t *blocks, size_t count, const struct fg_lookup *lookup,
                 uint64_t *survivors);
    // Of FG_BLOCK rows of int8, `stride` bytes apart: bit i is set when
    // (float)dot(row i, probe) * scales[i] >= least (a single product: never for NaN). `stride` is
    // a multiple of 16 up to 1024, rows and probe are 16-byte aligned, `probe` has `stride` values
    // of -127..127, zeros past the dimension; a row's values are -128..127.
    uint64_t (*flat)(const int8_t *rows, size_t stride, const float *scales, const int8_t *probe,
                     float least);
    // The same of the `count` rows slots[0], slots[1], ... of `rows`: the slots that pass are left
    // at the front of `slots`, in order; returns how many.
    unsigned (*some)(const int8_t *rows, size_t stride, const float *scales, const int8_t *probe,
                     float least, uint32_t *slots, unsigned count);
    // out[v] = matrix * in[v] for `count` vectors, packed one after the other: `dimension` floats
    // each, 64-byte aligned in all. `transposed` is the matrix by columns: its element
    // [k * dimension + i] multiplies in[k] for out[i]. `dimension` is a multiple of 8 from 32 to
    // 1024. float32, in any order of additions. in and out do not overlap.
    void (*rotate)(const float *transposed, size_t dimension, size_t count, const float *in,
                   float *out);
};

extern const struct fg_index_kernels fg_index_c;
#if defined(__x86_64__)
extern const struct fg_index_kernels fg_index_avx2, fg_index_avx512, fg_index_avx512vnni;
#elif defined(__aarch64__)
extern const struct fg_index_kernels fg_index_neon, fg_index_neondot;
#endif

// The best set present, or the one of this name: NULL when it is absent or unknown.
const struct fg_index_kernels *fg_index_kernels(const char *name);
// All sets that are present, best first, at most `limit`; returns how many.
unsigned fg_index_kernels_present(const struct fg_index_kernels **ret, unsigned limit);

#ifdef __cplusplus
}
#endif
#endif
