// SPDX-License-Identifier: Apache-2.0
// Who is present where: the attempts of each lane's present presence, and the subjects that were
// admitted there lately. Bounded: the entry silent longest makes room.
#ifndef FG_PRESENCES_H
#define FG_PRESENCES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/wire.h"
#include "matcher/subject.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_PRESENCE_LANES 32
#define FG_PRESENCES      256

struct fg_lane_presence {
    char name[FG_WIRE_NAME];
    uint64_t seen_ns;
    unsigned attempts; // denials in the present presence
};

struct fg_subject_presence {
    char lane[FG_WIRE_NAME], subject[FG_SUBJECT_ID];
    uint64_t seen_ns;
};

struct fg_presences { // starts zeroed
    struct fg_lane_presence lanes[FG_PRESENCE_LANES];
    struct fg_subject_presence subjects[FG_PRESENCES];
};

// The lane's place; made when there is none. Borrowed until another lane is asked for.
struct fg_lane_presence *fg_presences_lane(struct fg_presences *presences, const char *lane);

// Somebody admitted as `subject` is seen in the lane.
void fg_presences_touch(struct fg_presences *presences, const char *lane, const char *subject,
                        uint64_t now_ns);
// Whether they were, within absent_ms.
bool fg_presences_lately(const struct fg_presences *presences, const char *lane,
                         const char *subject, uint64_t now_ns, uint32_t absent_ms);

#ifdef __cplusplus
}
#endif
#endif
