// SPDX-License-Identifier: Apache-2.0
#include "matcher/decide.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LANES        32
#define PRESENCES    256
#define NS_PER_MS    UINT64_C(1000000)
#define LEAST_WEIGHT 1e-3f // a probe of quality 0 that the policy lets through still counts

struct track {
    bool used, decided, closed; // closed: too many people under one number
    bool waits;                 // for its search
    char lane[FG_WIRE_NAME], source[FG_WIRE_NAME];
    uint64_t session;
    uint32_t number;
    uint64_t seen_ns, first_good_ns;
    uint64_t t_capture_ns, boot;  // of the last message
    const char *retry;            // reason last published
    char subject[FG_SUBJECT_ID];  // admitted as
    unsigned n_good, fusions;     // good probes in the present fusion; fusions closed
    float sum[FG_WIRE_DIMENSION]; // of weighted unit vectors
    float mean[FG_WIRE_DIMENSION];
};

struct lane {
    char name[FG_WIRE_NAME];
    uint64_t seen_ns;
    unsigned attempts; // denials in the present presence
};

struct presence {
    char lane[FG_WIRE_NAME], subject[FG_SUBJECT_ID];
    uint64_t seen_ns;
};

struct fg_decide {
    struct fg_policy policy;
    struct fg_card card;
    uint32_t dimension;
    struct fg_roster *roster;
    fg_decide_emit emit;
    void *context;
    uint64_t sequence;
    struct fg_decide_counters counters;
    struct track tracks[FG_DECIDE_TRACKS];
    struct track *waiting[FG_DECIDE_BATCH]; // for their search, in the order of their probes
    unsigned n_waiting;
    struct lane lanes[LANES];
    struct presence presences[PRESENCES];
};

