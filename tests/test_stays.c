// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/stays.h"
#include "tests/dice.h"

static struct fg_stays stays;

static int clear(void **state)
{
    (void)state;
    fg_stays_finish(&stays);
    return 0;
}

static void cross(const char *subject, const char *zone, uint64_t t_s, bool in)
{
    assert_int_equal(fg_stays_add(&stays, subject, zone, t_s, in), 0);
}

static void expect(size_t *at, const char *subject, uint64_t in_s, uint64_t out_s, uint64_t seconds)
{
    struct fg_stay stay;
    assert_true(fg_stays_next(&stays, at, &stay));
    assert_string_equal(stay.subject, subject);
    assert_true(stay.came == (in_s != 0) && stay.left == (out_s != 0));
    assert_int_equal(stay.in_s, in_s);
    assert_int_equal(stay.out_s, out_s);
    assert_int_equal(stay.seconds, seconds);
}

static void test_pairs(void **state)
{
    struct fg_stay stay;
    size_t at = 0;
    (void)state;
    cross("w-2", "site", 100, true);
    cross("w-1", "site", 110, true);
    cross("w-1", "tunnel", 120, true);
    cross("w-1", "tunnel", 150, false);
    cross("w-2", "site", 160, false);
    cross("w-1", "site", 200, false);
    cross("w-1", "site", 300, true); // the day is over
    fg_stays_sort(&stays);
    expect(&at, "w-1", 110, 200, 90);
    expect(&at, "w-1", 300, 0, 0);
    expect(&at, "w-1", 120, 150, 30);
    expect(&at, "w-2", 100, 160, 60);
    assert_false(fg_stays_next(&stays, &at, &stay));
}

static void test_unpaired(void **state)
{
    struct fg_stay stay;
    size_t at = 0;
    (void)state;
    cross("a", "site", 10, false); // came before the time that is asked about
    cross("a", "site", 20, true);  // left unseen
    cross("a", "site", 30, true);
    cross("a", "site", 40, false);
    cross("a", "site", 50, false);
    cross("b", "site", 60, true); // a's way out is none of b's
    fg_stays_sort(&stays);
    expect(&at, "a", 0, 10, 0);
    expect(&at, "a", 20, 0, 0);
    expect(&at, "a", 30, 40, 10);
    expect(&at, "a", 0, 50, 0);
    expect(&at, "b", 60, 0, 0);
    assert_false(fg_stays_next(&stays, &at, &stay));
}

static void test_nothing(void **state)
{
    struct fg_stay stay;
    size_t at = 0;
    (void)state;
    fg_stays_sort(&stays);
    assert_false(fg_stays_next(&stays, &at, &stay));
}

static void test_too_long(void **state)
{
    char text[FG_STAYS_SUBJECT + 1];
    (void)state;
    memset(text, 'x', sizeof text);
    text[FG_STAYS_SUBJECT] = '\0';
    assert_int_equal(fg_stays_add(&stays, text, "site", 1, true), -EINVAL);
    text[FG_STAYS_ZONE] = '\0';
    assert_int_equal(fg_stays_add(&stays, "a", text, 1, true), -EINVAL);
    text[FG_STAYS_ZONE - 1] = '\0';
    cross("a", text, 1, true);
    assert_int_equal(stays.count, 1);
}

// Every crossing is in one stay; and no more time is paid than went by.
static void test_random(void **state)
{
    enum { CROSSINGS = 5000, SUBJECTS = 7 };
    static const char *const names[SUBJECTS] = {"a", "b", "c", "d", "e", "f", "g"};
    struct fg_stay stay;
    size_t at = 0, crossings = 0;
    uint64_t paid = 0;
    (void)state;
    random_state = 11;
    for (uint64_t t = 1; t <= CROSSINGS; t++)
        cross(names[random_below(SUBJECTS)], "site", t, random_below(2));
    fg_stays_sort(&stays);
    while (fg_stays_next(&stays, &at, &stay)) {
        assert_true(stay.came || stay.left);
        assert_true(!(stay.came && stay.left) || stay.out_s > stay.in_s);
        crossings += (size_t)stay.came + (size_t)stay.left;
        paid += stay.seconds;
    }
    assert_int_equal(crossings, CROSSINGS);
    assert_true(paid > 0 && paid <= (uint64_t)SUBJECTS * CROSSINGS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_pairs, clear),
        cmocka_unit_test_teardown(test_unpaired, clear),
        cmocka_unit_test_teardown(test_nothing, clear),
        cmocka_unit_test_teardown(test_too_long, clear),
        cmocka_unit_test_teardown(test_random, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
