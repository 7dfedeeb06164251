// SPDX-License-Identifier: Apache-2.0
// The back office's commands of facegate against a real matcher: events, charges, who is inside,
// hours, blocks, flights; and what it removes by itself. What happened is written into the ledger
// before the matcher starts.
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/card.h"
#include "common/clock.h"
#include "matcher/gallery.h"
#include "matcher/ledger.h"
#include "tests/dice.h"
#include "tests/lane_rig.h"
#include "tests/rig.h"
#include "tools/when.h"

#define NS_PER_S UINT64_C(1000000000)

static struct fg_ledger *ledger;
static struct fg_error err;
static uint64_t noon_s; // of a day that is over

static int setup(void **state)
{
    (void)state;
    if (!rig_has_models())
        return 0;
    rig_open();
    noon_s = (fg_realtime_ns() / NS_PER_S / 86400 - 2) * 86400 + 43200;
    rig_make_folder(rig_path("gallery"));
    const struct fg_ledger_options options = {.directory = rig_path("gallery/ledger"),
                                              .careless = true};
    assert_int_equal(fg_ledger_open(&options, &ledger, &err), 0);
    assert_int_equal(fg_ledger_begin(ledger, true, &err), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (!rig_has_models())
        return 0;
    fg_ledger_close(ledger);
    ledger = NULL;
    lane_close();
    rig_close();
    return 0;
}

#define NEED_MODELS                                                                                \
    if (!rig_has_models())                                                                         \
    skip()

// What was written is there, and a matcher goes on with it.
static void open_matcher(void)
{
    assert_int_equal(fg_ledger_commit(ledger, &err), 0);
    fg_ledger_close(ledger);
    ledger = NULL;
    lane_open("worksite", "", NULL);
}

static void happen(enum fg_event_kind kind, uint64_t t_s, const char *subject, const char *detail)
{
    struct fg_event event = {.kind = kind, .t_ns = t_s * NS_PER_S, .lane = "site-in"};
    snprintf(event.zone, sizeof event.zone, "site");
    snprintf(event.subject, sizeof event.subject, "%s", subject);
    snprintf(event.detail, sizeof event.detail, "%s", detail);
    assert_int_equal(fg_ledger_append(ledger, &event, &err), 0);
}

static void charge(unsigned n)
{
    struct fg_charge c = {.state = FG_CHARGE_DUE, .amount = 100 + n, .currency = "EUR"};
    memcpy(c.id, &n, sizeof n);
    snprintf(c.subject, sizeof c.subject, "s-%u", n);
    snprintf(c.lane, sizeof c.lane, "west");
    c.t_ns = c.t_due_ns = noon_s * NS_PER_S;
    assert_int_equal(fg_ledger_charge_put(ledger, &c, &err), 0);
}

static void want(int code, int wanted)
{
    if (code != wanted)
        fail_msg("exit %d, not %d: %s%s", code, wanted, rig_out, rig_err);
}

static void has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no \"%s\" in: %s", part, text);
}

static unsigned lines(const char *text)
{
    unsigned n = 0;
    for (; (text = strchr(text, '\n')); text++)
        n++;
    return n;
}

// ---- events ------------------------------------------------------------------------------------

static void test_events(void **state)
{
    char since[FG_WHEN_TEXT];
    (void)state;
    NEED_MODELS;
    for (unsigned i = 0; i < 1500; i++)
        happen(i % 3 ? FG_EVENT_ADMIT : FG_EVENT_PASSED, noon_s + i, "w-1", i % 3 ? "" : "in");
    open_matcher();
    want(rig_run("events", "--kind", "admit", "--kind", "passed"), 0);
    assert_int_equal(lines(rig_out), 1500);
    want(rig_run("events", "--kind", "passed", "--csv"), 0);
    assert_int_equal(lines(rig_out), 501);
    has(rig_out, "number,t,event,lane,");
    fg_when_text(noon_s + 1490, since);
    want(rig_run("events", "--since", since, "--lane", "site-in", "--json"), 0);
    assert_int_equal(lines(rig_out), 10);
    has(rig_out, "\"number\":1491");
    want(rig_run("events", "--after", "1500", "--json"), 0); // the matcher's start
    assert_int_equal(lines(rig_out), 1);
    has(rig_out, "\"event\":\"start\"");
    want(rig_run("events", "--kind", "nonsense"), 1);
    has(rig_err, "no kind of event");
}

