// SPDX-License-Identifier: Apache-2.0
// What an index is made of, for index*.c alone.
#ifndef FG_INDEX_PARTS_H
#define FG_INDEX_PARTS_H

#include "matcher/index.h"
#include "matcher/index_codes.h"
#include "matcher/index_kernels.h"
#include "matcher/index_score.h"
#include "matcher/pages.h"

// Of a free slot, the next one.
union fg_scale {
    float scale;
    uint32_t next_free;
};

struct fg_index {
    uint32_t dimension, stride; // stride: bytes of a row
    const struct fg_index_kernels *kernels;
    struct fg_coding coding; // dimension 0: no codes, every row is compared
    double dismissal;        // 0: never
    uint32_t most;           // slots that there is address space for
    uint32_t top, free_slot; // ever used; the first free one below it, or NO_SLOT
    uint64_t count;
    bool later;
    uint32_t tended; // blocks below have codes, where they can
    struct fg_pages
        rotation;         // float [dimension][dimension], columns of the matrix; then room to turn
    struct fg_pages rows; // int8_t [slots][stride], zero beyond the dimension
    struct fg_pages scales;  // union fg_scale [slots]
    struct fg_pages codes;   // [blocks][FG_BLOCK_BYTES(coding.rows)]
    struct fg_pages live;    // uint64_t [blocks]: slots in use
    struct fg_pages uncoded; // uint64_t [blocks]: of those, without a code
};

#define FG_NO_SLOT UINT32_MAX

static inline const int8_t *fg_row_of(const struct fg_index *index, uint32_t slot)
{
    return (const int8_t *)index->rows.base + (size_t)slot * index->stride;
}

static inline float *fg_scales_of(const struct fg_index *index)
{
    return (float *)(void *)index->scales.base;
}

static inline uint64_t *fg_words_of(const struct fg_pages *pages)
{
    return (uint64_t *)(void *)pages->base;
}

static inline uint8_t *fg_codes_of(const struct fg_index *index, uint32_t block)
{
    return index->codes.base + block * FG_BLOCK_BYTES(index->coding.rows);
}

static inline uint32_t fg_blocks_of(const struct fg_index *index)
{
    return (index->top + FG_BLOCK - 1) / FG_BLOCK;
}

static inline const float *fg_rotation_of(const struct fg_index *index)
{
    return (const float *)(const void *)index->rotation.base;
}

#endif
