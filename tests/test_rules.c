// SPDX-License-Identifier: Apache-2.0
// The rules: a million random passers-by against a model of each shipped profile, which is written
// from what the profile promises and shares no code with the rules; and their edges one by one.
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/calendar.h"
#include "matcher/rules.h"
#include "tests/dice.h"

#define MILLION 1000000
#define DAY     86400
#define YEAR    (365 * DAY)
#define NOW     1795435200u // 2026-11-23 12:00 UTC, a Monday

// What passes by: all that the rules are asked about.
struct world {
    uint64_t now;
    int offset; // of the local time, minutes
    char lane[FG_WIRE_NAME];
    struct fg_subject who;
    struct fg_flight flights[3];
    struct fg_payment payment;
    struct fg_facts facts;
};

static struct tm local(const struct world *w)
{
    time_t t = (time_t)((int64_t)w->now + w->offset * 60);
    struct tm tm;
    assert_non_null(gmtime_r(&t, &tm));
    return tm;
}

static void ask(const struct fg_policy *policy, const struct world *w, struct fg_verdict *ret)
{
    struct tm tm = local(w);
    fg_rules_check(policy, fg_policy_lane(policy, w->lane), &w->facts, w->now,
                   (unsigned)(tm.tm_hour * 60 + tm.tm_min), (unsigned)(tm.tm_wday + 6) % 7, ret);
}

// ---- the model ----------------------------------------------------------------------------------

static bool wears(const struct world *w, const char *tag)
{
    bool found = false;
    for (unsigned i = 0; i < w->who.n_tags; i++)
        found |= strcmp(w->who.tags[i], tag) == 0;
    return found;
}

static bool at(const struct world *w, const char *lane)
{
    return strcmp(w->lane, lane) == 0;
}

// Everywhere: a clock that was set, nobody on the block list, within the subject's own dates and
// `days` after enrolment.
static const char *everywhere(const struct world *w, bool consent, int64_t days, const char *firm)
{
    const struct fg_subject *s = &w->who;
    struct tm first = {.tm_year = 120, .tm_mday = 1};
    if ((time_t)w->now < timegm(&first))
        return "clock_wrong";
    if (w->facts.blocked)
        return "blocked";
    if (firm && !wears(w, firm))
        return "not_a_customer";
    if (consent && strlen(s->consent) == 0)
        return "no_consent";
    if (s->valid_from_s != 0 && w->now < s->valid_from_s)
        return "not_yet_valid";
    if (s->valid_until_s != 0 && !(w->now < s->valid_until_s))
        return "registration_expired";
    if (days > 0 && (int64_t)w->now - (int64_t)s->enrolled_s >= days * DAY)
        return "registration_expired";
    return NULL;
}

// The birthday of that year, by the C library: 29 February becomes 1 March where there is none.
static bool has_completed(const struct world *w, int years)
{
    time_t birth = (time_t)w->who.born * DAY, now = (time_t)((int64_t)w->now + w->offset * 60);
    struct tm tm;
    gmtime_r(&birth, &tm);
    tm.tm_year += years;
    return timegm(&tm) <= now;
}

// Under 7 refused, under 14 with a guardian's consent.
static const char *of_age(const struct world *w)
{
    if (w->who.born == FG_NO_BIRTH)
        return "birth_unknown";
    if (!has_completed(w, 7))
        return "too_young";
    if (!has_completed(w, 14) && strlen(w->who.guardian) == 0)
        return "guardian_needed";
    return NULL;
}

static bool just_passed(const struct world *w, int64_t seconds)
{
    int64_t ago = (int64_t)w->now - (int64_t)w->facts.passed_s;
    return w->facts.passed_s != 0 && ago < seconds && -ago < seconds;
}

static const char *one_gate(const struct world *w, int64_t other_s, int64_t same_s)
{
    bool same = at(w, w->facts.passed_lane);
    if (other_s > 0 && (w->facts.pending || (just_passed(w, other_s) && !same)))
        return "other_lane";
    if (just_passed(w, same_s) && same)
        return "cooling_down";
    return NULL;
}

#define FIRST_OF(...)                                                                              \
    first_of((const char *const[]){__VA_ARGS__},                                                   \
             sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))
static const char *first_of(const char *const *answers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (answers[i])
            return answers[i];
    return "matched";
}

static const char *model_departure(const struct world *w)
{
    return FIRST_OF(everywhere(w, true, 1826, NULL), of_age(w), one_gate(w, 60, 30));
}

