// SPDX-License-Identifier: Apache-2.0
// Quality: each measure moves the right way, each reason can be reached.
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/quality.h"
#include "tests/seeing.h"

// A face looking straight ahead, `eyes` pixels between the eyes, the nose shifted by `turn` of it.
static struct fg_landmarks made(float x, float y, float eyes, float turn, float roll)
{
    static const float shape[5][2] = {{-.5f, 0}, {.5f, 0}, {0, .55f}, {-.4f, 1.1f}, {.4f, 1.1f}};
    struct fg_landmarks l = {.score = .95f};
    for (int i = 0; i < 5; i++) {
        float u = (shape[i][0] + (i == 2 ? turn : 0)) * eyes, v = shape[i][1] * eyes;
        l.points[i][0] = x + u * cosf(roll) - v * sinf(roll);
        l.points[i][1] = y + u * sinf(roll) + v * cosf(roll);
    }
    return l;
}

static struct fg_quality geometry(struct fg_landmarks l)
{
    struct fg_quality q = {.pitch = 99};
    fg_quality_geometry(&l, &q);
    return q;
}

static bool near(float a, float b, float tolerance)
{
    return fabsf(a - b) <= tolerance;
}

static void test_geometry(void **state)
{
    (void)state;
    struct fg_quality q = geometry(made(100, 100, 40, 0, 0));
    assert_true(near(q.eye_distance, 40, 1e-3f));
    assert_true(near(q.yaw, 0, 1e-3f) && near(q.roll, 0, 1e-3f) && q.pitch == 0);
    assert_true(q.face_score == .95f);
    float before = 0;
    for (float turn = .05f; turn < 1; turn += .05f) {
        const float yaw = geometry(made(100, 100, 40, turn, 0)).yaw;
        assert_true(yaw > before && yaw < 90); // to the image's right: positive
        before = yaw;
        assert_true(near(geometry(made(100, 100, 40, -turn, 0)).yaw, -yaw, 1e-3f)); // the mirror
        assert_true(near(geometry(made(7, 300, 90, turn, 0)).yaw, yaw, .01f));      // at any size
        assert_true(near(geometry(made(100, 100, 40, turn, .6f)).yaw, yaw, .01f));  // at any roll
    }
    // arctangent of the shift over half an eye distance of depth
    assert_true(near(geometry(made(100, 100, 40, .5f, 0)).yaw, 45, .01f));
    for (float roll = -1.5f; roll < 1.5f; roll += .1f)
        assert_true(near(geometry(made(0, 0, 40, .2f, roll)).roll, roll * 57.29578f, .01f));
    struct fg_landmarks point = {.score = 1}; // all in one place
    q = geometry(point);
    assert_true(q.eye_distance == 0 && q.yaw == 0 && q.roll == 0);
}

enum { SIDE = 64 };

struct picture {
    struct fg_sample_form form;
    float pixels[SIDE * SIDE * 3];
};

// A texture of grey around `mean`, `swing` up and down.
static struct picture texture(float mean, float swing)
{
    struct picture p = {.form = {SIDE, SIDE, 127.5f, 128, false, false}};
    uint32_t noise = 12345;
    for (int i = 0; i < SIDE * SIDE; i++) {
        noise = noise * 1664525u + 1013904223u;
        const float v = mean + swing * ((float)(noise >> 8) / 8388608.f - 1);
        for (int c = 0; c < 3; c++)
            p.pixels[i * 3 + c] = (v - p.form.mean) / p.form.scale;
    }
    return p;
}

static struct picture blurred(const struct picture *p)
{
    struct picture b = *p;
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE * 3; x++) {
            float sum = 0;
            for (int j = -1; j <= 1; j++)
                for (int i = -3; i <= 3; i += 3) {
                    const int yy = (y + j + SIDE) % SIDE, xx = (x + i + SIDE * 3) % (SIDE * 3);
                    sum += p->pixels[yy * SIDE * 3 + xx];
                }
            b.pixels[y * SIDE * 3 + x] = sum / 9;
        }
    return b;
}

