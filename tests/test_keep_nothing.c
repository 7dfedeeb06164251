// SPDX-License-Identifier: Apache-2.0
// A lane that keeps nothing: facegate-camera itself (FACEGATE_BUILD, or build/) before a matcher
// that is played. After a person has gone, nothing of their vector, their template, their aligned
// face or their picture is in the program's memory. The same search finds all of it where a lane
// keeps.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/card.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/wire.h"
#include "demo/optics.h"
#include "matcher/subject.h"
#include "pipeline/align.h"
#include "pipeline/embed.h"
#include "pipeline/source.h"
#include "pipeline/track.h"
#include "tests/canvas.h"
#include "tests/code_scene.h"
#include "tests/memory_search.h"
#include "tests/played_lane.h"
#include "tools/child.h"

#define WIDTH       320u
#define HEIGHT      240u // so small that pictures are decoded at full size for every look
#define FACE        95.0 // pixels
#define BEFORE      15   // frames without anybody, until the lane was heard
#define WITH        8    // frames with the face
#define AFTER       60   // frames without: the program still runs when it is looked at
#define RATE        "10"
#define SMALLEST    60
#define PATIENCE_NS 60000000000u

enum kind { VECTOR, TEMPLATE, CROP, CROP_BYTES, PICTURE, KINDS };
static const char *const kind_names[KINDS] = {"the vector", "the template", "the aligned face",
                                              "the aligned face's bytes", "the picture"};

static char folder[] = "/tmp/fg-test-nothing-XXXXXX", program[512];
static bool with_models, can_read;

