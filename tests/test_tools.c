// SPDX-License-Identifier: Apache-2.0
// The control commands of facegate: the files they read, and the real programs at work together.
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/card.h"
#include "common/clock.h"
#include "common/exit.h"
#include "common/wire.h"
#include "tests/arm_nn.h"
#include "tests/rig.h"
#include "tools/client.h"
#include "tools/csv.h"
#include "tools/enrolment.h"
#include "tools/journal.h"
#include "tools/roll.h"
#include "tools/score_table.h"
#include "tools/when.h"

#define NEED_MODELS                                                                                \
    if (!rig_has_models()) {                                                                       \
        print_message("models/ is empty: run make setup\n");                                       \
        skip();                                                                                    \
    }

static int setup(void **state)
{
    (void)state;
    rig_open();
    return 0;
}

static int setup_matcher(void **state)
{
    (void)state;
    rig_open();
    rig_start_matcher();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_close();
    return 0;
}

static void has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no \"%s\" in: %s", part, text);
}

// The command's exit code, or a failure that shows what it said.
static void want(int code, int wanted)
{
    if (code != wanted)
        fail_msg("exit %d, not %d: %s%s", code, wanted, rig_out, rig_err);
}

static double number(const struct fg_json *json, const char *name)
{
    return fg_json_get_number(json, name, -1);
}

// ---- times and fields --------------------------------------------------------------------------

static void test_when(void **state)
{
    static const struct {
        const char *text;
        bool through;
        uint64_t seconds; // 0: refused
    } cases[] = {
        {"2027-01-31", false, 1801353600},
        {"2027-01-31", true, 1801440000},
        {"2024-02-29", true, 1709251200},
        {"2027-01-31T18:00:00Z", true, 1801418400},
        {"2027-01-31 18:00:00+01:00", false, 1801414800},
        {"2027-01-31t18:00:00-05:30", false, 1801438200},
        {"2027-02-29", false, 0},
        {"2027-13-01", false, 0},
        {"2027-1-1", false, 0},
        {"1969-12-31", false, 0},
        {"2027-01-31T18:00:00", false, 0},
        {"2027-01-31T18:00:00.5Z", false, 0},
        {"2027-01-31T24:00:00Z", false, 0},
        {"2027-01-31Z", false, 0},
        {"2027-01-31x", false, 0},
        {"tomorrow", false, 0},
        {"", false, 0},
    };
    char text[FG_WHEN_TEXT];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t seconds = 0;
        struct fg_error err = {""};
        int code = fg_when_read(cases[i].text, cases[i].through, &seconds, &err);
        if (seconds != cases[i].seconds || (code < 0) != (cases[i].seconds == 0))
            fail_msg("%s: %" PRIu64, cases[i].text, seconds);
        assert_true((err.text[0] != 0) == (code < 0));
    }
    assert_string_equal(fg_when_text(1801418400, text), "2027-01-31T18:00:00Z");
    assert_string_equal(fg_when_text(0, text), "-");
    assert_string_equal(fg_when_text(UINT64_MAX, text), "-");
}

static void test_enrolment(void **state)
{
    struct fg_enrolment e = {0};
    struct fg_error err;
    (void)state;
    assert_int_equal(fg_enrolment_set(&e, FG_FIELD_LANES, "a, b;c", &err), 0);
    assert_int_equal(fg_enrolment_set(&e, FG_FIELD_LANES, "d", &err), 0);
    assert_int_equal(e.n_lanes, 4);
    assert_string_equal(e.lanes[3], "d");
    assert_int_equal(fg_enrolment_set(&e, FG_FIELD_TAGS, " ;, ", &err), 0);
    assert_int_equal(e.n_tags, 0);
    assert_int_equal(fg_enrolment_set(&e, FG_FIELD_TAGS, "not/this", &err), -EINVAL);
    assert_int_equal(fg_enrolment_set(&e, FG_FIELD_TAGS, "a-word-that-has-thirty-two-bytes", &err),
                     -EINVAL);
    assert_int_equal(
        fg_enrolment_set(&e, FG_FIELD_TAGS, "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", &err),
        -EINVAL);
    assert_int_equal(fg_enrolment_set(&e, FG_FIELD_ID, "", &err), -EINVAL);
    assert_int_equal(fg_enrolment_set(&e, FG_FIELD_ID, "x y", &err), -EINVAL);
    assert_int_equal(fg_enrolment_set(&e, FG_FIELD_BORN, "2023-02-29", &err), -EINVAL);
    has(err.text, "born: 2023-02-29: not a date of birth");
    assert_string_equal(e.born, "");
    assert_int_equal(fg_enrolment_set(&e, FG_FIELD_BORN, "2024-02-29", &err), 0);
    assert_string_equal(e.born, "2024-02-29");
    assert_int_equal(fg_enrolment_set(&e, FG_FIELD_VALID_UNTIL, "soon", &err), -EINVAL);
    has(err.text, "valid_until");
    assert_int_equal(fg_enrolment_set(&e, FG_FIELD_VALID_FROM, "2027-02-01", &err), 0);
    assert_int_equal(fg_enrolment_set(&e, FG_FIELD_VALID_UNTIL, "2027-01-31", &err), 0);
    assert_int_equal(fg_enrolment_check(&e, &err), -EINVAL); // until just before it begins
    assert_int_equal(fg_enrolment_set(&e, FG_FIELD_VALID_UNTIL, "2027-02-01", &err), 0);
    assert_int_equal(fg_enrolment_check(&e, &err), 0); // that one day
}

// ---- CSV ---------------------------------------------------------------------------------------

// All fields, "|" after each and "/" after each record; or the error.
static const char *parsed(const char *bytes, size_t length)
{
    static char text[1024];
    struct fg_csv *csv = NULL;
    struct fg_csv_record record;
    struct fg_error err = {""};
    int code;
    rig_write(rig_path("x.csv"), bytes, length);
    assert_int_equal(fg_csv_open(rig_path("x.csv"), &csv, &err), 0);
    text[0] = 0;
    while ((code = fg_csv_next(csv, &record, &err)) == 1) {
        for (unsigned i = 0; i < record.count; i++)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s|", record.fields[i]);
        snprintf(text + strlen(text), sizeof text - strlen(text), "%u/", record.line);
    }
    fg_csv_close(csv);
    if (code < 0)
        snprintf(text, sizeof text, "%d %s", code, err.text);
    return text;
}

static const char *parsed_text(const char *text)
{
    return parsed(text, strlen(text));
}

