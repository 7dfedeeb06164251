// SPDX-License-Identifier: Apache-2.0
// facegate verify: are two photographs of one person? Nothing is stored.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "tools/command.h"
#include "tools/photo.h"

static const char help[] =
    "facegate verify: compare two photographs (1:1); nothing is stored\n"
    "\n"
    "  facegate verify [option ...] A.jpg B.jpg\n"
    "\n"
    "  --fmr RATE      share of impostor comparisons that may match (1e-4)\n"
    "  --central       take the face nearest the middle; else several faces are refused\n"
    "  --any-quality   do not refuse a photograph for its quality\n"
    "  --models FOLDER, --embedder NAME, --json, --help,\n"
    "  the engine options that facegate engines --help lists\n"
    "\n"
    "Exit codes: 0 match, 1 no match, 2 the command line is off, 3 a photograph was refused,\n"
    "4 a photograph or a model can't be used.\n";

enum { OPT_FMR = 1, OPT_CENTRAL, OPT_ANY };
enum { EXIT_REFUSED = 3, EXIT_BROKEN = 4 };

static const struct option rows[] = {
    {"fmr", required_argument, NULL, OPT_FMR},
    {"central", no_argument, NULL, OPT_CENTRAL},
    {"any-quality", no_argument, NULL, OPT_ANY},
    {0},
};

struct verify {
    struct fg_common common;
    struct fg_photo_rule rule;
    double fmr;
    struct fg_shot shots[2];
    float threshold, score;
    double score_fmr, score_fnmr;
};

static int own_option(void *context, int option, const char *value)
{
    struct verify *v = context;
    char *end;
    switch (option) {
    case OPT_FMR:
        v->fmr = strtod(value, &end);
        return end != value && !*end && v->fmr > 0 && v->fmr < 1 ? 0 : -EINVAL;
    case OPT_CENTRAL:
        v->rule.central = true;
        return 0;
    case OPT_ANY:
        v->rule.accept = true;
        return 0;
    }
    return -EINVAL;
}

static int compare(struct verify *v, char **paths, struct fg_error *err)
{
    struct fg_vision *vision = NULL;
    struct fg_photographer *photographer = NULL;
    int code = fg_vision_open(&v->common.vision, &vision, err);
    if (code == 0)
        code = fg_card_score_for_fmr(fg_vision_embedder_card(vision), v->fmr, &v->threshold, err);
    if (code == -ENODATA)
        code = -EINVAL; // not the photograph's fault
    if (code == 0 && fg_photographer_create(vision, &photographer) < 0)
        code = fg_fail(err, -ENOMEM, "out of memory");
    for (int i = 0; i < 2 && code == 0; i++)
        code = fg_photo_shot(photographer, paths[i], &v->rule, &v->shots[i], err);
    if (code == 0) {
        for (uint32_t k = 0; k < v->shots[0].dimension; k++)
            v->score += v->shots[0].vector[k] * v->shots[1].vector[k];
        fg_card_rates(fg_vision_embedder_card(vision), v->score, &v->score_fmr, &v->score_fnmr);
    }
    fg_photographer_destroy(photographer);
    fg_vision_close(vision);
    return code;
}

static void print_answer(const struct verify *v)
{
    bool match = v->score >= v->threshold;
    if (!v->common.json) {
        printf("%s: score %.3f, threshold %.3f for an FMR of %.3g\n", match ? "match" : "no match",
               (double)v->score, (double)v->threshold, v->fmr);
        return;
    }
    struct fg_json *json = fg_json_object();
    fg_json_add_bool(json, "match", match);
    fg_json_add_number(json, "score", (double)v->score);
    fg_json_add_number(json, "threshold", (double)v->threshold);
    fg_json_add_number(json, "fmr", v->fmr);
    fg_json_add_number(json, "fmr_of_score", v->score_fmr);
    fg_json_add_number(json, "quality_a", (double)v->shots[0].quality.unified);
    fg_json_add_number(json, "quality_b", (double)v->shots[1].quality.unified);
    char *text = fg_json_print(json, true);
    puts(text);
    free(text);
    fg_json_destroy(json);
}

static void print_refusal(const struct verify *v, const struct fg_error *err)
{
    if (!v->common.json)
        return;
    struct fg_json *json = fg_json_object();
    fg_json_add_bool(json, "match", false);
    fg_json_add_string(json, "refused", err->text);
    char *text = fg_json_print(json, true);
    puts(text);
    free(text);
    fg_json_destroy(json);
}

int fg_command_verify(int argc, char **argv)
{
    struct verify *v = calloc(1, sizeof *v);
    struct fg_error err = {""};
    if (!v)
        return EXIT_BROKEN;
    v->fmr = 1e-4;
    int exit_code = FG_EXIT_USAGE;
    int code = fg_arguments(argc, argv, rows, own_option, v, &v->common, help);
    if (code == 1) {
        exit_code = FG_EXIT_OK;
    } else if (code == 0 && argc - optind != 2) {
        fprintf(stderr, "facegate verify: name two photographs; see facegate verify --help\n");
    } else if (code == 0) {
        code = compare(v, argv + optind, &err);
        if (code == 0)
            print_answer(v);
        else
            fprintf(stderr, "facegate verify: %s\n", err.text);
        if (code == -ENODATA)
            print_refusal(v, &err);
        exit_code = code == -ENODATA           ? EXIT_REFUSED
                    : code < 0                 ? EXIT_BROKEN
                    : v->score >= v->threshold ? FG_EXIT_OK
                                               : FG_EXIT_FAILURE;
    }
    explicit_bzero(v->shots, sizeof v->shots);
    free(v);
    return exit_code;
}
