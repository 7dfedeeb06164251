// SPDX-License-Identifier: Apache-2.0
// A fare gate whose programs are killed at random moments, power cut for power cut: matcher, gate
// and the back office's client. Whoever the gate saw go through is charged once, in a book that
// holds each charge once. FACEGATE_KILLS says how many (24; `make check-charges`: 1000).
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/bus.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/wire.h"
#include "gate/service.h"
#include "tests/dice.h"
#include "tests/played_chip.h"
#include "tests/rig.h"
#include "tools/child.h"
#include "tools/client.h"

#define DIMENSION   16
#define SUBJECTS    (2 * DIMENSION) // along the axes, both ways: strangers to each other
#define NS_PER_MS   UINT64_C(1000000)
#define PATIENCE_MS 30000
#define CALM_MS     600000
#define LOOKS       50  // and moments aside, 60 ms each
#define OFFICE_MS   300 // of rest

// ---- what is seen of it ------------------------------------------------------------------------

struct account {
    unsigned crossed; // the beam was broken while a gate was there
    unsigned noted;   // of these, what the gate said it had seen
    unsigned charged; // in the book
};

static struct account accounts[SUBJECTS];

enum victim { MATCHER, GATE, OFFICE, VICTIMS };

static struct {
    enum victim victim;
    uint64_t at_ns; // 0: nobody is killed
    uint64_t back_ns;
    unsigned done[VICTIMS];
} reaper;

// ---- the gate ----------------------------------------------------------------------------------

// A process without threads that starts the gate, and starts it again.
struct keeper {
    atomic_int gate; // 0: it is down
    atomic_bool hold;
};

static struct keeper *keeper;
static pid_t keeper_pid;
static struct fg_gpio_system played;
static struct played_chip *chip;
static struct fg_gate_conf conf;

static void keep_gate(void)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    for (;;) {
        pid_t pid = fork();
        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            _exit(fg_service_run(&conf, NULL, &played));
        }
        atomic_store(&keeper->gate, pid);
        while (waitpid(pid, NULL, 0) < 0)
            continue;
        atomic_store(&keeper->gate, 0);
        for (unsigned i = 0; i < FG_PINS; i++)
            atomic_store(&chip->lines[i].level, false); // as a chip without its program
        usleep(50000);
    }
}

static void name_endpoint(char *ret, size_t size, const char *name)
{
    snprintf(ret, size, "ipc://%s", rig_path("%s", name));
}

