// SPDX-License-Identifier: Apache-2.0
// One to one: tokens and documents against the face in the lane; and permission, with admissions
// that must be durable before they are published.
#include <errno.h>
#include <unistd.h>

#include "tests/deciding.h"

// ---- the world that the hooks ask --------------------------------------------------------------

static struct {
    struct fg_claim claim; // what every token says
    int answer;            // of reading it
    const char *refusal;
    unsigned reads, dismissals, compares, permits, commits, explains;
    int commit;
    bool comparing; // there is a process to ask
    struct fg_verdict verdict;
    bool seen_claim;
    unsigned published_before_commit;
    const char *bytes; // of the token, 5; NULL: TOKEN
} world;

static int read_token(void *context, const char *lane, const struct fg_wire_token *token,
                      uint64_t realtime_s, struct fg_claim *ret, struct fg_verdict *ret_verdict)
{
    (void)context;
    assert_string_equal(lane, "lane");
    assert_true(token->length > 0 && realtime_s == NOW_S);
    world.reads++;
    *ret = world.claim;
    *ret_verdict = (struct fg_verdict){.reason = world.refusal};
    return world.answer;
}

static bool compare(void *context, const char *lane, const float *face, uint32_t dimension,
                    float score)
{
    (void)context;
    assert_string_equal(lane, "lane");
    assert_int_equal(dimension, DIMENSION);
    assert_true(face[0] >= -1 && score > .4f && score < .6f);
    world.compares++;
    return world.comparing;
}

static void dismiss(void *context, const char *lane)
{
    (void)context;
    assert_string_equal(lane, "lane");
    world.dismissals++;
}

static void permit(void *context, struct fg_decision *about, const char *subject,
                   const struct fg_claim *claim, uint64_t realtime_s, struct fg_verdict *ret)
{
    (void)context;
    (void)realtime_s;
    assert_true(subject[0] && about->sequence > 0);
    world.permits++;
    world.seen_claim = claim != NULL;
    *ret = world.verdict;
}

static int commit(void *context)
{
    (void)context;
    world.commits++;
    world.published_before_commit = n_seen;
    return world.commit;
}

static void explain(void *context, const char *lane, const char *subject, uint64_t realtime_s,
                    struct fg_verdict *ret)
{
    (void)context;
    (void)lane;
    (void)subject;
    (void)realtime_s;
    world.explains++;
    *ret = (struct fg_verdict){.reason = "registration_expired", .when_s = 77};
}

static void begin(enum fg_mode mode)
{
    memset(&world, 0, sizeof world);
    world.verdict = (struct fg_verdict){.admit = true, .reason = "matched"};
    world.claim = (struct fg_claim){.kind = FG_CLAIM_TOKEN, .id = "serial-1"};
    memcpy(world.claim.vector, vector(1, 0, 0, 3).at, DIMENSION * sizeof(float));
    policy.mode = mode;
    policy.token_s = 20;
    hooks = (struct fg_decide_hooks){.permit = permit,
                                     .commit = commit,
                                     .explain = explain,
                                     .claim = read_token,
                                     .compare = compare,
                                     .dismiss = dismiss};
    restart();
}

static void token(void)
{
    struct fg_wire_message *m = message(FG_WIRE_TOKEN_READ, "lane", "cam");
    m->token = (struct fg_wire_token){.track = 1, .length = 5};
    memcpy(m->token.bytes, world.bytes ? world.bytes : "TOKEN", 5);
    send(m);
}

static struct vector owner(void)
{
    return vector(.8f, 0, 0, 5);
}

// ---- tokens ------------------------------------------------------------------------------------

static void test_token_then_face(void **state)
{
    (void)state;
    begin(FG_MODE_PASS);
    assert_false(fg_decide_has_claim(decide, "lane"));
    token();
    assert_true(fg_decide_has_claim(decide, "lane"));
    assert_int_equal(n_seen, 0);
    probe(1, owner());
    expect_last(FG_ADMIT, "matched", 1);
    assert_string_equal(seen[0].subject, "serial-1");
    assert_true(world.seen_claim);
    assert_false(fg_decide_has_claim(decide, "lane")); // used
    assert_int_equal(world.dismissals, 1);
}

