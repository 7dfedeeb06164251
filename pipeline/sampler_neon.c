// SPDX-License-Identifier: Apache-2.0
// The sampler's kernels for arm64, which always has NEON.
#if defined __aarch64__
#include <arm_neon.h>
#include <string.h>

#include "pipeline/sampler_kernels.h"

#define INLINE static inline __attribute__((always_inline))

// At most 257 rows of bytes fit 16 bits.
#define ROWS_IN_16_BITS 257u

#define MOST_VECTORS 4 // of 16 bytes, summed side by side

static bool present(void)
{
    return true;
}

// ---- rows ---------------------------------------------------------------------------------------

// Sums of 16 bytes of each row, by their place: val[0] of bytes 0, 4, 8, 12, val[1] of 1, 5 ...
INLINE void add_weighted(float32x4x4_t *s, uint16x8_t even, uint16x8_t odd, float weight)
{
    const uint32x4_t low = vdupq_n_u32(0xffff);
    const uint32x4_t e = vreinterpretq_u32_u16(even), o = vreinterpretq_u32_u16(odd);
    s->val[0] = vfmaq_n_f32(s->val[0], vcvtq_f32_u32(vandq_u32(e, low)), weight);
    s->val[1] = vfmaq_n_f32(s->val[1], vcvtq_f32_u32(vandq_u32(o, low)), weight);
    s->val[2] = vfmaq_n_f32(s->val[2], vcvtq_f32_u32(vshrq_n_u32(e, 16)), weight);
    s->val[3] = vfmaq_n_f32(s->val[3], vcvtq_f32_u32(vshrq_n_u32(o, 16)), weight);
}

// `count` rows from `from`, as integers.
INLINE void add_rows(float32x4x4_t *s, int vectors, const uint8_t *from, size_t stride,
                     uint32_t count, float weight)
{
    const uint8x16_t low = vreinterpretq_u8_u16(vdupq_n_u16(0xff));
    uint16x8_t even[MOST_VECTORS], odd[MOST_VECTORS];
    for (int k = 0; k < vectors; k++)
        even[k] = odd[k] = vdupq_n_u16(0);
    for (uint32_t r = 0; r < count; r++, from += stride) {
        for (int k = 0; k < vectors; k++) {
            const uint8x16_t x = vld1q_u8(from + 16 * k);
            even[k] = vaddq_u16(even[k], vreinterpretq_u16_u8(vandq_u8(x, low)));
            odd[k] = vsraq_n_u16(odd[k], vreinterpretq_u16_u8(x), 8);
        }
    }
    for (int k = 0; k < vectors; k++)
        add_weighted(&s[k], even[k], odd[k], weight);
}

INLINE void sum_block(const struct fg_rows *rows, size_t at, int vectors, float32x4x4_t *s)
{
    const uint8_t *from = rows->data + at;
    for (int k = 0; k < vectors; k++)
        for (int i = 0; i < 4; i++)
            s[k].val[i] = vdupq_n_f32(0);
    for (unsigned r = 0; r < rows->n_runs; r++)
        for (uint32_t left = rows->runs[r].count; left > 0;) {
            const uint32_t count = left < ROWS_IN_16_BITS ? left : ROWS_IN_16_BITS;
            add_rows(s, vectors, from, rows->stride, count, rows->runs[r].weight);
            from += count * rows->stride;
            left -= count;
        }
}

INLINE void store_two(float32x4_t a, float32x4_t b, float *out)
{
    const float32x4x2_t both = {{a, b}};
    vst2q_f32(out, both);
}

// Sums of 16 bytes, or of 48 of RGB, from the byte at `at`.
INLINE void store_sums(enum fg_row_kind kind, const float32x4x4_t *s, size_t at,
                       float *const out[3])
{
    float plain[48];
    switch (kind) {
    case FG_ROW_PLAIN:
        vst4q_f32(out[0] + at, *s);
        break;
    case FG_ROW_PAIRS:
        store_two(s->val[0], s->val[2], out[0] + at / 2);
        store_two(s->val[1], s->val[3], out[1] + at / 2);
        break;
    case FG_ROW_YUYV:
        store_two(s->val[0], s->val[2], out[0] + at / 2);
        vst1q_f32(out[1] + at / 4, s->val[1]);
        vst1q_f32(out[2] + at / 4, s->val[3]);
        break;
    case FG_ROW_UYVY:
        store_two(s->val[1], s->val[3], out[0] + at / 2);
        vst1q_f32(out[1] + at / 4, s->val[0]);
        vst1q_f32(out[2] + at / 4, s->val[2]);
        break;
    case FG_ROW_RGB:
        for (int k = 0; k < 3; k++)
            vst4q_f32(plain + 16 * k, s[k]);
        for (size_t k = 0; k < 4; k++) {
            const float32x4x3_t rgb = vld3q_f32(plain + 12 * k);
            for (int c = 0; c < 3; c++)
                vst1q_f32(out[c] + at / 3 + 4 * k, rgb.val[c]);
        }
        break;
    }
}

