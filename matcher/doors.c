// SPDX-License-Identifier: Apache-2.0
#include "matcher/doors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"

#define CONTROL_MARK 64 // messages

_Static_assert(FG_DOORS <= FG_BUS_POLL, "all doors are waited for at once");

#define NS_PER_S UINT64_C(1000000000)

static int bind_one(struct fg_doors *doors, struct fg_bus *bus, const char *endpoint,
                    const char *firm, struct fg_error *err)
{
    struct fg_door *door = &doors->at[doors->count];
    int r = fg_socket_bind(bus, FG_SOCKET_ROUTER, endpoint, CONTROL_MARK, &door->socket, err);
    if (r < 0)
        return r;
    memcpy(door->firm, firm, strlen(firm) + 1);
    doors->sockets[doors->count++] = door->socket;
    return 0;
}

int fg_doors_bind(struct fg_doors *doors, struct fg_bus *bus, const char *operators,
                  const struct fg_policy *policy, struct fg_error *err)
{
    int r = bind_one(doors, bus, operators, "", err);
    for (unsigned i = 0; i < policy->n_firms && r == 0; i++)
        if (policy->firms[i].control[0])
            r = bind_one(doors, bus, policy->firms[i].control, policy->firms[i].name, err);
    return r;
}

static void send_answer(void *context, const struct fg_part *peer, struct fg_json *answer)
{
    struct fg_door *door = context;
    char *text = fg_json_print(answer, false);
    struct fg_part parts[] = {*peer, {text, strlen(text)}};
    int r = fg_socket_send(door->socket, parts, 2);
    if (r < 0)
        fg_log(FG_LOG_DEBUG, "a client left before its answer: %s", strerror(-r));
    free(text);
    fg_json_destroy(answer);
}

int fg_doors_open(struct fg_doors *doors, const struct fg_control *control)
{
    int r = 0;
    for (unsigned i = 0; i < doors->count && r == 0; i++) {
        struct fg_door *door = &doors->at[i];
        door->control = *control;
        door->control.firm = door->firm[0] ? door->firm : NULL;
        r = fg_desk_create(&door->control, send_answer, door, &door->desk);
    }
    return r;
}

void fg_doors_close(struct fg_doors *doors)
{
    for (unsigned i = 0; i < doors->count; i++) {
        fg_desk_destroy(doors->at[i].desk);
        fg_socket_close(doors->at[i].socket);
    }
    doors->count = 0;
}

static struct fg_json *too_many_parts(void)
{
    char message[64];
    struct fg_json *reply = fg_json_object();
    snprintf(message, sizeof message, "a request has at most %d parts", FG_BUS_PARTS - 1);
    fg_json_add_number(reply, "v", 1);
    fg_json_add_bool(reply, "ok", false);
    fg_json_add_string(reply, "error", "bad_request");
    fg_json_add_string(reply, "message", message);
    return reply;
}

static void take(struct fg_door *door, const struct fg_message *request)
{
    struct fg_passages *passages = door->control.passages;
    struct fg_now now = {fg_monotonic_ns(), fg_realtime_ns()};
    if (passages) // requests use the ledger, too
        fg_passages_flush(passages, now);
    fg_desk_take(door->desk, request->parts, request->count, now.monotonic_ns,
                 now.realtime_ns / NS_PER_S);
}

static bool answer(struct fg_door *door, uint64_t budget_ns)
{
    struct fg_message request;
    const uint64_t end = fg_monotonic_ns() + budget_ns;
    bool more = true;
    while (more && !fg_desk_full(door->desk) && fg_monotonic_ns() < end) {
        int r = fg_socket_receive(door->socket, 0, &request);
        more = r != -EAGAIN;
        if (r == -EMSGSIZE) {
            fg_desk_commit(door->desk); // its client may have asked before
            send_answer(door, &request.parts[0], too_many_parts());
        } else if (r == 0) {
            take(door, &request);
        }
    }
    fg_desk_commit(door->desk);
    return !more;
}

bool fg_doors_answer(struct fg_doors *doors, uint64_t budget_ns)
{
    bool done = true;
    for (unsigned i = 0; i < doors->count; i++)
        done &= answer(&doors->at[i], budget_ns);
    return done;
}
