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

#include "matcher/subject.h"
#include "tests/dice.h"

#define PIN "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$aGFzaC8rMA"

static double cosine(const struct fg_template *tmpl, const float *unit, uint32_t dimension)
{
    double sum = 0;
    for (uint32_t i = 0; i < dimension; i++)
        sum += (double)tmpl->scale * tmpl->values[i] * (double)unit[i];
    return sum;
}

static void fill(struct fg_subject *s, uint32_t dimension, unsigned sources)
{
    static float vectors[FG_SUBJECT_SOURCES * FG_TEMPLATE_MAX];
    memset(s, 0, sizeof *s);
    strcpy(s->id, "a:1@b.c-d_e");
    strcpy(s->consent, "consent-7");
    s->model = 0x1122334455667788u;
    s->enrolled_s = 1000;
    s->valid_from_s = 2000;
    s->valid_until_s = UINT64_MAX;
    s->n_lanes = 2;
    strcpy(s->lanes[0], "north");
    strcpy(s->lanes[1], "2");
    s->n_tags = 1;
    strcpy(s->tags[0], "flight:XY123");
    s->born = 15000;
    strcpy(s->pin, PIN);
    for (unsigned i = 0; i < sources; i++)
        random_unit(vectors + (size_t)i * dimension, dimension);
    assert_int_equal(fg_subject_set_vectors(s, vectors, sources, dimension), 0);
}

static void test_words(void **state)
{
    (void)state;
    char word[80];
    assert_true(fg_subject_id_ok("A"));
    assert_true(fg_subject_id_ok("azAZ09._:@-"));
    assert_false(fg_subject_id_ok(""));
    assert_false(fg_subject_id_ok("a b"));
    assert_false(fg_subject_id_ok("a/b"));
    assert_false(fg_subject_id_ok("\xc3\xa9"));
    memset(word, 'x', sizeof word);
    word[63] = '\0';
    assert_true(fg_subject_id_ok(word));
    assert_false(fg_subject_word_ok(word));
    word[31] = '\0';
    assert_true(fg_subject_word_ok(word));
    memset(word, 'x', sizeof word);
    word[64] = '\0';
    assert_false(fg_subject_id_ok(word));
    word[32] = '\0';
    assert_false(fg_subject_word_ok(word));
}

static void test_template_keeps_direction(void **state)
{
    (void)state;
    static const uint32_t dimensions[] = {1, 2, 7, 64, 192, 512, 1024};
    for (size_t i = 0; i < sizeof dimensions / sizeof *dimensions; i++) {
        uint32_t d = dimensions[i];
        float unit[FG_TEMPLATE_MAX], scaled[FG_TEMPLATE_MAX];
        struct fg_template a, b;
        random_unit(unit, d);
        for (uint32_t k = 0; k < d; k++)
            scaled[k] = unit[k] * 69.0f;
        assert_int_equal(fg_template_from_vector(unit, d, &a), 0);
        assert_int_equal(fg_template_from_vector(scaled, d, &b), 0);
        assert_true(cosine(&a, unit, d) > 0.9999);
        assert_true(cosine(&a, unit, d) <= 1.00001);
        for (uint32_t k = 0; k < d; k++) // a division's rounding may move a value across a half
            assert_in_range(a.values[k] - b.values[k] + 1, 0, 2);
    }
}

static void test_template_extremes(void **state)
{
    (void)state;
    struct fg_template t;
    float v[4] = {1e-45f, 0, -1e-45f, 0};
    assert_int_equal(fg_template_from_vector(v, 4, &t), 0);
    assert_int_equal(t.values[0], 127);
    assert_int_equal(t.values[2], -127);
    float w[2] = {3e38f, -3e38f};
    assert_int_equal(fg_template_from_vector(w, 2, &t), 0);
    assert_int_equal(t.values[1], -127);
}

