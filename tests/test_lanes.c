// SPDX-License-Identifier: Apache-2.0
// What lanes are told, and what tills wait for.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "matcher/lanes.h"
#include "matcher/tills.h"

#define MS(ms) ((uint64_t)(ms)*1000000)

static struct fg_lanes lanes;
static uint64_t now_ns;
static const char *claim_in, *somebody_in;

static int setup(void **state)
{
    (void)state;
    memset(&lanes, 0, sizeof lanes);
    now_ns = MS(50000);
    claim_in = somebody_in = "";
    return 0;
}

static bool claimed(void *context, const char *lane)
{
    (void)context;
    return strcmp(lane, claim_in) == 0;
}

static bool occupied(void *context, const char *lane)
{
    (void)context;
    return strcmp(lane, somebody_in) == 0;
}

static const char *next(struct fg_wire_lane *ret)
{
    return fg_lanes_next(&lanes, claimed, occupied, NULL, now_ns, ret);
}

static void hear(enum fg_wire_type type, const char *lane)
{
    static struct fg_wire_message m;
    memset(&m, 0, sizeof m);
    m.head.type = type;
    snprintf(m.head.lane, sizeof m.head.lane, "%s", lane);
    fg_lanes_hear(&lanes, &m, now_ns);
}

static void test_told_at_once_and_every_second(void **state)
{
    (void)state;
    struct fg_wire_lane said;
    assert_null(next(&said));
    assert_true(fg_lanes_due_ns(&lanes) == UINT64_MAX);
    lanes.keep_nothing = true;
    hear(FG_WIRE_BEAT, "1");
    hear(FG_WIRE_ALIVE, "2");
    assert_string_equal(next(&said), "1");
    assert_int_equal(said.awake, 1);
    assert_int_equal(said.want_token, 0);
    assert_int_equal(said.keep_nothing, 1);
    assert_string_equal(next(&said), "2");
    assert_null(next(&said));
    assert_true(fg_lanes_due_ns(&lanes) == now_ns + MS(1000));
    now_ns += MS(999);
    assert_null(next(&said));
    now_ns += MS(1);
    assert_non_null(next(&said));
}

static void test_token_wanted(void **state)
{
    (void)state;
    struct fg_wire_lane said;
    lanes.tokens = true;
    hear(FG_WIRE_BEAT, "1");
    next(&said);
    assert_int_equal(said.want_token, 1);
    claim_in = "1"; // said at once
    assert_string_equal(next(&said), "1");
    assert_int_equal(said.want_token, 0);
    assert_null(next(&said));
    claim_in = "";
    assert_string_equal(next(&said), "1");
    assert_int_equal(said.want_token, 1);
}

static void test_sleep(void **state)
{
    (void)state;
    struct fg_wire_lane said;
    lanes.sleep_after_s = 5;
    hear(FG_WIRE_BEAT, "1");
    next(&said);
    assert_int_equal(said.awake, 1);
    now_ns += MS(5000);
    hear(FG_WIRE_BEAT, "1"); // a camera's beat is nobody
    next(&said);
    assert_int_equal(said.awake, 0);
    somebody_in = "1";
    next(&said);
    assert_int_equal(said.awake, 1);
    somebody_in = "";
    now_ns += MS(6000);
    next(&said);
    assert_int_equal(said.awake, 0);
    static const enum fg_wire_type wakers[] = {FG_WIRE_WAKE, FG_WIRE_TOKEN_READ, FG_WIRE_FORCED,
                                               FG_WIRE_PROBE};
    for (unsigned i = 0; i < 4; i++) {
        hear(wakers[i], "1");
        assert_string_equal(next(&said), "1"); // at once
        assert_int_equal(said.awake, 1);
        now_ns += MS(6000);
        next(&said);
        assert_int_equal(said.awake, 0);
    }
}

static void test_acknowledged(void **state)
{
    (void)state;
    struct fg_wire_lane said;
    hear(FG_WIRE_ALIVE, "1");
    next(&said);
    assert_true(said.ack_run == 0 && said.ack_decision == 0);
    fg_lanes_settled(&lanes, "1", &(struct fg_wire_gate){77, 5}, now_ns);
    assert_string_equal(next(&said), "1");
    assert_true(said.ack_run == 77 && said.ack_decision == 5);
    now_ns += MS(1000);
    next(&said);
    assert_true(said.ack_run == 77 && said.ack_decision == 5); // for who missed it
}

