// SPDX-License-Identifier: Apache-2.0
// Asks memory for the pixels that come next, a few cache lines at a time, between the steps of the
// work on those that are here: a frame comes from memory, and waiting would take as long as work.
#ifndef FG_SAMPLER_AHEAD_H
#define FG_SAMPLER_AHEAD_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FG_CACHE_LINE 64u

struct fg_area {
    const uint8_t *row, *at, *end; // of the row that is asked for
    size_t stride;
    uint32_t rows; // with this one
};

struct fg_ahead {   // starts as {0}: nothing to ask for
    unsigned lines; // a step
    unsigned n_areas;
    struct fg_area areas[3];
};

// The rest of a row, and on to the next row or area.
static inline void fg_ahead_turn(struct fg_ahead *a, struct fg_area *area)
{
    for (; area->at < area->end; area->at += FG_CACHE_LINE)
        __builtin_prefetch(area->at, 0, 2);
    area->row += area->stride;
    area->end += area->stride;
    area->at = area->row;
    if (--area->rows == 0)
        a->n_areas--;
}

// One step: to the second level of the cache, as the first is full of sums.
static inline void fg_ahead_step(struct fg_ahead *a)
{
    if (a->n_areas == 0)
        return;
    struct fg_area *area = &a->areas[a->n_areas - 1];
    const uint8_t *at = area->at;
    if (area->end - at <= (ptrdiff_t)(a->lines * FG_CACHE_LINE)) {
        fg_ahead_turn(a, area);
        return;
    }
    for (unsigned i = 0; i < a->lines; i++)
        __builtin_prefetch(at + (size_t)i * FG_CACHE_LINE, 0, 2);
    area->at = at + (size_t)a->lines * FG_CACHE_LINE;
}

#ifdef __cplusplus
}
#endif
#endif
