// SPDX-License-Identifier: Apache-2.0
// Passages against a simple model: random admissions, reports, repetitions, crossings, waits,
// restarts and clocks that jump. FG_PASSAGES_STEPS: how many (a million; 100,000 with a sanitizer).
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "matcher/passages.h"
#include "matcher/seal.h"
#include "tests/dice.h"

#define NS_PER_S UINT64_C(1000000000)
#define SUBJECTS 5
#define LANES    3
#define MOST     4096 // passages that the model remembers

static struct fg_policy policy;
static struct fg_ledger *ledger;
static struct fg_passages *passages;
static struct fg_tills tills;
static struct fg_now now;
static uint64_t run, sequence;
static char folder[64];
static const char *const lane_names[LANES] = {"west", "east", "out"};

static char pin_hash[FG_SUBJECT_PIN];

static int who(void *context, const char *subject, struct fg_subject *ret)
{
    (void)context;
    if (strncmp(subject, "s-", 2) != 0)
        return -ENOENT;
    if (strcmp(subject, "s-broken") == 0)
        return -EIO;
    *ret = (struct fg_subject){.enrolled_s = now.realtime_ns / NS_PER_S, .born = FG_NO_BIRTH};
    snprintf(ret->id, sizeof ret->id, "%s", subject);
    snprintf(ret->pin, sizeof ret->pin, "%s", pin_hash);
    ret->n_tags = 1;
    snprintf(ret->tags[0], sizeof ret->tags[0], "flight:"); // of no flight
    return 0;
}

static void start(void)
{
    struct fg_error err = {""};
    const struct fg_ledger_options options = {
        .directory = folder, .map_bytes = 64 << 20, .careless = true};
    run++;
    sequence = 0;
    if (fg_ledger_open(&options, &ledger, &err) < 0)
        fail_msg("%s", err.text);
    const struct fg_passages_options passing = {
        .policy = &policy, .ledger = ledger, .tills = &tills, .who = who, .run = run};
    if (fg_passages_create(&passing, now, &passages, &err) < 0)
        fail_msg("%s", err.text);
}

static void end(void)
{
    fg_passages_destroy(passages);
    fg_ledger_close(ledger);
    passages = NULL;
    ledger = NULL;
}

