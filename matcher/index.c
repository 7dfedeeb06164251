// SPDX-License-Identifier: Apache-2.0
#include "matcher/index.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "matcher/index_parts.h"
#include "matcher/index_rotation.h"

#define MOST         (UINT32_C(1) << 26) // slots, when nothing else is asked for
#define LEAST        1024
#define CODED_FROM   32  // dimensions: under it codes save nothing
#define ONE_BIT_FROM 384 // dimensions: fewer need two bits, see docs/index.md
#define LENGTH_ERROR 1e-4

// ---- life --------------------------------------------------------------------------------------

static bool options_ok(const struct fg_index_options *o)
{
    bool bits = o->code_bits == 0 || o->code_bits == 1 || o->code_bits == 2 || o->code_bits == 4;
    bool dismissal = o->dismissal == 0 || (o->dismissal >= FG_INDEX_DISMISSAL_LOW &&
                                           o->dismissal <= FG_INDEX_DISMISSAL_HIGH);
    return o->dimension >= 1 && o->dimension <= FG_TEMPLATE_MAX && bits && dismissal &&
           (!o->kernels || fg_index_kernels(o->kernels)) && o->most < UINT32_MAX;
}

static void choose_coding(struct fg_index *index, const struct fg_index_options *o)
{
    unsigned dimension = (o->dimension + 7) / 8 * 8;
    unsigned bits = o->deterministic ? 4 : dimension >= ONE_BIT_FROM ? 1 : 2;
    index->dismissal = o->dimension < CODED_FROM || o->deterministic ? 0
                       : o->dismissal > 0                            ? o->dismissal
                                                                     : FG_INDEX_DISMISSAL;
    if (o->dimension >= CODED_FROM)
        fg_coding_init(&index->coding, dimension, o->code_bits ? o->code_bits : bits,
                       index->dismissal);
}

static int reserve(struct fg_index *index, size_t slots)
{
    size_t blocks = slots / FG_BLOCK;
    int r = fg_pages_reserve(&index->rows, slots * index->stride);
    if (r == 0)
        r = fg_pages_reserve(&index->scales, slots * sizeof(union fg_scale));
    if (r == 0)
        r = fg_pages_reserve(&index->codes, blocks * FG_BLOCK_BYTES(index->coding.rows));
    if (r == 0)
        r = fg_pages_reserve(&index->live, blocks * sizeof(uint64_t));
    if (r == 0)
        r = fg_pages_reserve(&index->uncoded, blocks * sizeof(uint64_t));
    return r;
}

static void release(struct fg_index *index)
{
    fg_pages_free(&index->rows);
    fg_pages_free(&index->scales);
    fg_pages_free(&index->codes);
    fg_pages_free(&index->live);
    fg_pages_free(&index->uncoded);
}

// Address space is cheap, but a limit on it may be set.
static int reserve_most(struct fg_index *index, uint64_t most)
{
    uint64_t slots = (most ? most : MOST) + FG_BLOCK - 1;
    slots -= slots % FG_BLOCK;
    int r;
    while ((r = reserve(index, slots)) == -ENOMEM && slots / 2 >= LEAST) {
        release(index);
        slots = slots / 2 / FG_BLOCK * FG_BLOCK;
    }
    index->most = (uint32_t)(most && most < slots ? most : slots);
    return r;
}

// The matrix by columns, as the kernels want it; a rotation's columns are as random as its rows.
static int make_rotation(struct fg_index *index, uint64_t seed)
{
    unsigned d = index->coding.dimension;
    size_t turning = 2 * (size_t)FG_BLOCK * d; // in and out, see turn_block
    size_t bytes = ((size_t)d * d + turning) * sizeof(float);
    int r = fg_pages_reserve(&index->rotation, bytes);
    if (r == 0)
        r = fg_pages_grow(&index->rotation, bytes);
    return r < 0 ? r : fg_rotation_draw((float *)(void *)index->rotation.base, d, seed);
}

