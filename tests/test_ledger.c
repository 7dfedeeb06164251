// SPDX-License-Identifier: Apache-2.0
// The ledger: each of its tables, what an end at any moment leaves, and no room.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "matcher/ledger.h"
#include "tests/ledger_play.h"

#define NS_PER_S UINT64_C(1000000000)

static char folder[64], directory[80], data[96];
static struct fg_ledger *ledger;
static struct fg_error err;

static struct fg_ledger_options options(void)
{
    return (struct fg_ledger_options){.directory = directory, .map_bytes = 64 << 20};
}

static void open_ledger(void)
{
    struct fg_ledger_options o = options();
    ledger = NULL;
    if (fg_ledger_open(&o, &ledger, &err) < 0)
        fail_msg("%s", err.text);
}

static void open_again(void)
{
    fg_ledger_close(ledger);
    open_ledger();
}

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/facegate-test-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(directory, sizeof directory, "%s/ledger", folder);
    snprintf(data, sizeof data, "%s/data.mdb", directory);
    memset(&err, 0, sizeof err);
    random_state = 1;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[96];
    fg_ledger_close(ledger);
    ledger = NULL;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static void begin(bool writing)
{
    assert_int_equal(fg_ledger_begin(ledger, writing, &err), 0);
}

static void commit(void)
{
    if (fg_ledger_commit(ledger, &err) < 0)
        fail_msg("%s", err.text);
}

// The call succeeds, or the test fails with its sentence.
static void well(int r)
{
    if (r < 0)
        fail_msg("%d %s", r, err.text);
}

static void refused(const struct fg_ledger_options *o, int code, const char *words)
{
    struct fg_ledger *none = NULL;
    memset(&err, 0, sizeof err);
    assert_int_equal(fg_ledger_open(o, &none, &err), code);
    assert_null(none);
    if (!strstr(err.text, words))
        fail_msg("no \"%s\" in: %s", words, err.text);
}

// ---- events ------------------------------------------------------------------------------------

static struct fg_event event_at(uint64_t t_s)
{
    return (struct fg_event){
        .kind = FG_EVENT_DENY, .t_ns = t_s * NS_PER_S, .lane = "west", .reason = "no_match"};
}

static void append(uint64_t first_s, unsigned count)
{
    begin(true);
    for (unsigned i = 0; i < count; i++) {
        struct fg_event event = event_at(first_s + i);
        well(fg_ledger_append(ledger, &event, &err));
    }
    commit();
}

static void test_events(void **state)
{
    struct fg_event events[8], written = {.kind = FG_EVENT_PASSED,
                                          .t_ns = 5,
                                          .run = UINT64_MAX,
                                          .decision = 1,
                                          .lane = "w",
                                          .zone = "z",
                                          .firm = "f",
                                          .subject = "s",
                                          .reason = "r",
                                          .detail = "in",
                                          .liveness = "attended",
                                          .charge = {1, 2, 3},
                                          .amount = UINT64_MAX,
                                          .currency = "EUR"};
    unsigned count = 7;
    (void)state;
    open_ledger();
    well(fg_ledger_events(ledger, 0, events, 8, &count, &err));
    assert_int_equal(count, 0);
    begin(true);
    well(fg_ledger_append(ledger, &written, &err));
    assert_int_equal(written.number, 1);
    well(fg_ledger_events(ledger, 0, events, 8, &count, &err)); // within its transaction
    assert_int_equal(count, 1);
    commit();
    append(10, 5);
    open_again();
    append(20, 1);
    well(fg_ledger_events(ledger, 0, events, 3, &count, &err));
    assert_int_equal(count, 3);
    assert_memory_equal(&events[0], &written, sizeof written);
    well(fg_ledger_events(ledger, 3, events, 8, &count, &err));
    assert_int_equal(count, 4);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(events[i].number, 4 + i);
    assert_int_equal(events[3].t_ns, 20 * NS_PER_S);
    well(fg_ledger_events(ledger, 7, events, 8, &count, &err));
    assert_int_equal(count, 0);
    well(fg_ledger_events(ledger, UINT64_MAX, events, 8, &count, &err));
    assert_int_equal(count, 0);
    well(fg_ledger_events(ledger, 0, events, 0, &count, &err));
    assert_int_equal(count, 0);
}

static void test_event_refused(void **state)
{
    struct fg_event event = event_at(1);
    (void)state;
    open_ledger();
    begin(true);
    memset(event.lane, 'x', sizeof event.lane); // no NUL
    assert_int_equal(fg_ledger_append(ledger, &event, &err), -EINVAL);
    event = event_at(1);
    event.kind = FG_EVENT_KINDS;
    assert_int_equal(fg_ledger_append(ledger, &event, &err), -EINVAL);
    event.kind = (enum fg_event_kind)0;
    assert_int_equal(fg_ledger_append(ledger, &event, &err), -EINVAL);
    fg_ledger_abort(ledger);
}

