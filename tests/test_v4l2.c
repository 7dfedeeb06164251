// SPDX-License-Identifier: Apache-2.0
// The V4L2 source against a driver that is played: what is negotiated, how frames travel, and
// what drivers do wrong.
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/wipe.h"
#include "pipeline/camera_stamps.h"
#include "pipeline/image.h"
#include "pipeline/source.h"
#include "pipeline/v4l2_buffers.h"
#include "pipeline/v4l2_controls.h"
#include "pipeline/v4l2_device.h"
#include "pipeline/v4l2_modes.h"
#include "tests/dice.h"
#include "tests/fake_v4l2.h"

#define SPEC "v4l2:" FAKE_PATH

static struct fake_v4l2 fake;
static const struct fake_frame plain;

// ---- fixtures -----------------------------------------------------------------------------------

static int set_up(void **state)
{
    (void)state;
    fake_v4l2_install(&fake);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    // Whatever a test did: no mapping is left, and reads were ended.
    int code =
        fake.mapped == fake.unmapped && fake.opened == fake.closed && fake_v4l2_sync_depth() == 0
            ? 0
            : -1;
    if (code)
        print_error("%u mapped, %u unmapped, %u opened, %u closed, sync depth %d\n", fake.mapped,
                    fake.unmapped, fake.opened, fake.closed, fake_v4l2_sync_depth());
    fake_v4l2_remove(&fake);
    return code;
}

static struct fg_source_options wish(uint32_t width, uint32_t height)
{
    return (struct fg_source_options){.camera = {.width = width, .height = height}};
}

static struct fg_source *open_with(const struct fg_source_options *options)
{
    struct fg_source *source = NULL;
    struct fg_error err = {0};
    int code = fg_source_open(SPEC, options, &source, &err);
    if (code)
        fail_msg("%d: %s", code, err.text);
    return source;
}

static struct fg_source *open_plain(void)
{
    const struct fg_source_options options = wish(64, 48);
    return open_with(&options);
}

static void close_source(struct fg_source *source)
{
    fg_source_halt(source);
    assert_int_equal(fg_source_wait_idle(source, 0), 0);
    fg_source_close(source);
}

static void assert_refused_at(const char *spec, const struct fg_source_options *options, int code,
                              const char *part)
{
    struct fg_source *source = NULL;
    struct fg_error err = {0};
    int got = fg_source_open(spec, options, &source, &err);
    if (got != code || !strstr(err.text, part))
        fail_msg("%d '%s' instead of %d '%s'", got, err.text, code, part);
    assert_null(source);
}

static void assert_refused(const struct fg_source_options *options, int code, const char *part)
{
    const unsigned before = fake_v4l2_descriptors();
    assert_refused_at(SPEC, options, code, part);
    assert_int_equal(fake_v4l2_descriptors(), before);
    assert_int_equal(fake.mapped, fake.unmapped);
}

static void assert_plain_refused(int code, const char *part)
{
    const struct fg_source_options options = wish(64, 48);
    assert_refused(&options, code, part);
}

static struct fg_frame *next(struct fg_source *source)
{
    struct fg_frame *frame = NULL;
    struct fg_error err = {0};
    int code = fg_source_next(source, &frame, &err);
    if (code)
        fail_msg("%d: %s", code, err.text);
    assert_int_equal(fg_frame_check(frame, NULL), 0);
    return frame;
}

static void assert_no_frame(struct fg_source *source, int want, const char *part)
{
    struct fg_frame *frame = NULL;
    struct fg_error err = {0};
    int code = fg_source_next(source, &frame, &err);
    if (code != want || !strstr(err.text, part))
        fail_msg("%d '%s' instead of %d '%s'", code, err.text, want, part);
    assert_null(frame);
}

static void shoot(const struct fake_frame *frame)
{
    assert_true(fake_v4l2_shoot(&fake, frame));
}

static struct fg_source_counts counts_of(const struct fg_source *source)
{
    struct fg_source_counts counts;
    fg_source_counts(source, &counts);
    return counts;
}

static struct fg_source_info info_of(const struct fg_source *source)
{
    struct fg_source_info info;
    fg_source_info(source, &info);
    return info;
}

static void assert_description(const struct fg_source *source, const char *part)
{
    struct fg_source_info info = info_of(source);
    if (!strstr(info.description, part))
        fail_msg("'%s' has no '%s'", info.description, part);
}

// The bytes of a frame's plane, as a reader sees them.
static void assert_bytes(const struct fg_frame *frame, unsigned plane, uint8_t value)
{
    assert_int_equal(fg_frame_read_begin(frame), 0);
    for (uint32_t i = 0; i < frame->planes[plane].length; i++)
        if (frame->planes[plane].data[i] != value)
            fail_msg("byte %u is %u, not %u", i, frame->planes[plane].data[i], value);
    fg_frame_read_end(frame);
}

static void set_modes(const struct fake_mode *modes, unsigned n)
{
    memset(fake.modes, 0, sizeof fake.modes);
    memcpy(fake.modes, modes, n * sizeof *modes);
}

// ---- what is negotiated -------------------------------------------------------------------------

static void assert_picture(const struct fg_source_options *options, const char *picture)
{
    struct fg_source *source = open_with(options);
    assert_string_equal(info_of(source).picture, picture);
    close_source(source);
}

static void test_description(void **state)
{
    (void)state;
    struct fg_source *source = open_plain();
    const struct fg_source_info info = info_of(source);
    assert_string_equal(info.description, "v4l2 " FAKE_PATH " (fakevideo, Fake Camera, usb-1.2) "
                                          "YUYV 64x48 at 30/s, 4 dma-bufs");
    assert_string_equal(info.picture, "YUYV 64x48");
    assert_int_equal(info.width, 64);
    assert_int_equal(info.height, 48);
    assert_true(info.live);
    assert_int_equal(info.memory, FG_MEMORY_DMABUF);
    assert_true(fg_source_is_there(SPEC));
    assert_false(fg_source_is_there("v4l2:/dev/fake1"));
    assert_int_equal(fake.stream_on, 1);
    close_source(source);
    assert_int_equal(fake.stream_off, 1);
}

// As most USB 2 cameras: raw pictures of this size come five times a second.
static void test_fast_format_wins(void **state)
{
    (void)state;
    const struct fake_mode modes[] = {{V4L2_PIX_FMT_YUYV, 1280, 720, {5, 10}},
                                      {V4L2_PIX_FMT_YUYV, 640, 480, {30}},
                                      {V4L2_PIX_FMT_MJPEG, 1280, 720, {15, 30}},
                                      {V4L2_PIX_FMT_MJPEG, 640, 480, {30}}};
    set_modes(modes, 4);
    struct fg_source_options options = {0};
    assert_picture(&options, "MJPEG 1280x720");
    assert_int_equal(fake.interval.denominator, 30);
    options.camera.rate = 11; // 10 is more than 90 % of it
    assert_picture(&options, "YUYV 1280x720");
    options = wish(640, 480);
    assert_picture(&options, "YUYV 640x480");
    options.camera.formats = "mjpeg, YUYV";
    assert_picture(&options, "MJPEG 640x480");
    options = wish(1280, 720);
    options.camera.formats = "YUYV";
    struct fg_source *source = open_with(&options); // the wish for a format wins
    assert_description(source, "YUYV 1280x720 at 10/s instead of 1280x720 at 30/s, 4");
    close_source(source);
}

// The size decides before the format: a picture of 640x480 has too few pixels of a face.
static void test_size_wins_over_format(void **state)
{
    (void)state;
    const struct fake_mode modes[] = {{V4L2_PIX_FMT_YUYV, 640, 480, {30}},
                                      {V4L2_PIX_FMT_MJPEG, 1280, 720, {30}}};
    struct fg_source_options options = {0};
    set_modes(modes, 2);
    options.camera.formats = "YUYV YUYV MJPEG"; // named twice, listed once
    assert_picture(&options, "MJPEG 1280x720");
}

static void test_fastest_when_all_are_slow(void **state)
{
    (void)state;
    const struct fake_mode modes[] = {{V4L2_PIX_FMT_YUYV, 1280, 720, {5}},
                                      {V4L2_PIX_FMT_UYVY, 1280, 720, {8}},
                                      {V4L2_PIX_FMT_GREY, 1280, 720, {8}}};
    const struct fg_source_options options = {0};
    set_modes(modes, 3);
    assert_picture(&options, "UYVY 1280x720");
}