static const char *ticket(const struct world *w)
{
    const struct fg_flight *next = NULL;
    bool left = false;
    for (unsigned i = 0; i < w->facts.n_flights; i++) {
        const struct fg_flight *f = &w->facts.flights[i];
        bool here = strcmp(f->lanes[0], w->lane) == 0 ||
                    (f->n_lanes > 1 && strcmp(f->lanes[1], w->lane) == 0);
        if (w->now >= f->departs_s) {
            left = true;
            continue;
        }
        if (here && f->opens_s <= w->now)
            return NULL;
        if (!next || f->opens_s < next->opens_s)
            next = f;
    }
    if (!next)
        return left ? "departed" : "no_ticket";
    bool here = strcmp(next->lanes[0], w->lane) == 0 ||
                (next->n_lanes > 1 && strcmp(next->lanes[1], w->lane) == 0);
    return here ? "too_early" : "wrong_gate";
}

static const char *model_boarding(const struct world *w)
{
    return FIRST_OF(everywhere(w, true, 1826, NULL), of_age(w), ticket(w), one_gate(w, 600, 600));
}

static const char *model_fare(const struct world *w)
{
    return FIRST_OF(everywhere(w, true, 0, NULL), one_gate(w, 30, 30));
}

// Four tills, each of one firm. Above 100,000 never, above 10,000 with a PIN.
static const char *model_pay(const struct world *w)
{
    static const char *const firms[] = {"bank", "cards", "stores", "transit"};
    const char *firm = NULL;
    char till[32], tag[32];
    for (int i = 0; i < 4; i++) {
        snprintf(till, sizeof till, "%s-1", firms[i]);
        if (at(w, till))
            firm = firms[i];
    }
    snprintf(tag, sizeof tag, "firm:%s", firm ? firm : "");
    const char *answer = everywhere(w, true, 0, firm ? tag : NULL);
    if (answer)
        return answer;
    if (!w->facts.payment || strcmp(w->facts.payment->firm, firm ? firm : "") != 0)
        return "no_request";
    uint64_t amount = w->facts.payment->amount;
    if (amount > 100000 || (amount > 10000 && strlen(w->who.pin) == 0))
        return "limit_exceeded";
    if (amount > 10000 && !w->facts.pin_given)
        return "pin_needed";
    return amount > 10000 && !w->facts.pin_right ? "pin_wrong" : "matched";
}

static const char *model_claimed(const struct world *w)
{
    return FIRST_OF(everywhere(w, false, 0, NULL));
}

static const char *trade(const struct world *w)
{
    bool one = wears(w, "trade:tunnel") || wears(w, "trade:electric") || wears(w, "trade:survey");
    return one ? NULL : "no_permit";
}

// In from Monday to Saturday, 5:30 to 21:00; out always. The tunnel lies within the site, is for
// three trades, and holds 40.
static const char *model_worksite(const struct world *w)
{
    const struct tm tm = local(w);
    int clock = tm.tm_hour * 100 + tm.tm_min;
    bool in_tunnel = w->facts.inside && strcmp(w->facts.inside_zone, "tunnel") == 0;
    bool on_site = in_tunnel || (w->facts.inside && strcmp(w->facts.inside_zone, "site") == 0);
    const char *answer = everywhere(w, true, 365, NULL);
    if (answer)
        return answer;
    if (at(w, "tunnel-face"))
        return trade(w) ? trade(w) : "matched"; // may be there: nobody is let through
    if (at(w, "site-in") && (tm.tm_wday == 0 || clock < 530 || clock >= 2100))
        return "outside_hours";
    if (at(w, "tunnel-in") && trade(w))
        return "no_permit";
    if (at(w, "tunnel-in") && !in_tunnel && w->facts.zone_count >= 40)
        return "zone_full";
    if (one_gate(w, 5, 0))
        return "other_lane";
    if ((at(w, "site-in") && on_site) || (at(w, "tunnel-in") && in_tunnel))
        return "already_inside";
    if ((at(w, "site-out") && !on_site) || (at(w, "tunnel-out") && !in_tunnel))
        return "not_inside";
    return "matched";
}

// ---- random worlds ------------------------------------------------------------------------------

static bool one_in(uint32_t count)
{
    return random_below(count) == 0;
}

// Near a point, often on it or a second beside it.
static uint64_t near(int64_t point, uint32_t spread)
{
    int64_t t = point + (int64_t)random_below(3) - 1;
    if (one_in(2))
        t = point + (int64_t)random_below(2 * spread) - spread;
    return t > 0 ? (uint64_t)t : 0;
}

