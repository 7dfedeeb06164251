// SPDX-License-Identifier: Apache-2.0
// Requests to the matcher, without sockets, over a real gallery in a temporary folder.
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "matcher/desk.h"

#define DIMENSION 16
#define MODEL     UINT64_C(0x00abcdef12345678)
#define NOW_S     1700000000ULL

static char folder[64];
static struct fg_policy policy;
static struct fg_card card;
static struct fg_latency latency;
static struct fg_gallery *gallery;
static struct fg_roster *roster;
static struct fg_decide *decide;
static struct fg_control control;
static struct fg_desk *desk;

#define MOST_ANSWERS 1024

static struct {
    char peer[8];
    struct fg_json *json;
} answers[MOST_ANSWERS];
static unsigned n_answers;

static void ignore(void *context, const struct fg_decision *decision)
{
    (void)context;
    (void)decision;
}

static int enter(void *context, const struct fg_member *member)
{
    (void)context;
    return fg_roster_put(roster, member);
}

static void keep_answer(void *context, const struct fg_part *peer, struct fg_json *json)
{
    assert_ptr_equal(context, &control);
    assert_true(n_answers < MOST_ANSWERS && peer->length < sizeof answers[0].peer);
    memset(&answers[n_answers], 0, sizeof answers[0]);
    memcpy(answers[n_answers].peer, peer->data, peer->length);
    answers[n_answers++].json = json;
}

