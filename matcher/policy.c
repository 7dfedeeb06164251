// SPDX-License-Identifier: Apache-2.0
#include "matcher/policy.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "common/conf.h"

struct reading {
    struct fg_policy policy;
    int mode, liveness;
};

static const char *const modes[] = {"identify", "pass", "vault", "portrait", NULL};
static const char *const livenesses[] = {"attended", "required", NULL};
enum { LIVENESS_ATTENDED, LIVENESS_REQUIRED };

#define AT(field)       .offset = offsetof(struct reading, field)
#define MS(name, least) "profile", #name, FG_CONF_U32, AT(policy.name), .low = least, .high = 600000

static const struct fg_conf_key keys[] = {
    {"profile", "name", FG_CONF_STRING, AT(policy.name), .size = FG_WIRE_NAME, .required = true},
    {"profile", "mode", FG_CONF_CHOICE, AT(mode), .choices = modes, .required = true},
    {"profile", "fmr", FG_CONF_DOUBLE, AT(policy.fmr), .low = 1e-15, .high = .5},
    {"profile", "fpir", FG_CONF_DOUBLE, AT(policy.fpir), .low = 1e-15, .high = .5},
    {"profile", "good_probes", FG_CONF_U32, AT(policy.good_probes), .low = 1, .high = 32},
    {MS(decide_ms, 100)},
    {"profile", "attempts", FG_CONF_U32, AT(policy.attempts), .low = 1, .high = 100},
    {MS(absent_ms, 100)},
    {MS(valid_ms, 100)},
    {"profile", "min_quality", FG_CONF_FLOAT, AT(policy.min_quality), .low = 0, .high = 1},
    {"profile", "liveness", FG_CONF_CHOICE, AT(liveness), .choices = livenesses, .required = true},
    {"profile", "passages_per_day", FG_CONF_DOUBLE, AT(policy.passages_per_day), .low = 0,
     .high = 1e9},
    {"profile", "impostors_per_day", FG_CONF_DOUBLE, AT(policy.impostors_per_day), .low = 0,
     .high = 1e9},
};

static int check(const char *path, const struct reading *r, struct fg_error *err)
{
    const struct fg_policy *p = &r->policy;
    if (!fg_wire_name_ok(p->name))
        return fg_fail(err, -EINVAL, "%s: name = %s: must be 1 to 31 of [A-Za-z0-9._-]", path,
                       p->name);
    if (r->mode != FG_MODE_IDENTIFY)
        return fg_fail(err, -EOPNOTSUPP,
                       "%s: mode = %s is not in this version; write mode = identify", path,
                       modes[r->mode]);
    if ((p->fmr > 0) == (p->fpir > 0))
        return fg_fail(err, -EINVAL, "%s: set either fmr or fpir, exactly one of them", path);
    if (r->liveness == LIVENESS_REQUIRED)
        return fg_fail(err, -EOPNOTSUPP,
                       "%s: liveness = required needs a liveness detector, and this version has "
                       "none; write liveness = attended and let a person watch the lane",
                       path);
    return 0;
}

int fg_policy_read(const char *path, struct fg_policy *ret, struct fg_error *err)
{
    struct reading r = {.policy = {.good_probes = 3,
                                   .decide_ms = 1500,
                                   .attempts = 3,
                                   .absent_ms = 2000,
                                   .valid_ms = 1000}};
    int code = fg_conf_read(path, keys, sizeof keys / sizeof keys[0], &r, err);
    if (code == 0)
        code = check(path, &r, err);
    if (code < 0)
        return code;
    r.policy.mode = (enum fg_mode)r.mode;
    *ret = r.policy;
    return 0;
}

const char *fg_mode_name(enum fg_mode mode)
{
    return modes[mode];
}
