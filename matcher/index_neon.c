// SPDX-License-Identifier: Apache-2.0
// The index's kernels for arm64, which always has NEON, and those that also have its dot products.
#if defined __aarch64__
#include <arm_neon.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>

#include "matcher/index_kernels.h"

#define DOT        __attribute__((target("arch=armv8.2-a+dotprod")))
#define INLINE     static inline __attribute__((always_inline))
#define INLINE_DOT DOT INLINE

#define AHEAD 2048 // bytes from what is read to what is fetched for later: 150 ns of 13 GB/s

static bool present(void)
{
    return true;
}

static bool present_dot(void)
{
    return getauxval(AT_HWCAP) & HWCAP_ASIMDDP;
}

// ---- codes --------------------------------------------------------------------------------------

// Of 16 templates.
struct sums {
    uint16x8_t low, high;
};

INLINE void add_codes(struct sums *s, uint8x16_t code, uint8x16_t first, uint8x16_t second)
{
    const uint8x16_t picked = vaddq_u8(vqtbl1q_u8(first, vandq_u8(code, vdupq_n_u8(15))),
                                       vqtbl1q_u8(second, vshrq_n_u8(code, 4)));
    s->low = vaddw_u8(s->low, vget_low_u8(picked));
    s->high = vaddw_high_u8(s->high, picked);
}

INLINE uint16x8_t weighted(uint8x8_t bytes, uint16_t weight)
{
    const uint16x8_t wide = vmovl_u8(bytes);
    return vshrn_high_n_u32(vshrn_n_u32(vmull_n_u16(vget_low_u16(wide), weight), 8),
                            vmull_high_n_u16(wide, weight), 8);
}

INLINE uint16x8_t survive(const struct fg_lookup *lookup, uint16x8_t sum, uint8x8_t agree,
                          uint8x8_t stray)
{
    sum = vqaddq_u16(sum, vdupq_n_u16(lookup->lift));
    sum = vqaddq_u16(sum, weighted(stray, lookup->stray_weight));
    return vcgeq_u16(sum,
                     vqaddq_u16(vdupq_n_u16(lookup->floor), weighted(agree, lookup->agree_weight)));
}

// All ones in the bytes of the survivors.
INLINE uint8x16_t survivors_of(const struct fg_lookup *lookup, const struct sums *s,
                               uint8x16_t agree, uint8x16_t stray)
{
    const uint16x8_t low = survive(lookup, s->low, vget_low_u8(agree), vget_low_u8(stray));
    const uint16x8_t high = survive(lookup, s->high, vget_high_u8(agree), vget_high_u8(stray));
    return vmovn_high_u16(vmovn_u16(low), high);
}

// Bit i: byte i of the four, one after the other.
INLINE uint64_t bits_of(const uint8x16_t bytes[4])
{
    const uint8x16_t bit = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201));
    const uint8x16_t low = vpaddq_u8(vandq_u8(bytes[0], bit), vandq_u8(bytes[1], bit));
    const uint8x16_t high = vpaddq_u8(vandq_u8(bytes[2], bit), vandq_u8(bytes[3], bit));
    const uint8x16_t both = vpaddq_u8(low, high);
    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(both, both)), 0);
}

INLINE uint64_t scan_block(const uint8_t *block, const struct fg_lookup *lookup)
{
    const uint8_t *const end = block + (size_t)lookup->rows * FG_BLOCK;
    const uint8_t *tables = lookup->tables;
    struct sums sums[4];
    uint8x16_t bytes[4];
    for (int i = 0; i < 4; i++)
        sums[i].low = sums[i].high = vdupq_n_u16(0);
    for (; block < end; block += FG_BLOCK, tables += 32) {
        const uint8x16_t first = vld1q_u8(tables), second = vld1q_u8(tables + 16);
        __builtin_prefetch(block + AHEAD);
        for (int i = 0; i < 4; i++)
            add_codes(&sums[i], vld1q_u8(block + 16 * i), first, second);
    }
    __builtin_prefetch(end + AHEAD);
    __builtin_prefetch(end + FG_BLOCK + AHEAD);
    for (int i = 0; i < 4; i++)
        bytes[i] = survivors_of(lookup, &sums[i], vld1q_u8(end + 16 * i),
                                vld1q_u8(end + FG_BLOCK + 16 * i));
    return bits_of(bytes);
}

