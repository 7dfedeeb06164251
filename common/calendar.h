// SPDX-License-Identifier: Apache-2.0
// Days of the civil (proleptic Gregorian) calendar, counted from 1970-01-01. The arithmetic is
// Howard Hinnant's, "chrono-Compatible Low-Level Date Algorithms".
#ifndef FG_CALENDAR_H
#define FG_CALENDAR_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FG_NO_DAY   INT32_MIN
#define FG_DAY_TEXT 12 // bytes of a date's text

struct fg_date {
    int year, month, day; // month and day from 1
};

int32_t fg_day_of(struct fg_date date); // of a date that exists
struct fg_date fg_date_of(int32_t day);

// A date written YYYY-MM-DD, of 1800 to 9999. FG_NO_DAY for anything else, 2027-02-29 too.
int32_t fg_day_read(const char *text);
const char *fg_day_text(int32_t day, char ret[FG_DAY_TEXT]); // "2027-01-31"; "-" for FG_NO_DAY

// Years of age on a day, negative before the birth. Who was born on 29 February has the birthday on
// 1 March in other years.
int fg_age_on(int32_t born, int32_t day);

#ifdef __cplusplus
}
#endif
#endif
