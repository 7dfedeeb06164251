// SPDX-License-Identifier: Apache-2.0
#include "pipeline/capture.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"

#define NS_PER_MS 1000000u
// A driver says ENODEV a moment before sysfs forgets the device.
#define VANISHING_MS 500
// Between two attempts: a camera that resets itself is away for about a second.
#define PAUSE_MS 1000
// So long must frames come before the next failure counts as a new one.
#define STEADY_NS 2000000000u

struct fg_capture {
    const char *spec;
    struct fg_source_options options;
    struct fg_stop *stop;
    struct fg_mailbox *box;
    struct fg_source *source; // NULL while none is open
    bool live, keep_all, joined, started;
    pthread_t thread;

    // the thread's own
    unsigned tries;                 // since frames came steadily
    uint64_t t_opened_ns;           // of the source in use
    uint64_t t_failed_ns;           // of the failure that is being mended; 0: none is
    uint64_t t_first_ns;            // of the first frame of the source in use; 0: none yet
    uint64_t delivered;             // frames, of all openings
    struct fg_source_counts before; // of the sources closed so far
    enum fg_capture_end end;
    struct fg_error err;

    pthread_mutex_t lock;
    struct fg_capture_state state;
};

static void update_state(struct fg_capture *c, bool retrying, uint64_t t_frame_ns)
{
    struct fg_source_counts now = {0};
    if (c->source)
        fg_source_counts(c->source, &now);
    pthread_mutex_lock(&c->lock);
    c->state.counts.broken = c->before.broken + now.broken;
    c->state.counts.copied = c->before.copied + now.copied;
    c->state.counts.lost = c->before.lost + now.lost;
    c->state.counts.unwiped = c->before.unwiped + now.unwiped;
    c->state.retrying = retrying;
    if (t_frame_ns)
        c->state.t_frame_ns = t_frame_ns;
    pthread_mutex_unlock(&c->lock);
}

static void take_info(struct fg_capture *c)
{
    struct fg_source_info info;
    fg_source_info(c->source, &info);
    c->live = info.live;
    pthread_mutex_lock(&c->lock);
    c->state.memory = info.memory;
    pthread_mutex_unlock(&c->lock);
}

static int open_source(struct fg_capture *c, struct fg_error *err)
{
    struct fg_source_options options = c->options;
    if (options.max_frames)
        options.max_frames -= c->delivered;
    int code = fg_source_open(c->spec, &options, &c->source, err);
    if (code < 0)
        return code;
    c->t_opened_ns = fg_monotonic_ns();
    c->t_first_ns = 0;
    take_info(c);
    return 0;
}

static void close_source(struct fg_capture *c)
{
    struct fg_source_counts last;
    if (!c->source)
        return;
    fg_source_counts(c->source, &last);
    c->before.broken += last.broken;
    c->before.copied += last.copied;
    c->before.lost += last.lost;
    c->before.unwiped += last.unwiped;
    fg_source_close(c->source);
    c->source = NULL;
}

int fg_capture_open(const char *spec, const struct fg_source_options *options, struct fg_stop *stop,
                    struct fg_mailbox *box, struct fg_capture **ret, struct fg_error *err)
{
    struct fg_capture *c = calloc(1, sizeof *c);
    if (!c || pthread_mutex_init(&c->lock, NULL) != 0) {
        free(c);
        return fg_fail(err, -ENOMEM, "no memory for the capture thread");
    }
    c->spec = spec;
    c->options = *options;
    c->options.stop = c->stop = stop;
    c->box = box;
    int code = open_source(c, err);
    if (code < 0) {
        fg_capture_close(c);
        return code;
    }
    *ret = c;
    return 0;
}

void fg_capture_info(const struct fg_capture *capture, struct fg_source_info *ret)
{
    fg_source_info(capture->source, ret);
}

// ---- frames ------------------------------------------------------------------------------------

static void note_first(struct fg_capture *c, uint64_t now)
{
    c->t_first_ns = now;
    if (!c->live)
        return;
    if (c->t_failed_ns == 0) {
        fg_log(FG_LOG_INFO, "first frame after %" PRIu64 " ms", (now - c->t_opened_ns) / NS_PER_MS);
        return;
    }
    fg_log(FG_LOG_INFO, "frames again after %" PRIu64 " ms", (now - c->t_failed_ns) / NS_PER_MS);
    c->t_failed_ns = 0;
    pthread_mutex_lock(&c->lock);
    c->state.recoveries++;
    pthread_mutex_unlock(&c->lock);
}

static void note_frame(struct fg_capture *c)
{
    uint64_t now = fg_monotonic_ns();
    if (c->t_first_ns == 0)
        note_first(c, now);
    if (now - c->t_first_ns > STEADY_NS)
        c->tries = 0;
    c->delivered++;
    update_state(c, false, now);
}

