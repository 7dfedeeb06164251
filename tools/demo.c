// SPDX-License-Identifier: Apache-2.0
// demo-run: the gate at work on the made footage, with the real programs, held against the truth.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/bus.h"
#include "common/clock.h"
#include "common/json.h"
#include "tools/child.h"
#include "tools/sheet.h"
#include "tools/tally.h"

#define PATH_SIZE     256
#define READY_MS      10000
#define ENROL_MS      30000
#define LAST_WORDS_MS 2000
#define LOOK_MS       100
#define LANE          "1"
#define PROFILE       "profiles/demo.ini"
#define MODELS        "models"

// What the demo has to show. The footage must hold so many people, or it shows nothing.
#define LEAST_ENROLLED  8
#define LEAST_STRANGERS 6
#define MOST_P99_MS     60.0

enum program { MATCHER, CAMERA, CONTROL, PROGRAMS };
enum place { PLACE_PROBE, PLACE_DECISION, PLACE_CONTROL, PLACES };

struct demo {
    const char *build;
    char folder[PATH_SIZE];
    char programs[PROGRAMS][PATH_SIZE];
    char endpoints[PLACES][PATH_SIZE];
    struct fg_child matcher, camera, helper;
    struct fg_tally *tally;
    struct fg_bus *bus;
    struct fg_socket *decisions;
    uint64_t t_start_ns;
};

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static const char *inside(const struct demo *demo, const char *name, char ret[PATH_SIZE * 2])
{
    snprintf(ret, PATH_SIZE * 2, "%s/%s", demo->folder, name);
    return ret;
}

static int set_paths(struct demo *demo, const char *build, struct fg_error *err)
{
    static const char *const programs[] = {"facegate-matcher", "facegate-camera", "facegate"};
    static const char *const places[] = {"probe/probe.sock", "gate/decision.sock",
                                         "admin/control.sock"};
    if (strlen(build) > 60) // an ipc path has 107 bytes
        return fg_fail(err, -ENAMETOOLONG, "%s: too long a path; run from the source folder",
                       build);
    demo->build = build;
    snprintf(demo->folder, PATH_SIZE, "%s/demo", build);
    for (int i = 0; i < PROGRAMS; i++)
        snprintf(demo->programs[i], PATH_SIZE, "%s/%s", build, programs[i]);
    for (int i = 0; i < PLACES; i++)
        snprintf(demo->endpoints[i], PATH_SIZE, "ipc://%s/demo/%s", build, places[i]);
    return 0;
}

// A gallery of this run alone: yesterday's would make each enrolment a duplicate.
static int clear_gallery(const struct demo *demo, struct fg_error *err)
{
    static const char *const files[] = {"gallery/data.mdb", "gallery/lock.mdb", "gallery/lock",
                                        "gallery/keys",     "master.key",       "trace.jsonl",
                                        "summary.json",     "corridor.png"};
    char path[PATH_SIZE * 2];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (unlink(inside(demo, files[i], path)) < 0 && errno != ENOENT)
            return fg_fail(err, -errno, "%s: cannot remove: %s", path, strerror(errno));
    }
    return 0;
}

static int make_folders(const struct demo *demo, struct fg_error *err)
{
    static const char *const folders[] = {"", "probe", "gate", "admin", "gallery"};
    char path[PATH_SIZE * 2];
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        if (mkdir(inside(demo, folders[i], path), 0770) < 0 && errno != EEXIST)
            return fg_fail(err, -errno, "%s: cannot make the folder: %s", path, strerror(errno));
    }
    return 0;
}

// `child` ended though it should not, or with a code that is not 0.
static int child_failed(const struct fg_child *child, struct fg_error *err)
{
    char words[400];
    fg_child_last_words(child, words, sizeof words);
    return fg_fail(err, -EIO, "%s ended with code %d: %s", child->name, child->exit_code,
                   words[0] ? words : "it said nothing");
}

static int interrupted(struct fg_error *err)
{
    return fg_fail(err, -EINTR, "interrupted");
}

// Runs one command of facegate to its end; its exit code, or a negative errno.
static int run_helper(struct demo *demo, const char *const *argv, int timeout_ms,
                      struct fg_error *err)
{
    char log[PATH_SIZE * 2];
    int r = fg_child_start(&demo->helper, argv, inside(demo, "facegate.log", log), err);
    if (r < 0)
        return r;
    r = fg_child_wait(&demo->helper, timeout_ms);
    if (r == 0)
        return demo->helper.exit_code;
    fg_child_stop(&demo->helper);
    if (r == -EINTR)
        return interrupted(err);
    return fg_fail(err, r, "facegate %s gave no answer in %d s", argv[1], timeout_ms / 1000);
}

