// SPDX-License-Identifier: Apache-2.0
#include "matcher/decide.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matcher/claims.h"
#include "matcher/presences.h"

#define NS_PER_MS UINT64_C(1000000)
#define OUTBOX    (4 * FG_DECIDE_BATCH)

struct fg_decide {
    struct fg_policy policy;
    struct fg_card card;
    uint32_t dimension;
    bool by_claim; // 1:1
    struct fg_roster *roster;
    struct fg_decide_hooks hooks;
    uint64_t sequence;
    struct fg_decide_counters counters;
    struct fg_tracks tracks;
    struct fg_track *waiting[FG_DECIDE_BATCH]; // for their search, in the order of their probes
    unsigned n_waiting;
    struct fg_decision outbox[OUTBOX]; // not yet published
    unsigned n_outbox;
    bool owes_commit; // an admission in the outbox is not durable yet
    struct fg_presences presences;
    struct fg_claims claims;
};

int fg_decide_create(const struct fg_policy *policy, const struct fg_card *card,
                     struct fg_roster *roster, const struct fg_decide_hooks *hooks,
                     struct fg_decide **ret)
{
    struct fg_decide *d = calloc(1, sizeof *d);
    if (!d)
        return -ENOMEM;
    d->policy = *policy;
    d->by_claim = policy->mode != FG_MODE_IDENTIFY;
    d->card = *card;
    d->dimension = fg_card_template_dimension(card);
    d->roster = roster;
    d->hooks = *hooks;
    *ret = d;
    return 0;
}

void fg_decide_destroy(struct fg_decide *decide)
{
    if (!decide)
        return;
    explicit_bzero(decide, sizeof *decide);
    free(decide);
}

const struct fg_decide_counters *fg_decide_counters(const struct fg_decide *decide)
{
    return &decide->counters;
}

static bool over(uint64_t since_ns, uint64_t now_ns, uint64_t limit_ms)
{
    return now_ns - since_ns >= limit_ms * NS_PER_MS;
}

// ---- lanes and presences -----------------------------------------------------------------------

static unsigned *attempts_of(struct fg_decide *d, const char *lane)
{
    return &fg_presences_lane(&d->presences, lane)->attempts;
}

// Somebody is seen in the lane; a new presence if it was empty for long enough.
static void lane_visit(struct fg_decide *d, const char *name, uint64_t now_ns)
{
    struct fg_lane_presence *lane = fg_presences_lane(&d->presences, name);
    if (over(lane->seen_ns, now_ns, d->policy.absent_ms) && !fg_tracks_live(&d->tracks, name))
        lane->attempts = 0;
    lane->seen_ns = now_ns;
}

static bool present(struct fg_decide *d, const char *lane, const char *subject, uint64_t now_ns)
{
    return fg_presences_lately(&d->presences, lane, subject, now_ns, d->policy.absent_ms) ||
           fg_tracks_admitted(&d->tracks, lane, subject);
}

bool fg_decide_somebody(const struct fg_decide *decide, const char *lane)
{
    return fg_tracks_live(&decide->tracks, lane);
}

// ---- decisions ---------------------------------------------------------------------------------

// What could not be made durable has not happened.
static void take_back_admissions(struct fg_decide *d)
{
    for (unsigned i = 0; i < d->n_outbox; i++) {
        struct fg_decision *decision = &d->outbox[i];
        if (decision->outcome != FG_ADMIT)
            continue;
        decision->outcome = FG_DENY;
        decision->reason = FG_WHY_STORE_FULL;
        memset(decision->subject, 0, sizeof decision->subject);
        memset(decision->charge, 0, sizeof decision->charge);
        decision->amount = 0;
    }
}

static void flush(struct fg_decide *d)
{
    if (d->owes_commit && d->hooks.commit(d->hooks.context) < 0)
        take_back_admissions(d);
    d->owes_commit = false;
    for (unsigned i = 0; i < d->n_outbox; i++) {
        d->counters.outcomes[d->outbox[i].outcome]++;
        d->hooks.emit(d->hooks.context, &d->outbox[i]);
    }
    d->n_outbox = 0;
}

