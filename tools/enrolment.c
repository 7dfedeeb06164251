// SPDX-License-Identifier: Apache-2.0
#include "tools/enrolment.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tools/when.h"

#define SEPARATORS " \t,;"

const char *fg_field_name(enum fg_field field)
{
    static const char *const names[] = {"id",   "valid_from", "valid_until", "lanes",
                                        "tags", "consent",    "guardian",    "born"};
    return names[field];
}

static int set_reference(const char *what, const char *text, char ret[FG_SUBJECT_ID],
                         struct fg_error *err)
{
    if (!fg_subject_id_ok(text))
        return fg_fail(err, -EINVAL, "%s %.80s: must be 1 to 63 of A-Z a-z 0-9 . _ : @ -", what,
                       text[0] ? text : "(empty)");
    snprintf(ret, FG_SUBJECT_ID, "%s", text);
    return 0;
}

static int add_words(const char *what, const char *text, char ret[][FG_SUBJECT_WORD],
                     unsigned *count, struct fg_error *err)
{
    for (text += strspn(text, SEPARATORS); *text; text += strspn(text, SEPARATORS)) {
        size_t length = strcspn(text, SEPARATORS);
        char word[FG_SUBJECT_WORD];
        if (*count == FG_SUBJECT_LISTS)
            return fg_fail(err, -EINVAL, "%s: at most %d", what, FG_SUBJECT_LISTS);
        snprintf(word, sizeof word, "%.*s", (int)(length < sizeof word ? length : 0), text);
        if (!fg_subject_word_ok(word))
            return fg_fail(err, -EINVAL, "%s %.*s: must be 1 to %d of A-Z a-z 0-9 . _ : @ -", what,
                           (int)(length < 80 ? length : 80), text, FG_SUBJECT_WORD - 1);
        memcpy(ret[(*count)++], word, sizeof word);
        text += length;
    }
    return 0;
}

static int set_born(const char *text, char ret[FG_DAY_TEXT], struct fg_error *err)
{
    if (fg_day_read(text) == FG_NO_DAY)
        return fg_fail(err, -EINVAL, "%.40s: not a date of birth; write 2014-01-31", text);
    snprintf(ret, FG_DAY_TEXT, "%s", text);
    return 0;
}

int fg_enrolment_set(struct fg_enrolment *e, enum fg_field field, const char *text,
                     struct fg_error *err)
{
    const char *name = fg_field_name(field);
    int code = 0;
    switch (field) {
    case FG_FIELD_ID:
        return set_reference(name, text, e->id, err);
    case FG_FIELD_VALID_FROM:
        code = fg_when_read(text, false, &e->valid_from_s, err);
        break;
    case FG_FIELD_VALID_UNTIL:
        code = fg_when_read(text, true, &e->valid_until_s, err);
        break;
    case FG_FIELD_LANES:
        return add_words(name, text, e->lanes, &e->n_lanes, err);
    case FG_FIELD_TAGS:
        return add_words(name, text, e->tags, &e->n_tags, err);
    case FG_FIELD_CONSENT:
        return set_reference(name, text, e->consent, err);
    case FG_FIELD_GUARDIAN:
        return set_reference(name, text, e->guardian, err);
    case FG_FIELD_BORN:
        code = set_born(text, e->born, err);
        break;
    case FG_FIELDS:
        return -EINVAL;
    }
    return code < 0 ? fg_fail_prefix(err, code, "%s", name) : 0;
}

int fg_enrolment_check(const struct fg_enrolment *e, struct fg_error *err)
{
    if (e->valid_until_s && e->valid_until_s <= e->valid_from_s)
        return fg_fail(err, -EINVAL, "valid_until must be after valid_from");
    return 0;
}

static void add_list(struct fg_json *object, const char *name, const char words[][FG_SUBJECT_WORD],
                     unsigned count)
{
    if (count == 0)
        return;
    struct fg_json *array = fg_json_array();
    for (unsigned i = 0; i < count; i++)
        fg_json_add_string(array, NULL, words[i]);
    fg_json_add(object, name, array);
}

void fg_enrolment_describe(const struct fg_enrolment *e, struct fg_json *object)
{
    fg_json_add_string(object, "subject", e->id);
    if (e->valid_from_s)
        fg_json_add_number(object, "valid_from", (double)e->valid_from_s);
    if (e->valid_until_s)
        fg_json_add_number(object, "valid_until", (double)e->valid_until_s);
    add_list(object, "lanes", e->lanes, e->n_lanes);
    add_list(object, "tags", e->tags, e->n_tags);
    if (e->consent[0])
        fg_json_add_string(object, "consent", e->consent);
    if (e->guardian[0])
        fg_json_add_string(object, "guardian", e->guardian);
    if (e->born[0])
        fg_json_add_string(object, "born", e->born);
}