static void begin(const struct fg_policy *given)
{
    policy = *given;
    memset(&tills, 0, sizeof tills);
    now = (struct fg_now){1000 * NS_PER_S, 1700000000 * NS_PER_S};
    run = 0;
    snprintf(folder, sizeof folder, "/tmp/facegate-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    start();
}

static void remove_folder(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
}

static void finish(void)
{
    end();
    remove_folder();
}

// ---- what the world does -----------------------------------------------------------------------

static struct fg_verdict admit(const char *subject, const char *lane, struct fg_decision *ret)
{
    struct fg_verdict verdict = {.admit = false};
    memset(ret, 0, sizeof *ret);
    ret->sequence = ++sequence;
    snprintf(ret->lane, sizeof ret->lane, "%s", lane);
    fg_passages_permit(passages, ret, subject, NULL, now, &verdict);
    assert_int_equal(fg_passages_commit(passages, now), 0);
    return verdict;
}

static void report(enum fg_wire_type type, const char *lane, uint64_t of_run, uint64_t decision,
                   uint64_t event)
{
    static struct fg_wire_message m;
    memset(&m, 0, sizeof m);
    m.head = (struct fg_wire_head){.type = type, .session = 9, .t_capture_ns = event};
    snprintf(m.head.lane, sizeof m.head.lane, "%s", lane);
    m.gate = (struct fg_wire_gate){of_run, decision};
    assert_int_equal(fg_passages_hear(passages, &m, now), 0);
}

static unsigned due(struct fg_charge *ret, unsigned most)
{
    unsigned count = 0;
    fg_passages_flush(passages, now);
    assert_int_equal(fg_ledger_begin(ledger, false, NULL), 0);
    assert_int_equal(fg_ledger_charges_due(ledger, NULL, 0, ret, most, &count, NULL), 0);
    fg_ledger_abort(ledger);
    return count;
}

static unsigned events_of(enum fg_event_kind kind)
{
    static struct fg_event events[256];
    unsigned count = 0, found = 0;
    uint64_t after = 0;
    fg_passages_flush(passages, now);
    do {
        assert_int_equal(fg_ledger_events(ledger, after, events, 256, &count, NULL), 0);
        for (unsigned i = 0; i < count; i++)
            found += events[i].kind == kind;
        after = count > 0 ? events[count - 1].number : after;
    } while (count > 0);
    return found;
}

static void pass_time(uint64_t seconds)
{
    now.monotonic_ns += seconds * NS_PER_S;
    now.realtime_ns += seconds * NS_PER_S;
    fg_passages_tick(passages, now);
}

// ---- single stories ----------------------------------------------------------------------------

static const struct fg_policy fare = {.name = "fare",
                                      .fare = 250,
                                      .currency = "RUB",
                                      .passage_s = 10,
                                      .reuse_s = 60,
                                      .recording = FG_RECORDING_OUTCOMES};

static void test_charged_once_they_went_through(void **state)
{
    (void)state;
    struct fg_decision decision;
    struct fg_charge charges[4];
    begin(&fare);
    assert_true(admit("s-1", "west", &decision).admit);
    assert_int_equal(decision.amount, 250);
    assert_string_equal(decision.currency, "RUB");
    assert_int_equal(due(charges, 4), 0);
    report(FG_WIRE_PASSED, "west", run, decision.sequence, 5);
    report(FG_WIRE_PASSED, "west", run, decision.sequence, 5); // the gate says it again
    assert_int_equal(due(charges, 4), 1);
    assert_memory_equal(charges[0].id, decision.charge, FG_CHARGE_ID);
    assert_string_equal(charges[0].subject, "s-1");
    assert_int_equal(events_of(FG_EVENT_TAILGATE), 0);
    report(FG_WIRE_PASSED, "west", run, decision.sequence, 6); // another crossing
    assert_int_equal(events_of(FG_EVENT_TAILGATE), 1);
    report(FG_WIRE_FORCED, "west", run, decision.sequence, 7); // and one more, as it closed
    assert_int_equal(events_of(FG_EVENT_TAILGATE), 2);
    assert_int_equal(events_of(FG_EVENT_FORCED), 0);
    assert_int_equal(due(charges, 4), 1);
    finish();
}

static void test_who_turns_back_pays_nothing(void **state)
{
    (void)state;
    struct fg_decision first, second;
    struct fg_charge charges[4];
    begin(&fare);
    admit("s-1", "west", &first);
    report(FG_WIRE_TIMEOUT, "west", run, first.sequence, 5);
    assert_int_equal(due(charges, 4), 0);
    pass_time(30);
    admit("s-1", "west", &second); // and comes again
    assert_memory_equal(second.charge, first.charge, FG_CHARGE_ID);
    report(FG_WIRE_PASSED, "west", run, second.sequence, 6);
    report(FG_WIRE_PASSED, "west", run, first.sequence,
           7); // a late word of the first charges nobody
    assert_int_equal(due(charges, 4), 1);
    pass_time(100);
    admit("s-1", "west", &first);
    report(FG_WIRE_TIMEOUT, "west", run, first.sequence, 8);
    pass_time(61); // too late for the old charge
    admit("s-1", "west", &second);
    assert_memory_not_equal(second.charge, first.charge, FG_CHARGE_ID);
    finish();
}

// Admitted again while the lane is open for them: the gate refuses the second, and whoever goes
// through on the first has paid. The next time costs again.
static void test_admitted_twice(void **state)
{
    (void)state;
    struct fg_decision first, second, third;
    struct fg_charge charges[4];
    begin(&fare);
    assert_true(admit("s-1", "west", &first).admit);
    assert_true(admit("s-1", "west", &second).admit);
    assert_memory_equal(second.charge, first.charge, FG_CHARGE_ID);
    report(FG_WIRE_TIMEOUT, "west", run, second.sequence, 5);
    assert_int_equal(due(charges, 4), 0);
    report(FG_WIRE_PASSED, "west", run, first.sequence, 6);
    assert_int_equal(due(charges, 4), 1);
    assert_memory_equal(charges[0].id, first.charge, FG_CHARGE_ID);
    assert_true(admit("s-1", "west", &third).admit);
    assert_memory_not_equal(third.charge, first.charge, FG_CHARGE_ID);
    report(FG_WIRE_PASSED, "west", run, third.sequence, 7);
    assert_int_equal(due(charges, 4), 2);
    finish();
}

static void test_a_gate_that_says_nothing(void **state)
{
    (void)state;
    struct fg_decision decision;
    struct fg_charge charges[4];
    begin(&fare);
    admit("s-1", "west", &decision);
    pass_time(9);
    assert_int_equal(events_of(FG_EVENT_UNSETTLED), 0);
    pass_time(1);
    assert_int_equal(events_of(FG_EVENT_UNSETTLED), 1);
    assert_int_equal(due(charges, 4), 0);
    report(FG_WIRE_PASSED, "west", run, decision.sequence, 5); // it was cut off, and they went
    assert_int_equal(due(charges, 4), 1);
    finish();
}

static void test_across_a_restart(void **state)
{
    (void)state;
    struct fg_decision decision;
    struct fg_charge charges[4];
    begin(&fare);
    admit("s-1", "west", &decision);
    uint64_t of_run = run;
    end();
    start();
    report(FG_WIRE_PASSED, "west", of_run, decision.sequence, 5);
    assert_int_equal(due(charges, 4), 1);
    admit("s-2", "west", &decision);
    assert_int_equal(decision.sequence, 1); // the same number, of another run
    end();
    start();
    pass_time(11);
    assert_int_equal(events_of(FG_EVENT_UNSETTLED), 1);
    assert_int_equal(due(charges, 4), 1);
    finish();
}

static void test_strays(void **state)
{
    (void)state;
    struct fg_decision decision;
    begin(&fare);
    admit("s-1", "west", &decision);
    report(FG_WIRE_PASSED, "west", 77, 1, 5);
    report(FG_WIRE_PASSED, "east", run, decision.sequence, 5); // another gate's
    assert_int_equal(fg_passages_counters(passages)->strays, 2);
    assert_int_equal(fg_passages_counters(passages)->passed, 0);
    report(FG_WIRE_FORCED, "west", 0, 0, 6);
    assert_int_equal(events_of(FG_EVENT_FORCED), 1);
    finish();
}

static void test_on_admit(void **state)
{
    (void)state;
    struct fg_policy p = fare;
    struct fg_decision decision;
    struct fg_charge charges[4];
    p.passage = FG_PASSAGE_ON_ADMIT;
    begin(&p);
    admit("s-1", "west", &decision);
    assert_int_equal(due(charges, 4), 1);
    report(FG_WIRE_PASSED, "west", run, decision.sequence, 5); // a beam there is, after all
    assert_int_equal(events_of(FG_EVENT_TAILGATE), 1);
    assert_int_equal(due(charges, 4), 1);
    finish();
}

static void test_the_clock_is_set_back_where_nothing_is_recorded(void **state)
{
    (void)state;
    struct fg_decision decision;
    struct fg_policy calm = fare;
    calm.recording = FG_RECORDING_NOTHING;
    calm.cooldown_s = 60;
    begin(&calm);
    assert_true(admit("s-1", "west", &decision).admit);
    report(FG_WIRE_PASSED, "west", run, decision.sequence, 5);
    end();
    now.realtime_ns -= 3600 * NS_PER_S;
    start();
    assert_int_equal(events_of(FG_EVENT_START), 0);
    assert_false(admit("s-1", "west", &decision).admit);
    pass_time(59);
    assert_false(admit("s-1", "west", &decision).admit);
    pass_time(2);
    assert_true(admit("s-1", "west", &decision).admit);
    finish();
}

static void test_nothing_kept(void **state)
{
    (void)state;
    struct fg_error err = {""};
    struct fg_decision decision = {.sequence = 1, .lane = "west"};
    struct fg_verdict verdict = {.admit = false};
    begin(&fare);
    end();
    policy.recording = FG_RECORDING_NOTHING;
    policy.keep_nothing = true;
    policy.fare = 0;
    const struct fg_passages_options options = {.policy = &policy, .who = who, .run = 5};
    assert_int_equal(fg_passages_create(&options, now, &passages, &err), 0);
    fg_passages_permit(passages, &decision, "s-1", NULL, now, &verdict);
    assert_true(verdict.admit);
    assert_int_equal(fg_passages_commit(passages, now), 0);
    report(FG_WIRE_PASSED, "west", 5, 1, 5);
    fg_passages_note(passages, &decision, now);
    fg_passages_tick(passages, now);
    fg_passages_destroy(passages);
    passages = NULL;
    remove_folder();
}

// Admissions are durable together or not at all, and nobody who was denied is charged.
static void test_a_batch_fails_whole(void **state)
{
    (void)state;
    struct fg_policy p = fare;
    struct fg_decision d = {.lane = "west"};
    struct fg_verdict verdict;
    struct fg_charge charges[4];
    p.passage = FG_PASSAGE_ON_ADMIT;
    begin(&p);
    static const char *const batches[][4] = {{"s-1", "s-broken", "s-broken"},
                                             {"s-1", "s-broken", "s-2"}};
    for (unsigned b = 0; b < 2; b++) {
        for (const char *const *subject = batches[b]; *subject; subject++) {
            d.sequence = ++sequence;
            fg_passages_permit(passages, &d, *subject, NULL, now, &verdict);
            assert_int_equal(verdict.admit, strcmp(*subject, "s-broken") != 0);
        }
        assert_int_equal(fg_passages_commit(passages, now), -EIO);
        assert_int_equal(due(charges, 4), 0);
    }
    d.sequence = ++sequence;
    fg_passages_permit(passages, &d, "s-broken", NULL, now, &verdict);
    assert_int_equal(fg_passages_commit(passages, now), 0); // it took nobody along
    assert_true(admit("s-3", "west", &d).admit);
    assert_int_equal(due(charges, 4), 1);
    finish();
}

// One code, read in two lanes before its owner came: one of them opens.
static void test_one_code_in_two_lanes(void **state)
{
    (void)state;
    const struct fg_policy p = {.name = "pass", .one_time = true, .passage_s = 10};
    const struct fg_claim claim = {.kind = FG_CLAIM_TOKEN,
                                   .id = "01010101010101010101010101010101",
                                   .serial = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}};
    struct fg_decision first = {.sequence = 1, .lane = "west"};
    struct fg_decision second = {.sequence = 2, .lane = "east"};
    struct fg_verdict verdict;
    begin(&p);
    fg_passages_permit(passages, &first, claim.id, &claim, now, &verdict);
    assert_true(verdict.admit);
    fg_passages_permit(passages, &second, claim.id, &claim, now, &verdict);
    assert_string_equal(verdict.reason, "token_used");
    assert_int_equal(fg_passages_commit(passages, now), 0);
    report(FG_WIRE_TIMEOUT, "west", run, 1, 5); // they turned back
    fg_passages_permit(passages, &second, claim.id, &claim, now, &verdict);
    assert_true(verdict.admit);
    assert_int_equal(fg_passages_commit(passages, now), 0);
    finish();
}