// The next decision about this track, not yet in the outbox.
static struct fg_decision about(const struct fg_decide *d, const struct fg_track *t,
                                uint64_t now_ns)
{
    struct fg_decision decision = {.sequence = d->sequence + 1,
                                   .session = t->session,
                                   .track = t->number,
                                   .probes = t->n_good,
                                   .t_capture_ns = t->t_capture_ns,
                                   .t_decision_ns = now_ns,
                                   .boot = t->boot};
    memcpy(decision.lane, t->lane, sizeof decision.lane);
    memcpy(decision.source, t->source, sizeof decision.source);
    return decision;
}

static void publish(struct fg_decide *d, const struct fg_decision *decision)
{
    d->sequence = decision->sequence;
    d->outbox[d->n_outbox++] = *decision;
    if (d->n_outbox == OUTBOX)
        flush(d);
}

static struct fg_verdict simply(const char *reason)
{
    return (struct fg_verdict){.reason = reason};
}

static void explain(struct fg_decision *decision, const struct fg_verdict *why)
{
    decision->reason = why->reason;
    decision->when_s = why->when_s;
    memcpy(decision->detail, why->detail, sizeof decision->detail);
}

static void retry_as(struct fg_decide *d, struct fg_track *t, const struct fg_verdict *why,
                     uint64_t now_ns)
{
    if (t->decided || (t->retry && strcmp(t->retry, why->reason) == 0))
        return;
    t->retry = why->reason;
    struct fg_decision decision = about(d, t, now_ns);
    decision.outcome = FG_RETRY;
    decision.attempt = *attempts_of(d, t->lane) + 1;
    explain(&decision, why);
    publish(d, &decision);
}

static void retry(struct fg_decide *d, struct fg_track *t, const char *reason, uint64_t now_ns)
{
    struct fg_verdict why = simply(reason);
    retry_as(d, t, &why, now_ns);
}

// Nothing more is asked about its face; by a claim, if the lane has one.
static void close_track(struct fg_decide *d, struct fg_track *t)
{
    const struct fg_lane_claim *claim = fg_claims_look(&d->claims, t->lane);
    t->decided = true;
    if (claim)
        memcpy(t->claim, claim->claim.id, sizeof t->claim);
    if (d->policy.keep_nothing)
        fg_track_forget(t);
}

// No answer comes any more about the lane's document.
static void leave_faces(struct fg_decide *d, const char *lane)
{
    for (unsigned i = 0; i < FG_TRACKS; i++) {
        struct fg_track *t = &d->tracks.at[i];
        if (!t->used || strcmp(t->lane, lane) != 0)
            continue;
        t->compared = false;
        if (d->policy.keep_nothing)
            fg_track_forget(t);
    }
}

static void end_claim(struct fg_decide *d, struct fg_lane_claim *claim)
{
    char lane[FG_WIRE_NAME];
    memcpy(lane, claim->lane, sizeof lane);
    fg_claim_end(claim);
    leave_faces(d, lane);
    if (d->hooks.dismiss)
        d->hooks.dismiss(d->hooks.context, lane);
}

// The next denial, or fallback when the attempts of the claim, or of the lane, are used up.
static void deny_as(struct fg_decide *d, struct fg_track *t, const struct fg_verdict *why,
                    uint64_t now_ns, bool waited)
{
    struct fg_lane_claim *claim = fg_claims_find(&d->claims, t->lane);
    unsigned attempt = claim ? ++claim->attempts : ++*attempts_of(d, t->lane);
    bool last = attempt >= d->policy.attempts;
    struct fg_decision decision = about(d, t, now_ns);
    decision.outcome = last ? FG_FALLBACK : FG_DENY;
    decision.attempt = attempt;
    decision.waited = waited;
    explain(&decision, why);
    publish(d, &decision);
    if (claim && !last) {
        fg_track_anew(t); // for the next attempt
        return;
    }
    close_track(d, t);
    if (claim)
        end_claim(d, claim);
}

static void deny(struct fg_decide *d, struct fg_track *t, const char *reason, uint64_t now_ns,
                 bool waited)
{
    struct fg_verdict why = simply(reason);
    deny_as(d, t, &why, now_ns, waited);
}

