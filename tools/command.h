// SPDX-License-Identifier: Apache-2.0
// The commands of `facegate`. Each gets its own arguments (argv[0] is the command's name) and
// returns an exit code of common/exit.h.
#ifndef FG_COMMAND_H
#define FG_COMMAND_H

#include <getopt.h>
#include <stdbool.h>

#include "common/error.h"
#include "common/exit.h"
#include "pipeline/vision.h"

// Options that several commands share; each command names the groups that it takes.
struct fg_common {
    struct fg_vision_options vision; // --models --detector --aligner --embedder --engine
    const char *control, *decision;  // --control --decision
    bool json, quiet;                // --json --quiet
};

enum { FG_OPT_FIRST = 2000 };

// Rows for a getopt_long table.
extern const struct option fg_common_rows[];
enum { FG_COMMON_ROWS = 9 };

// Parses argv by the command's own rows (ended by a zero row, `val` below FG_OPT_FIRST) and the
// common ones. `own` handles one of the command's options; NULL: it has none. Sets optind to the
// first operand. 0; 1 when --help was answered with `help`; -EINVAL after a line on standard
// error.
typedef int (*fg_own_option)(void *context, int option, const char *value);
int fg_arguments(int argc, char **argv, const struct option *own_rows, fg_own_option own,
                 void *context, struct fg_common *common, const char *help);

// Writes "facegate COMMAND: TEXT" to standard error and returns the exit code for a negative
// errno: 75 when trying again may help, else 1.
int fg_command_failed(const char *command, int code, const struct fg_error *err);

int fg_command_delete(int argc, char **argv);
int fg_command_enrol(int argc, char **argv);
int fg_command_eval(int argc, char **argv);
int fg_command_import(int argc, char **argv);
int fg_command_list(int argc, char **argv);
int fg_command_model(int argc, char **argv);
int fg_command_status(int argc, char **argv);
int fg_command_verify(int argc, char **argv);
int fg_command_watch(int argc, char **argv);

#endif
