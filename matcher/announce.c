// SPDX-License-Identifier: Apache-2.0
#include "matcher/announce.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"

#define DECISION_MARK 256 // messages
#define LANE_MARK     64

int fg_announce_open(struct fg_announcer *announcer, struct fg_bus *bus, const char *decisions,
                     const char *lanes, const struct fg_decision_context *about,
                     struct fg_error *err)
{
    announcer->about = *about;
    int r =
        fg_socket_bind(bus, FG_SOCKET_PUB, decisions, DECISION_MARK, &announcer->decisions, err);
    if (r == 0)
        r = fg_socket_bind(bus, FG_SOCKET_PUB, lanes, LANE_MARK, &announcer->lanes, err);
    return r;
}

void fg_announce_close(struct fg_announcer *announcer)
{
    fg_socket_close(announcer->decisions);
    fg_socket_close(announcer->lanes);
}

static void publish(struct fg_socket *socket, const char *lane, const void *bytes, size_t length,
                    const char *what)
{
    char topic[FG_WIRE_NAME];
    struct fg_part parts[] = {{topic, fg_wire_topic(lane, topic)}, {bytes, length}};
    int r = fg_socket_send(socket, parts, 2);
    if (r < 0)
        fg_log(FG_LOG_WARNING, "%s was not sent: %s", what, strerror(-r));
}

void fg_announce_decision(struct fg_announcer *announcer, const struct fg_decision *decision)
{
    announcer->about.realtime_ns = fg_realtime_ns();
    struct fg_json *json = fg_decision_json(decision, &announcer->about);
    char *text = fg_json_print(json, false);
    publish(announcer->decisions, decision->lane, text, strlen(text), "a decision");
    free(text);
    fg_json_destroy(json);
}

void fg_announce_lane(struct fg_announcer *announcer, const char *lane,
                      const struct fg_wire_lane *state)
{
    uint8_t bytes[FG_WIRE_MAX];
    struct fg_error err = {""};
    uint64_t now_ns = fg_monotonic_ns();
    struct fg_wire_message message = {.head = {.type = FG_WIRE_LANE,
                                               .source = "matcher",
                                               .session = announcer->about.run,
                                               .sequence = ++announcer->sequence,
                                               .t_capture_ns = now_ns,
                                               .t_publish_ns = now_ns,
                                               .boot = announcer->about.boot}};
    memcpy(message.head.lane, lane, strlen(lane));
    message.lane = *state;
    int length = fg_wire_encode(&message, bytes, &err);
    if (length < 0)
        fg_log(FG_LOG_WARNING, "a lane's state was not sent: %s", err.text);
    else
        publish(announcer->lanes, lane, bytes, (size_t)length, "a lane's state");
}
