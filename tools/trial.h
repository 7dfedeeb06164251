// SPDX-License-Identifier: Apache-2.0
// A trial: every photograph of a folder of people as a template, and the scores that follow.
#ifndef FG_TRIAL_H
#define FG_TRIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "pipeline/vision.h"
#include "tools/det.h"
#include "tools/people.h"

struct fg_trial {
    struct fg_people people;
    size_t n;           // photographs, people's order
    uint32_t dimension; // floats a vector
    float *vectors;     // n x dimension, length 1
    uint32_t *owner;    // n: index of the person
    bool *found;        // n: false when there was no face
    size_t missed;      // photographs without a face, or that did not decode
};

// Works through the folder on `threads` threads, each with networks of its own. Success: *ret is
// the caller's (fg_trial_finish).
int fg_trial_run(const char *folder, const struct fg_vision_options *options, bool mirrored,
                 unsigned threads, bool quiet, struct fg_trial *ret, struct fg_error *err);
void fg_trial_finish(struct fg_trial *trial);

// All pairs of photographs. Both sets come back sorted.
int fg_trial_pairs(const struct fg_trial *trial, struct fg_scores *genuine,
                   struct fg_scores *impostors);

// The first `enrol` photographs of each person who has more are averaged into a template; their
// other photographs are probes against every template, and all photographs of the others are
// impostor probes. Sorted.
int fg_trial_enrolled(const struct fg_trial *trial, unsigned enrol, struct fg_scores *genuine,
                      struct fg_scores *impostors, size_t *ret_templates);

// Closed set: the first photograph of everybody enrolled, the others searched; the share whose
// best template is their own.
double fg_trial_rank1(const struct fg_trial *trial);

// Open set, over `galleries` random galleries (seeded): N = min(1000, people with several
// photographs) enrolled by one photograph, their others as mated probes, people with a single one
// as non-mated probes. mated: the mate's score where the mate came first, else FG_MISS;
// non_mated: the best score. Sorted. Returns N, or negative errno.
int fg_trial_open_set(const struct fg_trial *trial, unsigned galleries, struct fg_scores *mated,
                      struct fg_scores *non_mated);

#endif
