// SPDX-License-Identifier: Apache-2.0
#include "tools/issue.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "common/base45.h"
#include "matcher/token_keys.h"
#include "tools/client.h"
#include "tools/manner.h"
#include "tools/plain.h"
#include "tools/qr.h"
#include "tools/when.h"

#define DAY_S  86400
#define DAYS   40000 // more than until 2106
#define LINE_W 9     // of a printed label

static const struct option rows[] = {
    {"key", required_argument, NULL, FG_ISSUE_KEY},
    {"photo", required_argument, NULL, FG_ISSUE_PHOTO},
    {"scope", required_argument, NULL, FG_ISSUE_SCOPE},
    {"valid-from", required_argument, NULL, FG_ISSUE_FROM},
    {"valid-until", required_argument, NULL, FG_ISSUE_UNTIL},
    {"days", required_argument, NULL, FG_ISSUE_DAYS},
    {"out", required_argument, NULL, FG_ISSUE_OUT},
    {"cm", required_argument, NULL, FG_ISSUE_CM},
    {"central", no_argument, NULL, FG_ISSUE_CENTRAL},
    {"anyway", no_argument, NULL, FG_ISSUE_ANYWAY},
    {"timeout-ms", required_argument, NULL, FG_ISSUE_TIMEOUT},
    {0},
};

// ---- options ------------------------------------------------------------------------------------

static int add_key(struct fg_issue *issue, const char *value, struct fg_error *err)
{
    if (issue->n_keys == FG_TOKEN_KEYS)
        return fg_fail(err, -EINVAL, "--key: at most %d", FG_TOKEN_KEYS);
    issue->keys[issue->n_keys++] = value;
    return 0;
}

static int add_photo(struct fg_issue *issue, const char *value, struct fg_error *err)
{
    if (issue->n_photos == FG_SUBJECT_SOURCES)
        return fg_fail(err, -EINVAL, "at most %d photographs; choose the best", FG_SUBJECT_SOURCES);
    issue->photos[issue->n_photos++] = (char *)value;
    return 0;
}

static int set_scope(struct fg_issue *issue, const char *value, struct fg_error *err)
{
    if (!fg_subject_word_ok(value))
        return fg_fail(err, -EINVAL, "--scope %.80s: must be 1 to %d of A-Z a-z 0-9 . _ : @ -",
                       value, FG_SUBJECT_WORD - 1);
    issue->scope = value;
    return 0;
}

static int set_days(struct fg_issue *issue, const char *value, struct fg_error *err)
{
    char *end;
    unsigned long days = strtoul(value, &end, 10);
    if (end == value || *end || value[0] == '-' || days < 1 || days > DAYS)
        return fg_fail(err, -EINVAL, "--days %.40s: must be 1 to %d", value, DAYS);
    issue->days = (unsigned)days;
    return 0;
}

static int set_out(struct fg_issue *issue, const char *value, struct fg_error *err)
{
    if (!fg_qr_name_ok(value))
        return fg_fail(err, -EINVAL, "--out %s: must end in .png or .svg", value);
    issue->out = value;
    return 0;
}

static int set_cm(struct fg_issue *issue, const char *value, struct fg_error *err)
{
    char *end;
    double cm = strtod(value, &end);
    if (end == value || *end || !(cm >= FG_QR_CM_LEAST && cm <= FG_QR_CM_MOST))
        return fg_fail(err, -EINVAL, "--cm %.40s: must be %d to %d", value, FG_QR_CM_LEAST,
                       FG_QR_CM_MOST);
    issue->cm = cm;
    return 0;
}

static int set(struct fg_issue *issue, int option, const char *value, struct fg_error *err)
{
    switch (option) {
    case FG_ISSUE_KEY:
        return add_key(issue, value, err);
    case FG_ISSUE_PHOTO:
        return add_photo(issue, value, err);
    case FG_ISSUE_SCOPE:
        return set_scope(issue, value, err);
    case FG_ISSUE_FROM:
        return fg_when_read(value, false, &issue->valid_from_s, err);
    case FG_ISSUE_UNTIL:
        return fg_when_read(value, true, &issue->valid_until_s, err);
    case FG_ISSUE_DAYS:
        return set_days(issue, value, err);
    case FG_ISSUE_OUT:
        return set_out(issue, value, err);
    case FG_ISSUE_CM:
        return set_cm(issue, value, err);
    case FG_ISSUE_CENTRAL:
        issue->rule.central = true;
        return 0;
    case FG_ISSUE_ANYWAY:
        issue->rule.anyway = true;
        return 0;
    case FG_ISSUE_TIMEOUT:
        return fg_client_timeout(value, &issue->timeout_ms);
    }
    return -EINVAL;
}

// A value that is off is kept, so that the command can say what is wrong with it.
static int own_option(void *context, int option, const char *value)
{
    struct fg_issue *issue = context;
    struct fg_error err = {""};
    int code = set(issue, option, value, &err);
    issue->seen |= UINT32_C(1) << option;
    if (code < 0 && err.text[0] && !issue->err.text[0])
        issue->err = err;
    return code < 0 && !err.text[0] ? code : 0;
}

