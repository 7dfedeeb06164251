// SPDX-License-Identifier: Apache-2.0
#include "matcher/token.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base45.h"

#define MARK    0xF0 // of facegate, in the first byte's upper half
#define VERSION 1    // in its lower half

enum {
    AT_KIND = 1,
    AT_KEY_ID = 2,
    AT_SERIAL = AT_KEY_ID + FG_TOKEN_KEY_ID,
    AT_SCOPE = AT_SERIAL + FG_TOKEN_SERIAL,
    AT_FROM = AT_SCOPE + 8,
    AT_UNTIL = AT_FROM + 4,
    HEAD = AT_UNTIL + 4,
    AT_MODEL = HEAD, // of a pass
    AT_DIMENSION = AT_MODEL + 8,
    PASS_HEAD = AT_DIMENSION + 1,
    AT_RECORD = HEAD, // of a vault token
    VAULT_HEAD = AT_RECORD + FG_TOKEN_RECORD,
    TAIL = FG_SEAL_TAG + FG_SEAL_SIGNATURE,
    DIMENSION_MOST = FG_TOKEN_BYTES - PASS_HEAD - TAIL,
    VAULT_LENGTH = VAULT_HEAD + FG_SEAL_KEY + TAIL,
};

_Static_assert(DIMENSION_MOST >= 64 && DIMENSION_MOST <= UINT8_MAX, "a template fits");
_Static_assert(VAULT_LENGTH <= FG_TOKEN_BYTES, "a key fits");
_Static_assert(FG_BASE45_TEXT(FG_TOKEN_BYTES) == FG_TOKEN_TEXT, "the text fits");

// ---- numbers, keys ------------------------------------------------------------------------------

