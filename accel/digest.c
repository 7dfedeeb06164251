// SPDX-License-Identifier: Apache-2.0
#include "accel/digest.h"

#include <sodium.h>

void fg_digest(const void *bytes, size_t length, char ret[FG_DIGEST_CHARS])
{
    unsigned char sum[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(sum, bytes, length); // needs no sodium_init
    sodium_bin2hex(ret, FG_DIGEST_CHARS, sum, sizeof sum);
}
