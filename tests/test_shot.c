// SPDX-License-Identifier: Apache-2.0
// When a track is shot: at once, then in a window around the interval, the most overdue first.
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/shot.h"
#include "tests/seeing.h"

#define MS 1000000ull

// Eyes `eyes` pixels apart, the nose shifted along their line by `turn` of that.
static struct fg_face made(float eyes, float turn, float roll)
{
    struct fg_face f = {.x = 300, .y = 200, .width = 2.45f * eyes, .height = 2.45f * eyes};
    const float c = eyes * cosf(roll), s = eyes * sinf(roll);
    f.points[FG_POINT_RIGHT_EYE][0] = 300 - c / 2;
    f.points[FG_POINT_RIGHT_EYE][1] = 200 - s / 2;
    f.points[FG_POINT_LEFT_EYE][0] = 300 + c / 2;
    f.points[FG_POINT_LEFT_EYE][1] = 200 + s / 2;
    f.points[FG_POINT_NOSE][0] = 300 + turn * c - .5f * s;
    f.points[FG_POINT_NOSE][1] = 200 + turn * s + .5f * c;
    return f;
}

static float promise(float eyes, float turn, float roll)
{
    const struct fg_face f = made(eyes, turn, roll);
    const float p = fg_face_promise(&f);
    assert_true(p >= 0 && p <= 1);
    return p;
}

static void test_promise(void **state)
{
    (void)state;
    assert_true(fabsf(promise(60, 0, 0) - 1) < 1e-4f);
    float before = 0;
    for (float eyes = 5; eyes <= 60; eyes += 5) { // larger is better
        assert_true(promise(eyes, 0, 0) > before);
        before = promise(eyes, 0, 0);
    }
    assert_true(fabsf(promise(400, 0, 0) - 1) < 1e-4f); // up to a point
    before = 1.001f;
    for (float turn = 0; turn < .9f; turn += .1f) { // nearer frontal is better, either way
        assert_true(promise(60, turn, 0) < before);
        before = promise(60, turn, 0);
        assert_true(fabsf(promise(60, -turn, 0) - before) < 1e-4f);
        assert_true(fabsf(promise(60, turn, 1) - before) < 1e-4f); // whatever the roll
    }
    assert_true(promise(60, 5, 0) > 0); // far turned is little, not nothing
    assert_true(promise(.5f, 0, 0) == 0);
    struct fg_face nothing = {0};
    assert_true(fg_face_promise(&nothing) == 0);
    nothing.points[FG_POINT_LEFT_EYE][0] = NAN;
    assert_true(fg_face_promise(&nothing) == 0);
}

static void on_lost(void *context, const struct fg_track *track)
{
    (void)context;
    (void)track;
}

// A tracker that has just seen `faces` faces side by side.
static struct fg_tracker *tracker_with(struct canvas *c, const struct fg_image *photo, int faces)
{
    const struct fg_tracker_options options = {.smallest = 60, .most_missed = 6};
    struct fg_tracker *tracker = NULL;
    *c = canvas_create(720, 480, 95);
    for (int i = 0; i < faces; i++)
        canvas_face(c, &photo->frame, &known_faces[18], 120 + 240 * i, 240, 120);
    c->frame.t_capture_ns = 5000 * MS;
    assert_int_equal(fg_tracker_create(fg_vision_detector(vision), &options, &tracker), 0);
    assert_int_equal(fg_tracker_step(tracker, &c->frame, on_lost, NULL), 0);
    assert_int_equal(fg_tracker_count(tracker), faces);
    return tracker;
}

