// SPDX-License-Identifier: Apache-2.0
#include "matcher/control.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matcher/calibrate.h"
#include "matcher/status.h"

#define VECTORS      (FG_BUS_PARTS - 2) // a message's parts without identity and header
#define SECONDS_MOST 253402300799.0     // the end of the year 9999

struct request {
    const struct fg_control *control;
    const struct fg_json *header;
    const struct fg_part *vectors;
    unsigned n_vectors;
    uint64_t now_ns, realtime_s;
    struct fg_json *reply;
    struct fg_error err;
};

// A refusal: a stable code, and the sentence in r->err. NULL stands for success.
typedef const char *refusal;

static refusal refuse(struct request *r, refusal code, const char *text)
{
    fg_fail(&r->err, 0, "%s", text);
    return code;
}

// ---- fields ------------------------------------------------------------------------------------

// A text member of at most size - 1 bytes; absent leaves *ret empty.
static bool read_text(const struct fg_json *object, const char *name, char *ret, size_t size)
{
    const struct fg_json *member = fg_json_get(object, name);
    const char *text = fg_json_string(member);
    if (!member)
        return true;
    if (!text || strlen(text) >= size)
        return false;
    memcpy(ret, text, strlen(text) + 1);
    return true;
}

static bool read_reference(const struct fg_json *object, const char *name, char *ret)
{
    return read_text(object, name, ret, FG_SUBJECT_ID) && (!ret[0] || fg_subject_id_ok(ret));
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

static bool read_id(const struct fg_json *object, char ret[FG_SUBJECT_ID])
{
    return read_text(object, "subject", ret, FG_SUBJECT_ID) && fg_subject_id_ok(ret);
}

#define BAD_ID "subject must be 1 to 63 of [A-Za-z0-9._:@-]"

static refusal check_model(struct request *r)
{
    char id[24];
    snprintf(id, sizeof id, "%016" PRIx64, r->control->card->id);
    const char *given = fg_json_get_string(r->header, "model", NULL);
    if (!given)
        return refuse(r, "bad_request", "model is missing: the id of the model card in hex");
    if (strcmp(given, id) != 0)
        return refuse(r, "wrong_model",
                      "the vectors are of another model than the matcher's; use its model card");
    double dimension = fg_json_get_number(r->header, "dimension", 0);
    if (dimension != fg_card_template_dimension(r->control->card))
        return refuse(r, "wrong_dimension", "dimension is not that of the matcher's model card");
    return NULL;
}

// ---- vectors -----------------------------------------------------------------------------------

// Little-endian floats of length 1; the bytes have no alignment.
static bool unpack_vector(const struct fg_part *part, uint32_t dimension, float *ret)
{
    double sum = 0;
    if (part->length != dimension * sizeof(float))
        return false;
    for (uint32_t i = 0; i < dimension; i++) {
        const uint8_t *b = (const uint8_t *)part->data + i * 4;
        uint32_t bits = b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
        memcpy(&ret[i], &bits, sizeof bits);
        sum += (double)ret[i] * (double)ret[i];
    }
    return fabs(sqrt(sum) - 1) <= 1e-3; // false for NaN
}

static refusal read_vectors(struct request *r, unsigned from, unsigned count,
                            struct fg_subject *subject)
{
    float vectors[FG_SUBJECT_SOURCES * FG_TEMPLATE_MAX];
    uint32_t dimension = fg_card_template_dimension(r->control->card);
    refusal refused = NULL;
    for (unsigned i = 0; i < count && !refused; i++)
        if (!unpack_vector(&r->vectors[from + i], dimension, vectors + i * dimension))
            refused = refuse(r, "bad_vector",
                             "a vector part is not dimension little-endian float32 of length 1");
    if (!refused && fg_subject_set_vectors(subject, vectors, count, dimension) < 0)
        refused = refuse(r, "bad_vector", "the vectors have no common direction");
    explicit_bzero(vectors, count * dimension * sizeof(float));
    return refused;
}

// ---- enrol -------------------------------------------------------------------------------------

static refusal read_subject(struct request *r, const struct fg_json *object,
                            struct fg_subject *subject)
{
    memset(subject, 0, sizeof *subject);
    subject->model = r->control->card->id;
    subject->enrolled_s = r->realtime_s;
    if (!read_id(object, subject->id))
        return refuse(r, "bad_request", BAD_ID);
    if (!read_seconds(object, "valid_from", &subject->valid_from_s) ||
        !read_seconds(object, "valid_until", &subject->valid_until_s))
        return refuse(r, "bad_request", "valid_from and valid_until are whole seconds since 1970");
    if (subject->valid_until_s && subject->valid_until_s <= subject->valid_from_s)
        return refuse(r, "bad_request", "valid_until must be after valid_from");
    if (!read_words(object, "lanes", subject->lanes, &subject->n_lanes) ||
        !read_words(object, "tags", subject->tags, &subject->n_tags))
        return refuse(r, "bad_request",
                      "lanes and tags are arrays of at most 16 words of 1 to 31 characters");
    if (!read_reference(object, "consent", subject->consent) ||
        !read_reference(object, "guardian", subject->guardian))
        return refuse(r, "bad_request",
                      "consent and guardian are references of 1 to 63 of [A-Za-z0-9._:@-]");
    return NULL;
}

static refusal storage_refusal(struct request *r, int code)
{
    if (r->err.text[0] == '\0')
        fg_fail(&r->err, 0, "the gallery failed: %s", strerror(-code));
    switch (code) {
    case -EEXIST:
        return "exists";
    case -ENOENT:
        return "not_found";
    case -ENOSPC:
        return "no_space";
    default:
        return "failed";
    }
}

// The subjects are stored; what the index can't take would only show up after a restart.
static refusal index_subjects(struct request *r, const struct fg_subject *subjects, unsigned count)
{
    char words[FG_SUBJECT_WORDS];
    struct fg_member member;
    refusal refused = NULL;
    for (unsigned i = 0; i < count; i++) {
        fg_subject_member(&subjects[i], words, &member);
        if (fg_roster_put(r->control->roster, &member) < 0)
            refused = refuse(r, "failed",
                             "stored, but no memory to search it: add memory and restart the "
                             "matcher");
    }
    return refused;
}

static void warn_when_too_large(struct request *r)
{
    struct fg_threshold t;
    const struct fg_control *c = r->control;
    uint64_t candidates = fg_roster_candidates(c->roster, NULL, r->realtime_s);
    if (fg_calibrate(c->card, c->policy, candidates, &t, &r->err) < 0)
        fg_json_add_string(r->reply, "warning", r->err.text);
}

static refusal enrol(struct request *r)
{
    struct fg_subject subject;
    refusal refused = check_model(r);
    if (!refused)
        refused = read_subject(r, r->header, &subject);
    if (refused)
        return refused;
    if (r->n_vectors < 1 || r->n_vectors > FG_SUBJECT_SOURCES)
        return refuse(r, "bad_request", "enrol takes 1 to 5 vectors, each a further message part");
    refused = read_vectors(r, 0, r->n_vectors, &subject);
    if (!refused) {
        bool replace = fg_json_get_bool(r->header, "replace", false);
        int code = fg_gallery_put(r->control->gallery, &subject, replace, &r->err);
        refused = code < 0 ? storage_refusal(r, code) : index_subjects(r, &subject, 1);
    }
    explicit_bzero(&subject, sizeof subject);
    if (!refused)
        warn_when_too_large(r);
    return refused;
}

// Reads subjects and their shares of the vectors; *ret_at is the subject at fault.
static refusal read_many(struct request *r, const struct fg_json *array, unsigned count,
                         struct fg_subject *subjects, unsigned *ret_at)
{
    unsigned used = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct fg_json *object = fg_json_at(array, i);
        *ret_at = i;
        refusal refused = read_subject(r, object, &subjects[i]);
        if (refused)
            return refused;
        for (unsigned k = 0; k < i; k++)
            if (strcmp(subjects[k].id, subjects[i].id) == 0)
                return refuse(r, "bad_request", "the same subject twice in one message");
        double vectors = fg_json_get_number(object, "vectors", 1);
        if (!(vectors >= 1 && vectors <= FG_SUBJECT_SOURCES) || floor(vectors) != vectors ||
            used + (unsigned)vectors > r->n_vectors)
            return refuse(r, "bad_request",
                          "vectors must be 1 to 5 for each subject, and as many parts must follow");
        refused = read_vectors(r, used, (unsigned)vectors, &subjects[i]);
        if (refused)
            return refused;
        used += (unsigned)vectors;
    }
    return used == r->n_vectors ? NULL
                                : refuse(r, "bad_request", "more vector parts than subjects say");
}

