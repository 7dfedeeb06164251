// SPDX-License-Identifier: Apache-2.0
// Tracks on rendered walks with the real detector: who keeps a number, who gets a new one.
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/track.h"
#include "tests/canvas.h"

#define FRAME_NS 33333333u

static const struct fg_tracker_options all_squares = {
    .smallest = 60, .squares_per_frame = 0, .most_missed = 6};

static struct fg_vision *vision; // NULL: no models
static struct fg_image photo;    // sample 6

static int set_up(void **state)
{
    (void)state;
    if (models_absent())
        return 0;
    vision = vision_open();
    photo = sample_load(6);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fg_vision_close(vision);
    fg_image_finish(&photo);
    return 0;
}

// One walk: a canvas, a tracker, a clock, and who was lost.
struct walk {
    struct canvas canvas;
    struct fg_tracker *tracker;
    uint64_t now_ns;
    uint32_t lost[40];
    unsigned n_lost;
};

static void on_lost(void *context, const struct fg_track *track)
{
    struct walk *w = context;
    assert_true(w->n_lost < 40);
    w->lost[w->n_lost++] = track->id;
}

static void walk_start(struct walk *w, uint32_t width, uint32_t height,
                       const struct fg_tracker_options *options)
{
    *w = (struct walk){.now_ns = 1000000000u};
    w->canvas = canvas_create(width, height, 95);
    assert_int_equal(fg_tracker_create(fg_vision_detector(vision), options, &w->tracker), 0);
}

static void walk_end(struct walk *w)
{
    fg_tracker_destroy(w->tracker);
    canvas_destroy(&w->canvas);
}

static void clear(struct walk *w)
{
    canvas_fill(&w->canvas, 95);
}

static void draw(struct walk *w, int face, double x, double y, double width)
{
    canvas_face(&w->canvas, &photo.frame, &known_faces[face], x, y, width);
}

static void step_after(struct walk *w, uint64_t dt_ns)
{
    w->now_ns += dt_ns;
    w->canvas.frame.t_capture_ns = w->now_ns;
    assert_int_equal(fg_tracker_step(w->tracker, &w->canvas.frame, on_lost, w), 0);
    bool missing = false; // those seen stand first
    for (unsigned i = 0; i < fg_tracker_count(w->tracker); i++) {
        missing |= fg_tracker_at(w->tracker, i)->missed > 0;
        assert_true(missing == (fg_tracker_at(w->tracker, i)->missed > 0));
    }
}

static void step(struct walk *w)
{
    step_after(w, FRAME_NS);
}

static const struct fg_track *at(struct walk *w, double x, double y, double width)
{
    for (unsigned i = 0; i < fg_tracker_count(w->tracker); i++) {
        const struct fg_track *t = fg_tracker_at(w->tracker, i);
        if (t->missed == 0 && hypot(t->face.x - x, t->face.y - y) < .35 * width)
            return t;
    }
    return NULL;
}

static void test_one_keeps_its_number(void **state)
{
    (void)state;
    if (!vision)
        skip();
    struct walk w;
    walk_start(&w, 640, 480, &all_squares);
    unsigned seen = 0;
    for (int i = 0; i < 40; i++) {
        const double x = 120 + 10 * i, y = 200 + i, width = 100 + i;
        clear(&w);
        draw(&w, 18, x, y, width);
        step(&w);
        assert_int_equal(fg_tracker_count(w.tracker), 1); // several squares see it: one track
        assert_int_equal(fg_tracker_at(w.tracker, 0)->id, 1);
        seen += at(&w, x, y, width) != NULL;
    }
    const struct fg_track *t = fg_tracker_at(w.tracker, 0);
    assert_in_range(seen, 37, 40);
    assert_in_range(t->hits, 37, 40);
    assert_true(t->vx > 150 && t->vx < 450); // 300 pixels a second
    assert_int_equal(fg_tracker_detections(w.tracker), t->hits);
    assert_int_equal(w.n_lost, 0);
    fg_tracker_end(w.tracker, on_lost, &w);
    assert_int_equal(w.n_lost, 1);
    assert_int_equal(w.lost[0], 1);
    assert_int_equal(fg_tracker_count(w.tracker), 0);
    walk_end(&w);
}

static void test_two_pass_each_other(void **state)
{
    (void)state;
    if (!vision)
        skip();
    struct walk w;
    walk_start(&w, 800, 480, &all_squares);
    uint32_t ids[2] = {0, 0};
    for (int i = 0; i < 40; i++) {
        const double xa = 110 + 14 * i, xb = 690 - 14 * i;
        clear(&w);
        draw(&w, 18, xa, 130, 110);
        draw(&w, 20, xb, 345, 110);
        step(&w);
        assert_in_range(fg_tracker_count(w.tracker), 1, 2);
        const struct fg_track *a = at(&w, xa, 130, 110), *b = at(&w, xb, 345, 110);
        if (a && !ids[0])
            ids[0] = a->id;
        if (b && !ids[1])
            ids[1] = b->id;
        assert_true(!a || a->id == ids[0]);
        assert_true(!b || b->id == ids[1]);
    }
    assert_true(ids[0] && ids[1] && ids[0] != ids[1] && ids[0] + ids[1] == 3);
    assert_int_equal(w.n_lost, 0);
    assert_true(fg_tracker_detections(w.tracker) >= 72);
    fg_tracker_end(w.tracker, on_lost, &w);
    assert_int_equal(w.n_lost, 2);
    walk_end(&w);
}

