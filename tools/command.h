// SPDX-License-Identifier: Apache-2.0
// The commands of `facegate`. Each gets its own arguments (argv[0] is the command's name) and
// returns an exit code of common/exit.h.
#ifndef FG_COMMAND_H
#define FG_COMMAND_H

#include <getopt.h>
#include <stdbool.h>

#include "common/error.h"
#include "common/exit.h"
#include "pipeline/engine_options.h"
#include "pipeline/vision.h"

// Options that several commands share; each command names the groups that it takes.
struct fg_common {
    struct fg_vision_options vision; // --models --detector --aligner --embedder
    struct fg_engine_options engine; // --engine and what goes with it; vision.accel points here
    const char *control, *decision;  // --control --decision
    bool json, quiet;                // --json --quiet
};

enum { FG_OPT_FIRST = 2000 };

// For the help of commands that are about engines; the others name --engine alone.
#define FG_ENGINE_HELP                                                                             \
    "  --engine NAME       auto, xnnpack, armnn or armnn:Backend,Backend,... (auto)\n"             \
    "  --require BACKEND   fail unless it runs every layer\n"                                      \
    "  --threads N         of one network (1)\n"                                                   \
    "  --fp16              compute in half precision where the backend can\n"                      \
    "  --fast-math         let the backend use faster, less exact kernels\n"                       \
    "  --tuning FILE       GpuAcc's tuning file: read, or written when it is absent\n"             \
    "  --backend-path DIR  Arm NN's dynamic backends (its own folder)\n"                           \
    "  --model-memory MB   refuse a model that may need more; 0: no limit (1024)\n"

// Parses argv by the command's own rows (ended by a zero row, `val` below FG_OPT_FIRST) and the
// common ones; a name that both have is the command's. `own` handles one of the command's options;
// NULL: it has none. Sets optind to the first operand. *common must stay where it is. 0; 1 when
// --help was answered with `help`; -EINVAL after a line on standard error.
typedef int (*fg_own_option)(void *context, int option, const char *value);
int fg_arguments(int argc, char **argv, const struct option *own_rows, fg_own_option own,
                 void *context, struct fg_common *common, const char *help);

// Writes "facegate COMMAND: TEXT" to standard error and returns the exit code for a negative
// errno: 75 when trying again may help, else 1.
int fg_command_failed(const char *command, int code, const struct fg_error *err);

int fg_command_block(int argc, char **argv);
int fg_command_charges(int argc, char **argv);
int fg_command_check(int argc, char **argv);
int fg_command_delete(int argc, char **argv);
int fg_command_engines(int argc, char **argv);
int fg_command_enrol(int argc, char **argv);
int fg_command_eval(int argc, char **argv);
int fg_command_events(int argc, char **argv);
int fg_command_flight(int argc, char **argv);
int fg_command_fsck(int argc, char **argv);
int fg_command_headcount(int argc, char **argv);
int fg_command_hours(int argc, char **argv);
int fg_command_import(int argc, char **argv);
int fg_command_list(int argc, char **argv);
int fg_command_model(int argc, char **argv);
int fg_command_pass(int argc, char **argv);
int fg_command_pay(int argc, char **argv);
int fg_command_pin(int argc, char **argv);
int fg_command_profile(int argc, char **argv);
int fg_command_status(int argc, char **argv);
int fg_command_unblock(int argc, char **argv);
int fg_command_vault(int argc, char **argv);
int fg_command_verify(int argc, char **argv);
int fg_command_watch(int argc, char **argv);

#endif
