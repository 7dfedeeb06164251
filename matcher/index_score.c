// SPDX-License-Identifier: Apache-2.0
#include "matcher/index_score.h"

#include <math.h>
#include <string.h>

// GCC's vector extension: compilers widen bytes badly, so four neighbours are loaded as one 32-bit
// word and shifted out. Sum k holds the dimensions that are k modulo 4, as the probe is laid out.
typedef float sums __attribute__((vector_size(16), may_alias));
typedef int32_t words __attribute__((vector_size(16)));
typedef uint32_t unsigned_words __attribute__((vector_size(16), may_alias));

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first value is the low byte");

static inline sums byte_of(unsigned_words values, int k)
{
    return __builtin_convertvector((words)(values << (24 - 8 * k)) >> 24, sums);
}

static float dot(const sums *probe, const int8_t *row, uint32_t stride)
{
    const unsigned_words *values = (const void *)row;
    sums a = {0}, b = {0}, c = {0}, d = {0};
    for (uint32_t i = 0; i < stride / FG_SCORE_LANES; i++) {
        a += probe[4 * i + 0] * byte_of(values[i], 0);
        b += probe[4 * i + 1] * byte_of(values[i], 1);
        c += probe[4 * i + 2] * byte_of(values[i], 2);
        d += probe[4 * i + 3] * byte_of(values[i], 3);
    }
    sums sum = (a + b) + (c + d);
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

float fg_score(const struct fg_score_probe *probe, const int8_t *row, float scale, uint32_t stride)
{
    return scale * dot((const sums *)(const void *)probe->laid, row, stride);
}

// Rounded to int8: what most templates are compared with first.
static void make_small(struct fg_score_probe *ret, uint32_t dimension)
{
    float most = 0;
    double squares = 0;
    for (uint32_t i = 0; i < dimension; i++)
        most = fmaxf(most, fabsf(ret->unit[i]));
    ret->small_scale = most / 127;
    for (uint32_t i = 0; i < dimension; i++) {
        ret->small[i] = (int8_t)lrintf(ret->unit[i] / ret->small_scale);
        double error = (double)ret->unit[i] - (double)ret->small_scale * ret->small[i];
        squares += error * error;
    }
    ret->small_error = (float)sqrt(squares);
}

// Laid out, sixteen dimensions are four vectors, the first of dimensions 0, 4, 8, 12.
bool fg_score_probe_init(struct fg_score_probe *ret, const float *probe, uint32_t dimension,
                         uint32_t stride)
{
    double squares = 0;
    for (uint32_t i = 0; i < dimension; i++)
        squares += (double)probe[i] * (double)probe[i];
    double length = sqrt(squares);
    if (!(fabs(length - 1) <= 1e-2)) // also refuses NaN
        return false;
    memset(ret->laid, 0, stride * sizeof *ret->laid);
    memset(ret->unit, 0, stride * sizeof *ret->unit);
    memset(ret->small, 0, stride);
    for (uint32_t i = 0; i < dimension; i++) {
        ret->unit[i] = (float)((double)probe[i] / length);
        ret->laid[i / 16 * 16 + i % 4 * 4 + i / 4 % 4] = ret->unit[i];
    }
    make_small(ret, dimension);
    return true;
}
