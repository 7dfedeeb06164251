// SPDX-License-Identifier: Apache-2.0
#include "matcher/policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matcher/policy_source.h"

// ---- reading ------------------------------------------------------------------------------------

// Reads and checks; the faults are in source->faults. The caller finishes and frees *ret.
static int read_source(const char *path, void (*say)(void *context, const char *fault),
                       void *context, struct fg_policy_source **ret, struct fg_error *err)
{
    struct fg_policy_source *source = calloc(1, sizeof *source);
    *ret = source;
    if (!source)
        return fg_fail(err, -ENOMEM, "out of memory");
    source->path = path;
    source->say = say;
    source->context = context;
    int code = fg_policy_source_read(source, err);
    if (code == 0)
        fg_policy_source_check(source);
    return code;
}

static void drop_source(struct fg_policy_source *source)
{
    if (source)
        fg_policy_source_finish(source);
    free(source);
}

static void keep_first(void *context, const char *fault)
{
    struct fg_error *first = context;
    if (!first->text[0])
        fg_fail(first, 0, "%s", fault);
}

// `to_run`: by this version, which has no detector.
static int read_policy(const char *path, bool to_run, struct fg_policy *ret, struct fg_error *err)
{
    struct fg_error first = {""};
    struct fg_policy_source *source;
    int code = read_source(path, keep_first, &first, &source, err);
    if (code == 0 && source->faults > 0)
        code = fg_fail(err, -EINVAL, "%s", first.text);
    if (code == 0 && to_run && source->policy.liveness == FG_LIVENESS_REQUIRED) {
        const struct fg_policy_mark *mark = fg_policy_said(source, &source->policy, "liveness");
        code = fg_fail(err, -EOPNOTSUPP,
                       "%s:%u: liveness = required needs a liveness detector, and this version has "
                       "none; write liveness = attended and let a person watch the lane",
                       mark ? mark->file : path, mark ? mark->line : 1);
    }
    if (code == 0)
        *ret = source->policy;
    drop_source(source);
    return code;
}

int fg_policy_read(const char *path, struct fg_policy *ret, struct fg_error *err)
{
    return read_policy(path, true, ret, err);
}

int fg_policy_inspect(const char *path, struct fg_policy *ret, struct fg_error *err)
{
    return read_policy(path, false, ret, err);
}

int fg_policy_check(const char *path, void (*say)(void *context, const char *fault), void *context)
{
    struct fg_error err = {""};
    struct fg_policy_source *source;
    int code = read_source(path, say, context, &source, &err);
    if (code < 0)
        say(context, err.text);
    else
        code = (int)source->faults;
    drop_source(source);
    return code;
}

// ---- lookup -------------------------------------------------------------------------------------

const struct fg_lane_rules *fg_policy_lane(const struct fg_policy *policy, const char *lane)
{
    static _Thread_local struct fg_lane_rules bare;
    for (unsigned i = 0; i < policy->n_lanes; i++)
        if (strcmp(policy->lanes[i].name, lane) == 0)
            return &policy->lanes[i];
    snprintf(bare.name, sizeof bare.name, "%s", lane);
    return &bare;
}

const struct fg_zone_rules *fg_policy_zone(const struct fg_policy *policy, const char *zone)
{
    for (unsigned i = 0; i < policy->n_zones && zone[0]; i++)
        if (strcmp(policy->zones[i].name, zone) == 0)
            return &policy->zones[i];
    return NULL;
}

bool fg_policy_encloses(const struct fg_policy *policy, const char *outer, const char *zone)
{
    if (!outer[0])
        return true;
    for (unsigned i = 0; i <= policy->n_zones; i++) { // no further, should they lie in a ring
        if (strcmp(outer, zone) == 0)
            return true;
        const struct fg_zone_rules *rules = fg_policy_zone(policy, zone);
        if (!rules)
            return false;
        zone = rules->within;
    }
    return false;
}
