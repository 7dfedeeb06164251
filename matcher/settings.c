// SPDX-License-Identifier: Apache-2.0
#include "matcher/settings.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf.h"
#include "matcher/index.h"

#ifndef FG_VERSION
#define FG_VERSION "unreleased"
#endif

#define EXIT_USAGE 2

#define TEXT(section, name)                                                                        \
    {                                                                                              \
        section, #name, FG_CONF_STRING, offsetof(struct fg_settings, name),                        \
            .size = sizeof((struct fg_settings *)NULL)->name                                       \
    }

static const struct fg_conf_key keys[] = {
    TEXT("matcher", gallery),
    TEXT("matcher", profile),
    TEXT("matcher", model),
    TEXT("matcher", key),
    {"matcher", "make_key", FG_CONF_BOOL, .offset = offsetof(struct fg_settings, make_key)},
    {"matcher", "gallery_mib", FG_CONF_U32, .offset = offsetof(struct fg_settings, gallery_mib),
     .low = 1, .high = 1 << 20},
    {"matcher", "ledger_mib", FG_CONF_U32, .offset = offsetof(struct fg_settings, ledger_mib),
     .low = 1, .high = 1 << 20},
    TEXT("matcher", tokens),
    TEXT("matcher", portrait),
    TEXT("matcher", locale),
    {"matcher", "exact", FG_CONF_BOOL, .offset = offsetof(struct fg_settings, exact)},
    {"matcher", "dismissal", FG_CONF_DOUBLE, .offset = offsetof(struct fg_settings, dismissal),
     .low = FG_INDEX_DISMISSAL_LOW, .high = FG_INDEX_DISMISSAL_HIGH},
    TEXT("sockets", probe),
    TEXT("sockets", lane),
    TEXT("sockets", decision),
    TEXT("sockets", control),
};
#define KEYS (sizeof keys / sizeof keys[0])

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},   {"gallery", required_argument, NULL, 'g'},
    {"profile", required_argument, NULL, 'p'},  {"model", required_argument, NULL, 'm'},
    {"key", required_argument, NULL, 'k'},      {"make-key", no_argument, NULL, 'K'},
    {"probe", required_argument, NULL, 'P'},    {"decision", required_argument, NULL, 'D'},
    {"lane", required_argument, NULL, 'L'},     {"tokens", required_argument, NULL, 't'},
    {"portrait", required_argument, NULL, 'r'}, {"locale", required_argument, NULL, 'l'},
    {"control", required_argument, NULL, 'C'},  {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},        {NULL, 0, NULL, 0},
};

static const char usage_text[] =
    "usage: facegate-matcher [--config FILE] [--gallery DIR] [--profile FILE] [--model CARD]\n"
    "                        [--key FILE [--make-key]] [--probe ENDPOINT]\n"
    "                        [--lane ENDPOINT] [--decision ENDPOINT] [--control ENDPOINT]\n"
    "                        [--tokens FILE] [--portrait PROGRAM] [--locale DIR]\n"
    "       facegate-matcher --help | --version\n"
    "\n"
    "Decides who may pass, from the probes of facegate-camera. Options override the\n"
    "configuration file; gallery, profile and model have no default. An endpoint is\n"
    "ipc://PATH. See facegate-matcher(8).\n";

static const struct fg_conf_key *key_named(const char *name)
{
    for (size_t i = 0; i < KEYS; i++)
        if (strcmp(keys[i].key, name) == 0)
            return &keys[i];
    return NULL;
}

static int apply_options(int argc, char **argv, struct fg_settings *settings, struct fg_error *err)
{
    int option, at, r = 0;
    optind = 1;
    while (r == 0 && (option = getopt_long(argc, argv, "", options, &at)) != -1) {
        if (option == 'c')
            continue;
        if (option == 'K')
            settings->make_key = true;
        else
            r = fg_conf_set(key_named(options[at].name), optarg, settings, err);
    }
    return r;
}

// Unless it is said, lane.sock in the folder of the cameras' socket, which they may enter.
static void place_lane(struct fg_settings *s)
{
    const char *slash = strrchr(s->probe, '/');
    if (!s->lane[0] && slash)
        snprintf(s->lane, sizeof s->lane, "%.*s/lane.sock", (int)(slash - s->probe), s->probe);
}

static int complete(struct fg_settings *s, struct fg_error *err)
{
    place_lane(s);
    const char *missing = !s->gallery[0]   ? "gallery"
                          : !s->profile[0] ? "profile"
                          : !s->model[0]   ? "model"
                                           : NULL;
    if (missing)
        return fg_fail(err, -EINVAL, "no %s: give --%s, or %s in [matcher] of the --config file",
                       missing, missing, missing);
    if (s->make_key && !s->key[0])
        return fg_fail(err, -EINVAL, "--make-key needs --key FILE to say where");
    return 0;
}

int fg_settings_read(int argc, char **argv, const char *config, struct fg_settings *ret,
                     struct fg_error *err)
{
    struct fg_settings s = {.probe = "ipc:///run/facegate/probe/probe.sock",
                            .portrait = FG_LIBEXECDIR "/facegate-portrait",
                            .locale = FG_LOCALEDIR,
                            .decision = "ipc:///run/facegate/gate/decision.sock",
                            .control = "ipc:///run/facegate/admin/control.sock"};
    int r = config ? fg_conf_read_all(config, keys, KEYS, &s, err) : 0;
    if (r == 0)
        r = apply_options(argc, argv, &s, err);
    if (r == 0)
        r = complete(&s, err);
    if (r == 0)
        *ret = s;
    return r;
}

int fg_settings_look(int argc, char **argv, const char **ret_config)
{
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage_text, stdout);
            return EXIT_SUCCESS;
        }
        if (option == 'V') {
            puts("facegate-matcher " FG_VERSION);
            return EXIT_SUCCESS;
        }
        if (option == '?')
            return EXIT_USAGE; // getopt has said why
        if (option == 'c')
            *ret_config = optarg;
    }
    if (optind < argc) {
        fprintf(stderr, "facegate-matcher: unexpected argument %s; see --help\n", argv[optind]);
        return EXIT_USAGE;
    }
    return -1;
}
