// SPDX-License-Identifier: Apache-2.0
#include "matcher/passages.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "matcher/passages_parts.h"

#define NS_PER_MS    UINT64_C(1000000)
#define NS_PER_S     UINT64_C(1000000000)
#define EXPIRE_EVERY (10 * NS_PER_S)
#define EXPIRE_MOST  500
#define STATE_DAYS   7 // settled passages and charges that were taken, at least as long as events
#define LIVENESS     "attended"

// ---- time --------------------------------------------------------------------------------------

uint64_t fg_passages_time(struct fg_passages *p, struct fg_now now)
{
    uint64_t on = p->last_ns + (now.monotonic_ns - p->last_monotonic_ns);
    p->last_ns = now.realtime_ns > on ? now.realtime_ns : on + 1;
    p->last_monotonic_ns = now.monotonic_ns;
    return p->last_ns;
}

// ---- transactions ------------------------------------------------------------------------------

static int tell_losses(struct fg_passages *p, struct fg_now now)
{
    struct fg_event event = fg_passages_event(p, FG_EVENT_LOST, "", "", now);
    event.amount = p->lost;
    int r = p->lost > 0 ? fg_ledger_append(p->ledger, &event, NULL) : 0;
    return r;
}

int fg_passages_begin(struct fg_passages *p, struct fg_now now)
{
    struct fg_error err = {""};
    fg_passages_time(p, now); // it goes on, whatever becomes of this
    if (p->open)
        return 0;
    int r = fg_ledger_begin(p->ledger, true, &err);
    if (r < 0) {
        fg_log(FG_LOG_ERROR, "the ledger: %s", err.text);
        return r;
    }
    p->open = true;
    p->open_ns = now.monotonic_ns;
    p->events = p->admissions = 0;
    r = tell_losses(p, now);
    if (r < 0)
        fg_passages_fail(p, r);
    return r;
}

static void count_losses(struct fg_passages *p, unsigned events)
{
    p->counters.lost += events;
    p->lost += events;
}

void fg_passages_fail(struct fg_passages *p, int code)
{
    if (!p->open)
        return;
    fg_ledger_abort(p->ledger);
    p->open = false;
    p->broken |= p->admissions > 0;
    count_losses(p, p->events);
    fg_log(FG_LOG_ERROR, "the ledger can't be written, %u events are lost: %s", p->events,
           strerror(-code));
}

int fg_passages_write(struct fg_passages *p, struct fg_now now)
{
    struct fg_error err = {""};
    (void)now;
    if (!p->open)
        return 0;
    p->open = false;
    int r = fg_ledger_commit(p->ledger, &err);
    if (r == 0) {
        p->lost = 0; // they were told
        return 0;
    }
    count_losses(p, p->events);
    fg_log(FG_LOG_ERROR, "%u events are lost: %s", p->events, err.text);
    return r;
}

void fg_passages_flush(struct fg_passages *passages, struct fg_now now)
{
    fg_passages_write(passages, now);
}

// ---- events ------------------------------------------------------------------------------------

struct fg_event fg_passages_event(struct fg_passages *p, enum fg_event_kind kind, const char *lane,
                                  const char *subject, struct fg_now now)
{
    struct fg_event event = {.kind = kind, .t_ns = fg_passages_time(p, now), .run = p->run};
    const struct fg_lane_rules *rules = fg_policy_lane(p->policy, lane);
    snprintf(event.lane, sizeof event.lane, "%s", lane);
    snprintf(event.subject, sizeof event.subject, "%s", subject);
    memcpy(event.zone, rules->zone, sizeof event.zone);
    memcpy(event.firm, rules->firm, sizeof event.firm);
    return event;
}

int fg_passages_append(struct fg_passages *p, struct fg_event *event)
{
    if (p->policy->recording == FG_RECORDING_NOTHING)
        return 0;
    int r = fg_ledger_append(p->ledger, event, NULL);
    p->events += r == 0;
    return r;
}

