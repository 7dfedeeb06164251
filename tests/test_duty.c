// SPDX-License-Identifier: Apache-2.0
// facegate-camera as its lane wants it: asleep, woken, asked for codes. The program itself
// (FACEGATE_BUILD, or build/), on made footage, before a matcher that is played.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "tests/canvas.h"
#include "tests/played_lane.h"
#include "tests/qr_matrix.h"
#include "tools/child.h"

#define WIDTH       640u
#define HEIGHT      480u
#define FRAMES      40u // of each film
#define PATIENCE_NS UINT64_C(30000000000)
#define ASLEEP      4 // fg_wire_beat.state
#define RUNNING     1

static char folder[] = "/tmp/fg-test-duty-XXXXXX", program[512];
static bool with_models;
static struct played_lane lane;
static struct fg_child camera;

static const char *in_folder(const char *name)
{
    static char path[4][128];
    static unsigned turn;
    char *p = path[turn++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", folder, name);
    return p;
}

// ---- films --------------------------------------------------------------------------------------

static FILE *begin_film(const char *name)
{
    FILE *y4m = fopen(in_folder(name), "w");
    assert_non_null(y4m);
    fprintf(y4m, "YUV4MPEG2 W%u H%u F10:1 Cmono\n", WIDTH, HEIGHT);
    return y4m;
}

static void add(const struct canvas *c, FILE *y4m)
{
    fprintf(y4m, "FRAME\n");
    for (size_t n = 0; n < (size_t)WIDTH * HEIGHT; n++)
        fputc(c->rgb[n * 3 + 1], y4m);
}

static void fill(struct canvas *c, uint32_t x, uint32_t y, uint32_t side, uint8_t grey)
{
    for (uint32_t row = y; row < y + side; row++)
        memset(c->rgb + ((size_t)row * WIDTH + x) * 3, grey, (size_t)side * 3);
}

static void add_code(struct canvas *c, const char *text, uint32_t x, uint32_t y, uint32_t module)
{
    static struct qr_matrix code;
    qr_matrix_make(text, &code);
    fill(c, x, y, (code.size + 8) * module, 230);
    for (uint32_t row = 0; row < code.size; row++)
        for (uint32_t column = 0; column < code.size; column++)
            if (code.dark[row][column])
                fill(c, x + (column + 4) * module, y + (row + 4) * module, module, 20);
}

// Somebody who stands there, with two codes.
static void film_person(struct canvas *c)
{
    struct fg_image photo = sample_load(6);
    FILE *y4m = begin_film("person.y4m");
    canvas_fill(c, 95);
    canvas_face(c, &photo.frame, &known_faces[18], 160, 230, 150);
    add_code(c, "ONE SECRET", 400, 40, 5);
    add_code(c, "ANOTHER", 400, 260, 5);
    for (unsigned i = 0; i < FRAMES; i++)
        add(c, y4m);
    assert_int_equal(fclose(y4m), 0);
    fg_image_finish(&photo);
}

// Nobody; from the twentieth frame on something comes in from the left, and goes.
static void film_cart(struct canvas *c)
{
    FILE *y4m = begin_film("cart.y4m");
    for (unsigned i = 0; i < FRAMES; i++) {
        canvas_fill(c, 95);
        if (i >= 20 && i < 30)
            fill(c, 10 * (i - 20), 200, 120, 20);
        add(c, y4m);
    }
    assert_int_equal(fclose(y4m), 0);
}

// The light goes on.
static void film_light(struct canvas *c)
{
    FILE *y4m = begin_film("light.y4m");
    for (unsigned i = 0; i < FRAMES; i++) {
        canvas_fill(c, i < 20 ? 60 : 140);
        add(c, y4m);
    }
    assert_int_equal(fclose(y4m), 0);
}

static int set_up(void **state)
{
    (void)state;
    const char *build = getenv("FACEGATE_BUILD");
    snprintf(program, sizeof program, "%s/facegate-camera", build && build[0] ? build : "build");
    if (access(program, X_OK) < 0 || !mkdtemp(folder))
        return -1;
    with_models = !models_absent();
    if (!with_models)
        return 0;
    struct canvas c = canvas_create(WIDTH, HEIGHT, 95);
    film_person(&c);
    film_cart(&c);
    film_light(&c);
    canvas_destroy(&c);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

// ---- one run ------------------------------------------------------------------------------------

static void begin(const char *film, struct fg_wire_lane says, const char *const *more)
{
    char source[160];
    struct fg_error err = {""};
    const char *argv[40] = {program,     "--source", source,   "--models",  models_folder(),
                            "--probe",   NULL,       "--lane", PLAYED_LANE, "--squares",
                            "0",         "--rate",   "10",     "--wait-ms", "20000",
                            "--shot-ms", "100"};
    unsigned n = 17;
    snprintf(source, sizeof source, "file:%s", in_folder(film));
    played_lane_open(&lane, folder, says);
    argv[6] = lane.probe; // the lane's socket lies beside it
    for (; more && *more; more++)
        argv[n++] = *more;
    if (fg_child_start(&camera, argv, in_folder("log"), &err) < 0)
        fail_msg("%s", err.text);
}

static void end(void)
{
    fg_child_stop(&camera);
    assert_int_equal(camera.exit_code, 0);
    played_lane_close(&lane);
}

static void hear_until(const unsigned *count, unsigned wanted)
{
    const uint64_t limit = fg_monotonic_ns() + PATIENCE_NS;
    while (*count < wanted && fg_monotonic_ns() < limit && !fg_child_ended(&camera))
        played_lane_hear(&lane, 10);
    assert_true(*count >= wanted);
}

static void hear_until_it_is(uint32_t state)
{
    const uint64_t limit = fg_monotonic_ns() + PATIENCE_NS;
    while (lane.beat.state != state && fg_monotonic_ns() < limit)
        played_lane_hear(&lane, 10);
    assert_int_equal(lane.beat.state, state);
}

static void say(struct fg_wire_lane says)
{
    lane.says = says;
    played_lane_say(&lane, true);
}

static const char *const looped[] = {"--loop", NULL};

#define NEED_MODELS                                                                                \
    (void)state;                                                                                   \
    if (!with_models)                                                                              \
    skip()

// ---- tests --------------------------------------------------------------------------------------

// Nobody is looked for while the lane sleeps, though frames come.
static void test_asleep_and_awake(void **state)
{
    NEED_MODELS;
    begin("person.y4m", (struct fg_wire_lane){.awake = 1}, looped);
    hear_until(&lane.n_probes, 2);
    hear_until_it_is(RUNNING);
    say((struct fg_wire_lane){.awake = 0});
    hear_until(&lane.n_lost, 1);
    hear_until_it_is(ASLEEP);
    const unsigned probes = lane.n_probes;
    const struct fg_wire_beat before = lane.beat;
    hear_until(&lane.n_beats, lane.n_beats + 3);
    assert_int_equal(lane.n_probes, probes);
    assert_int_equal(lane.beat.detections, before.detections);
    assert_int_equal(lane.beat.tracks, 0);
    assert_true(lane.beat.frames >= before.frames + 15); // two seconds and more, ten a second
    say((struct fg_wire_lane){.awake = 1});
    hear_until(&lane.n_probes, probes + 1);
    assert_true(lane.probed[probes].track > lane.probed[0].track);
    assert_int_equal(lane.n_wakes, 0);
    assert_int_equal(lane.n_blanks, 0);
    end();
}

// A matcher that is gone leaves the lane awake, and wanting nothing.
static void test_silence_wakes(void **state)
{
    NEED_MODELS;
    begin("person.y4m", (struct fg_wire_lane){.awake = 0, .want_token = 1}, looped);
    hear_until_it_is(ASLEEP);
    const unsigned probes = lane.n_probes;
    lane.silent = true;
    played_lane_hear(&lane, 3000);
    assert_int_equal(lane.n_probes, probes);
    hear_until(&lane.n_probes, probes + 3);
    hear_until_it_is(RUNNING);
    assert_int_equal(lane.n_tokens, 0);
    end();
}

static unsigned wakes(const char *film, const char *const *more)
{
    begin(film, (struct fg_wire_lane){.awake = 0}, more);
    const uint64_t limit = fg_monotonic_ns() + PATIENCE_NS;
    while (!fg_child_ended(&camera) && fg_monotonic_ns() < limit)
        played_lane_hear(&lane, 10);
    played_lane_hear(&lane, 100);
    assert_true(lane.n_beats > 2);
    assert_int_equal(lane.n_probes, 0);
    assert_int_equal(lane.beat.detections, 0);
    const unsigned count = lane.n_wakes;
    end();
    return count;
}

static void test_motion(void **state)
{
    NEED_MODELS;
    static const char *const everywhere[] = {"--rate", "20", "--wake", "motion", NULL};
    static const char *const left[] = {"--rate",      "20",        "--wake", "motion",
                                       "--wake-zone", "0 0 0.4 1", NULL};
    static const char *const right[] = {"--rate",      "20",          "--wake", "motion",
                                        "--wake-zone", "0.5 0 0.5 1", NULL};
    assert_in_range(wakes("cart.y4m", everywhere), 1, 3);
    assert_in_range(wakes("cart.y4m", left), 1, 3);
    assert_int_equal(wakes("cart.y4m", right), 0);
    assert_int_equal(wakes("cart.y4m", NULL), 0); // unless it is said
    assert_int_equal(wakes("light.y4m", everywhere), 0);
}

static unsigned count_tokens(const char *text, uint64_t *ret_least_ns)
{
    const size_t length = strlen(text);
    uint64_t last = 0;
    unsigned count = 0;
    *ret_least_ns = UINT64_MAX;
    for (unsigned i = 0; i < lane.n_tokens; i++) {
        if (lane.tokens[i].length != length || memcmp(lane.tokens[i].bytes, text, length) != 0)
            continue;
        if (last && lane.token_ns[i] - last < *ret_least_ns)
            *ret_least_ns = lane.token_ns[i] - last;
        last = lane.token_ns[i];
        count++;
    }
    return count;
}

// Each code that is held up, once a second, and whose face is beside it.
static void test_tokens(void **state)
{
    NEED_MODELS;
    uint64_t least;
    begin("person.y4m", (struct fg_wire_lane){.awake = 1}, looped);
    hear_until(&lane.n_probes, 3);
    assert_int_equal(lane.n_tokens, 0); // nobody has asked
    say((struct fg_wire_lane){.awake = 1, .want_token = 1});
    hear_until(&lane.n_tokens, 6);
    const unsigned ones = count_tokens("ONE SECRET", &least);
    assert_in_range(ones, 2, 4);
    assert_true(least >= 900000000u); // by the frames' clock
    assert_int_equal(ones + count_tokens("ANOTHER", &least), lane.n_tokens);
    assert_true(least >= 900000000u);
    for (unsigned i = 0; i < lane.n_tokens; i++)
        assert_int_equal(lane.tokens[i].track, lane.probed[0].track);
    say((struct fg_wire_lane){.awake = 1});
    played_lane_hear(&lane, 500);
    const unsigned before = lane.n_tokens;
    played_lane_hear(&lane, 1500);
    assert_int_equal(lane.n_tokens, before);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asleep_and_awake),
        cmocka_unit_test(test_silence_wakes),
        cmocka_unit_test(test_motion),
        cmocka_unit_test(test_tokens),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