static void scan(const uint8_t *blocks, size_t count, const struct fg_lookup *lookup,
                 uint64_t *survivors)
{
    const size_t bytes = FG_BLOCK_BYTES(lookup->rows);
    for (size_t b = 0; b < count; b++)
        survivors[b] = scan_block(blocks + b * bytes, lookup);
}

// ---- rows ---------------------------------------------------------------------------------------

// A test of rows, 4 at a time. `step` adds the products of 16 bytes and is known to the compiler,
// which leaves no call.
struct test {
    int32x4_t (*step)(int32x4_t sum, int8x16_t row, int8x16_t probe);
    const int8_t *probe;
    size_t stride;
    float least;
};

// Two products are at most 2 * 128 * 127: they fit 16 bits.
INLINE int32x4_t step_plain(int32x4_t sum, int8x16_t row, int8x16_t probe)
{
    const int16x8_t products = vmull_s8(vget_low_s8(row), vget_low_s8(probe));
    return vpadalq_s16(sum, vmlal_high_s8(products, row, probe));
}

INLINE_DOT int32x4_t step_dot(int32x4_t sum, int8x16_t row, int8x16_t probe)
{
    return vdotq_s32(sum, row, probe);
}

INLINE void fetch(const int8_t *row, size_t stride)
{
    for (size_t at = 0; at < stride; at += 64)
        __builtin_prefetch(row + at);
}

// Row after row, in the order of memory, which the processor then fetches ahead; four sums, because
// one has to wait for itself.
INLINE int32x4_t add_row_products(const struct test *t, const int8_t *row)
{
    int32x4_t sums[4];
    size_t at = 0;
    for (int i = 0; i < 4; i++)
        sums[i] = vdupq_n_s32(0);
    for (; at + 64 <= t->stride; at += 64)
        for (size_t i = 0; i < 4; i++)
            sums[i] =
                t->step(sums[i], vld1q_s8(row + at + 16 * i), vld1q_s8(t->probe + at + 16 * i));
    for (; at < t->stride; at += 16)
        sums[0] = t->step(sums[0], vld1q_s8(row + at), vld1q_s8(t->probe + at));
    return vaddq_s32(vaddq_s32(sums[0], sums[1]), vaddq_s32(sums[2], sums[3]));
}

// Of the rows slots[0..4), or of 4 that follow each other. slots[8..12) come soon.
INLINE int32x4_t dot_each(const struct test *t, const int8_t *rows, const uint32_t *slots)
{
    int32x4_t sums[4];
    for (size_t i = 0; i < 4; i++) {
        if (slots)
            fetch(rows + slots[8 + i] * t->stride, t->stride);
        sums[i] = add_row_products(t, rows + (slots ? slots[i] : i) * t->stride);
    }
    return vpaddq_s32(vpaddq_s32(sums[0], sums[1]), vpaddq_s32(sums[2], sums[3]));
}

INLINE unsigned pass(const struct test *t, int32x4_t dots, float32x4_t scales)
{
    static const uint32_t bits[4] = {1, 2, 4, 8};
    const float32x4_t scores = vmulq_f32(vcvtq_f32_s32(dots), scales);
    const uint32x4_t passed = vcgeq_f32(scores, vdupq_n_f32(t->least));
    return vaddvq_u32(vandq_u32(passed, vld1q_u32(bits)));
}

INLINE uint64_t flat_of(const struct test *t, const int8_t *rows, const float *scales)
{
    uint64_t passed = 0;
    for (unsigned first = 0; first < FG_BLOCK; first += 4) {
        const int32x4_t dots = dot_each(t, rows + first * t->stride, NULL);
        passed |= (uint64_t)pass(t, dots, vld1q_f32(scales + first)) << first;
    }
    return passed;
}

INLINE uint64_t flat_by(struct test t, const int8_t *rows, const float *scales)
{
    if (t.stride == 64) // the default model's: without loops
        return flat_of(&(struct test){t.step, t.probe, 64, t.least}, rows, scales);
    return flat_of(&t, rows, scales);
}

