// SPDX-License-Identifier: Apache-2.0
// The enrolled as a search sees them: the index, and for each template whose it is, when it is
// valid and in which lanes. One template a subject (its average). One thread owns a roster.
#ifndef FG_ROSTER_H
#define FG_ROSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "matcher/subject.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_roster;

// May this subject pass in this lane now? A subject is valid from valid_from_s on and until just
// before valid_until_s.
enum fg_access { FG_ACCESS_OPEN, FG_ACCESS_NOT_VALID_NOW, FG_ACCESS_WRONG_LANE };

int fg_roster_create(uint32_t dimension, struct fg_roster **ret); // 0, -ENOMEM, -EINVAL
void fg_roster_destroy(struct fg_roster *roster);                 // wipes; accepts NULL

// Adds a subject or replaces the one of the same id. -ENOMEM, -EINVAL (dimension): unchanged.
int fg_roster_put(struct fg_roster *roster, const struct fg_subject *subject);
bool fg_roster_remove(struct fg_roster *roster, const char *id); // false: not there

uint64_t fg_roster_count(const struct fg_roster *roster);
uint64_t fg_roster_bytes(const struct fg_roster *roster); // of the index's templates
bool fg_roster_locked(const struct fg_roster *roster);

// How many subjects are open in this lane now (lane NULL: in any lane). Kept until the roster
// changes or the next validity window opens or ends, so asking again is cheap.
uint64_t fg_roster_candidates(struct fg_roster *roster, const char *lane, uint64_t realtime_s);

// The id of the best subject at or above the score that is open in the lane now, or NULL.
// Borrowed until the roster changes. `probe` is a unit vector.
const char *fg_roster_search(const struct fg_roster *roster, const float *probe, float score,
                             const char *lane, uint64_t realtime_s);

// Why the best subject at or above the score, open or not, may not pass; FG_ACCESS_OPEN when there
// is none. For the reason of a denial alone.
enum fg_access fg_roster_refusal(const struct fg_roster *roster, const float *probe, float score,
                                 const char *lane, uint64_t realtime_s);

// The first at most `limit` ids after `after` in byte order; returns how many. Borrowed.
unsigned fg_roster_page(const struct fg_roster *roster, const char *after, const char **ret,
                        unsigned limit);

#ifdef __cplusplus
}
#endif
#endif
