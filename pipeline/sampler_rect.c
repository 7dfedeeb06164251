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
    const struct fg_sample_form *form; // NULL: grey is wanted
    struct fg_colour colour;
    struct fg_region region;
    uint32_t columns, rows; // of the upright tensor
    unsigned n_channels; // that are wanted: the frame's, or for grey luma alone where there is one
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
    if (code == 0 && r->form && r->form->transposed)
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
    size_t lines = 0, steps = r->columns / 8 * (r->n_channels + 1u);
    r->ahead = (struct fg_ahead){0};
    for (unsigned p = 0; y < r->rows && p < r->layout->n_row_parts; p++) {
        const struct fg_row_part *part = &r->layout->row_parts[p];
        if (part->to >= r->n_channels)
            break;
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
    for (unsigned c = part->to; c < part->to + part->channels && c < r->n_channels; c++)
        if (black)
            memset(s->reduced[c], 0, r->columns * sizeof(float));
        else
            r->kernels->sum_columns(s->sums[c], axis_of(s->x, r, c), &r->ahead, s->reduced[c]);
}

static void reduce_parts(struct fg_sampler *s, struct rect *r, uint32_t y)
{
    for (unsigned p = 0; p < r->layout->n_row_parts; p++)
        if (r->layout->row_parts[p].to < r->n_channels)
            reduce(s, r, &r->layout->row_parts[p], y);
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

// Luma as it is, from 16..235 to all 256 levels, or of RGB as BT.601 has it.
static void convert_grey(const struct fg_sampler *s, const struct rect *r, uint32_t y, uint8_t *out)
{
    const float *red = s->reduced[0], *green = s->reduced[1], *blue = s->reduced[2];
    const bool rgb = r->n_channels == 3;
    const float gain = r->layout->yuv ? r->colour.y_gain : 1;
    const float base = r->layout->yuv ? r->colour.y_base * s->y[0].inside[y] : 0;
    for (uint32_t x = 0; x < r->columns; x++) {
        float v = rgb ? 0.299f * red[x] + 0.587f * green[x] + 0.114f * blue[x]
                      : gain * (red[x] - base * s->x[0].inside[x]);
        v = v < 0 ? 0 : v > 255 ? 255 : v;
        out[x] = (uint8_t)(v + 0.5f);
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
        reduce_parts(s, r, y);
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
                     .rows = fg_form_rows(form),
                     .n_channels = fg_layout_of(frame)->n_channels};
    fg_layout_shifts(frame, r.shifts);
    int code = prepare(sampler, &r);
    for (uint32_t y = 0; code == 0 && y < r.rows; y++) {
        look_ahead(sampler, &r, y + 1);
        sample_row(sampler, &r, y, tensor);
    }
    return code;
}

int fg_sampler_rect_grey(struct fg_sampler *sampler, const struct fg_frame *frame,
                         const struct fg_region *region, uint32_t columns, uint32_t rows,
                         uint8_t *grey)
{
    static const struct fg_sample_form plain = {.scale = 1};
    const struct fg_layout *layout = fg_layout_of(frame);
    struct rect r = {.frame = frame,
                     .layout = layout,
                     .kernels = fg_sampler_kernels(),
                     .colour = fg_layout_colour(frame, &plain),
                     .region = *region,
                     .columns = columns,
                     .rows = rows,
                     .n_channels = layout->yuv ? 1 : layout->n_channels};
    fg_layout_shifts(frame, r.shifts);
    int code = prepare(sampler, &r);
    for (uint32_t y = 0; code == 0 && y < rows; y++, grey += columns) {
        look_ahead(sampler, &r, y + 1);
        if (sampler->y[0].spans[y].count == 0) {
            memset(grey, 0, columns);
            continue;
        }
        reduce_parts(sampler, &r, y);
        convert_grey(sampler, &r, y, grey);
    }
    return code;
}

void fg_sampler_wipe(struct fg_sampler *sampler)
{
    for (int i = 0; i < 3; i++) {
        if (sampler->sums[i])
            explicit_bzero(sampler->sums[i], sampler->n_sums[i] * sizeof(float));
        if (sampler->reduced[i])
            explicit_bzero(sampler->reduced[i], sampler->n_reduced[i] * sizeof(float));
    }
    if (sampler->line)
        explicit_bzero(sampler->line, sampler->n_line * sizeof(float));
}
