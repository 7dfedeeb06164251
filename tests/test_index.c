// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "matcher/index.h"
#include "tests/dice.h"

#define NOBODY 65534
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#endif

static void random_template(struct fg_template *tmpl, uint32_t dimension)
{
    float vector[FG_TEMPLATE_MAX];
    random_unit(vector, dimension);
    assert_int_equal(fg_template_from_vector(vector, dimension, tmpl), 0);
}

static double naive_score(const struct fg_template *tmpl, const float *probe, uint32_t dimension)
{
    double dot = 0, values = 0, length = 0;
    for (uint32_t i = 0; i < dimension; i++) {
        dot += tmpl->values[i] * (double)probe[i];
        values += tmpl->values[i] * tmpl->values[i];
        length += (double)probe[i] * (double)probe[i];
    }
    return dot / sqrt(values) / sqrt(length);
}

static bool every_third(void *context, uint32_t slot)
{
    ++*(unsigned *)context;
    return slot % 3 == 0;
}

// ---- against a naive scan -----------------------------------------------------------------------

#define COUNT 700
#define K     12

struct naive {
    uint32_t slot;
    double score;
};

static int by_score(const void *a, const void *b)
{
    const struct naive *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return x->slot < y->slot ? -1 : 1;
}

// Scores within this are a tie to a float: the naive order need not be ours.
#define SAME 2e-6

static void compare(const struct fg_index *index, const struct fg_template *tmpls, uint32_t d,
                    const float *probe, float threshold, bool filtered)
{
    struct naive expected[COUNT];
    struct fg_candidate got[K];
    unsigned calls = 0, n = 0, admitted = 0;
    uint64_t compared = 0;
    for (uint32_t i = 0; i < COUNT; i++) {
        if (filtered && i % 3)
            continue;
        admitted++;
        double score = naive_score(&tmpls[i], probe, d);
        if (score >= (double)threshold - SAME)
            expected[n++] = (struct naive){i, score};
    }
    qsort(expected, n, sizeof *expected, by_score);
    int found = fg_index_search(index, probe, threshold, filtered ? every_third : NULL, &calls, got,
                                K, &compared);
    assert_int_equal(compared, admitted);
    assert_int_equal(calls, filtered ? COUNT : 0);
    assert_in_range(found, 0, K);
    if (found < K) // no sure hit is missing
        assert_true((unsigned)found == n || expected[found].score < (double)threshold + SAME);
    for (int i = 0; i < found; i++) {
        assert_true(fabs((double)got[i].score - expected[i].score) < SAME);
        assert_true(fabs((double)got[i].score - naive_score(&tmpls[got[i].slot], probe, d)) < SAME);
        assert_true(got[i].score >= threshold);
        assert_true(!filtered || got[i].slot % 3 == 0);
        if (i > 0)
            assert_true(got[i].score < got[i - 1].score ||
                        (got[i].score == got[i - 1].score && got[i].slot > got[i - 1].slot));
    }
}

static void test_naive(void **state)
{
    (void)state;
    static const uint32_t dimensions[] = {1, 2, 7, 16, 17, 63, 64, 65, 192, 512, 1024};
    struct fg_template *tmpls = calloc(COUNT, sizeof *tmpls);
    for (size_t i = 0; i < sizeof dimensions / sizeof *dimensions; i++) {
        uint32_t d = dimensions[i], slot;
        float probe[FG_TEMPLATE_MAX];
        struct fg_index *index;
        assert_int_equal(fg_index_create(d, &index), 0);
        for (uint32_t n = 0; n < COUNT; n++) {
            random_template(&tmpls[n], d);
            assert_int_equal(fg_index_insert(index, &tmpls[n], &slot), 0);
            assert_int_equal(slot, n);
        }
        for (int round = 0; round < 10; round++) {
            random_unit(probe, d);
            compare(index, tmpls, d, probe, -2, round % 2);
            compare(index, tmpls, d, probe, 2.0f / sqrtf((float)d), round % 2);
        }
        fg_index_destroy(index);
    }
    free(tmpls);
}

// ---- order, thresholds, slots -------------------------------------------------------------------

static void test_ties(void **state)
{
    (void)state;
    struct fg_index *index;
    struct fg_template tmpl;
    struct fg_candidate got[4];
    float probe[64];
    uint32_t slot;
    random_unit(probe, 64);
    fg_template_from_vector(probe, 64, &tmpl);
    assert_int_equal(fg_index_create(64, &index), 0);
    for (int i = 0; i < 300; i++)
        assert_int_equal(fg_index_insert(index, &tmpl, &slot), 0);
    assert_int_equal(fg_index_search(index, probe, 0.9f, NULL, NULL, got, 4, NULL), 4);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(got[i].slot, i);
    fg_index_remove(index, 1);
    assert_int_equal(fg_index_search(index, probe, 0.9f, NULL, NULL, got, 2, NULL), 2);
    assert_int_equal(got[1].slot, 2);
    fg_index_destroy(index);
}