static int start_matcher(struct demo *demo, struct fg_error *err)
{
    char gallery[PATH_SIZE * 2], key[PATH_SIZE * 2], log[PATH_SIZE * 2];
    const char *argv[] = {demo->programs[MATCHER],
                          "--gallery",
                          inside(demo, "gallery", gallery),
                          "--profile",
                          PROFILE,
                          "--model",
                          MODELS "/mobilefacenet.card",
                          "--probe",
                          demo->endpoints[PLACE_PROBE],
                          "--decision",
                          demo->endpoints[PLACE_DECISION],
                          "--control",
                          demo->endpoints[PLACE_CONTROL],
                          "--key",
                          inside(demo, "master.key", key),
                          "--make-key",
                          NULL};
    return fg_child_start(&demo->matcher, argv, inside(demo, "matcher.log", log), err);
}

// Ready when it answers.
static int wait_for_matcher(struct demo *demo, struct fg_error *err)
{
    const char *argv[] = {demo->programs[CONTROL], "status", "--control",
                          demo->endpoints[PLACE_CONTROL], NULL};
    const uint64_t end = fg_monotonic_ns() + READY_MS * UINT64_C(1000000);
    while (!stop) {
        if (fg_child_ended(&demo->matcher))
            return child_failed(&demo->matcher, err);
        int code = run_helper(demo, argv, READY_MS, err);
        if (code <= 0)
            return code;
        if (fg_monotonic_ns() > end)
            return child_failed(&demo->helper, err);
        fg_sleep_until_ns(fg_monotonic_ns() + LOOK_MS * UINT64_C(1000000));
    }
    return interrupted(err);
}

static int enrol_person(struct demo *demo, const char *person, struct fg_error *err)
{
    char first[PATH_SIZE * 2], second[PATH_SIZE * 2], name[64];
    snprintf(name, sizeof name, "enrol/%s_1.jpg", person);
    inside(demo, name, first);
    snprintf(name, sizeof name, "enrol/%s_2.jpg", person);
    inside(demo, name, second);
    snprintf(name, sizeof name, "%s", person);
    const char *argv[] = {demo->programs[CONTROL],
                          "enrol",
                          "--control",
                          demo->endpoints[PLACE_CONTROL],
                          "--models",
                          MODELS,
                          "--id",
                          name,
                          first,
                          second,
                          NULL};
    int code = run_helper(demo, argv, ENROL_MS, err);
    if (code > 0)
        return child_failed(&demo->helper, err);
    return code;
}

static int enrol_all(struct demo *demo, struct fg_error *err)
{
    unsigned enrolled = 0;
    for (unsigned i = 0; i < fg_tally_people(demo->tally) && !stop; i++) {
        const struct fg_tally_person *person = fg_tally_person(demo->tally, i);
        if (!person->enrolled)
            continue;
        int r = enrol_person(demo, person->name, err);
        if (r < 0)
            return fg_fail_prefix(err, r, "enrolling %s", person->name);
        enrolled++;
    }
    if (stop)
        return interrupted(err);
    printf("%u people enrolled, two pictures each; the walk begins\n", enrolled);
    return 0;
}

static int listen(struct demo *demo, struct fg_error *err)
{
    int r = fg_bus_create(&demo->bus);
    if (r < 0)
        return fg_fail(err, r, "no sockets: %s", strerror(-r));
    r = fg_socket_connect(demo->bus, FG_SOCKET_SUB, demo->endpoints[PLACE_DECISION], 256,
                          &demo->decisions, err);
    if (r == 0)
        r = fg_socket_subscribe(demo->decisions, LANE, sizeof LANE);
    return r;
}

static int start_camera(struct demo *demo, struct fg_error *err)
{
    char source[PATH_SIZE * 2], trace[PATH_SIZE * 2], log[PATH_SIZE * 2];
    snprintf(source, sizeof source, "file:%s/footage.mjpeg", demo->folder);
    const char *argv[] = {demo->programs[CAMERA],
                          "--source",
                          source,
                          "--rate",
                          "30",
                          "--lane",
                          LANE,
                          "--id",
                          "cam1",
                          "--probe",
                          demo->endpoints[PLACE_PROBE],
                          "--models",
                          MODELS,
                          "--trace",
                          inside(demo, "trace.jsonl", trace),
                          NULL};
    demo->t_start_ns = fg_monotonic_ns();
    return fg_child_start(&demo->camera, argv, inside(demo, "camera.log", log), err);
}

