// SPDX-License-Identifier: Apache-2.0
// A matcher whose profile keeps nothing: the programs themselves, a camera and its person played.
// One second after the decision nothing of the live face, of the document or of the pass is in the
// memory of matcher, portrait check or gate. The same search finds it where the profile keeps.
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base45.h"
#include "common/bus.h"
#include "common/card.h"
#include "common/clock.h"
#include "common/wire.h"
#include "matcher/token_keys.h"
#include "matcher/tracks.h"
#include "pipeline/portrait_look.h"
#include "tests/lane_rig.h"
#include "tests/memory_search.h"
#include "tests/rig.h"
#include "tools/child.h"

#define LANE        "1"
#define PATIENCE_NS UINT64_C(30000000000)
#define PROBE_NS    UINT64_C(100000000)
#define PROBES      12
#define SECOND_NS   UINT64_C(1000000000)

enum kind { LIVE, LIVE_TEMPLATE, FUSED, BROUGHT, BROUGHT_TEMPLATE, BROUGHT_BYTES, KINDS };
static const char *const kind_names[KINDS] = {
    "the live vector",       "the live template",       "the fused vector",
    "the document's vector", "the document's template", "the document's bytes",
};

// What is brought, and whom it is of.
struct brought {
    uint64_t model;
    uint32_t dimension;
    float vector[FG_WIRE_DIMENSION];
    char text[FG_TOKEN_TEXT]; // of a pass
    struct memory_runs *runs;
};

static struct fg_vision *vision;
static bool can_read;

static bool can_test(void)
{
    if (rig_has_models() && can_read)
        return true;
    print_message("models/ is empty, another user's memory can't be read, or a sanitizer keeps "
                  "what is freed\n");
    return false;
}

static int open_all(void **state)
{
    (void)state;
    can_read = geteuid() == 0; // the programs let nobody else look at their memory
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    can_read = false;
#endif
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    fg_vision_close(vision);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    if (rig_has_models())
        rig_open();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (!rig_has_models())
        return 0;
    rig_close();
    return 0;
}

static const char *endpoint(const char *name)
{
    static char text[4][160];
    static unsigned turn;
    char *t = text[turn++ % 4];
    snprintf(t, sizeof text[0], "ipc://%s", rig_path("%s", name));
    return t;
}

// ---- programs -----------------------------------------------------------------------------------

static void write_profile(const char *path, const char *mode, bool keep_nothing)
{
    char text[600];
    const int length =
        snprintf(text, sizeof text,
                 "[profile]\nname = test\nmode = %s\nfmr = 1e-4\n"
                 "liveness = attended\nattempts = 3\ngood_probes = 5\n"
                 "decide_ms = 3000\ntoken_s = 60\npassage = on-admit\n"
                 "recording = nothing\n%skeep_nothing = %s\n",
                 mode, strcmp(mode, "portrait") == 0 ? "documents = authenticated\n" : "",
                 keep_nothing ? "yes" : "no");
    rig_write(path, text, (size_t)length);
}

static void start_matcher(const char *mode, bool keep_nothing)
{
    const char *profile = rig_path("%s.ini", mode);
    const bool pass = strcmp(mode, "pass") == 0;
    write_profile(profile, mode, keep_nothing);
    const char *const words[] = {
        pass ? "--tokens" : "--portrait",
        pass ? rig_path("north.gate.key") : rig_program("facegate-portrait"), NULL};
    rig_start_matcher_with(profile, words);
}

static void start_gate(struct fg_child *gate)
{
    char text[600];
    struct fg_error err = {""};
    const int length = snprintf(
        text, sizeof text, "[zmq]\npublish = %s\n[sockets]\ndecision = %s\nlane = %s\nprobe = %s\n",
        endpoint("gate"), endpoint("decision"), endpoint("lane.sock"), endpoint("probe"));
    rig_write(rig_path("gate.conf"), text, (size_t)length);
    const char *const argv[] = {rig_program("facegate-gate"), "--lane", LANE, "--config",
                                rig_path("gate.conf"),        NULL};
    if (fg_child_start(gate, argv, rig_path("gate.log"), &err) < 0)
        fail_msg("%s", err.text);
}

// ---- somebody before a camera -------------------------------------------------------------------

