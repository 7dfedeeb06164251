// SPDX-License-Identifier: Apache-2.0
// The similarity and the map to the template on made points; landmarks on photographs.
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/align.h"
#include "tests/canvas.h"

static const struct fg_accel_options accel = {0};
static struct fg_aligner *aligner; // NULL: no models

static int read_card(const char *name, struct fg_card *card)
{
    struct fg_error err;
    char path[400];
    snprintf(path, sizeof path, "%s/%s.card", models_folder(), name);
    return fg_card_read(path, card, &err);
}

static int set_up(void **state)
{
    (void)state;
    struct fg_card card;
    struct fg_error err;
    if (models_absent())
        return 0;
    return read_card("onet", &card) < 0 ? -1 : fg_aligner_open(&card, &accel, &aligner, &err);
}

static int tear_down(void **state)
{
    (void)state;
    fg_aligner_close(aligner);
    return 0;
}

// The published ArcFace template, 112 x 112, pixel centres.
static const float template_points[5][2] = {{38.2946f, 51.6963f},
                                            {73.5318f, 51.5014f},
                                            {56.0252f, 71.7366f},
                                            {41.5493f, 92.3655f},
                                            {70.7299f, 92.2041f}};

static void apply(const struct fg_affine *map, double x, double y, double ret[2])
{
    ret[0] = map->m[0] * x + map->m[1] * y + map->m[2];
    ret[1] = map->m[3] * x + map->m[4] * y + map->m[5];
}

static struct fg_affine similarity(double scale, double angle, double x, double y)
{
    const double a = scale * cos(angle), b = scale * sin(angle);
    return (struct fg_affine){{a, -b, x, b, a, y}};
}

static void test_similarity_exact(void **state)
{
    (void)state;
    for (int i = 0; i < 60; i++) {
        const struct fg_affine truth =
            similarity(.1 + i * .3, i * .7, i * 31 - 400., 200 - i * 17.);
        float to[5][2];
        struct fg_affine got;
        for (int k = 0; k < 5; k++) {
            double p[2];
            apply(&truth, template_points[k][0], template_points[k][1], p);
            to[k][0] = (float)p[0];
            to[k][1] = (float)p[1];
        }
        const unsigned count = 2 + (unsigned)i % 4; // two points are enough
        assert_int_equal(fg_similarity(template_points, to, count, &got), 0);
        assert_true(got.m[0] == got.m[4] && got.m[1] == -got.m[3]);
        for (int k = 0; k < 5; k++) {
            double p[2];
            apply(&got, template_points[k][0], template_points[k][1], p);
            assert_true(hypot(p[0] - to[k][0], p[1] - to[k][1]) < 2e-3);
        }
    }
}

static double squared_error(const struct fg_affine *map, const float (*from)[2],
                            const float (*to)[2])
{
    double sum = 0;
    for (int k = 0; k < 5; k++) {
        double p[2];
        apply(map, from[k][0], from[k][1], p);
        sum += pow(p[0] - to[k][0], 2) + pow(p[1] - to[k][1], 2);
    }
    return sum;
}

// On points that no similarity fits, no other one near it has a smaller error.
static void test_similarity_least_squares(void **state)
{
    (void)state;
    static const float to[5][2] = {{100, 120}, {180, 110}, {150, 170}, {95, 205}, {170, 220}};
    struct fg_affine best;
    assert_int_equal(fg_similarity(template_points, to, 5, &best), 0);
    const double least = squared_error(&best, template_points, to);
    assert_true(least > 1);
    const double steps[4] = {1e-3, 1e-3, .1, .1};
    for (int k = 0; k < 4; k++) {
        for (int sign = -1; sign <= 1; sign += 2) {
            struct fg_affine other = best;
            const double d = sign * steps[k];
            if (k == 0)
                other.m[0] = other.m[4] += d;
            else if (k == 1)
                other.m[1] = -(other.m[3] += d);
            else
                other.m[k == 2 ? 2 : 5] += d;
            assert_true(squared_error(&other, template_points, to) > least);
        }
    }
}

