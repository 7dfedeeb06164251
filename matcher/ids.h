// SPDX-License-Identifier: Apache-2.0
// From a subject's id to its slot: linear hashing (Litwin, 1980), which grows by one bucket at a
// time, so that no insertion waits for a whole table to be made anew. One thread uses it.
#ifndef FG_IDS_H
#define FG_IDS_H

#include <stdint.h>

#include "matcher/pages.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_NO_ID UINT32_MAX

struct fg_id_link { // kept with each slot
    uint32_t next;  // slot in the same bucket
    uint32_t hash;
};

struct fg_ids {
    struct fg_pages buckets; // uint32_t [n]: the first slot of each
    uint32_t n, low, count;  // low: the power of two that is not more than n
    const char *(*id)(const void *context, uint32_t slot);
    struct fg_id_link *(*link)(const void *context, uint32_t slot);
    void *context;
};

int fg_ids_init(struct fg_ids *ids, uint64_t most); // the three last members set; 0 or -ENOMEM
void fg_ids_finish(struct fg_ids *ids);
// Says how many will come, while there is none yet: they are added faster then. Never fails.
void fg_ids_expect(struct fg_ids *ids, uint64_t count);

uint32_t fg_ids_find(const struct fg_ids *ids, const char *id); // FG_NO_ID: not there
// Makes room for one more, so that fg_ids_add can't fail. 0 or -ENOMEM.
int fg_ids_reserve(struct fg_ids *ids);
void fg_ids_add(struct fg_ids *ids, uint32_t slot);    // its id is not there
void fg_ids_remove(struct fg_ids *ids, uint32_t slot); // it is there

#ifdef __cplusplus
}
#endif
#endif
