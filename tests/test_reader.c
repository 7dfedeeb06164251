// SPDX-License-Identifier: Apache-2.0
// What a gate makes of a genuine token: its time, scope, model and operator, and whether it was
// revoked or used. The ledger is a real one.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base45.h"
#include "matcher/reader.h"
#include "matcher/token_keys.h"
#include "tests/token_maker.h"

#define NOW       1800000100u // the token is valid from 100 s before
#define MODEL     0x1122334455667788u
#define DIMENSION 64u

static char folder[] = "/tmp/facegate-test-XXXXXX";
static char key_file[64], ledger_folder[64];
static struct fg_token_key north, south;
static struct fg_policy policy;
static struct fg_ledger *ledger;
static struct fg_reader *reader;
static struct fg_token token;
static uint64_t t_ns;

static int begin(void **state)
{
    (void)state;
    struct fg_error err = {""};
    if (fg_seal_init() < 0)
        return -1;
    policy = (struct fg_policy){.mode = FG_MODE_PASS, .one_time = true};
    const struct fg_ledger_options options = {
        .directory = ledger_folder, .map_bytes = 16 << 20, .careless = true};
    if (fg_ledger_open(&options, &ledger, &err) < 0)
        fail_msg("%s", err.text);
    const struct fg_reader_options reading = {.policy = &policy,
                                              .ledger = ledger,
                                              .model = MODEL,
                                              .dimension = DIMENSION,
                                              .keys = key_file};
    if (fg_reader_create(&reading, &reader, &err) < 0)
        fail_msg("%s", err.text);
    make_token(FG_TOKEN_PASS, 1, DIMENSION, &token);
    return 0;
}

static int end(void **state)
{
    char command[128];
    (void)state;
    fg_reader_destroy(reader);
    fg_ledger_close(ledger);
    snprintf(command, sizeof command, "rm -r '%s'", ledger_folder);
    return system(command);
}

static int open_all(void **state)
{
    (void)state;
    struct fg_error err = {""};
    if (fg_seal_init() < 0 || !mkdtemp(folder))
        return -1;
    make_key("north", 0x00, &north);
    make_key("south", 0x40, &south);
    snprintf(key_file, sizeof key_file, "%s/north.gate.key", folder);
    snprintf(ledger_folder, sizeof ledger_folder, "%s/ledger", folder);
    return fg_token_keys_write(&north, true, key_file, &err);
}

static int close_all(void **state)
{
    (void)state;
    unlink(key_file);
    return rmdir(folder);
}

// The reason, or NULL when the token is as good as its owner's face.
static const char *refusal_at(uint64_t realtime_s, const struct fg_token_key *key)
{
    uint8_t bytes[FG_TOKEN_BYTES];
    char text[FG_TOKEN_TEXT];
    struct fg_wire_token read = {.length = 0};
    struct fg_claim claim = {FG_CLAIM_NONE};
    struct fg_verdict why = {.reason = NULL};
    int length = fg_token_write(&token, key, bytes, NULL);
    assert_true(length > 0);
    read.length = (uint32_t)fg_base45_encode(bytes, (size_t)length, text);
    memcpy(read.bytes, text, read.length);
    int r = fg_reader_read(reader, &read, realtime_s, &claim, &why);
    assert_true(r == 0 || r == -EACCES);
    assert_int_equal(claim.kind, r == 0 ? FG_CLAIM_TOKEN : FG_CLAIM_NONE);
    if (r == 0)
        assert_memory_equal(claim.serial, token.serial, sizeof token.serial);
    return r == 0 ? NULL : why.reason;
}

static const char *refusal(void)
{
    return refusal_at(NOW, &north);
}

static void mark(enum fg_mark kind)
{
    assert_int_equal(fg_ledger_begin(ledger, true, NULL), 0);
    assert_int_equal(fg_ledger_mark_put(ledger, kind, token.serial, FG_SERIAL, 0, NULL), 0);
    assert_int_equal(fg_ledger_commit(ledger, NULL), 0);
}

// A passage of the token's owner, or what became of it.
static void passage(uint64_t decision, enum fg_passage_state passage_state)
{
    struct fg_passage_record record = {.run = 1, .decision = decision};
    record.state = passage_state;
    record.t_ns = ++t_ns;
    fg_seal_to_hex(token.serial, FG_SERIAL, record.subject);
    snprintf(record.lane, sizeof record.lane, "a");
    assert_int_equal(fg_ledger_begin(ledger, true, NULL), 0);
    assert_int_equal(fg_ledger_passage_put(ledger, &record, NULL), 0);
    assert_int_equal(fg_ledger_commit(ledger, NULL), 0);
}

static void test_good(void **state)
{
    (void)state;
    assert_null(refusal());
    assert_null(refusal()); // reading uses nothing up
    assert_null(refusal_at(1800086399, &north));
}

static void test_time_and_place(void **state)
{
    (void)state;
    assert_string_equal(refusal_at(1800086400, &north), "token_expired");
    assert_string_equal(refusal_at(1799999999, &north), "not_yet_valid");
    assert_string_equal(refusal_at(86400, &north), "clock_wrong"); // before 2020
    assert_string_equal(refusal_at(NOW, &south), "token_unknown");
    snprintf(policy.scope, sizeof policy.scope, "demo");
    assert_null(refusal());
    snprintf(policy.scope, sizeof policy.scope, "other");
    assert_string_equal(refusal(), "token_scope");
    policy.scope[0] = '\0';
    policy.mode = FG_MODE_VAULT;
    assert_string_equal(refusal(), "token_scope");
}

static void test_another_model(void **state)
{
    (void)state;
    token.model++;
    assert_string_equal(refusal(), "token_unknown");
}

static void test_revoked(void **state)
{
    (void)state;
    mark(FG_MARK_REVOKED);
    assert_string_equal(refusal(), "token_revoked");
    token.serial[0] ^= 1; // another token of the same person
    assert_null(refusal());
}

static void test_used(void **state)
{
    (void)state;
    mark(FG_MARK_USED); // by a passage that is not known any more
    assert_string_equal(refusal(), "token_used");
    policy.one_time = false;
    assert_null(refusal());
}

// Who is let through and turns back may come again, once; who went through may not.
static void test_turned_back(void **state)
{
    (void)state;
    mark(FG_MARK_USED);
    passage(1, FG_PASSAGE_PENDING);
    assert_string_equal(refusal(), "token_used");
    passage(1, FG_PASSAGE_VOID);
    assert_null(refusal());
    passage(2, FG_PASSAGE_PENDING);
    assert_string_equal(refusal(), "token_used");
    passage(2, FG_PASSAGE_DONE);
    assert_string_equal(refusal(), "token_used");
}

static void test_other_bytes(void **state)
{
    (void)state;
    struct fg_wire_token read = {.length = 14, .bytes = "MILK AND BREAD"};
    struct fg_claim claim = {FG_CLAIM_NONE};
    struct fg_verdict why = {.reason = NULL};
    assert_int_equal(fg_reader_read(reader, &read, NOW, &claim, &why), -ENOMSG);
    read.length = 0;
    assert_int_equal(fg_reader_read(reader, &read, NOW, &claim, &why), -ENOMSG);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_good), TEST(test_time_and_place), TEST(test_another_model), TEST(test_revoked),
        TEST(test_used), TEST(test_turned_back),    TEST(test_other_bytes),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
