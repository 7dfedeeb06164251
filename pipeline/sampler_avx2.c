// SPDX-License-Identifier: Apache-2.0
// The sampler's kernels for x86-64 with AVX2 and FMA.
#if defined __x86_64__
#include <immintrin.h>
#include <string.h>

#include "pipeline/sampler_kernels.h"

#define AVX2   __attribute__((target("avx2,fma")))
#define INLINE AVX2 static inline __attribute__((always_inline))

// At most 257 rows of bytes fit 16 bits.
#define ROWS_IN_16_BITS 257u

#define MOST_VECTORS 3 // of 32 bytes, summed side by side

static bool present(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

// ---- rows ---------------------------------------------------------------------------------------

// Sums of 32 bytes of each row, sorted as they are stored: what goes to out[0] first.
struct sums {
    __m256 of[4];
};

INLINE __m256i lower(__m256i v)
{
    return _mm256_cvtepu16_epi32(_mm256_castsi256_si128(v));
}

INLINE __m256i upper(__m256i v)
{
    return _mm256_cvtepu16_epi32(_mm256_extracti128_si256(v, 1));
}

INLINE void sort(enum fg_row_kind kind, __m256i even, __m256i odd, __m256i ret[4])
{
    if (kind == FG_ROW_PLAIN || kind == FG_ROW_RGB) {
        const __m256i a = _mm256_unpacklo_epi16(even, odd), b = _mm256_unpackhi_epi16(even, odd);
        ret[0] = lower(a);
        ret[1] = lower(b);
        ret[2] = upper(a);
        ret[3] = upper(b);
        return;
    }
    const __m256i first = kind == FG_ROW_UYVY ? odd : even,
                  second = kind == FG_ROW_UYVY ? even : odd;
    ret[0] = lower(first);
    ret[1] = upper(first);
    if (kind == FG_ROW_PAIRS) {
        ret[2] = lower(second);
        ret[3] = upper(second);
    } else {
        ret[2] = _mm256_and_si256(second, _mm256_set1_epi32(0xffff));
        ret[3] = _mm256_srli_epi32(second, 16);
    }
}

INLINE void add_weighted(enum fg_row_kind kind, struct sums *s, __m256i even, __m256i odd,
                         __m256 weight)
{
    __m256i sorted[4];
    sort(kind, even, odd, sorted);
    for (int k = 0; k < 4; k++)
        s->of[k] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sorted[k]), weight, s->of[k]);
}

// `count` rows from `from`, as integers: x is even + 256 * odd, modulo 65536, whatever is added up.
INLINE void add_rows(enum fg_row_kind kind, struct sums *s, int vectors, const uint8_t *from,
                     const struct fg_rows *rows, uint32_t count, __m256 weight)
{
    __m256i both[MOST_VECTORS], odd[MOST_VECTORS];
    for (int k = 0; k < vectors; k++)
        both[k] = odd[k] = _mm256_setzero_si256();
#pragma GCC unroll 4
    for (uint32_t r = 0; r < count; r++, from += rows->stride) {
        for (int k = 0; k < vectors; k++) {
            const __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)(from + 32 * k));
            both[k] = _mm256_add_epi16(both[k], x);
            odd[k] = _mm256_add_epi16(odd[k], _mm256_srli_epi16(x, 8));
        }
    }
    for (int k = 0; k < vectors; k++)
        add_weighted(kind, &s[k], _mm256_sub_epi16(both[k], _mm256_slli_epi16(odd[k], 8)), odd[k],
                     weight);
}

INLINE void sum_block(enum fg_row_kind kind, const struct fg_rows *rows, size_t at, int vectors,
                      struct sums *s)
{
    const uint8_t *from = rows->data + at;
    for (int k = 0; k < vectors; k++)
        for (int i = 0; i < 4; i++)
            s[k].of[i] = _mm256_setzero_ps();
    if (rows->n_runs == 1 && rows->runs[0].count <= ROWS_IN_16_BITS) {
        add_rows(kind, s, vectors, from, rows, rows->runs[0].count,
                 _mm256_set1_ps(rows->runs[0].weight));
        return;
    }
    for (unsigned r = 0; r < rows->n_runs; r++) {
        const __m256 weight = _mm256_set1_ps(rows->runs[r].weight);
        for (uint32_t left = rows->runs[r].count; left > 0;) {
            const uint32_t count = left < ROWS_IN_16_BITS ? left : ROWS_IN_16_BITS;
            add_rows(kind, s, vectors, from, rows, count, weight);
            from += count * rows->stride;
            left -= count;
        }
    }
}

