// SPDX-License-Identifier: Apache-2.0
#include "pipeline/engine_options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BACKEND_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"

const struct fg_engine_options fg_engine_standard = {
    .engine = "auto",
    .threads = 1,
    .model_memory = 1024,
};

static bool is_backend_list(const char *names)
{
    for (;;) {
        size_t n = strspn(names, BACKEND_CHARACTERS);
        if (n < 1 || n > 31 || (names[n] && names[n] != ','))
            return false;
        if (!names[n])
            return true;
        names += n + 1;
    }
}

int fg_engine_options_name(struct fg_engine_options *options, const char *value,
                           struct fg_error *err)
{
    bool known = !strcmp(value, "auto") || !strcmp(value, "xnnpack") || !strcmp(value, "armnn") ||
                 (!strncmp(value, "armnn:", 6) && is_backend_list(value + 6));
    if (!known)
        return fg_fail(err, -EINVAL,
                       "engine = %.100s: must be auto, xnnpack, armnn or armnn:Backend,Backend,...",
                       value);
    if (strlen(value) >= sizeof options->engine)
        return fg_fail(err, -EINVAL, "engine: longer than %zu bytes", sizeof options->engine - 1);
    snprintf(options->engine, sizeof options->engine, "%s", value);
    return 0;
}

struct fg_accel_options fg_engine_options_accel(const struct fg_engine_options *options)
{
    return (struct fg_accel_options){
        .engine = options->engine,
        .require = options->require,
        .backend_path = options->backend_path,
        .tuning = options->tuning,
        .memory = (uint64_t)options->model_memory << 20,
        .threads = options->threads,
        .fp16 = options->fp16,
        .fast_math = options->fast_math,
    };
}

void fg_engine_wire_name(const char *engine, char ret[FG_WIRE_NAME])
{
    snprintf(ret, FG_WIRE_NAME, "%.*s", FG_WIRE_NAME - 1, engine);
    for (char *at = ret; *at; at++)
        *at = *at == ':' ? '.' : *at == ',' ? '-' : *at;
}
