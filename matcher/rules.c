// SPDX-License-Identifier: Apache-2.0
#include "matcher/rules.h"

#include <stdio.h>
#include <string.h>

#include "common/calendar.h"
#include "matcher/decision.h"

#define DAY_S    86400u
#define CLOCK_OK 1577836800u // 2020-01-01: a clock before it has never been set

// One check under way.
struct check {
    const struct fg_policy *policy;
    const struct fg_lane_rules *lane;
    const struct fg_zone_rules *zone; // of the lane, or NULL
    const struct fg_facts *facts;
    const struct fg_subject *subject;
    uint64_t now_s;
    unsigned minute, weekday;
    struct fg_verdict *verdict;
};

typedef bool (*rule)(const struct check *c); // false: refused, the verdict says why

static bool refuse(const struct check *c, const char *reason, uint64_t when_s, const char *detail)
{
    c->verdict->reason = reason;
    c->verdict->when_s = when_s;
    snprintf(c->verdict->detail, sizeof c->verdict->detail, "%s", detail);
    return false;
}

static bool has_tag(const struct fg_subject *s, const char *tag)
{
    for (unsigned i = 0; i < s->n_tags; i++)
        if (strcmp(s->tags[i], tag) == 0)
            return true;
    return false;
}

// ---- who ----------------------------------------------------------------------------------------

static bool clock_is_set(const struct check *c)
{
    return c->now_s >= CLOCK_OK || refuse(c, FG_WHY_CLOCK_WRONG, 0, "");
}

static bool not_blocked(const struct check *c)
{
    return !c->facts->blocked || refuse(c, FG_WHY_BLOCKED, 0, "");
}

static bool of_the_firm(const struct check *c)
{
    char tag[FG_WIRE_NAME + sizeof FG_TAG_FIRM];
    if (!c->lane->firm[0])
        return true;
    snprintf(tag, sizeof tag, FG_TAG_FIRM "%s", c->lane->firm);
    return has_tag(c->subject, tag) || refuse(c, FG_WHY_NOT_A_CUSTOMER, 0, "");
}

static bool consented(const struct check *c)
{
    return !c->policy->consent || c->subject->consent[0] || refuse(c, FG_WHY_NO_CONSENT, 0, "");
}

// The end of the registration by the profile and by the subject's own; 0: none.
static uint64_t registered_until(const struct check *c)
{
    uint64_t own = c->subject->valid_until_s, standard = 0;
    if (c->policy->registration_days &&
        __builtin_add_overflow(c->subject->enrolled_s,
                               (uint64_t)c->policy->registration_days * DAY_S, &standard))
        standard = UINT64_MAX;
    return own && standard ? (own < standard ? own : standard) : own + standard;
}

static bool registered(const struct check *c)
{
    uint64_t from = c->subject->valid_from_s, until = registered_until(c);
    if (from && c->now_s < from)
        return refuse(c, FG_WHY_NOT_YET_VALID, from, "");
    return !until || c->now_s < until || refuse(c, FG_WHY_REGISTRATION_EXPIRED, until, "");
}

// The local date: UTC's, or the day before or after, whichever is the local day of the week.
static int32_t local_day(const struct check *c)
{
    uint64_t utc = c->now_s / DAY_S;
    unsigned weekday = (unsigned)((utc + 3) % 7); // 1970-01-01 was a Thursday
    if (utc >= INT32_MAX)
        return INT32_MAX - 1;
    if (c->weekday == (weekday + 1) % 7)
        return (int32_t)utc + 1;
    return (int32_t)utc - (c->weekday == (weekday + 6) % 7);
}

static bool old_enough(const struct check *c)
{
    const struct fg_policy *p = c->policy;
    if (!p->refused_under && !p->guardian_under)
        return true;
    if (c->subject->born == FG_NO_BIRTH)
        return refuse(c, FG_WHY_BIRTH_UNKNOWN, 0, "");
    int age = fg_age_on(c->subject->born, local_day(c));
    if (age < (int)p->refused_under)
        return refuse(c, FG_WHY_TOO_YOUNG, 0, "");
    if (age < (int)p->guardian_under && !c->subject->guardian[0])
        return refuse(c, FG_WHY_GUARDIAN_NEEDED, 0, "");
    return true;
}

