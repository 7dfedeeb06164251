// SPDX-License-Identifier: Apache-2.0
// The shipped profiles end to end: a matcher with the profile, a camera on made footage of real
// faces, and a gate's reports. What follows is held against what each profile promises.
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lane_rig.h"
#include "tests/rig.h"

static int setup(void **state)
{
    (void)state;
    if (!rig_has_models())
        return 0;
    rig_open();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (!rig_has_models())
        return 0;
    lane_close();
    rig_close();
    return 0;
}

static struct fg_json *request(const char *op)
{
    struct fg_json *json = fg_json_object();
    fg_json_add_string(json, "op", op);
    return json;
}

static void taken(struct fg_json *answer)
{
    if (!fg_json_get_bool(answer, "ok", false))
        fail_msg("%s: %s", fg_json_get_string(answer, "error", "?"),
                 fg_json_get_string(answer, "message", "?"));
    fg_json_destroy(answer);
}

static void refused(struct fg_json *answer, const char *code)
{
    assert_false(fg_json_get_bool(answer, "ok", true));
    assert_string_equal(fg_json_get_string(answer, "error", ""), code);
    fg_json_destroy(answer);
}

static const char *day(int from_now)
{
    static char text[4][16];
    static unsigned at;
    time_t t = time(NULL) + (time_t)from_now * 86400;
    struct tm tm;
    gmtime_r(&t, &tm);
    char *ret = text[at++ % 4];
    strftime(ret, sizeof text[0], "%Y-%m-%d", &tm);
    return ret;
}

// ---- egate-departure ---------------------------------------------------------------------------

static void test_egate_departure(void **state)
{
    (void)state;
    if (!rig_has_models())
        skip();
    lane_open("egate-departure", "", NULL);
    lane_enrol("adult", "p18", "--consent", "c-1", "--born", "1980-05-17");
    lane_enrol("expired", "p20", "--consent", "c-2", "--born", "1980-05-17", "--valid-from",
               "2020-01-01", "--valid-until", "2021-01-01");
    lane_enrol("child", "p10", "--consent", "c-3", "--born", day(-10 * 365));
    lane_enrol("ward", "p12", "--consent", "c-4", "--born", day(-10 * 365), "--guardian", "g-4");
    lane_enrol("infant", "p13", "--consent", "c-5", "--born", day(-5 * 365), "--guardian", "g-5");
    lane_see("1", "p18:1.2");
    const struct fg_json *decision = lane_expect("admit", "matched");
    assert_string_equal(fg_json_get_string(decision, "subject", ""), "adult");
    assert_string_equal(fg_json_get_string(decision, "liveness", ""), "attended");
    lane_see("2", "p18:1.2"); // the lane beside: they have not gone through the first yet
    lane_expect("deny", "other_lane");
    lane_see("3", "p20:1.2");
    lane_expect("deny", "registration_expired");
    lane_see("4", "p10:1.2");
    lane_expect("deny", "guardian_needed");
    lane_see("5", "p12:1.2");
    lane_expect("admit", "matched");
    lane_see("6", "p13:1.2");
    lane_expect("deny", "too_young");
    lane_see("7", "p21:1.2");
    lane_expect("deny", "no_match");
    lane_see("8", "p18+p21:1.2");
    if (!lane_heard("one_person"))
        lane_expect("retry", "one_person");
    for (unsigned i = 0; i < lane_decisions(); i++)
        assert_string_not_equal(fg_json_get_string(lane_decision(i), "outcome", ""), "admit");
}

// ---- egate-boarding ----------------------------------------------------------------------------

static void put_flight(const char *name, const char *lane, long opens, long departs)
{
    struct fg_json *put = request("flight_put"), *lanes = fg_json_array();
    fg_json_add_string(put, "name", name);
    fg_json_add_string(lanes, NULL, lane);
    fg_json_add(put, "lanes", lanes);
    fg_json_add_number(put, "opens", (double)(time(NULL) + opens));
    fg_json_add_number(put, "departs", (double)(time(NULL) + departs));
    taken(lane_ask(put));
}