int fg_decide_create(const struct fg_policy *policy, const struct fg_card *card,
                     struct fg_roster *roster, fg_decide_emit emit, void *context,
                     struct fg_decide **ret)
{
    struct fg_decide *d = calloc(1, sizeof *d);
    if (!d)
        return -ENOMEM;
    d->policy = *policy;
    d->card = *card;
    d->dimension = fg_card_template_dimension(card);
    d->roster = roster;
    d->emit = emit;
    d->context = context;
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

// ---- lanes and presences -----------------------------------------------------------------------

// Track 0 is a camera's notice of no track in particular: it keeps nobody in the lane.
static bool live_in_lane(const struct fg_decide *d, const char *lane)
{
    for (unsigned i = 0; i < FG_DECIDE_TRACKS; i++) {
        const struct track *t = &d->tracks[i];
        if (t->used && t->number != 0 && strcmp(t->lane, lane) == 0)
            return true;
    }
    return false;
}

static bool over(uint64_t since_ns, uint64_t now_ns, uint32_t limit_ms)
{
    return now_ns - since_ns >= limit_ms * NS_PER_MS;
}

static struct lane *lane_find(struct fg_decide *d, const char *name)
{
    struct lane *oldest = &d->lanes[0];
    for (unsigned i = 0; i < LANES; i++) {
        if (strcmp(d->lanes[i].name, name) == 0)
            return &d->lanes[i];
        if (d->lanes[i].seen_ns < oldest->seen_ns)
            oldest = &d->lanes[i];
    }
    memset(oldest, 0, sizeof *oldest);
    memcpy(oldest->name, name, strlen(name));
    return oldest;
}

// Somebody is seen in the lane; a new presence if it was empty for long enough.
static struct lane *lane_visit(struct fg_decide *d, const char *name, uint64_t now_ns)
{
    struct lane *lane = lane_find(d, name);
    if (over(lane->seen_ns, now_ns, d->policy.absent_ms) && !live_in_lane(d, name))
        lane->attempts = 0;
    lane->seen_ns = now_ns;
    return lane;
}

static struct presence *presence_find(struct fg_decide *d, const char *lane, const char *subject)
{
    for (unsigned i = 0; i < PRESENCES; i++) {
        struct presence *p = &d->presences[i];
        if (strcmp(p->subject, subject) == 0 && strcmp(p->lane, lane) == 0)
            return p;
    }
    return NULL;
}

static void presence_touch(struct fg_decide *d, const char *lane, const char *subject,
                           uint64_t now_ns)
{
    struct presence *p = presence_find(d, lane, subject);
    if (!p) {
        p = &d->presences[0];
        for (unsigned i = 1; i < PRESENCES; i++)
            if (d->presences[i].seen_ns < p->seen_ns)
                p = &d->presences[i];
        memset(p, 0, sizeof *p);
        memcpy(p->lane, lane, strlen(lane));
        memcpy(p->subject, subject, strlen(subject));
    }
    p->seen_ns = now_ns;
}

static bool present(struct fg_decide *d, const char *lane, const char *subject, uint64_t now_ns)
{
    const struct presence *p = presence_find(d, lane, subject);
    if (p && !over(p->seen_ns, now_ns, d->policy.absent_ms))
        return true;
    for (unsigned i = 0; i < FG_DECIDE_TRACKS; i++) {
        const struct track *t = &d->tracks[i];
        if (t->used && strcmp(t->subject, subject) == 0 && strcmp(t->lane, lane) == 0)
            return true;
    }
    return false;
}

// ---- decisions ---------------------------------------------------------------------------------

static void publish(struct fg_decide *d, const struct track *t, enum fg_outcome outcome,
                    const char *reason, unsigned attempt, uint64_t now_ns, bool waited)
{
    struct fg_decision decision = {.sequence = ++d->sequence,
                                   .outcome = outcome,
                                   .reason = reason,
                                   .attempt = attempt,
                                   .session = t->session,
                                   .track = t->number,
                                   .probes = t->n_good,
                                   .t_capture_ns = t->t_capture_ns,
                                   .t_decision_ns = now_ns,
                                   .boot = t->boot,
                                   .waited = waited};
    memcpy(decision.lane, t->lane, sizeof decision.lane);
    memcpy(decision.source, t->source, sizeof decision.source);
    if (outcome == FG_ADMIT)
        memcpy(decision.subject, t->subject, sizeof decision.subject);
    d->counters.outcomes[outcome]++;
    d->emit(d->context, &decision);
}

static void retry(struct fg_decide *d, struct track *t, const char *reason, uint64_t now_ns)
{
    if (t->decided || (t->retry && strcmp(t->retry, reason) == 0))
        return;
    t->retry = reason;
    publish(d, t, FG_RETRY, reason, lane_find(d, t->lane)->attempts + 1, now_ns, false);
}

static void admit(struct fg_decide *d, struct track *t, const char *subject, uint64_t now_ns)
{
    bool duplicate = present(d, t->lane, subject, now_ns);
    struct lane *lane = lane_find(d, t->lane);
    unsigned attempt = lane->attempts + 1;
    t->decided = true;
    memset(t->subject, 0, sizeof t->subject);
    memcpy(t->subject, subject, strlen(subject));
    presence_touch(d, t->lane, subject, now_ns);
    lane->attempts = 0;
    if (duplicate)
        d->counters.duplicates++;
    else
        publish(d, t, FG_ADMIT, FG_WHY_MATCHED, attempt, now_ns, false);
}

static void deny(struct fg_decide *d, struct track *t, const char *reason, uint64_t now_ns,
                 bool waited)
{
    unsigned attempt = ++lane_find(d, t->lane)->attempts;
    t->decided = true;
    publish(d, t, attempt >= d->policy.attempts ? FG_FALLBACK : FG_DENY, reason, attempt, now_ns,
            waited);
}

static int threshold(struct fg_decide *d, const char *lane, uint64_t realtime_s, float *ret_score)
{
    struct fg_threshold t;
    uint64_t candidates = fg_roster_candidates(d->roster, lane, realtime_s);
    int r = fg_calibrate(&d->card, &d->policy, candidates, &t, NULL);
    if (r == 0)
        *ret_score = t.score;
    return r;
}

static const char *why_denied(struct fg_decide *d, const struct track *t, uint64_t realtime_s)
{
    float score = 1;
    if (threshold(d, t->lane, realtime_s, &score) < 0)
        return FG_WHY_GALLERY_TOO_LARGE;
    switch (fg_roster_refusal(d->roster, t->mean, score, t->lane, realtime_s)) {
    case FG_ACCESS_NOT_VALID_NOW:
        return FG_WHY_NOT_VALID_NOW;
    case FG_ACCESS_WRONG_LANE:
        return FG_WHY_WRONG_LANE;
    case FG_ACCESS_OPEN:
        break;
    }
    return FG_WHY_NO_MATCH;
}

static void cannot_identify(struct fg_decide *d, struct track *t, uint64_t now_ns)
{
    t->decided = true;
    publish(d, t, FG_FALLBACK, FG_WHY_GALLERY_TOO_LARGE, lane_find(d, t->lane)->attempts + 1,
            now_ns, false);
}

// After one more good probe; `subject` is who matches, or NULL.
static void judge(struct fg_decide *d, struct track *t, const char *subject, uint64_t now_ns,
                  uint64_t realtime_s)
{
    if (subject)
        admit(d, t, subject, now_ns);
    else if (t->n_good >= d->policy.good_probes)
        deny(d, t, why_denied(d, t, realtime_s), now_ns, false);
    else
        retry(d, t, FG_WHY_MORE_EVIDENCE, now_ns);
}

void fg_decide_settle(struct fg_decide *d, uint64_t now_ns, uint64_t realtime_s)
{
    struct fg_question questions[FG_DECIDE_BATCH];
    struct track *asked[FG_DECIDE_BATCH];
    unsigned n = 0, count = d->n_waiting;
    d->n_waiting = 0;
    for (unsigned i = 0; i < count; i++) {
        struct track *t = d->waiting[i];
        float score = 1;
        t->waits = false;
        if (threshold(d, t->lane, realtime_s, &score) < 0) {
            cannot_identify(d, t, now_ns);
            continue;
        }
        questions[n] = (struct fg_question){.probe = t->mean, .score = score, .lane = t->lane};
        asked[n++] = t;
    }
    fg_roster_ask(d->roster, questions, n, realtime_s);
    for (unsigned i = 0; i < n; i++)
        judge(d, asked[i], questions[i].id, now_ns, realtime_s);
}

// ---- tracks ------------------------------------------------------------------------------------

static void track_free(struct track *t)
{
    explicit_bzero(t, sizeof *t);
}

static void track_end(struct fg_decide *d, struct track *t, uint64_t now_ns, uint64_t realtime_s)
{
    if (!t->decided && t->n_good > 0)
        deny(d, t, why_denied(d, t, realtime_s), now_ns, true);
    else if (!t->decided && t->number != 0)
        d->counters.unjudged++;
    if (t->subject[0])
        presence_touch(d, t->lane, t->subject, now_ns);
    if (t->number != 0)
        lane_find(d, t->lane)->seen_ns = now_ns;
    track_free(t);
}

static bool same_track(const struct track *t, const struct fg_wire_head *head, uint32_t number)
{
    return t->used && t->number == number && t->session == head->session &&
           strcmp(t->source, head->source) == 0 && strcmp(t->lane, head->lane) == 0;
}

static struct track *track_find(struct fg_decide *d, const struct fg_wire_head *head,
                                uint32_t number)
{
    for (unsigned i = 0; i < FG_DECIDE_TRACKS; i++)
        if (same_track(&d->tracks[i], head, number))
            return &d->tracks[i];
    return NULL;
}

// A free place, or that of the track silent longest.
static struct track *track_place(struct fg_decide *d, uint64_t now_ns)
{
    struct track *oldest = &d->tracks[0];
    for (unsigned i = 0; i < FG_DECIDE_TRACKS; i++) {
        if (!d->tracks[i].used)
            return &d->tracks[i];
        if (d->tracks[i].seen_ns < oldest->seen_ns)
            oldest = &d->tracks[i];
    }
    d->counters.dropped++;
    if (oldest->subject[0])
        presence_touch(d, oldest->lane, oldest->subject, now_ns);
    track_free(oldest);
    return oldest;
}

static struct track *track_visit(struct fg_decide *d, const struct fg_wire_head *head,
                                 uint32_t number, uint64_t now_ns)
{
    if (number != 0)
        lane_visit(d, head->lane, now_ns);
    struct track *t = track_find(d, head, number);
    if (!t) {
        t = track_place(d, now_ns);
        t->used = true;
        memcpy(t->lane, head->lane, sizeof t->lane);
        memcpy(t->source, head->source, sizeof t->source);
        t->session = head->session;
        t->number = number;
    }
    t->seen_ns = now_ns;
    t->t_capture_ns = head->t_capture_ns;
    t->boot = head->boot;
    return t;
}

static float dot(const float *a, const float *b, uint32_t dimension)
{
    double sum = 0;
    for (uint32_t i = 0; i < dimension; i++)
        sum += (double)a[i] * (double)b[i];
    return (float)sum;
}

static void fuse(struct track *t, const struct fg_wire_probe *probe, uint64_t now_ns)
{
    float weight = fmaxf(probe->quality.unified, LEAST_WEIGHT);
    if (t->n_good++ == 0)
        t->first_good_ns = now_ns;
    for (uint32_t i = 0; i < probe->dimension; i++)
        t->sum[i] += weight * probe->vector[i];
    float length = sqrtf(dot(t->sum, t->sum, probe->dimension));
    for (uint32_t i = 0; i < probe->dimension; i++)
        t->mean[i] = t->sum[i] / length;
}

// Sums of vectors that cancel out have no direction: they are not one person's either.
static bool belongs(const struct fg_decide *d, const struct track *t,
                    const struct fg_wire_probe *probe)
{
    float least = fmaxf(d->card.same_track, -.5f);
    return t->n_good == 0 || dot(t->mean, probe->vector, d->dimension) >= least;
}

// The face changed under the track's number: what was fused says nothing about the newcomer.
static void swap(struct fg_decide *d, struct track *t, uint64_t now_ns)
{
    d->counters.swaps++;
    if (t->subject[0])
        presence_touch(d, t->lane, t->subject, now_ns);
    explicit_bzero(t->sum, sizeof t->sum);
    explicit_bzero(t->mean, sizeof t->mean);
    memset(t->subject, 0, sizeof t->subject);
    t->n_good = 0;
    t->decided = false;
    t->retry = NULL;
    if (++t->fusions < FG_DECIDE_FUSIONS)
        return;
    t->closed = true;
    deny(d, t, FG_WHY_MIXED_TRACK, now_ns, false);
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
    struct track *t = track_visit(d, &message->head, probe->track, now_ns);
    if (probe->quality.unified < d->policy.min_quality) {
        d->counters.low_quality++;
        retry(d, t, FG_WHY_LOW_QUALITY, now_ns);
        return;
    }
    if (!t->closed && !belongs(d, t, probe))
        swap(d, t, now_ns);
    if (t->decided) {
        d->counters.after_decision++;
        return;
    }
    fuse(t, probe, now_ns);
    t->waits = true;
    d->waiting[d->n_waiting++] = t;
    if (d->n_waiting == FG_DECIDE_BATCH)
        fg_decide_settle(d, now_ns, realtime_s);
}

static void on_notice(struct fg_decide *d, const struct fg_wire_message *message, uint64_t now_ns,
                      uint64_t realtime_s)
{
    const struct fg_wire_notice *notice = &message->notice;
    struct track *t;
    d->counters.notices++;
    switch (notice->reason) {
    case FG_REASON_TRACK_LOST:
        t = track_find(d, &message->head, notice->track);
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

static bool table_full(const struct fg_decide *d)
{
    for (unsigned i = 0; i < FG_DECIDE_TRACKS; i++)
        if (!d->tracks[i].used)
            return false;
    return true;
}

// What waits is judged before its track changes, or may lose its place.
static bool touches_waiting(struct fg_decide *d, const struct fg_wire_message *message)
{
    const struct track *t = track_find(d, &message->head, track_of(message));
    return d->n_waiting > 0 && (t ? t->waits : table_full(d));
}

void fg_decide_take(struct fg_decide *decide, const struct fg_wire_message *message,
                    uint64_t now_ns, uint64_t realtime_s)
{
    if (message->head.type != FG_WIRE_PROBE && message->head.type != FG_WIRE_NOTICE) {
        decide->counters.ignored++;
        return;
    }
    if (touches_waiting(decide, message))
        fg_decide_settle(decide, now_ns, realtime_s);
    if (message->head.type == FG_WIRE_PROBE)
        on_probe(decide, message, now_ns, realtime_s);
    else
        on_notice(decide, message, now_ns, realtime_s);
}

void fg_decide_message(struct fg_decide *decide, const struct fg_wire_message *message,
                       uint64_t now_ns, uint64_t realtime_s)
{
    fg_decide_tick(decide, now_ns, realtime_s);
    fg_decide_take(decide, message, now_ns, realtime_s);
    fg_decide_settle(decide, now_ns, realtime_s);
}

static bool waiting(const struct track *t)
{
    return !t->decided && t->n_good > 0;
}

void fg_decide_tick(struct fg_decide *decide, uint64_t now_ns, uint64_t realtime_s)
{
    fg_decide_settle(decide, now_ns, realtime_s);
    for (unsigned i = 0; i < FG_DECIDE_TRACKS; i++) {
        struct track *t = &decide->tracks[i];
        if (t->used && over(t->seen_ns, now_ns, FG_DECIDE_IDLE_MS))
            track_end(decide, t, now_ns, realtime_s);
        else if (t->used && waiting(t) && over(t->first_good_ns, now_ns, decide->policy.decide_ms))
            deny(decide, t, why_denied(decide, t, realtime_s), now_ns, true);
    }
}

uint64_t fg_decide_due_ns(const struct fg_decide *decide)
{
    uint64_t due = UINT64_MAX;
    for (unsigned i = 0; i < FG_DECIDE_TRACKS; i++) {
        const struct track *t = &decide->tracks[i];
        if (!t->used)
            continue;
        uint64_t at = t->seen_ns + FG_DECIDE_IDLE_MS * NS_PER_MS;
        uint64_t decision = t->first_good_ns + decide->policy.decide_ms * NS_PER_MS;
        if (waiting(t) && decision < at)
            at = decision;
        due = at < due ? at : due;
    }
    return due;
}
