// SPDX-License-Identifier: Apache-2.0
// The lane by cases that can be read, and by random events against the rules that must always hold.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gate/debounce.h"
#include "gate/lane.h"
#include "tests/dice.h"

#define MS   UINT64_C(1000000)
#define HOUR (3600000 * MS)

static const struct fg_lane_rules standard = {
    .passage_ms = 5000, .after_ms = 2000, .blocked_ms = 10000, .has_beam = true};

static char heard[4096]; // "opened 1; passed 1; "

// Every decision of these tests is of the run 9.
static struct fg_decision_id id(uint64_t sequence)
{
    return (struct fg_decision_id){sequence > 0 ? 9 : 0, sequence};
}

static void hear(void *context, enum fg_lane_news news, struct fg_decision_id decision,
                 uint64_t t_ns)
{
    size_t used = strlen(heard);
    (void)context;
    (void)t_ns;
    assert_int_equal(decision.run, id(decision.sequence).run);
    snprintf(heard + used, sizeof heard - used, "%s %d; ", fg_lane_news_name(news),
             (int)decision.sequence);
}

static void hears(const char *want)
{
    assert_string_equal(heard, want);
    heard[0] = 0;
}

// A lane at the time 0.
static struct fg_lane lane_with(const struct fg_lane_rules *rules)
{
    struct fg_lane lane;
    heard[0] = 0;
    fg_lane_init(&lane, rules, hear, NULL, 0);
    return lane;
}

static void cross(struct fg_lane *lane, uint64_t now_ns)
{
    fg_lane_beam(lane, true, now_ns);
    fg_lane_beam(lane, false, now_ns + 200 * MS);
}

static void lamps(const struct fg_lane *lane, uint64_t now_ns, bool red, bool green, bool buzzer)
{
    struct fg_lamps l = fg_lane_lamps(lane, now_ns);
    assert_int_equal(l.red, red);
    assert_int_equal(l.green, green);
    assert_int_equal(l.buzzer, buzzer);
}

static void test_a_person_passes(void **state)
{
    (void)state;
    struct fg_lane lane = lane_with(&standard);
    lamps(&lane, 0, true, false, false);
    assert_false(fg_lane_open_line(&lane, 0));
    fg_lane_decide(&lane, FG_LANE_ADMIT, id(7), 1000 * MS);
    assert_true(fg_lane_open_line(&lane, 1000 * MS));
    assert_int_equal(fg_lane_state(&lane, 1000 * MS), FG_LANE_OPEN);
    lamps(&lane, 1000 * MS, false, true, false);
    cross(&lane, 2000 * MS);
    hears("opened 7; passed 7; closed 7; ");
    assert_false(fg_lane_open_line(&lane, 2200 * MS));
    fg_lane_tick(&lane, HOUR);
    hears("");
}

static void test_nobody_passes(void **state)
{
    (void)state;
    struct fg_lane lane = lane_with(&standard);
    fg_lane_decide(&lane, FG_LANE_ADMIT, id(7), 1000 * MS);
    assert_true(fg_lane_due_ns(&lane, 1000 * MS) == 6000 * MS);
    fg_lane_tick(&lane, 5999 * MS);
    assert_true(fg_lane_is_open(&lane));
    fg_lane_tick(&lane, 6000 * MS);
    hears("opened 7; timeout 7; closed 7; ");
    assert_false(fg_lane_is_open(&lane));
}

static void test_the_open_line_is_a_pulse(void **state)
{
    (void)state;
    struct fg_lane_rules rules = standard;
    rules.pulse_ms = 500;
    struct fg_lane lane = lane_with(&rules);
    fg_lane_decide(&lane, FG_LANE_ADMIT, id(7), 0);
    assert_int_equal(fg_lane_state(&lane, 0), FG_LANE_OPENING);
    assert_true(fg_lane_due_ns(&lane, 0) == 500 * MS);
    assert_true(fg_lane_open_line(&lane, 499 * MS));
    assert_false(fg_lane_open_line(&lane, 500 * MS));
    assert_int_equal(fg_lane_state(&lane, 500 * MS), FG_LANE_OPEN);
    assert_true(fg_lane_is_open(&lane)); // and its person may still pass
    lamps(&lane, 500 * MS, false, true, false);
    fg_lane_emergency(&lane, true, 600 * MS); // which is no pulse
    assert_true(fg_lane_open_line(&lane, HOUR));
}