int fg_index_create(const struct fg_index_options *options, struct fg_index **ret)
{
    if (!options_ok(options))
        return -EINVAL;
    struct fg_index *index = calloc(1, sizeof *index);
    if (!index)
        return -ENOMEM;
    index->dimension = options->dimension;
    index->stride = (options->dimension + FG_SCORE_LANES - 1) / FG_SCORE_LANES * FG_SCORE_LANES;
    index->kernels = fg_index_kernels(options->kernels);
    index->free_slot = FG_NO_SLOT;
    index->later = options->later;
    choose_coding(index, options);
    int r = index->coding.dimension ? make_rotation(index, options->seed) : 0;
    if (r == 0)
        r = reserve_most(index, options->most);
    if (r < 0) {
        fg_index_destroy(index);
        return r;
    }
    *ret = index;
    return 0;
}

void fg_index_destroy(struct fg_index *index)
{
    if (!index)
        return;
    release(index);
    fg_pages_free(&index->rotation);
    free(index);
}

// ---- codes -------------------------------------------------------------------------------------

// Where vectors are turned: FG_BLOCK of them, and as many results.
static float *turning_of(const struct fg_index *index)
{
    unsigned d = index->coding.dimension;
    return (float *)(void *)index->rotation.base + (size_t)d * d;
}

static void unpack_row(const struct fg_index *index, uint32_t slot, float *ret)
{
    const int8_t *row = fg_row_of(index, slot);
    unsigned d = index->coding.dimension, n = index->dimension;
    int64_t squares = 0;
    for (unsigned i = 0; i < n; i++)
        squares += row[i] * row[i];
    float scale = squares ? (float)(1 / sqrt((double)squares)) : 0;
    for (unsigned i = 0; i < n; i++)
        ret[i] = scale * row[i];
    for (unsigned i = n; i < d; i++)
        ret[i] = 0;
}

static void mark(const struct fg_pages *pages, uint32_t slot, bool on)
{
    uint64_t bit = UINT64_C(1) << slot % FG_BLOCK, *word = &fg_words_of(pages)[slot / FG_BLOCK];
    *word = on ? *word | bit : *word & ~bit;
}

static void write_code(struct fg_index *index, uint32_t slot, const float *turned)
{
    bool coded =
        fg_code_write(&index->coding, turned, fg_codes_of(index, slot / FG_BLOCK), slot % FG_BLOCK);
    mark(&index->uncoded, slot, !coded);
}

static void code_slot(struct fg_index *index, uint32_t slot)
{
    float *in = turning_of(index), *out = in + (size_t)FG_BLOCK * index->coding.dimension;
    mark(&index->uncoded, slot, true);
    if (!index->coding.dimension || (index->later && slot / FG_BLOCK >= index->tended))
        return;
    unpack_row(index, slot, in);
    index->kernels->rotate(fg_rotation_of(index), index->coding.dimension, 1, in, out);
    write_code(index, slot, out);
    explicit_bzero(in, index->coding.dimension * sizeof *in);
    explicit_bzero(out, index->coding.dimension * sizeof *out);
}

static void code_block(struct fg_index *index, uint32_t block)
{
    unsigned d = index->coding.dimension, n = 0;
    float *in = turning_of(index), *out = in + (size_t)FG_BLOCK * d;
    uint32_t slots[FG_BLOCK];
    for (uint64_t word = fg_words_of(&index->uncoded)[block]; word; word &= word - 1) {
        slots[n] = block * FG_BLOCK + (uint32_t)__builtin_ctzll(word);
        unpack_row(index, slots[n], in + (size_t)n * d);
        n++;
    }
    index->kernels->rotate(fg_rotation_of(index), d, n, in, out);
    for (unsigned i = 0; i < n; i++)
        write_code(index, slots[i], out + (size_t)i * d);
}

bool fg_index_tend(struct fg_index *index, uint64_t budget_ns)
{
    uint64_t end = fg_monotonic_ns() + budget_ns;
    if (!index->coding.dimension)
        index->later = false;
    if (!index->later)
        return false;
    while (index->tended < fg_blocks_of(index)) {
        code_block(index, index->tended++);
        if (fg_monotonic_ns() >= end)
            break;
    }
    index->later = index->tended < fg_blocks_of(index);
    if (!index->later)
        explicit_bzero(turning_of(index),
                       2 * (size_t)FG_BLOCK * index->coding.dimension * sizeof(float));
    return index->later;
}

