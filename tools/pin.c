// SPDX-License-Identifier: Apache-2.0
// facegate pin: the PIN that a subject types for larger payments. Only its hash leaves this
// process.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/json.h"
#include "matcher/seal.h"
#include "tools/client.h"
#include "tools/command.h"
#include "tools/plain.h"

#define DIGITS_LEAST 4
#define DIGITS_MOST  12

static const char help[] =
    "facegate pin: the PIN that a subject types for larger payments\n"
    "\n"
    "  facegate pin [option ...] SUBJECT < FILE\n"
    "  facegate pin [option ...] --clear SUBJECT\n"
    "\n"
    "The PIN, 4 to 12 digits, is read from standard input; the matcher gets its argon2id hash.\n"
    "\n"
    "  --clear         the subject has none any more\n"
    "  --timeout-ms N  wait so long for the matcher (5000)\n"
    "  --control ENDPOINT (a firm's own), --json, --quiet, --help\n"
    "\n"
    "Exit codes: 0 done, 1 refused or failed, 2 the command line is off, 75 no matcher.\n";

enum { OPT_CLEAR = 1, OPT_TIMEOUT };

static const struct option rows[] = {{"clear", no_argument, NULL, OPT_CLEAR},
                                     {"timeout-ms", required_argument, NULL, OPT_TIMEOUT},
                                     {0}};

struct wish {
    struct fg_common common;
    int timeout_ms;
    bool clear;
};

static int own_option(void *context, int option, const char *value)
{
    struct wish *wish = context;
    if (option == OPT_TIMEOUT)
        return fg_client_timeout(value, &wish->timeout_ms);
    wish->clear = true;
    return 0;
}

static int hash_input(char ret[FG_SEAL_PASSWORD], struct fg_error *err)
{
    char line[64] = "";
    if (!fgets(line, sizeof line, stdin))
        line[0] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    size_t length = strlen(line);
    int r = 0;
    if (length < DIGITS_LEAST || length > DIGITS_MOST || strspn(line, "0123456789") != length)
        r = fg_fail(err, -EINVAL, "a PIN has 4 to 12 digits: give it on standard input");
    else if (fg_seal_init() < 0 || fg_seal_password_hash(line, ret) < 0)
        r = fg_fail(err, -ENOMEM, "out of memory for the PIN's hash");
    explicit_bzero(line, sizeof line);
    return r;
}

static int set(const struct wish *wish, const char *subject, const char *hash, struct fg_json **ret,
               struct fg_error *err)
{
    struct fg_client *client = NULL;
    int r = fg_client_open(wish->common.control, wish->timeout_ms, &client, err);
    if (r == 0) {
        struct fg_json *request = fg_client_request("pin_set");
        fg_json_add_string(request, "subject", subject);
        fg_json_add_string(request, "hash", hash);
        r = fg_client_do(client, request, NULL, 0, 0, ret, err);
    }
    fg_client_close(client);
    return r;
}

int fg_command_pin(int argc, char **argv)
{
    struct wish wish = {.timeout_ms = FG_CLIENT_TIMEOUT_MS};
    struct fg_error err = {""};
    struct fg_json *reply = NULL;
    char hash[FG_SEAL_PASSWORD] = "";
    int r = fg_arguments(argc, argv, rows, own_option, &wish, &wish.common, help);
    if (r == 1)
        return FG_EXIT_OK;
    if (r < 0)
        return FG_EXIT_USAGE;
    if (argc - optind != 1) {
        fputs("facegate pin: name one SUBJECT; see facegate pin --help\n", stderr);
        return FG_EXIT_USAGE;
    }
    r = wish.clear ? 0 : hash_input(hash, &err);
    if (r == 0)
        r = set(&wish, argv[optind], hash, &reply, &err);
    explicit_bzero(hash, sizeof hash);
    if (r < 0) {
        fg_json_destroy(reply);
        return fg_command_failed("pin", r, &err);
    }
    if (wish.common.json)
        fg_plain_json(reply, true);
    else if (!wish.common.quiet)
        puts(wish.clear ? "cleared" : "set");
    if (!wish.common.json)
        fg_json_destroy(reply);
    return FG_EXIT_OK;
}