static void admit(struct fg_decide *d, struct fg_track *t, struct fg_decision *decision,
                  const char *subject, uint64_t now_ns)
{
    struct fg_lane_claim *claim = fg_claims_find(&d->claims, t->lane);
    unsigned *attempts = attempts_of(d, t->lane);
    decision->outcome = FG_ADMIT;
    decision->attempt = (claim ? claim->attempts : *attempts) + 1;
    memcpy(decision->subject, subject, strlen(subject) + 1);
    close_track(d, t);
    memcpy(t->subject, decision->subject, sizeof t->subject);
    fg_presences_touch(&d->presences, t->lane, t->subject, now_ns);
    *attempts = 0;
    d->owes_commit = d->hooks.commit != NULL;
    publish(d, decision);
    if (!claim)
        return;
    fg_claims_spend(&d->claims, claim, now_ns);
    end_claim(d, claim);
}

// Where nobody is let through, whoever is enrolled is only counted.
static void known(struct fg_decide *d, struct fg_track *t)
{
    d->counters.known++;
    close_track(d, t);
}

static void suppress(struct fg_decide *d, struct fg_track *t, const char *subject, uint64_t now_ns)
{
    size_t length = strlen(subject);
    d->counters.duplicates++;
    *attempts_of(d, t->lane) = 0;
    close_track(d, t);
    memset(t->subject, 0, sizeof t->subject);
    memcpy(t->subject, subject, length);
    fg_presences_touch(&d->presences, t->lane, t->subject, now_ns);
}

// The track's face is `subject`'s, by the gallery or by the lane's claim.
static void recognised(struct fg_decide *d, struct fg_track *t, const char *subject,
                       const struct fg_claim *claim, uint64_t now_ns, uint64_t realtime_s)
{
    struct fg_decision decision = about(d, t, now_ns);
    struct fg_verdict verdict = {.admit = true, .reason = FG_WHY_MATCHED};
    if (fg_policy_lane(&d->policy, t->lane)->watch) {
        known(d, t);
        return;
    }
    if (present(d, t->lane, subject, now_ns)) {
        suppress(d, t, subject, now_ns);
        return;
    }
    if (d->hooks.permit)
        d->hooks.permit(d->hooks.context, &decision, subject, claim, realtime_s, &verdict);
    explain(&decision, &verdict);
    if (verdict.admit) {
        admit(d, t, &decision, subject, now_ns);
    } else if (verdict.retry) {
        snprintf(t->held, sizeof t->held, "%s", subject);
        retry_as(d, t, &verdict, now_ns);
    } else {
        deny_as(d, t, &verdict, now_ns, false);
    }
}

// ---- 1:N ---------------------------------------------------------------------------------------

static int threshold(struct fg_decide *d, const char *lane, uint64_t realtime_s, float *ret_score)
{
    struct fg_threshold t;
    uint64_t candidates = d->by_claim ? 1 : fg_roster_candidates(d->roster, lane, realtime_s);
    int r = fg_calibrate(&d->card, &d->policy, candidates, &t, NULL);
    if (r == 0)
        *ret_score = t.score;
    return r;
}

static struct fg_verdict why_not_candidate(struct fg_decide *d, const struct fg_track *t,
                                           const char *subject, enum fg_access access,
                                           uint64_t realtime_s)
{
    struct fg_verdict why =
        simply(access == FG_ACCESS_WRONG_LANE ? FG_WHY_WRONG_LANE : FG_WHY_NOT_VALID_NOW);
    struct fg_verdict better = {.admit = true};
    if (access == FG_ACCESS_NOT_VALID_NOW && d->hooks.explain)
        d->hooks.explain(d->hooks.context, t->lane, subject, realtime_s, &better);
    return better.admit ? why : better;
}

// Why nobody was recognised. A firm's lane says nothing of those who are not its customers.
static struct fg_verdict why_denied(struct fg_decide *d, const struct fg_track *t,
                                    uint64_t realtime_s)
{
    const struct fg_lane_rules *rules = fg_policy_lane(&d->policy, t->lane);
    const char *subject = NULL;
    float score = 1;
    if (t->held[0] && t->retry) // recognised, and gone before what was missing came
        return simply(t->retry);
    if (d->by_claim)
        return simply(FG_WHY_OTHER_FACE);
    if (threshold(d, t->lane, realtime_s, &score) < 0)
        return simply(FG_WHY_GALLERY_TOO_LARGE);
    if (rules->watch)
        return simply(FG_WHY_UNKNOWN_INSIDE);
    if (rules->firm[0])
        return simply(FG_WHY_NO_MATCH);
    enum fg_access access =
        fg_roster_refusal(d->roster, t->mean, score, t->lane, realtime_s, &subject);
    if (!subject || access == FG_ACCESS_OPEN)
        return simply(FG_WHY_NO_MATCH);
    return why_not_candidate(d, t, subject, access, realtime_s);
}