static uint64_t since(uint64_t t_ns)
{
    uint64_t after = 99;
    well(fg_ledger_events_since(ledger, t_ns, &after, &err));
    return after;
}

static void test_since(void **state)
{
    (void)state;
    open_ledger();
    begin(false);
    assert_int_equal(since(0), 0);
    assert_int_equal(since(UINT64_MAX), 0);
    fg_ledger_abort(ledger);
    append(100, 50); // event n is of second 99 + n
    append(149, 2);  // two of one second: 51, and 52 of the next
    begin(true);
    assert_true(fg_ledger_expire(ledger, 110 * NS_PER_S, 0, 0, 1000, &err) == 10);
    for (uint64_t s = 110; s <= 149; s++) {
        assert_int_equal(since(s * NS_PER_S), s - 100);
        assert_int_equal(since(s * NS_PER_S - 1), s - 100);
    }
    assert_int_equal(since(0), 10);
    assert_int_equal(since(149 * NS_PER_S + 1), 51);
    assert_int_equal(since(150 * NS_PER_S + 1), 52);
    fg_ledger_abort(ledger);
}

static void test_state(void **state)
{
    struct fg_ledger_state s;
    (void)state;
    open_ledger();
    fg_ledger_state(ledger, &s);
    assert_true(s.events == 0 && s.first_event == 0 && s.last_event == 0 && s.bytes > 0);
    append(10, 4);
    begin(true);
    assert_int_equal(fg_ledger_expire(ledger, 12 * NS_PER_S, 0, 0, 10, &err), 2);
    commit();
    fg_ledger_state(ledger, &s);
    assert_true(s.events == 2 && s.first_event == 3 && s.last_event == 4);
    begin(true);
    assert_int_equal(fg_ledger_expire(ledger, 99 * NS_PER_S, 0, 0, 10, &err), 2);
    commit();
    open_again();
    append(20, 1); // a number is never given twice
    fg_ledger_state(ledger, &s);
    assert_true(s.events == 1 && s.first_event == 5 && s.last_event == 5);
}

// ---- passages ----------------------------------------------------------------------------------

static struct fg_passage_record passage(uint64_t decision, const char *subject, const char *lane,
                                        uint64_t t_ns, enum fg_passage_state is)
{
    struct fg_passage_record p = {.run = 7, .decision = decision, .state = is, .t_ns = t_ns};
    snprintf(p.subject, sizeof p.subject, "%s", subject);
    snprintf(p.lane, sizeof p.lane, "%s", lane);
    return p;
}

static void put_passage(const struct fg_passage_record *p)
{
    well(fg_ledger_passage_put(ledger, p, &err));
}

static uint64_t last(const char *subject, const char *lane, unsigned states)
{
    struct fg_passage_record p;
    int r = fg_ledger_passage_last(ledger, subject, lane, states, &p, &err);
    if (r == -ENOENT)
        return 0;
    well(r);
    assert_string_equal(p.subject, subject);
    return p.decision;
}

#define DONE    (1u << FG_PASSAGE_DONE)
#define VOID    (1u << FG_PASSAGE_VOID)
#define PENDING (1u << FG_PASSAGE_PENDING)

static void test_passages(void **state)
{
    struct fg_passage_record p, written = passage(1, "ann", "west", 10, FG_PASSAGE_PENDING);
    (void)state;
    open_ledger();
    begin(true);
    assert_int_equal(fg_ledger_passage_get(ledger, 7, 1, &p, &err), -ENOENT);
    assert_int_equal(last("ann", NULL, DONE | VOID | PENDING), 0);
    written.t_settled_ns = 3;
    written.crossings = 2;
    written.crossing_boot = UINT64_MAX;
    written.crossing_ns = 5;
    memset(written.charge, 0xc5, sizeof written.charge);
    put_passage(&written);
    well(fg_ledger_passage_get(ledger, 7, 1, &p, &err));
    assert_memory_equal(&p, &written, sizeof p);
    p = passage(2, "ann", "east", 20, FG_PASSAGE_DONE);
    put_passage(&p);
    p = passage(3, "ann", "west", 30, FG_PASSAGE_VOID);
    put_passage(&p);
    p = passage(4, "ann-2", "west", 40, FG_PASSAGE_DONE); // a name that begins alike
    put_passage(&p);
    p = passage(5, "an", "west", 50, FG_PASSAGE_DONE);
    put_passage(&p);
    commit();
    open_again();
    begin(false);
    assert_int_equal(last("ann", NULL, DONE | VOID | PENDING), 3);
    assert_int_equal(last("ann", NULL, DONE | PENDING), 2);
    assert_int_equal(last("ann", "west", DONE | VOID | PENDING), 3);
    assert_int_equal(last("ann", "west", PENDING), 1);
    assert_int_equal(last("ann", "west", DONE), 0);
    assert_int_equal(last("ann-2", NULL, DONE), 4);
    assert_int_equal(last("an", NULL, DONE), 5);
    assert_int_equal(last("bob", NULL, DONE), 0);
    assert_int_equal(last("zoe", NULL, DONE), 0);
    fg_ledger_abort(ledger);
}

