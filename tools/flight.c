// SPDX-License-Identifier: Apache-2.0
// facegate flight: when a flight boards, and in which lanes.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/command.h"
#include "tools/paging.h"
#include "tools/plain.h"
#include "tools/verb.h"
#include "tools/when.h"

#define LANES 8 // of one flight; matcher/flight.h

static const char help[] =
    "facegate flight: when a flight boards, and where; passengers have the tag flight:NAME\n"
    "\n"
    "  facegate flight put --lane LANE [...] --opens TIME --departs TIME NAME\n"
    "  facegate flight delete NAME\n"
    "  facegate flight list\n"
    "\n"
    "put takes the place of a flight of the same name.\n"
    "\n"
    "  --lane LANE     where it boards; repeatable, up to 8\n"
    "  --opens TIME    2027-01-31T18:00:00+01:00\n"
    "  --departs TIME  nobody boards from this time on\n"
    "  --timeout-ms N  wait so long for the matcher (5000)\n"
    "  --control ENDPOINT, --json, --quiet, --help\n"
    "\n"
    "Exit codes: 0 done, 1 refused or failed, 2 the command line is off, 75 no matcher.\n";

enum { OPT_LANE = 1, OPT_OPENS, OPT_DEPARTS, OPT_TIMEOUT };

static const struct option rows[] = {
    {"lane", required_argument, NULL, OPT_LANE},
    {"opens", required_argument, NULL, OPT_OPENS},
    {"departs", required_argument, NULL, OPT_DEPARTS},
    {"timeout-ms", required_argument, NULL, OPT_TIMEOUT},
    {0},
};

struct flight {
    struct fg_common common;
    int timeout_ms;
    uint32_t seen; // options
    const char *lanes[LANES];
    unsigned n_lanes;
    uint64_t opens_s, departs_s;
};

static int add_lane(struct flight *f, const char *lane)
{
    if (f->n_lanes == LANES)
        return -EINVAL;
    f->lanes[f->n_lanes++] = lane;
    return 0;
}

static int own_option(void *context, int option, const char *value)
{
    struct flight *f = context;
    struct fg_error err = {""};
    f->seen |= UINT32_C(1) << option;
    switch (option) {
    case OPT_LANE:
        return add_lane(f, value);
    case OPT_OPENS:
        return fg_when_read(value, false, &f->opens_s, &err);
    case OPT_DEPARTS:
        return fg_when_read(value, false, &f->departs_s, &err);
    default:
        return fg_client_timeout(value, &f->timeout_ms);
    }
}

// ---- put, delete -------------------------------------------------------------------------------

static int change(const struct flight *f, struct fg_json *request, const char *name,
                  const char *done)
{
    struct fg_error err = {""};
    struct fg_client *client = NULL;
    struct fg_json *answer = NULL;
    int code = fg_client_open(f->common.control, f->timeout_ms, &client, &err);
    if (code < 0)
        fg_json_destroy(request);
    else
        code = fg_client_do(client, request, NULL, 0, 0, &answer, &err);
    fg_client_close(client);
    if (f->common.json) {
        struct fg_json *json = fg_json_object();
        fg_json_add_string(json, "flight", name);
        fg_json_add_bool(json, done, code == 0);
        if (code < 0)
            fg_json_add_string(json, "error", err.text);
        fg_plain_json(json, true);
    } else if (code == 0 && !f->common.quiet) {
        printf("%s %s\n", name, done);
    }
    fg_json_destroy(answer);
    return code < 0 ? fg_command_failed("flight", code, &err) : FG_EXIT_OK;
}

static int put(void *context, char **operands, int count)
{
    const struct flight *f = context;
    (void)count;
    if (f->n_lanes == 0 || f->opens_s == 0 || f->departs_s == 0) {
        fputs(
            "facegate flight put: say --lane, --opens and --departs; see facegate flight --help\n",
            stderr);
        return FG_EXIT_USAGE;
    }
    struct fg_json *request = fg_client_request("flight_put"), *lanes = fg_json_array();
    for (unsigned i = 0; i < f->n_lanes; i++)
        fg_json_add_string(lanes, NULL, f->lanes[i]);
    fg_json_add_string(request, "name", operands[0]);
    fg_json_add(request, "lanes", lanes);
    fg_json_add_number(request, "opens", (double)f->opens_s);
    fg_json_add_number(request, "departs", (double)f->departs_s);
    return change(f, request, operands[0], "put");
}

static int delete_flight(void *context, char **operands, int count)
{
    struct fg_json *request = fg_client_request("flight_delete");
    (void)count;
    fg_json_add_string(request, "name", operands[0]);
    return change(context, request, operands[0], "deleted");
}

// ---- list --------------------------------------------------------------------------------------

static int print_one(void *context, const struct fg_json *flight, struct fg_error *err)
{
    const struct flight *f = context;
    const struct fg_json *lanes = fg_json_get(flight, "lanes");
    char opens[FG_WHEN_TEXT], departs[FG_WHEN_TEXT];
    (void)err;
    if (f->common.json) {
        char *text = fg_json_print(flight, false);
        puts(text);
        free(text);
        return 0;
    }
    fg_when_text((uint64_t)fg_json_get_number(flight, "opens", 0), opens);
    fg_when_text((uint64_t)fg_json_get_number(flight, "departs", 0), departs);
    fg_plain_column(stdout, fg_json_get_string(flight, "name", "-"), 25);
    printf("%-22s%-22s", opens, departs);
    for (size_t i = 0; i < fg_json_count(lanes); i++) {
        fputs(i > 0 ? " " : "", stdout);
        fg_plain_print(stdout, fg_json_string(fg_json_at(lanes, i)));
    }
    fputc('\n', stdout);
    return 0;
}

static int list(void *context, char **operands, int count)
{
    struct flight *f = context;
    struct fg_error err = {""};
    struct fg_client *client = NULL;
    struct fg_paging paging = {
        .operation = "flights", .member = "flights", .visit = print_one, .context = f};
    (void)operands;
    (void)count;
    int code = fg_client_open(f->common.control, f->timeout_ms, &client, &err);
    if (code == 0)
        code = fg_paging_run(&paging, client, &err);
    fg_client_close(client);
    return code < 0 ? fg_command_failed("flight", code, &err) : FG_EXIT_OK;
}

static const struct fg_verb verbs[] = {
    {"put", 1u << OPT_LANE | 1u << OPT_OPENS | 1u << OPT_DEPARTS | 1u << OPT_TIMEOUT, 1, 1,
     "one NAME", put},
    {"delete", 1u << OPT_TIMEOUT, 1, 1, "one NAME", delete_flight},
    {"list", 1u << OPT_TIMEOUT, 0, 0, "no operand", list},
    {0},
};

int fg_command_flight(int argc, char **argv)
{
    struct flight f = {.timeout_ms = FG_CLIENT_TIMEOUT_MS};
    int code = fg_arguments(argc, argv, rows, own_option, &f, &f.common, help);
    if (code == 1)
        return FG_EXIT_OK;
    if (code < 0)
        return FG_EXIT_USAGE;
    const struct fg_verb *verb = fg_verb_find(verbs, rows, f.seen, argc, argv);
    return verb ? verb->run(&f, argv + optind + 1, argc - optind - 1) : FG_EXIT_USAGE;
}
