// SPDX-License-Identifier: Apache-2.0
// A vault's record: what the gallery holds of a person in mode vault, ciphertext under a random id.
// Its key is drawn for it alone and kept nowhere but in the person's token (matcher/token.h); so
// without the token nobody, the operator included, can read the record, and a token that is lost is
// followed by a new record.
//
// The bytes, little-endian; facegate-token(5) is their specification: version u8; then sealed:
// model u64, scope u64, valid from u32, valid until u32, dimension u16, the values, i8 each.
// Sealing is XChaCha20-Poly1305 under the record's key, version and id authenticated, the nonce the
// id and zeros.
//
// Nothing here reads a file or a clock. Any thread, after fg_seal_init.
#ifndef FG_VAULT_H
#define FG_VAULT_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "matcher/seal.h"
#include "matcher/subject.h"
#include "matcher/token.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FG_VAULT_BYTES (27 + FG_TEMPLATE_MAX + FG_SEAL_TAG) // most of a sealed record

struct fg_vault_record {   // wipe it
    uint64_t model, scope; // as in a token
    uint32_t valid_from_s, valid_until_s;
    uint32_t dimension;
    struct fg_template face;
};

// Seals under `key`, drawn at random for this record alone: a changed record has a new id and a new
// key. Returns the number of bytes. -EINVAL: no validity, or no template.
int fg_vault_seal(const struct fg_vault_record *record, const uint8_t id[FG_TOKEN_RECORD],
                  const uint8_t key[FG_SEAL_KEY], uint8_t ret[FG_VAULT_BYTES],
                  struct fg_error *err);

// -EPROTONOSUPPORT: of another version; -EBADMSG: another id or key, or changed bytes. On failure
// *ret is untouched.
int fg_vault_open(const uint8_t *bytes, size_t length, const uint8_t id[FG_TOKEN_RECORD],
                  const uint8_t key[FG_SEAL_KEY], struct fg_vault_record *ret,
                  struct fg_error *err);

#ifdef __cplusplus
}
#endif
#endif
