// SPDX-License-Identifier: Apache-2.0
// When something is due for which slot: a binary heap in which each slot waits at most once. The
// owner keeps each slot's place (`at`), so that moving or dropping one takes log n steps.
#ifndef FG_TIMELINE_H
#define FG_TIMELINE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FG_NOT_WAITING UINT32_MAX

struct fg_due {
    uint64_t time_s;
    uint32_t slot;
};

struct fg_timeline {
    struct fg_due *heap; // the first is due first
    uint32_t count, room;
    // Where the place of a slot in the heap is kept.
    uint32_t *(*place)(void *context, uint32_t slot);
    void *context;
};

// Makes room for so many slots in all, for whom fg_timeline_set can't fail then. 0 or -ENOMEM.
int fg_timeline_reserve(struct fg_timeline *timeline, uint32_t slots);
// Sets when the slot is due, in place of what it waited for; UINT64_MAX: never.
void fg_timeline_set(struct fg_timeline *timeline, uint32_t slot, uint64_t time_s);
void fg_timeline_clear(struct fg_timeline *timeline); // frees; empty again

#ifdef __cplusplus
}
#endif
#endif
