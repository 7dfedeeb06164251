// SPDX-License-Identifier: Apache-2.0
#include "pipeline/portrait_options.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define TEXT(field)                                                                                \
    .type = FG_CONF_STRING, .offset = offsetof(struct fg_portrait_settings, field),                \
    .size = sizeof((struct fg_portrait_settings *)0)->field

static int set_engine(void *target, const char *key, const char *value, struct fg_error *err)
{
    (void)key;
    return fg_engine_options_name(&((struct fg_portrait_settings *)target)->engine, value, err);
}

static const struct fg_conf_key keys[] = {
    {"portrait", "models", TEXT(models)},
    {"portrait", "detector", TEXT(detector)},
    {"portrait", "aligner", TEXT(aligner)},
    {"portrait", "embedder", TEXT(embedder)},
    FG_ENGINE_ROWS("portrait", struct fg_portrait_settings, engine, set_engine),
};
#define N_KEYS (sizeof keys / sizeof *keys)

static const char help[] =
    "facegate-portrait: compares a live face with the portrait of a document\n"
    "\n"
    "Started by facegate-matcher, which talks to it over standard input and output; not for "
    "people.\n"
    "\n"
    "  --models FOLDER     the model cards (" FG_DATADIR "/models)\n"
    "  --detector NAME --aligner NAME --embedder NAME   cards in it, without .card\n"
    "  --engine NAME       auto, xnnpack, armnn or armnn:Backend,Backend,... (auto)\n"
    "  --require BACKEND   refuse to start unless it runs every layer\n"
    "  --threads N         of one network (1)\n"
    "  --fp16, --fast-math, --tuning FILE, --backend-path DIR, --model-memory MB\n"
    "                      as in facegate-camera(8)\n"
    "  --verbose           say on standard error why a portrait is refused\n"
    "  --help, --version\n"
    "\n"
    "Exit codes: 0 the check is over, 1 it failed, 2 the command line is off, 78 a card or model\n"
    "is off. See facegate-portrait(8).\n";

// Above the letters of short options.
enum { OPT_KEY = 256, OPT_VERBOSE = 1000, OPT_HELP, OPT_VERSION };

static void make_table(struct option *table)
{
    for (size_t i = 0; i < N_KEYS; i++)
        table[i] = (struct option){keys[i].key,
                                   keys[i].type == FG_CONF_BOOL ? no_argument : required_argument,
                                   NULL, OPT_KEY + (int)i};
    table[N_KEYS] = (struct option){"verbose", no_argument, NULL, OPT_VERBOSE};
    table[N_KEYS + 1] = (struct option){"help", no_argument, NULL, OPT_HELP};
    table[N_KEYS + 2] = (struct option){"version", no_argument, NULL, OPT_VERSION};
}

static int one_option(int option, struct fg_portrait_settings *settings, const char *word,
                      struct fg_error *err)
{
    if (option == OPT_VERBOSE) {
        settings->verbose = true;
    } else if (option == OPT_HELP) {
        fputs(help, stdout);
        return 1;
    } else if (option == OPT_VERSION) {
        puts("facegate-portrait " FG_VERSION);
        return 1;
    } else if (option >= OPT_KEY && option < OPT_KEY + (int)N_KEYS) {
        const struct fg_conf_key *key = &keys[option - OPT_KEY];
        int code = fg_conf_set(key, key->type == FG_CONF_BOOL ? "yes" : optarg, settings, err);
        return code < 0 ? fg_fail_prefix(err, -EINVAL, "--%s", key->key) : 0;
    } else {
        return fg_fail(err, -EINVAL, "%s: not an option, or its value is missing; see --help",
                       word);
    }
    return 0;
}

int fg_portrait_options_read(int argc, char **argv, struct fg_portrait_settings *ret,
                             struct fg_error *err)
{
    struct option table[N_KEYS + 4] = {0};
    int option, code = 0;
    *ret = (struct fg_portrait_settings){
        .models = FG_DATADIR "/models",
        .detector = "blazeface",
        .aligner = "onet",
        .embedder = "mobilefacenet",
        .engine = fg_engine_standard,
    };
    make_table(table);
    opterr = 0;
    while (code == 0 && (option = getopt_long(argc, argv, "", table, NULL)) != -1)
        code = one_option(option, ret, argv[optind - 1], err);
    if (code == 0 && optind < argc)
        code = fg_fail(err, -EINVAL, "%s: not an option; see --help", argv[optind]);
    return code;
}