static void test_csv(void **state)
{
    (void)state;
    assert_string_equal(parsed_text(""), "");
    assert_string_equal(parsed_text("a,b\nc,d"), "a|b|1/c|d|2/");
    assert_string_equal(parsed_text("\xef\xbb\xbf"
                                    "a,b\r\n\r\n\nc,\r\n"),
                        "a|b|1/c||4/");
    assert_string_equal(parsed_text("\"a,\"\"b\"\"\",\"two\nlines\"\nz\n"),
                        "a,\"b\"|two\nlines|1/z|3/");
    assert_string_equal(parsed_text("a \"b\" c,\"\"\n"), "a \"b\" c||1/");
    has(parsed_text("a\n\"b,c\nd\n"), "x.csv:2: a quote is opened and never closed");
    has(parsed_text("a\n\"b\"c\n"), "x.csv:2: something follows a closing quote");
    has(parsed("a\0b\n", 4), "NUL byte");
    has(parsed("\"a\0b\"\n", 6), "NUL byte");
    char *large = malloc(1 << 20);
    memset(large, 'a', 1 << 20);
    has(parsed(large, 1 << 20), "x.csv:1: a record of more than 65536 bytes");
    memset(large, ',', 1 << 20);
    has(parsed(large, 1 << 20), "more than 64 fields");
    free(large);
    struct fg_csv *csv = NULL;
    assert_int_equal(fg_csv_open(rig_path("none.csv"), &csv, NULL), -ENOENT);
}

// What is written is read back, whatever it holds; and no mangled file crashes the reader.
static void test_csv_turns(void **state)
{
    uint64_t random = 1;
    char bytes[200];
    (void)state;
    for (int turn = 0; turn < 300; turn++) {
        size_t length = 0;
        for (; length < sizeof bytes - 1; length++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            bytes[length] = "ab\",\n\r \\"[random >> 61];
        }
        bytes[length] = 0;
        parsed(bytes, length);
        FILE *file = fopen(rig_path("y.csv"), "w");
        fg_csv_write(file, bytes);
        fclose(file);
        struct fg_csv *csv = NULL;
        struct fg_csv_record record;
        assert_int_equal(fg_csv_open(rig_path("y.csv"), &csv, NULL), 0);
        assert_int_equal(fg_csv_next(csv, &record, NULL), 1);
        assert_int_equal(record.count, 1);
        char *out = strdup(bytes), *to = out; // CR LF is read as LF
        for (const char *from = bytes; *from; from++)
            if (from[0] != '\r' || from[1] != '\n')
                *to++ = *from;
        *to = 0;
        assert_string_equal(record.fields[0], out);
        free(out);
        fg_csv_close(csv);
    }
}

static int read_roll(const char *text, struct fg_roll *ret, struct fg_error *err)
{
    rig_write(rig_path("roll.csv"), text, strlen(text));
    return fg_roll_read(rig_path("roll.csv"), ret, err);
}

static void test_roll(void **state)
{
    struct fg_roll roll = {0};
    struct fg_error err = {""};
    (void)state;
    assert_int_equal(read_roll("id,photo,photo2,tags,valid_until\n"
                               "anna,a.jpg,/b.jpg,x y,\n"
                               "berta,c.jpg,,,2027-01-31\n"
                               "anna,d.jpg,,,\n",
                               &roll, &err),
                     0);
    assert_int_equal(roll.count, 3);
    assert_int_equal(roll.entries[0].n_photos, 2);
    assert_string_equal(roll.entries[0].photos[0], rig_path("a.jpg"));
    assert_string_equal(roll.entries[0].photos[1], "/b.jpg");
    assert_string_equal(roll.entries[0].fields[FG_FIELD_TAGS], "x y");
    assert_null(roll.entries[0].fields[FG_FIELD_VALID_UNTIL]);
    assert_int_equal(roll.entries[1].n_photos, 1);
    assert_int_equal(roll.entries[0].same_as, 0);
    assert_int_equal(roll.entries[2].same_as, 2);
    fg_roll_finish(&roll);

    static const struct {
        const char *text, *says;
    } bad[] = {
        {"", "empty"},
        {"id\nanna\n", "id and photo among them"},
        {"photo\na.jpg\n", "id and photo among them"},
        {"anna,a.jpg\n", "no such column: anna"},
        {"id,photo,valid_untill\nanna,a,\n", "no such column: valid_untill"},
        {"id,photo,id\nanna,a,b\n", "the column id twice"},
        {"id,photo\n", "nobody below"},
        {"id,photo\nanna\n", "roll.csv:2: 1 fields"},
        {"id,photo\nanna,a,b\n", "roll.csv:2: 3 fields"},
        {"id,photo\nanna,\"a.jpg\n", "roll.csv:2: a quote"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_true(read_roll(bad[i].text, &roll, &err) < 0);
        has(err.text, bad[i].says);
        assert_null(roll.entries);
    }
    assert_int_equal(fg_roll_read(rig_path("nowhere"), &roll, &err), -ENOENT);
    rig_make_folder(rig_path("nobody"));
    assert_int_equal(fg_roll_read(rig_path("nobody"), &roll, &err), -ENODATA);
}

// ---- journal -----------------------------------------------------------------------------------

static void test_journal(void **state)
{
    static const char *const ids[] = {"zoe", "anna", "berta"};
    struct fg_journal *j = NULL, *second = NULL;
    struct fg_error err = {""};
    const char *path = rig_path("journal");
    (void)state;
    assert_int_equal(fg_journal_open(path, "m1", &j, &err), 0);
    assert_false(fg_journal_has(j, "anna"));
    assert_int_equal(fg_journal_add(j, ids, 3, &err), 0);
    assert_int_equal(fg_journal_add(j, ids, 0, &err), 0);
    assert_int_equal(fg_journal_open(path, "m1", &second, &err), -EBUSY);
    fg_journal_close(j);

    char *text = rig_read(path), *torn;
    assert_true(asprintf(&torn, "%scarl", text) > 0); // cut off by a kill
    rig_write(path, torn, strlen(torn));
    assert_int_equal(fg_journal_open(path, "m1", &j, &err), 0);
    assert_true(fg_journal_has(j, "anna") && fg_journal_has(j, "berta") &&
                fg_journal_has(j, "zoe"));
    assert_false(fg_journal_has(j, "carl"));
    assert_false(fg_journal_has(j, "an"));
    assert_int_equal(fg_journal_add(j, &(const char *){"dora"}, 1, &err), 0);
    fg_journal_close(j);
    assert_int_equal(fg_journal_open(path, "m1", &j, &err), 0);
    assert_true(fg_journal_has(j, "dora") && !fg_journal_has(j, "carldora"));
    fg_journal_close(j);

    assert_int_equal(fg_journal_open(path, "m2", &j, &err), -EINVAL);
    has(err.text, "another model");
    free(text);
    free(torn);
    static const char *const foreign[] = {"not a journal\n", "not a journal", "\n"};
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        rig_write(path, foreign[i], strlen(foreign[i]));
        assert_int_equal(fg_journal_open(path, "m1", &j, &err), -EINVAL);
        text = rig_read(path);
        assert_string_equal(text, foreign[i]); // and it is left alone
        free(text);
    }
    rig_write(path, "facegate-im", 11); // killed while it was begun
    assert_int_equal(fg_journal_open(path, "m1", &j, &err), 0);
    fg_journal_close(j);
    assert_int_equal(fg_journal_open(rig_path("no/such/place"), "m1", &j, &err), -ENOENT);
    has(err.text, "--journal");
    fg_journal_close(NULL);
}

