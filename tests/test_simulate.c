// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/simulate.h"

#define LOOKS 20000

static struct fg_simulation *make(uint32_t dimension, uint64_t seed)
{
    struct fg_simulation *simulation;
    assert_int_equal(fg_simulation_create(dimension, seed, &simulation), 0);
    return simulation;
}

static double dot(const float *a, const float *b, uint32_t dimension)
{
    double sum = 0;
    for (uint32_t i = 0; i < dimension; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

static int by_size(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

struct moments {
    double mean, deviation, p1, p5, p999, p9999;
};

// Sorts.
static struct moments moments_of(float *scores, size_t count)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++) {
        sum += (double)scores[i];
        squares += (double)scores[i] * (double)scores[i];
    }
    qsort(scores, count, sizeof *scores, by_size);
    const double mean = sum / (double)count;
    return (struct moments){.mean = mean,
                            .deviation = sqrt(squares / (double)count - mean * mean),
                            .p1 = (double)scores[count / 100],
                            .p5 = (double)scores[count / 20],
                            .p999 = (double)scores[count - count / 1000],
                            .p9999 = (double)scores[count - count / 10000]};
}

// ---- strangers ----------------------------------------------------------------------------------

// Of all pairs of so many people.
static struct moments scores_of_strangers(uint32_t dimension, unsigned n_people)
{
    struct fg_simulation *simulation = make(dimension, 1);
    float *people = malloc((size_t)n_people * dimension * sizeof *people);
    float *scores = malloc((size_t)n_people * n_people / 2 * sizeof *scores);
    size_t count = 0;
    for (unsigned i = 0; i < n_people; i++) {
        float *person = people + (size_t)i * dimension;
        fg_simulation_person(simulation, i, person);
        assert_true(fabs(dot(person, person, dimension) - 1) < 1e-5);
        for (unsigned j = 0; j < i; j++)
            scores[count++] = (float)dot(person, people + (size_t)j * dimension, dimension);
    }
    struct moments ret = moments_of(scores, count);
    free(people);
    free(scores);
    fg_simulation_destroy(simulation);
    return ret;
}

static void expect(double got, double wanted, double off)
{
    if (fabs(got - wanted) > off)
        fail_msg("%.4f is not within %.4f of %.4f", got, off, wanted);
}

static void test_strangers_of_the_model(void **state)
{
    (void)state;
    struct moments m = scores_of_strangers(64, 1500);
    expect(m.mean, .011, .004);
    expect(m.deviation, .144, .003);
    expect(m.p999, .451, .015);
    expect(m.p9999, .531, .025);
}

static void test_strangers_of_harder_data(void **state)
{
    (void)state;
    expect(scores_of_strangers(192, 500).deviation, .103, .002);
    expect(scores_of_strangers(512, 500).deviation, .0715, .0015);
}

static void test_dimensions_between(void **state)
{
    (void)state;
    static const uint32_t dimensions[] = {32, 33, 96, 128, 256, 1023, 1024};
    double last = 1;
    for (size_t i = 0; i < sizeof dimensions / sizeof *dimensions; i++) {
        struct moments m = scores_of_strangers(dimensions[i], 200);
        expect(m.mean, .02, .02);
        assert_true(m.deviation < last + .002 && m.deviation > .04);
        last = m.deviation;
    }
}

// ---- looks at a person --------------------------------------------------------------------------

static struct moments scores_of_looks(uint32_t dimension)
{
    struct fg_simulation *simulation = make(dimension, 2);
    float person[FG_SIMULATION_MOST], look[FG_SIMULATION_MOST];
    float *scores = malloc(LOOKS * sizeof *scores);
    for (unsigned i = 0; i < LOOKS; i++) {
        fg_simulation_person(simulation, i % 100, person);
        const float cosine = fg_simulation_look(simulation, i, person, look);
        scores[i] = (float)dot(person, look, dimension);
        assert_true(fabsf(scores[i] - cosine) < 1e-5f);
        assert_true(fabs(dot(look, look, dimension) - 1) < 1e-5);
    }
    struct moments ret = moments_of(scores, LOOKS);
    free(scores);
    fg_simulation_destroy(simulation);
    return ret;
}

static void test_looks(void **state)
{
    (void)state;
    struct moments m = scores_of_looks(64);
    expect(m.mean, .742, .005);
    expect(m.deviation, .111, .004);
    expect(m.p1, .390, .02);
    expect(m.p5, .547, .02);
    m = scores_of_looks(512);
    expect(m.mean, .6, .005);
    expect(m.deviation, .1, .004);
}

// The direction in which a look is off is as people are, not as noise is.
static void test_looks_are_off_as_people_are(void **state)
{
    (void)state;
    struct fg_simulation *simulation = make(64, 3);
    float person[64], look[64], off[2][64];
    double squares = 0;
    for (unsigned i = 0; i < 2000; i++) {
        for (unsigned k = 0; k < 2; k++) {
            fg_simulation_person(simulation, 2 * i + k, person);
            const float cosine = fg_simulation_look(simulation, 2 * i + k, person, look);
            for (unsigned j = 0; j < 64; j++)
                off[k][j] = (look[j] - cosine * person[j]) / sqrtf(1 - cosine * cosine);
        }
        squares += dot(off[0], off[1], 64) * dot(off[0], off[1], 64) / 2000;
    }
    expect(sqrt(squares), .144, .012); // uniform directions have .125
    fg_simulation_destroy(simulation);
}

// ---- again --------------------------------------------------------------------------------------

static void test_made_again(void **state)
{
    (void)state;
    struct fg_simulation *one = make(192, 7), *two = make(192, 7), *other = make(192, 8);
    float a[192], b[192], look[192], again[192];
    for (unsigned n = 50; n-- > 0;) { // in another order than before
        fg_simulation_person(one, n, a);
        fg_simulation_person(two, n, b);
        assert_memory_equal(a, b, sizeof a);
        fg_simulation_look(one, n, a, look);
        fg_simulation_look(two, n, b, again);
        assert_memory_equal(look, again, sizeof look);
        fg_simulation_person(other, n, b);
        assert_memory_not_equal(a, b, sizeof a);
        fg_simulation_stranger(one, n, b);
        assert_memory_not_equal(a, b, sizeof a);
    }
    fg_simulation_person(one, UINT64_MAX, a);
    assert_true(fabs(dot(a, a, 192) - 1) < 1e-5);
    fg_simulation_destroy(one);
    fg_simulation_destroy(two);
    fg_simulation_destroy(other);
}

static void test_templates(void **state)
{
    (void)state;
    struct fg_simulation *simulation = make(64, 9);
    struct fg_template tmpl, expected;
    float person[64];
    for (unsigned n = 0; n < 100; n++) {
        fg_simulation_template(simulation, n, &tmpl);
        fg_simulation_person(simulation, n, person);
        assert_int_equal(fg_template_from_vector(person, 64, &expected), 0);
        assert_memory_equal(&tmpl, &expected, sizeof tmpl);
    }
    fg_simulation_destroy(simulation);
}

static void test_refusals(void **state)
{
    (void)state;
    struct fg_simulation *simulation = NULL;
    assert_int_equal(fg_simulation_create(31, 1, &simulation), -EINVAL);
    assert_int_equal(fg_simulation_create(1025, 1, &simulation), -EINVAL);
    assert_null(simulation);
    fg_simulation_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strangers_of_the_model),
        cmocka_unit_test(test_strangers_of_harder_data),
        cmocka_unit_test(test_dimensions_between),
        cmocka_unit_test(test_looks),
        cmocka_unit_test(test_looks_are_off_as_people_are),
        cmocka_unit_test(test_made_again),
        cmocka_unit_test(test_templates),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
