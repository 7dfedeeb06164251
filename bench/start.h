// SPDX-License-Identifier: Apache-2.0
// How long a matcher takes from its start to its first decision, with a gallery of many.
#ifndef FG_BENCH_START_H
#define FG_BENCH_START_H

#include <stdint.h>

#include "common/error.h"

struct fg_start {
    double fill_per_s;  // subjects stored a second, durable, 4,096 in a transaction
    double decision_ms; // from starting the program to the first admission, the median of runs
    double worst_ms;
};

// Makes a gallery of so many subjects below build/bench, then starts the real matcher on it a few
// times while probes of them come every few milliseconds. Needs build/facegate-matcher.
int fg_start_measure(uint32_t subjects, struct fg_start *ret, struct fg_error *err);

#endif
