// SPDX-License-Identifier: Apache-2.0
// A camera that stalls, fails and vanishes, against the capture thread: when it is opened again,
// when it is given up, what is logged and counted.
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/log.h"
#include "pipeline/capture.h"
#include "tests/fake_v4l2.h"

#define SPEC     "v4l2:" FAKE_PATH
#define STALL_MS 120
#define OPENINGS 6u

// What the driver does after some frames of one opening.
enum trouble { FLOWS, STALLS, SAYS_EIO, SAYS_ENODEV, IS_UNPLUGGED };

struct plan {
    unsigned frames;
    enum trouble then;
    int open_code; // negative: it does not even open
};

static struct fake_v4l2 fake;
static struct plan plans[OPENINGS];
static unsigned shot; // of the opening in use
static _Atomic unsigned openings;

static struct fg_stop *stop;
static struct fg_mailbox *box;
static struct fg_capture *capture;
static int kept_stderr;
static FILE *log_file;

static void film(struct fake_v4l2 *camera)
{
    static const struct fake_frame plain;
    const struct plan *plan = &plans[atomic_load(&openings) - 1];
    if (shot < plan->frames || plan->then != STALLS)
        fake_v4l2_shoot(camera, &plain);
    usleep(2000);
}

static int misbehave(struct fake_v4l2 *camera, unsigned long request, void *argument, int code)
{
    (void)argument;
    unsigned n = atomic_load(&openings);
    if (request == VIDIOC_QUERYCAP) {
        shot = 0;
        atomic_store(&openings, n + 1);
        return plans[n].open_code < 0 ? plans[n].open_code : code;
    }
    if (request != VIDIOC_DQBUF || code < 0)
        return code;
    const struct plan *plan = &plans[n - 1];
    if (shot++ < plan->frames)
        return code;
    if (plan->then == IS_UNPLUGGED)
        camera->gone_at = 1;
    return plan->then == SAYS_EIO ? -EIO : plan->then == FLOWS ? code : -ENODEV;
}

static int set_up(void **state)
{
    (void)state;
    memset(plans, 0, sizeof plans);
    atomic_store(&openings, 0);
    shot = 0;
    fake_v4l2_install(&fake);
    fake.idle = film;
    fake.lie = misbehave;
    log_file = tmpfile();
    kept_stderr = dup(2);
    if (!log_file || kept_stderr < 0)
        return -1;
    dup2(fileno(log_file), 2);
    fg_log_init("test", FG_LOG_INFO);
    return fg_stop_create(&stop) || fg_mailbox_create(&box);
}

static int tear_down(void **state)
{
    (void)state;
    fg_capture_close(capture);
    capture = NULL;
    fg_mailbox_destroy(box);
    fg_stop_destroy(stop);
    dup2(kept_stderr, 2);
    close(kept_stderr);
    fclose(log_file);
    int code = fake.mapped == fake.unmapped && fake.opened == fake.closed ? 0 : -1;
    fake_v4l2_remove(&fake);
    return code;
}

static void start(void)
{
    const struct fg_source_options options = {
        .camera = {.width = 64, .height = 48, .stall_ms = STALL_MS}};
    struct fg_source_info info;
    struct fg_error err = {""};
    if (fg_capture_open(SPEC, &options, stop, box, &capture, &err) < 0)
        fail_msg("%s", err.text);
    fg_capture_info(capture, &info);
    assert_true(info.live);
    assert_int_equal(fg_capture_start(capture, false), 0);
}

static struct fg_capture_state state_now(void)
{
    struct fg_capture_state now;
    fg_capture_state(capture, &now);
    return now;
}

// Takes frames as the camera's main thread does, until as many recoveries were counted.
static void take_until_recovered(uint64_t recoveries)
{
    struct fg_frame *frame;
    int code = 0;
    while (code == 0 && state_now().recoveries < recoveries) {
        code = fg_mailbox_take(box, 20000, &frame);
        if (code == 0)
            fg_frame_release(frame);
    }
    if (code < 0)
        fail_msg("%d: %s", code, strerror(-code));
}

static void take_until_closed(void)
{
    struct fg_frame *frame;
    int code;
    while ((code = fg_mailbox_take(box, 20000, &frame)) == 0)
        fg_frame_release(frame);
    assert_int_equal(code, -ECANCELED);
}

static void assert_logged(const char *part, unsigned times)
{
    char text[8192];
    ssize_t n = pread(fileno(log_file), text, sizeof text - 1, 0);
    assert_true(n >= 0);
    text[n] = 0;
    unsigned found = 0;
    for (const char *at = text; (at = strstr(at, part)); at++)
        found++;
    if (found != times)
        fail_msg("\"%s\" stands %u times, not %u, in: %s", part, found, times, text);
}

static void assert_end(enum fg_capture_end end, const char *part)
{
    struct fg_error err = {""};
    assert_int_equal(fg_capture_join(capture, &err), end);
    if (!strstr(err.text, part))
        fail_msg("\"%s\" is not in \"%s\"", part, err.text);
}