static void begin_gate(void)
{
    conf = (struct fg_gate_conf){.lane = "1",
                                 .id = "gate",
                                 .chip = "played",
                                 .rules = {.passage_ms = 1500,
                                           .after_ms = 2000,
                                           .blocked_ms = CALM_MS,
                                           .loss_ms = CALM_MS,
                                           .has_beam = true},
                                 .give_up_ms = CALM_MS};
    name_endpoint(conf.decision, sizeof conf.decision, "decision");
    name_endpoint(conf.lanes, sizeof conf.lanes, "lane.sock");
    name_endpoint(conf.probe, sizeof conf.probe, "probe");
    name_endpoint(conf.publish, sizeof conf.publish, "gate");
    snprintf(conf.reports, sizeof conf.reports, "%s", rig_path("reports"));
    for (unsigned i = 0; i < FG_PINS; i++) {
        snprintf(conf.pins[i].line, sizeof conf.pins[i].line, "%u", i);
        conf.pins[i].debounce_ms = i >= FG_PIN_INPUTS ? 5 : 0;
    }
    keeper = mmap(NULL, sizeof *keeper, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    chip = played_chip_open(&played);
    assert_true(keeper != MAP_FAILED && chip);
    keeper_pid = fork(); // before any thread is here
    assert_true(keeper_pid >= 0);
    if (keeper_pid == 0)
        keep_gate();
}

static void end_gate(void)
{
    kill(keeper_pid, SIGKILL); // and the gate dies with it
    waitpid(keeper_pid, NULL, 0);
    played_chip_close(chip);
    munmap(keeper, sizeof *keeper);
}

// ---- the matcher -------------------------------------------------------------------------------

static const char card[] =
    "[model]\nname = toy\nversion = 1\nkind = embedder\nfile = toy.tflite\n"
    "sha256 = 0000000000000000000000000000000000000000000000000000000000000000\n"
    "licence = none\nsource = the test\n"
    "[input]\nwidth = 16\nheight = 16\nmean = 127.5\nscale = 128\n"
    "[embedder]\ndimension = 16\nsame_track = 0.45\n"
    "[calibration]\ndataset = none\nimpostor_pairs = 1000000000\ngenuine_pairs = 1000\n"
    "score_0.3 = 1e-2 0.01\nscore_0.5 = 1e-4 0.05\nscore_0.7 = 1e-6 0.3\n";

// What would make the same few people wait for their next walk.
static const char rules[] = "[profile]\nliveness = attended\ncooldown_s = 0\nexclusive_s = 0\n"
                            "passage_s = 5\nvalid_ms = 4000\nattempts = 10\n";

static struct fg_child matcher;

static const char *matcher_words[20], *matcher_log;

static char *endpoint(const char *name)
{
    char text[128];
    name_endpoint(text, sizeof text, name);
    return strdup(text);
}

static void prepare_matcher(void)
{
    const char *const words[] = {strdup(rig_program("facegate-matcher")),
                                 "--gallery",
                                 rig_path("gallery"),
                                 "--profile",
                                 rig_path("fare.ini"),
                                 "--model",
                                 rig_path("toy.card"),
                                 "--key",
                                 rig_path("key"),
                                 "--make-key",
                                 "--probe",
                                 endpoint("probe"),
                                 "--decision",
                                 endpoint("decision"),
                                 "--control",
                                 endpoint("control")};
    memcpy(matcher_words, words, sizeof words);
    matcher_log = rig_path("matcher.log");
}

static void start_matcher(void)
{
    struct fg_error err = {""};
    if (fg_child_start(&matcher, matcher_words, matcher_log, &err) < 0)
        fail_msg("%s", err.text);
}

// ---- the back office ---------------------------------------------------------------------------

static pid_t office; // -1: it rests
static uint64_t office_ns;
static const char *book;

static void work_in_the_office(void)
{
    const uint64_t now = fg_monotonic_ns();
    if (office > 0 && waitpid(office, NULL, WNOHANG) == 0)
        return;
    if (office > 0)
        office_ns = now + OFFICE_MS * NS_PER_MS;
    office = -1;
    if (now >= office_ns)
        office = rig_begin("charges", "--take", "--spool", book, "--quiet", "--timeout-ms", "2000");
}

// ---- a moment ----------------------------------------------------------------------------------

static struct fg_bus *bus;
static struct fg_socket *decisions, *probes, *gate_says;
static uint64_t session, sequence, track = 1;

struct walk {
    char subject[32];
    uint64_t run, decision; // of the newest admission; 0: none
    bool noted;
};

static struct walk walk;
static char last_decision[1024], last_of_gate[512]; // for people, when it fails

static pid_t pid_of(enum victim victim)
{
    switch (victim) {
    case MATCHER:
        return matcher.pid;
    case GATE:
        return atomic_load(&keeper->gate);
    default:
        return office;
    }
}

static void die(void)
{
    const pid_t pid = pid_of(reaper.victim);
    if (pid <= 0) { // it is down already: later
        reaper.at_ns = fg_monotonic_ns() + 20 * NS_PER_MS;
        return;
    }
    reaper.at_ns = 0;
    reaper.done[reaper.victim]++;
    kill(pid, SIGKILL);
    if (reaper.victim != MATCHER)
        return;
    fg_child_wait(&matcher, 5000);
    reaper.back_ns = fg_monotonic_ns() + random_below(400) * NS_PER_MS;
}

static void keep_text(char *ret, size_t size, const struct fg_part *part)
{
    size_t length = part->length < size ? part->length : size - 1;
    memcpy(ret, part->data, length);
    ret[length] = '\0';
}

static void read_decisions(void)
{
    struct fg_message message;
    struct fg_json *json = NULL;
    while (fg_socket_receive(decisions, 0, &message) == 0) {
        if (message.count != 2 ||
            fg_json_parse(message.parts[1].data, message.parts[1].length, &json, NULL) < 0)
            continue;
        keep_text(last_decision, sizeof last_decision, &message.parts[1]);
        if (strcmp(fg_json_get_string(json, "outcome", ""), "admit") == 0 &&
            strcmp(fg_json_get_string(json, "subject", ""), walk.subject) == 0) {
            walk.run = strtoull(fg_json_get_string(json, "run", "0"), NULL, 16);
            walk.decision = (uint64_t)fg_json_get_number(json, "seq", 0);
        }
        fg_json_destroy(json);
    }
}

static void read_gate(void)
{
    struct fg_message message;
    struct fg_json *json = NULL;
    while (fg_socket_receive(gate_says, 0, &message) == 0) {
        if (message.count != 2 ||
            fg_json_parse(message.parts[1].data, message.parts[1].length, &json, NULL) < 0)
            continue;
        keep_text(last_of_gate, sizeof last_of_gate, &message.parts[1]);
        walk.noted |= strcmp(fg_json_get_string(json, "event", ""), "passed") == 0;
        fg_json_destroy(json);
    }
}

// Everything that goes on beside the person, for some milliseconds.
static void live(unsigned ms)
{
    const uint64_t end = fg_monotonic_ns() + ms * NS_PER_MS;
    do {
        if (reaper.at_ns && fg_monotonic_ns() >= reaper.at_ns)
            die();
        if (reaper.back_ns && fg_monotonic_ns() >= reaper.back_ns) {
            reaper.back_ns = 0;
            start_matcher();
        }
        work_in_the_office();
        read_decisions();
        read_gate();
        usleep(2000);
    } while (fg_monotonic_ns() < end);
}

// ---- a person ----------------------------------------------------------------------------------

static void publish(struct fg_wire_message *m)
{
    uint8_t bytes[FG_WIRE_MAX];
    char topic[FG_WIRE_NAME];
    m->head.sequence = ++sequence;
    m->head.session = session;
    m->head.boot = fg_boot_number();
    m->head.t_capture_ns = m->head.t_publish_ns = fg_monotonic_ns();
    int length = fg_wire_encode(m, bytes, NULL);
    assert_true(length > 0);
    const struct fg_part parts[] = {{topic, fg_wire_topic("1", topic)}, {bytes, (size_t)length}};
    (void)fg_socket_send(probes, parts, 2); // no matcher: nobody hears it
}

static void look(unsigned subject)
{
    static struct fg_wire_message m;
    m.head = (struct fg_wire_head){.type = FG_WIRE_PROBE, .source = "camera", .lane = "1"};
    m.probe = (struct fg_wire_probe){.model = strtoull(rig_out, NULL, 16),
                                     .track = track,
                                     .faces = 1,
                                     .width = 1280,
                                     .height = 720,
                                     .dimension = DIMENSION,
                                     .quality.unified = .8f};
    m.probe.vector[subject % DIMENSION] = subject < DIMENSION ? 1 : -1;
    publish(&m);
}

static void step_aside(void)
{
    static struct fg_wire_message m;
    m.head = (struct fg_wire_head){.type = FG_WIRE_NOTICE, .source = "camera", .lane = "1"};
    m.notice = (struct fg_wire_notice){.track = track, .reason = FG_REASON_TRACK_LOST};
    track++;
    publish(&m);
}

static bool is_open(void)
{
    return atomic_load(&chip->lines[FG_PIN_OPEN].level) && atomic_load(&keeper->gate) > 0;
}

// Stands before the camera until the lane opens.
static void be_admitted(unsigned subject)
{
    const uint64_t end = fg_monotonic_ns() + PATIENCE_MS * NS_PER_MS;
    for (unsigned i = 0; !(walk.decision > 0 && is_open()); i++) {
        if (i % LOOKS < 4)
            look(subject);
        else if (i % LOOKS == 4) // for so long that it is another coming
            step_aside();
        live(60);
        if (fg_monotonic_ns() > end)
            fail_msg(
                "%s is not let in; decided last: %s; the gate's last word: %s; the matcher: %s",
                walk.subject, last_decision, last_of_gate, rig_read(matcher_log));
    }
}

static void cross(struct account *account)
{
    account->crossed++;
    played_chip_put(chip, FG_PIN_BEAM, true);
    live(30 + random_below(60));
    played_chip_put(chip, FG_PIN_BEAM, false);
}

static void wait_closed(void)
{
    const uint64_t end = fg_monotonic_ns() + PATIENCE_MS * NS_PER_MS;
    do
        live(20);
    while (is_open() && fg_monotonic_ns() < end);
}

static void go(unsigned subject)
{
    struct account *account = &accounts[subject];
    memset(&walk, 0, sizeof walk);
    snprintf(walk.subject, sizeof walk.subject, "account-%u", subject);
    be_admitted(subject);
    if (random_below(8) > 0) // who turns back does not cross
        cross(account);
    step_aside();
    wait_closed();
    live(40);
    account->noted += walk.noted;
}

// ---- beginning and end -------------------------------------------------------------------------

static void write_profile(void)
{
    char *text = rig_read("profiles/fare.ini");
    rig_write(rig_path("fare.ini"), text, strlen(text));
    rig_make_folder(rig_path("fare.ini.d"));
    rig_write(rig_path("fare.ini.d/rules.conf"), rules, strlen(rules));
    rig_write(rig_path("toy.card"), card, strlen(card));
    free(text);
}

static void enrol_all(void)
{
    struct fg_client *client = NULL;
    struct fg_error err = {""};
    struct fg_json *answer = NULL;
    assert_int_equal(fg_client_open(getenv("FACEGATE_CONTROL"), PATIENCE_MS, &client, &err), 0);
    for (unsigned i = 0; i < SUBJECTS; i++) {
        char id[32];
        float vector[DIMENSION] = {0};
        struct fg_json *request = fg_client_request("enrol");
        snprintf(id, sizeof id, "account-%u", i);
        vector[i % DIMENSION] = i < DIMENSION ? 1 : -1;
        fg_json_add_string(request, "subject", id);
        fg_json_add_string(request, "consent", "c-1");
        fg_json_add_string(request, "model", rig_out);
        fg_json_add_number(request, "dimension", DIMENSION);
        if (fg_client_do(client, request, vector, 1, DIMENSION, &answer, &err) < 0)
            fail_msg("%s", err.text);
        fg_json_destroy(answer);
    }
    fg_client_close(client);
}

// The model's id stays in rig_out.
static void find_model(void)
{
    if (rig_run("status", "--json", "--timeout-ms", "20000") != 0)
        fail_msg("%s%s", rig_err, rig_read(rig_path("matcher.log")));
    struct fg_json *status = rig_json();
    free(rig_out);
    rig_out = strdup(fg_json_get_string(fg_json_get(status, "model"), "id", ""));
    fg_json_destroy(status);
}

static struct fg_socket *connected(enum fg_socket_kind kind, const char *name)
{
    char endpoint[128];
    struct fg_error err = {""};
    struct fg_socket *socket = NULL;
    name_endpoint(endpoint, sizeof endpoint, name);
    if (fg_socket_connect(bus, kind, endpoint, 1000, &socket, &err) < 0)
        fail_msg("%s", err.text);
    if (kind == FG_SOCKET_SUB)
        assert_int_equal(fg_socket_subscribe(socket, "", 0), 0);
    return socket;
}

static int begin(void **state)
{
    (void)state;
    rig_open();
    write_profile();
    book = rig_path("book");
    begin_gate();
    prepare_matcher();
    start_matcher();
    find_model();
    enrol_all();
    assert_int_equal(fg_bus_create(&bus), 0);
    decisions = connected(FG_SOCKET_SUB, "decision");
    probes = connected(FG_SOCKET_PUB, "probe");
    gate_says = connected(FG_SOCKET_SUB, "gate");
    session = fg_random_u64();
    return 0;
}

static int end(void **state)
{
    (void)state;
    fg_socket_close(decisions);
    fg_socket_close(probes);
    fg_socket_close(gate_says);
    fg_bus_destroy(bus);
    if (office > 0) {
        kill(office, SIGKILL);
        waitpid(office, NULL, 0);
    }
    fg_child_stop(&matcher);
    end_gate();
    rig_close();
    return 0;
}

// ---- the books ---------------------------------------------------------------------------------

static unsigned count_of(const char *text, const char *part)
{
    unsigned count = 0;
    for (const char *at = text; (at = strstr(at, part)); at++)
        count++;
    return count;
}

// A line is a charge; none stands there twice.
static void read_book(void)
{
    char *text = rig_read(book), *rest = NULL;
    char *copy = strdup(text);
    for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        struct fg_json *json = NULL;
        char quoted[64];
        unsigned subject = SUBJECTS;
        if (fg_json_parse(line, strlen(line), &json, NULL) < 0)
            fail_msg("not a charge: %s", line);
        snprintf(quoted, sizeof quoted, "\"%s\"", fg_json_get_string(json, "id", "?"));
        if (count_of(text, quoted) != 1)
            fail_msg("%s stands %u times in the book", quoted, count_of(text, quoted));
        assert_int_equal((int)fg_json_get_number(json, "amount", 0), 7500);
        sscanf(fg_json_get_string(json, "subject", ""), "account-%u", &subject);
        assert_true(subject < SUBJECTS);
        accounts[subject].charged++;
        fg_json_destroy(json);
    }
    free(copy);
    free(text);
}

