// SPDX-License-Identifier: Apache-2.0
#include "matcher/seal.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

_Static_assert(FG_SEAL_KEY == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key");
_Static_assert(FG_SEAL_NONCE == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "nonce");
_Static_assert(FG_SEAL_INPUT == crypto_core_hchacha20_INPUTBYTES, "input");
_Static_assert(FG_SEAL_TAG == crypto_aead_xchacha20poly1305_ietf_ABYTES, "tag");
_Static_assert(FG_SEAL_SEED == crypto_sign_ed25519_SEEDBYTES, "seed");
_Static_assert(FG_SEAL_PUBLIC == crypto_sign_ed25519_PUBLICKEYBYTES, "public key");
_Static_assert(FG_SEAL_SIGNATURE == crypto_sign_ed25519_BYTES, "signature");
_Static_assert(FG_SEAL_DIGEST == crypto_generichash_blake2b_BYTES, "digest");
_Static_assert(FG_SEAL_PASSWORD == crypto_pwhash_argon2id_STRBYTES, "password");

int fg_seal_init(void)
{
    return sodium_init() < 0 ? -EIO : 0;
}

// ---- sealing ------------------------------------------------------------------------------------

void fg_seal(const uint8_t key[FG_SEAL_KEY], const uint8_t nonce[FG_SEAL_NONCE], const void *data,
             size_t data_length, const void *plain, size_t length, uint8_t *sealed)
{
    crypto_aead_xchacha20poly1305_ietf_encrypt(sealed, NULL, plain, length, data, data_length, NULL,
                                               nonce, key);
}

int fg_unseal(const uint8_t key[FG_SEAL_KEY], const uint8_t nonce[FG_SEAL_NONCE], const void *data,
              size_t data_length, const uint8_t *sealed, size_t length, void *plain)
{
    return crypto_aead_xchacha20poly1305_ietf_decrypt(plain, NULL, NULL, sealed, length, data,
                                                      data_length, nonce, key) == 0
               ? 0
               : -EBADMSG;
}

void fg_seal_derive(const uint8_t key[FG_SEAL_KEY], const uint8_t input[FG_SEAL_INPUT],
                    uint8_t ret[FG_SEAL_KEY])
{
    crypto_core_hchacha20(ret, input, key, NULL);
}

// ---- signatures and digests ---------------------------------------------------------------------

void fg_seal_sign(const uint8_t seed[FG_SEAL_SEED], const void *message, size_t length,
                  uint8_t ret[FG_SEAL_SIGNATURE])
{
    uint8_t public[FG_SEAL_PUBLIC], secret[crypto_sign_ed25519_SECRETKEYBYTES];
    crypto_sign_ed25519_seed_keypair(public, secret, seed);
    crypto_sign_ed25519_detached(ret, NULL, message, length, secret);
    sodium_memzero(secret, sizeof secret);
}

void fg_seal_sign_public(const uint8_t seed[FG_SEAL_SEED], uint8_t ret[FG_SEAL_PUBLIC])
{
    uint8_t secret[crypto_sign_ed25519_SECRETKEYBYTES];
    crypto_sign_ed25519_seed_keypair(ret, secret, seed);
    sodium_memzero(secret, sizeof secret);
}

int fg_seal_sign_check(const uint8_t key[FG_SEAL_PUBLIC], const void *message, size_t length,
                       const uint8_t signature[FG_SEAL_SIGNATURE])
{
    return crypto_sign_ed25519_verify_detached(signature, message, length, key) == 0
               ? 0
               : -EKEYREJECTED;
}

void fg_seal_digest(const void *bytes, size_t length, uint8_t ret[FG_SEAL_DIGEST])
{
    crypto_generichash_blake2b(ret, FG_SEAL_DIGEST, bytes, length, NULL, 0);
}

// ---- passwords ----------------------------------------------------------------------------------

// OWASP's password storage cheat sheet, its least for argon2id: 19 MiB, 2 passes.
#define PASSWORD_PASSES 2
#define PASSWORD_BYTES  (19u << 20)

int fg_seal_password_hash(const char *password, char ret[FG_SEAL_PASSWORD])
{
    return crypto_pwhash_argon2id_str(ret, password, strlen(password), PASSWORD_PASSES,
                                      PASSWORD_BYTES) == 0
               ? 0
               : -ENOMEM;
}

int fg_seal_password_check(const char *hash, const char *password)
{
    if (strnlen(hash, FG_SEAL_PASSWORD) == FG_SEAL_PASSWORD)
        return -EBADMSG;
    errno = 0; // libsodium says by it what else is one -1
    if (crypto_pwhash_argon2id_str_verify(hash, password, strlen(password)) == 0)
        return 0;
    return errno == EINVAL ? -EKEYREJECTED : errno == ENOMEM ? -ENOMEM : -EBADMSG;
}

// ---- random bytes and memory --------------------------------------------------------------------

void fg_seal_random(void *ret, size_t length)
{
    randombytes_buf(ret, length);
}

void *fg_seal_alloc(size_t length)
{
    // libsodium puts the last byte against a guard page: a rounded length keeps the start aligned.
    return sodium_malloc((length + 15) / 16 * 16);
}

void fg_seal_free(void *memory)
{
    sodium_free(memory);
}

// ---- hex ----------------------------------------------------------------------------------------

int fg_seal_from_hex(const char *hex, size_t length, uint8_t *ret, size_t count)
{
    size_t written = 0;
    if (length == 2 * count && sodium_hex2bin(ret, count, hex, length, NULL, &written, NULL) == 0 &&
        written == count)
        return 0;
    sodium_memzero(ret, count);
    return -EINVAL;
}

void fg_seal_to_hex(const uint8_t *bytes, size_t count, char *ret)
{
    sodium_bin2hex(ret, 2 * count + 1, bytes, count);
}
