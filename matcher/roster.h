// SPDX-License-Identifier: Apache-2.0
// The enrolled as a search sees them: the index, and for each template whose it is, when it is
// valid, in which lanes, and with which tags. One template a subject (its average). One thread owns
// a roster. Every change takes constant time, but for a logarithm of those with a window.
#ifndef FG_ROSTER_H
#define FG_ROSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "matcher/index.h"
#include "matcher/member.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fg_roster;

// May this subject pass in this lane now? A subject is valid from valid_from_s on and until just
// before valid_until_s.
enum fg_access { FG_ACCESS_OPEN, FG_ACCESS_NOT_VALID_NOW, FG_ACCESS_WRONG_LANE };

// 0, -ENOMEM, -EIO (no random bytes), -EINVAL: an option of the index.
int fg_roster_create(const struct fg_index_options *index, struct fg_roster **ret);
void fg_roster_destroy(struct fg_roster *roster); // wipes; accepts NULL

// Says how many will be put, before the first: they go in faster then.
void fg_roster_expect(struct fg_roster *roster, uint64_t count);
// Adds a subject or replaces the one of the same id. -ENOMEM, -EINVAL (dimension): unchanged.
int fg_roster_put(struct fg_roster *roster, const struct fg_member *member);
// The same of a subject whose id is known not to be there: nobody is looked for.
int fg_roster_add(struct fg_roster *roster, const struct fg_member *member);
bool fg_roster_remove(struct fg_roster *roster, const char *id); // false: not there
// See fg_index_tend.
bool fg_roster_tend(struct fg_roster *roster, uint64_t budget_ns);

uint64_t fg_roster_count(const struct fg_roster *roster);
uint64_t fg_roster_bytes(const struct fg_roster *roster); // of the index's templates
bool fg_roster_locked(const struct fg_roster *roster);
const struct fg_index *fg_roster_index(const struct fg_roster *roster); // borrowed
// The slot of a subject, or FG_NO_ID.
uint32_t fg_roster_slot(const struct fg_roster *roster, const char *id);

// How many subjects are open in this lane now (lane NULL: in any lane).
uint64_t fg_roster_candidates(struct fg_roster *roster, const char *lane, uint64_t realtime_s);

// Who is it, among those open in the lane now (NULL: in any) who have all of the tags?
struct fg_question {
    const float *probe; // a unit vector
    float score;        // at least
    const char *lane;
    const char *const *tags;
    unsigned n_tags; // at most FG_QUESTION_TAGS
    const char *id;  // set: of the best subject, or NULL. Borrowed until the roster changes
};
#define FG_QUESTION_TAGS 4

// Answers all in one pass over memory. 0, or -EINVAL: a probe is no unit vector; no id is set then.
int fg_roster_ask(struct fg_roster *roster, struct fg_question *questions, unsigned count,
                  uint64_t realtime_s);
// One question without tags.
const char *fg_roster_search(struct fg_roster *roster, const float *probe, float score,
                             const char *lane, uint64_t realtime_s);

// Why the best subject at or above the score, open or not, may not pass; FG_ACCESS_OPEN when there
// is none. *ret_id (NULL: not asked for) is who it is, or NULL. For the reason of a denial alone.
enum fg_access fg_roster_refusal(const struct fg_roster *roster, const float *probe, float score,
                                 const char *lane, uint64_t realtime_s, const char **ret_id);

// Whether the roster has this member: its template bit for bit, and found by a search with itself,
// among all when `whole` (else by its slot alone, which is quick). 0; -ENOENT: not there; -EBADMSG:
// another template; -ESRCH: the search misses it; -ENOMEM.
int fg_roster_check(const struct fg_roster *roster, const struct fg_member *member, bool whole);

// The first at most `limit` ids after `after` in byte order; returns how many. Borrowed.
unsigned fg_roster_page(const struct fg_roster *roster, const char *after, const char **ret,
                        unsigned limit);

#ifdef __cplusplus
}
#endif
#endif
