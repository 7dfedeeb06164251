// SPDX-License-Identifier: Apache-2.0
#include "tools/score_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_SCORE 0.20
#define STEP        0.02
#define STEPS       60
#define PAIRS       10 // fewer impostor pairs say nothing about a rate

static const char heading[] = "; Written by `facegate eval --calibrate`: score = FMR FNMR.\n";

// Everything but the old calibration and its heading.
static int copy_without_calibration(FILE *from, FILE *to)
{
    char line[1024];
    int skip = 0, blank = 0;
    while (fgets(line, sizeof line, from)) {
        if (line[0] == '[')
            skip = strncmp(line, "[calibration]", 13) == 0;
        if (skip || strcmp(line, heading) == 0)
            continue;
        if (line[0] == '\n') { // blank lines only between what is kept
            blank = 1;
            continue;
        }
        if (blank)
            fputc('\n', to);
        blank = 0;
        fputs(line, to);
    }
    return ferror(from) || ferror(to) ? -EIO : 0;
}

static float score_at(int step)
{
    return (float)(FIRST_SCORE + step * STEP);
}

// How many scores have enough impostor pairs behind them.
static int count_points(const struct fg_scores *impostors)
{
    int n = 0;
    while (n < STEPS &&
           fg_share_at_least(impostors, score_at(n)) * (double)impostors->count >= PAIRS)
        n++;
    return n;
}

static void write_points(FILE *to, const struct fg_scores *genuine,
                         const struct fg_scores *impostors)
{
    int n = count_points(impostors);
    for (int i = 0; i < n; i++) {
        float score = score_at(i);
        fprintf(to, "score_%.2f = %.4g %.4g\n", (double)score, fg_share_at_least(impostors, score),
                fg_share_below(genuine, score));
    }
}

static int write_new(const char *card_path, FILE *to, const char *dataset,
                     const struct fg_scores *genuine, const struct fg_scores *impostors)
{
    FILE *from = fopen(card_path, "re");
    if (!from)
        return -errno;
    int code = copy_without_calibration(from, to);
    fclose(from);
    fprintf(to, "\n%s[calibration]\ndataset = %s\nimpostor_pairs = %zu\ngenuine_pairs = %zu\n",
            heading, dataset, impostors->count, genuine->count);
    write_points(to, genuine, impostors);
    if (code == 0 && (fflush(to) != 0 || ferror(to) || fsync(fileno(to)) < 0))
        code = -EIO;
    return code;
}

int fg_score_table_write(const char *card_path, const char *dataset,
                         const struct fg_scores *genuine, const struct fg_scores *impostors,
                         struct fg_error *err)
{
    char *path;
    if (genuine->count == 0 || count_points(impostors) < 2)
        return fg_fail(
            err, -ENODATA,
            "%s stays as it is: %zu genuine and %zu impostor comparisons are too few for "
            "a calibration",
            card_path, genuine->count, impostors->count);
    if (asprintf(&path, "%s.new", card_path) < 0)
        return fg_fail(err, -ENOMEM, "out of memory");
    FILE *to = fopen(path, "we");
    int code = to ? write_new(card_path, to, dataset, genuine, impostors) : -errno;
    if (to && fclose(to) != 0 && code == 0)
        code = -EIO;
    if (code == 0 && rename(path, card_path) < 0)
        code = -errno;
    if (code < 0) {
        fg_fail(err, code, "%s: can't be rewritten: %s", card_path, strerror(-code));
        unlink(path);
    }
    free(path);
    return code;
}
