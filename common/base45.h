// SPDX-License-Identifier: Apache-2.0
// Base45 (RFC 9285): bytes as the characters of a QR code's alphanumeric mode, two bytes in three
// characters, a last single byte in two. There is one text for each string of bytes; every other
// text is refused. Any thread.
#ifndef FG_BASE45_H
#define FG_BASE45_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Characters of `length` bytes, with the NUL.
#define FG_BASE45_TEXT(length) ((length) / 2 * 3 + (length) % 2 * 2 + 1)

// Writes the text and a NUL, FG_BASE45_TEXT(length) characters. Returns the text's length.
size_t fg_base45_encode(const void *bytes, size_t length, char *ret);

// Writes at most `room` bytes. -EINVAL: not Base45 (another character, one left over, a value that
// no bytes have); -EMSGSIZE: more than `room` bytes. On failure what was written is wiped.
int fg_base45_decode(const char *text, size_t length, void *ret, size_t room, size_t *ret_length);

#ifdef __cplusplus
}
#endif
#endif