static bool worth_an_event(const struct fg_passages *p, const struct fg_decision *d)
{
    if (!p->ledger || (d->outcome != FG_DENY && d->outcome != FG_FALLBACK))
        return false;
    return p->policy->recording == FG_RECORDING_OUTCOMES ||
           strcmp(d->reason, FG_WHY_UNKNOWN_INSIDE) == 0;
}

void fg_passages_note(struct fg_passages *passages, const struct fg_decision *decision,
                      struct fg_now now)
{
    if (!worth_an_event(passages, decision))
        return;
    if (fg_passages_begin(passages, now) < 0) {
        count_losses(passages, 1);
        return;
    }
    enum fg_event_kind kind = strcmp(decision->reason, FG_WHY_UNKNOWN_INSIDE) == 0 ? FG_EVENT_ALARM
                              : decision->outcome == FG_DENY                       ? FG_EVENT_DENY
                                                             : FG_EVENT_FALLBACK;
    struct fg_event event = fg_passages_event(passages, kind, decision->lane, "", now);
    event.decision = decision->sequence;
    snprintf(event.reason, sizeof event.reason, "%s", decision->reason);
    snprintf(event.detail, sizeof event.detail, "%s", decision->detail);
    snprintf(event.liveness, sizeof event.liveness, "%s", LIVENESS);
    int r = fg_passages_append(passages, &event);
    if (r < 0) {
        passages->events++;
        fg_passages_fail(passages, r);
    }
}

// ---- upkeep ------------------------------------------------------------------------------------

static bool late(const struct fg_passages *p, struct fg_now now)
{
    return p->open && now.monotonic_ns >= p->open_ns + FG_PASSAGES_LAZY_MS * NS_PER_MS;
}

static uint64_t before(uint64_t now_ns, uint64_t days)
{
    uint64_t span = days * 86400 * NS_PER_S;
    return now_ns > span ? now_ns - span : 0;
}

static void expire(struct fg_passages *p, struct fg_now now)
{
    uint64_t days = p->policy->retention_days, t = fg_passages_time(p, now);
    uint64_t state_days = days > STATE_DAYS ? days : STATE_DAYS;
    struct fg_error err = {""};
    const bool was_open = p->open;
    p->expire_ns = now.monotonic_ns + EXPIRE_EVERY;
    if (fg_passages_begin(p, now) < 0)
        return;
    int r = fg_ledger_expire(p->ledger, days ? before(t, days) : 0, before(t, state_days),
                             now.realtime_ns / NS_PER_S, EXPIRE_MOST, &err);
    if (r < 0)
        fg_passages_fail(p, r);
    else if (r == 0 && !was_open && p->events == 0 && p->lost == 0) {
        fg_ledger_abort(p->ledger); // nothing was written: no flush of the disk
        p->open = false;
    }
    if (r >= EXPIRE_MOST)
        p->expire_ns = now.monotonic_ns; // more is waiting
}

static void settle_pending(struct fg_passages *p, const struct fg_pending *pending,
                           struct fg_now now)
{
    struct fg_passage_record passage;
    uint64_t run = pending->run, decision = pending->decision;
    fg_passages_unwatch(p, run, decision);
    if (fg_passages_begin(p, now) < 0)
        return; // the next start takes it up
    int r = fg_ledger_passage_get(p->ledger, run, decision, &passage, NULL);
    if (r == 0 && passage.state == FG_PASSAGE_PENDING) {
        p->counters.unsettled++;
        r = fg_passages_void(p, &passage, FG_EVENT_UNSETTLED, now);
    }
    if (r < 0 && r != -ENOENT)
        fg_passages_fail(p, r);
}

void fg_passages_tick(struct fg_passages *passages, struct fg_now now)
{
    if (!passages->ledger)
        return;
    for (unsigned i = 0; i < FG_PASSAGES_PENDING; i++)
        if (passages->pending[i].run != 0 && passages->pending[i].due_ns <= now.monotonic_ns)
            settle_pending(passages, &passages->pending[i], now);
    if (passages->expire_ns <= now.monotonic_ns)
        expire(passages, now);
    if (late(passages, now))
        fg_passages_write(passages, now);
}

