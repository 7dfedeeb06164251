// SPDX-License-Identifier: Apache-2.0
// Model cards: what they say, what is refused, the model's id, scores for error rates, and cards
// against the model files that they describe.
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

#include "accel/digest.h"
#include "accel/model.h"
#include "common/card.h"
#include "pipeline/align.h"
#include "pipeline/detect.h"
#include "pipeline/embed.h"
#include "tests/reference.h"
#include "tests/scratch_file.h"
#include "tests/tflite_builder.h"

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
    refused("[embedder]", "[embeder]", ":16: unknown section [embeder]");
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

// ---- cards against model files -----------------------------------------------------------------

// Opens what the card's kind says, and closes it. 0 or negative errno.
static int open_by_kind(const struct fg_card *card, struct fg_error *err)
{
    static const struct fg_accel_options xnnpack = {.engine = "xnnpack"};
    struct fg_detector *detector = NULL;
    struct fg_aligner *aligner = NULL;
    struct fg_embedder *embedder = NULL;
    *err = (struct fg_error){""};
    int code = card->kind == FG_CARD_DETECTOR
                   ? fg_detector_open(card, &xnnpack, NULL, &detector, err)
               : card->kind == FG_CARD_LANDMARKS ? fg_aligner_open(card, &xnnpack, &aligner, err)
                                                 : fg_embedder_open(card, &xnnpack, &embedder, err);
    assert_true(code < 0 || detector || aligner || embedder);
    assert_true(code == 0 || (!detector && !aligner && !embedder));
    fg_detector_close(detector);
    fg_aligner_close(aligner);
    fg_embedder_close(embedder);
    return code;
}

static void opens(const struct fg_card *card)
{
    struct fg_error err;
    if (open_by_kind(card, &err) != 0)
        fail_msg("%s", err.text);
}

static void does_not_open(const struct fg_card *card, int code, const char *what)
{
    struct fg_error err;
    int got = open_by_kind(card, &err);
    if (got != code || !strstr(err.text, what) || strchr(err.text, '\n'))
        fail_msg("%d \"%s\" is not %d with \"%s\"", got, err.text, code, what);
}

// Every kind of card on every file: only its own opens, the others say what to correct.
static void test_every_kind_on_every_file(void **state)
{
    (void)state;
    static const struct {
        const char *card;
        const char *refusals[4]; // as short-range and full-range detector, landmarks, embedder
    } files[] = {
        {"blazeface",
         {NULL, "with full-range anchors: no outputs [1,1024,16]", "not an O-Net",
          "it has 2 outputs, an embedder has one; correct kind"}},
        {"blazeface-full",
         {"with short-range anchors: no outputs [1,2016,16]", NULL, "not an O-Net",
          "it has 2 outputs, an embedder has one; correct kind"}},
        {"onet",
         {"not a BlazeFace detector", "not a BlazeFace detector", NULL,
          "it has 3 outputs, an embedder has one; correct kind"}},
        {"mobilefacenet",
         {"not a BlazeFace detector", "correct kind or anchors in the card",
          "not an O-Net: no outputs of 2 and of 10 values; correct kind in the card", NULL}},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char name[80];
        struct fg_card card;
        struct fg_error err = {""};
        snprintf(name, sizeof name, "models/%s.card", files[i].card);
        if (fg_card_read(name, &card, &err) < 0 || access(card.path, R_OK) < 0)
            skip(); // `make setup` fetches the files
        opens(&card);
        card.project = 0; // has its own test
        for (int k = 0; k < 4; k++) {
            card.kind = k < 2 ? FG_CARD_DETECTOR : k == 2 ? FG_CARD_LANDMARKS : FG_CARD_EMBEDDER;
            card.full_range = k == 1;
            if (files[i].refusals[k])
                does_not_open(&card, -EINVAL, files[i].refusals[k]);
            else
                opens(&card);
        }
    }
}

// A network that nobody trained: 160x160 to 128 values.
static struct fg_card made_embedder(struct tb *tb)
{
    static float weights[128 * 300];
    struct fg_card card = {.kind = FG_CARD_EMBEDDER,
                           .name = "made",
                           .width = 160,
                           .height = 160,
                           .mean = 127.5f,
                           .scale = 128,
                           .dimension = 128};
    reference_fill(weights, sizeof weights / sizeof *weights, 3);
    tb_init(tb);
    int in = tb_computed(tb, "picture", "1x160x160x3"), pool = tb_computed(tb, "p", "1x10x10x3");
    int w = tb_constant(tb, "w", TB_FLOAT32, "128x300", weights);
    int out = tb_computed(tb, "vector", "1x128");
    tb_options(tb_op(tb, TB_MAX_POOL, pool, (int[]){in, -2}), 5, "biiii",
               (int32_t[]){1, 16, 16, 16, 16});
    tb_options(tb_op(tb, TB_FULLY_CONNECTED, out, (int[]){pool, w, -1, -2}), 8, "b",
               (int32_t[]){0});
    tb_input(tb, in);
    tb_output(tb, out);
    return card;
}

// Finishes the file and the card for it.
static void write_model(struct tb *tb, struct fg_card *card)
{
    tb_finish(tb);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(tb->bytes, 1, tb->length, f), tb->length);
    assert_int_equal(fclose(f), 0);
    snprintf(card->path, sizeof card->path, "%s", path);
    fg_digest(tb->bytes, tb->length, card->sha256);
}