static void test_an_admit_to_an_open_lane(void **state)
{
    (void)state;
    struct fg_lane_rules rules = standard;
    struct fg_lane lane = lane_with(&rules);
    fg_lane_decide(&lane, FG_LANE_ADMIT, id(1), 0);
    fg_lane_decide(&lane, FG_LANE_ADMIT, id(2), 4000 * MS);
    hears("opened 1; timeout 2; ");
    assert_int_equal(lane.ignored_admits, 1);
    fg_lane_tick(&lane, 5000 * MS);
    hears("timeout 1; closed 1; ");

    rules.extend = true;
    lane = lane_with(&rules);
    fg_lane_decide(&lane, FG_LANE_ADMIT, id(1), 0);
    fg_lane_decide(&lane, FG_LANE_ADMIT, id(2), 4000 * MS);
    cross(&lane, 6000 * MS);
    assert_true(fg_lane_is_open(&lane));
    cross(&lane, 7000 * MS);
    hears("opened 1; opened 2; passed 1; passed 2; closed 2; ");
    for (uint64_t i = 1; i <= FG_LANE_OPENINGS + 1; i++)
        fg_lane_decide(&lane, FG_LANE_ADMIT, id(i), HOUR);
    assert_int_equal(lane.n_openings, FG_LANE_OPENINGS);
    assert_non_null(strstr(heard, "timeout 9; "));
}

static void test_two_for_one_admit(void **state)
{
    (void)state;
    struct fg_lane lane = lane_with(&standard);
    fg_lane_decide(&lane, FG_LANE_ADMIT, id(7), 0);
    cross(&lane, 1000 * MS);
    cross(&lane, 3199 * MS); // two seconds after the first
    hears("opened 7; passed 7; closed 7; wake 0; forced 7; ");
    lamps(&lane, 3399 * MS, true, false, true);
    cross(&lane, 9000 * MS);
    hears("wake 0; forced 0; ");
}

static void test_a_crossing_belongs_to_its_beginning(void **state)
{
    (void)state;
    struct fg_lane lane = lane_with(&standard);
    fg_lane_beam(&lane, true, 0); // nobody was admitted
    fg_lane_decide(&lane, FG_LANE_ADMIT, id(7), 100 * MS);
    fg_lane_beam(&lane, false, 200 * MS);
    hears("wake 0; opened 7; forced 0; ");
    assert_true(fg_lane_is_open(&lane));
    cross(&lane, 1000 * MS);
    hears("passed 7; closed 7; ");
}

static void test_it_does_not_close_on_a_person(void **state)
{
    (void)state;
    struct fg_lane lane = lane_with(&standard);
    fg_lane_decide(&lane, FG_LANE_ADMIT, id(7), 0);
    fg_lane_beam(&lane, true, 4900 * MS);
    fg_lane_tick(&lane, 9000 * MS);
    assert_true(fg_lane_is_open(&lane));
    fg_lane_beam(&lane, false, 9100 * MS);
    hears("opened 7; passed 7; closed 7; ");

    fg_lane_decide(&lane, FG_LANE_ADMIT, id(8), 20000 * MS); // nor for ever on a suitcase
    fg_lane_beam(&lane, true, 21000 * MS);
    fg_lane_tick(&lane, 34999 * MS);
    assert_true(fg_lane_is_open(&lane));
    fg_lane_tick(&lane, 35000 * MS);
    hears("opened 8; blocked 8; timeout 8; closed 8; ");
    fg_lane_beam(&lane, false, 36000 * MS);
    hears("forced 8; ");
}

// Who outstayed their opening is not whoever is admitted next.
static void test_another_is_admitted_meanwhile(void **state)
{
    (void)state;
    struct fg_lane lane = lane_with(&standard);
    fg_lane_decide(&lane, FG_LANE_ADMIT, id(7), 0);
    fg_lane_beam(&lane, true, 1000 * MS);
    fg_lane_tick(&lane, 15000 * MS);
    hears("opened 7; blocked 7; timeout 7; closed 7; ");
    fg_lane_decide(&lane, FG_LANE_ADMIT, id(8), 16000 * MS);
    fg_lane_beam(&lane, false, 16500 * MS);
    hears("opened 8; forced 7; ");
    fg_lane_beam(&lane, true, 17000 * MS);
    fg_lane_beam(&lane, false, 17500 * MS);
    hears("passed 8; closed 8; ");
}

