// SPDX-License-Identifier: Apache-2.0
// The made footage: truth follows the pixels, the same seed gives the same bytes, what is there is
// not made again.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/json.h"
#include "demo/draw.h"
#include "demo/takes.h"
#include "demo/view.h"
#include "demo/walk.h"
#include "pipeline/image.h"

#define WIDTH  600
#define HEIGHT 400

// Two "faces": a red square and a green square on a grey photograph.
static const struct fg_demo_photo photo = {
    .name = "made.png",
    .width = WIDTH,
    .height = HEIGHT,
    .show = {0, 0, WIDTH, HEIGHT},
    .n_faces = 2,
    .faces = {{"red", 150, 180, 80}, {"green", 450, 220, 100}},
    .n_keys = 3,
    .keys = {{0, 300, 200, .9f}, {.1f, 300, 200, 1.6f}, {.2f, 180, 190, 2.2f}},
};

struct fixture {
    char folder[64], png[96], reel[96];
    const char *paths[1];
    struct fg_take take;
};

static bool only_red(const char *person)
{
    return strcmp(person, "red") == 0;
}

static void fill_photo(struct fg_picture *picture)
{
    assert_int_equal(fg_picture_init(picture, WIDTH, HEIGHT), 0);
    fg_draw_fill(picture, 0, 0, WIDTH, HEIGHT, FG_DRAW_RGB(128, 128, 128));
    for (unsigned i = 0; i < photo.n_faces; i++) {
        const struct fg_demo_face *f = &photo.faces[i];
        const int side = (int)f->side;
        fg_draw_fill(picture, (int)f->x - side / 2, (int)f->y - side / 2, side, side,
                     i == 0 ? FG_DRAW_RGB(230, 20, 20) : FG_DRAW_RGB(20, 230, 20));
    }
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct fg_picture picture = {0};
    struct fg_error err;
    snprintf(f->folder, sizeof f->folder, "/tmp/test_footage.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->png, sizeof f->png, "%s/made.png", f->folder);
    snprintf(f->reel, sizeof f->reel, "%s/reel", f->folder);
    fill_photo(&picture);
    assert_int_equal(
        fg_image_write_png(f->png, picture.rgb, picture.width, picture.height, WIDTH * 3, &err), 0);
    fg_picture_finish(&picture);
    f->paths[0] = f->png;
    f->take = (struct fg_take){
        .photos = &photo, .paths = f->paths, .count = 1, .enrolled = only_red, .seed = 7};
    *state = f;
    return 0;
}

static void remove_reel(const char *reel)
{
    static const char *const names[] = {
        "footage.mjpeg",     "truth.json",        "stamp", "enrol/red_1.jpg", "enrol/red_2.jpg",
        "enrol/green_1.jpg", "enrol/green_2.jpg", "enrol"};
    char path[256];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", reel, names[i]);
        remove(path);
    }
    remove(reel);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char other[112];
    snprintf(other, sizeof other, "%s2", f->reel);
    remove_reel(f->reel);
    remove_reel(other);
    remove(f->png);
    rmdir(f->folder);
    free(f);
    return 0;
}

static uint8_t *read_all(const char *folder, const char *name, size_t *ret_length)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    *ret_length = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*ret_length + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *ret_length, file), *ret_length);
    bytes[*ret_length] = 0;
    fclose(file);
    return bytes;
}

static bool is_face(const uint8_t *p, bool red)
{
    return red ? p[0] > p[1] + 60 : p[1] > p[0] + 60;
}

// The box that the colour really fills.
static bool find_colour(const struct fg_picture *picture, bool red, double ret[4])
{
    uint32_t x0 = UINT32_MAX, y0 = UINT32_MAX, x1 = 0, y1 = 0;
    for (uint32_t y = 0; y < picture->height; y++) {
        for (uint32_t x = 0; x < picture->width; x++) {
            if (!is_face(picture->rgb + ((size_t)y * picture->width + x) * 3, red))
                continue;
            x0 = x < x0 ? x : x0;
            x1 = x > x1 ? x : x1;
            y0 = y < y0 ? y : y0;
            y1 = y > y1 ? y : y1;
        }
    }
    ret[0] = x0;
    ret[1] = y0;
    ret[2] = (double)x1 - x0 + 1;
    ret[3] = (double)y1 - y0 + 1;
    return x0 != UINT32_MAX;
}

