// SPDX-License-Identifier: Apache-2.0
// The matcher's logic without sockets: policy, calibration, roster, decisions, senders.
#include <errno.h>
#include <unistd.h>

#include "tests/deciding.h"

#include "matcher/calibrate.h"
#include "matcher/latency.h"
#include "matcher/policy.h"
#include "matcher/senders.h"

// ---- decisions ---------------------------------------------------------------------------------

static void test_admit(void **state)
{
    (void)state;
    enrol("alpha", vector(1, 0, 0, 3));
    enrol("beta", vector(0, 1, 0, 3));
    probe(1, vector(.8f, 0, 0, 5));
    expect_last(FG_ADMIT, "matched", 1);
    assert_string_equal(seen[0].subject, "alpha");
    assert_string_equal(seen[0].lane, "lane");
    assert_string_equal(seen[0].source, "cam");
    assert_int_equal(seen[0].attempt, 1);
    assert_int_equal(seen[0].probes, 1);
    assert_int_equal(seen[0].sequence, 1);
    assert_true(seen[0].t_capture_ns == now_ns - MS(30) && seen[0].t_decision_ns == now_ns);
    for (int i = 0; i < 10; i++)
        probe(1, vector(.8f, 0, 0, 5));
    assert_int_equal(n_seen, 1); // once a track
    assert_int_equal(fg_decide_counters(decide)->after_decision, 10);
}

// Several tracks wait and are searched together; whatever touches one that waits settles first.
static void take(const struct fg_wire_message *m)
{
    fg_decide_take(decide, m, now_ns, NOW_S);
}

static void test_batch(void **state)
{
    (void)state;
    enrol("alpha", vector(1, 0, 0, 3));
    enrol("beta", vector(0, 1, 0, 3));
    take(probe_message("lane", "cam", 1, vector(.8f, 0, 0, 5)));
    take(probe_message("lane", "cam", 2, stranger(6)));
    take(probe_message("lane", "cam", 3, vector(0, .8f, 0, 5)));
    assert_int_equal(n_seen, 0);
    fg_decide_settle(decide, now_ns, NOW_S);
    assert_int_equal(n_seen, 3);
    expect(0, FG_ADMIT, "matched");
    assert_string_equal(seen[0].subject, "alpha");
    expect(1, FG_RETRY, "more_evidence");
    expect(2, FG_ADMIT, "matched");
    assert_string_equal(seen[2].subject, "beta");
    fg_decide_settle(decide, now_ns, NOW_S);
    assert_int_equal(n_seen, 3);
    take(probe_message("lane", "cam", 2, stranger(6)));
    take(probe_message("lane", "cam", 2, stranger(6))); // its second was judged before
    fg_decide_settle(decide, now_ns, NOW_S);
    assert_int_equal(n_seen, 4);
    expect(3, FG_DENY, "no_match"); // three probes, three searches
}

static void test_batch_and_loss(void **state)
{
    (void)state;
    enrol("alpha", vector(1, 0, 0, 3));
    take(probe_message("lane", "cam", 1, vector(.8f, 0, 0, 5)));
    struct fg_wire_message *m = message(FG_WIRE_NOTICE, "lane", "cam");
    m->notice.track = 1;
    m->notice.reason = FG_REASON_TRACK_LOST;
    take(m);
    expect_last(FG_ADMIT, "matched", 1); // judged before it went
    fg_decide_settle(decide, now_ns, NOW_S);
    assert_int_equal(n_seen, 1);
}

static void test_batch_is_bounded(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FG_DECIDE_BATCH; i++) {
        assert_int_equal(n_seen, 0);
        take(probe_message("lane", "cam", i + 1, stranger(4 + i % 8)));
    }
    assert_int_equal(n_seen, FG_DECIDE_BATCH);
    take(probe_message("lane", "cam", 99, stranger(4)));
    pass_time(0); // a tick settles
    assert_int_equal(n_seen, FG_DECIDE_BATCH + 1);
}