// A wrong PIN may be mended, pin_tries times; each is tried once.
static void test_wrong_pins(void **state)
{
    (void)state;
    struct fg_policy p = {.name = "pay",
                          .payments = true,
                          .currency = "JPY",
                          .pin_above = 100,
                          .pin_tries = 3,
                          .passage = FG_PASSAGE_ON_ADMIT};
    const struct fg_payment payment = {.id = "order-1", .firm = "", .amount = 980};
    const char *reason;
    struct fg_decision decision;
    assert_int_equal(fg_seal_password_hash("4711", pin_hash), 0);
    begin(&p);
    assert_int_equal(fg_tills_ask(&tills, "west", &payment, now.monotonic_ns), 0);
    for (unsigned i = 1; i <= 3; i++) {
        struct fg_verdict verdict = admit("s-1", "west", &decision);
        assert_string_equal(verdict.reason, "pin_needed");
        assert_int_equal(fg_tills_pin(&tills, "west", "0815"), 0);
        verdict = admit("s-1", "west", &decision);
        assert_string_equal(verdict.reason, "pin_wrong");
        assert_int_equal(verdict.retry, i < 3);
    }
    assert_null(fg_tills_find(&tills, "west"));
    assert_int_equal(fg_tills_outcome(&tills, "", "order-1", &reason), FG_TILL_REFUSED);
    assert_string_equal(reason, "pin_wrong");
    pin_hash[0] = '\0';
    finish();
}

