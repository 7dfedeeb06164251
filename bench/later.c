// SPDX-License-Identifier: Apache-2.0
#include "bench/later.h"

#include <math.h>

#include "bench/crew.h"
#include "bench/series.h"
#include "common/clock.h"

#define SEARCHES 30
#define STEP_NS  1000000u // of fg_index_tend

static int search_some(const struct fg_field *field, const struct fg_index *index, float threshold,
                       double *ret_ms, unsigned *differing)
{
    struct fg_series ms = {0};
    int r = 0;
    for (unsigned n = 0; n < SEARCHES && r == 0; n++) {
        struct fg_answer answer;
        const uint64_t start = fg_monotonic_ns();
        r = fg_field_search(field, index, n, threshold, NULL, &answer);
        fg_series_add(&ms, fg_ms_since(start));
        *differing += !fg_field_is_best(field, n, threshold, &answer);
    }
    *ret_ms = fg_series_rank(&ms, .5);
    fg_series_finish(&ms);
    return r;
}

static void tend(struct fg_index *index, struct fg_later *ret)
{
    const uint64_t start = fg_monotonic_ns();
    bool more = true;
    while (more) {
        const uint64_t step = fg_monotonic_ns();
        more = fg_index_tend(index, STEP_NS);
        ret->step_ms = fmax(ret->step_ms, fg_ms_since(step));
    }
    ret->tend_s = fg_ms_since(start) / 1e3;
}

static int fill_later(const struct fg_field *field, float threshold, struct fg_index *index,
                      struct fg_later *ret)
{
    const struct fg_flat *flat = &field->flat;
    const uint64_t start = fg_monotonic_ns();
    struct fg_answer answer;
    int r = 0;
    for (uint64_t n = 0; n < flat->count && r == 0; n++) {
        uint32_t slot;
        r = fg_index_insert(index, flat->scales[n], flat->values + n * flat->dimension, &slot);
    }
    ret->insert_s = fg_ms_since(start) / 1e3;
    if (r == 0)
        r = fg_field_search(field, index, 0, threshold, NULL, &answer);
    ret->start_ms = fg_ms_since(start);
    return r;
}

int fg_later_measure(const struct fg_field *field, float threshold, struct fg_later *ret,
                     struct fg_error *err)
{
    const struct fg_index_options options = {
        .dimension = field->dimension, .later = true, .seed = 2};
    struct fg_index *index = NULL;
    *ret = (struct fg_later){0};
    fg_crew_pin(0);
    int r = fg_index_create(&options, &index);
    if (r == 0)
        r = fill_later(field, threshold, index, ret);
    if (r == 0)
        r = search_some(field, index, threshold, &ret->flat_ms, &ret->differing);
    if (r == 0)
        tend(index, ret);
    if (r == 0)
        r = search_some(field, index, threshold, &ret->tended_ms, &ret->differing);
    fg_crew_unpin();
    fg_index_destroy(index);
    return r < 0 ? fg_fail(err, r, "an index with codes later failed") : 0;
}
