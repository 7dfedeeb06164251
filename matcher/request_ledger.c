// SPDX-License-Identifier: Apache-2.0
// The requests that read the ledger, a page at a time: people wait meanwhile.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/stays.h"
#include "matcher/request.h"

#define NS_PER_S  UINT64_C(1000000000)
#define AT_A_TIME 32                  // records
#define MOST_U64  (UINT64_C(1) << 53) // a JSON number is exact up to it

// ---- pages -------------------------------------------------------------------------------------

fg_refusal fg_request_check_ledger(struct fg_request *r)
{
    if (r->control->ledger)
        return NULL;
    return fg_refuse(r, "not_here", "this matcher keeps no ledger: its profile keeps nothing");
}

static fg_refusal read_limit(struct fg_request *r, uint64_t most, unsigned *ret)
{
    uint64_t limit = 100;
    if (!fg_request_whole(r->header, "limit", 1, most, &limit)) {
        fg_fail(&r->err, 0, "limit must be 1 to %u", (unsigned)most);
        return "bad_request";
    }
    *ret = (unsigned)limit;
    return NULL;
}

static fg_refusal read_number(struct fg_request *r, const char *name, uint64_t most, uint64_t *ret)
{
    if (fg_request_whole(r->header, name, 0, most, ret))
        return NULL;
    fg_fail(&r->err, 0, "%s must be a whole number from 0", name);
    return "bad_request";
}

static fg_refusal read_name(struct fg_request *r, const char *name, char ret[FG_WIRE_NAME])
{
    ret[0] = '\0';
    if (fg_request_text(r->header, name, ret, FG_WIRE_NAME) && (!ret[0] || fg_wire_name_ok(ret)))
        return NULL;
    fg_fail(&r->err, 0, "%s must be 1 to 31 of [A-Za-z0-9._-]", name);
    return "bad_request";
}

// Reads a page within a transaction of its own.
static fg_refusal within_read(struct fg_request *r, int (*read)(struct fg_request *r, void *what),
                              void *what)
{
    struct fg_ledger *l = r->control->ledger;
    int code = fg_ledger_begin(l, false, &r->err);
    if (code == 0) {
        code = read(r, what);
        fg_ledger_abort(l);
    }
    return code == -E2BIG ? "bad_request" : code < 0 ? fg_refuse_storage(r, code) : NULL;
}

// ---- events ------------------------------------------------------------------------------------

struct events_wanted {
    unsigned limit;
    uint64_t after, since_s;
    uint32_t kinds; // a bit each
    char lane[FG_WIRE_NAME];
    struct fg_json *events;
    unsigned count, looks;
    bool more;
};

_Static_assert(FG_EVENT_KINDS <= 32, "kinds are bits");

static bool read_kind(const char *name, uint32_t *kinds)
{
    for (unsigned kind = 1; name && kind < FG_EVENT_KINDS; kind++) {
        if (strcmp(fg_event_name((enum fg_event_kind)kind), name) != 0)
            continue;
        *kinds |= UINT32_C(1) << kind;
        return true;
    }
    return false;
}

static fg_refusal read_kinds(struct fg_request *r, uint32_t *ret)
{
    const struct fg_json *kinds = fg_json_get(r->header, "kinds");
    *ret = kinds ? 0 : UINT32_MAX;
    if (fg_json_count(kinds) > FG_EVENT_KINDS)
        return fg_refuse(r, "bad_request", "kinds holds more words than there are kinds of events");
    for (size_t i = 0; i < fg_json_count(kinds); i++)
        if (!read_kind(fg_json_string(fg_json_at(kinds, i)), ret))
            return fg_refuse(r, "bad_request", "kinds holds a word that is no kind of event");
    return *ret ? NULL : fg_refuse(r, "bad_request", "kinds must be an array of kinds of events");
}

static void add_wanted(struct events_wanted *w, const struct fg_event *event)
{
    bool wanted = (w->kinds >> event->kind & 1) && (!w->lane[0] || !strcmp(w->lane, event->lane)) &&
                  event->t_ns / NS_PER_S >= w->since_s;
    w->after = event->number;
    w->looks++;
    if (!wanted)
        return;
    fg_json_add(w->events, NULL, fg_event_json(event));
    w->count++;
}

static bool enough(const struct events_wanted *w)
{
    return w->count == w->limit || w->looks >= FG_CONTROL_LOOKS;
}

static int find_events(struct fg_request *r, void *what)
{
    struct events_wanted *w = what;
    struct fg_event events[AT_A_TIME];
    unsigned count = AT_A_TIME;
    uint64_t since = 0;
    int code = w->since_s > 0 ? fg_ledger_events_since(r->control->ledger, w->since_s * NS_PER_S,
                                                       &since, &r->err)
                              : 0;
    if (since > w->after)
        w->after = since;
    while (code == 0 && count == AT_A_TIME && !enough(w)) {
        code = fg_ledger_events(r->control->ledger, w->after, events, AT_A_TIME, &count, &r->err);
        for (unsigned i = 0; code == 0 && i < count && !enough(w); i++)
            add_wanted(w, &events[i]);
    }
    w->more = enough(w);
    return code;
}