// ---- no matcher, wrong words -------------------------------------------------------------------

static void test_no_matcher(void **state)
{
    static const char *const commands[] = {"status", "list"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        want(rig_run(commands[i], "--timeout-ms", "200"), 75);
        has(rig_err, "no matcher answers on ipc://");
        has(rig_err, "is facegate-matcher running?");
        assert_ptr_equal(strchr(rig_err, '\n'), rig_err + strlen(rig_err) - 1); // one line
    }
    want(rig_run("delete", "--timeout-ms", "200", "anna"), 75);
    want(rig_run("watch", "--timeout-ms", "200"), 75);
    has(rig_err, "is facegate-matcher running?");
    want(rig_run("status", "--control", "tcp://1.2.3.4:5"), 1);
}

// Nobody takes half a list for a whole one.
static void test_output_that_is_lost(void **state)
{
    (void)state;
    char command[512];
    snprintf(command, sizeof command, "%s status --help >/dev/full 2>%s", rig_program("facegate"),
             rig_path("said"));
    int status = system(command);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), FG_EXIT_FAILURE);
    char *said = rig_read(rig_path("said"));
    has(said, "the output can't be written: is the disk full?");
    free(said);
}

static void test_usage(void **state)
{
    static const char *const bad[][4] = {
        {"enrol"},
        {"enrol", "a.jpg"},
        {"enrol", "--id", "anna"},
        {"enrol", "--id", "an na", "a.jpg"},
        {"import"},
        {"import", "a", "b"},
        {"import", "--threads", "0", "a"},
        {"import", "--valid-until", "soon", "a"},
        {"list", "anna"},
        {"list", "--limit", "0"},
        {"delete"},
        {"watch", "--lane", "a b"},
        {"watch", "--count", "-1"},
        {"status", "--nonsense"},
        {"status", "--timeout-ms", "0"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        want(rig_run(bad[i][0], bad[i][1], bad[i][2], bad[i][3]), 2);
        assert_true(rig_err[0] != 0 && rig_out[0] == 0);
    }
    static const char *const commands[] = {"enrol", "import", "list",  "delete",
                                           "watch", "status", "model", "engines"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        want(rig_run(commands[i], "--help"), 0);
        has(rig_out, "Exit codes:");
    }
    want(rig_run("enrol", "--id", "a", "1", "2", "3", "4", "5", "6"), 2);
    has(rig_err, "at most 5");
}

// ---- list, delete, status: templates of the test's own -----------------------------------------

static void enrol_axes(unsigned from, unsigned count)
{
    struct fg_client *client = NULL;
    struct fg_card card;
    struct fg_error err = {""};
    char model[24], id[24];
    assert_int_equal(fg_card_read(rig_path("models/mobilefacenet.card"), &card, &err), 0);
    snprintf(model, sizeof model, "%016" PRIx64, card.id);
    uint32_t dimension = fg_card_template_dimension(&card);
    float *vectors = calloc(32 * dimension, sizeof *vectors);
    assert_int_equal(fg_client_open(getenv("FACEGATE_CONTROL"), 20000, &client, &err), 0);
    for (unsigned done = 0; done < count;) {
        struct fg_json *reply = NULL, *request = fg_client_request("enrol_many");
        struct fg_json *subjects = fg_json_array();
        unsigned n = count - done < 32 ? count - done : 32;
        memset(vectors, 0, 32 * dimension * sizeof *vectors);
        for (unsigned i = 0; i < n; i++) {
            struct fg_json *subject = fg_json_object();
            snprintf(id, sizeof id, "s%04u", from + done + i);
            fg_json_add_string(subject, "subject", id);
            fg_json_add(subjects, NULL, subject);
            vectors[i * dimension + (done + i) % dimension] = 1;
        }
        fg_json_add_string(request, "model", model);
        fg_json_add_number(request, "dimension", dimension);
        fg_json_add(request, "subjects", subjects);
        if (fg_client_do(client, request, vectors, n, dimension, &reply, &err) < 0)
            fail_msg("%s", err.text);
        fg_json_destroy(reply);
        done += n;
    }
    fg_client_close(client);
    free(vectors);
}

static unsigned lines(const char *text)
{
    unsigned n = 0;
    for (; (text = strchr(text, '\n')); text++)
        n++;
    return n;
}

static void test_list(void **state)
{
    (void)state;
    want(rig_run("list", "--json"), 0);
    struct fg_json *json = rig_json();
    assert_int_equal(fg_json_count(json), 0);
    fg_json_destroy(json);
    enrol_axes(0, 450);
    want(rig_run("list", "--json"), 0);
    json = rig_json();
    assert_int_equal(fg_json_count(json), 450); // three pages
    for (unsigned i = 0; i < 450; i++) {
        char id[24];
        snprintf(id, sizeof id, "s%04u", i);
        assert_string_equal(fg_json_get_string(fg_json_at(json, i), "subject", ""), id);
    }
    fg_json_destroy(json);
    want(rig_run("list"), 0);
    assert_int_equal(lines(rig_out), 451);
    want(rig_run("list", "--limit", "201"), 0);
    assert_int_equal(lines(rig_out), 202);
    want(rig_run("list", "--quiet", "--limit", "3", "--after", "s0100"), 0);
    assert_int_equal(lines(rig_out), 3);
    has(rig_out, "s0101");
    want(rig_run("list", "--json", "--after", "s0449"), 0);
    json = rig_json();
    assert_int_equal(fg_json_count(json), 0);
    fg_json_destroy(json);
}

static void test_delete(void **state)
{
    (void)state;
    enrol_axes(0, 4);
    want(rig_run("delete", "s0001", "nobody", "s0002"), 1); // goes on behind the one missing
    has(rig_out, "s0001 deleted");
    has(rig_out, "s0002 deleted");
    has(rig_err, "nobody");
    want(rig_run("delete", "--json", "s0003"), 0);
    struct fg_json *json = rig_json();
    assert_true(fg_json_get_bool(fg_json_at(json, 0), "deleted", false));
    fg_json_destroy(json);
    want(rig_run("list", "--quiet"), 0);
    assert_int_equal(lines(rig_out), 1);
    want(rig_run("delete", "s0001"), 1);
}

static void test_status(void **state)
{
    (void)state;
    enrol_axes(0, 3);
    want(rig_run("status"), 0);
    has(rig_out, "gallery    3 subjects");
    has(rig_out, "profile demo (identify)");
    has(rig_out, "none has been heard");
    want(rig_run("status", "--json"), 0);
    struct fg_json *json = rig_json();
    assert_true(number(fg_json_get(json, "gallery"), "subjects") == 3);
    fg_json_destroy(json);
}

// ---- watch -------------------------------------------------------------------------------------

static void publish(struct fg_socket *pub, const char *lane, unsigned sequence, const char *more)
{
    char topic[FG_WIRE_NAME], text[512];
    snprintf(text, sizeof text,
             "{\"v\":1,\"run\":\"00ff\",\"seq\":%u,\"lane\":\"%s\",\"outcome\":\"admit\","
             "\"reason\":\"matched\",\"subject\":\"anna\",\"attempt\":1,"
             "\"t\":\"2027-01-31T18:00:00.000Z\",\"latency_ms\":12.5%s}",
             sequence, lane, more);
    struct fg_part parts[] = {{topic, fg_wire_topic(lane, topic)}, {text, strlen(text)}};
    assert_int_equal(fg_socket_send(pub, parts, 2), 0);
}

static void test_watch(void **state)
{
    struct fg_bus *bus = NULL;
    struct fg_socket *pub = NULL;
    (void)state;
    assert_int_equal(fg_bus_create(&bus), 0);
    assert_int_equal(
        fg_socket_bind(bus, FG_SOCKET_PUB, getenv("FACEGATE_DECISION"), 64, &pub, NULL), 0);
    pid_t pid = rig_begin("watch", "--count", "4", "--seconds", "60");
    assert_int_equal(fg_socket_wait_subscriber(pub, 20000), 0);
    publish(pub, "1", 1, "");
    publish(pub, "10", 2, ",\"subject\":\"an\\u001b[2Jna\"");
    struct fg_part rubbish[] = {{"1", 2}, {"{\"v\":", 5}};
    fg_socket_send(pub, rubbish, 2);
    fg_socket_send(pub, rubbish, 1);
    publish(pub, "1", 7, "");
    publish(pub, "1", 8, "");
    assert_int_equal(rig_end(pid), 0);
    char *out = rig_read(rig_path("background.out")), *err = rig_read(rig_path("background.err"));
    assert_int_equal(lines(out), 4);
    has(out, "lane 1     admit     anna");
    has(out, "12.5 ms");
    assert_null(strchr(out, 27));
    has(err, "4 decisions were missed");
    has(err, "no decision");
    free(out);
    free(err);
    fg_socket_close(pub);
    fg_bus_destroy(bus); // zmq leaves the path only with the last of its threads

    pub = NULL; // one lane, as JSON: lane 1 is not lane 10
    assert_int_equal(fg_bus_create(&bus), 0);
    assert_int_equal(
        fg_socket_bind(bus, FG_SOCKET_PUB, getenv("FACEGATE_DECISION"), 64, &pub, NULL), 0);
    pid = rig_begin("watch", "--lane", "1", "--json", "--count", "2", "--seconds", "60");
    assert_int_equal(fg_socket_wait_subscriber(pub, 20000), 0);
    publish(pub, "10", 1, "");
    publish(pub, "1", 2, "");
    publish(pub, "2", 3, "");
    publish(pub, "1", 4, "");
    assert_int_equal(rig_end(pid), 0);
    out = rig_read(rig_path("background.out"));
    assert_int_equal(lines(out), 2);
    has(out, "\"seq\":2");
    has(out, "\"seq\":4");
    free(out);
    want(rig_run("watch", "--seconds", "1"), 0);
    want(rig_run("watch", "--seconds", "1", "--count", "1"), 1); // it waited in vain
    fg_socket_close(pub);
    fg_bus_destroy(bus);
}

// ---- enrol -------------------------------------------------------------------------------------

static void crop(unsigned sample, unsigned face, const char *path)
{
    if (!rig_crop(sample, face, .15, 1, path))
        fail_msg("sample%u has no face %u", sample, face);
}

static void test_enrol(void **state)
{
    NEED_MODELS
    const char *anna = rig_path("anna.jpg"), *other = rig_path("other.jpg");
    (void)state;
    crop(1, 0, anna);
    crop(3, 0, other);
    want(rig_run("enrol", "--id", "anna", "--lane", "l1", "--lane", "l2", "--tag", "vip",
                 "--valid-until", "2027-01-31", "--consent", "c-1", anna),
         0);
    want(rig_run("list", "--json"), 0);
    struct fg_json *json = rig_json();
    const struct fg_json *row = fg_json_at(json, 0);
    assert_int_equal(fg_json_count(json), 1);
    assert_string_equal(fg_json_get_string(row, "subject", ""), "anna");
    assert_true(number(row, "valid_until") == 1801440000);
    assert_int_equal(fg_json_count(fg_json_get(row, "lanes")), 2);
    assert_string_equal(fg_json_get_string(row, "consent", ""), "c-1");
    fg_json_destroy(json);
    want(rig_run("list"), 0);
    has(rig_out, "2027-02-01T00:00:00Z");
    has(rig_out, "l1,l2  vip");
    want(rig_run("status"), 0);
    has(rig_out, "gallery    1 subjects");

    want(rig_run("enrol", "--id", "anna", anna), 1);
    has(rig_err, "enrolled already; --replace");
    want(rig_run("enrol", "--json", "--replace", "--id", "anna", anna, anna), 0);
    json = rig_json();
    assert_true(fg_json_get_bool(json, "enrolled", false));
    assert_int_equal(fg_json_count(fg_json_get(json, "photographs")), 2);
    fg_json_destroy(json);

    want(rig_run("enrol", "--id", "two", anna, other), 1);
    has(rig_err, "these two photographs look like two people");
    want(rig_run("enrol", "--id", "two", "--anyway", anna, other), 0);
    want(rig_run("delete", "anna", "two"), 0);
    want(rig_run("list", "--quiet"), 0);
    assert_string_equal(rig_out, "");
    want(rig_run("delete", "anna"), 1);
}

static void refused(const char *photo, const char *reason)
{
    want(rig_run("enrol", "--json", "--id", "x", photo), 1);
    struct fg_json *json = rig_json();
    assert_false(fg_json_get_bool(json, "enrolled", true));
    const struct fg_json *first = fg_json_at(fg_json_get(json, "refused"), 0);
    const char *given = fg_json_get_string(first, "reason", "none");
    if (strcmp(given, reason) != 0)
        fail_msg("%s: %s, not %s (%s)", photo, given, reason, rig_err);
    assert_true(fg_json_get_string(first, "text", "")[0] != 0);
    fg_json_destroy(json);
    has(rig_err, "facegate enrol: ");
}

static void test_enrol_refuses(void **state)
{
    NEED_MODELS
    const char *path = rig_path("p.jpg");
    (void)state;
    rig_noise(400, 300, path);
    refused(path, "no_face");
    refused("models/sample1.jpg", "several_faces");
    refused(rig_path("nothing.jpg"), "unreadable");
    rig_write(path, "no picture", 10);
    refused(path, "unreadable");
    assert_true(rig_crop(1, 0, .15, .12, path));
    refused(path, "too_dark");
    want(rig_run("list", "--quiet"), 0);
    assert_string_equal(rig_out, ""); // nothing was stored
    want(rig_run("enrol", "--id", "x", "--central", "models/sample1.jpg"), 0);
    want(rig_run("enrol", "--id", "y", "--models", rig_path("none"), path), 1);
    has(rig_err, "no such model card");
    rig_stop_matcher();
    want(rig_run("enrol", "--timeout-ms", "300", "--id", "y", "--central", "models/sample1.jpg"),
         75);
}

// ---- import ------------------------------------------------------------------------------------

static unsigned enrolled(void)
{
    want(rig_run("list", "--json"), 0);
    struct fg_json *json = rig_json();
    unsigned n = (unsigned)fg_json_count(json);
    fg_json_destroy(json);
    return n;
}

// N people of one photograph each, in turn from the samples.
static void make_people(unsigned count)
{
    char *models = realpath("models", NULL), from[300];
    rig_make_folder(rig_path("people"));
    for (unsigned i = 0; i < count; i++) {
        rig_make_folder(rig_path("people/p%03u", i));
        snprintf(from, sizeof from, "%s/sample%u.jpg", models, i % 6 + 1);
        assert_int_equal(symlink(from, rig_path("people/p%03u/a.jpg", i)), 0);
    }
    free(models);
}

static void test_import_folder(void **state)
{
    NEED_MODELS
    const char *people = rig_path("people"), *report = rig_path("report.csv");
    (void)state;
    make_people(6);
    for (unsigned i = 1; i <= 6; i++)
        crop(5, 0, rig_path("people/p001/b%u.jpg", i));
    rig_make_folder(rig_path("people/noise"));
    rig_noise(300, 300, rig_path("people/noise/n.jpg"));
    rig_make_folder(rig_path("people/bad id"));
    crop(1, 1, rig_path("people/bad id/1.jpg"));
    want(rig_run("import", "--central", "--anyway", "--json", "--report", report, "--tag", "staff",
                 "--threads", "2", people),
         1);
    struct fg_json *json = rig_json();
    assert_true(number(json, "people") == 8);
    assert_true(number(json, "enrolled") == 6);
    assert_true(number(json, "refused") == 2);
    assert_int_equal(fg_json_count(fg_json_get(json, "problems")), 4); // and two left out
    fg_json_destroy(json);
    char *text = rig_read(report);
    assert_int_equal(lines(text), 5);
    has(text, "id,line,photo,reason,text");
    has(text, "noise,,,no_face,");
    has(text, "bad id,,,bad_entry,");
    has(text, ",left_out,");
    free(text);
    assert_int_equal(enrolled(), 6);
    want(rig_run("list"), 0);
    has(rig_out, "staff");

    want(rig_run("import", "--central", "--json", people), 1); // what was refused is tried
    json = rig_json();
    assert_true(number(json, "skipped") == 6);
    assert_true(number(json, "refused") == 2);
    fg_json_destroy(json);
    assert_int_equal(unlink(rig_path("people.journal")), 0);
    want(rig_run("import", "--central", "--json", "--anyway", people), 1);
    json = rig_json();
    assert_true(number(json, "already") == 6);
    assert_true(number(json, "enrolled") == 0);
    fg_json_destroy(json);
    want(rig_run("import", "--central", "--replace", "--anyway", "--journal", rig_path("j2"),
                 people),
         1);
    has(rig_out, "6 enrolled");
    assert_int_equal(enrolled(), 6);
}

static void write_roll(const char *text)
{
    rig_write(rig_path("roll.csv"), text, strlen(text));
}

static void test_import_csv(void **state)
{
    NEED_MODELS
    const char *roll = rig_path("roll.csv");
    (void)state;
    crop(1, 0, rig_path("a, \"b\".jpg"));
    crop(5, 0, rig_path("c.jpg"));
    crop(3, 0, rig_path("d.jpg"));
    write_roll("id,photo,photo2,valid_until,tags,born\r\n"
               "anna,\"a, \"\"b\"\".jpg\",,2027-01-31,\"x y\",2012-02-29\r\n"
               "berta,c.jpg,c.jpg,,,\r\n"
               "anna,c.jpg,,,,\r\n"
               "mixed,c.jpg,d.jpg,,,\r\n"
               "late,d.jpg,,someday,,\r\n"
               "none,nowhere.jpg,,,,\r\n"
               "empty,,,,,\r\n"
               "odd,d.jpg,,,,2013-02-29\r\n");
    want(rig_run("import", roll, "--lane", "gate-1", "--valid-until", "2030-12-31", "--born",
                 "1990-01-02"),
         1);
    has(rig_out, "refused: anna: line 4: the same id as in line 2");
    has(rig_out, "refused: mixed: line 5: c.jpg and d.jpg: these two photographs look like two");
    has(rig_out, "refused: late: line 6: valid_until: someday");
    has(rig_out, "refused: none: line 7: ");
    has(rig_out, "refused: empty: line 8: there is no photograph");
    has(rig_out, "refused: odd: line 9: born: 2013-02-29: not a date of birth");
    has(rig_out, "8 people: 2 enrolled");
    want(rig_run("list", "--json"), 0);
    struct fg_json *json = rig_json();
    const struct fg_json *anna = fg_json_at(json, 0), *berta = fg_json_at(json, 1);
    assert_int_equal(fg_json_count(json), 2);
    assert_int_equal(fg_json_count(fg_json_get(anna, "tags")), 2);
    assert_int_equal(fg_json_count(fg_json_get(anna, "lanes")), 1);
    assert_true(number(anna, "valid_until") == 1801440000);
    assert_true(number(berta, "valid_until") == 1924992000);
    assert_true(number(berta, "vectors") == 2);
    assert_string_equal(fg_json_get_string(anna, "born", ""), "2012-02-29");
    assert_string_equal(fg_json_get_string(berta, "born", ""), "1990-01-02");
    fg_json_destroy(json);
}

static void test_import_hostile(void **state)
{
    static const char *const bad[] = {
        "", "id,photo\nanna,\"a.jpg\n", "photo\na.jpg\n", "id,photo\nanna\n", "\"", ",,,\n",
    };
    const char *roll = rig_path("roll.csv");
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_roll(bad[i]);
        want(rig_run("import", roll, "--timeout-ms", "300"), 1);
        has(rig_err, "roll.csv");
        assert_int_equal(lines(rig_err), 1);
    }
    char *large = malloc(1 << 20);
    memset(large, 'x', 1 << 20);
    memcpy(large, "id,photo\n", 9);
    rig_write(roll, large, 1 << 20);
    free(large);
    want(rig_run("import", roll), 1);
    has(rig_err, "roll.csv:2: a record of more than");
    want(rig_run("import", rig_path("nowhere")), 1);
}

