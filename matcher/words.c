// SPDX-License-Identifier: Apache-2.0
#include "matcher/words.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "matcher/catalogue.h"
#include "matcher/reasons.h"

#define N_(text) text // for xgettext
#define SENTENCE 240  // most bytes of a sentence before it names anything
#define DATE     96   // of a date and a time

// ---- what is said besides the reasons ----------------------------------------------------------

enum { DATE_OF, DATE_AND_TIME, TO_STAFF, OTHERS };

static const char *const others[OTHERS] = {
    // TRANSLATORS: a date. %1$s is the day of the month, %2$s the month's name as below, %3$s its
    // number, %4$s the year. Use either %2$s or %3$s.
    // xgettext:no-c-format
    N_("%1$s %2$s %4$s"),
    // TRANSLATORS: a date and the time of that day, as in "3 May 2031, 14:35".
    N_("%1$s, %2$s"),
    // TRANSLATORS: %1$s is a whole sentence, the reason why somebody is sent to the staff.
    N_("%1$s Please ask the staff for help."),
};

static const char *const months[12] = {
    // TRANSLATORS: the months as they stand in a date.
    N_("January"), N_("February"), N_("March"),     N_("April"),   N_("May"),      N_("June"),
    N_("July"),    N_("August"),   N_("September"), N_("October"), N_("November"), N_("December"),
};

struct tongue {
    char name[FG_WORDS_LANGUAGE];
    struct fg_catalogue *catalogue; // NULL: English alone
    const char *sentence[FG_WHYS], *naming[FG_WHYS], *other[OTHERS], *month[12];
};

struct fg_words {
    bool local;
    unsigned count;
    struct tongue tongues[];
};

// ---- placeholders ------------------------------------------------------------------------------

// %1$s to %4$s as bits 0 to 3; -1: there is another use of '%'.
static int placeholders(const char *text)
{
    int found = 0;
    for (; (text = strchr(text, '%')); text += 4) {
        if (text[1] < '1' || text[1] > '4' || text[2] != '$' || text[3] != 's')
            return -1;
        found |= 1 << (text[1] - '1');
    }
    return found;
}

// A date may name the month or count it.
static bool fits(const char *original, const char *text)
{
    enum { DAY = 1, MONTH = 2, NUMBER = 4, YEAR = 8 };
    int found = placeholders(text);
    if (original == others[DATE_OF])
        return found == (DAY | MONTH | YEAR) || found == (DAY | NUMBER | YEAR);
    return found == placeholders(original);
}

static void append(char *to, size_t size, const char *text, size_t length)
{
    size_t used = strlen(to), room = size - used - 1;
    if (length > room)
        for (length = room; length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80;)
            length--;
    memcpy(to + used, text, length);
    to[used + length] = '\0';
}

// `pattern` has been checked: it names what `values` has.
static void fill(char *ret, size_t size, const char *pattern, const char *const values[4])
{
    const char *percent;
    ret[0] = '\0';
    for (; (percent = strchr(pattern, '%')); pattern = percent + 4) {
        const char *value = values[percent[1] - '1'];
        append(ret, size, pattern, (size_t)(percent - pattern));
        append(ret, size, value, strlen(value));
    }
    append(ret, size, pattern, strlen(pattern));
}

// ---- loading -----------------------------------------------------------------------------------

// ISO 639, with a country of ISO 3166 or without: nothing that leads out of a folder.
static bool language_ok(const char *name)
{
    size_t letters = strspn(name, "abcdefghijklmnopqrstuvwxyz");
    const char *rest = name + letters;
    if (letters < 2 || letters > 3)
        return false;
    return !*rest || (rest[0] == '_' && isupper((unsigned char)rest[1]) &&
                      isupper((unsigned char)rest[2]) && !rest[3]);
}

static int check(const char *const *languages, unsigned count, struct fg_error *err)
{
    if (count < 1 || count > FG_WORDS_LANGUAGES)
        return fg_fail(err, -EINVAL, "name 1 to %d languages", FG_WORDS_LANGUAGES);
    for (unsigned i = 0; i < count; i++) {
        if (!language_ok(languages[i]))
            return fg_fail(err, -EINVAL, "%s is no language: write it as en or pt_BR",
                           languages[i]);
        for (unsigned k = 0; k < i; k++)
            if (strcmp(languages[i], languages[k]) == 0)
                return fg_fail(err, -EINVAL, "the language %s is there twice", languages[i]);
    }
    return 0;
}

// The catalogue's sentence when it is good, else the English one; the first that is not is told.
static const char *translate(const struct tongue *t, const char *english, unsigned *faults,
                             struct fg_error *err)
{
    if (!english || !t->catalogue)
        return english;
    const char *found = fg_catalogue_find(t->catalogue, english);
    if (found && strlen(found) <= SENTENCE && fits(english, found))
        return found;
    if ((*faults)++ == 0)
        fg_fail(err, 0, "language %s: \"%s\" %s, so it is said in English", t->name, english,
                found ? "is translated too long or with other placeholders" : "is not translated");
    return english;
}

