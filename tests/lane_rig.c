// SPDX-License-Identifier: Apache-2.0
#include "tests/lane_rig.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/bus.h"
#include "tests/rig.h"
#include "tools/child.h"

#define DECISIONS 512
#define QUIET_MS  400

static struct fg_bus *bus;
static struct fg_socket *decisions, *reports, *lanes;
static struct fg_json *seen[DECISIONS];
static unsigned n_seen, judged[DECISIONS], n_judged, films;
static uint64_t sequence;
static char profile[512];
static const char *const *matcher_words;

static const char *endpoint(const char *name)
{
    static char text[256];
    snprintf(text, sizeof text, "ipc://%s", rig_path("%s", name));
    return text;
}

// ---- programs ----------------------------------------------------------------------------------

static void run(const char *const *argv, const char *log)
{
    struct fg_child child;
    struct fg_error err = {""};
    memset(&child, 0, sizeof child);
    if (fg_child_start(&child, argv, log, &err) < 0)
        fail_msg("%s", err.text);
    if (fg_child_wait(&child, 120000) < 0 || child.exit_code != 0)
        fail_msg("%s: %s", argv[0], rig_read(log));
}

static void forget(void)
{
    while (n_seen > 0)
        fg_json_destroy(seen[--n_seen]);
    n_judged = 0;
}

