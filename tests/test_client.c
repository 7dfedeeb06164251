// SPDX-License-Identifier: Apache-2.0
// The control client against a matcher of the test's own that answers what it should not.
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "tools/client.h"

#define SHORT_MS 300
#define LONG_MS  20000

enum manner {
    RIGHT,     // {"v":1,"ok":true,"id":...}
    NEVER,     // no answer
    RUBBISH,   // bytes
    EMPTY,     // a part of no bytes
    TRUNCATED, // the right answer, cut off
    ARRAY,     // JSON, but no object
    NO_OK,     // an object that is no answer
    VERSION_2,
    WRONG_ID, // of another request
    NO_ID,
    FLOOD,      // of answers to others, for ever
    LATE,       // answers to others, then the right one
    MANY_PARTS, // more than the bus takes
    HUGE,       // more than a message may have
    DEEP,
    ODD_TYPES, // ok is a number, id an object
};

static char folder[64], endpoint[128];
static struct fg_bus *bus;
static struct fg_socket *router;
static pthread_t thread;
static atomic_int manner, stopping;
static atomic_uint parts_seen;
static atomic_bool packed_seen;
static pthread_mutex_t sight = PTHREAD_MUTEX_INITIALIZER; // of the next two
static uint8_t vector_seen[64];
static size_t vector_length;

// ---- the matcher -------------------------------------------------------------------------------

static void answer(const struct fg_part *who, const char *text, size_t length)
{
    struct fg_part parts[] = {*who, {text, length}};
    fg_socket_send(router, parts, 2);
}

static void answer_text(const struct fg_part *who, const char *text)
{
    answer(who, text, strlen(text));
}

static void answer_to(const struct fg_part *who, const char *id)
{
    char text[256];
    snprintf(text, sizeof text, "{\"v\":1,\"ok\":true,\"id\":\"%s\",\"n\":7}", id);
    answer_text(who, text);
}

static void answer_large(const struct fg_part *who, size_t length, char with)
{
    char *text = malloc(length);
    memset(text, with, length);
    answer(who, text, length);
    free(text);
}

static void answer_many(const struct fg_part *who)
{
    struct fg_part parts[FG_BUS_PARTS + 8] = {*who};
    for (unsigned i = 1; i < FG_BUS_PARTS + 8; i++)
        parts[i] = (struct fg_part){"{}", 2};
    fg_socket_send(router, parts, FG_BUS_PARTS + 8);
}

static void flood(const struct fg_part *who)
{
    while (!atomic_load(&stopping)) {
        answer_to(who, "another");
        fg_sleep_until_ns(fg_monotonic_ns() + 1000000);
    }
}

static void answer_badly(const struct fg_part *who, const char *id)
{
    char text[256];
    switch ((enum manner)atomic_load(&manner)) {
    case RIGHT:
        answer_to(who, id);
        break;
    case NEVER:
        break;
    case RUBBISH:
        answer(who, "\x00\xff\x17{\"v\"\x00", 8);
        break;
    case EMPTY:
        answer(who, "", 0);
        break;
    case TRUNCATED:
        snprintf(text, sizeof text, "{\"v\":1,\"ok\":true,\"id\":\"%s", id);
        answer_text(who, text);
        break;
    case ARRAY:
        answer_text(who, "[1,2,3]");
        break;
    case NO_OK:
        answer_text(who, "{\"v\":1}");
        break;
    case VERSION_2:
        snprintf(text, sizeof text, "{\"v\":2,\"ok\":true,\"id\":\"%s\"}", id);
        answer_text(who, text);
        break;
    case WRONG_ID:
        answer_to(who, "another");
        break;
    case NO_ID:
        answer_text(who, "{\"v\":1,\"ok\":true}");
        break;
    case FLOOD:
        flood(who);
        break;
    case LATE:
        for (int i = 0; i < 20; i++)
            answer_to(who, "another");
        answer_to(who, id);
        break;
    case MANY_PARTS:
        answer_many(who);
        break;
    case HUGE:
        answer_large(who, (1 << 20) + 10, ' ');
        break;
    case DEEP:
        answer_large(who, 100000, '[');
        break;
    case ODD_TYPES:
        answer_text(who, "{\"v\":1,\"ok\":1,\"id\":{\"a\":\"b\"}}");
        break;
    }
}

static void see_vector(const struct fg_part *part)
{
    pthread_mutex_lock(&sight);
    vector_length = part->length;
    if (vector_length > 0 && vector_length <= sizeof vector_seen)
        memcpy(vector_seen, part->data, vector_length);
    pthread_mutex_unlock(&sight);
}

static size_t seen_length(void)
{
    pthread_mutex_lock(&sight);
    size_t length = vector_length;
    pthread_mutex_unlock(&sight);
    return length;
}

