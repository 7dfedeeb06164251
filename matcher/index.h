// SPDX-License-Identifier: Apache-2.0
// The index: every template in memory (locked, never dumped), searched by cosine above a
// threshold. Short codes with a proven bound rule almost everyone out, the canonical int8 templates
// decide: docs/index.md. One thread owns an index; while it changes nothing, others may search.
#ifndef FG_INDEX_H
#define FG_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matcher/slots.h"

#ifdef __cplusplus
extern "C" {
#endif

// Probability that a mate on the threshold is dismissed, at most: the default, and what may be set.
#define FG_INDEX_DISMISSAL      1e-7
#define FG_INDEX_DISMISSAL_LOW  1e-15
#define FG_INDEX_DISMISSAL_HIGH 0.1

struct fg_index;

struct fg_index_options {
    uint32_t dimension;  // 1..FG_TEMPLATE_MAX; codes from 32 on, under it every row is compared
    bool deterministic;  // nobody on the threshold is ever dismissed, at some cost
    double dismissal;    // otherwise; 0: FG_INDEX_DISMISSAL
    unsigned code_bits;  // 1, 2 or 4 a dimension; 0: what suits the dimension
    uint64_t seed;       // of the secret rotation; 0: from the system's random source
    const char *kernels; // NULL: the best, see fg_index_kernels
    bool later;          // codes are made by fg_index_tend, not on insertion
    uint64_t most;       // templates, for tests of a full index; 0: as many as 2^26
};

struct fg_candidate {
    uint32_t slot; // of the template in the index, until it is removed
    float score;   // cosine of the probe and the canonical template
};

// -EINVAL: an option out of range; -ENOMEM. Success: *ret owned by the caller.
int fg_index_create(const struct fg_index_options *options, struct fg_index **ret);
void fg_index_destroy(struct fg_index *index); // wipes; accepts NULL

// Inserts a template: `values` has the index's dimension, value i is scale * values[i], its length
// 1 within 1e-4 (see fg_template). *ret_slot is its slot (freed slots are used again). -ENOMEM
// leaves the index as it was; -EINVAL: the scale is not finite and positive, or the length is
// not 1.
int fg_index_insert(struct fg_index *index, float scale, const int8_t *values, uint32_t *ret_slot);
// 0, or -ENOENT: the slot is free; -EINVAL as insert.
int fg_index_replace(struct fg_index *index, uint32_t slot, float scale, const int8_t *values);
// Overwrites the vector; a slot that is free already is left alone.
void fg_index_remove(struct fg_index *index, uint32_t slot);

// Makes codes of templates that have none yet, for about `budget_ns`. True: some have none still.
// Until then those are compared one by one: slower, the same answers.
bool fg_index_tend(struct fg_index *index, uint64_t budget_ns);

struct fg_index_query {
    const float *probe; // a unit vector of the index's dimension
    float threshold;    // -1..1
    // Only slots that are in all of these; n_within 0: all. A small set is cheap: little else is
    // looked at.
    const struct fg_slots *const *within;
    unsigned n_within;
    // The best at most k with cosine >= threshold, best first (ties: lower slot first).
    struct fg_candidate *best;
    unsigned k;
    unsigned found; // set by the search
};

struct fg_index_cost {
    uint64_t bytes;    // of templates and codes read
    uint64_t compared; // templates whose int8 values were looked at
};

// Answers all queries in one pass over memory. -EINVAL for a probe that is not finite or whose
// length is not 1 within 1e-2: nothing is answered. ret_cost may be NULL.
int fg_index_search(const struct fg_index *index, struct fg_index_query *queries, unsigned count,
                    struct fg_index_cost *ret_cost);
// The same by comparing every template exactly: the reference.
int fg_index_search_exhaustive(const struct fg_index *index, struct fg_index_query *query);

uint64_t fg_index_count(const struct fg_index *index);
uint64_t fg_index_most(const struct fg_index *index);  // templates that there is address space for
uint64_t fg_index_bytes(const struct fg_index *index); // memory for templates, as committed
bool fg_index_locked(const struct fg_index *index);    // false: mlock was refused (limits)

// How it searches.
struct fg_index_method {
    const char *kernels;
    unsigned code_bits; // a dimension; 0: no codes
    double dismissal;   // 0: deterministic
    bool ready;         // every template that can have a code has one
};
void fg_index_method(const struct fg_index *index, struct fg_index_method *ret);

#ifdef __cplusplus
}
#endif
#endif
