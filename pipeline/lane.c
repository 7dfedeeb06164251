// SPDX-License-Identifier: Apache-2.0
#include "pipeline/lane.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire.h"

#define HIGH_WATER 64 // messages; they are taken in with each frame, four times a second at least
#define FRESH_NS   5000000000u

struct fg_lane {
    struct fg_socket *socket;
    char name[FG_WIRE_NAME];
    struct fg_wire_lane last;
    bool heard;
    uint64_t t_heard_ns;
    struct fg_wire_message message;
};

int fg_lane_open(struct fg_bus *bus, const char *endpoint, const char *lane, struct fg_lane **ret,
                 struct fg_error *err)
{
    char topic[FG_WIRE_NAME];
    struct fg_lane *l = calloc(1, sizeof *l);
    if (!l)
        return fg_fail(err, -ENOMEM, "out of memory");
    snprintf(l->name, sizeof l->name, "%s", lane);
    const size_t length = fg_wire_topic(lane, topic);
    int code = fg_socket_connect(bus, FG_SOCKET_SUB, endpoint, HIGH_WATER, &l->socket, err);
    if (code == 0 && (code = fg_socket_subscribe(l->socket, topic, length)) < 0)
        fg_fail(err, code, "%s: can't subscribe: %s", endpoint, strerror(-code));
    if (code < 0) {
        fg_lane_close(l);
        return code;
    }
    *ret = l;
    return 0;
}

void fg_lane_close(struct fg_lane *lane)
{
    if (!lane)
        return;
    fg_socket_close(lane->socket);
    free(lane);
}

// Whatever else comes on the topic, or is of a version that is not ours, says nothing to us.
static void take(struct fg_lane *l, const struct fg_message *m, uint64_t now_ns)
{
    if (m->count != 2 ||
        fg_wire_decode(m->parts[1].data, m->parts[1].length, &l->message, NULL) < 0 ||
        l->message.head.type != FG_WIRE_LANE || strcmp(l->message.head.lane, l->name) != 0)
        return;
    l->last = l->message.lane;
    l->heard = true;
    l->t_heard_ns = now_ns;
}

void fg_lane_hear(struct fg_lane *lane, uint64_t now_ns, struct fg_lane_state *ret)
{
    struct fg_lane *l = lane;
    struct fg_message m;
    int code;
    while ((code = fg_socket_receive(l->socket, 0, &m)) == 0 || code == -EMSGSIZE)
        if (code == 0)
            take(l, &m, now_ns);
    const bool fresh = l->heard && now_ns - l->t_heard_ns < FRESH_NS;
    *ret = (struct fg_lane_state){
        .awake = !fresh || l->last.awake,
        .want_token = fresh && l->last.want_token,
        .keep_nothing = l->heard && l->last.keep_nothing,
        .heard = fresh,
    };
}
