// SPDX-License-Identifier: Apache-2.0
// bench_pipeline: what the camera program sustains on one core with four people in view, and how
// long a decision takes with 10,000 enrolled. Prints a table and writes build/bench/pipeline.json.
//
// The clips are the demo's: four people in a looped 720p I420 file that the camera maps, and the
// demo's footage as MJPEG. The camera is held to one processor, the matcher has the other.
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/figures.h"
#include "common/card.h"
#include "common/clock.h"
#include "common/json.h"
#include "demo/truth.h"
#include "demo/view.h"
#include "pipeline/detect.h"
#include "pipeline/vision.h"
#include "tools/child.h"
#include "tools/client.h"

#define FOLDER   "build/bench"
#define CLIP     FOLDER "/four.y4m"
#define MJPEG    "build/demo/footage.mjpeg"
#define TRACE    FOLDER "/trace.jsonl"
#define PROBE    "ipc://" FOLDER "/probe.sock"
#define DECISION "ipc://" FOLDER "/decision.sock"
#define CONTROL  "ipc://" FOLDER "/control.sock"
#define ENROLLED 10000
#define BATCH    32
#define LOOKS    50 // short runs for the latency, four decisions each
#define PEOPLE   4
#define SECONDS  "20"

#define SAMPLES                                                                                    \
    "models/sample1.jpg", "models/sample2.jpg", "models/sample3.jpg", "models/sample4.jpg",        \
        "models/sample5.jpg", "models/sample6.jpg"

static void die(const char *what)
{
    fprintf(stderr, "bench_pipeline: %s\n", what);
    exit(1);
}

static void must(int code, const struct fg_error *err)
{
    if (code < 0)
        die(err->text);
}

// Child processes inherit it.
static void run_on(int processor)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (processor >= 0)
        CPU_SET(processor, &set);
    for (int i = 0; processor < 0 && i < 64; i++)
        CPU_SET(i, &set);
    sched_setaffinity(0, sizeof set, &set);
}

static void run_to_end(const char *const *argv, const char *log)
{
    struct fg_child child = {0};
    struct fg_error err;
    char words[300];
    must(fg_child_start(&child, argv, log, &err), &err);
    if (fg_child_wait(&child, 300000) < 0 || child.exit_code != 0) {
        fg_child_last_words(&child, words, sizeof words);
        fg_child_stop(&child);
        die(words);
    }
}

static void make_clips(void)
{
    static const char *const walk[] = {"build/footage", "build/demo", SAMPLES, NULL};
    static const char *const loop[] = {"build/footage", "--y4m", "3", CLIP, SAMPLES, NULL};
    mkdir("build/demo", 0777);
    mkdir(FOLDER, 0777);
    run_to_end(walk, FOLDER "/footage.log");
    if (access(CLIP, R_OK) != 0)
        run_to_end(loop, FOLDER "/footage.log");
}

// ---- one run of the camera ----------------------------------------------------------------------

struct run {
    double frames, displaced, seconds, probes, bytes_copied, tracked, all_tracked;
    double mb; // largest resident memory without the footage
};

// Sums what /proc says of a process, leaving out mappings of the footage.
static double resident_mb(pid_t pid)
{
    char path[64], line[512];
    double kib = 0;
    int footage = 0;
    snprintf(path, sizeof path, "/proc/%d/smaps", (int)pid);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f)) {
        double value;
        if (strchr(line, '-') && strstr(line, " r"))
            footage = strstr(line, ".y4m") || strstr(line, ".mjpeg");
        else if (!footage && sscanf(line, "Rss: %lf", &value) == 1)
            kib += value;
    }
    if (f)
        fclose(f);
    return kib / 1024;
}

// Frames in which all the people were followed, and the camera's own last line.
static void read_trace(struct run *run)
{
    static char line[1 << 16];
    FILE *f = fopen(TRACE, "re");
    if (!f)
        die("the camera left no trace");
    double frames = 0, all = 0, tracks = 0;
    while (fgets(line, sizeof line, f)) {
        struct fg_json *json;
        if (fg_json_parse(line, strlen(line), &json, NULL) < 0)
            die("the camera's trace is no JSON");
        size_t n = fg_json_count(fg_json_get(json, "tracks"));
        if (fg_json_get_bool(json, "end", false)) {
            run->frames = fg_json_get_number(json, "frames", 0);
            run->displaced = fg_json_get_number(json, "displaced", 0);
            run->seconds = fg_json_get_number(json, "seconds", 0);
            run->probes = fg_json_get_number(json, "probes", 0);
            run->bytes_copied = fg_json_get_number(json, "bytes_copied", 0);
        } else {
            frames++;
            tracks += (double)n;
            all += n >= PEOPLE;
        }
        fg_json_destroy(json);
    }
    fclose(f);
    run->tracked = frames > 0 ? tracks / frames : 0;
    run->all_tracked = frames > 0 ? all / frames : 0;
}

