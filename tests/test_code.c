// SPDX-License-Identifier: Apache-2.0
// Codes before a camera: what is read, how often it is told, and how many looks a hand that
// trembles takes, on drawn scenes.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/wipe.h"
#include "common/wire.h"
#include "pipeline/code.h"
#include "tests/code_tries.h"

#define MS       UINT64_C(1000000)
#define ATTEMPTS 8
#define LOOKS    10 // two seconds

static struct fg_code_reader *reader;
static struct {
    uint8_t bytes[8][FG_WIRE_TOKEN];
    size_t length[8];
    unsigned count;
} found;

static int set_up(void **state)
{
    (void)state;
    found.count = 0;
    return fg_code_reader_create(&reader);
}

static int tear_down(void **state)
{
    (void)state;
    fg_wipe_on_free(false);
    fg_code_reader_destroy(reader);
    return 0;
}

static void on_code(void *context, const uint8_t *bytes, size_t length)
{
    assert_ptr_equal(context, &found);
    assert_in_range(length, 1, FG_WIRE_TOKEN);
    assert_true(found.count < 8);
    memcpy(found.bytes[found.count], bytes, length);
    found.length[found.count++] = length;
}

static void look(const struct code_scene *scene, uint64_t now_ns)
{
    found.count = 0;
    assert_int_equal(fg_code_look(reader, &scene->frame, now_ns, on_code, &found), 0);
}

static bool was_found(const void *bytes, size_t length)
{
    for (unsigned i = 0; i < found.count; i++)
        if (found.length[i] == length && memcmp(found.bytes[i], bytes, length) == 0)
            return true;
    return false;
}

// Held straight before the camera, at this place of the picture.
static struct code_pose straight(double x, double side)
{
    return (struct code_pose){.distance = 30, .side = side, .x = x, .y = 0.5};
}

static void draw(struct code_scene *scene, const char *text, double x)
{
    static struct qr_matrix code;
    const struct code_pose pose = straight(x, 6);
    qr_matrix_make(text, &code);
    code_scene_add(scene, &code, &pose);
}

// ---- what is read -------------------------------------------------------------------------------

static void test_nothing(void **state)
{
    (void)state;
    struct code_scene scene = code_scene_gate;
    code_scene_begin(&scene);
    look(&scene, 1);
    assert_int_equal(found.count, 0);
    code_scene_end(&scene);
}

static void test_several(void **state)
{
    (void)state;
    struct code_scene scene = code_scene_gate;
    code_scene_begin(&scene);
    draw(&scene, "FIRST:1", 0.25);
    draw(&scene, "SECOND:2", 0.75);
    look(&scene, 1);
    assert_int_equal(found.count, 2);
    assert_true(was_found("FIRST:1", 7) && was_found("SECOND:2", 8));
    code_scene_end(&scene);
}

// Bytes are passed on as they are, whatever they would be as text.
static void test_bytes(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0, 255, 128, 7, 0, 0x81, 0x40, 0xe0, 0x80, 10, 13, 0};
    static struct qr_matrix code;
    struct code_scene scene = code_scene_gate;
    const struct code_pose pose = straight(0.5, 6);
    code_scene_begin(&scene);
    qr_matrix_make_bytes(bytes, sizeof bytes, &code);
    code_scene_add(&scene, &code, &pose);
    look(&scene, 1);
    assert_int_equal(found.count, 1);
    assert_true(was_found(bytes, sizeof bytes));
    code_scene_end(&scene);
}

static void test_too_long(void **state)
{
    (void)state;
    static char text[FG_WIRE_TOKEN + 2];
    static struct qr_matrix code;
    const struct code_pose pose = straight(0.5, 13);
    for (size_t length = FG_WIRE_TOKEN; length <= FG_WIRE_TOKEN + 1; length++) {
        struct code_scene scene = code_scene_gate;
        code_scene_begin(&scene);
        memset(text, '7', length);
        qr_matrix_make(text, &code);
        code_scene_add(&scene, &code, &pose);
        look(&scene, length);
        assert_int_equal(found.count, length <= FG_WIRE_TOKEN);
        code_scene_end(&scene);
    }
}

// ---- how often ----------------------------------------------------------------------------------

