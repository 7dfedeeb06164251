// SPDX-License-Identifier: Apache-2.0
// The sampler's loops over pixels: a C reference and one set for each instruction set, of which the
// best that the processor has is taken, once. They differ by the rounding of float32 alone.
//
// No kernel reads a byte outside the rows it is given, but for warp, see there. None allocates.
#ifndef FG_SAMPLER_KERNELS_H
#define FG_SAMPLER_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pipeline/sampler_ahead.h"
#include "pipeline/sampler_axis.h"

#ifdef __cplusplus
extern "C" {
#endif

// What the bytes of a row are. A group is what repeats: 1, 2, 4, 4, 3 bytes.
enum fg_row_kind { FG_ROW_PLAIN, FG_ROW_PAIRS, FG_ROW_YUYV, FG_ROW_UYVY, FG_ROW_RGB };

// Consecutive rows of a plane; the first runs[0].count have weight runs[0].weight, and so on.
struct fg_rows {
    const uint8_t *data; // the first row's first group
    size_t stride;
    enum fg_row_kind kind;
    unsigned n_runs;
    struct {
        uint32_t count;
        float weight;
    } runs[3];
};

// One part of a frame under an affine map, see fg_sample_affine. Its pixels lie `step` bytes apart
// and have `channels` values, `spacing` bytes apart: 1 1 0, 2 1 0, 2 2 1, 4 2 2 or 3 3 1.
struct fg_warp {
    const uint8_t *data;
    size_t stride;
    uint32_t width, height; // in its own pixels
    unsigned step, channels, spacing;
    double m[6]; // from tensor pixels to its own, centres
    unsigned n;  // n x n points a tensor pixel
};

// From YUV sums to RGB, and from RGB to the tensor's values.
struct fg_colour {
    float y_gain, y_base, r_v, g_u, g_v, b_u;
    float mean, gain; // value = (v - mean) * gain
    bool bgr;
};

// A row of sums, with the sums of their weights: what is missing to 1 is black.
struct fg_yuv_row {
    const float *y, *u, *v;
    const float *luma_inside, *chroma_inside; // each times the row's own
    float luma_row, chroma_row;
};

// Those that take `ahead` may make steps of it, about one for 64 bytes or 8 outputs.
struct fg_sampler_kernels {
    const char *name; // "c", "avx2", "neon"
    bool (*present)(void);

    // Sums `groups` groups of the rows into floats: RGB to out[0..2], pairs to out[0] and out[1];
    // YUYV and UYVY: 2 * groups of Y to out[0], U to out[1], V to out[2].
    void (*sum_rows)(const struct fg_rows *rows, uint32_t groups, struct fg_ahead *ahead,
                     float *const out[3]);
    // out[i] = the sum over span i of weight * row. Reads fg_axis.taps floats at each span's first.
    void (*sum_columns)(const float *row, const struct fg_axis *axis, struct fg_ahead *ahead,
                        float *out);
    // Tensor pixels x..x+count of row y, the mean of their points, to out[c][0..count). Each point
    // lies 1 to size - 2.125 of the part's pixels from its origin; 3 bytes after a pixel are read.
    void (*warp)(const struct fg_warp *warp, uint32_t x, uint32_t y, uint32_t count,
                 float *const out[3]);
    // `count` pixels to 3 * count values of the tensor.
    void (*yuv_to_tensor)(const struct fg_colour *colour, const struct fg_yuv_row *row,
                          uint32_t count, struct fg_ahead *ahead, float *out);
    void (*rgb_to_tensor)(const struct fg_colour *colour, const float *const rgb[3], uint32_t count,
                          struct fg_ahead *ahead, float *out);
};

extern const struct fg_sampler_kernels fg_sampler_c;
#if defined __x86_64__
extern const struct fg_sampler_kernels fg_sampler_avx2;
#elif defined __aarch64__
extern const struct fg_sampler_kernels fg_sampler_neon;
#endif

// Those in use. Any thread.
const struct fg_sampler_kernels *fg_sampler_kernels(void);

// Takes the named ones from now on, for tests and figures; NULL: the best. -ENOENT: no such name
// for this architecture; -ENOTSUP: the processor lacks the instructions.
int fg_sampler_use(const char *name);

#ifdef __cplusplus
}
#endif
#endif