static void test_payment_once(void **state)
{
    (void)state;
    struct fg_policy p = {.name = "pay",
                          .payments = true,
                          .currency = "JPY",
                          .pin_tries = 3,
                          .passage = FG_PASSAGE_ON_ADMIT};
    struct fg_payment payment = {.id = "till-7:1001", .kind = FG_PURCHASE, .amount = 980};
    struct fg_decision decision;
    struct fg_charge charges[4];
    const char *why;
    begin(&p);
    struct fg_verdict verdict = admit("s-1", "west", &decision);
    assert_false(verdict.admit); // nobody has asked for money
    assert_int_equal(fg_tills_ask(&tills, "west", &payment, now.monotonic_ns), 0);
    assert_true(admit("s-1", "west", &decision).admit);
    assert_string_equal(decision.payment, "till-7:1001");
    assert_int_equal(fg_tills_outcome(&tills, "", "till-7:1001", &why), FG_TILL_ADMITTED);
    assert_int_equal(due(charges, 4), 1);
    assert_int_equal(charges[0].amount, 980);
    assert_int_equal(fg_tills_ask(&tills, "west", &payment, now.monotonic_ns), 0); // once more
    assert_false(admit("s-2", "west", &decision).admit);
    assert_int_equal(due(charges, 4), 1);
    finish();
}

