// SPDX-License-Identifier: Apache-2.0
// bench_code: what a look for QR codes takes, by the camera's resolution, and how many looks a pass
// of 6 cm takes that somebody holds before a lens of 45 degrees, by its distance, indoors and in
// harder pictures (tests/code_scene.h draws them). One thread. Prints two tables and writes
// build/bench/code.json.
#include <stdio.h>
#include <stdlib.h>

#include "bench/contest.h"
#include "bench/figures.h"
#include "common/clock.h"
#include "common/wipe.h"
#include "pipeline/code.h"
#include "tests/code_tries.h"

#define SIDE     6.0 // cm
#define RUNS     60u
#define ATTEMPTS 8u
#define LOOKS    5 // one second

static void die(const char *what)
{
    fprintf(stderr, "bench_code: %s\n", what);
    exit(1);
}

static void ignore(void *context, const uint8_t *bytes, size_t length)
{
    (void)bytes;
    (void)length;
    ++*(unsigned *)context;
}

// ---- the time of a look -------------------------------------------------------------------------

struct size {
    const char *key;
    uint32_t width, height;
};
static const struct size sizes[] = {
    {"360p", 640, 360}, {"720p", 1280, 720}, {"1080p", 1920, 1080}, {"2160p", 3840, 2160}};

static double time_look(struct fg_code_reader *reader, const struct code_scene *scene,
                        unsigned *found)
{
    static uint64_t now;
    const uint64_t start = fg_monotonic_ns();
    now += UINT64_C(2000000000); // apart: no code is left out as told already
    if (fg_code_look(reader, &scene->frame, now, ignore, found) < 0)
        die("a look failed");
    return (double)(fg_monotonic_ns() - start) / 1e6;
}

// Of those at full size, which are every other one.
static double time_looks(const struct code_scene *scene, unsigned *ret_found)
{
    unsigned found_at_half = 0;
    struct fg_code_reader *reader = NULL;
    struct fg_samples ms = {.count = 0};
    *ret_found = 0;
    if (fg_code_reader_create(&reader) < 0)
        die("no memory");
    for (unsigned i = 0; i < RUNS; i++) {
        ms.values[ms.count++] = time_look(reader, scene, ret_found);
        time_look(reader, scene, &found_at_half);
    }
    fg_code_reader_destroy(reader);
    return fg_samples_median(&ms);
}

static void time_size(const struct size *size, const struct qr_matrix *code,
                      struct fg_figures *figures)
{
    struct code_scene scene = code_scene_gate;
    const struct code_pose pose = {.distance = 30, .side = SIDE, .x = 0.5, .y = 0.5};
    char key[64], meaning[96];
    unsigned found;
    scene.width = size->width;
    scene.height = size->height;
    code_scene_begin(&scene);
    const double without = time_looks(&scene, &found);
    code_scene_add(&scene, code, &pose);
    const double with = time_looks(&scene, &found);
    fg_wipe_on_free(true);
    const double wiping = time_looks(&scene, &found);
    fg_wipe_on_free(false);
    code_scene_end(&scene);
    printf("%-6s %4ux%-5u %8.2f %8.2f %8.2f   %s\n", size->key, size->width, size->height, without,
           with, wiping, found == RUNS ? "read" : "not read");
    snprintf(key, sizeof key, "look_ms_%s", size->key);
    snprintf(meaning, sizeof meaning, "a look at %ux%u, no code in it (ms)", size->width,
             size->height);
    fg_figures_add(figures, key, without, meaning);
    snprintf(key, sizeof key, "look_ms_%s_code", size->key);
    fg_figures_add(figures, key, with, "the same with a pass at 30 cm (ms)");
    snprintf(key, sizeof key, "look_ms_%s_wiped", size->key);
    fg_figures_add(figures, key, wiping, "the same where nothing is kept (ms)");
}

// ---- how many looks -----------------------------------------------------------------------------

struct setting {
    const char *key, *name;
    double blur, noise, glare;
};
static const struct setting settings[] = {{"indoors", "indoors", 0.7, 4, 0},
                                          {"glare", "a lamp's reflection", 0.7, 4, 160},
                                          {"soft", "out of focus", 1.6, 4, 0},
                                          {"dim", "dim, noisy", 0.9, 9, 0}};
static const double distances[] = {15, 20, 30, 40, 50, 60};

static void try_all(const struct setting *setting, const struct qr_matrix *code, const char *text,
                    struct fg_figures *figures)
{
    struct code_scene scene = code_scene_gate;
    scene.blur = setting->blur;
    scene.noise = setting->noise;
    scene.glare = setting->glare;
    for (size_t i = 0; i < sizeof distances / sizeof *distances; i++) {
        struct code_tries tries;
        char key[64];
        const struct code_pose pose = {.distance = distances[i], .side = SIDE};
        code_tries_run(&scene, code, text, SIDE, distances[i], ATTEMPTS, LOOKS, &tries);
        const double share = (double)tries.read / tries.attempts,
                     median = code_tries_median(&tries);
        printf("%-20s %3.0f cm %5.1f %7.0f%% %7.0f%% %8.1f\n", setting->name, distances[i],
               code_scene_module(&scene, code, &pose), 100 * share,
               100.0 * tries.at_once / tries.attempts, median);
        snprintf(key, sizeof key, "read_%s_%.0fcm", setting->key, distances[i]);
        fg_figures_add(figures, key, share, "share read within a second");
        snprintf(key, sizeof key, "looks_%s_%.0fcm", setting->key, distances[i]);
        fg_figures_add(figures, key, median, "median looks; 6: not read");
    }
}

int main(void)
{
    static struct qr_matrix code;
    struct fg_figures *figures = fg_figures_create();
    struct fg_error err = {""};
    const char *text = code_pass_text();
    qr_matrix_make(text, &code);
    printf("a look, median of %u, in ms; a pass of %u modules\n", RUNS, code.size);
    printf("%-6s %-10s %8s %8s %8s\n", "", "picture", "no code", "a code", "wiping");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        time_size(&sizes[i], &code, figures);
    printf("\n720p, 45 degrees, %.0f cm, %u hands each\n", SIDE, ATTEMPTS);
    printf("%-20s %6s %5s %8s %8s %8s\n", "", "", "px", "read", "at once", "looks");
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        try_all(&settings[i], &code, text, figures);
    if (fg_figures_write(figures, "code", &err) < 0)
        die(err.text);
    fg_figures_destroy(figures);
    return 0;
}