// Four slots at a time, the last one again where there are fewer.
INLINE unsigned some_by(struct test t, const int8_t *rows, const float *scales, uint32_t *slots,
                        unsigned count)
{
    unsigned kept = 0;
    for (unsigned first = 0; first < count; first += 4) {
        const unsigned n = count - first < 4 ? count - first : 4;
        uint32_t slot[12];
        float scale[4];
        for (unsigned i = 0; i < 12; i++)
            slot[i] = slots[first + i < count ? first + i : count - 1];
        for (unsigned i = 0; i < 4; i++) {
            scale[i] = scales[slot[i]];
            __builtin_prefetch(scales + slot[8 + i]);
        }
        const unsigned passed = pass(&t, dot_each(&t, rows, slot), vld1q_f32(scale));
        for (unsigned i = 0; i < n; i++)
            if (passed >> i & 1)
                slots[kept++] = slot[i];
    }
    return kept;
}

static uint64_t flat(const int8_t *rows, size_t stride, const float *scales, const int8_t *probe,
                     float least)
{
    return flat_by((struct test){step_plain, probe, stride, least}, rows, scales);
}

static unsigned some(const int8_t *rows, size_t stride, const float *scales, const int8_t *probe,
                     float least, uint32_t *slots, unsigned count)
{
    return some_by((struct test){step_plain, probe, stride, least}, rows, scales, slots, count);
}

DOT static uint64_t flat_dot(const int8_t *rows, size_t stride, const float *scales,
                             const int8_t *probe, float least)
{
    return flat_by((struct test){step_dot, probe, stride, least}, rows, scales);
}

DOT static unsigned some_dot(const int8_t *rows, size_t stride, const float *scales,
                             const int8_t *probe, float least, uint32_t *slots, unsigned count)
{
    return some_by((struct test){step_dot, probe, stride, least}, rows, scales, slots, count);
}

// ---- rotation -----------------------------------------------------------------------------------

// Eight columns of the matrix at a time: a single vector is as fast as the matrix can be read.
static void rotate_one(const float *transposed, size_t dimension, const float *in, float *out)
{
    for (size_t k = 0; k < dimension; k += 8) {
        const float *column = transposed + k * dimension;
        for (size_t i = 0; i < dimension; i += 4, column += 4) {
            float32x4_t sum = k ? vld1q_f32(out + i) : vdupq_n_f32(0);
            for (size_t j = 0; j < 8; j++)
                sum = vfmaq_n_f32(sum, vld1q_f32(column + j * dimension), in[k + j]);
            vst1q_f32(out + i, sum);
        }
    }
}

#define TOGETHER 4 // vectors

// `wide` times 4 elements of TOGETHER vectors.
INLINE void rotate_part(const float *transposed, size_t dimension, int wide, const float *in,
                        float *out)
{
    float32x4_t sums[TOGETHER][4];
    for (int v = 0; v < TOGETHER; v++)
        for (int i = 0; i < wide; i++)
            sums[v][i] = vdupq_n_f32(0);
    for (size_t k = 0; k < dimension; k++, transposed += dimension) {
        float32x4_t column[4];
        for (int i = 0; i < wide; i++)
            column[i] = vld1q_f32(transposed + 4 * i);
        for (int v = 0; v < TOGETHER; v++)
            for (int i = 0; i < wide; i++)
                sums[v][i] = vfmaq_n_f32(sums[v][i], column[i], in[v * dimension + k]);
    }
    for (int v = 0; v < TOGETHER; v++)
        for (int i = 0; i < wide; i++)
            vst1q_f32(out + v * dimension + 4 * i, sums[v][i]);
}

static void rotate(const float *transposed, size_t dimension, size_t count, const float *in,
                   float *out)
{
    const size_t many = count - count % TOGETHER, wide = dimension - dimension % 16;
    for (size_t i = 0; i < wide; i += 16)
        for (size_t v = 0; v < many; v += TOGETHER)
            rotate_part(transposed + i, dimension, 4, in + v * dimension, out + v * dimension + i);
    for (size_t v = 0; v < many && wide < dimension; v += TOGETHER)
        rotate_part(transposed + wide, dimension, 2, in + v * dimension,
                    out + v * dimension + wide);
    for (size_t v = many; v < count; v++)
        rotate_one(transposed, dimension, in + v * dimension, out + v * dimension);
}

const struct fg_index_kernels fg_index_neon = {"neon", present, scan, flat, some, rotate};
const struct fg_index_kernels fg_index_neondot = {"neondot", present_dot, scan,
                                                  flat_dot,  some_dot,    rotate};
#endif