// A full table gives the place of whoever waits to nobody before they are judged.
static void test_batch_and_overflow(void **state)
{
    (void)state;
    enrol("alpha", vector(1, 0, 0, 3));
    for (unsigned i = 0; i < FG_DECIDE_TRACKS; i++)
        take(probe_message("lane", "cam", i + 1, i ? stranger(4 + i % 8) : vector(1, 0, 0, 3)));
    unsigned before = n_seen;
    for (unsigned i = 0; i < 40; i++)
        take(probe_message("lane", "cam", 1000 + i, stranger(4 + i % 8)));
    fg_decide_settle(decide, now_ns, NOW_S);
    assert_int_equal(n_seen,
                     before + 40 + (before < FG_DECIDE_TRACKS ? FG_DECIDE_TRACKS - before : 0));
    expect(0, FG_ADMIT, "matched");
    assert_int_equal(fg_decide_counters(decide)->dropped, 40);
}

// The threshold comes from the policy: the same probe passes at one rate and not at another.
static void test_threshold(void **state)
{
    (void)state;
    enrol("alpha", vector(1, 0, 0, 3));
    probe(1, vector(.51f, 0, 0, 5));
    expect_last(FG_ADMIT, "matched", 1);
    policy.fmr = 1e-6; // .7
    restart();
    probe(1, vector(.51f, 0, 0, 5));
    expect_last(FG_RETRY, "more_evidence", 1);
    probe(2, vector(.72f, 0, 0, 5));
    expect_last(FG_ADMIT, "matched", 2);
}

static void test_deny(void **state)
{
    (void)state;
    enrol("alpha", vector(1, 0, 0, 3));
    probe(1, stranger(5));
    expect_last(FG_RETRY, "more_evidence", 1);
    probe(1, stranger(5));
    assert_int_equal(n_seen, 1); // the reason has not changed
    probe(1, stranger(5));
    expect_last(FG_DENY, "no_match", 2);
    assert_int_equal(seen[1].attempt, 1);
    assert_int_equal(seen[1].probes, 3);
    assert_true(seen[1].subject[0] == '\0');
    // No further looks: even fused evidence that would match now stays unread.
    probe(1, vector(.6f, 0, 0, 5));
    pass_time(5000);
    assert_int_equal(n_seen, 2);
}

static void test_deny_by_time(void **state)
{
    (void)state;
    uint64_t first = now_ns;
    assert_true(fg_decide_due_ns(decide) == UINT64_MAX);
    probe(1, stranger(5));
    assert_true(fg_decide_due_ns(decide) == first + MS(1500));
    pass_time(1499);
    assert_int_equal(n_seen, 1);
    pass_time(1);
    expect_last(FG_DENY, "no_match", 2);
    assert_true(seen[1].waited);
    pass_time(3000);
    assert_int_equal(n_seen, 2);
}

// Two looks that fail alone succeed fused: noise in different directions averages out.
static void test_fusion(void **state)
{
    (void)state;
    enrol("alpha", vector(1, 0, 0, 3));
    probe(1, vector(.48f, .6f, 0, 5));
    expect_last(FG_RETRY, "more_evidence", 1);
    probe(1, vector(.48f, .6f, 0, 6));
    expect_last(FG_ADMIT, "matched", 2);
    assert_int_equal(seen[1].probes, 2);
    // A poor second look weighs little: cos stays under .5.
    policy.min_quality = 0;
    restart();
    probe(1, vector(.48f, .6f, 0, 5));
    struct fg_wire_message *m = probe_message("lane", "cam", 1, vector(.48f, .6f, 0, 6));
    m->probe.quality.unified = .04f;
    send(m);
    expect_last(FG_RETRY, "more_evidence", 1);
    probe(1, vector(.48f, .6f, 0, 6)); // a good one decides
    expect_last(FG_ADMIT, "matched", 2);
    assert_int_equal(seen[1].probes, 3);
}