// Waits until the journal says that some are done.
static void wait_journal(unsigned wanted)
{
    const char *journal = rig_path("people.journal");
    uint64_t end = fg_monotonic_ns() + UINT64_C(60000000000);
    for (unsigned n = 0; n < wanted + 1;) {
        char *text = rig_read(journal);
        n = lines(text);
        free(text);
        if (fg_monotonic_ns() > end)
            fail_msg("the import does not get on");
        fg_sleep_until_ns(fg_monotonic_ns() + 2000000);
    }
}

static void test_import_resumes(void **state)
{
    NEED_MODELS
    enum { PEOPLE = 30 };
    const char *people = rig_path("people");
    (void)state;
    make_people(PEOPLE);
    pid_t pid = rig_begin("import", "--central", "--threads", "1", people);
    wait_journal(4);
    kill(pid, SIGKILL);
    assert_int_equal(rig_end(pid), 128 + SIGKILL);
    unsigned before = enrolled();
    assert_true(before >= 4 && before < PEOPLE);
    want(rig_run("import", "--central", "--json", people), 0);
    struct fg_json *json = rig_json();
    assert_true(number(json, "skipped") >= 4);
    // Those enrolled but not yet in the journal when it was killed are met again.
    assert_true(number(json, "skipped") + number(json, "already") == before);
    assert_true(number(json, "enrolled") == PEOPLE - before);
    fg_json_destroy(json);
    assert_int_equal(enrolled(), PEOPLE);
}

