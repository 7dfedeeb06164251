// SPDX-License-Identifier: Apache-2.0
// Affine maps of raw frames: bilinear, each part of the frame at its own resolution.
#ifndef FG_SAMPLER_WARP_H
#define FG_SAMPLER_WARP_H

#include "pipeline/frame.h"
#include "pipeline/sampler.h"

#ifdef __cplusplus
extern "C" {
#endif

// fg_sample_affine of a frame that is no JPEG picture.
void fg_sampler_warp(const struct fg_frame *frame, const struct fg_affine *map,
                     const struct fg_sample_form *form, float *tensor);

#ifdef __cplusplus
}
#endif
#endif