static void connect_all(void)
{
    struct fg_error err = {""};
    assert_int_equal(fg_bus_create(&bus), 0);
    if (fg_socket_connect(bus, FG_SOCKET_SUB, endpoint("decision"), 1000, &decisions, &err) < 0 ||
        fg_socket_connect(bus, FG_SOCKET_SUB, endpoint("lane.sock"), 1000, &lanes, &err) < 0 ||
        fg_socket_connect(bus, FG_SOCKET_PUB, endpoint("probe"), 1000, &reports, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(fg_socket_subscribe(decisions, "", 0), 0);
    assert_int_equal(fg_socket_subscribe(lanes, "", 0), 0);
    assert_int_equal(fg_socket_wait_subscriber(reports, 10000), 0);
}

static void disconnect_all(void)
{
    fg_socket_close(decisions);
    fg_socket_close(lanes);
    fg_socket_close(reports);
    fg_bus_destroy(bus);
    decisions = lanes = reports = NULL;
    bus = NULL;
}

void lane_open(const char *name, const char *more, const char *const *words)
{
    char *text, *attended = rig_read("profiles/attended.conf");
    snprintf(profile, sizeof profile, "%s", rig_path("%s.ini", name));
    char shipped[64];
    snprintf(shipped, sizeof shipped, "profiles/%s.ini", name);
    text = rig_read(shipped);
    rig_write(profile, text, strlen(text));
    rig_make_folder(rig_path("%s.ini.d", name));
    rig_write(rig_path("%s.ini.d/attended.conf", name), attended, strlen(attended));
    if (more[0])
        rig_write(rig_path("%s.ini.d/more.conf", name), more, strlen(more));
    free(text);
    free(attended);
    matcher_words = words;
    rig_start_matcher_with(profile, words);
    connect_all();
}

void lane_close(void)
{
    forget();
    if (bus)
        disconnect_all();
}

void lane_restart(int signal)
{
    disconnect_all();
    if (signal == SIGKILL)
        rig_kill_matcher();
    else
        rig_stop_matcher();
    rig_start_matcher_with(profile, matcher_words);
    connect_all();
}

// ---- people ------------------------------------------------------------------------------------

static const char *make_film(const char *script)
{
    const char *film = rig_path("film-%u", films++);
    const char *const argv[] = {rig_program("footage"),
                                "--lane",
                                script,
                                film,
                                "models/sample1.jpg",
                                "models/sample2.jpg",
                                "models/sample3.jpg",
                                "models/sample4.jpg",
                                "models/sample5.jpg",
                                "models/sample6.jpg",
                                NULL};
    run(argv, rig_path("footage.log"));
    return film;
}

void lane_enrol_words(const char *id, const char *person, const char *const *words)
{
    char script[64], pictures[2][256];
    const char *argv[24] = {"enrol", "--id", id};
    unsigned n = 3;
    snprintf(script, sizeof script, "%s:0.1", person);
    const char *film = make_film(script);
    for (unsigned i = 0; i < 2; i++)
        snprintf(pictures[i], sizeof pictures[i], "%s/enrol/%s_%u.jpg", film, person, i + 1);
    for (; *words && n < 20; words++)
        argv[n++] = *words;
    argv[n++] = pictures[0];
    argv[n] = pictures[1];
    if (rig_run_words(argv) != 0)
        fail_msg("%s%s", rig_out, rig_err);
}

const char *lane_picture(const char *person)
{
    char script[64];
    snprintf(script, sizeof script, "%s:0.1", person);
    const char *film = make_film(script);
    return rig_path("%s/enrol/%s_2.jpg", strrchr(film, '/') + 1, person);
}

static void take_decisions(void)
{
    struct fg_message message;
    while (fg_socket_receive(decisions, QUIET_MS, &message) == 0 && n_seen < DECISIONS) {
        assert_int_equal(message.count, 2);
        assert_int_equal(
            fg_json_parse(message.parts[1].data, message.parts[1].length, &seen[n_seen], NULL), 0);
        if (strcmp(fg_json_get_string(seen[n_seen], "outcome", ""), "retry") != 0)
            judged[n_judged++] = n_seen;
        n_seen++;
    }
}

void lane_see(const char *lane, const char *script)
{
    char source[256], probe[256];
    const char *film = make_film(script);
    snprintf(source, sizeof source, "file:%s/footage.mjpeg", film);
    snprintf(probe, sizeof probe, "%s", endpoint("probe"));
    const char *const argv[] = {rig_program("facegate-camera"),
                                "--source",
                                source,
                                "--lane",
                                lane,
                                "--probe",
                                probe,
                                "--models",
                                getenv("FACEGATE_MODELS"),
                                "--id",
                                lane,
                                NULL};
    forget();
    run(argv, rig_path("camera.log"));
    take_decisions();
}

unsigned lane_decisions(void)
{
    return n_judged;
}

const struct fg_json *lane_decision(unsigned index)
{
    assert_true(index < n_judged);
    return seen[judged[index]];
}

static void tell_all(void)
{
    for (unsigned i = 0; i < n_seen; i++) {
        char *text = fg_json_print(seen[i], false);
        print_error("%s\n", text);
        free(text);
    }
}

const struct fg_json *lane_expect(const char *outcome, const char *reason)
{
    const struct fg_json *decision = n_judged == 1 ? seen[judged[0]] : NULL;
    if (!decision || strcmp(fg_json_get_string(decision, "outcome", ""), outcome) != 0 ||
        strcmp(fg_json_get_string(decision, "reason", ""), reason) != 0) {
        tell_all();
        fail_msg("%s %s was expected, alone", outcome, reason);
    }
    return decision;
}

bool lane_heard(const char *reason)
{
    for (unsigned i = 0; i < n_seen; i++)
        if (strcmp(fg_json_get_string(seen[i], "reason", ""), reason) == 0)
            return true;
    return false;
}

// ---- the gate ----------------------------------------------------------------------------------

static bool acknowledged(uint64_t of_run, uint64_t decision)
{
    struct fg_message message;
    static struct fg_wire_message lane;
    while (fg_socket_receive(lanes, 100, &message) == 0)
        if (message.count == 2 &&
            fg_wire_decode(message.parts[1].data, message.parts[1].length, &lane, NULL) == 0 &&
            lane.lane.ack_run == of_run && lane.lane.ack_decision == decision)
            return true;
    return false;
}

void lane_report(enum fg_wire_type type, const struct fg_json *decision, uint64_t event)
{
    static struct fg_wire_message m;
    uint8_t bytes[FG_WIRE_MAX];
    char topic[FG_WIRE_NAME];
    struct fg_error err = {""};
    memset(&m, 0, sizeof m);
    m.head = (struct fg_wire_head){
        .type = type, .source = "gate", .session = 4242, .t_capture_ns = event, .boot = 1};
    snprintf(m.head.lane, sizeof m.head.lane, "%s", fg_json_get_string(decision, "lane", "?"));
    m.gate.run = strtoull(fg_json_get_string(decision, "run", "0"), NULL, 16);
    m.gate.decision = (uint64_t)fg_json_get_number(decision, "seq", 0);
    for (unsigned tries = 0; tries < 50; tries++) {
        m.head.sequence = ++sequence;
        int length = fg_wire_encode(&m, bytes, &err);
        if (length < 0)
            fail_msg("%s", err.text);
        struct fg_part parts[] = {{topic, fg_wire_topic(m.head.lane, topic)},
                                  {bytes, (size_t)length}};
        assert_int_equal(fg_socket_send(reports, parts, 2), 0);
        if (type == FG_WIRE_FORCED || acknowledged(m.gate.run, m.gate.decision))
            return;
    }
    fail_msg("the matcher does not acknowledge a report");
}

// ---- requests ----------------------------------------------------------------------------------

struct fg_json *lane_ask_at(const char *at, struct fg_json *request, const void *bytes,
                            size_t length)
{
    struct fg_socket *client = NULL;
    struct fg_error err = {""};
    struct fg_message message;
    struct fg_json *answer = NULL;
    fg_json_add_number(request, "v", 1);
    char *text = fg_json_print(request, false);
    fg_json_destroy(request);
    struct fg_part parts[] = {{text, strlen(text)}, {bytes, length}};
    if (fg_socket_connect(bus, FG_SOCKET_DEALER, at ? at : endpoint("control"), 8, &client, &err) <
        0)
        fail_msg("%s", err.text);
    assert_int_equal(fg_socket_send(client, parts, bytes ? 2 : 1), 0);
    assert_int_equal(fg_socket_receive(client, 10000, &message), 0);
    assert_int_equal(fg_json_parse(message.parts[0].data, message.parts[0].length, &answer, NULL),
                     0);
    fg_socket_close(client);
    free(text);
    return answer;
}