static void test_once_a_second(void **state)
{
    (void)state;
    struct code_scene scene = code_scene_gate;
    code_scene_begin(&scene);
    draw(&scene, "THE SAME", 0.3);
    uint64_t now = 5000 * MS;
    for (unsigned i = 0; i < 12; i++, now += 250 * MS) {
        look(&scene, now);
        assert_int_equal(found.count, i % 4 == 0);
    }
    draw(&scene, "A NEW ONE", 0.7);
    look(&scene, now - 250 * MS + 1); // at once
    assert_int_equal(found.count, 1);
    assert_true(was_found("A NEW ONE", 9));
    code_scene_end(&scene);
}

static void test_due(void **state)
{
    (void)state;
    struct code_scene scene = code_scene_gate;
    scene.width = scene.height = 64; // so that a look takes no time to speak of
    code_scene_begin(&scene);
    assert_true(fg_code_due(reader, 1));
    look(&scene, 1000 * MS);
    assert_false(fg_code_due(reader, 1000 * MS));
    assert_false(fg_code_due(reader, 1199 * MS));
    assert_true(fg_code_due(reader, 3000 * MS));
    code_scene_end(&scene);
}

// What a look leaves is overwritten, and the next one is as good.
static void test_looks_while_nothing_is_kept(void **state)
{
    (void)state;
    struct code_scene scene = code_scene_gate;
    fg_wipe_on_free(true);
    code_scene_begin(&scene);
    draw(&scene, "SECRET", 0.5);
    for (unsigned i = 1; i < 4; i++) {
        look(&scene, i * 1000 * MS);
        assert_true(was_found("SECRET", 6));
    }
    code_scene_end(&scene);
}

static void test_frames_that_are_none(void **state)
{
    (void)state;
    struct code_scene scene = code_scene_gate;
    code_scene_begin(&scene);
    struct fg_frame frame = scene.frame;
    frame.width = 0;
    assert_int_equal(fg_code_look(reader, &frame, 1, on_code, &found), -EINVAL);
    code_scene_end(&scene);
    fg_code_reader_destroy(NULL);
}

// ---- how well -----------------------------------------------------------------------------------

static void tell(const char *what, double distance, const struct code_tries *tries)
{
    print_message("%s, %2.0f cm: %u of %u read in %u looks, %u by the first, median %.1f\n", what,
                  distance, tries->read, tries->attempts, LOOKS, tries->at_once,
                  code_tries_median(tries));
}

// A pass of 6 cm, from 20 to 50 cm before a lens of 45 degrees, at 720p.
static void test_nominal_range(void **state)
{
    (void)state;
    static struct qr_matrix code;
    const char *text = code_pass_text();
    unsigned read = 0, attempts = 0;
    qr_matrix_make(text, &code);
    assert_int_equal(code.size, 57);
    for (double distance = 20; distance <= 50; distance += 6) {
        struct code_tries tries;
        const struct code_pose pose = {.distance = distance, .side = 6};
        assert_true(code_scene_module(&code_scene_gate, &code, &pose) >= 3);
        code_tries_run(&code_scene_gate, &code, text, 6, distance, ATTEMPTS, LOOKS, &tries);
        tell("indoors", distance, &tries);
        assert_true(code_tries_median(&tries) < 3);
        read += tries.read;
        attempts += tries.attempts;
    }
    assert_true(read * 100 >= attempts * 95);
}

// A lamp's reflection on the card: trembling moves it off.
static void test_glare(void **state)
{
    (void)state;
    static struct qr_matrix code;
    struct code_scene scene = code_scene_gate;
    struct code_tries tries;
    const char *text = code_pass_text();
    scene.glare = 120;
    qr_matrix_make(text, &code);
    code_tries_run(&scene, &code, text, 6, 30, ATTEMPTS, LOOKS, &tries);
    tell("with glare", 30, &tries);
    assert_true(tries.read * 4 >= tries.attempts * 3);
}

// Noise that is in every module of a near code.
static void test_dim(void **state)
{
    (void)state;
    static struct qr_matrix code;
    struct code_scene scene = code_scene_gate;
    struct code_tries tries;
    const char *text = code_pass_text();
    scene.noise = 9;
    scene.blur = 0.9;
    qr_matrix_make(text, &code);
    code_tries_run(&scene, &code, text, 6, 20, ATTEMPTS, LOOKS, &tries);
    tell("dim", 20, &tries);
    assert_true(tries.read * 4 >= tries.attempts * 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_nothing),
        TEST(test_several),
        TEST(test_bytes),
        TEST(test_too_long),
        TEST(test_once_a_second),
        TEST(test_due),
        TEST(test_looks_while_nothing_is_kept),
        TEST(test_frames_that_are_none),
        TEST(test_nominal_range),
        TEST(test_glare),
        TEST(test_dim),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