static void test_an_emergency_opens_for_as_long_as_it_lasts(void **state)
{
    (void)state;
    struct fg_lane_rules rules = standard;
    rules.loss_ms = 3000;
    struct fg_lane lane = lane_with(&rules);
    fg_lane_lines(&lane, false);
    fg_lane_emergency(&lane, true, 10 * MS);
    for (unsigned i = 0; i < 100; i++) {
        fg_lane_tick(&lane, (10 + i * 1000) * MS);
        assert_true(fg_lane_open_line(&lane, (10 + i * 1000) * MS));
    }
    assert_int_equal(fg_lane_state(&lane, HOUR), FG_LANE_EMERGENCY);
    lamps(&lane, 200000 * MS, false, true, true);
    lamps(&lane, 200500 * MS, false, true, false);
    fg_lane_emergency(&lane, true, HOUR);
    fg_lane_emergency(&lane, false, HOUR + MS);
    assert_false(fg_lane_is_open(&lane));
    hears("emergency 0; lost 0; emergency_over 0; ");
}

static void test_after_an_emergency_it_waits_for_who_is_in_it(void **state)
{
    (void)state;
    struct fg_lane lane = lane_with(&standard);
    fg_lane_emergency(&lane, true, 0);
    fg_lane_beam(&lane, true, MS);
    fg_lane_emergency(&lane, false, 2 * MS);
    assert_true(fg_lane_open_line(&lane, 2 * MS));
    fg_lane_beam(&lane, false, 3 * MS);
    assert_false(fg_lane_open_line(&lane, 3 * MS));
    hears("emergency 0; emergency_over 0; forced 0; ");
    lamps(&lane, 3 * MS, true, false, false); // no alarm after an emergency

    fg_lane_emergency(&lane, true, HOUR);
    fg_lane_beam(&lane, true, HOUR + MS);
    fg_lane_emergency(&lane, false, HOUR + 2 * MS);
    fg_lane_tick(&lane, HOUR + 10002 * MS);
    assert_false(fg_lane_is_open(&lane));
    assert_non_null(strstr(heard, "blocked"));
}

static void test_the_matcher_is_lost(void **state)
{
    (void)state;
    static const struct {
        enum fg_on_loss on_loss;
        bool open_before, open_after;
    } cases[] = {{FG_ON_LOSS_CLOSED, false, false}, {FG_ON_LOSS_CLOSED, true, false},
                 {FG_ON_LOSS_OPEN, false, true},    {FG_ON_LOSS_OPEN, true, true},
                 {FG_ON_LOSS_HOLD, false, false},   {FG_ON_LOSS_HOLD, true, true}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fg_lane_rules rules = standard;
        rules.on_loss = cases[i].on_loss;
        rules.loss_ms = 3000;
        struct fg_lane lane = lane_with(&rules);
        if (cases[i].open_before)
            fg_lane_decide(&lane, FG_LANE_ADMIT, id(5), 0);
        fg_lane_heartbeat(&lane, 1000 * MS);
        assert_true(fg_lane_due_ns(&lane, 1000 * MS) <= 4000 * MS);
        fg_lane_tick(&lane, 3999 * MS);
        assert_false(lane.lost);
        fg_lane_tick(&lane, 4000 * MS);
        assert_true(lane.lost);
        fg_lane_tick(&lane, 60000 * MS); // the opening has ended as it would have
        assert_int_equal(fg_lane_open_line(&lane, 60000 * MS), cases[i].open_after);
        assert_int_equal(fg_lane_state(&lane, 60000 * MS), FG_LANE_LOST);
        fg_lane_heartbeat(&lane, 61000 * MS);
        assert_false(fg_lane_open_line(&lane, 61000 * MS));
        assert_non_null(strstr(heard, "lost 0; "));
        assert_non_null(strstr(heard, "back 0; "));
    }
    struct fg_lane lane = lane_with(&standard); // who has no time of loss
    fg_lane_tick(&lane, HOUR);
    hears("");
}

