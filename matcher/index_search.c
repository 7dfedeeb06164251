// SPDX-License-Identifier: Apache-2.0
// Searching: codes rule almost everyone out, int8 products most of the rest, canonical scores
// decide. A chunk of blocks is looked at for every query while it is in the processor's cache.
#include <errno.h>
#include <math.h>
#include <string.h>

#include "matcher/index.h"
#include "matcher/index_parts.h"

#define BATCH       8          // queries of one pass
#define CHUNK_BYTES (32 << 10) // of codes; what first-level caches hold
#define CHUNK_MOST  64         // blocks
#define LIST        512        // survivors that are compared together
#define DENSE       24         // of a block's templates without codes: compare the whole block
#define SLACK       2e-4       // see index_codes.c

struct work {
    struct fg_index_query *query;
    double threshold; // what still counts: rises to the k-th best score
    float least;      // of int8 products that may reach the threshold
    bool by_codes;
    bool whole; // no sets: all live slots
    unsigned n_list;
    uint64_t bytes, compared;
    uint32_t list[LIST];
    struct fg_score_probe probe;
    struct fg_code_probe codes;
};

// ---- the best ----------------------------------------------------------------------------------

static void aim(const struct fg_index *index, struct work *w)
{
    // The scale's own error is within the slack: see template_ok in index.c.
    double error = (double)w->probe.small_error * (1 + SLACK) + SLACK;
    w->least = (float)((w->threshold - error) / (double)w->probe.small_scale);
    if (w->by_codes)
        fg_code_probe_aim(&w->codes, &index->coding, w->threshold);
}

// The k best so far, best first; among equals the lower slot.
static bool before(const struct fg_candidate *a, const struct fg_candidate *b)
{
    return a->score > b->score || (a->score == b->score && a->slot < b->slot);
}

static void add_best(struct fg_index_query *query, uint32_t slot, float score)
{
    struct fg_candidate candidate = {slot, score};
    unsigned at = query->found;
    if (at == query->k && (at == 0 || !before(&candidate, &query->best[at - 1])))
        return;
    if (at == query->k)
        at--;
    else
        query->found++;
    for (; at > 0 && before(&candidate, &query->best[at - 1]); at--)
        query->best[at] = query->best[at - 1];
    query->best[at] = candidate;
}

// Once k are found, only what beats the worst of them matters.
static void raise_threshold(const struct fg_index *index, struct work *w)
{
    const struct fg_index_query *query = w->query;
    if (query->found < query->k || query->k == 0)
        return;
    double worst = (double)query->best[query->k - 1].score;
    if (worst > w->threshold) {
        w->threshold = worst;
        aim(index, w);
    }
}

// ---- comparing ---------------------------------------------------------------------------------

static void score(const struct fg_index *index, struct work *w, uint32_t slot)
{
    float got =
        fg_score(&w->probe, fg_row_of(index, slot), fg_scales_of(index)[slot], index->stride);
    if (got >= w->query->threshold)
        add_best(w->query, slot, got);
}

static void flush(const struct fg_index *index, struct work *w)
{
    w->compared += w->n_list;
    w->bytes += (uint64_t)w->n_list * (index->stride + sizeof(float));
    unsigned n =
        index->kernels->some((const int8_t *)index->rows.base, index->stride, fg_scales_of(index),
                             w->probe.small, w->least, w->list, w->n_list);
    for (unsigned i = 0; i < n; i++)
        score(index, w, w->list[i]);
    w->n_list = 0;
    if (n > 0)
        raise_threshold(index, w);
}

static void list_slot(const struct fg_index *index, struct work *w, uint32_t slot)
{
    w->list[w->n_list++] = slot;
    if (w->n_list == LIST)
        flush(index, w);
}

static void list_word(const struct fg_index *index, struct work *w, uint32_t block, uint64_t word)
{
    for (; word; word &= word - 1)
        list_slot(index, w, block * FG_BLOCK + (uint32_t)__builtin_ctzll(word));
}

