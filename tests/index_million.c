// SPDX-License-Identifier: Apache-2.0
// index_million [PART]: a million searches for simulated enrolled people among 100,000 at 64
// dimensions, and 100,000 each at 192 and 512 dimensions, every answer compared bit for bit with
// the exhaustive search. Two threads search at once, one face or several in a pass. Takes minutes;
// PART makes only every PARTth search. The last line is "N passed, N failed".
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/crew.h"
#include "bench/simulate.h"
#include "common/clock.h"
#include "matcher/index.h"

#define PIECE 16 // searches: half of them alone, half in one pass
#define BEST  3

static const float thresholds[] = {.65f, .50f, .45f};

static const struct trial {
    uint32_t dimension;
    uint64_t people, searches;
} trials[] = {{64, 100000, 1000000}, {192, 20000, 100000}, {512, 10000, 100000}};
#define N_TRIALS (sizeof trials / sizeof *trials)

struct run {
    const struct trial *trial;
    struct fg_simulation *people;
    struct fg_index *index;
    uint64_t searches;
    uint64_t start_ns;
    atomic_ullong next, passed, failed, found;
};

static void die(const char *what)
{
    fprintf(stderr, "index_million: %s\n", what);
    exit(1);
}

// ---- one piece ----------------------------------------------------------------------------------

struct piece {
    float probes[PIECE][FG_SIMULATION_MOST];
    struct fg_candidate best[PIECE][BEST], expected[PIECE][BEST];
    struct fg_index_query queries[PIECE];
};

static void prepare(const struct run *run, uint64_t first, unsigned count, struct piece *p)
{
    for (unsigned i = 0; i < count; i++) {
        float person[FG_SIMULATION_MOST];
        fg_simulation_person(run->people, (first + i) % run->trial->people, person);
        fg_simulation_look(run->people, first + i, person, p->probes[i]);
        p->queries[i] = (struct fg_index_query){.probe = p->probes[i],
                                                .threshold = thresholds[(first + i) % 3],
                                                .best = p->best[i],
                                                .k = BEST};
    }
}

static int search(const struct run *run, unsigned count, struct piece *p)
{
    const unsigned alone = count < PIECE / 2 ? count : PIECE / 2;
    int r = 0;
    for (unsigned i = 0; i < alone && r == 0; i++)
        r = fg_index_search(run->index, &p->queries[i], 1, NULL);
    if (r == 0 && count > alone)
        r = fg_index_search(run->index, p->queries + alone, count - alone, NULL);
    return r;
}

static bool same(const struct run *run, const struct fg_index_query *query,
                 struct fg_candidate *expected)
{
    struct fg_index_query exhaustive = *query;
    exhaustive.best = expected;
    if (fg_index_search_exhaustive(run->index, &exhaustive) < 0 || exhaustive.found != query->found)
        return false;
    for (unsigned k = 0; k < query->found; k++)
        if (query->best[k].slot != expected[k].slot || query->best[k].score != expected[k].score)
            return false;
    return true;
}

static void compare(struct run *run, uint64_t first, unsigned count, struct piece *p)
{
    for (unsigned i = 0; i < count; i++) {
        atomic_fetch_add(&run->found, p->queries[i].found);
        if (same(run, &p->queries[i], p->expected[i])) {
            atomic_fetch_add(&run->passed, 1);
        } else if (atomic_fetch_add(&run->failed, 1) < 10) {
            printf("search %llu at %.2f differs from the exhaustive one\n",
                   (unsigned long long)first + i, (double)p->queries[i].threshold);
        }
    }
}

static void show_progress(const struct run *run, uint64_t before, uint64_t done)
{
    const uint64_t tenths = done * 10 / run->searches;
    if (before * 10 / run->searches == tenths)
        return;
    printf("  %3.0f %%  %5.0f s\n", 10 * (double)tenths,
           (double)(fg_monotonic_ns() - run->start_ns) / 1e9);
    fflush(stdout);
}

static void work(void *context, unsigned worker)
{
    struct run *run = context;
    struct piece *p = malloc(sizeof *p);
    (void)worker;
    if (!p)
        die("no memory");
    for (uint64_t first; (first = atomic_fetch_add(&run->next, PIECE)) < run->searches;) {
        const uint64_t left = run->searches - first;
        const unsigned count = left < PIECE ? (unsigned)left : PIECE;
        prepare(run, first, count, p);
        if (search(run, count, p) < 0)
            die("a search failed");
        compare(run, first, count, p);
        show_progress(run, first, first + count);
    }
    free(p);
}

// ---- one trial ----------------------------------------------------------------------------------

static void enrol(struct run *run)
{
    const struct fg_index_options options = {.dimension = run->trial->dimension};
    if (fg_simulation_create(run->trial->dimension, 1, &run->people) < 0 ||
        fg_index_create(&options, &run->index) < 0)
        die("no memory");
    for (uint64_t n = 0; n < run->trial->people; n++) {
        struct fg_template tmpl;
        uint32_t slot;
        fg_simulation_template(run->people, n, &tmpl);
        if (fg_index_insert(run->index, tmpl.scale, tmpl.values, &slot) < 0)
            die("the index does not hold so many");
    }
}

static void perform(struct run *run)
{
    struct fg_index_method method;
    enrol(run);
    fg_index_method(run->index, &method);
    printf("%llu searches among %llu people of %u dimensions, kernels %s\n",
           (unsigned long long)run->searches, (unsigned long long)run->trial->people,
           run->trial->dimension, method.kernels);
    run->start_ns = fg_monotonic_ns();
    if (fg_crew_run(fg_crew_cores() < 2 ? 1 : 2, work, run) < 0)
        die("no threads");
    printf("  %llu answered the same, %llu candidates in all, %llu not the same\n",
           (unsigned long long)run->passed, (unsigned long long)run->found,
           (unsigned long long)run->failed);
    fg_index_destroy(run->index);
    fg_simulation_destroy(run->people);
}

int main(int argc, char **argv)
{
    const uint64_t part = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    unsigned long long passed = 0, failed = 0;
    if (part == 0)
        die("PART is a number from 1 on");
    for (size_t i = 0; i < N_TRIALS; i++) {
        struct run run = {.trial = &trials[i], .searches = trials[i].searches / part};
        perform(&run);
        passed += run.passed;
        failed += run.failed + (run.found == 0); // a search that finds nobody proves nothing
    }
    printf("%llu passed, %llu failed\n", passed, failed);
    return failed > 0;
}
