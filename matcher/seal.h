// SPDX-License-Identifier: Apache-2.0
// Cryptography over libsodium: sealing by XChaCha20-Poly1305 (IETF draft-irtf-cfrg-xchacha-03, over
// RFC 8439), whose 24-byte nonces may be drawn at random; signatures by Ed25519 (RFC 8032); digests
// by BLAKE2b (RFC 7693); passwords by argon2id (RFC 9106); random bytes, locked memory, hex. Any
// thread, after fg_seal_init.
#ifndef FG_SEAL_H
#define FG_SEAL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FG_SEAL_KEY   32 // bytes
#define FG_SEAL_NONCE 24
#define FG_SEAL_INPUT 16
#define FG_SEAL_TAG   16 // by which sealed bytes are longer than plain ones

#define FG_SEAL_SEED      32 // bytes of a signing key
#define FG_SEAL_PUBLIC    32 // of the key that checks its signatures
#define FG_SEAL_SIGNATURE 64
#define FG_SEAL_DIGEST    32
#define FG_SEAL_PASSWORD  128 // of a password's hash, with its NUL

// Once before anything else (again is harmless). 0, or -EIO: no source of random bytes.
int fg_seal_init(void);

// Writes length + FG_SEAL_TAG bytes to `sealed`. `data` is authenticated, not hidden.
void fg_seal(const uint8_t key[FG_SEAL_KEY], const uint8_t nonce[FG_SEAL_NONCE], const void *data,
             size_t data_length, const void *plain, size_t length, uint8_t *sealed);

// `length` counts the sealed bytes with the tag; writes length - FG_SEAL_TAG bytes to `plain`.
// -EBADMSG: another key, nonce or data, or changed bytes; `plain` holds nothing of it then.
int fg_unseal(const uint8_t key[FG_SEAL_KEY], const uint8_t nonce[FG_SEAL_NONCE], const void *data,
              size_t data_length, const uint8_t *sealed, size_t length, void *plain);

// Another key of this one for 16 bytes of input: HChaCha20, by which XChaCha20 gets its own (same
// draft); without the key the results look random.
void fg_seal_derive(const uint8_t key[FG_SEAL_KEY], const uint8_t input[FG_SEAL_INPUT],
                    uint8_t ret[FG_SEAL_KEY]);

// Signs with the key of a seed that was drawn at random. One message has one signature.
void fg_seal_sign(const uint8_t seed[FG_SEAL_SEED], const void *message, size_t length,
                  uint8_t ret[FG_SEAL_SIGNATURE]);
void fg_seal_sign_public(const uint8_t seed[FG_SEAL_SEED], uint8_t ret[FG_SEAL_PUBLIC]);
// 0, or -EKEYREJECTED: another key, other bytes, or a signature that fg_seal_sign never makes.
int fg_seal_sign_check(const uint8_t key[FG_SEAL_PUBLIC], const void *message, size_t length,
                       const uint8_t signature[FG_SEAL_SIGNATURE]);

void fg_seal_digest(const void *bytes, size_t length, uint8_t ret[FG_SEAL_DIGEST]);

// A PIN or password as argon2id's own text, salt and cost within ("$argon2id$v=19$m=..."), at
// 19 MiB of memory and two passes for the call, so not on a thread that people wait
// for. -ENOMEM.
int fg_seal_password_hash(const char *password, char ret[FG_SEAL_PASSWORD]);
// 0: the password is the hash's. -EKEYREJECTED: another one; -EBADMSG: not such a hash; -ENOMEM.
int fg_seal_password_check(const char *hash, const char *password);

void fg_seal_random(void *ret, size_t length);

// Memory for keys and plain records: 16-byte aligned, guarded, locked where limits allow, never
// dumped, wiped when freed. NULL when there is none.
void *fg_seal_alloc(size_t length);
void fg_seal_free(void *memory); // accepts NULL

// Exactly 2 * count hex digits of either case; -EINVAL otherwise, *ret wiped.
int fg_seal_from_hex(const char *hex, size_t length, uint8_t *ret, size_t count);
// Writes 2 * count lower-case digits and a NUL.
void fg_seal_to_hex(const uint8_t *bytes, size_t count, char *ret);

#ifdef __cplusplus
}
#endif
#endif
