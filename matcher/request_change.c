// SPDX-License-Identifier: Apache-2.0
// The requests that change the gallery.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/calendar.h"
#include "matcher/calibrate.h"
#include "matcher/request.h"

#define SECONDS_MOST 253402300799.0 // the end of the year 9999

// ---- members ------------------------------------------------------------------------------------

static bool read_reference(const struct fg_json *object, const char *name, char *ret)
{
    return fg_request_text(object, name, ret, FG_SUBJECT_ID) && (!ret[0] || fg_subject_id_ok(ret));
}

static bool read_seconds(const struct fg_json *object, const char *name, uint64_t *ret)
{
    double value = fg_json_get_number(object, name, fg_json_get(object, name) ? -1 : 0);
    if (!(value >= 0 && value <= SECONDS_MOST) || floor(value) != value)
        return false;
    *ret = (uint64_t)value;
    return true;
}

static bool read_words(const struct fg_json *object, const char *name, char ret[][FG_SUBJECT_WORD],
                       unsigned *ret_count)
{
    const struct fg_json *array = fg_json_get(object, name);
    size_t count = fg_json_count(array);
    if (!array)
        return true;
    if (count > FG_SUBJECT_LISTS || !fg_json_is_array(array)) // null for lanes is not: every lane
        return false;
    for (size_t i = 0; i < count; i++) {
        const char *word = fg_json_string(fg_json_at(array, i));
        if (!word || strlen(word) >= FG_SUBJECT_WORD || !fg_subject_word_ok(word))
            return false;
        memcpy(ret[i], word, strlen(word) + 1);
    }
    *ret_count = (unsigned)count;
    return true;
}

// A firm's customer has its tag, by which the firm's lanes find them, and no other firm's.
static fg_refusal mark_customer(struct fg_request *r, struct fg_subject *subject)
{
    static const char prefix[] = "firm:";
    if (!r->control->firm)
        return NULL;
    for (unsigned i = 0; i < subject->n_tags; i++)
        if (strncmp(subject->tags[i], prefix, sizeof prefix - 1) == 0)
            return fg_refuse(r, "bad_request", "the tag firm: is the matcher's own to give");
    if (subject->n_tags == FG_SUBJECT_LISTS)
        return fg_refuse(r, "bad_request", "at most 15 tags: the firm's own is one more");
    int length = snprintf(subject->tags[subject->n_tags++], FG_SUBJECT_WORD, "%s%s", prefix,
                          r->control->firm);
    return length < FG_SUBJECT_WORD ? NULL : fg_refuse(r, "failed", "the firm's name is too long");
}

// A day that has come, wherever on Earth.
static bool read_born(const struct fg_request *r, const struct fg_json *object, int32_t *ret)
{
    const struct fg_json *born = fg_json_get(object, "born");
    const char *text = fg_json_string(born);
    *ret = text ? fg_day_read(text) : FG_NO_BIRTH;
    return !born || (*ret != FG_NO_BIRTH && *ret <= (int64_t)(r->realtime_s / 86400) + 1);
}

static fg_refusal read_subject(struct fg_request *r, const struct fg_json *object,
                               struct fg_subject *subject)
{
    subject->model = r->control->card->id;
    subject->enrolled_s = r->realtime_s;
    if (!fg_request_id(r, object, subject->id))
        return fg_refuse(r, "bad_request", FG_BAD_ID);
    if (!read_seconds(object, "valid_from", &subject->valid_from_s) ||
        !read_seconds(object, "valid_until", &subject->valid_until_s))
        return fg_refuse(r, "bad_request",
                         "valid_from and valid_until are whole seconds since 1970");
    if (subject->valid_until_s && subject->valid_until_s <= subject->valid_from_s)
        return fg_refuse(r, "bad_request", "valid_until must be after valid_from");
    if (!read_words(object, "lanes", subject->lanes, &subject->n_lanes) ||
        !read_words(object, "tags", subject->tags, &subject->n_tags))
        return fg_refuse(r, "bad_request",
                         "lanes and tags are arrays of at most 16 words of 1 to 31 characters");
    if (!read_reference(object, "consent", subject->consent) ||
        !read_reference(object, "guardian", subject->guardian))
        return fg_refuse(r, "bad_request",
                         "consent and guardian are references of 1 to 63 of [A-Za-z0-9._:@-]");
    if (!read_born(r, object, &subject->born))
        return fg_refuse(r, "bad_request", "born is a date that has come, written YYYY-MM-DD");
    return mark_customer(r, subject);
}