static void test_import_loses_matcher(void **state)
{
    NEED_MODELS
    enum { PEOPLE = 30 };
    const char *people = rig_path("people");
    (void)state;
    make_people(PEOPLE);
    pid_t pid = rig_begin("import", "--central", "--threads", "1", "--timeout-ms", "500", people);
    wait_journal(3);
    rig_stop_matcher();
    assert_int_equal(rig_end(pid), 75);
    char *err = rig_read(rig_path("background.err"));
    has(err, "run it again");
    has(err, "no matcher answers on");
    free(err);
    rig_start_matcher();
    want(rig_run("import", "--central", people), 0);
    assert_int_equal(enrolled(), PEOPLE);
}

// eval --calibrate: the card is read again, keeps all else, and is not spoiled by too few pairs.
static void test_score_table(void **state)
{
    (void)state;
    enum { PAIRS = 1000 };
    static const char text[] =
        "[model]\nname = m\nversion = 1\nkind = embedder\nfile = m.tflite\n"
        "sha256 = 0000000000000000000000000000000000000000000000000000000000000000\n"
        "licence = none\nsource = none\n\n"
        "[input]\nwidth = 8\nheight = 8\nmean = 0\nscale = 1\n\n[embedder]\ndimension = 4\n";
    char path[300], *once, *again;
    struct fg_scores genuine = {0}, impostors = {0}, few = {0};
    struct fg_error err = {""};
    struct fg_card card;
    snprintf(path, sizeof path, "%s", rig_path("m.card"));
    rig_write(path, text, sizeof text - 1);
    for (int i = 0; i < PAIRS; i++) {
        assert_int_equal(fg_scores_add(&impostors, (float)i / PAIRS - .5f), 0);
        assert_int_equal(fg_scores_add(&genuine, (float)i / PAIRS), 0);
    }
    for (int i = 0; i < 20; i++)
        assert_int_equal(fg_scores_add(&few, 0), 0);
    fg_scores_sort(&genuine);
    fg_scores_sort(&impostors);
    assert_int_equal(fg_score_table_write(path, "some", &genuine, &few, &err), -ENODATA);
    has(err.text, "too few");
    again = rig_read(path);
    assert_string_equal(again, text);
    free(again);
    assert_int_equal(fg_score_table_write(path, "some", &genuine, &impostors, &err), 0);
    assert_int_equal(fg_card_read(path, &card, &err), 0);
    assert_int_equal(card.impostor_pairs, PAIRS);
    assert_true(card.points[0].fmr > .29 && card.points[0].fmr < .31);
    assert_true(card.points[0].fnmr > .19 && card.points[0].fnmr < .21);
    once = rig_read(path);
    assert_int_equal(fg_score_table_write(path, "some", &genuine, &impostors, &err), 0);
    again = rig_read(path);
    assert_string_equal(again, once); // the second time adds nothing
    free(again);
    free(once);
    fg_scores_finish(&genuine);
    fg_scores_finish(&impostors);
    fg_scores_finish(&few);
}

