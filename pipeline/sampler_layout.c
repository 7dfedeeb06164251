// SPDX-License-Identifier: Apache-2.0
#include "pipeline/sampler_layout.h"

// Row parts: plane, kind, bytes of a group, first channel, channels. Pixel parts: plane, first
// byte, bytes from pixel to pixel, channels, bytes from value to value, first channel.
static const struct fg_layout layouts[] = {
    {.fourcc = FG_FOURCC_YUV,
     .n_channels = 3,
     .yuv = true,
     .n_row_parts = 3,
     .n_pixel_parts = 3,
     .row_parts = {{0, FG_ROW_PLAIN, 1, 0, 1},
                   {1, FG_ROW_PLAIN, 1, 1, 1},
                   {2, FG_ROW_PLAIN, 1, 2, 1}},
     .pixel_parts = {{0, 0, 1, 1, 0, 0}, {1, 0, 1, 1, 0, 1}, {2, 0, 1, 1, 0, 2}}},
    {.fourcc = FG_FOURCC_NV12,
     .n_channels = 3,
     .yuv = true,
     .n_row_parts = 2,
     .n_pixel_parts = 2,
     .row_parts = {{0, FG_ROW_PLAIN, 1, 0, 1}, {1, FG_ROW_PAIRS, 2, 1, 2}},
     .pixel_parts = {{0, 0, 1, 1, 0, 0}, {1, 0, 2, 2, 1, 1}}},
    {.fourcc = FG_FOURCC_YUYV,
     .n_channels = 3,
     .yuv = true,
     .n_row_parts = 1,
     .n_pixel_parts = 2,
     .row_parts = {{0, FG_ROW_YUYV, 4, 0, 3}},
     .pixel_parts = {{0, 0, 2, 1, 0, 0}, {0, 1, 4, 2, 2, 1}}},
    {.fourcc = FG_FOURCC_UYVY,
     .n_channels = 3,
     .yuv = true,
     .n_row_parts = 1,
     .n_pixel_parts = 2,
     .row_parts = {{0, FG_ROW_UYVY, 4, 0, 3}},
     .pixel_parts = {{0, 1, 2, 1, 0, 0}, {0, 0, 4, 2, 2, 1}}},
    {.fourcc = FG_FOURCC_RGB,
     .n_channels = 3,
     .yuv = false,
     .n_row_parts = 1,
     .n_pixel_parts = 1,
     .row_parts = {{0, FG_ROW_RGB, 3, 0, 3}},
     .pixel_parts = {{0, 0, 3, 3, 1, 0}}},
    {.fourcc = FG_FOURCC_GREY,
     .n_channels = 1,
     .yuv = false,
     .n_row_parts = 1,
     .n_pixel_parts = 1,
     .row_parts = {{0, FG_ROW_PLAIN, 1, 0, 1}},
     .pixel_parts = {{0, 0, 1, 1, 0, 0}}},
};
#define N_LAYOUTS (sizeof layouts / sizeof *layouts)

const struct fg_layout *fg_layout_of(const struct fg_frame *frame)
{
    size_t i = 0;
    while (i < N_LAYOUTS - 1 && layouts[i].fourcc != frame->fourcc)
        i++;
    return &layouts[i];
}

void fg_layout_shifts(const struct fg_frame *frame, uint8_t ret[2])
{
    const bool own = frame->fourcc == FG_FOURCC_YUV;
    ret[0] = own ? frame->chroma_shift_x : 1;
    ret[1] = own ? frame->chroma_shift_y : frame->fourcc == FG_FOURCC_NV12;
}

uint32_t fg_layout_chroma_size(uint32_t size, uint8_t shift)
{
    return (size + (1u << shift) - 1) >> shift;
}

uint32_t fg_form_columns(const struct fg_sample_form *form)
{
    return form->transposed ? form->height : form->width;
}

uint32_t fg_form_rows(const struct fg_sample_form *form)
{
    return form->transposed ? form->width : form->height;
}

struct fg_colour fg_layout_colour(const struct fg_frame *frame, const struct fg_sample_form *form)
{
    // BT.601: Kr = .299, Kb = .114
    struct fg_colour k = {1.0f,   0.0f,       1.402f,          0.344136f, 0.714136f,
                          1.772f, form->mean, 1 / form->scale, form->bgr};
    if (!frame->full_range) {
        k.y_gain = 255.0f / 219;
        k.y_base = 16;
        k.r_v *= 255.0f / 224;
        k.g_u *= 255.0f / 224;
        k.g_v *= 255.0f / 224;
        k.b_u *= 255.0f / 224;
    }
    return k;
}
