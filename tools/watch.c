// SPDX-License-Identifier: Apache-2.0
// facegate watch: decisions as the matcher publishes them.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/bus.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/wire.h"
#include "tools/client.h"
#include "tools/command.h"
#include "tools/plain.h"

#define HIGH_WATER 1000
#define NS_PER_S   UINT64_C(1000000000)
#define NS_PER_MS  UINT64_C(1000000)

static const char help[] =
    "facegate watch: decisions as they are made\n"
    "\n"
    "  facegate watch [option ...]\n"
    "\n"
    "  --lane LANE     of this lane alone\n"
    "  --count N       end after N decisions\n"
    "  --seconds N     end after N seconds\n"
    "  --timeout-ms N  wait so long for the matcher at the start (5000)\n"
    "  --decision ENDPOINT, --json (one line each), --help\n"
    "\n"
    "Exit codes: 0 done, 1 failed or --seconds ended before --count decisions, 2 the command line\n"
    "is off, 75 no matcher.\n";

enum { OPT_LANE = 1, OPT_COUNT, OPT_SECONDS, OPT_TIMEOUT };

static const struct option rows[] = {
    {"lane", required_argument, NULL, OPT_LANE},
    {"count", required_argument, NULL, OPT_COUNT},
    {"seconds", required_argument, NULL, OPT_SECONDS},
    {"timeout-ms", required_argument, NULL, OPT_TIMEOUT},
    {0},
};

struct watch {
    struct fg_common common;
    const char *lane;
    unsigned long count, seconds; // 0: no end
    int timeout_ms;
    struct fg_bus *bus;
    struct fg_socket *socket;
    unsigned long seen;
    char run[24]; // of the matcher, and its last sequence
    double sequence;
};

static int positive(const char *text, unsigned long most, unsigned long *ret)
{
    char *end;
    *ret = strtoul(text, &end, 10);
    return end != text && !*end && text[0] != '-' && *ret >= 1 && *ret <= most ? 0 : -EINVAL;
}

static int own_option(void *context, int option, const char *value)
{
    struct watch *w = context;
    switch (option) {
    case OPT_LANE:
        w->lane = value;
        return fg_wire_name_ok(value) ? 0 : -EINVAL;
    case OPT_COUNT:
        return positive(value, 1000000000, &w->count);
    case OPT_SECONDS:
        return positive(value, 1000000000, &w->seconds);
    case OPT_TIMEOUT:
        return fg_client_timeout(value, &w->timeout_ms);
    }
    return -EINVAL;
}

static void print_line(const struct fg_json *decision)
{
    const char *subject = fg_json_get_string(decision, "subject", "-");
    double latency = fg_json_get_number(decision, "latency_ms", -1);
    fg_plain_print(stdout, fg_json_get_string(decision, "t", "?"));
    fputs("  lane ", stdout);
    fg_plain_column(stdout, fg_json_get_string(decision, "lane", "?"), 4);
    fputs("  ", stdout);
    fg_plain_column(stdout, fg_json_get_string(decision, "outcome", "?"), 8);
    fputs("  ", stdout);
    fg_plain_column(stdout, subject, 20);
    fputs("  ", stdout);
    fg_plain_print(stdout, fg_json_get_string(decision, "reason", "?"));
    printf(", attempt %.0f", fg_json_get_number(decision, "attempt", 0));
    if (latency >= 0)
        printf(", %.1f ms", latency);
    putchar('\n');
}

// Over all lanes the sequence has no gaps but losses; a slow terminal makes some.
static void tell_missed(struct watch *w, const struct fg_json *decision)
{
    const char *run = fg_json_get_string(decision, "run", "");
    double sequence = fg_json_get_number(decision, "seq", 0);
    bool goes_on = w->sequence > 0 && strncmp(run, w->run, sizeof w->run - 1) == 0;
    if (!w->lane && goes_on && sequence > w->sequence + 1)
        fprintf(stderr, "facegate watch: %.0f decisions were missed\n", sequence - w->sequence - 1);
    w->sequence = sequence;
    snprintf(w->run, sizeof w->run, "%s", run);
}

static void take(struct watch *w, const struct fg_message *message)
{
    struct fg_json *decision = NULL;
    struct fg_error err = {""};
    if (message->count != 2 ||
        fg_json_parse(message->parts[1].data, message->parts[1].length, &decision, &err) < 0) {
        fprintf(stderr, "facegate watch: what came is no decision%s%s\n", err.text[0] ? ": " : "",
                err.text);
        return;
    }
    const char *lane = fg_json_get_string(decision, "lane", NULL);
    if (lane && (!w->lane || strcmp(lane, w->lane) == 0)) {
        tell_missed(w, decision);
        if (w->common.json) {
            fg_plain_json(decision, false);
            decision = NULL;
        } else {
            print_line(decision);
        }
        fflush(stdout);
        w->seen++;
    }
    fg_json_destroy(decision);
}

static int loop(struct watch *w, struct fg_error *err)
{
    const uint64_t end = fg_monotonic_ns() + w->seconds * NS_PER_S;
    while (!w->count || w->seen < w->count) {
        struct fg_message message;
        uint64_t now = fg_monotonic_ns();
        int wait = -1;
        if (w->seconds && now >= end)
            break;
        if (w->seconds)
            wait = end - now < 3600 * NS_PER_S ? (int)((end - now) / NS_PER_MS) + 1 : 3600000;
        int code = fg_socket_receive(w->socket, wait, &message);
        if (code == 0)
            take(w, &message);
        else if (code != -EAGAIN && code != -EINTR && code != -EMSGSIZE)
            return fg_fail(err, code, "%s: %s", w->common.decision, strerror(-code));
    }
    return 0;
}

static int watch(struct watch *w, struct fg_error *err)
{
    char topic[FG_WIRE_NAME];
    int code = fg_client_look(w->common.decision, w->timeout_ms, err);
    if (code == 0 && fg_bus_create(&w->bus) < 0)
        code = fg_fail(err, -ENOMEM, "out of memory");
    if (code == 0)
        code = fg_socket_connect(w->bus, FG_SOCKET_SUB, w->common.decision, HIGH_WATER, &w->socket,
                                 err);
    if (code == 0) {
        size_t length = w->lane ? fg_wire_topic(w->lane, topic) : 0;
        code = fg_socket_subscribe(w->socket, topic, length);
        if (code < 0)
            fg_fail(err, code, "%s: can't subscribe: %s", w->common.decision, strerror(-code));
    }
    if (code == 0)
        code = loop(w, err);
    fg_socket_close(w->socket);
    fg_bus_destroy(w->bus);
    return code;
}

int fg_command_watch(int argc, char **argv)
{
    struct watch w = {.timeout_ms = FG_CLIENT_TIMEOUT_MS};
    struct fg_error err = {""};
    int code = fg_arguments(argc, argv, rows, own_option, &w, &w.common, help);
    if (code == 1)
        return FG_EXIT_OK;
    if (code == 0 && optind < argc) {
        fprintf(stderr, "facegate watch: %s: takes no operand; see facegate watch --help\n",
                argv[optind]);
        code = -EINVAL;
    }
    if (code < 0)
        return FG_EXIT_USAGE;
    code = watch(&w, &err);
    if (code < 0)
        return fg_command_failed(argv[0], code, &err);
    return w.count && w.seen < w.count ? FG_EXIT_FAILURE : FG_EXIT_OK;
}
