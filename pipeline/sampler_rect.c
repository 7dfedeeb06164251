// SPDX-License-Identifier: Apache-2.0
#include "pipeline/sampler_rect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/sampler_layout.h"

struct fg_sampler {
    struct fg_axis x[2], y[2]; // [0] luma, or every channel; [1] chroma
    float *sums[3];            // a span of source rows, each channel by itself
    size_t n_sums[3];
    float *reduced[3]; // an output row of each channel
    size_t n_reduced[3];
    float *line; // an output row of a transposed tensor
    size_t n_line;
};

// What one call works with.
struct rect {
    const struct fg_frame *frame;
    const struct fg_layout *layout;
    const struct fg_sampler_kernels *kernels;
    const struct fg_sample_form *form;
    struct fg_colour colour;
    struct fg_region region;
    uint32_t columns, rows; // of the upright tensor
    uint8_t shifts[2];
    struct fg_ahead ahead;
};

int fg_sampler_create(struct fg_sampler **ret)
{
    struct fg_sampler *s = calloc(1, sizeof *s);
    if (!s)
        return -ENOMEM;
    *ret = s;
    return 0;
}

void fg_sampler_destroy(struct fg_sampler *sampler)
{
    if (!sampler)
        return;
    for (int i = 0; i < 2; i++) {
        fg_axis_finish(&sampler->x[i]);
        fg_axis_finish(&sampler->y[i]);
    }
    for (int i = 0; i < 3; i++) {
        free(sampler->sums[i]);
        free(sampler->reduced[i]);
    }
    free(sampler->line);
    free(sampler);
}

static int lay_axes(struct fg_sampler *s, const struct rect *r)
{
    const struct fg_frame *f = r->frame;
    int code = fg_axis_set(&s->x[0], r->region.x, r->region.width, r->columns, f->width);
    if (code == 0)
        code = fg_axis_set(&s->y[0], r->region.y, r->region.height, r->rows, f->height);
    if (code < 0 || !r->layout->yuv)
        return code;
    const double sx = 1.0 / (1 << r->shifts[0]), sy = 1.0 / (1 << r->shifts[1]);
    code = fg_axis_set(&s->x[1], r->region.x * sx, r->region.width * sx, r->columns,
                       fg_layout_chroma_size(f->width, r->shifts[0]));
    return code < 0 ? code
                    : fg_axis_set(&s->y[1], r->region.y * sy, r->region.height * sy, r->rows,
                                  fg_layout_chroma_size(f->height, r->shifts[1]));
}

static int prepare(struct fg_sampler *s, const struct rect *r)
{
    int code = lay_axes(s, r);
    for (unsigned c = 0; code == 0 && c < r->layout->n_channels; c++) {
        // Kernels read all the taps of the last span, and an odd row's last pair has a second Y.
        const struct fg_axis *x = &s->x[r->layout->yuv && c > 0];
        const size_t want = (size_t)x->size + 1 + x->taps;
        code = fg_axis_grow(&s->sums[c], &s->n_sums[c], want, sizeof(float));
        if (code == 0)
            code = fg_axis_grow(&s->reduced[c], &s->n_reduced[c], r->columns, sizeof(float));
    }
    if (code == 0 && r->form->transposed)
        code = fg_axis_grow(&s->line, &s->n_line, (size_t)r->columns * 3, sizeof(float));
    return code;
}

// A span's weights are at most three runs: a share, equal whole rows, a share.
static void set_runs(struct fg_rows *rows, const float *weights, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i == 0 || weights[i] != weights[i - 1]) {
            rows->runs[rows->n_runs].count = 0;
            rows->runs[rows->n_runs++].weight = weights[i];
        }
        rows->runs[rows->n_runs - 1].count++;
    }
}

static const struct fg_axis *axis_of(const struct fg_axis axes[2], const struct rect *r, unsigned c)
{
    return &axes[r->layout->yuv && c > 0];
}

static bool is_packed(const struct fg_row_part *part)
{
    return part->kind == FG_ROW_YUYV || part->kind == FG_ROW_UYVY;
}

// The groups of a part's rows that are wanted.
static void find_groups(const struct fg_sampler *s, const struct rect *r,
                        const struct fg_row_part *part, uint32_t *ret_low, uint32_t *ret_high)
{
    const struct fg_axis *x = axis_of(s->x, r, part->to), *chroma = &s->x[1];
    *ret_low = x->low;
    *ret_high = x->high;
    if (!is_packed(part))
        return;
    const uint32_t low = x->low / 2, high = (x->high + 1) / 2;
    *ret_low = low < chroma->low ? low : chroma->low;
    *ret_high = high > chroma->high ? high : chroma->high;
}