static void test_template_refusals(void **state)
{
    (void)state;
    struct fg_template t, before;
    memset(&t, 0x5a, sizeof t);
    before = t;
    float v[4] = {0};
    assert_int_equal(fg_template_from_vector(v, 4, &t), -EINVAL);
    v[3] = NAN;
    assert_int_equal(fg_template_from_vector(v, 4, &t), -EINVAL);
    v[3] = -INFINITY;
    assert_int_equal(fg_template_from_vector(v, 4, &t), -EINVAL);
    v[3] = 1;
    assert_int_equal(fg_template_from_vector(v, 0, &t), -EINVAL);
    assert_int_equal(fg_template_from_vector(v, FG_TEMPLATE_MAX + 1, &t), -EINVAL);
    assert_memory_equal(&t, &before, sizeof t);
}

static void test_average(void **state)
{
    (void)state;
    struct fg_subject s = {0};
    const float vectors[6] = {1, 0, 0, 0, 1, 0};
    const float mean[3] = {0.70710678f, 0.70710678f, 0};
    assert_int_equal(fg_subject_set_vectors(&s, vectors, 2, 3), 0);
    assert_true(cosine(&s.average, mean, 3) > 0.99999);
    assert_int_equal(s.n_sources, 2);
    assert_int_equal(s.dimension, 3);
    assert_true(cosine(&s.sources[1], vectors + 3, 3) > 0.99999);
}

static void test_average_refusals(void **state)
{
    (void)state;
    struct fg_subject s, before;
    fill(&s, 8, 1);
    before = s;
    float opposed[4] = {0.6f, 0.8f, -0.6f, -0.8f};
    float broken[4] = {1, 0, NAN, 0}, many[12] = {1};
    assert_int_equal(fg_subject_set_vectors(&s, opposed, 2, 2), -EINVAL);
    assert_int_equal(fg_subject_set_vectors(&s, broken, 2, 2), -EINVAL);
    assert_int_equal(fg_subject_set_vectors(&s, many, 2, 2), -EINVAL); // the second is zero
    assert_int_equal(fg_subject_set_vectors(&s, many, 0, 2), -EINVAL);
    assert_int_equal(fg_subject_set_vectors(&s, many, 6, 2), -EINVAL);
    assert_memory_equal(&s, &before, sizeof s);
}

static void test_round_trip(void **state)
{
    (void)state;
    static const uint32_t dimensions[] = {1, 64, 1024};
    uint8_t bytes[FG_SUBJECT_BYTES], again[FG_SUBJECT_BYTES];
    for (unsigned i = 0; i < 3; i++)
        for (unsigned sources = 1; sources <= FG_SUBJECT_SOURCES; sources += 2) {
            struct fg_subject s, t;
            fill(&s, dimensions[i], sources);
            int length = fg_subject_pack(&s, bytes);
            assert_true(length > 0);
            assert_int_equal(fg_subject_unpack(bytes, (size_t)length, &t), 0);
            assert_string_equal(t.tags[0], "flight:XY123");
            assert_int_equal(t.valid_until_s, UINT64_MAX);
            assert_int_equal(t.born, 15000);
            assert_string_equal(t.pin, PIN);
            assert_memory_equal(&t.average, &s.average, sizeof s.average);
            assert_int_equal(fg_subject_pack(&t, again), length);
            assert_memory_equal(again, bytes, (size_t)length);
        }
}

static void test_longest_fits(void **state)
{
    (void)state;
    struct fg_subject s;
    uint8_t *bytes = malloc(FG_SUBJECT_BYTES); // so that a sanitizer sees one byte too many
    fill(&s, FG_TEMPLATE_MAX, FG_SUBJECT_SOURCES);
    memset(s.id, 'i', FG_SUBJECT_ID - 1);
    memset(s.consent, 'c', FG_SUBJECT_ID - 1);
    memset(s.guardian, 'g', FG_SUBJECT_ID - 1);
    memset(s.pin + strlen(s.pin), 'p', FG_SUBJECT_PIN - 1 - strlen(s.pin));
    s.n_lanes = s.n_tags = FG_SUBJECT_LISTS;
    for (unsigned i = 0; i < FG_SUBJECT_LISTS; i++) {
        memset(s.lanes[i], 'l', FG_SUBJECT_WORD - 1);
        memset(s.tags[i], 't', FG_SUBJECT_WORD - 1);
    }
    int length = fg_subject_pack(&s, bytes);
    assert_in_range(length, 7000, FG_SUBJECT_BYTES);
    free(bytes);
}

