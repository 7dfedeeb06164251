// SPDX-License-Identifier: Apache-2.0
// facegate-camera: capture thread -> mailbox -> this thread's loop: detect, track, embed, publish.
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/exit.h"
#include "common/log.h"
#include "common/notify.h"
#include "pipeline/camera_options.h"
#include "pipeline/capture.h"
#include "pipeline/duty.h"
#include "pipeline/stream.h"

#define BEAT_NS 1000000000u
#define FEED_NS 500000000u // well below any sensible watchdog: a frame may take long

// fg_wire_beat.state
enum { BEAT_STARTING, BEAT_RUNNING, BEAT_NO_CAMERA, BEAT_STOPPING, BEAT_ASLEEP };

struct camera {
    struct fg_camera_options options;
    struct fg_vision *vision;
    struct fg_publisher *publisher;
    struct fg_stop *stop;
    struct fg_mailbox *box;
    struct fg_capture *capture;
    struct fg_source_info info;
    struct fg_stream *stream;
    struct fg_duty *duty;
    FILE *trace;
    struct fg_wire_message beat;
    uint64_t t_beat_ns, frames_at_beat, bytes_raw;
    uint64_t undecodable;     // frames that turned out broken only here
    uint64_t displaced_early; // frames that came before the networks were ready
    uint64_t recoveries;      // of the capture, as far as the tracks know
    uint64_t slept;           // frames that came while the lane was asleep
    uint64_t t_fed_ns, watchdog_ns;
    bool slow;  // the last frame took longer than its limit
    bool awake; // the lane is
    bool told_unwiped;
};

static struct fg_stop *stopped_by_signal; // set before the handlers are

static void on_signal(int number)
{
    (void)number;
    fg_stop_set(stopped_by_signal);
}

static void catch_signals(struct fg_stop *stop)
{
    struct sigaction action = {.sa_handler = on_signal};
    stopped_by_signal = stop;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
}

static int open_vision(struct camera *c, struct fg_error *err)
{
    const struct fg_camera_options *o = &c->options;
    struct fg_vision_options options = {o->models, o->detector, o->aligner, o->embedder,
                                        fg_engine_options_accel(&o->engine)};
    return fg_vision_open(&options, &c->vision, err);
}

static void log_engines(const struct camera *c)
{
    struct fg_vision_engines e;
    fg_vision_engines(c->vision, &e);
    if (e.differ)
        fg_log(FG_LOG_WARNING, "the networks run on different engines: %s", e.chosen);
    else
        fg_log(FG_LOG_INFO, "engine %s", e.chosen);
    if (e.fallbacks > 0)
        fg_log(FG_LOG_WARNING,
               "%u of %u layers do not run on the backend preferred: %s; facegate model lists them",
               e.fallbacks, e.layers, e.fallen);
    if (e.copies > 0)
        fg_log(FG_LOG_INFO, "the engine copies %d input and output tensors a look", e.copies);
}

static int open_capture(struct camera *c, struct fg_error *err)
{
    const struct fg_camera_options *o = &c->options;
    const struct fg_source_options options = {.rate = o->rate,
                                              .loop = o->loop,
                                              .max_frames = o->frames,
                                              .camera = {.formats = o->format,
                                                         .width = o->width,
                                                         .height = o->height,
                                                         .rate = o->rate,
                                                         .buffers = o->buffers,
                                                         .stall_ms = o->stall_ms,
                                                         .exposure = o->exposure,
                                                         .gain = o->gain,
                                                         .focus = o->focus,
                                                         .controls = o->controls}};
    if (fg_stop_create(&c->stop) < 0 || fg_mailbox_create(&c->box) < 0)
        return fg_fail(err, -ENOMEM, "out of memory");
    catch_signals(c->stop);
    int code = fg_capture_open(o->source, &options, c->stop, c->box, &c->capture, err);
    if (code == 0)
        fg_capture_info(c->capture, &c->info);
    return code;
}

// A file is played from its first picture to its last: none is taken before there is work to do.
static int start_capture(struct camera *c, struct fg_error *err)
{
    int code = fg_capture_start(c->capture, !c->info.live && c->options.rate == 0);
    return code < 0 ? fg_fail(err, code, "can't start the capture thread: %s", strerror(-code)) : 0;
}

