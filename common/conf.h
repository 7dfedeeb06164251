// SPDX-License-Identifier: Apache-2.0
// INI files read by a table: every key is known, typed and bounded; what is not in the table is
// an error that names file and line. Duplicates in one file are errors too.
#ifndef FG_CONF_H
#define FG_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#ifdef __cplusplus
extern "C" {
#endif

enum fg_conf_type {
    FG_CONF_STRING, // char[size], with its NUL
    FG_CONF_U32,    // uint32_t, low..high
    FG_CONF_DOUBLE, // double, low..high
    FG_CONF_FLOAT,  // float, low..high
    FG_CONF_BOOL,   // bool: yes no true false on off
    FG_CONF_CHOICE, // int: the index in the NULL-ended `choices`
    FG_CONF_CALL,   // `call` gets name and value; `key` may end in '*'
};

struct fg_conf_key {
    const char *section, *key;
    enum fg_conf_type type;
    size_t offset; // in the target struct
    size_t size;   // FG_CONF_STRING: of the array
    double low, high;
    const char *const *choices;
    int (*call)(void *target, const char *key, const char *value, struct fg_error *err);
    bool required;
};

// Reads `path` into `target` by a table of `count` keys (at most 64). Failure: -ENOENT, -EACCES,
// -EINVAL; err is "FILE:LINE: what is wrong". `target` may be half filled on failure.
int fg_conf_read(const char *path, const struct fg_conf_key *keys, size_t count, void *target,
                 struct fg_error *err);

// Reads `path`, then the files NAME.conf of the folder `path`.d in the order of their names (bytes;
// hidden ones are left out). What a later file says again holds; a required key must be in one of
// them; a '*' key's `call` comes once a file and name. `path` may be missing when the folder has a
// file; -ENOENT means there is neither. Other failures are those of fg_conf_read, with the file
// that has the error in err.
int fg_conf_read_all(const char *path, const struct fg_conf_key *keys, size_t count, void *target,
                     struct fg_error *err);

// Sets one key from text, as the command line does; the same checks.
int fg_conf_set(const struct fg_conf_key *key, const char *value, void *target,
                struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
