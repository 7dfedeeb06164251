// SPDX-License-Identifier: Apache-2.0
// facegate profile: is a profile sound, and what does it mean? No matcher is asked.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/card.h"
#include "common/json.h"
#include "matcher/calibrate.h"
#include "matcher/policy.h"
#include "tools/command.h"
#include "tools/plain.h"
#include "tools/profile_words.h"

static const char help[] =
    "facegate profile: is a profile sound, and what does it mean?\n"
    "\n"
    "  facegate profile check [option ...] FILE ...\n"
    "  facegate profile show [--json] FILE\n"
    "\n"
    "FILE is read with FILE.d/*.conf, as the matcher does. check prints every fault with its "
    "line;\n"
    "show says the rules in words. The keys are in facegate-profile(5).\n"
    "\n"
    "  --model CARD   check: does the card's calibration support the error rate?\n"
    "  --json         print JSON\n"
    "  --quiet        check: faults alone\n"
    "  --help\n"
    "\n"
    "Exit codes: 0 sound, 1 a fault was found or it failed, 2 the command line is off.\n";

enum { OPT_MODEL = 1 };

static const struct option rows[] = {{"model", required_argument, NULL, OPT_MODEL}, {0}};

struct profile {
    struct fg_common common;
    const char *model;
    struct fg_card card;
    const char *path;                      // of the profile at hand
    struct fg_json *faults, *notes, *list; // the first two are arrays of the profile at hand
    unsigned n_faulty;
};

static int own_option(void *context, int option, const char *value)
{
    if (option != OPT_MODEL)
        return -EINVAL;
    ((struct profile *)context)->model = value;
    return 0;
}

static void print_line(const char *text)
{
    fg_plain_print(stdout, text);
    putchar('\n');
}

// ---- check --------------------------------------------------------------------------------------

static void on_fault(void *context, const char *fault)
{
    struct profile *p = context;
    fg_json_add_string(p->faults, NULL, fault);
    if (!p->common.json)
        print_line(fault);
}

static void note(struct profile *p, const char *text)
{
    char line[600];
    fg_json_add_string(p->notes, NULL, text);
    snprintf(line, sizeof line, "%s: note: %s", p->path, text);
    if (!p->common.json && !p->common.quiet)
        print_line(line);
}

static void judge_rate(struct profile *p, const struct fg_policy *policy)
{
    char text[160];
    struct fg_threshold threshold;
    struct fg_error err = {""};
    int code = fg_calibrate(&p->card, policy, 1, &threshold, &err);
    if (code < 0) {
        fg_fail_prefix(&err, code, "%s", p->path);
        on_fault(p, err.text);
        return;
    }
    uint64_t most = fg_calibrate_most(&p->card, policy);
    if (policy->fpir > 0)
        snprintf(text, sizeof text, "with %s at most %" PRIu64 " people can be candidates at once",
                 p->card.name, most);
    else
        snprintf(text, sizeof text, "%s misses %.1f %% of single looks at this rate", p->card.name,
                 threshold.fnmr * 100);
    note(p, text);
}

static void judge(struct profile *p)
{
    struct fg_policy policy;
    struct fg_error err = {""};
    if (fg_policy_check(p->path, on_fault, p) != 0)
        return;
    if (fg_policy_inspect(p->path, &policy, &err) < 0) { // it was changed meanwhile
        on_fault(p, err.text);
        return;
    }
    if (policy.liveness == FG_LIVENESS_REQUIRED)
        note(p, "liveness = required needs a detector, and this version has none: the matcher "
                "starts with liveness = attended, which a drop-in can say");
    if (p->model)
        judge_rate(p, &policy);
}

static void check_one(struct profile *p, const char *path)
{
    p->path = path;
    p->faults = fg_json_array();
    p->notes = fg_json_array();
    judge(p);
    bool sound = fg_json_count(p->faults) == 0;
    p->n_faulty += !sound;
    if (sound && !p->common.json && !p->common.quiet) {
        fg_plain_print(stdout, path);
        puts(": sound");
    }
    struct fg_json *one = fg_json_object();
    fg_json_add_string(one, "file", path);
    fg_json_add_bool(one, "sound", sound);
    fg_json_add(one, "faults", p->faults);
    fg_json_add(one, "notes", p->notes);
    fg_json_add(p->list, NULL, one);
}

static int check(struct profile *p, const char *name, char **paths, int count)
{
    struct fg_error err = {""};
    int code = p->model ? fg_card_read(p->model, &p->card, &err) : 0;
    if (code == 0 && p->model && p->card.kind != FG_CARD_EMBEDDER)
        code = fg_fail(&err, -EINVAL, "%s: kind must be embedder: only its vectors are compared",
                       p->model);
    if (code < 0)
        return fg_command_failed(name, code, &err);
    p->list = fg_json_array();
    for (int i = 0; i < count; i++)
        check_one(p, paths[i]);
    if (p->common.json)
        fg_plain_json(p->list, true);
    else
        fg_json_destroy(p->list);
    return p->n_faulty > 0 ? FG_EXIT_FAILURE : FG_EXIT_OK;
}

// ---- show ---------------------------------------------------------------------------------------

static void on_sentence(void *context, const char *about, const char *sentence)
{
    struct profile *p = context;
    if (p->common.json) {
        struct fg_json *one = fg_json_object();
        fg_json_add_string(one, "about", about);
        fg_json_add_string(one, "sentence", sentence);
        fg_json_add(p->list, NULL, one);
        return;
    }
    fg_plain_column(stdout, about, 18);
    putchar(' ');
    print_line(sentence);
}

static int show(struct profile *p, const char *name, const char *path)
{
    struct fg_policy policy;
    struct fg_error err = {""};
    int code = fg_policy_inspect(path, &policy, &err);
    if (code < 0)
        return fg_command_failed(name, code, &err);
    p->list = fg_json_array();
    fg_profile_words(&policy, on_sentence, p);
    if (p->common.json)
        fg_plain_json(p->list, true);
    else
        fg_json_destroy(p->list);
    return FG_EXIT_OK;
}

int fg_command_profile(int argc, char **argv)
{
    struct profile p = {0};
    int code = fg_arguments(argc, argv, rows, own_option, &p, &p.common, help);
    if (code == 1)
        return FG_EXIT_OK;
    if (code < 0)
        return FG_EXIT_USAGE;
    char **words = argv + optind;
    int count = argc - optind;
    if (count >= 2 && strcmp(words[0], "check") == 0)
        return check(&p, argv[0], words + 1, count - 1);
    if (count == 2 && strcmp(words[0], "show") == 0 && !p.model)
        return show(&p, argv[0], words[1]);
    fputs("facegate profile: say check FILE ... or show FILE; see facegate profile --help\n",
          stderr);
    return FG_EXIT_USAGE;
}
