// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/command.h"

enum {
    OPT_MODELS = FG_OPT_FIRST,
    OPT_DETECTOR,
    OPT_ALIGNER,
    OPT_EMBEDDER,
    OPT_CONTROL,
    OPT_DECISION,
    OPT_JSON,
    OPT_QUIET,
    OPT_HELP,
    OPT_KEY, // and on: those of engine_keys
};

static int set_engine(void *target, const char *key, const char *value, struct fg_error *err)
{
    (void)key;
    return fg_engine_options_name(&((struct fg_common *)target)->engine, value, err);
}

static const struct fg_conf_key engine_keys[FG_ENGINE_KEYS] = {
    FG_ENGINE_ROWS("", struct fg_common, engine, set_engine)};

static const struct option common_rows[] = {
    {"models", required_argument, NULL, OPT_MODELS},
    {"detector", required_argument, NULL, OPT_DETECTOR},
    {"aligner", required_argument, NULL, OPT_ALIGNER},
    {"embedder", required_argument, NULL, OPT_EMBEDDER},
    {"control", required_argument, NULL, OPT_CONTROL},
    {"decision", required_argument, NULL, OPT_DECISION},
    {"json", no_argument, NULL, OPT_JSON},
    {"quiet", no_argument, NULL, OPT_QUIET},
    {"help", no_argument, NULL, OPT_HELP},
};
enum { OWN_MOST = 24, COMMON_ROWS = sizeof common_rows / sizeof *common_rows };

static bool set_common(struct fg_common *c, int option)
{
    switch (option) {
    case OPT_MODELS:
        c->vision.models = optarg;
        return true;
    case OPT_DETECTOR:
        c->vision.detector = optarg;
        return true;
    case OPT_ALIGNER:
        c->vision.aligner = optarg;
        return true;
    case OPT_EMBEDDER:
        c->vision.embedder = optarg;
        return true;
    case OPT_CONTROL:
        c->control = optarg;
        return true;
    case OPT_DECISION:
        c->decision = optarg;
        return true;
    case OPT_JSON:
        return c->json = true;
    case OPT_QUIET:
        return c->quiet = true;
    }
    return false;
}

// In a source tree the models lie beside the build; installed, they have their place.
static const char *standard_models(void)
{
    const char *named = getenv("FACEGATE_MODELS");
    if (named && named[0])
        return named;
    return access("models/mobilefacenet.card", R_OK) == 0 ? "models" : FG_DATADIR "/models";
}

static void set_defaults(struct fg_common *c)
{
    const char *control = getenv("FACEGATE_CONTROL"), *decision = getenv("FACEGATE_DECISION");
    *c = (struct fg_common){
        .vision.models = standard_models(),
        .engine = fg_engine_standard,
        .control = control && control[0] ? control : "ipc:///run/facegate/admin/control.sock",
        .decision = decision && decision[0] ? decision : "ipc:///run/facegate/gate/decision.sock",
    };
}

static void make_table(const struct option *own_rows, struct option *table)
{
    size_t n = 0;
    for (; own_rows && own_rows[n].name && n < OWN_MOST; n++)
        table[n] = own_rows[n];
    memcpy(table + n, common_rows, sizeof common_rows);
    n += COMMON_ROWS;
    for (int i = 0; i < FG_ENGINE_KEYS; i++) {
        bool flag = engine_keys[i].type == FG_CONF_BOOL;
        table[n++] = (struct option){engine_keys[i].key, flag ? no_argument : required_argument,
                                     NULL, OPT_KEY + i};
    }
}

static int one_option(int option, fg_own_option own, void *context, struct fg_common *common,
                      struct fg_error *err)
{
    if (option == '?' || option == ':')
        return -EINVAL;
    if (option >= OPT_KEY && option < OPT_KEY + FG_ENGINE_KEYS) {
        const struct fg_conf_key *key = &engine_keys[option - OPT_KEY];
        int code = fg_conf_set(key, optarg ? optarg : "yes", common, err);
        return code < 0 ? fg_fail_prefix(err, code, "--%s", key->key) : 0;
    }
    return set_common(common, option) ? 0 : own(context, option, optarg);
}

int fg_arguments(int argc, char **argv, const struct option *own_rows, fg_own_option own,
                 void *context, struct fg_common *common, const char *help)
{
    struct option table[OWN_MOST + COMMON_ROWS + FG_ENGINE_KEYS + 1] = {0};
    struct fg_error err = {""};
    make_table(own_rows, table);
    set_defaults(common);
    optind = 0;
    opterr = 0;
    int option, code = 0;
    while (code == 0 && (option = getopt_long(argc, argv, "", table, NULL)) != -1) {
        if (option == OPT_HELP) {
            fputs(help, stdout);
            return 1;
        }
        code = one_option(option, own, context, common, &err);
    }
    common->vision.accel = fg_engine_options_accel(&common->engine);
    if (code < 0 && err.text[0])
        fprintf(stderr, "facegate %s: %s\n", argv[0], err.text);
    else if (code < 0)
        fprintf(stderr, "facegate %s: %s: not understood; see facegate %s --help\n", argv[0],
                optind > 0 && optind <= argc ? argv[optind - 1] : "an option", argv[0]);
    return code;
}

int fg_command_failed(const char *command, int code, const struct fg_error *err)
{
    fprintf(stderr, "facegate %s: %s\n", command, err->text);
    if (code == -EBUSY || code == -EAGAIN || code == -ETIMEDOUT)
        return FG_EXIT_TEMPORARY;
    return FG_EXIT_FAILURE;
}
