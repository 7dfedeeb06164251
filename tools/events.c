// SPDX-License-Identifier: Apache-2.0
// facegate events: what happened, as the matcher's ledger has it.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/wire.h"
#include "tools/command.h"
#include "tools/event_text.h"
#include "tools/paging.h"
#include "tools/plain.h"
#include "tools/when.h"

#define PAGE      1000 // most of one answer; matcher/control.h
#define KINDS     32
#define FOLLOW_NS UINT64_C(1000000000)

static const char help[] =
    "facegate events: what happened, from the matcher's ledger\n"
    "\n"
    "  facegate events [option ...]\n"
    "\n"
    "  --since TIME    from this time on: 2027-01-31 or 2027-01-31T18:00:00+01:00\n"
    "  --after N       behind the event of this number\n"
    "  --lane LANE     of this lane alone\n"
    "  --kind KIND     of this kind alone (admit, passed, ...); repeatable\n"
    "  --follow        go on with what happens from now on, until a signal\n"
    "  --csv           with a row of the columns' names\n"
    "  --timeout-ms N  wait so long for the matcher (5000)\n"
    "  --control ENDPOINT, --json (one line each), --help\n"
    "\n"
    "Exit codes: 0 done, 1 failed, 2 the command line is off, 75 no matcher.\n";

enum { OPT_SINCE = 1, OPT_AFTER, OPT_LANE, OPT_KIND, OPT_FOLLOW, OPT_CSV, OPT_TIMEOUT };

static const struct option rows[] = {
    {"since", required_argument, NULL, OPT_SINCE},
    {"after", required_argument, NULL, OPT_AFTER},
    {"lane", required_argument, NULL, OPT_LANE},
    {"kind", required_argument, NULL, OPT_KIND},
    {"follow", no_argument, NULL, OPT_FOLLOW},
    {"csv", no_argument, NULL, OPT_CSV},
    {"timeout-ms", required_argument, NULL, OPT_TIMEOUT},
    {0},
};

struct events {
    struct fg_common common;
    int timeout_ms;
    uint64_t since_s;
    const char *lane, *kinds[KINDS];
    unsigned n_kinds;
    double after;
    bool follow, csv;
};

static int read_after(const char *text, double *ret)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    if (end == text || *end || text[0] == '-' || value > 1ull << 53)
        return -EINVAL;
    *ret = (double)value;
    return 0;
}

static int add_kind(struct events *e, const char *kind)
{
    if (e->n_kinds == KINDS)
        return -EINVAL;
    e->kinds[e->n_kinds++] = kind;
    return 0;
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
        return fg_wire_name_ok(value) ? 0 : -EINVAL;
    case OPT_KIND:
        return add_kind(e, value);
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

// ---- asking ------------------------------------------------------------------------------------

static void fill(void *context, struct fg_json *request)
{
    const struct events *e = context;
    fg_json_add_number(request, "limit", PAGE);
    if (e->since_s)
        fg_json_add_number(request, "since", (double)e->since_s);
    if (e->lane)
        fg_json_add_string(request, "lane", e->lane);
    if (e->n_kinds == 0)
        return;
    struct fg_json *kinds = fg_json_array();
    for (unsigned i = 0; i < e->n_kinds; i++)
        fg_json_add_string(kinds, NULL, e->kinds[i]);
    fg_json_add(request, "kinds", kinds);
}

static int print_one(void *context, const struct fg_json *event, struct fg_error *err)
{
    const struct events *e = context;
    (void)err;
    if (e->csv) {
        fg_event_csv(stdout, event);
    } else if (e->common.json) {
        char *text = fg_json_print(event, false);
        puts(text);
        free(text);
    } else {
        fg_event_line(stdout, event);
    }
    return 0;
}

static int end_page(void *context, struct fg_error *err)
{
    (void)context;
    if (fflush(stdout) != 0)
        return fg_fail(err, -EIO, "can't write: %s", strerror(errno));
    return 0;
}

static int print_all(struct events *e, struct fg_error *err)
{
    struct fg_client *client = NULL;
    struct fg_paging paging = {.operation = "events",
                               .member = "events",
                               .fill = fill,
                               .visit = print_one,
                               .end_page = end_page,
                               .context = e,
                               .numbered = true,
                               .after = e->after};
    int r = fg_client_open(e->common.control, e->timeout_ms, &client, err);
    if (r == 0 && e->csv)
        fg_event_csv_head(stdout);
    do {
        if (r == 0)
            r = fg_paging_run(&paging, client, err);
        if (r == 0 && e->follow)
            fg_sleep_until_ns(fg_monotonic_ns() + FOLLOW_NS);
    } while (r == 0 && e->follow);
    fg_client_close(client);
    return r;
}

int fg_command_events(int argc, char **argv)
{
    struct events e = {.timeout_ms = FG_CLIENT_TIMEOUT_MS};
    struct fg_error err = {""};
    int code = fg_arguments(argc, argv, rows, own_option, &e, &e.common, help);
    if (code == 1)
        return FG_EXIT_OK;
    if (code == 0 && (optind < argc || (e.csv && e.common.json))) {
        fputs("facegate events: takes no operand, and one of --csv and --json; see facegate events "
              "--help\n",
              stderr);
        code = -EINVAL;
    }
    if (code < 0)
        return FG_EXIT_USAGE;
    code = print_all(&e, &err);
    return code < 0 ? fg_command_failed(argv[0], code, &err) : FG_EXIT_OK;
}