// 24 floats of 8 pixels, three a pixel, to 8 of each.
INLINE void store_three(const float *in, float *const out[3], size_t at)
{
    const __m256 a = _mm256_loadu_ps(in), b = _mm256_loadu_ps(in + 8), c = _mm256_loadu_ps(in + 16);
    const __m256i order[3] = {_mm256_setr_epi32(0, 3, 6, 1, 4, 7, 2, 5),
                              _mm256_setr_epi32(1, 4, 7, 2, 5, 0, 3, 6),
                              _mm256_setr_epi32(2, 5, 0, 3, 6, 1, 4, 7)};
    const __m256 mixed[3] = {_mm256_blend_ps(_mm256_blend_ps(a, b, 0x92), c, 0x24),
                             _mm256_blend_ps(_mm256_blend_ps(a, b, 0x24), c, 0x49),
                             _mm256_blend_ps(_mm256_blend_ps(a, b, 0x49), c, 0x92)};
    for (int k = 0; k < 3; k++)
        _mm256_storeu_ps(out[k] + at, _mm256_permutevar8x32_ps(mixed[k], order[k]));
}

// Sums of 32 bytes, or of 96 of RGB, from the byte at `at`.
INLINE void store_sums(enum fg_row_kind kind, const struct sums *s, size_t at, float *const out[3])
{
    float rgb[96];
    switch (kind) {
    case FG_ROW_PLAIN:
        for (int k = 0; k < 4; k++)
            _mm256_storeu_ps(out[0] + at + 8 * k, s->of[k]);
        break;
    case FG_ROW_PAIRS:
        for (int k = 0; k < 4; k++)
            _mm256_storeu_ps(out[k / 2] + at / 2 + 8 * (k % 2), s->of[k]);
        break;
    case FG_ROW_YUYV:
    case FG_ROW_UYVY:
        _mm256_storeu_ps(out[0] + at / 2, s->of[0]);
        _mm256_storeu_ps(out[0] + at / 2 + 8, s->of[1]);
        _mm256_storeu_ps(out[1] + at / 4, s->of[2]);
        _mm256_storeu_ps(out[2] + at / 4, s->of[3]);
        break;
    case FG_ROW_RGB:
        for (int k = 0; k < 12; k++)
            _mm256_storeu_ps(rgb + 8 * k, s[k / 4].of[k % 4]);
        for (size_t k = 0; k < 4; k++)
            store_three(rgb + 24 * k, out, at / 3 + 8 * k);
        break;
    }
}

INLINE void sum_kind(enum fg_row_kind kind, const struct fg_rows *rows, size_t bytes,
                     struct fg_ahead *ahead, float *const out[3])
{
    const int vectors = kind == FG_ROW_RGB ? 3 : 1;
    const size_t unit = 32 * (size_t)vectors;
    struct sums s[MOST_VECTORS];
    size_t at = 0;
    for (; kind != FG_ROW_RGB && at + 64 <= bytes; at += 64) {
        fg_ahead_step(ahead);
        sum_block(kind, rows, at, 2, s);
        store_sums(kind, &s[0], at, out);
        store_sums(kind, &s[1], at + 32, out);
    }
    for (; at < bytes; at += unit) {
        at = at + unit <= bytes ? at : bytes - unit; // the last may do some again
        sum_block(kind, rows, at, vectors, s);
        store_sums(kind, s, at, out);
    }
}

AVX2 static void sum_rows(const struct fg_rows *rows, uint32_t groups, struct fg_ahead *ahead,
                          float *const out[3])
{
    static const uint32_t sizes[] = {1, 2, 4, 4, 3};
    const size_t bytes = (size_t)groups * sizes[rows->kind];
    if (bytes < (rows->kind == FG_ROW_RGB ? 96 : 32)) {
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

INLINE __m256 load_two(const float *low, const float *high)
{
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(low)), _mm_loadu_ps(high), 1);
}

