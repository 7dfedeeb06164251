// SPDX-License-Identifier: Apache-2.0
// One series an engine: its title, then people and median ms on a line. Ours is there once for each
// threshold; the others at the field's own, since it makes no difference to them.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/report.h"

static bool belongs(const struct fg_report_row *row, uint32_t dimension, unsigned engine,
                    float threshold)
{
    return row->dimension == dimension && row->result.engine == &fg_engines[engine] &&
           row->threshold == threshold;
}

static void put_series(FILE *f, const struct fg_report *report, uint32_t dimension, unsigned engine,
                       float threshold)
{
    if (engine == 0)
        fprintf(f, "\"%s, %.2f\"\n", fg_engines[engine].name, (double)threshold);
    else
        fprintf(f, "\"%s\"\n", fg_engines[engine].name);
    for (unsigned i = 0; i < report->n_rows; i++)
        if (belongs(&report->rows[i], dimension, engine, threshold))
            fprintf(f, "%llu %.6g\n", (unsigned long long)report->rows[i].count,
                    report->rows[i].result.p50_ms);
    fputs("\n\n", f);
}

char *fg_report_plot(const struct fg_report *report, uint32_t dimension)
{
    static const float thresholds[] = {.65f, .50f, .45f};
    char *text = NULL;
    size_t bytes;
    FILE *f = open_memstream(&text, &bytes);
    if (!f)
        abort();
    for (unsigned t = 0; t < 3; t++)
        put_series(f, report, dimension, 0, thresholds[t]);
    for (unsigned engine = 1; engine < FG_ENGINES; engine++)
        put_series(f, report, dimension, engine, fg_report_threshold(dimension));
    if (fclose(f) != 0)
        abort();
    return text;
}
