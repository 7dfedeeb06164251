// SPDX-License-Identifier: Apache-2.0
#include "pipeline/sampler_warp.h"

#include <math.h>
#include <string.h>

#include "pipeline/sampler_layout.h"

// Tensor pixels of a row that are worked on together: what the stack holds of them.
#define BLOCK 64u

// Parts' pixels from a border within which kernels are not used: they read 3 bytes after a pixel,
// and an eighth is for places rounded to float.
#define BEFORE 1.0
#define AFTER  2.125

// Rows of the tensor after this one whose pixels are asked for meanwhile: enough work for memory
// to answer.
#define ROWS_AHEAD 3

struct block {
    uint32_t x, y, count;
    float channels[3][BLOCK];
    float inside[BLOCK]; // the share of luma's points that lay in the picture
};

static struct fg_warp warp_of(const struct fg_frame *f, const struct fg_pixel_part *part,
                              bool chroma, const double m[6])
{
    const struct fg_plane *plane = &f->planes[part->plane];
    uint8_t shifts[2] = {0, 0};
    if (chroma)
        fg_layout_shifts(f, shifts);
    const double sx = 1.0 / (1 << shifts[0]), sy = 1.0 / (1 << shifts[1]);
    struct fg_warp w = {.data = plane->data + part->offset,
                        .stride = plane->stride,
                        .width = fg_layout_chroma_size(f->width, shifts[0]),
                        .height = fg_layout_chroma_size(f->height, shifts[1]),
                        .step = part->step,
                        .channels = part->channels,
                        .spacing = part->spacing,
                        .m = {m[0] * sx, m[1] * sx, (m[2] + 0.5) * sx - 0.5, m[3] * sy, m[4] * sy,
                              (m[5] + 0.5) * sy - 0.5},
                        .n = 1};
    const double step = sqrt(fabs(w.m[0] * w.m[4] - w.m[1] * w.m[3])); // its pixels a tensor pixel
    if (step > 1.5)
        w.n = (unsigned)fmin(ceil(step), 16);
    return w;
}

// Bilinear at (x, y), anywhere: returns the weight that lay inside.
static float border_point(const struct fg_warp *w, double x, double y, float sum[3])
{
    const double fx = floor(x), fy = floor(y);
    if (!(fx >= -1 && fy >= -1 && fx < w->width && fy < w->height))
        return 0;
    const int64_t ix = (int64_t)fx, iy = (int64_t)fy;
    const float ax = (float)(x - fx), ay = (float)(y - fy);
    float inside = 0;
    for (int k = 0; k < 4; k++) {
        const int64_t px = ix + k % 2, py = iy + k / 2;
        if (px < 0 || py < 0 || px >= (int64_t)w->width || py >= (int64_t)w->height)
            continue;
        const uint8_t *pixel = w->data + (size_t)py * w->stride + (size_t)px * w->step;
        const float share = (k % 2 ? ax : 1 - ax) * (k / 2 ? ay : 1 - ay);
        for (unsigned c = 0; c < w->channels; c++)
            sum[c] += share * (float)pixel[(size_t)c * w->spacing];
        inside += share;
    }
    return inside;
}

// One tensor pixel: the mean over its points, black where outside; returns the share that lay
// inside. `clamp`: outside continues the border instead.
static float border_pixel(const struct fg_warp *w, uint32_t x, uint32_t y, bool clamp, float sum[3])
{
    const float share = 1.0f / (float)(w->n * w->n);
    float inside = 0;
    for (unsigned i = 0; i < w->n * w->n; i++) {
        const double u = x + (i % w->n + 0.5) / w->n - 0.5;
        const double v = y + ((double)(i / w->n) + 0.5) / w->n - 0.5;
        double px = w->m[0] * u + w->m[1] * v + w->m[2], py = w->m[3] * u + w->m[4] * v + w->m[5];
        if (clamp) {
            px = fmin(fmax(px, 0), w->width - 1.0);
            py = fmin(fmax(py, 0), w->height - 1.0);
        }
        inside += border_point(w, px, py, sum);
    }
    for (unsigned c = 0; c < w->channels; c++)
        sum[c] *= share;
    return inside * share;
}

// Whether all of a tensor pixel lies where kernels may go.
static bool is_inside(const struct fg_warp *w, uint32_t x, uint32_t y)
{
    const double *m = w->m;
    const double px = m[0] * x + m[1] * y + m[2], half_x = (fabs(m[0]) + fabs(m[1])) / 2;
    const double py = m[3] * x + m[4] * y + m[5], half_y = (fabs(m[3]) + fabs(m[4])) / 2;
    return px - half_x >= BEFORE && px + half_x < w->width - AFTER && py - half_y >= BEFORE &&
           py + half_y < w->height - AFTER;
}

