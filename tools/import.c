// SPDX-License-Identifier: Apache-2.0
// facegate import: a folder of people or a CSV, enrolled in batches; what was cut off goes on.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/json.h"
#include "tools/client.h"
#include "tools/command.h"
#include "tools/intake.h"
#include "tools/journal.h"
#include "tools/manner.h"
#include "tools/plain.h"
#include "tools/progress.h"
#include "tools/roll.h"

#define BATCH   256 // subjects of one enrol_many
#define DRAW_MS 100

static const char help[] =
    "facegate import: enrol a folder of people or a CSV\n"
    "\n"
    "  facegate import [option ...] FOLDER    FOLDER/ID/PHOTO.jpg\n"
    "  facegate import [option ...] FILE.csv  first row: id,photo[,photo2...][,valid_from]\n"
    "                                         [,valid_until][,lanes][,tags][,consent][,guardian]\n"
    "                                         [,born]\n"
    "\n"
    "The first five good photographs of a person are averaged. Whoever can't be enrolled is\n"
    "reported and the others go on. Cut off, it goes on where it was when run again.\n"
    "\n"
    "  --journal FILE     what is done already (FOLDER.journal, FILE.csv.journal)\n"
    "  --report FILE      CSV of what was refused or left out and why\n"
    "  --threads N        (the number of processors)\n"
    "  --replace          also those who are enrolled already\n"
    "  --central          take the face nearest the middle; else several faces are refused\n"
    "  --anyway           enrol photographs that look like two people\n"
    "  --valid-from, --valid-until, --lane, --tag, --consent, --guardian, --born\n"
    "                     as for enrol, for all whose CSV record says nothing else\n"
    "  --timeout-ms N     wait so long for the matcher (5000)\n"
    "  --control ENDPOINT, --models FOLDER, --embedder NAME, --json, --quiet, --help,\n"
    "  the engine options that facegate engines --help lists, but --threads\n"
    "\n"
    "Exit codes: 0 all are enrolled, 1 some were refused or it failed, 2 the command line is off,\n"
    "75 no matcher, or it went away: run it again.\n";

enum { OPT_JOURNAL = 1, OPT_REPORT, OPT_THREADS };

static const struct option rows[] = {
    {"journal", required_argument, NULL, OPT_JOURNAL},
    {"report", required_argument, NULL, OPT_REPORT},
    {"threads", required_argument, NULL, OPT_THREADS},
    FG_MANNER_ROWS,
    {0},
};

struct batch {
    unsigned count, vectors;
    struct fg_intake_result people[BATCH];
    float packed[FG_CLIENT_BYTES / sizeof(float)];
};

struct import {
    struct fg_common common;
    struct fg_manner manner;
    const char *source, *journal_path, *report;
    unsigned threads;
    struct fg_roll roll;
    size_t *todo, n_todo;
    struct fg_journal *journal;
    struct fg_client *client;
    struct fg_intake *intake;
    struct fg_problems problems;
    struct fg_progress progress;
    struct batch *batch;
    uint64_t model;
    uint32_t dimension;
    size_t enrolled, already, refused, skipped;
    uint64_t photos;
    double seconds;
    char *warning;
};

static int own_option(void *context, int option, const char *value)
{
    struct import *m = context;
    char *end;
    switch (option) {
    case OPT_JOURNAL:
        m->journal_path = value;
        return 0;
    case OPT_REPORT:
        m->report = value;
        return 0;
    case OPT_THREADS:
        m->threads = (unsigned)strtoul(value, &end, 10);
        return end != value && !*end && value[0] != '-' && m->threads >= 1 &&
                       m->threads <= FG_INTAKE_THREADS
                   ? 0
                   : -EINVAL;
    }
    return fg_manner_option(&m->manner, option, value);
}

// ---- batches -----------------------------------------------------------------------------------

static int journal_one(struct import *m, unsigned at, struct fg_error *err)
{
    const char *id = m->batch->people[at].enrolment.id;
    return fg_journal_add(m->journal, &id, 1, err);
}

static int journal_all(struct import *m, struct fg_error *err)
{
    const char *ids[BATCH];
    for (unsigned i = 0; i < m->batch->count; i++)
        ids[i] = m->batch->people[i].enrolment.id;
    return fg_journal_add(m->journal, ids, m->batch->count, err);
}

