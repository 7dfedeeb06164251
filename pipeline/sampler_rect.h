// SPDX-License-Identifier: Apache-2.0
// Upright rectangles of raw frames: separable, rows first, each byte of the frame read once.
#ifndef FG_SAMPLER_RECT_H
#define FG_SAMPLER_RECT_H

#include "pipeline/frame.h"
#include "pipeline/sampler.h"
#include "pipeline/view.h"

#ifdef __cplusplus
extern "C" {
#endif

// fg_sample_rect without its checks; `frame` is no JPEG picture. 0 or -ENOMEM.
int fg_sampler_rect(struct fg_sampler *sampler, const struct fg_frame *frame,
                    const struct fg_region *region, const struct fg_sample_form *form,
                    float *tensor);

#ifdef __cplusplus
}
#endif
#endif
