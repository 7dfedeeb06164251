// SPDX-License-Identifier: Apache-2.0
#include "pipeline/stream.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define REASON_AGAIN_NS 1000000000u // an unchanged reason is told once a second

const struct fg_stream_options fg_stream_gate = {
    .tracker = {.smallest = 90, .squares_per_frame = 1, .most_missed = 6},
    .shots = {.every_ns = 250000000u, .per_frame = 1},
};

struct fg_stream {
    struct fg_vision *vision;
    struct fg_publisher *publisher;
    struct fg_stream_options options;
    struct fg_tracker *tracker;
    struct fg_stream_counts counts;
    uint64_t frame, t_capture_ns; // of the frame in work, for the lost tracks
    struct fg_shot shot;
    struct fg_wire_message message;
    uint32_t probed[FG_TRACKS_MAX]; // track ids with a probe in this frame, for the trace
    unsigned n_probed;
    bool keep_nothing, lost; // lost: a track since the networks were wiped
};

int fg_stream_create(struct fg_vision *vision, struct fg_publisher *publisher,
                     const struct fg_stream_options *options, struct fg_stream **ret)
{
    struct fg_stream *s = calloc(1, sizeof *s);
    if (!s)
        return -ENOMEM;
    s->vision = vision;
    s->publisher = publisher;
    s->options = *options;
    int code = fg_tracker_create(fg_vision_detector(vision), &options->tracker, &s->tracker);
    if (code < 0) {
        free(s);
        return code;
    }
    *ret = s;
    return 0;
}

void fg_stream_destroy(struct fg_stream *stream)
{
    if (!stream)
        return;
    fg_tracker_destroy(stream->tracker);
    explicit_bzero(stream, sizeof *stream); // the last vector
    free(stream);
}

static void fill_box(const struct fg_face *face, float box[4])
{
    box[0] = face->x - face->width / 2;
    box[1] = face->y - face->height / 2;
    box[2] = face->width;
    box[3] = face->height;
}

static void send(struct fg_stream *s)
{
    if (fg_publish(s->publisher, &s->message, s->t_capture_ns, NULL) < 0)
        s->counts.dropped_messages++;
}

static void send_notice(struct fg_stream *s, const struct fg_track *track, enum fg_reason reason)
{
    s->message.head.type = FG_WIRE_NOTICE;
    s->message.notice = (struct fg_wire_notice){
        .frame = s->frame,
        .track = track->id,
        .reason = reason,
    };
    fill_box(&track->face, s->message.notice.box);
    send(s);
    s->counts.notices++;
}

static void on_lost(void *context, const struct fg_track *track)
{
    struct fg_stream *s = context;
    send_notice(s, track, FG_REASON_TRACK_LOST);
    s->lost = true;
}

static void send_blank(struct fg_stream *s)
{
    s->message.head.type = FG_WIRE_BLANK;
    s->message.blank.length = FG_WIRE_BLANK_MAX;
    send(s);
}

// After a shot, whether it gave a probe or not. An engine that fails here fails in the next frame.
static void wipe_shot(struct fg_stream *s)
{
    if (s->keep_nothing)
        fg_vision_wipe(s->vision, &s->shot, false);
}

// Nobody's picture stays with the detector either.
static void wipe_lost(struct fg_stream *s)
{
    if (s->keep_nothing && s->lost)
        fg_vision_wipe(s->vision, &s->shot, true);
    s->lost = false;
}

static void send_probe(struct fg_stream *s, const struct fg_frame *frame,
                       const struct fg_track *track)
{
    s->message.head.type = FG_WIRE_PROBE;
    struct fg_wire_probe *p = &s->message.probe;
    memset(p, 0, sizeof *p);
    p->model = fg_vision_embedder_card(s->vision)->id;
    p->frame = frame->sequence;
    p->track = track->id;
    fill_box(&track->face, p->box);
    p->width = frame->width;
    p->height = frame->height;
    p->quality = s->shot.quality;
    p->faces = fg_tracker_seen(s->tracker);
    p->dimension = s->shot.dimension;
    memcpy(p->vector, s->shot.vector, s->shot.dimension * sizeof *p->vector);
    send(s);
    explicit_bzero(p->vector, sizeof p->vector);
    if (s->keep_nothing)
        send_blank(s);
    s->counts.probes++;
    s->probed[s->n_probed++] = track->id;
}