static void test_egate_boarding(void **state)
{
    (void)state;
    if (!rig_has_models())
        skip();
    lane_open("egate-boarding", "", NULL);
    put_flight("FG101", "B12", -600, 1800);
    put_flight("FG202", "B14", 3600, 7200);
    put_flight("FG303", "B16", -7200, -60);
    put_flight("FG404", "B18", -600, 1800); // nobody has booked it
    lane_enrol("now", "p18", "--consent", "c-1", "--born", "1980-05-17", "--tag", "flight:FG101");
    lane_enrol("later", "p20", "--consent", "c-2", "--born", "1980-05-17", "--tag", "flight:FG202");
    lane_enrol("gone", "p10", "--consent", "c-3", "--born", "1980-05-17", "--tag", "flight:FG303");
    lane_enrol("none", "p12", "--consent", "c-4", "--born", "1980-05-17");
    lane_see("B14", "p18:1.2");
    const struct fg_json *decision = lane_expect("deny", "wrong_gate");
    assert_non_null(strstr(fg_json_get_string(fg_json_get(decision, "say"), "en", ""), "B12"));
    assert_string_equal(fg_json_get_string(decision, "detail", ""), "B12");
    lane_see("B12", "p18:1.2");
    decision = lane_expect("admit", "matched");
    lane_report(FG_WIRE_PASSED, decision, 1);
    lane_see("B14", "p20:1.2");
    lane_expect("deny", "too_early");
    lane_see("B16", "p10:1.2");
    lane_expect("deny", "departed");
    lane_see("B18", "p12:1.2");
    lane_expect("deny", "no_ticket");
    put_flight("FG202", "B14", -60, 1800); // boarding begins
    lane_see("B14", "p20:1.2");            // beside the one who was turned away there
    lane_expect("admit", "matched");
}

// ---- fare --------------------------------------------------------------------------------------

static unsigned charges_due(char ret_id[64])
{
    struct fg_json *answer = lane_ask(request("charges"));
    const struct fg_json *charges = fg_json_get(answer, "charges");
    unsigned count = (unsigned)fg_json_count(charges);
    if (count > 0)
        snprintf(ret_id, 64, "%s", fg_json_get_string(fg_json_at(charges, 0), "id", "?"));
    fg_json_destroy(answer);
    return count;
}

static void test_fare(void **state)
{
    char first[64] = "", again[64] = "";
    (void)state;
    if (!rig_has_models())
        skip();
    lane_open("fare", "", NULL);
    lane_enrol("account-1", "p18", "--consent", "c-1");
    lane_enrol("account-2", "p20", "--consent", "c-2");
    lane_see("1", "p18:1.2");
    const struct fg_json *decision = lane_expect("admit", "matched");
    const struct fg_json *charge = fg_json_get(decision, "charge");
    assert_int_equal((int)fg_json_get_number(charge, "amount", 0), 7500);
    snprintf(first, sizeof first, "%s", fg_json_get_string(charge, "id", ""));
    assert_int_equal(charges_due(again), 0); // they have not gone through
    lane_report(FG_WIRE_TIMEOUT, decision, 1);
    sleep(3); // they step back, and come again
    lane_see("1", "p18:1.2");
    decision = lane_expect("admit", "matched");
    assert_string_equal(fg_json_get_string(fg_json_get(decision, "charge"), "id", ""), first);
    struct fg_json *kept = NULL;
    char *text = fg_json_print(decision, false);
    assert_int_equal(fg_json_parse(text, strlen(text), &kept, NULL), 0);
    free(text);
    lane_restart(SIGKILL); // power goes while they walk
    lane_report(FG_WIRE_PASSED, kept, 2);
    lane_report(FG_WIRE_PASSED, kept, 2);
    fg_json_destroy(kept);
    assert_int_equal(charges_due(again), 1);
    assert_string_equal(again, first);
    lane_see("2", "p18:1.2"); // a second turnstile within half a minute
    lane_expect("deny", "other_lane");
    struct fg_json *block = request("block");
    fg_json_add_string(block, "subject", "account-2");
    taken(lane_ask(block));
    lane_see("3", "p20:1.2");
    lane_expect("deny", "blocked");
    struct fg_json *take = request("charges_taken"), *ids = fg_json_array();
    fg_json_add_string(ids, NULL, first);
    fg_json_add(take, "ids", ids);
    taken(lane_ask(take));
    assert_int_equal(charges_due(again), 0);
}

