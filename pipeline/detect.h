// SPDX-License-Identifier: Apache-2.0
// Finding faces with BlazeFace (Bazarevsky et al. 2019, arXiv:1907.05047) in two passes.
//
// First pass: overlapping squares of the frame, because the whole frame letterboxed to 128 pixels
// loses most faces narrower than 140. Second pass: a square of 2.4 box widths around a face,
// which mends the key points of small faces and drops false boxes; tracked faces are followed by
// it alone.
#ifndef FG_DETECT_H
#define FG_DETECT_H

#include <stdint.h>

#include "accel/accel.h"
#include "common/card.h"
#include "common/error.h"
#include "pipeline/face.h"
#include "pipeline/frame.h"
#include "pipeline/sampler.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_detector; // one thread at a time

struct fg_square {
    float x, y, side; // frame pixels, edges; may reach outside the frame
};

#define FG_SQUARES_MAX 64

// `card` is borrowed for the call, `sampler` for the detector's life; NULL when no picture will be
// shown to it.
int fg_detector_open(const struct fg_card *card, const struct fg_accel_options *options,
                     struct fg_sampler *sampler, struct fg_detector **ret, struct fg_error *err);
void fg_detector_close(struct fg_detector *detector); // accepts NULL

// What runs the network: for its input, its placement and its time. Borrowed.
struct fg_accel *fg_detector_accel(struct fg_detector *detector);

// The squares of a first pass in which a face of `smallest` pixels is still found: as large as
// the frame's shorter side allows, at most 8 times `smallest`, each overlapping the next by half.
// There are at most 8 along a side: from 36 times `smallest` on they overlap by a quarter, and in
// a frame longer than 50 times `smallest` they grow, so that no part is left out. Returns how many
// (at most FG_SQUARES_MAX).
unsigned fg_detector_squares(uint32_t width, uint32_t height, float smallest,
                             struct fg_square ret[FG_SQUARES_MAX]);

// One run over one square. Returns how many faces (at most `most`), best first, already merged
// by weighted non-maximum suppression; negative errno when the engine fails.
int fg_detect_square(struct fg_detector *detector, const struct fg_frame *frame,
                     const struct fg_square *square, struct fg_face *ret, unsigned most);

// Second pass. 1: *face is replaced by the face found at its place; 0: there is none (a false
// box, or gone); negative errno.
int fg_detect_again(struct fg_detector *detector, const struct fg_frame *frame,
                    struct fg_face *face);

// The faces of a still picture, from coarse squares to fine ones, merged, each confirmed by a
// second pass. Goes down to faces of `smallest` pixels, or to half the widest that it found:
// smaller ones are bystanders far behind. Returns how many, largest first.
int fg_detect_still(struct fg_detector *detector, const struct fg_frame *frame, float smallest,
                    struct fg_face *ret, unsigned most);

// True when two boxes are of one face: centres nearer than half the smaller width.
int fg_face_same(const struct fg_face *a, const struct fg_face *b);

#ifdef __cplusplus
}
#endif
#endif
