// SPDX-License-Identifier: Apache-2.0
#include "pipeline/sampler.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/view.h"

// One output pixel of one axis: which source pixels it takes, with which weights.
struct span {
    uint32_t first, count;
    uint32_t weights; // index of the first in the axis's weights
    float inside;     // the sum of the weights: below 1 at the frame's border
};

struct axis {
    struct span *spans;
    float *weights;
    size_t n_spans, n_weights; // allocated
    uint32_t low, high;        // source pixels that any span takes
};

struct fg_sampler {
    struct axis x[2], y[2]; // [0] luma, or every channel; [1] chroma
    float *row;             // source rows, weighted and summed over an output row's span
    uint16_t *whole;        // those of equal weight, summed before they are weighted
    size_t n_row;
    float *reduced[3]; // the planes' output rows
    size_t n_reduced;
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
        free(sampler->x[i].spans);
        free(sampler->x[i].weights);
        free(sampler->y[i].spans);
        free(sampler->y[i].weights);
    }
    free(sampler->row);
    free(sampler->whole);
    for (int i = 0; i < 3; i++)
        free(sampler->reduced[i]);
    free(sampler);
}

static int grow(void *array, size_t *have, size_t want, size_t size)
{
    if (want <= *have)
        return 0;
    void *old, *more;
    memcpy(&old, array, sizeof old);
    more = realloc(old, want * size);
    if (!more)
        return -ENOMEM;
    memcpy(array, &more, sizeof more);
    *have = want;
    return 0; // cppcheck-suppress memleak // it is *array now
}

static int axis_reserve(struct axis *a, uint32_t outputs, uint32_t taps)
{
    int code = grow(&a->spans, &a->n_spans, outputs, sizeof *a->spans);
    return code < 0 ? code
                    : grow(&a->weights, &a->n_weights, (size_t)outputs * taps, sizeof *a->weights);
}

static void span_add(struct axis *a, struct span *s, int64_t pixel, double weight, uint32_t size)
{
    if (weight <= 0 || pixel < 0 || pixel >= (int64_t)size)
        return;
    if (s->count == 0)
        s->first = (uint32_t)pixel;
    a->weights[s->weights + s->count++] = (float)weight;
    s->inside += (float)weight;
}

// Output pixel `lo..hi` in source edges, shrinking: each source pixel by its share.
static void span_area(struct axis *a, struct span *s, double lo, double hi, uint32_t size)
{
    double from = fmax(lo, 0), to = fmin(hi, size);
    for (int64_t i = (int64_t)floor(from); i < (int64_t)ceil(to); i++) {
        double share = fmin(hi, (double)i + 1) - fmax(lo, (double)i);
        span_add(a, s, i, (share > 1 - 1e-9 ? 1 : share) / (hi - lo), size);
    }
}

// Enlarging: the two nearest pixel centres.
static void span_linear(struct axis *a, struct span *s, double centre, uint32_t size)
{
    double left = floor(centre), share = centre - left;
    if (left < -2 || left > (double)size)
        return;
    span_add(a, s, (int64_t)left, 1 - share, size);
    span_add(a, s, (int64_t)left + 1, share, size);
}

static int axis_set(struct axis *a, double start, double extent, uint32_t outputs, uint32_t size)
{
    double step = extent / outputs;
    double widest = fmin(step, size) + 3;
    uint32_t taps = (uint32_t)widest;
    int code = axis_reserve(a, outputs, taps);
    if (code < 0)
        return code;
    a->low = size;
    a->high = 0;
    for (uint32_t i = 0; i < outputs; i++) {
        struct span *s = &a->spans[i];
        *s = (struct span){.weights = i * taps};
        double lo = start + i * step;
        if (step >= 1)
            span_area(a, s, lo, lo + step, size);
        else
            span_linear(a, s, lo + step / 2 - 0.5, size);
        if (s->count > 0) {
            a->low = s->first < a->low ? s->first : a->low;
            a->high = s->first + s->count > a->high ? s->first + s->count : a->high;
        }
    }
    if (a->low > a->high)
        a->low = a->high = 0;
    return 0;
}

