// SPDX-License-Identifier: Apache-2.0
// facegate status: what matcher and cameras are doing.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "tools/client.h"
#include "tools/command.h"
#include "tools/plain.h"

static const char help[] =
    "facegate status: what matcher and cameras are doing\n"
    "\n"
    "  facegate status [option ...]\n"
    "\n"
    "  --timeout-ms N  wait so long for the matcher (5000)\n"
    "  --control ENDPOINT, --json (the matcher's answer), --help\n"
    "\n"
    "Exit codes: 0 it answers, 1 failed, 2 the command line is off, 75 no matcher.\n";

enum { OPT_TIMEOUT = 1 };

static const struct option rows[] = {{"timeout-ms", required_argument, NULL, OPT_TIMEOUT}, {0}};

struct status {
    struct fg_common common;
    int timeout_ms;
};

static int own_option(void *context, int option, const char *value)
{
    struct status *s = context;
    return option == OPT_TIMEOUT ? fg_client_timeout(value, &s->timeout_ms) : -EINVAL;
}

// A count, which is a string of digits above 2^53. Whatever the answer holds, it fits an integer.
static double count(const struct fg_json *object, const char *name)
{
    const char *digits = fg_json_get_string(object, name, NULL);
    double value = digits ? strtod(digits, NULL) : fg_json_get_number(object, name, 0);
    return value >= 0 && value <= 0x1p63 ? value : 0;
}

static const char *text(const struct fg_json *object, const char *name)
{
    return fg_json_get_string(object, name, "?");
}

static void print_word(const char *before, const char *word, const char *after)
{
    fputs(before, stdout);
    fg_plain_print(stdout, word);
    fputs(after, stdout);
}

static void print_matcher(const struct fg_json *answer)
{
    const struct fg_json *model = fg_json_get(answer, "model");
    double up = count(answer, "uptime_s");
    print_word("matcher    version ", text(answer, "version"), ", ");
    print_word("profile ", text(answer, "profile"), "");
    print_word(" (", text(answer, "mode"), "), ");
    printf("up %.0f h %02.0f min\n", (up - (double)((uint64_t)up % 3600)) / 3600,
           (double)((uint64_t)up % 3600 / 60));
    print_word("model      ", text(model, "name"), "");
    print_word(" version ", text(model, "version"), "");
    printf(", %.0f dimensions\n", count(model, "dimension"));
}

static void print_rate(const struct fg_json *identify)
{
    if (fg_json_get(identify, "fpir"))
        printf("at an FPIR of %g", fg_json_get_number(identify, "fpir", 0));
    else
        printf("at an FMR of %g", fg_json_get_number(identify, "fmr", 0));
    if (fg_json_get(identify, "expected_fnir"))
        printf(", expected FNIR %.2g", fg_json_get_number(identify, "expected_fnir", 0));
    if (fg_json_get(identify, "most_candidates"))
        printf(", at most %.0f", count(identify, "most_candidates"));
    if (fg_json_get(identify, "false_accepts_per_year"))
        printf(", about %.2g false accepts a year",
               fg_json_get_number(identify, "false_accepts_per_year", 0));
    if (fg_json_get(identify, "false_rejects_per_day"))
        printf(" and %.2g false rejects a day",
               fg_json_get_number(identify, "false_rejects_per_day", 0));
    putchar('\n');
}

static void print_gallery(const struct fg_json *answer)
{
    const struct fg_json *gallery = fg_json_get(answer, "gallery");
    const struct fg_json *identify = fg_json_get(answer, "identify");
    printf("gallery    %.0f subjects, %.1f MiB", count(gallery, "subjects"),
           count(gallery, "bytes") / 1048576);
    if (count(gallery, "foreign") > 0)
        printf(", %.0f of another model", count(gallery, "foreign"));
    if (count(gallery, "corrupt") > 0)
        printf(", %.0f that do not open", count(gallery, "corrupt"));
    if (fg_json_get_bool(gallery, "key_from_file", false))
        fputs("; the master key is a plain file", stdout);
    putchar('\n');
    printf("identify   among %.0f ", count(identify, "candidates"));
    print_rate(identify);
    if (!fg_json_get_bool(identify, "ready", false))
        print_word("           NOT READY: ", text(identify, "reason"), "\n");
}