static void test_nearest_rate(void **state)
{
    (void)state;
    const struct fake_mode modes[] = {{V4L2_PIX_FMT_YUYV, 64, 48, {5, 25, 60}}};
    static const uint32_t wished[] = {30, 1, 50, 12, 100}, taken[] = {25, 5, 60, 25, 60};
    set_modes(modes, 1);
    for (unsigned i = 0; i < 5; i++) {
        struct fg_source_options options = wish(64, 48);
        options.camera.rate = wished[i];
        assert_picture(&options, "YUYV 64x48");
        assert_int_equal(fake.interval.denominator, taken[i]);
    }
}

static void test_nearest_size(void **state)
{
    (void)state;
    const struct fake_mode modes[] = {{V4L2_PIX_FMT_GREY, 640, 480, {30}},
                                      {V4L2_PIX_FMT_GREY, 1920, 1080, {30}},
                                      {V4L2_PIX_FMT_GREY, 1280, 960, {30}},
                                      {V4L2_PIX_FMT_GREY, 0, 7, {30}},
                                      {V4L2_PIX_FMT_GREY, 65536, 2, {30}}};
    struct fg_source_options options = {0};
    set_modes(modes, 5);
    assert_picture(&options, "GREY 1280x960"); // the smallest that covers 1280x720
    options = wish(4000, 3000);
    struct fg_source *source = open_with(&options); // none does: the largest
    assert_description(source, "GREY 1920x1080 at 30/s instead of 4000x3000 at 30/s");
    close_source(source);
}

static void test_ranges_of_sizes(void **state)
{
    (void)state;
    struct fg_source_options options = wish(645, 481);
    options.camera.rate = 7.5;
    fake.stepwise = true;
    assert_picture(&options, "YUYV 656x488");
    assert_float_equal((double)fake.interval.denominator / fake.interval.numerator, 7.5, 1e-9);
    options.camera.rate = 200;
    assert_picture(&options, "YUYV 656x488");
    assert_int_equal(fake.interval.denominator, 60);
    fake.continuous = true;
    assert_picture(&options, "YUYV 645x481");
    options = wish(100, 5000);
    assert_picture(&options, "YUYV 160x2160");
}

static void test_nothing_listed(void **state)
{
    (void)state;
    struct fg_source_options options = {0};
    fake.lists_nothing = true;
    struct fg_source *source = open_with(&options);
    assert_description(source, "YUYV 1280x720 at 30/s, 4 dma-bufs"); // asked for, and agreed
    close_source(source);
    fake.no_rate = true;
    source = open_with(&options);
    assert_description(source, "YUYV 1280x720, 4 dma-bufs"); // no rate is made up
    close_source(source);
}

static int other_format(struct fake_v4l2 *camera, unsigned long request, void *argument, int code)
{
    struct v4l2_format *format = argument;
    if (request == VIDIOC_S_FMT)
        *format = *(struct v4l2_format *)camera->context;
    return code;
}

// An answer to S_FMT that no driver should give, or that we cannot use.
static void assert_format_refused(struct v4l2_pix_format pix, int code, const char *part)
{
    struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .fmt.pix = pix};
    fake.lie = other_format;
    fake.context = &format;
    assert_plain_refused(code, part);
}

static void test_answers_that_cannot_be(void **state)
{
    (void)state;
    const struct v4l2_pix_format good = {.width = 64,
                                         .height = 48,
                                         .pixelformat = V4L2_PIX_FMT_YUYV,
                                         .field = V4L2_FIELD_NONE,
                                         .bytesperline = 128,
                                         .sizeimage = 128 * 48};
    struct v4l2_pix_format pix = good;
    pix.bytesperline = 127;
    assert_format_refused(pix, -EPROTO, "127 bytes a row where YUYV 64x48 has 128");
    pix.bytesperline = 0;
    assert_format_refused(pix, -EPROTO, "0 bytes a row");
    pix.bytesperline = UINT32_MAX; // overflows in 32 bits
    assert_format_refused(pix, -EPROTO, "bytes a picture");
    pix = good;
    pix.sizeimage--;
    assert_format_refused(pix, -EPROTO, "6143 bytes a picture where YUYV 64x48 has 6144 or more");
    pix.sizeimage = UINT32_MAX;
    assert_format_refused(pix, -EPROTO, "bytes a picture");
    pix = good;
    pix.width = 0;
    assert_format_refused(pix, -EPROTO, "pictures of 0x48");
    pix.width = pix.height = 16000;
    assert_format_refused(pix, -EPROTO, "pictures of 16000x16000");
    pix = good;
    pix.field = V4L2_FIELD_INTERLACED;
    assert_format_refused(pix, -ENOTSUP, "interlaced");
    pix = good;
    pix.pixelformat = V4L2_PIX_FMT_H264;
    assert_format_refused(pix, -ENOTSUP, "gives H264, which is not read");
}

static void test_driver_takes_another_size(void **state)
{
    (void)state;
    struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
                                 .fmt.pix = {.width = 33, // odd, and padded rows
                                             .height = 5,
                                             .pixelformat = V4L2_PIX_FMT_NV12,
                                             .field = V4L2_FIELD_NONE,
                                             .bytesperline = 40,
                                             .sizeimage = 8 * 40 + 100}};
    fake.lie = other_format;
    fake.context = &format;
    struct fg_source *source = open_plain();
    assert_description(source, "NV12 33x5 at 30/s instead of 64x48 at 30/s");
    close_source(source);
}

static void test_options_are_checked(void **state)
{
    (void)state;
    struct fg_source_options options = wish(64, 48);
    options.camera.formats = "YUYV H264";
    assert_refused(&options, -EINVAL, "'H264' is not a camera format");
    options.camera.formats = " ,";
    assert_refused(&options, -EINVAL, "no camera format");
    options.camera.formats = "GREY";
    assert_refused(&options, -ENOTSUP, "it offers YUYV, and none of GREY");
    options = wish(64, 48);
    options.camera.buffers = 2;
    assert_refused(&options, -EINVAL, "3 to 16");
    options.camera.buffers = 17;
    assert_refused(&options, -EINVAL, "3 to 16");
    options = wish(64, 48);
    options.camera.rate = NAN;
    assert_refused(&options, -EINVAL, "0.1 to 1000");
    options.camera.rate = -1;
    assert_refused(&options, -EINVAL, "0.1 to 1000");
    options = wish(20000, 48);
    assert_refused(&options, -EINVAL, "over the limit");
    assert_refused_at("v4l2:", &options, -EINVAL, "write v4l2:DEVICE");
}

static void assert_range(uint32_t quantization, uint32_t colorspace, bool full)
{
    fake.quantization = quantization;
    fake.colorspace = colorspace;
    struct fg_source *source = open_plain();
    shoot(&plain);
    struct fg_frame *frame = next(source);
    assert_int_equal(frame->full_range, full);
    fg_frame_release(frame);
    close_source(source);
}

static void test_colour_range(void **state)
{
    (void)state;
    assert_range(V4L2_QUANTIZATION_DEFAULT, V4L2_COLORSPACE_SRGB, false);
    assert_range(V4L2_QUANTIZATION_DEFAULT, V4L2_COLORSPACE_JPEG, true);
    assert_range(V4L2_QUANTIZATION_FULL_RANGE, V4L2_COLORSPACE_SMPTE170M, true);
    assert_range(V4L2_QUANTIZATION_LIM_RANGE, V4L2_COLORSPACE_JPEG, false);
    fake.multiplanar = true;
    assert_range(V4L2_QUANTIZATION_FULL_RANGE, V4L2_COLORSPACE_SMPTE170M, true);
    assert_range(V4L2_QUANTIZATION_DEFAULT, V4L2_COLORSPACE_SMPTE170M, false);
}

// ---- devices that are none ----------------------------------------------------------------------

static void test_not_a_capture_device(void **state)
{
    (void)state;
    static const uint32_t others[] = {
        V4L2_CAP_VIDEO_OUTPUT | V4L2_CAP_STREAMING,
        V4L2_CAP_VIDEO_M2M | V4L2_CAP_STREAMING,
        V4L2_CAP_VIDEO_M2M | V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING,
        V4L2_CAP_META_CAPTURE | V4L2_CAP_STREAMING,
        V4L2_CAP_RADIO | V4L2_CAP_TUNER,
    };
    for (unsigned i = 0; i < 5; i++) {
        fake.capabilities = others[i];
        assert_plain_refused(-EINVAL, "(Fake Camera): not a capture device");
    }
    fake.capabilities = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_READWRITE;
    assert_plain_refused(-EINVAL, "does not stream");
}

static int old_capabilities(struct fake_v4l2 *camera, unsigned long request, void *argument,
                            int code)
{
    struct v4l2_capability *answer = argument;
    (void)camera;
    if (request == VIDIOC_QUERYCAP) {
        answer->capabilities = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
        answer->device_caps = 0;
        memset(answer->card, '\n', sizeof answer->card); // nor does it end
    }
    return code;
}