static const char *in_folder(const char *name)
{
    static char path[4][128];
    static unsigned turn;
    char *p = path[turn++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", folder, name);
    return p;
}

// ---- footage ------------------------------------------------------------------------------------

static void add_mjpeg(const struct canvas *c, FILE *file)
{
    uint8_t *bytes = NULL;
    size_t length = 0;
    assert_int_equal(
        fg_image_encode_jpeg(c->rgb, WIDTH, HEIGHT, WIDTH * 3, 92, &bytes, &length, NULL), 0);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    free(bytes);
}

static void add_y4m(const struct canvas *c, FILE *file)
{
    fprintf(file, "FRAME\n");
    for (size_t i = 0; i < (size_t)WIDTH * HEIGHT; i++)
        fputc(c->rgb[i * 3 + 1], file);
}

static void make_footage(void)
{
    struct fg_image photo = sample_load(6);
    struct canvas c = canvas_create(WIDTH, HEIGHT, 95);
    FILE *mjpeg = fopen(in_folder("footage.mjpeg"), "w"),
         *y4m = fopen(in_folder("footage.y4m"), "w");
    assert_true(mjpeg && y4m);
    fprintf(y4m, "YUV4MPEG2 W%u H%u F10:1 Cmono\n", WIDTH, HEIGHT);
    for (int i = 0; i < BEFORE + WITH + AFTER; i++) {
        canvas_fill(&c, 95);
        if (i >= BEFORE && i < BEFORE + WITH)
            canvas_face(&c, &photo.frame, &known_faces[18], 120 + 10 * (i - BEFORE), 118, FACE);
        add_mjpeg(&c, mjpeg);
        add_y4m(&c, y4m);
    }
    assert_int_equal(fclose(mjpeg), 0);
    assert_int_equal(fclose(y4m), 0);
    canvas_destroy(&c);
    fg_image_finish(&photo);
}

static int set_up(void **state)
{
    (void)state;
    const char *build = getenv("FACEGATE_BUILD");
    snprintf(program, sizeof program, "%s/facegate-camera", build && build[0] ? build : "build");
    if (access(program, X_OK) < 0 || !mkdtemp(folder))
        return -1;
    with_models = !models_absent();
    can_read = geteuid() == 0; // the program lets nobody else look at its memory
#ifdef __SANITIZE_ADDRESS__
    can_read = false; // its quarantine keeps what was freed
#endif
#ifdef __SANITIZE_THREAD__
    can_read = false;
#endif
    if (with_models)
        make_footage();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

// ---- the matcher that is played -----------------------------------------------------------------

static void play_until(const unsigned *count, unsigned wanted, struct played_lane *l,
                       struct fg_child *camera)
{
    const uint64_t limit = fg_monotonic_ns() + PATIENCE_NS;
    while (*count < wanted && fg_monotonic_ns() < limit && !fg_child_ended(camera))
        played_lane_hear(l, 10);
    assert_true(*count >= wanted);
}

// Until the person has gone, or the lane, which is put to sleep before them; and half of the second
// that wiping may take.
static void play_until_lost(struct played_lane *l, struct fg_child *camera, bool sleeps)
{
    play_until(&l->n_probes, sleeps ? 2 : 1, l, camera);
    if (sleeps) {
        l->says.awake = 0;
        played_lane_say(l, true);
    }
    play_until(&l->n_lost, 1, l, camera);
    played_lane_hear(l, 500);
    assert_int_equal(l->n_lost, 1);
}

// ---- the same again, here: what there was to be wiped -------------------------------------------

struct traced {
    uint64_t frame, t_capture_ns;
    bool probe;
};

static size_t read_trace(struct traced *ret, size_t most)
{
    static char line[8000];
    FILE *f = fopen(in_folder("trace"), "r");
    size_t n = 0;
    assert_non_null(f);
    while (n < most && fgets(line, sizeof line, f)) {
        struct fg_json *json = NULL;
        const char *time = strstr(line, "\"t_capture_ns\":");
        assert_int_equal(fg_json_parse(line, strlen(line), &json, NULL), 0);
        if (time)
            ret[n++] = (struct traced){(uint64_t)fg_json_get_number(json, "frame", -1),
                                       strtoull(time + 15, NULL, 10),
                                       strstr(line, "\"probe\":true") != NULL};
        fg_json_destroy(json);
    }
    fclose(f);
    return n;
}

struct eyes {
    struct fg_vision *vision;
    struct fg_tracker *tracker;
    struct fg_card aligner_card, embedder_card;
    struct fg_aligner *aligner;
    struct fg_embedder *embedder;
};

static void open_eyes(struct eyes *e)
{
    const struct fg_tracker_options options = {.smallest = SMALLEST, .most_missed = 6};
    char path[400];
    e->vision = vision_open();
    assert_int_equal(fg_tracker_create(fg_vision_detector(e->vision), &options, &e->tracker), 0);
    snprintf(path, sizeof path, "%s/onet.card", models_folder());
    assert_int_equal(fg_card_read(path, &e->aligner_card, NULL), 0);
    snprintf(path, sizeof path, "%s/mobilefacenet.card", models_folder());
    assert_int_equal(fg_card_read(path, &e->embedder_card, NULL), 0);
    const struct fg_accel_options accel = {0};
    assert_int_equal(fg_aligner_open(&e->aligner_card, &accel, &e->aligner, NULL), 0);
    assert_int_equal(fg_embedder_open(&e->embedder_card, &accel, &e->embedder, NULL), 0);
}

static void close_eyes(struct eyes *e)
{
    fg_embedder_close(e->embedder);
    fg_aligner_close(e->aligner);
    fg_tracker_destroy(e->tracker);
    fg_vision_close(e->vision);
}

static void ignore_lost(void *context, const struct fg_track *track)
{
    (void)context;
    (void)track;
}

static void add_crop(struct memory_runs *runs, const struct fg_card *card, const float *crop)
{
    const size_t n = (size_t)card->width * card->height * 3;
    uint8_t *bytes = malloc(n);
    assert_non_null(bytes);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(crop[i] * card->scale + card->mean + 0.5f);
    assert_true(memory_runs_add(runs, CROP, crop, n * sizeof *crop, sizeof *crop) > n / 2);
    assert_true(memory_runs_add(runs, CROP_BYTES, bytes, n, 1) > n / 4);
    free(bytes);
}

// Luma within the face's box, as the decoder left it.
static void add_picture(struct memory_runs *runs, const struct fg_frame *frame,
                        const struct fg_face *face)
{
    const struct fg_region whole = {0, 0, WIDTH, HEIGHT};
    struct fg_view view;
    assert_int_equal(fg_view_get(frame, &whole, 1, &view, NULL), 0);
    const struct fg_plane *luma = &view.frame->planes[0];
    const uint32_t width = (uint32_t)(face->width / 2), x = (uint32_t)face->x - width / 2;
    size_t added = 0;
    for (uint32_t y = (uint32_t)face->y - width / 2; y < (uint32_t)face->y + width / 2; y++)
        added +=
            memory_runs_add(runs, PICTURE, luma->data + (size_t)y * luma->stride + x, width, 1);
    assert_true(added > 200);
}

// The vector must be the one that was heard, to the last bit: then the rest is what the camera had.
static void add_shot(struct memory_runs *runs, struct eyes *e, const struct fg_frame *frame,
                     const struct fg_wire_probe *heard)
{
    const struct fg_face *face = &fg_tracker_at(e->tracker, 0)->face;
    struct fg_landmarks landmarks;
    struct fg_affine map;
    struct fg_template template;
    const float *crop;
    float vector[FG_WIRE_DIMENSION], norm;
    assert_int_equal(fg_align_landmarks(e->aligner, frame, face, &landmarks), 0);
    assert_int_equal(fg_align_map(&landmarks, e->embedder_card.width, &map), 0);
    assert_int_equal(fg_embed_crop(e->embedder, frame, &map, &crop), 0);
    add_crop(runs, &e->embedder_card, crop);
    assert_int_equal(fg_embed_run(e->embedder, false, vector, &norm), 0);
    assert_memory_equal(vector, heard->vector, heard->dimension * sizeof *vector);
    memory_runs_add(runs, VECTOR, heard->vector, heard->dimension * sizeof *vector, 1);
    assert_int_equal(fg_template_from_vector(vector, heard->dimension, &template), 0);
    memory_runs_add(runs, TEMPLATE, template.values, heard->dimension, 1);
    if (frame->fourcc == FG_FOURCC_MJPG) // of a raw file the picture is the file
        add_picture(runs, frame, face);
}

static void see_again(const char *footage, const struct played_lane *l, struct memory_runs *runs)
{
    static struct traced traced[BEFORE + WITH + AFTER];
    const size_t n = read_trace(traced, sizeof traced / sizeof *traced);
    struct fg_source *source = NULL;
    struct fg_frame *frame;
    struct eyes e;
    char spec[160];
    unsigned probes = 0;
    snprintf(spec, sizeof spec, "file:%s", footage);
    assert_int_equal(fg_source_open(spec, &(struct fg_source_options){0}, &source, NULL), 0);
    open_eyes(&e);
    for (size_t i = 0; i < n && fg_source_next(source, &frame, NULL) == 0;
         fg_frame_release(frame)) {
        if (frame->sequence != traced[i].frame)
            continue; // displaced, there
        frame->t_capture_ns = traced[i].t_capture_ns;
        assert_int_equal(fg_tracker_step(e.tracker, frame, ignore_lost, NULL), 0);
        if (traced[i++].probe && probes < l->n_probes)
            add_shot(runs, &e, frame, &l->probed[probes++]);
    }
    assert_int_equal(probes, l->n_probes);
    close_eyes(&e);
    fg_source_halt(source);
    fg_source_close(source);
}

// ---- tests --------------------------------------------------------------------------------------

static void start_camera(struct fg_child *camera, const char *footage, const struct played_lane *l)
{
    char source[160], smallest[8];
    struct fg_error err = {""};
    snprintf(source, sizeof source, "file:%s", footage);
    snprintf(smallest, sizeof smallest, "%d", SMALLEST);
    const char *const argv[] = {program,
                                "--source",
                                source,
                                "--models",
                                models_folder(),
                                "--probe",
                                l->probe,
                                "--lane",
                                PLAYED_LANE,
                                "--smallest",
                                smallest,
                                "--squares",
                                "0",
                                "--shot-ms",
                                "100",
                                "--rate",
                                RATE,
                                "--wait-ms",
                                "20000",
                                "--engine",
                                "xnnpack",
                                "--trace",
                                in_folder("trace"),
                                NULL};
    if (fg_child_start(camera, argv, in_folder("log"), &err) < 0)
        fail_msg("%s", err.text);
}

struct passage {
    const char *footage;
    bool keep_nothing, sleeps;
};

static void tell(const struct passage *p, const struct memory_found *found)
{
    for (int k = 0; k < KINDS; k++)
        if (found->count[k])
            print_message("%s, %s: %zu runs of %s, the first at %llx in %s\n", p->footage,
                          p->keep_nothing ? "kept nothing" : "kept", found->count[k], kind_names[k],
                          (unsigned long long)found->address[k], found->name[k]);
}

static void one_passage(struct passage p, struct memory_found *ret)
{
    static struct played_lane l;
    struct fg_child camera = {0};
    struct memory_image image;
    struct memory_runs *runs = memory_runs_create();
    char footage[128];
    snprintf(footage, sizeof footage, "%s", in_folder(p.footage));
    played_lane_open(&l, folder, (struct fg_wire_lane){.awake = 1, .keep_nothing = p.keep_nothing});
    start_camera(&camera, footage, &l);
    play_until_lost(&l, &camera, p.sleeps);
    assert_false(fg_child_ended(&camera));
    assert_int_equal(memory_read(camera.pid, p.footage, &image), 0);
    fg_child_stop(&camera);
    assert_int_equal(camera.exit_code, 0);
    assert_int_equal(l.n_blanks, p.keep_nothing ? l.n_probes + 1 : 0);
    played_lane_close(&l);
    see_again(footage, &l, runs);
    memory_search(&image, runs, ret);
    tell(&p, ret);
    memory_free(&image);
    memory_runs_destroy(runs);
}

static void need(void)
{
    if (!with_models || !can_read)
        skip();
}

// The search finds what is there.
static void test_kept(void **state)
{
    (void)state;
    need();
    struct memory_found found;
    one_passage((struct passage){.footage = "footage.mjpeg"}, &found);
    assert_true(found.count[VECTOR] > 0);
    assert_true(found.count[CROP] > 0);
}

// No other picture comes into the memory of the one with the face.
static void test_kept_asleep(void **state)
{
    (void)state;
    need();
    struct memory_found found;
    one_passage((struct passage){.footage = "footage.mjpeg", .sleeps = true}, &found);
    assert_true(found.count[PICTURE] > 0);
}

static void keeps_nothing(const char *footage, bool sleeps)
{
    struct memory_found found;
    one_passage((struct passage){.footage = footage, .keep_nothing = true, .sleeps = sleeps},
                &found);
    for (int k = 0; k < KINDS; k++)
        assert_int_equal(found.count[k], 0);
}

static void test_kept_nothing_decoded(void **state)
{
    (void)state;
    need();
    keeps_nothing("footage.mjpeg", false);
}

static void test_kept_nothing_mapped(void **state)
{
    (void)state;
    need();
    keeps_nothing("footage.y4m", false);
}

static void test_kept_nothing_asleep(void **state)
{
    (void)state;
    need();
    keeps_nothing("footage.mjpeg", true);
}

// ---- what a code says ---------------------------------------------------------------------------

#define LETTERS 96 // of a token that nobody else has

static void add_frames(const struct code_scene *scene, unsigned count, FILE *y4m)
{
    while (count-- > 0) {
        fprintf(y4m, "FRAME\n");
        assert_int_equal(fwrite(scene->pixels, scene->width, scene->height, y4m), scene->height);
    }
}

static void make_code_footage(char text[LETTERS + 1])
{
    static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
    static struct qr_matrix code;
    struct code_scene scene = code_scene_gate;
    struct fg_random random = {fg_random_u64()};
    const struct code_pose pose = {.distance = 30, .side = 6, .x = 0.5, .y = 0.5};
    for (int i = 0; i < LETTERS; i++)
        text[i] = alphabet[(unsigned)(fg_random_unit(&random) * 45)];
    text[LETTERS] = '\0';
    qr_matrix_make(text, &code);
    FILE *y4m = fopen(in_folder("code.y4m"), "w");
    assert_non_null(y4m);
    fprintf(y4m, "YUV4MPEG2 W%u H%u F10:1 Cmono\n", scene.width, scene.height);
    code_scene_begin(&scene);
    add_frames(&scene, BEFORE, y4m);
    code_scene_add(&scene, &code, &pose);
    add_frames(&scene, WITH, y4m);
    code_scene_end(&scene);
    code_scene_begin(&scene);
    add_frames(&scene, AFTER, y4m);
    code_scene_end(&scene);
    assert_int_equal(fclose(y4m), 0);
}

static size_t one_code(bool keep_nothing)
{
    static struct played_lane l;
    struct fg_child camera = {0};
    struct memory_image image;
    struct memory_runs *runs = memory_runs_create();
    struct memory_found found;
    char text[LETTERS + 1], footage[128];
    make_code_footage(text);
    snprintf(footage, sizeof footage, "%s", in_folder("code.y4m"));
    played_lane_open(
        &l, folder,
        (struct fg_wire_lane){.awake = 1, .want_token = 1, .keep_nothing = keep_nothing});
    start_camera(&camera, footage, &l);
    play_until(&l.n_tokens, 1, &l, &camera);
    played_lane_hear(&l, 900);
    assert_int_equal(l.tokens[0].length, LETTERS);
    assert_memory_equal(l.tokens[0].bytes, text, LETTERS);
    assert_int_equal(memory_read(camera.pid, "code.y4m", &image), 0);
    fg_child_stop(&camera);
    played_lane_close(&l);
    assert_true(memory_runs_add(runs, 0, text, LETTERS, 1) > 0);
    memory_search(&image, runs, &found);
    memory_free(&image);
    memory_runs_destroy(runs);
    return found.count[0];
}

static void test_code_kept(void **state)
{
    (void)state;
    need();
    assert_true(one_code(false) > 0);
}

static void test_code_kept_nothing(void **state)
{
    (void)state;
    need();
    assert_int_equal(one_code(true), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_kept_asleep),
        cmocka_unit_test(test_kept_nothing_decoded),
        cmocka_unit_test(test_kept_nothing_mapped),
        cmocka_unit_test(test_kept_nothing_asleep),
        cmocka_unit_test(test_code_kept),
        cmocka_unit_test(test_code_kept_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