static refusal store_many(struct request *r, const struct fg_subject *subjects, unsigned count,
                          unsigned *ret_at)
{
    bool replace = fg_json_get_bool(r->header, "replace", false);
    int code = fg_gallery_put_many(r->control->gallery, subjects, count, replace, ret_at, &r->err);
    return code < 0 ? storage_refusal(r, code) : index_subjects(r, subjects, count);
}

static refusal enrol_many(struct request *r)
{
    const struct fg_json *array = fg_json_get(r->header, "subjects");
    size_t count = fg_json_count(array);
    refusal refused = check_model(r);
    if (refused)
        return refused;
    if (count < 1 || count > FG_CONTROL_SUBJECTS || fg_json_is_object(array))
        return refuse(r, "bad_request", "subjects must be an array of 1 to 32");
    struct fg_subject *subjects = calloc(count, sizeof *subjects);
    unsigned at = 0;
    if (!subjects)
        return refuse(r, "failed", "out of memory");
    refused = read_many(r, array, (unsigned)count, subjects, &at);
    if (!refused)
        refused = store_many(r, subjects, (unsigned)count, &at);
    explicit_bzero(subjects, count * sizeof *subjects);
    free(subjects);
    if (refused)
        fg_json_add_number(r->reply, "failed", at);
    else
        warn_when_too_large(r);
    return refused;
}