static void test_many_lanes(void **state)
{
    (void)state;
    struct fg_wire_lane said;
    char name[FG_WIRE_NAME];
    for (unsigned i = 0; i < 2 * FG_LANES; i++) {
        now_ns += MS(1);
        snprintf(name, sizeof name, "lane-%u", i);
        hear(FG_WIRE_BEAT, name);
    }
    unsigned told = 0;
    while (next(&said))
        told++;
    assert_int_equal(told, FG_LANES);
}

// ---- tills -------------------------------------------------------------------------------------

static struct fg_payment payment(const char *id, uint64_t amount)
{
    struct fg_payment p = {.firm = "shop", .kind = FG_PURCHASE, .amount = amount};
    snprintf(p.id, sizeof p.id, "%s", id);
    return p;
}

static void test_till(void **state)
{
    (void)state;
    static struct fg_tills tills;
    struct fg_payment one = payment("1", 500), two = payment("2", 500), dearer = payment("1", 600);
    const char *why = NULL;
    memset(&tills, 0, sizeof tills);
    assert_int_equal(fg_tills_ask(&tills, "a", &one, now_ns), 0);
    assert_int_equal(fg_tills_ask(&tills, "a", &one, now_ns), 0);
    assert_int_equal(fg_tills_ask(&tills, "a", &two, now_ns), -EBUSY);
    assert_int_equal(fg_tills_ask(&tills, "a", &dearer, now_ns), -EBUSY);
    assert_int_equal(fg_tills_ask(&tills, "b", &two, now_ns), 0);
    assert_int_equal(fg_tills_outcome(&tills, "shop", "1", &why), FG_TILL_WAITING);
    assert_int_equal(fg_tills_outcome(&tills, "bank", "1", &why), FG_TILL_UNKNOWN);
    fg_tills_end(&tills, "a", FG_TILL_ADMITTED, "matched");
    assert_int_equal(fg_tills_outcome(&tills, "shop", "1", &why), FG_TILL_ADMITTED);
    assert_string_equal(why, "matched");
    assert_null(fg_tills_find(&tills, "a"));
    assert_int_equal(fg_tills_tick(&tills, now_ns + MS(FG_TILL_MS) - 1, "late"), 0);
    assert_int_equal(fg_tills_tick(&tills, now_ns + MS(FG_TILL_MS), "late"), 1);
    assert_int_equal(fg_tills_outcome(&tills, "shop", "2", &why), FG_TILL_REFUSED);
    assert_string_equal(why, "late");
}

static void test_pin(void **state)
{
    (void)state;
    static struct fg_tills tills;
    struct fg_payment one = payment("1", 500);
    memset(&tills, 0, sizeof tills);
    assert_int_equal(fg_tills_pin(&tills, "a", "1234"), -ENOENT);
    assert_int_equal(fg_tills_ask(&tills, "a", &one, now_ns), 0);
    static const char *const bad[] = {"", "123", "12345678901234", "12a4", "-123", "12 4"};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(fg_tills_pin(&tills, "a", bad[i]), -EINVAL);
    assert_int_equal(fg_tills_pin(&tills, "a", "123456789012"), 0);
    assert_string_equal(fg_tills_find(&tills, "a")->pin, "123456789012");
    fg_tills_end(&tills, "a", FG_TILL_REFUSED, "pin_wrong");
    for (size_t i = 0; i + 4 <= sizeof tills; i++) // it is wiped
        assert_true(memcmp((const char *)&tills + i, "1234", 4) != 0);
}

static void test_too_many_tills(void **state)
{
    (void)state;
    static struct fg_tills tills;
    char lane[FG_WIRE_NAME], id[8];
    memset(&tills, 0, sizeof tills);
    for (unsigned i = 0; i < FG_TILLS; i++) {
        snprintf(lane, sizeof lane, "%u", i);
        snprintf(id, sizeof id, "%u", i);
        struct fg_payment p = payment(id, 1);
        assert_int_equal(fg_tills_ask(&tills, lane, &p, now_ns), 0);
    }
    struct fg_payment p = payment("x", 1);
    assert_int_equal(fg_tills_ask(&tills, "x", &p, now_ns), -ENOSPC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_told_at_once_and_every_second, setup),
        cmocka_unit_test_setup(test_token_wanted, setup),
        cmocka_unit_test_setup(test_sleep, setup),
        cmocka_unit_test_setup(test_acknowledged, setup),
        cmocka_unit_test_setup(test_many_lanes, setup),
        cmocka_unit_test_setup(test_till, setup),
        cmocka_unit_test_setup(test_pin, setup),
        cmocka_unit_test_setup(test_too_many_tills, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
