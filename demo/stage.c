// SPDX-License-Identifier: Apache-2.0
#include "demo/stage.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"

#define READY_MS 10000
#define ENROL_MS 30000
#define LOOK_NS  UINT64_C(100000000)

const char *fg_stage_path(const struct fg_stage *stage, const char *name, char ret[FG_STAGE_PATH])
{
    snprintf(ret, FG_STAGE_PATH, "%s/%s", stage->folder, name);
    return ret;
}

static int set_paths(struct fg_stage *stage, const char *build, const char *name,
                     struct fg_error *err)
{
    static const char *const programs[] = {"facegate-matcher", "facegate-camera", "facegate"};
    static const char *const sockets[] = {"probe/probe.sock", "gate/decision.sock",
                                          "admin/control.sock"};
    if (strlen(build) + strlen(name) > 64) // an ipc path has 107 bytes
        return fg_fail(err, -ENAMETOOLONG, "%s: too long a path; run from the source folder",
                       build);
    snprintf(stage->folder, sizeof stage->folder, "%s/%s", build, name);
    for (int i = 0; i < FG_STAGE_PROGRAMS; i++)
        snprintf(stage->programs[i], sizeof *stage->programs, "%s/%s", build, programs[i]);
    for (int i = 0; i < FG_STAGE_SOCKETS; i++)
        snprintf(stage->endpoints[i], sizeof *stage->endpoints, "ipc://%s/%s/%s", build, name,
                 sockets[i]);
    return 0;
}

// A gallery of this run alone: yesterday's would make each enrolment a duplicate.
static int clear_gallery(const struct fg_stage *stage, struct fg_error *err)
{
    static const char *const files[] = {"gallery/data.mdb",
                                        "gallery/lock.mdb",
                                        "gallery/lock",
                                        "gallery/keys",
                                        "master.key",
                                        "trace.jsonl",
                                        "summary.json",
                                        "corridor.png",
                                        "gallery/ledger/data.mdb",
                                        "gallery/ledger/lock.mdb",
                                        "gallery/ledger/lock"};
    char path[FG_STAGE_PATH];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (unlink(fg_stage_path(stage, files[i], path)) < 0 && errno != ENOENT)
            return fg_fail(err, -errno, "%s: cannot remove: %s", path, strerror(errno));
    }
    return 0;
}

static int make_folders(const struct fg_stage *stage, struct fg_error *err)
{
    static const char *const folders[] = {"", "probe", "gate", "admin", "gallery"};
    char path[FG_STAGE_PATH];
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        if (mkdir(fg_stage_path(stage, folders[i], path), 0770) < 0 && errno != EEXIST)
            return fg_fail(err, -errno, "%s: cannot make the folder: %s", path, strerror(errno));
    }
    return 0;
}

int fg_stage_failed(const struct fg_child *child, struct fg_error *err)
{
    char words[400];
    fg_child_last_words(child, words, sizeof words);
    const bool killed = child->exit_code > 128;
    return fg_fail(err, -EIO, "%s %s %d; its last line (%s): %s", child->name,
                   killed ? "was killed by signal" : "ended with code",
                   killed ? child->exit_code - 128 : child->exit_code, child->log,
                   words[0] ? words : "none");
}

static int interrupted(struct fg_error *err)
{
    return fg_fail(err, -EINTR, "interrupted");
}

// Runs one command of facegate to its end; its exit code, or a negative errno.
static int run_helper(struct fg_stage *stage, const char *const *argv, int timeout_ms,
                      struct fg_error *err)
{
    char log[FG_STAGE_PATH];
    int r = fg_child_start(&stage->helper, argv, fg_stage_path(stage, "facegate.log", log), err);
    if (r < 0)
        return r;
    r = fg_child_wait(&stage->helper, timeout_ms);
    if (r == 0)
        return stage->helper.exit_code;
    fg_child_stop(&stage->helper);
    if (r == -EINTR)
        return interrupted(err);
    return fg_fail(err, r, "facegate %s gave no answer in %d s", argv[1], timeout_ms / 1000);
}

