// SPDX-License-Identifier: Apache-2.0
// Sockets as facegate uses them, over ZeroMQ: small high-water marks, no lingering, ipc paths
// checked before use. A socket belongs to the thread that uses it; the bus may be shared.
#ifndef FG_BUS_H
#define FG_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_BUS_PARTS 40 // most parts of one message

struct fg_bus;
struct fg_socket;

enum fg_socket_kind { FG_SOCKET_PUB, FG_SOCKET_SUB, FG_SOCKET_ROUTER, FG_SOCKET_DEALER };

struct fg_part {
    const void *data;
    size_t length;
};

struct fg_message { // received; parts are borrowed until the next receive or the close
    unsigned count;
    struct fg_part parts[FG_BUS_PARTS];
};

int fg_bus_create(struct fg_bus **ret);
void fg_bus_destroy(struct fg_bus *bus); // after every socket is closed; accepts NULL

// Opens and binds, or connects. `endpoint` is "ipc://PATH" (or "inproc://NAME" in tests);
// `high_water` in messages. A bound ipc socket file gets mode 0660 and its directory is not made.
// Failure: -ENAMETOOLONG (over 107 bytes), -EACCES, -ENOENT (no such directory), -EINVAL, with the
// remedy in err; -EADDRINUSE: another program listens there. TCP is refused: it needs CURVE keys,
// which this version does not have.
int fg_socket_bind(struct fg_bus *bus, enum fg_socket_kind kind, const char *endpoint,
                   int high_water, struct fg_socket **ret, struct fg_error *err);
int fg_socket_connect(struct fg_bus *bus, enum fg_socket_kind kind, const char *endpoint,
                      int high_water, struct fg_socket **ret, struct fg_error *err);
// Drops what was not sent (PUB: after 200 ms of trying). Accepts NULL.
void fg_socket_close(struct fg_socket *socket);

// SUB: adds a topic; length 0: everything.
int fg_socket_subscribe(struct fg_socket *socket, const void *topic, size_t length);

// PUB: waits until somebody subscribes, at most timeout_ms. 0, or -ETIMEDOUT. What is published
// before is lost, as on any PUB socket; one that connected loses its subscriber, and what is
// published then, while its peer is away.
int fg_socket_wait_subscriber(struct fg_socket *socket, int timeout_ms);

// Sends all parts or none, copying them, never waiting. -EAGAIN: the peer is slow or away (on PUB
// a slow peer's message is dropped and 0 returned).
int fg_socket_send(struct fg_socket *socket, const struct fg_part *parts, unsigned count);

// Waits at most timeout_ms (-1: for ever, 0: not). -EAGAIN: nothing came. -EMSGSIZE: more parts
// than FG_BUS_PARTS; *ret holds the first ones, the rest is dropped. -EINTR, or -ECANCELED (bus is
// being destroyed).
int fg_socket_receive(struct fg_socket *socket, int timeout_ms, struct fg_message *ret);

// Waits until one of the sockets (or fd, -1 for none) is readable. Returns a bit mask: bit i for
// sockets[i], bit `count` for fd; 0 at the time-out; -EINTR. At most FG_BUS_POLL sockets (-EINVAL).
#define FG_BUS_POLL 24
int fg_bus_poll(struct fg_socket *const *sockets, unsigned count, int fd, int timeout_ms);

#ifdef __cplusplus
}
#endif
#endif
