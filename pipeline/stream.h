// SPDX-License-Identifier: Apache-2.0
// What happens to one frame: follow the tracks, shoot those that are due, publish.
#ifndef FG_STREAM_H
#define FG_STREAM_H

#include <stdbool.h>
#include <stdio.h>

#include "pipeline/frame.h"
#include "pipeline/publish.h"
#include "pipeline/shot.h"
#include "pipeline/track.h"
#include "pipeline/vision.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_stream_options {
    struct fg_tracker_options tracker;
    struct fg_shot_plan shots;
    struct fg_quality_limits limits;
    FILE *trace; // one JSON line a frame, or NULL; borrowed
};

// What a gate's camera starts from.
extern const struct fg_stream_options fg_stream_gate;

struct fg_stream_counts {
    uint64_t frames, detections, probes, notices;
    uint32_t tracks; // alive
    uint64_t dropped_messages;
};

struct fg_stream; // one thread at a time

// vision and publisher are borrowed for the stream's life.
int fg_stream_create(struct fg_vision *vision, struct fg_publisher *publisher,
                     const struct fg_stream_options *options, struct fg_stream **ret);
void fg_stream_destroy(struct fg_stream *stream); // accepts NULL

// Works on one frame and returns; the frame stays the caller's. 0; -EBADMSG: it does not decode,
// the next may; other negative errno: an engine failed.
int fg_stream_frame(struct fg_stream *stream, const struct fg_frame *frame, struct fg_error *err);

// Ends all tracks and tells the matcher.
void fg_stream_end(struct fg_stream *stream);

// From now on (and once now): what a shot leaves in this process is overwritten as soon as its
// probe is sent, the transport's buffers by a BLANK behind it; and what the detector saw, when a
// track ends. Costs a run of the networks that make vectors for each shot.
void fg_stream_keep_nothing(struct fg_stream *stream, bool on);

// The track of the one face in view; 0 when there is none, or more than one.
uint32_t fg_stream_single_track(const struct fg_stream *stream);

void fg_stream_counts(const struct fg_stream *stream, struct fg_stream_counts *ret);

#ifdef __cplusplus
}
#endif
#endif
