// SPDX-License-Identifier: Apache-2.0
#include "bench/series.h"

#include <math.h>
#include <stdlib.h>

#include "common/clock.h"

void fg_series_add(struct fg_series *series, double value)
{
    if (series->count == series->room) {
        const unsigned room = series->room ? 2 * series->room : 64;
        double *values = realloc(series->values, room * sizeof *values);
        if (!values)
            abort();
        series->values = values;
        series->room = room;
    }
    series->values[series->count++] = value;
    series->sorted = false;
}

void fg_series_finish(struct fg_series *series)
{
    free(series->values);
    *series = (struct fg_series){0};
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double fg_series_rank(struct fg_series *series, double part)
{
    if (series->count == 0)
        return NAN;
    if (!series->sorted)
        qsort(series->values, series->count, sizeof *series->values, by_size);
    series->sorted = true;
    const double rank = ceil(part * series->count);
    return series->values[rank < 1 ? 0 : (unsigned)rank - 1];
}

double fg_series_sum(const struct fg_series *series)
{
    double sum = 0;
    for (unsigned i = 0; i < series->count; i++)
        sum += series->values[i];
    return sum;
}

double fg_ms_since(uint64_t start_ns)
{
    return (double)(fg_monotonic_ns() - start_ns) / 1e6;
}
