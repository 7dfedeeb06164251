// SPDX-License-Identifier: Apache-2.0
#include "matcher/index.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LANES 16 // a row's length is a multiple, so that rows are aligned for 128-bit loads

// Pages that grow: locked where limits allow, never in a core dump.
struct block {
    uint8_t *base;
    size_t bytes;
    bool unlocked;
};

struct fg_index {
    uint32_t dimension, stride;
    uint32_t capacity, top, n_free; // slots: that there is room for, ever used, free below top
    uint64_t count;
    struct block rows;   // int8_t [capacity][stride], zero beyond the dimension
    struct block scales; // float [capacity], 0 in a free slot
    struct block free;   // uint32_t [capacity], a stack of free slots
};

// ---- memory -------------------------------------------------------------------------------------

static void *resize(struct block *block, size_t bytes)
{
    if (!block->base)
        return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void *base = mremap(block->base, block->bytes, bytes, MREMAP_MAYMOVE);
    if (base == MAP_FAILED && !block->unlocked) {
        // A locked mapping may not grow over RLIMIT_MEMLOCK; an unlocked one may.
        munlock(block->base, block->bytes);
        block->unlocked = true;
        base = mremap(block->base, block->bytes, bytes, MREMAP_MAYMOVE);
        if (base == MAP_FAILED)
            block->unlocked = mlock(block->base, block->bytes) < 0;
    }
    return base;
}

// Moves pages instead of copying them, so that no second copy of a template is left behind.
static int block_grow(struct block *block, size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    bytes = (bytes + page - 1) / page * page;
    if (bytes <= block->bytes)
        return 0;
    void *base = resize(block, bytes);
    if (base == MAP_FAILED)
        return -ENOMEM;
    block->base = base;
    block->bytes = bytes;
    madvise(base, bytes, MADV_DONTDUMP);
    madvise(base, bytes, MADV_HUGEPAGE); // a hint: the scan is bound by memory
    if (!block->unlocked && mlock(base, bytes) < 0)
        block->unlocked = true;
    return 0;
}

static void block_free(struct block *block)
{
    if (!block->base)
        return;
    explicit_bzero(block->base, block->bytes);
    munmap(block->base, block->bytes);
}

static int grow(struct fg_index *index)
{
    uint64_t more = index->capacity ? 2 * (uint64_t)index->capacity : 256;
    if (more > UINT32_MAX || more > SIZE_MAX / index->stride)
        return -ENOMEM;
    // What grew before a failure is only larger than it need be.
    int r = block_grow(&index->rows, (size_t)more * index->stride);
    if (r == 0)
        r = block_grow(&index->scales, (size_t)more * sizeof(float));
    if (r == 0)
        r = block_grow(&index->free, (size_t)more * sizeof(uint32_t));
    if (r == 0)
        index->capacity = (uint32_t)more;
    return r;
}

static int8_t *row_of(const struct fg_index *index, uint32_t slot)
{
    return (int8_t *)index->rows.base + (size_t)slot * index->stride;
}

static float *scales_of(const struct fg_index *index)
{
    return (float *)(void *)index->scales.base;
}

static uint32_t *free_of(const struct fg_index *index)
{
    return (uint32_t *)(void *)index->free.base;
}

int fg_index_create(uint32_t dimension, struct fg_index **ret)
{
    if (dimension == 0 || dimension > FG_TEMPLATE_MAX)
        return -EINVAL;
    struct fg_index *index = calloc(1, sizeof *index);
    if (!index)
        return -ENOMEM;
    index->dimension = dimension;
    index->stride = (dimension + LANES - 1) / LANES * LANES;
    int r = grow(index);
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
    block_free(&index->rows);
    block_free(&index->scales);
    block_free(&index->free);
    free(index);
}

// ---- slots --------------------------------------------------------------------------------------

static bool scale_ok(const struct fg_template *tmpl)
{
    return isfinite(tmpl->scale) && tmpl->scale > 0;
}

static bool in_use(const struct fg_index *index, uint32_t slot)
{
    return slot < index->top && scales_of(index)[slot] > 0;
}

int fg_index_insert(struct fg_index *index, const struct fg_template *tmpl, uint32_t *ret_slot)
{
    if (!scale_ok(tmpl))
        return -EINVAL;
    if (index->n_free == 0 && index->top == index->capacity) {
        int r = grow(index);
        if (r < 0)
            return r;
    }
    uint32_t slot = index->n_free ? free_of(index)[--index->n_free] : index->top++;
    memcpy(row_of(index, slot), tmpl->values, index->dimension);
    scales_of(index)[slot] = tmpl->scale;
    index->count++;
    *ret_slot = slot;
    return 0;
}

int fg_index_replace(struct fg_index *index, uint32_t slot, const struct fg_template *tmpl)
{
    if (!scale_ok(tmpl))
        return -EINVAL;
    if (!in_use(index, slot))
        return -ENOENT;
    memcpy(row_of(index, slot), tmpl->values, index->dimension);
    scales_of(index)[slot] = tmpl->scale;
    return 0;
}