struct played {
    struct fg_bus *bus;
    struct fg_socket *probes, *decisions;
    struct fg_wire_message message;
    uint8_t body[FG_WIRE_MAX];
    struct fg_track track; // fused as the matcher fuses
    char outcome[16];
    uint64_t t_decision_ns;
};

static void play_start(struct played *p)
{
    struct fg_error err = {""};
    *p = (struct played){.bus = NULL};
    assert_int_equal(fg_bus_create(&p->bus), 0);
    if (fg_socket_connect(p->bus, FG_SOCKET_PUB, endpoint("probe"), 64, &p->probes, &err) < 0 ||
        fg_socket_connect(p->bus, FG_SOCKET_SUB, endpoint("decision"), 64, &p->decisions, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(fg_socket_subscribe(p->decisions, "", 0), 0);
    assert_int_equal(fg_socket_wait_subscriber(p->probes, 10000), 0);
    p->message.head = (struct fg_wire_head){
        .lane = LANE, .source = "played", .session = 9, .boot = fg_boot_number()};
}

static void play_end(struct played *p)
{
    fg_socket_close(p->probes);
    fg_socket_close(p->decisions);
    fg_bus_destroy(p->bus);
}

static void send(struct played *p, enum fg_wire_type type)
{
    struct fg_wire_head *head = &p->message.head;
    char topic[FG_WIRE_NAME];
    head->type = type;
    head->sequence++;
    head->t_capture_ns = head->t_publish_ns = fg_monotonic_ns();
    const int length = fg_wire_encode(&p->message, p->body, NULL);
    assert_true(length > 0);
    const struct fg_part parts[] = {{topic, fg_wire_topic(LANE, topic)}, {p->body, (size_t)length}};
    assert_int_equal(fg_socket_send(p->probes, parts, 2), 0);
}

// As a camera of a lane that keeps nothing sends it.
static void send_blank(struct played *p)
{
    p->message.blank.length = FG_WIRE_BLANK_MAX;
    send(p, FG_WIRE_BLANK);
}

static float pseudo(unsigned *state) // -1..1
{
    *state = *state * 1664525u + 1013904223u;
    return (float)(*state >> 8) / (float)(1u << 23) - 1;
}

// The face once more, a little different, as each frame makes it.
static void see(const struct brought *b, unsigned look, float ret[FG_WIRE_DIMENSION])
{
    unsigned state = look + 1;
    double square = 0;
    for (uint32_t i = 0; i < b->dimension; i++) {
        ret[i] = b->vector[i] + 0.04f * pseudo(&state);
        square += (double)ret[i] * (double)ret[i];
    }
    for (uint32_t i = 0; i < b->dimension; i++)
        ret[i] /= (float)sqrt(square);
}

static void add(const struct brought *b, enum kind kind, const float *vector)
{
    memory_runs_add(b->runs, kind, vector, b->dimension * sizeof *vector, 1);
}

static void add_template(const struct brought *b, enum kind kind, const float *vector)
{
    struct fg_template quantised;
    assert_int_equal(fg_template_from_vector(vector, b->dimension, &quantised), 0);
    assert_true(memory_runs_add(b->runs, kind, quantised.values, b->dimension, 1) > 0);
}

static void send_probe(struct played *p, const struct brought *b, unsigned look)
{
    p->message.probe = (struct fg_wire_probe){.model = b->model,
                                              .frame = look,
                                              .track = 1,
                                              .width = 1280,
                                              .height = 720,
                                              .quality.unified = 0.8f,
                                              .faces = 1,
                                              .dimension = b->dimension};
    see(b, look, p->message.probe.vector);
    add(b, LIVE, p->message.probe.vector);
    add_template(b, LIVE_TEMPLATE, p->message.probe.vector);
    fg_track_fuse(&p->track, &p->message.probe, 0);
    add(b, FUSED, p->track.mean);
    add(b, FUSED, p->track.sum);
    send(p, FG_WIRE_PROBE);
    send_blank(p);
}

// Until a decision that is no retry, or the time.
static void hear(struct played *p, uint64_t until_ns)
{
    struct fg_message m;
    while (fg_monotonic_ns() < until_ns && !p->t_decision_ns) {
        struct fg_json *decision = NULL;
        if (fg_socket_receive(p->decisions, 10, &m) < 0)
            continue;
        assert_int_equal(fg_json_parse(m.parts[1].data, m.parts[1].length, &decision, NULL), 0);
        snprintf(p->outcome, sizeof p->outcome, "%s", fg_json_get_string(decision, "outcome", ""));
        if (strcmp(p->outcome, "retry") != 0)
            p->t_decision_ns = fg_monotonic_ns();
        fg_json_destroy(decision);
    }
}

static void stand_there(struct played *p, const struct brought *b)
{
    const uint64_t limit = fg_monotonic_ns() + PATIENCE_NS;
    for (unsigned look = 0; look < PROBES && !p->t_decision_ns; look++) {
        send_probe(p, b, look);
        hear(p, fg_monotonic_ns() + PROBE_NS);
    }
    hear(p, limit);
    assert_string_equal(p->outcome, "admit");
}

// ---- what is in memory --------------------------------------------------------------------------

static pid_t parent_of(pid_t pid)
{
    char path[64], text[512] = "";
    int parent = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (file && fgets(text, sizeof text, file) && strrchr(text, ')'))
        sscanf(strrchr(text, ')'), ") %*c %d", &parent);
    if (file)
        fclose(file);
    return parent;
}

static void search(pid_t pid, const char *name, const struct brought *b, size_t counts[KINDS])
{
    struct memory_image image;
    struct memory_found found;
    int code = memory_read(pid, "/nothing/is/left/out", &image);
    if (code < 0) {
        assert_string_equal(name, "a check"); // one that has just been ended
        return;
    }
    memory_search(&image, b->runs, &found);
    for (int k = 0; k < KINDS; k++) {
        counts[k] += found.count[k];
        if (found.count[k])
            print_message("%s: %zu runs of %s, the first at %llx in %s\n", name, found.count[k],
                          kind_names[k], (unsigned long long)found.address[k], found.name[k]);
    }
    memory_free(&image);
}

static void search_all(const struct fg_child *gate, const struct brought *b, size_t counts[KINDS])
{
    struct dirent *entry;
    DIR *proc = opendir("/proc");
    assert_non_null(proc);
    memset(counts, 0, KINDS * sizeof *counts);
    search(rig_matcher(), "the matcher", b, counts);
    search(gate->pid, "the gate", b, counts);
    while ((entry = readdir(proc)) != NULL) {
        const pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid > 0 && parent_of(pid) == rig_matcher())
            search(pid, "a check", b, counts);
    }
    closedir(proc);
}

// ---- one passage --------------------------------------------------------------------------------

// What says what is in the picture; the tables before it are in any decoder.
static void add_scan(const struct brought *b, const uint8_t *jpeg, size_t length)
{
    static const uint8_t start_of_scan[] = {0xff, 0xda};
    const uint8_t *scan = memmem(jpeg, length, start_of_scan, sizeof start_of_scan);
    assert_non_null(scan);
    const size_t added =
        memory_runs_add(b->runs, BROUGHT_BYTES, scan, length - (size_t)(scan - jpeg), 1);
    assert_true(added > 10000);
}

static void bring_document(struct brought *b)
{
    const char *picture = rig_path("document.jpg");
    struct fg_portrait_looked looked;
    struct fg_error err = {""};
    assert_true(rig_crop(1, 0, 0.6, 1, picture));
    FILE *file = fopen(picture, "r");
    static uint8_t bytes[1 << 20];
    assert_non_null(file);
    const size_t length = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    if (!vision) {
        const struct fg_vision_options options = {.models = getenv("FACEGATE_MODELS")};
        assert_int_equal(fg_vision_open(&options, &vision, &err), 0);
    }
    assert_int_equal(fg_portrait_look(vision, bytes, length, &looked, b->vector, &err), 0);
    assert_int_equal(looked.reason, FG_PORTRAIT_GOOD);
    b->model = fg_vision_embedder_card(vision)->id;
    b->dimension = fg_card_template_dimension(fg_vision_embedder_card(vision));
    add_scan(b, bytes, length);
    if (rig_run("check", "--lane", LANE, "--document", "authenticated", picture) != 0)
        fail_msg("%s%s", rig_out, rig_err);
}

static void issue_pass(struct brought *b)
{
    struct fg_token_keys *keys = NULL;
    struct fg_token token;
    struct fg_error err = {""};
    const char *face = rig_path("face.jpg");
    assert_true(rig_crop(1, 0, 0.6, 1, face));
    if (rig_run("pass", "keygen", rig_path("north")) != 0 ||
        rig_run("pass", "issue", "--key", rig_path("north.issue.key"), "--photo", face, "--days",
                "2", "--out", rig_path("pass.png"), "--json") != 0)
        fail_msg("%s%s", rig_out, rig_err);
    struct fg_json *json = rig_json();
    snprintf(b->text, sizeof b->text, "%s", fg_json_get_string(json, "text", ""));
    fg_json_destroy(json);
    assert_int_equal(fg_token_keys_create(&keys, &err), 0);
    assert_int_equal(fg_token_keys_read(keys, rig_path("north.gate.key"), &err), 0);
    assert_int_equal(fg_token_read_text(b->text, strlen(b->text), keys, &token, &err), 0);
    fg_token_keys_destroy(keys);
    b->model = token.model;
    b->dimension = token.dimension;
    for (uint32_t i = 0; i < b->dimension; i++)
        b->vector[i] = token.face.scale * (float)token.face.values[i];
}

static void bring_pass(struct played *p, struct brought *b)
{
    uint8_t bytes[FG_TOKEN_BYTES];
    size_t length = 0;
    assert_int_equal(fg_base45_decode(b->text, strlen(b->text), bytes, sizeof bytes, &length), 0);
    memory_runs_add(b->runs, BROUGHT_BYTES, b->text, strlen(b->text), 1);
    memory_runs_add(b->runs, BROUGHT_BYTES, bytes, length, 1);
    p->message.token = (struct fg_wire_token){.track = 0, .length = (uint32_t)strlen(b->text)};
    memcpy(p->message.token.bytes, b->text, p->message.token.length);
    send(p, FG_WIRE_TOKEN_READ);
    send_blank(p);
}

// Somebody comes, shows what they have brought, and is let through.
static void one_passage(const char *mode, bool keep_nothing, size_t counts[KINDS])
{
    static struct brought brought;
    static struct played played;
    struct fg_child gate = {0};
    const bool pass = strcmp(mode, "pass") == 0;
    brought = (struct brought){.runs = memory_runs_create()};
    if (pass)
        issue_pass(&brought);
    start_matcher(mode, keep_nothing);
    start_gate(&gate);
    play_start(&played);
    if (pass)
        bring_pass(&played, &brought);
    else
        bring_document(&brought);
    add(&brought, BROUGHT, brought.vector);
    add_template(&brought, BROUGHT_TEMPLATE, brought.vector);
    stand_there(&played, &brought);
    fg_sleep_until_ns(played.t_decision_ns + SECOND_NS);
    assert_false(fg_child_ended(&gate));
    search_all(&gate, &brought, counts);
    play_end(&played);
    fg_child_stop(&gate);
    rig_stop_matcher();
    memory_runs_destroy(brought.runs);
}

static void keeps_nothing(const char *mode)
{
    size_t counts[KINDS];
    one_passage(mode, true, counts);
    for (int k = 0; k < KINDS; k++)
        assert_int_equal(counts[k], 0);
}

static void test_portrait_keeps_nothing(void **state)
{
    (void)state;
    if (!can_test())
        skip();
    keeps_nothing("portrait");
}

static void test_pass_keeps_nothing(void **state)
{
    (void)state;
    if (!can_test())
        skip();
    keeps_nothing("pass");
}

// The search finds what is there.
static void test_portrait_kept(void **state)
{
    size_t counts[KINDS];
    (void)state;
    if (!can_test())
        skip();
    one_passage("portrait", false, counts);
    assert_true(counts[FUSED] > 0);
    assert_true(counts[BROUGHT_BYTES] > 0);
}

static void test_pass_kept(void **state)
{
    size_t counts[KINDS];
    (void)state;
    if (!can_test())
        skip();
    one_passage("pass", false, counts);
    assert_true(counts[FUSED] > 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_portrait_keeps_nothing),
        TEST(test_pass_keeps_nothing),
        TEST(test_portrait_kept),
        TEST(test_pass_kept),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