static void *run(void *unused)
{
    struct fg_message message;
    (void)unused;
    while (!atomic_load(&stopping)) {
        struct fg_json *request = NULL;
        if (fg_socket_receive(router, 20, &message) < 0)
            continue;
        see_vector(message.count > 2 ? &message.parts[2] : &(struct fg_part){NULL, 0});
        atomic_store(&parts_seen, message.count);
        if (fg_json_parse(message.parts[1].data, message.parts[1].length, &request, NULL) == 0) {
            atomic_store(&packed_seen, fg_json_get_bool(request, "packed", false));
            answer_badly(&message.parts[0], fg_json_get_string(request, "id", ""));
        }
        fg_json_destroy(request);
    }
    return NULL;
}

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/facegate-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(endpoint, sizeof endpoint, "ipc://%s/control", folder);
    assert_int_equal(fg_bus_create(&bus), 0);
    assert_int_equal(fg_socket_bind(bus, FG_SOCKET_ROUTER, endpoint, 64, &router, NULL), 0);
    atomic_store(&stopping, 0);
    atomic_store(&manner, RIGHT);
    return pthread_create(&thread, NULL, run, NULL);
}

static int teardown(void **state)
{
    char command[128];
    (void)state;
    atomic_store(&stopping, 1);
    pthread_join(thread, NULL);
    fg_socket_close(router);
    fg_bus_destroy(bus);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

// ---- asking ------------------------------------------------------------------------------------

static int ask(enum manner how, int timeout_ms, struct fg_error *err)
{
    struct fg_client *client = NULL;
    struct fg_json *reply = NULL;
    atomic_store(&manner, (int)how);
    err->text[0] = 0;
    assert_int_equal(fg_client_open(endpoint, timeout_ms, &client, err), 0);
    int code = fg_client_ask(client, fg_client_request("status"), NULL, 0, 0, &reply, err);
    if (code == 0)
        assert_true(fg_json_get_number(reply, "n", 0) == 7);
    else
        assert_null(reply);
    fg_json_destroy(reply);
    fg_client_close(client);
    return code;
}

static void test_right(void **state)
{
    struct fg_error err;
    (void)state;
    assert_int_equal(ask(RIGHT, LONG_MS, &err), 0);
    assert_int_equal(ask(LATE, LONG_MS, &err), 0);
}

static void test_no_answers(void **state)
{
    static const enum manner bad[] = {RUBBISH, EMPTY,     TRUNCATED, ARRAY,     NO_OK,
                                      DEEP,    VERSION_2, ODD_TYPES, MANY_PARTS};
    struct fg_error err;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int code = ask(bad[i], LONG_MS, &err);
        if (code != -EBADMSG)
            fail_msg("manner %d: %d, %s", (int)bad[i], code, err.text);
        assert_non_null(strstr(err.text, endpoint));
    }
    assert_int_equal(ask(RIGHT, LONG_MS, &err), 0); // and the next client is served
}

static void test_strange_answers(void **state)
{
    static const enum manner bad[] = {NEVER, WRONG_ID, NO_ID, HUGE};
    struct fg_error err;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(ask(bad[i], SHORT_MS, &err), -ETIMEDOUT);
    assert_int_equal(ask(NEVER, SHORT_MS, &err), -ETIMEDOUT);
    assert_non_null(strstr(err.text, "no matcher answers on"));
    assert_int_equal(ask(FLOOD, SHORT_MS, &err), -ETIMEDOUT); // last: it answers until the end
    assert_non_null(strstr(err.text, "none to this request"));
}

// An answer that comes after its time-out is not taken for the next one's.
static void test_after_timeout(void **state)
{
    struct fg_client *client = NULL;
    struct fg_json *reply = NULL;
    struct fg_error err;
    (void)state;
    atomic_store(&manner, NEVER);
    assert_int_equal(fg_client_open(endpoint, SHORT_MS, &client, &err), 0);
    assert_int_equal(fg_client_ask(client, fg_client_request("status"), NULL, 0, 0, &reply, &err),
                     -ETIMEDOUT);
    atomic_store(&manner, WRONG_ID);
    assert_int_equal(fg_client_ask(client, fg_client_request("status"), NULL, 0, 0, &reply, &err),
                     -ETIMEDOUT);
    atomic_store(&manner, LATE);
    assert_int_equal(fg_client_ask(client, fg_client_request("status"), NULL, 0, 0, &reply, &err),
                     0);
    fg_json_destroy(reply);
    fg_client_close(client);
}