fg_refusal fg_request_events(struct fg_request *r)
{
    struct events_wanted w = {.after = 0};
    fg_refusal refused = fg_request_check_ledger(r);
    if (!refused)
        refused = read_limit(r, FG_CONTROL_EVENTS, &w.limit);
    if (!refused)
        refused = read_number(r, "after", MOST_U64, &w.after);
    if (!refused)
        refused = read_number(r, "since", FG_SECONDS_MOST, &w.since_s);
    if (!refused)
        refused = read_name(r, "lane", w.lane);
    if (!refused)
        refused = read_kinds(r, &w.kinds);
    if (refused)
        return refused;
    w.events = fg_json_array();
    refused = within_read(r, find_events, &w);
    fg_json_add(r->reply, "events", w.events);
    if (!refused) {
        fg_json_add_u64(r->reply, "after", w.after);
        fg_json_add_bool(r->reply, "more", w.more);
    }
    return refused;
}

// ---- charges -----------------------------------------------------------------------------------

struct charges_wanted {
    unsigned limit, count, looks;
    uint64_t after;
    char firm[FG_WIRE_NAME];
    struct fg_json *charges;
};

static void add_charge(struct fg_request *r, struct charges_wanted *w, const struct fg_charge *c)
{
    char id[2 * FG_CHARGE_ID + 1], time[FG_EVENT_TIME];
    w->after = c->due;
    w->looks++;
    if (w->firm[0] && strcmp(w->firm, c->firm) != 0)
        return;
    struct fg_json *json = fg_json_object();
    fg_event_hex(c->id, sizeof c->id, id);
    fg_json_add_string(json, "id", id);
    fg_json_add_u64(json, "due", c->due);
    fg_json_add_string(json, "t", fg_event_time(c->t_due_ns, time));
    fg_json_add_string(json, "subject", fg_request_own_id(r, c->subject));
    fg_json_add_string(json, "lane", c->lane);
    if (c->firm[0])
        fg_json_add_string(json, "firm", c->firm);
    if (c->payment[0])
        fg_json_add_string(json, "payment", c->payment);
    fg_json_add_u64(json, "amount", c->amount);
    fg_json_add_string(json, "currency", c->currency);
    fg_json_add(w->charges, NULL, json);
    w->count++;
}

static int find_charges(struct fg_request *r, void *what)
{
    struct charges_wanted *w = what;
    struct fg_charge charges[AT_A_TIME];
    unsigned count = AT_A_TIME;
    int code = 0;
    while (code == 0 && count == AT_A_TIME && w->count < w->limit && w->looks < FG_CONTROL_LOOKS) {
        code = fg_ledger_charges_due(r->control->ledger, NULL, w->after, charges, AT_A_TIME, &count,
                                     &r->err);
        for (unsigned i = 0; code == 0 && i < count && w->count < w->limit; i++)
            add_charge(r, w, &charges[i]);
    }
    return code;
}

fg_refusal fg_request_charges(struct fg_request *r)
{
    struct charges_wanted w = {.after = 0};
    fg_refusal refused = fg_request_check_ledger(r);
    if (!refused)
        refused = read_limit(r, FG_CONTROL_PAGE, &w.limit);
    if (!refused)
        refused = read_number(r, "after", MOST_U64, &w.after);
    if (!refused)
        refused = read_name(r, "firm", w.firm);
    if (refused)
        return refused;
    if (r->control->firm)
        snprintf(w.firm, sizeof w.firm, "%s", r->control->firm);
    w.charges = fg_json_array();
    refused = within_read(r, find_charges, &w);
    fg_json_add(r->reply, "charges", w.charges);
    if (!refused) {
        fg_json_add_u64(r->reply, "after", w.after);
        fg_json_add_bool(r->reply, "more", w.count == w.limit || w.looks >= FG_CONTROL_LOOKS);
    }
    return refused;
}

// ---- inside ------------------------------------------------------------------------------------

static void add_zone(struct fg_json *zones, const char *zone, uint64_t count)
{
    struct fg_json *json = fg_json_object();
    fg_json_add_string(json, "zone", zone);
    fg_json_add_u64(json, "count", count);
    fg_json_add(zones, NULL, json);
}

// A zone holds those of the zones in it, too.
static uint64_t count_in(const struct fg_control *c, const char *zone)
{
    uint64_t count = 0;
    if (!fg_policy_zone(c->policy, zone))
        return fg_ledger_inside_count(c->ledger, zone);
    for (unsigned i = 0; i < c->policy->n_zones; i++)
        if (fg_policy_encloses(c->policy, zone, c->policy->zones[i].name))
            count += fg_ledger_inside_count(c->ledger, c->policy->zones[i].name);
    return count;
}

