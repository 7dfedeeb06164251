// SPDX-License-Identifier: Apache-2.0
// libcamera itself: what is said without a camera, and its virtual cameras where it has them
// (0.4, Debian 13): choice, controls, pictures, and that nothing is left behind.
#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/clock.h"
#include "pipeline/source.h"
#include "tests/virtual_camera.h"

#define MS UINT64_C(1000000)

// ---- fixtures -----------------------------------------------------------------------------------

static unsigned count_entries(const char *path)
{
    unsigned count = 0;
    DIR *folder = opendir(path);
    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

// A thread that was joined may still be listed for a moment.
static void expect_entries(const char *path, unsigned most)
{
    const uint64_t end = fg_monotonic_ns() + 5000 * MS;
    while (count_entries(path) > most && fg_monotonic_ns() < end)
        fg_sleep_until_ns(fg_monotonic_ns() + MS);
    assert_in_range(count_entries(path), 1, most);
}

static unsigned threads_at_first; // those that libraries start when they are loaded
static unsigned files_at_first;   // after libcamera ran once: it keeps one for good

static unsigned count_threads(void)
{
    return count_entries("/proc/self/task");
}

static void expect_nothing_left(void)
{
    expect_entries("/proc/self/task", threads_at_first);
    expect_entries("/proc/self/fd", files_at_first);
}

static void refuse(const char *spec, const struct fg_camera_wish *wish, int expected,
                   const char *part)
{
    const struct fg_source_options options = {.camera = *wish};
    struct fg_source *source = NULL;
    struct fg_error err = {0};
    int code = fg_source_open(spec, &options, &source, &err);
    if (code != expected || !strstr(err.text, part))
        fail_msg("%d instead of %d, or not '%s': %s", code, expected, part, err.text);
    assert_null(source);
}

static const struct fg_camera_wish any, vga = {.width = 640, .height = 480};

static struct fg_source *open_wish(const char *spec, const struct fg_camera_wish *wish)
{
    const struct fg_source_options options = {.camera = *wish};
    struct fg_source *source = NULL;
    struct fg_error err = {0};
    int code = fg_source_open(spec, &options, &source, &err);
    if (code)
        fail_msg("%d: %s", code, err.text);
    return source;
}

static struct fg_frame *next_frame(struct fg_source *source)
{
    struct fg_frame *frame = NULL;
    struct fg_error err = {0};
    int code = fg_source_next(source, &frame, &err);
    if (code)
        fail_msg("%d: %s", code, err.text);
    return frame;
}

static int plug(void **state)
{
    (void)state;
    virtual_plugged = true;
    return 0;
}

static int unplug(void **state)
{
    (void)state;
    virtual_plugged = false;
    atomic_store(&virtual_frozen, false);
    atomic_store(&virtual_without_memory, false);
    return 0;
}

#define NEED_VIRTUAL_CAMERAS()                                                                     \
    do {                                                                                           \
        if (!fg_source_is_there("libcamera:bars"))                                                 \
            skip();                                                                                \
    } while (0)

// ---- without a camera ---------------------------------------------------------------------------

static void test_nothing_runs_before_it_is_asked(void **state)
{
    (void)state;
    assert_true(fg_source_is_there("file:/nowhere"));
    refuse("libcamera:", &(struct fg_camera_wish){.formats = "H264"}, -EINVAL, "'H264'");
    refuse("libcamera:", &(struct fg_camera_wish){.buffers = 40}, -EINVAL, "40 buffers");
    assert_int_equal(count_threads(), threads_at_first); // not for a moment
}

static void test_first_use(void **state)
{
    (void)state;
    fg_source_is_there("libcamera:");
    expect_entries("/proc/self/task", threads_at_first);
    files_at_first = count_entries("/proc/self/fd");
}

static void test_no_camera(void **state)
{
    (void)state;
    if (fg_source_is_there("libcamera:"))
        skip(); // this machine has one
    refuse("libcamera:", &any, -ENODEV, "libcamera finds no camera");
    refuse("libcamera:bars", &any, -ENODEV, "libcamera finds no camera");
}

static void test_unknown_cameras(void **state)
{
    (void)state;
    static const char *const specs[] = {"libcamera:no such camera", "libcamera:/dev/null",
                                        "libcamera:/dev/facegate/none", "libcamera:/etc/passwd"};
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        refuse(specs[i], &any, -ENODEV, "");
        assert_false(fg_source_is_there(specs[i]));
    }
    refuse("libcamera:/dev/facegate/none", &any, -ENODEV, "/dev/facegate/none: No such file");
}

