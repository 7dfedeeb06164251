// SPDX-License-Identifier: Apache-2.0
#include "bench/upkeep.h"

#include <errno.h>
#include <stdlib.h>

#include "bench/crew.h"
#include "bench/series.h"
#include "common/clock.h"

#define NEWCOMERS     2000 // templates that come and go
#define CHANGES_PER_S 2000 // half of them inserts, half deletes
#define BACKLOG       500  // of them that are there before the first goes
#define BUSY_ROUNDS   5
#define BUSY_SEARCHES 200 // in a round, quiet and busy
#define BUSY_SECONDS  2.0 // at most for each of these

// ---- newcomers ----------------------------------------------------------------------------------

static struct fg_template *make_newcomers(const struct fg_field *field)
{
    struct fg_template *ret = calloc(NEWCOMERS, sizeof *ret);
    for (unsigned n = 0; ret && n < NEWCOMERS; n++)
        fg_simulation_template(field->people, field->count + n, &ret[n]);
    return ret;
}

static int change_all(const struct fg_template *newcomers, struct fg_index *index, uint32_t *slots,
                      struct fg_upkeep_changes *ret)
{
    int r = 0;
    uint64_t start = fg_monotonic_ns();
    for (unsigned n = 0; n < NEWCOMERS && r == 0; n++)
        r = fg_index_insert(index, newcomers[n].scale, newcomers[n].values, &slots[n]);
    ret->insert_us = fg_ms_since(start) * 1e3 / NEWCOMERS;
    start = fg_monotonic_ns();
    for (unsigned n = 0; n < NEWCOMERS && r == 0; n++) {
        const struct fg_template *other = &newcomers[(n + 1) % NEWCOMERS];
        r = fg_index_replace(index, slots[n], other->scale, other->values);
    }
    ret->replace_us = fg_ms_since(start) * 1e3 / NEWCOMERS;
    start = fg_monotonic_ns();
    for (unsigned n = 0; n < NEWCOMERS && r == 0; n++)
        fg_index_remove(index, slots[n]);
    ret->delete_us = fg_ms_since(start) * 1e3 / NEWCOMERS;
    return r;
}

int fg_upkeep_measure_changes(const struct fg_field *field, struct fg_index *index,
                              struct fg_upkeep_changes *ret, struct fg_error *err)
{
    struct fg_template *newcomers = make_newcomers(field);
    uint32_t *slots = calloc(NEWCOMERS, sizeof *slots);
    int r = -ENOMEM;
    fg_crew_pin(0);
    if (newcomers && slots)
        r = change_all(newcomers, index, slots, ret);
    fg_crew_unpin();
    free(newcomers);
    free(slots);
    return r < 0 ? fg_fail(err, r, "changes of the index failed") : 0;
}

// ---- changes between searches -------------------------------------------------------------------

struct traffic {
    const struct fg_field *field;
    struct fg_index *index;
    float threshold;
    const struct fg_template *newcomers;
    uint32_t *slots;         // of newcomers, a ring
    uint64_t inserted, gone; // how many ever
    uint64_t changes;
    double busy_s;
};

static int insert_next(struct traffic *t)
{
    const struct fg_template *one = &t->newcomers[t->inserted % NEWCOMERS];
    int r = fg_index_insert(t->index, one->scale, one->values, &t->slots[t->inserted % NEWCOMERS]);
    t->inserted += r == 0;
    return r;
}

// The owner's turn: what is due, the one half to insert, the other to delete who came first.
static int change_due(struct traffic *t, uint64_t due)
{
    int r = 0;
    for (; t->changes < due && r == 0; t->changes++) {
        if (t->changes % 2 == 0)
            r = insert_next(t);
        else
            fg_index_remove(t->index, t->slots[t->gone++ % NEWCOMERS]);
    }
    return r;
}

static int search_on(struct traffic *t, bool busy, struct fg_series *ms)
{
    const uint64_t begin = fg_monotonic_ns(), before = t->changes;
    int r = 0;
    for (unsigned n = 0; n < BUSY_SEARCHES && r == 0; n++) {
        struct fg_answer answer;
        const uint64_t start = fg_monotonic_ns();
        const double elapsed_s = (double)(start - begin) / 1e9;
        if (elapsed_s > BUSY_SECONDS)
            break;
        if (busy)
            r = change_due(t, before + (uint64_t)(elapsed_s * CHANGES_PER_S));
        if (r == 0)
            r = fg_field_search(t->field, t->index, ms->count, t->threshold, NULL, &answer);
        fg_series_add(ms, fg_ms_since(start));
    }
    t->busy_s += busy ? fg_ms_since(begin) / 1e3 : 0;
    return r;
}

static int alternate(struct traffic *t, struct fg_upkeep_busy *ret)
{
    struct fg_series quiet = {0}, busy = {0};
    int r = 0;
    while (t->inserted < BACKLOG && r == 0)
        r = insert_next(t);
    for (unsigned round = 0; round < BUSY_ROUNDS && r == 0; round++) {
        r = search_on(t, false, &quiet);
        if (r == 0)
            r = search_on(t, true, &busy);
    }
    ret->changes_per_s = (double)t->changes / t->busy_s;
    ret->quiet_p50_ms = fg_series_rank(&quiet, .5);
    ret->quiet_p99_ms = fg_series_rank(&quiet, .99);
    ret->busy_p50_ms = fg_series_rank(&busy, .5);
    ret->busy_p99_ms = fg_series_rank(&busy, .99);
    fg_series_finish(&quiet);
    fg_series_finish(&busy);
    while (t->gone < t->inserted)
        fg_index_remove(t->index, t->slots[t->gone++ % NEWCOMERS]);
    return r;
}

int fg_upkeep_measure_busy(const struct fg_field *field, struct fg_index *index, float threshold,
                           struct fg_upkeep_busy *ret, struct fg_error *err)
{
    struct fg_template *newcomers = make_newcomers(field);
    uint32_t *slots = calloc(NEWCOMERS, sizeof *slots);
    struct traffic t = {.field = field,
                        .index = index,
                        .threshold = threshold,
                        .newcomers = newcomers,
                        .slots = slots};
    int r = -ENOMEM;
    fg_crew_pin(0);
    if (newcomers && slots)
        r = alternate(&t, ret);
    fg_crew_unpin();
    free(newcomers);
    free(slots);
    return r < 0 ? fg_fail(err, r, "changes between searches failed") : 0;
}