static void test_gone_and_back(void **state)
{
    (void)state;
    if (!vision)
        skip();
    struct walk w;
    walk_start(&w, 640, 480, &all_squares);
    for (int i = 0; i < 5; i++) {
        clear(&w);
        draw(&w, 18, 300, 220, 120);
        step(&w);
    }
    clear(&w);
    for (int i = 0; i < 3; i++) // hidden for a moment: nothing happens
        step(&w);
    assert_int_equal(fg_tracker_at(w.tracker, 0)->missed, 3);
    draw(&w, 18, 302, 220, 120);
    step(&w);
    assert_int_equal(fg_tracker_count(w.tracker), 1);
    assert_int_equal(fg_tracker_at(w.tracker, 0)->id, 1);
    assert_int_equal(fg_tracker_at(w.tracker, 0)->missed, 0);
    clear(&w);
    for (unsigned i = 0; i < all_squares.most_missed; i++)
        step(&w);
    assert_int_equal(w.n_lost, 0);
    step(&w); // one more than may be missed
    assert_int_equal(w.n_lost, 1);
    assert_int_equal(w.lost[0], 1);
    assert_int_equal(fg_tracker_count(w.tracker), 0);
    draw(&w, 18, 300, 220, 120);
    step(&w);
    assert_int_equal(fg_tracker_count(w.tracker), 1);
    assert_int_equal(fg_tracker_at(w.tracker, 0)->id, 2); // numbers are not used again
    walk_end(&w);
}

static void test_swap_in_place(void **state)
{
    (void)state;
    if (!vision)
        skip();
    struct walk w;
    walk_start(&w, 640, 480, &all_squares);
    for (int i = 0; i < 12; i++) {
        clear(&w);
        draw(&w, i < 6 ? 18 : 20, 300, 220, 120);
        step(&w);
        assert_int_equal(fg_tracker_count(w.tracker), 1); // never two on one face
        assert_int_equal(fg_tracker_at(w.tracker, 0)->missed, 0);
    }
    walk_end(&w);
}

// A walks into B and stands in front: B's track must not stay on A's face.
static void test_two_become_one(void **state)
{
    (void)state;
    if (!vision)
        skip();
    struct walk w;
    walk_start(&w, 640, 480, &all_squares);
    for (int i = 0; i < 40; i++) {
        const double x = fmin(130 + 10 * i, 440);
        clear(&w);
        draw(&w, 20, 440, 220, 110);
        draw(&w, 18, x, 220, 130);
        step(&w);
        if (i == 2)
            assert_int_equal(fg_tracker_count(w.tracker), 2);
    }
    assert_int_equal(fg_tracker_count(w.tracker), 1);
    assert_int_equal(w.n_lost, 1);
    walk_end(&w);
}

// Two who walk towards each other, and then there is one face between them: both tracks find it,
// and the one that was followed longer keeps it.
static void test_doubles(void **state)
{
    (void)state;
    if (!vision)
        skip();
    struct walk w;
    walk_start(&w, 800, 480, &all_squares);
    for (int i = 0; i < 7; i++) {
        clear(&w);
        draw(&w, 18, 130 + 30 * i, 220, 110);
        if (i >= 3)
            draw(&w, 20, 650 - 30 * i, 220, 110);
        step(&w);
        assert_int_equal(fg_tracker_count(w.tracker), i < 3 ? 1 : 2);
        assert_int_equal(w.n_lost, 0);
    }
    clear(&w);
    draw(&w, 18, 390, 220, 110);
    step(&w);
    assert_int_equal(fg_tracker_count(w.tracker), 1);
    assert_int_equal(fg_tracker_at(w.tracker, 0)->id, 1);
    assert_int_equal(w.n_lost, 1);
    assert_int_equal(w.lost[0], 2);
    walk_end(&w);
}

// A file that is read as fast as it can be has frames microseconds apart, then milliseconds.
static void test_uneven_times(void **state)
{
    (void)state;
    if (!vision)
        skip();
    static const uint64_t steps[] = {20000,    100000, 9000000,  60000000, 1,
                                     12000000, 0,      40000000, 8000000};
    struct walk w;
    walk_start(&w, 640, 480, &all_squares);
    for (int i = 0; i < 32; i++) {
        clear(&w);
        draw(&w, 18, 140 + 10 * i, 220, 120);
        step_after(&w, steps[i % 9]);
        assert_int_equal(fg_tracker_count(w.tracker), 1);
        assert_int_equal(fg_tracker_at(w.tracker, 0)->id, 1);
    }
    assert_in_range(fg_tracker_at(w.tracker, 0)->hits, 28, 32);
    w.now_ns -= 500000000; // a clock that jumps back
    step(&w);
    assert_int_equal(fg_tracker_at(w.tracker, 0)->id, 1);
    walk_end(&w);
}