static void test_refusals_leave_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        refuse("libcamera:no such camera", &any, -ENODEV, "");
        assert_false(fg_source_is_there("libcamera:no such camera"));
    }
    expect_nothing_left();
}

// ---- virtual cameras ----------------------------------------------------------------------------

// The camera's eight bars, a column further to the left in each picture.
static void expect_bars(const struct fg_frame *frame, unsigned turned)
{
    static const uint8_t luma[8] = {235, 210, 170, 145, 106, 81, 41, 16};
    const unsigned bar = frame->width / 8;
    assert_int_equal(fg_frame_read_begin(frame), 0);
    for (unsigned x = 0; x < frame->width; x++) {
        const unsigned at = (x + turned) % frame->width;
        const uint8_t *column = frame->planes[0].data + x;
        if (abs(column[0] - luma[at / bar]) > 3 ||
            column[(frame->height - 1) * frame->planes[0].stride] != column[0])
            fail_msg("column %u is %u, not %u", x, column[0], luma[at / bar]);
    }
    fg_frame_read_end(frame);
}

static void test_pictures(void **state)
{
    (void)state;
    NEED_VIRTUAL_CAMERAS();
    struct fg_source_info info;
    struct fg_source_counts counts;
    struct fg_source *source = open_wish("libcamera:bars", &vga);
    fg_source_info(source, &info);
    assert_string_equal(info.picture, "NV12 640x480");
    assert_string_equal(info.description, "libcamera bars (Bars) NV12 640x480 at 30/s, "
                                          "4 mapped buffers");
    assert_int_equal(info.memory, FG_MEMORY_MAPPED);
    assert_true(info.live);
    uint64_t last = 0;
    for (unsigned i = 0; i < 40; i++) {
        struct fg_frame *frame = next_frame(source);
        assert_int_equal(fg_frame_check(frame, NULL), 0);
        assert_int_equal(frame->sequence, i);
        assert_true(frame->t_capture_ns >= last && frame->t_capture_ns <= fg_monotonic_ns());
        assert_false(frame->full_range);
        expect_bars(frame, i + 1);
        last = frame->t_capture_ns;
        fg_frame_release(frame);
    }
    fg_source_counts(source, &counts);
    assert_true(counts.broken == 0 && counts.copied == 0 && counts.lost == 0);
    fg_source_close(source);
}

static void test_choice_of_the_camera(void **state)
{
    (void)state;
    NEED_VIRTUAL_CAMERAS();
    struct fg_source_info info;
    assert_true(fg_source_is_there("libcamera:"));
    assert_true(fg_source_is_there("libcamera:lines"));
    refuse("libcamera:dots", &any, -ENODEV, "libcamera has no camera 'dots'; it has ");
    refuse("libcamera:dots", &any, -ENODEV, "bars");
    refuse("libcamera:dots", &any, -ENODEV, "lines");
    refuse("libcamera:/dev/null", &any, -ENODEV, "has no camera '/dev/null'");
    struct fg_source *source = open_wish("libcamera:lines", &any);
    fg_source_info(source, &info);
    assert_string_equal(info.description, "libcamera lines (Lines) NV12 64x48 at 30/s instead of "
                                          "1280x720, 4 mapped buffers");
    fg_source_close(source);
}

