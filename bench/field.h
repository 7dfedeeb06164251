// SPDX-License-Identifier: Apache-2.0
// What all engines of a contest search: simulated people, their templates, and probes, half of
// them of enrolled people and half of strangers.
#ifndef FG_FIELD_H
#define FG_FIELD_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/answer.h"
#include "bench/flat.h"
#include "bench/simulate.h"
#include "common/error.h"
#include "matcher/index.h"

struct fg_field {
    uint32_t dimension;
    uint64_t count; // of people; person n is in slot n
    struct fg_simulation *people;
    struct fg_flat flat; // the canonical templates, once more as float32
    unsigned n_probes;
    float *probes;          // [n_probes][dimension], unit vectors
    uint32_t *mates;        // [n_probes] whose look a probe is, or FG_NOBODY
    struct fg_answer *best; // [n_probes] who is most like it, see fg_field_judge
};

// On two threads where there are two cores. `dimension` is a multiple of 64.
int fg_field_create(uint32_t dimension, uint64_t count, unsigned n_probes, struct fg_field **ret,
                    struct fg_error *err);
void fg_field_destroy(struct fg_field *field); // accepts NULL

struct fg_field_scores {
    double mean, deviation, p999, p9999;
};

// How alike some of the people are, each to each other of them.
int fg_field_compare_strangers(const struct fg_field *field, struct fg_field_scores *ret,
                               struct fg_error *err);

// Finds the best answer to each probe by comparing everybody: `index` holds person n in slot n.
int fg_field_judge(struct fg_field *field, const struct fg_index *index, struct fg_error *err);

// Answers probe `number` from such an index, within a set of slots or (NULL) all. 0 or what
// fg_index_search returns.
int fg_field_search(const struct fg_field *field, const struct fg_index *index, unsigned number,
                    float threshold, const struct fg_slots *within, struct fg_answer *ret);
// Whether that is the best of all, bit for bit, or nobody when that is below the threshold.
bool fg_field_is_best(const struct fg_field *field, unsigned number, float threshold,
                      const struct fg_answer *answer);

const float *fg_field_probe(const struct fg_field *field, unsigned number); // modulo n_probes

#endif
