// SPDX-License-Identifier: Apache-2.0
// What the files of fg_passages share: passages.c has its time and its transactions,
// passages_admit.c the facts and the admission, passages_settle.c what gates report.
#ifndef FG_PASSAGES_PARTS_H
#define FG_PASSAGES_PARTS_H

#include "matcher/passages.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_PASSAGES_PENDING 256 // most at once; the oldest waits for the next start then

struct fg_pending {
    uint64_t run, decision, due_ns; // CLOCK_MONOTONIC; run 0: free
};

struct fg_passages {
    const struct fg_policy *policy;
    struct fg_ledger *ledger;
    struct fg_tills *tills;
    fg_passages_who who;
    void *context;
    uint64_t run;
    bool strict; // an admission is durable before it is published
    struct fg_passages_counters counters;

    // The transaction that is open: since when, and how many events it would take with it.
    bool open;
    uint64_t open_ns;
    unsigned events, admissions;
    bool broken;   // admissions that were not published yet are gone
    uint64_t lost; // not yet told in the events themselves

    uint64_t last_ns, last_monotonic_ns; // of the ledger's clock
    uint64_t expire_ns;                  // CLOCK_MONOTONIC of the next removal of what is old
    struct fg_pending pending[FG_PASSAGES_PENDING];
};

// Opens the transaction unless it is. 0 or an error of the ledger.
int fg_passages_begin(struct fg_passages *p, struct fg_now now);
// What is open is gone, and counted as lost.
void fg_passages_fail(struct fg_passages *p, int code);
int fg_passages_write(struct fg_passages *p, struct fg_now now); // commits
// An event of this lane and subject; the rest is the caller's.
struct fg_event fg_passages_event(struct fg_passages *p, enum fg_event_kind kind, const char *lane,
                                  const char *subject, struct fg_now now);
int fg_passages_append(struct fg_passages *p, struct fg_event *event);

// passages_settle.c: within a transaction.
int fg_passages_done(struct fg_passages *p, struct fg_passage_record *passage, struct fg_now now);
int fg_passages_void(struct fg_passages *p, struct fg_passage_record *passage,
                     enum fg_event_kind why, struct fg_now now);
void fg_passages_watch(struct fg_passages *p, uint64_t run, uint64_t decision, struct fg_now now);
void fg_passages_unwatch(struct fg_passages *p, uint64_t run, uint64_t decision);

#ifdef __cplusplus
}
#endif
#endif