// Rows first..end of equal weight, added as integers: several times faster than as floats.
// At most 257 rows of bytes fit 16 bits; the caller splits.
static void add_whole_rows(const struct fg_plane *plane, uint32_t first, uint32_t end, uint32_t low,
                           uint32_t high, uint16_t *restrict whole)
{
    const uint8_t *restrict source = plane->data + (size_t)first * plane->stride;
    for (uint32_t i = low; i < high; i++)
        whole[i] = source[i];
    for (uint32_t r = first + 1; r < end; r++) {
        source += plane->stride;
        for (uint32_t i = low; i < high; i++)
            whole[i] = (uint16_t)(whole[i] + source[i]);
    }
}

#define ROWS_IN_16_BITS 257u

// The vertical half: every pixel is read here, once, as it lies in the frame.
static void sum_rows(struct fg_sampler *sampler, const struct fg_plane *plane, const struct axis *y,
                     const struct span *s, uint32_t low, uint32_t high)
{
    const float *weights = y->weights + s->weights;
    float *restrict row = sampler->row;
    uint32_t r = 0;
    while (r < s->count) {
        uint32_t same = r + 1; // a shrinking span is one share, equal whole rows, one share
        while (same < s->count && same - r < ROWS_IN_16_BITS && weights[same] == weights[r])
            same++;
        add_whole_rows(plane, s->first + r, s->first + same, low, high, sampler->whole);
        const uint16_t *restrict whole = sampler->whole;
        const float weight = weights[r];
        if (r == 0)
            for (uint32_t i = low; i < high; i++)
                row[i] = weight * (float)whole[i];
        else
            for (uint32_t i = low; i < high; i++)
                row[i] += weight * (float)whole[i];
        r = same;
    }
}

static void sum_columns(const float *restrict row, const struct axis *x, uint32_t outputs,
                        uint32_t channels, float *restrict out)
{
    for (uint32_t i = 0; i < outputs; i++) {
        const struct span *s = &x->spans[i];
        const float *w = x->weights + s->weights;
        for (uint32_t c = 0; c < channels; c++) {
            const float *from = row + (size_t)s->first * channels + c;
            float sum = 0;
            for (uint32_t k = 0; k < s->count; k++)
                sum += w[k] * from[(size_t)k * channels];
            out[(size_t)i * channels + c] = sum;
        }
    }
}

struct colour {
    float y_gain, y_base, r_v, g_u, g_v, b_u;
};

static struct colour colour_of(const struct fg_frame *frame)
{
    // BT.601: Kr = .299, Kb = .114
    if (frame->full_range)
        return (struct colour){1.0f, 0.0f, 1.402f, 0.344136f, 0.714136f, 1.772f};
    return (struct colour){255.0f / 219,          16.0f,
                           1.402f * 255 / 224,    0.344136f * 255 / 224,
                           0.714136f * 255 / 224, 1.772f * 255 / 224};
}

static float clamp_byte(float v)
{
    return v < 0 ? 0 : v > 255 ? 255 : v;
}

// Sums of Y, U, V with their weights' sums: what is missing to 1 is black.
static void to_rgb(const struct colour *k, float y, float y_in, float u, float v, float c_in,
                   float rgb[3])
{
    float luma = k->y_gain * (y - k->y_base * y_in);
    float cb = u - 128 * c_in, cr = v - 128 * c_in;
    rgb[0] = clamp_byte(luma + k->r_v * cr);
    rgb[1] = clamp_byte(luma - k->g_u * cb - k->g_v * cr);
    rgb[2] = clamp_byte(luma + k->b_u * cb);
}

static void store(const struct fg_sample_form *form, float *tensor, uint32_t x, uint32_t y,
                  const float rgb[3])
{
    size_t at = form->transposed ? (size_t)x * form->width + y : (size_t)y * form->width + x;
    float *out = tensor + at * 3;
    float gain = 1 / form->scale;
    out[form->bgr ? 2 : 0] = (rgb[0] - form->mean) * gain;
    out[1] = (rgb[1] - form->mean) * gain;
    out[form->bgr ? 0 : 2] = (rgb[2] - form->mean) * gain;
}

