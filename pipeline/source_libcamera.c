// SPDX-License-Identifier: Apache-2.0
// A camera through libcamera. A slot of the pool is one of its buffers: while libcamera has it the
// source holds the slot's one reference; a filled buffer's goes to the caller, and the last
// release brings the slot back, to be queued again. With uncached buffers each picture is copied
// into memory of the slot's own first.
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/wipe.h"
#include "pipeline/buffer_memory.h"
#include "pipeline/camera_stamps.h"
#include "pipeline/camera_wish.h"
#include "pipeline/jpeg_window.h"
#include "pipeline/libcamera_device.h"
#include "pipeline/slow_memory.h"
#include "pipeline/source_kind.h"

#define NS_PER_MS 1000000u

const struct fg_libcamera_system *fg_libcamera_system = &fg_libcamera_real;

struct slot {
    struct fg_buffer_memory memory;
    struct fg_plane_place places[FG_BUFFER_PLANES];
    uint8_t *copies[FG_BUFFER_PLANES]; // of the planes, when the buffers are uncached
    struct fg_jpeg_window *window;     // MJPG
};

struct libcamera_source {
    const struct fg_libcamera_system *system;
    void *device;
    struct fg_libcamera_setup setup;
    struct slot slots[FG_POOL_SLOTS];
    bool uncached;
    struct fg_camera_stamps stamps;
    struct fg_frame_pool *pool;
    uint32_t held;      // slots whose one reference is ours: libcamera has their buffers
    unsigned cancelled; // buffers, since the last that was filled
    const struct fg_stop *stop;
    uint64_t max_frames, delivered;
    uint64_t stall_ns, since_ns;                    // since when a frame is waited for; 0: none is
    _Atomic uint64_t broken, copied, lost, unwiped; // relaxed: figures for people
    char description[400], picture[32];
};

// ---- slots --------------------------------------------------------------------------------------

// Hands a buffer to libcamera, overwritten when nothing is to be kept and it can be.
static int queue(struct libcamera_source *source, unsigned slot, struct fg_error *err)
{
    if (fg_wipes() && fg_buffer_memory_wipe(&source->slots[slot].memory) < 0)
        atomic_fetch_add_explicit(&source->unwiped, 1, memory_order_relaxed);
    return source->system->queue(source->device, slot, err);
}

// What comes back from readers goes to libcamera again.
static int queue_returned(struct libcamera_source *source, struct fg_error *err)
{
    struct fg_frame *frame;
    int code = 0;
    while (code == 0 && (frame = fg_frame_pool_take(source->pool))) {
        source->held |= UINT32_C(1) << frame->slot;
        code = queue(source, frame->slot, err);
    }
    return code;
}

static int queue_again(struct libcamera_source *source, unsigned slot, int code,
                       struct fg_error *err)
{
    int queued = queue(source, slot, err);
    return queued ? queued : code;
}

// ---- waiting ------------------------------------------------------------------------------------

static int stopped(struct fg_error *err)
{
    return fg_fail(err, -ECANCELED, "the source was stopped");
}

static int fail_gone(const struct libcamera_source *source, struct fg_error *err)
{
    return fg_fail(err, -ENODEV, "%s: libcamera says that the camera is gone", source->setup.id);
}

static bool is_stalled(const struct libcamera_source *source)
{
    return source->since_ns && fg_monotonic_ns() - source->since_ns >= source->stall_ns;
}

static int fail_stalled(const struct libcamera_source *source, struct fg_error *err)
{
    return fg_fail(err, -ETIMEDOUT,
                   "%s: no frame for %llu ms: check cable and power, or allow more with stall-ms",
                   source->setup.id, (unsigned long long)(source->stall_ns / NS_PER_MS));
}

// The camera has time from here; readers may take as long as they like to give a buffer back.
static void start_clock(struct libcamera_source *source)
{
    if (!source->held)
        source->since_ns = 0;
    else if (!source->since_ns)
        source->since_ns = fg_monotonic_ns();
}

