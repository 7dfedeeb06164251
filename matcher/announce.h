// SPDX-License-Identifier: Apache-2.0
// What the matcher says to the world: decisions, and LANE to cameras and gates.
#ifndef FG_ANNOUNCE_H
#define FG_ANNOUNCE_H

#include "common/bus.h"
#include "matcher/decision.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_announcer {
    struct fg_socket *decisions, *lanes; // PUB, owned
    struct fg_decision_context about;    // its times are set for each decision
    uint64_t sequence;                   // of LANE
};

// Binds both sockets. `about` holds what stays the same in a run.
int fg_announce_open(struct fg_announcer *announcer, struct fg_bus *bus, const char *decisions,
                     const char *lanes, const struct fg_decision_context *about,
                     struct fg_error *err);
void fg_announce_close(struct fg_announcer *announcer);

void fg_announce_decision(struct fg_announcer *announcer, const struct fg_decision *decision);
void fg_announce_lane(struct fg_announcer *announcer, const char *lane,
                      const struct fg_wire_lane *state);

#ifdef __cplusplus
}
#endif
#endif
