// SPDX-License-Identifier: Apache-2.0
#include "matcher/seal.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

_Static_assert(FG_SEAL_KEY == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key");
_Static_assert(FG_SEAL_NONCE == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "nonce");
_Static_assert(FG_SEAL_INPUT == crypto_core_hchacha20_INPUTBYTES, "input");
_Static_assert(FG_SEAL_TAG == crypto_aead_xchacha20poly1305_ietf_ABYTES, "tag");

int fg_seal_init(void)
{
    return sodium_init() < 0 ? -EIO : 0;
}

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
