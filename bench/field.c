// SPDX-License-Identifier: Apache-2.0
#include "bench/field.h"

#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "bench/crew.h"
#include "bench/large.h"
#include "bench/series.h"

#define SEED     20261
#define COMPARED 2500 // people whose scores are told
#define BLOCK    1024 // people that a thread takes at a time

static size_t padded(const struct fg_field *field)
{
    return (field->count + FG_FLAT_TILE - 1) / FG_FLAT_TILE * FG_FLAT_TILE;
}

// ---- people -------------------------------------------------------------------------------------

struct enrolment {
    const struct fg_simulation *people;
    uint32_t dimension;
    uint64_t count;
    float *rows, *scales;
    int8_t *values;
    atomic_ullong next;
};

static void enrol_one(struct enrolment *e, uint64_t number)
{
    struct fg_template tmpl;
    float *row = e->rows + number * e->dimension;
    int8_t *values = e->values + number * e->dimension;
    fg_simulation_template(e->people, number, &tmpl);
    e->scales[number] = tmpl.scale;
    for (uint32_t i = 0; i < e->dimension; i++) {
        values[i] = tmpl.values[i];
        row[i] = tmpl.scale * (float)tmpl.values[i];
    }
}

static void enrol_some(void *context, unsigned worker)
{
    struct enrolment *e = context;
    (void)worker;
    for (uint64_t first; (first = atomic_fetch_add(&e->next, BLOCK)) < e->count;)
        for (uint64_t n = first; n < first + BLOCK && n < e->count; n++)
            enrol_one(e, n);
}

static int enrol(struct fg_field *field)
{
    const size_t rows = padded(field);
    struct enrolment e = {.people = field->people,
                          .dimension = field->dimension,
                          .count = field->count,
                          .rows = fg_large_take(rows * field->dimension * sizeof(float)),
                          .values = fg_large_take(rows * field->dimension),
                          .scales = fg_large_take(rows * sizeof(float))};
    field->flat = (struct fg_flat){field->dimension, field->count, e.rows, e.values, e.scales};
    if (!e.rows || !e.values || !e.scales)
        return -ENOMEM;
    return fg_crew_run(fg_crew_cores() < 2 ? 1 : 2, enrol_some, &e);
}

// ---- probes -------------------------------------------------------------------------------------

static void make_probe(struct fg_field *field, unsigned number)
{
    float *probe = field->probes + (size_t)number * field->dimension;
    float person[FG_SIMULATION_MOST];
    if (number % 2) {
        fg_simulation_stranger(field->people, number, probe);
        field->mates[number] = FG_NOBODY;
        return;
    }
    // a step that meets every slot in some order
    const uint32_t mate = (uint32_t)((uint64_t)number * 2654435761u % field->count);
    fg_simulation_person(field->people, mate, person);
    fg_simulation_look(field->people, number, person, probe);
    field->mates[number] = mate;
}

const float *fg_field_probe(const struct fg_field *field, unsigned number)
{
    return field->probes + (size_t)(number % field->n_probes) * field->dimension;
}

// ---- how alike people are -----------------------------------------------------------------------

static void add_scores(const struct fg_flat *flat, uint64_t person, struct fg_series *scores)
{
    const float *a = flat->rows + person * flat->dimension;
    for (uint64_t other = 0; other < person; other++) {
        const float *b = flat->rows + other * flat->dimension;
        float sum = 0;
        for (uint32_t i = 0; i < flat->dimension; i++)
            sum += a[i] * b[i];
        fg_series_add(scores, (double)sum);
    }
}

int fg_field_compare_strangers(const struct fg_field *field, struct fg_field_scores *ret,
                               struct fg_error *err)
{
    struct fg_series scores = {0};
    double squares = 0;
    if (field->count < COMPARED)
        return fg_fail(err, -EINVAL, "%d people are needed for their scores", COMPARED);
    for (uint64_t n = 0; n < COMPARED; n++)
        add_scores(&field->flat, n, &scores);
    ret->mean = fg_series_sum(&scores) / scores.count;
    for (unsigned i = 0; i < scores.count; i++)
        squares += (scores.values[i] - ret->mean) * (scores.values[i] - ret->mean);
    ret->deviation = sqrt(squares / scores.count);
    ret->p999 = fg_series_rank(&scores, .999);
    ret->p9999 = fg_series_rank(&scores, .9999);
    fg_series_finish(&scores);
    return 0;
}