// 0, or how many sentences are not there in this language.
static unsigned load(const char *localedir, struct tongue *t, struct fg_error *err)
{
    char path[512];
    struct fg_error why = {""};
    unsigned faults = 0;
    snprintf(path, sizeof path, "%s/%s/LC_MESSAGES/facegate.mo", localedir, t->name);
    if (strcmp(t->name, "en") != 0 && fg_catalogue_read(path, &t->catalogue, &why) < 0) {
        fg_fail(err, 0, "%s; what is said in %s is English", why.text, t->name);
        faults++;
    }
    for (unsigned i = 0; i < FG_WHYS; i++) {
        t->sentence[i] = translate(t, fg_whys[i].sentence, &faults, err);
        t->naming[i] = translate(t, fg_whys[i].naming, &faults, err);
    }
    for (unsigned i = 0; i < OTHERS; i++)
        t->other[i] = translate(t, others[i], &faults, err);
    for (unsigned i = 0; i < 12; i++)
        t->month[i] = translate(t, months[i], &faults, err);
    return faults;
}

int fg_words_load(const char *localedir, const char *const *languages, unsigned count, bool local,
                  struct fg_words **ret, struct fg_error *err)
{
    int incomplete = 0, code = check(languages, count, err);
    if (code < 0)
        return code;
    struct fg_words *words = calloc(1, sizeof *words + count * sizeof words->tongues[0]);
    if (!words)
        return fg_fail(err, -ENOMEM, "out of memory");
    words->local = local;
    words->count = count;
    for (unsigned i = 0; i < count; i++) {
        struct tongue *t = &words->tongues[i];
        snprintf(t->name, sizeof t->name, "%s", languages[i]);
        incomplete += load(localedir, t, incomplete == 0 ? err : NULL) > 0;
    }
    *ret = words;
    return incomplete;
}

void fg_words_destroy(struct fg_words *words)
{
    if (!words)
        return;
    for (unsigned i = 0; i < words->count; i++)
        fg_catalogue_destroy(words->tongues[i].catalogue);
    free(words);
}

unsigned fg_words_count(const struct fg_words *words)
{
    return words->count;
}

const char *fg_words_language(const struct fg_words *words, unsigned index)
{
    return words->tongues[index].name;
}

const char *fg_words(const struct fg_words *words, const char *language, const char *reason)
{
    const struct fg_why *why = fg_why_find(reason);
    for (unsigned i = 0; i < words->count && why; i++)
        if (strcmp(words->tongues[i].name, language) == 0)
            return words->tongues[i].sentence[why - fg_whys];
    return NULL;
}

// ---- saying ------------------------------------------------------------------------------------

static bool broken_down(const struct fg_words *words, uint64_t seconds, struct tm *ret)
{
    time_t time = (time_t)seconds;
    return seconds < UINT64_C(1) << 40 &&
           (words->local ? localtime_r(&time, ret) : gmtime_r(&time, ret));
}

static void write_date(const struct tongue *t, const struct tm *tm, char ret[DATE])
{
    char day[16], number[16], year[16];
    snprintf(day, sizeof day, "%d", tm->tm_mday);
    snprintf(number, sizeof number, "%d", tm->tm_mon + 1);
    snprintf(year, sizeof year, "%d", tm->tm_year + 1900);
    const char *const values[4] = {day, t->month[tm->tm_mon], number, year};
    fill(ret, DATE, t->other[DATE_OF], values);
}

static void write_time(const struct tongue *t, const struct tm *tm, const struct tm *now,
                       char ret[DATE])
{
    char date[DATE], clock[16];
    snprintf(clock, sizeof clock, "%02d:%02d", tm->tm_hour, tm->tm_min);
    if (tm->tm_year == now->tm_year && tm->tm_yday == now->tm_yday) {
        snprintf(ret, DATE, "%s", clock);
        return;
    }
    write_date(t, tm, date);
    const char *const values[4] = {date, clock, "", ""};
    fill(ret, DATE, t->other[DATE_AND_TIME], values);
}

static void write_word(const char *detail, char ret[DATE])
{
    size_t length = 0;
    for (; length < DATE - 1 && detail[length]; length++)
        ret[length] = detail[length] >= ' ' && detail[length] <= '~' ? detail[length] : '?';
    ret[length] = '\0';
}

// What the sentence names, or false when the decision does not have it.
static bool write_parameter(const struct fg_words *words, const struct tongue *t,
                            enum fg_parameter parameter, const struct fg_saying *saying,
                            char ret[DATE])
{
    const bool last_day = parameter == FG_PARAMETER_LAST_DAY;
    struct tm when, now;
    if (parameter == FG_PARAMETER_NONE)
        return false;
    if (parameter == FG_PARAMETER_WORD) {
        write_word(saying->detail ? saying->detail : "", ret);
        return ret[0] != '\0';
    }
    if (saying->when_s == 0 || !broken_down(words, saying->when_s - last_day, &when) ||
        !broken_down(words, saying->now_s, &now))
        return false;
    if (parameter == FG_PARAMETER_TIME)
        write_time(t, &when, &now, ret);
    else
        write_date(t, &when, ret);
    return true;
}

bool fg_words_say(const struct fg_words *words, unsigned index, const struct fg_saying *saying,
                  char ret[FG_WORDS_TEXT])
{
    const struct tongue *t = &words->tongues[index];
    const struct fg_why *why = fg_why_find(saying->reason);
    char parameter[DATE], sentence[FG_WORDS_TEXT];
    const char *named[4] = {parameter, "", "", ""}, *reason[4] = {sentence, "", "", ""};
    ret[0] = '\0';
    if (!why)
        return false;
    const char *pattern = t->sentence[why - fg_whys];
    if (write_parameter(words, t, why->parameter, saying, parameter))
        pattern = t->naming[why - fg_whys];
    fill(sentence, sizeof sentence, pattern, named);
    fill(ret, FG_WORDS_TEXT, saying->to_staff ? t->other[TO_STAFF] : "%1$s", reason);
    return true;
}
