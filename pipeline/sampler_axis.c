// SPDX-License-Identifier: Apache-2.0
#include "pipeline/sampler_axis.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int fg_axis_grow(void *array, size_t *have, size_t want, size_t size)
{
    if (want <= *have)
        return 0;
    char *old, *more;
    memcpy(&old, array, sizeof old);
    more = realloc(old, want * size);
    if (!more)
        return -ENOMEM;
    memset(more + *have * size, 0, (want - *have) * size);
    memcpy(array, &more, sizeof more);
    *have = want;
    return 0; // cppcheck-suppress memleak // it is *array now
}

void fg_axis_finish(struct fg_axis *axis)
{
    free(axis->spans);
    free(axis->inside);
    free(axis->weights);
}

// A place that misses a pixel's edge by rounding alone is on it.
static double snap(double place)
{
    return fabs(place - rint(place)) < 1e-9 ? rint(place) : place;
}

// Output pixel lo..hi in source edges, shrinking: each source pixel by its share. Those that lie
// wholly inside have the same weight to the last bit.
static void span_area(struct fg_span *s, float *weights, double lo, double hi, uint32_t size)
{
    const double from = fmax(snap(lo), 0), to = fmin(snap(hi), size);
    if (!(from < to))
        return;
    const uint32_t first = (uint32_t)from, end = (uint32_t)ceil(to);
    const float whole = (float)(1 / (hi - lo));
    for (uint32_t i = first; i < end; i++)
        weights[i - first] = whole;
    if (from > first || to < first + 1.0)
        weights[0] = (float)((fmin(to, first + 1.0) - from) / (hi - lo));
    if (end - first > 1 && to < end)
        weights[end - first - 1] = (float)((to - (end - 1)) / (hi - lo));
    *s = (struct fg_span){first, end - first};
}

// Enlarging: the two nearest pixel centres.
static void span_linear(struct fg_span *s, float *weights, double centre, uint32_t size)
{
    const double left = floor(centre), share = centre - left;
    if (!(left >= -1 && left < (double)size))
        return;
    const double both[2] = {1 - share, share};
    for (int k = 0; k < 2; k++) {
        const double pixel = left + k;
        if (pixel < 0 || pixel >= size || both[k] <= 0)
            continue;
        if (s->count == 0)
            s->first = (uint32_t)pixel;
        weights[s->count++] = (float)both[k];
    }
}

static void lay_spans(struct fg_axis *a)
{
    const double step = a->extent / a->outputs;
    a->low = a->size;
    a->high = 0;
    for (uint32_t i = 0; i < a->outputs; i++) {
        struct fg_span *s = &a->spans[i];
        float *weights = a->weights + (size_t)i * a->taps;
        const double lo = a->start + i * step;
        *s = (struct fg_span){0, 0};
        if (step >= 1)
            span_area(s, weights, lo, lo + step, a->size);
        else
            span_linear(s, weights, lo + step / 2 - 0.5, a->size);
        a->inside[i] = 0;
        for (uint32_t k = 0; k < s->count; k++)
            a->inside[i] += weights[k];
        for (uint32_t k = s->count; k < a->taps; k++)
            weights[k] = 0;
        if (s->count == 0)
            continue;
        a->low = s->first < a->low ? s->first : a->low;
        a->high = s->first + s->count > a->high ? s->first + s->count : a->high;
    }
    if (a->low > a->high)
        a->low = a->high = 0;
}

int fg_axis_set(struct fg_axis *axis, double start, double extent, uint32_t outputs, uint32_t size)
{
    struct fg_axis *a = axis;
    if (a->outputs == outputs && a->size == size && a->start == start && a->extent == extent)
        return 0;
    a->outputs = 0; // until it is laid again
    const uint32_t most = (uint32_t)fmin(ceil(extent / outputs), size) + 1;
    const uint32_t taps = (most + 3) / 4 * 4;
    int code = fg_axis_grow(&a->spans, &a->n_spans, outputs, sizeof *a->spans);
    if (code == 0)
        code = fg_axis_grow(&a->inside, &a->n_inside, outputs, sizeof *a->inside);
    if (code == 0)
        code = fg_axis_grow(&a->weights, &a->n_weights, (size_t)outputs * taps, sizeof *a->weights);
    if (code < 0)
        return code;
    a->start = start;
    a->extent = extent;
    a->outputs = outputs;
    a->size = size;
    a->taps = taps;
    lay_spans(a);
    return 0;
}
