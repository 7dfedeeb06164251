// SPDX-License-Identifier: Apache-2.0
// Footage of a swap, through the real programs: two people side by side, one enrolled and one a
// stranger, exchange places from one frame to the next. Each track goes on with another person in
// it; the two must never be fused, and the stranger never be admitted.
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/bus.h"
#include "common/json.h"
#include "demo/stage.h"
#include "tools/child.h"
#include "tools/client.h"

#define ENROLLED "p07" // on the left until the swap
#define FRAMES   90
#define SWAP_AT  45

static const char *build_folder(void)
{
    const char *named = getenv("FACEGATE_BUILD");
    return named ? named : "build";
}

struct seen {
    unsigned admits, admits_of_others, admits_on_the_left_late, admits_on_the_right_early;
    unsigned denies;
};

// Where a track was when a frame was captured: its box's middle, from the camera's trace.
struct place {
    uint64_t t_capture_ns;
    unsigned frame, track;
    double x;
};

static struct place places[FRAMES * 4];
static unsigned n_places;

static double number_of(const struct fg_json *json)
{
    char *text = fg_json_print(json, false);
    double value = strtod(text, NULL);
    free(text);
    return value;
}

static void read_trace(const char *path)
{
    static char line[1 << 16];
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        struct fg_json *json;
        assert_int_equal(fg_json_parse(line, strlen(line), &json, NULL), 0);
        const struct fg_json *tracks = fg_json_get(json, "tracks");
        for (size_t i = 0; i < fg_json_count(tracks) && n_places < FRAMES * 4; i++) {
            const struct fg_json *track = fg_json_at(tracks, i), *box = fg_json_get(track, "box");
            places[n_places++] = (struct place){
                .t_capture_ns = (uint64_t)fg_json_get_number(json, "t_capture_ns", 0),
                .frame = (unsigned)fg_json_get_number(json, "frame", 0),
                .track = (unsigned)fg_json_get_number(track, "track", 0),
                .x = number_of(fg_json_at(box, 0)) + number_of(fg_json_at(box, 2)) / 2,
            };
        }
        fg_json_destroy(json);
    }
    fclose(f);
}

static const struct place *place_of(const struct fg_json *decision)
{
    uint64_t t = (uint64_t)fg_json_get_number(decision, "t_capture_ns", 0);
    unsigned track = (unsigned)fg_json_get_number(decision, "track", 0);
    for (unsigned i = 0; i < n_places; i++)
        if (places[i].t_capture_ns == t && places[i].track == track)
            return &places[i];
    return NULL;
}

static void judge(const struct fg_json *decision, struct seen *seen)
{
    const char *outcome = fg_json_get_string(decision, "outcome", "");
    const struct place *at = place_of(decision);
    if (strcmp(outcome, "deny") == 0 || strcmp(outcome, "fallback") == 0)
        seen->denies++;
    if (strcmp(outcome, "admit") != 0)
        return;
    seen->admits++;
    seen->admits_of_others += strcmp(fg_json_get_string(decision, "subject", ""), ENROLLED) != 0;
    assert_non_null(at);
    seen->admits_on_the_left_late += at->frame >= SWAP_AT && at->x < 640;
    seen->admits_on_the_right_early += at->frame < SWAP_AT && at->x >= 640;
}

static volatile sig_atomic_t never;
static struct fg_json *kept[256]; // judged when the trace is whole
static unsigned n_kept;

static void keep_decisions(struct fg_socket *decisions, struct fg_stage *stage)
{
    struct fg_message message;
    for (unsigned quiet = 0; quiet < 20;) {
        if (fg_socket_receive(decisions, 100, &message) == 0) {
            assert_in_range(n_kept, 0, 255);
            assert_int_equal(message.count, 2);
            assert_int_equal(fg_json_parse(message.parts[1].data, message.parts[1].length,
                                           &kept[n_kept++], NULL),
                             0);
        } else if (fg_child_ended(&stage->camera)) {
            quiet++;
        }
    }
}

static double swaps_counted(const struct fg_stage *stage)
{
    struct fg_client *client;
    struct fg_json *reply;
    struct fg_error err;
    assert_int_equal(fg_client_open(stage->endpoints[FG_STAGE_CONTROL], 5000, &client, &err), 0);
    assert_int_equal(fg_client_do(client, fg_client_request("status"), NULL, 0, 0, &reply, &err),
                     0);
    double swaps = fg_json_get_number(fg_json_get(reply, "counters"), "swaps", -1);
    fg_json_destroy(reply);
    fg_client_close(client);
    return swaps;
}

static void must(int code, const struct fg_error *err)
{
    if (code < 0)
        fail_msg("%s", err->text);
}

static void make_footage(const char *folder)
{
    char program[256], log[FG_STAGE_PATH + 8];
    snprintf(program, sizeof program, "%s/footage", build_folder());
    snprintf(log, sizeof log, "%s.log", folder);
    const char *argv[] = {program,
                          "--swap",
                          folder,
                          "models/sample1.jpg",
                          "models/sample2.jpg",
                          "models/sample3.jpg",
                          "models/sample4.jpg",
                          "models/sample5.jpg",
                          "models/sample6.jpg",
                          NULL};
    struct fg_child child = {0};
    struct fg_error err;
    must(fg_child_start(&child, argv, log, &err), &err);
    assert_int_equal(fg_child_wait(&child, 240000), 0);
    assert_int_equal(child.exit_code, 0);
}

static void test_swap(void **state)
{
    (void)state;
    if (access("models/sample6.jpg", R_OK) != 0 || access("models/MobileFaceNet.tflite", R_OK) != 0)
        skip();
    struct fg_stage stage;
    struct fg_error err = {""};
    struct fg_bus *bus;
    struct fg_socket *decisions;
    char path[FG_STAGE_PATH];
    snprintf(path, sizeof path, "%s/swap", build_folder());
    make_footage(path);
    must(fg_stage_open(build_folder(), "swap", "profiles/demo.ini", "models", &never, &stage, &err),
         &err);
    must(fg_stage_start_matcher(&stage, &err), &err);
    must(fg_stage_enrol(&stage, ENROLLED, &err), &err);
    assert_int_equal(fg_bus_create(&bus), 0);
    must(fg_socket_connect(bus, FG_SOCKET_SUB, stage.endpoints[FG_STAGE_DECISION], 256, &decisions,
                           &err),
         &err);
    assert_int_equal(fg_socket_subscribe(decisions, "", 0), 0);
    usleep(200000); // a subscription takes its way
    // every frame is looked at, and each face about every third, so that the time it takes this
    // machine decides nothing
    must(fg_stage_start_camera(&stage, "0", "30", &err), &err);
    keep_decisions(decisions, &stage);
    assert_int_equal(stage.camera.exit_code, 0);
    double swaps = swaps_counted(&stage);
    read_trace(fg_stage_path(&stage, "trace.jsonl", path));
    struct seen seen = {0};
    for (unsigned i = 0; i < n_kept; i++) {
        judge(kept[i], &seen);
        fg_json_destroy(kept[i]);
    }
    assert_in_range(seen.admits, 1, 2); // the enrolled one, before the swap or also after it
    assert_int_equal(seen.admits_of_others, 0);
    assert_int_equal(seen.admits_on_the_left_late, 0);   // the stranger stands there now
    assert_int_equal(seen.admits_on_the_right_early, 0); // and stood here
    assert_in_range(seen.denies, 1, 4);
    assert_true(swaps >= 1);
    fg_socket_close(decisions);
    fg_bus_destroy(bus);
    fg_stage_close(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_swap)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
