// SPDX-License-Identifier: Apache-2.0
// Records as bytes: little-endian integers and length-prefixed texts, written and read by one walk,
// so that the two can't differ. A walk that failed does nothing more.
#ifndef FG_BYTES_H
#define FG_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fg_walk {
    uint8_t *out;      // writing, else NULL
    const uint8_t *in; // reading
    size_t at, end;
    bool failed; // no room, cut short, or a value out of range
};

void fg_walk_u8(struct fg_walk *walk, uint8_t *value);
void fg_walk_u32(struct fg_walk *walk, uint32_t *value);
void fg_walk_u64(struct fg_walk *walk, uint64_t *value);
void fg_walk_raw(struct fg_walk *walk, void *bytes, size_t length);
// A text of at most size - 1 bytes without a NUL in it. Reading fills the rest with NULs.
void fg_walk_text(struct fg_walk *walk, char *text, size_t size);
// True when reading came to its end exactly.
bool fg_walk_ended(const struct fg_walk *walk);

#ifdef __cplusplus
}
#endif
#endif
