// SPDX-License-Identifier: Apache-2.0
#include "accel/choice.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "accel/backends.h"

static void append(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void append(char *text, size_t size, const char *format, ...)
{
    size_t used = strlen(text);
    va_list list;
    va_start(list, format);
    vsnprintf(text + used, size - used, format, list);
    va_end(list);
}

// Each name once, and none that would be cut.
static void take(struct fg_choice *choice, const char *backend)
{
    size_t n = strlen(backend);
    for (const char *at = choice->backends; (at = strstr(at, backend)); at += n)
        if ((at == choice->backends || at[-1] == ',') && (at[n] == ',' || !at[n]))
            return;
    if (strlen(choice->backends) + n + 2 > sizeof choice->backends)
        return;
    append(choice->backends, sizeof choice->backends, "%s%s", choice->backends[0] ? "," : "",
           backend);
}

// "GpuAcc: libOpenCL.so is missing; ": the backends that do not work, for a sentence.
static void list_broken(const struct fg_backends *backends, char *text, size_t size)
{
    text[0] = '\0';
    for (unsigned k = 0; k < backends->count; k++)
        if (!backends->list[k].works)
            append(text, size, "; %s: %.100s", backends->list[k].name, backends->list[k].text);
}

static int choose_auto(const struct fg_accel_options *options, struct fg_choice *ret,
                       struct fg_error *err)
{
    static const char *const kinds[] = {"NPU", "GPU", "Arm CPU", "reference"};
    struct fg_backends backends;
    struct fg_error why = {""};
    char broken[200];
    *ret = (struct fg_choice){.engine = &fg_engine_xnnpack};
    int r = fg_backends_probe(options->backend_path, &backends, &why);
    if (r < 0 && r != -ENODEV && options->backend_path && options->backend_path[0])
        return fg_fail(err, r, "%s", why.text); // a folder that was named must be right
    if (r < 0) {
        append(ret->reason, sizeof ret->reason, "auto: %s", why.text);
        return 0;
    }
    list_broken(&backends, broken, sizeof broken);
    for (unsigned k = 0; k < backends.count; k++) {
        const struct fg_backend *b = &backends.list[k];
        if (!b->works || b->kind == FG_BACKEND_REFERENCE)
            continue;
        if (!ret->backends[0])
            append(ret->reason, sizeof ret->reason, "auto: Arm NN %s has a working %s backend, %s",
                   backends.version, kinds[b->kind], b->name);
        take(ret, b->name);
    }
    if (ret->backends[0]) {
        ret->engine = &fg_engine_armnn;
        ret->or_xnnpack = true;
    } else {
        append(ret->reason, sizeof ret->reason,
               "auto: Arm NN %s has no accelerator that works here", backends.version);
    }
    append(ret->reason, sizeof ret->reason, "%s", broken);
    return 0;
}

static const struct fg_backend *find(const struct fg_backends *backends, const char *name)
{
    for (unsigned k = 0; k < backends->count; k++)
        if (!strcmp(backends->list[k].name, name))
            return &backends->list[k];
    return NULL;
}

// One name of the list: taken, or a reason why not in `left_out`.
static void consider(const struct fg_backends *backends, const char *name, struct fg_choice *ret,
                     char *left_out, size_t size)
{
    const struct fg_backend *b = find(backends, name);
    if (b && b->works)
        take(ret, b->name);
    else
        append(left_out, size, "; %.31s %s", name,
               b ? b->text : "is not installed, or its name is another");
}

static void consider_list(const struct fg_backends *backends, const char *names,
                          struct fg_choice *ret, char *left_out, size_t size)
{
    while (*names) {
        char name[32];
        size_t n = strcspn(names, ",");
        snprintf(name, sizeof name, "%.*s", (int)n, names);
        consider(backends, name, ret, left_out, size);
        names += n + (names[n] == ',');
    }
}

// "armnn" or "armnn:Backend,...".
static int choose_armnn(const struct fg_accel_options *options, const char *names,
                        struct fg_choice *ret, struct fg_error *err)
{
    struct fg_backends backends;
    char left_out[320] = "";
    *ret = (struct fg_choice){.engine = &fg_engine_armnn};
    int r = fg_backends_probe(options->backend_path, &backends, err);
    if (r < 0)
        return r;
    if (names)
        consider_list(&backends, names, ret, left_out, sizeof left_out);
    for (unsigned k = 0; !names && k < backends.count; k++)
        consider(&backends, backends.list[k].name, ret, left_out, sizeof left_out);
    if (!ret->backends[0])
        return fg_fail(err, -ENODEV, "no backend of Arm NN %s works%.180s%s%.220s",
                       backends.version, left_out[0] ? left_out : ": none is installed",
                       backends.warnings[0] ? "; Arm NN says: " : "", backends.warnings);
    append(ret->reason, sizeof ret->reason, "asked for%s", left_out);
    return 0;
}

int fg_choose(const struct fg_accel_options *options, struct fg_choice *ret, struct fg_error *err)
{
    const char *name = options->engine;
    if (!name || !name[0] || !strcmp(name, "auto"))
        return choose_auto(options, ret, err);
    if (!strcmp(name, "xnnpack")) {
        *ret = (struct fg_choice){.engine = &fg_engine_xnnpack, .reason = "asked for"};
        return 0;
    }
    if (!strcmp(name, "armnn"))
        return choose_armnn(options, NULL, ret, err);
    if (!strncmp(name, "armnn:", 6) && name[6])
        return choose_armnn(options, name + 6, ret, err);
    return fg_fail(err, -EINVAL,
                   "engine %.60s is not known; auto, xnnpack, armnn and armnn:Backend,Backend,... "
                   "are",
                   name);
}
