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
    OPT_ENGINE,
    OPT_CONTROL,
    OPT_DECISION,
    OPT_JSON,
    OPT_QUIET,
    OPT_HELP,
};

const struct option fg_common_rows[FG_COMMON_ROWS] = {
    {"models", required_argument, NULL, OPT_MODELS},
    {"detector", required_argument, NULL, OPT_DETECTOR},
    {"aligner", required_argument, NULL, OPT_ALIGNER},
    {"embedder", required_argument, NULL, OPT_EMBEDDER},
    {"engine", required_argument, NULL, OPT_ENGINE},
    {"control", required_argument, NULL, OPT_CONTROL},
    {"decision", required_argument, NULL, OPT_DECISION},
    {"json", no_argument, NULL, OPT_JSON},
    {"quiet", no_argument, NULL, OPT_QUIET},
};

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
    case OPT_ENGINE:
        c->vision.accel.engine = optarg;
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
        .control = control && control[0] ? control : "ipc:///run/facegate/admin/control.sock",
        .decision = decision && decision[0] ? decision : "ipc:///run/facegate/gate/decision.sock",
    };
}

int fg_arguments(int argc, char **argv, const struct option *own_rows, fg_own_option own,
                 void *context, struct fg_common *common, const char *help)
{
    enum { OWN_MOST = 24 };
    struct option table[OWN_MOST + FG_COMMON_ROWS + 2] = {0};
    size_t n = 0;
    for (; own_rows && own_rows[n].name && n < OWN_MOST; n++)
        table[n] = own_rows[n];
    memcpy(table + n, fg_common_rows, sizeof fg_common_rows);
    table[n + FG_COMMON_ROWS] = (struct option){"help", no_argument, NULL, OPT_HELP};
    set_defaults(common);
    optind = 0;
    opterr = 0;
    int option, code = 0;
    while (code == 0 && (option = getopt_long(argc, argv, "", table, NULL)) != -1) {
        if (option == OPT_HELP) {
            fputs(help, stdout);
            return 1;
        }
        if (option == '?' || option == ':')
            code = -EINVAL;
        else if (!set_common(common, option))
            code = own(context, option, optarg);
    }
    if (code < 0)
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