// ---- vectors ------------------------------------------------------------------------------------

// All vectors of a request, a part each or packed into one.
struct vectors {
    const struct fg_part *parts;
    bool packed;
    uint32_t dimension;
    size_t count, used;
};

static struct vectors vectors_of(const struct fg_request *r)
{
    struct vectors v = {.parts = r->vectors,
                        .packed = fg_json_get_bool(r->header, "packed", false),
                        .dimension = fg_card_template_dimension(r->control->card),
                        .count = r->n_vectors};
    if (v.packed)
        v.count = r->n_vectors == 1 ? r->vectors[0].length / (v.dimension * sizeof(float)) : 0;
    return v;
}

static bool next_vector(struct vectors *v, float *ret)
{
    const size_t one = v->dimension * sizeof(float), at = v->used++;
    return v->packed ? fg_request_vector((const uint8_t *)v->parts[0].data + at * one, one,
                                         v->dimension, ret)
                     : fg_request_vector(v->parts[at].data, v->parts[at].length, v->dimension, ret);
}

static fg_refusal read_vectors(struct fg_request *r, struct vectors *v, unsigned count,
                               struct fg_subject *subject)
{
    float values[FG_SUBJECT_SOURCES * FG_TEMPLATE_MAX];
    fg_refusal refused = NULL;
    for (unsigned i = 0; i < count && !refused; i++)
        if (!next_vector(v, values + i * v->dimension))
            refused = fg_refuse(r, "bad_vector",
                                "a vector is not dimension little-endian float32 of length 1");
    if (!refused && fg_subject_set_vectors(subject, values, count, v->dimension) < 0)
        refused = fg_refuse(r, "bad_vector", "the vectors have no common direction");
    explicit_bzero(values, count * v->dimension * sizeof(float));
    return refused;
}

// ---- reading ------------------------------------------------------------------------------------

static fg_refusal make_room(struct fg_request *r, size_t count)
{
    r->subjects = calloc(count, sizeof *r->subjects);
    r->count = r->subjects ? (unsigned)count : 0;
    return r->subjects ? NULL : fg_refuse(r, "failed", "out of memory");
}

static void set_change(struct fg_request *r)
{
    r->change = (struct fg_change){.subjects = r->subjects,
                                   .count = r->count,
                                   .replace = fg_json_get_bool(r->header, "replace", false)};
}

fg_refusal fg_request_enrol(struct fg_request *r)
{
    struct vectors vectors = vectors_of(r);
    fg_refusal refused = fg_request_check_model(r);
    if (!refused)
        refused = make_room(r, 1);
    if (!refused)
        refused = read_subject(r, r->header, r->subjects);
    if (refused)
        return refused;
    if (vectors.packed || vectors.count < 1 || vectors.count > FG_SUBJECT_SOURCES)
        return fg_refuse(r, "bad_request",
                         "enrol takes 1 to 5 vectors, each a further message part");
    refused = read_vectors(r, &vectors, (unsigned)vectors.count, r->subjects);
    if (!refused)
        set_change(r);
    return refused;
}

// The ids of one message, to find who is in it twice: open addressing, at most half full.
struct met {
    uint32_t size;    // a power of two
    uint32_t *places; // index + 1 of a subject; 0: free
};

static uint32_t hash_of(const char *id)
{
    uint32_t hash = 2166136261u; // FNV-1a
    for (; *id; id++)
        hash = (hash ^ (uint8_t)*id) * 16777619u;
    return hash ^ hash >> 15;
}

static bool met_before(struct met *met, const struct fg_subject *subjects, uint32_t at)
{
    uint32_t place = hash_of(subjects[at].id) & (met->size - 1);
    for (; met->places[place]; place = (place + 1) & (met->size - 1))
        if (strcmp(subjects[met->places[place] - 1].id, subjects[at].id) == 0)
            return true;
    met->places[place] = at + 1;
    return false;
}

static fg_refusal read_one(struct fg_request *r, const struct fg_json *object,
                           struct vectors *vectors, struct met *met, unsigned at)
{
    fg_refusal refused = read_subject(r, object, &r->subjects[at]);
    if (refused)
        return refused;
    if (met_before(met, r->subjects, at))
        return fg_refuse(r, "bad_request", "the same subject twice in one message");
    double count = fg_json_get_number(object, "vectors", 1);
    if (!(count >= 1 && count <= FG_SUBJECT_SOURCES) || floor(count) != count ||
        vectors->used + (size_t)count > vectors->count)
        return fg_refuse(r, "bad_request",
                         "vectors must be 1 to 5 for each subject, and as many must follow");
    return read_vectors(r, vectors, (unsigned)count, &r->subjects[at]);
}