static int open_stream(struct camera *c, struct fg_error *err)
{
    const struct fg_camera_options *o = &c->options;
    struct fg_stream_options options = fg_stream_gate;
    if (o->trace[0] && !(c->trace = fopen(o->trace, "we")))
        return fg_fail(err, -errno, "%s: %s", o->trace, strerror(errno));
    options.tracker.smallest = o->smallest;
    options.tracker.squares_per_frame = o->squares;
    options.tracker.zone = o->zone;
    options.shots.every_ns = o->shot_ms * 1000000ull;
    options.limits = fg_quality_gate;
    options.limits.eye_distance = o->eye_distance;
    options.trace = c->trace;
    int code = fg_publisher_open(o->probe, o->lane, o->id, &c->publisher, err);
    if (code == 0 && fg_stream_create(c->vision, c->publisher, &options, &c->stream) < 0)
        code = fg_fail(err, -ENOMEM, "out of memory");
    return code;
}

static int open_duty(struct camera *c, struct fg_error *err)
{
    const struct fg_camera_options *o = &c->options;
    const struct fg_duty_options options = {.lane_socket = o->lane_socket,
                                            .lane = o->lane,
                                            .wake_at_motion = o->wake == FG_CAMERA_WAKE_MOTION,
                                            .wake_zone = o->wake_zone};
    c->awake = true;
    return fg_duty_open(&options, c->publisher, c->stream, &c->duty, err);
}

static void close_all(struct camera *c)
{
    fg_duty_close(c->duty);
    fg_stream_destroy(c->stream);
    fg_publisher_close(c->publisher);
    fg_capture_close(c->capture);
    fg_mailbox_destroy(c->box);
    fg_stop_destroy(c->stop);
    fg_vision_close(c->vision);
    if (c->trace)
        fclose(c->trace);
}

static uint32_t resident_kib(void)
{
    unsigned long total, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f && fscanf(f, "%lu %lu", &total, &resident) != 2)
        resident = 0;
    if (f)
        fclose(f);
    return (uint32_t)(resident * ((unsigned long)sysconf(_SC_PAGESIZE) / 1024));
}

static uint64_t displaced(const struct camera *c)
{
    return fg_mailbox_displaced(c->box) - c->displaced_early;
}

static void send_beat(struct camera *c, uint32_t state, uint64_t now)
{
    struct fg_stream_counts n;
    struct fg_capture_state capture;
    fg_stream_counts(c->stream, &n);
    fg_capture_state(c->capture, &capture);
    double seconds = (double)(now - c->t_beat_ns) * 1e-9;
    c->beat.head.type = FG_WIRE_BEAT;
    struct fg_wire_beat *b = &c->beat.beat;
    const struct fg_wire_beat last = *b;
    const uint64_t frames = n.frames + c->slept;
    *b = (struct fg_wire_beat){
        .state = state,
        .frames = frames,
        .displaced = displaced(c),
        .broken = capture.counts.broken + c->undecodable,
        .detections = n.detections,
        .probes = n.probes,
        .notices = n.notices,
        .bytes_copied = capture.counts.copied,
        .bytes_raw = c->bytes_raw,
        .tracks = n.tracks,
        .rss_kib = resident_kib(),
        .fourcc = last.fourcc,
        .width = last.width,
        .height = last.height,
        .memory = capture.memory,
        .lost = capture.counts.lost,
        .recoveries = capture.recoveries,
    };
    if (seconds > 0)
        b->fps_milli = (uint32_t)((double)(frames - c->frames_at_beat) * 1000 / seconds);
    fg_engine_wire_name(fg_vision_engine(c->vision), b->engine);
    fg_publish(c->publisher, &c->beat, now, NULL);
    c->t_beat_ns = now;
    c->frames_at_beat = frames;
}

static bool capture_works(const struct camera *c, const struct fg_capture_state *capture,
                          uint64_t now)
{
    const uint64_t limit = (c->options.stall_ms + 1000u) * 1000000ull;
    return !c->info.live || capture->retrying || now - capture->t_frame_ns < limit;
}

// Fed while frames come, or a camera is being brought back, and networks keep to their time. It is
// this thread that feeds, so a network that hangs starves it too.
static void feed_watchdog(struct camera *c, const struct fg_capture_state *capture, uint64_t now)
{
    if (c->watchdog_ns == 0 || now - c->t_fed_ns < FEED_NS)
        return;
    if (c->slow || !capture_works(c, capture, now))
        return;
    fg_notify("WATCHDOG=1");
    c->t_fed_ns = now;
}

static void note_time(struct camera *c, uint64_t ns)
{
    bool slow = ns > c->options.inference_ms * 1000000ull;
    if (slow && !c->slow)
        fg_log(FG_LOG_WARNING, "a frame took %" PRIu64 " ms, over the limit of %" PRIu32 " ms",
               ns / 1000000, c->options.inference_ms);
    else if (!slow && c->slow)
        fg_log(FG_LOG_INFO, "frames keep to their time again");
    c->slow = slow;
}

static void note_picture(struct camera *c, const struct fg_frame *frame)
{
    c->beat.beat.fourcc = frame->fourcc;
    c->beat.beat.width = frame->width;
    c->beat.beat.height = frame->height;
    for (unsigned i = 0; i < frame->n_planes; i++)
        c->bytes_raw += frame->planes[i].length;
}

