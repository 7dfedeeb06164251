// SPDX-License-Identifier: Apache-2.0
// The sampler: from camera pixels to a network's input tensor in one pass: geometry, colour
// conversion and normalisation together, straight from the frame's planes, of every format in
// frame.h. No frame in between; of JPEG pictures what view.h decodes.
//
// Coordinates: "edges" count pixel i as the interval [i, i+1); "centres" put pixel i at i, as
// alignment templates do. What lies outside the frame is black (RGB 0).
// Chroma sits in the middle of the pixels that share it. YUV is BT.601 (ITU-R BT.601-7, full range
// as in JFIF, or 16..235).
#ifndef FG_SAMPLER_H
#define FG_SAMPLER_H

#include <stdbool.h>
#include <stdint.h>

#include "pipeline/frame.h"

#ifdef __cplusplus
extern "C" {
#endif

// What a tensor wants: height x width x 3 floats, value = (v - mean) / scale.
struct fg_sample_form {
    uint32_t width, height;
    float mean, scale;
    bool bgr;        // colour order
    bool transposed; // tensor row r, column c shows picture row c, column r
};

// x_frame = m[0] * x + m[1] * y + m[2], y_frame = m[3] * x + m[4] * y + m[5]; centres.
struct fg_affine {
    double m[6];
};

struct fg_sampler; // scratch memory; one thread at a time

int fg_sampler_create(struct fg_sampler **ret);
void fg_sampler_destroy(struct fg_sampler *sampler); // accepts NULL
// Overwrites what the scratch memory holds of the last picture.
void fg_sampler_wipe(struct fg_sampler *sampler);

// Resamples the rectangle with edges at (x, y) and (x + width, y + height) to the whole tensor:
// area average when shrinking, bilinear when enlarging, each axis by itself. The frame must have
// passed fg_frame_check. -EINVAL: the rectangle is not positive or finite; -ENOMEM: no scratch for
// a wider frame; -EBADMSG: a JPEG picture does not decode.
int fg_sample_rect(struct fg_sampler *sampler, const struct fg_frame *frame, double x, double y,
                   double width, double height, const struct fg_sample_form *form, float *tensor);

// The same to `columns` x `rows` bytes of luma, 0..255, rows one behind the other; of YUV frames
// the chroma is not read where it lies in planes of its own.
int fg_sample_grey(struct fg_sampler *sampler, const struct fg_frame *frame, double x, double y,
                   double width, double height, uint32_t columns, uint32_t rows, uint8_t *grey);

// Resamples through an affine map from tensor to frame: each plane bilinear at its own
// resolution, averaged over n x n points where a tensor pixel covers more than 1.5 of the plane's
// pixels (n the next whole number, at most 16); then the colour. Chroma's border goes on outside.
// 0; of JPEG pictures also -EBADMSG and -ENOMEM.
int fg_sample_affine(const struct fg_frame *frame, const struct fg_affine *map,
                     const struct fg_sample_form *form, float *tensor);

// Mirrors the picture in a tensor, left and right.
void fg_sample_mirror(const struct fg_sample_form *form, float *tensor);

#ifdef __cplusplus
}
#endif
#endif