static void comes_back_after(enum trouble trouble, const char *says)
{
    plans[0] = (struct plan){3, trouble, 0};
    start();
    take_until_recovered(1);
    assert_false(state_now().retrying);
    assert_int_equal(fake.opened, 2);
    assert_logged(says, 1);
    assert_logged("opening it again (1 of 3)", 1);
    assert_logged("first frame", 1);
    assert_logged("frames again after", 1);
    assert_end(FG_CAPTURE_ENDED, "");
}

static void test_stall(void **state)
{
    (void)state;
    comes_back_after(STALLS, "no frame for 120 ms");
}

static void test_driver_error(void **state)
{
    (void)state;
    comes_back_after(SAYS_EIO, FAKE_PATH);
}

// The driver says that the device is gone, the system still has it.
static void test_disconnect_without_unplugging(void **state)
{
    (void)state;
    comes_back_after(SAYS_ENODEV, FAKE_PATH);
}

static void test_unplugged(void **state)
{
    (void)state;
    plans[0] = (struct plan){3, IS_UNPLUGGED, 0};
    start();
    take_until_closed();
    assert_end(FG_CAPTURE_GONE, "camera gone: ");
    assert_int_equal(fake.opened, 1);
    assert_logged("opening it again", 0);
}

static void test_given_up(void **state)
{
    (void)state;
    for (unsigned i = 0; i < OPENINGS; i++)
        plans[i] = (struct plan){i == 0, STALLS, 0};
    start();
    take_until_closed();
    assert_end(FG_CAPTURE_GAVE_UP, "opened again 3 times in vain: ");
    assert_int_equal(fake.opened, 4);
    assert_int_equal(state_now().recoveries, 0);
    assert_true(state_now().retrying);
    assert_logged("opening it again (3 of 3)", 1);
}

// Openings that fail count as tries, and the last cause is told.
static void test_busy_when_opened_again(void **state)
{
    (void)state;
    plans[0] = (struct plan){3, STALLS, 0};
    plans[1].open_code = plans[2].open_code = -EBUSY;
    start();
    take_until_recovered(1);
    assert_logged("opening it again (1 of 3)", 1);
    assert_logged("opening it again (2 of 3)", 1);
    assert_logged("opening it again (3 of 3)", 1);
    assert_end(FG_CAPTURE_ENDED, "");
}

// One frame after each opening is no recovery for good: the tries go on counting.
static void test_flapping(void **state)
{
    (void)state;
    for (unsigned i = 0; i < OPENINGS; i++)
        plans[i] = (struct plan){2, SAYS_EIO, 0};
    start();
    take_until_closed();
    assert_end(FG_CAPTURE_GAVE_UP, "in vain");
    assert_int_equal(fake.opened, 4);
    assert_int_equal(state_now().recoveries, 3);
}

static void test_stop_while_it_is_away(void **state)
{
    (void)state;
    plans[0] = (struct plan){1, STALLS, 0};
    for (unsigned i = 1; i < OPENINGS; i++)
        plans[i].open_code = -EBUSY;
    start();
    while (!state_now().retrying)
        usleep(1000);
    fg_stop_set(stop);
    take_until_closed();
    assert_end(FG_CAPTURE_ENDED, "");
}

// The camera is not opened again under a reader.
static void test_waits_for_readers(void **state)
{
    (void)state;
    struct fg_frame *held;
    plans[0] = (struct plan){3, SAYS_EIO, 0};
    start();
    assert_int_equal(fg_mailbox_take(box, 20000, &held), 0);
    while (!state_now().retrying)
        usleep(1000);
    usleep(700000); // past the wait for a device that vanishes
    assert_int_equal(fake.mapped - fake.unmapped, 4);
    assert_int_equal(held->planes[0].data[0], 0);
    fg_frame_release(held);
    take_until_recovered(1);
    assert_end(FG_CAPTURE_ENDED, "");
}

// A camera that is stopped while nobody takes frames.
static void test_frame_left_in_the_box(void **state)
{
    (void)state;
    struct fg_frame *frame;
    start();
    while (fg_mailbox_displaced(box) == 0)
        usleep(1000);
    assert_end(FG_CAPTURE_ENDED, "");
    fg_capture_close(capture);
    capture = NULL;
    assert_int_equal(fg_mailbox_take(box, 0, &frame), -ECANCELED);
}

static void test_state(void **state)
{
    (void)state;
    plans[0] = (struct plan){4, SAYS_EIO, 0};
    start();
    take_until_recovered(1);
    struct fg_capture_state before = state_now();
    assert_true(before.t_frame_ns > 0 && before.t_frame_ns <= fg_monotonic_ns());
    assert_int_equal(before.counts.copied, 0);
    assert_int_equal(before.memory, FG_MEMORY_DMABUF);
    assert_end(FG_CAPTURE_ENDED, "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_stall),
        TEST(test_driver_error),
        TEST(test_disconnect_without_unplugging),
        TEST(test_unplugged),
        TEST(test_given_up),
        TEST(test_busy_when_opened_again),
        TEST(test_flapping),
        TEST(test_stop_while_it_is_away),
        TEST(test_waits_for_readers),
        TEST(test_frame_left_in_the_box),
        TEST(test_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