// Span i in the lower half and span i + 4 in the upper, each as four sums to be added.
INLINE __m256 two_spans(const float *row, const struct fg_span *spans, const float *weights,
                        uint32_t taps)
{
    const float *a = row + spans[0].first, *b = row + spans[4].first;
    const float *wa = weights, *wb = weights + (size_t)4 * taps;
    __m256 sum = _mm256_setzero_ps();
    uint32_t k = 0;
    if (taps >= 8) {
        __m256 of_a = _mm256_mul_ps(_mm256_loadu_ps(a), _mm256_loadu_ps(wa));
        __m256 of_b = _mm256_mul_ps(_mm256_loadu_ps(b), _mm256_loadu_ps(wb));
        for (k = 8; k + 8 <= taps; k += 8) {
            of_a = _mm256_fmadd_ps(_mm256_loadu_ps(a + k), _mm256_loadu_ps(wa + k), of_a);
            of_b = _mm256_fmadd_ps(_mm256_loadu_ps(b + k), _mm256_loadu_ps(wb + k), of_b);
        }
        sum = _mm256_add_ps(_mm256_blend_ps(of_a, of_b, 0xf0),
                            _mm256_permute2f128_ps(of_a, of_b, 0x21));
    }
    if (k < taps)
        sum = _mm256_fmadd_ps(load_two(a + k, b + k), load_two(wa + k, wb + k), sum);
    return sum;
}

// The sums of neighbours: a's in places 0 and 2 of each half, b's in 1 and 3.
INLINE __m256 add_neighbours(__m256 a, __m256 b)
{
    const __m256 rest = _mm256_blend_ps(b, a, 0xaa);
    return _mm256_add_ps(_mm256_blend_ps(a, b, 0xaa), _mm256_permute_ps(rest, 0xb1));
}

INLINE __m256 eight_spans(const float *row, const struct fg_span *spans, const float *weights,
                          uint32_t taps)
{
    __m256 sum[4];
    for (int i = 0; i < 4; i++)
        sum[i] = two_spans(row, spans + i, weights + (size_t)i * taps, taps);
    const __m256 low = add_neighbours(sum[0], sum[1]), high = add_neighbours(sum[2], sum[3]);
    const __m256 rest = _mm256_shuffle_ps(low, high, 0x4e);
    return _mm256_add_ps(_mm256_blend_ps(low, high, 0xcc), rest);
}

AVX2 static void sum_columns(const float *row, const struct fg_axis *axis, struct fg_ahead *ahead,
                             float *out)
{
    const uint32_t taps = axis->taps;
    uint32_t i = 0;
    if (axis->outputs < 8) {
        fg_sampler_c.sum_columns(row, axis, ahead, out);
        return;
    }
    for (; i < axis->outputs; i += 8) {
        i = i + 8 <= axis->outputs ? i : axis->outputs - 8;
        fg_ahead_step(ahead);
        const struct fg_span *spans = axis->spans + i;
        const float *weights = axis->weights + (size_t)i * taps;
        if (taps == 8)
            _mm256_storeu_ps(out + i, eight_spans(row, spans, weights, 8));
        else if (taps == 12)
            _mm256_storeu_ps(out + i, eight_spans(row, spans, weights, 12));
        else
            _mm256_storeu_ps(out + i, eight_spans(row, spans, weights, taps));
    }
}

// ---- colour -------------------------------------------------------------------------------------

INLINE void store_pixels(const struct fg_colour *k, const __m256 rgb[3], float *out)
{
    const __m256i order[3] = {_mm256_setr_epi32(0, 3, 6, 1, 4, 7, 2, 5),
                              _mm256_setr_epi32(5, 0, 3, 6, 1, 4, 7, 2),
                              _mm256_setr_epi32(2, 5, 0, 3, 6, 1, 4, 7)};
    const __m256 mean = _mm256_set1_ps(k->mean), gain = _mm256_set1_ps(k->gain);
    __m256 v[3];
    for (int c = 0; c < 3; c++) {
        const __m256 from = rgb[k->bgr ? 2 - c : c];
        v[c] = _mm256_permutevar8x32_ps(_mm256_mul_ps(_mm256_sub_ps(from, mean), gain), order[c]);
    }
    _mm256_storeu_ps(out, _mm256_blend_ps(_mm256_blend_ps(v[0], v[1], 0x92), v[2], 0x24));
    _mm256_storeu_ps(out + 8, _mm256_blend_ps(_mm256_blend_ps(v[2], v[0], 0x92), v[1], 0x24));
    _mm256_storeu_ps(out + 16, _mm256_blend_ps(_mm256_blend_ps(v[1], v[2], 0x92), v[0], 0x24));
}

