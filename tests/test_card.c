// SPDX-License-Identifier: Apache-2.0
// Model cards: what they say, what is refused, the model's id, and scores for error rates.
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/card.h"
#include "tests/scratch_file.h"

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char *const good[] = {
    "[model]",
    "name = tiny",
    "version = 3",
    "kind = embedder",
    "file = t.tflite",
    "sha256 = " SHA,
    "licence = Apache-2.0",
    "source = here",
    "[input]",
    "width = 112",
    "height = 112",
    "mean = 127.5",
    "scale = 128",
    "colour = rgb",
    "transposed = no",
    "[embedder]",
    "dimension = 192",
    "project = 64",
    "min_norm = 50",
    "same_track = 0.4",
    "[calibration]",
    "dataset = made up",
    "impostor_pairs = 1e6",
    "genuine_pairs = 5000",
    "score_0.1 = 1e-2 0.001",
    "score_0.3 = 1e-3 0.01",
    "score_0.5 = 1e-5 0.05",
    "score_0.7 = 0 0.3",
};

// Writes the good card with one line replaced (replacement NULL: left out) and reads it.
static int read_with(const char *line, const char *replacement, struct fg_card *card,
                     struct fg_error *err)
{
    FILE *f = fopen(path, "w");
    bool found = line == NULL;
    assert_non_null(f);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        bool here = line && strcmp(good[i], line) == 0;
        found |= here;
        if (!here)
            fprintf(f, "%s\n", good[i]);
        else if (replacement)
            fprintf(f, "%s\n", replacement);
    }
    assert_int_equal(fclose(f), 0);
    assert_true(found);
    *err = (struct fg_error){""};
    return fg_card_read(path, card, err);
}

static void refused(const char *line, const char *replacement, const char *what)
{
    struct fg_card card;
    memset(&card, 0x5a, sizeof card);
    const struct fg_card before = card;
    struct fg_error err;
    assert_int_equal(read_with(line, replacement, &card, &err), -EINVAL);
    if (!strstr(err.text, what) || strncmp(err.text, path, strlen(path)) != 0)
        fail_msg("\"%s\" has not the file and \"%s\"", err.text, what);
    assert_memory_equal(&card, &before, sizeof card);
}

static struct fg_card accepted(const char *line, const char *replacement)
{
    struct fg_card card = {0};
    struct fg_error err;
    if (read_with(line, replacement, &card, &err) != 0)
        fail_msg("%s", err.text);
    return card;
}

static void test_a_good_card(void **state)
{
    (void)state;
    const struct fg_card c = accepted(NULL, NULL);
    assert_string_equal(c.name, "tiny");
    assert_string_equal(c.version, "3");
    assert_int_equal(c.kind, FG_CARD_EMBEDDER);
    assert_string_equal(c.path, "/tmp/t.tflite"); // beside the card
    assert_string_equal(c.sha256, SHA);
    assert_string_equal(c.licence, "Apache-2.0");
    assert_int_equal(c.width, 112);
    assert_false(c.bgr);
    assert_true(c.mean == 127.5f && c.scale == 128);
    assert_int_equal(c.dimension, 192);
    assert_int_equal(fg_card_template_dimension(&c), 64);
    assert_int_equal(c.n_points, 4);
    assert_int_equal(c.impostor_pairs, 1000000);
    assert_int_equal(c.genuine_pairs, 5000);
    assert_true(c.same_track == 0.4f);
    assert_true(c.points[2].score == 0.5f && c.points[2].fmr == 1e-5 && c.points[2].fnmr == 0.05);
}

static void test_variants(void **state)
{
    (void)state;
    struct fg_card c = accepted("project = 64", NULL);
    assert_int_equal(fg_card_template_dimension(&c), 192);
    c = accepted("file = t.tflite", "file = /opt/m/t.tflite");
    assert_string_equal(c.path, "/opt/m/t.tflite");
    c = accepted("colour = rgb", "colour = bgr");
    assert_true(c.bgr);
    c = accepted("transposed = no", "transposed = yes");
    assert_true(c.transposed);
    c = accepted("kind = embedder", "kind = landmarks");
    assert_int_equal(c.kind, FG_CARD_LANDMARKS);
    c = accepted("kind = embedder", "kind = detector");
    assert_int_equal(c.kind, FG_CARD_DETECTOR);
    assert_true(c.min_score == 0.5f);
    assert_false(c.full_range);
    c = accepted("[embedder]", "[detector]\nanchors = full-range\nmin_score = .3\n[embedder]");
    assert_true(c.full_range && c.min_score == .3f);
    c = accepted("same_track = 0.4", NULL);
    assert_true(c.same_track == 0.5f);
}

