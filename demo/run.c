// SPDX-License-Identifier: Apache-2.0
// demo-run: the gate at work on the made footage, with the real programs, held against the truth.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/bus.h"
#include "common/clock.h"
#include "common/json.h"
#include "demo/sheet.h"
#include "demo/stage.h"
#include "demo/tally.h"

#define PROFILE       "profiles/demo.ini"
#define MODELS        "models"
#define LAST_WORDS_MS 2000
#define LOOK_MS       100

// What the demo has to show. The footage must hold so many people, or it shows nothing.
#define LEAST_ENROLLED  8
#define LEAST_STRANGERS 6
#define MOST_P99_MS     60.0

struct demo {
    struct fg_stage stage;
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

static int interrupted(struct fg_error *err)
{
    return fg_fail(err, -EINTR, "interrupted");
}

static int enrol_all(struct demo *demo, struct fg_error *err)
{
    unsigned enrolled = 0;
    for (unsigned i = 0; i < fg_tally_people(demo->tally) && !stop; i++) {
        const struct fg_tally_person *person = fg_tally_person(demo->tally, i);
        if (!person->enrolled)
            continue;
        int r = fg_stage_enrol(&demo->stage, person->name, err);
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
    r = fg_socket_connect(demo->bus, FG_SOCKET_SUB, demo->stage.endpoints[FG_STAGE_DECISION], 256,
                          &demo->decisions, err);
    if (r == 0)
        r = fg_socket_subscribe(demo->decisions, FG_STAGE_LANE, sizeof FG_STAGE_LANE);
    return r;
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
        if (fg_child_ended(&demo->stage.matcher))
            return fg_stage_failed(&demo->stage.matcher, err);
        if (end == 0 && fg_child_ended(&demo->stage.camera)) {
            if (demo->stage.camera.exit_code != 0)
                return fg_stage_failed(&demo->stage.camera, err);
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
    char path[FG_STAGE_PATH];
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
    FILE *file = fopen(fg_stage_path(&demo->stage, "summary.json", path), "w");
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
    if (s->timed == 0 || s->p99_ms >= MOST_P99_MS) // said, but a busy machine is no failure
        miss("from capture to decision took 60 ms or more");
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
    char path[FG_STAGE_PATH], footage[FG_STAGE_PATH], caption[200];
    struct fg_summary s;
    int r = fg_tally_trace(demo->tally, fg_stage_path(&demo->stage, "trace.jsonl", path), err);
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
    r = fg_sheet_write(demo->tally, fg_stage_path(&demo->stage, "footage.mjpeg", footage), caption,
                       fg_stage_path(&demo->stage, "corridor.png", path), err);
    if (r < 0)
        return r;
    printf("%s/summary.json and %s/corridor.png are written\n", demo->stage.folder,
           demo->stage.folder);
    return ok ? 0 : 1;
}

static void demo_close(struct demo *demo)
{
    fg_stage_close(&demo->stage);
    fg_socket_close(demo->decisions);
    fg_bus_destroy(demo->bus);
    fg_tally_destroy(demo->tally);
}

// 0: the targets hold, 1: they don't, negative: it could not be tried.
static int run(struct demo *demo, const char *build, struct fg_error *err)
{
    char truth[FG_STAGE_PATH];
    int r = fg_stage_open(build, "demo", PROFILE, MODELS, &stop, &demo->stage, err);
    if (r < 0 ||
        (r = fg_tally_create(fg_stage_path(&demo->stage, "truth.json", truth), &demo->tally, err)) <
            0 ||
        (r = fg_stage_start_matcher(&demo->stage, err)) < 0 || (r = enrol_all(demo, err)) < 0 ||
        (r = listen(demo, err)) < 0)
        return r;
    demo->t_start_ns = fg_monotonic_ns();
    if ((r = fg_stage_start_camera(&demo->stage, "30", "250", err)) < 0 ||
        (r = watch(demo, err)) < 0)
        return r;
    fg_child_stop(&demo->stage.matcher);
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
