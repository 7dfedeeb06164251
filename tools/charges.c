// SPDX-License-Identifier: Apache-2.0
// facegate charges: what the back office has to collect. A charge is taken only after it lies in
// the spool, on the disk: whenever this is killed, the spool has each id once after the next run.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire.h"
#include "tools/command.h"
#include "tools/paging.h"
#include "tools/plain.h"
#include "tools/spool.h"

#define PAGE 200 // most of one answer; matcher/control.h

static const char help[] =
    "facegate charges: what is due, and not taken yet\n"
    "\n"
    "  facegate charges [option ...]\n"
    "  facegate charges [option ...] --take --spool FILE\n"
    "\n"
    "  --firm FIRM     of this firm alone\n"
    "  --take          append what is due to the spool, then mark it as taken\n"
    "  --spool FILE    one JSON object a line; each charge stands in it once, however often this\n"
    "                  is cut off. Move it away only after an exit with 0\n"
    "  --timeout-ms N  wait so long for the matcher (5000)\n"
    "  --control ENDPOINT, --json (one line each), --quiet, --help\n"
    "\n"
    "Exit codes: 0 done, 1 failed, 2 the command line is off, 75 no matcher, or the spool is in\n"
    "use.\n";

enum { OPT_FIRM = 1, OPT_TAKE, OPT_SPOOL, OPT_TIMEOUT };

static const struct option rows[] = {
    {"firm", required_argument, NULL, OPT_FIRM},
    {"take", no_argument, NULL, OPT_TAKE},
    {"spool", required_argument, NULL, OPT_SPOOL},
    {"timeout-ms", required_argument, NULL, OPT_TIMEOUT},
    {0},
};

struct charges {
    struct fg_common common;
    int timeout_ms;
    const char *firm, *file;
    bool take;
    struct fg_client *client;
    struct fg_spool *spool; // NULL: they are looked at
    struct fg_json *ids;    // of the page that is taken
    unsigned long due, taken;
};

static int own_option(void *context, int option, const char *value)
{
    struct charges *c = context;
    switch (option) {
    case OPT_FIRM:
        c->firm = value;
        return fg_wire_name_ok(value) ? 0 : -EINVAL;
    case OPT_TAKE:
        c->take = true;
        return 0;
    case OPT_SPOOL:
        c->file = value;
        return 0;
    default:
        return fg_client_timeout(value, &c->timeout_ms);
    }
}

static void fill(void *context, struct fg_json *request)
{
    const struct charges *c = context;
    fg_json_add_number(request, "limit", PAGE);
    if (c->firm)
        fg_json_add_string(request, "firm", c->firm);
}

static void print_one(const struct charges *c, const struct fg_json *charge)
{
    if (c->common.json) {
        char *text = fg_json_print(charge, false);
        puts(text);
        free(text);
        return;
    }
    if (c->common.quiet && c->take)
        return;
    fg_plain_column(stdout, fg_json_get_string(charge, "id", "-"), 34);
    fg_plain_column(stdout, fg_json_get_string(charge, "t", "-"), 26);
    printf("%12.0f ", fg_json_get_number(charge, "amount", 0));
    fg_plain_column(stdout, fg_json_get_string(charge, "currency", "-"), 5);
    fg_plain_column(stdout, fg_json_get_string(charge, "lane", "-"), 14);
    fg_plain_print(stdout, fg_json_get_string(charge, "subject", "-"));
    fputc('\n', stdout);
}

static int visit(void *context, const struct fg_json *charge, struct fg_error *err)
{
    struct charges *c = context;
    const char *id = fg_json_get_string(charge, "id", "");
    if (!c->spool) {
        c->due++;
        print_one(c, charge);
        return 0;
    }
    fg_json_add_string(c->ids, NULL, id);
    if (fg_spool_has(c->spool, id)) // a run before this one was cut off here
        return 0;
    print_one(c, charge);
    return fg_spool_add(c->spool, charge, err);
}

static int take_page(void *context, struct fg_error *err)
{
    struct charges *c = context;
    if (!c->spool || fg_json_count(c->ids) == 0)
        return 0;
    int r = fg_spool_sync(c->spool, err);
    if (r < 0)
        return r;
    struct fg_json *answer = NULL, *request = fg_client_request("charges_taken");
    c->taken += fg_json_count(c->ids);
    fg_json_add(request, "ids", c->ids);
    c->ids = fg_json_array();
    r = fg_client_do(c->client, request, NULL, 0, 0, &answer, err);
    fg_json_destroy(r < 0 ? NULL : answer);
    return r;
}

static int run(struct charges *c, struct fg_error *err)
{
    struct fg_paging paging = {.operation = "charges",
                               .member = "charges",
                               .fill = fill,
                               .visit = visit,
                               .end_page = take_page,
                               .context = c,
                               .numbered = true};
    int r = c->take ? fg_spool_open(c->file, &c->spool, err) : 0;
    if (r == 0)
        r = fg_client_open(c->common.control, c->timeout_ms, &c->client, err);
    c->ids = fg_json_array();
    if (r == 0)
        r = fg_paging_run(&paging, c->client, err);
    fg_json_destroy(c->ids);
    fg_client_close(c->client);
    fg_spool_close(c->spool);
    return r;
}

int fg_command_charges(int argc, char **argv)
{
    struct charges c = {.timeout_ms = FG_CLIENT_TIMEOUT_MS};
    struct fg_error err = {""};
    int code = fg_arguments(argc, argv, rows, own_option, &c, &c.common, help);
    if (code == 1)
        return FG_EXIT_OK;
    if (code == 0 && (optind < argc || c.take != (c.file != NULL))) {
        fputs("facegate charges: --take and --spool FILE go together, and there is no operand; see "
              "facegate charges --help\n",
              stderr);
        code = -EINVAL;
    }
    if (code < 0)
        return FG_EXIT_USAGE;
    code = run(&c, &err);
    if (code == 0 && c.take && !c.common.json && !c.common.quiet)
        printf("%lu taken\n", c.taken);
    if (code == 0 && !c.take && !c.common.json)
        printf("%lu due\n", c.due);
    return code < 0 ? fg_command_failed(argv[0], code, &err) : FG_EXIT_OK;
}
