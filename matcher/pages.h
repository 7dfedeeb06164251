// SPDX-License-Identifier: Apache-2.0
// Memory that grows in place: addresses are reserved at first and pages committed as they are
// needed, at most 2 MB at a time, so that growing never copies or takes long. Locked where limits
// allow, never in a core dump, huge pages where the system has them; wiped when freed.
#ifndef FG_PAGES_H
#define FG_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fg_pages {
    uint8_t *base; // 2 MB aligned; NULL: nothing reserved
    size_t bytes;  // committed, zero at first
    size_t reserved;
    bool unlocked; // mlock was refused
};

// Reserves room for `most` bytes in a zeroed struct. 0 or -ENOMEM.
int fg_pages_reserve(struct fg_pages *pages, size_t most);
// Commits until there are `bytes`. 0, or -ENOMEM: what is committed stays.
int fg_pages_grow(struct fg_pages *pages, size_t bytes);
void fg_pages_free(struct fg_pages *pages); // leaves a zeroed struct

#ifdef __cplusplus
}
#endif
#endif
