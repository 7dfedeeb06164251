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
#include "pipeline/stream.h"

#define BEAT_NS 1000000000u

struct camera {
    struct fg_camera_options options;
    struct fg_vision *vision;
    struct fg_publisher *publisher;
    struct fg_source *source;
    struct fg_stop *stop;
    struct fg_mailbox *box;
    struct fg_capture *capture;
    struct fg_stream *stream;
    FILE *trace;
    uint64_t t_beat_ns, frames_at_beat, bytes_raw, t_fed_ns, watchdog_ns;
    struct fg_wire_message beat;
};

static struct fg_stop *stopped_by_signal; // set before the handlers are
static volatile sig_atomic_t stopping;

static void on_signal(int number)
{
    (void)number;
    stopping = 1;
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

static int open_source(struct camera *c, struct fg_error *err)
{
    const struct fg_camera_options *o = &c->options;
    struct fg_source_options options = {.rate = o->rate, .loop = o->loop, .max_frames = o->frames};
    if (fg_stop_create(&c->stop) < 0)
        return fg_fail(err, -ENOMEM, "out of memory");
    options.stop = c->stop;
    int code = fg_source_open(o->source, &options, &c->source, err);
    if (code == 0 && fg_mailbox_create(&c->box) < 0)
        code = fg_fail(err, -ENOMEM, "out of memory");
    if (code == 0 && o->trace[0] && !(c->trace = fopen(o->trace, "we")))
        code = fg_fail(err, -errno, "%s: %s", o->trace, strerror(errno));
    return code;
}

static int open_stream(struct camera *c, struct fg_error *err)
{
    const struct fg_camera_options *o = &c->options;
    struct fg_stream_options options = fg_stream_gate;
    options.tracker.smallest = o->smallest;
    options.tracker.squares_per_frame = o->squares;
    options.shots.every_ns = o->shot_ms * 1000000ull;
    options.limits = fg_quality_gate;
    options.limits.eye_distance = o->eye_distance;
    options.trace = c->trace;
    int code = fg_publisher_open(o->probe, o->lane, o->id, &c->publisher, err);
    if (code == 0 && fg_stream_create(c->vision, c->publisher, &options, &c->stream) < 0)
        code = fg_fail(err, -ENOMEM, "out of memory");
    return code;
}

static void close_all(struct camera *c)
{
    fg_stream_destroy(c->stream);
    fg_publisher_close(c->publisher);
    fg_mailbox_destroy(c->box);
    fg_source_close(c->source);
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

static void send_beat(struct camera *c, uint32_t state, uint64_t now)
{
    struct fg_stream_counts n;
    struct fg_source_counts from;
    fg_stream_counts(c->stream, &n);
    fg_source_counts(c->source, &from);
    double seconds = (double)(now - c->t_beat_ns) * 1e-9;
    c->beat.head.type = FG_WIRE_BEAT;
    struct fg_wire_beat *b = &c->beat.beat;
    *b = (struct fg_wire_beat){
        .state = state,
        .frames = n.frames,
        .displaced = fg_mailbox_displaced(c->box),
        .broken = from.broken,
        .detections = n.detections,
        .probes = n.probes,
        .notices = n.notices,
        .bytes_copied = from.copied,
        .bytes_raw = c->bytes_raw,
        .tracks = n.tracks,
        .rss_kib = resident_kib(),
    };
    if (seconds > 0)
        b->fps_milli = (uint32_t)((double)(n.frames - c->frames_at_beat) * 1000 / seconds);
    fg_engine_wire_name(fg_vision_engine(c->vision), b->engine);
    fg_publish(c->publisher, &c->beat, now, NULL);
    c->t_beat_ns = now;
    c->frames_at_beat = n.frames;
}

// The watchdog is fed only here: a stuck capture or a stuck network starves it.
static void feed_watchdog(struct camera *c, uint64_t now)
{
    if (c->watchdog_ns == 0 || now - c->t_fed_ns < c->watchdog_ns)
        return;
    fg_notify("WATCHDOG=1");
    c->t_fed_ns = now;
}

static uint64_t frame_bytes(const struct fg_frame *frame)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < frame->n_planes; i++)
        bytes += frame->planes[i].length;
    return bytes;
}