static void test_an_embedder_of_another_size(void **state)
{
    (void)state;
    struct tb tb;
    struct fg_embedder *e = NULL;
    struct fg_error err = {""};
    struct fg_card card = made_embedder(&tb);
    write_model(&tb, &card);
    if (fg_embedder_open(&card, NULL, &e, &err) < 0)
        fail_msg("%s", err.text);
    static uint8_t grey[200 * 200];
    for (size_t i = 0; i < sizeof grey; i++)
        grey[i] = (uint8_t)(i * 7 % 251);
    const struct fg_frame frame = {.fourcc = FG_FOURCC_GREY,
                                   .width = 200,
                                   .height = 200,
                                   .n_planes = 1,
                                   .planes = {{grey, 200, sizeof grey, -1, 0}}};
    const struct fg_landmarks landmarks = {
        .points = {{80, 90}, {120, 90}, {100, 110}, {85, 130}, {115, 130}}, .score = 1};
    struct fg_affine map;
    assert_int_equal(fg_align_map(&landmarks, card.width, &map), 0);
    const float *crop = NULL;
    assert_int_equal(fg_embed_crop(e, &frame, &map, &crop), 0);
    assert_non_null(crop);
    float vector[128], norm = 0;
    double square = 0;
    assert_int_equal(fg_embed_run(e, true, vector, &norm), 0);
    for (int i = 0; i < 128; i++)
        square += (double)vector[i] * vector[i];
    assert_true(norm > 0 && fabs(square - 1) < 1e-5);
    fg_embedder_close(e);
    tb_free(&tb);
}

static void test_cards_that_do_not_fit_their_file(void **state)
{
    (void)state;
    struct tb tb;
    struct fg_card card = made_embedder(&tb);
    write_model(&tb, &card);
    opens(&card);
    const struct fg_card fits = card;
    card.width = 112;
    does_not_open(&card, -EINVAL, "its input is 112x160; an aligned face is square");
    card.height = 112;
    does_not_open(&card, -EINVAL,
                  "the input is 1x160x160x3, the card says 1x112x112x3; correct width and height");
    card = fits;
    card.dimension = 192;
    does_not_open(&card, -EINVAL,
                  "the output has 128 values, the card says 192; correct dimension");
    card = fits;
    card.sha256[0] ^= 1;
    does_not_open(&card, -EBADMSG, "correct the card if the change is meant");
    card = fits;
    card.kind = FG_CARD_DETECTOR;
    does_not_open(&card, -EINVAL, "not a BlazeFace detector");
    card.height = 80;
    does_not_open(&card, -EINVAL, "its input is 160x80; a detector looks at squares");
    card.kind = FG_CARD_LANDMARKS;
    does_not_open(&card, -EINVAL, "its input is 160x80; landmarks are found in squares");
    card = fits;
    card.project = 2;
    does_not_open(&card, -EINVAL, "projection");
    tb_free(&tb);
}

static void test_files_that_take_no_picture(void **state)
{
    (void)state;
    static const char *const shapes[] = {"1x76800", "1x160x160x1"};
    for (int i = 0; i < 2; i++) {
        struct tb tb;
        struct fg_card card = {.kind = FG_CARD_EMBEDDER, .width = 160, .height = 160, .scale = 1};
        tb_init(&tb);
        int in = tb_computed(&tb, "in", shapes[i]), out = tb_computed(&tb, "out", shapes[i]);
        tb_op(&tb, TB_RELU, out, (int[]){in, -2});
        tb_input(&tb, in);
        tb_output(&tb, out);
        write_model(&tb, &card);
        char what[80];
        snprintf(what, sizeof what, "the input is %s; one colour picture", shapes[i]);
        does_not_open(&card, -EINVAL, what);
        tb_free(&tb);
    }
}

// int8 is fine inside a network; pictures and vectors are float32.
static void test_quantised_ends(void **state)
{
    (void)state;
    struct tb tb;
    struct fg_card card = made_embedder(&tb);
    for (int k = 0; k < 2; k++) { // the picture and its pool
        tb.tensors[k ? tb.ops[0].output : tb.inputs[0]].type = TB_INT8;
        tb.tensors[k ? tb.ops[0].output : tb.inputs[0]].scale = 0.5f;
    }
    tb.outputs[0] = tb.ops[0].output;
    tb.n_ops = 1;
    write_model(&tb, &card);
    does_not_open(&card, -ENOTSUP, "float32");
    tb_free(&tb);
}

static void test_no_calibration(void **state)
{
    (void)state;
    struct fg_card card = accepted(NULL, NULL);
    struct fg_error err = {""};
    float score;
    card.n_points = 0;
    assert_int_equal(fg_card_score_for_fmr(&card, 1e-3, &score, &err), -ENODATA);
    assert_ptr_equal(strstr(err.text, path), err.text); // the card
    assert_non_null(strstr(err.text, "model tiny has no calibration; measure one with facegate "
                                     "eval --calibrate CARD FOLDER"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_card),
        cmocka_unit_test(test_variants),
        cmocka_unit_test(test_missing_lines),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_calibration_refusals),
        cmocka_unit_test(test_too_many_points),
        cmocka_unit_test(test_missing_file),
        cmocka_unit_test(test_id),
        cmocka_unit_test(test_score_for_fmr),
        cmocka_unit_test(test_beyond_the_table),
        cmocka_unit_test(test_scores_fall_with_fmr),
        cmocka_unit_test(test_rates_are_clamped),
        cmocka_unit_test(test_shipped_cards),
        cmocka_unit_test(test_no_calibration),
        cmocka_unit_test(test_every_kind_on_every_file),
        cmocka_unit_test(test_an_embedder_of_another_size),
        cmocka_unit_test(test_cards_that_do_not_fit_their_file),
        cmocka_unit_test(test_files_that_take_no_picture),
        cmocka_unit_test(test_quantised_ends),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
