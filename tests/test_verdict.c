// SPDX-License-Identifier: Apache-2.0
// Which decisions count: made by the matcher's own code, then late, repeated, of others, and bad.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gate/verdict.h"
#include "matcher/decision.h"

#define MS UINT64_C(1000000)
#define T  (5000 * MS)

static struct fg_verdicts verdicts;
static struct fg_verdict verdict;

static int set_up(void **state)
{
    (void)state;
    verdicts = (struct fg_verdicts){.lane = "1"};
    return 0;
}

static enum fg_verdict_fate take_text(const char *topic, size_t length, const char *text,
                                      uint64_t now)
{
    struct fg_message message = {.count = 2};
    message.parts[0] = (struct fg_part){topic, length};
    message.parts[1] = (struct fg_part){text, strlen(text)};
    return fg_verdicts_take(&verdicts, &message, now, &verdict);
}

// A decision of the time T as the matcher writes it, which arrives at `now`.
static enum fg_verdict_fate take(const char *lane, enum fg_outcome outcome, uint64_t run,
                                 uint64_t sequence, uint64_t now)
{
    struct fg_decision d = {.sequence = sequence,
                            .outcome = outcome,
                            .reason = FG_WHY_MATCHED,
                            .subject = "p1",
                            .t_decision_ns = T};
    struct fg_decision_context context = {.profile = "test", .run = run, .valid_ms = 1000};
    snprintf(d.lane, sizeof d.lane, "%s", lane);
    struct fg_json *json = fg_decision_json(&d, &context);
    char *text = fg_json_print(json, false);
    enum fg_verdict_fate fate = take_text(lane, strlen(lane) + 1, text, now);
    free(text);
    fg_json_destroy(json);
    return fate;
}

static void test_every_outcome(void **state)
{
    (void)state;
    static const enum fg_lane_verdict outcomes[] = {[FG_ADMIT] = FG_LANE_ADMIT,
                                                    [FG_RETRY] = FG_LANE_RETRY,
                                                    [FG_DENY] = FG_LANE_DENY,
                                                    [FG_FALLBACK] = FG_LANE_FALLBACK};
    for (unsigned i = 0; i < FG_OUTCOMES; i++) {
        assert_int_equal(take("1", (enum fg_outcome)i, 0xfedcba9876543210, i + 1, T),
                         FG_VERDICT_GOOD);
        assert_int_equal(verdict.outcome, outcomes[i]);
        assert_int_equal(verdict.id.sequence, i + 1);
        assert_true(verdict.id.run == 0xfedcba9876543210);
    }
    assert_int_equal(verdicts.counts[FG_VERDICT_GOOD], 4);
}

static void test_large_numbers_are_digits(void **state)
{
    (void)state;
    const uint64_t large = (UINT64_C(1) << 53) + 3;
    assert_int_equal(take("1", FG_ADMIT, 9, large, T), FG_VERDICT_GOOD);
    assert_true(verdict.id.sequence == large);
    assert_int_equal(take("1", FG_ADMIT, 9, large + 1, T), FG_VERDICT_GOOD);
    assert_int_equal(take("1", FG_ADMIT, 9, large, T), FG_VERDICT_REPLAYED);
    assert_int_equal(take("1", FG_ADMIT, 9, UINT64_MAX, T), FG_VERDICT_GOOD);
}

static void test_a_late_one_is_stale(void **state)
{
    (void)state;
    assert_int_equal(take("1", FG_ADMIT, 9, 1, T + 1000 * MS), FG_VERDICT_GOOD);
    assert_int_equal(take("1", FG_ADMIT, 9, 2, T + 1001 * MS), FG_VERDICT_STALE);
    assert_int_equal(verdict.id.sequence, 2);
    assert_int_equal(take("1", FG_ADMIT, 9, 3, T - 1), FG_VERDICT_STALE); // of another clock
    assert_int_equal(take("1", FG_ADMIT, 9, 3, T), FG_VERDICT_REPLAYED);  // seen, though stale
    assert_int_equal(verdicts.counts[FG_VERDICT_STALE], 2);
}

static void test_a_replay_is_seen(void **state)
{
    (void)state;
    assert_int_equal(take("1", FG_ADMIT, 9, 5, T), FG_VERDICT_GOOD);
    assert_int_equal(take("1", FG_ADMIT, 9, 5, T), FG_VERDICT_REPLAYED);
    assert_int_equal(take("1", FG_ADMIT, 9, 4, T), FG_VERDICT_REPLAYED);
    assert_int_equal(take("1", FG_ADMIT, 9, 8, T), FG_VERDICT_GOOD);  // others' are between
    assert_int_equal(take("1", FG_ADMIT, 10, 1, T), FG_VERDICT_GOOD); // the matcher restarted
    assert_int_equal(take("1", FG_ADMIT, 9, 9, T), FG_VERDICT_REPLAYED);
    assert_int_equal(take("1", FG_ADMIT, 10, 1, T), FG_VERDICT_REPLAYED);
    for (uint64_t run = 11; run < 11 + FG_VERDICT_RUNS - 2; run++)
        assert_int_equal(take("1", FG_ADMIT, run, 1, T), FG_VERDICT_GOOD);
    assert_int_equal(take("1", FG_ADMIT, 9, 20, T), FG_VERDICT_REPLAYED);
}

