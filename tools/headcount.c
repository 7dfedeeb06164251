// SPDX-License-Identifier: Apache-2.0
// facegate headcount: how many people are inside, and who.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire.h"
#include "tools/command.h"
#include "tools/paging.h"
#include "tools/plain.h"
#include "tools/when.h"

static const char help[] =
    "facegate headcount: how many people are inside, zone by zone\n"
    "\n"
    "  facegate headcount [option ...]\n"
    "\n"
    "  --zone ZONE     of this zone alone, with the zones in it\n"
    "  --who           everybody who is inside: subject, zone, since when\n"
    "  --timeout-ms N  wait so long for the matcher (5000)\n"
    "  --control ENDPOINT, --json, --help\n"
    "\n"
    "Exit codes: 0 done, 1 failed, 2 the command line is off, 75 no matcher.\n";

enum { OPT_ZONE = 1, OPT_WHO, OPT_TIMEOUT };

static const struct option rows[] = {
    {"zone", required_argument, NULL, OPT_ZONE},
    {"who", no_argument, NULL, OPT_WHO},
    {"timeout-ms", required_argument, NULL, OPT_TIMEOUT},
    {0},
};

struct headcount {
    struct fg_common common;
    int timeout_ms;
    const char *zone;
    bool who;
    struct fg_client *client;
};

static int own_option(void *context, int option, const char *value)
{
    struct headcount *h = context;
    switch (option) {
    case OPT_ZONE:
        h->zone = value;
        return fg_wire_name_ok(value) ? 0 : -EINVAL;
    case OPT_WHO:
        h->who = true;
        return 0;
    default:
        return fg_client_timeout(value, &h->timeout_ms);
    }
}

// ---- who ---------------------------------------------------------------------------------------

static int print_one(void *context, const struct fg_json *inside, struct fg_error *err)
{
    const struct headcount *h = context;
    char since[FG_WHEN_TEXT];
    const char *zone = fg_json_get_string(inside, "zone", "");
    (void)err;
    if (h->common.json) {
        char *text = fg_json_print(inside, false);
        puts(text);
        free(text);
        return 0;
    }
    fg_when_text((uint64_t)fg_json_get_number(inside, "since", 0), since);
    fg_plain_column(stdout, since, 23);
    fg_plain_column(stdout, zone[0] ? zone : "-", FG_WIRE_NAME + 1);
    fg_plain_print(stdout, fg_json_get_string(inside, "subject", "-"));
    fputc('\n', stdout);
    return 0;
}

static int print_who(struct headcount *h, struct fg_error *err)
{
    struct fg_paging paging = {
        .operation = "inside", .member = "subjects", .visit = print_one, .context = h};
    return fg_paging_run(&paging, h->client, err);
}

// ---- how many ----------------------------------------------------------------------------------

static void print_counts(const struct fg_json *answer)
{
    const struct fg_json *zones = fg_json_get(answer, "zones");
    for (size_t i = 0; i < fg_json_count(zones); i++) {
        const struct fg_json *zone = fg_json_at(zones, i);
        const char *name = fg_json_get_string(zone, "zone", "");
        printf("%8.0f  ", fg_json_get_number(zone, "count", 0));
        fg_plain_print(stdout, name[0] ? name : "(no zone)");
        fputc('\n', stdout);
    }
    printf("%8.0f  %s", fg_json_get_number(answer, "count", 0), zones ? "inside\n" : "");
}

static int print_count(struct headcount *h, struct fg_error *err)
{
    struct fg_json *answer = NULL, *request = fg_client_request("headcount");
    if (h->zone)
        fg_json_add_string(request, "zone", h->zone);
    int r = fg_client_do(h->client, request, NULL, 0, 0, &answer, err);
    if (r < 0)
        return r;
    if (h->common.json) {
        fg_plain_json(answer, true);
        return 0;
    }
    print_counts(answer);
    if (h->zone)
        puts(h->zone);
    fg_json_destroy(answer);
    return 0;
}

int fg_command_headcount(int argc, char **argv)
{
    struct headcount h = {.timeout_ms = FG_CLIENT_TIMEOUT_MS};
    struct fg_error err = {""};
    int code = fg_arguments(argc, argv, rows, own_option, &h, &h.common, help);
    if (code == 1)
        return FG_EXIT_OK;
    if (code == 0 && (optind < argc || (h.who && h.zone))) {
        fputs("facegate headcount: takes no operand, and one of --zone and --who; see facegate "
              "headcount --help\n",
              stderr);
        code = -EINVAL;
    }
    if (code < 0)
        return FG_EXIT_USAGE;
    code = fg_client_open(h.common.control, h.timeout_ms, &h.client, &err);
    if (code == 0)
        code = h.who ? print_who(&h, &err) : print_count(&h, &err);
    fg_client_close(h.client);
    return code < 0 ? fg_command_failed(argv[0], code, &err) : FG_EXIT_OK;
}