static void deny_unknown(struct fg_decide *d, struct fg_track *t, uint64_t now_ns,
                         uint64_t realtime_s, bool waited)
{
    struct fg_verdict why = why_denied(d, t, realtime_s);
    deny_as(d, t, &why, now_ns, waited);
}

static void cannot_identify(struct fg_decide *d, struct fg_track *t, uint64_t now_ns)
{
    struct fg_decision decision = about(d, t, now_ns);
    close_track(d, t);
    decision.outcome = FG_FALLBACK;
    decision.reason = FG_WHY_GALLERY_TOO_LARGE;
    decision.attempt = *attempts_of(d, t->lane) + 1;
    publish(d, &decision);
}

// The frame's own count comes first: the other face may have no probe yet.
static bool crowded(const struct fg_decide *d, const struct fg_track *t, uint64_t now_ns)
{
    uint64_t window = FG_DECIDE_FACE_MS * NS_PER_MS;
    return t->faces > 1 ||
           fg_tracks_faces(&d->tracks, t->lane, now_ns > window ? now_ns - window : 0) > 1;
}

// After one more good probe; `subject` is who matches, or NULL.
static void judge(struct fg_decide *d, struct fg_track *t, const char *subject, uint64_t now_ns,
                  uint64_t realtime_s)
{
    if (subject && d->policy.single && crowded(d, t, now_ns))
        retry(d, t, FG_WHY_ONE_PERSON, now_ns);
    else if (subject)
        recognised(d, t, subject, NULL, now_ns, realtime_s);
    else if (t->n_good >= d->policy.good_probes)
        deny_unknown(d, t, now_ns, realtime_s, false);
    else
        retry(d, t, FG_WHY_MORE_EVIDENCE, now_ns);
}

// ---- 1:1 ---------------------------------------------------------------------------------------

static void compared(struct fg_decide *d, struct fg_track *t, struct fg_lane_claim *claim,
                     bool match, uint64_t now_ns, uint64_t realtime_s)
{
    struct fg_claim copy = claim->claim;
    claim->compared = true;
    if (match)
        recognised(d, t, copy.id, &copy, now_ns, realtime_s);
    else if (t->n_good >= d->policy.good_probes)
        deny(d, t, FG_WHY_OTHER_FACE, now_ns, false);
    else
        retry(d, t, FG_WHY_MORE_EVIDENCE, now_ns);
    explicit_bzero(&copy, sizeof copy);
}

static float cosine(const float *a, const float *b, uint32_t dimension)
{
    double sum = 0;
    for (uint32_t i = 0; i < dimension; i++)
        sum += (double)a[i] * (double)b[i];
    return (float)sum;
}

static void judge_claim(struct fg_decide *d, struct fg_track *t, uint64_t now_ns,
                        uint64_t realtime_s)
{
    struct fg_lane_claim *claim = fg_claims_find(&d->claims, t->lane);
    float score = 2;
    if (!claim) {
        retry(d, t, d->policy.mode == FG_MODE_PORTRAIT ? FG_WHY_NO_REQUEST : FG_WHY_SHOW_TOKEN,
              now_ns);
    } else if (crowded(d, t, now_ns)) {
        retry(d, t, FG_WHY_ONE_PERSON, now_ns);
    } else if (threshold(d, t->lane, realtime_s, &score) < 0) {
        deny(d, t, FG_WHY_GALLERY_TOO_LARGE, now_ns, false);
    } else if (claim->claim.kind == FG_CLAIM_TOKEN) {
        bool match = cosine(t->mean, claim->claim.vector, d->dimension) >= score;
        compared(d, t, claim, match, now_ns, realtime_s);
    } else if (!t->compared && d->hooks.compare) {
        t->compared = d->hooks.compare(d->hooks.context, t->lane, t->mean, d->dimension, score);
    }
}

// Those in the lane whose faces are known already are judged by the claim that has just come.
static void judge_lane(struct fg_decide *d, const char *lane, uint64_t now_ns, uint64_t realtime_s)
{
    for (unsigned i = 0; i < FG_TRACKS; i++) {
        struct fg_track *t = &d->tracks.at[i];
        if (t->used && t->n_good > 0 && !t->decided && strcmp(t->lane, lane) == 0 &&
            fg_claims_find(&d->claims, lane))
            judge_claim(d, t, now_ns, realtime_s);
    }
}

