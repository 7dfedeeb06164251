// SPDX-License-Identifier: Apache-2.0
// The libcamera source against a camera that is played: how frames travel, and what goes wrong.
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/wipe.h"
#include "pipeline/camera_stamps.h"
#include "pipeline/camera_wish.h"
#include "pipeline/image.h"
#include "pipeline/libcamera_inbox.h"
#include "pipeline/libcamera_settings.h"
#include "pipeline/source.h"
#include "tests/played_camera.h"

#define MS UINT64_C(1000000)

// ---- fixtures -----------------------------------------------------------------------------------

// 64x48 in the format; each plane's memory is as long as its picture.
static void agree(uint32_t fourcc, uint32_t stride, uint32_t first, uint32_t second)
{
    played.setup = (struct fg_libcamera_setup){.id = "played",
                                               .model = "Toy",
                                               .fourcc = fourcc,
                                               .width = 64,
                                               .height = 48,
                                               .stride = stride,
                                               .n_buffers = PLAYED_BUFFERS,
                                               .n_planes = second ? 2 : 1};
    played.plane_bytes[0] = first;
    played.plane_bytes[1] = second;
}

static int set_up(void **state)
{
    (void)state;
    played = (struct played){0};
    fg_libcamera_system = &played_system;
    agree(FG_FOURCC_NV12, 80, 80 * 48, 80 * 24);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fg_libcamera_system = &fg_libcamera_real;
    if (played.opened != played.closed || played.sync_depth != 0) {
        print_error("%u opened, %u closed, sync depth %d\n", played.opened, played.closed,
                    played.sync_depth);
        return -1;
    }
    return 0;
}

static struct fg_source *open_with(const struct fg_source_options *options)
{
    struct fg_source *source = NULL;
    struct fg_error err = {0};
    int code = fg_source_open("libcamera:there", options, &source, &err);
    if (code)
        fail_msg("%d: %s", code, err.text);
    return source;
}

static struct fg_source *open_plain(void)
{
    return open_with(&(struct fg_source_options){.camera = {.stall_ms = 60000}});
}

static struct fg_libcamera_arrival whole(uint32_t sequence)
{
    const uint64_t now = fg_monotonic_ns();
    return (struct fg_libcamera_arrival){.buffer = played_next_buffer(),
                                         .state = FG_ARRIVAL_WHOLE,
                                         .sequence = sequence,
                                         .t_ns = now,
                                         .t_done_ns = now,
                                         .bytes = {played.plane_bytes[0], played.plane_bytes[1]}};
}