static struct fg_scene make_scene(void)
{
    struct fg_picture picture = {0};
    struct fg_scene scene = {0};
    fill_photo(&picture);
    assert_int_equal(fg_scene_init(&scene, &picture, photo.show), 0);
    return scene;
}

// A turned square fills a larger upright box: side * (cos + sin).
static void check_box(const struct fg_picture *picture, const struct fg_view *view, unsigned face)
{
    double want[4], have[4];
    fg_view_box(view, picture->width, picture->height, &photo.faces[face], want);
    assert_true(find_colour(picture, face == 0, have));
    const double grown = want[2] * (fabs(cos(view->angle)) + fabs(sin(view->angle)));
    assert_true(fabs(have[0] + have[2] / 2 - want[0] - want[2] / 2) < 1.5);
    assert_true(fabs(have[1] + have[3] / 2 - want[1] - want[3] / 2) < 1.5);
    assert_true(fabs(have[2] - grown) < 3);
    assert_true(fabs(have[3] - grown) < 3);
}

static void test_boxes_follow_the_view(void **state)
{
    (void)state;
    static const struct fg_view views[] = {
        {300, 200, 1, 0, false},   {300, 200, .3, 0, false},  {300, 200, .6, 0, false},
        {280, 190, 1.7, 0, false}, {300, 200, 1, .12, false}, {300, 200, 1, -.12, false},
        {300, 200, 1.2, 0, true},  {320, 210, .8, .1, true},  {300, 200, .5, -.2, true},
    };
    struct fg_scene scene = make_scene();
    struct fg_picture out = {0};
    assert_int_equal(fg_picture_init(&out, 1280, 720), 0);
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        fg_view_render(&scene, &views[i], &out);
        check_box(&out, &views[i], 0);
        check_box(&out, &views[i], 1);
    }
    fg_picture_finish(&out);
    fg_scene_finish(&scene);
}

static void test_the_wall_is_around(void **state)
{
    (void)state;
    struct fg_scene scene = make_scene();
    struct fg_picture out = {0}, wall = {0};
    const struct fg_view view = {300, 200, .5, 0, false};
    assert_int_equal(fg_picture_init(&out, 640, 480), 0);
    assert_int_equal(fg_picture_init(&wall, 640, 480), 0);
    fg_view_render(&scene, &view, &out);
    fg_view_wall(&wall);
    assert_memory_equal(out.rgb, wall.rgb, 640 * 3 * 20);
    assert_memory_not_equal(out.rgb + 640 * 3 * 240, wall.rgb + 640 * 3 * 240, 640 * 3);
    fg_picture_finish(&wall);
    fg_picture_finish(&out);
    fg_scene_finish(&scene);
}

static void test_sight(void **state)
{
    (void)state;
    double box[4];
    struct fg_view view = {150, 180, 1, 0, false};
    assert_int_equal(fg_walk_see(&photo, &photo.faces[0], &view, 100, 100, box), FG_SIGHT_WHOLE);
    assert_int_equal(fg_walk_see(&photo, &photo.faces[0], &view, 60, 100, box), FG_SIGHT_PART);
    assert_int_equal(fg_walk_see(&photo, &photo.faces[1], &view, 100, 100, box), FG_SIGHT_NONE);
    for (double scale = .5; scale < 1; scale += .013) { // whole, whatever the rounding
        view.scale = scale;
        assert_int_equal(fg_walk_see(&photo, &photo.faces[0], &view, 100, 100, box),
                         FG_SIGHT_WHOLE);
    }
    struct fg_demo_photo hidden = photo;
    hidden.show[0] = 300; // the red one is not shown
    assert_int_equal(fg_walk_see(&hidden, &photo.faces[0], &view, 100, 100, box), FG_SIGHT_NONE);
}