static void note_broken(struct fg_capture *c)
{
    uint64_t before = c->state.counts.broken; // written by this thread alone
    update_state(c, c->t_failed_ns != 0, 0);
    // once, not for each: a camera with a bad cable would fill the journal
    if (before == 0)
        fg_log(FG_LOG_WARNING, "%s (later ones are only counted)", c->err.text);
}

static int pass_on(struct fg_capture *c)
{
    struct fg_frame *frame;
    int code = fg_source_next(c->source, &frame, &c->err);
    if (code == -EBADMSG) {
        note_broken(c);
        return 0;
    }
    if (code != 0)
        return code;
    note_frame(c);
    if (c->keep_all && fg_mailbox_wait_empty(c->box, -1) < 0) {
        fg_frame_release(frame);
        return -ECANCELED;
    }
    fg_mailbox_put(c->box, frame);
    return 0;
}

// ---- a camera that failed ----------------------------------------------------------------------

// Whether the device leaves the system within the moment that this takes.
static bool is_gone(struct fg_capture *c)
{
    for (int ms = 0; ms < VANISHING_MS; ms += 50) {
        if (!fg_source_is_there(c->spec))
            return true;
        if (fg_stop_sleep(c->stop, 50))
            break;
    }
    return false;
}

// The camera is free for another opening only when nobody reads its memory any more.
static void let_go(struct fg_capture *c)
{
    if (!c->source)
        return;
    fg_source_halt(c->source);
    fg_mailbox_drop(c->box);
    // For ever: the watchdog ends a reader that hangs.
    while (fg_source_wait_idle(c->source, 1000) < 0)
        continue;
    close_source(c);
}

static int give_up(struct fg_capture *c, enum fg_capture_end end)
{
    c->end = end;
    if (end == FG_CAPTURE_GONE)
        fg_fail_prefix(&c->err, -ENODEV, "camera gone");
    else
        fg_fail_prefix(&c->err, -EIO, "the camera was opened again %u times in vain",
                       FG_CAPTURE_TRIES);
    return -ENODEV;
}

// Called after a failure that c->err tells. 0: it is open again.
static int mend(struct fg_capture *c)
{
    int code;
    if (c->t_failed_ns == 0)
        c->t_failed_ns = fg_monotonic_ns();
    update_state(c, true, 0);
    do {
        if (is_gone(c))
            return give_up(c, FG_CAPTURE_GONE);
        if (c->tries == FG_CAPTURE_TRIES)
            return give_up(c, FG_CAPTURE_GAVE_UP);
        c->tries++;
        fg_log(FG_LOG_WARNING, "%s; opening it again (%u of %u)", c->err.text, c->tries,
               FG_CAPTURE_TRIES);
        let_go(c);
        if (fg_stop_sleep(c->stop, c->tries > 1 ? PAUSE_MS : 0))
            return -ECANCELED;
        code = open_source(c, &c->err);
    } while (code < 0 && !fg_stop_is_set(c->stop));
    return fg_stop_is_set(c->stop) ? -ECANCELED : code;
}

static bool can_be_mended(const struct fg_capture *c, int code)
{
    return c->live && code < 0 && code != -ECANCELED && code != -ENOMEM;
}

static void *run(void *context)
{
    struct fg_capture *c = context;
    int code;
    sigset_t all; // signals are the main thread's
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    pthread_setname_np(pthread_self(), "fg-capture");
    c->end = FG_CAPTURE_ENDED;
    do {
        code = pass_on(c);
        if (can_be_mended(c, code))
            code = mend(c);
    } while (code == 0);
    if (code < 0 && code != -ECANCELED && c->end == FG_CAPTURE_ENDED)
        c->end = FG_CAPTURE_FAILED;
    fg_mailbox_close(c->box);
    return NULL;
}

// ---- the thread --------------------------------------------------------------------------------

int fg_capture_start(struct fg_capture *capture, bool keep_all)
{
    capture->keep_all = keep_all;
    int code = pthread_create(&capture->thread, NULL, run, capture);
    capture->started = code == 0;
    return -code;
}

void fg_capture_state(struct fg_capture *capture, struct fg_capture_state *ret)
{
    pthread_mutex_lock(&capture->lock);
    *ret = capture->state;
    pthread_mutex_unlock(&capture->lock);
}

enum fg_capture_end fg_capture_join(struct fg_capture *capture, struct fg_error *err)
{
    if (capture->started && !capture->joined) {
        fg_stop_set(capture->stop);
        fg_mailbox_close(capture->box);
        pthread_join(capture->thread, NULL);
        capture->joined = true;
    }
    if (err && capture->end != FG_CAPTURE_ENDED)
        *err = capture->err;
    return capture->end;
}

void fg_capture_close(struct fg_capture *capture)
{
    if (!capture)
        return;
    fg_capture_join(capture, NULL);
    fg_mailbox_drop(capture->box); // what nobody took before the end
    close_source(capture);
    pthread_mutex_destroy(&capture->lock);
    free(capture);
}
