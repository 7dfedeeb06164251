// SPDX-License-Identifier: Apache-2.0
// played_matcher: the matcher as a gate sees it, by a script on stdin.
//
//   played_matcher FOLDER LANE < script
//
// Binds FOLDER/gate/decision.sock, FOLDER/probe/lane.sock and FOLDER/probe/probe.sock. A line each:
//   join                                waits for the gate: it listens, and has said ALIVE
//   say RUN SEQ AGE_MS OUTCOME SUBJECT  a decision made AGE_MS ago; RUN and SEQ are numbers
//   hear                                waits for another report than the last, and prints it
//   again                               waits for the same report, and prints it
//   ack RUN SEQ                         LANE, which acknowledges
// Ends with 1 and a sentence when what it waits for does not come.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/bus.h"
#include "common/clock.h"
#include "common/wire.h"
#include "matcher/decision.h"

#define PATIENCE_MS 20000

struct played {
    const char *lane;
    struct fg_bus *bus;
    struct fg_socket *decisions, *lanes, *probes;
    char last[80]; // report
    uint64_t sequence;
};

static int open_socket(struct played *p, enum fg_socket_kind kind, const char *folder,
                       const char *name, struct fg_socket **ret, struct fg_error *err)
{
    char endpoint[256];
    snprintf(endpoint, sizeof endpoint, "ipc://%s/%s.sock", folder, name);
    return fg_socket_bind(p->bus, kind, endpoint, 64, ret, err);
}

static int open_sockets(struct played *p, const char *folder, struct fg_error *err)
{
    int code = fg_bus_create(&p->bus);
    if (code == 0)
        code = open_socket(p, FG_SOCKET_PUB, folder, "gate/decision", &p->decisions, err);
    if (code == 0)
        code = open_socket(p, FG_SOCKET_PUB, folder, "probe/lane", &p->lanes, err);
    if (code == 0)
        code = open_socket(p, FG_SOCKET_SUB, folder, "probe/probe", &p->probes, err);
    return code == 0 ? fg_socket_subscribe(p->probes, "", 0) : code;
}

// ---- hearing -----------------------------------------------------------------------------------

static const char *name_of(enum fg_wire_type type)
{
    switch (type) {
    case FG_WIRE_ALIVE:
        return "alive";
    case FG_WIRE_PASSED:
        return "passed";
    case FG_WIRE_TIMEOUT:
        return "timeout";
    case FG_WIRE_FORCED:
        return "forced";
    default:
        return "unexpected";
    }
}

// The next message as "TYPE RUN DECISION"; what does not decode, or is of another lane, is an
// error.
static int next(struct played *p, char ret[80], struct fg_error *err)
{
    struct fg_message parts;
    struct fg_wire_message message;
    char topic[FG_WIRE_NAME];
    int code = fg_socket_receive(p->probes, PATIENCE_MS, &parts);
    if (code < 0)
        return fg_fail(err, code, "the gate says nothing");
    if (parts.count != 2)
        return fg_fail(err, -EBADMSG, "a message has two parts");
    code = fg_wire_decode(parts.parts[1].data, parts.parts[1].length, &message, err);
    if (code < 0)
        return code;
    const size_t length = fg_wire_topic(p->lane, topic);
    if (strcmp(message.head.lane, p->lane) != 0 || parts.parts[0].length != length ||
        memcmp(parts.parts[0].data, topic, length) != 0)
        return fg_fail(err, -EBADMSG, "of another lane");
    if (message.head.sequence <= p->sequence)
        return fg_fail(err, -EBADMSG, "its sequence does not rise");
    p->sequence = message.head.sequence;
    snprintf(ret, 80, "%s %" PRIu64 " %" PRIu64, name_of(message.head.type), message.gate.run,
             message.gate.decision);
    return 0;
}

static int hear(struct played *p, bool again, struct fg_error *err)
{
    char text[80] = "";
    int code = 0;
    do
        code = next(p, text, err);
    while (code == 0 && (strncmp(text, "alive", 5) == 0 || (strcmp(text, p->last) == 0) != again));
    if (code == 0) {
        puts(text);
        snprintf(p->last, sizeof p->last, "%s", text);
    }
    return code;
}