static void test_threshold_is_inclusive(void **state)
{
    (void)state;
    struct fg_index *index;
    struct fg_template tmpl;
    struct fg_candidate got;
    float probe[64];
    uint32_t slot;
    random_unit(probe, 64);
    random_template(&tmpl, 64);
    assert_int_equal(fg_index_create(64, &index), 0);
    fg_index_insert(index, &tmpl, &slot);
    assert_int_equal(fg_index_search(index, probe, -1.1f, NULL, NULL, &got, 1, NULL), 1);
    float score = got.score;
    assert_int_equal(fg_index_search(index, probe, score, NULL, NULL, &got, 1, NULL), 1);
    assert_int_equal(fg_index_search(index, probe, nextafterf(score, 2), NULL, NULL, &got, 1, NULL),
                     0);
    assert_int_equal(fg_index_search(index, probe, NAN, NULL, NULL, &got, 1, NULL), 0);
    assert_int_equal(fg_index_search(index, probe, -2, NULL, NULL, NULL, 0, NULL), 0);
    fg_index_destroy(index);
}

static void test_filter_called_for_hits_only(void **state)
{
    (void)state;
    struct fg_index *index;
    struct fg_template tmpl;
    struct fg_candidate got[8];
    float probe[64];
    uint32_t slot;
    unsigned calls = 0;
    random_unit(probe, 64);
    assert_int_equal(fg_index_create(64, &index), 0);
    for (int i = 0; i < 200; i++) {
        random_template(&tmpl, 64);
        fg_index_insert(index, &tmpl, &slot);
    }
    fg_template_from_vector(probe, 64, &tmpl);
    fg_index_replace(index, 99, &tmpl);
    fg_index_replace(index, 100, &tmpl);
    assert_int_equal(fg_index_search(index, probe, 0.95f, every_third, &calls, got, 8, NULL), 1);
    assert_int_equal(got[0].slot, 99);
    assert_int_equal(calls, 2);
    fg_index_destroy(index);
}

static void test_remove_and_reuse(void **state)
{
    (void)state;
    struct fg_index *index;
    struct fg_template tmpl;
    struct fg_candidate got;
    float probe[64];
    uint32_t slot;
    random_unit(probe, 64);
    assert_int_equal(fg_index_create(64, &index), 0);
    for (uint32_t i = 0; i < 1000; i++) {
        random_template(&tmpl, 64);
        assert_int_equal(fg_index_insert(index, &tmpl, &slot), 0);
    }
    fg_template_from_vector(probe, 64, &tmpl);
    assert_int_equal(fg_index_replace(index, 500, &tmpl), 0);
    assert_int_equal(fg_index_search(index, probe, 0.9f, NULL, NULL, &got, 1, NULL), 1);
    assert_int_equal(got.slot, 500);
    fg_index_remove(index, 500);
    fg_index_remove(index, 500); // twice is harmless
    fg_index_remove(index, 5000);
    assert_int_equal(fg_index_count(index), 999);
    assert_int_equal(fg_index_replace(index, 500, &tmpl), -ENOENT);
    assert_int_equal(fg_index_replace(index, 5000, &tmpl), -ENOENT);
    assert_int_equal(fg_index_search(index, probe, 0.9f, NULL, NULL, &got, 1, NULL), 0);
    fg_index_remove(index, 3);
    uint32_t a, b, c;
    assert_int_equal(fg_index_insert(index, &tmpl, &a), 0);
    assert_int_equal(fg_index_insert(index, &tmpl, &b), 0);
    assert_int_equal(fg_index_insert(index, &tmpl, &c), 0);
    assert_true((a == 3 && b == 500) || (a == 500 && b == 3));
    assert_int_equal(c, 1000);
    assert_int_equal(fg_index_count(index), 1001);
    fg_index_destroy(index);
}

