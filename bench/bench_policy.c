// SPDX-License-Identifier: Apache-2.0
// bench_policy: what a profile's rules and its ledger add to an admission, for the shipped
// profiles. `asked`: from somebody recognised to the verdict, with all that the rules ask of the
// ledger, the admission, its event and its charge written, not yet committed. `committed`: the
// transaction's end, flushed to this disk, which is the disk's time and no policy's; beside it,
// what a flush of one page takes. Prints a table and writes build/bench/policy.json.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/contest.h"
#include "bench/figures.h"
#include "common/clock.h"
#include "matcher/passages.h"

#define NS_PER_S UINT64_C(1000000000)
#define RUNS     300u
#define NOBODY   20u // admissions before the clock counts

static const struct {
    const char *name, *lane;
} profiles[] = {
    {"egate-departure", "1"}, {"egate-boarding", "B12"}, {"fare", "1"}, {"worksite", "site-in"}};

static void die(const char *what)
{
    fprintf(stderr, "bench_policy: %s\n", what);
    exit(1);
}

static struct fg_now now_is(void)
{
    return (struct fg_now){fg_monotonic_ns(), fg_realtime_ns()};
}

static int who(void *context, const char *subject, struct fg_subject *ret)
{
    (void)context;
    *ret =
        (struct fg_subject){.enrolled_s = fg_realtime_ns() / NS_PER_S, .born = 3789, .n_tags = 1};
    snprintf(ret->id, sizeof ret->id, "%s", subject);
    snprintf(ret->consent, sizeof ret->consent, "form");
    snprintf(ret->tags[0], sizeof ret->tags[0], "flight:FG101");
    return 0;
}

static void put_flight(struct fg_ledger *ledger)
{
    const uint64_t now_s = fg_realtime_ns() / NS_PER_S;
    struct fg_flight flight = {
        .name = "FG101", .n_lanes = 1, .opens_s = now_s - 60, .departs_s = now_s + 3600};
    snprintf(flight.lanes[0], sizeof flight.lanes[0], "B12");
    if (fg_ledger_begin(ledger, true, NULL) < 0 ||
        fg_ledger_flight_put(ledger, &flight, NULL) < 0 || fg_ledger_commit(ledger, NULL) < 0)
        die("the flight can't be written");
}

static void add(struct fg_samples *samples, uint64_t from_ns)
{
    samples->values[samples->count++] = (double)(fg_monotonic_ns() - from_ns) * 1e-3;
}

static void admit(struct fg_passages *passages, const char *lane, unsigned n,
                  struct fg_samples *asked, struct fg_samples *committed)
{
    struct fg_decision decision = {.sequence = n + 1};
    struct fg_verdict verdict = {.admit = false};
    char subject[32];
    snprintf(decision.lane, sizeof decision.lane, "%s", lane);
    snprintf(subject, sizeof subject, "subject-%u", n);
    const uint64_t begun_ns = fg_monotonic_ns();
    fg_passages_permit(passages, &decision, subject, NULL, now_is(), &verdict);
    if (n >= NOBODY)
        add(asked, begun_ns);
    if (!verdict.admit)
        die(verdict.reason);
    const uint64_t decided_ns = fg_monotonic_ns();
    if (fg_passages_commit(passages, now_is()) < 0)
        die("the ledger can't be written");
    if (n >= NOBODY)
        add(committed, decided_ns);
}

static void time_profile(const char *name, const char *lane, const char *folder,
                         struct fg_samples *asked, struct fg_samples *committed)
{
    struct fg_error err = {""};
    struct fg_policy policy;
    struct fg_ledger *ledger;
    struct fg_passages *passages;
    static struct fg_tills tills;
    char path[128];
    snprintf(path, sizeof path, "profiles/%s.ini", name);
    if (fg_policy_inspect(path, &policy, &err) < 0)
        die(err.text);
    const struct fg_ledger_options options = {.directory = folder, .map_bytes = 64 << 20};
    if (fg_ledger_open(&options, &ledger, &err) < 0)
        die(err.text);
    put_flight(ledger);
    const struct fg_passages_options passing = {
        .policy = &policy, .ledger = ledger, .tills = &tills, .who = who, .run = 1};
    if (fg_passages_create(&passing, now_is(), &passages, &err) < 0)
        die(err.text);
    for (unsigned n = 0; n < RUNS + NOBODY; n++)
        admit(passages, lane, n, asked, committed);
    fg_passages_destroy(passages);
    fg_ledger_close(ledger);
}

static double flush_of_a_page(const char *folder)
{
    struct fg_samples samples = {.count = 0};
    static char page[4096];
    char path[160];
    snprintf(path, sizeof path, "%s/page", folder);
    const int fd = open(path, O_CREAT | O_RDWR, 0600);
    for (unsigned i = 0; fd >= 0 && i < RUNS; i++) {
        page[i] = 1;
        const uint64_t begun_ns = fg_monotonic_ns();
        if (pwrite(fd, page, sizeof page, 0) != sizeof page || fdatasync(fd) < 0)
            die("a page can't be written");
        add(&samples, begun_ns);
    }
    close(fd);
    return fg_samples_median(&samples);
}

int main(void)
{
    struct fg_figures *figures = fg_figures_create();
    struct fg_error err = {""};
    char folder[] = "build/bench/ledger-XXXXXX", command[128];
    if (!mkdtemp(folder))
        die("no folder for ledgers in build/bench");
    const double page = flush_of_a_page(folder);
    printf("an admission, medians of %u, in us; a flush of one page: %.0f\n", RUNS, page);
    printf("%-18s %8s %10s %14s\n", "", "asked", "committed", "page flushes");
    fg_figures_add(figures, "page_flush_us", page, "a page written and flushed (us)");
    for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++) {
        struct fg_samples asked = {.count = 0}, committed = {.count = 0};
        char of_profile[160], key[64];
        snprintf(of_profile, sizeof of_profile, "%s/%s", folder, profiles[i].name);
        time_profile(profiles[i].name, profiles[i].lane, of_profile, &asked, &committed);
        const double us = fg_samples_median(&asked), end_us = fg_samples_median(&committed);
        printf("%-18s %8.1f %10.0f %14.1f\n", profiles[i].name, us, end_us, end_us / page);
        snprintf(key, sizeof key, "asked_us_%s", profiles[i].name);
        fg_figures_add(figures, key, us, "rules, what they ask, and what is written (us)");
        snprintf(key, sizeof key, "committed_over_flush_%s", profiles[i].name);
        fg_figures_add(figures, key, end_us / page, "the commit, in flushes of one page");
    }
    snprintf(command, sizeof command, "rm -r %s", folder);
    if (system(command) != 0 || fg_figures_write(figures, "policy", &err) < 0)
        die(err.text[0] ? err.text : "the ledgers can't be removed");
    fg_figures_destroy(figures);
    return 0;
}
