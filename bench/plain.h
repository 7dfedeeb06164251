// SPDX-License-Identifier: Apache-2.0
// From a camera frame to a tensor the way that it is plainly written: libyuv converts the whole
// frame to ARGB and scales it, a loop makes floats of the bytes. What the sampler is compared with.
#ifndef FG_PLAIN_H
#define FG_PLAIN_H

#include "pipeline/frame.h"
#include "pipeline/sampler.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_plain; // memory for the pictures in between

// For frames and tensors of these sizes at most. NULL: no memory.
struct fg_plain *fg_plain_create(uint32_t width, uint32_t height);
void fg_plain_destroy(struct fg_plain *plain); // accepts NULL

// The frame's picture, scaled by ARGBScale with kFilterBox to columns x rows, in the upper left of
// a tensor that is black elsewhere. Of ARGB, libyuv's box is the mean of four pixels however many
// there are: at 10:1 it leaves out 96 in 100. Tensors are RGB and not transposed. -EINVAL: the
// format is not known here.
int fg_plain_rect(struct fg_plain *plain, const struct fg_frame *frame, uint32_t columns,
                  uint32_t rows, const struct fg_sample_form *form, float *tensor);

// The same by way of I420, whose planes libyuv's box averages whole, so that every pixel counts.
int fg_plain_rect_whole(struct fg_plain *plain, const struct fg_frame *frame, uint32_t columns,
                        uint32_t rows, const struct fg_sample_form *form, float *tensor);

// One bilinear point a tensor pixel, clamped to the frame.
int fg_plain_affine(struct fg_plain *plain, const struct fg_frame *frame,
                    const struct fg_affine *map, const struct fg_sample_form *form, float *tensor);

#ifdef __cplusplus
}
#endif
#endif
