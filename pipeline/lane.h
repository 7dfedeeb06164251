// SPDX-License-Identifier: Apache-2.0
// What the matcher wants of this camera's lane: LANE messages of facegate-wire(7), the newest wins.
#ifndef FG_LANE_H
#define FG_LANE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/bus.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_lane_state {
    bool awake;        // look for people
    bool want_token;   // and for codes
    bool keep_nothing; // wipe what was used
    bool heard;        // a matcher has said so, in the last five seconds
};

struct fg_lane; // one thread at a time

// Connects to the matcher's lane socket; it need not be there yet. `bus` is borrowed until
// fg_lane_close; `lane` has passed fg_wire_name_ok. Failure: as fg_socket_connect.
int fg_lane_open(struct fg_bus *bus, const char *endpoint, const char *lane, struct fg_lane **ret,
                 struct fg_error *err);
void fg_lane_close(struct fg_lane *lane); // accepts NULL

// Takes in what has come, never waits. Who was never told anything, or nothing for five seconds, is
// awake and wants no token: a lane that looks in vain does less harm than one that is blind. Only
// that nothing is kept stays so until the matcher says otherwise.
void fg_lane_hear(struct fg_lane *lane, uint64_t now_ns, struct fg_lane_state *ret);

#ifdef __cplusplus
}
#endif
#endif
