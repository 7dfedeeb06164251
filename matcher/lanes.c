// SPDX-License-Identifier: Apache-2.0
#include "matcher/lanes.h"

#include <string.h>

#define NS_PER_MS UINT64_C(1000000)

static struct fg_lane_state *place(struct fg_lanes *lanes)
{
    struct fg_lane_state *oldest = &lanes->at[0];
    for (unsigned i = 0; i < FG_LANES; i++) {
        if (!lanes->at[i].name[0])
            return &lanes->at[i];
        if (lanes->at[i].heard_ns < oldest->heard_ns)
            oldest = &lanes->at[i];
    }
    return oldest;
}

struct fg_lane_state *fg_lanes_get(struct fg_lanes *lanes, const char *lane, uint64_t now_ns)
{
    for (unsigned i = 0; i < FG_LANES; i++)
        if (lanes->at[i].name[0] && strcmp(lanes->at[i].name, lane) == 0)
            return &lanes->at[i];
    struct fg_lane_state *state = place(lanes);
    *state = (struct fg_lane_state){.heard_ns = now_ns, .moved_ns = now_ns};
    memcpy(state->name, lane, strlen(lane) + 1);
    return state;
}

static bool shows_somebody(const struct fg_wire_message *message)
{
    switch (message->head.type) {
    case FG_WIRE_PROBE:
    case FG_WIRE_TOKEN_READ:
    case FG_WIRE_WAKE:
    case FG_WIRE_PASSED:
    case FG_WIRE_FORCED:
        return true;
    case FG_WIRE_NOTICE:
        return message->notice.track != 0;
    default:
        return false;
    }
}

void fg_lanes_wake(struct fg_lanes *lanes, const char *lane, uint64_t now_ns)
{
    struct fg_lane_state *state = fg_lanes_get(lanes, lane, now_ns);
    state->moved_ns = now_ns;
    if (!state->said.awake)
        state->said_ns = 0;
}

void fg_lanes_hear(struct fg_lanes *lanes, const struct fg_wire_message *message, uint64_t now_ns)
{
    struct fg_lane_state *state = fg_lanes_get(lanes, message->head.lane, now_ns);
    state->heard_ns = now_ns;
    if (message->head.type == FG_WIRE_ALIVE)
        state->alive_ns = now_ns;
    if (shows_somebody(message))
        fg_lanes_wake(lanes, message->head.lane, now_ns);
}

void fg_lanes_settled(struct fg_lanes *lanes, const char *lane, const struct fg_wire_gate *report,
                      uint64_t now_ns)
{
    struct fg_lane_state *state = fg_lanes_get(lanes, lane, now_ns);
    state->said.ack_run = report->run;
    state->said.ack_decision = report->decision;
    state->said_ns = 0;
}

const char *fg_lanes_next(struct fg_lanes *lanes, bool (*claimed)(void *context, const char *lane),
                          bool (*occupied)(void *context, const char *lane), void *context,
                          uint64_t now_ns, struct fg_wire_lane *ret)
{
    for (unsigned i = 0; i < FG_LANES; i++) {
        struct fg_lane_state *s = &lanes->at[i];
        if (!s->name[0])
            continue;
        if (occupied(context, s->name))
            s->moved_ns = now_ns;
        uint64_t patience_ns = lanes->sleep_after_s * 1000 * NS_PER_MS;
        uint32_t awake = patience_ns == 0 || now_ns - s->moved_ns < patience_ns;
        uint32_t token = lanes->tokens && !claimed(context, s->name);
        bool due = s->said_ns == 0 || now_ns - s->said_ns >= FG_LANES_MS * NS_PER_MS;
        if (!due && awake == s->said.awake && token == s->said.want_token)
            continue;
        s->said.awake = awake;
        s->said.want_token = token;
        s->said.keep_nothing = lanes->keep_nothing;
        s->said_ns = now_ns;
        *ret = s->said;
        return s->name;
    }
    return NULL;
}

uint64_t fg_lanes_due_ns(const struct fg_lanes *lanes)
{
    uint64_t due = UINT64_MAX;
    for (unsigned i = 0; i < FG_LANES; i++) {
        const struct fg_lane_state *s = &lanes->at[i];
        uint64_t at = s->said_ns == 0 ? 0 : s->said_ns + FG_LANES_MS * NS_PER_MS;
        if (s->name[0] && at < due)
            due = at;
    }
    return due;
}