static struct fg_quality picture(const struct picture *p)
{
    struct fg_quality q = {0};
    fg_quality_picture(p->pixels, &p->form, &q);
    return q;
}

static void test_light(void **state)
{
    (void)state;
    for (float mean = 20; mean <= 230; mean += 30) {
        const struct picture p = texture(mean, 12);
        const struct fg_quality q = picture(&p);
        assert_true(near(q.luminance, mean, 1));
        assert_true(near(q.contrast, 12 / sqrtf(3), .6f)); // of a uniform distribution
    }
    const struct picture flat = texture(90, 0);
    const struct fg_quality q = picture(&flat);
    assert_true(near(q.luminance, 90, .01f) && near(q.contrast, 0, .05f) && q.sharpness < 1e-3f);
}

static void test_sharpness(void **state)
{
    (void)state;
    struct picture p = texture(120, 60);
    const struct fg_quality sharp = picture(&p);
    const struct picture low = texture(120, 30);
    assert_true(near(picture(&low).sharpness, sharp.sharpness, .02f * sharp.sharpness));
    float before = sharp.sharpness;
    for (int i = 0; i < 4; i++) {
        p = blurred(&p);
        const float now = picture(&p).sharpness;
        assert_true(now < .8f * before && now > 0);
        before = now;
    }
}

static void test_colour_order_and_scale(void **state)
{
    (void)state;
    struct picture rgb = {.form = {SIDE, SIDE, 0, 1, false, false}}, bgr;
    for (int i = 0; i < SIDE * SIDE; i++) {
        rgb.pixels[i * 3] = 200;
        rgb.pixels[i * 3 + 1] = (float)(i % 7) * 10;
        rgb.pixels[i * 3 + 2] = 30;
    }
    const struct fg_quality q = picture(&rgb);
    bgr = rgb;
    bgr.form = (struct fg_sample_form){SIDE, SIDE, 100, 50, true, false};
    for (int i = 0; i < SIDE * SIDE; i++)
        for (int c = 0; c < 3; c++)
            bgr.pixels[i * 3 + c] = (rgb.pixels[i * 3 + 2 - c] - 100) / 50;
    const struct fg_quality r = picture(&bgr);
    assert_true(near(q.luminance, .299f * 200 + .587f * 30 + .114f * 30, .6f));
    assert_true(near(r.luminance, q.luminance, .01f) && near(r.contrast, q.contrast, .01f) &&
                near(r.sharpness, q.sharpness, 1e-4f));
}

static const struct fg_quality fine = {.eye_distance = 60,
                                       .sharpness = .02f,
                                       .luminance = 128,
                                       .contrast = 40,
                                       .face_score = .99f,
                                       .norm = 80};

static enum fg_reason reason(struct fg_quality q)
{
    const struct fg_landmarks l = made(320, 200, 60, 0, 0);
    const struct fg_frame frame = {.width = 640, .height = 480};
    return fg_quality_reason(&q, &l, &frame, &fg_quality_gate);
}

static void test_each_reason(void **state)
{
    (void)state;
    struct fg_quality q = fine;
    assert_int_equal(reason(q), FG_REASON_NONE);
    q.eye_distance = fg_quality_gate.eye_distance - 1;
    assert_int_equal(reason(q), FG_REASON_TOO_SMALL);
    q = fine;
    q.luminance = fg_quality_gate.dark - 1;
    assert_int_equal(reason(q), FG_REASON_TOO_DARK);
    q.luminance = fg_quality_gate.bright + 1;
    assert_int_equal(reason(q), FG_REASON_TOO_BRIGHT);
    q = fine;
    q.sharpness = fg_quality_gate.sharpness / 2;
    assert_int_equal(reason(q), FG_REASON_BLURRED);
    q = fine;
    q.yaw = fg_quality_gate.yaw + 1;
    assert_int_equal(reason(q), FG_REASON_POSE);
    q.yaw = -q.yaw;
    assert_int_equal(reason(q), FG_REASON_POSE);
    q = fine;
    q.face_score = fg_quality_gate.face_score - .1f;
    assert_int_equal(reason(q), FG_REASON_OCCLUDED);
    // just at each limit it is good
    q = (struct fg_quality){.eye_distance = fg_quality_gate.eye_distance,
                            .yaw = fg_quality_gate.yaw,
                            .luminance = fg_quality_gate.dark,
                            .sharpness = fg_quality_gate.sharpness,
                            .face_score = fg_quality_gate.face_score};
    assert_int_equal(reason(q), FG_REASON_NONE);
}