static void test_the_window(void **state)
{
    (void)state;
    if (!vision)
        skip();
    struct fg_image photo = sample_load(6);
    struct canvas c;
    struct fg_tracker *tracker = tracker_with(&c, &photo, 1);
    struct fg_track *t = fg_tracker_at(tracker, 0);
    const struct fg_shot_plan plan = {.every_ns = 400 * MS, .per_frame = 2};
    const uint64_t start = 5000 * MS;
    unsigned due[FG_TRACKS_MAX] = {77};
    assert_int_equal(fg_shots_due(tracker, &plan, start, due), 1); // the first at once
    assert_int_equal(due[0], 0);
    fg_shot_taken(t, start);
    assert_true(t->t_shot_ns == start && t->shot_quality == fg_face_promise(&t->face));
    assert_int_equal(fg_shots_due(tracker, &plan, start, due), 0);
    // as good as at the last shot: from 3/4 of the interval on
    assert_int_equal(fg_shots_due(tracker, &plan, start + 299 * MS, due), 0);
    assert_int_equal(fg_shots_due(tracker, &plan, start + 301 * MS, due), 1);
    // worse than then: from 5/4 on
    t->shot_quality += .1f;
    assert_int_equal(fg_shots_due(tracker, &plan, start + 301 * MS, due), 0);
    assert_int_equal(fg_shots_due(tracker, &plan, start + 499 * MS, due), 0);
    assert_int_equal(fg_shots_due(tracker, &plan, start + 501 * MS, due), 1);
    // not seen in this frame: not shot, however overdue
    canvas_fill(&c, 95);
    c.frame.t_capture_ns = start + 600 * MS;
    assert_int_equal(fg_tracker_step(tracker, &c.frame, on_lost, NULL), 0);
    assert_int_equal(fg_tracker_at(tracker, 0)->missed, 1);
    assert_int_equal(fg_shots_due(tracker, &plan, start + 900 * MS, due), 0);
    fg_tracker_end(tracker, on_lost, NULL);
    assert_int_equal(fg_shots_due(tracker, &plan, start + 900 * MS, due), 0);
    fg_tracker_destroy(tracker);
    canvas_destroy(&c);
    fg_image_finish(&photo);
}

static void test_most_overdue_first(void **state)
{
    (void)state;
    if (!vision)
        skip();
    struct fg_image photo = sample_load(6);
    struct canvas c;
    struct fg_tracker *tracker = tracker_with(&c, &photo, 3);
    struct fg_shot_plan plan = {.every_ns = 400 * MS, .per_frame = 8};
    const uint64_t now = 6000 * MS;
    unsigned due[FG_TRACKS_MAX];
    assert_int_equal(fg_shots_due(tracker, &plan, now, due), 3);
    fg_shot_taken(fg_tracker_at(tracker, 0), now - 600 * MS);
    fg_shot_taken(fg_tracker_at(tracker, 1), now - 900 * MS);
    assert_int_equal(fg_shots_due(tracker, &plan, now, due), 3);
    assert_int_equal(due[0], 2); // never shot yet
    assert_int_equal(due[1], 1);
    assert_int_equal(due[2], 0);
    plan.per_frame = 2;
    assert_int_equal(fg_shots_due(tracker, &plan, now, due), 2);
    assert_int_equal(due[0], 2);
    assert_int_equal(due[1], 1);
    plan.per_frame = 0;
    assert_int_equal(fg_shots_due(tracker, &plan, now, due), 0);
    // with two a frame nobody waits for ever
    plan.per_frame = 1;
    unsigned shots[3] = {0};
    for (int i = 0; i < 30; i++) {
        const uint64_t t = now + (uint64_t)i * 100 * MS;
        if (fg_shots_due(tracker, &plan, t, due) == 1) {
            fg_shot_taken(fg_tracker_at(tracker, due[0]), t);
            shots[due[0]]++;
        }
    }
    for (int i = 0; i < 3; i++)
        assert_in_range(shots[i], 6, 11);
    fg_tracker_destroy(tracker);
    canvas_destroy(&c);
    fg_image_finish(&photo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_promise),
        cmocka_unit_test(test_the_window),
        cmocka_unit_test(test_most_overdue_first),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
