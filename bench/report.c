// SPDX-License-Identifier: Apache-2.0
#include "bench/report.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/crew.h"
#include "bench/stream.h"

#define FOLDER "build/bench"

float fg_report_threshold(uint32_t dimension)
{
    return dimension <= 64 ? .65f : dimension <= 192 ? .50f : .45f;
}

static void *grown(void *array, unsigned count, size_t size)
{
    void *ret = realloc(array, (count + 1) * size);
    if (!ret)
        abort();
    return ret;
}

void fg_report_finish(struct fg_report *report)
{
    free(report->rows);
    free(report->upkeep);
    free(report->streams);
    free(report->markdown);
    *report = (struct fg_report){0};
}

// ---- text ---------------------------------------------------------------------------------------

void fg_report_line(struct fg_report *report, const char *format, ...)
{
    char line[1600];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    strncat(line, "\n", 2);
    fputs(line, stdout);
    fflush(stdout);
    const size_t length = strlen(line);
    report->markdown = realloc(report->markdown, report->markdown_bytes + length + 1);
    if (!report->markdown)
        abort();
    memcpy(report->markdown + report->markdown_bytes, line, length + 1);
    report->markdown_bytes += length;
}

struct cell {
    char text[24];
};

// Three digits or more; what was not measured is a dash.
static struct cell figure(double value)
{
    struct cell cell = {"-"};
    const int decimals = value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : value >= .1 ? 3 : 4;
    if (!isnan(value))
        snprintf(cell.text, sizeof cell.text, "%.*f", decimals, value);
    return cell;
}

static struct cell whole(double value)
{
    struct cell cell = {"-"};
    if (!isnan(value))
        snprintf(cell.text, sizeof cell.text, "%.0f", value);
    return cell;
}

static struct cell people(uint64_t count)
{
    struct cell cell;
    if (count >= 1000000)
        snprintf(cell.text, sizeof cell.text, "%g million", (double)count / 1e6);
    else
        snprintf(cell.text, sizeof cell.text, "%llu,%03llu", (unsigned long long)count / 1000,
                 (unsigned long long)count % 1000);
    return cell;
}

// ---- scores -------------------------------------------------------------------------------------

void fg_report_scores(struct fg_report *report, uint32_t dimension,
                      const struct fg_field_scores *scores)
{
    static const struct {
        uint32_t dimension;
        const char *wanted;
    } models[] = {
        {64, "MobileFaceNet's of LFW: mean .011, deviation .144, p99.9 .451, p99.99 .531"},
        {192, "wanted: deviation .103"},
        {512, "wanted: deviation .0715"},
    };
    fg_report_line(report,
                   "\nScores of strangers at %u dimensions: mean %.3f, deviation %.4f, "
                   "p99.9 %.3f, p99.99 %.3f",
                   dimension, scores->mean, scores->deviation, scores->p999, scores->p9999);
    for (unsigned i = 0; i < sizeof models / sizeof *models; i++)
        if (models[i].dimension == dimension)
            fg_report_line(report, "(%s).", models[i].wanted);
}

// ---- streaming ----------------------------------------------------------------------------------

void fg_report_stream(struct fg_report *report, const struct fg_field *field)
{
    const size_t bytes = field->count * field->dimension * sizeof(float);
    struct fg_report_stream stream = {.dimension = field->dimension, .count = field->count};
    stream.one_gb_s = fg_stream_rate(field->flat.rows, bytes, 1);
    stream.two_gb_s = fg_crew_cores() < 2 ? NAN : fg_stream_rate(field->flat.rows, bytes, 2);
    report->streams = grown(report->streams, report->n_streams, sizeof *report->streams);
    report->streams[report->n_streams++] = stream;
    fg_report_line(report, "\n## %u dimensions, %s people\n", field->dimension,
                   people(field->count).text);
    fg_report_line(report, "Merely reading %s MB: %s GB/s on one thread, %s on two, at best.",
                   figure((double)bytes / 1e6).text, figure(stream.one_gb_s).text,
                   figure(stream.two_gb_s).text);
}

// ---- a race -------------------------------------------------------------------------------------

static void print_result(struct fg_report *report, const struct fg_result *r, double ours_ms)
{
    const bool ours = strncmp(r->engine->key, "ours", 4) == 0;
    fg_report_line(
        report,
        "| %-19s | %7s | %7s | %7s | %7s | %7s | %9s | %7s | %7s | %7s | %6s | %6s | %6s | %6s | "
        "%6s |",
        r->engine->name, figure(r->p50_ms).text, figure(r->p99_ms).text, figure(r->p99_cpu_ms).text,
        figure(r->p50_ms / ours_ms).text, whole(r->per_s).text, whole(r->per_s_two).text,
        figure(r->batch_4_ms).text, figure(r->batch_16_ms).text, figure(r->bytes / 1e6).text,
        figure(r->stream_ms / r->p50_ms).text,
        figure(r->mates ? (double)r->found / r->mates : NAN).text,
        ours ? whole(r->differing).text : "-", figure(r->build_s).text, whole(r->bytes_each).text);
}

