// SPDX-License-Identifier: Apache-2.0
#include "matcher/policy_hours.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define WHOLE_DAY 1440

static void skip_blanks(const char **at)
{
    *at += strspn(*at, " \t");
}

static bool skip(const char **at, char c)
{
    if (**at != c)
        return false;
    (*at)++;
    return true;
}

static bool read_day(const char **at, unsigned *ret)
{
    static const char names[][4] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    for (unsigned i = 0; i < 7; i++)
        if (strncmp(*at, names[i], 3) == 0 && !isalnum((unsigned char)(*at)[3])) {
            *at += 3;
            *ret = i;
            return true;
        }
    return false;
}

// "mon", "fri-mon"; every day when there is none.
static bool read_days(const char **at, uint8_t *ret)
{
    unsigned first, last;
    *ret = 0x7f;
    if (!isalpha((unsigned char)**at))
        return true;
    if (!read_day(at, &first))
        return false;
    last = first;
    if (skip(at, '-') && !read_day(at, &last))
        return false;
    *ret = 0;
    for (unsigned day = first; day != last; day = (day + 1) % 7)
        *ret |= (uint8_t)(1u << day);
    *ret |= (uint8_t)(1u << last);
    return **at == ' ' || **at == '\t';
}

static bool read_time(const char **at, uint16_t *ret)
{
    const char *t = *at;
    for (int i = 0; i < 5; i++)
        if (i == 2 ? t[i] != ':' : !isdigit((unsigned char)t[i]))
            return false;
    int hour = (t[0] - '0') * 10 + t[1] - '0', minute = (t[3] - '0') * 10 + t[4] - '0';
    *at += 5;
    *ret = (uint16_t)(hour * 60 + minute);
    return minute < 60 && *ret <= WHOLE_DAY;
}

static bool read_one(const char **at, struct fg_hours *ret)
{
    skip_blanks(at);
    if (!read_days(at, &ret->days))
        return false;
    skip_blanks(at);
    if (!read_time(at, &ret->from) || !skip(at, '-') || !read_time(at, &ret->until))
        return false;
    skip_blanks(at);
    return ret->from != ret->until && ret->from < WHOLE_DAY && (!**at || **at == ',');
}

int fg_hours_read(const char *text, struct fg_hours ret[FG_POLICY_HOURS], unsigned *ret_count,
                  struct fg_error *err)
{
    struct fg_hours hours[FG_POLICY_HOURS];
    const char *at = text;
    unsigned count = 0;
    do {
        if (count == FG_POLICY_HOURS)
            return fg_fail(err, -EINVAL, "hours: at most %d times of the week", FG_POLICY_HOURS);
        if (!read_one(&at, &hours[count++]))
            return fg_fail(err, -EINVAL,
                           "hours = %s: write mon-fri 06:00-22:00, sat 08:00-12:00 (or "
                           "00:00-24:00, and 22:00-06:00 over midnight)",
                           text);
    } while (skip(&at, ','));
    memcpy(ret, hours, count * sizeof *hours);
    *ret_count = count;
    return 0;
}