static void test_other_lanes_are_foreign(void **state)
{
    (void)state;
    assert_int_equal(take("10", FG_ADMIT, 9, 1, T), FG_VERDICT_FOREIGN);
    assert_int_equal(take("2", FG_ADMIT, 9, 1, T), FG_VERDICT_FOREIGN);
    assert_int_equal(take("1", FG_ADMIT, 9, 1, T), FG_VERDICT_GOOD);
    static const char text[] =
        "{\"run\":\"0000000000000009\",\"seq\":2,\"lane\":\"1\",\"outcome\":\"admit\","
        "\"t_decision_ns\":5000000000,\"valid_ms\":1000}";
    assert_int_equal(take_text("10", 3, text, T), FG_VERDICT_FOREIGN); // its topic lies
    assert_int_equal(take_text("1", 1, text, T), FG_VERDICT_FOREIGN);
    assert_int_equal(take_text("1", 2, text, T), FG_VERDICT_GOOD);
}

// One member of a good decision is replaced, or left out.
static void expect_bad(const char *name, const char *value)
{
    static const char *const members[][2] = {{"run", "\"0000000000000009\""},
                                             {"seq", "1"},
                                             {"lane", "\"1\""},
                                             {"outcome", "\"admit\""},
                                             {"t_decision_ns", "5000000000"},
                                             {"valid_ms", "1000"}};
    char text[1024] = "{\"v\":1";
    for (unsigned i = 0; i < sizeof members / sizeof *members; i++) {
        size_t used = strlen(text);
        const char *given = strcmp(name, members[i][0]) == 0 ? value : members[i][1];
        if (given)
            snprintf(text + used, sizeof text - used, ",\"%s\":%s", members[i][0], given);
    }
    snprintf(text + strlen(text), sizeof text - strlen(text), "}");
    if (take_text("1", 2, text, T) != FG_VERDICT_BAD)
        fail_msg("%s", text);
}

static void test_bad_ones(void **state)
{
    (void)state;
    static const char *const bad[][2] = {{"run", NULL},
                                         {"run", "9"},
                                         {"run", "\"\""},
                                         {"run", "\"00000000000000091\""},
                                         {"run", "\"0000000000000000\""},
                                         {"run", "\"000000000000000G\""},
                                         {"run", "\"-000000000000001\""},
                                         {"run", "\"0x00000000000001\""},
                                         {"seq", NULL},
                                         {"seq", "0"},
                                         {"seq", "-1"},
                                         {"seq", "1.5"},
                                         {"seq", "1e300"},
                                         {"seq", "\"12x\""},
                                         {"seq", "\"\""},
                                         {"seq", "\"-3\""},
                                         {"seq", "[]"},
                                         {"seq", "\"99999999999999999999999\""},
                                         {"lane", NULL},
                                         {"lane", "1"},
                                         {"outcome", NULL},
                                         {"outcome", "\"open\""},
                                         {"outcome", "true"},
                                         {"t_decision_ns", NULL},
                                         {"valid_ms", NULL},
                                         {"valid_ms", "-5"},
                                         {"valid_ms", "1e12"},
                                         {"valid_ms", "\"1000\""},
                                         {"t_decision_ns", "{}"},
                                         {"t_decision_ns", "\"now\""}};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        expect_bad(bad[i][0], bad[i][1]);
    assert_int_equal(take_text("1", 2, "", T), FG_VERDICT_BAD);
    assert_int_equal(take_text("1", 2, "[1", T), FG_VERDICT_BAD);
    assert_int_equal(take_text("1", 2, "3", T), FG_VERDICT_BAD);
    assert_int_equal(take_text("", 0, "{\"lane\":\"1\"}", T), FG_VERDICT_BAD);
    struct fg_message message = {.count = 1, .parts = {{"1", 2}}};
    assert_int_equal(fg_verdicts_take(&verdicts, &message, T, &verdict), FG_VERDICT_BAD);
    assert_int_equal(take("1", FG_ADMIT, 9, 1, T), FG_VERDICT_GOOD); // none of them was remembered
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_outcome),           TEST(test_large_numbers_are_digits),
        TEST(test_a_late_one_is_stale),     TEST(test_a_replay_is_seen),
        TEST(test_other_lanes_are_foreign), TEST(test_bad_ones),
    };
    return cmocka_run_group_tests_name("verdict", tests, NULL, NULL);
}
