// SPDX-License-Identifier: Apache-2.0
#include "matcher/calibrate.h"

#include <errno.h>
#include <math.h>

// The least FMR that a score can be given for: enough impostor pairs, and inside the table.
static double least_fmr(const struct fg_card *card)
{
    double pairs = fg_card_least_fmr(card);
    return card->n_points > 0 ? fmax(pairs, card->points[card->n_points - 1].fmr) : pairs;
}

static double comparisons(const struct fg_policy *policy, uint64_t candidates)
{
    return (double)(candidates ? candidates : 1) * policy->good_probes;
}

static double one_comparison(const struct fg_policy *policy, uint64_t candidates)
{
    return policy->fpir / comparisons(policy, candidates);
}

uint64_t fg_calibrate_most(const struct fg_card *card, const struct fg_policy *policy)
{
    if (policy->fpir <= 0)
        return UINT64_MAX;
    double most = policy->fpir / policy->good_probes / least_fmr(card);
    return (uint64_t)(most * (1 + 1e-9)); // 0.01 / 1e-5 is 1000, not 999
}

static int fmr_for_fpir(const struct fg_card *card, const struct fg_policy *policy,
                        uint64_t candidates, double *ret_fmr, struct fg_error *err)
{
    uint64_t most = fg_calibrate_most(card, policy);
    if (candidates > most)
        return fg_fail(err, -ERANGE,
                       "fpir = %g among %llu candidates needs an FMR of %.3g, and the calibration "
                       "of model %s supports %.3g: at most %llu candidates; raise fpir, enrol "
                       "fewer, or calibrate on more pairs",
                       policy->fpir, (unsigned long long)candidates,
                       one_comparison(policy, candidates), card->name, least_fmr(card),
                       (unsigned long long)most);
    double fmr = fmax(one_comparison(policy, candidates), least_fmr(card));
    *ret_fmr = fmin(fmr, card->points[0].fmr); // a small gallery: the table's loosest will do
    return 0;
}

int fg_calibrate(const struct fg_card *card, const struct fg_policy *policy, uint64_t candidates,
                 struct fg_threshold *ret, struct fg_error *err)
{
    struct fg_threshold t = {.fmr = policy->fmr, .candidates = candidates};
    int r = 0;
    if (policy->fpir > 0 && card->n_points >= 2)
        r = fmr_for_fpir(card, policy, candidates, &t.fmr, err);
    if (r == 0)
        r = fg_card_score_for_fmr(card, t.fmr, &t.score, err);
    if (r < 0)
        return r;
    double at_score;
    fg_card_rates(card, t.score, &at_score, &t.fnmr);
    *ret = t;
    return 0;
}

double fg_false_accepts_per_year(const struct fg_threshold *threshold,
                                 const struct fg_policy *policy)
{
    if (threshold->candidates == 0)
        return 0;
    double share = -expm1(comparisons(policy, threshold->candidates) * log1p(-threshold->fmr));
    return share * policy->impostors_per_day * 365;
}
