// SPDX-License-Identifier: Apache-2.0
// Keys are dDIMENSION_nPEOPLE_WHAT, of the field's own threshold; `engines` and `upkeep` have all.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench/report.h"
#include "common/json.h"

struct name {
    char text[64];
};

static struct name of_field(uint32_t dimension, uint64_t count, const char *what)
{
    struct name name;
    char people[16];
    if (count >= 1000000)
        snprintf(people, sizeof people, "%llum", (unsigned long long)count / 1000000);
    else
        snprintf(people, sizeof people, "%lluk", (unsigned long long)count / 1000);
    snprintf(name.text, sizeof name.text, "d%u_n%s_%s", dimension, people, what);
    return name;
}

static void put(struct fg_json *json, const char *key, double value)
{
    if (!isnan(value))
        fg_json_add_number(json, key, value);
}

static double recall(const struct fg_result *r)
{
    return r->mates ? (double)r->found / r->mates : NAN;
}

// ---- engines ------------------------------------------------------------------------------------

static void put_engine(struct fg_json *array, const struct fg_report_row *row)
{
    const struct fg_result *r = &row->result;
    struct fg_json *o = fg_json_object();
    fg_json_add_string(o, "engine", r->engine->key);
    put(o, "dimension", row->dimension);
    put(o, "people", (double)row->count);
    put(o, "threshold", round((double)row->threshold * 100) / 100);
    put(o, "searches", r->searches);
    put(o, "p50_ms", r->p50_ms);
    put(o, "p99_ms", r->p99_ms);
    put(o, "p99_cpu_ms", r->p99_cpu_ms);
    put(o, "per_s", r->per_s);
    put(o, "per_s_two_threads", r->per_s_two);
    put(o, "batch_4_ms", r->batch_4_ms);
    put(o, "batch_16_ms", r->batch_16_ms);
    put(o, "bytes", r->bytes);
    put(o, "gb_s", r->bytes / r->p50_ms / 1e6);
    put(o, "of_streaming", r->stream_ms / r->p50_ms);
    put(o, "mates", r->mates);
    put(o, "recall", recall(r));
    if (r->engine->aims)
        put(o, "differing", r->differing);
    put(o, "build_s", r->build_s);
    put(o, "build_threads", r->build_threads);
    put(o, "bytes_per_template", r->bytes_each);
    fg_json_add(array, NULL, o);
}

// The graph that finds most, and of equals the fastest, in `best`.
static void put_graph(struct fg_json *json, const struct fg_report_row *row,
                      const struct fg_report_row **best)
{
    char what[40];
    snprintf(what, sizeof what, "%s_recall", row->result.engine->key);
    put(json, of_field(row->dimension, row->count, what).text, recall(&row->result));
    const double more = *best ? recall(&row->result) - recall(&(*best)->result) : 1;
    if (more > 0 || (more == 0 && row->result.p50_ms < (*best)->result.p50_ms))
        *best = row;
}

static void put_ours(struct fg_json *json, const struct fg_report_row *row)
{
    const struct fg_result *r = &row->result;
    put(json, of_field(row->dimension, row->count, "p50_ms").text, r->p50_ms);
    put(json, of_field(row->dimension, row->count, "p99_ms").text, r->p99_ms);
    put(json, of_field(row->dimension, row->count, "p99_cpu_ms").text, r->p99_cpu_ms);
    put(json, of_field(row->dimension, row->count, "per_s").text, r->per_s);
    put(json, of_field(row->dimension, row->count, "bytes_per_template").text, r->bytes_each);
}

// Rows of one race follow each other, ours first.
static void put_race(struct fg_json *json, const struct fg_report *report, unsigned first)
{
    const struct fg_report_row *ours = &report->rows[first], *best = NULL;
    for (unsigned i = first; i < report->n_rows; i++) {
        const struct fg_report_row *row = &report->rows[i];
        char what[40];
        if (row->dimension != ours->dimension || row->count != ours->count ||
            row->threshold != ours->threshold)
            break;
        snprintf(what, sizeof what, "%s_over_ours", row->result.engine->key);
        if (i == first)
            put_ours(json, row);
        else
            put(json, of_field(row->dimension, row->count, what).text,
                row->result.p50_ms / ours->result.p50_ms);
        if (fg_store_is_graph(row->result.engine->store))
            put_graph(json, row, &best);
    }
    if (!best)
        return;
    put(json, of_field(best->dimension, best->count, "hnsw_recall").text, recall(&best->result));
    put(json, of_field(best->dimension, best->count, "hnsw_over_ours").text,
        best->result.p50_ms / ours->result.p50_ms);
}