static void test_driver_without_device_caps(void **state)
{
    (void)state;
    fake.lie = old_capabilities;
    struct fg_source *source = open_plain();
    assert_description(source, "(fakevideo, ????????????????????????????????, usb-1.2)");
    close_source(source);
}

static void test_errors_at_opening(void **state)
{
    (void)state;
    static const struct {
        int code, want;
        const char *part;
    } cases[] = {
        {-ENOENT, -ENOENT, "no such device: plug the camera in"},
        {-ENODEV, -ENODEV, "unplugged or disconnected"},
        {-ENXIO, -ENODEV, "unplugged or disconnected"},
        {-EBUSY, -EBUSY, "another program uses this camera"},
        {-EACCES, -EACCES, "add it to the group"},
        {-EPERM, -EACCES, "add it to the group"},
        {-ENOTTY, -EINVAL, "not a video device"},
        {-EMFILE, -EMFILE, "opening it failed"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fake.open_code = cases[i].code;
        assert_plain_refused(cases[i].want, cases[i].part);
        assert_false(fg_source_is_there(SPEC));
    }
}

static void test_real_nodes(void **state)
{
    (void)state;
    const struct fg_source_options options = {0};
    fg_v4l2_system = &fg_v4l2_kernel;
    assert_refused_at("v4l2:/dev/facegate/none", &options, -ENOENT, "no such device");
    assert_refused_at("v4l2:/dev/null", &options, -EINVAL, "not a video device");
    assert_refused_at("v4l2:/proc/version", &options, -EINVAL, "not a video device");
    assert_refused_at("v4l2:/proc", &options, -EINVAL, "not a video device");
    assert_false(fg_source_is_there("v4l2:/dev/facegate/none"));
    assert_false(fg_source_is_there("v4l2:/proc/version"));
    if (access("/sys/dev/char/1:3", F_OK) == 0)
        assert_true(fg_source_is_there("v4l2:/dev/null")); // a node that sysfs knows
}

static void test_busy_at_each_step(void **state)
{
    (void)state;
    static const int steps[] = {_IOC_NR(VIDIOC_S_FMT), _IOC_NR(VIDIOC_S_PARM),
                                _IOC_NR(VIDIOC_REQBUFS), _IOC_NR(VIDIOC_STREAMON)};
    for (unsigned i = 0; i < 4; i++) {
        fake.busy_at = steps[i];
        assert_plain_refused(-EBUSY, "'fuser -v " FAKE_PATH "' names it");
    }
}

struct refusal {
    unsigned long request;
    int code;
};

static int refuse(struct fake_v4l2 *camera, unsigned long request, void *argument, int code)
{
    const struct refusal *refusal = camera->context;
    (void)argument;
    return request == refusal->request ? refusal->code : code;
}

static void test_stream_that_does_not_start(void **state)
{
    (void)state;
    struct refusal refusal = {VIDIOC_STREAMON, -ENOSPC};
    fake.lie = refuse;
    fake.context = &refusal;
    assert_plain_refused(-ENOSPC, "not enough USB bandwidth");
    refusal.code = -EPIPE;
    assert_plain_refused(-EPIPE, "use libcamera:" FAKE_PATH);
    refusal.code = -EBADMSG; // what means a broken frame elsewhere
    assert_plain_refused(-EIO, "starting the stream failed");
}

// Unplugged before the first request, before the second, and so on until it streams.
static void test_gone_at_each_step(void **state)
{
    (void)state;
    const unsigned before = fake_v4l2_descriptors();
    struct fg_source_options options = wish(64, 48);
    struct fg_source *source = NULL;
    struct fg_error err;
    uint64_t step = 0;
    int code;
    options.camera.stall_ms = 20;
    do {
        fake.requests = 0;
        fake.gone_at = ++step;
        code = fg_source_open(SPEC, &options, &source, &err);
        if (code == 0)
            break;
        assert_int_equal(code, -ENODEV);
        assert_non_null(strstr(err.text, "unplugged or disconnected"));
        assert_int_equal(fake_v4l2_descriptors(), before);
        assert_false(fg_source_is_there(SPEC));
    } while (step < 200);
    assert_in_range(step, 15, 199);
    assert_no_frame(source, -ETIMEDOUT, "no frame"); // a dead node may also just be silent
    close_source(source);
    assert_int_equal(fake_v4l2_descriptors(), before);
}

// ---- buffers ------------------------------------------------------------------------------------

static int few_buffers(struct fake_v4l2 *camera, unsigned long request, void *argument, int code)
{
    struct v4l2_requestbuffers *answer = argument;
    if (request == VIDIOC_REQBUFS)
        answer->count = *(const uint32_t *)camera->context;
    return code;
}

static void test_number_of_buffers(void **state)
{
    (void)state;
    uint32_t count = 2;
    struct fg_source_options options = wish(64, 48);
    options.camera.buffers = 6;
    struct fg_source *source = open_with(&options);
    assert_description(source, ", 6 dma-bufs");
    close_source(source);
    fake.lie = few_buffers;
    fake.context = &count;
    assert_plain_refused(-ENOMEM, "2 buffers where 3 are needed");
    count = 0;
    assert_plain_refused(-ENOMEM, "0 buffers");
    count = UINT32_MAX; // and then there are only four
    assert_plain_refused(-EINVAL, "asking where its buffers are failed");
}

static int wrong_length(struct fake_v4l2 *camera, unsigned long request, void *argument, int code)
{
    struct v4l2_buffer *answer = argument;
    if (request == VIDIOC_QUERYBUF && answer->index == 2)
        answer->length = *(const uint32_t *)camera->context;
    return code;
}

static void test_lengths_that_cannot_be(void **state)
{
    (void)state;
    uint32_t length = 0;
    fake.lie = wrong_length;
    fake.context = &length;
    assert_plain_refused(-EPROTO, "a buffer of 0 bytes for a picture of 6144 or more");
    length = 6143;
    assert_plain_refused(-EPROTO, "a buffer of 6143 bytes");
    length = UINT32_MAX;
    assert_plain_refused(-EPROTO, "a buffer of 4294967295 bytes");
    length = 1 << 20; // more than there is: reading its end would kill us
    assert_plain_refused(-ENOMEM, "cannot be mapped");
}

static void test_without_export(void **state)
{
    (void)state;
    fake.no_export = true;
    struct fg_source *source = open_plain();
    assert_int_equal(info_of(source).memory, FG_MEMORY_MAPPED);
    assert_description(source, "4 mapped buffers");
    shoot(&(struct fake_frame){.value = 77});
    struct fg_frame *frame = next(source);
    assert_int_equal(frame->planes[0].dmabuf_fd, -1);
    assert_bytes(frame, 0, 77);
    assert_int_equal(fake_v4l2_syncs(), 0);
    fg_frame_release(frame);
    close_source(source);
}

static int export_fails_late(struct fake_v4l2 *camera, unsigned long request, void *argument,
                             int code)
{
    const struct v4l2_exportbuffer *answer = argument;
    (void)camera;
    if (request != VIDIOC_EXPBUF || answer->index < 2)
        return code;
    if (code == 0)
        close(answer->fd);
    return -EINVAL;
}

static void test_export_that_fails_late(void **state)
{
    (void)state;
    const unsigned before = fake_v4l2_descriptors();
    fake.lie = export_fails_late;
    struct fg_source *source = open_plain(); // all or none
    assert_int_equal(info_of(source).memory, FG_MEMORY_MAPPED);
    close_source(source);
    assert_int_equal(fake_v4l2_descriptors(), before);
}

static void test_uncached(void **state)
{
    (void)state;
    fake.uncached = true;
    struct fg_source *source = open_plain();
    assert_int_equal(info_of(source).memory, FG_MEMORY_COPIED);
    assert_description(source, "4 uncached buffers, each frame copied once");
    struct fg_frame *frames[4];
    for (uint8_t i = 0; i < 4; i++) { // all slots are held, the driver has all its buffers
        shoot(&(struct fake_frame){.value = i});
        frames[i] = next(source);
        assert_int_equal(fake.n_fifo, 4);
    }
    for (uint8_t i = 0; i < 4; i++) {
        assert_bytes(frames[i], 0, i);
        assert_int_equal(frames[i]->planes[0].dmabuf_fd, -1);
        fg_frame_release(frames[i]);
    }
    assert_int_equal(counts_of(source).copied, 4 * 6144);
    assert_int_equal(fake_v4l2_syncs(), 5); // the measurement and four copies
    shoot(&(struct fake_frame){.cut = 1});
    assert_no_frame(source, -EBADMSG, "a short frame: 6143 bytes of 6144");
    assert_int_equal(counts_of(source).copied, 4 * 6144);
    shoot(&(struct fake_frame){.value = 9});
    fg_frame_release(next(source));
    close_source(source);
}

static void test_memory_that_does_not_sync(void **state)
{
    (void)state;
    fake.uncached = true;
    struct fg_source *source = open_plain();
    fake.sync_code = -EIO;
    shoot(&plain);
    assert_no_frame(source, -EIO, "making its memory readable failed");
    close_source(source);
    fake.uncached = false;
    fake.modes[0].pixelformat = V4L2_PIX_FMT_MJPEG; // read here too, for its size
    source = open_plain();
    shoot(&plain);
    assert_no_frame(source, -EIO, "making its memory readable failed");
    close_source(source);
}

// ---- frames -------------------------------------------------------------------------------------

static void test_frames(void **state)
{
    (void)state;
    struct fg_source *source = open_plain();
    uint64_t last = 0;
    for (unsigned i = 0; i < 50; i++) {
        shoot(&(struct fake_frame){.value = (uint8_t)i, .late_us = 5000});
        struct fg_frame *frame = next(source);
        assert_int_equal(frame->fourcc, FG_FOURCC_YUYV);
        assert_int_equal(frame->sequence, i);
        assert_true(frame->t_capture_ns > last);
        assert_true(frame->t_capture_ns + 5000000 <= fg_monotonic_ns());
        assert_true(frame->planes[0].dmabuf_fd >= 0);
        assert_bytes(frame, 0, (uint8_t)i);
        last = frame->t_capture_ns;
        fg_frame_release(frame);
    }
    const struct fg_source_counts counts = counts_of(source);
    assert_int_equal(counts.broken + counts.copied + counts.lost, 0);
    close_source(source);
}

static void test_end_and_stop(void **state)
{
    (void)state;
    struct fg_stop *stop;
    assert_int_equal(fg_stop_create(&stop), 0);
    struct fg_source_options options = wish(64, 48);
    options.max_frames = 1;
    options.stop = stop;
    struct fg_source *source = open_with(&options);
    shoot(&plain);
    fg_frame_release(next(source));
    assert_no_frame(source, 1, "");
    fg_stop_set(stop);
    assert_no_frame(source, -ECANCELED, "stopped");
    close_source(source);
    fg_stop_destroy(stop);
}

static void set_stop(struct fake_v4l2 *camera)
{
    fg_stop_set(camera->context);
}

static void test_stop_while_waiting(void **state)
{
    (void)state;
    struct fg_stop *stop;
    assert_int_equal(fg_stop_create(&stop), 0);
    struct fg_source_options options = wish(64, 48);
    options.stop = stop;
    options.camera.stall_ms = UINT32_MAX;
    struct fg_source *source = open_with(&options);
    fake.idle = set_stop;
    fake.context = stop;
    assert_no_frame(source, -ECANCELED, "stopped");
    close_source(source);
    fg_stop_destroy(stop);
}

static void test_planes(void **state)
{
    (void)state;
    set_modes((struct fake_mode[]){{V4L2_PIX_FMT_NV12, 64, 48, {30}}}, 1);
    fake.padding = 16;
    struct fg_source *source = open_plain();
    shoot(&(struct fake_frame){.value = 3});
    struct fg_frame *frame = next(source);
    const struct fg_plane *y = &frame->planes[0], *uv = &frame->planes[1];
    assert_int_equal(frame->fourcc, FG_FOURCC_NV12);
    assert_int_equal(frame->n_planes, 2);
    assert_int_equal(y->stride, 80);
    assert_int_equal(uv->stride, 80);
    assert_int_equal(uv->offset, 80 * 48);
    assert_ptr_equal(uv->data, y->data + 80 * 48);
    assert_int_equal(uv->length, 80 * 24);
    assert_int_equal(uv->dmabuf_fd, y->dmabuf_fd); // synchronised once
    assert_bytes(frame, 1, 3);
    assert_int_equal(fake_v4l2_syncs(), 2); // the measurement's and this
    fg_frame_release(frame);
    close_source(source);
}

static void check_two_parts(struct fg_source *source)
{
    shoot(&(struct fake_frame){.value = 20});
    struct fg_frame *frame = next(source);
    assert_int_equal(frame->fourcc, FG_FOURCC_NV12);
    assert_int_equal(frame->n_planes, 2);
    assert_int_equal(frame->planes[1].offset, 0);
    assert_int_equal(frame->planes[1].length, 64 * 24);
    if (frame->planes[0].dmabuf_fd >= 0)
        assert_int_not_equal(frame->planes[0].dmabuf_fd, frame->planes[1].dmabuf_fd);
    assert_bytes(frame, 0, 20);
    assert_bytes(frame, 1, 21);
    fg_frame_release(frame);
    close_source(source);
}

static void test_two_parts(void **state)
{
    (void)state;
    const unsigned before = fake_v4l2_descriptors();
    set_modes((struct fake_mode[]){{V4L2_PIX_FMT_NV12M, 64, 48, {30}}}, 1);
    fake.multiplanar = true;
    check_two_parts(open_plain());
    assert_int_equal(fake.exported, 8);
    fake.no_export = true;
    check_two_parts(open_plain());
    fake.uncached = true;
    check_two_parts(open_plain());
    assert_int_equal(fake_v4l2_descriptors(), before);
}

static int larger_buffers(struct fake_v4l2 *camera, unsigned long request, void *argument, int code)
{
    struct v4l2_format *answer = argument;
    if (request == VIDIOC_S_FMT) {
        answer->fmt.pix_mp.plane_fmt[0].sizeimage += 100;
        camera->format = *answer;
    }
    return code;
}

static void test_data_offset(void **state)
{
    (void)state;
    fake.multiplanar = true;
    fake.lie = larger_buffers;
    for (int uncached = 0; uncached < 2; uncached++) {
        fake.uncached = uncached;
        struct fg_source *source = open_plain();
        shoot(&(struct fake_frame){.value = 5, .offset = 100});
        struct fg_frame *frame = next(source);
        assert_int_equal(frame->planes[0].offset, 100);
        assert_int_equal(frame->planes[0].length, 6144);
        assert_bytes(frame, 0, 5);
        fg_frame_release(frame);
        shoot(&(struct fake_frame){.value = 5, .offset = 100, .cut = 1});
        assert_no_frame(source, -EBADMSG, "a short frame: 6143 bytes of 6144");
        close_source(source);
    }
}

static void test_wrong_number_of_parts(void **state)
{
    (void)state;
    struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
                                 .fmt.pix_mp = {.width = 64,
                                                .height = 48,
                                                .pixelformat = V4L2_PIX_FMT_NV12M,
                                                .field = V4L2_FIELD_NONE,
                                                .num_planes = 1}};
    fake.multiplanar = true;
    fake.lie = other_format;
    fake.context = &format;
    assert_plain_refused(-EPROTO, "1 memory planes where NM12 has 2");
    format.fmt.pix_mp.num_planes = 255;
    assert_plain_refused(-EPROTO, "255 memory planes");
}

