// SPDX-License-Identifier: Apache-2.0
#include "matcher/event.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "matcher/bytes.h"
#include "matcher/decision.h"

#define VERSION 1

const char *fg_event_name(enum fg_event_kind kind)
{
    static const char *const names[FG_EVENT_KINDS] = {
        "unknown",      "start",      "admit",    "deny",    "fallback",   "passed",
        "timeout",      "unsettled",  "tailgate", "forced",  "charge_due", "charge_void",
        "charge_taken", "token_used", "revoked",  "blocked", "unblocked",  "flight",
        "payment",      "alarm",      "lost"};
    return (unsigned)kind < FG_EVENT_KINDS ? names[kind] : names[0];
}

static void walk_event(struct fg_walk *w, struct fg_event *e)
{
    uint8_t version = VERSION, kind = (uint8_t)e->kind;
    fg_walk_u8(w, &version);
    fg_walk_u8(w, &kind);
    if (version != VERSION || kind < 1 || kind >= FG_EVENT_KINDS)
        w->failed = true;
    e->kind = (enum fg_event_kind)kind;
    fg_walk_u64(w, &e->t_ns);
    fg_walk_u64(w, &e->run);
    fg_walk_u64(w, &e->decision);
    fg_walk_text(w, e->lane, sizeof e->lane);
    fg_walk_text(w, e->zone, sizeof e->zone);
    fg_walk_text(w, e->firm, sizeof e->firm);
    fg_walk_text(w, e->subject, sizeof e->subject);
    fg_walk_text(w, e->reason, sizeof e->reason);
    fg_walk_text(w, e->detail, sizeof e->detail);
    fg_walk_text(w, e->liveness, sizeof e->liveness);
    fg_walk_raw(w, e->charge, sizeof e->charge);
    fg_walk_u64(w, &e->amount);
    fg_walk_text(w, e->currency, sizeof e->currency);
}

size_t fg_event_pack(const struct fg_event *event, uint8_t bytes[FG_EVENT_BYTES])
{
    struct fg_walk w = {.out = bytes, .end = FG_EVENT_BYTES};
    struct fg_event copy = *event;
    walk_event(&w, &copy);
    return w.failed ? 0 : w.at;
}

int fg_event_unpack(const uint8_t *bytes, size_t length, struct fg_event *ret)
{
    struct fg_walk w = {.in = bytes, .end = length};
    memset(ret, 0, sizeof *ret);
    walk_event(&w, ret);
    return fg_walk_ended(&w) ? 0 : -EBADMSG;
}

static void add_text(struct fg_json *json, const char *name, const char *text)
{
    if (text[0])
        fg_json_add_string(json, name, text);
}

const char *fg_event_time(uint64_t t_ns, char ret[FG_EVENT_TIME])
{
    struct tm tm;
    time_t seconds = (time_t)(t_ns / 1000000000u); // 64 bits of nanoseconds end in the year 2554
    gmtime_r(&seconds, &tm);
    size_t used = strftime(ret, FG_EVENT_TIME, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(ret + used, FG_EVENT_TIME - used, ".%03uZ", (unsigned)(t_ns / 1000000u % 1000u));
    return ret;
}

void fg_event_hex(const void *bytes, size_t count, char *ret)
{
    ret[0] = '\0';
    for (size_t i = 0; i < count; i++)
        snprintf(ret + 2 * i, 3, "%02x", ((const uint8_t *)bytes)[i]);
}

static void add_charge(const struct fg_event *e, struct fg_json *json)
{
    static const uint8_t none[FG_CHARGE_ID];
    char hex[2 * FG_CHARGE_ID + 1];
    if (memcmp(e->charge, none, sizeof none) == 0)
        return;
    fg_event_hex(e->charge, sizeof e->charge, hex);
    fg_json_add_string(json, "charge", hex);
}

struct fg_json *fg_event_json(const struct fg_event *e)
{
    char time[FG_EVENT_TIME];
    struct fg_json *json = fg_json_object();
    fg_json_add_u64(json, "number", e->number);
    fg_json_add_string(json, "t", fg_event_time(e->t_ns, time));
    fg_json_add_string(json, "event", fg_event_name(e->kind));
    add_text(json, "lane", e->lane);
    add_text(json, "zone", e->zone);
    add_text(json, "firm", e->firm);
    add_text(json, "subject", e->subject);
    add_text(json, "reason", e->reason);
    add_text(json, "detail", e->detail);
    add_text(json, "liveness", e->liveness);
    if (e->run != 0)
        fg_json_add_hex(json, "run", e->run);
    if (e->decision != 0)
        fg_json_add_u64(json, "seq", e->decision);
    add_charge(e, json);
    if (e->amount != 0)
        fg_json_add_u64(json, "amount", e->amount);
    add_text(json, "currency", e->currency);
    return json;
}
