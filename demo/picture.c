// SPDX-License-Identifier: Apache-2.0
#include "demo/picture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/image.h"

int fg_picture_init(struct fg_picture *picture, uint32_t width, uint32_t height)
{
    uint8_t *rgb = calloc((size_t)width * height, 3);
    if (!rgb)
        return -ENOMEM;
    *picture = (struct fg_picture){.rgb = rgb, .width = width, .height = height};
    return 0;
}

void fg_picture_finish(struct fg_picture *picture)
{
    free(picture->rgb);
    *picture = (struct fg_picture){0};
}

static uint8_t clamp8(int v)
{
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

// BT.601 in 16.16 fixed point, so that every machine makes the same bytes.
static void yuv_row(const struct fg_frame *f, uint32_t y, uint8_t *out)
{
    const uint8_t *py = f->planes[0].data + (size_t)y * f->planes[0].stride;
    const size_t cy = y >> f->chroma_shift_y;
    const uint8_t *pu = f->planes[1].data + cy * f->planes[1].stride;
    const uint8_t *pv = f->planes[2].data + cy * f->planes[2].stride;
    const int y_gain = f->full_range ? 65536 : 76309, y_low = f->full_range ? 0 : 16;
    const int r_v = f->full_range ? 91881 : 104597, g_u = f->full_range ? 22554 : 25675;
    const int g_v = f->full_range ? 46802 : 53279, b_u = f->full_range ? 116130 : 132201;
    for (uint32_t x = 0; x < f->width; x++, out += 3) {
        int l = (py[x] - y_low) * y_gain + 32768;
        int u = pu[x >> f->chroma_shift_x] - 128, v = pv[x >> f->chroma_shift_x] - 128;
        out[0] = clamp8((l + r_v * v) >> 16);
        out[1] = clamp8((l - g_u * u - g_v * v) >> 16);
        out[2] = clamp8((l + b_u * u) >> 16);
    }
}

int fg_picture_from_frame(const struct fg_frame *frame, struct fg_picture *ret)
{
    struct fg_picture made = {0};
    int r = fg_picture_init(&made, frame->width, frame->height);
    if (r < 0)
        return r;
    for (uint32_t y = 0; y < frame->height; y++) {
        uint8_t *out = made.rgb + (size_t)y * frame->width * 3;
        const uint8_t *row = frame->planes[0].data + (size_t)y * frame->planes[0].stride;
        if (frame->fourcc == FG_FOURCC_YUV) {
            yuv_row(frame, y, out);
        } else if (frame->fourcc == FG_FOURCC_RGB) {
            memcpy(out, row, (size_t)frame->width * 3);
        } else {
            for (uint32_t x = 0; x < frame->width; x++)
                memset(out + 3 * (size_t)x, row[x], 3);
        }
    }
    *ret = made;
    return 0;
}

int fg_picture_load(const char *path, struct fg_picture *ret, struct fg_error *err)
{
    struct fg_image image = {0};
    int r = fg_image_load(&image, path, err);
    if (r == 0) {
        r = fg_picture_from_frame(&image.frame, ret);
        if (r < 0)
            fg_fail(err, r, "%s: not enough memory for the picture", path);
    }
    fg_image_finish(&image);
    return r;
}

int fg_picture_half(const struct fg_picture *picture, struct fg_picture *ret)
{
    struct fg_picture made = {0};
    int r = fg_picture_init(&made, picture->width / 2, picture->height / 2);
    if (r < 0)
        return r;
    const size_t stride = (size_t)picture->width * 3;
    for (uint32_t y = 0; y < made.height; y++) {
        const uint8_t *in = picture->rgb + 2 * y * stride;
        uint8_t *out = made.rgb + (size_t)y * made.width * 3;
        for (uint32_t x = 0; x < made.width; x++, in += 6, out += 3) {
            for (int c = 0; c < 3; c++)
                out[c] =
                    (uint8_t)((in[c] + in[c + 3] + in[stride + c] + in[stride + c + 3] + 2) >> 2);
        }
    }
    *ret = made;
    return 0;
}

void fg_picture_to_i420(const struct fg_picture *picture, uint8_t *planes)
{
    const uint32_t w = picture->width, h = picture->height;
    const size_t stride = (size_t)w * 3;
    uint8_t *luma = planes, *u = planes + (size_t)w * h, *v = u + (size_t)w * h / 4;
    for (size_t i = 0; i < (size_t)w * h; i++) {
        const uint8_t *p = picture->rgb + 3 * i;
        luma[i] = clamp8((19595 * p[0] + 38470 * p[1] + 7471 * p[2] + 32768) >> 16);
    }
    for (uint32_t y = 0; y + 1 < h; y += 2) {
        const uint8_t *p = picture->rgb + y * stride;
        for (uint32_t x = 0; x + 1 < w; x += 2, p += 6) {
            int c[3];
            for (int k = 0; k < 3; k++)
                c[k] = (p[k] + p[k + 3] + p[stride + k] + p[stride + k + 3] + 2) >> 2;
            *u++ = clamp8(128 + ((-11059 * c[0] - 21709 * c[1] + 32768 * c[2] + 32768) >> 16));
            *v++ = clamp8(128 + ((32768 * c[0] - 27439 * c[1] - 5329 * c[2] + 32768) >> 16));
        }
    }
}
