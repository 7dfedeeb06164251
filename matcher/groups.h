// SPDX-License-Identifier: Apache-2.0
// Sets of slots by name: who is listed for a lane, who has a tag. One thread uses them.
#ifndef FG_GROUPS_H
#define FG_GROUPS_H

#include <stdint.h>

#include "matcher/slots.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_group {
    char name[32];         // FG_SUBJECT_WORD
    uint32_t listed;       // slots added by name: at 0 the group ends
    struct fg_slots slots; // they, and those of `everyone` when the groups have one
};

struct fg_groups {
    struct fg_group *list; // by name
    uint32_t count, room;
};

const struct fg_group *fg_groups_find(const struct fg_groups *groups, const char *name);

// Adds the slot to the group of each word (`words`: one after the other, each with its NUL, then an
// empty one; a word twice counts once); a new group starts as a copy of `everyone` (NULL: empty).
// 0, or -ENOMEM: the slot is in none of them.
int fg_groups_add(struct fg_groups *groups, const char *words, uint32_t slot,
                  const struct fg_slots *everyone);
void fg_groups_remove(struct fg_groups *groups, const char *words, uint32_t slot);

// Adds the slot to every group that there is, for one that belongs to `everyone`. 0, or -ENOMEM:
// the slot is in none.
int fg_groups_add_everywhere(struct fg_groups *groups, uint32_t slot);
void fg_groups_remove_everywhere(struct fg_groups *groups, uint32_t slot);

void fg_groups_clear(struct fg_groups *groups); // frees; empty again

#ifdef __cplusplus
}
#endif
#endif
