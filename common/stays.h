// SPDX-License-Identifier: Apache-2.0
// Who was in a zone from when to when, from crossings in and out: what hours are paid by.
#ifndef FG_STAYS_H
#define FG_STAYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FG_STAYS_SUBJECT 64 // bytes of a subject's id and
#define FG_STAYS_ZONE    32 // of a zone's name, with the NUL

struct fg_crossing {
    char subject[FG_STAYS_SUBJECT], zone[FG_STAYS_ZONE];
    uint64_t t_s; // seconds since 1970
    bool in;
    size_t place; // among those added
};

struct fg_stays { // starts zeroed
    struct fg_crossing *crossings;
    size_t count, room;
};

struct fg_stay { // borrowed from the crossings
    const char *subject, *zone;
    bool came, left;      // one alone: the other crossing was not seen
    uint64_t in_s, out_s; // 0 where it was not
    uint64_t seconds;     // 0 unless both were
};

// In the order in which they happened. -ENOMEM; -EINVAL: a text is too long.
int fg_stays_add(struct fg_stays *stays, const char *subject, const char *zone, uint64_t t_s,
                 bool in);
// Puts them in the order of subject and zone; each one's stays follow each other in time.
void fg_stays_sort(struct fg_stays *stays);
// The stay at *at (0 at first), which goes on behind it. False: that was the last. A way in that
// another way in follows was never left, as far as anybody saw.
bool fg_stays_next(const struct fg_stays *stays, size_t *at, struct fg_stay *ret);
void fg_stays_finish(struct fg_stays *stays);

#ifdef __cplusplus
}
#endif
#endif