// A code that is still held up while its owner goes is not asked about again, even one that would
// now be refused as used; later it is.
static void test_token_held_up(void **state)
{
    (void)state;
    begin(FG_MODE_PASS);
    token();
    probe(1, owner());
    expect_last(FG_ADMIT, "matched", 1);
    world.answer = -EACCES;
    world.refusal = "token_replayed";
    for (int i = 0; i < 9; i++) {
        token();
        pass_time(1000);
    }
    assert_int_equal(world.reads, 1);
    assert_int_equal(n_seen, 1);
    world.bytes = "OTHER";
    token();
    assert_int_equal(world.reads, 2);
    world.bytes = NULL;
    pass_time(3000);
    token();
    assert_int_equal(world.reads, 3);
}

static void test_face_then_token(void **state)
{
    (void)state;
    begin(FG_MODE_PASS);
    for (int i = 0; i < 5; i++) {
        probe(1, owner());
        pass_time(900);
    }
    expect_last(FG_RETRY, "show_token", 1); // said once, and nobody is denied for standing there
    token();
    expect_last(FG_ADMIT, "matched", 2);
}

static void test_another_face(void **state)
{
    (void)state;
    begin(FG_MODE_PASS);
    token();
    for (unsigned i = 0; i < 9; i++)
        probe(1, stranger(6));
    unsigned denials = 0;
    for (unsigned i = 0; i < n_seen; i++) {
        assert_true(seen[i].outcome != FG_ADMIT);
        if (seen[i].outcome == FG_RETRY)
            continue;
        denials++;
        assert_string_equal(seen[i].reason, "token_other_face");
        assert_int_equal(seen[i].attempt, denials);
        assert_int_equal(seen[i].outcome, denials == 3 ? FG_FALLBACK : FG_DENY);
    }
    assert_int_equal(denials, 3);
    assert_false(fg_decide_has_claim(decide, "lane"));
    probe(1, stranger(6)); // the track is done with
    assert_int_equal(world.dismissals, 1);
    assert_int_equal(world.permits, 0);
}

static void test_second_try(void **state)
{
    (void)state;
    begin(FG_MODE_PASS);
    token();
    for (unsigned i = 0; i < 3; i++)
        probe(1, vector(.3f, 0, 0, 5)); // themselves, badly seen
    assert_int_equal(seen[n_seen - 1].outcome, FG_DENY);
    probe(1, owner());
    assert_int_equal(seen[n_seen - 1].outcome, FG_ADMIT);
    assert_int_equal(seen[n_seen - 1].attempt, 2);
}

static void test_no_owner(void **state)
{
    (void)state;
    begin(FG_MODE_PASS);
    token();
    pass_time(19000);
    assert_int_equal(n_seen, 0);
    assert_true(fg_decide_due_ns(decide) <= now_ns + MS(1000));
    pass_time(1000);
    expect_last(FG_DENY, "token_no_owner", 1);
    assert_string_equal(seen[0].source, "cam");
    assert_false(fg_decide_has_claim(decide, "lane"));
    assert_int_equal(world.dismissals, 1);
}

static void test_two_faces(void **state)
{
    (void)state;
    begin(FG_MODE_PASS);
    probe(1, owner());
    probe(2, stranger(6));
    token();
    assert_string_equal(seen[n_seen - 1].reason, "one_person");
    for (unsigned i = 0; i < n_seen; i++)
        assert_true(seen[i].outcome == FG_RETRY);
    notice(2, FG_REASON_TRACK_LOST);
    probe(1, owner());
    assert_int_equal(seen[n_seen - 1].outcome, FG_ADMIT);
}

static void test_refused_token(void **state)
{
    (void)state;
    begin(FG_MODE_PASS);
    world.answer = -EACCES;
    world.refusal = "token_expired";
    token();
    expect_last(FG_DENY, "token_expired", 1);
    assert_int_equal(seen[0].track, 0);
    world.answer = -ENOMSG; // somebody's shopping list
    token();
    assert_int_equal(n_seen, 1);
    assert_false(fg_decide_has_claim(decide, "lane"));
}

static void test_the_same_token_is_read_once(void **state)
{
    (void)state;
    begin(FG_MODE_PASS);
    for (unsigned i = 0; i < 10; i++)
        token();
    assert_int_equal(world.reads, 1);
    assert_int_equal(fg_decide_counters(decide)->tokens, 10);
}

static void test_tokens_elsewhere(void **state)
{
    (void)state;
    begin(FG_MODE_IDENTIFY);
    token();
    assert_int_equal(world.reads, 0);
    assert_false(fg_decide_has_claim(decide, "lane"));
}

// ---- documents ---------------------------------------------------------------------------------

