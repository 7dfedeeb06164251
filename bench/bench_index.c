// SPDX-License-Identifier: Apache-2.0
// bench_index: one face looked for among 10,000, 100,000 and a million, at 64, 192 and 512
// dimensions: ours, our own plain scans, FAISS and hnswlib on the same simulated people, one thread
// each on one core, in alternating rounds of one run. Prints tables and writes
// build/bench/index.md, index.json and index_DIMENSION.dat, which bench/index.gnuplot draws.
//
// Environment: QUICK=1  half the searches, graphs only up to 100,000 people
//              BIG=1    also 10 million people at 64 dimensions
//              ALL=1    every dimension at every threshold, not at its own alone
//              MOST=N   no more than N people
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/crew.h"
#include "bench/report.h"
#include "bench/stream.h"
#include "bench/surroundings.h"
#include "matcher/index_kernels.h"

#define PROBES 1000

static const float thresholds[] = {.65f, .50f, .45f};
#define N_THRESHOLDS (sizeof thresholds / sizeof *thresholds)

struct plan {
    bool quick, big, all;
    uint64_t most;
};

static void check(int r, const struct fg_error *err)
{
    if (r == 0)
        return;
    fprintf(stderr, "bench_index: %s\n", err->text);
    exit(1);
}

static bool asked(const char *variable)
{
    const char *value = getenv(variable);
    return value && value[0] && strcmp(value, "0") != 0;
}

static struct plan read_plan(void)
{
    const char *most = getenv("MOST");
    struct plan plan = {
        .quick = asked("QUICK"), .big = asked("BIG"), .all = asked("ALL"), .most = UINT64_MAX};
    if (most && most[0])
        plan.most = strtoull(most, NULL, 10);
    return plan;
}

// ---- one field ----------------------------------------------------------------------------------

// Graphs of more would take most of the run to build, FAISS's, of an SSE2 library, longest.
static bool takes_part(enum fg_store_kind kind, const struct fg_field *field,
                       const struct plan *plan)
{
    const uint64_t values = field->count * field->dimension;
    if (kind == FG_STORE_FAISS_GRAPH)
        return values <= (plan->quick ? 6400000 : 19200000);
    if (kind == FG_STORE_HNSWLIB)
        return values <= (plan->quick ? 51200000 : 64000000) &&
               (!plan->quick || field->count <= 100000);
    return true;
}

static void open_stores(const struct fg_field *field, const struct plan *plan,
                        struct fg_store *stores)
{
    struct fg_error err = {""};
    for (int kind = 0; kind < FG_STORES; kind++)
        if (takes_part((enum fg_store_kind)kind, field, plan))
            check(fg_store_open(field, (enum fg_store_kind)kind, &stores[kind], &err), &err);
}

static void race(const struct fg_field *field, const struct plan *plan,
                 const struct fg_store *stores, struct fg_report *report)
{
    struct fg_result results[FG_ENGINES];
    struct fg_error err = {""};
    unsigned count;
    const float own = fg_report_threshold(field->dimension);
    for (unsigned t = 0; t < N_THRESHOLDS; t++) {
        if (!plan->all && thresholds[t] != own)
            continue;
        const struct fg_race_plan race_plan = {.threshold = thresholds[t],
                                               .searches = plan->quick ? 500 : 1000,
                                               .seconds = plan->quick ? 1 : 2,
                                               .whole = thresholds[t] == own};
        check(fg_race_run(field, stores, &race_plan, results, &count, &err), &err);
        fg_report_race(report, field, thresholds[t], results, count);
    }
}

static void keep_up(const struct fg_field *field, struct fg_index *index, struct fg_report *report)
{
    struct fg_report_upkeep u = {.dimension = field->dimension,
                                 .count = field->count,
                                 .threshold = fg_report_threshold(field->dimension)};
    struct fg_error err = {""};
    check(fg_sets_measure(field, index, u.threshold, &u.sets, &err), &err);
    check(fg_upkeep_measure_changes(field, index, &u.changes, &err), &err);
    check(fg_upkeep_measure_busy(field, index, u.threshold, &u.busy, &err), &err);
    check(fg_later_measure(field, u.threshold, &u.later, &err), &err);
    fg_report_upkeep(report, &u);
}