static const char *pick(const char *const *from, uint32_t count)
{
    return from[random_below(count)];
}

static uint64_t random_now(void)
{
    switch (random_below(16)) {
    case 0:
        return random_below(30 * 366) * (uint64_t)DAY; // before 2000
    case 1:
        return near(1577836800, 1000); // 2020
    case 2:
        return NOW + (uint64_t)random_below(100 * 365) * DAY; // a jump forwards
    case 3:
        return near(1835395200, 3 * DAY); // around 29 February 2028
    default:
        return NOW + random_below(400 * DAY) + random_below(DAY);
    }
}

static int32_t random_born(const struct world *w)
{
    static const int ages[] = {7, 14, 0, 30};
    if (one_in(8))
        return FG_NO_BIRTH;
    if (one_in(8))
        return fg_day_read(one_in(2) ? "2020-02-29" : "2012-02-29");
    int32_t today = (int32_t)(w->now / DAY);
    return today - ages[random_below(4)] * 365 - (int32_t)random_below(8);
}

static void random_tags(struct world *w)
{
    static const char *const tags[] = {
        "firm:bank",    "firm:cards",   "firm:stores",    "firm:transit", "firm:",     "firm",
        "trade:tunnel", "trade:survey", "trade:electric", "trade",        "flight:F1", "x"};
    w->who.n_tags = random_below(5);
    for (unsigned i = 0; i < w->who.n_tags; i++)
        strcpy(w->who.tags[i], pick(tags, 12));
}

static void random_subject(struct world *w)
{
    static const int64_t terms[] = {1826, 365, 0, 20};
    struct fg_subject *s = &w->who;
    strcpy(s->id, "s");
    s->enrolled_s = near((int64_t)w->now - terms[random_below(4)] * DAY, DAY);
    s->valid_from_s = one_in(3) ? near((int64_t)w->now - (one_in(4) ? 0 : 5 * DAY), DAY) : 0;
    s->valid_until_s = one_in(3) ? near((int64_t)w->now + (one_in(4) ? 0 : 5 * DAY), DAY) : 0;
    strcpy(s->consent, one_in(8) ? "" : "c-1");
    strcpy(s->guardian, one_in(2) ? "" : "g-1");
    strcpy(s->pin, one_in(3) ? "" : "$argon2id$x");
    s->born = random_born(w);
    random_tags(w);
}

static void random_flight(struct fg_flight *f, uint64_t now, const char *const *lanes, uint32_t n)
{
    strcpy(f->name, one_in(2) ? "F1" : "F2");
    f->n_lanes = 1 + random_below(2);
    for (unsigned i = 0; i < f->n_lanes; i++)
        strcpy(f->lanes[i], pick(lanes, n));
    f->opens_s = near((int64_t)now - random_below(2) * 1800, 3600);
    f->departs_s = f->opens_s + near(1800, 1200);
    if (one_in(16))
        f->departs_s = f->opens_s - random_below(2) * 60; // closes before it opens
}

static void random_payment(struct world *w)
{
    static const char *const firms[] = {"bank", "cards", "stores", "transit", ""};
    static const uint64_t amounts[] = {0, 10000, 10001, 100000, 100001, UINT64_MAX};
    w->payment.kind = (enum fg_payment_kind)random_below(3);
    snprintf(w->payment.firm, sizeof w->payment.firm, "%s", pick(firms, 5));
    if (one_in(2) && strchr(w->lane, '-')) // of the till it is asked for at
        snprintf(w->payment.firm, sizeof w->payment.firm, "%.*s", (int)strcspn(w->lane, "-"),
                 w->lane);
    w->payment.amount = one_in(4) ? random_below(200000) : amounts[random_below(6)];
    w->facts.payment = one_in(8) ? NULL : &w->payment;
    w->facts.pin_given = one_in(2);
    w->facts.pin_right = w->facts.pin_given && one_in(2);
}

static void random_facts(struct world *w, const char *const *lanes, uint32_t n)
{
    static const char *const zones[] = {"", "site", "tunnel", "elsewhere"};
    static const int64_t ages[] = {0, 5, 30, 60, 600, 1000, -5, -30, -60, -600, -YEAR};
    struct fg_facts *f = &w->facts;
    f->subject = &w->who;
    f->blocked = one_in(16);
    f->inside = one_in(2);
    strcpy(f->inside_zone, f->inside ? pick(zones, 4) : "");
    f->zone_count = 38 + random_below(4);
    f->passed_s = one_in(2) ? 0 : near((int64_t)w->now - ages[random_below(11)], 2);
    strcpy(f->passed_lane, f->passed_s ? pick(lanes, n) : "");
    f->pending = one_in(8);
    f->flights = w->flights;
    f->n_flights = random_below(4);
    for (unsigned i = 0; i < f->n_flights; i++)
        random_flight(&w->flights[i], w->now, lanes, n);
    random_payment(w);
}