// All buffers are with readers: nobody's fault, and the next frame comes once one is back.
static void give_back(struct fake_v4l2 *camera)
{
    struct fg_frame **frame = camera->context;
    if (*frame) {
        fg_frame_release(*frame);
        *frame = NULL;
    } else {
        shoot(&(struct fake_frame){.value = 200});
    }
}

static void test_all_buffers_held(void **state)
{
    (void)state;
    struct fg_source *source = open_plain();
    struct fg_frame *frames[4];
    for (uint8_t i = 0; i < 4; i++) {
        shoot(&(struct fake_frame){.value = i});
        frames[i] = next(source);
    }
    assert_false(fake_v4l2_shoot(&fake, &plain)); // lost
    fake.idle = give_back;
    fake.context = &frames[2];
    struct fg_frame *frame = next(source);
    assert_bytes(frame, 0, 200);
    assert_int_equal(frame->sequence, 5);
    assert_int_equal(counts_of(source).lost, 1);
    assert_bytes(frames[0], 0, 0);
    assert_bytes(frames[1], 0, 1);
    assert_bytes(frames[3], 0, 3);
    fg_source_halt(source);
    assert_int_equal(fg_source_wait_idle(source, 0), -ETIMEDOUT);
    assert_bytes(frames[1], 0, 1); // readable after halt
    fg_frame_release(frames[0]);
    fg_frame_release(frames[1]);
    fg_frame_release(frames[3]);
    fg_frame_release(frame);
    close_source(source); // halts a second time
}

