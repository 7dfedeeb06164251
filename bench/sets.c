// SPDX-License-Identifier: Apache-2.0
#include "bench/sets.h"

#include "bench/crew.h"
#include "bench/series.h"
#include "common/clock.h"

#define FEW      300 // slots
#define SEARCHES 200
#define CHECKED  20 // of these, against the exhaustive search

// 0 when it is the same, 1 when it is not.
static int differs(const struct fg_field *field, const struct fg_index *index, unsigned probe,
                   float threshold, const struct fg_slots *within, const struct fg_answer *answer)
{
    struct fg_candidate best = {FG_NOBODY, 0};
    struct fg_index_query query = {.probe = fg_field_probe(field, probe),
                                   .threshold = threshold,
                                   .within = &within,
                                   .n_within = within != NULL,
                                   .best = &best,
                                   .k = 1};
    int r = fg_index_search_exhaustive(index, &query);
    return r < 0 || best.slot != answer->slot || best.score != answer->score;
}

static int search_within(const struct fg_field *field, const struct fg_index *index,
                         float threshold, const struct fg_slots *within, double *ret_ms,
                         unsigned *differing)
{
    struct fg_series ms = {0};
    int r = 0;
    for (unsigned n = 0; n < SEARCHES && r == 0; n++) {
        struct fg_answer answer;
        const uint64_t start = fg_monotonic_ns();
        r = fg_field_search(field, index, n, threshold, within, &answer);
        fg_series_add(&ms, fg_ms_since(start));
        if (n < CHECKED)
            *differing += (unsigned)differs(field, index, n, threshold, within, &answer);
    }
    *ret_ms = fg_series_rank(&ms, .5);
    fg_series_finish(&ms);
    return r;
}

// Every so manieth slot, so that mates are in it too.
static int make_set(const struct fg_field *field, uint64_t step, struct fg_slots *set)
{
    int r = 0;
    for (uint64_t slot = 0; slot < field->count && r == 0; slot += step)
        r = fg_slots_add(set, (uint32_t)slot);
    return r;
}

int fg_sets_measure(const struct fg_field *field, const struct fg_index *index, float threshold,
                    struct fg_sets *ret, struct fg_error *err)
{
    struct fg_slots few = {0}, half = {0};
    *ret = (struct fg_sets){0};
    fg_crew_pin(0);
    int r = make_set(field, (field->count + FEW - 1) / FEW, &few);
    if (r == 0)
        r = make_set(field, 2, &half);
    if (r == 0)
        r = search_within(field, index, threshold, NULL, &ret->all_ms, &ret->differing);
    if (r == 0)
        r = search_within(field, index, threshold, &few, &ret->few_ms, &ret->differing);
    if (r == 0)
        r = search_within(field, index, threshold, &half, &ret->half_ms, &ret->differing);
    fg_crew_unpin();
    fg_slots_clear(&few);
    fg_slots_clear(&half);
    return r < 0 ? fg_fail(err, r, "searches within sets failed") : 0;
}