static void random_world(struct world *w, const char *const *lanes, uint32_t n)
{
    memset(w, 0, sizeof *w);
    w->now = random_now();
    w->offset = ((int)random_below(105) - 48) * 15; // -12:00 to +14:00
    if (w->now < 2 * DAY)
        w->offset = 0;
    snprintf(w->lane, sizeof w->lane, "%s", pick(lanes, n));
    random_subject(w);
    random_facts(w, lanes, n);
}

// ---- a million ----------------------------------------------------------------------------------

struct profile {
    const char *name;
    const char *(*model)(const struct world *w);
    const char *lanes[6];
    uint32_t n_lanes;
    const char *reasons; // that must have been met, besides matched
};

static const struct profile profiles[] = {
    {"egate-departure",
     model_departure,
     {"e1", "e2"},
     2,
     "clock_wrong blocked no_consent not_yet_valid registration_expired birth_unknown too_young "
     "guardian_needed other_lane cooling_down"},
    {"egate-boarding",
     model_boarding,
     {"gate-7", "gate-8", "gate-9"},
     3,
     "clock_wrong blocked no_consent not_yet_valid registration_expired birth_unknown too_young "
     "guardian_needed no_ticket wrong_gate too_early departed other_lane cooling_down"},
    {"fare",
     model_fare,
     {"north", "south"},
     2,
     "clock_wrong blocked no_consent not_yet_valid registration_expired other_lane cooling_down"},
    {"pay",
     model_pay,
     {"bank-1", "cards-1", "stores-1", "transit-1", "none"},
     5,
     "clock_wrong blocked no_consent not_yet_valid registration_expired not_a_customer no_request "
     "limit_exceeded pin_needed pin_wrong"},
    {"portrait-check",
     model_claimed,
     {"counter"},
     1,
     "clock_wrong blocked not_yet_valid registration_expired"},
    {"pass", model_claimed, {"fair"}, 1, "clock_wrong blocked not_yet_valid registration_expired"},
    {"vault", model_claimed, {"fair"}, 1, "clock_wrong blocked not_yet_valid registration_expired"},
    {"worksite",
     model_worksite,
     {"site-in", "site-out", "tunnel-in", "tunnel-out", "tunnel-face", "none"},
     6,
     "clock_wrong blocked no_consent not_yet_valid registration_expired outside_hours no_permit "
     "zone_full other_lane already_inside not_inside"},
};
#define PROFILES (sizeof profiles / sizeof *profiles)

struct tally {
    const char *reasons[40];
    unsigned counts[40], n;
};

static void count(struct tally *t, const char *reason)
{
    unsigned i = 0;
    while (i < t->n && strcmp(t->reasons[i], reason) != 0)
        i++;
    if (i == t->n)
        t->reasons[t->n++] = reason;
    t->counts[i]++;
}

// The comparison says something only about what came up: each reason a hundred times.
static void all_met(const struct tally *t, const struct profile *p)
{
    char words[512], *rest = words;
    snprintf(words, sizeof words, "matched %s", p->reasons);
    for (char *word; (word = strsep(&rest, " "));) {
        unsigned met = 0;
        for (unsigned i = 0; i < t->n; i++)
            met += strcmp(t->reasons[i], word) == 0 ? t->counts[i] : 0;
        if (met < 100)
            fail_msg("%s: %s came up %u times", p->name, word, met);
    }
}

static void read_shipped(const char *name, struct fg_policy *ret)
{
    char file[64];
    struct fg_error err = {""};
    snprintf(file, sizeof file, "profiles/%s.ini", name);
    if (fg_policy_inspect(file, ret, &err) < 0)
        fail_msg("%s", err.text);
}