static void test_heartbeats_keep_it(void **state)
{
    (void)state;
    struct fg_lane_rules rules = standard;
    rules.loss_ms = 3000;
    struct fg_lane lane = lane_with(&rules);
    for (uint64_t now = 0; now < HOUR; now += 2999 * MS) {
        fg_lane_tick(&lane, now);
        fg_lane_heartbeat(&lane, now);
    }
    hears("");
}

static void test_somebody_wakes_it_once_a_second(void **state)
{
    (void)state;
    struct fg_lane lane = lane_with(&standard);
    for (uint64_t now = HOUR; now < HOUR + 3000 * MS; now += 100 * MS) {
        fg_lane_button(&lane, true, now);
        fg_lane_button(&lane, false, now + 50 * MS);
    }
    hears("wake 0; wake 0; wake 0; ");
    fg_lane_beam(&lane, true, HOUR + 3000 * MS);
    fg_lane_tick(&lane, HOUR + 9000 * MS); // who stands there has woken it already
    hears("wake 0; ");
    fg_lane_beam(&lane, false, HOUR + 9000 * MS);
    hears("forced 0; ");
    fg_lane_decide(&lane, FG_LANE_ADMIT, id(1), HOUR + 9000 * MS);
    cross(&lane, HOUR + 10000 * MS); // who goes through does not
    hears("opened 1; passed 1; closed 1; ");
}

static void test_the_button(void **state)
{
    (void)state;
    struct fg_lane_rules rules = standard;
    struct fg_lane lane = lane_with(&rules);
    fg_lane_button(&lane, true, 0);
    fg_lane_button(&lane, true, MS);
    fg_lane_button(&lane, false, 2 * MS);
    hears("wake 0; ");
    assert_false(fg_lane_is_open(&lane));

    rules.button_opens = true;
    lane = lane_with(&rules);
    fg_lane_button(&lane, true, 0);
    cross(&lane, 1000 * MS);
    fg_lane_button(&lane, false, 2000 * MS);
    fg_lane_button(&lane, true, 3000 * MS);
    fg_lane_tick(&lane, 8000 * MS);
    hears("opened 0; passed 0; closed 0; opened 0; timeout 0; closed 0; ");
}

static void test_missing_lines_refuse_admits(void **state)
{
    (void)state;
    struct fg_lane_rules rules = standard;
    rules.button_opens = true;
    struct fg_lane lane = lane_with(&rules);
    fg_lane_lines(&lane, false);
    fg_lane_decide(&lane, FG_LANE_ADMIT, id(3), 0);
    fg_lane_button(&lane, true, 0);
    hears("timeout 3; ");
    assert_int_equal(fg_lane_state(&lane, 0), FG_LANE_OUT);
    assert_false(fg_lane_is_open(&lane));
    fg_lane_lines(&lane, true);
    fg_lane_decide(&lane, FG_LANE_ADMIT, id(4), MS);
    assert_true(fg_lane_is_open(&lane));
}

static void test_without_a_beam_nothing_is_said_of_passages(void **state)
{
    (void)state;
    struct fg_lane_rules rules = standard;
    rules.has_beam = false;
    struct fg_lane lane = lane_with(&rules);
    fg_lane_decide(&lane, FG_LANE_ADMIT, id(3), 0);
    fg_lane_decide(&lane, FG_LANE_ADMIT, id(4), MS);
    fg_lane_tick(&lane, 5000 * MS);
    hears("opened 3; closed 3; ");
}

// ---- what the lamps say ------------------------------------------------------------------------

