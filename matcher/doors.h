// SPDX-License-Identifier: Apache-2.0
// Where requests come in: the operator's control socket and one for each firm that has its own. A
// firm's door shows and changes what is the firm's, and nothing else. One thread.
#ifndef FG_DOORS_H
#define FG_DOORS_H

#include "common/bus.h"
#include "matcher/control.h"
#include "matcher/desk.h"
#include "matcher/policy.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_DOORS (1 + FG_POLICY_FIRMS)

struct fg_door {
    struct fg_socket *socket;
    struct fg_desk *desk;
    struct fg_control control;
    char firm[FG_WIRE_NAME]; // empty: the operator's
};

struct fg_doors { // starts zeroed
    unsigned count;
    struct fg_door at[FG_DOORS];
    struct fg_socket *sockets[FG_DOORS]; // for fg_bus_poll
};

// Binds the sockets; requests wait in them until fg_doors_open.
int fg_doors_bind(struct fg_doors *doors, struct fg_bus *bus, const char *operators,
                  const struct fg_policy *policy, struct fg_error *err);
// `control` is copied. 0 or -ENOMEM.
int fg_doors_open(struct fg_doors *doors, const struct fg_control *control);
void fg_doors_close(struct fg_doors *doors);

// Takes the requests that wait, for at most budget_ns a door so that cameras get their turn, and
// makes their changes together: one flush of the disk serves many. True: no door has more.
bool fg_doors_answer(struct fg_doors *doors, uint64_t budget_ns);

#ifdef __cplusplus
}
#endif
#endif
