// SPDX-License-Identifier: Apache-2.0
// Tokens and vault records against their golden bytes, and against everybody who would like another
// one. FG_UPDATE_GOLDEN=1 writes tests/golden/token anew: only for a new version of the format.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base45.h"
#include "matcher/token.h"
#include "matcher/vault.h"
#include "tests/dice.h"
#include "tests/token_maker.h"

#define SERIAL    0xA0
#define PASS_SIZE 191 // of 64 dimensions
#define SEALED_AT 47  // in a pass
#define SIGNED    64  // bytes of the signature

static struct fg_token_key north, south;
static struct fg_token_keys both, north_only;

static int set_up(void **state)
{
    (void)state;
    int r = fg_seal_init();
    make_key("north", 0x00, &north);
    make_key("south", 0x40, &south);
    both = (struct fg_token_keys){.count = 2, .keys = {north, south}};
    north_only = (struct fg_token_keys){.count = 1, .keys = {north}};
    return r;
}

static size_t write_token(const struct fg_token *token, const struct fg_token_key *key,
                          uint8_t *bytes)
{
    struct fg_error err = {""};
    int length = fg_token_write(token, key, bytes, &err);
    if (length < 0)
        fail_msg("%s", err.text);
    return (size_t)length;
}

static size_t write_pass(unsigned serial, const struct fg_token_key *key, uint8_t *bytes)
{
    struct fg_token token;
    make_token(FG_TOKEN_PASS, serial, 64, &token);
    return write_token(&token, key, bytes);
}

// On failure nothing is said but why.
static int read_token(const uint8_t *bytes, size_t length, const struct fg_token_keys *keys,
                      struct fg_token *ret)
{
    struct fg_error err = {""};
    struct fg_token untouched;
    memset(ret, 0x5A, sizeof *ret);
    memset(&untouched, 0x5A, sizeof untouched);
    int r = fg_token_read(bytes, length, keys, ret, &err);
    if (r < 0) {
        assert_memory_equal(ret, &untouched, sizeof untouched);
        assert_true(err.text[0]);
    }
    return r;
}

static int verdict(const uint8_t *bytes, size_t length)
{
    struct fg_token token;
    return read_token(bytes, length, &both, &token);
}

static void same(const struct fg_token *a, const struct fg_token *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_memory_equal(a->serial, b->serial, sizeof a->serial);
    assert_true(a->scope == b->scope && a->model == b->model);
    assert_int_equal(a->valid_from_s, b->valid_from_s);
    assert_int_equal(a->valid_until_s, b->valid_until_s);
    assert_int_equal(a->dimension, b->dimension);
    assert_memory_equal(&a->face, &b->face, sizeof a->face);
    assert_memory_equal(a->record, b->record, sizeof a->record);
    assert_memory_equal(a->record_key, b->record_key, sizeof a->record_key);
}

// ---- golden bytes -------------------------------------------------------------------------------

static FILE *golden(const char *name, const char *mode)
{
    char path[128];
    snprintf(path, sizeof path, "tests/golden/token/%s.bin", name);
    FILE *file = fopen(path, mode);
    if (!file)
        fail_msg("%s: %s", path, strerror(errno));
    return file;
}

static size_t check_golden(const char *name, const uint8_t *bytes, size_t length, uint8_t *ret)
{
    if (getenv("FG_UPDATE_GOLDEN")) {
        FILE *file = golden(name, "wb");
        assert_int_equal(fwrite(bytes, 1, length, file), length);
        fclose(file);
    }
    FILE *file = golden(name, "rb");
    size_t there = fread(ret, 1, FG_VAULT_BYTES, file);
    fclose(file);
    assert_int_equal(there, length);
    assert_memory_equal(bytes, ret, length);
    return there;
}

static void test_golden(void **state)
{
    static const enum fg_token_kind kinds[] = {FG_TOKEN_PASS, FG_TOKEN_VAULT};
    static const char *const names[] = {"pass", "vault"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        uint8_t bytes[FG_TOKEN_BYTES], there[FG_VAULT_BYTES];
        struct fg_token token, again;
        make_token(kinds[i], SERIAL, 64, &token);
        size_t length = write_token(&token, &north, bytes);
        check_golden(names[i], bytes, length, there);
        assert_int_equal(read_token(there, length, &north_only, &again), 0);
        same(&again, &token);
        assert_memory_equal(again.key_id, north.id, sizeof north.id);
    }
}