static void test_follow(void **state)
{
    char *text = NULL;
    (void)state;
    NEED_MODELS;
    open_matcher();
    pid_t pid = rig_begin("events", "--follow", "--kind", "blocked", "--csv");
    want(rig_run("block", "s-1"), 0);
    for (unsigned i = 0; i < 200 && (!text || !strstr(text, "s-1")); i++) {
        free(text);
        usleep(50000);
        text = rig_read(rig_path("background.out"));
    }
    has(text, "number,t,event");
    has(text, "blocked,");
    has(text, "s-1");
    free(text);
    kill(pid, SIGTERM);
    assert_int_equal(rig_end(pid), 128 + SIGTERM);
}

// ---- charges -----------------------------------------------------------------------------------

static void test_charges(void **state)
{
    (void)state;
    NEED_MODELS;
    for (unsigned n = 1; n <= 450; n++)
        charge(n);
    open_matcher();
    const char *spool = rig_path("spool");
    want(rig_run("charges"), 0);
    assert_int_equal(lines(rig_out), 451); // three pages
    has(rig_out, "450 due");
    want(rig_run("charges", "--firm", "bank", "--json"), 0);
    assert_int_equal(lines(rig_out), 0);
    want(rig_run("charges", "--take", "--spool", spool, "--quiet"), 0);
    assert_int_equal(lines(rig_out), 0);
    char *text = rig_read(spool);
    assert_int_equal(lines(text), 450);
    has(text, "\"subject\":\"s-450\"");
    free(text);
    want(rig_run("charges"), 0);
    assert_string_equal(rig_out, "0 due\n");
    want(rig_run("charges", "--take", "--spool", spool), 0);
    has(rig_out, "0 taken");
    want(rig_run("events", "--kind", "charge_taken"), 0);
    assert_int_equal(lines(rig_out), 450);
    want(rig_run("charges", "--take", "--spool", "/nowhere/spool"), 1);
}

static off_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? st.st_size : 0;
}

static bool goes_on(pid_t pid)
{
    siginfo_t info = {.si_pid = 0};
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
}

// Every other time only after the spool has grown, however slow the machine is.
static void kill_take(const char *spool, bool late, unsigned *killed)
{
    off_t before = size_of(spool);
    pid_t pid = rig_begin("charges", "--take", "--spool", spool, "--quiet");
    while (late && size_of(spool) <= before && goes_on(pid))
        usleep(200);
    usleep(random_below(late ? 8000 : 60000));
    kill(pid, SIGKILL);
    *killed += rig_end(pid) == 128 + SIGKILL;
}

// Whenever the back office or the matcher is killed: each charge is in the spool once.
static void test_take_killed(void **state)
{
    enum { CHARGES = 24000, ROUNDS = 100 };
    unsigned killed = 0, between = 0, seen = 0;
    (void)state;
    NEED_MODELS;
    for (unsigned n = 0; n < CHARGES; n++)
        charge(n + 1);
    open_matcher();
    const char *spool = rig_path("spool");
    random_state = 3;
    for (unsigned round = 0; round < ROUNDS; round++) {
        kill_take(spool, round % 2, &killed);
        char *text = rig_read(spool);
        unsigned held = lines(text);
        between += held > seen && held < CHARGES;
        seen = held;
        free(text);
        if (round % 25 == 24)
            lane_restart(SIGKILL);
    }
    want(rig_run("charges", "--take", "--spool", spool), 0);
    want(rig_run("charges"), 0);
    assert_string_equal(rig_out, "0 due\n");
    static unsigned char found[CHARGES + 1];
    char *text = rig_read(spool);
    for (const char *at = text; (at = strstr(at, "\"subject\":\"s-")); at++) {
        unsigned n = (unsigned)strtoul(at + 13, NULL, 10);
        assert_in_range(n, 1, CHARGES);
        assert_int_equal(found[n]++, 0);
    }
    assert_int_equal(lines(text), CHARGES);
    free(text);
    print_message("%u of %u killed, %u of them while charges were taken\n", killed, ROUNDS,
                  between);
    assert_true(killed >= 20 && between >= 10);
    want(rig_run("events", "--kind", "charge_taken", "--json"), 0);
    assert_int_equal(lines(rig_out), CHARGES);
}

// ---- inside, hours -----------------------------------------------------------------------------

static void go(const char *subject, const char *zone)
{
    struct fg_inside inside = {.since_ns = noon_s * NS_PER_S};
    snprintf(inside.subject, sizeof inside.subject, "%s", subject);
    snprintf(inside.zone, sizeof inside.zone, "%s", zone);
    assert_int_equal(fg_ledger_inside_put(ledger, &inside, &err), 0);
}

