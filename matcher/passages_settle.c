// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "matcher/passages_parts.h"

#define NS_PER_S    UINT64_C(1000000000)
#define A_PASSAGE_S 30 // where the profile says nothing

static const uint8_t none[FG_CHARGE_ID];

static bool charged(const struct fg_passage_record *passage)
{
    return memcmp(passage->charge, none, sizeof none) != 0;
}

// ---- which are pending -------------------------------------------------------------------------

static struct fg_pending *place(struct fg_passages *p)
{
    struct fg_pending *first = &p->pending[0];
    for (unsigned i = 0; i < FG_PASSAGES_PENDING; i++) {
        if (p->pending[i].run == 0)
            return &p->pending[i];
        if (p->pending[i].due_ns < first->due_ns)
            first = &p->pending[i];
    }
    return first; // what is displaced stays in the ledger until the next start
}

void fg_passages_watch(struct fg_passages *p, uint64_t run, uint64_t decision, struct fg_now now)
{
    uint32_t seconds = p->policy->passage_s ? p->policy->passage_s : A_PASSAGE_S;
    *place(p) = (struct fg_pending){run, decision, now.monotonic_ns + seconds * NS_PER_S};
}

void fg_passages_unwatch(struct fg_passages *p, uint64_t run, uint64_t decision)
{
    for (unsigned i = 0; i < FG_PASSAGES_PENDING; i++)
        if (p->pending[i].run == run && p->pending[i].decision == decision)
            p->pending[i] = (struct fg_pending){0, 0, 0};
}

// ---- charges -----------------------------------------------------------------------------------

static int settle_charge(struct fg_passages *p, const struct fg_passage_record *passage,
                         enum fg_charge_state state, struct fg_now now)
{
    struct fg_charge charge;
    if (!charged(passage))
        return 0;
    int r = fg_ledger_charge_get(p->ledger, passage->charge, &charge, NULL);
    if (r < 0)
        return r;
    if (charge.state == state || charge.state == FG_CHARGE_DUE || charge.state == FG_CHARGE_TAKEN)
        return 0; // once is enough
    charge.state = state;
    struct fg_event event =
        fg_passages_event(p, state == FG_CHARGE_DUE ? FG_EVENT_CHARGE_DUE : FG_EVENT_CHARGE_VOID,
                          passage->lane, passage->subject, now);
    if (state == FG_CHARGE_DUE)
        charge.t_due_ns = event.t_ns;
    event.run = passage->run;
    event.decision = passage->decision;
    event.amount = charge.amount;
    memcpy(event.currency, charge.currency, sizeof event.currency);
    memcpy(event.charge, charge.id, sizeof event.charge);
    snprintf(event.detail, sizeof event.detail, "%s", charge.payment);
    r = fg_ledger_charge_put(p->ledger, &charge, NULL);
    return r < 0 ? r : fg_passages_append(p, &event);
}

// ---- what becomes of a passage -----------------------------------------------------------------

static const char *direction_of(const struct fg_lane_rules *rules)
{
    return rules->direction == FG_DIRECTION_IN    ? "in"
           : rules->direction == FG_DIRECTION_OUT ? "out"
                                                  : "";
}

// Into the lane's zone; or out of it, into the one that it lies in.
static int move(struct fg_passages *p, const struct fg_passage_record *passage, uint64_t t_ns)
{
    const struct fg_lane_rules *rules = fg_policy_lane(p->policy, passage->lane);
    const struct fg_zone_rules *zone = fg_policy_zone(p->policy, rules->zone);
    const char *into = rules->direction == FG_DIRECTION_IN ? rules->zone : zone ? zone->within : "";
    struct fg_inside inside = {.since_ns = t_ns};
    if (rules->direction == FG_DIRECTION_NONE)
        return 0;
    memcpy(inside.subject, passage->subject, sizeof inside.subject);
    snprintf(inside.zone, sizeof inside.zone, "%s", into);
    if (rules->direction == FG_DIRECTION_IN || into[0])
        return fg_ledger_inside_put(p->ledger, &inside, NULL);
    int r = fg_ledger_inside_delete(p->ledger, passage->subject, NULL);
    return r == -ENOENT ? 0 : r;
}

static struct fg_event event_of(struct fg_passages *p, enum fg_event_kind kind,
                                const struct fg_passage_record *passage, struct fg_now now)
{
    struct fg_event event = fg_passages_event(p, kind, passage->lane, passage->subject, now);
    event.run = passage->run;
    event.decision = passage->decision;
    memcpy(event.charge, passage->charge, sizeof event.charge);
    return event;
}