static void make_record(uint32_t dimension, struct fg_vault_record *ret)
{
    struct fg_token token;
    make_token(FG_TOKEN_PASS, SERIAL, dimension, &token);
    memset(ret, 0, sizeof *ret);
    ret->model = token.model;
    ret->scope = token.scope;
    ret->valid_from_s = token.valid_from_s;
    ret->valid_until_s = token.valid_until_s;
    ret->dimension = dimension;
    ret->face = token.face;
}

static void test_golden_record(void **state)
{
    uint8_t bytes[FG_VAULT_BYTES], there[FG_VAULT_BYTES], id[FG_TOKEN_RECORD], key[FG_SEAL_KEY];
    struct fg_vault_record record, again;
    (void)state;
    count_up(id, sizeof id, 0xB0);
    count_up(key, sizeof key, 0xC0);
    make_record(64, &record);
    int length = fg_vault_seal(&record, id, key, bytes, NULL);
    assert_int_equal(length, 107);
    check_golden("record", bytes, (size_t)length, there);
    assert_int_equal(fg_vault_open(there, (size_t)length, id, key, &again, NULL), 0);
    assert_memory_equal(&again, &record, sizeof record);
}

// The text that a camera reads, and its size: version 10 of a QR code holds 311 characters.
static void test_text(void **state)
{
    uint8_t bytes[FG_TOKEN_BYTES];
    char text[FG_TOKEN_TEXT + 8];
    struct fg_token token, again;
    (void)state;
    make_token(FG_TOKEN_PASS, SERIAL, 64, &token);
    size_t length = write_token(&token, &north, bytes);
    size_t characters = fg_base45_encode(bytes, length, text);
    assert_int_equal(characters, 287);
    assert_int_equal(fg_token_read_text(text, characters, &both, &again, NULL), 0);
    same(&again, &token);
    assert_int_equal(fg_token_read_text(text, characters - 1, &both, &again, NULL), -EBADMSG);
    assert_int_equal(fg_token_read_text("https://example.org", 19, &both, &again, NULL), -EBADMSG);
    assert_int_equal(fg_token_read_text("", 0, &both, &again, NULL), -EBADMSG);
    memset(text, '0', sizeof text);
    assert_int_equal(fg_token_read_text(text, sizeof text, &both, &again, NULL), -EBADMSG);
}

// ---- sizes, times -------------------------------------------------------------------------------

static void test_sizes(void **state)
{
    uint8_t bytes[FG_TOKEN_BYTES];
    struct fg_token token, again;
    struct fg_error err = {""};
    (void)state;
    for (uint32_t dimension = 1; dimension <= 73; dimension++) {
        make_token(FG_TOKEN_PASS, SERIAL, dimension, &token);
        size_t length = write_token(&token, &north, bytes);
        assert_int_equal(length, PASS_SIZE - 64 + dimension);
        assert_int_equal(read_token(bytes, length, &both, &again), 0);
        same(&again, &token);
    }
    assert_int_equal(PASS_SIZE - 64 + 73, FG_TOKEN_BYTES);
    make_token(FG_TOKEN_PASS, SERIAL, 74, &token);
    assert_int_equal(fg_token_write(&token, &north, bytes, &err), -EMSGSIZE);
    assert_non_null(strstr(err.text, "74 dimensions does not fit"));
    make_token(FG_TOKEN_PASS, SERIAL, FG_TEMPLATE_MAX, &token);
    assert_int_equal(fg_token_write(&token, &north, bytes, &err), -EMSGSIZE);
    make_token(FG_TOKEN_VAULT, SERIAL, 0, &token);
    assert_int_equal(write_token(&token, &north, bytes), 166);
}

