// SPDX-License-Identifier: Apache-2.0
// The index's kernels for x86-64 with AVX-512 (F, BW, VL), and those that also have VNNI.
#if defined __x86_64__
#include <immintrin.h>

#include "matcher/index_kernels.h"

#define AVX512      __attribute__((target("avx512f,avx512bw,avx512vl,bmi2,fma")))
#define VNNI        __attribute__((target("avx512f,avx512bw,avx512vl,bmi2,fma,avx512vnni")))
#define INLINE      AVX512 static inline __attribute__((always_inline))
#define INLINE_VNNI VNNI static inline __attribute__((always_inline))

#define AHEAD 8192 // bytes from what is read to what is fetched for later

static bool present(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("bmi2") &&
           __builtin_cpu_supports("fma");
}

static bool present_vnni(void)
{
    return present() && __builtin_cpu_supports("avx512vnni");
}

INLINE __m512i load(const void *from)
{
    return _mm512_loadu_si512(from);
}

// ---- codes --------------------------------------------------------------------------------------

// 64 sums of bytes, as 16-bit words: `both` is an even template's plus 256 times its neighbour's,
// modulo 65536, `odd` the neighbour's.
struct sums {
    __m512i both, odd;
};

INLINE void add_row(struct sums *s, const uint8_t *codes, const uint8_t *tables)
{
    const __m512i low = _mm512_set1_epi8(15), code = _mm512_load_si512(codes);
    const __m512i first = _mm512_broadcast_i32x4(_mm_load_si128((const void *)tables));
    const __m512i second = _mm512_broadcast_i32x4(_mm_load_si128((const void *)(tables + 16)));
    const __m512i picked = _mm512_add_epi8(
        _mm512_shuffle_epi8(first, _mm512_and_si512(code, low)),
        _mm512_shuffle_epi8(second, _mm512_and_si512(_mm512_srli_epi16(code, 4), low)));
    _mm_prefetch((const char *)codes + AHEAD, _MM_HINT_T0);
    s->both = _mm512_add_epi16(s->both, picked);
    s->odd = _mm512_add_epi16(s->odd, _mm512_srli_epi16(picked, 8));
}

// Templates whose sum survives, of the bytes in the upper half of each word.
INLINE __mmask32 survive(const struct fg_lookup *lookup, __m512i sum, __m512i agree, __m512i stray)
{
    const __m512i more = _mm512_mulhi_epu16(stray, _mm512_set1_epi16((short)lookup->stray_weight));
    const __m512i need = _mm512_mulhi_epu16(agree, _mm512_set1_epi16((short)lookup->agree_weight));
    sum = _mm512_adds_epu16(sum, _mm512_set1_epi16((short)lookup->lift));
    return _mm512_cmpge_epu16_mask(
        _mm512_adds_epu16(sum, more),
        _mm512_adds_epu16(need, _mm512_set1_epi16((short)lookup->floor)));
}

INLINE uint64_t scan_block(const uint8_t *block, const struct fg_lookup *lookup)
{
    const uint8_t *const end = block + (size_t)lookup->rows * FG_BLOCK;
    const uint8_t *tables = lookup->tables;
    struct sums a = {_mm512_setzero_si512(), _mm512_setzero_si512()}, b = a;
    for (; block < end; block += 2 * FG_BLOCK, tables += 64) {
        add_row(&a, block, tables);
        add_row(&b, block + FG_BLOCK, tables + 32);
    }
    _mm_prefetch((const char *)end + AHEAD, _MM_HINT_T0);
    _mm_prefetch((const char *)end + FG_BLOCK + AHEAD, _MM_HINT_T0);
    const __m512i upper = _mm512_set1_epi16((short)0xff00);
    const __m512i agree = _mm512_load_si512(end), stray = _mm512_load_si512(end + FG_BLOCK);
    const __m512i odd = _mm512_add_epi16(a.odd, b.odd);
    const __m512i even =
        _mm512_sub_epi16(_mm512_add_epi16(a.both, b.both), _mm512_slli_epi16(odd, 8));
    const __mmask32 evens =
        survive(lookup, even, _mm512_slli_epi16(agree, 8), _mm512_slli_epi16(stray, 8));
    const __mmask32 odds =
        survive(lookup, odd, _mm512_and_si512(agree, upper), _mm512_and_si512(stray, upper));
    return _pdep_u64(evens, 0x5555555555555555) | _pdep_u64(odds, 0xaaaaaaaaaaaaaaaa);
}