// ---- pay ---------------------------------------------------------------------------------------

static struct fg_json *pay(const char *lane, const char *id, double amount)
{
    struct fg_json *json = request("pay");
    fg_json_add_string(json, "lane", lane);
    fg_json_add_string(json, "payment", id);
    fg_json_add_string(json, "kind", "purchase");
    fg_json_add_number(json, "amount", amount);
    return json;
}

// Runs facegate with a PIN on its standard input.
static void give(const char *pin, const char *words)
{
    char line[600];
    snprintf(line, sizeof line, "%s %s > /dev/null", rig_program("facegate"), words);
    FILE *to = popen(line, "we");
    assert_non_null(to);
    fprintf(to, "%s\n", pin);
    assert_int_equal(pclose(to), 0);
}

static void test_pay(void **state)
{
    char bank[256], stores[256], more[700];
    (void)state;
    if (!rig_has_models())
        skip();
    snprintf(bank, sizeof bank, "ipc://%s", rig_path("bank"));
    snprintf(stores, sizeof stores, "ipc://%s", rig_path("stores"));
    snprintf(more, sizeof more,
             "[firm bank]\ncontrol = %s\n[firm stores]\ncontrol = %s\n"
             "[firm cards]\ncontrol = ipc://%s\n[firm transit]\ncontrol = ipc://%s\n",
             bank, stores, rig_path("cards"), rig_path("transit"));
    lane_open("pay", more, NULL);
    setenv("FACEGATE_CONTROL", bank, 1);
    lane_enrol("customer", "p18", "--consent", "c-1");
    setenv("FACEGATE_CONTROL", stores, 1);
    lane_enrol("customer", "p20", "--consent", "c-2"); // the same name, another firm's customer
    lane_see("bank-1", "p18:1.2");
    lane_expect("deny", "no_request");
    taken(lane_ask_at(bank, pay("bank-1", "w-1", 5000), NULL, 0));
    refused(lane_ask_at(stores, pay("bank-1", "w-2", 5000), NULL, 0), "not_allowed");
    sleep(3);
    lane_see("bank-1", "p18:1.2");
    const struct fg_json *decision = lane_expect("admit", "matched");
    assert_string_equal(fg_json_get_string(decision, "subject", ""), "bank:customer");
    assert_string_equal(fg_json_get_string(fg_json_get(decision, "charge"), "payment", ""), "w-1");
    refused(lane_ask_at(bank, pay("bank-1", "w-1", 5000), NULL, 0), "exists");
    taken(lane_ask_at(stores, pay("stores-1", "s-1", 980), NULL, 0));
    lane_see("stores-1", "p18:1.2"); // the bank's customer is nobody to the shop
    lane_expect("deny", "no_match");
    // above 10,000 a PIN, that the customer has chosen at the counter
    setenv("FACEGATE_CONTROL", bank, 1);
    give("4711", "pin customer");
    taken(lane_ask_at(bank, pay("bank-1", "w-3", 50000), NULL, 0));
    sleep(3);
    lane_see("bank-1", "p18:1.2");
    assert_true(lane_heard("pin_needed"));
    give("4712", "pay --lane bank-1 --pin");
    lane_see("bank-1", "p18:1.2");
    assert_true(lane_heard("pin_wrong"));
    give("4711", "pay --lane bank-1 --pin");
    lane_see("bank-1", "p18:1.2");
    decision = lane_expect("admit", "matched");
    assert_string_equal(fg_json_get_string(fg_json_get(decision, "charge"), "payment", ""), "w-3");
    struct fg_json *get = request("list"), *answer = lane_ask_at(stores, get, NULL, 0);
    assert_int_equal(fg_json_count(fg_json_get(answer, "subjects")), 1);
    fg_json_destroy(answer);
    refused(lane_ask_at(stores, request("status"), NULL, 0), "not_allowed");
}

