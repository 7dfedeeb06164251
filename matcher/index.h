// SPDX-License-Identifier: Apache-2.0
// The index: every template in memory (locked, never dumped), searched by cosine above a
// threshold. Here an exhaustive scan over the canonical int8 templates, which stays the reference
// for anything faster. One thread owns an index.
#ifndef FG_INDEX_H
#define FG_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matcher/subject.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_index;

struct fg_candidate {
    uint32_t slot; // of the template in the index, until it is removed
    float score;   // cosine
};

// `dimension` 1..FG_TEMPLATE_MAX. Success: *ret owned by the caller.
int fg_index_create(uint32_t dimension, struct fg_index **ret);
void fg_index_destroy(struct fg_index *index); // wipes; accepts NULL

// Inserts a template; *ret_slot is its slot (freed slots are used again). -ENOMEM leaves the index
// as it was; -EINVAL: the scale is not finite and positive.
int fg_index_insert(struct fg_index *index, const struct fg_template *tmpl, uint32_t *ret_slot);
// 0, or -ENOENT: the slot is free; -EINVAL as insert.
int fg_index_replace(struct fg_index *index, uint32_t slot, const struct fg_template *tmpl);
// Overwrites the vector; a slot that is free already is left alone.
void fg_index_remove(struct fg_index *index, uint32_t slot);

// Admits a slot to a search, or not; NULL admits all.
typedef bool (*fg_index_filter)(void *context, uint32_t slot);

// The best at most `k` templates with cosine >= threshold that `filter` admits, best first (ties:
// lower slot first). `probe` is a unit vector of the index's dimension. Returns how many, or
// -EINVAL for a probe that is not finite or whose length is not 1 within 1e-2.
// *ret_compared (may be NULL) is how many templates the filter admitted: counting them calls the
// filter for every template, otherwise only for those above the threshold.
int fg_index_search(const struct fg_index *index, const float *probe, float threshold,
                    fg_index_filter filter, void *context, struct fg_candidate *ret, unsigned k,
                    uint64_t *ret_compared);

uint64_t fg_index_count(const struct fg_index *index);
uint64_t fg_index_bytes(const struct fg_index *index); // memory in use for templates
bool fg_index_locked(const struct fg_index *index);    // false: mlock was refused (limits)

#ifdef __cplusplus
}
#endif
#endif