static void compare_block(const struct fg_index *index, struct work *w, uint32_t block,
                          uint64_t word)
{
    uint32_t first = block * FG_BLOCK;
    w->compared += FG_BLOCK;
    w->bytes += FG_BLOCK * (index->stride + sizeof(float));
    uint64_t near =
        word & index->kernels->flat(fg_row_of(index, first), index->stride,
                                    fg_scales_of(index) + first, w->probe.small, w->least);
    if (!near)
        return;
    for (; near; near &= near - 1)
        score(index, w, first + (uint32_t)__builtin_ctzll(near));
    raise_threshold(index, w);
}

// ---- a chunk of blocks -------------------------------------------------------------------------

static uint64_t admitted(const struct fg_index *index, const struct fg_index_query *query,
                         uint32_t block)
{
    uint64_t word = fg_words_of(&index->live)[block];
    for (unsigned i = 0; i < query->n_within && word; i++)
        word &= fg_slots_word(query->within[i], block);
    return word;
}

// Runs of blocks that hold somebody with a code to look at; the others' words become zero.
static void scan_runs(const struct fg_index *index, struct work *w, uint32_t first,
                      const uint64_t *wanted, unsigned n, uint64_t *survivors)
{
    for (unsigned i = 0, end; i < n; i = end) {
        end = i + 1;
        survivors[i] = 0;
        if (!wanted[i])
            continue;
        while (end < n && wanted[end])
            end++;
        index->kernels->scan(fg_codes_of(index, first + i), end - i, &w->codes.lookup,
                             survivors + i);
        w->bytes += (end - i) * FG_BLOCK_BYTES(index->coding.rows);
    }
}

static void search_chunk(const struct fg_index *index, struct work *w, uint32_t first, unsigned n)
{
    uint64_t all[CHUNK_MOST], coded[CHUNK_MOST], survivors[CHUNK_MOST];
    const uint64_t *uncoded = fg_words_of(&index->uncoded) + first;
    for (unsigned i = 0; i < n; i++) {
        all[i] = admitted(index, w->query, first + i);
        coded[i] = w->by_codes ? all[i] & ~uncoded[i] : 0;
    }
    scan_runs(index, w, first, coded, n, survivors);
    for (unsigned i = 0; i < n; i++) {
        uint64_t others = all[i] & ~coded[i];
        uint64_t near = survivors[i] & coded[i];
        if (!others) // as nearly always
            list_word(index, w, first + i, near);
        else if (__builtin_popcountll(others) < DENSE)
            list_word(index, w, first + i, near | others);
        else {
            list_word(index, w, first + i, near);
            compare_block(index, w, first + i, others);
        }
    }
}

static unsigned chunk_of(const struct fg_index *index)
{
    size_t n = CHUNK_BYTES / FG_BLOCK_BYTES(index->coding.rows);
    return n < 1 ? 1 : n > CHUNK_MOST ? CHUNK_MOST : (unsigned)n;
}

// ---- searches ----------------------------------------------------------------------------------

static int begin(const struct fg_index *index, struct work *w, struct fg_index_query *query)
{
    _Alignas(64) float turned[FG_CODE_DIMENSION];
    const struct fg_coding *coding = &index->coding;
    if (!fg_score_probe_init(&w->probe, query->probe, index->dimension, index->stride))
        return -EINVAL;
    w->query = query;
    w->threshold = (double)query->threshold;
    w->by_codes = coding->dimension > 0 && query->threshold > 0;
    w->n_list = 0;
    w->bytes = w->compared = 0;
    if (w->by_codes) {
        _Alignas(64) float unit[FG_CODE_DIMENSION] = {0};
        memcpy(unit, w->probe.unit, index->dimension * sizeof *unit);
        index->kernels->rotate(fg_rotation_of(index), coding->dimension, 1, unit, turned);
        fg_code_probe_init(&w->codes, coding, turned);
        explicit_bzero(unit, index->dimension * sizeof *unit);
        explicit_bzero(turned, coding->dimension * sizeof *turned);
    }
    aim(index, w);
    query->found = 0;
    return 0;
}

