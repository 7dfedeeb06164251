// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "matcher/passages_parts.h"
#include "matcher/reader.h"
#include "matcher/seal.h"

#define NS_PER_S   UINT64_C(1000000000)
#define FLIGHTS    4
#define ANY_STATE  7u
#define BIT(state) (1u << (state))
#define CLAIM_WHY  "claim"

static const uint8_t none[FG_CHARGE_ID];

void fg_payment_charge(const struct fg_payment *payment, uint8_t ret[FG_CHARGE_ID])
{
    char text[2 * FG_SUBJECT_ID];
    uint8_t digest[FG_SEAL_DIGEST];
    int length = snprintf(text, sizeof text, "%s/%s", payment->firm, payment->id);
    fg_seal_digest(text, (size_t)length, digest);
    memcpy(ret, digest, FG_CHARGE_ID);
}

// ---- facts -------------------------------------------------------------------------------------

struct gathered {
    struct fg_facts facts;
    struct fg_subject subject;
    struct fg_flight flights[FLIGHTS];
};

static int add_flights(struct fg_passages *p, struct gathered *g)
{
    static const char prefix[] = "flight:";
    for (unsigned i = 0; i < g->subject.n_tags && g->facts.n_flights < FLIGHTS; i++) {
        const char *tag = g->subject.tags[i];
        if (strncmp(tag, prefix, sizeof prefix - 1) != 0 || !tag[sizeof prefix - 1])
            continue;
        int r = fg_ledger_flight_get(p->ledger, tag + sizeof prefix - 1,
                                     &g->flights[g->facts.n_flights], NULL);
        if (r < 0 && r != -ENOENT)
            return r;
        g->facts.n_flights += r == 0;
    }
    g->facts.flights = g->flights;
    return 0;
}

// A zone holds those of the zones in it, too.
static uint64_t people_in(struct fg_passages *p, const char *zone)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < p->policy->n_zones && zone[0]; i++)
        if (fg_policy_encloses(p->policy, zone, p->policy->zones[i].name))
            count += fg_ledger_inside_count(p->ledger, p->policy->zones[i].name);
    return count;
}

static int add_inside(struct fg_passages *p, const struct fg_lane_rules *lane,
                      struct fg_facts *facts)
{
    struct fg_inside inside;
    int r = fg_ledger_inside_get(p->ledger, facts->subject->id, &inside, NULL);
    facts->inside = r == 0;
    if (r == 0)
        memcpy(facts->inside_zone, inside.zone, sizeof facts->inside_zone);
    facts->zone_count = people_in(p, lane->zone);
    return r == -ENOENT ? 0 : r;
}

// The ledger's time against the wall's, which may have been set back since.
static uint64_t on_the_wall(uint64_t then_ns, uint64_t ledger_ns, struct fg_now now)
{
    uint64_t ago_s = (ledger_ns - then_ns) / NS_PER_S, wall_s = now.realtime_ns / NS_PER_S;
    return wall_s > ago_s ? wall_s - ago_s : 1;
}

static int add_passages(struct fg_passages *p, const char *lane, struct fg_facts *facts,
                        struct fg_now now)
{
    struct fg_passage_record last;
    const char *subject = facts->subject->id;
    int r = fg_ledger_passage_last(p->ledger, subject, NULL, BIT(FG_PASSAGE_DONE), &last, NULL);
    if (r < 0 && r != -ENOENT)
        return r;
    if (r == 0) {
        facts->passed_s = on_the_wall(last.t_settled_ns, fg_passages_time(p, now), now);
        memcpy(facts->passed_lane, last.lane, sizeof facts->passed_lane);
    }
    r = fg_ledger_passage_last(p->ledger, subject, NULL, BIT(FG_PASSAGE_PENDING), &last, NULL);
    facts->pending = r == 0 && strcmp(last.lane, lane) != 0;
    return r == -ENOENT ? 0 : r;
}

