// SPDX-License-Identifier: Apache-2.0
#include "matcher/subject.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/calendar.h"

enum { PACK_FIRST = 1, PACK_BORN = 2, PACK_VERSION = PACK_BORN };

// ---- words --------------------------------------------------------------------------------------

static bool character_ok(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == ':' || c == '@' || c == '-';
}

// `size` counts the NUL that a string of so many characters has.
static bool characters_ok(const void *word, size_t length, size_t size)
{
    const uint8_t *at = word;
    if (length == 0 || length >= size)
        return false;
    for (size_t i = 0; i < length; i++)
        if (!character_ok(at[i]))
            return false;
    return true;
}

int fg_subject_id_ok(const char *id)
{
    return characters_ok(id, strnlen(id, FG_SUBJECT_ID), FG_SUBJECT_ID);
}

int fg_subject_word_ok(const char *word)
{
    return characters_ok(word, strnlen(word, FG_SUBJECT_WORD), FG_SUBJECT_WORD);
}

// ---- templates ----------------------------------------------------------------------------------

// The one scale that belongs to these values: from an exact integer sum, so that every machine
// derives the same float. 0 when all values are zero.
static float scale_of(const int8_t *values, uint32_t dimension)
{
    uint32_t sum = 0; // at most 1024 * 128 * 128
    for (uint32_t i = 0; i < dimension; i++)
        sum += (uint32_t)(values[i] * values[i]);
    return sum ? (float)(1.0 / sqrt((double)sum)) : 0.0f;
}

// Largest magnitude, or -1 when a value is not finite.
static double magnitude_of(const double *vector, uint32_t dimension)
{
    double most = 0;
    for (uint32_t i = 0; i < dimension; i++) {
        if (!isfinite(vector[i]))
            return -1;
        most = fmax(most, fabs(vector[i]));
    }
    return most;
}

static int quantise(const double *vector, uint32_t dimension, struct fg_template *ret)
{
    double most = magnitude_of(vector, dimension);
    if (most <= 0)
        return -EINVAL;
    memset(ret, 0, sizeof *ret);
    for (uint32_t i = 0; i < dimension; i++)
        ret->values[i] = (int8_t)lround(vector[i] / most * 127.0);
    ret->scale = scale_of(ret->values, dimension);
    return 0;
}

int fg_template_from_vector(const float *vector, uint32_t dimension, struct fg_template *ret)
{
    double wide[FG_TEMPLATE_MAX];
    if (dimension == 0 || dimension > FG_TEMPLATE_MAX)
        return -EINVAL;
    for (uint32_t i = 0; i < dimension; i++)
        wide[i] = (double)vector[i];
    int r = quantise(wide, dimension, ret);
    explicit_bzero(wide, sizeof wide);
    return r;
}

int fg_template_from_values(const int8_t *values, uint32_t dimension, struct fg_template *ret)
{
    float scale = dimension > 0 && dimension <= FG_TEMPLATE_MAX ? scale_of(values, dimension) : 0;
    if (scale <= 0)
        return -EINVAL;
    memset(ret, 0, sizeof *ret);
    memcpy(ret->values, values, dimension);
    ret->scale = scale;
    return 0;
}

static int add_unit(double *sum, const float *vector, uint32_t dimension)
{
    double squares = 0;
    for (uint32_t i = 0; i < dimension; i++)
        squares += (double)vector[i] * (double)vector[i];
    if (!isfinite(squares) || squares <= 0)
        return -EINVAL;
    double length = sqrt(squares);
    for (uint32_t i = 0; i < dimension; i++)
        sum[i] += (double)vector[i] / length;
    return 0;
}

// A mean this short has no direction of its own: the vectors cancel out.
#define LEAST_MEAN 1e-3

static int average_of(const float *vectors, unsigned count, uint32_t dimension,
                      struct fg_template *ret)
{
    double sum[FG_TEMPLATE_MAX] = {0}, squares = 0;
    int r = 0;
    for (unsigned i = 0; i < count && r == 0; i++)
        r = add_unit(sum, vectors + (size_t)i * dimension, dimension);
    for (uint32_t i = 0; i < dimension; i++)
        squares += sum[i] * sum[i];
    if (r == 0 && sqrt(squares) < LEAST_MEAN * count)
        r = -EINVAL;
    if (r == 0)
        r = quantise(sum, dimension, ret);
    explicit_bzero(sum, sizeof sum);
    return r;
}

