// SPDX-License-Identifier: Apache-2.0
// When a track is worth a vector: its best moments, not every frame. The first shot is taken at
// once; after that one about every `every_ns`, in a window around it as soon as the face is at
// least as large and as near frontal as at the last shot.
#ifndef FG_SHOT_H
#define FG_SHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "pipeline/track.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_shot_plan {
    uint64_t every_ns;  // between two shots of a track
    unsigned per_frame; // most shots in one frame
};

// The tracks to shoot in this frame, most overdue first. Returns how many (at most
// plan->per_frame and FG_TRACKS_MAX); ret holds indices for fg_tracker_at.
unsigned fg_shots_due(struct fg_tracker *tracker, const struct fg_shot_plan *plan, uint64_t now_ns,
                      unsigned ret[FG_TRACKS_MAX]);

// A rough quality of a face before any further network is run: size and frontality from the
// detector's key points, 0..1.
float fg_face_promise(const struct fg_face *face);

// Notes that the track was shot.
void fg_shot_taken(struct fg_track *track, uint64_t now_ns);

#ifdef __cplusplus
}
#endif
#endif
