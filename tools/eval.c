// SPDX-License-Identifier: Apache-2.0
// facegate eval: how well the pipeline tells people apart on a folder of labelled photographs.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/json.h"
#include "tools/command.h"
#include "tools/plot.h"
#include "tools/score_table.h"
#include "tools/trial.h"

#define GALLERIES 10

static const char help[] =
    "facegate eval: accuracy on a folder of people (FOLDER/PERSON/PHOTOGRAPH)\n"
    "\n"
    "  facegate eval [option ...] FOLDER\n"
    "\n"
    "Takes the face nearest each picture's centre and never refuses one; a photograph without a\n"
    "face counts as a miss. Prints TAR at FMR 1e-2 to 1e-5, EER and DET points over all pairs,\n"
    "rank-1 over a closed set, and FNIR at FPIR 1 % and 0.1 % over 10 seeded galleries.\n"
    "\n"
    "  --enrol N         average each person's first N photographs into a template and compare\n"
    "                    the others with all templates, instead of all pairs\n"
    "  --mirror          average each vector with the mirrored face's (twice the time)\n"
    "  --calibrate CARD  write the score table over all pairs into this model card\n"
    "  --dataset TEXT    name of the data in that card (the folder's name)\n"
    "  --plot FILE       DET plot as SVG\n"
    "  --threads N       (the number of processors)\n"
    "  --models FOLDER, --detector NAME, --embedder NAME, --json, --quiet, --help,\n"
    "  the engine options that facegate engines --help lists, but --threads\n"
    "\n"
    "Exit codes: 0 done, 1 the folder or a model can't be used, 2 the command line is off.\n";

enum { OPT_ENROL = 1, OPT_MIRROR, OPT_CALIBRATE, OPT_DATASET, OPT_PLOT, OPT_THREADS };

static const struct option rows[] = {
    {"enrol", required_argument, NULL, OPT_ENROL},
    {"mirror", no_argument, NULL, OPT_MIRROR},
    {"calibrate", required_argument, NULL, OPT_CALIBRATE},
    {"dataset", required_argument, NULL, OPT_DATASET},
    {"plot", required_argument, NULL, OPT_PLOT},
    {"threads", required_argument, NULL, OPT_THREADS},
    {0},
};

struct eval {
    struct fg_common common;
    const char *folder, *calibrate, *dataset, *plot;
    unsigned enrol, threads;
    bool mirror;
    struct fg_trial trial;
    struct fg_scores genuine, impostors, mated, non_mated;
    size_t templates; // with --enrol
    int gallery;      // N of the open set
    double rank1, seconds;
};

static int whole_number(const char *text, unsigned low, unsigned high, unsigned *ret)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (end == text || *end || text[0] == '-' || value < low || value > high)
        return -EINVAL;
    *ret = (unsigned)value;
    return 0;
}

static int own_option(void *context, int option, const char *value)
{
    struct eval *e = context;
    switch (option) {
    case OPT_ENROL:
        return whole_number(value, 1, 100, &e->enrol);
    case OPT_MIRROR:
        e->mirror = true;
        return 0;
    case OPT_CALIBRATE:
        e->calibrate = value;
        return 0;
    case OPT_DATASET:
        e->dataset = value;
        return 0;
    case OPT_PLOT:
        e->plot = value;
        return 0;
    case OPT_THREADS:
        return whole_number(value, 1, 16, &e->threads);
    }
    return -EINVAL;
}

static int measure(struct eval *e, struct fg_error *err)
{
    uint64_t start = fg_monotonic_ns();
    int code = fg_trial_run(e->folder, &e->common.vision, e->mirror, e->threads, e->common.quiet,
                            &e->trial, err);
    if (code < 0)
        return code;
    e->seconds = (double)(fg_monotonic_ns() - start) * 1e-9;
    if (e->enrol > 0)
        code = fg_trial_enrolled(&e->trial, e->enrol, &e->genuine, &e->impostors, &e->templates);
    else
        code = fg_trial_pairs(&e->trial, &e->genuine, &e->impostors);
    if (code == 0 && e->enrol == 0) {
        e->rank1 = fg_trial_rank1(&e->trial);
        e->gallery = fg_trial_open_set(&e->trial, GALLERIES, &e->mated, &e->non_mated);
        code = e->gallery < 0 ? e->gallery : 0;
    }
    if (code == 0 && (e->genuine.count == 0 || e->impostors.count == 0))
        return fg_fail(err, -ENODATA,
                       "%s: needs several people, and several photographs of some of them",
                       e->folder);
    return code < 0 ? fg_fail(err, code, "out of memory") : 0;
}

static double tar(const struct eval *e, double fmr)
{
    return fg_share_at_least(&e->genuine, fg_threshold_for(&e->impostors, fmr));
}

static double fnir(const struct eval *e, double fpir)
{
    return fg_share_below(&e->mated, fg_threshold_for(&e->non_mated, fpir));
}

static void add_det(const struct eval *e, struct fg_json *json)
{
    struct fg_json *points = fg_json_array();
    for (int i = 0; i <= 16; i++) {
        static const double steps[] = {1, 1.78, 3.16, 5.62};
        double fmr = 1e-5 * steps[i % 4];
        for (int k = 0; k < i / 4; k++)
            fmr *= 10;
        struct fg_json *point = fg_json_object();
        float threshold = fg_threshold_for(&e->impostors, fmr);
        fg_json_add_number(point, "fmr", fmr);
        fg_json_add_number(point, "fnmr", fg_share_below(&e->genuine, threshold));
        fg_json_add_number(point, "score", (double)threshold);
        fg_json_add(points, NULL, point);
    }
    fg_json_add(json, "det", points);
}