void fg_report_race(struct fg_report *report, const struct fg_field *field, float threshold,
                    const struct fg_result *results, unsigned count)
{
    fg_report_line(report, "\nThreshold %.2f:\n", (double)threshold);
    fg_report_line(report,
                   "| %-19s | %7s | %7s | %7s | %7s | %7s | %9s | %7s | %7s | %7s | %6s | %6s | "
                   "%6s | %6s | %6s |",
                   "engine", "p50 ms", "p99 ms", "p99 cpu", "to ours", "per s", "2 threads", "4",
                   "16", "MB read", "stream", "mates", "differ", "fill s", "bytes");
    fg_report_line(report, "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    for (unsigned i = 0; i < count; i++) {
        print_result(report, &results[i], results[0].p50_ms);
        report->rows = grown(report->rows, report->n_rows, sizeof *report->rows);
        report->rows[report->n_rows++] = (struct fg_report_row){.dimension = field->dimension,
                                                                .count = field->count,
                                                                .threshold = threshold,
                                                                .result = results[i]};
    }
}

// ---- upkeep -------------------------------------------------------------------------------------

void fg_report_upkeep(struct fg_report *report, const struct fg_report_upkeep *u)
{
    report->upkeep = grown(report->upkeep, report->n_upkeep, sizeof *report->upkeep);
    report->upkeep[report->n_upkeep++] = *u;
    fg_report_line(report, "\nOurs at %.2f:\n", (double)u->threshold);
    fg_report_line(report, "- a template: inserted in %s us, replaced in %s, deleted in %s",
                   figure(u->changes.insert_us).text, figure(u->changes.replace_us).text,
                   figure(u->changes.delete_us).text);
    fg_report_line(report, "- bound to 300 slots: %s ms; to half of all: %s; to none: %s",
                   figure(u->sets.few_ms).text, figure(u->sets.half_ms).text,
                   figure(u->sets.all_ms).text);
    fg_report_line(report,
                   "- with %s changes a second between searches, half of them enrolments and half "
                   "deletions: p99 %s ms, without %s (p50 %s and %s)",
                   whole(u->busy.changes_per_s).text, figure(u->busy.busy_p99_ms).text,
                   figure(u->busy.quiet_p99_ms).text, figure(u->busy.busy_p50_ms).text,
                   figure(u->busy.quiet_p50_ms).text);
    fg_report_line(report,
                   "- codes later: all inserted in %s s, first answer after %s ms, a search "
                   "without codes %s ms; all codes in %s s, in steps of %s ms at most; a search "
                   "then %s ms",
                   figure(u->later.insert_s).text, figure(u->later.start_ms).text,
                   figure(u->later.flat_ms).text, figure(u->later.tend_s).text,
                   figure(u->later.step_ms).text, figure(u->later.tended_ms).text);
}

unsigned fg_report_differing(const struct fg_report *report)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < report->n_rows; i++)
        sum += report->rows[i].result.differing;
    for (unsigned i = 0; i < report->n_upkeep; i++)
        sum += report->upkeep[i].sets.differing + report->upkeep[i].later.differing;
    return sum;
}

// ---- files --------------------------------------------------------------------------------------

static int save(const char *name, const char *text, struct fg_error *err)
{
    char path[64];
    snprintf(path, sizeof path, FOLDER "/%s", name);
    mkdir("build", 0777);
    mkdir(FOLDER, 0777);
    FILE *f = fopen(path, "we");
    int bad = !f || fputs(text, f) < 0;
    bad = (f && fclose(f) != 0) || bad;
    return bad ? fg_fail(err, -EIO, "%s: can't be written: %s", path, strerror(errno)) : 0;
}

static int save_and_free(const char *name, char *text, struct fg_error *err)
{
    int r = save(name, text, err);
    free(text);
    return r;
}

int fg_report_write(const struct fg_report *report, struct fg_error *err)
{
    static const uint32_t dimensions[] = {64, 192, 512};
    int r = save("index.md", report->markdown ? report->markdown : "", err);
    if (r == 0)
        r = save_and_free("index.json", fg_report_json(report), err);
    for (unsigned i = 0; i < sizeof dimensions / sizeof *dimensions && r == 0; i++) {
        char name[40];
        snprintf(name, sizeof name, "index_%u.dat", dimensions[i]);
        r = save_and_free(name, fg_report_plot(report, dimensions[i]), err);
    }
    return r;
}