static void test_pack_refusals(void **state)
{
    (void)state;
    uint8_t bytes[FG_SUBJECT_BYTES];
    struct fg_subject good, s;
    fill(&good, 16, 2);
#define REFUSED(change)                                                                            \
    do {                                                                                           \
        s = good;                                                                                  \
        change;                                                                                    \
        assert_int_equal(fg_subject_pack(&s, bytes), -EINVAL);                                     \
    } while (0)
    REFUSED(s.id[0] = '\0');
    REFUSED(memset(s.id, 'x', sizeof s.id));
    REFUSED(s.consent[2] = ' ');
    REFUSED(memset(s.guardian, 'x', sizeof s.guardian));
    REFUSED(s.born = INT32_MAX);
    REFUSED(s.born = FG_NO_BIRTH + 1);
    REFUSED(s.born = -62092);  // 1799-12-31
    REFUSED(s.born = 2932897); // 10000-01-01
    REFUSED(strcpy(s.pin, "1234"));
    REFUSED(strcpy(s.pin, "$argon2id$"));
    REFUSED(strcpy(s.pin, "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$aGFzaA"));
    REFUSED(strcpy(s.pin, "$argon2id$v=19$m=65537,t=2,p=1$c29tZXNhbHQ$aGFzaA")); // too dear
    REFUSED(strcpy(s.pin, "$argon2id$v=19$m=65536,t=5,p=1$c29tZXNhbHQ$aGFzaA"));
    REFUSED(strcpy(s.pin, "$argon2id$v=19$m=65536,t=-2,p=1$c29tZXNhbHQ$aGFzaA"));
    REFUSED(s.pin[20] = ' ');
    REFUSED(memset(s.pin + 40, 'x', sizeof s.pin - 40));
    REFUSED(s.dimension = 0);
    REFUSED(s.dimension = FG_TEMPLATE_MAX + 1);
    REFUSED(s.n_sources = FG_SUBJECT_SOURCES + 1);
    REFUSED(s.n_lanes = FG_SUBJECT_LISTS + 1);
    REFUSED(s.n_lanes = 3);
    REFUSED(memset(s.tags[0], 'x', FG_SUBJECT_WORD));
    REFUSED(s.valid_until_s = s.valid_from_s - 1);
    REFUSED(s.average.scale *= 1.01f);
    REFUSED(s.average.scale = NAN);
    REFUSED(memset(&s.sources[1], 0, sizeof s.sources[1]));
#undef REFUSED
}

static void test_unpack_every_length(void **state)
{
    (void)state;
    uint8_t bytes[FG_SUBJECT_BYTES];
    struct fg_subject s, t;
    fill(&s, 16, 2);
    size_t length = (size_t)fg_subject_pack(&s, bytes);
    for (size_t i = 0; i < length; i++) {
        uint8_t *part = malloc(i + 1);
        memcpy(part, bytes, i);
        uint8_t *exact = realloc(part, i ? i : 1);
        assert_int_equal(fg_subject_unpack(exact, i, &t), -EBADMSG);
        free(exact);
    }
    bytes[length] = 0;
    assert_int_equal(fg_subject_unpack(bytes, length + 1, &t), -EBADMSG);
    bytes[0] ^= 2; // version
    assert_int_equal(fg_subject_unpack(bytes, length, &t), -EBADMSG);
}