// ---- nothing is kept ----------------------------------------------------------------------------

// A picture of 77s is released, another comes: what the first one's memory holds then.
static uint8_t left_behind(struct fg_source *source)
{
    shoot(&(struct fake_frame){.value = 77});
    struct fg_frame *frame = next(source);
    const uint8_t *bytes = frame->planes[0].data;
    const uint32_t length = frame->planes[0].length;
    assert_bytes(frame, 0, 77);
    fg_frame_release(frame);
    if (fake.uncached) // the copy's memory is free at once
        return bytes[length - 1];
    shoot(&(struct fake_frame){.value = 5});
    frame = next(source);
    assert_bytes(frame, 0, 5);
    assert_ptr_not_equal(frame->planes[0].data, bytes);
    for (uint32_t i = 1; i < length; i++)
        assert_int_equal(bytes[i], bytes[0]);
    fg_frame_release(frame);
    return bytes[0];
}

static uint8_t one_left_behind(void)
{
    struct fg_source *source = open_plain();
    uint8_t left = left_behind(source);
    assert_int_equal(counts_of(source).unwiped, 0);
    close_source(source);
    return left;
}

static void test_buffers_are_wiped(void **state)
{
    (void)state;
    assert_int_equal(one_left_behind(), 77);
    fg_wipe_on_free(true);
    assert_int_equal(one_left_behind(), 0);
    fake.no_export = true;
    assert_int_equal(one_left_behind(), 0);
    fake.no_export = false;
    fake.uncached = true;
    assert_int_equal(one_left_behind(), 0);
    fg_wipe_on_free(false);
    assert_int_equal(one_left_behind(), 77);
}

static void test_buffers_that_cannot_be_wiped(void **state)
{
    (void)state;
    fake.read_only = true;
    fg_wipe_on_free(true);
    struct fg_source *source = open_plain();
    const uint64_t before = counts_of(source).unwiped;
    assert_int_equal(left_behind(source), 77);
    assert_true(counts_of(source).unwiped > before); // and it is said
    close_source(source);
    fg_wipe_on_free(false);
}

static void *release_late(void *context)
{
    struct fg_frame **frames = context;
    for (unsigned i = 0; i < 4; i++) {
        fg_sleep_until_ns(fg_monotonic_ns() + 2000000);
        assert_int_equal(fg_frame_read_begin(frames[i]), 0);
        fg_frame_read_end(frames[i]);
        fg_frame_release(frames[i]);
    }
    return NULL;
}

static void shoot_if_possible(struct fake_v4l2 *camera)
{
    fake_v4l2_shoot(camera, &plain);
}

static void test_released_by_another_thread(void **state)
{
    (void)state;
    struct fg_source *source = open_plain();
    fake.idle = shoot_if_possible;
    for (unsigned round = 0; round < 5; round++) {
        struct fg_frame *frames[4];
        pthread_t thread;
        for (unsigned i = 0; i < 4; i++)
            frames[i] = next(source);
        assert_int_equal(pthread_create(&thread, NULL, release_late, frames), 0);
        fg_frame_release(next(source));
        pthread_join(thread, NULL);
    }
    close_source(source);
}

// ---- JPEG ---------------------------------------------------------------------------------------

static void make_jpeg(uint32_t width, uint32_t height, uint8_t **bytes, size_t *length)
{
    uint8_t *rgb = calloc((size_t)width * height, 3);
    assert_non_null(rgb);
    assert_int_equal(fg_image_encode_jpeg(rgb, width, height, width * 3, 90, bytes, length, NULL),
                     0);
    free(rgb);
}

static void check_jpegs(const uint8_t *good, size_t length, const uint8_t *small, size_t less)
{
    struct fg_source *source = open_plain();
    uint8_t padded[4096] = {0};
    assert_true(length + 10 < sizeof padded);
    memcpy(padded, good, length);
    shoot(&(struct fake_frame){.bytes = good, .length = length});
    struct fg_frame *frame = next(source);
    assert_int_equal(frame->fourcc, FG_FOURCC_MJPG);
    assert_int_equal(frame->planes[0].length, length);
    assert_non_null(frame->jpeg);
    assert_memory_equal(frame->planes[0].data, good, length);
    fg_frame_release(frame);
    shoot(&(struct fake_frame){.bytes = padded, .length = length + 10});
    frame = next(source);
    assert_int_equal(frame->planes[0].length, length);
    fg_frame_release(frame);
    shoot(&(struct fake_frame){.bytes = good, .length = length - 1});
    assert_no_frame(source, -EBADMSG, "no whole JPEG picture");
    shoot(&(struct fake_frame){.bytes = good + 1, .length = length - 1});
    assert_no_frame(source, -EBADMSG, "no whole JPEG picture");
    shoot(&(struct fake_frame){.bytes = good, .length = 0, .value = 1});
    assert_no_frame(source, -EBADMSG, "a short frame: 0 bytes of 4");
    shoot(&(struct fake_frame){.bytes = small, .length = less});
    assert_no_frame(source, -EBADMSG, "a JPEG picture of 48x48 where 64x48 were agreed");
    assert_int_equal(counts_of(source).broken, 4);
    shoot(&(struct fake_frame){.bytes = good, .length = length}); // no slot was lost
    fg_frame_release(next(source));
    assert_int_equal(fake.n_fifo + fake.n_done, fake.uncached ? 4 : 3);
    close_source(source);
}

static void test_jpeg(void **state)
{
    (void)state;
    uint8_t *good, *small;
    size_t length, less;
    make_jpeg(64, 48, &good, &length);
    make_jpeg(48, 48, &small, &less);
    set_modes((struct fake_mode[]){{V4L2_PIX_FMT_MJPEG, 64, 48, {30}}}, 1);
    for (int uncached = 0; uncached < 2; uncached++) {
        fake.uncached = uncached;
        check_jpegs(good, length, small, less);
    }
    free(good);
    free(small);
}

// ---- drivers that lie ---------------------------------------------------------------------------

static int wrong_index(struct fake_v4l2 *camera, unsigned long request, void *argument, int code)
{
    struct v4l2_buffer *answer = argument;
    if (request == VIDIOC_DQBUF && code == 0)
        answer->index = *(const uint32_t *)camera->context;
    return code;
}

static void test_wrong_index(void **state)
{
    (void)state;
    static const uint32_t wrong[] = {4, 31, 32, UINT32_MAX};
    for (unsigned i = 0; i < 4; i++) {
        struct fg_source *source = open_plain();
        fake.lie = wrong_index;
        fake.context = (void *)(uintptr_t)&wrong[i];
        shoot(&plain);
        char part[64];
        snprintf(part, sizeof part, "its driver gave buffer %u of 4", wrong[i]);
        assert_no_frame(source, -EPROTO, part);
        fake.lie = NULL;
        close_source(source);
    }
}

// A reader has this buffer: its pixels would change under it.
static void test_index_twice(void **state)
{
    (void)state;
    struct fg_source *source = open_plain();
    shoot(&plain);
    struct fg_frame *frame = next(source);
    uint32_t index = frame->slot;
    fake.lie = wrong_index;
    fake.context = &index;
    shoot(&plain);
    assert_no_frame(source, -EBADMSG, "that its driver did not have");
    assert_int_equal(counts_of(source).broken, 1);
    fake.lie = NULL;
    shoot(&plain);
    fg_frame_release(next(source)); // it goes on
    fg_frame_release(frame);
    close_source(source);
}

static void test_broken_frames(void **state)
{
    (void)state;
    struct fg_source *source = open_plain();
    shoot(&(struct fake_frame){.cut = 1});
    assert_no_frame(source, -EBADMSG, "a short frame: 6143 bytes of 6144");
    shoot(&(struct fake_frame){.cut = 6144}); // as old drivers that fill in nothing
    assert_no_frame(source, -EBADMSG, "a short frame: 0 bytes of 6144");
    shoot(&(struct fake_frame){.cut = (uint32_t)-1});
    assert_no_frame(source, -EBADMSG, "bytes 0 to 6145 of a buffer that has 6144");
    shoot(&(struct fake_frame){.flags = V4L2_BUF_FLAG_ERROR});
    assert_no_frame(source, -EBADMSG, "marked as damaged");
    assert_int_equal(counts_of(source).broken, 4);
    assert_int_equal(counts_of(source).lost, 0); // they were seen
    assert_int_equal(fake.n_fifo, 4);            // all are queued again
    shoot(&plain);
    struct fg_frame *frame = next(source);
    assert_int_equal(frame->sequence, 4);
    fg_frame_release(frame);
    close_source(source);
}