static void test_cut_off(void **state)
{
    (void)state;
    const struct fg_frame frame = {.width = 640, .height = 480};
    static const float places[][2] = {{20, 200}, {620, 200}, {320, -3}, {320, 450}, {NAN, 200}};
    for (int i = 0; i < 5; i++) {
        const struct fg_landmarks l = made(places[i][0], places[i][1], 60, 0, 0);
        assert_int_equal(fg_quality_reason(&fine, &l, &frame, &fg_quality_gate), FG_REASON_CUT_OFF);
    }
    const struct fg_landmarks l = made(31, 1, 60, 0, 0);
    assert_int_equal(fg_quality_reason(&fine, &l, &frame, &fg_quality_gate), FG_REASON_NONE);
}

static float unified(struct fg_quality q)
{
    fg_quality_unify(&q, 51);
    assert_true(q.unified >= 0 && q.unified <= 1);
    return q.unified;
}

static void test_unified(void **state)
{
    (void)state;
    assert_true(near(unified(fine), 1, 1e-6f));
    // worse in one measure: never better, and in the end clearly worse
    static const struct {
        size_t at;
        float from, to;
    } ways[] = {
        {offsetof(struct fg_quality, eye_distance), 60, 5},
        {offsetof(struct fg_quality, yaw), 0, 80},
        {offsetof(struct fg_quality, yaw), 0, -80},
        {offsetof(struct fg_quality, sharpness), .02f, 0},
        {offsetof(struct fg_quality, luminance), 128, 5},
        {offsetof(struct fg_quality, luminance), 128, 255},
        {offsetof(struct fg_quality, contrast), 40, 0},
        {offsetof(struct fg_quality, face_score), 1, 0},
        {offsetof(struct fg_quality, norm), 80, 10},
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        float before = 1;
        for (int step = 0; step <= 40; step++) {
            struct fg_quality q = fine;
            const float v = ways[i].from + (ways[i].to - ways[i].from) * (float)step / 40;
            memcpy((char *)&q + ways[i].at, &v, sizeof v);
            const float now = unified(q);
            assert_true(now <= before + 1e-6f);
            before = now;
        }
        assert_true(before < .35f);
    }
    struct fg_quality q = fine; // a model without a least norm
    q.norm = 1;
    fg_quality_unify(&q, 0);
    assert_true(near(q.unified, 1, 1e-6f));
}

// ---- a real face -------------------------------------------------------------------------------

static struct fg_shot shoot(const struct canvas *c, const struct fg_face *face,
                            const struct fg_quality_limits *limits)
{
    struct fg_shot shot = {.reason = FG_REASON_NO_FACE};
    assert_int_equal(fg_vision_shot(vision, &c->frame, face, limits, false, &shot), 0);
    return shot;
}

static void light(struct canvas *to, const struct canvas *from, float gain, float base)
{
    for (size_t i = 0; i < (size_t)from->frame.width * from->frame.height * 3; i++)
        to->rgb[i] = (uint8_t)fminf(255, fmaxf(0, from->rgb[i] * gain + base));
}