static void test_refusals_are_shown(void **state)
{
    (void)state;
    static const struct {
        enum fg_lane_verdict verdict;
        bool green, buzzer;
        unsigned ms;
    } cases[] = {{FG_LANE_RETRY, true, false, 1000},
                 {FG_LANE_DENY, false, true, 1500},
                 {FG_LANE_FALLBACK, false, true, 3000}};
    for (unsigned i = 0; i < 3; i++) {
        struct fg_lane lane = lane_with(&standard);
        const uint64_t t = HOUR, end = t + cases[i].ms * MS;
        fg_lane_decide(&lane, cases[i].verdict, id(9), t);
        assert_false(fg_lane_is_open(&lane));
        lamps(&lane, t, true, cases[i].green, cases[i].buzzer);
        unsigned changes = 0;
        for (uint64_t now = t; now < end; changes++) {
            uint64_t next = fg_lane_due_ns(&lane, now);
            struct fg_lamps one = fg_lane_lamps(&lane, now), other = fg_lane_lamps(&lane, next - 1);
            assert_true(next > now && next <= end);
            assert_memory_equal(&one, &other, sizeof one); // nothing changes but when it is due
            now = next;
        }
        assert_in_range(changes, 4, 20);
        lamps(&lane, end, true, false, false);
        assert_true(fg_lane_due_ns(&lane, end) == UINT64_MAX);
    }
}

static void test_an_admit_ends_what_was_shown(void **state)
{
    (void)state;
    struct fg_lane lane = lane_with(&standard);
    fg_lane_decide(&lane, FG_LANE_DENY, id(1), 0);
    fg_lane_decide(&lane, FG_LANE_ADMIT, id(2), 100 * MS);
    lamps(&lane, 100 * MS, false, true, false);
    cross(&lane, 200 * MS);
    lamps(&lane, 400 * MS, true, false, false);
}

// ---- a bouncing level --------------------------------------------------------------------------

static void test_a_level_must_stay(void **state)
{
    (void)state;
    struct fg_debounce d = {.ms = 20};
    assert_true(fg_debounce_due_ns(&d) == UINT64_MAX);
    assert_false(fg_debounce_look(&d, true, false, 100 * MS));
    assert_true(fg_debounce_due_ns(&d) == 120 * MS);
    assert_false(fg_debounce_look(&d, false, false, 110 * MS));
    assert_true(fg_debounce_due_ns(&d) == UINT64_MAX);
    assert_false(fg_debounce_look(&d, true, false, 115 * MS));
    assert_false(fg_debounce_look(&d, true, true, 130 * MS)); // it was away in between
    assert_false(fg_debounce_look(&d, true, false, 149 * MS));
    assert_false(d.level);
    assert_true(fg_debounce_look(&d, true, false, 150 * MS));
    assert_true(d.level);
    assert_false(fg_debounce_look(&d, true, true, 160 * MS));
    d.ms = 0;
    assert_true(fg_debounce_look(&d, false, false, 161 * MS));
}

// ---- the rules, against anything that may happen -----------------------------------------------

#define EVENTS    1000000u
#define DECISIONS 64 // the last of them are followed

struct witness { // what the rules are checked with, kept by what happens and what is told
    struct fg_lane lane;
    struct fg_lane_rules rules;
    unsigned openings;                 // that have not ended
    uint64_t opened[FG_LANE_OPENINGS]; // their decisions; 0 is the button
    unsigned answers[DECISIONS];       // PASSED or TIMEOUT of an admit
    unsigned crossings, told;          // and PASSED or FORCED
    uint64_t decision, last_ns;        // last_ns: of the last OPENED
    uint64_t linger_end_ns;            // who stands in the beam holds it open so long
    uint64_t heard_ns, woken_ns;       // the matcher was, the last WAKE was told
    bool emergency, lost, held;        // held: open when the matcher was lost
    bool whole, beam, within;          // within: the beam broke in an opening
};

static bool is_forced(const struct witness *w)
{
    return w->emergency || (w->lost && (w->rules.on_loss == FG_ON_LOSS_OPEN ||
                                        (w->rules.on_loss == FG_ON_LOSS_HOLD && w->held)));
}

// False: it did not open.
static bool end_opening(struct witness *w, uint64_t decision)
{
    for (unsigned i = 0; i < w->openings; i++) {
        if (w->opened[i] == decision) {
            w->opened[i] = w->opened[--w->openings];
            return true;
        }
    }
    return false;
}