static void test_stall(void **state)
{
    (void)state;
    struct fg_source_options options = wish(64, 48);
    options.camera.stall_ms = 20;
    struct fg_source *source = open_with(&options);
    assert_no_frame(source, -ETIMEDOUT, "no frame for 20 ms");
    close_source(source);
    source = open_with(&options);
    int code;
    do { // the cable is bad: frames come, none of them whole
        struct fg_frame *frame = NULL;
        shoot(&(struct fake_frame){.cut = 1});
        code = fg_source_next(source, &frame, NULL);
        assert_null(frame);
    } while (code == -EBADMSG);
    assert_int_equal(code, -ETIMEDOUT);
    close_source(source);
}

// The time between two calls is the caller's.
static void test_slow_caller(void **state)
{
    (void)state;
    struct fg_source_options options = wish(64, 48);
    options.camera.stall_ms = 20;
    struct fg_source *source = open_with(&options);
    fake.idle = shoot_if_possible;
    for (unsigned i = 0; i < 3; i++) {
        fg_frame_release(next(source));
        fg_sleep_until_ns(fg_monotonic_ns() + 25000000);
    }
    close_source(source);
}

static int empty_hands(struct fake_v4l2 *camera, unsigned long request, void *argument, int code)
{
    (void)camera;
    (void)argument;
    return request == VIDIOC_DQBUF ? -EAGAIN : code;
}

static void test_promises_without_frames(void **state)
{
    (void)state;
    struct fg_source_options options = wish(64, 48);
    options.camera.stall_ms = 20;
    struct fg_source *source = open_with(&options);
    fake.lie = empty_hands;
    shoot(&plain); // poll says that there is one
    assert_no_frame(source, -ETIMEDOUT, "no frame for 20 ms");
    close_source(source);
    fake.lie = NULL;
    source = open_plain();
    fake.poll_error = true;
    assert_no_frame(source, -EIO, "reports an error and does not say which");
    close_source(source);
}