// ---- the others --------------------------------------------------------------------------------

static refusal delete (struct request *r)
{
    char id[FG_SUBJECT_ID] = "";
    if (!read_id(r->header, id))
        return refuse(r, "bad_request", BAD_ID);
    // Out of the search first: whatever the disk says, this person is no longer let through.
    fg_roster_remove(r->control->roster, id);
    int code = fg_gallery_delete(r->control->gallery, id, &r->err);
    return code < 0 ? storage_refusal(r, code) : NULL;
}

static void add_words(struct fg_json *json, const char *name, const char words[][FG_SUBJECT_WORD],
                      unsigned count)
{
    struct fg_json *array = fg_json_array();
    for (unsigned i = 0; i < count; i++)
        fg_json_add_string(array, NULL, words[i]);
    fg_json_add(json, name, array);
}

static void add_subject(struct fg_json *json, const struct fg_subject *s)
{
    fg_json_add_string(json, "subject", s->id);
    fg_json_add_u64(json, "enrolled", s->enrolled_s);
    if (s->valid_from_s)
        fg_json_add_u64(json, "valid_from", s->valid_from_s);
    if (s->valid_until_s)
        fg_json_add_u64(json, "valid_until", s->valid_until_s);
    add_words(json, "lanes", s->lanes, s->n_lanes);
    add_words(json, "tags", s->tags, s->n_tags);
    if (s->consent[0])
        fg_json_add_string(json, "consent", s->consent);
    if (s->guardian[0])
        fg_json_add_string(json, "guardian", s->guardian);
    fg_json_add_number(json, "vectors", s->n_sources);
}

static refusal get(struct request *r)
{
    char id[FG_SUBJECT_ID] = "";
    struct fg_subject subject;
    if (!read_id(r->header, id))
        return refuse(r, "bad_request", BAD_ID);
    int code = fg_gallery_get(r->control->gallery, id, &subject, &r->err);
    if (code < 0)
        return storage_refusal(r, code);
    add_subject(r->reply, &subject);
    explicit_bzero(&subject, sizeof subject);
    return NULL;
}

static refusal list(struct request *r)
{
    const char *ids[FG_CONTROL_PAGE];
    char after[FG_SUBJECT_ID] = "";
    double limit = fg_json_get_number(r->header, "limit", 100);
    if (!read_text(r->header, "after", after, sizeof after))
        return refuse(r, "bad_request", "after must be a subject's id");
    if (!(limit >= 1 && limit <= FG_CONTROL_PAGE))
        return refuse(r, "bad_request", "limit must be 1 to 200");
    unsigned count = fg_roster_page(r->control->roster, after, ids, (unsigned)limit);
    struct fg_json *subjects = fg_json_array();
    struct fg_subject subject;
    for (unsigned i = 0; i < count; i++) {
        if (fg_gallery_get(r->control->gallery, ids[i], &subject, NULL) < 0)
            continue; // it no longer opens: the status counts it as corrupt
        struct fg_json *json = fg_json_object();
        add_subject(json, &subject);
        fg_json_add(subjects, NULL, json);
    }
    explicit_bzero(&subject, sizeof subject);
    fg_json_add(r->reply, "subjects", subjects);
    if (count == (unsigned)limit)
        fg_json_add_string(r->reply, "after", ids[count - 1]);
    return NULL;
}