// What is too old goes by itself, few in a turn: events after retention_days, passages and charges
// that were taken after a week at least, used serials when their time is over.
static void test_retention(void **state)
{
    (void)state;
    enum { PEOPLE = 1200 }; // more than one turn removes
    const struct fg_policy p = {.name = "kept",
                                .fare = 100,
                                .currency = "EUR",
                                .recording = FG_RECORDING_PASSAGES,
                                .retention_days = 3,
                                .passage = FG_PASSAGE_ON_ADMIT};
    struct fg_decision decision;
    struct fg_ledger_state before, after;
    static struct fg_charge charges[PEOPLE];
    begin(&p);
    const uint64_t today_s = now.realtime_ns / NS_PER_S;
    for (unsigned i = 0; i < PEOPLE; i++)
        assert_true(admit("s-1", "west", &decision).admit);
    assert_int_equal(due(charges, PEOPLE), PEOPLE);
    assert_int_equal(fg_ledger_begin(ledger, true, NULL), 0);
    for (unsigned i = 1; i < PEOPLE; i++) { // the first is left due
        charges[i].state = FG_CHARGE_TAKEN;
        assert_int_equal(fg_ledger_charge_put(ledger, &charges[i], NULL), 0);
    }
    assert_int_equal(fg_ledger_mark_put(ledger, FG_MARK_USED, "serial", 6, today_s + 86400, NULL),
                     0);
    assert_int_equal(fg_ledger_commit(ledger, NULL), 0);
    fg_ledger_state(ledger, &before);
    pass_time(2 * 86400);
    fg_passages_tick(passages, now);
    fg_passages_flush(passages, now);
    fg_ledger_state(ledger, &after);
    assert_int_equal(after.events, before.events);
    pass_time(8 * 86400);
    unsigned turns = 0;
    for (bool more = true; more; turns++) {
        fg_passages_tick(passages, now);
        fg_passages_flush(passages, now);
        more = fg_passages_due_ns(passages) <= now.monotonic_ns;
        assert_true(turns < 100);
    }
    assert_true(turns > 1);
    fg_ledger_state(ledger, &after);
    assert_int_equal(after.events, 0);
    assert_int_equal(after.passages, 0);
    assert_int_equal(due(charges, PEOPLE), 1); // money is never forgotten
    uint64_t until;
    assert_int_equal(fg_ledger_begin(ledger, false, NULL), 0);
    assert_int_equal(fg_ledger_mark_get(ledger, FG_MARK_USED, "serial", 6, &until, NULL), -ENOENT);
    assert_int_equal(fg_ledger_charge_get(ledger, charges[0].id, charges, NULL), 0);
    fg_ledger_abort(ledger);
    finish();
}

// ---- the model ---------------------------------------------------------------------------------

struct modelled {
    uint64_t run, sequence, t_ns, settled_ns, crossing;
    unsigned subject, lane;
    enum fg_passage_state state;
    int charge; // an index of charges; -1: none
};

static struct {
    struct modelled at[MOST];
    unsigned count, charges, due;
    bool charge_due[MOST];
    int inside[SUBJECTS];
    uint64_t time_ns, monotonic_ns; // the ledger's clock
} model;