// ---- verify, eval, model: no matcher -----------------------------------------------------------

static void test_verify(void **state)
{
    (void)state;
    NEED_MODELS;
    const char *a = rig_path("a.jpg"), *b = rig_path("b.jpg"), *text = rig_path("text.jpg");
    const char *noise = rig_path("noise.jpg");
    crop(4, 0, a);
    crop(5, 0, b);
    rig_noise(200, 200, noise);
    rig_write(text, "no picture", 10);
    want(rig_run("verify", "--any-quality", a, a), 0);
    has(rig_out, "match: score 1.000");
    want(rig_run("verify", "--any-quality", "--json", a, b), 1);
    struct fg_json *json = rig_json();
    assert_false(fg_json_get_bool(json, "match", true));
    assert_true(fg_json_get_number(json, "score", 1) < fg_json_get_number(json, "threshold", -1));
    fg_json_destroy(json);
    want(rig_run("verify", a, noise), 3);
    has(rig_err, "noise.jpg");
    want(rig_run("verify", "--json", a, noise), 3);
    json = rig_json();
    assert_non_null(strstr(fg_json_get_string(json, "refused", ""), "noise.jpg"));
    fg_json_destroy(json);
    // a pattern that the detector takes for a face is not counted as one
    want(rig_run("verify", "models/sample1.jpg", a), 3);
    has(rig_err, "sample1.jpg: 3 faces");
    want(rig_run("verify", a, text), 4);
    has(rig_err, "neither JPEG, PNG nor JPEG 2000");
    want(rig_run("verify", "--any-quality", "--fmr", "1e-15", a, a), 4);
    has(rig_err, "calibration");
    char *card = rig_read(rig_path("models/mobilefacenet.card"));
    *strstr(card, "[calibration]") = 0;
    rig_write(rig_path("models/raw.card"), card, strlen(card));
    free(card);
    want(rig_run("verify", "--embedder", "raw", a, a), 4);
    has(rig_err,
        "raw.card: model mobilefacenet has no calibration; measure one with facegate eval");
    want(rig_run("verify", a), 2);
}

