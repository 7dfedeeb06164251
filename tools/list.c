// SPDX-License-Identifier: Apache-2.0
// facegate list and facegate delete: who is enrolled, and who no longer is.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "matcher/subject.h"
#include "tools/client.h"
#include "tools/command.h"
#include "tools/plain.h"
#include "tools/when.h"

#define PAGE 200 // most of one answer; matcher/control.h

static const char list_help[] =
    "facegate list: enrolled subjects, by id\n"
    "\n"
    "  facegate list [option ...]\n"
    "\n"
    "  --after ID      begin behind this id\n"
    "  --limit N       print at most N\n"
    "  --timeout-ms N  wait so long for the matcher (5000)\n"
    "  --control ENDPOINT, --json (one array), --quiet, --help\n"
    "\n"
    "Exit codes: 0 done, 1 failed, 2 the command line is off, 75 no matcher.\n";

static const char delete_help[] =
    "facegate delete: remove subjects for good, their keys included\n"
    "\n"
    "  facegate delete [option ...] ID ...\n"
    "\n"
    "  --timeout-ms N  wait so long for the matcher (5000)\n"
    "  --control ENDPOINT, --json, --quiet, --help\n"
    "\n"
    "Exit codes: 0 all deleted, 1 one was not there or failed, 2 the command line is off,\n"
    "75 no matcher.\n";

enum { OPT_TIMEOUT = 1, OPT_LIMIT, OPT_AFTER };

static const struct option list_rows[] = {
    {"timeout-ms", required_argument, NULL, OPT_TIMEOUT},
    {"limit", required_argument, NULL, OPT_LIMIT},
    {"after", required_argument, NULL, OPT_AFTER},
    {0},
};

static const struct option delete_rows[] = {
    {"timeout-ms", required_argument, NULL, OPT_TIMEOUT},
    {0},
};

struct list {
    struct fg_common common;
    int timeout_ms;
    unsigned long limit; // 0: none
    const char *after;
    struct fg_client *client;
    unsigned long printed;
    bool begun; // an answer came: nobody must read "nobody enrolled" from a matcher that is away
    char last[FG_SUBJECT_ID]; // the last id; pages must go on behind it
};

static int own_option(void *context, int option, const char *value)
{
    struct list *l = context;
    char *end;
    switch (option) {
    case OPT_TIMEOUT:
        return fg_client_timeout(value, &l->timeout_ms);
    case OPT_AFTER:
        l->after = value;
        return strlen(value) < sizeof l->last ? 0 : -EINVAL;
    case OPT_LIMIT:
        l->limit = strtoul(value, &end, 10);
        return end != value && !*end && value[0] != '-' && l->limit > 0 ? 0 : -EINVAL;
    }
    return -EINVAL;
}

// ---- list --------------------------------------------------------------------------------------

static void print_words(const struct fg_json *array, const char *none)
{
    size_t count = fg_json_count(array);
    if (count == 0)
        fputs(none, stdout);
    for (size_t i = 0; i < count; i++) {
        const char *word = fg_json_string(fg_json_at(array, i));
        if (i > 0)
            putchar(',');
        fg_plain_print(stdout, word ? word : "?");
    }
}

static uint64_t seconds_of(const struct fg_json *subject, const char *name)
{
    double value = fg_json_get_number(subject, name, 0);
    return value >= 0 && value < 1e12 ? (uint64_t)value : 0;
}

static void print_row(const struct fg_json *subject)
{
    char text[FG_WHEN_TEXT];
    fg_plain_column(stdout, fg_json_get_string(subject, "subject", "?"), 24);
    putchar(' ');
    fg_plain_column(stdout, fg_when_text(seconds_of(subject, "enrolled"), text), 21);
    fg_plain_column(stdout, fg_when_text(seconds_of(subject, "valid_from"), text), 21);
    fg_plain_column(stdout, fg_when_text(seconds_of(subject, "valid_until"), text), 21);
    printf("%6.0f  ", fg_json_get_number(subject, "vectors", 0));
    print_words(fg_json_get(subject, "lanes"), "all");
    fputs("  ", stdout);
    print_words(fg_json_get(subject, "tags"), "-");
    putchar('\n');
}

static void print_item(const struct list *l, const struct fg_json *subject)
{
    char *text = fg_json_print(subject, false);
    printf("%s%s", l->printed > 0 ? ",\n " : " ", text);
    free(text);
}

static void print_begin(const struct list *l)
{
    if (l->common.json)
        puts("[");
    else if (!l->common.quiet)
        printf("%-24s %-21s%-21s%-21s%-6s  %s  %s\n", "ID", "ENROLLED", "VALID FROM", "VALID UNTIL",
               "PHOTOS", "LANES", "TAGS");
}

static void print_page(struct list *l, const struct fg_json *subjects)
{
    for (size_t i = 0; i < fg_json_count(subjects); i++) {
        if (l->limit && l->printed == l->limit)
            return;
        const struct fg_json *subject = fg_json_at(subjects, i);
        if (l->common.json)
            print_item(l, subject);
        else
            print_row(subject);
        l->printed++;
    }
}

