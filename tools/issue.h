// SPDX-License-Identifier: Apache-2.0
// What `facegate pass issue` and `facegate vault issue` share: photographs become a face, a token
// is written and drawn as a QR code, and both are told of.
#ifndef FG_ISSUE_H
#define FG_ISSUE_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/json.h"
#include "matcher/token.h"
#include "tools/command.h"
#include "tools/portrait.h"
#include "tools/verb.h"

#ifdef __cplusplus
extern "C" {
#endif

// The options of both commands and all their verbs; each verb says what it takes (tools/verb.h).
enum fg_issue_option {
    FG_ISSUE_KEY = 1,
    FG_ISSUE_PHOTO,
    FG_ISSUE_SCOPE,
    FG_ISSUE_FROM,
    FG_ISSUE_UNTIL,
    FG_ISSUE_DAYS,
    FG_ISSUE_OUT,
    FG_ISSUE_CM,
    FG_ISSUE_CENTRAL,
    FG_ISSUE_ANYWAY,
    FG_ISSUE_TIMEOUT,
};

// All that `issue` takes.
#define FG_ISSUE_ALL ((2u << FG_ISSUE_ANYWAY) - 2)

#define FG_ISSUE_HELP                                                                              \
    "  --key FILE         the operator's key, NAME.issue.key of facegate pass keygen\n"            \
    "  --photo FILE       of the person, JPEG, PNG or JPEG 2000; repeatable, up to 5\n"            \
    "  --scope WORD       good at gates of this scope (none: at gates that name none)\n"           \
    "  --valid-from TIME  YYYY-MM-DD or RFC 3339 (now)\n"                                          \
    "  --valid-until TIME the same; a date: to its last second\n"                                  \
    "  --days N           in its place: so many days of 24 hours (1)\n"                            \
    "  --out FILE         .png or .svg\n"                                                          \
    "  --cm SIZE          of the code, without the white around it, 1 to 30 (6)\n"                 \
    "  --central          take the face nearest the middle; else several faces are refused\n"      \
    "  --anyway           take photographs that look like two people\n"

struct fg_issue {
    struct fg_common common;
    uint32_t seen; // 1u << option
    const char *keys[FG_TOKEN_KEYS];
    unsigned n_keys;
    char *photos[FG_SUBJECT_SOURCES];
    size_t n_photos;
    const char *scope, *out;
    uint64_t valid_from_s, valid_until_s; // 0: not said
    unsigned days;
    double cm;
    struct fg_portrait_rule rule;
    int timeout_ms;
    struct fg_error err; // the first value that is off; empty: none

    // what became of it
    struct fg_portrait portrait;
    struct fg_json *refused; // photographs
    char text[FG_TOKEN_TEXT];
    unsigned bytes, modules;
};

// The whole of such a command: options, verb, and its run with a struct fg_issue as context.
int fg_issue_command(int argc, char **argv, const struct fg_verb *verbs, const char *help);

// "facegate COMMAND: TEXT; see ..." on standard error; FG_EXIT_USAGE.
int fg_issue_usage(const char *command, const struct fg_error *err);

// What can be judged only when all options are set. -EINVAL.
int fg_issue_check(const struct fg_issue *issue, struct fg_error *err);

// The keys of --key. *ret is owned by the caller.
int fg_issue_keys(const struct fg_issue *issue, struct fg_token_keys **ret, struct fg_error *err);

// Serial, scope and validity of a new token. -ERANGE: a time after 2106; -EINVAL: it would be over
// before it begins, or is over now; -EEXIST: --out is there already.
int fg_issue_begin(const struct fg_issue *issue, struct fg_token *ret, struct fg_error *err);

// The face of --photo into the token, whatever its kind. -ENODATA, -ENOTUNIQ as fg_portrait_take.
int fg_issue_look(struct fg_issue *issue, struct fg_token *token, struct fg_error *err);

// Writes the token and draws it into --out, readable by its owner alone.
int fg_issue_draw(struct fg_issue *issue, const struct fg_token *token,
                  const struct fg_token_key *key, struct fg_error *err);

// Members and lines about a token, its secrets left out.
void fg_issue_describe(const struct fg_token *token, struct fg_json *json);
void fg_issue_print(const struct fg_token *token);

// Tells of an issue that was done (code 0) or not. An exit code.
int fg_issue_report(struct fg_issue *issue, const char *command, const struct fg_token *token,
                    int code, const struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
