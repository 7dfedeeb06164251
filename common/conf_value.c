// SPDX-License-Identifier: Apache-2.0
// A key's value, from text.
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/conf.h"

static int set_text(const struct fg_conf_key *key, const char *value, char *at,
                    struct fg_error *err)
{
    if (strlen(value) >= key->size)
        return fg_fail(err, -EINVAL, "%s: longer than %zu bytes", key->key, key->size - 1);
    memcpy(at, value, strlen(value) + 1);
    return 0;
}

static int set_number(const struct fg_conf_key *key, const char *value, char *at,
                      struct fg_error *err)
{
    char *end;
    errno = 0;
    double number = strtod(value, &end);
    if (end == value || *end || errno || !isfinite(number))
        return fg_fail(err, -EINVAL, "%s = %s: not a number", key->key, value);
    if (number < key->low || number > key->high)
        return fg_fail(err, -EINVAL, "%s = %s: must be from %g to %g", key->key, value, key->low,
                       key->high);
    if (key->type == FG_CONF_DOUBLE) {
        memcpy(at, &number, sizeof number);
    } else if (key->type == FG_CONF_U64) {
        uint64_t whole = (uint64_t)number;
        if ((double)whole != number)
            return fg_fail(err, -EINVAL, "%s = %s: not a whole number", key->key, value);
        memcpy(at, &whole, sizeof whole);
    } else if (key->type == FG_CONF_FLOAT) {
        float single = (float)number;
        memcpy(at, &single, sizeof single);
    } else {
        uint32_t whole = (uint32_t)number;
        if ((double)whole != number)
            return fg_fail(err, -EINVAL, "%s = %s: not a whole number", key->key, value);
        memcpy(at, &whole, sizeof whole);
    }
    return 0;
}

static int set_bool(const struct fg_conf_key *key, const char *value, char *at,
                    struct fg_error *err)
{
    static const char *const yes[] = {"yes", "true", "on"}, *const no[] = {"no", "false", "off"};
    for (int i = 0; i < 3; i++) {
        bool is_yes = strcasecmp(value, yes[i]) == 0;
        if (is_yes || strcasecmp(value, no[i]) == 0) {
            memcpy(at, &is_yes, sizeof is_yes);
            return 0;
        }
    }
    return fg_fail(err, -EINVAL, "%s = %s: must be yes or no", key->key, value);
}

static int set_choice(const struct fg_conf_key *key, const char *value, char *at,
                      struct fg_error *err)
{
    char all[160] = "";
    for (int i = 0; key->choices[i]; i++) {
        if (strcmp(value, key->choices[i]) == 0) {
            memcpy(at, &i, sizeof i);
            return 0;
        }
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", key->choices[i]);
    }
    return fg_fail(err, -EINVAL, "%s = %s: must be one of %s", key->key, value, all);
}

int fg_conf_set(const struct fg_conf_key *key, const char *value, void *target,
                struct fg_error *err)
{
    char *at = (char *)target + key->offset;
    switch (key->type) {
    case FG_CONF_STRING:
        return set_text(key, value, at, err);
    case FG_CONF_U32:
    case FG_CONF_U64:
    case FG_CONF_DOUBLE:
    case FG_CONF_FLOAT:
        return set_number(key, value, at, err);
    case FG_CONF_BOOL:
        return set_bool(key, value, at, err);
    case FG_CONF_CHOICE:
        return set_choice(key, value, at, err);
    case FG_CONF_CALL:
        return key->call(target, key->key, value, err);
    }
    return -EINVAL;
}