bool fg_decide_has_claim(struct fg_decide *decide, const char *lane)
{
    return fg_claims_find(&decide->claims, lane) != NULL;
}

// A decision about a claim and no face.
static void deny_claim(struct fg_decide *d, const struct fg_lane_claim *claim,
                       const struct fg_verdict *why, uint64_t now_ns)
{
    struct fg_decision decision = {.sequence = d->sequence + 1,
                                   .outcome = FG_DENY,
                                   .attempt = claim->attempts + 1,
                                   .session = claim->session,
                                   .t_capture_ns = claim->t_capture_ns,
                                   .t_decision_ns = now_ns,
                                   .boot = claim->boot,
                                   .waited = true};
    memcpy(decision.lane, claim->lane, sizeof decision.lane);
    memcpy(decision.source, claim->source, sizeof decision.source);
    explain(&decision, why);
    publish(d, &decision);
}

// Where nothing is kept, a newcomer under the number of somebody decided looks like nobody new: it
// is another claim that tells.
static void meet_claim(struct fg_decide *d, const char *lane, const struct fg_claim *claim,
                       uint64_t now_ns)
{
    for (unsigned i = 0; i < FG_TRACKS; i++) {
        struct fg_track *t = &d->tracks.at[i];
        if (!t->used || strcmp(t->lane, lane) != 0)
            continue;
        t->compared = false; // with the claim before
        if (!d->policy.keep_nothing || !t->decided || strcmp(t->claim, claim->id) == 0)
            continue;
        if (t->subject[0])
            fg_presences_touch(&d->presences, lane, t->subject, now_ns);
        fg_track_anew(t);
    }
}

static void take_claim(struct fg_decide *d, const char *lane, const struct fg_claim *claim,
                       const struct fg_wire_head *head, uint64_t digest, uint64_t now_ns,
                       uint64_t realtime_s)
{
    struct fg_lane_claim *old = fg_claims_find(&d->claims, lane);
    if (old && strcmp(old->claim.id, claim->id) == 0)
        return; // it is still held before the camera
    struct fg_lane_claim *place = fg_claims_place(&d->claims, lane);
    place->claim = *claim;
    place->since_ns = now_ns;
    if (head) {
        memcpy(place->source, head->source, sizeof place->source);
        place->session = head->session;
        place->boot = head->boot;
        place->t_capture_ns = head->t_capture_ns;
        place->digest = digest;
    } else {
        memcpy(place->source, "control", sizeof "control");
    }
    meet_claim(d, lane, claim, now_ns);
    judge_lane(d, lane, now_ns, realtime_s);
}

void fg_decide_claim(struct fg_decide *decide, const char *lane, const struct fg_claim *claim,
                     uint64_t now_ns, uint64_t realtime_s)
{
    take_claim(decide, lane, claim, NULL, 0, now_ns, realtime_s);
    flush(decide);
}

void fg_decide_compared(struct fg_decide *decide, const char *lane, bool match, uint64_t now_ns,
                        uint64_t realtime_s)
{
    for (unsigned i = 0; i < FG_TRACKS; i++) {
        struct fg_track *t = &decide->tracks.at[i];
        struct fg_lane_claim *claim = fg_claims_find(&decide->claims, lane);
        if (!t->used || !t->compared || strcmp(t->lane, lane) != 0)
            continue;
        t->compared = false;
        if (claim && !t->decided)
            compared(decide, t, claim, match, now_ns, realtime_s);
    }
    flush(decide);
}

void fg_decide_give_up(struct fg_decide *decide, const char *lane, const char *reason,
                       uint64_t now_ns, uint64_t realtime_s)
{
    struct fg_lane_claim *claim = fg_claims_find(&decide->claims, lane);
    struct fg_verdict why = simply(reason);
    (void)realtime_s;
    if (!claim)
        return;
    deny_claim(decide, claim, &why, now_ns);
    end_claim(decide, claim);
    flush(decide);
}

