// SPDX-License-Identifier: Apache-2.0
// A ledger in use: random admissions, reports, charges that are taken, blocks, each a transaction
// with its event. And the state that follows from the events alone, to compare with the tables.
#ifndef FG_LEDGER_PLAY_H
#define FG_LEDGER_PLAY_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matcher/ledger.h"
#include "tests/dice.h"

#define PLAY_SUBJECTS 8
#define PLAY_PENDING  64

struct play {
    struct fg_ledger *ledger;
    uint64_t run, decision, t_ns;
    unsigned n_pending;
    uint64_t pending[PLAY_PENDING][2]; // run, decision
};

static inline void play_charge_id(uint64_t run, uint64_t decision, uint8_t ret[FG_CHARGE_ID])
{
    memset(ret, 0, FG_CHARGE_ID);
    memcpy(ret, &run, sizeof run);
    memcpy(ret + 8, &decision, sizeof decision);
}

static inline int play_event(struct play *p, enum fg_event_kind kind,
                             const struct fg_passage_record *of, const char *detail)
{
    struct fg_event event = {
        .kind = kind, .t_ns = p->t_ns, .run = of->run, .decision = of->decision, .amount = 250};
    memcpy(event.lane, of->lane, sizeof event.lane);
    memcpy(event.subject, of->subject, sizeof event.subject);
    memcpy(event.charge, of->charge, sizeof event.charge);
    snprintf(event.detail, sizeof event.detail, "%s", detail);
    return fg_ledger_append(p->ledger, &event, NULL);
}

static inline int play_admit(struct play *p)
{
    struct fg_passage_record passage = {.run = p->run, .decision = ++p->decision, .t_ns = p->t_ns};
    struct fg_charge charge = {.amount = 250, .currency = "EUR", .t_ns = p->t_ns};
    snprintf(passage.lane, sizeof passage.lane, "west");
    snprintf(passage.subject, sizeof passage.subject, "s-%u", random_below(PLAY_SUBJECTS));
    play_charge_id(passage.run, passage.decision, passage.charge);
    memcpy(charge.id, passage.charge, sizeof charge.id);
    memcpy(charge.subject, passage.subject, sizeof charge.subject);
    memcpy(charge.lane, passage.lane, sizeof charge.lane);
    int r = fg_ledger_passage_put(p->ledger, &passage, NULL);
    if (r == 0)
        r = fg_ledger_charge_put(p->ledger, &charge, NULL);
    if (r == 0)
        r = play_event(p, FG_EVENT_ADMIT, &passage, "");
    if (r == 0 && p->n_pending < PLAY_PENDING) {
        p->pending[p->n_pending][0] = passage.run;
        p->pending[p->n_pending++][1] = passage.decision;
    }
    return r;
}

static inline int play_cross(struct play *p, const struct fg_passage_record *passage)
{
    struct fg_inside inside = {.since_ns = p->t_ns};
    int r = fg_ledger_inside_get(p->ledger, passage->subject, &inside, NULL);
    if (r == 0) {
        r = fg_ledger_inside_delete(p->ledger, passage->subject, NULL);
        return r < 0 ? r : play_event(p, FG_EVENT_PASSED, passage, "out");
    }
    memcpy(inside.subject, passage->subject, sizeof inside.subject);
    snprintf(inside.zone, sizeof inside.zone, "%s", passage->decision % 2 ? "hall" : "yard");
    r = fg_ledger_inside_put(p->ledger, &inside, NULL);
    return r < 0 ? r : play_event(p, FG_EVENT_PASSED, passage, "in");
}

static inline int play_settle(struct play *p, bool passed)
{
    struct fg_passage_record passage;
    struct fg_charge charge;
    if (p->n_pending == 0)
        return 0;
    unsigned at = random_below(p->n_pending--);
    uint64_t run = p->pending[at][0], decision = p->pending[at][1];
    memmove(p->pending[at], p->pending[at + 1], (p->n_pending - at) * sizeof p->pending[0]);
    int r = fg_ledger_passage_get(p->ledger, run, decision, &passage, NULL);
    if (r == 0)
        r = fg_ledger_charge_get(p->ledger, passage.charge, &charge, NULL);
    if (r < 0)
        return r;
    passage.state = passed ? FG_PASSAGE_DONE : FG_PASSAGE_VOID;
    passage.t_settled_ns = p->t_ns;
    charge.state = passed ? FG_CHARGE_DUE : FG_CHARGE_VOID;
    r = fg_ledger_passage_put(p->ledger, &passage, NULL);
    if (r == 0)
        r = passed ? play_cross(p, &passage) : play_event(p, FG_EVENT_TIMEOUT, &passage, "");
    if (r == 0)
        r = fg_ledger_charge_put(p->ledger, &charge, NULL);
    return r < 0 ? r
                 : play_event(p, passed ? FG_EVENT_CHARGE_DUE : FG_EVENT_CHARGE_VOID, &passage, "");
}