static int one_frame(struct camera *c, struct fg_error *err)
{
    struct fg_frame *frame = NULL;
    int code = fg_mailbox_take(c->box, 1000, &frame);
    uint64_t now = fg_monotonic_ns();
    if (code == 0) {
        c->bytes_raw += frame_bytes(frame);
        code = fg_stream_frame(c->stream, frame, err);
        fg_frame_release(frame);
        feed_watchdog(c, now);
    } else if (code == -ETIMEDOUT) {
        code = 0;
    }
    if (now - c->t_beat_ns >= BEAT_NS)
        send_beat(c, 1, now);
    return code;
}

static void report(struct camera *c, double seconds)
{
    struct fg_stream_counts n;
    struct fg_source_counts from;
    fg_stream_counts(c->stream, &n);
    fg_source_counts(c->source, &from);
    uint64_t displaced = fg_mailbox_displaced(c->box), copied = from.copied;
    if (c->trace)
        fprintf(c->trace,
                "{\"end\":true,\"frames\":%" PRIu64 ",\"displaced\":%" PRIu64 ",\"broken\":%" PRIu64
                ",\"detections\":%" PRIu64 ",\"probes\":%" PRIu64 ",\"notices\":%" PRIu64
                ",\"bytes_copied\":%" PRIu64 ",\"seconds\":%.3f,\"rss_kib\":%" PRIu32 "}\n",
                n.frames, displaced, from.broken, n.detections, n.probes, n.notices, copied,
                seconds, resident_kib());
    if (c->trace && (fflush(c->trace) != 0 || ferror(c->trace)))
        fg_log(FG_LOG_WARNING, "%s: not all of the trace could be written", c->options.trace);
    fg_log(FG_LOG_INFO,
           "%" PRIu64 " frames in %.1f s, %" PRIu64 " displaced, %" PRIu64 " broken; %" PRIu64
           " probes, %" PRIu64 " notices; %" PRIu64 " frame bytes copied",
           n.frames, seconds, displaced, from.broken, n.probes, n.notices, copied);
}

// In slices: a signal that comes just before the wait would not end it.
static void wait_for_matcher(struct camera *c)
{
    const uint64_t end = fg_monotonic_ns() + c->options.wait_ms * 1000000ull;
    int code;
    do {
        uint64_t now = fg_monotonic_ns(), left_ms = now < end ? (end - now) / 1000000 : 0;
        code = fg_publisher_wait(c->publisher, left_ms < 200 ? (int)left_ms : 200);
    } while (code < 0 && !stopping && fg_monotonic_ns() < end);
    if (code < 0 && !stopping)
        fg_log(FG_LOG_WARNING, "no matcher listens on %s yet; going on", c->options.probe);
}

static int run(struct camera *c, struct fg_error *err)
{
    struct fg_source_info info;
    fg_source_info(c->source, &info);
    fg_log(FG_LOG_INFO, "lane %s, camera %s: %s", c->options.lane, c->options.id, info.description);
    log_engines(c);
    wait_for_matcher(c);
    int code = fg_capture_start(c->source, c->box, c->stop, c->options.rate == 0, &c->capture);
    if (code < 0)
        return fg_fail(err, code, "can't start the capture thread: %s", strerror(-code));
    uint64_t start = fg_monotonic_ns();
    c->t_beat_ns = c->t_fed_ns = start;
    c->watchdog_ns = fg_notify_watchdog_ns(); // 0: nobody watches
    fg_notify("READY=1");
    send_beat(c, 0, start);
    while (code == 0)
        code = one_frame(c, err);
    fg_notify("STOPPING=1");
    struct fg_error capture_err;
    int captured = fg_capture_join(c->capture, &capture_err);
    uint64_t end = fg_monotonic_ns();
    fg_stream_end(c->stream);
    send_beat(c, 3, end);
    report(c, (double)(end - start) * 1e-9);
    if (code == -ECANCELED && captured < 0) {
        *err = capture_err;
        return captured;
    }
    return code == -ECANCELED ? 0 : code;
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
    code = open_vision(&c, &err);
    if (code == 0)
        code = open_source(&c, &err);
    if (code == 0)
        code = open_stream(&c, &err);
    enum fg_exit exit_code = code < 0 ? FG_EXIT_CONFIG : FG_EXIT_OK;
    if (code == 0) {
        catch_signals(c.stop);
        code = run(&c, &err);
        exit_code = code < 0 ? FG_EXIT_FAILURE : FG_EXIT_OK;
    }
    if (code < 0)
        fg_log(FG_LOG_ERROR, "%s", err.text);
    close_all(&c);
    return exit_code;
}