// ---- when and where -----------------------------------------------------------------------------

static bool within_hours(const struct check *c, const struct fg_hours *hours, unsigned count)
{
    unsigned yesterday = (c->weekday + 6) % 7;
    for (unsigned i = 0; i < count; i++) {
        const struct fg_hours *h = &hours[i];
        bool today = h->days >> c->weekday & 1, before = h->days >> yesterday & 1;
        bool begun = c->minute >= h->from, over = c->minute >= h->until;
        if (h->until > h->from ? today && begun && !over : (today && begun) || (before && !over))
            return true;
    }
    return count == 0;
}

static bool lane_is_open(const struct check *c)
{
    return within_hours(c, c->lane->hours, c->lane->n_hours) ||
           refuse(c, FG_WHY_OUTSIDE_HOURS, 0, "");
}

static bool has_tags_of_lane(const struct check *c)
{
    for (unsigned i = 0; i < c->lane->n_tags; i++)
        if (!has_tag(c->subject, c->lane->tags[i]))
            return refuse(c, FG_WHY_NO_PERMIT, 0, c->lane->tags[i]);
    return true;
}

static bool may_be_in_zone(const struct check *c)
{
    const struct fg_zone_rules *zone = c->zone;
    if (!zone || c->lane->direction == FG_DIRECTION_OUT)
        return true;
    if (!within_hours(c, zone->hours, zone->n_hours))
        return refuse(c, FG_WHY_OUTSIDE_HOURS, 0, "");
    for (unsigned i = 0; i < zone->n_tags; i++)
        if (has_tag(c->subject, zone->tags[i]))
            return true;
    return zone->n_tags == 0 || refuse(c, FG_WHY_NO_PERMIT, 0, zone->name);
}

static bool is_inside(const struct check *c)
{
    return c->facts->inside && fg_policy_encloses(c->policy, c->lane->zone, c->facts->inside_zone);
}

static bool zone_has_room(const struct check *c)
{
    const struct fg_zone_rules *zone = c->zone;
    if (!zone || !zone->most || c->lane->direction == FG_DIRECTION_OUT || is_inside(c))
        return true;
    return c->facts->zone_count < zone->most || refuse(c, FG_WHY_ZONE_FULL, 0, zone->name);
}

// ---- flights ------------------------------------------------------------------------------------

static bool boards_here(const struct fg_flight *f, const char *lane)
{
    for (unsigned i = 0; i < f->n_lanes; i++)
        if (strcmp(f->lanes[i], lane) == 0)
            return true;
    return false;
}

// What is told of two flights: of those to come the first, else the last that has gone.
static const struct fg_flight *nearer(const struct fg_flight *a, const struct fg_flight *b,
                                      uint64_t now_s)
{
    bool a_comes = now_s < a->departs_s, b_comes = now_s < b->departs_s;
    if (a_comes != b_comes)
        return a_comes ? a : b;
    if (a_comes)
        return b->opens_s < a->opens_s ? b : a;
    return b->departs_s > a->departs_s ? b : a;
}

static bool boards_now(const struct check *c)
{
    const struct fg_flight *flight = NULL;
    const char *lane = c->lane->name;
    if (!c->policy->ticket)
        return true;
    for (unsigned i = 0; i < c->facts->n_flights; i++) {
        const struct fg_flight *f = &c->facts->flights[i];
        if (f->opens_s <= c->now_s && c->now_s < f->departs_s && boards_here(f, lane))
            return true;
        flight = flight ? nearer(flight, f, c->now_s) : f;
    }
    if (!flight)
        return refuse(c, FG_WHY_NO_TICKET, 0, "");
    if (c->now_s >= flight->departs_s)
        return refuse(c, FG_WHY_DEPARTED, flight->departs_s, flight->name);
    if (!boards_here(flight, lane))
        return refuse(c, FG_WHY_WRONG_GATE, 0, flight->lanes[0]);
    return refuse(c, FG_WHY_TOO_EARLY, flight->opens_s, flight->name);
}

