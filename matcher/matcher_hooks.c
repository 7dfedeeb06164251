// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "matcher/matcher.h"

#define NS_PER_S UINT64_C(1000000000)

struct fg_now fg_matcher_now(void)
{
    return (struct fg_now){fg_monotonic_ns(), fg_realtime_ns()};
}

uint64_t fg_matcher_seconds(void)
{
    return fg_realtime_ns() / NS_PER_S;
}

static void on_decision(void *context, const struct fg_decision *given)
{
    struct fg_matcher *m = context;
    struct fg_decision decision = *given;
    decision.t_decision_ns = fg_monotonic_ns(); // after the search, not before
    double latency = fg_decision_latency_ms(&decision, m->boot);
    if (latency >= 0 && decision.outcome != FG_RETRY)
        fg_latency_add(&m->latency, latency);
    fg_announce_decision(&m->announcer, &decision);
    fg_passages_note(m->passages, &decision, fg_matcher_now());
}

static void permit(void *context, struct fg_decision *about, const char *subject,
                   const struct fg_claim *claim, uint64_t realtime, struct fg_verdict *ret)
{
    struct fg_matcher *m = context;
    (void)realtime;
    fg_passages_permit(m->passages, about, subject, claim, fg_matcher_now(), ret);
}

static int commit(void *context)
{
    struct fg_matcher *m = context;
    return fg_passages_commit(m->passages, fg_matcher_now());
}

static void explain(void *context, const char *lane, const char *subject, uint64_t realtime,
                    struct fg_verdict *ret)
{
    struct fg_matcher *m = context;
    (void)realtime;
    fg_passages_explain(m->passages, lane, subject, fg_matcher_now(), ret);
}

int fg_matcher_who(void *context, const char *subject, struct fg_subject *ret)
{
    struct fg_matcher *m = context;
    return fg_gallery_get(m->gallery, subject, ret, NULL);
}

// What a person held in the lane lacked may be there now.
void fg_matcher_again(void *context, const char *lane)
{
    struct fg_matcher *m = context;
    fg_lanes_wake(&m->lanes, lane, fg_monotonic_ns());
    fg_decide_again(m->decide, lane, fg_monotonic_ns(), fg_matcher_seconds());
}

void fg_matcher_claim(void *context, const char *lane, const struct fg_claim *claimed)
{
    struct fg_matcher *m = context;
    fg_lanes_wake(&m->lanes, lane, fg_monotonic_ns());
    fg_decide_claim(m->decide, lane, claimed, fg_monotonic_ns(), fg_matcher_seconds());
}

static bool compare(void *context, const char *lane, const float *face, uint32_t dimension,
                    float score)
{
    struct fg_matcher *m = context;
    (void)score; // the process was told with the document
    return m->checks && fg_checks_compare(m->checks, lane, face, dimension);
}

static void dismiss(void *context, const char *lane)
{
    struct fg_matcher *m = context;
    if (m->checks)
        fg_checks_dismiss(m->checks, lane);
}

void fg_matcher_compared(void *context, const char *lane, bool match)
{
    struct fg_matcher *m = context;
    fg_decide_compared(m->decide, lane, match, fg_monotonic_ns(), fg_matcher_seconds());
}

void fg_matcher_check_failed(void *context, const char *lane, const char *reason)
{
    struct fg_matcher *m = context;
    fg_decide_give_up(m->decide, lane, reason, fg_monotonic_ns(), fg_matcher_seconds());
}

static int read_token(void *context, const char *lane, const struct fg_wire_token *token,
                      uint64_t realtime, struct fg_claim *ret, struct fg_verdict *ret_verdict)
{
    struct fg_matcher *m = context;
    (void)lane;
    return m->reader ? fg_reader_read(m->reader, token, realtime, ret, ret_verdict) : -ENOMSG;
}

struct fg_decide_hooks fg_matcher_hooks(struct fg_matcher *matcher)
{
    return (struct fg_decide_hooks){.context = matcher,
                                    .emit = on_decision,
                                    .permit = permit,
                                    .commit = commit,
                                    .explain = explain,
                                    .claim = read_token,
                                    .compare = compare,
                                    .dismiss = dismiss};
}
