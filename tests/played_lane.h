// SPDX-License-Identifier: Apache-2.0
// For tests of facegate-camera as a program: the matcher's end of its two sockets. It says what the
// lane wants, and hears what the camera sends. Everything fails the running test when it goes
// wrong.
#ifndef FG_PLAYED_LANE_H
#define FG_PLAYED_LANE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/bus.h"
#include "common/wire.h"

#define PLAYED_LANE   "east"
#define PLAYED_PROBES 64u
#define PLAYED_TOKENS 64u

struct played_lane {
    struct fg_bus *bus;
    struct fg_socket *probes, *lanes;
    char probe[160], lane[160]; // endpoints: probe.sock and lane.sock of the folder
    struct fg_wire_lane says;
    bool silent; // says nothing
    uint64_t sequence, t_said_ns;

    struct fg_wire_probe probed[PLAYED_PROBES]; // the first of them
    struct fg_wire_token tokens[PLAYED_TOKENS];
    uint64_t token_ns[PLAYED_TOKENS]; // the frame's time
    struct fg_wire_beat beat;         // the last
    unsigned n_probes, n_tokens, n_blanks, n_lost, n_wakes, n_beats;
};

void played_lane_open(struct played_lane *lane, const char *folder, struct fg_wire_lane says);
void played_lane_close(struct played_lane *lane);
// For so long; at least what has come. Says every 50 ms what the lane wants, and at once with
// `now`.
void played_lane_hear(struct played_lane *lane, unsigned ms);
void played_lane_say(struct played_lane *lane, bool now);

#endif