// Ahead at full speed, then not a step further: the motion expected of them is wrong by a width.
static void test_a_sudden_stop(void **state)
{
    (void)state;
    if (!vision)
        skip();
    struct walk w;
    walk_start(&w, 800, 480, &all_squares);
    for (int i = 0; i < 14; i++) {
        clear(&w);
        draw(&w, 18, fmin(130 + 45 * i, 445), 220, 110);
        step_after(&w, i == 8 ? 3 * FRAME_NS : FRAME_NS);
        assert_int_equal(fg_tracker_count(w.tracker), 1);
        assert_int_equal(fg_tracker_at(w.tracker, 0)->id, 1);
        assert_int_equal(fg_tracker_at(w.tracker, 0)->missed, 0);
    }
    walk_end(&w);
}

static void test_squares_take_turns(void **state)
{
    (void)state;
    if (!vision)
        skip();
    struct fg_tracker_options options = all_squares;
    options.squares_per_frame = 1;
    options.smallest = 90;
    struct walk w;
    walk_start(&w, 1280, 720, &options); // three squares
    draw(&w, 18, 1150, 330, 130);        // in the last one alone
    step(&w);
    step(&w);
    assert_int_equal(fg_tracker_count(w.tracker), 0);
    step(&w);
    assert_int_equal(fg_tracker_count(w.tracker), 1);
    for (int i = 0; i < 4; i++) { // and it is followed in each frame
        step(&w);
        assert_int_equal(fg_tracker_at(w.tracker, 0)->missed, 0);
    }
    walk_end(&w);
}

static void test_frame_size_changes(void **state)
{
    (void)state;
    if (!vision)
        skip();
    struct walk w;
    walk_start(&w, 640, 480, &all_squares);
    draw(&w, 18, 300, 220, 120);
    step(&w);
    canvas_destroy(&w.canvas);
    w.canvas = canvas_create(1280, 720, 95);
    draw(&w, 18, 1100, 500, 120);
    for (int i = 0; i < 3; i++)
        step(&w);
    const struct fg_track *t = at(&w, 1100, 500, 120);
    assert_non_null(t);
    assert_int_equal(t->id, 2);
    walk_end(&w);
}

// Faces beside the zone are nobody; who leaves it is lost.
static void test_zone(void **state)
{
    (void)state;
    if (!vision)
        skip();
    const struct fg_tracker_options options = {
        .smallest = 60, .most_missed = 6, .zone = {.x = 0.25, .width = 0.5, .height = 1}};
    struct walk w;
    walk_start(&w, 960, 480, &options); // the zone: from 240 to 720
    for (int x = 120; x < 960; x += 20) {
        const bool inside = x > 240 && x < 720;
        clear(&w);
        draw(&w, 18, x, 220, 120);
        draw(&w, 19, 840, 220, 120);
        step(&w);
        if (abs(x - 240) > 40 && abs(x - 720) > 40) // the detector's box is not ours to the pixel
            assert_int_equal(fg_tracker_seen(w.tracker), inside);
    }
    assert_int_equal(w.n_lost, 1);
    assert_int_equal(w.lost[0], 1);
    walk_end(&w);
}

static void test_more_than_fit(void **state)
{
    (void)state;
    if (!vision)
        skip();
    const struct fg_tracker_options options = {.smallest = 60, .most_missed = 6};
    struct walk w;
    walk_start(&w, 1600, 1300, &options); // 8 x 6 faces
    for (int i = 0; i < 48; i++)
        draw(&w, 18, 110 + i % 8 * 197, 110 + i / 8 * 210, 108);
    for (int i = 0; i < 3; i++) {
        step(&w);
        assert_in_range(fg_tracker_count(w.tracker), 25, FG_TRACKS_MAX);
    }
    assert_int_equal(fg_tracker_count(w.tracker), FG_TRACKS_MAX);
    fg_tracker_end(w.tracker, on_lost, &w);
    assert_int_equal(fg_tracker_count(w.tracker), 0);
    walk_end(&w);
    fg_tracker_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_keeps_its_number),
        cmocka_unit_test(test_two_pass_each_other),
        cmocka_unit_test(test_gone_and_back),
        cmocka_unit_test(test_swap_in_place),
        cmocka_unit_test(test_two_become_one),
        cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_uneven_times),
        cmocka_unit_test(test_a_sudden_stop),
        cmocka_unit_test(test_squares_take_turns),
        cmocka_unit_test(test_frame_size_changes),
        cmocka_unit_test(test_zone),
        cmocka_unit_test(test_more_than_fit),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