static void expect_next(struct fg_source *source, int expected)
{
    struct fg_frame *frame = NULL;
    struct fg_error err = {0};
    int code = fg_source_next(source, &frame, &err);
    if (code != expected)
        fail_msg("%d instead of %d: %s", code, expected, err.text);
    assert_null(frame);
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

static struct fg_source_counts counts_of(const struct fg_source *source)
{
    struct fg_source_counts counts;
    fg_source_counts(source, &counts);
    return counts;
}

// ---- frames -------------------------------------------------------------------------------------

static void test_frames_travel(void **state)
{
    (void)state;
    struct fg_source *source = open_plain();
    assert_int_equal(played.n_queued, PLAYED_BUFFERS);
    for (uint32_t i = 0; i < 20; i++) {
        struct fg_libcamera_arrival arrival = whole(7 + i);
        played.bytes[arrival.buffer][0] = (uint8_t)i;
        played.bytes[arrival.buffer][80 * 48 + 1] = (uint8_t)(i + 100);
        played_put(arrival);
        struct fg_frame *frame = next_frame(source);
        assert_int_equal(frame->slot, arrival.buffer);
        assert_int_equal(frame->sequence, 7 + i);
        assert_true(frame->t_capture_ns == arrival.t_ns);
        assert_int_equal(frame->fourcc, FG_FOURCC_NV12);
        assert_int_equal(frame->n_planes, 2);
        assert_int_equal(frame->planes[0].stride, 80);
        assert_int_equal(frame->planes[0].data[0], i);
        assert_int_equal(frame->planes[1].data[1], i + 100);
        assert_int_equal(frame->planes[1].offset, 80 * 48);
        // one mapping for both planes
        assert_ptr_equal(frame->planes[1].data, frame->planes[0].data + 80 * 48);
        assert_int_equal(fg_frame_check(frame, NULL), 0);
        assert_false(played.with_camera[frame->slot]);
        fg_frame_release(frame);
    }
    assert_true(counts_of(source).broken == 0 && counts_of(source).copied == 0);
    fg_source_close(source);
    assert_int_equal(played.stopped, 1);
}

static void test_wish_reaches_the_camera(void **state)
{
    (void)state;
    struct fg_source *source = open_plain();
    assert_string_equal(played.wish.formats, "NV12 YUYV UYVY MJPEG GREY");
    assert_int_equal(played.wish.width, 1280);
    assert_int_equal(played.wish.height, 720);
    assert_int_equal(played.wish.buffers, 4);
    struct fg_source_info info;
    fg_source_info(source, &info);
    assert_string_equal(info.picture, "NV12 64x48");
    assert_string_equal(info.description, "libcamera played (Toy) NV12 64x48 instead of 1280x720, "
                                          "4 mapped buffers");
    assert_true(info.live);
    fg_source_close(source);
}

static void test_one_plane_formats(void **state)
{
    (void)state;
    static const struct {
        uint32_t fourcc, stride, bytes;
        const char *picture;
    } cases[] = {{FG_FOURCC_YUYV, 128, 128 * 48, "YUYV 64x48"},
                 {FG_FOURCC_UYVY, 256, 256 * 48, "UYVY 64x48"},
                 {FG_FOURCC_GREY, 64, 64 * 48, "GREY 64x48"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fg_source_info info;
        agree(cases[i].fourcc, cases[i].stride, cases[i].bytes, 0);
        struct fg_source *source = open_plain();
        played_put(whole(0));
        struct fg_frame *frame = next_frame(source);
        assert_int_equal(fg_frame_check(frame, NULL), 0);
        assert_int_equal(frame->n_planes, 1);
        assert_null(frame->jpeg);
        fg_source_info(source, &info);
        assert_string_equal(info.picture, cases[i].picture);
        fg_frame_release(frame);
        fg_source_close(source);
        played = (struct played){.setup = played.setup};
    }
}

static void test_last_row_without_padding_is_whole(void **state)
{
    (void)state;
    struct fg_source *source = open_plain();
    struct fg_libcamera_arrival arrival = whole(0);
    arrival.bytes[1] = 80 * 23 + 64;
    played_put(arrival);
    struct fg_frame *frame = next_frame(source);
    assert_int_equal(frame->planes[1].length, 80 * 23 + 64);
    fg_frame_release(frame);
    fg_source_close(source);
}

static void test_driver_that_claims_too_many_bytes(void **state)
{
    (void)state;
    struct fg_source *source = open_plain();
    struct fg_libcamera_arrival arrival = whole(0);
    arrival.bytes[0] = arrival.bytes[1] = UINT32_MAX;
    played_put(arrival);
    struct fg_frame *frame = next_frame(source);
    assert_int_equal(frame->planes[0].length, 80 * 48);
    assert_int_equal(frame->planes[1].length, 80 * 24);
    fg_frame_release(frame);
    fg_source_close(source);
}

// ---- memory -------------------------------------------------------------------------------------

static enum fg_source_memory memory_of(const struct fg_source *source)
{
    struct fg_source_info info;
    fg_source_info(source, &info);
    return info.memory;
}

static void test_dmabuf(void **state)
{
    (void)state;
    played.dmabuf = true;
    struct fg_source *source = open_plain();
    assert_int_equal(memory_of(source), FG_MEMORY_DMABUF);
    struct fg_libcamera_arrival arrival = whole(0);
    played_put(arrival);
    struct fg_frame *frame = next_frame(source);
    assert_int_equal(frame->planes[0].dmabuf_fd, played.files[arrival.buffer]);
    assert_int_equal(frame->planes[1].dmabuf_fd, played.files[arrival.buffer]);
    const int before = played.syncs;
    assert_int_equal(fg_frame_read_begin(frame), 0);
    assert_int_equal(played.sync_depth, 1); // once, though there are two planes
    fg_frame_read_end(frame);
    assert_int_equal(played.syncs, before + 2);
    fg_frame_release(frame);
    fg_source_close(source);
}

static void test_other_memory_is_not_bracketed(void **state)
{
    (void)state;
    struct fg_source *source = open_plain();
    assert_int_equal(memory_of(source), FG_MEMORY_MAPPED);
    played_put(whole(0));
    struct fg_frame *frame = next_frame(source);
    assert_int_equal(frame->planes[0].dmabuf_fd, -1);
    assert_int_equal(fg_frame_read_begin(frame), 0);
    fg_frame_read_end(frame);
    fg_frame_release(frame);
    fg_source_close(source);
}

static void test_slow_memory_is_copied_once(void **state)
{
    (void)state;
    played.dmabuf = played.slow = true;
    struct fg_source *source = open_plain();
    assert_int_equal(memory_of(source), FG_MEMORY_COPIED);
    for (uint32_t i = 0; i < 6; i++) {
        struct fg_libcamera_arrival arrival = whole(i);
        played.bytes[arrival.buffer][80 * 48] = (uint8_t)(i + 1);
        played_put(arrival);
        struct fg_frame *frame = next_frame(source);
        played.bytes[arrival.buffer][80 * 48] = 99;
        assert_int_equal(frame->planes[1].data[0], i + 1);
        assert_int_equal(frame->planes[1].dmabuf_fd, -1);
        assert_int_equal(fg_frame_check(frame, NULL), 0);
        fg_frame_release(frame);
    }
    assert_true(counts_of(source).copied == 6u * 80 * 72);
    fg_source_close(source);
}

// A picture of 77s is released, another comes: what the first one's memory holds then.
static void expect_left(uint8_t wanted)
{
    struct fg_source *source = open_plain();
    struct fg_libcamera_arrival arrival = whole(0);
    memset(played.bytes[arrival.buffer], 77, 80 * 72);
    played_put(arrival);
    struct fg_frame *frame = next_frame(source);
    const uint8_t *bytes = frame->planes[0].data;
    assert_int_equal(bytes[79], 77);
    fg_frame_release(frame);
    played_put(whole(1));
    frame = next_frame(source);
    for (unsigned i = 0; i < 80 * 48; i++)
        assert_int_equal(bytes[i], wanted);
    if (!played.slow) // else the driver's buffer went back before
        assert_int_equal(played.bytes[arrival.buffer][80 * 72 - 1], wanted);
    fg_frame_release(frame);
    assert_int_equal(counts_of(source).unwiped, 0);
    fg_source_close(source);
    assert_int_equal(played.sync_depth, 0);
}

static void test_buffers_are_wiped(void **state)
{
    (void)state;
    expect_left(77);
    fg_wipe_on_free(true);
    set_up(NULL);
    expect_left(0);
    set_up(NULL);
    played.dmabuf = true;
    expect_left(0);
    set_up(NULL);
    played.dmabuf = played.slow = true;
    expect_left(0);
    fg_wipe_on_free(false);
}

static void test_memory_that_cannot_be_made_readable(void **state)
{
    (void)state;
    played.dmabuf = played.slow = true;
    struct fg_source *source = open_plain();
    played.sync_code = EIO;
    played_put(whole(0));
    expect_next(source, -EIO);
    fg_source_close(source);
}

// ---- what goes wrong ----------------------------------------------------------------------------

static void test_broken_frames(void **state)
{
    (void)state;
    struct fg_source *source = open_plain();
    struct fg_libcamera_arrival arrival = whole(0);
    arrival.state = FG_ARRIVAL_BROKEN;
    played_put(arrival);
    expect_next(source, -EBADMSG);
    arrival = whole(1);
    arrival.bytes[0] = 80 * 47; // a row is missing
    played_put(arrival);
    expect_next(source, -EBADMSG);
    arrival = whole(2);
    arrival.bytes[1] = 0;
    played_put(arrival);
    expect_next(source, -EBADMSG);
    assert_true(counts_of(source).broken == 3);
    assert_int_equal(played.n_queued, PLAYED_BUFFERS); // all back with the camera
    played_put(whole(3));
    fg_frame_release(next_frame(source));
    assert_true(counts_of(source).lost == 0);
    fg_source_close(source);
}

static void test_gaps_are_counted(void **state)
{
    (void)state;
    static const struct {
        uint32_t driver;
        uint64_t ours, lost;
    } steps[] = {{10, 10, 0}, {11, 11, 0}, {15, 15, 3}, {15, 16, 3}, {2, 17, 3}, {4, 19, 4}};
    struct fg_source *source = open_plain();
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        played_put(whole(steps[i].driver));
        struct fg_frame *frame = next_frame(source);
        assert_true(frame->sequence == steps[i].ours);
        assert_true(counts_of(source).lost == steps[i].lost);
        fg_frame_release(frame);
    }
    fg_source_close(source);
}

static void test_times_that_cannot_be(void **state)
{
    (void)state;
    static const int64_t off_ms[] = {-60000, 60000, 0};
    struct fg_source *source = open_plain();
    uint64_t last = 0;
    for (size_t i = 0; i < sizeof off_ms / sizeof off_ms[0]; i++) {
        struct fg_libcamera_arrival arrival = whole((uint32_t)i);
        arrival.t_ns = off_ms[i] ? arrival.t_ns + (uint64_t)off_ms[i] * MS : 0;
        played_put(arrival);
        struct fg_frame *frame = next_frame(source);
        assert_true(frame->t_capture_ns == arrival.t_done_ns);
        assert_true(frame->t_capture_ns >= last);
        last = frame->t_capture_ns;
        fg_frame_release(frame);
    }
    fg_source_close(source);
}

static struct fg_libcamera_arrival cancelled(void)
{
    return (struct fg_libcamera_arrival){.buffer = played_next_buffer(),
                                         .state = FG_ARRIVAL_CANCELLED};
}

static void test_cancelled_frames(void **state)
{
    (void)state;
    struct fg_source *source = open_plain();
    played_put(cancelled());
    expect_next(source, -EBADMSG);
    played_put(whole(0));
    fg_frame_release(next_frame(source));
    for (unsigned i = 0; i < 2 * PLAYED_BUFFERS; i++) {
        played_put(cancelled());
        expect_next(source, -EBADMSG);
    }
    played_put(cancelled());
    expect_next(source, -EIO);
    fg_source_close(source);
}

static void test_refused_controls(void **state)
{
    (void)state;
    struct fg_source *source = open_plain();
    struct fg_libcamera_arrival arrival = cancelled();
    arrival.with_controls = true;
    played_put(arrival);
    expect_next(source, -EINVAL);
    fg_source_close(source);
}

static void test_gone(void **state)
{
    (void)state;
    struct fg_source *source = open_plain();
    played_put(whole(0));
    played.gone = true;
    fg_frame_release(next_frame(source)); // what came before is good
    expect_next(source, -ENODEV);
    fg_source_close(source);

    played = (struct played){.setup = played.setup, .plane_bytes = {80 * 48, 80 * 24}};
    source = open_plain();
    played_put(cancelled());
    played.gone = true;
    expect_next(source, -ENODEV);
    fg_source_close(source);
}

static void *unplug(void *unused)
{
    fg_sleep_until_ns(fg_monotonic_ns() + 20 * MS);
    atomic_store(&played.gone, true);
    played_ring();
    return unused;
}

static void test_gone_while_waiting(void **state)
{
    (void)state;
    pthread_t thread;
    struct fg_source *source = open_plain();
    assert_int_equal(pthread_create(&thread, NULL, unplug, NULL), 0);
    expect_next(source, -ENODEV);
    pthread_join(thread, NULL);
    fg_source_close(source);
}

static void test_stalls(void **state)
{
    (void)state;
    struct fg_source *source = open_with(&(struct fg_source_options){.camera = {.stall_ms = 30}});
    expect_next(source, -ETIMEDOUT);
    fg_source_close(source);
}

static void test_only_broken_frames_is_a_stall(void **state)
{
    (void)state;
    int code = -EBADMSG;
    struct fg_source *source = open_with(&(struct fg_source_options){.camera = {.stall_ms = 30}});
    while (code == -EBADMSG) {
        struct fg_frame *frame;
        struct fg_libcamera_arrival arrival = whole(0);
        arrival.state = FG_ARRIVAL_BROKEN;
        played_put(arrival);
        code = fg_source_next(source, &frame, NULL);
        fg_sleep_until_ns(fg_monotonic_ns() + MS);
    }
    assert_true(code == -ETIMEDOUT);
    fg_source_close(source);
}

static void *stop_soon(void *stop)
{
    fg_sleep_until_ns(fg_monotonic_ns() + 60 * MS);
    fg_stop_set(stop);
    return NULL;
}

static void test_readers_with_all_buffers_are_no_stall(void **state)
{
    (void)state;
    pthread_t thread;
    struct fg_stop *stop = NULL;
    struct fg_frame *frames[PLAYED_BUFFERS];
    assert_int_equal(fg_stop_create(&stop), 0);
    struct fg_source *source =
        open_with(&(struct fg_source_options){.stop = stop, .camera = {.stall_ms = 20}});
    for (unsigned i = 0; i < PLAYED_BUFFERS; i++) {
        played_put(whole(i));
        frames[i] = next_frame(source);
    }
    assert_int_equal(pthread_create(&thread, NULL, stop_soon, stop), 0);
    expect_next(source, -ECANCELED);
    pthread_join(thread, NULL);
    for (unsigned i = 0; i < PLAYED_BUFFERS; i++)
        fg_frame_release(frames[i]);
    fg_source_close(source);
    fg_stop_destroy(stop);
}

static void test_buffers_that_are_not_libcameras(void **state)
{
    (void)state;
    struct fg_source *source = open_plain();
    struct fg_libcamera_arrival arrival = whole(0);
    played_put(arrival);
    struct fg_frame *frame = next_frame(source);
    played_put(arrival); // we have it
    expect_next(source, -EPROTO);
    fg_frame_release(frame);
    fg_source_close(source);

    played = (struct played){.setup = played.setup, .plane_bytes = {80 * 48, 80 * 24}};
    source = open_plain();
    arrival.buffer = 1u << 31;
    played_put(arrival);
    expect_next(source, -EPROTO);
    fg_source_close(source);
}

static void refuse(int expected, const char *part)
{
    struct fg_source *source = NULL;
    struct fg_error err = {0};
    assert_int_equal(
        fg_source_open("libcamera:there", &(struct fg_source_options){0}, &source, &err), expected);
    assert_null(source);
    if (!strstr(err.text, part))
        fail_msg("'%s' is not in: %s", part, err.text);
    assert_int_equal(played.opened, played.closed);
}

static void test_opening_fails(void **state)
{
    (void)state;
    const struct played fresh = played;
    played.open_code = -EBUSY;
    refuse(-EBUSY, "refused");
    played = fresh;
    played.start_code = -EIO;
    refuse(-EIO, "no start");
    played = fresh;
    played.queue_code = -ENODEV;
    refuse(-ENODEV, "no queue");
    played = fresh;
    played.missing = 81; // less than what the planes promise
    refuse(-EPROTO, "bytes in a buffer of");
    played = fresh;
    played.setup.stride = 60; // less than a row
    refuse(-EPROTO, "stride 60");
    played = fresh;
    played.setup.height = 64; // more than the planes hold
    refuse(-EPROTO, "do not fit NV12 64x64");
    played = fresh;
    played.plane_bytes[0] = 300u << 20;
    played.missing = 300u << 20;
    refuse(-EPROTO, "at most");
}

// ---- the end ------------------------------------------------------------------------------------

static void test_limit_of_frames(void **state)
{
    (void)state;
    struct fg_source *source = open_with(&(struct fg_source_options){.max_frames = 2});
    for (uint32_t i = 0; i < 2; i++) {
        played_put(whole(i));
        fg_frame_release(next_frame(source));
    }
    expect_next(source, 1);
    fg_source_close(source);
}

static void test_frames_outlive_capture(void **state)
{
    (void)state;
    struct fg_source *source = open_plain();
    struct fg_libcamera_arrival arrival = whole(0);
    played.bytes[arrival.buffer][5] = 42;
    played_put(arrival);
    struct fg_frame *frame = next_frame(source);
    fg_source_halt(source);
    assert_int_equal(fg_source_wait_idle(source, 10), -ETIMEDOUT);
    assert_int_equal(frame->planes[0].data[5], 42);
    fg_frame_release(frame);
    assert_int_equal(fg_source_wait_idle(source, 1000), 0);
    fg_source_halt(source);
    fg_source_close(source);
}

static void test_is_there(void **state)
{
    (void)state;
    assert_true(fg_source_is_there("libcamera:there"));
    assert_false(fg_source_is_there("libcamera:elsewhere"));
}

// ---- JPEG ---------------------------------------------------------------------------------------

static void put_jpeg(uint32_t width, uint32_t height, uint32_t cut, uint32_t padding)
{
    static uint8_t rgb[128 * 128 * 3];
    uint8_t *jpeg = NULL;
    size_t length = 0;
    struct fg_libcamera_arrival arrival = whole(0);
    assert_int_equal(fg_image_encode_jpeg(rgb, width, height, width * 3, 90, &jpeg, &length, NULL),
                     0);
    memset(played.bytes[arrival.buffer], 0, played.plane_bytes[0]);
    memcpy(played.bytes[arrival.buffer], jpeg, length - cut);
    arrival.bytes[0] = (uint32_t)length - cut + padding;
    free(jpeg);
    played_put(arrival);
}

static void test_jpeg(void **state)
{
    (void)state;
    agree(FG_FOURCC_MJPG, 0, 20000, 0);
    struct fg_source *source = open_plain();
    put_jpeg(64, 48, 0, 512);
    struct fg_frame *frame = next_frame(source);
    const uint32_t length = frame->planes[0].length;
    assert_non_null(frame->jpeg);
    assert_int_equal(frame->planes[0].data[length - 2], 0xff); // the padding is gone
    assert_int_equal(frame->planes[0].data[length - 1], 0xd9);
    fg_frame_release(frame);
    put_jpeg(64, 48, 10, 0);
    expect_next(source, -EBADMSG);
    put_jpeg(32, 48, 0, 0);
    expect_next(source, -EBADMSG);
    struct fg_libcamera_arrival empty = whole(0);
    empty.bytes[0] = 0;
    played_put(empty);
    expect_next(source, -EBADMSG);
    assert_true(counts_of(source).broken == 3);
    assert_int_equal(played.n_queued, PLAYED_BUFFERS);
    fg_source_close(source);
}

// ---- wishes -------------------------------------------------------------------------------------

static void expect_wish(struct fg_camera_wish wish, int expected, const char *part)
{
    struct fg_camera_wish full = {0};
    struct fg_error err = {0};
    assert_int_equal(fg_camera_wish_complete(&wish, &full, &err), expected);
    if (!strstr(err.text, part))
        fail_msg("'%s' is not in: %s", part, err.text);
}

static void test_wishes(void **state)
{
    (void)state;
    expect_wish((struct fg_camera_wish){0}, 0, "");
    expect_wish((struct fg_camera_wish){.formats = "yuyv,mjpeg"}, 0, "");
    expect_wish((struct fg_camera_wish){.formats = "YUYV H264"}, -EINVAL, "'H264'");
    expect_wish((struct fg_camera_wish){.formats = " , "}, -EINVAL, "no camera format");
    expect_wish((struct fg_camera_wish){.width = 20000}, -EINVAL, "20000x720");
    expect_wish((struct fg_camera_wish){.rate = -1}, -EINVAL, "-1 frames");
    expect_wish((struct fg_camera_wish){.rate = NAN}, -EINVAL, "frames a second");
    expect_wish((struct fg_camera_wish){.buffers = 2}, -EINVAL, "2 buffers");
    expect_wish((struct fg_camera_wish){.buffers = 17}, -EINVAL, "17 buffers");
}

static void test_nearest_size(void **state)
{
    (void)state;
    const struct fg_camera_size want = {1280, 720}, none = {0, 0}, small = {640, 480};
    const struct fg_camera_size smaller = {320, 240}, large = {1920, 1080}, huge = {40000, 40000};
    const struct fg_camera_size wide = {2592, 480};
    assert_true(fg_camera_is_nearer(want, large, want));
    assert_true(fg_camera_is_nearer(large, small, want));
    assert_true(fg_camera_is_nearer(large, wide, want)); // which does not cover it
    assert_true(fg_camera_is_nearer(small, smaller, want));
    assert_false(fg_camera_is_nearer(smaller, small, want));
    assert_false(fg_camera_is_nearer(small, small, want));
    assert_true(fg_camera_is_nearer(smaller, huge, want));
    assert_false(fg_camera_is_nearer(huge, none, want));
    assert_true(fg_camera_is_nearer(smaller, none, want));
}

static int read_settings(const char *controls, struct fg_libcamera_settings *ret,
                         struct fg_error *err)
{
    const struct fg_camera_wish wish = {.controls = controls};
    return fg_libcamera_settings_read(&wish, ret, err);
}

static void test_named_controls(void **state)
{
    (void)state;
    static const char *const wrong[] = {"Contrast",      "Contrast=",    "=3",
                                        "Contrast=1.5x", "Contrast=nan", "Contrast=1e999"};
    struct fg_libcamera_settings settings = {0};
    struct fg_error err = {0};
    assert_int_equal(read_settings(" Contrast=1.5, AwbMode=-3 ", &settings, &err), 0);
    assert_int_equal(settings.n, 2);
    assert_string_equal(settings.all[0].name, "Contrast");
    assert_true(settings.all[0].value == 1.5);
    assert_string_equal(settings.all[1].name, "AwbMode");
    assert_true(settings.all[1].value == -3);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(read_settings(wrong[i], &settings, &err), -EINVAL);
    char many[33 * 4 + 1] = "";
    for (int i = 0; i < 33; i++)
        strcat(many, "A=1 ");
    assert_int_equal(read_settings(many, &settings, &err), -EINVAL);
    assert_int_equal(settings.n, 2); // untouched
}

static void expect_settings(struct fg_control exposure, struct fg_control gain,
                            struct fg_control focus, const char *expected)
{
    const struct fg_camera_wish wish = {
        .exposure = exposure, .gain = gain, .focus = focus, .controls = ""};
    struct fg_libcamera_settings settings = {0};
    struct fg_error err = {0};
    char text[256] = "";
    int code = fg_libcamera_settings_read(&wish, &settings, &err);
    if (code)
        fail_msg("%d: %s", code, err.text);
    for (unsigned i = 0; i < settings.n; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s=%g%s ", settings.all[i].name,
                 settings.all[i].value, settings.all[i].if_there ? "?" : "");
    assert_string_equal(text, expected);
}

static void test_exposure_gain_focus(void **state)
{
    (void)state;
    const struct fg_control leave = {FG_CONTROL_LEAVE, 0}, automatic = {FG_CONTROL_AUTO, 0};
    const struct fg_control number = {FG_CONTROL_VALUE, 4};
    expect_settings(leave, leave, leave, "");
    expect_settings(automatic, leave, leave, "AeEnable=1 ");
    expect_settings(leave, automatic, leave, "AeEnable=1 ");
    expect_settings(number, leave, leave, "AeEnable=0? ExposureTime=4 ");
    expect_settings(number, number, leave, "AeEnable=0? ExposureTime=4 AnalogueGain=4 ");
    expect_settings(automatic, number, leave, "AeEnable=1 AnalogueGain=4 ");
    expect_settings(leave, number, leave, "AnalogueGain=4 ");
    expect_settings(leave, leave, automatic, "AfMode=2 ");
    expect_settings(leave, leave, number, "AfMode=0? LensPosition=4 ");
    const struct fg_camera_wish both = {.exposure = number, .gain = automatic, .controls = ""};
    struct fg_libcamera_settings settings;
    struct fg_error err = {0};
    assert_int_equal(fg_libcamera_settings_read(&both, &settings, &err), -EINVAL);
    assert_non_null(strstr(err.text, "together"));
}

// ---- the inbox ----------------------------------------------------------------------------------

#define ROUNDS 20000u

static void *fill_inbox(void *inbox)
{
    // as many at a time as there are buffers; the reader answers through the second
    struct fg_libcamera_inbox **pair = inbox;
    unsigned buffer;
    uint64_t t_ns;
    for (unsigned i = 0; i < ROUNDS; i++) {
        fg_libcamera_inbox_put(pair[0], i % FG_POOL_SLOTS);
        while (i % FG_POOL_SLOTS == FG_POOL_SLOTS - 1 &&
               !fg_libcamera_inbox_take(pair[1], &buffer, &t_ns))
            sched_yield();
    }
    fg_libcamera_inbox_tell_gone(pair[0]);
    return NULL;
}

static void test_inbox(void **state)
{
    (void)state;
    struct fg_libcamera_inbox *pair[2];
    pthread_t thread;
    unsigned buffer, taken = 0;
    uint64_t t_ns, last = 0;
    for (int i = 0; i < 2; i++)
        assert_int_equal(fg_libcamera_inbox_create(&pair[i]), 0);
    assert_false(fg_libcamera_inbox_take(pair[0], &buffer, &t_ns));
    assert_int_equal(pthread_create(&thread, NULL, fill_inbox, pair), 0);
    while (taken < ROUNDS) {
        if (!fg_libcamera_inbox_take(pair[0], &buffer, &t_ns))
            continue;
        assert_int_equal(buffer, taken % FG_POOL_SLOTS);
        assert_true(t_ns >= last);
        last = t_ns;
        if (buffer == FG_POOL_SLOTS - 1)
            fg_libcamera_inbox_put(pair[1], 0);
        taken++;
    }
    pthread_join(thread, NULL);
    assert_true(fg_libcamera_inbox_is_gone(pair[0]));
    assert_false(fg_libcamera_inbox_is_gone(pair[1]));
    for (int i = 0; i < 2; i++)
        fg_libcamera_inbox_destroy(pair[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_frames_travel),
        TEST(test_wish_reaches_the_camera),
        TEST(test_one_plane_formats),
        TEST(test_last_row_without_padding_is_whole),
        TEST(test_driver_that_claims_too_many_bytes),
        TEST(test_dmabuf),
        TEST(test_other_memory_is_not_bracketed),
        TEST(test_slow_memory_is_copied_once),
        TEST(test_buffers_are_wiped),
        TEST(test_memory_that_cannot_be_made_readable),
        TEST(test_broken_frames),
        TEST(test_gaps_are_counted),
        TEST(test_times_that_cannot_be),
        TEST(test_cancelled_frames),
        TEST(test_refused_controls),
        TEST(test_gone),
        TEST(test_gone_while_waiting),
        TEST(test_stalls),
        TEST(test_only_broken_frames_is_a_stall),
        TEST(test_readers_with_all_buffers_are_no_stall),
        TEST(test_buffers_that_are_not_libcameras),
        TEST(test_opening_fails),
        TEST(test_limit_of_frames),
        TEST(test_frames_outlive_capture),
        TEST(test_is_there),
        TEST(test_jpeg),
        cmocka_unit_test(test_wishes),
        cmocka_unit_test(test_nearest_size),
        cmocka_unit_test(test_named_controls),
        cmocka_unit_test(test_exposure_gain_focus),
        cmocka_unit_test(test_inbox),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