// Asks memory for what the tensor's rows further on take of a part around the same columns.
static void look_ahead(const struct fg_warp *w, const struct block *b)
{
    const double *m = w->m, v = b->y + ROWS_AHEAD;
    const int rows = (int)fmin(hypot(m[1], m[4]) + 2, 8);
    for (uint32_t i = 0; i < b->count; i += 8) {
        const double u = b->x + i + 4;
        const double x = m[0] * u + m[1] * v + m[2], y = m[3] * u + m[4] * v + m[5];
        if (!(x >= 0 && y >= 0 && x < w->width && y < w->height - (double)rows))
            continue;
        const uint8_t *at = w->data + (size_t)y * w->stride + (size_t)x * w->step;
        for (int r = 0; r < rows; r++)
            __builtin_prefetch(at + (size_t)r * w->stride);
    }
}

// The block's pixels of one part. Those inside are a run, as the frame is convex.
static void warp_block(const struct fg_warp *w, const struct fg_sampler_kernels *kernels,
                       unsigned to, struct block *b)
{
    uint32_t from = 0, end = b->count;
    while (from < end && !is_inside(w, b->x + from, b->y))
        from++;
    while (end > from && !is_inside(w, b->x + end - 1, b->y))
        end--;
    for (uint32_t i = 0; i < b->count; i++) {
        if (i >= from && i < end) {
            if (to == 0)
                b->inside[i] = 1;
            continue;
        }
        float sum[3] = {0, 0, 0};
        const float inside = border_pixel(w, b->x + i, b->y, to > 0, sum);
        if (to == 0)
            b->inside[i] = inside;
        // a luma pixel at the border is inside the picture, its chroma is the border's
        for (unsigned c = 0; c < w->channels; c++)
            b->channels[to + c][i] = to > 0 ? sum[c] * b->inside[i] : sum[c];
    }
    float *out[3] = {NULL, NULL, NULL};
    for (unsigned c = 0; c < w->channels; c++)
        out[c] = b->channels[to + c] + from;
    if (end > from)
        kernels->warp(w, b->x + from, b->y, end - from, out);
}

static void block_to_tensor(const struct fg_sampler_kernels *kernels,
                            const struct fg_layout *layout, const struct fg_colour *colour,
                            const struct fg_sample_form *form, const struct block *b, float *tensor)
{
    float line[3 * BLOCK];
    struct fg_ahead none = {0};
    const size_t width = form->width;
    float *out = form->transposed ? line : tensor + (b->y * width + b->x) * 3;
    if (layout->yuv) {
        const struct fg_yuv_row row = {
            b->channels[0], b->channels[1], b->channels[2], b->inside, b->inside, 1, 1};
        kernels->yuv_to_tensor(colour, &row, b->count, &none, out);
    } else {
        const bool grey = layout->n_channels == 1;
        const float *const rgb[3] = {b->channels[0], b->channels[grey ? 0 : 1],
                                     b->channels[grey ? 0 : 2]};
        kernels->rgb_to_tensor(colour, rgb, b->count, &none, out);
    }
    for (uint32_t i = 0; form->transposed && i < b->count; i++)
        memcpy(tensor + ((b->x + i) * width + b->y) * 3, line + (size_t)i * 3, 3 * sizeof *line);
}

void fg_sampler_warp(const struct fg_frame *frame, const struct fg_affine *map,
                     const struct fg_sample_form *form, float *tensor)
{
    const struct fg_layout *layout = fg_layout_of(frame);
    const struct fg_sampler_kernels *kernels = fg_sampler_kernels();
    const struct fg_colour colour = fg_layout_colour(frame, form);
    const uint32_t columns = fg_form_columns(form), rows = fg_form_rows(form);
    struct fg_warp warps[3];
    for (unsigned p = 0; p < layout->n_pixel_parts; p++) {
        const struct fg_pixel_part *part = &layout->pixel_parts[p];
        warps[p] = warp_of(frame, part, layout->yuv && part->to > 0, map->m);
    }
    for (uint32_t y = 0; y < rows; y++) {
        for (uint32_t x = 0; x < columns; x += BLOCK) {
            struct block b;
            b.x = x;
            b.y = y;
            b.count = columns - x < BLOCK ? columns - x : BLOCK;
            for (unsigned p = 0; p < layout->n_pixel_parts; p++) {
                if (p == 0 || layout->pixel_parts[p].plane > 0)
                    look_ahead(&warps[p], &b);
                warp_block(&warps[p], kernels, layout->pixel_parts[p].to, &b);
            }
            block_to_tensor(kernels, layout, &colour, form, &b, tensor);
        }
    }
}
