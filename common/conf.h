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

#define FG_CONF_KEYS 96 // most of one table

enum fg_conf_type {
    FG_CONF_STRING, // char[size], with its NUL
    FG_CONF_U32,    // uint32_t, low..high
    FG_CONF_U64,    // uint64_t, low..high, high at most 2^53
    FG_CONF_DOUBLE, // double, low..high
    FG_CONF_FLOAT,  // float, low..high
    FG_CONF_BOOL,   // bool: yes no true false on off
    FG_CONF_CHOICE, // int: the index in the NULL-ended `choices`
    FG_CONF_CALL,   // `call` gets name and value; `key` may end in '*'
};

struct fg_conf_key {
    const char *section, *key; // "lane *": of every section [lane NAME], see fg_conf_kind
    enum fg_conf_type type;
    size_t offset; // in the target struct, or the struct of the named section
    size_t size;   // FG_CONF_STRING: of the array
    double low, high;
    const char *const *choices;
    int (*call)(void *target, const char *key, const char *value, struct fg_error *err);
    bool required; // not for keys of named sections
};

// Sections that have a name each. `open` gives the struct for [WORD NAME], made when it is new;
// NULL: refused, err says why. In one file a name may be opened once.
struct fg_conf_kind {
    const char *word;
    void *(*open)(void *target, const char *name, struct fg_error *err);
};

struct fg_conf_table {
    const struct fg_conf_key *keys;
    size_t n_keys; // at most FG_CONF_KEYS
    const struct fg_conf_kind *kinds;
    size_t n_kinds;
};

// What a reading tells beside its result. Texts are valid during the call.
struct fg_conf_listener {
    void *context;
    // A key was read, or with `key` NULL a known section began. `base` is the struct that it is
    // set in; not `good`: a fault follows.
    void (*met)(void *context, const struct fg_conf_key *key, const void *base, const char *path,
                unsigned line, bool good);
    // NULL: the first fault ends the reading. Else each comes here and the reading goes on.
    void (*fault)(void *context, const char *text);
};

// Reads `path` into `target` by a table of `count` keys. Failure: -ENOENT, -EACCES, -EINVAL; err is
// "FILE:LINE: what is wrong". `target` may be half filled on failure.
int fg_conf_read(const char *path, const struct fg_conf_key *keys, size_t count, void *target,
                 struct fg_error *err);

// Reads `path`, then the files NAME.conf of the folder `path`.d in the order of their names (bytes;
// hidden ones are left out). What a later file says again holds; a required key must be in one of
// them; a '*' key's `call` comes once a file and name. `path` may be missing when the folder has a
// file; -ENOENT means there is neither. Other failures are those of fg_conf_read, with the file
// that has the error in err.
int fg_conf_read_all(const char *path, const struct fg_conf_key *keys, size_t count, void *target,
                     struct fg_error *err);

// The same by a table with named sections; `listener` may be NULL. With its `fault` the result is
// that of the first fault, or the failure that ended the reading (which is no fault: err has it).
int fg_conf_read_table(const char *path, const struct fg_conf_table *table, void *target,
                       const struct fg_conf_listener *listener, struct fg_error *err);

// Of files that fg_conf_read_all refuses, what can be made out: keys of the table with a good
// value, the first in a file and what a later file says; the rest is passed over in silence.
void fg_conf_salvage(const char *path, const struct fg_conf_key *keys, size_t count, void *target);

// Sets one key from text, as the command line does; the same checks.
int fg_conf_set(const struct fg_conf_key *key, const char *value, void *target,
                struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
