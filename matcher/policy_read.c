// SPDX-License-Identifier: Apache-2.0
// A profile's keys and their values; what they say together is policy_check.c's.
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matcher/policy_hours.h"
#include "matcher/policy_source.h"
#include "matcher/subject.h"

// A choice is stored as an int.
_Static_assert(sizeof(enum fg_mode) == sizeof(int) && sizeof(enum fg_passage) == sizeof(int),
               "enums are ints");

#define SEPARATORS  " \t,"
#define MOST_AMOUNT 1e15

// ---- lists --------------------------------------------------------------------------------------

// Calls `take` for each word.
static int each_word(const char *key, const char *text, void *target,
                     int (*take)(void *target, const char *key, const char *word,
                                 struct fg_error *err),
                     struct fg_error *err)
{
    int code = 0;
    for (text += strspn(text, SEPARATORS); *text && code == 0;) {
        char word[FG_WIRE_NAME];
        size_t length = strcspn(text, SEPARATORS);
        if (length >= sizeof word)
            return fg_fail(err, -EINVAL, "%s: %.*s is longer than %zu characters", key, (int)length,
                           text, sizeof word - 1);
        memcpy(word, text, length);
        word[length] = '\0';
        text += length;
        text += strspn(text, SEPARATORS);
        code = take(target, key, word, err);
    }
    return code;
}

struct words {
    char (*words)[FG_WIRE_NAME];
    unsigned count;
};

static int take_tag(void *target, const char *key, const char *word, struct fg_error *err)
{
    struct words *w = target;
    if (!fg_subject_word_ok(word))
        return fg_fail(err, -EINVAL, "%s: %s must be of A-Z a-z 0-9 . _ : @ -", key, word);
    if (w->count == FG_POLICY_WORDS)
        return fg_fail(err, -EINVAL, "%s: at most %d", key, FG_POLICY_WORDS);
    for (unsigned i = 0; i < w->count; i++)
        if (strcmp(w->words[i], word) == 0)
            return fg_fail(err, -EINVAL, "%s: %s is there twice", key, word);
    memcpy(w->words[w->count++], word, strlen(word) + 1);
    return 0;
}

static int read_tags(char tags[][FG_WIRE_NAME], unsigned *ret_count, const char *key,
                     const char *value, struct fg_error *err)
{
    struct words words = {.words = tags};
    int code = each_word(key, value, &words, take_tag, err);
    *ret_count = words.count;
    return code;
}

static int lane_tags(void *target, const char *key, const char *value, struct fg_error *err)
{
    struct fg_lane_rules *lane = target;
    return read_tags(lane->tags, &lane->n_tags, key, value, err);
}

static int zone_tags(void *target, const char *key, const char *value, struct fg_error *err)
{
    struct fg_zone_rules *zone = target;
    return read_tags(zone->tags, &zone->n_tags, key, value, err);
}

static int lane_hours(void *target, const char *key, const char *value, struct fg_error *err)
{
    struct fg_lane_rules *lane = target;
    (void)key;
    return fg_hours_read(value, lane->hours, &lane->n_hours, err);
}

static int zone_hours(void *target, const char *key, const char *value, struct fg_error *err)
{
    struct fg_zone_rules *zone = target;
    (void)key;
    return fg_hours_read(value, zone->hours, &zone->n_hours, err);
}

static int take_language(void *target, const char *key, const char *word, struct fg_error *err)
{
    static const char *const known[FG_POLICY_LANGUAGES] = {"en", "ko", "ja", "ru"};
    struct fg_policy *p = target;
    unsigned i = 0;
    while (i < FG_POLICY_LANGUAGES && strcmp(known[i], word) != 0)
        i++;
    if (i == FG_POLICY_LANGUAGES)
        return fg_fail(err, -EINVAL, "%s: %s is not there; there are en, ko, ja and ru", key, word);
    for (i = 0; i < p->n_languages; i++)
        if (strcmp(p->languages[i], word) == 0)
            return fg_fail(err, -EINVAL, "%s: %s is there twice", key, word);
    memcpy(p->languages[p->n_languages++], word, strlen(word) + 1);
    return 0;
}

static int read_languages(void *target, const char *key, const char *value, struct fg_error *err)
{
    struct fg_policy *p = target;
    p->n_languages = 0;
    int code = each_word(key, value, p, take_language, err);
    if (code == 0 && p->n_languages == 0)
        code = fg_fail(err, -EINVAL, "%s: name one at least, or leave the line out", key);
    return code;
}