void fg_index_remove(struct fg_index *index, uint32_t slot)
{
    if (!in_use(index, slot))
        return;
    explicit_bzero(row_of(index, slot), index->stride);
    scales_of(index)[slot] = 0;
    free_of(index)[index->n_free++] = slot;
    index->count--;
}

// ---- search -------------------------------------------------------------------------------------

// GCC's vector extension: compilers widen bytes badly, so four neighbours are loaded as one 32-bit
// word and shifted out. Sum k holds the dimensions that are k modulo 4, as the probe is laid out.
// The order of additions is fixed: every machine gives the same float.
typedef float sums __attribute__((vector_size(16), may_alias));
typedef int32_t words __attribute__((vector_size(16)));
typedef uint32_t unsigned_words __attribute__((vector_size(16), may_alias));

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first value is the low byte");

static inline sums byte_of(unsigned_words values, int k)
{
    return __builtin_convertvector((words)(values << (24 - 8 * k)) >> 24, sums);
}

static float dot(const sums *probe, const int8_t *row, uint32_t stride)
{
    const unsigned_words *values = (const void *)row;
    sums a = {0}, b = {0}, c = {0}, d = {0};
    for (uint32_t i = 0; i < stride / LANES; i++) {
        a += probe[4 * i + 0] * byte_of(values[i], 0);
        b += probe[4 * i + 1] * byte_of(values[i], 1);
        c += probe[4 * i + 2] * byte_of(values[i], 2);
        d += probe[4 * i + 3] * byte_of(values[i], 3);
    }
    sums sum = (a + b) + (c + d);
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

// The probe at length 1 as `dot` reads it: sixteen dimensions are four vectors, the first of
// dimensions 0, 4, 8, 12. Zeros up to the stride.
static bool lay_out(const float *probe, uint32_t dimension, float *ret, uint32_t stride)
{
    double squares = 0;
    for (uint32_t i = 0; i < dimension; i++)
        squares += (double)probe[i] * (double)probe[i];
    double length = sqrt(squares);
    if (!(fabs(length - 1) <= 1e-2)) // also refuses NaN
        return false;
    memset(ret, 0, stride * sizeof *ret);
    for (uint32_t i = 0; i < dimension; i++)
        ret[i / 16 * 16 + i % 4 * 4 + i / 4 % 4] = (float)((double)probe[i] / length);
    return true;
}

// The k best so far, best first; among equals the one that came first.
struct best {
    struct fg_candidate *list;
    unsigned count, k;
};

static void best_add(struct best *best, uint32_t slot, float score)
{
    unsigned at = best->count;
    if (at == best->k && (at == 0 || score <= best->list[at - 1].score))
        return;
    if (at == best->k)
        at--;
    else
        best->count++;
    for (; at > 0 && score > best->list[at - 1].score; at--)
        best->list[at] = best->list[at - 1];
    best->list[at] = (struct fg_candidate){slot, score};
}

struct search {
    float threshold;
    fg_index_filter filter;
    void *context;
    bool counting;
    uint64_t compared;
    struct best best;
};

// The filter is a call a slot: unless the caller wants the count, only hits pay for it.
static void consider(struct search *s, uint32_t slot, float score)
{
    bool hit = score >= s->threshold;
    if (!hit && !s->counting)
        return;
    if (s->filter && !s->filter(s->context, slot))
        return;
    s->compared++;
    if (hit)
        best_add(&s->best, slot, score);
}

static void scan(const struct fg_index *index, const sums *probe, struct search *s)
{
    const float *scales = scales_of(index);
    for (uint32_t slot = 0; slot < index->top; slot++)
        if (scales[slot] > 0)
            consider(s, slot, scales[slot] * dot(probe, row_of(index, slot), index->stride));
}

int fg_index_search(const struct fg_index *index, const float *probe, float threshold,
                    fg_index_filter filter, void *context, struct fg_candidate *ret, unsigned k,
                    uint64_t *ret_compared)
{
    _Alignas(64) float laid[FG_TEMPLATE_MAX];
    struct search s = {threshold, filter, context, ret_compared && filter, 0, {ret, 0, k}};
    if (!lay_out(probe, index->dimension, laid, index->stride))
        return -EINVAL;
    scan(index, (const sums *)(const void *)laid, &s);
    explicit_bzero(laid, sizeof laid);
    if (ret_compared)
        *ret_compared = filter ? s.compared : index->count;
    return (int)s.best.count;
}

uint64_t fg_index_count(const struct fg_index *index)
{
    return index->count;
}

uint64_t fg_index_bytes(const struct fg_index *index)
{
    return index->count * (index->stride + sizeof(float));
}

bool fg_index_locked(const struct fg_index *index)
{
    return !index->rows.unlocked && !index->scales.unlocked;
}