static int run(struct fg_issue *issue, int argc, char **argv, const struct fg_verb *verbs,
               const char *help)
{
    int code = fg_arguments(argc, argv, rows, own_option, issue, &issue->common, help);
    if (code == 1)
        return FG_EXIT_OK;
    const struct fg_verb *verb =
        code == 0 ? fg_verb_find(verbs, rows, issue->seen, argc, argv) : NULL;
    if (!verb)
        return FG_EXIT_USAGE;
    if (issue->err.text[0])
        return fg_issue_usage(argv[0], &issue->err);
    fg_manner_private();
    return verb->run(issue, argv + optind + 1, argc - optind - 1);
}

int fg_issue_command(int argc, char **argv, const struct fg_verb *verbs, const char *help)
{
    struct fg_issue *issue = calloc(1, sizeof *issue);
    if (!issue)
        return FG_EXIT_FAILURE;
    issue->days = 1;
    issue->cm = 6;
    issue->timeout_ms = FG_CLIENT_TIMEOUT_MS;
    issue->refused = fg_json_array();
    int exit_code = run(issue, argc, argv, verbs, help);
    fg_json_destroy(issue->refused);
    explicit_bzero(issue, sizeof *issue);
    free(issue);
    return exit_code;
}

int fg_issue_usage(const char *command, const struct fg_error *err)
{
    fprintf(stderr, "facegate %s: %s; see facegate %s --help\n", command, err->text, command);
    return FG_EXIT_USAGE;
}

// ---- making -------------------------------------------------------------------------------------

int fg_issue_check(const struct fg_issue *issue, struct fg_error *err)
{
    if (issue->n_keys != 1)
        return fg_fail(err, -EINVAL, "name the operator's key, one, by --key");
    if (issue->n_photos == 0)
        return fg_fail(err, -EINVAL, "name a photograph by --photo");
    if (!issue->out)
        return fg_fail(err, -EINVAL, "name the picture to make by --out");
    if (issue->seen & 1u << FG_ISSUE_UNTIL && issue->seen & 1u << FG_ISSUE_DAYS)
        return fg_fail(err, -EINVAL, "say --valid-until or --days, not both");
    return 0;
}

int fg_issue_keys(const struct fg_issue *issue, struct fg_token_keys **ret, struct fg_error *err)
{
    struct fg_token_keys *keys = NULL;
    int code = fg_token_keys_create(&keys, err);
    for (unsigned i = 0; code == 0 && i < issue->n_keys; i++)
        code = fg_token_keys_read(keys, issue->keys[i], err);
    if (code < 0)
        fg_token_keys_destroy(keys);
    else
        *ret = keys;
    return code;
}

int fg_issue_begin(const struct fg_issue *issue, struct fg_token *ret, struct fg_error *err)
{
    struct stat status;
    const uint64_t now = (uint64_t)time(NULL);
    const uint64_t from = issue->valid_from_s ? issue->valid_from_s : now;
    const uint64_t until =
        issue->valid_until_s ? issue->valid_until_s : from + (uint64_t)issue->days * DAY_S;
    if (lstat(issue->out, &status) == 0) // it may be another's code, and others may read it
        return fg_fail(err, -EEXIST, "%s is there already; name another file by --out", issue->out);
    if (until <= now)
        return fg_fail(err, -EINVAL, "it would be over by now: see --valid-until");
    if (until <= from)
        return fg_fail(err, -EINVAL, "it would be over before it begins: see --valid-until");
    if (until > UINT32_MAX)
        return fg_fail(err, -ERANGE, "a token says no time after 2106-02-07: see --valid-until");
    memset(ret, 0, sizeof *ret);
    fg_seal_random(ret->serial, sizeof ret->serial);
    ret->scope = issue->scope ? fg_token_scope(issue->scope) : 0;
    ret->valid_from_s = (uint32_t)from;
    ret->valid_until_s = (uint32_t)until;
    return 0;
}

static void note_photo(void *context, const char *photo, const char *reason, const char *text)
{
    struct fg_json *json = fg_json_object();
    fg_json_add_string(json, "photo", photo);
    fg_json_add_string(json, "reason", reason);
    fg_json_add_string(json, "text", text);
    fg_json_add(((struct fg_issue *)context)->refused, NULL, json);
}

static int average(const struct fg_portrait *p, struct fg_token *token, struct fg_error *err)
{
    struct fg_subject *subject = calloc(1, sizeof *subject);
    if (!subject)
        return fg_fail(err, -ENOMEM, "out of memory");
    int code = fg_subject_set_vectors(subject, p->vectors, p->count, p->dimension);
    token->dimension = p->dimension;
    token->face = subject->average;
    explicit_bzero(subject, sizeof *subject);
    free(subject);
    return code < 0
               ? fg_fail(err, code, "the photographs have no face in common; is it one person?")
               : 0;
}