static void test_passage_moves(void **state)
{
    struct fg_passage_record p = passage(1, "ann", "west", 10, FG_PASSAGE_DONE);
    (void)state;
    open_ledger();
    begin(true);
    put_passage(&p);
    p.t_ns = 20;
    put_passage(&p);
    assert_int_equal(last("ann", NULL, DONE), 1);
    snprintf(p.subject, sizeof p.subject, "bob");
    put_passage(&p);
    assert_int_equal(last("ann", NULL, DONE), 0);
    assert_int_equal(last("bob", NULL, DONE), 1);
    assert_int_equal(fg_ledger_expire(ledger, 0, 30, 0, 10, &err), 1);
    assert_int_equal(last("ann", NULL, DONE), 0); // no row leads nowhere
    assert_int_equal(last("bob", NULL, DONE), 0);
    commit();
}

static int count_pending(void *context, const struct fg_passage_record *p)
{
    assert_int_equal(p->state, FG_PASSAGE_PENDING);
    return --*(int *)context == 0 ? 42 : 0;
}

static void test_pending(void **state)
{
    int left = 100;
    (void)state;
    open_ledger();
    begin(true);
    for (uint64_t i = 1; i <= 30; i++) {
        struct fg_passage_record p = passage(i, "ann", "west", i, (enum fg_passage_state)(i % 3));
        put_passage(&p);
    }
    well(fg_ledger_passages_pending(ledger, count_pending, &left, &err));
    assert_int_equal(left, 90);
    left = 3;
    assert_int_equal(fg_ledger_passages_pending(ledger, count_pending, &left, &err), 42);
    commit();
}

// ---- charges -----------------------------------------------------------------------------------

static struct fg_charge charge(uint8_t number, enum fg_charge_state is, const char *firm)
{
    struct fg_charge c = {.id = {number, 1}, .state = is, .amount = number, .t_ns = number};
    snprintf(c.subject, sizeof c.subject, "ann");
    snprintf(c.lane, sizeof c.lane, "west");
    snprintf(c.firm, sizeof c.firm, "%s", firm);
    snprintf(c.currency, sizeof c.currency, "EUR");
    snprintf(c.payment, sizeof c.payment, "till-%u", number);
    return c;
}

static void put_charge(uint8_t number, enum fg_charge_state is, const char *firm)
{
    struct fg_charge c = charge(number, is, firm);
    well(fg_ledger_charge_put(ledger, &c, &err));
}

// The numbers of those due, as digits.
static const char *due(const char *firm, uint64_t after, unsigned most)
{
    static char text[16];
    struct fg_charge charges[8];
    unsigned count = 0, i;
    well(fg_ledger_charges_due(ledger, firm, after, charges, most, &count, &err));
    for (i = 0; i < count; i++) {
        assert_int_equal(charges[i].state, FG_CHARGE_DUE);
        text[i] = (char)('0' + charges[i].id[0]);
    }
    text[i] = '\0';
    return text;
}

static void test_charges(void **state)
{
    struct fg_charge c, written = charge(9, FG_CHARGE_PENDING, "cafe");
    (void)state;
    open_ledger();
    begin(true);
    assert_int_equal(fg_ledger_charge_get(ledger, written.id, &c, &err), -ENOENT);
    well(fg_ledger_charge_put(ledger, &written, &err));
    well(fg_ledger_charge_get(ledger, written.id, &c, &err));
    assert_memory_equal(&c, &written, sizeof c);
    assert_int_equal(c.due, 0);
    assert_string_equal(due(NULL, 0, 8), "");
    put_charge(3, FG_CHARGE_DUE, "cafe");
    put_charge(1, FG_CHARGE_DUE, "shop");
    put_charge(2, FG_CHARGE_VOID, "shop");
    put_charge(9, FG_CHARGE_DUE, "cafe");
    put_charge(9, FG_CHARGE_DUE, "cafe"); // again, by who knows of no place
    commit();
    open_again();
    begin(true);
    assert_string_equal(due(NULL, 0, 8), "319");
    assert_string_equal(due(NULL, 0, 2), "31");
    assert_string_equal(due(NULL, 1, 8), "19");
    assert_string_equal(due(NULL, 3, 8), "");
    assert_string_equal(due("cafe", 0, 8), "39");
    assert_string_equal(due("shop", 0, 8), "1");
    assert_string_equal(due("none", 0, 8), "");
    put_charge(1, FG_CHARGE_TAKEN, "shop");
    put_charge(1, FG_CHARGE_TAKEN, "shop");
    assert_string_equal(due(NULL, 0, 8), "39");
    put_charge(2, FG_CHARGE_DUE, "shop"); // void at first, and somebody passed after all
    assert_string_equal(due(NULL, 0, 8), "392");
    well(fg_ledger_charge_get(ledger, charge(1, 0, "").id, &c, &err));
    assert_true(c.due == 2 && c.state == FG_CHARGE_TAKEN);
    commit();
}

