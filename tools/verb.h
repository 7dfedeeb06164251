// SPDX-License-Identifier: Apache-2.0
// Commands with verbs (facegate pass issue): which options and operands each verb takes. The
// options' values are 1 to 31, a bit each.
#ifndef FG_VERB_H
#define FG_VERB_H

#include <getopt.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fg_verb {
    const char *name;
    uint32_t options;     // 1u << value of those that it takes
    int least, most;      // operands behind it
    const char *operands; // what they are, for the sentence when they are not so many
    int (*run)(void *context, char **operands, int count); // an exit code
};

// The verb that argv[optind] names, when `seen` (bits of the options that were given) and the
// operands behind it suit it; else NULL, after a line on standard error. `verbs` ends by a zero
// row.
const struct fg_verb *fg_verb_find(const struct fg_verb *verbs, const struct option *rows,
                                   uint32_t seen, int argc, char **argv);

#ifdef __cplusplus
}
#endif
#endif