static void test_a_photograph(void **state)
{
    (void)state;
    if (!vision)
        skip();
    struct fg_image photo = sample_load(6);
    const struct known_face *k = &known_faces[18];
    struct canvas c = canvas_create(480, 480, 100), d = canvas_create(480, 480, 100);
    canvas_face(&c, &photo.frame, k, 240, 240, 200);
    struct fg_face face;
    assert_int_equal(fg_detect_still(fg_vision_detector(vision), &c.frame, 60, &face, 1), 1);
    const struct fg_shot plain = shoot(&c, &face, &fg_quality_gate);
    assert_int_equal(plain.reason, FG_REASON_NONE);
    assert_int_equal(plain.dimension, 64);
    assert_true(plain.quality.unified > .5f && plain.quality.norm > 40);
    double square = 0;
    for (unsigned i = 0; i < plain.dimension; i++)
        square += (double)plain.vector[i] * plain.vector[i];
    assert_true(fabs(square - 1) < 1e-4);

    light(&d, &c, .08f, 0);
    assert_int_equal(shoot(&d, &face, &fg_quality_gate).reason, FG_REASON_TOO_DARK);
    light(&d, &c, .12f, 224);
    assert_int_equal(shoot(&d, &face, &fg_quality_gate).reason, FG_REASON_TOO_BRIGHT);
    light(&d, &c, .7f, 30); // still good, and as sharp
    const struct fg_shot pale = shoot(&d, &face, &fg_quality_gate);
    assert_int_equal(pale.reason, FG_REASON_NONE);
    assert_true(
        near(pale.quality.sharpness, plain.quality.sharpness, .4f * plain.quality.sharpness));
    assert_true(pale.quality.contrast < plain.quality.contrast);

    struct canvas tiny = canvas_create(48, 48, 0); // a blur: shrunk, then enlarged again
    const double whole[4] = {0, 0, 480, 480}, small[4] = {0, 0, 48, 48};
    canvas_paste(&tiny, &c.frame, whole, 0, 0, 48, 48);
    canvas_paste(&d, &tiny.frame, small, 0, 0, 480, 480);
    const struct fg_shot soft = shoot(&d, &face, NULL);
    assert_int_equal(soft.reason, FG_REASON_NONE); // no limits: never refused
    assert_true(soft.quality.sharpness < .5f * plain.quality.sharpness);
    assert_true(soft.quality.unified < plain.quality.unified);
    canvas_destroy(&tiny);

    struct fg_quality_limits strict = fg_quality_gate;
    strict.eye_distance = 150;
    assert_int_equal(shoot(&c, &face, &strict).reason, FG_REASON_TOO_SMALL);
    strict = fg_quality_gate;
    strict.sharpness = 1;
    assert_int_equal(shoot(&c, &face, &strict).reason, FG_REASON_BLURRED);
    strict = fg_quality_gate;
    strict.yaw = .5f;
    assert_int_equal(shoot(&c, &face, &strict).reason, FG_REASON_POSE);
    canvas_fill(&d, 120);
    assert_int_equal(shoot(&d, &face, &fg_quality_gate).reason, FG_REASON_OCCLUDED);
    canvas_destroy(&c);
    canvas_destroy(&d);
    fg_image_finish(&photo);
}

static void test_a_cut_photograph(void **state)
{
    (void)state;
    if (!vision)
        skip();
    struct fg_image photo = sample_load(6);
    const struct known_face *k = &known_faces[18];
    struct canvas c = canvas_create(480, 480, 100);
    canvas_face(&c, &photo.frame, k, 15, 240, 200); // half of it is outside
    struct fg_face face = {15, 240, 200, 200, 1, {{-25, 200}, {55, 200}}};
    assert_int_equal(shoot(&c, &face, &fg_quality_gate).reason, FG_REASON_CUT_OFF);
    canvas_destroy(&c);
    fg_image_finish(&photo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_geometry),         cmocka_unit_test(test_light),
        cmocka_unit_test(test_sharpness),        cmocka_unit_test(test_colour_order_and_scale),
        cmocka_unit_test(test_each_reason),      cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_unified),          cmocka_unit_test(test_a_photograph),
        cmocka_unit_test(test_a_cut_photograph),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
