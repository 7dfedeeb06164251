// SPDX-License-Identifier: Apache-2.0
// The options that enrol and import share: what is said of the subjects, and how photographs are
// judged.
#ifndef FG_MANNER_H
#define FG_MANNER_H

#include "tools/command.h"
#include "tools/enrolment.h"
#include "tools/portrait.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_manner {
    struct fg_enrolment enrolment;
    struct fg_portrait_rule rule;
    bool replace;
    int timeout_ms;
    struct fg_error err; // the first value that is off; empty: none
};

enum {
    FG_MANNER_FIELD = 100, // + enum fg_field
    FG_MANNER_CENTRAL = FG_MANNER_FIELD + FG_FIELDS,
    FG_MANNER_ANYWAY,
    FG_MANNER_REPLACE,
    FG_MANNER_TIMEOUT,
};

// Rows for a getopt_long table (without --id, which is enrol's own).
#define FG_MANNER_ROWS                                                                             \
    {"valid-from", required_argument, NULL, FG_MANNER_FIELD + FG_FIELD_VALID_FROM},                \
        {"valid-until", required_argument, NULL, FG_MANNER_FIELD + FG_FIELD_VALID_UNTIL},          \
        {"lane", required_argument, NULL, FG_MANNER_FIELD + FG_FIELD_LANES},                       \
        {"tag", required_argument, NULL, FG_MANNER_FIELD + FG_FIELD_TAGS},                         \
        {"consent", required_argument, NULL, FG_MANNER_FIELD + FG_FIELD_CONSENT},                  \
        {"guardian", required_argument, NULL, FG_MANNER_FIELD + FG_FIELD_GUARDIAN},                \
        {"born", required_argument, NULL, FG_MANNER_FIELD + FG_FIELD_BORN},                        \
        {"central", no_argument, NULL, FG_MANNER_CENTRAL},                                         \
        {"anyway", no_argument, NULL, FG_MANNER_ANYWAY},                                           \
        {"replace", no_argument, NULL, FG_MANNER_REPLACE},                                         \
    {                                                                                              \
        "timeout-ms", required_argument, NULL, FG_MANNER_TIMEOUT                                   \
    }

// Takes one of them. 0; or -EINVAL: not one of these, or a bad time-out. Other bad values are kept
// in manner->err, so that the command can say what is wrong with them.
int fg_manner_option(struct fg_manner *manner, int option, const char *value);

// No core file, and no tracer of the same user: this process is about to hold faces.
void fg_manner_private(void);

#ifdef __cplusplus
}
#endif
#endif