static void test_growth_keeps_all(void **state)
{
    (void)state;
    enum { MANY = 5000, D = 65 };
    struct fg_index *index;
    struct fg_template *tmpls = calloc(MANY, sizeof *tmpls);
    uint32_t slot;
    assert_int_equal(fg_index_create(D, &index), 0);
    for (unsigned i = 0; i < MANY; i++) {
        random_template(&tmpls[i], D);
        assert_int_equal(fg_index_insert(index, &tmpls[i], &slot), 0);
    }
    for (unsigned i = 0; i < MANY; i += 97) {
        struct fg_candidate got;
        float probe[D];
        for (unsigned k = 0; k < D; k++)
            probe[k] = tmpls[i].scale * tmpls[i].values[k];
        assert_int_equal(fg_index_search(index, probe, 0.999f, NULL, NULL, &got, 1, NULL), 1);
        assert_int_equal(got.slot, i);
    }
    assert_true(fg_index_bytes(index) >= MANY * (D + sizeof(float)));
    fg_index_destroy(index);
    free(tmpls);
}

// ---- refusals -----------------------------------------------------------------------------------

static void test_refusals(void **state)
{
    (void)state;
    struct fg_index *index = NULL;
    struct fg_candidate got;
    struct fg_template tmpl;
    float probe[64];
    uint32_t slot = 77;
    assert_int_equal(fg_index_create(0, &index), -EINVAL);
    assert_int_equal(fg_index_create(FG_TEMPLATE_MAX + 1, &index), -EINVAL);
    assert_null(index);
    assert_int_equal(fg_index_create(64, &index), 0);
    random_template(&tmpl, 64);
    static const float scales[] = {0, -1, NAN, INFINITY};
    for (int i = 0; i < 4; i++) {
        tmpl.scale = scales[i];
        assert_int_equal(fg_index_insert(index, &tmpl, &slot), -EINVAL);
    }
    assert_int_equal(slot, 77);
    assert_int_equal(fg_index_count(index), 0);
    static const float wrong[] = {NAN, INFINITY, 0, 1.02f, 0.98f};
    for (int i = 0; i < 5; i++) {
        memset(probe, 0, sizeof probe);
        probe[63] = wrong[i];
        assert_int_equal(fg_index_search(index, probe, 0, NULL, NULL, &got, 1, NULL), -EINVAL);
    }
    probe[63] = 1.005f;
    assert_int_equal(fg_index_search(index, probe, 0, NULL, NULL, &got, 1, NULL), 0);
    fg_index_destroy(index);
    fg_index_destroy(NULL);
}

// A child, because limits cannot be raised again: 0 when all holds, else the line at fault.
static int child_limit(rlim_t locked, rlim_t space)
{
    struct fg_index *index;
    struct fg_template tmpl;
    uint32_t slot, before = 0;
    int r = 0;
    const struct rlimit lock_limit = {locked, locked}, space_limit = {space, space};
    random_template(&tmpl, 1024);
    if (setgid(NOBODY) < 0 || setuid(NOBODY) < 0 || setrlimit(RLIMIT_MEMLOCK, &lock_limit) < 0)
        return 255;
    if (fg_index_create(1024, &index) < 0)
        return __LINE__;
    struct rlimit now; // an emulator may take a limit and not keep it
    if (space != RLIM_INFINITY && (setrlimit(RLIMIT_AS, &space_limit) < 0 ||
                                   getrlimit(RLIMIT_AS, &now) < 0 || now.rlim_cur != space))
        return 255;
    while (before < 20000 && (r = fg_index_insert(index, &tmpl, &slot)) == 0)
        before++;
    if (r != (space == RLIM_INFINITY ? 0 : -ENOMEM))
        return __LINE__;
    if (fg_index_count(index) != before || (space == RLIM_INFINITY && fg_index_locked(index)))
        return __LINE__;
    fg_index_remove(index, 7); // a refusal leaves it usable
    if (fg_index_insert(index, &tmpl, &slot) != 0 || slot != 7)
        return __LINE__;
    fg_index_destroy(index);
    return 0;
}

static void in_child(rlim_t locked, rlim_t space)
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(child_limit(locked, space) & 0xff);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 255)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_locking_refused(void **state)
{
    (void)state;
#ifdef SANITIZED
    print_message("a sanitizer makes mlock do nothing\n");
    skip();
#endif
    if (geteuid() != 0) {
        print_message("needs root to become nobody\n");
        skip();
    }
    in_child(0, RLIM_INFINITY);
    in_child(2 << 20, RLIM_INFINITY); // granted at first, refused when it grows
}

static void test_out_of_memory(void **state)
{
    (void)state;
#ifdef SANITIZED
    print_message("a sanitizer's own address space is over the limit\n");
    skip();
#else
    if (geteuid() != 0) {
        print_message("needs root to become nobody\n");
        skip();
    }
    in_child(0, 16 << 20);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_naive),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_threshold_is_inclusive),
        cmocka_unit_test(test_filter_called_for_hits_only),
        cmocka_unit_test(test_remove_and_reuse),
        cmocka_unit_test(test_growth_keeps_all),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_locking_refused),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
