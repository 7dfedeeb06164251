// SPDX-License-Identifier: Apache-2.0
// One network on several engines in one run: the times, and how they are told.
#ifndef FG_CONTEST_H
#define FG_CONTEST_H

#include <stdint.h>

#include "bench/figures.h"
#include "bench/kinds.h"

#ifdef __cplusplus
extern "C" {
#endif

enum fg_contestant { FG_OURS, FG_ORT, FG_OPENCV, FG_CPUREF, FG_CONTESTANTS };

#define FG_CONTEST_ROUNDS 16
#define FG_CONTEST_RUNS   20 // of an engine in a round

struct fg_samples { // starts as {0}
    double values[FG_CONTEST_ROUNDS * FG_CONTEST_RUNS];
    unsigned count;
};

struct fg_lane {
    struct fg_samples ms; // what a call of the peer costs is taken off
    double cosine;        // to float64, the least of the outputs
    char absent[480];     // why this engine has no times; "" when it has
};

struct fg_contest {
    const char *key, *title; // "blazeface", "BlazeFace"
    uint64_t macs;
    struct fg_lane lanes[FG_CONTESTANTS];
    struct fg_samples projected; // ours with its last layer folded to fewer dimensions, or none
    struct fg_samples peak;      // 1e9 multiply-accumulates a second, between the engines
    struct fg_kinds kinds;       // of ours
};

// Sorts. 0 when there are none.
double fg_samples_median(struct fg_samples *samples);
double fg_samples_least(struct fg_samples *samples);

// A table on standard output.
void fg_contest_print(struct fg_contest *contest);
// Keys start with the contest's own; engines that are absent have none.
void fg_contest_add(struct fg_contest *contest, struct fg_figures *figures);

#ifdef __cplusplus
}
#endif
#endif
