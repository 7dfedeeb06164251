// SPDX-License-Identifier: Apache-2.0
#include "bench/flat_kernels.h"

static bool always(void)
{
    return true;
}

static bool fp32_c(const float *rows, uint32_t dimension, const float *probe, float limit,
                   float ret[FG_FLAT_TILE])
{
    bool above = false;
    for (unsigned r = 0; r < FG_FLAT_TILE; r++, rows += dimension) {
        float sums[16] = {0};
        for (uint32_t i = 0; i < dimension; i += 16) {
            __builtin_prefetch((const char *)(rows + i) + FG_FLAT_AHEAD, 0, 2);
            for (unsigned k = 0; k < 16; k++)
                sums[k] += rows[i + k] * probe[i + k];
        }
        ret[r] = 0;
        for (unsigned k = 0; k < 16; k++)
            ret[r] += sums[k];
        above |= ret[r] >= limit;
    }
    return above;
}

static bool int8_c(const int8_t *rows, const float *scales, uint32_t dimension,
                   const struct fg_flat_rounded *probe, float limit, float ret[FG_FLAT_TILE])
{
    bool above = false;
    for (unsigned r = 0; r < FG_FLAT_TILE; r++, rows += dimension) {
        int32_t dot = 0;
        for (uint32_t i = 0; i < dimension; i += 64) {
            __builtin_prefetch(rows + i + FG_FLAT_AHEAD, 0, 2);
            for (unsigned k = 0; k < 64; k++)
                dot += rows[i + k] * probe->values[i + k];
        }
        ret[r] = (float)dot * (scales[r] * probe->scale);
        above |= ret[r] >= limit;
    }
    return above;
}

#if defined __x86_64__
#include <immintrin.h>

#define INLINE __attribute__((always_inline))
#define AVX512 __attribute__((target("avx2,fma,avx512f,avx512bw,avx512vl")))
#define VNNI   __attribute__((target("avx2,fma,avx512f,avx512bw,avx512vl,avx512vnni")))
#define AVX2   __attribute__((target("avx2,fma")))

static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl");
}

static bool has_vnni(void)
{
    return has_avx512() && __builtin_cpu_supports("avx512vnni");
}

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

// One row after the other, as prefetching likes it; then four are added up side by side.

INLINE AVX512 static inline __m256 halves_ps(__m512 v)
{
    return _mm256_add_ps(_mm512_castps512_ps256(v),
                         _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(v), 1)));
}

INLINE AVX2 static inline __m128 add_up_ps(__m256 a, __m256 b, __m256 c, __m256 d)
{
    const __m256 all = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
    return _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1));
}

INLINE AVX512 static inline __m512 row_avx512(const float *row, uint32_t dimension,
                                              const float *probe)
{
    __m512 sums[4] = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(),
                      _mm512_setzero_ps()};
    for (uint32_t i = 0; i < dimension; i += 64)
#pragma GCC unroll 4
        for (unsigned k = 0; k < 4; k++) {
            const float *at = row + i + 16 * k;
            _mm_prefetch((const char *)at + FG_FLAT_AHEAD, _MM_HINT_T1);
            sums[k] =
                _mm512_fmadd_ps(_mm512_load_ps(at), _mm512_load_ps(probe + i + 16 * k), sums[k]);
        }
    return _mm512_add_ps(_mm512_add_ps(sums[0], sums[1]), _mm512_add_ps(sums[2], sums[3]));
}

AVX512 static bool fp32_avx512(const float *rows, uint32_t dimension, const float *probe,
                               float limit, float ret[FG_FLAT_TILE])
{
    const __m128 least = _mm_set1_ps(limit);
    __m128 above = _mm_setzero_ps();
    for (unsigned r = 0; r < FG_FLAT_TILE; r += 4, rows += 4 * dimension) {
        __m256 sums[4];
#pragma GCC unroll 4
        for (unsigned k = 0; k < 4; k++)
            sums[k] = halves_ps(row_avx512(rows + k * dimension, dimension, probe));
        const __m128 scores = add_up_ps(sums[0], sums[1], sums[2], sums[3]);
        _mm_storeu_ps(ret + r, scores);
        above = _mm_or_ps(above, _mm_cmpge_ps(scores, least));
    }
    return _mm_movemask_ps(above) != 0;
}

INLINE AVX2 static inline __m256 row_avx2(const float *row, uint32_t dimension, const float *probe)
{
    __m256 sums[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(),
                      _mm256_setzero_ps()};
    for (uint32_t i = 0; i < dimension; i += 32)
#pragma GCC unroll 4
        for (unsigned k = 0; k < 4; k++) {
            const float *at = row + i + 8 * k;
            if (k % 2 == 0)
                _mm_prefetch((const char *)at + FG_FLAT_AHEAD, _MM_HINT_T1);
            sums[k] =
                _mm256_fmadd_ps(_mm256_load_ps(at), _mm256_load_ps(probe + i + 8 * k), sums[k]);
        }
    return _mm256_add_ps(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3]));
}

