// SPDX-License-Identifier: Apache-2.0
// What bench_index found: tables in Markdown as they come, and in the end build/bench/index.md,
// index.json and the data of the picture.
#ifndef FG_REPORT_H
#define FG_REPORT_H

#include "bench/later.h"
#include "bench/race.h"
#include "bench/sets.h"
#include "bench/start.h"
#include "bench/upkeep.h"
#include "common/error.h"

// One engine on one field at one threshold.
struct fg_report_row {
    uint32_t dimension;
    uint64_t count;
    float threshold;
    struct fg_result result;
};

// What is measured of ours alone, at the field's own threshold.
struct fg_report_upkeep {
    uint32_t dimension;
    uint64_t count;
    float threshold;
    struct fg_upkeep_changes changes;
    struct fg_upkeep_busy busy;
    struct fg_sets sets;
    struct fg_later later;
};

struct fg_report_stream {
    uint32_t dimension;
    uint64_t count;
    double one_gb_s, two_gb_s; // of the float32 templates, on one and two threads
};

struct fg_report { // starts as {0}
    struct fg_report_row *rows;
    struct fg_report_upkeep *upkeep;
    struct fg_report_stream *streams;
    unsigned n_rows, n_upkeep, n_streams;
    struct fg_start start; // of a million; zeros: not measured
    char *markdown;        // what was printed
    size_t markdown_bytes;
};

void fg_report_finish(struct fg_report *report);

// The threshold at which a field's figures are compared with others': .65 up to 64 dimensions, .50
// up to 192, .45 for more.
float fg_report_threshold(uint32_t dimension);

// Each prints, and remembers. They abort without memory.
void fg_report_line(struct fg_report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void fg_report_scores(struct fg_report *report, uint32_t dimension,
                      const struct fg_field_scores *scores);
void fg_report_stream(struct fg_report *report, const struct fg_field *field);
void fg_report_race(struct fg_report *report, const struct fg_field *field, float threshold,
                    const struct fg_result *results, unsigned count);
void fg_report_upkeep(struct fg_report *report, const struct fg_report_upkeep *upkeep);

// Another answer than the exhaustive search's, in all that was searched.
unsigned fg_report_differing(const struct fg_report *report);

int fg_report_write(const struct fg_report *report, struct fg_error *err);

// Of report_json.c and report_plot.c: the whole of build/bench/index.json (malloc'd), and the data
// of one dimension for bench/index.gnuplot.
char *fg_report_json(const struct fg_report *report);
char *fg_report_plot(const struct fg_report *report, uint32_t dimension);

#endif
