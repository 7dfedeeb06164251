// SPDX-License-Identifier: Apache-2.0
// The demo's judge, on hand-written truth, trace and decisions.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "demo/tally.h"

// Frames 0..2 show one photograph with anna (enrolled) and bert, 3 is the empty lane, 4..5 another
// with carl; bert does not count.
static const char truth[] = "{\"v\":1,\"width\":1280,\"height\":720,\"rate\":30,"
                            "\"photographs\":[{\"name\":\"one.jpg\",\"first\":0,\"frames\":3},"
                            "{\"name\":\"two.jpg\",\"first\":4,\"frames\":2}],"
                            "\"people\":[{\"person\":\"anna\",\"enrolled\":true,\"counts\":true},"
                            "{\"person\":\"bert\",\"enrolled\":false,\"counts\":false},"
                            "{\"person\":\"carl\",\"enrolled\":false,\"counts\":true}],"
                            "\"frames\":["
                            "{\"frame\":0,\"offset\":0,\"bytes\":5,\"faces\":["
                            "{\"person\":\"anna\",\"box\":[100,100,100,100],\"whole\":true},"
                            "{\"person\":\"bert\",\"box\":[400,100,100,100],\"whole\":true}]},"
                            "{\"frame\":1,\"offset\":5,\"bytes\":5,\"faces\":["
                            "{\"person\":\"anna\",\"box\":[110,100,100,100],\"whole\":true}]},"
                            "{\"frame\":2,\"offset\":10,\"bytes\":5,\"faces\":["
                            "{\"person\":\"anna\",\"box\":[120,100,100,100],\"whole\":true}]},"
                            "{\"frame\":3,\"offset\":15,\"bytes\":5,\"faces\":[]},"
                            "{\"frame\":4,\"offset\":20,\"bytes\":5,\"faces\":["
                            "{\"person\":\"carl\",\"box\":[120,100,100,100],\"whole\":true}]},"
                            "{\"frame\":5,\"offset\":25,\"bytes\":5,\"faces\":["
                            "{\"person\":\"carl\",\"box\":[120,100,100,100],\"whole\":true}]}]}";

// Track 1 is anna, and outlives the cut on carl; track 2 is bert; track 3 is nobody.
static const char trace[] =
    "{\"frame\":0,\"t_capture_ns\":1000,\"tracks\":[{\"track\":1,\"box\":[105,95,100,100]},"
    "{\"track\":2,\"box\":[400,100,90,90]},{\"track\":3,\"box\":[900,500,90,90]}]}\n"
    "{\"frame\":1,\"t_capture_ns\":2000,\"tracks\":[{\"track\":1,\"box\":[110,100,90,95]}]}\n"
    "{\"frame\":4,\"t_capture_ns\":5000,\"tracks\":[{\"track\":1,\"box\":[121,101,99,99]}]}\n"
    "{\"frame\":5,\"t_capture_ns\":6000,\"tracks\":[{\"track\":1,\"box\":[121,101,99,99]}]}\n"
    "{\"end\":true,\"frames\":4,\"displaced\":2,\"bytes_copied\":0}\n";

struct fixture {
    char truth[64], trace[64];
    struct fg_tally *tally;
};

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    snprintf(f->truth, sizeof f->truth, "/tmp/test_tally.%d.truth", (int)getpid());
    snprintf(f->trace, sizeof f->trace, "/tmp/test_tally.%d.trace", (int)getpid());
    write_text(f->truth, truth);
    write_text(f->trace, trace);
    assert_int_equal(fg_tally_create(f->truth, &f->tally, NULL), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    fg_tally_destroy(f->tally);
    remove(f->truth);
    remove(f->trace);
    free(f);
    return 0;
}

static int decide(struct fg_tally *tally, const char *text)
{
    struct fg_json *json = NULL;
    assert_int_equal(fg_json_parse(text, strlen(text), &json, NULL), 0);
    int r = fg_tally_decide(tally, json);
    fg_json_destroy(json);
    return r;
}

static struct fg_summary sum(struct fixture *f)
{
    struct fg_summary s;
    struct fg_error err = {""};
    assert_int_equal(fg_tally_trace(f->tally, f->trace, &err), 0);
    fg_tally_sum(f->tally, &s);
    return s;
}

#define ADMIT_ANNA                                                                                 \
    "{\"outcome\":\"admit\",\"subject\":\"anna\",\"track\":1,\"t_capture_ns\":1000,"               \
    "\"latency_ms\":20,\"probes\":1}"
#define DENY_CARL                                                                                  \
    "{\"outcome\":\"fallback\",\"track\":1,\"t_capture_ns\":\"6000\",\"latency_ms\":40,"           \
    "\"probes\":3}"