// Until the camera stalls.
static int timeout_ms(const struct libcamera_source *source)
{
    if (!source->since_ns)
        return -1;
    const uint64_t now = fg_monotonic_ns(), end = source->since_ns + source->stall_ns;
    const uint64_t left_ms = now >= end ? 0 : (end - now + NS_PER_MS - 1) / NS_PER_MS;
    return left_ms < INT_MAX ? (int)left_ms : INT_MAX;
}

// Waits for libcamera, a slot, a stop, or until the camera has stalled.
static int wait_for_news(struct libcamera_source *source, struct fg_error *err)
{
    struct pollfd fds[3] = {
        {.fd = fg_stop_fd(source->stop), .events = POLLIN},
        {.fd = fg_frame_pool_fd(source->pool), .events = POLLIN},
        {.fd = source->system->fd(source->device), .events = POLLIN},
    };
    if (poll(fds, 3, timeout_ms(source)) < 0 && errno != EINTR)
        return fg_fail(err, -errno, "%s: waiting for a frame: %s", source->setup.id,
                       strerror(errno));
    return fg_stop_is_set(source->stop) ? stopped(err) : 0;
}

// ---- a picture ----------------------------------------------------------------------------------

static void lay_out(const struct libcamera_source *source,
                    const struct fg_libcamera_arrival *arrival, struct fg_frame *frame)
{
    const struct slot *slot = &source->slots[frame->slot];
    const struct fg_libcamera_setup *setup = &source->setup;
    frame->fourcc = setup->fourcc;
    frame->width = setup->width;
    frame->height = setup->height;
    frame->chroma_shift_x = frame->chroma_shift_y = setup->fourcc == FG_FOURCC_NV12 ? 1 : 0;
    frame->full_range = setup->full_range;
    frame->n_planes = setup->n_planes;
    frame->jpeg = slot->window;
    for (unsigned i = 0; i < setup->n_planes; i++) {
        const struct fg_plane_place *place = &slot->places[i];
        const uint32_t bytes = arrival->bytes[i];
        frame->planes[i] = (struct fg_plane){
            .data = slot->memory.planes[i],
            .stride = setup->stride,
            .length = bytes < place->length ? bytes : place->length,
            .dmabuf_fd = slot->memory.dmabuf ? place->fd : -1,
            .offset = place->offset,
        };
    }
}

static int begin_read(const struct libcamera_source *source, const struct fg_frame *frame,
                      struct fg_error *err)
{
    int code = fg_frame_read_begin(frame);
    return code ? fg_fail(err, code, "%s: making its memory readable: %s", source->setup.id,
                          strerror(-code))
                : 0;
}

static int copy(struct libcamera_source *source, struct fg_frame *frame, struct fg_error *err)
{
    struct slot *slot = &source->slots[frame->slot];
    int code = begin_read(source, frame, err);
    if (code)
        return code;
    uint64_t copied = 0;
    for (unsigned i = 0; i < frame->n_planes; i++) {
        memcpy(slot->copies[i], frame->planes[i].data, frame->planes[i].length);
        copied += frame->planes[i].length;
    }
    fg_frame_read_end(frame);
    for (unsigned i = 0; i < frame->n_planes; i++) {
        frame->planes[i].data = slot->copies[i];
        frame->planes[i].dmabuf_fd = -1;
        frame->planes[i].offset = 0;
    }
    atomic_fetch_add_explicit(&source->copied, copied, memory_order_relaxed);
    return 0;
}

static int finish_jpeg(const struct libcamera_source *source, struct fg_frame *frame,
                       struct fg_error *err)
{
    frame->planes[0].stride = 0;
    int code = begin_read(source, frame, err);
    if (code)
        return code;
    code = fg_jpeg_window_show(frame->jpeg, source->setup.id, frame, err);
    fg_frame_read_end(frame);
    return code;
}

// -EBADMSG: it is no whole picture.
static int fill(struct libcamera_source *source, const struct fg_libcamera_arrival *arrival,
                struct fg_frame *frame, struct fg_error *err)
{
    lay_out(source, arrival, frame);
    if (fg_frame_check(frame, err))
        return -EBADMSG;
    int code = source->uncached ? copy(source, frame, err) : 0;
    if (code == 0 && frame->fourcc == FG_FOURCC_MJPG)
        code = finish_jpeg(source, frame, err);
    return code;
}

