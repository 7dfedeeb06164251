// SPDX-License-Identifier: Apache-2.0
// facegate block, unblock, blocked: who may not pass, whatever else is right.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "tools/client.h"
#include "tools/command.h"
#include "tools/page.h"
#include "tools/plain.h"
#include "tools/when.h"

static const char help[] =
    "facegate block, unblock, blocked: who may not pass\n"
    "\n"
    "  facegate block [option ...] SUBJECT ...\n"
    "  facegate unblock [option ...] SUBJECT ...\n"
    "  facegate blocked [option ...]\n"
    "\n"
    "  --until TIME    YYYY-MM-DD (through that day) or RFC 3339; for ever when absent\n"
    "  --reason WORD   for the record\n"
    "  --timeout-ms N  wait so long for the matcher (5000)\n"
    "  --control ENDPOINT, --json (blocked: a line each), --quiet, --help\n"
    "\n"
    "Exit codes: 0 all done, 1 one was refused or failed, 2 the command line is off, 75 no "
    "matcher.\n";

enum { OPT_UNTIL = 1, OPT_REASON, OPT_TIMEOUT };

static const struct option rows[] = {{"until", required_argument, NULL, OPT_UNTIL},
                                     {"reason", required_argument, NULL, OPT_REASON},
                                     {"timeout-ms", required_argument, NULL, OPT_TIMEOUT},
                                     {0}};

struct blocks {
    struct fg_common common;
    int timeout_ms;
    uint64_t until_s;
    const char *reason;
    struct fg_client *client;
};

static int own_option(void *context, int option, const char *value)
{
    struct blocks *b = context;
    struct fg_error err = {""};
    switch (option) {
    case OPT_UNTIL:
        return fg_when_read(value, true, &b->until_s, &err);
    case OPT_REASON:
        b->reason = value;
        return 0;
    default:
        return fg_client_timeout(value, &b->timeout_ms);
    }
}

// ---- block, unblock ----------------------------------------------------------------------------

static int change(struct blocks *b, const char *operation, const char *subject,
                  struct fg_error *err)
{
    struct fg_json *answer = NULL, *request = fg_client_request(operation);
    fg_json_add_string(request, "subject", subject);
    if (b->until_s)
        fg_json_add_number(request, "until", (double)b->until_s);
    if (b->reason)
        fg_json_add_string(request, "reason", b->reason);
    int r = fg_client_do(b->client, request, NULL, 0, 0, &answer, err);
    fg_json_destroy(answer);
    return r;
}

static void add_result(struct fg_json *results, const char *subject, int code,
                       const struct fg_error *err)
{
    struct fg_json *result = fg_json_object();
    fg_json_add_string(result, "subject", subject);
    fg_json_add_bool(result, "done", code == 0);
    if (code < 0)
        fg_json_add_string(result, "error", err->text);
    fg_json_add(results, NULL, result);
}

static int change_all(struct blocks *b, const char *operation, char **subjects, int count)
{
    struct fg_error err = {""};
    struct fg_json *results = fg_json_array();
    int exit_code = FG_EXIT_OK;
    int r = fg_client_open(b->common.control, b->timeout_ms, &b->client, &err);
    if (r < 0)
        exit_code = fg_command_failed(operation, r, &err);
    for (int i = 0; r == 0 && i < count; i++) {
        int code = change(b, operation, subjects[i], &err);
        add_result(results, subjects[i], code, &err);
        if (code < 0)
            exit_code = fg_command_failed(operation, code, &err);
        else if (!b->common.json && !b->common.quiet)
            printf("%s %sed\n", subjects[i], operation);
    }
    fg_client_close(b->client);
    if (b->common.json)
        fg_plain_json(results, true);
    else
        fg_json_destroy(results);
    return exit_code;
}

static int run(int argc, char **argv, const char *operation)
{
    struct blocks b = {.timeout_ms = FG_CLIENT_TIMEOUT_MS};
    int r = fg_arguments(argc, argv, rows, own_option, &b, &b.common, help);
    if (r == 1)
        return FG_EXIT_OK;
    if (r == 0 && optind == argc) {
        fprintf(stderr, "facegate %s: name a SUBJECT; see facegate %s --help\n", operation,
                operation);
        r = -EINVAL;
    }
    return r < 0 ? FG_EXIT_USAGE : change_all(&b, operation, argv + optind, argc - optind);
}

int fg_command_block(int argc, char **argv)
{
    return run(argc, argv, "block");
}

int fg_command_unblock(int argc, char **argv)
{
    return run(argc, argv, "unblock");
}

// ---- blocked -----------------------------------------------------------------------------------

static void print_row(void *context, const struct fg_json *row)
{
    const struct blocks *b = context;
    char text[FG_WHEN_TEXT];
    double until = fg_json_get_number(row, "until", 0);
    if (b->common.json) {
        fg_page_print(row);
        return;
    }
    fg_plain_column(stdout, fg_json_get_string(row, "subject", "?"), 32);
    printf(" %s\n", until > 0 ? fg_when_text((uint64_t)until, text) : "for ever");
}

int fg_command_blocked(int argc, char **argv)
{
    struct blocks b = {.timeout_ms = FG_CLIENT_TIMEOUT_MS};
    struct fg_error err = {""};
    int r = fg_arguments(argc, argv, rows, own_option, &b, &b.common, help);
    if (r == 1)
        return FG_EXIT_OK;
    if (r < 0 || optind < argc) {
        if (r == 0)
            fputs("facegate blocked: takes no operand; see facegate blocked --help\n", stderr);
        return FG_EXIT_USAGE;
    }
    r = fg_client_open(b.common.control, b.timeout_ms, &b.client, &err);
    if (r == 0)
        r = fg_page_each(b.client, "blocked", "subjects", print_row, &b, &err);
    fg_client_close(b.client);
    return r < 0 ? fg_command_failed("blocked", r, &err) : FG_EXIT_OK;
}