// The profile's zones; then those it does not have (any more), as long as somebody is in them.
static int count_zones(struct fg_request *r, void *what)
{
    const struct fg_control *c = r->control;
    const char *asked = what, *after = NULL;
    char name[FG_WIRE_NAME];
    uint64_t count;
    int code = 0;
    if (asked[0]) {
        fg_json_add_u64(r->reply, "count", count_in(c, asked));
        return 0;
    }
    struct fg_json *zones = fg_json_array();
    fg_json_add_u64(r->reply, "count", fg_ledger_inside_count(c->ledger, NULL));
    for (unsigned i = 0; i < c->policy->n_zones; i++)
        add_zone(zones, c->policy->zones[i].name, count_in(c, c->policy->zones[i].name));
    while ((code = fg_ledger_zone_next(c->ledger, after, name, &count, &r->err)) == 0) {
        if (!fg_policy_zone(c->policy, name))
            add_zone(zones, name, count);
        after = name;
    }
    fg_json_add(r->reply, "zones", zones);
    return code == -ENOENT ? 0 : code;
}

fg_refusal fg_request_headcount(struct fg_request *r)
{
    char zone[FG_WIRE_NAME];
    fg_refusal refused = fg_request_check_ledger(r);
    if (!refused)
        refused = read_name(r, "zone", zone);
    return refused ? refused : within_read(r, count_zones, zone);
}

struct page { // of what lies in the order of its names
    unsigned limit, count;
    char after[FG_SUBJECT_ID];
    struct fg_json *items;
};

static fg_refusal read_page(struct fg_request *r, struct page *ret)
{
    fg_refusal refused = fg_request_check_ledger(r);
    if (!refused)
        refused = read_limit(r, FG_CONTROL_PAGE, &ret->limit);
    if (!refused && !fg_request_text(r->header, "after", ret->after, sizeof ret->after))
        refused = fg_refuse(r, "bad_request", "after must be the last answer's");
    return refused;
}

static fg_refusal answer_page(struct fg_request *r, struct page *page, const char *name,
                              int (*read)(struct fg_request *r, void *what))
{
    fg_refusal refused = read_page(r, page);
    if (refused)
        return refused;
    page->items = fg_json_array();
    refused = within_read(r, read, page);
    fg_json_add(r->reply, name, page->items);
    if (!refused && page->count == page->limit)
        fg_json_add_string(r->reply, "after", page->after);
    return refused;
}

static int find_inside(struct fg_request *r, void *what)
{
    struct page *page = what;
    struct fg_inside inside;
    int code = 0;
    while (page->count < page->limit &&
           (code = fg_ledger_inside_next(r->control->ledger, page->after, &inside, &r->err)) == 0) {
        struct fg_json *json = fg_json_object();
        fg_json_add_string(json, "subject", inside.subject);
        fg_json_add_string(json, "zone", inside.zone);
        fg_json_add_u64(json, "since", inside.since_ns / NS_PER_S);
        fg_json_add(page->items, NULL, json);
        memcpy(page->after, inside.subject, sizeof page->after);
        page->count++;
    }
    return code == -ENOENT ? 0 : code;
}

fg_refusal fg_request_inside(struct fg_request *r)
{
    struct page page = {.count = 0};
    return answer_page(r, &page, "subjects", find_inside);
}

// ---- blocked, flights --------------------------------------------------------------------------

static int find_blocked(struct fg_request *r, void *what)
{
    struct page *page = what;
    char subject[FG_SUBJECT_ID];
    size_t length;
    uint64_t until_s;
    int code = 0;
    while (page->count < page->limit &&
           (code = fg_ledger_mark_next(r->control->ledger, FG_MARK_BLOCKED, page->after,
                                       strlen(page->after), subject, sizeof subject - 1, &length,
                                       &until_s, &r->err)) == 0) {
        struct fg_json *json = fg_json_object();
        subject[length] = '\0';
        memcpy(page->after, subject, length + 1);
        fg_json_add_string(json, "subject", subject);
        if (until_s)
            fg_json_add_u64(json, "until", until_s);
        fg_json_add(page->items, NULL, json);
        page->count++;
    }
    return code == -ENOENT ? 0 : code;
}

fg_refusal fg_request_blocked(struct fg_request *r)
{
    struct page page = {.count = 0};
    return answer_page(r, &page, "subjects", find_blocked);
}

