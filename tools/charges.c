// SPDX-License-Identifier: Apache-2.0
// facegate charges: the back office's end of a fare gate or a till.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "tools/client.h"
#include "tools/command.h"
#include "tools/plain.h"
#include "tools/spool.h"

#define PAGE 200 // most of one answer; matcher/control.h

static const char help[] =
    "facegate charges: what passages and payments have made due\n"
    "\n"
    "  facegate charges [option ...]\n"
    "  facegate charges [option ...] --take --spool FILE\n"
    "\n"
    "The first shows what is due. The second appends it to a file, a JSON object a line, waits\n"
    "until it is on disk, and then tells the matcher that it is taken. Killed at any moment and\n"
    "run again, the file holds each charge once; move it away between two runs.\n"
    "\n"
    "  --take          take over what is due\n"
    "  --spool FILE    where to\n"
    "  --firm FIRM     of this firm alone (a firm's own socket has no others)\n"
    "  --timeout-ms N  wait so long for the matcher (5000)\n"
    "  --control ENDPOINT, --json (a line each), --quiet, --help\n"
    "\n"
    "Exit codes: 0 done, 1 failed, 2 the command line is off, 75 no matcher, or the file is in\n"
    "use.\n";

enum { OPT_TAKE = 1, OPT_SPOOL, OPT_FIRM, OPT_TIMEOUT };

static const struct option rows[] = {{"take", no_argument, NULL, OPT_TAKE},
                                     {"spool", required_argument, NULL, OPT_SPOOL},
                                     {"firm", required_argument, NULL, OPT_FIRM},
                                     {"timeout-ms", required_argument, NULL, OPT_TIMEOUT},
                                     {0}};

struct charges {
    struct fg_common common;
    int timeout_ms;
    bool take;
    const char *path, *firm;
    struct fg_client *client;
    struct fg_spool *spool;
    uint64_t after;
    unsigned long count;
};

static int own_option(void *context, int option, const char *value)
{
    struct charges *c = context;
    switch (option) {
    case OPT_TAKE:
        c->take = true;
        return 0;
    case OPT_SPOOL:
        c->path = value;
        return 0;
    case OPT_FIRM:
        c->firm = value;
        return 0;
    default:
        return fg_client_timeout(value, &c->timeout_ms);
    }
}

// ---- a page ------------------------------------------------------------------------------------

static int ask(struct charges *c, struct fg_json **ret, struct fg_error *err)
{
    struct fg_json *request = fg_client_request("charges");
    fg_json_add_number(request, "limit", PAGE);
    fg_json_add_number(request, "after", (double)c->after);
    if (c->firm)
        fg_json_add_string(request, "firm", c->firm);
    return fg_client_do(c->client, request, NULL, 0, 0, ret, err);
}

static void print_charge(const struct charges *c, const struct fg_json *charge)
{
    if (c->common.json) {
        char *text = fg_json_print(charge, false);
        puts(text);
        free(text);
        return;
    }
    if (c->common.quiet)
        return;
    fg_plain_column(stdout, fg_json_get_string(charge, "t", "?"), 26);
    fg_plain_column(stdout, fg_json_get_string(charge, "charge", "?"), 34);
    fg_plain_column(stdout, fg_json_get_string(charge, "subject", "?"), 24);
    printf("%12.0f ", fg_json_get_number(charge, "amount", 0));
    fg_plain_print(stdout, fg_json_get_string(charge, "currency", ""));
    putchar('\n');
}

static int spool_all(struct charges *c, const struct fg_json *charges, struct fg_error *err)
{
    int r = 0;
    for (const struct fg_json *charge = fg_json_at(charges, 0); charge && r == 0;
         charge = fg_json_next(charge)) {
        char *line = fg_json_print(charge, false);
        r = fg_spool_add(c->spool, fg_json_get_string(charge, "charge", ""), line, err);
        free(line);
    }
    return r < 0 ? r : fg_spool_sync(c->spool, err);
}

static int tell_taken(struct charges *c, const struct fg_json *charges, struct fg_error *err)
{
    struct fg_json *answer = NULL, *ids = fg_json_array();
    for (const struct fg_json *charge = fg_json_at(charges, 0); charge;
         charge = fg_json_next(charge))
        fg_json_add_string(ids, NULL, fg_json_get_string(charge, "charge", ""));
    struct fg_json *request = fg_client_request("charges_taken");
    fg_json_add(request, "ids", ids);
    int r = fg_client_do(c->client, request, NULL, 0, 0, &answer, err);
    fg_json_destroy(answer);
    return r;
}

static int take_page(struct charges *c, const struct fg_json *charges, struct fg_error *err)
{
    if (!c->take || fg_json_count(charges) == 0)
        return 0;
    int r = spool_all(c, charges, err);
    return r < 0 ? r : tell_taken(c, charges, err);
}

// 1: there is more; 0: that was the end.
static int one_page(struct charges *c, struct fg_error *err)
{
    struct fg_json *answer = NULL;
    int r = ask(c, &answer, err);
    if (r < 0)
        return r;
    const struct fg_json *charges = fg_json_get(answer, "charges");
    r = take_page(c, charges, err);
    for (const struct fg_json *charge = fg_json_at(charges, 0); charge && r == 0;
         charge = fg_json_next(charge)) {
        print_charge(c, charge);
        c->count++;
    }
    const double after = fg_json_get_number(answer, "after", 0);
    bool more = fg_json_get_bool(answer, "more", false);
    if (r == 0 && more && !(after > (double)c->after))
        r = fg_fail(err, -EBADMSG,
                    "the matcher's pages do not go on; are matcher and this "
                    "command of one release?");
    c->after = more ? (uint64_t)after : c->after;
    fg_json_destroy(answer);
    return r < 0 ? r : more;
}

static int work(struct charges *c, struct fg_error *err)
{
    int r = c->take ? fg_spool_open(c->path, &c->spool, err) : 0;
    if (r == 0)
        r = fg_client_open(c->common.control, c->timeout_ms, &c->client, err);
    if (r == 0)
        while ((r = one_page(c, err)) == 1)
            continue;
    fg_client_close(c->client);
    fg_spool_close(c->spool);
    return r;
}

int fg_command_charges(int argc, char **argv)
{
    struct charges c = {.timeout_ms = FG_CLIENT_TIMEOUT_MS};
    struct fg_error err = {""};
    int r = fg_arguments(argc, argv, rows, own_option, &c, &c.common, help);
    if (r == 1)
        return FG_EXIT_OK;
    if (r == 0 && optind < argc) {
        fprintf(stderr, "facegate charges: %s: takes no operand; see facegate charges --help\n",
                argv[optind]);
        return FG_EXIT_USAGE;
    }
    if (r == 0 && c.take != (c.path != NULL)) {
        fputs("facegate charges: --take and --spool go together; see facegate charges --help\n",
              stderr);
        return FG_EXIT_USAGE;
    }
    if (r < 0)
        return FG_EXIT_USAGE;
    r = work(&c, &err);
    if (r < 0)
        return fg_command_failed("charges", r, &err);
    if (!c.common.json && !c.common.quiet)
        printf("%lu %s\n", c.count, c.take ? "taken" : "due");
    return FG_EXIT_OK;
}