static void bring_document(const char *id)
{
    struct fg_claim document = {.kind = FG_CLAIM_DOCUMENT};
    snprintf(document.id, sizeof document.id, "%s", id);
    fg_decide_claim(decide, "lane", &document, now_ns, NOW_S);
}

static void test_document(void **state)
{
    (void)state;
    begin(FG_MODE_PORTRAIT);
    world.comparing = true;
    probe(1, owner());
    expect_last(FG_RETRY, "no_request", 1);
    bring_document("check-1");
    assert_int_equal(world.compares, 1);
    probe(1, owner()); // one comparison at a time
    assert_int_equal(world.compares, 1);
    fg_decide_compared(decide, "lane", true, now_ns, NOW_S);
    expect_last(FG_ADMIT, "matched", 2);
    assert_string_equal(seen[1].subject, "check-1");
    assert_false(fg_decide_has_claim(decide, "lane"));
    fg_decide_compared(decide, "lane", true, now_ns, NOW_S); // nobody asked
    assert_int_equal(n_seen, 2);
}

static void test_document_of_another(void **state)
{
    (void)state;
    begin(FG_MODE_PORTRAIT);
    world.comparing = true;
    bring_document("check-1");
    for (unsigned i = 0; i < 9; i++) {
        probe(1, stranger(6));
        fg_decide_compared(decide, "lane", false, now_ns, NOW_S);
    }
    assert_int_equal(seen[n_seen - 1].outcome, FG_FALLBACK);
    assert_int_equal(seen[n_seen - 1].attempt, 3);
    assert_int_equal(world.permits, 0);
    assert_int_equal(world.dismissals, 1);
}

// The answer about a document that is gone never comes: the next one is asked about.
static void test_document_after_document(void **state)
{
    (void)state;
    begin(FG_MODE_PORTRAIT);
    world.comparing = true;
    bring_document("check-1");
    probe(1, owner());
    fg_decide_give_up(decide, "lane", "matcher_busy", now_ns, NOW_S);
    bring_document("check-2");
    assert_int_equal(world.compares, 2);
    bring_document("check-3"); // instead of the second
    assert_int_equal(world.compares, 3);
    fg_decide_compared(decide, "lane", true, now_ns, NOW_S);
    assert_int_equal(seen[n_seen - 1].outcome, FG_ADMIT);
    assert_string_equal(seen[n_seen - 1].subject, "check-3");
}

static void test_document_given_up(void **state)
{
    (void)state;
    begin(FG_MODE_PORTRAIT);
    world.comparing = true;
    bring_document("check-1");
    fg_decide_give_up(decide, "lane", "portrait_no_face", now_ns, NOW_S);
    expect_last(FG_DENY, "portrait_no_face", 1);
    fg_decide_give_up(decide, "lane", "portrait_no_face", now_ns, NOW_S);
    assert_int_equal(n_seen, 1);
}

// ---- nothing is kept ---------------------------------------------------------------------------

static void begin_keeping_nothing(enum fg_mode mode)
{
    policy.keep_nothing = true;
    begin(mode);
}

// The vector of whoever was decided is gone: their next probes are nobody else's.
static void test_decided_and_forgotten(void **state)
{
    (void)state;
    begin_keeping_nothing(FG_MODE_PASS);
    token();
    probe(1, owner());
    expect_last(FG_ADMIT, "matched", 1);
    for (unsigned i = 0; i < 9; i++)
        probe(1, i % 2 ? owner() : stranger(6));
    assert_int_equal(n_seen, 1);
    assert_int_equal(fg_decide_counters(decide)->swaps, 0);
    assert_int_equal(fg_decide_counters(decide)->after_decision, 9);
}

// Somebody else under the same number is looked at for a claim of their own, not for the same.
static void test_another_claim_is_somebody_new(void **state)
{
    (void)state;
    begin_keeping_nothing(FG_MODE_PASS);
    token();
    probe(1, owner());
    token(); // held up a little longer
    probe(1, owner());
    assert_int_equal(n_seen, 1);
    snprintf(world.claim.id, sizeof world.claim.id, "serial-2");
    memcpy(world.claim.vector, stranger(6).at, DIMENSION * sizeof(float));
    world.bytes = "OTHER";
    token();
    probe(1, stranger(6));
    expect_last(FG_ADMIT, "matched", 2);
    assert_string_equal(seen[1].subject, "serial-2");
}