static void test_retry_reasons(void **state)
{
    (void)state;
    notice(1, FG_REASON_TOO_SMALL);
    notice(1, FG_REASON_TOO_SMALL);
    expect_last(FG_RETRY, "too_small", 1);
    notice(1, FG_REASON_TOO_DARK);
    expect_last(FG_RETRY, "too_dark", 2);
    struct fg_wire_message *m = probe_message("lane", "cam", 1, stranger(5));
    m->probe.quality.unified = .19f;
    send(m);
    expect_last(FG_RETRY, "low_quality", 3);
    assert_int_equal(seen[2].probes, 0);
    probe(1, stranger(5));
    expect_last(FG_RETRY, "more_evidence", 4);
    notice(1, FG_REASON_NONE);
    notice(0, FG_REASON_NO_FACE);
    assert_int_equal(n_seen, 4);
    notice(0, FG_REASON_BLURRED); // of no track in particular
    expect_last(FG_RETRY, "blurred", 5);
    assert_int_equal(seen[4].track, 0);
}

// Low quality never adds up to a decision.
static void test_low_quality_only(void **state)
{
    (void)state;
    enrol("alpha", vector(1, 0, 0, 3));
    for (int i = 0; i < 10; i++) {
        struct fg_wire_message *m = probe_message("lane", "cam", 1, vector(1, 0, 0, 3));
        m->probe.quality.unified = .1f;
        send(m);
        pass_time(300);
    }
    expect_last(FG_RETRY, "low_quality", 1);
    assert_int_equal(fg_decide_counters(decide)->low_quality, 10);
}

static void test_wrong_model(void **state)
{
    (void)state;
    enrol("alpha", vector(1, 0, 0, 3));
    struct fg_wire_message *m = probe_message("lane", "cam", 1, vector(1, 0, 0, 3));
    m->probe.model++;
    send(m);
    m = probe_message("lane", "cam", 1, vector(1, 0, 0, 3));
    m->probe.dimension = DIMENSION - 1;
    send(m);
    assert_int_equal(n_seen, 0);
    assert_int_equal(fg_decide_counters(decide)->wrong_model, 2);
}

// ---- two people under one track number ---------------------------------------------------------

// Neither person is like the third, but their mean is: cos .45 each, .636 fused.
static void alternate(unsigned times)
{
    enrol("third", vector(.45f, .45f, 0, 2));
    for (unsigned i = 0; i < times; i++)
        probe(1, i % 2 ? vector(0, 1, 0, 3) : vector(1, 0, 0, 3));
}

static void test_swap_never_fuses(void **state)
{
    (void)state;
    alternate(20);
    const struct fg_decide_counters *n = fg_decide_counters(decide);
    assert_int_equal(n->outcomes[FG_ADMIT], 0);
    assert_int_equal(n->swaps, FG_DECIDE_FUSIONS);
    expect(n_seen - 1, FG_DENY, "mixed_track"); // and not looked at again
    assert_int_equal(n->outcomes[FG_DENY], 1);

    card.same_track = -1; // without the rule the mean of two people opens the gate to a third
    restart();
    alternate(2);
    assert_int_equal(fg_decide_counters(decide)->outcomes[FG_ADMIT], 1);
}

static void test_swap_is_judged_alone(void **state)
{
    (void)state;
    enrol("alpha", vector(1, 0, 0, 3));
    enrol("beta", vector(0, 1, 0, 3));
    probe(1, vector(.8f, 0, 0, 5));
    expect_last(FG_ADMIT, "matched", 1);
    probe(1, vector(0, .8f, 0, 6)); // somebody else steps in
    expect_last(FG_ADMIT, "matched", 2);
    assert_string_equal(seen[1].subject, "beta");
    assert_int_equal(seen[1].probes, 1);
    probe(1, stranger(7)); // and a stranger behind them is not let through by their admission
    probe(1, stranger(7));
    probe(1, stranger(7));
    expect_last(FG_DENY, "no_match", 4);
}

// ---- presence, attempts ------------------------------------------------------------------------