static void print_decision(const struct demo *demo, const struct fg_json *json)
{
    char latency[32] = "";
    const double ms = fg_json_get_number(json, "latency_ms", -1);
    if (ms >= 0)
        snprintf(latency, sizeof latency, "%.1f ms", ms);
    printf("%7.2f s  lane %-3s track %-3.0f %-8s  %-13s %-8s %s\n",
           (double)(fg_monotonic_ns() - demo->t_start_ns) / 1e9,
           fg_json_get_string(json, "lane", "?"), fg_json_get_number(json, "track", 0),
           fg_json_get_string(json, "outcome", "?"), fg_json_get_string(json, "reason", "?"),
           fg_json_get_string(json, "subject", ""), latency);
    fflush(stdout);
}

// 1 when a decision came, 0 when none did in time.
static int take_decision(struct demo *demo, int timeout_ms, struct fg_error *err)
{
    struct fg_message message;
    struct fg_json *json = NULL;
    int r = fg_socket_receive(demo->decisions, timeout_ms, &message);
    if (r == -EAGAIN || r == -EINTR || r == -EMSGSIZE)
        return 0;
    if (r < 0)
        return fg_fail(err, r, "the decisions' socket failed: %s", strerror(-r));
    if (message.count != 2 ||
        fg_json_parse(message.parts[1].data, message.parts[1].length, &json, NULL) < 0)
        return fg_fail(err, -EBADMSG, "the matcher sent a decision that is none");
    r = fg_tally_decide(demo->tally, json);
    if (r < 0)
        fg_fail(err, r, "the matcher sent a decision that is none, or too many of them");
    else
        print_decision(demo, json);
    fg_json_destroy(json);
    return r < 0 ? r : 1;
}

static int watch(struct demo *demo, struct fg_error *err)
{
    uint64_t end = 0;
    while (!stop) {
        int r = take_decision(demo, LOOK_MS, err);
        if (r < 0)
            return r;
        if (fg_child_ended(&demo->matcher))
            return child_failed(&demo->matcher, err);
        if (end == 0 && fg_child_ended(&demo->camera)) {
            if (demo->camera.exit_code != 0)
                return child_failed(&demo->camera, err);
            end = fg_monotonic_ns() + LAST_WORDS_MS * UINT64_C(1000000);
        }
        if (end > 0 && fg_monotonic_ns() > end)
            return 0;
    }
    return interrupted(err);
}

static int write_summary(const struct demo *demo, const struct fg_summary *s, bool passed,
                         struct fg_error *err)
{
    char path[PATH_SIZE * 2];
    struct fg_json *json = fg_json_object(), *latency = fg_json_object();
    fg_json_add_number(json, "people", s->people);
    fg_json_add_number(json, "enrolled_total", s->enrolled_total);
    fg_json_add_number(json, "enrolled_admitted", s->enrolled_admitted);
    fg_json_add_number(json, "strangers_total", s->strangers_total);
    fg_json_add_number(json, "strangers_denied", s->strangers_denied);
    fg_json_add_number(json, "wrong_admits", s->wrong_admits);
    fg_json_add_number(json, "frames", (double)s->frames);
    fg_json_add_number(json, "frames_displaced", (double)s->displaced);
    fg_json_add_number(json, "frame_bytes_copied", (double)s->frame_bytes_copied);
    fg_json_add_number(json, "decisions", s->decisions);
    fg_json_add_number(latency, "p50", s->p50_ms);
    fg_json_add_number(latency, "p99", s->p99_ms);
    fg_json_add_number(latency, "decisions", s->timed);
    fg_json_add(json, "latency_ms", latency);
    fg_json_add_bool(json, "passed", passed);
    char *text = fg_json_print(json, true);
    fg_json_destroy(json);
    FILE *file = fopen(inside(demo, "summary.json", path), "w");
    bool ok = text && file && fprintf(file, "%s\n", text) > 0;
    ok = file && fclose(file) == 0 && ok;
    free(text);
    return ok ? 0 : fg_fail(err, -EIO, "%s: cannot write: %s", path, strerror(errno));
}

static bool miss(const char *what)
{
    printf("MISSED: %s\n", what);
    return false;
}

