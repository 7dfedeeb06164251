// SPDX-License-Identifier: Apache-2.0
// The draining thread: the newest probe of a track wins, the order of arrival holds, and every
// loss is counted.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "matcher/drain.h"

static struct fg_bus *bus;
static struct fg_drain *drain;
static struct fg_socket *camera;
static uint64_t sequence;

static int setup(void **state)
{
    (void)state;
    struct fg_error err = {""};
    sequence = 0;
    assert_int_equal(fg_bus_create(&bus), 0);
    if (fg_drain_start(bus, "inproc://probe", &drain, &err) < 0 ||
        fg_socket_connect(bus, FG_SOCKET_PUB, "inproc://probe", 1000, &camera, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(fg_socket_wait_subscriber(camera, 20000), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fg_drain_stop(drain);
    fg_socket_close(camera);
    fg_bus_destroy(bus);
    return 0;
}

// Sends, and waits until the thread has it: the high-water mark is small on purpose.
static void send(enum fg_wire_type type, uint32_t track)
{
    static struct fg_wire_message m;
    static uint8_t bytes[FG_WIRE_MAX];
    struct fg_drain_counters n = {0};
    struct fg_error err = {""};
    memset(&m, 0, sizeof m);
    sequence++;
    m.head = (struct fg_wire_head){
        .type = type, .lane = "lane", .source = "cam", .session = 1, .sequence = sequence};
    m.probe.track = track;
    m.probe.dimension = 1;
    m.probe.vector[0] = 1;
    if (type == FG_WIRE_NOTICE)
        m.notice = (struct fg_wire_notice){.track = track, .reason = FG_REASON_TRACK_LOST};
    int length = fg_wire_encode(&m, bytes, &err);
    if (length < 0)
        fail_msg("%s", err.text);
    struct fg_part parts[] = {{"lane", 5}, {bytes, (size_t)length}};
    assert_int_equal(fg_socket_send(camera, parts, 2), 0);
    while (n.received < sequence) {
        fg_drain_counters(drain, &n);
        fg_sleep_until_ns(fg_monotonic_ns() + 50000);
    }
}

static void expect(enum fg_wire_type type, uint64_t want_sequence)
{
    static struct fg_wire_message m;
    assert_true(fg_drain_take(drain, &m));
    assert_int_equal(m.head.type, type);
    assert_int_equal(m.head.sequence, want_sequence);
}

static void expect_nothing(void)
{
    static struct fg_wire_message m;
    assert_false(fg_drain_take(drain, &m));
}

static void test_newest_wins(void **state)
{
    (void)state;
    struct fg_drain_counters n;
    uint64_t wakes;
    send(FG_WIRE_PROBE, 1);
    send(FG_WIRE_PROBE, 2);
    send(FG_WIRE_PROBE, 1);
    send(FG_WIRE_NOTICE, 2);
    send(FG_WIRE_PROBE, 1);
    assert_int_equal(read(fg_drain_fd(drain), &wakes, sizeof wakes), sizeof wakes);
    expect(FG_WIRE_PROBE, 2);
    expect(FG_WIRE_NOTICE, 4); // after its track's probe
    expect(FG_WIRE_PROBE, 5);
    expect_nothing();
    fg_drain_counters(drain, &n);
    assert_int_equal(n.displaced, 2);
    assert_int_equal(n.overrun, 0);
    send(FG_WIRE_PROBE, 1);
    expect(FG_WIRE_PROBE, 6);
}

static void test_bounds(void **state)
{
    (void)state;
    struct fg_drain_counters n;
    for (uint32_t i = 1; i <= FG_DRAIN_PROBES + 3; i++)
        send(FG_WIRE_PROBE, i);
    fg_drain_counters(drain, &n);
    assert_int_equal(n.displaced, 3);
    for (uint32_t i = 4; i <= FG_DRAIN_PROBES + 3; i++)
        expect(FG_WIRE_PROBE, i); // the three oldest are gone
    expect_nothing();
    for (uint32_t i = 1; i <= FG_DRAIN_NOTICES + 2; i++)
        send(FG_WIRE_NOTICE, i);
    fg_drain_counters(drain, &n);
    assert_int_equal(n.overrun, 2);
    assert_int_equal(n.displaced, 3);
}

static void test_too_many_parts_are_counted(void **state)
{
    (void)state;
    struct fg_part parts[FG_BUS_PARTS + 1] = {{"lane", 5}};
    struct fg_drain_counters n = {0};
    for (unsigned i = 1; i <= FG_BUS_PARTS; i++)
        parts[i] = (struct fg_part){"x", 1};
    assert_int_equal(fg_socket_send(camera, parts, FG_BUS_PARTS + 1), 0);
    for (unsigned i = 0; i < 2000 && n.received == 0; i++) {
        fg_sleep_until_ns(fg_monotonic_ns() + 1000000);
        fg_drain_counters(drain, &n);
    }
    assert_int_equal(n.received, 1);
    assert_int_equal(n.bad, 1);
}

static void test_beats_wait_for_nobody(void **state)
{
    (void)state;
    static struct fg_wire_message m;
    static uint8_t bytes[FG_WIRE_MAX];
    static struct fg_senders senders;
    m.head = (struct fg_wire_head){
        .type = FG_WIRE_BEAT, .lane = "lane", .source = "cam", .session = 1, .sequence = 5};
    m.beat.frames = 7;
    strcpy(m.beat.engine, "none");
    int length = fg_wire_encode(&m, bytes, NULL);
    struct fg_part parts[] = {{"lane", 5}, {bytes, (size_t)length}};
    send(FG_WIRE_NOTICE, 1);
    assert_int_equal(fg_socket_send(camera, parts, 2), 0);
    do {
        fg_sleep_until_ns(fg_monotonic_ns() + 50000);
        fg_drain_senders(drain, &senders);
    } while (!senders.senders[0].has_beat);
    assert_int_equal(senders.senders[0].beat.frames, 7);
    assert_int_equal(senders.lost, 3);
    expect(FG_WIRE_NOTICE, 1);
    expect_nothing();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_newest_wins), TEST(test_bounds),
                                       TEST(test_too_many_parts_are_counted),
                                       TEST(test_beats_wait_for_nobody)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