INLINE __m256 clamp_byte(__m256 v)
{
    return _mm256_min_ps(_mm256_max_ps(v, _mm256_setzero_ps()), _mm256_set1_ps(255));
}

INLINE void eight_yuv(const struct fg_colour *k, const struct fg_yuv_row *row, uint32_t i,
                      float *out)
{
    const __m256 luma_in =
        _mm256_mul_ps(_mm256_set1_ps(row->luma_row), _mm256_loadu_ps(row->luma_inside + i));
    const __m256 chroma_in = _mm256_mul_ps(_mm256_set1_ps(128 * row->chroma_row),
                                           _mm256_loadu_ps(row->chroma_inside + i));
    const __m256 luma = _mm256_mul_ps(
        _mm256_set1_ps(k->y_gain),
        _mm256_fnmadd_ps(_mm256_set1_ps(k->y_base), luma_in, _mm256_loadu_ps(row->y + i)));
    const __m256 cb = _mm256_sub_ps(_mm256_loadu_ps(row->u + i), chroma_in);
    const __m256 cr = _mm256_sub_ps(_mm256_loadu_ps(row->v + i), chroma_in);
    const __m256 green = _mm256_fnmadd_ps(_mm256_set1_ps(k->g_u), cb, luma);
    const __m256 rgb[3] = {clamp_byte(_mm256_fmadd_ps(_mm256_set1_ps(k->r_v), cr, luma)),
                           clamp_byte(_mm256_fnmadd_ps(_mm256_set1_ps(k->g_v), cr, green)),
                           clamp_byte(_mm256_fmadd_ps(_mm256_set1_ps(k->b_u), cb, luma))};
    store_pixels(k, rgb, out + (size_t)i * 3);
}

AVX2 static void yuv_to_tensor(const struct fg_colour *colour, const struct fg_yuv_row *row,
                               uint32_t count, struct fg_ahead *ahead, float *out)
{
    if (count < 8) {
        fg_sampler_c.yuv_to_tensor(colour, row, count, ahead, out);
        return;
    }
    for (uint32_t i = 0; i < count; i += 8) {
        i = i + 8 <= count ? i : count - 8;
        fg_ahead_step(ahead);
        eight_yuv(colour, row, i, out);
    }
}

AVX2 static void rgb_to_tensor(const struct fg_colour *colour, const float *const rgb[3],
                               uint32_t count, struct fg_ahead *ahead, float *out)
{
    if (count < 8) {
        fg_sampler_c.rgb_to_tensor(colour, rgb, count, ahead, out);
        return;
    }
    for (uint32_t i = 0; i < count; i += 8) {
        i = i + 8 <= count ? i : count - 8;
        fg_ahead_step(ahead);
        const __m256 v[3] = {_mm256_loadu_ps(rgb[0] + i), _mm256_loadu_ps(rgb[1] + i),
                             _mm256_loadu_ps(rgb[2] + i)};
        store_pixels(colour, v, out + (size_t)i * 3);
    }
}

// ---- warp ---------------------------------------------------------------------------------------

// Eight tensor pixels: where the first lies, as a whole pixel and the rest of the way; the rest is
// small, so that float is enough for it and for what is added to it.
struct start {
    int32_t offset;
    __m256 x, y;
};

// Where eight points lie, and the shares of the right and of the lower pixels.
struct places {
    int32_t offset[8];
    __m256 right, below;
};

INLINE struct start start_of(const struct fg_warp *w, uint32_t u, uint32_t v)
{
    const __m256 lanes = _mm256_setr_ps(0, 1, 2, 3, 4, 5, 6, 7);
    const double px = w->m[0] * u + w->m[1] * v + w->m[2];
    const double py = w->m[3] * u + w->m[4] * v + w->m[5];
    const int32_t ix = (int32_t)px, iy = (int32_t)py;
    return (struct start){
        iy * (int32_t)w->stride + ix * (int32_t)w->step,
        _mm256_fmadd_ps(_mm256_set1_ps((float)w->m[0]), lanes, _mm256_set1_ps((float)(px - ix))),
        _mm256_fmadd_ps(_mm256_set1_ps((float)w->m[3]), lanes, _mm256_set1_ps((float)(py - iy)))};
}