static void put_races(struct fg_json *json, const struct fg_report *report)
{
    for (unsigned i = 0; i < report->n_rows; i++) {
        const struct fg_report_row *row = &report->rows[i];
        if (row->result.engine == &fg_engines[0] &&
            row->threshold == fg_report_threshold(row->dimension))
            put_race(json, report, i);
    }
}

// ---- upkeep -------------------------------------------------------------------------------------

static void put_upkeep(struct fg_json *o, const struct fg_report_upkeep *u)
{
    put(o, "dimension", u->dimension);
    put(o, "people", (double)u->count);
    put(o, "threshold", round((double)u->threshold * 100) / 100);
    put(o, "insert_us", u->changes.insert_us);
    put(o, "replace_us", u->changes.replace_us);
    put(o, "delete_us", u->changes.delete_us);
    put(o, "within_all_ms", u->sets.all_ms);
    put(o, "within_300_ms", u->sets.few_ms);
    put(o, "within_half_ms", u->sets.half_ms);
    put(o, "changes_per_s", u->busy.changes_per_s);
    put(o, "p99_quiet_ms", u->busy.quiet_p99_ms);
    put(o, "p99_with_updates_ms", u->busy.busy_p99_ms);
    put(o, "p99_with_updates_ratio", u->busy.busy_p99_ms / u->busy.quiet_p99_ms);
    put(o, "later_insert_s", u->later.insert_s);
    put(o, "later_start_ms", u->later.start_ms);
    put(o, "later_flat_ms", u->later.flat_ms);
    put(o, "later_tend_s", u->later.tend_s);
    put(o, "later_step_ms", u->later.step_ms);
}

static const struct fg_report_row *row_of(const struct fg_report *report, uint32_t dimension,
                                          uint64_t count)
{
    for (unsigned i = 0; i < report->n_rows; i++)
        if (report->rows[i].dimension == dimension && report->rows[i].count == count &&
            report->rows[i].result.engine == &fg_engines[0])
            return &report->rows[i];
    return NULL;
}

// The model's own dimension has the short names; the largest of its fields comes last.
static void put_short_names(struct fg_json *json, const struct fg_report *report)
{
    const struct fg_report_upkeep *u = NULL;
    for (unsigned i = 0; i < report->n_upkeep; i++)
        if (report->upkeep[i].dimension == 64 && report->upkeep[i].count <= 1000000)
            u = &report->upkeep[i];
    if (!u)
        return;
    const struct fg_report_row *row = row_of(report, u->dimension, u->count);
    put(json, "insert_us", u->changes.insert_us);
    put(json, "replace_us", u->changes.replace_us);
    put(json, "delete_us", u->changes.delete_us);
    put(json, "p99_with_updates_ratio", u->busy.busy_p99_ms / u->busy.quiet_p99_ms);
    if (row) {
        put(json, "bytes_per_template_d64", row->result.bytes_each);
        put(json, "bulk_per_s", (double)row->count / row->result.build_s);
    }
    if (u->count == 1000000) {
        put(json, "tend_s_1m", u->later.tend_s);
        put(json, "index_start_ms_1m", u->later.start_ms);
    }
}

// ---- the whole ----------------------------------------------------------------------------------

static void put_streams(struct fg_json *json, const struct fg_report *report)
{
    for (unsigned i = 0; i < report->n_streams; i++) {
        const struct fg_report_stream *s = &report->streams[i];
        put(json, of_field(s->dimension, s->count, "stream_gb_s").text, s->one_gb_s);
        put(json, of_field(s->dimension, s->count, "stream_two_gb_s").text, s->two_gb_s);
    }
}

char *fg_report_json(const struct fg_report *report)
{
    struct fg_json *json = fg_json_object(), *engines = fg_json_array(), *upkeep = fg_json_array();
    put(json, "answers_differing", fg_report_differing(report));
    put_short_names(json, report);
    if (report->start.fill_per_s > 0) {
        put(json, "bulk_per_s", report->start.fill_per_s);
        put(json, "start_ms_1m", report->start.decision_ms);
        put(json, "start_worst_ms_1m", report->start.worst_ms);
    }
    put_races(json, report);
    put_streams(json, report);
    for (unsigned i = 0; i < report->n_rows; i++)
        put_engine(engines, &report->rows[i]);
    for (unsigned i = 0; i < report->n_upkeep; i++) {
        struct fg_json *o = fg_json_object();
        put_upkeep(o, &report->upkeep[i]);
        fg_json_add(upkeep, NULL, o);
    }
    fg_json_add(json, "engines", engines);
    fg_json_add(json, "upkeep", upkeep);
    char *text = fg_json_print(json, true);
    fg_json_destroy(json);
    return text;
}
