// SPDX-License-Identifier: Apache-2.0
// Error rates of a comparison or an identification from its scores, in the terms of ISO/IEC
// 19795-1: FMR, FNMR, their trade-off (DET), FPIR and FNIR.
#ifndef FG_DET_H
#define FG_DET_H

#include <stddef.h>

// Scores of comparisons. A comparison that could not be made (no face) is FG_MISS: it never
// matches, and still counts.
#define FG_MISS (-2.0f)

struct fg_scores {
    float *values;
    size_t count, capacity;
};

int fg_scores_add(struct fg_scores *scores, float value); // 0 or -ENOMEM
void fg_scores_sort(struct fg_scores *scores);            // best first
void fg_scores_finish(struct fg_scores *scores);

// All below take sorted scores.
// The lowest threshold at which a share of at most `rate` scores at or above it.
float fg_threshold_for(const struct fg_scores *impostors, double rate);
// Shares of scores at or above, and below, a threshold. 0 for no scores.
double fg_share_at_least(const struct fg_scores *scores, float threshold);
double fg_share_below(const struct fg_scores *scores, float threshold);
// Where FMR and FNMR meet.
double fg_equal_error(const struct fg_scores *genuine, const struct fg_scores *impostors);

#endif
