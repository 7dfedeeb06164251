// SPDX-License-Identifier: Apache-2.0
// The requests about the ledger, without sockets, over a real ledger in a temporary folder.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "matcher/control.h"

#define NS_PER_S UINT64_C(1000000000)
#define NOW_S    UINT64_C(1800000000)

static char folder[64];
static struct fg_policy policy;
static struct fg_ledger *ledger;
static struct fg_control control;
static struct fg_error err;
static uint64_t decisions;

static void open_ledger(void)
{
    const struct fg_ledger_options options = {
        .directory = folder, .map_bytes = 64 << 20, .careless = true};
    fg_ledger_close(ledger);
    ledger = NULL;
    if (fg_ledger_open(&options, &ledger, &err) < 0)
        fail_msg("%s", err.text);
    control.ledger = ledger;
}

static int set_up(void **state)
{
    (void)state;
    policy = (struct fg_policy){.name = "test", .recording = FG_RECORDING_PASSAGES, .n_zones = 2};
    strcpy(policy.zones[0].name, "site");
    strcpy(policy.zones[1].name, "tunnel");
    strcpy(policy.zones[1].within, "site");
    control = (struct fg_control){.version = "test", .policy = &policy};
    strcpy(folder, "/tmp/facegate-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    decisions = 0;
    open_ledger();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    fg_ledger_close(ledger);
    ledger = NULL;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

// ---- asking ------------------------------------------------------------------------------------

// The members behind "v" and "op", with ' for ".
static struct fg_json *ask(const char *op, const char *members)
{
    char header[16384];
    int length = snprintf(header, sizeof header, "{\"v\":1,\"op\":\"%s\"%s%s}", op,
                          members[0] ? "," : "", members);
    assert_true(length > 0 && length < (int)sizeof header);
    for (char *c = header; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    const struct fg_part part = {header, (size_t)length};
    struct fg_request *request = fg_request_read(&control, &part, 1, 5 * NS_PER_S, NOW_S);
    if (fg_request_only_reads(request))
        fg_request_run(request);
    assert_false(fg_ledger_is_open(ledger)); // no transaction is left behind
    return fg_request_end(request);
}

static struct fg_json *taken(struct fg_json *answer)
{
    if (!fg_json_get_bool(answer, "ok", false))
        fail_msg("%s", fg_json_get_string(answer, "message", "no message"));
    return answer;
}

static void accept(const char *op, const char *members)
{
    fg_json_destroy(taken(ask(op, members)));
}

static void refuse(const char *op, const char *members, const char *code)
{
    struct fg_json *answer = ask(op, members);
    assert_false(fg_json_get_bool(answer, "ok", true));
    assert_string_equal(fg_json_get_string(answer, "error", ""), code);
    assert_true(fg_json_get_string(answer, "message", "")[0] != '\0');
    fg_json_destroy(answer);
}

static unsigned number(const struct fg_json *json, const char *name)
{
    return (unsigned)fg_json_get_number(json, name, 99999);
}

static const char *text(const struct fg_json *json, const char *name)
{
    return fg_json_get_string(json, name, "");
}

static void expect(const char *op, const char *members, const char *wanted)
{
    struct fg_json *answer = taken(ask(op, members));
    char *got = fg_json_print(answer, false), want[4096];
    snprintf(want, sizeof want, "{\"v\":1,%s,\"ok\":true}", wanted);
    for (char *c = want; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    assert_string_equal(got, want);
    free(got);
    fg_json_destroy(answer);
}

// ---- what happened -----------------------------------------------------------------------------

static void begin(void)
{
    assert_int_equal(fg_ledger_begin(ledger, true, &err), 0);
}

static void commit(void)
{
    assert_int_equal(fg_ledger_commit(ledger, &err), 0);
}

static void happen(enum fg_event_kind kind, uint64_t t_s, const char *lane, const char *zone,
                   const char *subject, const char *detail)
{
    struct fg_event event = {.kind = kind, .t_ns = t_s * NS_PER_S, .decision = ++decisions};
    snprintf(event.lane, sizeof event.lane, "%s", lane);
    snprintf(event.zone, sizeof event.zone, "%s", zone);
    snprintf(event.subject, sizeof event.subject, "%s", subject);
    snprintf(event.detail, sizeof event.detail, "%s", detail);
    begin();
    assert_int_equal(fg_ledger_append(ledger, &event, &err), 0);
    commit();
}

static void charge(uint8_t n, enum fg_charge_state state, const char *firm)
{
    struct fg_charge c = {.state = state, .amount = 100u + n, .currency = "EUR"};
    memset(c.id, n, sizeof c.id);
    snprintf(c.subject, sizeof c.subject, "%s%ss-%u", firm, firm[0] ? ":" : "", n);
    snprintf(c.lane, sizeof c.lane, "west");
    snprintf(c.firm, sizeof c.firm, "%s", firm);
    c.t_due_ns = (NOW_S + n) * NS_PER_S;
    begin();
    assert_int_equal(fg_ledger_charge_put(ledger, &c, &err), 0);
    commit();
}

static void go(const char *subject, const char *zone)
{
    struct fg_inside inside = {.since_ns = NOW_S * NS_PER_S};
    snprintf(inside.subject, sizeof inside.subject, "%s", subject);
    snprintf(inside.zone, sizeof inside.zone, "%s", zone);
    begin();
    assert_int_equal(fg_ledger_inside_put(ledger, &inside, &err), 0);
    commit();
}

static struct fg_event last_event(void)
{
    struct fg_ledger_state state;
    struct fg_event event;
    unsigned count;
    fg_ledger_state(ledger, &state);
    assert_int_equal(fg_ledger_events(ledger, state.last_event - 1, &event, 1, &count, &err), 0);
    assert_int_equal(count, 1);
    return event;
}

static uint64_t events(void)
{
    struct fg_ledger_state state;
    fg_ledger_state(ledger, &state);
    return state.events;
}

// ---- events ------------------------------------------------------------------------------------

static void test_events(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 250; i++)
        happen(i % 5 == 0 ? FG_EVENT_PASSED : FG_EVENT_ADMIT, 1000 + i, i % 2 ? "west" : "east", "",
               "s-1", "");
    unsigned pages = 0, seen = 0;
    bool more = true;
    for (double after = 0; more; pages++) {
        char members[64];
        snprintf(members, sizeof members, "'limit':100,'after':%.0f", after);
        struct fg_json *answer = taken(ask("events", members));
        const struct fg_json *list = fg_json_get(answer, "events");
        for (size_t i = 0; i < fg_json_count(list); i++)
            assert_int_equal(number(fg_json_at(list, i), "number"), ++seen);
        after = fg_json_get_number(answer, "after", -1);
        more = fg_json_get_bool(answer, "more", true);
        fg_json_destroy(answer);
    }
    assert_int_equal(seen, 250);
    assert_int_equal(pages, 3);
}

static void test_events_wanted(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 250; i++)
        happen(i % 5 == 0 ? FG_EVENT_PASSED : FG_EVENT_ADMIT, 1000 + i, i % 2 ? "west" : "east", "",
               "s-1", "");
    struct fg_json *answer = taken(ask("events", "'limit':1000,'kinds':['passed','timeout'],"
                                                 "'lane':'east','since':1201"));
    const struct fg_json *list = fg_json_get(answer, "events");
    assert_int_equal(fg_json_count(list), 5); // 210, 220, ..., 250
    for (size_t i = 0; i < fg_json_count(list); i++) {
        assert_int_equal(number(fg_json_at(list, i), "number"), 210 + 10 * i);
        assert_string_equal(text(fg_json_at(list, i), "event"), "passed");
        assert_string_equal(text(fg_json_at(list, i), "lane"), "east");
    }
    assert_int_equal(number(answer, "after"), 250);
    assert_false(fg_json_get_bool(answer, "more", true));
    fg_json_destroy(answer);
    expect("events", "'after':250", "'events':[],'after':250,'more':false");
}

static void test_events_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"'limit':0",        "'limit':1001",         "'limit':1.5",
                                      "'after':-1",       "'after':'x'",          "'since':-1",
                                      "'lane':'a b'",     "'kinds':[]",           "'kinds':['x']",
                                      "'kinds':'passed'", "'kinds':['passed',7]", "'lane':7"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuse("events", bad[i], "bad_request");
    char many[2048] = "'kinds':['passed'";
    for (unsigned i = 0; i < FG_EVENT_KINDS; i++)
        strcat(many, ",'passed'");
    refuse("events", strcat(many, "]"), "bad_request");
    expect("events", "", "'events':[],'after':0,'more':false");
}

// ---- charges -----------------------------------------------------------------------------------

static void test_charges(void **state)
{
    (void)state;
    charge(1, FG_CHARGE_DUE, "");
    charge(2, FG_CHARGE_PENDING, "");
    charge(3, FG_CHARGE_DUE, "bank");
    charge(4, FG_CHARGE_VOID, "");
    charge(5, FG_CHARGE_DUE, "");
    struct fg_json *answer = taken(ask("charges", "'limit':2"));
    const struct fg_json *list = fg_json_get(answer, "charges");
    assert_int_equal(fg_json_count(list), 2);
    assert_string_equal(text(fg_json_at(list, 0), "id"), "01010101010101010101010101010101");
    assert_int_equal(number(fg_json_at(list, 0), "amount"), 101);
    assert_string_equal(text(fg_json_at(list, 0), "currency"), "EUR");
    assert_string_equal(text(fg_json_at(list, 0), "t"), "2027-01-15T08:00:01.000Z");
    assert_string_equal(text(fg_json_at(list, 1), "firm"), "bank");
    assert_true(fg_json_get_bool(answer, "more", false));
    char members[64];
    snprintf(members, sizeof members, "'after':%u", number(answer, "after"));
    fg_json_destroy(answer);
    answer = taken(ask("charges", members));
    assert_int_equal(fg_json_count(fg_json_get(answer, "charges")), 1);
    assert_false(fg_json_get_bool(answer, "more", true));
    fg_json_destroy(answer);
    answer = taken(ask("charges", "'firm':'bank'"));
    assert_int_equal(fg_json_count(fg_json_get(answer, "charges")), 1);
    fg_json_destroy(answer);
    refuse("charges", "'limit':201", "bad_request");
    refuse("charges", "'firm':'a b'", "bad_request");
}

#define ONE  "'01010101010101010101010101010101'"
#define TWO  "'02020202020202020202020202020202'"
#define NINE "'09090909090909090909090909090909'"

static void test_taken(void **state)
{
    (void)state;
    charge(1, FG_CHARGE_DUE, "");
    charge(2, FG_CHARGE_DUE, "");
    charge(3, FG_CHARGE_PENDING, "");
    expect("charges_taken", "'ids':[" ONE "]", "'taken':1,'already':0,'unknown':0");
    assert_int_equal(events(), 1);
    struct fg_event event = last_event();
    assert_int_equal(event.kind, FG_EVENT_CHARGE_TAKEN);
    assert_int_equal(event.amount, 101);
    assert_string_equal(event.subject, "s-1");
    // again is no error, and no event
    expect("charges_taken", "'ids':[" ONE "," NINE "," ONE "]",
           "'taken':0,'already':2,'unknown':1");
    assert_int_equal(events(), 1);
    // all or none
    refuse("charges_taken", "'ids':[" TWO ",'03030303030303030303030303030303']", "bad_request");
    refuse("charges_taken", "'ids':[" TWO ",'0303']", "bad_request");
    refuse("charges_taken", "'ids':[" TWO ",7]", "bad_request");
    refuse("charges_taken", "'ids':[]", "bad_request");
    refuse("charges_taken", "'ids':" TWO, "bad_request");
    refuse("charges_taken", "", "bad_request");
    assert_int_equal(events(), 1);
    open_ledger();
    struct fg_json *answer = taken(ask("charges", ""));
    const struct fg_json *list = fg_json_get(answer, "charges");
    assert_int_equal(fg_json_count(list), 1);
    assert_string_equal(text(fg_json_at(list, 0), "subject"), "s-2");
    fg_json_destroy(answer);
}

static void test_firms(void **state)
{
    (void)state;
    charge(1, FG_CHARGE_DUE, "bank");
    charge(2, FG_CHARGE_DUE, "stores");
    control.firm = "bank";
    struct fg_json *answer = taken(ask("charges", "'firm':'stores'")); // whatever it asks for
    const struct fg_json *list = fg_json_get(answer, "charges");
    assert_int_equal(fg_json_count(list), 1);
    assert_string_equal(text(fg_json_at(list, 0), "subject"), "s-1"); // as the firm knows it
    fg_json_destroy(answer);
    expect("charges_taken", "'ids':[" ONE "," TWO "]", "'taken':1,'already':0,'unknown':1");
    static const char *const others[] = {"events",  "headcount",  "inside",       "hours",
                                         "block",   "unblock",    "blocked",      "revoke",
                                         "flights", "flight_put", "flight_delete"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        refuse(others[i], "", "not_allowed");
    control.firm = NULL;
    answer = taken(ask("charges", ""));
    assert_int_equal(fg_json_count(fg_json_get(answer, "charges")), 1); // the shop's
    fg_json_destroy(answer);
}

// ---- inside ------------------------------------------------------------------------------------

static void test_headcount(void **state)
{
    (void)state;
    expect("headcount", "",
           "'count':0,'zones':[{'zone':'site','count':0},{'zone':'tunnel','count':0}]");
    go("a", "site");
    go("b", "tunnel");
    go("c", "tunnel");
    go("d", "yard"); // of a profile before this one
    go("e", "");
    expect("headcount", "",
           "'count':5,'zones':[{'zone':'site','count':3},{'zone':'tunnel','count':2},"
           "{'zone':'','count':1},{'zone':'yard','count':1}]");
    expect("headcount", "'zone':'site'", "'count':3");
    expect("headcount", "'zone':'tunnel'", "'count':2");
    expect("headcount", "'zone':'yard'", "'count':1");
    expect("headcount", "'zone':'nowhere'", "'count':0");
    refuse("headcount", "'zone':'a b'", "bad_request");
}

static void test_inside(void **state)
{
    (void)state;
    go("b", "tunnel");
    go("a", "site");
    go("c", "site");
    expect("inside", "'limit':2",
           "'subjects':[{'subject':'a','zone':'site','since':1800000000},"
           "{'subject':'b','zone':'tunnel','since':1800000000}],'after':'b'");
    expect("inside", "'limit':2,'after':'b'",
           "'subjects':[{'subject':'c','zone':'site','since':1800000000}]");
    refuse("inside", "'limit':0", "bad_request");
    refuse("inside", "'after':7", "bad_request");
}

static void test_hours(void **state)
{
    (void)state;
    happen(FG_EVENT_PASSED, 50, "in", "site", "w-1", "in"); // before
    happen(FG_EVENT_PASSED, 100, "in", "site", "w-1", "in");
    happen(FG_EVENT_ADMIT, 110, "in", "site", "w-2", "");
    happen(FG_EVENT_PASSED, 120, "in", "site", "w-2", "in");
    happen(FG_EVENT_PASSED, 130, "gate", "", "w-3", ""); // a lane without a direction
    happen(FG_EVENT_PASSED, 160, "out", "site", "w-1", "out");
    happen(FG_EVENT_PASSED, 170, "in", "site", "w-1", "in");
    happen(FG_EVENT_PASSED, 190, "out", "site", "w-1", "out");
    happen(FG_EVENT_PASSED, 200, "out", "site", "w-2", "out"); // not before `until`
    expect("hours", "'since':100,'until':200",
           "'subjects':[{'subject':'w-1','zone':'site','seconds':80,'stays':["
           "{'in':100,'out':160},{'in':170,'out':190}]},"
           "{'subject':'w-2','zone':'site','seconds':0,'stays':[{'in':120,'unpaired':true}]}]");
    expect("hours", "'since':190,'until':200",
           "'subjects':[{'subject':'w-1','zone':'site','seconds':0,'stays':["
           "{'out':190,'unpaired':true}]}]");
    refuse("hours", "'since':200,'until':200", "bad_request");
    refuse("hours", "'since':'monday'", "bad_request");
}

static void test_hours_too_many(void **state)
{
    (void)state;
    struct fg_event event = {.kind = FG_EVENT_PASSED, .subject = "w", .zone = "site"};
    begin();
    for (unsigned i = 0; i <= FG_CONTROL_PASSED; i++) {
        event.t_ns = (1000u + i) * NS_PER_S;
        strcpy(event.detail, i % 2 ? "out" : "in");
        assert_int_equal(fg_ledger_append(ledger, &event, &err), 0);
    }
    commit();
    refuse("hours", "", "bad_request");
    accept("hours", "'since':1001"); // one less
}

// ---- blocked, revoked --------------------------------------------------------------------------

static void test_block(void **state)
{
    (void)state;
    accept("block", "'subject':'s-1','reason':'unpaid'");
    struct fg_event event = last_event();
    assert_int_equal(event.kind, FG_EVENT_BLOCKED);
    assert_string_equal(event.subject, "s-1");
    assert_string_equal(event.reason, "unpaid");
    assert_string_equal(event.detail, "");
    assert_int_equal(event.t_ns, NOW_S * NS_PER_S);
    accept("block", "'subject':'s-2','until':1800000060");
    assert_string_equal(last_event().detail, "2027-01-15T08:01:00.000Z");
    expect("blocked", "", "'subjects':[{'subject':'s-1'},{'subject':'s-2','until':1800000060}]");
    expect("blocked", "'limit':1", "'subjects':[{'subject':'s-1'}],'after':'s-1'");
    accept("unblock", "'subject':'s-1'");
    assert_int_equal(last_event().kind, FG_EVENT_UNBLOCKED);
    uint64_t before = events();
    refuse("unblock", "'subject':'s-1'", "not_found");
    refuse("block", "'subject':'s-1','until':1800000000", "bad_request"); // over already
    refuse("block", "'subject':'s 1'", "bad_request");
    refuse("block", "", "bad_request");
    refuse("block", "'subject':'s-1','reason':'not paid'", "bad_request");
    assert_int_equal(events(), before);
    open_ledger();
    expect("blocked", "", "'subjects':[{'subject':'s-2','until':1800000060}]");
}

static void test_revoke(void **state)
{
    uint8_t serial[FG_SERIAL];
    uint64_t until;
    (void)state;
    memset(serial, 0xab, sizeof serial);
    accept("revoke", "'serial':'abababababababababababababababab','until':1800000060");
    assert_int_equal(last_event().kind, FG_EVENT_REVOKED);
    assert_string_equal(last_event().detail, "abababababababababababababababab");
    assert_int_equal(fg_ledger_begin(ledger, false, &err), 0);
    assert_int_equal(
        fg_ledger_mark_get(ledger, FG_MARK_REVOKED, serial, sizeof serial, &until, &err), 0);
    fg_ledger_abort(ledger);
    assert_int_equal(until, 1800000060);
    refuse("revoke", "'serial':'abab'", "bad_request");
    refuse("revoke", "", "bad_request");
}

// ---- flights -----------------------------------------------------------------------------------

#define TIMES "'opens':1800000000,'departs':1800003600"

static void test_flights(void **state)
{
    (void)state;
    accept("flight_put", "'name':'FG101','lanes':['B12','B13']," TIMES);
    assert_int_equal(last_event().kind, FG_EVENT_FLIGHT);
    assert_string_equal(last_event().reason, "made");
    assert_string_equal(last_event().detail, "FG101");
    accept("flight_put", "'name':'FG101','lanes':['B14']," TIMES);
    assert_string_equal(last_event().reason, "changed");
    accept("flight_put", "'name':'FG099','lanes':['B1']," TIMES);
    expect("flights", "'limit':1",
           "'flights':[{'name':'FG099','lanes':['B1'],'opens':1800000000,'departs':1800003600}],"
           "'after':'FG099'");
    expect("flights", "'after':'FG099'",
           "'flights':[{'name':'FG101','lanes':['B14'],'opens':1800000000,'departs':1800003600}]");
    accept("flight_delete", "'name':'FG099'");
    assert_string_equal(last_event().reason, "removed");
    refuse("flight_delete", "'name':'FG099'", "not_found");
}

static void test_flights_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "'name':'FG 1','lanes':['B1']," TIMES,
        "'name':'a-name-of-25-characters--','lanes':['B1']," TIMES,
        "'name':'FG1'," TIMES,
        "'name':'FG1','lanes':[]," TIMES,
        "'name':'FG1','lanes':'B1'," TIMES,
        "'name':'FG1','lanes':['B 1']," TIMES,
        "'name':'FG1','lanes':[1]," TIMES,
        "'name':'FG1','lanes':['1','2','3','4','5','6','7','8','9']," TIMES,
        "'name':'FG1','lanes':['B1'],'opens':1800000000",
        "'name':'FG1','lanes':['B1'],'departs':1800000000",
        "'name':'FG1','lanes':['B1'],'opens':1800000000,'departs':1800000000",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuse("flight_put", bad[i], "bad_request");
    assert_int_equal(events(), 0);
}

// ---- no ledger, no room ------------------------------------------------------------------------

static void test_no_ledger(void **state)
{
    (void)state;
    static const char *const all[] = {
        "events",  "charges", "charges_taken", "headcount",  "inside",        "hours",  "block",
        "unblock", "blocked", "revoke",        "flight_put", "flight_delete", "flights"};
    control.ledger = NULL;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        refuse(all[i], "'ids':[" ONE "]", "not_here");
}

// Without room a change is refused as a whole, and reading goes on.
static void test_no_room(void **state)
{
    struct fg_event event = {.kind = FG_EVENT_DENY, .t_ns = NS_PER_S};
    int r = 0;
    (void)state;
    fg_ledger_close(ledger);
    const struct fg_ledger_options options = {
        .directory = folder, .map_bytes = 1 << 20, .careless = true};
    assert_int_equal(fg_ledger_open(&options, &ledger, &err), 0);
    control.ledger = ledger;
    memset(event.detail, 'd', sizeof event.detail - 1);
    for (unsigned n = 0; n < 100000 && r == 0; n++) {
        r = fg_ledger_begin(ledger, true, &err);
        for (unsigned i = 0; i < 10 && r == 0; i++)
            r = fg_ledger_append(ledger, &event, &err);
        if (r == 0)
            r = fg_ledger_commit(ledger, &err);
        else
            fg_ledger_abort(ledger);
    }
    assert_int_equal(r, -ENOSPC);
    struct fg_json *answer = NULL;
    for (unsigned i = 0; i < 200; i++) {
        char members[64];
        fg_json_destroy(answer);
        snprintf(members, sizeof members, "'subject':'s-%u'", i);
        answer = ask("block", members);
        if (!fg_json_get_bool(answer, "ok", true))
            break;
    }
    assert_string_equal(text(answer, "error"), "no_space");
    fg_json_destroy(answer);
    answer = taken(ask("events", "'limit':10"));
    assert_int_equal(fg_json_count(fg_json_get(answer, "events")), 10);
    fg_json_destroy(answer);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_events),         TEST(test_events_wanted),   TEST(test_events_refused),
        TEST(test_charges),        TEST(test_taken),           TEST(test_firms),
        TEST(test_headcount),      TEST(test_inside),          TEST(test_hours),
        TEST(test_hours_too_many), TEST(test_block),           TEST(test_revoke),
        TEST(test_flights),        TEST(test_flights_refused), TEST(test_no_ledger),
        TEST(test_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