// ---- worksite ----------------------------------------------------------------------------------

static unsigned headcount(const char *zone)
{
    struct fg_json *ask = request("headcount");
    fg_json_add_string(ask, "zone", zone);
    struct fg_json *answer = lane_ask(ask);
    unsigned count = (unsigned)fg_json_get_number(answer, "count", 9999);
    fg_json_destroy(answer);
    return count;
}

static void test_worksite(void **state)
{
    (void)state;
    if (!rig_has_models())
        skip();
    lane_open("worksite", "[lane site-in]\nhours = mon-sun 00:00-24:00\n", NULL);
    lane_enrol("w-1", "p18", "--consent", "c-1", "--tag", "trade:tunnel");
    lane_enrol("w-2", "p20", "--consent", "c-2", "--tag", "trade:roof");
    lane_see("site-out", "p18:1.2");
    lane_expect("deny", "not_inside");
    lane_see("site-in", "p18+p20:2"); // several at once
    assert_int_equal(lane_decisions(), 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_string_equal(fg_json_get_string(lane_decision(i), "outcome", ""), "admit");
        lane_report(FG_WIRE_PASSED, lane_decision(i), i + 1);
    }
    assert_int_equal(headcount("site"), 2);
    sleep(6);
    lane_see("tunnel-in", "p20:1.2");
    lane_expect("deny", "no_permit");
    lane_see("tunnel-in", "p18:1.2");
    lane_report(FG_WIRE_PASSED, lane_expect("admit", "matched"), 5);
    assert_int_equal(headcount("tunnel"), 1);
    lane_see("tunnel-face", "p18:1.2"); // who may be there
    assert_int_equal(lane_decisions(), 0);
    lane_see("tunnel-face", "p21:1.2");
    lane_expect("deny", "unknown_inside");
}

// ---- portrait-check ----------------------------------------------------------------------------

static void bring(const char *lane, const char *person, const char *document, const char *refusal)
{
    char path[256];
    const char *const argv[] = {"check", "--lane", lane, "--document", document, path, NULL};
    snprintf(path, sizeof path, "%s", lane_picture(person));
    if (rig_run_words(argv) != (refusal ? 1 : 0))
        fail_msg("%s%s", rig_out, rig_err);
    if (refusal)
        assert_non_null(strstr(rig_err, refusal));
}

static void test_portrait_check(void **state)
{
    (void)state;
    if (!rig_has_models())
        skip();
    char program[512];
    const char *const words[] = {"--portrait", program, NULL};
    snprintf(program, sizeof program, "%s", rig_program("facegate-portrait"));
    lane_open("portrait-check", "", words);
    bring("1", "p18", "unverified", "does not take such documents");
    bring("1", "p18", "authenticated", NULL);
    lane_see("1", "p18:2");
    const struct fg_json *decision = lane_expect("admit", "matched");
    assert_non_null(strstr(fg_json_get_string(decision, "subject", ""), "check-"));
    bring("2", "p18", "authenticated", NULL); // another person with this document
    lane_see("2", "p21:4");
    assert_true(lane_decisions() > 0);
    for (unsigned i = 0; i < lane_decisions(); i++)
        assert_string_equal(fg_json_get_string(lane_decision(i), "reason", ""), "token_other_face");
    lane_see("3", "p18:1.2"); // nobody has brought a document
    assert_int_equal(lane_decisions(), 0);
    assert_true(lane_heard("no_request"));
    // nothing is kept
    assert_int_not_equal(access(rig_path("gallery/ledger"), F_OK), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_egate_departure), TEST(test_egate_boarding), TEST(test_fare), TEST(test_pay),
        TEST(test_worksite),        TEST(test_portrait_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
