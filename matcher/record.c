// SPDX-License-Identifier: Apache-2.0
#include "matcher/record.h"

#include <errno.h>
#include <string.h>

enum { AT_SLOT = 1, AT_NONCE = 5 };

struct binding {
    uint8_t bytes[AT_NONCE + FG_SUBJECT_ID];
    size_t length;
};

static struct binding binding_of(const uint8_t *record, const void *id, size_t length)
{
    struct binding binding = {.length = AT_NONCE + length};
    memcpy(binding.bytes, record, AT_NONCE);
    memcpy(binding.bytes + AT_NONCE, id, length);
    return binding;
}

size_t fg_record_seal(const char *id, uint32_t slot, const uint8_t key[FG_SEAL_KEY],
                      const uint8_t nonce[FG_SEAL_NONCE], const uint8_t *packed, size_t length,
                      uint8_t ret[FG_RECORD_MOST])
{
    ret[0] = FG_RECORD_VERSION;
    for (int i = 0; i < 4; i++)
        ret[AT_SLOT + i] = (uint8_t)(slot >> (8 * i));
    memcpy(ret + AT_NONCE, nonce, FG_SEAL_NONCE);
    struct binding binding = binding_of(ret, id, strlen(id));
    fg_seal(key, nonce, binding.bytes, binding.length, packed, length, ret + FG_RECORD_HEAD);
    return FG_RECORD_HEAD + length + FG_SEAL_TAG;
}

size_t fg_record_opened(struct fg_bytes record)
{
    const size_t least = FG_RECORD_HEAD + FG_SEAL_TAG;
    return record.length > least && record.length <= FG_RECORD_MOST ? record.length - least : 0;
}

static uint32_t slot_of(const uint8_t *record)
{
    const uint8_t *at = record + AT_SLOT;
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

void fg_record_prefetch(const struct fg_keys *keys, struct fg_bytes record)
{
    if (fg_record_opened(record) > 0)
        fg_keys_prefetch(keys, slot_of(record.at));
}

int fg_record_open(const struct fg_keys *keys, struct fg_bytes id, struct fg_bytes record,
                   uint8_t *packed, uint32_t *ret_slot)
{
    const uint8_t *at = record.at;
    const size_t length = fg_record_opened(record);
    uint8_t key[FG_SEAL_KEY];
    *ret_slot = FG_NO_KEY_SLOT;
    if (length == 0 || at[0] != FG_RECORD_VERSION || id.length >= FG_SUBJECT_ID)
        return -EBADMSG;
    *ret_slot =
        (uint32_t)at[1] | (uint32_t)at[2] << 8 | (uint32_t)at[3] << 16 | (uint32_t)at[4] << 24;
    int r = fg_keys_get(keys, *ret_slot, key);
    if (r == 0) {
        struct binding binding = binding_of(at, id.at, id.length);
        r = fg_unseal(key, at + AT_NONCE, binding.bytes, binding.length, at + FG_RECORD_HEAD,
                      length + FG_SEAL_TAG, packed);
    }
    explicit_bzero(key, sizeof key);
    if (r < 0)
        return r == -EIO ? r : -EBADMSG;
    return (int)length;
}
