// SPDX-License-Identifier: Apache-2.0
#include "common/calendar.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

// A year from March on, so that the leap day is its last; an era is 400 of them.
#define ERA_DAYS 146097
#define EPOCH    719468 // days from 0000-03-01 to 1970-01-01

int32_t fg_day_of(struct fg_date date)
{
    int year = date.year - (date.month <= 2);
    int era = (year >= 0 ? year : year - 399) / 400;
    int of_era = year - era * 400;
    int of_year = (153 * (date.month + (date.month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1;
    return era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH;
}

struct fg_date fg_date_of(int32_t day)
{
    int64_t days = (int64_t)day + EPOCH;
    int64_t era = (days >= 0 ? days : days - (ERA_DAYS - 1)) / ERA_DAYS;
    int of_era = (int)(days - era * ERA_DAYS);
    int year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int of_year = of_era - (365 * year + year / 4 - year / 100);
    int month = (5 * of_year + 2) / 153; // from March
    return (struct fg_date){.year = year + (int)era * 400 + (month >= 10),
                            .month = month + (month < 10 ? 3 : -9),
                            .day = of_year - (153 * month + 2) / 5 + 1};
}

static int number(const char *at, int digits)
{
    int value = 0;
    for (int i = 0; i < digits; i++)
        value = value * 10 + (at[i] - '0');
    return value;
}

int32_t fg_day_read(const char *text)
{
    static const char shape[] = "0000-00-00";
    if (strnlen(text, sizeof shape) != sizeof shape - 1)
        return FG_NO_DAY;
    for (int i = 0; shape[i]; i++)
        if (shape[i] == '-' ? text[i] != '-' : !isdigit((unsigned char)text[i]))
            return FG_NO_DAY;
    struct fg_date date = {number(text, 4), number(text + 5, 2), number(text + 8, 2)};
    if (date.year < 1800 || date.month < 1 || date.month > 12 || date.day < 1 || date.day > 31)
        return FG_NO_DAY;
    int32_t day = fg_day_of(date);
    return fg_date_of(day).day == date.day ? day : FG_NO_DAY; // 31 April would be 1 May
}

const char *fg_day_text(int32_t day, char ret[FG_DAY_TEXT])
{
    struct fg_date date = fg_date_of(day);
    if (day == FG_NO_DAY || date.year < 0 || date.year > 9999)
        return memcpy(ret, "-", 2);
    snprintf(ret, FG_DAY_TEXT, "%04u-%02u-%02u", (unsigned)date.year % 10000,
             (unsigned)date.month % 100, (unsigned)date.day % 100);
    return ret;
}

int fg_age_on(int32_t born, int32_t day)
{
    struct fg_date from = fg_date_of(born), on = fg_date_of(day);
    bool before_birthday = on.month < from.month || (on.month == from.month && on.day < from.day);
    return on.year - from.year - before_birthday;
}
