// SPDX-License-Identifier: Apache-2.0
// The requests that change the ledger. Each is one transaction with its event, and durable when it
// is answered.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "matcher/request.h"
#include "matcher/seal.h"

#define NS_PER_S   UINT64_C(1000000000)
#define FLIGHT_TAG "flight:" // of its passengers, with its name

// ---- transactions ------------------------------------------------------------------------------

// Never before what the ledger has.
static uint64_t time_of(const struct fg_request *r)
{
    struct fg_now now = {r->now_ns, r->realtime_s * NS_PER_S};
    return r->control->passages ? fg_passages_time(r->control->passages, now) : now.realtime_ns;
}

static int append(struct fg_request *r, struct fg_event *event)
{
    if (r->control->policy->recording == FG_RECORDING_NOTHING)
        return 0;
    event->t_ns = time_of(r);
    return fg_ledger_append(r->control->ledger, event, &r->err);
}

static fg_refusal within_change(struct fg_request *r, int (*make)(struct fg_request *r, void *what),
                                void *what)
{
    struct fg_ledger *l = r->control->ledger;
    int code = fg_ledger_begin(l, true, &r->err);
    if (code < 0)
        return fg_refuse_storage(r, code);
    code = make(r, what);
    if (code == 0)
        code = fg_ledger_commit(l, &r->err);
    else
        fg_ledger_abort(l);
    return code == -EINVAL ? "bad_request" : code < 0 ? fg_refuse_storage(r, code) : NULL;
}

static fg_refusal read_until(struct fg_request *r, uint64_t *ret)
{
    if (fg_request_whole(r->header, "until", 0, FG_SECONDS_MOST, ret) &&
        (*ret == 0 || *ret > r->realtime_s))
        return NULL;
    return fg_refuse(r, "bad_request",
                     "until must be whole seconds since 1970, in the future, or absent: for ever");
}

// ---- charges taken -----------------------------------------------------------------------------

struct taking {
    const struct fg_json *ids;
    unsigned taken, already, unknown;
};

static int append_taken(struct fg_request *r, const struct fg_charge *charge)
{
    struct fg_event event = {.kind = FG_EVENT_CHARGE_TAKEN, .amount = charge->amount};
    memcpy(event.charge, charge->id, sizeof event.charge);
    memcpy(event.subject, charge->subject, sizeof event.subject);
    memcpy(event.lane, charge->lane, sizeof event.lane);
    memcpy(event.firm, charge->firm, sizeof event.firm);
    memcpy(event.detail, charge->payment, sizeof event.detail);
    memcpy(event.currency, charge->currency, sizeof event.currency);
    return append(r, &event);
}

static int take_one(struct fg_request *r, struct taking *t, const char *text)
{
    struct fg_charge charge;
    uint8_t id[FG_CHARGE_ID];
    const char *firm = r->control->firm;
    if (!text || fg_seal_from_hex(text, strlen(text), id, sizeof id) < 0)
        return fg_fail(&r->err, -EINVAL, "ids must be charges in 32 hex digits each");
    int code = fg_ledger_charge_get(r->control->ledger, id, &charge, &r->err);
    if (code == -ENOENT || (code == 0 && firm && strcmp(firm, charge.firm) != 0)) {
        t->unknown++; // taken so long ago that it is forgotten, or another firm's
        return 0;
    }
    if (code < 0)
        return code;
    if (charge.state == FG_CHARGE_TAKEN) {
        t->already++;
        return 0;
    }
    if (charge.state != FG_CHARGE_DUE)
        return fg_fail(&r->err, -EINVAL, "charge %s is not due: it can't be taken", text);
    charge.state = FG_CHARGE_TAKEN;
    t->taken++;
    code = fg_ledger_charge_put(r->control->ledger, &charge, &r->err);
    return code < 0 ? code : append_taken(r, &charge);
}

static int take_all(struct fg_request *r, void *what)
{
    struct taking *t = what;
    const struct fg_json *id = fg_json_at(t->ids, 0);
    int code = 0;
    for (; id && code == 0; id = fg_json_next(id))
        code = take_one(r, t, fg_json_string(id));
    return code;
}