static void test_eval(void **state)
{
    (void)state;
    NEED_MODELS;
    const char *people = rig_path("people"), *card = rig_path("models/mobilefacenet.card");
    rig_make_folder(people);
    for (unsigned sample = 4; sample <= 5; sample++) {
        rig_make_folder(rig_path("people/%u", sample));
        crop(sample, 0, rig_path("people/%u/1.jpg", sample));
        rig_crop(sample, 0, .4, .8, rig_path("people/%u/2.jpg", sample));
    }
    rig_noise(200, 200, rig_path("people/4/3.jpg"));
    want(rig_run("eval", "--json", people), 0);
    struct fg_json *json = rig_json();
    assert_true(fg_json_get_number(json, "people", 0) == 2);
    assert_true(fg_json_get_number(json, "photographs", 0) == 5);
    assert_true(fg_json_get_number(json, "no_face", 0) == 1);
    assert_true(fg_json_get_number(json, "genuine_pairs", 0) == 4);
    assert_true(fg_json_get_number(json, "impostor_pairs", 0) == 6);
    assert_true(fg_json_get_number(json, "tar_at_fmr_1e-4", 0) == .5); // the miss counts
    fg_json_destroy(json);
    char *before = rig_read(card);
    want(rig_run("eval", "--calibrate", card, people), 1); // six comparisons are no calibration
    has(rig_err, "too few");
    char *after = rig_read(card);
    assert_string_equal(after, before);
    free(before);
    free(after);
    want(rig_run("eval", "--plot", rig_path("det.svg"), people), 0);
    char *plot = rig_read(rig_path("det.svg"));
    has(plot, "<svg");
    free(plot);
    want(rig_run("eval", "--calibrate", rig_path("models/onet.card"), people), 1);
    has(rig_err, "onet.card is the card of another model than");
    want(rig_run("eval", rig_path("nowhere")), 1);
    want(rig_run("eval"), 2);
}

static void test_model(void **state)
{
    (void)state;
    NEED_MODELS;
    want(rig_run("model", "--runs", "0", "--json", rig_path("models/onet.card")), 0);
    struct fg_json *json = rig_json();
    assert_string_equal(fg_json_get_string(json, "kind", ""), "landmarks");
    assert_true(fg_json_get_number(json, "macs", 0) > 1e6);
    assert_non_null(fg_json_get(json, "layers"));
    assert_null(fg_json_get(json, "ms_median"));
    fg_json_destroy(json);
    want(rig_run("model", "--runs", "2", rig_path("models/onet.card")), 0);
    has(rig_out, "ms a run (median of 2");
    want(rig_run("model", rig_path("nowhere.card")), 1);
    want(rig_run("model"), 2);
}

// The sums over layers are those of the model, and each layer's backend is in the list.
static void check_placement(const struct fg_json *json)
{
    const struct fg_json *layers = fg_json_get(json, "layers");
    const struct fg_json *backends = fg_json_get(json, "backends");
    double macs = 0, of_backends = 0, n = 0, fallbacks = 0;
    assert_true(fg_json_count(layers) > 10 && fg_json_count(backends) > 0);
    for (size_t i = 0; i < fg_json_count(layers); i++) {
        const struct fg_json *layer = fg_json_at(layers, i);
        bool listed = false;
        for (size_t k = 0; k < fg_json_count(backends); k++)
            listed |= !strcmp(fg_json_get_string(fg_json_at(backends, k), "name", "-"),
                              fg_json_get_string(layer, "backend", "+"));
        assert_true(listed);
        assert_true(fg_json_get_string(layer, "op", "")[0]);
        macs += number(layer, "macs");
        fallbacks += fg_json_get_string(layer, "note", "")[0] != 0;
    }
    for (size_t k = 0; k < fg_json_count(backends); k++) {
        of_backends += number(fg_json_at(backends, k), "macs");
        n += number(fg_json_at(backends, k), "layers");
    }
    assert_true(macs == number(json, "macs") && of_backends == macs);
    assert_true(n == (double)fg_json_count(layers));
    assert_true(fallbacks == number(json, "fallbacks"));
    assert_true(number(json, "copies") >= 0);
    assert_true(fg_json_get_bool(json, "zero_copy", false) == (number(json, "copies") == 0));
}

static void test_model_placement(void **state)
{
    (void)state;
    NEED_MODELS;
    const char *card = rig_path("models/mobilefacenet.card");
    want(rig_run("model", "--runs", "0", "--engine", "xnnpack", "--json", card), 0);
    struct fg_json *json = rig_json();
    assert_string_equal(fg_json_get_string(json, "engine", ""), "xnnpack");
    assert_true(fg_json_get_string(json, "reason", "")[0]);
    assert_true(number(json, "fallbacks") == 0 && number(json, "copies") == 0);
    check_placement(json);
    fg_json_destroy(json);
    want(rig_run("model", "--runs", "0", "--engine", "xnnpack", card), 0);
    has(rig_out, "xnnpack");
    has(rig_out, "100.0 % of 220.9 M multiply-accumulates");
    has(rig_out, "no layer fell back");
    has(rig_out, "zero-copy");
    want(rig_run("model", "--engine", "armnn:Abacus", card), 1);
    has(rig_err, "Abacus");
    assert_string_equal(rig_out, "");
}

