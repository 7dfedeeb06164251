// SPDX-License-Identifier: Apache-2.0
// The whole gate in a process of its own, with a played chip that both share: this one is the
// matcher, the person and the systemd around it, over real sockets.
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/bus.h"
#include "common/clock.h"
#include "common/exit.h"
#include "common/json.h"
#include "common/wire.h"
#include "gate/service.h"
#include "matcher/decision.h"
#include "tests/played_chip.h"

#define PATIENCE_MS 20000 // until something that does not come fails the test
#define CALM_MS     60000 // of what must not happen in a test
#define BEAT_MS     100   // between two heartbeats of the matcher
#define NS_PER_MS   UINT64_C(1000000)

static char folder[64], endpoints[4][96]; // decision, lane, probe, published
static struct fg_gpio_system played;
static struct played_chip *chip;
static struct fg_gate_conf conf;
static pid_t gate = -1;
static int notify_fd = -1;
static struct fg_bus *bus;
static struct fg_socket *decisions, *lanes, *reports, *published;
static uint64_t run, sequence;
static struct fg_wire_message heartbeat; // with what was acknowledged last
static bool acknowledges;

// ---- the gate ----------------------------------------------------------------------------------

static void open_notify(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/notify", folder);
    notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(notify_fd >= 0);
    assert_int_equal(bind(notify_fd, (struct sockaddr *)&address, sizeof address), 0);
    struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    setsockopt(notify_fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
    setenv("WATCHDOG_USEC", "1000000", 1);
    unsetenv("WATCHDOG_PID");
}

// What it says to systemd until it says `want`; valid until the next call.
static const char *wait_notify(const char *want)
{
    static char text[1024];
    for (;;) {
        ssize_t n = recv(notify_fd, text, sizeof text - 1, 0);
        if (n < 0)
            fail_msg("no %s", want);
        text[n > 0 ? n : 0] = '\0';
        if (strstr(text, want))
            return text;
    }
}

// Lines are numbered as fg_pin. Nothing is lost, late or given up unless a test makes it so.
static int set_up(void **state)
{
    (void)state;
    static const char *const names[] = {"decision", "lane", "probe", "published"};
    snprintf(folder, sizeof folder, "/tmp/facegate-test-XXXXXX");
    if (!mkdtemp(folder) || !(chip = played_chip_open(&played)))
        return -1;
    for (unsigned i = 0; i < 4; i++)
        snprintf(endpoints[i], sizeof endpoints[i], "ipc://%s/%s", folder, names[i]);
    conf = (struct fg_gate_conf){.lane = "1",
                                 .id = "gate",
                                 .chip = "played",
                                 .rules = {.passage_ms = CALM_MS,
                                           .after_ms = 2000,
                                           .blocked_ms = CALM_MS,
                                           .loss_ms = CALM_MS,
                                           .has_beam = true},
                                 .give_up_ms = CALM_MS,
                                 .command_ms = 5000};
    snprintf(conf.decision, sizeof conf.decision, "%s", endpoints[0]);
    snprintf(conf.lanes, sizeof conf.lanes, "%s", endpoints[1]);
    snprintf(conf.probe, sizeof conf.probe, "%s", endpoints[2]);
    snprintf(conf.publish, sizeof conf.publish, "%s", endpoints[3]);
    for (unsigned i = 0; i < FG_PINS; i++) {
        snprintf(conf.pins[i].line, sizeof conf.pins[i].line, "%u", i);
        conf.pins[i].debounce_ms = 5;
    }
    open_notify();
    run = 9;
    sequence = 0;
    acknowledges = true;
    heartbeat = (struct fg_wire_message){.head = {.type = FG_WIRE_LANE,
                                                  .lane = "1",
                                                  .source = "matcher",
                                                  .session = 1,
                                                  .boot = fg_boot_number()},
                                         .lane = {.awake = 1}};
    return 0;
}

// A fork has to come before any socket: their threads would not be in it.
static void begin_gate(const char *trouble)
{
    pid_t parent = getpid();
    assert_null(bus);
    gate = fork();
    assert_true(gate >= 0);
    if (gate > 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent)
        _exit(fg_service_run(&conf, trouble, &played));
    _exit(99);
}

static int end_gate(void)
{
    int status = 0;
    pid_t pid = gate;
    gate = -1;
    if (pid > 0)
        assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int stop_gate(void)
{
    kill(gate, SIGTERM);
    return end_gate();
}

static void close_matcher(void)
{
    fg_socket_close(decisions);
    fg_socket_close(lanes);
    fg_socket_close(reports);
    decisions = lanes = reports = NULL;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    if (gate > 0) {
        kill(gate, SIGKILL);
        end_gate();
    }
    close_matcher();
    fg_socket_close(published);
    fg_bus_destroy(bus);
    published = NULL;
    bus = NULL;
    close(notify_fd);
    played_chip_close(chip);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

// ---- the matcher -------------------------------------------------------------------------------

static struct fg_socket *bound(enum fg_socket_kind kind, const char *endpoint)
{
    struct fg_socket *socket = NULL;
    struct fg_error err = {""};
    if (fg_socket_bind(bus, kind, endpoint, 1000, &socket, &err) < 0)
        fail_msg("%s", err.text);
    return socket;
}

static void publish_heartbeat(void)
{
    uint8_t body[FG_WIRE_MAX];
    heartbeat.head.sequence++;
    heartbeat.head.t_publish_ns = heartbeat.head.t_capture_ns = fg_monotonic_ns();
    int length = fg_wire_encode(&heartbeat, body, NULL);
    assert_true(length > 0);
    const struct fg_part parts[] = {{"1", 2}, {body, (size_t)length}};
    assert_int_equal(fg_socket_send(lanes, parts, 2), 0);
}

// To be called while anything is waited for: the matcher lives.
static void live(void)
{
    if (lanes && fg_monotonic_ns() - heartbeat.head.t_publish_ns >= BEAT_MS * NS_PER_MS)
        publish_heartbeat();
}

static void open_matcher(void)
{
    if (!bus)
        assert_int_equal(fg_bus_create(&bus), 0);
    decisions = bound(FG_SOCKET_PUB, endpoints[0]);
    lanes = bound(FG_SOCKET_PUB, endpoints[1]);
    reports = bound(FG_SOCKET_SUB, endpoints[2]);
    assert_int_equal(fg_socket_subscribe(reports, "", 0), 0);
    assert_int_equal(fg_socket_wait_subscriber(decisions, PATIENCE_MS), 0);
    assert_int_equal(fg_socket_wait_subscriber(lanes, PATIENCE_MS), 0);
}

static void publish_text(const char *topic, const char *text)
{
    const struct fg_part parts[] = {{topic, strlen(topic) + 1}, {text, strlen(text)}};
    assert_int_equal(fg_socket_send(decisions, parts, 2), 0);
}

// Made `age_ms` ago.
static void decide(enum fg_outcome outcome, uint64_t number, unsigned age_ms)
{
    const struct fg_decision d = {.sequence = number,
                                  .lane = "1",
                                  .outcome = outcome,
                                  .reason = FG_WHY_MATCHED,
                                  .subject = "p1",
                                  .t_decision_ns = fg_monotonic_ns() - age_ms * NS_PER_MS};
    // A machine that is slow must not make it late; what is late here is so by its age.
    const struct fg_decision_context context = {
        .profile = "test", .run = run, .valid_ms = PATIENCE_MS};
    struct fg_json *json = fg_decision_json(&d, &context);
    char *text = fg_json_print(json, false);
    publish_text("1", text);
    free(text);
    fg_json_destroy(json);
}

static uint64_t admit(void)
{
    decide(FG_ADMIT, ++sequence, 0);
    return sequence;
}

static void receive(struct fg_socket *socket, const char *what, struct fg_message *ret)
{
    const uint64_t end = fg_monotonic_ns() + PATIENCE_MS * NS_PER_MS;
    while (fg_socket_receive(socket, BEAT_MS, ret) != 0) {
        live();
        if (fg_monotonic_ns() > end)
            fail_msg("no %s came", what);
    }
}

static void next_report(struct fg_wire_message *ret)
{
    struct fg_message message;
    struct fg_error err = {""};
    receive(reports, "report", &message);
    assert_int_equal(message.count, 2);
    assert_int_equal(message.parts[0].length, 2); // the lane and its NUL
    if (fg_wire_decode(message.parts[1].data, message.parts[1].length, ret, &err) != 0)
        fail_msg("%s", err.text);
    assert_string_equal(ret->head.lane, "1");
    assert_string_equal(ret->head.source, "gate");
    assert_true(ret->head.boot == fg_boot_number());
    assert_true(ret->head.t_capture_ns <= ret->head.t_publish_ns);
}

static void acknowledge(const struct fg_wire_message *report)
{
    heartbeat.lane.ack_run = report->gate.run;
    heartbeat.lane.ack_decision = report->gate.decision;
    publish_heartbeat();
}

// ALIVE and WAKE count only when they are wanted, and what was said again before it knew that it
// had been acknowledged does not.
static bool is_passed_over(const struct fg_wire_message *m, enum fg_wire_type wanted)
{
    const bool settles = m->head.type == FG_WIRE_PASSED || m->head.type == FG_WIRE_TIMEOUT;
    if (m->head.type == FG_WIRE_ALIVE || m->head.type == FG_WIRE_WAKE)
        return m->head.type != wanted;
    return settles && m->gate.decision > 0 && m->gate.run == heartbeat.lane.ack_run &&
           m->gate.decision == heartbeat.lane.ack_decision;
}

static void expect_report(enum fg_wire_type type, uint64_t decision)
{
    struct fg_wire_message m;
    const uint64_t end = fg_monotonic_ns() + PATIENCE_MS * NS_PER_MS;
    do {
        next_report(&m);
        if (fg_monotonic_ns() > end)
            fail_msg("no report of type %d", (int)type);
    } while (is_passed_over(&m, type));
    assert_int_equal(m.head.type, type);
    assert_true(m.gate.decision == decision);
    assert_true(m.gate.run == (decision > 0 ? run : 0));
    if (acknowledges && (type == FG_WIRE_PASSED || type == FG_WIRE_TIMEOUT))
        acknowledge(&m);
}

// What it publishes until `event`; what it says then about being open is `open`.
static void expect_event(const char *event, bool open)
{
    struct fg_message message;
    const uint64_t end = fg_monotonic_ns() + PATIENCE_MS * NS_PER_MS;
    for (bool found = false; !found;) {
        struct fg_json *json = NULL;
        receive(published, event, &message);
        if (fg_monotonic_ns() > end)
            fail_msg("no %s was published", event);
        assert_int_equal(fg_json_parse(message.parts[1].data, message.parts[1].length, &json, NULL),
                         0);
        assert_string_equal(fg_json_get_string(json, "lane", ""), "1");
        found = strcmp(fg_json_get_string(json, "event", ""), event) == 0;
        if (found)
            assert_int_equal(fg_json_get_bool(json, "open", !open), open);
        fg_json_destroy(json);
    }
}

// From its state on, which comes once a second: nothing after it is missed.
static void listen_to_gate(void)
{
    struct fg_error err = {""};
    if (!bus)
        assert_int_equal(fg_bus_create(&bus), 0);
    assert_int_equal(fg_socket_connect(bus, FG_SOCKET_SUB, endpoints[3], 1000, &published, &err),
                     0);
    assert_int_equal(fg_socket_subscribe(published, "1", 2), 0);
    expect_event("state", false);
}

// ---- what is outside ---------------------------------------------------------------------------

static bool within(atomic_bool *level, bool on)
{
    for (unsigned i = 0; i < PATIENCE_MS / 2; i++) {
        if (*level == on)
            return true;
        live();
        poll(NULL, 0, 2);
    }
    return false;
}

static void expect_line(enum fg_pin pin, bool on)
{
    if (!within(&chip->lines[pin].level, on))
        fail_msg("%s did not go %s", fg_pin_name(pin), on ? "on" : "off");
}

// Someone is in the beam until the gate has looked at it often enough to have seen that.
static void cross(void)
{
    const unsigned before = chip->lines[FG_PIN_BEAM].gets;
    played_chip_put(chip, FG_PIN_BEAM, true);
    for (unsigned i = 0; i < PATIENCE_MS / 2 && chip->lines[FG_PIN_BEAM].gets - before < 4; i++)
        poll(NULL, 0, 2);
    played_chip_put(chip, FG_PIN_BEAM, false);
}

// ---- tests -------------------------------------------------------------------------------------

static void test_a_person_passes(void **state)
{
    (void)state;
    begin_gate(NULL);
    wait_notify("READY=1");
    assert_true(chip->lines[FG_PIN_RED].level);
    open_matcher();
    listen_to_gate();
    expect_report(FG_WIRE_ALIVE, 0);
    uint64_t decision = admit();
    expect_line(FG_PIN_OPEN, true);
    wait_notify("STATUS=open");
    expect_line(FG_PIN_GREEN, true);
    expect_line(FG_PIN_RED, false);
    cross();
    expect_report(FG_WIRE_PASSED, decision);
    expect_line(FG_PIN_OPEN, false);
    expect_event("opened", true);
    expect_event("passed", false);
    expect_event("closed", false);
    wait_notify("WATCHDOG=1");
    assert_int_equal(stop_gate(), FG_EXIT_OK);
    wait_notify("STOPPING=1");
    expect_event("stopped", false);
}

static void test_it_is_reported_until_it_is_acknowledged(void **state)
{
    (void)state;
    struct fg_wire_message first, again;
    conf.rules.passage_ms = 200;
    acknowledges = false;
    begin_gate(NULL);
    open_matcher();
    uint64_t decision = admit();
    do
        next_report(&first);
    while (first.head.type != FG_WIRE_TIMEOUT);
    expect_report(FG_WIRE_TIMEOUT, decision);
    admit();
    expect_line(FG_PIN_OPEN, true);
    expect_line(FG_PIN_OPEN, false);
    do
        next_report(&again);
    while (again.head.type != FG_WIRE_TIMEOUT);
    assert_true(again.gate.decision == decision); // the other waits
    assert_true(again.head.t_capture_ns == first.head.t_capture_ns);
    acknowledge(&again);
    expect_report(FG_WIRE_TIMEOUT, sequence);
    expect_report(FG_WIRE_TIMEOUT, sequence);
}

static void test_nobody_passes(void **state)
{
    (void)state;
    conf.rules.passage_ms = 200;
    begin_gate(NULL);
    open_matcher();
    uint64_t decision = admit();
    expect_report(FG_WIRE_TIMEOUT, decision);
    expect_line(FG_PIN_OPEN, false);
    assert_int_equal(chip->lines[FG_PIN_OPEN].sets, 2); // opened once, closed once
}

static void test_two_pass_for_one(void **state)
{
    (void)state;
    conf.rules.after_ms = CALM_MS;
    begin_gate(NULL);
    open_matcher();
    uint64_t decision = admit();
    expect_line(FG_PIN_OPEN, true);
    cross();
    expect_report(FG_WIRE_PASSED, decision);
    cross();
    expect_report(FG_WIRE_FORCED, decision);
    expect_line(FG_PIN_BUZZER, true);
}

static void test_late_and_repeated_decisions_open_nothing(void **state)
{
    (void)state;
    begin_gate(NULL);
    open_matcher();
    listen_to_gate();
    decide(FG_ADMIT, 5, PATIENCE_MS + 1000);
    expect_report(FG_WIRE_TIMEOUT, 5); // so that its matcher does not wait for it
    decide(FG_ADMIT, 5, 0);
    decide(FG_ADMIT, 4, 0);
    publish_text("1", "{\"outcome\":\"admit\"}");
    publish_text("1", "admit");
    publish_text("1", "");
    decide(FG_DENY, 6, 0);
    expect_event("deny", false); // the last of them was heard
    assert_int_equal(chip->lines[FG_PIN_OPEN].sets, 0);
    sequence = 6;
    admit();
    expect_line(FG_PIN_OPEN, true);
}

static void test_refusals_blink(void **state)
{
    (void)state;
    begin_gate(NULL);
    open_matcher();
    decide(FG_DENY, ++sequence, 0);
    expect_line(FG_PIN_BUZZER, true);
    expect_line(FG_PIN_BUZZER, false);
    expect_line(FG_PIN_RED, false);
    expect_line(FG_PIN_RED, true);
    decide(FG_RETRY, ++sequence, 0);
    expect_line(FG_PIN_GREEN, true);
    expect_line(FG_PIN_GREEN, false);
    assert_int_equal(chip->lines[FG_PIN_OPEN].sets, 0);
}

static void test_the_button_wakes(void **state)
{
    (void)state;
    begin_gate(NULL);
    open_matcher();
    expect_report(FG_WIRE_ALIVE, 0);
    played_chip_put(chip, FG_PIN_BUTTON, true);
    expect_report(FG_WIRE_WAKE, 0);
    played_chip_put(chip, FG_PIN_BUTTON, false);
}

static void test_the_beam_wakes(void **state)
{
    (void)state;
    begin_gate(NULL);
    open_matcher();
    expect_report(FG_WIRE_ALIVE, 0); // the matcher listens
    cross();
    expect_report(FG_WIRE_WAKE, 0);
    expect_report(FG_WIRE_FORCED, 0);
}

static void test_an_emergency_needs_nobody(void **state)
{
    (void)state;
    begin_gate(NULL); // no matcher, no socket of one
    wait_notify("READY=1");
    played_chip_put(chip, FG_PIN_EMERGENCY, true);
    expect_line(FG_PIN_OPEN, true);
    wait_notify("STATUS=emergency");
    assert_int_equal(stop_gate(), FG_EXIT_OK);
    assert_true(chip->lines[FG_PIN_OPEN].level); // nobody is locked in by a restart
}

static void test_an_emergency_ends(void **state)
{
    (void)state;
    begin_gate(NULL);
    played_chip_put(chip, FG_PIN_EMERGENCY, true);
    expect_line(FG_PIN_OPEN, true);
    played_chip_put(chip, FG_PIN_EMERGENCY, false);
    expect_line(FG_PIN_OPEN, false);
    assert_int_equal(stop_gate(), FG_EXIT_OK);
}

static void test_a_matcher_that_goes_and_comes(void **state)
{
    (void)state;
    conf.rules.on_loss = FG_ON_LOSS_OPEN;
    conf.rules.loss_ms = 2000;
    conf.rules.after_ms = CALM_MS;
    begin_gate(NULL);
    open_matcher();
    listen_to_gate();
    expect_line(FG_PIN_OPEN, false);
    uint64_t decision = admit();
    expect_line(FG_PIN_OPEN, true);
    cross();
    expect_report(FG_WIRE_PASSED, decision);
    expect_line(FG_PIN_OPEN, false);
    close_matcher();
    expect_line(FG_PIN_OPEN, true);
    expect_event("lost", true);
    cross();
    expect_event("forced", true);
    open_matcher();
    expect_report(FG_WIRE_FORCED, decision); // told by who was there
    expect_event("back", false);
    expect_line(FG_PIN_OPEN, false);
    run++; // and it is another one
    sequence = 0;
    admit();
    expect_line(FG_PIN_OPEN, true);
}

static pid_t begin_frozen_matcher(void)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (fg_bus_create(&bus) == 0 &&
        fg_socket_bind(bus, FG_SOCKET_PUB, endpoints[1], 10, &lanes, NULL) == 0)
        for (;; poll(NULL, 0, BEAT_MS))
            live();
    _exit(99);
}

static void test_a_matcher_that_freezes(void **state)
{
    (void)state;
    conf.rules.loss_ms = 2000;
    pid_t matcher = begin_frozen_matcher();
    begin_gate(NULL);
    listen_to_gate();
    kill(matcher, SIGSTOP);
    expect_event("lost", false);
    kill(matcher, SIGCONT);
    expect_event("back", false);
    kill(matcher, SIGKILL);
    assert_int_equal(waitpid(matcher, NULL, 0), matcher);
    expect_event("lost", false);
}

static void test_a_chip_that_stays_away(void **state)
{
    (void)state;
    conf.give_up_ms = 300;
    chip->gone = true;
    begin_gate(NULL);
    assert_int_equal(end_gate(), FG_EXIT_TEMPORARY);
    assert_non_null(wait_notify("chip played: there is none"));
}

static void test_a_chip_that_comes_late(void **state)
{
    (void)state;
    chip->gone = true;
    begin_gate(NULL);
    open_matcher();
    uint64_t decision = admit();
    expect_report(FG_WIRE_TIMEOUT, decision); // it can't be opened
    chip->gone = false;
    wait_notify("READY=1");
    admit();
    expect_line(FG_PIN_OPEN, true);
}

static void test_an_emergency_outlasts_a_missing_lamp(void **state)
{
    (void)state;
    conf.give_up_ms = 300;
    chip->lines[FG_PIN_GREEN].taken = true;
    played_chip_put(chip, FG_PIN_EMERGENCY, true);
    begin_gate(NULL);
    expect_line(FG_PIN_OPEN, true);
    poll(NULL, 0, 1000);
    assert_true(chip->lines[FG_PIN_OPEN].level);
    played_chip_put(chip, FG_PIN_EMERGENCY, false);
    assert_int_equal(end_gate(), FG_EXIT_TEMPORARY); // now that nobody needs it
    assert_false(chip->lines[FG_PIN_OPEN].level);
}

// Nor is a lane that opened because the matcher is lost.
static void test_a_loss_outlasts_a_missing_lamp(void **state)
{
    (void)state;
    conf.give_up_ms = 1000;
    conf.rules.loss_ms = 300;
    conf.rules.on_loss = FG_ON_LOSS_OPEN;
    chip->lines[FG_PIN_GREEN].taken = true;
    begin_gate(NULL);
    expect_line(FG_PIN_OPEN, true);
    poll(NULL, 0, 2000);
    assert_true(chip->lines[FG_PIN_OPEN].level);
    open_matcher();
    expect_line(FG_PIN_OPEN, false);
    assert_int_equal(end_gate(), FG_EXIT_TEMPORARY);
}

static void kill_gate(void)
{
    kill(gate, SIGKILL);
    assert_int_equal(end_gate(), 128 + SIGKILL);
}

static void test_it_is_killed_while_open(void **state)
{
    (void)state;
    conf.rules.button_opens = true;
    begin_gate(NULL);
    wait_notify("READY=1");
    played_chip_put(chip, FG_PIN_BUTTON, true);
    expect_line(FG_PIN_GREEN, true);
    kill_gate();
    played_chip_put(chip, FG_PIN_BUTTON, false);
    assert_true(chip->lines[FG_PIN_OPEN].level); // as this chip does
    begin_gate(NULL);
    expect_line(FG_PIN_OPEN, false);
    wait_notify("READY=1");
    expect_line(FG_PIN_RED, true);
    expect_line(FG_PIN_GREEN, false);
}

static void test_it_is_killed_in_an_emergency(void **state)
{
    (void)state;
    begin_gate(NULL);
    played_chip_put(chip, FG_PIN_EMERGENCY, true);
    expect_line(FG_PIN_OPEN, true);
    kill_gate();
    begin_gate(NULL);
    wait_notify("STATUS=emergency");
    assert_int_equal(chip->lines[FG_PIN_OPEN].falls, 0);
    played_chip_put(chip, FG_PIN_EMERGENCY, false);
    expect_line(FG_PIN_OPEN, false);
}

static void test_a_salvaged_configuration(void **state)
{
    (void)state;
    assert_int_equal(fg_gate_conf_reduce(&conf), 0);
    begin_gate("gate.conf:3: is off");
    const char *status = wait_notify("STATUS=closed; for an emergency alone");
    assert_non_null(strstr(status, "gate.conf:3: is off"));
    played_chip_put(chip, FG_PIN_EMERGENCY, true);
    expect_line(FG_PIN_OPEN, true);
    assert_int_equal(chip->lines[FG_PIN_RED].opened, 0);
    played_chip_put(chip, FG_PIN_EMERGENCY, false);
    expect_line(FG_PIN_OPEN, false);
    assert_int_equal(stop_gate(), FG_EXIT_OK);
}

static void test_an_endpoint_that_is_none(void **state)
{
    (void)state;
    snprintf(conf.decision, sizeof conf.decision, "tcp://1.2.3.4:5");
    begin_gate(NULL);
    wait_notify("TCP would send");
    played_chip_put(chip, FG_PIN_EMERGENCY, true);
    expect_line(FG_PIN_OPEN, true);
    stop_gate();
    conf.pins[FG_PIN_EMERGENCY].line[0] = 0;
    begin_gate(NULL);
    assert_int_equal(end_gate(), FG_EXIT_CONFIG);
}

static void test_a_published_socket_in_use(void **state)
{
    (void)state;
    begin_gate(NULL);
    wait_notify("READY=1");
    pid_t first = gate;
    begin_gate(NULL);
    assert_int_equal(end_gate(), FG_EXIT_TEMPORARY);
    gate = first;
}

static void test_how_it_is_left(void **state)
{
    (void)state;
    conf.on_stop = FG_ON_STOP_OPEN;
    begin_gate(NULL);
    wait_notify("READY=1");
    assert_int_equal(stop_gate(), FG_EXIT_OK);
    assert_true(chip->lines[FG_PIN_OPEN].level);
    assert_false(chip->lines[FG_PIN_RED].level);
}

// ---- a program that is run ---------------------------------------------------------------------

static void write_script(const char *text)
{
    char path[96];
    snprintf(path, sizeof path, "%s/script", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    // more than one blank, and words that a shell would read
    snprintf(conf.command, sizeof conf.command, "/bin/sh %s  %s/log ;reboot $HOME", path, folder);
}

static const char *read_log(void)
{
    static char text[8192];
    char path[96];
    snprintf(path, sizeof path, "%s/log", folder);
    FILE *file = fopen(path, "r");
    text[0] = 0;
    if (file) {
        text[fread(text, 1, sizeof text - 1, file)] = 0;
        fclose(file);
    }
    return text;
}

static void expect_log(const char *text)
{
    for (unsigned i = 0; i < PATIENCE_MS / 5 && !strstr(read_log(), text); i++)
        poll(NULL, 0, 5);
    if (!strstr(read_log(), text))
        fail_msg("no \"%s\" in: %s", text, read_log());
}

static void test_a_program_is_run(void **state)
{
    (void)state;
    write_script(
        "echo \"$2 $3 $# lane=$FACEGATE_LANE event=$FACEGATE_EVENT state=$FACEGATE_STATE "
        "open=$FACEGATE_OPEN run=$FACEGATE_RUN decision=$FACEGATE_DECISION home=$HOME\" >>$1\n");
    setenv("HOME", "/nowhere", 1);
    begin_gate(NULL);
    expect_log("event=state state=closed open=0"); // whatever it was told before a kill
    open_matcher();
    uint64_t decision = admit();
    expect_log(";reboot $HOME 3 lane=1 event=opened state=open open=1 "
               "run=0000000000000009 decision=1 home=\n");
    cross();
    expect_report(FG_WIRE_PASSED, decision);
    assert_int_equal(stop_gate(), FG_EXIT_OK);
    expect_log("event=stopped state=stopped open=0 run=0000000000000000 decision=0");
    const char *log = read_log();
    assert_true(strstr(log, "event=opened") < strstr(log, "event=passed"));
    assert_true(strstr(log, "event=passed") < strstr(log, "event=stopped"));
}

static void test_a_program_that_hangs_is_killed(void **state)
{
    (void)state;
    conf.command_ms = 200;
    write_script("echo $FACEGATE_EVENT >>$1\n[ $FACEGATE_EVENT != opened ] || sleep 1000\n");
    begin_gate(NULL);
    open_matcher();
    admit();
    expect_log("opened\n");
    played_chip_put(chip, FG_PIN_BUTTON, true);
    expect_log("opened\nwake\n");
    assert_true(chip->lines[FG_PIN_OPEN].level); // the lines do not wait for it
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_person_passes),
        TEST(test_it_is_reported_until_it_is_acknowledged),
        TEST(test_nobody_passes),
        TEST(test_two_pass_for_one),
        TEST(test_late_and_repeated_decisions_open_nothing),
        TEST(test_refusals_blink),
        TEST(test_the_button_wakes),
        TEST(test_the_beam_wakes),
        TEST(test_an_emergency_needs_nobody),
        TEST(test_an_emergency_ends),
        TEST(test_a_matcher_that_goes_and_comes),
        TEST(test_a_matcher_that_freezes),
        TEST(test_a_chip_that_stays_away),
        TEST(test_a_chip_that_comes_late),
        TEST(test_an_emergency_outlasts_a_missing_lamp),
        TEST(test_a_loss_outlasts_a_missing_lamp),
        TEST(test_it_is_killed_while_open),
        TEST(test_it_is_killed_in_an_emergency),
        TEST(test_a_salvaged_configuration),
        TEST(test_an_endpoint_that_is_none),
        TEST(test_a_published_socket_in_use),
        TEST(test_how_it_is_left),
        TEST(test_a_program_is_run),
        TEST(test_a_program_that_hangs_is_killed),
    };
    return cmocka_run_group_tests_name("gate", tests, NULL, NULL);
}