INLINE void sum_kind(enum fg_row_kind kind, const struct fg_rows *rows, size_t bytes,
                     struct fg_ahead *ahead, float *const out[3])
{
    const int vectors = kind == FG_ROW_RGB ? 3 : 1;
    const size_t unit = 16 * (size_t)vectors;
    float32x4x4_t s[MOST_VECTORS];
    size_t at = 0;
    for (; kind != FG_ROW_RGB && at + 64 <= bytes; at += 64) {
        fg_ahead_step(ahead);
        sum_block(rows, at, 4, s);
        for (size_t k = 0; k < 4; k++)
            store_sums(kind, &s[k], at + 16 * k, out);
    }
    for (; at < bytes; at += unit) {
        at = at + unit <= bytes ? at : bytes - unit; // the last may do some again
        sum_block(rows, at, vectors, s);
        store_sums(kind, s, at, out);
    }
}

static void sum_rows(const struct fg_rows *rows, uint32_t groups, struct fg_ahead *ahead,
                     float *const out[3])
{
    static const uint32_t sizes[] = {1, 2, 4, 4, 3};
    const size_t bytes = (size_t)groups * sizes[rows->kind];
    if (bytes < (rows->kind == FG_ROW_RGB ? 48 : 16)) {
        fg_sampler_c.sum_rows(rows, groups, ahead, out);
        return;
    }
    switch (rows->kind) {
    case FG_ROW_PLAIN:
        sum_kind(FG_ROW_PLAIN, rows, bytes, ahead, out);
        break;
    case FG_ROW_PAIRS:
        sum_kind(FG_ROW_PAIRS, rows, bytes, ahead, out);
        break;
    case FG_ROW_YUYV:
        sum_kind(FG_ROW_YUYV, rows, bytes, ahead, out);
        break;
    case FG_ROW_UYVY:
        sum_kind(FG_ROW_UYVY, rows, bytes, ahead, out);
        break;
    case FG_ROW_RGB:
        sum_kind(FG_ROW_RGB, rows, bytes, ahead, out);
        break;
    }
}

// ---- columns ------------------------------------------------------------------------------------

INLINE float32x4_t four_spans(const float *row, const struct fg_span *spans, const float *weights,
                              uint32_t taps)
{
    float32x4_t sum[4];
    for (int i = 0; i < 4; i++) {
        const float *from = row + spans[i].first, *w = weights + (size_t)i * taps;
        sum[i] = vmulq_f32(vld1q_f32(from), vld1q_f32(w));
        for (uint32_t k = 4; k < taps; k += 4)
            sum[i] = vfmaq_f32(sum[i], vld1q_f32(from + k), vld1q_f32(w + k));
    }
    return vpaddq_f32(vpaddq_f32(sum[0], sum[1]), vpaddq_f32(sum[2], sum[3]));
}

static void sum_columns(const float *row, const struct fg_axis *axis, struct fg_ahead *ahead,
                        float *out)
{
    if (axis->outputs < 4) {
        fg_sampler_c.sum_columns(row, axis, ahead, out);
        return;
    }
    for (uint32_t i = 0; i < axis->outputs; i += 4) {
        i = i + 4 <= axis->outputs ? i : axis->outputs - 4;
        if (i % 8 == 0)
            fg_ahead_step(ahead);
        vst1q_f32(out + i, four_spans(row, axis->spans + i, axis->weights + (size_t)i * axis->taps,
                                      axis->taps));
    }
}

// ---- colour -------------------------------------------------------------------------------------

INLINE void store_pixels(const struct fg_colour *k, const float32x4_t rgb[3], float *out)
{
    const float32x4_t mean = vdupq_n_f32(k->mean);
    float32x4x3_t v;
    for (int c = 0; c < 3; c++)
        v.val[c] = vmulq_n_f32(vsubq_f32(rgb[k->bgr ? 2 - c : c], mean), k->gain);
    vst3q_f32(out, v);
}