// With the test backend, which takes convolutions alone: what fell back, where to and why.
static void test_model_fallbacks(void **state)
{
    (void)state;
    NEED_MODELS;
    char path[512], backends[300];
    const char *build = getenv("FACEGATE_BUILD");
    if (!find_backend("Arm_CpuRef_backend.so", path, sizeof path))
        fail_msg("Arm NN's CpuRef is not installed");
    snprintf(backends, sizeof backends, "%s", rig_path("backends"));
    rig_make_folder(backends);
    assert_true(copy_file(path, rig_path("backends/Arm_CpuRef_backend.so")));
    snprintf(path, sizeof path, "%s/tests/backend_toy.so", build ? build : "build");
    assert_true(copy_file(path, rig_path("backends/Test_Acc_backend.so")));
    setenv("FG_TEST_BACKEND_TAKES", "conv", 1);
    const char *card = rig_path("models/onet.card");
    want(rig_run("model", "--runs", "0", "--engine", "armnn:TestAcc,CpuRef", "--backend-path",
                 backends, "--json", card),
         0);
    struct fg_json *json = rig_json();
    assert_string_equal(fg_json_get_string(json, "engine", ""), "armnn:TestAcc,CpuRef");
    assert_true(number(json, "fallbacks") == 13); // of 17: 4 are convolutions
    check_placement(json);
    fg_json_destroy(json);
    want(rig_run("model", "--runs", "0", "--engine", "armnn:TestAcc,CpuRef", "--backend-path",
                 backends, card),
         0);
    has(rig_out, "TestAcc: left to others by the test");
    has(rig_out, "13 of 17 layers fell back; why stands below each");
    want(rig_run("model", "--engine", "armnn:TestAcc,CpuRef", "--backend-path", backends,
                 "--require", "TestAcc", card),
         1);
    has(rig_err, "TestAcc is required, but layer 1, PRELU");
    want(rig_run("engines", "--backend-path", backends), 0);
    has(rig_out,
        "--engine auto takes xnnpack: auto: Arm NN's TestAcc does not take the network: Layer "
        "of type");
    unsetenv("FG_TEST_BACKEND_TAKES");
    want(rig_run("engines", "--backend-path", backends), 0);
    has(rig_out, "--engine auto takes armnn:TestAcc: auto: Arm NN");
}

// A card that fits the file's input but not its outputs fails here as it would at the gate.
static void test_model_refuses_wrong_kinds(void **state)
{
    (void)state;
    NEED_MODELS;
    char *text = rig_read(rig_path("models/blazeface.card"));
    char *anchors = strstr(text, "short-range\nmin_score");
    assert_non_null(anchors);
    memcpy(anchors, "full-range ", 11);
    rig_write(rig_path("models/wrong.card"), text, strlen(text));
    free(text);
    want(rig_run("model", rig_path("models/wrong.card")), 1);
    has(rig_err, "correct kind or anchors in the card");
    assert_ptr_equal(strchr(rig_err, '\n'), rig_err + strlen(rig_err) - 1); // one line
}

static void test_engine_options(void **state)
{
    static const char *const bad[][2] = {
        {"--engine=steam", "--engine: engine = steam: must be auto, xnnpack, armnn or armnn:"},
        {"--engine=armnn:", "must be auto"},
        {"--engine=armnn:CpuAcc,", "must be auto"},
        {"--threads=0", "--threads: threads = 0: must be from 1 to 64"},
        {"--threads=1.5", "not a whole number"},
        {"--model-memory=lots", "--model-memory: model-memory = lots: not a number"},
        {"--require=0123456789012345678901234567890123456789", "longer than 31 bytes"},
        {"--fp16=yes", "not understood"},
    };
    static const char *const commands[] = {"model", "engines", "verify", "enrol"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        for (size_t k = 0; k < sizeof commands / sizeof *commands; k++) {
            want(rig_run(commands[k], bad[i][0], "x"), 2);
            has(rig_err, bad[i][1]);
        }
        want(rig_run(bad[i][0], "engines"), 2); // before the command too
        has(rig_err, bad[i][1]);
    }
    want(rig_run("--fp16", "--fast-math", "engines", "--help"), 0);
    has(rig_out, "--backend-path DIR");
}

static void test_engines(void **state)
{
    (void)state;
    want(rig_run("engines", "--json"), 0);
    struct fg_json *json = rig_json();
    const struct fg_json *engines = fg_json_get(json, "engines"), *first = fg_json_at(engines, 0);
    assert_string_equal(fg_json_get_string(first, "name", ""), "xnnpack");
    assert_true(fg_json_get_bool(first, "works", false));
    assert_string_equal(fg_json_get_string(json, "asked", ""), "auto");
    assert_true(fg_json_get_string(json, "reason", "")[0]);
    for (size_t i = 1; i < fg_json_count(engines); i++) {
        const struct fg_json *engine = fg_json_at(engines, i);
        assert_int_equal(strncmp(fg_json_get_string(engine, "name", ""), "armnn:", 6), 0);
        assert_true(fg_json_get_string(engine, "kind", "")[0]);
        assert_true(fg_json_get_string(engine, "text", "")[0]); // why not, when it does not work
    }
    fg_json_destroy(json);
    want(rig_run("engines", "--engine", "xnnpack"), 0);
    has(rig_out, "--engine xnnpack takes xnnpack: ");
    want(rig_run("engines", "--engine", "armnn:Abacus"), 1);
    has(rig_out, "xnnpack");
    has(rig_err, "Abacus");
    want(rig_run("engines", "--backend-path", rig_path("nowhere")), 1);
    has(rig_err, "nowhere");
    want(rig_run("engines", "stray"), 2);
}

#define PLAIN(test)   cmocka_unit_test_setup_teardown(test, setup, teardown)
#define MATCHER(test) cmocka_unit_test_setup_teardown(test, setup_matcher, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLAIN(test_when),
        PLAIN(test_score_table),
        PLAIN(test_verify),
        PLAIN(test_eval),
        PLAIN(test_model),
        PLAIN(test_model_placement),
        PLAIN(test_model_fallbacks),
        PLAIN(test_model_refuses_wrong_kinds),
        PLAIN(test_engine_options),
        PLAIN(test_engines),
        PLAIN(test_enrolment),
        PLAIN(test_csv),
        PLAIN(test_csv_turns),
        PLAIN(test_roll),
        PLAIN(test_journal),
        PLAIN(test_no_matcher),
        PLAIN(test_output_that_is_lost),
        PLAIN(test_usage),
        PLAIN(test_watch),
        PLAIN(test_import_hostile),
        MATCHER(test_list),
        MATCHER(test_delete),
        MATCHER(test_status),
        MATCHER(test_enrol),
        MATCHER(test_enrol_refuses),
        MATCHER(test_import_folder),
        MATCHER(test_import_csv),
        MATCHER(test_import_resumes),
        MATCHER(test_import_loses_matcher),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