static void test_similarity_refused(void **state)
{
    (void)state;
    static const float same[5][2] = {{3, 4}, {3, 4}, {3, 4}, {3, 4}, {3, 4}};
    float bad[5][2];
    struct fg_affine map = {{7}};
    assert_int_equal(fg_similarity(same, template_points, 5, &map), -EINVAL);
    assert_int_equal(fg_similarity(template_points, template_points, 1, &map), -EINVAL);
    assert_int_equal(fg_similarity(template_points, template_points, 0, &map), -EINVAL);
    for (int i = 0; i < 2; i++) {
        memcpy(bad, template_points, sizeof bad);
        bad[2][1] = i ? NAN : INFINITY;
        assert_int_equal(fg_similarity((const float(*)[2])bad, template_points, 5, &map), -EINVAL);
        assert_int_equal(fg_similarity(template_points, (const float(*)[2])bad, 5, &map), -EINVAL);
    }
    assert_true(map.m[0] == 7);
    struct fg_landmarks landmarks = {.score = 1};
    assert_int_equal(fg_align_map(&landmarks, 112, &map), -EINVAL);
    assert_true(map.m[0] == 7);
}

// Landmarks that are the template moved: the map takes each template point back to its landmark.
static void test_map_is_the_inverse(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {112, 56, 224, 128};
    for (int s = 0; s < 4; s++) {
        for (int i = 0; i < 20; i++) {
            const struct fg_affine truth =
                similarity(.3 + i * .2, i * .5 - 3, 500 - i * 9., i * 40.);
            struct fg_landmarks landmarks = {.score = 1};
            struct fg_affine map;
            for (int k = 0; k < 5; k++) {
                double p[2];
                apply(&truth, template_points[k][0], template_points[k][1], p);
                landmarks.points[k][0] = (float)p[0];
                landmarks.points[k][1] = (float)p[1];
            }
            assert_int_equal(fg_align_map(&landmarks, sizes[s], &map), 0);
            const double gain = sizes[s] / 112.;
            for (int k = 0; k < 5; k++) {
                double p[2]; // the template scaled about pixel edges
                apply(&map, (template_points[k][0] + .5) * gain - .5,
                      (template_points[k][1] + .5) * gain - .5, p);
                assert_true(hypot(p[0] - landmarks.points[k][0], p[1] - landmarks.points[k][1]) <
                            5e-3);
            }
        }
    }
}

static struct fg_landmarks landmarks_of(const struct fg_frame *frame, const struct fg_face *face)
{
    struct fg_landmarks l;
    assert_int_equal(fg_align_landmarks(aligner, frame, face, &l), 0);
    return l;
}

// A face as the detector gives it, with its eyes on a line of `roll` radians.
static struct fg_face face_at(double x, double y, double width, double roll)
{
    struct fg_face f = {
        .x = (float)x, .y = (float)y, .width = (float)width, .height = (float)width};
    for (int side = -1; side <= 1; side += 2) {
        float *eye = f.points[side < 0 ? FG_POINT_RIGHT_EYE : FG_POINT_LEFT_EYE];
        eye[0] = (float)(x + side * .2 * width * cos(roll));
        eye[1] = (float)(y + side * .2 * width * sin(roll) - .15 * width);
    }
    return f;
}

static void test_landmarks_on_photographs(void **state)
{
    (void)state;
    if (!aligner)
        skip();
    int good = 0;
    for (size_t i = 0; i < N_KNOWN_FACES; i++) {
        const struct known_face *k = &known_faces[i];
        struct fg_image photo = sample_load(k->sample);
        const struct fg_face face = face_at(k->x, k->y, k->width, 0);
        const struct fg_landmarks l = landmarks_of(&photo.frame, &face);
        const float(*p)[2] = l.points;
        good += l.score > .9f && p[0][0] < p[1][0] && p[3][0] < p[4][0] && p[0][1] < p[3][1] &&
                p[1][1] < p[4][1] && fabsf(p[2][0] - k->x) < .5f * k->width;
        fg_image_finish(&photo);
    }
    assert_in_range(good, 19, 22); // upright crops; the real ones follow the eyes' line
}