// ---- slots -------------------------------------------------------------------------------------

static bool template_ok(const struct fg_index *index, float scale, const int8_t *values)
{
    int64_t squares = 0;
    for (uint32_t i = 0; i < index->dimension; i++)
        squares += values[i] * values[i];
    return scale > 0 && fabs((double)scale * sqrt((double)squares) - 1) <= LENGTH_ERROR;
}

static bool in_use(const struct fg_index *index, uint32_t slot)
{
    return slot < index->top && fg_words_of(&index->live)[slot / FG_BLOCK] >> slot % FG_BLOCK & 1;
}

// A whole block more: the last one may always be scanned.
static int grow(struct fg_index *index)
{
    size_t blocks = fg_blocks_of(index) + (size_t)(index->top % FG_BLOCK == 0);
    if (index->top >= index->most)
        return -ENOMEM;
    int r = fg_pages_grow(&index->rows, blocks * FG_BLOCK * index->stride);
    if (r == 0)
        r = fg_pages_grow(&index->scales, blocks * FG_BLOCK * sizeof(union fg_scale));
    if (r == 0)
        r = fg_pages_grow(&index->codes, blocks * FG_BLOCK_BYTES(index->coding.rows));
    if (r == 0)
        r = fg_pages_grow(&index->live, blocks * sizeof(uint64_t));
    if (r == 0)
        r = fg_pages_grow(&index->uncoded, blocks * sizeof(uint64_t));
    return r;
}

static void fill(struct fg_index *index, uint32_t slot, float scale, const int8_t *values)
{
    memcpy(index->rows.base + (size_t)slot * index->stride, values, index->dimension);
    fg_scales_of(index)[slot] = scale;
    code_slot(index, slot);
}

int fg_index_insert(struct fg_index *index, float scale, const int8_t *values, uint32_t *ret_slot)
{
    union fg_scale *scales = (void *)index->scales.base;
    uint32_t slot = index->free_slot;
    if (!template_ok(index, scale, values))
        return -EINVAL;
    if (slot != FG_NO_SLOT) {
        index->free_slot = scales[slot].next_free;
    } else {
        int r = grow(index);
        if (r < 0)
            return r;
        slot = index->top++;
    }
    fill(index, slot, scale, values);
    mark(&index->live, slot, true);
    index->count++;
    *ret_slot = slot;
    return 0;
}

int fg_index_replace(struct fg_index *index, uint32_t slot, float scale, const int8_t *values)
{
    if (!template_ok(index, scale, values))
        return -EINVAL;
    if (!in_use(index, slot))
        return -ENOENT;
    fill(index, slot, scale, values);
    return 0;
}

void fg_index_remove(struct fg_index *index, uint32_t slot)
{
    union fg_scale *scales = (void *)index->scales.base;
    if (!in_use(index, slot))
        return;
    explicit_bzero(index->rows.base + (size_t)slot * index->stride, index->stride);
    if (index->coding.dimension)
        fg_code_clear(&index->coding, fg_codes_of(index, slot / FG_BLOCK), slot % FG_BLOCK);
    mark(&index->live, slot, false);
    mark(&index->uncoded, slot, false);
    scales[slot].next_free = index->free_slot;
    index->free_slot = slot;
    index->count--;
}

// ---- accounts ----------------------------------------------------------------------------------

uint64_t fg_index_count(const struct fg_index *index)
{
    return index->count;
}

uint64_t fg_index_most(const struct fg_index *index)
{
    return index->most;
}

uint64_t fg_index_bytes(const struct fg_index *index)
{
    return index->rows.bytes + index->scales.bytes + index->codes.bytes + index->live.bytes +
           index->uncoded.bytes;
}

bool fg_index_locked(const struct fg_index *index)
{
    return !index->rows.unlocked && !index->scales.unlocked && !index->codes.unlocked &&
           !index->rotation.unlocked;
}

void fg_index_method(const struct fg_index *index, struct fg_index_method *ret)
{
    *ret = (struct fg_index_method){.kernels = index->kernels->name,
                                    .code_bits = index->coding.bits,
                                    .dismissal = index->dismissal,
                                    .ready = !index->later};
}