static int take_document(void *target, const char *key, const char *word, struct fg_error *err)
{
    struct fg_policy *p = target;
    if (strcmp(word, "authenticated") == 0)
        p->authenticated = true;
    else if (strcmp(word, "unverified") == 0)
        p->unverified = true;
    else
        return fg_fail(err, -EINVAL, "%s: %s: write authenticated, unverified or both", key, word);
    return 0;
}

static int read_documents(void *target, const char *key, const char *value, struct fg_error *err)
{
    struct fg_policy *p = target;
    p->authenticated = p->unverified = false;
    return each_word(key, value, p, take_document, err);
}

// ---- the table ----------------------------------------------------------------------------------

static const char *const modes[] = {"identify", "pass", "vault", "portrait", NULL};
static const char *const livenesses[] = {"attended", "required", NULL};
static const char *const passages[] = {"beam", "on-admit", NULL};
static const char *const directions[] = {"none", "in", "out", NULL};
static const char *const recordings[] = {"outcomes", "passages", "nothing", NULL};

#define OF(name, kind)      "profile", #name, kind, .offset = offsetof(struct fg_policy, name)
#define NUMBER(name, l, h)  OF(name, FG_CONF_U32), .low = (l), .high = (h)
#define RATE(name, l, h)    OF(name, FG_CONF_DOUBLE), .low = (l), .high = (h)
#define AMOUNT(name)        OF(name, FG_CONF_U64), .low = 0, .high = MOST_AMOUNT
#define OF_LANE(name, kind) "lane *", #name, kind, .offset = offsetof(struct fg_lane_rules, name)
#define OF_ZONE(name, kind) "zone *", #name, kind, .offset = offsetof(struct fg_zone_rules, name)
#define OF_FIRM(name, kind) "firm *", #name, kind, .offset = offsetof(struct fg_firm, name)

#define DAY_S     86400
#define TEN_YEARS 3653

static const struct fg_conf_key keys[] = {
    {OF(name, FG_CONF_STRING), .size = FG_WIRE_NAME},
    {OF(mode, FG_CONF_CHOICE), .choices = modes},
    {OF(liveness, FG_CONF_CHOICE), .choices = livenesses},
    {RATE(fmr, 1e-15, .5)},
    {RATE(fpir, 1e-15, .5)},
    {NUMBER(good_probes, 1, 32)},
    {NUMBER(decide_ms, 100, 600000)},
    {NUMBER(attempts, 1, 100)},
    {NUMBER(absent_ms, 100, 600000)},
    {NUMBER(valid_ms, 100, 600000)},
    {OF(min_quality, FG_CONF_FLOAT), .low = 0, .high = 1},
    {RATE(passages_per_day, 0, 1e9)},
    {RATE(impostors_per_day, 0, 1e9)},
    {"profile", "languages", FG_CONF_CALL, .call = read_languages},
    {OF(single, FG_CONF_BOOL)},
    {NUMBER(sleep_after_s, 0, DAY_S)},

    {OF(passage, FG_CONF_CHOICE), .choices = passages},
    {NUMBER(passage_s, 1, 3600)},
    {NUMBER(reuse_s, 0, DAY_S)},
    {NUMBER(cooldown_s, 0, DAY_S)},
    {NUMBER(exclusive_s, 0, DAY_S)},
    {OF(anti_passback, FG_CONF_BOOL)},

    {NUMBER(registration_days, 0, 10 * TEN_YEARS)},
    {NUMBER(refused_under, 0, 120)},
    {NUMBER(guardian_under, 0, 120)},
    {OF(consent, FG_CONF_BOOL)},
    {OF(ticket, FG_CONF_BOOL)},

    {AMOUNT(fare)},
    {OF(currency, FG_CONF_STRING), .size = 4},
    {OF(payments, FG_CONF_BOOL)},
    {AMOUNT(payment_most)},
    {AMOUNT(pin_above)},
    {NUMBER(pin_tries, 1, 10)},

    {OF(scope, FG_CONF_STRING), .size = FG_WIRE_NAME},
    {OF(one_time, FG_CONF_BOOL)},
    {NUMBER(token_s, 1, DAY_S)},
    {"profile", "documents", FG_CONF_CALL, .call = read_documents},

    {OF(recording, FG_CONF_CHOICE), .choices = recordings},
    {NUMBER(retention_days, 0, 10 * TEN_YEARS)},
    {OF(keep_nothing, FG_CONF_BOOL)},

    {OF_LANE(direction, FG_CONF_CHOICE), .choices = directions},
    {OF_LANE(zone, FG_CONF_STRING), .size = FG_WIRE_NAME},
    {OF_LANE(firm, FG_CONF_STRING), .size = FG_WIRE_NAME},
    {OF_LANE(tags, FG_CONF_CALL), .call = lane_tags},
    {OF_LANE(hours, FG_CONF_CALL), .call = lane_hours},
    {OF_LANE(watch, FG_CONF_BOOL)},

    {OF_ZONE(tags, FG_CONF_CALL), .call = zone_tags},
    {OF_ZONE(hours, FG_CONF_CALL), .call = zone_hours},
    {OF_ZONE(most, FG_CONF_U32), .low = 0, .high = 1e9},
    {OF_ZONE(within, FG_CONF_STRING), .size = FG_WIRE_NAME},

    {OF_FIRM(control, FG_CONF_STRING), .size = FG_POLICY_CONTROL},
};
#define KEYS (sizeof keys / sizeof keys[0])