INLINE float32x4_t clamp_byte(float32x4_t v)
{
    return vminq_f32(vmaxq_f32(v, vdupq_n_f32(0)), vdupq_n_f32(255));
}

INLINE void four_yuv(const struct fg_colour *k, const struct fg_yuv_row *row, uint32_t i,
                     float *out)
{
    const float32x4_t luma_in = vmulq_n_f32(vld1q_f32(row->luma_inside + i), row->luma_row);
    const float32x4_t grey = vmulq_n_f32(vld1q_f32(row->chroma_inside + i), 128 * row->chroma_row);
    const float32x4_t luma =
        vmulq_n_f32(vfmsq_n_f32(vld1q_f32(row->y + i), luma_in, k->y_base), k->y_gain);
    const float32x4_t cb = vsubq_f32(vld1q_f32(row->u + i), grey);
    const float32x4_t cr = vsubq_f32(vld1q_f32(row->v + i), grey);
    const float32x4_t green = vfmsq_n_f32(vfmsq_n_f32(luma, cb, k->g_u), cr, k->g_v);
    const float32x4_t rgb[3] = {clamp_byte(vfmaq_n_f32(luma, cr, k->r_v)), clamp_byte(green),
                                clamp_byte(vfmaq_n_f32(luma, cb, k->b_u))};
    store_pixels(k, rgb, out + (size_t)i * 3);
}

static void yuv_to_tensor(const struct fg_colour *colour, const struct fg_yuv_row *row,
                          uint32_t count, struct fg_ahead *ahead, float *out)
{
    if (count < 4) {
        fg_sampler_c.yuv_to_tensor(colour, row, count, ahead, out);
        return;
    }
    for (uint32_t i = 0; i < count; i += 4) {
        i = i + 4 <= count ? i : count - 4;
        if (i % 8 == 0)
            fg_ahead_step(ahead);
        four_yuv(colour, row, i, out);
    }
}

static void rgb_to_tensor(const struct fg_colour *colour, const float *const rgb[3], uint32_t count,
                          struct fg_ahead *ahead, float *out)
{
    if (count < 4) {
        fg_sampler_c.rgb_to_tensor(colour, rgb, count, ahead, out);
        return;
    }
    for (uint32_t i = 0; i < count; i += 4) {
        i = i + 4 <= count ? i : count - 4;
        if (i % 8 == 0)
            fg_ahead_step(ahead);
        const float32x4_t v[3] = {vld1q_f32(rgb[0] + i), vld1q_f32(rgb[1] + i),
                                  vld1q_f32(rgb[2] + i)};
        store_pixels(colour, v, out + (size_t)i * 3);
    }
}

// ---- warp ---------------------------------------------------------------------------------------

// Four tensor pixels: where the first lies, as a whole pixel and the rest of the way; the rest is
// small, so that float is enough for it and for what is added to it.
struct start {
    int32_t offset;
    float32x4_t x, y;
};

// Where four points lie, and the shares of the right and of the lower pixels.
struct places {
    int32_t offset[4];
    float32x4_t right, below;
};

INLINE struct start start_of(const struct fg_warp *w, uint32_t u, uint32_t v)
{
    const float32x4_t lanes = {0, 1, 2, 3};
    const double px = w->m[0] * u + w->m[1] * v + w->m[2];
    const double py = w->m[3] * u + w->m[4] * v + w->m[5];
    const int32_t ix = (int32_t)px, iy = (int32_t)py;
    return (struct start){iy * (int32_t)w->stride + ix * (int32_t)w->step,
                          vfmaq_n_f32(vdupq_n_f32((float)(px - ix)), lanes, (float)w->m[0]),
                          vfmaq_n_f32(vdupq_n_f32((float)(py - iy)), lanes, (float)w->m[3])};
}

// A point of each of the four, (dx, dy) from their middles.
INLINE struct places places_of(const struct fg_warp *w, const struct start *s, float dx, float dy)
{
    const float32x4_t x = vaddq_f32(s->x, vdupq_n_f32(dx)), y = vaddq_f32(s->y, vdupq_n_f32(dy));
    const float32x4_t x0 = vrndmq_f32(x), y0 = vrndmq_f32(y);
    const int32x4_t start = vdupq_n_s32(s->offset);
    const int32x4_t row = vmlaq_n_s32(start, vcvtq_s32_f32(y0), (int32_t)w->stride);
    struct places p = {.right = vsubq_f32(x, x0), .below = vsubq_f32(y, y0)};
    vst1q_s32(p.offset, vmlaq_n_s32(row, vcvtq_s32_f32(x0), (int32_t)w->step));
    return p;
}