static void test_headcount(void **state)
{
    (void)state;
    NEED_MODELS;
    go("w-1", "site");
    go("w-2", "tunnel");
    go("w-3", "tunnel");
    open_matcher();
    want(rig_run("headcount"), 0);
    assert_string_equal(rig_out, "       3  site\n       2  tunnel\n       3  inside\n");
    want(rig_run("headcount", "--zone", "tunnel"), 0);
    assert_string_equal(rig_out, "       2  tunnel\n");
    want(rig_run("headcount", "--who"), 0);
    assert_int_equal(lines(rig_out), 3);
    has(rig_out, "w-2");
    want(rig_run("headcount", "--json"), 0);
    struct fg_json *json = rig_json();
    assert_int_equal((int)fg_json_get_number(json, "count", 0), 3);
    fg_json_destroy(json);
}

static void test_hours(void **state)
{
    char since[FG_WHEN_TEXT], until[FG_WHEN_TEXT], row[256], in[FG_WHEN_TEXT], out[FG_WHEN_TEXT];
    (void)state;
    NEED_MODELS;
    for (unsigned i = 0; i < 3000; i++) // more than the control operation answers at once
        for (unsigned half = 0; half < 2; half++)
            happen(FG_EVENT_PASSED, noon_s + 2 * i + half, "w-1", half ? "out" : "in");
    happen(FG_EVENT_PASSED, noon_s + 7000, "w-2", "in");
    happen(FG_EVENT_PASSED, noon_s + 7000 + 5400, "w-2", "out");
    happen(FG_EVENT_PASSED, noon_s + 20000, "w-2", "in");
    open_matcher();
    fg_when_text(noon_s, since);
    fg_when_text(noon_s + 30000, until);
    want(rig_run("hours", "--since", since, "--until", until), 0);
    assert_int_equal(lines(rig_out), 2);
    has(rig_out, "     0:50  site");
    has(rig_out, "     1:30  site");
    has(rig_out, "w-2  (1 unpaired)");
    want(rig_run("hours", "--since", since, "--until", until, "--csv"), 0);
    assert_int_equal(lines(rig_out), 1 + 3000 + 2);
    fg_when_text(noon_s + 7000, in);
    fg_when_text(noon_s + 12400, out);
    snprintf(row, sizeof row, "w-2,site,%s,%s,5400,\n", in, out);
    has(rig_out, row);
    fg_when_text(noon_s + 20000, in);
    snprintf(row, sizeof row, "w-2,site,%s,,0,yes\n", in);
    has(rig_out, row);
    fg_when_text(noon_s + 7000, until);
    want(rig_run("hours", "--since", since, "--until", until, "--json"), 0);
    struct fg_json *json = rig_json();
    assert_string_equal(fg_json_get_string(json, "subject", ""), "w-1");
    assert_int_equal((int)fg_json_get_number(json, "seconds", 0), 3000);
    assert_int_equal(fg_json_count(fg_json_get(json, "stays")), 3000);
    fg_json_destroy(json);
}

// ---- blocks, flights ---------------------------------------------------------------------------

static void test_block(void **state)
{
    (void)state;
    NEED_MODELS;
    open_matcher();
    want(rig_run("block", "--until", "2100-01-31", "--reason", "unpaid", "s-1", "s-2"), 0);
    has(rig_out, "s-2 blocked");
    want(rig_run("block", "s-3"), 0);
    want(rig_run("block", "--list"), 0);
    assert_string_equal(rig_out, "2100-02-01T00:00:00Z   s-1\n2100-02-01T00:00:00Z   s-2\n"
                                 "-                      s-3\n");
    want(rig_run("unblock", "s-1", "nobody", "s-2"), 1); // goes on behind the one missing
    has(rig_err, "subject nobody is not blocked");
    want(rig_run("block", "--list", "--json"), 0);
    assert_string_equal(rig_out, "{\"subject\":\"s-3\"}\n");
    want(rig_run("unblock", "--json", "s-3"), 0);
    struct fg_json *json = rig_json();
    assert_true(fg_json_get_bool(fg_json_at(json, 0), "unblocked", false));
    fg_json_destroy(json);
    want(rig_run("events", "--kind", "unblocked"), 0);
    assert_int_equal(lines(rig_out), 3);
}