// Output row `y` is next: what it takes that the one before did not is to be asked for.
static void look_ahead(const struct fg_sampler *s, struct rect *r, uint32_t y)
{
    size_t lines = 0, steps = r->columns / 8 * (r->layout->n_channels + 1u);
    r->ahead = (struct fg_ahead){0};
    for (unsigned p = 0; y < r->rows && p < r->layout->n_row_parts; p++) {
        const struct fg_row_part *part = &r->layout->row_parts[p];
        const struct fg_plane *plane = &r->frame->planes[part->plane];
        const struct fg_span *span = &axis_of(s->y, r, part->to)->spans[y], *last = span - 1;
        uint32_t low, high, first = span->first;
        find_groups(s, r, part, &low, &high);
        if (last->count > 0 && first < last->first + last->count)
            first = last->first + last->count;
        if (span->first + span->count <= first || high <= low)
            continue;
        const uint32_t rows = span->first + span->count - first, bytes = (high - low) * part->group;
        const uint8_t *row =
            plane->data + (size_t)first * plane->stride + (size_t)low * part->group;
        r->ahead.areas[r->ahead.n_areas++] =
            (struct fg_area){row, row, row + bytes, plane->stride, rows};
        lines += (size_t)rows * (bytes / FG_CACHE_LINE + 1);
        steps += bytes / 64;
    }
    r->ahead.lines = (unsigned)(lines / (steps + 1)) + 1;
}

// The vertical half: the rows of a part that output row `y` takes become one of sums. Every pixel
// is read here, once, as it lies in the frame.
static void sum_part(struct fg_sampler *s, struct rect *r, const struct fg_row_part *part,
                     uint32_t y)
{
    const struct fg_plane *plane = &r->frame->planes[part->plane];
    const struct fg_axis *ay = axis_of(s->y, r, part->to);
    const struct fg_span *span = &ay->spans[y];
    const bool packed = is_packed(part);
    uint32_t low, high;
    find_groups(s, r, part, &low, &high);
    const uint8_t *row = plane->data + (size_t)span->first * plane->stride;
    struct fg_rows rows = {
        .data = row + (size_t)low * part->group, .stride = plane->stride, .kind = part->kind};
    set_runs(&rows, ay->weights + (size_t)y * ay->taps, span->count);
    float *to[3] = {NULL, NULL, NULL};
    for (unsigned c = 0; c < part->channels; c++)
        to[c] = s->sums[part->to + c] + (packed && c == 0 ? 2 * low : low);
    r->kernels->sum_rows(&rows, high - low, &r->ahead, to);
}

static void reduce(struct fg_sampler *s, struct rect *r, const struct fg_row_part *part, uint32_t y)
{
    const bool black = axis_of(s->y, r, part->to)->spans[y].count == 0;
    if (!black)
        sum_part(s, r, part, y);
    for (unsigned c = part->to; c < part->to + part->channels; c++)
        if (black)
            memset(s->reduced[c], 0, r->columns * sizeof(float));
        else
            r->kernels->sum_columns(s->sums[c], axis_of(s->x, r, c), &r->ahead, s->reduced[c]);
}

static void convert(const struct fg_sampler *s, struct rect *r, uint32_t y, float *out)
{
    if (r->layout->yuv) {
        const struct fg_yuv_row row = {s->reduced[0],    s->reduced[1],  s->reduced[2],
                                       s->x[0].inside,   s->x[1].inside, s->y[0].inside[y],
                                       s->y[1].inside[y]};
        r->kernels->yuv_to_tensor(&r->colour, &row, r->columns, &r->ahead, out);
    } else {
        const bool grey = r->layout->n_channels == 1;
        const float *const rgb[3] = {s->reduced[0], s->reduced[grey ? 0 : 1],
                                     s->reduced[grey ? 0 : 2]};
        r->kernels->rgb_to_tensor(&r->colour, rgb, r->columns, &r->ahead, out);
    }
}

static bool is_outside(const struct fg_sampler *s, const struct rect *r, uint32_t y)
{
    return s->y[0].spans[y].count == 0 && (!r->layout->yuv || s->y[1].spans[y].count == 0);
}

static void sample_row(struct fg_sampler *s, struct rect *r, uint32_t y, float *tensor)
{
    const size_t width = r->form->width;
    float *out = r->form->transposed ? s->line : tensor + y * width * 3;
    if (is_outside(s, r, y)) {
        for (uint32_t i = 0; i < r->columns * 3; i++)
            out[i] = (0 - r->colour.mean) * r->colour.gain;
    } else {
        for (unsigned p = 0; p < r->layout->n_row_parts; p++)
            reduce(s, r, &r->layout->row_parts[p], y);
        convert(s, r, y, out);
    }
    for (uint32_t x = 0; r->form->transposed && x < r->columns; x++)
        memcpy(tensor + (x * width + y) * 3, out + (size_t)x * 3, 3 * sizeof *out);
}

int fg_sampler_rect(struct fg_sampler *sampler, const struct fg_frame *frame,
                    const struct fg_region *region, const struct fg_sample_form *form,
                    float *tensor)
{
    struct rect r = {.frame = frame,
                     .layout = fg_layout_of(frame),
                     .kernels = fg_sampler_kernels(),
                     .form = form,
                     .colour = fg_layout_colour(frame, form),
                     .region = *region,
                     .columns = fg_form_columns(form),
                     .rows = fg_form_rows(form)};
    fg_layout_shifts(frame, r.shifts);
    int code = prepare(sampler, &r);
    for (uint32_t y = 0; code == 0 && y < r.rows; y++) {
        look_ahead(sampler, &r, y + 1);
        sample_row(sampler, &r, y, tensor);
    }
    return code;
}