static int find_flights(struct fg_request *r, void *what)
{
    struct page *page = what;
    struct fg_flight flight;
    int code = 0;
    while (page->count < page->limit &&
           (code = fg_ledger_flight_next(r->control->ledger, page->after, &flight, &r->err)) == 0) {
        struct fg_json *json = fg_json_object(), *lanes = fg_json_array();
        fg_json_add_string(json, "name", flight.name);
        for (unsigned i = 0; i < flight.n_lanes; i++)
            fg_json_add_string(lanes, NULL, flight.lanes[i]);
        fg_json_add(json, "lanes", lanes);
        fg_json_add_u64(json, "opens", flight.opens_s);
        fg_json_add_u64(json, "departs", flight.departs_s);
        fg_json_add(page->items, NULL, json);
        memcpy(page->after, flight.name, sizeof flight.name);
        page->count++;
    }
    return code == -ENOENT ? 0 : code;
}

fg_refusal fg_request_flights(struct fg_request *r)
{
    struct page page = {.count = 0};
    return answer_page(r, &page, "flights", find_flights);
}

// ---- hours -------------------------------------------------------------------------------------

struct hours_wanted {
    uint64_t since_s, until_s;
    struct fg_stays stays;
    unsigned looks;
};

static int take_crossing(struct fg_request *r, struct hours_wanted *w, const struct fg_event *event)
{
    bool in = strcmp(event->detail, "in") == 0, out = strcmp(event->detail, "out") == 0;
    if (++w->looks > FG_CONTROL_LOOKS || w->stays.count == FG_CONTROL_PASSED)
        return fg_fail(&r->err, -E2BIG, "too much has happened in this time: ask for less of it");
    if (event->kind != FG_EVENT_PASSED || (!in && !out))
        return 0;
    return fg_stays_add(&w->stays, event->subject, event->zone, event->t_ns / NS_PER_S, in);
}

static int find_crossings(struct fg_request *r, void *what)
{
    struct hours_wanted *w = what;
    struct fg_event events[AT_A_TIME];
    unsigned count = AT_A_TIME;
    uint64_t after = 0;
    int code = fg_ledger_events_since(r->control->ledger, w->since_s * NS_PER_S, &after, &r->err);
    while (code == 0 && count == AT_A_TIME) {
        code = fg_ledger_events(r->control->ledger, after, events, AT_A_TIME, &count, &r->err);
        for (unsigned i = 0; code == 0 && i < count; i++) {
            if (events[i].t_ns / NS_PER_S >= w->until_s)
                return 0;
            code = take_crossing(r, w, &events[i]);
            after = events[i].number;
        }
    }
    return code;
}

static void add_stay(struct fg_json *stays, const struct fg_stay *stay)
{
    struct fg_json *json = fg_json_object();
    if (stay->came)
        fg_json_add_u64(json, "in", stay->in_s);
    if (stay->left)
        fg_json_add_u64(json, "out", stay->out_s);
    if (!stay->came || !stay->left)
        fg_json_add_bool(json, "unpaired", true);
    fg_json_add(stays, NULL, json);
}

static bool goes_on(const struct fg_stays *stays, size_t at, const struct fg_stay *stay)
{
    return at < stays->count && strcmp(stays->crossings[at].subject, stay->subject) == 0 &&
           strcmp(stays->crossings[at].zone, stay->zone) == 0;
}

static void add_hours(struct fg_json *reply, struct fg_stays *stays)
{
    struct fg_json *subjects = fg_json_array(), *list = NULL;
    struct fg_stay stay;
    uint64_t seconds = 0;
    size_t at = 0;
    fg_stays_sort(stays);
    while (fg_stays_next(stays, &at, &stay)) {
        list = list ? list : fg_json_array();
        add_stay(list, &stay);
        seconds += stay.seconds;
        if (goes_on(stays, at, &stay))
            continue;
        struct fg_json *json = fg_json_object();
        fg_json_add_string(json, "subject", stay.subject);
        fg_json_add_string(json, "zone", stay.zone);
        fg_json_add_u64(json, "seconds", seconds);
        fg_json_add(json, "stays", list);
        fg_json_add(subjects, NULL, json);
        list = NULL;
        seconds = 0;
    }
    fg_json_add(reply, "subjects", subjects);
}

fg_refusal fg_request_hours(struct fg_request *r)
{
    struct hours_wanted w = {.until_s = r->realtime_s + 1};
    fg_refusal refused = fg_request_check_ledger(r);
    if (!refused)
        refused = read_number(r, "since", FG_SECONDS_MOST, &w.since_s);
    if (!refused)
        refused = read_number(r, "until", FG_SECONDS_MOST, &w.until_s);
    if (!refused && w.until_s <= w.since_s)
        refused = fg_refuse(r, "bad_request", "until must be after since");
    if (!refused)
        refused = within_read(r, find_crossings, &w);
    if (!refused)
        add_hours(r->reply, &w.stays);
    fg_stays_finish(&w.stays);
    return refused;
}