// ---- an arrival ---------------------------------------------------------------------------------

// One of `broken` frames, and nothing but: then the camera has stalled too.
static int count_broken(struct libcamera_source *source, struct fg_error *err)
{
    atomic_fetch_add_explicit(&source->broken, 1, memory_order_relaxed);
    if (!is_stalled(source))
        return -EBADMSG;
    return fg_fail(err, -ETIMEDOUT,
                   "%s: nothing but broken frames for %llu ms: check cable, port and power",
                   source->setup.id, (unsigned long long)(source->stall_ns / NS_PER_MS));
}

// One is a bad moment. All of them, twice: the camera takes none, and asking on would only keep a
// processor busy.
static int take_cancelled(struct libcamera_source *source,
                          const struct fg_libcamera_arrival *arrival, struct fg_error *err)
{
    if (source->system->is_gone(source->device))
        return fail_gone(source, err);
    if (arrival->with_controls)
        return fg_fail(err, -EINVAL,
                       "%s: the camera refuses its controls: leave out exposure, gain, focus or "
                       "some of controls",
                       source->setup.id);
    if (++source->cancelled > 2 * source->setup.n_buffers)
        return fg_fail(err, -EIO,
                       "%s: libcamera gives every frame up; see its log with "
                       "LIBCAMERA_LOG_LEVELS=*:INFO in the environment",
                       source->setup.id);
    return -EBADMSG;
}

static int take_frame(struct libcamera_source *source, const struct fg_libcamera_arrival *arrival,
                      struct fg_error *err)
{
    if (arrival->state == FG_ARRIVAL_CANCELLED)
        return take_cancelled(source, arrival, err);
    source->cancelled = 0;
    struct fg_frame *frame = fg_frame_pool_slot(source->pool, arrival->buffer);
    frame->sequence = fg_camera_stamps_number(&source->stamps, arrival->sequence);
    atomic_store_explicit(&source->lost, source->stamps.lost, memory_order_relaxed);
    int code = -EBADMSG;
    if (arrival->state == FG_ARRIVAL_WHOLE)
        code = fill(source, arrival, frame, err);
    if (code)
        return code;
    frame->t_capture_ns = fg_camera_stamps_time(&source->stamps, arrival->t_ns, arrival->t_done_ns);
    return 0;
}

static int take_arrival(struct libcamera_source *source, const struct fg_libcamera_arrival *arrival,
                        struct fg_frame **ret, struct fg_error *err)
{
    if (arrival->buffer >= source->setup.n_buffers || !(source->held >> arrival->buffer & 1))
        return fg_fail(err, -EPROTO, "%s: libcamera gives buffer %u back, which it has not",
                       source->setup.id, arrival->buffer);
    int code = take_frame(source, arrival, err);
    if (code == -EBADMSG)
        code = queue_again(source, arrival->buffer, count_broken(source, err), err);
    if (code)
        return code;
    source->since_ns = 0;
    source->delivered++;
    source->held &= ~(UINT32_C(1) << arrival->buffer);
    *ret = fg_frame_pool_slot(source->pool, arrival->buffer);
    return 0;
}

// -EAGAIN: nothing has come yet.
static int try_frame(struct libcamera_source *source, struct fg_frame **ret, struct fg_error *err)
{
    struct fg_libcamera_arrival arrival;
    int code = queue_returned(source, err);
    if (code)
        return code;
    start_clock(source);
    if (source->system->take(source->device, &arrival))
        return take_arrival(source, &arrival, ret, err);
    if (source->system->is_gone(source->device))
        return fail_gone(source, err);
    if (is_stalled(source))
        return fail_stalled(source, err);
    code = wait_for_news(source, err);
    return code ? code : -EAGAIN;
}

