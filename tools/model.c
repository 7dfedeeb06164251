// SPDX-License-Identifier: Apache-2.0
// facegate model: what a model card stands for: layers, where they run, cost, time.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/json.h"
#include "pipeline/align.h"
#include "pipeline/detect.h"
#include "pipeline/embed.h"
#include "tools/command.h"
#include "tools/placement.h"

static const char help[] =
    "facegate model: describe a model card\n"
    "\n"
    "  facegate model [option ...] CARD\n"
    "\n"
    "Checks the model file against its card, opens it as the programs at the gate do, and prints\n"
    "each layer with the backend that runs it (and why no other does), its multiply-accumulates,\n"
    "the share of each backend, and the time of one run.\n"
    "\n"
    "  --runs N            runs to time (50); 0: none\n" FG_ENGINE_HELP "  --json, --help\n"
    "\n"
    "Exit codes: 0 done, 1 the card or the model is off, 2 the command line is.\n";

enum { OPT_RUNS = 1 };

static const struct option rows[] = {{"runs", required_argument, NULL, OPT_RUNS}, {0}};

struct described {
    struct fg_common common;
    struct fg_card card;
    struct fg_detector *detector; // one of these three, by the card's kind
    struct fg_aligner *aligner;
    struct fg_embedder *embedder;
    struct fg_accel *accel; // that one's
    unsigned runs;
    double ms_least, ms_median;
};

static int own_option(void *context, int option, const char *value)
{
    char *end;
    unsigned long runs = strtoul(value, &end, 10);
    if (option != OPT_RUNS || end == value || *end || runs > 100000)
        return -EINVAL;
    ((struct described *)context)->runs = (unsigned)runs;
    return 0;
}

// As the gate does it, so that a card whose outputs do not fit its kind is refused here too.
static int open_by_kind(struct described *d, struct fg_error *err)
{
    const struct fg_accel_options *options = &d->common.vision.accel;
    int code = -EINVAL;
    switch (d->card.kind) {
    case FG_CARD_DETECTOR: // no picture is shown to it, so it needs no sampler
        code = fg_detector_open(&d->card, options, NULL, &d->detector, err);
        d->accel = code == 0 ? fg_detector_accel(d->detector) : NULL;
        break;
    case FG_CARD_LANDMARKS:
        code = fg_aligner_open(&d->card, options, &d->aligner, err);
        d->accel = code == 0 ? fg_aligner_accel(d->aligner) : NULL;
        break;
    case FG_CARD_EMBEDDER:
        code = fg_embedder_open(&d->card, options, &d->embedder, err);
        d->accel = code == 0 ? fg_embedder_accel(d->embedder) : NULL;
        break;
    }
    return code;
}

static int by_time(const void *pa, const void *pb)
{
    double a = *(const double *)pa, b = *(const double *)pb;
    return (a > b) - (a < b);
}

static int time_runs(struct described *d, struct fg_error *err)
{
    double *ms = calloc(d->runs + 1, sizeof *ms);
    int code = ms ? fg_accel_run(d->accel) : -ENOMEM; // the first run pays for cold caches
    for (unsigned i = 0; code == 0 && i < d->runs; i++) {
        uint64_t start = fg_monotonic_ns();
        code = fg_accel_run(d->accel);
        ms[i] = (double)(fg_monotonic_ns() - start) * 1e-6;
    }
    if (code == 0 && d->runs > 0) {
        qsort(ms, d->runs, sizeof *ms, by_time);
        d->ms_least = ms[0];
        d->ms_median = ms[d->runs / 2];
    }
    free(ms);
    return code < 0 ? fg_fail(err, code, "%s: the engine failed", d->card.name) : 0;
}

static const char *const kinds[] = {"detector", "landmarks", "embedder"};

static void shape_text(const struct fg_accel_tensor *t, char *ret, size_t size)
{
    size_t used = (size_t)snprintf(ret, size, "%s", t->n_dims ? "" : "1");
    for (unsigned i = 0; i < t->n_dims && used < size; i++)
        used += (size_t)snprintf(ret + used, size - used, "%s%" PRIu32, i ? "x" : "", t->dims[i]);
}