static void test_duplicates(void **state)
{
    (void)state;
    enrol("alpha", vector(1, 0, 0, 3));
    struct vector face = vector(.9f, 0, 0, 5);
    probe(1, face);
    send(probe_message("lane", "second-cam", 9, face));
    assert_int_equal(n_seen, 1);
    assert_int_equal(fg_decide_counters(decide)->duplicates, 1);
    send(probe_message("other", "cam", 1, face)); // another lane is another gate
    assert_int_equal(n_seen, 2);

    pass_time(9000); // both tracks still live: alpha has not left
    probe(1, face);
    send(probe_message("lane", "second-cam", 9, face));
    probe(2, face);
    assert_int_equal(n_seen, 2);
    assert_int_equal(fg_decide_counters(decide)->duplicates, 2);

    notice(1, FG_REASON_TRACK_LOST);
    notice(2, FG_REASON_TRACK_LOST);
    struct fg_wire_message *m = message(FG_WIRE_NOTICE, "lane", "second-cam");
    m->notice.track = 9;
    m->notice.reason = FG_REASON_TRACK_LOST;
    send(m);
    pass_time(1999);
    probe(3, face);
    assert_int_equal(n_seen, 2);
    notice(3, FG_REASON_TRACK_LOST);
    pass_time(2000);
    probe(4, face);
    expect_last(FG_ADMIT, "matched", 3);
}

// A presence is counted from when the person was last known there, not from the admission.
static void test_presence_lasts(void **state)
{
    (void)state;
    struct vector face = vector(.9f, 0, 0, 5);
    enrol("alpha", vector(1, 0, 0, 3));
    probe(1, face);
    pass_time(5000);
    notice(1, FG_REASON_TRACK_LOST);
    pass_time(1000);
    probe(2, face);
    assert_int_equal(n_seen, 1);
    pass_time(5000);
    probe(2, stranger(7)); // takes over the track's number
    pass_time(1000);
    probe(3, face);
    assert_int_equal(fg_decide_counters(decide)->outcomes[FG_ADMIT], 1);
    assert_int_equal(fg_decide_counters(decide)->duplicates, 2);
}

// Whoever stays in the lane is present, however many others have been admitted meanwhile.
static void test_presence_outlasts_a_crowd(void **state)
{
    (void)state;
    struct vector face = vector(.9f, 0, 0, 5);
    enrol("alpha", vector(1, 0, 0, 3));
    enrol("beta", vector(0, 1, 0, 3));
    probe(1, face);
    for (unsigned i = 0; i < 300; i++) { // one person of the crowd for each of 300 lanes
        char lane[16];
        snprintf(lane, sizeof lane, "lane%u", i);
        pass_time(10);
        send(probe_message(lane, "cam", 1, vector(0, .9f, 0, 5)));
        struct fg_wire_message *m = message(FG_WIRE_NOTICE, lane, "cam");
        m->notice.track = 1;
        m->notice.reason = FG_REASON_TRACK_LOST;
        send(m);
    }
    assert_int_equal(fg_decide_counters(decide)->outcomes[FG_ADMIT], 301);
    send(probe_message("lane", "second-cam", 9, face));
    assert_int_equal(fg_decide_counters(decide)->outcomes[FG_ADMIT], 301);
    assert_int_equal(fg_decide_counters(decide)->duplicates, 1);
}

static void refuse_once(uint32_t track)
{
    for (unsigned i = 0; i < policy.good_probes; i++)
        probe(track, stranger(5 + track % 8));
    notice(track, FG_REASON_TRACK_LOST);
}

static void test_attempts(void **state)
{
    (void)state;
    enrol("alpha", vector(1, 0, 0, 3));
    static const enum fg_outcome want[] = {FG_DENY, FG_DENY, FG_FALLBACK, FG_FALLBACK};
    for (uint32_t track = 1; track <= 4; track++) {
        refuse_once(track);
        pass_time(1500);
        expect(n_seen - 1, want[track - 1], "no_match");
        assert_int_equal(seen[n_seen - 1].attempt, track);
    }
    pass_time(500); // 2 s empty: a new presence
    refuse_once(5);
    expect(n_seen - 1, FG_DENY, "no_match");
    assert_int_equal(seen[n_seen - 1].attempt, 1);
    probe(6, vector(1, 0, 0, 3)); // an admission is the end of an attempt's story too
    assert_int_equal(seen[n_seen - 1].attempt, 2);
    notice(6, FG_REASON_TRACK_LOST);
    refuse_once(7);
    assert_int_equal(seen[n_seen - 1].attempt, 1);
}

static void test_occupied_lane_keeps_attempts(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        probe(1, stranger(5)); // denied, and stays in view
    for (int i = 0; i < 5; i++) {
        pass_time(3000);
        probe(1, stranger(5));
    }
    refuse_once(2);
    assert_int_equal(seen[n_seen - 1].attempt, 2);
}

