// SPDX-License-Identifier: Apache-2.0
// facegate enrol: one to five photographs of one person become a template in the gallery.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "tools/client.h"
#include "tools/command.h"
#include "tools/manner.h"
#include "tools/plain.h"
#include "tools/portrait.h"

static const char help[] =
    "facegate enrol: photographs of one person become a template\n"
    "\n"
    "  facegate enrol [option ...] --id ID PHOTO ...\n"
    "\n"
    "One to five photographs are averaged. One with no face, with several, or with a face that is\n"
    "too small, dark, bright, blurred, turned or covered is refused, and so are photographs that\n"
    "look like two people.\n"
    "\n"
    "  --id ID            1 to 63 of A-Z a-z 0-9 . _ : @ -; opaque: better not a name\n"
    "  --replace          also when the id is enrolled already\n"
    "  --valid-from TIME  YYYY-MM-DD (from its first second) or RFC 3339\n"
    "  --valid-until TIME YYYY-MM-DD (to its last second) or RFC 3339\n"
    "  --lane LANE        may pass there; repeatable; none: every lane\n"
    "  --tag TAG          repeatable\n"
    "  --consent REF      reference to the record of consent\n"
    "  --guardian REF     reference to a guardian's consent\n"
    "  --born YYYY-MM-DD  the date of birth, for profiles with a rule of age\n"
    "  --central          take the face nearest the middle; else several faces are refused\n"
    "  --anyway           enrol photographs that look like two people\n"
    "  --timeout-ms N     wait so long for the matcher (5000)\n"
    "  --control ENDPOINT, --models FOLDER, --embedder NAME, --json, --quiet, --help,\n"
    "  the engine options that facegate engines --help lists\n"
    "\n"
    "Exit codes: 0 enrolled, 1 refused or failed, 2 the command line is off, 75 no matcher.\n";

enum { OPT_ID = FG_MANNER_FIELD + FG_FIELD_ID };

static const struct option rows[] = {{"id", required_argument, NULL, OPT_ID}, FG_MANNER_ROWS, {0}};

struct enrol {
    struct fg_common common;
    struct fg_manner manner;
    char **photos;
    size_t n_photos;
    struct fg_portrait portrait;
    uint64_t model;
    struct fg_json *refused; // photographs, for --json
    char *warning;
};

static int own_option(void *context, int option, const char *value)
{
    return fg_manner_option(&((struct enrol *)context)->manner, option, value);
}

static void note_photo(void *context, const char *photo, const char *reason, const char *text)
{
    struct enrol *e = context;
    struct fg_json *json = fg_json_object();
    fg_json_add_string(json, "photo", photo);
    fg_json_add_string(json, "reason", reason);
    fg_json_add_string(json, "text", text);
    fg_json_add(e->refused, NULL, json);
}

static int look(struct enrol *e, struct fg_error *err)
{
    struct fg_vision *vision = NULL;
    struct fg_photographer *photographer = NULL;
    int code = fg_vision_open(&e->common.vision, &vision, err);
    if (code == 0 && fg_photographer_create(vision, &photographer) < 0)
        code = fg_fail(err, -ENOMEM, "out of memory");
    if (code == 0) {
        const struct fg_card *card = fg_vision_embedder_card(vision);
        e->model = card->id;
        code = fg_portrait_take(photographer, card, e->photos, e->n_photos, &e->manner.rule,
                                note_photo, e, &e->portrait, err);
    }
    fg_photographer_destroy(photographer);
    fg_vision_close(vision);
    return code;
}

static int ask(struct enrol *e, struct fg_client *client, struct fg_error *err)
{
    const struct fg_portrait *p = &e->portrait;
    char model[24];
    struct fg_json *answer = NULL, *request = fg_client_request("enrol");
    snprintf(model, sizeof model, "%016" PRIx64, e->model);
    fg_json_add_string(request, "model", model);
    fg_json_add_number(request, "dimension", p->dimension);
    fg_json_add_bool(request, "replace", e->manner.replace);
    fg_enrolment_describe(&e->manner.enrolment, request);
    int code = fg_client_do(client, request, p->vectors, p->count, p->dimension, &answer, err);
    if (code == -EEXIST)
        fg_fail(err, code, "%s is enrolled already; --replace takes the new photographs",
                e->manner.enrolment.id);
    if (code < 0)
        return code;
    const char *warning = fg_json_get_string(answer, "warning", NULL);
    e->warning = warning ? strdup(warning) : NULL;
    fg_json_destroy(answer);
    return 0;
}