// A turned picture gives turned landmarks, a mirrored one mirrored ones.
static void test_landmarks_follow_the_picture(void **state)
{
    (void)state;
    if (!aligner)
        skip();
    struct fg_image photo = sample_load(6);
    const struct known_face *k = &known_faces[20];
    const struct fg_sample_form form = {400, 400, 0, 1, false, false};
    float *pixels = malloc(400 * 400 * 3 * sizeof *pixels);
    struct canvas c = canvas_create(400, 400, 0);
    assert_non_null(pixels);
    struct fg_landmarks upright = {.score = 0};
    for (int i = 0; i < 4; i++) { // 0: as it is, 1 and 2: turned, 3: mirrored
        const double angle = i == 1 ? .5 : i == 2 ? -.7 : 0, flip = i == 3 ? -1 : 1;
        const double co = cos(angle) * k->width / 160, si = sin(angle) * k->width / 160;
        const struct fg_affine map = {{flip * co, -si, k->x - (flip * co - si) * 199.5, flip * si,
                                       co, k->y - (flip * si + co) * 199.5}};
        assert_int_equal(fg_sample_affine(&photo.frame, &map, &form, pixels), 0);
        for (int n = 0; n < 400 * 400 * 3; n++)
            c.rgb[n] = (uint8_t)(pixels[n] + .5f);
        const struct fg_face face = face_at(200, 200, 160, -angle);
        const struct fg_landmarks l = landmarks_of(&c.frame, &face);
        assert_true(l.score > .9f);
        for (int n = 0; n < 5; n++) { // in the photograph: the same points
            static const int other[5] = {1, 0, 2, 4, 3};
            double p[2], q[2] = {0, 0};
            apply(&map, l.points[n][0], l.points[n][1], p);
            if (i == 0) {
                upright.points[n][0] = (float)p[0];
                upright.points[n][1] = (float)p[1];
            }
            const int m = i == 3 ? other[n] : n;
            q[0] = upright.points[m][0];
            q[1] = upright.points[m][1];
            if (i > 0 && hypot(p[0] - q[0], p[1] - q[1]) > .06 * k->width)
                fail_msg("case %d point %d: %g,%g not %g,%g", i, n, p[0], p[1], q[0], q[1]);
        }
    }
    free(pixels);
    canvas_destroy(&c);
    fg_image_finish(&photo);
}

static void test_what_is_no_face(void **state)
{
    (void)state;
    if (!aligner)
        skip();
    struct canvas c = canvas_create(300, 300, 128);
    struct fg_face face = face_at(150, 150, 100, 0);
    assert_true(landmarks_of(&c.frame, &face).score < .5f);
    uint32_t noise = 1;
    for (int i = 0; i < 300 * 300 * 3; i++)
        c.rgb[i] = (uint8_t)((noise = noise * 1664525u + 1013904223u) >> 24);
    assert_true(landmarks_of(&c.frame, &face).score < .5f);
    face.x = NAN; // nothing to see, and nothing broken
    assert_true(landmarks_of(&c.frame, &face).score < .5f);
    canvas_destroy(&c);
}

static void test_wrong_card(void **state)
{
    (void)state;
    if (!aligner)
        skip();
    struct fg_card card;
    struct fg_aligner *a = NULL;
    struct fg_error err = {""};
    assert_int_equal(read_card("blazeface", &card), 0);
    assert_int_equal(fg_aligner_open(&card, &accel, &a, &err), -EINVAL);
    assert_non_null(strstr(err.text, "does not find landmarks"));
    card.kind = FG_CARD_LANDMARKS;
    assert_int_equal(fg_aligner_open(&card, &accel, &a, &err), -EINVAL);
    assert_non_null(strstr(err.text, "not an O-Net"));
    assert_null(a);
    fg_aligner_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_similarity_exact),
        cmocka_unit_test(test_similarity_least_squares),
        cmocka_unit_test(test_similarity_refused),
        cmocka_unit_test(test_map_is_the_inverse),
        cmocka_unit_test(test_landmarks_on_photographs),
        cmocka_unit_test(test_landmarks_follow_the_picture),
        cmocka_unit_test(test_what_is_no_face),
        cmocka_unit_test(test_wrong_card),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
