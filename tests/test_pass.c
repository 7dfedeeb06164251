// SPDX-License-Identifier: Apache-2.0
// facegate pass and vault, the real program: keys, codes of photographs, what a code says, and what
// is asked of a matcher, which the test plays.
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base45.h"
#include "common/bus.h"
#include "matcher/token_keys.h"
#include "matcher/vault.h"
#include "tests/rig.h"

#define NEED_MODELS                                                                                \
    if (!rig_has_models()) {                                                                       \
        print_message("models/ is empty: run make setup\n");                                       \
        skip();                                                                                    \
    }

static const char *issue_key, *gate_key, *face;

// A key, and a photograph of one face.
static int setup(void **state)
{
    (void)state;
    rig_open();
    if (rig_run("pass", "keygen", rig_path("north")) != 0)
        return -1;
    issue_key = rig_path("north.issue.key");
    gate_key = rig_path("north.gate.key");
    face = rig_path("face.jpg");
    return rig_has_models() && !rig_crop(1, 0, 0.6, 1, face) ? -1 : 0;
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

static void want(int code, int wanted)
{
    if (code != wanted)
        fail_msg("exit %d, not %d: %s%s", code, wanted, rig_out, rig_err);
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static void want_private(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static struct fg_token_keys *read_keys(const char *path)
{
    struct fg_token_keys *keys = NULL;
    struct fg_error err = {""};
    if (fg_token_keys_create(&keys, &err) < 0 || fg_token_keys_read(keys, path, &err) < 0)
        fail_msg("%s", err.text);
    return keys;
}

// The token that the last command printed.
static void read_issued(const char *key, struct fg_token *ret, char text[FG_TOKEN_TEXT])
{
    struct fg_json *json = rig_json();
    struct fg_token_keys *keys = read_keys(key);
    struct fg_error err = {""};
    assert_true(fg_json_get_bool(json, "issued", false));
    snprintf(text, FG_TOKEN_TEXT, "%s", fg_json_get_string(json, "text", ""));
    if (fg_token_read_text(text, strlen(text), keys, ret, &err) < 0)
        fail_msg("%s", err.text);
    fg_token_keys_destroy(keys);
    fg_json_destroy(json);
}

// ---- keys ---------------------------------------------------------------------------------------

static void test_keygen(void **state)
{
    (void)state;
    struct fg_token_keys *issue = read_keys(issue_key), *gate = read_keys(gate_key);
    want_private(issue_key);
    want_private(gate_key);
    assert_true(issue->keys[0].issues && !gate->keys[0].issues);
    assert_memory_equal(issue->keys[0].id, gate->keys[0].id, FG_TOKEN_KEY_ID);
    assert_string_equal(issue->keys[0].name, "north");
    fg_token_keys_destroy(issue);
    fg_token_keys_destroy(gate);

    want(rig_run("pass", "keygen", rig_path("north")), 1);
    has(rig_err, "north.issue.key: File exists");
    want(rig_run("pass", "keygen", rig_path("a b")), 1);
    assert_false(exists(rig_path("a b.issue.key")));
    want(rig_run("pass", "keygen", rig_path("none/x")), 1);
    want(rig_run("--json", "pass", "keygen", rig_path("south")), 0);
    struct fg_json *json = rig_json();
    assert_string_equal(fg_json_get_string(json, "name", ""), "south");
    assert_int_equal(strlen(fg_json_get_string(json, "key_id", "")), 8);
    fg_json_destroy(json);
}

// The second file can't be made: nothing is left of the pair.
static void test_keygen_half(void **state)
{
    (void)state;
    rig_write(rig_path("west.gate.key"), "", 0);
    want(rig_run("pass", "keygen", rig_path("west")), 1);
    has(rig_err, "west.gate.key: File exists");
    assert_false(exists(rig_path("west.issue.key")));
}

// ---- issue --------------------------------------------------------------------------------------

static void test_issue(void **state)
{
    (void)state;
    NEED_MODELS
    struct fg_token token;
    char text[FG_TOKEN_TEXT];
    const char *png = rig_path("a.png");
    want(rig_run("pass", "issue", "--key", issue_key, "--photo", face, "--scope", "hall:2",
                 "--valid-from", "2090-01-01T00:00:00Z", "--valid-until", "2090-01-31", "--out",
                 png, "--json"),
         0);
    read_issued(gate_key, &token, text);
    assert_int_equal(token.kind, FG_TOKEN_PASS);
    assert_int_equal(token.valid_from_s, 3786912000);
    assert_int_equal(token.valid_until_s, 3789590400); // to the last second of that day
    assert_true(token.scope == fg_token_scope("hall:2"));
    assert_int_equal(token.dimension, 64);
    struct fg_json *json = rig_json();
    assert_int_equal(fg_json_get_number(json, "bytes", 0), 191);
    assert_int_equal(fg_json_get_number(json, "modules", 0), 57);
    assert_int_equal(fg_json_count(fg_json_get(json, "photographs")), 1);
    fg_json_destroy(json);
    want_private(png);
    want(rig_run("pass", "issue", "--key", issue_key, "--photo", face, "--out", png), 1);
    has(rig_err, "is there already");

    // another of the same face: another serial, nothing to link the two by
    struct fg_token again;
    want(rig_run("pass", "issue", "--key", issue_key, "--photo", face, "--days", "2", "--out",
                 rig_path("b.svg"), "--json"),
         0);
    read_issued(gate_key, &again, text);
    assert_memory_not_equal(again.serial, token.serial, sizeof token.serial);
    assert_memory_equal(&again.face, &token.face, sizeof token.face);
    assert_int_equal(again.valid_until_s - again.valid_from_s, 2 * 86400);
    assert_true(again.scope == 0);
    want_private(rig_path("b.svg"));
}

static void test_refused_photographs(void **state)
{
    (void)state;
    NEED_MODELS
    const char *png = rig_path("a.png"), *blank = rig_path("blank.jpg"),
               *dark = rig_path("dark.jpg");
    rig_noise(640, 480, blank);
    want(rig_run("pass", "issue", "--key", issue_key, "--photo", blank, "--out", png), 1);
    has(rig_err, "no face");
    want(
        rig_run("pass", "issue", "--key", issue_key, "--photo", "models/sample1.jpg", "--out", png),
        1);
    has(rig_err, "3 faces");
    assert_true(rig_crop(1, 0, 0.6, 0.05, dark));
    want(rig_run("--json", "pass", "issue", "--key", issue_key, "--photo", dark, "--out", png), 1);
    struct fg_json *json = rig_json();
    assert_false(fg_json_get_bool(json, "issued", true));
    assert_int_equal(fg_json_count(fg_json_get(json, "refused")), 1);
    assert_null(fg_json_get(json, "text"));
    fg_json_destroy(json);
    const char *other = rig_path("other.jpg");
    assert_true(rig_crop(2, 0, 0.6, 1, other));
    want(rig_run("pass", "issue", "--key", issue_key, "--photo", face, "--photo", other, "--out",
                 png),
         1);
    has(rig_err, "look like two people");
    want(rig_run("pass", "issue", "--key", issue_key, "--photo", rig_path("absent.jpg"), "--out",
                 png),
         1);
    assert_false(exists(png));
    want(rig_run("pass", "issue", "--key", issue_key, "--photo", "models/sample1.jpg", "--central",
                 "--out", png),
         0);
}

static void test_keys_that_do_not_do(void **state)
{
    (void)state;
    NEED_MODELS
    const char *png = rig_path("a.png");
    want(rig_run("pass", "issue", "--key", gate_key, "--photo", face, "--out", png), 1);
    has(rig_err, "north.issue.key");
    assert_int_equal(chmod(issue_key, 0640), 0);
    want(rig_run("pass", "issue", "--key", issue_key, "--photo", face, "--out", png), 1);
    has(rig_err, "chmod 600");
    assert_int_equal(chmod(issue_key, 0600), 0);
    want(rig_run("pass", "issue", "--key", face, "--photo", face, "--out", png), 1);
    assert_false(exists(png));
    want(rig_run("pass", "issue", "--key", issue_key, "--photo", face, "--out",
                 rig_path("none/a.png")),
         1);
}

static void test_command_line(void **state)
{
    (void)state;
    const char *png = rig_path("a.png"), *k = issue_key;
    want(rig_run("pass"), 2);
    has(rig_err, "say keygen, issue, show or revoke");
    want(rig_run("vault"), 2);
    has(rig_err, "say issue or revoke");
    want(rig_run("pass", "frob"), 2);
    want(rig_run("pass", "keygen"), 2);
    want(rig_run("pass", "keygen", "a", "b"), 2);
    want(rig_run("pass", "keygen", "--days", "2", "a"), 2);
    has(rig_err, "--days is not for it");
    want(rig_run("pass", "issue"), 2);
    has(rig_err, "--key");
    want(rig_run("pass", "issue", "--key", k), 2);
    has(rig_err, "--photo");
    want(rig_run("pass", "issue", "--key", k, "--photo", "a.jpg"), 2);
    has(rig_err, "--out");
    want(rig_run("pass", "issue", "--key", k, "--photo", "a", "--out", png, "a.jpg"), 2);
    want(rig_run("pass", "issue", "--key", k, "--key", k, "--photo", "a", "--out", png), 2);
    want(rig_run("pass", "issue", "--out", "a.gif"), 2);
    has(rig_err, ".png or .svg");
    want(rig_run("pass", "issue", "--cm", "0.5"), 2);
    want(rig_run("pass", "issue", "--cm", "nan"), 2);
    want(rig_run("pass", "issue", "--days", "-1"), 2);
    want(rig_run("pass", "issue", "--days", "1", "--valid-until", "2027-01-01", "--key", k,
                 "--photo", "a", "--out", png),
         2);
    want(rig_run("pass", "issue", "--scope", "two words"), 2);
    want(rig_run("pass", "issue", "--valid-until", "soon"), 2);
    want(rig_run("pass", "issue", "--frob"), 2);
    want(rig_run("pass", "show", "HELLO"), 2);
    want(rig_run("pass", "revoke"), 2);
    want(rig_run("pass", "revoke", "12"), 2);
    want(rig_run("vault", "revoke", "00112233445566778899aabbccddeefg"), 2);
    want(rig_run("vault", "revoke", "--scope", "a", "00112233445566778899aabbccddeeff"), 2);
    want(rig_run("pass", "--help"), 0);
    has(rig_out, "--valid-until");
    want(rig_run("vault", "--help"), 0);
}

static void test_times(void **state)
{
    (void)state;
    static const struct {
        const char *from, *until, *part;
    } cases[] = {
        {"2027-01-01", "2020-01-01", "over by now"},
        {"2090-01-01", "2080-01-01", "over before it begins"},
        {"2027-01-01", "2107-01-01", "2106"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        want(rig_run("pass", "issue", "--key", issue_key, "--photo", face, "--out",
                     rig_path("a.png"), "--valid-from", cases[i].from, "--valid-until",
                     cases[i].until),
             1);
        has(rig_err, cases[i].part);
    }
}

// ---- pictures, as another reader sees them ------------------------------------------------------

static void test_read_by_zbar(void **state)
{
    (void)state;
    NEED_MODELS
    if (system("command -v zbarimg >/dev/null 2>&1") != 0) {
        print_message("zbarimg is not here\n");
        skip();
    }
    struct fg_token token;
    char text[FG_TOKEN_TEXT], command[512];
    const char *png = rig_path("a.png"), *out = rig_path("read");
    want(rig_run("pass", "issue", "--key", issue_key, "--photo", face, "--out", png, "--json"), 0);
    read_issued(issue_key, &token, text);
    snprintf(command, sizeof command, "zbarimg -q --raw -Sdisable -Sqrcode.enable '%s' >'%s' 2>&-",
             png, out);
    assert_int_equal(system(command), 0);
    char *read = rig_read(out);
    assert_int_equal(strncmp(read, text, strlen(text)), 0);
    assert_string_equal(read + strlen(text), "\n");
    want(rig_run("pass", "show", "--key", gate_key, read), 0);
    free(read);
}

// ---- show ---------------------------------------------------------------------------------------

static void issue_of(uint32_t from_s, uint32_t until_s, char text[FG_TOKEN_TEXT])
{
    struct fg_token_keys *keys = read_keys(issue_key);
    struct fg_token token = {
        .kind = FG_TOKEN_PASS, .valid_from_s = from_s, .valid_until_s = until_s, .dimension = 64};
    const int8_t values[64] = {111, 112, 113, 114, 115, 116, 117};
    uint8_t bytes[FG_TOKEN_BYTES];
    fg_template_from_values(values, 64, &token.face);
    token.scope = fg_token_scope("demo");
    int length = fg_token_write(&token, &keys->keys[0], bytes, NULL);
    assert_true(length > 0);
    fg_base45_encode(bytes, (size_t)length, text);
    fg_token_keys_destroy(keys);
}

static void test_show(void **state)
{
    (void)state;
    char text[FG_TOKEN_TEXT], forged[FG_TOKEN_TEXT];
    issue_of(0, UINT32_MAX, text);
    want(rig_run("pass", "show", "--key", gate_key, text), 0);
    has(rig_out, "genuine, by north: valid");
    want(rig_run("pass", "show", "--key", gate_key, "--scope", "demo", text), 0);
    want(rig_run("pass", "show", "--key", gate_key, "--scope", "other", text), 1);
    want(rig_run("--json", "pass", "show", "--key", gate_key, "--scope", "demo", text), 0);
    struct fg_json *json = rig_json();
    assert_true(fg_json_get_bool(json, "genuine", false));
    assert_true(fg_json_get_bool(json, "in_scope", false));
    assert_string_equal(fg_json_get_string(json, "state", ""), "valid");
    assert_string_equal(fg_json_get_string(json, "operator", ""), "north");
    fg_json_destroy(json);
    assert_null(strstr(rig_out, "111"));        // the face's values, as numbers
    assert_null(strstr(rig_out, "6f70717273")); // or in hex

    snprintf(forged, sizeof forged, "%s", text);
    forged[200] = forged[200] == '0' ? '1' : '0';
    want(rig_run("pass", "show", "--key", gate_key, forged), 1);
    has(rig_err, "forged");
    want(rig_run("--json", "pass", "show", "--key", gate_key, "HELLO"), 1);
    json = rig_json();
    assert_false(fg_json_get_bool(json, "genuine", true));
    fg_json_destroy(json);

    issue_of(0, 1000000000, text);
    want(rig_run("pass", "show", "--key", gate_key, text), 1);
    has(rig_out, "expired");
    issue_of(UINT32_MAX - 1, UINT32_MAX, text);
    want(rig_run("pass", "show", "--key", gate_key, text), 1);
    has(rig_out, "not yet valid");

    // another operator's, unless the key is among several
    want(rig_run("pass", "keygen", rig_path("south")), 0);
    issue_of(0, UINT32_MAX, text);
    want(rig_run("pass", "show", "--key", rig_path("south.gate.key"), text), 1);
    has(rig_err, "another operator");
    want(rig_run("pass", "show", "--key", rig_path("south.gate.key"), "--key", gate_key, text), 0);
}

static void test_show_from_input(void **state)
{
    (void)state;
    char text[FG_TOKEN_TEXT + 2];
    issue_of(0, UINT32_MAX, text);
    strcat(text, "\n");
    rig_write(rig_path("text"), text, strlen(text));
    int kept = dup(0), file = open(rig_path("text"), O_RDONLY);
    assert_true(kept >= 0 && file >= 0 && dup2(file, 0) == 0);
    int code = rig_run("pass", "show", "--key", gate_key);
    assert_int_equal(dup2(kept, 0), 0);
    close(kept);
    close(file);
    want(code, 0);
}

// ---- what the matcher is asked ------------------------------------------------------------------

static struct fg_bus *bus;
static struct fg_socket *router;

static void play_matcher(void)
{
    struct fg_error err = {""};
    assert_int_equal(fg_bus_create(&bus), 0);
    if (fg_socket_bind(bus, FG_SOCKET_ROUTER, getenv("FACEGATE_CONTROL"), 16, &router, &err) < 0)
        fail_msg("%s", err.text);
}

static void stop_matcher(void)
{
    fg_socket_close(router);
    fg_bus_destroy(bus);
}

// The next request; its part of bytes goes to `ret_part`. Answered with `members`.
static struct fg_json *take_request(const char *members, uint8_t *ret_part, size_t *ret_length)
{
    struct fg_message message;
    struct fg_json *request = NULL;
    char text[400];
    assert_int_equal(fg_socket_receive(router, 60000, &message), 0);
    assert_true(message.count >= 2);
    assert_int_equal(fg_json_parse(message.parts[1].data, message.parts[1].length, &request, NULL),
                     0);
    *ret_length = message.count > 2 ? message.parts[2].length : 0;
    memcpy(ret_part, message.count > 2 ? message.parts[2].data : "", *ret_length);
    int length = snprintf(text, sizeof text, "{\"v\":1,\"id\":\"%s\",%s}",
                          fg_json_get_string(request, "id", ""), members);
    struct fg_part parts[] = {message.parts[0], {text, (size_t)length}};
    assert_int_equal(fg_socket_send(router, parts, 2), 0);
    return request;
}

static void want_background(pid_t pid, int wanted)
{
    free(rig_out);
    free(rig_err);
    int code = rig_end(pid);
    rig_out = rig_read(rig_path("background.out"));
    rig_err = rig_read(rig_path("background.err"));
    want(code, wanted);
}

static void test_revoke(void **state)
{
    (void)state;
    uint8_t part[64];
    size_t length = 0;
    const char *serial = "00112233445566778899AABBCCDDEEFF";
    play_matcher();
    pid_t pid = rig_begin("pass", "revoke", "--valid-until", "2027-01-31", serial);
    struct fg_json *request = take_request("\"ok\":true", part, &length);
    assert_string_equal(fg_json_get_string(request, "op", ""), "revoke");
    assert_string_equal(fg_json_get_string(request, "serial", ""),
                        "00112233445566778899aabbccddeeff");
    assert_true(fg_json_get_number(request, "until", -1) == 1801440000);
    fg_json_destroy(request);
    want_background(pid, 0);
    has(rig_out, "revoked");

    pid = rig_begin("pass", "revoke", serial);
    request = take_request("\"ok\":false,\"error\":\"failed\",\"message\":\"no ledger here\"", part,
                           &length);
    assert_true(fg_json_get_number(request, "until", -1) == 0);
    fg_json_destroy(request);
    want_background(pid, 1);
    has(rig_err, "no ledger here");
    stop_matcher();
    want(rig_run("pass", "revoke", "--timeout-ms", "200", serial), 75);
}

static void test_vault_issue(void **state)
{
    (void)state;
    NEED_MODELS
    static uint8_t part[FG_VAULT_BYTES];
    size_t length = 0;
    struct fg_token token;
    struct fg_vault_record record;
    uint8_t id[FG_TOKEN_RECORD];
    char text[FG_TOKEN_TEXT];
    const char *png = rig_path("v.png");
    play_matcher();
    pid_t pid = rig_begin("vault", "issue", "--key", issue_key, "--photo", face, "--out", png,
                          "--scope", "demo", "--timeout-ms", "60000", "--json");
    struct fg_json *request = take_request("\"ok\":true", part, &length);
    want_background(pid, 0);
    read_issued(gate_key, &token, text);
    assert_int_equal(token.kind, FG_TOKEN_VAULT);
    assert_string_equal(fg_json_get_string(request, "op", ""), "vault_put");
    const char *hex = fg_json_get_string(request, "record", "");
    assert_int_equal(fg_seal_from_hex(hex, strlen(hex), id, sizeof id), 0);
    assert_memory_equal(id, token.record, sizeof id);
    assert_true(fg_json_get_number(request, "until", 0) == token.valid_until_s);
    assert_int_equal(fg_vault_open(part, length, id, token.record_key, &record, NULL), 0);
    assert_int_equal(record.dimension, 64);
    assert_true(record.scope == token.scope && record.scope == fg_token_scope("demo"));
    assert_int_equal(record.valid_until_s, token.valid_until_s);
    want_private(png);
    fg_json_destroy(request);
    stop_matcher();
}

// A record that was not stored leaves no code behind.
static void test_vault_refused(void **state)
{
    (void)state;
    NEED_MODELS
    static uint8_t part[FG_VAULT_BYTES];
    size_t length = 0;
    const char *png = rig_path("v.png");
    play_matcher();
    pid_t pid = rig_begin("vault", "issue", "--key", issue_key, "--photo", face, "--out", png,
                          "--timeout-ms", "60000");
    fg_json_destroy(take_request("\"ok\":false,\"error\":\"no_space\",\"message\":\"the disk is "
                                 "full\"",
                                 part, &length));
    want_background(pid, 1);
    has(rig_err, "the disk is full");
    assert_false(exists(png));
    stop_matcher();
    want(rig_run("vault", "issue", "--key", issue_key, "--photo", face, "--out", png,
                 "--timeout-ms", "200"),
         75);
    has(rig_err, "facegate vault revoke ");
    assert_false(exists(png));
}

static void test_vault_revoke(void **state)
{
    (void)state;
    uint8_t part[64];
    size_t length = 0;
    const char *record = "b0b1b2b3b4b5b6b7b8b9babbbcbdbebf";
    play_matcher();
    pid_t pid = rig_begin("vault", "revoke", record, "--json");
    struct fg_json *request = take_request("\"ok\":true", part, &length);
    assert_string_equal(fg_json_get_string(request, "op", ""), "vault_delete");
    assert_string_equal(fg_json_get_string(request, "record", ""), record);
    fg_json_destroy(request);
    want_background(pid, 0);
    struct fg_json *answer = rig_json();
    assert_true(fg_json_get_bool(answer, "revoked", false));
    fg_json_destroy(answer);
    pid = rig_begin("vault", "revoke", record);
    fg_json_destroy(take_request("\"ok\":false,\"error\":\"not_found\",\"message\":\"no such "
                                 "record\"",
                                 part, &length));
    want_background(pid, 1);
    stop_matcher();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_keygen),
        TEST(test_keygen_half),
        TEST(test_issue),
        TEST(test_refused_photographs),
        TEST(test_keys_that_do_not_do),
        TEST(test_command_line),
        TEST(test_times),
        TEST(test_read_by_zbar),
        TEST(test_show),
        TEST(test_show_from_input),
        TEST(test_revoke),
        TEST(test_vault_issue),
        TEST(test_vault_refused),
        TEST(test_vault_revoke),
    };
    return cmocka_run_group_tests_name("pass", tests, NULL, NULL);
}