static void test_missing_lines(void **state)
{
    (void)state;
    static const char *const needed[] = {"name = tiny",     "version = 3",   "kind = embedder",
                                         "file = t.tflite", "sha256 = " SHA, "licence = Apache-2.0",
                                         "source = here",   "width = 112",   "height = 112",
                                         "mean = 127.5",    "scale = 128",   "dimension = 192"};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        char what[60];
        snprintf(what, sizeof what, "%.*s is missing", (int)strcspn(needed[i], " "), needed[i]);
        refused(needed[i], NULL, what);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    refused("kind = embedder", "kind = oracle", ":4: kind = oracle: must be detector");
    refused("sha256 = " SHA, "sha256 = 0123", ":6: sha256: must be 64");
    refused("sha256 = " SHA, "sha256 = 0123456789ABCDEF" SHA, ":6: sha256");
    refused("sha256 = " SHA,
            "sha256 = G123456789abcdef0123456789abcdef0123456789abcdef"
            "0123456789abcdef",
            ":6: sha256");
    refused("width = 112", "width = 7", ":10: width = 7: must be from 8 to 1024");
    refused("width = 112", "width = 1025", ":10: width");
    refused("width = 112", "width = 11.5", "whole number");
    refused("scale = 128", "scale = 0", ":13: scale");
    refused("mean = 127.5", "mean = nan", ":12: mean");
    refused("colour = rgb", "colour = cmyk", ":14: colour = cmyk: must be rgb or bgr");
    refused("[embedder]", "[detector]\nanchors = none\n[embedder]", "must be short-range or");
    refused("[embedder]", "[detector]\nmin_score = 1\n[embedder]", "min_score");
    refused("dimension = 192", "dimension = 0", ":17: dimension");
    refused("dimension = 192", "dimension = 1025", ":17: dimension");
    refused("project = 64", "project = 193", "project = 193 is more than dimension = 192");
    refused("name = tiny", "nome = tiny", ":2: unknown key nome in [model]");
    refused("name = tiny", "name = tiny\nname = tiny", ":3: name is given twice");
    refused("name = tiny",
            "name = 0123456789012345678901234567890123456789012345678901234567890123456789",
            "longer than 47 bytes");
    refused("[embedder]", "[embeder]", "in [embeder]");
}

static void test_calibration_refusals(void **state)
{
    (void)state;
    refused("score_0.3 = 1e-3 0.01", "score_0.05 = 1e-3 0.01", ":26: score_0.05: scores must rise");
    refused("score_0.3 = 1e-3 0.01", "score_0.3 = 0.2 0.01", ":26: score_0.3: scores must rise");
    refused("score_0.5 = 1e-5 0.05", "score_0.5 = 1e-5 0.001", "FNMR rise");
    refused("score_0.3 = 1e-3 0.01", "score_0.1 = 1e-3 0.01", "twice");
    refused("score_0.3 = 1e-3 0.01", "score_0.10 = 1e-3 0.01", "scores must rise");
    refused("score_0.3 = 1e-3 0.01", "score_ = 1e-3 0.01", "write score_S = FMR FNMR");
    refused("score_0.3 = 1e-3 0.01", "score_x = 1e-3 0.01", "write score_S = FMR FNMR");
    refused("score_0.3 = 1e-3 0.01", "score_0.3 = 1e-3", "write score_S = FMR FNMR");
    refused("score_0.3 = 1e-3 0.01", "score_0.3 = 1e-3 0.01 7", "write score_S = FMR FNMR");
    refused("score_0.3 = 1e-3 0.01", "score_1.1 = 1e-3 0.01", "within -1..1");
    refused("score_0.3 = 1e-3 0.01", "score_nan = 1e-3 0.01", "within -1..1");
    refused("score_0.3 = 1e-3 0.01", "score_0.3 = -1 0.01", "within -1..1");
    refused("score_0.3 = 1e-3 0.01", "score_0.3 = nan 0.01", "within -1..1");
    refused("impostor_pairs = 1e6", NULL, "needs impostor_pairs");
    refused("impostor_pairs = 1e6", "impostor_pairs = -1", "impostor_pairs");
}

