// SPDX-License-Identifier: Apache-2.0
// What the gate decided, held against the truth of the footage: truth.json (see reel.h), the
// camera's trace (one JSON line a frame) and the matcher's decisions.
//
// A track is a person's when most of its boxes lie over theirs (IoU at least .3), photograph by
// photograph: a track number that outlives a cut is judged anew after it.
#ifndef FG_SCORE_H
#define FG_SCORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/json.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_SCORE_PEOPLE    64
#define FG_SCORE_BOXES     32 // most of one frame
#define FG_SCORE_DECISIONS 4096
#define FG_SCORE_NOBODY    (-1)

enum fg_verdict { FG_VERDICT_NONE, FG_VERDICT_RETRY, FG_VERDICT_DENY, FG_VERDICT_ADMIT };

struct fg_score_decision {
    enum fg_verdict verdict; // a fallback counts as a denial
    uint32_t track;
    char subject[64]; // of an admission
    uint64_t t_capture_ns;
    double latency_ms; // negative: not known, or waiting and not work made it long
};

struct fg_score_box {
    uint32_t track; // of the trace
    double box[4];
};

struct fg_score_frame {
    uint64_t offset, bytes; // in the footage
    int photograph;         // index, or -1 for the empty lane
    bool traced;            // the camera saw it
    uint64_t t_capture_ns;
    unsigned n_boxes;
    struct fg_score_box boxes[FG_SCORE_BOXES];
};

struct fg_score_person {
    char name[32];
    bool enrolled, counts;
    unsigned tracks, admits, denials, wrong;
};

struct fg_summary {
    unsigned people, enrolled_total, enrolled_admitted, strangers_total, strangers_denied;
    unsigned wrong_admits, decisions, timed;
    uint64_t frames, displaced, frame_bytes_copied;
    double p50_ms, p99_ms; // of the `timed` decisions; negative when there are none
};

struct fg_score;

// Reads truth.json. Success: *ret owned by the caller. -ENOENT, -EINVAL: err names the file.
int fg_score_create(const char *truth, struct fg_score **ret, struct fg_error *err);
void fg_score_destroy(struct fg_score *score); // accepts NULL

// Takes in one decision. -EINVAL: not a decision; -ENOSPC: more than FG_SCORE_DECISIONS.
int fg_score_decide(struct fg_score *score, const struct fg_json *decision);

// Reads the camera's trace to its end line. -EINVAL: a line is none, or the end is missing.
int fg_score_trace(struct fg_score *score, const char *path, struct fg_error *err);

// After decisions and trace.
void fg_score_sum(struct fg_score *score, struct fg_summary *ret);

// Borrowed.
unsigned fg_score_people(const struct fg_score *score);
const struct fg_score_person *fg_score_person(const struct fg_score *score, unsigned index);
size_t fg_score_frames(const struct fg_score *score);
const struct fg_score_frame *fg_score_frame(const struct fg_score *score, size_t index);
unsigned fg_score_photographs(const struct fg_score *score);
const char *fg_score_photograph(const struct fg_score *score, unsigned index);

// The last thing said about a track in this frame's photograph; never NULL.
const struct fg_score_decision *fg_score_of_track(const struct fg_score *score, size_t frame,
                                                  uint32_t track);

#ifdef __cplusplus
}
#endif
#endif
