// SPDX-License-Identifier: Apache-2.0
// A camera through V4L2. A slot of the pool is a buffer of the driver: while the driver has it the
// source holds the slot's one reference; a filled buffer's goes to the caller, and the last
// release brings the slot back, to be queued again. With uncached buffers the slots have memory of
// their own, each frame is copied into one and its buffer is queued again at once.
#include <errno.h>
#include <limits.h>
#include <linux/videodev2.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "pipeline/camera_stamps.h"
#include "pipeline/camera_wish.h"
#include "pipeline/jpeg_window.h"
#include "pipeline/source_kind.h"
#include "pipeline/v4l2_buffers.h"
#include "pipeline/v4l2_controls.h"
#include "pipeline/v4l2_copies.h"
#include "pipeline/v4l2_device.h"
#include "pipeline/v4l2_format.h"
#include "pipeline/v4l2_modes.h"

#define NS_PER_MS  1000000u
#define MAX_EVENTS 64u // in one go; a driver that has more is not waited for

struct v4l2_source {
    char *path;
    struct fg_v4l2_device device;
    struct fg_v4l2_buffers buffers;
    struct fg_v4l2_copies copies;
    struct fg_camera_stamps stamps;
    struct fg_frame_pool *pool;
    uint32_t held;          // slots whose one reference is ours: queued, or to be filled
    struct fg_frame *spare; // copying: the slot for the next frame, one of those held
    struct fg_jpeg_window *windows[FG_POOL_SLOTS];
    const struct fg_stop *stop;
    uint64_t max_frames, delivered;
    uint64_t stall_ns, since_ns;                    // since when a frame is waited for; 0: none is
    _Atomic uint64_t broken, copied, lost, unwiped; // relaxed: figures for people
    char description[560], picture[32];
};

// ---- slots --------------------------------------------------------------------------------------

static void note_held(struct v4l2_source *source, const struct fg_frame *frame)
{
    source->held |= UINT32_C(1) << frame->slot;
}

static void hand_over(struct v4l2_source *source, const struct fg_frame *frame)
{
    source->held &= ~(UINT32_C(1) << frame->slot);
}

// Buffers that came back from readers go to the driver again.
static int queue_returned(struct v4l2_source *source, struct fg_error *err)
{
    struct fg_frame *frame;
    int code = 0;
    while (code == 0 && (frame = fg_frame_pool_take(source->pool))) {
        note_held(source, frame);
        code = fg_v4l2_buffers_queue(&source->buffers, frame->slot, err);
    }
    return code;
}

static void take_spare(struct v4l2_source *source)
{
    if (!source->spare && (source->spare = fg_frame_pool_take(source->pool)))
        note_held(source, source->spare);
}

// Whether a frame can come: the driver has a buffer to fill and we have a slot for it.
static int prepare(struct v4l2_source *source, bool *ret_ready, struct fg_error *err)
{
    int code = 0;
    if (source->buffers.uncached)
        take_spare(source);
    else
        code = queue_returned(source, err);
    *ret_ready = source->buffers.uncached ? source->spare != NULL
                                          : fg_v4l2_buffers_queued(&source->buffers) > 0;
    return code;
}

// ---- waiting ------------------------------------------------------------------------------------

static int stopped(struct fg_error *err)
{
    return fg_fail(err, -ECANCELED, "the source was stopped");
}

static bool is_stalled(const struct v4l2_source *source)
{
    return source->since_ns && fg_monotonic_ns() - source->since_ns >= source->stall_ns;
}

static int fail_stalled(const struct v4l2_source *source, struct fg_error *err)
{
    return fg_fail(err, -ETIMEDOUT,
                   "%s: no frame for %llu ms: check cable and power, or allow more with stall-ms",
                   source->path, (unsigned long long)(source->stall_ns / NS_PER_MS));
}

