// SPDX-License-Identifier: Apache-2.0
// facegate events: what the ledger has recorded, for audits and for other systems.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/json.h"
#include "tools/client.h"
#include "tools/command.h"
#include "tools/csv.h"
#include "tools/plain.h"
#include "tools/when.h"

#define PAGE      1000 // most of one answer; matcher/control.h
#define KINDS     8
#define FOLLOW_MS 500

static const char help[] =
    "facegate events: what has happened, in order\n"
    "\n"
    "  facegate events [option ...]\n"
    "\n"
    "  --since TIME    YYYY-MM-DD or RFC 3339; everything that is kept when absent\n"
    "  --after N       events behind this number\n"
    "  --lane LANE     of one lane\n"
    "  --kind KIND     admit, passed, charge_due, ...: facegate-control(7); may be repeated\n"
    "  --follow        go on as they happen\n"
    "  --csv           one line each, with a heading\n"
    "  --timeout-ms N  wait so long for the matcher (5000)\n"
    "  --control ENDPOINT, --json (a line each), --quiet, --help\n"
    "\n"
    "There are no names and no biometrics in them. Exit codes: 0 done, 1 failed, 2 the command "
    "line\n"
    "is off, 75 no matcher.\n";

enum { OPT_SINCE = 1, OPT_AFTER, OPT_LANE, OPT_KIND, OPT_FOLLOW, OPT_CSV, OPT_TIMEOUT };

static const struct option rows[] = {{"since", required_argument, NULL, OPT_SINCE},
                                     {"after", required_argument, NULL, OPT_AFTER},
                                     {"lane", required_argument, NULL, OPT_LANE},
                                     {"kind", required_argument, NULL, OPT_KIND},
                                     {"follow", no_argument, NULL, OPT_FOLLOW},
                                     {"csv", no_argument, NULL, OPT_CSV},
                                     {"timeout-ms", required_argument, NULL, OPT_TIMEOUT},
                                     {0}};

// What a table shows of each event, as facegate-control(7) names it.
static const char *const columns[] = {"number", "t",       "event",  "lane",   "zone",
                                      "firm",   "subject", "reason", "detail", "liveness",
                                      "run",    "seq",     "charge", "amount", "currency"};
#define N_COLUMNS (sizeof columns / sizeof *columns)

struct events {
    struct fg_common common;
    int timeout_ms;
    uint64_t since_s, after;
    const char *lane, *kinds[KINDS];
    unsigned n_kinds;
    bool follow, csv;
    struct fg_client *client;
};

static int read_after(const char *value, uint64_t *ret)
{
    char *end;
    *ret = strtoull(value, &end, 10);
    return end != value && !*end && value[0] != '-' ? 0 : -EINVAL;
}

static int own_option(void *context, int option, const char *value)
{
    struct events *e = context;
    struct fg_error err = {""};
    switch (option) {
    case OPT_SINCE:
        return fg_when_read(value, false, &e->since_s, &err);
    case OPT_AFTER:
        return read_after(value, &e->after);
    case OPT_LANE:
        e->lane = value;
        return 0;
    case OPT_KIND:
        if (e->n_kinds == KINDS)
            return -EINVAL;
        e->kinds[e->n_kinds++] = value;
        return 0;
    case OPT_FOLLOW:
        e->follow = true;
        return 0;
    case OPT_CSV:
        e->csv = true;
        return 0;
    default:
        return fg_client_timeout(value, &e->timeout_ms);
    }
}

// ---- printing ----------------------------------------------------------------------------------

static const char *member(const struct fg_json *event, const char *name, char number[32])
{
    const struct fg_json *value = fg_json_get(event, name);
    const char *text = value ? fg_json_string(value) : "";
    if (text)
        return text;
    snprintf(number, 32, "%.0f", fg_json_get_number(event, name, 0));
    return number;
}

static void print_csv(const struct fg_json *event)
{
    char number[32];
    for (size_t i = 0; i < N_COLUMNS; i++) {
        if (i > 0)
            putchar(',');
        fg_csv_write(stdout, event ? member(event, columns[i], number) : columns[i]);
    }
    putchar('\n');
}

static void print_row(const struct fg_json *event)
{
    char number[32];
    fg_plain_column(stdout, member(event, "t", number), 26);
    fg_plain_column(stdout, member(event, "event", number), 14);
    fg_plain_column(stdout, member(event, "lane", number), 14);
    fg_plain_column(stdout, member(event, "subject", number), 24);
    fg_plain_column(stdout, member(event, "reason", number), 20);
    fg_plain_print(stdout, member(event, "detail", number));
    putchar('\n');
}

static void print_event(const struct events *e, const struct fg_json *event)
{
    if (e->csv) {
        print_csv(event);
    } else if (e->common.json) {
        char *text = fg_json_print(event, false);
        puts(text);
        free(text);
    } else {
        print_row(event);
    }
}

// ---- asking ------------------------------------------------------------------------------------

static struct fg_json *request_of(const struct events *e)
{
    struct fg_json *request = fg_client_request("events"), *kinds;
    fg_json_add_number(request, "limit", PAGE);
    fg_json_add_number(request, "after", (double)e->after);
    if (e->since_s)
        fg_json_add_number(request, "since", (double)e->since_s);
    if (e->lane)
        fg_json_add_string(request, "lane", e->lane);
    if (e->n_kinds > 0) {
        kinds = fg_json_array();
        for (unsigned i = 0; i < e->n_kinds; i++)
            fg_json_add_string(kinds, NULL, e->kinds[i]);
        fg_json_add(request, "kinds", kinds);
    }
    return request;
}

// 1: there is more; 0: that was the end so far.
static int one_page(struct events *e, struct fg_error *err)
{
    struct fg_json *answer = NULL;
    int r = fg_client_do(e->client, request_of(e), NULL, 0, 0, &answer, err);
    if (r < 0)
        return r;
    for (const struct fg_json *event = fg_json_at(fg_json_get(answer, "events"), 0); event;
         event = fg_json_next(event))
        print_event(e, event);
    fflush(stdout);
    const double after = fg_json_get_number(answer, "after", 0);
    bool more = fg_json_get_bool(answer, "more", false);
    if (after > (double)e->after)
        e->after = (uint64_t)after;
    else if (more)
        r = fg_fail(err, -EBADMSG,
                    "the matcher's pages do not go on; are matcher and this "
                    "command of one release?");
    fg_json_destroy(answer);
    return r < 0 ? r : more;
}

static int work(struct events *e, struct fg_error *err)
{
    int r = fg_client_open(e->common.control, e->timeout_ms, &e->client, err);
    if (r == 0 && e->csv && !e->common.quiet)
        print_csv(NULL);
    while (r == 0) {
        while ((r = one_page(e, err)) == 1)
            continue;
        if (!e->follow)
            break;
        usleep(FOLLOW_MS * 1000);
    }
    fg_client_close(e->client);
    return r;
}

int fg_command_events(int argc, char **argv)
{
    struct events e = {.timeout_ms = FG_CLIENT_TIMEOUT_MS};
    struct fg_error err = {""};
    int r = fg_arguments(argc, argv, rows, own_option, &e, &e.common, help);
    if (r == 1)
        return FG_EXIT_OK;
    if (r == 0 && (optind < argc || (e.csv && e.common.json))) {
        fputs("facegate events: takes no operand, and one of --csv and --json; see facegate events "
              "--help\n",
              stderr);
        return FG_EXIT_USAGE;
    }
    if (r < 0)
        return FG_EXIT_USAGE;
    r = work(&e, &err);
    return r < 0 ? fg_command_failed("events", r, &err) : FG_EXIT_OK;
}
