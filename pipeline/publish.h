// SPDX-License-Identifier: Apache-2.0
// The camera's voice: probes, notices and beats on a PUB socket, as facegate-wire(7) has it.
#ifndef FG_PUBLISH_H
#define FG_PUBLISH_H

#include "common/error.h"
#include "common/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_publisher; // one thread at a time

// Connects to the matcher's probe socket; lane and source must pass fg_wire_name_ok.
int fg_publisher_open(const char *endpoint, const char *lane, const char *source,
                      struct fg_publisher **ret, struct fg_error *err);
void fg_publisher_close(struct fg_publisher *publisher); // accepts NULL

// Waits until a matcher listens. 0 or -ETIMEDOUT.
int fg_publisher_wait(struct fg_publisher *publisher, int timeout_ms);

// The bus that it uses, borrowed: for another socket of the same thread.
struct fg_bus *fg_publisher_bus(struct fg_publisher *publisher);

// Fills the head of `message` (all but its type) and sends it. 0, or negative errno: -EINVAL for a
// message that does not encode. A matcher that is away costs nothing. The encoded bytes are wiped;
// what the transport copied of them is overwritten by a BLANK of FG_WIRE_BLANK_MAX bytes.
int fg_publish(struct fg_publisher *publisher, struct fg_wire_message *message,
               uint64_t t_capture_ns, struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