static bool targets_hold(const struct fg_summary *s)
{
    bool ok = true;
    if (s->enrolled_total < LEAST_ENROLLED || s->strangers_total < LEAST_STRANGERS)
        ok = miss("the footage shows too few people");
    if (s->enrolled_admitted < s->enrolled_total)
        ok = miss("not every enrolled person was admitted");
    if (s->strangers_denied < s->strangers_total)
        ok = miss("not every stranger was denied");
    if (s->wrong_admits > 0)
        ok = miss("somebody was admitted who should not have been, or as somebody else");
    if (s->frames == 0)
        ok = miss("the camera saw no frame");
    if (s->frame_bytes_copied != 0)
        ok = miss("frame bytes were copied");
    if (s->timed == 0 || s->p99_ms >= MOST_P99_MS)
        ok = miss("from capture to decision took 60 ms or more");
    return ok;
}

static void print_people(const struct fg_tally *tally)
{
    printf("\nperson  is        tracks  admitted  denied\n");
    for (unsigned i = 0; i < fg_tally_people(tally); i++) {
        const struct fg_tally_person *p = fg_tally_person(tally, i);
        const bool ok = p->wrong == 0 && (p->enrolled ? p->admits > 0 : p->denials > 0);
        printf("%-7s %-9s %6u %9u %7u%s%s\n", p->name, p->enrolled ? "enrolled" : "stranger",
               p->tracks, p->admits + p->wrong, p->denials, ok ? "" : "   <- wrong",
               p->counts ? "" : "   (not counted: too few whole frames)");
    }
}

static int report(struct demo *demo, struct fg_error *err)
{
    char path[PATH_SIZE * 2], footage[PATH_SIZE * 2], caption[200];
    struct fg_summary s;
    int r = fg_tally_trace(demo->tally, inside(demo, "trace.jsonl", path), err);
    if (r < 0)
        return r;
    fg_tally_sum(demo->tally, &s);
    print_people(demo->tally);
    snprintf(caption, sizeof caption,
             "%u of %u enrolled admitted, %u of %u strangers denied, %u wrong; p50 %.0f ms, "
             "p99 %.0f ms",
             s.enrolled_admitted, s.enrolled_total, s.strangers_denied, s.strangers_total,
             s.wrong_admits, s.p50_ms, s.p99_ms);
    printf("\n%s\n%llu frames, %llu displaced, %llu frame bytes copied\n", caption,
           (unsigned long long)s.frames, (unsigned long long)s.displaced,
           (unsigned long long)s.frame_bytes_copied);
    const bool ok = targets_hold(&s);
    if ((r = write_summary(demo, &s, ok, err)) < 0)
        return r;
    r = fg_sheet_write(demo->tally, inside(demo, "footage.mjpeg", footage), caption,
                       inside(demo, "corridor.png", path), err);
    if (r < 0)
        return r;
    printf("%s/summary.json and %s/corridor.png are written\n", demo->folder, demo->folder);
    return ok ? 0 : 1;
}

static void demo_close(struct demo *demo)
{
    fg_child_stop(&demo->helper);
    fg_child_stop(&demo->camera);
    fg_child_stop(&demo->matcher);
    fg_socket_close(demo->decisions);
    fg_bus_destroy(demo->bus);
    fg_tally_destroy(demo->tally);
}

// 0: the targets hold, 1: they don't, negative: it could not be tried.
static int run(struct demo *demo, const char *build, struct fg_error *err)
{
    char truth[PATH_SIZE * 2];
    int r;
    if ((r = set_paths(demo, build, err)) < 0 ||
        (r = fg_tally_create(inside(demo, "truth.json", truth), &demo->tally, err)) < 0 ||
        (r = make_folders(demo, err)) < 0 || (r = clear_gallery(demo, err)) < 0 ||
        (r = start_matcher(demo, err)) < 0 || (r = wait_for_matcher(demo, err)) < 0 ||
        (r = enrol_all(demo, err)) < 0 || (r = listen(demo, err)) < 0 ||
        (r = start_camera(demo, err)) < 0 || (r = watch(demo, err)) < 0)
        return r;
    fg_child_stop(&demo->matcher);
    return report(demo, err);
}

int main(int argc, char **argv)
{
    struct fg_error err = {""};
    struct demo demo = {0};
    struct sigaction action = {.sa_handler = on_signal};
    if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
        fprintf(stderr,
                "usage: demo-run [BUILD_FOLDER]; from the source folder, after `footage`\n");
        return 2;
    }
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    int r = run(&demo, argc == 2 ? argv[1] : "build", &err);
    demo_close(&demo);
    if (r < 0)
        fprintf(stderr, "demo-run: %s\n", err.text);
    return r == 0 ? 0 : 1;
}
