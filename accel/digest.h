// SPDX-License-Identifier: Apache-2.0
// SHA-256 (FIPS 180-4) of a byte range.
#ifndef FG_DIGEST_H
#define FG_DIGEST_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FG_DIGEST_CHARS 65 // 64 lower-case hex digits and NUL

void fg_digest(const void *bytes, size_t length, char ret[FG_DIGEST_CHARS]);

#ifdef __cplusplus
}
#endif
#endif
