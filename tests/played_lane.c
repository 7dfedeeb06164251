// SPDX-License-Identifier: Apache-2.0
#include "tests/played_lane.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"

#define SAY_NS 50000000u

void played_lane_open(struct played_lane *lane, const char *folder, struct fg_wire_lane says)
{
    struct fg_error err = {""};
    *lane = (struct played_lane){.says = says};
    snprintf(lane->probe, sizeof lane->probe, "ipc://%s/probe.sock", folder);
    snprintf(lane->lane, sizeof lane->lane, "ipc://%s/lane.sock", folder);
    assert_int_equal(fg_bus_create(&lane->bus), 0);
    if (fg_socket_bind(lane->bus, FG_SOCKET_SUB, lane->probe, 1000, &lane->probes, &err) < 0 ||
        fg_socket_bind(lane->bus, FG_SOCKET_PUB, lane->lane, 16, &lane->lanes, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(fg_socket_subscribe(lane->probes, "", 0), 0);
}

void played_lane_close(struct played_lane *lane)
{
    fg_socket_close(lane->probes);
    fg_socket_close(lane->lanes);
    fg_bus_destroy(lane->bus);
    unlink(lane->probe + 6);
    unlink(lane->lane + 6);
}

void played_lane_say(struct played_lane *lane, bool now)
{
    static uint8_t body[FG_WIRE_MAX];
    static struct fg_wire_message w;
    const uint64_t now_ns = fg_monotonic_ns();
    char topic[FG_WIRE_NAME];
    if (lane->silent || (!now && now_ns - lane->t_said_ns < SAY_NS))
        return;
    lane->t_said_ns = now_ns;
    w.head = (struct fg_wire_head){.type = FG_WIRE_LANE,
                                   .lane = PLAYED_LANE,
                                   .source = "matcher",
                                   .session = 7,
                                   .sequence = ++lane->sequence,
                                   .t_capture_ns = now_ns,
                                   .t_publish_ns = now_ns,
                                   .boot = fg_boot_number()};
    w.lane = lane->says;
    const int length = fg_wire_encode(&w, body, NULL);
    assert_true(length > 0);
    const struct fg_part parts[] = {{topic, fg_wire_topic(PLAYED_LANE, topic)},
                                    {body, (size_t)length}};
    fg_socket_send(lane->lanes, parts, 2);
}

static void take(struct played_lane *l, const struct fg_wire_message *w)
{
    switch (w->head.type) {
    case FG_WIRE_PROBE:
        if (l->n_probes < PLAYED_PROBES)
            l->probed[l->n_probes] = w->probe;
        l->n_probes++;
        break;
    case FG_WIRE_TOKEN_READ:
        assert_true(l->n_tokens < PLAYED_TOKENS);
        l->token_ns[l->n_tokens] = w->head.t_capture_ns;
        l->tokens[l->n_tokens++] = w->token;
        break;
    case FG_WIRE_NOTICE:
        l->n_lost += w->notice.reason == FG_REASON_TRACK_LOST;
        break;
    case FG_WIRE_BEAT:
        l->n_beats++;
        l->beat = w->beat;
        break;
    default:
        l->n_blanks += w->head.type == FG_WIRE_BLANK;
        l->n_wakes += w->head.type == FG_WIRE_WAKE;
    }
}

void played_lane_hear(struct played_lane *lane, unsigned ms)
{
    static struct fg_wire_message w;
    const uint64_t until = fg_monotonic_ns() + ms * UINT64_C(1000000);
    struct fg_message m;
    do {
        played_lane_say(lane, false);
        if (fg_socket_receive(lane->probes, 10, &m) < 0)
            continue;
        assert_int_equal(m.count, 2);
        assert_int_equal(fg_wire_decode(m.parts[1].data, m.parts[1].length, &w, NULL), 0);
        assert_string_equal(w.head.lane, PLAYED_LANE);
        take(lane, &w);
    } while (fg_monotonic_ns() < until);
}