static struct run run_camera(const char *source, const char *rate, const char *frames,
                             const char *wait_ms)
{
    const char *const argv[] = {"build/facegate-camera",
                                "--source",
                                source,
                                "--loop",
                                "--rate",
                                rate,
                                "--frames",
                                frames,
                                "--probe",
                                PROBE,
                                "--wait-ms",
                                wait_ms,
                                "--models",
                                "models",
                                "--trace",
                                TRACE,
                                NULL};
    struct fg_child child = {0};
    struct fg_error err;
    struct run run = {0};
    char words[300];
    run_on(1);
    must(fg_child_start(&child, argv, FOLDER "/camera.log", &err), &err);
    run_on(0);
    while (!fg_child_ended(&child)) {
        double mb = resident_mb(child.pid);
        run.mb = mb > run.mb ? mb : run.mb;
        fg_child_wait(&child, 200);
    }
    if (child.exit_code != 0) {
        fg_child_last_words(&child, words, sizeof words);
        die(words);
    }
    read_trace(&run);
    return run;
}

// ---- the matcher with its gallery ---------------------------------------------------------------

static void clear_gallery(void)
{
    static const char *const files[] = {"data.mdb", "lock.mdb", "lock", "keys"};
    char path[128];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, FOLDER "/gallery/%s", files[i]);
        unlink(path);
    }
    unlink(FOLDER "/master.key");
}

static double gaussian(uint64_t *state)
{
    double sum = -6; // of twelve uniform numbers: near enough for a gallery of nobodies
    for (int i = 0; i < 12; i++) {
        *state = *state * 6364136223846793005u + 1442695040888963407u;
        sum += (double)(*state >> 11) / 9007199254740992.0;
    }
    return sum;
}

static void random_unit(float *vector, uint32_t dimension, uint64_t *state)
{
    double square = 0;
    for (uint32_t i = 0; i < dimension; i++) {
        vector[i] = (float)gaussian(state);
        square += (double)vector[i] * (double)vector[i];
    }
    for (uint32_t i = 0; i < dimension; i++)
        vector[i] /= (float)sqrt(square);
}

static void enrol_batch(struct fg_client *client, const struct fg_card *card, unsigned first,
                        unsigned count, uint64_t *state)
{
    static float vectors[BATCH * 1024];
    uint32_t dimension = fg_card_template_dimension(card);
    char text[40];
    struct fg_error err;
    struct fg_json *request = fg_client_request("enrol_many"), *subjects = fg_json_array(), *reply;
    snprintf(text, sizeof text, "%016llx", (unsigned long long)card->id);
    fg_json_add_string(request, "model", text);
    fg_json_add_number(request, "dimension", dimension);
    for (unsigned i = 0; i < count; i++) {
        struct fg_json *subject = fg_json_object();
        snprintf(text, sizeof text, "nobody-%u", first + i);
        fg_json_add_string(subject, "subject", text);
        fg_json_add(subjects, NULL, subject);
        random_unit(vectors + (size_t)i * dimension, dimension, state);
    }
    fg_json_add(request, "subjects", subjects);
    must(fg_client_do(client, request, vectors, count, dimension, &reply, &err), &err);
    fg_json_destroy(reply);
}

static void start_matcher(struct fg_child *matcher, struct fg_client **client)
{
    static const char *const argv[] = {"build/facegate-matcher",
                                       "--gallery",
                                       FOLDER "/gallery",
                                       "--profile",
                                       "profiles/demo.ini",
                                       "--model",
                                       "models/mobilefacenet.card",
                                       "--probe",
                                       PROBE,
                                       "--decision",
                                       DECISION,
                                       "--control",
                                       CONTROL,
                                       "--key",
                                       FOLDER "/master.key",
                                       "--make-key",
                                       NULL};
    struct fg_error err;
    struct fg_card card;
    uint64_t state = 1;
    clear_gallery();
    run_on(0);
    must(fg_child_start(matcher, argv, FOLDER "/matcher.log", &err), &err);
    must(fg_client_open(CONTROL, 10000, client, &err), &err);
    must(fg_card_read("models/mobilefacenet.card", &card, &err), &err);
    for (unsigned i = 0; i < ENROLLED; i += BATCH) {
        unsigned left = ENROLLED - i;
        enrol_batch(*client, &card, i, left < BATCH ? left : BATCH, &state);
    }
}