// ---- the best of all ----------------------------------------------------------------------------

struct judgement {
    const struct fg_field *field;
    const struct fg_index *index;
    atomic_uint next;
    atomic_int code;
};

static int judge_one(struct judgement *j, unsigned number)
{
    struct fg_candidate best;
    struct fg_index_query query = {
        .probe = fg_field_probe(j->field, number), .threshold = -1, .best = &best, .k = 1};
    int r = fg_index_search_exhaustive(j->index, &query);
    if (r == 0 && query.found == 0)
        r = -ENOENT;
    if (r == 0)
        j->field->best[number] = (struct fg_answer){best.slot, best.score};
    return r;
}

static void judge_some(void *context, unsigned worker)
{
    struct judgement *j = context;
    (void)worker;
    for (unsigned n; (n = atomic_fetch_add(&j->next, 1)) < j->field->n_probes && j->code == 0;) {
        int r = judge_one(j, n);
        if (r < 0)
            j->code = r;
    }
}

int fg_field_judge(struct fg_field *field, const struct fg_index *index, struct fg_error *err)
{
    struct judgement j = {.field = field, .index = index};
    int r = fg_crew_run(fg_crew_cores() < 2 ? 1 : 2, judge_some, &j);
    if (r == 0)
        r = j.code;
    return r < 0 ? fg_fail(err, r, "the exhaustive search failed") : 0;
}

int fg_field_search(const struct fg_field *field, const struct fg_index *index, unsigned number,
                    float threshold, const struct fg_slots *within, struct fg_answer *ret)
{
    struct fg_candidate best;
    struct fg_index_query query = {.probe = fg_field_probe(field, number),
                                   .threshold = threshold,
                                   .within = &within,
                                   .n_within = within != NULL,
                                   .best = &best,
                                   .k = 1};
    int r = fg_index_search(index, &query, 1, NULL);
    if (r == 0)
        *ret = query.found ? (struct fg_answer){best.slot, best.score}
                           : (struct fg_answer){FG_NOBODY, 0};
    return r;
}

bool fg_field_is_best(const struct fg_field *field, unsigned number, float threshold,
                      const struct fg_answer *answer)
{
    const struct fg_answer *best = &field->best[number % field->n_probes];
    return best->score >= threshold ? answer->slot == best->slot && answer->score == best->score
                                    : answer->slot == FG_NOBODY;
}

// ---- life ---------------------------------------------------------------------------------------

int fg_field_create(uint32_t dimension, uint64_t count, unsigned n_probes, struct fg_field **ret,
                    struct fg_error *err)
{
    struct fg_field *field = calloc(1, sizeof *field);
    if (!field)
        return fg_fail(err, -ENOMEM, "no memory");
    field->dimension = dimension;
    field->count = count;
    field->n_probes = n_probes;
    field->probes = malloc((size_t)n_probes * dimension * sizeof *field->probes);
    field->mates = malloc(n_probes * sizeof *field->mates);
    field->best = calloc(n_probes, sizeof *field->best);
    int r = field->probes && field->mates && field->best ? 0 : -ENOMEM;
    if (r == 0)
        r = fg_simulation_create(dimension, SEED, &field->people);
    if (r == 0)
        r = enrol(field);
    if (r < 0) {
        fg_field_destroy(field);
        return fg_fail(err, r, "%llu people of %u dimensions need more memory than there is",
                       (unsigned long long)count, dimension);
    }
    for (unsigned n = 0; n < n_probes; n++)
        make_probe(field, n);
    *ret = field;
    return 0;
}

void fg_field_destroy(struct fg_field *field)
{
    if (!field)
        return;
    const size_t values = padded(field) * field->dimension;
    fg_large_release((void *)field->flat.rows, values * sizeof(float));
    fg_large_release((void *)field->flat.values, values);
    fg_large_release((void *)field->flat.scales, padded(field) * sizeof(float));
    fg_simulation_destroy(field->people);
    free(field->probes);
    free(field->mates);
    free(field->best);
    free(field);
}