static void test_times(void **state)
{
    static const struct {
        uint32_t from, until;
        int result;
    } cases[] = {
        {0, 1, 0},
        {0, UINT32_MAX, 0},
        {UINT32_MAX - 1, UINT32_MAX, 0},
        {1800000000, 1800000000, -EINVAL},
        {1800000001, 1800000000, -EINVAL},
        {UINT32_MAX, 0, -EINVAL},
        {0, 0, -EINVAL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[FG_TOKEN_BYTES];
        struct fg_token token, again;
        make_token(FG_TOKEN_PASS, SERIAL, 64, &token);
        token.valid_from_s = cases[i].from;
        token.valid_until_s = cases[i].until;
        int length = fg_token_write(&token, &north, bytes, NULL);
        assert_int_equal(length, cases[i].result ? cases[i].result : PASS_SIZE);
        if (length < 0)
            continue;
        assert_int_equal(read_token(bytes, PASS_SIZE, &both, &again), 0);
        same(&again, &token);
    }
}

static void test_no_template(void **state)
{
    uint8_t bytes[FG_TOKEN_BYTES];
    struct fg_token token;
    (void)state;
    make_token(FG_TOKEN_PASS, SERIAL, 64, &token);
    token.face.scale = 0;
    assert_int_equal(fg_token_write(&token, &north, bytes, NULL), -EINVAL);
    make_token(FG_TOKEN_PASS, SERIAL, 64, &token);
    token.dimension = 0;
    assert_int_equal(fg_token_write(&token, &north, bytes, NULL), -EINVAL);
    make_token((enum fg_token_kind)3, SERIAL, 64, &token);
    assert_int_equal(fg_token_write(&token, &north, bytes, NULL), -EINVAL);
}

static void test_scopes(void **state)
{
    (void)state;
    assert_true(fg_token_scope("") == 0);
    assert_true(fg_token_scope("demo") != fg_token_scope("Demo"));
    assert_true(fg_token_scope("demo") != 0);
    // printf demo | b2sum -l 256 begins with ed12e5be646834f4
    assert_true(fg_token_scope("demo") == UINT64_C(0xf4346864bee512ed));
}

// ---- operators ----------------------------------------------------------------------------------

static void test_operators(void **state)
{
    uint8_t bytes[FG_TOKEN_BYTES];
    struct fg_token token;
    (void)state;
    assert_int_equal(write_pass(SERIAL, &south, bytes), PASS_SIZE);
    assert_int_equal(read_token(bytes, PASS_SIZE, &north_only, &token), -ENOKEY);
    assert_int_equal(read_token(bytes, PASS_SIZE, &both, &token), 0);
    assert_memory_equal(token.key_id, south.id, sizeof south.id);
    struct fg_token_keys none = {0};
    assert_int_equal(read_token(bytes, PASS_SIZE, &none, &token), -ENOKEY);
}

static void test_gates_do_not_issue(void **state)
{
    uint8_t bytes[FG_TOKEN_BYTES];
    struct fg_token token;
    struct fg_token_key gate = north;
    struct fg_token_keys keys = {.count = 1};
    struct fg_error err = {""};
    (void)state;
    gate.issues = false;
    memset(gate.signing, 0, sizeof gate.signing);
    keys.keys[0] = gate;
    write_pass(SERIAL, &north, bytes);
    assert_int_equal(read_token(bytes, PASS_SIZE, &keys, &token), 0);
    make_token(FG_TOKEN_PASS, SERIAL, 64, &token);
    assert_int_equal(fg_token_write(&token, &gate, bytes, &err), -EACCES);
    assert_non_null(strstr(err.text, "north.issue.key"));
}

// Somebody who knows a gate's key, sealing half and all, and signs with one of their own.
static void test_stolen_gate(void **state)
{
    uint8_t bytes[FG_TOKEN_BYTES];
    struct fg_token token;
    struct fg_token_key thief = south;
    (void)state;
    memcpy(thief.sealing, north.sealing, sizeof thief.sealing);
    memcpy(thief.id, north.id, sizeof thief.id);
    write_pass(SERIAL, &thief, bytes);
    assert_int_equal(read_token(bytes, PASS_SIZE, &north_only, &token), -EKEYREJECTED);
}

static void test_other_sealing_half(void **state)
{
    uint8_t bytes[FG_TOKEN_BYTES];
    struct fg_token token;
    struct fg_token_keys keys = north_only;
    (void)state;
    write_pass(SERIAL, &north, bytes);
    keys.keys[0].sealing[0] ^= 1;
    assert_int_equal(read_token(bytes, PASS_SIZE, &keys, &token), -EKEYREJECTED);
}

// ---- forgeries ----------------------------------------------------------------------------------

static int wanted_for(size_t at, unsigned bit)
{
    if (at == 0)
        return bit < 4 ? -EPROTONOSUPPORT : -EBADMSG;
    if (at == 1)
        return -EBADMSG; // the other kind, or none, has not this length
    if (at < 6)
        return -ENOKEY;
    return -EKEYREJECTED;
}

static void test_every_bit(void **state)
{
    uint8_t bytes[FG_TOKEN_BYTES];
    struct fg_token token;
    (void)state;
    for (int kind = FG_TOKEN_PASS; kind <= FG_TOKEN_VAULT; kind++) {
        make_token((enum fg_token_kind)kind, SERIAL, 64, &token);
        size_t length = write_token(&token, &north, bytes);
        for (size_t at = 0; at < length; at++) {
            for (unsigned bit = 0; bit < 8; bit++) {
                int wanted = wanted_for(at, bit);
                if (kind == FG_TOKEN_PASS && at == SEALED_AT - 1) // its dimension
                    wanted = -EBADMSG;
                bytes[at] ^= (uint8_t)(1 << bit);
                int got = verdict(bytes, length);
                if (got != wanted)
                    fail_msg("kind %d, byte %zu, bit %u: %d, not %d", kind, at, bit, got, wanted);
                bytes[at] ^= (uint8_t)(1 << bit);
            }
        }
        assert_int_equal(verdict(bytes, length), 0);
    }
}

static void test_every_length(void **state)
{
    uint8_t bytes[FG_TOKEN_BYTES + 1] = {0};
    (void)state;
    write_pass(SERIAL, &north, bytes);
    for (size_t length = 0; length <= sizeof bytes; length++)
        assert_int_equal(verdict(bytes, length), length == PASS_SIZE ? 0 : -EBADMSG);
}

// Bytes that the operator's own key signs: what an issuer with a fault would make.
static void sign_again(uint8_t *bytes, size_t length)
{
    fg_seal_sign(north.signing, bytes, length - SIGNED, bytes + length - SIGNED);
}

static void test_signed_nonsense(void **state)
{
    uint8_t bytes[FG_TOKEN_BYTES], zeros[64] = {0}, nonce[FG_SEAL_NONCE] = {0};
    (void)state;
    write_pass(SERIAL, &north, bytes);
    sign_again(bytes, PASS_SIZE);
    assert_int_equal(verdict(bytes, PASS_SIZE), 0);
    bytes[10] ^= 1; // the serial: signed, and the sealed part is not its
    sign_again(bytes, PASS_SIZE);
    assert_int_equal(verdict(bytes, PASS_SIZE), -EKEYREJECTED);

    write_pass(SERIAL, &north, bytes);
    memcpy(nonce, bytes + 6, 16);
    nonce[16] = FG_TOKEN_PASS;
    fg_seal(north.sealing, nonce, bytes, SEALED_AT, zeros, sizeof zeros, bytes + SEALED_AT);
    sign_again(bytes, PASS_SIZE);
    assert_int_equal(verdict(bytes, PASS_SIZE), -EBADMSG); // no face

    struct fg_token token;
    make_token(FG_TOKEN_PASS, SERIAL, 64, &token);
    memcpy(bytes + 34, bytes + 30, 4); // until := from
    fg_seal(north.sealing, nonce, bytes, SEALED_AT, token.face.values, 64, bytes + SEALED_AT);
    sign_again(bytes, PASS_SIZE);
    assert_int_equal(verdict(bytes, PASS_SIZE), -EBADMSG); // never valid
}

// ---- ten thousand codes -------------------------------------------------------------------------

#define ORIGINALS 5

struct original {
    uint8_t bytes[FG_TOKEN_BYTES];
    size_t length;
};

static void make_originals(struct original *originals)
{
    struct fg_token token;
    for (unsigned i = 0; i < ORIGINALS; i++) {
        make_token(i == 3 ? FG_TOKEN_VAULT : FG_TOKEN_PASS, 0x10 + 0x11 * i, 64, &token);
        for (uint32_t k = 0; k < 64; k++)
            token.face.values[k] = (int8_t)(random_below(255) - 127);
        originals[i].length = write_token(&token, i == 2 ? &south : &north, originals[i].bytes);
    }
}

static bool is_original(const struct original *originals, const uint8_t *bytes, size_t length)
{
    for (unsigned i = 0; i < ORIGINALS; i++)
        if (originals[i].length == length && memcmp(originals[i].bytes, bytes, length) == 0)
            return true;
    return false;
}

static void copy_part(uint8_t *bytes, const struct original *from, size_t at, size_t end)
{
    memcpy(bytes + at, from->bytes + at, end - at);
}

// Changes the bytes in one of the ways that somebody may try; the new length.
static size_t mutate(const struct original *originals, uint8_t *bytes, size_t length)
{
    const struct original *other = &originals[random_below(ORIGINALS)];
    const size_t shorter = length < other->length ? length : other->length;
    const size_t at = random_below((uint32_t)shorter);
    switch (random_below(8)) {
    case 0:
        bytes[at] ^= (uint8_t)(1 << random_below(8));
        return length;
    case 1:
        for (unsigned n = random_below(20) + 2; n > 0; n--)
            bytes[random_below((uint32_t)length)] ^= (uint8_t)(1 << random_below(8));
        return length;
    case 2:
        return at; // cut off
    case 3:
        copy_part(bytes, other, at, shorter); // spliced
        return length;
    case 4:
        memcpy(bytes + 2, other->bytes + 2, 4); // another operator's id
        bytes[2] ^= (uint8_t)random_below(2);
        return length;
    case 5:
        copy_part(bytes, other, SEALED_AT, shorter - SIGNED); // another's face
        return length;
    case 6: // another's signature
        memcpy(bytes + length - SIGNED, other->bytes + other->length - SIGNED, SIGNED);
        return length;
    default:
        copy_part(bytes, other, 6, SEALED_AT); // another's serial, scope, validity
        return length;
    }
}

// One character of the text, as a reader that mistakes it would have it.
static size_t misread(uint8_t *bytes, size_t length)
{
    static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
    char text[FG_TOKEN_TEXT];
    size_t count = 0, characters = fg_base45_encode(bytes, length, text);
    text[random_below((uint32_t)characters)] = alphabet[random_below(45)];
    return fg_base45_decode(text, characters, bytes, FG_TOKEN_BYTES, &count) == 0 ? count : 0;
}

static void test_ten_thousand_codes(void **state)
{
    struct original originals[ORIGINALS];
    unsigned changed = 0, accepted = 0, by_reason[200] = {0};
    (void)state;
    random_state = 7;
    make_originals(originals);
    while (changed < 10000) {
        uint8_t bytes[FG_TOKEN_BYTES];
        const struct original *from = &originals[random_below(ORIGINALS)];
        struct fg_token token;
        memcpy(bytes, from->bytes, from->length);
        size_t length = random_below(9) == 0 ? misread(bytes, from->length)
                                             : mutate(originals, bytes, from->length);
        if (is_original(originals, bytes, length))
            continue;
        changed++;
        int r = read_token(bytes, length, &both, &token);
        accepted += r == 0;
        by_reason[-r]++;
    }
    assert_int_equal(accepted, 0);
    // every reason was met, so that the codes went all the way
    assert_true(by_reason[EBADMSG] > 100 && by_reason[ENOKEY] > 100);
    assert_true(by_reason[EKEYREJECTED] > 1000 && by_reason[EPROTONOSUPPORT] > 0);
}

// ---- what a photograph of a code shows ----------------------------------------------------------

// Whether some `run` bytes of `secret` are in `bytes`.
static bool shows(const uint8_t *bytes, size_t length, const void *secret, size_t secret_length,
                  size_t run)
{
    for (size_t i = 0; i + run <= secret_length; i++)
        if (memmem(bytes, length, (const uint8_t *)secret + i, run))
            return true;
    return false;
}

static void test_nothing_to_see(void **state)
{
    uint8_t a[FG_TOKEN_BYTES], b[FG_TOKEN_BYTES], record[FG_VAULT_BYTES];
    struct fg_token token, vault;
    struct fg_vault_record face;
    (void)state;
    make_token(FG_TOKEN_PASS, SERIAL, 64, &token);
    write_pass(SERIAL, &north, a);
    assert_false(shows(a, PASS_SIZE, token.face.values, 64, 4));
    // of the same person: the sealed parts have nothing in common
    write_pass(SERIAL + 1, &north, b);
    assert_false(shows(a + SEALED_AT, 80, b + SEALED_AT, 80, 4));
    make_token(FG_TOKEN_VAULT, SERIAL, 0, &vault);
    size_t length = write_token(&vault, &north, b);
    assert_false(shows(b, length, vault.record_key, sizeof vault.record_key, 4));
    make_record(64, &face);
    int count = fg_vault_seal(&face, vault.record, vault.record_key, record, NULL);
    assert_false(shows(record, (size_t)count, face.face.values, 64, 4));
    assert_false(shows(record, (size_t)count, &face.model, sizeof face.model, 4));
}

static void test_wipe(void **state)
{
    static const struct fg_token nothing;
    struct fg_token token;
    (void)state;
    make_token(FG_TOKEN_PASS, SERIAL, 64, &token);
    fg_token_wipe(&token);
    assert_memory_equal(&token, &nothing, sizeof token);
}

// ---- records ------------------------------------------------------------------------------------

static void test_records(void **state)
{
    static uint8_t bytes[FG_VAULT_BYTES + 1];
    uint8_t id[FG_TOKEN_RECORD] = {1}, key[FG_SEAL_KEY] = {2};
    struct fg_vault_record record, again;
    (void)state;
    for (uint32_t dimension = 1; dimension <= FG_TEMPLATE_MAX; dimension += 341) {
        make_record(dimension, &record);
        int length = fg_vault_seal(&record, id, key, bytes, NULL);
        assert_int_equal(length, 43 + dimension);
        assert_int_equal(fg_vault_open(bytes, (size_t)length, id, key, &again, NULL), 0);
        assert_memory_equal(&again, &record, sizeof record);
    }
    record.valid_until_s = record.valid_from_s;
    assert_int_equal(fg_vault_seal(&record, id, key, bytes, NULL), -EINVAL);
    make_record(64, &record);
    record.dimension = FG_TEMPLATE_MAX + 1;
    assert_int_equal(fg_vault_seal(&record, id, key, bytes, NULL), -EINVAL);
    make_record(64, &record);
    record.face.scale = 0;
    assert_int_equal(fg_vault_seal(&record, id, key, bytes, NULL), -EINVAL);
}

static void test_record_damage(void **state)
{
    static uint8_t bytes[FG_VAULT_BYTES + 1];
    uint8_t id[FG_TOKEN_RECORD] = {1}, key[FG_SEAL_KEY] = {2};
    struct fg_vault_record record, again;
    (void)state;
    make_record(64, &record);
    const size_t length = (size_t)fg_vault_seal(&record, id, key, bytes, NULL);
    for (size_t at = 0; at < length; at++) {
        bytes[at] ^= 0x10;
        assert_int_equal(fg_vault_open(bytes, length, id, key, &again, NULL),
                         at == 0 ? -EPROTONOSUPPORT : -EBADMSG);
        bytes[at] ^= 0x10;
    }
    for (size_t cut = 0; cut < length; cut++)
        assert_int_equal(fg_vault_open(bytes, cut, id, key, &again, NULL), -EBADMSG);
    assert_int_equal(fg_vault_open(bytes, sizeof bytes, id, key, &again, NULL), -EBADMSG);
    id[0] ^= 1;
    assert_int_equal(fg_vault_open(bytes, length, id, key, &again, NULL), -EBADMSG);
    id[0] ^= 1;
    key[31] ^= 1;
    assert_int_equal(fg_vault_open(bytes, length, id, key, &again, NULL), -EBADMSG);
    key[31] ^= 1;
    assert_int_equal(fg_vault_open(bytes, length, id, key, &again, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_golden_record),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_no_template),
        cmocka_unit_test(test_scopes),
        cmocka_unit_test(test_operators),
        cmocka_unit_test(test_gates_do_not_issue),
        cmocka_unit_test(test_stolen_gate),
        cmocka_unit_test(test_other_sealing_half),
        cmocka_unit_test(test_every_bit),
        cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_signed_nonsense),
        cmocka_unit_test(test_ten_thousand_codes),
        cmocka_unit_test(test_nothing_to_see),
        cmocka_unit_test(test_wipe),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_record_damage),
    };
    return cmocka_run_group_tests_name("token", tests, set_up, NULL);
}