static void test_walk_passes_its_keys(void **state)
{
    (void)state;
    struct fg_walk_moment at;
    for (unsigned i = 0; i < photo.n_keys; i++) {
        const struct fg_demo_key *key = &photo.keys[i];
        fg_walk_at(&photo, 3, key->t, &at);
        assert_true(fabs(at.view.x - key->x) < 5 && fabs(at.view.y - key->y) < 5);
        assert_true(fabs(at.view.scale - key->scale) < 1e-3);
        assert_true(at.gain >= .75 && at.gain <= 1.15);
        assert_true(at.gamma >= .75 && at.gamma <= 1.15);
    }
    fg_walk_at(&photo, 3, .05, &at);
    assert_true(at.view.scale > .9 && at.view.scale < 1.6);
}

static void check_footage_frame(const uint8_t *footage, const struct fg_json *frame)
{
    struct fg_image image = {0};
    struct fg_picture picture = {0};
    const struct fg_json *faces = fg_json_get(frame, "faces");
    const size_t offset = (size_t)fg_json_get_number(frame, "offset", -1);
    const size_t bytes = (size_t)fg_json_get_number(frame, "bytes", -1);
    assert_int_equal(fg_image_decode(&image, footage + offset, bytes, NULL), 0);
    assert_int_equal(image.frame.width, FG_TAKES_WIDTH);
    assert_int_equal(fg_picture_from_frame(&image.frame, &picture), 0);
    for (size_t i = 0; i < fg_json_count(faces); i++) {
        const struct fg_json *face = fg_json_at(faces, i), *box = fg_json_get(face, "box");
        double want[4], have[4];
        if (!fg_json_get_bool(face, "whole", false))
            continue;
        for (size_t k = 0; k < 4; k++) {
            char *text = fg_json_print(fg_json_at(box, k), false);
            want[k] = strtod(text, NULL);
            free(text);
        }
        const bool red = strcmp(fg_json_get_string(face, "person", ""), "red") == 0;
        assert_true(find_colour(&picture, red, have));
        assert_true(fabs(have[0] + have[2] / 2 - want[0] - want[2] / 2) < 6);
        assert_true(fabs(have[1] + have[3] / 2 - want[1] - want[3] / 2) < 6);
        assert_true(fabs(have[2] - want[2]) < 12);
    }
    fg_picture_finish(&picture);
    fg_image_finish(&image);
}

static void test_reel_and_truth(void **state)
{
    struct fixture *f = *state;
    struct fg_error err = {""};
    struct fg_json *truth = NULL;
    bool made = false;
    size_t footage_length, truth_length;
    assert_int_equal(fg_take_walk(&f->take, f->reel, &made, &err), 0);
    assert_true(made);
    uint8_t *footage = read_all(f->reel, "footage.mjpeg", &footage_length);
    uint8_t *text = read_all(f->reel, "truth.json", &truth_length);
    assert_int_equal(fg_json_parse(text, truth_length, &truth, &err), 0);
    const struct fg_json *frames = fg_json_get(truth, "frames");
    const struct fg_json *people = fg_json_get(truth, "people");
    const struct fg_json *shown = fg_json_at(fg_json_get(truth, "photographs"), 0);
    const size_t first = (size_t)fg_json_get_number(shown, "first", 0);
    const size_t n = (size_t)fg_json_get_number(shown, "frames", 0);
    assert_int_equal(n, 6);
    assert_int_equal(fg_json_count(frames), 2 * first + n);
    assert_int_equal(fg_json_count(people), 2);
    assert_true(fg_json_get_bool(fg_json_at(people, 0), "enrolled", false));
    assert_false(fg_json_get_bool(fg_json_at(people, 1), "enrolled", true));
    assert_int_equal(fg_json_count(fg_json_get(fg_json_at(frames, 0), "faces")), 0);
    assert_int_equal(fg_json_count(fg_json_get(fg_json_at(frames, first), "faces")), 2);
    for (size_t i = 0; i < n; i += 2)
        check_footage_frame(footage, fg_json_at(frames, first + i));
    const struct fg_json *last = fg_json_at(frames, 2 * first + n - 1);
    assert_int_equal(
        (size_t)(fg_json_get_number(last, "offset", 0) + fg_json_get_number(last, "bytes", 0)),
        footage_length);
    fg_json_destroy(truth);
    free(text);
    free(footage);
}