AVX512 static void scan(const uint8_t *blocks, size_t count, const struct fg_lookup *lookup,
                        uint64_t *survivors)
{
    const size_t bytes = FG_BLOCK_BYTES(lookup->rows);
    for (size_t b = 0; b < count; b++)
        survivors[b] = scan_block(blocks + b * bytes, lookup);
}

// ---- rows ---------------------------------------------------------------------------------------

// A test of rows, 16 at a time. `step` adds the products of 64 bytes, `start` is what their sums
// start at: both are known to the compiler, which leaves no call.
struct test {
    __m512i (*step)(__m512i sum, __m512i row, __m512i probe);
    __m512i start;
    const int8_t *probe;
    size_t stride;
    float least;
};

// A pair's products are at most 2 * 128 * 127: they fit 16 bits.
INLINE __m512i step_plain(__m512i sum, __m512i row, __m512i probe)
{
    const __m512i turned =
        _mm512_mask_sub_epi8(probe, _mm512_movepi8_mask(row), _mm512_setzero_si512(), probe);
    const __m512i pairs = _mm512_maddubs_epi16(_mm512_abs_epi8(row), turned);
    return _mm512_add_epi32(sum, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
}

// With row + 128, which is not negative: what is too much is in the sums' start.
INLINE_VNNI __m512i step_vnni(__m512i sum, __m512i row, __m512i probe)
{
    return _mm512_dpbusd_epi32(sum, _mm512_xor_si512(row, _mm512_set1_epi8(-128)), probe);
}

// The bytes of the last step that are the row's.
INLINE __mmask64 last_bytes(size_t stride)
{
    return stride % 64 ? ((__mmask64)1 << stride % 64) - 1 : 0;
}

INLINE_VNNI __m512i start_vnni(const int8_t *probe, size_t stride)
{
    const __m512i bias = _mm512_set1_epi8(-128); // as unsigned, 128
    __m512i sum = _mm512_setzero_si512();
    size_t at = 0;
    for (; at + 64 <= stride; at += 64)
        sum = _mm512_dpbusd_epi32(sum, bias, load(probe + at));
    sum = _mm512_dpbusd_epi32(sum, bias, _mm512_maskz_loadu_epi8(last_bytes(stride), probe + at));
    return _mm512_sub_epi32(_mm512_setzero_si512(), sum);
}

// Half the lanes are a's and half b's, each the sum of two: a tree of these adds up 16 vectors at
// once. The names say how many lanes, of 32 bits, are moved together.
INLINE __m512i fold_1(__m512i a, __m512i b)
{
    return _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
}

INLINE __m512i fold_2(__m512i a, __m512i b)
{
    return _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
}

INLINE __m512i fold_4(__m512i a, __m512i b)
{
    return _mm512_add_epi32(_mm512_shuffle_i32x4(a, b, 0x88), _mm512_shuffle_i32x4(a, b, 0xdd));
}

// Lane i: the sum of all lanes of s[i].
INLINE __m512i sum_each(const __m512i s[16])
{
    __m512i four[4];
    for (int i = 0; i < 4; i++)
        four[i] = fold_2(fold_1(s[4 * i], s[4 * i + 1]), fold_1(s[4 * i + 2], s[4 * i + 3]));
    return fold_4(fold_4(four[0], four[1]), fold_4(four[2], four[3]));
}

INLINE void fetch(const int8_t *row, size_t stride)
{
    for (size_t at = 0; at < stride; at += 64)
        _mm_prefetch((const char *)row + at, _MM_HINT_T0);
}

// Row after row, in the order of memory, which the processor then fetches ahead.
INLINE __m512i add_row_products(const struct test *t, const int8_t *row)
{
    const __mmask64 last = last_bytes(t->stride);
    __m512i sum = t->start;
    size_t at = 0;
    for (; at + 64 <= t->stride; at += 64)
        sum = t->step(sum, load(row + at), load(t->probe + at));
    if (last)
        sum = t->step(sum, _mm512_maskz_loadu_epi8(last, row + at),
                      _mm512_maskz_loadu_epi8(last, t->probe + at));
    return sum;
}

// Of the rows slots[0..16), or of 16 that follow each other. The 16 slots after these come next.
INLINE __m512i dot_each(const struct test *t, const int8_t *rows, const uint32_t *slots)
{
    const __mmask64 bytes = UINT64_MAX >> (t->stride < 64 ? 64 - t->stride : 0);
    const __m512i probe = _mm512_maskz_loadu_epi8(bytes, t->probe);
    __m512i sums[16];
    for (size_t i = 0; i < 16; i++) {
        const int8_t *row = rows + (slots ? slots[i] : i) * t->stride;
        __asm__ volatile("" ::: "memory"); // or the compiler loads the rows in another order
        if (slots)
            fetch(rows + slots[16 + i] * t->stride, t->stride);
        if (t->stride > 64)
            sums[i] = add_row_products(t, row);
        else
            sums[i] = t->step(t->start, _mm512_maskz_loadu_epi8(bytes, row), probe);
    }
    return sum_each(sums);
}

INLINE __mmask16 pass(const struct test *t, __m512i dots, __m512 scales)
{
    return _mm512_cmp_ps_mask(_mm512_mul_ps(_mm512_cvtepi32_ps(dots), scales),
                              _mm512_set1_ps(t->least), _CMP_GE_OQ);
}

INLINE uint64_t flat_of(const struct test *t, const int8_t *rows, const float *scales)
{
    uint64_t passed = 0;
    for (unsigned first = 0; first < FG_BLOCK; first += 16) {
        const __m512i dots = dot_each(t, rows + first * t->stride, NULL);
        passed |= (uint64_t)pass(t, dots, _mm512_loadu_ps(scales + first)) << first;
    }
    return passed;
}

INLINE uint64_t flat_by(struct test t, const int8_t *rows, const float *scales)
{
    if (t.stride == 64) // the default model's: without loops
        return flat_of(&(struct test){t.step, t.start, t.probe, 64, t.least}, rows, scales);
    return flat_of(&t, rows, scales);
}

// Sixteen slots at a time, the last one again where there are fewer.
INLINE unsigned some_by(struct test t, const int8_t *rows, const float *scales, uint32_t *slots,
                        unsigned count)
{
    unsigned kept = 0;
    for (unsigned first = 0; first < count; first += 16) {
        const unsigned n = count - first < 16 ? count - first : 16;
        uint32_t slot[32];
        float scale[16];
        for (unsigned i = 0; i < 32; i++)
            slot[i] = slots[first + i < count ? first + i : count - 1];
        for (unsigned i = 0; i < 16; i++) {
            scale[i] = scales[slot[i]];
            _mm_prefetch((const char *)(scales + slot[16 + i]), _MM_HINT_T0);
        }
        unsigned passed = pass(&t, dot_each(&t, rows, slot), _mm512_loadu_ps(scale));
        for (passed &= (1u << n) - 1; passed; passed &= passed - 1)
            slots[kept++] = slot[__builtin_ctz(passed)];
    }
    return kept;
}

AVX512 static uint64_t flat(const int8_t *rows, size_t stride, const float *scales,
                            const int8_t *probe, float least)
{
    return flat_by((struct test){step_plain, _mm512_setzero_si512(), probe, stride, least}, rows,
                   scales);
}

AVX512 static unsigned some(const int8_t *rows, size_t stride, const float *scales,
                            const int8_t *probe, float least, uint32_t *slots, unsigned count)
{
    return some_by((struct test){step_plain, _mm512_setzero_si512(), probe, stride, least}, rows,
                   scales, slots, count);
}

VNNI static uint64_t flat_vnni(const int8_t *rows, size_t stride, const float *scales,
                               const int8_t *probe, float least)
{
    return flat_by((struct test){step_vnni, start_vnni(probe, stride), probe, stride, least}, rows,
                   scales);
}

VNNI static unsigned some_vnni(const int8_t *rows, size_t stride, const float *scales,
                               const int8_t *probe, float least, uint32_t *slots, unsigned count)
{
    return some_by((struct test){step_vnni, start_vnni(probe, stride), probe, stride, least}, rows,
                   scales, slots, count);
}

// ---- rotation -----------------------------------------------------------------------------------

// Eight columns of the matrix at a time: a single vector is as fast as the matrix can be read.
AVX512 static void rotate_one(const float *transposed, size_t dimension, const float *in,
                              float *out)
{
    for (size_t k = 0; k < dimension; k += 8) {
        const float *column = transposed + k * dimension;
        for (size_t i = 0; i < dimension; i += 16, column += 16) {
            const __mmask16 lanes = dimension - i >= 16 ? 0xffff : 0xff;
            __m512 sum = k ? _mm512_maskz_loadu_ps(lanes, out + i) : _mm512_setzero_ps();
            for (size_t j = 0; j < 8; j++)
                sum = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(lanes, column + j * dimension),
                                      _mm512_set1_ps(in[k + j]), sum);
            _mm512_mask_storeu_ps(out + i, lanes, sum);
        }
    }
}

