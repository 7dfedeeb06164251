// SPDX-License-Identifier: Apache-2.0
// What each lane's cameras and gate are told by LANE: awake or asleep, whether a token is wanted,
// whether nothing is kept, and which report of the gate is settled. Pure: no socket, no clock.
#ifndef FG_LANES_H
#define FG_LANES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_LANES    32 // heard of at once; the one silent longest is forgotten
#define FG_LANES_MS 1000

struct fg_lane_state {
    char name[FG_WIRE_NAME]; // empty: free
    struct fg_wire_lane said;
    uint64_t heard_ns; // any message of the lane
    uint64_t alive_ns; // of its gate; 0: never
    uint64_t moved_ns; // what keeps it awake
    uint64_t said_ns;  // LANE last sent; 0: at once
};

struct fg_lanes { // starts zeroed, but for the three settings
    bool tokens, keep_nothing;
    uint32_t sleep_after_s; // 0: never
    struct fg_lane_state at[FG_LANES];
};

// The lane's place; made, awake, when there is none.
struct fg_lane_state *fg_lanes_get(struct fg_lanes *lanes, const char *lane, uint64_t now_ns);
// A camera or a gate has spoken; what shows somebody wakes the lane.
void fg_lanes_hear(struct fg_lanes *lanes, const struct fg_wire_message *message, uint64_t now_ns);
void fg_lanes_wake(struct fg_lanes *lanes, const char *lane, uint64_t now_ns);
void fg_lanes_settled(struct fg_lanes *lanes, const char *lane, const struct fg_wire_gate *report,
                      uint64_t now_ns);

// The next lane that is to be told now, or NULL; `claimed` and `occupied` say whether it has a
// claim and somebody before its cameras. *ret is what to say.
const char *fg_lanes_next(struct fg_lanes *lanes, bool (*claimed)(void *context, const char *lane),
                          bool (*occupied)(void *context, const char *lane), void *context,
                          uint64_t now_ns, struct fg_wire_lane *ret);
uint64_t fg_lanes_due_ns(const struct fg_lanes *lanes); // UINT64_MAX: no lane is known

#ifdef __cplusplus
}
#endif
#endif