static int libcamera_next(void *state, struct fg_frame **ret, struct fg_error *err)
{
    struct libcamera_source *source = state;
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

static void libcamera_halt(void *state)
{
    struct libcamera_source *source = state;
    if (source->device)
        source->system->stop(source->device);
    for (unsigned slot = 0; slot < FG_POOL_SLOTS; slot++)
        if (source->held >> slot & 1)
            fg_frame_release(fg_frame_pool_slot(source->pool, slot));
    source->held = 0;
}

// What a slot has beside libcamera's buffer, which is overwritten when it is queued.
static void wipe_slot(void *context, unsigned index)
{
    struct slot *slot = &((struct libcamera_source *)context)->slots[index];
    for (unsigned i = 0; i < FG_BUFFER_PLANES; i++)
        if (slot->copies[i])
            explicit_bzero(slot->copies[i], slot->places[i].length);
    if (slot->window)
        fg_jpeg_window_wipe(slot->window);
}

static void finish_slot(struct slot *slot)
{
    for (unsigned i = 0; i < FG_BUFFER_PLANES; i++) {
        if (slot->copies[i])
            explicit_bzero(slot->copies[i], slot->places[i].length);
        free(slot->copies[i]);
    }
    fg_jpeg_window_destroy(slot->window);
    fg_buffer_memory_finish(&slot->memory);
}

static void libcamera_close(void *state)
{
    struct libcamera_source *source = state;
    for (unsigned i = 0; i < FG_POOL_SLOTS; i++)
        finish_slot(&source->slots[i]);
    if (source->device)
        source->system->close(source->device);
    fg_frame_pool_destroy(source->pool);
    free(source);
}

static int map_slot(struct libcamera_source *source, unsigned index, struct fg_error *err)
{
    struct slot *slot = &source->slots[index];
    for (unsigned i = 0; i < source->setup.n_planes; i++)
        slot->places[i] = source->system->place(source->device, index, i);
    int code = fg_buffer_memory_init(&slot->memory, slot->places, source->setup.n_planes, err);
    if (code)
        return fg_fail_prefix(err, code, "%s", source->setup.id);
    if (source->setup.fourcc == FG_FOURCC_MJPG && fg_jpeg_window_create(&slot->window))
        return fg_fail(err, -ENOMEM, "%s: no memory for its JPEG decoders", source->setup.id);
    return 0;
}

static int make_copies(struct libcamera_source *source, struct fg_error *err)
{
    for (unsigned i = 0; i < source->setup.n_buffers; i++) {
        struct slot *slot = &source->slots[i];
        for (unsigned plane = 0; plane < source->setup.n_planes; plane++)
            if (!(slot->copies[plane] = malloc(slot->places[plane].length)))
                return fg_fail(err, -ENOMEM, "%s: no memory for copies of its frames",
                               source->setup.id);
    }
    return 0;
}

// A buffer that is filled to its end must hold a picture; less than that is a broken frame.
static int check_layout(struct libcamera_source *source, struct fg_error *err)
{
    struct fg_libcamera_arrival full = {0};
    for (unsigned i = 0; i < source->setup.n_buffers; i++) {
        struct fg_frame *frame = fg_frame_pool_slot(source->pool, i);
        for (unsigned plane = 0; plane < source->setup.n_planes; plane++)
            full.bytes[plane] = source->slots[i].places[plane].length;
        lay_out(source, &full, frame);
        if (fg_frame_check(frame, err))
            return fg_fail_prefix(err, -EPROTO, "%s: its buffers do not fit %s", source->setup.id,
                                  source->picture);
    }
    return 0;
}

static int make_slots(struct libcamera_source *source, struct fg_error *err)
{
    const struct fg_libcamera_setup *setup = &source->setup;
    int code = fg_frame_pool_create(setup->n_buffers, &source->pool);
    if (code)
        return fg_fail(err, code, "%s: no frame pool: %s", setup->id, strerror(-code));
    fg_frame_pool_set_wipe(source->pool, wipe_slot, source);
    for (unsigned i = 0; i < setup->n_buffers && code == 0; i++)
        code = map_slot(source, i, err);
    if (code == 0)
        code = check_layout(source, err);
    if (code)
        return code;
    struct fg_frame *first = fg_frame_pool_slot(source->pool, 0);
    code = begin_read(source, first, err);
    if (code)
        return code;
    source->uncached = fg_memory_is_slow(first->planes[0].data, first->planes[0].length);
    fg_frame_read_end(first);
    return source->uncached ? make_copies(source, err) : 0;
}

static const char *memory_name(const struct libcamera_source *source)
{
    if (source->uncached)
        return "uncached buffers, each frame copied once";
    return source->slots[0].memory.dmabuf ? "dma-bufs" : "mapped buffers";
}

static void describe(struct libcamera_source *source, const struct fg_camera_wish *wish)
{
    const struct fg_libcamera_setup *setup = &source->setup;
    char rate[24] = "", instead[48] = "";
    if (setup->rate > 0)
        snprintf(rate, sizeof rate, " at %.4g/s", setup->rate);
    if (setup->width != wish->width || setup->height != wish->height)
        snprintf(instead, sizeof instead, " instead of %ux%u", wish->width, wish->height);
    snprintf(source->description, sizeof source->description, "libcamera %s (%s) %s%s%s, %u %s",
             setup->id, setup->model, source->picture, rate, instead, setup->n_buffers,
             memory_name(source));
}

static int set_up(struct libcamera_source *source, const char *name,
                  const struct fg_camera_wish *asked, struct fg_error *err)
{
    struct fg_libcamera_setup *setup = &source->setup;
    struct fg_camera_wish wish;
    int code = fg_camera_wish_complete(asked, &wish, err);
    if (code == 0)
        code = source->system->open(name, &wish, &source->device, setup, err);
    if (code)
        return code;
    snprintf(source->picture, sizeof source->picture, "%s %ux%u",
             fg_camera_format_name(setup->fourcc), setup->width, setup->height);
    source->stall_ns = (uint64_t)wish.stall_ms * NS_PER_MS;
    code = make_slots(source, err);
    if (code == 0)
        code = source->system->start(source->device, err);
    if (code == 0)
        code = queue_returned(source, err); // all of them, the first time
    if (code == 0)
        describe(source, &wish);
    return code;
}

static int libcamera_open(const char *name, const struct fg_source_options *options,
                          void **ret_state, struct fg_frame_pool **ret_pool, struct fg_error *err)
{
    struct libcamera_source *source = calloc(1, sizeof *source);
    if (!source)
        return fg_fail(err, -ENOMEM, "no memory for a source");
    source->system = fg_libcamera_system;
    source->stop = options->stop;
    source->max_frames = options->max_frames;
    int code = set_up(source, name, &options->camera, err);
    if (code) {
        libcamera_halt(source);
        libcamera_close(source);
        return code;
    }
    *ret_state = source;
    *ret_pool = source->pool;
    return 0;
}

static void libcamera_info(const void *state, struct fg_source_info *ret)
{
    const struct libcamera_source *source = state;
    const bool dmabuf = source->slots[0].memory.dmabuf;
    const enum fg_source_memory own = dmabuf ? FG_MEMORY_DMABUF : FG_MEMORY_MAPPED;
    *ret = (struct fg_source_info){.description = source->description,
                                   .picture = source->picture,
                                   .width = source->setup.width,
                                   .height = source->setup.height,
                                   .live = true,
                                   .memory = source->uncached ? FG_MEMORY_COPIED : own};
}

static void libcamera_counts(const void *state, struct fg_source_counts *ret)
{
    const struct libcamera_source *source = state;
    *ret = (struct fg_source_counts){
        .broken = atomic_load_explicit(&source->broken, memory_order_relaxed),
        .copied = atomic_load_explicit(&source->copied, memory_order_relaxed),
        .lost = atomic_load_explicit(&source->lost, memory_order_relaxed),
        .unwiped = atomic_load_explicit(&source->unwiped, memory_order_relaxed),
    };
}

static bool libcamera_is_there(const char *name)
{
    return fg_libcamera_system->is_there(name);
}

const struct fg_source_kind fg_source_kind_libcamera = {
    .prefix = "libcamera:",
    .open = libcamera_open,
    .info = libcamera_info,
    .next = libcamera_next,
    .counts = libcamera_counts,
    .halt = libcamera_halt,
    .close = libcamera_close,
    .is_there = libcamera_is_there,
};