#define TOGETHER 4 // vectors

// `wide` times 16 elements of TOGETHER vectors; `lanes` of the last 16.
INLINE void rotate_part(const float *transposed, size_t dimension, int wide, __mmask16 lanes,
                        const float *in, float *out)
{
    __m512 sums[TOGETHER][4];
    for (int v = 0; v < TOGETHER; v++)
        for (int i = 0; i < wide; i++)
            sums[v][i] = _mm512_setzero_ps();
    for (size_t k = 0; k < dimension; k++, transposed += dimension) {
        __m512 column[4];
        for (int i = 0; i < wide; i++)
            column[i] = _mm512_maskz_loadu_ps(i + 1 < wide ? 0xffff : lanes, transposed + 16 * i);
        for (int v = 0; v < TOGETHER; v++)
            for (int i = 0; i < wide; i++)
                sums[v][i] =
                    _mm512_fmadd_ps(column[i], _mm512_set1_ps(in[v * dimension + k]), sums[v][i]);
    }
    for (int v = 0; v < TOGETHER; v++)
        for (int i = 0; i < wide; i++)
            _mm512_mask_storeu_ps(out + v * dimension + 16 * i, i + 1 < wide ? 0xffff : lanes,
                                  sums[v][i]);
}

AVX512 static void rotate(const float *transposed, size_t dimension, size_t count, const float *in,
                          float *out)
{
    const size_t many = count - count % TOGETHER, wide = dimension - dimension % 64;
    const __mmask16 lanes = dimension % 16 ? 0xff : 0xffff;
    for (size_t i = 0; i < wide; i += 64)
        for (size_t v = 0; v < many; v += TOGETHER)
            rotate_part(transposed + i, dimension, 4, 0xffff, in + v * dimension,
                        out + v * dimension + i);
    for (size_t v = 0; v < many && wide < dimension; v += TOGETHER) {
        const float *from = in + v * dimension, *columns = transposed + wide;
        float *to = out + v * dimension + wide;
        switch ((dimension - wide + 15) / 16) {
        case 1:
            rotate_part(columns, dimension, 1, lanes, from, to);
            break;
        case 2:
            rotate_part(columns, dimension, 2, lanes, from, to);
            break;
        case 3:
            rotate_part(columns, dimension, 3, lanes, from, to);
            break;
        default:
            rotate_part(columns, dimension, 4, lanes, from, to);
        }
    }
    for (size_t v = many; v < count; v++)
        rotate_one(transposed, dimension, in + v * dimension, out + v * dimension);
}

const struct fg_index_kernels fg_index_avx512 = {"avx512", present, scan, flat, some, rotate};
const struct fg_index_kernels fg_index_avx512vnni = {"avx512vnni", present_vnni, scan,
                                                     flat_vnni,    some_vnni,    rotate};
#endif