// Until the camera stalls; readers may take as long as they like to give a buffer back.
static int timeout_ms(struct v4l2_source *source, bool ready)
{
    if (!ready)
        return -1;
    const uint64_t now = fg_monotonic_ns();
    if (!source->since_ns)
        source->since_ns = now;
    const uint64_t end = source->since_ns + source->stall_ns;
    const uint64_t left_ms = now >= end ? 0 : (end - now + NS_PER_MS - 1) / NS_PER_MS;
    return left_ms < INT_MAX ? (int)left_ms : INT_MAX;
}

// The camera's signal may change its size or rate (HDMI): all was negotiated for the old one.
static int check_events(const struct v4l2_source *source, struct fg_error *err)
{
    for (unsigned i = 0; i < MAX_EVENTS; i++) {
        struct v4l2_event event = {0};
        int code = fg_v4l2_ask(&source->device, VIDIOC_DQEVENT, &event);
        if (code == -ENODEV)
            return fg_v4l2_fail(&source->device, code, "asking for events", err);
        if (code)
            break;
        if (event.type == V4L2_EVENT_SOURCE_CHANGE)
            return fg_fail(err, -EPROTO,
                           "%s: its signal has changed size or rate: it has to be opened again",
                           source->path);
    }
    return 0;
}

// Waits for the camera, a slot, a stop, or until the camera has stalled. *ret_events is what poll
// said of the camera.
static int wait_for(struct v4l2_source *source, bool ready, short *ret_events, struct fg_error *err)
{
    const bool slots_matter = !source->buffers.uncached || !ready;
    struct pollfd fds[3] = {
        {.fd = fg_stop_fd(source->stop), .events = POLLIN},
        {.fd = slots_matter ? fg_frame_pool_fd(source->pool) : -1, .events = POLLIN},
        // Without a buffer in the driver its node may only say POLLERR.
        {.fd = ready ? source->device.fd : -1, .events = POLLIN | POLLPRI},
    };
    int code = source->device.system->wait(fds, 3, timeout_ms(source, ready));
    if (code < 0 && code != -EINTR)
        return fg_v4l2_fail(&source->device, code, "waiting for a frame", err);
    if (fg_stop_is_set(source->stop))
        return stopped(err);
    *ret_events = code > 0 ? fds[2].revents : 0;
    return *ret_events & POLLPRI ? check_events(source, err) : 0;
}

// ---- a frame ------------------------------------------------------------------------------------

// A camera that gives broken frames alone has stalled too.
static int count_broken(struct v4l2_source *source, struct fg_error *err)
{
    atomic_fetch_add_explicit(&source->broken, 1, memory_order_relaxed);
    if (!is_stalled(source))
        return -EBADMSG;
    return fg_fail(err, -ETIMEDOUT,
                   "%s: nothing but broken frames for %llu ms: check cable, port and power",
                   source->path, (unsigned long long)(source->stall_ns / NS_PER_MS));
}

static int fail_unreadable(const struct v4l2_source *source, int code, struct fg_error *err)
{
    return fg_v4l2_fail(&source->device, code, "making its memory readable", err);
}

static int finish_jpeg(struct v4l2_source *source, struct fg_frame *frame, struct fg_error *err)
{
    frame->jpeg = NULL;
    if (frame->fourcc != FG_FOURCC_MJPG)
        return 0;
    int code = fg_frame_read_begin(frame);
    if (code)
        return fail_unreadable(source, code, err);
    code = fg_jpeg_window_show(source->windows[frame->slot], source->path, frame, err);
    fg_frame_read_end(frame);
    return code;
}

// In the driver's own buffer.
static int show(struct v4l2_source *source, const struct fg_v4l2_arrival *arrival,
                struct fg_frame **ret, struct fg_error *err)
{
    struct fg_frame *frame = fg_frame_pool_slot(source->pool, arrival->index);
    fg_v4l2_format_lay_out(&source->buffers.format, source->buffers.all[arrival->index].parts,
                           arrival->extents, frame);
    int code = finish_jpeg(source, frame, err);
    if (code) {
        int queued = fg_v4l2_buffers_queue(&source->buffers, arrival->index, err);
        return queued ? queued : code;
    }
    *ret = frame;
    return 0;
}