static void convert_row(struct fg_sampler *s, const struct fg_frame *frame,
                        const struct fg_sample_form *form, uint32_t outputs, uint32_t y,
                        float *tensor)
{
    const struct colour k = colour_of(frame);
    const float *p0 = s->reduced[0], *p1 = s->reduced[1], *p2 = s->reduced[2];
    const float luma_in = s->y[0].spans[y].inside;
    const float chroma_in = frame->fourcc == FG_FOURCC_YUV ? s->y[1].spans[y].inside : 0;
    for (uint32_t x = 0; x < outputs; x++) {
        float rgb[3];
        if (frame->fourcc == FG_FOURCC_YUV)
            to_rgb(&k, p0[x], luma_in * s->x[0].spans[x].inside, p1[x], p2[x],
                   chroma_in * s->x[1].spans[x].inside, rgb);
        else if (frame->fourcc == FG_FOURCC_GREY)
            rgb[0] = rgb[1] = rgb[2] = p0[x];
        else
            memcpy(rgb, p0 + (size_t)3 * x, sizeof rgb);
        store(form, tensor, x, y, rgb);
    }
}

static uint32_t chroma_size(uint32_t size, uint8_t shift)
{
    return (size + (1u << shift) - 1) >> shift;
}

static int prepare(struct fg_sampler *s, const struct fg_frame *f, double x, double y, double w,
                   double h, uint32_t columns, uint32_t rows)
{
    size_t channels = f->fourcc == FG_FOURCC_RGB ? 3 : 1;
    size_t n_whole = s->n_row;
    int code = grow(&s->whole, &n_whole, f->width * channels + 16, sizeof *s->whole);
    if (code == 0)
        code = grow(&s->row, &s->n_row, f->width * channels + 16, sizeof *s->row);
    if (code < 0)
        return code;
    size_t want = (size_t)columns * channels;
    if (want > s->n_reduced) {
        for (int i = 0; i < 3; i++) {
            size_t have = s->n_reduced;
            if ((code = grow(&s->reduced[i], &have, want, sizeof(float))) < 0)
                return code;
        }
        s->n_reduced = want;
    }
    if ((code = axis_set(&s->x[0], x, w, columns, f->width)) < 0 ||
        (code = axis_set(&s->y[0], y, h, rows, f->height)) < 0 || f->fourcc != FG_FOURCC_YUV)
        return code;
    double sx = 1.0 / (1 << f->chroma_shift_x), sy = 1.0 / (1 << f->chroma_shift_y);
    code = axis_set(&s->x[1], x * sx, w * sx, columns, chroma_size(f->width, f->chroma_shift_x));
    if (code < 0)
        return code;
    return axis_set(&s->y[1], y * sy, h * sy, rows, chroma_size(f->height, f->chroma_shift_y));
}

int fg_sample_rect(struct fg_sampler *sampler, const struct fg_frame *frame, double x, double y,
                   double width, double height, const struct fg_sample_form *form, float *tensor)
{
    if (!(width > 0 && height > 0 && width < 1e6 && height < 1e6 && fabs(x) < 1e6 && fabs(y) < 1e6))
        return -EINVAL;
    uint32_t columns = form->transposed ? form->height : form->width;
    uint32_t rows = form->transposed ? form->width : form->height;
    struct fg_view view;
    int seen = fg_view_get(frame, &(struct fg_region){x, y, width, height},
                           fmin(width / columns, height / rows), &view, NULL);
    if (seen < 0)
        return seen;
    frame = view.frame;
    x = (x - view.x) / view.shrink;
    y = (y - view.y) / view.shrink;
    width /= view.shrink;
    height /= view.shrink;
    int code = prepare(sampler, frame, x, y, width, height, columns, rows);
    if (code < 0)
        return code;
    const uint32_t channels = frame->fourcc == FG_FOURCC_RGB ? 3 : 1;
    for (uint32_t r = 0; r < rows; r++) {
        for (unsigned p = 0; p < frame->n_planes; p++) {
            const struct axis *ax = &sampler->x[p > 0], *ay = &sampler->y[p > 0];
            const struct span *s = &ay->spans[r];
            if (s->count == 0) {
                memset(sampler->reduced[p], 0, (size_t)columns * channels * sizeof(float));
                continue;
            }
            sum_rows(sampler, &frame->planes[p], ay, s, ax->low * channels, ax->high * channels);
            sum_columns(sampler->row, ax, columns, channels, sampler->reduced[p]);
        }
        convert_row(sampler, frame, form, columns, r, tensor);
    }
    return 0;
}

