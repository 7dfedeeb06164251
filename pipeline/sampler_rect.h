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

// The same of fg_sample_grey.
int fg_sampler_rect_grey(struct fg_sampler *sampler, const struct fg_frame *frame,
                         const struct fg_region *region, uint32_t columns, uint32_t rows,
                         uint8_t *grey);

#ifdef __cplusplus
}
#endif
#endif