int fg_subject_set_vectors(struct fg_subject *subject, const float *vectors, unsigned count,
                           uint32_t dimension)
{
    struct fg_template average, sources[FG_SUBJECT_SOURCES] = {0};
    if (count == 0 || count > FG_SUBJECT_SOURCES || dimension == 0 || dimension > FG_TEMPLATE_MAX)
        return -EINVAL;
    int r = average_of(vectors, count, dimension, &average);
    for (unsigned i = 0; i < count && r == 0; i++)
        r = fg_template_from_vector(vectors + (size_t)i * dimension, dimension, &sources[i]);
    if (r == 0) {
        subject->dimension = dimension;
        subject->n_sources = count;
        subject->average = average;
        memcpy(subject->sources, sources, sizeof sources);
    }
    explicit_bzero(&average, sizeof average);
    explicit_bzero(sources, sizeof sources);
    return r;
}

// ---- members ------------------------------------------------------------------------------------

static char *pack_words(char *at, const char words[][FG_SUBJECT_WORD], unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        at = stpcpy(at, words[i]) + 1;
    *at = '\0';
    return at + 1;
}

void fg_subject_member(const struct fg_subject *subject, char words[FG_SUBJECT_WORDS],
                       struct fg_member *ret)
{
    char *tags = pack_words(words, subject->lanes, subject->n_lanes);
    pack_words(tags, subject->tags, subject->n_tags);
    *ret = (struct fg_member){.id = subject->id,
                              .valid_from_s = subject->valid_from_s,
                              .valid_until_s = subject->valid_until_s,
                              .lanes = subject->n_lanes ? words : NULL,
                              .tags = subject->n_tags ? tags : NULL,
                              .dimension = subject->dimension,
                              .scale = subject->average.scale,
                              .values = subject->average.values};
}

// ---- checks, shared by both directions ----------------------------------------------------------

static bool template_ok(const struct fg_template *tmpl, uint32_t dimension)
{
    float scale = scale_of(tmpl->values, dimension);
    return scale > 0 && fabsf(tmpl->scale - scale) <= 1e-5f * scale;
}

static bool words_ok(const char words[][FG_SUBJECT_WORD], unsigned count)
{
    if (count > FG_SUBJECT_LISTS)
        return false;
    for (unsigned i = 0; i < count; i++)
        if (!fg_subject_word_ok(words[i]))
            return false;
    return true;
}

static bool reference_ok(const char *reference)
{
    return reference[0] == '\0' || fg_subject_id_ok(reference);
}

int fg_subject_born_ok(int32_t born)
{
    static const struct fg_date first = {1800, 1, 1}, last = {9999, 12, 31};
    return born == FG_NO_BIRTH || (born >= fg_day_of(first) && born <= fg_day_of(last));
}

// The form alone: what the hash is worth shows when a PIN is compared. What comparing may cost is
// bounded: it is the deciding thread that waits.
int fg_subject_pin_ok(const char *pin)
{
    static const char rest[] = "$=,+/.";
    unsigned memory, passes;
    int end = 0;
    size_t length = strnlen(pin, FG_SUBJECT_PIN);
    if (length == 0)
        return true;
    if (length >= FG_SUBJECT_PIN ||
        sscanf(pin, "$argon2id$v=19$m=%6u,t=%3u,p=1$%n", &memory, &passes, &end) != 2 || end == 0)
        return false;
    if (memory > FG_PIN_MEMORY_KIB || passes > FG_PIN_PASSES)
        return false;
    for (const char *at = pin + end; *at; at++)
        if (!isalnum((unsigned char)*at) && !memchr(rest, *at, 6))
            return false;
    return true;
}

static bool window_ok(uint64_t from_s, uint64_t until_s)
{
    return from_s == 0 || until_s == 0 || from_s <= until_s;
}

static bool counts_ok(uint32_t dimension, unsigned n_sources)
{
    return dimension > 0 && dimension <= FG_TEMPLATE_MAX && n_sources <= FG_SUBJECT_SOURCES;
}

static bool subject_ok(const struct fg_subject *s)
{
    if (!fg_subject_id_ok(s->id) || !reference_ok(s->consent) || !reference_ok(s->guardian))
        return false;
    if (!counts_ok(s->dimension, s->n_sources) || !fg_subject_born_ok(s->born) ||
        !fg_subject_pin_ok(s->pin))
        return false;
    if (!window_ok(s->valid_from_s, s->valid_until_s) || !words_ok(s->lanes, s->n_lanes) ||
        !words_ok(s->tags, s->n_tags))
        return false;
    for (unsigned i = 0; i < s->n_sources; i++)
        if (!template_ok(&s->sources[i], s->dimension))
            return false;
    return template_ok(&s->average, s->dimension);
}

// ---- packing ------------------------------------------------------------------------------------
// version u8, model u64, dimension u16, enrolled, valid_from, valid_until u64, id, consent,
// guardian, from version 2 on born i32 and pin, lanes, tags, average, sources. A word is a length
// u8 and its bytes, a list a count u8 and its words, a template its values alone: the scale follows
// from them.

