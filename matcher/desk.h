// SPDX-License-Identifier: Apache-2.0
// Where requests are answered: changes of the gallery that come together are made together, in one
// durable transaction, and nothing is answered before it is on disk. Answers leave in the order in
// which requests came, and what reads sees all that came before it. One thread owns a desk.
#ifndef FG_DESK_H
#define FG_DESK_H

#include "matcher/control.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_DESK_REQUESTS 256               // most that wait
#define FG_DESK_SUBJECTS FG_CONTROL_PACKED // and their subjects, but for the last request's
#define FG_DESK_PEER     256               // bytes of a client's address, at most

struct fg_desk;

// Takes over the answer; `peer` is whose it is. The desk is not called from it.
typedef void (*fg_desk_answer)(void *context, const struct fg_part *peer, struct fg_json *answer);

int fg_desk_create(const struct fg_control *control, fg_desk_answer answer, void *context,
                   struct fg_desk **ret);   // `control` is borrowed. 0 or -ENOMEM
void fg_desk_destroy(struct fg_desk *desk); // what waits is dropped; accepts NULL

// Takes a request: parts[0] is the client's address, the others as fg_request_read has them. All is
// borrowed for the call. It may answer others before it returns. False: out of memory, no answer.
bool fg_desk_take(struct fg_desk *desk, const struct fg_part *parts, unsigned count,
                  uint64_t now_ns, uint64_t realtime_s);
bool fg_desk_full(const struct fg_desk *desk); // commit before the next: it would wait too long
// Makes the changes that wait and answers.
void fg_desk_commit(struct fg_desk *desk);

#ifdef __cplusplus
}
#endif
#endif