static void clear_batch(struct batch *b)
{
    explicit_bzero(b, sizeof *b);
}

static void drop_from_batch(struct batch *b, unsigned at)
{
    b->vectors -= b->people[at].portrait.count;
    b->count--;
    memmove(&b->people[at], &b->people[at + 1], (b->count - at) * sizeof b->people[0]);
    explicit_bzero(&b->people[b->count], sizeof b->people[0]);
}

static int ask(struct import *m, struct fg_json **ret, struct fg_error *err)
{
    struct batch *b = m->batch;
    char model[24];
    struct fg_json *request = fg_client_request("enrol_many"), *subjects = fg_json_array();
    size_t used = 0;
    snprintf(model, sizeof model, "%016" PRIx64, m->model);
    fg_json_add_string(request, "model", model);
    fg_json_add_number(request, "dimension", m->dimension);
    fg_json_add_bool(request, "replace", m->manner.replace);
    for (unsigned i = 0; i < b->count; i++) {
        const struct fg_portrait *p = &b->people[i].portrait;
        struct fg_json *subject = fg_json_object();
        fg_enrolment_describe(&b->people[i].enrolment, subject);
        fg_json_add_number(subject, "vectors", p->count);
        fg_json_add(subjects, NULL, subject);
        memcpy(b->packed + used, p->vectors, (size_t)p->count * p->dimension * sizeof(float));
        used += (size_t)p->count * p->dimension;
    }
    fg_json_add(request, "subjects", subjects);
    return fg_client_ask(m->client, request, b->packed, b->vectors, m->dimension, ret, err);
}

// One of the batch is at fault: it is settled by itself, and the others are asked for again.
static int settle_one(struct import *m, unsigned at, int code, const struct fg_error *why,
                      struct fg_error *err)
{
    const struct fg_intake_result *r = &m->batch->people[at];
    if (code == -EEXIST) {
        m->already++;
        code = journal_one(m, at, err);
    } else {
        m->refused++;
        fg_problems_add(&m->problems, r->entry, m->roll.entries[r->entry].line, r->enrolment.id,
                        NULL, "matcher", why->text);
        code = 0;
    }
    drop_from_batch(m->batch, at);
    return code;
}

static void keep_warning(struct import *m, const struct fg_json *answer)
{
    const char *warning = fg_json_get_string(answer, "warning", NULL);
    if (warning && !m->warning)
        m->warning = strdup(warning);
}

static int flush_once(struct import *m, struct fg_error *err)
{
    struct fg_json *answer = NULL;
    struct fg_error why = {""};
    int code = ask(m, &answer, err);
    if (code < 0)
        return code;
    code = fg_client_verdict(answer, &why);
    double failed = fg_json_get_number(answer, "failed", -1);
    keep_warning(m, answer);
    fg_json_destroy(answer);
    if (code == 0) {
        m->enrolled += m->batch->count;
        code = journal_all(m, err);
        clear_batch(m->batch);
        return code;
    }
    bool of_one = failed >= 0 && failed < m->batch->count;
    if ((code == -EEXIST || code == -EINVAL) && of_one)
        return settle_one(m, (unsigned)failed, code, &why, err);
    return fg_fail(err, code, "%s", why.text);
}

static int flush(struct import *m, struct fg_error *err)
{
    int code = 0;
    while (code == 0 && m->batch->count > 0)
        code = flush_once(m, err);
    return code;
}

static int add_to_batch(struct import *m, const struct fg_intake_result *result,
                        struct fg_error *err)
{
    struct batch *b = m->batch;
    int code = 0;
    const size_t one = m->dimension * sizeof(float);
    if (b->count == BATCH || (b->vectors + result->portrait.count) * one > FG_CLIENT_BYTES)
        code = flush(m, err);
    if (code == 0) {
        b->people[b->count++] = *result;
        b->vectors += result->portrait.count;
    }
    return code;
}

// ---- the import --------------------------------------------------------------------------------

static void step(struct import *m)
{
    fg_progress_step(&m->progress, m->enrolled + m->already + m->refused);
}

// Whatever is ready goes into one transaction; while it is written, the next ones get ready.
static int take_results(struct import *m, struct fg_intake_result *room, struct fg_error *err)
{
    for (;;) {
        int code = fg_intake_next(m->intake, m->batch->count > 0 ? 0 : DRAW_MS, room, err);
        if (code == 1 && room->refused)
            m->refused++;
        else if (code == 1)
            code = add_to_batch(m, room, err);
        else if (code == 0 || code == -EAGAIN) {
            int flushed = flush(m, err);
            if (flushed < 0 || code == 0)
                return flushed;
        }
        if (code < 0 && code != -EAGAIN)
            return code;
        step(m);
    }
}