int fg_issue_look(struct fg_issue *issue, struct fg_token *token, struct fg_error *err)
{
    struct fg_vision *vision = NULL;
    struct fg_photographer *photographer = NULL;
    int code = fg_vision_open(&issue->common.vision, &vision, err);
    if (code == 0 && fg_photographer_create(vision, &photographer) < 0)
        code = fg_fail(err, -ENOMEM, "out of memory");
    if (code == 0) {
        const struct fg_card *card = fg_vision_embedder_card(vision);
        token->model = card->id;
        code = fg_portrait_take(photographer, card, issue->photos, issue->n_photos, &issue->rule,
                                note_photo, issue, &issue->portrait, err);
    }
    if (code == 0)
        code = average(&issue->portrait, token, err);
    fg_photographer_destroy(photographer);
    fg_vision_close(vision);
    return code;
}

int fg_issue_draw(struct fg_issue *issue, const struct fg_token *token,
                  const struct fg_token_key *key, struct fg_error *err)
{
    uint8_t bytes[FG_TOKEN_BYTES];
    int length = fg_token_write(token, key, bytes, err);
    if (length < 0)
        return length;
    issue->bytes = (unsigned)length;
    fg_base45_encode(bytes, issue->bytes, issue->text);
    umask(077);
    return fg_qr_draw(issue->text, issue->cm, issue->out, &issue->modules, err);
}

// ---- telling ------------------------------------------------------------------------------------

static const char *kind_name(const struct fg_token *token)
{
    return token->kind == FG_TOKEN_VAULT ? "vault" : "pass";
}

static void add_hex(struct fg_json *json, const char *name, const uint8_t *bytes, size_t count)
{
    char hex[2 * FG_TOKEN_SERIAL + 1];
    fg_seal_to_hex(bytes, count, hex);
    fg_json_add_string(json, name, hex);
}

static void add_number(struct fg_json *json, const char *name, uint64_t value)
{
    char hex[20];
    snprintf(hex, sizeof hex, "%016" PRIx64, value);
    fg_json_add_string(json, name, hex);
}

void fg_issue_describe(const struct fg_token *token, struct fg_json *json)
{
    fg_json_add_string(json, "kind", kind_name(token));
    add_hex(json, "serial", token->serial, sizeof token->serial);
    add_hex(json, "key_id", token->key_id, sizeof token->key_id);
    if (token->scope)
        add_number(json, "scope_id", token->scope);
    fg_json_add_number(json, "valid_from", token->valid_from_s);
    fg_json_add_number(json, "valid_until", token->valid_until_s);
    if (token->kind == FG_TOKEN_VAULT) {
        add_hex(json, "record", token->record, sizeof token->record);
        return;
    }
    add_number(json, "model", token->model);
    fg_json_add_number(json, "dimension", token->dimension);
}

static void print_hex(const char *label, const uint8_t *bytes, size_t count)
{
    char hex[2 * FG_TOKEN_SERIAL + 1];
    fg_seal_to_hex(bytes, count, hex);
    printf("%-*s%s\n", LINE_W, label, hex);
}

void fg_issue_print(const struct fg_token *token)
{
    char from[FG_WHEN_TEXT], until[FG_WHEN_TEXT];
    printf("%-*s%s\n", LINE_W, "kind", kind_name(token));
    print_hex("serial", token->serial, sizeof token->serial);
    if (token->kind == FG_TOKEN_VAULT)
        print_hex("record", token->record, sizeof token->record);
    printf("%-*s%s until %s\n", LINE_W, "valid", fg_when_text(token->valid_from_s, from),
           fg_when_text(token->valid_until_s, until));
}

static void report_json(struct fg_issue *issue, const struct fg_token *token, int code,
                        const struct fg_error *err)
{
    struct fg_json *json = fg_json_object(), *taken = fg_json_array();
    fg_json_add_bool(json, "issued", code == 0);
    if (code == 0) {
        fg_issue_describe(token, json);
        fg_json_add_string(json, "out", issue->out);
        fg_json_add_string(json, "text", issue->text);
        fg_json_add_number(json, "bytes", issue->bytes);
        fg_json_add_number(json, "modules", issue->modules);
    }
    for (unsigned i = 0; i < issue->portrait.count; i++) {
        struct fg_json *photo = fg_json_object();
        fg_json_add_string(photo, "photo", issue->photos[issue->portrait.photo[i]]);
        fg_json_add_number(photo, "quality", (double)issue->portrait.quality[i]);
        fg_json_add(taken, NULL, photo);
    }
    fg_json_add(json, "photographs", taken);
    fg_json_add(json, "refused", issue->refused);
    issue->refused = NULL;
    if (code < 0)
        fg_json_add_string(json, "error", err->text);
    fg_plain_json(json, true);
}

int fg_issue_report(struct fg_issue *issue, const char *command, const struct fg_token *token,
                    int code, const struct fg_error *err)
{
    if (issue->common.json) {
        report_json(issue, token, code, err);
    } else if (code == 0 && !issue->common.quiet) {
        fg_issue_print(token);
        printf("%-*s%s, %u modules, %g cm\n", LINE_W, "code", issue->out, issue->modules,
               issue->cm);
    }
    return code < 0 ? fg_command_failed(command, code, err) : FG_EXIT_OK;
}
