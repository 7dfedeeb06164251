// SPDX-License-Identifier: Apache-2.0
// The rules of a profile, applied to one subject who was recognised: pure, no clock, no memory, no
// store. What the store knows comes in as facts.
#ifndef FG_RULES_H
#define FG_RULES_H

#include "matcher/flight.h"
#include "matcher/payment.h"
#include "matcher/policy.h"
#include "matcher/reasons.h"
#include "matcher/subject.h"

#ifdef __cplusplus
extern "C" {
#endif

// Reason codes of refusals; stable.
struct fg_facts {
    const struct fg_subject *subject;
    bool blocked;
    bool inside; // at some zone, or the site when the lanes name none
    char inside_zone[FG_WIRE_NAME];
    uint64_t zone_count; // people in the lane's zone now
    uint64_t passed_s;   // last passage, 0: none
    char passed_lane[FG_WIRE_NAME];
    bool pending;                    // an admission in another lane is not settled
    const struct fg_flight *flights; // of the subject's tags, that the store knows
    unsigned n_flights;
    const struct fg_payment *payment; // NULL: none is asked for in this lane
    bool pin_given, pin_right;
};

struct fg_verdict {
    bool admit;                // else refused
    bool retry;                // refused, but the subject may mend it now (pin_needed)
    const char *reason;        // a code of matcher/reasons.h (FG_WHY_...), static
    uint64_t when_s;           // a reason's time, or 0
    char detail[FG_WIRE_NAME]; // a reason's word, or empty
};

// `minute` and `weekday` are of the local day (0..1439; 0 Monday), at most one day off UTC's. now_s
// is CLOCK_REALTIME. The first refusal is the answer, in this order:
// clock (before 2020-01-01: clock_wrong), blocked, firm, consent, registration, age, the lane's
// hours and tags (no_permit), the zone (hours, tags, most), ticket, exclusivity and what is
// pending, cool-down, anti-passback, payment (limit, PIN).
//
// A zone's rules are for who goes in: nobody is kept inside by them.
//
// In a lane that only watches nobody goes anywhere: `admit` says that the subject may be there, by
// all rules up to the zone's hours and tags.
//
// A last passage that the clock puts into the future counts as just made when it is nearer than the
// rule's time, else as long past: the clock was set.
//
// Without a PIN on record an amount above pin_above is limit_exceeded. pin_wrong is a retry too:
// the caller counts the tries.
//
// A reason's time: not_yet_valid and registration_expired (the validity's begin, end), too_early
// (boarding opens), departed, other_lane and cooling_down (until when, if a passage is why).
// A reason's word: no_permit (the missing tag, or the zone), zone_full (the zone), wrong_gate (the
// right lane), too_early and departed (the flight), other_lane (of the last passage).
void fg_rules_check(const struct fg_policy *policy, const struct fg_lane_rules *lane,
                    const struct fg_facts *facts, uint64_t now_s, unsigned minute, unsigned weekday,
                    struct fg_verdict *ret);

#ifdef __cplusplus
}
#endif
#endif