static int choose(struct import *m, struct fg_error *err)
{
    m->todo = calloc(m->roll.count, sizeof *m->todo);
    if (!m->todo)
        return fg_fail(err, -ENOMEM, "out of memory");
    for (size_t i = 0; i < m->roll.count; i++) {
        const struct fg_roll_entry *entry = &m->roll.entries[i];
        if (!entry->same_as && fg_journal_has(m->journal, entry->id))
            m->skipped++;
        else
            m->todo[m->n_todo++] = i;
    }
    return 0;
}

// Before hours of work: is the matcher there, and of the same model?
static int greet(struct import *m, struct fg_error *err)
{
    struct fg_json *answer = NULL;
    char id[24];
    int code = fg_client_do(m->client, fg_client_request("status"), NULL, 0, 0, &answer, err);
    if (code < 0)
        return code;
    snprintf(id, sizeof id, "%016" PRIx64, m->model);
    const struct fg_json *model = fg_json_get(answer, "model");
    if (strcmp(fg_json_get_string(model, "id", ""), id) != 0)
        code = fg_fail(err, -EMEDIUMTYPE,
                       "the matcher uses another model (%.48s); name its card with --models and "
                       "--embedder",
                       fg_json_get_string(model, "name", "not named"));
    fg_json_destroy(answer);
    return code;
}

static int read_model(struct import *m, struct fg_error *err)
{
    struct fg_vision *vision = NULL;
    int code = fg_vision_open(&m->common.vision, &vision, err);
    if (code < 0)
        return code;
    m->model = fg_vision_embedder_card(vision)->id;
    m->dimension = fg_card_template_dimension(fg_vision_embedder_card(vision));
    fg_vision_close(vision);
    return 0;
}

static int open_journal(struct import *m, struct fg_error *err)
{
    char *path = NULL, model[24];
    size_t length = strlen(m->source);
    while (length > 1 && m->source[length - 1] == '/')
        length--;
    snprintf(model, sizeof model, "%016" PRIx64, m->model);
    if (m->journal_path)
        path = strdup(m->journal_path);
    else if (asprintf(&path, "%.*s.journal", (int)length, m->source) < 0)
        path = NULL;
    if (!path)
        return fg_fail(err, -ENOMEM, "out of memory");
    int code = fg_journal_open(path, model, &m->journal, err);
    free(path);
    return code;
}

static int prepare(struct import *m, struct fg_error *err)
{
    int code = fg_roll_read(m->source, &m->roll, err);
    if (code == 0)
        code = fg_client_open(m->common.control, m->manner.timeout_ms, &m->client, err);
    if (code == 0)
        code = read_model(m, err);
    if (code == 0)
        code = greet(m, err);
    if (code == 0)
        code = open_journal(m, err);
    if (code == 0)
        code = choose(m, err);
    m->batch = calloc(1, sizeof *m->batch);
    if (code == 0 && !m->batch)
        code = fg_fail(err, -ENOMEM, "out of memory");
    return code;
}

static int import(struct import *m, struct fg_error *err)
{
    const struct fg_intake_plan plan = {.vision = &m->common.vision,
                                        .rule = m->manner.rule,
                                        .standard = &m->manner.enrolment,
                                        .roll = &m->roll,
                                        .todo = m->todo,
                                        .n_todo = m->n_todo,
                                        .problems = &m->problems,
                                        .threads = m->threads};
    const uint64_t start = fg_monotonic_ns();
    struct fg_intake_result *room = calloc(1, sizeof *room);
    int code = room ? 0 : fg_fail(err, -ENOMEM, "out of memory");
    if (code == 0 && m->n_todo > 0)
        code = fg_intake_start(&plan, &m->intake, err);
    if (code == 0 && m->intake) {
        fg_progress_start(&m->progress, "people", m->n_todo, m->common.quiet);
        code = take_results(m, room, err);
        fg_progress_end(&m->progress);
        m->photos = fg_intake_photos(m->intake);
    }
    fg_intake_stop(m->intake);
    if (room)
        explicit_bzero(room, sizeof *room);
    free(room);
    m->seconds = (double)(fg_monotonic_ns() - start) * 1e-9;
    return code == -ETIMEDOUT ? fg_fail_prefix(err, code, "cut off, run it again to go on") : code;
}

