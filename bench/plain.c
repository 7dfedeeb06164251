// SPDX-License-Identifier: Apache-2.0
#include "bench/plain.h"

#include <errno.h>
#include <libyuv.h>
#include <math.h>
#include <stdlib.h>

struct fg_plain {
    uint8_t *whole, *scaled; // libyuv's ARGB: B, G, R, A in memory
};

struct fg_plain *fg_plain_create(uint32_t width, uint32_t height)
{
    struct fg_plain *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->whole = malloc((size_t)width * height * 4);
    p->scaled = malloc((size_t)width * height * 4);
    if (p->whole && p->scaled)
        return p;
    fg_plain_destroy(p);
    return NULL;
}

void fg_plain_destroy(struct fg_plain *plain)
{
    if (!plain)
        return;
    free(plain->whole);
    free(plain->scaled);
    free(plain);
}

static int convert(struct fg_plain *p, const struct fg_frame *f)
{
    const struct fg_plane *a = &f->planes[0], *b = &f->planes[1], *c = &f->planes[2];
    const int width = (int)f->width, height = (int)f->height, to = width * 4, from = (int)a->stride;
    switch (f->fourcc) {
    case FG_FOURCC_YUYV:
        return YUY2ToARGB(a->data, from, p->whole, to, width, height);
    case FG_FOURCC_UYVY:
        return UYVYToARGB(a->data, from, p->whole, to, width, height);
    case FG_FOURCC_NV12:
        return NV12ToARGB(a->data, from, b->data, (int)b->stride, p->whole, to, width, height);
    case FG_FOURCC_YUV:
        return I420ToARGB(a->data, from, b->data, (int)b->stride, c->data, (int)c->stride, p->whole,
                          to, width, height);
    case FG_FOURCC_GREY:
        return J400ToARGB(a->data, from, p->whole, to, width, height);
    case FG_FOURCC_RGB: // libyuv names it after the order in a word
        return RAWToARGB(a->data, from, p->whole, to, width, height);
    default:
        return -EINVAL;
    }
}

static void normalise(const struct fg_plain *p, uint32_t columns, uint32_t rows,
                      const struct fg_sample_form *form, float *tensor)
{
    const float gain = 1 / form->scale, black = (0 - form->mean) * gain;
    for (uint32_t y = 0; y < form->height; y++) {
        const uint8_t *from = p->scaled + (size_t)y * columns * 4;
        float *to = tensor + (size_t)y * form->width * 3;
        uint32_t x = 0;
        for (; y < rows && x < columns; x++)
            for (unsigned c = 0; c < 3; c++)
                to[3 * x + c] = ((float)from[4 * x + 2 - c] - form->mean) * gain;
        for (x *= 3; x < form->width * 3; x++)
            to[x] = black;
    }
}

int fg_plain_rect(struct fg_plain *plain, const struct fg_frame *frame, uint32_t columns,
                  uint32_t rows, const struct fg_sample_form *form, float *tensor)
{
    if (convert(plain, frame) != 0 ||
        ARGBScale(plain->whole, (int)frame->width * 4, (int)frame->width, (int)frame->height,
                  plain->scaled, (int)columns * 4, (int)columns, (int)rows, kFilterBox) != 0)
        return -EINVAL;
    normalise(plain, columns, rows, form, tensor);
    return 0;
}

// Three planes in one piece of memory; chroma at half of both sides.
struct planes {
    uint8_t *y, *u, *v;
    int width, height, half;
};

static struct planes planes_in(uint8_t *memory, uint32_t width, uint32_t height)
{
    const size_t half = (width + 1) / 2, chroma = half * ((height + 1) / 2);
    uint8_t *u = memory + (size_t)width * height;
    return (struct planes){memory, u, u + chroma, (int)width, (int)height, (int)half};
}