static void test_track_lost(void **state)
{
    (void)state;
    probe(1, stranger(5));
    notice(1, FG_REASON_TRACK_LOST);
    expect_last(FG_DENY, "no_match", 2);
    notice(1, FG_REASON_TRACK_LOST); // again, or of a track never seen: nothing
    notice(8, FG_REASON_TRACK_LOST);
    assert_int_equal(n_seen, 2);
    notice(2, FG_REASON_TOO_SMALL);
    notice(2, FG_REASON_TRACK_LOST);
    expect_last(FG_RETRY, "too_small", 3);
    assert_int_equal(fg_decide_counters(decide)->unjudged, 1);
}

static void test_idle(void **state)
{
    (void)state;
    notice(1, FG_REASON_TOO_SMALL);
    pass_time(FG_DECIDE_IDLE_MS - 1);
    assert_int_equal(fg_decide_counters(decide)->unjudged, 0);
    pass_time(1);
    assert_int_equal(fg_decide_counters(decide)->unjudged, 1);
    assert_true(fg_decide_due_ns(decide) == UINT64_MAX);
}

static void test_overflow(void **state)
{
    (void)state;
    for (uint32_t track = 1; track <= FG_DECIDE_TRACKS; track++) {
        now_ns += 1000;
        probe(track, stranger(5));
    }
    assert_int_equal(fg_decide_counters(decide)->dropped, 0);
    now_ns += 1000;
    probe(FG_DECIDE_TRACKS + 1, stranger(5));
    assert_int_equal(fg_decide_counters(decide)->dropped, 1);
    unsigned before = n_seen;
    notice(1, FG_REASON_TRACK_LOST); // the oldest is gone
    assert_int_equal(n_seen, before);
    notice(2, FG_REASON_TRACK_LOST);
    assert_int_equal(n_seen, before + 1);
}

static void test_ignored(void **state)
{
    (void)state;
    static const enum fg_wire_type types[] = {FG_WIRE_TOKEN_READ, FG_WIRE_ALIVE, FG_WIRE_PASSED};
    for (unsigned i = 0; i < 3; i++)
        send(message(types[i], "lane", "gate"));
    assert_int_equal(fg_decide_counters(decide)->ignored, 2);
    assert_int_equal(fg_decide_counters(decide)->tokens, 1); // and nobody asked for it
    assert_int_equal(n_seen, 0);
}

// ---- who may pass ------------------------------------------------------------------------------

static void deny_reason(struct vector face, const char *reason)
{
    static uint32_t track = 100;
    track++;
    for (unsigned i = 0; i < 3; i++)
        probe(track, face);
    expect(n_seen - 1, FG_DENY, reason);
    notice(track, FG_REASON_TRACK_LOST);
    pass_time(5000);
}

static void test_validity_and_lanes(void **state)
{
    (void)state;
    struct fg_subject late = subject("late", vector(1, 0, 0, 3));
    late.valid_until_s = NOW_S;
    assert_int_equal(put(&late), 0);
    struct fg_subject early = subject("early", vector(0, 1, 0, 3));
    early.valid_from_s = NOW_S + 1;
    assert_int_equal(put(&early), 0);
    struct fg_subject elsewhere = subject("elsewhere", vector(0, 0, 1, 3));
    elsewhere.n_lanes = 2;
    strcpy(elsewhere.lanes[0], "lane-2");
    strcpy(elsewhere.lanes[1], "lan");
    assert_int_equal(put(&elsewhere), 0);

    deny_reason(vector(1, 0, 0, 3), "not_valid_now");
    deny_reason(vector(0, 1, 0, 3), "not_valid_now");
    deny_reason(vector(0, 0, 1, 3), "wrong_lane");
    deny_reason(stranger(9), "no_match");
    send(probe_message("lane-2", "cam", 1, vector(0, 0, 1, 3)));
    expect(n_seen - 1, FG_ADMIT, "matched");

    fg_decide_message(decide, probe_message("lane", "cam", 1, vector(1, 0, 0, 3)), now_ns,
                      NOW_S - 1); // a second before the end
    expect(n_seen - 1, FG_ADMIT, "matched");
    assert_string_equal(seen[n_seen - 1].subject, "late");
}