// ---- inside ------------------------------------------------------------------------------------

static void go(const char *subject, const char *zone)
{
    struct fg_inside inside = {.since_ns = 5};
    snprintf(inside.subject, sizeof inside.subject, "%s", subject);
    snprintf(inside.zone, sizeof inside.zone, "%s", zone);
    well(fg_ledger_inside_put(ledger, &inside, &err));
}

// "zone=count ..." in order.
static const char *zones(void)
{
    static char text[128];
    char name[FG_WIRE_NAME], *after = NULL;
    uint64_t people;
    text[0] = '\0';
    while (fg_ledger_zone_next(ledger, after, name, &people, &err) == 0) {
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s=%u ", name, (unsigned)people);
        assert_int_equal(fg_ledger_inside_count(ledger, name), people);
        after = name;
    }
    return text;
}

static void test_inside(void **state)
{
    struct fg_inside inside = {.subject = ""};
    (void)state;
    open_ledger();
    begin(true);
    assert_int_equal(fg_ledger_inside_get(ledger, "ann", &inside, &err), -ENOENT);
    assert_int_equal(fg_ledger_inside_delete(ledger, "ann", &err), -ENOENT);
    assert_int_equal(fg_ledger_inside_next(ledger, "", &inside, &err), -ENOENT);
    assert_string_equal(zones(), "");
    go("ann", "hall");
    go("bob", "hall");
    go("cleo", "yard");
    go("dan", "");
    go("ann", "hall"); // is there already
    commit();
    open_again();
    begin(true);
    assert_string_equal(zones(), "=1 hall=2 yard=1 ");
    assert_int_equal(fg_ledger_inside_count(ledger, NULL), 4);
    go("bob", "yard");
    go("dan", "ha"); // a name that begins alike
    assert_string_equal(zones(), "ha=1 hall=1 yard=2 ");
    well(fg_ledger_inside_delete(ledger, "ann", &err));
    assert_string_equal(zones(), "ha=1 yard=2 ");
    assert_int_equal(fg_ledger_inside_count(ledger, "hall"), 0);
    well(fg_ledger_inside_get(ledger, "bob", &inside, &err));
    assert_string_equal(inside.zone, "yard");
    assert_int_equal(inside.since_ns, 5);
    static const char *const order[] = {"bob", "cleo", "dan"};
    inside.subject[0] = '\0';
    for (unsigned i = 0; i < 3; i++) {
        char after[FG_SUBJECT_ID];
        memcpy(after, inside.subject, sizeof after);
        well(fg_ledger_inside_next(ledger, after, &inside, &err));
        assert_string_equal(inside.subject, order[i]);
    }
    assert_int_equal(fg_ledger_inside_next(ledger, "dan", &inside, &err), -ENOENT);
    commit();
}

// ---- marks and flights -------------------------------------------------------------------------

static void test_marks(void **state)
{
    static const uint8_t low[FG_SERIAL] = {0}, high[FG_SERIAL] = {255, 255};
    uint8_t key[FG_SERIAL];
    uint64_t until = 0;
    size_t length = 0;
    (void)state;
    open_ledger();
    begin(true);
    assert_int_equal(fg_ledger_mark_get(ledger, FG_MARK_USED, low, 16, &until, &err), -ENOENT);
    well(fg_ledger_mark_put(ledger, FG_MARK_USED, high, 16, 77, &err));
    well(fg_ledger_mark_put(ledger, FG_MARK_USED, low, 16, 0, &err));
    well(fg_ledger_mark_put(ledger, FG_MARK_REVOKED, low, 16, 88, &err));
    well(fg_ledger_mark_put(ledger, FG_MARK_REVOKED, low, 16, 99, &err)); // changed
    commit();
    open_again();
    begin(true);
    well(fg_ledger_mark_get(ledger, FG_MARK_USED, high, 16, &until, &err));
    assert_int_equal(until, 77);
    well(fg_ledger_mark_get(ledger, FG_MARK_REVOKED, low, 16, &until, &err));
    assert_int_equal(until, 99);
    assert_int_equal(fg_ledger_mark_get(ledger, FG_MARK_REVOKED, high, 16, &until, &err), -ENOENT);
    assert_int_equal(fg_ledger_mark_get(ledger, FG_MARK_BLOCKED, low, 16, &until, &err), -ENOENT);
    well(fg_ledger_mark_next(ledger, FG_MARK_USED, "", 0, key, 16, &length, &until, &err));
    assert_memory_equal(key, low, 16);
    assert_true(length == 16 && until == 0);
    well(fg_ledger_mark_next(ledger, FG_MARK_USED, low, 16, key, 16, &length, &until, &err));
    assert_memory_equal(key, high, 16);
    assert_int_equal(
        fg_ledger_mark_next(ledger, FG_MARK_USED, high, 16, key, 16, &length, &until, &err),
        -ENOENT);
    well(fg_ledger_mark_delete(ledger, FG_MARK_USED, low, 16, &err));
    assert_int_equal(fg_ledger_mark_delete(ledger, FG_MARK_USED, low, 16, &err), -ENOENT);
    commit();
}