static int add_block(struct fg_passages *p, struct fg_facts *facts, struct fg_now now)
{
    uint64_t until_s = 0;
    const char *subject = facts->subject->id;
    int r =
        fg_ledger_mark_get(p->ledger, FG_MARK_BLOCKED, subject, strlen(subject), &until_s, NULL);
    facts->blocked = r == 0 && (until_s == 0 || until_s > now.realtime_ns / NS_PER_S);
    return r == -ENOENT ? 0 : r;
}

static void add_payment(struct fg_passages *p, const char *lane, struct fg_facts *facts)
{
    const struct fg_till *till = p->tills ? fg_tills_find(p->tills, lane) : NULL;
    if (!till)
        return;
    facts->payment = &till->payment;
    facts->pin_given = till->pin[0] != '\0';
    facts->pin_right = facts->pin_given && facts->subject->pin[0] &&
                       fg_seal_password_check(facts->subject->pin, till->pin) == 0;
}

// Somebody who is not enrolled here: what the token or the document says is all there is to know.
static void as_claimed(const struct fg_claim *claim, struct fg_subject *ret)
{
    *ret = (struct fg_subject){.born = FG_NO_BIRTH,
                               .valid_from_s = claim->valid_from_s,
                               .valid_until_s = claim->valid_until_s};
    memcpy(ret->id, claim->id, sizeof ret->id);
    memcpy(ret->consent, CLAIM_WHY, sizeof CLAIM_WHY); // they hold it out themselves
}

static int gather(struct fg_passages *p, const char *lane, const char *subject,
                  const struct fg_claim *claim, struct fg_now now, struct gathered *g)
{
    int r = 0;
    memset(g, 0, sizeof *g);
    if (claim)
        as_claimed(claim, &g->subject);
    else
        r = p->who(p->context, subject, &g->subject);
    g->facts.subject = &g->subject;
    add_payment(p, lane, &g->facts);
    if (r < 0 || !p->open)
        return r;
    r = add_block(p, &g->facts, now);
    if (r == 0)
        r = add_flights(p, g);
    if (r == 0)
        r = add_inside(p, fg_policy_lane(p->policy, lane), &g->facts);
    return r < 0 ? r : add_passages(p, lane, &g->facts, now);
}

static void check(struct fg_passages *p, const char *lane, const struct gathered *g,
                  struct fg_now now, struct fg_verdict *ret)
{
    time_t seconds = (time_t)(now.realtime_ns / NS_PER_S);
    struct tm local;
    localtime_r(&seconds, &local);
    fg_rules_check(p->policy, fg_policy_lane(p->policy, lane), &g->facts, (uint64_t)seconds,
                   (unsigned)(local.tm_hour * 60 + local.tm_min),
                   (unsigned)((local.tm_wday + 6) % 7), ret);
}

void fg_passages_explain(struct fg_passages *p, const char *lane, const char *subject,
                         struct fg_now now, struct fg_verdict *ret)
{
    struct gathered g;
    if ((!p->ledger || fg_passages_begin(p, now) == 0) &&
        gather(p, lane, subject, NULL, now, &g) == 0)
        check(p, lane, &g, now, ret);
    explicit_bzero(&g, sizeof g);
}

// ---- charges -----------------------------------------------------------------------------------

// What the same subject's last admission in the lane left: its charge is theirs again. Both have it
// from then on: a gate that was open already knows the first admission alone, and whichever is the
// passage makes the charge due, once.
static int take_up_charge(struct fg_passages *p, const struct fg_decision *about,
                          const char *subject, struct fg_now now, uint8_t ret[FG_CHARGE_ID])
{
    struct fg_passage_record last;
    struct fg_charge charge;
    int r = fg_ledger_passage_last(p->ledger, subject, about->lane, ANY_STATE, &last, NULL);
    if (r == 0) {
        uint64_t ago_ns = fg_passages_time(p, now) - last.t_settled_ns;
        bool returns = last.state == FG_PASSAGE_VOID && ago_ns <= p->policy->reuse_s * NS_PER_S;
        bool stays = last.state == FG_PASSAGE_PENDING;
        if (!returns && !stays)
            return 0;
        r = fg_ledger_charge_get(p->ledger, last.charge, &charge, NULL);
    }
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    if (charge.state == FG_CHARGE_PENDING || charge.state == FG_CHARGE_VOID)
        memcpy(ret, charge.id, FG_CHARGE_ID);
    return 0;
}