// In the spare slot's memory; the driver has its buffer again at once.
static int copy(struct v4l2_source *source, const struct fg_v4l2_arrival *arrival,
                struct fg_frame **ret, struct fg_error *err)
{
    struct fg_frame *frame = source->spare;
    uint64_t copied = 0;
    int code = fg_v4l2_copies_fill(&source->copies, &source->buffers, arrival, frame, &copied);
    atomic_fetch_add_explicit(&source->copied, copied, memory_order_relaxed);
    if (code)
        return fail_unreadable(source, code, err);
    code = fg_v4l2_buffers_queue(&source->buffers, arrival->index, err);
    if (code == 0)
        code = finish_jpeg(source, frame, err);
    if (code)
        return code; // the slot stays spare
    source->spare = NULL;
    *ret = frame;
    return 0;
}

static int take_good(struct v4l2_source *source, const struct fg_v4l2_arrival *arrival,
                     struct fg_frame **ret, struct fg_error *err)
{
    struct fg_frame *frame = NULL;
    const uint64_t now = fg_monotonic_ns();
    int code = source->buffers.uncached ? copy(source, arrival, &frame, err)
                                        : show(source, arrival, &frame, err);
    if (code)
        return code;
    frame->sequence = source->stamps.sequence;
    frame->t_capture_ns = fg_camera_stamps_time(&source->stamps, fg_v4l2_arrival_ns(arrival), now);
    source->since_ns = 0;
    source->delivered++;
    hand_over(source, frame);
    *ret = frame;
    return 0;
}

static int take_frame(struct v4l2_source *source, struct fg_frame **ret, struct fg_error *err)
{
    struct fg_v4l2_arrival arrival;
    int code = fg_v4l2_buffers_take(&source->buffers, &arrival, err);
    if (code && code != -EBADMSG)
        return code;
    atomic_store_explicit(&source->unwiped, source->buffers.unwiped, memory_order_relaxed);
    fg_camera_stamps_number(&source->stamps, arrival.sequence);
    atomic_store_explicit(&source->lost, source->stamps.lost, memory_order_relaxed);
    if (code) {
        int queued = arrival.held ? 0 : fg_v4l2_buffers_queue(&source->buffers, arrival.index, err);
        return queued ? queued : count_broken(source, err);
    }
    code = take_good(source, &arrival, ret, err);
    return code == -EBADMSG ? count_broken(source, err) : code;
}

// -EAGAIN: nothing has come yet.
static int try_frame(struct v4l2_source *source, struct fg_frame **ret, struct fg_error *err)
{
    bool ready;
    short events = 0;
    int code = prepare(source, &ready, err);
    if (code == 0)
        code = wait_for(source, ready, &events, err);
    if (code)
        return code;
    if (events & (POLLIN | POLLERR | POLLHUP)) {
        code = take_frame(source, ret, err);
        if (code != -EAGAIN)
            return code;
        if (events & (POLLERR | POLLHUP))
            return fg_fail(err, -EIO, "%s: its driver reports an error and does not say which",
                           source->path);
    }
    return is_stalled(source) ? fail_stalled(source, err) : -EAGAIN;
}

static int v4l2_next(void *state, struct fg_frame **ret, struct fg_error *err)
{
    struct v4l2_source *source = state;
    int code;
    if (fg_stop_is_set(source->stop))
        return stopped(err);
    if (source->max_frames && source->delivered >= source->max_frames)
        return 1;
    do {
        code = try_frame(source, ret, err);
    } while (code == -EAGAIN);
    return code;
}

// ---- opening and closing ------------------------------------------------------------------------

static void v4l2_halt(void *state)
{
    struct v4l2_source *source = state;
    fg_v4l2_buffers_stop(&source->buffers);
    for (unsigned slot = 0; slot < FG_POOL_SLOTS; slot++)
        if (source->held >> slot & 1)
            fg_frame_release(fg_frame_pool_slot(source->pool, slot));
    source->held = 0;
    source->spare = NULL;
}