static void measure_latency(struct fg_client *client, struct fg_figures *figures)
{
    struct fg_json *reply;
    struct fg_error err;
    must(fg_client_do(client, fg_client_request("status"), NULL, 0, 0, &reply, &err), &err);
    const struct fg_json *latency = fg_json_get(reply, "latency");
    const struct fg_json *counts = fg_json_get(reply, "decisions");
    fg_figures_add(figures, "latency_p50_ms", fg_json_get_number(latency, "p50_ms", -1),
                   "capture of the deciding frame to its decision, 10,000 enrolled");
    fg_figures_add(figures, "latency_p99_ms", fg_json_get_number(latency, "p99_ms", -1),
                   "(target: under 60)");
    fg_figures_add(figures, "decisions",
                   fg_json_get_number(counts, "deny", 0) + fg_json_get_number(counts, "admit", 0) +
                       fg_json_get_number(counts, "fallback", 0),
                   "behind the latency");
    fg_json_destroy(reply);
}

// ---- the smallest face --------------------------------------------------------------------------

// What counts is how many of the faces found when they are large are still found when they are
// small. Widths are of the detector's own boxes, which the drawn truth exceeds a little.
#define PLACES     5
#define LARGE      160 // pixels
#define MOST_LOOKS 256

struct looker {
    struct fg_detector *detector;
    struct fg_picture canvas;
    double ratio[MOST_LOOKS]; // found box over drawn box at LARGE; 0: not found
    unsigned look, found, shown;
};

// The width of the box that is found there, or 0.
static double found_width(const struct looker *l, const double box[4])
{
    struct fg_frame frame = {.fourcc = FG_FOURCC_RGB,
                             .width = l->canvas.width,
                             .height = l->canvas.height,
                             .n_planes = 1};
    uint32_t stride = l->canvas.width * 3;
    frame.planes[0] = (struct fg_plane){l->canvas.rgb, stride, stride * l->canvas.height, -1, 0};
    struct fg_square squares[FG_SQUARES_MAX];
    struct fg_face truth = {.x = (float)(box[0] + box[2] / 2),
                            .y = (float)(box[1] + box[3] / 2),
                            .width = (float)box[2],
                            .height = (float)box[3]};
    unsigned n = fg_detector_squares(frame.width, frame.height, 90, squares);
    for (unsigned i = 0; i < n; i++) {
        struct fg_face faces[FG_FACES_MAX];
        int count = fg_detect_square(l->detector, &frame, &squares[i], faces, FG_FACES_MAX);
        for (int k = 0; k < count; k++)
            if (fg_face_same(&faces[k], &truth) &&
                fg_detect_again(l->detector, &frame, &faces[k]) > 0 &&
                fg_face_same(&faces[k], &truth))
                return (double)faces[k].width;
    }
    return 0;
}

// At `width` pixels of the detector's own box, or drawn at LARGE pixels to find out what that is.
static void look_at(struct looker *l, const struct fg_scene *scene, const struct fg_demo_face *face,
                    double width)
{
    static const double places[PLACES][2] = {
        {-400, -120}, {-150, 60}, {0, 0}, {230, 90}, {470, -60}};
    for (size_t i = 0; i < PLACES && l->look < MOST_LOOKS; i++, l->look++) {
        double *ratio = &l->ratio[l->look], box[4];
        if (width < LARGE && *ratio == 0)
            continue;
        double drawn = width < LARGE ? width / *ratio : LARGE, scale = drawn / (double)face->side;
        struct fg_view view = {.x = (double)face->x - places[i][0] / scale,
                               .y = (double)face->y - places[i][1] / scale,
                               .scale = scale};
        fg_view_render(scene, &view, &l->canvas);
        fg_view_box(&view, l->canvas.width, l->canvas.height, face, box);
        double found = found_width(l, box);
        if (width >= LARGE)
            *ratio = found / LARGE;
        l->shown += width < LARGE || found > 0;
        l->found += found > 0;
    }
}