// ---- named sections -----------------------------------------------------------------------------

// The section of this name among `count` structs that begin with their name, or a new one.
static void *open_section(void *array, size_t size, unsigned *count, unsigned most,
                          const char *kind, const char *name, struct fg_error *err)
{
    for (unsigned i = 0; i < *count; i++)
        if (strcmp((const char *)array + i * size, name) == 0)
            return (char *)array + i * size;
    if (!fg_wire_name_ok(name)) {
        fg_fail(err, -EINVAL, "[%s %.40s]: a name must be 1 to 31 of [A-Za-z0-9._-]", kind, name);
        return NULL;
    }
    if (*count == most) {
        fg_fail(err, -EINVAL, "[%s %s]: at most %u of them", kind, name, most);
        return NULL;
    }
    char *section = (char *)array + (*count)++ * size;
    memcpy(section, name, strlen(name) + 1);
    return section;
}

static void *open_lane(void *target, const char *name, struct fg_error *err)
{
    struct fg_policy *p = target;
    return open_section(p->lanes, sizeof *p->lanes, &p->n_lanes, FG_POLICY_LANES, "lane", name,
                        err);
}

static void *open_zone(void *target, const char *name, struct fg_error *err)
{
    struct fg_policy *p = target;
    return open_section(p->zones, sizeof *p->zones, &p->n_zones, FG_POLICY_ZONES, "zone", name,
                        err);
}

static void *open_firm(void *target, const char *name, struct fg_error *err)
{
    struct fg_policy *p = target;
    if (strlen(FG_TAG_FIRM) + strlen(name) >= FG_SUBJECT_WORD) {
        fg_fail(err, -EINVAL,
                "[firm %.40s]: " FG_TAG_FIRM "NAME is its customers' tag: at most %zu "
                "characters",
                name, FG_SUBJECT_WORD - sizeof FG_TAG_FIRM);
        return NULL;
    }
    return open_section(p->firms, sizeof *p->firms, &p->n_firms, FG_POLICY_FIRMS, "firm", name,
                        err);
}

static const struct fg_conf_kind kinds[] = {
    {"lane", open_lane}, {"zone", open_zone}, {"firm", open_firm}};

static const struct fg_conf_table table = {keys, KEYS, kinds, sizeof kinds / sizeof kinds[0]};

// ---- marks and faults ---------------------------------------------------------------------------

static const char *keep_file(struct fg_policy_source *s, const char *path)
{
    if (s->n_files > 0 && strcmp(s->files[s->n_files - 1], path) == 0)
        return s->files[s->n_files - 1];
    char **files = reallocarray(s->files, s->n_files + 1, sizeof *files);
    if (!files)
        return s->path;
    s->files = files;
    files[s->n_files] = strdup(path);
    return files[s->n_files] ? files[s->n_files++] : s->path;
}