static uint64_t model_time(void)
{
    uint64_t on = model.time_ns + (now.monotonic_ns - model.monotonic_ns);
    model.time_ns = now.realtime_ns > on ? now.realtime_ns : on;
    model.monotonic_ns = now.monotonic_ns;
    return model.time_ns;
}

static struct modelled *model_last(unsigned subject, int lane, unsigned states)
{
    for (unsigned i = model.count; i-- > 0;) {
        struct modelled *m = &model.at[i];
        if (m->subject == subject && (lane < 0 || m->lane == (unsigned)lane) &&
            (states >> m->state & 1))
            return m;
    }
    return NULL;
}

static uint64_t seconds_since(uint64_t then_ns)
{
    return (model_time() - then_ns) / NS_PER_S;
}

static bool model_allows(unsigned subject, unsigned lane)
{
    model_time();
    const struct modelled *done = model_last(subject, -1, 1u << FG_PASSAGE_DONE);
    const struct modelled *pending = model_last(subject, -1, 1u << FG_PASSAGE_PENDING);
    if (policy.exclusive_s > 0 && pending && pending->lane != lane)
        return false;
    if (policy.exclusive_s > 0 && done && done->lane != lane &&
        seconds_since(done->settled_ns) < policy.exclusive_s)
        return false;
    if (policy.cooldown_s > 0 && done && done->lane == lane &&
        seconds_since(done->settled_ns) < policy.cooldown_s)
        return false;
    if (policy.anti_passback && lane == 2)
        return model.inside[subject];
    return !policy.anti_passback || !model.inside[subject];
}

static void model_admit(unsigned subject, unsigned lane)
{
    struct modelled *last = model_last(subject, (int)lane, 7);
    struct modelled *m = &model.at[model.count++];
    *m = (struct modelled){.run = run,
                           .sequence = sequence,
                           .subject = subject,
                           .lane = lane,
                           .t_ns = model_time(),
                           .charge = -1};
    bool again = last && (last->state == FG_PASSAGE_PENDING ||
                          (last->state == FG_PASSAGE_VOID &&
                           model_time() - last->settled_ns <= policy.reuse_s * NS_PER_S));
    if (policy.fare == 0)
        return;
    if (again && !model.charge_due[last->charge])
        m->charge = last->charge;
    if (m->charge < 0)
        m->charge = (int)model.charges++;
}

static void model_done(struct modelled *m, uint64_t crossing)
{
    model_time();
    if (m->state == FG_PASSAGE_DONE)
        return;
    m->state = FG_PASSAGE_DONE;
    m->settled_ns = model_time();
    m->crossing = crossing;
    if (policy.lanes[m->lane].direction != FG_DIRECTION_NONE)
        model.inside[m->subject] = policy.lanes[m->lane].direction == FG_DIRECTION_IN;
    if (m->charge >= 0 && !model.charge_due[m->charge]) {
        model.charge_due[m->charge] = true;
        model.due++;
    }
}

static void model_void(struct modelled *m)
{
    model_time();
    if (m->state != FG_PASSAGE_PENDING)
        return;
    m->state = FG_PASSAGE_VOID;
    m->settled_ns = model_time();
}

// The ledger's clock goes on from its last event, the start itself.
static void model_restart(void)
{
    struct fg_ledger_state ledger_state;
    struct fg_event last;
    unsigned count;
    fg_ledger_state(ledger, &ledger_state);
    assert_int_equal(fg_ledger_events(ledger, ledger_state.last_event - 1, &last, 1, &count, NULL),
                     0);
    assert_int_equal(count, 1);
    model.time_ns = last.t_ns;
    model.monotonic_ns = now.monotonic_ns;
}

static void model_overdue(void)
{
    for (unsigned i = 0; i < model.count; i++)
        if (model.at[i].state == FG_PASSAGE_PENDING)
            model_void(&model.at[i]);
}

static unsigned inside_now(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < SUBJECTS; i++)
        count += (unsigned)model.inside[i];
    return count;
}

static void compare(void)
{
    static struct fg_charge charges[MOST];
    assert_int_equal(due(charges, MOST), model.due);
    assert_int_equal(fg_ledger_begin(ledger, false, NULL), 0);
    assert_int_equal(fg_ledger_inside_count(ledger, NULL), inside_now());
    fg_ledger_abort(ledger);
}

