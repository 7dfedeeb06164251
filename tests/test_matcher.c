// SPDX-License-Identifier: Apache-2.0
// The real facegate-matcher (from $FACEGATE_BUILD, or build/) in a temporary folder, spoken to over
// its own sockets.
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/bus.h"
#include "common/card.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/wire.h"

#define DIMENSION 16
#define PATIENCE  20000 // ms until a missing message fails the test
#define NOBODY    65534

static char folder[64], program[512];
static char endpoints[3][128]; // probe, decision, control
static int notify_fd = -1;
static pid_t matcher = -1;
static struct fg_bus *bus;
static struct fg_socket *probes, *decisions, *requests;
static uint64_t model, sequence;
static uint32_t last_track;

struct vector {
    float at[DIMENSION];
};

static struct vector axis(unsigned i)
{
    struct vector v = {{0}};
    v.at[i] = 1;
    return v;
}

// ---- files -------------------------------------------------------------------------------------

static const char *in_folder(const char *name)
{
    static char paths[8][160];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(in_folder(name), "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    fclose(file);
}

static const char *read_file(const char *name)
{
    static char text[8192];
    FILE *file = fopen(in_folder(name), "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

#define CARD_HEAD                                                                                  \
    "[model]\nname = toy\nversion = 1\nkind = embedder\nfile = toy.tflite\n"                       \
    "sha256 = 0000000000000000000000000000000000000000000000000000000000000000\n"                  \
    "licence = none\nsource = the test\n"                                                          \
    "[input]\nwidth = 16\nheight = 16\nmean = 127.5\nscale = 128\n"                                \
    "[embedder]\ndimension = 16\nsame_track = 0.45\n"
#define CARD_CALIBRATION                                                                           \
    "[calibration]\ndataset = none\nimpostor_pairs = 1000000000\ngenuine_pairs = 1000\n"           \
    "score_0.3 = 1e-2 0.01\nscore_0.5 = 1e-4 0.05\nscore_0.7 = 1e-6 0.3\n"
#define PROFILE                                                                                    \
    "[profile]\nname = test\nmode = identify\nliveness = attended\nfmr = 1e-4\ndecide_ms = 300\n"  \
    "absent_ms = 600000\n"

// ---- the program -------------------------------------------------------------------------------

static void open_notify(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/notify", folder);
    notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(notify_fd >= 0);
    assert_int_equal(bind(notify_fd, (struct sockaddr *)&address, sizeof address), 0);
    struct timeval patience = {.tv_sec = PATIENCE / 1000};
    setsockopt(notify_fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
}

static void wait_notify(const char *want)
{
    char text[256];
    for (;;) {
        ssize_t n = recv(notify_fd, text, sizeof text - 1, 0);
        if (n < 0) {
            fail_msg("no %s: %s", want, read_file("stderr"));
            return;
        }
        text[n] = '\0';
        if (strstr(text, want))
            return;
    }
}

// Starts the program with these arguments, stderr to a file; as nobody when asked.
static pid_t spawn(const char *const *arguments, bool as_nobody, const char *stderr_name)
{
    const char *log = in_folder(stderr_name);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || dup2(fd, STDERR_FILENO) < 0 || (as_nobody && setuid(NOBODY) < 0))
        _exit(99);
    execv(program, (char *const *)(uintptr_t)arguments);
    _exit(98);
}

static int wait_exit(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run(const char *const *arguments, bool as_nobody)
{
    return wait_exit(spawn(arguments, as_nobody, "stderr2"));
}

static void start_matcher(void)
{
    const char *const arguments[] = {program, "--config", in_folder("matcher.ini"), NULL};
    matcher = spawn(arguments, false, "stderr");
    wait_notify("READY=1");
}

static void write_config(void)
{
    char text[2048];
    snprintf(text, sizeof text,
             "[matcher]\ngallery = %s/gallery\nprofile = %s/profile.ini\nmodel = %s/toy.card\n"
             "key = %s/key\nmake_key = yes\n[sockets]\nprobe = %s\ndecision = %s\ncontrol = %s\n",
             folder, folder, folder, folder, endpoints[0], endpoints[1], endpoints[2]);
    write_file("matcher.ini", text);
}

static void connect_sockets(void)
{
    struct fg_error err = {""};
    assert_int_equal(fg_bus_create(&bus), 0);
    if (fg_socket_connect(bus, FG_SOCKET_PUB, endpoints[0], 64, &probes, &err) < 0 ||
        fg_socket_connect(bus, FG_SOCKET_SUB, endpoints[1], 64, &decisions, &err) < 0 ||
        fg_socket_connect(bus, FG_SOCKET_DEALER, endpoints[2], 64, &requests, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(fg_socket_subscribe(decisions, "lane", 5), 0); // with its NUL
    assert_int_equal(fg_socket_wait_subscriber(probes, PATIENCE), 0);
}

static void close_sockets(void)
{
    fg_socket_close(probes);
    fg_socket_close(decisions);
    fg_socket_close(requests);
    fg_bus_destroy(bus);
    probes = decisions = requests = NULL;
    bus = NULL;
}

// ---- messages ----------------------------------------------------------------------------------

static struct fg_wire_message *message(enum fg_wire_type type, uint32_t track)
{
    static struct fg_wire_message m;
    memset(&m, 0, sizeof m);
    sequence++;
    m.head = (struct fg_wire_head){.type = type,
                                   .lane = "lane",
                                   .source = "cam",
                                   .session = 1,
                                   .sequence = sequence,
                                   .t_capture_ns = fg_monotonic_ns(),
                                   .boot = fg_boot_number()};
    if (type == FG_WIRE_NOTICE)
        m.notice.track = track;
    return &m;
}

static void send_body(const char *topic, size_t topic_length, const uint8_t *body, size_t length)
{
    struct fg_part parts[] = {{topic, topic_length}, {body, length}};
    assert_int_equal(fg_socket_send(probes, parts, 2), 0);
}

static size_t encode(const struct fg_wire_message *m, uint8_t bytes[FG_WIRE_MAX])
{
    struct fg_error err = {""};
    int length = fg_wire_encode(m, bytes, &err);
    if (length < 0)
        fail_msg("%s", err.text);
    return (size_t)length;
}

static void send_message(const struct fg_wire_message *m)
{
    uint8_t bytes[FG_WIRE_MAX];
    size_t length = encode(m, bytes);
    send_body("lane", 5, bytes, length);
}

static struct fg_wire_message *probe(uint32_t track, struct vector v)
{
    struct fg_wire_message *m = message(FG_WIRE_PROBE, track);
    m->probe.model = model;
    m->probe.track = track;
    m->probe.quality.unified = .8f;
    m->probe.dimension = DIMENSION;
    memcpy(m->probe.vector, v.at, sizeof v.at);
    return m;
}

static struct fg_json *next_decision(int timeout_ms)
{
    struct fg_message parts;
    struct fg_json *json = NULL;
    if (fg_socket_receive(decisions, timeout_ms, &parts) < 0)
        return NULL;
    assert_int_equal(parts.count, 2);
    assert_memory_equal(parts.parts[0].data, "lane", 5);
    assert_int_equal(fg_json_parse(parts.parts[1].data, parts.parts[1].length, &json, NULL), 0);
    return json;
}

// A subscription takes a moment to arrive: notices on ever new tracks until one is heard of.
static void wait_subscribed(void)
{
    struct fg_json *json = NULL;
    for (int i = 0; i < PATIENCE / 50 && !json; i++) {
        struct fg_wire_message *m = message(FG_WIRE_NOTICE, ++last_track);
        m->notice.reason = FG_REASON_TOO_SMALL;
        send_message(m);
        json = next_decision(50);
    }
    assert_non_null(json);
    while (json) {
        fg_json_destroy(json);
        json = next_decision(100);
    }
}

static void expect_decision(const char *outcome, const char *reason, const char *subject)
{
    struct fg_json *json = next_decision(PATIENCE);
    assert_non_null(json);
    assert_string_equal(fg_json_get_string(json, "outcome", ""), outcome);
    assert_string_equal(fg_json_get_string(json, "reason", ""), reason);
    assert_string_equal(fg_json_get_string(json, "subject", ""), subject);
    assert_string_equal(fg_json_get_string(json, "lane", ""), "lane");
    assert_string_equal(fg_json_get_string(json, "profile", ""), "test");
    assert_string_equal(fg_json_get_string(json, "liveness", ""), "attended");
    const bool waited = strcmp(outcome, "deny") == 0; // for more probes, which never came
    assert_true((fg_json_get_number(json, "latency_ms", -1) >= 0) == !waited);
    assert_null(fg_json_get(json, "score"));
    fg_json_destroy(json);
}

static struct fg_json *ask_parts(const char *header, const struct vector *vectors, unsigned count)
{
    struct fg_part parts[8] = {{header, strlen(header)}};
    struct fg_message reply;
    struct fg_json *json = NULL;
    for (unsigned i = 0; i < count; i++)
        parts[1 + i] = (struct fg_part){&vectors[i], sizeof vectors[i]};
    assert_int_equal(fg_socket_send(requests, parts, count + 1), 0);
    if (fg_socket_receive(requests, PATIENCE, &reply) < 0)
        fail_msg("no answer to %s; %s", header, read_file("stderr"));
    assert_int_equal(reply.count, 1);
    assert_int_equal(fg_json_parse(reply.parts[0].data, reply.parts[0].length, &json, NULL), 0);
    return json;
}

static struct fg_json *ask(const char *op, const char *subject, const struct vector *vector)
{
    char header[512];
    snprintf(header, sizeof header,
             "{\"v\":1,\"op\":\"%s\",\"subject\":\"%s\",\"model\":\"%016llx\",\"dimension\":%d}",
             op, subject, (unsigned long long)model, DIMENSION);
    return ask_parts(header, vector, vector ? 1 : 0);
}

static void ask_ok(const char *op, const char *subject, const struct vector *vector)
{
    struct fg_json *reply = ask(op, subject, vector);
    if (!fg_json_get_bool(reply, "ok", false))
        fail_msg("%s: %s", op, fg_json_get_string(reply, "message", ""));
    fg_json_destroy(reply);
}

static double status_of(const char *object, const char *member)
{
    struct fg_json *reply = ask_parts("{\"v\":1,\"op\":\"status\"}", NULL, 0);
    double value = fg_json_get_number(fg_json_get(reply, object), member, -1);
    fg_json_destroy(reply);
    return value;
}

// ---- set-up ------------------------------------------------------------------------------------

static int setup(void **state)
{
    (void)state;
    static const char *const names[] = {"probe.sock", "decision.sock", "control.sock"};
    const char *build = getenv("FACEGATE_BUILD");
    snprintf(program, sizeof program, "%s/facegate-matcher", build ? build : "build");
    strcpy(folder, "/tmp/facegate-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    chmod(folder, 0755); // for the test as nobody
    for (unsigned i = 0; i < 3; i++)
        snprintf(endpoints[i], sizeof endpoints[i], "ipc://%s/%s", folder, names[i]);
    write_file("toy.card", CARD_HEAD CARD_CALIBRATION);
    write_file("profile.ini", PROFILE);
    write_config();
    struct fg_card card;
    struct fg_error err = {""};
    if (fg_card_read(in_folder("toy.card"), &card, &err) < 0)
        fail_msg("%s", err.text);
    model = card.id;
    sequence = 0;
    last_track = 0;
    open_notify();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    if (bus)
        close_sockets();
    if (matcher > 0) {
        kill(matcher, SIGKILL);
        wait_exit(matcher);
    }
    matcher = -1;
    close(notify_fd);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static int setup_running(void **state)
{
    setup(state);
    start_matcher();
    connect_sockets();
    wait_subscribed();
    return 0;
}

// ---- tests -------------------------------------------------------------------------------------

static void identify(const char *id, unsigned i)
{
    send_message(probe(++last_track, axis(i)));
    expect_decision("admit", "matched", id);
}

static void refuse(unsigned i)
{
    send_message(probe(++last_track, axis(i)));
    expect_decision("retry", "more_evidence", "");
    expect_decision("deny", "no_match", "");
}

static void test_identify(void **state)
{
    (void)state;
    struct vector a = axis(0), between = {{.6f, .8f}};
    ask_ok("enrol", "anna", &a);
    ask_ok("verify", "anna", &between);
    identify("anna", 0);
    refuse(3);
}

// Anna is not admitted twice within her presence; Berta, who comes after, is the next decision.
static void test_presence(void **state)
{
    (void)state;
    struct vector a = axis(0), b = axis(1);
    ask_ok("enrol", "anna", &a);
    ask_ok("enrol", "berta", &b);
    identify("anna", 0);
    send_message(probe(++last_track, axis(0)));
    identify("berta", 1);
    assert_true(status_of("decisions", "duplicates") == 1);
    assert_true(status_of("decisions", "admit") == 2);
    assert_true(status_of("latency", "p99_ms") > 0);
}

static void test_delete(void **state)
{
    (void)state;
    struct vector a = axis(0);
    ask_ok("enrol", "anna", &a);
    struct fg_json *reply = ask("enrol", "anna", &a);
    assert_string_equal(fg_json_get_string(reply, "error", ""), "exists");
    fg_json_destroy(reply);
    reply = ask_parts("{\"v\":1,\"op\":\"list\"}", NULL, 0);
    assert_int_equal(fg_json_count(fg_json_get(reply, "subjects")), 1);
    fg_json_destroy(reply);
    ask_ok("delete", "anna", NULL);
    refuse(0);
    assert_true(status_of("gallery", "subjects") == 0);
}

static void wait_counter(const char *member, double want)
{
    double value = -1;
    for (int i = 0; i < 2000 && value < want; i++)
        value = status_of("counters", member);
    assert_true(value == want);
}

static void test_hostile_probes(void **state)
{
    (void)state;
    uint8_t bytes[FG_WIRE_MAX + 1];
    struct vector a = axis(0);
    ask_ok("enrol", "anna", &a);
    size_t length = encode(probe(900, a), bytes);
    bytes[0] ^= 1; // magic
    send_body("lane", 5, bytes, length);
    bytes[0] ^= 1;
    send_body("lane", 5, bytes, length - 1); // cut
    send_body("lane", 5, bytes, length + 1); // trailing byte
    send_body("lane", 5, bytes, 0);
    send_body("lan", 4, bytes, length); // another lane's topic
    float nan_value = NAN;
    memcpy(bytes + length - 4, &nan_value, 4);
    send_body("lane", 5, bytes, length);
    struct fg_part one = {bytes, length};
    assert_int_equal(fg_socket_send(probes, &one, 1), 0); // no body
    wait_counter("bad", 7);

    length = encode(probe(900, a), bytes);
    bytes[4] = 9; // version
    send_body("lane", 5, bytes, length);
    wait_counter("wrong_version", 1);
    bytes[4] = FG_WIRE_VERSION;
    bytes[6] = 99; // type
    send_body("lane", 5, bytes, length);
    wait_counter("unknown", 1);
    struct fg_wire_message *m = probe(900, a);
    m->probe.model++;
    send_message(m);
    wait_counter("wrong_model", 1);
    m = probe(900, a);
    m->probe.dimension = DIMENSION - 1;
    send_message(m);
    wait_counter("wrong_model", 2);
    m = probe(900, a);
    m->head.sequence = 1; // a repetition
    send_message(m);
    wait_counter("repeated", 1);
    sequence += 10; // a gap: ten lost, and those that the matcher could not read
    identify("anna", 0);
    assert_true(status_of("counters", "gaps") >= 10);
}

static void test_hostile_requests(void **state)
{
    (void)state;
    static const char *const headers[] = {"",
                                          "{",
                                          "[]",
                                          "{\"v\":1,\"op\":\"enrol\"}",
                                          "{\"v\":1,\"op\":\"get\",\"subject\":{}}",
                                          "{\"v\":7}"};
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        struct fg_json *reply = ask_parts(headers[i], NULL, 0);
        assert_false(fg_json_get_bool(reply, "ok", true));
        assert_true(fg_json_get_string(reply, "error", "")[0] != '\0');
        fg_json_destroy(reply);
    }
    assert_true(status_of("index", "templates") == 0);
}

static void test_beat(void **state)
{
    (void)state;
    struct fg_wire_message *m = message(FG_WIRE_BEAT, 0);
    strcpy(m->beat.engine, "xnnpack");
    m->beat.state = 1;
    m->beat.fps_milli = 29970;
    m->beat.frames = 123;
    send_message(m);
    double frames = -1;
    for (int i = 0; i < 2000 && frames < 0; i++) {
        struct fg_json *reply = ask_parts("{\"v\":1,\"op\":\"status\"}", NULL, 0);
        const struct fg_json *camera = fg_json_at(fg_json_get(reply, "cameras"), 0);
        frames = fg_json_get_number(camera, "frames", -1);
        if (frames >= 0) {
            assert_string_equal(fg_json_get_string(camera, "engine", ""), "xnnpack");
            assert_true(fabs(fg_json_get_number(camera, "fps", 0) - 29.97) < 1e-9);
        }
        fg_json_destroy(reply);
    }
    assert_true(frames == 123);
}

static void test_started_twice(void **state)
{
    (void)state;
    struct vector a = axis(0);
    ask_ok("enrol", "anna", &a);
    const char *const arguments[] = {program, "--config", in_folder("matcher.ini"), NULL};
    assert_int_equal(run(arguments, false), 75);
    assert_true(read_file("stderr2")[0] != '\0');
    // with a gallery of its own it finds the sockets taken
    const char *const other[] = {
        program, "--config", in_folder("matcher.ini"), "--gallery", in_folder("gallery2"), NULL};
    assert_int_equal(run(other, false), 75);
    assert_non_null(strstr(read_file("stderr2"), "another program listens there"));
    ask_ok("get", "anna", NULL); // the first one lives, and has kept its sockets
    identify("anna", 0);
}

static void test_killed(void **state)
{
    (void)state;
    struct vector a = axis(0);
    ask_ok("enrol", "anna", &a);
    kill(matcher, SIGKILL);
    assert_int_equal(wait_exit(matcher), 128 + SIGKILL);
    close_sockets();
    start_matcher();
    connect_sockets();
    wait_subscribed();
    ask_ok("get", "anna", NULL);
    identify("anna", 0);
}

static void test_stops(void **state)
{
    (void)state;
    kill(matcher, SIGTERM);
    wait_notify("STOPPING=1");
    assert_int_equal(wait_exit(matcher), 0);
    matcher = -1;
}

static void test_watchdog(void **state)
{
    (void)state;
    setenv("WATCHDOG_USEC", "200000", 1);
    start_matcher();
    unsetenv("WATCHDOG_USEC");
    wait_notify("WATCHDOG=1");
    wait_notify("WATCHDOG=1");
    kill(matcher, SIGINT);
    assert_int_equal(wait_exit(matcher), 0);
    matcher = -1;
}

// Runs with a replaced file; the exit code and a part of the one line on stderr.
static void start_fails(const char *name, const char *text, int code, const char *want)
{
    char *saved = strdup(read_file(name));
    assert_non_null(saved);
    write_file(name, text);
    const char *const arguments[] = {program, "--config", in_folder("matcher.ini"), NULL};
    assert_int_equal(run(arguments, false), code);
    const char *said = read_file("stderr2");
    if (!strstr(said, want))
        fail_msg("\"%s\" is not in: %s", want, said);
    assert_true(strchr(said, '\n') == said + strlen(said) - 1); // one line
    write_file(name, saved);
    free(saved);
}

static void test_bad_files(void **state)
{
    (void)state;
    start_fails("matcher.ini", "[matcher]\ngalery = x\n", 78, "matcher.ini:2: unknown key galery");
    start_fails("matcher.ini", "[matcher]\ngallery = /tmp/x\n", 78, "--profile");
    start_fails("profile.ini", PROFILE "fpir = 0.01\n", 78, "either fmr or fpir");
    start_fails("profile.ini", "[profile]\nname = p\nmode = vault\nliveness = attended\nfmr=1e-4\n",
                78, "facegate pass keygen makes one");
    start_fails("profile.ini",
                "[profile]\nname = p\nmode = identify\nliveness = required\nfmr=1e-4\n", 78,
                "liveness = attended");
    start_fails("profile.ini",
                "[profile]\nname = p\nmode = identify\nliveness = attended\nfmr=1e-9\n", 78,
                "1e-09");
    start_fails("toy.card", CARD_HEAD, 78, "calibration");
    start_fails("toy.card", "[model]\nname = toy\n", 78, "toy.card");
}

// A file beside matcher.ini adds to it: the profile it names is the one that decides.
static void test_drop_ins(void **state)
{
    (void)state;
    assert_int_equal(mkdir(in_folder("matcher.ini.d"), 0700), 0);
    write_file("other.ini", "[profile]\nname = other\nmode = identify\nliveness = attended\n"
                            "fmr = 1e-4\n");
    char text[256];
    snprintf(text, sizeof text, "[matcher]\nprofile = %s\n", in_folder("other.ini"));
    write_file("matcher.ini.d/50-profile.conf", text);
    start_matcher();
    assert_non_null(strstr(read_file("stderr"), "profile other"));
    kill(matcher, SIGTERM);
    assert_int_equal(wait_exit(matcher), 0);
    matcher = -1;
    start_fails("matcher.ini.d/50-profile.conf", "[matcher]\n\nprofil = x\n", 78,
                "50-profile.conf:3: unknown key profil");
}

// ---- a crowd of clients -----------------------------------------------------------------------

enum { CLIENTS = 24, ASKED = 5 };

// What client c asks, in this order: its own person, one that all want, its own again, and every
// second one deletes its own.
static void ask_as_client(struct fg_socket *socket, unsigned c)
{
    static const char *const ops[ASKED] = {"enrol", "enrol", "get", "enrol", "delete"};
    struct vector v = axis(c % DIMENSION);
    for (unsigned i = 0; i < ASKED; i++) {
        char header[256], own[16];
        snprintf(own, sizeof own, "own%u", c);
        snprintf(header, sizeof header,
                 "{\"v\":1,\"id\":\"%u-%u\",\"op\":\"%s\",\"subject\":\"%s\","
                 "\"model\":\"%016llx\",\"dimension\":%d}",
                 c, i, i == 4 && c % 2 ? "get" : ops[i], i == 1 ? "wanted" : own,
                 (unsigned long long)model, DIMENSION);
        struct fg_part parts[] = {{header, strlen(header)}, {&v, sizeof v}};
        bool enrols = strcmp(ops[i], "enrol") == 0;
        assert_int_equal(fg_socket_send(socket, parts, enrols ? 2 : 1), 0);
    }
}

// Answers come in the order of the questions. Returns whether this one got the wanted id.
static bool hear_as_client(struct fg_socket *socket, unsigned c)
{
    bool got = false;
    for (unsigned i = 0; i < ASKED; i++) {
        struct fg_message reply;
        struct fg_json *json = NULL;
        char id[24];
        if (fg_socket_receive(socket, PATIENCE, &reply) < 0)
            fail_msg("no answer; %s", read_file("stderr"));
        assert_int_equal(fg_json_parse(reply.parts[0].data, reply.parts[0].length, &json, NULL), 0);
        snprintf(id, sizeof id, "%u-%u", c, i);
        assert_string_equal(fg_json_get_string(json, "id", ""), id);
        bool ok = fg_json_get_bool(json, "ok", false);
        if (i == 1)
            got = ok;
        else
            assert_true(ok == (i != 3));
        if (!ok)
            assert_string_equal(fg_json_get_string(json, "error", ""), "exists");
        fg_json_destroy(json);
    }
    return got;
}

// Starts a matcher whose catalogues are in `locale`; what it says to somebody too far away.
static void say_in(const char *locale, const char *english, const char *korean)
{
    char text[600];
    mkdir(in_folder("matcher.ini.d"), 0755);
    snprintf(text, sizeof text, "[matcher]\nlocale = %s\n", locale);
    write_file("matcher.ini.d/locale.conf", text);
    write_file("profile.ini", PROFILE "languages = en ko\n");
    start_matcher();
    connect_sockets();
    wait_subscribed();
    struct fg_wire_message *m = message(FG_WIRE_NOTICE, ++last_track);
    m->notice.reason = FG_REASON_TOO_SMALL;
    send_message(m);
    struct fg_json *json = next_decision(PATIENCE);
    const struct fg_json *say = fg_json_get(json, "say");
    assert_string_equal(fg_json_get_string(say, "en", ""), english);
    assert_string_equal(fg_json_get_string(say, "ko", ""), korean);
    fg_json_destroy(json);
}

static void test_says(void **state)
{
    (void)state;
    char locale[560];
    snprintf(locale, sizeof locale, "%.*s/locale", (int)(strrchr(program, '/') - program), program);
    say_in(locale, "Please come closer.", "조금 더 가까이 와 주세요.");
    assert_null(strstr(read_file("stderr"), "locale"));
}

static void test_says_it_in_english_without_catalogue(void **state)
{
    (void)state;
    say_in("/nowhere", "Please come closer.", "Please come closer.");
    const char *warning = strstr(read_file("stderr"), "/nowhere/ko/LC_MESSAGES/facegate.mo");
    assert_non_null(warning);
    assert_null(strstr(warning + 1, "/nowhere")); // once
}

static void test_many_clients(void **state)
{
    (void)state;
    struct fg_socket *sockets[CLIENTS];
    struct fg_error err = {""};
    unsigned winners = 0;
    for (unsigned c = 0; c < CLIENTS; c++)
        assert_int_equal(
            fg_socket_connect(bus, FG_SOCKET_DEALER, endpoints[2], 64, &sockets[c], &err), 0);
    for (unsigned c = 0; c < CLIENTS; c++)
        ask_as_client(sockets[c], c);
    for (unsigned c = 0; c < CLIENTS; c++)
        winners += hear_as_client(sockets[c], c);
    assert_int_equal(winners, 1);
    for (unsigned c = 0; c < CLIENTS; c++)
        fg_socket_close(sockets[c]);
    close_sockets();
    kill(matcher, SIGKILL); // what was answered is there
    wait_exit(matcher);
    start_matcher();
    connect_sockets();
    assert_true(status_of("gallery", "subjects") == CLIENTS / 2 + 1);
    for (unsigned c = 0; c < CLIENTS; c++) {
        char own[16];
        snprintf(own, sizeof own, "own%u", c);
        struct fg_json *reply = ask("get", own, NULL);
        assert_true(fg_json_get_bool(reply, "ok", false) == (c % 2 == 1));
        fg_json_destroy(reply);
    }
}

static void fails_with(const char *option, const char *value, int code, const char *want)
{
    const char *const arguments[] = {program, "--config", in_folder("matcher.ini"),
                                     option,  value,      NULL};
    assert_int_equal(run(arguments, false), code);
    if (!strstr(read_file("stderr2"), want))
        fail_msg("\"%s\" is not in: %s", want, read_file("stderr2"));
}

static void test_bad_options(void **state)
{
    (void)state;
    char path[200] = "ipc:///tmp/";
    memset(path + strlen(path), 'x', 120);
    fails_with("--probe", path, 78, "107 bytes");
    fails_with("--control", path, 78, path);
    fails_with("--decision", "tcp://127.0.0.1:9", 78, "ipc://");
    fails_with("--control", "ipc:///nowhere/at/all.sock", 78, "/nowhere/at");
    fails_with("--profile", "/nowhere/p.ini", 78, "/nowhere/p.ini");
    fails_with("--model", "/nowhere/m.card", 78, "/nowhere/m.card");
    fails_with("--config", "/nowhere/c.ini", 78, "/nowhere/c.ini");
    fails_with("--gallery", "/nowhere/deep/gallery", 78, "/nowhere/deep");
    fails_with("--frobnicate", NULL, 2, "frobnicate");
    fails_with("extra", NULL, 2, "extra");
    fails_with("--help", NULL, 0, "");
    fails_with("--version", NULL, 0, "");
}

static void test_not_writable(void **state)
{
    (void)state;
    if (getuid() != 0)
        skip(); // root alone can become nobody
    const char *const arguments[] = {program, "--config", in_folder("matcher.ini"), NULL};
    assert_int_equal(run(arguments, true), 78);
    assert_non_null(strstr(read_file("stderr2"), "gallery"));
}

#define RUNNING(name) cmocka_unit_test_setup_teardown(name, setup_running, teardown)
#define STOPPED(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUNNING(test_identify),
        RUNNING(test_presence),
        RUNNING(test_delete),
        RUNNING(test_hostile_probes),
        RUNNING(test_hostile_requests),
        RUNNING(test_beat),
        RUNNING(test_started_twice),
        RUNNING(test_killed),
        RUNNING(test_stops),
        RUNNING(test_many_clients),
        STOPPED(test_watchdog),
        STOPPED(test_bad_files),
        STOPPED(test_bad_options),
        STOPPED(test_not_writable),
        STOPPED(test_drop_ins),
        STOPPED(test_says),
        STOPPED(test_says_it_in_english_without_catalogue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
