// SPDX-License-Identifier: Apache-2.0
// facegate block and facegate unblock: who may not pass, whatever else is true of them.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/command.h"
#include "tools/paging.h"
#include "tools/plain.h"
#include "tools/when.h"

static const char block_help[] =
    "facegate block: subjects who may not pass\n"
    "\n"
    "  facegate block [option ...] ID ...\n"
    "  facegate block --list\n"
    "\n"
    "  --until TIME    2027-01-31 (its end) or 2027-01-31T18:00:00+01:00; without it, for ever\n"
    "  --reason WORD   for the ledger: 1 to 31 of A-Z a-z 0-9 . _ -\n"
    "  --list          who is blocked, and until when\n"
    "  --timeout-ms N  wait so long for the matcher (5000)\n"
    "  --control ENDPOINT, --json, --quiet, --help\n"
    "\n"
    "Exit codes: 0 all are, 1 refused or failed, 2 the command line is off, 75 no matcher.\n";

static const char unblock_help[] =
    "facegate unblock: subjects who may pass again\n"
    "\n"
    "  facegate unblock [option ...] ID ...\n"
    "\n"
    "  --reason WORD   for the ledger: 1 to 31 of A-Z a-z 0-9 . _ -\n"
    "  --timeout-ms N  wait so long for the matcher (5000)\n"
    "  --control ENDPOINT, --json, --quiet, --help\n"
    "\n"
    "Exit codes: 0 all are, 1 one was not blocked or failed, 2 the command line is off,\n"
    "75 no matcher.\n";

enum { OPT_REASON = 1, OPT_TIMEOUT, OPT_UNTIL, OPT_LIST };

static const struct option block_rows[] = {
    {"reason", required_argument, NULL, OPT_REASON},
    {"timeout-ms", required_argument, NULL, OPT_TIMEOUT},
    {"until", required_argument, NULL, OPT_UNTIL},
    {"list", no_argument, NULL, OPT_LIST},
    {0},
};

static const struct option unblock_rows[] = {
    {"reason", required_argument, NULL, OPT_REASON},
    {"timeout-ms", required_argument, NULL, OPT_TIMEOUT},
    {0},
};

struct block {
    struct fg_common common;
    int timeout_ms;
    const char *operation, *done; // "block", "blocked"
    const char *reason;
    uint64_t until_s; // 0: for ever
    bool list;
    struct fg_client *client;
};

static int own_option(void *context, int option, const char *value)
{
    struct block *b = context;
    struct fg_error err = {""};
    switch (option) {
    case OPT_REASON:
        b->reason = value;
        return 0;
    case OPT_UNTIL:
        return fg_when_read(value, true, &b->until_s, &err);
    case OPT_LIST:
        b->list = true;
        return 0;
    default:
        return fg_client_timeout(value, &b->timeout_ms);
    }
}

// 0; 1 for a refusal that it was told of; -ETIMEDOUT and the like end the command.
static int change_one(const struct block *b, const char *id, struct fg_json *results,
                      struct fg_error *err)
{
    struct fg_json *answer = NULL, *request = fg_client_request(b->operation);
    fg_json_add_string(request, "subject", id);
    if (b->until_s)
        fg_json_add_number(request, "until", (double)b->until_s);
    if (b->reason)
        fg_json_add_string(request, "reason", b->reason);
    int code = fg_client_ask(b->client, request, NULL, 0, 0, &answer, err);
    if (code < 0)
        return code;
    int verdict = fg_client_verdict(answer, err);
    fg_json_destroy(answer);
    struct fg_json *result = fg_json_object();
    fg_json_add_string(result, "subject", id);
    fg_json_add_bool(result, b->done, verdict == 0);
    if (verdict < 0)
        fg_json_add_string(result, "error", err->text);
    fg_json_add(results, NULL, result);
    if (verdict == 0 && !b->common.json && !b->common.quiet)
        printf("%s %s\n", id, b->done);
    return verdict < 0 ? 1 : 0;
}

static int change_all(struct block *b, char **ids, int count)
{
    struct fg_error err = {""};
    struct fg_json *results = fg_json_array();
    int exit_code = FG_EXIT_OK;
    int code = fg_client_open(b->common.control, b->timeout_ms, &b->client, &err);
    for (int i = 0; i < count && code >= 0; i++) {
        code = change_one(b, ids[i], results, &err);
        if (code == 1) {
            fprintf(stderr, "facegate %s: %s: %s\n", b->operation, ids[i], err.text);
            exit_code = FG_EXIT_FAILURE;
        }
    }
    fg_client_close(b->client);
    if (b->common.json)
        fg_plain_json(results, true);
    else
        fg_json_destroy(results);
    return code < 0 ? fg_command_failed(b->operation, code, &err) : exit_code;
}

static int print_one(void *context, const struct fg_json *subject, struct fg_error *err)
{
    const struct block *b = context;
    char until[FG_WHEN_TEXT];
    (void)err;
    if (b->common.json) {
        char *text = fg_json_print(subject, false);
        puts(text);
        free(text);
        return 0;
    }
    fg_when_text((uint64_t)fg_json_get_number(subject, "until", 0), until);
    fg_plain_column(stdout, until, 23);
    fg_plain_print(stdout, fg_json_get_string(subject, "subject", "-"));
    fputc('\n', stdout);
    return 0;
}

static int list(struct block *b)
{
    struct fg_error err = {""};
    struct fg_paging paging = {
        .operation = "blocked", .member = "subjects", .visit = print_one, .context = b};
    int code = fg_client_open(b->common.control, b->timeout_ms, &b->client, &err);
    if (code == 0)
        code = fg_paging_run(&paging, b->client, &err);
    fg_client_close(b->client);
    return code < 0 ? fg_command_failed(b->operation, code, &err) : FG_EXIT_OK;
}

static int run(struct block *b, int argc, char **argv, const struct option *rows, const char *help)
{
    int code = fg_arguments(argc, argv, rows, own_option, b, &b->common, help);
    if (code == 1)
        return FG_EXIT_OK;
    if (code == 0 && b->list != (optind == argc)) {
        fprintf(stderr, "facegate %s: name the IDs%s; see facegate %s --help\n", argv[0],
                rows == block_rows ? ", or say --list alone" : "", argv[0]);
        code = -EINVAL;
    }
    if (code < 0)
        return FG_EXIT_USAGE;
    return b->list ? list(b) : change_all(b, argv + optind, argc - optind);
}

int fg_command_block(int argc, char **argv)
{
    struct block b = {.timeout_ms = FG_CLIENT_TIMEOUT_MS, .operation = "block", .done = "blocked"};
    return run(&b, argc, argv, block_rows, block_help);
}

int fg_command_unblock(int argc, char **argv)
{
    struct block b = {
        .timeout_ms = FG_CLIENT_TIMEOUT_MS, .operation = "unblock", .done = "unblocked"};
    return run(&b, argc, argv, unblock_rows, unblock_help);
}
