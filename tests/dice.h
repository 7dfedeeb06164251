// SPDX-License-Identifier: Apache-2.0
// Seeded random vectors, the same on every machine (the generator of Numerical Recipes, its upper
// 24 bits).
#ifndef FG_DICE_H
#define FG_DICE_H

#include <math.h>
#include <stdint.h>

static uint32_t random_state = 1;

static inline uint32_t random_u32(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return random_state >> 8;
}

static inline uint32_t random_below(uint32_t count)
{
    return random_u32() % count;
}

static inline void random_unit(float *vector, uint32_t dimension)
{
    double squares = 0;
    for (uint32_t i = 0; i < dimension; i++) {
        vector[i] = (float)random_u32() / 8388608.0f - 1.0f;
        squares += (double)vector[i] * (double)vector[i];
    }
    for (uint32_t i = 0; i < dimension; i++)
        vector[i] = (float)((double)vector[i] / sqrt(squares));
}

#endif
