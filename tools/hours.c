// SPDX-License-Identifier: Apache-2.0
// facegate hours: who was in a zone from when to when, for payroll. Worked out here from the
// ledger's events, however many they are.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/stays.h"
#include "tools/command.h"
#include "tools/csv.h"
#include "tools/event_text.h"
#include "tools/paging.h"
#include "tools/plain.h"
#include "tools/when.h"

#define PAGE     1000 // most of one answer; matcher/control.h
#define NS_PER_S UINT64_C(1000000000)

static const char help[] =
    "facegate hours: who was in a zone from when to when\n"
    "\n"
    "  facegate hours [option ...] --since TIME [--until TIME]\n"
    "\n"
    "  --since TIME    2027-01-31 or 2027-01-31T18:00:00+01:00\n"
    "  --until TIME    a date alone includes its day (now)\n"
    "  --csv           a row a stay, not a line a subject and zone\n"
    "  --timeout-ms N  wait so long for the matcher (5000)\n"
    "  --control ENDPOINT, --json (an object a subject and zone), --help\n"
    "\n"
    "A way in or out whose other half was not seen in this time is unpaired, and counts no hours.\n"
    "\n"
    "Exit codes: 0 done, 1 failed, 2 the command line is off, 75 no matcher.\n";

enum { OPT_SINCE = 1, OPT_UNTIL, OPT_CSV, OPT_TIMEOUT };

static const struct option rows[] = {
    {"since", required_argument, NULL, OPT_SINCE},
    {"until", required_argument, NULL, OPT_UNTIL},
    {"csv", no_argument, NULL, OPT_CSV},
    {"timeout-ms", required_argument, NULL, OPT_TIMEOUT},
    {0},
};

struct hours {
    struct fg_common common;
    int timeout_ms;
    uint64_t since_s, until_s; // 0: not said
    bool csv;
    struct fg_stays stays;
};

static int own_option(void *context, int option, const char *value)
{
    struct hours *h = context;
    struct fg_error err = {""};
    switch (option) {
    case OPT_SINCE:
        return fg_when_read(value, false, &h->since_s, &err);
    case OPT_UNTIL:
        return fg_when_read(value, true, &h->until_s, &err);
    case OPT_CSV:
        h->csv = true;
        return 0;
    default:
        return fg_client_timeout(value, &h->timeout_ms);
    }
}

// ---- asking ------------------------------------------------------------------------------------

static void fill(void *context, struct fg_json *request)
{
    const struct hours *h = context;
    struct fg_json *kinds = fg_json_array();
    fg_json_add_string(kinds, NULL, "passed");
    fg_json_add(request, "kinds", kinds);
    fg_json_add_number(request, "limit", PAGE);
    fg_json_add_number(request, "since", (double)h->since_s);
}

static int add(void *context, const struct fg_json *event, struct fg_error *err)
{
    struct hours *h = context;
    const char *detail = fg_json_get_string(event, "detail", "");
    bool in = strcmp(detail, "in") == 0;
    uint64_t t_s;
    int r = fg_event_seconds(event, &t_s, err);
    if (r < 0 || t_s >= h->until_s)
        return r < 0 ? r : 1;
    if (!in && strcmp(detail, "out") != 0)
        return 0;
    r = fg_stays_add(&h->stays, fg_json_get_string(event, "subject", ""),
                     fg_json_get_string(event, "zone", ""), t_s, in);
    return r < 0 ? fg_fail(err, r, "%s",
                           r == -ENOMEM ? "out of memory" : "an event with a text too long")
                 : 0;
}

static int collect(struct hours *h, struct fg_error *err)
{
    struct fg_client *client = NULL;
    struct fg_paging paging = {.operation = "events",
                               .member = "events",
                               .fill = fill,
                               .visit = add,
                               .context = h,
                               .numbered = true};
    int r = fg_client_open(h->common.control, h->timeout_ms, &client, err);
    if (r == 0)
        r = fg_paging_run(&paging, client, err);
    fg_client_close(client);
    fg_stays_sort(&h->stays);
    return r;
}

// ---- telling -----------------------------------------------------------------------------------

static const char *time_or_empty(bool seen, uint64_t seconds, char text[FG_WHEN_TEXT])
{
    return seen ? fg_when_text(seconds, text) : "";
}

