// SPDX-License-Identifier: Apache-2.0
// fg_decide with hand-made vectors in 16 dimensions and a clock that the test moves; the threshold
// is a cosine of .5. For one test program each.
#ifndef FG_DECIDING_H
#define FG_DECIDING_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "matcher/decide.h"

#define DIMENSION 16
#define MODEL     0xabcdefULL
#define NOW_S     1700000000ULL
#define MS(ms)    ((uint64_t)(ms)*1000000)

static struct fg_policy policy;
static struct fg_card card;
static struct fg_decide_hooks hooks;
static struct fg_roster *roster;
static struct fg_decide *decide;
static struct fg_decision seen[600];
static unsigned n_seen;
static uint64_t now_ns, sequence;

static void keep(void *context, const struct fg_decision *decision)
{
    (void)context;
    assert_true(n_seen < sizeof seen / sizeof seen[0]);
    seen[n_seen++] = *decision;
}

static void restart(void)
{
    fg_decide_destroy(decide);
    decide = NULL;
    hooks.emit = keep;
    assert_int_equal(fg_decide_create(&policy, &card, roster, &hooks, &decide), 0);
    n_seen = 0;
}

static int setup(void **state)
{
    (void)state;
    policy = (struct fg_policy){.name = "test",
                                .fmr = 1e-4,
                                .good_probes = 3,
                                .decide_ms = 1500,
                                .attempts = 3,
                                .absent_ms = 2000,
                                .valid_ms = 1000,
                                .min_quality = .2f};
    card = (struct fg_card){.name = "toy",
                            .kind = FG_CARD_EMBEDDER,
                            .id = MODEL,
                            .dimension = DIMENSION,
                            .same_track = .45f,
                            .n_points = 3,
                            .points = {{.3f, 1e-2, .01}, {.5f, 1e-4, .05}, {.7f, 1e-6, .3}},
                            .impostor_pairs = 1000000000};
    assert_int_equal(
        fg_roster_create(&(struct fg_index_options){.dimension = DIMENSION, .seed = 7}, &roster),
        0);
    now_ns = MS(100000);
    sequence = 0;
    hooks = (struct fg_decide_hooks){.emit = NULL};
    restart();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fg_decide_destroy(decide);
    fg_roster_destroy(roster);
    decide = NULL;
    roster = NULL;
    return 0;
}

// ---- vectors, subjects, messages ---------------------------------------------------------------

struct vector {
    float at[DIMENSION];
};

// A unit vector with these first coordinates; what is missing goes to coordinate `rest`.
static struct vector vector(float a, float b, float c, unsigned rest)
{
    struct vector v = {{a, b, c}};
    v.at[rest] = sqrtf(fmaxf(0, 1 - a * a - b * b - c * c));
    return v;
}

static struct fg_subject subject(const char *id, struct vector v)
{
    struct fg_subject s = {.model = MODEL, .enrolled_s = NOW_S, .born = FG_NO_BIRTH};
    snprintf(s.id, sizeof s.id, "%s", id);
    assert_int_equal(fg_subject_set_vectors(&s, v.at, 1, DIMENSION), 0);
    return s;
}

static int put(const struct fg_subject *s)
{
    char words[FG_SUBJECT_WORDS];
    struct fg_member member;
    fg_subject_member(s, words, &member);
    return fg_roster_put(roster, &member);
}

static void enrol(const char *id, struct vector v)
{
    struct fg_subject s = subject(id, v);
    assert_int_equal(put(&s), 0);
}

static struct fg_wire_message *message(enum fg_wire_type type, const char *lane, const char *source)
{
    static struct fg_wire_message m;
    memset(&m, 0, sizeof m);
    sequence++;
    m.head = (struct fg_wire_head){.type = type,
                                   .session = 77,
                                   .sequence = sequence,
                                   .t_capture_ns = now_ns - MS(30),
                                   .boot = 5};
    snprintf(m.head.lane, sizeof m.head.lane, "%s", lane);
    snprintf(m.head.source, sizeof m.head.source, "%s", source);
    return &m;
}

static struct fg_wire_message *probe_message(const char *lane, const char *source, uint32_t track,
                                             struct vector v)
{
    struct fg_wire_message *m = message(FG_WIRE_PROBE, lane, source);
    m->probe.model = MODEL;
    m->probe.track = track;
    m->probe.quality.unified = .8f;
    m->probe.dimension = DIMENSION;
    memcpy(m->probe.vector, v.at, sizeof v.at);
    return m;
}

static void send(const struct fg_wire_message *m)
{
    fg_decide_message(decide, m, now_ns, NOW_S);
}

static void probe(uint32_t track, struct vector v)
{
    send(probe_message("lane", "cam", track, v));
}

static void notice(uint32_t track, enum fg_reason reason)
{
    struct fg_wire_message *m = message(FG_WIRE_NOTICE, "lane", "cam");
    m->notice.track = track;
    m->notice.reason = reason;
    send(m);
}

static void pass_time(unsigned ms)
{
    now_ns += MS(ms);
    fg_decide_tick(decide, now_ns, NOW_S);
}

static void expect(unsigned index, enum fg_outcome outcome, const char *reason)
{
    assert_true(index < n_seen);
    assert_int_equal(seen[index].outcome, outcome);
    assert_string_equal(seen[index].reason, reason);
}

static void expect_last(enum fg_outcome outcome, const char *reason, unsigned count)
{
    assert_int_equal(n_seen, count);
    expect(count - 1, outcome, reason);
}

static struct vector stranger(unsigned axis)
{
    return vector(0, 0, 0, axis);
}

#endif
