// SPDX-License-Identifier: Apache-2.0
// The index's kernels for x86-64 with AVX2 and FMA.
#if defined __x86_64__
#include <immintrin.h>

#include "matcher/index_kernels.h"

#define AVX2   __attribute__((target("avx2,fma")))
#define INLINE AVX2 static inline __attribute__((always_inline))

#define AHEAD 8192 // bytes from what is read to what is fetched for later

static bool present(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

INLINE __m256i load(const void *from)
{
    return _mm256_loadu_si256(from);
}

// ---- codes --------------------------------------------------------------------------------------

// 32 sums of bytes, as 16-bit words: `both` is an even template's plus 256 times its neighbour's,
// modulo 65536, `odd` the neighbour's.
struct sums {
    __m256i both, odd;
};

INLINE void add_codes(struct sums *s, __m256i code, __m256i first, __m256i second)
{
    const __m256i low = _mm256_set1_epi8(15);
    const __m256i picked = _mm256_add_epi8(
        _mm256_shuffle_epi8(first, _mm256_and_si256(code, low)),
        _mm256_shuffle_epi8(second, _mm256_and_si256(_mm256_srli_epi16(code, 4), low)));
    s->both = _mm256_add_epi16(s->both, picked);
    s->odd = _mm256_add_epi16(s->odd, _mm256_srli_epi16(picked, 8));
}

// All ones in the words whose sum survives, of the bytes in the upper half of each word.
INLINE __m256i survive(const struct fg_lookup *lookup, __m256i sum, __m256i agree, __m256i stray)
{
    const __m256i more = _mm256_mulhi_epu16(stray, _mm256_set1_epi16((short)lookup->stray_weight));
    const __m256i need = _mm256_mulhi_epu16(agree, _mm256_set1_epi16((short)lookup->agree_weight));
    sum = _mm256_adds_epu16(sum, _mm256_set1_epi16((short)lookup->lift));
    sum = _mm256_adds_epu16(sum, more);
    return _mm256_cmpeq_epi16(
        sum,
        _mm256_max_epu16(sum, _mm256_adds_epu16(need, _mm256_set1_epi16((short)lookup->floor))));
}

INLINE uint32_t survivors_of(const struct fg_lookup *lookup, const struct sums *s,
                             const uint8_t *agree, const uint8_t *stray)
{
    const __m256i upper = _mm256_set1_epi16((short)0xff00), a = load(agree), b = load(stray);
    const __m256i even = _mm256_sub_epi16(s->both, _mm256_slli_epi16(s->odd, 8));
    const __m256i evens = survive(lookup, even, _mm256_slli_epi16(a, 8), _mm256_slli_epi16(b, 8));
    const __m256i odds =
        survive(lookup, s->odd, _mm256_and_si256(a, upper), _mm256_and_si256(b, upper));
    return (uint32_t)_mm256_movemask_epi8(_mm256_blendv_epi8(evens, odds, upper));
}

INLINE uint64_t scan_block(const uint8_t *block, const struct fg_lookup *lookup)
{
    const uint8_t *const end = block + (size_t)lookup->rows * FG_BLOCK;
    const uint8_t *tables = lookup->tables;
    struct sums low = {_mm256_setzero_si256(), _mm256_setzero_si256()}, high = low;
    for (; block < end; block += FG_BLOCK, tables += 32) {
        const __m256i first = _mm256_broadcastsi128_si256(_mm_load_si128((const void *)tables));
        const __m256i second =
            _mm256_broadcastsi128_si256(_mm_load_si128((const void *)(tables + 16)));
        _mm_prefetch((const char *)block + AHEAD, _MM_HINT_T0);
        add_codes(&low, load(block), first, second);
        add_codes(&high, load(block + 32), first, second);
    }
    _mm_prefetch((const char *)end + AHEAD, _MM_HINT_T0);
    _mm_prefetch((const char *)end + FG_BLOCK + AHEAD, _MM_HINT_T0);
    return survivors_of(lookup, &low, end, end + FG_BLOCK) |
           (uint64_t)survivors_of(lookup, &high, end + 32, end + FG_BLOCK + 32) << 32;
}

AVX2 static void scan(const uint8_t *blocks, size_t count, const struct fg_lookup *lookup,
                      uint64_t *survivors)
{
    const size_t bytes = FG_BLOCK_BYTES(lookup->rows);
    for (size_t b = 0; b < count; b++)
        survivors[b] = scan_block(blocks + b * bytes, lookup);
}

// ---- rows ---------------------------------------------------------------------------------------

// A test of rows, 8 at a time.
struct test {
    const int8_t *probe;
    size_t stride;
    float least;
};

// A pair's products are at most 2 * 128 * 127: they fit 16 bits.
INLINE __m256i add_products(__m256i sum, __m256i row, __m256i probe)
{
    const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(row), _mm256_sign_epi8(probe, row));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

INLINE __m256i load_half(const void *from)
{
    return _mm256_zextsi128_si256(_mm_loadu_si128(from));
}

// Lane i: the sum of all lanes of s[i].
INLINE __m256i sum_each(const __m256i s[8])
{
    const __m256i low =
        _mm256_hadd_epi32(_mm256_hadd_epi32(s[0], s[1]), _mm256_hadd_epi32(s[2], s[3]));
    const __m256i high =
        _mm256_hadd_epi32(_mm256_hadd_epi32(s[4], s[5]), _mm256_hadd_epi32(s[6], s[7]));
    return _mm256_add_epi32(_mm256_permute2x128_si256(low, high, 0x20),
                            _mm256_permute2x128_si256(low, high, 0x31));
}

INLINE void fetch(const int8_t *row, size_t stride)
{
    for (size_t at = 0; at < stride; at += 64)
        _mm_prefetch((const char *)row + at, _MM_HINT_T0);
}

// Row after row, in the order of memory, which the processor then fetches ahead.
INLINE __m256i add_row_products(const struct test *t, const int8_t *row)
{
    __m256i sum = _mm256_setzero_si256();
    size_t at = 0;
    for (; at + 32 <= t->stride; at += 32)
        sum = add_products(sum, load(row + at), load(t->probe + at));
    if (at < t->stride)
        sum = add_products(sum, load_half(row + at), load_half(t->probe + at));
    return sum;
}

// Of the rows slots[0..8), or of 8 that follow each other. The 8 slots after these come next.
INLINE __m256i dot_each(const struct test *t, const int8_t *rows, const uint32_t *slots)
{
    __m256i sums[8];
    for (size_t i = 0; i < 8; i++) {
        if (slots)
            fetch(rows + slots[8 + i] * t->stride, t->stride);
        sums[i] = add_row_products(t, rows + (slots ? slots[i] : i) * t->stride);
    }
    return sum_each(sums);
}

INLINE unsigned pass(const struct test *t, __m256i dots, __m256 scales)
{
    const __m256 scores = _mm256_mul_ps(_mm256_cvtepi32_ps(dots), scales);
    return (unsigned)_mm256_movemask_ps(
        _mm256_cmp_ps(scores, _mm256_set1_ps(t->least), _CMP_GE_OQ));
}

INLINE uint64_t flat_of(const struct test *t, const int8_t *rows, const float *scales)
{
    uint64_t passed = 0;
    for (unsigned first = 0; first < FG_BLOCK; first += 8) {
        const __m256i dots = dot_each(t, rows + first * t->stride, NULL);
        passed |= (uint64_t)pass(t, dots, _mm256_loadu_ps(scales + first)) << first;
    }
    return passed;
}

AVX2 static uint64_t flat(const int8_t *rows, size_t stride, const float *scales,
                          const int8_t *probe, float least)
{
    if (stride == 64) // the default model's: without loops
        return flat_of(&(struct test){probe, 64, least}, rows, scales);
    return flat_of(&(struct test){probe, stride, least}, rows, scales);
}

// Eight slots at a time, the last one again where there are fewer.
AVX2 static unsigned some(const int8_t *rows, size_t stride, const float *scales,
                          const int8_t *probe, float least, uint32_t *slots, unsigned count)
{
    const struct test t = {probe, stride, least};
    unsigned kept = 0;
    for (unsigned first = 0; first < count; first += 8) {
        const unsigned n = count - first < 8 ? count - first : 8;
        uint32_t slot[16];
        float scale[8];
        for (unsigned i = 0; i < 16; i++)
            slot[i] = slots[first + i < count ? first + i : count - 1];
        for (unsigned i = 0; i < 8; i++) {
            scale[i] = scales[slot[i]];
            _mm_prefetch((const char *)(scales + slot[8 + i]), _MM_HINT_T0);
        }
        unsigned passed = pass(&t, dot_each(&t, rows, slot), _mm256_loadu_ps(scale));
        for (passed &= (1u << n) - 1; passed; passed &= passed - 1)
            slots[kept++] = slot[__builtin_ctz(passed)];
    }
    return kept;
}

// ---- rotation -----------------------------------------------------------------------------------

// Eight columns of the matrix at a time: a single vector is as fast as the matrix can be read.
AVX2 static void rotate_one(const float *transposed, size_t dimension, const float *in, float *out)
{
    for (size_t k = 0; k < dimension; k += 8) {
        const float *column = transposed + k * dimension;
        for (size_t i = 0; i < dimension; i += 8, column += 8) {
            __m256 sum = k ? _mm256_load_ps(out + i) : _mm256_setzero_ps();
            for (size_t j = 0; j < 8; j++)
                sum = _mm256_fmadd_ps(_mm256_loadu_ps(column + j * dimension),
                                      _mm256_set1_ps(in[k + j]), sum);
            _mm256_store_ps(out + i, sum);
        }
    }
}

#define TOGETHER 4 // vectors

// `wide` times 8 elements of TOGETHER vectors.
INLINE void rotate_part(const float *transposed, size_t dimension, int wide, const float *in,
                        float *out)
{
    __m256 sums[TOGETHER][2];
    for (int v = 0; v < TOGETHER; v++)
        for (int i = 0; i < wide; i++)
            sums[v][i] = _mm256_setzero_ps();
    for (size_t k = 0; k < dimension; k++, transposed += dimension) {
        __m256 column[2];
        for (int i = 0; i < wide; i++)
            column[i] = _mm256_loadu_ps(transposed + 8 * i);
        for (int v = 0; v < TOGETHER; v++)
            for (int i = 0; i < wide; i++)
                sums[v][i] =
                    _mm256_fmadd_ps(column[i], _mm256_set1_ps(in[v * dimension + k]), sums[v][i]);
    }
    for (int v = 0; v < TOGETHER; v++)
        for (int i = 0; i < wide; i++)
            _mm256_storeu_ps(out + v * dimension + 8 * i, sums[v][i]);
}

AVX2 static void rotate(const float *transposed, size_t dimension, size_t count, const float *in,
                        float *out)
{
    const size_t many = count - count % TOGETHER, wide = dimension - dimension % 16;
    for (size_t i = 0; i < wide; i += 16)
        for (size_t v = 0; v < many; v += TOGETHER)
            rotate_part(transposed + i, dimension, 2, in + v * dimension, out + v * dimension + i);
    for (size_t v = 0; v < many && wide < dimension; v += TOGETHER)
        rotate_part(transposed + wide, dimension, 1, in + v * dimension,
                    out + v * dimension + wide);
    for (size_t v = many; v < count; v++)
        rotate_one(transposed, dimension, in + v * dimension, out + v * dimension);
}

const struct fg_index_kernels fg_index_avx2 = {"avx2", present, scan, flat, some, rotate};
#endif
