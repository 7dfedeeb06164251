// SPDX-License-Identifier: Apache-2.0
#include "matcher/bytes.h"

#include <string.h>

void fg_walk_raw(struct fg_walk *walk, void *bytes, size_t length)
{
    if (walk->failed || walk->end - walk->at < length) {
        walk->failed = true;
        return;
    }
    if (walk->out)
        memcpy(walk->out + walk->at, bytes, length);
    else
        memcpy(bytes, walk->in + walk->at, length);
    walk->at += length;
}

static void integer(struct fg_walk *walk, uint64_t *value, size_t bytes)
{
    uint8_t raw[8] = {0};
    for (size_t i = 0; i < bytes; i++)
        raw[i] = (uint8_t)(*value >> (8 * i));
    fg_walk_raw(walk, raw, bytes);
    if (walk->out || walk->failed)
        return;
    *value = 0;
    for (size_t i = 0; i < bytes; i++)
        *value |= (uint64_t)raw[i] << (8 * i);
}

void fg_walk_u8(struct fg_walk *walk, uint8_t *value)
{
    fg_walk_raw(walk, value, 1);
}

void fg_walk_u32(struct fg_walk *walk, uint32_t *value)
{
    uint64_t wide = *value;
    integer(walk, &wide, 4);
    *value = (uint32_t)wide;
}

void fg_walk_u64(struct fg_walk *walk, uint64_t *value)
{
    integer(walk, value, 8);
}

void fg_walk_text(struct fg_walk *walk, char *text, size_t size)
{
    uint8_t length = walk->out ? (uint8_t)strnlen(text, size) : 0;
    fg_walk_u8(walk, &length);
    if (length >= size)
        walk->failed = true;
    if (!walk->out && !walk->failed)
        memset(text, 0, size);
    fg_walk_raw(walk, text, walk->failed ? 0 : length);
    if (!walk->failed && strnlen(text, size) != length)
        walk->failed = true;
}

bool fg_walk_ended(const struct fg_walk *walk)
{
    return !walk->failed && walk->at == walk->end;
}