static void test_flights(void **state)
{
    struct fg_flight f, written = {.name = "KE017",
                                   .lanes = {"gate-7", "gate-8"},
                                   .n_lanes = 2,
                                   .opens_s = 100,
                                   .departs_s = 200};
    (void)state;
    open_ledger();
    begin(true);
    assert_int_equal(fg_ledger_flight_get(ledger, "KE017", &f, &err), -ENOENT);
    well(fg_ledger_flight_put(ledger, &written, &err));
    well(fg_ledger_flight_get(ledger, "KE017", &f, &err));
    assert_memory_equal(&f, &written, sizeof f);
    written = (struct fg_flight){
        .name = "AA1", .lanes = {"gate-7"}, .n_lanes = 1, .opens_s = 100, .departs_s = 200};
    well(fg_ledger_flight_put(ledger, &written, &err));
    commit();
    open_again();
    begin(true);
    well(fg_ledger_flight_next(ledger, "", &f, &err));
    assert_memory_equal(&f, &written, sizeof f);
    well(fg_ledger_flight_next(ledger, f.name, &f, &err));
    assert_string_equal(f.name, "KE017");
    assert_int_equal(fg_ledger_flight_next(ledger, f.name, &f, &err), -ENOENT);
    well(fg_ledger_flight_delete(ledger, "AA1", &err));
    assert_int_equal(fg_ledger_flight_delete(ledger, "AA1", &err), -ENOENT);
    written.n_lanes = 0;
    assert_int_equal(fg_ledger_flight_put(ledger, &written, &err), -EINVAL);
    written.n_lanes = FG_FLIGHT_LANES + 1;
    assert_int_equal(fg_ledger_flight_put(ledger, &written, &err), -EINVAL);
    fg_ledger_abort(ledger);
}

// ---- transactions ------------------------------------------------------------------------------

static void test_abort(void **state)
{
    struct followed f;
    struct play play;
    (void)state;
    open_ledger();
    play_begin(&play, ledger, 1);
    for (unsigned i = 0; i < 200; i++)
        well(play_step(&play));
    assert_int_equal(follow_all(ledger, &f), 0);
    uint64_t events = f.last;
    begin(true);
    go("s-1", "hall");
    put_charge(1, FG_CHARGE_DUE, "");
    struct fg_event event = event_at(1);
    well(fg_ledger_append(ledger, &event, &err));
    fg_ledger_abort(ledger);
    fg_ledger_abort(ledger); // none is open: nothing
    assert_int_equal(follow_all(ledger, &f), 0);
    assert_int_equal(f.last, events);
    begin(true);
    assert_int_equal(fg_ledger_inside_count(ledger, NULL), f.inside);
    well(fg_ledger_append(ledger, &event, &err));
    assert_int_equal(event.number, events + 1); // the number was not used up
    commit();
}

// What the tables say, against what follows from the events.
static void agree(struct followed *f)
{
    struct fg_ledger_state s;
    struct play play;
    uint64_t until;
    assert_int_equal(follow_all(ledger, f), 0);
    fg_ledger_state(ledger, &s);
    assert_int_equal(s.last_event, f->last);
    assert_int_equal(s.inside, f->inside);
    assert_int_equal(s.charges_due, f->due);
    play_begin(&play, ledger, 0);
    assert_int_equal(play.n_pending, f->pending < PLAY_PENDING ? f->pending : PLAY_PENDING);
    begin(false);
    assert_int_equal(
        fg_ledger_inside_count(ledger, "hall") + fg_ledger_inside_count(ledger, "yard"), f->inside);
    for (int i = 0; i < PLAY_SUBJECTS; i++) {
        struct fg_inside inside;
        char subject[16];
        snprintf(subject, sizeof subject, "s-%d", i);
        assert_int_equal(fg_ledger_inside_get(ledger, subject, &inside, &err),
                         f->is_inside[i] ? 0 : -ENOENT);
        assert_int_equal(
            fg_ledger_mark_get(ledger, FG_MARK_BLOCKED, subject, strlen(subject), &until, &err),
            f->is_blocked[i] ? 0 : -ENOENT);
    }
    fg_ledger_abort(ledger);
}