// Whatever unpack accepts is exactly what pack writes.
static void test_unpack_every_bit(void **state)
{
    (void)state;
    uint8_t bytes[FG_SUBJECT_BYTES], again[FG_SUBJECT_BYTES];
    struct fg_subject s, t;
    unsigned refused = 0;
    fill(&s, 16, 2);
    size_t length = (size_t)fg_subject_pack(&s, bytes);
    for (size_t bit = 0; bit < 8 * length; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (fg_subject_unpack(bytes, length, &t) == 0) {
            assert_int_equal(fg_subject_pack(&t, again), length);
            assert_memory_equal(again, bytes, length);
        } else {
            refused++;
        }
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_in_range(refused, 100, 8 * length);
}

// Records of older galleries are read for ever: these bytes were written by their versions.
static void read_golden(const char *name, struct fg_subject *ret)
{
    char file[64];
    uint8_t bytes[FG_SUBJECT_BYTES];
    snprintf(file, sizeof file, "tests/golden/subject/%s", name);
    FILE *f = fopen(file, "rb");
    assert_non_null(f);
    size_t length = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    assert_int_equal(fg_subject_unpack(bytes, length, ret), 0);
    for (size_t i = 0; i < length; i++) {
        struct fg_subject cut;
        assert_int_equal(fg_subject_unpack(bytes, i, &cut), -EBADMSG);
    }
    assert_string_equal(ret->id, "a:1@b.c-d_e");
    assert_string_equal(ret->consent, "consent-7");
    assert_string_equal(ret->guardian, "g-9");
    assert_int_equal(ret->model, 0x1122334455667788u);
    assert_int_equal(ret->enrolled_s, 1000);
    assert_int_equal(ret->valid_from_s, 2000);
    assert_string_equal(ret->lanes[1], "2");
    assert_string_equal(ret->tags[0], "flight:XY123");
    assert_int_equal(ret->dimension, 4);
    assert_int_equal(ret->n_sources, 1);
    assert_int_equal(ret->average.values[0], 127);
    assert_int_equal(ret->sources[0].values[3], -127);
}

static void test_versions(void **state)
{
    (void)state;
    struct fg_subject s, again;
    uint8_t bytes[FG_SUBJECT_BYTES];
    read_golden("version-1", &s);
    assert_int_equal(s.born, FG_NO_BIRTH);
    assert_string_equal(s.pin, "");
    int length = fg_subject_pack(&s, bytes); // as version 2
    assert_int_equal(bytes[0], 2);
    assert_int_equal(fg_subject_unpack(bytes, (size_t)length, &again), 0);
    assert_memory_equal(&again, &s, sizeof s);
    read_golden("version-2", &s);
    assert_int_equal(s.born, 15000);
    assert_string_equal(s.pin, PIN);
}

static void test_template_from_values(void **state)
{
    (void)state;
    float unit[64];
    struct fg_template a, b = {.scale = 5};
    const int8_t zeros[64] = {0};
    random_unit(unit, 64);
    assert_int_equal(fg_template_from_vector(unit, 64, &a), 0);
    assert_int_equal(fg_template_from_values(zeros, 64, &b), -EINVAL);
    assert_int_equal(fg_template_from_values(a.values, 0, &b), -EINVAL);
    assert_int_equal(fg_template_from_values(a.values, FG_TEMPLATE_MAX + 1, &b), -EINVAL);
    assert_true(b.scale > 4); // untouched
    assert_int_equal(fg_template_from_values(a.values, 64, &b), 0);
    assert_memory_equal(&a, &b, sizeof a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_template_from_values),
        cmocka_unit_test(test_template_keeps_direction),
        cmocka_unit_test(test_template_extremes),
        cmocka_unit_test(test_template_refusals),
        cmocka_unit_test(test_average),
        cmocka_unit_test(test_average_refusals),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_longest_fits),
        cmocka_unit_test(test_pack_refusals),
        cmocka_unit_test(test_unpack_every_length),
        cmocka_unit_test(test_unpack_every_bit),
        cmocka_unit_test(test_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
