// SPDX-License-Identifier: Apache-2.0
// From a face to its aligned crop: five landmarks by O-Net (MTCNN, Zhang et al. 2016,
// arXiv:1604.02878), then the least-squares similarity to the ArcFace template (Deng et al. 2019,
// arXiv:1801.07698; the 112x112 points of its published code).
#ifndef FG_ALIGN_H
#define FG_ALIGN_H

#include "accel/accel.h"
#include "common/card.h"
#include "pipeline/face.h"
#include "pipeline/frame.h"
#include "pipeline/sampler.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_LANDMARKS 5 // image-left eye, image-right eye, nose, image-left and -right mouth corner

struct fg_landmarks {
    float points[FG_LANDMARKS][2]; // frame pixels, centres
    float score;                   // 0..1 that the crop is a face
};

struct fg_aligner; // one thread at a time

int fg_aligner_open(const struct fg_card *card, const struct fg_accel_options *options,
                    struct fg_aligner **ret, struct fg_error *err);
void fg_aligner_close(struct fg_aligner *aligner); // accepts NULL

// What runs the network, borrowed.
struct fg_accel *fg_aligner_accel(struct fg_aligner *aligner);

// The landmarks of a face: the mean of O-Net's on the crop and on its mirror image. 0 or negative
// errno, of a JPEG frame that does not decode -EBADMSG; a low score is a result, not an error.
int fg_align_landmarks(struct fg_aligner *aligner, const struct fg_frame *frame,
                       const struct fg_face *face, struct fg_landmarks *ret);

// The least-squares similarity that takes `from` to `to` (count points of x, y). -EINVAL when the
// points of `from` coincide.
int fg_similarity(const float (*from)[2], const float (*to)[2], unsigned count,
                  struct fg_affine *ret);

// The map from the template, scaled to size x size (its own is 112), to the frame, for
// fg_sample_affine. -EINVAL as above.
int fg_align_map(const struct fg_landmarks *landmarks, uint32_t size, struct fg_affine *ret);

#ifdef __cplusplus
}
#endif
#endif