static float cosine(const struct fg_template *tmpl, const float *unit, uint32_t dimension)
{
    double sum = 0;
    for (uint32_t i = 0; i < dimension; i++)
        sum += (double)tmpl->values[i] * (double)unit[i];
    return (float)(sum * (double)tmpl->scale);
}

static refusal verify(struct request *r)
{
    const struct fg_control *c = r->control;
    char id[FG_SUBJECT_ID] = "";
    float vector[FG_TEMPLATE_MAX];
    struct fg_threshold threshold;
    struct fg_subject subject;
    uint32_t dimension = fg_card_template_dimension(c->card);
    refusal refused = check_model(r);
    if (refused)
        return refused;
    if (!read_id(r->header, id))
        return refuse(r, "bad_request", BAD_ID);
    if (r->n_vectors != 1 || !unpack_vector(&r->vectors[0], dimension, vector))
        return refuse(r, "bad_vector",
                      "verify takes one part of dimension little-endian float32 of length 1");
    uint64_t candidates = fg_roster_candidates(c->roster, NULL, r->realtime_s);
    int code = 0;
    if (fg_calibrate(c->card, c->policy, candidates, &threshold, &r->err) < 0)
        refused = FG_WHY_GALLERY_TOO_LARGE;
    else if ((code = fg_gallery_get(c->gallery, id, &subject, &r->err)) < 0)
        refused = storage_refusal(r, code);
    else if (subject.model != c->card->id || subject.dimension != dimension)
        refused = refuse(r, "wrong_model", "the subject was enrolled with another model");
    else
        fg_json_add_bool(r->reply, "match",
                         cosine(&subject.average, vector, dimension) >= threshold.score);
    explicit_bzero(&subject, sizeof subject);
    explicit_bzero(vector, sizeof vector);
    return refused;
}

static refusal status(struct request *r)
{
    fg_status_add(r->control, r->reply, r->now_ns, r->realtime_s);
    return NULL;
}

// ---- requests ----------------------------------------------------------------------------------

static const struct {
    const char *name;
    refusal (*run)(struct request *r);
    bool vectors; // further parts are welcome
} operations[] = {
    {"enrol", enrol, true},    {"enrol_many", enrol_many, true},
    {"delete", delete, false}, {"get", get, false},
    {"list", list, false},     {"verify", verify, true},
    {"status", status, false},
};

static refusal dispatch(struct request *r)
{
    if (fg_json_get_number(r->header, "v", 0) != 1)
        return refuse(r, "bad_version", "v must be 1, the version of facegate-control(7)");
    const char *op = fg_json_get_string(r->header, "op", "");
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        if (strcmp(operations[i].name, op) != 0)
            continue;
        if (r->n_vectors > (operations[i].vectors ? VECTORS : 0))
            return refuse(r, "bad_request", "more message parts than this operation takes");
        return operations[i].run(r);
    }
    return refuse(r, "unknown_op",
                  "op must be enrol, enrol_many, delete, get, list, verify or status");
}

static refusal read_and_dispatch(struct request *r, const struct fg_part *parts, unsigned count,
                                 struct fg_json **ret_header)
{
    if (count == 0)
        return refuse(r, "bad_json", "the header part is missing");
    if (fg_json_parse(parts[0].data, parts[0].length, ret_header, &r->err) < 0)
        return "bad_json";
    if (!fg_json_is_object(*ret_header))
        return refuse(r, "bad_json", "the header is not a JSON object");
    r->header = *ret_header;
    const char *id = fg_json_get_string(r->header, "id", NULL);
    if (id && strlen(id) < FG_SUBJECT_ID)
        fg_json_add_string(r->reply, "id", id);
    return dispatch(r);
}

struct fg_json *fg_control_answer(const struct fg_control *control, const struct fg_part *parts,
                                  unsigned count, uint64_t now_ns, uint64_t realtime_s)
{
    struct fg_json *header = NULL;
    struct request r = {.control = control,
                        .vectors = parts + 1,
                        .n_vectors = count > 0 ? count - 1 : 0,
                        .now_ns = now_ns,
                        .realtime_s = realtime_s,
                        .reply = fg_json_object()};
    fg_json_add_number(r.reply, "v", 1);
    refusal refused = read_and_dispatch(&r, parts, count, &header);
    fg_json_add_bool(r.reply, "ok", !refused);
    if (refused) {
        fg_json_add_string(r.reply, "error", refused);
        fg_json_add_string(r.reply, "message", r.err.text);
    }
    fg_json_destroy(header);
    return r.reply;
}