static void compare(const struct profile *p, unsigned rounds)
{
    static struct fg_policy policy;
    static struct world w;
    struct tally tally = {.n = 0};
    read_shipped(p->name, &policy);
    for (unsigned i = 0; i < rounds; i++) {
        struct fg_verdict verdict;
        random_world(&w, p->lanes, p->n_lanes);
        ask(&policy, &w, &verdict);
        const char *wanted = p->model(&w);
        bool again = strncmp(wanted, "pin_", 4) == 0;
        count(&tally, wanted);
        if (strcmp(verdict.reason, wanted) != 0 || verdict.retry != again ||
            verdict.admit != (strcmp(wanted, "matched") == 0))
            fail_msg("%s, %u: %s (admit %d, retry %d), but %s; lane %s, now %" PRIu64
                     ", passed %" PRIu64 " in %s",
                     p->name, i, verdict.reason, verdict.admit, verdict.retry, wanted, w.lane,
                     w.now, w.facts.passed_s, w.facts.passed_lane);
    }
    all_met(&tally, p);
}

static void test_a_million(void **state)
{
    (void)state;
    for (size_t i = 0; i < PROFILES; i++)
        compare(&profiles[i], MILLION / PROFILES + 1);
}

// ---- edges --------------------------------------------------------------------------------------

static struct world plain_world(const char *lane)
{
    struct world w = {.now = NOW};
    snprintf(w.lane, sizeof w.lane, "%s", lane);
    w.who.born = FG_NO_BIRTH;
    w.who.enrolled_s = NOW - DAY;
    strcpy(w.who.id, "s");
    return w;
}

// The facts point into the world: set after it has come to lie where it is.
static void expect(const struct fg_policy *policy, struct world *w, const char *reason,
                   uint64_t when_s, const char *detail)
{
    struct fg_verdict v;
    w->facts.subject = &w->who;
    w->facts.flights = w->flights;
    ask(policy, w, &v);
    assert_string_equal(v.reason, reason);
    assert_int_equal(v.admit, strcmp(reason, "matched") == 0);
    assert_int_equal(v.when_s, when_s);
    assert_string_equal(v.detail, detail);
}

static void test_clock(void **state)
{
    (void)state;
    static const struct fg_policy p = {.exclusive_s = 60};
    struct world w = plain_world("a");
    expect(&p, &w, "matched", 0, "");
    w.now = 1577836799; // 2019-12-31 23:59:59
    expect(&p, &w, "clock_wrong", 0, "");
    w.now++;
    expect(&p, &w, "matched", 0, "");
    w.now = 0;
    expect(&p, &w, "clock_wrong", 0, "");
    w.now = 946684799; // the last second of 1999
    expect(&p, &w, "clock_wrong", 0, "");
    w.now = UINT64_C(253402300799); // of 9999
    expect(&p, &w, "matched", 0, "");
}

// The clock was set: what it makes of the last passage never locks anybody out for long.
static void test_clock_jumps(void **state)
{
    (void)state;
    static const struct fg_policy p = {.exclusive_s = 60, .cooldown_s = 30};
    struct world w = plain_world("a");
    w.facts.passed_s = NOW;
    strcpy(w.facts.passed_lane, "b");
    expect(&p, &w, "other_lane", NOW + 60, "b");
    w.now = NOW + 59;
    expect(&p, &w, "other_lane", NOW + 60, "b");
    w.now = NOW + 60;
    expect(&p, &w, "matched", 0, "");
    w.now = NOW - 59; // a step back
    expect(&p, &w, "other_lane", NOW + 60, "b");
    w.now = NOW - 60;
    expect(&p, &w, "matched", 0, "");
    w.now = NOW - 5u * YEAR; // a jump back
    expect(&p, &w, "matched", 0, "");
    w.now = NOW + 10u * YEAR; // a jump forwards
    expect(&p, &w, "matched", 0, "");
    strcpy(w.facts.passed_lane, "a");
    w.now = NOW + 29;
    expect(&p, &w, "cooling_down", NOW + 30, "");
    w.now = NOW + 30;
    expect(&p, &w, "matched", 0, "");
    w.now = 915148800; // 1999
    expect(&p, &w, "clock_wrong", 0, "");
}

static void test_registration(void **state)
{
    (void)state;
    static const struct fg_policy p = {.registration_days = 10};
    struct world w = plain_world("a");
    w.who.enrolled_s = NOW - 10 * DAY + 1;
    expect(&p, &w, "matched", 0, "");
    w.who.enrolled_s--;
    expect(&p, &w, "registration_expired", NOW, "");
    w.who.enrolled_s = NOW;
    w.who.valid_until_s = NOW + 5; // the nearer end counts
    expect(&p, &w, "matched", 0, "");
    w.who.valid_until_s = NOW;
    expect(&p, &w, "registration_expired", NOW, "");
    w.who.valid_until_s = 0;
    w.who.valid_from_s = NOW + 1;
    expect(&p, &w, "not_yet_valid", NOW + 1, "");
    w.who.valid_from_s = 0;
    w.who.enrolled_s = UINT64_MAX - 5; // no overflow
    expect(&p, &w, "matched", 0, "");
}