static int launch_matcher(struct fg_stage *stage, struct fg_error *err)
{
    char gallery[FG_STAGE_PATH], key[FG_STAGE_PATH], log[FG_STAGE_PATH];
    char card[FG_STAGE_PATH];
    snprintf(card, sizeof card, "%s/mobilefacenet.card", stage->models);
    const char *argv[] = {stage->programs[FG_STAGE_MATCHER],
                          "--gallery",
                          fg_stage_path(stage, "gallery", gallery),
                          "--profile",
                          stage->profile,
                          "--model",
                          card,
                          "--probe",
                          stage->endpoints[FG_STAGE_PROBE],
                          "--decision",
                          stage->endpoints[FG_STAGE_DECISION],
                          "--control",
                          stage->endpoints[FG_STAGE_CONTROL],
                          "--key",
                          fg_stage_path(stage, "master.key", key),
                          "--make-key",
                          NULL};
    return fg_child_start(&stage->matcher, argv, fg_stage_path(stage, "matcher.log", log), err);
}

// Ready when it answers.
static int wait_for_matcher(struct fg_stage *stage, struct fg_error *err)
{
    const char *argv[] = {stage->programs[FG_STAGE_FACEGATE], "status", "--control",
                          stage->endpoints[FG_STAGE_CONTROL], NULL};
    const uint64_t end = fg_monotonic_ns() + READY_MS * UINT64_C(1000000);
    while (!*stage->stop) {
        if (fg_child_ended(&stage->matcher))
            return fg_stage_failed(&stage->matcher, err);
        int code = run_helper(stage, argv, READY_MS, err);
        if (code <= 0)
            return code;
        if (fg_monotonic_ns() > end)
            return fg_stage_failed(&stage->helper, err);
        fg_sleep_until_ns(fg_monotonic_ns() + LOOK_NS);
    }
    return interrupted(err);
}

int fg_stage_start_matcher(struct fg_stage *stage, struct fg_error *err)
{
    int r = launch_matcher(stage, err);
    return r < 0 ? r : wait_for_matcher(stage, err);
}

int fg_stage_enrol(struct fg_stage *stage, const char *person, struct fg_error *err)
{
    char first[FG_STAGE_PATH], second[FG_STAGE_PATH], name[64];
    snprintf(name, sizeof name, "enrol/%s_1.jpg", person);
    fg_stage_path(stage, name, first);
    snprintf(name, sizeof name, "enrol/%s_2.jpg", person);
    fg_stage_path(stage, name, second);
    snprintf(name, sizeof name, "%s", person);
    const char *argv[] = {stage->programs[FG_STAGE_FACEGATE],
                          "enrol",
                          "--control",
                          stage->endpoints[FG_STAGE_CONTROL],
                          "--models",
                          stage->models,
                          "--id",
                          name,
                          first,
                          second,
                          NULL};
    int code = run_helper(stage, argv, ENROL_MS, err);
    if (code > 0)
        return fg_stage_failed(&stage->helper, err);
    return code;
}

int fg_stage_start_camera(struct fg_stage *stage, const char *rate, const char *shot_ms,
                          struct fg_error *err)
{
    char source[FG_STAGE_PATH], trace[FG_STAGE_PATH], log[FG_STAGE_PATH];
    snprintf(source, sizeof source, "file:%s/footage.mjpeg", stage->folder);
    const char *argv[] = {stage->programs[FG_STAGE_CAMERA],
                          "--source",
                          source,
                          "--rate",
                          rate,
                          "--shot-ms",
                          shot_ms,
                          "--lane",
                          FG_STAGE_LANE,
                          "--id",
                          "cam1",
                          "--probe",
                          stage->endpoints[FG_STAGE_PROBE],
                          "--models",
                          stage->models,
                          "--trace",
                          fg_stage_path(stage, "trace.jsonl", trace),
                          NULL};
    return fg_child_start(&stage->camera, argv, fg_stage_path(stage, "camera.log", log), err);
}

int fg_stage_open(const char *build, const char *name, const char *profile, const char *models,
                  const volatile sig_atomic_t *stop, struct fg_stage *stage, struct fg_error *err)
{
    *stage = (struct fg_stage){.profile = profile, .models = models, .stop = stop};
    int r = set_paths(stage, build, name, err);
    if (r == 0)
        r = make_folders(stage, err);
    return r < 0 ? r : clear_gallery(stage, err);
}

void fg_stage_close(struct fg_stage *stage)
{
    fg_child_stop(&stage->helper);
    fg_child_stop(&stage->camera);
    fg_child_stop(&stage->matcher);
}
