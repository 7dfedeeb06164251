// SPDX-License-Identifier: Apache-2.0
// facegate flight: which lanes board a flight, and when. Passengers have the tag flight:NAME.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/json.h"
#include "tools/client.h"
#include "tools/command.h"
#include "tools/page.h"
#include "tools/plain.h"
#include "tools/verb.h"
#include "tools/when.h"

#define LANES 8

static const char help[] =
    "facegate flight: which lanes board a flight, and when\n"
    "\n"
    "  facegate flight put [option ...] --lane LANE ... --opens TIME --departs TIME FLIGHT\n"
    "      makes the flight, or changes it\n"
    "  facegate flight delete [option ...] FLIGHT\n"
    "  facegate flight list [option ...]\n"
    "\n"
    "A subject with the tag flight:FLIGHT boards it, at its lanes, from --opens until --departs.\n"
    "\n"
    "  --lane LANE     up to 8\n"
    "  --opens TIME, --departs TIME  RFC 3339, as 2027-01-31T14:20:00+09:00\n"
    "  --timeout-ms N  wait so long for the matcher (5000)\n"
    "  --control ENDPOINT, --json (list: a line each), --quiet, --help\n"
    "\n"
    "Exit codes: 0 done, 1 refused or failed, 2 the command line is off, 75 no matcher.\n";

enum { OPT_LANE = 1, OPT_OPENS, OPT_DEPARTS, OPT_TIMEOUT };

static const struct option rows[] = {{"lane", required_argument, NULL, OPT_LANE},
                                     {"opens", required_argument, NULL, OPT_OPENS},
                                     {"departs", required_argument, NULL, OPT_DEPARTS},
                                     {"timeout-ms", required_argument, NULL, OPT_TIMEOUT},
                                     {0}};

struct flight {
    struct fg_common common;
    int timeout_ms;
    const char *lanes[LANES];
    unsigned n_lanes;
    uint64_t opens_s, departs_s;
    uint32_t seen; // a bit for each option
};

static int own_option(void *context, int option, const char *value)
{
    struct flight *f = context;
    struct fg_error err = {""};
    f->seen |= 1u << option;
    switch (option) {
    case OPT_LANE:
        if (f->n_lanes == LANES)
            return -EINVAL;
        f->lanes[f->n_lanes++] = value;
        return 0;
    case OPT_OPENS:
        return fg_when_read(value, false, &f->opens_s, &err);
    case OPT_DEPARTS:
        return fg_when_read(value, false, &f->departs_s, &err);
    default:
        return fg_client_timeout(value, &f->timeout_ms);
    }
}

static int send(const struct flight *f, struct fg_json *request, const char *done)
{
    struct fg_client *client = NULL;
    struct fg_error err = {""};
    struct fg_json *answer = NULL;
    int r = fg_client_open(f->common.control, f->timeout_ms, &client, &err);
    if (r < 0)
        fg_json_destroy(request);
    else
        r = fg_client_do(client, request, NULL, 0, 0, &answer, &err);
    fg_client_close(client);
    if (r < 0)
        return fg_command_failed("flight", r, &err);
    if (f->common.json) {
        fg_plain_json(answer, true);
        return FG_EXIT_OK;
    }
    fg_json_destroy(answer);
    if (!f->common.quiet)
        puts(done);
    return FG_EXIT_OK;
}

static int put(void *context, char **operands, int count)
{
    const struct flight *f = context;
    const uint32_t needed = 1u << OPT_LANE | 1u << OPT_OPENS | 1u << OPT_DEPARTS;
    (void)count;
    if ((f->seen & needed) != needed) {
        fputs("facegate flight: put wants --lane, --opens and --departs; see facegate flight "
              "--help\n",
              stderr);
        return FG_EXIT_USAGE;
    }
    struct fg_json *request = fg_client_request("flight_put"), *lanes = fg_json_array();
    fg_json_add_string(request, "name", operands[0]);
    for (unsigned i = 0; i < f->n_lanes; i++)
        fg_json_add_string(lanes, NULL, f->lanes[i]);
    fg_json_add(request, "lanes", lanes);
    fg_json_add_number(request, "opens", (double)f->opens_s);
    fg_json_add_number(request, "departs", (double)f->departs_s);
    return send(f, request, "put");
}

static int delete (void *context, char **operands, int count)
{
    struct fg_json *request = fg_client_request("flight_delete");
    (void)count;
    fg_json_add_string(request, "name", operands[0]);
    return send(context, request, "deleted");
}

static void print_flight(void *context, const struct fg_json *flight)
{
    const struct flight *f = context;
    char opens[FG_WHEN_TEXT], departs[FG_WHEN_TEXT];
    if (f->common.json) {
        fg_page_print(flight);
        return;
    }
    fg_plain_column(stdout, fg_json_get_string(flight, "name", "?"), 26);
    printf("%-22s%-22s", fg_when_text((uint64_t)fg_json_get_number(flight, "opens", 0), opens),
           fg_when_text((uint64_t)fg_json_get_number(flight, "departs", 0), departs));
    const struct fg_json *lane = fg_json_at(fg_json_get(flight, "lanes"), 0);
    for (; lane; lane = fg_json_next(lane)) {
        const char *name = fg_json_string(lane);
        fg_plain_print(stdout, name ? name : "?");
        putchar(fg_json_next(lane) ? ' ' : '\n');
    }
}

static int list(void *context, char **operands, int count)
{
    struct flight *f = context;
    struct fg_client *client = NULL;
    struct fg_error err = {""};
    (void)operands, (void)count;
    int r = fg_client_open(f->common.control, f->timeout_ms, &client, &err);
    if (r == 0)
        r = fg_page_each(client, "flights", "flights", print_flight, f, &err);
    fg_client_close(client);
    return r < 0 ? fg_command_failed("flight", r, &err) : FG_EXIT_OK;
}

static const struct fg_verb verbs[] = {
    {"put", 1u << OPT_LANE | 1u << OPT_OPENS | 1u << OPT_DEPARTS | 1u << OPT_TIMEOUT, 1, 1,
     "one FLIGHT", put},
    {"delete", 1u << OPT_TIMEOUT, 1, 1, "one FLIGHT", delete},
    {"list", 1u << OPT_TIMEOUT, 0, 0, "no operand", list},
    {0},
};

int fg_command_flight(int argc, char **argv)
{
    struct flight f = {.timeout_ms = FG_CLIENT_TIMEOUT_MS};
    int r = fg_arguments(argc, argv, rows, own_option, &f, &f.common, help);
    if (r != 0)
        return r == 1 ? FG_EXIT_OK : FG_EXIT_USAGE;
    const struct fg_verb *verb = fg_verb_find(verbs, rows, f.seen, argc, argv);
    return verb ? verb->run(&f, argv + optind + 1, argc - optind - 1) : FG_EXIT_USAGE;
}