// A reason is told when it changes, then once a second.
static void tell_reason(struct fg_stream *s, struct fg_track *track)
{
    bool changed = track->shot_reason != (int)s->shot.reason;
    if (!changed && s->t_capture_ns - track->t_reason_ns < REASON_AGAIN_NS)
        return;
    track->t_reason_ns = s->t_capture_ns;
    send_notice(s, track, s->shot.reason);
}

static int shoot(struct fg_stream *s, const struct fg_frame *frame, struct fg_track *track)
{
    int code = fg_vision_shot(s->vision, frame, &track->face, &s->options.limits, false, &s->shot);
    if (code < 0) {
        wipe_shot(s);
        return code;
    }
    fg_shot_taken(track, frame->t_capture_ns);
    if (s->shot.reason == FG_REASON_NONE)
        send_probe(s, frame, track);
    else
        tell_reason(s, track);
    track->shot_reason = (int)s->shot.reason;
    wipe_shot(s);
    return 0;
}

static int was_probed(const struct fg_stream *s, uint32_t id)
{
    for (unsigned i = 0; i < s->n_probed; i++)
        if (s->probed[i] == id)
            return 1;
    return 0;
}

static void trace_frame(struct fg_stream *s, const struct fg_frame *frame)
{
    FILE *f = s->options.trace;
    const char *comma = "";
    fprintf(f, "{\"frame\":%" PRIu64 ",\"t_capture_ns\":%" PRIu64 ",\"tracks\":[", frame->sequence,
            frame->t_capture_ns);
    for (unsigned i = 0; i < fg_tracker_count(s->tracker); i++) {
        const struct fg_track *t = fg_tracker_at(s->tracker, i);
        float box[4];
        if (t->missed > 0)
            continue;
        fill_box(&t->face, box);
        fprintf(f, "%s{\"track\":%" PRIu32 ",\"box\":[%.1f,%.1f,%.1f,%.1f]", comma, t->id,
                (double)box[0], (double)box[1], (double)box[2], (double)box[3]);
        fprintf(f, ",\"quality\":%.3f,\"probe\":%s}", (double)fg_face_promise(&t->face),
                was_probed(s, t->id) ? "true" : "false");
        comma = ",";
    }
    fputs("]}\n", f);
}

int fg_stream_frame(struct fg_stream *stream, const struct fg_frame *frame, struct fg_error *err)
{
    struct fg_stream *s = stream;
    unsigned due[FG_TRACKS_MAX];
    s->frame = frame->sequence;
    s->t_capture_ns = frame->t_capture_ns;
    s->n_probed = 0;
    int code = fg_tracker_step(s->tracker, frame, on_lost, s);
    unsigned n = fg_shots_due(s->tracker, &s->options.shots, frame->t_capture_ns, due);
    for (unsigned i = 0; i < n && code == 0; i++)
        code = shoot(s, frame, fg_tracker_at(s->tracker, due[i]));
    if (s->options.trace)
        trace_frame(s, frame);
    wipe_lost(s);
    s->counts.frames++;
    if (code == -EBADMSG)
        return fg_fail(err, code, "frame %" PRIu64 " does not decode", frame->sequence);
    return code < 0 ? fg_fail(err, code, "the %s engine failed on frame %" PRIu64,
                              fg_vision_engine(s->vision), frame->sequence)
                    : 0;
}

void fg_stream_end(struct fg_stream *stream)
{
    fg_tracker_end(stream->tracker, on_lost, stream);
    wipe_lost(stream);
}

void fg_stream_keep_nothing(struct fg_stream *stream, bool on)
{
    if (on && !stream->keep_nothing) {
        fg_vision_wipe(stream->vision, &stream->shot, true);
        explicit_bzero(&stream->message, sizeof stream->message);
        send_blank(stream);
    }
    stream->keep_nothing = on;
}

uint32_t fg_stream_single_track(const struct fg_stream *stream)
{
    return fg_tracker_seen(stream->tracker) == 1 ? fg_tracker_at(stream->tracker, 0)->id : 0;
}

void fg_stream_counts(const struct fg_stream *stream, struct fg_stream_counts *ret)
{
    *ret = stream->counts;
    ret->detections = fg_tracker_detections(stream->tracker);
    ret->tracks = fg_tracker_count(stream->tracker);
}