static int enrol(struct enrol *e, struct fg_error *err)
{
    struct fg_client *client = NULL;
    int code = fg_client_open(e->common.control, e->manner.timeout_ms, &client, err);
    if (code == 0)
        code = look(e, err);
    if (code == 0)
        code = ask(e, client, err);
    fg_client_close(client);
    return code;
}

static void print_json(struct enrol *e, int code, const struct fg_error *err)
{
    struct fg_json *json = fg_json_object(), *taken = fg_json_array();
    fg_json_add_bool(json, "enrolled", code == 0);
    fg_json_add_string(json, "subject", e->manner.enrolment.id);
    for (unsigned i = 0; i < e->portrait.count; i++) {
        struct fg_json *photo = fg_json_object();
        fg_json_add_string(photo, "photo", e->photos[e->portrait.photo[i]]);
        fg_json_add_number(photo, "quality", (double)e->portrait.quality[i]);
        fg_json_add(taken, NULL, photo);
    }
    fg_json_add(json, "photographs", taken);
    fg_json_add(json, "refused", e->refused);
    e->refused = NULL;
    if (code < 0)
        fg_json_add_string(json, "error", err->text);
    if (e->warning)
        fg_json_add_string(json, "warning", e->warning);
    fg_plain_json(json, true);
}

static void print_text(const struct enrol *e)
{
    printf("%s enrolled, %u photograph%s\n", e->manner.enrolment.id, e->portrait.count,
           e->portrait.count == 1 ? "" : "s");
}

static int check(const struct enrol *e)
{
    struct fg_error err = e->manner.err;
    if (!err.text[0])
        fg_enrolment_check(&e->manner.enrolment, &err);
    if (err.text[0])
        fprintf(stderr, "facegate enrol: %s\n", err.text);
    else if (!e->manner.enrolment.id[0] || e->n_photos == 0)
        fputs("facegate enrol: name --id ID and a photograph; see facegate enrol --help\n", stderr);
    else if (e->n_photos > FG_SUBJECT_SOURCES)
        fprintf(stderr, "facegate enrol: at most %d photographs; choose the best\n",
                FG_SUBJECT_SOURCES);
    else
        return 0;
    return -EINVAL;
}

static int run(struct enrol *e, const char *name)
{
    struct fg_error err = {""};
    fg_manner_private();
    int code = enrol(e, &err);
    if (e->common.json)
        print_json(e, code, &err);
    else if (code == 0 && !e->common.quiet)
        print_text(e);
    if (e->warning)
        fprintf(stderr, "facegate %s: warning: %s\n", name, e->warning);
    return code < 0 ? fg_command_failed(name, code, &err) : FG_EXIT_OK;
}

int fg_command_enrol(int argc, char **argv)
{
    struct enrol *e = calloc(1, sizeof *e);
    if (!e)
        return FG_EXIT_FAILURE;
    e->manner.timeout_ms = FG_CLIENT_TIMEOUT_MS;
    e->refused = fg_json_array();
    int exit_code = FG_EXIT_USAGE;
    int code = fg_arguments(argc, argv, rows, own_option, e, &e->common, help);
    if (code == 0) {
        e->photos = argv + optind;
        e->n_photos = (size_t)(argc - optind);
    }
    if (code == 1)
        exit_code = FG_EXIT_OK;
    else if (code == 0 && check(e) == 0)
        exit_code = run(e, argv[0]);
    fg_json_destroy(e->refused);
    free(e->warning);
    explicit_bzero(e, sizeof *e);
    free(e);
    return exit_code;
}