static void set_local(struct world *w, const char *day, int minute)
{
    int64_t local_s = (int64_t)fg_day_read(day) * DAY + minute * 60;
    w->now = (uint64_t)(local_s - w->offset * 60);
}

static void test_birthdays(void **state)
{
    (void)state;
    static const struct fg_policy p = {.refused_under = 7, .guardian_under = 14};
    static const struct {
        const char *born, *day, *reason;
        int offset, minute;
    } cases[] = {
        {"2019-11-23", "2026-11-22", "too_young", 0, 1439},
        {"2019-11-23", "2026-11-23", "guardian_needed", 0, 0},
        {"2012-11-23", "2026-11-22", "guardian_needed", 0, 1439},
        {"2012-11-23", "2026-11-23", "matched", 0, 0},
        {"2012-11-23", "2026-11-23", "matched", 540,
         0}, // Seoul, where UTC's date is the day before
        {"2012-11-23", "2026-11-22", "guardian_needed", 540, 1439},
        {"2012-11-23", "2026-11-23", "matched", -720, 720},
        {"2012-11-23", "2026-11-22", "guardian_needed", -720, 1439},
        {"2012-11-23", "2026-11-23", "matched", 840, 0}, // the widest offset there is
        {"2012-02-29", "2026-02-28", "guardian_needed", 0, 1439},
        {"2012-02-29", "2026-03-01", "matched", 0, 0},
        {"2020-02-29", "2027-02-28", "too_young", 540, 1439},
        {"2020-02-29", "2027-03-01", "guardian_needed", 540, 0},
        {"2014-02-28", "2028-02-28", "matched", 0, 0},
        {"2014-03-01", "2028-02-29", "guardian_needed", 0, 1439},
        {"2014-03-01", "2028-03-01", "matched", 0, 0},
        {"2012-12-31", "2026-12-31", "matched", 540, 0},
        {"2013-01-01", "2026-12-31", "guardian_needed", -300, 1439},
        {"2013-01-01", "2027-01-01", "matched", -300, 0},
        {"2090-01-01", "2026-11-23", "too_young", 0, 0}, // the clock, or the record
        {"1900-03-01", "2026-11-23", "matched", 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world w = plain_world("a");
        w.who.born = fg_day_read(cases[i].born);
        w.who.enrolled_s = 0;
        w.offset = cases[i].offset;
        set_local(&w, cases[i].day, cases[i].minute);
        expect(&p, &w, cases[i].reason, 0, "");
        strcpy(w.who.guardian, "g");
        expect(&p, &w, strcmp(cases[i].reason, "too_young") == 0 ? "too_young" : "matched", 0, "");
    }
    struct world w = plain_world("a");
    expect(&p, &w, "birth_unknown", 0, "");
}

static void test_hours_over_midnight(void **state)
{
    (void)state;
    // Friday 22:00 to Saturday 06:00, and Sunday 23:00 to Monday 01:00
    static const struct fg_policy p = {
        .n_lanes = 1,
        .lanes = {{.name = "a", .n_hours = 2, .hours = {{0x10, 1320, 360}, {0x40, 1380, 60}}}}};
    static const struct {
        const char *day;
        int minute;
        bool open;
    } cases[] = {
        {"2026-11-27", 1319, false}, {"2026-11-27", 1320, true},  {"2026-11-27", 0, false},
        {"2026-11-28", 0, true},     {"2026-11-28", 359, true},   {"2026-11-28", 360, false},
        {"2026-11-28", 1320, false}, {"2026-11-29", 1379, false}, {"2026-11-29", 1380, true},
        {"2026-11-30", 59, true},    {"2026-11-30", 60, false},   {"2026-11-29", 30, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world w = plain_world("a");
        set_local(&w, cases[i].day, cases[i].minute);
        expect(&p, &w, cases[i].open ? "matched" : "outside_hours", 0, "");
    }
}

static void test_zones(void **state)
{
    (void)state;
    static const struct fg_policy p = {
        .anti_passback = true,
        .n_lanes = 5,
        .lanes = {{.name = "in", .direction = FG_DIRECTION_IN, .zone = "z"},
                  {.name = "out", .direction = FG_DIRECTION_OUT, .zone = "z"},
                  {.name = "eye", .watch = true, .zone = "z"},
                  {.name = "site-in", .direction = FG_DIRECTION_IN},
                  {.name = "site-out", .direction = FG_DIRECTION_OUT, .tags = {"k"}, .n_tags = 1}},
        .n_zones = 1,
        .zones = {{.name = "z",
                   .tags = {"a", "b"},
                   .n_tags = 2,
                   .most = 2,
                   .n_hours = 1,
                   .hours = {{0x7f, 0, 721}}}}};
    struct world w = plain_world("in");
    expect(&p, &w, "no_permit", 0, "z");
    w.who.n_tags = 1;
    strcpy(w.who.tags[0], "b");
    expect(&p, &w, "matched", 0, "");
    w.facts.zone_count = 2;
    expect(&p, &w, "zone_full", 0, "z");
    w.facts.inside = true; // is one of the two
    strcpy(w.facts.inside_zone, "z");
    expect(&p, &w, "already_inside", 0, "");
    w.now += 60;
    expect(&p, &w, "outside_hours", 0, "");
    strcpy(w.lane, "out"); // nobody is kept inside: not by hours, tags or numbers
    w.who.n_tags = 0;
    expect(&p, &w, "matched", 0, "");
    w.facts.inside = false;
    expect(&p, &w, "not_inside", 0, "");
    strcpy(w.lane, "eye");
    expect(&p, &w, "outside_hours", 0, "");
    w.now -= 60;
    expect(&p, &w, "no_permit", 0, "z");
    w.who.n_tags = 1;
    expect(&p, &w, "matched", 0, ""); // may be there, though the zone is full
    strcpy(w.lane, "site-in");
    expect(&p, &w, "matched", 0, "");
    w.facts.inside = true; // in a zone of the site is on the site
    expect(&p, &w, "already_inside", 0, "");
    strcpy(w.lane, "site-out");
    expect(&p, &w, "no_permit", 0, "k"); // the lane's own rule holds both ways
    strcpy(w.who.tags[0], "k");
    expect(&p, &w, "matched", 0, "");
}

static struct fg_flight flight(const char *name, const char *lane, uint64_t opens, uint64_t departs)
{
    struct fg_flight f = {.n_lanes = 1, .opens_s = opens, .departs_s = departs};
    snprintf(f.name, sizeof f.name, "%s", name);
    snprintf(f.lanes[0], sizeof f.lanes[0], "%s", lane);
    return f;
}

static void test_flights(void **state)
{
    (void)state;
    static const struct fg_policy p = {.ticket = true};
    struct world w = plain_world("g7");
    expect(&p, &w, "no_ticket", 0, "");
    w.facts.n_flights = 1;
    w.flights[0] = flight("F1", "g7", NOW, NOW + 1);
    expect(&p, &w, "matched", 0, "");
    w.flights[0] = flight("F1", "g7", NOW + 1, NOW + 600);
    expect(&p, &w, "too_early", NOW + 1, "F1");
    w.flights[0] = flight("F1", "g7", NOW - 600, NOW);
    expect(&p, &w, "departed", NOW, "F1");
    w.flights[0] = flight("F1", "g9", NOW - 600, NOW + 600);
    expect(&p, &w, "wrong_gate", 0, "g9");
    w.flights[0] = flight("F1", "g9", NOW + 60, NOW + 600); // too early as well: go there first
    expect(&p, &w, "wrong_gate", 0, "g9");
    w.flights[0] = flight("F1", "g9", NOW - 600, NOW); // left, wherever it was
    expect(&p, &w, "departed", NOW, "F1");
    w.facts.n_flights = 3; // the one that left says nothing while another comes
    w.flights[1] = flight("F2", "g7", NOW + 900, NOW + 999);
    w.flights[2] = flight("F3", "g8", NOW + 800, NOW + 999);
    expect(&p, &w, "wrong_gate", 0, "g8"); // the next one
    w.flights[2] = flight("F3", "g8", NOW + 901, NOW + 999);
    expect(&p, &w, "too_early", NOW + 900, "F2");
    w.flights[2] = flight("F3", "g7", NOW, NOW + 999);
    expect(&p, &w, "matched", 0, "");
    w.flights[1] = flight("F2", "g7", NOW - 900, NOW - 10);
    w.flights[2] = flight("F3", "g8", NOW - 900, NOW - 20);
    expect(&p, &w, "departed", NOW, "F1"); // the last that left
    w.facts.n_flights = 1;
    w.flights[0] = flight("F1", "g7", NOW + 10, NOW - 10); // closes before it opens
    expect(&p, &w, "departed", NOW - 10, "F1");
}

static void test_exclusive(void **state)
{
    (void)state;
    static const struct fg_policy p = {.exclusive_s = 60}, off = {.cooldown_s = 30};
    struct world w = plain_world("a");
    w.facts.pending = true;
    expect(&p, &w, "other_lane", 0, "");
    expect(&off, &w, "matched", 0, ""); // lanes know nothing of each other
    w.facts.pending = false;
    w.facts.passed_s = NOW - 1;
    strcpy(w.facts.passed_lane, "b");
    expect(&off, &w, "matched", 0, "");
    expect(&p, &w, "other_lane", NOW + 59, "b");
    strcpy(w.facts.passed_lane, "a");
    expect(&p, &w, "matched", 0, "");
    expect(&off, &w, "cooling_down", NOW + 29, "");
}

// The first refusal in the order of the header is the answer.
static void test_order(void **state)
{
    (void)state;
    static const struct fg_policy p = {.consent = true,
                                       .registration_days = 1,
                                       .guardian_under = 14,
                                       .ticket = true,
                                       .exclusive_s = 60,
                                       .payments = true,
                                       .pin_above = 5,
                                       .payment_most = 50,
                                       .n_lanes = 1,
                                       .lanes = {{.name = "a",
                                                  .firm = "f",
                                                  .zone = "z",
                                                  .direction = FG_DIRECTION_IN,
                                                  .tags = {"t"},
                                                  .n_tags = 1,
                                                  .n_hours = 1,
                                                  .hours = {{0x7f, 0, 1}}}},
                                       .n_zones = 1,
                                       .zones = {{.name = "z", .most = 1}}};
    struct fg_payment payment = {.firm = "g", .amount = 51};
    struct world w = plain_world("a");
    w.now = 0;
    w.facts.blocked = w.facts.pending = true;
    w.facts.zone_count = 1;
    expect(&p, &w, "clock_wrong", 0, "");
    w.now = NOW;
    expect(&p, &w, "blocked", 0, "");
    w.facts.blocked = false;
    expect(&p, &w, "not_a_customer", 0, "");
    w.who.n_tags = 1;
    strcpy(w.who.tags[0], "firm:f");
    expect(&p, &w, "no_consent", 0, "");
    strcpy(w.who.consent, "c");
    expect(&p, &w, "registration_expired", NOW, "");
    w.who.enrolled_s = NOW;
    expect(&p, &w, "birth_unknown", 0, "");
    w.who.born = 0;
    expect(&p, &w, "outside_hours", 0, "");
    w.now = NOW - 12 * 3600;
    w.who.enrolled_s = w.now;
    expect(&p, &w, "no_permit", 0, "t");
    w.who.n_tags = 2;
    strcpy(w.who.tags[1], "t");
    expect(&p, &w, "zone_full", 0, "z");
    w.facts.zone_count = 0;
    expect(&p, &w, "no_ticket", 0, "");
    w.facts.n_flights = 1;
    w.flights[0] = flight("F1", "a", w.now, w.now + 9);
    expect(&p, &w, "other_lane", 0, "");
    w.facts.pending = false;
    expect(&p, &w, "no_request", 0, "");
    w.facts.payment = &payment;
    expect(&p, &w, "no_request", 0, ""); // of another firm
    strcpy(payment.firm, "f");
    expect(&p, &w, "limit_exceeded", 0, "");
    payment.amount = 50;
    expect(&p, &w, "limit_exceeded", 0, ""); // no PIN is on record
    strcpy(w.who.pin, "$argon2id$x");
    expect(&p, &w, "pin_needed", 0, "");
    w.facts.pin_given = true;
    expect(&p, &w, "pin_wrong", 0, "");
    w.facts.pin_right = true;
    expect(&p, &w, "matched", 0, "");
    w.facts.pin_given = w.facts.pin_right = false;
    payment.amount = 5;
    expect(&p, &w, "matched", 0, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_million),   cmocka_unit_test(test_clock),
        cmocka_unit_test(test_clock_jumps), cmocka_unit_test(test_registration),
        cmocka_unit_test(test_birthdays),   cmocka_unit_test(test_hours_over_midnight),
        cmocka_unit_test(test_zones),       cmocka_unit_test(test_flights),
        cmocka_unit_test(test_exclusive),   cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