static void print_row(const struct fg_stay *stay)
{
    char in[FG_WHEN_TEXT], out[FG_WHEN_TEXT];
    fg_csv_write(stdout, stay->subject);
    fputc(',', stdout);
    fg_csv_write(stdout, stay->zone);
    printf(",%s,%s,%" PRIu64 ",%s\n", time_or_empty(stay->came, stay->in_s, in),
           time_or_empty(stay->left, stay->out_s, out), stay->seconds,
           stay->came && stay->left ? "" : "yes");
}

static void add_stay(struct fg_json *stays, const struct fg_stay *stay)
{
    struct fg_json *json = fg_json_object();
    if (stay->came)
        fg_json_add_number(json, "in", (double)stay->in_s);
    if (stay->left)
        fg_json_add_number(json, "out", (double)stay->out_s);
    if (!stay->came || !stay->left)
        fg_json_add_bool(json, "unpaired", true);
    fg_json_add(stays, NULL, json);
}

struct sum { // of one subject in one zone
    const char *subject, *zone;
    uint64_t seconds;
    unsigned stays, unpaired;
    struct fg_json *list;
};

static void print_sum(const struct hours *h, struct sum *sum)
{
    if (h->common.json) {
        struct fg_json *json = fg_json_object();
        fg_json_add_string(json, "subject", sum->subject);
        fg_json_add_string(json, "zone", sum->zone);
        fg_json_add_number(json, "seconds", (double)sum->seconds);
        fg_json_add(json, "stays", sum->list);
        fg_plain_json(json, false);
        return;
    }
    printf("%6" PRIu64 ":%02" PRIu64 "  ", sum->seconds / 3600, sum->seconds / 60 % 60);
    fg_plain_column(stdout, sum->zone[0] ? sum->zone : "-", FG_STAYS_ZONE + 1);
    fg_plain_print(stdout, sum->subject);
    if (sum->unpaired > 0)
        printf("  (%u unpaired)", sum->unpaired);
    fputc('\n', stdout);
}

static void print_sums(const struct hours *h)
{
    struct fg_stay stay;
    struct sum sum = {.subject = NULL};
    size_t at = 0;
    while (fg_stays_next(&h->stays, &at, &stay)) {
        bool goes_on = sum.subject && strcmp(sum.subject, stay.subject) == 0 &&
                       strcmp(sum.zone, stay.zone) == 0;
        if (!goes_on && sum.subject)
            print_sum(h, &sum);
        if (!goes_on)
            sum = (struct sum){.subject = stay.subject,
                               .zone = stay.zone,
                               .list = h->common.json ? fg_json_array() : NULL};
        sum.seconds += stay.seconds;
        sum.stays++;
        sum.unpaired += !stay.came || !stay.left;
        if (sum.list)
            add_stay(sum.list, &stay);
    }
    if (sum.subject)
        print_sum(h, &sum);
}

static void print_rows(const struct hours *h)
{
    struct fg_stay stay;
    size_t at = 0;
    puts("subject,zone,in,out,seconds,unpaired");
    while (fg_stays_next(&h->stays, &at, &stay))
        print_row(&stay);
}

static int check(struct hours *h, int operands)
{
    const char *wrong = operands > 0               ? "takes no operand"
                        : h->since_s == 0          ? "say from which time on, --since"
                        : h->csv && h->common.json ? "say one of --csv and --json"
                                                   : NULL;
    if (h->until_s == 0)
        h->until_s = fg_realtime_ns() / NS_PER_S + 1;
    if (!wrong && h->until_s <= h->since_s)
        wrong = "--until must be after --since";
    if (!wrong)
        return 0;
    fprintf(stderr, "facegate hours: %s; see facegate hours --help\n", wrong);
    return -EINVAL;
}

int fg_command_hours(int argc, char **argv)
{
    struct hours h = {.timeout_ms = FG_CLIENT_TIMEOUT_MS};
    struct fg_error err = {""};
    int code = fg_arguments(argc, argv, rows, own_option, &h, &h.common, help);
    if (code == 1)
        return FG_EXIT_OK;
    if (code < 0 || check(&h, argc - optind) < 0)
        return FG_EXIT_USAGE;
    code = collect(&h, &err);
    if (code == 0 && h.csv)
        print_rows(&h);
    else if (code == 0)
        print_sums(&h);
    fg_stays_finish(&h.stays);
    return code < 0 ? fg_command_failed(argv[0], code, &err) : FG_EXIT_OK;
}