// One plane of an affine sampling: the map from the tensor to this plane, in centres, and how many
// points a tensor pixel takes along each side.
struct warp {
    const struct fg_plane *plane;
    uint32_t width, height;
    unsigned channels;
    double m[6];
    int n;
    bool inside; // no point lies within a pixel of the border
};

static struct warp warp_of(const struct fg_plane *plane, uint32_t width, uint32_t height,
                           unsigned channels, const double m[6])
{
    struct warp w = {plane, width, height, channels, {0}, 1, false};
    double step = sqrt(fabs(m[0] * m[4] - m[1] * m[3])); // plane pixels a tensor pixel
    memcpy(w.m, m, sizeof w.m);
    w.n = step > 1.5 ? (int)fmin(ceil(step), 16) : 1;
    return w;
}

static void warp_check_inside(struct warp *w, uint32_t columns, uint32_t rows)
{
    w->inside = true;
    for (int i = 0; i < 4; i++) {
        double u = i % 2 ? columns - 0.5 : -0.5, v = i / 2 ? rows - 0.5 : -0.5;
        double x = w->m[0] * u + w->m[1] * v + w->m[2], y = w->m[3] * u + w->m[4] * v + w->m[5];
        w->inside = w->inside && x >= 1 && y >= 1 && x < w->width - 2.0 && y < w->height - 2.0;
    }
}

// Bilinear at (x, y), all four pixels in the plane.
static void tap_inside(const struct warp *w, float x, float y, float *sum)
{
    int ix = (int)x, iy = (int)y;
    float ax = x - (float)ix, ay = y - (float)iy;
    const uint8_t *p = w->plane->data + (size_t)iy * w->plane->stride + (size_t)ix * w->channels;
    const uint8_t *q = p + w->plane->stride;
    for (unsigned c = 0; c < w->channels; c++, p++, q++) {
        float top = (float)p[0] + ax * (float)(p[w->channels] - p[0]);
        float low = (float)q[0] + ax * (float)(q[w->channels] - q[0]);
        sum[c] += top + ay * (low - top);
    }
}

// The same anywhere: returns the weight that lay inside.
static float tap_border(const struct warp *w, double x, double y, float *sum)
{
    double fx = floor(x), fy = floor(y);
    if (!(fx >= -1 && fy >= -1 && fx < w->width && fy < w->height))
        return 0;
    int64_t ix = (int64_t)fx, iy = (int64_t)fy;
    float ax = (float)(x - fx), ay = (float)(y - fy), inside = 0;
    for (int j = 0; j < 2; j++) {
        if (iy + j < 0 || iy + j >= (int64_t)w->height)
            continue;
        const uint8_t *row = w->plane->data + (size_t)(iy + j) * w->plane->stride;
        for (int i = 0; i < 2; i++) {
            if (ix + i < 0 || ix + i >= (int64_t)w->width)
                continue;
            float share = (i ? ax : 1 - ax) * (j ? ay : 1 - ay);
            for (unsigned c = 0; c < w->channels; c++)
                sum[c] += share * (float)row[(size_t)(ix + i) * w->channels + c];
            inside += share;
        }
    }
    return inside;
}

// One tensor pixel: the mean over its points in sum[0..channels), black where outside; returns the
// share that lay inside. `clamp`: outside continues the border instead.
static float warp_pixel(const struct warp *w, uint32_t x, uint32_t y, bool clamp, float *sum)
{
    const float share = 1.0f / (float)(w->n * w->n);
    float inside = 0;
    for (int i = 0; i < w->n * w->n; i++) {
        double u = x + (i % w->n + 0.5) / w->n - 0.5;
        double v = y + ((double)(i / w->n) + 0.5) / w->n - 0.5;
        double px = w->m[0] * u + w->m[1] * v + w->m[2], py = w->m[3] * u + w->m[4] * v + w->m[5];
        if (w->inside) {
            tap_inside(w, (float)px, (float)py, sum);
            continue;
        }
        if (clamp) {
            px = fmin(fmax(px, 0), w->width - 1.0);
            py = fmin(fmax(py, 0), w->height - 1.0);
        }
        inside += tap_border(w, px, py, sum);
    }
    for (unsigned c = 0; c < w->channels; c++)
        sum[c] *= share;
    return w->inside ? 1 : inside * share;
}

