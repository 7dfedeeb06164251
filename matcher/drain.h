// SPDX-License-Identifier: Apache-2.0
// The thread that does nothing but take messages from the probe socket. ZeroMQ keeps the oldest
// at its high-water mark; a gate wants the newest, so each (source, session, track) has one slot
// in which a newer probe displaces an older one. Everything is bounded and counted.
#ifndef FG_DRAIN_H
#define FG_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/bus.h"
#include "common/error.h"
#include "common/wire.h"
#include "matcher/senders.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_DRAIN_PROBES  64
#define FG_DRAIN_NOTICES 128 // and other messages without a vector

struct fg_drain;

struct fg_drain_counters {
    uint64_t received;      // messages, good or not
    uint64_t bad;           // refused by the decoder, or under another lane's topic
    uint64_t wrong_version; // of the wire
    uint64_t unknown;       // of a type that this version does not know
    uint64_t displaced;     // probes that a newer one replaced, or that a full table dropped
    uint64_t overrun;       // other messages that a full queue dropped
};

// Binds `endpoint` and starts the thread. Success: 0, *ret owned by the caller. Errors as
// fg_socket_bind.
int fg_drain_start(struct fg_bus *bus, const char *endpoint, struct fg_drain **ret,
                   struct fg_error *err);
void fg_drain_stop(struct fg_drain *drain); // joins the thread, wipes; accepts NULL

// Readable (an eventfd) when messages may be waiting: read its 8 bytes, then take until false.
int fg_drain_fd(const struct fg_drain *drain);

// The message that arrived first of those waiting; one thread takes.
bool fg_drain_take(struct fg_drain *drain, struct fg_wire_message *ret);

// Copies; any thread.
void fg_drain_counters(struct fg_drain *drain, struct fg_drain_counters *ret);
void fg_drain_senders(struct fg_drain *drain, struct fg_senders *ret);

#ifdef __cplusplus
}
#endif
#endif