INLINE uint32x4_t gather(const uint8_t *base, const int32_t offset[4])
{
    uint32_t four[4];
    for (int i = 0; i < 4; i++)
        memcpy(&four[i], base + offset[i], sizeof four[i]);
    return vld1q_u32(four);
}

INLINE float32x4_t byte_at(uint32x4_t four, unsigned at)
{
    const uint32x4_t shifted = vshlq_u32(four, vdupq_n_s32(-8 * (int)at));
    return vcvtq_f32_u32(vandq_u32(shifted, vdupq_n_u32(0xff)));
}

// Adds four points of each channel. Two pixels of one byte, or of two, lie in four bytes.
INLINE void add_points(const uint8_t *data, const struct places *p, size_t stride, unsigned step,
                       unsigned channels, unsigned spacing, float32x4_t *sum)
{
    const bool together = step <= 2;
    const uint8_t *next = data + stride;
    const uint32x4_t top = gather(data, p->offset), low = gather(next, p->offset);
    const uint32x4_t top_right = together ? top : gather(data + step, p->offset);
    const uint32x4_t low_right = together ? low : gather(next + step, p->offset);
    const unsigned right = together ? step : 0;
    for (unsigned c = 0; c < channels; c++) {
        const float32x4_t t = byte_at(top, c * spacing), l = byte_at(low, c * spacing);
        const float32x4_t tr = byte_at(top_right, right + c * spacing);
        const float32x4_t lr = byte_at(low_right, right + c * spacing);
        const float32x4_t upper = vfmaq_f32(t, p->right, vsubq_f32(tr, t));
        const float32x4_t lower = vfmaq_f32(l, p->right, vsubq_f32(lr, l));
        sum[c] = vaddq_f32(sum[c], vfmaq_f32(upper, p->below, vsubq_f32(lower, upper)));
    }
}

INLINE void warp_kind(const struct fg_warp *w, uint32_t x, uint32_t y, uint32_t count,
                      unsigned step, unsigned channels, unsigned spacing, float *const out[3])
{
    const float n = (float)w->n, gap = 1 / n, first = gap / 2 - 0.5f;
    const float m[4] = {(float)w->m[0], (float)w->m[1], (float)w->m[3], (float)w->m[4]};
    for (uint32_t i = 0; i < count; i += 4) {
        i = i + 4 <= count ? i : count - 4; // the last may do some again
        const struct start start = start_of(w, x + i, y);
        float32x4_t sum[3] = {vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0)};
        float v = first;
        for (unsigned r = 0; r < w->n; r++, v += gap) {
            float u = first;
            for (unsigned c = 0; c < w->n; c++, u += gap) {
                const struct places p =
                    places_of(w, &start, m[0] * u + m[1] * v, m[2] * u + m[3] * v);
                add_points(w->data, &p, w->stride, step, channels, spacing, sum);
            }
        }
        for (unsigned c = 0; c < channels; c++)
            vst1q_f32(out[c] + i, vmulq_n_f32(sum[c], 1 / (n * n)));
    }
}

static void warp(const struct fg_warp *w, uint32_t x, uint32_t y, uint32_t count,
                 float *const out[3])
{
    if (count < 4 || (uint64_t)w->stride * w->height > INT32_MAX)
        fg_sampler_c.warp(w, x, y, count, out);
    else if (w->step == 1)
        warp_kind(w, x, y, count, 1, 1, 0, out);
    else if (w->step == 2 && w->channels == 1)
        warp_kind(w, x, y, count, 2, 1, 0, out);
    else if (w->step == 2)
        warp_kind(w, x, y, count, 2, 2, 1, out);
    else if (w->step == 3)
        warp_kind(w, x, y, count, 3, 3, 1, out);
    else
        warp_kind(w, x, y, count, 4, 2, 2, out);
}

const struct fg_sampler_kernels fg_sampler_neon = {
    .name = "neon",
    .present = present,
    .sum_rows = sum_rows,
    .sum_columns = sum_columns,
    .warp = warp,
    .yuv_to_tensor = yuv_to_tensor,
    .rgb_to_tensor = rgb_to_tensor,
};
#endif
