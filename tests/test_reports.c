// SPDX-License-Identifier: Apache-2.0
// What the gate reports: what is sent again until it is acknowledged, in which order, what is kept
// while nobody listens, and what is given up. The clock is ours.
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/log.h"
#include "gate/heartbeat.h"
#include "gate/reports.h"
#include "tests/scratch_folder.h"

#define MS       UINT64_C(1000000)
#define S        (1000 * MS)
#define PATIENCE 20000 // ms

static struct fg_bus *bus;
static struct fg_reports reports;
static struct fg_socket *matcher;
static char endpoint[160];
static int patience; // of inproc none: what was sent is there
static uint64_t now, last_sequence;

static struct fg_decision_id id(uint64_t sequence)
{
    return (struct fg_decision_id){sequence > 0 ? 9 : 0, sequence};
}

static void meet(void)
{
    struct fg_error err = {""};
    if (!reports.socket && fg_reports_open(&reports, bus, endpoint, "1", "gate", &err) < 0)
        fail_msg("%s", err.text);
    for (unsigned i = 0; fg_socket_wait_subscriber(reports.socket, 1) < 0; i++) {
        assert_true(i < PATIENCE);
        fg_bus_poll(&matcher, 1, -1, 0); // who binds greets in its own calls
    }
}

// The matcher's side; what it listens to it hears from now on.
static void come(void)
{
    struct fg_error err = {""};
    if (fg_socket_bind(bus, FG_SOCKET_SUB, endpoint, 1000, &matcher, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(fg_socket_subscribe(matcher, "", 0), 0);
    meet();
}

static void go(void)
{
    fg_socket_close(matcher);
    matcher = NULL;
}

static int begin(void **state)
{
    (void)state;
    reports = (struct fg_reports){0};
    now = 1000 * S;
    last_sequence = 0;
    patience = 0;
    snprintf(endpoint, sizeof endpoint, "inproc://probe");
    return fg_bus_create(&bus);
}

static int finish(void **state)
{
    (void)state;
    fg_reports_close(&reports);
    go();
    fg_bus_destroy(bus);
    return 0;
}

// The next message; one that is not ALIVE, unless that is wanted.
static bool next(struct fg_wire_message *ret, bool alive)
{
    struct fg_message message;
    fg_reports_work(&reports, now);
    while (fg_socket_receive(matcher, patience, &message) == 0) {
        assert_int_equal(message.count, 2);
        assert_string_equal(message.parts[0].data, "1");
        assert_int_equal(fg_wire_decode(message.parts[1].data, message.parts[1].length, ret, NULL),
                         0);
        assert_true(ret->head.sequence == last_sequence + 1); // nothing is lost on the way
        last_sequence++;
        if (!alive && ret->head.type == FG_WIRE_ALIVE)
            continue;
        assert_true(ret->head.t_publish_ns == now);
        return true;
    }
    return false;
}

static void expect(enum fg_wire_type type, uint64_t sequence)
{
    struct fg_wire_message m;
    if (!next(&m, type == FG_WIRE_ALIVE))
        fail_msg("no report of type %d, decision %d", (int)type, (int)sequence);
    assert_int_equal(m.head.type, type);
    assert_int_equal(m.gate.decision, sequence);
    assert_int_equal(m.gate.run, id(sequence).run);
}

static void expect_nothing(void)
{
    struct fg_wire_message m;
    if (next(&m, false))
        fail_msg("type %d of decision %d", (int)m.head.type, (int)m.gate.decision);
}

static void tell(enum fg_wire_type type, uint64_t sequence)
{
    fg_reports_tell(&reports, type, id(sequence), now);
}

static void test_it_is_said_again_until_it_is_acknowledged(void **state)
{
    (void)state;
    come();
    tell(FG_WIRE_PASSED, 7);
    expect(FG_WIRE_PASSED, 7);
    expect_nothing();
    now += 999 * MS;
    expect_nothing();
    for (unsigned i = 0; i < 5; i++) {
        now += S;
        expect(FG_WIRE_PASSED, 7);
    }
    fg_reports_acknowledge(&reports, id(0));
    fg_reports_acknowledge(&reports, id(6));
    fg_reports_acknowledge(&reports, (struct fg_decision_id){8, 7}); // of another run
    now += S;
    expect(FG_WIRE_PASSED, 7);
    fg_reports_acknowledge(&reports, id(7));
    now += 10 * S;
    expect_nothing();
    fg_reports_acknowledge(&reports, id(7)); // heartbeats say it again
    assert_int_equal(reports.acknowledged, 1);
    assert_int_equal(reports.given_up, 0);
}

static void test_one_at_a_time_in_order(void **state)
{
    (void)state;
    come();
    tell(FG_WIRE_PASSED, 1);
    tell(FG_WIRE_TIMEOUT, 2);
    tell(FG_WIRE_PASSED, 3);
    fg_reports_acknowledge(&reports, id(1)); // what was not said yet can't be meant
    for (uint64_t i = 1; i <= 3; i++) {
        expect(i == 2 ? FG_WIRE_TIMEOUT : FG_WIRE_PASSED, i);
        expect_nothing();
        fg_reports_acknowledge(&reports, id(i % 3 + 1)); // not its turn
        now += S;
        expect(i == 2 ? FG_WIRE_TIMEOUT : FG_WIRE_PASSED, i);
        fg_reports_acknowledge(&reports, id(i));
    }
    expect_nothing();
    assert_int_equal(reports.acknowledged, 3);
}

static void test_the_others_are_said_once(void **state)
{
    (void)state;
    static const enum fg_wire_type others[] = {FG_WIRE_FORCED, FG_WIRE_WAKE, FG_WIRE_PASSED,
                                               FG_WIRE_TIMEOUT};
    come();
    tell(FG_WIRE_PASSED, 1);
    expect(FG_WIRE_PASSED, 1);
    for (unsigned i = 0; i < 4; i++) { // and do not wait for it
        tell(others[i], 0);
        expect(others[i], 0);
    }
    tell(FG_WIRE_FORCED, 1);
    expect(FG_WIRE_FORCED, 1);
    now += S;
    expect(FG_WIRE_PASSED, 1);
    expect_nothing();
    assert_int_equal(reports.count, 1);
}

static void test_what_nobody_heard_is_kept(void **state)
{
    (void)state;
    struct fg_wire_message m;
    snprintf(endpoint, sizeof endpoint, "ipc://%s", in_folder("probe")); // which connects anew
    patience = PATIENCE;
    come();
    go();
    for (unsigned i = 0; fg_socket_wait_subscriber(reports.socket, 0) == 0; i++) {
        assert_true(i < PATIENCE);
        usleep(1000);
    }
    const uint64_t then = now;
    tell(FG_WIRE_FORCED, 4);
    tell(FG_WIRE_WAKE, 0);
    tell(FG_WIRE_TIMEOUT, 5);
    for (unsigned i = 0; i < 3600; i++) { // an hour is no try
        now += S;
        fg_reports_work(&reports, now);
    }
    assert_int_equal(reports.sent, 0);
    assert_int_equal(reports.count, 2); // nobody is woken by who was there an hour ago
    come();
    assert_true(next(&m, false));
    assert_int_equal(m.head.type, FG_WIRE_TIMEOUT);
    assert_true(m.head.t_capture_ns == then);
    expect(FG_WIRE_FORCED, 4);
    now += S;
    expect(FG_WIRE_TIMEOUT, 5);
    unlink(in_folder("probe"));
}

static void test_after_ten_minutes_it_is_given_up(void **state)
{
    (void)state;
    come();
    tell(FG_WIRE_PASSED, 1);
    tell(FG_WIRE_PASSED, 2);
    const uint64_t end = now + 600 * S;
    for (; now < end; now += S)
        expect(FG_WIRE_PASSED, 1);
    expect_nothing();
    assert_int_equal(reports.given_up, 1);
    expect(FG_WIRE_PASSED, 2);
    fg_reports_acknowledge(&reports, id(2));
    assert_int_equal(reports.count, 0);
}

static void test_the_oldest_makes_room(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= FG_REPORTS_KEPT + 3; i++)
        tell(FG_WIRE_PASSED, i);
    assert_int_equal(reports.count, FG_REPORTS_KEPT);
    assert_int_equal(reports.given_up, 3);
    come();
    for (uint64_t i = 4; i <= FG_REPORTS_KEPT + 3; i++) {
        expect(FG_WIRE_PASSED, i);
        fg_reports_acknowledge(&reports, id(i));
    }
    expect_nothing();
    tell(FG_WIRE_PASSED, 100);
    fg_reports_close(&reports);
    assert_int_equal(reports.given_up, 4); // what the end leaves counts too
}

// ---- the file ----------------------------------------------------------------------------------

// As kill -9 leaves it: nothing but the file.
static void killed(void)
{
    struct fg_message message;
    while (matcher && fg_socket_receive(matcher, 0, &message) == 0)
        continue;
    fg_socket_close(reports.socket);
    reports = (struct fg_reports){0};
    last_sequence = 0;
}

static int keep(const char *name)
{
    struct fg_error err = {""};
    int r = fg_reports_keep_in(&reports, in_folder(name), &err);
    assert_int_equal(r < 0, err.text[0] != '\0');
    return r;
}

static void test_a_killed_gate_says_it_again(void **state)
{
    (void)state;
    struct fg_wire_message m;
    assert_int_equal(keep("reports"), 0);
    come();
    tell(FG_WIRE_PASSED, 7);
    expect(FG_WIRE_PASSED, 7);
    now += 5 * S;
    tell(FG_WIRE_FORCED, 7); // is not owed
    tell(FG_WIRE_TIMEOUT, 8);
    killed();
    assert_int_equal(keep("reports"), 0);
    assert_int_equal(reports.count, 2);
    meet();
    assert_true(next(&m, false));
    assert_int_equal(m.head.type, FG_WIRE_PASSED);
    assert_true(m.gate.run == 9 && m.gate.decision == 7);
    assert_true(m.head.t_capture_ns == now - 5 * S); // by which the matcher knows it
    fg_reports_acknowledge(&reports, id(7));
    killed();
    assert_int_equal(keep("reports"), 0);
    meet();
    expect(FG_WIRE_TIMEOUT, 8);
    expect_nothing();
    fg_reports_close(&reports); // ended, not killed: kept as well
    assert_int_equal(reports.given_up, 0);
    killed();
    assert_int_equal(keep("reports"), 0);
    meet();
    expect(FG_WIRE_TIMEOUT, 8);
    fg_reports_acknowledge(&reports, id(8));
    killed();
    assert_int_equal(keep("reports"), 0);
    assert_int_equal(reports.count, 0);
    unlink(in_folder("reports"));
}

static void test_files_that_are_off(void **state)
{
    (void)state;
    char text[256];
    const uint64_t boot = fg_boot_number();
    static const char *const bad[] = {
        "9 0000000000000009 7 1\n", // no report
        "34 0000000000000009 7", "34 0000000000000009 7 1 more\n",
        "34 0000000000000009 0 1\n", // of no decision
    };
    static const char *const heads[] = {"", "reports\n", "facegate-reports 2 1\n"};
    for (unsigned i = 0; i < 7; i++) {
        FILE *file = fopen(in_folder("off"), "w");
        if (i < 4)
            snprintf(text, sizeof text, "facegate-reports 1 %016" PRIx64 "\n%s", boot, bad[i]);
        else
            snprintf(text, sizeof text, "%s", heads[i - 4]);
        fputs(text, file);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(keep("off"), -EBADMSG);
        assert_int_equal(reports.count, 0);
    }
    FILE *file = fopen(in_folder("off"), "w"); // of a clock that is gone
    fprintf(file, "facegate-reports 1 %016" PRIx64 "\n%d 0000000000000009 7 1\n", boot + 1,
            (int)FG_WIRE_PASSED);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(keep("off"), 0);
    assert_int_equal(reports.count, 0);
    tell(FG_WIRE_PASSED, 3); // what it is then is this one's
    killed();
    assert_int_equal(keep("off"), 0);
    assert_int_equal(reports.count, 1);
    unlink(in_folder("off"));
}

static void test_without_a_folder_it_goes_on(void **state)
{
    (void)state;
    assert_int_equal(keep("none/reports"), 0);
    come();
    tell(FG_WIRE_PASSED, 7);
    expect(FG_WIRE_PASSED, 7);
    assert_true(reports.unwritten);
    fg_reports_close(&reports);
    assert_int_equal(reports.given_up, 1);
}

static void test_alive_once_a_second(void **state)
{
    (void)state;
    come();
    for (unsigned i = 0; i < 50; i++) {
        fg_reports_work(&reports, now);
        now += 100 * MS;
    }
    assert_int_equal(reports.sent, 5);
    now -= 100 * MS;
    struct fg_message message;
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(fg_socket_receive(matcher, PATIENCE, &message), 0);
    assert_int_equal(fg_socket_receive(matcher, 0, &message), -EAGAIN);
}

// ---- the matcher's answer ----------------------------------------------------------------------

static struct fg_wire_message lane_message(void)
{
    return (struct fg_wire_message){.head = {.type = FG_WIRE_LANE,
                                             .lane = "1",
                                             .source = "matcher",
                                             .session = 5,
                                             .sequence = 1,
                                             .boot = fg_boot_number()},
                                    .lane = {.awake = 1, .ack_run = 9, .ack_decision = 7}};
}

static bool read_lane(const struct fg_wire_message *m, const char *topic, int cut,
                      struct fg_decision_id *ret)
{
    uint8_t body[FG_WIRE_MAX];
    int length = fg_wire_encode(m, body, NULL);
    assert_true(length > 0);
    struct fg_message message = {
        .count = 2, .parts = {{topic, strlen(topic) + 1}, {body, (size_t)(length - cut)}}};
    return fg_heartbeat_read(&message, "1", ret);
}

static void test_heartbeats(void **state)
{
    (void)state;
    struct fg_decision_id got = {0, 0};
    const struct fg_wire_message good = lane_message();
    assert_true(read_lane(&good, "1", 0, &got));
    assert_true(got.run == 9 && got.sequence == 7);
    assert_false(read_lane(&good, "10", 0, &got));
    assert_false(read_lane(&good, "1", 1, &got));
    struct fg_wire_message other = good;
    strcpy(other.head.lane, "2"); // its topic lies
    assert_false(read_lane(&other, "1", 0, &got));
    other = good;
    other.head.boot++;
    assert_false(read_lane(&other, "1", 0, &got));
    other = good;
    other.head.type = FG_WIRE_ALIVE;
    other.gate = (struct fg_wire_gate){9, 7};
    assert_false(read_lane(&other, "1", 0, &got));
    struct fg_message alone = {.count = 1, .parts = {{"1", 2}}};
    assert_false(fg_heartbeat_read(&alone, "1", &got));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_it_is_said_again_until_it_is_acknowledged),
        TEST(test_one_at_a_time_in_order),
        TEST(test_the_others_are_said_once),
        TEST(test_what_nobody_heard_is_kept),
        TEST(test_after_ten_minutes_it_is_given_up),
        TEST(test_the_oldest_makes_room),
        TEST(test_a_killed_gate_says_it_again),
        TEST(test_files_that_are_off),
        TEST(test_without_a_folder_it_goes_on),
        TEST(test_alive_once_a_second),
        TEST(test_heartbeats),
    };
    return cmocka_run_group_tests_name("reports", tests, set_up, tear_down);
}