static void bear(void *context, enum fg_lane_news news, struct fg_decision_id which, uint64_t t_ns)
{
    struct witness *w = context;
    const uint64_t decision = which.sequence;
    w->told += news == FG_NEWS_PASSED || news == FG_NEWS_FORCED;
    if (news == FG_NEWS_OPENED) {
        assert_true(w->openings < FG_LANE_OPENINGS);
        w->opened[w->openings++] = decision;
        w->last_ns = t_ns;
    } else if (news == FG_NEWS_PASSED || news == FG_NEWS_TIMEOUT) {
        const bool was_open = end_opening(w, decision);
        assert_true(was_open || news == FG_NEWS_TIMEOUT); // nobody passes a closed lane
        w->answers[decision % DECISIONS] += decision > 0;
    } else if (news == FG_NEWS_CLOSED) {
        assert_int_equal(w->openings, 0);
    } else if (news == FG_NEWS_LOST) {
        w->held = w->openings > 0 || w->emergency || w->linger_end_ns > t_ns;
        w->lost = true;
    } else if (news == FG_NEWS_BACK) {
        w->lost = false;
    } else if (news == FG_NEWS_WAKE) {
        assert_true(w->woken_ns == 0 || t_ns - w->woken_ns >= 1000 * MS);
        w->woken_ns = t_ns;
    } else if (news == FG_NEWS_BLOCKED) {
        assert_true(w->beam && !is_forced(w));
    }
}

static void admit(struct witness *w, uint64_t now)
{
    const unsigned n = w->openings;
    const bool may = w->whole && (n == 0 || (w->rules.extend && n < FG_LANE_OPENINGS));
    const unsigned i = ++w->decision % DECISIONS;
    w->answers[i] = 0;
    fg_lane_decide(&w->lane, FG_LANE_ADMIT, id(w->decision), now);
    assert_int_equal(w->openings - n, may);
    assert_int_equal(w->answers[i], !may); // a refused one is answered at once
}

static bool is_awake(const struct witness *w, uint64_t now)
{
    return w->woken_ns > 0 && now - w->woken_ns < 1000 * MS;
}

static void press(struct witness *w, uint64_t now)
{
    const unsigned n = w->openings;
    fg_lane_button(&w->lane, true, now);
    fg_lane_button(&w->lane, false, now);
    assert_true(w->openings == n || w->rules.button_opens);
    assert_true(w->rules.button_opens || is_awake(w, now));
}

static void break_or_free(struct witness *w, uint64_t now)
{
    w->beam = !w->beam;
    w->within = w->openings > 0;
    const bool was_open = w->openings > 0 || is_forced(w) || now < w->linger_end_ns;
    fg_lane_beam(&w->lane, w->beam, now);
    assert_true(!w->beam || was_open || is_awake(w, now));
    w->crossings += !w->beam;
    if (!w->beam)
        w->linger_end_ns = 0;
    assert_int_equal(w->told, w->crossings); // each is told once, as passed or as forced
}

static void force(struct witness *w, uint64_t now)
{
    const bool was = is_forced(w);
    if (random_below(2)) {
        w->emergency = random_below(2);
        fg_lane_emergency(&w->lane, w->emergency, now);
    } else {
        w->heard_ns = now;
        fg_lane_heartbeat(&w->lane, now);
    }
    if (is_forced(w))
        w->linger_end_ns = 0;
    else if (was && w->beam)
        w->linger_end_ns = now + w->rules.blocked_ms * MS;
}

static void happen(struct witness *w, uint64_t now)
{
    switch (random_below(12)) {
    case 0:
    case 1:
        admit(w, now);
        break;
    case 2:
        w->answers[++w->decision % DECISIONS] = 1; // is owed none
        fg_lane_decide(&w->lane, 1 + random_below(3), id(w->decision), now);
        break;
    case 3:
        press(w, now);
        break;
    case 4:
    case 5:
    case 6:
    case 7:
        break_or_free(w, now);
        break;
    case 8:
    case 9:
        force(w, now);
        break;
    case 10:
        w->whole = random_below(4) > 0;
        fg_lane_lines(&w->lane, w->whole);
        break;
    default:
        break;
    }
}

