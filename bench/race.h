// SPDX-License-Identifier: Apache-2.0
// All engines on one field and one threshold, in alternating rounds on one core, so that the
// machine's moods hit all; between them, merely reading as much memory as a search reads.
#ifndef FG_RACE_H
#define FG_RACE_H

#include <stdbool.h>

#include "bench/engines.h"
#include "common/error.h"

struct fg_race_plan {
    float threshold;
    unsigned searches; // of each engine, fewer where they would take longer than
    double seconds;    // of each engine, and four times that of those that a threshold changes
    bool whole;        // two threads and batches of all; else of those that a threshold changes
};

// What was not measured is NAN.
struct fg_result {
    const struct fg_engine *engine;
    unsigned searches;
    double p50_ms, p99_ms;          // by the clock
    double p99_cpu_ms;              // by the thread's own: without what neighbours took
    double per_s, per_s_two;        // searches a second on one and on two threads
    double batch_4_ms, batch_16_ms; // a probe, medians
    double bytes;                   // read by a search, mean
    double stream_ms;               // of merely reading so many, median
    unsigned mates, found;          // enrolled at or above the threshold; of those, answered
    unsigned differing;             // answers that are not the best of all, bit for bit: ours
    double build_s, bytes_each;     // of the store
    unsigned build_threads;
};

// `stores` has FG_STORES of them; engines whose store is not open are left out. The field is
// judged. Results of those that took part come first; *ret_count says how many.
int fg_race_run(const struct fg_field *field, const struct fg_store *stores,
                const struct fg_race_plan *plan, struct fg_result results[FG_ENGINES],
                unsigned *ret_count, struct fg_error *err);

#endif
