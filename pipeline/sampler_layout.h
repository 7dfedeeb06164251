// SPDX-License-Identifier: Apache-2.0
// Where the values of each raw format lie: Y, U, V or R, G, B or grey as channels 0 to 2.
#ifndef FG_SAMPLER_LAYOUT_H
#define FG_SAMPLER_LAYOUT_H

#include "pipeline/frame.h"
#include "pipeline/sampler.h"
#include "pipeline/sampler_kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

// One plane as rows of bytes.
struct fg_row_part {
    uint8_t plane;
    enum fg_row_kind kind;
    uint8_t group;        // bytes
    uint8_t to, channels; // the channel that it starts with, and how many it has
};

// Some channels of a plane as pixels: see struct fg_warp.
struct fg_pixel_part {
    uint8_t plane, offset; // of the first pixel's first value
    uint8_t step, channels, spacing;
    uint8_t to;
};

struct fg_layout {
    uint32_t fourcc;
    uint8_t n_channels; // 3 or 1
    bool yuv;           // channels 1 and 2 are chroma
    uint8_t n_row_parts, n_pixel_parts;
    struct fg_row_part row_parts[3];
    struct fg_pixel_part pixel_parts[3];
};

// Of a raw frame that has passed fg_frame_check.
const struct fg_layout *fg_layout_of(const struct fg_frame *frame);

// log2 of the chroma's subsampling along x and y.
void fg_layout_shifts(const struct fg_frame *frame, uint8_t ret[2]);

// Pixels of the chroma along a side of `size` pixels.
uint32_t fg_layout_chroma_size(uint32_t size, uint8_t shift);

// Of the upright picture in a tensor.
uint32_t fg_form_columns(const struct fg_sample_form *form);
uint32_t fg_form_rows(const struct fg_sample_form *form);

// What turns the frame's sums into the tensor's values.
struct fg_colour fg_layout_colour(const struct fg_frame *frame, const struct fg_sample_form *form);

#ifdef __cplusplus
}
#endif
#endif
