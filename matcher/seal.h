// SPDX-License-Identifier: Apache-2.0
// Sealing over libsodium: XChaCha20-Poly1305 (IETF draft-irtf-cfrg-xchacha-03), whose 24-byte
// nonces may be drawn at random; random bytes, locked memory, hex. Any thread, after fg_seal_init.
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
