// SPDX-License-Identifier: Apache-2.0
// facegate headcount and facegate hours: who is inside now, and who was how long.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/json.h"
#include "tools/client.h"
#include "tools/command.h"
#include "tools/csv.h"
#include "tools/page.h"
#include "tools/plain.h"
#include "tools/when.h"

static const char headcount_help[] =
    "facegate headcount: how many people are inside\n"
    "\n"
    "  facegate headcount [option ...]\n"
    "\n"
    "  --zone ZONE     in this zone alone\n"
    "  --who           each of them, with the zone and since when\n"
    "  --timeout-ms N  wait so long for the matcher (5000)\n"
    "  --control ENDPOINT, --json, --quiet, --help\n"
    "\n"
    "Exit codes: 0 done, 1 failed, 2 the command line is off, 75 no matcher.\n";

static const char hours_help[] =
    "facegate hours: how long each subject was inside\n"
    "\n"
    "  facegate hours [option ...] --since TIME\n"
    "\n"
    "  --since TIME    YYYY-MM-DD or RFC 3339\n"
    "  --until TIME    (now); a date means the end of that day\n"
    "  --csv           each stay: subject, zone, in, out, seconds\n"
    "  --timeout-ms N  wait so long for the matcher (5000)\n"
    "  --control ENDPOINT, --json, --quiet, --help\n"
    "\n"
    "A stay with one crossing alone has no seconds.\n"
    "Exit codes: 0 done, 1 failed, 2 the command line is off, 75 no matcher.\n";

enum { OPT_ZONE = 1, OPT_WHO, OPT_SINCE, OPT_UNTIL, OPT_CSV, OPT_TIMEOUT };

static const struct option headcount_rows[] = {
    {"zone", required_argument, NULL, OPT_ZONE},
    {"who", no_argument, NULL, OPT_WHO},
    {"timeout-ms", required_argument, NULL, OPT_TIMEOUT},
    {0},
};

static const struct option hours_rows[] = {
    {"since", required_argument, NULL, OPT_SINCE},
    {"until", required_argument, NULL, OPT_UNTIL},
    {"csv", no_argument, NULL, OPT_CSV},
    {"timeout-ms", required_argument, NULL, OPT_TIMEOUT},
    {0},
};

struct hours {
    struct fg_common common;
    int timeout_ms;
    const char *zone;
    bool who, csv;
    uint64_t since_s, until_s;
    struct fg_client *client;
};

