// SPDX-License-Identifier: Apache-2.0
// Decisions as they come from the matcher: whether one may count. facegate-wire(7), DECISIONS.
#ifndef FG_VERDICT_H
#define FG_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/bus.h"
#include "gate/lane.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_VERDICT_RUNS 8 // of the matcher that are remembered, so that none comes again

enum fg_verdict_fate {
    FG_VERDICT_GOOD,
    FG_VERDICT_STALE,    // older than its valid_ms, or of another clock
    FG_VERDICT_REPLAYED, // its sequence did not rise in its run, or its run is over
    FG_VERDICT_FOREIGN,  // another lane's
    FG_VERDICT_BAD,      // no decision
    FG_VERDICT_FATES,
};

struct fg_verdict {
    enum fg_lane_verdict outcome;
    struct fg_decision_id id;
};

struct fg_verdicts {                // starts as {.lane = L}
    const char *lane;               // borrowed
    uint64_t runs[FG_VERDICT_RUNS]; // the present one first; 0: none yet
    uint64_t sequence;              // the last of the present run
    uint64_t counts[FG_VERDICT_FATES];
};

// Judges and counts a message. *ret is filled when it is good, and when it is stale.
enum fg_verdict_fate fg_verdicts_take(struct fg_verdicts *v, const struct fg_message *message,
                                      uint64_t now_ns, struct fg_verdict *ret);

#ifdef __cplusplus
}
#endif
#endif