static void play_until_killed(int fd, unsigned round)
{
    struct play play;
    struct fg_ledger_state s;
    open_ledger();
    random_state = round + 1;
    play_begin(&play, ledger, round);
    for (;;) {
        if (play_step(&play) < 0)
            _exit(3);
        fg_ledger_state(ledger, &s);
        if (write(fd, &s.last_event, sizeof s.last_event) != sizeof s.last_event)
            _exit(4);
    }
}

// The last event that the child had committed before it was killed.
static uint64_t play_and_kill(unsigned round, useconds_t after)
{
    int fds[2], status;
    uint64_t last_event = 0, number;
    bool waiting = true;
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(fds[0]);
        play_until_killed(fds[1], round);
    }
    close(fds[1]);
    while (read(fds[0], &number, sizeof number) == (ssize_t)sizeof number) {
        last_event = number;
        if (waiting) {
            usleep(after);
            kill(pid, SIGKILL);
        }
        waiting = false;
    }
    close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return last_event;
}

static void test_killed_at_random(void **state)
{
    struct followed f = {.last = 0};
    (void)state;
    srand(1);
    for (unsigned round = 1; round <= 60; round++) {
        uint64_t before = f.last;
        uint64_t committed = play_and_kill(round, (useconds_t)(rand() % 25000));
        open_ledger();
        agree(&f);
        assert_true(f.last >= committed && committed >= before);
        assert_true(f.last <= committed + 8); // one more commit may have been on its way
        fg_ledger_close(ledger);
        ledger = NULL;
    }
    assert_true(f.last > 120);
}

// ---- opening -----------------------------------------------------------------------------------

static void test_busy(void **state)
{
    struct fg_ledger_options o = options();
    (void)state;
    open_ledger();
    refused(&o, -EBUSY, "another facegate-matcher has the ledger");
    fg_ledger_close(ledger);
    open_ledger();
}

static void test_no_place(void **state)
{
    struct fg_ledger_options o = options();
    char file[96];
    (void)state;
    snprintf(file, sizeof file, "%s/none/ledger", folder);
    o.directory = file;
    refused(&o, -ENOENT, "none/ledger: No such file");
    snprintf(file, sizeof file, "%s/file", folder);
    close(open(file, O_CREAT | O_WRONLY, 0600));
    refused(&o, -ENOTDIR, "Not a directory");
}

static uint8_t *slurp(size_t *ret_length)
{
    struct stat st;
    int fd = open(data, O_RDONLY);
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    uint8_t *bytes = malloc((size_t)st.st_size);
    assert_int_equal(read(fd, bytes, (size_t)st.st_size), st.st_size);
    close(fd);
    *ret_length = (size_t)st.st_size;
    return bytes;
}

// Writes `with` over every place where `text` is.
static void damage(const void *text, size_t length, size_t offset, uint8_t with)
{
    size_t size;
    unsigned found = 0;
    uint8_t *bytes = slurp(&size);
    int fd = open(data, O_WRONLY);
    for (size_t i = 0; i + length <= size; i++) {
        if (memcmp(bytes + i, text, length) != 0)
            continue;
        assert_int_equal(pwrite(fd, &with, 1, (off_t)(i + offset)), 1);
        found++;
    }
    assert_true(fd >= 0 && found > 0);
    close(fd);
    free(bytes);
}

static void test_damaged_records(void **state)
{
    struct fg_event events[4];
    struct fg_inside inside;
    unsigned count;
    (void)state;
    open_ledger();
    append(1, 3);
    begin(true);
    go("ann", "orchard");
    commit();
    fg_ledger_close(ledger);
    ledger = NULL;
    damage("\x07"
           "orchard",
           8, 0, 200); // the length of a text
    damage("\x08"
           "no_match",
           9, 3, '\0'); // a NUL in a text
    open_ledger();
    assert_int_equal(fg_ledger_events(ledger, 0, events, 4, &count, &err), -EBADMSG);
    assert_non_null(strstr(err.text, "table events is damaged at key 0000000000000001"));
    begin(true);
    assert_int_equal(fg_ledger_inside_get(ledger, "ann", &inside, &err), -EBADMSG);
    assert_non_null(strstr(err.text, "table inside is damaged at key ann"));
    assert_int_equal(fg_ledger_inside_delete(ledger, "ann", &err), -EBADMSG);
    fg_ledger_abort(ledger);
}