static inline int play_take(struct play *p)
{
    struct fg_charge due[4];
    struct fg_passage_record of = {.run = 0};
    unsigned count = 0;
    int r = fg_ledger_charges_due(p->ledger, NULL, 0, due, 4, &count, NULL);
    for (unsigned i = 0; i < count && r == 0; i++) {
        due[i].state = FG_CHARGE_TAKEN;
        memcpy(of.charge, due[i].id, sizeof of.charge);
        r = fg_ledger_charge_put(p->ledger, &due[i], NULL);
        if (r == 0)
            r = play_event(p, FG_EVENT_CHARGE_TAKEN, &of, "");
    }
    return r;
}

static inline int play_block(struct play *p)
{
    struct fg_passage_record of = {.run = 0};
    snprintf(of.subject, sizeof of.subject, "s-%u", random_below(PLAY_SUBJECTS));
    const size_t length = strlen(of.subject);
    int r = fg_ledger_mark_delete(p->ledger, FG_MARK_BLOCKED, of.subject, length, NULL);
    bool blocks = r == -ENOENT;
    if (blocks)
        r = fg_ledger_mark_put(p->ledger, FG_MARK_BLOCKED, of.subject, length, 0, NULL);
    return r < 0 ? r : play_event(p, blocks ? FG_EVENT_BLOCKED : FG_EVENT_UNBLOCKED, &of, "");
}

// One transaction. 0, or what it failed with; nothing of it is there then.
static inline int play_step(struct play *p)
{
    int r = fg_ledger_begin(p->ledger, true, NULL);
    if (r < 0)
        return r;
    p->t_ns += 1000000;
    const unsigned dice = random_below(10);
    r = dice < 4   ? play_admit(p)
        : dice < 7 ? play_settle(p, true)
        : dice < 8 ? play_settle(p, false)
        : dice < 9 ? play_take(p)
                   : play_block(p);
    if (r == 0)
        return fg_ledger_commit(p->ledger, NULL);
    fg_ledger_abort(p->ledger);
    return r;
}

static inline int play_keep_pending(void *context, const struct fg_passage_record *passage)
{
    struct play *p = context;
    if (p->n_pending < PLAY_PENDING) {
        p->pending[p->n_pending][0] = passage->run;
        p->pending[p->n_pending++][1] = passage->decision;
    }
    return 0;
}

// Goes on with what a ledger holds, as a new run.
static inline void play_begin(struct play *p, struct fg_ledger *ledger, uint64_t run)
{
    *p = (struct play){.ledger = ledger, .run = run, .t_ns = run * 1000000000000u};
    if (fg_ledger_begin(ledger, false, NULL) == 0)
        (void)fg_ledger_passages_pending(ledger, play_keep_pending, p, NULL);
    fg_ledger_abort(ledger);
}

// ---- what follows from the events --------------------------------------------------------------

struct followed {
    uint64_t last; // event
    unsigned inside, due, pending, blocked;
    bool is_inside[PLAY_SUBJECTS], is_blocked[PLAY_SUBJECTS];
};

static inline void follow(struct followed *f, const struct fg_event *e)
{
    const int subject = e->subject[0] ? atoi(e->subject + 2) : 0;
    f->pending += e->kind == FG_EVENT_ADMIT;
    f->pending -= e->kind == FG_EVENT_PASSED || e->kind == FG_EVENT_TIMEOUT;
    f->due += e->kind == FG_EVENT_CHARGE_DUE;
    f->due -= e->kind == FG_EVENT_CHARGE_TAKEN;
    if (e->kind == FG_EVENT_PASSED)
        f->is_inside[subject] = strcmp(e->detail, "in") == 0;
    if (e->kind == FG_EVENT_BLOCKED || e->kind == FG_EVENT_UNBLOCKED)
        f->is_blocked[subject] = e->kind == FG_EVENT_BLOCKED;
    f->last = e->number;
}

static inline int follow_all(struct fg_ledger *ledger, struct followed *ret)
{
    struct fg_event events[64];
    unsigned count = 64;
    int r = 0;
    memset(ret, 0, sizeof *ret);
    while (r == 0 && count == 64) {
        r = fg_ledger_events(ledger, ret->last, events, 64, &count, NULL);
        for (unsigned i = 0; i < count && r == 0; i++)
            follow(ret, &events[i]);
    }
    for (unsigned i = 0; i < PLAY_SUBJECTS; i++) {
        ret->inside += ret->is_inside[i];
        ret->blocked += ret->is_blocked[i];
    }
    return r;
}

#endif
