// SPDX-License-Identifier: Apache-2.0
#include "matcher/latency.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void fg_latency_add(struct fg_latency *latency, double ms)
{
    latency->ms[latency->next] = (float)ms;
    latency->next = (latency->next + 1) % FG_LATENCY_KEPT;
    if (latency->count < FG_LATENCY_KEPT)
        latency->count++;
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

double fg_latency_quantile(const struct fg_latency *latency, double share)
{
    float sorted[FG_LATENCY_KEPT];
    if (latency->count == 0)
        return -1;
    memcpy(sorted, latency->ms, latency->count * sizeof sorted[0]);
    qsort(sorted, latency->count, sizeof sorted[0], by_value);
    unsigned rank = (unsigned)ceil(share * latency->count);
    return (double)sorted[rank > 0 ? rank - 1 : 0];
}
