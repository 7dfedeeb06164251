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

#include "matcher/index_parts.h"
#include "matcher/index_rotation.h"
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

static void insert(struct fg_index *index, const struct fg_template *tmpl, uint32_t *ret_slot)
{
    assert_int_equal(fg_index_insert(index, tmpl->scale, tmpl->values, ret_slot), 0);
}

static struct fg_index *create(struct fg_index_options options)
{
    struct fg_index *index;
    options.seed = options.seed ? options.seed : 7;
    assert_int_equal(fg_index_create(&options, &index), 0);
    return index;
}

static struct fg_index *of_64(void)
{
    return create((struct fg_index_options){.dimension = 64});
}

static unsigned search(const struct fg_index *index, const float *probe, float threshold,
                       struct fg_candidate *best, unsigned k)
{
    struct fg_index_query query = {.probe = probe, .threshold = threshold, .best = best, .k = k};
    assert_int_equal(fg_index_search(index, &query, 1, NULL), 0);
    return query.found;
}

// A unit vector at this cosine to a template.
static void beside(const struct fg_template *tmpl, uint32_t d, double cosine, float *ret)
{
    float x[FG_TEMPLATE_MAX], other[FG_TEMPLATE_MAX];
    double dot = 0, squares = 0;
    random_unit(other, d);
    for (uint32_t i = 0; i < d; i++) {
        x[i] = tmpl->scale * tmpl->values[i];
        dot += (double)x[i] * (double)other[i];
    }
    for (uint32_t i = 0; i < d; i++) {
        double side = (double)other[i] - dot * (double)x[i];
        squares += side * side;
    }
    // With one dimension there is nothing beside it.
    double aside = d > 1 ? sqrt((1 - cosine * cosine) / squares) : 0;
    for (uint32_t i = 0; i < d; i++)
        ret[i] = (float)((d > 1 ? cosine : 1) * (double)x[i] +
                         aside * ((double)other[i] - dot * (double)x[i]));
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

static bool in_all(const struct fg_slots *const *sets, unsigned n, uint32_t slot)
{
    for (unsigned i = 0; i < n; i++)
        if (!fg_slots_has(sets[i], slot))
            return false;
    return true;
}

static void compare(const struct fg_index *index, const struct fg_template *tmpls, uint32_t d,
                    const float *probe, float threshold, const struct fg_slots *const *sets,
                    unsigned n_sets)
{
    struct naive expected[COUNT] = {{0}};
    struct fg_candidate got[K], again[K];
    unsigned n = 0;
    for (uint32_t i = 0; i < COUNT; i++) {
        double score = naive_score(&tmpls[i], probe, d);
        if (in_all(sets, n_sets, i) && score >= (double)threshold - SAME)
            expected[n++] = (struct naive){i, score};
    }
    qsort(expected, n, sizeof *expected, by_score);
    struct fg_index_query query = {probe, threshold, sets, n_sets, got, K, 0};
    assert_int_equal(fg_index_search(index, &query, 1, NULL), 0);
    unsigned found = query.found;
    assert_in_range(found, 0, K);
    if (found < K) // no sure hit is missing
        assert_true(found == n || expected[found].score < (double)threshold + SAME);
    for (unsigned i = 0; i < found; i++) {
        assert_true(fabs((double)got[i].score - expected[i].score) < SAME);
        assert_true(fabs((double)got[i].score - naive_score(&tmpls[got[i].slot], probe, d)) < SAME);
        assert_true(got[i].score >= threshold);
        assert_true(in_all(sets, n_sets, got[i].slot));
        if (i > 0)
            assert_true(got[i].score < got[i - 1].score ||
                        (got[i].score == got[i - 1].score && got[i].slot > got[i - 1].slot));
    }
    query.best = again;
    assert_int_equal(fg_index_search_exhaustive(index, &query), 0);
    assert_int_equal(query.found, found);
    assert_memory_equal(got, again, found * sizeof *got);
}

static void compare_all(const struct fg_index_options *options, struct fg_template *tmpls)
{
    uint32_t d = options->dimension, slot;
    float probe[FG_TEMPLATE_MAX];
    struct fg_slots third = {0}, few = {0}, many = {0};
    const struct fg_slots *sets[] = {&third, &many}, *list[] = {&few, &third};
    struct fg_index *index = create(*options);
    for (uint32_t n = 0; n < COUNT; n++) {
        random_template(&tmpls[n], d);
        insert(index, &tmpls[n], &slot);
        assert_int_equal(slot, n);
        if (n % 3 == 0)
            assert_int_equal(fg_slots_add(&third, n), 0);
        if (n % 100 == 30)
            assert_int_equal(fg_slots_add(&few, n), 0);
    }
    for (uint32_t n = 0; n < FG_SLOTS_FEW + 200; n++) // a bitmap
        assert_int_equal(fg_slots_add(&many, n + 100), 0);
    assert_non_null(many.words);
    for (int round = 0; round < 6; round++) {
        uint32_t mate = random_below(COUNT);
        beside(&tmpls[mate], d, d > 1 ? 0.8 : 1, probe);
        compare(index, tmpls, d, probe, -1, sets, round % 2 ? 2 : 0);
        compare(index, tmpls, d, probe, 0.5f, sets, round % 2 ? 2 : 0);
        compare(index, tmpls, d, probe, 0.1f, sets + 1, 1);
        compare(index, tmpls, d, probe, -0.5f, list, 2);
        random_unit(probe, d);
        compare(index, tmpls, d, probe, 1.5f / sqrtf((float)d), sets, 0);
    }
    fg_slots_clear(&third);
    fg_slots_clear(&few);
    fg_slots_clear(&many);
    fg_index_destroy(index);
}

static void test_naive(void **state)
{
    (void)state;
    static const uint32_t dimensions[] = {1, 2, 17, 31, 32, 33, 63, 64, 65, 100, 192, 512, 1024};
    struct fg_template *tmpls = calloc(COUNT, sizeof *tmpls);
    for (size_t i = 0; i < sizeof dimensions / sizeof *dimensions; i++)
        compare_all(&(struct fg_index_options){.dimension = dimensions[i]}, tmpls);
    free(tmpls);
}

static void test_every_coding_and_kernel(void **state)
{
    (void)state;
    const struct fg_index_kernels *sets[8];
    unsigned n = fg_index_kernels_present(sets, 8);
    struct fg_template *tmpls = calloc(COUNT, sizeof *tmpls);
    assert_true(n >= 1);
    for (unsigned i = 0; i < n; i++)
        for (unsigned bits = 1; bits <= 4; bits *= 2) {
            struct fg_index_options options = {
                .dimension = bits == 2 ? 64 : 104, .code_bits = bits, .kernels = sets[i]->name};
            compare_all(&options, tmpls);
            options.deterministic = true;
            compare_all(&options, tmpls);
        }
    free(tmpls);
}

// ---- the rotation ------------------------------------------------------------------------------

static void test_rotation_is_orthogonal(void **state)
{
    (void)state;
    enum { D = 104 };
    float *m = calloc(D * D, sizeof *m), *again = calloc(D * D, sizeof *again);
    assert_int_equal(fg_rotation_draw(m, D, 5), 0);
    for (unsigned i = 0; i < D; i++)
        for (unsigned k = 0; k < D; k++) {
            double rows = 0, columns = 0;
            for (unsigned j = 0; j < D; j++) {
                rows += (double)m[i * D + j] * (double)m[k * D + j];
                columns += (double)m[j * D + i] * (double)m[j * D + k];
            }
            assert_true(fabs(rows - (i == k)) < 1e-6 && fabs(columns - (i == k)) < 1e-6);
        }
    assert_int_equal(fg_rotation_draw(again, D, 5), 0);
    assert_memory_equal(m, again, D * D * sizeof *m);
    assert_int_equal(fg_rotation_draw(again, D, 0), 0); // from the system
    assert_memory_not_equal(m, again, D * D * sizeof *m);
    free(m);
    free(again);
}

// Over many rotations each element has mean 0, variance 1 / D, and fourth moment 3 / (D (D + 2)):
// those of a coordinate of a uniform unit vector.
static void test_rotation_is_uniform(void **state)
{
    (void)state;
    enum { D = 8, MANY = 20000 };
    static double sum[D * D], square[D * D], fourth[D * D];
    float m[D * D];
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(fg_rotation_draw(m, D, i + 1), 0);
        for (unsigned k = 0; k < D * D; k++) {
            double x = (double)m[k];
            sum[k] += x / MANY;
            square[k] += x * x / MANY;
            fourth[k] += x * x * x * x / MANY;
        }
    }
    for (unsigned k = 0; k < D * D; k++) { // within six deviations
        assert_true(fabs(sum[k]) < 6 * sqrt(1.0 / D / MANY));
        assert_true(fabs(square[k] - 1.0 / D) < 6 * sqrt(0.0219 / MANY));
        assert_true(fabs(fourth[k] - 3.0 / (D * (D + 2))) < 6 * sqrt(0.0085 / MANY));
    }
}