static void test_fpir(void **state)
{
    (void)state;
    policy.fmr = 0;
    policy.fpir = 9e-6; // the table ends at 1e-6: three candidates, each searched three times
    restart();
    struct fg_error err = {""};
    struct fg_threshold t;
    assert_int_equal(fg_calibrate_most(&card, &policy), 3);
    assert_int_equal(fg_calibrate(&card, &policy, 1, &t, &err), 0);
    float alone = t.score;
    assert_int_equal(fg_calibrate(&card, &policy, 3, &t, &err), 0);
    assert_true(t.score > alone);
    assert_int_equal(fg_calibrate(&card, &policy, 4, &t, &err), -ERANGE);
    assert_non_null(strstr(err.text, "at most 3 candidates"));

    enrol("a", vector(1, 0, 0, 3));
    enrol("b", vector(0, 1, 0, 3));
    enrol("c", vector(0, 0, 1, 3));
    probe(1, vector(1, 0, 0, 3));
    expect_last(FG_ADMIT, "matched", 1);
    enrol("d", stranger(4));
    probe(2, vector(0, 1, 0, 3));
    expect_last(FG_FALLBACK, "gallery_too_large", 2);
    probe(2, vector(0, 1, 0, 3));
    assert_int_equal(n_seen, 2);
    // Only those whom the filters admit count.
    struct fg_subject d = subject("d", stranger(4));
    d.n_lanes = 1;
    strcpy(d.lanes[0], "other");
    assert_int_equal(put(&d), 0);
    probe(3, vector(0, 1, 0, 3));
    expect_last(FG_ADMIT, "matched", 3);
}

static void test_calibrate(void **state)
{
    (void)state;
    struct fg_error err = {""};
    struct fg_threshold t;
    assert_int_equal(fg_calibrate(&card, &policy, 1000, &t, &err), 0);
    assert_true(fabsf(t.score - .5f) < 1e-5f && fabs(t.fnmr - .05) < 1e-6);
    assert_true(fg_calibrate_most(&card, &policy) == UINT64_MAX);
    policy.impostors_per_day = 10;
    // 1e-4 * 1000 * 3 searches * 10 * 365 is 1095; some strangers would match twice: a little less.
    double accepts = fg_false_accepts_per_year(&t, &policy);
    assert_true(accepts > 930 && accepts < 1095);
    policy.fmr = 1e-9;
    assert_int_equal(fg_calibrate(&card, &policy, 1, &t, &err), -ERANGE);
    policy.fmr = 0;
    policy.fpir = .01; // one candidate: looser than the table's end, so the table's end
    assert_int_equal(fg_calibrate(&card, &policy, 0, &t, &err), 0);
    policy.fpir = .4;
    assert_int_equal(fg_calibrate(&card, &policy, 1, &t, &err), 0);
    assert_true(fabsf(t.score - .3f) < 1e-5f);
    card.n_points = 0;
    assert_int_equal(fg_calibrate(&card, &policy, 1, &t, &err), -ENODATA);
}