static int own_option(void *context, int option, const char *value)
{
    struct hours *h = context;
    struct fg_error err = {""};
    switch (option) {
    case OPT_ZONE:
        h->zone = value;
        return 0;
    case OPT_WHO:
        h->who = true;
        return 0;
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

static const char *when(const struct fg_json *json, const char *name, char ret[FG_WHEN_TEXT])
{
    double seconds = fg_json_get_number(json, name, 0);
    return fg_when_text(seconds > 0 && seconds < 1e12 ? (uint64_t)seconds : 0, ret);
}

// ---- headcount ---------------------------------------------------------------------------------

static void print_person(void *context, const struct fg_json *person)
{
    const struct hours *h = context;
    const char *zone = fg_json_get_string(person, "zone", "");
    char text[FG_WHEN_TEXT];
    if (h->zone && strcmp(h->zone, zone) != 0)
        return;
    if (h->common.json) {
        fg_page_print(person);
        return;
    }
    fg_plain_column(stdout, fg_json_get_string(person, "subject", "?"), 32);
    fg_plain_column(stdout, zone, 24);
    puts(when(person, "since", text));
}

static void print_zones(const struct hours *h, const struct fg_json *answer)
{
    for (const struct fg_json *zone = fg_json_at(fg_json_get(answer, "zones"), 0); zone;
         zone = fg_json_next(zone)) {
        fg_plain_column(stdout, fg_json_get_string(zone, "zone", "?"), 24);
        printf(" %.0f\n", fg_json_get_number(zone, "people", 0));
    }
    if (!h->zone)
        printf("%-24s %.0f\n", "together", fg_json_get_number(answer, "inside", 0));
}

static int headcount(struct hours *h, struct fg_error *err)
{
    struct fg_json *answer = NULL, *request = fg_client_request("headcount");
    if (h->zone)
        fg_json_add_string(request, "zone", h->zone);
    int r = fg_client_do(h->client, request, NULL, 0, 0, &answer, err);
    if (r == 0 && h->common.json) {
        fg_plain_json(answer, true);
        return 0;
    }
    if (r == 0)
        print_zones(h, answer);
    fg_json_destroy(answer);
    return r;
}

int fg_command_headcount(int argc, char **argv)
{
    struct hours h = {.timeout_ms = FG_CLIENT_TIMEOUT_MS};
    struct fg_error err = {""};
    int r = fg_arguments(argc, argv, headcount_rows, own_option, &h, &h.common, headcount_help);
    if (r == 1)
        return FG_EXIT_OK;
    if (r < 0 || optind < argc) {
        if (r == 0)
            fputs("facegate headcount: takes no operand; see facegate headcount --help\n", stderr);
        return FG_EXIT_USAGE;
    }
    r = fg_client_open(h.common.control, h.timeout_ms, &h.client, &err);
    if (r == 0)
        r = h.who ? fg_page_each(h.client, "inside", "subjects", print_person, &h, &err)
                  : headcount(&h, &err);
    fg_client_close(h.client);
    return r < 0 ? fg_command_failed("headcount", r, &err) : FG_EXIT_OK;
}

// ---- hours -------------------------------------------------------------------------------------

static void print_stays(const struct fg_json *subject)
{
    char in[FG_WHEN_TEXT], out[FG_WHEN_TEXT], seconds[32];
    for (const struct fg_json *stay = fg_json_at(fg_json_get(subject, "stays"), 0); stay;
         stay = fg_json_next(stay)) {
        const double from = fg_json_get_number(stay, "in", 0);
        const double to = fg_json_get_number(stay, "out", 0);
        bool paired = !fg_json_get_bool(stay, "unpaired", false);
        snprintf(seconds, sizeof seconds, "%.0f", to - from);
        fg_csv_write(stdout, fg_json_get_string(subject, "subject", ""));
        putchar(',');
        fg_csv_write(stdout, fg_json_get_string(subject, "zone", ""));
        printf(",%s,%s,%s\n", from > 0 ? when(stay, "in", in) : "",
               to > 0 ? when(stay, "out", out) : "", paired ? seconds : "");
    }
}

static void print_sum(const struct fg_json *subject)
{
    unsigned unpaired = 0;
    for (const struct fg_json *stay = fg_json_at(fg_json_get(subject, "stays"), 0); stay;
         stay = fg_json_next(stay))
        unpaired += fg_json_get_bool(stay, "unpaired", false);
    const unsigned long seconds = (unsigned long)fg_json_get_number(subject, "seconds", 0);
    fg_plain_column(stdout, fg_json_get_string(subject, "subject", "?"), 32);
    fg_plain_column(stdout, fg_json_get_string(subject, "zone", ""), 24);
    printf("%4lu:%02lu:%02lu", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if (unpaired > 0)
        printf("  %u without the other crossing", unpaired);
    putchar('\n');
}

static int hours(struct hours *h, struct fg_error *err)
{
    struct fg_json *answer = NULL, *request = fg_client_request("hours");
    fg_json_add_number(request, "since", (double)h->since_s);
    if (h->until_s)
        fg_json_add_number(request, "until", (double)h->until_s);
    int r = fg_client_do(h->client, request, NULL, 0, 0, &answer, err);
    if (r < 0)
        return r;
    if (h->csv && !h->common.quiet)
        puts("subject,zone,in,out,seconds");
    for (const struct fg_json *subject = fg_json_at(fg_json_get(answer, "subjects"), 0); subject;
         subject = fg_json_next(subject)) {
        if (h->common.json)
            fg_page_print(subject);
        else if (h->csv)
            print_stays(subject);
        else
            print_sum(subject);
    }
    fg_json_destroy(answer);
    return 0;
}

int fg_command_hours(int argc, char **argv)
{
    struct hours h = {.timeout_ms = FG_CLIENT_TIMEOUT_MS};
    struct fg_error err = {""};
    int r = fg_arguments(argc, argv, hours_rows, own_option, &h, &h.common, hours_help);
    if (r == 1)
        return FG_EXIT_OK;
    if (r == 0 && (optind < argc || h.since_s == 0 || (h.csv && h.common.json))) {
        fputs("facegate hours: say --since, one of --csv and --json, and no operand; see facegate "
              "hours --help\n",
              stderr);
        return FG_EXIT_USAGE;
    }
    if (r < 0)
        return FG_EXIT_USAGE;
    r = fg_client_open(h.common.control, h.timeout_ms, &h.client, &err);
    if (r == 0)
        r = hours(&h, &err);
    fg_client_close(h.client);
    return r < 0 ? fg_command_failed("hours", r, &err) : FG_EXIT_OK;
}