// A chroma plane's map: positions about its own pixel centres.
static struct warp chroma_warp(const struct fg_frame *f, unsigned plane, const double m[6])
{
    double sx = 1.0 / (1 << f->chroma_shift_x), sy = 1.0 / (1 << f->chroma_shift_y);
    double c[6] = {m[0] * sx, m[1] * sx, (m[2] + 0.5) * sx - 0.5,
                   m[3] * sy, m[4] * sy, (m[5] + 0.5) * sy - 0.5};
    return warp_of(&f->planes[plane], chroma_size(f->width, f->chroma_shift_x),
                   chroma_size(f->height, f->chroma_shift_y), 1, c);
}

static struct fg_region affine_region(const struct fg_affine *map, uint32_t columns, uint32_t rows)
{
    double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
    for (int i = 0; i < 4; i++) {
        double u = i % 2 ? columns - 0.5 : -0.5, v = i / 2 ? rows - 0.5 : -0.5;
        for (int k = 0; k < 2; k++) {
            const double *m = map->m + 3 * k;
            double at = m[0] * u + m[1] * v + m[2] + 0.5;
            low[k] = fmin(low[k], at);
            high[k] = fmax(high[k], at);
        }
    }
    return (struct fg_region){low[0], low[1], high[0] - low[0], high[1] - low[1]};
}

int fg_sample_affine(const struct fg_frame *frame, const struct fg_affine *whole,
                     const struct fg_sample_form *form, float *tensor)
{
    struct fg_view view;
    struct fg_affine in_view = *whole, *map = &in_view;
    double *m = in_view.m;
    struct fg_region region = affine_region(whole, form->transposed ? form->height : form->width,
                                            form->transposed ? form->width : form->height);
    int code = fg_view_get(frame, &region, sqrt(fabs(m[0] * m[4] - m[1] * m[3])), &view, NULL);
    if (code < 0)
        return code;
    frame = view.frame;
    for (int i = 0; i < 6; i++)
        m[i] /= view.shrink;
    m[2] = (whole->m[2] + 0.5 - view.x) / view.shrink - 0.5;
    m[5] = (whole->m[5] + 0.5 - view.y) / view.shrink - 0.5;
    const struct colour k = colour_of(frame);
    const bool yuv = frame->fourcc == FG_FOURCC_YUV, grey = frame->fourcc == FG_FOURCC_GREY;
    uint32_t columns = form->transposed ? form->height : form->width;
    uint32_t rows = form->transposed ? form->width : form->height;
    struct warp w[3] = {{0}};
    w[0] = warp_of(&frame->planes[0], frame->width, frame->height, yuv || grey ? 1 : 3, map->m);
    warp_check_inside(&w[0], columns, rows);
    for (unsigned i = 1; yuv && i < 3; i++) {
        w[i] = chroma_warp(frame, i, map->m);
        warp_check_inside(&w[i], columns, rows);
    }
    for (uint32_t y = 0; y < rows; y++) {
        for (uint32_t x = 0; x < columns; x++) {
            float v[3] = {0, 0, 0}, chroma[2] = {0, 0}, rgb[3];
            float inside = warp_pixel(&w[0], x, y, false, v);
            if (yuv && inside > 0) {
                // a luma pixel at the border is inside the picture, its chroma is the border's
                warp_pixel(&w[1], x, y, true, &chroma[0]);
                warp_pixel(&w[2], x, y, true, &chroma[1]);
                to_rgb(&k, v[0], inside, chroma[0] * inside, chroma[1] * inside, inside, rgb);
            } else {
                for (int c = 0; c < 3; c++)
                    rgb[c] = grey || yuv ? v[0] : v[c];
            }
            store(form, tensor, x, y, rgb);
        }
    }
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