// ---- the bound ---------------------------------------------------------------------------------

// Of mates on the threshold, at most the promised share is dismissed, and with a bold promise some
// are. `kept`, of `all`.
static void dismiss(double dismissal, uint32_t d, unsigned bits, unsigned *ret_kept, unsigned *all)
{
    struct fg_template tmpl;
    struct fg_candidate best;
    float probe[FG_TEMPLATE_MAX];
    uint32_t slot;
    *ret_kept = 0;
    *all = 0;
    for (unsigned i = 0; i < 40; i++) {
        struct fg_index *index = create((struct fg_index_options){
            .dimension = d, .code_bits = bits, .dismissal = dismissal, .seed = 100 + i});
        random_template(&tmpl, d);
        insert(index, &tmpl, &slot);
        for (unsigned k = 0; k < 100; k++) {
            beside(&tmpl, d, 0.5002, probe);
            *ret_kept += search(index, probe, 0.5f, &best, 1);
            ++*all;
        }
        fg_index_destroy(index);
    }
}

static void test_dismissals_keep_to_the_bound(void **state)
{
    (void)state;
    unsigned kept, all;
    dismiss(0.1, 192, 1, &kept, &all);
    assert_true(kept < all); // the bound is at work
    assert_true(kept >= all * 9 / 10);
    dismiss(0.1, 64, 2, &kept, &all);
    assert_true(kept >= all * 9 / 10);
    dismiss(1e-7, 64, 2, &kept, &all);
    assert_int_equal(kept, all);
}