static int open_charge(struct fg_passages *p, struct fg_decision *about, const char *subject,
                       const struct fg_payment *payment, struct fg_now now)
{
    struct fg_charge charge = {.amount = p->policy->fare};
    int r = 0;
    if (!payment)
        r = take_up_charge(p, about, subject, now, charge.id);
    if (r < 0)
        return r;
    if (payment) {
        fg_payment_charge(payment, charge.id);
        charge.amount = payment->amount;
        memcpy(charge.payment, payment->id, sizeof charge.payment);
        memcpy(charge.firm, payment->firm, sizeof charge.firm);
    } else if (memcmp(charge.id, none, sizeof none) == 0) {
        fg_seal_random(charge.id, sizeof charge.id);
    }
    charge.state = FG_CHARGE_PENDING;
    charge.t_ns = fg_passages_time(p, now);
    memcpy(charge.currency, p->policy->currency, sizeof charge.currency);
    snprintf(charge.subject, sizeof charge.subject, "%s", subject);
    snprintf(charge.lane, sizeof charge.lane, "%s", about->lane);
    memcpy(about->charge, charge.id, sizeof about->charge);
    about->amount = charge.amount;
    memcpy(about->currency, charge.currency, sizeof about->currency);
    memcpy(about->payment, charge.payment, sizeof about->payment);
    return fg_ledger_charge_put(p->ledger, &charge, NULL);
}

// A payment that was charged is not charged again, whoever stands there.
static int already_paid(struct fg_passages *p, const struct fg_payment *payment, bool *ret)
{
    struct fg_charge charge;
    uint8_t id[FG_CHARGE_ID];
    *ret = false;
    if (!payment)
        return 0;
    fg_payment_charge(payment, id);
    int r = fg_ledger_charge_get(p->ledger, id, &charge, NULL);
    *ret = r == 0 && (charge.state == FG_CHARGE_DUE || charge.state == FG_CHARGE_TAKEN);
    return r == -ENOENT ? 0 : r;
}

// ---- admission ---------------------------------------------------------------------------------

static int use_token(struct fg_passages *p, const struct fg_decision *about,
                     const struct fg_claim *claim, struct fg_now now)
{
    if (!p->policy->one_time || !claim || claim->kind != FG_CLAIM_TOKEN)
        return 0;
    struct fg_event event = fg_passages_event(p, FG_EVENT_TOKEN_USED, about->lane, claim->id, now);
    int r = fg_ledger_mark_put(p->ledger, FG_MARK_USED, claim->serial, sizeof claim->serial,
                               claim->valid_until_s, NULL);
    return r < 0 ? r : fg_passages_append(p, &event);
}

// What became of the code since it was read: it waits for a face in several lanes, maybe.
static const char *refusal_of(const struct fg_passages *p, const struct fg_claim *claim)
{
    if (!claim || claim->kind != FG_CLAIM_TOKEN)
        return NULL;
    if (fg_reader_is_revoked(p->ledger, claim->serial))
        return FG_WHY_TOKEN_REVOKED;
    const bool used = p->policy->one_time && fg_reader_is_used(p->ledger, claim->serial);
    return used ? FG_WHY_TOKEN_USED : NULL;
}

