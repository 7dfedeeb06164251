// SPDX-License-Identifier: Apache-2.0
#include "bench/race.h"

#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "bench/crew.h"
#include "bench/series.h"
#include "bench/stream.h"
#include "common/clock.h"

#define ROUNDS        10
#define TWO_ROUNDS    3
#define BATCH_MOST    16
#define STREAM_TRIALS 3     // in a round
#define SAME_SCORE    1e-5f // to the rounding of a rival's float

struct runner {
    const struct fg_engine *engine;
    const struct fg_store *store;
    struct fg_result *result;
    unsigned in_round, next; // next: probe
    double busy_ms;
    uint64_t bytes;
    struct fg_series ms, cpu_ms, stream, batch_4, batch_16, two;
};

struct race {
    const struct fg_field *field;
    const struct fg_race_plan *plan;
    unsigned n_runners;
    struct runner runners[FG_ENGINES];
    struct fg_error *err;
};

// ---- answers ------------------------------------------------------------------------------------

// Enrolled people are counted where the best of all is their own template: what any exact search
// has to answer.
static void judge(const struct race *race, struct runner *r, unsigned probe,
                  const struct fg_answer *answer)
{
    const struct fg_field *field = race->field;
    const struct fg_answer *best = &field->best[probe];
    if (r->store->index)
        r->result->differing += !fg_field_is_best(field, probe, race->plan->threshold, answer);
    if (best->score < race->plan->threshold + SAME_SCORE || best->slot != field->mates[probe])
        return;
    r->result->mates++;
    r->result->found += answer->slot == best->slot;
}

static double thread_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int search_one(struct race *race, struct runner *r, double *ret_ms, double *ret_cpu_ms)
{
    const unsigned probe = r->next++ % race->field->n_probes;
    struct fg_answer answer;
    const double cpu_start = thread_ms();
    const uint64_t start = fg_monotonic_ns();
    int code = fg_engine_search(r->engine, r->store, fg_field_probe(race->field, probe), 1,
                                race->plan->threshold, &answer, &r->bytes);
    *ret_ms = fg_ms_since(start);
    *ret_cpu_ms = thread_ms() - cpu_start;
    if (code < 0)
        return fg_fail(race->err, code, "%s: a search failed", r->engine->name);
    judge(race, r, probe, &answer);
    return 0;
}

// ---- one thread ---------------------------------------------------------------------------------

// Two searches first: the second, warm, says how many fit into the time.
static int size_up(struct race *race, struct runner *r)
{
    double ms = 0, cpu_ms;
    int code = 0;
    for (unsigned k = 0; k < 2 && code == 0; k++)
        code = search_one(race, r, &ms, &cpu_ms);
    const double seconds = race->plan->seconds * (r->engine->aims ? 4 : 1);
    const double fit = seconds * 1e3 / ROUNDS / fmax(ms, 1e-6);
    const unsigned most = (race->plan->searches + ROUNDS - 1) / ROUNDS;
    r->in_round = fit < 1 ? 1 : fit > most ? most : (unsigned)fit;
    r->next = 0;
    r->bytes = 0;
    r->result->mates = r->result->found = r->result->differing = 0;
    return code;
}

static volatile uint64_t kept; // so that reading is not left out

// As much as the engine's searches read on average, so far as one array has it.
static void read_as_much(const struct race *race, struct runner *r)
{
    const struct fg_flat *flat = &race->field->flat;
    const double most = (double)flat->count * flat->dimension * sizeof(float);
    const double bytes = fmin((double)r->bytes / r->ms.count, most);
    if (fg_store_is_graph(r->store->kind)) // reads here and there
        return;
    for (unsigned k = 0; k < STREAM_TRIALS; k++) {
        const uint64_t start = fg_monotonic_ns();
        kept = fg_stream_read(flat->rows, (size_t)bytes);
        fg_series_add(&r->stream, fg_ms_since(start));
    }
}

static int run_round(struct race *race)
{
    int code = 0;
    for (unsigned k = 0; k < race->n_runners && code == 0; k++) {
        struct runner *r = &race->runners[k];
        for (unsigned n = 0; n < r->in_round && code == 0; n++) {
            double ms, cpu_ms;
            code = search_one(race, r, &ms, &cpu_ms);
            r->busy_ms += ms;
            fg_series_add(&r->ms, ms);
            fg_series_add(&r->cpu_ms, cpu_ms);
        }
        if (code == 0)
            read_as_much(race, r);
    }
    return code;
}

// ---- batches ------------------------------------------------------------------------------------

static int run_batch(struct race *race, struct runner *r, unsigned size, struct fg_series *samples)
{
    const unsigned first = r->next % (race->field->n_probes / size) * size;
    struct fg_answer answers[BATCH_MOST];
    uint64_t bytes = 0;
    const uint64_t start = fg_monotonic_ns();
    int code = fg_engine_search(r->engine, r->store, fg_field_probe(race->field, first), size,
                                race->plan->threshold, answers, &bytes);
    fg_series_add(samples, fg_ms_since(start) / size);
    r->next++;
    for (unsigned i = 0; i < size && code == 0 && r->store->index; i++)
        judge(race, r, first + i, &answers[i]);
    return code < 0 ? fg_fail(race->err, code, "%s: a batch failed", r->engine->name) : 0;
}