static void add_tensors(struct fg_json *json, const char *name, const struct fg_accel *accel,
                        unsigned count,
                        const struct fg_accel_tensor *(*at)(const struct fg_accel *, unsigned))
{
    struct fg_json *array = fg_json_array();
    for (unsigned i = 0; i < count; i++) {
        char shape[80];
        struct fg_json *tensor = fg_json_object();
        shape_text(at(accel, i), shape, sizeof shape);
        fg_json_add_string(tensor, "name", at(accel, i)->name);
        fg_json_add_string(tensor, "shape", shape);
        fg_json_add(array, NULL, tensor);
    }
    fg_json_add(json, name, array);
}

static void print_json(const struct described *d)
{
    char id[20];
    struct fg_json *json = fg_json_object();
    snprintf(id, sizeof id, "%016" PRIx64, d->card.id);
    fg_json_add_string(json, "name", d->card.name);
    fg_json_add_string(json, "version", d->card.version);
    fg_json_add_string(json, "kind", kinds[d->card.kind]);
    fg_json_add_string(json, "id", id);
    fg_json_add_string(json, "licence", d->card.licence);
    fg_json_add_number(json, "macs", (double)fg_placement_macs(d->accel));
    if (d->runs > 0) {
        fg_json_add_number(json, "ms_median", d->ms_median);
        fg_json_add_number(json, "ms_least", d->ms_least);
    }
    add_tensors(json, "inputs", d->accel, fg_accel_input_count(d->accel), fg_accel_input);
    add_tensors(json, "outputs", d->accel, fg_accel_output_count(d->accel), fg_accel_output);
    fg_placement_add(d->accel, json);
    char *text = fg_json_print(json, true);
    puts(text);
    free(text);
    fg_json_destroy(json);
}

static void print_head(const struct described *d)
{
    const struct fg_card *c = &d->card;
    char shape[80];
    printf("%s %s, %s, id %016" PRIx64 "\n", c->name, c->version, kinds[c->kind], c->id);
    printf("  file     %s\n  source   %s\n  licence  %s\n", c->path, c->source, c->licence);
    for (unsigned i = 0; i < fg_accel_input_count(d->accel); i++) {
        shape_text(fg_accel_input(d->accel, i), shape, sizeof shape);
        printf("  input    %s  %s\n", shape, fg_accel_input(d->accel, i)->name);
    }
    for (unsigned i = 0; i < fg_accel_output_count(d->accel); i++) {
        shape_text(fg_accel_output(d->accel, i), shape, sizeof shape);
        printf("  output   %s  %s\n", shape, fg_accel_output(d->accel, i)->name);
    }
    if (c->kind == FG_CARD_EMBEDDER && c->n_points > 0)
        printf("  calibrated on %s: %" PRIu64 " impostor and %" PRIu64
               " genuine pairs, least FMR %.2g\n",
               c->dataset, c->impostor_pairs, c->genuine_pairs, fg_card_least_fmr(c));
    else if (c->kind == FG_CARD_EMBEDDER)
        printf("  not calibrated: run facegate eval --calibrate\n");
    printf("  engine   %s: %s\n\n", fg_accel_engine(d->accel), fg_accel_reason(d->accel));
}

static void print_text(const struct described *d)
{
    print_head(d);
    fg_placement_print(d->accel);
    if (d->runs > 0)
        printf("%.2f ms a run (median of %u, least %.2f)\n", d->ms_median, d->runs, d->ms_least);
}

static int describe(struct described *d, const char *card, struct fg_error *err)
{
    int code = fg_card_read(card, &d->card, err);
    if (code == 0)
        code = open_by_kind(d, err);
    if (code == 0)
        code = time_runs(d, err);
    if (code == 0 && d->common.json)
        print_json(d);
    else if (code == 0)
        print_text(d);
    fg_detector_close(d->detector);
    fg_aligner_close(d->aligner);
    fg_embedder_close(d->embedder);
    return code;
}

int fg_command_model(int argc, char **argv)
{
    struct described d = {.runs = 50};
    struct fg_error err = {""};
    int code = fg_arguments(argc, argv, rows, own_option, &d, &d.common, help);
    if (code == 1)
        return FG_EXIT_OK;
    if (code < 0)
        return FG_EXIT_USAGE;
    if (argc - optind != 1) {
        fprintf(stderr, "facegate model: name one model card; see facegate model --help\n");
        return FG_EXIT_USAGE;
    }
    code = describe(&d, argv[optind], &err);
    return code < 0 ? fg_command_failed(argv[0], code, &err) : FG_EXIT_OK;
}