struct writer {
    uint8_t *at;
};

static void write_number(struct writer *w, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        *w->at++ = (uint8_t)(value >> (8 * i));
}

static void write_bytes(struct writer *w, const void *bytes, size_t length)
{
    memcpy(w->at, bytes, length);
    w->at += length;
}

static void write_word(struct writer *w, const char *word)
{
    size_t length = strlen(word);
    write_number(w, length, 1);
    write_bytes(w, word, length);
}

static void write_words(struct writer *w, const char words[][FG_SUBJECT_WORD], unsigned count)
{
    write_number(w, count, 1);
    for (unsigned i = 0; i < count; i++)
        write_word(w, words[i]);
}

_Static_assert(64 + 3 * FG_SUBJECT_ID + FG_SUBJECT_PIN +
                       2 * (1 + FG_SUBJECT_LISTS * FG_SUBJECT_WORD) + 1 +
                       (1 + FG_SUBJECT_SOURCES) * FG_TEMPLATE_MAX <=
                   FG_SUBJECT_BYTES,
               "the longest subject fits");

int fg_subject_pack(const struct fg_subject *s, uint8_t bytes[FG_SUBJECT_BYTES])
{
    struct writer w = {bytes};
    if (!subject_ok(s))
        return -EINVAL;
    write_number(&w, PACK_VERSION, 1);
    write_number(&w, s->model, 8);
    write_number(&w, s->dimension, 2);
    write_number(&w, s->enrolled_s, 8);
    write_number(&w, s->valid_from_s, 8);
    write_number(&w, s->valid_until_s, 8);
    write_word(&w, s->id);
    write_word(&w, s->consent);
    write_word(&w, s->guardian);
    write_number(&w, (uint32_t)s->born, 4);
    write_word(&w, s->pin);
    write_words(&w, s->lanes, s->n_lanes);
    write_words(&w, s->tags, s->n_tags);
    write_bytes(&w, s->average.values, s->dimension);
    write_number(&w, s->n_sources, 1);
    for (unsigned i = 0; i < s->n_sources; i++)
        write_bytes(&w, s->sources[i].values, s->dimension);
    return (int)(w.at - bytes);
}

// ---- unpacking ----------------------------------------------------------------------------------

struct span {
    const uint8_t *at;
    size_t length;
};

static bool is_pin(struct span span)
{
    char text[FG_SUBJECT_PIN] = "";
    if (span.length >= sizeof text)
        return false;
    memcpy(text, span.at, span.length);
    return strlen(text) == span.length && fg_subject_pin_ok(text);
}

struct list {
    unsigned count;
    struct span words[FG_SUBJECT_LISTS];
};

// A packed subject, its parts where they lie.
struct view {
    uint64_t model, enrolled_s, valid_from_s, valid_until_s;
    uint32_t dimension;
    int32_t born;
    unsigned n_sources;
    struct span id, consent, guardian, pin, average, sources;
    struct list lanes, tags;
};

struct reader {
    const uint8_t *at, *end;
    bool bad; // sticky: after it every read gives nothing
};

static struct span read_span(struct reader *r, size_t length)
{
    struct span span = {r->at, length};
    if (r->bad || (size_t)(r->end - r->at) < length) {
        r->bad = true;
        return (struct span){r->at, 0};
    }
    r->at += length;
    return span;
}

static uint64_t read_number(struct reader *r, unsigned bytes)
{
    struct span span = read_span(r, bytes);
    uint64_t value = 0;
    for (unsigned i = 0; i < span.length; i++)
        value |= (uint64_t)span.at[i] << (8 * i);
    return value;
}

static struct span read_word(struct reader *r, size_t size, bool may_be_empty)
{
    struct span word = read_span(r, (size_t)read_number(r, 1));
    if (!characters_ok(word.at, word.length, size) && !(may_be_empty && word.length == 0))
        r->bad = true;
    return word;
}

static void read_list(struct reader *r, struct list *ret)
{
    ret->count = (unsigned)read_number(r, 1);
    if (ret->count > FG_SUBJECT_LISTS)
        r->bad = true;
    for (unsigned i = 0; i < ret->count && !r->bad; i++)
        ret->words[i] = read_word(r, FG_SUBJECT_WORD, false);
}

static const int8_t *values_of(struct span templates, unsigned i, uint32_t dimension)
{
    return (const int8_t *)templates.at + (size_t)i * dimension;
}

static bool templates_ok(const struct view *v)
{
    for (unsigned i = 0; i < v->n_sources; i++)
        if (scale_of(values_of(v->sources, i, v->dimension), v->dimension) <= 0)
            return false;
    return scale_of(values_of(v->average, 0, v->dimension), v->dimension) > 0;
}