static int convert_to_i420(const struct planes *to, const struct fg_frame *f)
{
    const struct fg_plane *a = &f->planes[0], *b = &f->planes[1], *c = &f->planes[2];
    const int from = (int)a->stride;
    switch (f->fourcc) {
    case FG_FOURCC_YUYV:
        return YUY2ToI420(a->data, from, to->y, to->width, to->u, to->half, to->v, to->half,
                          to->width, to->height);
    case FG_FOURCC_UYVY:
        return UYVYToI420(a->data, from, to->y, to->width, to->u, to->half, to->v, to->half,
                          to->width, to->height);
    case FG_FOURCC_NV12:
        return NV12ToI420(a->data, from, b->data, (int)b->stride, to->y, to->width, to->u, to->half,
                          to->v, to->half, to->width, to->height);
    case FG_FOURCC_YUV:
        return I420Copy(a->data, from, b->data, (int)b->stride, c->data, (int)c->stride, to->y,
                        to->width, to->u, to->half, to->v, to->half, to->width, to->height);
    case FG_FOURCC_GREY:
        return I400ToI420(a->data, from, to->y, to->width, to->u, to->half, to->v, to->half,
                          to->width, to->height);
    case FG_FOURCC_RGB:
        return RAWToI420(a->data, from, to->y, to->width, to->u, to->half, to->v, to->half,
                         to->width, to->height);
    default:
        return -EINVAL;
    }
}

int fg_plain_rect_whole(struct fg_plain *plain, const struct fg_frame *frame, uint32_t columns,
                        uint32_t rows, const struct fg_sample_form *form, float *tensor)
{
    const size_t whole = (size_t)frame->width * frame->height * 3 / 2;
    const struct planes a = planes_in(plain->whole, frame->width, frame->height);
    const struct planes b = planes_in(plain->whole + whole, columns, rows);
    if (convert_to_i420(&a, frame) != 0 ||
        I420Scale(a.y, a.width, a.u, a.half, a.v, a.half, a.width, a.height, b.y, b.width, b.u,
                  b.half, b.v, b.half, b.width, b.height, kFilterBox) != 0 ||
        I420ToARGB(b.y, b.width, b.u, b.half, b.v, b.half, plain->scaled, b.width * 4, b.width,
                   b.height) != 0)
        return -EINVAL;
    normalise(plain, columns, rows, form, tensor);
    return 0;
}

int fg_plain_affine(struct fg_plain *plain, const struct fg_frame *frame,
                    const struct fg_affine *map, const struct fg_sample_form *form, float *tensor)
{
    const float right = (float)frame->width - 1.001f, bottom = (float)frame->height - 1.001f;
    const size_t stride = (size_t)frame->width * 4;
    const float gain = 1 / form->scale;
    float m[6];
    for (int k = 0; k < 6; k++)
        m[k] = (float)map->m[k];
    if (convert(plain, frame) != 0)
        return -EINVAL;
    for (uint32_t y = 0; y < form->height; y++) {
        for (uint32_t x = 0; x < form->width; x++, tensor += 3) {
            float fx = m[0] * (float)x + m[1] * (float)y + m[2];
            float fy = m[3] * (float)x + m[4] * (float)y + m[5];
            fx = fx < 0 ? 0 : fx > right ? right : fx;
            fy = fy < 0 ? 0 : fy > bottom ? bottom : fy;
            const size_t ix = (size_t)fx, iy = (size_t)fy;
            const float ax = fx - (float)ix, ay = fy - (float)iy;
            const uint8_t *p = plain->whole + iy * stride + ix * 4, *q = p + stride;
            for (unsigned c = 0; c < 3; c++) {
                const float top = (float)p[2 - c] + ax * (float)(p[6 - c] - p[2 - c]);
                const float low = (float)q[2 - c] + ax * (float)(q[6 - c] - q[2 - c]);
                tensor[c] = (top + ay * (low - top) - form->mean) * gain;
            }
        }
    }
    return 0;
}