// 1: there is another page behind l->last; 0: that was the end.
static int one_page(struct list *l, struct fg_error *err)
{
    struct fg_json *answer = NULL, *request = fg_client_request("list");
    unsigned long left = l->limit ? l->limit - l->printed : PAGE;
    fg_json_add_number(request, "limit", left < PAGE ? (double)left : PAGE);
    if (l->last[0])
        fg_json_add_string(request, "after", l->last);
    int code = fg_client_do(l->client, request, NULL, 0, 0, &answer, err);
    if (code < 0)
        return code;
    if (!l->begun)
        print_begin(l);
    l->begun = true;
    print_page(l, fg_json_get(answer, "subjects"));
    const char *after = fg_json_get_string(answer, "after", NULL);
    if (after && (strcmp(after, l->last) <= 0 || strlen(after) >= sizeof l->last))
        code = fg_fail(err, -EBADMSG,
                       "the matcher's pages do not go on; are matcher and this "
                       "command of one release?");
    else if (after)
        snprintf(l->last, sizeof l->last, "%s", after);
    bool more = after && (!l->limit || l->printed < l->limit);
    fg_json_destroy(answer);
    return code < 0 ? code : more;
}

static int list(struct list *l, struct fg_error *err)
{
    int code = fg_client_open(l->common.control, l->timeout_ms, &l->client, err);
    if (l->after)
        snprintf(l->last, sizeof l->last, "%s", l->after);
    if (code == 0) {
        while ((code = one_page(l, err)) == 1)
            ;
        if (code == 0 && l->common.json)
            puts(l->printed > 0 ? "\n]" : "]");
    }
    fg_client_close(l->client);
    return code;
}

static int begin(int argc, char **argv, const struct option *rows, const char *help, struct list *l)
{
    l->timeout_ms = FG_CLIENT_TIMEOUT_MS;
    return fg_arguments(argc, argv, rows, own_option, l, &l->common, help);
}

int fg_command_list(int argc, char **argv)
{
    struct list l = {0};
    struct fg_error err = {""};
    int code = begin(argc, argv, list_rows, list_help, &l);
    if (code == 1)
        return FG_EXIT_OK;
    if (code == 0 && optind < argc) {
        fprintf(stderr, "facegate list: %s: takes no operand; see facegate list --help\n",
                argv[optind]);
        code = -EINVAL;
    }
    if (code < 0)
        return FG_EXIT_USAGE;
    code = list(&l, &err);
    return code < 0 ? fg_command_failed(argv[0], code, &err) : FG_EXIT_OK;
}

// ---- delete ------------------------------------------------------------------------------------

// 0, or the refusal that it was told of; -ETIMEDOUT and the like end the command.
static int delete_one(struct list *l, const char *id, struct fg_json *results, struct fg_error *err)
{
    struct fg_json *answer = NULL, *request = fg_client_request("delete");
    fg_json_add_string(request, "subject", id);
    int code = fg_client_ask(l->client, request, NULL, 0, 0, &answer, err);
    if (code < 0)
        return code;
    int verdict = fg_client_verdict(answer, err);
    fg_json_destroy(answer);
    struct fg_json *result = fg_json_object();
    fg_json_add_string(result, "subject", id);
    fg_json_add_bool(result, "deleted", verdict == 0);
    if (verdict < 0)
        fg_json_add_string(result, "error", err->text);
    fg_json_add(results, NULL, result);
    if (verdict == 0 && !l->common.json && !l->common.quiet)
        printf("%s deleted\n", id);
    return verdict < 0 ? 1 : 0;
}

static int delete_all(struct list *l, char **ids, int count, const char *name)
{
    struct fg_error err = {""};
    struct fg_json *results = fg_json_array();
    int exit_code = FG_EXIT_OK;
    int code = fg_client_open(l->common.control, l->timeout_ms, &l->client, &err);
    for (int i = 0; i < count && code >= 0; i++) {
        code = delete_one(l, ids[i], results, &err);
        if (code == 1) {
            fprintf(stderr, "facegate %s: %s: %s\n", name, ids[i], err.text);
            exit_code = FG_EXIT_FAILURE;
        }
    }
    fg_client_close(l->client);
    if (l->common.json)
        fg_plain_json(results, true);
    else
        fg_json_destroy(results);
    return code < 0 ? fg_command_failed(name, code, &err) : exit_code;
}

int fg_command_delete(int argc, char **argv)
{
    struct list l = {0};
    int code = begin(argc, argv, delete_rows, delete_help, &l);
    if (code == 1)
        return FG_EXIT_OK;
    if (code == 0 && optind == argc) {
        fputs("facegate delete: name an id; see facegate delete --help\n", stderr);
        code = -EINVAL;
    }
    return code < 0 ? FG_EXIT_USAGE : delete_all(&l, argv + optind, argc - optind, argv[0]);
}