static void measure(uint32_t dimension, uint64_t count, const struct plan *plan,
                    struct fg_report *report)
{
    struct fg_store stores[FG_STORES] = {{0}};
    struct fg_field *field;
    struct fg_error err = {""};
    check(fg_field_create(dimension, count, PROBES, &field, &err), &err);
    if (!report->n_streams || report->streams[report->n_streams - 1].dimension != dimension) {
        struct fg_field_scores scores;
        check(fg_field_compare_strangers(field, &scores, &err), &err);
        fg_report_scores(report, dimension, &scores);
    }
    fg_report_stream(report, field);
    open_stores(field, plan, stores);
    check(fg_field_judge(field, stores[FG_STORE_OURS].index, &err), &err);
    race(field, plan, stores, report);
    for (int kind = 0; kind < FG_STORES; kind++) // room for another index
        if (kind != FG_STORE_OURS)
            fg_store_close(&stores[kind]);
    keep_up(field, stores[FG_STORE_OURS].index, report);
    fg_store_close(&stores[FG_STORE_OURS]);
    fg_field_destroy(field);
}

static void start(struct fg_report *report)
{
    struct fg_start *s = &report->start;
    struct fg_error err = {""};
    check(fg_start_measure(1000000, s, &err), &err);
    fg_report_line(report,
                   "\nA gallery of a million: %.0f subjects stored a second; from starting the "
                   "matcher to its first decision %.0f ms, at worst %.0f.",
                   s->fill_per_s, s->decision_ms, s->worst_ms);
}

// ---- the whole ----------------------------------------------------------------------------------

static void processor(char *ret, size_t size)
{
    char line[200];
    FILE *f = fopen("/proc/cpuinfo", "re");
    snprintf(ret, size, "this processor");
    while (f && fgets(line, sizeof line, f)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon)
            continue;
        line[strcspn(line, "\n")] = '\0';
        snprintf(ret, size, "%s", colon + 2);
        break;
    }
    if (f)
        fclose(f);
}

static void print_head(struct fg_report *report)
{
    char name[100];
    processor(name, sizeof name);
    fg_report_line(report,
                   "%s, %u cores of it; our kernels: %s, own scans: %s and %s; OpenBLAS as %s.",
                   name, fg_crew_cores(), fg_index_kernels(NULL)->name, fg_stream_kernels(),
                   fg_flat_kernels(), fg_surroundings_blas()[0] ? fg_surroundings_blas() : "it is");
    fg_report_line(
        report,
        "\nHalf of the probes are other looks at enrolled people, half are strangers; an answer is "
        "the best at or above\nthe threshold. One thread on one core, in alternating rounds.\n\n"
        "- p99 cpu: p99 by the thread's own clock, without what other programs took\n"
        "- to ours: p50 over ours\n"
        "- per s, 2 threads: searches a second, on one thread and on two\n"
        "- 4, 16: ms a probe in batches of so many\n"
        "- stream: the time of merely reading as many bytes, over p50\n"
        "- mates: of the people that comparing everybody finds, those that were found\n"
        "- differ: answers that are not bit for bit those of comparing everybody\n"
        "- fill s: to fill it, graphs on two threads; bytes: of memory a template");
}

int main(int argc, char **argv)
{
    static const uint32_t dimensions[] = {64, 192, 512};
    static const uint64_t counts[] = {10000, 100000, 1000000};
    struct fg_report report = {0};
    struct fg_error err = {""};
    (void)argc;
    fg_surroundings_choose(argv);
    const struct plan plan = read_plan();
    print_head(&report);
    for (unsigned d = 0; d < sizeof dimensions / sizeof *dimensions; d++) {
        for (unsigned c = 0; c < sizeof counts / sizeof *counts; c++)
            if (counts[c] <= plan.most)
                measure(dimensions[d], counts[c], &plan, &report);
        if (plan.big && dimensions[d] == 64 && plan.most >= 10000000)
            measure(64, 10000000, &plan, &report);
    }
    if (plan.most >= 1000000)
        start(&report);
    fg_report_line(&report, "\nAnswers of ours that differ from comparing everybody: %u.",
                   fg_report_differing(&report));
    check(fg_report_write(&report, &err), &err);
    const bool differs = fg_report_differing(&report) > 0;
    fg_report_finish(&report);
    return differs;
}