static void test_most_are_ruled_out(void **state)
{
    (void)state;
    enum { MANY = 5000 };
    static const uint32_t dimensions[] = {64, 192, 512};
    struct fg_template tmpl;
    struct fg_candidate best;
    float probe[FG_TEMPLATE_MAX];
    uint32_t slot;
    for (unsigned i = 0; i < 3; i++) {
        struct fg_index *index = create((struct fg_index_options){.dimension = dimensions[i]});
        for (unsigned n = 0; n < MANY; n++) {
            random_template(&tmpl, dimensions[i]);
            insert(index, &tmpl, &slot);
        }
        random_unit(probe, dimensions[i]);
        struct fg_index_cost cost;
        struct fg_index_query query = {.probe = probe, .threshold = 0.6f, .best = &best, .k = 1};
        assert_int_equal(fg_index_search(index, &query, 1, &cost), 0);
        assert_true(cost.compared < MANY / 20);
        assert_true(cost.bytes < (uint64_t)MANY * dimensions[i]);
        fg_index_destroy(index);
    }
}

// ---- order, thresholds, slots -------------------------------------------------------------------

static void test_ties(void **state)
{
    (void)state;
    struct fg_index *index = of_64();
    struct fg_template tmpl;
    struct fg_candidate got[4];
    float probe[64];
    uint32_t slot;
    random_unit(probe, 64);
    fg_template_from_vector(probe, 64, &tmpl);
    for (int i = 0; i < 300; i++)
        insert(index, &tmpl, &slot);
    assert_int_equal(search(index, probe, 0.9f, got, 4), 4);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(got[i].slot, i);
    fg_index_remove(index, 1);
    assert_int_equal(search(index, probe, 0.9f, got, 2), 2);
    assert_int_equal(got[1].slot, 2);
    fg_index_destroy(index);
}

