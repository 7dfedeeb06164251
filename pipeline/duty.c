// SPDX-License-Identifier: Apache-2.0
#include "pipeline/duty.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/wipe.h"
#include "pipeline/code.h"
#include "pipeline/lane.h"
#include "pipeline/motion.h"

struct fg_duty {
    struct fg_publisher *publisher;
    struct fg_stream *stream;
    struct fg_lane *lane;
    struct fg_code_reader *codes;
    struct fg_motion *motion; // NULL: motion wakes nobody
    struct fg_lane_state state;
    bool told; // the lane has said at least once what it wants
    uint64_t t_capture_ns;
    struct fg_wire_message message;
};

int fg_duty_open(const struct fg_duty_options *options, struct fg_publisher *publisher,
                 struct fg_stream *stream, struct fg_duty **ret, struct fg_error *err)
{
    struct fg_duty *d = calloc(1, sizeof *d);
    if (!d)
        return fg_fail(err, -ENOMEM, "out of memory");
    d->publisher = publisher;
    d->stream = stream;
    d->state.awake = true;
    int code = fg_lane_open(fg_publisher_bus(publisher), options->lane_socket, options->lane,
                            &d->lane, err);
    if (code == 0 && fg_code_reader_create(&d->codes) < 0)
        code = fg_fail(err, -ENOMEM, "no memory for a reader of codes");
    if (code == 0 && options->wake_at_motion &&
        fg_motion_create(&options->wake_zone, &d->motion) < 0)
        code = fg_fail(err, -ENOMEM, "out of memory");
    if (code < 0) {
        fg_duty_close(d);
        return code;
    }
    fg_wipe_on_free(true);
    *ret = d;
    return 0;
}

void fg_duty_close(struct fg_duty *duty)
{
    if (!duty)
        return;
    fg_lane_close(duty->lane);
    fg_code_reader_destroy(duty->codes);
    fg_motion_destroy(duty->motion);
    explicit_bzero(duty, sizeof *duty); // the last token
    free(duty);
}

static void change_sleep(struct fg_duty *d, bool awake)
{
    fg_log(FG_LOG_INFO, awake ? "the lane is awake" : "the lane is asleep");
    if (awake)
        return;
    fg_stream_end(d->stream);
    if (d->motion)
        fg_motion_forget(d->motion);
}

static void change_keeping(struct fg_duty *d, const struct fg_lane_state *now)
{
    if (!d->told || now->keep_nothing != d->state.keep_nothing)
        fg_wipe_on_free(now->keep_nothing);
    if (now->keep_nothing == d->state.keep_nothing)
        return;
    fg_stream_keep_nothing(d->stream, now->keep_nothing);
    fg_log(FG_LOG_INFO, now->keep_nothing ? "the lane keeps nothing: what is used is wiped"
                                          : "the lane no longer wants everything wiped");
}

bool fg_duty_hear(struct fg_duty *duty, uint64_t now_ns)
{
    struct fg_duty *d = duty;
    struct fg_lane_state now;
    fg_lane_hear(d->lane, now_ns, &now);
    if (now.heard)
        change_keeping(d, &now);
    d->told |= now.heard;
    if (now.awake != d->state.awake)
        change_sleep(d, now.awake);
    d->state = now;
    return now.awake;
}

static void send(struct fg_duty *d, enum fg_wire_type type)
{
    d->message.head.type = type;
    fg_publish(d->publisher, &d->message, d->t_capture_ns, NULL); // lost: it is seen again
}

static void on_code(void *context, const uint8_t *bytes, size_t length)
{
    struct fg_duty *d = context;
    d->message.token = (struct fg_wire_token){.track = fg_stream_single_track(d->stream),
                                              .length = (uint32_t)length};
    memcpy(d->message.token.bytes, bytes, length);
    send(d, FG_WIRE_TOKEN_READ);
    explicit_bzero(d->message.token.bytes, length);
    if (!d->state.keep_nothing)
        return;
    d->message.blank.length = FG_WIRE_BLANK_MAX;
    send(d, FG_WIRE_BLANK);
}

int fg_duty_read_codes(struct fg_duty *duty, const struct fg_frame *frame, struct fg_error *err)
{
    struct fg_duty *d = duty;
    const uint64_t now = fg_monotonic_ns();
    if (!d->state.want_token || !fg_code_due(d->codes, now))
        return 0;
    d->t_capture_ns = frame->t_capture_ns;
    int code = fg_code_look(d->codes, frame, now, on_code, d);
    return code < 0 ? fg_fail(err, code, "looking for codes: %s", strerror(-code)) : 0;
}

int fg_duty_watch(struct fg_duty *duty, const struct fg_frame *frame, struct fg_error *err)
{
    struct fg_duty *d = duty;
    int moves = d->motion ? fg_motion_look(d->motion, frame, fg_monotonic_ns()) : 0;
    if (moves < 0)
        return fg_fail(err, moves, "looking for motion: %s", strerror(-moves));
    if (moves == 0)
        return 0;
    d->t_capture_ns = frame->t_capture_ns;
    d->message.gate = (struct fg_wire_gate){0, 0};
    send(d, FG_WIRE_WAKE);
    return 0;
}