static void test_roster(void **state)
{
    (void)state;
    char id[FG_SUBJECT_ID];
    for (int i = 0; i < 500; i++) {
        snprintf(id, sizeof id, "s%03d", (i * 7) % 500);
        enrol(id, vector((float)i / 1000, .1f, 0, 3));
    }
    assert_int_equal(fg_roster_count(roster), 500);
    enrol("s007", stranger(8)); // replaced, not added
    assert_int_equal(fg_roster_count(roster), 500);
    assert_string_equal(fg_roster_search(roster, stranger(8).at, .9f, "x", NOW_S), "s007");
    const char *page[5];
    assert_int_equal(fg_roster_page(roster, "s497", page, 5), 2);
    assert_string_equal(page[0], "s498");
    assert_int_equal(fg_roster_page(roster, "", page, 5), 5);
    assert_string_equal(page[4], "s004");
    for (int i = 0; i < 500; i += 2) {
        snprintf(id, sizeof id, "s%03d", i);
        assert_true(fg_roster_remove(roster, id));
        assert_false(fg_roster_remove(roster, id));
    }
    assert_int_equal(fg_roster_count(roster), 250);
    assert_int_equal(fg_roster_candidates(roster, "x", NOW_S), 250);
    struct fg_subject later = subject("later", stranger(9));
    later.valid_from_s = NOW_S + 10;
    later.valid_until_s = NOW_S + 20;
    assert_int_equal(put(&later), 0);
    assert_int_equal(fg_roster_candidates(roster, "x", NOW_S), 250);
    assert_int_equal(fg_roster_candidates(roster, "x", NOW_S + 10), 251);
    assert_int_equal(fg_roster_candidates(roster, "x", NOW_S + 20), 250);
    assert_int_equal(fg_roster_candidates(roster, "x", NOW_S + 19), 251); // the clock stepped back
    assert_false(fg_roster_remove(roster, "nobody"));
    later.dimension--;
    assert_int_equal(put(&later), -EINVAL);
}

// ---- profiles ----------------------------------------------------------------------------------

static int read_profile(const char *text, struct fg_policy *ret, struct fg_error *err)
{
    char path[] = "/tmp/facegate-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    err->text[0] = '\0';
    int r = fg_policy_read(path, ret, err);
    unlink(path);
    assert_true(r == 0 || err->text[0]);
    return r;
}

#define BASE "[profile]\nname = p\nmode = identify\nliveness = attended\n"

static void test_policy(void **state)
{
    (void)state;
    struct fg_policy p = {0};
    struct fg_error err;
    assert_int_equal(read_profile(BASE "fmr = 1e-5\n", &p, &err), 0);
    assert_true(p.fmr == 1e-5 && p.fpir == 0 && p.good_probes == 3 && p.decide_ms == 1500);
    assert_true(p.attempts == 3 && p.absent_ms == 2000 && p.valid_ms == 1000);
    struct fg_policy untouched = p;
    assert_int_equal(read_profile(BASE, &p, &err), -EINVAL);
    assert_int_equal(read_profile(BASE "fmr = 1e-5\nfpir = .01\n", &p, &err), -EINVAL);
    assert_non_null(strstr(err.text, "either fmr or fpir"));
    assert_int_equal(read_profile(BASE "fmr = 1e-5\nthreshold = .5\n", &p, &err), -EINVAL);
    assert_non_null(strstr(err.text, ":6: unknown key threshold"));
    assert_int_equal(
        read_profile("[profile]\nname = p\nliveness = attended\nfmr = 1e-5\n", &p, &err),
        -EINVAL); // 1:N only when the profile says so
    assert_int_equal(
        read_profile("[profile]\nname = p\nmode = identify\nliveness = required\nfmr = 1e-5\n", &p,
                     &err),
        -EOPNOTSUPP);
    assert_non_null(strstr(err.text, "liveness = attended"));
    assert_int_equal(read_profile(BASE "fmr = 0\n", &p, &err), -EINVAL);
    assert_int_equal(read_profile(BASE "fmr = nan\n", &p, &err), -EINVAL);
    assert_int_equal(fg_policy_read("/nowhere/p.ini", &p, &err), -ENOENT);
    assert_memory_equal(&p, &untouched, sizeof p);
}

// ---- senders, JSON, latency --------------------------------------------------------------------

static void test_gaps(void **state)
{
    (void)state;
    static struct fg_senders senders;
    memset(&senders, 0, sizeof senders);
    struct fg_wire_message *m = message(FG_WIRE_ALIVE, "lane", "cam");
    m->head.sequence = 40; // we came late: no gap
    assert_true(fg_senders_hear(&senders, m, 1));
    m->head.sequence = 41;
    assert_true(fg_senders_hear(&senders, m, 2));
    m->head.sequence = 45;
    assert_true(fg_senders_hear(&senders, m, 3));
    assert_int_equal(senders.lost, 3);
    assert_false(fg_senders_hear(&senders, m, 4)); // a repetition
    m->head.sequence = 2;
    assert_false(fg_senders_hear(&senders, m, 5));
    assert_int_equal(senders.repeated, 2);
    m->head.session++; // restarted: counts anew
    m->head.sequence = 1;
    assert_true(fg_senders_hear(&senders, m, 6));
    assert_int_equal(senders.lost, 3);
    for (uint64_t i = 0; i < FG_SENDERS; i++) { // both are forgotten, the total is not
        m->head.session += 10;
        assert_true(fg_senders_hear(&senders, m, 10 + i));
    }
    assert_int_equal(senders.lost, 3);
}