static void end_all_walks(void)
{
    reaper.at_ns = 0;
    live(7500); // reports are said again, what no gate spoke of is over
    if (office > 0)
        waitpid(office, NULL, 0);
    office = -1;
    if (rig_run("charges", "--take", "--spool", book, "--quiet") != 0)
        fail_msg("%s", rig_err);
}

static void check_accounts(void)
{
    unsigned crossed = 0, noted = 0, charged = 0;
    read_book();
    for (unsigned i = 0; i < SUBJECTS; i++) {
        const struct account *a = &accounts[i];
        crossed += a->crossed;
        noted += a->noted;
        charged += a->charged;
        if (a->charged < a->noted || a->charged > a->crossed)
            fail_msg("account-%u: crossed %u, seen by the gate %u, charged %u", i, a->crossed,
                     a->noted, a->charged);
    }
    print_message("killed: matcher %u, gate %u, back office %u; crossed %u, seen by the gate %u, "
                  "charged %u\n",
                  reaper.done[MATCHER], reaper.done[GATE], reaper.done[OFFICE], crossed, noted,
                  charged);
    assert_true(charged > 0);
}

static void test_each_passage_is_charged_once(void **state)
{
    (void)state;
    const char *text = getenv("FACEGATE_KILLS");
    const unsigned kills = text ? (unsigned)strtoul(text, NULL, 10) : 24;
    for (unsigned i = 0; i < kills; i++) {
        reaper.victim = (enum victim)random_below(VICTIMS);
        reaper.at_ns = fg_monotonic_ns() + random_below(700) * NS_PER_MS;
        go(i % SUBJECTS);
        while (reaper.at_ns)
            live(10);
    }
    end_all_walks();
    assert_int_equal(reaper.done[MATCHER] + reaper.done[GATE] + reaper.done[OFFICE], kills);
    check_accounts();
    assert_int_equal(rig_run("events", "--json"), 0);
    assert_int_equal(count_of(rig_out, "\"tailgate\""), 0); // a report said twice is no crossing
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_passage_is_charged_once, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