// A fallback closes the track; a claim does not open it again by being brought again.
static void test_no_more_attempts(void **state)
{
    (void)state;
    begin_keeping_nothing(FG_MODE_PASS);
    token();
    while (fg_decide_has_claim(decide, "lane"))
        probe(1, stranger(6));
    const unsigned before = n_seen;
    assert_int_equal(seen[before - 1].outcome, FG_FALLBACK);
    token();
    for (unsigned i = 0; i < 9; i++)
        probe(1, stranger(6));
    assert_int_equal(n_seen, before);
}

// A face whose vector went with a claim waits for the next probe, and is asked about then.
static void test_faces_go_with_the_claim(void **state)
{
    (void)state;
    begin_keeping_nothing(FG_MODE_PORTRAIT);
    world.comparing = true;
    bring_document("check-1");
    probe(1, owner());
    assert_int_equal(world.compares, 1);
    fg_decide_give_up(decide, "lane", "portrait_no_face", now_ns, NOW_S);
    assert_int_equal(n_seen, 1);
    bring_document("check-2");
    assert_int_equal(world.compares, 1); // there is no vector to ask about
    probe(1, owner());
    assert_int_equal(world.compares, 2);
    fg_decide_compared(decide, "lane", true, now_ns, NOW_S);
    expect_last(FG_ADMIT, "matched", 2);
    assert_string_equal(seen[1].subject, "check-2");
}

// ---- permission --------------------------------------------------------------------------------

static void test_denied_by_rule(void **state)
{
    (void)state;
    begin(FG_MODE_IDENTIFY);
    enrol("alpha", vector(1, 0, 0, 3));
    world.verdict = (struct fg_verdict){.reason = "wrong_gate", .when_s = 5, .detail = "B12"};
    probe(1, owner());
    expect_last(FG_DENY, "wrong_gate", 1);
    assert_string_equal(seen[0].detail, "B12");
    assert_int_equal(seen[0].when_s, 5);
    assert_string_equal(seen[0].subject, "");
    assert_int_equal(world.commits, 0);
    probe(1, owner());
    assert_int_equal(n_seen, 1); // once a track
}

static void test_held(void **state)
{
    (void)state;
    begin(FG_MODE_IDENTIFY);
    enrol("alpha", vector(1, 0, 0, 3));
    world.verdict = (struct fg_verdict){.retry = true, .reason = "pin_needed"};
    probe(1, owner());
    expect_last(FG_RETRY, "pin_needed", 1);
    pass_time(5000); // nobody is denied while they type
    assert_int_equal(n_seen, 1);
    fg_decide_again(decide, "other", now_ns, NOW_S);
    assert_int_equal(n_seen, 1);
    world.verdict = (struct fg_verdict){.admit = true, .reason = "matched"};
    fg_decide_again(decide, "lane", now_ns, NOW_S);
    expect_last(FG_ADMIT, "matched", 2);
    assert_string_equal(seen[1].subject, "alpha");
    fg_decide_again(decide, "lane", now_ns, NOW_S);
    assert_int_equal(n_seen, 2);
}

static void test_durable_first(void **state)
{
    (void)state;
    begin(FG_MODE_IDENTIFY);
    enrol("alpha", vector(1, 0, 0, 3));
    enrol("beta", vector(0, 1, 0, 3));
    fg_decide_take(decide, probe_message("lane", "cam", 1, vector(.8f, 0, 0, 5)), now_ns, NOW_S);
    fg_decide_take(decide, probe_message("lane", "cam", 2, vector(0, .8f, 0, 5)), now_ns, NOW_S);
    fg_decide_take(decide, probe_message("lane", "cam", 3, stranger(6)), now_ns, NOW_S);
    fg_decide_settle(decide, now_ns, NOW_S);
    assert_int_equal(world.commits, 1); // for both
    assert_int_equal(world.published_before_commit, 0);
    assert_int_equal(n_seen, 3);
}

static void test_not_durable(void **state)
{
    (void)state;
    begin(FG_MODE_IDENTIFY);
    enrol("alpha", vector(1, 0, 0, 3));
    world.commit = -ENOSPC;
    probe(1, owner());
    expect_last(FG_DENY, "store_full", 1);
    assert_string_equal(seen[0].subject, "");
    assert_int_equal(fg_decide_counters(decide)->outcomes[FG_ADMIT], 0);
    assert_int_equal(fg_decide_counters(decide)->outcomes[FG_DENY], 1);
}

