// SPDX-License-Identifier: Apache-2.0
#include "pipeline/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/source_kind.h"

struct fg_source {
    const struct fg_source_kind *kind;
    void *state;
    struct fg_frame_pool *pool; // the kind's
};

// What follows the prefix, and the kind; NULL when it is no kind's.
static const char *find_kind(const char *spec, const struct fg_source_kind **ret)
{
    static const struct fg_source_kind *const kinds[] = {&fg_source_kind_file, &fg_source_kind_v4l2,
                                                         &fg_source_kind_libcamera};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t length = strlen(kinds[i]->prefix);
        if (strncmp(spec, kinds[i]->prefix, length) == 0) {
            *ret = kinds[i];
            return spec + length;
        }
    }
    return NULL;
}

int fg_source_open(const char *spec, const struct fg_source_options *options,
                   struct fg_source **ret, struct fg_error *err)
{
    const struct fg_source_kind *kind;
    const char *name = find_kind(spec, &kind);
    if (!name)
        return fg_fail(err, -EINVAL,
                       "'%s' is not a source: write file:PATH, v4l2:DEVICE or libcamera:CAMERA",
                       spec);
    struct fg_source *source = calloc(1, sizeof *source);
    if (!source)
        return fg_fail(err, -ENOMEM, "no memory for a source");
    source->kind = kind;
    int code = kind->open(name, options, &source->state, &source->pool, err);
    if (code) {
        free(source);
        return code;
    }
    *ret = source;
    return 0;
}

void fg_source_info(const struct fg_source *source, struct fg_source_info *ret)
{
    source->kind->info(source->state, ret);
}

int fg_source_next(struct fg_source *source, struct fg_frame **ret, struct fg_error *err)
{
    return source->kind->next(source->state, ret, err);
}

void fg_source_counts(const struct fg_source *source, struct fg_source_counts *ret)
{
    source->kind->counts(source->state, ret);
}

void fg_source_halt(struct fg_source *source)
{
    source->kind->halt(source->state);
}

int fg_source_wait_idle(struct fg_source *source, int timeout_ms)
{
    return fg_frame_pool_wait_whole(source->pool, timeout_ms);
}

void fg_source_close(struct fg_source *source)
{
    if (!source)
        return;
    source->kind->halt(source->state);
    source->kind->close(source->state);
    free(source);
}

bool fg_source_is_there(const char *spec)
{
    const struct fg_source_kind *kind;
    const char *name = find_kind(spec, &kind);
    return name && kind->is_there(name);
}