static void test_too_many_points(void **state)
{
    (void)state;
    char text[4000] = "";
    for (int i = 0; i <= FG_CARD_POINTS - 3; i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "score_-%.3f = 0.5 0\n", .9 - i * 0.01);
    }
    refused("score_0.1 = 1e-2 0.001", text, "more than 64 points");
    struct fg_card card;
    struct fg_error err;
    // one less is as many as there may be
    char *second = strchr(text, '\n') + 1;
    char fewer[4000];
    snprintf(fewer, sizeof fewer, "%sscore_0.1 = 1e-2 0.001", strchr(second, '\n') + 1);
    assert_int_equal(read_with("score_0.1 = 1e-2 0.001", fewer, &card, &err), 0);
    assert_int_equal(card.n_points, FG_CARD_POINTS);
}

static void test_missing_file(void **state)
{
    (void)state;
    struct fg_card card = {.width = 5};
    struct fg_error err = {""};
    assert_int_equal(fg_card_read("/tmp/fg-no-such.card", &card, &err), -ENOENT);
    assert_non_null(strstr(err.text, "/tmp/fg-no-such.card"));
    assert_int_equal(card.width, 5);
}

static void test_id(void **state)
{
    (void)state;
    static const char *const changes[][2] = {
        {"name = tiny", "name = tinz"},
        {"version = 3", "version = 4"},
        {"sha256 = " SHA,
         "sha256 = 1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
        {"width = 112", "width = 128"},
        {"height = 112", "height = 128"},
        {"mean = 127.5", "mean = 127"},
        {"scale = 128", "scale = 127.5"},
        {"colour = rgb", "colour = bgr"},
        {"transposed = no", "transposed = yes"},
        {"dimension = 192", "dimension = 193"},
        {"project = 64", "project = 65"},
        {"project = 64", NULL},
    };
    static const char *const no_changes[][2] = {
        {"file = t.tflite", "file = u.tflite"},
        {"licence = Apache-2.0", "licence = other"},
        {"source = here", "source = there"},
        {"min_norm = 50", "min_norm = 51"},
        {"same_track = 0.4", "same_track = 0.5"},
        {"dataset = made up", "dataset = another"},
        {"score_0.3 = 1e-3 0.01", "score_0.31 = 1e-3 0.01"},
    };
    enum { N = sizeof changes / sizeof *changes };
    uint64_t ids[N + 1] = {accepted(NULL, NULL).id};
    for (int i = 0; i < N; i++) {
        ids[i + 1] = accepted(changes[i][0], changes[i][1]).id;
        for (int k = 0; k <= i; k++)
            assert_true(ids[k] != ids[i + 1]);
    }
    for (size_t i = 0; i < sizeof no_changes / sizeof *no_changes; i++)
        assert_true(accepted(no_changes[i][0], no_changes[i][1]).id == ids[0]);
}

static void test_score_for_fmr(void **state)
{
    (void)state;
    const struct fg_card c = accepted(NULL, NULL);
    struct fg_error err = {""};
    float score = -7;
    static const struct {
        double fmr, score;
    } cases[] = {
        {1e-2, .1},
        {1e-3, .3},
        {1e-4, .4}, // half way in the logarithm
        {3.1622776601683795e-3, .2},
        {1e-5, .5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(fg_card_score_for_fmr(&c, cases[i].fmr, &score, &err), 0);
        assert_true(fabs((double)score - cases[i].score) < 1e-6);
        double fmr, fnmr;
        assert_int_equal(fg_card_rates(&c, score, &fmr, &fnmr), 0); // and back
        assert_true(fabs(fmr / cases[i].fmr - 1) < 1e-4);
    }
    assert_true(fg_card_least_fmr(&c) == 1e-5);
    score = -7;
    assert_int_equal(fg_card_score_for_fmr(&c, .99e-5, &score, &err), -ERANGE);
    assert_non_null(strstr(err.text, "1e-05"));
    assert_int_equal(fg_card_score_for_fmr(&c, 0, &score, &err), -ERANGE);
    assert_int_equal(fg_card_score_for_fmr(&c, -1, &score, &err), -ERANGE);
    assert_int_equal(fg_card_score_for_fmr(&c, NAN, &score, &err), -ERANGE);
    assert_int_equal(fg_card_score_for_fmr(&c, .011, &score, &err), -ERANGE);
    assert_non_null(strstr(err.text, "0.01"));
    assert_true(score == -7);
}

static void test_beyond_the_table(void **state)
{
    (void)state;
    // enough pairs for 1e-8, but the table ends at 1e-5
    struct fg_card c = accepted("impostor_pairs = 1e6", "impostor_pairs = 1e9");
    struct fg_error err = {""};
    float score = -7;
    c.n_points = 3;
    assert_int_equal(fg_card_score_for_fmr(&c, 1e-7, &score, &err), -ERANGE);
    assert_non_null(strstr(err.text, "1e-05"));
    assert_true(score == -7);
    assert_int_equal(fg_card_score_for_fmr(&c, 1e-5, &score, &err), 0); // its very end
    assert_true(fabsf(score - .5f) < 1e-6f);
    score = -7;
    c.n_points = 0;
    assert_int_equal(fg_card_score_for_fmr(&c, 1e-3, &score, &err), -ENODATA);
    assert_non_null(strstr(err.text, "tiny"));
    assert_true(fg_card_least_fmr(&c) == 1);
    double fmr = 3, fnmr = 3;
    assert_int_equal(fg_card_rates(&c, .3f, &fmr, &fnmr), -ENODATA);
    c.n_points = 3;
    c.impostor_pairs = 9; // not even ten
    assert_true(fg_card_least_fmr(&c) == 1);
}

static void test_scores_fall_with_fmr(void **state)
{
    (void)state;
    const struct fg_card c = accepted(NULL, NULL);
    struct fg_error err;
    float before = -1;
    for (double fmr = 1e-2; fmr >= 1e-5; fmr *= .97) {
        float score;
        assert_int_equal(fg_card_score_for_fmr(&c, fmr, &score, &err), 0);
        assert_true(score >= before);
        before = score;
    }
}

static void test_rates_are_clamped(void **state)
{
    (void)state;
    const struct fg_card c = accepted(NULL, NULL);
    double fmr, fnmr;
    assert_int_equal(fg_card_rates(&c, -.5f, &fmr, &fnmr), 0);
    assert_true(fabs(fmr - 1e-2) < 1e-9 && fabs(fnmr - .001) < 1e-9);
    assert_int_equal(fg_card_rates(&c, .99f, &fmr, &fnmr), 0);
    assert_true(fmr < 1.01e-6 && fmr >= 0 && fabs(fnmr - .3) < 1e-9);
    assert_int_equal(fg_card_rates(&c, .6f, &fmr, &fnmr), 0);
    assert_true(fmr < 1e-5 && fmr > 1e-6 && fabs(fnmr - .175) < 1e-6);
}

static void test_shipped_cards(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        enum fg_card_kind kind;
        uint32_t side;
    } shipped[] = {{"models/blazeface.card", FG_CARD_DETECTOR, 128},
                   {"models/onet.card", FG_CARD_LANDMARKS, 48},
                   {"models/mobilefacenet.card", FG_CARD_EMBEDDER, 112}};
    for (int i = 0; i < 3; i++) {
        struct fg_card c;
        struct fg_error err = {""};
        if (fg_card_read(shipped[i].path, &c, &err) < 0)
            fail_msg("%s", err.text);
        assert_int_equal(c.kind, shipped[i].kind);
        assert_int_equal(c.width, shipped[i].side);
        assert_int_equal(c.height, shipped[i].side);
        assert_true(strncmp(c.path, "models/", 7) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_card),          cmocka_unit_test(test_variants),
        cmocka_unit_test(test_missing_lines),        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_calibration_refusals), cmocka_unit_test(test_too_many_points),
        cmocka_unit_test(test_missing_file),         cmocka_unit_test(test_id),
        cmocka_unit_test(test_score_for_fmr),        cmocka_unit_test(test_beyond_the_table),
        cmocka_unit_test(test_scores_fall_with_fmr), cmocka_unit_test(test_rates_are_clamped),
        cmocka_unit_test(test_shipped_cards),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
