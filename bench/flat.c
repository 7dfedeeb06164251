// SPDX-License-Identifier: Apache-2.0
#include "bench/flat.h"

#include <math.h>
#include <string.h>

#include "bench/flat_kernels.h"

#define ROUNDING 1e-5f // of float32 sums, and more

static const struct fg_flat_fp32 *fp32_set(void)
{
    const struct fg_flat_fp32 *set = fg_flat_fp32_sets;
    while (!set->present())
        set++;
    return set;
}

static const struct fg_flat_int8 *int8_set(void)
{
    const struct fg_flat_int8 *set = fg_flat_int8_sets;
    while (!set->present())
        set++;
    return set;
}

const char *fg_flat_kernels(void)
{
    return int8_set()->name;
}

// ---- float32 ------------------------------------------------------------------------------------

struct fg_answer fg_flat_search_fp32(const struct fg_flat *flat, const float *probe,
                                     float threshold)
{
    const struct fg_flat_fp32 *set = fp32_set();
    _Alignas(64) float laid[FG_FLAT_MOST], scores[FG_FLAT_TILE];
    struct fg_answer best = {FG_NOBODY, 0};
    memcpy(laid, probe, flat->dimension * sizeof *laid);
    for (uint64_t i = 0; i < flat->count; i += FG_FLAT_TILE) {
        if (!set->tile(flat->rows + i * flat->dimension, flat->dimension, laid, threshold, scores))
            continue;
        for (unsigned k = 0; k < FG_FLAT_TILE; k++) {
            if (!(scores[k] >= threshold && scores[k] > best.score))
                continue;
            best = (struct fg_answer){(uint32_t)(i + k), scores[k]};
            threshold = scores[k];
        }
    }
    return best;
}

// ---- int8 ---------------------------------------------------------------------------------------

static void round_probe(const float *probe, uint32_t dimension, struct fg_flat_rounded *ret)
{
    float most = 0;
    double off = 0;
    for (uint32_t i = 0; i < dimension; i++)
        most = fmaxf(most, fabsf(probe[i]));
    ret->scale = most / 127;
    ret->lift = 0;
    for (uint32_t i = 0; i < dimension; i++) {
        ret->values[i] = (int8_t)lrintf(probe[i] / ret->scale);
        const double missing = (double)probe[i] - (double)(ret->scale * (float)ret->values[i]);
        off += missing * missing;
        ret->lift += 128 * ret->values[i];
    }
    ret->off = (float)sqrt(off);
}

static float exact_score(const struct fg_flat *flat, uint64_t slot, const float *probe)
{
    const int8_t *values = flat->values + slot * flat->dimension;
    double sum = 0;
    for (uint32_t i = 0; i < flat->dimension; i++)
        sum += (double)values[i] * (double)probe[i];
    return (float)(sum * (double)flat->scales[slot]);
}

struct fg_answer fg_flat_search_int8(const struct fg_flat *flat, const float *probe,
                                     float threshold)
{
    const struct fg_flat_int8 *set = int8_set();
    float scores[FG_FLAT_TILE];
    struct fg_flat_rounded rounded;
    struct fg_answer best = {FG_NOBODY, 0};
    round_probe(probe, flat->dimension, &rounded);
    for (uint64_t i = 0; i < flat->count; i += FG_FLAT_TILE) {
        const float limit = threshold - rounded.off - ROUNDING;
        if (!set->tile(flat->values + i * flat->dimension, flat->scales + i, flat->dimension,
                       &rounded, limit, scores))
            continue;
        for (unsigned k = 0; k < FG_FLAT_TILE; k++) {
            const float score = scores[k] >= limit ? exact_score(flat, i + k, probe) : -1;
            if (!(score >= threshold && score > best.score))
                continue;
            best = (struct fg_answer){(uint32_t)(i + k), score};
            threshold = score;
        }
    }
    return best;
}
