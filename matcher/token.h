// SPDX-License-Identifier: Apache-2.0
// A token: what a person carries as a QR code. A pass holds the person's template (mode pass), a
// vault token the key to a record of the gallery (mode vault, matcher/vault.h). Both are sealed for
// the operator, so that a photographed code shows neither, and signed by the operator.
//
// The bytes, little-endian; facegate-token(5) is their specification:
//   head    mark and version u8, kind u8, key id 4 bytes, serial 16 bytes, scope u64, valid from
//           u32, valid until u32
//   pass    model u64, dimension u8; then sealed: the values, i8 each. The scale is not carried,
//           since it makes the template's length 1
//   vault   the record's id, 16 bytes; then sealed: its key, 32 bytes
//   signature of all before it, 64 bytes
// Sealing is XChaCha20-Poly1305 (RFC 8439, draft-irtf-cfrg-xchacha-03) under the operator's sealing
// key with all before it authenticated; the nonce is serial, kind and zeros, so that no two serials
// may be the same. The signature is Ed25519's (RFC 8032). A QR code holds the bytes as Base45 (RFC
// 9285).
//
// Nothing here reads a file or a clock. Any thread, after fg_seal_init.
#ifndef FG_TOKEN_H
#define FG_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "matcher/seal.h"
#include "matcher/subject.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_TOKEN_BYTES  200 // most of a token
#define FG_TOKEN_TEXT   301 // characters of its Base45, with the NUL
#define FG_TOKEN_SERIAL 16
#define FG_TOKEN_RECORD 16 // bytes of a record's id
#define FG_TOKEN_KEY_ID 4
#define FG_TOKEN_KEYS   8 // operators' keys that are accepted at a time

// ---- operators' keys; matcher/token_keys.h reads and writes their files ----

struct fg_token_key {
    char name[FG_SUBJECT_WORD];        // for people
    uint8_t id[FG_TOKEN_KEY_ID];       // the first bytes of the verifying key's digest
    uint8_t verifying[FG_SEAL_PUBLIC]; // checks signatures
    uint8_t sealing[FG_SEAL_KEY];
    bool issues;                   // whether it has
    uint8_t signing[FG_SEAL_SEED]; // without which it opens tokens and makes none
};

struct fg_token_keys {
    unsigned count;
    struct fg_token_key keys[FG_TOKEN_KEYS];
};

// A key that issues, of two secrets that were drawn at random.
void fg_token_key_make(const char *name, const uint8_t signing[FG_SEAL_SEED],
                       const uint8_t sealing[FG_SEAL_KEY], struct fg_token_key *ret);
// The id that belongs to a verifying key.
void fg_token_key_id(const uint8_t verifying[FG_SEAL_PUBLIC], uint8_t ret[FG_TOKEN_KEY_ID]);

// ---- tokens ----

enum fg_token_kind { FG_TOKEN_PASS = 1, FG_TOKEN_VAULT = 2 };

struct fg_token { // wipe with fg_token_wipe
    enum fg_token_kind kind;
    uint8_t key_id[FG_TOKEN_KEY_ID]; // who issued it; set by reading
    uint8_t serial[FG_TOKEN_SERIAL]; // drawn at random, one for each token
    uint64_t scope;                  // fg_token_scope of its word
    uint32_t valid_from_s;           // seconds since 1970: valid from then on,
    uint32_t valid_until_s;          // until just before then; later than valid_from_s
    // of a pass
    uint64_t model; // fg_card.id
    uint32_t dimension;
    struct fg_template face;
    // of a vault token
    uint8_t record[FG_TOKEN_RECORD];
    uint8_t record_key[FG_SEAL_KEY];
};

// What a scope's word is in a token: the first 8 bytes of its digest; 0 for "".
uint64_t fg_token_scope(const char *word);

// Writes the bytes and returns their number. -EMSGSIZE: the template does not fit (73 dimensions
// do); -EACCES: the key does not issue; -EINVAL: no validity, or no template.
int fg_token_write(const struct fg_token *token, const struct fg_token_key *key,
                   uint8_t ret[FG_TOKEN_BYTES], struct fg_error *err);

// Reads a token that one of the keys issued. -EBADMSG: not a token of facegate; -EPROTONOSUPPORT:
// one of another version; -ENOKEY: by an operator whose key is not among these; -EKEYREJECTED:
// changed, made by somebody else, or the key's sealing half is not the issuer's. What it says is
// genuine then; whether the time, the scope and the model are right, whether it is revoked or was
// used, is the caller's to see. On failure *ret is untouched.
int fg_token_read(const uint8_t *bytes, size_t length, const struct fg_token_keys *keys,
                  struct fg_token *ret, struct fg_error *err);
// The same from what a camera read: the Base45 text.
int fg_token_read_text(const void *text, size_t length, const struct fg_token_keys *keys,
                       struct fg_token *ret, struct fg_error *err);

void fg_token_wipe(struct fg_token *token);

#ifdef __cplusplus
}
#endif
#endif