static void v4l2_close(void *state)
{
    struct v4l2_source *source = state;
    for (unsigned i = 0; i < FG_POOL_SLOTS; i++)
        fg_jpeg_window_destroy(source->windows[i]);
    fg_v4l2_copies_finish(&source->copies);
    fg_v4l2_buffers_finish(&source->buffers);
    fg_v4l2_device_close(&source->device);
    fg_frame_pool_destroy(source->pool);
    free(source->path);
    free(source);
}

static int make_windows(struct v4l2_source *source, struct fg_error *err)
{
    for (unsigned i = 0; i < source->buffers.n; i++)
        if (fg_jpeg_window_create(&source->windows[i]))
            return fg_fail(err, -ENOMEM, "%s: no memory for its JPEG decoders", source->path);
    return 0;
}

// What a slot has beside the driver's buffer, which is overwritten when it is queued.
static void wipe_slot(void *context, unsigned slot)
{
    struct v4l2_source *source = context;
    if (source->windows[slot])
        fg_jpeg_window_wipe(source->windows[slot]);
    fg_v4l2_copies_wipe(&source->copies, slot);
}

static int make_slots(struct v4l2_source *source, struct fg_error *err)
{
    const struct fg_v4l2_buffers *buffers = &source->buffers;
    int code = fg_frame_pool_create(buffers->n, &source->pool);
    if (code)
        return fg_fail(err, code, "%s: no frame pool: %s", source->path, strerror(-code));
    fg_frame_pool_set_wipe(source->pool, wipe_slot, source);
    if (buffers->uncached)
        code = fg_v4l2_copies_init(&source->copies, buffers);
    if (code)
        return fg_fail(err, code, "%s: no memory for copies of its frames", source->path);
    if (buffers->format.fourcc == FG_FOURCC_MJPG)
        code = make_windows(source, err);
    return code;
}

static int start(struct v4l2_source *source, struct fg_error *err)
{
    struct fg_v4l2_buffers *buffers = &source->buffers;
    // HDMI bridges tell of another signal so; what does not know the event has nothing to tell.
    struct v4l2_event_subscription change = {.type = V4L2_EVENT_SOURCE_CHANGE};
    fg_v4l2_ask(&source->device, VIDIOC_SUBSCRIBE_EVENT, &change);
    int code = 0;
    if (!buffers->uncached)
        code = queue_returned(source, err); // all of them, the first time
    for (unsigned i = 0; i < buffers->n && code == 0 && buffers->uncached; i++)
        code = fg_v4l2_buffers_queue(buffers, i, err);
    return code ? code : fg_v4l2_buffers_start(buffers, err);
}

static const char *memory_name(const struct fg_v4l2_buffers *buffers)
{
    if (buffers->uncached)
        return "uncached buffers, each frame copied once";
    return buffers->exported ? "dma-bufs" : "mapped buffers";
}

static void print_rate(char *text, size_t size, double rate)
{
    if (rate > 0)
        snprintf(text, size, " at %.4g/s", rate);
    else
        text[0] = 0;
}

static void describe(struct v4l2_source *source, const struct fg_camera_wish *wish,
                     const char *note)
{
    const struct fg_v4l2_device *device = &source->device;
    const struct fg_v4l2_format *format = &source->buffers.format;
    const bool other_size = format->width != wish->width || format->height != wish->height;
    const bool other_rate =
        format->rate > 0 && (format->rate < .9 * wish->rate || format->rate > 1.1 * wish->rate);
    char rate[24], instead[64] = "";
    print_rate(rate, sizeof rate, format->rate);
    if (other_size || other_rate)
        snprintf(instead, sizeof instead, " instead of %ux%u at %.4g/s", wish->width, wish->height,
                 wish->rate);
    snprintf(source->picture, sizeof source->picture, "%s %ux%u", fg_v4l2_format_name(format),
             format->width, format->height);
    snprintf(source->description, sizeof source->description,
             "v4l2 %.100s (%s, %s, %s) %s%s%s, %u %s%s", source->path, device->driver, device->card,
             device->bus, source->picture, rate, instead, source->buffers.n,
             memory_name(&source->buffers), note);
}

