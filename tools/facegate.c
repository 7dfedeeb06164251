// SPDX-License-Identifier: Apache-2.0
// facegate: the command line.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/command.h"

static const struct command {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"block", "subjects who may not pass", fg_command_block},
    {"charges", "what is due, for the back office", fg_command_charges},
    {"check", "a document's portrait against the face in a lane", fg_command_check},
    {"delete", "remove a subject for good", fg_command_delete},
    {"engines", "engines and backends that work here", fg_command_engines},
    {"enrol", "photographs of one person become a template", fg_command_enrol},
    {"eval", "accuracy on a folder of people", fg_command_eval},
    {"events", "what happened, from the ledger", fg_command_events},
    {"flight", "when a flight boards, and where", fg_command_flight},
    {"fsck", "check a gallery, with the matcher stopped", fg_command_fsck},
    {"headcount", "how many people are inside, and who", fg_command_headcount},
    {"hours", "who was in a zone from when to when", fg_command_hours},
    {"import", "enrol a folder of people or a CSV", fg_command_import},
    {"list", "enrolled subjects", fg_command_list},
    {"model", "describe a model card: layers, cost, engine, time", fg_command_model},
    {"pass", "QR codes that carry their owner's face", fg_command_pass},
    {"pay", "a payment that the next face in a lane makes", fg_command_pay},
    {"pin", "the PIN that a subject types for larger payments", fg_command_pin},
    {"profile", "is a profile sound, and what does it mean", fg_command_profile},
    {"status", "what matcher and cameras are doing", fg_command_status},
    {"unblock", "subjects who may pass again", fg_command_unblock},
    {"vault", "records that only their owner's QR code opens", fg_command_vault},
    {"verify", "compare two photographs (1:1)", fg_command_verify},
    {"watch", "decisions as they are made", fg_command_watch},
};
#define N_COMMANDS (sizeof commands / sizeof *commands)

static void print_help(FILE *to)
{
    fputs("facegate: people through gates by face\n\n  facegate COMMAND [option ...]\n\n", to);
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(to, "  %-9s  %s\n", commands[i].name, commands[i].summary);
    fputs("\nfacegate COMMAND --help tells more; the reference is facegate(1).\n"
          "Exit codes: 0 yes or done, 1 no or failed, 2 the command line is off, 75 try again.\n",
          to);
}

static bool stands_alone(const char *option)
{
    static const char *const alone[] = {"--json", "--quiet", "--fp16", "--fast-math"};
    for (size_t i = 0; i < sizeof alone / sizeof *alone; i++)
        if (strcmp(option, alone[i]) == 0)
            return true;
    return strchr(option, '=') != NULL;
}

// Half a list is no list: what did not get out is told.
static int finished(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    fputs("facegate: the output can't be written: is the disk full?\n", stderr);
    return code == FG_EXIT_OK ? FG_EXIT_FAILURE : code;
}

int main(int argc, char **argv)
{
    // options before the command are passed on behind it: facegate --json status
    int at = 1;
    while (at < argc && argv[at][0] == '-') {
        if (strcmp(argv[at], "--help") == 0) {
            print_help(stdout);
            return FG_EXIT_OK;
        }
        if (strcmp(argv[at], "--version") == 0) {
            puts("facegate " FG_VERSION);
            return FG_EXIT_OK;
        }
        at += stands_alone(argv[at]) ? 1 : 2;
    }
    if (at >= argc) {
        print_help(stderr);
        return FG_EXIT_USAGE;
    }
    signal(SIGPIPE, SIG_DFL); // `facegate watch | head` ends
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (strcmp(commands[i].name, argv[at]) != 0)
            continue;
        char *name = argv[at];
        memmove(argv + 2, argv + 1, (size_t)(at - 1) * sizeof *argv);
        argv[1] = name;
        return finished(commands[i].run(argc - 1, argv + 1));
    }
    fprintf(stderr, "facegate: %s: no such command; see facegate --help\n", argv[at]);
    return FG_EXIT_USAGE;
}
