// SPDX-License-Identifier: Apache-2.0
// A set of slots: who has a tag, who may use a lane, who is valid now. Few are a sorted list, many
// a bitmap of one word a block of the index. One thread changes a set.
#ifndef FG_SLOTS_H
#define FG_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FG_SLOTS_FEW 4096 // most of a list

struct fg_slots {
    uint64_t *words;  // the bitmap, n_words of it; NULL: a list
    uint32_t *list;   // rising, count of them
    uint32_t n_words; // of the bitmap; of the list, what it has room for
    uint32_t count;   // of slots
};

// A zeroed struct is an empty set. 0 or -ENOMEM (unchanged). Adding twice is adding once.
int fg_slots_add(struct fg_slots *slots, uint32_t slot);
void fg_slots_remove(struct fg_slots *slots, uint32_t slot);
bool fg_slots_has(const struct fg_slots *slots, uint32_t slot);
int fg_slots_copy(struct fg_slots *to, const struct fg_slots *from);  // to: an empty set
void fg_slots_clear(struct fg_slots *slots);                          // frees; empty again
uint64_t fg_slots_word(const struct fg_slots *slots, uint32_t block); // slots 64 * block to + 63

// Of several sets: the shortest list, or NULL when all are bitmaps; is a slot in each of them; how
// many are in all of them (n >= 1).
const struct fg_slots *fg_slots_fewest(const struct fg_slots *const *sets, unsigned n);
bool fg_slots_all_have(const struct fg_slots *const *sets, unsigned n, uint32_t slot);
uint64_t fg_slots_common(const struct fg_slots *const *sets, unsigned n);

#ifdef __cplusplus
}
#endif
#endif
