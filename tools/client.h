// SPDX-License-Identifier: Apache-2.0
// A client of the matcher's control socket, as facegate-control(7) specifies it: one request at a
// time, each answer matched to its request by id. One thread owns a client.
#ifndef FG_CLIENT_H
#define FG_CLIENT_H

#include <stdint.h>

#include "common/bus.h"
#include "common/error.h"
#include "common/json.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_CLIENT_TIMEOUT_MS 5000
#define FG_CLIENT_VECTORS    32         // of one request, each a part of its own; more are packed
#define FG_CLIENT_BYTES      (1u << 20) // most of all vectors of one request
#define FG_CLIENT_SUBJECTS   2048       // most of one enrol_many

struct fg_client;

// Connects; that nobody is there shows at the first request. Errors as fg_socket_connect.
int fg_client_open(const char *endpoint, int timeout_ms, struct fg_client **ret,
                   struct fg_error *err);
void fg_client_close(struct fg_client *client); // accepts NULL

// A request's header, to be filled with its members.
struct fg_json *fg_client_request(const char *operation);

// Sends `request` (taken over in every case) with `count` vectors of `dimension` floats, packed one
// after the other, and waits for its answer. More than FG_CLIENT_VECTORS travel packed into one
// part, which enrol_many alone takes. 0: *ret is the answer, a refusal too; owned by the
// caller. -ETIMEDOUT: nobody answered in time; -EACCES: the socket is not ours to use; -EBADMSG:
// what came is no answer. Whether an unanswered request was carried out is not known.
int fg_client_ask(struct fg_client *client, struct fg_json *request, const float *vectors,
                  unsigned count, uint32_t dimension, struct fg_json **ret, struct fg_error *err);

// 0 for an answer that says ok, else err is its message and the result one of -EEXIST, -EBUSY,
// -ENOENT, -ENOSPC, -EINVAL (the request or a vector is off), -EMEDIUMTYPE (another model),
// -EREMOTEIO.
int fg_client_verdict(const struct fg_json *answer, struct fg_error *err);

// The two in one, for answers that matter only when they say ok.
int fg_client_do(struct fg_client *client, struct fg_json *request, const float *vectors,
                 unsigned count, uint32_t dimension, struct fg_json **ret, struct fg_error *err);

// The same for a request with one part of bytes.
int fg_client_do_part(struct fg_client *client, struct fg_json *request, const void *bytes,
                      size_t length, struct fg_json **ret, struct fg_error *err);

// The sentence for -ETIMEDOUT or -EACCES on an endpoint where nobody answered.
int fg_client_nobody(const char *endpoint, struct fg_error *err);

// Whether something takes connections on an ipc endpoint, looking for at most timeout_ms: for
// sockets that only listen. 0, or as fg_client_nobody.
int fg_client_look(const char *endpoint, int timeout_ms, struct fg_error *err);

// For --timeout-ms: 1 to 600,000. -EINVAL.
int fg_client_timeout(const char *text, int *ret_ms);

#ifdef __cplusplus
}
#endif
#endif