// In the order that drivers want: format and rate, controls, buffers, stream.
static int set_up(struct v4l2_source *source, const struct fg_camera_wish *asked,
                  struct fg_error *err)
{
    struct fg_camera_wish wish;
    struct fg_v4l2_mode mode;
    struct fg_v4l2_format format;
    char note[160];
    int code = fg_camera_wish_complete(asked, &wish, err);
    if (code == 0)
        code = fg_v4l2_device_open(&source->device, source->path, err);
    if (code == 0)
        code = fg_v4l2_choose(&source->device, &wish, &mode, err);
    if (code == 0)
        code = fg_v4l2_format_set(&source->device, &mode, &format, err);
    if (code == 0)
        code = fg_v4l2_controls_set(&source->device, &wish, note, sizeof note, err);
    if (code == 0)
        code = fg_v4l2_buffers_init(&source->buffers, &source->device, &format, wish.buffers, err);
    if (code == 0)
        code = make_slots(source, err);
    if (code)
        return code;
    source->stall_ns = (uint64_t)wish.stall_ms * NS_PER_MS;
    describe(source, &wish, note);
    return start(source, err);
}

static int v4l2_open(const char *name, const struct fg_source_options *options, void **ret_state,
                     struct fg_frame_pool **ret_pool, struct fg_error *err)
{
    if (!name[0])
        return fg_fail(err, -EINVAL,
                       "'v4l2:' is not a source: write v4l2:DEVICE, such as "
                       "v4l2:/dev/video0");
    struct v4l2_source *source = calloc(1, sizeof *source);
    if (!source)
        return fg_fail(err, -ENOMEM, "no memory for a source");
    source->device.fd = -1;
    source->stop = options->stop;
    source->max_frames = options->max_frames;
    source->path = strdup(name);
    int code = source->path ? set_up(source, &options->camera, err)
                            : fg_fail(err, -ENOMEM, "no memory for a source");
    if (code) {
        v4l2_halt(source);
        v4l2_close(source);
        return code;
    }
    *ret_state = source;
    *ret_pool = source->pool;
    return 0;
}

static void v4l2_info(const void *state, struct fg_source_info *ret)
{
    const struct v4l2_source *source = state;
    const struct fg_v4l2_buffers *buffers = &source->buffers;
    const enum fg_source_memory own = buffers->exported ? FG_MEMORY_DMABUF : FG_MEMORY_MAPPED;
    *ret = (struct fg_source_info){.description = source->description,
                                   .picture = source->picture,
                                   .width = buffers->format.width,
                                   .height = buffers->format.height,
                                   .live = true,
                                   .memory = buffers->uncached ? FG_MEMORY_COPIED : own};
}

static void v4l2_counts(const void *state, struct fg_source_counts *ret)
{
    const struct v4l2_source *source = state;
    *ret = (struct fg_source_counts){
        .broken = atomic_load_explicit(&source->broken, memory_order_relaxed),
        .copied = atomic_load_explicit(&source->copied, memory_order_relaxed),
        .lost = atomic_load_explicit(&source->lost, memory_order_relaxed),
        .unwiped = atomic_load_explicit(&source->unwiped, memory_order_relaxed),
    };
}

static bool v4l2_is_there(const char *name)
{
    return fg_v4l2_system->is_there(name);
}

const struct fg_source_kind fg_source_kind_v4l2 = {
    .prefix = "v4l2:",
    .open = v4l2_open,
    .info = v4l2_info,
    .next = v4l2_next,
    .counts = v4l2_counts,
    .halt = v4l2_halt,
    .close = v4l2_close,
    .is_there = v4l2_is_there,
};