// ---- passages -----------------------------------------------------------------------------------

static bool passed_within(const struct check *c, uint32_t seconds)
{
    uint64_t passed = c->facts->passed_s;
    uint64_t apart = c->now_s > passed ? c->now_s - passed : passed - c->now_s;
    return passed && apart < seconds;
}

static bool passed_here(const struct check *c)
{
    return strcmp(c->facts->passed_lane, c->lane->name) == 0;
}

static bool in_no_other_lane(const struct check *c)
{
    uint32_t hold_s = c->policy->exclusive_s;
    if (!hold_s)
        return true;
    if (passed_within(c, hold_s) && !passed_here(c))
        return refuse(c, FG_WHY_OTHER_LANE, c->facts->passed_s + hold_s, c->facts->passed_lane);
    return !c->facts->pending || refuse(c, FG_WHY_OTHER_LANE, 0, "");
}

static bool cooled_down(const struct check *c)
{
    uint32_t hold_s = c->policy->cooldown_s;
    return !passed_within(c, hold_s) || !passed_here(c) ||
           refuse(c, FG_WHY_COOLING_DOWN, c->facts->passed_s + hold_s, "");
}

static bool on_the_right_side(const struct check *c)
{
    if (!c->policy->anti_passback)
        return true;
    if (c->lane->direction == FG_DIRECTION_IN && is_inside(c))
        return refuse(c, FG_WHY_ALREADY_INSIDE, 0, "");
    if (c->lane->direction == FG_DIRECTION_OUT && !is_inside(c))
        return refuse(c, FG_WHY_NOT_INSIDE, 0, "");
    return true;
}

// ---- money --------------------------------------------------------------------------------------

static bool pin_answers(const struct check *c)
{
    if (!c->subject->pin[0])
        return refuse(c, FG_WHY_LIMIT_EXCEEDED, 0, "");
    c->verdict->retry = !c->facts->pin_given || !c->facts->pin_right;
    if (!c->facts->pin_given)
        return refuse(c, FG_WHY_PIN_NEEDED, 0, "");
    return c->facts->pin_right || refuse(c, FG_WHY_PIN_WRONG, 0, "");
}

static bool may_pay(const struct check *c)
{
    const struct fg_policy *p = c->policy;
    const struct fg_payment *payment = c->facts->payment;
    if (!p->payments)
        return true;
    if (!payment || strcmp(payment->firm, c->lane->firm) != 0)
        return refuse(c, FG_WHY_NO_REQUEST, 0, "");
    if (p->payment_most && payment->amount > p->payment_most)
        return refuse(c, FG_WHY_LIMIT_EXCEEDED, 0, "");
    return !p->pin_above || payment->amount <= p->pin_above || pin_answers(c);
}

// ---- all of them --------------------------------------------------------------------------------

static const rule being_there[] = {clock_is_set, not_blocked,      of_the_firm,
                                   consented,    registered,       old_enough,
                                   lane_is_open, has_tags_of_lane, may_be_in_zone};
static const rule going_through[] = {zone_has_room, boards_now,        in_no_other_lane,
                                     cooled_down,   on_the_right_side, may_pay};

static bool all_agree(const struct check *c, const rule *rules, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!rules[i](c))
            return false;
    return true;
}

void fg_rules_check(const struct fg_policy *policy, const struct fg_lane_rules *lane,
                    const struct fg_facts *facts, uint64_t now_s, unsigned minute, unsigned weekday,
                    struct fg_verdict *ret)
{
    const struct check c = {.policy = policy,
                            .lane = lane,
                            .zone = fg_policy_zone(policy, lane->zone),
                            .facts = facts,
                            .subject = facts->subject,
                            .now_s = now_s,
                            .minute = minute,
                            .weekday = weekday,
                            .verdict = ret};
    *ret = (struct fg_verdict){.reason = FG_WHY_MATCHED};
    ret->admit =
        all_agree(&c, being_there, sizeof being_there / sizeof *being_there) &&
        (lane->watch || all_agree(&c, going_through, sizeof going_through / sizeof *going_through));
}
