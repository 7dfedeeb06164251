// SPDX-License-Identifier: Apache-2.0
// The tracks that are watched: one person in front of one camera each, named by (lane, source,
// session, track), with the fusion of their good probes. No rules here, and no clock.
#ifndef FG_TRACKS_H
#define FG_TRACKS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/wire.h"
#include "matcher/subject.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_TRACKS 256 // at once

struct fg_track {
    bool used, decided, closed; // closed: too many people under one number
    bool waits;                 // for its search
    bool compared;              // its comparison with a document is under way
    char lane[FG_WIRE_NAME], source[FG_WIRE_NAME];
    uint64_t session;
    uint32_t number;
    uint64_t seen_ns, first_good_ns;
    uint64_t t_capture_ns, boot;  // of the last message
    const char *retry;            // reason last published
    char subject[FG_SUBJECT_ID];  // admitted as
    char held[FG_SUBJECT_ID];     // recognised as, while something else is missing (a PIN)
    char claim[FG_SUBJECT_ID];    // that it was decided by
    uint32_t faces;               // in the frame of its last probe
    unsigned n_good, fusions;     // good probes in the present fusion; fusions closed
    float sum[FG_WIRE_DIMENSION]; // of weighted unit vectors
    float mean[FG_WIRE_DIMENSION];
};

struct fg_tracks { // starts zeroed
    struct fg_track at[FG_TRACKS];
};

struct fg_track *fg_tracks_find(struct fg_tracks *tracks, const struct fg_wire_head *head,
                                uint32_t number); // or NULL
bool fg_tracks_full(const struct fg_tracks *tracks);
// A free place, or the one silent longest, still with what it holds: the caller ends it.
struct fg_track *fg_tracks_place(struct fg_tracks *tracks);
// A track that was just placed and freed.
void fg_track_begin(struct fg_track *track, const struct fg_wire_head *head, uint32_t number);
void fg_track_free(struct fg_track *track); // wipes

// Track 0 is a camera's notice of no track in particular: it is nobody.
bool fg_tracks_live(const struct fg_tracks *tracks, const char *lane);
// Faces that were seen in the lane since `since_ns`; what a camera lost is no longer there.
unsigned fg_tracks_faces(const struct fg_tracks *tracks, const char *lane, uint64_t since_ns);
bool fg_tracks_admitted(const struct fg_tracks *tracks, const char *lane, const char *subject);

// One more good probe: the sum of unit vectors, each weighted by its unified quality, at length 1.
void fg_track_fuse(struct fg_track *track, const struct fg_wire_probe *probe, uint64_t now_ns);
// Whether the probe is of the person who was fused, by the card's same_track.
bool fg_track_belongs(const struct fg_track *track, const struct fg_wire_probe *probe,
                      float same_track);
// Overwrites what was fused; all else of the track stays.
void fg_track_forget(struct fg_track *track);
// Forgets what was fused, and whom it was taken for.
void fg_track_anew(struct fg_track *track);

#ifdef __cplusplus
}
#endif
#endif