static void test_damaged_file(void **state)
{
    struct fg_ledger_options o = options();
    (void)state;
    open_ledger();
    append(1, 300);
    fg_ledger_close(ledger);
    ledger = NULL;
    assert_int_equal(truncate(data, 9000), 0);
    refused(&o, -EBADMSG, "data.mdb is damaged");
    assert_int_equal(truncate(data, 0), 0);
    int fd = open(data, O_WRONLY);
    for (unsigned i = 0; i < 2000; i++)
        assert_int_equal(write(fd, "nonsense", 8), 8);
    close(fd);
    refused(&o, -EBADMSG, "data.mdb is damaged");
}

static void test_other_version(void **state)
{
    static const uint8_t schema[] = {'s', 'c', 'h', 'e', 'm', 'a', 0, 0, 0, 0, 0, 0, 0, 1};
    struct fg_ledger_options o = options();
    (void)state;
    open_ledger();
    fg_ledger_close(ledger);
    ledger = NULL;
    damage(schema, sizeof schema, sizeof schema - 1, 9);
    refused(&o, -EPROTONOSUPPORT, "another version");
}

// ---- what is old -------------------------------------------------------------------------------

static void test_expire(void **state)
{
    uint64_t until;
    (void)state;
    open_ledger();
    append(100, 30); // seconds 100 to 129
    begin(true);
    for (uint8_t i = 1; i <= 20; i++) {
        char subject[8];
        snprintf(subject, sizeof subject, "s%u", i);
        struct fg_passage_record p =
            passage(i, subject, "west", i * 10, (enum fg_passage_state)(i % 3));
        put_passage(&p);
        put_charge(i, (enum fg_charge_state)(i % 4), ""); // of t_ns i
        well(fg_ledger_mark_put(ledger, FG_MARK_USED, subject, strlen(subject), i, &err));
        well(fg_ledger_mark_put(ledger, FG_MARK_BLOCKED, subject, strlen(subject), 0, &err));
    }
    assert_int_equal(fg_ledger_expire(ledger, 0, 0, 0, 1000, &err), 0);
    commit();
    begin(true); // events of 100 to 109; passages 1 to 9 but 3, 6, 9; void and taken charges to 20
    assert_int_equal(fg_ledger_expire(ledger, 110 * NS_PER_S, 91, 5, 1000, &err), 10 + 6 + 10 + 5);
    commit();
    open_again();
    struct fg_ledger_state s;
    fg_ledger_state(ledger, &s);
    assert_true(s.events == 20 && s.first_event == 11 && s.passages == 14 && s.charges_due == 5);
    begin(true);
    assert_int_equal(last("s1", NULL, DONE | VOID | PENDING), 0);
    assert_int_equal(last("s3", NULL, PENDING), 3); // whatever its age
    assert_int_equal(last("s10", NULL, DONE), 10);
    assert_int_equal(fg_ledger_mark_get(ledger, FG_MARK_USED, "s5", 2, &until, &err), -ENOENT);
    well(fg_ledger_mark_get(ledger, FG_MARK_USED, "s6", 2, &until, &err));
    well(fg_ledger_mark_get(ledger, FG_MARK_BLOCKED, "s1", 2, &until, &err)); // for ever
    assert_int_equal(fg_ledger_expire(ledger, 110 * NS_PER_S, 91, 5, 1000, &err), 0);
    fg_ledger_abort(ledger);
}

// A call looks at few, and the calls together at all.
static void test_expire_bounded(void **state)
{
    enum { MANY = 500, MOST = 20 };
    unsigned removed = 0, calls = 0;
    (void)state;
    open_ledger();
    append(1, MANY);
    begin(true);
    for (uint64_t i = 1; i <= MANY; i++) {
        struct fg_passage_record p =
            passage(i, "ann", "west", i, i % 2 ? FG_PASSAGE_DONE : FG_PASSAGE_PENDING);
        put_passage(&p);
    }
    commit();
    for (; removed < MANY + MANY / 2; calls++) {
        begin(true);
        int r = fg_ledger_expire(ledger, UINT64_MAX, UINT64_MAX, 0, MOST, &err);
        commit();
        assert_in_range(r, 0, 2 * MOST);
        assert_true(calls < 3 * MANY / MOST);
        removed += (unsigned)r;
    }
    assert_true(calls >= MANY / MOST);
    begin(false);
    assert_int_equal(last("ann", NULL, DONE), 0);
    assert_int_equal(last("ann", NULL, PENDING), MANY);
    fg_ledger_abort(ledger);
}

// ---- no room -----------------------------------------------------------------------------------

static int append_group(uint64_t t_s, unsigned count)
{
    int r = fg_ledger_begin(ledger, true, &err);
    for (unsigned i = 0; i < count && r == 0; i++) {
        struct fg_event event = event_at(t_s);
        memset(event.detail, 'd', sizeof event.detail - 1);
        r = fg_ledger_append(ledger, &event, &err);
    }
    if (r == 0)
        return fg_ledger_commit(ledger, &err);
    fg_ledger_abort(ledger);
    return r;
}

