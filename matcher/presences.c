// SPDX-License-Identifier: Apache-2.0
#include "matcher/presences.h"

#include <string.h>

struct fg_lane_presence *fg_presences_lane(struct fg_presences *presences, const char *lane)
{
    struct fg_lane_presence *oldest = &presences->lanes[0];
    for (unsigned i = 0; i < FG_PRESENCE_LANES; i++) {
        struct fg_lane_presence *l = &presences->lanes[i];
        if (strcmp(l->name, lane) == 0)
            return l;
        if (l->seen_ns < oldest->seen_ns)
            oldest = l;
    }
    memset(oldest, 0, sizeof *oldest);
    memcpy(oldest->name, lane, strlen(lane));
    return oldest;
}

static const struct fg_subject_presence *find(const struct fg_presences *presences,
                                              const char *lane, const char *subject)
{
    for (unsigned i = 0; i < FG_PRESENCES; i++) {
        const struct fg_subject_presence *p = &presences->subjects[i];
        if (strcmp(p->subject, subject) == 0 && strcmp(p->lane, lane) == 0)
            return p;
    }
    return NULL;
}

static struct fg_subject_presence *place(struct fg_presences *presences)
{
    struct fg_subject_presence *oldest = &presences->subjects[0];
    for (unsigned i = 1; i < FG_PRESENCES; i++)
        if (presences->subjects[i].seen_ns < oldest->seen_ns)
            oldest = &presences->subjects[i];
    return oldest;
}

void fg_presences_touch(struct fg_presences *presences, const char *lane, const char *subject,
                        uint64_t now_ns)
{
    const struct fg_subject_presence *found = find(presences, lane, subject);
    struct fg_subject_presence *p =
        found ? &presences->subjects[found - presences->subjects] : place(presences);
    if (!found) {
        memset(p, 0, sizeof *p);
        memcpy(p->lane, lane, strlen(lane));
        memcpy(p->subject, subject, strlen(subject));
    }
    p->seen_ns = now_ns;
}

bool fg_presences_lately(const struct fg_presences *presences, const char *lane,
                         const char *subject, uint64_t now_ns, uint32_t absent_ms)
{
    const struct fg_subject_presence *p = find(presences, lane, subject);
    return p && now_ns - p->seen_ns < absent_ms * UINT64_C(1000000);
}