static void test_choice_of_size_and_rate(void **state)
{
    (void)state;
    NEED_VIRTUAL_CAMERAS();
    static const struct {
        struct fg_camera_wish wish;
        const char *part;
    } cases[] = {
        {{.width = 320, .height = 240, .rate = 15}, "NV12 320x240 at 15/s, "},
        {{.width = 320, .height = 240, .rate = 200}, "NV12 320x240 at 60/s, "},
        {{.width = 320, .height = 240, .rate = 1}, "NV12 320x240 at 10/s, "},
        {{.width = 4000, .height = 3000}, "NV12 640x480 at 30/s instead of 4000x3000, "},
        {{.width = 640, .height = 480, .formats = "MJPEG YUYV NV12"}, "NV12 640x480 at 30/s, "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fg_source_info info;
        struct fg_source *source = open_wish("libcamera:bars", &cases[i].wish);
        fg_source_info(source, &info);
        if (!strstr(info.description, cases[i].part))
            fail_msg("'%s' is not in: %s", cases[i].part, info.description);
        fg_frame_release(next_frame(source));
        fg_source_close(source);
    }
    refuse("libcamera:bars", &(struct fg_camera_wish){.formats = "YUYV GREY"}, -ENOTSUP,
           "none of the formats YUYV GREY; libcamera lists NV12");
}

static void test_controls(void **state)
{
    (void)state;
    NEED_VIRTUAL_CAMERAS();
    static const struct {
        struct fg_camera_wish wish;
        const char *part;
    } cases[] = {
        {{.controls = "Sharpness=1"}, "no control Sharpness; libcamera lists "},
        {{.controls = "Sharpness=1"}, "FaceDetectMode"},
        {{.controls = "FaceDetectMode=7"},
         "control FaceDetectMode is [0..0] on this camera, not 7"},
        {{.controls = "FaceDetectMode=0.5"}, "not 0.5"},
        {{.controls = "FrameDurationLimits=9"}, "no single number"},
        {{.controls = "FaceDetectMode"}, "NAME=NUMBER"},
        {{.exposure = {FG_CONTROL_AUTO, 0}}, "no control AeEnable"},
        {{.exposure = {FG_CONTROL_VALUE, 10000}}, "no control ExposureTime"},
        {{.gain = {FG_CONTROL_VALUE, 2}}, "no control AnalogueGain"},
        {{.focus = {FG_CONTROL_VALUE, 2}}, "no control LensPosition"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        refuse("libcamera:bars", &cases[i].wish, -EINVAL, cases[i].part);
    expect_nothing_left();
    struct fg_source *source = open_wish(
        "libcamera:bars", &(struct fg_camera_wish){.width = 640, .controls = "FaceDetectMode=0"});
    for (int i = 0; i < 6; i++)
        fg_frame_release(next_frame(source));
    fg_source_close(source);
}

static void test_two_at_once(void **state)
{
    (void)state;
    NEED_VIRTUAL_CAMERAS();
    struct fg_source *bars = open_wish("libcamera:bars", &vga);
    refuse("libcamera:bars", &vga, -EBUSY, "another program uses the camera");
    struct fg_source *lines = open_wish("libcamera:lines", &any);
    for (int i = 0; i < 5; i++) {
        fg_frame_release(next_frame(bars));
        fg_frame_release(next_frame(lines));
    }
    fg_source_close(bars);
    fg_frame_release(next_frame(lines));
    bars = open_wish("libcamera:bars", &vga);
    fg_frame_release(next_frame(bars));
    fg_source_close(lines);
    fg_source_close(bars);
    expect_nothing_left();
}

static void test_no_memory_for_buffers(void **state)
{
    (void)state;
    NEED_VIRTUAL_CAMERAS();
    atomic_store(&virtual_without_memory, true);
    refuse("libcamera:bars", &vga, -EINVAL, "making buffers: Invalid argument; libcamera says: ");
    expect_nothing_left();
    atomic_store(&virtual_without_memory, false);
    fg_source_close(open_wish("libcamera:bars", &vga));
}

static void test_stall(void **state)
{
    (void)state;
    NEED_VIRTUAL_CAMERAS();
    const struct fg_camera_wish wish = {.width = 640, .height = 480, .stall_ms = 500};
    struct fg_frame *frame = NULL;
    struct fg_error err = {0};
    int code = 0;
    struct fg_source *source = open_wish("libcamera:bars", &wish);
    fg_frame_release(next_frame(source));
    atomic_store(&virtual_frozen, true);
    for (int i = 0; i < 10 && code == 0; i++) { // some were drawn before
        code = fg_source_next(source, &frame, &err);
        if (code == 0)
            fg_frame_release(frame);
    }
    assert_int_equal(code, -ETIMEDOUT);
    assert_non_null(strstr(err.text, "no frame for 500 ms"));
    atomic_store(&virtual_frozen, false);
    fg_source_close(source);
    source = open_wish("libcamera:bars", &wish);
    fg_frame_release(next_frame(source));
    fg_source_close(source);
}

static void *stop_soon(void *stop)
{
    fg_sleep_until_ns(fg_monotonic_ns() + 700 * MS);
    fg_stop_set(stop);
    return NULL;
}

static void test_held_frames_and_stop(void **state)
{
    (void)state;
    NEED_VIRTUAL_CAMERAS();
    struct fg_source_options options = {.camera = {.width = 320, .height = 240, .stall_ms = 500}};
    struct fg_stop *stop = NULL;
    struct fg_source *source = NULL;
    struct fg_frame *frames[4], *none = NULL;
    pthread_t thread;
    assert_int_equal(fg_stop_create(&stop), 0);
    options.stop = stop;
    assert_int_equal(fg_source_open("libcamera:bars", &options, &source, NULL), 0);
    for (unsigned i = 0; i < 4; i++)
        frames[i] = next_frame(source);
    assert_int_equal(pthread_create(&thread, NULL, stop_soon, stop), 0);
    assert_int_equal(fg_source_next(source, &none, NULL), -ECANCELED);
    pthread_join(thread, NULL);
    fg_source_halt(source);
    for (unsigned i = 0; i < 4; i++) {
        expect_bars(frames[i], i + 1); // as they were
        fg_frame_release(frames[i]);
    }
    assert_int_equal(fg_source_wait_idle(source, 1000), 0);
    fg_source_close(source);
    fg_stop_destroy(stop);
}

static void test_opening_again_leaves_nothing(void **state)
{
    (void)state;
    NEED_VIRTUAL_CAMERAS();
    for (int i = 0; i < 100; i++) {
        struct fg_source *source = open_wish("libcamera:lines", &any);
        for (int frame = 0; frame < i % 7; frame++)
            fg_frame_release(next_frame(source));
        fg_source_close(source);
    }
    expect_nothing_left();
}

#define VIRTUAL(name) cmocka_unit_test_setup_teardown(name, plug, unplug)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_runs_before_it_is_asked),
        VIRTUAL(test_first_use),
        VIRTUAL(test_pictures),
        VIRTUAL(test_choice_of_the_camera),
        VIRTUAL(test_choice_of_size_and_rate),
        VIRTUAL(test_controls),
        VIRTUAL(test_two_at_once),
        VIRTUAL(test_no_memory_for_buffers),
        VIRTUAL(test_stall),
        VIRTUAL(test_held_frames_and_stop),
        VIRTUAL(test_opening_again_leaves_nothing),
        // 0.4.0 finds no virtual cameras any more once it did not find them
        cmocka_unit_test(test_no_camera),
        cmocka_unit_test(test_unknown_cameras),
        cmocka_unit_test(test_refusals_leave_nothing),
    };
    threads_at_first = count_threads();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