void fg_decide_again(struct fg_decide *decide, const char *lane, uint64_t now_ns,
                     uint64_t realtime_s)
{
    for (unsigned i = 0; i < FG_TRACKS; i++) {
        struct fg_track *t = &decide->tracks.at[i];
        char held[FG_SUBJECT_ID];
        if (!t->used || !t->held[0] || t->decided || strcmp(t->lane, lane) != 0)
            continue;
        memcpy(held, t->held, sizeof held);
        t->retry = NULL; // what is missing now is said again
        recognised(decide, t, held, NULL, now_ns, realtime_s);
    }
    flush(decide);
}

static void on_token(struct fg_decide *d, const struct fg_wire_message *message, uint64_t now_ns,
                     uint64_t realtime_s)
{
    const struct fg_wire_head *head = &message->head;
    struct fg_claim claim = {FG_CLAIM_NONE};
    struct fg_verdict why = {.reason = NULL};
    struct fg_lane_claim nobody = {.since_ns = now_ns};
    d->counters.tokens++;
    if (!d->by_claim || !d->hooks.claim || fg_claims_find(&d->claims, head->lane))
        return;
    const uint64_t digest = fg_token_digest(&message->token);
    if (fg_claims_spent(&d->claims, head->lane, digest, now_ns))
        return; // its owner, let through, has not put it away
    int r = d->hooks.claim(d->hooks.context, head->lane, &message->token, realtime_s, &claim, &why);
    if (r == 0) {
        take_claim(d, head->lane, &claim, head, digest, now_ns, realtime_s);
    } else if (r == -EACCES) {
        memcpy(nobody.lane, head->lane, sizeof nobody.lane);
        memcpy(nobody.source, head->source, sizeof nobody.source);
        nobody.session = head->session;
        deny_claim(d, &nobody, &why, now_ns);
    }
    explicit_bzero(&claim, sizeof claim);
}

// ---- searches ----------------------------------------------------------------------------------

struct search {
    struct fg_question question;
    struct fg_track *track;
    char firm[FG_WIRE_NAME + sizeof "firm:"];
    const char *tags[1];
};

static void ask_for(struct search *s, struct fg_decide *d, struct fg_track *t, float score)
{
    const char *firm = fg_policy_lane(&d->policy, t->lane)->firm;
    s->track = t;
    s->question = (struct fg_question){.probe = t->mean, .score = score, .lane = t->lane};
    if (!firm[0])
        return;
    snprintf(s->firm, sizeof s->firm, "firm:%s", firm);
    s->tags[0] = s->firm;
    s->question.tags = s->tags;
    s->question.n_tags = 1;
}

static void search_all(struct fg_decide *d, struct search *searches, unsigned n, uint64_t now_ns,
                       uint64_t realtime_s)
{
    struct fg_question questions[FG_DECIDE_BATCH];
    char ids[FG_DECIDE_BATCH][FG_SUBJECT_ID];
    for (unsigned i = 0; i < n; i++)
        questions[i] = searches[i].question;
    fg_roster_ask(d->roster, questions, n, realtime_s);
    for (unsigned i = 0; i < n; i++)
        snprintf(ids[i], sizeof ids[i], "%s", questions[i].id ? questions[i].id : "");
    for (unsigned i = 0; i < n; i++)
        judge(d, searches[i].track, ids[i][0] ? ids[i] : NULL, now_ns, realtime_s);
}

static void settle(struct fg_decide *d, uint64_t now_ns, uint64_t realtime_s)
{
    struct search searches[FG_DECIDE_BATCH];
    unsigned n = 0, count = d->n_waiting;
    d->n_waiting = 0;
    for (unsigned i = 0; i < count; i++) {
        struct fg_track *t = d->waiting[i];
        float score = 1;
        t->waits = false;
        if (t->n_good == 0)
            continue; // forgotten since
        if (d->by_claim)
            judge_claim(d, t, now_ns, realtime_s);
        else if (threshold(d, t->lane, realtime_s, &score) < 0)
            cannot_identify(d, t, now_ns);
        else
            ask_for(&searches[n++], d, t, score);
    }
    if (n > 0)
        search_all(d, searches, n, now_ns, realtime_s);
}

void fg_decide_settle(struct fg_decide *decide, uint64_t now_ns, uint64_t realtime_s)
{
    settle(decide, now_ns, realtime_s);
    flush(decide);
}

// ---- tracks ------------------------------------------------------------------------------------