fg_refusal fg_request_charges_taken(struct fg_request *r)
{
    struct taking t = {.ids = fg_json_get(r->header, "ids")};
    size_t count = fg_json_count(t.ids);
    fg_refusal refused = fg_request_check_ledger(r);
    if (!refused && (!fg_json_is_array(t.ids) || count < 1 || count > FG_CONTROL_PAGE))
        refused = fg_refuse(r, "bad_request", "ids must be an array of 1 to 200 charges");
    if (!refused)
        refused = within_change(r, take_all, &t);
    if (refused)
        return refused;
    fg_json_add_number(r->reply, "taken", t.taken);
    fg_json_add_number(r->reply, "already", t.already);
    fg_json_add_number(r->reply, "unknown", t.unknown);
    return NULL;
}

// ---- blocked -----------------------------------------------------------------------------------

struct blocking {
    char subject[FG_SUBJECT_ID], reason[FG_WIRE_NAME];
    uint64_t until_s;
};

static fg_refusal read_blocking(struct fg_request *r, struct blocking *b)
{
    fg_refusal refused = fg_request_check_ledger(r);
    if (!refused && !fg_request_id(r, r->header, b->subject))
        refused = fg_refuse(r, "bad_request", FG_BAD_ID);
    if (!refused && (!fg_request_text(r->header, "reason", b->reason, sizeof b->reason) ||
                     (b->reason[0] && !fg_wire_name_ok(b->reason))))
        refused = fg_refuse(r, "bad_request", "reason must be a word of 1 to 31 of [A-Za-z0-9._-]");
    return refused ? refused : read_until(r, &b->until_s);
}

static int append_blocking(struct fg_request *r, enum fg_event_kind kind, const struct blocking *b)
{
    struct fg_event event = {.kind = kind};
    char time[FG_EVENT_TIME];
    memcpy(event.subject, b->subject, sizeof event.subject);
    memcpy(event.reason, b->reason, sizeof event.reason);
    if (b->until_s)
        snprintf(event.detail, sizeof event.detail, "%s",
                 fg_event_time(b->until_s * NS_PER_S, time));
    return append(r, &event);
}

static int block(struct fg_request *r, void *what)
{
    const struct blocking *b = what;
    int code = fg_ledger_mark_put(r->control->ledger, FG_MARK_BLOCKED, b->subject,
                                  strlen(b->subject), b->until_s, &r->err);
    return code < 0 ? code : append_blocking(r, FG_EVENT_BLOCKED, b);
}

static int unblock(struct fg_request *r, void *what)
{
    const struct blocking *b = what;
    int code = fg_ledger_mark_delete(r->control->ledger, FG_MARK_BLOCKED, b->subject,
                                     strlen(b->subject), &r->err);
    if (code == -ENOENT)
        return fg_fail(&r->err, code, "subject %s is not blocked", b->subject);
    return code < 0 ? code : append_blocking(r, FG_EVENT_UNBLOCKED, b);
}

fg_refusal fg_request_block(struct fg_request *r)
{
    struct blocking b = {.until_s = 0};
    fg_refusal refused = read_blocking(r, &b);
    return refused ? refused : within_change(r, block, &b);
}

fg_refusal fg_request_unblock(struct fg_request *r)
{
    struct blocking b = {.until_s = 0};
    fg_refusal refused = read_blocking(r, &b);
    b.until_s = 0;
    return refused ? refused : within_change(r, unblock, &b);
}

// ---- revoked -----------------------------------------------------------------------------------

struct revoking {
    uint8_t serial[FG_SERIAL];
    uint64_t until_s;
};

static int revoke(struct fg_request *r, void *what)
{
    const struct revoking *v = what;
    struct fg_event event = {.kind = FG_EVENT_REVOKED};
    fg_event_hex(v->serial, sizeof v->serial, event.detail);
    int code = fg_ledger_mark_put(r->control->ledger, FG_MARK_REVOKED, v->serial, sizeof v->serial,
                                  v->until_s, &r->err);
    return code < 0 ? code : append(r, &event);
}

