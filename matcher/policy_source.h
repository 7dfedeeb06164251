// SPDX-License-Identifier: Apache-2.0
// A profile while it is read: the policy so far, and where each key stands, so that a fault found
// late can still name its line.
#ifndef FG_POLICY_SOURCE_H
#define FG_POLICY_SOURCE_H

#include <stddef.h>

#include "common/conf.h"
#include "matcher/policy.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_policy_mark { // of a key, or with key NULL of a section's first line
    const struct fg_conf_key *key;
    const void *base; // the policy, or its lane, zone or firm
    const char *file;
    unsigned line;
    bool good;
};

struct fg_policy_source { // starts as {0} with path, say and context; one caller's at a time
    const char *path;
    void (*say)(void *context, const char *fault);
    void *context;
    unsigned faults;
    struct fg_policy policy;
    struct fg_policy_mark *marks; // in the order of reading
    size_t n_marks, room;
    char **files; // of the marks
    size_t n_files;
};

// Reads all files of the profile. Faults go to `say`. 0 also with faults; negative when a file
// can't be read.
int fg_policy_source_read(struct fg_policy_source *source, struct fg_error *err);
void fg_policy_source_finish(struct fg_policy_source *source);

// Contradictions and unsafe choices, to `say`.
void fg_policy_source_check(struct fg_policy_source *source);

// The mark of a key in `base` that holds; NULL: not said.
const struct fg_policy_mark *fg_policy_said(const struct fg_policy_source *source, const void *base,
                                            const char *key);

// One fault, of the words in `keys` (separated by blanks): keys of `base`, the first of which
// gives the line, or else its section. Nothing when one of them has a wrong value, which was said.
void fg_policy_fault(struct fg_policy_source *source, const void *base, const char *keys,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));

// Whether a key of [profile], no list but documents, has another value than 0, no, none or the
// first choice.
bool fg_policy_is_set(const struct fg_policy *policy, const char *key);

#ifdef __cplusplus
}
#endif
#endif