static void print_decisions(const struct fg_json *answer)
{
    const struct fg_json *decisions = fg_json_get(answer, "decisions");
    const struct fg_json *latency = fg_json_get(answer, "latency");
    printf("decisions  %.0f admit, %.0f deny, %.0f retry, %.0f fallback", count(decisions, "admit"),
           count(decisions, "deny"), count(decisions, "retry"), count(decisions, "fallback"));
    if (latency)
        printf("; capture to decision p50 %.1f ms, p99 %.1f ms",
               fg_json_get_number(latency, "p50_ms", 0), fg_json_get_number(latency, "p99_ms", 0));
    putchar('\n');
}

static void print_counters(const struct fg_json *answer)
{
    static const struct {
        const char *name, *says;
    } worth[] = {
        {"bad", "messages that are none of ours"},
        {"wrong_version", "messages of another version"},
        {"wrong_model", "probes of another model"},
        {"overrun", "messages that found no room"},
        {"gaps", "messages lost on the way"},
        {"repeated", "messages that came twice"},
        {"dropped_tracks", "tracks dropped from a full table"},
    };
    const struct fg_json *counters = fg_json_get(answer, "counters");
    printf("probes     %.0f, %.0f of low quality\n", count(counters, "probes"),
           count(counters, "low_quality"));
    for (size_t i = 0; i < sizeof worth / sizeof *worth; i++)
        if (count(counters, worth[i].name) > 0)
            printf("           %.0f %s\n", count(counters, worth[i].name), worth[i].says);
}

static void print_picture(const struct fg_json *camera)
{
    const char *picture = fg_json_get_string(camera, "picture", NULL);
    if (count(camera, "lost_frames") > 0)
        printf(", %.0f lost by the driver", count(camera, "lost_frames"));
    if (count(camera, "recoveries") > 0)
        printf(", back after a failure %.0f times", count(camera, "recoveries"));
    if (!picture)
        return;
    print_word("\n           ", picture, "");
    print_word(" in ", text(camera, "memory"), " memory, ");
    printf("%.0f frame bytes copied", count(camera, "bytes_copied"));
}

static void print_camera(const struct fg_json *camera)
{
    print_word("camera     ", text(camera, "source"), "");
    print_word(" on lane ", text(camera, "lane"), ": ");
    double silent = fg_json_get_number(camera, "silent_ms", 0);
    if (silent > 5000)
        printf("SILENT for %.0f s; before that ", silent / 1000);
    print_word("", fg_json_get_string(camera, "state", "not heard of its state"), "");
    if (fg_json_get(camera, "engine")) {
        print_word(" (", text(camera, "engine"), ")");
        printf(", %.1f frames/s, %.0f faces, %.0f probes, %.0f frames displaced, %.0f broken",
               fg_json_get_number(camera, "fps", 0), count(camera, "tracks"),
               count(camera, "probes"), count(camera, "displaced"), count(camera, "broken"));
        print_picture(camera);
    }
    if (count(camera, "lost") > 0)
        printf(", %.0f messages lost", count(camera, "lost"));
    putchar('\n');
}

static void print_text(const struct fg_json *answer)
{
    const struct fg_json *cameras = fg_json_get(answer, "cameras");
    print_matcher(answer);
    print_gallery(answer);
    print_decisions(answer);
    print_counters(answer);
    for (size_t i = 0; i < fg_json_count(cameras); i++)
        print_camera(fg_json_at(cameras, i));
    if (fg_json_count(cameras) == 0)
        puts("camera     none has been heard");
}

int fg_command_status(int argc, char **argv)
{
    struct status s = {.timeout_ms = FG_CLIENT_TIMEOUT_MS};
    struct fg_client *client = NULL;
    struct fg_json *answer = NULL;
    struct fg_error err = {""};
    int code = fg_arguments(argc, argv, rows, own_option, &s, &s.common, help);
    if (code == 1)
        return FG_EXIT_OK;
    if (code == 0 && optind < argc) {
        fprintf(stderr, "facegate status: %s: takes no operand; see facegate status --help\n",
                argv[optind]);
        code = -EINVAL;
    }
    if (code < 0)
        return FG_EXIT_USAGE;
    code = fg_client_open(s.common.control, s.timeout_ms, &client, &err);
    if (code == 0)
        code = fg_client_do(client, fg_client_request("status"), NULL, 0, 0, &answer, &err);
    fg_client_close(client);
    if (code < 0)
        return fg_command_failed(argv[0], code, &err);
    if (s.common.json) {
        fg_plain_json(answer, true);
    } else {
        print_text(answer);
        fg_json_destroy(answer);
    }
    return FG_EXIT_OK;
}