AVX2 static bool fp32_avx2(const float *rows, uint32_t dimension, const float *probe, float limit,
                           float ret[FG_FLAT_TILE])
{
    const __m128 least = _mm_set1_ps(limit);
    __m128 above = _mm_setzero_ps();
    for (unsigned r = 0; r < FG_FLAT_TILE; r += 4, rows += 4 * dimension) {
        __m256 sums[4];
#pragma GCC unroll 4
        for (unsigned k = 0; k < 4; k++)
            sums[k] = row_avx2(rows + k * dimension, dimension, probe);
        const __m128 scores = add_up_ps(sums[0], sums[1], sums[2], sums[3]);
        _mm_storeu_ps(ret + r, scores);
        above = _mm_or_ps(above, _mm_cmpge_ps(scores, least));
    }
    return _mm_movemask_ps(above) != 0;
}

INLINE AVX2 static inline __m128i add_up_epi32(__m256i a, __m256i b, __m256i c, __m256i d)
{
    const __m256i all = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
    return _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
}

INLINE AVX512 static inline __m256i halves_epi32(__m512i v)
{
    return _mm256_add_epi32(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
}

// The instruction wants one side without a sign: values + 128, whose excess `lift` takes off.
INLINE VNNI static inline __m256i row_vnni(const int8_t *row, uint32_t dimension,
                                           const int8_t *probe)
{
    const __m512i sign = _mm512_set1_epi8(-128);
    __m512i sum = _mm512_setzero_si512();
    for (uint32_t i = 0; i < dimension; i += 64) {
        _mm_prefetch(row + i + FG_FLAT_AHEAD, _MM_HINT_T1);
        sum = _mm512_dpbusd_epi32(sum, _mm512_xor_si512(_mm512_load_si512(row + i), sign),
                                  _mm512_load_si512(probe + i));
    }
    return halves_epi32(sum);
}

VNNI static bool int8_vnni(const int8_t *rows, const float *scales, uint32_t dimension,
                           const struct fg_flat_rounded *probe, float limit,
                           float ret[FG_FLAT_TILE])
{
    const __m128 least = _mm_set1_ps(limit), scale = _mm_set1_ps(probe->scale);
    __m128 above = _mm_setzero_ps();
    for (unsigned r = 0; r < FG_FLAT_TILE; r += 4, rows += 4 * dimension) {
        __m256i sums[4];
#pragma GCC unroll 4
        for (unsigned k = 0; k < 4; k++)
            sums[k] = row_vnni(rows + k * dimension, dimension, probe->values);
        const __m128i dots = add_up_epi32(sums[0], sums[1], sums[2], sums[3]);
        const __m128 scores =
            _mm_mul_ps(_mm_cvtepi32_ps(_mm_sub_epi32(dots, _mm_set1_epi32(probe->lift))),
                       _mm_mul_ps(_mm_load_ps(scales + r), scale));
        _mm_storeu_ps(ret + r, scores);
        above = _mm_or_ps(above, _mm_cmpge_ps(scores, least));
    }
    return _mm_movemask_ps(above) != 0;
}

// Magnitudes times the other side with the sign: two products of 127 fit 16 bits.
INLINE AVX2 static inline __m256i add_products(__m256i sum, const int8_t *row, const int8_t *probe)
{
    const __m256i x = _mm256_load_si256((const void *)row);
    const __m256i y = _mm256_load_si256((const void *)probe);
    const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(x), _mm256_sign_epi8(y, x));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

INLINE AVX2 static inline __m256i row_int8_avx2(const int8_t *row, uint32_t dimension,
                                                const int8_t *probe)
{
    __m256i sum = _mm256_setzero_si256();
    for (uint32_t i = 0; i < dimension; i += 64) {
        _mm_prefetch(row + i + FG_FLAT_AHEAD, _MM_HINT_T1);
        sum = add_products(sum, row + i, probe + i);
        sum = add_products(sum, row + i + 32, probe + i + 32);
    }
    return sum;
}

AVX2 static bool int8_avx2(const int8_t *rows, const float *scales, uint32_t dimension,
                           const struct fg_flat_rounded *probe, float limit,
                           float ret[FG_FLAT_TILE])
{
    const __m128 least = _mm_set1_ps(limit), scale = _mm_set1_ps(probe->scale);
    __m128 above = _mm_setzero_ps();
    for (unsigned r = 0; r < FG_FLAT_TILE; r += 4, rows += 4 * dimension) {
        __m256i sums[4];
#pragma GCC unroll 4
        for (unsigned k = 0; k < 4; k++)
            sums[k] = row_int8_avx2(rows + k * dimension, dimension, probe->values);
        const __m128i dots = add_up_epi32(sums[0], sums[1], sums[2], sums[3]);
        const __m128 scores =
            _mm_mul_ps(_mm_cvtepi32_ps(dots), _mm_mul_ps(_mm_load_ps(scales + r), scale));
        _mm_storeu_ps(ret + r, scores);
        above = _mm_or_ps(above, _mm_cmpge_ps(scores, least));
    }
    return _mm_movemask_ps(above) != 0;
}
#endif

const struct fg_flat_fp32 fg_flat_fp32_sets[] = {
#if defined __x86_64__
    {"AVX-512", has_avx512, fp32_avx512},
    {"AVX2", has_avx2, fp32_avx2},
#endif
    {"C", always, fp32_c},
};

const struct fg_flat_int8 fg_flat_int8_sets[] = {
#if defined __x86_64__
    {"AVX-512 VNNI", has_vnni, int8_vnni},
    {"AVX2", has_avx2, int8_avx2},
#endif
    {"C", always, int8_c},
};