// *ret_at is the subject at fault.
static fg_refusal read_many(struct fg_request *r, const struct fg_json *array,
                            struct vectors *vectors, unsigned *ret_at)
{
    struct met met = {.size = 2};
    while (met.size < 2 * r->count)
        met.size *= 2;
    met.places = calloc(met.size, sizeof *met.places);
    fg_refusal refused = met.places ? NULL : fg_refuse(r, "failed", "out of memory");
    const struct fg_json *object = fg_json_at(array, 0);
    for (unsigned i = 0; i < r->count && !refused; i++, object = fg_json_next(object)) {
        *ret_at = i;
        refused = read_one(r, object, vectors, &met, i);
    }
    free(met.places);
    if (!refused && vectors->used != vectors->count)
        refused = fg_refuse(r, "bad_request", "more vectors than subjects say");
    return refused;
}

static bool well_packed(const struct fg_request *r, const struct vectors *v)
{
    return !v->packed ||
           (r->n_vectors == 1 && r->vectors[0].length == v->count * v->dimension * sizeof(float));
}

fg_refusal fg_request_enrol_many(struct fg_request *r)
{
    const struct fg_json *array = fg_json_get(r->header, "subjects");
    struct vectors vectors = vectors_of(r);
    size_t count = fg_json_count(array);
    unsigned at = 0;
    fg_refusal refused = fg_request_check_model(r);
    if (refused)
        return refused;
    if (count < 1 || count > (vectors.packed ? FG_CONTROL_PACKED : FG_CONTROL_SUBJECTS) ||
        fg_json_is_object(array))
        return fg_refuse(r, "bad_request",
                         "subjects must be an array of 1 to 32, or to 2048 when packed");
    if (!well_packed(r, &vectors))
        return fg_refuse(r, "bad_request",
                         "packed takes one part: all vectors, one after the other");
    refused = make_room(r, count);
    if (!refused)
        refused = read_many(r, array, &vectors, &at);
    if (refused)
        fg_json_add_number(r->reply, "failed", at);
    else
        set_change(r);
    return refused;
}

fg_refusal fg_request_delete(struct fg_request *r)
{
    if (!fg_request_id(r, r->header, r->id))
        return fg_refuse(r, "bad_request", FG_BAD_ID);
    r->change = (struct fg_change){.id = r->id};
    return NULL;
}

// ---- settling -----------------------------------------------------------------------------------

// The subjects are stored; what the index can't take would only show up after a restart.
static fg_refusal index_subjects(struct fg_request *r, const struct fg_subject *subjects,
                                 unsigned count)
{
    char words[FG_SUBJECT_WORDS];
    struct fg_member member;
    fg_refusal refused = NULL;
    for (unsigned i = 0; i < count; i++) {
        fg_subject_member(&subjects[i], words, &member);
        if (fg_roster_put(r->control->roster, &member) < 0)
            refused = fg_refuse(r, "failed",
                                "stored, but no memory to search it: add memory and restart the "
                                "matcher");
    }
    return refused;
}

static void warn_when_too_large(struct fg_request *r)
{
    struct fg_threshold t;
    const struct fg_control *c = r->control;
    uint64_t candidates = fg_roster_candidates(c->roster, NULL, r->realtime_s);
    if (fg_calibrate(c->card, c->policy, candidates, &t, &r->err) < 0)
        fg_json_add_string(r->reply, "warning", r->err.text);
}

void fg_request_settle(struct fg_request *r)
{
    const struct fg_change *change = &r->change;
    if (change->result < 0) {
        r->err = change->err;
        r->refused = fg_refuse_storage(r, change->result);
    } else if (change->subjects) {
        r->refused = index_subjects(r, change->subjects, change->count);
    }
    if (!change->subjects) // whatever the disk says, this person is no longer let through
        fg_roster_remove(r->control->roster, change->id);
    else if (!r->refused)
        warn_when_too_large(r);
    else if (fg_json_get(r->header, "subjects"))
        fg_json_add_number(r->reply, "failed", change->failed);
}