static void look_at_all(struct looker *l, double width)
{
    struct fg_error err;
    l->look = l->found = l->shown = 0;
    for (size_t p = 0; p < fg_demo_photo_count; p++) {
        const struct fg_demo_photo *photo = &fg_demo_photos[p];
        struct fg_picture picture = {0};
        struct fg_scene scene = {0};
        char path[128];
        snprintf(path, sizeof path, "models/%s", photo->name);
        must(fg_picture_load(path, &picture, &err), &err);
        if (fg_scene_init(&scene, &picture, photo->show) < 0)
            die("out of memory");
        for (unsigned k = 0; k < photo->n_faces; k++)
            look_at(l, &scene, &photo->faces[k], width);
        fg_scene_finish(&scene);
    }
    printf("    %3.0f px: %u of %u found\n", width, l->found, l->shown);
    fflush(stdout);
}

// The least width at which 95 in 100 of the faces found at LARGE are still found.
static double smallest_face(double *ret_share_at_60)
{
    struct fg_vision_options options = {.models = "models"};
    struct fg_vision *vision;
    struct fg_error err;
    static struct looker l;
    double least = LARGE;
    must(fg_vision_open(&options, &vision, &err), &err);
    l.detector = fg_vision_detector(vision);
    if (fg_picture_init(&l.canvas, 1280, 720) < 0)
        die("out of memory");
    look_at_all(&l, LARGE);
    for (double width = 120; width >= 20; width -= 5) {
        look_at_all(&l, width);
        double share = (double)l.found / (double)l.shown;
        if (width == 60)
            *ret_share_at_60 = share;
        if (share < 0.95 && width < 60)
            break;
        if (share >= 0.95)
            least = width;
    }
    fg_picture_finish(&l.canvas);
    fg_vision_close(vision);
    return least;
}

int main(void)
{
    struct fg_figures *figures = fg_figures_create();
    struct fg_child matcher = {0};
    struct fg_client *client = NULL;
    struct fg_error err;
    double share_at_60 = 0;
    mkdir("build", 0777);
    make_clips();
    puts("as fast as one core goes, four people, 720p I420 ...");
    struct run most = run_camera("file:" CLIP, "0", "900", "0");
    puts("the demo's footage, MJPEG ...");
    struct run mjpeg = run_camera("file:" MJPEG, "0", "900", "0");
    puts("60 frames a second for " SECONDS " s, 10,000 enrolled ...");
    start_matcher(&matcher, &client);
    struct run sixty = run_camera("file:" CLIP, "60", "1200", "3000");
    puts("looks of one second each, for the latency ...");
    for (int i = 0; i < LOOKS; i++)
        run_camera("file:" CLIP, "60", "60", "3000");
    fg_figures_add(figures, "fps_720p_4_people", most.frames / most.seconds,
                   "frames a second on one core, I420 (target: 60)");
    fg_figures_add(figures, "people_followed", most.tracked, "tracks in a frame, mean; 4 in view");
    fg_figures_add(figures, "fps_720p_mjpeg", mjpeg.frames / mjpeg.seconds,
                   "the demo's footage on one core, decoding included");
    fg_figures_add(figures, "share_displaced_at_60",
                   sixty.displaced / (sixty.frames + sixty.displaced), "(target: at most .01)");
    fg_figures_add(figures, "share_all_followed_at_60", sixty.all_tracked,
                   "frames with all four followed");
    fg_figures_add(figures, "probes_per_track_s",
                   sixty.probes / sixty.seconds / (sixty.tracked > 0 ? sixty.tracked : 1),
                   "(target: at least 3)");
    fg_figures_add(figures, "rss_mb", sixty.mb, "without the footage (target: under 150)");
    fg_figures_add(figures, "frame_bytes_copied", sixty.bytes_copied, "(target: 0)");
    measure_latency(client, figures);
    fg_client_close(client);
    fg_child_stop(&matcher);
    puts("the smallest face ...");
    fg_figures_add(figures, "smallest_face_px", smallest_face(&share_at_60),
                   "least width of which 95 in 100 single looks at 720p find it");
    fg_figures_add(figures, "found_at_60_px", share_at_60, "share of single looks");
    fg_figures_print(figures);
    must(fg_figures_write(figures, "pipeline", &err), &err);
    fg_figures_destroy(figures);
    clear_gallery();
    return 0;
}