static int write_admission(struct fg_passages *p, struct fg_decision *about, const char *subject,
                           const struct fg_claim *claim, const struct fg_payment *payment,
                           struct fg_now now)
{
    int r = use_token(p, about, claim, now);
    if (r == 0 && (payment || p->policy->fare > 0))
        r = open_charge(p, about, subject, payment, now);
    if (r < 0)
        return r;
    struct fg_event event = fg_passages_event(p, FG_EVENT_ADMIT, about->lane, subject, now);
    struct fg_passage_record passage = {.run = p->run,
                                        .decision = about->sequence,
                                        .state = FG_PASSAGE_PENDING,
                                        .t_ns = event.t_ns};
    memcpy(passage.lane, about->lane, sizeof passage.lane);
    memcpy(passage.subject, event.subject, sizeof passage.subject);
    memcpy(passage.charge, about->charge, sizeof passage.charge);
    event.decision = about->sequence;
    event.amount = about->amount;
    memcpy(event.charge, about->charge, sizeof event.charge);
    memcpy(event.currency, about->currency, sizeof event.currency);
    snprintf(event.reason, sizeof event.reason, "%s", FG_WHY_MATCHED);
    snprintf(event.detail, sizeof event.detail, "%s", about->payment);
    snprintf(event.liveness, sizeof event.liveness, "%s", "attended");
    r = fg_passages_append(p, &event);
    if (r == 0)
        r = fg_ledger_passage_put(p->ledger, &passage, NULL);
    if (r == 0 && p->policy->passage == FG_PASSAGE_ON_ADMIT)
        return fg_passages_done(p, &passage, now);
    if (r == 0)
        fg_passages_watch(p, passage.run, passage.decision, now);
    return r;
}

static void end_payment(struct fg_passages *p, const char *lane, struct fg_verdict *verdict)
{
    struct fg_till *till = p->tills ? fg_tills_find(p->tills, lane) : NULL;
    if (!till)
        return;
    if (strcmp(verdict->reason, FG_WHY_PIN_WRONG) == 0) {
        explicit_bzero(till->pin, sizeof till->pin); // each is tried once
        verdict->retry = ++till->tries < p->policy->pin_tries;
    }
    if (!verdict->admit && verdict->retry)
        return;
    fg_tills_end(p->tills, lane, verdict->admit ? FG_TILL_ADMITTED : FG_TILL_REFUSED,
                 verdict->reason);
}

static int permit(struct fg_passages *p, struct fg_decision *about, const char *subject,
                  const struct fg_claim *claim, struct fg_now now, struct gathered *g,
                  struct fg_verdict *ret)
{
    bool paid = false;
    int r = gather(p, about->lane, subject, claim, now, g);
    if (r == 0)
        check(p, about->lane, g, now, ret);
    if (r < 0 || !ret->admit || !p->open)
        return r;
    struct fg_payment payment =
        g->facts.payment ? *g->facts.payment : (struct fg_payment){.amount = 0};
    const struct fg_payment *asked = g->facts.payment ? &payment : NULL;
    r = already_paid(p, asked, &paid);
    if (r < 0 || paid) {
        *ret = (struct fg_verdict){.reason = FG_WHY_USED_ALREADY};
        return r;
    }
    const char *refused = refusal_of(p, claim);
    if (refused) {
        *ret = (struct fg_verdict){.reason = refused};
        return 0;
    }
    r = write_admission(p, about, subject, claim, asked, now);
    p->admissions += r == 0;
    return r;
}

void fg_passages_permit(struct fg_passages *passages, struct fg_decision *about,
                        const char *subject, const struct fg_claim *claim, struct fg_now now,
                        struct fg_verdict *ret)
{
    struct gathered g;
    struct fg_verdict verdict = {.reason = FG_WHY_STORE_FULL};
    int r = passages->ledger ? fg_passages_begin(passages, now) : 0;
    if (r == 0 || !passages->strict)
        r = permit(passages, about, subject, claim, now, &g, &verdict);
    if (r == -ENOENT) { // deleted since they were found
        verdict = (struct fg_verdict){.reason = FG_WHY_NO_MATCH};
    } else if (r < 0) {
        fg_passages_fail(passages, r);
        if (passages->strict)
            verdict = (struct fg_verdict){.reason = FG_WHY_STORE_FULL};
    }
    explicit_bzero(&g, sizeof g);
    end_payment(passages, about->lane, &verdict);
    *ret = verdict;
}

int fg_passages_commit(struct fg_passages *passages, struct fg_now now)
{
    int r = 0;
    if (passages->strict &&
        passages->broken) { // one failed, and took the others' transaction along
        r = -EIO;
        fg_passages_fail(passages, r); // those behind it are denied, too
    } else if (passages->strict) {
        r = fg_passages_write(passages, now);
    }
    passages->broken = false;
    return r;
}