static void wipe(const struct fg_index *index, struct work *w)
{
    explicit_bzero(w->probe.laid, index->stride * sizeof *w->probe.laid);
    explicit_bzero(w->probe.unit, index->stride * sizeof *w->probe.unit);
    explicit_bzero(w->probe.small, index->stride);
    explicit_bzero(w->codes.tables, (size_t)index->coding.rows * 32);
}

// A short list of slots is looked at by itself.
static bool search_list(const struct fg_index *index, struct work *w)
{
    const struct fg_index_query *query = w->query;
    const struct fg_slots *few = fg_slots_fewest(query->within, query->n_within);
    if (!few)
        return false;
    for (uint32_t i = 0; i < few->count; i++)
        if (few->list[i] < index->top &&
            fg_words_of(&index->live)[few->list[i] / FG_BLOCK] >> few->list[i] % FG_BLOCK & 1 &&
            fg_slots_all_have(query->within, query->n_within, few->list[i]))
            list_slot(index, w, few->list[i]);
    return true;
}

static void search_batch(const struct fg_index *index, struct work *works, unsigned count)
{
    bool listed[BATCH];
    uint32_t blocks = fg_blocks_of(index), chunk = chunk_of(index);
    unsigned left = 0;
    for (unsigned q = 0; q < count; q++) {
        listed[q] = works[q].query->k == 0 || search_list(index, &works[q]);
        left += !listed[q];
    }
    for (uint32_t first = 0; left > 0 && first < blocks; first += chunk)
        for (unsigned q = 0; q < count; q++)
            if (!listed[q])
                search_chunk(index, &works[q], first,
                             blocks - first < chunk ? blocks - first : chunk);
    for (unsigned q = 0; q < count; q++)
        flush(index, &works[q]);
}

static int search_some(const struct fg_index *index, struct fg_index_query *queries, unsigned count,
                       struct fg_index_cost *cost)
{
    struct work works[BATCH];
    int r = 0;
    unsigned begun = 0;
    while (r == 0 && begun < count) {
        r = begin(index, &works[begun], &queries[begun]);
        begun += r == 0;
    }
    if (r == 0)
        search_batch(index, works, count);
    for (unsigned q = 0; q < begun; q++) {
        cost->bytes += works[q].bytes;
        cost->compared += works[q].compared;
        wipe(index, &works[q]);
    }
    return r;
}

static bool probe_ok(const struct fg_index *index, const float *probe)
{
    double squares = 0;
    for (uint32_t i = 0; i < index->dimension; i++)
        squares += (double)probe[i] * (double)probe[i];
    return fabs(sqrt(squares) - 1) <= 1e-2;
}

int fg_index_search(const struct fg_index *index, struct fg_index_query *queries, unsigned count,
                    struct fg_index_cost *ret_cost)
{
    struct fg_index_cost cost = {0};
    for (unsigned q = 0; q < count; q++)
        if (!probe_ok(index, queries[q].probe))
            return -EINVAL;
    int r = 0;
    for (unsigned q = 0; q < count && r == 0; q += BATCH)
        r = search_some(index, queries + q, count - q < BATCH ? count - q : BATCH, &cost);
    if (ret_cost)
        *ret_cost = cost;
    return r;
}

int fg_index_search_exhaustive(const struct fg_index *index, struct fg_index_query *query)
{
    struct work w;
    w.query = query;
    query->found = 0;
    if (!fg_score_probe_init(&w.probe, query->probe, index->dimension, index->stride))
        return -EINVAL;
    for (uint32_t block = 0; block < fg_blocks_of(index); block++)
        for (uint64_t word = admitted(index, query, block); word; word &= word - 1)
            score(index, &w, block * FG_BLOCK + (uint32_t)__builtin_ctzll(word));
    explicit_bzero(&w.probe, sizeof w.probe);
    return 0;
}