// Undecided, with a face that could be judged: somebody must hear of it.
static bool owed_a_decision(const struct fg_decide *d, const struct fg_track *t)
{
    return !t->decided && t->n_good > 0 &&
           (!d->by_claim || fg_claims_look(&d->claims, t->lane) != NULL);
}

static void track_end(struct fg_decide *d, struct fg_track *t, uint64_t now_ns, uint64_t realtime_s)
{
    if (owed_a_decision(d, t))
        deny_unknown(d, t, now_ns, realtime_s, true);
    else if (!t->decided && t->n_good == 0 && t->number != 0)
        d->counters.unjudged++;
    if (t->subject[0])
        fg_presences_touch(&d->presences, t->lane, t->subject, now_ns);
    if (t->number != 0)
        fg_presences_lane(&d->presences, t->lane)->seen_ns = now_ns;
    fg_track_free(t);
}

static struct fg_track *track_place(struct fg_decide *d, uint64_t now_ns)
{
    struct fg_track *t = fg_tracks_place(&d->tracks);
    if (!t->used)
        return t;
    d->counters.dropped++;
    if (t->subject[0])
        fg_presences_touch(&d->presences, t->lane, t->subject, now_ns);
    fg_track_free(t);
    return t;
}

static struct fg_track *track_visit(struct fg_decide *d, const struct fg_wire_head *head,
                                    uint32_t number, uint64_t now_ns)
{
    if (number != 0)
        lane_visit(d, head->lane, now_ns);
    struct fg_track *t = fg_tracks_find(&d->tracks, head, number);
    if (!t) {
        t = track_place(d, now_ns);
        fg_track_begin(t, head, number);
    }
    t->seen_ns = now_ns;
    t->t_capture_ns = head->t_capture_ns;
    t->boot = head->boot;
    return t;
}

// The face changed under the track's number: what was fused says nothing about the newcomer.
static void swap(struct fg_decide *d, struct fg_track *t, uint64_t now_ns)
{
    d->counters.swaps++;
    if (t->subject[0])
        fg_presences_touch(&d->presences, t->lane, t->subject, now_ns);
    fg_track_anew(t);
    if (++t->fusions < FG_DECIDE_FUSIONS)
        return;
    t->closed = true;
    deny(d, t, FG_WHY_MIXED_TRACK, now_ns, false);
    close_track(d, t);
}

static void on_probe(struct fg_decide *d, const struct fg_wire_message *message, uint64_t now_ns,
                     uint64_t realtime_s)
{
    const struct fg_wire_probe *probe = &message->probe;
    d->counters.probes++;
    if (probe->model != d->card.id || probe->dimension != d->dimension) {
        d->counters.wrong_model++;
        return;
    }
    struct fg_track *t = track_visit(d, &message->head, probe->track, now_ns);
    if (probe->quality.unified < d->policy.min_quality) {
        d->counters.low_quality++;
        retry(d, t, FG_WHY_LOW_QUALITY, now_ns);
        return;
    }
    if (!t->closed && !fg_track_belongs(t, probe, d->card.same_track))
        swap(d, t, now_ns);
    if (t->decided || t->closed) {
        d->counters.after_decision++;
        return;
    }
    fg_track_fuse(t, probe, now_ns);
    t->faces = probe->faces;
    t->waits = true;
    d->waiting[d->n_waiting++] = t;
    if (d->n_waiting == FG_DECIDE_BATCH)
        settle(d, now_ns, realtime_s);
}

static void on_notice(struct fg_decide *d, const struct fg_wire_message *message, uint64_t now_ns,
                      uint64_t realtime_s)
{
    const struct fg_wire_notice *notice = &message->notice;
    struct fg_track *t;
    d->counters.notices++;
    switch (notice->reason) {
    case FG_REASON_TRACK_LOST:
        t = fg_tracks_find(&d->tracks, &message->head, notice->track);
        if (t)
            track_end(d, t, now_ns, realtime_s);
        return;
    case FG_REASON_NONE:
    case FG_REASON_NO_FACE: // nobody to tell
        return;
    default:
        t = track_visit(d, &message->head, notice->track, now_ns);
        retry(d, t, fg_reason_name(notice->reason), now_ns);
    }
}

// ---- messages and time -------------------------------------------------------------------------

static uint32_t track_of(const struct fg_wire_message *message)
{
    return message->head.type == FG_WIRE_PROBE ? message->probe.track : message->notice.track;
}

