// SPDX-License-Identifier: Apache-2.0
#include "tools/when.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LAST_S 253402300799 // of the year 9999

// Exactly `digits` digits; advances *at.
static bool number(const char **at, int digits, int low, int high, int *ret)
{
    int value = 0;
    for (int i = 0; i < digits; i++) {
        if (!isdigit((unsigned char)(*at)[i]))
            return false;
        value = value * 10 + ((*at)[i] - '0');
    }
    *at += digits;
    *ret = value;
    return value >= low && value <= high;
}

static bool letter(const char **at, const char *any_of)
{
    if (!**at || !strchr(any_of, **at))
        return false;
    (*at)++;
    return true;
}

static bool read_date(const char **at, struct tm *tm)
{
    int year, month, day;
    if (!number(at, 4, 1970, 9999, &year) || !letter(at, "-") || !number(at, 2, 1, 12, &month) ||
        !letter(at, "-") || !number(at, 2, 1, 31, &day))
        return false;
    tm->tm_year = year - 1900;
    tm->tm_mon = month - 1;
    tm->tm_mday = day;
    struct tm same = *tm; // 31 April becomes 1 May: no such day
    return timegm(&same) >= 0 && same.tm_mday == day;
}

static bool read_offset(const char **at, int *ret_s)
{
    int hours, minutes, sign = **at == '-' ? -1 : 1;
    *ret_s = 0;
    if (letter(at, "Zz"))
        return true;
    if (!letter(at, "+-") || !number(at, 2, 0, 23, &hours) || !letter(at, ":") ||
        !number(at, 2, 0, 59, &minutes))
        return false;
    *ret_s = sign * (hours * 3600 + minutes * 60);
    return true;
}

static bool read_time(const char **at, struct tm *tm, int *ret_offset)
{
    return letter(at, "Tt ") && number(at, 2, 0, 23, &tm->tm_hour) && letter(at, ":") &&
           number(at, 2, 0, 59, &tm->tm_min) && letter(at, ":") &&
           number(at, 2, 0, 59, &tm->tm_sec) && read_offset(at, ret_offset);
}

int fg_when_read(const char *text, bool through_day, uint64_t *ret_s, struct fg_error *err)
{
    struct tm tm = {.tm_isdst = -1};
    const char *at = text;
    int offset = 0;
    time_t seconds = -1;
    bool good = read_date(&at, &tm);
    if (good && !*at) {
        tm.tm_mday += through_day;
        seconds = mktime(&tm);
    } else if (good && read_time(&at, &tm, &offset) && !*at) {
        seconds = timegm(&tm) - offset;
    }
    if (seconds <= 0 || seconds > LAST_S)
        return fg_fail(err, -EINVAL,
                       "%.40s: not a time; write 2027-01-31 or 2027-01-31T18:00:00+01:00", text);
    *ret_s = (uint64_t)seconds;
    return 0;
}

const char *fg_when_text(uint64_t seconds, char ret[FG_WHEN_TEXT])
{
    struct tm tm;
    time_t t = (time_t)seconds;
    if (seconds == 0 || seconds > LAST_S || !gmtime_r(&t, &tm) ||
        strftime(ret, FG_WHEN_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        snprintf(ret, FG_WHEN_TEXT, "-");
    return ret;
}
