// SPDX-License-Identifier: Apache-2.0
#include "pipeline/sampler.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "pipeline/sampler_layout.h"
#include "pipeline/sampler_rect.h"
#include "pipeline/sampler_warp.h"
#include "pipeline/view.h"

static bool is_in_picture(const struct fg_frame *frame, const struct fg_region *region)
{
    return region->x < frame->width && region->y < frame->height && region->x + region->width > 0 &&
           region->y + region->height > 0;
}

static void make_black(const struct fg_sample_form *form, float *tensor)
{
    const size_t values = (size_t)form->width * form->height * 3;
    for (size_t i = 0; i < values; i++)
        tensor[i] = (0 - form->mean) / form->scale;
}

// Finds where the pixels of `region` are and what of them it is there. 0; 1: all of it is outside
// of a JPEG picture; negative errno as fg_sample_rect.
static int find_view(const struct fg_frame *frame, struct fg_region *region, uint32_t columns,
                     uint32_t rows, struct fg_view *ret)
{
    const struct fg_region r = *region;
    *ret = (struct fg_view){frame, 0, 0, 1};
    if (!(r.width > 0 && r.height > 0 && r.width < 1e6 && r.height < 1e6 && fabs(r.x) < 1e6 &&
          fabs(r.y) < 1e6))
        return -EINVAL;
    if (frame->fourcc == FG_FOURCC_MJPG) {
        if (!is_in_picture(frame, region))
            return 1;
        const double shrink = fmin(r.width / columns, r.height / rows);
        int code = fg_view_get(frame, region, fmax(1, shrink), ret, NULL);
        if (code < 0)
            return code;
    }
    *region = (struct fg_region){(r.x - ret->x) / ret->shrink, (r.y - ret->y) / ret->shrink,
                                 r.width / ret->shrink, r.height / ret->shrink};
    return 0;
}

int fg_sample_rect(struct fg_sampler *sampler, const struct fg_frame *frame, double x, double y,
                   double width, double height, const struct fg_sample_form *form, float *tensor)
{
    struct fg_region region = {x, y, width, height};
    struct fg_view view;
    int code = find_view(frame, &region, fg_form_columns(form), fg_form_rows(form), &view);
    if (code < 0)
        return code;
    if (code == 0)
        return fg_sampler_rect(sampler, view.frame, &region, form, tensor);
    make_black(form, tensor);
    return 0;
}

int fg_sample_grey(struct fg_sampler *sampler, const struct fg_frame *frame, double x, double y,
                   double width, double height, uint32_t columns, uint32_t rows, uint8_t *grey)
{
    struct fg_region region = {x, y, width, height};
    struct fg_view view;
    int code = find_view(frame, &region, columns, rows, &view);
    if (code < 0)
        return code;
    if (code == 0)
        return fg_sampler_rect_grey(sampler, view.frame, &region, columns, rows, grey);
    memset(grey, 0, (size_t)columns * rows);
    return 0;
}

// What of the frame the tensor's corners span, in edges.
static struct fg_region region_of(const struct fg_affine *map, const struct fg_sample_form *form)
{
    const double *m = map->m, u = fg_form_columns(form) / 2.0, v = fg_form_rows(form) / 2.0;
    const double x = m[0] * (u - 0.5) + m[1] * (v - 0.5) + m[2] + 0.5;
    const double y = m[3] * (u - 0.5) + m[4] * (v - 0.5) + m[5] + 0.5;
    const double half_x = fabs(m[0]) * u + fabs(m[1]) * v;
    const double half_y = fabs(m[3]) * u + fabs(m[4]) * v;
    return (struct fg_region){x - half_x, y - half_y, 2 * half_x, 2 * half_y};
}

// The map from the tensor to a view of the frame.
static struct fg_affine map_to_view(const struct fg_affine *map, const struct fg_view *view)
{
    const double *m = map->m, k = 1 / view->shrink;
    return (struct fg_affine){{m[0] * k, m[1] * k, (m[2] + 0.5 - view->x) * k - 0.5, m[3] * k,
                               m[4] * k, (m[5] + 0.5 - view->y) * k - 0.5}};
}

int fg_sample_affine(const struct fg_frame *frame, const struct fg_affine *map,
                     const struct fg_sample_form *form, float *tensor)
{
    if (frame->fourcc != FG_FOURCC_MJPG) {
        fg_sampler_warp(frame, map, form, tensor);
        return 0;
    }
    const struct fg_region region = region_of(map, form);
    const double *m = map->m, shrink = fmin(hypot(m[0], m[3]), hypot(m[1], m[4]));
    struct fg_view view;
    if (!is_in_picture(frame, &region)) {
        make_black(form, tensor);
        return 0;
    }
    int code = fg_view_get(frame, &region, fmax(1, shrink), &view, NULL);
    if (code < 0)
        return code;
    const struct fg_affine to_view = map_to_view(map, &view);
    fg_sampler_warp(view.frame, &to_view, form, tensor);
    return 0;
}

static void swap_pixels(float *a, float *b)
{
    for (int c = 0; c < 3; c++) {
        float keep = a[c];
        a[c] = b[c];
        b[c] = keep;
    }
}

void fg_sample_mirror(const struct fg_sample_form *form, float *tensor)
{
    const size_t row = (size_t)form->width * 3;
    for (uint32_t y = 0; y < form->height; y++) {
        for (uint32_t x = 0; x < form->width; x++) {
            // in a transposed tensor the picture's columns are rows
            uint32_t to_x = form->transposed ? x : form->width - 1 - x;
            uint32_t to_y = form->transposed ? form->height - 1 - y : y;
            if (to_x > x || to_y > y)
                swap_pixels(tensor + y * row + (size_t)x * 3,
                            tensor + to_y * row + (size_t)to_x * 3);
        }
    }
}
