// SPDX-License-Identifier: Apache-2.0
#include "matcher/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/calendar.h"
#include "matcher/calibrate.h"
#include "matcher/request.h"
#include "matcher/status.h"

#define VECTORS (FG_BUS_PARTS - 2) // a message's parts without identity and header

// ---- what only reads ----------------------------------------------------------------------------

static void add_words(struct fg_json *json, const char *name, const char words[][FG_SUBJECT_WORD],
                      unsigned count)
{
    struct fg_json *array = fg_json_array();
    for (unsigned i = 0; i < count; i++)
        fg_json_add_string(array, NULL, words[i]);
    fg_json_add(json, name, array);
}

static void add_subject(const struct fg_request *r, struct fg_json *json,
                        const struct fg_subject *s)
{
    fg_json_add_string(json, "subject", fg_request_own_id(r, s->id));
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
    if (s->born != FG_NO_BIRTH) {
        char born[FG_DAY_TEXT];
        fg_json_add_string(json, "born", fg_day_text(s->born, born));
    }
    fg_json_add_number(json, "vectors", s->n_sources);
}

static fg_refusal get(struct fg_request *r)
{
    char id[FG_SUBJECT_ID] = "";
    struct fg_subject subject;
    if (!fg_request_id(r, r->header, id))
        return fg_refuse(r, "bad_request", FG_BAD_ID);
    int code = fg_gallery_get(r->control->gallery, id, &subject, &r->err);
    if (code < 0)
        return fg_refuse_storage(r, code);
    add_subject(r, r->reply, &subject);
    explicit_bzero(&subject, sizeof subject);
    return NULL;
}

static fg_refusal list(struct fg_request *r)
{
    const char *ids[FG_CONTROL_PAGE];
    char after[FG_SUBJECT_ID] = "", whole[2 * FG_SUBJECT_ID];
    double limit = fg_json_get_number(r->header, "limit", 100);
    if (!fg_request_text(r->header, "after", after, sizeof after))
        return fg_refuse(r, "bad_request", "after must be a subject's id");
    if (!(limit >= 1 && limit <= FG_CONTROL_PAGE))
        return fg_refuse(r, "bad_request", "limit must be 1 to 200");
    snprintf(whole, sizeof whole, "%s%s%s", r->control->firm ? r->control->firm : "",
             r->control->firm ? ":" : "", after);
    unsigned count = fg_roster_page(r->control->roster, whole, ids, (unsigned)limit);
    while (count > 0 && !fg_request_owns(r, ids[count - 1]))
        count--; // a firm's ids are side by side
    struct fg_json *subjects = fg_json_array();
    struct fg_subject subject;
    for (unsigned i = 0; i < count; i++) {
        if (fg_gallery_get(r->control->gallery, ids[i], &subject, NULL) < 0)
            continue; // it no longer opens: the status counts it as corrupt
        struct fg_json *json = fg_json_object();
        add_subject(r, json, &subject);
        fg_json_add(subjects, NULL, json);
    }
    explicit_bzero(&subject, sizeof subject);
    fg_json_add(r->reply, "subjects", subjects);
    if (count == (unsigned)limit)
        fg_json_add_string(r->reply, "after", fg_request_own_id(r, ids[count - 1]));
    return NULL;
}

static float cosine(const struct fg_template *tmpl, const float *unit, uint32_t dimension)
{
    double sum = 0;
    for (uint32_t i = 0; i < dimension; i++)
        sum += (double)tmpl->values[i] * (double)unit[i];
    return (float)(sum * (double)tmpl->scale);
}

static fg_refusal verify(struct fg_request *r)
{
    const struct fg_control *c = r->control;
    char id[FG_SUBJECT_ID] = "";
    float vector[FG_TEMPLATE_MAX];
    struct fg_threshold threshold;
    struct fg_subject subject;
    uint32_t dimension = fg_card_template_dimension(c->card);
    fg_refusal refused = fg_request_check_model(r);
    if (refused)
        return refused;
    if (!fg_request_id(r, r->header, id))
        return fg_refuse(r, "bad_request", FG_BAD_ID);
    if (r->n_vectors != 1 ||
        !fg_request_vector(r->vectors[0].data, r->vectors[0].length, dimension, vector))
        return fg_refuse(r, "bad_vector",
                         "verify takes one part of dimension little-endian float32 of length 1");
    uint64_t candidates = fg_roster_candidates(c->roster, NULL, r->realtime_s);
    int code = 0;
    if (fg_calibrate(c->card, c->policy, candidates, &threshold, &r->err) < 0)
        refused = FG_WHY_GALLERY_TOO_LARGE;
    else if ((code = fg_gallery_get(c->gallery, id, &subject, &r->err)) < 0)
        refused = fg_refuse_storage(r, code);
    else if (subject.model != c->card->id || subject.dimension != dimension)
        refused = fg_refuse(r, "wrong_model", "the subject was enrolled with another model");
    else
        fg_json_add_bool(r->reply, "match",
                         cosine(&subject.average, vector, dimension) >= threshold.score);
    explicit_bzero(&subject, sizeof subject);
    explicit_bzero(vector, sizeof vector);
    return refused;
}