int fg_passages_done(struct fg_passages *p, struct fg_passage_record *passage, struct fg_now now)
{
    struct fg_event event = event_of(p, FG_EVENT_PASSED, passage, now);
    snprintf(event.detail, sizeof event.detail, "%s",
             direction_of(fg_policy_lane(p->policy, passage->lane)));
    passage->state = FG_PASSAGE_DONE;
    passage->t_settled_ns = event.t_ns;
    passage->crossings = 1;
    int r = fg_ledger_passage_put(p->ledger, passage, NULL);
    if (r == 0)
        r = fg_passages_append(p, &event);
    if (r == 0)
        r = move(p, passage, event.t_ns);
    if (r == 0)
        r = settle_charge(p, passage, FG_CHARGE_DUE, now);
    fg_passages_unwatch(p, passage->run, passage->decision);
    return r;
}

int fg_passages_void(struct fg_passages *p, struct fg_passage_record *passage,
                     enum fg_event_kind why, struct fg_now now)
{
    struct fg_event event = event_of(p, why, passage, now);
    passage->state = FG_PASSAGE_VOID;
    passage->t_settled_ns = event.t_ns;
    int r = fg_ledger_passage_put(p->ledger, passage, NULL);
    if (r == 0)
        r = fg_passages_append(p, &event);
    if (r == 0)
        r = settle_charge(p, passage, FG_CHARGE_VOID, now);
    fg_passages_unwatch(p, passage->run, passage->decision);
    return r;
}

static int another_crossing(struct fg_passages *p, struct fg_passage_record *passage,
                            struct fg_now now)
{
    struct fg_event event = event_of(p, FG_EVENT_TAILGATE, passage, now);
    passage->crossings++;
    p->counters.tailgates++;
    int r = fg_ledger_passage_put(p->ledger, passage, NULL);
    return r < 0 ? r : fg_passages_append(p, &event);
}

// ---- what a gate says --------------------------------------------------------------------------

static int on_passed(struct fg_passages *p, struct fg_passage_record *passage,
                     const struct fg_wire_head *head, struct fg_now now)
{
    bool again = passage->crossings > 0 && passage->crossing_boot == head->boot &&
                 passage->crossing_ns == head->t_capture_ns;
    if (passage->state == FG_PASSAGE_DONE && again)
        return 0; // the same report once more
    bool first = passage->state != FG_PASSAGE_DONE || passage->crossings == 0;
    passage->crossing_boot = head->boot;
    passage->crossing_ns = head->t_capture_ns;
    if (!first)
        return another_crossing(p, passage, now);
    p->counters.passed++;
    return fg_passages_done(p, passage, now);
}

static int on_timeout(struct fg_passages *p, struct fg_passage_record *passage, struct fg_now now)
{
    if (passage->state != FG_PASSAGE_PENDING)
        return 0;
    p->counters.timeouts++;
    return fg_passages_void(p, passage, FG_EVENT_TIMEOUT, now);
}

static int on_forced(struct fg_passages *p, const struct fg_wire_message *report, struct fg_now now)
{
    struct fg_event event = fg_passages_event(p, FG_EVENT_FORCED, report->head.lane, "", now);
    p->counters.forced++;
    return fg_passages_append(p, &event);
}

static int hear(struct fg_passages *p, const struct fg_wire_message *report, struct fg_now now)
{
    struct fg_passage_record passage;
    int r =
        fg_ledger_passage_get(p->ledger, report->gate.run, report->gate.decision, &passage, NULL);
    bool ours = r == 0 && strcmp(passage.lane, report->head.lane) == 0;
    if (r < 0 && r != -ENOENT)
        return r;
    if (report->head.type == FG_WIRE_FORCED) // right behind somebody, when it names a decision
        return ours ? another_crossing(p, &passage, now) : on_forced(p, report, now);
    if (!ours) {
        p->counters.strays++; // too old to be known, or not this gate's
        return 0;
    }
    return report->head.type == FG_WIRE_PASSED ? on_passed(p, &passage, &report->head, now)
                                               : on_timeout(p, &passage, now);
}

int fg_passages_hear(struct fg_passages *passages, const struct fg_wire_message *report,
                     struct fg_now now)
{
    if (!passages->ledger)
        return 0;
    int r = fg_passages_begin(passages, now);
    if (r < 0)
        return r;
    r = hear(passages, report, now);
    if (r < 0) {
        fg_passages_fail(passages, r);
        return r;
    }
    return fg_passages_write(passages, now);
}