static void pass_time(struct witness *w, uint64_t now)
{
    const struct fg_lane_rules *rules = &w->rules;
    fg_lane_tick(&w->lane, now);
    assert_int_equal(w->lost, now - w->heard_ns >= rules->loss_ms * MS);
    if (is_forced(w))
        w->linger_end_ns = 0;
    const bool lingers = now < w->linger_end_ns, forced = is_forced(w);
    // open for an admit, the button, an emergency, a lost matcher, or who stands in the beam; and
    // for nothing else
    assert_int_equal(fg_lane_is_open(&w->lane), w->openings > 0 || forced || lingers);
    assert_true(fg_lane_is_open(&w->lane) || !fg_lane_open_line(&w->lane, now));
    assert_true(!forced || fg_lane_open_line(&w->lane, now));
    // an opening has its time, and what a broken beam may add
    if (w->openings > 0)
        assert_true(now <
                    w->last_ns +
                        (rules->passage_ms + rules->blocked_ms * (w->beam && w->within)) * MS);
    assert_true(w->openings <= (rules->extend ? FG_LANE_OPENINGS : 1));
    struct fg_lamps l = fg_lane_lamps(&w->lane, now);
    assert_true(!fg_lane_is_open(&w->lane) || (l.green && !l.red));
}

static void check_answers(const struct witness *w)
{
    for (unsigned i = 0; i < DECISIONS; i++)
        if (w->answers[i] != 1)
            fail_msg("decision %u was answered %u times", i, w->answers[i]);
}

static struct fg_lane_rules random_rules(void)
{
    return (struct fg_lane_rules){.passage_ms = 100 + random_below(5000),
                                  .pulse_ms = random_below(2) * 100,
                                  .after_ms = random_below(3000),
                                  .blocked_ms = random_below(4000),
                                  .loss_ms = 300 + random_below(3000),
                                  .has_beam = true,
                                  .extend = random_below(2),
                                  .button_opens = random_below(2),
                                  .on_loss = (enum fg_on_loss)random_below(3)};
}

static void play(unsigned events)
{
    uint64_t now = HOUR;
    struct witness w = {.rules = random_rules(), .heard_ns = now, .whole = true};
    fg_lane_init(&w.lane, &w.rules, bear, &w, now);
    for (unsigned i = 0; i < events; i++) {
        happen(&w, now);
        pass_time(&w, now);
        uint64_t due = fg_lane_due_ns(&w.lane, now), later = now + random_below(800) * MS;
        assert_true(due > now);
        now = due < later || (random_below(2) && due != UINT64_MAX) ? due : later;
        pass_time(&w, now);
    }
    if (w.beam)
        break_or_free(&w, now);
    fg_lane_emergency(&w.lane, false, now);
    fg_lane_tick(&w.lane, now + HOUR);
    fg_lane_heartbeat(&w.lane, now + HOUR);
    assert_false(fg_lane_is_open(&w.lane)); // everything comes to its end
    check_answers(&w);
}

static void test_a_million_random_events(void **state)
{
    (void)state;
    random_state = 2026;
    for (unsigned done = 0; done < EVENTS; done += 2000)
        play(2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_person_passes),
        cmocka_unit_test(test_nobody_passes),
        cmocka_unit_test(test_the_open_line_is_a_pulse),
        cmocka_unit_test(test_an_admit_to_an_open_lane),
        cmocka_unit_test(test_two_for_one_admit),
        cmocka_unit_test(test_a_crossing_belongs_to_its_beginning),
        cmocka_unit_test(test_it_does_not_close_on_a_person),
        cmocka_unit_test(test_another_is_admitted_meanwhile),
        cmocka_unit_test(test_an_emergency_opens_for_as_long_as_it_lasts),
        cmocka_unit_test(test_after_an_emergency_it_waits_for_who_is_in_it),
        cmocka_unit_test(test_the_matcher_is_lost),
        cmocka_unit_test(test_heartbeats_keep_it),
        cmocka_unit_test(test_somebody_wakes_it_once_a_second),
        cmocka_unit_test(test_the_button),
        cmocka_unit_test(test_missing_lines_refuse_admits),
        cmocka_unit_test(test_without_a_beam_nothing_is_said_of_passages),
        cmocka_unit_test(test_refusals_are_shown),
        cmocka_unit_test(test_an_admit_ends_what_was_shown),
        cmocka_unit_test(test_a_level_must_stay),
        cmocka_unit_test(test_a_million_random_events),
    };
    return cmocka_run_group_tests_name("lane", tests, NULL, NULL);
}