static bool takes_part(const struct race *race, const struct runner *r)
{
    return race->plan->whole || r->engine->aims;
}

static int run_batches(struct race *race)
{
    int code = 0;
    for (unsigned round = 0; round < ROUNDS; round++)
        for (unsigned k = 0; k < race->n_runners && code == 0; k++) {
            struct runner *r = &race->runners[k];
            const double spent = fg_series_sum(&r->batch_4) * 4 + fg_series_sum(&r->batch_16) * 16;
            if (!r->engine->batches || !takes_part(race, r) ||
                (round > 0 && spent > race->plan->seconds * 1e3))
                continue;
            code = run_batch(race, r, 4, &r->batch_4);
            if (code == 0)
                code = run_batch(race, r, 16, &r->batch_16);
        }
    return code;
}

// ---- two threads --------------------------------------------------------------------------------

struct pair {
    const struct race *race;
    const struct runner *runner;
    uint64_t until_ns;
    double per_s[2];
    atomic_int code;
};

static void search_until(void *context, unsigned worker)
{
    struct pair *p = context;
    const uint64_t start = fg_monotonic_ns();
    uint64_t bytes = 0;
    unsigned done = 0;
    int code = 0;
    do {
        struct fg_answer answer;
        code = fg_engine_search(p->runner->engine, p->runner->store,
                                fg_field_probe(p->race->field, 2 * done + worker), 1,
                                p->race->plan->threshold, &answer, &bytes);
        done++;
    } while (code == 0 && fg_monotonic_ns() < p->until_ns);
    p->per_s[worker] = done * 1e3 / fg_ms_since(start);
    if (code < 0)
        p->code = code;
}

static int run_two(struct race *race)
{
    int code = 0;
    for (unsigned round = 0; round < TWO_ROUNDS; round++)
        for (unsigned k = 0; k < race->n_runners && code == 0; k++) {
            struct runner *r = &race->runners[k];
            struct pair p = {.race = race, .runner = r};
            if (!takes_part(race, r) || fg_crew_cores() < 2)
                continue;
            p.until_ns = fg_monotonic_ns() + (uint64_t)(race->plan->seconds * 1e9 / 12);
            code = fg_crew_run(2, search_until, &p);
            if (code == 0)
                code = p.code;
            fg_series_add(&r->two, p.per_s[0] + p.per_s[1]);
        }
    return code < 0 ? fg_fail(race->err, code, "searches on two threads failed") : 0;
}

// ---- the whole ----------------------------------------------------------------------------------

static void begin(struct race *race, const struct fg_store *stores, struct fg_result *results)
{
    for (unsigned k = 0; k < FG_ENGINES; k++) {
        const struct fg_store *store = &stores[fg_engines[k].store];
        if (!store->field)
            continue;
        struct runner *r = &race->runners[race->n_runners];
        *r = (struct runner){
            .engine = &fg_engines[k], .store = store, .result = &results[race->n_runners]};
        *r->result = (struct fg_result){.engine = r->engine,
                                        .build_s = store->build_s,
                                        .bytes_each = store->bytes,
                                        .build_threads = store->build_threads};
        race->n_runners++;
    }
}

static void sum_up(struct runner *r)
{
    struct fg_result *result = r->result;
    result->searches = r->ms.count;
    result->p50_ms = fg_series_rank(&r->ms, .5);
    result->p99_ms = fg_series_rank(&r->ms, .99);
    result->p99_cpu_ms = fg_series_rank(&r->cpu_ms, .99);
    result->per_s = r->ms.count * 1e3 / r->busy_ms;
    result->per_s_two = fg_series_rank(&r->two, .5);
    result->batch_4_ms = fg_series_rank(&r->batch_4, .5);
    result->batch_16_ms = fg_series_rank(&r->batch_16, .5);
    result->bytes = (double)r->bytes / r->ms.count;
    result->stream_ms = fg_series_rank(&r->stream, .5);
}

static void finish(struct race *race)
{
    for (unsigned k = 0; k < race->n_runners; k++) {
        struct runner *r = &race->runners[k];
        fg_series_finish(&r->ms);
        fg_series_finish(&r->cpu_ms);
        fg_series_finish(&r->stream);
        fg_series_finish(&r->batch_4);
        fg_series_finish(&r->batch_16);
        fg_series_finish(&r->two);
    }
}

int fg_race_run(const struct fg_field *field, const struct fg_store *stores,
                const struct fg_race_plan *plan, struct fg_result results[FG_ENGINES],
                unsigned *ret_count, struct fg_error *err)
{
    static struct race race;
    int code = 0;
    race = (struct race){.field = field, .plan = plan, .err = err};
    begin(&race, stores, results);
    fg_crew_pin(0);
    for (unsigned k = 0; k < race.n_runners && code == 0; k++)
        code = size_up(&race, &race.runners[k]);
    for (unsigned round = 0; round < ROUNDS && code == 0; round++)
        code = run_round(&race);
    if (code == 0)
        code = run_batches(&race);
    if (code == 0)
        code = run_two(&race);
    for (unsigned k = 0; k < race.n_runners && code == 0; k++)
        sum_up(&race.runners[k]);
    fg_crew_unpin();
    finish(&race);
    *ret_count = race.n_runners;
    return code;
}
