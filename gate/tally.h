// SPDX-License-Identifier: Apache-2.0
// What the gate says in the journal: the lane's transitions as they happen, and a line of counters.
#ifndef FG_TALLY_H
#define FG_TALLY_H

#include <stdint.h>

#include "gate/lane.h"
#include "gate/reports.h"
#include "gate/verdict.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_tally { // starts zeroed
    uint64_t news[FG_NEWS_KINDS];
    uint64_t bad_heartbeats;
};

// Counts, and logs what somebody must know. After the lane has changed.
void fg_tally_news(struct fg_tally *tally, const struct fg_lane *lane, enum fg_lane_news news);

void fg_tally_log(const struct fg_tally *tally, const struct fg_lane *lane,
                  const struct fg_verdicts *verdicts, const struct fg_reports *reports);

#ifdef __cplusplus
}
#endif
#endif