static void test_explained(void **state)
{
    (void)state;
    begin(FG_MODE_IDENTIFY);
    struct fg_subject s = subject("alpha", vector(1, 0, 0, 3));
    s.valid_until_s = NOW_S - 1;
    assert_int_equal(put(&s), 0);
    for (unsigned i = 0; i < 3; i++)
        probe(1, owner());
    assert_string_equal(seen[n_seen - 1].reason, "registration_expired");
    assert_int_equal(seen[n_seen - 1].when_s, 77);
    assert_int_equal(world.explains, 1);
}

// ---- lanes -------------------------------------------------------------------------------------

static struct fg_lane_rules *lane_rules(void)
{
    policy.n_lanes = 1;
    policy.lanes[0] = (struct fg_lane_rules){.name = "lane"};
    return &policy.lanes[0];
}

static void test_watched_lane(void **state)
{
    (void)state;
    begin(FG_MODE_IDENTIFY);
    lane_rules()->watch = true;
    restart();
    enrol("alpha", vector(1, 0, 0, 3));
    probe(1, owner());
    assert_int_equal(n_seen, 0);
    assert_int_equal(fg_decide_counters(decide)->known, 1);
    for (unsigned i = 0; i < 3; i++)
        probe(2, stranger(6));
    assert_string_equal(seen[n_seen - 1].reason, "unknown_inside");
}

// A firm's lane finds its own customers, and says nothing of anybody else's.
static void test_firms(void **state)
{
    (void)state;
    begin(FG_MODE_IDENTIFY);
    memcpy(lane_rules()->firm, "bank-a", sizeof "bank-a");
    restart();
    struct fg_subject a = subject("bank-a:1", vector(1, 0, 0, 3));
    struct fg_subject b = subject("bank-b:1", vector(0, 1, 0, 3));
    a.n_tags = b.n_tags = 1;
    memcpy(a.tags[0], "firm:bank-a", sizeof "firm:bank-a");
    memcpy(b.tags[0], "firm:bank-b", sizeof "firm:bank-b");
    b.valid_until_s = 5; // even that would be something to learn
    assert_int_equal(put(&a), 0);
    assert_int_equal(put(&b), 0);
    probe(1, vector(.8f, 0, 0, 5));
    assert_int_equal(seen[n_seen - 1].outcome, FG_ADMIT);
    for (unsigned i = 0; i < 3; i++)
        probe(2, vector(0, .8f, 0, 5));
    assert_int_equal(seen[n_seen - 1].outcome, FG_DENY);
    assert_string_equal(seen[n_seen - 1].reason, "no_match");
    assert_int_equal(world.explains, 0);
}

static void test_single(void **state)
{
    (void)state;
    begin(FG_MODE_IDENTIFY);
    policy.single = true;
    restart();
    enrol("alpha", vector(1, 0, 0, 3));
    notice(2, FG_REASON_TOO_SMALL); // somebody behind
    probe(1, owner());
    assert_string_equal(seen[n_seen - 1].reason, "one_person");
    pass_time(1100); // who has gone
    probe(1, owner());
    assert_int_equal(seen[n_seen - 1].outcome, FG_ADMIT);
}

// The frame shows two before the other one has a probe.
static void test_counted_faces(void **state)
{
    (void)state;
    begin(FG_MODE_IDENTIFY);
    policy.single = true;
    restart();
    enrol("alpha", vector(1, 0, 0, 3));
    struct fg_wire_message *m = probe_message("lane", "cam", 1, owner());
    m->probe.faces = 2;
    send(m);
    assert_string_equal(seen[n_seen - 1].reason, "one_person");
    m = probe_message("lane", "cam", 1, owner());
    m->probe.faces = 1;
    send(m);
    assert_int_equal(seen[n_seen - 1].outcome, FG_ADMIT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_token_then_face),
        TEST(test_token_held_up),
        TEST(test_face_then_token),
        TEST(test_another_face),
        TEST(test_second_try),
        TEST(test_no_owner),
        TEST(test_two_faces),
        TEST(test_refused_token),
        TEST(test_the_same_token_is_read_once),
        TEST(test_tokens_elsewhere),
        TEST(test_document),
        TEST(test_document_of_another),
        TEST(test_document_given_up),
        TEST(test_document_after_document),
        TEST(test_decided_and_forgotten),
        TEST(test_another_claim_is_somebody_new),
        TEST(test_no_more_attempts),
        TEST(test_faces_go_with_the_claim),
        TEST(test_denied_by_rule),
        TEST(test_held),
        TEST(test_durable_first),
        TEST(test_not_durable),
        TEST(test_explained),
        TEST(test_watched_lane),
        TEST(test_firms),
        TEST(test_single),
        TEST(test_counted_faces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