uint64_t fg_passages_due_ns(const struct fg_passages *passages)
{
    if (!passages->ledger)
        return UINT64_MAX;
    uint64_t due = passages->expire_ns;
    if (passages->open && passages->open_ns + FG_PASSAGES_LAZY_MS * NS_PER_MS < due)
        due = passages->open_ns + FG_PASSAGES_LAZY_MS * NS_PER_MS;
    for (unsigned i = 0; i < FG_PASSAGES_PENDING; i++)
        if (passages->pending[i].run != 0 && passages->pending[i].due_ns < due)
            due = passages->pending[i].due_ns;
    return due;
}

const struct fg_passages_counters *fg_passages_counters(const struct fg_passages *passages)
{
    return &passages->counters;
}

// ---- start and end -----------------------------------------------------------------------------

struct taking_up {
    struct fg_passages *passages;
    struct fg_now now;
};

static int take_up_one(void *context, const struct fg_passage_record *passage)
{
    struct taking_up *t = context;
    fg_passages_watch(t->passages, passage->run, passage->decision, t->now);
    return 0;
}

// The gates of a former run may still report; they get passage_s from now on.
static int take_up(struct fg_passages *p, struct fg_now now, struct fg_error *err)
{
    struct taking_up t = {p, now};
    return fg_ledger_passages_pending(p->ledger, take_up_one, &t, err);
}

// Where no events are recorded, the passages alone tell how late it was when the wall clock is set
// back between two runs: a cool-down would be over until it has caught up.
static int go_on_from_passages(struct fg_passages *p, struct fg_error *err)
{
    uint64_t t_ns;
    int r = fg_ledger_passages_time(p->ledger, &t_ns, err);
    if (r == 0 && t_ns > p->last_ns)
        p->last_ns = t_ns;
    return r;
}

static int begin_run(struct fg_passages *p, struct fg_now now, struct fg_error *err)
{
    struct fg_ledger_state state;
    struct fg_event last;
    unsigned count = 0;
    fg_ledger_state(p->ledger, &state);
    int r = state.events == 0
                ? 0
                : fg_ledger_events(p->ledger, state.last_event - 1, &last, 1, &count, err);
    if (r < 0)
        return r;
    p->last_ns = count > 0 ? last.t_ns : 0;
    r = fg_passages_begin(p, now);
    if (r < 0)
        return fg_fail(err, r, "the ledger can't be written: %s", strerror(-r));
    r = go_on_from_passages(p, err);
    if (r < 0) {
        fg_passages_fail(p, r);
        return r;
    }
    struct fg_event event = fg_passages_event(p, FG_EVENT_START, "", "", now);
    r = fg_passages_append(p, &event);
    if (r == 0)
        r = take_up(p, now, err);
    if (r == 0)
        r = fg_passages_write(p, now);
    else
        fg_passages_fail(p, r);
    return r < 0 ? fg_fail(err, r, "the ledger can't be written: %s", strerror(-r)) : 0;
}

static bool is_strict(const struct fg_policy *policy)
{
    return policy->fare > 0 || policy->payments || policy->anti_passback ||
           policy->cooldown_s > 0 || policy->exclusive_s > 0 || policy->one_time;
}

int fg_passages_create(const struct fg_passages_options *options, struct fg_now now,
                       struct fg_passages **ret, struct fg_error *err)
{
    struct fg_passages *p = calloc(1, sizeof *p);
    if (!p)
        return fg_fail(err, -ENOMEM, "out of memory");
    p->policy = options->policy;
    p->ledger = options->ledger;
    p->tills = options->tills;
    p->who = options->who;
    p->context = options->context;
    p->run = options->run;
    p->strict = p->ledger && is_strict(options->policy);
    p->last_monotonic_ns = now.monotonic_ns;
    p->expire_ns = now.monotonic_ns + EXPIRE_EVERY;
    int r = p->ledger ? begin_run(p, now, err) : 0;
    if (r < 0)
        free(p);
    else
        *ret = p;
    return r;
}

void fg_passages_destroy(struct fg_passages *passages)
{
    if (!passages)
        return;
    fg_passages_write(passages, (struct fg_now){0, 0});
    free(passages);
}
