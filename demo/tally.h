// SPDX-License-Identifier: Apache-2.0
// What the gate decided, held against the truth of the footage: truth.json (see reel.h), the
// camera's trace (one JSON line a frame) and the matcher's decisions.
//
// A track is a person's when most of its boxes lie over theirs (IoU at least .3), photograph by
// photograph: a track number that outlives a cut is judged anew after it.
#ifndef FG_TALLY_H
#define FG_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/json.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_TALLY_PEOPLE    64
#define FG_TALLY_BOXES     32 // most of one frame
#define FG_TALLY_DECISIONS 4096
#define FG_TALLY_NOBODY    (-1)

enum fg_verdict { FG_VERDICT_NONE, FG_VERDICT_RETRY, FG_VERDICT_DENY, FG_VERDICT_ADMIT };

struct fg_tally_decision {
    enum fg_verdict verdict; // a fallback counts as a denial
    uint32_t track;
    char subject[64]; // of an admission
    uint64_t t_capture_ns;
    double latency_ms; // negative: not known, or waiting and not work made it long
};

struct fg_tally_box {
    uint32_t track; // of the trace
    double box[4];
};

struct fg_tally_frame {
    uint64_t offset, bytes; // in the footage
    int photograph;         // index, or -1 for the empty lane
    bool traced;            // the camera saw it
    uint64_t t_capture_ns;
    unsigned n_boxes;
    struct fg_tally_box boxes[FG_TALLY_BOXES];
};

struct fg_tally_person {
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

struct fg_tally;

// Reads truth.json. Success: *ret owned by the caller. -ENOENT, -EINVAL: err names the file.
int fg_tally_create(const char *truth, struct fg_tally **ret, struct fg_error *err);
void fg_tally_destroy(struct fg_tally *tally); // accepts NULL

// Takes in one decision. -EINVAL: not a decision; -ENOSPC: more than FG_TALLY_DECISIONS.
int fg_tally_decide(struct fg_tally *tally, const struct fg_json *decision);

// Reads the camera's trace to its end line. -EINVAL: a line is none, or the end is missing.
int fg_tally_trace(struct fg_tally *tally, const char *path, struct fg_error *err);

// After decisions and trace.
void fg_tally_sum(struct fg_tally *tally, struct fg_summary *ret);

// Borrowed.
unsigned fg_tally_people(const struct fg_tally *tally);
const struct fg_tally_person *fg_tally_person(const struct fg_tally *tally, unsigned index);
size_t fg_tally_frames(const struct fg_tally *tally);
const struct fg_tally_frame *fg_tally_frame(const struct fg_tally *tally, size_t index);
unsigned fg_tally_photographs(const struct fg_tally *tally);
const char *fg_tally_photograph(const struct fg_tally *tally, unsigned index);

// The last thing said about a track in this frame's photograph; never NULL.
const struct fg_tally_decision *fg_tally_of_track(const struct fg_tally *tally, size_t frame,
                                                  uint32_t track);

#ifdef __cplusplus
}
#endif
#endif