static int see(struct camera *c, const struct fg_frame *frame, struct fg_error *err)
{
    int code = fg_frame_read_begin(frame);
    if (code < 0)
        return fg_fail(err, -EBADMSG, "a frame's memory can't be read: %s", strerror(-code));
    if (c->awake) {
        code = fg_stream_frame(c->stream, frame, err);
        if (code == 0)
            code = fg_duty_read_codes(c->duty, frame, err);
    } else {
        c->slept++;
        code = fg_duty_watch(c->duty, frame, err);
    }
    fg_frame_read_end(frame);
    return code;
}

// A camera whose buffers can't be overwritten keeps what the lane wants gone, for a moment.
static void note_unwiped(struct camera *c, const struct fg_capture_state *capture)
{
    if (capture->counts.unwiped == 0 || c->told_unwiped)
        return;
    fg_log(FG_LOG_WARNING, "the camera's driver gives no memory that can be written: each picture "
                           "stays in its buffer until another comes into it");
    c->told_unwiped = true;
}

static uint32_t state_of(const struct camera *c, const struct fg_capture_state *capture)
{
    if (capture->retrying)
        return BEAT_NO_CAMERA;
    return c->awake ? BEAT_RUNNING : BEAT_ASLEEP;
}

static int work_on(struct camera *c, const struct fg_frame *frame,
                   const struct fg_capture_state *capture, struct fg_error *err)
{
    if (capture->recoveries != c->recoveries) {
        c->recoveries = capture->recoveries;
        fg_stream_end(c->stream); // whoever stood there may have gone meanwhile
    }
    note_picture(c, frame);
    uint64_t start = fg_monotonic_ns();
    int code = see(c, frame, err);
    note_time(c, fg_monotonic_ns() - start);
    if (code != -EBADMSG)
        return code;
    if (c->undecodable++ == 0)
        fg_log(FG_LOG_WARNING, "%s (later ones are only counted)", err->text);
    return 0;
}

static int turn(struct camera *c, struct fg_error *err)
{
    struct fg_frame *frame = NULL;
    struct fg_capture_state capture;
    int code = fg_mailbox_take(c->box, 250, &frame);
    fg_capture_state(c->capture, &capture);
    c->awake = fg_duty_hear(c->duty, fg_monotonic_ns());
    if (code == 0) {
        code = work_on(c, frame, &capture, err);
        fg_frame_release(frame);
    } else if (code == -ETIMEDOUT) {
        code = 0;
    }
    uint64_t now = fg_monotonic_ns();
    feed_watchdog(c, &capture, now);
    note_unwiped(c, &capture);
    if (now - c->t_beat_ns >= BEAT_NS)
        send_beat(c, state_of(c, &capture), now);
    return code;
}

static void report(struct camera *c, double seconds)
{
    struct fg_stream_counts n;
    struct fg_capture_state s;
    fg_stream_counts(c->stream, &n);
    fg_capture_state(c->capture, &s);
    const uint64_t broken = s.counts.broken + c->undecodable;
    if (c->trace)
        fprintf(c->trace,
                "{\"end\":true,\"frames\":%" PRIu64 ",\"displaced\":%" PRIu64 ",\"broken\":%" PRIu64
                ",\"detections\":%" PRIu64 ",\"probes\":%" PRIu64 ",\"notices\":%" PRIu64
                ",\"bytes_copied\":%" PRIu64 ",\"seconds\":%.3f,\"rss_kib\":%" PRIu32 "}\n",
                n.frames, displaced(c), broken, n.detections, n.probes, n.notices, s.counts.copied,
                seconds, resident_kib());
    if (c->trace && (fflush(c->trace) != 0 || ferror(c->trace)))
        fg_log(FG_LOG_WARNING, "%s: not all of the trace could be written", c->options.trace);
    fg_log(FG_LOG_INFO,
           "%" PRIu64 " frames in %.1f s, %" PRIu64 " displaced, %" PRIu64 " broken, %" PRIu64
           " lost, %" PRIu64 " recoveries; %" PRIu64 " probes, %" PRIu64 " notices; %" PRIu64
           " frame bytes copied",
           n.frames + c->slept, seconds, displaced(c), broken, s.counts.lost, s.recoveries,
           n.probes, n.notices, s.counts.copied);
}