static int expire_some(uint64_t before_s)
{
    int r = fg_ledger_begin(ledger, true, &err);
    if (r == 0)
        r = fg_ledger_expire(ledger, before_s * NS_PER_S, 0, 0, 400, &err);
    if (r < 0) {
        fg_ledger_abort(ledger);
        return r;
    }
    int done = fg_ledger_commit(ledger, &err);
    return done < 0 ? done : r;
}

// Fills the ledger until it refuses, whose sentence holds `words`; then makes room.
static void fill_up(const char *words)
{
    enum { GROUP = 10, MOST = 20000 };
    struct fg_ledger_state s;
    struct fg_event events[4];
    unsigned count;
    uint64_t t_s = 0;
    int r = 0;
    while (r == 0 && t_s < MOST)
        r = append_group(++t_s, GROUP);
    assert_int_equal(r, -ENOSPC);
    if (!strstr(err.text, words))
        fail_msg("no \"%s\" in: %s", words, err.text);
    fg_ledger_state(ledger, &s);
    assert_int_equal(s.events, GROUP * (t_s - 1)); // a group is there as a whole or not at all
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(append_group(t_s, GROUP), -ENOSPC);
    well(fg_ledger_events(ledger, s.last_event - 4, events, 4, &count, &err));
    assert_int_equal(count, 4);
    fg_ledger_close(ledger);
}

static void make_room(void)
{
    struct fg_ledger_state s;
    fg_ledger_state(ledger, &s);
    uint64_t events = s.events, removed = 0;
    for (unsigned i = 0; i < 10; i++) {
        int r = expire_some(100000);
        if (r < 0)
            fail_msg("%s", err.text);
        removed += (uint64_t)r;
    }
    assert_true(removed >= 4000 || removed == events);
    well(append_group(100000, 10));
    for (unsigned i = 0; i < 20; i++)
        well(append_group(100001 + i, 10));
    fg_ledger_state(ledger, &s);
    assert_int_equal(s.events, events - removed + 210);
}

static void open_small(void)
{
    struct fg_ledger_options o = options();
    o.map_bytes = 1 << 20;
    well(fg_ledger_open(&o, &ledger, &err));
}

static void test_map_full(void **state)
{
    (void)state;
    open_small();
    fill_up("ledger_mib");
    open_small(); // still full
    make_room();
}

static void test_disk_full(void **state)
{
    (void)state;
    int status;
    assert_int_equal(mkdir(directory, 0700), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) { // a mount that ends with the child
        if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("tmpfs", directory, "tmpfs", 0, "size=3m") < 0)
            _exit(99);
        open_ledger();
        fill_up("no room in the ledger");
        open_ledger();
        make_room();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 99) {
        print_message("mounting a small tmpfs is not permitted here\n");
        skip();
    }
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

// ---- the disk fails ----------------------------------------------------------------------------
// This stands before libc's, for LMDB too.

static bool failing;
static unsigned flushes;

int fdatasync(int fd)
{
    flushes++;
    if (!failing)
        return (int)syscall(SYS_fdatasync, fd);
    errno = EIO;
    return -1;
}

static void test_flush_fails(void **state)
{
    struct fg_ledger_state s;
    (void)state;
    open_ledger();
    append(1, 3);
    failing = true;
    assert_int_equal(append_group(5, 2), -EIO);
    failing = false;
    fg_ledger_state(ledger, &s);
    assert_int_equal(s.events, 3);
    well(append_group(6, 2));
    open_again();
    fg_ledger_state(ledger, &s);
    assert_int_equal(s.events, 5);
}

static void test_careless(void **state)
{
    struct fg_ledger_options o = options();
    (void)state;
    o.careless = true;
    flushes = 0;
    well(fg_ledger_open(&o, &ledger, &err));
    append(1, 3);
    append(1, 3);
    assert_int_equal(flushes, 0);
    fg_ledger_close(ledger);
    open_ledger();
    flushes = 0;
    append(1, 3);
    assert_int_not_equal(flushes, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_events),
        TEST(test_event_refused),
        TEST(test_since),
        TEST(test_state),
        TEST(test_passages),
        TEST(test_passage_moves),
        TEST(test_pending),
        TEST(test_charges),
        TEST(test_inside),
        TEST(test_marks),
        TEST(test_flights),
        TEST(test_abort),
        TEST(test_killed_at_random),
        TEST(test_busy),
        TEST(test_no_place),
        TEST(test_damaged_records),
        TEST(test_damaged_file),
        TEST(test_other_version),
        TEST(test_expire),
        TEST(test_expire_bounded),
        TEST(test_map_full),
        TEST(test_disk_full),
        TEST(test_flush_fails),
        TEST(test_careless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