static void test_threshold_is_inclusive(void **state)
{
    (void)state;
    struct fg_index *index = of_64();
    struct fg_template tmpl;
    struct fg_candidate got;
    float probe[64];
    uint32_t slot;
    random_template(&tmpl, 64);
    insert(index, &tmpl, &slot);
    for (int i = 0; i < 200; i++) {
        beside(&tmpl, 64, i % 2 ? 0.65 : 0.3, probe);
        assert_int_equal(search(index, probe, -1, &got, 1), 1);
        float score = got.score;
        assert_int_equal(search(index, probe, score, &got, 1), 1);
        assert_int_equal(search(index, probe, nextafterf(score, 2), &got, 1), 0);
    }
    assert_int_equal(search(index, probe, NAN, &got, 1), 0);
    assert_int_equal(search(index, probe, -1, NULL, 0), 0);
    fg_index_destroy(index);
}

static void test_remove_and_reuse(void **state)
{
    (void)state;
    struct fg_index *index = of_64();
    struct fg_template tmpl;
    struct fg_candidate got;
    float probe[64];
    uint32_t slot;
    for (uint32_t i = 0; i < 1000; i++) {
        random_template(&tmpl, 64);
        insert(index, &tmpl, &slot);
    }
    random_unit(probe, 64);
    fg_template_from_vector(probe, 64, &tmpl);
    assert_int_equal(fg_index_replace(index, 500, tmpl.scale, tmpl.values), 0);
    assert_int_equal(search(index, probe, 0.9f, &got, 1), 1);
    assert_int_equal(got.slot, 500);
    fg_index_remove(index, 500);
    fg_index_remove(index, 500); // twice is harmless
    fg_index_remove(index, 5000);
    assert_int_equal(fg_index_count(index), 999);
    assert_int_equal(fg_index_replace(index, 500, tmpl.scale, tmpl.values), -ENOENT);
    assert_int_equal(fg_index_replace(index, 5000, tmpl.scale, tmpl.values), -ENOENT);
    assert_int_equal(search(index, probe, 0.9f, &got, 1), 0);
    fg_index_remove(index, 3);
    uint32_t a, b, c;
    insert(index, &tmpl, &a);
    insert(index, &tmpl, &b);
    insert(index, &tmpl, &c);
    assert_true((a == 3 && b == 500) || (a == 500 && b == 3));
    assert_int_equal(c, 1000);
    assert_int_equal(fg_index_count(index), 1001);
    fg_index_destroy(index);
}

static void test_removed_is_overwritten(void **state)
{
    (void)state;
    static const int8_t zeros[64];
    struct fg_index *index = of_64();
    struct fg_template tmpl;
    uint32_t slot;
    for (int i = 0; i < 100; i++) {
        random_template(&tmpl, 64);
        insert(index, &tmpl, &slot);
    }
    assert_memory_not_equal(fg_row_of(index, 70), zeros, 64);
    fg_index_remove(index, 70);
    assert_memory_equal(fg_row_of(index, 70), zeros, 64);
    for (unsigned row = 0; row < index->coding.rows + 2; row++)
        assert_int_equal(fg_codes_of(index, 1)[row * FG_BLOCK + 6], 0);
    fg_index_destroy(index);
}

static void test_growth_keeps_all(void **state)
{
    (void)state;
    enum { MANY = 5000, D = 65 };
    struct fg_index *index = create((struct fg_index_options){.dimension = D});
    struct fg_template *tmpls = calloc(MANY, sizeof *tmpls);
    uint32_t slot;
    for (unsigned i = 0; i < MANY; i++) {
        random_template(&tmpls[i], D);
        insert(index, &tmpls[i], &slot);
    }
    for (unsigned i = 0; i < MANY; i += 97) {
        struct fg_candidate got;
        float probe[D];
        beside(&tmpls[i], D, 1, probe);
        assert_int_equal(search(index, probe, 0.999f, &got, 1), 1);
        assert_int_equal(got.slot, i);
    }
    assert_true(fg_index_bytes(index) >= MANY * (D + sizeof(float)));
    fg_index_destroy(index);
    free(tmpls);
}