static void test_all_right(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(decide(f->tally, ADMIT_ANNA), 0);
    assert_int_equal(decide(f->tally, DENY_CARL), 0);
    struct fg_summary s = sum(f);
    assert_int_equal(s.people, 2);
    assert_int_equal(s.enrolled_total, 1);
    assert_int_equal(s.enrolled_admitted, 1);
    assert_int_equal(s.strangers_total, 1);
    assert_int_equal(s.strangers_denied, 1);
    assert_int_equal(s.wrong_admits, 0);
    assert_int_equal(s.frames, 4);
    assert_int_equal(s.displaced, 2);
    assert_int_equal(s.frame_bytes_copied, 0);
    assert_int_equal(s.timed, 2);
    assert_true(fabs(s.p50_ms - 20) < 1e-9 && fabs(s.p99_ms - 40) < 1e-9);
    assert_int_equal(fg_tally_person(f->tally, 0)->tracks, 1);
    assert_int_equal(fg_tally_of_track(f->tally, 0, 1)->verdict, FG_VERDICT_ADMIT);
    assert_int_equal(fg_tally_of_track(f->tally, 4, 1)->verdict, FG_VERDICT_DENY);
    assert_int_equal(fg_tally_of_track(f->tally, 0, 2)->verdict, FG_VERDICT_NONE);
}

static void test_nothing_said(void **state)
{
    struct fg_summary s = sum(*state);
    assert_int_equal(s.enrolled_admitted, 0);
    assert_int_equal(s.strangers_denied, 0);
    assert_int_equal(s.timed, 0);
    assert_true(s.p99_ms < 0);
}

static void test_wrong_admits(void **state)
{
    struct fixture *f = *state;
    // carl as anna, anna as somebody else, bert (not counted) as anna, nobody's track as anna
    decide(f->tally, DENY_CARL);
    decide(f->tally, "{\"outcome\":\"admit\",\"subject\":\"anna\",\"track\":1,"
                     "\"t_capture_ns\":6000}");
    decide(f->tally, "{\"outcome\":\"admit\",\"subject\":\"dora\",\"track\":1,"
                     "\"t_capture_ns\":2000}");
    decide(f->tally, "{\"outcome\":\"admit\",\"subject\":\"anna\",\"track\":2,"
                     "\"t_capture_ns\":2000}");
    decide(f->tally, "{\"outcome\":\"admit\",\"subject\":\"anna\",\"track\":3,"
                     "\"t_capture_ns\":2000}");
    struct fg_summary s = sum(f);
    assert_int_equal(s.wrong_admits, 4);
    assert_int_equal(s.enrolled_admitted, 0);
    assert_int_equal(s.strangers_denied, 0); // denied and then admitted is not denied
}

static void test_waiting_is_not_timed(void **state)
{
    struct fixture *f = *state;
    decide(f->tally, "{\"outcome\":\"retry\",\"track\":1,\"t_capture_ns\":1000,"
                     "\"latency_ms\":700,\"probes\":1}");
    decide(f->tally, "{\"outcome\":\"deny\",\"track\":1,\"t_capture_ns\":6000,"
                     "\"probes\":2}"); // the matcher times no wait
    struct fg_summary s = sum(f);
    assert_int_equal(s.decisions, 2);
    assert_int_equal(s.timed, 0);
    assert_int_equal(s.strangers_denied, 1);
}

static void test_refusals(void **state)
{
    struct fixture *f = *state;
    struct fg_error err = {""};
    struct fg_tally *other = NULL;
    assert_int_equal(decide(f->tally, "{\"outcome\":\"perhaps\",\"track\":1}"), -EINVAL);
    assert_int_equal(fg_tally_create("/nonexistent/truth.json", &other, &err), -ENOENT);
    write_text(f->truth, "{\"v\":1,\"people\":[],\"frames\":[]}");
    assert_int_equal(fg_tally_create(f->truth, &other, &err), -EINVAL);
    assert_non_null(strstr(err.text, f->truth));
    assert_null(other);

    write_text(f->trace, "{\"frame\":0,\"t_capture_ns\":1,\"tracks\":[]}\n");
    assert_int_equal(fg_tally_trace(f->tally, f->trace, &err), -EINVAL);
    assert_non_null(strstr(err.text, "did not finish"));
    write_text(f->trace, "{\"frame\":99,\"t_capture_ns\":1,\"tracks\":[]}\n");
    assert_int_equal(fg_tally_trace(f->tally, f->trace, &err), -EINVAL);
    assert_non_null(strstr(err.text, ":1"));
    write_text(f->trace, "not json\n");
    assert_int_equal(fg_tally_trace(f->tally, f->trace, &err), -EINVAL);
}

// An end line that keeps quiet about copies must not pass for "no copies".
static void test_copies_must_be_told(void **state)
{
    struct fixture *f = *state;
    write_text(f->trace, "{\"end\":true,\"frames\":4,\"displaced\":2}\n");
    struct fg_summary s = sum(f);
    assert_true(s.frame_bytes_copied != 0);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_all_right), TEST(test_nothing_said),        TEST(test_wrong_admits),
        TEST(test_refusals),  TEST(test_copies_must_be_told), TEST(test_waiting_is_not_timed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