static fg_refusal status(struct fg_request *r)
{
    fg_status_add(r->control, r->reply, r->now_ns, r->realtime_s);
    return NULL;
}

// ---- requests ----------------------------------------------------------------------------------

struct fg_operation {
    const char *name;
    fg_refusal (*run)(struct fg_request *r);
    bool changes; // `run` reads the change of the gallery that is to be made
    bool vectors; // further parts are welcome
    bool firms;   // in a firm's door, too
};

static const struct fg_operation operations[] = {
    {"enrol", fg_request_enrol, true, true, true},
    {"enrol_many", fg_request_enrol_many, true, true, true},
    {"delete", fg_request_delete, true, false, true},
    {"get", get, false, false, true},
    {"list", list, false, false, true},
    {"verify", verify, false, true, true},
    {"status", status, false, false, false},
    {"pay", fg_request_pay, false, false, true},
    {"pay_cancel", fg_request_pay_cancel, false, false, true},
    {"payment", fg_request_payment, false, false, true},
    {"pin", fg_request_pin, false, false, true},
    {"pin_set", fg_request_pin_set, false, false, true},
    {"check", fg_request_check, false, true, false},
    {"vault_put", fg_request_vault_put, false, true, false},
    {"vault_delete", fg_request_vault_delete, false, false, false},
    {"wake", fg_request_wake, false, false, true},
    {"events", fg_request_events, false, false, false},
    {"charges", fg_request_charges, false, false, true},
    {"charges_taken", fg_request_charges_taken, false, false, true},
    {"headcount", fg_request_headcount, false, false, false},
    {"inside", fg_request_inside, false, false, false},
    {"hours", fg_request_hours, false, false, false},
    {"block", fg_request_block, false, false, false},
    {"unblock", fg_request_unblock, false, false, false},
    {"blocked", fg_request_blocked, false, false, false},
    {"revoke", fg_request_revoke, false, false, false},
    {"flight_put", fg_request_flight_put, false, false, false},
    {"flight_delete", fg_request_flight_delete, false, false, false},
    {"flights", fg_request_flights, false, false, false},
};

static fg_refusal find_operation(struct fg_request *r)
{
    if (fg_json_get_number(r->header, "v", 0) != 1)
        return fg_refuse(r, "bad_version", "v must be 1, the version of facegate-control(7)");
    const char *op = fg_json_get_string(r->header, "op", "");
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        if (strcmp(operations[i].name, op) != 0)
            continue;
        if (r->n_vectors > (operations[i].vectors ? VECTORS : 0))
            return fg_refuse(r, "bad_request", "more message parts than this operation takes");
        if (r->control->firm && !operations[i].firms)
            return fg_refuse(r, "not_allowed", "this operation is the operator's alone");
        r->operation = &operations[i];
        return NULL;
    }
    return fg_refuse(r, "unknown_op", "op is none of facegate-control(7)");
}

static fg_refusal read_header(struct fg_request *r, const struct fg_part *parts, unsigned count)
{
    if (count == 0)
        return fg_refuse(r, "bad_json", "the header part is missing");
    if (fg_json_parse(parts[0].data, parts[0].length, &r->header, &r->err) < 0)
        return "bad_json";
    if (!fg_json_is_object(r->header))
        return fg_refuse(r, "bad_json", "the header is not a JSON object");
    const char *id = fg_json_get_string(r->header, "id", NULL);
    if (id && strlen(id) < FG_SUBJECT_ID)
        fg_json_add_string(r->reply, "id", id);
    return find_operation(r);
}

struct fg_request *fg_request_read(const struct fg_control *control, const struct fg_part *parts,
                                   unsigned count, uint64_t now_ns, uint64_t realtime_s)
{
    struct fg_request *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    *r = (struct fg_request){.control = control,
                             .vectors = parts + 1,
                             .n_vectors = count > 0 ? count - 1 : 0,
                             .now_ns = now_ns,
                             .realtime_s = realtime_s,
                             .reply = fg_json_object()};
    fg_json_add_number(r->reply, "v", 1);
    r->refused = read_header(r, parts, count);
    if (!r->refused && r->operation->changes)
        r->refused = r->operation->run(r);
    return r;
}

bool fg_request_only_reads(const struct fg_request *request)
{
    return !request->refused && !request->operation->changes;
}

void fg_request_run(struct fg_request *request)
{
    request->refused = request->operation->run(request);
}

struct fg_change *fg_request_change(struct fg_request *request)
{
    bool changes = !request->refused && request->operation->changes;
    return changes ? &request->change : NULL;
}

struct fg_json *fg_request_end(struct fg_request *r)
{
    struct fg_json *reply = r->reply;
    fg_json_add_bool(reply, "ok", !r->refused);
    if (r->refused) {
        fg_json_add_string(reply, "error", r->refused);
        fg_json_add_string(reply, "message", r->err.text);
    }
    if (r->subjects)
        explicit_bzero(r->subjects, r->count * sizeof *r->subjects);
    free(r->subjects);
    fg_json_destroy(r->header);
    free(r);
    return reply;
}