static void one_step(void)
{
    unsigned subject = random_below(SUBJECTS), lane = random_below(LANES);
    unsigned back = random_below(model.count < 8 ? model.count + 1 : 8);
    struct modelled *m = back < model.count ? &model.at[model.count - 1 - back] : NULL;
    struct fg_decision decision;
    char id[16];
    now.monotonic_ns += 1000003; // no two moments are whole seconds apart
    now.realtime_ns += 1000003;
    switch (random_below(10)) {
    case 0:
    case 1:
    case 2:
    case 3:
        snprintf(id, sizeof id, "s-%u", subject);
        bool allowed = model_allows(subject, lane);
        struct fg_verdict verdict = admit(id, lane_names[lane], &decision);
        if (verdict.admit != allowed)
            fail_msg("step: %s in %s: %s", id, lane_names[lane], verdict.reason);
        if (verdict.admit)
            model_admit(subject, lane);
        break;
    case 4:
    case 5:
        if (!m)
            break;
        report(FG_WIRE_PASSED, lane_names[m->lane], m->run, m->sequence, 100 + m->sequence);
        model_done(m, 100 + m->sequence);
        break;
    case 6:
        if (!m)
            break;
        report(FG_WIRE_TIMEOUT, lane_names[m->lane], m->run, m->sequence, 5);
        model_void(m);
        break;
    case 7:
        now.monotonic_ns += random_below(3) * NS_PER_S;
        now.realtime_ns += random_below(3) * NS_PER_S; // it drifts
        break;
    case 8:
        if (random_below(20) == 0) { // longer than any gate takes
            now.monotonic_ns += 30 * NS_PER_S;
            now.realtime_ns += 30 * NS_PER_S;
            model_time();
            fg_passages_tick(passages, now);
            model_overdue();
        }
        break;
    default:
        if (random_below(50) == 0) { // the clock is set
            uint64_t jump = random_below(7200) * NS_PER_S;
            now.realtime_ns += random_below(2) ? jump : 0 - jump;
        } else if (random_below(50) == 0) {
            fg_passages_flush(passages, now);
            end();
            start();
            model_restart();
        }
    }
}

static void play(const struct fg_policy *given, uint64_t seed, unsigned steps)
{
    random_state = (uint32_t)seed;
    begin(given);
    memset(&model, 0, sizeof model);
    model.time_ns = now.realtime_ns;
    model.monotonic_ns = now.monotonic_ns;
    for (unsigned i = 0; i < steps && model.count < MOST; i++) {
        one_step();
        if (i % 64 == 0)
            compare();
    }
    compare();
    finish();
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STEPS 100000
#else
#define STEPS 1000000
#endif

static void test_model(void **state)
{
    (void)state;
    const char *given = getenv("FG_PASSAGES_STEPS");
    unsigned steps = given ? (unsigned)atoi(given) : STEPS;
    struct fg_policy policies[4] = {fare, fare, fare, fare};
    policies[1].exclusive_s = 5;
    policies[1].cooldown_s = 3;
    policies[2].fare = 0;
    policies[2].anti_passback = true;
    policies[2].n_lanes = LANES;
    for (unsigned i = 0; i < LANES; i++) {
        snprintf(policies[2].lanes[i].name, FG_WIRE_NAME, "%s", lane_names[i]);
        policies[2].lanes[i].direction = i == 2 ? FG_DIRECTION_OUT : FG_DIRECTION_IN;
    }
    policies[3] = policies[2];
    policies[3].fare = 9;
    policies[3].exclusive_s = 4;
    for (unsigned round = 0; round * 4000 < steps; round++)
        play(&policies[round % 4], round, 4000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_charged_once_they_went_through),
        cmocka_unit_test(test_who_turns_back_pays_nothing),
        cmocka_unit_test(test_admitted_twice),
        cmocka_unit_test(test_a_gate_that_says_nothing),
        cmocka_unit_test(test_across_a_restart),
        cmocka_unit_test(test_strays),
        cmocka_unit_test(test_on_admit),
        cmocka_unit_test(test_the_clock_is_set_back_where_nothing_is_recorded),
        cmocka_unit_test(test_nothing_kept),
        cmocka_unit_test(test_a_batch_fails_whole),
        cmocka_unit_test(test_one_code_in_two_lanes),
        cmocka_unit_test(test_wrong_pins),
        cmocka_unit_test(test_payment_once),
        cmocka_unit_test(test_retention),
        cmocka_unit_test(test_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