static void test_errors_while_streaming(void **state)
{
    (void)state;
    static const struct {
        unsigned long request;
        int code, want;
        const char *part;
    } cases[] = {
        {VIDIOC_DQBUF, -ENODEV, -ENODEV, "unplugged or disconnected"},
        {VIDIOC_DQBUF, -EIO, -EIO, "taking a frame failed: Input/output error"},
        {VIDIOC_DQBUF, -EINVAL, -EINVAL, "taking a frame failed"},
        {VIDIOC_DQBUF, -EBADMSG, -EIO, "taking a frame failed"},
        {VIDIOC_QBUF, -ENODEV, -ENODEV, "unplugged or disconnected"},
        {VIDIOC_QBUF, -EAGAIN, -EIO, "giving it a buffer failed"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct refusal refusal = {cases[i].request, cases[i].code};
        struct fg_source *source = open_plain();
        shoot(&plain);
        fg_frame_release(next(source));
        shoot(&plain);
        fake.lie = refuse;
        fake.context = &refusal;
        fake.poll_error = true;
        assert_no_frame(source, cases[i].want, cases[i].part);
        fake.lie = NULL;
        fake.poll_error = false;
        close_source(source);
    }
}

static int interrupted(struct fake_v4l2 *camera, unsigned long request, void *argument, int code)
{
    unsigned *left = camera->context;
    (void)request;
    (void)argument;
    if (request == VIDIOC_S_FMT && *left) {
        (*left)--;
        return -EINTR;
    }
    return code;
}

static void test_signals_between(void **state)
{
    (void)state;
    unsigned left = 3;
    fake.lie = interrupted;
    fake.context = &left;
    struct fg_source *source = open_plain();
    assert_int_equal(left, 0);
    close_source(source);
}

static void test_signal_changes(void **state)
{
    (void)state;
    struct fg_source *source = open_plain();
    shoot(&plain); // of which size is it now?
    fake.event_pending = true;
    assert_no_frame(source, -EPROTO, "its signal has changed size or rate");
    close_source(source);
    fake.no_events = true; // most cameras
    source = open_plain();
    shoot(&plain);
    fg_frame_release(next(source));
    close_source(source);
}

// ---- times and numbers --------------------------------------------------------------------------

#define NOW UINT64_C(5000000000000)

static uint64_t time_of(struct fg_camera_stamps *stamps, int64_t seconds, int64_t us,
                        uint32_t flags)
{
    const struct fg_v4l2_arrival arrival = {.timestamp = {.tv_sec = seconds, .tv_usec = us},
                                            .flags = flags};
    return fg_camera_stamps_time(stamps, fg_v4l2_arrival_ns(&arrival), NOW);
}

static void test_times(void **state)
{
    (void)state;
    const uint32_t good = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    struct fg_camera_stamps stamps = {0};
    assert_int_equal(time_of(&stamps, 4999, 900000, good), NOW - 100000000);
    assert_int_equal(time_of(&stamps, 4999, 900000, good), NOW - 100000000); // the same is fine
    assert_int_equal(time_of(&stamps, 5000, 90000, good), NOW); // a little ahead: never after now
    static const struct {
        int64_t seconds, us;
        uint32_t flags;
    } wrong[] = {
        {5000, 200000, V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC},      // ahead
        {4980, 0, V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC},           // long ago
        {4999, 999999, V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC},      // before the last, which was now
        {4999, 1000000, V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC},     // no microseconds
        {-1, 0, V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC},             //
        {5000, -1, V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC},          //
        {INT64_MAX, 999999, V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC}, //
        {5000, 0, V4L2_BUF_FLAG_TIMESTAMP_UNKNOWN},             // of another clock
        {5000, 0, V4L2_BUF_FLAG_TIMESTAMP_COPY},                //
    };
    const unsigned n = sizeof wrong / sizeof wrong[0];
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(time_of(&stamps, wrong[i].seconds, wrong[i].us, wrong[i].flags), NOW);
}

static void test_numbers(void **state)
{
    (void)state;
    struct fg_camera_stamps stamps = {0};
    assert_int_equal(fg_camera_stamps_number(&stamps, 0xfffffffe), 0xfffffffe);
    assert_int_equal(fg_camera_stamps_number(&stamps, 0xffffffff), 0xffffffff);
    assert_int_equal(fg_camera_stamps_number(&stamps, 0),
                     UINT64_C(0x100000000)); // 32 bits are over
    assert_int_equal(stamps.lost, 0);
    assert_int_equal(fg_camera_stamps_number(&stamps, 3), UINT64_C(0x100000003));
    assert_int_equal(stamps.lost, 2);
    assert_int_equal(fg_camera_stamps_number(&stamps, 3), UINT64_C(0x100000004)); // it stood still
    assert_int_equal(fg_camera_stamps_number(&stamps, 1), UINT64_C(0x100000005)); // it began again
    assert_int_equal(fg_camera_stamps_number(&stamps, 10002), UINT64_C(0x100000006)); // too far
    assert_int_equal(stamps.lost, 2);
    assert_int_equal(fg_camera_stamps_number(&stamps, 20002), UINT64_C(0x100002716));
    assert_int_equal(stamps.lost, 2 + 9999);
}

static void test_lost_frames(void **state)
{
    (void)state;
    struct fg_source *source = open_plain();
    shoot(&plain);
    fg_frame_release(next(source));
    shoot(&(struct fake_frame){.skip = 5});
    struct fg_frame *frame = next(source);
    assert_int_equal(frame->sequence, 6);
    assert_int_equal(counts_of(source).lost, 5);
    fg_frame_release(frame);
    shoot(&(struct fake_frame){.late_us = -3600000000}); // a clock of its own
    frame = next(source);
    assert_true(frame->t_capture_ns <= fg_monotonic_ns());
    fg_frame_release(frame);
    close_source(source);
}

// ---- controls -----------------------------------------------------------------------------------

static const struct fake_control controls[] = {
    {V4L2_CID_BRIGHTNESS, V4L2_CTRL_TYPE_INTEGER, 0, "Brightness", -64, 64, 0, 8, 0, 0, 0},
    {V4L2_CID_CONTRAST, V4L2_CTRL_TYPE_INTEGER, V4L2_CTRL_FLAG_READ_ONLY, "Contrast", 0, 9, 0, 0, 0,
     0, 0},
    {V4L2_CID_AUTO_WHITE_BALANCE, V4L2_CTRL_TYPE_BOOLEAN, 0, "White Balance, Automatic", 0, 1, 0, 0,
     0, 0, 0},
    {V4L2_CID_AUTOGAIN, V4L2_CTRL_TYPE_BOOLEAN, 0, "Gain, Automatic", 0, 1, 0, 0, 0, 0, 0},
    {V4L2_CID_GAIN, V4L2_CTRL_TYPE_INTEGER, 0, "Gain", 0, 100, 0, 0, 0, V4L2_CID_AUTOGAIN, 0},
    {V4L2_CID_POWER_LINE_FREQUENCY, V4L2_CTRL_TYPE_MENU, 0, "Power Line Frequency", 0, 2, 0, 0, 7,
     0, 0},
    {V4L2_CID_CAMERA_CLASS, V4L2_CTRL_TYPE_CTRL_CLASS,
     V4L2_CTRL_FLAG_READ_ONLY | V4L2_CTRL_FLAG_WRITE_ONLY, "Camera Controls", 0, 0, 0, 0, 0, 0, 0},
    {V4L2_CID_EXPOSURE_AUTO, V4L2_CTRL_TYPE_MENU, 0, "Auto Exposure", 0, 3, 0, 0,
     1 << V4L2_EXPOSURE_MANUAL | 1 << V4L2_EXPOSURE_APERTURE_PRIORITY, 0, 0},
    {V4L2_CID_EXPOSURE_ABSOLUTE, V4L2_CTRL_TYPE_INTEGER, 0, "Exposure Time, Absolute", 1, 5000, 0,
     0, 0, V4L2_CID_EXPOSURE_AUTO, V4L2_EXPOSURE_MANUAL},
    {V4L2_CID_FOCUS_ABSOLUTE, V4L2_CTRL_TYPE_INTEGER, 0, "Focus, Absolute", 0, 250, 0, 0, 0, 0, 0},
    {V4L2_CID_PIXEL_RATE, V4L2_CTRL_TYPE_INTEGER64, 0, "Pixel Rate", 0, INT64_C(1) << 40, 0, 0, 0,
     0, 0},
    {0, 0, 0, NULL, 0, 0, 0, 0, 0, 0, 0},
};

static int64_t value_of(uint32_t id)
{
    for (unsigned i = 0; controls[i].id; i++)
        if (controls[i].id == id)
            return fake.values[i];
    fail_msg("no control %u", id);
    return 0;
}

static const struct fg_control automatic = {.kind = FG_CONTROL_AUTO};

static struct fg_control amount(double value)
{
    return (struct fg_control){.kind = FG_CONTROL_VALUE, .value = value};
}

static struct fg_source_options wish_controls(const char *names)
{
    struct fg_source_options options = wish(64, 48);
    options.camera.controls = names;
    return options;
}

static void test_exposure_gain_focus(void **state)
{
    (void)state;
    struct fg_source_options options = wish(64, 48);
    fake.controls = controls;
    options.camera.exposure = amount(15650);
    options.camera.gain = amount(42);
    options.camera.focus = amount(17);
    assert_picture(&options, "YUYV 64x48");
    assert_int_equal(value_of(V4L2_CID_EXPOSURE_AUTO), V4L2_EXPOSURE_MANUAL);
    assert_int_equal(value_of(V4L2_CID_EXPOSURE_ABSOLUTE), 157);
    assert_int_equal(value_of(V4L2_CID_AUTOGAIN), 0);
    assert_int_equal(value_of(V4L2_CID_GAIN), 42);
    assert_int_equal(value_of(V4L2_CID_FOCUS_ABSOLUTE), 17);
    options.camera.exposure = options.camera.gain = automatic;
    assert_picture(&options, "YUYV 64x48");
    assert_int_equal(value_of(V4L2_CID_EXPOSURE_AUTO), V4L2_EXPOSURE_APERTURE_PRIORITY);
    assert_int_equal(value_of(V4L2_CID_AUTOGAIN), 1);
    options = wish(64, 48); // leaves them
    assert_picture(&options, "YUYV 64x48");
    assert_int_equal(value_of(V4L2_CID_FOCUS_ABSOLUTE), 17);
}

static void test_controls_by_name(void **state)
{
    (void)state;
    fake.controls = controls;
    struct fg_source_options options =
        wish_controls("brightness=-64, white_balance_automatic=1 power_line_frequency=0x2 "
                      "pixel_rate=1000000000000");
    assert_picture(&options, "YUYV 64x48");
    assert_int_equal(value_of(V4L2_CID_BRIGHTNESS), -64);
    assert_int_equal(value_of(V4L2_CID_AUTO_WHITE_BALANCE), 1);
    assert_int_equal(value_of(V4L2_CID_POWER_LINE_FREQUENCY), 2);
    assert_int_equal(value_of(V4L2_CID_PIXEL_RATE), INT64_C(1000000000000));
    options = wish_controls("brightness=21");
    struct fg_source *source = open_with(&options); // the driver rounds, and it is said
    assert_description(source, "4 dma-bufs, brightness 16 instead of 21");
    close_source(source);
}

static void assert_controls_refused(const char *names, const char *part)
{
    const struct fg_source_options options = wish_controls(names);
    assert_refused(&options, -EINVAL, part);
}

static void test_controls_that_are_refused(void **state)
{
    (void)state;
    fake.controls = controls;
    assert_controls_refused("brightnes=1", "no control 'brightnes' that can be set; it has: "
                                           "brightness white_balance_automatic gain_automatic gain "
                                           "power_line_frequency auto_exposure");
    assert_controls_refused("contrast=1", "no control 'contrast' that can be set");
    assert_controls_refused("camera_controls=1", "no control 'camera_controls'");
    assert_controls_refused("brightness=65", "brightness is -64 to 64 on this camera, not 65");
    assert_controls_refused("brightness=99999999999", "not 99999999999");
    assert_controls_refused("exposure_time_absolute=9", "turn off its automatic");
    assert_controls_refused("auto_exposure=0", "the camera refuses auto_exposure=0");
    assert_controls_refused("brightness", "'brightness' is no control: write NAME=NUMBER");
    assert_controls_refused("brightness=", "write NAME=NUMBER");
    assert_controls_refused("brightness=1x", "write NAME=NUMBER");
    assert_controls_refused("=1", "no control ''");
    assert_controls_refused("brightness=000000000000000000000000000000000001", "NAME=NUMBER");
    assert_controls_refused("brightness=99999999999999999999", "NAME=NUMBER");
    struct fg_source_options options = wish(64, 48);
    options.camera.exposure = amount(600000);
    assert_refused(&options, -EINVAL, "exposure is 100 to 500000 microseconds on this camera");
    options.camera.exposure = amount(NAN);
    assert_refused(&options, -EINVAL, "exposure is 100 to 500000 microseconds on this camera");
    options = wish(64, 48);
    options.camera.focus = automatic;
    assert_refused(&options, -EINVAL, "no automatic focus");
    options.camera.focus = amount(1e300);
    assert_refused(&options, -EINVAL, "focus cannot be");
    fake.controls = NULL;
    assert_controls_refused("gain=1", "it has: none");
    options.camera.focus = amount(1);
    assert_refused(&options, -EINVAL, "no focus to set");
    options = wish(64, 48);
    options.camera.gain = amount(1);
    assert_refused(&options, -EINVAL, "no gain to set");
    options.camera.gain = (struct fg_control){0};
    options.camera.exposure = automatic;
    assert_refused(&options, -EINVAL, "no automatic exposure");
}

// A list of controls that never ends.
static int round_and_round(struct fake_v4l2 *camera, unsigned long request, void *argument,
                           int code)
{
    struct v4l2_query_ext_ctrl *answer = argument;
    if (request != VIDIOC_QUERY_EXT_CTRL || !(answer->id & V4L2_CTRL_FLAG_NEXT_CTRL || code == 0))
        return code;
    answer->id = camera->context ? *(uint32_t *)camera->context : V4L2_CID_BRIGHTNESS;
    answer->type = V4L2_CTRL_TYPE_INTEGER;
    answer->flags = 0;
    memset(answer->name, 'A', sizeof answer->name); // nor does its name
    return 0;
}

static int ever_more(struct fake_v4l2 *camera, unsigned long request, void *argument, int code)
{
    uint32_t *id = camera->context;
    if (request == VIDIOC_QUERY_EXT_CTRL)
        (*id)++;
    return round_and_round(camera, request, argument, code);
}

static void test_endless_controls(void **state)
{
    (void)state;
    uint32_t id = V4L2_CID_BRIGHTNESS;
    fake.controls = controls;
    fake.lie = round_and_round;
    assert_controls_refused("gain=1", "it has: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    assert_true(fake.requests < 50);
    fake.lie = ever_more;
    fake.context = &id;
    assert_controls_refused("gain=1", "it has: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
}

static void test_control_names(void **state)
{
    (void)state;
    static const char *const names[][2] = {
        {"White Balance, Automatic", "white_balance_automatic"},
        {"Exposure (Absolute)", "exposure_absolute"},
        {"  H.264 -- Level", "h_264_level"},
        {"LED1 Mode!!", "led1_mode"},
        {"", ""},
        {"--", ""},
    };
    char name[40];
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        fg_v4l2_control_name(names[i][0], strlen(names[i][0]) + 1, name, sizeof name);
        assert_string_equal(name, names[i][1]);
    }
    fg_v4l2_control_name("Saturation", 3, name, sizeof name); // no end
    assert_string_equal(name, "sat");
    fg_v4l2_control_name("Saturation", 10, name, 4);
    assert_string_equal(name, "sat");
}

// ---- garbage ------------------------------------------------------------------------------------

static const unsigned long structures[] = {
    VIDIOC_QUERYCAP,       VIDIOC_ENUM_FMT,  VIDIOC_ENUM_FRAMESIZES, VIDIOC_ENUM_FRAMEINTERVALS,
    VIDIOC_S_FMT,          VIDIOC_S_PARM,    VIDIOC_REQBUFS,         VIDIOC_QUERYBUF,
    VIDIOC_QUERY_EXT_CTRL, VIDIOC_QUERYMENU, VIDIOC_DQBUF,           VIDIOC_DQEVENT,
};

// Words that are likely to be believed.
static uint32_t likely(void)
{
    static const uint32_t words[] = {0,
                                     1,
                                     2,
                                     3,
                                     4,
                                     64,
                                     48,
                                     128,
                                     6144,
                                     65535,
                                     0x7fffffff,
                                     0x80000000,
                                     0xffffffff,
                                     4096,
                                     6145,
                                     0x2000,
                                     32,
                                     16384,
                                     V4L2_PIX_FMT_NV12,
                                     V4L2_PIX_FMT_MJPEG,
                                     V4L2_PIX_FMT_YUYV,
                                     V4L2_PIX_FMT_NV12M};
    const uint32_t roll = random_u32();
    return roll % 4 ? words[(roll >> 4) % (sizeof words / sizeof words[0])]
                    : random_u32() << 8 ^ random_u32();
}

static void scribble(void *structure, size_t size, const void *keep, size_t keep_size)
{
    uint8_t kept[sizeof(void *)];
    memcpy(kept, keep, keep_size);
    for (unsigned n = random_u32() % 4; n > 0; n--) {
        const size_t at = random_u32() % (size / 4) * 4;
        const uint32_t word = likely();
        memcpy((uint8_t *)structure + at, &word, sizeof word);
    }
    memcpy((void *)(uintptr_t)keep, kept,
           keep_size); // our own pointer, and the driver writes to it
}

static int garbage(struct fake_v4l2 *camera, unsigned long request, void *argument, int code)
{
    static const int codes[] = {-EINVAL,  -EIO,   -ENODEV, -EBUSY,  -EAGAIN,
                                -EBADMSG, -EPIPE, -ENOTTY, -EPROTO, -ETIMEDOUT};
    (void)camera;
    if (random_u32() % 64 == 0)
        return request == VIDIOC_EXPBUF ? code : codes[random_u32() % 10];
    if (random_u32() % 8)
        return code;
    for (unsigned i = 0; i < sizeof structures / sizeof structures[0]; i++) {
        if (structures[i] != request)
            continue;
        struct v4l2_buffer *buffer = argument;
        const bool planes =
            (request == VIDIOC_DQBUF || request == VIDIOC_QUERYBUF) && camera->multiplanar;
        scribble(argument, _IOC_SIZE(request), &buffer->m, planes ? sizeof buffer->m.planes : 0);
        if (planes)
            scribble(buffer->m.planes, 2 * sizeof *buffer->m.planes, argument, 0);
    }
    return code;
}

static void shoot_anything(struct fake_v4l2 *camera)
{
    const uint32_t roll = random_u32();
    fake_v4l2_shoot(camera, &(struct fake_frame){.value = (uint8_t)roll, .skip = roll >> 4 & 1});
    camera->event_pending = roll % 200 == 0;
    camera->poll_error = roll % 100 == 0;
}

static unsigned taken; // frames, so that the garbage is known to have let some through

static void take_some(struct fg_source *source)
{
    struct fg_frame *frames[3] = {NULL};
    int code = 0;
    for (unsigned i = 0; i < 20 && (code == 0 || code == -EBADMSG); i++) {
        struct fg_frame **frame = &frames[i % 3];
        if (*frame)
            fg_frame_release(*frame);
        *frame = NULL;
        code = fg_source_next(source, frame, NULL);
        if (*frame) {
            assert_int_equal(fg_frame_check(*frame, NULL), 0);
            uint32_t sum = 0; // every byte that is promised can be read
            for (unsigned p = 0; p < (*frame)->n_planes; p++)
                for (uint32_t b = 0; b < (*frame)->planes[p].length; b++)
                    sum += (*frame)->planes[p].data[b];
            taken += sum != 1; // it needs the sum
        }
    }
    for (unsigned i = 0; i < 3; i++)
        if (frames[i])
            fg_frame_release(frames[i]);
}

static void one_garbage_round(void)
{
    static const uint32_t pixelformats[] = {V4L2_PIX_FMT_YUYV, V4L2_PIX_FMT_NV12, V4L2_PIX_FMT_GREY,
                                            V4L2_PIX_FMT_MJPEG, V4L2_PIX_FMT_NV12M};
    struct fg_source_options options = wish_controls("brightness=8");
    options.camera.stall_ms = 1;
    options.camera.exposure = amount(1000);
    struct fg_source *source;
    fake_v4l2_install(&fake);
    fake.multiplanar = random_u32() % 2;
    fake.no_export = random_u32() % 4 == 0;
    fake.uncached = random_u32() % 4 == 0;
    fake.modes[0].pixelformat = pixelformats[random_u32() % (fake.multiplanar ? 5 : 4)];
    fake.controls = controls;
    fake.lie = garbage;
    fake.idle = shoot_anything;
    if (fg_source_open(SPEC, &options, &source, NULL) == 0) {
        take_some(source);
        close_source(source);
    }
    assert_int_equal(fake.mapped, fake.unmapped);
    assert_int_equal(fake.opened, fake.closed);
    assert_int_equal(fake_v4l2_sync_depth(), 0);
    fake_v4l2_remove(&fake);
}

static void test_garbage(void **state)
{
    (void)state;
    random_state = 20;
    const unsigned before = fake_v4l2_descriptors();
    taken = 0;
    for (unsigned i = 0; i < 4000; i++)
        one_garbage_round();
    assert_int_equal(fake_v4l2_descriptors(), before);
    assert_true(taken > 1000);
    fake_v4l2_install(&fake); // for the teardown
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_description),
        TEST(test_fast_format_wins),
        TEST(test_size_wins_over_format),
        TEST(test_fastest_when_all_are_slow),
        TEST(test_nearest_rate),
        TEST(test_nearest_size),
        TEST(test_ranges_of_sizes),
        TEST(test_nothing_listed),
        TEST(test_answers_that_cannot_be),
        TEST(test_driver_takes_another_size),
        TEST(test_options_are_checked),
        TEST(test_colour_range),
        TEST(test_not_a_capture_device),
        TEST(test_driver_without_device_caps),
        TEST(test_errors_at_opening),
        TEST(test_real_nodes),
        TEST(test_busy_at_each_step),
        TEST(test_stream_that_does_not_start),
        TEST(test_gone_at_each_step),
        TEST(test_number_of_buffers),
        TEST(test_lengths_that_cannot_be),
        TEST(test_without_export),
        TEST(test_export_that_fails_late),
        TEST(test_uncached),
        TEST(test_memory_that_does_not_sync),
        TEST(test_frames),
        TEST(test_end_and_stop),
        TEST(test_stop_while_waiting),
        TEST(test_planes),
        TEST(test_two_parts),
        TEST(test_data_offset),
        TEST(test_wrong_number_of_parts),
        TEST(test_all_buffers_held),
        TEST(test_buffers_are_wiped),
        TEST(test_buffers_that_cannot_be_wiped),
        TEST(test_released_by_another_thread),
        TEST(test_jpeg),
        TEST(test_wrong_index),
        TEST(test_index_twice),
        TEST(test_broken_frames),
        TEST(test_stall),
        TEST(test_slow_caller),
        TEST(test_promises_without_frames),
        TEST(test_errors_while_streaming),
        TEST(test_signals_between),
        TEST(test_signal_changes),
        TEST(test_times),
        TEST(test_numbers),
        TEST(test_lost_frames),
        TEST(test_exposure_gain_focus),
        TEST(test_controls_by_name),
        TEST(test_controls_that_are_refused),
        TEST(test_endless_controls),
        TEST(test_control_names),
        TEST(test_garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