fg_refusal fg_request_revoke(struct fg_request *r)
{
    struct revoking v = {.until_s = 0};
    const char *serial = fg_json_get_string(r->header, "serial", "");
    fg_refusal refused = fg_request_check_ledger(r);
    if (!refused && fg_seal_from_hex(serial, strlen(serial), v.serial, sizeof v.serial) < 0)
        refused = fg_refuse(r, "bad_request", "serial must be 32 hex digits");
    if (!refused)
        refused = read_until(r, &v.until_s);
    return refused ? refused : within_change(r, revoke, &v);
}

// ---- flights -----------------------------------------------------------------------------------

static fg_refusal read_flight_name(struct fg_request *r, char ret[FG_WIRE_NAME])
{
    fg_refusal refused = fg_request_check_ledger(r);
    if (refused)
        return refused;
    if (fg_request_text(r->header, "name", ret, FG_WIRE_NAME) && fg_wire_name_ok(ret) &&
        strlen(FLIGHT_TAG) + strlen(ret) < FG_SUBJECT_WORD)
        return NULL;
    return fg_refuse(r, "bad_request", "name must be 1 to 24 of [A-Za-z0-9._-]");
}

static bool read_lanes(const struct fg_json *array, struct fg_flight *flight)
{
    size_t count = fg_json_is_array(array) ? fg_json_count(array) : 0;
    if (count < 1 || count > FG_FLIGHT_LANES)
        return false;
    for (size_t i = 0; i < count; i++) {
        const char *lane = fg_json_string(fg_json_at(array, i));
        if (!lane || strlen(lane) >= FG_WIRE_NAME || !fg_wire_name_ok(lane))
            return false;
        memcpy(flight->lanes[i], lane, strlen(lane) + 1);
    }
    flight->n_lanes = (unsigned)count;
    return true;
}

static int append_flight(struct fg_request *r, const char *name, const char *what)
{
    struct fg_event event = {.kind = FG_EVENT_FLIGHT};
    snprintf(event.detail, sizeof event.detail, "%s", name);
    snprintf(event.reason, sizeof event.reason, "%s", what);
    return append(r, &event);
}

static int put_flight(struct fg_request *r, void *what)
{
    const struct fg_flight *flight = what;
    struct fg_flight old;
    int code = fg_ledger_flight_get(r->control->ledger, flight->name, &old, &r->err);
    bool is_new = code == -ENOENT;
    if (code < 0 && !is_new)
        return code;
    code = fg_ledger_flight_put(r->control->ledger, flight, &r->err);
    return code < 0 ? code : append_flight(r, flight->name, is_new ? "made" : "changed");
}

fg_refusal fg_request_flight_put(struct fg_request *r)
{
    struct fg_flight flight = {.n_lanes = 0};
    fg_refusal refused = read_flight_name(r, flight.name);
    if (refused)
        return refused;
    if (!read_lanes(fg_json_get(r->header, "lanes"), &flight))
        return fg_refuse(r, "bad_request",
                         "lanes must be an array of 1 to 8 lanes of [A-Za-z0-9._-]");
    if (!fg_request_whole(r->header, "opens", 1, FG_SECONDS_MOST, &flight.opens_s) ||
        !fg_request_whole(r->header, "departs", 1, FG_SECONDS_MOST, &flight.departs_s) ||
        flight.opens_s == 0 || flight.departs_s <= flight.opens_s)
        return fg_refuse(r, "bad_request",
                         "opens and departs are whole seconds since 1970, departs the later one");
    return within_change(r, put_flight, &flight);
}

static int delete_flight(struct fg_request *r, void *what)
{
    const char *name = what;
    int code = fg_ledger_flight_delete(r->control->ledger, name, &r->err);
    if (code == -ENOENT)
        return fg_fail(&r->err, code, "there is no flight %s", name);
    return code < 0 ? code : append_flight(r, name, "removed");
}

fg_refusal fg_request_flight_delete(struct fg_request *r)
{
    char name[FG_WIRE_NAME] = "";
    fg_refusal refused = read_flight_name(r, name);
    return refused ? refused : within_change(r, delete_flight, name);
}
