// SPDX-License-Identifier: Apache-2.0
// The sampler's kernels in C: the reference of the others, and what runs where there are none.
#include <string.h>

#include "pipeline/sampler_kernels.h"

// Bytes of a row that are summed at a time: whole groups of every kind.
#define BLOCK 240u

// At most 257 rows of bytes fit 16 bits.
#define ROWS_IN_16_BITS 257u

static bool always(void)
{
    return true;
}

// Rows of equal weight are added as integers: several times faster than as floats, and exact.
static void add_rows(const uint8_t *from, size_t stride, uint32_t count, uint32_t bytes,
                     uint16_t *restrict sum)
{
    memset(sum, 0, bytes * sizeof *sum);
    for (uint32_t r = 0; r < count; r++, from += stride)
        for (uint32_t i = 0; i < bytes; i++)
            sum[i] = (uint16_t)(sum[i] + from[i]);
}

static void sum_block(const struct fg_rows *rows, size_t at, uint32_t bytes, float *restrict sum)
{
    const uint8_t *from = rows->data + at;
    uint16_t whole[BLOCK];
    memset(sum, 0, bytes * sizeof *sum);
    for (unsigned r = 0; r < rows->n_runs; r++) {
        const float weight = rows->runs[r].weight;
        for (uint32_t left = rows->runs[r].count; left > 0;) {
            uint32_t count = left < ROWS_IN_16_BITS ? left : ROWS_IN_16_BITS;
            add_rows(from, rows->stride, count, bytes, whole);
            for (uint32_t i = 0; i < bytes; i++)
                sum[i] += weight * (float)whole[i];
            from += count * rows->stride;
            left -= count;
        }
    }
}

static void spread(const float *sum, uint32_t groups, uint32_t size, float *restrict out)
{
    for (uint32_t i = 0; i < groups; i++)
        out[i] = sum[(size_t)i * size];
}

static void spread_yuv(const float *sum, uint32_t groups, const unsigned at[4], float *const out[3],
                       uint32_t done)
{
    for (uint32_t i = 0; i < groups; i++, sum += 4) {
        out[0][2 * (done + i)] = sum[at[0]];
        out[0][2 * (done + i) + 1] = sum[at[1]];
        out[1][done + i] = sum[at[2]];
        out[2][done + i] = sum[at[3]];
    }
}

static void sum_rows(const struct fg_rows *rows, uint32_t groups, struct fg_ahead *ahead,
                     float *const out[3])
{
    (void)ahead;
    static const uint32_t sizes[] = {1, 2, 4, 4, 3};
    static const unsigned yuyv[4] = {0, 2, 1, 3}, uyvy[4] = {1, 3, 0, 2};
    const uint32_t size = sizes[rows->kind], most = BLOCK / size;
    float sum[BLOCK];
    for (uint32_t done = 0; done < groups; done += most) {
        const uint32_t n = groups - done < most ? groups - done : most;
        sum_block(rows, (size_t)done * size, n * size, sum);
        if (rows->kind == FG_ROW_YUYV || rows->kind == FG_ROW_UYVY)
            spread_yuv(sum, n, rows->kind == FG_ROW_YUYV ? yuyv : uyvy, out, done);
        else
            for (uint32_t c = 0; c < size; c++)
                spread(sum + c, n, size, out[c] + done);
    }
}

static void sum_columns(const float *row, const struct fg_axis *axis, struct fg_ahead *ahead,
                        float *out)
{
    (void)ahead;
    for (uint32_t i = 0; i < axis->outputs; i++) {
        const struct fg_span *s = &axis->spans[i];
        const float *weights = axis->weights + (size_t)i * axis->taps;
        float sum = 0;
        for (uint32_t k = 0; k < s->count; k++)
            sum += weights[k] * row[s->first + k];
        out[i] = sum;
    }
}

// Bilinear at (x, y), all four pixels in the part.
static void add_point(const struct fg_warp *w, double x, double y, float *sum)
{
    const size_t ix = (size_t)x, iy = (size_t)y;
    const float ax = (float)(x - (double)ix), ay = (float)(y - (double)iy);
    const uint8_t *p = w->data + iy * w->stride + ix * w->step, *q = p + w->stride;
    for (unsigned c = 0; c < w->channels; c++, p += w->spacing, q += w->spacing) {
        float top = (float)p[0] + ax * (float)(p[w->step] - p[0]);
        float low = (float)q[0] + ax * (float)(q[w->step] - q[0]);
        sum[c] += top + ay * (low - top);
    }
}

static void warp(const struct fg_warp *w, uint32_t x, uint32_t y, uint32_t count,
                 float *const out[3])
{
    const float share = 1.0f / (float)(w->n * w->n);
    for (uint32_t i = 0; i < count; i++) {
        float sum[3] = {0, 0, 0};
        for (unsigned k = 0; k < w->n * w->n; k++) {
            const double u = x + i + (k % w->n + 0.5) / w->n - 0.5;
            const double v = y + ((double)(k / w->n) + 0.5) / w->n - 0.5;
            add_point(w, w->m[0] * u + w->m[1] * v + w->m[2], w->m[3] * u + w->m[4] * v + w->m[5],
                      sum);
        }
        for (unsigned c = 0; c < w->channels; c++)
            out[c][i] = sum[c] * share;
    }
}

static float clamp_byte(float v)
{
    return v < 0 ? 0 : v > 255 ? 255 : v;
}

static void yuv_to_tensor(const struct fg_colour *k, const struct fg_yuv_row *row, uint32_t count,
                          struct fg_ahead *ahead, float *out)
{
    (void)ahead;
    const unsigned red = k->bgr ? 2 : 0;
    for (uint32_t i = 0; i < count; i++, out += 3) {
        const float luma_in = row->luma_row * row->luma_inside[i];
        const float chroma_in = row->chroma_row * row->chroma_inside[i];
        const float luma = k->y_gain * (row->y[i] - k->y_base * luma_in);
        const float cb = row->u[i] - 128 * chroma_in, cr = row->v[i] - 128 * chroma_in;
        out[red] = (clamp_byte(luma + k->r_v * cr) - k->mean) * k->gain;
        out[1] = (clamp_byte(luma - k->g_u * cb - k->g_v * cr) - k->mean) * k->gain;
        out[2 - red] = (clamp_byte(luma + k->b_u * cb) - k->mean) * k->gain;
    }
}

static void rgb_to_tensor(const struct fg_colour *k, const float *const rgb[3], uint32_t count,
                          struct fg_ahead *ahead, float *out)
{
    (void)ahead;
    for (uint32_t i = 0; i < count; i++, out += 3)
        for (unsigned c = 0; c < 3; c++)
            out[k->bgr ? 2 - c : c] = (rgb[c][i] - k->mean) * k->gain;
}

const struct fg_sampler_kernels fg_sampler_c = {
    .name = "c",
    .present = always,
    .sum_rows = sum_rows,
    .sum_columns = sum_columns,
    .warp = warp,
    .yuv_to_tensor = yuv_to_tensor,
    .rgb_to_tensor = rgb_to_tensor,
};