// Without memory a mark is lost: a fault then names the section's line, or the file's first.
static void on_met(void *context, const struct fg_conf_key *key, const void *base, const char *path,
                   unsigned line, bool good)
{
    struct fg_policy_source *s = context;
    if (s->n_marks == s->room) {
        size_t room = s->room ? s->room * 2 : 64;
        struct fg_policy_mark *more = reallocarray(s->marks, room, sizeof *more);
        if (!more)
            return;
        s->marks = more;
        s->room = room;
    }
    s->marks[s->n_marks++] = (struct fg_policy_mark){key, base, keep_file(s, path), line, good};
}

static void on_fault(void *context, const char *text)
{
    struct fg_policy_source *s = context;
    s->faults++;
    s->say(s->context, text);
}

static const struct fg_policy_mark *section_of(const struct fg_policy_source *s, const void *base)
{
    for (size_t i = 0; i < s->n_marks; i++)
        if (s->marks[i].base == base && !s->marks[i].key)
            return &s->marks[i];
    return NULL;
}

static const struct fg_policy_mark *mark_of(const struct fg_policy_source *s, const void *base,
                                            const char *key, size_t length)
{
    for (size_t i = s->n_marks; i-- > 0;) {
        const struct fg_policy_mark *m = &s->marks[i];
        if (m->base == base && m->key && strncmp(m->key->key, key, length) == 0 &&
            !m->key->key[length])
            return m;
    }
    return NULL;
}

const struct fg_policy_mark *fg_policy_said(const struct fg_policy_source *source, const void *base,
                                            const char *key)
{
    return mark_of(source, base, key, strlen(key));
}

void fg_policy_fault(struct fg_policy_source *source, const void *base, const char *names,
                     const char *format, ...)
{
    const struct fg_policy_mark *place = NULL;
    struct fg_error err;
    for (const char *at = names; *at; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        const struct fg_policy_mark *m = mark_of(source, base, at, length);
        if (m && !m->good)
            return;
        if (at == names)
            place = m;
        at += length;
    }
    if (!place)
        place = section_of(source, base);
    va_list args;
    va_start(args, format);
    vsnprintf(err.text, sizeof err.text, format, args);
    va_end(args);
    fg_fail_prefix(&err, 0, "%s:%u", place ? place->file : source->path, place ? place->line : 1);
    on_fault(source, err.text);
}

// ---- reading ------------------------------------------------------------------------------------

int fg_policy_source_read(struct fg_policy_source *source, struct fg_error *err)
{
    const struct fg_conf_listener listener = {source, on_met, on_fault};
    struct fg_error why = {""};
    source->policy = (struct fg_policy){.good_probes = 3,
                                        .decide_ms = 1500,
                                        .attempts = 3,
                                        .absent_ms = 2000,
                                        .valid_ms = 1000,
                                        .languages = {"en"},
                                        .n_languages = 1,
                                        .passage_s = 15,
                                        .pin_tries = 3,
                                        .token_s = 20,
                                        .recording = FG_RECORDING_NOTHING};
    int code = fg_conf_read_table(source->path, &table, &source->policy, &listener, &why);
    if (code < 0 && why.text[0])
        return fg_fail(err, code, "%s", why.text);
    // A token or a document belongs to the one face in the lane.
    if (source->policy.mode != FG_MODE_IDENTIFY &&
        !fg_policy_said(source, &source->policy, "single"))
        source->policy.single = true;
    return 0;
}

void fg_policy_source_finish(struct fg_policy_source *source)
{
    for (size_t i = 0; i < source->n_files; i++)
        free(source->files[i]);
    free(source->files);
    free(source->marks);
}

bool fg_policy_is_set(const struct fg_policy *policy, const char *key)
{
    static const char zeros[sizeof(double)];
    for (size_t i = 0; i < KEYS; i++) {
        if (strcmp(keys[i].section, "profile") != 0 || strcmp(keys[i].key, key) != 0)
            continue;
        const char *at = (const char *)policy + keys[i].offset;
        switch (keys[i].type) {
        case FG_CONF_STRING:
            return at[0];
        case FG_CONF_BOOL:
            return memcmp(at, zeros, sizeof(bool)) != 0;
        case FG_CONF_U64:
        case FG_CONF_DOUBLE:
            return memcmp(at, zeros, sizeof(double)) != 0;
        case FG_CONF_CALL:
            return policy->authenticated || policy->unverified;
        default:
            return memcmp(at, zeros, sizeof(int)) != 0;
        }
    }
    return false;
}

const char *fg_mode_name(enum fg_mode mode)
{
    return modes[mode];
}