static void test_nobody(void **state)
{
    struct fg_client *client = NULL;
    struct fg_json *reply = NULL;
    struct fg_error err = {""};
    char nowhere[160];
    (void)state;
    snprintf(nowhere, sizeof nowhere, "%s-not", endpoint);
    assert_int_equal(fg_client_open(nowhere, 50, &client, &err), 0);
    for (int i = 0; i < 12; i++) // the queue of a socket without a peer fills up
        assert_int_equal(
            fg_client_do(client, fg_client_request("status"), NULL, 0, 0, &reply, &err),
            -ETIMEDOUT);
    assert_non_null(strstr(err.text, "is facegate-matcher running?"));
    fg_client_close(client);
    assert_int_equal(fg_client_look(nowhere, 100, &err), -ETIMEDOUT);
    assert_int_equal(fg_client_look(endpoint, LONG_MS, &err), 0);
    client = NULL;
    assert_int_equal(fg_client_open("tcp://127.0.0.1:1", SHORT_MS, &client, &err), -EINVAL);
    assert_int_equal(fg_client_open("nonsense", SHORT_MS, &client, &err), -EINVAL);
    assert_null(client);
    fg_client_close(NULL);
}

static void test_vectors(void **state)
{
    const float vectors[] = {1.0f, -2.5f, 0.0f, 3.0f, 4.0f, 5.0f};
    const uint8_t bytes[] = {0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc0, 0, 0, 0, 0};
    struct fg_client *client = NULL;
    struct fg_json *reply = NULL;
    struct fg_error err = {""};
    (void)state;
    assert_int_equal(fg_client_open(endpoint, LONG_MS, &client, &err), 0);
    assert_int_equal(fg_client_do(client, fg_client_request("enrol"), vectors, 2, 3, &reply, &err),
                     0);
    fg_json_destroy(reply);
    assert_int_equal(atomic_load(&parts_seen), 4);
    assert_int_equal(seen_length(), sizeof bytes);
    pthread_mutex_lock(&sight);
    int same = memcmp(vector_seen, bytes, sizeof bytes) == 0;
    pthread_mutex_unlock(&sight);
    assert_true(same);
    fg_client_close(client);
}

static void test_packed_vectors(void **state)
{
    enum { MOST = FG_CLIENT_BYTES / (3 * sizeof(float)) };
    struct fg_client *client = NULL;
    struct fg_json *reply = NULL;
    struct fg_error err = {""};
    float *vectors = calloc(MOST + 1, 3 * sizeof *vectors);
    (void)state;
    assert_int_equal(fg_client_open(endpoint, LONG_MS, &client, &err), 0);
    assert_int_equal(fg_client_do(client, fg_client_request("enrol_many"), vectors,
                                  FG_CLIENT_VECTORS, 3, &reply, &err),
                     0);
    fg_json_destroy(reply);
    assert_int_equal(atomic_load(&parts_seen), 2 + FG_CLIENT_VECTORS); // each for itself
    assert_int_equal(seen_length(), 12);
    assert_false(atomic_load(&packed_seen));
    const unsigned counts[] = {FG_CLIENT_VECTORS + 1, MOST};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fg_client_do(client, fg_client_request("enrol_many"), vectors, counts[i],
                                      3, &reply, &err),
                         0);
        fg_json_destroy(reply);
        assert_int_equal(atomic_load(&parts_seen), 3);
        assert_int_equal(seen_length(), 12 * counts[i]);
        assert_true(atomic_load(&packed_seen));
    }
    reply = NULL;
    assert_int_equal(
        fg_client_do(client, fg_client_request("enrol_many"), vectors, MOST + 1, 3, &reply, &err),
        -EINVAL);
    assert_null(reply);
    fg_client_close(client);
    free(vectors);
}

static void test_verdicts(void **state)
{
    static const struct {
        const char *answer;
        int code;
    } cases[] = {
        {"{\"ok\":true}", 0},
        {"{\"ok\":false,\"error\":\"exists\",\"message\":\"m\"}", -EEXIST},
        {"{\"ok\":false,\"error\":\"not_found\"}", -ENOENT},
        {"{\"ok\":false,\"error\":\"no_space\"}", -ENOSPC},
        {"{\"ok\":false,\"error\":\"bad_vector\"}", -EINVAL},
        {"{\"ok\":false,\"error\":\"wrong_model\"}", -EMEDIUMTYPE},
        {"{\"ok\":false,\"error\":\"invented\"}", -EREMOTEIO},
        {"{\"ok\":false,\"error\":[],\"message\":{}}", -EREMOTEIO},
        {"{}", -EREMOTEIO},
        {"7", -EREMOTEIO},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fg_json *json = NULL;
        struct fg_error err = {""};
        assert_int_equal(fg_json_parse(cases[i].answer, strlen(cases[i].answer), &json, NULL), 0);
        assert_int_equal(fg_client_verdict(json, &err), cases[i].code);
        assert_true((err.text[0] != 0) == (cases[i].code != 0));
        fg_json_destroy(json);
    }
    int ms = 0;
    assert_int_equal(fg_client_timeout("250", &ms), 0);
    assert_int_equal(ms, 250);
    static const char *const bad[] = {"", "0", "-1", "x", "5s", "600001", "99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(fg_client_timeout(bad[i], &ms), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_right, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_strange_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_after_timeout, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(test_vectors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_packed_vectors, setup, teardown),
        cmocka_unit_test(test_verdicts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