static void open_all(void)
{
    char path[96], key[96];
    snprintf(path, sizeof path, "%s/gallery", folder);
    snprintf(key, sizeof key, "%s/key", folder);
    struct fg_gallery_options options = {.directory = path,
                                         .master_key_file = key,
                                         .make_key = true,
                                         .model = MODEL,
                                         .dimension = DIMENSION,
                                         .map_bytes = 8 << 20};
    struct fg_error err = {""};
    if (fg_gallery_open(&options, &gallery, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(
        fg_roster_create(&(struct fg_index_options){.dimension = DIMENSION, .seed = 7}, &roster),
        0);
    assert_int_equal(fg_gallery_each(gallery, enter, NULL), 0);
    assert_int_equal(fg_decide_create(&policy, &card, roster,
                                      &(struct fg_decide_hooks){.emit = ignore}, &decide),
                     0);
    control = (struct fg_control){.version = "test",
                                  .gallery = gallery,
                                  .roster = roster,
                                  .decide = decide,
                                  .policy = &policy,
                                  .card = &card,
                                  .latency = &latency};
    assert_int_equal(fg_desk_create(&control, keep_answer, &control, &desk), 0);
}

static void close_all(void)
{
    fg_desk_destroy(desk);
    fg_decide_destroy(decide);
    fg_roster_destroy(roster);
    fg_gallery_close(gallery);
    decide = NULL;
    roster = NULL;
    gallery = NULL;
}

static int setup(void **state)
{
    (void)state;
    policy = (struct fg_policy){.name = "test",
                                .fmr = 1e-4,
                                .good_probes = 3,
                                .decide_ms = 1500,
                                .attempts = 3,
                                .absent_ms = 2000};
    card = (struct fg_card){.name = "toy",
                            .version = "1",
                            .kind = FG_CARD_EMBEDDER,
                            .id = MODEL,
                            .dimension = DIMENSION,
                            .n_points = 3,
                            .points = {{.3f, 1e-2, .01}, {.5f, 1e-4, .05}, {.7f, 1e-6, .3}},
                            .impostor_pairs = 1000000000};
    strcpy(folder, "/tmp/facegate-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    open_all();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    close_all();
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

// ---- asking ------------------------------------------------------------------------------------

struct vector {
    float at[DIMENSION];
};

static struct vector axis(unsigned i)
{
    struct vector v = {{0}};
    v.at[i] = 1;
    return v;
}

static void bring(const char *peer, const struct fg_part *parts, unsigned count)
{
    struct fg_part all[FG_BUS_PARTS] = {{peer, strlen(peer)}};
    for (unsigned i = 0; i < count; i++)
        all[1 + i] = parts[i];
    assert_true(fg_desk_take(desk, all, count + 1, 5000000000u, NOW_S));
}

static struct fg_json *ask_parts(const struct fg_part *parts, unsigned count)
{
    n_answers = 0;
    bring("me", parts, count);
    fg_desk_commit(desk);
    assert_int_equal(n_answers, 1);
    assert_string_equal(answers[0].peer, "me");
    assert_true(fg_json_get_number(answers[0].json, "v", 0) == 1);
    return answers[0].json;
}

static struct fg_json *ask_bytes(const void *header, size_t length, const struct vector *vectors,
                                 unsigned n_vectors)
{
    struct fg_part parts[FG_BUS_PARTS];
    uint8_t odd[FG_BUS_PARTS][sizeof(struct vector) + 1]; // as on the wire: no alignment
    parts[0] = (struct fg_part){header, length};
    for (unsigned i = 0; i < n_vectors; i++) {
        memcpy(odd[i] + 1, &vectors[i], sizeof vectors[i]);
        parts[1 + i] = (struct fg_part){odd[i] + 1, sizeof vectors[i]};
    }
    return ask_parts(parts, n_vectors + 1);
}

// The header is given as the members after "v" and "op".
static struct fg_json *ask(const char *op, const char *members, const struct vector *vectors,
                           unsigned n_vectors)
{
    char header[4096];
    int length = snprintf(header, sizeof header, "{\"v\":1,\"id\":\"r7\",\"op\":\"%s\"%s%s}", op,
                          members[0] ? "," : "", members);
    assert_true(length > 0 && length < (int)sizeof header);
    struct fg_json *reply = ask_bytes(header, (size_t)length, vectors, n_vectors);
    assert_string_equal(fg_json_get_string(reply, "id", ""), "r7");
    return reply;
}

#define OF_MODEL "\"model\":\"00abcdef12345678\",\"dimension\":16"

static void accept(struct fg_json *reply)
{
    if (!fg_json_get_bool(reply, "ok", false))
        fail_msg("%s", fg_json_get_string(reply, "message", "no message"));
    assert_null(fg_json_get(reply, "error"));
    fg_json_destroy(reply);
}

static void refuse(struct fg_json *reply, const char *code)
{
    assert_false(fg_json_get_bool(reply, "ok", true));
    assert_string_equal(fg_json_get_string(reply, "error", ""), code);
    assert_true(fg_json_get_string(reply, "message", "")[0] != '\0');
    fg_json_destroy(reply);
}

static struct fg_json *enrol(const char *id, unsigned i)
{
    char members[256];
    struct vector v = axis(i);
    snprintf(members, sizeof members, OF_MODEL ",\"subject\":\"%s\"", id);
    return ask("enrol", members, &v, 1);
}

static bool searchable(unsigned i)
{
    return fg_roster_search(roster, axis(i).at, .9f, "lane", NOW_S) != NULL;
}

// ---- tests -------------------------------------------------------------------------------------

static void test_enrol_get_delete(void **state)
{
    (void)state;
    struct vector two[] = {axis(0), {{.8f, .6f}}};
    accept(ask("enrol",
               OF_MODEL ",\"subject\":\"anna:1\",\"valid_from\":1600000000,"
                        "\"valid_until\":1800000000,\"lanes\":[\"l1\",\"lane\"],"
                        "\"tags\":[\"firm-a\"],\"consent\":\"c-1\",\"guardian\":\"g-2\","
                        "\"born\":\"1996-02-29\"",
               two, 2));
    assert_true(searchable(0));
    struct fg_json *reply = ask("get", "\"subject\":\"anna:1\"", NULL, 0);
    assert_true(fg_json_get_number(reply, "valid_from", 0) == 1600000000);
    assert_true(fg_json_get_number(reply, "valid_until", 0) == 1800000000);
    assert_true(fg_json_get_number(reply, "enrolled", 0) == NOW_S);
    assert_true(fg_json_get_number(reply, "vectors", 0) == 2);
    assert_string_equal(fg_json_string(fg_json_at(fg_json_get(reply, "lanes"), 1)), "lane");
    assert_string_equal(fg_json_string(fg_json_at(fg_json_get(reply, "tags"), 0)), "firm-a");
    assert_string_equal(fg_json_get_string(reply, "guardian", ""), "g-2");
    assert_string_equal(fg_json_get_string(reply, "born", ""), "1996-02-29");
    accept(reply);
    refuse(ask("get", "\"subject\":\"berta\"", NULL, 0), "not_found");

    refuse(enrol("anna:1", 4), "exists");
    assert_false(searchable(4));
    struct vector v = axis(4);
    accept(ask("enrol", OF_MODEL ",\"subject\":\"anna:1\",\"replace\":true", &v, 1));
    assert_true(searchable(4) && !searchable(0));

    close_all(); // it was durable
    open_all();
    assert_true(searchable(4));
    accept(ask("delete", "\"subject\":\"anna:1\"", NULL, 0));
    assert_false(searchable(4));
    refuse(ask("delete", "\"subject\":\"anna:1\"", NULL, 0), "not_found");
    refuse(ask("get", "\"subject\":\"anna:1\"", NULL, 0), "not_found");
    close_all();
    open_all();
    assert_false(searchable(4));
}

static void test_enrol_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *members, *code;
    } cases[] = {
        {"\"subject\":\"a\"", "bad_request"}, // no model
        {"\"model\":5,\"dimension\":16,\"subject\":\"a\"", "bad_request"},
        {"\"model\":\"00abcdef12345679\",\"dimension\":16,\"subject\":\"a\"", "wrong_model"},
        {"\"model\":\"00abcdef12345678\",\"dimension\":15,\"subject\":\"a\"", "wrong_dimension"},
        {"\"model\":\"00abcdef12345678\",\"subject\":\"a\"", "wrong_dimension"},
        {OF_MODEL, "bad_request"}, // no subject
        {OF_MODEL ",\"subject\":\"\"", "bad_request"},
        {OF_MODEL ",\"subject\":\"a b\"", "bad_request"},
        {OF_MODEL ",\"subject\":7", "bad_request"},
        {OF_MODEL ",\"subject\":\"a\",\"valid_from\":-1", "bad_request"},
        {OF_MODEL ",\"subject\":\"a\",\"valid_from\":\"soon\"", "bad_request"},
        {OF_MODEL ",\"subject\":\"a\",\"valid_until\":1.5", "bad_request"},
        {OF_MODEL ",\"subject\":\"a\",\"valid_from\":9,\"valid_until\":9", "bad_request"},
        {OF_MODEL ",\"subject\":\"a\",\"lanes\":\"l1\"", "bad_request"},
        {OF_MODEL ",\"subject\":\"a\",\"lanes\":[1]", "bad_request"},
        {OF_MODEL ",\"subject\":\"a\",\"lanes\":1", "bad_request"}, // not: every lane
        {OF_MODEL ",\"subject\":\"a\",\"lanes\":null", "bad_request"},
        {OF_MODEL ",\"subject\":\"a\",\"lanes\":{\"a\":\"b\"}", "bad_request"},
        {OF_MODEL ",\"subject\":\"a\",\"tags\":[\"a word\"]", "bad_request"},
        {OF_MODEL ",\"subject\":\"a\",\"tags\":[\"\"]", "bad_request"},
        {OF_MODEL ",\"subject\":\"a\",\"consent\":\"two words\"", "bad_request"},
        {OF_MODEL ",\"subject\":\"a\",\"guardian\":[]", "bad_request"},
        {OF_MODEL ",\"subject\":\"a\",\"born\":\"1995-02-29\"", "bad_request"},
        {OF_MODEL ",\"subject\":\"a\",\"born\":\"29.2.1996\"", "bad_request"},
        {OF_MODEL ",\"subject\":\"a\",\"born\":\"\"", "bad_request"},
        {OF_MODEL ",\"subject\":\"a\",\"born\":1996", "bad_request"},
        {OF_MODEL ",\"subject\":\"a\",\"born\":null", "bad_request"},
        {OF_MODEL ",\"subject\":\"a\",\"born\":\"2999-01-01\"", "bad_request"}, // to come
    };
    struct vector v = axis(0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        refuse(ask("enrol", cases[i].members, &v, 1), cases[i].code);
    struct vector many[6] = {axis(0), axis(0), axis(0), axis(0), axis(0), axis(0)};
    refuse(ask("enrol", OF_MODEL ",\"subject\":\"a\"", NULL, 0), "bad_request");
    refuse(ask("enrol", OF_MODEL ",\"subject\":\"a\"", many, 6), "bad_request");
    many[0].at[0] = 1.01f;
    refuse(ask("enrol", OF_MODEL ",\"subject\":\"a\"", many, 1), "bad_vector");
    many[0].at[0] = NAN;
    refuse(ask("enrol", OF_MODEL ",\"subject\":\"a\"", many, 1), "bad_vector");
    struct vector opposite[] = {axis(0), {{-1}}};
    refuse(ask("enrol", OF_MODEL ",\"subject\":\"a\"", opposite, 2), "bad_vector");
    assert_int_equal(fg_roster_count(roster), 0);
    accept(ask("enrol", OF_MODEL ",\"subject\":\"a\"", &v, 1)); // the case without a fault
}

static void test_headers(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "{", "[]", "7", "\"x\"", "{}{}", "null", "{\"v\":1,}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refuse(ask_bytes(bad[i], strlen(bad[i]), NULL, 0), "bad_json");
    refuse(ask_bytes("{\"v\":1}\0", 8, NULL, 0), "bad_json");
    char deep[200];
    memset(deep, '[', sizeof deep);
    refuse(ask_bytes(deep, sizeof deep, NULL, 0), "bad_json");
    refuse(ask_parts(NULL, 0), "bad_json");
    refuse(ask_bytes("{}", 2, NULL, 0), "bad_version");
    refuse(ask_bytes("{\"v\":2,\"op\":\"status\"}", 21, NULL, 0), "bad_version");
    refuse(ask_bytes("{\"v\":1}", 7, NULL, 0), "unknown_op");
    refuse(ask("shutdown", "", NULL, 0), "unknown_op");
    struct vector v = axis(0);
    refuse(ask("status", "", &v, 1), "bad_request");
    refuse(ask("delete", "", NULL, 0), "bad_request");
    refuse(ask("get", "\"subject\":null", NULL, 0), "bad_request");
}

// A part of any other length than the vector's.
static void test_vector_lengths(void **state)
{
    (void)state;
    static const char header[] = "{\"v\":1,\"op\":\"enrol\"," OF_MODEL ",\"subject\":\"a\"}";
    struct vector v = axis(0);
    for (size_t length = 0; length < sizeof v; length++) {
        struct fg_part parts[] = {{header, sizeof header - 1}, {&v, length}};
        refuse(ask_parts(parts, 2), "bad_vector");
    }
}

static void test_enrol_many(void **state)
{
    (void)state;
    struct vector v[] = {axis(0), axis(1), axis(1), axis(2)};
    accept(ask("enrol_many",
               OF_MODEL ",\"subjects\":[{\"subject\":\"a\"},{\"subject\":\"b\",\"vectors\":2},"
                        "{\"subject\":\"c\",\"tags\":[\"t\"]}]",
               v, 4));
    assert_int_equal(fg_roster_count(roster), 3);
    assert_true(searchable(0) && searchable(1) && searchable(2));

    v[0] = axis(5); // all or none: the second is there already
    v[1] = axis(6);
    struct fg_json *reply =
        ask("enrol_many", OF_MODEL ",\"subjects\":[{\"subject\":\"d\"},{\"subject\":\"b\"}]", v, 2);
    assert_true(fg_json_get_number(reply, "failed", -1) == 1);
    refuse(reply, "exists");
    assert_false(searchable(5) || searchable(6));
    refuse(ask("get", "\"subject\":\"d\"", NULL, 0), "not_found");

    static const char *const bad[] = {
        "\"subjects\":[]",
        "\"subjects\":{\"subject\":\"d\"}",
        "\"subjects\":[{\"subject\":\"d\"},{\"subject\":\"d\"}]",
        "\"subjects\":[{\"subject\":\"d\",\"vectors\":3}]",
        "\"subjects\":[{\"subject\":\"d\",\"vectors\":1}]", // two parts follow
        "\"subjects\":[{\"subject\":\"d\",\"vectors\":0},{\"subject\":\"e\",\"vectors\":2}]",
        "\"subjects\":[{\"subject\":\"d\",\"vectors\":1e30}]",
        "\"subjects\":[7,8]",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char members[512];
        snprintf(members, sizeof members, OF_MODEL ",%s", bad[i]);
        refuse(ask("enrol_many", members, v, 2), "bad_request");
    }
    assert_int_equal(fg_roster_count(roster), 3);
}

// ---- packed ------------------------------------------------------------------------------------

// `count` subjects PREFIX0 and on, all vectors in one part; `extra` goes into the header.
static struct fg_json *ask_packed(const char *prefix, unsigned count, const char *extra,
                                  const struct vector *vectors, size_t bytes)
{
    char *header = malloc(256 + (size_t)count * 48);
    int at = sprintf(header,
                     "{\"v\":1,\"id\":\"r7\",\"op\":\"enrol_many\",\"packed\":true," OF_MODEL
                     "%s,\"subjects\":[",
                     extra);
    for (unsigned i = 0; i < count; i++)
        at += sprintf(header + at, "%s{\"subject\":\"%s%u\"}", i ? "," : "", prefix, i);
    at += sprintf(header + at, "]}");
    struct fg_part parts[] = {{header, (size_t)at}, {vectors, bytes}};
    struct fg_json *reply = ask_parts(parts, 2);
    free(header);
    return reply;
}

static struct vector *axes(unsigned count)
{
    struct vector *v = calloc(count, sizeof *v);
    for (unsigned i = 0; i < count; i++)
        v[i] = axis(i % DIMENSION);
    return v;
}

static void test_packed(void **state)
{
    (void)state;
    enum { MANY = FG_CONTROL_PACKED };
    struct vector *v = axes(MANY + 1);
    accept(ask_packed("p", MANY, "", v, MANY * sizeof *v));
    assert_int_equal(fg_roster_count(roster), MANY);
    accept(ask("get", "\"subject\":\"p2047\"", NULL, 0));
    struct fg_json *reply = ask_packed("p", 40, "", v, 40 * sizeof *v);
    assert_true(fg_json_get_number(reply, "failed", -1) == 0);
    refuse(reply, "exists");
    accept(ask_packed("p", 40, ",\"replace\":true", v, 40 * sizeof *v));
    assert_int_equal(fg_roster_count(roster), MANY);

    refuse(ask_packed("q", MANY + 1, "", v, (MANY + 1) * sizeof *v), "bad_request");
    refuse(ask_packed("q", 3, "", v, 2 * sizeof *v), "bad_request");
    refuse(ask_packed("q", 3, "", v, 4 * sizeof *v), "bad_request");
    refuse(ask_packed("q", 3, "", v, 3 * sizeof *v + 1), "bad_request");
    v[2].at[0] = NAN;
    reply = ask_packed("q", 4, "", v, 4 * sizeof *v);
    assert_true(fg_json_get_number(reply, "failed", -1) == 2);
    refuse(reply, "bad_vector");
    refuse(ask("enrol_many", OF_MODEL ",\"packed\":true,\"subjects\":[{\"subject\":\"q\"}]", v, 2),
           "bad_request");
    refuse(ask("enrol", OF_MODEL ",\"packed\":true,\"subject\":\"q\"", v, 1), "bad_request");
    assert_int_equal(fg_roster_count(roster), MANY);
    free(v);
}

// The same person at the front and at the end of a long list.
static void test_packed_twice(void **state)
{
    (void)state;
    enum { MANY = 500 };
    struct vector *v = axes(MANY);
    char *header = malloc(256 + MANY * 48);
    int at = sprintf(header, "{\"v\":1,\"op\":\"enrol_many\",\"packed\":true," OF_MODEL
                             ",\"replace\":true,\"subjects\":[");
    for (unsigned i = 0; i < MANY; i++)
        at += sprintf(header + at, "%s{\"subject\":\"t%u\"}", i ? "," : "", i % (MANY - 1));
    at += sprintf(header + at, "]}");
    struct fg_part parts[] = {{header, (size_t)at}, {v, MANY * sizeof *v}};
    struct fg_json *reply = ask_parts(parts, 2);
    assert_true(fg_json_get_number(reply, "failed", -1) == MANY - 1);
    refuse(reply, "bad_request");
    assert_int_equal(fg_roster_count(roster), 0);
    free(header);
    free(v);
}

// ---- groups ------------------------------------------------------------------------------------

static void bring_text(const char *peer, const char *header, const struct vector *v)
{
    struct fg_part parts[] = {{header, strlen(header)}, {v, sizeof *v}};
    bring(peer, parts, v ? 2 : 1);
}

#define ENROL(id)  "{\"v\":1,\"op\":\"enrol\"," OF_MODEL ",\"subject\":\"" id "\"}"
#define DELETE(id) "{\"v\":1,\"op\":\"delete\",\"subject\":\"" id "\"}"
#define GET(id)    "{\"v\":1,\"op\":\"get\",\"subject\":\"" id "\"}"

// The answer number i: to whom, and its error (NULL: ok).
static void answered(unsigned i, const char *peer, const char *error)
{
    assert_true(i < n_answers);
    assert_string_equal(answers[i].peer, peer);
    if (error)
        refuse(answers[i].json, error);
    else
        accept(answers[i].json);
}

static void test_group(void **state)
{
    (void)state;
    struct vector v = axis(0), w = axis(1), bad = {{0}};
    n_answers = 0;
    bring_text("A", ENROL("a"), &v);
    bring_text("B", ENROL("a"), &w); // comes after A's
    bring_text("C", ENROL("c"), &bad);
    bring_text("B", ENROL("b"), &w);
    bring_text("A", "{}", NULL);
    bring_text("C", DELETE("nobody"), NULL);
    assert_int_equal(n_answers, 0); // nothing is promised yet
    assert_false(searchable(0) || searchable(1));
    fg_desk_commit(desk);
    assert_int_equal(n_answers, 6);
    answered(0, "A", NULL);
    answered(1, "B", "exists");
    answered(2, "C", "bad_vector");
    answered(3, "B", NULL);
    answered(4, "A", "bad_version");
    answered(5, "C", "not_found");
    assert_true(searchable(0) && searchable(1));

    n_answers = 0; // one after the other, also for the same person
    bring_text("A", DELETE("a"), NULL);
    bring_text("B", ENROL("a"), &w);
    bring_text("A", DELETE("b"), NULL);
    bring_text("A", DELETE("b"), NULL);
    bring_text("B", ENROL("d"), &v);
    bring_text("C", DELETE("d"), NULL);
    fg_desk_commit(desk);
    assert_int_equal(n_answers, 6);
    for (unsigned i = 0; i < 6; i++)
        answered(i, i == 1 || i == 4 ? "B" : i == 5 ? "C" : "A", i == 3 ? "not_found" : NULL);
    assert_false(searchable(0));
    assert_true(searchable(1));
    assert_int_equal(fg_roster_count(roster), 1);
    fg_desk_commit(desk); // nobody waits
    assert_int_equal(n_answers, 6);
}

static void test_reading_in_a_group(void **state)
{
    (void)state;
    struct vector v = axis(0);
    n_answers = 0;
    bring_text("A", ENROL("a"), &v);
    bring_text("B", GET("a"), NULL); // sees what came before it
    assert_int_equal(n_answers, 2);
    answered(0, "A", NULL);
    answered(1, "B", NULL);
    bring_text("A", DELETE("a"), NULL);
    bring_text("B", GET("a"), NULL);
    assert_int_equal(n_answers, 4);
    answered(2, "A", NULL);
    answered(3, "B", "not_found");
}

static void test_full_desk(void **state)
{
    (void)state;
    enum { MANY = FG_DESK_REQUESTS + 10 };
    struct vector v = axis(0);
    n_answers = 0;
    for (unsigned i = 0; i < MANY; i++) {
        char header[256];
        snprintf(header, sizeof header,
                 "{\"v\":1,\"op\":\"enrol\"," OF_MODEL ",\"subject\":\"f%u\"}", i);
        bring_text("A", header, &v);
        assert_int_equal(fg_desk_full(desk), i == FG_DESK_REQUESTS - 1);
    }
    assert_int_equal(n_answers, FG_DESK_REQUESTS); // the next one found no room
    fg_desk_commit(desk);
    assert_int_equal(n_answers, MANY);
    for (unsigned i = 0; i < MANY; i++)
        answered(i, "A", NULL);
    assert_int_equal(fg_roster_count(roster), MANY);
    close_all();
    open_all();
    assert_int_equal(fg_roster_count(roster), MANY);
}

// One that is too large for what is left must not fail its neighbours.
static void test_full_gallery(void **state)
{
    (void)state;
    struct vector v = axis(0), *many = axes(1024);
    unsigned round = 0;
    char prefix[16];
    struct fg_json *reply;
    do {
        snprintf(prefix, sizeof prefix, "r%u-", round++);
        reply = ask_packed(prefix, 1024, "", many, 1024 * sizeof *many);
        bool ok = fg_json_get_bool(reply, "ok", false);
        if (!ok)
            break;
        accept(reply);
    } while (round < 1000);
    refuse(reply, "no_space");
    uint64_t before = fg_roster_count(roster);
    char header[64 * 1024];
    int at = sprintf(header,
                     "{\"v\":1,\"op\":\"enrol_many\",\"packed\":true," OF_MODEL ",\"subjects\":[");
    for (unsigned i = 0; i < 1024; i++)
        at += sprintf(header + at, "%s{\"subject\":\"z%u\"}", i ? "," : "", i);
    at += sprintf(header + at, "]}");
    struct fg_part parts[] = {{header, (size_t)at}, {many, 1024 * sizeof *many}};
    n_answers = 0;
    bring_text("A", DELETE("r0-0"), NULL);
    bring("B", parts, 2);
    bring_text("A", ENROL("small"), &v);
    fg_desk_commit(desk);
    assert_int_equal(n_answers, 3);
    answered(0, "A", NULL);
    answered(1, "B", "no_space");
    answered(2, "A", NULL);
    assert_int_equal(fg_roster_count(roster), before);
    free(many);
}

static void test_list(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        char id[16];
        snprintf(id, sizeof id, "p%02u", 11 - i);
        accept(enrol(id, i));
    }
    char members[64] = "\"limit\":5", last[64] = "";
    unsigned total = 0;
    for (;;) {
        struct fg_json *reply = ask("list", members, NULL, 0);
        const struct fg_json *subjects = fg_json_get(reply, "subjects");
        for (size_t i = 0; i < fg_json_count(subjects); i++) {
            const char *id = fg_json_get_string(fg_json_at(subjects, i), "subject", "");
            assert_true(strcmp(last, id) < 0);
            strcpy(last, id);
            total++;
        }
        const char *after = fg_json_get_string(reply, "after", NULL);
        if (after)
            snprintf(members, sizeof members, "\"limit\":5,\"after\":\"%s\"", after);
        accept(reply);
        if (!after)
            break;
    }
    assert_int_equal(total, 12);
    refuse(ask("list", "\"limit\":0", NULL, 0), "bad_request");
    refuse(ask("list", "\"limit\":201", NULL, 0), "bad_request");
    refuse(ask("list", "\"after\":[]", NULL, 0), "bad_request");
}

static void verify(struct vector v, bool want)
{
    struct fg_json *reply = ask("verify", OF_MODEL ",\"subject\":\"anna\"", &v, 1);
    assert_true(fg_json_get_bool(reply, "match", !want) == want);
    assert_null(fg_json_get(reply, "score"));
    accept(reply);
}

static void test_verify(void **state)
{
    (void)state;
    accept(enrol("anna", 0));
    verify((struct vector){{.6f, .8f}}, true);
    verify((struct vector){{.4f, .9165151f}}, false); // the threshold is .5
    struct vector v = axis(0);
    refuse(ask("verify", OF_MODEL ",\"subject\":\"berta\"", &v, 1), "not_found");
    refuse(ask("verify", OF_MODEL ",\"subject\":\"anna\"", NULL, 0), "bad_vector");
    refuse(ask("verify", "\"subject\":\"anna\"", &v, 1), "bad_request");
}

static void test_status(void **state)
{
    (void)state;
    policy.passages_per_day = 1000;
    policy.impostors_per_day = 10;
    accept(enrol("anna", 0));
    fg_latency_add(&latency, 12);
    struct fg_json *reply = ask("status", "", NULL, 0);
    const struct fg_json *identify = fg_json_get(reply, "identify");
    assert_true(fg_json_get_bool(identify, "ready", false));
    assert_true(fg_json_get_number(identify, "candidates", 0) == 1);
    assert_true(fabs(fg_json_get_number(identify, "expected_fnir", 0) - .05) < 1e-6);
    assert_true(fabs(fg_json_get_number(identify, "false_accepts_per_year", 0) - 3 * .365) < 3e-3);
    assert_true(fabs(fg_json_get_number(identify, "false_rejects_per_day", 0) - 49.5) < 1e-3);
    assert_true(fg_json_get_number(fg_json_get(reply, "gallery"), "subjects", 0) == 1);
    assert_true(fg_json_get_number(fg_json_get(reply, "index"), "bytes", 0) > 0);
    assert_true(fg_json_get_number(fg_json_get(reply, "latency"), "p50_ms", 0) == 12);
    assert_string_equal(fg_json_get_string(fg_json_get(reply, "model"), "id", ""),
                        "00abcdef12345678");
    char *text = fg_json_print(reply, false);
    assert_null(strstr(text, "anna"));
    free(text);
    accept(reply);
}

// An enrolment beyond what the fpir allows is stored, and said to end identification.
static void test_too_large(void **state)
{
    (void)state;
    policy.fmr = 0;
    policy.fpir = 2e-6 * policy.good_probes; // two candidates at the table's end of 1e-6
    accept(enrol("a", 0));
    struct fg_json *reply = enrol("b", 1);
    assert_null(fg_json_get(reply, "warning"));
    accept(reply);
    reply = enrol("c", 2);
    assert_non_null(strstr(fg_json_get_string(reply, "warning", ""), "at most 2 candidates"));
    accept(reply);
    reply = ask("status", "", NULL, 0);
    const struct fg_json *identify = fg_json_get(reply, "identify");
    assert_false(fg_json_get_bool(identify, "ready", true));
    assert_true(fg_json_get_number(identify, "most_candidates", 0) == 2);
    assert_non_null(fg_json_get_string(identify, "reason", NULL));
    accept(reply);
    struct vector v = axis(0);
    refuse(ask("verify", OF_MODEL ",\"subject\":\"a\"", &v, 1), "gallery_too_large");
    accept(ask("delete", "\"subject\":\"c\"", NULL, 0));
    reply = ask("status", "", NULL, 0);
    assert_true(fg_json_get_bool(fg_json_get(reply, "identify"), "ready", false));
    accept(reply);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_enrol_get_delete),
        TEST(test_enrol_refuses),
        TEST(test_headers),
        TEST(test_vector_lengths),
        TEST(test_enrol_many),
        TEST(test_list),
        TEST(test_verify),
        TEST(test_status),
        TEST(test_too_large),
        TEST(test_packed),
        TEST(test_packed_twice),
        TEST(test_group),
        TEST(test_reading_in_a_group),
        TEST(test_full_desk),
        TEST(test_full_gallery),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