static void print_json(const struct eval *e)
{
    struct fg_json *json = fg_json_object();
    fg_json_add_number(json, "people", (double)e->trial.people.count);
    fg_json_add_number(json, "photographs", (double)e->trial.n);
    fg_json_add_number(json, "no_face", (double)e->trial.missed);
    fg_json_add_number(json, "genuine_pairs", (double)e->genuine.count);
    fg_json_add_number(json, "impostor_pairs", (double)e->impostors.count);
    fg_json_add_number(json, "tar_at_fmr_1e-2", tar(e, 1e-2));
    fg_json_add_number(json, "tar_at_fmr_1e-3", tar(e, 1e-3));
    fg_json_add_number(json, "tar_at_fmr_1e-4", tar(e, 1e-4));
    fg_json_add_number(json, "tar_at_fmr_1e-5", tar(e, 1e-5));
    fg_json_add_number(json, "eer", fg_equal_error(&e->genuine, &e->impostors));
    if (e->enrol > 0) {
        fg_json_add_number(json, "enrol", e->enrol);
        fg_json_add_number(json, "templates", (double)e->templates);
    } else {
        fg_json_add_number(json, "rank1", e->rank1);
        fg_json_add_number(json, "gallery", e->gallery);
        fg_json_add_number(json, "fnir_at_fpir_1e-2", fnir(e, 1e-2));
        fg_json_add_number(json, "fnir_at_fpir_1e-3", fnir(e, 1e-3));
    }
    fg_json_add_number(json, "photographs_per_second", (double)e->trial.n / e->seconds);
    add_det(e, json);
    char *text = fg_json_print(json, true);
    puts(text);
    free(text);
    fg_json_destroy(json);
}

static void print_text(const struct eval *e)
{
    printf("%zu photographs of %zu people, %zu without a face; %.1f photographs a second\n",
           e->trial.n, e->trial.people.count, e->trial.missed, (double)e->trial.n / e->seconds);
    if (e->enrol > 0)
        printf("%zu templates of %u photographs each\n", e->templates, e->enrol);
    printf("%zu genuine and %zu impostor comparisons\n\n", e->genuine.count, e->impostors.count);
    printf("      FMR    TAR     score\n");
    for (double fmr = 1e-2; fmr > 0.5e-5; fmr /= 10) {
        float threshold = fg_threshold_for(&e->impostors, fmr);
        printf("    %5.0e  %.4f   %.3f%s\n", fmr, fg_share_at_least(&e->genuine, threshold),
               (double)threshold,
               fmr * (double)e->impostors.count < 10 ? "  (fewer than 10 pairs)" : "");
    }
    printf("\nEER %.4f\n", fg_equal_error(&e->genuine, &e->impostors));
    if (e->enrol > 0)
        return;
    printf("rank-1 %.4f (closed set, everybody's first photograph enrolled)\n", e->rank1);
    printf("FNIR %.4f at FPIR 1 %%, %.4f at 0.1 %% (open set, N = %d, %d galleries)\n",
           fnir(e, 1e-2), fnir(e, 1e-3), e->gallery, GALLERIES);
}

static int write_files(const struct eval *e, struct fg_error *err)
{
    if (e->plot) {
        int code = fg_plot_det(e->plot, e->folder, &e->genuine, &e->impostors, err);
        if (code < 0)
            return code;
    }
    if (!e->calibrate)
        return 0;
    const char *slash = strrchr(e->folder, '/');
    const char *dataset = e->dataset ? e->dataset : slash && slash[1] ? slash + 1 : e->folder;
    return fg_score_table_write(e->calibrate, dataset, &e->genuine, &e->impostors, err);
}

// The scores of one model must not get into the card of another.
static int check_card(const struct eval *e, struct fg_error *err)
{
    const struct fg_vision_options *o = &e->common.vision;
    struct fg_card used, written;
    char path[600];
    if (!e->calibrate)
        return 0;
    snprintf(path, sizeof path, "%s/%s.card", o->models,
             o->embedder ? o->embedder : "mobilefacenet");
    int code = fg_card_read(path, &used, err);
    if (code == 0)
        code = fg_card_read(e->calibrate, &written, err);
    if (code == 0 && used.id != written.id)
        code = fg_fail(err, -EINVAL,
                       "%s is the card of another model than %s, which would be measured; name the "
                       "embedder with --models and --embedder",
                       e->calibrate, path);
    return code;
}

static int check(const struct eval *e, int operands)
{
    if (operands != 1)
        fprintf(stderr, "facegate eval: name one folder of people; see facegate eval --help\n");
    else if (e->calibrate && e->enrol > 0)
        fprintf(stderr, "facegate eval: --calibrate is over all pairs: leave --enrol out\n");
    else
        return 0;
    return -EINVAL;
}

int fg_command_eval(int argc, char **argv)
{
    struct eval e = {0};
    struct fg_error err = {""};
    int code = fg_arguments(argc, argv, rows, own_option, &e, &e.common, help);
    if (code == 1)
        return FG_EXIT_OK;
    if (code < 0 || check(&e, argc - optind) < 0)
        return FG_EXIT_USAGE;
    e.folder = argv[optind];
    if (e.threads == 0)
        e.threads = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    code = check_card(&e, &err);
    if (code == 0)
        code = measure(&e, &err);
    if (code == 0)
        code = write_files(&e, &err);
    if (code == 0 && e.common.json)
        print_json(&e);
    else if (code == 0)
        print_text(&e);
    fg_scores_finish(&e.genuine);
    fg_scores_finish(&e.impostors);
    fg_scores_finish(&e.mated);
    fg_scores_finish(&e.non_mated);
    fg_trial_finish(&e.trial);
    return code < 0 ? fg_command_failed(argv[0], code, &err) : FG_EXIT_OK;
}
