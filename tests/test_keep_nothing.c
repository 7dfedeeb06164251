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

#include "common/bus.h"
#include "common/card.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/wire.h"
#include "matcher/subject.h"
#include "pipeline/align.h"
#include "pipeline/embed.h"
#include "pipeline/source.h"
#include "pipeline/track.h"
#include "tests/canvas.h"
#include "tests/memory_search.h"
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
#define PROBES      WITH

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

struct played_matcher {
    struct fg_bus *bus;
    struct fg_socket *probes, *lanes;
    bool keep_nothing;
    uint64_t sequence, t_said_ns;
    struct fg_wire_probe heard[PROBES];
    unsigned n_probes, n_blanks, n_lost;
};

static void play_start(struct played_matcher *m, bool keep_nothing)
{
    struct fg_error err = {""};
    char endpoint[160];
    *m = (struct played_matcher){.keep_nothing = keep_nothing};
    assert_int_equal(fg_bus_create(&m->bus), 0);
    snprintf(endpoint, sizeof endpoint, "ipc://%s", in_folder("probe.sock"));
    if (fg_socket_bind(m->bus, FG_SOCKET_SUB, endpoint, 1000, &m->probes, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(fg_socket_subscribe(m->probes, "", 0), 0);
    snprintf(endpoint, sizeof endpoint, "ipc://%s", in_folder("lane.sock"));
    if (fg_socket_bind(m->bus, FG_SOCKET_PUB, endpoint, 16, &m->lanes, &err) < 0)
        fail_msg("%s", err.text);
}

static void play_end(struct played_matcher *m)
{
    fg_socket_close(m->probes);
    fg_socket_close(m->lanes);
    fg_bus_destroy(m->bus);
    unlink(in_folder("probe.sock"));
    unlink(in_folder("lane.sock"));
}

static void say_lane(struct played_matcher *m)
{
    static uint8_t body[FG_WIRE_MAX];
    static struct fg_wire_message w;
    const uint64_t now = fg_monotonic_ns();
    if (now - m->t_said_ns < 50000000u)
        return;
    m->t_said_ns = now;
    w.head = (struct fg_wire_head){.type = FG_WIRE_LANE,
                                   .lane = "east",
                                   .source = "matcher",
                                   .session = 7,
                                   .sequence = ++m->sequence,
                                   .t_capture_ns = now,
                                   .t_publish_ns = now,
                                   .boot = fg_boot_number()};
    w.lane = (struct fg_wire_lane){.awake = 1, .keep_nothing = m->keep_nothing};
    const int length = fg_wire_encode(&w, body, NULL);
    assert_true(length > 0);
    const struct fg_part parts[] = {{"east", 5}, {body, (size_t)length}};
    fg_socket_send(m->lanes, parts, 2);
}

static void hear(struct played_matcher *m)
{
    static struct fg_wire_message w;
    struct fg_message message;
    while (fg_socket_receive(m->probes, 20, &message) == 0) {
        assert_int_equal(message.count, 2);
        assert_int_equal(fg_wire_decode(message.parts[1].data, message.parts[1].length, &w, NULL),
                         0);
        say_lane(m);
        if (w.head.type == FG_WIRE_PROBE && m->n_probes < PROBES)
            m->heard[m->n_probes++] = w.probe;
        m->n_blanks += w.head.type == FG_WIRE_BLANK;
        m->n_lost += w.head.type == FG_WIRE_NOTICE && w.notice.reason == FG_REASON_TRACK_LOST;
    }
    say_lane(m);
}

static void play_until_lost(struct played_matcher *m, struct fg_child *camera)
{
    const uint64_t limit = fg_monotonic_ns() + PATIENCE_NS;
    while (m->n_lost == 0 && fg_monotonic_ns() < limit && !fg_child_ended(camera))
        hear(m);
    assert_int_equal(m->n_lost, 1);
    assert_true(m->n_probes > 0);
    const uint64_t soon = fg_monotonic_ns() + 500000000u; // half of the second that it may take
    while (fg_monotonic_ns() < soon)
        hear(m);
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

static void see_again(const char *footage, const struct played_matcher *m, struct memory_runs *runs)
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
        if (traced[i++].probe && probes < m->n_probes)
            add_shot(runs, &e, frame, &m->heard[probes++]);
    }
    assert_int_equal(probes, m->n_probes);
    close_eyes(&e);
    fg_source_halt(source);
    fg_source_close(source);
}

// ---- tests --------------------------------------------------------------------------------------

static void start_camera(struct fg_child *camera, const char *footage)
{
    char source[160], probe[160], lane[160], smallest[8];
    struct fg_error err = {""};
    snprintf(source, sizeof source, "file:%s", footage);
    snprintf(probe, sizeof probe, "ipc://%s", in_folder("probe.sock"));
    snprintf(lane, sizeof lane, "ipc://%s", in_folder("lane.sock"));
    snprintf(smallest, sizeof smallest, "%d", SMALLEST);
    const char *const argv[] = {
        program,     "--source",   source,          "--models",  models_folder(),
        "--probe",   probe,        "--lane-socket", lane,        "--lane",
        "east",      "--smallest", smallest,        "--squares", "0",
        "--shot-ms", "100",        "--rate",        RATE,        "--wait-ms",
        "20000",     "--engine",   "xnnpack",       "--trace",   in_folder("trace"),
        NULL};
    if (fg_child_start(camera, argv, in_folder("log"), &err) < 0)
        fail_msg("%s", err.text);
}

static void one_passage(const char *name, bool keep_nothing, struct memory_found *ret)
{
    static struct played_matcher m;
    struct fg_child camera = {0};
    struct memory_image image;
    struct memory_runs *runs = memory_runs_create();
    char footage[128];
    snprintf(footage, sizeof footage, "%s", in_folder(name));
    play_start(&m, keep_nothing);
    start_camera(&camera, footage);
    play_until_lost(&m, &camera);
    assert_false(fg_child_ended(&camera));
    assert_int_equal(memory_read(camera.pid, name, &image), 0);
    fg_child_stop(&camera);
    assert_int_equal(camera.exit_code, 0);
    assert_int_equal(m.n_blanks, keep_nothing ? m.n_probes + 1 : 0);
    play_end(&m);
    see_again(footage, &m, runs);
    memory_search(&image, runs, ret);
    for (int k = 0; k < KINDS; k++)
        if (ret->count[k])
            print_message("%s, %s: %zu runs of %s, the first at %llx in %s\n", name,
                          keep_nothing ? "kept nothing" : "kept", ret->count[k], kind_names[k],
                          (unsigned long long)ret->address[k], ret->name[k]);
    print_message("%zu KiB of memory searched\n", image.bytes / 1024);
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
    one_passage("footage.mjpeg", false, &found);
    assert_true(found.count[VECTOR] > 0);
    assert_true(found.count[CROP] > 0);
}

static void keeps_nothing(const char *name)
{
    struct memory_found found;
    one_passage(name, true, &found);
    for (int k = 0; k < KINDS; k++)
        assert_int_equal(found.count[k], 0);
}

static void test_kept_nothing_decoded(void **state)
{
    (void)state;
    need();
    keeps_nothing("footage.mjpeg");
}

static void test_kept_nothing_mapped(void **state)
{
    (void)state;
    need();
    keeps_nothing("footage.y4m");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_kept_nothing_decoded),
        cmocka_unit_test(test_kept_nothing_mapped),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