static void test_enrolment_pictures(void **state)
{
    struct fixture *f = *state;
    struct fg_image image = {0};
    struct fg_picture picture = {0};
    bool made;
    char path[256];
    assert_int_equal(fg_take_walk(&f->take, f->reel, &made, NULL), 0);
    for (unsigned i = 1; i <= 2; i++) {
        double red[4], green[4];
        snprintf(path, sizeof path, "%s/enrol/red_%u.jpg", f->reel, i);
        assert_int_equal(fg_image_load(&image, path, NULL), 0);
        assert_int_equal(fg_picture_from_frame(&image.frame, &picture), 0);
        assert_true(find_colour(&picture, true, red));
        assert_true(fabs(red[0] + red[2] / 2 - picture.width / 2.0) < 3);
        assert_false(find_colour(&picture, false, green)); // the neighbour is left out
        fg_picture_finish(&picture);
    }
    fg_image_finish(&image);
    snprintf(path, sizeof path, "%s/enrol/green_1.jpg", f->reel);
    assert_int_equal(access(path, F_OK), -1); // a stranger
}

static void test_same_seed_same_bytes(void **state)
{
    struct fixture *f = *state;
    char other[112];
    bool made = false;
    size_t a_length, b_length;
    snprintf(other, sizeof other, "%s2", f->reel);
    assert_int_equal(fg_take_walk(&f->take, f->reel, &made, NULL), 0);
    assert_int_equal(fg_take_walk(&f->take, other, &made, NULL), 0);
    assert_true(made);
    uint8_t *a = read_all(f->reel, "footage.mjpeg", &a_length);
    uint8_t *b = read_all(other, "footage.mjpeg", &b_length);
    assert_int_equal(a_length, b_length);
    assert_memory_equal(a, b, a_length);
    free(b);
    f->take.seed++;
    assert_int_equal(fg_take_walk(&f->take, other, &made, NULL), 0);
    assert_true(made);
    b = read_all(other, "footage.mjpeg", &b_length);
    assert_true(a_length != b_length || memcmp(a, b, a_length) != 0);
    free(a);
    free(b);
}

static void test_made_once(void **state)
{
    struct fixture *f = *state;
    char path[256];
    bool made = false;
    assert_int_equal(fg_take_walk(&f->take, f->reel, &made, NULL), 0);
    assert_true(made);
    assert_int_equal(fg_take_walk(&f->take, f->reel, &made, NULL), 0);
    assert_false(made);
    snprintf(path, sizeof path, "%s/footage.mjpeg", f->reel);
    assert_int_equal(truncate(path, 1000), 0);
    assert_int_equal(fg_take_walk(&f->take, f->reel, &made, NULL), 0);
    assert_true(made); // a cut file is made again
    snprintf(path, sizeof path, "%s/truth.json", f->reel);
    assert_int_equal(remove(path), 0);
    assert_int_equal(fg_take_walk(&f->take, f->reel, &made, NULL), 0);
    assert_true(made);
}

static void test_swap(void **state)
{
    struct fixture *f = *state;
    struct fg_error err = {""};
    struct fg_json *truth = NULL;
    bool made = false;
    size_t footage_length, length;
    assert_int_equal(fg_take_swap(&f->take, "red", "green", f->reel, &made, &err), 0);
    uint8_t *footage = read_all(f->reel, "footage.mjpeg", &footage_length);
    uint8_t *text = read_all(f->reel, "truth.json", &length);
    assert_int_equal(fg_json_parse(text, length, &truth, &err), 0);
    const struct fg_json *frames = fg_json_get(truth, "frames");
    const struct fg_json *before = fg_json_at(fg_json_get(fg_json_at(frames, 44), "faces"), 0);
    const struct fg_json *after = fg_json_at(fg_json_get(fg_json_at(frames, 45), "faces"), 0);
    assert_string_equal(fg_json_get_string(before, "person", ""), "red");
    assert_string_equal(fg_json_get_string(after, "person", ""), "green");
    check_footage_frame(footage, fg_json_at(frames, 44));
    check_footage_frame(footage, fg_json_at(frames, 45));
    fg_json_destroy(truth);
    free(text);
    free(footage);
    assert_int_equal(fg_take_swap(&f->take, "red", "nobody", f->reel, &made, &err), -ENOENT);
    assert_non_null(strstr(err.text, "nobody"));
}

