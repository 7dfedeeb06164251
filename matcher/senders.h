// SPDX-License-Identifier: Apache-2.0
// Who is heard: each (source, session), its sequence, what was lost, its last beat.
// Not thread-safe: its owner locks.
#ifndef FG_SENDERS_H
#define FG_SENDERS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_SENDERS 32 // at once; the one silent longest is forgotten

struct fg_sender {
    char lane[FG_WIRE_NAME], source[FG_WIRE_NAME]; // an empty source: a free place
    uint64_t session, sequence;                    // of the last message
    uint64_t heard_ns;                             // CLOCK_MONOTONIC
    uint64_t received, lost, repeated;
    bool has_beat;
    struct fg_wire_beat beat;
};

struct fg_senders { // starts zeroed
    struct fg_sender senders[FG_SENDERS];
    uint64_t lost, repeated; // of all, the forgotten too
};

// Accounts for a message. False: its sequence is not above the last one of its sender, so it is a
// repetition, to be ignored. Gaps count as lost; the first message of a sender shows none.
bool fg_senders_hear(struct fg_senders *senders, const struct fg_wire_message *message,
                     uint64_t now_ns);

#ifdef __cplusplus
}
#endif
#endif