static void read_born(struct reader *r, uint64_t version, struct view *ret)
{
    ret->born = FG_NO_BIRTH;
    ret->pin = (struct span){r->at, 0};
    if (version < PACK_BORN)
        return;
    ret->born = (int32_t)(uint32_t)read_number(r, 4);
    ret->pin = read_span(r, (size_t)read_number(r, 1));
    if (!fg_subject_born_ok(ret->born) || !is_pin(ret->pin))
        r->bad = true;
}

// All that pack would have checked.
static int view_packed(const uint8_t *bytes, size_t length, struct view *ret)
{
    struct reader r = {bytes, bytes + length, false};
    uint64_t version = read_number(&r, 1);
    if (version < PACK_FIRST || version > PACK_VERSION)
        return -EBADMSG;
    ret->model = read_number(&r, 8);
    ret->dimension = (uint32_t)read_number(&r, 2);
    ret->enrolled_s = read_number(&r, 8);
    ret->valid_from_s = read_number(&r, 8);
    ret->valid_until_s = read_number(&r, 8);
    ret->id = read_word(&r, FG_SUBJECT_ID, false);
    ret->consent = read_word(&r, FG_SUBJECT_ID, true);
    ret->guardian = read_word(&r, FG_SUBJECT_ID, true);
    read_born(&r, version, ret);
    read_list(&r, &ret->lanes);
    read_list(&r, &ret->tags);
    ret->average = read_span(&r, ret->dimension);
    ret->n_sources = (unsigned)read_number(&r, 1);
    ret->sources = read_span(&r, (size_t)ret->n_sources * ret->dimension);
    if (r.bad || r.at != r.end || !counts_ok(ret->dimension, ret->n_sources) ||
        !window_ok(ret->valid_from_s, ret->valid_until_s) || !templates_ok(ret))
        return -EBADMSG;
    return 0;
}

static char *copy_word(struct span word, char *ret)
{
    memcpy(ret, word.at, word.length);
    ret[word.length] = '\0';
    return ret + word.length + 1;
}

static void copy_template(struct span templates, unsigned i, uint32_t dimension,
                          struct fg_template *ret)
{
    memcpy(ret->values, values_of(templates, i, dimension), dimension);
    ret->scale = scale_of(ret->values, dimension);
}

int fg_subject_unpack(const uint8_t *bytes, size_t length, struct fg_subject *ret)
{
    struct view v;
    int r = view_packed(bytes, length, &v);
    if (r < 0)
        return r;
    memset(ret, 0, sizeof *ret);
    ret->model = v.model;
    ret->dimension = v.dimension;
    ret->enrolled_s = v.enrolled_s;
    ret->valid_from_s = v.valid_from_s;
    ret->valid_until_s = v.valid_until_s;
    copy_word(v.id, ret->id);
    copy_word(v.consent, ret->consent);
    copy_word(v.guardian, ret->guardian);
    copy_word(v.pin, ret->pin);
    ret->born = v.born;
    ret->n_lanes = v.lanes.count;
    ret->n_tags = v.tags.count;
    for (unsigned i = 0; i < v.lanes.count; i++)
        copy_word(v.lanes.words[i], ret->lanes[i]);
    for (unsigned i = 0; i < v.tags.count; i++)
        copy_word(v.tags.words[i], ret->tags[i]);
    copy_template(v.average, 0, v.dimension, &ret->average);
    ret->n_sources = v.n_sources;
    for (unsigned i = 0; i < v.n_sources; i++)
        copy_template(v.sources, i, v.dimension, &ret->sources[i]);
    return 0;
}

static char *copy_list(const struct list *list, char *at, const char **ret)
{
    *ret = list->count ? at : NULL;
    for (unsigned i = 0; i < list->count; i++)
        at = copy_word(list->words[i], at);
    *at = '\0';
    return at + 1;
}

int fg_subject_unpack_member(const uint8_t *bytes, size_t length, char *room, uint64_t *ret_model,
                             struct fg_member *ret)
{
    struct view v;
    int r = view_packed(bytes, length, &v);
    if (r < 0)
        return r;
    char *at = copy_word(v.id, room); // each NUL has the place of a length or a count
    at = copy_list(&v.lanes, at, &ret->lanes);
    copy_list(&v.tags, at, &ret->tags);
    ret->id = room;
    ret->valid_from_s = v.valid_from_s;
    ret->valid_until_s = v.valid_until_s;
    ret->dimension = v.dimension;
    ret->values = values_of(v.average, 0, v.dimension);
    ret->scale = scale_of(ret->values, v.dimension);
    *ret_model = v.model;
    return 0;
}
