// SPDX-License-Identifier: Apache-2.0
#include "accel/backends.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accel/engine_armnn.h"
#include "accel/isolate.h"

// A GPU driver may compile its first kernels for seconds; FACEGATE_TRIAL_SECONDS says otherwise.
#define TRIAL_SECONDS 20u

struct trial {
    const char *path, *backend;
};

static struct {
    pthread_mutex_t lock;
    bool known;
    char path[PATH_MAX];
    struct fg_backends backends;
    int code;
    struct fg_error err;
} last = {.lock = PTHREAD_MUTEX_INITIALIZER};

static unsigned trial_seconds(void)
{
    const char *text = getenv("FACEGATE_TRIAL_SECONDS");
    unsigned long seconds = text ? strtoul(text, NULL, 10) : 0;
    return seconds >= 1 && seconds <= 3600 ? (unsigned)seconds : TRIAL_SECONDS;
}

static int list_work(void *context, void *result)
{
    const struct trial *trial = context;
    return fg_armnn_list(trial->path, result);
}

static int try_work(void *context, void *result)
{
    const struct trial *trial = context;
    return fg_armnn_try(trial->path, trial->backend, result);
}

static enum fg_backend_kind kind_of(const char *name)
{
    static const struct {
        const char *name;
        enum fg_backend_kind kind;
    } known[] = {{"GpuAcc", FG_BACKEND_GPU},
                 {"GpuFsa", FG_BACKEND_GPU},
                 {"CpuAcc", FG_BACKEND_CPU},
                 {"CpuRef", FG_BACKEND_REFERENCE},
                 {"TosaRef", FG_BACKEND_REFERENCE}};
    for (size_t k = 0; k < sizeof known / sizeof known[0]; k++)
        if (!strcmp(name, known[k].name))
            return known[k].kind;
    return FG_BACKEND_NPU;
}

// Arm NN's warnings, on one line.
static void flatten(char *text)
{
    size_t to = 0;
    for (size_t from = 0; text[from]; from++) {
        bool blank = text[from] == '\n' || text[from] == ' ' || text[from] == '\t';
        if (blank && (to == 0 || text[to - 1] == ' '))
            continue;
        text[to++] = text[from] < ' ' ? ' ' : text[from];
    }
    while (to && text[to - 1] == ' ')
        to--;
    text[to] = '\0';
}

// A child that can't be had says nothing of the backend: then 0 becomes -EAGAIN or -ENOMEM.
static int try_backend(const char *path, struct fg_backend *backend, struct fg_error *err)
{
    struct trial trial = {path, backend->name};
    struct fg_armnn_trial result = {""};
    struct fg_error why = {""};
    const struct fg_isolated isolated = {try_work, &trial, trial_seconds(), sizeof result};
    int r = fg_isolate(&isolated, &result, NULL, 0, &why);
    if (r == -EAGAIN || r == -ENOMEM)
        return fg_fail(err, r, "%s", why.text);
    backend->works = r == 0;
    const char *text = result.text[0] ? result.text : why.text;
    snprintf(backend->text, sizeof backend->text, "%.199s", r == 0 ? "works" : text);
    flatten(backend->text);
    return 0;
}

static void add(struct fg_backends *backends, const char *name)
{
    enum fg_backend_kind kind = kind_of(name);
    unsigned at = backends->count++;
    for (; at > 0 &&
           (backends->list[at - 1].kind > kind ||
            (backends->list[at - 1].kind == kind && strcmp(backends->list[at - 1].name, name) > 0));
         at--)
        backends->list[at] = backends->list[at - 1];
    backends->list[at] = (struct fg_backend){.kind = kind};
    snprintf(backends->list[at].name, sizeof backends->list[at].name, "%s", name);
}

static int check_path(const char *path, struct fg_error *err)
{
    if (path[0] && path[0] != '/')
        return fg_fail(err, -EINVAL, "backend-path %.200s: not an absolute path", path);
    if (path[0] && access(path, R_OK | X_OK) < 0)
        return fg_fail(err, -errno, "backend-path %.200s: %s", path, strerror(errno));
    return 0;
}

static int list(const char *path, struct fg_armnn_names *names, struct fg_backends *ret,
                struct fg_error *err)
{
    struct trial trial = {path, NULL};
    struct fg_error why = {""};
    const struct fg_isolated isolated = {list_work, &trial, trial_seconds(), sizeof *names};
    int r = fg_isolate(&isolated, names, ret->warnings, sizeof ret->warnings, &why);
    flatten(ret->warnings);
    if (r < 0)
        return fg_fail(
            err, r == -ENOMEM || r == -EAGAIN ? r : -ENODEV,
            "Arm NN's backends in %.120s can not be loaded: %.140s; one bad library there "
            "is enough. %.100s",
            path[0] ? path : "its own folder", names->text[0] ? names->text : why.text,
            ret->warnings);
    return 0;
}

static int probe(const char *path, struct fg_backends *ret, struct fg_error *err)
{
    struct fg_armnn_names names = {.count = 0};
    int r = check_path(path, err);
    if (r < 0)
        return r;
    if (fg_armnn_reserve() < 0)
        return fg_fail(err, -EBUSY,
                       "Arm NN is in use with another backend-path; give all models of a process "
                       "the same");
    r = list(path, &names, ret, err);
    snprintf(ret->version, sizeof ret->version, "%s", names.version);
    for (unsigned k = 0; r == 0 && k < names.count; k++)
        add(ret, names.names[k]);
    for (unsigned k = 0; r == 0 && k < ret->count; k++)
        r = try_backend(path, &ret->list[k], err);
    fg_armnn_release();
    return r;
}

int fg_backends_probe(const char *path, struct fg_backends *ret, struct fg_error *err)
{
    struct fg_error own = {""};
    path = path ? path : "";
    if (strlen(path) >= sizeof last.path)
        return fg_fail(err, -ENAMETOOLONG, "backend-path is too long");
    pthread_mutex_lock(&last.lock);
    bool known = last.known && !strcmp(last.path, path);
    struct fg_backends found = {.count = 0};
    int r = known ? last.code : probe(path, &found, &own);
    if (!known && (r == 0 || r == -ENODEV)) { // the rest says nothing of the folder
        last.code = r;
        last.backends = found;
        last.err = own;
        snprintf(last.path, sizeof last.path, "%s", path);
        last.known = true;
    }
    if (r == 0)
        *ret = last.backends;
    else
        fg_fail(err, r, "%s", known ? last.err.text : own.text);
    pthread_mutex_unlock(&last.lock);
    return r;
}
