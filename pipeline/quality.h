// SPDX-License-Identifier: Apache-2.0
// A first quality score of a face, its measures named after ISO/IEC 29794-5. The measures are our
// own simple ones; they rank the shots of one person and name what the person can mend.
#ifndef FG_QUALITY_H
#define FG_QUALITY_H

#include "common/wire.h"
#include "pipeline/align.h"
#include "pipeline/frame.h"
#include "pipeline/sampler.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_quality_limits {
    float eye_distance; // least, frame pixels
    float yaw;          // most, degrees
    float dark, bright; // least and most mean luminance
    float sharpness;    // least
    float face_score;   // least
};

// What a gate's camera starts from.
extern const struct fg_quality_limits fg_quality_gate;

// Size and pose from the landmarks: eye_distance, yaw, roll, face_score; pitch is 0.
void fg_quality_geometry(const struct fg_landmarks *landmarks, struct fg_quality *quality);

// Light and sharpness from the aligned crop (form tells how it was normalised): luminance,
// contrast; sharpness is the mean squared Laplacian over the variance of luminance, which does
// not change with contrast.
void fg_quality_picture(const float *crop, const struct fg_sample_form *form,
                        struct fg_quality *quality);

// The worst reason against this shot, FG_REASON_NONE when it is good. `landmarks` outside the
// frame are FG_REASON_CUT_OFF.
enum fg_reason fg_quality_reason(const struct fg_quality *quality,
                                 const struct fg_landmarks *landmarks, const struct fg_frame *frame,
                                 const struct fg_quality_limits *limits);

// Sets quality->unified, 0..1: the product of each measure's share. `min_norm` is the card's.
void fg_quality_unify(struct fg_quality *quality, float min_norm);

#ifdef __cplusplus
}
#endif
#endif