// A point of each of the eight, (dx, dy) from their middles.
INLINE struct places places_of(const struct fg_warp *w, const struct start *s, float dx, float dy)
{
    struct places p;
    const __m256 x = _mm256_add_ps(s->x, _mm256_set1_ps(dx));
    const __m256 y = _mm256_add_ps(s->y, _mm256_set1_ps(dy));
    const __m256 x0 = _mm256_floor_ps(x), y0 = _mm256_floor_ps(y);
    const __m256i columns =
        _mm256_mullo_epi32(_mm256_cvtps_epi32(x0), _mm256_set1_epi32((int)w->step));
    const __m256i rows =
        _mm256_mullo_epi32(_mm256_cvtps_epi32(y0), _mm256_set1_epi32((int)w->stride));
    const __m256i offset =
        _mm256_add_epi32(_mm256_add_epi32(rows, columns), _mm256_set1_epi32(s->offset));
    p.right = _mm256_sub_ps(x, x0);
    p.below = _mm256_sub_ps(y, y0);
    _mm256_storeu_si256((__m256i *)(void *)p.offset, offset);
    return p;
}

INLINE int four_bytes(const uint8_t *at)
{
    int four;
    memcpy(&four, at, sizeof four);
    return four;
}

// By single loads: AVX2's own gathers were no faster where we measured, and differ much from one
// processor to the next.
INLINE __m256i gather(const uint8_t *base, const int32_t o[8])
{
    return _mm256_setr_epi32(four_bytes(base + o[0]), four_bytes(base + o[1]),
                             four_bytes(base + o[2]), four_bytes(base + o[3]),
                             four_bytes(base + o[4]), four_bytes(base + o[5]),
                             four_bytes(base + o[6]), four_bytes(base + o[7]));
}

INLINE __m256 byte_at(__m256i four, unsigned at)
{
    const __m256i shifted = _mm256_srli_epi32(four, (int)(8 * at));
    return _mm256_cvtepi32_ps(at == 3 ? shifted
                                      : _mm256_and_si256(shifted, _mm256_set1_epi32(0xff)));
}

// Adds eight points of each channel. Two pixels of one byte, or of two, lie in four bytes.
INLINE void add_points(const uint8_t *data, const struct places *p, size_t stride, unsigned step,
                       unsigned channels, unsigned spacing, __m256 *sum)
{
    const bool together = step <= 2;
    const uint8_t *next = data + stride;
    const __m256i top = gather(data, p->offset), low = gather(next, p->offset);
    const __m256i top_right = together ? top : gather(data + step, p->offset);
    const __m256i low_right = together ? low : gather(next + step, p->offset);
    const unsigned right = together ? step : 0;
    for (unsigned c = 0; c < channels; c++) {
        const __m256 t = byte_at(top, c * spacing), l = byte_at(low, c * spacing);
        const __m256 tr = byte_at(top_right, right + c * spacing);
        const __m256 lr = byte_at(low_right, right + c * spacing);
        const __m256 upper = _mm256_fmadd_ps(p->right, _mm256_sub_ps(tr, t), t);
        const __m256 lower = _mm256_fmadd_ps(p->right, _mm256_sub_ps(lr, l), l);
        sum[c] =
            _mm256_add_ps(sum[c], _mm256_fmadd_ps(p->below, _mm256_sub_ps(lower, upper), upper));
    }
}

INLINE void warp_kind(const struct fg_warp *w, uint32_t x, uint32_t y, uint32_t count,
                      unsigned step, unsigned channels, unsigned spacing, float *const out[3])
{
    const float n = (float)w->n, gap = 1 / n, first = gap / 2 - 0.5f;
    const float m[4] = {(float)w->m[0], (float)w->m[1], (float)w->m[3], (float)w->m[4]};
    for (uint32_t i = 0; i < count; i += 8) {
        i = i + 8 <= count ? i : count - 8; // the last may do some again
        const struct start start = start_of(w, x + i, y);
        __m256 sum[3] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
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
            _mm256_storeu_ps(out[c] + i, _mm256_mul_ps(sum[c], _mm256_set1_ps(1 / (n * n))));
    }
}

AVX2 static void warp(const struct fg_warp *w, uint32_t x, uint32_t y, uint32_t count,
                      float *const out[3])
{
    if (count < 8 || (uint64_t)w->stride * w->height > INT32_MAX)
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

const struct fg_sampler_kernels fg_sampler_avx2 = {
    .name = "avx2",
    .present = present,
    .sum_rows = sum_rows,
    .sum_columns = sum_columns,
    .warp = warp,
    .yuv_to_tensor = yuv_to_tensor,
    .rgb_to_tensor = rgb_to_tensor,
};
#endif
