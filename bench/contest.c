// SPDX-License-Identifier: Apache-2.0
#include "bench/contest.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *title, *key, *cosine_key;
} engines[FG_CONTESTANTS] = {
    [FG_OURS] = {"ours, xnnpack", "ours", "cos_xnnpack"},
    [FG_ORT] = {"ONNX Runtime", "ort", "cos_ort"},
    [FG_OPENCV] = {"OpenCV DNN", "opencv", "cos_opencv"},
    [FG_CPUREF] = {"Arm NN CpuRef", "armnn_cpuref", "cos_armnn_cpuref"},
};

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double at(struct fg_samples *samples, unsigned index)
{
    qsort(samples->values, samples->count, sizeof samples->values[0], by_size);
    return samples->count ? samples->values[index] : 0;
}

double fg_samples_median(struct fg_samples *samples)
{
    return at(samples, samples->count / 2);
}

double fg_samples_least(struct fg_samples *samples)
{
    return at(samples, 0);
}

// ---- the floor ----------------------------------------------------------------------------------

static double floor_ms(struct fg_contest *contest)
{
    return contest->peak.count ? (double)contest->macs / fg_samples_median(&contest->peak) / 1e6
                               : 0;
}

static double least_floor_ms(struct fg_contest *contest)
{
    unsigned last = contest->peak.count ? contest->peak.count - 1 : 0;
    return contest->peak.count ? (double)contest->macs / at(&contest->peak, last) / 1e6 : 0;
}

// ---- the table ----------------------------------------------------------------------------------

static void print_row(const char *title, double ms, double least, double ours, double ours_least)
{
    printf("  %-16s %10.3f %10.3f %9.3f %9.3f", title, ms, least, ms / ours, least / ours_least);
}

static void print_kinds(struct fg_contest *contest)
{
    const struct fg_kinds *kinds = &contest->kinds;
    double rate = fg_samples_median(&contest->peak) * 1e6; // in a ms
    printf("  by operator, each node alone: %.3f ms in all\n", kinds->sum_ms);
    for (unsigned op = 0; op < FG_OP_COUNT; op++) {
        if (!kinds->count[op])
            continue;
        printf("    %3u %-20s %8.3f ms %5.1f %%", kinds->count[op], fg_op_name((enum fg_op)op),
               kinds->ms[op], 100 * kinds->ms[op] / kinds->sum_ms);
        if (kinds->macs[op] && rate > 0)
            printf("   floor %.3f ms", (double)kinds->macs[op] / rate);
        printf("\n");
    }
}

void fg_contest_print(struct fg_contest *contest)
{
    struct fg_lane *lane = contest->lanes;
    double ours = fg_samples_median(&lane[FG_OURS].ms), least = fg_samples_least(&lane[FG_OURS].ms);
    printf("\n%s, %.1f million multiply-accumulates\n", contest->title,
           (double)contest->macs / 1e6);
    printf("  %-16s %10s %10s %9s %9s   %s\n", "", "median ms", "least ms", "to ours", "leasts",
           "cosine to float64");
    if (contest->peak.count) {
        print_row("floor", floor_ms(contest), least_floor_ms(contest), ours, least);
        printf("\n");
    } else {
        printf("  %-16s absent: the peak of this processor is not known\n", "floor");
    }
    for (unsigned k = 0; k < FG_CONTESTANTS; k++) {
        if (lane[k].absent[0]) {
            printf("  %-16s absent: %s\n", engines[k].title, lane[k].absent);
            continue;
        }
        print_row(engines[k].title, fg_samples_median(&lane[k].ms), fg_samples_least(&lane[k].ms),
                  ours, least);
        printf("   %.9f\n", lane[k].cosine);
    }
    if (contest->projected.count) {
        print_row("ours, projected", fg_samples_median(&contest->projected),
                  fg_samples_least(&contest->projected), ours, least);
        printf("\n");
    }
    print_kinds(contest);
}

// ---- JSON ---------------------------------------------------------------------------------------

static void add(struct fg_contest *contest, struct fg_figures *figures, const char *what,
                const char *end, double value)
{
    char key[64];
    snprintf(key, sizeof key, "%s_%s%s", contest->key, what, end);
    fg_figures_add(figures, key, value, "");
}

static void add_lane(struct fg_contest *contest, struct fg_figures *figures, unsigned k)
{
    struct fg_lane *lane = &contest->lanes[k];
    double ours = fg_samples_median(&contest->lanes[FG_OURS].ms);
    if (lane->absent[0])
        return;
    add(contest, figures, engines[k].key, "_ms", fg_samples_median(&lane->ms));
    add(contest, figures, engines[k].key, "_least_ms", fg_samples_least(&lane->ms));
    add(contest, figures, engines[k].cosine_key, "", lane->cosine);
    if (k != FG_OURS)
        add(contest, figures, engines[k].key, "_over_ours", fg_samples_median(&lane->ms) / ours);
}

void fg_contest_add(struct fg_contest *contest, struct fg_figures *figures)
{
    struct fg_lane *lane = contest->lanes;
    double ours = fg_samples_median(&lane[FG_OURS].ms);
    for (unsigned k = 0; k < FG_CONTESTANTS; k++)
        add_lane(contest, figures, k);
    if (lane[FG_ORT].ms.count)
        add(contest, figures, "ours_over_ort", "", ours / fg_samples_median(&lane[FG_ORT].ms));
    if (contest->projected.count)
        add(contest, figures, "projected", "_ms", fg_samples_median(&contest->projected));
    add(contest, figures, "macs", "", (double)contest->macs);
    if (contest->peak.count) {
        add(contest, figures, "floor", "_ms", floor_ms(contest));
        // of the least times: what the code can do, without what the machine's neighbours took
        add(contest, figures, "floor_over_ours", "",
            least_floor_ms(contest) / fg_samples_least(&lane[FG_OURS].ms));
    }
    for (unsigned op = 0; op < FG_OP_COUNT; op++)
        if (contest->kinds.count[op])
            add(contest, figures, fg_op_name((enum fg_op)op), "_share",
                contest->kinds.ms[op] / contest->kinds.sum_ms);
}