static char *print(const struct fg_decision *d, uint64_t boot)
{
    struct fg_decision_context about = {.profile = "demo",
                                        .run = 0x10,
                                        .boot = boot,
                                        .realtime_ns = 1700000000123456789ULL,
                                        .valid_ms = 900};
    struct fg_json *json = fg_decision_json(d, &about);
    char *text = fg_json_print(json, false);
    fg_json_destroy(json);
    return text;
}

static void test_json(void **state)
{
    (void)state;
    struct fg_decision d = {.sequence = 3,
                            .lane = "l1",
                            .source = "cam",
                            .outcome = FG_ADMIT,
                            .reason = "matched",
                            .subject = "alpha",
                            .attempt = 1,
                            .session = 0xff,
                            .track = 4,
                            .probes = 2,
                            .t_capture_ns = (1ULL << 53) + 1,
                            .t_decision_ns = (1ULL << 53) + 1 + MS(25),
                            .boot = 9};
    char *text = print(&d, 9);
    assert_string_equal(
        text,
        "{\"v\":1,\"run\":\"0000000000000010\",\"seq\":3,\"lane\":\"l1\",\"profile\":\"demo\","
        "\"outcome\":\"admit\",\"reason\":\"matched\",\"subject\":\"alpha\",\"attempt\":1,"
        "\"liveness\":\"attended\",\"source\":\"cam\",\"session\":\"00000000000000ff\","
        "\"track\":4,\"probes\":2,\"t_capture_ns\":\"9007199254740993\","
        "\"t_decision_ns\":\"9007199279740993\",\"latency_ms\":25,"
        "\"t\":\"2023-11-14T22:13:20.123Z\",\"valid_ms\":900}");
    free(text);
    d.outcome = FG_DENY; // no id, and no latency between two boots' clocks
    text = print(&d, 8);
    assert_null(strstr(text, "subject"));
    assert_null(strstr(text, "latency"));
    free(text);
    text = print(&d, 0);
    assert_null(strstr(text, "latency"));
    free(text);
}

static void test_latency(void **state)
{
    (void)state;
    static struct fg_latency l;
    memset(&l, 0, sizeof l);
    assert_true(fg_latency_quantile(&l, .5) < 0);
    for (int i = 0; i < 500; i++)
        fg_latency_add(&l, 1e6); // pushed out below
    for (int i = 1000; i >= 1; i--)
        fg_latency_add(&l, i);
    assert_true(fg_latency_quantile(&l, .5) == 500);
    assert_true(fg_latency_quantile(&l, .99) == 990);
    assert_true(fg_latency_quantile(&l, 1) == 1000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_admit),
        TEST(test_batch),
        TEST(test_batch_and_loss),
        TEST(test_batch_is_bounded),
        TEST(test_batch_and_overflow),
        TEST(test_threshold),
        TEST(test_deny),
        TEST(test_deny_by_time),
        TEST(test_fusion),
        TEST(test_retry_reasons),
        TEST(test_low_quality_only),
        TEST(test_wrong_model),
        TEST(test_swap_never_fuses),
        TEST(test_swap_is_judged_alone),
        TEST(test_duplicates),
        TEST(test_presence_lasts),
        TEST(test_presence_outlasts_a_crowd),
        TEST(test_attempts),
        TEST(test_occupied_lane_keeps_attempts),
        TEST(test_track_lost),
        TEST(test_idle),
        TEST(test_overflow),
        TEST(test_ignored),
        TEST(test_validity_and_lanes),
        TEST(test_fpir),
        TEST(test_calibrate),
        TEST(test_roster),
        TEST(test_policy),
        TEST(test_gaps),
        TEST(test_json),
        TEST(test_latency),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