// Random changes, with codes made at once or later, against an index that is only filled.
static void change_and_compare(bool later)
{
    enum { MANY = 2000, ROUNDS = 6000 };
    struct fg_index *index = create((struct fg_index_options){.dimension = 64, .later = later});
    struct fg_template *tmpls = calloc(MANY, sizeof *tmpls);
    bool *there = calloc(MANY, sizeof *there);
    float probe[64];
    uint32_t slot;
    bool left = later;
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint32_t at = random_below(MANY);
        struct fg_template tmpl;
        random_template(&tmpl, 64);
        if (there[at] && random_below(2)) {
            fg_index_remove(index, at);
            there[at] = false;
        } else if (there[at]) {
            assert_int_equal(fg_index_replace(index, at, tmpl.scale, tmpl.values), 0);
            tmpls[at] = tmpl;
        } else if (fg_index_count(index) < MANY) {
            insert(index, &tmpl, &slot);
            assert_in_range(slot, 0, MANY - 1);
            assert_false(there[slot]);
            there[slot] = true;
            tmpls[slot] = tmpl;
        }
        if (i % 100 == 0)
            left = fg_index_tend(index, 1);
        if (i % 50 || !fg_index_count(index))
            continue;
        while (!there[at])
            at = (at + 1) % MANY;
        struct fg_candidate got, reference;
        beside(&tmpls[at], 64, 0.7, probe);
        struct fg_index_query query = {
            .probe = probe, .threshold = 0.65f, .best = &reference, .k = 1};
        assert_int_equal(fg_index_search_exhaustive(index, &query), 0);
        assert_int_equal(query.found, 1);
        assert_int_equal(search(index, probe, 0.65f, &got, 1), 1);
        assert_memory_equal(&got, &reference, sizeof got);
    }
    while (left)
        left = fg_index_tend(index, 1);
    uint64_t live = 0, uncoded = 0;
    for (uint32_t block = 0; block < fg_blocks_of(index); block++) {
        live += (unsigned)__builtin_popcountll(fg_words_of(&index->live)[block]);
        uncoded += (unsigned)__builtin_popcountll(fg_words_of(&index->uncoded)[block]);
    }
    assert_int_equal(live, fg_index_count(index));
    assert_true(uncoded < live / 100); // those that no code fits
    fg_index_destroy(index);
    free(tmpls);
    free(there);
}

static void test_changes(void **state)
{
    (void)state;
    change_and_compare(false);
    change_and_compare(true);
}

static void test_batch_is_one_by_one(void **state)
{
    (void)state;
    enum { MANY = 3000, PROBES = 21 };
    struct fg_index *index = create((struct fg_index_options){.dimension = 192});
    struct fg_index_query queries[PROBES];
    struct fg_candidate best[PROBES][3], alone[3];
    float probes[PROBES][192];
    struct fg_template tmpl;
    uint32_t slot;
    for (unsigned i = 0; i < MANY; i++) {
        random_template(&tmpl, 192);
        insert(index, &tmpl, &slot);
        if (i % 150 == 7)
            beside(&tmpl, 192, 0.6, probes[i / 150]);
    }
    random_unit(probes[PROBES - 1], 192);
    for (unsigned i = 0; i < PROBES; i++)
        queries[i] = (struct fg_index_query){
            .probe = probes[i], .threshold = 0.2f, .best = best[i], .k = 1 + i % 3};
    assert_int_equal(fg_index_search(index, queries, PROBES, NULL), 0);
    for (unsigned i = 0; i < PROBES; i++) {
        assert_int_equal(search(index, probes[i], 0.2f, alone, 1 + i % 3), queries[i].found);
        assert_true(i == PROBES - 1 || queries[i].found >= 1);
        assert_memory_equal(alone, best[i], queries[i].found * sizeof *alone);
    }
    probes[9][3] = NAN;
    assert_int_equal(fg_index_search(index, queries, PROBES, NULL), -EINVAL);
    fg_index_destroy(index);
}

// ---- refusals -----------------------------------------------------------------------------------

static void test_options_refused(void **state)
{
    (void)state;
    struct fg_index *index = NULL;
    const struct fg_index_options wrong[] = {
        {.dimension = 0},
        {.dimension = FG_TEMPLATE_MAX + 1},
        {.dimension = 64, .code_bits = 3},
        {.dimension = 64, .dismissal = 0.5},
        {.dimension = 64, .dismissal = -1},
        {.dimension = 64, .dismissal = NAN},
        {.dimension = 64, .kernels = "abacus"},
    };
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(fg_index_create(&wrong[i], &index), -EINVAL);
    assert_null(index);
    fg_index_destroy(NULL);
}