// ---- the report --------------------------------------------------------------------------------

static double photos_a_second(const struct import *m)
{
    return m->seconds > 0 ? (double)m->photos / m->seconds : 0;
}

static void print_json(const struct import *m, int code, const struct fg_error *err)
{
    struct fg_json *json = fg_json_object();
    fg_json_add_number(json, "people", (double)m->roll.count);
    fg_json_add_number(json, "enrolled", (double)m->enrolled);
    fg_json_add_number(json, "already", (double)m->already);
    fg_json_add_number(json, "skipped", (double)m->skipped);
    fg_json_add_number(json, "refused", (double)m->refused);
    fg_json_add_number(json, "photographs", (double)m->photos);
    fg_json_add_number(json, "seconds", m->seconds);
    fg_json_add_number(json, "photographs_per_second", photos_a_second(m));
    fg_json_add(json, "problems", fg_problems_json(&m->problems));
    if (code < 0)
        fg_json_add_string(json, "error", err->text);
    if (m->warning)
        fg_json_add_string(json, "warning", m->warning);
    fg_plain_json(json, true);
}

static void print_text(const struct import *m)
{
    fg_problems_print(&m->problems, stdout);
    if (m->common.quiet)
        return;
    printf("%zu people: %zu enrolled, %zu were already, %zu done by an earlier run, %zu refused; "
           "%.1f photographs a second\n",
           m->roll.count, m->enrolled, m->already, m->skipped, m->refused, photos_a_second(m));
}

static int report(struct import *m, int code, struct fg_error *err)
{
    struct fg_error why = {""};
    fg_problems_sort(&m->problems);
    if (m->report && fg_problems_write(&m->problems, m->report, &why) < 0 && code == 0)
        code = fg_fail(err, -EIO, "%s", why.text);
    if (m->common.json)
        print_json(m, code, err);
    else if (code == 0 || m->enrolled + m->refused > 0)
        print_text(m);
    return code;
}

static int run(struct import *m, const char *name)
{
    struct fg_error err = {""};
    fg_manner_private();
    int code = prepare(m, &err);
    if (code == 0)
        code = report(m, import(m, &err), &err);
    else if (m->common.json)
        print_json(m, code, &err);
    if (m->warning)
        fprintf(stderr, "facegate %s: warning: %s\n", name, m->warning);
    if (code < 0)
        return fg_command_failed(name, code, &err);
    return m->refused > 0 ? FG_EXIT_FAILURE : FG_EXIT_OK;
}

static int check(struct import *m, int operands)
{
    struct fg_error err = m->manner.err;
    if (!err.text[0])
        fg_enrolment_check(&m->manner.enrolment, &err);
    if (err.text[0])
        fprintf(stderr, "facegate import: %s\n", err.text);
    else if (operands != 1)
        fputs("facegate import: name one folder or CSV; see facegate import --help\n", stderr);
    else
        return 0;
    return -EINVAL;
}

static void finish(struct import *m)
{
    fg_client_close(m->client);
    fg_journal_close(m->journal);
    fg_roll_finish(&m->roll);
    fg_problems_finish(&m->problems);
    if (m->batch)
        clear_batch(m->batch);
    free(m->batch);
    free(m->todo);
    free(m->warning);
}

int fg_command_import(int argc, char **argv)
{
    struct import m = {.manner = {.timeout_ms = FG_CLIENT_TIMEOUT_MS, .rule = {.tolerant = true}}};
    int code = fg_arguments(argc, argv, rows, own_option, &m, &m.common, help);
    if (code == 1)
        return FG_EXIT_OK;
    if (code < 0 || check(&m, argc - optind) < 0)
        return FG_EXIT_USAGE;
    m.source = argv[optind];
    if (m.threads == 0) {
        long processors = sysconf(_SC_NPROCESSORS_ONLN);
        m.threads = processors < 1                   ? 1
                    : processors > FG_INTAKE_THREADS ? FG_INTAKE_THREADS
                                                     : (unsigned)processors;
    }
    fg_problems_init(&m.problems);
    code = run(&m, argv[0]);
    finish(&m);
    return code;
}
