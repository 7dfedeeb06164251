// SPDX-License-Identifier: Apache-2.0
// The program facegate-camera itself (FACEGATE_BUILD, or build/), on made footage against a
// subscriber: what it sends, what it refuses, how it ends.
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "common/bus.h"
#include "common/card.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/wire.h"
#include "pipeline/engine_options.h"
#include "tests/arm_nn.h"
#include "tests/canvas.h"

#define PATIENCE_NS 30000000000u // then a program hangs, even under a sanitizer
#define FRAMES      14

static char program[512], folder[] = "/tmp/fg-test-camera-XXXXXX", endpoint[64];
static bool with_models;

static char *in_folder(const char *name)
{
    static char path[4][128];
    static unsigned turn;
    char *p = path[turn++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", folder, name);
    return p;
}

static void put(const char *name, const void *bytes, size_t length)
{
    FILE *f = fopen(in_folder(name), "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, length, f), length);
    assert_int_equal(fclose(f), 0);
}

// A face that walks through a 640x480 picture, as MJPEG and as grey Y4M.
static void make_footage(void)
{
    struct fg_image photo = sample_load(6);
    struct canvas c = canvas_create(640, 480, 95);
    FILE *mjpeg = fopen(in_folder("walk.mjpeg"), "w"), *y4m = fopen(in_folder("walk.y4m"), "w");
    assert_true(mjpeg && y4m);
    fprintf(y4m, "YUV4MPEG2 W640 H480 F30:1 Cmono\n");
    for (int i = 0; i < FRAMES; i++) {
        uint8_t *bytes = NULL;
        size_t length = 0;
        canvas_fill(&c, 95);
        canvas_face(&c, &photo.frame, &known_faces[18], 180 + 20 * i, 230, 150);
        assert_int_equal(fg_image_encode_jpeg(c.rgb, 640, 480, 640 * 3, 92, &bytes, &length, NULL),
                         0);
        assert_int_equal(fwrite(bytes, 1, length, mjpeg), length);
        free(bytes);
        fprintf(y4m, "FRAME\n");
        for (int n = 0; n < 640 * 480; n++)
            fputc(c.rgb[n * 3 + 1], y4m);
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
    if (access(program, X_OK) < 0) {
        fprintf(stderr, "%s is not there; build it, or name its folder in FACEGATE_BUILD\n",
                program);
        return -1;
    }
    if (!mkdtemp(folder))
        return -1;
    snprintf(endpoint, sizeof endpoint, "ipc://%s/probe.sock", folder);
    put("text.txt", "this is no picture\n", 19);
    with_models = !models_absent();
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

// ---- one run of the program --------------------------------------------------------------------

struct run {
    pid_t pid;
    int out; // standard output and error, together
    bool ended;
    int status;
    char text[16384];
    size_t length;
};

static void run_start(struct run *r, const char *const *argv)
{
    int fds[2];
    *r = (struct run){.pid = -1};
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    r->pid = fork();
    assert_true(r->pid >= 0);
    if (r->pid == 0) {
        dup2(fds[1], 1);
        dup2(fds[1], 2);
        execv(program, (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    close(fds[1]);
    r->out = fds[0];
    fcntl(r->out, F_SETFL, O_NONBLOCK);
}

// Takes in what it has said, and notices its end; waits at most timeout_ms for either.
static void run_look(struct run *r, int timeout_ms)
{
    struct pollfd fd = {.fd = r->out, .events = POLLIN};
    ssize_t n = 0;
    poll(&fd, 1, timeout_ms);
    while (r->length + 1 < sizeof r->text &&
           (n = read(r->out, r->text + r->length, sizeof r->text - 1 - r->length)) > 0)
        r->length += (size_t)n;
    r->text[r->length] = 0;
    if (!r->ended && n == 0) { // its end of the pipe is closed
        assert_int_equal(waitpid(r->pid, &r->status, 0), r->pid);
        r->ended = true;
        close(r->out);
    }
}

// Exit code, or -1 when it died of a signal; kills what hangs.
static int run_end(struct run *r)
{
    const uint64_t limit = fg_monotonic_ns() + PATIENCE_NS;
    while (!r->ended && fg_monotonic_ns() < limit)
        run_look(r, 100);
    if (!r->ended) {
        kill(r->pid, SIGKILL);
        waitpid(r->pid, &r->status, 0);
        close(r->out);
        fail_msg("it hangs; so far it said: %s", r->text);
    }
    return WIFEXITED(r->status) ? WEXITSTATUS(r->status) : -1;
}

static void run_wait_for(struct run *r, const char *text)
{
    const uint64_t limit = fg_monotonic_ns() + PATIENCE_NS;
    while (!strstr(r->text, text) && !r->ended && fg_monotonic_ns() < limit)
        run_look(r, 50);
    if (!strstr(r->text, text)) {
        kill(r->pid, SIGKILL);
        fail_msg("it never said \"%s\", but: %s", text, r->text);
    }
}

// It must end with `code` and one line that is an error and says `what`.
static void refused(int code, const char *what, const char *const *argv)
{
    struct run r;
    run_start(&r, argv);
    const int got = run_end(&r);
    const char *newline = strchr(r.text, '\n');
    if (got != code || !strstr(r.text, what) ||
        strncmp(r.text, "facegate-camera: error: ", 24) != 0 || !newline || newline[1])
        fail_msg("exit %d, not %d with one line that says \"%s\": %s", got, code, what, r.text);
}

#define ARGS(...) ((const char *const[]){"facegate-camera", __VA_ARGS__, NULL})

static void need_models(void)
{
    if (!with_models)
        skip();
}

static const char *source(const char *name)
{
    static char text[4][160];
    static unsigned turn;
    char *t = text[turn++ % 4];
    snprintf(t, sizeof text[0], "file:%s/%s", folder, name);
    return t;
}

// ---- what is refused ---------------------------------------------------------------------------

static void test_bad_arguments(void **state)
{
    (void)state;
    refused(2, "no --source and no --camera given", (const char *const[]){"facegate-camera", NULL});
    refused(2, "--sorce: unknown", ARGS("--sorce", "file:x"));
    refused(2, "-x: unknown", ARGS("-x"));
    refused(2, "--source: this option needs a value", ARGS("--source"));
    refused(2, "--loop=3: this option takes no value", ARGS("--loop=3"));
    refused(2, "stray: not an option", ARGS("--source", "file:x", "stray"));
    refused(2, "--rate: rate = fast: not a number", ARGS("--rate", "fast"));
    refused(2, "--rate: rate = -1: must be from 0", ARGS("--rate", "-1"));
    refused(2, "--smallest: smallest = 3: must be from 16", ARGS("--smallest", "3"));
    refused(2, "--squares: squares = 1.5: not a whole", ARGS("--squares", "1.5"));
    refused(2, "--shot-ms", ARGS("--shot-ms", "1"));
    refused(2, "--frames", ARGS("--frames", "5e9"));
    refused(2, "--engine: engine = steam: must be auto, xnnpack, armnn or armnn:Backend",
            ARGS("--engine", "steam"));
    refused(2, "--engine: engine = armnn:A,,B: must be", ARGS("--engine", "armnn:A,,B"));
    refused(2, "--engine: engine = armnn:: must be", ARGS("--engine", "armnn:"));
    refused(2, "--zone: zone = 0 0 1: must be four numbers", ARGS("--zone", "0 0 1"));
    refused(2, "--zone: zone = 0 0 nan 1: must be four numbers", ARGS("--zone", "0 0 nan 1"));
    refused(2, "--zone: zone = 0.5 0 0.6 1: must lie within", ARGS("--zone", "0.5 0 0.6 1"));
    refused(2, "--zone: zone = 0 0 0 1: must lie within", ARGS("--zone", "0 0 0 1"));
    refused(2, "--wake-zone: wake-zone = 0 0 1 1 1: must be", ARGS("--wake-zone", "0 0 1 1 1"));
    refused(2, "--wake: wake = often: must be", ARGS("--wake", "often"));
    refused(2, "--threads: threads = 0: must be from 1 to 64", ARGS("--threads", "0"));
    refused(2, "--threads: threads = many: not a number", ARGS("--threads", "many"));
    refused(2, "--model-memory: model-memory = -1: must be from 0", ARGS("--model-memory", "-1"));
    refused(2, "--require: require: longer than 31 bytes",
            ARGS("--require", "0123456789012345678901234567890123456789"));
    refused(2, "--fp16=no: this option takes no value", ARGS("--fp16=no"));
    refused(2, "--lane: lane: longer than 31 bytes",
            ARGS("--lane", "0123456789012345678901234567890123456789"));
}

static void test_help_and_version(void **state)
{
    (void)state;
    struct run r;
    run_start(&r, ARGS("--help"));
    assert_int_equal(run_end(&r), 0);
    assert_non_null(strstr(r.text, "--source"));
    run_start(&r, ARGS("--version"));
    assert_int_equal(run_end(&r), 0);
    assert_true(strncmp(r.text, "facegate-camera ", 16) == 0);
}

static void test_bad_configuration(void **state)
{
    (void)state;
    static const char unknown[] = "[camera]\nlane = 7\nsorce = file:x\n";
    char what[160];
    put("unknown.ini", unknown, sizeof unknown - 1);
    snprintf(what, sizeof what, "%s:3: unknown key sorce in [camera]", in_folder("unknown.ini"));
    refused(78, what, ARGS("--config", in_folder("unknown.ini")));
    static const char number[] = "[camera]\nrate = quick\n";
    put("number.ini", number, sizeof number - 1);
    snprintf(what, sizeof what, "%s:2: rate = quick: not a number", in_folder("number.ini"));
    refused(78, what, ARGS("--config", in_folder("number.ini"), "--source", "file:x"));
    static const char engine[] = "[camera]\nfp16 = yes\nfast-math = perhaps\n";
    put("engine.ini", engine, sizeof engine - 1);
    snprintf(what, sizeof what, "%s:3: fast-math = perhaps: must be yes or no",
             in_folder("engine.ini"));
    refused(78, what, ARGS("--config", in_folder("engine.ini")));
    static const char name[] = "[camera]\nengine = armnn:Cpu Acc\n";
    put("name.ini", name, sizeof name - 1);
    snprintf(what, sizeof what, "%s:2: engine = armnn:Cpu Acc: must be auto, xnnpack",
             in_folder("name.ini"));
    refused(78, what, ARGS("--config", in_folder("name.ini")));
    refused(78, in_folder("none.ini"), ARGS("--config", in_folder("none.ini")));
    // the command line is checked first
    refused(2, "--rate", ARGS("--config", in_folder("number.ini"), "--rate", "x"));
}

// A copy of the cards, with one line of one changed, and links to the models.
static void copy_models(const char *name, const char *card, const char *find, const char *replace,
                        const char *truncated)
{
    static const char *const cards[] = {"blazeface", "onet", "mobilefacenet"};
    static const char *const models[] = {"face_detection_short_range.tflite", "onet.tflite",
                                         "MobileFaceNet.tflite"};
    char command[1500];
    for (int i = 0; i < 3; i++) {
        const char *edit = strcmp(card, cards[i]) == 0 ? find : "^@@";
        snprintf(command, sizeof command,
                 "mkdir -p %s/%s && sed 's|%s|%s|' %s/%s.card > %s/%s/%s.card", folder, name, edit,
                 replace, models_folder(), cards[i], folder, name, cards[i]);
        assert_int_equal(system(command), 0);
        snprintf(command, sizeof command, "head -c %s %s/%s > %s/%s/%s",
                 truncated && strcmp(truncated, models[i]) == 0 ? "5000" : "-0", models_folder(),
                 models[i], folder, name, models[i]);
        assert_int_equal(system(command), 0);
    }
}

static void test_bad_models(void **state)
{
    (void)state;
    const char *src = "file:x";
    refused(78, "blazeface.card: no such model card",
            ARGS("--models", "/nowhere", "--source", src));
    need_models();
    refused(78, "other.card",
            ARGS("--models", models_folder(), "--embedder", "other", "--source", src));
    refused(78, "is not an embedder",
            ARGS("--models", models_folder(), "--embedder", "onet", "--source", src));
    copy_models("sum", "mobilefacenet", "sha256 = d", "sha256 = e", NULL);
    refused(78, "sha256", ARGS("--models", in_folder("sum"), "--source", src));
    copy_models("cut", "none", "x", "x", "onet.tflite");
    refused(78, "onet.tflite", ARGS("--models", in_folder("cut"), "--source", src));
    copy_models("size", "mobilefacenet", "= 112", "= 96", NULL);
    refused(78, "112", ARGS("--models", in_folder("size"), "--source", src));
    copy_models("key", "onet", "^width", "widht", NULL);
    refused(78, "unknown key widht in [input]",
            ARGS("--models", in_folder("key"), "--source", src));
    refused(78, "Abacus",
            ARGS("--models", models_folder(), "--engine", "armnn:Abacus", "--source", src));
    copy_models("kind", "blazeface", "short-range$", "full-range", NULL);
    refused(78, "correct kind or anchors in the card",
            ARGS("--models", in_folder("kind"), "--source", src));
}

static void test_bad_sources(void **state)
{
    (void)state;
    need_models();
    const char *m = models_folder();
    refused(78, "not a source", ARGS("--models", m, "--source", "walk.mjpeg"));
    refused(78, in_folder("none.y4m"), ARGS("--models", m, "--source", source("none.y4m")));
    refused(78, in_folder("text.txt"), ARGS("--models", m, "--source", source("text.txt")));
    put("broken.jpg", "\xff\xd8\xff\xe0 no more", 12);
    refused(78, in_folder("broken.jpg"), ARGS("--models", m, "--source", source("broken.jpg")));
    const char *walk = source("walk.y4m");
    refused(2, "--lane a b", ARGS("--models", m, "--source", walk, "--lane", "a b"));
    refused(2, "--id", ARGS("--models", m, "--source", walk, "--id", ""));
    refused(78, "TCP", ARGS("--models", m, "--source", walk, "--probe", "tcp://127.0.0.1:5555"));
    refused(78, "/nowhere/trace",
            ARGS("--models", m, "--source", walk, "--trace", "/nowhere/trace"));
}

// ---- what is sent ------------------------------------------------------------------------------

struct heard {
    struct fg_bus *bus;
    struct fg_socket *sub;
    unsigned messages, probes, notices, lost, beats;
    uint64_t session, sequence, frames[2];
    struct fg_wire_beat first, last;
    uint64_t model;
};

static void listen_start(struct heard *h)
{
    struct fg_error err = {""};
    *h = (struct heard){0};
    assert_int_equal(fg_bus_create(&h->bus), 0);
    if (fg_socket_bind(h->bus, FG_SOCKET_SUB, endpoint, 1000, &h->sub, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(fg_socket_subscribe(h->sub, "east", 5), 0);
}

static void listen_end(struct heard *h)
{
    fg_socket_close(h->sub);
    fg_bus_destroy(h->bus);
    unlink(endpoint + 6);
}

static void check_head(struct heard *h, const struct fg_wire_head *head)
{
    assert_string_equal(head->lane, "east");
    assert_string_equal(head->source, "door-cam");
    assert_true(head->session != 0 && (h->session == 0 || head->session == h->session));
    assert_int_equal(head->sequence, h->sequence + 1); // no gaps
    assert_true(head->t_publish_ns <= fg_monotonic_ns());
    assert_true(head->t_capture_ns > 0 && head->t_capture_ns <= head->t_publish_ns);
    assert_int_equal(head->boot, fg_boot_number());
    h->session = head->session;
    h->sequence = head->sequence;
}

static void check_probe(struct heard *h, const struct fg_wire_probe *p)
{
    double square = 0;
    assert_int_equal(p->model, h->model);
    assert_int_equal(p->dimension, 64);
    for (unsigned i = 0; i < p->dimension; i++)
        square += (double)p->vector[i] * p->vector[i];
    assert_true(fabs(square - 1) < 2e-3);
    assert_int_equal(p->width, 640);
    assert_int_equal(p->height, 480);
    assert_int_equal(p->track, 1);
    assert_true(p->frame < FRAMES && p->frame >= h->frames[0]);
    const double x = (double)p->box[0] + (double)p->box[2] / 2;
    assert_true(fabs(x - (180 + 20. * (double)p->frame)) < 60); // where the face was in that frame
    assert_true(p->quality.unified > 0 && p->quality.unified <= 1 && p->quality.eye_distance > 30);
    assert_false(p->has_liveness);
    h->frames[0] = p->frame;
    h->probes++;
}

static void hear(struct heard *h, int timeout_ms)
{
    struct fg_message m;
    while (fg_socket_receive(h->sub, timeout_ms, &m) == 0) {
        static struct fg_wire_message w;
        struct fg_error err = {""};
        assert_int_equal(m.count, 2);
        assert_int_equal(m.parts[0].length, 5);
        assert_memory_equal(m.parts[0].data, "east", 5);
        if (fg_wire_decode(m.parts[1].data, m.parts[1].length, &w, &err) != 0)
            fail_msg("%s", err.text);
        check_head(h, &w.head);
        h->messages++;
        if (w.head.type == FG_WIRE_PROBE) {
            check_probe(h, &w.probe);
        } else if (w.head.type == FG_WIRE_NOTICE) {
            h->notices++;
            h->lost += w.notice.reason == FG_REASON_TRACK_LOST;
        } else {
            assert_int_equal(w.head.type, FG_WIRE_BEAT);
            if (h->beats++ == 0)
                h->first = w.beat;
            h->last = w.beat;
        }
        timeout_ms = 0;
    }
}

static void check_trace(const char *path, const struct heard *h)
{
    FILE *f = fopen(path, "r");
    char line[4000];
    unsigned frames = 0, probes = 0, ends = 0;
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        struct fg_json *json = NULL;
        struct fg_error err = {""};
        if (fg_json_parse(line, strlen(line), &json, &err) != 0)
            fail_msg("%s: %s", err.text, line);
        assert_int_equal(ends, 0);
        if (fg_json_get_bool(json, "end", false)) {
            ends++;
            assert_true(fg_json_get_number(json, "frames", -1) == FRAMES);
            assert_true(fg_json_get_number(json, "probes", -1) == h->probes);
            assert_true(fg_json_get_number(json, "notices", -1) == h->notices);
            assert_true(fg_json_get_number(json, "bytes_copied", -1) == 0);
            assert_true(fg_json_get_number(json, "displaced", -1) == 0);
        } else {
            assert_true(fg_json_get_number(json, "frame", -1) == frames++);
            const struct fg_json *tracks = fg_json_get(json, "tracks");
            for (size_t i = 0; i < fg_json_count(tracks); i++) {
                const struct fg_json *t = fg_json_at(tracks, i);
                assert_true(fg_json_get_number(t, "track", -1) == 1);
                assert_int_equal(fg_json_count(fg_json_get(t, "box")), 4);
                probes += fg_json_get_bool(t, "probe", false);
            }
        }
        fg_json_destroy(json);
    }
    fclose(f);
    assert_int_equal(ends, 1);
    assert_int_equal(frames, FRAMES);
    assert_int_equal(probes, h->probes);
}

// least, most: bytes that a frame may have, as it lies in the file.
static void one_walk(const char *footage, uint64_t least, uint64_t most)
{
    struct heard h;
    struct run r;
    struct fg_card card;
    char card_path[400];
    listen_start(&h);
    snprintf(card_path, sizeof card_path, "%s/mobilefacenet.card", models_folder());
    assert_int_equal(fg_card_read(card_path, &card, NULL), 0);
    h.model = card.id;
    run_start(&r, ARGS("--source", source(footage), "--models", models_folder(), "--probe",
                       endpoint, "--lane", "east", "--id", "door-cam", "--shot-ms", "20",
                       "--squares", "0", "--wait-ms", "20000", "--trace", in_folder("trace")));
    const uint64_t limit = fg_monotonic_ns() + PATIENCE_NS;
    while (!r.ended && fg_monotonic_ns() < limit) {
        hear(&h, 20);
        run_look(&r, 0);
    }
    if (run_end(&r) != 0)
        fail_msg("%s", r.text);
    hear(&h, 200);
    assert_in_range(h.probes, 2, FRAMES);
    assert_int_equal(h.lost, 1); // at the end of the stream
    assert_in_range(h.beats, 2, 40);
    assert_int_equal(h.first.state, 0);
    assert_int_equal(h.last.state, 3);
    assert_int_equal(h.last.frames, FRAMES);
    assert_int_equal(h.last.probes, h.probes);
    assert_int_equal(h.last.notices, h.notices);
    assert_in_range(h.last.detections, FRAMES - 3, FRAMES);
    assert_int_equal(h.last.bytes_copied, 0);
    assert_int_equal(h.last.displaced, 0);
    assert_int_equal(h.last.broken, 0);
    assert_in_range(h.last.bytes_raw, FRAMES * least, FRAMES * most);
    assert_true(h.last.rss_kib > 1000);
    assert_true(h.last.engine[0]);
    check_trace(in_folder("trace"), &h);
    listen_end(&h);
}

static void test_mjpeg(void **state)
{
    (void)state;
    need_models();
    one_walk("walk.mjpeg", 1000, 640 * 480 / 2);
}

static void test_y4m(void **state)
{
    (void)state;
    need_models();
    one_walk("walk.y4m", 640 * 480, 640 * 480 * 3);
}

// Three faces side by side that stand still.
static void make_group(void)
{
    struct fg_image photo = sample_load(6);
    struct canvas c = canvas_create(640, 480, 95);
    FILE *y4m = fopen(in_folder("group.y4m"), "w");
    assert_non_null(y4m);
    fprintf(y4m, "YUV4MPEG2 W640 H480 F30:1 Cmono\n");
    for (int i = 0; i < 3; i++)
        canvas_face(&c, &photo.frame, &known_faces[18 + i], 130 + 190 * i, 230, 95);
    for (int i = 0; i < FRAMES; i++) {
        fprintf(y4m, "FRAME\n");
        for (int n = 0; n < 640 * 480; n++)
            fputc(c.rgb[n * 3 + 1], y4m);
    }
    assert_int_equal(fclose(y4m), 0);
    canvas_destroy(&c);
    fg_image_finish(&photo);
}

// Runs the program to its end; how many faces its probes count, each the same.
static uint32_t count_faces(const char *zone)
{
    static struct fg_wire_message w;
    struct heard h;
    struct run r;
    struct fg_message m;
    uint32_t faces = 0;
    listen_start(&h);
    run_start(&r, ARGS("--source", source("group.y4m"), "--models", models_folder(), "--probe",
                       endpoint, "--lane", "east", "--shot-ms", "20", "--squares", "1",
                       "--smallest", "60", "--wait-ms", "20000", "--zone", zone));
    const uint64_t limit = fg_monotonic_ns() + PATIENCE_NS;
    while (!r.ended && fg_monotonic_ns() < limit) {
        run_look(&r, 0);
        if (fg_socket_receive(h.sub, 50, &m) < 0)
            continue;
        assert_int_equal(fg_wire_decode(m.parts[1].data, m.parts[1].length, &w, NULL), 0);
        if (w.head.type != FG_WIRE_PROBE)
            continue;
        assert_true(faces == 0 || w.probe.faces == faces);
        faces = w.probe.faces;
    }
    if (run_end(&r) != 0)
        fail_msg("%s", r.text);
    listen_end(&h);
    return faces;
}

// A probe says how many faces its frame has within the zone, with those that were not shot; the
// first one does, though the picture's squares are searched in turns.
static void test_faces_are_counted(void **state)
{
    (void)state;
    need_models();
    make_group();
    assert_int_equal(count_faces("0 0 1 1"), 3);
    assert_int_equal(count_faces("0 0 0.65 1"), 2);
    assert_int_equal(count_faces("0.65 0.1 0.35 0.9"), 1);
}

// What the matcher refuses would cost every beat.
static void test_engine_names_on_the_wire(void **state)
{
    (void)state;
    static const char *const names[][2] = {
        {"xnnpack", "xnnpack"},
        {"armnn:CpuAcc", "armnn.CpuAcc"},
        {"armnn:GpuAcc,CpuAcc", "armnn.GpuAcc-CpuAcc"},
        {"armnn:VsiNpu,EthosNAcc,GpuAcc,CpuAcc", "armnn.VsiNpu-EthosNAcc-GpuAcc-"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char got[FG_WIRE_NAME];
        fg_engine_wire_name(names[i][0], got);
        assert_true(fg_wire_name_ok(got));
        assert_int_equal(strncmp(got, names[i][1], strlen(names[i][1])), 0);
    }
}

// Options win over the file, wherever --config stands; without a matcher it goes on.
static void test_configuration_without_matcher(void **state)
{
    (void)state;
    need_models();
    char text[900];
    int n = snprintf(text, sizeof text,
                     "; a gate\n[camera]\nsource = %s\nmodels = %s\nprobe = %s\nwait-ms = 30\n"
                     "frames = 5\nlane = south\nengine = xnnpack\nthreads = 1\nfp16 = no\n"
                     "model-memory = 0\n",
                     source("walk.mjpeg"), models_folder(), endpoint);
    put("good.ini", text, (size_t)n);
    struct run r;
    run_start(&r, ARGS("--frames", "3", "--config", in_folder("good.ini"), "--id", "c2"));
    assert_int_equal(run_end(&r), 0);
    assert_non_null(strstr(r.text, "lane south, camera c2"));
    assert_non_null(strstr(r.text, "no matcher listens on"));
    const char *engine = strstr(r.text, "facegate-camera: engine xnnpack: ");
    assert_non_null(engine); // once, not for each network
    assert_null(strstr(engine + 30, "engine xnnpack"));
    assert_null(strstr(r.text, "do not run on the backend preferred"));
    assert_non_null(strstr(r.text, "3 frames in"));
}

// An instance reads its own file after the one for all, and is called by its name.
static void test_instance(void **state)
{
    (void)state;
    need_models();
    char text[900];
    int n = snprintf(text, sizeof text,
                     "[camera]\nsource = file:/nowhere\nmodels = %s\nprobe = %s\nwait-ms = 30\n"
                     "frames = 1\nlane = south\nexposure = auto\ngain = 2.5\n",
                     models_folder(), endpoint);
    put("all.ini", text, (size_t)n);
    n = snprintf(text, sizeof text, "[camera]\nsource = %s\nlane = north\n", source("walk.mjpeg"));
    put("camera@A1.conf", text, (size_t)n);
    struct run r;
    run_start(&r, ARGS("--camera", "A1", "--config", in_folder("all.ini")));
    if (run_end(&r) != 0)
        fail_msg("%s", r.text);
    assert_non_null(strstr(r.text, "lane north, camera A1"));
    refused(78, "/nowhere: No such file", ARGS("--camera", "A2", "--config", in_folder("all.ini")));
    refused(75, "/dev/facegate/A3: no such", ARGS("--camera", "A3"));
    refused(2, "--camera a b", ARGS("--camera", "a b"));
    refused(2, "--gain: gain = much: must be auto or a number",
            ARGS("--camera", "A3", "--gain", "much"));
    static const char own[] = "[camera]\nfocus = near\n";
    put("camera@A4.conf", own, sizeof own - 1);
    char what[160];
    snprintf(what, sizeof what, "%s:2: focus = near: must be auto", in_folder("camera@A4.conf"));
    refused(78, what, ARGS("--camera", "A4", "--config", in_folder("all.ini")));
}

// Layers that fell back are one warning for all networks.
static void test_fallbacks_are_logged_once(void **state)
{
    (void)state;
    need_models();
    char path[512], to[400];
    const char *build = getenv("FACEGATE_BUILD");
    if (!find_backend("Arm_CpuRef_backend.so", path, sizeof path))
        fail_msg("Arm NN's CpuRef is not installed");
    assert_int_equal(mkdir(in_folder("backends"), 0700), 0);
    snprintf(to, sizeof to, "%s", in_folder("backends/Arm_CpuRef_backend.so"));
    assert_true(copy_file(path, to));
    snprintf(path, sizeof path, "%s/tests/backend_toy.so", build ? build : "build");
    snprintf(to, sizeof to, "%s", in_folder("backends/Test_Acc_backend.so"));
    assert_true(copy_file(path, to));
    setenv("FG_TEST_BACKEND_TAKES", "conv", 1);
    struct run r;
    snprintf(to, sizeof to, "%s", in_folder("backends"));
    run_start(&r,
              ARGS("--frames", "1", "--wait-ms", "30", "--source", source("walk.mjpeg"), "--models",
                   models_folder(), "--engine", "armnn:TestAcc,CpuRef", "--backend-path", to));
    assert_int_equal(run_end(&r), 0);
    unsetenv("FG_TEST_BACKEND_TAKES");
    assert_non_null(strstr(r.text, "facegate-camera: engine armnn:TestAcc,CpuRef: asked for"));
    const char *warning = strstr(r.text, "do not run on the backend preferred");
    assert_non_null(warning);
    assert_non_null(strstr(warning, "TestAcc: left to others by the test"));
    assert_null(strstr(warning + 1, "do not run on the backend preferred"));
}

// A folder with a broken picture in its middle: counted, and the rest is worked on.
static void test_folder_with_a_broken_picture(void **state)
{
    (void)state;
    need_models();
    char command[1200];
    snprintf(command, sizeof command,
             "mkdir -p %s/pictures && cp %s/sample6.jpg %s/pictures/1.jpg && "
             "head -c 9000 %s/sample6.jpg > %s/pictures/2.jpg && cp %s/sample5.jpg "
             "%s/pictures/3.jpg",
             folder, models_folder(), folder, models_folder(), folder, models_folder(), folder);
    assert_int_equal(system(command), 0);
    struct run r;
    run_start(&r, ARGS("--source", source("pictures"), "--models", models_folder(), "--probe",
                       endpoint, "--wait-ms", "1"));
    assert_int_equal(run_end(&r), 0);
    assert_non_null(strstr(r.text, "2 frames in"));
    assert_non_null(strstr(r.text, "1 broken"));
    assert_non_null(strstr(r.text, "2.jpg"));
}

static void test_sigterm(void **state)
{
    (void)state;
    need_models();
    static const int signals[] = {SIGTERM, SIGINT};
    for (int i = 0; i < 2; i++) {
        struct heard h;
        struct run r;
        listen_start(&h);
        run_start(&r, ARGS("--source", source("walk.y4m"), "--models", models_folder(), "--probe",
                           endpoint, "--lane", "east", "--id", "door-cam", "--loop", "--rate",
                           i ? "0.2" : "30"));
        const uint64_t limit = fg_monotonic_ns() + PATIENCE_NS;
        struct fg_message m;
        while (fg_socket_receive(h.sub, 50, &m) != 0 && fg_monotonic_ns() < limit)
            run_look(&r, 0);
        const uint64_t start = fg_monotonic_ns();
        kill(r.pid, signals[i]);
        assert_int_equal(run_end(&r), 0);
        assert_true(fg_monotonic_ns() - start < 4000000000u); // not at the next frame, nor the beat
        assert_non_null(strstr(r.text, "frame bytes copied"));
        listen_end(&h);
    }
}

static void test_sigterm_while_it_waits(void **state)
{
    (void)state;
    need_models();
    struct run r;
    run_start(&r, ARGS("--source", source("walk.y4m"), "--models", models_folder(), "--probe",
                       endpoint, "--wait-ms", "600000"));
    run_wait_for(&r, "lane 1, camera camera");
    kill(r.pid, SIGTERM);
    assert_int_equal(run_end(&r), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_help_and_version),
        cmocka_unit_test(test_bad_configuration),
        cmocka_unit_test(test_bad_models),
        cmocka_unit_test(test_bad_sources),
        cmocka_unit_test(test_mjpeg),
        cmocka_unit_test(test_y4m),
        cmocka_unit_test(test_faces_are_counted),
        cmocka_unit_test(test_engine_names_on_the_wire),
        cmocka_unit_test(test_configuration_without_matcher),
        cmocka_unit_test(test_instance),
        cmocka_unit_test(test_fallbacks_are_logged_once),
        cmocka_unit_test(test_folder_with_a_broken_picture),
        cmocka_unit_test(test_sigterm),
        cmocka_unit_test(test_sigterm_while_it_waits),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