static void test_refusals(void **state)
{
    (void)state;
    struct fg_index *index = of_64();
    struct fg_candidate got;
    struct fg_template tmpl;
    float probe[64];
    uint32_t slot = 77;
    random_template(&tmpl, 64);
    const float scales[] = {0, -1, NAN, INFINITY, tmpl.scale * 1.01f};
    for (int i = 0; i < 5; i++)
        assert_int_equal(fg_index_insert(index, scales[i], tmpl.values, &slot), -EINVAL);
    static const int8_t zeros[64];
    assert_int_equal(fg_index_insert(index, tmpl.scale, zeros, &slot), -EINVAL);
    assert_int_equal(slot, 77);
    assert_int_equal(fg_index_count(index), 0);
    struct fg_index_query query = {.probe = probe, .best = &got, .k = 1};
    static const float wrong[] = {NAN, INFINITY, 0, 1.02f, 0.98f};
    for (int i = 0; i < 5; i++) {
        memset(probe, 0, sizeof probe);
        probe[63] = wrong[i];
        assert_int_equal(fg_index_search(index, &query, 1, NULL), -EINVAL);
        assert_int_equal(fg_index_search_exhaustive(index, &query), -EINVAL);
    }
    probe[63] = 1.005f;
    assert_int_equal(fg_index_search(index, &query, 1, NULL), 0);
    fg_index_destroy(index);
}

static void test_full(void **state)
{
    (void)state;
    struct fg_index *index = create((struct fg_index_options){.dimension = 64, .most = 100});
    struct fg_template tmpl;
    uint32_t slot;
    random_template(&tmpl, 64);
    for (int i = 0; i < 100; i++)
        insert(index, &tmpl, &slot);
    assert_int_equal(fg_index_insert(index, tmpl.scale, tmpl.values, &slot), -ENOMEM);
    assert_int_equal(fg_index_count(index), 100);
    fg_index_remove(index, 7);
    insert(index, &tmpl, &slot);
    assert_int_equal(slot, 7);
    fg_index_destroy(index);
}

// A child, because limits cannot be raised again: 0 when all holds, else the line at fault.
static int child_limit(rlim_t locked, rlim_t space)
{
    const struct fg_index_options options = {.dimension = 31, .seed = 7};
    const struct rlimit lock_limit = {locked, locked}, space_limit = {space, space};
    struct fg_index *index;
    struct fg_template tmpl;
    struct rlimit now; // an emulator may take a limit and not keep it
    uint32_t slot, before = 0;
    int r = 0;
    random_template(&tmpl, 31);
    if (setgid(NOBODY) < 0 || setuid(NOBODY) < 0 || setrlimit(RLIMIT_MEMLOCK, &lock_limit) < 0)
        return 255;
    if (space != RLIM_INFINITY && (setrlimit(RLIMIT_AS, &space_limit) < 0 ||
                                   getrlimit(RLIMIT_AS, &now) < 0 || now.rlim_cur != space))
        return 255;
    if (fg_index_create(&options, &index) < 0)
        return __LINE__;
    while ((space != RLIM_INFINITY || before < 100000) &&
           (r = fg_index_insert(index, tmpl.scale, tmpl.values, &slot)) == 0)
        before++;
    if (r != (space == RLIM_INFINITY ? 0 : -ENOMEM) || before < 500)
        return __LINE__;
    if (fg_index_count(index) != before || (space == RLIM_INFINITY && fg_index_locked(index)))
        return __LINE__;
    fg_index_remove(index, 7); // a refusal leaves it usable
    if (fg_index_insert(index, tmpl.scale, tmpl.values, &slot) != 0 || slot != 7)
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
    in_child(0, 48 << 20);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_naive),
        cmocka_unit_test(test_every_coding_and_kernel),
        cmocka_unit_test(test_rotation_is_orthogonal),
        cmocka_unit_test(test_rotation_is_uniform),
        cmocka_unit_test(test_dismissals_keep_to_the_bound),
        cmocka_unit_test(test_most_are_ruled_out),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_threshold_is_inclusive),
        cmocka_unit_test(test_remove_and_reuse),
        cmocka_unit_test(test_removed_is_overwritten),
        cmocka_unit_test(test_growth_keeps_all),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_batch_is_one_by_one),
        cmocka_unit_test(test_options_refused),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_locking_refused),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
