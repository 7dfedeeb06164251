// SPDX-License-Identifier: Apache-2.0
#include "tools/det.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

int fg_scores_add(struct fg_scores *scores, float value)
{
    if (scores->count == scores->capacity) {
        size_t more = scores->capacity ? scores->capacity * 2 : 4096;
        float *values = realloc(scores->values, more * sizeof *values);
        if (!values)
            return -ENOMEM;
        scores->values = values;
        scores->capacity = more;
    }
    scores->values[scores->count++] = value;
    return 0;
}

static int best_first(const void *pa, const void *pb)
{
    float a = *(const float *)pa, b = *(const float *)pb;
    return (a < b) - (a > b);
}

void fg_scores_sort(struct fg_scores *scores)
{
    if (scores->count > 0)
        qsort(scores->values, scores->count, sizeof *scores->values, best_first);
}

void fg_scores_finish(struct fg_scores *scores)
{
    free(scores->values);
    *scores = (struct fg_scores){0};
}

// How many score at or above the threshold.
static size_t count_at_least(const struct fg_scores *s, float threshold)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->values[middle] >= threshold)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

float fg_threshold_for(const struct fg_scores *impostors, double rate)
{
    size_t allowed = (size_t)floor(rate * (double)impostors->count + 1e-9);
    if (allowed >= impostors->count)
        return FG_MISS;
    return nextafterf(impostors->values[allowed], INFINITY);
}

double fg_share_at_least(const struct fg_scores *scores, float threshold)
{
    return scores->count ? (double)count_at_least(scores, threshold) / (double)scores->count : 0;
}

double fg_share_below(const struct fg_scores *scores, float threshold)
{
    return scores->count ? 1 - fg_share_at_least(scores, threshold) : 0;
}

double fg_equal_error(const struct fg_scores *genuine, const struct fg_scores *impostors)
{
    float low = FG_MISS, high = 1.1f;
    if (genuine->count == 0 || impostors->count == 0)
        return 0;
    for (int i = 0; i < 60; i++) { // FNMR rises and FMR falls with the threshold
        float middle = low + (high - low) / 2;
        if (fg_share_below(genuine, middle) < fg_share_at_least(impostors, middle))
            low = middle;
        else
            high = middle;
    }
    return (fg_share_below(genuine, high) + fg_share_at_least(impostors, high)) / 2;
}
