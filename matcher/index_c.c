// SPDX-License-Identifier: Apache-2.0
// The index's kernels in plain C: what the others must give.
#include <string.h>

#include "matcher/index_kernels.h"

static bool present(void)
{
    return true;
}

// ---- codes --------------------------------------------------------------------------------------

static void add_row(const uint8_t *codes, const uint8_t *tables, uint32_t sums[FG_BLOCK])
{
    for (unsigned i = 0; i < FG_BLOCK; i++)
        sums[i] += (uint32_t)tables[codes[i] & 15] + tables[16 + (codes[i] >> 4)];
}

static uint32_t saturated(uint32_t sum)
{
    return sum < UINT16_MAX ? sum : UINT16_MAX;
}

static uint64_t scan_block(const uint8_t *block, const struct fg_lookup *lookup)
{
    const uint8_t *agree = block + (size_t)lookup->rows * FG_BLOCK, *stray = agree + FG_BLOCK;
    uint32_t sums[FG_BLOCK] = {0};
    uint64_t survivors = 0;
    for (size_t r = 0; r < lookup->rows; r++)
        add_row(block + r * FG_BLOCK, lookup->tables + r * 32, sums);
    for (unsigned i = 0; i < FG_BLOCK; i++) {
        const uint32_t sum = sums[i] + lookup->lift + (stray[i] * lookup->stray_weight >> 8);
        const uint32_t need = lookup->floor + (agree[i] * lookup->agree_weight >> 8);
        survivors |= (uint64_t)(saturated(sum) >= saturated(need)) << i;
    }
    return survivors;
}

static void scan(const uint8_t *blocks, size_t count, const struct fg_lookup *lookup,
                 uint64_t *survivors)
{
    for (size_t b = 0; b < count; b++)
        survivors[b] = scan_block(blocks + b * FG_BLOCK_BYTES(lookup->rows), lookup);
}

// ---- rows ---------------------------------------------------------------------------------------

// At most 1024 * 128 * 127, which float32 holds exactly.
static int32_t dot(const int8_t *row, const int8_t *probe, size_t stride)
{
    int32_t sum = 0;
    for (size_t k = 0; k < stride; k++)
        sum += row[k] * probe[k];
    return sum;
}

static uint64_t flat(const int8_t *rows, size_t stride, const float *scales, const int8_t *probe,
                     float least)
{
    uint64_t passed = 0;
    for (unsigned i = 0; i < FG_BLOCK; i++) {
        const float score = (float)dot(rows + i * stride, probe, stride) * scales[i];
        passed |= (uint64_t)(score >= least) << i;
    }
    return passed;
}

static unsigned some(const int8_t *rows, size_t stride, const float *scales, const int8_t *probe,
                     float least, uint32_t *slots, unsigned count)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < count; i++) {
        const uint32_t slot = slots[i];
        const float score = (float)dot(rows + slot * stride, probe, stride) * scales[slot];
        if (score >= least)
            slots[kept++] = slot;
    }
    return kept;
}

// ---- rotation -----------------------------------------------------------------------------------

static void rotate_one(const float *restrict transposed, size_t dimension, const float *restrict in,
                       float *restrict out)
{
    memset(out, 0, dimension * sizeof *out);
    for (size_t k = 0; k < dimension; k++)
        for (size_t i = 0; i < dimension; i++)
            out[i] += transposed[k * dimension + i] * in[k];
}

static void rotate(const float *transposed, size_t dimension, size_t count, const float *in,
                   float *out)
{
    for (size_t v = 0; v < count; v++)
        rotate_one(transposed, dimension, in + v * dimension, out + v * dimension);
}

const struct fg_index_kernels fg_index_c = {"c", present, scan, flat, some, rotate};