// What waits is judged before its track changes, or may lose its place.
static bool touches_waiting(struct fg_decide *d, const struct fg_wire_message *message)
{
    if (message->head.type == FG_WIRE_TOKEN_READ)
        return d->n_waiting > 0;
    const struct fg_track *t = fg_tracks_find(&d->tracks, &message->head, track_of(message));
    return d->n_waiting > 0 && (t ? t->waits : fg_tracks_full(&d->tracks));
}

void fg_decide_take(struct fg_decide *decide, const struct fg_wire_message *message,
                    uint64_t now_ns, uint64_t realtime_s)
{
    enum fg_wire_type type = message->head.type;
    if (type != FG_WIRE_PROBE && type != FG_WIRE_NOTICE && type != FG_WIRE_TOKEN_READ) {
        decide->counters.ignored++;
        return;
    }
    if (touches_waiting(decide, message))
        settle(decide, now_ns, realtime_s);
    if (type == FG_WIRE_PROBE)
        on_probe(decide, message, now_ns, realtime_s);
    else if (type == FG_WIRE_NOTICE)
        on_notice(decide, message, now_ns, realtime_s);
    else
        on_token(decide, message, now_ns, realtime_s);
    flush(decide);
}

void fg_decide_message(struct fg_decide *decide, const struct fg_wire_message *message,
                       uint64_t now_ns, uint64_t realtime_s)
{
    fg_decide_tick(decide, now_ns, realtime_s);
    fg_decide_take(decide, message, now_ns, realtime_s);
    fg_decide_settle(decide, now_ns, realtime_s);
}

// When a track without a match is denied: decide_ms after its first good probe, or after the claim
// that it is compared with. Those who are held wait for as long as they stay.
static uint64_t denial_due_ns(const struct fg_decide *d, const struct fg_track *t)
{
    if (!owed_a_decision(d, t) || t->held[0] || t->compared)
        return UINT64_MAX;
    const struct fg_lane_claim *claim = fg_claims_look(&d->claims, t->lane);
    uint64_t since = t->first_good_ns;
    if (claim && claim->since_ns > since)
        since = claim->since_ns;
    return since + d->policy.decide_ms * NS_PER_MS;
}

static void claims_tick(struct fg_decide *d, uint64_t now_ns)
{
    for (unsigned i = 0; i < FG_CLAIMS; i++) {
        struct fg_lane_claim *claim = &d->claims.at[i];
        if (claim->claim.kind == FG_CLAIM_NONE ||
            !over(claim->since_ns, now_ns, d->policy.token_s * UINT64_C(1000)))
            continue;
        struct fg_verdict why = simply(claim->compared ? FG_WHY_OTHER_FACE : FG_WHY_NO_OWNER);
        deny_claim(d, claim, &why, now_ns);
        end_claim(d, claim);
    }
}

void fg_decide_tick(struct fg_decide *decide, uint64_t now_ns, uint64_t realtime_s)
{
    settle(decide, now_ns, realtime_s);
    for (unsigned i = 0; i < FG_DECIDE_TRACKS; i++) {
        struct fg_track *t = &decide->tracks.at[i];
        if (t->used && over(t->seen_ns, now_ns, FG_DECIDE_IDLE_MS))
            track_end(decide, t, now_ns, realtime_s);
        else if (t->used && denial_due_ns(decide, t) <= now_ns)
            deny_unknown(decide, t, now_ns, realtime_s, true);
    }
    claims_tick(decide, now_ns);
    flush(decide);
}

uint64_t fg_decide_due_ns(const struct fg_decide *decide)
{
    uint64_t due = UINT64_MAX;
    for (unsigned i = 0; i < FG_DECIDE_TRACKS; i++) {
        const struct fg_track *t = &decide->tracks.at[i];
        if (!t->used)
            continue;
        uint64_t at = t->seen_ns + FG_DECIDE_IDLE_MS * NS_PER_MS;
        uint64_t decision = denial_due_ns(decide, t);
        at = decision < at ? decision : at;
        due = at < due ? at : due;
    }
    for (unsigned i = 0; i < FG_CLAIMS; i++) {
        const struct fg_lane_claim *claim = &decide->claims.at[i];
        uint64_t at = claim->since_ns + decide->policy.token_s * 1000 * NS_PER_MS;
        if (claim->claim.kind != FG_CLAIM_NONE && at < due)
            due = at;
    }
    return due;
}