static void test_loop(void **state)
{
    struct fixture *f = *state;
    struct stat info;
    char path[256];
    snprintf(path, sizeof path, "%s/loop.y4m", f->folder);
    assert_int_equal(fg_take_loop(&f->take, 0, 2, path, NULL), 0);
    const char head[] = "YUV4MPEG2 W1280 H720 F30:1 Ip A1:1 C420jpeg XCOLORRANGE=FULL\n";
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_size, (sizeof head - 1) + 2 * (6 + 1280 * 720 * 3 / 2));
    remove(path);
    snprintf(path, sizeof path, "%s/none/loop.y4m", f->folder);
    struct fg_error err = {""};
    assert_int_equal(fg_take_loop(&f->take, 0, 2, path, &err), -ENOENT);
    assert_non_null(strstr(err.text, path));
}

static void test_refusals(void **state)
{
    struct fixture *f = *state;
    struct fg_error err = {""};
    struct fg_demo_photo larger = photo;
    bool made = true;
    larger.width++;
    f->take.photos = &larger;
    assert_int_equal(fg_take_walk(&f->take, f->reel, &made, &err), -EINVAL);
    assert_non_null(strstr(err.text, "601x400"));
    f->take.photos = &photo;
    f->paths[0] = "/nonexistent/made.png";
    assert_int_equal(fg_take_walk(&f->take, f->reel, &made, &err), -ENOENT);
    assert_non_null(strstr(err.text, "/nonexistent/made.png"));
    f->paths[0] = f->png;
    char path[256];
    snprintf(path, sizeof path, "%s/none/reel", f->folder);
    assert_int_equal(fg_take_walk(&f->take, path, &made, &err), -ENOENT);
    assert_non_null(strstr(err.text, path));
}

// The table itself: every face inside its photograph, names known, both roles there.
static void test_demo_table(void **state)
{
    (void)state;
    unsigned faces = 0, found = 0;
    for (size_t i = 0; i < fg_demo_photo_count; i++) {
        const struct fg_demo_photo *p = &fg_demo_photos[i];
        for (unsigned k = 0; k < p->n_faces; k++, faces++) {
            const struct fg_demo_face *f = &p->faces[k];
            assert_true(f->x - f->side / 2 >= 0 && f->x + f->side / 2 <= (float)p->width);
            assert_true(f->y - f->side / 2 >= 0 && f->y + f->side / 2 <= (float)p->height);
        }
        for (unsigned k = 1; k < p->n_keys; k++)
            assert_true(p->keys[k].t > p->keys[k - 1].t);
    }
    assert_int_equal(faces, 22);
    for (size_t e = 0; e < fg_demo_enrolled_count; e++) {
        for (size_t i = 0; i < fg_demo_photo_count && found == e; i++) {
            for (unsigned k = 0; k < fg_demo_photos[i].n_faces && found == e; k++)
                found += strcmp(fg_demo_photos[i].faces[k].person, fg_demo_enrolled[e]) == 0;
        }
        assert_int_equal(found, e + 1);
    }
    assert_false(fg_demo_is_enrolled("p02"));
    assert_false(fg_demo_is_enrolled("p09"));
    assert_true(fg_demo_is_enrolled("p03"));
}

#define ON_DISK(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_boxes_follow_the_view),
        cmocka_unit_test(test_the_wall_is_around),
        cmocka_unit_test(test_sight),
        cmocka_unit_test(test_walk_passes_its_keys),
        cmocka_unit_test(test_demo_table),
        ON_DISK(test_reel_and_truth),
        ON_DISK(test_enrolment_pictures),
        ON_DISK(test_same_seed_same_bytes),
        ON_DISK(test_made_once),
        ON_DISK(test_swap),
        ON_DISK(test_loop),
        ON_DISK(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
