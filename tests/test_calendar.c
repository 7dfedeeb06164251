// SPDX-License-Identifier: Apache-2.0
// Days of the calendar against counting them one by one and against the C library; ages.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/calendar.h"

static bool leaps(int year)
{
    return year % 400 == 0 || (year % 4 == 0 && year % 100 != 0);
}

// Every day of 8200 years, each counted from the one before.
static void test_every_day(void **state)
{
    (void)state;
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    struct fg_date date = {1800, 1, 1};
    for (int32_t day = -62091; date.year < 10000; day++) {
        struct fg_date same = fg_date_of(day);
        assert_int_equal(fg_day_of(date), day);
        assert_true(same.year == date.year && same.month == date.month && same.day == date.day);
        int length = lengths[date.month - 1] + (date.month == 2 && leaps(date.year));
        date.day = date.day % length + 1;
        date.month = date.day > 1 ? date.month : date.month % 12 + 1;
        date.year += date.day == 1 && date.month == 1;
    }
}

static void test_library(void **state)
{
    (void)state;
    for (int32_t day = -1000000; day < 4000000; day += 997) {
        time_t t = (time_t)day * 86400;
        struct tm tm;
        struct fg_date date = fg_date_of(day);
        assert_non_null(gmtime_r(&t, &tm));
        assert_int_equal(date.year, tm.tm_year + 1900);
        assert_int_equal(date.month, tm.tm_mon + 1);
        assert_int_equal(date.day, tm.tm_mday);
    }
    fg_date_of(INT32_MAX); // nothing overflows
    fg_date_of(INT32_MIN);
}

static void test_text(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",           "2027-02-29",  "2100-02-29",  "2027-04-31", "2027-13-01", "2027-00-01",
        "2027-01-00", "2027-01-32",  "1799-12-31",  "2027-1-31",  "27-01-31",   "2027/01/31",
        "2027-01-3",  "2027-01-311", " 2027-01-31", "2027-01-3x", "+027-01-31", "10000-01-01"};
    static const char *const good[] = {"1970-01-01", "1800-01-01", "9999-12-31",
                                       "2000-02-29", "2028-02-29", "2026-11-23"};
    char text[FG_DAY_TEXT];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(fg_day_read(bad[i]), FG_NO_DAY);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_string_equal(fg_day_text(fg_day_read(good[i]), text), good[i]);
    assert_int_equal(fg_day_read("1970-01-01"), 0);
    assert_int_equal(fg_day_read("1969-12-31"), -1);
    assert_string_equal(fg_day_text(FG_NO_DAY, text), "-");
    assert_string_equal(fg_day_text(INT32_MAX, text), "-");
}

static void test_ages(void **state)
{
    (void)state;
    static const struct {
        const char *born, *day;
        int age;
    } cases[] = {
        {"2012-02-29", "2012-02-29", 0},   {"2012-02-29", "2013-02-28", 0},
        {"2012-02-29", "2013-03-01", 1},   {"2012-02-29", "2016-02-28", 3},
        {"2012-02-29", "2016-02-29", 4},   {"2000-12-31", "2001-01-01", 0},
        {"2000-01-01", "2000-12-31", 0},   {"2000-01-01", "2001-01-01", 1},
        {"1800-01-01", "2026-11-23", 226}, {"2026-11-24", "2026-11-23", -1},
        {"2026-11-23", "2026-11-23", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(fg_age_on(fg_day_read(cases[i].born), fg_day_read(cases[i].day)),
                         cases[i].age);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_day),
        cmocka_unit_test(test_library),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_ages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
