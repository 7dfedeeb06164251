// SPDX-License-Identifier: Apache-2.0
// What one thing measured, again and again: as many values as come.
#ifndef FG_SERIES_H
#define FG_SERIES_H

#include <stdbool.h>
#include <stdint.h>

struct fg_series { // starts as {0}
    double *values;
    unsigned count, room;
    bool sorted;
};

void fg_series_add(struct fg_series *series, double value); // aborts without memory
void fg_series_finish(struct fg_series *series);

// The least value that `part` (0 to 1) of all do not exceed. Sorts. NAN when there are none.
double fg_series_rank(struct fg_series *series, double part);
double fg_series_sum(const struct fg_series *series);

double fg_ms_since(uint64_t start_ns); // of fg_monotonic_ns

#endif