static void write_number(uint8_t *at, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t read_number(const uint8_t *at, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

void fg_token_key_id(const uint8_t verifying[FG_SEAL_PUBLIC], uint8_t ret[FG_TOKEN_KEY_ID])
{
    uint8_t digest[FG_SEAL_DIGEST];
    fg_seal_digest(verifying, FG_SEAL_PUBLIC, digest);
    memcpy(ret, digest, FG_TOKEN_KEY_ID);
}

void fg_token_key_make(const char *name, const uint8_t signing[FG_SEAL_SEED],
                       const uint8_t sealing[FG_SEAL_KEY], struct fg_token_key *ret)
{
    memset(ret, 0, sizeof *ret);
    snprintf(ret->name, sizeof ret->name, "%s", name);
    memcpy(ret->signing, signing, sizeof ret->signing);
    memcpy(ret->sealing, sealing, sizeof ret->sealing);
    fg_seal_sign_public(signing, ret->verifying);
    fg_token_key_id(ret->verifying, ret->id);
    ret->issues = true;
}

uint64_t fg_token_scope(const char *word)
{
    uint8_t digest[FG_SEAL_DIGEST];
    if (!word[0])
        return 0;
    fg_seal_digest(word, strlen(word), digest);
    return read_number(digest, 8);
}

static void make_nonce(const uint8_t *bytes, uint8_t ret[FG_SEAL_NONCE])
{
    memset(ret, 0, FG_SEAL_NONCE);
    memcpy(ret, bytes + AT_SERIAL, FG_TOKEN_SERIAL);
    ret[FG_TOKEN_SERIAL] = bytes[AT_KIND];
}

// ---- writing ------------------------------------------------------------------------------------

static int check(const struct fg_token *t, const struct fg_token_key *key, struct fg_error *err)
{
    if (!key->issues)
        return fg_fail(
            err, -EACCES,
            "the key %s is a gate's and makes no tokens; take the operator's %s.issue.key",
            key->name, key->name);
    if (t->valid_until_s <= t->valid_from_s)
        return fg_fail(err, -EINVAL, "a token must be valid until some time after it begins");
    if (t->kind == FG_TOKEN_VAULT)
        return 0;
    if (t->kind != FG_TOKEN_PASS || t->dimension == 0 || t->face.scale <= 0)
        return fg_fail(err, -EINVAL, "there is no template to put into the token");
    if (t->dimension > DIMENSION_MOST)
        return fg_fail(err, -EMSGSIZE,
                       "a template of %u dimensions does not fit a QR code of %d bytes, %d would; "
                       "take a model card with a projection, or the mode vault",
                       t->dimension, FG_TOKEN_BYTES, DIMENSION_MOST);
    return 0;
}

static void write_head(const struct fg_token *t, const struct fg_token_key *key, uint8_t *ret)
{
    ret[0] = MARK | VERSION;
    ret[AT_KIND] = (uint8_t)t->kind;
    memcpy(ret + AT_KEY_ID, key->id, sizeof key->id);
    memcpy(ret + AT_SERIAL, t->serial, sizeof t->serial);
    write_number(ret + AT_SCOPE, t->scope, 8);
    write_number(ret + AT_FROM, t->valid_from_s, 4);
    write_number(ret + AT_UNTIL, t->valid_until_s, 4);
}

int fg_token_write(const struct fg_token *t, const struct fg_token_key *key,
                   uint8_t ret[FG_TOKEN_BYTES], struct fg_error *err)
{
    uint8_t nonce[FG_SEAL_NONCE];
    const void *secret = t->face.values;
    size_t head = PASS_HEAD, length = t->dimension;
    int r = check(t, key, err);
    if (r < 0)
        return r;
    write_head(t, key, ret);
    if (t->kind == FG_TOKEN_PASS) {
        write_number(ret + AT_MODEL, t->model, 8);
        write_number(ret + AT_DIMENSION, t->dimension, 1);
    } else {
        memcpy(ret + AT_RECORD, t->record, sizeof t->record);
        secret = t->record_key;
        head = VAULT_HEAD;
        length = FG_SEAL_KEY;
    }
    make_nonce(ret, nonce);
    fg_seal(key->sealing, nonce, ret, head, secret, length, ret + head);
    length += head + FG_SEAL_TAG;
    fg_seal_sign(key->signing, ret, length, ret + length);
    return (int)length + FG_SEAL_SIGNATURE;
}

// ---- reading ------------------------------------------------------------------------------------

// The bytes before the sealed ones; 0 when the length is not the one of such a token.
static size_t head_of(const uint8_t *bytes, size_t length)
{
    if (bytes[AT_KIND] == FG_TOKEN_VAULT)
        return length == VAULT_LENGTH ? VAULT_HEAD : 0;
    if (bytes[AT_KIND] != FG_TOKEN_PASS || length < PASS_HEAD)
        return 0;
    const unsigned dimension = bytes[AT_DIMENSION];
    return dimension > 0 && length == PASS_HEAD + dimension + TAIL ? PASS_HEAD : 0;
}

static const struct fg_token_key *find_key(const struct fg_token_keys *keys, const uint8_t *id)
{
    for (unsigned i = 0; i < keys->count; i++)
        if (memcmp(keys->keys[i].id, id, FG_TOKEN_KEY_ID) == 0)
            return &keys->keys[i];
    return NULL;
}

static int find_issuer(const uint8_t *bytes, size_t length, const struct fg_token_keys *keys,
                       const struct fg_token_key **ret, struct fg_error *err)
{
    if (length == 0 || length > FG_TOKEN_BYTES || (bytes[0] & 0xF0) != MARK)
        return fg_fail(err, -EBADMSG, "this is not a code of facegate");
    if (bytes[0] != (MARK | VERSION))
        return fg_fail(err, -EPROTONOSUPPORT,
                       "this code has version %d, known is %d; was it made by a newer facegate?",
                       bytes[0] & 0x0F, VERSION);
    if (length < HEAD || head_of(bytes, length) == 0)
        return fg_fail(err, -EBADMSG, "this is not a code of facegate");
    const struct fg_token_key *key = find_key(keys, bytes + AT_KEY_ID);
    if (!key) {
        char id[2 * FG_TOKEN_KEY_ID + 1];
        fg_seal_to_hex(bytes + AT_KEY_ID, FG_TOKEN_KEY_ID, id);
        return fg_fail(err, -ENOKEY, "this code is another operator's: its key %s is not here", id);
    }
    *ret = key;
    return 0;
}

// What was signed can be trusted to be well made: the checks are against an issuer's faults.
static int view(const uint8_t *bytes, const uint8_t *secret, struct fg_token *ret)
{
    ret->kind = (enum fg_token_kind)bytes[AT_KIND];
    memcpy(ret->key_id, bytes + AT_KEY_ID, sizeof ret->key_id);
    memcpy(ret->serial, bytes + AT_SERIAL, sizeof ret->serial);
    ret->scope = read_number(bytes + AT_SCOPE, 8);
    ret->valid_from_s = (uint32_t)read_number(bytes + AT_FROM, 4);
    ret->valid_until_s = (uint32_t)read_number(bytes + AT_UNTIL, 4);
    if (ret->valid_until_s <= ret->valid_from_s)
        return -EINVAL;
    if (ret->kind == FG_TOKEN_VAULT) {
        memcpy(ret->record, bytes + AT_RECORD, sizeof ret->record);
        memcpy(ret->record_key, secret, sizeof ret->record_key);
        return 0;
    }
    ret->model = read_number(bytes + AT_MODEL, 8);
    ret->dimension = bytes[AT_DIMENSION];
    return fg_template_from_values((const int8_t *)secret, ret->dimension, &ret->face);
}

static int open_token(const uint8_t *bytes, size_t length, const struct fg_token_key *key,
                      struct fg_token *ret, struct fg_error *err)
{
    uint8_t nonce[FG_SEAL_NONCE], secret[FG_TOKEN_BYTES];
    struct fg_token token = {0};
    const size_t head = head_of(bytes, length);
    make_nonce(bytes, nonce);
    int r = fg_unseal(key->sealing, nonce, bytes, head, bytes + head,
                      length - head - FG_SEAL_SIGNATURE, secret);
    if (r < 0)
        r = fg_fail(err, -EKEYREJECTED,
                    "this code was sealed under another key; is the key %s the issuer's?",
                    key->name);
    else if (view(bytes, secret, &token) < 0)
        r = fg_fail(err, -EBADMSG, "this code is signed, but what it says can't be");
    else
        *ret = token;
    explicit_bzero(secret, sizeof secret);
    fg_token_wipe(&token);
    return r;
}

int fg_token_read(const uint8_t *bytes, size_t length, const struct fg_token_keys *keys,
                  struct fg_token *ret, struct fg_error *err)
{
    const struct fg_token_key *key = NULL;
    int r = find_issuer(bytes, length, keys, &key, err);
    if (r < 0)
        return r;
    const size_t signed_length = length - FG_SEAL_SIGNATURE;
    if (fg_seal_sign_check(key->verifying, bytes, signed_length, bytes + signed_length) < 0)
        return fg_fail(err, -EKEYREJECTED,
                       "this code is forged or was changed: its signature is not by %s", key->name);
    return open_token(bytes, length, key, ret, err);
}

int fg_token_read_text(const void *text, size_t length, const struct fg_token_keys *keys,
                       struct fg_token *ret, struct fg_error *err)
{
    uint8_t bytes[FG_TOKEN_BYTES];
    size_t count = 0;
    if (fg_base45_decode(text, length, bytes, sizeof bytes, &count) < 0)
        return fg_fail(err, -EBADMSG, "this is not a code of facegate");
    return fg_token_read(bytes, count, keys, ret, err);
}

void fg_token_wipe(struct fg_token *token)
{
    explicit_bzero(token, sizeof *token);
}
