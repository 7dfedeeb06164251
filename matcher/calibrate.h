// SPDX-License-Identifier: Apache-2.0
// From an error rate that the policy asks for to a score, by the model card's calibration.
//
// fmr is the false match rate of one comparison. fpir is the share of strangers' passages in which
// anybody is returned. A passage is searched after each of up to `good_probes` probes among N
// candidates, so it makes at most N * good_probes comparisons, and fmr = fpir / (N * good_probes)
// keeps fpir whatever they share (the union bound; they share most of their evidence, so the true
// rate is lower).
#ifndef FG_CALIBRATE_H
#define FG_CALIBRATE_H

#include <stdint.h>

#include "common/card.h"
#include "common/error.h"
#include "matcher/policy.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_threshold {
    float score; // cosine; a candidate at or above it matches
    double fmr;  // of one comparison at the score
    double fnmr; // share of genuine comparisons below the score: the expected FNIR of one probe
    uint64_t candidates;
};

// The threshold for a search among `candidates` templates. -ENODATA: the card is not calibrated;
// -ERANGE: the calibration does not support so low a rate, err says what would be allowed.
// *ret is untouched on failure.
int fg_calibrate(const struct fg_card *card, const struct fg_policy *policy, uint64_t candidates,
                 struct fg_threshold *ret, struct fg_error *err);

// The most candidates that the policy's fpir allows with this card; UINT64_MAX for an fmr.
uint64_t fg_calibrate_most(const struct fg_card *card, const struct fg_policy *policy);

// Expected strangers a year who match somebody, with the policy's impostors_per_day; at most, as
// above.
double fg_false_accepts_per_year(const struct fg_threshold *threshold,
                                 const struct fg_policy *policy);

#ifdef __cplusplus
}
#endif
#endif