static int join(struct played *p, struct fg_error *err)
{
    char text[80] = "";
    if (fg_socket_wait_subscriber(p->decisions, PATIENCE_MS) < 0 ||
        fg_socket_wait_subscriber(p->lanes, PATIENCE_MS) < 0)
        return fg_fail(err, -ETIMEDOUT, "no gate listens");
    int code = next(p, text, err);
    return code == 0 && strcmp(text, "alive 0 0") != 0 ? fg_fail(err, -EBADMSG, "%s first", text)
                                                       : code;
}

// ---- saying ------------------------------------------------------------------------------------

static int publish(struct fg_socket *socket, const char *lane, const void *body, size_t length)
{
    char topic[FG_WIRE_NAME];
    const struct fg_part parts[] = {{topic, fg_wire_topic(lane, topic)}, {body, length}};
    return fg_socket_send(socket, parts, 2);
}

static int say(struct played *p, uint64_t run, uint64_t sequence, uint64_t age_ms,
               const char *outcome, const char *subject)
{
    const struct fg_decision_context context = {
        .profile = "played", .run = run, .realtime_ns = fg_realtime_ns(), .valid_ms = 10000};
    struct fg_decision decision = {.sequence = sequence,
                                   .reason = FG_WHY_MATCHED,
                                   .t_decision_ns = fg_monotonic_ns() - age_ms * 1000000u};
    while (strcmp(fg_outcome_name(decision.outcome), outcome) != 0)
        if (++decision.outcome == FG_OUTCOMES)
            return -EINVAL;
    snprintf(decision.lane, sizeof decision.lane, "%s", p->lane);
    snprintf(decision.subject, sizeof decision.subject, "%s", subject);
    struct fg_json *json = fg_decision_json(&decision, &context);
    char *text = fg_json_print(json, false);
    int code = publish(p->decisions, p->lane, text, strlen(text));
    free(text);
    fg_json_destroy(json);
    return code;
}

static int acknowledge(struct played *p, uint64_t run, uint64_t sequence, struct fg_error *err)
{
    uint8_t bytes[FG_WIRE_MAX];
    struct fg_wire_message message = {
        .head = {.type = FG_WIRE_LANE, .source = "matcher", .session = 1, .sequence = 1},
        .lane = {.awake = 1, .ack_run = run, .ack_decision = sequence}};
    snprintf(message.head.lane, sizeof message.head.lane, "%s", p->lane);
    int length = fg_wire_encode(&message, bytes, err);
    return length < 0 ? length : publish(p->lanes, p->lane, bytes, (size_t)length);
}

static int carry_out(struct played *p, const char *line, struct fg_error *err)
{
    char outcome[16], subject[64];
    uint64_t run, sequence, age_ms;
    if (strcmp(line, "join\n") == 0)
        return join(p, err);
    if (strcmp(line, "hear\n") == 0 || strcmp(line, "again\n") == 0)
        return hear(p, line[0] == 'a', err);
    if (sscanf(line, "ack %" SCNu64 " %" SCNu64, &run, &sequence) == 2)
        return acknowledge(p, run, sequence, err);
    if (sscanf(line, "say %" SCNu64 " %" SCNu64 " %" SCNu64 " %15s %63s", &run, &sequence, &age_ms,
               outcome, subject) == 5)
        return say(p, run, sequence, age_ms, outcome, subject);
    return fg_fail(err, -EINVAL, "can't read this: %s", line);
}

int main(int argc, char **argv)
{
    struct played p = {.lane = argc == 3 ? argv[2] : ""};
    struct fg_error err = {""};
    char line[256];
    if (argc != 3)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    int code = open_sockets(&p, argv[1], &err);
    while (code == 0 && fgets(line, sizeof line, stdin))
        code = carry_out(&p, line, &err);
    fg_socket_close(p.decisions);
    fg_socket_close(p.lanes);
    fg_socket_close(p.probes);
    fg_bus_destroy(p.bus);
    if (code < 0)
        fprintf(stderr, "played_matcher: %s\n", err.text[0] ? err.text : strerror(-code));
    return code < 0;
}