static void test_flight(void **state)
{
    (void)state;
    NEED_MODELS;
    open_matcher();
    want(rig_run("flight", "put", "--lane", "B12", "--lane", "B13", "--opens",
                 "2027-01-31T18:00:00+01:00", "--departs", "2027-01-31T18:40:00+01:00", "FG101"),
         0);
    assert_string_equal(rig_out, "FG101 put\n");
    want(rig_run("flight", "list"), 0);
    assert_string_equal(rig_out, "FG101                    2027-01-31T17:00:00Z  "
                                 "2027-01-31T17:40:00Z  B12 B13\n");
    want(rig_run("flight", "put", "--lane", "B12", "--opens", "2027-01-31T18:00:00Z", "--departs",
                 "2027-01-31T17:00:00Z", "FG102"),
         1);
    has(rig_err, "departs the later one");
    want(rig_run("flight", "delete", "--json", "FG101"), 0);
    has(rig_out, "\"deleted\":\ttrue");
    want(rig_run("flight", "delete", "FG101"), 1);
    has(rig_err, "there is no flight FG101");
    want(rig_run("flight", "list", "--json"), 0);
    assert_string_equal(rig_out, "");
}

// ---- what is over ------------------------------------------------------------------------------

static struct fg_gallery *open_gallery(void)
{
    struct fg_card card;
    struct fg_gallery *gallery = NULL;
    assert_int_equal(fg_card_read(rig_path("models/mobilefacenet.card"), &card, &err), 0);
    const struct fg_gallery_options options = {.directory = rig_path("gallery"),
                                               .master_key_file = rig_path("key"),
                                               .make_key = true,
                                               .model = card.id,
                                               .dimension = fg_card_template_dimension(&card)};
    if (fg_gallery_open(&options, &gallery, &err) < 0)
        fail_msg("%s", err.text);
    return gallery;
}

static void test_vault_expires(void **state)
{
    enum { RECORDS = 2 * FG_VAULT_LOOKS };
    uint8_t id[FG_VAULT_ID] = {0}, kept[FG_VAULT_MOST];
    unsigned left = RECORDS;
    (void)state;
    NEED_MODELS;
    struct fg_gallery *gallery = open_gallery();
    for (unsigned n = 0; n < RECORDS; n++) {
        memcpy(id, &n, sizeof n);
        uint64_t until_s = n % 2 ? 4000000000u : 1000;
        assert_int_equal(fg_gallery_vault_put(gallery, id, until_s, "sealed", 6, &err), 0);
    }
    fg_gallery_close(gallery);
    open_matcher();
    for (unsigned tries = 0; tries < 20 && left > RECORDS / 2; tries++) {
        lane_close(); // it had the turns between its start and this
        rig_stop_matcher();
        gallery = open_gallery();
        left = 0;
        for (unsigned n = 0; n < RECORDS; n++) {
            memcpy(id, &n, sizeof n);
            left += fg_gallery_vault_get(gallery, id, kept, &err) > 0;
        }
        fg_gallery_close(gallery);
        lane_open("worksite", "", NULL);
    }
    assert_int_equal(left, RECORDS / 2);
}

// ---- wrong words -------------------------------------------------------------------------------

static void test_usage(void **state)
{
    static const char *const bad[][6] = {
        {"events", "x"},
        {"events", "--csv", "--json"},
        {"events", "--since", "soon"},
        {"events", "--after", "-1"},
        {"charges", "--take"},
        {"charges", "--spool", "f"},
        {"charges", "x"},
        {"headcount", "x"},
        {"headcount", "--who", "--zone", "site"},
        {"headcount", "--zone", "a b"},
        {"hours"},
        {"hours", "--since", "2027-01-02", "--until", "2027-01-01"},
        {"hours", "--since", "2027-01-02", "--csv", "--json"},
        {"block"},
        {"block", "--list", "s-1"},
        {"unblock"},
        {"unblock", "--until", "2027-01-01", "s-1"},
        {"flight"},
        {"flight", "list", "x"},
        {"flight", "put", "FG101"},
        {"flight", "delete", "--lane", "1", "FG101"},
    };
    static const char *const commands[] = {"events", "charges", "headcount", "hours",
                                           "block",  "unblock", "flight"};
    (void)state;
    NEED_MODELS;
    fg_ledger_abort(ledger);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (rig_run(bad[i][0], bad[i][1], bad[i][2], bad[i][3], bad[i][4], bad[i][5]) != 2)
            fail_msg("%zu: %s%s", i, rig_out, rig_err);
        assert_true(rig_err[0] != 0 && rig_out[0] == 0);
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        want(rig_run(commands[i], "--help"), 0);
        has(rig_out, "Exit codes:");
    }
    want(rig_run("headcount", "--timeout-ms", "200"), 75);
    want(rig_run("block", "--timeout-ms", "200", "s-1"), 75);
    want(rig_run("charges", "--timeout-ms", "200", "--take", "--spool", rig_path("spool")), 75);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_events),        TEST(test_follow), TEST(test_charges), TEST(test_take_killed),
        TEST(test_headcount),     TEST(test_hours),  TEST(test_block),   TEST(test_flight),
        TEST(test_vault_expires), TEST(test_usage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
