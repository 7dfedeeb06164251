// SPDX-License-Identifier: Apache-2.0
#include "bench/peak.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"

#if defined __x86_64__
#include <immintrin.h>
#elif defined __aarch64__
#include <arm_neon.h>
#endif

#define MOST_VALUES (24u * 16u)
#define STEPS       100000u
#define TRIALS      5

struct fg_peak {
    const char *name;
    // Chains do not wait for each other: more of them than the latency of an FMA times the units
    // of a core, and no more than there are registers.
    unsigned lanes, chains;
    bool (*present)(void);
    // x = a * b + x, `steps` times, for each of lanes * chains values
    void (*run)(float *values, float a, float b, unsigned steps);
};

// What the compiler can't know, so that it has to compute.
static volatile float first_factor = 0.9990234375f, second_factor = 0.0009765625f;

#if defined __x86_64__
__attribute__((target("avx512f"))) static void run_avx512(float *values, float a, float b,
                                                          unsigned steps)
{
    const __m512 wide_a = _mm512_set1_ps(a), wide_b = _mm512_set1_ps(b);
    __m512 x[24];
    for (unsigned k = 0; k < 24; k++)
        x[k] = _mm512_loadu_ps(values + (size_t)k * 16);
    for (unsigned s = 0; s < steps; s++)
#pragma GCC unroll 24
        for (unsigned k = 0; k < 24; k++)
            x[k] = _mm512_fmadd_ps(wide_a, wide_b, x[k]);
    for (unsigned k = 0; k < 24; k++)
        _mm512_storeu_ps(values + (size_t)k * 16, x[k]);
}

__attribute__((target("avx2,fma"))) static void run_avx2(float *values, float a, float b,
                                                         unsigned steps)
{
    const __m256 wide_a = _mm256_set1_ps(a), wide_b = _mm256_set1_ps(b);
    __m256 x[12];
    for (unsigned k = 0; k < 12; k++)
        x[k] = _mm256_loadu_ps(values + (size_t)k * 8);
    for (unsigned s = 0; s < steps; s++)
#pragma GCC unroll 12
        for (unsigned k = 0; k < 12; k++)
            x[k] = _mm256_fmadd_ps(wide_a, wide_b, x[k]);
    for (unsigned k = 0; k < 12; k++)
        _mm256_storeu_ps(values + (size_t)k * 8, x[k]);
}

static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f");
}

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static const struct fg_peak peaks[] = {{"AVX-512", 16, 24, has_avx512, run_avx512},
                                       {"AVX2 with FMA", 8, 12, has_avx2, run_avx2}};
#elif defined __aarch64__
static void run_neon(float *values, float a, float b, unsigned steps)
{
    const float32x4_t wide_a = vdupq_n_f32(a), wide_b = vdupq_n_f32(b);
    float32x4_t x[24];
    for (unsigned k = 0; k < 24; k++)
        x[k] = vld1q_f32(values + (size_t)k * 4);
    for (unsigned s = 0; s < steps; s++)
#pragma GCC unroll 24
        for (unsigned k = 0; k < 24; k++)
            x[k] = vfmaq_f32(x[k], wide_a, wide_b);
    for (unsigned k = 0; k < 24; k++)
        vst1q_f32(values + (size_t)k * 4, x[k]);
}

static bool has_neon(void)
{
    return true;
}

static const struct fg_peak peaks[] = {{"NEON", 4, 24, has_neon, run_neon}};
#else
static const struct fg_peak peaks[] = {{"none", 0, 0, NULL, NULL}};
#endif

// Each value starts as another, so that no two chains are one.
static void fill(const struct fg_peak *peak, float *values)
{
    for (unsigned k = 0; k < peak->lanes * peak->chains; k++)
        values[k] = (float)k / 1024;
}

static bool sums_are_right(const struct fg_peak *peak)
{
    float values[MOST_VALUES];
    const float a = first_factor, b = second_factor;
    fill(peak, values);
    peak->run(values, a, b, STEPS);
    for (unsigned k = 0; k < peak->lanes * peak->chains; k++) {
        float x = (float)k / 1024;
        for (unsigned s = 0; s < STEPS; s++)
            x = fmaf(a, b, x);
        if (x != values[k])
            return false;
    }
    return true;
}

double fg_peak_measure(const struct fg_peak *peak)
{
    float values[MOST_VALUES];
    fill(peak, values);
    uint64_t start = fg_monotonic_ns();
    peak->run(values, first_factor, second_factor, STEPS);
    return (double)peak->lanes * peak->chains * STEPS / (double)(fg_monotonic_ns() - start);
}

int fg_peak_choose(const struct fg_peak **ret, struct fg_error *err)
{
    const struct fg_peak *best = NULL;
    double most = 0;
    for (size_t k = 0; k < sizeof peaks / sizeof peaks[0]; k++) {
        if (!peaks[k].present || !peaks[k].present())
            continue;
        if (!sums_are_right(&peaks[k]))
            return fg_fail(err, -EIO, "the sums of the peak's %s loop are wrong", peaks[k].name);
        for (unsigned trial = 0; trial < TRIALS; trial++) {
            double rate = fg_peak_measure(&peaks[k]);
            if (rate > most) {
                most = rate;
                best = &peaks[k];
            }
        }
    }
    if (!best)
        return fg_fail(err, -ENOTSUP, "no loop for this processor's FMA");
    *ret = best;
    return 0;
}

const char *fg_peak_name(const struct fg_peak *peak)
{
    return peak->name;
}

unsigned fg_peak_bits(const struct fg_peak *peak)
{
    return peak->lanes * 32;
}
