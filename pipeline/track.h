// SPDX-License-Identifier: Apache-2.0
// Tracks: one number for one face for as long as it can be followed.
//
// Each frame every track is looked for where its motion says it should be, by a second pass
// alone; the squares of the first pass take turns to find new faces, and where one is new all of
// them are looked at. A track that two people pass on to each other is the matcher's to notice
// (their vectors disagree).
#ifndef FG_TRACK_H
#define FG_TRACK_H

#include <stdint.h>

#include "pipeline/detect.h"
#include "pipeline/face.h"
#include "pipeline/frame.h"
#include "pipeline/zone.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_TRACKS_MAX 32

struct fg_track {
    uint32_t id;         // from 1, never used again in a session
    struct fg_face face; // as last seen
    float vx, vy;        // pixels a second
    uint64_t t_seen_ns;  // capture time of the frame it was last seen in
    unsigned missed;     // frames since then
    unsigned hits;       // frames it was seen in

    // for the shots: see shot.h
    uint64_t t_shot_ns;
    float shot_quality; // of the last shot
    int shot_reason;    // last reason told to the matcher
    uint64_t t_reason_ns;
};

struct fg_tracker_options {
    float smallest;             // pixels of the smallest face to look for
    unsigned squares_per_frame; // of the first pass, all of them with a new face; 0: always all
    unsigned most_missed;       // frames; more of them end a track
    struct fg_zone zone;        // faces whose middle lies outside are not followed
};

struct fg_tracker; // one thread at a time

// `detector` is borrowed for the tracker's life.
int fg_tracker_create(struct fg_detector *detector, const struct fg_tracker_options *options,
                      struct fg_tracker **ret);
void fg_tracker_destroy(struct fg_tracker *tracker); // accepts NULL

// Called for each track that ends, before it is forgotten.
typedef void (*fg_track_lost)(void *context, const struct fg_track *track);

// Follows all tracks into `frame` and looks for new faces. 0, or negative errno when the engine
// fails.
int fg_tracker_step(struct fg_tracker *tracker, const struct fg_frame *frame, fg_track_lost lost,
                    void *context);

// The tracks seen in the last frame stand first (missed == 0). Valid until the next step; the
// shot_ fields are the caller's to write.
unsigned fg_tracker_count(const struct fg_tracker *tracker);
struct fg_track *fg_tracker_at(struct fg_tracker *tracker, unsigned index);
unsigned fg_tracker_seen(const struct fg_tracker *tracker); // in the last frame

// Ends every track (the stream ends).
void fg_tracker_end(struct fg_tracker *tracker, fg_track_lost lost, void *context);

uint64_t fg_tracker_detections(const struct fg_tracker *tracker); // faces seen, all frames

#ifdef __cplusplus
}
#endif
#endif