// In slices: a signal that comes just before the wait would not end it.
static void wait_for_matcher(struct camera *c)
{
    const uint64_t end = fg_monotonic_ns() + c->options.wait_ms * 1000000ull;
    int code;
    do {
        uint64_t now = fg_monotonic_ns(), left_ms = now < end ? (end - now) / 1000000 : 0;
        code = fg_publisher_wait(c->publisher, left_ms < 200 ? (int)left_ms : 200);
    } while (code < 0 && !fg_stop_is_set(c->stop) && fg_monotonic_ns() < end);
    if (code < 0 && !fg_stop_is_set(c->stop))
        fg_log(FG_LOG_WARNING, "no matcher listens on %s yet; going on", c->options.probe);
}

static enum fg_exit exit_of(enum fg_capture_end end)
{
    switch (end) {
    case FG_CAPTURE_ENDED:
    case FG_CAPTURE_GONE: // the unit is bound to the device: it starts again with it
        return FG_EXIT_OK;
    case FG_CAPTURE_GAVE_UP:
        return FG_EXIT_TEMPORARY;
    case FG_CAPTURE_FAILED:
        break;
    }
    return FG_EXIT_FAILURE;
}

static enum fg_exit finish(struct camera *c, int code, struct fg_error *err, uint64_t start)
{
    struct fg_error capture_err = {""};
    fg_notify("STOPPING=1");
    enum fg_capture_end end = fg_capture_join(c->capture, &capture_err);
    uint64_t now = fg_monotonic_ns();
    fg_stream_end(c->stream);
    send_beat(c, BEAT_STOPPING, now);
    report(c, (double)(now - start) * 1e-9);
    if (end != FG_CAPTURE_ENDED)
        fg_log(end == FG_CAPTURE_GONE ? FG_LOG_INFO : FG_LOG_ERROR, "%s", capture_err.text);
    if (code == -ECANCELED)
        return exit_of(end);
    fg_log(FG_LOG_ERROR, "%s", err->text);
    return FG_EXIT_FAILURE;
}

static enum fg_exit run(struct camera *c)
{
    struct fg_error err = {""};
    int code = c->info.live ? 0 : start_capture(c, &err);
    uint64_t start = fg_monotonic_ns();
    c->t_beat_ns = c->t_fed_ns = start;
    c->watchdog_ns = fg_notify_watchdog_ns(); // 0: nobody watches
    c->displaced_early = fg_mailbox_displaced(c->box);
    fg_notify("READY=1");
    send_beat(c, BEAT_STARTING, start);
    while (code == 0)
        code = turn(c, &err);
    return finish(c, code, &err, start);
}

static bool is_camera(const struct camera *c)
{
    return strncmp(c->options.source, "file:", 5) != 0;
}

static void log_source(const struct camera *c)
{
    fg_log(FG_LOG_INFO, "lane %s, camera %s: %s", c->options.lane, c->options.id,
           c->info.description);
}

// A camera is opened and started before the networks are: they take seconds on a slow box, and
// what is wrong with the camera is told at once.
static int open_all(struct camera *c, struct fg_error *err)
{
    const bool camera = is_camera(c);
    int code = camera ? open_capture(c, err) : 0;
    if (code == 0 && camera) {
        log_source(c);
        code = start_capture(c, err);
    }
    if (code == 0)
        code = open_vision(c, err);
    if (code == 0 && !camera)
        code = open_capture(c, err);
    if (code == 0)
        code = open_stream(c, err);
    if (code == 0)
        code = open_duty(c, err);
    if (code < 0)
        return code;
    if (!camera)
        log_source(c);
    log_engines(c);
    wait_for_matcher(c);
    return 0;
}

static enum fg_exit exit_of_opening(const struct camera *c, int code)
{
    bool camera = is_camera(c) && !c->capture;
    if (camera && (code == -EBUSY || code == -ENOENT || code == -ENODEV || code == -ENXIO))
        return FG_EXIT_TEMPORARY;
    return FG_EXIT_CONFIG;
}

int main(int argc, char **argv)
{
    static struct camera c; // zeroed; too large for comfort on the stack
    struct fg_error err = {""};
    fg_log_init("facegate-camera", FG_LOG_INFO);
    int code = fg_camera_options_read(argc, argv, &c.options, &err);
    if (code == 1)
        return FG_EXIT_OK;
    if (code < 0) {
        fg_log(FG_LOG_ERROR, "%s", err.text);
        return code == -EINVAL ? FG_EXIT_USAGE : FG_EXIT_CONFIG;
    }
    if (c.options.verbose)
        fg_log_init("facegate-camera", FG_LOG_DEBUG);
    prctl(PR_SET_DUMPABLE, 0); // no faces in core files
    code = open_all(&c, &err);
    enum fg_exit exit_code;
    if (code == 0) {
        exit_code = run(&c);
    } else {
        fg_log(FG_LOG_ERROR, "%s", err.text);
        exit_code = exit_of_opening(&c, code);
    }
    close_all(&c);
    return exit_code;
}
