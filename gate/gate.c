// SPDX-License-Identifier: Apache-2.0
// facegate-gate: opens one lane by the matcher's decisions. Documented in facegate-gate(8).
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/exit.h"
#include "common/log.h"
#include "gate/gate_conf.h"
#include "gate/service.h"

#ifndef FG_VERSION
#define FG_VERSION "unreleased"
#endif

static const struct option options[] = {
    {"lane", required_argument, NULL, 'l'}, {"config", required_argument, NULL, 'c'},
    {"check", no_argument, NULL, 'k'},      {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},    {NULL, 0, NULL, 0},
};

static const char usage_text[] =
    "usage: facegate-gate --lane LANE --config FILE [--check]\n"
    "       facegate-gate --help | --version\n"
    "\n"
    "Opens a lane by the matcher's decisions: GPIO lines, a program, a socket; and tells the\n"
    "matcher who passed. Settings are in FILE, FILE.d/*.conf and, for LANE alone, gate@LANE.conf\n"
    "and gate@LANE.conf.d/*.conf beside it. --check says what they would drive, and touches\n"
    "nothing. See facegate-gate(8).\n"
    "\n"
    "Exit codes: 0 SIGTERM came, 1 it failed, 2 the command line is off, 75 the chip is absent or\n"
    "a line is taken, 78 the configuration is off.\n";

struct arguments {
    const char *lane, *config;
    bool check;
};

// -1: go on; else the exit code.
static int read_arguments(int argc, char **argv, struct arguments *ret)
{
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage_text, stdout);
            return FG_EXIT_OK;
        }
        if (option == 'V') {
            puts("facegate-gate " FG_VERSION);
            return FG_EXIT_OK;
        }
        if (option == '?')
            return FG_EXIT_USAGE; // getopt has said why
        if (option == 'l')
            ret->lane = optarg;
        else if (option == 'c')
            ret->config = optarg;
        else
            ret->check = true;
    }
    if (optind < argc)
        fprintf(stderr, "facegate-gate: unexpected argument %s; see --help\n", argv[optind]);
    else if (!ret->lane || !ret->config)
        fprintf(stderr, "facegate-gate: give --lane and --config; see --help\n");
    else if (!fg_wire_name_ok(ret->lane))
        fprintf(stderr,
                "facegate-gate: --lane %s: 1 to %d letters, digits, dots, dashes or "
                "underscores\n",
                ret->lane, FG_WIRE_NAME - 1);
    else
        return -1;
    return FG_EXIT_USAGE;
}

// A configuration that is off does not take the emergency exit from people.
static int run_salvaged(const struct arguments *arguments, struct fg_gate_conf *conf,
                        const struct fg_error *why)
{
    fg_log(FG_LOG_ERROR, "%s", why->text);
    if (fg_gate_conf_salvage(arguments->config, arguments->lane, conf) < 0)
        return FG_EXIT_CONFIG;
    fg_log(FG_LOG_ERROR, "only the emergency input works; mend the configuration and restart");
    return fg_service_run(conf, why->text, &fg_gpio_kernel);
}

int main(int argc, char **argv)
{
    static struct fg_gate_conf conf;
    struct arguments arguments = {0};
    struct fg_error err = {""};
    fg_log_init("facegate-gate", FG_LOG_INFO);
    int code = read_arguments(argc, argv, &arguments);
    if (code >= 0)
        return code;
    umask(0077);
    int r = fg_gate_conf_read(arguments.config, arguments.lane, &conf, &err);
    if (arguments.check && r < 0) {
        fg_log(FG_LOG_ERROR, "%s", err.text);
        return FG_EXIT_CONFIG;
    }
    if (arguments.check) {
        fg_gate_conf_print(&conf, stdout);
        return FG_EXIT_OK;
    }
    if (r < 0)
        return run_salvaged(&arguments, &conf, &err);
    return fg_service_run(&conf, NULL, &fg_gpio_kernel);
}
